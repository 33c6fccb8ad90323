//! The stream as server-sent events.
//! Lives here: `GET /events`. Never here: what is in the stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::Interval;

use super::Shared;
use super::cursor::Cursor;
use super::filter::Filter;
use super::frame::Message;
use super::hub::{Joined, Start};
use super::problem::Problem;
use super::ring::Offset;
use super::router::{Asked, Listen, start};
use super::seat::Seat;
use super::view::TooManyFilters;

/// Frames that are looked at together.
const AT_ONCE: usize = 256;
/// Seconds after which it is worth another try where all seats are taken.
const FULL: u64 = 10;
/// Time after which a browser tries again.
const RETRY: Duration = Duration::from_secs(2);

/// `GET /events`: the messages of the WebSocket, each as an event named after its kind with `epoch:offset` as its id.
pub async fn events(State(shared): State<Arc<Shared>>, listen: Listen, asked: Asked, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let begin = last.map_or_else(|| asked.start("now"), start);
    let filter = match asked.filter() {
        Ok(filter) => filter,
        Err(problem) => return problem.into_response(),
    };
    let Some(seat) = Seat::take(&shared) else {
        return Problem::unavailable("full", Seat::none_left(&shared), FULL).into_response();
    };
    let joined = match shared.hub.join(&begin, filter.clone(), &(shared.now)()) {
        Ok(joined) => joined,
        Err(full) => return Problem::from(full).into_response(),
    };
    let stream = Sse::new(stream::unfold(Watching::new(shared, (seat, listen), filter, joined), Watching::next));
    // Said to a proxy that would collect some of it before it hands it on.
    ([("x-accel-buffering", "no")], stream).into_response()
}

/// One that watches.
struct Watching {
    shared: Arc<Shared>,
    _place: (Seat, Listen),
    filter: Filter,
    cursor: Cursor,
    epoch: String,
    ready: std::collections::VecDeque<(Option<Offset>, Vec<u8>)>,
    /// Ticks after a time without anything that was sent.
    quiet: Interval,
}

impl Watching {
    fn new(shared: Arc<Shared>, place: (Seat, Listen), filter: Filter, joined: Joined) -> Self {
        let ready = std::collections::VecDeque::new();
        let quiet = tokio::time::interval(shared.limits.heartbeat);
        let mut watching =
            Self { shared, _place: place, filter, cursor: joined.cursor, epoch: joined.epoch, ready, quiet };
        watching.greet(joined.greeting);
        watching
    }

    /// From the last message of a greeting on, a browser that comes back says where it was.
    fn greet(&mut self, greeting: Vec<Vec<u8>>) {
        self.ready.extend(greeting.into_iter().map(|json| (None, json)));
        if let Some(newest) = self.ready.back_mut() {
            newest.0 = Some(self.cursor.last);
        }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let mut passes = self.shared.hub.watch();
        let mut stop = self.shared.stop.subscribe();
        loop {
            passes.mark_unchanged();
            if let Some((offset, json)) = self.ready.pop_front() {
                self.quiet.reset();
                return Some((Ok(self.event(offset, &json)), self));
            }
            match self.shared.take(&mut self.cursor, AT_ONCE).await {
                // Without room for its filter in the new life of the stream it ends, and tries again by itself.
                None => self.start_over().ok()?,
                Some(taken) if taken.is_empty() => tokio::select! {
                    _ = passes.changed() => {}
                    _ = self.quiet.tick() => self.beat(),
                    _ = stop.wait_for(|stop| *stop) => return None,
                },
                Some(taken) => self.ready.extend(taken.into_iter().map(|(offset, json)| (Some(offset), json))),
            }
        }
    }

    /// What comes next has left the ring, or the stream began anew: the browser is told what it misses, and given the state.
    fn start_over(&mut self) -> Result<(), TooManyFilters> {
        let start = Start::After(Some(std::mem::take(&mut self.epoch)), self.cursor.last);
        let joined = self.shared.hub.join(&start, self.filter.clone(), &(self.shared.now)())?;
        (self.epoch, self.cursor) = (joined.epoch, joined.cursor);
        self.greet(joined.greeting);
        Ok(())
    }

    fn beat(&mut self) {
        let beat = Message::Heartbeat { offset: self.cursor.last, now: &(self.shared.now)() }.json();
        self.ready.push_back((Some(self.cursor.last), beat));
    }

    fn event(&self, offset: Option<Offset>, json: &[u8]) -> Event {
        // JSON has no line feed outside of strings, and none unescaped within, so it is one line of data.
        let text = String::from_utf8_lossy(json);
        let kind = kind_of(&text);
        let event = Event::default().event(kind).data(&text);
        let event = if kind == "hello" { event.retry(RETRY) } else { event };
        match offset {
            Some(offset) => event.id(format!("{}:{offset}", self.epoch)),
            None => event,
        }
    }
}

/// The kind of a message of ours, which is its first member.
fn kind_of(json: &str) -> &str {
    json.strip_prefix(r#"{"kind":""#).and_then(|rest| rest.split('"').next()).unwrap_or("message")
}
