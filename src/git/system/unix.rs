//! The differences as Unix has them.
//! Lives here: calls of the standard library that exist on Unix alone. Never here: anything of Linux alone.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use git2::{IndexEntry, IndexTime};

/// Whether a link of a tree becomes one on disk.
pub const LINKS: bool = true;

/// The path that bytes of a tree name.
#[must_use]
pub fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

/// The target of a link as a tree has it.
#[must_use]
pub fn bytes_of(target: &Path) -> Vec<u8> {
    target.as_os_str().as_bytes().to_vec()
}

/// Whether a path of a tree can be a file here, and no other one.
#[must_use]
pub const fn holds(_path: &str) -> bool {
    true
}

/// Whether git takes what stands before a colon for a drive and not for a host.
#[must_use]
pub const fn has_drive(_url: &str) -> bool {
    false
}

/// The one absolute path of what is there.
///
/// # Errors
/// When nothing is.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Makes a link.
///
/// # Errors
/// When something stands there.
pub fn link(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

/// Makes a folder that nobody else may look into.
///
/// # Errors
/// When it cannot be made.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file that was not there.
///
/// # Errors
/// When it was, or cannot be made.
pub fn new_file(path: &Path, executable: bool) -> io::Result<File> {
    let mode = if executable { 0o755 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Opens a file to read it: no link, and no pipe that would have to be waited for.
///
/// # Errors
/// When it is a link, or cannot be read.
pub fn open_plain(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// What a file of a working tree may be used for, before the system takes away what the user's own mask takes away.
#[must_use]
pub fn permissions(executable: bool) -> Option<Permissions> {
    Some(Permissions::from_mode(if executable { 0o777 } else { 0o666 }))
}

/// Whether a file can be run; `None` where the file system does not say.
#[must_use]
pub fn executable(meta: &Metadata) -> Option<bool> {
    Some(meta.mode() & 0o100 != 0)
}

/// Lets the owner of a folder into it.
pub fn open_folder(path: &Path, meta: &Metadata) {
    if meta.mode() & 0o700 != 0o700 {
        let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
    }
}

/// Whether both looks saw the same file.
#[must_use]
pub fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// What changes when a file does; nobody can set a change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    node: u64,
    size: u64,
    mode: u32,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file.
    #[must_use]
    pub fn of(meta: &Metadata) -> Self {
        Self { node: meta.ino(), size: meta.size(), mode: meta.mode(), changed: (meta.ctime(), meta.ctime_nsec()) }
    }
}

/// What the system says about a file, cut to 32 bits as git does, so that `git status` need not read it again.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index holds the low 32 bits")]
pub fn stat_into(entry: &mut IndexEntry, meta: &Metadata) {
    entry.ctime = IndexTime::new(meta.ctime() as i32, meta.ctime_nsec() as u32);
    entry.mtime = IndexTime::new(meta.mtime() as i32, meta.mtime_nsec() as u32);
    (entry.dev, entry.ino) = (meta.dev() as u32, meta.ino() as u32);
    (entry.uid, entry.gid, entry.file_size) = (meta.uid(), meta.gid(), meta.size() as u32);
}

/// Gives a command a group of its own, so that all that it starts can be ended with it.
pub fn apart(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Ends a command that was started apart, with all that it started, whether it has ended itself or not. The standard
/// library has no call for a group, every shell does.
pub fn end(group: u32) {
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", &format!("kill -s KILL -- -{group}")]);
    // An empty group is an error of `kill` and exactly what is wanted.
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
