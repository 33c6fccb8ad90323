//! Paths and what they answer with.
//! Lives here: the table of paths, reading queries, the headers that every answer has. Never here: the loop of a witness (see
//! [`super::socket`]) and what is in the repository (see [`super::api`]).

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tracing::Instrument as _;

use crate::config::Stopwatch;

use super::api::desk::Document;
use super::doors::Pass;
use super::filter::Filter;
use super::frame::Message;
use super::hub::Start;
use super::openapi::{Operation, Paths};
use super::problem::Problem;
use super::ring::Offset;
use super::socket::{self, Wish};
use super::stall::Stalling;
use super::{Shared, api, assets, http, metrics, poll, publish, sse, webhook};

/// The media type of plain text.
const TEXT: &str = "text/plain; charset=utf-8";

/// The router of one server.
pub fn router(shared: Arc<Shared>) -> Router {
    let (router, _) = paths().open();
    router
        .fallback(fallback)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// All paths but those of the page.
fn paths() -> Paths {
    let stream = |id, summary| {
        let operation = Operation::new("stream", id, summary).query::<Asked>().fails(400, &["bad-request"]);
        operation.fails(429, &["too-fast"])
    };
    let web_socket = stream("webSocket", "Listen by WebSocket (RFC 6455)")
        .says("Text frames, each a `Message` as on `/events`. Close codes are in `docs/stream.md`.")
        .bare(101, "the connection is a WebSocket from here on")
        .fails(426, &["not-a-websocket"]);
    let events = stream("serverSentEvents", "Listen by server-sent events")
        .header("Last-Event-ID", "where to go on, as `epoch:offset`; takes the place of `after`", false)
        .each::<Message<'_>>("text/event-stream", "messages; `event` is the kind, `id` is `epoch:offset`")
        .fails(503, &["full"]);
    let poll = stream("events", "Ask again and again").json::<poll::Answer>(200, "what came after a place").tagged();
    let poll = poll.fails(503, &["full"]);
    let asks = |id, summary| Operation::new("operations", id, summary);
    let openapi = asks("openapi", "This description").json::<Map<String, Value>>(200, "the document").tagged();
    let ready = asks("ready", "Whether the repository can be read").text(TEXT, "it can").fails(503, &["not-ready"]);
    Paths::default()
        .get("/ws", self::web_socket, web_socket)
        .get("/events", sse::events, events)
        .get("/api/events", poll::events, poll)
        .get("/healthz", || async { "ok\n" }, asks("health", "Whether the program runs").text(TEXT, "it does"))
        .get("/readyz", self::ready, ready)
        .get("/metrics", metrics::metrics, asks("metrics", "Figures for Prometheus").text(metrics::FORMAT, "figures"))
        .get("/openapi.json", self::openapi, openapi)
        .merge(publish::paths())
        .merge(api::paths())
        .merge(webhook::paths())
}

/// The description of all paths.
#[must_use]
pub fn description() -> Value {
    paths().open().1
}

/// `GET /openapi.json`.
async fn openapi(headers: HeaderMap) -> Response {
    static MADE: LazyLock<Document> =
        LazyLock::new(|| Document::new(serde_json::to_vec(&description()).unwrap_or_default()));
    api::tagged(&headers, &MADE.tag, || MADE.bytes.clone())
}

async fn fallback(shared: State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") {
        return Problem::not_found(format!("no {path} here; docs/stream.md lists the paths")).into_response();
    }
    let answer = assets::answer(path, request.headers());
    match *request.method() {
        Method::GET | Method::HEAD => answer,
        _ if answer.status() == StatusCode::NOT_FOUND => answer,
        Method::OPTIONS => permission(shared, request).await,
        _ => not_taken(&request),
    }
}

async fn other_method(method: Method, uri: Uri) -> Problem {
    method_problem(&method, &uri)
}

fn method_problem(method: &Method, uri: &Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Another method is asked for", detail)
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    match shared.relay.trouble() {
        None => "ready\n".into_response(),
        Some(why) => Problem::unavailable("not-ready", why, 1).into_response(),
    }
}

/// What the page may do: it runs nothing but its own, asks the servers of its town, and nobody frames it.
fn policy(host: &str, shards: &[String]) -> String {
    // `'self'` means WebSockets too by now, and not in every browser. A name in brackets cannot be said here.
    let plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    let own = plain.then(|| format!(" ws://{host} wss://{host}"));
    let others = shards.iter().map(|origin| format!(" {origin} {}", origin.replacen("http", "ws", 1)));
    let servers: String = own.into_iter().chain(others).collect();
    format!("{}; connect-src 'self'{servers}; frame-ancestors 'none'", assets::POLICY)
}

/// What the browser of a foreign page asks before it asks (CORS): whether that page may read here. Only a path that is read is
/// asked so; of one that decides something there is nothing to permit.
pub async fn permission(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    if shared.doorman.foreign(&request).is_none() || wanted.is_none_or(|wanted| wanted != "GET") {
        return not_taken(&request);
    }
    let told = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "if-none-match, last-event-id"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, told).into_response()
}

/// The answer of what is only read to another method.
fn not_taken(request: &Request) -> Response {
    let allowed = [(header::ALLOW, HeaderValue::from_static("GET,HEAD"))];
    (allowed, method_problem(request.method(), request.uri())).into_response()
}

/// What a foreign page may read of an answer, beside what every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static("etag, retry-after, x-next-offset, x-request-id");

/// Headers that every answer has.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The header with the name of one request: what a proxy calls it, or else a name of ours.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn request_id(request: &Request) -> String {
    let told = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    told.filter(plain).map_or_else(|| format!("{:020x}", crate::config::random()), str::to_owned)
}

/// Before and after every request: the name that it was asked under, its rate, and headers that all answers have.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let took = Stopwatch::start();
    let (id, foreign) = (request_id(&request), shared.doorman.foreign(&request));
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let policy = policy(host, &shared.town.shards);
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = match shared.doorman.look(&request).and_then(|()| http::fits(&request)) {
        Ok(()) => next.run(request).instrument(span.clone()).await,
        Err(problem) => problem.into_response(),
    };
    shared.hub.counts.answered(response.status());
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), ms = took.millis(), "answered"));
    let headers = response.headers_mut();
    if let Some(origin) = foreign {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// What a subscriber may ask for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Asked {
    /// Where to begin: `now`, `snapshot`, an offset, `epoch:offset`, or the id of an event.
    pub after: Option<String>,
    /// Types, with commas.
    pub types: Option<String>,
    /// Agents, with commas.
    pub agent: Option<String>,
    /// Subjects, with commas.
    pub subject: Option<String>,
    /// Events in one answer.
    pub limit: Option<usize>,
    /// Seconds to wait for one.
    pub wait: Option<u64>,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(asked),
            Err(bad) => Err(Problem::bad_request(bad.body_text())),
        }
    }
}

/// The leave to listen; held for as long as that lasts.
pub struct Listen(pub Option<Pass>);

impl FromRequestParts<Arc<Shared>> for Listen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        shared.doorman.listen(parts, shared.limits.connections_per_address).map(Self)
    }
}

impl Asked {
    /// The filter.
    ///
    /// # Errors
    /// A problem that names the parameter.
    pub fn filter(&self) -> Result<Filter, Problem> {
        Filter::read(self.types.as_deref(), self.agent.as_deref(), self.subject.as_deref())
            .map_err(|bad| Problem::bad_request(bad.to_string()))
    }

    /// Where to begin.
    #[must_use]
    pub fn start(&self, otherwise: &str) -> Start {
        start(self.after.as_deref().unwrap_or(otherwise))
    }
}

/// Reads a place: `now`, `snapshot`, an offset, `epoch:offset`, or else the id of an event.
#[must_use]
pub fn start(after: &str) -> Start {
    match after {
        "now" => return Start::Now,
        "snapshot" => return Start::Snapshot,
        _ => {}
    }
    let number = |text: &str| text.parse::<Offset>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(offset) = number(after) {
        return Start::After(None, offset);
    }
    match after.split_once(':').and_then(|(epoch, offset)| Some((epoch.to_owned(), number(offset)?))) {
        Some((epoch, offset)) => Start::After(Some(epoch), offset),
        None => Start::AfterId(after.to_owned()),
    }
}

async fn web_socket(State(shared): State<Arc<Shared>>, listen: Listen, asked: Asked, request: Request) -> Response {
    match upgrade(&shared, &asked, listen.0, request) {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// The one key of a handshake.
fn key(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().filter(|_| keys.next().is_none())?;
    STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16).then_some(key)
}

/// The handshake of RFC 6455 §4.2.
fn upgrade(shared: &Arc<Shared>, asked: &Asked, pass: Option<Pass>, mut request: Request) -> Result<Response, Problem> {
    let headers = request.headers();
    let has = |name: HeaderName, wanted: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    // HTTP/1.0 has no upgrades; there the header means nothing (RFC 9110 §7.8).
    let may_upgrade = request.method() == Method::GET && request.version() >= Version::HTTP_11;
    if !may_upgrade || !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        let mut problem = Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "not-a-websocket",
            "A WebSocket is spoken here",
            "ask for /events (SSE) or /api/events where WebSockets cannot be had",
        )
        .into_response();
        problem.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Ok(problem);
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        let mut problem = Problem::bad_request("version 13 of the WebSocket protocol is spoken here").into_response();
        problem.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Ok(problem);
    }
    let key = key(headers)
        .ok_or_else(|| Problem::bad_request("Sec-WebSocket-Key has to be there once, with 16 bytes in base64"))?;
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let wish = Wish { start: asked.start("now"), filter: asked.filter()? };
    let passes = (pass, request.extensions().get::<Arc<Pass>>().cloned());
    let upgraded = hyper::upgrade::on(&mut request);
    let (shared, watching) = (shared.clone(), shared.watching.clone());
    let watch = async move {
        // Held as long as the connection is open: it counts for its address, and the end of the server waits for it.
        let _passes = passes;
        let Ok(upgraded) = upgraded.await else { return };
        // Every connection here is one; anything else would be a mistake of ours, and ends.
        let Ok(parts) = upgraded.downcast::<TokioIo<Stalling>>() else { return };
        // Told of by the threads that serve it from here on.
        let Ok(stream) = parts.io.into_inner().into_inner().into_std().and_then(TcpStream::from_std) else { return };
        socket::serve(stream, &parts.read_buf, wish, shared).await;
    };
    watching.spawn(watch.in_current_span());
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (
            header::SEC_WEBSOCKET_ACCEPT,
            HeaderValue::from_str(&accept).map_err(|_| Problem::bad_request("the key is no key"))?,
        ),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}
