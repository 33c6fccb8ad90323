//! A private checkout for the test command: files written straight from the object database.
//! Lives here: writing a tree into an empty folder without filters, hooks or attributes, and without ever leaving
//! the folder. Never here: the workspace of a run.

use std::fs;
use std::io;
use std::path::Path;

use crate::git::files::{Content, Files};
use crate::git::plain::{file, link, safe, stays_inside};
use crate::git::system;
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
        match safe(entry.bytes()) {
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
        let target = system::path_of(target.data());
        match safe(entry.bytes()).zip(target).filter(|(path, target)| stays_inside(path, target)) {
            Some((path, target)) => skipped += usize::from(link(&root.join(path), &target).is_err()),
            None => skipped += 1,
        }
    }
    Ok(skipped)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
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
}
