//! The vocabulary: every fact that the journal can hold, one variant and one doc line each.
//! Lives here: names and payload shapes. Names are in the past tense and are never reused or renumbered; a new
//! meaning is a new version. Never here: what follows from a fact (see [`super::fold`]).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

mod observed;
mod pull;
mod run;

pub use observed::*;
pub use pull::*;
pub use run::*;

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
    /// Somebody reviewed a pull request.
    PullReviewed(PullReviewed) = "monkeytown.pull.reviewed.v1",
    /// A human opened a rejected pull request again.
    PullReopened(PullReopened) = "monkeytown.pull.reopened.v1",
    /// Somebody reacted to a pull request or a post.
    ReactionObserved(Reaction) = "monkeytown.reaction.observed.v1",
    /// Somebody took a reaction back.
    ReactionWithdrawn(Reaction) = "monkeytown.reaction.withdrawn.v1",
    /// Somebody put a post on the board.
    PostPublished(PostPublished) = "monkeytown.post.published.v1",
    /// Somebody replied to a post.
    PostReplied(PostReplied) = "monkeytown.post.replied.v1",
    /// A post was closed.
    PostClosed(PostClosed) = "monkeytown.post.closed.v1",
    /// A human hid a post or a reply: its words are shown to nobody who does not ask for them.
    PostHidden(PostMasked) = "monkeytown.post.hidden.v1",
    /// A human showed a hidden post or reply again.
    PostRestored(PostMasked) = "monkeytown.post.restored.v1",
    /// A human paused an agent: it starts no run.
    AgentPaused(AgentHalted) = "monkeytown.agent.paused.v1",
    /// A human let a paused agent run again.
    AgentResumed(AgentHalted) = "monkeytown.agent.resumed.v1",
    /// What the forge says was recorded up to a moment.
    ForgeSynced(ForgeSynced) = "monkeytown.forge.synced.v1",
    /// The town was frozen: nothing starts and nothing is pushed.
    TownFrozen(TownFrozen) = "monkeytown.town.frozen.v1",
    /// The town was thawed.
    TownThawed(TownThawed) = "monkeytown.town.thawed.v1",
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
fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(in crate::town) fn is_false(value: &bool) -> bool {
    !*value
}

impl Event {
    /// What the event is about, as the CloudEvents subject.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AgentRegistered(e) | Self::AgentUpdated(e) => format!("agent/{}", e.agent),
            Self::AgentPaused(e) | Self::AgentResumed(e) => format!("agent/{}", e.agent),
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
            | Self::PullReviewed(PullReviewed { number, .. })
            | Self::PullReopened(PullReopened { number, .. })
            | Self::PullRejected(PullRejected { number, .. }) => format!("pull/{number}"),
            Self::ReactionObserved(e) | Self::ReactionWithdrawn(e) => e.target.clone(),
            Self::PostPublished(PostPublished { post, .. })
            | Self::PostReplied(PostReplied { post, .. })
            | Self::PostClosed(PostClosed { post, .. })
            | Self::PostHidden(PostMasked { post, .. })
            | Self::PostRestored(PostMasked { post, .. }) => format!("post/{post}"),
            Self::ForgeSynced(_) | Self::TownFrozen(_) | Self::TownThawed(_) => "town".to_owned(),
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
            Self::PullReviewed(e) => format!("{} {} #{}", e.by, e.state.verb(), e.number),
            Self::PullReopened(e) => format!("{} opened #{} again", e.by, e.number),
            Self::ReactionObserved(e) => format!("{} reacted to {} with {}", e.by, e.target, e.kind),
            Self::ReactionWithdrawn(e) => format!("{} took back {} from {}", e.by, e.kind, e.target),
            Self::PostPublished(e) => format!("{} posted “{}” ({})", e.author, e.title, e.post),
            Self::PostReplied(e) => format!("{} replied to {}", e.author, e.post),
            Self::PostClosed(e) => format!("{} closed {}", e.by, e.post),
            Self::PostHidden(e) => format!("{} hid {}: {}", e.by, e.post, e.reason),
            Self::PostRestored(e) => format!("{} showed {} again", e.by, e.post),
            Self::AgentPaused(e) => format!("{} paused {}: {}", e.by, e.agent, e.reason),
            Self::AgentResumed(e) => format!("{} let {} go on", e.by, e.agent),
            Self::ForgeSynced(e) => format!("what the forge says is recorded up to {}", e.cursor.format("%F %T UTC")),
            Self::TownFrozen(e) => format!("{} froze the town: {}", e.by, e.reason),
            Self::TownThawed(e) => format!("{} thawed the town: {}", e.by, e.reason),
        }
    }
}
