//! What running agents tell: `POST /api/publish`.
//! Lives here: who may speak, how much, and putting it into the stream once. Never here: what an event has to be (see
//! `town::step`), and anything that is recorded: that comes out of the repository alone.

mod events;
mod keys;
mod oidc;
mod roll;
mod tokens;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use self::events::Mode;
pub use self::keys::{Keys, PAUSE};
use self::oidc::BadToken;
pub use self::oidc::{ISSUER, Oidc};
pub use self::roll::{LOOK, Read, Roll, Unread};
pub use self::tokens::{BadTokens, FILE_BYTES, Tokens, token};
use super::Shared;
use super::api::desk::lock;
use super::api::worked_out;
use super::openapi::{JSON, Operation, Paths};
use super::problem::Problem;
use super::ring::Offset;
use crate::config::Stopwatch;
use crate::town::envelope::{BadEvent, Envelope};
use crate::town::fold::{Agent, Town};
use crate::town::ids::{AgentId, RunId};
use crate::town::limits::{EVENT_BYTES, PUBLISHED_A_SECOND, PUBLISHED_BYTES_EACH};
use crate::town::step::{Admitted, BadStep, Step, admit};

/// The path.
pub fn paths() -> Paths {
    let publish = Operation::new("stream", "publish", "Tell what a run is at, as it happens")
        .says("CloudEvents 1.0 in structured, batched or binary mode; all of them or none.")
        .known_by("publisher")
        .takes::<Envelope>(events::ONE)
        .takes::<Vec<Envelope>>(events::SEVERAL)
        .takes::<Step>(JSON)
        .json::<Taken>(202, "where the events stand")
        .fails(400, &["bad-request"])
        .fails(401, &["no-token", "bad-token"])
        .fails(403, &["not-ephemeral", "not-yours", "not-registered", "foreign-workflow"])
        .fails(404, &["no-publishing"])
        .fails(408, &["too-slow"])
        .fails(413, &["too-big"])
        .fails(415, &["not-an-event"])
        .fails(503, &["full", "no-keys", "unreadable", "ending"]);
    Paths::default().post(PATH, self::publish, publish)
}

/// Where the events of a request stand.
#[derive(Serialize, JsonSchema)]
struct Taken {
    /// The life of the stream.
    epoch: String,
    /// The offset of each event.
    offsets: Vec<String>,
}

/// Where it is; whoever publishes has a rate of its own.
pub const PATH: &str = "/api/publish";
/// Ids that are remembered, so that what is published again is not there twice.
const RECENT: usize = 16_384;

/// What each agent may.
type OfOne = RateLimiter<AgentId, DefaultKeyedStateStore<AgentId>, DefaultClock>;

/// Who may publish, and how much.
pub struct Publishers {
    roll: Roll,
    oidc: Option<Oidc>,
    of_one: OfOne,
    /// The same for bytes, so that few events that are long do not push those of all others out of the ring.
    bytes_of_one: OfOne,
    of_all: DefaultDirectRateLimiter,
    by_one: NonZeroU32,
    clock: DefaultClock,
    recent: Mutex<Recent>,
}

/// What was published last: ids with their offsets, in one life of the stream.
#[derive(Default)]
struct Recent {
    epoch: String,
    offsets: HashMap<String, Offset>,
    order: VecDeque<String>,
}

impl Publishers {
    /// Those that have a token, and workflows; each may publish so many events in a second.
    #[must_use]
    pub fn new(tokens: impl Into<Roll>, oidc: Option<Oidc>, by_one: NonZeroU32) -> Self {
        let bytes = Quota::per_second(bytes_a_second(by_one)).allow_burst(bytes_at_once(by_one));
        let all = NonZeroU32::new(PUBLISHED_A_SECOND).unwrap_or(NonZeroU32::MIN).max(by_one);
        Self {
            roll: tokens.into(),
            oidc,
            of_one: RateLimiter::keyed(Quota::per_second(by_one)),
            bytes_of_one: RateLimiter::keyed(bytes),
            of_all: RateLimiter::direct(Quota::per_second(all)),
            by_one,
            clock: DefaultClock::default(),
            recent: Mutex::default(),
        }
    }

    /// The agent that a request speaks for.
    async fn speaker(&self, shared: &Arc<Shared>, parts: &Parts) -> Result<AgentId, Problem> {
        if self.roll.is_closed() && self.oidc.is_none() {
            let detail = "nobody may publish here; start the server with --publish-tokens, or with --oidc-audience and \
                          --oidc-repository";
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-publishing", "Nothing is published here", detail));
        }
        let said = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer =
            said.and_then(|said| said.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = bearer else {
            return Err(unauthorised("no-token", "say who speaks: `Authorization: Bearer TOKEN`"));
        };
        let token = token.trim();
        let agent = match (self.roll.tokens().agent_of(token), &self.oidc) {
            (Some(agent), _) => agent.clone(),
            (None, Some(oidc)) if token.contains('.') => {
                oidc.speaker(token, shared.desk.now()).await.map_err(|error| match &error {
                    BadToken::Invalid(_) => unauthorised("bad-token", error.to_string()),
                    BadToken::Foreign(_) => forbidden("foreign-workflow", error.to_string()),
                    BadToken::Keys(_) => Problem::unavailable("no-keys", error.to_string(), 60),
                })?
            }
            _ => return Err(unauthorised("bad-token", "no agent has this token")),
        };
        if is_registered(shared, &agent).await? {
            return Ok(agent);
        }
        Err(forbidden("not-registered", format!("{agent} is no agent of this town")))
    }

    /// Whether a request has no more events than an agent may ever publish at once: to wait would not help.
    fn fits(&self, agent: &AgentId, events: usize) -> Result<(), Problem> {
        let most = self.by_one;
        if events <= most.get() as usize {
            return Ok(());
        }
        Err(Problem::too_big(format!("{events} events at once; {agent} may publish {most} a second (--publish-rate)")))
    }

    /// Whether so many more events of an agent are not too many.
    fn allow(&self, agent: &AgentId, events: usize) -> Result<(), Problem> {
        let Some(events) = u32::try_from(events).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        let most = self.by_one;
        match self.of_one.check_key_n(agent, events) {
            Ok(Ok(())) => {}
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(self.clock.now());
                return Err(too_fast(&format!("{agent} publishes more than {most} events"), wait));
            }
            Err(_) => return self.fits(agent, events.get() as usize),
        }
        match self.of_all.check_n(events) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let (most, wait) = (PUBLISHED_A_SECOND.max(most.get()), not_until.wait_time_from(self.clock.now()));
                Err(too_fast(&format!("all agents together publish more than {most} events"), wait))
            }
            Err(_) => Err(Problem::too_big(format!("{events} events at once"))),
        }
    }

    /// Whether so many more bytes of an agent are not too many.
    fn allow_bytes(&self, agent: &AgentId, bytes: usize) -> Result<(), Problem> {
        let Some(bytes) = u32::try_from(bytes).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        let rule = format!(
            "{} bytes ({PUBLISHED_BYTES_EACH} for each event of --publish-rate, and once {})",
            bytes_a_second(self.by_one),
            bytes_at_once(self.by_one)
        );
        match self.bytes_of_one.check_key_n(agent, bytes) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err(too_fast(&format!("{agent} publishes more than {rule}"), wait))
            }
            Err(_) => Err(Problem::too_big(format!("{bytes} bytes at once; {agent} may publish {rule} a second"))),
        }
    }

    /// Puts events into the stream, those that were there before excepted, and says where each stands.
    fn put(&self, shared: &Shared, events: &[Admitted]) -> Option<(String, Vec<Offset>)> {
        let mut recent = lock(&self.recent);
        let (epoch, _) = shared.hub.now_at();
        if recent.epoch != epoch {
            *recent = Recent { epoch: epoch.clone(), ..Recent::default() };
        }
        let mut new: Vec<(&str, &RawValue)> = Vec::with_capacity(events.len());
        let mut first: HashMap<&str, usize> = HashMap::new();
        for event in events.iter().filter(|event| !recent.offsets.contains_key(&event.id)) {
            first.entry(&event.id).or_insert_with(|| {
                new.push((&event.id, &event.json));
                new.len() - 1
            });
        }
        let given = shared.hub.publish(&new);
        for ((id, _), offset) in new.iter().zip(&given) {
            recent.remember(id, *offset);
        }
        let offsets = events.iter().map(|event| match first.get(&*event.id) {
            Some(at) => given.get(*at).copied(),
            None => recent.offsets.get(&event.id).copied(),
        });
        let offsets = offsets.collect::<Option<Vec<Offset>>>();
        recent.shrink();
        Some((epoch, offsets?))
    }

    /// Forgets agents that have not spoken for a while.
    pub fn tidy(&self) {
        for limiter in [&self.of_one, &self.bytes_of_one] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Bytes that one agent publishes in a second.
fn bytes_a_second(events: NonZeroU32) -> NonZeroU32 {
    events.saturating_mul(NonZeroU32::new(PUBLISHED_BYTES_EACH).unwrap_or(NonZeroU32::MIN))
}

/// Bytes that one agent publishes at once: one event always fits.
fn bytes_at_once(events: NonZeroU32) -> NonZeroU32 {
    let one = u32::try_from(EVENT_BYTES).ok().and_then(NonZeroU32::new);
    bytes_a_second(events).max(one.unwrap_or(NonZeroU32::MIN))
}

fn too_fast(what: &str, wait: Duration) -> Problem {
    let wait = wait.as_secs() + 1;
    Problem::too_fast(format!("{what} a second; wait {wait} s"), wait)
}

impl Recent {
    fn remember(&mut self, id: &str, offset: Offset) {
        if self.offsets.insert(id.to_owned(), offset).is_none() {
            self.order.push_back(id.to_owned());
        }
    }

    fn shrink(&mut self) {
        while self.order.len() > RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.offsets.remove(&oldest);
        }
    }
}

/// `POST /api/publish`: one event or several, all of them or none.
pub async fn publish(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let took = Stopwatch::start();
    let (parts, body) = request.into_parts();
    let answer = match taken(&shared, &parts, body).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    };
    shared.hub.counts.publish.add(Duration::from_micros(took.micros()));
    answer
}

async fn taken(shared: &Arc<Shared>, parts: &Parts, body: Body) -> Result<Response, Problem> {
    let publishers = &shared.publishers;
    let agent = match publishers.speaker(shared, parts).await {
        Ok(agent) => agent,
        // Who publishes has a rate of events; who may not has the one that everybody has.
        Err(problem) => return shared.doorman.charge(parts).and(Err(problem)),
    };
    publishers.allow(&agent, 1)?;
    let mode = Mode::of(&parts.headers)?;
    let body = read(shared, body, mode.most()).await?;
    let lines = mode.events(&body)?;
    publishers.fits(&agent, lines.len())?;
    // The first one is paid for, before anything of the request was read.
    publishers.allow(&agent, lines.len().saturating_sub(1))?;
    let (town, now) = (shared.hub.state().town, shared.desk.now());
    let (mut events, mut unknown) = (Vec::with_capacity(lines.len()), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let place = if lines.len() == 1 { String::new() } else { format!("event {at}: ") };
        let event = admit(line, &shared.town.source, &agent, now).map_err(|error| refused(&place, &error))?;
        match event.run.as_ref().map(|run| (run, owner(&town, run))) {
            Some((run, Some(other))) if *other != agent => return Err(of_another(&place, run, other.as_str())),
            Some((run, None)) => unknown.push((place, run.clone())),
            _ => {}
        }
        events.push(event);
    }
    are_of_nobody_else(shared, &agent, unknown).await?;
    publishers.allow_bytes(&agent, events.iter().map(|event| event.json.get().len()).sum())?;
    let (epoch, offsets) = publishers.put(shared, &events).ok_or_else(|| {
        Problem::unavailable("full", "there is no place for more before the repository was looked at", 1)
    })?;
    let offsets: Vec<String> = offsets.iter().map(Offset::to_string).collect();
    Ok((StatusCode::ACCEPTED, axum::Json(Taken { epoch, offsets })).into_response())
}

/// Reads a body of at most so many bytes, within its time.
async fn read(shared: &Shared, body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    match shared.limits.in_time(Limited::new(body, most).collect()).await? {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::too_long(most)),
        Err(error) => Err(Problem::bad_request(format!("the body cannot be read: {error}"))),
    }
}

/// Whether the journal knows an agent, or else it has a charter on the default branch: its first run may just have begun.
async fn is_registered(shared: &Arc<Shared>, agent: &AgentId) -> Result<bool, Problem> {
    if shared.hub.state().town.agents.get(agent).is_some_and(|agent| agent.charter.is_some()) {
        return Ok(true);
    }
    let agent = agent.clone();
    let look = move |shared: &Shared| {
        let desk = &shared.desk;
        desk.with(|home| Ok(desk.town(home)?.charters.iter().any(|charter| charter.name == agent)))
    };
    worked_out(shared.clone(), look).await
}

/// The agent whose run this is, where the state knows it: in flight, or one of the last.
fn owner<'t>(town: &'t Town, run: &RunId) -> Option<&'t AgentId> {
    let has = |agent: &Agent| {
        agent.active.as_ref().is_some_and(|active| active.run == *run)
            || agent.runs.iter().any(|ended| ended.run == *run)
    };
    town.agents.iter().find(|(_, agent)| has(agent)).map(|(name, _)| name)
}

/// Looks in the past that the stream keeps for runs that the state knows no more. One that is nowhere may just have begun.
async fn are_of_nobody_else(
    shared: &Arc<Shared>,
    agent: &AgentId,
    unknown: Vec<(String, RunId)>,
) -> Result<(), Problem> {
    if unknown.is_empty() {
        return Ok(());
    }
    let agent = agent.clone();
    let look = move |shared: &Shared| {
        let mut past = lock(&shared.desk.past);
        past.keep_up(&shared.hub);
        let mut owned = unknown.iter().filter_map(|(place, run)| Some((place, run, past.owner(run.as_str())?)));
        let other = owned.find(|(.., owner)| *owner != agent.as_str());
        Ok(other.map(|(place, run, owner)| of_another(place, run, owner)))
    };
    worked_out(shared.clone(), look).await?.map_or(Ok(()), Err)
}

fn of_another(place: &str, run: &RunId, other: &str) -> Problem {
    forbidden("not-yours", format!("{place}the run {run} is one of {other}"))
}

fn refused(place: &str, error: &BadStep) -> Problem {
    let why = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
    let detail = format!("{place}{error}{why}");
    match error {
        BadStep::Event(BadEvent::TooLong { .. }) => Problem::too_big(detail),
        BadStep::Kind(_) => forbidden("not-ephemeral", detail),
        BadStep::Foreign { .. } => forbidden("not-yours", detail),
        BadStep::Event(_) | BadStep::Data(_) | BadStep::Words { .. } | BadStep::Id { .. } => {
            Problem::bad_request(detail)
        }
    }
}

fn unauthorised(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, "Nobody knows who speaks", detail)
}

fn forbidden(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, "That may not be said here", detail)
}
