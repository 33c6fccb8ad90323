//! The journal: a branch whose commits carry the events, appended by compare-and-swap.
//!
//! Lives here: loading the state (cache, snapshot, shallow start), appending with re-decide, verification.
//! Never here: what an event means or what is allowed (see [`crate::town`]). Start with [`Journal::load`] and
//! [`Journal::append`].

pub mod adopt;
pub mod blocks;
pub mod cache;
mod chunks;
pub mod codec;
mod errors;
mod fetch;
mod graph;
pub mod read;
pub mod snapshot;
pub mod sync;
pub mod verify;

use git2::{Oid, Repository};

pub use self::errors::JournalError;

use self::codec::Position;
use self::read::{At, Commit, End, Step};
use crate::town::decide::Rejected;
use crate::town::envelope::{BadEvent, Draft, Envelope, Stamp};
use crate::town::finding::Finding;
use crate::town::fold::Town;
use crate::town::limits::{JOURNAL_BRANCH, SNAPSHOT_EVERY};

use super::home::Home;
use super::remote::Remote;
use super::repo::Repo;

/// Times that a local append is decided again before it gives up: more than any town has writers.
const LOCAL_ATTEMPTS: usize = 200;

/// The state at the journal's newest commit.
#[derive(Clone, Debug, Default)]
pub struct Tip {
    /// The commit; `None` before the first append.
    pub oid: Option<Oid>,
    /// Where it stands.
    pub at: Position,
    /// The state after it.
    pub town: Town,
}

impl Tip {
    fn fold_one(&mut self, step: &Step) -> Result<(), JournalError> {
        check_sequence(step, self.at)?;
        if let Some(first) = step.happened.iter().find_map(|happened| self.town.fold_one(happened)) {
            return Err(JournalError::DoesNotFold { first: first.message });
        }
        self.at = step.at;
        self.oid = Some(step.oid);
        Ok(())
    }
}

/// What an append did.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The state after it.
    pub tip: Tip,
    /// The events that were written; none where everything was recorded before.
    pub events: Vec<Envelope>,
    /// Whether they wait here because the remote could not be reached.
    pub queued: bool,
}

/// The journal of one repository, and of its home where that is a remote.
pub struct Journal<'r> {
    repo: &'r Repo,
    remote: Option<&'r Remote>,
    /// The reference that is read.
    at: String,
    offline: std::cell::Cell<bool>,
    watch: Option<&'r dyn Fn(sync::JoinStep)>,
}

/// The full name of the journal's branch.
#[must_use]
pub fn reference() -> String {
    format!("refs/heads/{JOURNAL_BRANCH}")
}

impl<'r> Journal<'r> {
    /// The journal of `repo`; with a remote, that is where appends must arrive.
    #[must_use]
    pub fn new(repo: &'r Repo, remote: Option<&'r Remote>) -> Self {
        Self { repo, remote, at: reference(), offline: std::cell::Cell::new(false), watch: None }
    }

    /// The journal of a home as it is told to others, only to be read: where that is a remote, what was fetched of it, be it what
    /// was seen before or not. What waits here is told when the remote has it.
    #[must_use]
    pub fn told(home: &'r Home) -> Self {
        let at = home.remote.as_ref().map_or_else(reference, |remote| Self::shown(&home.repo, remote));
        Self { at, ..Self::new(&home.repo, None) }
    }

    /// The same journal, which tells `watch` each step of joining what waited here with the remote.
    #[must_use]
    pub fn watched(mut self, watch: &'r dyn Fn(sync::JoinStep)) -> Self {
        self.watch = Some(watch);
        self
    }

    fn git(&self) -> &Repository {
        self.repo.git()
    }

    /// Whether the remote could not be reached the last time it was asked.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.offline.get()
    }

    /// The commit that the journal's branch points at.
    ///
    /// # Errors
    /// [`JournalError::ReadObject`] when the reference cannot be read.
    pub fn head(&self) -> Result<Option<Oid>, JournalError> {
        find(self.git(), &self.at)
    }

    /// The state at the tip: from the cache where it is still good, else from the snapshot and the events since.
    ///
    /// # Errors
    /// [`JournalError`] when the journal is damaged, rewritten or incomplete: nothing may be built on it then.
    pub fn load(&self) -> Result<Tip, JournalError> {
        let cached = cache::read(&self.repo.private_dir()?, &self.at);
        let Some(tip) = self.head()? else {
            return match cached {
                Some(seen) => Err(self.rewritten(seen.tip, seen.at.seq, None, "")),
                None => Ok(Tip::default()),
            };
        };
        self.load_at(tip, cached)
    }

    fn load_at(&self, tip: Oid, cached: Option<cache::Cached>) -> Result<Tip, JournalError> {
        if let Some(cached) = &cached
            && cached.tip == tip
        {
            return Ok(Tip { oid: Some(tip), at: cached.at, town: cached.town.clone() });
        }
        let loaded = match cached {
            Some(cached) => self.catch_up(tip, &cached)?,
            None => self.fold_from_snapshot(tip)?,
        };
        self.remember(&loaded);
        Ok(loaded)
    }

    fn remember(&self, tip: &Tip) {
        if let (Some(oid), Ok(private)) = (tip.oid, self.repo.private_dir()) {
            let cached = cache::Cached { tip: oid, at: tip.at, town: tip.town.clone() };
            cache::write(&private, &self.at, &cached);
        }
    }

    /// Folds what came after the cached tip, which must still be part of the history.
    fn catch_up(&self, tip: Oid, cached: &cache::Cached) -> Result<Tip, JournalError> {
        let position = codec::position(&read::raw(self.git(), tip)?.message)
            .map_err(|source| JournalError::Damaged { oid: tip.to_string(), source })?;
        let seen = cached.tip;
        let (commits, end) = read::steps(self.git(), tip, |oid, at| {
            oid == seen || at().is_some_and(|at| at.height <= cached.at.height)
        })?;
        let last = commits.first().and_then(|first| first.as_ref().ok()).and_then(|first| first.parent);
        match end {
            End::Stop if last == Some(seen) => {
                Self::fold_on(Tip { oid: Some(seen), at: cached.at, town: cached.town.clone() }, commits)
            }
            // A shallow fetch may have skipped the commits between: the snapshot bridges them if it is newer.
            End::Shallow(_) if position.seq > cached.at.seq => self.fold_from_snapshot(tip),
            _ => Err(self.rewritten(seen, cached.at.seq, Some(tip), "")),
        }
    }

    /// The refusal, with what to do beside it `first` where the rewrite was meant.
    fn rewritten(&self, seen: Oid, seq: u64, tip: Option<Oid>, first: &str) -> JournalError {
        let cached = self.repo.common_dir().join("monkeytown/fold-*.json");
        JournalError::Rewritten {
            seq,
            seen: seen.to_string(),
            tip: tip.map_or_else(|| "nowhere".to_owned(), |oid| oid.to_string()),
            forget: format!("{first}delete {}", cached.display()),
        }
    }

    /// Starts at the snapshot of the tip's tree and folds the events since. In a shallow clone the missing commits are
    /// fetched, exactly as many as there are.
    fn fold_from_snapshot(&self, tip: Oid) -> Result<Tip, JournalError> {
        let raw = read::raw(self.git(), tip)?;
        let at =
            codec::position(&raw.message).map_err(|source| JournalError::Damaged { oid: tip.to_string(), source })?;
        let snapshot = snapshot::read(self.git(), raw.tree)?.filter(|s| s.town.seq <= at.seq && s.height <= at.height);
        let Some(snapshot) = snapshot else { return self.fold_from_start(tip, at) };
        let reach = snapshot.height;
        let stop = |_: Oid, at: At<'_>| at().is_some_and(|at| at.height <= reach);
        let (mut commits, mut end) = read::steps(self.git(), tip, stop)?;
        if matches!(end, End::Shallow(_)) && (commits.len() as u64) < at.height - reach {
            self.deepen(at.height - reach - commits.len() as u64)?;
            (commits, end) = read::steps(self.git(), tip, stop)?;
        }
        let oldest = commits.first().and_then(|c| c.as_ref().ok()).map(|c| c.at.height);
        match end {
            End::Shallow(oid) if oldest.is_some_and(|height| height > reach + 1) => {
                return Err(JournalError::Missing { oid: oid.to_string() });
            }
            End::Root if reach > 0 && oldest.is_some_and(|height| height != reach + 1) => {
                return Err(JournalError::Missing { oid: format!("number {}", reach + 1) });
            }
            _ => {}
        }
        let start = Tip { oid: None, at: Position { seq: snapshot.town.seq, height: reach }, town: snapshot.town };
        let mut loaded = Self::fold_on(start, commits)?;
        loaded.oid = Some(tip);
        Ok(loaded)
    }

    fn fold_from_start(&self, tip: Oid, at: Position) -> Result<Tip, JournalError> {
        let (mut commits, mut end) = read::steps(self.git(), tip, |_, _| false)?;
        if matches!(end, End::Shallow(_)) {
            self.deepen(at.height - commits.len() as u64)?;
            (commits, end) = read::steps(self.git(), tip, |_, _| false)?;
        }
        if let End::Shallow(oid) = end {
            return Err(JournalError::Missing { oid: oid.to_string() });
        }
        Self::fold_on(Tip::default(), commits)
    }

    /// Applies decoded commits, oldest first. What does not fit stops here: a state that is wrong must not decide.
    fn fold_on(mut tip: Tip, commits: Vec<Result<Step, JournalError>>) -> Result<Tip, JournalError> {
        for commit in commits {
            tip.fold_one(&commit?)?;
        }
        Ok(tip)
    }

    /// Folds everything from the first event, whatever the cache and the snapshots say.
    ///
    /// # Errors
    /// As [`Journal::load`].
    pub fn refold(&self) -> Result<Tip, JournalError> {
        let Some(tip) = self.head()? else { return Ok(Tip::default()) };
        let mut folded = Tip::default();
        if chunks::each(self.git(), tip, |step| folded.fold_one(&step).ok()).is_some() {
            return Ok(folded);
        }
        let (commits, end) = read::steps(self.git(), tip, |_, _| false)?;
        if let End::Shallow(oid) = end {
            return Err(JournalError::Missing { oid: oid.to_string() });
        }
        Self::fold_on(Tip::default(), commits)
    }

    /// Where the journal's newest commit stands, without folding anything.
    ///
    /// # Errors
    /// When that commit cannot be read.
    pub fn tip_position(&self) -> Result<Position, JournalError> {
        let Some(tip) = self.head()? else { return Ok(Position::default()) };
        codec::position(&read::raw(self.git(), tip)?.message)
            .map_err(|source| JournalError::Damaged { oid: tip.to_string(), source })
    }

    /// The state after event `seq`, folded from the start. What does not fit is left out of it, as `log verify` tells.
    ///
    /// # Errors
    /// When an object cannot be read or a commit is damaged.
    pub fn state_at(&self, seq: u64) -> Result<Town, JournalError> {
        let mut town = Town::default();
        for commit in self.commits_after(0)? {
            let wanted = commit.events.iter().take(usize::try_from(seq.saturating_sub(town.seq)).unwrap_or(usize::MAX));
            town.fold_on(wanted);
        }
        Ok(town)
    }

    /// Reads the commits that carry the events after `after`, oldest first.
    ///
    /// # Errors
    /// When an object cannot be read or a commit is damaged.
    pub fn commits_after(&self, after: u64) -> Result<Vec<Commit>, JournalError> {
        self.each_after(after, |commit| commit)
    }

    /// Reads the same commits, and keeps of each only what `each` makes of it.
    ///
    /// # Errors
    /// As [`Journal::commits_after`].
    pub fn each_after<T: Send>(&self, after: u64, each: impl Fn(Commit) -> T + Sync) -> Result<Vec<T>, JournalError> {
        let Some(tip) = self.head()? else { return Ok(Vec::new()) };
        match self.walk_deep(tip, after, &each)? {
            (_, End::Shallow(oid)) => Err(JournalError::Missing { oid: oid.to_string() }),
            (commits, _) => commits.into_iter().collect(),
        }
    }

    /// Walks down to event `after`; what a shallow clone lacks on the way is fetched once.
    fn walk_deep<T: Send>(
        &self,
        tip: Oid,
        after: u64,
        each: &(impl Fn(Commit) -> T + Sync),
    ) -> Result<read::Walk<T>, JournalError> {
        let walk = || {
            let stop = |_: Oid, at: At<'_>| at().is_some_and(|at| at.seq <= after);
            read::walk_to(self.git(), tip, stop, |commit| (commit.at.height, each(commit)))
        };
        let (mut commits, mut end) = walk()?;
        let oldest = commits.first().and_then(|commit| commit.as_ref().ok()).map(|(height, _)| *height);
        if let (End::Shallow(_), Some(height)) = (end, oldest)
            && self.remote.is_some()
            && !self.offline.get()
        {
            self.deepen(height.saturating_sub(1))?;
            (commits, end) = walk()?;
        }
        Ok((commits.into_iter().map(|commit| commit.map(|(_, made)| made)).collect(), end))
    }

    /// Decides on the newest state and appends what was decided. On a lost race it folds what came and decides again.
    ///
    /// # Errors
    /// [`JournalError::Rejected`] when the (newest) state forbids it; others when the journal or the remote fail.
    pub fn append(
        &self,
        stamp: &Stamp,
        decide: impl Fn(&Town) -> Result<Vec<Draft>, Rejected>,
    ) -> Result<Appended, JournalError> {
        let _one_at_a_time = self.repo.lock_waiting("journal")?;
        match self.remote {
            Some(remote) if !self.offline.get() => self.append_remote(remote, stamp, &decide),
            _ => {
                let mut appended = self.append_local(stamp, &decide)?;
                appended.queued = self.remote.is_some() && !appended.events.is_empty();
                Ok(appended)
            }
        }
    }

    fn append_local(
        &self,
        stamp: &Stamp,
        decide: &dyn Fn(&Town) -> Result<Vec<Draft>, Rejected>,
    ) -> Result<Appended, JournalError> {
        for _ in 0..LOCAL_ATTEMPTS {
            let tip = self.load()?;
            let Some(next) = self.prepare(&tip, stamp, decide)? else {
                return Ok(Appended { tip, events: Vec::new(), queued: false });
            };
            match self.repo.set_reference(&reference(), next.oid, tip.oid, "monkeytown: append") {
                Err(error) if error.is_raced() => {}
                moved => return Ok(moved.map(|()| self.landed(next, false))?),
            }
        }
        Err(JournalError::Crowded(LOCAL_ATTEMPTS))
    }

    fn landed(&self, next: Next, queued: bool) -> Appended {
        let tip = Tip { oid: Some(next.oid), at: next.at, town: next.town };
        self.remember(&tip);
        Appended { tip, events: next.events, queued }
    }

    /// Decides, and writes the commit that would follow `tip`, without moving anything. The events are applied to a
    /// copy of the state first: what does not fold is never written.
    fn prepare(
        &self,
        tip: &Tip,
        stamp: &Stamp,
        decide: &dyn Fn(&Town) -> Result<Vec<Draft>, Rejected>,
    ) -> Result<Option<Next>, JournalError> {
        let drafts = decide(&tip.town)?;
        if drafts.is_empty() {
            return Ok(None);
        }
        let sealed: Result<Vec<Envelope>, BadEvent> =
            drafts.iter().enumerate().map(|(index, draft)| draft.seal(stamp, index)).collect();
        let subject = drafts.last().map(|draft| draft.event.sentence()).unwrap_or_default();
        self.commit(tip, &subject, sealed?, stamp).map(Some)
    }

    /// Writes a commit with these events on `tip`.
    fn commit(&self, tip: &Tip, subject: &str, events: Vec<Envelope>, stamp: &Stamp) -> Result<Next, JournalError> {
        let git = self.git();
        let mut town = tip.town.clone();
        let findings = town.fold_on(&events);
        if let Some(Finding { message, .. }) = findings.first() {
            return Err(JournalError::DoesNotFold { first: message.clone() });
        }
        let at = Position { seq: tip.at.seq + events.len() as u64, height: tip.at.height + 1 };
        let parent = tip.oid.map(|oid| git.find_commit(oid)).transpose().map_err(JournalError::ReadObject)?;
        let renew = tip.at.seq / SNAPSHOT_EVERY != at.seq / SNAPSHOT_EVERY;
        let tree = match &parent {
            Some(parent) if !renew => parent.tree_id(),
            Some(_) => snapshot::write_tree(git, &town, at)?,
            None => snapshot::write_tree(git, &Town::default(), Position::default())?,
        };
        let tree = git.find_tree(tree).map_err(JournalError::ReadObject)?;
        let message = codec::message(subject, &events, at)?;
        let time = git2::Time::new(stamp.time.timestamp(), 0);
        let who = git2::Signature::new("monkeytown", "journal@monkeytown.invalid", &time)
            .map_err(JournalError::WriteObject)?;
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let oid = git.commit(None, &who, &who, &message, &tree, &parents).map_err(JournalError::WriteObject)?;
        Ok(Next { oid, at, town, events })
    }
}

/// A commit that has been written and not yet been made the tip.
struct Next {
    oid: Oid,
    at: Position,
    town: Town,
    events: Vec<Envelope>,
}

/// A commit must continue exactly where the one before ended.
fn check_sequence(commit: &Step, before: Position) -> Result<(), JournalError> {
    let fits = commit.at.seq == before.seq + commit.happened.len() as u64 && commit.at.height == before.height + 1;
    if fits {
        return Ok(());
    }
    Err(JournalError::Sequence {
        oid: commit.oid.to_string(),
        seq: commit.at.seq,
        events: commit.happened.len(),
        before: before.seq,
    })
}

fn find(repo: &Repository, name: &str) -> Result<Option<Oid>, JournalError> {
    match repo.refname_to_id(name) {
        Ok(oid) => Ok(Some(oid)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(JournalError::ReadObject(error)),
    }
}
