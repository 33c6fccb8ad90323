//! What the person at this machine decides in the page: merge, reject, freeze, thaw.
//! Lives here: who may ask for it, and the shapes of asking and answer. Never here: doing it, which whoever starts the server
//! brings along.
//!
//! Any page that the person visits, and any program of another user here, can send requests to a server on loopback. So each
//! has to come from loopback, under a name of loopback, from the server's own page, and with the session that the token of the
//! printed address opened.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Number;
use crate::config::Secret;
use crate::serve::http::Peer;
use crate::serve::openapi::{JSON, Operation, Paths};
use crate::serve::problem::Problem;
use crate::serve::session::{NoSession, Session};
use crate::serve::{Shared, offset};
use crate::town::event::Reason;
use crate::town::ids::Oid;

/// Bytes of a body.
const BODY: usize = 64 * 1024;
/// Bytes of a reason in words.
const WORDS: usize = 4_000;
/// Acts a second, and at once.
const A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Headers by which a proxy tells that somebody else asks.
const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Something that the person wants done.
#[derive(Clone, Debug)]
pub enum Act {
    /// Merge a pull request.
    Merge {
        /// Which.
        number: u64,
        /// The commit that was shown.
        head: Oid,
        /// Also where it is a draft.
        draft: bool,
    },
    /// Reject one.
    Reject {
        /// Which.
        number: u64,
        /// The commit that was shown.
        head: Oid,
        /// Why, as a code.
        reason: Reason,
        /// Why, in words.
        text: String,
    },
    /// Stop the town.
    Freeze {
        /// Why.
        reason: String,
    },
    /// Let it go on.
    Thaw {
        /// Why.
        reason: String,
    },
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum What {
    /// A pull request is merged.
    Merged {
        /// Which.
        number: u64,
        /// `merged`.
        state: &'static str,
        /// The merge commit.
        commit: String,
        /// Whether people had added commits.
        edited: bool,
    },
    /// One is rejected.
    Rejected {
        /// Which.
        number: u64,
        /// `rejected`.
        state: &'static str,
        /// Why, as a code.
        reason: Reason,
    },
    /// The town is frozen, or no more.
    Frozen {
        /// Whether it is.
        frozen: bool,
    },
}

/// What was done, and where it stands in the journal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    #[serde(flatten)]
    what: What,
    /// The event that recorded it; none where another process had recorded the same just before.
    event: Option<String>,
    /// The last sequence number of the journal then.
    seq: u64,
    /// The place in the stream of that.
    offset: String,
}

impl Done {
    /// What was done, recorded by this event.
    #[must_use]
    pub fn new(what: What, event: Option<String>, seq: u64) -> Self {
        Self { what, event, seq, offset: offset::of_seq(seq).to_string() }
    }
}

/// Does it, as the command does.
pub type Perform = Box<dyn Fn(&Act) -> Result<Done, Problem> + Send + Sync>;

/// The way for the person at this machine to decide.
pub struct Local {
    /// The session.
    pub session: Session,
    names: Vec<String>,
    by: Option<String>,
    rate: DefaultDirectRateLimiter,
    perform: Perform,
}

impl Local {
    /// For whoever has this token, under these names of loopback; `by` is what git calls the person.
    #[must_use]
    pub fn new(token: &Secret, names: Vec<String>, by: Option<String>, perform: Perform) -> Self {
        let rate = RateLimiter::direct(Quota::per_second(A_SECOND).allow_burst(AT_ONCE));
        Self { session: Session::waiting(token), names, by, rate, perform }
    }

    /// Whether a request comes from the page that this server showed to a browser on this machine.
    fn is_own(&self, parts: &Parts) -> Result<(), Problem> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
        let proxied = OF_PROXIES.iter().find(|name| parts.headers.contains_key(**name));
        if let Some(name) = proxied {
            return Err(Problem::forbidden(
                "not-local",
                format!("this came through a proxy ({name}); decide at the town's own machine"),
            ));
        }
        if !peer.is_some_and(|peer| peer.is_loopback()) {
            return Err(Problem::forbidden("not-local", "only the town's own machine may decide"));
        }
        let said = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let host = said(header::HOST).unwrap_or_default();
        if !self.names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            let detail = format!("verdicts are taken at {}, not at {host:?}", self.names.join(", "));
            let title = "Another server was asked for";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", title, detail));
        }
        match said(header::ORIGIN) {
            None => {
                return Err(Problem::forbidden("no-origin", "a browser says which page asks (Origin); this does not"));
            }
            Some(origin) if origin.eq_ignore_ascii_case(&format!("http://{host}")) => {}
            Some(origin) => {
                let detail = format!("pages of {origin:?} may not decide; only the page of http://{host} may");
                return Err(Problem::forbidden("wrong-origin", detail));
            }
        }
        let kind = said(header::CONTENT_TYPE).unwrap_or_default();
        if kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            return Ok(());
        }
        let detail = format!("the body has to be application/json, and is {kind:?}");
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-type", "Another type of body is asked for", detail))
    }

    /// Whether a request has the session, and does not ask too often.
    fn is_signed(&self, parts: &Parts) -> Result<(), Problem> {
        let told = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let told =
            told.and_then(|told| told.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if !told.is_some_and(|(_, secret)| self.session.is(secret.trim())) {
            let detail = "no session of this server; open the address that `monkeytown` printed when it started";
            return Err(unauthorised("no-session", detail.to_owned()));
        }
        self.rate.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            Problem::too_fast(format!("more than {A_SECOND} verdicts a second; wait {wait} s"), wait)
        })
    }
}

fn unauthorised(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, "Nobody knows who asks", detail)
}

/// The paths.
pub fn paths() -> Paths {
    let takes = |id, summary| {
        Operation::new("verdicts", id, summary)
            .header("Origin", "that of the server itself; a browser sends it", true)
            .fails(400, &["bad-request"])
            .fails(403, &["not-local", "no-origin"])
            .fails(408, &["too-slow"])
            .fails(413, &["too-big"])
            .fails(415, &["wrong-type"])
    };
    let decides = |id, summary| {
        let operation = takes(id, summary).known_by("session").fails(401, &["no-session"]).fails(500, &["failed"]);
        let operation = operation.json::<Done>(200, "what was done, and where it is recorded");
        operation.fails(403, &["elsewhere", "nobody"]).fails(503, &["busy", "ending"])
    };
    let session = takes("session", "Exchange the token of the printed address for a session")
        .takes::<Exchange>(JSON)
        .json::<Opened<'_>>(200, "the session")
        .fails(401, &["token-used", "token-wrong"])
        .fails(503, &["busy"]);
    let of_pull = |id, summary| decides(id, summary).fails(404, &["not-found"]);
    let merge = of_pull("merge", "Merge a pull request").takes::<Merge>(JSON);
    let merge = merge.fails(409, &["head-moved", "closed", "draft", "conflicts", "in-the-way", "no-branch", "refused"]);
    let reject = of_pull("reject", "Reject a pull request").takes::<Reject>(JSON);
    let halts = |id, summary| decides(id, summary).takes::<Halt>(JSON).fails(409, &["already", "refused"]);
    Paths::default()
        .post("/api/session", self::session, session)
        .post("/api/pulls/{number}/merge", self::merge, merge)
        .post("/api/pulls/{number}/reject", self::reject, reject.fails(409, &["head-moved", "closed", "refused"]))
        .post("/api/freeze", freeze, halts("freeze", "Stop the town"))
        .post("/api/thaw", thaw, halts("thaw", "Let the town go on"))
        .bounded(BODY)
}

/// A request of this server's own page on this machine.
struct Own;

impl FromRequestParts<Arc<Shared>> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        shared.local()?.is_own(parts).map(|()| Self)
    }
}

/// The same, with the session.
struct Signed;

impl FromRequestParts<Arc<Shared>> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let local = shared.local()?;
        local.is_own(parts)?;
        local.is_signed(parts).map(|()| Self)
    }
}

/// What a body says.
struct Told<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let read = shared.limits.in_time(Bytes::from_request(request, shared)).await?;
        let bytes = read.map_err(|bad| match bad.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_long(BODY),
            _ => Problem::bad_request(bad.body_text()),
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|bad| Problem::bad_request(format!("the body: {bad}")))
    }
}

/// The token of the printed address.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Token")]
struct Exchange {
    /// From the fragment of the printed address; good for once.
    token: String,
}

/// What was looked at and is to be merged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Merge {
    /// The commit that was shown: `tip`, or `head` where there is none.
    head: Oid,
    /// Also where it is a draft.
    #[serde(default)]
    draft: bool,
}

/// What was looked at and is rejected.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reject {
    /// The commit that was shown: `tip`, or `head` where there is none.
    head: Oid,
    /// Why, as a code.
    reason: Reason,
    /// Why, in words: at most 4,000 bytes.
    #[serde(default)]
    text: String,
}

/// Why it is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Why")]
struct Halt {
    /// In words, at most 4,000 bytes.
    reason: String,
}

/// A session that was opened.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct Opened<'a> {
    /// The secret for `Authorization: Bearer`; good until the server ends.
    session: &'a str,
    /// What git calls the person.
    by: Option<&'a str>,
}

/// `POST /api/session`: the token of the printed address becomes a session.
async fn session(State(shared): State<Arc<Shared>>, _: Own, Told(told): Told<Exchange>) -> Result<Response, Problem> {
    let local = shared.local()?;
    let secret = local.session.exchange(&told.token).map_err(|why| match &why {
        NoSession::Used => unauthorised("token-used", why.to_string()),
        NoSession::Wrong => unauthorised("token-wrong", why.to_string()),
        NoSession::NoRandomness(_) => Problem::unavailable("busy", why.to_string(), 5),
    })?;
    Ok(unkept(&Opened { session: secret.reveal(), by: local.by.as_deref() }))
}

/// `POST /api/pulls/{number}/merge`.
async fn merge(
    State(shared): State<Arc<Shared>>,
    _: Signed,
    Number(number): Number,
    Told(Merge { head, draft }): Told<Merge>,
) -> Result<Response, Problem> {
    perform(shared, Act::Merge { number, head, draft }).await
}

/// `POST /api/pulls/{number}/reject`.
async fn reject(
    State(shared): State<Arc<Shared>>,
    _: Signed,
    Number(number): Number,
    Told(Reject { head, reason, text }): Told<Reject>,
) -> Result<Response, Problem> {
    let text = worded(text)?;
    perform(shared, Act::Reject { number, head, reason, text }).await
}

/// `POST /api/freeze`.
async fn freeze(State(shared): State<Arc<Shared>>, _: Signed, Told(told): Told<Halt>) -> Result<Response, Problem> {
    perform(shared, Act::Freeze { reason: said(told.reason)? }).await
}

/// `POST /api/thaw`.
async fn thaw(State(shared): State<Arc<Shared>>, _: Signed, Told(told): Told<Halt>) -> Result<Response, Problem> {
    perform(shared, Act::Thaw { reason: said(told.reason)? }).await
}

fn worded(text: String) -> Result<String, Problem> {
    match text.len() {
        0..=WORDS => Ok(text),
        long => Err(Problem::bad_request(format!("the words have {long} bytes, and {WORDS} are allowed"))),
    }
}

fn said(reason: String) -> Result<String, Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::bad_request("reason: say why, so that people find it in the journal"));
    }
    worded(reason)
}

/// Does it on a thread of its own, to the end even where whoever asked goes away.
async fn perform(shared: Arc<Shared>, act: Act) -> Result<Response, Problem> {
    let gone = |_| Problem::unavailable("ending", "the server ends", 5);
    let done = tokio::task::spawn_blocking(move || {
        let done = (shared.local()?.perform)(&act);
        tracing::info!(?act, done = done.is_ok(), "decided in the page");
        done
    });
    Ok(unkept(&done.await.map_err(gone)??))
}

/// An answer that nobody keeps.
fn unkept(answer: &impl Serialize) -> Response {
    let mut response = axum::Json(answer).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
