//! What GitHub writes, as far as anybody here reads it. REST answers and webhook payloads share these shapes.
//! Lives here: shapes. Unknown fields are passed over, and what GitHub may leave out or null is optional: users that were
//! deleted, texts that are empty. Never here: what follows.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Somebody.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// Their login.
    pub login: String,
    /// `User`, `Bot`, `Organization`, …
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// One end of a pull request.
#[derive(Clone, Debug, Deserialize)]
pub struct End {
    /// The commit.
    pub sha: String,
    /// The branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// The repository; gone where a fork was deleted.
    pub repo: Option<Repo>,
}

/// A repository.
#[derive(Clone, Debug, Deserialize)]
pub struct Repo {
    /// `owner/name`.
    pub full_name: String,
}

/// A pull request.
#[derive(Clone, Debug, Deserialize)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: Option<String>,
    /// Whether it is a draft.
    #[serde(default)]
    pub draft: Option<bool>,
    /// Where people look at it.
    pub html_url: String,
    /// Its id for GraphQL.
    #[serde(default)]
    pub node_id: String,
    /// What it offers.
    pub head: End,
    /// What it is offered to.
    pub base: End,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// When it was merged.
    pub merged_at: Option<DateTime<Utc>>,
    /// The commit that brought it in.
    pub merge_commit_sha: Option<String>,
    /// Who merged it; only where a single pull request was asked for.
    #[serde(default)]
    pub merged_by: Option<User>,
}

/// A label.
#[derive(Clone, Debug, Deserialize)]
pub struct Label {
    /// Its name.
    pub name: String,
}

/// An issue; for GitHub a pull request is one too.
#[derive(Clone, Debug, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: Option<String>,
    /// Who wrote it.
    pub user: Option<User>,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who closed it; only where a single issue was asked for.
    #[serde(default)]
    pub closed_by: Option<User>,
    /// There where it is a pull request.
    #[serde(default)]
    pub pull_request: Option<serde_json::Value>,
}

/// A comment on an issue, a pull request, or a line of one.
#[derive(Clone, Debug, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Who wrote it.
    pub user: Option<User>,
    /// What.
    #[serde(default)]
    pub body: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The issue that it is on, as an address.
    #[serde(default)]
    pub issue_url: Option<String>,
    /// The pull request that it is on, as an address, where it is on a line.
    #[serde(default)]
    pub pull_request_url: Option<String>,
    /// The review that it is a part of, where it is on a line.
    #[serde(default)]
    pub pull_request_review_id: Option<u64>,
    /// The file that it is on.
    #[serde(default)]
    pub path: Option<String>,
    /// The line that it is on.
    #[serde(default)]
    pub line: Option<u64>,
}

impl Comment {
    /// The number of the issue or pull request that it is on.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let url = self.issue_url.as_deref().or(self.pull_request_url.as_deref())?;
        url.rsplit('/').next()?.parse().ok()
    }
}

/// A review.
#[derive(Clone, Debug, Deserialize)]
pub struct Review {
    /// Its id.
    pub id: u64,
    /// Who wrote it.
    pub user: Option<User>,
    /// What.
    #[serde(default)]
    pub body: Option<String>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`; webhooks write it in small letters.
    pub state: String,
    /// When; not there as long as it is pending.
    #[serde(default)]
    pub submitted_at: Option<DateTime<Utc>>,
}

/// A reaction.
#[derive(Clone, Debug, Deserialize)]
pub struct Reaction {
    /// Its id.
    pub id: u64,
    /// Who reacted.
    pub user: Option<User>,
    /// Which.
    pub content: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The login of somebody who may be gone; GitHub itself shows such people as `ghost`.
#[must_use]
pub fn login(user: Option<&User>) -> String {
    user.map_or_else(|| "ghost".to_owned(), |user| user.login.clone())
}

/// Whether a program did it.
#[must_use]
pub fn is_bot(user: Option<&User>) -> bool {
    user.is_some_and(|user| user.kind == "Bot" || user.login.ends_with("[bot]"))
}
