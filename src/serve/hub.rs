//! The hub: where events come in, and where everybody who listens reads on.
//! Lives here: the order of events, their offsets, the state behind them, who stands where. Never here: sockets and git.
//!
//! One lock holds the ring and the state together, so that a snapshot and the place where it stands are of one moment. A
//! subscriber is a [`Cursor`]; it reads under the same lock, and nothing is kept for it but its place.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};

use crate::town::fold::Town;

use super::filter::Filter;
use super::frame::{self, Hole, Message};
use super::offset;
use super::ring::{Capacity, Offset, Position, Ring, Seek};
use super::view::{View, Views};

/// Bytes that one subscriber is given at a time, so that no one holds up the others.
const AT_ONCE: u64 = 1 << 20;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events that came in from git.
    pub recorded: AtomicU64,
    /// Events that came in from running agents.
    pub published: AtomicU64,
    /// Frames that were handed to sockets.
    pub delivered: AtomicU64,
    /// Subscribers that fell out of the ring.
    pub lagged: AtomicU64,
    /// Subscribers there are.
    pub witnesses: AtomicU64,
    /// Connections that were not let in.
    pub refused: AtomicU64,
}

/// Everything that subscribers read.
struct Inner {
    epoch: String,
    /// Grows with each epoch of this process.
    generation: u64,
    ring: Ring,
    /// The newest offset that was given away, in the ring or before this process.
    newest: Offset,
    /// What only a process before this one knew lies at or before this offset.
    lost: Option<Offset>,
    town: Arc<Town>,
    head: Option<String>,
    /// The state as JSON, as of a sequence number.
    rendered: Option<(u64, Arc<RawValue>)>,
}

/// The meeting point of what happens and who listens.
pub struct Hub {
    inner: RwLock<Inner>,
    views: Views,
    /// Grows with each pass: who waits, waits for this.
    passes: watch::Sender<u64>,
    dirty: Notify,
    limits: serde_json::Value,
    /// Counters.
    pub counts: Counts,
}

/// What the relay knows when it begins.
#[derive(Debug, Default)]
pub struct Beginning {
    /// The life of the stream.
    pub epoch: String,
    /// The newest offset that may have been given away before.
    pub newest: Offset,
    /// Whether a process before this one gave away offsets that only it knew.
    pub lost: bool,
    /// The state.
    pub town: Town,
    /// The newest commit of the journal.
    pub head: Option<String>,
}

/// One event on its way into the ring.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Its place.
    pub offset: Offset,
    /// Its place in the journal.
    pub seq: Option<u64>,
    /// Its id.
    pub id: &'a str,
    /// The event as JSON.
    pub json: &'a RawValue,
}

/// Where a subscriber wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes next.
    Now,
    /// With the state as it is, and what comes next.
    Snapshot,
    /// After an offset, of an epoch where one is named.
    After(Option<String>, Offset),
    /// After the event of this id.
    AfterId(String),
}

/// A subscriber's place.
#[derive(Debug)]
pub struct Cursor {
    generation: u64,
    position: Position,
    /// The last offset behind it.
    pub last: Offset,
    view: Option<Arc<View>>,
    /// The rest of a frame that a socket took a part of.
    pub rest: Vec<u8>,
}

impl Cursor {
    /// Whether nothing of a frame is left to be sent before something else may be.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.rest.is_empty()
    }
}

/// What a new subscriber is told first, and where it reads on.
#[derive(Debug)]
pub struct Joined {
    /// Messages as JSON, to be sent in this order.
    pub greeting: Vec<Vec<u8>>,
    /// Where it reads on.
    pub cursor: Cursor,
}

/// How far a subscriber came.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is nothing more for it now.
    Idle,
    /// There is more, or the socket took no more.
    More,
    /// What comes next for it has left the ring.
    Lagged,
    /// The stream began anew.
    Reset,
}

impl Hub {
    /// A hub that knows the state, and whose ring is empty.
    #[must_use]
    pub fn new(capacity: Capacity, limits: serde_json::Value, beginning: Beginning) -> Self {
        let inner = Inner {
            epoch: beginning.epoch,
            generation: 0,
            ring: Ring::new(capacity),
            newest: beginning.newest,
            lost: beginning.lost.then_some(beginning.newest),
            town: Arc::new(beginning.town),
            head: beginning.head,
            rendered: None,
        };
        Self {
            inner: RwLock::new(inner),
            views: Views::default(),
            passes: watch::Sender::new(0),
            dirty: Notify::new(),
            limits,
            counts: Counts::default(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts events in, in order; those that came in before are left out. Says how many were new.
    pub fn put<'a>(&self, events: impl IntoIterator<Item = Incoming<'a>>) -> usize {
        let mut new = 0;
        {
            let mut inner = self.write();
            for event in events {
                new += usize::from(inner.put(&event));
            }
        }
        if new > 0 {
            self.dirty.notify_one();
        }
        new
    }

    /// Gives what is not recorded in the journal the next offsets, and puts it in.
    pub fn place(&self, events: &[(&str, &RawValue)]) -> Vec<Offset> {
        let mut given = Vec::with_capacity(events.len());
        {
            let mut inner = self.write();
            for (id, json) in events {
                let Some(offset) = offset::next(inner.newest) else { break };
                inner.put(&Incoming { offset, seq: None, id, json });
                given.push(offset);
            }
        }
        self.dirty.notify_one();
        given
    }

    /// Puts the events of one commit of the journal in, together with the state after them.
    pub fn put_and_stand<'a>(&self, events: impl IntoIterator<Item = Incoming<'a>>, town: &Town, head: String) {
        let town = Arc::new(town.clone());
        {
            let mut inner = self.write();
            for event in events {
                let new = inner.put(&event);
                self.counts.recorded.fetch_add(u64::from(new), Ordering::Relaxed);
            }
            inner.town = town;
            inner.head = Some(head);
        }
        self.dirty.notify_one();
    }

    /// Nothing at or before this offset is given away again; where a process before this one gave some away that only it knew,
    /// who comes back from then is told.
    pub fn begin_behind(&self, newest: Offset, lost: bool) {
        let mut inner = self.write();
        inner.newest = inner.newest.max(newest);
        inner.lost = lost.then_some(inner.newest);
    }

    /// How much the ring holds.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.read().ring.capacity()
    }

    /// Begins anew: another epoch, an empty ring, another state. Everybody is told.
    pub fn restart(&self, beginning: Beginning) {
        {
            let mut inner = self.write();
            let capacity = inner.ring.capacity();
            inner.generation += 1;
            inner.epoch = beginning.epoch;
            inner.ring = Ring::new(capacity);
            inner.newest = beginning.newest;
            inner.lost = None;
            inner.town = Arc::new(beginning.town);
            inner.head = beginning.head;
            inner.rendered = None;
        }
        self.views.clear();
        self.dirty.notify_one();
    }

    /// Tells everybody of a hole in what they see.
    pub fn gap(&self, reason: Hole) {
        {
            let mut inner = self.write();
            let from = inner.newest;
            if let Some(to) = offset::next(from) {
                let frame = Message::Gap { from, to, reason }.frame();
                if inner.ring.push(to, 0, &frame).is_ok() {
                    inner.newest = to;
                }
            }
        }
        self.dirty.notify_one();
    }

    /// The life of the stream, and its newest offset.
    #[must_use]
    pub fn now_at(&self) -> (String, Offset) {
        let inner = self.read();
        (inner.epoch.clone(), inner.newest)
    }

    /// Frames and bytes in the ring, and the offset of the oldest.
    #[must_use]
    pub fn fill(&self) -> (usize, u64, Option<Offset>) {
        let inner = self.read();
        let oldest = inner.ring.at(inner.ring.tail()).map(|placed| placed.offset);
        (inner.ring.len(), inner.ring.bytes(), oldest)
    }

    /// The state, the newest offset behind it, and the newest commit of the journal.
    #[must_use]
    pub fn state(&self) -> (Arc<Town>, Offset, Option<String>) {
        let inner = self.read();
        (inner.town.clone(), inner.newest, inner.head.clone())
    }

    /// What becomes true when there may be something new.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.passes.subscribe()
    }

    /// Lets a subscriber in.
    #[must_use]
    pub fn join(&self, start: &Start, filter: Filter, now: &str) -> Joined {
        let hold = (!filter.is_everything()).then(|| self.views.of(filter));
        let (cursor, hole, snapshot) = {
            let inner = self.read();
            let (position, last, hole) = inner.seek(start);
            let snapshot = *start == Start::Snapshot || hole.is_some_and(|(_, _, reason)| reason != Hole::Restarted);
            let cursor = Cursor { generation: inner.generation, position, last, view: hold, rest: Vec::new() };
            (cursor, hole, snapshot.then(|| (inner.town.clone(), inner.newest)))
        };
        let mut greeting = vec![self.hello(now)];
        if let Some((from, to, reason)) = hole {
            greeting.push(Message::Gap { from, to, reason }.json());
        }
        if let Some((town, offset)) = snapshot {
            greeting.push(Message::Snapshot { offset, seq: town.seq, state: &self.rendered(&town) }.json());
        }
        Joined { greeting, cursor }
    }

    fn hello(&self, now: &str) -> Vec<u8> {
        let inner = self.read();
        Message::Hello {
            epoch: &inner.epoch,
            offset: inner.newest,
            head: inner.head.as_deref(),
            server: env!("CARGO_PKG_VERSION"),
            limits: &self.limits,
            now,
        }
        .json()
    }

    /// The state as JSON; made once for each state.
    #[must_use]
    pub fn rendered(&self, town: &Town) -> Arc<RawValue> {
        if let Some((seq, json)) = &self.read().rendered
            && *seq == town.seq
        {
            return json.clone();
        }
        let json: Arc<RawValue> = serde_json::value::to_raw_value(town).unwrap_or_default().into();
        let mut inner = self.write();
        // Not where the stream began anew meanwhile: another history may have the same numbers.
        if inner.town.seq == town.seq && *inner.town == *town {
            inner.rendered = Some((town.seq, json.clone()));
        }
        json
    }

    /// Lets a subscriber's socket take what comes next; `sink` is told bytes and says how many it took.
    ///
    /// # Errors
    /// What `sink` says; `WouldBlock` is none.
    pub fn feed(
        &self,
        cursor: &mut Cursor,
        sink: &mut dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Progress> {
        if !cursor.rest.is_empty() {
            let took = match sink(&[IoSlice::new(&cursor.rest)]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::More),
                took => took?,
            };
            cursor.rest.drain(..took);
            if !cursor.rest.is_empty() {
                return Ok(Progress::More);
            }
        }
        let inner = self.read();
        if cursor.generation != inner.generation {
            return Ok(Progress::Reset);
        }
        if cursor.position < inner.ring.tail() {
            self.counts.lagged.fetch_add(1, Ordering::Relaxed);
            return Ok(Progress::Lagged);
        }
        let (from, to) = match &cursor.view {
            None => (cursor.position, inner.ring.head()),
            Some(view) => match view.next(&inner.ring, cursor.position) {
                Some(run) => run,
                None => {
                    cursor.position = inner.ring.head();
                    return Ok(Progress::Idle);
                }
            },
        };
        if from == to {
            return Ok(Progress::Idle);
        }
        let end = inner.end_of_turn(from, to);
        let Some(parts) = inner.ring.span(from, end) else { return Ok(Progress::Lagged) };
        let took = match sink(&parts.map(IoSlice::new)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            took => took?,
        };
        let frames = inner.advance(cursor, from, took);
        self.counts.delivered.fetch_add(frames, Ordering::Relaxed);
        let all = cursor.position == inner.ring.head() && cursor.rest.is_empty();
        Ok(if all { Progress::Idle } else { Progress::More })
    }

    /// The next frames for a subscriber that reads them one by one, at most so many; `None` where they have left the ring.
    #[must_use]
    pub fn take(&self, cursor: &mut Cursor, most: usize) -> Option<Vec<(Offset, Vec<u8>)>> {
        let mut taken = Vec::new();
        let inner = self.read();
        if cursor.generation != inner.generation || cursor.position < inner.ring.tail() {
            return None;
        }
        while taken.len() < most {
            let (from, to) = match &cursor.view {
                None => (cursor.position, inner.ring.head()),
                Some(view) => {
                    view.next(&inner.ring, cursor.position).unwrap_or_else(|| (inner.ring.head(), inner.ring.head()))
                }
            };
            cursor.position = from;
            if from == to {
                break;
            }
            for placed in inner.ring.frames(from).take_while(|placed| placed.end <= to).take(most - taken.len()) {
                taken.push((placed.offset, frame::payload(&inner.ring.copy(placed)).to_vec()));
                (cursor.position, cursor.last) = (placed.end, placed.offset);
            }
        }
        self.counts.delivered.fetch_add(taken.len() as u64, Ordering::Relaxed);
        Some(taken)
    }

    /// Whether anything waits for a cursor, as far as that is known without its filter.
    #[must_use]
    pub fn is_behind(&self, cursor: &Cursor) -> bool {
        let inner = self.read();
        cursor.generation != inner.generation || cursor.position < inner.ring.head()
    }

    /// Wakes those who wait, once for many events where many come.
    pub async fn pace(&self) {
        let mut pause = std::time::Duration::ZERO;
        loop {
            self.dirty.notified().await;
            let before = self.read().ring.pushed();
            self.passes.send_modify(|pass| *pass += 1);
            tokio::time::sleep(pause).await;
            // An idle stream is instant; the more came during the pause, the longer the next one.
            let came = self.read().ring.pushed() - before;
            pause = PASS.min(match came {
                0..=1 => std::time::Duration::ZERO,
                _ => (pause * 2).max(std::time::Duration::from_millis(1)),
            });
        }
    }
}

/// The longest time between two passes.
const PASS: std::time::Duration = std::time::Duration::from_millis(20);

impl Inner {
    fn put(&mut self, event: &Incoming<'_>) -> bool {
        if event.offset <= self.newest && self.ring.newest().is_some_and(|newest| event.offset <= newest) {
            return false;
        }
        let frame = Message::Event { offset: event.offset, seq: event.seq, event: event.json }.frame();
        let pushed = self.ring.push(event.offset, key(event.id), &frame).is_ok();
        self.newest = self.newest.max(event.offset);
        pushed
    }

    /// Where a subscriber begins, its last offset, and the hole it has to be told of.
    fn seek(&self, start: &Start) -> (Position, Offset, Option<(Offset, Offset, Hole)>) {
        let head = (self.ring.head(), self.newest);
        let over = |from: Offset, reason: Hole| (head.0, head.1, Some((from, self.newest, reason)));
        let asked = match start {
            Start::Now | Start::Snapshot => return (head.0, head.1, None),
            Start::After(Some(epoch), offset) if *epoch != self.epoch => return over(*offset, Hole::Rewritten),
            Start::After(_, offset) => *offset,
            Start::AfterId(id) => match self.ring.find(key(id)) {
                Some(offset) => offset,
                None => return over(0, Hole::Evicted),
            },
        };
        if asked > self.newest {
            return over(asked, Hole::Rewritten);
        }
        // What a process before this one alone knew is lost to who has not read past it.
        let lost = self.lost.filter(|lost| asked < *lost).map(|lost| (asked, lost, Hole::Restarted));
        match self.ring.after(asked) {
            Seek::At(position) => (position, asked, lost),
            Seek::Ahead => (head.0, asked, lost),
            Seek::Evicted { .. } => over(asked, Hole::Evicted),
        }
    }

    /// Where a turn ends: at the end of a frame, so that nobody gets more than a share at once.
    fn end_of_turn(&self, from: Position, to: Position) -> Position {
        if to.since(from) <= AT_ONCE {
            return to;
        }
        self.ring
            .at(from.advance(AT_ONCE))
            .map_or(to, |placed| if placed.start > from { placed.start } else { placed.end })
    }

    /// Moves a cursor by what a socket took, and keeps the rest of a frame that it took a part of. Says how many frames went.
    fn advance(&self, cursor: &mut Cursor, from: Position, took: usize) -> u64 {
        let reached = from.advance(took as u64);
        cursor.position = reached;
        if took == 0 {
            return 0;
        }
        if let Some(cut) = self.ring.at(reached).filter(|placed| placed.start < reached) {
            cursor.rest = self.ring.span(reached, cut.end).map(|parts| parts.concat()).unwrap_or_default();
            cursor.position = cut.end;
        }
        if let Some(last) = self.ring.before(cursor.position) {
            cursor.last = last.offset;
        }
        self.ring.count(from, cursor.position)
    }
}

/// What an event's id is found again by.
fn key(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
