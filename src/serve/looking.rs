//! Looking through the ring for a filter, beside the threads that serve.
//! Lives here: who waits for whom meanwhile. Never here: what is looked for (see [`super::view`]).

use std::sync::Arc;

use super::Shared;
use super::api::desk::in_turn;
use super::cursor::Cursor;
use super::problem::Problem;
use super::ring::Offset;
use super::view::TooManyFilters;

/// How often a scout looks before the next one has its turn.
const LOOKS: usize = 16;
/// Seconds after which it is worth another try where all filters are taken.
const FULL: u64 = 10;

impl Shared {
    /// As [`super::hub::Hub::take`], and where nothing of what was looked at gets through, looks on until something does.
    pub async fn take(
        self: &Arc<Self>,
        cursor: &mut Cursor,
        most: usize,
        bytes: usize,
    ) -> Option<Vec<(Offset, Vec<u8>)>> {
        loop {
            let taken = self.hub.take(cursor, most, bytes)?;
            if !taken.is_empty() || !cursor.is_behind() {
                return Some(taken);
            }
            self.look_ahead(cursor).await;
        }
    }

    /// Looks ahead of a cursor until something gets through its filter or everything was looked at. One cursor after the other,
    /// each for a while, on a thread that serves nobody.
    pub async fn look_ahead(self: &Arc<Self>, cursor: &mut Cursor) {
        let mut scout = cursor.scout();
        loop {
            let shared = self.clone();
            let look = move || {
                let more = (0..LOOKS).all(|_| shared.hub.look(&mut scout));
                (scout, more)
            };
            let Some((came, more)) = in_turn(&self.hub.looking, look).await else { return };
            cursor.follow(&came);
            if !more {
                return;
            }
            scout = came;
        }
    }
}

impl From<TooManyFilters> for Problem {
    fn from(full: TooManyFilters) -> Self {
        Self::unavailable("full", full.to_string(), FULL)
    }
}
