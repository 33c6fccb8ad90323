//! What follows from the facts that were seen on the forge: reviews, reactions, posts, and what was seen already.
//! Lives here: `apply` for those events, and [`Town::knows`]. Never here: reading the forge.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Comment, Frozen, Hidden, Misfit, Post, PullState, Reacted, Town, keep_last, misfit};
use crate::town::event::{Event, PostClosed, PostPublished, PostReplied, PullReopened, PullReviewed, Reaction};
use crate::town::happened::Happened;
use crate::town::ids::AgentId;

/// Events around the cursor that are remembered by their ids.
const RECENT_KEPT: usize = 1_024;
/// Posts that the state remembers, open ones first.
const POSTS_KEPT: usize = 100;
/// Replies that the state remembers for each post.
const REPLIES_KEPT: usize = 20;
/// Bytes of a post's text that the state remembers.
const POST_BYTES: usize = 4_000;
/// Reactions that are recorded for one target.
pub const REACTIONS_KEPT: usize = 200;
/// Facts may become visible on a forge a little after later ones, so the cursor is not believed to the second.
pub const OVERLAP: TimeDelta = TimeDelta::minutes(10);

impl Town {
    /// Whether a fact that was seen on the forge, and happened at this moment, is recorded already.
    #[must_use]
    pub fn knows(&self, id: &str, at: DateTime<Utc>) -> bool {
        self.read_up_to().is_some_and(|read| at < read) || self.saw_lately(id)
    }

    /// The moment before which everything was read: the cursor, as far as it is believed.
    #[must_use]
    pub fn read_up_to(&self) -> Option<DateTime<Utc>> {
        self.forge.as_ref().and_then(|forge| forge.cursor).map(|cursor| cursor - OVERLAP)
    }

    /// Whether an event of this id is among those that were observed last.
    #[must_use]
    pub fn saw_lately(&self, id: &str) -> bool {
        self.forge.as_ref().is_some_and(|forge| forge.recent.iter().any(|known| known == id))
    }

    /// Applies what was seen on the forge, and what people said of an agent.
    pub(super) fn evolve_observed(&mut self, event: &Event, happened: &Happened) -> Result<(), Misfit> {
        let at = happened.time;
        match event {
            Event::PullReviewed(e) => self.pull_reviewed(e, happened),
            Event::PullReopened(e) => self.pull_reopened(e, at),
            Event::ReactionObserved(e) => self.reaction_observed(e, happened),
            Event::ReactionWithdrawn(e) => self.reaction_withdrawn(e, happened),
            Event::PostPublished(e) => self.post_published(e, happened),
            Event::PostReplied(e) => self.post_replied(e, happened),
            Event::PostClosed(e) => self.post_closed(e),
            Event::PostHidden(e) => self.mask(&e.post, Some(Hidden { by: e.by.clone(), reason: e.reason.clone(), at })),
            Event::PostRestored(e) => self.mask(&e.post, None),
            Event::AgentPaused(e) => {
                let agent = self.agents.entry(e.agent.clone()).or_default();
                agent.paused = Some(Frozen { by: e.by.clone(), reason: e.reason.clone(), since: at });
                Ok(())
            }
            Event::AgentResumed(e) => {
                self.agents.entry(e.agent.clone()).or_default().paused = None;
                Ok(())
            }
            Event::ForgeSynced(e) => {
                self.forge.get_or_insert_default().cursor = Some(e.cursor);
                Ok(())
            }
            // Everything else is dealt with where this is called from.
            _ => Ok(()),
        }
    }

    pub(super) fn saw(&mut self, happened: &Happened) {
        let recent = &mut self.forge.get_or_insert_default().recent;
        recent.push_back(happened.id.clone());
        keep_last(recent, RECENT_KEPT);
    }

    pub(super) fn pull_reviewed(&mut self, e: &PullReviewed, happened: &Happened) -> Result<(), Misfit> {
        let pull = self.pulls.get_mut(&e.number).ok_or_else(|| misfit(format!("no pull request #{}", e.number)))?;
        let text = if e.text.is_empty() {
            format!("({})", e.state.verb())
        } else {
            format!("({}) {}", e.state.verb(), e.text)
        };
        pull.comments.push_back(Comment::said(happened, &e.by, text));
        keep_last(&mut pull.comments, super::COMMENTS_KEPT);
        self.saw(happened);
        Ok(())
    }

    pub(super) fn pull_reopened(&mut self, e: &PullReopened, at: DateTime<Utc>) -> Result<(), Misfit> {
        let pull = self.pulls.get(&e.number).ok_or_else(|| misfit(format!("no pull request #{}", e.number)))?;
        if pull.state != PullState::Rejected {
            return Err(misfit(format!("pull request #{} was not rejected", e.number)));
        }
        if let Some(open) = self.open_pull(&pull.agent) {
            return Err(misfit(format!("{} has #{} open", pull.agent, open.number)));
        }
        let agent = pull.agent.clone();
        if let Some(pull) = self.pulls.get_mut(&e.number) {
            pull.state = PullState::Open;
            pull.verdict = None;
            pull.updated_at = at;
            pull.reopened += 1;
            pull.reopened_at = Some(at);
        }
        // The rejection was taken back, so it counts no more.
        let agent = self.agents.entry(agent).or_default();
        agent.rejected = agent.rejected.saturating_sub(1);
        self.totals.rejected = self.totals.rejected.saturating_sub(1);
        Ok(())
    }

    pub(super) fn reaction_observed(&mut self, e: &Reaction, happened: &Happened) -> Result<(), Misfit> {
        let reactions =
            self.reactions_mut(&e.target).ok_or_else(|| misfit(format!("there is nothing called {}", e.target)))?;
        reactions.insert(e.forge_id, Reacted { by: e.by.clone(), kind: e.kind.clone() });
        self.saw(happened);
        Ok(())
    }

    pub(super) fn reaction_withdrawn(&mut self, e: &Reaction, happened: &Happened) -> Result<(), Misfit> {
        let reactions = self.reactions_mut(&e.target);
        let known = reactions.and_then(|reactions| reactions.remove(&e.forge_id));
        known.ok_or_else(|| misfit(format!("{} has no reaction {}", e.target, e.forge_id)))?;
        self.saw(happened);
        Ok(())
    }

    fn reactions_mut(&mut self, target: &str) -> Option<&mut std::collections::BTreeMap<u64, Reacted>> {
        match target.split_once('/')? {
            ("pull", number) => self.pulls.get_mut(&number.parse().ok()?).map(|pull| &mut pull.reactions),
            ("post", post) => self.posts.get_mut(post).map(|post| &mut post.reactions),
            _ => None,
        }
    }

    pub(super) fn post_published(&mut self, e: &PostPublished, happened: &Happened) -> Result<(), Misfit> {
        if self.posts.contains_key(&e.post) {
            return Err(misfit(format!("the post {} was there already", e.post)));
        }
        let post = Post {
            author: e.author.clone(),
            audience: e.audience.clone(),
            title: e.title.clone(),
            body: crate::town::text::truncate_middle(&e.body, POST_BYTES),
            at: happened.time,
            closed: false,
            hidden: None,
            replies: std::collections::VecDeque::new(),
            reactions: std::collections::BTreeMap::new(),
        };
        self.posts.insert(e.post.clone(), post);
        self.saw(happened);
        self.forget_posts();
        Ok(())
    }

    pub(super) fn post_replied(&mut self, e: &PostReplied, happened: &Happened) -> Result<(), Misfit> {
        let post = self.posts.get_mut(&e.post).ok_or_else(|| misfit(format!("there is no post {}", e.post)))?;
        let text = crate::town::text::truncate_middle(&e.body, POST_BYTES);
        post.replies.push_back(Comment::said(happened, &e.author, text));
        keep_last(&mut post.replies, REPLIES_KEPT);
        if e.forge_id.is_some() {
            self.saw(happened);
        }
        Ok(())
    }

    pub(super) fn post_closed(&mut self, e: &PostClosed) -> Result<(), Misfit> {
        let post = self.posts.get_mut(&e.post).ok_or_else(|| misfit(format!("there is no post {}", e.post)))?;
        post.closed = true;
        Ok(())
    }

    /// Hides a post or a reply, or shows it again.
    fn mask(&mut self, id: &str, hidden: Option<Hidden>) -> Result<(), Misfit> {
        let mark = if self.posts.contains_key(id) {
            self.posts.get_mut(id).map(|post| &mut post.hidden)
        } else {
            let mut replies = self.posts.values_mut().flat_map(|post| &mut post.replies);
            replies.find(|reply| reply.id == id).map(|reply| &mut reply.hidden)
        };
        *mark.ok_or_else(|| misfit(format!("there is no post or reply {id}")))? = hidden;
        Ok(())
    }

    fn forget_posts(&mut self) {
        while self.posts.len() > POSTS_KEPT {
            // What people wrote stays longest, so that no agent can push a letter out.
            let oldest = self.posts.iter().min_by_key(|(id, post)| {
                let by_agent = post.author.parse::<AgentId>().is_ok_and(|agent| self.agents.contains_key(&agent));
                (!post.closed, !by_agent, post.at, (*id).clone())
            });
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { return };
            self.posts.remove(&oldest);
        }
    }

    /// Open posts that are addressed to an agent, and its own that were answered, oldest first; none that is hidden.
    #[must_use]
    pub fn posts_for(&self, agent: &AgentId) -> Vec<(&str, &Post)> {
        let mut posts: Vec<(&str, &Post)> = self
            .posts
            .iter()
            .filter(|(_, post)| {
                // Whoever wrote a post hears of its answers.
                let answered = post.author == agent.as_str() && !post.replies.is_empty();
                !post.closed && post.hidden.is_none() && (post.audience.contains(agent) || answered)
            })
            .map(|(id, post)| (id.as_str(), post))
            .collect();
        posts.sort_by_key(|(id, post)| (post.at, (*id).to_owned()));
        posts
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tell(town: &mut Town, id: &str, kind: &str, data: &Value) -> Result<(), Misfit> {
        let data = serde_json::value::to_raw_value(data).unwrap();
        let event = Event::decode(&format!("monkeytown.post.{kind}.v1"), &data).unwrap().unwrap();
        let kind = event.kind().into();
        let happened = Happened { id: id.to_owned(), kind, time: DateTime::default(), event: Ok(None) };
        town.evolve_observed(&event, &happened)
    }

    #[test]
    fn what_is_hidden_stays_hidden_until_it_is_restored_and_is_in_no_inbox() {
        let agent: AgentId = "founderai".parse().unwrap();
        let mut town = Town::default();
        let post = json!({ "post": "issue-7", "author": "ada", "audience": ["founderai"], "title": "t", "body": "b" });
        tell(&mut town, "e1", "published", &post).unwrap();
        tell(&mut town, "e2", "replied", &json!({ "post": "issue-7", "author": "bo", "body": "r" })).unwrap();
        let plain = serde_json::to_value(&town.posts).unwrap();
        let hide = |post: &str| json!({ "post": post, "by": "ada", "reason": "rude" });
        tell(&mut town, "e3", "hidden", &hide("issue-7")).unwrap();
        let mark = json!({ "by": "ada", "reason": "rude", "at": "1970-01-01T00:00:00Z" });
        assert_eq!(serde_json::to_value(&town.posts["issue-7"].hidden).unwrap(), mark);
        assert!(town.posts_for(&agent).is_empty());
        tell(&mut town, "e4", "closed", &json!({ "post": "issue-7", "by": "ada" })).unwrap();
        assert!(town.posts["issue-7"].hidden.is_some(), "other events leave the mark");
        town.posts.get_mut("issue-7").unwrap().closed = false;
        tell(&mut town, "e5", "restored", &json!({ "post": "issue-7", "by": "ada" })).unwrap();
        assert_eq!(town.posts_for(&agent).len(), 1);
        tell(&mut town, "e6", "hidden", &hide("e2")).unwrap();
        assert!(town.posts["issue-7"].hidden.is_none() && town.posts["issue-7"].replies[0].hidden.is_some());
        tell(&mut town, "e7", "restored", &hide("e2")).unwrap();
        assert_eq!(serde_json::to_value(&town.posts).unwrap(), plain, "nothing of it is left");
        tell(&mut town, "e8", "hidden", &hide("issue-8")).unwrap_err();
    }
}
