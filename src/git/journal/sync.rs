//! The journal and its remote: fetching, publishing, and what waits while the remote is away.
//! Lives here: the tracking reference, the shallow start, queued appends. Never here: local appends.

use std::collections::HashSet;

use git2::Oid;

use super::codec::Position;
use super::read::{self, Commit};
use super::{Appended, Journal, JournalError, cache, find, reference};
use crate::git::home::NETWORK_LIMIT;
use crate::git::remote::{Deepen, PushSpec, Remote};
use crate::town::decide::Rejected;
use crate::town::envelope::{Draft, Stamp};
use crate::town::fold::Town;

/// Times that an append to a remote is decided again before it gives up.
const REMOTE_ATTEMPTS: usize = 120;

/// What a sync found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// Whether the remote could be asked.
    pub online: bool,
    /// Commits that had waited here and have arrived now.
    pub sent: usize,
    /// Sentences of queued events that no longer fit what happened meanwhile; they are kept under `kept`.
    pub dropped: Vec<String>,
    /// The reference that keeps what did not fit.
    pub kept: Option<String>,
}

impl Journal<'_> {
    fn tracking(remote: &Remote) -> String {
        remote.tracking(crate::town::limits::JOURNAL_BRANCH)
    }

    /// Fetches the remote's journal and sends what waits here. Without a remote there is nothing to do; with one that
    /// cannot be reached the journal goes on locally.
    ///
    /// # Errors
    /// [`JournalError`] when the remote's journal was rewritten, or the two cannot be joined.
    pub fn sync(&self, stamp: &Stamp) -> Result<Synced, JournalError> {
        let Some(remote) = self.remote else { return Ok(Synced { online: true, ..Synced::default() }) };
        let _one_at_a_time = self.repo.lock_waiting("journal")?;
        match self.fetch(remote) {
            Ok(()) => {
                self.offline.set(false);
                self.reconcile(remote, stamp)
            }
            Err(error) if error.is_unavailable() => {
                self.offline.set(true);
                Ok(Synced::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Brings the tracking reference up to date. The first fetch takes one commit only: its snapshot holds the rest.
    fn fetch(&self, remote: &Remote) -> Result<(), JournalError> {
        let tracking = Self::tracking(remote);
        let before = find(self.git(), &tracking)?;
        let known = before.is_some() || self.head()?.is_some();
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
        if known {
            remote.fetch(self.repo, &wanted, NETWORK_LIMIT)?;
        } else {
            remote.deepen(self.repo, &wanted, Deepen::Depth(1), NETWORK_LIMIT)?;
        }
        if let (Some(before), Some(after)) = (before, find(self.git(), &tracking)?)
            && !self.continues(before, after)?
        {
            let put_back = self.git().reference(&tracking, before, true, "monkeytown: keep what was seen");
            put_back.map_err(JournalError::MoveRef)?;
            return Err(self.rewritten_between(before, Some(after)));
        }
        Ok(())
    }

    fn gone(&self, seen: Oid) -> JournalError {
        self.rewritten_between(seen, None)
    }

    fn rewritten_between(&self, seen: Oid, tip: Option<Oid>) -> JournalError {
        let at = self.position(seen).unwrap_or_default();
        self.rewritten(&cache::Cached { tip: seen, at, town: Town::default() }, tip)
    }

    fn position(&self, oid: Oid) -> Result<Position, JournalError> {
        super::codec::position(&read::raw(self.git(), oid)?.message)
            .map_err(|source| JournalError::Damaged { oid: oid.to_string(), source })
    }

    /// Whether `newer` is `older` or has it in its history.
    fn continues(&self, older: Oid, newer: Oid) -> Result<bool, JournalError> {
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

    /// Joins the local branch with the remote's: the remote's commits come first, what waited here goes on top.
    fn reconcile(&self, remote: &Remote, stamp: &Stamp) -> Result<Synced, JournalError> {
        let there = find(self.git(), &Self::tracking(remote))?;
        let here = self.head()?;
        let mut synced = Synced { online: true, ..Synced::default() };
        match (here, there) {
            (None, None) => {}
            (None, Some(there)) => self.set_head(there)?,
            (Some(here), Some(there)) if here == there => {}
            (Some(here), Some(there)) if self.continues(here, there)? => self.set_head(there)?,
            (Some(here), there) => {
                let ahead = match there {
                    Some(there) => self.continues(there, here)?,
                    None => true,
                };
                if !ahead {
                    self.requeue(here, there, stamp, &mut synced)?;
                }
                let head = self.head()?;
                let from = there.map(|oid| self.position(oid)).transpose()?.map_or(0, |at| at.height);
                let to = head.map(|oid| self.position(oid)).transpose()?.map_or(0, |at| at.height);
                if let Some(head) = head.filter(|head| Some(*head) != there) {
                    self.push(remote, head, there)?;
                }
                synced.sent = usize::try_from(to - from).unwrap_or_default();
            }
        }
        Ok(synced)
    }

    fn set_head(&self, to: Oid) -> Result<(), JournalError> {
        self.git().reference(&reference(), to, true, "monkeytown: follow the remote").map_err(JournalError::MoveRef)?;
        Ok(())
    }

    /// Appends again, on the remote's tip, what was appended here while the remote was away. Events keep their ids and
    /// times; one that no longer fits is reported, and the old commits are kept under a reference of their own.
    fn requeue(&self, here: Oid, there: Option<Oid>, stamp: &Stamp, synced: &mut Synced) -> Result<(), JournalError> {
        let Some(there) = there else { return Ok(()) };
        let waiting = self.commits_not_in(here, there)?;
        // A fact that both sides observed has one id; it is recorded there already.
        let known = self.commits_not_in(there, here)?.into_iter().flat_map(|commit| commit.events);
        let known: HashSet<String> = known.map(|event| event.id).collect();
        self.set_head(there)?;
        let mut tip = self.load_at(there, None)?;
        for commit in waiting {
            let mut fitting = Vec::new();
            let mut town = tip.town.clone();
            for event in commit.events.into_iter().filter(|event| !known.contains(&event.id)) {
                let mut tried = town.clone();
                if tried.apply(&event).is_ok() {
                    town = tried;
                    fitting.push(event);
                } else {
                    synced.dropped.push(format!("{} ({})", commit.subject, event.kind));
                }
            }
            if fitting.is_empty() {
                continue;
            }
            let next = self.commit(&tip, &commit.subject, fitting, stamp)?;
            self.set_head(next.oid)?;
            tip = self.landed(next, true).tip;
        }
        if !synced.dropped.is_empty() {
            let keep = format!("refs/monkeytown/kept/{here}");
            self.git().reference(&keep, here, true, "monkeytown: did not fit").map_err(JournalError::MoveRef)?;
            synced.kept = Some(keep);
        }
        Ok(())
    }

    /// The commits of `here` that `there` does not have, oldest first.
    fn commits_not_in(&self, here: Oid, there: Oid) -> Result<Vec<Commit>, JournalError> {
        let git = self.git();
        let mut walk = git.revwalk().map_err(JournalError::ReadObject)?;
        walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE).map_err(JournalError::ReadObject)?;
        walk.push(here).and_then(|()| walk.hide(there)).map_err(JournalError::ReadObject)?;
        walk.map(|oid| {
            let oid = oid.map_err(JournalError::ReadObject)?;
            read::decode(oid, &read::raw(git, oid)?)
        })
        .collect()
    }

    fn push(&self, remote: &Remote, to: Oid, from: Option<Oid>) -> Result<(), JournalError> {
        let lease = Some(from.unwrap_or(Oid::ZERO_SHA1));
        let spec = PushSpec { local: Some(to), reference: reference(), lease };
        remote.push(self.repo, &[spec], false, NETWORK_LIMIT)?;
        self.git().reference(&Self::tracking(remote), to, true, "monkeytown: sent").map_err(JournalError::MoveRef)?;
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

    /// Appends where a remote decides who was first: commit on its tip, push with a lease, decide again on a lost race.
    pub(super) fn append_remote(
        &self,
        remote: &Remote,
        stamp: &Stamp,
        decide: &dyn Fn(&Town) -> Result<Vec<Draft>, Rejected>,
    ) -> Result<Appended, JournalError> {
        let mut waits = backon::BackoffBuilder::build(
            backon::ExponentialBuilder::default()
                .with_min_delay(std::time::Duration::from_millis(5))
                .with_max_delay(std::time::Duration::from_millis(400))
                .with_jitter()
                .with_max_times(REMOTE_ATTEMPTS),
        );
        loop {
            let tip = self.load()?;
            let Some(next) = self.prepare(&tip, stamp, decide)? else {
                return Ok(Appended { tip, events: Vec::new(), queued: false });
            };
            match self.push(remote, next.oid, tip.oid) {
                Ok(()) => {
                    self.set_head(next.oid)?;
                    return Ok(self.landed(next, false));
                }
                Err(JournalError::Git(error)) if error.is_raced() => {
                    let Some(wait) = waits.next() else { return Err(JournalError::Crowded(REMOTE_ATTEMPTS)) };
                    #[expect(clippy::disallowed_methods, reason = "a backoff between two attempts")]
                    std::thread::sleep(wait);
                    self.fetch(remote)?;
                    self.reconcile(remote, stamp)?;
                }
                Err(error) if error.is_unavailable() => {
                    self.offline.set(true);
                    self.set_head(next.oid)?;
                    return Ok(self.landed(next, true));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
