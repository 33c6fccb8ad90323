//! Files of a tree on disk, written into an empty folder and never outside it.
//! Lives here: which names and links are safe to write. Never here: which files (see [`super::files`] and
//! [`super::workspace`]).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use crate::town::changeset::Mode;

/// The path to write, unless a part of it is special.
#[must_use]
pub fn safe(bytes: &[u8]) -> Option<PathBuf> {
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    let special = |part: Component<'_>| match part {
        Component::Normal(name) => name.as_bytes().eq_ignore_ascii_case(b".git") || name.as_bytes().contains(&0),
        _ => true,
    };
    let doubled = bytes.windows(2).any(|pair| pair == b"//");
    (!path.as_os_str().is_empty() && !doubled && !path.components().any(special)).then_some(path)
}

/// Writes one file; `false` where a malformed tree has two entries for one path.
///
/// # Errors
/// When the disk is full.
pub fn file(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<bool> {
    let mode = if mode == Mode::Executable { 0o755 } else { 0o644 };
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    if parent.is_err() {
        return Ok(false);
    }
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(mut file) => file.write_all(bytes).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
        Err(_) => Ok(false),
    }
}

/// Makes a link, and the folders that it is in.
///
/// # Errors
/// When something stands there.
pub fn link(path: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    symlink(target, path)
}

/// Whether a link at `path` points into the checkout, going by names alone.
#[must_use]
pub fn stays_inside(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    target.components().all(|part| match part {
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::CurDir => true,
        Component::ParentDir => depth.checked_sub(1).inspect(|less| depth = *less).is_some(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_judged_by_where_they_lead() {
        for (path, target, inside) in [
            ("a", "b", true),
            ("a/b", "../c", true),
            ("a/b", "../../c", false),
            ("a", "/etc", false),
            ("a/b/c", "../../x/../y", true),
        ] {
            assert_eq!(stays_inside(Path::new(path), Path::new(target)), inside, "{path} -> {target}");
        }
    }
}
