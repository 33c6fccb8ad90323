//! The private folder of one run: the worktree of a command, and what it has for temporary files.
//! Lives here: making the folders and handing them to the user that the command runs as. Never here: the files in them.

use std::fs;
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::{Door, SandboxError};
use crate::git::system;

/// Users that nobody else is: systemd's table of users keeps this range free.
#[cfg(target_os = "linux")]
const FIRST_USER: u32 = 60_578;
#[cfg(target_os = "linux")]
const USERS: u32 = 128;
/// The folder of sockets. A command is shown single ones of them, and never the folder.
const DOORS: &str = "doors";

/// A folder with a worktree and temporary files, gone when it is dropped.
pub struct Place {
    dir: TempDir,
    user: Option<u32>,
}

impl Place {
    /// An empty one.
    ///
    /// # Errors
    /// [`SandboxError::Folder`].
    pub fn new() -> Result<Self, SandboxError> {
        let dir = tempfile::Builder::new().prefix("town-shell-").tempdir();
        let dir = dir.map_err(|source| SandboxError::Folder { path: "of temporary files".into(), source })?;
        let place = Self { dir, user: next_user() };
        let folders = [
            place.worktree(),
            place.temp(),
            place.temp().join("home"),
            shared_memory(&place.temp()),
            place.dir.path().join(DOORS),
        ];
        folders.iter().try_for_each(|folder| fs::create_dir(folder).map_err(|e| failed(folder, e)))?;
        Ok(place)
    }

    /// Where the command's files are.
    #[must_use]
    pub fn worktree(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Where its temporary files are, its home folder among them.
    #[must_use]
    pub fn temp(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// The door at this port, whose socket lies here.
    pub(super) fn door(&self, port: u16) -> Door {
        Door { socket: self.dir.path().join(DOORS).join(port.to_string()), port }
    }

    /// Writes down what a command reads on its standard input; the command itself is only given the open file.
    pub(super) fn input(&self, text: &str) -> Result<PathBuf, SandboxError> {
        let path = self.dir.path().join("input");
        fs::write(&path, text).map_err(|e| failed(&path, e))?;
        Ok(path)
    }

    /// Makes every folder of the worktree one that can be looked into, whatever the command did to it.
    pub fn unlock(&self) {
        open_folders(&self.worktree());
    }

    /// Makes the worktree empty again. What a command left there is never written through.
    ///
    /// # Errors
    /// [`SandboxError::Folder`].
    pub fn empty_worktree(&self) -> Result<(), SandboxError> {
        let worktree = self.worktree();
        fs::remove_dir_all(&worktree)
            .or_else(|_| {
                // A folder that its owner may not enter is opened first; root needs no such thing.
                open_folders(&worktree);
                fs::remove_dir_all(&worktree)
            })
            .and_then(|()| fs::create_dir(&worktree))
            .map_err(|e| failed(&worktree, e))
    }

    /// Output without the name of this folder, which differs each time.
    #[must_use]
    pub fn plain(&self, text: &str) -> String {
        let (work, temp) = (self.worktree(), self.temp());
        text.replace(&*work.to_string_lossy(), super::bubblewrap::WORK)
            .replace(&*temp.to_string_lossy(), super::bubblewrap::TEMP)
    }

    /// Gives everything to the user that the command runs as, where that is another one.
    ///
    /// # Errors
    /// [`SandboxError::Folder`].
    pub fn hand_over(&self) -> Result<(), SandboxError> {
        let Some(user) = self.user else { return Ok(()) };
        give(self.dir.path(), user)
    }

    /// The user that commands run as where we are root: root's files are then not theirs, and their processes can be counted.
    /// `None` where we are somebody else, and nobody but ourselves can be had.
    pub(super) const fn user(&self) -> Option<u32> {
        self.user
    }
}

/// What a command has for `/dev/shm`, given its temporary files. Beside them, not in them: what is mounted must not be
/// something that an earlier command could put a link in the place of.
pub(super) fn shared_memory(temp: &Path) -> PathBuf {
    temp.with_file_name("shm")
}

impl Drop for Place {
    fn drop(&mut self) {
        if fs::remove_dir_all(self.dir.path()).is_err() {
            open_folders(self.dir.path());
        }
    }
}

fn failed(path: &Path, source: std::io::Error) -> SandboxError {
    SandboxError::Folder { path: path.to_owned(), source }
}

/// Another one for each folder, so that commands of one process do not count each other's processes.
#[cfg(target_os = "linux")]
fn next_user() -> Option<u32> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = std::process::id().wrapping_mul(31).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    rustix::process::geteuid().is_root().then_some(FIRST_USER + next % USERS)
}

/// Only on Linux a command can be somebody else.
#[cfg(not(target_os = "linux"))]
const fn next_user() -> Option<u32> {
    None
}

#[cfg(not(target_os = "linux"))]
const fn give(_: &Path, _: u32) -> Result<(), SandboxError> {
    Ok(())
}

/// Changes the owner of all that is in a folder, and of no place that a link leads to. No command runs meanwhile.
#[cfg(target_os = "linux")]
fn give(path: &Path, user: u32) -> Result<(), SandboxError> {
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).map_err(|e| failed(&path, e))?;
        // A hard link of what is not in this folder cannot be here: the command could make none.
        if meta.uid() != user {
            std::os::unix::fs::lchown(&path, Some(user), Some(user)).map_err(|e| failed(&path, e))?;
        }
        if meta.is_dir() {
            let entries = fs::read_dir(&path).map_err(|e| failed(&path, e))?;
            open.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
    }
    Ok(())
}

fn open_folders(path: &Path) {
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let Some(meta) = fs::symlink_metadata(&path).ok().filter(|meta| meta.is_dir()) else { continue };
        system::open_folder(&path, &meta);
        open.extend(fs::read_dir(&path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())));
    }
}
