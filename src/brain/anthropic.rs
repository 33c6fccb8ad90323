//! Anthropic's messages.
//! Lives here: the wire format, both ways, and what is cached. Never here: sending, what a reply means for a run.

use serde_json::{Value, json};

use super::dialect::{CALLS, Heard, arguments, number};
use super::{Answer, Endpoint, Message, Request};
use crate::town::transcript::{Reply, StopReason, ToolCall, Usage};

/// The version of the API that is spoken.
pub const VERSION: &str = "2023-06-01";

/// The body of a request. Tools, rules, the briefing and the newest message are marked for the cache: each request then
/// pays in full only for what is new.
pub fn body(endpoint: &Endpoint, request: &Request<'_>) -> Value {
    let mut messages: Vec<Value> = request.messages.iter().map(message).collect();
    let last = messages.len().saturating_sub(1);
    for at in [0, last] {
        if let Some(block) = messages.get_mut(at).and_then(|message| message["content"].as_array_mut()?.last_mut()) {
            mark(block);
        }
    }
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}))
        .collect();
    if let Some(tool) = tools.last_mut() {
        mark(tool);
    }
    let mut system = json!({"type": "text", "text": request.system});
    mark(&mut system);
    let mut body = json!({
        "model": endpoint.model,
        "max_tokens": request.max_output,
        "system": [system],
        "messages": messages,
    });
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    if endpoint.stream {
        body["stream"] = true.into();
    }
    body
}

fn mark(block: &mut Value) {
    block["cache_control"] = json!({"type": "ephemeral"});
}

fn message(message: &Message<'_>) -> Value {
    let text = |text: &str| (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}));
    match message {
        Message::User { results, text: said } => {
            let blocks: Vec<Value> = results.iter().map(result).chain(text(said)).collect();
            json!({"role": "user", "content": blocks})
        }
        Message::Assistant { text: said, calls } => {
            let call = |call: &ToolCall| {
                // Only an object is taken back; what was none is shown in one.
                let input = match &call.arguments {
                    Value::Object(fields) => Value::Object(fields.clone()),
                    other => json!({"invalid": other}),
                };
                json!({"type": "tool_use", "id": id(&call.id), "name": call.name, "input": input})
            };
            let blocks: Vec<Value> = text(said).into_iter().chain(calls.iter().map(call)).collect();
            json!({"role": "assistant", "content": blocks})
        }
    }
}

fn result(answer: &Answer<'_>) -> Value {
    let shown = if answer.output.trim().is_empty() { "(nothing)" } else { answer.output };
    let mut block = json!({"type": "tool_result", "tool_use_id": id(answer.call_id), "content": shown});
    if !answer.ok {
        block["is_error"] = true.into();
    }
    block
}

/// The id of a call in the letters that are taken.
fn id(id: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    if id.is_empty() { "_".to_owned() } else { id.chars().map(fits).collect() }
}

/// The reply in a whole answer.
pub fn reply(answer: &Value) -> Option<Reply> {
    let blocks = answer["content"].as_array()?;
    let mut listener = Listener { ended: true, ..Listener::default() };
    listener.usage(&answer["usage"]);
    for (at, block) in blocks.iter().enumerate() {
        listener.begin(at as u64, block);
    }
    listener.stop(&answer["stop_reason"]);
    listener.reply()
}

/// Puts a streamed reply together.
#[derive(Debug, Default)]
pub struct Listener {
    text: String,
    calls: Vec<Call>,
    stop: Option<StopReason>,
    usage: Usage,
    ended: bool,
}

#[derive(Debug)]
struct Call {
    index: u64,
    id: String,
    name: String,
    whole: Value,
    pieces: String,
}

impl Listener {
    /// Takes one event in.
    pub fn hear(&mut self, event: &Value) -> Heard {
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => self.usage(&event["message"]["usage"]),
            "content_block_start" => self.begin(index, &event["content_block"]),
            "content_block_delta" => {
                let delta = &event["delta"];
                self.text.push_str(delta["text"].as_str().unwrap_or_default());
                let piece = delta["partial_json"].as_str().unwrap_or_default();
                if let Some(call) = self.calls.iter_mut().rev().find(|call| call.index == index) {
                    call.pieces.push_str(piece);
                }
            }
            "message_delta" => {
                self.usage(&event["usage"]);
                self.stop(&event["delta"]["stop_reason"]);
            }
            "message_stop" => {
                self.ended = true;
                return Heard::Whole;
            }
            _ => {}
        }
        Heard::More
    }

    fn begin(&mut self, index: u64, block: &Value) {
        self.text.push_str(block["text"].as_str().unwrap_or_default());
        if block["type"] == "tool_use" && self.calls.len() < CALLS {
            let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
            let (id, name) = (text("id"), text("name"));
            self.calls.push(Call { index, id, name, whole: block["input"].clone(), pieces: String::new() });
        }
    }

    fn stop(&mut self, reason: &Value) {
        let Some(reason) = reason.as_str() else { return };
        self.stop = Some(match reason {
            "end_turn" | "stop_sequence" => StopReason::End,
            "tool_use" => StopReason::Calls,
            "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
            "refusal" => StopReason::Refusal,
            _ => StopReason::Other,
        });
    }

    /// Counts are sums so far: the newest of each bucket holds.
    fn usage(&mut self, usage: &Value) {
        let newest = |into: &mut u64, key: &str| {
            let said = number(usage, key);
            if said > 0 {
                *into = said;
            }
        };
        newest(&mut self.usage.input, "/input_tokens");
        newest(&mut self.usage.cached, "/cache_read_input_tokens");
        newest(&mut self.usage.cache_write, "/cache_creation_input_tokens");
        newest(&mut self.usage.output, "/output_tokens");
    }

    /// The reply, where it came to its end.
    pub fn reply(self) -> Option<Reply> {
        if !self.ended {
            return None;
        }
        let call = |(at, call): (usize, Call)| {
            let arguments = match call.whole {
                _ if !call.pieces.is_empty() => arguments(&call.pieces),
                Value::Object(fields) => Value::Object(fields),
                Value::Null => arguments(""),
                other => Value::String(other.to_string()),
            };
            let id = if call.id.is_empty() { format!("call_{at}") } else { call.id };
            ToolCall { id, name: call.name, arguments }
        };
        let calls = self.calls.into_iter().enumerate().map(call).collect();
        let stop = self.stop.unwrap_or(StopReason::Other);
        Some(Reply { text: self.text, calls, stop, usage: self.usage, ..Reply::default() })
    }
}
