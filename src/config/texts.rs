//! Reading the text files of a working directory one after the other, for whoever looks for a word in them.
//! Lives here: a bounded walk that follows no link and passes over what builds and package managers fill. Never here: what
//! stands in the files.

use std::fs;
use std::path::Path;

use super::files::{ReadFiles, read_up_to};
use crate::town::limits::{TEXT_BYTES, TEXT_FILES};

/// What a walk did not look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Files that are larger than what is read, or cannot be read.
    pub unread: usize,
    /// Whether there were more files than are read.
    pub is_cut: bool,
}

/// Shows every text below `root` that `wanted` asks for by its path. What is no UTF-8 is no text.
///
/// # Errors
/// [`ReadFiles`] where `root` cannot be listed; a folder in it that cannot is passed over.
pub fn each(root: &Path, wanted: impl Fn(&str) -> bool, mut show: impl FnMut(&str, &str)) -> Result<Passed, ReadFiles> {
    let mut passed = Passed::default();
    let mut left = TEXT_FILES;
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(source) if prefix.is_empty() => return Err(ReadFiles { path: folder, source }),
            Err(_) => {
                passed.unread += 1;
                continue;
            }
        };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                if !matches!(name.as_str(), ".git" | "target" | "node_modules") {
                    open.push((entry.path(), format!("{path}/")));
                }
            } else if kind.is_file() && wanted(&path) {
                if left == 0 {
                    passed.is_cut = true;
                    return Ok(passed);
                }
                left -= 1;
                match read_up_to(&entry.path(), TEXT_BYTES) {
                    Ok(bytes) => std::str::from_utf8(&bytes).into_iter().for_each(|text| show(&path, text)),
                    Err(_) => passed.unread += 1,
                }
            }
        }
    }
    Ok(passed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    // covers: traceability#tags-in-comments/a-file-that-is-no-text
    #[test]
    fn texts_are_shown_and_all_else_is_passed_over() {
        let place = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let file = place.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        };
        put("a/b.rs", b"text");
        put("a/b.bin", b"\xff\xfe");
        put("target/c.rs", b"text");
        put("d.md", b"text");
        put("large.txt", &vec![b'x'; TEXT_BYTES as usize + 1]);
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", place.path().join("link")).unwrap();
        let mut seen = Vec::new();
        let passed = each(place.path(), |path| !path.ends_with(".md"), |path, _| seen.push(path.to_owned())).unwrap();
        assert_eq!((seen, passed), (vec!["a/b.rs".to_owned()], Passed { unread: 1, is_cut: false }));
    }
}
