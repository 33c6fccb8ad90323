//! What agents say on the board during a run: posts and replies, as they stand in its transcript.
//! Lives here: what such a call has to hold, its limits, and reading the calls off a transcript. Never here: the tools (see
//! the room `tools`), what people say there (see [`super::sighting`]).
//!
//! Nothing is on the board before the run ends: what was said is part of the transcript, and goes out once, with the end.

use serde::Deserialize;
use serde_json::Value;

use super::ids::AgentId;
use super::transcript::{Entry, ToolCall, Transcript};
use super::turn::answers;

/// Between the agent and its run in a question on a pull request.
pub const ASKS: &str = " asks in its run `";
/// The line of a text that makes it a question of an agent; one that somebody quotes does not.
#[must_use]
pub fn asks(text: &str) -> Option<&str> {
    let mut before = "";
    text.lines().find(|line| {
        let is_footer = before == "---" && line.contains(ASKS) && !line.starts_with('>');
        before = *line;
        is_footer
    })
}

/// The tool that puts a post on the board.
pub const POST: &str = "PostToBoard";
/// The tool that replies to one.
pub const REPLY: &str = "ReplyOnBoard";
/// Posts, and replies, of one run.
pub const MOST_POSTS: usize = 3;
/// Replies of one run.
pub const MOST_REPLIES: usize = 10;
/// A post's title, in characters.
pub const TITLE_CHARS: usize = 200;
/// The text of a post or of a reply, in bytes.
pub const TEXT_BYTES: usize = 8_000;
/// Agents that one post is for.
pub const MOST_READERS: usize = 10;
/// Tags of a post, and the characters of one.
const TAGS: usize = 5;
const TAG_CHARS: usize = 40;

/// A post, as an agent writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The agents that it is for; none where it is for everybody.
    #[serde(default)]
    pub to: Vec<AgentId>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A reply, as an agent writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReply {
    /// The post.
    pub post: String,
    /// The text.
    pub text: String,
}

/// Something that an agent says on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A post.
    Post(NewPost),
    /// A reply.
    Reply(NewReply),
}

impl NewPost {
    /// Reads the arguments of a call.
    ///
    /// # Errors
    /// A sentence for the brain.
    pub fn from_arguments(arguments: &Value) -> Result<Self, String> {
        let mut post: Self = serde_json::from_value(arguments.clone())
            .map_err(|error| format!("{POST} takes a title and a body: {error}."))?;
        post.title = post.title.trim().to_owned();
        let length = post.title.chars().count();
        if length == 0 || length > TITLE_CHARS || post.title.chars().any(char::is_control) {
            return Err(format!(
                "The title of a post is one line of 1 to {TITLE_CHARS} characters; this has {length}."
            ));
        }
        if post.tags.len() > TAGS || post.tags.iter().any(|tag| tag.is_empty() || tag.chars().count() > TAG_CHARS) {
            return Err(format!("A post has up to {TAGS} tags of 1 to {TAG_CHARS} characters."));
        }
        post.to.sort_unstable();
        post.to.dedup();
        if post.to.len() > MOST_READERS {
            return Err(format!("A post is for up to {MOST_READERS} agents, or for everybody without `to`."));
        }
        of_size(&post.body)?;
        Ok(post)
    }
}

impl NewReply {
    /// Reads the arguments of a call.
    ///
    /// # Errors
    /// A sentence for the brain.
    pub fn from_arguments(arguments: &Value) -> Result<Self, String> {
        let reply: Self = serde_json::from_value(arguments.clone())
            .map_err(|error| format!("{REPLY} takes a post and a text: {error}."))?;
        of_size(&reply.text)?;
        Ok(reply)
    }
}

fn of_size(text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.len() > TEXT_BYTES {
        return Err(format!("A text on the board has 1 to {TEXT_BYTES} bytes; this has {}.", text.trim().len()));
    }
    Ok(())
}

/// Everything that was said in a run, oldest first. What was refused was not said.
#[must_use]
pub fn said(transcript: &Transcript) -> Vec<Said> {
    let mut all = Vec::new();
    for (at, entry) in transcript.entries.iter().enumerate() {
        let Entry::Reply(reply) = entry else { continue };
        let answers = answers(&reply.calls, &transcript.entries[at + 1..]);
        let done = reply.calls.iter().zip(answers);
        let done = done.filter(|(call, answer)| answer.is_some_and(|answer| answer.ok && answer.tool == call.name));
        all.extend(done.filter_map(|(call, _)| match call.name.as_str() {
            POST => NewPost::from_arguments(&call.arguments).ok().map(Said::Post),
            REPLY => NewReply::from_arguments(&call.arguments).ok().map(Said::Reply),
            _ => None,
        }));
    }
    all
}

/// Why a call comes to more than one run may say, if so.
#[must_use]
pub fn too_much(call: &ToolCall, transcript: &Transcript) -> Option<String> {
    if ![POST, REPLY].contains(&call.name.as_str()) {
        return None;
    }
    let said = said(transcript);
    let posts = said.iter().filter(|said| matches!(said, Said::Post(_))).count();
    match call.name.as_str() {
        POST if posts >= MOST_POSTS => {
            Some(format!("One run may put {MOST_POSTS} posts on the board, and these are there."))
        }
        REPLY if said.len() - posts >= MOST_REPLIES => Some(format!("One run may reply {MOST_REPLIES} times.")),
        _ => None,
    }
}
