//! The fixture of the event stream: a server in this process on a free port of loopback, and clients that read bytes.
//! Lives here: starting, ending, speaking HTTP and WebSocket to it. Never here: a test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use monkeytown::config::{Secret, Stopwatch};
use monkeytown::git::home::{Home, Wanted};
use monkeytown::git::repo::Repo;
use monkeytown::serve::api::desk::Desk;
use monkeytown::serve::api::local::Local;
use monkeytown::serve::doorman::{Doorman, Rules};
use monkeytown::serve::frame;
use monkeytown::serve::problem::Problem;
use monkeytown::serve::publish::{Publishers, Tokens};
use monkeytown::serve::relay::{Edge, Health, Relay};
use monkeytown::serve::ring::Capacity;
use monkeytown::serve::server::Server;
use monkeytown::serve::webhook::Hook;
use monkeytown::serve::{About, Limits, Shared};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use crate::openapi;
use crate::village::Village;

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a station allows; tests lower one thing at a time.
pub struct Plan {
    pub limits: Limits,
    pub capacity: Capacity,
    pub origins: Vec<String>,
    pub proxy_header: Option<String>,
    pub publishers: Publishers,
    pub hook: Option<Hook>,
    /// The token by which the person at this machine may decide; nothing comes of what is decided.
    pub token: Option<Secret>,
    /// Requests of one address a second, and at once.
    pub requests: [u32; 2],
    pub clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// Called whenever an answer needs another handle of the repository.
    pub opens: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Plan {
    fn default() -> Self {
        let limits = Limits { connections_per_address: 1_000, ..Limits::default() };
        let publishers = Publishers::new(Tokens::default(), None, NonZeroU32::new(1_000).unwrap());
        let capacity = Capacity { frames: 10_000, bytes: 64 << 20 };
        let clock = Arc::new(|| crate::village::MORNING.parse().unwrap());
        let (origins, proxy_header, hook, token, requests) = (Vec::new(), None, None, None, [100_000; 2]);
        let opens = Arc::new(|| {});
        Self { limits, capacity, origins, proxy_header, publishers, hook, token, requests, clock, opens }
    }
}

/// A server that runs.
pub struct Station {
    runtime: Runtime,
    pub shared: Arc<Shared>,
    pub address: SocketAddr,
    server: Option<Server>,
}

impl Station {
    pub fn open(village: &Village) -> Self {
        Self::open_with(village, Plan::default())
    }

    pub fn open_with(village: &Village, plan: Plan) -> Self {
        let dir = village.dir();
        let open = move || {
            let repo = Repo::open(&dir).map_err(|error| error.to_string())?;
            Home::open(repo, &Wanted::None, Some("main")).map_err(|error| error.to_string())
        };
        let clock = |plan: &Plan| {
            let clock = plan.clock.clone();
            move || clock()
        };
        let (opens, opened) = (plan.opens.clone(), open.clone());
        let told = move || {
            opens();
            opened()
        };
        let desk = Desk::new(Box::new(told), Box::new(clock(&plan)));
        let edge = Edge {
            open: Box::new(open),
            random: Box::new(|| u128::from(fastrand::u64(..))),
            now: Box::new(clock(&plan)),
            source: "/towns/smalltown".to_owned(),
        };
        let (relay, hub) = Relay::begin(edge, plan.capacity, plan.limits.told()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (shared, address, server) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let [a_second, at_once] = plan.requests.map(|often| NonZeroU32::new(often).unwrap());
            let shared = Arc::new(Shared {
                relay: Arc::new(Health::default()),
                doorman: Doorman::new(Rules {
                    a_second,
                    at_once,
                    names: vec![address.to_string()],
                    origins: plan.origins,
                    proxy_header: plan.proxy_header,
                }),
                town: About {
                    name: "smalltown".to_owned(),
                    source: "/towns/smalltown".to_owned(),
                    branch: "main".to_owned(),
                    ..About::default()
                },
                hub,
                publishers: plan.publishers,
                desk,
                local: plan.token.map(|token| {
                    let nothing = || Problem::failed("nothing comes of it here");
                    Local::new(&token, vec![address.to_string()], None, Box::new(move |_| Err(nothing())))
                }),
                hook: plan.hook,
                limits: plan.limits,
                now: Box::new(move || (plan.clock)().to_rfc3339_opts(SecondsFormat::AutoSi, true)),
                stop: tokio::sync::watch::Sender::new(false),
                watching: tokio::runtime::Handle::current(),
            });
            let server = Server::start(listener, shared.clone(), relay).unwrap();
            (shared, address, server)
        });
        Self { runtime, shared, address, server: Some(server) }
    }

    /// Ends it as a signal does.
    pub fn close(mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }

    /// Tells something of an agent that runs.
    pub fn publish(&self, id: &str, text: &str) -> u64 {
        let event = serde_json::json!({
            "specversion": "1.0", "id": id, "type": "monkeytown.run.step.v1", "source": "/towns/smalltown",
            "subject": "agent/chaostester", "time": crate::village::MORNING, "actor": "agent:chaostester",
            "data": {"agent": "chaostester", "phase": "act", "text": text},
        });
        let json: Box<RawValue> = serde_json::value::to_raw_value(&event).unwrap();
        self.shared.hub.publish(&[(id, &json)])[0]
    }

    /// Opens a WebSocket.
    pub fn listen(&self, query: &str) -> Ear {
        Ear::at(self.address, query)
    }

    /// One request, and its answer.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        Self::get_at(self.address, path, headers)
    }

    /// The same without a body.
    pub fn head(&self, path: &str) -> Answer {
        let mut stream = connect(self.address);
        let request = Self::request(self.address, path, &[]).replacen("GET", "HEAD", 1);
        stream.write_all(request.as_bytes()).unwrap();
        Answer::of(&String::from_utf8(all(&mut stream)).unwrap())
    }

    pub fn get_at(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = Self::ask_at(address, path, headers);
        Answer::of(&String::from_utf8(all(&mut stream)).unwrap()).held("get", path)
    }

    /// Sends something, and gives the answer.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Self::post_at(self.address, path, headers, body)
    }

    pub fn post_at(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = connect(address);
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // Who is refused early may find the rest not taken.
        let _ = stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        Answer::of(&String::from_utf8(all(&mut stream)).unwrap()).held("post", path)
    }

    /// One request whose answer is read by the test.
    pub fn ask(&self, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        Self::ask_at(self.address, path, headers)
    }

    fn ask_at(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = connect(address);
        stream.write_all(Self::request(address, path, headers).as_bytes()).unwrap();
        stream
    }

    fn request(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("GET {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {address}\r\n"));
        }
        if !headers.iter().any(|(name, _)| *name == "connection") {
            head.push_str("connection: close\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{head}\r\n")
    }

    /// A socket on which a WebSocket was opened.
    pub fn raw(&self, query: &str) -> TcpStream {
        self.raw_with(query, b"")
    }

    /// The same, where these bytes came together with the handshake.
    pub fn raw_with(&self, query: &str, early: &[u8]) -> TcpStream {
        let headers = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut stream = connect(self.address);
        let request = Self::request(self.address, &format!("/ws?{query}"), &headers);
        // Who is let go early may find the rest not taken.
        let _ = stream.write_all(&[request.as_bytes(), early].concat());
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        stream
    }

    /// Asks until the answer is so; each asking waits for its answer.
    pub fn until(&self, path: &str, status: u16) {
        for _ in 0..100_000 {
            if self.get(path, &[]).status == status {
                return;
            }
        }
        panic!("{path} never answers {status}");
    }
}

/// Looks until it is so.
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool) {
    let since = Stopwatch::start();
    while !is_so() {
        assert!(u128::from(since.millis()) < PATIENCE.as_millis(), "it never comes to that");
        std::thread::yield_now();
    }
}

/// The address that a program prints, and its token where it has one.
#[track_caller]
pub fn page(printed: &str) -> (SocketAddr, Option<String>) {
    let rest = printed.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{printed}"));
    let (address, token) = rest.split_once("/#token=").map_or((rest, None), |(address, token)| (address, Some(token)));
    (address.parse().unwrap(), token.map(str::to_owned))
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that the other side says. Where it would not hear all of the request it ends with a reset, after its answer.
fn all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert!(!bytes.is_empty(), "no answer: {error}");
    }
    bytes
}

/// One answer of HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
    /// Whether all of it came, as far as the other side says how much that is.
    pub whole: bool,
}

/// What a body is whose parts come with their lengths (RFC 9112 section 7.1), and whether its last part came.
fn unchunked(mut chunks: &[u8]) -> (String, bool) {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n");
        let length = line.and_then(|at| usize::from_str_radix(std::str::from_utf8(&chunks[..at]).ok()?, 16).ok());
        let (Some(at), Some(length)) = (line, length) else { break };
        if length == 0 {
            return (String::from_utf8(body).unwrap(), true);
        }
        let Some(part) = chunks.get(at + 2..at + 2 + length) else { break };
        body.extend_from_slice(part);
        chunks = chunks.get(at + 4 + length..).unwrap_or_default();
    }
    (String::from_utf8(body).unwrap(), false)
}

impl Answer {
    pub fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let head = head.to_ascii_lowercase();
        let is_chunked = head.contains("\r\ntransfer-encoding: chunked");
        let (body, whole) = if is_chunked { unchunked(body.as_bytes()) } else { (body.to_owned(), true) };
        Self { status, head, body, whole }
    }

    /// The same, where it is one that the server describes.
    #[track_caller]
    fn held(self, method: &str, path: &str) -> Self {
        openapi::hold(method, path, &self);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status has to be this, and the problem's code too.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some(code), Some(status.into())));
        problem
    }
}

/// One that listens.
pub struct Ear(pub WebSocket<TcpStream>);

impl Ear {
    pub fn at(address: SocketAddr, query: &str) -> Self {
        Self::try_at(address, query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    pub fn try_at(address: SocketAddr, query: &str) -> Result<Self, String> {
        let (socket, _) = tungstenite::client(format!("ws://{address}/ws?{query}"), connect(address))
            .map_err(|error| error.to_string())?;
        Ok(Self(socket))
    }

    /// The next message of the server.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message, which has to be of this kind.
    #[track_caller]
    pub fn expect(&mut self, kind: &str) -> Value {
        let message = self.next();
        assert_eq!(message["kind"], kind, "{message:#}");
        message
    }

    /// The next so many events.
    #[track_caller]
    pub fn events(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.expect("event")).collect()
    }

    /// How the server ends it, and everything that it says before.
    #[track_caller]
    pub fn ending(&mut self) -> (u16, String, Vec<Value>) {
        let mut said = Vec::new();
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => said.push(serde_json::from_str(&text).unwrap()),
                Message::Close(Some(frame)) => return (u16::from(frame.code), frame.reason.to_string(), said),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The server has to end it with this code; says the reason.
    #[track_caller]
    pub fn ends(&mut self, code: u16) -> String {
        let (told, reason, _) = self.ending();
        assert_eq!(CloseCode::from(told), CloseCode::from(code), "{reason}");
        reason
    }
}

/// A frame as a client sends it.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => bytes.push(0x80 | length),
        (_, Ok(length)) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([1, 2, 3, 4]);
    bytes.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Frames that the server sent until it closed the connection.
pub fn rest(stream: &mut TcpStream) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(length) = frame::length(&bytes[at..]) {
        frames.push(bytes[at..at + length].to_vec());
        at += length;
    }
    assert_eq!(at, bytes.len(), "the last frame is whole");
    frames
}

/// Code and reason of the last frame, which has to be a close.
pub fn closed(frames: &[Vec<u8>]) -> (u16, String) {
    let last = frames.last().unwrap();
    assert_eq!(last[0], 0x88, "{last:?}");
    let payload = frame::payload(last);
    (u16::from_be_bytes([payload[0], payload[1]]), String::from_utf8(payload[2..].to_vec()).unwrap())
}

/// One server-sent event: its id and its data.
pub fn message(stream: &mut BufReader<TcpStream>) -> (Option<String>, Value) {
    let (mut id, mut data) = (None, None);
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended");
        let line = line.trim_end();
        if let Some(text) = line.strip_prefix("id: ") {
            id = Some(text.to_owned());
        } else if let Some(text) = line.strip_prefix("data: ") {
            let mut text = text.to_owned();
            // A long message comes in several chunks (RFC 9112 §7.1): a line with the length of the next one stands between them.
            while serde_json::from_str::<Value>(&text).is_err_and(|error| error.is_eof()) {
                let [mut length, mut more] = [String::new(), String::new()];
                assert!(stream.read_line(&mut length).unwrap() > 0, "the stream ended");
                assert!(stream.read_line(&mut more).unwrap() > 0, "the stream ended");
                text.push_str(more.trim_end());
            }
            data = Some(serde_json::from_str(&text).unwrap());
        } else if let Some(data) = data.take_if(|_| line.is_empty()) {
            return (id, data);
        }
    }
}

/// Where a reason says to resume.
#[track_caller]
pub fn place(reason: &str) -> String {
    reason.split_once("resume after ").unwrap_or_else(|| panic!("{reason}")).1.to_owned()
}

/// Epoch and offset of a greeting, as `after=` takes them.
pub fn place_of(hello: &Value, offset: &Value) -> String {
    format!("{}:{}", hello["epoch"].as_str().unwrap(), offset.as_str().unwrap())
}
