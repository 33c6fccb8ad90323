//! A brain that is a command-line agent: one call that lets the town's command work, and what its answer means.
//! Lives here: when the command is run, what it is told besides the briefing, when it has had its chances. It holds no
//! state: the conversation says what was done already. Never here: running it (see the tool `Agent`).

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Brain, BrainError, Message, Request};
use crate::town::transcript::{Reply, StopReason, ToolCall};
use crate::town::turn::{AGENT, FINISH, NOTHING_TO_DO, Said};

/// How often the command is run before it has given an answer that can be used.
const CHANCES: usize = 2;

/// A brain that lets a command work.
#[derive(Debug)]
pub struct Command;

fn reply(name: &str, arguments: Value) -> Reply {
    let id = format!("command-{}", name.to_lowercase());
    let calls = vec![ToolCall { id, name: name.to_owned(), arguments }];
    Reply { calls, stop: StopReason::Calls, ..Reply::default() }
}

#[async_trait]
impl Brain for Command {
    fn name(&self) -> String {
        "command".to_owned()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        let messages = &request.messages;
        let ended = |why: String, late: bool| BrainError::Command { why, late };
        let Some(said) = messages.last().and_then(answer) else {
            return Ok(reply(AGENT, told(messages)));
        };
        match said {
            Said::Finish(finish) => {
                let arguments = serde_json::to_value(finish).map_err(|error| ended(error.to_string(), false))?;
                Ok(reply(FINISH, arguments))
            }
            Said::Nothing(reason) => Ok(reply(NOTHING_TO_DO, json!({"reason": reason}))),
            Said::Late => Err(ended("its time was up before it had an answer".to_owned(), true)),
            Said::Failed(why) => Err(ended(why, false)),
            Said::Unclear(why) if chances(messages) < CHANCES => {
                let more = format!(
                    "You were started before, and your files are as you left them. The end of your output could not be used: \
                     {why}. Look at what is done, finish it, and end with the JSON object."
                );
                Ok(reply(AGENT, json!({"more": more})))
            }
            Said::Unclear(why) => {
                Err(ended(format!("it gave no answer that can be used, {CHANCES} times: {why}"), false))
            }
        }
    }
}

/// How the command ended whose result the message brings.
fn answer(message: &Message<'_>) -> Option<Said> {
    let Message::User { results, .. } = message else { return None };
    let result = results.iter().rev().find(|result| result.tool == AGENT)?;
    Some(Said::of_result(result.output).unwrap_or_else(|| Said::Failed(result.output.to_owned())))
}

/// What is new since the briefing: what the gate or the machinery said of its answer.
fn told(messages: &[Message<'_>]) -> Value {
    let [_, .., Message::User { results, text }] = messages else { return json!({}) };
    let refused = results.iter().filter(|result| !text.contains(result.output)).map(|result| result.output);
    let more: Vec<&str> = refused.chain([text.as_ref()]).filter(|text| !text.trim().is_empty()).collect();
    json!({"more": more.join("\n\n")})
}

/// How often the command was run since it was last told something else than that its answer is of no use.
fn chances(messages: &[Message<'_>]) -> usize {
    let ours = messages.iter().rev().filter(|message| matches!(message, Message::User { .. }));
    ours.map(answer).take_while(Option::is_some).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::brain::messages;
    use crate::town::ids::RunId;
    use crate::town::transcript::{CallResult, Entry, Transcript, Why};
    use crate::town::turn::Finish;

    async fn ask(transcript: &Transcript) -> Result<Reply, BrainError> {
        let (now, messages) = (DateTime::UNIX_EPOCH, messages(transcript));
        let request = Request { system: "s", messages, tools: &[], max_output: 1_000, now, deadline: now };
        Command.reply(&request).await
    }

    fn briefed() -> Transcript {
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.entries.push(Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 1 });
        transcript
    }

    /// Asks, and lets the command say something.
    async fn works(transcript: &mut Transcript, said: &Said) -> Value {
        let asked = ask(transcript).await.unwrap();
        assert_eq!(asked.calls[0].name, AGENT);
        let result = CallResult::of(&asked.calls[0], true, &format!("words\n{}", said.line()));
        let arguments = asked.calls[0].arguments.clone();
        transcript.entries.extend([Entry::Reply(asked), Entry::Result(result)]);
        arguments
    }

    fn finish() -> Said {
        let (title, body) = ("Mend the sum".to_owned(), "It was wrong.".to_owned());
        Said::Finish(Finish { title, body, evidence: Vec::new(), change: None })
    }

    #[tokio::test]
    async fn it_runs_finishes_and_runs_again_with_what_the_gate_found() {
        let mut transcript = briefed();
        assert_eq!(works(&mut transcript, &finish()).await, json!({}));
        for _ in 0..2 {
            let done = ask(&transcript).await.unwrap();
            assert_eq!(
                (done.calls[0].name.as_str(), &done.calls[0].arguments["title"]),
                (FINISH, &"Mend the sum".into())
            );
            let note = Entry::Note { text: "a.sh: too large".into(), why: Why::Gate };
            transcript.entries.extend([Entry::Reply(done), note]);
            let more = works(&mut transcript, &finish()).await["more"].to_string();
            assert!(more.contains("a.sh: too large"), "{more}");
        }
        let mut idle = briefed();
        works(&mut idle, &Said::Nothing("all is well".into())).await;
        assert_eq!(ask(&idle).await.unwrap().calls[0].arguments["reason"], "all is well");
    }

    #[tokio::test]
    async fn it_has_two_chances_for_each_task() {
        let mut transcript = briefed();
        works(&mut transcript, &Said::Unclear("no JSON".into())).await;
        let more = works(&mut transcript, &finish()).await["more"].to_string();
        assert!(more.contains("could not be used: no JSON"), "{more}");
        let done = ask(&transcript).await.unwrap();
        let note = Entry::Note { text: "too large".into(), why: Why::Gate };
        transcript.entries.extend([Entry::Reply(done), note]);
        works(&mut transcript, &Said::Unclear("no JSON".into())).await;
        works(&mut transcript, &Said::Unclear("still none".into())).await;
        let error = ask(&transcript).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the command came to no answer: it gave no answer that can be used, 2 times: still none"
        );
    }

    #[tokio::test]
    async fn a_command_that_fails_is_not_run_again() {
        for (said, late) in [(Said::Failed("exit code 3".into()), false), (Said::Late, true)] {
            let mut transcript = briefed();
            works(&mut transcript, &said).await;
            // What the machinery says in between changes nothing.
            transcript.entries.push(Entry::Note { text: "Wrap up.".into(), why: Why::WrapUp });
            let error = ask(&transcript).await.unwrap_err();
            assert!(matches!(error, BrainError::Command { late: l, .. } if l == late), "{error}");
        }
    }
}
