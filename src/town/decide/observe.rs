//! What was seen on the forge, decided: which events it yields, once each, and the commands that comments carry.
//! Lives here: decisions. Never here: asking the forge.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Rejected, cut, rejection_key};
use crate::town::envelope::{Actor, Draft, natural_id};
use crate::town::event::{
    AgentHalted, Event, ForgeSynced, PostClosed, PostPublished, PostReplied, PullCommented, PullMerged, PullRejected,
    PullReopened, PullReviewed, Reaction, Reason, TownFrozen, TownThawed,
};
use crate::town::fold::{Comment, Pull, PullState, REACTIONS_KEPT, Town};
use crate::town::ids::AgentId;
use crate::town::sighting::{CommentKind, Seen, Sighting, post_of};
use crate::town::slash::{self, Slash};

/// How far a closing comment may stand from the closing, in seconds.
const CLOSING_COMMENT: i64 = 60;

/// A fact of the forge as a draft: at its own time, by its own person, under an id of its own.
fn fact(seen: &Sighting, event: Event, key: String) -> Draft {
    Draft { event, actor: Actor::Human(seen.by.clone()), corr: None, cause: None, key: Some(key), at: Some(seen.at) }
}

/// A fact, unless it is recorded already by its id.
fn once(town: &Town, seen: &Sighting, event: Event, key: String) -> Vec<Draft> {
    let id = natural_id(event.kind(), &key);
    if town.knows(&id, seen.at) { Vec::new() } else { vec![fact(seen, event, key)] }
}

/// Whether a fact is among the comments that the state remembers.
fn has(comments: &VecDeque<Comment>, kind: &str, key: &str) -> bool {
    let id = natural_id(kind, key);
    comments.iter().any(|comment| comment.id == id)
}

/// Decides what one sighting yields. What the town does not know (somebody's own pull request) yields nothing.
pub(super) fn observe(town: &Town, seen: &Sighting) -> Vec<Draft> {
    match &seen.what {
        Seen::Merged { number, commit, edited } => {
            let Some(pull) = town.pulls.get(number).filter(|pull| pull.state != PullState::Merged) else {
                return Vec::new();
            };
            let mut drafts = Vec::new();
            if pull.state == PullState::Rejected {
                // Opened again and merged while nobody looked; or an old account, which is passed over.
                drafts = reopened(town, seen, *number);
                if drafts.is_empty() {
                    return drafts;
                }
            }
            let merged = PullMerged {
                number: *number,
                by: seen.by.clone(),
                commit: commit.clone(),
                seconds_open: open_for(pull, seen.at),
                edited: *edited,
            };
            drafts.push(fact(seen, Event::PullMerged(merged), number.to_string()));
            drafts
        }
        Seen::Closed { number, reason } => closed(town, seen, *number, reason.as_ref()),
        Seen::Reopened { number } => reopened(town, seen, *number),
        Seen::Reviewed { number, id, state, text } if town.pulls.contains_key(number) => {
            let reviewed = PullReviewed {
                number: *number,
                by: seen.by.clone(),
                state: *state,
                text: cut(text, 8_000),
                forge_id: *id,
            };
            once(town, seen, Event::PullReviewed(reviewed), format!("review/{id}"))
        }
        Seen::Commented { number, comment, id, text } => commented(town, seen, *number, comment, *id, text),
        Seen::Posted { .. } | Seen::Replied { .. } | Seen::PostClosed { .. } => board(town, seen),
        Seen::Reacted { target, id, kind } => reacted(town, seen, target, *id, kind, true),
        Seen::Withdrew { target, id, kind } => reacted(town, seen, target, *id, kind, false),
        Seen::Reviewed { .. } => Vec::new(),
    }
}

/// What happens on the board.
fn board(town: &Town, seen: &Sighting) -> Vec<Draft> {
    match &seen.what {
        Seen::Posted { issue, audience, title, text, tags, updated } => {
            let post = post_of(*issue);
            if town.posts.contains_key(&post) {
                return Vec::new();
            }
            // A post that the state has forgotten and that is spoken of again is put up again.
            let key = format!("{post}/{}", updated.timestamp_millis());
            let published = PostPublished {
                post,
                author: seen.by.clone(),
                audience: audience.clone(),
                title: cut(title, 500),
                body: cut(text, 8_000),
                tags: tags.iter().take(20).map(|tag| cut(tag, 100)).collect(),
            };
            vec![fact(seen, Event::PostPublished(published), key)]
        }
        Seen::Replied { issue, id, text } if town.posts.contains_key(&post_of(*issue)) => {
            let replied = PostReplied {
                post: post_of(*issue),
                author: seen.by.clone(),
                body: cut(text, 8_000),
                forge_id: Some(*id),
            };
            // Not by its time: an issue may become a post long after it was spoken of.
            let key = format!("comment/{id}");
            let event = Event::PostReplied(replied);
            let known = town.saw_lately(&natural_id(event.kind(), &key))
                || town.posts.get(&post_of(*issue)).is_some_and(|post| has(&post.replies, event.kind(), &key));
            let mut drafts = if known { Vec::new() } else { vec![fact(seen, event, key)] };
            if !drafts.is_empty() {
                drafts.extend(follow(town, seen, None, &format!("comment/{id}"), text));
            }
            drafts
        }
        Seen::PostClosed { issue } => {
            let post = post_of(*issue);
            if town.posts.get(&post).is_none_or(|post| post.closed) {
                return Vec::new();
            }
            let key = format!("{post}/{}", seen.at.timestamp_millis());
            vec![fact(seen, Event::PostClosed(PostClosed { post, by: seen.by.clone() }), key)]
        }
        _ => Vec::new(),
    }
}

fn open_for(pull: &Pull, until: DateTime<Utc>) -> u64 {
    u64::try_from((until - pull.opened_at).num_seconds()).unwrap_or_default()
}

/// Why it was closed: as the sighting says, by the last `/reject` of somebody who may, by what the closer wrote with
/// the closing, or for no reason that was given.
fn closed(town: &Town, seen: &Sighting, number: u64, reason: Option<&(Reason, String)>) -> Vec<Draft> {
    let Some(pull) = town.pulls.get(&number).filter(|pull| pull.state == PullState::Open) else { return Vec::new() };
    if pull.reopened > 0 && seen.at < pull.updated_at {
        // An old account of the closing that was taken back since.
        return Vec::new();
    }
    let (reason, text) = reason.cloned().unwrap_or_else(|| {
        let with_it =
            |comment: &&Comment| comment.by == seen.by && (comment.at - seen.at).num_seconds().abs() <= CLOSING_COMMENT;
        let said = pull.comments.iter().rev().find(with_it).map(|comment| comment.text.clone());
        (Reason::Other, said.unwrap_or_default())
    });
    let rejected = PullRejected {
        number,
        by: seen.by.clone(),
        reason,
        text: cut(&text, 4_000),
        seconds_open: open_for(pull, seen.at),
    };
    vec![fact(seen, Event::PullRejected(rejected), rejection_key(pull))]
}

fn reopened(town: &Town, seen: &Sighting, number: u64) -> Vec<Draft> {
    let Some(pull) = town.pulls.get(&number).filter(|pull| pull.state == PullState::Rejected) else {
        return Vec::new();
    };
    if town.open_pull(&pull.agent).is_some() || seen.at < pull.updated_at {
        return Vec::new();
    }
    let event = Event::PullReopened(PullReopened { number, by: seen.by.clone() });
    vec![fact(seen, event, format!("{number}/{}", pull.reopened + 1))]
}

fn commented(town: &Town, seen: &Sighting, number: u64, kind: &CommentKind, id: u64, text: &str) -> Vec<Draft> {
    let Some(pull) = town.pulls.get(&number) else { return Vec::new() };
    let (place, key) = match kind {
        CommentKind::Talk => (None, format!("comment/{id}")),
        CommentKind::Line(place) => (Some(cut(place, 500)), format!("line/{id}")),
    };
    let said = PullCommented { number, by: seen.by.clone(), text: cut(text, 8_000), place, forge_id: Some(id) };
    let event = Event::PullCommented(said);
    let mut drafts = match kind {
        CommentKind::Talk => once(town, seen, event, key.clone()),
        // It may become visible long after it was written: with the review that it is a part of.
        CommentKind::Line(_) if town.saw_lately(&natural_id(event.kind(), &key)) => Vec::new(),
        CommentKind::Line(_) if has(&pull.comments, event.kind(), &key) => Vec::new(),
        CommentKind::Line(_) => vec![fact(seen, event, key.clone())],
    };
    // A command counts once, with the comment that carries it; one on a line of a file is no command.
    if !drafts.is_empty() && *kind == CommentKind::Talk {
        drafts.extend(follow(town, seen, Some(pull), &key, text));
    }
    drafts
}

/// What a command on the first line yields. What is refused yields nothing: the adapter tells its writer why.
fn follow(town: &Town, seen: &Sighting, pull: Option<&Pull>, key: &str, text: &str) -> Vec<Draft> {
    let Ok(Some(command)) = slash::parse(text, &seen.by, seen.role) else { return Vec::new() };
    let by = seen.by.clone();
    let known = |agent: Option<AgentId>| {
        let agent = agent.or_else(|| pull.map(|pull| pull.agent.clone()))?;
        town.agents.contains_key(&agent).then_some(agent)
    };
    let event = match command {
        Slash::Reject(reason, text) => {
            return pull.map_or_else(Vec::new, |pull| closed(town, seen, pull.number, Some(&(reason, text))));
        }
        Slash::Pause(agent, reason) => known(agent)
            .filter(|agent| !is_paused(town, agent))
            .map(|agent| Event::AgentPaused(AgentHalted { agent, by, reason: cut(&reason, 2_000) })),
        Slash::Resume(agent, reason) => known(agent)
            .filter(|agent| is_paused(town, agent))
            .map(|agent| Event::AgentResumed(AgentHalted { agent, by, reason: cut(&reason, 2_000) })),
        Slash::Freeze(reason) if town.frozen.is_none() => {
            Some(Event::TownFrozen(TownFrozen { by, reason: cut(&reason, 2_000) }))
        }
        Slash::Thaw(reason) if town.frozen.is_some() => {
            Some(Event::TownThawed(TownThawed { by, reason: cut(&reason, 2_000) }))
        }
        Slash::Freeze(_) | Slash::Thaw(_) => None,
    };
    event.map(|event| fact(seen, event, key.to_owned())).into_iter().collect()
}

fn is_paused(town: &Town, agent: &AgentId) -> bool {
    town.agents.get(agent).is_some_and(|agent| agent.paused.is_some())
}

/// Reactions are polled, so they are compared with those that are recorded.
fn reacted(town: &Town, seen: &Sighting, target: &str, id: u64, kind: &str, stands: bool) -> Vec<Draft> {
    let recorded = match target.split_once('/') {
        Some(("pull", number)) => {
            number.parse().ok().and_then(|number: u64| town.pulls.get(&number)).map(|p| &p.reactions)
        }
        Some(("post", post)) => town.posts.get(post).map(|post| &post.reactions),
        _ => None,
    };
    let Some(recorded) = recorded else { return Vec::new() };
    if recorded.contains_key(&id) == stands || (stands && recorded.len() >= REACTIONS_KEPT) {
        return Vec::new();
    }
    let reaction = Reaction { target: target.to_owned(), by: seen.by.clone(), kind: cut(kind, 40), forge_id: id };
    let event = if stands { Event::ReactionObserved(reaction) } else { Event::ReactionWithdrawn(reaction) };
    let key = format!("reaction/{id}");
    // The same reaction does not come back; what looks like it is an old account of it.
    if town.saw_lately(&natural_id(event.kind(), &key)) {
        return Vec::new();
    }
    vec![fact(seen, event, key)]
}

/// The cursor moves in steps of so much at least: what lies behind it is asked for again, and recorded once all the same.
pub const CURSOR_STEP: TimeDelta = TimeDelta::hours(1);

/// How far the forge was read, where that is well further than before.
pub(super) fn synced(town: &Town, cursor: DateTime<Utc>) -> Vec<Draft> {
    if town.forge.as_ref().and_then(|forge| forge.cursor).is_some_and(|known| cursor < known + CURSOR_STEP) {
        return Vec::new();
    }
    let event = Event::ForgeSynced(ForgeSynced { cursor });
    vec![Draft { event, actor: Actor::System("sync"), corr: None, cause: None, key: None, at: None }]
}

/// Pauses an agent, or lets it go on, at the command line.
pub(super) fn halt(town: &Town, halted: &AgentHalted, pause: bool) -> Result<Vec<Draft>, Rejected> {
    let agent = &halted.agent;
    if is_paused(town, agent) == pause {
        let is = if pause { "is paused already" } else { "is not paused" };
        return Err(Rejected::Already(format!("{agent} {is}")));
    }
    let halted = AgentHalted { reason: cut(&halted.reason, 2_000), ..halted.clone() };
    let by = halted.by.clone();
    let event = if pause { Event::AgentPaused(halted) } else { Event::AgentResumed(halted) };
    Ok(vec![super::by_human(event, &by, None)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "observe_tests.rs"]
mod tests;
