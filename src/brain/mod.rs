//! What thinks: the seam to language models, and the brains that need none.
//!
//! Lives here: [`Brain`], what it is asked and how it fails, one file per brain. A brain is given the whole conversation
//! each time and holds nothing that a run would miss after a restart.
//! Never here: what follows from a reply (see [`crate::town::turn`]), running a tool, the budget.
//! Start with [`Brain`], then [`conversation`] for what a transcript looks like to a model.

use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::town::transcript::{Reply, ToolSpec};

pub mod conversation;
pub mod embedded;
pub mod replay;
pub mod scripted;

pub use conversation::{Answer, Message, messages};
pub use embedded::{Embedded, PageOutcome};
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

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum BrainError {
    /// It cannot be reached, or broke down; later it may work.
    #[error("{brain} is unavailable: {why}")]
    Unavailable {
        /// Which brain.
        brain: String,
        /// What happened.
        why: String,
    },
    /// It asks us to wait.
    #[error("{brain} is throttled{}", until.map(|t| format!(" until {}", t.to_rfc3339())).unwrap_or_default())]
    Throttled {
        /// Which brain.
        brain: String,
        /// When it may be asked again, where it says so.
        until: Option<DateTime<Utc>>,
    },
    /// It will not answer this, whenever it is asked: a wrong key, an unknown model, a filter.
    #[error("{brain} refuses: {why}")]
    Refused {
        /// Which brain.
        brain: String,
        /// What it said.
        why: String,
    },
    /// The conversation is larger than it can hold.
    #[error("the conversation is too long for {brain}")]
    TooLong {
        /// Which brain.
        brain: String,
    },
    /// Quota or money is used up.
    #[error("{brain} has nothing left to spend: {why}")]
    Exhausted {
        /// Which brain.
        brain: String,
        /// What is used up.
        why: String,
    },
    /// It answered something that cannot be read.
    #[error("{brain} gave an answer that cannot be read: {why}")]
    BadReply {
        /// Which brain.
        brain: String,
        /// What is wrong with it.
        why: String,
    },
    /// The script of a scripted brain does not fit.
    #[error("script: {why}")]
    BadScript {
        /// What is wrong.
        why: String,
    },
    /// A recorded run and the run of now are no longer the same.
    #[error("the replay diverged at reply {reply}\n  recorded: {recorded}\n  now:      {now}")]
    Diverged {
        /// The reply, counted from 1.
        reply: usize,
        /// What the recorded brain was asked with.
        recorded: String,
        /// What this one was asked with.
        now: String,
    },
    /// The script or recording could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl BrainError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Throttled { .. } | Self::Exhausted { .. })
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
