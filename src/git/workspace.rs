//! What a run works in: the files of a commit, and the changes on top of them, in memory.
//! Lives here: reading, listing and changing files without a checkout. Never here: files on disk (`folder`),
//! whether a change is allowed (the gate).
//!
//! The user's checkout is never touched: reads come from git's objects, writes go to an overlay that becomes a tree.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use git2::{ObjectFormat, ObjectType, Oid};

use super::errors::GitError;
use super::objects::DEPTH;
use super::repo::Repo;
use crate::town::changeset::{Blob, Mode};
use crate::town::limits::CHANGESET_BYTES;

/// What an overlay may hold. The gate refuses far less by name; this only keeps a runaway from filling the memory.
const OVERLAY_BYTES: u64 = 4 * CHANGESET_BYTES;
/// The longest path that systems take.
const PATH_BYTES: usize = 4096;

/// A path that the run changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It has this content now.
    Write(Arc<[u8]>, Mode),
    /// It is gone.
    Delete,
}

/// The files of a start commit with changes on top. It can be sent to another thread.
pub struct Workspace {
    repo: Repo,
    base: Oid,
    /// Only true differences from the start: what is changed back leaves the overlay.
    overlay: BTreeMap<String, Entry>,
    paths: OnceCell<Vec<String>>,
}

/// What stands at a path.
enum Standing {
    Nothing,
    Folder,
    File(Mode),
}

impl Workspace {
    /// A workspace at a commit, without changes.
    pub fn new(repo: &Repo, start: Oid) -> Result<Self, GitError> {
        let base = repo.tree_of(start)?;
        Self::at(repo, base, base)
    }

    /// A workspace that starts from one tree and whose changes lead to another, to go on where a checkpoint was written.
    pub fn at(repo: &Repo, base: Oid, tree: Oid) -> Result<Self, GitError> {
        let mut workspace = Self { repo: repo.reopen()?, base, overlay: BTreeMap::new(), paths: OnceCell::new() };
        for change in repo.changes_between(Some(workspace.base), Some(tree))? {
            let entry = match change.after {
                None => Entry::Delete,
                Some((Mode::Module, _)) => return Err(GitError::bad_path(change.path, "submodules cannot be changed")),
                // What is shown differently from how it is stored is not found again.
                Some(after) if repo.entry(tree, &change.path)? != Some(after) => {
                    return Err(GitError::bad_path(change.path, "the name is not UTF-8"));
                }
                Some((mode, oid)) => {
                    workspace.check_budget(&change.path, repo.blob_size(oid)?)?;
                    Entry::Write(repo.read_blob(oid)?.into(), mode)
                }
            };
            workspace.overlay.insert(change.path, entry);
        }
        Ok(workspace)
    }

    /// The repository that the workspace reads from: a handle of its own.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// What was changed, by path.
    #[must_use]
    pub fn overlay(&self) -> &BTreeMap<String, Entry> {
        &self.overlay
    }

    /// The paths that differ from the start, sorted.
    #[must_use]
    pub fn changed(&self) -> Vec<String> {
        self.overlay.keys().cloned().collect()
    }

    /// The content at a path; `None` for a folder, a submodule or nothing. Of a link, the text that it points to.
    pub fn read(&self, path: &str) -> Result<Option<Blob>, GitError> {
        match self.overlay.get(path) {
            Some(Entry::Write(bytes, mode)) => return Ok(Some(Blob { mode: *mode, bytes: Arc::clone(bytes) })),
            Some(Entry::Delete) => return Ok(None),
            None => {}
        }
        match self.base_file(path)? {
            Some((Mode::Module, _)) | None => Ok(None),
            Some((mode, oid)) => Ok(Some(Blob { mode, bytes: self.repo.read_blob(oid)?.into() })),
        }
    }

    /// The size of the file at a path in bytes, without reading it.
    pub fn size(&self, path: &str) -> Result<Option<u64>, GitError> {
        match self.overlay.get(path) {
            Some(Entry::Write(bytes, _)) => return Ok(Some(bytes.len() as u64)),
            Some(Entry::Delete) => return Ok(None),
            None => {}
        }
        match self.base_file(path)? {
            Some((Mode::Module, _)) | None => Ok(None),
            Some((_, oid)) => self.repo.blob_size(oid).map(Some),
        }
    }

    /// Every path, sorted. An empty `under` means all; otherwise those in that folder, at any depth.
    pub fn list(&self, under: &str) -> Result<Vec<String>, GitError> {
        let prefix = if under.is_empty() { String::new() } else { format!("{}/", under.trim_end_matches('/')) };
        self.list_matching(|path| path.starts_with(&prefix))
    }

    /// Every path that `keep` keeps, sorted.
    pub fn list_matching(&self, keep: impl Fn(&str) -> bool) -> Result<Vec<String>, GitError> {
        let base = match self.paths.get() {
            Some(paths) => paths,
            None => {
                let paths = self.repo.paths(self.base)?;
                self.paths.get_or_init(|| paths)
            }
        };
        let mut paths: Vec<String> =
            base.iter().filter(|path| keep(path) && !self.overlay.contains_key(*path)).cloned().collect();
        let written = self.overlay.iter().filter(|(path, entry)| **entry != Entry::Delete && keep(path));
        paths.extend(written.map(|(path, _)| path.clone()));
        paths.sort();
        Ok(paths)
    }

    /// Writes a file. An executable stays one. Never through a link, and never over one.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), GitError> {
        self.write_as(path, bytes, None)
    }

    /// The same, and says whether it is an executable.
    pub fn write_as(&mut self, path: &str, bytes: &[u8], executable: Option<bool>) -> Result<(), GitError> {
        check_path(path)?;
        self.check_parents(path)?;
        let mode = match self.standing(path)? {
            Standing::Nothing => Mode::File,
            Standing::File(mode @ (Mode::File | Mode::Executable)) => mode,
            Standing::File(Mode::Link) => {
                return Err(GitError::bad_path(path, "it is a symbolic link; delete it first"));
            }
            Standing::File(Mode::Module) => return Err(GitError::bad_path(path, "it is a submodule")),
            Standing::Folder => return Err(GitError::bad_path(path, "it is a folder")),
        };
        let mode = match executable {
            Some(true) => Mode::Executable,
            Some(false) => Mode::File,
            None => mode,
        };
        self.put(path, bytes.into(), mode)
    }

    /// Deletes a file or a link; says whether there was one.
    pub fn delete(&mut self, path: &str) -> Result<bool, GitError> {
        check_path(path)?;
        match self.standing(path)? {
            Standing::Nothing => Ok(false),
            Standing::Folder => Err(GitError::bad_path(path, "it is a folder; delete its files")),
            Standing::File(Mode::Module) => Err(GitError::bad_path(path, "it is a submodule")),
            Standing::File(_) => {
                self.remove(path)?;
                Ok(true)
            }
        }
    }

    /// Moves a file to a path where nothing stands.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), GitError> {
        check_path(to)?;
        let Some(Blob { mode, bytes }) = self.read(from)? else {
            return Err(GitError::bad_path(from, "there is no such file"));
        };
        if from == to {
            return Ok(());
        }
        let before = self.overlay.clone();
        let moved = self.delete(from).and_then(|_| {
            // Checked without the old file, so that `a` may become `a/b`.
            self.check_parents(to)?;
            match self.standing(to)? {
                Standing::Nothing => self.put(to, bytes, mode),
                _ => Err(GitError::bad_path(to, "something stands there already")),
            }
        });
        if moved.is_err() {
            self.overlay = before;
        }
        moved
    }

    /// Stores the files as a tree.
    pub fn tree(&self) -> Result<Oid, GitError> {
        self.tree_in(&self.repo)
    }

    /// The same, written through another handle of the repository, which may keep it in memory.
    pub fn tree_in(&self, repo: &Repo) -> Result<Oid, GitError> {
        let mut changes = BTreeMap::new();
        for (path, entry) in &self.overlay {
            let change = match entry {
                Entry::Write(bytes, mode) => Some((*mode, repo.write_blob(bytes)?)),
                Entry::Delete => None,
            };
            changes.insert(path.clone(), change);
        }
        repo.tree_with(Some(self.base), &changes)
    }

    pub(super) fn base_file(&self, path: &str) -> Result<Option<(Mode, Oid)>, GitError> {
        self.repo.entry(self.base, path)
    }

    /// Sets a path whose place was checked. What equals the start leaves the overlay.
    pub(super) fn put(&mut self, path: &str, bytes: Arc<[u8]>, mode: Mode) -> Result<(), GitError> {
        if let Some((was, oid)) = self.base_file(path)?
            && was == mode
            && same_blob(oid, &bytes)
        {
            self.overlay.remove(path);
            return Ok(());
        }
        self.check_budget(path, bytes.len() as u64)?;
        self.overlay.insert(path.to_owned(), Entry::Write(bytes, mode));
        Ok(())
    }

    /// Takes a file away whose place was checked.
    pub(super) fn remove(&mut self, path: &str) -> Result<(), GitError> {
        if self.base_file(path)?.is_some() {
            self.overlay.insert(path.to_owned(), Entry::Delete);
        } else {
            self.overlay.remove(path);
        }
        Ok(())
    }

    fn check_budget(&self, path: &str, more: u64) -> Result<(), GitError> {
        let size = |(name, entry): (&String, &Entry)| match entry {
            Entry::Write(bytes, _) if name != path => bytes.len() as u64,
            _ => 0,
        };
        let size = self.overlay.iter().map(size).sum::<u64>().saturating_add(more);
        if size <= OVERLAY_BYTES {
            return Ok(());
        }
        Err(GitError::TooLarge { what: "what the run has written in bytes".to_owned(), size, limit: OVERLAY_BYTES })
    }

    /// Refuses a path that leads through a link or a file.
    fn check_parents(&self, path: &str) -> Result<(), GitError> {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            let mode = match self.overlay.get(parent) {
                Some(Entry::Write(_, mode)) => Some(*mode),
                Some(Entry::Delete) => None,
                None => self.base_file(parent)?.map(|(mode, _)| mode),
            };
            let what = match mode {
                None => continue,
                Some(Mode::Link) => "a symbolic link",
                Some(Mode::Module) => "a submodule",
                Some(Mode::File | Mode::Executable) => "a file",
            };
            return Err(GitError::bad_path(path, format!("{parent} is {what}, not a folder")));
        }
        Ok(())
    }

    fn standing(&self, path: &str) -> Result<Standing, GitError> {
        let below = format!("{path}/");
        let inside = || {
            let start = (Bound::Included(below.clone()), Bound::Unbounded);
            self.overlay.range(start).take_while(|(name, _)| name.starts_with(&below))
        };
        if inside().any(|(_, entry)| *entry != Entry::Delete) {
            return Ok(Standing::Folder);
        }
        match self.overlay.get(path) {
            Some(Entry::Write(_, mode)) => return Ok(Standing::File(*mode)),
            Some(Entry::Delete) => return Ok(Standing::Nothing),
            None => {}
        }
        match self.repo.lookup(self.base, path)? {
            None => Ok(Standing::Nothing),
            Some((Some(mode), _)) => Ok(Standing::File(mode)),
            // A folder is gone when every file in it is.
            Some((None, folder)) => {
                let gone = inside().count();
                let left = gone == 0 || self.repo.files(folder)?.len() > gone;
                Ok(if left { Standing::Folder } else { Standing::Nothing })
            }
        }
    }
}

pub(super) fn same_blob(oid: Oid, bytes: &[u8]) -> bool {
    Oid::hash_object_ext(ObjectType::Blob, bytes, ObjectFormat::Sha1).is_ok_and(|hash| hash == oid)
}

/// Refuses a path that could not be what it says: absolute, upwards, into `.git`, without a name.
///
/// The gate judges the rest (twins, reserved names, who owns it), with a reason for people.
pub(super) fn check_path(path: &str) -> Result<(), GitError> {
    let bad = |why: &str| Err(GitError::bad_path(path, why));
    if path.len() > PATH_BYTES || path.split('/').count() > DEPTH {
        return bad("the path is too long");
    }
    if path.starts_with('/') {
        return bad("use a path relative to the repository");
    }
    for segment in path.split('/') {
        if segment == ".." {
            return bad("a path must not lead upwards");
        }
        if segment.is_empty() || segment == "." || segment.contains('\0') {
            return bad("a path has plain names between slashes");
        }
        if segment.eq_ignore_ascii_case(".git") {
            return bad("git's own folder is not a place for files");
        }
    }
    Ok(())
}
