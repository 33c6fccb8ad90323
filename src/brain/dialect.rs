//! How a provider writes: the request, the whole reply, the pieces of a streamed one.
//! Lives here: choosing between the dialects, and what they share. Never here: a dialect (see `openai`, `anthropic`),
//! sending.

use serde_json::Value;

use super::{Endpoint, Request, anthropic, openai};
use crate::town::transcript::Reply;

/// A way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Chat completions.
    Openai,
    /// Messages.
    Anthropic,
}

/// What a piece of a stream brought.
#[derive(Debug, PartialEq)]
pub enum Heard {
    /// More will come.
    More,
    /// The reply is whole.
    Whole,
    /// The provider broke off with an error.
    Failed(Value),
}

/// Puts a streamed reply together.
#[derive(Debug)]
pub enum Listener {
    /// Of chat completions.
    Openai(openai::Listener),
    /// Of messages.
    Anthropic(anthropic::Listener),
}

impl Dialect {
    /// The path below the base address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Openai => "/chat/completions",
            Self::Anthropic => "/messages",
        }
    }

    /// The body of a request.
    pub fn body(self, endpoint: &Endpoint, request: &Request<'_>) -> Value {
        match self {
            Self::Openai => openai::body(endpoint, request),
            Self::Anthropic => anthropic::body(endpoint, request),
        }
    }

    /// The reply in a whole answer; nothing where the answer is none.
    pub fn reply(self, answer: &Value) -> Option<Reply> {
        match self {
            Self::Openai => openai::reply(answer),
            Self::Anthropic => anthropic::reply(answer),
        }
    }

    /// Listens to a stream.
    pub fn listen(self) -> Listener {
        match self {
            Self::Openai => Listener::Openai(openai::Listener::default()),
            Self::Anthropic => Listener::Anthropic(anthropic::Listener::default()),
        }
    }
}

impl Listener {
    /// Takes the data of one event in.
    pub fn hear(&mut self, data: &str) -> Heard {
        if data.trim() == "[DONE]" {
            if let Self::Openai(listener) = self {
                listener.done();
            }
            return Heard::Whole;
        }
        // What is no JSON is a comment of some proxy.
        let Ok(event) = serde_json::from_str::<Value>(data) else { return Heard::More };
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Heard::Failed(event);
        }
        match self {
            Self::Openai(listener) => listener.hear(&event),
            Self::Anthropic(listener) => listener.hear(&event),
        }
    }

    /// The reply, where it came to its end.
    pub fn reply(self) -> Option<Reply> {
        match self {
            Self::Openai(listener) => listener.reply(),
            Self::Anthropic(listener) => listener.reply(),
        }
    }
}

/// A number in an answer; 0 where there is none.
pub fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// The arguments of a call out of their text: an object, or the text itself, which the tool refuses with what is wrong.
pub fn arguments(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Value::Object(fields),
        _ if text.trim().is_empty() => Value::Object(serde_json::Map::new()),
        _ => Value::String(text.to_owned()),
    }
}

/// Calls that a streamed reply may hold; what would come after them is dropped, and the turn machine refuses the reply.
pub const CALLS: usize = crate::town::turn::MAX_CALLS + 1;
