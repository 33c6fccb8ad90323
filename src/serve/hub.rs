//! The hub: where events come in, and where everybody who listens joins.
//! Lives here: the order of events, their offsets, the state behind them. Never here: sockets and git, how a subscriber reads on
//! (see [`super::cursor`]), what is in no repository (see [`super::fleeting`]).
//!
//! One lock holds the ring and the state together, so that a snapshot and the place where it stands are of one moment. Events
//! come in by [`Hub::put_and_stand`] and [`Hub::place`] out of git and by [`Hub::publish`] from agents that run, and by nothing
//! else: who wants to feed the ring from another place does it here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use axum::http::StatusCode;
use git2::Oid;
use serde_json::value::RawValue;
use tokio::sync::{Notify, Semaphore, watch};

use crate::config::Stopwatch;
use crate::town::fold::Town;

use super::cursor::Cursor;
use super::filter::Filter;
use super::frame::{Hole, Message};
use super::histogram::Histogram;
use super::offset;
use super::pieces::Said;
use super::ring::{Capacity, Offset, Position, Refused, Ring, Seek, key};
use super::tail::Tail;
use super::tally::Tally;
use super::view::{BOUNDS, TooManyFilters, Views};

/// Moments of arrival that are remembered, and how long one stands for all that comes.
const ARRIVALS: usize = 4_096;
const ARRIVAL: u64 = 1_000;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events that came in from git.
    pub recorded: AtomicU64,
    /// Commits of the default branch that came in.
    pub landed: AtomicU64,
    /// Events that came in from running agents.
    pub published: AtomicU64,
    /// Frames that were handed to sockets and answers.
    pub delivered: AtomicU64,
    /// Subscribers that fell out of the ring, or took nothing for too long.
    pub lagged: AtomicU64,
    /// Subscribers there are.
    pub witnesses: AtomicU64,
    /// Connections that were not let in.
    pub refused: AtomicU64,
    /// Requests that were answered, by the first digit of the status.
    pub answers: [AtomicU64; 5],
    /// Planned runs that are due and have not begun.
    pub overdue: AtomicU64,
    /// How runs ended.
    pub runs: Tally,
    /// From an event's arrival to its way into a socket or an answer.
    pub delivery: Histogram,
    /// From a request to publish to its answer.
    pub publish: Histogram,
}

impl Counts {
    /// Counts an answer.
    pub fn answered(&self, status: StatusCode) {
        if let Some(count) = self.answers.get(usize::from(status.as_u16() / 100).wrapping_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Everything that subscribers read.
pub(super) struct Inner {
    pub(super) epoch: String,
    /// Grows with each epoch of this process.
    pub(super) generation: u64,
    pub(super) ring: Ring,
    pub(super) tail: Tail,
    /// The newest offset that was given away, in the ring or before this process.
    pub(super) newest: Offset,
    /// What only a process before this one knew lies at or before this offset.
    pub(super) lost: Option<Offset>,
    /// The newest offset of what only this process knows.
    pub(super) fleeting: Option<Offset>,
    /// What only this process knows gets no offset above this one.
    pub(super) bound: Option<Offset>,
    /// Where the default branch stood, by the places from which on it did.
    pub(super) main: Vec<(Offset, Oid)>,
    town: Arc<Town>,
    head: Option<String>,
    /// Where the ring stood, and when, in microseconds.
    arrivals: VecDeque<(Position, u64)>,
}

/// The meeting point of what happens and who listens.
pub struct Hub {
    inner: RwLock<Inner>,
    pub(super) views: Views,
    /// Long looks at the ring are taken by one after the other, so that they leave a processor to who is served.
    pub(super) looking: Arc<Semaphore>,
    /// The state as JSON; made once for each state.
    rendered: Mutex<Option<(Arc<Town>, Arc<RawValue>)>>,
    /// Grows with each pass: who waits, waits for this.
    pub(super) passes: watch::Sender<u64>,
    pub(super) dirty: Notify,
    clock: Stopwatch,
    limits: serde_json::Value,
    /// Counters.
    pub counts: Counts,
}

/// What a life of the stream begins with.
#[derive(Debug, Default)]
pub struct Beginning {
    /// The life of the stream.
    pub epoch: String,
    /// What stands at or before this offset is not in the ring.
    pub floor: Offset,
    /// The newest offset that may have been given away before.
    pub newest: Offset,
    /// A process before this one gave away offsets up to this one that only it knew.
    pub lost: Option<Offset>,
    /// Up to where what is in no repository may be given offsets; without it there is no bound.
    pub bound: Option<Offset>,
    /// Where it was last said that the default branch was rewritten.
    pub rewritten: Option<Offset>,
    /// Where the default branch stood, by the places from which on it did.
    pub main: Vec<(Offset, Oid)>,
    /// The state.
    pub town: Town,
    /// The newest commit of the journal.
    pub head: Option<String>,
}

/// The state at one moment.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The life of the stream.
    pub epoch: String,
    /// The newest offset behind the state.
    pub offset: Offset,
    /// The state.
    pub town: Arc<Town>,
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

/// What a new subscriber is told first, and where it reads on.
#[derive(Debug)]
pub struct Joined {
    /// The life of the stream.
    pub epoch: String,
    /// Messages, to be sent in this order.
    pub greeting: Vec<Said>,
    /// Where it reads on.
    pub cursor: Cursor,
}

impl Hub {
    /// A hub that knows nothing yet; [`Hub::restart`] begins its first life.
    #[must_use]
    pub fn new(capacity: Capacity, limits: serde_json::Value) -> Self {
        Self {
            inner: RwLock::new(Inner::new(0, capacity, Beginning::default())),
            views: Views::new(BOUNDS),
            looking: Arc::new(Semaphore::new(1)),
            rendered: Mutex::default(),
            passes: watch::Sender::new(0),
            dirty: Notify::new(),
            clock: Stopwatch::start(),
            limits,
            counts: Counts::default(),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is inside, and wakes who waits.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let changed = {
            let mut inner = self.write();
            let (before, now) = (inner.ring.head(), self.clock.micros());
            let changed = change(&mut inner);
            inner.arrived(before, now);
            let Inner { ring, tail, .. } = &mut *inner;
            tail.keep(ring);
            changed
        };
        self.dirty.notify_one();
        changed
    }

    /// Puts events in, in order, that have their offsets; those that came in before are left out. Says how many were new.
    pub fn put<'a>(&self, events: impl IntoIterator<Item = Incoming<'a>>) -> usize {
        self.change(|inner| events.into_iter().filter(|event| inner.put(event)).count())
    }

    /// Gives commits the next offsets, and puts them in. Fewer offsets than commits come back where there are no more.
    pub fn place(&self, commits: &[(Oid, &str, &RawValue)]) -> Vec<Offset> {
        let events: Vec<(&str, &RawValue)> = commits.iter().map(|(_, id, json)| (*id, *json)).collect();
        let given = self.change(|inner| {
            let given = inner.append(&events);
            inner.main.extend(given.iter().copied().zip(commits.iter().map(|(oid, ..)| *oid)));
            given
        });
        self.counts.landed.fetch_add(given.len() as u64, Ordering::Relaxed);
        given
    }

    /// Puts events of the journal in, together with the state after them and the commit that has the last of them.
    pub fn put_and_stand<'a>(&self, events: impl IntoIterator<Item = Incoming<'a>>, town: &Town, head: String) {
        let town = Arc::new(town.clone());
        let new = self.change(|inner| {
            let new = events.into_iter().filter(|event| inner.put(event)).count();
            (inner.town, inner.head) = (town, Some(head));
            new
        });
        self.counts.recorded.fetch_add(new as u64, Ordering::Relaxed);
    }

    /// How much the ring holds.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.read().ring.capacity()
    }

    /// Begins anew with the events that `tell` tells: another life, another state. Everybody who listens is told. Nobody sees it
    /// half done. Who tells may let go of each event once it is told.
    pub fn restart(&self, beginning: Beginning, tell: impl FnOnce(&mut dyn FnMut(&Incoming<'_>))) {
        let (generation, capacity) = {
            let inner = self.read();
            (inner.generation + 1, inner.ring.capacity())
        };
        let mut rewritten = beginning.rewritten.filter(|at| *at > beginning.floor);
        let mut anew = Inner::new(generation, capacity, beginning);
        let newest = anew.newest;
        anew.newest = 0;
        tell(&mut |event| {
            if let Some(at) = rewritten.take_if(|at| *at < event.offset) {
                anew.hole(at - 1, at, Hole::Rewritten);
            }
            anew.put(event);
        });
        if let Some(at) = rewritten {
            anew.hole(at - 1, at, Hole::Rewritten);
        }
        anew.newest = anew.newest.max(newest);
        {
            let mut inner = self.write();
            *inner = anew;
            self.views.clear();
        }
        self.dirty.notify_one();
    }

    /// Tells everybody of a hole in what they see, and says where it stands.
    pub fn gap(&self, reason: Hole) -> Option<Offset> {
        self.change(|inner| {
            let (from, to) = (inner.newest, offset::next(inner.newest)?);
            inner.hole(from, to, reason);
            Some(to)
        })
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

    /// The state, and where it stands.
    #[must_use]
    pub fn state(&self) -> Standing {
        let inner = self.read();
        Standing {
            epoch: inner.epoch.clone(),
            offset: inner.newest,
            town: inner.town.clone(),
            head: inner.head.clone(),
        }
    }

    /// What becomes true when there may be something new.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.passes.subscribe()
    }

    /// Microseconds since the hub was made.
    #[must_use]
    pub(super) fn micros(&self) -> u64 {
        self.clock.micros()
    }

    /// How long the hub is there.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_micros(self.clock.micros())
    }

    /// Lets a subscriber in.
    ///
    /// # Errors
    /// [`TooManyFilters`] where nobody else has its filter, and there are as many as may be.
    pub fn join(&self, start: &Start, filter: Filter, now: &str) -> Result<Joined, TooManyFilters> {
        let (epoch, hello, cursor, hole, snapshot) = {
            let inner = self.read();
            let view = (!filter.is_everything()).then(|| self.views.of(filter)).transpose()?;
            let (position, last, hole) = inner.seek(start);
            let snapshot = *start == Start::Snapshot || hole.is_some_and(|(_, _, reason)| reason != Hole::Restarted);
            let cursor = Cursor::new(inner.generation, position, last, view);
            let hello = inner.hello(&self.limits, now);
            (inner.epoch.clone(), hello, cursor, hole, snapshot.then(|| (inner.town.clone(), inner.newest)))
        };
        let mut greeting = vec![Said::from(hello)];
        if let Some((from, to, reason)) = hole {
            greeting.push(Message::Gap { from, to, reason }.json().into());
        }
        if let Some((town, offset)) = snapshot {
            greeting.push(Said::snapshot(offset, town.seq, self.rendered(&town)));
        }
        Ok(Joined { epoch, greeting, cursor })
    }

    /// The state as JSON; made once for each state, however many ask at the same time.
    #[must_use]
    pub fn rendered(&self, town: &Arc<Town>) -> Arc<RawValue> {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, json)) = &*rendered
            && Arc::ptr_eq(of, town)
        {
            return json.clone();
        }
        let json: Arc<RawValue> = serde_json::value::to_raw_value(&**town).unwrap_or_default().into();
        *rendered = Some((town.clone(), json.clone()));
        json
    }
}

impl Inner {
    fn new(generation: u64, capacity: Capacity, beginning: Beginning) -> Self {
        let mut ring = Ring::new(capacity);
        ring.begin_after(beginning.floor);
        Self {
            epoch: beginning.epoch,
            generation,
            ring,
            tail: Tail::default(),
            newest: beginning.newest,
            lost: beginning.lost,
            fleeting: None,
            bound: beginning.bound,
            main: beginning.main,
            town: Arc::new(beginning.town),
            head: beginning.head,
            arrivals: VecDeque::new(),
        }
    }

    fn put(&mut self, event: &Incoming<'_>) -> bool {
        if self.ring.newest().is_some_and(|newest| event.offset <= newest) {
            return false;
        }
        let frame = Message::Event { offset: event.offset, seq: event.seq, event: event.json }.frame();
        let pushed = self.ring.push(event.offset, key(event.id), &frame);
        if pushed == Err(Refused::TooLarge) {
            // In its place it is said to be missing.
            self.hole(self.newest, event.offset, Hole::Evicted);
        }
        self.newest = self.newest.max(event.offset);
        pushed.is_ok()
    }

    /// Puts a hole in, in the place of what is not coming.
    fn hole(&mut self, from: Offset, to: Offset, reason: Hole) {
        if self.ring.push(to, 0, &Message::Gap { from, to, reason }.frame()).is_ok() {
            self.newest = to;
        }
    }

    pub(super) fn append(&mut self, events: &[(&str, &RawValue)]) -> Vec<Offset> {
        let mut given = Vec::with_capacity(events.len());
        for (id, json) in events {
            let Some(offset) = offset::next(self.newest) else { break };
            self.put(&Incoming { offset, seq: None, id, json });
            given.push(offset);
        }
        given
    }

    /// Remembers when what lies behind a position came.
    fn arrived(&mut self, before: Position, now: u64) {
        if self.ring.head() == before || self.arrivals.back().is_some_and(|(_, time)| now < time + ARRIVAL) {
            return;
        }
        if self.arrivals.len() >= ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((before, now));
    }

    /// When the frame at a position came, in microseconds; `None` where that is long ago.
    pub(super) fn arrival(&self, position: Position) -> Option<u64> {
        let next = self.arrivals.partition_point(|(start, _)| *start <= position);
        self.arrivals.get(next.checked_sub(1)?).map(|(_, time)| *time)
    }

    fn hello(&self, limits: &serde_json::Value, now: &str) -> Vec<u8> {
        let head = self.head.as_deref();
        let server = env!("CARGO_PKG_VERSION");
        Message::Hello { epoch: &self.epoch, offset: self.newest, head, server, limits, now }.json()
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
            // Behind everything that is here, and not behind what a process before this one gave away.
            Seek::Ahead => (head.0, asked, lost),
            Seek::Evicted { .. } => over(asked, Hole::Evicted),
        }
    }
}
