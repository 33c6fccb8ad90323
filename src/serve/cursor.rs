//! A subscriber's place in the stream, and reading on from there.
//! Lives here: what a socket is given at a time, frames that were cut in the middle. Never here: what comes in (see
//! [`super::hub`]).

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::hub::{Hub, Inner};
use super::ring::{Offset, Placed, Position, Seek};
use super::tail::Stretch;
use super::topics::Known;
use super::view::{BOUNDS, Next, View};
use super::{frame, landed, offset};

/// Bytes that one subscriber is given at a time, so that no one holds up the others.
const AT_ONCE: u64 = 1 << 20;
/// Frames of the past that are looked at while the lock is held.
const PAST: usize = 16_384;

/// A subscriber's place.
#[derive(Debug)]
pub struct Cursor {
    generation: u64,
    position: Position,
    /// Everything up to this offset was handed over, or did not pass the filter.
    pub last: Offset,
    view: Option<Arc<View>>,
    /// The rest of a frame that a socket took a part of.
    pub rest: Vec<u8>,
    /// Whether it was at the head once, so that what it waits for is new.
    live: bool,
    /// Whether there is more that nobody has looked at for its filter.
    behind: bool,
}

/// Frames with their offsets, and when the first of them came, in microseconds.
type Taken = (Vec<(Offset, Vec<u8>)>, Option<u64>);

/// How far a subscriber came.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has all there is.
    Idle,
    /// There is more.
    More,
    /// There is more, and nobody has looked yet at what of it is for this filter: [`Hub::look`] does.
    Behind,
    /// What comes next for it has left the ring.
    Lagged,
    /// The stream began anew.
    Reset,
}

impl Cursor {
    /// A place in the ring of this generation, behind an offset.
    pub(super) const fn new(generation: u64, position: Position, last: Offset, view: Option<Arc<View>>) -> Self {
        Self { generation, position, last, view, rest: Vec::new(), live: false, behind: false }
    }

    /// Whether nothing of a frame is left to be sent before something else may be.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the last time that frames were taken ended before the head, because enough was looked at for one time.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    /// Another one at the same place, which looks ahead for it.
    #[must_use]
    pub fn scout(&self) -> Self {
        Self::new(self.generation, self.position, self.last, self.view.clone())
    }

    /// What was looked at by a scout needs no look any more.
    pub fn follow(&mut self, scout: &Self) {
        self.position = self.position.max(scout.position);
    }

    /// How many frames are looked at for it while the lock is held.
    fn at_once(&self) -> usize {
        self.view.as_ref().map_or(BOUNDS.frames, |view| view.at_once())
    }

    /// What comes next for it.
    fn next(&self, inner: &Inner, left: &mut usize) -> Next {
        let head = inner.ring.head();
        match &self.view {
            None if self.position == head => Next::Nothing,
            None => Next::Run(self.position, head),
            Some(view) => view.next(&inner.ring, self.position, left),
        }
    }

    /// It has seen everything there is.
    fn at_head(&mut self, inner: &Inner) {
        (self.position, self.last, self.live) = (inner.ring.head(), self.last.max(inner.newest), true);
    }
}

impl Hub {
    /// Lets a subscriber's socket take what comes next; `sink` is told what and says how many bytes it took.
    ///
    /// # Errors
    /// What `sink` says; `WouldBlock` is none.
    pub fn feed(
        &self,
        cursor: &mut Cursor,
        sink: &mut dyn FnMut(Stretch<'_>) -> io::Result<usize>,
    ) -> io::Result<Progress> {
        if !cursor.rest.is_empty() {
            let took = taken(sink(Stretch::Bytes(&[IoSlice::new(&cursor.rest)])))?;
            cursor.rest.drain(..took);
            if !cursor.rest.is_empty() {
                return Ok(Progress::More);
            }
        }
        let inner = self.read();
        if cursor.generation != inner.generation {
            return Ok(Progress::Reset);
        }
        if cursor.position < inner.ring.tail() {
            self.counts.lagged.fetch_add(1, Ordering::Relaxed);
            return Ok(Progress::Lagged);
        }
        let (from, to) = match cursor.next(&inner, &mut cursor.at_once()) {
            Next::Run(from, to) => (from, to),
            Next::Unseen(position) => {
                cursor.position = position;
                return Ok(Progress::Behind);
            }
            Next::Nothing => {
                cursor.at_head(&inner);
                return Ok(Progress::Idle);
            }
        };
        let end = inner.end_of_turn(from, to);
        let Some(parts) = inner.ring.span(from, end) else { return Ok(Progress::Lagged) };
        let parts = parts.map(IoSlice::new);
        let took = taken(sink(inner.tail.stretch(from, end).unwrap_or(Stretch::Bytes(&parts))))?;
        if took == 0 {
            return Ok(Progress::More);
        }
        if let Some(arrival) = inner.arrival(from).filter(|_| cursor.live) {
            self.counts.delivery.add(self.since(arrival));
        }
        let frames = inner.advance(cursor, from, took);
        self.counts.delivered.fetch_add(frames, Ordering::Relaxed);
        if cursor.position == inner.ring.head() && cursor.rest.is_empty() {
            cursor.at_head(&inner);
            return Ok(Progress::Idle);
        }
        Ok(Progress::More)
    }

    /// The next frames for a subscriber that reads them one by one, at most so many, and no more once they have so many bytes;
    /// `None` where they have left the ring, or the stream began anew.
    #[must_use]
    pub fn take(&self, cursor: &mut Cursor, most: usize, bytes: usize) -> Option<Vec<(Offset, Vec<u8>)>> {
        match self.frames(cursor, most, bytes) {
            Ok((taken, arrival)) => {
                if let Some(arrival) = arrival {
                    self.counts.delivery.add(self.since(arrival));
                }
                self.counts.delivered.fetch_add(taken.len() as u64, Ordering::Relaxed);
                Some(taken)
            }
            Err(why) => {
                self.counts.lagged.fetch_add(u64::from(why == Progress::Lagged), Ordering::Relaxed);
                None
            }
        }
    }

    /// A place to read the past from: behind an offset, or where the oldest frame stands; `None` where what came after the offset
    /// is gone.
    #[must_use]
    pub fn reader(&self, after: Option<Offset>) -> Option<Cursor> {
        let inner = self.read();
        let position = match after.map(|after| inner.ring.after(after)) {
            None => inner.ring.tail(),
            Some(Seek::At(position)) => position,
            Some(Seek::Ahead) => inner.ring.head(),
            Some(Seek::Evicted { .. }) => return None,
        };
        Some(Cursor::new(inner.generation, position, after.unwrap_or_default(), None))
    }

    /// The newest offset that the ring has let go of.
    #[must_use]
    pub fn let_go(&self) -> Option<Offset> {
        match self.read().ring.after(0) {
            Seek::Evicted { up_to, .. } => Some(up_to),
            Seek::At(_) | Seek::Ahead => None,
        }
    }

    /// Looks ahead for a scout, at no more than so many frames. Says whether it came to nothing that gets through yet, and there
    /// is more to look at.
    #[must_use]
    pub fn look(&self, scout: &mut Cursor) -> bool {
        let inner = self.read();
        if scout.generation != inner.generation || scout.position < inner.ring.tail() {
            return false;
        }
        match scout.next(&inner, &mut scout.at_once()) {
            Next::Unseen(position) => {
                scout.position = position;
                true
            }
            Next::Run(from, _) => {
                scout.position = from;
                false
            }
            Next::Nothing => {
                scout.position = inner.ring.head();
                false
            }
        }
    }

    /// The next frames of the past, at most so many: what is recorded, and what landed. What agents only said is passed over where
    /// it lies. Nothing comes at the head; `None` where the frames have left the ring, or the stream began anew.
    #[must_use]
    pub fn past_on(&self, cursor: &mut Cursor, most: usize) -> Option<Vec<(Offset, Vec<u8>)>> {
        let mut taken = Vec::new();
        loop {
            // Who writes has its turn in between.
            let inner = self.read();
            if cursor.generation != inner.generation || cursor.position < inner.ring.tail() {
                return None;
            }
            for placed in inner.ring.frames(cursor.position).take(PAST) {
                if taken.len() == most {
                    return Some(taken);
                }
                if inner.is_past(placed) {
                    taken.push((placed.offset, frame::payload(&inner.ring.copy(placed)).to_vec()));
                }
                (cursor.position, cursor.last) = (placed.end, placed.offset);
            }
            if !taken.is_empty() || cursor.position == inner.ring.head() {
                return Some(taken);
            }
        }
    }

    /// The next frames, and when the first of them came where they are new; or why there are none any more. Where nothing came and
    /// [`Cursor::is_behind`], there may be more.
    fn frames(&self, cursor: &mut Cursor, most: usize, bytes: usize) -> Result<Taken, Progress> {
        let (mut taken, mut held, mut arrival) = (Vec::new(), 0, None);
        let inner = self.read();
        if cursor.generation != inner.generation {
            return Err(Progress::Reset);
        }
        if cursor.position < inner.ring.tail() {
            return Err(Progress::Lagged);
        }
        let mut left = cursor.at_once();
        cursor.behind = false;
        while taken.len() < most && held < bytes {
            let (from, to) = match cursor.next(&inner, &mut left) {
                Next::Run(from, to) => (from, to),
                Next::Unseen(position) => {
                    (cursor.position, cursor.behind) = (position, true);
                    break;
                }
                Next::Nothing => {
                    cursor.at_head(&inner);
                    break;
                }
            };
            if taken.is_empty() && cursor.live {
                arrival = inner.arrival(from);
            }
            for placed in inner.ring.frames(from).take_while(|placed| placed.end <= to).take(most - taken.len()) {
                let frame = frame::payload(&inner.ring.copy(placed)).to_vec();
                held += frame.len();
                taken.push((placed.offset, frame));
                (cursor.position, cursor.last) = (placed.end, placed.offset);
                if held >= bytes {
                    break;
                }
            }
        }
        Ok((taken, arrival))
    }

    /// How long ago a moment was.
    fn since(&self, arrival: u64) -> Duration {
        Duration::from_micros(self.micros().saturating_sub(arrival))
    }
}

/// What a socket took; one that is full took nothing.
fn taken(took: io::Result<usize>) -> io::Result<usize> {
    match took {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        took => took,
    }
}

impl Inner {
    /// Whether a frame is of the past: recorded events alone stand where the journal has them.
    fn is_past(&self, placed: Placed) -> bool {
        offset::of_seq(offset::seq_of(placed.offset)) == placed.offset
            || matches!(self.ring.topics().known(placed.mark), Known::Of(topic) if *topic.kind == *landed::KIND)
    }

    /// Where a turn ends: at the end of a frame, so that nobody gets more than a share at once.
    fn end_of_turn(&self, from: Position, to: Position) -> Position {
        if to.since(from) <= AT_ONCE {
            return to;
        }
        let cut = self.ring.at(from.advance(AT_ONCE));
        cut.map_or(to, |placed| if placed.start > from { placed.start } else { placed.end })
    }

    /// Moves a cursor by what a socket took, and keeps the rest of a frame that it took a part of. Says how many frames went.
    fn advance(&self, cursor: &mut Cursor, from: Position, took: usize) -> u64 {
        let reached = from.advance(took as u64);
        cursor.position = reached;
        if let Some(cut) = self.ring.at(reached).filter(|placed| placed.start < reached) {
            cursor.rest = self.ring.span(reached, cut.end).map(|parts| parts.concat()).unwrap_or_default();
            cursor.position = cut.end;
        }
        if let Some(last) = self.ring.before(cursor.position) {
            cursor.last = last.offset;
        }
        self.ring.count(from, cursor.position)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::super::filter::Filter;
    use super::super::hub::{Beginning, Start};
    use super::super::ring::Capacity;
    use super::*;

    /// A hub that has room for so many frames.
    fn hub(frames: usize) -> Hub {
        let hub = Hub::new(Capacity { frames, bytes: 100_000 }, Value::Null);
        hub.restart(Beginning { epoch: "e".to_owned(), ..Beginning::default() }, |_| ());
        hub
    }

    fn publish(hub: &Hub, count: usize) {
        for n in 0..count {
            let id = format!("step-{n}");
            let json = serde_json::value::to_raw_value(&serde_json::json!({ "id": id })).unwrap();
            hub.publish(&[(&id, &json)]);
        }
    }

    #[test]
    fn only_a_witness_reads_too_slowly() {
        let hub = hub(4);
        let mut past = hub.reader(None).unwrap();
        let mut witness = hub.join(&Start::Now, Filter::default(), "").unwrap().cursor;
        publish(&hub, 9);
        let lagged = || hub.counts.lagged.load(Ordering::Relaxed);
        assert_eq!((hub.past_on(&mut past, 10), lagged()), (None, 0));
        assert_eq!((hub.take(&mut witness, 10, 1_000), lagged()), (None, 1));
    }

    #[test]
    fn what_is_taken_frame_by_frame_is_timed_where_it_is_new_to_a_witness() {
        let hub = hub(100);
        let timed = || {
            let mut text = String::new();
            hub.counts.delivery.write("took", &mut text);
            text.lines().last().unwrap().to_owned()
        };
        publish(&hub, 2);
        let (mut past, mut witness) = (hub.reader(None).unwrap(), hub.reader(None).unwrap());
        for (came, count) in [(0, 2), (3, 3)] {
            publish(&hub, came);
            assert_eq!((hub.past_on(&mut past, 10).unwrap().len(), timed().as_str()), (0, "took_count 0"));
            assert_eq!(hub.take(&mut witness, 10, 1_000).unwrap().len(), count);
            assert_eq!(timed(), format!("took_count {}", count / 3));
        }
    }
}
