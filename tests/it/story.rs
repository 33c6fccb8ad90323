//! What the journal says of a run that opened a pull request, whoever ran it and however often it was taken up again.
//! Lives here: that one list, for all who compare with it. Never here: what a run is.

/// The types of its events in order, as `kinds` gives them.
pub const STORY: [&str; 8] = [
    "agent.registered",
    "run.started",
    "tool.called",
    "gate.passed",
    "run.proposed",
    "pull.opened",
    "run.usage.metered",
    "run.finished",
];
