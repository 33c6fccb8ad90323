//! The differences as Windows has them.
//! Lives here: what stands in for links, modes and groups there, as git for Windows does it by default. Never here:
//! anything that a privilege is needed for.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf, Prefix};
use std::process::{Command, Stdio};

use git2::{IndexEntry, IndexTime};

use crate::town::path::{PathProblem, problems};

/// Whether a link of a tree becomes one on disk. Making one is a privilege here, so it becomes a text file with the target,
/// as git writes it with `core.symlinks=false`.
pub const LINKS: bool = false;

/// `FILE_FLAG_OPEN_REPARSE_POINT`: opens a link itself and not what it leads to.
const NO_FOLLOW: u32 = 0x0020_0000;
/// Seconds from 1601, where Windows begins to count, to 1970.
const EPOCH: u64 = 11_644_473_600;
/// Longer paths are only opened with the prefix that git does not take.
const PATH_CHARS: usize = 260;

/// The path that bytes of a tree name; names are Unicode here.
#[must_use]
pub fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The target of a link as a tree has it.
#[must_use]
pub fn bytes_of(target: &Path) -> Vec<u8> {
    target.to_string_lossy().replace('\\', "/").into_bytes()
}

/// Whether a path of a tree can be a file here, and no other one: no drive, stream, device, or dot that is dropped.
#[must_use]
pub fn holds(path: &str) -> bool {
    let harmless = |problem: &PathProblem| {
        matches!(problem, PathProblem::Invisible | PathProblem::NotComposed | PathProblem::NotUtf8)
    };
    !path.contains(['<', '>', '"', '|', '?', '*']) && problems(path).iter().all(harmless)
}

/// Whether git takes what stands before a colon for a drive and not for a host.
#[must_use]
pub fn has_drive(url: &str) -> bool {
    matches!(url.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic())
}

/// The one absolute path of what is there, without the prefix `\\?\` where it can be left out: git does not take it, and
/// with it a `/` separates nothing.
///
/// # Errors
/// When nothing is there.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    let whole = path.canonicalize()?;
    let mut parts = whole.components();
    let prefix = match parts.next() {
        Some(Component::Prefix(prefix)) => prefix.kind(),
        _ => return Ok(whole),
    };
    let short = match prefix {
        Prefix::VerbatimDisk(drive) => PathBuf::from(format!("{}:\\", char::from(drive))),
        Prefix::VerbatimUNC(server, share) => {
            let mut start = std::ffi::OsString::from("\\\\");
            start.push(server);
            start.push("\\");
            start.push(share);
            start.push("\\");
            PathBuf::from(start)
        }
        _ => return Ok(whole),
    };
    let short = parts.filter(|part| *part != Component::RootDir).fold(short, |path, part| path.join(part));
    Ok(if short.as_os_str().len() < PATH_CHARS { short } else { whole })
}

/// Makes no link; see [`LINKS`].
///
/// # Errors
/// Always.
pub fn link(_target: &Path, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a folder; the user's own folders are private already.
///
/// # Errors
/// When it cannot be made.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

/// Makes a file that was not there. What can be run is told by its name here.
///
/// # Errors
/// When it was, or cannot be made.
pub fn new_file(path: &Path, _executable: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file to read it, and no link.
///
/// # Errors
/// When it cannot be read.
pub fn open_plain(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(path)
}

/// What a file of a working tree may be used for: what its folder says.
#[must_use]
pub const fn permissions(_executable: bool) -> Option<Permissions> {
    None
}

/// Whether a file can be run: the file system does not say.
#[must_use]
pub const fn executable(_meta: &Metadata) -> Option<bool> {
    None
}

/// Lets the owner of a folder into it, who is never kept out here.
pub const fn open_folder(_path: &Path, _meta: &Metadata) {}

/// Whether both looks saw the same file, as far as its times and its size tell: the number of a file is not to be had here.
#[must_use]
pub fn same(one: &Metadata, other: &Metadata) -> bool {
    Stamp::of(one) == Stamp::of(other)
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    created: u64,
    written: u64,
}

impl Stamp {
    /// The stamp of a file.
    #[must_use]
    pub fn of(meta: &Metadata) -> Self {
        Self { size: meta.file_size(), created: meta.creation_time(), written: meta.last_write_time() }
    }
}

/// What the system says about a file, as git for Windows keeps it, so that `git status` need not read it again.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the index holds the low 32 bits")]
pub fn stat_into(entry: &mut IndexEntry, meta: &Metadata) {
    // Steps of 100 nanoseconds since 1601.
    let time = |ticks: u64| {
        let seconds = (ticks / 10_000_000).saturating_sub(EPOCH);
        IndexTime::new(seconds as i32, (ticks % 10_000_000) as u32 * 100)
    };
    (entry.ctime, entry.mtime) = (time(meta.creation_time()), time(meta.last_write_time()));
    entry.file_size = meta.file_size() as u32;
}

/// Leaves a command as it is: there are no groups to be in. See [`end`].
pub const fn apart(command: &mut Command) -> &mut Command {
    command
}

/// Ends a command with all that descends from it. Who descends is known as long as the command itself is there; what one that
/// has ended left running stays, because only a job object would hold it, and the standard library makes none.
pub fn end(process: u32) {
    let mut kill = Command::new("taskkill");
    kill.args(["/T", "/F", "/PID", &process.to_string()]);
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
