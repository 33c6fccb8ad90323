//! What is known of the town, as JSON.
//! Lives here: the paths below `/api/` that read. Never here: the stream (see [`super::poll`]).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Shared;

/// The paths of the API.
pub fn router() -> Router<Arc<Shared>> {
    Router::new().route("/api/state", get(state)).route("/api/town", get(town)).route("/api/stream", get(stream))
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
struct Standing<'a> {
    epoch: &'a str,
    offset: String,
    seq: u64,
    state: &'a RawValue,
}

/// `GET /api/state`: the folded state, and the offset that it stands at.
async fn state(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let (town, offset, _) = shared.hub.state();
    let (epoch, _) = shared.hub.now_at();
    tagged(&headers, &format!("{epoch}:{offset}"), || {
        let state = shared.hub.rendered(&town);
        let answer = Standing { epoch: &epoch, offset: offset.to_string(), seq: town.seq, state: &state };
        serde_json::to_vec(&answer).unwrap_or_default()
    })
}

/// `GET /api/town`: what the town is, and what may be done here.
async fn town(State(shared): State<Arc<Shared>>) -> Response {
    let (town, offset, head) = shared.hub.state();
    let (epoch, _) = shared.hub.now_at();
    axum::Json(json!({
        "name": shared.town.name,
        "description": shared.town.description,
        "source": shared.town.source,
        "repository": { "branch": shared.town.branch },
        "epoch": epoch,
        "offset": offset.to_string(),
        "journal": { "head": head, "seq": town.seq },
        "local": false,
        "freeze": town.frozen.is_some(),
        "server": env!("CARGO_PKG_VERSION"),
        "shards": shared.town.shards,
        "world": null,
        "limits": shared.limits.told(),
    }))
    .into_response()
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
