//! Locks of references, and what becomes of one that a killed process left.
//! Lives here: waiting for such a lock, and taking it away when nobody can be holding it any more. Never here: what is
//! written under it (`branch`), our own locks between processes (`repo`).
//!
//! Git's lock is a file beside the reference. It stays when its writer is killed, and nothing in it says whose it is; but
//! writing a reference takes milliseconds, so that one which is seconds old has lost its writer.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use backon::BackoffBuilder as _;

use super::errors::GitError;
use super::repo::{self, Repo};

/// Age from which nobody writes the reference any more.
const LEFT_AFTER: Duration = Duration::from_secs(3);
/// The same for `packed-refs`, which git writes anew as a whole, however many references are in it.
const PACKED_LEFT_AFTER: Duration = Duration::from_secs(60);
/// How much longer others are waited for who take the lock one after another.
const MARGIN: Duration = Duration::from_secs(1);

/// A lock that stands in the way, as it is at one moment.
#[derive(PartialEq, Eq)]
struct Lock {
    path: PathBuf,
    taken: Option<SystemTime>,
    left_after: Duration,
}

impl Repo {
    /// Writes a reference; `write` is tried again as long as the reference is locked. A lock that a dead process left is taken
    /// away where the reference is ours; people's are left to them.
    ///
    /// A [`GitError::LockedReference`] says that the lock stayed.
    pub(super) fn past_lock<T>(
        &self,
        name: &str,
        mut write: impl FnMut() -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let (mut seen, mut watched, mut waited) = (None, Duration::ZERO, Duration::ZERO);
        let mut steps = backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(2))
            .with_max_delay(Duration::from_millis(100))
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            let failed = match write() {
                Err(error @ GitError::LockedReference { .. }) => error,
                result => return result,
            };
            let lock = self.lock_on(name);
            if lock != seen {
                (seen, watched) = (lock, Duration::ZERO);
            }
            let left_after = seen.as_ref().map_or(LEFT_AFTER, |lock| lock.left_after);
            // One from the future, as a clock that was set leaves it, is as old as it was looked at.
            let old = |lock: &Lock| watched >= left_after || self.age(lock).is_some_and(|age| age >= left_after);
            match seen.as_ref().filter(|lock| old(lock)) {
                Some(lock) if is_ours(name) => {
                    self.take_away(name, lock)?;
                    continue;
                }
                Some(lock) => return Err(lock.stays()),
                None if waited >= left_after + MARGIN => return Err(seen.map_or(failed, |lock| lock.stays())),
                None => {}
            }
            let step = steps.next().unwrap_or(MARGIN);
            #[expect(clippy::disallowed_methods, reason = "a backoff between two attempts")]
            std::thread::sleep(step);
            watched += step;
            waited += step;
        }
    }

    /// The lock that a write of the reference meets: its own, or that of the packed ones, of which a deletion is one.
    fn lock_on(&self, name: &str) -> Option<Lock> {
        let own = (format!("{name}.lock"), LEFT_AFTER);
        let packed = ("packed-refs.lock".to_owned(), PACKED_LEFT_AFTER);
        [own, packed].into_iter().find_map(|(file, left_after)| {
            let path = self.common_dir().join(file);
            // Of a link the link itself counts.
            let meta = fs::symlink_metadata(&path).ok()?;
            Some(Lock { path, taken: meta.modified().ok(), left_after })
        })
    }

    /// By the clock of the file system on which the lock lies; that may be another machine's.
    fn age(&self, lock: &Lock) -> Option<Duration> {
        let probe = tempfile::tempfile_in(self.private_dir().ok()?).ok()?;
        let now = probe.metadata().and_then(|meta| meta.modified()).ok()?;
        now.duration_since(lock.taken?).ok()
    }

    fn take_away(&self, name: &str, lock: &Lock) -> Result<(), GitError> {
        // Whoever else found it old may have taken it away already, and the one there now is in use.
        let _one_at_a_time = self.lock_waiting("references")?;
        if self.lock_on(name).as_ref() != Some(lock) {
            return Ok(());
        }
        match fs::remove_file(&lock.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, lock = %lock.path.display(), "a lock was left behind and cannot be taken away");
                Err(lock.stays())
            }
            _ => {
                tracing::warn!(lock = %lock.path.display(), "a killed process left this lock; it is taken away");
                Ok(())
            }
        }
    }
}

impl Lock {
    fn stays(&self) -> GitError {
        GitError::LockedReference { lock: self.path.clone() }
    }
}

/// Whether only this program writes the reference: the journal, agents' branches, what is seen of both at a remote, and
/// `refs/monkeytown`.
fn is_ours(name: &str) -> bool {
    let branch = name.strip_prefix("refs/heads/");
    let tracked = name.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/')).map(|(_, branch)| branch);
    name.starts_with("refs/monkeytown/") || branch.or(tracked).is_some_and(repo::is_ours)
}
