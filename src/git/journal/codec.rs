//! A journal commit as text: a sentence, the events one per line, two trailers.
//! Lives here: writing and reading that text, and the raw commit around it. Never here: walking or appending.

use std::fmt::Write as _;

use crate::town::envelope::{BadEvent, Envelope};
use crate::town::happened::Happened;

/// The version of the text format.
pub const FORMAT: u32 = 1;

/// What the text around the events says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Sequence number of the commit's last event.
    pub seq: u64,
    /// Number of the commit in the journal, from 1: how deep a shallow clone must be.
    pub height: u64,
}

/// Why a commit is no journal commit.
#[derive(Debug, thiserror::Error)]
pub enum BadCommit {
    /// The object is not a commit of the expected form.
    #[error("the object is not a commit with a tree and at most one parent")]
    Object,
    /// The object is not what its name says.
    #[error("its content does not have the hash that it is stored under")]
    Hash,
    /// The message is not UTF-8.
    #[error("the message is not UTF-8")]
    Utf8,
    /// A trailer is missing or not a number.
    #[error("the trailer {0} is missing or not a number")]
    Trailer(&'static str),
    /// The format is newer than this program.
    #[error("the journal has format {0}, and this version reads {FORMAT}; use a newer monkeytown")]
    Format(u32),
    /// The commit holds no event.
    #[error("the commit holds no event")]
    Empty,
    /// A line does not parse.
    #[error("line {line} of the message does not parse as an event")]
    Event {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: BadEvent,
    },
}

/// The raw parts of a commit that the journal needs.
#[derive(Clone, Debug)]
pub struct RawCommit {
    /// Its tree.
    pub tree: git2::Oid,
    /// Its parent, unless it is the first.
    pub parent: Option<git2::Oid>,
    /// Its message.
    pub message: String,
}

/// Writes the message of an append.
///
/// # Errors
/// [`BadEvent::TooLong`] when an event breaks its limit.
pub fn message(subject: &str, events: &[Envelope], at: Position) -> Result<String, BadEvent> {
    let mut text = String::with_capacity(256 + events.len() * 512);
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    text.push_str(subject.trim());
    text.push_str("\n\n");
    for event in events {
        text.push_str(&event.line()?);
        text.push('\n');
    }
    let _ = write!(text, "\nJournal-Seq: {}\nJournal-Commit: {}\nJournal-Format: {FORMAT}\n", at.seq, at.height);
    Ok(text)
}

/// A raw commit object without its message.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Its tree.
    pub tree: git2::Oid,
    /// Its parent, unless it is the first.
    pub parent: Option<git2::Oid>,
    /// Where its message begins.
    pub message: usize,
}

/// Reads what stands before the message of a raw commit object.
///
/// # Errors
/// [`BadCommit`] when it is no commit, or a merge.
pub fn header(raw: &[u8]) -> Result<Header, BadCommit> {
    let (mut tree, mut parent) = (None, None);
    let mut at = 0;
    loop {
        let end = raw[at..].iter().position(|b| *b == b'\n').ok_or(BadCommit::Object)?;
        let line = &raw[at..at + end];
        at += end + 1;
        if line.is_empty() {
            break;
        }
        if let Some(hex) = line.strip_prefix(b"tree ") {
            tree = Some(oid(hex)?);
        } else if let Some(hex) = line.strip_prefix(b"parent ")
            && parent.replace(oid(hex)?).is_some()
        {
            return Err(BadCommit::Object);
        }
    }
    Ok(Header { tree: tree.ok_or(BadCommit::Object)?, parent, message: at })
}

/// The message of a raw commit object.
///
/// # Errors
/// [`BadCommit::Utf8`] when it is none.
pub fn message_of(raw: &[u8], header: Header) -> Result<&str, BadCommit> {
    std::str::from_utf8(&raw[header.message..]).map_err(|_| BadCommit::Utf8)
}

/// Takes a raw commit object apart.
///
/// # Errors
/// [`BadCommit`] when it is none, or a merge.
pub fn parse_object(raw: &[u8]) -> Result<RawCommit, BadCommit> {
    let header = header(raw)?;
    let message = message_of(raw, header)?.to_owned();
    Ok(RawCommit { tree: header.tree, parent: header.parent, message })
}

fn oid(hex: &[u8]) -> Result<git2::Oid, BadCommit> {
    std::str::from_utf8(hex).ok().and_then(|hex| git2::Oid::from_str(hex).ok()).ok_or(BadCommit::Object)
}

/// Reads the trailers of a message.
///
/// # Errors
/// [`BadCommit`] when one is missing or the format is not ours.
pub fn position(message: &str) -> Result<Position, BadCommit> {
    // Only the last lines can be trailers; events never begin with these words.
    let (mut seq, mut height, mut format) = (None, None, None);
    for line in message.trim_end().rsplit('\n').take_while(|line| !line.is_empty()).take(8) {
        if let Some(value) = line.strip_prefix("Journal-Seq: ") {
            seq = value.trim().parse().ok();
        } else if let Some(value) = line.strip_prefix("Journal-Commit: ") {
            height = value.trim().parse().ok();
        } else if let Some(value) = line.strip_prefix("Journal-Format: ") {
            format = value.trim().parse::<u32>().ok();
        }
    }
    match format {
        Some(FORMAT) => {}
        Some(other) => return Err(BadCommit::Format(other)),
        None => return Err(BadCommit::Trailer("Journal-Format")),
    }
    Ok(Position {
        seq: seq.ok_or(BadCommit::Trailer("Journal-Seq"))?,
        height: height.ok_or(BadCommit::Trailer("Journal-Commit"))?,
    })
}

/// Reads the events of a message.
///
/// # Errors
/// [`BadCommit`] when a line does not parse or there is none.
pub fn events(message: &str) -> Result<Vec<Envelope>, BadCommit> {
    lines(message, Envelope::parse)
}

/// Reads of a message's events only what the fold needs.
///
/// # Errors
/// As [`events`].
pub fn happened(message: &str) -> Result<Vec<Happened>, BadCommit> {
    lines(message, Happened::parse)
}

fn lines<T>(message: &str, parse: impl Fn(&str) -> Result<T, BadEvent>) -> Result<Vec<T>, BadCommit> {
    let mut events = Vec::new();
    for (index, line) in message.split('\n').enumerate() {
        // Whatever is neither the sentence nor a trailer must be an event: a damaged line is never passed over.
        if index == 0 || line.is_empty() || line.starts_with("Journal-") {
            continue;
        }
        events.push(parse(line).map_err(|source| BadCommit::Event { line: index + 1, source })?);
    }
    if events.is_empty() {
        return Err(BadCommit::Empty);
    }
    Ok(events)
}
