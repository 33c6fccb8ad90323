//! What an agent's run says, on its pull request and on the board.
//! Lives here: the events that follow, each once. Never here: making the words fit to leave (see [`crate::town::outgoing`]).

use super::{Rejected, Saying, cut, in_flight, of_run};
use crate::town::board::{MOST_POSTS, MOST_READERS, MOST_REPLIES, Said};
use crate::town::envelope::{Actor, Draft};
use crate::town::event::{Event, PostPublished, PostReplied, PullCommented};
use crate::town::fold::Town;

/// Bytes of a text that an event carries.
const TEXT_BYTES: usize = 10_000;

/// Only a run in flight says something, so that saying it twice says it once.
pub(super) fn say(town: &Town, saying: &Saying) -> Result<Vec<Draft>, Rejected> {
    if in_flight(town, &saying.agent, &saying.run).is_err() {
        return Ok(Vec::new());
    }
    let author = saying.agent.to_string();
    let draft = |event: Event, key: String| of_run(event, Actor::Agent(saying.agent.clone()), &saying.run, &key);
    let mut drafts = Vec::new();
    if let Some((number, text)) = &saying.asked {
        if !town.pulls.contains_key(number) {
            return Err(Rejected::NoPull { number: *number });
        }
        let text = cut(text, TEXT_BYTES);
        let asked = PullCommented { number: *number, by: author.clone(), text, place: None, forge_id: None };
        drafts.push(draft(Event::PullCommented(asked), format!("asked/{}", saying.run)));
    }
    let (mut posts, mut replies) = (0, 0);
    for (at, said) in saying.board.iter().enumerate() {
        // A transcript of another job may hold any number.
        let (count, most) = match said {
            Said::Post(_) => (&mut posts, MOST_POSTS),
            Said::Reply(_) => (&mut replies, MOST_REPLIES),
        };
        *count += 1;
        if *count > most {
            continue;
        }
        let key = format!("{}/{}", saying.run, at + 1);
        match said {
            Said::Post(post) => {
                let published = PostPublished {
                    post: format!("{}-{}", saying.run, at + 1),
                    author: author.clone(),
                    audience: post.to.iter().take(MOST_READERS).cloned().collect(),
                    title: cut(&post.title, 500),
                    body: cut(&post.body, TEXT_BYTES),
                    tags: post.tags.iter().map(|tag| cut(tag, 100)).collect(),
                };
                drafts.push(draft(Event::PostPublished(published), key));
            }
            // Whoever closed the post meanwhile wants no more replies.
            Said::Reply(reply) if town.posts.get(&reply.post).is_some_and(|post| !post.closed) => {
                let body = cut(&reply.text, TEXT_BYTES);
                let replied = PostReplied { post: reply.post.clone(), author: author.clone(), body, forge_id: None };
                drafts.push(draft(Event::PostReplied(replied), key));
            }
            Said::Reply(_) => {}
        }
    }
    Ok(drafts)
}
