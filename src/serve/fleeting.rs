//! What is in no repository: what running agents tell.
//! Lives here: how it comes into the stream, and up to which offset that may be. Never here: who may tell it (see
//! [`super::publish`]), writing down how far it came (see [`super::places`]).
//!
//! A later process of the same epoch must not give away an offset a second time, so each has to be covered by what is written down
//! before anybody hears of it.

use std::sync::atomic::Ordering;

use serde_json::value::RawValue;

use super::hub::Hub;
use super::ring::Offset;

impl Hub {
    /// Gives what running agents tell the next offsets, and puts it in. It is lost with this process. All of it comes in, or nothing
    /// where it would go beyond the bound.
    pub fn publish(&self, events: &[(&str, &RawValue)]) -> Vec<Offset> {
        let given = self.change(|inner| {
            let last = inner.newest.saturating_add(events.len() as u64);
            if inner.bound.is_some_and(|bound| last > bound) {
                return Vec::new();
            }
            let given = inner.append(events);
            inner.fleeting = given.last().copied().or(inner.fleeting);
            given
        });
        self.counts.published.fetch_add(given.len() as u64, Ordering::Relaxed);
        given
    }

    /// Lets what running agents tell have offsets up to this one.
    pub fn allow(&self, bound: Offset) {
        if self.read().bound != Some(bound) {
            self.write().bound = Some(bound);
        }
    }

    /// The newest offset that was given away, and up to where what was given away is in no repository.
    #[must_use]
    pub fn fleeting(&self) -> (Offset, Option<Offset>) {
        let inner = self.read();
        (inner.newest, inner.fleeting.max(inner.lost))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::serve::hub::Beginning;
    use crate::serve::ring::Capacity;

    #[test]
    fn what_is_in_no_repository_keeps_within_the_bound_all_of_it_or_nothing() {
        let hub = Hub::new(Capacity { frames: 10, bytes: 10_000 }, serde_json::Value::Null);
        hub.restart(Beginning { newest: 7, bound: Some(10), ..Beginning::default() }, |_| ());
        let json = serde_json::value::to_raw_value("x").unwrap();
        let publish = |ids: &[&str]| hub.publish(&ids.iter().map(|id| (*id, &*json)).collect::<Vec<_>>());
        assert_eq!(publish(&["a", "b"]), [8, 9]);
        assert_eq!((publish(&["c", "d"]), hub.fleeting()), (Vec::new(), (9, Some(9))));
        assert_eq!(publish(&["c"]), [10]);
        assert_eq!(
            hub.place(&[(git2::Oid::ZERO_SHA1, "landed", &json)]),
            [11],
            "a commit has its place written down by itself"
        );
        hub.allow(12);
        assert_eq!((publish(&["d"]), publish(&["e"])), (vec![12], Vec::new()));
    }
}
