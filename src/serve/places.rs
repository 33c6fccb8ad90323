//! Where commits stand in the stream, kept across restarts in the git folder.
//! Lives here: the file and its lines, and who may write it. Never here: which place is next.
//!
//! A recorded event has its place from the journal. A commit of the default branch has the one that it was given when it was
//! seen; git does not know it, so it is written down: one line each, appended. A file that is gone or damaged costs a new epoch,
//! so that clients begin with the state, and nothing else. One process at a time writes it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::Oid;

use crate::git::errors::GitError;
use crate::git::repo::{LockGuard, Repo};

use super::ring::Offset;

/// Offsets that are put aside at once for what only this process knows.
const MARK: u64 = 1 << 16;

/// Looks at the repository that go by before a file that could not be written is tried again.
const RETRY: u32 = 50;

/// How often somebody is asked to make room who may just be ending, and the time between.
const ASKED: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(25);

/// Where places are written down, as long as this process is the one that may.
#[derive(Debug)]
pub struct Shelf {
    path: PathBuf,
    _alone: Option<LockGuard>,
}

impl Shelf {
    /// Takes the place of this clone. Where another process has it, what is given writes nothing down: that one's places would be
    /// worth nothing if two gave them away.
    ///
    /// # Errors
    /// [`GitError`] when there is no folder to be had.
    pub fn take(repo: &Repo) -> Result<Self, GitError> {
        let path = repo.private_dir()?.join("stream").join("places");
        for asked in 0..ASKED {
            match repo.lock("stream") {
                Ok(Some(lock)) => return Ok(Self { path, _alone: Some(lock) }),
                Ok(None) if asked + 1 < ASKED => {
                    #[expect(clippy::disallowed_methods, reason = "a backoff between two attempts")]
                    std::thread::sleep(BETWEEN);
                }
                Ok(None) => {
                    tracing::warn!(path = %path.display(), "another server of this clone writes down where commits stand; the epoch of this one ends with it");
                }
                Err(error) => {
                    tracing::warn!(%error, "where commits stand cannot be kept for this server alone; its epoch ends with it");
                    break;
                }
            }
        }
        Ok(Self { path: PathBuf::new(), _alone: None })
    }

    /// The file; an empty path where nothing is written down.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What is known of the stream before this process. Without a path nothing is written down.
#[derive(Debug, Default)]
pub struct Places {
    path: PathBuf,
    file: Option<File>,
    /// The life of the stream.
    pub epoch: String,
    /// Commits and where they stand.
    pub commits: HashMap<Oid, Offset>,
    /// No offset above this one was given away, other than those of recorded events.
    pub mark: Offset,
    /// What stands at or before this offset may be in no repository, and known to nobody any more.
    pub lost: Option<Offset>,
    /// The newest commit of the journal that was relayed, and its sequence number.
    pub journal: Option<(u64, Oid)>,
    /// The newest commit of the default branch that was relayed.
    pub main: Option<Oid>,
    /// Where it was last said that the default branch was rewritten.
    pub rewritten: Option<Offset>,
    /// Where the default branch went back to a commit that had its place already.
    pub moved: Vec<(Offset, Oid)>,
    /// Whether `mark` and `lost` are what was given away, and not a bound of it.
    exact: bool,
    /// Looks at the repository since the file could not be written; it is not there then.
    behind: Option<u32>,
    /// Whether a file stands that says less than it should and cannot be taken away: a later process would believe it.
    stale: bool,
}

impl Places {
    /// Reads the file; `None` where it is not there or says nothing.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let mut places = Self::empty(path, String::new());
        // A line that a crash cut has no end; it is left out.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            places.line(line)?;
        }
        (!places.epoch.is_empty()).then_some(places)
    }

    fn empty(path: &Path, epoch: String) -> Self {
        Self { path: path.to_owned(), epoch, ..Self::default() }
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["epoch", epoch] => epoch.clone_into(&mut self.epoch),
            ["mark", offset] => {
                self.mark = offset.parse().ok()?;
                (self.lost, self.exact) = (Some(self.mark), false);
            }
            // A process that was told to end says exactly what the mark before only bounds.
            ["end", newest, lost] => {
                self.mark = newest.parse().ok()?;
                self.lost = Some(lost.parse().ok()?).filter(|lost| *lost > 0);
                self.exact = true;
            }
            ["commit", offset, oid] => {
                self.commits.insert(Oid::from_str(oid).ok()?, offset.parse().ok()?);
            }
            ["main", oid] => self.main = Some(Oid::from_str(oid).ok()?),
            ["rewritten", offset] => self.rewritten = Some(offset.parse().ok()?),
            ["moved", offset, oid] => self.moved.push((offset.parse().ok()?, Oid::from_str(oid).ok()?)),
            ["journal", seq, oid] => self.journal = Some((seq.parse().ok()?, Oid::from_str(oid).ok()?)),
            _ => return None,
        }
        Some(())
    }

    /// Begins another life of the stream, from nothing.
    #[must_use]
    pub fn anew(path: &Path, random: u128) -> Self {
        let _ = fs::remove_file(path);
        let mut places = Self::empty(path, format!("{random:020x}"));
        let line = format!("epoch {}\n", places.epoch);
        places.append(&line);
        places
    }

    /// All that is to be known, without what was said better later.
    fn lines(&self) -> String {
        let mut lines = format!("epoch {}\n", self.epoch);
        for (oid, offset) in &self.commits {
            let _ = writeln!(lines, "commit {offset} {oid}");
        }
        for (offset, oid) in &self.moved {
            let _ = writeln!(lines, "moved {offset} {oid}");
        }
        if let Some((seq, oid)) = self.journal {
            let _ = writeln!(lines, "journal {seq} {oid}");
        }
        if let Some(main) = self.main {
            let _ = writeln!(lines, "main {main}");
        }
        if let Some(rewritten) = self.rewritten {
            let _ = writeln!(lines, "rewritten {rewritten}");
        }
        if self.exact {
            let _ = writeln!(lines, "end {} {}", self.mark, self.lost.unwrap_or_default());
        } else if self.mark > 0 {
            let _ = writeln!(lines, "mark {}", self.mark);
        }
        lines
    }

    /// Writes the file anew as a whole.
    pub fn tidy(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        let beside = self.path.with_extension("new");
        let whole = self.folder().and_then(|()| fs::write(&beside, self.lines()));
        if whole.and_then(|()| fs::rename(&beside, &self.path)).is_ok() {
            (self.file, self.stale) = (None, false);
            if self.behind.take().is_some() {
                tracing::info!(path = %self.path.display(), "where commits stand is written down again");
            }
        } else {
            // Where there is a long file, it is as good.
            let _ = fs::remove_file(&beside);
            self.behind = self.behind.map(|_| 0);
            self.stale = self.behind.is_some() && !is_removed(&self.path);
        }
    }

    fn folder(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), fs::create_dir_all)
    }

    /// Writes down what is known already. A file that takes a part of it is worth nothing to any later process: it is taken away,
    /// and written anew as a whole when that can be. Where it cannot be taken away either, it is `stale` until one of both is done.
    fn append(&mut self, lines: &str) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        if self.behind.is_some() {
            return self.tidy();
        }
        if let Err(error) = self.try_append(lines) {
            // The stream goes on.
            tracing::warn!(%error, path = %self.path.display(), "cannot write down where commits stand; as long as that is so, a restart begins a new epoch");
            (self.file, self.behind, self.stale) = (None, Some(0), !is_removed(&self.path));
        }
    }

    fn try_append(&mut self, lines: &str) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                self.folder()?;
                OpenOptions::new().create(true).append(true).open(&self.path)?
            }
        };
        file.write_all(lines.as_bytes())?;
        self.file = Some(file);
        Ok(())
    }

    /// Writes down where commits stand, and up to which one the default branch was relayed.
    pub fn keep(&mut self, commits: &[(Oid, Offset)], main: Option<Oid>) {
        let mut lines: String = commits.iter().map(|(oid, offset)| format!("commit {offset} {oid}\n")).collect();
        if let Some(main) = main {
            let _ = writeln!(lines, "main {main}");
        }
        self.commits.extend(commits.iter().copied());
        self.main = main;
        self.append(&lines);
    }

    /// Writes down where it was said that the default branch was rewritten.
    pub fn rewritten(&mut self, offset: Offset) {
        self.rewritten = Some(offset);
        self.append(&format!("rewritten {offset}\n"));
    }

    /// Writes down from where on the default branch stood at a commit that had its place already.
    pub fn moved(&mut self, offset: Offset, to: Oid) {
        self.moved.push((offset, to));
        self.append(&format!("moved {offset} {to}\n"));
    }

    /// Where the default branch stood, by the places from which on it did.
    #[must_use]
    pub fn main_over_time(&self) -> Vec<(Offset, Oid)> {
        let mut main: Vec<(Offset, Oid)> = self.commits.iter().map(|(oid, offset)| (*offset, *oid)).collect();
        main.extend(&self.moved);
        // What went back did so behind all that had its place then.
        main.sort_by_key(|(offset, _)| *offset);
        main
    }

    /// Writes down how far the journal was relayed.
    pub fn relayed(&mut self, seq: u64, oid: Oid) {
        self.journal = Some((seq, oid));
        self.append(&format!("journal {seq} {oid}\n"));
    }

    /// Writes down the newest offset, and the newest of what is lost with this process.
    pub fn end(&mut self, newest: Offset, lost: Option<Offset>) {
        (self.mark, self.lost, self.exact) = (newest, lost, true);
        self.append(&format!("end {newest} {}\n", lost.unwrap_or_default()));
    }

    /// Writes down that offsets up to this one, and some more, may be given away without being written down one by one. Says up to
    /// where that holds for any later process; nowhere as long as that one would read less than is known.
    pub fn mark(&mut self, offset: Offset) -> Option<Offset> {
        if offset.saturating_add(MARK / 2) > self.mark {
            (self.mark, self.exact) = (offset.saturating_add(MARK), false);
            self.append(&format!("mark {}\n", self.mark));
        } else if let Some(looks) = &mut self.behind {
            *looks += 1;
            if *looks >= RETRY {
                self.tidy();
            }
        }
        (!self.stale).then_some(self.mark)
    }
}

/// Takes a file away; `false` where it may still be there.
fn is_removed(path: &Path) -> bool {
    let is_gone = |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    fs::remove_file(path).is_ok() || fs::symlink_metadata(path).is_err_and(|error| is_gone(&error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn oid(digit: char) -> Oid {
        Oid::from_str(&digit.to_string().repeat(40)).unwrap()
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream/places");
        assert!(Places::read(&path).is_none());
        let mut places = Places::anew(&path, 0xabc);
        places.keep(&[(oid('a'), 7), (oid('b'), 9)], Some(oid('b')));
        places.rewritten(8);
        places.moved(9, oid('a'));
        places.relayed(3, oid('c'));
        places.mark(12);
        let read = Places::read(&path).unwrap();
        assert_eq!((read.epoch.as_str(), read.journal), ("00000000000000000abc", Some((3, oid('c')))));
        assert_eq!((read.commits.len(), read.commits[&oid('b')]), (2, 9));
        assert_eq!((read.mark, read.lost), (12 + MARK, Some(12 + MARK)));
        assert_eq!(read.main_over_time(), [(7, oid('a')), (9, oid('b')), (9, oid('a'))]);
        for lost in [None, Some(11)] {
            places.end(15, lost);
            places.tidy();
            let read = Places::read(&path).unwrap();
            assert_eq!((read.mark, read.lost, read.main, read.rewritten), (15, lost, Some(oid('b')), Some(8)));
            assert_eq!(read.moved, [(9, oid('a'))]);
        }
    }

    #[test]
    fn a_line_that_was_cut_is_left_out_and_a_damaged_one_spoils_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places");
        fs::write(&path, format!("epoch x\ncommit 7 {}\ncommit 9 bbb", oid('a'))).unwrap();
        assert_eq!(Places::read(&path).unwrap().commits.len(), 1);
        for damaged in ["epoch x\nnonsense\n", "epoch x\ncommit seven aaaa\n", "commit 7", ""] {
            fs::write(&path, damaged).unwrap();
            assert!(Places::read(&path).is_none(), "{damaged:?}");
        }
    }
    #[test]
    fn what_could_not_be_written_is_written_as_soon_as_that_can_be() {
        for calls in 1..=RETRY {
            let folder = tempfile::tempdir().unwrap();
            let (path, away) = (folder.path().join("stream/places"), folder.path().join("away"));
            let mut places = Places::anew(&path, 0xabc);
            places.mark(1);
            places.keep(&[(oid('a'), 7)], Some(oid('a')));
            // The folder is a file, so that nothing can be in it.
            fs::rename(folder.path().join("stream"), &away).unwrap();
            fs::write(folder.path().join("stream"), "").unwrap();
            places.file = None;
            places.keep(&[(oid('b'), 8)], Some(oid('b')));
            for _ in 1..calls {
                places.mark(1);
            }
            fs::remove_file(folder.path().join("stream")).unwrap();
            // By what is written next, or else after some looks.
            if calls == 1 {
                places.relayed(3, oid('c'));
            } else {
                for _ in calls..=RETRY {
                    places.mark(1);
                }
            }
            let read = Places::read(&path).unwrap();
            assert_eq!((read.epoch, read.commits.len(), read.main), (places.epoch.clone(), 2, Some(oid('b'))));
            assert_eq!((read.mark, read.lost), (1 + MARK, Some(1 + MARK)), "what may have been given away is bounded");
        }
    }

    #[test]
    fn no_mark_holds_as_long_as_a_file_that_says_less_can_neither_be_written_nor_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream/places");
        let mut places = Places::anew(&path, 0xabc);
        assert_eq!(places.mark(1), Some(1 + MARK));
        // What stands there is no file, and stays, whoever asks.
        fs::remove_file(&path).unwrap();
        fs::create_dir_all(path.join("in the way")).unwrap();
        places.file = None;
        for _ in 0..=RETRY {
            assert_eq!(places.mark(1 + MARK), None);
        }
        fs::remove_dir_all(&path).unwrap();
        let held = (0..=RETRY).find_map(|_| places.mark(1 + MARK));
        assert_eq!((held, Places::read(&path).map(|read| read.mark)), (Some(1 + 2 * MARK), Some(1 + 2 * MARK)));
        // One that can be taken away is believed by nobody.
        fs::remove_dir_all(folder.path().join("stream")).unwrap();
        fs::write(folder.path().join("stream"), "").unwrap();
        assert_eq!(places.mark(1 + 2 * MARK), Some(1 + 3 * MARK));
    }

    #[test]
    fn one_process_at_a_time_writes() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let repo = Repo::open(folder.path()).unwrap();
        let first = Shelf::take(&repo).unwrap();
        assert!(first.path().ends_with("stream/places"));
        let second = Shelf::take(&repo).unwrap();
        let mut places = Places::anew(second.path(), 1);
        places.keep(&[(oid('a'), 7)], None);
        places.tidy();
        assert!(!first.path().exists() && second.path().as_os_str().is_empty());
        drop(first);
        assert!(Shelf::take(&repo).unwrap().path().ends_with("stream/places"));
    }
}
