//! The newest bytes of the ring once more, in files that are in memory alone.
//! Lives here: keeping them, a stretch of them for a socket. Never here: what they mean (see [`super::ring`]), who is at which
//! place (see [`super::cursor`]).
//!
//! A socket takes the pages of a file as they are (`sendfile(2)`), where bytes are copied for each witness anew. So a file is only
//! ever added to: what a socket still holds of it stays what it was, also after the file is gone from here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;

use tokio::io::Interest;
use tokio::net::TcpStream;

use super::ring::{Position, Ring};

/// How much is kept in what files.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes of one file.
    pub file: u64,
    /// Files.
    pub files: usize,
    /// Bytes of the shortest stretch that is worth it: below, a copy costs less than the pages do.
    pub least: u64,
}

/// Some seconds of the busiest stream.
const LIVE: Shape = Shape { file: 4 << 20, files: 4, least: 32 << 10 };

/// What goes into a socket.
#[derive(Clone, Copy, Debug)]
pub enum Stretch<'a> {
    /// Bytes, one part after the other.
    Bytes(&'a [IoSlice<'a>]),
    /// So many bytes of a file, from one of them on.
    File(&'a File, u64, usize),
}

/// One file.
#[derive(Debug)]
struct Part {
    start: Position,
    length: u64,
    file: File,
}

/// The files, oldest first; each begins where the one before it ends.
#[derive(Debug)]
pub struct Tail {
    shape: Shape,
    parts: VecDeque<Part>,
    end: Position,
    /// Whether there are no such files to be had here.
    is_refused: bool,
}

impl Default for Tail {
    fn default() -> Self {
        Self::new(LIVE)
    }
}

impl Tail {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { shape, parts: VecDeque::new(), end: Position::default(), is_refused: false }
    }

    /// Keeps what came into the ring since the last time. Where that is more than goes into a file, nobody is close behind it, and
    /// what comes next is the first again.
    pub fn keep(&mut self, ring: &Ring) {
        let head = ring.head();
        if self.is_refused || head == self.end {
            return;
        }
        let new = ring.span(self.end, head).filter(|_| head.since(self.end) <= self.shape.file);
        let Some(new) = new else {
            self.parts.clear();
            self.end = head;
            return;
        };
        for bytes in new {
            if let Err(error) = self.add(bytes) {
                tracing::debug!(%error, "there are no files in memory: bytes are copied for each witness");
                self.parts.clear();
                self.is_refused = true;
                return;
            }
        }
    }

    fn add(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.parts.back().is_none_or(|part| part.length == self.shape.file) {
                self.parts.push_back(Part { start: self.end, length: 0, file: in_memory()? });
                if self.parts.len() > self.shape.files {
                    self.parts.pop_front();
                }
            }
            let Some(part) = self.parts.back_mut() else { break };
            let room = usize::try_from(self.shape.file - part.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            part.file.write_all_at(now, part.length)?;
            part.length += now.len() as u64;
            self.end = self.end.advance(now.len() as u64);
            bytes = later;
        }
        Ok(())
    }

    /// What a file has from a position on, at the most up to another one; `None` where that is not worth it.
    #[must_use]
    pub fn stretch(&self, from: Position, to: Position) -> Option<Stretch<'_>> {
        let part = self.parts.iter().rev().find(|part| part.start <= from)?;
        let at = from.since(part.start);
        let length = part.length.saturating_sub(at).min(to.since(from));
        (length >= self.shape.least).then_some(())?;
        Some(Stretch::File(&part.file, at, usize::try_from(length).ok()?))
    }
}

/// Lets a socket take what it has room for; says how much that was.
///
/// # Errors
/// What the system says: `WouldBlock` where there is no room.
pub fn send(stream: &TcpStream, stretch: Stretch<'_>) -> io::Result<usize> {
    match stretch {
        Stretch::Bytes(parts) => stream.try_write_vectored(parts),
        Stretch::File(file, at, length) => stream.try_io(Interest::WRITABLE, || pages(stream, file, at, length)),
    }
}

#[cfg(target_os = "linux")]
fn in_memory() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};

    Ok(memfd_create("monkeytown-tail", MemfdFlags::CLOEXEC)?.into())
}

#[cfg(target_os = "linux")]
fn pages(stream: &TcpStream, file: &File, mut at: u64, length: usize) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(stream, file, Some(&mut at), length)?)
}

#[cfg(not(target_os = "linux"))]
fn in_memory() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn pages(_: &TcpStream, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::Capacity;
    use super::*;

    fn read(stretch: Stretch<'_>) -> Vec<u8> {
        let Stretch::File(file, at, length) = stretch else { panic!("bytes of no file") };
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn a_stretch_is_what_the_ring_has_there(
            passes in proptest::collection::vec(proptest::collection::vec(0_usize..50, 0..5), 1..40),
            file in 1_u64..120,
            files in 1_usize..4,
            least in 1_u64..30,
        ) {
            let mut ring = Ring::new(Capacity { frames: 1_000, bytes: 100_000 });
            let mut tail = Tail::new(Shape { file, files, least });
            let mut offset = 0;
            for pass in passes {
                let before = ring.head();
                for length in pass {
                    offset += 1;
                    ring.push(offset, 0, &vec![u8::try_from(offset % 251).unwrap(); length]).unwrap();
                }
                tail.keep(&ring);
                prop_assert!(tail.parts.len() <= files);
                let head = ring.head();
                for back in 0..head.since(Position::default()) {
                    let from = Position::default().advance(head.since(Position::default()) - 1 - back);
                    let Some(stretch) = tail.stretch(from, head) else { continue };
                    let bytes = read(stretch);
                    prop_assert!(bytes.len() as u64 >= least);
                    let to = from.advance(bytes.len() as u64);
                    prop_assert_eq!(&bytes, &ring.span(from, to).unwrap().concat());
                }
                // Who was at the head before gets what is new from the file that has all of it.
                let is_whole = tail.parts.back().is_some_and(|part| part.start <= before);
                if is_whole && head.since(before) >= least {
                    prop_assert!(tail.stretch(before, head).is_some());
                }
            }
        }
    }

    #[test]
    fn what_a_socket_still_holds_stays_what_it_was() {
        let mut ring = Ring::new(Capacity { frames: 10, bytes: 100 });
        let mut tail = Tail::new(Shape { file: 10, files: 1, least: 1 });
        let mut push = |tail: &mut Tail, offset: u64, byte: u8| {
            ring.push(offset, 0, &[byte; 10]).unwrap();
            tail.keep(&ring);
            ring.head()
        };
        let head = push(&mut tail, 1, b'a');
        let Some(Stretch::File(file, at, length)) = tail.stretch(Position::default(), head) else { panic!("none") };
        let held = file.try_clone().unwrap();
        for offset in 2..30 {
            push(&mut tail, offset, b'b');
        }
        assert!(tail.stretch(Position::default(), head).is_none());
        assert_eq!(read(Stretch::File(&held, at, length)), [b'a'; 10]);
    }
}
