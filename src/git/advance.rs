//! Moving a branch that is checked out, with its files: the human's `merge` in their own clone.
//! Lives here: the check that nothing of theirs is overwritten, the writing, the index. Never here: the merge itself.
//!
//! The order makes a crash harmless: files first, then the index, then the branch. Whatever is half done looks like
//! the new state already to a second call, which then finishes it; until then no history has changed. A note says where the
//! branch was going, so that whoever would make another commit than before can end the old move first.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntry, IndexEntryExtendedFlag, IndexTime, Oid, RepositoryState};

use super::changes::RawChange;
use super::errors::GitError;
use super::objects::raw_mode;
use super::repo::Repo;
use super::system;
use super::workspace::{check_path, same_blob};
use crate::town::changeset::Mode;

/// Below it stands, for each branch whose files are on the way, where it goes.
const MOVING: &str = "refs/monkeytown/moving/";

type Side = Option<(Mode, Oid)>;
/// What every changed path shall be.
type Plan<'a> = BTreeMap<&'a str, Side>;

impl Repo {
    /// Moves `branch` from `old` to `new`, with the files of this working tree where it has the branch checked out. Nothing
    /// happens when that would overwrite work that is not committed, or when the branch stands elsewhere by now.
    pub fn advance_checked_out(&self, branch: &str, old: Oid, new: Oid) -> Result<(), GitError> {
        let reference = format!("refs/heads/{branch}");
        // Two that move files at once would undo each other's.
        let _alone = self.lock_waiting("advance")?;
        let old = match self.tip(&reference)? {
            Some(tip) if tip == old || tip == new => tip,
            Some(_) => return Err(GitError::RacedReference { reference }),
            None => return Err(GitError::NoReference { reference }),
        };
        let here = self.workdir().map(Path::to_owned);
        for (name, path) in self.checkouts()? {
            if name == branch && Some(&path) != here.as_ref() {
                return Err(GitError::CheckedOut { branch: name, path });
            }
        }
        let why = format!("merge: {branch} moved to {new}");
        let ours = self.head_branch()?.as_deref() == Some(branch);
        let Some(root) = here.filter(|_| ours) else { return self.set_reference(&reference, new, Some(old), &why) };
        if self.here().state() != RepositoryState::Clean {
            return Err(GitError::Unfinished { path: root });
        }
        let changes = self.changes_between(Some(self.tree_of(old)?), Some(self.tree_of(new)?))?;
        let checkout = Checkout { repo: self, root };
        let mut index = checkout.index()?;
        checkout.check(&changes, &index)?;
        let note = format!("{MOVING}{branch}");
        self.force_reference(&note, new, "monkeytown: on the way")?;
        checkout.apply(&changes, &mut index)?;
        let moved = self.set_reference(&reference, new, Some(old), &why);
        if moved.is_err() {
            // Somebody moved the branch at this very moment: their state of it is not ours to mix with.
            let back: Vec<RawChange> =
                changes.into_iter().map(|c| RawChange { path: c.path, before: c.after, after: c.before }).collect();
            checkout.apply(&back, &mut index)?;
        }
        self.drop_reference(&note)?;
        moved
    }

    /// Ends the moves that a process was killed at in this working tree, and returns the branches with where they stand now.
    /// A note about a branch that stands elsewhere by now is dropped.
    pub fn finish_moves(&self) -> Result<Vec<(String, Oid)>, GitError> {
        let mut finished = Vec::new();
        let here = self.head_branch()?;
        for (note, new) in self.references(MOVING)? {
            let branch = note.trim_start_matches(MOVING);
            // Another working tree's is its own to end.
            if here.as_deref() != Some(branch) {
                continue;
            }
            let tip = self.tip(&format!("refs/heads/{branch}"))?;
            match tip.filter(|tip| self.parents(new).is_ok_and(|parents| parents.first() == Some(tip))) {
                Some(old) => {
                    self.advance_checked_out(branch, old, new)?;
                    finished.push((branch.to_owned(), new));
                }
                None => self.drop_reference(&note)?,
            }
        }
        Ok(finished)
    }
}

struct Checkout<'r> {
    repo: &'r Repo,
    root: PathBuf,
}

/// What stands on disk at a path, as far as it matters here.
enum Found {
    Nothing,
    Folder,
    /// A file or a link, and whether it is what is asked for.
    Other,
}

impl Checkout<'_> {
    fn index(&self) -> Result<Index, GitError> {
        let mut index = self.repo.here().index().map_err(|source| GitError::Index { operation: "open", source })?;
        index.read(true).map_err(|source| GitError::Index { operation: "read", source })?;
        Ok(index)
    }

    /// Refuses when anything that is not committed stands in the way.
    fn check(&self, changes: &[RawChange], index: &Index) -> Result<(), GitError> {
        let (mut staged, mut dirty, mut untracked) = (Vec::new(), Vec::new(), Vec::new());
        let plan: Plan<'_> = changes.iter().map(|change| (change.path.as_str(), change.after)).collect();
        for change in changes {
            check_path(&change.path)?;
            if change.after.is_some() && !system::holds(&change.path) {
                return Err(GitError::bad_path(&change.path, "this system cannot hold a file of that name"));
            }
            let path = Path::new(&change.path);
            let conflict = (1..=3).any(|stage| index.get_path(path, stage).is_some());
            let entry = index.get_path(path, 0);
            let standing = entry.as_ref().map(|entry| (entry.mode, entry.id));
            let raw = |side: Side| side.map(|(mode, oid)| (raw_mode(mode).unsigned_abs(), oid));
            if conflict || (standing != raw(change.before) && standing != raw(change.after)) {
                staged.push(change.path.clone());
                continue;
            }
            if is_module(change) || entry.is_some_and(|entry| is_skipped(&entry)) {
                continue;
            }
            if !self.clear(change, &plan)? {
                let list = if change.before.is_some() { &mut dirty } else { &mut untracked };
                list.push(change.path.clone());
            }
        }
        for (why, paths) in [
            ("staged changes would be lost", staged),
            ("changes that are not committed would be overwritten", dirty),
            ("untracked files would be overwritten", untracked),
        ] {
            if !paths.is_empty() {
                return Err(GitError::InTheWay { why, paths });
            }
        }
        Ok(())
    }

    /// Whether the disk at a path holds nothing but what git knows, or what we wrote there before a crash.
    fn clear(&self, change: &RawChange, plan: &Plan<'_>) -> Result<bool, GitError> {
        for (at, _) in change.path.match_indices('/') {
            let parent = &change.path[..at];
            if matches!(self.found(parent)?, Found::Other) {
                // A file or a link where a folder is meant: it goes with this very change, or it came with it and a
                // crash stopped us afterwards.
                return match plan.get(parent) {
                    None => Ok(false),
                    Some(None) => Ok(true),
                    Some(side) => self.is(parent, *side),
                };
            }
        }
        match self.found(&change.path)? {
            Found::Nothing => Ok(true),
            Found::Folder => Ok(change.after.is_none() || self.only_removed(&change.path, plan)?),
            Found::Other => Ok(self.is(&change.path, change.before)? || self.is(&change.path, change.after)?),
        }
    }

    fn found(&self, path: &str) -> Result<Found, GitError> {
        let place = self.root.join(path);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_dir() => Ok(Found::Folder),
            Ok(_) => Ok(Found::Other),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Found::Nothing),
            Err(error) => Err(GitError::file("look at", place)(error)),
        }
    }

    /// Whether a folder that a file replaces holds only files that go with the change.
    fn only_removed(&self, folder: &str, plan: &Plan<'_>) -> Result<bool, GitError> {
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            let place = self.root.join(&folder);
            for entry in fs::read_dir(&place).map_err(GitError::file("read", &place))? {
                let entry = entry.map_err(GitError::file("read", &place))?;
                let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(path);
                } else if plan.get(path.as_str()) != Some(&None) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether the file or link on disk is this content, line ends of the platform aside.
    fn is(&self, path: &str, side: Side) -> Result<bool, GitError> {
        let Some((mode, oid)) = side else { return Ok(false) };
        let place = self.root.join(path);
        let meta = fs::symlink_metadata(&place).map_err(GitError::file("look at", &place))?;
        if meta.is_symlink() {
            let target = fs::read_link(&place).map_err(GitError::file("read", &place))?;
            return Ok(mode == Mode::Link && same_blob(oid, &system::bytes_of(&target)));
        }
        let differs = system::executable(&meta).is_some_and(|executable| executable != (mode == Mode::Executable));
        // Without links a link is a text file with its target.
        if !meta.is_file() || (mode == Mode::Link && system::LINKS) || (self.keeps_modes() && differs) {
            return Ok(false);
        }
        let bytes = fs::read(&place).map_err(GitError::file("read", &place))?;
        Ok(same_blob(oid, &bytes) || (bytes.contains(&b'\r') && same_blob(oid, &without_returns(&bytes))))
    }

    /// Whether this file system tells executables apart, as git found out when the repository was made.
    fn keeps_modes(&self) -> bool {
        self.repo.here().config().and_then(|config| config.get_bool("core.fileMode")).unwrap_or(true)
    }

    /// Writes the new side of every change to disk and to the index. What goes is removed first.
    fn apply(&self, changes: &[RawChange], index: &mut Index) -> Result<(), GitError> {
        let failed = |source| GitError::Index { operation: "update", source };
        let skipped = |index: &Index, path: &str| index.get_path(Path::new(path), 0).is_some_and(|e| is_skipped(&e));
        let on_disk: Vec<&RawChange> =
            changes.iter().filter(|change| !is_module(change) && !skipped(index, &change.path)).collect();
        for change in on_disk.iter().filter(|change| change.after.is_none()) {
            self.take_away(&change.path)?;
        }
        for change in changes.iter().filter(|change| change.after.is_none()) {
            match index.remove(Path::new(&change.path), 0) {
                Err(error) if error.code() != git2::ErrorCode::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        for change in changes {
            let Some((mode, oid)) = change.after else { continue };
            let mut entry = bare_entry(&change.path, mode, oid);
            if let Some(old) = index.get_path(Path::new(&change.path), 0).filter(is_skipped) {
                (entry.flags, entry.flags_extended) = (old.flags, old.flags_extended);
            } else if !is_module(change) {
                system::stat_into(&mut entry, &self.put(&change.path, mode, oid)?);
            }
            index.add(&entry).map_err(failed)?;
        }
        index.write().map_err(|source| GitError::Index { operation: "write", source })
    }

    fn take_away(&self, path: &str) -> Result<(), GitError> {
        let place = self.root.join(path);
        match fs::remove_file(&place) {
            // Removing a folder this way is refused in other words on each system.
            Err(error) if !is_gone(&error) && !place.is_dir() => return Err(GitError::file("remove", place)(error)),
            _ => {}
        }
        // Folders that became empty go, as git does it; one with something in it stays.
        for (at, _) in path.rmatch_indices('/') {
            if fs::remove_dir(self.root.join(&path[..at])).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Writes one file beside its place and moves it there, so that no reader sees half of it.
    fn put(&self, path: &str, mode: Mode, oid: Oid) -> Result<fs::Metadata, GitError> {
        let place = self.root.join(path);
        let failed = |error| GitError::file("write", &place)(error);
        let folder = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_dir()) {
            remove_empty(&place).map_err(failed)?;
        }
        let bytes = self.repo.read_blob(oid)?;
        let builder = || {
            let mut builder = tempfile::Builder::new();
            builder.prefix(".monkeytown-");
            builder
        };
        if mode == Mode::Link && system::LINKS {
            let target = system::path_of(&bytes).ok_or_else(|| failed(ErrorKind::InvalidFilename.into()))?;
            let made = builder().make_in(folder, |temporary| system::link(&target, temporary));
            made.map_err(failed)?.into_temp_path().persist(&place).map_err(|error| failed(error.error))?;
        } else {
            let mut builder = builder();
            if let Some(permissions) = system::permissions(mode == Mode::Executable) {
                builder.permissions(permissions);
            }
            let mut file = builder.tempfile_in(folder).map_err(failed)?;
            file.write_all(&bytes).map_err(failed)?;
            file.persist(&place).map_err(|error| failed(error.error))?;
        }
        fs::symlink_metadata(&place).map_err(failed)
    }
}

fn remove_empty(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        remove_empty(&entry?.path())?;
    }
    fs::remove_dir(folder)
}

fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

fn is_module(change: &RawChange) -> bool {
    [change.before, change.after].into_iter().flatten().any(|(mode, _)| mode == Mode::Module)
}

/// Whether a sparse checkout leaves the path out.
fn is_skipped(entry: &IndexEntry) -> bool {
    entry.flags_extended & IndexEntryExtendedFlag::SKIP_WORKTREE.bits() != 0
}

fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            clean.push(*byte);
        }
    }
    clean
}

fn bare_entry(path: &str, mode: Mode, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    let mode = raw_mode(mode).unsigned_abs();
    let path = path.as_bytes().to_vec();
    let (ctime, mtime) = (never, never);
    IndexEntry {
        ctime,
        mtime,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    }
}
