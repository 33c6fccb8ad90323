//! Reading the journal's commits straight from the object database, newest first.
//! Lives here: the walk along first parents, the parallel decoding, the end of a shallow clone. Never here: folding.

use std::sync::mpsc;

use git2::{ObjectType, Oid, Repository};

use super::JournalError;
use super::codec::{self, BadCommit, Position, RawCommit};
use crate::town::envelope::Envelope;

/// One journal commit, decoded.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its object id.
    pub oid: Oid,
    /// Its tree, with the snapshot.
    pub tree: Oid,
    /// Its parent, unless it is the first.
    pub parent: Option<Oid>,
    /// Where it stands.
    pub at: Position,
    /// The sentence.
    pub subject: String,
    /// Its events, oldest first.
    pub events: Vec<Envelope>,
}

impl Commit {
    /// Sequence number of the commit's first event.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        (self.at.seq + 1).saturating_sub(self.events.len() as u64)
    }
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the commit that it was told to stop before.
    Stop,
    /// At the first commit of the journal.
    Root,
    /// At the border of a shallow clone: this parent is not here.
    Shallow(Oid),
}

/// Reads one commit without decoding its events.
///
/// # Errors
/// [`JournalError`] when the object is missing or is no journal commit.
pub fn raw(repo: &Repository, oid: Oid) -> Result<RawCommit, JournalError> {
    let odb = repo.odb().map_err(JournalError::ReadObject)?;
    read_raw(&odb, oid)?.ok_or_else(|| JournalError::Missing { oid: oid.to_string() })
}

fn read_raw(odb: &git2::Odb<'_>, oid: Oid) -> Result<Option<RawCommit>, JournalError> {
    match odb.read(oid) {
        Ok(object) if object.kind() == ObjectType::Commit => {
            codec::parse_object(object.data()).map(Some).map_err(|source| damaged(oid, source))
        }
        Ok(_) => Err(damaged(oid, BadCommit::Object)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(JournalError::ReadObject(error)),
    }
}

fn damaged(oid: Oid, source: BadCommit) -> JournalError {
    JournalError::Damaged { oid: oid.to_string(), source }
}

/// Decodes a raw commit.
///
/// # Errors
/// [`JournalError::Damaged`] naming the commit.
pub fn decode(oid: Oid, raw: &RawCommit) -> Result<Commit, JournalError> {
    let at = codec::position(&raw.message).map_err(|source| damaged(oid, source))?;
    let events = codec::events(&raw.message).map_err(|source| damaged(oid, source))?;
    let subject = raw.message.lines().next().unwrap_or_default().to_owned();
    Ok(Commit { oid, tree: raw.tree, parent: raw.parent, at, subject, events })
}

/// What a walk yields: the commits oldest first, and where it ended.
pub type Walk = (Vec<Result<Commit, JournalError>>, End);

/// Walks from `tip` (included) down to `stop` (excluded). A damaged commit is an entry of the result, so that a verifier
/// can go on behind it; one whose parent cannot even be read ends the walk as an error.
///
/// One thread reads objects, another decodes them: decoding costs as much as inflating.
///
/// # Errors
/// [`JournalError`] when an object cannot be read.
pub fn walk(repo: &Repository, tip: Oid, stop: impl Fn(Oid, Option<Position>) -> bool) -> Result<Walk, JournalError> {
    const BATCH: usize = 256;
    let odb = repo.odb().map_err(JournalError::ReadObject)?;
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<Vec<(Oid, RawCommit)>>(64);
        let decoder = scope.spawn(move || {
            let mut decoded = Vec::new();
            for batch in receive {
                decoded.extend(batch.into_iter().map(|(oid, raw)| decode(oid, &raw)));
            }
            decoded.reverse();
            decoded
        });
        let mut batch = Vec::with_capacity(BATCH);
        let (mut next, mut end) = (Some(tip), End::Root);
        while let Some(oid) = next {
            let Some(raw) = read_raw(&odb, oid)? else {
                end = End::Shallow(oid);
                break;
            };
            if stop(oid, codec::position(&raw.message).ok()) {
                end = End::Stop;
                break;
            }
            next = raw.parent;
            batch.push((oid, raw));
            if batch.len() == BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                send.send(full).map_err(|_| JournalError::Decoder)?;
            }
        }
        send.send(batch).map_err(|_| JournalError::Decoder)?;
        drop(send);
        let decoded = decoder.join().map_err(|_| JournalError::Decoder)?;
        Ok((decoded, end))
    })
}
