//! Offsets: the place of each event in the stream.
//! Lives here: how a place is counted. Never here: who counts.
//!
//! A recorded event stands at its sequence number in the journal times 2^32, so that it has the same place after a restart.
//! What is not recorded (landed commits, what running agents tell) takes the places in between.

use super::ring::Offset;

/// Places between two recorded events, as a power of two.
const BITS: u32 = 32;

/// The place of the recorded event of this sequence number.
#[must_use]
pub const fn of_seq(seq: u64) -> Offset {
    seq << BITS
}

/// The sequence number of the newest recorded event at or before a place.
#[must_use]
pub const fn seq_of(offset: Offset) -> u64 {
    offset >> BITS
}

/// The next place; `None` where all places before the next recorded event are taken.
#[must_use]
pub const fn next(offset: Offset) -> Option<Offset> {
    let next = offset + 1;
    if seq_of(next) == seq_of(offset) { Some(next) } else { None }
}
