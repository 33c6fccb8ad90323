//! What the town is and what may be done here, and how its stream does.
//! Lives here: `/api/town`, `/api/stream`. Never here: what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use git2::Oid;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::serve::hub::Standing;
use crate::serve::{About, Shard, Shared, Told};
use crate::town::world::World;

use super::desk::Document;
use super::{tagged, worked_out};

/// `GET /api/town`.
pub async fn town(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    // While the repository cannot be read, all else is still told.
    let now = worked_out(shared.clone(), |shared| shared.desk.with(|home| shared.desk.town(home))).await.ok();
    let unread = || World::in_trouble("the repository cannot be read");
    let (main, world) = now.map_or_else(|| (None, unread()), |now| (Some(now.main), now.world.clone()));
    let here = Here { main, world, local: shared.local.is_some(), limits: shared.limits.told() };
    let card = described(&shared.town, &shared.hub.state(), here);
    let card = Document::new(serde_json::to_vec(&card).unwrap_or_default());
    tagged(&headers, &card.tag, || card.bytes)
}

/// What is so where the town is shown.
pub struct Here {
    /// The default branch, where it can be read.
    pub main: Option<Oid>,
    /// The world as its file on the default branch says it.
    pub world: World,
    /// Whether a person at this machine may decide there.
    pub local: bool,
    /// What is allowed, where something listens.
    pub limits: Value,
}

/// What the town is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "About")]
pub struct Card<'a> {
    /// Its name.
    name: &'a str,
    /// What it is for.
    description: &'a str,
    /// Its name as a URI reference.
    source: &'a str,
    /// Its default branch.
    repository: Branch<'a>,
    /// The life of the stream.
    epoch: &'a str,
    /// The newest offset.
    offset: String,
    /// Where the journal stands.
    journal: Place<'a>,
    /// Whether verdicts are taken here.
    local: bool,
    /// Whether the town is frozen.
    freeze: bool,
    /// The program's version.
    server: &'static str,
    /// Which of several servers of the town this one is.
    shard: Option<Shard>,
    /// Origins of all of them, where there are several.
    shards: &'a [String],
    /// Its map.
    world: World,
    /// What is allowed.
    #[schemars(with = "Told")]
    limits: Value,
}

/// The default branch.
#[derive(Serialize, JsonSchema)]
struct Branch<'a> {
    /// Its name.
    branch: &'a str,
    /// Its newest commit, where it can be read.
    head: Option<String>,
}

/// Where the journal stands.
#[derive(Serialize, JsonSchema)]
struct Place<'a> {
    /// Its newest commit.
    head: Option<&'a str>,
    /// Its last event.
    seq: u64,
}

/// What the town is, and what may be done where it is shown.
pub fn described(about: &About, standing: &Standing, here: Here) -> Value {
    let Standing { epoch, offset, town, head } = standing;
    let card = Card {
        name: &about.name,
        description: &about.description,
        source: &about.source,
        repository: Branch { branch: &about.branch, head: here.main.map(|main| main.to_string()) },
        epoch,
        offset: offset.to_string(),
        journal: Place { head: head.as_deref(), seq: town.seq },
        local: here.local,
        freeze: town.frozen.is_some(),
        server: env!("CARGO_PKG_VERSION"),
        shard: about.shard,
        shards: &about.shards,
        world: here.world,
        limits: here.limits,
    };
    serde_json::to_value(card).unwrap_or_default()
}

/// How the stream does.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StreamHealth")]
pub struct Health {
    /// The life of the stream.
    epoch: String,
    /// The newest offset.
    offset: String,
    /// What is kept to resume from.
    ring: Fill,
    /// Subscribers that are connected.
    witnesses: u64,
    /// Events that were written to them.
    delivered: u64,
    /// Subscribers that were let go because they read too slowly.
    lagged: u64,
    /// Events that agents published.
    published: u64,
    /// How far the stream is behind the repository, in milliseconds.
    relay_lag_ms: Option<u64>,
    /// Which of several servers of the town this one is.
    shard: Option<Shard>,
    /// How long the server has run, in seconds.
    uptime_s: u64,
    /// Why the repository cannot be read, while it cannot.
    trouble: Option<String>,
    /// What is allowed.
    #[schemars(with = "Told")]
    limits: Value,
    /// The program's version.
    build: &'static str,
}

/// How full the ring is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ring")]
struct Fill {
    /// Events in it.
    events: usize,
    /// Bytes in it.
    bytes: u64,
    /// Events that it may have.
    cap_events: usize,
    /// Bytes that it may have.
    cap_bytes: usize,
    /// The offset of its oldest event.
    first: Option<String>,
}

/// `GET /api/stream`.
pub async fn stream(State(shared): State<Arc<Shared>>) -> Json<Health> {
    let hub = &shared.hub;
    let ((epoch, offset), (events, bytes, first), capacity) = (hub.now_at(), hub.fill(), hub.capacity());
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let first = first.map(|first| first.to_string());
    Json(Health {
        epoch,
        offset: offset.to_string(),
        ring: Fill { events, bytes, cap_events: capacity.frames, cap_bytes: capacity.bytes, first },
        witnesses: count(&hub.counts.witnesses),
        delivered: count(&hub.counts.delivered),
        lagged: count(&hub.counts.lagged),
        published: count(&hub.counts.published),
        relay_lag_ms: shared.relay.lag_ms(),
        shard: shared.town.shard,
        uptime_s: hub.age().as_secs(),
        trouble: shared.relay.trouble(),
        limits: shared.limits.told(),
        build: env!("CARGO_PKG_VERSION"),
    })
}
