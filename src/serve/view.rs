//! What a filter leaves of the ring: references to frames, made once however many subscribers share the filter.
//! Lives here: keeping the references up with the ring, within bounds of time and memory. Never here: what a filter lets through.
//!
//! A view knows the newest part of the ring, and grows into the past as far as somebody asks and its references have room. What
//! lies before that part is looked at again by who reads it. Nobody looks at more than so many frames at a time: whoever holds the
//! ring's lock meanwhile lets go of it in between.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::filter::Filter;
use super::ring::{Placed, Position, Ring};
use crate::town::limits::FILTERS;

/// How far the views of one hub may go.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Frames that are looked at together.
    pub frames: usize,
    /// Runs that one view remembers.
    pub runs: usize,
    /// Filters in use at one time.
    pub filters: usize,
}

/// Some 0.1 ms and 64 KiB for each filter.
pub const BOUNDS: Bounds = Bounds { frames: 2_048, runs: 4_096, filters: FILTERS };

/// The frames that a filter lets through, as far as somebody looked.
#[derive(Debug)]
pub struct View {
    filter: Filter,
    bounds: Bounds,
    seen: Mutex<Seen>,
}

/// A run of frames that get through: where it begins and ends.
type Run = (Position, Position);

/// Everything between the two positions was looked at; runs of frames that got through stand here, oldest first.
#[derive(Debug, Default)]
struct Seen {
    range: Option<(Position, Position)>,
    runs: VecDeque<Run>,
}

/// What comes next behind a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Frames that get through.
    Run(Position, Position),
    /// Nothing in the whole ring.
    Nothing,
    /// Nothing up to here; what comes then was not looked at, because enough was looked at for one time.
    Unseen(Position),
}

impl View {
    /// How many frames are looked at together.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.bounds.frames
    }

    /// What comes next at a position or after it. `left` says how many frames may still be looked at, and is lowered.
    #[must_use]
    pub fn next(&self, ring: &Ring, from: Position, left: &mut usize) -> Next {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut look = Look { ring, filter: &self.filter, left };
        seen.forget(ring.tail(), from);
        if seen.is_after(from) && seen.runs.len() < self.bounds.runs {
            seen.grow_back(&mut look, from, self.bounds.runs);
        }
        match seen.range {
            // So far back it remembers nothing.
            Some((first, _)) if from < first => look.first_run(from, first),
            _ => seen.read_on(&mut look, from, self.bounds.runs),
        }
    }
}

impl Seen {
    /// Lets go of what has left the ring.
    fn forget(&mut self, tail: Position, from: Position) {
        let (first, last) = self.range.unwrap_or((from, from));
        if last < tail {
            // All that was looked at is gone.
            self.runs.clear();
            self.range = Some((from, from));
            return;
        }
        while self.runs.front().is_some_and(|(_, end)| *end <= tail) {
            self.runs.pop_front();
        }
        // Of a run that was let go of in part, the rest is still here.
        if let Some((start, _)) = self.runs.front_mut() {
            *start = (*start).max(tail);
        }
        self.range = Some((first.max(tail), last));
    }

    fn is_after(&self, from: Position) -> bool {
        self.range.is_some_and(|(first, _)| from < first)
    }

    /// Looks at what lies before, back to a position, as long as there is room.
    fn grow_back(&mut self, look: &mut Look<'_>, from: Position, most: usize) {
        let Some((mut first, last)) = self.range else { return };
        for placed in look.ring.frames_before(first) {
            if placed.start < from || *look.left == 0 {
                break;
            }
            if look.wants(placed) {
                let is_full = self.runs.len() >= most;
                match self.runs.front_mut().filter(|(start, _)| *start == placed.end) {
                    Some((start, _)) => *start = placed.start,
                    None if is_full => break,
                    None => self.runs.push_front((placed.start, placed.end)),
                }
            }
            first = placed.start;
        }
        self.range = Some((first, last));
    }

    /// What comes next within and behind the part that is known.
    fn read_on(&mut self, look: &mut Look<'_>, from: Position, most: usize) -> Next {
        if let Some(run) = self.known(from) {
            return run;
        }
        let Some((mut first, mut last)) = self.range else { return Next::Nothing };
        let ring = look.ring;
        for placed in ring.frames(last) {
            if *look.left == 0 {
                break;
            }
            if look.wants(placed) {
                let is_full = self.runs.len() >= most;
                match self.runs.back_mut().filter(|(_, end)| *end == placed.start) {
                    Some((_, end)) => *end = placed.end,
                    None if !is_full => self.runs.push_back((placed.start, placed.end)),
                    // Nothing that is still to be read here is let go of; the rest is looked at when it was read.
                    None => match self.runs.pop_front_if(|(_, end)| *end <= from) {
                        None => break,
                        Some((_, end)) => {
                            first = end;
                            self.runs.push_back((placed.start, placed.end));
                        }
                    },
                }
            }
            last = placed.end;
        }
        self.range = Some((first, last));
        match self.known(from) {
            Some(run) => run,
            None if last >= ring.head() => Next::Nothing,
            None => Next::Unseen(from.max(last)),
        }
    }

    /// The first known run at a position or after it.
    fn known(&self, from: Position) -> Option<Next> {
        let at = self.runs.partition_point(|(_, end)| *end <= from);
        self.runs.get(at).map(|(start, end)| Next::Run((*start).max(from), *end))
    }
}

/// One look at the ring.
struct Look<'r> {
    ring: &'r Ring,
    filter: &'r Filter,
    left: &'r mut usize,
}

impl Look<'_> {
    fn wants(&mut self, placed: Placed) -> bool {
        *self.left = self.left.saturating_sub(1);
        self.filter.wants(self.ring, placed)
    }

    /// The first run between two positions, without remembering it.
    fn first_run(&mut self, from: Position, to: Position) -> Next {
        let (ring, mut run) = (self.ring, None);
        let mut seen = from;
        for placed in ring.frames(from).take_while(|placed| placed.end <= to) {
            if *self.left == 0 {
                break;
            }
            match (self.wants(placed), &mut run) {
                (true, None) => run = Some((placed.start, placed.end)),
                (true, Some((_, end))) => *end = placed.end,
                (false, None) => {}
                (false, Some(_)) => break,
            }
            seen = placed.end;
        }
        run.map_or(Next::Unseen(seen), |(start, end)| Next::Run(start, end))
    }
}

/// The views that are in use.
#[derive(Debug)]
pub struct Views {
    bounds: Bounds,
    known: Mutex<HashMap<Filter, Weak<View>>>,
}

/// As many filters are in use as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("full: {0} filters are in use; listen with one that others have too, or without any")]
pub struct TooManyFilters(pub usize);

impl Views {
    /// No views, which stay within these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, known: Mutex::default() }
    }

    /// The view of a filter; subscribers with equal filters share it.
    ///
    /// # Errors
    /// [`TooManyFilters`] where it is a new one, and there are as many as may be.
    pub fn of(&self, filter: Filter) -> Result<Arc<View>, TooManyFilters> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = known.get(&filter).and_then(Weak::upgrade) {
            return Ok(view);
        }
        known.retain(|_, view| view.strong_count() > 0);
        if known.len() >= self.bounds.filters {
            return Err(TooManyFilters(self.bounds.filters));
        }
        let view = Arc::new(View { filter: filter.clone(), bounds: self.bounds, seen: Mutex::default() });
        known.insert(filter, Arc::downgrade(&view));
        Ok(view)
    }

    /// Forgets all: positions of another ring mean nothing.
    pub fn clear(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::serve::frame;
    use crate::serve::ring::Capacity;

    const FEW: Bounds = Bounds { frames: 100, runs: 8, filters: 2 };

    fn filter(types: &str) -> Filter {
        Filter::read(Some(types), None, None).unwrap()
    }

    /// A ring of so many frames; each that `is_b` says is of type b, the others of type a.
    fn ring(frames: u64, is_b: impl Fn(u64) -> bool) -> Ring {
        let mut ring = Ring::new(Capacity { frames: 100_000, bytes: 1 << 24 });
        for n in 1..=frames {
            let kind = if is_b(n) { "b" } else { "a" };
            let json = format!(r#"{{"kind":"event","event":{{"type":"monkeytown.{kind}"}}}}"#);
            ring.push(n, 0, &frame::text(json.as_bytes())).unwrap();
        }
        ring
    }

    /// Reads all from a position on; says how many frames got through, and how many turns that took.
    fn read(view: &View, ring: &Ring, from: Position) -> (u64, usize) {
        let (mut at, mut frames, mut turns) = (from, 0, 0);
        loop {
            let mut left = view.at_once();
            turns += 1;
            let next = view.next(ring, at, &mut left);
            assert!(view.seen.lock().unwrap().runs.len() <= FEW.runs, "what is remembered has a bound");
            match next {
                Next::Run(start, end) => {
                    frames += ring.count(start, end);
                    at = end;
                }
                Next::Unseen(position) => {
                    assert!(position >= at);
                    at = position;
                }
                Next::Nothing => return (frames, turns),
            }
        }
    }

    #[test]
    fn so_many_frames_are_looked_at_together_and_each_once_for_all_who_share_the_filter() {
        let (ring, views) = (ring(10_000, |n| n == 10_000), Views::new(FEW));
        let (one, other) = (views.of(filter("b")).unwrap(), views.of(filter("b")).unwrap());
        let mut left = one.at_once();
        let Next::Unseen(position) = one.next(&ring, ring.tail(), &mut left) else { panic!("all at once") };
        assert_eq!((ring.count(ring.tail(), position), left), (100, 0));
        assert_eq!(read(&one, &ring, position), (1, 100), "in as many turns as there are hundreds, and the end");
        let mut left = 0;
        let found = other.next(&ring, ring.tail(), &mut left);
        assert!(matches!(found, Next::Run(_, end) if end == ring.head()), "nothing is looked at again: {found:?}");
    }

    #[test]
    fn what_is_remembered_has_a_bound_and_nothing_is_lost_by_it() {
        for (is_b, wanted) in [(2, 2_500), (7, 714), (4_999, 1)] {
            let ring = ring(5_000, |n| n % is_b == 0);
            let middle = ring.frames(ring.tail()).nth(2_500).unwrap().start;
            for first in [ring.tail(), middle, ring.head()] {
                let view = Views::new(FEW).of(filter("b")).unwrap();
                // Whoever comes first, and from wherever: the others read all of it too.
                read(&view, &ring, first);
                assert_eq!(read(&view, &ring, ring.tail()).0, wanted, "every {is_b}th");
                let later = (2_501..=5_000).filter(|n| n % is_b == 0).count() as u64;
                assert_eq!(read(&view, &ring, middle).0, later);
            }
        }
    }

    #[test]
    fn one_filter_too_many_is_refused_and_a_known_one_is_not() {
        let views = Views::new(FEW);
        let (_a, b) = (views.of(filter("a")).unwrap(), views.of(filter("b")).unwrap());
        let error = views.of(filter("c")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "full: 2 filters are in use; listen with one that others have too, or without any"
        );
        assert!(views.of(filter("a")).is_ok());
        drop(b);
        assert!(views.of(filter("c")).is_ok(), "what nobody uses has no place");
    }
}
