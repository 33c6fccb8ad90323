//! The stream for who asks again and again.
//! Lives here: `GET /api/events`. Never here: what is in the stream.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::frame::{Hole, is_gap};
use super::hub::{Joined, Start};
use super::pieces::Said;
use super::problem::Problem;
use super::router::{Asked, Listen};
use super::{Shared, tag};
use crate::town::envelope::Envelope;

/// Events in one answer, at the most and where nobody says.
const MOST: usize = 1_000;
const USUAL: usize = 100;
/// Bytes of events after which an answer has enough.
const BYTES: usize = 1 << 20;
/// Seconds that an answer may wait, at the most.
const WAIT: u64 = 30;

/// One answer.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Events")]
pub struct Answer {
    /// The life of the stream.
    epoch: String,
    /// What to ask after next.
    next: String,
    /// What is missing before them, where anything is.
    gap: Option<Gap>,
    /// What came.
    events: Vec<One>,
}

/// What is missing.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Gap {
    /// The last offset before it.
    from: String,
    /// The last offset within it.
    to: String,
    /// Why.
    reason: Hole,
}

/// An event with its place.
#[derive(Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PlacedEvent")]
pub struct One {
    /// Its place in the stream.
    offset: String,
    /// Its place in the journal; none for what is not recorded there.
    seq: Option<u64>,
    /// The event, as it stands in the journal.
    #[schemars(with = "Envelope")]
    event: Box<RawValue>,
}

/// `GET /api/events?after=&limit=&wait=`: what came after a place, or what comes within the seconds that are waited.
pub async fn events(State(shared): State<Arc<Shared>>, _listen: Listen, asked: Asked, headers: HeaderMap) -> Response {
    match answer(&shared, &asked).await {
        Err(problem) => problem.into_response(),
        Ok(answer) => {
            let place = format!("\"{}:{}\"", answer.epoch, answer.next);
            let known = tag::is_known(&headers, &place);
            let etag = HeaderValue::from_str(&place).ok().map(|tag| [(header::ETAG, tag)]);
            match (known && answer.events.is_empty() && answer.gap.is_none(), etag) {
                (true, Some(etag)) => (StatusCode::NOT_MODIFIED, etag).into_response(),
                (_, Some(etag)) => (etag, axum::Json(answer)).into_response(),
                (_, None) => axum::Json(answer).into_response(),
            }
        }
    }
}

async fn answer(shared: &Arc<Shared>, asked: &Asked) -> Result<Answer, Problem> {
    let most = asked.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&most) {
        return Err(Problem::bad_request(format!("limit={most}: an answer has 1 to {MOST} events")));
    }
    let wait = asked.wait.unwrap_or(0);
    if wait > WAIT {
        return Err(Problem::bad_request(format!("wait={wait}: an answer waits for {WAIT} s at the most")));
    }
    let begin = asked.start("now");
    if begin == Start::Snapshot {
        return Err(Problem::bad_request(
            "after=snapshot is for /ws and /events; ask /api/state, and then after its offset",
        ));
    }
    let hub = &shared.hub;
    let filter = asked.filter()?;
    let (mut joined, mut passes) = (hub.join(&begin, filter.clone(), "")?, hub.watch());
    let mut stop = shared.stop.subscribe();
    let mut gap = told(&joined);
    let until = tokio::time::sleep(Duration::from_secs(wait));
    let mut until = std::pin::pin!(until);
    let events = loop {
        passes.mark_unchanged();
        let Some(taken) = shared.take(&mut joined.cursor, most, BYTES).await else {
            // While it waited, what comes next left the ring, or the stream began anew.
            joined = hub.join(&Start::After(Some(joined.epoch), joined.cursor.last), filter, "")?;
            gap = told(&joined);
            break Vec::new();
        };
        if !taken.is_empty() || gap.is_some() {
            break taken;
        }
        tokio::select! {
            _ = passes.changed() => {}
            () = &mut until => break taken,
            _ = stop.wait_for(|stop| *stop) => break taken,
        }
    };
    gap = gap.or_else(|| events.iter().find(|(_, json)| is_gap(json)).and_then(|(_, json)| gap_of(json)));
    let events = events.iter().filter_map(|(_, json)| serde_json::from_slice::<One>(json).ok()).collect();
    Ok(Answer { epoch: joined.epoch, next: joined.cursor.last.to_string(), gap, events })
}

/// The hole that a greeting tells of. After one, it goes on at the newest, as with the other ways to listen.
fn told(joined: &Joined) -> Option<Gap> {
    joined.greeting.iter().map(Said::begins).find(|json| is_gap(json)).and_then(gap_of)
}

#[derive(Deserialize)]
struct Told {
    from: String,
    to: String,
    reason: Hole,
}

fn gap_of(json: &[u8]) -> Option<Gap> {
    let told: Told = serde_json::from_slice(json).ok()?;
    Some(Gap { from: told.from, to: told.to, reason: told.reason })
}
