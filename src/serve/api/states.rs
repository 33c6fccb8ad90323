//! The state at an earlier moment.
//! Lives here: folding up to a sequence number, from the nearest state that is known. Never here: the fold.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::git::journal::Journal;
use crate::serve::Shared;
use crate::serve::hub::Standing;
use crate::serve::offset;
use crate::town::envelope::Envelope;
use crate::town::fold::Town;

use super::desk::{Failure, lock};
use super::past::{self, Line};

/// Events between two states that are kept.
const EVERY: u64 = 1_000;
/// States that are kept.
const KEPT: usize = 128;

/// States of earlier moments, by the last event behind them.
#[derive(Default)]
pub struct States {
    epoch: String,
    kept: BTreeMap<u64, Arc<Town>>,
}

/// The state after the event of this number.
///
/// # Errors
/// [`Failure::NotFound`] beyond the last event.
pub fn at(shared: &Shared, seq: u64) -> Result<Arc<Town>, Failure> {
    let Standing { epoch, town, .. } = shared.hub.state();
    if seq == town.seq {
        return Ok(town);
    }
    if seq > town.seq {
        return Err(Failure::NotFound(format!("there is no event {seq}; the last one is {}", town.seq)));
    }
    let mut states = lock(&shared.desk.states);
    if states.epoch != epoch {
        *states = States { epoch, kept: BTreeMap::new() };
    }
    let nearest = states.kept.range(..=seq).next_back().map(|(_, town)| town.clone()).unwrap_or_default();
    if nearest.seq == seq {
        return Ok(nearest);
    }
    match states.fold(shared, &nearest, seq) {
        Some(town) => Ok(town),
        // The ring has let go of what lies between; git has it.
        None => shared.desk.with(|home| Ok(Arc::new(Journal::told(home).state_at(seq)?))),
    }
}

impl States {
    fn fold(&mut self, shared: &Shared, from: &Town, to: u64) -> Option<Arc<Town>> {
        let mut town = from.clone();
        while town.seq < to {
            let until = to.min(town.seq + EVERY);
            let after = if town.seq == 0 { 0 } else { offset::of_seq(town.seq) };
            let before = offset::of_seq(until) + 1;
            let (lines, more) = past::lines(&shared.hub, after, before, usize::MAX)?;
            let was = town.seq;
            for line in &lines {
                let Ok(Line { event, seq: Some(_) }) = serde_json::from_slice(line) else { continue };
                let envelope: Envelope = serde_json::from_str(event.get()).ok()?;
                town.fold_on([&envelope]);
            }
            if more.is_some() || town.seq != until || town.seq == was {
                return None;
            }
            if until.is_multiple_of(EVERY) && self.kept.len() < KEPT {
                self.kept.insert(until, Arc::new(town.clone()));
            }
        }
        let town = Arc::new(town);
        if self.kept.len() >= KEPT {
            self.kept.pop_first();
        }
        self.kept.insert(to, town.clone());
        Some(town)
    }
}
