//! Questions that a command-line agent puts to the town's model by itself: what is passed on of them, and what they used.
//!
//! Lives here: reading a question of any dialect so that its worst case is known, and listening to its answer. What could cost
//! more than its bytes and its longest reply say, or reach further than the model, is taken out or not passed on. Never
//! here: sending (see [`super::remote`]), money, who may ask.
//! Start with [`Question::read`].

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::dialect::{Dialect, Listener, number};
use super::{Endpoint, FRAME_TOKENS, sse};
use crate::town::settings::Provider;
use crate::town::transcript::Usage;

/// Tokens of a reply, where a question does not say.
const OUTPUT: u64 = 8_000;
/// What a question may say in each dialect. Other fields are left out: they choose other models, tools of the provider's, or
/// what it remembers, and each of these may cost more than the question shows.
const MESSAGES: &str =
    "messages max_tokens system stream temperature top_k top_p tools tool_choice stop_sequences thinking metadata";
const CHAT: &str = "messages max_tokens max_completion_tokens stream temperature top_p tools tool_choice parallel_tool_calls \
                    stop seed response_format reasoning_effort frequency_penalty presence_penalty logit_bias";
const RESPONSES: &str = "input instructions max_output_tokens stream temperature top_p tools tool_choice parallel_tool_calls \
                         reasoning text include truncation";
/// Parts of a conversation that are text. A picture or a document has more tokens than bytes show, and an address lets the
/// provider fetch what it names.
const TEXT: [&str; 18] = [
    "text",
    "input_text",
    "output_text",
    "refusal",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "message",
    "reasoning",
    "reasoning_text",
    "summary_text",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "local_shell_call",
    "local_shell_call_output",
];

/// A way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Chat completions, or messages.
    Spoken(Dialect),
    /// OpenAI's responses.
    Responses,
}

/// A question as it is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    way: Way,
    /// Where it goes, below the base address.
    pub(super) path: &'static str,
    /// What is sent.
    pub(super) body: Bytes,
    /// Tokens that the prompt can have at the most.
    pub prompt: u64,
    /// Tokens that the reply can have at the most.
    pub output: u64,
}

impl Question {
    /// Reads a question that was put to `path`, for the model of this endpoint, whichever it names.
    ///
    /// # Errors
    /// A sentence for whoever asks, where it is not passed on.
    pub fn read(endpoint: &Endpoint, path: &str, body: &[u8]) -> Result<Self, String> {
        let dialect = if endpoint.provider == Provider::Anthropic { Dialect::Anthropic } else { Dialect::Openai };
        let (way, path, fields) = match (dialect, path) {
            (Dialect::Anthropic, "/v1/messages") => (Way::Spoken(dialect), dialect.path(), MESSAGES),
            (Dialect::Openai, "/v1/chat/completions") => (Way::Spoken(dialect), dialect.path(), CHAT),
            (Dialect::Openai, "/v1/responses") => (Way::Responses, "/responses", RESPONSES),
            (Dialect::Anthropic, _) => return Err("only POST to /v1/messages is passed on".to_owned()),
            (Dialect::Openai, _) => {
                return Err("only POST to /v1/chat/completions and /v1/responses is passed on".to_owned());
            }
        };
        let said: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| format!("the question is no JSON object: {error}"))?;
        let known: Vec<&str> = fields.split_whitespace().collect();
        let mut asked: Map<String, Value> =
            said.into_iter().filter(|(name, _)| known.contains(&name.as_str())).collect();
        for name in ["messages", "input", "system"] {
            only_text(asked.get(name).unwrap_or(&Value::Null))?;
        }
        if let Some(Value::Array(tools)) = asked.get_mut("tools") {
            // What the provider would do itself, such as searching, is no tool of the agent's.
            let own = |tool: &Value| tool.get("type").is_none_or(|kind| kind == "function" || kind == "custom");
            tools.retain(own);
        }
        asked.values_mut().for_each(cheap_cache);
        let output = longest(&mut asked, way)?;
        asked.insert("model".to_owned(), endpoint.model.clone().into());
        match way {
            Way::Responses => drop(asked.insert("store".to_owned(), false.into())),
            Way::Spoken(Dialect::Openai) if asked.get("stream") == Some(&Value::Bool(true)) => {
                asked.insert("stream_options".to_owned(), json!({"include_usage": true}));
            }
            Way::Spoken(_) => {}
        }
        let body = Bytes::from(Value::Object(asked).to_string());
        Ok(Self { way, path, prompt: FRAME_TOKENS + body.len() as u64, body, output })
    }
}

/// The longest reply that is asked for; where nothing is said, a limit is set.
fn longest(asked: &mut Map<String, Value>, way: Way) -> Result<u64, String> {
    let names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let said: Vec<&Value> = names.iter().filter_map(|name| asked.get(*name)).filter(|value| !value.is_null()).collect();
    let numbers: Option<Vec<u64>> = said.iter().map(|value| value.as_u64().filter(|most| *most > 0)).collect();
    match numbers.ok_or("the longest reply is no number of tokens")?.into_iter().max() {
        Some(most) => Ok(most),
        None => {
            let name = if way == Way::Responses { "max_output_tokens" } else { "max_tokens" };
            asked.insert(name.to_owned(), OUTPUT.into());
            Ok(OUTPUT)
        }
    }
}

/// Refuses what is no text in a conversation.
fn only_text(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(parts) => parts.iter().try_for_each(only_text),
        Value::Object(part) => {
            if let Some(kind) = part.get("type").filter(|kind| !TEXT.iter().any(|text| *kind == text)) {
                let kind = crate::town::text::one_line(&kind.to_string(), 60);
                return Err(format!("only text is passed on, and there is a part of the type {kind}"));
            }
            ["content", "output", "summary"].iter().filter_map(|name| part.get(*name)).try_for_each(only_text)
        }
        _ => Ok(()),
    }
}

/// A longer life in the provider's cache has another price.
fn cheap_cache(value: &mut Value) {
    match value {
        Value::Array(parts) => parts.iter_mut().for_each(cheap_cache),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "cache_control" && value.is_object() {
                    *value = json!({"type": "ephemeral"});
                } else {
                    cheap_cache(value);
                }
            }
        }
        _ => {}
    }
}

/// Listens to an answer while it goes by.
#[derive(Debug)]
pub struct Ear {
    way: Way,
    stream: Option<(sse::Parser, Listener)>,
    whole: Vec<u8>,
    responses: Option<Usage>,
}

impl Ear {
    /// For the answer to a question, as a stream or whole.
    #[must_use]
    pub fn new(question: &Question, streams: bool) -> Self {
        let dialect = match question.way {
            Way::Spoken(dialect) => dialect,
            Way::Responses => Dialect::Openai,
        };
        let stream = streams.then(|| (sse::Parser::default(), dialect.listen()));
        Self { way: question.way, stream, whole: Vec::new(), responses: None }
    }

    /// Takes more of it in.
    pub fn hear(&mut self, bytes: &[u8]) {
        let Some((parser, listener)) = &mut self.stream else {
            self.whole.extend_from_slice(bytes);
            return;
        };
        // An event that is larger than any reply is not understood, and what it used not either.
        for event in parser.push(bytes).unwrap_or_default() {
            if self.way == Way::Responses {
                let event: Value = serde_json::from_str(&event).unwrap_or_default();
                self.responses = responses(&event["response"]).or(self.responses);
            } else {
                listener.hear(&event);
            }
        }
    }

    /// What the answer says that it used, where it came to its end and says so.
    #[must_use]
    pub fn usage(self) -> Option<Usage> {
        let usage = match (self.way, self.stream) {
            (Way::Responses, Some(_)) => self.responses,
            (Way::Responses, None) => responses(&serde_json::from_slice(&self.whole).ok()?),
            (Way::Spoken(_), Some((_, listener))) => listener.reply().map(|reply| reply.usage),
            (Way::Spoken(dialect), None) => {
                dialect.reply(&serde_json::from_slice(&self.whole).ok()?).map(|reply| reply.usage)
            }
        };
        // Who has said nothing of a reply has not said what it used.
        usage.filter(|usage| usage.context() > 0 && usage.output > 0)
    }
}

/// The usage in one of OpenAI's responses.
fn responses(response: &Value) -> Option<Usage> {
    let usage = response.get("usage").filter(|usage| usage.is_object())?;
    let cached = number(usage, "/input_tokens_details/cached_tokens");
    Some(Usage {
        input: number(usage, "/input_tokens").saturating_sub(cached),
        cached,
        output: number(usage, "/output_tokens"),
        reasoning: number(usage, "/output_tokens_details/reasoning_tokens"),
        ..Usage::NONE
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn endpoint(provider: Provider) -> Endpoint {
        let base_url = "http://127.0.0.1:1/v1".to_owned();
        Endpoint { provider, model: "m".into(), base_url, own_address: false, stream: true }
    }

    fn read(provider: Provider, path: &str, body: &Value) -> Result<(Question, Value), String> {
        let question = Question::read(&endpoint(provider), path, body.to_string().as_bytes())?;
        let sent = serde_json::from_slice(&question.body).unwrap();
        Ok((question, sent))
    }

    #[test]
    fn a_question_is_for_the_towns_model_and_says_what_it_can_cost() {
        let body = json!({
            "model": "dearest", "max_tokens": 500, "stream": true, "mcp_servers": [{"url": "http://evil.invalid"}],
            "service_tier": "priority", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi",
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}],
            "tools": [{"name": "Bash", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "w"}],
        });
        let (question, sent) = read(Provider::Anthropic, "/v1/messages", &body).unwrap();
        assert_eq!((question.output, question.prompt), (500, FRAME_TOKENS + question.body.len() as u64));
        let cached = json!([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]);
        let tools = json!([{"name": "Bash", "input_schema": {"type": "object"}}]);
        let expected = json!({"model": "m", "max_tokens": 500, "stream": true, "tools": tools,
            "messages": [{"role": "user", "content": cached}]});
        assert_eq!(sent, expected);

        let chat = json!({"messages": [], "n": 9, "models": ["x"], "plugins": [], "stream": true});
        let (question, sent) = read(Provider::Openai, "/v1/chat/completions", &chat).unwrap();
        assert_eq!(question.output, OUTPUT);
        let expected = json!({"messages": [], "model": "m", "max_tokens": OUTPUT, "stream": true,
            "stream_options": {"include_usage": true}});
        assert_eq!(sent, expected);
        let both = json!({"messages": [], "max_tokens": 5, "max_completion_tokens": 90_000});
        assert_eq!(read(Provider::Openai, "/v1/chat/completions", &both).unwrap().0.output, 90_000);

        let responses = json!({"input": "hi", "store": true, "background": true, "previous_response_id": "r",
            "tools": [{"type": "mcp"}, {"type": "function", "name": "f"}]});
        let (_, sent) = read(Provider::Openai, "/v1/responses", &responses).unwrap();
        let expected = json!({"input": "hi", "model": "m", "max_output_tokens": OUTPUT, "store": false,
            "tools": [{"type": "function", "name": "f"}]});
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_has_no_bound_or_reaches_further_is_not_passed_on() {
        let part = |part: Value| json!({"messages": [{"role": "user", "content": [part]}], "max_tokens": 1});
        let nested = json!({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url"}}]});
        for (path, body, why) in [
            ("/v1/messages", part(nested), "\"image\""),
            ("/v1/messages", part(json!({"type": "document"})), "\"document\""),
            ("/v1/messages", part(json!({"type": 3})), "type 3"),
            ("/v1/messages", json!({"max_tokens": "many"}), "no number"),
            ("/v1/messages", json!({"max_tokens": 0}), "no number"),
            ("/v1/messages", json!([]), "no JSON object"),
            ("/v1/messages/batches", json!({}), "only POST to /v1/messages"),
            ("/v1/chat/completions", json!({}), "only POST to /v1/messages"),
        ] {
            let error = read(Provider::Anthropic, path, &body).unwrap_err();
            assert!(error.contains(why), "{body}: {error}");
        }
        let image =
            json!({"input": [{"type": "message", "content": [{"type": "input_image", "image_url": "http://x"}]}]});
        assert!(read(Provider::Openai, "/v1/responses", &image).unwrap_err().contains("input_image"));
        assert!(read(Provider::Openai, "/v1/files", &json!({})).is_err());
    }

    #[test]
    fn what_an_answer_used_is_heard_in_every_dialect_and_not_invented() {
        let used = Some(Usage { input: 70, cached: 30, output: 5, ..Usage::NONE });
        let messages =
            json!({"content": [], "usage": {"input_tokens": 70, "cache_read_input_tokens": 30, "output_tokens": 5}});
        let chat = json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 30}}});
        let response =
            json!({"usage": {"input_tokens": 100, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 30}}});
        let event = |event: &Value| format!("data: {event}\n\n");
        let started = json!({"type": "message_start", "message": messages});
        let streamed = [
            event(&started) + &event(&json!({"type": "message_stop"})),
            event(&json!({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}))
                + &event(&json!({"choices": [], "usage": chat["usage"]}))
                + "data: [DONE]\n\n",
            event(&json!({"type": "response.created", "response": {}}))
                + &event(&json!({"type": "response.completed", "response": response})),
        ];
        let asked = json!({"messages": [], "input": ""});
        let paths = ["/v1/messages", "/v1/chat/completions", "/v1/responses"];
        for ((path, whole), stream) in paths.into_iter().zip([&messages, &chat, &response]).zip(&streamed) {
            let provider = if path == "/v1/messages" { Provider::Anthropic } else { Provider::Openai };
            let question = read(provider, path, &asked).unwrap().0;
            for (streams, text) in [(false, whole.to_string()), (true, stream.clone())] {
                let mut ear = Ear::new(&question, streams);
                text.as_bytes().chunks(7).for_each(|chunk| ear.hear(chunk));
                assert_eq!(ear.usage(), used, "{path} {streams}");
                let mut half = Ear::new(&question, streams);
                half.hear(&text.as_bytes()[..text.len() / 3]);
                assert_eq!(half.usage(), None, "{path} {streams}");
            }
        }
    }
}
