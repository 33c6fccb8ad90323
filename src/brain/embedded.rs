//! The embedded brain: no model; the facts become the agent's page.
//! Lives here: how a page is put into replies. Never here: what stands on the page (the caller hands in the function
//! that knows).

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Brain, BrainError, Message, Request};
use crate::town::transcript::{Reply, StopReason, ToolCall};
use crate::town::turn::{FINISH, NOTHING_TO_DO};

/// What the facts make of an agent's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageOutcome {
    /// The page already says it, or there is none to keep; and why.
    Unchanged(String),
    /// Something has to change.
    Propose {
        /// The calls that change it: tool and arguments.
        calls: Vec<(&'static str, Value)>,
        /// The pull request's title.
        title: String,
        /// What is new and why.
        body: String,
        /// What shows it.
        evidence: Vec<String>,
        /// The OpenSpec change that it belongs to.
        change: Option<String>,
    },
}

/// A brain that turns a function of the facts into a proposal. It holds no state between replies: after a restart it
/// sees from the conversation what is done already.
pub struct Embedded<F> {
    page: F,
}

impl<F: FnMut() -> PageOutcome + Send> Embedded<F> {
    /// A brain that proposes what `page` says; it is asked once per reply and has to be deterministic.
    pub const fn new(page: F) -> Self {
        Self { page }
    }
}

fn reply(calls: Vec<(&'static str, Value)>) -> Reply {
    let call = |(at, (name, arguments)): (usize, (&str, Value))| {
        // One of a kind needs no number.
        let number = if at == 0 { String::new() } else { format!("-{at}") };
        ToolCall { id: format!("embedded-{}{number}", name.to_lowercase()), name: name.to_owned(), arguments }
    };
    let calls = calls.into_iter().enumerate().map(call).collect();
    Reply { calls, stop: StopReason::Calls, ..Reply::default() }
}

#[async_trait]
impl<F: FnMut() -> PageOutcome + Send> Brain for Embedded<F> {
    fn name(&self) -> String {
        "embedded".to_owned()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        let (calls, title, body, evidence, change) = match (self.page)() {
            PageOutcome::Unchanged(reason) => return Ok(reply(vec![(NOTHING_TO_DO, json!({"reason": reason}))])),
            PageOutcome::Propose { calls, title, body, evidence, change } => (calls, title, body, evidence, change),
        };
        let mut finish = json!({"title": title, "body": body, "evidence": evidence});
        if let Some(change) = change {
            finish["change"] = change.into();
        }
        match last_own_calls(&request.messages) {
            None => Ok(reply(calls)),
            Some(Err((tool, why))) => {
                // It has no second idea, so it says so instead of failing the same way again.
                let what = calls.iter().find(|(name, _)| *name == tool).map(|(_, arguments)| about(arguments));
                let what = what.unwrap_or_else(|| tool.to_owned());
                Err(BrainError::Refused { brain: self.name(), why: format!("{what} could not be written: {why}") })
            }
            // After a refusal of the gate it offers the same work again, and the run ends with the gate's findings.
            Some(Ok(())) => Ok(reply(vec![(FINISH, finish)])),
        }
    }
}

/// What a call is about, in a word.
fn about(arguments: &Value) -> String {
    let said = ["file_path", "change"].iter().find_map(|key| arguments.get(key)?.as_str());
    said.unwrap_or("the work").to_owned()
}

/// The last calls in the conversation: whether all worked, or which did not and what was said about it.
fn last_own_calls<'a>(messages: &'a [Message<'a>]) -> Option<Result<(), (&'a str, &'a str)>> {
    messages.iter().rev().find_map(|message| match message {
        Message::User { results, .. } if results.is_empty() => None,
        Message::User { results, .. } => {
            let failed = results.iter().find(|r| !r.ok && r.tool != FINISH);
            Some(failed.map_or(Ok(()), |r| Err((r.tool, r.output))))
        }
        Message::Assistant { .. } => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::brain::messages;
    use crate::town::ids::RunId;
    use crate::town::transcript::{CallResult, Entry, Transcript, Why};

    fn update() -> PageOutcome {
        PageOutcome::Propose {
            calls: vec![("Write", json!({"file_path": "qa/page.md", "content": "# Page\n"}))],
            change: None,
            title: "List what breaks".into(),
            body: "One test fails.".into(),
            evidence: vec!["a.rs:3".into()],
        }
    }

    async fn ask(transcript: &Transcript, page: PageOutcome) -> Result<Reply, BrainError> {
        let request = Request {
            system: "s",
            messages: messages(transcript),
            tools: &[],
            max_output: 1_000,
            now: DateTime::UNIX_EPOCH,
            deadline: DateTime::UNIX_EPOCH,
        };
        Embedded::new(move || page.clone()).reply(&request).await
    }

    fn briefed() -> Transcript {
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.entries.push(Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 1 });
        transcript
    }

    #[tokio::test]
    async fn it_writes_then_finishes_then_insists() {
        let mut transcript = briefed();
        let write = ask(&transcript, update()).await.unwrap();
        assert_eq!(write.calls[0].name, "Write");
        assert_eq!(write.calls[0].arguments["content"], "# Page\n");
        let result = CallResult::of(&write.calls[0], true, "written");
        transcript.entries.extend([Entry::Reply(write), Entry::Result(result)]);
        let finish = ask(&transcript, update()).await.unwrap();
        assert_eq!(finish.calls[0].name, FINISH);
        assert_eq!(finish.calls[0].arguments["evidence"][0], "a.rs:3");
        let note = Entry::Note { text: "no".into(), why: Why::Gate };
        transcript.entries.extend([Entry::Reply(finish.clone()), note]);
        assert_eq!(ask(&transcript, update()).await.unwrap(), finish);
    }

    // covers: embedded-brain#an-unchanged-page-is-left-alone
    #[tokio::test]
    async fn it_has_nothing_to_do_when_the_page_stays() {
        let reply = ask(&briefed(), PageOutcome::Unchanged("all links hold".into())).await.unwrap();
        assert_eq!(reply.calls[0].name, NOTHING_TO_DO);
        assert_eq!(reply.calls[0].arguments["reason"], "all links hold");
    }

    #[tokio::test]
    async fn a_page_that_cannot_be_written_is_no_proposal() {
        let mut transcript = briefed();
        let write = ask(&transcript, update()).await.unwrap();
        let result = CallResult::of(&write.calls[0], false, "not yours");
        transcript.entries.extend([Entry::Reply(write), Entry::Result(result)]);
        let error = ask(&transcript, update()).await.unwrap_err();
        assert_eq!(error.to_string(), "embedded refuses: qa/page.md could not be written: not yours");
    }
}
