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
    /// The page has to change.
    Update {
        /// Where it stands.
        path: String,
        /// All that shall stand there.
        content: String,
        /// The pull request's title.
        title: String,
        /// What is new and why.
        body: String,
        /// What shows it.
        evidence: Vec<String>,
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

fn reply(name: &str, arguments: Value) -> Reply {
    let id = format!("embedded-{}", name.to_lowercase());
    let calls = vec![ToolCall { id, name: name.to_owned(), arguments }];
    Reply { calls, stop: StopReason::Calls, ..Reply::default() }
}

#[async_trait]
impl<F: FnMut() -> PageOutcome + Send> Brain for Embedded<F> {
    fn name(&self) -> String {
        "embedded".to_owned()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        let (path, content, title, body, evidence) = match (self.page)() {
            PageOutcome::Unchanged(reason) => return Ok(reply(NOTHING_TO_DO, json!({"reason": reason}))),
            PageOutcome::Update { path, content, title, body, evidence } => (path, content, title, body, evidence),
        };
        let finish = json!({"title": title, "body": body, "evidence": evidence});
        match last_own_call(&request.messages) {
            None => Ok(reply("Write", json!({"file_path": path, "content": content}))),
            Some(("Write", false, why)) => {
                // It has no second idea, so it says so instead of failing the same way again.
                Err(BrainError::Refused { brain: self.name(), why: format!("{path} could not be written: {why}") })
            }
            // After a refusal of the gate it offers the same work again, and the run ends with the gate's findings.
            Some(_) => Ok(reply(FINISH, finish)),
        }
    }
}

/// The last call in the conversation, whether it worked, and what was said about it.
fn last_own_call<'a>(messages: &'a [Message<'a>]) -> Option<(&'a str, bool, &'a str)> {
    messages.iter().rev().find_map(|message| match message {
        Message::User { results, .. } => results.last().map(|r| (r.tool, r.ok, r.output)),
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
        PageOutcome::Update {
            path: "qa/page.md".into(),
            content: "# Page\n".into(),
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
