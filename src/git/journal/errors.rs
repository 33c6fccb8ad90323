//! What can go wrong with the journal.
//! Lives here: one enum, its variants named after the operation. Never here: what to do about one.

use super::codec::BadCommit;
use crate::git::errors::GitError;
use crate::town::decide::Rejected;
use crate::town::envelope::BadEvent;

/// What can go wrong with the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The decision itself was refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// An object could not be read.
    #[error("read an object of the journal")]
    ReadObject(#[source] git2::Error),
    /// An object could not be written.
    #[error("write an object of the journal")]
    WriteObject(#[source] git2::Error),
    /// A commit is not as a journal commit must be.
    #[error("journal commit {oid} is damaged; `monkeytown log verify` names everything that is wrong")]
    Damaged {
        /// Which commit.
        oid: String,
        /// How.
        #[source]
        source: BadCommit,
    },
    /// A commit is not there.
    #[error(
        "commit {oid} of the journal is missing here; `git fetch --unshallow` brings what a shallow clone lacks, else restore it \
         from another clone"
    )]
    Missing {
        /// Which commit.
        oid: String,
    },
    /// History was rewritten under us.
    #[error(
        "the journal was rewritten: this clone has seen event {seq} in commit {seen}, and the branch now at {tip} does not \
         contain it. Restore the branch from a clone that has it; if the rewrite was meant, {forget}"
    )]
    Rewritten {
        /// The last event seen.
        seq: u64,
        /// The commit that was seen.
        seen: String,
        /// The branch now.
        tip: String,
        /// How to give up the old history.
        forget: String,
    },
    /// The sequence has a gap or goes back.
    #[error(
        "journal commit {oid} ends at event {seq} with {events} events, after event {before}; run `monkeytown log verify`"
    )]
    Sequence {
        /// Which commit.
        oid: String,
        /// Its trailer.
        seq: u64,
        /// How many events it has.
        events: usize,
        /// The sequence number before it.
        before: u64,
    },
    /// The events do not fit each other.
    #[error("the journal does not fold cleanly: {first}")]
    DoesNotFold {
        /// The first finding.
        first: String,
    },
    /// An event is too large or cannot be written.
    #[error("write an event")]
    Event(#[from] BadEvent),
    /// The snapshot could not be written.
    #[error("write the journal's snapshot")]
    Snapshot(#[source] serde_json::Error),
    /// The thread that decodes events ended early.
    #[error("decode the journal")]
    Decoder,
    /// Too many others wrote at the same time.
    #[error("{0} other writers were faster each time; try again")]
    Crowded(usize),
    /// The repository or its remote failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl JournalError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Crowded(_) => true,
            Self::Git(error) => error.is_unavailable(),
            _ => false,
        }
    }
}
