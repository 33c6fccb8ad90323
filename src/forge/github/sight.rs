//! From GitHub's shapes to sightings: what each of them means to a town.
//! Lives here: one function for each shape, used by polling and by webhooks alike. Never here: asking, deciding.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::wire::{self, Comment, Issue, Pull, Review};
use crate::town::board::asks;
use crate::town::event::{Reason, ReviewState};
use crate::town::ids::{AgentId, Oid};
use crate::town::limits::AGENT_BRANCH_PREFIX;
use crate::town::settings::Role;
use crate::town::sighting::{CommentKind, Seen, Sighting};

/// The label of issues that are posts of the board.
pub const BOARD_LABEL: &str = "monkeytown-board";
/// What the label that addresses a post to an agent, or names the agent of a pull request, starts with.
pub const AGENT_LABEL_PREFIX: &str = "agent:";

/// Who is who, and which repository it is.
#[derive(Clone, Debug)]
pub struct Place {
    /// `owner/name`.
    pub repository: String,
    /// What people may do, by login in small letters.
    pub people: BTreeMap<String, Role>,
}

impl Place {
    /// What somebody may do; GitHub's logins know no case.
    #[must_use]
    pub fn role(&self, login: &str) -> Option<Role> {
        self.people.get(&login.to_ascii_lowercase()).copied()
    }

    fn sighting(&self, at: DateTime<Utc>, by: String, what: Seen) -> Sighting {
        Sighting { at, role: self.role(&by), by, what }
    }

    /// Whether a pull request's branch is one of the town's agents, in this repository and no fork.
    #[must_use]
    pub fn is_ours(&self, pull: &Pull) -> bool {
        pull.head.branch.starts_with(AGENT_BRANCH_PREFIX)
            && pull.head.repo.as_ref().is_some_and(|repo| repo.full_name.eq_ignore_ascii_case(&self.repository))
    }

    /// What became of a pull request: merged, or closed by `closed_by`. Nothing while it is open.
    ///
    /// `offered` is the head that the agent offered last, where that is known.
    #[must_use]
    pub fn verdict(
        &self,
        pull: &Pull,
        offered: Option<&Oid>,
        closed_by: Option<&wire::User>,
        reason: Option<(Reason, String)>,
    ) -> Option<Sighting> {
        let number = pull.number;
        if let Some(at) = pull.merged_at {
            // After a merge without a commit of its own (a rebase) GitHub still names the last one.
            let commit = pull.merge_commit_sha.as_deref().unwrap_or(&pull.head.sha).parse().ok()?;
            let edited = offered.is_some_and(|offered| offered.as_str() != pull.head.sha);
            let by = wire::login(pull.merged_by.as_ref());
            return Some(self.sighting(at, by, Seen::Merged { number, commit, edited }));
        }
        if pull.state != "closed" {
            return None;
        }
        let at = pull.closed_at.unwrap_or(pull.updated_at);
        Some(self.sighting(at, wire::login(closed_by), Seen::Closed { number, reason }))
    }

    /// A pull request that is open, for a town that holds it for rejected.
    #[must_use]
    pub fn reopened(&self, pull: &Pull, by: Option<&wire::User>) -> Sighting {
        let by = by.map_or_else(|| "unknown".to_owned(), |user| user.login.clone());
        self.sighting(pull.updated_at, by, Seen::Reopened { number: pull.number })
    }

    /// A comment of a person on a pull request.
    #[must_use]
    pub fn comment(&self, number: u64, comment: &Comment) -> Option<Sighting> {
        if wire::is_bot(comment.user.as_ref()) {
            return None;
        }
        let kind = match &comment.path {
            Some(path) => CommentKind::Line(comment.line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"))),
            None => CommentKind::Talk,
        };
        let text = comment.body.clone().unwrap_or_default();
        if asks(&text).is_some() {
            // A question of ours, asked with the token of a person. It is recorded already.
            return None;
        }
        let what = Seen::Commented { number, comment: kind, id: comment.id, text };
        Some(self.sighting(comment.created_at, wire::login(comment.user.as_ref()), what))
    }

    /// A reply of a person to a post; `with_post` is when the post last changed, where it is read with that.
    #[must_use]
    pub fn reply(&self, issue: u64, comment: &Comment, with_post: Option<DateTime<Utc>>) -> Option<Sighting> {
        if wire::is_bot(comment.user.as_ref()) {
            return None;
        }
        let text = comment.body.clone().unwrap_or_default();
        let what = Seen::Replied { issue, id: comment.id, text, with_post };
        Some(self.sighting(comment.created_at, wire::login(comment.user.as_ref()), what))
    }

    /// A review of a person that was submitted and says something.
    #[must_use]
    pub fn review(&self, number: u64, review: &Review) -> Option<Sighting> {
        let at = review.submitted_at?;
        if wire::is_bot(review.user.as_ref()) {
            return None;
        }
        let text = review.body.clone().unwrap_or_default();
        let state = match review.state.to_ascii_uppercase().as_str() {
            "APPROVED" => ReviewState::Approved,
            "CHANGES_REQUESTED" => ReviewState::ChangesRequested,
            "DISMISSED" => ReviewState::Dismissed,
            // Comments on lines come with an empty review around them.
            "COMMENTED" if !text.trim().is_empty() => ReviewState::Commented,
            _ => return None,
        };
        Some(self.sighting(
            at,
            wire::login(review.user.as_ref()),
            Seen::Reviewed { number, id: review.id, state, text },
        ))
    }

    /// An issue that is a post of the board, and whether it was closed. A bot posts nothing.
    #[must_use]
    pub fn post(&self, issue: &Issue) -> Vec<Sighting> {
        let on_board = issue.labels.iter().any(|label| label.name == BOARD_LABEL);
        if !on_board || issue.pull_request.is_some() || wire::is_bot(issue.user.as_ref()) {
            return Vec::new();
        }
        let to = |label: &wire::Label| label.name.strip_prefix(AGENT_LABEL_PREFIX)?.parse::<AgentId>().ok();
        let tags = issue.labels.iter().map(|label| &label.name);
        let what = Seen::Posted {
            issue: issue.number,
            audience: issue.labels.iter().filter_map(to).collect(),
            title: issue.title.clone(),
            text: issue.body.clone().unwrap_or_default(),
            tags: tags.filter(|tag| *tag != BOARD_LABEL && !tag.starts_with(AGENT_LABEL_PREFIX)).cloned().collect(),
            updated: issue.updated_at,
        };
        let mut sightings = vec![self.sighting(issue.created_at, wire::login(issue.user.as_ref()), what)];
        if issue.state == "closed" {
            let at = issue.closed_at.unwrap_or(issue.updated_at);
            let by = wire::login(issue.closed_by.as_ref());
            sightings.push(self.sighting(at, by, Seen::PostClosed { issue: issue.number }));
        }
        sightings
    }

    /// A reaction of a person.
    #[must_use]
    pub fn reaction(&self, target: &str, reaction: &wire::Reaction) -> Option<Sighting> {
        if wire::is_bot(reaction.user.as_ref()) {
            return None;
        }
        let what = Seen::Reacted { target: target.to_owned(), id: reaction.id, kind: reaction.content.clone() };
        Some(self.sighting(reaction.created_at, wire::login(reaction.user.as_ref()), what))
    }
}
