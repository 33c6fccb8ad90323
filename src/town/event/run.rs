//! The payloads of what agents and their runs do.
//! Lives here: shapes. Never here: what follows from them.

use serde::{Deserialize, Serialize};

use super::{Offer, is_false, is_zero};
use crate::town::ids::{AgentId, Oid, RunId, Slot};
use crate::town::pattern::Pattern;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// What is put aside for it of the day's money, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_micros: u64,
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
    /// Whether a part of the cost is only known as the most that it can be.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

/// Payload of `run.proposed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// It asked people something on its open pull request.
    Asked,
}

impl Outcome {
    /// Its word in the journal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Nothing => "nothing",
            Self::Asked => "asked",
        }
    }
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
    /// The provider asks to wait.
    Throttled,
    /// A quota or the money at the provider is used up.
    Quota,
    /// The provider has more to do than it can.
    Overloaded,
    /// The provider cannot be reached, or broke down.
    Unavailable,
    /// The conversation is larger than the model can hold.
    ContextTooLong,
    /// The model, or its provider's filter, refused.
    Refused,
    /// The replies held nothing.
    EmptyReply,
    /// The replies broke off before their end.
    TruncatedStream,
    /// The calls of tools were wrong in themselves.
    InvalidCalls,
    /// The replies were cut off at the largest length.
    Length,
    /// The provider does not take the key.
    Auth,
    /// The provider does not have the model.
    UnknownModel,
    /// The next question could have cost more than may be spent.
    Money,
    /// The next question could have taken more tokens than the run may have.
    Tokens,
    /// Something that a newer version knows.
    #[serde(other)]
    Other,
}

impl FailureKind {
    /// The exit code of a run that failed so: 2 where somebody has to mend the configuration, 3 where the same may work
    /// later, else 1.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Auth | Self::UnknownModel => 2,
            Self::Throttled | Self::Quota | Self::Overloaded | Self::Unavailable | Self::TruncatedStream => 3,
            _ => 1,
        }
    }
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
    /// Which refusal of this run it is, from 1.
    #[serde(default)]
    pub nth: u32,
    /// The tree that was judged.
    pub tree: Oid,
    /// The first findings as `path:line [check] message`.
    pub findings: Vec<String>,
    /// How many there are in all.
    pub total: u32,
}
