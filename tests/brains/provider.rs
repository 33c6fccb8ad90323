//! A provider that says what a test wants, in the dialect that it is asked in.
//! Lives here: the server, what it answers, the rules that every request has to keep. Never here: a test.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::village::Village;

/// The key, put together here so that no file of the repository holds one.
pub fn key() -> String {
    ["sk", "-test-", &"k".repeat(30)].concat()
}

/// The prices of the model, in US dollars per million tokens.
pub const PRICES: &str = "prices: { test-model: { input: 1, output: 10 }, other-model: { input: 1, output: 10 } }";

/// A way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Openai,
    Anthropic,
}

/// What the provider says to one question.
#[derive(Clone, Debug)]
pub enum Say {
    /// A reply.
    Reply { text: &'static str, calls: Vec<(&'static str, String)>, stop: &'static str, usage: Option<(u64, u64)> },
    /// A reply of which only so many parts of the stream come, out of all.
    Cut(&'static str),
    /// No answer: the connection is closed after the question was read.
    Hangup,
    /// An answer as it stands.
    Raw { status: u16, headers: Vec<(&'static str, &'static str)>, body: String },
}

/// A reply that calls one tool.
pub fn call(name: &'static str, arguments: &Value) -> Say {
    calls(vec![(name, arguments.to_string())])
}

/// A reply that calls tools with these texts for arguments.
pub fn calls(calls: Vec<(&'static str, String)>) -> Say {
    Say::Reply { text: "Let me see.", calls, stop: "calls", usage: Some((1_000, 100)) }
}

/// A reply without calls.
pub fn says(text: &'static str, stop: &'static str) -> Say {
    Say::Reply { text, calls: Vec::new(), stop, usage: Some((1_000, 100)) }
}

/// An answer that is no success.
pub fn error(status: u16, code: &str, message: &str) -> Say {
    let body = json!({"type": "error", "error": {"type": code, "code": code, "message": message}}).to_string();
    Say::Raw { status, headers: Vec::new(), body }
}

/// The rules that a question comes with.
pub fn system(body: &Value) -> &Value {
    if body["system"].is_null() { &body["messages"][0] } else { &body["system"][0]["text"] }
}

/// A call that writes a file of the agent's.
pub fn writes() -> Say {
    call("Write", &json!({"file_path": "qa/links.md", "content": "The first link leads nowhere.\n"}))
}

/// A call that ends the run.
pub fn finishes() -> Say {
    let said =
        json!({"title": "List the broken link", "body": "Somebody has to read it.", "evidence": ["README.md:1"]});
    call("Finish", &said)
}

/// What the provider does with a question at which it is to be left alone.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    /// It reads the question and says nothing.
    Asked,
    /// It says half of its answer.
    Half,
}

/// How a question is left alone, and who is told.
type Held = (Hold, Sender<&'static str>);

/// What a model says to a conversation.
type Mind = Box<dyn Fn(&Value) -> Say + Send>;

struct Shared {
    script: VecDeque<Say>,
    mind: Option<Mind>,
    hold: Option<(usize, Hold, Sender<&'static str>)>,
    seen: Vec<Value>,
    broken: Vec<String>,
}

/// A provider on loopback, as long as it lives.
pub struct Provider {
    pub dialect: Dialect,
    pub url: String,
    shared: Arc<Mutex<Shared>>,
    _stop: oneshot::Sender<()>,
}

impl Provider {
    /// One that says these things, one after the other.
    pub fn saying(dialect: Dialect, script: Vec<Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (seen, broken) = (Vec::new(), Vec::new());
        let shared = Arc::new(Mutex::new(Shared { script: script.into(), mind: None, hold: None, seen, broken }));
        let (stop, stopped) = oneshot::channel();
        let state = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let router = Router::new().fallback(answer).with_state(state);
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { dialect, url, shared, _stop: stop }
    }

    /// One that answers each conversation in the same way, however often it is asked.
    pub fn thinking(dialect: Dialect, mind: impl Fn(&Value) -> Say + Send + 'static) -> Self {
        let provider = Self::saying(dialect, Vec::new());
        provider.shared.lock().unwrap().mind = Some(Box::new(mind));
        provider
    }

    /// The question after so many more is not answered, or only by half; `told` hears `held` when that is so.
    pub fn hold(&self, after: usize, hold: Hold, told: Sender<&'static str>) {
        self.shared.lock().unwrap().hold = Some((after, hold, told));
    }

    /// Every question is answered again.
    pub fn let_go(&self) {
        self.shared.lock().unwrap().hold = None;
    }

    /// The bodies of all questions. Every rule has to be kept, and the script to be used up.
    #[track_caller]
    pub fn seen(&self) -> Vec<Value> {
        let shared = self.shared.lock().unwrap();
        assert!(shared.broken.is_empty(), "{:#?}", shared.broken);
        assert!(shared.script.is_empty(), "{} answers were not asked for: {:?}", shared.script.len(), shared.script);
        shared.seen.clone()
    }

    /// How many questions there were, whatever of the script is left.
    pub fn count(&self) -> usize {
        let shared = self.shared.lock().unwrap();
        assert!(shared.broken.is_empty(), "{:#?}", shared.broken);
        shared.seen.len()
    }

    /// The town's lines for it, `more` of them below `brain`.
    pub fn settings(&self, more: &str) -> String {
        let provider = if self.dialect == Dialect::Openai { "openai" } else { "anthropic" };
        let url = &self.url;
        format!(
            "brain:\n  provider: {provider}\n  model: test-model\n  base_url: {url}\n  key_env: LLM\n  {PRICES}\n{more}"
        )
    }

    /// A small town that thinks with it.
    pub fn town(&self, more: &str) -> Village {
        let village = Village::small().settings(&self.settings(more)).commit("Think with a model");
        village.with_env("LLM", &key());
        village
    }
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 16 * 1024 * 1024).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let dialect = if parts.uri.path().ends_with("/messages") { Dialect::Anthropic } else { Dialect::Openai };
    let Some((say, held)) = shared.lock().unwrap().hear(dialect, &parts, &text, &body) else {
        return Response::builder().status(418).body(Body::empty()).unwrap();
    };
    if matches!(say, Say::Hangup) {
        // A body that fails before its first byte closes the connection, and the head never leaves.
        return Response::new(Body::new(Piece { first: None, then: Then::Fail }));
    }
    let answer = said(dialect, body["stream"] == true, say);
    let Some((hold, told)) = held else { return answer };
    if matches!(hold, Hold::Asked) {
        told.send("held").unwrap();
        return std::future::pending().await;
    }
    let (head, body) = answer.into_parts();
    let whole = to_bytes(body, 16 * 1024 * 1024).await.unwrap();
    let first = Some((whole.slice(..whole.len() / 2), told));
    Response::from_parts(head, Body::new(Piece { first, then: Then::Wait }))
}

impl Shared {
    /// Checks a question against the rules, and takes what is said to it; nothing where nothing is left to say.
    fn hear(&mut self, dialect: Dialect, parts: &Parts, text: &str, body: &Value) -> Option<(Say, Option<Held>)> {
        let number = self.seen.len() + 1;
        let (name, wanted) = match dialect {
            Dialect::Openai => ("authorization", format!("Bearer {}", key())),
            Dialect::Anthropic => ("x-api-key", key()),
        };
        let mut wrong = Vec::new();
        for (header, value) in &parts.headers {
            let holds = value.to_str().unwrap_or_default().contains(&key());
            if holds != (header == name) {
                wrong.push(format!("the header {header} is {value:?}"));
            }
        }
        if parts.headers.get(name).and_then(|value| value.to_str().ok()) != Some(&wanted) {
            wrong.push(format!("{name} is not the key"));
        }
        if text.contains(&key()) || parts.uri.to_string().contains(&key()) {
            wrong.push("the key is in the body or the address".to_owned());
        }
        wrong.extend(match dialect {
            Dialect::Openai => openai_rules(body),
            Dialect::Anthropic => anthropic_rules(body),
        });
        self.broken.extend(wrong.into_iter().map(|rule| format!("question {number}: {rule}")));
        self.seen.push(body.clone());
        let Some(say) = self.mind.as_ref().map(|mind| mind(body)).or_else(|| self.script.pop_front()) else {
            self.broken.push(format!("question {number}: nothing is left to say"));
            return None;
        };
        let held = match self.hold.take() {
            Some((0, hold, told)) => Some((hold, told)),
            Some((more, hold, told)) => {
                self.hold = Some((more - 1, hold, told));
                None
            }
            None => None,
        };
        Some((say, held))
    }
}

/// A body that has one piece, or none, and no end.
struct Piece {
    first: Option<(Bytes, Sender<&'static str>)>,
    then: Then,
}

enum Then {
    Wait,
    Fail,
}

impl http_body::Body for Piece {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        use std::task::Poll::{Pending, Ready};
        match (self.first.take(), &self.then) {
            (Some((piece, told)), _) => {
                told.send("held").unwrap();
                Ready(Some(Ok(http_body::Frame::data(piece))))
            }
            (None, Then::Wait) => Pending,
            (None, Then::Fail) => Ready(Some(Err(std::io::Error::other("the end")))),
        }
    }
}

/// Every call has its result, right behind it and nowhere else.
fn openai_rules(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut open: Vec<Value> = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        if message["role"] == "tool" {
            let before = open.len();
            open.retain(|id| *id != message["tool_call_id"]);
            if open.len() + 1 != before {
                wrong.push(format!("a result without a call: {message}"));
            }
        } else if !open.is_empty() {
            wrong.push(format!("calls without results: {open:?}"));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            open.push(call["id"].clone());
            if !call["function"]["arguments"].is_string() {
                wrong.push(format!("arguments that are no text: {call}"));
            }
        }
    }
    if !open.is_empty() || body["max_tokens"].as_u64().is_none_or(|most| most == 0) {
        wrong.push(format!("calls without results: {open:?}, or no limit: {}", body["max_tokens"]));
    }
    if body["stream"] == true && body["stream_options"]["include_usage"] != true {
        wrong.push("the usage of the stream is not asked for".to_owned());
    }
    wrong
}

fn anthropic_rules(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let of = |message: &Value, kind: &str, key: &str| -> Vec<Value> {
        let blocks = message["content"].as_array().cloned().unwrap_or_default();
        blocks.iter().filter(|block| block["type"] == kind).map(|block| block[key].clone()).collect()
    };
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    for (at, message) in messages.iter().enumerate() {
        let role = if at % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != role || message["content"].as_array().is_none_or(Vec::is_empty) {
            wrong.push(format!("message {at} is no {role}'s: {message}"));
        }
        let asked = of(message, "tool_use", "id");
        let given = messages.get(at + 1).map(|next| of(next, "tool_result", "tool_use_id")).unwrap_or_default();
        if role == "assistant" && asked != given {
            wrong.push(format!("{asked:?} was asked and {given:?} answered"));
        }
    }
    let marks = body.to_string().matches("cache_control").count();
    if body["system"][0]["cache_control"].is_null() || !(3..=4).contains(&marks) {
        wrong.push(format!("{marks} marks for the cache"));
    }
    if body["max_tokens"].as_u64().is_none_or(|most| most == 0) {
        wrong.push("no limit".to_owned());
    }
    wrong
}

fn said(dialect: Dialect, stream: bool, say: Say) -> Response {
    let (say, cut) = match say {
        Say::Raw { status, headers, body } => {
            let mut response = Response::builder().status(status).header("content-type", "application/json");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            return response.body(Body::from(body)).unwrap();
        }
        Say::Cut(text) => (says(text, "end"), true),
        reply => (reply, false),
    };
    let Say::Reply { text, calls, stop, usage } = say else { panic!("a reply") };
    let events = match dialect {
        Dialect::Openai => openai(text, &calls, stop, usage, stream),
        Dialect::Anthropic => anthropic(text, &calls, stop, usage, stream),
    };
    if !stream {
        let mut body = events[0].to_string();
        body.truncate(if cut { body.len() / 2 } else { body.len() });
        return Response::builder().header("content-type", "application/json").body(Body::from(body)).unwrap();
    }
    let mut body: String = events
        .iter()
        .map(|event| {
            let name = event["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
            format!("{name}data: {event}\n\n")
        })
        .collect();
    if dialect == Dialect::Openai {
        body.push_str("data: [DONE]\n\n");
    }
    body.truncate(if cut { body.len() / 2 } else { body.len() });
    Response::builder().header("content-type", "text/event-stream; charset=utf-8").body(Body::from(body)).unwrap()
}

type Calls = [(&'static str, String)];

fn openai(text: &str, calls: &Calls, stop: &str, usage: Option<(u64, u64)>, stream: bool) -> Vec<Value> {
    let finish = match stop {
        "calls" => "tool_calls",
        "length" => "length",
        "refusal" => "content_filter",
        _ => "stop",
    };
    let usage = usage.map(|(input, output)| {
        json!({"prompt_tokens": input, "completion_tokens": output, "prompt_tokens_details": {"cached_tokens": 0}})
    });
    let call = |(at, (name, arguments)): (usize, &(&str, String))| json!({"index": at, "id": format!("call_{at}_{name}"), "type": "function", "function": {"name": name, "arguments": arguments}});
    let all: Vec<Value> = calls.iter().enumerate().map(call).collect();
    if !stream {
        let message = json!({"role": "assistant", "content": text, "tool_calls": all});
        return vec![json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage})];
    }
    let delta =
        |delta: Value, finish: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let (first, second) = text.split_at(text.len() / 2);
    let mut events = vec![
        delta(json!({"role": "assistant", "content": first}), Value::Null),
        delta(json!({"content": second}), Value::Null),
    ];
    for (at, call) in all.into_iter().enumerate() {
        // The name first, then the arguments in pieces.
        let arguments = call["function"]["arguments"].as_str().unwrap().to_owned();
        let mut head = call;
        head["function"]["arguments"] = "".into();
        events.push(delta(json!({"tool_calls": [head]}), Value::Null));
        let (left, right) = arguments.split_at(arguments.len() / 2);
        for piece in [left, right] {
            let piece = json!({"index": at, "function": {"arguments": piece}});
            events.push(delta(json!({"tool_calls": [piece]}), Value::Null));
        }
    }
    events.push(delta(json!({}), finish.into()));
    if let Some(usage) = usage {
        events.push(json!({"choices": [], "usage": usage}));
    }
    events
}

fn anthropic(text: &str, calls: &Calls, stop: &str, usage: Option<(u64, u64)>, stream: bool) -> Vec<Value> {
    let reason = match stop {
        "calls" => "tool_use",
        "length" => "max_tokens",
        "refusal" => "refusal",
        _ => "end_turn",
    };
    let (input, output) = usage.unwrap_or_default();
    let id = |at: usize, name: &str| format!("toolu_{at}_{name}");
    if !stream {
        let mut content = vec![json!({"type": "text", "text": text})];
        content.extend(calls.iter().enumerate().map(|(at, (name, arguments))| {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| arguments.clone().into());
            json!({"type": "tool_use", "id": id(at, name), "name": name, "input": input})
        }));
        let usage = json!({"input_tokens": input, "output_tokens": output});
        return vec![json!({"type": "message", "content": content, "stop_reason": reason, "usage": usage})];
    }
    let started = json!({"type": "message_start", "message": {"usage": {"input_tokens": input, "output_tokens": usage.map_or(0, |_| 1)}}});
    let mut events = vec![
        started,
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    for (at, (name, arguments)) in calls.iter().enumerate() {
        let index = at + 1;
        let block = json!({"type": "tool_use", "id": id(at, name), "name": name, "input": {}});
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        let (left, right) = arguments.split_at(arguments.len() / 2);
        for piece in [left, right] {
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": output}}));
    events.push(json!({"type": "message_stop"}));
    events
}
