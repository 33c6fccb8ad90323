//! Files of a tree on disk, written into an empty folder and never outside it.
//! Lives here: which names and links are safe to write. Never here: which files (see [`super::files`] and
//! [`super::workspace`]).

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use super::system;
use crate::town::changeset::Mode;

/// The path to write, unless a part of it is special.
#[must_use]
pub fn safe(bytes: &[u8]) -> Option<PathBuf> {
    let path = system::path_of(bytes)?;
    let special = |part: Component<'_>| match part {
        Component::Normal(name) => name.eq_ignore_ascii_case(".git") || name.as_encoded_bytes().contains(&0),
        _ => true,
    };
    let doubled = bytes.windows(2).any(|pair| pair == b"//");
    let held = path.to_str().is_none_or(system::holds);
    (!path.as_os_str().is_empty() && !doubled && held && !path.components().any(special)).then_some(path)
}

/// Writes one file; `false` where a malformed tree has two entries for one path.
///
/// # Errors
/// When the disk is full.
pub fn file(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<bool> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    if parent.is_err() {
        return Ok(false);
    }
    match system::new_file(path, mode == Mode::Executable) {
        Ok(mut file) => file.write_all(bytes).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
        Err(_) => Ok(false),
    }
}

/// Makes a link, and the folders that it is in; where there are no links, a text file with its target.
///
/// # Errors
/// When something stands there.
pub fn link(path: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if system::LINKS {
        return system::link(target, path);
    }
    system::new_file(path, false)?.write_all(&system::bytes_of(target))
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
