//! Asking GitHub what people did since the journal last heard of it.
//! Lives here: which lists are read, from where on, and how far that brings us. Never here: what it means (see
//! [`super::sight`]), what is new (see [`crate::town::decide`]).
//!
//! One list each of pull requests, comments, comments on lines and board issues, from the cursor on; then reviews of what
//! changed, and the reactions, which nothing announces.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::sight::BOARD_LABEL;
use super::wire::{self, Comment, Issue, Pull, Review};
use super::{GithubForge, client::Part, form};
use crate::forge::ForgeError;
use crate::town::decide::CURSOR_STEP;
use crate::town::event::Reason;
use crate::town::fold::{OVERLAP, PullState, Town};
use crate::town::limits::AGENT_BRANCH_PREFIX;
use crate::town::sighting::{Seen, Sighting, post_of};
use crate::town::slash::{self, Slash};

/// What polling brought.
#[derive(Debug, Default)]
pub(super) struct Polled {
    /// What people did, in the order of the forge's clock.
    pub sightings: Vec<Sighting>,
    /// Everything before this is among them.
    pub cursor: Option<DateTime<Utc>>,
}

/// The newest change that was seen, so that the next poll begins there, unless something holds it back.
struct Newest {
    seen: Option<DateTime<Utc>>,
    hold: Option<DateTime<Utc>>,
    /// The end of the list that was read least far, where one goes on behind what was read of it.
    cut: Option<DateTime<Utc>>,
}

/// How long a pull request that the journal does not know yet holds the cursor back: the run that opened it records it before
/// that, or never.
const HOLD: TimeDelta = TimeDelta::days(1);

impl Newest {
    fn see(&mut self, at: DateTime<Utc>) {
        self.seen = self.seen.max(Some(at));
    }

    fn hold(&mut self, at: DateTime<Utc>) {
        self.hold = Some(self.hold.map_or(at, |hold| hold.min(at)));
    }

    /// All of a list that goes from the oldest change to the newest, as far as it was read.
    fn part<T>(&mut self, part: Part<T>, changed: impl Fn(&T) -> DateTime<Utc>) -> Vec<T> {
        part.entries.iter().for_each(|entry| self.see(changed(entry)));
        if let Some(last) = part.entries.last().map(changed).filter(|_| part.is_cut) {
            self.cut = Some(self.cut.map_or(last, |cut| cut.min(last)));
        }
        part.entries
    }

    fn cursor(&self) -> Option<DateTime<Utc>> {
        let seen = self.seen?;
        let held = self.hold.filter(|hold| seen - *hold < HOLD).map_or(seen, |hold| seen.min(hold));
        Some(self.cut.map_or(held, |cut| held.min(cut)))
    }
}

impl GithubForge {
    /// Asks for everything since the town's cursor; where there is none, since its oldest open pull request.
    pub(super) async fn poll(&self, town: &Town) -> Result<Polled, ForgeError> {
        let cursor = town.forge.as_ref().and_then(|forge| forge.cursor);
        let oldest = || town.open_pulls().map(|pull| pull.opened_at).min();
        let since = cursor.or_else(oldest).map(|at| at - OVERLAP);
        let (mut newest, mut sightings) = (Newest { seen: cursor, hold: None, cut: None }, Vec::new());
        if let Some(since) = since {
            let comments = self.comments(since, &mut newest).await?;
            // What was said comes before what was done in the same second: it may say why.
            self.talk(town, &comments, &mut sightings);
            self.pulls(town, since, &mut newest, &mut sightings).await?;
            self.lines(town, since, &mut newest, &mut sightings).await?;
        }
        optional("posts", self.board(town, since, &mut newest, &mut sightings).await)?;
        optional("reactions", self.reactions(town, &mut sightings).await)?;
        // Stable, so that what has the same second stays in the order of its list.
        sightings.sort_by_key(|sighting| sighting.at);
        Ok(Polled { sightings, cursor: newest.cursor().filter(|newest| Some(*newest) != cursor) })
    }

    /// Pull requests that changed: merged, closed, opened again, reviewed.
    async fn pulls(
        &self,
        town: &Town,
        since: DateTime<Utc>,
        newest: &mut Newest,
        sightings: &mut Vec<Sighting>,
    ) -> Result<(), ForgeError> {
        let query = form(&[("state", "all"), ("sort", "updated"), ("direction", "desc")]);
        let is_new = |pull: &Pull| pull.updated_at >= since;
        let changed = self.client.part(&self.path(&format!("pulls?{query}")), is_new, |_| true).await?;
        changed.entries.iter().for_each(|pull| newest.see(pull.updated_at));
        // Such a list is cut at its oldest changes, which no later poll would see.
        let changed = if changed.is_cut { self.pulls_by_branch(town, is_new).await? } else { changed.entries };
        for pull in changed.iter().filter(|pull| self.place.is_ours(pull)) {
            let Some(known) = town.pulls.get(&pull.number) else {
                // Opened by a run that died before it said so; what is said on it waits until it is known.
                newest.hold(pull.created_at);
                continue;
            };
            let number = pull.number;
            let reviews: Vec<Review> =
                self.client.list(&self.path(&format!("pulls/{number}/reviews")), |_| true).await?;
            sightings.extend(reviews.iter().filter_map(|review| self.place.review(number, review)));
            match (known.state, pull.state.as_str()) {
                (PullState::Open, "closed") => {
                    let whole = self.pull(number).await?;
                    let closed_by = if whole.merged_at.is_some() { None } else { self.closed_by(number).await? };
                    // Asked for by itself: the comments since the cursor may be cut before it.
                    let reason = if whole.merged_at.is_some() { None } else { self.reason_of(number).await? };
                    sightings.extend(self.place.verdict(&whole, Some(&known.offer.head), closed_by.as_ref(), reason));
                }
                (PullState::Rejected, "closed")
                    if pull.merged_at > known.verdict.as_ref().map(|verdict| verdict.at)
                        && pull.merged_at.is_some() =>
                {
                    let whole = self.pull(number).await?;
                    sightings.extend(self.place.verdict(&whole, Some(&known.offer.head), None, None));
                }
                (PullState::Rejected, "open")
                    if known.verdict.as_ref().is_some_and(|verdict| verdict.at < pull.updated_at) =>
                {
                    sightings.push(self.place.reopened(pull, None));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The same for each branch of an agent by itself, where people's own pull requests are too many.
    async fn pulls_by_branch(&self, town: &Town, is_new: impl Fn(&Pull) -> bool) -> Result<Vec<Pull>, ForgeError> {
        let named = town.agents.keys().map(|agent| format!("{AGENT_BRANCH_PREFIX}{agent}"));
        let offered = town.pulls.values().map(|pull| pull.offer.branch.clone());
        let mut all = Vec::new();
        for branch in named.chain(offered).collect::<BTreeSet<String>>() {
            let head = format!("{}:{branch}", self.owner());
            let query = form(&[("state", "all"), ("sort", "updated"), ("direction", "desc"), ("head", &head)]);
            let changed = self.client.list(&self.path(&format!("pulls?{query}")), &is_new).await?;
            // GitHub passes over a filter that it does not understand.
            all.extend(changed.into_iter().filter(|pull| pull.head.branch == branch));
        }
        Ok(all)
    }

    pub(super) async fn closed_by(&self, number: u64) -> Result<Option<wire::User>, ForgeError> {
        let issue: Issue = self.client.get(&self.path(&format!("issues/{number}"))).await?;
        Ok(issue.closed_by)
    }

    /// The reason that somebody who may has given on a pull request with `/reject`, whenever that was.
    pub(super) async fn reason_of(&self, number: u64) -> Result<Option<(Reason, String)>, ForgeError> {
        let path = self.path(&format!("issues/{number}/comments"));
        let said: Vec<Comment> = self.client.list(&path, |_| true).await?;
        Ok(said.iter().rev().find_map(|comment| match self.command(comment)? {
            Slash::Reject(reason, text) => Some((reason, text)),
            _ => None,
        }))
    }

    fn command(&self, comment: &Comment) -> Option<Slash> {
        if wire::is_bot(comment.user.as_ref()) {
            return None;
        }
        let by = wire::login(comment.user.as_ref());
        slash::parse(comment.body.as_deref()?, &by, self.place.role(&by)).ok()?
    }

    async fn comments(&self, since: DateTime<Utc>, newest: &mut Newest) -> Result<Vec<Comment>, ForgeError> {
        let path = self.path(&format!("issues/comments?{}", since_query(since)));
        let comments = self.client.part(&path, |_| true, |last: &Comment| is_further(last.updated_at, since)).await?;
        Ok(newest.part(comments, |comment| comment.updated_at))
    }

    /// Comments on our pull requests.
    fn talk(&self, town: &Town, comments: &[Comment], sightings: &mut Vec<Sighting>) {
        for comment in comments {
            if let Some(number) = comment.number().filter(|number| town.pulls.contains_key(number)) {
                sightings.extend(self.place.comment(number, comment));
            } else if let Some(issue) = comment.number().filter(|number| town.posts.contains_key(&post_of(*number))) {
                sightings.extend(self.place.reply(issue, comment));
            }
        }
    }

    /// Comments on lines of our pull requests.
    async fn lines(
        &self,
        town: &Town,
        since: DateTime<Utc>,
        newest: &mut Newest,
        sightings: &mut Vec<Sighting>,
    ) -> Result<(), ForgeError> {
        let path = self.path(&format!("pulls/comments?{}", since_query(since)));
        let comments = self.client.part(&path, |_| true, |last: &Comment| is_further(last.updated_at, since)).await?;
        for comment in &newest.part(comments, |comment| comment.updated_at) {
            if let Some(number) = comment.number().filter(|number| town.pulls.contains_key(number)) {
                sightings.extend(self.place.comment(number, comment));
            }
        }
        Ok(())
    }

    /// Issues of the board, and what was said on those that are new here.
    async fn board(
        &self,
        town: &Town,
        since: Option<DateTime<Utc>>,
        newest: &mut Newest,
        sightings: &mut Vec<Sighting>,
    ) -> Result<(), ForgeError> {
        let state = if since.is_some() { "all" } else { "open" };
        let mut query = form(&[("labels", BOARD_LABEL), ("state", state), ("sort", "updated"), ("direction", "asc")]);
        if let Some(since) = since {
            query = format!("{query}&{}", form(&[("since", &stamp(since))]));
        }
        let enough = |last: &Issue| since.is_none_or(|since| is_further(last.updated_at, since));
        let issues = self.client.part(&self.path(&format!("issues?{query}")), |_| true, enough).await?;
        for mut issue in newest.part(issues, |issue| issue.updated_at) {
            let known = town.posts.get(&post_of(issue.number));
            if issue.state == "closed" {
                if known.is_none() {
                    // It came and went while nobody looked.
                    continue;
                }
                issue.closed_by = self.closed_by(issue.number).await?;
            }
            let posts = self.place.post(&issue);
            let is_new = known.is_none() && !posts.is_empty();
            // The post first: of what has the same second, a reply to nothing would be passed over.
            sightings.extend(posts);
            if is_new {
                let path = self.path(&format!("issues/{}/comments", issue.number));
                let said: Vec<Comment> = self.client.list(&path, |_| true).await?;
                sightings.extend(said.iter().filter_map(|comment| self.place.reply(issue.number, comment)));
            }
        }
        Ok(())
    }

    /// Reactions on open pull requests and posts, compared with those that are recorded.
    async fn reactions(&self, town: &Town, sightings: &mut Vec<Sighting>) -> Result<(), ForgeError> {
        let pulls = town.open_pulls().map(|pull| (pull.number, format!("pull/{}", pull.number), &pull.reactions));
        let posts = town.posts.iter().filter(|(_, post)| !post.closed).filter_map(|(id, post)| {
            let number: u64 = id.strip_prefix("issue-")?.parse().ok()?;
            Some((number, format!("post/{id}"), &post.reactions))
        });
        for (number, target, recorded) in pulls.chain(posts) {
            let path = self.path(&format!("issues/{number}/reactions"));
            let part: Part<wire::Reaction> = match self.client.part(&path, |_| true, |_| true).await {
                // It was deleted or moved away; what was recorded of it stays.
                Err(ForgeError::NotFound(_)) => continue,
                other => other?,
            };
            let now = part.entries;
            sightings.extend(now.iter().filter_map(|reaction| self.place.reaction(&target, reaction)));
            if part.is_cut {
                // What is not among so many may stand behind them.
                continue;
            }
            let at = self.client.clock().unwrap_or_default();
            for (id, reacted) in recorded.iter().filter(|(id, _)| !now.iter().any(|reaction| reaction.id == **id)) {
                let what = Seen::Withdrew { target: target.clone(), id: *id, kind: reacted.kind.clone() };
                sightings.push(Sighting { at, by: reacted.by.clone(), role: None, what });
            }
        }
        Ok(())
    }
}

/// Boards and reactions are extras: a repository without issues, or a token that may not read them, still has its runs.
fn optional(what: &str, asked: Result<(), ForgeError>) -> Result<(), ForgeError> {
    match asked {
        Err(why @ (ForgeError::Forbidden { .. } | ForgeError::NotFound(_))) => {
            tracing::warn!(%why, "{what} are not read; the job needs `issues: read` for them, and the repository issues");
            Ok(())
        }
        other => other,
    }
}

/// Whether the next poll gets further where this one ended, so that what was read of a list may end there.
fn is_further(last: DateTime<Utc>, since: DateTime<Utc>) -> bool {
    last >= since + OVERLAP + CURSOR_STEP
}

fn since_query(since: DateTime<Utc>) -> String {
    form(&[("since", &stamp(since)), ("sort", "updated"), ("direction", "asc")])
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
