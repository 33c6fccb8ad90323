//! What thinks: the seam to language models, and the brains that need none.
//!
//! Lives here: [`Brain`], what it is asked and how it fails, one file per brain. A brain is given the whole conversation
//! each time and holds nothing that a run would miss after a restart. [`Remote`] asks a provider: `patience` says when it
//! tries again, `dialect` says how each provider writes, `failure` what an answer means that is none.
//! Never here: what follows from a reply (see [`crate::town::turn`]), running a tool, the budget.
//! Start with [`Brain`], then [`conversation`] for what a transcript looks like to a model.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::town::transcript::{Reply, ToolCall, ToolSpec};

mod anthropic;
pub mod command;
pub mod conversation;
mod dialect;
pub mod embedded;
mod failure;
mod fallbacks;
mod openai;
mod patience;
pub mod relay;
pub mod remote;
pub mod replay;
pub mod scripted;
mod sse;

pub use command::Command;
pub use conversation::{Answer, Message, messages};
pub use embedded::{Embedded, PageOutcome};
pub use failure::BrainError;
pub use fallbacks::Fallbacks;
pub use remote::{Endpoint, Key, Remote};
pub use replay::Replay;
pub use scripted::Scripted;

/// One question: everything that a brain needs to give the next reply.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The rules and the persona; the same in every request of a run.
    pub system: &'a str,
    /// The conversation, alternating and starting with the user.
    pub messages: Vec<Message<'a>>,
    /// What may be called.
    pub tools: &'a [ToolSpec],
    /// Tokens that the reply may have.
    pub max_output: u32,
    /// The moment that it is.
    pub now: DateTime<Utc>,
    /// When there has to be a reply, at the latest.
    pub deadline: DateTime<Utc>,
}

/// Tokens that a provider adds to a request, to each of its messages, calls and tools, at the most.
const FRAME_TOKENS: u64 = 1_000;
const PART_TOKENS: u64 = 32;

impl Request<'_> {
    /// Tokens that the prompt can have at the most: no tokenizer makes more than one of a byte.
    #[must_use]
    pub fn prompt_upper(&self) -> u64 {
        let part = |bytes: usize| bytes as u64 + PART_TOKENS;
        let message = |message: &Message<'_>| match message {
            Message::User { results, text } => {
                part(text.len()) + results.iter().map(|r| part(r.output.len() + r.call_id.len())).sum::<u64>()
            }
            Message::Assistant { text, calls } => {
                let call = |call: &ToolCall| part(call.id.len() + call.name.len() + call.arguments.to_string().len());
                part(text.len()) + calls.iter().map(call).sum::<u64>()
            }
        };
        let tool = |tool: &ToolSpec| part(tool.name.len() + tool.description.len() + tool.parameters.to_string().len());
        FRAME_TOKENS
            + part(self.system.len())
            + self.messages.iter().map(message).sum::<u64>()
            + self.tools.iter().map(tool).sum::<u64>()
    }
}

/// Something that answers.
#[async_trait]
pub trait Brain: Send {
    /// Its name for people, for example `embedded` or a provider with its model.
    fn name(&self) -> String;

    /// Gives the next reply.
    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError>;

    /// Says at the end of a run whether all was as it should be.
    ///
    /// # Errors
    /// [`BrainError::BadScript`] where a scripted reply was not used.
    fn finish(&mut self) -> Result<(), BrainError> {
        Ok(())
    }
}

/// The largest script or recording that is read, in bytes: a whole transcript with its JSON escapes.
const SCRIPT_BYTES: u64 = 4 * crate::town::limits::RUN_OUTPUT_BYTES as u64;

/// Reads a script or recording, bounded.
fn read_bounded(path: &std::path::Path) -> Result<String, BrainError> {
    use std::io::Read as _;
    let fail = |source| BrainError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(SCRIPT_BYTES + 1).read_to_string(&mut text).map_err(fail)?;
    if text.len() as u64 > SCRIPT_BYTES {
        let why = format!("{} is larger than {SCRIPT_BYTES} bytes", path.display());
        return Err(BrainError::BadScript { why });
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
