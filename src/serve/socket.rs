//! One witness at a WebSocket.
//! Lives here: greeting it, letting it read the ring, its timeouts, how it is let go. Never here: the handshake (see
//! [`super::http`]), and what the ring holds.
//!
//! What goes out is written from the ring as it lies there. What comes in is read by tungstenite, which is handed bytes and
//! hands back the control frames that it wants to answer with; those go out between two frames of the ring.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tungstenite::error::{CapacityError, Error as Broken};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::filter::Filter;
use super::frame::{self, Message};
use super::hub::{Cursor, Progress, Start};
use super::{Shared, close};

/// What one read of a socket takes.
const READ: usize = 4 * 1024;

/// What a witness asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where to begin.
    pub start: Start,
    /// What to hear of.
    pub filter: Filter,
}

/// Serves one witness until it goes, or is let go.
pub async fn serve(stream: TcpStream, early: &[u8], wish: Wish, shared: Arc<Shared>) {
    let hub = &shared.hub;
    hub.counts.witnesses.fetch_add(1, Ordering::Relaxed);
    let mut witness = Witness::new(stream, early, wish, &shared);
    let ended = witness.run().await;
    witness.say_goodbye(&ended).await;
    hub.counts.witnesses.fetch_sub(1, Ordering::Relaxed);
    tracing::debug!(reason = ?ended, "a witness left");
}

/// Why it ends.
#[derive(Debug)]
enum Ended {
    /// With a code and a reason that are told.
    Told(u16, String),
    /// The other side said so, or is gone.
    Gone,
}

struct Witness<'s> {
    stream: TcpStream,
    reader: Reader,
    /// Whole frames that go out before the next ones of the ring.
    out: Vec<u8>,
    cursor: Cursor,
    wish: Wish,
    shared: &'s Shared,
    heard: Instant,
    wrote: Instant,
    pinged: Instant,
    /// Messages of the witness since `counting`.
    said: u32,
    counting: Instant,
}

impl<'s> Witness<'s> {
    fn new(stream: TcpStream, early: &[u8], wish: Wish, shared: &'s Shared) -> Self {
        let joined = shared.hub.join(&wish.start, wish.filter.clone(), &(shared.now)());
        let out = joined.greeting.iter().flat_map(|json| frame::text(json)).collect();
        let now = Instant::now();
        Self {
            stream,
            reader: Reader::new(early, shared.limits.message_bytes),
            out,
            cursor: joined.cursor,
            wish,
            shared,
            heard: now,
            wrote: now,
            pinged: now,
            said: 0,
            counting: now,
        }
    }

    async fn run(&mut self) -> Ended {
        let mut passes = self.shared.hub.watch();
        let mut stop = self.shared.stop.subscribe();
        let mut tick = every(self.shared.limits.tick);
        loop {
            passes.mark_unchanged();
            let blocked = match self.write() {
                Ok(Wrote::All) => false,
                Ok(Wrote::Blocked) => true,
                Ok(Wrote::Some) => {
                    // Others are given their turn before this one goes on.
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(Wrote::End(ended)) => return ended,
                Err(_) => return Ended::Gone,
            };
            tokio::select! {
                changed = passes.changed(), if !blocked => if changed.is_err() { return self.going() },
                ready = self.stream.writable(), if blocked => if ready.is_err() { return Ended::Gone },
                ready = self.stream.readable() => {
                    if ready.is_err() { return Ended::Gone }
                    if let Some(ended) = self.read() { return ended }
                }
                _ = tick.tick() => if let Some(ended) = self.look_at_the_clock(blocked) { return ended },
                _ = stop.wait_for(|stop| *stop) => return self.going(),
            }
        }
    }

    fn going(&self) -> Ended {
        let (epoch, _) = self.shared.hub.now_at();
        Ended::Told(close::GOING_AWAY, format!("resume after {epoch}:{}", self.cursor.last))
    }

    /// Writes what there is, as far as the socket takes it.
    fn write(&mut self) -> io::Result<Wrote> {
        if self.reader.has_answers() && self.cursor.is_between_frames() {
            self.out.append(&mut self.reader.pipe.answers);
        }
        if !self.out.is_empty() && self.cursor.is_between_frames() {
            match self.stream.try_write(&self.out) {
                Ok(took) => {
                    self.out.drain(..took);
                    self.wrote = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Wrote::Blocked),
                Err(error) => return Err(error),
            }
            return Ok(Wrote::Some);
        }
        let (mut took, mut blocked) = (0, false);
        let stream = &self.stream;
        let mut sink = |parts: &[io::IoSlice<'_>]| match stream.try_write_vectored(parts) {
            Ok(n) => {
                took += n;
                Ok(n)
            }
            Err(error) => {
                blocked |= error.kind() == io::ErrorKind::WouldBlock;
                Err(error)
            }
        };
        let progress = self.shared.hub.feed(&mut self.cursor, &mut sink)?;
        if took > 0 {
            self.wrote = Instant::now();
        }
        Ok(match progress {
            _ if blocked => Wrote::Blocked,
            Progress::Idle if took > 0 && self.out.is_empty() && !self.reader.has_answers() => Wrote::All,
            Progress::Idle if took == 0 => Wrote::All,
            Progress::Idle | Progress::More => Wrote::Some,
            Progress::Lagged => Wrote::End(self.lagged()),
            Progress::Reset => {
                self.start_over();
                Wrote::Some
            }
        })
    }

    fn lagged(&self) -> Ended {
        let (epoch, _) = self.shared.hub.now_at();
        Ended::Told(close::LAGGED, format!("lagged; resume after {epoch}:{}", self.cursor.last))
    }

    /// The stream began anew: the witness is told, and gets the new state.
    fn start_over(&mut self) {
        let epoch = String::new();
        let start = Start::After(Some(epoch), self.cursor.last);
        let joined = self.shared.hub.join(&start, self.wish.filter.clone(), &(self.shared.now)());
        self.out.extend(joined.greeting.iter().flat_map(|json| frame::text(json)));
        self.cursor = joined.cursor;
    }

    /// Reads what came in. Nothing that a witness says changes anything.
    fn read(&mut self) -> Option<Ended> {
        let mut bytes = [0; READ];
        match self.stream.try_read(&mut bytes) {
            Ok(0) => return Some(Ended::Gone),
            Ok(count) => self.reader.pipe.came.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => return Some(Ended::Gone),
        }
        self.heard = Instant::now();
        if self.counting.elapsed() > self.shared.limits.message_window {
            (self.said, self.counting) = (0, Instant::now());
        }
        match self.reader.read() {
            Ok(messages) => self.said += messages,
            Err(ended) => return Some(ended),
        }
        let most = self.shared.limits.messages;
        (self.said > most).then(|| {
            let seconds = self.shared.limits.message_window.as_secs();
            Ended::Told(close::TOO_FAST, format!("more than {most} messages in {seconds} s"))
        })
    }

    fn look_at_the_clock(&mut self, blocked: bool) -> Option<Ended> {
        let limits = &self.shared.limits;
        if self.heard.elapsed() > limits.idle {
            return Some(Ended::Told(close::POLICY, format!("no sign of life for {} s", limits.idle.as_secs())));
        }
        if blocked && self.wrote.elapsed() > limits.stalled {
            return Some(Ended::Told(close::LAGGED, format!("took nothing for {} s", limits.stalled.as_secs())));
        }
        if self.pinged.elapsed() > limits.ping {
            self.pinged = Instant::now();
            self.out.extend_from_slice(&frame::PING);
        }
        if !blocked && self.wrote.elapsed() >= limits.heartbeat {
            let (_, offset) = self.shared.hub.now_at();
            self.out.extend_from_slice(&Message::Heartbeat { offset, now: &(self.shared.now)() }.frame());
        }
        None
    }

    /// Tells why, as far as the socket takes it within a moment.
    async fn say_goodbye(&mut self, ended: &Ended) {
        let mut last = std::mem::take(&mut self.cursor.rest);
        last.append(&mut self.out);
        last.append(&mut self.reader.pipe.answers);
        if let Ended::Told(code, reason) = ended {
            last.extend_from_slice(&frame::close(*code, reason));
        }
        let stream = &mut self.stream;
        let _ = tokio::time::timeout(GOODBYE, async {
            tokio::io::AsyncWriteExt::write_all(stream, &last).await?;
            tokio::io::AsyncWriteExt::shutdown(stream).await?;
            // Until the other side has closed too: what it still sends must not make the system reset the connection, or the
            // reason would be lost.
            let mut sink = [0; READ];
            while tokio::io::AsyncReadExt::read(stream, &mut sink).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }
}

/// How long a witness that is let go has to hear why.
const GOODBYE: Duration = Duration::from_secs(2);

enum Wrote {
    /// Nothing waits.
    All,
    /// Something went, and there may be more.
    Some,
    /// The socket takes no more for now.
    Blocked,
    /// It is over.
    End(Ended),
}

fn every(period: Duration) -> Interval {
    let mut tick = tokio::time::interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// The reading half: bytes in, control frames out.
struct Reader {
    context: WebSocketContext,
    pipe: Pipe,
}

/// What stands in for a socket before tungstenite.
#[derive(Default)]
struct Pipe {
    came: Vec<u8>,
    answers: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.came.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = into.len().min(self.came.len());
        into[..count].copy_from_slice(&self.came[..count]);
        self.came.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    fn new(early: &[u8], message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let context = WebSocketContext::from_partially_read(early.to_vec(), Role::Server, Some(config));
        Self { context, pipe: Pipe::default() }
    }

    fn has_answers(&self) -> bool {
        !self.pipe.answers.is_empty()
    }

    /// Reads all that came; says how many messages with content there were.
    fn read(&mut self) -> Result<u32, Ended> {
        let mut messages = 0;
        loop {
            let read = self.context.read(&mut self.pipe);
            let _ = self.context.flush(&mut self.pipe);
            match read {
                Ok(message) if message.is_text() || message.is_binary() => messages += 1,
                Ok(_) => {}
                Err(Broken::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(messages),
                Err(Broken::ConnectionClosed | Broken::AlreadyClosed) => return Err(Ended::Gone),
                Err(error) => return Err(ended_by(&error)),
            }
        }
    }
}

/// The code for what a witness did wrong (RFC 6455 §7.4.1).
fn ended_by(error: &Broken) -> Ended {
    match error {
        Broken::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            Ended::Told(close::TOO_BIG, format!("a message of {size} bytes, and at most {max_size} are taken"))
        }
        Broken::Utf8(_) => Ended::Told(close::NO_TEXT, "a text that is not UTF-8".to_owned()),
        Broken::Protocol(error) => Ended::Told(close::PROTOCOL, error.to_string()),
        _ => Ended::Gone,
    }
}
