//! The payloads of what happens to pull requests, and the codes of a rejection.
//! Lives here: shapes. Never here: what follows from them.

use serde::{Deserialize, Serialize};

use super::is_false;
use crate::town::ids::{AgentId, Oid, RunId};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// The path and line that it is about, as `path:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The forge's id of the comment, where it was written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge_id: Option<u64>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
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
