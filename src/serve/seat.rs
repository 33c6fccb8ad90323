//! Seats of witnesses: how many watch at one time.
//! Lives here: taking one, and giving it back. Never here: what is said to who finds none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shared;

/// One witness's seat; free again when this is dropped.
pub struct Seat(Arc<Shared>);

impl Seat {
    /// Takes a seat; `None` where all are taken.
    #[must_use]
    pub fn take(shared: &Arc<Shared>) -> Option<Self> {
        let most = shared.limits.subscribers as u64;
        let taken = &shared.hub.counts.witnesses;
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < most).then_some(now + 1)).ok()?;
        Some(Self(shared.clone()))
    }

    /// What is said to who finds none.
    #[must_use]
    pub fn none_left(shared: &Shared) -> String {
        format!("full: {} witnesses watch; ask another server of this town", shared.limits.subscribers)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.hub.counts.witnesses.fetch_sub(1, Ordering::Relaxed);
    }
}
