//! The log of a server, written by a thread of its own.
//! Lives here: lines on their way to stderr. Never here: what is logged, and the log of a command that ends by itself, which is
//! written where it is made.
//!
//! Whoever reads the log may stop reading it. What is connected to the server must not wait for that, so lines are left out then,
//! and how many is said as soon as somebody reads again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Lines that wait for a reader.
const WAITING: usize = 4_096;
/// How long the end waits for one.
const PATIENCE: Duration = Duration::from_secs(1);

/// What goes to the thread.
enum Said {
    Line(Vec<u8>),
    /// Everything before has been written.
    Then(SyncSender<()>),
}

/// Where lines are handed over.
#[derive(Clone)]
pub struct Story {
    lines: SyncSender<Said>,
    left_out: Arc<AtomicU64>,
}

impl Story {
    /// A story that is written to a stream.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn to(stream: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, told) = sync_channel(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let counted = left_out.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&told, stream, &counted))?;
        Ok(Self { lines, left_out })
    }

    /// Waits until everything is written, but not for long.
    pub fn end(&self) {
        let (done, is_done) = sync_channel(1);
        if self.lines.try_send(Said::Then(done)).is_ok() {
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}

fn write(told: &Receiver<Said>, mut stream: impl Write, left_out: &AtomicU64) {
    for said in told {
        match said {
            // A stream that is closed takes nothing more, and there is nobody to tell.
            Said::Line(line) => drop(stream.write_all(&line).and_then(|()| stream.flush())),
            Said::Then(done) => drop(done.try_send(())),
        }
        let lines = left_out.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "lines of this log were left out: nobody read it");
        }
    }
}

impl Write for Story {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Said::Line(line.to_vec())).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn nobody_waits_for_a_reader_and_what_was_read_is_whole() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut story = Story::to(writer).unwrap();
        // More than the pipe and the line together hold: whoever says it is not held up.
        let line = format!("{}\n", "x".repeat(99));
        for _ in 0..WAITING * 3 {
            story.write_all(line.as_bytes()).unwrap();
        }
        assert!(story.left_out.load(Ordering::Relaxed) > 0);
        drop(story);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert!(read.lines().count() >= WAITING && read.lines().all(|one| one.len() == 99));
    }

    #[test]
    fn the_end_waits_for_what_was_said() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut story = Story::to(writer).unwrap();
        story.write_all(b"one\n").unwrap();
        story.end();
        let mut read = [0; 4];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"one\n");
    }
}
