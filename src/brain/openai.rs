//! Chat completions, as OpenAI has them and many others took over.
//! Lives here: the wire format, both ways. Never here: sending, what a reply means for a run.

use serde_json::{Value, json};

use super::dialect::{CALLS, Heard, arguments, number};
use super::{Endpoint, Message, Request};
use crate::town::transcript::{Reply, StopReason, ToolCall, Usage};

/// The body of a request.
pub fn body(endpoint: &Endpoint, request: &Request<'_>) -> Value {
    let mut messages = vec![json!({"role": "system", "content": request.system})];
    for message in &request.messages {
        match message {
            Message::User { results, text } => {
                messages.extend(
                    results.iter().map(
                        |result| json!({"role": "tool", "tool_call_id": result.call_id, "content": result.output}),
                    ),
                );
                if !text.is_empty() {
                    messages.push(json!({"role": "user", "content": text}));
                }
            }
            Message::Assistant { text, calls } => {
                let mut said = json!({"role": "assistant", "content": text});
                if !calls.is_empty() {
                    said["tool_calls"] = calls.iter().map(written).collect();
                }
                messages.push(said);
            }
        }
    }
    let tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| {
            let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
            json!({"type": "function", "function": function})
        })
        .collect();
    let mut body = json!({"model": endpoint.model, "messages": messages});
    body[limit_field(endpoint)] = request.max_output.into();
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    if endpoint.stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// OpenAI's newer models take no `max_tokens`, and others' servers know nothing else.
fn limit_field(endpoint: &Endpoint) -> &'static str {
    let name = endpoint.model.rsplit('/').next().unwrap_or_default();
    let newer = ["o1", "o3", "o4", "gpt-5"].iter().any(|start| name.starts_with(start));
    if newer || endpoint.own_address { "max_completion_tokens" } else { "max_tokens" }
}

fn written(call: &ToolCall) -> Value {
    // What was no JSON goes back as it came.
    let arguments = call.arguments.as_str().map_or_else(|| call.arguments.to_string(), str::to_owned);
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// The reply in a whole answer. One without any candidate is a reply that says nothing.
pub fn reply(answer: &Value) -> Option<Reply> {
    let choices = answer["choices"].as_array()?;
    let mut listener = Listener { usage: usage(answer), ..Listener::default() };
    let Some(choice) = choices.first() else {
        return Some(Reply { usage: listener.usage, ..Reply::default() });
    };
    listener.take(&choice["message"]);
    listener.finish = Some(choice["finish_reason"].as_str().unwrap_or("stop").to_owned());
    listener.reply()
}

/// Puts a streamed reply together.
#[derive(Debug, Default)]
pub struct Listener {
    text: String,
    refusal: String,
    calls: Vec<Call>,
    finish: Option<String>,
    usage: Usage,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Listener {
    /// Takes one event in. The end is `[DONE]`, or the end of the stream after a reason for it.
    pub fn hear(&mut self, event: &Value) -> Heard {
        let said = usage(event);
        if said != Usage::default() {
            self.usage = said;
        }
        let choices = event["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(choice) = choices.iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0) {
            self.take(&choice["delta"]);
            if let Some(reason) = choice["finish_reason"].as_str() {
                self.finish = Some(reason.to_owned());
            }
        }
        Heard::More
    }

    fn take(&mut self, message: &Value) {
        match &message["content"] {
            Value::String(text) => self.text.push_str(text),
            Value::Array(parts) => {
                self.text.extend(parts.iter().filter_map(|part| part["text"].as_str()));
            }
            _ => {}
        }
        self.refusal.push_str(message["refusal"].as_str().unwrap_or_default());
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            self.take_call(call);
        }
    }

    fn take_call(&mut self, call: &Value) {
        let (index, id) = (call["index"].as_u64(), call["id"].as_str().unwrap_or_default());
        // Some servers give no index; then a new id begins a new call.
        let known = match index {
            Some(index) => self.calls.iter().position(|known| known.index == Some(index)),
            None if id.is_empty() => self.calls.len().checked_sub(1),
            None => self.calls.iter().position(|known| known.id == id),
        };
        let at = known.unwrap_or(self.calls.len());
        if known.is_none() {
            if self.calls.len() >= CALLS {
                return;
            }
            self.calls.push(Call { index, ..Call::default() });
        }
        let into = &mut self.calls[at];
        if !id.is_empty() {
            id.clone_into(&mut into.id);
        }
        let function = &call["function"];
        into.name.push_str(function["name"].as_str().unwrap_or_default());
        match &function["arguments"] {
            Value::String(piece) => into.arguments.push_str(piece),
            Value::Object(whole) => into.arguments = Value::Object(whole.clone()).to_string(),
            _ => {}
        }
    }

    /// The provider says that this was all.
    pub fn done(&mut self) {
        self.finish.get_or_insert_with(|| "stop".to_owned());
    }

    /// The reply, where it came to its end.
    pub fn reply(self) -> Option<Reply> {
        let finish = self.finish?;
        let refused = !self.refusal.is_empty() || finish == "content_filter";
        let stop = match finish.as_str() {
            _ if refused => StopReason::Refusal,
            "length" => StopReason::Length,
            _ if !self.calls.is_empty() => StopReason::Calls,
            "stop" => StopReason::End,
            _ => StopReason::Other,
        };
        let call = |(at, call): (usize, Call)| ToolCall {
            id: if call.id.is_empty() { format!("call_{at}") } else { call.id },
            name: call.name,
            arguments: arguments(&call.arguments),
        };
        let text = if self.text.is_empty() { self.refusal } else { self.text };
        let calls = self.calls.into_iter().enumerate().map(call).collect();
        Some(Reply { text, calls, stop, usage: self.usage, ..Reply::default() })
    }
}

/// The usage in exclusive buckets.
fn usage(answer: &Value) -> Usage {
    let prompt = number(answer, "/usage/prompt_tokens");
    let cached = number(answer, "/usage/prompt_tokens_details/cached_tokens").min(prompt);
    let output = number(answer, "/usage/completion_tokens");
    let reasoning = number(answer, "/usage/completion_tokens_details/reasoning_tokens").min(output);
    Usage { input: prompt - cached, cached, cache_write: 0, output, reasoning }
}
