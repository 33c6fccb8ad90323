//! The payloads of what people do on the forge and the town observes, and of what follows for an agent.
//! Lives here: shapes. Never here: what follows from them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::town::ids::AgentId;

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// It may be merged.
    Approved,
    /// It must change first.
    ChangesRequested,
    /// It says something and decides nothing.
    Commented,
    /// It was taken back.
    Dismissed,
}

impl ReviewState {
    /// The state as a sentence has it.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::ChangesRequested => "requested changes",
            Self::Commented => "reviewed",
            Self::Dismissed => "took back a review",
        }
    }
}

/// Payload of `pull.reviewed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullReviewed {
    /// The pull request.
    pub number: u64,
    /// Who reviewed it.
    pub by: String,
    /// What the review says.
    pub state: ReviewState,
    /// Its text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The forge's id of the review.
    pub forge_id: u64,
}

/// Payload of `pull.reopened`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullReopened {
    /// The pull request.
    pub number: u64,
    /// Who opened it again.
    pub by: String,
}

/// Payload of `reaction.observed` and `reaction.withdrawn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// What it is a reaction to: `pull/<number>` or `post/<id>`.
    pub target: String,
    /// Who reacted.
    pub by: String,
    /// Which reaction, by the forge's name, such as `+1` or `heart`.
    pub kind: String,
    /// The forge's id of the reaction.
    pub forge_id: u64,
}

/// Payload of `post.published`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostPublished {
    /// The post; `issue-<number>` where it is an issue of the forge.
    pub post: String,
    /// Who wrote it.
    pub author: String,
    /// The agents that it is addressed to; none where it is for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<AgentId>,
    /// Its title.
    pub title: String,
    /// Its text.
    #[serde(default)]
    pub body: String,
    /// Its other labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Payload of `post.replied`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostReplied {
    /// The post.
    pub post: String,
    /// Who wrote the reply.
    pub author: String,
    /// The reply.
    pub body: String,
    /// The forge's id of the comment that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge_id: Option<u64>,
}

/// Payload of `post.closed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostClosed {
    /// The post.
    pub post: String,
    /// Who closed it.
    pub by: String,
}

/// Payload of `post.hidden` and `post.restored`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostMasked {
    /// The post, or the id of the event that carries a reply.
    pub post: String,
    /// Who decided it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Payload of `agent.paused` and `agent.resumed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHalted {
    /// The agent.
    pub agent: AgentId,
    /// Who decided it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Payload of `forge.synced`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeSynced {
    /// Everything that the forge says happened before this moment is recorded.
    pub cursor: DateTime<Utc>,
}
