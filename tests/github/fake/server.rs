//! The server: takes a request in, lets the faults have it, and sends the answer with GitHub's headers.
//!
//! Lives here: HTTP, who asks, the rate limits and ETags. Never here: what an answer says (see `rest` and `smart`).

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::faults::{Act, Cut};
use super::reply::Reply;
use super::smart::{self, GitCall};
use super::world::{ACTIONS, Seen, Token, World};
use super::{graphql, rest};

/// What the handle and the server share.
pub type Shared = Arc<Mutex<World>>;

const LARGEST: usize = 256 * 1024 * 1024;

/// Serves until `stop` says so.
pub fn run(listener: TcpListener, shared: Shared, stop: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().fallback(intake).with_state(shared);
        tokio::select! {
            served = axum::serve(listener, router) => served.unwrap(),
            _ = stop => {}
        }
    });
    runtime.shutdown_background();
}

async fn intake(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, LARGEST).await {
        Ok(body) => body.to_vec(),
        Err(_) => resume_unwind(Box::new("the client went away")),
    };
    // Git and the file system block, and another request may come meanwhile.
    let reply = tokio::task::spawn_blocking(move || Intake::new(parts, body).serve(&shared)).await;
    match reply {
        Ok(Some(reply)) => response(reply),
        // Ends the task of this connection without a word, and so closes it.
        Ok(None) => resume_unwind(Box::new("this connection is cut")),
        Err(broken) => response(Reply::error(500, &format!("the fake is broken: {broken}"))),
    }
}

fn response(reply: Reply) -> Response {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// Who asks.
enum Asker {
    Nobody,
    Known(Token),
    Unknown,
}

impl Asker {
    fn of(world: &World, headers: &BTreeMap<String, String>) -> Asker {
        let Some((scheme, rest)) = headers.get("authorization").and_then(|value| value.split_once(' ')) else {
            return Asker::Nobody;
        };
        let secret = match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" => Some(rest.trim().to_owned()),
            "basic" => {
                let pair = STANDARD.decode(rest.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
                pair.and_then(|pair| pair.split_once(':').map(|(_, secret)| secret.to_owned()))
            }
            _ => None,
        };
        let token = secret.and_then(|secret| world.token(&secret).cloned());
        token.map_or(Asker::Unknown, Asker::Known)
    }

    fn token(&self) -> Option<&Token> {
        if let Asker::Known(token) = self { Some(token) } else { None }
    }

    fn label(&self) -> Option<String> {
        match self {
            Asker::Nobody => None,
            Asker::Known(token) => Some(token.label.clone()),
            Asker::Unknown => Some("unknown".to_owned()),
        }
    }

    /// Requests an hour.
    fn limit(&self) -> u64 {
        match self {
            Asker::Known(token) if token.login == ACTIONS => 1_000,
            Asker::Known(_) => 5_000,
            _ => 60,
        }
    }
}

struct Intake {
    method: String,
    path: String,
    query: String,
    words: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Intake {
    fn new(parts: Parts, body: Vec<u8>) -> Intake {
        let value = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let words = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri);
        Intake {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            words: words.map(|Query(words)| words).unwrap_or_default(),
            headers: parts.headers.iter().map(|(name, it)| (name.as_str().to_owned(), value(it))).collect(),
            body,
        }
    }

    /// The answer, or nothing where the connection is to be cut.
    fn serve(self, shared: &Shared) -> Option<Reply> {
        let mut world = shared.lock().unwrap();
        let asker = Asker::of(&world, &self.headers);
        let at = world.seen.len();
        let seen = self.seen(&asker);
        world.seen.push(seen);
        let service = smart::service(&world, &self.path);
        drop(world);
        let reply = match service {
            Some(service) => self.git(shared, &asker, service),
            None => self.api(&mut shared.lock().unwrap(), &asker),
        };
        if let Some(seen) = shared.lock().unwrap().seen.get_mut(at) {
            seen.status = reply.as_ref().map(|reply| reply.status);
        }
        reply
    }

    fn seen(&self, asker: &Asker) -> Seen {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let headers = self.headers.iter().filter(|(name, _)| *name != "authorization");
        Seen {
            method: self.method.clone(),
            path: format!("{}{query}", self.path),
            token: asker.label(),
            headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            status: None,
        }
    }

    fn git(self, shared: &Shared, asker: &Asker, service: String) -> Option<Reply> {
        let (method, path) = (self.method.clone(), self.path.clone());
        let call = GitCall { method, service, query: self.query, headers: self.headers, body: self.body };
        let mut world = shared.lock().unwrap();
        if world.faults.unreachable {
            return None;
        }
        if world.faults.down {
            return Some(Reply::unicorn());
        }
        let mut dropped = false;
        match world.faults.meets(&call.method, &path) {
            Some(Act::Answer(reply)) => return Some(*reply),
            Some(Act::Drop) => dropped = true,
            None => {}
        }
        let unknown = matches!(asker, Asker::Unknown);
        if unknown {
            let reply = Reply::text(401, "text/plain", "Invalid username or token.");
            return Some(reply.with("www-authenticate", "Basic realm=\"GitHub\""));
        }
        if let Some(reply) = call.refused(&world, asker.token()) {
            return Some(reply);
        }
        if call.pushes() && !call.moves_refs() {
            world.faults.push_begins();
        }
        let cut = if call.moves_refs() { world.faults.meets_cut() } else { None };
        let environment = call.environment(&world, asker.token(), cut == Some(Cut::BeforeRefs));
        let bare = world.bare.clone();
        drop(world);
        let reply = call.run(&bare, environment);
        if call.moves_refs() {
            let by = asker.token().map(|token| token.login.clone()).unwrap_or_default();
            shared.lock().unwrap().follow(&by);
        }
        let reply = reply.with("cache-control", "no-cache, max-age=0, must-revalidate");
        if dropped || cut.is_some() { None } else { Some(reply) }
    }

    /// The API, with the headers that all its answers carry.
    fn api(&self, world: &mut World, asker: &Asker) -> Option<Reply> {
        if world.faults.unreachable {
            return None;
        }
        if world.faults.down {
            return Some(Reply::unicorn());
        }
        let (prefix, path) = match self.path.strip_prefix("/api/v3") {
            Some(path) => ("/api/v3", path),
            None => ("", self.path.as_str()),
        };
        let mut dropped = false;
        let (mut reply, mut costs) = (None, true);
        match world.faults.meets(&self.method, path) {
            Some(Act::Answer(planned)) => reply = Some(*planned),
            Some(Act::Drop) => dropped = true,
            None => {}
        }
        let mut reply = match reply.or_else(|| self.limited(world, asker, path)) {
            Some(reply) => reply,
            None => self.answered(world, asker, prefix, path),
        };
        if self.method == "GET" && reply.status == 200 {
            let tag = format!("W/\"{}\"", blake3::hash(&reply.body).to_hex());
            let known = self.headers.get("if-none-match").is_some_and(|known| known.contains(&tag));
            if known {
                costs = false;
                let link = reply.header("link").map(str::to_owned);
                reply = Reply::empty(304);
                reply.headers.extend(link.map(|link| ("link".to_owned(), link)));
            }
            reply = reply.with("etag", &tag).with("cache-control", "private, max-age=60, s-maxage=60");
        }
        let reply = self.finished(world, asker, reply, costs && path != "/rate_limit");
        if dropped { None } else { Some(reply) }
    }

    /// The limit that stands in the way.
    fn limited(&self, world: &mut World, asker: &Asker, path: &str) -> Option<Reply> {
        if path == "/rate_limit" {
            return None;
        }
        if let Some(reply) = world.faults.meets_limit() {
            return Some(reply);
        }
        let now = world.now().timestamp();
        world.faults.primary = world.faults.primary.filter(|reset| now < *reset);
        let (used, _) = window(world, asker);
        (world.faults.primary.is_some() || used >= asker.limit()).then(|| {
            let whom = if asker.token().is_some() { "installation ID 1" } else { "127.0.0.1" };
            Reply::error(403, &format!("API rate limit exceeded for {whom}."))
        })
    }

    fn answered(&self, world: &mut World, asker: &Asker, prefix: &str, path: &str) -> Reply {
        if !self.headers.contains_key("user-agent") {
            let message =
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
            return Reply::text(403, "text/plain", message);
        }
        if matches!(asker, Asker::Unknown) {
            return Reply::error(401, "Bad credentials");
        }
        if self.method == "GET" && path == "/rate_limit" {
            return rate_limit(world, asker);
        }
        let body = match self.body.as_slice() {
            [] => Value::Null,
            body => match serde_json::from_slice(body) {
                Ok(body) => body,
                Err(_) => return Reply::error(400, "Problems parsing JSON"),
            },
        };
        let token = asker.token().cloned();
        if self.method == "POST" && ["/graphql", "/api/graphql"].contains(&path) {
            return graphql::answer(world, token.as_ref(), &body);
        }
        let (method, raw_query, query) = (self.method.as_str(), self.query.as_str(), self.words.clone());
        let call = rest::Call { world, method, prefix, rest: String::new(), raw_query, query, body, token };
        rest::answer(call, path).unwrap_or_else(|refused| refused)
    }

    fn finished(&self, world: &mut World, asker: &Asker, mut reply: Reply, costs: bool) -> Reply {
        let (mut used, reset) = window(world, asker);
        if costs {
            used += 1;
            world.used.insert(asker.label().unwrap_or_default(), (used, reset));
        }
        let limit = asker.limit();
        let (used, reset) = match world.faults.primary {
            Some(reset) => (limit, reset),
            None => (used.min(limit), reset),
        };
        let id = format!("FA4E:{:04X}:{:08X}", world.seen.len(), world.last_id);
        let headers = [
            ("date", world.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", (limit - used).to_string()),
            ("x-ratelimit-used", used.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
            ("x-github-request-id", id),
            ("x-github-media-type", "github.v3; format=json".to_owned()),
            ("x-github-api-version-selected", "2022-11-28".to_owned()),
        ];
        for (name, value) in headers {
            if reply.header(name).is_none() {
                reply = reply.with(name, &value);
            }
        }
        reply
    }
}

/// How much of its limit an asker used, and when that begins anew.
fn window(world: &World, asker: &Asker) -> (u64, i64) {
    let now = world.now().timestamp();
    let known = world.used.get(&asker.label().unwrap_or_default());
    known.copied().filter(|(_, reset)| now < *reset).unwrap_or((0, now + 3_600))
}

fn rate_limit(world: &World, asker: &Asker) -> Reply {
    let (used, reset) = match world.faults.primary {
        Some(reset) => (asker.limit(), reset),
        None => window(world, asker),
    };
    let limit = asker.limit();
    let of = |limit: u64, used: u64| json!({ "limit": limit, "remaining": limit.saturating_sub(used), "used": used, "reset": reset });
    let core = of(limit, used);
    let resources = json!({ "core": core, "search": of(30, 0), "graphql": of(limit, 0) });
    Reply::json(200, json!({ "resources": resources, "rate": core }))
}
