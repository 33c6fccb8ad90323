//! The ring: encoded frames in one flat buffer, newest last, bounded in number and in bytes.
//! Lives here: putting a frame in, and finding what comes after a place. Never here: sockets, or what a frame says (see
//! [`super::topics`], which reads it once, so that nobody has to read the frames again).
//!
//! A subscriber is a [`Position`] and nothing else: what lies between it and the head is its queue, and it lags when that
//! position has left the ring.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::topics::{Mark, Topics};

/// The place of an event in the stream; it only grows.
pub type Offset = u64;

/// How many bytes were put in before a place, since the ring was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

/// How much a ring holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Frames.
    pub frames: usize,
    /// Bytes of all frames together.
    pub bytes: usize,
}

/// One frame's place.
#[derive(Clone, Copy, Debug)]
struct Slot {
    offset: Offset,
    start: u64,
    /// What the frame is found again by.
    key: u64,
    /// What it is about.
    mark: Mark,
}

/// One frame as it lies in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its offset.
    pub offset: Offset,
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
    /// What it is about.
    pub mark: Mark,
}

/// What stands behind an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// Everything after it is here, from this position on.
    At(Position),
    /// Some of what came after it is gone: the oldest that is left stands here.
    Evicted {
        /// Where to go on.
        at: Position,
        /// The newest offset that is gone.
        up_to: Offset,
    },
    /// It lies ahead of everything that was ever put in.
    Ahead,
}

/// A frame that can never fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is larger than the whole ring.
    TooLarge,
    /// Its offset does not come after the one before.
    NotNext,
}

/// Encoded frames between the oldest that is kept and the head.
#[derive(Debug)]
pub struct Ring {
    capacity: Capacity,
    /// Grows up to its cap, and from then on is written from the beginning again.
    bytes: Vec<u8>,
    slots: VecDeque<Slot>,
    topics: Topics,
    /// All bytes that were ever put in: the head.
    end: u64,
    /// All frames that were ever put in.
    pushed: u64,
    /// The newest offset that was put in, and the newest that was let go.
    newest: Option<Offset>,
    evicted: Option<Offset>,
}

impl Ring {
    /// An empty ring.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            bytes: Vec::new(),
            slots: VecDeque::new(),
            topics: Topics::default(),
            end: 0,
            pushed: 0,
            newest: None,
            evicted: None,
        }
    }

    /// Says that what stands at or before an offset is not coming. For a ring that is still empty.
    pub fn begin_after(&mut self, floor: Offset) {
        self.evicted = (floor > 0).then_some(floor);
    }

    /// Puts a frame at the head, and lets go of the oldest as far as there is no room. The key is what [`Ring::find`] finds it by.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn push(&mut self, offset: Offset, key: u64, frame: &[u8]) -> Result<(), Refused> {
        if frame.len() > self.capacity.bytes || self.capacity.frames == 0 {
            return Err(Refused::TooLarge);
        }
        if self.newest.is_some_and(|newest| offset <= newest) {
            return Err(Refused::NotNext);
        }
        while self.slots.len() >= self.capacity.frames || self.used() + frame.len() as u64 > self.cap() {
            self.evict();
        }
        let mark = self.topics.enter(frame);
        self.slots.push_back(Slot { offset, start: self.end, key, mark });
        self.write(frame);
        self.end += frame.len() as u64;
        self.newest = Some(offset);
        self.pushed += 1;
        Ok(())
    }

    fn evict(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.evicted = Some(slot.offset);
            self.topics.leave(slot.mark);
        }
    }

    fn cap(&self) -> u64 {
        self.capacity.bytes as u64
    }

    fn used(&self) -> u64 {
        self.end - self.tail().0
    }

    /// Where a position lies in the buffer.
    fn index(&self, position: u64) -> usize {
        usize::try_from(position % self.cap().max(1)).unwrap_or_default()
    }

    fn write(&mut self, frame: &[u8]) {
        let at = self.index(self.end);
        let first = frame.len().min(self.capacity.bytes - at);
        for (at, part) in [(at, &frame[..first]), (0, &frame[first..])] {
            // The buffer is either as long as its cap, or ends exactly where the head stands.
            let known = part.len().min(self.bytes.len().saturating_sub(at));
            self.bytes[at..at + known].copy_from_slice(&part[..known]);
            self.bytes.extend_from_slice(&part[known..]);
        }
    }

    /// The position behind the newest frame.
    #[must_use]
    pub fn head(&self) -> Position {
        Position(self.end)
    }

    /// The position of the oldest frame that is left.
    #[must_use]
    pub fn tail(&self) -> Position {
        Position(self.slots.front().map_or(self.end, |slot| slot.start))
    }

    /// The newest offset that was put in.
    #[must_use]
    pub fn newest(&self) -> Option<Offset> {
        self.newest
    }

    /// Frames that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.used()
    }

    /// The bytes between two positions, in two parts where they go around the end; `None` where the first has left the ring.
    #[must_use]
    pub fn span(&self, from: Position, to: Position) -> Option<[&[u8]; 2]> {
        if from < self.tail() || to > self.head() || from > to {
            return None;
        }
        let length = usize::try_from(to.0 - from.0).ok()?;
        if length == 0 {
            return Some([&[], &[]]);
        }
        let at = self.index(from.0);
        let first = length.min(self.bytes.len() - at);
        Some([&self.bytes[at..at + first], &self.bytes[..length - first]])
    }

    /// What comes after an offset.
    #[must_use]
    pub fn after(&self, offset: Offset) -> Seek {
        if let Some(up_to) = self.evicted.filter(|gone| offset < *gone) {
            return Seek::Evicted { at: self.tail(), up_to };
        }
        if self.newest.is_none_or(|newest| offset > newest) {
            return Seek::Ahead;
        }
        let next = self.slots.partition_point(|slot| slot.offset <= offset);
        Seek::At(Position(self.slots.get(next).map_or(self.end, |slot| slot.start)))
    }

    /// How many frames begin between two positions.
    #[must_use]
    pub fn count(&self, from: Position, to: Position) -> u64 {
        let index = |position: Position| self.slots.partition_point(|slot| slot.start < position.0);
        index(to).saturating_sub(index(from)) as u64
    }

    /// How many frames were ever put in.
    #[must_use]
    pub const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How much it holds at the most.
    #[must_use]
    pub const fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// The newest frame with this key.
    #[must_use]
    pub fn find(&self, key: u64) -> Option<Offset> {
        self.slots.iter().rev().find(|slot| slot.key == key).map(|slot| slot.offset)
    }

    fn placed(&self, at: usize) -> Option<Placed> {
        let slot = self.slots.get(at)?;
        let end = self.slots.get(at + 1).map_or(self.end, |next| next.start);
        Some(Placed { offset: slot.offset, start: Position(slot.start), end: Position(end), mark: slot.mark })
    }

    /// The frame that a position lies in or begins; `None` at the head, and where that has left the ring.
    #[must_use]
    pub fn at(&self, position: Position) -> Option<Placed> {
        let next = self.slots.partition_point(|slot| slot.start <= position.0);
        self.placed(next.checked_sub(1)?).filter(|placed| position < placed.end)
    }

    /// The newest frame that ends at or before a position.
    #[must_use]
    pub fn before(&self, position: Position) -> Option<Placed> {
        let next = self.slots.partition_point(|slot| slot.start < position.0);
        let placed = self.placed(next.checked_sub(1)?)?;
        if placed.end <= position { Some(placed) } else { self.placed(next.checked_sub(2)?) }
    }

    /// The frames that begin at a position or behind it.
    pub fn frames(&self, from: Position) -> impl Iterator<Item = Placed> + '_ {
        let first = self.slots.partition_point(|slot| slot.start < from.0);
        (first..self.slots.len()).filter_map(|at| self.placed(at))
    }

    /// The frames that end at a position or before it, newest first.
    pub fn frames_before(&self, to: Position) -> impl Iterator<Item = Placed> + '_ {
        let next = self.slots.partition_point(|slot| slot.start < to.0);
        (0..next).rev().filter_map(|at| self.placed(at))
    }

    /// What the frames are about.
    #[must_use]
    pub const fn topics(&self) -> &Topics {
        &self.topics
    }

    /// A part of one frame.
    #[must_use]
    pub fn part(&self, placed: Placed, at: usize, length: usize) -> Cow<'_, [u8]> {
        let from = placed.start.advance(at as u64);
        match self.span(from, from.advance(length as u64)) {
            Some([first, []]) => Cow::Borrowed(first),
            Some(parts) => Cow::Owned(parts.concat()),
            None => Cow::Borrowed(&[]),
        }
    }

    /// The bytes of one frame.
    #[must_use]
    pub fn copy(&self, placed: Placed) -> Vec<u8> {
        self.span(placed.start, placed.end).map(|parts| parts.concat()).unwrap_or_default()
    }
}

impl Position {
    /// The position so many bytes further on: what a socket took.
    #[must_use]
    pub const fn advance(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }

    /// How many bytes lie between.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What an event's id is found again by.
#[must_use]
pub fn key(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(span: [&[u8]; 2]) -> Vec<u8> {
        span.concat()
    }

    proptest! {
        #[test]
        fn it_holds_what_a_list_would_hold(
            frames in proptest::collection::vec((1_u64..4, 0_usize..40), 0..120),
            cap in 1_usize..12,
            bytes in 1_usize..160,
        ) {
            let mut ring = Ring::new(Capacity { frames: cap, bytes });
            let mut model: Vec<(Offset, Vec<u8>)> = Vec::new();
            let mut all: Vec<u8> = Vec::new();
            let mut gone: Option<Offset> = None;
            let mut offset = 0;
            for (step, length) in frames {
                offset += step;
                let frame = vec![u8::try_from(offset % 251).unwrap(); length];
                if length > bytes {
                    prop_assert_eq!(ring.push(offset, offset % 3, &frame), Err(Refused::TooLarge));
                    offset -= step;
                    continue;
                }
                prop_assert_eq!(ring.push(offset, offset % 3, &frame), Ok(()));
                all.extend(&frame);
                model.push((offset, frame));
                while model.len() > cap || model.iter().map(|(_, f)| f.len()).sum::<usize>() > bytes {
                    gone = Some(model.remove(0).0);
                }
                prop_assert_eq!(ring.len(), model.len());
                let all_frames: Vec<_> = ring.frames(ring.tail()).collect();
                let copied: Vec<_> = all_frames.iter().map(|placed| (placed.offset, ring.copy(*placed))).collect();
                prop_assert_eq!(copied, model.clone());
                for key in 0..3 {
                    prop_assert_eq!(ring.find(key), model.iter().rev().find(|(o, _)| o % 3 == key).map(|(o, _)| *o));
                }
                // Empty frames begin where their successor does, so they are nobody's place.
                for placed in all_frames.iter().filter(|placed| placed.start != placed.end) {
                    prop_assert_eq!(ring.at(placed.start), Some(*placed));
                    prop_assert_eq!(ring.before(placed.end).map(|p| p.end), Some(placed.end));
                }
                let held: Vec<u8> = model.iter().flat_map(|(_, f)| f.clone()).collect();
                prop_assert_eq!(joined(ring.span(ring.tail(), ring.head()).unwrap()), held.clone());
                for back in 0..=held.len() {
                    let from = Position(ring.head().0 - back as u64);
                    prop_assert_eq!(joined(ring.span(from, ring.head()).unwrap()), all[all.len() - back..].to_vec());
                }
                if ring.tail().0 > 0 {
                    prop_assert!(ring.span(Position(ring.tail().0 - 1), ring.head()).is_none());
                }
                for asked in 0..=offset + 1 {
                    let rest = || model.iter().filter(|(o, _)| *o > asked).flat_map(|(_, f)| f.clone()).collect::<Vec<_>>();
                    match ring.after(asked) {
                        Seek::Ahead => prop_assert!(asked > offset),
                        Seek::Evicted { at, up_to } => {
                            prop_assert_eq!((Some(up_to), at), (gone, ring.tail()));
                            prop_assert!(asked < up_to);
                        }
                        Seek::At(at) => {
                            prop_assert!(gone.is_none_or(|gone| asked >= gone));
                            prop_assert_eq!(joined(ring.span(at, ring.head()).unwrap()), rest());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_never_put_in_is_gone_like_what_was_let_go() {
        let mut ring = Ring::new(Capacity { frames: 4, bytes: 100 });
        ring.begin_after(10);
        assert!(matches!(ring.after(9), Seek::Evicted { up_to: 10, .. }));
        assert_eq!(ring.after(10), Seek::Ahead);
        ring.push(11, 0, b"a").unwrap();
        assert!(matches!(ring.after(9), Seek::Evicted { up_to: 10, .. }));
        assert_eq!(ring.after(10), Seek::At(Position(0)));
    }

    #[test]
    fn an_offset_comes_once_and_in_order() {
        let mut ring = Ring::new(Capacity { frames: 4, bytes: 100 });
        ring.push(7, 0, b"a").unwrap();
        assert_eq!(ring.push(7, 0, b"b"), Err(Refused::NotNext));
        assert_eq!(ring.push(6, 0, b"b"), Err(Refused::NotNext));
        assert_eq!((ring.len(), ring.newest()), (1, Some(7)));
        assert_eq!(Ring::new(Capacity { frames: 4, bytes: 1 }).push(1, 0, b"ab"), Err(Refused::TooLarge));
    }
}
