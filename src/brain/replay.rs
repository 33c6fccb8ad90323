//! A brain that gives the replies of a recorded run again: to see what a run did, step by step, without a model.
//! Lives here: the recording's replies, and how a run that goes another way is noticed. Never here: a second chance.

use std::path::Path;

use async_trait::async_trait;

use super::{Brain, BrainError, Message, Request, messages, read_bounded};
use crate::town::transcript::{Entry, Reply, Transcript};

/// A brain with a recording.
#[derive(Debug)]
pub struct Replay {
    steps: Vec<Recorded>,
    at: usize,
}

#[derive(Debug)]
struct Recorded {
    /// What the brain was asked with.
    asked: String,
    reply: Reply,
}

impl Replay {
    /// A brain that gives the replies of `recording` in order.
    #[must_use]
    pub fn new(recording: &Transcript) -> Self {
        let conversation = messages(recording);
        let replies = recording.entries.iter().filter_map(|entry| match entry {
            Entry::Reply(reply) => Some(reply.clone()),
            _ => None,
        });
        // The conversation has one message of the brain per reply, in the same order.
        let asked = conversation.iter().enumerate().filter_map(|(at, message)| match message {
            Message::Assistant { .. } => Some(summary(&conversation[..at])),
            Message::User { .. } => None,
        });
        Self { steps: asked.zip(replies).map(|(asked, reply)| Recorded { asked, reply }).collect(), at: 0 }
    }

    /// A brain that gives the replies of the transcript in the file `path`, which is JSON.
    ///
    /// # Errors
    /// [`BrainError::Read`] and [`BrainError::BadScript`].
    pub fn open(path: &Path) -> Result<Self, BrainError> {
        let recording: Transcript = serde_json::from_str(&read_bounded(path)?)
            .map_err(|e| BrainError::BadScript { why: format!("{} is no transcript: {e}", path.display()) })?;
        Ok(Self::new(&recording))
    }

    /// Leaves out the first `replies`, which a run that was interrupted has used already.
    pub fn skip(&mut self, replies: usize) {
        self.at = replies.min(self.steps.len());
    }
}

/// What the last message brought, as far as it decides whether a run goes the same way: which calls worked. Outputs
/// may differ, because the repository may.
fn summary(messages: &[Message<'_>]) -> String {
    let Some(Message::User { results, text }) = messages.last() else { return "nothing".to_owned() };
    let calls: Vec<_> = results.iter().map(|r| format!("{} {}", r.tool, if r.ok { "ok" } else { "failed" })).collect();
    let count = match calls.len() {
        0 => "no results".to_owned(),
        1 => format!("1 result ({})", calls[0]),
        n => format!("{n} results ({})", calls.join(", ")),
    };
    if text.is_empty() { count } else { format!("{count} and text") }
}

#[async_trait]
impl Brain for Replay {
    fn name(&self) -> String {
        "replay".to_owned()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        let now = summary(&request.messages);
        let reply = self.at + 1;
        let Some(step) = self.steps.get(self.at) else {
            return Err(BrainError::Diverged { reply, recorded: "the run ended before it".to_owned(), now });
        };
        if step.asked != now {
            return Err(BrainError::Diverged { reply, recorded: step.asked.clone(), now });
        }
        self.at += 1;
        Ok(step.reply.clone())
    }

    fn finish(&mut self) -> Result<(), BrainError> {
        match self.steps.get(self.at) {
            None => Ok(()),
            Some(step) => {
                let now = "the run ended before it".to_owned();
                Err(BrainError::Diverged { reply: self.at + 1, recorded: step.asked.clone(), now })
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::town::ids::RunId;
    use crate::town::transcript::{CallResult, ToolCall};
    use chrono::DateTime;

    fn call() -> ToolCall {
        ToolCall { id: "1".into(), name: "Read".into(), arguments: json!({}) }
    }

    fn recording(ok: bool) -> Transcript {
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.entries = vec![
            Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 1 },
            Entry::Reply(Reply { calls: vec![call()], ..Reply::default() }),
            Entry::Result(CallResult::of(&call(), ok, "x")),
            Entry::Reply(Reply { text: "done".into(), ..Reply::default() }),
        ];
        transcript
    }

    fn request(transcript: &Transcript) -> Request<'_> {
        Request {
            system: "s",
            messages: messages(transcript),
            tools: &[],
            max_output: 1,
            now: DateTime::UNIX_EPOCH,
            deadline: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn it_gives_the_recorded_replies_again() {
        let mut brain = Replay::new(&recording(true));
        let mut now = recording(true);
        now.entries.truncate(1);
        assert_eq!(brain.reply(&request(&now)).await.unwrap().calls.len(), 1);
        now.entries = recording(true).entries;
        now.entries.truncate(3);
        assert_eq!(brain.reply(&request(&now)).await.unwrap().text, "done");
        brain.finish().unwrap();
        let error = brain.reply(&request(&now)).await.unwrap_err();
        assert!(error.to_string().contains("recorded: the run ended before it"), "{error}");
    }

    #[tokio::test]
    async fn a_run_that_goes_another_way_is_shown_beside_the_recording() {
        let mut brain = Replay::new(&recording(true));
        brain.skip(1);
        let mut now = recording(false);
        now.entries.truncate(3);
        let error = brain.reply(&request(&now)).await.unwrap_err().to_string();
        insta::assert_snapshot!(error, @r"
        the replay diverged at reply 2
          recorded: 1 result (Read ok)
          now:      1 result (Read failed)
        ");
        assert!(brain.finish().unwrap_err().to_string().contains("now:      the run ended before it"));
    }

    #[test]
    fn a_recording_is_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        std::fs::write(&path, serde_json::to_string(&recording(true)).unwrap()).unwrap();
        assert_eq!(Replay::open(&path).unwrap().steps.len(), 2);
        std::fs::write(&path, "{}").unwrap();
        assert!(Replay::open(&path).unwrap_err().to_string().contains("is no transcript"));
        assert!(matches!(Replay::open(&folder.path().join("none")), Err(BrainError::Read { .. })));
    }
}
