//! What follows from the facts that were seen on the forge: reviews, reactions, posts, and what was seen already.
//! Lives here: `apply` for those events, and [`Town::knows`]. Never here: reading the forge.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Comment, Frozen, Misfit, Post, PullState, Reacted, Town, keep_last, misfit};
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
        pull.comments.push_back(Comment { id: happened.id.clone(), by: e.by.clone(), at: happened.time, text });
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
        post.replies.push_back(Comment { id: happened.id.clone(), by: e.author.clone(), at: happened.time, text });
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

    /// Open posts that are addressed to an agent, and its own that were answered, oldest first.
    #[must_use]
    pub fn posts_for(&self, agent: &AgentId) -> Vec<(&str, &Post)> {
        let mut posts: Vec<(&str, &Post)> = self
            .posts
            .iter()
            .filter(|(_, post)| {
                // Whoever wrote a post hears of its answers.
                let answered = post.author == agent.as_str() && !post.replies.is_empty();
                !post.closed && (post.audience.contains(agent) || answered)
            })
            .map(|(id, post)| (id.as_str(), post))
            .collect();
        posts.sort_by_key(|(id, post)| (post.at, (*id).to_owned()));
        posts
    }
}
