//! What a filter leaves of the ring: references to frames, made once however many subscribers share the filter.
//! Lives here: keeping the references up with the ring. Never here: what a filter lets through.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::filter::Filter;
use super::frame;
use super::ring::{Position, Ring};

/// The frames that a filter lets through, as far as somebody looked.
#[derive(Debug)]
pub struct View {
    filter: Filter,
    seen: Mutex<Seen>,
}

/// Everything between the two positions was looked at; runs of frames that got through stand here, oldest first.
#[derive(Debug, Default)]
struct Seen {
    range: Option<(Position, Position)>,
    runs: VecDeque<(Position, Position)>,
}

impl View {
    /// The next run of frames at or after a position.
    #[must_use]
    pub fn next(&self, ring: &Ring, from: Position) -> Option<(Position, Position)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.keep_up(ring, from, &self.filter);
        let at = seen.runs.partition_point(|(_, end)| *end <= from);
        seen.runs.get(at).map(|(start, end)| ((*start).max(from), *end))
    }
}

impl Seen {
    fn keep_up(&mut self, ring: &Ring, from: Position, filter: &Filter) {
        let (mut first, mut last) = self.range.unwrap_or((from, from));
        let tail = ring.tail();
        if last < tail {
            // All that was looked at is gone.
            self.runs.clear();
            (first, last) = (from, from);
        }
        while self.runs.front().is_some_and(|(_, end)| *end <= tail) {
            self.runs.pop_front();
        }
        // Of a run that was let go of in part, the rest is still here.
        if let Some((start, _)) = self.runs.front_mut() {
            *start = (*start).max(tail);
        }
        first = first.max(tail);
        if from < first {
            let mut older: VecDeque<(Position, Position)> = VecDeque::new();
            look(ring, from, first, filter, &mut older);
            older.append(&mut self.runs);
            self.runs = older;
            first = from;
        }
        look(ring, last.max(first), ring.head(), filter, &mut self.runs);
        last = ring.head();
        self.range = Some((first, last));
    }
}

/// Adds the runs of frames between two positions that get through.
fn look(ring: &Ring, from: Position, to: Position, filter: &Filter, runs: &mut VecDeque<(Position, Position)>) {
    for placed in ring.frames(from).take_while(|placed| placed.end <= to) {
        let frame = ring.copy(placed);
        let json = frame::payload(&frame);
        // A hole is everybody's.
        if !frame::is_gap(json) && !filter.wants_json(json) {
            continue;
        }
        match runs.back_mut().filter(|(_, end)| *end == placed.start) {
            Some((_, end)) => *end = placed.end,
            None => runs.push_back((placed.start, placed.end)),
        }
    }
}

/// The views that are in use.
#[derive(Debug, Default)]
pub struct Views {
    known: Mutex<HashMap<Filter, Weak<View>>>,
}

impl Views {
    /// The view of a filter; subscribers with equal filters share it.
    #[must_use]
    pub fn of(&self, filter: Filter) -> Arc<View> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = known.get(&filter).and_then(Weak::upgrade) {
            return view;
        }
        known.retain(|_, view| view.strong_count() > 0);
        let view = Arc::new(View { filter: filter.clone(), seen: Mutex::default() });
        known.insert(filter, Arc::downgrade(&view));
        view
    }

    /// Forgets all: positions of another ring mean nothing.
    pub fn clear(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
