//! The remote's journal as it comes here.
//! Lives here: the tracking reference, the shallow start, what lies below the border of a shallow clone, a remote that was rewritten.
//! Never here: joining it with what waits here (see [`super::sync`]).

use git2::Oid;

use super::codec::Position;
use super::read::{self, End};
use super::{Journal, JournalError, cache, find, reference};
use crate::git::home::NETWORK_LIMIT;
use crate::git::remote::{Deepen, Remote};
use crate::git::repo::Repo;

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

    /// Where what is fetched stands until it is known to go on from what was seen.
    fn arriving(remote: &Remote) -> String {
        format!("refs/monkeytown/arriving/{}", remote.name)
    }

    /// Where the remote's journal stands that does not go on from what was seen, for who tells it on.
    fn replaced(remote: &Remote) -> String {
        format!("refs/monkeytown/replaced/{}", remote.name)
    }

    /// The reference of the remote's journal as it is told on: the remote decides what that is, and what was seen is kept beside it.
    pub(super) fn shown(repo: &Repo, remote: &Remote) -> String {
        let replaced = Self::replaced(remote);
        // Who cannot read it must not take what was seen before for what is there now.
        let is_not_there = matches!(find(repo.git(), &replaced), Ok(None));
        if is_not_there { Self::tracking(remote) } else { replaced }
    }

    /// Brings the tracking reference up to date. To build on it the first fetch takes one commit only: its snapshot holds the rest.
    pub(super) fn fetch(&self, remote: &Remote, purpose: Purpose) -> Result<(), JournalError> {
        let before = find(self.git(), &Self::tracking(remote))?;
        let there = remote.list(self.repo, &[&reference()], NETWORK_LIMIT)?.first().map(|(_, oid)| *oid);
        let Some(there) = there else {
            // The remote's journal is not there yet, or is gone: what was seen of it must not be forgotten.
            return before.map_or(Ok(()), |seen| Err(self.rewritten_there(remote, seen, None)));
        };
        if before == Some(there) {
            return self.goes_on(remote);
        }
        let arrived = if find(self.git(), &Self::replaced(remote))? == Some(there) {
            Some(there)
        } else {
            let whole = purpose == Purpose::Tell || before.is_some() || self.head()?.is_some();
            self.arrive(remote, (!whole).then_some(Deepen::Depth(1)))?
        };
        // Where another process took it meanwhile, that one says what it is.
        let Some(arrived) = arrived else { return Ok(()) };
        if let Some(before) = before
            && !self.continues(before, arrived)?
        {
            if purpose == Purpose::Tell {
                let replaced = Self::replaced(remote);
                // What is known of it may be of yet another history.
                cache::forget(&self.repo.private_dir()?, &replaced);
                self.repo.force_reference(&replaced, arrived, "monkeytown: not what was seen")?;
            }
            return Err(self.rewritten_there(remote, before, Some(arrived)));
        }
        match self.repo.set_reference(&Self::tracking(remote), arrived, before, "monkeytown: fetched") {
            // Somebody else fetched meanwhile.
            Err(error) if error.is_raced() => {}
            moved => moved?,
        }
        self.goes_on(remote)
    }

    /// Fetches the remote's journal beside what was seen of it: nobody may take it for that before both were compared. Says where it
    /// stands.
    fn arrive(&self, remote: &Remote, depth: Option<Deepen>) -> Result<Option<Oid>, JournalError> {
        let arriving = Self::arriving(remote);
        let wanted = [format!("+{}:{arriving}", reference())];
        let fetched = match depth {
            Some(depth) => remote.deepen(self.repo, &wanted, depth, NETWORK_LIMIT)?,
            None => remote.fetch(self.repo, &wanted, NETWORK_LIMIT)?,
        };
        let moved = fetched.updated.into_iter().find(|(name, _)| *name == arriving).map(|(_, oid)| oid);
        let arrived = moved.or(find(self.git(), &arriving)?);
        if let Some(arrived) = arrived
            && let Err(error) = self.repo.delete_reference(&arriving, arrived)
        {
            // The next fetch writes over it.
            tracing::debug!(%error, "what was fetched of the journal keeps a reference of its own");
        }
        Ok(arrived)
    }

    /// The remote has what was seen of it, and no other history is told any more.
    fn goes_on(&self, remote: &Remote) -> Result<(), JournalError> {
        let replaced = Self::replaced(remote);
        if find(self.git(), &replaced)?.is_some() {
            self.repo.drop_reference(&replaced)?;
            cache::forget(&self.repo.private_dir()?, &replaced);
        }
        Ok(())
    }

    /// Fetches the remote's journal, all of it, and brings the branch here along where it has nothing of its own. Nothing is sent:
    /// says whether something waits here that the remote does not have. A history that is not what was seen is told on all the same
    /// (see [`Journal::told`]), and here nothing is built on it.
    ///
    /// # Errors
    /// [`JournalError`] when the remote cannot be asked, or what it has is not what was seen of it.
    pub fn follow(&self) -> Result<bool, JournalError> {
        let Some(remote) = self.remote else { return Ok(false) };
        let fetched = self.fetch(remote, Purpose::Tell);
        if matches!(fetched, Ok(()) | Err(JournalError::Rewritten { .. }))
            && let Some(there) = find(self.git(), &Self::shown(self.repo, remote))?
        {
            self.complete(there)?;
        }
        fetched?;
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
        self.arrive(remote, Some(Deepen::By(by))).map(|_| ())
    }

    fn rewritten_there(&self, remote: &Remote, seen: Oid, tip: Option<Oid>) -> JournalError {
        let give_up =
            [Self::tracking(remote), reference()].map(|name| format!("`git update-ref -d {name}`")).join(" and ");
        self.rewritten(seen, self.position(seen).unwrap_or_default().seq, tip, &format!("run {give_up}, and "))
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
