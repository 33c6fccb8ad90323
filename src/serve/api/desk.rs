//! The reader's desk: handles of the repository, and answers that were worked out before.
//! Lives here: opening, lending, whose turn it is. Never here: what an answer says, how long it is kept (see [`super::kept`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use git2::Oid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::git::errors::GitError;
use crate::git::files::Files;
use crate::git::home::Home;
use crate::git::journal::blocks::Entries;
use crate::git::journal::{Journal, JournalError};
use crate::git::town_files;
use crate::serve::problem::Problem;
use crate::town::charter::Charter;
use crate::town::check;
use crate::town::settings::Settings;
use crate::town::world::World;

use super::export::Exports;
use super::kept::Kept;
use super::ledger::Verified;
use super::past::Past;
use super::pulls::Weighed;
use super::states::States;

/// Questions about the repository that are worked on at one time.
const AT_ONCE: usize = 4;
/// Those of them that read far into the past: what is soon said has a turn all the same.
const LONG_AT_ONCE: usize = 2;

/// Opens the town's repository.
pub type Open = Box<dyn Fn() -> Result<Home, String> + Send + Sync>;

/// Says which moment it is.
pub type Now = Box<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What the API works with.
pub struct Desk {
    open: Open,
    clock: Now,
    homes: Mutex<Vec<Home>>,
    files: Mutex<Option<Arc<TownNow>>>,
    kept: Mutex<Kept>,
    entries: Mutex<Arc<Entries>>,
    /// So many may ask the repository at one time.
    pub turns: Arc<Semaphore>,
    /// So many of them may ask for what takes long. It is waited for before a turn is taken.
    pub long: Arc<Semaphore>,
    /// What the stream tells of the past.
    pub past: Mutex<Past>,
    /// States of earlier moments.
    pub states: Mutex<States>,
    /// Judgements of pull requests, by number, commit and default branch.
    pub weighed: Mutex<HashMap<(u64, Oid, Oid), Arc<Weighed>>>,
    /// The last check of the journal.
    pub verified: Mutex<Option<Verified>>,
    /// Those who read all of history.
    pub exports: Exports,
}

/// The town's files as a commit of the default branch has them.
#[derive(Debug)]
pub struct TownNow {
    /// The commit.
    pub main: Oid,
    /// The settings, where they can be read.
    pub settings: Option<Settings>,
    /// The agents.
    pub charters: Vec<Charter>,
    /// The world as it is shown.
    pub world: World,
}

impl TownNow {
    /// The files of a commit.
    ///
    /// # Errors
    /// [`Failure::Git`] when the tree cannot be read.
    pub fn of(home: &Home, main: Oid) -> Result<Self, Failure> {
        let checked = check::check(&town_files::of(&Files::open(home.repo.git(), main)?));
        let check::Checked { settings, charters, world, .. } = checked;
        Ok(Self { main, settings, charters, world })
    }
}

/// One answer as it goes over the wire.
#[derive(Debug)]
pub struct Document {
    /// Its entity tag, without quotes.
    pub tag: String,
    /// Its bytes, which everybody who is told it shares.
    pub bytes: Bytes,
}

impl Document {
    /// Bytes with the tag that they have themselves.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { tag: blake3::hash(&bytes).to_hex()[..24].to_owned(), bytes: bytes.into() }
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The repository cannot be read.
    #[error("the repository cannot be read: {0}")]
    Git(#[from] GitError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Journal(#[from] JournalError),
    /// The town cannot be opened.
    #[error("the town cannot be opened: {0}")]
    Open(String),
    /// The answer cannot be written.
    #[error("the answer cannot be written: {0}")]
    Write(#[from] serde_json::Error),
    /// The journal never stood still.
    #[error("the journal grew each time that it was read; ask again")]
    Moving,
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The question is none.
    #[error("{0}")]
    Bad(String),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound(detail) => Self::not_found(detail),
            Failure::Bad(detail) => Self::bad_request(detail),
            other => Self::unavailable("unreadable", other.to_string(), 5),
        }
    }
}

/// Waits for a lock; what a panic left is good enough to go on with.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a turn, and acts with it on a thread that serves nobody. It is given back when that is done: whoever asked may be gone
/// long before, and the work goes on all the same. `None` where the server ends.
pub async fn in_turn<T: Send + 'static>(turns: &Arc<Semaphore>, act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let turn = turns.clone().acquire_owned().await.ok()?;
    let acted = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        act()
    });
    acted.await.ok()
}

impl Desk {
    /// A desk that has not opened anything yet.
    #[must_use]
    pub fn new(open: Open, clock: Now) -> Self {
        Self {
            open,
            clock,
            homes: Mutex::default(),
            files: Mutex::default(),
            kept: Mutex::default(),
            entries: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            long: Arc::new(Semaphore::new(LONG_AT_ONCE)),
            past: Mutex::default(),
            states: Mutex::default(),
            weighed: Mutex::default(),
            verified: Mutex::default(),
            exports: Exports::default(),
        }
    }

    /// Waits for one of the turns of those who ask for what takes long, to be held until that is done; another one is taken behind it.
    /// `None` is never said: nobody closes them.
    pub async fn long_turn(&self) -> Option<OwnedSemaphorePermit> {
        self.long.clone().acquire_owned().await.ok()
    }

    /// The moment that it is.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Lends a handle of the repository. One that failed is not used again: the repository may have been replaced.
    ///
    /// # Errors
    /// [`Failure`], of the opening or of what is done.
    pub fn with<T>(&self, act: impl FnOnce(&Home) -> Result<T, Failure>) -> Result<T, Failure> {
        let idle = lock(&self.homes).pop();
        let home = match idle {
            Some(home) => home,
            None => (self.open)().map_err(Failure::Open)?,
        };
        let answer = act(&home);
        if !matches!(answer, Err(Failure::Git(_) | Failure::Journal(_))) {
            lock(&self.homes).push(home);
        }
        answer
    }

    /// The town's files as the default branch has them now.
    ///
    /// # Errors
    /// [`Failure::Git`] when the tree cannot be read.
    pub fn town(&self, home: &Home) -> Result<Arc<TownNow>, Failure> {
        let main = home.main()?;
        if let Some(known) = lock(&self.files).as_ref().filter(|known| known.main == main) {
            return Ok(known.clone());
        }
        let now = Arc::new(TownNow::of(home, main)?);
        *lock(&self.files) = Some(now.clone());
        Ok(now)
    }

    /// Where the journal as it is now can be entered.
    ///
    /// # Errors
    /// [`Failure::Journal`] when it cannot be read.
    pub fn entries(&self, journal: &Journal<'_>) -> Result<Arc<Entries>, Failure> {
        // Nobody waits for who reads: two at the same time may read the same.
        let known = lock(&self.entries).clone();
        let found = Arc::new(journal.entries(&known)?);
        lock(&self.entries).clone_from(&found);
        Ok(found)
    }

    /// The answer of this name, worked out anew where it was made for another version.
    ///
    /// # Errors
    /// [`Failure`] of the working out.
    pub fn kept(
        &self,
        name: &str,
        version: &str,
        make: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<Arc<Document>, Failure> {
        if let Some(known) = lock(&self.kept).get(name, version) {
            return Ok(known);
        }
        let made = Arc::new(Document::new(make()?));
        lock(&self.kept).put(name, version, made.clone());
        Ok(made)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_turn_is_given_back_when_the_work_is_done_and_not_when_who_asked_goes() {
        let turns = Arc::new(Semaphore::new(2));
        let ((begun, begins), (end, ends)) = (mpsc::channel(), mpsc::channel::<()>());
        let work = move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        };
        // Looked at once, and dropped.
        assert!(in_turn(&turns, work).now_or_never().is_none());
        begins.recv().unwrap();
        assert_eq!(turns.available_permits(), 1);
        end.send(()).unwrap();
        drop(turns.acquire_many(2).await.unwrap());
        assert_eq!(in_turn(&turns, || 7).await, Some(7));
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        let turns = Arc::new(Semaphore::new(1));
        assert_eq!(in_turn(&turns, || panic!("a fault")).await, None::<()>);
        assert_eq!(in_turn(&turns, || 7).await, Some(7));
    }
}
