//! The journal and its remote: publishing, and what waits while the remote is away.
//! Lives here: queued appends, joining them with what others wrote. Never here: what comes from the remote (see `fetch.rs`),
//! local appends.

use std::collections::{BTreeMap, HashSet};

use git2::Oid;

use super::fetch::Purpose;
use super::read::{self, Commit};
use super::{Appended, Journal, JournalError, Tip, cache, find, reference};
use crate::git::home::NETWORK_LIMIT;
use crate::git::remote::{PushSpec, Remote};
use crate::town::decide::Rejected;
use crate::town::envelope::{Draft, Envelope, Stamp};
use crate::town::event::Event;
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
    /// Whether the remote's journal had something new.
    pub moved: bool,
    /// Queued events that no longer fit what happened meanwhile, as sentences with the reference that keeps them, and whether
    /// that is in this clone only.
    pub dropped: Vec<String>,
}

impl Synced {
    /// What people have to hear of it, as sentences: their work may be somewhere else than they think.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.dropped.iter().map(|what| format!("did not fit any more, and is kept: {what}"))
    }
}

/// A step of joining what waited here with the remote's journal, after which the process may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinStep {
    /// What waited is written on the remote's tip, and nothing points at it yet.
    Replayed,
    /// What did not fit has its references.
    Kept,
    /// The cache of the old history is gone.
    Forgotten,
    /// The branch has moved.
    Joined,
}

impl JoinStep {
    /// The name of the moment, as tests that kill the process use it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Kept => "kept",
            Self::Forgotten => "forgotten",
            Self::Joined => "joined",
        }
    }
}

/// What came of writing the waiting commits again.
enum Replayed {
    /// All of them fit.
    All(Box<Tip>),
    /// An event does not; it and all of its run have to be left out.
    Misfit(String),
}

/// What is left out together: the events of a run, or an event that belongs to none.
fn mark(event: &Envelope) -> String {
    event.corr.as_ref().map_or_else(|| event.id.clone(), ToString::to_string)
}

/// What a run used is paid for, and counts whatever becomes of the run.
fn is_left_out(event: &Envelope, misfits: &HashSet<String>) -> bool {
    misfits.contains(&mark(event)) && !matches!(event.event(), Ok(Some(Event::UsageMetered(_))))
}

impl Journal<'_> {
    /// Fetches the remote's journal and sends what waits here. Without a remote there is nothing to do; with one that
    /// cannot be reached the journal goes on locally.
    ///
    /// # Errors
    /// [`JournalError`] when the remote's journal was rewritten, or the two cannot be joined.
    pub fn sync(&self, stamp: &Stamp) -> Result<Synced, JournalError> {
        let Some(remote) = self.remote else { return Ok(Synced { online: true, ..Synced::default() }) };
        let _one_at_a_time = self.repo.lock_waiting("journal")?;
        let seen = find(self.git(), &Self::tracking(remote))?;
        match self.fetch(remote, Purpose::Build) {
            Ok(()) => {
                self.offline.set(false);
                let mut synced = self.reconcile(remote, stamp)?;
                synced.moved |= find(self.git(), &Self::tracking(remote))? != seen;
                Ok(synced)
            }
            Err(error) if error.is_unavailable() => {
                self.offline.set(true);
                Ok(Synced::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether something was appended here that the remote does not have.
    ///
    /// # Errors
    /// [`JournalError`] when a reference cannot be read.
    pub fn waiting(&self) -> Result<bool, JournalError> {
        let Some(remote) = self.remote else { return Ok(false) };
        let here = self.head()?;
        Ok(here.is_some() && here != find(self.git(), &Self::tracking(remote))?)
    }

    /// The newest commit here, and the newest that the remote is known to have.
    ///
    /// # Errors
    /// [`JournalError`] when there is no journal here.
    pub fn ends(&self) -> Result<(Oid, Option<Oid>), JournalError> {
        let here = self.head()?.ok_or_else(|| JournalError::Missing { oid: reference() })?;
        let there = self.remote.map(|remote| find(self.git(), &Self::tracking(remote))).transpose()?.flatten();
        Ok((here, there))
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
                if let (false, Some(there)) = (ahead, there) {
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

    pub(super) fn set_head(&self, to: Oid) -> Result<(), JournalError> {
        Ok(self.repo.force_reference(&reference(), to, "monkeytown: follow the remote")?)
    }

    /// Appends again, on the remote's tip, what was appended here while the remote was away. Events keep their ids and
    /// times. Where one no longer fits, all of its run is left out but for what it used, and the old commits, with the work that the run was about
    /// to publish, are kept under references of their own. The branch moves once, at the end: a kill before leaves all as it was.
    fn requeue(&self, here: Oid, there: Oid, stamp: &Stamp, synced: &mut Synced) -> Result<(), JournalError> {
        let waiting = self.commits_not_in(here, there)?;
        // A fact that both sides observed has one id; it is recorded there already.
        let known = self.commits_not_in(there, here)?.into_iter().flat_map(|commit| commit.events);
        let known: HashSet<String> = known.map(|event| event.id).collect();
        let (tip, misfits) = self.replay_what_fits(&self.fold_from_snapshot(there)?, &waiting, &known, stamp)?;
        self.tell(JoinStep::Replayed);
        if !misfits.is_empty() {
            let left_out =
                waiting.iter().flat_map(|commit| &commit.events).filter(|event| is_left_out(event, &misfits));
            self.keep_misfits(here, left_out, synced)?;
            self.tell(JoinStep::Kept);
        }
        // The cache knows the old history; it goes first, so that the new one is not taken for a rewrite.
        cache::forget(&self.repo.private_dir()?, &reference());
        self.tell(JoinStep::Forgotten);
        self.set_head(tip.oid.unwrap_or(there))?;
        self.tell(JoinStep::Joined);
        self.remember(&tip);
        Ok(())
    }

    fn tell(&self, step: JoinStep) {
        if let Some(watch) = self.watch {
            watch(step);
        }
    }

    /// Writes the waiting commits on `start` without moving anything, and says which runs had to be left out.
    fn replay_what_fits(
        &self,
        start: &Tip,
        waiting: &[Commit],
        known: &HashSet<String>,
        stamp: &Stamp,
    ) -> Result<(Tip, HashSet<String>), JournalError> {
        let mut misfits = HashSet::new();
        // Each round may find one more run that does not fit, and then begins anew without it.
        loop {
            match self.replay(start, waiting, known, &misfits, stamp)? {
                Replayed::All(tip) => return Ok((*tip, misfits)),
                Replayed::Misfit(mark) => misfits.insert(mark),
            };
        }
    }

    /// Writes the waiting commits on `start` without moving anything, leaving out what is known or does not fit.
    fn replay(
        &self,
        start: &Tip,
        waiting: &[Commit],
        known: &HashSet<String>,
        misfits: &HashSet<String>,
        stamp: &Stamp,
    ) -> Result<Replayed, JournalError> {
        let mut tip = start.clone();
        for commit in waiting {
            let wanted = |event: &&Envelope| !known.contains(&event.id) && !is_left_out(event, misfits);
            let events: Vec<Envelope> = commit.events.iter().filter(wanted).cloned().collect();
            let mut town = tip.town.clone();
            for event in &events {
                if town.apply(event).is_err() {
                    return Ok(Replayed::Misfit(mark(event)));
                }
            }
            if !events.is_empty() {
                let next = self.commit(&tip, &commit.subject, events, stamp)?;
                tip = Tip { oid: Some(next.oid), at: next.at, town: next.town };
            }
        }
        Ok(Replayed::All(Box::new(tip)))
    }

    /// Gives what did not fit references of its own, here and at home: this clone may be gone tomorrow.
    pub(super) fn keep_misfits<'e>(
        &self,
        here: Oid,
        misfits: impl Iterator<Item = &'e Envelope>,
        synced: &mut Synced,
    ) -> Result<(), JournalError> {
        let journal = format!("refs/monkeytown/kept/{here}");
        let mut kept = BTreeMap::from([(journal.clone(), here)]);
        let mut left_out = Vec::new();
        for event in misfits {
            let Ok(Some(known)) = event.event() else { continue };
            let mut place = journal.clone();
            if let Event::RunProposed(proposed) = &known
                && let Ok(head) = Oid::from_str(proposed.offer.head.as_str())
                && self.repo.has(head)
            {
                place = format!("refs/monkeytown/kept/{}", proposed.run);
                kept.insert(place.clone(), head);
            }
            left_out.push((known.sentence(), place));
        }
        for (name, oid) in &kept {
            self.repo.force_reference(name, *oid, "monkeytown: did not fit")?;
        }
        let not_sent = self.send_home(kept);
        synced.dropped.extend(left_out.into_iter().map(|(what, place)| {
            let only = if not_sent.contains(&place) { ", in this clone only" } else { "" };
            format!("{what} ({place}{only})")
        }));
        Ok(())
    }

    /// Sends references of our own home, each by itself, and returns those that did not arrive.
    fn send_home(&self, references: BTreeMap<String, Oid>) -> HashSet<String> {
        let Some(remote) = self.remote else { return HashSet::new() };
        let arrived = |reference: &str, oid: Oid| {
            let spec = PushSpec { local: Some(oid), reference: reference.to_owned(), lease: None };
            let sent =
                if self.offline.get() { None } else { Some(remote.push_over(self.repo, &[spec], NETWORK_LIMIT)) };
            if let Some(Err(error)) = &sent {
                tracing::warn!(%error, reference, "it stays in this clone");
            }
            matches!(sent, Some(Ok(_)))
        };
        references.into_iter().filter(|(name, oid)| !arrived(name, *oid)).map(|(name, _)| name).collect()
    }

    /// The commits of `here` that `there` does not have, oldest first.
    pub(super) fn commits_not_in(&self, here: Oid, there: Oid) -> Result<Vec<Commit>, JournalError> {
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
        Ok(self.repo.force_reference(&Self::tracking(remote), to, "monkeytown: sent")?)
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
                    self.fetch(remote, Purpose::Build)?;
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
