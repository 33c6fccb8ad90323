//! A private checkout for the test command: files written straight from the object database.
//! Lives here: writing a tree into an empty folder without filters, hooks or attributes, and without ever leaving
//! the folder. Never here: the workspace of a run.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use crate::git::files::{Content, Entry, Files};
use crate::town::changeset::Mode;

/// Bytes that a checkout may hold; a larger one is refused before the disk is full.
const BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Writes all files into `root`, which must be empty; returns how many entries were left out.
pub(super) fn write(files: &Files<'_>, root: &Path) -> io::Result<usize> {
    let mut skipped = files.left_out();
    let mut left = BYTES;
    // Links come last: while files are written there is no link that a path could lead through.
    let (links, plain): (Vec<_>, Vec<_>) = files.entries().iter().partition(|entry| entry.mode == Mode::Link);
    for entry in plain {
        match safe(entry) {
            None => skipped += 1,
            Some(path) if entry.mode == Mode::Module => fs::create_dir_all(root.join(path))?,
            Some(path) => match files.content(entry, left) {
                Content::Bytes(object) => {
                    left -= object.len() as u64;
                    skipped += usize::from(!file(&root.join(path), object.data(), entry.mode)?);
                }
                Content::TooLarge(_) => return Err(io::Error::other("the files are larger than a checkout may be")),
                Content::Missing => skipped += 1,
            },
        }
    }
    for entry in links {
        let Content::Bytes(target) = files.content(entry, 4096) else {
            skipped += 1;
            continue;
        };
        let target = Path::new(std::ffi::OsStr::from_bytes(target.data()));
        match safe(entry).filter(|path| stays_inside(path, target)) {
            Some(path) => skipped += usize::from(link(&root.join(path), target).is_err()),
            None => skipped += 1,
        }
    }
    Ok(skipped)
}

/// The path to write, unless a part of it is special.
fn safe(entry: &Entry) -> Option<PathBuf> {
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(entry.bytes()));
    let special = |part: Component<'_>| match part {
        Component::Normal(name) => name.as_bytes().eq_ignore_ascii_case(b".git") || name.as_bytes().contains(&0),
        _ => true,
    };
    let doubled = entry.bytes().windows(2).any(|pair| pair == b"//");
    (!path.as_os_str().is_empty() && !doubled && !path.components().any(special)).then_some(path)
}

/// Writes one file; `false` where a malformed tree has two entries for one path.
fn file(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<bool> {
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

fn link(path: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    symlink(target, path)
}

/// Whether a link at `path` points into the checkout, going by names alone.
fn stays_inside(path: &Path, target: &Path) -> bool {
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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::Sample;
    use super::*;

    #[test]
    fn writes_files_as_they_are_and_nothing_outside() {
        let sample = Sample::new();
        let entries: &[(&[u8], &[u8], i32)] = &[
            (b".gitattributes", b"* filter=canary eol=crlf\n", 0o100_644),
            (b"a/b.txt", b"one\n", 0o100_644),
            (b"na\xffme", b"x", 0o100_644),
            (b"run.sh", b"#!/bin/sh\n", 0o100_755),
            (b"in", b"a/b.txt", 0o120_000),
            (b"loop", b"loop", 0o120_000),
            (b"out", b"../../etc", 0o120_000),
            (b"abs", b"/etc/passwd", 0o120_000),
            (b"mod", b"", 0o160_000),
        ];
        let head = sample.commit_on("one", entries, &[]);
        let files = Files::open(sample.repo(), head).unwrap();
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(write(&files, dir.path()).unwrap(), 2, "two links leave the checkout");
        assert_eq!(fs::read(dir.path().join("a/b.txt")).unwrap(), b"one\n", "no filter ran");
        assert_eq!(fs::read(dir.path().join("in")).unwrap(), b"one\n");
        assert!(dir.path().join(std::ffi::OsStr::from_bytes(b"na\xffme")).exists());
        assert_eq!(fs::metadata(dir.path().join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
        assert!(fs::symlink_metadata(dir.path().join("out")).is_err());
        assert!(dir.path().join("mod").is_dir());
    }

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
