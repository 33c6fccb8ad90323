//! The parts of the state.
//! Lives here: shapes. Never here: how events change them (see [`super`]).

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::town::event::{Offer, Reason, RunProposed, Trigger};
use crate::town::happened::Happened;
use crate::town::ids::{AgentId, Oid, RunId, Slot};
use crate::town::pattern::Pattern;

/// The town at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Town {
    /// The sequence number of the last event.
    pub seq: u64,
    /// Everybody who ever ran, by name.
    pub agents: BTreeMap<AgentId, Agent>,
    /// Open pull requests, and the most recent closed ones.
    pub pulls: BTreeMap<u64, Pull>,
    /// The highest number that a pull request has had.
    pub last_pull: u64,
    /// Who froze the town and why, while it is frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// Sums over all history.
    pub totals: Totals,
    /// What was spent on the last day on which anything was.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub spent: Spent,
    /// How far the forge was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<ForgeSeen>,
    /// Posts of the board: open ones, and the most recent closed ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub posts: BTreeMap<String, Post>,
}

/// How far the forge was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct ForgeSeen {
    /// Everything that happened before is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<DateTime<Utc>>,
    /// Ids of the events that were observed last, so that what lies around the cursor is recorded once.
    pub recent: VecDeque<String>,
}

/// A post of the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Post {
    /// Who wrote it.
    pub author: String,
    /// The agents that it is addressed to; none where it is for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<AgentId>,
    /// Its title.
    pub title: String,
    /// Its text, cut.
    pub body: String,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Whether it was closed.
    #[serde(default)]
    pub closed: bool,
    /// Who hid it and why, while it is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Hidden>,
    /// The last replies, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub replies: VecDeque<Comment>,
    /// Reactions by the forge's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<u64, Reacted>,
}

/// What somebody hid stays in history, and is shown to nobody who does not ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hidden {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A reaction that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reacted {
    /// Who.
    pub by: String,
    /// Which.
    pub kind: String,
}

/// Sums over all history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Totals {
    /// Runs started.
    pub runs: u64,
    /// Runs that failed or expired.
    pub failed: u64,
    /// Pull requests opened.
    pub opened: u64,
    /// Pull requests merged.
    pub merged: u64,
    /// Pull requests rejected.
    pub rejected: u64,
    /// Tokens used.
    pub tokens: u64,
    /// What they cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// Events of a type that this version does not know.
    pub unknown: u64,
}

/// A freeze in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Frozen {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What the town knows of one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Agent {
    /// What it owned by its charter when it last ran.
    pub owns: Vec<Pattern>,
    /// The blob of that charter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charter: Option<Oid>,
    /// The run that holds its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Run>,
    /// Its most recent ended runs, newest last.
    pub runs: VecDeque<Ended>,
    /// The slots that it took, newest last.
    pub slots: VecDeque<Slot>,
    /// The day (days since 1970, UTC) that `started_today` counts.
    pub day: i64,
    /// Runs started on that day.
    pub started_today: u32,
    /// Its pull requests that were merged.
    pub merged: u64,
    /// Its pull requests that were rejected.
    pub rejected: u64,
    /// What its runs cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// Who paused it and why, while it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Frozen>,
}

/// A run that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Run {
    /// Its id.
    pub run: RunId,
    /// Its slot.
    pub slot: Slot,
    /// What made it start.
    pub trigger: Trigger,
    /// The commit that everything is read from.
    pub base: Oid,
    /// The commit that its workspace stands at.
    pub start: Oid,
    /// When its lease ends, in seconds since 1970.
    pub lease_until: i64,
    /// Which clone holds the lease.
    pub holder: String,
    /// What thinks.
    pub brain: String,
    /// What is put aside for it of the day's money, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub hold_micros: u64,
    /// How often it was resumed.
    pub attempt: u32,
    /// When it started.
    pub started: DateTime<Utc>,
    /// Tool calls recorded so far.
    pub calls: u32,
    /// Refusals of the gate recorded so far.
    #[serde(default)]
    pub refusals: u32,
    /// What it is about to publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<RunProposed>,
    /// The pull request that carries its proposal, once that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
}

/// The end of a run's publishing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Published {
    /// The pull request.
    pub pull: u64,
    /// Whether this run opened it.
    pub opened: bool,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ended {
    /// Its id.
    pub run: RunId,
    /// Its slot.
    pub slot: Slot,
    /// The commit that it read.
    pub base: Oid,
    /// `opened`, `updated`, `nothing`, `failed` or `expired`.
    pub outcome: String,
    /// Why, in a sentence.
    pub reason: String,
    /// Its pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<u64>,
    /// When it started.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
}

/// Where a pull request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullState {
    /// It waits for a human.
    Open,
    /// A human merged it.
    Merged,
    /// A human rejected it.
    Rejected,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Where it stands.
    pub state: PullState,
    /// Whose it is.
    pub agent: AgentId,
    /// The run that opened it.
    pub run: RunId,
    /// What it offers.
    #[serde(flatten)]
    pub offer: Offer,
    /// Where it can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// How it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What was said about it, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub comments: VecDeque<Comment>,
    /// Reactions by the forge's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<u64, Reacted>,
    /// How often it was opened again after a rejection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reopened: u32,
    /// When that was the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened_at: Option<DateTime<Utc>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_nothing(amount: &u64) -> bool {
    *amount == 0
}

/// What was spent on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Spent {
    /// The day, in days since 1970 (UTC).
    pub day: i64,
    /// How much, in millionths of a US dollar.
    pub cost_micros: u64,
}

impl Spent {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds an amount at a moment.
    pub fn add(&mut self, at: DateTime<Utc>, amount: u64) {
        if amount == 0 {
            return;
        }
        let day = at.timestamp().div_euclid(86_400);
        // What is heard of late, from a day before, counts for the day that is on: the cap may be kept too well, never too ill.
        let before = if self.day >= day { self.cost_micros } else { 0 };
        *self = Self { day: self.day.max(day), cost_micros: before.saturating_add(amount) };
    }

    /// What was spent on the day of a moment.
    #[must_use]
    pub const fn on(&self, at: DateTime<Utc>) -> u64 {
        if self.day == at.timestamp().div_euclid(86_400) { self.cost_micros } else { 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How a pull request was closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why it was rejected; absent for a merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How long it had been open.
    pub seconds_open: u64,
    /// Whether a human changed it before merging.
    #[serde(default)]
    pub edited: bool,
    /// The commit that brought it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
}

/// A comment on a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Comment {
    /// The id of the event that carries it.
    pub id: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: String,
    /// Who hid it and why, while it is hidden; of replies on the board alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Hidden>,
}

impl Comment {
    /// What somebody said when this happened.
    #[must_use]
    pub fn said(happened: &Happened, by: &str, text: String) -> Self {
        Self { id: happened.id.clone(), by: by.to_owned(), at: happened.time, text, hidden: None }
    }
}
