//! The load: subscribers that read as fast as they can and count, and a publisher that keeps a rate.
//! Lives here: what is common to all servers. Never here: how one of them is started or spoken to (see `peers`).
//!
//! Every message is an event as an agent tells it, and carries `#`, ten digits of its number, a blank, and sixteen digits of the microsecond at which it was sent. The
//! readers look for that mark alone, whatever a server wraps around it, so no server is charged for a parser.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::peers::{AGENT, TOWN};

/// Bytes of the mark: `#`, number, blank, microsecond.
const MARK: usize = 1 + 10 + 1 + 16;
/// How an event ends.
const END: &[u8] = b"\"}}";
/// One reader of so many also takes the time.
const SAMPLED: usize = 50;
/// A server that has delivered nothing for so long has nothing more.
const SILENCE: Duration = Duration::from_secs(3);

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Readers.
    pub subscribers: usize,
    /// Messages each second.
    pub rate: u64,
    /// Bytes of one message, without what the server adds; an event has about 330 at the least.
    pub size: usize,
    /// How long messages are sent.
    pub time: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Messages sent.
    pub sent: u64,
    /// Messages that arrived, over all readers.
    pub delivered: u64,
    /// Messages that a reader never saw.
    pub lost: u64,
    /// Messages that came after a later one.
    pub disordered: u64,
    /// Readers that were let go.
    pub closed: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// From the first message sent to the last one read.
    pub took: Duration,
    /// Microseconds from sending to reading, of some readers, sorted.
    pub latencies: Vec<u64>,
}

impl Outcome {
    /// Milliseconds that so many of a thousand messages took at the most.
    pub fn quantile(&self, of_thousand: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let micros = self.latencies.get((self.latencies.len() * of_thousand / 1000).min(last)).copied();
        micros.map_or(0.0, |micros| micros as f64 / 1e3)
    }
}

/// What readers and publisher share.
struct Field {
    start: Instant,
    sent: AtomicU64,
    delivered: AtomicU64,
    is_over: AtomicBool,
}

/// What one reader saw.
#[derive(Default)]
struct Seen {
    delivered: u64,
    next: u64,
    lost: u64,
    disordered: u64,
    closed: bool,
    bytes: u64,
    latencies: Vec<u64>,
    last: Duration,
}

/// Sends the load and reads it; what has not come after three times that time is lost. `is_framed`: messages may be split over
/// frames of WebSocket, whose headers are taken out first. `open` gives a connection that is subscribed, and what was read on it already; `publish` writes a
/// batch of messages.
pub async fn run<O, F>(
    load: Load,
    is_framed: bool,
    open: O,
    publish: impl FnMut(&[Vec<u8>]) + Send + 'static,
) -> Outcome
where
    O: Fn() -> F,
    F: Future<Output = (TcpStream, Vec<u8>)>,
{
    let field = Arc::new(Field {
        start: Instant::now(),
        sent: AtomicU64::new(0),
        delivered: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let mut readers = Vec::new();
    for number in 0..load.subscribers {
        let (stream, rest) = open().await;
        let field = Arc::clone(&field);
        let frames = is_framed.then(Frames::default);
        readers.push(tokio::spawn(async move { read(stream, rest, frames, number % SAMPLED == 0, &field).await }));
    }
    let begun = field.start.elapsed();
    let publisher = {
        let field = Arc::clone(&field);
        std::thread::spawn(move || send(load, publish, &field))
    };
    let mut before = 0;
    let mut quiet = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Asked first: what the publisher sends after this question is waited for too.
        let is_sent = publisher.is_finished();
        let now = field.delivered.load(Ordering::Relaxed);
        if now != before {
            (before, quiet) = (now, Instant::now());
        }
        let all = field.sent.load(Ordering::Relaxed) * load.subscribers as u64;
        let is_late = field.start.elapsed() - begun > load.time * 3;
        if is_sent && (now >= all || quiet.elapsed() > SILENCE || is_late) {
            break;
        }
    }
    field.is_over.store(true, Ordering::Relaxed);
    let sent = publisher.join().expect("the publisher ends");
    let mut outcome = Outcome { sent, ..Outcome::default() };
    let mut last = begun;
    for reader in readers {
        let mut seen = reader.await.expect("a reader ends");
        outcome.delivered += seen.delivered;
        outcome.lost += seen.lost + sent.saturating_sub(seen.next);
        outcome.disordered += seen.disordered;
        outcome.closed += u64::from(seen.closed);
        outcome.bytes += seen.bytes;
        outcome.latencies.append(&mut seen.latencies);
        last = last.max(seen.last);
    }
    outcome.latencies.sort_unstable();
    outcome.took = last - begun;
    outcome
}

/// Sends what the rate asks for, in batches a few milliseconds apart; a server that cannot keep up holds the publisher up.
fn send(load: Load, mut publish: impl FnMut(&[Vec<u8>]), field: &Field) -> u64 {
    let begun = Instant::now();
    let total = (load.time.as_secs_f64() * load.rate as f64) as u64;
    let mut sent = 0;
    while sent < total && begun.elapsed() < load.time * 3 {
        let due = ((begun.elapsed().as_secs_f64() * load.rate as f64) as u64 + 1).min(total);
        let batch: Vec<Vec<u8>> = (sent..due.min(sent + 500)).map(|number| message(number, load.size, field)).collect();
        if batch.is_empty() {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        }
        publish(&batch);
        sent += batch.len() as u64;
        field.sent.store(sent, Ordering::Relaxed);
    }
    sent
}

/// An event as an agent tells it, with the mark among its words. Every server gets it whole.
fn message(number: u64, size: usize, field: &Field) -> Vec<u8> {
    let mut text = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{AGENT}/{number:010}\",\"type\":\"monkeytown.run.step.v1\",\"source\":\"/towns/{TOWN}\",\
         \"subject\":\"agent/{AGENT}\",\"time\":\"2026-11-27T12:00:00Z\",\"actor\":\"agent:{AGENT}\",\
         \"data\":{{\"agent\":\"{AGENT}\",\"phase\":\"act\",\"text\":\"#{number:010} {:016} ",
        field.start.elapsed().as_micros()
    )
    .into_bytes();
    text.resize(size.saturating_sub(END.len()).max(text.len()), b'x');
    text.extend(END);
    text
}

/// Reads until all is over, or the server lets go.
async fn read(
    mut stream: TcpStream,
    rest: Vec<u8>,
    mut frames: Option<Frames>,
    is_sampled: bool,
    field: &Field,
) -> Seen {
    let mut seen = Seen::default();
    let mut kept = rest;
    let filled = frames.as_mut().map_or(kept.len(), |frames| frames.strip(&mut kept));
    kept.truncate(filled);
    kept.drain(..filled - seen.take(&kept, is_sampled, field));
    while !field.is_over.load(Ordering::Relaxed) {
        if tokio::time::timeout(Duration::from_millis(200), stream.readable()).await.is_err() {
            continue;
        }
        let read = SCRATCH.with_borrow_mut(|scratch| {
            scratch[..kept.len()].copy_from_slice(&kept);
            let came = &mut scratch[kept.len()..];
            let read = stream.try_read(came)?;
            let filled = kept.len() + frames.as_mut().map_or(read, |frames| frames.strip(&mut came[..read]));
            let left = seen.take(&scratch[..filled], is_sampled, field);
            kept.clear();
            kept.extend_from_slice(&scratch[filled - left..filled]);
            std::io::Result::Ok(read)
        });
        match read {
            Ok(read) if read > 0 => seen.bytes += read as u64,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => {
                seen.closed = true;
                break;
            }
        }
    }
    let _ = stream.shutdown().await;
    seen
}

thread_local! {
    /// What all readers read into, one after the other: a buffer for each would be as much memory as the processor can touch,
    /// and the readers would take more time from the servers than they must.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

/// Where a reader is within the frames of a server, which are not masked.
#[derive(Default)]
struct Frames {
    header: Vec<u8>,
    left: usize,
}

impl Frames {
    /// Takes the headers out of what was read; says how much is left.
    fn strip(&mut self, bytes: &mut [u8]) -> usize {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            if self.left == 0 {
                self.header.push(bytes[from]);
                from += 1;
                let length = self.header.get(1).map(|length| length & 0x7f);
                let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                self.left = match (length, self.header.len()) {
                    (Some(126), 4) | (Some(127), 10) => number(&self.header[2..]),
                    (Some(length @ ..126), 2) => usize::from(length),
                    _ => continue,
                };
                self.header.clear();
                continue;
            }
            let some = self.left.min(bytes.len() - from);
            bytes.copy_within(from..from + some, to);
            (from, to, self.left) = (from + some, to + some, self.left - some);
        }
        to
    }
}

impl Seen {
    /// Counts the marks in what was read, and says how many bytes at its end may be the beginning of one.
    fn take(&mut self, bytes: &[u8], is_sampled: bool, field: &Field) -> usize {
        let before = self.delivered;
        let mut at = 0;
        let now = field.start.elapsed();
        while let Some(found) = memchr::memchr(b'#', &bytes[at..]) {
            at += found;
            let Some(mark) = bytes.get(at..at + MARK) else {
                self.count(before, now, field);
                return bytes.len() - at;
            };
            let number = digits(&mark[1..11]);
            self.delivered += 1;
            if number >= self.next {
                self.lost += number - self.next;
                self.next = number + 1;
            } else {
                self.disordered += 1;
            }
            if is_sampled {
                self.latencies.push((now.as_micros() as u64).saturating_sub(digits(&mark[12..])));
            }
            at += MARK;
        }
        self.count(before, now, field);
        0
    }

    fn count(&mut self, before: u64, now: Duration, field: &Field) {
        if self.delivered > before {
            self.last = now;
            field.delivered.fetch_add(self.delivered - before, Ordering::Relaxed);
        }
    }
}

fn digits(text: &[u8]) -> u64 {
    text.iter().fold(0, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0')))
}
