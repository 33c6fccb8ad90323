//! What differs between two commits, file by file, for people.
//! Lives here: patches within bounds, renames, what hides in added lines. Never here: judging it (see [`super::pulls`]).

use std::collections::HashSet;

use git2::Oid;
use schemars::JsonSchema;
use serde::Serialize;

use crate::git::changes::RawChange;
use crate::git::errors::GitError;
use crate::git::files::is_binary;
use crate::git::repo::Repo;
use crate::town::changeset::{self, Blob, FileChange};
use crate::town::text::{count_invisible, escape_invisible, is_invisible};

/// Bytes of one file's patch.
const PATCH: usize = 200 * 1024;
/// Bytes of all patches of one answer.
const PATCHES: usize = 4 * 1024 * 1024;
/// Lines with hidden characters that are named of one file.
const HIDDEN: usize = 50;
/// Files of one answer.
const FILES: usize = 3_000;
/// Files on each side among which renames with edits are looked for.
const RENAMES: usize = 40;
/// Bytes of a file whose likeness to another is measured.
const LIKE_BYTES: usize = 64 * 1024;
/// How alike two files are of which one became the other.
const LIKE: f32 = 0.6;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new.
    Added,
    /// It has other content.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another name.
    Renamed,
}

/// One file that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FileDiff {
    /// Its path; bytes that are not UTF-8 are shown as `\xNN`.
    pub path: String,
    /// Its path before, where it was renamed.
    pub from: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Whether it shows no text.
    pub binary: bool,
    /// Lines added.
    pub adds: u64,
    /// Lines deleted.
    pub dels: u64,
    /// A unified diff in which nothing is invisible.
    pub patch: String,
    /// Whether the patch ends before its end.
    pub cut: bool,
    /// Added lines that hide something.
    pub invisible: Vec<Hidden>,
}

/// A line that hides something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "HiddenLine")]
pub struct Hidden {
    /// Counted from 1, in the file as it would be.
    pub line: usize,
    /// The characters, as `\u{202E}`.
    pub what: String,
}

/// What differs between two trees, and in how many files. Where that is more than may be read, or cannot be read, the files are
/// named and nothing else, and of very many only the first.
///
/// # Errors
/// [`GitError`] when a folder cannot be read, or there are more files than are ever looked through.
pub fn between(repo: &Repo, before: Oid, after: Oid) -> Result<(Vec<FileDiff>, usize), GitError> {
    let raw = repo.changes_between(Some(before), Some(after))?;
    let count = raw.len();
    if count > FILES {
        return Ok((named(raw), count));
    }
    let changes = match repo.contents(raw.clone()) {
        Ok(changes) => changes,
        Err(error) if error.is_unreadable() => return Ok((named(raw), count)),
        Err(error) => return Err(error),
    };
    let mut left = PATCHES;
    let diff = |(change, from)| {
        let mut diff = of(&change, from);
        if diff.patch.len() > left {
            (diff.patch, diff.cut) = (String::new(), true);
        }
        left -= diff.patch.len();
        diff
    };
    let files: Vec<FileDiff> = renamed(changes).into_iter().map(diff).collect();
    let count = files.len();
    Ok((files, count))
}

fn named(changes: Vec<RawChange>) -> Vec<FileDiff> {
    let name = |change: RawChange| FileDiff {
        status: status(change.before.is_some(), change.after.is_some(), false),
        path: change.path,
        from: None,
        binary: false,
        adds: 0,
        dels: 0,
        patch: String::new(),
        cut: true,
        invisible: Vec::new(),
    };
    changes.into_iter().take(FILES).map(name).collect()
}

const fn status(before: bool, after: bool, renamed: bool) -> Status {
    match (before, after) {
        _ if renamed => Status::Renamed,
        (false, _) => Status::Added,
        (_, false) => Status::Deleted,
        _ => Status::Modified,
    }
}

fn of(change: &FileChange, from: Option<String>) -> FileDiff {
    let texts = (changeset::text_of(change.before.as_ref()), changeset::text_of(change.after.as_ref()));
    let binary = [&change.before, &change.after].into_iter().flatten().any(|blob| is_binary(&blob.bytes))
        || texts.0.is_none()
        || texts.1.is_none();
    let (adds, dels) = if binary { (0, 0) } else { changeset::lines(std::slice::from_ref(change)) };
    let mut patch = changeset::unified(std::slice::from_ref(change));
    let cut = patch.len() > PATCH;
    if cut {
        let end = patch[..patch.floor_char_boundary(PATCH)].rfind('\n').map_or(0, |end| end + 1);
        patch.truncate(end);
    }
    FileDiff {
        path: change.path.clone(),
        status: status(change.before.is_some(), change.after.is_some(), from.is_some()),
        from,
        binary,
        adds,
        dels,
        patch,
        cut,
        invisible: hidden(texts.0.unwrap_or_default(), texts.1.unwrap_or_default()),
    }
}

/// What hides in the lines of `after` that `before` does not have.
fn hidden(before: &str, after: &str) -> Vec<Hidden> {
    if count_invisible(after) == 0 {
        return Vec::new();
    }
    let old: HashSet<&str> = before.lines().collect();
    let new = after.lines().enumerate().filter(|(_, line)| !old.contains(line));
    let found = new.filter(|(_, line)| escape_invisible(line).1 > 0);
    let name = |(at, line): (usize, &str)| {
        let mut what: Vec<String> = line
            .chars()
            .filter(|c| is_invisible(*c) && *c != '\t')
            .map(|c| format!("\\u{{{:04X}}}", u32::from(c)))
            .collect();
        what.dedup();
        Hidden { line: at + 1, what: what.join(" ") }
    };
    found.map(name).take(HIDDEN).collect()
}

/// Deletions and additions that are one file under another name become one change.
fn renamed(changes: Vec<FileChange>) -> Vec<(FileChange, Option<String>)> {
    let (mut gone, rest): (Vec<FileChange>, Vec<FileChange>) =
        changes.into_iter().partition(|change| change.after.is_none());
    let few = gone.len() <= RENAMES && rest.iter().filter(|change| change.before.is_none()).count() <= RENAMES;
    let mut all: Vec<(FileChange, Option<String>)> = Vec::with_capacity(rest.len() + gone.len());
    for change in rest {
        let same =
            |old: &FileChange| old.before.as_ref().zip(change.after.as_ref()).map(|(old, new)| like(old, new, few));
        let best = gone.iter().enumerate().filter_map(|(at, old)| Some((at, same(old)?)));
        let best = best.filter(|(_, like)| change.before.is_none() && *like >= LIKE);
        let best = best.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
        match best.map(|at| gone.remove(at)) {
            Some(old) => all.push((FileChange { before: old.before, ..change }, Some(old.path))),
            None => all.push((change, None)),
        }
    }
    all.extend(gone.into_iter().map(|change| (change, None)));
    all.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    all
}

/// How alike two files are, from 0 to 1.
fn like(old: &Blob, new: &Blob, measure: bool) -> f32 {
    if old.bytes == new.bytes {
        return if old.bytes.is_empty() { 0.0 } else { 1.0 };
    }
    let (Some(one), Some(other)) = (changeset::text_of(Some(old)), changeset::text_of(Some(new))) else { return 0.0 };
    let measured = measure && one.len().max(other.len()) <= LIKE_BYTES;
    if measured { similar::TextDiff::from_lines(one, other).ratio() } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
        let blob = |text: &str| Blob::file(text.as_bytes());
        FileChange { path: path.to_owned(), before: before.map(blob), after: after.map(blob) }
    }

    #[test]
    fn what_moved_is_one_change_and_what_is_only_alike_in_being_empty_is_not() {
        let text = "one\ntwo\nthree\nfour\nfive\n";
        let edited = "one\ntwo\nthree\nfour\nsix\n";
        let found = renamed(vec![
            change("a", Some(text), None),
            change("b", Some(""), None),
            change("c", None, Some("")),
            change("d", None, Some(edited)),
            change("e", Some("x\n"), Some("y\n")),
        ]);
        let seen: Vec<_> = found.iter().map(|(change, from)| (change.path.as_str(), from.as_deref())).collect();
        assert_eq!(seen, [("b", None), ("c", None), ("d", Some("a")), ("e", None)]);
        let moved = of(&found[2].0, found[2].1.clone());
        assert_eq!((moved.status, moved.adds, moved.dels), (Status::Renamed, 1, 1));
    }

    #[test]
    fn hidden_characters_are_named_where_they_are_new() {
        let (old, new) = ("a\u{200b}b\n", "a\u{200b}b\nplain\nuser \u{202e}nimda\u{2066}\n");
        assert_eq!(hidden(old, new), [Hidden { line: 3, what: "\\u{202E} \\u{2066}".to_owned() }]);
        let diff = of(&change("x", Some(old), Some(new)), None);
        assert!(diff.patch.contains("\\u{202E}") && !diff.patch.contains('\u{202e}'));
    }

    #[test]
    fn a_long_patch_ends_at_a_line_and_bytes_are_no_text() {
        let line = "ä line that is long enough\n";
        let diff = of(&change("x", None, Some(&line.repeat(10_000))), None);
        assert!(diff.cut && diff.patch.len() <= PATCH && diff.patch.ends_with("enough\n"));
        assert_eq!(diff.adds, 10_000, "all are counted, shown or not");
        let huge = of(&change("x", None, Some(&line.repeat(20_000))), None);
        assert!(huge.binary && huge.adds == 0, "beyond what is compared, nothing is shown or counted");
        let binary = of(&change("x", None, Some("a\0b")), None);
        assert!(binary.binary && binary.patch.starts_with("Binary"));
    }
}
