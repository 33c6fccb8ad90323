//! A workspace as files on disk, for a command that must run in it, and back.
//! Lives here: writing a tree as plain files, reading changes back. Never here: running the command.
//!
//! Files are written by ourselves, so no filter and no hook has a say. Links are written last, so that no file is
//! ever written through one, and only where they stay inside the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::errors::GitError;
use super::objects::{DEPTH, check_count};
use super::system;
use super::workspace::{Workspace, check_path};
use crate::town::changeset::{Blob, Mode};
use crate::town::limits::CHANGESET_BYTES;

/// What was written to disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Materialised {
    /// How many files and links.
    pub files: usize,
    /// Links that lead out of the folder: each is a text file with its target instead.
    pub links_as_text: Vec<String>,
    /// Paths that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
}

/// What was read back from disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absorbed {
    /// Paths that changed.
    pub changed: Vec<String>,
    /// Links that are new or lead elsewhere. They are among the changes, for the gate to judge.
    pub links: Vec<String>,
    /// Sockets, pipes, devices, names that are not UTF-8, files that changed while they were read: left out.
    pub special: Vec<String>,
    /// Paths that changed and that the caller does not want: left out. A new folder of them is named once.
    pub unwanted: Vec<String>,
}

impl Workspace {
    /// Writes every file below `dir`, which must be empty or not there yet.
    pub fn materialise(&self, dir: &Path) -> Result<Materialised, GitError> {
        system::private_folder(dir).map_err(GitError::file("create", dir))?;
        if fs::read_dir(dir).map_err(GitError::file("read", dir))?.next().is_some() {
            return Err(GitError::bad_path(dir.to_string_lossy(), "the folder is not empty"));
        }
        let mut done = Materialised::default();
        let mut folders = BTreeSet::new();
        let mut links = Vec::new();
        for path in self.list("")? {
            if let Err(GitError::BadPath { why, .. }) = check_path(&path) {
                done.skipped.push((path, why));
                continue;
            }
            if !system::holds(&path) {
                done.skipped.push((path, "the file system cannot hold the name".to_owned()));
                continue;
            }
            let Some(Blob { mode, bytes }) = self.read(&path)? else {
                done.skipped.push((path, "a submodule, or a name that is not UTF-8".to_owned()));
                continue;
            };
            if mode == Mode::Link && becomes_link(&path, &bytes) {
                links.push((path, bytes));
                continue;
            }
            match put_file(dir, &path, &bytes, mode == Mode::Executable, &mut folders) {
                Ok(()) => done.files += 1,
                Err(error) => skip(&mut done, path.clone(), error, &dir.join(&path))?,
            }
            if mode == Mode::Link {
                done.links_as_text.push(path);
            }
        }
        for (path, target) in links {
            let place = dir.join(&path);
            let target = system::path_of(&target).ok_or(ErrorKind::InvalidFilename.into());
            let made =
                make_folders(dir, &path, &mut folders).and(target).and_then(|target| system::link(&target, &place));
            match made {
                Ok(()) => done.files += 1,
                Err(error) => skip(&mut done, path, error, &place)?,
            }
        }
        Ok(done)
    }

    /// Reads what changed below `dir`, where this workspace was materialised, back into the overlay. Content is
    /// compared, times are not. `.git` is passed over; changes that `wanted` does not want are left out and named.
    pub fn absorb(&mut self, dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Absorbed, GitError> {
        let mut done = Absorbed::default();
        let disk = walk(dir, &mut done)?;
        let expected: BTreeSet<String> = self.list("")?.into_iter().collect();
        // What is gone goes first, so that a folder may stand where a file was.
        for path in expected.iter().filter(|path| !disk.contains_key(*path)) {
            if check_path(path).is_err()
                || !system::holds(path)
                || self.size(path)?.is_none()
                || done.special.contains(path)
            {
                continue;
            }
            if wanted(path) {
                self.remove(path)?;
                done.changed.push(path.clone());
            } else {
                done.unwanted.push(path.clone());
            }
        }
        for (path, meta) in &disk {
            let known = expected.contains(path);
            if !known && !wanted(path) {
                done.unwanted.push(path.clone());
                continue;
            }
            self.absorb_one(dir, path, meta, known, wanted, &mut done)?;
        }
        done.changed.sort();
        done.unwanted = summary(&done.unwanted, &expected);
        Ok(done)
    }

    fn absorb_one(
        &mut self,
        dir: &Path,
        path: &str,
        meta: &Metadata,
        known: bool,
        wanted: &dyn Fn(&str) -> bool,
        done: &mut Absorbed,
    ) -> Result<(), GitError> {
        let before = if known { self.read(path)? } else { None };
        let executable = before.as_ref().is_some_and(|old| old.mode == Mode::Executable);
        let Some(Blob { mode, bytes }) = read_disk(&dir.join(path), meta, executable)? else {
            done.special.push(path.to_owned());
            return Ok(());
        };
        let same = before.is_some_and(|old| {
            // A link that leads out was written as a text file.
            let as_text = old.mode == Mode::Link && mode == Mode::File && !becomes_link(path, &old.bytes);
            *old.bytes == *bytes && (old.mode == mode || as_text)
        });
        if same {
            return Ok(());
        }
        if !wanted(path) {
            done.unwanted.push(path.to_owned());
            return Ok(());
        }
        if mode == Mode::Link {
            done.links.push(path.to_owned());
        }
        done.changed.push(path.to_owned());
        self.put(path, bytes, mode)
    }
}

/// Whether a link is one on disk too: where there are links, and only where it stays inside.
fn becomes_link(path: &str, target: &[u8]) -> bool {
    system::LINKS && stays_inside(path, target)
}

/// Whether a link stays inside the folder that it is written to: relative, and `..` only in front and not beyond
/// the root. A `..` behind a name could lead through another link, so such a target does not count as inside.
fn stays_inside(path: &str, target: &[u8]) -> bool {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return false;
    }
    let room = path.matches('/').count();
    let segments: Vec<&[u8]> = target.split(|byte| *byte == b'/').filter(|s| !matches!(*s, b"" | b".")).collect();
    let up = segments.iter().take_while(|segment| **segment == b"..").count();
    let git = segments.iter().any(|segment| segment.eq_ignore_ascii_case(b".git"));
    up <= room && !git && !segments[up..].contains(&&b".."[..])
}

fn make_folders(dir: &Path, path: &str, folders: &mut BTreeSet<String>) -> std::io::Result<()> {
    let Some((parent, _)) = path.rsplit_once('/') else { return Ok(()) };
    if folders.contains(parent) {
        return Ok(());
    }
    fs::create_dir_all(dir.join(parent))?;
    folders.insert(parent.to_owned());
    Ok(())
}

fn put_file(
    dir: &Path,
    path: &str,
    bytes: &[u8],
    executable: bool,
    folders: &mut BTreeSet<String>,
) -> std::io::Result<()> {
    make_folders(dir, path, folders)?;
    system::new_file(&dir.join(path), executable)?.write_all(bytes)
}

/// A path that the file system cannot hold beside the others (twins, a file where a folder is) is left out.
fn skip(done: &mut Materialised, path: String, error: std::io::Error, place: &Path) -> Result<(), GitError> {
    let why = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => "another path is in its place",
        ErrorKind::InvalidFilename => "the name is too long for this file system",
        _ => return Err(GitError::file("write", place)(error)),
    };
    done.skipped.push((path, why.to_owned()));
    Ok(())
}

/// Every file and link below `dir` with what the system says about it, links not followed.
fn walk(dir: &Path, done: &mut Absorbed) -> Result<BTreeMap<String, Metadata>, GitError> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(PathBuf, String, usize)> = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        if depth >= DEPTH {
            return Err(GitError::TooDeep { limit: DEPTH });
        }
        for entry in fs::read_dir(&folder).map_err(GitError::file("read", &folder))? {
            let entry = entry.map_err(GitError::file("read", &folder))?;
            let name = entry.file_name();
            if name.eq_ignore_ascii_case(".git") {
                continue;
            }
            let shown = format!("{prefix}{}", name.to_string_lossy());
            let meta = match fs::symlink_metadata(entry.path()) {
                Ok(meta) => meta,
                // Something still runs there and took it away.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(GitError::file("read", entry.path())(error)),
            };
            let kind = meta.file_type();
            if name.to_str().is_none() || !(kind.is_dir() || kind.is_file() || kind.is_symlink()) {
                done.special.push(shown);
            } else if kind.is_dir() {
                open.push((entry.path(), format!("{shown}/"), depth + 1));
            } else {
                found.insert(shown, meta);
                check_count(found.len())?;
            }
        }
    }
    Ok(found)
}

/// Reads a file or a link; `None` when it is no longer what the walk saw. A program that still runs in the folder
/// could otherwise put a link to somewhere else in the place of a file between the look and the reading. `executable` is
/// what it was, where the file system does not say.
fn read_disk(place: &Path, seen: &Metadata, executable: bool) -> Result<Option<Blob>, GitError> {
    let failed = |error| GitError::file("read", place)(error);
    if seen.file_type().is_symlink() {
        return match fs::read_link(place) {
            Ok(target) => Ok(Some(Blob { mode: Mode::Link, bytes: system::bytes_of(&target).into() })),
            Err(_) => Ok(None),
        };
    }
    let file = match File::open(place) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let now = file.metadata().map_err(failed)?;
    if !now.is_file() || !system::same(&now, seen) {
        return Ok(None);
    }
    let limit = 4 * CHANGESET_BYTES;
    if now.len() > limit {
        let what = format!("{} in bytes", place.display());
        return Err(GitError::TooLarge { what, size: now.len(), limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(now.len()).unwrap_or(0));
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let mode = if system::executable(&now).unwrap_or(executable) { Mode::Executable } else { Mode::File };
    Ok(Some(Blob { mode, bytes: bytes.into() }))
}

/// Names a folder once that holds only unwanted files, such as a build's output.
fn summary(unwanted: &[String], expected: &BTreeSet<String>) -> Vec<String> {
    let ours = |folder: &str| expected.range(folder.to_owned()..).next().is_some_and(|path| path.starts_with(folder));
    let name = |path: &String| {
        let folders = path.match_indices('/').map(|(at, _)| &path[..=at]);
        folders.into_iter().find(|folder| !ours(folder)).unwrap_or(path).to_owned()
    };
    unwanted.iter().map(name).collect::<BTreeSet<_>>().into_iter().collect()
}
