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

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tungstenite::error::{CapacityError, Error as Broken};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::cursor::{Cursor, Progress};
use super::filter::Filter;
use super::frame::{self, Message};
use super::hub::{Joined, Start};
use super::pieces::Out;
use super::seat::Seat;
use super::tail::{self, Stretch};
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
    let Some(_seat) = Seat::take(&shared) else {
        // After the handshake, because a browser's page is told the code of a close, and nothing of an answer's status.
        return farewell(&mut { stream }, Out::of(frame::close(close::FULL, &Seat::none_left(&shared)))).await;
    };
    let joined = match shared.hub.join(&wish.start, wish.filter.clone(), &(shared.now)()) {
        Ok(joined) => joined,
        Err(full) => return farewell(&mut { stream }, Out::of(frame::close(close::FULL, &full.to_string()))).await,
    };
    let mut witness = Witness::new(stream, early, wish, joined, &shared);
    let ended = witness.run().await;
    tracing::debug!(reason = ?ended, "a witness leaves");
    witness.say_goodbye(&ended).await;
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
    out: Out,
    cursor: Cursor,
    wish: Wish,
    /// The life of the stream that the cursor belongs to.
    epoch: String,
    shared: &'s Arc<Shared>,
    /// Messages and bytes of the witness since the clock's `counting`.
    said: u32,
    came: usize,
}

/// Moments that timeouts are counted from, as exact as the tick.
struct Clock {
    now: Instant,
    heard: Instant,
    wrote: Instant,
    pinged: Instant,
    counting: Instant,
}

impl<'s> Witness<'s> {
    fn new(stream: TcpStream, early: &[u8], wish: Wish, joined: Joined, shared: &'s Arc<Shared>) -> Self {
        let mut out = Out::default();
        out.say(joined.greeting);
        let reader = Reader::new(early, shared.limits.message_bytes);
        let (epoch, cursor) = (joined.epoch, joined.cursor);
        Self { stream, reader, out, cursor, wish, epoch, shared, said: 0, came: 0 }
    }

    async fn run(&mut self) -> Ended {
        let mut passes = self.shared.hub.watch();
        let mut stop = self.shared.stop.subscribe();
        let mut tick = every(self.shared.limits.tick);
        let mut clock = Clock::start(tick.tick().await);
        // What came together with the handshake.
        if let Some(ended) = self.heard(&mut clock) {
            return ended;
        }
        loop {
            passes.mark_unchanged();
            let blocked = match self.write(&mut clock) {
                Ok(Wrote::All) => false,
                Ok(Wrote::Blocked) => true,
                Ok(Wrote::Some) => {
                    // Others are given their turn before this one goes on.
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(Wrote::Behind) => {
                    self.shared.look_ahead(&mut self.cursor).await;
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
                    if let Some(ended) = self.read(&mut clock) { return ended }
                }
                now = tick.tick() => {
                    clock.now = now;
                    if let Some(ended) = self.look_at_the_clock(&mut clock, blocked) { return ended }
                }
                _ = stop.wait_for(|stop| *stop) => return self.going(),
            }
        }
    }

    /// Ends with a code, and with the place to resume at.
    fn resume(&self, code: u16, why: &str) -> Ended {
        Ended::Told(code, format!("{why}; resume after {}:{}", self.epoch, self.cursor.last))
    }

    fn going(&self) -> Ended {
        self.resume(close::GOING_AWAY, "the server goes")
    }

    /// Writes what there is, as far as the socket takes it.
    fn write(&mut self, clock: &mut Clock) -> io::Result<Wrote> {
        if self.reader.has_answers() && self.cursor.is_between_frames() {
            self.out.push(std::mem::take(&mut self.reader.pipe.answers));
        }
        if !self.out.is_empty() && self.cursor.is_between_frames() {
            match self.stream.try_write_vectored(&self.out.slices()) {
                Ok(took) => {
                    self.out.went(took);
                    clock.wrote = clock.now;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Wrote::Blocked),
                Err(error) => return Err(error),
            }
            return Ok(Wrote::Some);
        }
        let (mut took, mut blocked) = (0, false);
        let stream = &self.stream;
        let mut sink = |stretch: Stretch<'_>| match tail::send(stream, stretch) {
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
            clock.wrote = clock.now;
        }
        Ok(match progress {
            _ if blocked => Wrote::Blocked,
            Progress::Idle if took > 0 && self.out.is_empty() && !self.reader.has_answers() => Wrote::All,
            Progress::Idle if took == 0 => Wrote::All,
            Progress::Idle | Progress::More => Wrote::Some,
            Progress::Behind => Wrote::Behind,
            Progress::Lagged => Wrote::End(self.lagged()),
            Progress::Reset => self.start_over(),
        })
    }

    fn lagged(&self) -> Ended {
        self.resume(close::LAGGED, "lagged")
    }

    /// The stream began anew: the witness is told, and gets the new state.
    fn start_over(&mut self) -> Wrote {
        let start = Start::After(Some(self.epoch.clone()), self.cursor.last);
        let joined = match self.shared.hub.join(&start, self.wish.filter.clone(), &(self.shared.now)()) {
            Ok(joined) => joined,
            Err(full) => return Wrote::End(self.resume(close::FULL, &full.to_string())),
        };
        self.out.say(joined.greeting);
        (self.epoch, self.cursor) = (joined.epoch, joined.cursor);
        Wrote::Some
    }

    /// Reads what came in. Nothing that a witness says changes anything.
    fn read(&mut self, clock: &mut Clock) -> Option<Ended> {
        let mut bytes = [0; READ];
        match self.stream.try_read(&mut bytes) {
            Ok(0) => return Some(Ended::Gone),
            Ok(count) => self.reader.pipe.came.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => return Some(Ended::Gone),
        }
        self.heard(clock)
    }

    /// Looks at what came in, and counts it.
    fn heard(&mut self, clock: &mut Clock) -> Option<Ended> {
        let limits = &self.shared.limits;
        clock.heard = clock.now;
        if clock.now.duration_since(clock.counting) > limits.message_window {
            (self.said, self.came, clock.counting) = (0, 0, clock.now);
        }
        self.came += self.reader.pipe.came.len();
        match self.reader.read() {
            Ok(messages) => self.said += messages,
            Err(ended) => return Some(ended),
        }
        // As many bytes as so many messages have, so that control frames and crumbs of messages are counted too.
        let most = limits.message_bytes.saturating_mul(limits.messages as usize);
        let too_fast = self.said > limits.messages || self.came > most;
        too_fast.then(|| {
            let seconds = limits.message_window.as_secs();
            Ended::Told(
                close::TOO_FAST,
                format!("more than {} messages or {most} bytes in {seconds} s", limits.messages),
            )
        })
    }

    fn look_at_the_clock(&mut self, clock: &mut Clock, blocked: bool) -> Option<Ended> {
        let limits = &self.shared.limits;
        let since = |then: Instant| clock.now.duration_since(then);
        if since(clock.heard) > limits.idle {
            return Some(Ended::Told(close::POLICY, format!("no sign of life for {:?}", limits.idle)));
        }
        if blocked && since(clock.wrote) > limits.stalled {
            self.shared.hub.counts.lagged.fetch_add(1, Ordering::Relaxed);
            return Some(self.resume(close::LAGGED, &format!("took nothing for {:?}", limits.stalled)));
        }
        if !blocked && since(clock.wrote) >= limits.heartbeat {
            // Not the newest that there is, but the newest that this witness was given: it may resume from there.
            let beat = Message::Heartbeat { offset: self.cursor.last, now: &(self.shared.now)() };
            self.out.push(beat.frame());
        }
        if since(clock.pinged) > limits.ping {
            clock.pinged = clock.now;
            self.out.push(frame::PING.to_vec());
        }
        None
    }

    /// Tells why, as far as the socket takes it within a moment.
    async fn say_goodbye(&mut self, ended: &Ended) {
        let mut last = Out::of(std::mem::take(&mut self.cursor.rest));
        std::mem::take(&mut self.out).pieces().for_each(|piece| last.push(piece));
        last.push(std::mem::take(&mut self.reader.pipe.answers));
        if let Ended::Told(code, reason) = ended {
            last.push(frame::close(*code, reason));
        }
        farewell(&mut self.stream, last).await;
    }
}

impl Clock {
    const fn start(now: Instant) -> Self {
        Self { now, heard: now, wrote: now, pinged: now, counting: now }
    }
}

/// Sends the last bytes, as far as the other side takes them within a moment.
async fn farewell(stream: &mut TcpStream, last: Out) {
    let _ = tokio::time::timeout(GOODBYE, async {
        for piece in last.pieces() {
            stream.write_all(&piece).await?;
        }
        stream.shutdown().await?;
        // Until the other side has closed too: what it still sends must not make the system reset the connection, or the
        // reason would be lost.
        let mut sink = [0; READ];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
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
    /// What comes next has to be looked for.
    Behind,
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
        Write::write(&mut self.answers, bytes)
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

    /// Reads all that came; says how many messages there were that nobody asked for.
    fn read(&mut self) -> Result<u32, Ended> {
        let mut messages = 0;
        loop {
            let read = self.context.read(&mut self.pipe);
            let _ = self.context.flush(&mut self.pipe);
            match read {
                // A pong is an answer to us; everything else costs us one.
                Ok(message) => messages += u32::from(!message.is_pong()),
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
