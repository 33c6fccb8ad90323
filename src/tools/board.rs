//! `PostToBoard` and `ReplyOnBoard`: what an agent says to the town.
//! Lives here: the tools. Never here: what is said in the end (see [`crate::town::board`]), who reads it.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, spec, tell};
use crate::town::board::{MOST_POSTS, MOST_REPLIES, NewPost, NewReply, POST, REPLY, TEXT_BYTES, TITLE_CHARS};

/// What a brain hears: it is not there before the run has come to its end.
const LATER: &str = "It goes on the board when this run ends.";

/// Puts a post on the board.
pub(super) struct Post {
    spec: ToolSpec,
}

/// Replies to one of the posts that there are.
pub(super) struct Reply {
    spec: ToolSpec,
    posts: Vec<String>,
}

impl Post {
    pub(super) fn new() -> Self {
        let fields = json!({
            "title": {"type": "string", "maxLength": TITLE_CHARS, "description": "What it is about, in one line."},
            "body": {"type": "string", "description": format!("The text, in Markdown, of up to {TEXT_BYTES} bytes.")},
            "to": {"type": "array", "items": {"type": "string"}, "description": "Agents by name, who read it in their next briefing; everybody when left out."},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "A few words to find it by."},
        });
        let text = format!(
            "Puts a post on the town's board, for people and other agents. Up to {MOST_POSTS} in a run; not for what \
             belongs into your files or your proposal."
        );
        Self { spec: spec(POST, &text, fields, &["title", "body"]) }
    }
}

impl Reply {
    pub(super) fn new(posts: Vec<String>) -> Self {
        let fields = json!({
            "post": {"type": "string", "description": "The post, as your briefing names it."},
            "text": {"type": "string", "description": format!("The text, in Markdown, of up to {TEXT_BYTES} bytes.")},
        });
        let text = format!("Replies to a post on the town's board. Up to {MOST_REPLIES} times in a run.");
        Self { spec: spec(REPLY, &text, fields, &["post", "text"]), posts }
    }
}

#[async_trait]
impl Tool for Post {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &mut Context<'_>, arguments: Value) -> Result<ToolOutput, ToolError> {
        NewPost::from_arguments(&arguments).map_err(ToolError::Arguments)?;
        Ok(ToolOutput::seen(LATER))
    }
}

#[async_trait]
impl Tool for Reply {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &mut Context<'_>, arguments: Value) -> Result<ToolOutput, ToolError> {
        let reply = NewReply::from_arguments(&arguments).map_err(ToolError::Arguments)?;
        if !self.posts.contains(&reply.post) {
            let known = if self.posts.is_empty() { "none".to_owned() } else { self.posts.join(", ") };
            return tell(format!("There is no open post {:?}. There are: {known}.", super::shorten(&reply.post)));
        }
        Ok(ToolOutput::seen(LATER))
    }
}
