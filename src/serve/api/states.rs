//! The state at an earlier moment.
//! Lives here: folding up to a sequence number, from the nearest state that is known, and which states are kept. Never here: the
//! fold.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::git::journal::Journal;
use crate::serve::Shared;
use crate::serve::hub::Standing;
use crate::serve::offset;
use crate::town::envelope::Envelope;
use crate::town::fold::Town;

use super::desk::{Desk, Failure, lock};
use super::past::{self, Line};

/// Events between two states that are kept, at the least.
const EVERY: u64 = 1_000;
/// States that are kept of one way, at the most: each is made and measured as a whole.
const ON_THE_WAY: u64 = 64;
/// States that are kept, and how long all of them would be as JSON.
const KEPT: usize = 128;
const BYTES: usize = 32 << 20;

/// States of earlier moments, by the last event behind them, each with its length as JSON.
#[derive(Default)]
pub struct States {
    epoch: String,
    kept: BTreeMap<u64, (Arc<Town>, usize)>,
    bytes: usize,
}

/// The state after the event of this number. Nobody waits for who folds: two who ask for the same may both fold it.
///
/// # Errors
/// [`Failure::NotFound`] beyond the last event.
pub fn at(shared: &Shared, seq: u64) -> Result<Arc<Town>, Failure> {
    let Standing { epoch, town, .. } = shared.hub.state();
    if seq == town.seq {
        return Ok(town);
    }
    let beyond = |last: u64| Failure::NotFound(format!("there is no event {seq}; the last one is {last}"));
    if seq > town.seq {
        return Err(beyond(town.seq));
    }
    let nearest = lock(&shared.desk.states).nearest(&epoch, seq);
    if nearest.seq == seq {
        return Ok(nearest);
    }
    let every = every(nearest.seq, seq);
    let mut folding = Folding { desk: &shared.desk, epoch: &epoch, town: (*nearest).clone(), to: seq, every };
    if !folding.by_ring(shared) {
        // The ring has let go of what lies between; git has it.
        folding.by_git()?;
    }
    if folding.town.seq < seq {
        return Err(beyond(folding.town.seq));
    }
    let town = Arc::new(folding.town);
    keep(&shared.desk, &epoch, town.clone());
    Ok(town)
}

/// A state on its way to a later moment.
struct Folding<'a> {
    desk: &'a Desk,
    epoch: &'a str,
    town: Town,
    to: u64,
    /// Events between two states that are kept.
    every: u64,
}

/// Events between two states that are kept on the way from one event to another.
fn every(from: u64, to: u64) -> u64 {
    to.saturating_sub(from).div_ceil(ON_THE_WAY).next_multiple_of(EVERY).max(EVERY)
}

impl Folding<'_> {
    fn take(&mut self, event: &Envelope) {
        self.town.fold_on([event]);
        if self.town.seq.is_multiple_of(self.every) && self.town.seq < self.to {
            keep(self.desk, self.epoch, Arc::new(self.town.clone()));
        }
    }

    /// Folds what the ring has; `false` where it has not all of it.
    fn by_ring(&mut self, shared: &Shared) -> bool {
        while self.town.seq < self.to {
            let until = self.to.min(self.town.seq + EVERY);
            let after = if self.town.seq == 0 { 0 } else { offset::of_seq(self.town.seq) };
            let found = past::lines(&shared.hub, after, offset::of_seq(until) + 1, usize::MAX);
            let Some((lines, None)) = found else { return false };
            let read = |line: &Vec<u8>| {
                let Line { event, seq } = serde_json::from_slice(line).ok()?;
                seq.and_then(|_| serde_json::from_str::<Envelope>(event.get()).ok())
            };
            let events: Vec<Envelope> = lines.iter().filter_map(read).collect();
            // One that is larger than the ring has a hole in its place.
            if events.len() as u64 != until - self.town.seq {
                return false;
            }
            events.iter().for_each(|event| self.take(event));
        }
        true
    }

    fn by_git(&mut self) -> Result<(), Failure> {
        let desk = self.desk;
        desk.with(|home| {
            let journal = Journal::told(home);
            let entries = desk.entries(&journal)?;
            Ok(journal.each_in_order(&entries, self.town.seq, |commit| {
                for (event, seq) in commit.events.iter().zip(commit.first_seq()..) {
                    if seq > self.town.seq && seq <= self.to {
                        self.take(event);
                    }
                }
                if self.town.seq < self.to { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?)
        })
    }
}

/// Keeps a state; others wait no longer than that takes.
fn keep(desk: &Desk, epoch: &str, town: Arc<Town>) {
    let length = length(&town);
    lock(&desk.states).keep(epoch, town, length);
}

impl States {
    /// The latest state that is kept up to this event; that before the first where there is none.
    fn nearest(&mut self, epoch: &str, seq: u64) -> Arc<Town> {
        if self.epoch != epoch {
            *self = Self { epoch: epoch.to_owned(), ..Self::default() };
        }
        self.kept.range(..=seq).next_back().map(|(_, (town, _))| town.clone()).unwrap_or_default()
    }

    /// Keeps a state of this life of the stream, and lets go of others: of those that stand nearest behind another one.
    fn keep(&mut self, epoch: &str, town: Arc<Town>, length: usize) {
        let new = town.seq;
        if self.epoch != epoch || length > BYTES || self.kept.contains_key(&new) {
            return;
        }
        self.bytes += length;
        self.kept.insert(new, (town, length));
        while self.bytes > BYTES || self.kept.len() > KEPT {
            let before = [0].into_iter().chain(self.kept.keys().copied());
            let others = self.kept.keys().copied().zip(before).filter(|(seq, _)| *seq != new);
            let nearest = others.min_by_key(|(seq, before)| seq - before);
            let Some((_, length)) = nearest.and_then(|(seq, _)| self.kept.remove(&seq)) else { return };
            self.bytes -= length;
        }
    }
}

/// How long a state is as JSON.
fn length(town: &Town) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written has no place among what is kept.
    serde_json::to_writer(&mut count, town).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keep(states: &mut States, epoch: &str, seq: u64, length: usize) {
        states.keep(epoch, Arc::new(Town { seq, ..Town::default() }), length);
    }

    #[test]
    fn what_is_kept_has_so_many_bytes_and_stands_apart() {
        let mut states = States::default();
        assert_eq!(states.nearest("e", 7).seq, 0);
        for block in 1..=200 {
            keep(&mut states, "e", block * EVERY, 1 << 20);
            // Somebody looks around where it is already known.
            keep(&mut states, "e", block * EVERY + 1, 1 << 20);
            let held: usize = states.kept.values().map(|(_, length)| length).sum();
            assert!(held <= BYTES && held == states.bytes, "{block}: {held}");
        }
        assert_eq!(states.kept.len(), BYTES >> 20);
        let gaps: Vec<u64> = states.kept.keys().zip(states.kept.keys().skip(1)).map(|(a, b)| b - a).collect();
        let (_, apart) = gaps.split_last().unwrap();
        assert!(apart.iter().all(|gap| (EVERY - 1..=20 * EVERY).contains(gap)), "{gaps:?}");
        assert_eq!(states.nearest("e", 200 * EVERY + 500).seq, 200 * EVERY + 1);
    }

    #[test]
    fn what_is_too_long_or_of_another_life_is_not_kept() {
        let mut states = States::default();
        states.nearest("e", 1);
        keep(&mut states, "e", 1, 10);
        keep(&mut states, "e", 2, BYTES + 1);
        keep(&mut states, "before", 3, 10);
        assert_eq!(states.kept.keys().copied().collect::<Vec<_>>(), [1]);
        (2..1_000).for_each(|seq| keep(&mut states, "e", seq, 10));
        assert_eq!(states.kept.len(), KEPT);
        assert_eq!(states.nearest("anew", 1_000).seq, 0);
        assert_eq!((states.kept.len(), states.bytes), (0, 0));
    }

    #[test]
    fn on_a_long_way_no_more_states_are_made_than_are_kept_of_it() {
        for (from, to, wanted) in
            [(0, 1, 1_000), (0, 64_000, 1_000), (0, 64_001, 2_000), (936_500, 1_000_000, 1_000), (7, 1_000_000, 16_000)]
        {
            assert_eq!(every(from, to), wanted, "{from} to {to}");
            assert!((from + 1..to).filter(|seq| seq.is_multiple_of(wanted)).count() as u64 <= ON_THE_WAY);
        }
    }

    #[test]
    fn a_state_is_as_long_as_it_is_told() {
        let town = Town { seq: 7, ..Town::default() };
        assert_eq!(length(&town), serde_json::to_vec(&town).unwrap().len());
    }
}
