//! The remote's journal as it comes here.
//! Lives here: the tracking reference, the shallow start, what lies below the border of a shallow clone, a remote that was rewritten.
//! Never here: joining it with what waits here (see [`super::sync`]).

use git2::Oid;

use super::codec::Position;
use super::read::{self, End};
use super::{Journal, JournalError, cache, find, reference};
use crate::git::home::NETWORK_LIMIT;
use crate::git::remote::{Deepen, Remote};
use crate::town::fold::Town;

/// What the remote's journal is fetched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To build on it: the newest commit is enough to begin with.
    Build,
    /// To tell it on: all of it.
    Tell,
}

impl Journal<'_> {
    pub(super) fn tracking(remote: &Remote) -> String {
        remote.tracking(crate::town::limits::JOURNAL_BRANCH)
    }

    /// Brings the tracking reference up to date. To build on it the first fetch takes one commit only: its snapshot holds the rest.
    pub(super) fn fetch(&self, remote: &Remote, purpose: Purpose) -> Result<(), JournalError> {
        let tracking = Self::tracking(remote);
        let before = find(self.git(), &tracking)?;
        let whole = purpose == Purpose::Tell || before.is_some() || self.head()?.is_some();
        let there = remote.list(self.repo, &[&reference()], NETWORK_LIMIT)?;
        if there.is_empty() {
            // The remote's journal is not there yet, or is gone: what was seen of it must not be forgotten.
            return match before {
                Some(seen) => Err(self.gone(seen)),
                None => Ok(()),
            };
        }
        if there.first().map(|(_, oid)| *oid) == before {
            return Ok(());
        }
        // Forced, so that a rewritten remote can be seen and named instead of failing in git's words.
        let wanted = [format!("+{}:{tracking}", reference())];
        if whole {
            remote.fetch(self.repo, &wanted, NETWORK_LIMIT)?;
        } else {
            remote.deepen(self.repo, &wanted, Deepen::Depth(1), NETWORK_LIMIT)?;
        }
        if let (Some(before), Some(after)) = (before, find(self.git(), &tracking)?)
            && !self.continues(before, after)?
        {
            self.repo.force_reference(&tracking, before, "monkeytown: keep what was seen")?;
            return Err(self.rewritten_between(before, Some(after)));
        }
        Ok(())
    }

    /// Fetches the remote's journal, all of it, and brings the branch here along where it has nothing of its own. Nothing is sent:
    /// says whether something waits here that the remote does not have.
    ///
    /// # Errors
    /// [`JournalError`] when the remote cannot be asked, or what it has is not what was seen of it.
    pub fn follow(&self) -> Result<bool, JournalError> {
        let Some(remote) = self.remote else { return Ok(false) };
        self.fetch(remote, Purpose::Tell)?;
        if let Some(there) = find(self.git(), &Self::tracking(remote))? {
            self.complete(there)?;
        }
        let _one_at_a_time = self.repo.lock_waiting("journal")?;
        match (self.head()?, find(self.git(), &Self::tracking(remote))?) {
            (here, there) if here == there => Ok(false),
            (Some(_), None) => Ok(true),
            (Some(here), Some(there)) if !self.continues(here, there)? => Ok(true),
            (_, Some(there)) => self.set_head(there).map(|()| false),
            (None, None) => Ok(false),
        }
    }

    /// Fetches what a shallow clone lacks of the journal behind this commit: who tells it on has nobody to ask for more.
    fn complete(&self, tip: Oid) -> Result<(), JournalError> {
        let is_cut = self.repo.boundary()?.into_iter().any(|oid| self.position(oid).is_ok());
        if !is_cut {
            return Ok(());
        }
        match self.walk_deep(tip, 0, &|_| ())? {
            (_, End::Shallow(oid)) => Err(JournalError::Missing { oid: oid.to_string() }),
            _ => Ok(()),
        }
    }

    /// Makes sure that a commit of the remote's journal is here, also where this clone has only its newest.
    ///
    /// # Errors
    /// [`JournalError`] when it is not in the remote's journal, or that cannot be reached.
    pub fn need(&self, commit: Oid) -> Result<(), JournalError> {
        let mut by = 64;
        while !self.repo.has(commit) {
            // Nobody writes so many events between two runs that more would be needed.
            if self.offline.get() || !self.repo.is_shallow() || by > 1_000_000 {
                return Err(JournalError::Missing { oid: commit.to_string() });
            }
            self.deepen(by)?;
            by = by.saturating_mul(8);
        }
        Ok(())
    }

    /// Fetches `missing` more commits below the border of a shallow clone.
    pub(super) fn deepen(&self, missing: u64) -> Result<(), JournalError> {
        let Some(remote) = self.remote else {
            return Err(JournalError::Missing { oid: "below the border of this shallow clone".to_owned() });
        };
        let by = u32::try_from(missing).unwrap_or(u32::MAX);
        let wanted = [format!("+{}:{}", reference(), Self::tracking(remote))];
        remote.deepen(self.repo, &wanted, Deepen::By(by), NETWORK_LIMIT)?;
        Ok(())
    }

    fn gone(&self, seen: Oid) -> JournalError {
        self.rewritten_between(seen, None)
    }

    fn rewritten_between(&self, seen: Oid, tip: Option<Oid>) -> JournalError {
        let at = self.position(seen).unwrap_or_default();
        self.rewritten(&cache::Cached { tip: seen, at, town: Town::default() }, tip)
    }

    pub(super) fn position(&self, oid: Oid) -> Result<Position, JournalError> {
        super::codec::position(&read::raw(self.git(), oid)?.message)
            .map_err(|source| JournalError::Damaged { oid: oid.to_string(), source })
    }

    /// Whether `newer` is `older` or has it in its history.
    pub(super) fn continues(&self, older: Oid, newer: Oid) -> Result<bool, JournalError> {
        if older == newer {
            return Ok(true);
        }
        let (from, to) = (self.position(older)?, self.position(newer)?);
        if to.height <= from.height {
            return Ok(false);
        }
        let (commits, _) =
            read::steps(self.git(), newer, |oid, at| oid == older || at().is_some_and(|at| at.height <= from.height))?;
        Ok(commits.first().and_then(|first| first.as_ref().ok()).and_then(|first| first.parent) == Some(older))
    }
}
