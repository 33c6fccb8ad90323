//! What somebody may want to happen, and why it is refused.
//! Lives here: shapes. Never here: the decision (see [`super::decide`]).

use chrono::{DateTime, Utc};

use crate::town::board::Said;
use crate::town::event::{
    AgentHalted, AgentSeen, FailureKind, GateFailed, GatePassed, Offer, Reason, RunFinished, RunProposed, ToolsCalled,
    Trigger, UsageMetered,
};
use crate::town::ids::{AgentId, Oid, RunId, Slot};
use crate::town::prices::Usd;
use crate::town::sighting::Sighting;

/// What a run says, as it may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub agent: AgentId,
    /// What it asks people, and on which pull request.
    pub asked: Option<(u64, String)>,
    /// What it says on the board, in its order.
    pub board: Vec<Said>,
}

/// Something that somebody wants to happen.
#[derive(Clone, Debug)]
pub enum Command {
    /// Claim a slot and its lease.
    StartRun(Box<StartRun>),
    /// Record what a run says to people and to other agents.
    Say(Saying),
    /// Record tool calls.
    RecordCalls(ToolsCalled),
    /// Record what the gate said.
    RecordGate(Gated),
    /// Record what is about to be published.
    Propose(RunProposed),
    /// Open the agent's pull request, or update it if it is open.
    Publish(Box<Publish>),
    /// Record what a run used.
    Meter(UsageMetered),
    /// End a run well.
    Finish(RunFinished),
    /// End a run badly.
    Fail {
        /// The run.
        run: RunId,
        /// Whose it is.
        agent: AgentId,
        /// Which kind of failure.
        kind: FailureKind,
        /// What happened.
        reason: String,
    },
    /// Record that a human merged.
    Merge {
        /// The pull request.
        number: u64,
        /// Who.
        by: String,
        /// The commit that brought it in.
        commit: Oid,
        /// Whether it was changed before.
        edited: bool,
        /// The head that was merged or looked at; another head by now means that the human saw something else.
        head: Option<Oid>,
    },
    /// Record that a human rejected.
    Reject {
        /// The pull request.
        number: u64,
        /// Who.
        by: String,
        /// Why, as a code.
        reason: Reason,
        /// Why, in words.
        text: String,
    },
    /// Record a comment.
    Comment {
        /// The pull request.
        number: u64,
        /// Who.
        by: String,
        /// What.
        text: String,
    },
    /// Record what was seen on the forge, with what follows from it.
    Observe(Box<Sighting>),
    /// Record how far the forge was read.
    Synced {
        /// Everything that happened before is recorded.
        cursor: DateTime<Utc>,
    },
    /// Let an agent start no run.
    Pause(AgentHalted),
    /// Let it run again.
    Resume(AgentHalted),
    /// Stop everything.
    Freeze {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Let things go on.
    Thaw {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
}

/// What the gate said of a run's changeset.
#[derive(Clone, Debug)]
pub enum Gated {
    /// It may pass.
    Passed(GatePassed),
    /// It may not.
    Failed(GateFailed),
}

/// A claim.
#[derive(Clone, Debug)]
pub struct StartRun {
    /// The id of the run if it is a new one.
    pub run: RunId,
    /// The agent as its charter on the base describes it.
    pub agent: AgentSeen,
    /// The slot that is asked for.
    pub slot: Slot,
    /// What made it start.
    pub trigger: Trigger,
    /// The commit on the default branch that everything is read from.
    pub base: Oid,
    /// Where the workspace will stand.
    pub start: Oid,
    /// How long the lease lives, in minutes.
    pub minutes: u32,
    /// Which clone asks.
    pub holder: String,
    /// Whose leases it has taken over besides, because it holds what that one left.
    pub holder_before: Option<String>,
    /// What thinks.
    pub brain: String,
    /// Whether town.yaml pauses the agent.
    pub paused: bool,
    /// Runs that an agent may start on one day.
    pub runs_per_day: u32,
    /// What the run may spend at the most; nothing where what thinks costs nothing.
    pub usd_per_run: Usd,
    /// What all runs together may spend on one day.
    pub usd_per_day: Usd,
    /// The run whose checkpoint is at hand, if there is one.
    pub checkpoint: Option<RunId>,
}

/// An offer to be recorded as a pull request.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub agent: AgentId,
    /// What is offered.
    pub offer: Offer,
    /// The number that the forge gave; the next free one where the journal is the forge.
    pub number: Option<u64>,
    /// Where it can be looked at.
    pub url: Option<String>,
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The town is frozen.
    #[error("the town was frozen by {by}: {reason}; `monkeytown thaw --reason …` lets it go on")]
    Frozen {
        /// Who froze it.
        by: String,
        /// Why.
        reason: String,
    },
    /// The agent is paused.
    #[error("{agent} is paused; take it off `paused` in .monkeytown/town.yaml to let it run")]
    Paused {
        /// Who.
        agent: AgentId,
    },
    /// A human paused the agent.
    #[error("{agent} was paused by {by}: {reason}; `monkeytown resume {agent}` lets it run again")]
    Halted {
        /// Who.
        agent: AgentId,
        /// Who paused it.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody had the slot before.
    #[error("slot {slot} of {agent} was taken before; the next run takes the next slot")]
    SlotTaken {
        /// Whose.
        agent: AgentId,
        /// Which.
        slot: Slot,
    },
    /// Another run of the agent is alive.
    #[error("run {run} of {agent} holds the lease until {until}")]
    LeaseHeld {
        /// Whose.
        agent: AgentId,
        /// Which run.
        run: RunId,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// The agent had its runs for today.
    #[error(
        "{agent} has started {count} runs today and the town allows {cap} (limits.runs_per_day in .monkeytown/town.yaml)"
    )]
    OverLimit {
        /// Who.
        agent: AgentId,
        /// How many.
        count: u32,
        /// How many are allowed.
        cap: u32,
    },
    /// The day's money is used up.
    #[error(
        "{agent} may spend {requested} US dollars, and {remaining} of {cap} are left for today (limits.usd_per_day in \
         .monkeytown/town.yaml; {held} are put aside for runs in flight)"
    )]
    NoFunds {
        /// Who.
        agent: AgentId,
        /// What it may spend.
        requested: Usd,
        /// What is left.
        remaining: Usd,
        /// What is put aside.
        held: Usd,
        /// What the town may spend on one day.
        cap: Usd,
    },
    /// The run is not in flight (any more).
    #[error("run {run} of {agent} is not in flight any more; another run has taken over")]
    NotInFlight {
        /// Which run.
        run: RunId,
        /// Whose.
        agent: AgentId,
    },
    /// There is no such pull request.
    #[error("there is no pull request #{number}; `monkeytown pulls` lists them")]
    NoPull {
        /// Which.
        number: u64,
    },
    /// The pull request is closed.
    #[error("pull request #{number} is {state} already")]
    Closed {
        /// Which.
        number: u64,
        /// `merged` or `rejected`.
        state: &'static str,
    },
    /// The pull request moved while a human looked at it.
    #[error("pull request #{number} was updated to {} meanwhile; look again before you decide", .head.short())]
    Moved {
        /// Which.
        number: u64,
        /// What the human looked at.
        seen: Oid,
        /// Where it is now.
        head: Oid,
    },
    /// It is already so.
    #[error("{0}")]
    Already(String),
    /// It does not fit into an event.
    #[error("too large for the journal: {0}")]
    TooLarge(String),
}

impl Rejected {
    /// Whether the refusal is a normal end of a scheduled run: nothing is wrong, somebody else has it or
    /// it shall not be now.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        matches!(
            self,
            Self::Frozen { .. }
                | Self::Paused { .. }
                | Self::Halted { .. }
                | Self::SlotTaken { .. }
                | Self::LeaseHeld { .. }
                | Self::OverLimit { .. }
                | Self::NoFunds { .. }
        )
    }
}
