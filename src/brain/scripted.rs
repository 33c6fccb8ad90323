//! A brain that says what a script says, and keeps the receipts: for tests and walkthroughs.
//! Lives here: the script's format, and what must hold of every request. Never here: anything random.
//!
//! A script is YAML or JSON, a list of replies or an object with the key `replies`:
//! ```yaml
//! replies:
//!   - text: Let me look.
//!     expect: ["chaostester", "## Facts"]     # what the request has to contain
//!     calls:
//!       - { name: Read, arguments: { file_path: README.md } }
//!   - calls:
//!       - { name: Finish, arguments: { title: Mend the link, body: It led nowhere. } }
//!   - error: throttled                        # or unavailable, refused, exhausted, too_long
//! ```

use std::collections::VecDeque;
use std::path::Path;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::{Brain, BrainError, Message, Request, read_bounded};
use crate::town::text::truncate_middle;
use crate::town::transcript::{Reply, StopReason, ToolCall, Usage, hash_of};

/// A brain with a script.
#[derive(Debug)]
pub struct Scripted {
    replies: VecDeque<ScriptedReply>,
    total: usize,
    receipts: Vec<Receipt>,
    /// Hashes of the messages of the last request, to see that the past did not change.
    seen: Vec<String>,
    system: Option<String>,
}

/// What one request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What it brought that the request before it had not: system prompt, messages.
    pub news: String,
    /// Messages in all.
    pub messages: usize,
    /// The names of the tools that were offered.
    pub tools: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    replies: Vec<ScriptedReply>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptedReply {
    #[serde(default)]
    text: String,
    #[serde(default)]
    calls: Vec<ScriptedCall>,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    usage: Usage,
    stop: Option<StopReason>,
    error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptedCall {
    id: Option<String>,
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    Unavailable,
    Throttled,
    Refused,
    Exhausted,
    TooLong,
}

fn bad(why: impl Into<String>) -> BrainError {
    BrainError::BadScript { why: why.into() }
}

impl Scripted {
    /// A brain that says what the YAML or JSON in `script` says.
    ///
    /// # Errors
    /// [`BrainError::BadScript`] when it is no script.
    pub fn parse(script: &str) -> Result<Self, BrainError> {
        let value: Value = serde_yaml::from_str(script).map_err(|e| bad(e.to_string()))?;
        let replies: Result<Vec<_>, _> = match &value {
            Value::Object(_) => serde_json::from_value(value).map(|script: Script| script.replies),
            _ => serde_json::from_value(value),
        };
        let replies = replies.map_err(|e| bad(e.to_string()))?;
        let total = replies.len();
        Ok(Self { replies: replies.into(), total, receipts: Vec::new(), seen: Vec::new(), system: None })
    }

    /// A brain that says what the file says.
    ///
    /// # Errors
    /// [`BrainError::Read`] and [`BrainError::BadScript`].
    pub fn open(path: &Path) -> Result<Self, BrainError> {
        Self::parse(&read_bounded(path)?)
    }

    /// What it was asked so far.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Leaves out the first `replies`, which a run that was interrupted has used already.
    pub fn skip(&mut self, replies: usize) {
        self.replies.drain(..replies.min(self.replies.len()));
    }

    fn keep_receipt(&mut self, request: &Request<'_>) -> Result<(), BrainError> {
        let at = self.receipts.len() + 1;
        check_order(&request.messages).map_err(|why| bad(format!("request {at}: {why}")))?;
        match &self.system {
            None => self.system = Some(request.system.to_owned()),
            Some(system) if system == request.system => {}
            Some(_) => return Err(bad(format!("request {at}: the system prompt changed within a run"))),
        }
        let texts: Vec<_> = request.messages.iter().map(readable).collect();
        let hashes: Vec<_> = texts.iter().map(|text| hash_of(text.as_bytes())).collect();
        if !hashes.starts_with(&self.seen) {
            return Err(bad(format!("request {at}: a message that was already sent changed")));
        }
        let mut news = if self.seen.is_empty() { format!("system: {}\n", request.system) } else { String::new() };
        news.extend(texts[self.seen.len()..].iter().map(String::as_str));
        let tools = request.tools.iter().map(|tool| tool.name.clone()).collect();
        self.receipts.push(Receipt { news, messages: texts.len(), tools });
        self.seen = hashes;
        Ok(())
    }
}

/// What has to hold of every conversation that is sent to a model.
fn check_order(messages: &[Message<'_>]) -> Result<(), String> {
    let mut open: &[ToolCall] = &[];
    for (at, message) in messages.iter().enumerate() {
        match message {
            Message::User { results, .. } if at % 2 == 0 => {
                let asked: Vec<_> = open.iter().map(|call| call.id.as_str()).collect();
                let given: Vec<_> = results.iter().map(|result| result.call_id).collect();
                if asked != given {
                    return Err(format!("message {at}: calls {asked:?} were answered with results {given:?}"));
                }
                open = &[];
            }
            Message::Assistant { calls, .. } if at % 2 == 1 => open = calls,
            _ => return Err(format!("message {at}: the same side speaks twice")),
        }
    }
    if messages.len().is_multiple_of(2) {
        return Err("the last word is not ours".to_owned());
    }
    Ok(())
}

/// A message as text, for receipts and `expect`.
fn readable(message: &Message<'_>) -> String {
    match message {
        Message::User { results, text } => {
            let results = results.iter().map(|r| {
                let mark = if r.ok { "ok" } else { "failed" };
                format!("result of {} ({mark}): {}\n", r.tool, r.output)
            });
            let said = if text.is_empty() { String::new() } else { format!("user: {text}\n") };
            results.chain([said]).collect()
        }
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| format!("call {} {}\n", call.name, call.arguments));
            std::iter::once(format!("assistant: {text}\n")).chain(calls).collect()
        }
    }
}

fn contains(request: &Request<'_>, wanted: &str) -> bool {
    request.system.contains(wanted) || request.messages.iter().any(|message| readable(message).contains(wanted))
}

#[async_trait]
impl Brain for Scripted {
    fn name(&self) -> String {
        "scripted".to_owned()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        self.keep_receipt(request)?;
        let at = self.total - self.replies.len() + 1;
        let Some(next) = self.replies.pop_front() else {
            return Err(bad(format!("the script has {} replies and a further one was asked for", self.total)));
        };
        for wanted in &next.expect {
            if !contains(request, wanted) {
                let last = request.messages.last().map(readable).unwrap_or_default();
                let last = truncate_middle(&last, 2_000);
                return Err(bad(format!("reply {at}: the request does not contain {wanted:?}; it ends with\n{last}")));
            }
        }
        if let Some(failure) = next.error {
            return Err(failure.error(self.name()));
        }
        let named = |(n, call): (usize, ScriptedCall)| ToolCall {
            id: call.id.unwrap_or_else(|| format!("call-{at}-{}", n + 1)),
            name: call.name,
            arguments: call.arguments,
        };
        let calls: Vec<_> = next.calls.into_iter().enumerate().map(named).collect();
        let stop = next.stop.unwrap_or(if calls.is_empty() { StopReason::End } else { StopReason::Calls });
        Ok(Reply { text: next.text, calls, stop, usage: next.usage, ..Reply::default() })
    }

    fn finish(&mut self) -> Result<(), BrainError> {
        match self.replies.len() {
            0 => Ok(()),
            left => Err(bad(format!("{left} of {} scripted replies were not used", self.total))),
        }
    }
}

impl Failure {
    fn error(self, brain: String) -> BrainError {
        let why = "the script says so".to_owned();
        match self {
            Self::Unavailable => BrainError::Unavailable { brain, why },
            Self::Throttled => BrainError::Throttled { brain, until: None, why },
            Self::Refused => BrainError::Refused { brain, why },
            Self::Exhausted => BrainError::Exhausted { brain, until: None, why },
            Self::TooLong => BrainError::TooLong { brain },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use chrono::DateTime;

    fn user(text: &str) -> Message<'_> {
        Message::User { results: Vec::new(), text: Cow::Borrowed(text) }
    }

    fn request<'a>(system: &'a str, messages: &[Message<'a>]) -> Request<'a> {
        Request {
            system,
            messages: messages.to_vec(),
            tools: &[],
            max_output: 100,
            now: DateTime::UNIX_EPOCH,
            deadline: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn it_says_what_the_script_says_in_yaml_and_json() {
        for script in [
            "replies:\n  - text: hm\n    calls:\n      - {name: Read, arguments: {file_path: a}}\n",
            "\n[{\"text\": \"hm\", \"calls\": [{\"name\": \"Read\", \"arguments\": {\"file_path\": \"a\"}}]}]",
        ] {
            let mut brain = Scripted::parse(script).unwrap();
            let reply = brain.reply(&request("s", &[user("u")])).await.unwrap();
            assert_eq!((reply.text.as_str(), reply.calls[0].id.as_str()), ("hm", "call-1-1"));
            assert_eq!(reply.stop, StopReason::Calls);
            brain.finish().unwrap();
            assert_eq!(brain.receipts()[0].news, "system: s\nuser: u\n");
        }
    }

    #[test]
    fn what_is_no_script_is_named() {
        let cases = [
            ("replies: []\nmood: 1", "mood"),
            ("- {txt: hm}", "txt"),
            ("3", "sequence"),
            ("a: [", "flow"),
            ("- {error: moon}", "moon"),
        ];
        for (script, part) in cases {
            let error = Scripted::parse(script).unwrap_err().to_string();
            assert!(error.contains(part), "{script}: {error}");
        }
    }

    #[tokio::test]
    async fn it_counts_the_replies_in_both_directions() {
        let mut brain = Scripted::parse("[{text: a}]").unwrap();
        assert!(brain.finish().unwrap_err().to_string().contains("1 of 1 scripted replies were not used"));
        let messages = [user("u")];
        brain.reply(&request("s", &messages)).await.unwrap();
        let error = brain.reply(&request("s", &messages)).await.unwrap_err();
        assert!(error.to_string().contains("a further one was asked for"), "{error}");
    }

    #[tokio::test]
    async fn an_expectation_that_fails_shows_the_end_of_the_request() {
        let mut brain = Scripted::parse("[{text: a, expect: [monkey, 'moon']}]").unwrap();
        let error = brain.reply(&request("a monkey", &[user("the sun")])).await.unwrap_err().to_string();
        assert!(error.contains("does not contain \"moon\"") && error.contains("the sun"), "{error}");
    }

    #[tokio::test]
    async fn broken_conversations_are_refused() {
        let calls = [ToolCall { id: "c".into(), name: "Read".into(), arguments: Value::Null }];
        let assistant = |calls| Message::Assistant { text: "x", calls };
        let cases = [
            (vec![user("u"), user("v")], "speaks twice"),
            (vec![user("u"), assistant(&calls[..0])], "last word is not ours"),
            (vec![user("u"), assistant(&calls), user("v")], "were answered with results []"),
            (vec![], "last word is not ours"),
        ];
        for (messages, part) in cases {
            let mut brain = Scripted::parse("[{text: a}]").unwrap();
            let error = brain.reply(&request("s", &messages)).await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[tokio::test]
    async fn the_past_of_a_conversation_does_not_change() {
        let assistant = Message::Assistant { text: "a", calls: &[] };
        let mut brain = Scripted::parse("[{text: a}, {text: b}]").unwrap();
        brain.reply(&request("s", &[user("u")])).await.unwrap();
        let changed = [user("other"), assistant.clone(), user("v")];
        let error = brain.reply(&request("s", &changed)).await.unwrap_err().to_string();
        assert!(error.contains("already sent changed"), "{error}");
        let error = brain.reply(&request("t", &[user("u"), assistant, user("v")])).await.unwrap_err().to_string();
        assert!(error.contains("system prompt changed"), "{error}");
    }

    #[tokio::test]
    async fn it_fails_on_demand() {
        let mut brain = Scripted::parse("[{error: throttled}, {error: refused}]").unwrap();
        let messages = [user("u")];
        let temporary = brain.reply(&request("s", &messages)).await.unwrap_err();
        assert!(temporary.is_temporary() && matches!(temporary, BrainError::Throttled { .. }));
        assert!(!brain.reply(&request("s", &messages)).await.unwrap_err().is_temporary());
    }
}
