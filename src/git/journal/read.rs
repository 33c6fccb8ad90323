//! Reading the journal's commits straight from the object database, newest first.
//! Lives here: the walk along first parents, the parallel decoding, the end of a shallow clone. Never here: folding.

use std::sync::mpsc::{self, Receiver, SyncSender};

use git2::{ObjectType, Oid, Repository};

use super::JournalError;
use super::codec::{self, BadCommit, Position, RawCommit};
use crate::git::bulk::Unhashed;
use crate::town::envelope::Envelope;
use crate::town::happened::Happened;

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

/// One journal commit as the fold reads it.
#[derive(Debug)]
pub struct Step {
    /// Its object id.
    pub oid: Oid,
    /// Its parent, unless it is the first.
    pub parent: Option<Oid>,
    /// Where it stands.
    pub at: Position,
    /// What happened, oldest first.
    pub happened: Vec<Happened>,
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

pub(super) fn read_raw(odb: &git2::Odb<'_>, oid: Oid) -> Result<Option<RawCommit>, JournalError> {
    match odb.read(oid) {
        Ok(object) if object.kind() == ObjectType::Commit => {
            codec::parse_object(object.data()).map(Some).map_err(|source| damaged(oid, source))
        }
        Ok(_) => Err(damaged(oid, BadCommit::Object)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(JournalError::ReadObject(error)),
    }
}

pub(super) fn damaged(oid: Oid, source: BadCommit) -> JournalError {
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
pub type Walk<T = Commit> = (Vec<Result<T, JournalError>>, End);

/// Where a commit stands, read from its message only when asked for.
pub type At<'a> = &'a dyn Fn() -> Option<Position>;

/// Walks from `tip` (included) down to `stop` (excluded). A damaged commit is an entry of the result, so that a verifier
/// can go on behind it; one whose parent cannot even be read ends the walk as an error. The hash of each commit is checked.
///
/// # Errors
/// [`JournalError`] when an object cannot be read.
pub fn walk(repo: &Repository, tip: Oid, stop: impl Fn(Oid, At<'_>) -> bool) -> Result<Walk, JournalError> {
    walk_to(repo, tip, stop, |commit| commit)
}

/// Walks like [`walk`], and keeps of each commit only what `each` makes of it: all of a long journal is large.
///
/// # Errors
/// As [`walk`].
pub fn walk_to<T: Send>(
    repo: &Repository,
    tip: Oid,
    stop: impl Fn(Oid, At<'_>) -> bool,
    each: impl Fn(Commit) -> T + Send,
) -> Result<Walk<T>, JournalError> {
    walk_as(repo, tip, stop, move |oid, raw| {
        if !Oid::hash_object(ObjectType::Commit, raw).is_ok_and(|hash| hash == oid) {
            return Err(damaged(oid, BadCommit::Hash));
        }
        let raw = codec::parse_object(raw).map_err(|source| damaged(oid, source))?;
        decode(oid, &raw).map(&each)
    })
}

/// Walks like [`walk`], and decodes of each commit only what the fold needs. Like `git log` it takes the word of the object
/// database, whose compression has a checksum of its own, for what an object holds; `monkeytown log verify` does not.
///
/// # Errors
/// As [`walk`].
pub fn steps(repo: &Repository, tip: Oid, stop: impl Fn(Oid, At<'_>) -> bool) -> Result<Walk<Step>, JournalError> {
    walk_as(repo, tip, stop, |oid, raw| step(oid, raw).map_err(|source| damaged(oid, source)))
}

pub(super) fn step(oid: Oid, raw: &[u8]) -> Result<Step, BadCommit> {
    let header = codec::header(raw)?;
    let message = codec::message_of(raw, header)?;
    Ok(Step { oid, parent: header.parent, at: codec::position(message)?, happened: codec::happened(message)? })
}

/// Raw commits on their way from the thread that reads to the one that decodes.
type Batch = Vec<(Oid, Vec<u8>)>;

/// One thread reads objects, another decodes them: that costs as much as inflating.
fn walk_as<T: Send>(
    repo: &Repository,
    tip: Oid,
    stop: impl Fn(Oid, At<'_>) -> bool,
    decode: impl Fn(Oid, &[u8]) -> Result<T, JournalError> + Send,
) -> Result<Walk<T>, JournalError> {
    let odb = repo.odb().map_err(JournalError::ReadObject)?;
    let _bulk = Bulk::begin();
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<Batch>(64);
        let decoder = scope.spawn(move || decode_all(receive, decode));
        let end = read_all(&odb, tip, stop, send)?;
        let decoded = decoder.join().map_err(|_| JournalError::Decoder)?;
        Ok((decoded, end))
    })
}

fn decode_all<T>(
    batches: Receiver<Batch>,
    decode: impl Fn(Oid, &[u8]) -> Result<T, JournalError>,
) -> Vec<Result<T, JournalError>> {
    let mut decoded = Vec::new();
    for batch in batches {
        decoded.extend(batch.into_iter().map(|(oid, raw)| decode(oid, &raw)));
    }
    decoded.reverse();
    decoded
}

fn read_all(
    odb: &git2::Odb<'_>,
    tip: Oid,
    stop: impl Fn(Oid, At<'_>) -> bool,
    send: SyncSender<Batch>,
) -> Result<End, JournalError> {
    const BATCH: usize = 256;
    let mut batch = Vec::with_capacity(BATCH);
    let (mut next, mut end) = (Some(tip), End::Root);
    while let Some(oid) = next {
        let object = match odb.read(oid) {
            Ok(object) if object.kind() == ObjectType::Commit => object,
            Ok(_) => return Err(damaged(oid, BadCommit::Object)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                end = End::Shallow(oid);
                break;
            }
            Err(error) => return Err(JournalError::ReadObject(error)),
        };
        let header = codec::header(object.data()).map_err(|source| damaged(oid, source))?;
        let at = || codec::position(codec::message_of(object.data(), header).ok()?).ok();
        if stop(oid, &at) {
            end = End::Stop;
            break;
        }
        next = header.parent;
        batch.push((oid, object.data().to_vec()));
        if batch.len() == BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            send.send(full).map_err(|_| JournalError::Decoder)?;
        }
    }
    send.send(batch).map_err(|_| JournalError::Decoder)?;
    Ok(end)
}

/// As long as it lives, libgit2 neither keeps the objects that it reads nor checks their hashes: a walk reads each object
/// once, and where hashes matter its other thread checks them.
pub(super) struct Bulk {
    _unhashed: Unhashed,
}

impl Bulk {
    pub(super) fn begin() -> Self {
        git2::opts::enable_caching(false);
        Self { _unhashed: Unhashed::begin() }
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        git2::opts::enable_caching(true);
    }
}
