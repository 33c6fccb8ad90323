//! The states of a change and the ways between them.
//! Lives here: the table. Never here: records (see `record`), what they add up to (see `lifecycle`).

use serde::Serialize;

use super::record::{Gate, Verdict};

/// Where a change stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum State {
    /// It is written, and nobody has judged what it says now.
    #[default]
    Draft,
    /// The architect wants it written anew.
    #[serde(rename = "Needs Revision")]
    NeedsRevision,
    /// It may be made.
    Approved,
    /// It is being made.
    #[serde(rename = "In Progress")]
    InProgress,
    /// Something has to happen first.
    Blocked,
    /// It is made, and the validators judge it.
    Validation,
    /// Both validators passed it.
    Completed,
    /// Its specs are merged.
    Archived,
    /// Another change takes its place.
    Superseded,
    /// Nobody wants it any more.
    Withdrawn,
}

impl State {
    /// Every state, in the order of a change's life.
    pub const ALL: [Self; 10] = [
        Self::Draft,
        Self::NeedsRevision,
        Self::Approved,
        Self::InProgress,
        Self::Blocked,
        Self::Validation,
        Self::Completed,
        Self::Archived,
        Self::Superseded,
        Self::Withdrawn,
    ];

    /// As a `Status:` line spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::NeedsRevision => "Needs Revision",
            Self::Approved => "Approved",
            Self::InProgress => "In Progress",
            Self::Blocked => "Blocked",
            Self::Validation => "Validation",
            Self::Completed => "Completed",
            Self::Archived => "Archived",
            Self::Superseded => "Superseded",
            Self::Withdrawn => "Withdrawn",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Archived | Self::Superseded | Self::Withdrawn)
    }

    /// Whether guarded paths may be touched for the change.
    #[must_use]
    pub const fn may_build(self) -> bool {
        matches!(self, Self::Approved | Self::InProgress)
    }
}

/// One way from states to another.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The gate that opens it.
    pub gate: Gate,
    /// What the gate says.
    pub verdict: Verdict,
    /// The states that it leads from.
    pub from: &'static [State],
    /// Where it leads. For a validator's pass: once the other one has passed too.
    pub to: State,
}

const OPEN: &[State] = &[
    State::Draft,
    State::NeedsRevision,
    State::Approved,
    State::InProgress,
    State::Blocked,
    State::Validation,
    State::Completed,
];
const JUDGED: &[State] = &[State::Validation, State::Completed];
/// What is handed over can be taken back and handed over again; either way the validators begin anew.
const MADE: &[State] = &[State::Approved, State::InProgress, State::Blocked, State::Validation, State::Completed];

const fn way(gate: Gate, verdict: Verdict, from: &'static [State], to: State) -> Transition {
    Transition { gate, verdict, from, to }
}

/// Every way there is.
pub const TRANSITIONS: &[Transition] = &[
    way(Gate::Architect, Verdict::Approved, &[State::Draft, State::NeedsRevision], State::Approved),
    way(Gate::Architect, Verdict::NeedsRevision, OPEN, State::NeedsRevision),
    way(Gate::Implement, Verdict::InProgress, MADE, State::InProgress),
    way(Gate::Implement, Verdict::Blocked, &[State::Approved, State::InProgress, State::Blocked], State::Blocked),
    way(Gate::Implement, Verdict::Done, MADE, State::Validation),
    way(Gate::Pm, Verdict::Pass, JUDGED, State::Completed),
    way(Gate::Pm, Verdict::Fail, JUDGED, State::InProgress),
    way(Gate::Test, Verdict::Pass, JUDGED, State::Completed),
    way(Gate::Test, Verdict::Fail, JUDGED, State::InProgress),
    way(Gate::Archive, Verdict::Archived, &[State::Completed], State::Archived),
    way(Gate::Close, Verdict::Superseded, OPEN, State::Superseded),
    way(Gate::Close, Verdict::Withdrawn, OPEN, State::Withdrawn),
];

/// The way that a gate's verdict opens.
#[must_use]
pub fn transition(gate: Gate, verdict: Verdict) -> Option<&'static Transition> {
    TRANSITIONS.iter().find(|way| way.gate == gate && way.verdict == verdict)
}

/// Who has to do what next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// The agents whose act moves the change; empty where it is people's.
    pub agents: Vec<&'static str>,
    /// The act, as a sentence without a final full stop.
    pub act: String,
}
