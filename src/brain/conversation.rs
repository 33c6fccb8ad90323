//! A transcript as a model sees it: messages that alternate and in which every call has its result.
//! Lives here: the derivation, pure. Never here: any provider's wire format.

use std::borrow::Cow;

use crate::town::transcript::{Entry, Reply, ToolCall, Transcript};
use crate::town::turn::answers;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// From us: the results of calls first, then text. One of the two may be empty, never both.
    User {
        /// What came of the calls of the message before, one for each.
        results: Vec<Answer<'a>>,
        /// What we say.
        text: Cow<'a, str>,
    },
    /// From the brain. One of the two may be empty, never both.
    Assistant {
        /// What it said.
        text: &'a str,
        /// What it called.
        calls: &'a [ToolCall],
    },
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'a> {
    /// The call's id.
    pub call_id: &'a str,
    /// The tool.
    pub tool: &'a str,
    /// Whether it worked.
    pub ok: bool,
    /// What the brain sees.
    pub output: &'a str,
}

/// What a call is answered with that was settled without being run.
const SETTLED: &str = "Not run. The message that follows says why.";
/// What stands for a reply that held nothing, because no provider takes an empty message back.
const SAID_NOTHING: &str = "(no reply)";
/// What stands between two replies where the transcript has nothing.
const GO_ON: &str = "Go on.";

/// The conversation of a transcript. Each message, once followed by a reply, never changes again, so that a provider's
/// cache of the beginning stays good.
#[must_use]
pub fn messages(transcript: &Transcript) -> Vec<Message<'_>> {
    let mut list = List::default();
    let mut entries = transcript.entries.as_slice();
    while let Some((first, rest)) = entries.split_first() {
        entries = rest;
        match first {
            Entry::Briefing { user, .. } => list.say(user),
            Entry::Note { text, .. } => list.say(text),
            Entry::Reply(reply) => list.reply(reply, rest),
            // Taken together with their reply above; one without a reply answers nothing.
            Entry::Result(_) => {}
        }
    }
    list.messages
}

#[derive(Default)]
struct List<'a> {
    messages: Vec<Message<'a>>,
}

impl<'a> List<'a> {
    fn say(&mut self, more: &'a str) {
        if more.trim().is_empty() {
            return;
        }
        match self.messages.last_mut() {
            Some(Message::User { text, .. }) if text.is_empty() => *text = Cow::Borrowed(more),
            Some(Message::User { text, .. }) => {
                let text = text.to_mut();
                text.push_str("\n\n");
                text.push_str(more);
            }
            _ => self.messages.push(Message::User { results: Vec::new(), text: Cow::Borrowed(more) }),
        }
    }

    fn reply(&mut self, reply: &'a Reply, rest: &'a [Entry]) {
        if !matches!(self.messages.last(), Some(Message::User { .. })) {
            self.messages.push(Message::User { results: Vec::new(), text: Cow::Borrowed(GO_ON) });
        }
        let silent = reply.text.trim().is_empty();
        let text = match (silent, reply.calls.is_empty()) {
            (true, true) => SAID_NOTHING,
            (true, false) => "",
            (false, _) => &reply.text,
        };
        self.messages.push(Message::Assistant { text, calls: &reply.calls });
        let results: Vec<_> = reply.calls.iter().zip(answers(&reply.calls, rest)).map(answer).collect();
        if !results.is_empty() {
            self.messages.push(Message::User { results, text: Cow::Borrowed("") });
        }
    }
}

fn answer<'a>((call, result): (&'a ToolCall, Option<&'a crate::town::transcript::CallResult>)) -> Answer<'a> {
    let (ok, output) = result.map_or((false, SETTLED), |result| (result.ok, result.output.as_str()));
    Answer { call_id: &call.id, tool: &call.name, ok, output }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::town::ids::RunId;
    use crate::town::transcript::{CallResult, Why};

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "Read".into(), arguments: json!({}) }
    }

    fn transcript(entries: Vec<Entry>) -> Transcript {
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.entries.push(Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 1 });
        transcript.entries.extend(entries);
        transcript
    }

    fn reply(text: &str, calls: Vec<ToolCall>) -> Entry {
        Entry::Reply(Reply { text: text.into(), calls, ..Reply::default() })
    }

    #[test]
    fn results_and_notes_share_one_message() {
        let entries = vec![
            reply("", vec![call("1"), call("2")]),
            Entry::Result(CallResult::of(&call("1"), true, "one")),
            Entry::Note { text: "The gate says no.".into(), why: Why::Gate },
            Entry::Note { text: "Wrap up.".into(), why: Why::WrapUp },
        ];
        let transcript = transcript(entries);
        let all = messages(&transcript);
        assert_eq!(all.len(), 3);
        let Message::User { results, text } = &all[2] else { panic!("from us") };
        assert_eq!(text, "The gate says no.\n\nWrap up.");
        let seen: Vec<_> = results.iter().map(|r| (r.call_id, r.ok, r.output)).collect();
        assert_eq!(seen, [("1", true, "one"), ("2", false, SETTLED)]);
    }

    #[test]
    fn an_empty_reply_is_still_a_message() {
        let transcript = transcript(vec![reply(" ", vec![]), reply("x", vec![])]);
        let texts: Vec<_> = messages(&transcript)
            .iter()
            .map(|message| match message {
                Message::User { text, .. } => text.to_string(),
                Message::Assistant { text, .. } => (*text).to_owned(),
            })
            .collect();
        assert_eq!(texts, ["u", SAID_NOTHING, GO_ON, "x"]);
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        prop_oneof![
            ("[a ]{0,2}", prop::collection::vec("[12]", 0..3))
                .prop_map(|(text, ids)| reply(&text, ids.iter().map(|id| call(id)).collect())),
            "[12]".prop_map(|id| Entry::Result(CallResult::of(&call(&id), true, "x"))),
            "[a ]{0,2}".prop_map(|text| Entry::Note { text, why: Why::Gate }),
        ]
    }

    proptest! {
        #[test]
        fn messages_alternate_and_every_call_is_answered(entries in prop::collection::vec(any_entry(), 0..20)) {
            let transcript = transcript(entries);
            let all = messages(&transcript);
            for (at, message) in all.iter().enumerate() {
                match message {
                    Message::User { results, text } => {
                        prop_assert_eq!(at % 2, 0);
                        prop_assert!(!results.is_empty() || !text.is_empty());
                    }
                    Message::Assistant { text, calls } => {
                        prop_assert_eq!(at % 2, 1);
                        prop_assert!(!text.is_empty() || !calls.is_empty());
                        let asked: Vec<_> = calls.iter().map(|c| c.id.as_str()).collect();
                        if asked.is_empty() { continue; }
                        let Some(Message::User { results, .. }) = all.get(at + 1) else {
                            return Err(TestCaseError::fail("no results"));
                        };
                        let given: Vec<_> = results.iter().map(|r| r.call_id).collect();
                        prop_assert_eq!(asked, given);
                    }
                }
            }
        }
    }
}
