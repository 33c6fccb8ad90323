//! Where commits stand in the stream, kept across restarts in the git folder.
//! Lives here: the file and its lines. Never here: which place is next.
//!
//! A recorded event has its place from the journal. A commit of the default branch has the one that it was given when it was
//! seen; git does not know it, so it is written down: one line each, appended. A file that is gone or damaged costs a new epoch,
//! so that clients begin with the state, and nothing else.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use git2::Oid;

use super::ring::Offset;

/// Offsets that are put aside at once for what only this process knows.
const MARK: u64 = 1 << 16;

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
                self.lost = Some(self.mark);
            }
            // A process that was told to end says exactly what the mark before only bounds.
            ["end", newest, lost] => {
                self.mark = newest.parse().ok()?;
                self.lost = Some(lost.parse().ok()?).filter(|lost| *lost > 0);
            }
            ["commit", offset, oid] => {
                self.commits.insert(Oid::from_str(oid).ok()?, offset.parse().ok()?);
            }
            ["main", oid] => self.main = Some(Oid::from_str(oid).ok()?),
            ["rewritten", offset] => self.rewritten = Some(offset.parse().ok()?),
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

    /// Writes the file again without what was said better later.
    pub fn tidy(&mut self) {
        let mut lines = format!("epoch {}\n", self.epoch);
        for (oid, offset) in &self.commits {
            let _ = writeln!(lines, "commit {offset} {oid}");
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
        if self.mark > 0 {
            let _ = writeln!(lines, "end {} {}", self.mark, self.lost.unwrap_or_default());
        }
        let beside = self.path.with_extension("new");
        // Where this cannot be, the long file is as good.
        if fs::write(&beside, lines).and_then(|()| fs::rename(&beside, &self.path)).is_ok() {
            self.file = None;
        } else {
            let _ = fs::remove_file(&beside);
        }
    }

    fn append(&mut self, lines: &str) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                let _ = fs::create_dir_all(folder);
            }
            self.file = OpenOptions::new().create(true).append(true).open(&self.path).ok();
        }
        let written = self.file.as_mut().map(|file| file.write_all(lines.as_bytes()));
        if !matches!(written, Some(Ok(()))) {
            // The stream goes on; a restart will cost its clients a snapshot.
            tracing::warn!(path = %self.path.display(), "cannot write down where commits stand; a restart begins a new epoch");
            let _ = fs::remove_file(&self.path);
            self.file = None;
        }
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

    /// Writes down how far the journal was relayed.
    pub fn relayed(&mut self, seq: u64, oid: Oid) {
        self.journal = Some((seq, oid));
        self.append(&format!("journal {seq} {oid}\n"));
    }

    /// Writes down the newest offset, and the newest of what is lost with this process.
    pub fn end(&mut self, newest: Offset, lost: Option<Offset>) {
        (self.mark, self.lost) = (newest, lost);
        self.append(&format!("end {newest} {}\n", lost.unwrap_or_default()));
    }

    /// Writes down that offsets up to this one, and some more, may be given away without being written down one by one.
    pub fn mark(&mut self, offset: Offset) {
        if offset.saturating_add(MARK / 2) > self.mark {
            self.mark = offset.saturating_add(MARK);
            self.append(&format!("mark {}\n", self.mark));
        }
    }
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
        places.relayed(3, oid('c'));
        places.mark(12);
        let read = Places::read(&path).unwrap();
        assert_eq!((read.epoch.as_str(), read.journal), ("00000000000000000abc", Some((3, oid('c')))));
        assert_eq!((read.commits.len(), read.commits[&oid('b')]), (2, 9));
        assert_eq!((read.mark, read.lost), (12 + MARK, Some(12 + MARK)));
        for lost in [None, Some(11)] {
            places.end(15, lost);
            places.tidy();
            let read = Places::read(&path).unwrap();
            assert_eq!((read.mark, read.lost, read.main, read.rewritten), (15, lost, Some(oid('b')), Some(8)));
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
}
