//! What is known of the town, as JSON.
//! Lives here: the paths below `/api/` that read. Never here: the stream (see [`super::poll`]), verdicts (see [`local`]).

pub mod agents;
pub mod desk;
pub mod diff;
pub mod ledger;
pub mod local;
pub mod past;
pub mod pulls;
pub mod specs;
pub mod states;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use git2::Oid;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::git::home::Home;
use crate::git::journal::Journal;
use crate::town::fold::Town;

use self::desk::{Document, Failure, TownNow, lock};
use super::hub::Standing;
use super::problem::Problem;
use super::ring::Offset;
use super::{About, Shared, offset};

/// Events of one answer of history.
const LINES: u64 = 5_000;

/// The paths of the API.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/state", get(state))
        .route("/api/town", get(town))
        .route("/api/stream", get(stream))
        .route("/api/agents", get(agents))
        .route("/api/specs", get(specs))
        .route("/api/ledger", get(ledger))
        .route("/api/pulls", get(pulls))
        .route("/api/pulls/{number}", get(pull))
        .route("/api/history", get(history))
        .route("/api/history/index", get(index))
        .merge(local::router())
}

/// What an answer is worked out from: all of one moment.
struct Asked<'a> {
    shared: &'a Shared,
    home: &'a Home,
    now: &'a TownNow,
    town: &'a Town,
}

/// Works an answer out beside the threads that serve, and keeps it until something has happened.
async fn document<T: Serialize>(
    shared: Arc<Shared>,
    headers: &HeaderMap,
    name: String,
    make: impl FnOnce(&Asked<'_>) -> Result<T, Failure> + Send + 'static,
) -> Response {
    let made = worked_out(shared, move |shared| {
        let desk = &shared.desk;
        desk.with(|home| {
            let now = desk.town(home)?;
            let Standing { epoch, town, head, .. } = shared.hub.state();
            // The next planned runs change with the minute, and a branch with what people push to it.
            let minute = desk.now().timestamp().div_euclid(60);
            let head = head.unwrap_or_default();
            let version = format!("{epoch} {head} {} {minute} {}", now.main, tips(home, &town)?);
            let asked = Asked { shared, home, now: &now, town: &town };
            desk.kept(&name, &version, || {
                lock(&desk.past).keep_up(&shared.hub);
                Ok(serde_json::to_vec(&make(&asked)?)?)
            })
        })
    });
    match made.await {
        Ok(made) => tagged(headers, &made.tag, || made.bytes.clone()),
        Err(problem) => problem.into_response(),
    }
}

/// The commits that the branches of open pull requests stand at.
pub(super) fn tips(home: &Home, town: &Town) -> Result<String, Failure> {
    let mut tips = String::new();
    for pull in town.open_pulls() {
        tips.push_str(&home.tip(&pull.offer.branch)?.map(|tip| tip.to_string()).unwrap_or_default());
    }
    Ok(tips)
}

/// Waits for a turn and works out something that reads the repository.
pub(super) async fn worked_out<T: Send + 'static>(
    shared: Arc<Shared>,
    act: impl FnOnce(&Shared) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    let gone = || Problem::unavailable("ending", "the server ends", 5);
    let asker = shared.clone();
    let _turn = asker.desk.turns.acquire().await.map_err(|_| gone())?;
    let acted = tokio::task::spawn_blocking(move || act(&shared)).await.map_err(|_| gone())?;
    acted.map_err(Problem::from)
}

/// `GET /api/agents`: charters and memories.
async fn agents(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "agents".to_owned(), |a| agents::agents(&a.shared.desk, a.home, a.now)).await
}

/// `GET /api/specs`: OpenSpec.
async fn specs(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "specs".to_owned(), |a| specs::specs(a.home, a.now, a.town)).await
}

/// `GET /api/ledger`: what runs cost.
async fn ledger(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "ledger".to_owned(), |a| ledger::ledger(&a.shared.desk, a.home, a.town)).await
}

/// `GET /api/pulls`: pull requests with what to look at.
async fn pulls(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "pulls".to_owned(), |a| pulls::pulls(&a.shared.desk, a.home, a.now, a.town)).await
}

/// `GET /api/pulls/{number}`: one with what differs.
async fn pull(State(shared): State<Arc<Shared>>, Path(number): Path<String>, headers: HeaderMap) -> Response {
    let Ok(number) = number.parse::<u64>() else {
        return Problem::not_found(format!("{number:?} is no number of a pull request")).into_response();
    };
    let make = move |a: &Asked<'_>| pulls::page(&a.shared.desk, a.home, a.now, a.town, number);
    document(shared, &headers, format!("pulls/{number}"), make).await
}

/// `GET /api/history/index`: when things happened.
async fn index(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "history/index".to_owned(), |a| Ok(lock(&a.shared.desk.past).index())).await
}

/// A part of history.
#[derive(Debug, Deserialize)]
struct Part {
    from: Option<u64>,
    to: Option<u64>,
    /// Instead of `from`: lines behind this offset.
    after: Option<Offset>,
}

/// The offset to go on after, where an answer has not all of its part.
const NEXT: HeaderName = HeaderName::from_static("x-next-offset");

/// `GET /api/history?from=&to=`: lines of JSON, each an event with its place. Commits that landed before the first event are asked
/// for with `from=0`.
async fn history(
    State(shared): State<Arc<Shared>>,
    part: Result<Query<Part>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(part)) = part else {
        return Problem::bad_request("from= and to= are sequence numbers, after= is an offset").into_response();
    };
    match worked_out(shared, move |shared| lines(shared, &part)).await {
        Err(problem) => problem.into_response(),
        Ok((document, more)) => {
            let mut response = tagged(&headers, &document.tag, || document.bytes);
            let out = response.headers_mut();
            if out.contains_key(header::CONTENT_TYPE) {
                out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
            }
            if let Some(more) = more {
                out.insert(NEXT, HeaderValue::from(more));
            }
            response
        }
    }
}

fn lines(shared: &Shared, part: &Part) -> Result<(Document, Option<Offset>), Failure> {
    let from = part.from.unwrap_or(1);
    let to = part.to.unwrap_or_else(|| from.saturating_add(LINES - 1));
    if part.after.is_none() && to.saturating_sub(from) >= LINES {
        return Err(Failure::Bad(format!("from={from}&to={to}: an answer has at most {LINES} events")));
    }
    if part.after.is_none() && to < from {
        return Err(Failure::Bad(format!("from={from}&to={to}: the end comes before the beginning")));
    }
    let place = |seq: u64| if seq > u64::from(u32::MAX) { Offset::MAX } else { offset::of_seq(seq) };
    let after = part.after.unwrap_or(if from == 0 { 0 } else { place(from).saturating_sub(1) });
    let before = if part.after.is_some() && part.to.is_none() { Offset::MAX } else { place(to.saturating_add(1)) };
    let most = usize::try_from(LINES).unwrap_or(usize::MAX);
    let (lines, more) = match past::lines(&shared.hub, after, before, most) {
        Some(found) => found,
        None => (recorded(shared, offset::seq_of(after) + 1, to)?, None),
    };
    let mut bytes = lines.join(&b'\n');
    if !bytes.is_empty() {
        bytes.push(b'\n');
    }
    Ok((Document::new(bytes), more))
}

/// Recorded events out of git, where the ring has let go of them.
fn recorded(shared: &Shared, from: u64, to: u64) -> Result<Vec<Vec<u8>>, Failure> {
    shared.desk.with(|home| {
        let mut lines = Vec::new();
        for commit in Journal::new(&home.repo, None).commits_after(from.saturating_sub(1))? {
            for (event, seq) in commit.events.iter().zip(commit.first_seq()..) {
                if (from..=to).contains(&seq) {
                    let offset = offset::of_seq(seq).to_string();
                    lines.push(serde_json::to_vec(&json!({"offset": offset, "seq": seq, "event": event}))?);
                }
            }
        }
        Ok(lines)
    })
}

/// Answers with JSON that has an entity tag, or with 304 where the asker has it already.
fn tagged(headers: &HeaderMap, tag: &str, json: impl FnOnce() -> Vec<u8>) -> Response {
    let tag = format!("\"{tag}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let fresh = known
        .flat_map(|list| list.split(','))
        .any(|known| matches!(known.trim(), known if known == tag || known == "*"));
    let Ok(etag) = HeaderValue::from_str(&tag) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if fresh {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let kind = HeaderValue::from_static("application/json");
    ([(header::ETAG, etag), (header::CONTENT_TYPE, kind)], json()).into_response()
}

/// The state with its place.
#[derive(Serialize)]
struct Answer<'a> {
    epoch: &'a str,
    offset: String,
    seq: u64,
    state: &'a RawValue,
}

/// A state as JSON, with the place that it stands at.
pub(super) fn placed(epoch: &str, offset: Offset, seq: u64, state: &RawValue) -> Vec<u8> {
    serde_json::to_vec(&Answer { epoch, offset: offset.to_string(), seq, state }).unwrap_or_default()
}

/// A moment of the past.
#[derive(Debug, Deserialize)]
struct Moment {
    at: Option<u64>,
}

/// `GET /api/state`: the folded state, and the offset that it stands at; with `at=`, as it was after that event.
async fn state(
    State(shared): State<Arc<Shared>>,
    moment: Result<Query<Moment>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    match moment {
        Err(_) => return Problem::bad_request("at= is the sequence number of an event").into_response(),
        Ok(Query(Moment { at: Some(seq) })) => return state_at(shared, seq, &headers).await,
        Ok(_) => {}
    }
    let Standing { epoch, offset, town, .. } = shared.hub.state();
    tagged(&headers, &format!("{epoch}:{offset}"), || {
        let state = shared.hub.rendered(&town);
        placed(&epoch, offset, town.seq, &state)
    })
}

async fn state_at(shared: Arc<Shared>, seq: u64, headers: &HeaderMap) -> Response {
    let (epoch, _) = shared.hub.now_at();
    match worked_out(shared, move |shared| states::at(shared, seq)).await {
        Err(problem) => problem.into_response(),
        Ok(town) => {
            let answer =
                || json!({"epoch": epoch, "offset": offset::of_seq(seq).to_string(), "seq": seq, "state": &*town});
            tagged(headers, &format!("{epoch}:at:{seq}"), || serde_json::to_vec(&answer()).unwrap_or_default())
        }
    }
}

/// `GET /api/town`: what the town is, and what may be done here.
async fn town(State(shared): State<Arc<Shared>>) -> Response {
    // While the repository cannot be read, all else is still told.
    let main = worked_out(shared.clone(), |shared| shared.desk.with(|home| Ok(home.main()?))).await.ok();
    let here = Here { main, local: shared.local.is_some(), limits: shared.limits.told() };
    axum::Json(described(&shared.town, &shared.hub.state(), here)).into_response()
}

/// What is so where the town is shown.
pub(super) struct Here {
    /// The default branch, where it can be read.
    pub main: Option<Oid>,
    /// Whether a person at this machine may decide there.
    pub local: bool,
    /// What is allowed, where something listens.
    pub limits: serde_json::Value,
}

/// What the town is, and what may be done where it is shown.
pub(super) fn described(about: &About, standing: &Standing, here: Here) -> serde_json::Value {
    let Standing { epoch, offset, town, head } = standing;
    json!({
        "name": about.name,
        "description": about.description,
        "source": about.source,
        "repository": { "branch": about.branch, "head": here.main.map(|main| main.to_string()) },
        "epoch": epoch,
        "offset": offset.to_string(),
        "journal": { "head": head, "seq": town.seq },
        "local": here.local,
        "freeze": town.frozen.is_some(),
        "server": env!("CARGO_PKG_VERSION"),
        "shards": about.shards,
        "world": null,
        "limits": here.limits,
    })
}

/// `GET /api/stream`: how the stream does.
async fn stream(State(shared): State<Arc<Shared>>) -> Response {
    let hub = &shared.hub;
    let ((epoch, offset), (events, bytes, first), capacity) = (hub.now_at(), hub.fill(), hub.capacity());
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    axum::Json(json!({
        "epoch": epoch,
        "offset": offset.to_string(),
        "ring": {
            "events": events,
            "bytes": bytes,
            "cap_events": capacity.frames,
            "cap_bytes": capacity.bytes,
            "first": first.map(|first| first.to_string()),
        },
        "witnesses": count(&hub.counts.witnesses),
        "delivered": count(&hub.counts.delivered),
        "lagged": count(&hub.counts.lagged),
        "published": count(&hub.counts.published),
        "relay_lag_ms": shared.relay.lag_ms(),
        "uptime_s": hub.age().as_secs(),
        "trouble": shared.relay.trouble(),
        "limits": shared.limits.told(),
        "build": env!("CARGO_PKG_VERSION"),
    }))
    .into_response()
}
