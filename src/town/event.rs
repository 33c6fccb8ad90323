//! The vocabulary: every fact that the journal can hold, one variant and one doc line each.
//! Lives here: names and payload shapes. Names are in the past tense and are never reused or renumbered; a new
//! meaning is a new version. Never here: what follows from a fact (see [`super::fold`]).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ids::{AgentId, Oid, RunId, Slot};
use super::pattern::Pattern;

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $kind:literal,)+) => {
        /// One fact of the town.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $variant($payload),)+
        }

        impl Event {
            /// Every type that this version understands.
            pub const KINDS: &'static [&'static str] = &[$($kind,)+];

            /// The CloudEvents type.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }

            /// Decodes the payload of `kind`; `None` for a type that this version does not know.
            #[must_use]
            pub fn decode(kind: &str, data: &RawValue) -> Option<Result<Self, serde_json::Error>> {
                match kind {
                    $($kind => Some(serde_json::from_str(data.get()).map(Self::$variant)),)+
                    _ => None,
                }
            }

            /// The payload as JSON.
            ///
            /// # Errors
            /// Never for the shapes of this file; the signature is serde's.
            pub fn data(&self) -> Result<Box<RawValue>, serde_json::Error> {
                match self { $(Self::$variant(data) => serde_json::value::to_raw_value(data),)+ }
            }
        }
    };
}

vocabulary! {
    /// An agent's charter was seen for the first time.
    AgentRegistered(AgentSeen) = "monkeytown.agent.registered.v1",
    /// An agent's charter changed.
    AgentUpdated(AgentSeen) = "monkeytown.agent.updated.v1",
    /// A run claimed its slot and pinned its base.
    RunStarted(RunStarted) = "monkeytown.run.started.v1",
    /// A run that had died was taken up again, with a new lease.
    RunResumed(RunResumed) = "monkeytown.run.resumed.v1",
    /// The tokens and the money that a run used.
    UsageMetered(UsageMetered) = "monkeytown.run.usage.metered.v1",
    /// A run is about to publish this commit on its branch.
    RunProposed(RunProposed) = "monkeytown.run.proposed.v1",
    /// A run came to its end.
    RunFinished(RunFinished) = "monkeytown.run.finished.v1",
    /// A run ended without a result.
    RunFailed(RunFailed) = "monkeytown.run.failed.v1",
    /// A run's lease ran out and nothing of it was left to resume.
    RunExpired(RunExpired) = "monkeytown.run.expired.v1",
    /// Tools were called, in this order.
    ToolsCalled(ToolsCalled) = "monkeytown.tool.called.v1",
    /// The gate let a changeset through.
    GatePassed(GatePassed) = "monkeytown.gate.passed.v1",
    /// The gate refused a changeset.
    GateFailed(GateFailed) = "monkeytown.gate.failed.v1",
    /// A pull request was opened.
    PullOpened(PullOpened) = "monkeytown.pull.opened.v1",
    /// A pull request got a new head.
    PullUpdated(PullUpdated) = "monkeytown.pull.updated.v1",
    /// Somebody wrote a comment on a pull request.
    PullCommented(PullCommented) = "monkeytown.pull.commented.v1",
    /// A human merged a pull request.
    PullMerged(PullMerged) = "monkeytown.pull.merged.v1",
    /// A human rejected a pull request.
    PullRejected(PullRejected) = "monkeytown.pull.rejected.v1",
    /// The town was frozen: nothing starts and nothing is pushed.
    TownFrozen(TownFrozen) = "monkeytown.town.frozen.v1",
    /// The town was thawed.
    TownThawed(TownThawed) = "monkeytown.town.thawed.v1",
}

/// Payload of `agent.registered` and `agent.updated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSeen {
    /// The agent.
    pub agent: AgentId,
    /// What it owns by its charter.
    pub owns: Vec<Pattern>,
    /// The blob of its charter.
    pub charter: Oid,
}

/// What made a run start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// Its schedule.
    Schedule,
    /// A human or a script.
    Manual,
}

/// Payload of `run.started`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run.
    pub run: RunId,
    /// Whose turn it is.
    pub agent: AgentId,
    /// The slot that it took.
    pub slot: Slot,
    /// What made it start.
    pub trigger: Trigger,
    /// The commit on the default branch that everything is read from.
    pub base: Oid,
    /// The commit that the workspace stands at: the open pull request's head, or the base.
    pub start: Oid,
    /// When its lease ends, in seconds since 1970.
    pub lease_until: i64,
    /// Which clone holds the lease.
    pub holder: String,
    /// What thinks.
    pub brain: String,
}

/// Payload of `run.resumed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub agent: AgentId,
    /// Which resumption of this run it is, from 1.
    pub attempt: u32,
    /// When the new lease ends, in seconds since 1970.
    pub lease_until: i64,
    /// Which clone holds it.
    pub holder: String,
}

/// Tokens in exclusive buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Prompt tokens that were not cached.
    pub input: u64,
    /// Prompt tokens read from a cache.
    pub cached: u64,
    /// Prompt tokens written to a cache.
    pub cache_write: u64,
    /// Reply tokens that are no reasoning.
    pub output: u64,
    /// Reasoning tokens.
    pub reasoning: u64,
}

/// Payload of `run.usage.metered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageMetered {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub agent: AgentId,
    /// What thought.
    pub brain: String,
    /// Questions put to it.
    pub turns: u32,
    /// What it used.
    pub tokens: Tokens,
    /// What that cost, in millionths of a US dollar.
    pub cost_micros: u64,
}

/// Payload of `run.proposed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProposed {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub agent: AgentId,
    /// What the branch pointed at when this was decided; absent when there was no branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Oid>,
    /// What will be published.
    #[serde(flatten)]
    pub offer: Offer,
}

/// How a run ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It opened a pull request.
    Opened,
    /// It updated its open pull request.
    Updated,
    /// There was nothing to do.
    Nothing,
}

/// Payload of `run.finished`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// The run.
    pub run: RunId,
    /// Whose run it was.
    pub agent: AgentId,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub reason: String,
    /// The pull request, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<u64>,
    /// Whether a budget ended it before its work was done.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
}

/// Why a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The gate refused its work and the retries were used up.
    Gate,
    /// The brain gave up or could not be reached.
    Brain,
    /// A tool failed in a way that nothing could mend.
    Tool,
    /// The brain ended its turn without a result.
    NoResult,
    /// The town's files or the repository were not as they must be.
    Repository,
}

/// Payload of `run.failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    /// The run.
    pub run: RunId,
    /// Whose run it was.
    pub agent: AgentId,
    /// Which kind of failure.
    pub kind: FailureKind,
    /// What happened, in a sentence.
    pub reason: String,
}

/// Payload of `run.expired`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunExpired {
    /// The run.
    pub run: RunId,
    /// Whose run it was.
    pub agent: AgentId,
}

/// One tool call, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSeen {
    /// The tool.
    pub tool: String,
    /// A hash of its arguments.
    pub argv_hash: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// A hash of its output.
    pub out_hash: String,
    /// Whether the output was cut.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// Payload of `tool.called`: a batch of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolsCalled {
    /// The run.
    pub run: RunId,
    /// Which call of the run is the first of this batch, from 0.
    pub first: u32,
    /// The calls.
    pub calls: Vec<CallSeen>,
}

/// Payload of `gate.passed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePassed {
    /// The run.
    pub run: RunId,
    /// The tree that was judged.
    pub tree: Oid,
    /// How many checks looked at it.
    pub checks: u32,
    /// How many files differ.
    pub files: u32,
    /// Remarks that do not stop it.
    pub warnings: u32,
}

/// Payload of `gate.failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateFailed {
    /// The run.
    pub run: RunId,
    /// The tree that was judged.
    pub tree: Oid,
    /// The first findings as `path:line [check] message`.
    pub findings: Vec<String>,
    /// How many there are in all.
    pub total: u32,
}

/// Payload of `pull.opened`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullOpened {
    /// The number that people use.
    pub number: u64,
    /// Whose it is.
    pub agent: AgentId,
    /// The run that made it.
    pub run: RunId,
    /// What it offers.
    #[serde(flatten)]
    pub offer: Offer,
    /// Where it can be looked at, if there is a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What a pull request offers at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The branch.
    pub branch: String,
    /// The commit that is offered.
    pub head: Oid,
    /// The commit of the default branch that it stands on.
    pub base: Oid,
    /// The title.
    pub title: String,
    /// The body, in Markdown, cut to what an event may hold.
    #[serde(default)]
    pub body: String,
    /// Whether it is a draft.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draft: bool,
    /// The files that conflict with the default branch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// The first paths that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How many paths differ.
    #[serde(default)]
    pub files: u32,
    /// Lines added.
    #[serde(default)]
    pub adds: u64,
    /// Lines deleted.
    #[serde(default)]
    pub dels: u64,
    /// A hash of what is offered (paths and contents), to recognise the same offer again.
    #[serde(default)]
    pub content: String,
}

/// Payload of `pull.updated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullUpdated {
    /// The pull request.
    pub number: u64,
    /// The run that updated it.
    pub run: RunId,
    /// What it offers now.
    #[serde(flatten)]
    pub offer: Offer,
}

/// Payload of `pull.commented`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullCommented {
    /// The pull request.
    pub number: u64,
    /// Who wrote it.
    pub by: String,
    /// What was written.
    pub text: String,
}

/// Payload of `pull.merged`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullMerged {
    /// The pull request.
    pub number: u64,
    /// Who merged it.
    pub by: String,
    /// The commit on the default branch that brought it in.
    pub commit: Oid,
    /// How long it was open.
    pub seconds_open: u64,
    /// Whether a human changed it before merging.
    #[serde(default, skip_serializing_if = "is_false")]
    pub edited: bool,
}

/// Why a human rejected a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody or something has done it already.
    Duplicate,
    /// It is not true, or does not work.
    Wrong,
    /// It is not this agent's business.
    OutOfScope,
    /// It is too much to review.
    TooLarge,
    /// It is true and not worth a merge.
    LowValue,
    /// It is noise.
    Spam,
    /// It touches what it must not touch.
    PathViolation,
    /// The text says why.
    Other,
}

/// Payload of `pull.rejected`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRejected {
    /// The pull request.
    pub number: u64,
    /// Who rejected it.
    pub by: String,
    /// Why, as a code.
    pub reason: Reason,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How long it was open.
    pub seconds_open: u64,
}

/// Payload of `town.frozen`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TownFrozen {
    /// Who froze it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Payload of `town.thawed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TownThawed {
    /// Who thawed it.
    pub by: String,
    /// Why.
    pub reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Event {
    /// What the event is about, as the CloudEvents subject.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AgentRegistered(e) | Self::AgentUpdated(e) => format!("agent/{}", e.agent),
            Self::RunStarted(RunStarted { run, .. })
            | Self::RunResumed(RunResumed { run, .. })
            | Self::UsageMetered(UsageMetered { run, .. })
            | Self::RunProposed(RunProposed { run, .. })
            | Self::RunFinished(RunFinished { run, .. })
            | Self::RunFailed(RunFailed { run, .. })
            | Self::RunExpired(RunExpired { run, .. })
            | Self::ToolsCalled(ToolsCalled { run, .. })
            | Self::GatePassed(GatePassed { run, .. })
            | Self::GateFailed(GateFailed { run, .. }) => format!("run/{run}"),
            Self::PullOpened(PullOpened { number, .. })
            | Self::PullUpdated(PullUpdated { number, .. })
            | Self::PullCommented(PullCommented { number, .. })
            | Self::PullMerged(PullMerged { number, .. })
            | Self::PullRejected(PullRejected { number, .. }) => format!("pull/{number}"),
            Self::TownFrozen(_) | Self::TownThawed(_) => "town".to_owned(),
        }
    }

    /// The event in a few words, for `git log --oneline` and for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::AgentRegistered(e) => format!("{} joined the town", e.agent),
            Self::AgentUpdated(e) => format!("{} has a new charter", e.agent),
            Self::RunStarted(e) => format!("{}: run {} started for slot {}", e.agent, e.run, e.slot),
            Self::RunResumed(e) => format!("{}: run {} resumed", e.agent, e.run),
            Self::UsageMetered(e) => format!("{}: run {} took {} turns of {}", e.agent, e.run, e.turns, e.brain),
            Self::RunProposed(e) => format!("{}: run {} proposes “{}”", e.agent, e.run, e.offer.title),
            Self::RunFinished(e) => format!("{}: run {} finished, {}", e.agent, e.run, e.reason),
            Self::RunFailed(e) => format!("{}: run {} failed, {}", e.agent, e.run, e.reason),
            Self::RunExpired(e) => format!("{}: run {} expired", e.agent, e.run),
            Self::ToolsCalled(e) => format!("run {} called {} tools", e.run, e.calls.len()),
            Self::GatePassed(e) => format!("the gate let run {} through ({} files)", e.run, e.files),
            Self::GateFailed(e) => format!("the gate refused run {} ({} findings)", e.run, e.total),
            Self::PullOpened(e) => format!("{}: pull request #{} opened, “{}”", e.agent, e.number, e.offer.title),
            Self::PullUpdated(e) => format!("pull request #{} updated, “{}”", e.number, e.offer.title),
            Self::PullCommented(e) => format!("{} commented on #{}", e.by, e.number),
            Self::PullMerged(e) => format!("{} merged #{}", e.by, e.number),
            Self::PullRejected(e) => format!("{} rejected #{} as {}", e.by, e.number, e.reason),
            Self::TownFrozen(e) => format!("{} froze the town: {}", e.by, e.reason),
            Self::TownThawed(e) => format!("{} thawed the town: {}", e.by, e.reason),
        }
    }
}

impl Reason {
    /// Every code, in the order of `--help`.
    pub const ALL: [Self; 8] = [
        Self::Duplicate,
        Self::Wrong,
        Self::OutOfScope,
        Self::TooLarge,
        Self::LowValue,
        Self::Spam,
        Self::PathViolation,
        Self::Other,
    ];

    /// The code as it is written.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Wrong => "wrong",
            Self::OutOfScope => "out-of-scope",
            Self::TooLarge => "too-large",
            Self::LowValue => "low-value",
            Self::Spam => "spam",
            Self::PathViolation => "path-violation",
            Self::Other => "other",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
