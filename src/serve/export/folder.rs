//! The folder of an export, which changes as a whole.
//! Lives here: where it may be, what may be replaced, the change from old to new. Never here: what is written.
//!
//! Everything is written into a folder beside it, `.NAME.monkeytown-export`, and exchanged with the old one in one step. A process
//! that is killed leaves the old folder or the new one in its place, and the next export clears away what it left beside it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::git::repo::Repo;

/// The file by which an export is known.
pub const MARKER: &str = "monkeytown-export.json";
/// What it says of itself.
const KIND: &str = "export";
/// Bytes of it that are read.
const MARKER_BYTES: u64 = 64 << 20;
/// What is in the folder beside: the lock, what is written, what was replaced.
const LOCK: &str = "lock";
const NEW: &str = "new";
const OLD: &str = "old";

/// Why a folder cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be a folder of its own.
    #[error("{0} is no place for an export: {1}; name a folder of its own, such as site")]
    NoPlace(String, &'static str),
    /// It leads elsewhere.
    #[error("{0} is a link; name the folder that it leads to")]
    Link(String),
    /// Somebody else's files are there.
    #[error("{0} was not written by an export, and would be lost; move it away, or name another folder")]
    Foreign(String),
    /// Another process writes there.
    #[error("another export is writing {0} just now; try again when it is done")]
    Busy(String),
    /// The system refuses.
    #[error("cannot {doing} {path}: {source}{}", room(source))]
    File {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl FolderError {
    fn file<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> Self + 'p {
        move |source| Self::File { doing, path: path.display().to_string(), source }
    }
}

/// What to do where there is no room.
fn room(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "; make room there, or name a folder elsewhere"
        }
        _ => "",
    }
}

/// What an export says of itself: what it was made from, and its files with their lengths.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    monkeytown: String,
    version: String,
    head: Option<String>,
    seq: u64,
    main: String,
    files: BTreeMap<String, u64>,
}

/// A folder that is written beside its place.
#[derive(Debug)]
pub struct Folder {
    /// Where it shall stand.
    place: PathBuf,
    /// The folder beside it, which is ours while the lock in it is held.
    beside: PathBuf,
    _lock: File,
    files: BTreeMap<String, u64>,
}

impl Folder {
    /// Begins to write a folder. What is there stays until [`Folder::finish`].
    ///
    /// # Errors
    /// [`FolderError`] where it may not be written; nothing was changed then.
    pub fn begin(place: &Path, repo: &Repo) -> Result<Self, FolderError> {
        let place = resolve(place)?;
        let refused = |why| FolderError::NoPlace(place.display().to_string(), why);
        if place.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
            return Err(refused("it is inside of a git folder"));
        }
        for inner in [repo.common_dir(), repo.git_dir()] {
            let inner = fs::canonicalize(inner).map_err(FolderError::file("read", inner))?;
            if place.starts_with(&inner) {
                return Err(refused("it is inside of a git folder"));
            }
            if inner.starts_with(&place) {
                return Err(refused("the repository is in it"));
            }
        }
        if let Some(workdir) = repo.workdir() {
            let workdir = fs::canonicalize(workdir).map_err(FolderError::file("read", workdir))?;
            if workdir.starts_with(&place) {
                return Err(refused("the repository is in it"));
            }
        }
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            return Err(refused("it has no name"));
        };
        may_be_replaced(&place)?;
        fs::create_dir_all(parent).map_err(FolderError::file("make", parent))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".monkeytown-export");
        let beside = parent.join(hidden);
        let lock = take(&beside, &place)?;
        let folder = Self { place, beside, _lock: lock, files: BTreeMap::new() };
        folder.bring_back();
        Ok(folder)
    }

    fn new_one(&self) -> PathBuf {
        self.beside.join(NEW)
    }

    /// Puts the old folder back where a change ended half-way, which it can where the two are not exchanged in one step.
    fn bring_back(&self) {
        if !is_there(&self.place) {
            let _ = fs::rename(self.beside.join(OLD), &self.place);
        }
    }

    /// Forgets what was written so far, by this process or by one that was killed.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn clear(&mut self) -> Result<(), FolderError> {
        self.files.clear();
        let new = self.new_one();
        remove(&new)?;
        remove(&self.beside.join(OLD))?;
        fs::create_dir(&new).map_err(FolderError::file("make", &new))
    }

    /// Writes a file of it. Its path has `/` between its parts, which are names.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let place = path.split('/').fold(self.new_one(), |place, part| place.join(part));
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(FolderError::file("make", folder))?;
        }
        fs::write(&place, bytes).map_err(FolderError::file("write", &place))?;
        self.files.insert(path.to_owned(), bytes.len() as u64);
        Ok(())
    }

    /// How many files were written, and bytes in them.
    #[must_use]
    pub fn written(&self) -> (usize, u64) {
        (self.files.len(), self.files.values().sum())
    }

    /// Puts it in its place, whole. `step` hears what was done.
    ///
    /// # Errors
    /// [`FolderError`]; the old one is in its place then.
    pub fn finish(mut self, done: &super::Exported, step: &dyn Fn(&str)) -> Result<PathBuf, FolderError> {
        let marker = Marker {
            monkeytown: KIND.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            head: done.head.clone(),
            seq: done.seq,
            main: done.main.clone(),
            files: std::mem::take(&mut self.files),
        };
        let json = serde_json::to_vec_pretty(&marker)
            .map_err(|error| FolderError::file("write", Path::new(MARKER))(error.into()))?;
        let new = self.new_one();
        self.put(MARKER, &json)?;
        // Once more: it took a while.
        may_be_replaced(&self.place)?;
        step("written");
        swap(&new, &self.place, &self.beside.join(OLD))?;
        step("exchanged");
        Ok(self.place.clone())
    }
}

impl Drop for Folder {
    /// Whatever ended the export: what is beside the folder is of no use to anybody, and ours as long as we hold its lock. Once the
    /// lock has no name another process may make its own, so nothing is removed after that but an empty folder.
    fn drop(&mut self) {
        self.bring_back();
        let gone = [NEW, OLD].iter().all(|name| remove(&self.beside.join(name)).is_ok());
        if gone && fs::remove_file(self.beside.join(LOCK)).is_ok() {
            let _ = fs::remove_dir(&self.beside);
        }
    }
}

/// The path without links and dots. It need not be there; what is not there cannot lead anywhere.
fn resolve(place: &Path) -> Result<PathBuf, FolderError> {
    let told = place.display().to_string();
    let whole = std::path::absolute(place).map_err(FolderError::file("find", place))?;
    // Without a slash at its end, behind which a link would be followed.
    let whole: PathBuf = whole.components().collect();
    if fs::symlink_metadata(&whole).is_ok_and(|found| found.is_symlink()) {
        return Err(FolderError::Link(told));
    }
    let Some(there) = whole.ancestors().find(|part| fs::symlink_metadata(part).is_ok()) else {
        return Err(FolderError::NoPlace(told, "nothing leads to it"));
    };
    let rest = whole.strip_prefix(there).unwrap_or(Path::new(""));
    if rest.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(FolderError::NoPlace(told, "it goes up from a folder that is not there"));
    }
    let there = fs::canonicalize(there).map_err(FolderError::file("find", there))?;
    Ok(if rest.as_os_str().is_empty() { there } else { there.join(rest) })
}

/// Refuses what an export did not write. An empty folder may be replaced, and one that is not there.
fn may_be_replaced(place: &Path) -> Result<(), FolderError> {
    let of = |path: &Path| FolderError::Foreign(path.display().to_string());
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FolderError::file("read", place)(error)),
        Ok(found) if !found.is_dir() => return Err(of(place)),
        Ok(_) => {}
    }
    let known = marker(&place.join(MARKER)).map(|marker| marker.files).unwrap_or_default();
    let mut folders = vec![(place.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(FolderError::file("read", &folder))? {
            let entry = entry.map_err(FolderError::file("read", &folder))?;
            let kind = entry.file_type().map_err(FolderError::file("read", &folder))?;
            let name = entry.file_name();
            // A name that is no text is none of ours.
            let path = name.to_str().map(|name| format!("{prefix}{name}"));
            match path {
                Some(path) if kind.is_dir() => folders.push((entry.path(), format!("{path}/"))),
                Some(path)
                    if kind.is_file() && (known.contains_key(&path) || (path == MARKER && !known.is_empty())) => {}
                _ => return Err(of(&entry.path())),
            }
        }
    }
    Ok(())
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// What an export says of itself; `None` where there is none.
fn marker(path: &Path) -> Option<Marker> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let mut bytes = Vec::new();
    File::open(path).ok().filter(|_| is_file)?.take(MARKER_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice::<Marker>(&bytes).ok().filter(|marker| marker.monkeytown == KIND)
}

/// Makes the folder beside the place, or takes one over whose process is gone.
fn take(beside: &Path, place: &Path) -> Result<File, FolderError> {
    let busy = || FolderError::Busy(place.display().to_string());
    match fs::create_dir(beside) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.map_err(FolderError::file("make", beside))?,
    }
    if !fs::symlink_metadata(beside).is_ok_and(|found| found.is_dir()) {
        return Err(FolderError::Foreign(beside.display().to_string()));
    }
    let path = beside.join(LOCK);
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(FolderError::Foreign(path.display().to_string()));
    }
    let lock = match File::create(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(busy()),
        made => made.map_err(FolderError::file("write", &path))?,
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy()),
        Err(TryLockError::Error(error)) => return Err(FolderError::file("lock", &path)(error)),
    }
    // One that ended just now took the folder away, and with it what was locked.
    if is_same(&lock, &path) { Ok(lock) } else { Err(busy()) }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of = |found: &fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata(), fs::symlink_metadata(path)), (Ok(one), Ok(other)) if of(&one) == of(&other))
}

#[cfg(not(unix))]
fn is_same(_file: &File, path: &Path) -> bool {
    is_there(path)
}

/// Removes a folder with all that is in it; links in it are removed, and nothing that they lead to.
fn remove(path: &Path) -> Result<(), FolderError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FolderError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Puts the new folder in the place of the old one. Where a file system cannot exchange the two, there is a moment at which
/// neither is there; the old one waits as `old` then, and comes back where the new one cannot be put there.
fn swap(new: &Path, place: &Path, old: &Path) -> Result<(), FolderError> {
    if !is_there(place) {
        return fs::rename(new, place).map_err(FolderError::file("write", place));
    }
    match exchange(new, place) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => {}
        done => return done.map_err(FolderError::file("replace", place)),
    }
    fs::rename(place, old).map_err(FolderError::file("replace", place))?;
    fs::rename(new, place).map_err(|error| {
        let _ = fs::rename(old, place);
        FolderError::file("replace", place)(error)
    })
}

#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
