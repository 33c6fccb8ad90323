//! The relay: what is new in the repository goes into the stream.
//! Lives here: the beginning out of git, following the journal and the default branch, histories that were rewritten. Never here:
//! what an event means, who listens.
//!
//! Order: recorded events stand where the journal has them. A commit of the default branch takes the place behind everything that
//! was there when it was seen; at the very first start commits are sorted in by their time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use git2::Oid;
use serde_json::value::RawValue;

use crate::git::errors::GitError;
use crate::git::home::Home;
use crate::git::journal::read::Commit;
use crate::git::journal::{Journal, JournalError, Tip};
use crate::git::repo::Repo;

use super::frame::Hole;
use super::hub::{Beginning, Hub, Incoming};
use super::landed;
use super::offset;
use super::places::{Places, Shelf};
use super::ring::{Capacity, Offset};
use super::tally::Milestone;

/// Commits of the default branch that the stream begins with, at the most.
pub(super) const COMMITS: usize = 100_000;

/// Commits of the journal that go into the stream together, with one state behind them.
const BATCH: usize = 64;

/// Why the repository cannot be relayed now.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The repository cannot be read.
    #[error("the repository cannot be read: {0}")]
    Git(#[from] GitError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Journal(#[from] JournalError),
    /// The repository cannot be opened.
    #[error("the repository cannot be opened: {0}")]
    Open(String),
    /// The repository was here, and is not any more.
    #[error("{0} is gone; what happens is relayed again when it is back")]
    Gone(String),
}

/// How the relay does, for whoever asks.
#[derive(Debug)]
pub struct Health {
    trouble: Mutex<Option<String>>,
    /// In milliseconds; negative where nothing was relayed yet.
    lag: AtomicI64,
}

impl Default for Health {
    fn default() -> Self {
        Self { trouble: Mutex::default(), lag: AtomicI64::new(-1) }
    }
}

impl Health {
    /// Why nothing new is relayed, where that is so.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How old the newest event was when it was relayed, in milliseconds.
    #[must_use]
    pub fn lag_ms(&self) -> Option<u64> {
        u64::try_from(self.lag.load(Ordering::Relaxed)).ok()
    }

    /// Says how old the newest event was.
    pub fn lag(&self, lag: Option<u64>) {
        if let Some(lag) = lag.and_then(|lag| i64::try_from(lag).ok()) {
            self.lag.store(lag, Ordering::Relaxed);
        }
    }

    /// Says how it went.
    pub fn set(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// How the relay reaches the repository and the world.
pub struct Edge {
    /// Opens the town's repository, without asking any remote.
    pub open: Box<dyn Fn() -> Result<Home, String> + Send>,
    /// Randomness for epochs.
    pub random: Box<dyn Fn() -> u128 + Send>,
    /// The moment that it is.
    pub now: Box<dyn Fn() -> DateTime<Utc> + Send>,
    /// The town as a URI reference.
    pub source: String,
}

/// What follows the repository.
pub struct Relay {
    edge: Edge,
    home: Option<Home>,
    /// The git folder as it was found at the beginning.
    dir: PathBuf,
    shelf: Shelf,
    places: Places,
    /// The state and the journal's commit as they were relayed.
    tip: Tip,
    /// How old the newest event was when it was relayed, in milliseconds.
    lag: Option<u64>,
}

/// What is in the ring at the beginning, in the order of offsets.
struct Past {
    events: Vec<(Offset, Option<u64>, String, Box<RawValue>)>,
    /// How the runs among them began and ended.
    runs: Vec<Milestone>,
    tip: Tip,
    places: Places,
    /// What stands at or before this offset is not among the events.
    floor: Offset,
}

/// A commit of the journal as it is told: all of its events, and of itself no more than says where it stands.
struct Told {
    oid: Oid,
    /// The number of its last event.
    seq: u64,
    time: Option<DateTime<Utc>>,
    lines: Vec<(String, Box<RawValue>)>,
    runs: Vec<Milestone>,
}

impl Told {
    fn of(commit: &Commit) -> Self {
        Self {
            oid: commit.oid,
            seq: commit.at.seq,
            time: commit.events.last().map(|event| event.time),
            lines: lines(commit),
            runs: commit.events.iter().filter_map(Milestone::of).collect(),
        }
    }

    /// The number of its first event.
    fn first_seq(&self) -> u64 {
        (self.seq + 1).saturating_sub(self.lines.len() as u64)
    }
}

impl Relay {
    /// Reads the repository, and makes the hub that stands at its end.
    ///
    /// # Errors
    /// [`RelayError`] when the town cannot be read.
    pub fn begin(edge: Edge, capacity: Capacity, limits: serde_json::Value) -> Result<(Self, Hub), RelayError> {
        let home = (edge.open)().map_err(RelayError::Open)?;
        let shelf = Shelf::take(&home.repo)?;
        let past = remembered(&home, &edge, shelf.path(), capacity.frames)?;
        let hub = Hub::new(capacity, limits);
        let dir = home.repo.common_dir().to_owned();
        let mut relay =
            Self { edge, home: Some(home), dir, shelf, places: Places::default(), tip: Tip::default(), lag: None };
        relay.take_over(&hub, past);
        Ok((relay, hub))
    }

    /// The stream stands from now on at the end of this past.
    fn take_over(&mut self, hub: &Hub, past: Past) {
        let newest = offset::of_seq(past.tip.at.seq).max(past.places.mark);
        let lost = past.places.lost;
        (self.tip, self.places) = (past.tip, past.places);
        if let Some(oid) = self.tip.oid {
            self.places.journal = Some((self.tip.at.seq, oid));
        }
        self.places.tidy();
        // Nothing, as long as a later process would not know of it.
        let bound = self.places.mark(newest).unwrap_or_default();
        let beginning = Beginning {
            epoch: self.places.epoch.clone(),
            floor: past.floor,
            newest,
            lost,
            bound: Some(bound),
            rewritten: self.places.rewritten,
            main: self.places.main_over_time(),
            town: self.tip.town.clone(),
            head: self.tip.oid.map(|oid| oid.to_string()),
        };
        hub.counts.runs.clear();
        hub.counts.runs.add(past.runs);
        // What lies in the ring needs no place here as well: a long past would be held twice.
        hub.restart(beginning, |put| {
            for (offset, seq, id, json) in past.events {
                put(&Incoming { offset, seq, id: &id, json: &json });
            }
        });
    }

    /// The git folder that is followed.
    #[must_use]
    pub fn git_dir(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.repo.common_dir().to_owned())
    }

    /// How old the newest event was when it was relayed, in milliseconds.
    #[must_use]
    pub const fn lag(&self) -> Option<u64> {
        self.lag
    }

    /// The process is about to end: writes down what the next one can then know exactly.
    pub fn end(mut self, hub: &Hub) {
        let (newest, lost) = hub.fleeting();
        self.places.end(newest, lost);
    }

    /// Writes down that offsets some way behind this one may be given to what is in no repository, and lets that be where a later
    /// process knows of it.
    fn mark(&mut self, hub: &Hub, offset: Offset) {
        if let Some(bound) = self.places.mark(offset) {
            hub.allow(bound);
        }
    }

    /// Looks once for what is new. Says whether there was something.
    ///
    /// # Errors
    /// [`RelayError`]; the next look opens the repository again.
    pub fn look(&mut self, hub: &Hub) -> Result<bool, RelayError> {
        let looked = self.look_at(hub);
        // Running agents tell on, whatever came of it; but nothing is written in the place of a repository that was taken away.
        if is_there(&self.dir) {
            self.mark(hub, hub.now_at().1);
        }
        looked
    }

    fn look_at(&mut self, hub: &Hub) -> Result<bool, RelayError> {
        let home = match self.home.take() {
            Some(home) => home,
            None => (self.edge.open)().map_err(RelayError::Open)?,
        };
        // A folder that was taken away looks like one without any branch, and must not be taken for a history that was replaced.
        if !is_there(home.repo.common_dir()) {
            return Err(RelayError::Gone(home.repo.common_dir().display().to_string()));
        }
        // What is wrong with one of them holds up nothing of the other.
        let (journal, main) = (self.journal(&home, hub), self.main(&home, hub));
        let (journal, main) = (journal?, main?);
        self.home = Some(home);
        Ok(journal || main)
    }

    fn journal(&mut self, home: &Home, hub: &Hub) -> Result<bool, RelayError> {
        let journal = Journal::told(home);
        let head = journal.head()?;
        if head == self.tip.oid {
            return Ok(false);
        }
        let new = match head {
            Some(_) => journal.commits_after(self.tip.at.seq)?,
            None => Vec::new(),
        };
        let follows = new.first().is_some_and(|first| first.parent == self.tip.oid);
        if !follows {
            tracing::warn!(seq = self.tip.at.seq, "the journal was rewritten: the stream begins anew");
            let _ = std::fs::remove_file(self.shelf.path());
            let past = remembered(home, &self.edge, self.shelf.path(), hub.capacity().frames)?;
            self.take_over(hub, past);
            return Ok(true);
        }
        for batch in new.chunks(BATCH) {
            let Some(last) = batch.last() else { continue };
            // Before anything is given a place behind it that no later process would know of.
            self.mark(hub, offset::of_seq(last.at.seq));
            let mut lines = Vec::new();
            for commit in batch {
                hub.counts.runs.add(commit.events.iter().filter_map(Milestone::of));
                self.tip.town.fold_on(&commit.events);
                lines.extend((commit.first_seq()..).zip(self::lines(commit)));
            }
            let events = lines.iter().map(|(seq, (id, json))| {
                let (offset, seq) = (offset::of_seq(*seq), Some(*seq));
                Incoming { offset, seq, id, json }
            });
            hub.put_and_stand(events, &self.tip.town, last.oid.to_string());
            (self.tip.oid, self.tip.at) = (Some(last.oid), last.at);
            self.lag = last.events.last().map(|event| self.age(event.time));
        }
        if let Some(oid) = self.tip.oid {
            self.places.relayed(self.tip.at.seq, oid);
        }
        Ok(true)
    }

    /// How long ago a moment was, in milliseconds.
    fn age(&self, time: DateTime<Utc>) -> u64 {
        u64::try_from(((self.edge.now)() - time).num_milliseconds()).unwrap_or_default()
    }

    fn main(&mut self, home: &Home, hub: &Hub) -> Result<bool, RelayError> {
        let tip = home.main()?;
        if self.places.main == Some(tip) {
            return Ok(false);
        }
        let known: HashSet<Oid> = self.places.commits.keys().copied().collect();
        let (new, joined) = landed::unknown(&home.repo, tip, &known, COMMITS)?;
        let goes_on = match self.places.main {
            Some(before) => match home.repo.is_ancestor(before, tip) {
                Ok(goes_on) => goes_on,
                Err(GitError::NeedsDepth { .. }) => joined,
                // It is not here any more, as it would be behind the branch.
                Err(_) => false,
            },
            None => true,
        };
        if !goes_on && let Some(at) = hub.gap(Hole::Rewritten) {
            self.places.rewritten(at);
        }
        let landed = landed::read_all(&home.repo, &new, &self.edge.source)?;
        if landed.is_empty() {
            self.places.moved(hub.moved(tip), tip);
        }
        let commits: Vec<_> = landed.iter().map(|one| (one.oid, one.id.as_str(), &*one.json)).collect();
        let given = hub.place(&commits);
        let placed: Vec<(Oid, Offset)> = landed.iter().map(|one| one.oid).zip(given).collect();
        self.places.keep(&placed, Some(tip));
        Ok(true)
    }
}

/// Whether a git folder is where it was.
fn is_there(dir: &Path) -> bool {
    dir.join("HEAD").is_file()
}

fn lines(commit: &Commit) -> Vec<(String, Box<RawValue>)> {
    let line = |event: &crate::town::envelope::Envelope| {
        (event.id.clone(), serde_json::value::to_raw_value(event).unwrap_or_default())
    };
    commit.events.iter().map(line).collect()
}

/// The state at the journal's newest commit. What was rewritten is told as it is now; whether to build on it is for others to say.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read.
pub(super) fn tip(journal: &Journal<'_>) -> Result<Tip, JournalError> {
    match journal.load() {
        Err(JournalError::Rewritten { .. }) => journal.refold(),
        loaded => loaded,
    }
}

/// Everything that the repository has, as far as it may be in the ring, with the places that it had before.
fn remembered(home: &Home, edge: &Edge, path: &Path, most: usize) -> Result<Past, RelayError> {
    let journal = Journal::told(home);
    let tip = match tip(&journal) {
        // What a shallow clone lacks of the remote's journal is fetched meanwhile, and told from its beginning when it is here.
        Err(JournalError::Missing { .. }) if home.remote.is_some() => Tip::default(),
        tip => tip?,
    };
    let (commits, first) = recorded(&journal, &tip, tip.at.seq.saturating_sub(most as u64))?;
    let known = Places::read(path).filter(|places| places.fits(&home.repo, &commits, first, tip.oid));
    let main = home.main().ok();
    let landed = match main {
        Some(tip) => landed::unknown(&home.repo, tip, &HashSet::new(), COMMITS.min(most))?.0,
        None => Vec::new(),
    };
    let landed = landed::read_all(&home.repo, &landed, &edge.source)?;
    let places = known.unwrap_or_else(|| {
        let ends = commits.iter().filter_map(|commit| Some((commit.time?, commit.seq)));
        let mut places = Places::anew(path, (edge.random)());
        places.keep(&sort_in(ends, landed.iter().map(|one| (one.oid, one.time)), first), main);
        places
    });
    let (mut events, mut runs) = (Vec::with_capacity(commits.len() + landed.len()), Vec::new());
    for commit in commits {
        let seq = commit.first_seq();
        let numbered = commit.lines.into_iter().zip(seq..);
        runs.extend(commit.runs);
        events.extend(numbered.map(|((id, json), seq)| (offset::of_seq(seq), Some(seq), id, json)));
    }
    // Commits that landed while nobody looked get their places when the relay looks for the first time.
    let placed = landed.into_iter().filter_map(|one| Some((*places.commits.get(&one.oid)?, None, one.id, one.json)));
    events.extend(placed);
    let floor = offset::of_seq(first);
    events.retain(|(offset, ..)| *offset > floor);
    events.sort_by_key(|(offset, ..)| *offset);
    // What became of the branch while nobody looked is seen by the first look.
    Ok(Past { events, runs, tip, places, floor })
}

/// The commits of the journal behind a sequence number, and behind which one that is: a shallow clone has no more than it has.
fn recorded(journal: &Journal<'_>, tip: &Tip, after: u64) -> Result<(Vec<Told>, u64), RelayError> {
    if tip.oid.is_none() {
        return Ok((Vec::new(), after));
    }
    match journal.each_after(after, |commit| Told::of(&commit)) {
        Ok(mut commits) => {
            commits.retain(|commit| commit.seq <= tip.at.seq);
            // A commit is relayed whole.
            let first = commits.first().map_or(tip.at.seq, |first| first.first_seq() - 1);
            Ok((commits, first))
        }
        Err(JournalError::Missing { .. }) => Ok((Vec::new(), tip.at.seq)),
        Err(error) => Err(error.into()),
    }
}

/// Places for commits that never had one: behind the last recorded event that is not younger. `ends` are the commits of the journal
/// behind `first`, each by the time and the number of its last event.
pub(super) fn sort_in(
    ends: impl IntoIterator<Item = (DateTime<Utc>, u64)>,
    landed: impl IntoIterator<Item = (Oid, DateTime<Utc>)>,
    first: u64,
) -> Vec<(Oid, Offset)> {
    let mut ends = ends.into_iter().peekable();
    let (mut seq, mut place) = (first, offset::of_seq(first));
    let mut placed = Vec::new();
    for (oid, landed) in landed {
        while let Some((_, end)) = ends.next_if(|(time, _)| *time <= landed) {
            seq = end;
        }
        place = offset::next(place.max(offset::of_seq(seq))).unwrap_or(place);
        placed.push((oid, place));
    }
    placed
}

impl Places {
    /// Whether what was written down is of this history. Who cannot know it, in a clone that is too shallow, begins anew.
    fn fits(&self, repo: &Repo, commits: &[Told], first: u64, tip: Option<Oid>) -> bool {
        let Some((seq, oid)) = self.journal else { return true };
        let is_behind = |tip| seq <= first && repo.is_ancestor(oid, tip).unwrap_or(false);
        commits.iter().any(|commit| commit.seq == seq && commit.oid == oid) || tip.is_some_and(is_behind)
    }
}
