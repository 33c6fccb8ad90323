//! The stream as server-sent events.
//! Lives here: `GET /events`. Never here: what is in the stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::Shared;
use super::frame::{Hole, Message};
use super::hub::Cursor;
use super::ring::Offset;
use super::router::{Asked, room, start};

/// Frames that are looked at together.
const AT_ONCE: usize = 256;
/// Milliseconds after which a browser tries again.
const RETRY: Duration = Duration::from_secs(2);

/// `GET /events`: the messages of the WebSocket, each as an event named after its kind with `epoch:offset` as its id.
pub async fn events(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let begin = last.map_or_else(|| asked.start("now"), start);
    match asked.filter().and_then(|filter| room(&shared).map(|()| filter)) {
        Err(problem) => problem.into_response(),
        Ok(filter) => {
            let joined = shared.hub.join(&begin, filter, &(shared.now)());
            let quiet = shared.limits.heartbeat;
            let state = Watching::new(shared, joined.cursor, joined.greeting);
            let keep = KeepAlive::new().interval(quiet).text("quiet");
            Sse::new(stream::unfold(state, Watching::next)).keep_alive(keep).into_response()
        }
    }
}

/// One that watches; it counts as a witness as long as it is there.
struct Watching {
    shared: Arc<Shared>,
    cursor: Cursor,
    epoch: String,
    ready: std::collections::VecDeque<(Option<Offset>, Vec<u8>)>,
    ended: bool,
}

impl Watching {
    fn new(shared: Arc<Shared>, cursor: Cursor, greeting: Vec<Vec<u8>>) -> Self {
        shared.hub.counts.witnesses.fetch_add(1, Ordering::Relaxed);
        let epoch = shared.hub.now_at().0;
        let last = cursor.last;
        let mut ready: std::collections::VecDeque<_> = greeting.into_iter().map(|json| (None, json)).collect();
        // From here on a browser that comes back says where it was.
        if let Some(newest) = ready.back_mut() {
            newest.0 = Some(last);
        }
        Self { shared, cursor, epoch, ready, ended: false }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let mut passes = self.shared.hub.watch();
        let mut stop = self.shared.stop.subscribe();
        loop {
            passes.mark_unchanged();
            if let Some((offset, json)) = self.ready.pop_front() {
                return Some((Ok(self.event(offset, &json)), self));
            }
            if self.ended {
                return None;
            }
            match self.shared.hub.take(&mut self.cursor, AT_ONCE) {
                None => self.fell_behind(),
                Some(taken) if taken.is_empty() => tokio::select! {
                    _ = passes.changed() => {}
                    _ = stop.wait_for(|stop| *stop) => return None,
                },
                Some(taken) => self.ready.extend(taken.into_iter().map(|(offset, json)| (Some(offset), json))),
            }
        }
    }

    /// The browser is told what it misses, and comes back for the state.
    fn fell_behind(&mut self) {
        let (_, to) = self.shared.hub.now_at();
        let gap = Message::Gap { from: self.cursor.last, to, reason: Hole::Evicted }.json();
        self.ready.push_back((None, gap));
        self.ended = true;
    }

    fn event(&self, offset: Option<Offset>, json: &[u8]) -> Event {
        // JSON has no line feed outside of strings, and none unescaped within, so it is one line of data.
        let text = String::from_utf8_lossy(json);
        let kind = kind_of(&text).to_owned();
        let event = Event::default().event(kind).data(text).retry(RETRY);
        match offset {
            Some(offset) => event.id(format!("{}:{offset}", self.epoch)),
            None => event,
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.shared.hub.counts.witnesses.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The kind of a message of ours, which is its first member.
fn kind_of(json: &str) -> &str {
    json.strip_prefix(r#"{"kind":""#).and_then(|rest| rest.split('"').next()).unwrap_or("message")
}
