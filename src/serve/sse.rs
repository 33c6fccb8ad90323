//! The stream as server-sent events.
//! Lives here: `GET /events`. Never here: what is in the stream.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::Interval;

use super::Shared;
use super::cursor::Cursor;
use super::filter::Filter;
use super::frame::Message;
use super::hub::{Joined, Start};
use super::pieces::Said;
use super::problem::Problem;
use super::ring::Offset;
use super::router::{Asked, Listen, start};
use super::seat::Seat;
use super::view::TooManyFilters;

/// Frames that are looked at together, and bytes after which they are enough: who takes nothing holds them.
const AT_ONCE: usize = 256;
const BYTES: usize = 64 * 1024;
/// Seconds after which it is worth another try where all seats are taken.
const FULL: u64 = 10;
/// What ends an event.
const END: &[u8] = b"\n\n";
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
    let stream = stream::unfold(Watching::new(shared, (seat, listen), filter, joined), Watching::next);
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    // Said to a proxy that would collect some of it before it hands it on.
    (kind, [("x-accel-buffering", "no")], Body::from_stream(stream)).into_response()
}

/// One that watches.
struct Watching {
    shared: Arc<Shared>,
    _place: (Seat, Listen),
    filter: Filter,
    cursor: Cursor,
    epoch: String,
    ready: VecDeque<(Option<Offset>, Said)>,
    /// What is left of the event that was begun.
    begun: VecDeque<Bytes>,
    /// Ticks after a time without anything that was sent.
    quiet: Interval,
}

impl Watching {
    fn new(shared: Arc<Shared>, place: (Seat, Listen), filter: Filter, joined: Joined) -> Self {
        let (ready, begun) = (VecDeque::new(), VecDeque::new());
        let quiet = tokio::time::interval(shared.limits.heartbeat);
        let mut watching =
            Self { shared, _place: place, filter, cursor: joined.cursor, epoch: joined.epoch, ready, begun, quiet };
        watching.greet(joined.greeting);
        watching
    }

    /// From the last message of a greeting on, a browser that comes back says where it was.
    fn greet(&mut self, greeting: Vec<Said>) {
        self.ready.extend(greeting.into_iter().map(|said| (None, said)));
        if let Some(newest) = self.ready.back_mut() {
            newest.0 = Some(self.cursor.last);
        }
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut passes = self.shared.hub.watch();
        let mut stop = self.shared.stop.subscribe();
        loop {
            passes.mark_unchanged();
            if let Some(piece) = self.begun.pop_front() {
                return Some((Ok(piece), self));
            }
            if let Some((offset, said)) = self.ready.pop_front() {
                self.quiet.reset();
                self.begun = event(&self.epoch, offset, said);
                continue;
            }
            match self.shared.take(&mut self.cursor, AT_ONCE, BYTES).await {
                // Without room for its filter in the new life of the stream it ends, and tries again by itself.
                None => self.start_over().ok()?,
                Some(taken) if taken.is_empty() => tokio::select! {
                    _ = passes.changed() => {}
                    _ = self.quiet.tick() => self.beat(),
                    _ = stop.wait_for(|stop| *stop) => return None,
                },
                Some(taken) => self.ready.extend(taken.into_iter().map(|(offset, json)| (Some(offset), json.into()))),
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
        self.ready.push_back((Some(self.cursor.last), beat.into()));
    }
}

/// A message as an event, in its pieces.
fn event(epoch: &str, offset: Option<Offset>, said: Said) -> VecDeque<Bytes> {
    let kind = kind_of(said.begins());
    let mut text = format!("event: {kind}\n");
    if kind == "hello" {
        text += &format!("retry: {}\n", RETRY.as_millis());
    }
    if let Some(offset) = offset {
        text += &format!("id: {epoch}:{offset}\n");
    }
    text += "data: ";
    let mut pieces = said.pieces();
    let mut first = text.into_bytes();
    // Within a string JSON has neither of the two unescaped; outside of one they are as good as a space, and here they end a line.
    let is_end = |byte: u8| matches!(byte, b'\r' | b'\n');
    first.extend(pieces.next().iter().flatten().map(|byte| if is_end(*byte) { b' ' } else { *byte }));
    let rest: Vec<Bytes> = pieces.collect();
    if rest.is_empty() {
        first.extend_from_slice(END);
        return VecDeque::from([first.into()]);
    }
    let all = [Bytes::from(first)].into_iter().chain(rest);
    all.chain([Bytes::from_static(END)]).collect()
}

/// The kind of a message of ours, which is its first member.
fn kind_of(json: &[u8]) -> &str {
    let rest = json.strip_prefix(br#"{"kind":""#).unwrap_or_default();
    let kind = rest.split(|byte| *byte == b'"').next().and_then(|kind| std::str::from_utf8(kind).ok());
    kind.filter(|kind| !kind.is_empty()).unwrap_or("message")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn written(offset: Option<Offset>, said: Said) -> String {
        String::from_utf8(event("e", offset, said).into_iter().flatten().collect()).unwrap()
    }

    #[test]
    fn a_message_is_one_line_of_data_with_its_kind_and_its_place() {
        let hello = br#"{"kind":"hello","offset":"3"}"#.to_vec();
        let said = "event: hello\nretry: 2000\ndata: {\"kind\":\"hello\",\"offset\":\"3\"}\n\n";
        assert_eq!(written(None, hello.into()), said);
        let spread = b"{\"kind\":\"event\",\"event\":{\r\n\"a\":\"\\n\"}}".to_vec();
        let said = "event: event\nid: e:9\ndata: {\"kind\":\"event\",\"event\":{  \"a\":\"\\n\"}}\n\n";
        assert_eq!(written(Some(9), spread.into()), said);
        let state = serde_json::value::to_raw_value(&[1, 2]).unwrap();
        let said =
            "event: snapshot\nid: e:4\ndata: {\"kind\":\"snapshot\",\"offset\":\"4\",\"seq\":1,\"state\":[1,2]}\n\n";
        assert_eq!(written(Some(4), Said::snapshot(4, 1, state.into())), said);
    }
}
