//! What is known of the town, as JSON.
//! Lives here: the paths below `/api/` that read. Never here: the stream (see [`super::poll`]), verdicts (see [`local`]).

pub mod about;
pub mod agents;
pub mod desk;
pub mod diff;
pub mod export;
pub mod kept;
pub mod ledger;
pub mod local;
pub mod parts;
pub mod past;
pub mod pulls;
pub mod runs;
pub mod specs;
pub mod states;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::git::home::Home;
use crate::git::journal::Journal;
use crate::town::fold::Town;

use self::desk::{Document, Failure, TownNow, in_turn, lock};
use super::hub::Standing;
use super::openapi::{Operation, Paths};
use super::pieces::Said;
use super::poll;
use super::problem::Problem;
use super::ring::Offset;
use super::{Shared, offset, tag};

/// Events of one answer of history.
const LINES: u64 = 5_000;

/// The program's version: another one may say the same otherwise.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The paths of the API.
pub fn paths() -> Paths {
    let asks = |id, summary| Operation::new("town", id, summary).reads();
    let state = asks("state", "The folded state, now or after an earlier event")
        .query::<Moment>()
        .json::<Answer<'_>>(200, "the state with its place")
        .tagged()
        .fails(400, &["bad-request"])
        .fails(404, &["not-found"]);
    let town =
        asks("town", "What the town is, and what may be done here").json::<about::Card<'_>>(200, "the town").tagged();
    let stream = Operation::new("operations", "stream", "How the stream does").json::<about::Health>(200, "figures");
    let agents = asks("agents", "Agents as their charters describe them, with what they remember");
    let specs = asks("specs", "Specs and changes of OpenSpec, now and at an offset")
        .query::<specs::Moment>()
        .json::<specs::Specs>(200, "specs and changes")
        .tagged()
        .fails(400, &["bad-request"])
        .fails(404, &["not-found"]);
    let ledger = asks("ledger", "What runs cost, and whether the journal holds what it says");
    let pulls = asks("pulls", "Pull requests with what to look at, newest first");
    let pull = asks("pull", "One pull request with what differs").json::<pulls::Page>(200, "the pull request").tagged();
    let index = asks("historyIndex", "When things happened").json::<past::Index>(200, "an index over time").tagged();
    Paths::default()
        .get("/api/state", self::state, state)
        .get("/api/town", about::town, town)
        .get("/api/stream", about::stream, stream)
        .get("/api/agents", self::agents, agents.json::<Vec<agents::Agent>>(200, "the agents").tagged())
        .get("/api/specs", specs::answer, specs)
        .get("/api/ledger", self::ledger, ledger.json::<ledger::Ledger>(200, "what there is").tagged())
        .get("/api/pulls", self::pulls, pulls.json::<Vec<pulls::Card>>(200, "the pull requests").tagged())
        .get("/api/pulls/{number}", self::pull, pull.fails(404, &["not-found"]))
        .get("/api/history", history, said_of_history(asks("history", "What happened, line by line")))
        .get("/api/history/index", self::index, index)
        .merge(runs::paths())
        .merge(export::paths())
        .merge(local::paths())
}

fn said_of_history(operation: Operation) -> Operation {
    operation
        .says(
            "At most 5,000 lines of JSON, and no more once they have 8 MiB. `from=0` begins with the commits that landed before \
             the first event. Of what the stream keeps no more there are the recorded events alone, without the commits \
             between them.",
        )
        .query::<Part>()
        .each::<poll::One>("application/x-ndjson", "events, one on each line")
        .with("X-Next-Offset", "the offset to go on after, where there is more")
        .tagged()
        .fails(400, &["bad-request"])
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
            // A commit may have landed in git that the stream, and with it the past, has not seen yet.
            let landed = shared.hub.counts.landed.load(Ordering::Relaxed);
            let version = format!("{epoch} {head} {} {landed} {minute} {}", now.main, tips(home, &town)?);
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
        match home.tip(&pull.offer.branch) {
            Ok(tip) => tips.push_str(&tip.map(|tip| tip.to_string()).unwrap_or_default()),
            // Its own answer says so; all others are as they were.
            Err(error) if error.is_unreadable() => tips.push_str(&error.whole()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tips)
}

/// Waits for a turn and works out something that reads the repository.
pub(super) async fn worked_out<T: Send + 'static>(
    shared: Arc<Shared>,
    act: impl FnOnce(&Shared) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    let turns = shared.desk.turns.clone();
    let acted = in_turn(&turns, move || act(&shared)).await;
    acted.ok_or_else(|| Problem::unavailable("ending", "the server ends", 5))?.map_err(Problem::from)
}

/// As [`worked_out`], for what may read far into the past: others have turns beside it.
async fn worked_out_at_length<T: Send + 'static>(
    shared: Arc<Shared>,
    act: impl FnOnce(&Shared) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    let long = shared.desk.long_turn().await;
    let act = move |shared: &Shared| {
        let _long = long;
        act(shared)
    };
    worked_out(shared, act).await
}

/// `GET /api/agents`: charters and memories.
async fn agents(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "agents".to_owned(), |a| agents::agents(&a.shared.desk, a.home, a.now)).await
}

/// `GET /api/ledger`: what runs cost.
async fn ledger(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let long = shared.desk.long_turn().await;
    let make = move |a: &Asked<'_>| {
        let _long = long;
        ledger::ledger(&a.shared.desk, a.home, a.town)
    };
    document(shared, &headers, "ledger".to_owned(), make).await
}

/// `GET /api/pulls`: pull requests with what to look at.
async fn pulls(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "pulls".to_owned(), |a| pulls::pulls(&a.shared.desk, a.home, a.now, a.town)).await
}

/// `GET /api/pulls/{number}`: one with what differs.
async fn pull(State(shared): State<Arc<Shared>>, Number(number): Number, headers: HeaderMap) -> Response {
    let make = move |a: &Asked<'_>| pulls::page(&a.shared.desk, a.home, a.now, a.town, number);
    document(shared, &headers, format!("pulls/{number}"), make).await
}

/// The number of a pull request in a path.
pub(super) struct Number(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, state).await.map(|Path(name)| name);
        // What is no text is no number either.
        let name = named.unwrap_or_else(|_| parts.uri.path().to_owned());
        name.parse().map(Self).map_err(|_| Problem::not_found(format!("{name:?} is no number of a pull request")))
    }
}

/// `GET /api/history/index`: when things happened.
async fn index(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    document(shared, &headers, "history/index".to_owned(), |a| Ok(lock(&a.shared.desk.past).index())).await
}

/// A part of history.
#[derive(Debug, Deserialize, JsonSchema)]
struct Part {
    /// The sequence number of the first event.
    from: Option<u64>,
    /// That of the last; as far as there is anything where it is left out.
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
    match worked_out_at_length(shared, move |shared| lines(shared, &part)).await {
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
    if let (None, Some(to)) = (part.after, part.to) {
        if to < from {
            return Err(Failure::Bad(format!("from={from}&to={to}: the end comes before the beginning")));
        }
        if to - from >= LINES {
            return Err(Failure::Bad(format!("from={from}&to={to}: an answer has at most {LINES} events")));
        }
    }
    let place = |seq: u64| if seq > u64::from(u32::MAX) { Offset::MAX } else { offset::of_seq(seq) };
    let after = part.after.unwrap_or(if from == 0 { 0 } else { place(from).saturating_sub(1) });
    let before = part.to.map_or(Offset::MAX, |to| place(to.saturating_add(1)));
    let most = usize::try_from(LINES).unwrap_or(usize::MAX);
    let (lines, more) = match past::lines(&shared.hub, after, before, most) {
        Some(found) => found,
        None => recorded(shared, after, before, most)?,
    };
    let mut bytes = lines.join(&b'\n');
    if !bytes.is_empty() {
        bytes.push(b'\n');
    }
    Ok((Document::new(bytes), more))
}

/// Recorded events out of git as far as the ring has let go of them, and from there on what the ring has.
fn recorded(shared: &Shared, after: Offset, before: Offset, most: usize) -> Result<past::Found, Failure> {
    let gone = shared.hub.let_go().unwrap_or(Offset::MAX);
    let mut answer = past::Answer::after(after, most);
    let mut is_full = Ok(false);
    shared.desk.with(|home| {
        let journal = Journal::told(home);
        let entries = shared.desk.entries(&journal)?;
        Ok(journal.each_in_order(&entries, offset::seq_of(after), |commit| {
            for (event, seq) in commit.events.iter().zip(commit.first_seq()..) {
                let offset = offset::of_seq(seq);
                if offset <= after {
                    continue;
                }
                if offset >= before || offset > gone {
                    return ControlFlow::Break(());
                }
                let line = json!({"offset": offset.to_string(), "seq": seq, "event": event});
                is_full = serde_json::to_vec(&line).map(|line| !answer.take(offset, line));
                if !matches!(is_full, Ok(false)) {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?)
    })?;
    let is_full = is_full?;
    if is_full || gone == Offset::MAX || before <= gone {
        return Ok(answer.found(is_full));
    }
    // Where the ring let go of more meanwhile, the next question finds it in git.
    let has_more = answer.go_on(&shared.hub, gone, before).unwrap_or(true);
    Ok(answer.found(has_more))
}

/// Answers with JSON that has an entity tag, or with 304 where the asker has it already.
pub(super) fn tagged<B: IntoResponse>(headers: &HeaderMap, tag: &str, json: impl FnOnce() -> B) -> Response {
    let text = format!("\"{tag}\"");
    let Ok(etag) = HeaderValue::from_str(&text) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if tag::is_known(headers, &text) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let kind = HeaderValue::from_static("application/json");
    ([(header::ETAG, etag), (header::CONTENT_TYPE, kind)], json()).into_response()
}

/// The state with its place.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlacedState")]
struct Answer<'a> {
    /// The life of the stream.
    epoch: &'a str,
    /// Where the stream goes on from it.
    offset: String,
    /// Its last event.
    seq: u64,
    /// The state.
    #[schemars(with = "Town")]
    state: &'a RawValue,
}

/// A state as JSON, with the place that it stands at.
pub(super) fn placed(epoch: &str, offset: Offset, seq: u64, state: &RawValue) -> Vec<u8> {
    serde_json::to_vec(&Answer { epoch, offset: offset.to_string(), seq, state }).unwrap_or_default()
}

/// A moment of the past.
#[derive(Debug, Deserialize, JsonSchema)]
struct Moment {
    /// The sequence number of the event after which it was so; now where it is left out.
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
    tagged(&headers, &format!("{epoch}:{offset}:{VERSION}"), || {
        Said::around(placed(&epoch, offset, town.seq, RawValue::NULL), shared.hub.rendered(&town))
    })
}

async fn state_at(shared: Arc<Shared>, seq: u64, headers: &HeaderMap) -> Response {
    let (epoch, _) = shared.hub.now_at();
    match worked_out_at_length(shared, move |shared| states::at(shared, seq)).await {
        Err(problem) => problem.into_response(),
        Ok(town) => {
            let state = || serde_json::value::to_raw_value(&*town).unwrap_or_default().into();
            tagged(headers, &format!("{epoch}:at:{seq}:{VERSION}"), || {
                Said::around(placed(&epoch, offset::of_seq(seq), seq, RawValue::NULL), state())
            })
        }
    }
}
