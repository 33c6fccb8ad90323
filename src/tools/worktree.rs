//! The run's files on disk for one command, and what the command made of them.
//! Lives here: writing them out, finding what differs afterwards. Never here: who may change a path, which is asked of
//! [`super::Context`] like for every other tool.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::git::GitError;
use crate::git::ignore::Ignore;
use crate::git::plain;
use crate::git::system::{self, Stamp};
use crate::git::workspace::Workspace;
use crate::town::changeset::Mode;
use crate::town::limits;

/// Bytes that a worktree may start with.
const BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Files and folders that are looked at afterwards.
const ENTRIES: usize = 200_000;

/// What a command is given: for each path what the file system said when it was written.
#[derive(Debug, Default)]
pub(super) struct Worktree {
    stamps: BTreeMap<String, Stamp>,
    /// Paths that could not be written out.
    pub(super) left_out: usize,
}

/// What a command did to its files.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Content of files that are new or may differ, and whether they can be run.
    pub(super) written: Vec<(String, Vec<u8>, bool)>,
    /// Files that are gone.
    pub(super) deleted: Vec<String>,
    /// What cannot come back, by name and reason.
    pub(super) refused: Vec<(String, &'static str)>,
    /// Whether there was more than is looked at.
    pub(super) cut: bool,
}

/// Why files are not on disk, or not back.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorktreeError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the command's worktree")]
    Disk(#[from] io::Error),
    #[error("the repository has more than {BYTES} bytes of files, which is too much for a command's worktree")]
    TooLarge,
}

impl Worktree {
    /// Writes all files of the run into an empty folder. Links come last: while files are written there is none that a path
    /// could lead through.
    pub(super) fn fill(files: &Workspace, root: &Path) -> Result<Self, WorktreeError> {
        let mut worktree = Self::default();
        let mut links = Vec::new();
        let mut left = BYTES;
        for path in files.list("")? {
            let Some(place) = plain::safe(path.as_bytes()) else {
                worktree.left_out += 1;
                continue;
            };
            if files.size(&path)?.is_some_and(|size| size > left) {
                return Err(WorktreeError::TooLarge);
            }
            // A submodule, or a name that is not UTF-8.
            let Some(blob) = files.read(&path)? else {
                worktree.left_out += 1;
                continue;
            };
            left -= blob.bytes.len() as u64;
            if blob.mode == Mode::Link {
                links.push((place, system::path_of(&blob.bytes)));
            } else if !plain::file(&root.join(place), &blob.bytes, blob.mode)? {
                worktree.left_out += 1;
            }
        }
        for (place, target) in links {
            let made = target.filter(|target| plain::stays_inside(&place, target));
            if made.is_none_or(|target| plain::link(&root.join(place), &target).is_err()) {
                worktree.left_out += 1;
            }
        }
        Ok(worktree)
    }

    /// Remembers how everything is now, before the command starts.
    pub(super) fn remember(&mut self, root: &Path) -> Result<(), WorktreeError> {
        let mut seen = BTreeMap::new();
        walk(root, |path, meta| {
            if let Some(path) = path.to_str().filter(|_| !meta.is_dir()) {
                seen.insert(path.to_owned(), Stamp::of(meta));
            }
            true
        })?;
        self.stamps = seen;
        Ok(())
    }

    /// What differs from what was remembered. Nothing that the command started may be alive.
    pub(super) fn changes(mut self, root: &Path, ignore: &Ignore) -> Result<Changes, WorktreeError> {
        let mut changes = Changes::default();
        let mut left = 2 * limits::CHANGESET_BYTES;
        let complete = walk(root, |path, meta| {
            let Some(name) = path.to_str() else {
                changes.refused.push((path.to_string_lossy().into_owned(), "its name is not UTF-8"));
                return false;
            };
            let known = self.stamps.remove(name);
            if meta.is_dir() {
                return path.file_name().is_none_or(|name| !name.eq_ignore_ascii_case(".git"))
                    && (!ignore.matches(&format!("{name}/")) || self.has_below(name));
            }
            if known == Some(Stamp::of(meta)) || (known.is_none() && ignore.matches(name)) {
                return false;
            }
            match content(&root.join(path), meta, left) {
                Ok(bytes) => {
                    left -= bytes.len() as u64;
                    changes.written.push((name.to_owned(), bytes, system::executable(meta).unwrap_or(false)));
                }
                Err(why) => changes.refused.push((name.to_owned(), why)),
            }
            false
        })?;
        changes.cut = !complete;
        if complete {
            changes.deleted = self.stamps.into_keys().collect();
        }
        Ok(changes)
    }

    fn has_below(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        self.stamps.range(prefix.clone()..).next().is_some_and(|(path, _)| path.starts_with(&prefix))
    }
}

/// The content of a plain file that is not too large.
fn content(path: &Path, meta: &Metadata, left: u64) -> Result<Vec<u8>, &'static str> {
    let kind = meta.file_type();
    if kind.is_symlink() {
        return Err("it is a symbolic link");
    }
    if !kind.is_file() {
        return Err("it is no plain file");
    }
    if meta.len() > left {
        return Err("it is too large");
    }
    // Once more what it is, of what was opened: nothing may have taken its place.
    let file = system::open_plain(path).map_err(|_| "it cannot be read")?;
    let same = file.metadata().is_ok_and(|now| now.is_file() && system::same(&now, meta));
    if !same {
        return Err("it is not what it was a moment ago");
    }
    let mut bytes = Vec::new();
    file.take(left + 1).read_to_end(&mut bytes).map_err(|_| "it cannot be read")?;
    if bytes.len() as u64 > left { Err("it is too large") } else { Ok(bytes) }
}

/// Goes through all that is below `root`, by paths relative to it; never through a link, and into a folder only where `see`
/// says so. Returns whether that was everything.
fn walk(root: &Path, mut see: impl FnMut(&Path, &Metadata) -> bool) -> io::Result<bool> {
    let mut open = vec![PathBuf::new()];
    let mut count = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let path = folder.join(entry?.file_name());
            let meta = fs::symlink_metadata(root.join(&path))?;
            count += 1;
            if count > ENTRIES {
                return Ok(false);
            }
            if see(&path, &meta) && meta.is_dir() {
                open.push(path);
            }
        }
    }
    Ok(true)
}
