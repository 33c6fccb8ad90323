//! The check that work adds information: no copies, no churn.
//! Lives here: what makes a file a copy of another by name or by words, and what makes a change idle.
//! Never here: whether the information is good.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use regex::Regex;

use super::records::Place;
use super::work::{Work, at, is_binary, is_file, name};
use crate::town::finding::Finding;
use crate::town::path::fold;
use crate::town::text::escape_invisible;

pub(super) const NAME: &str = "adds-information";

/// How much of a file is read to compare it with others, in bytes.
const PROBE: usize = 64 * 1024;
/// Words that are compared together.
const WINDOW: usize = 4;
/// How many windows stand for a file.
const SKETCH: usize = 256;
/// Files of fewer windows than this say too little to be called a copy.
const SHORT: usize = 24;

pub(super) fn adds_information(work: &Work<'_>) -> Vec<Finding> {
    let mut findings = copies_by_name(work);
    findings.extend(copies_by_words(work));
    findings.extend(only_locks(work));
    findings.extend(only_dates(work));
    findings
}

/// How a file's name says that it is a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Dated,
    Copied,
}

/// A pattern of this file; one that does not compile is a fault that the tests find.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// The name without the marks of a copy, and the strongest mark; nothing where there is none.
fn unmarked(file: &str) -> Option<(String, Mark)> {
    static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(r"^(?:(.+?)[ _.-]+\d{4}[-_.]?\d{2}[-_.]?\d{2}|\d{4}[-_.]?\d{2}[-_.]?\d{2}[ _.-]+(.+))$")
    });
    static COPY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"^(?:copy of (.+)|(.+?)(?:[ _.-]+(?:v\d{1,3}|final\d*|copy\d*|backup|bak|revised|updated)|[ _.-]*\((?:copy|\d{1,3})\)))$",
        )
    });
    let folded = fold(file);
    for end in [".bak", ".orig", ".backup", "~"] {
        if let Some(base) = folded.strip_suffix(end).filter(|base| !base.is_empty()) {
            return Some((base.to_owned(), Mark::Copied));
        }
    }
    let (stem, extension) = match folded.rfind('.') {
        Some(dot) if dot > 0 => folded.split_at(dot),
        _ => (folded.as_str(), ""),
    };
    for (marks, mark) in [(&COPY, Mark::Copied), (&DATE, Mark::Dated)] {
        if let Some(captures) = marks.as_ref().and_then(|regex| regex.captures(stem)) {
            let base = captures.get(1).or_else(|| captures.get(2)).map_or("", |group| group.as_str());
            return Some((format!("{base}{extension}"), mark));
        }
    }
    None
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..slash])
}

/// Whether files at the path are meant to resemble each other.
fn is_fixture(path: &str) -> bool {
    path.split('/')
        .any(|s| matches!(s, "fixtures" | "testdata" | "snapshots" | "__snapshots__" | "migrations" | "archive"))
}

fn copies_by_name(work: &Work<'_>) -> Vec<Finding> {
    let added = work.written().iter().filter(|file| file.change.before.is_none() && !is_fixture(file.path));
    let marked: Vec<_> = added.filter_map(|file| Some((file.path, unmarked(file.name())?))).collect();
    if marked.is_empty() {
        return Vec::new();
    }
    let folders: HashSet<&str> = marked.iter().map(|(path, _)| folder(path)).collect();
    // By folder and name: the files that carry the name, and those that carry it with a date.
    let mut named: HashMap<(&str, String), &str> = HashMap::new();
    let mut dated: HashMap<(&str, String), Vec<&str>> = HashMap::new();
    for path in work.proposal.tree.iter().filter(|path| folders.contains(folder(path))) {
        named.entry((folder(path), fold(name(path)))).or_insert(path);
        if let Some((base, Mark::Dated)) = unmarked(name(path)) {
            let siblings = dated.entry((folder(path), base)).or_default();
            // Two are enough: one of them is not the file itself.
            if siblings.len() < 2 {
                siblings.push(path);
            }
        }
    }
    let found = marked.into_iter().filter_map(|(path, (base, mark))| {
        let key = (folder(path), base);
        let sibling = || dated.get(&key).and_then(|paths| paths.iter().find(|other| **other != path)).copied();
        let original = named.get(&key).copied().filter(|other| *other != path);
        let original = original.or_else(|| if mark == Mark::Dated { sibling() } else { None })?;
        let what = if mark == Mark::Dated { "a dated copy" } else { "a copy by its name" };
        let message = format!("{what} of `{}`", escape_invisible(original).0);
        Some(at(NAME, path, message).fix("change the file that is there; git keeps the earlier versions"))
    });
    found.collect()
}

fn copies_by_words(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    // A gate speaks again in much the same words after work was mended: that is no copy.
    let is_own = |path: &str| is_fixture(path) || Place::of(path, "changes/archive").is_some();
    let added = work.texts().filter(|file| file.change.before.is_none() && !is_own(file.path));
    let added: Vec<_> = added.filter_map(|file| Some((file.path, sketch(file.bytes)?))).collect();
    if added.is_empty() {
        return Vec::new();
    }
    let gone: HashSet<&str> =
        proposal.changes.iter().filter(|c| c.after.is_none()).map(|change| change.path.as_str()).collect();
    let earlier = proposal.earlier.iter().map(|(path, bytes)| (path.as_str(), &**bytes));
    let edited = work.texts().filter_map(|file| Some((file.path, file.old()?)));
    let mut old: Vec<(&str, Vec<u64>)> = earlier
        .chain(edited)
        .filter(|(path, _)| !gone.contains(path))
        .filter_map(|(path, bytes)| Some((path, sketch(bytes)?)))
        .collect();
    old.sort_unstable();
    let found = added.iter().filter_map(|(path, words)| {
        let (original, _) = old.iter().find(|(other, old)| other != path && alike(words, old))?;
        let message = format!("says nearly the same as `{}`", escape_invisible(original).0);
        Some(at(NAME, path, message).fix("change that file instead, or say only what is new"))
    });
    found.collect()
}

/// The smallest hashes of a text's word windows, dates left out: a small sample that is equal for equal texts.
fn sketch(bytes: &[u8]) -> Option<Vec<u64>> {
    if is_binary(bytes) {
        return None;
    }
    let text = without_dates(&String::from_utf8_lossy(&bytes[..bytes.len().min(PROBE)])).to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut hashes: Vec<u64> = words
        .windows(WINDOW)
        .map(|window| {
            let mut hasher = DefaultHasher::new();
            window.hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(SKETCH);
    (hashes.len() >= SHORT).then_some(hashes)
}

/// Whether two samples say that at least four fifths of all windows stand in both texts.
fn alike(one: &[u64], other: &[u64]) -> bool {
    let (mut a, mut b, mut both, mut all) = (0, 0, 0, 0);
    while all < SKETCH && (a < one.len() || b < other.len()) {
        let (x, y) = (one.get(a).copied().unwrap_or(u64::MAX), other.get(b).copied().unwrap_or(u64::MAX));
        both += usize::from(x == y);
        a += usize::from(x <= y);
        b += usize::from(y <= x);
        all += 1;
    }
    both * 5 >= all * 4
}

fn only_locks(work: &Work<'_>) -> Option<Finding> {
    const LOCKS: [&str; 20] = [
        "cargo.lock",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "deno.lock",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "pipfile.lock",
        "gemfile.lock",
        "composer.lock",
        "go.sum",
        "flake.lock",
        "mix.lock",
        "podfile.lock",
        "package.resolved",
        "gradle.lockfile",
    ];
    let changes = &work.proposal.changes;
    let all = changes.iter().all(|change| LOCKS.contains(&name(&change.path).to_ascii_lowercase().as_str()));
    let first = changes.first().filter(|_| all)?;
    let message = "only lock files change";
    Some(at(NAME, &first.path, message).fix("change what the lock file follows from, or leave it as it was"))
}

fn only_dates(work: &Work<'_>) -> Option<Finding> {
    let changes = &work.proposal.changes;
    let first = changes.first()?;
    let is_idle = |change: &crate::town::changeset::FileChange| {
        let (Some(before), Some(after)) = (&change.before, &change.after) else { return false };
        if !is_file(Some(before)) || before.mode != after.mode || before.bytes.len().max(after.bytes.len()) > 1 << 20 {
            return false;
        }
        let (before, after) = (std::str::from_utf8(&before.bytes), std::str::from_utf8(&after.bytes));
        let (Ok(before), Ok(after)) = (before, after) else { return false };
        before != after && without_dates(before) == without_dates(after)
    };
    if !changes.iter().all(is_idle) {
        return None;
    }
    Some(at(NAME, &first.path, "only dates and times change").fix("propose it together with news, or leave it"))
}

/// The text with every date and time replaced by one sign.
fn without_dates(text: &str) -> String {
    static DATES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        pattern(
            r"(?xi)
            \b\d{4}-\d{2}-\d{2} (?: [T\x20] \d{2}:\d{2} (?: :\d{2} (?:\.\d+)? )? (?: \x20? (?: Z | UTC | [+-]\d{2}:?\d{2} ) )? )?
            | \b\d{1,2}:\d{2} (?: :\d{2} )? (?: \x20? (?: am | pm | utc ) )? \b
            | \b\d{1,2}[./]\d{1,2}[./]\d{4}\b
            | \b (?: \d{1,2}\.? \x20 )? (?: jan | feb | mar | apr | may | jun | jul | aug | sep | oct | nov | dec ) [a-z]{0,6} \.? \x20
              (?: \d{1,2} (?: st | nd | rd | th )? ,? \x20 )? \d{4} \b
            | \b1[5-9]\d{8} (?: \d{3} )? \b",
        )
    });
    DATES.as_ref().map_or_else(|| text.to_owned(), |dates| dates.replace_all(text, "§").into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_a_copy_are_read_from_the_name() {
        let cases = [
            ("report-2026-11-21.md", Some(("report.md", false))),
            ("2026-11-21-report.md", Some(("report.md", false))),
            ("report_20261121.md", Some(("report.md", false))),
            ("design-v2.md", Some(("design.md", true))),
            ("Design_FINAL.md", Some(("design.md", true))),
            ("design (copy).md", Some(("design.md", true))),
            ("design(1).md", Some(("design.md", true))),
            ("Copy of design.md", Some(("design.md", true))),
            ("design copy.md", Some(("design.md", true))),
            ("design.md.bak", Some(("design.md", true))),
            ("design.md~", Some(("design.md", true))),
            ("2026-11-21.md", None),
            ("v2.yaml", None),
            ("photocopy.md", None),
            ("design.md", None),
            (".v2", None),
        ];
        for (file, expected) in cases {
            let found = unmarked(file);
            let found = found.as_ref().map(|(base, mark)| (base.as_str(), *mark == Mark::Copied));
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn dates_are_one_sign() {
        for date in [
            "2026-11-21",
            "2026-11-21T04:20:00Z",
            "2026-11-21 04:20 UTC",
            "04:20",
            "21.11.2026",
            "21 November 2026",
            "Nov 21st, 2026",
            "1795232628",
            "1795232628000",
        ] {
            assert_eq!(without_dates(&format!("as of {date}!")), "as of §!", "{date}");
        }
        assert_eq!(without_dates("version 1.2.3, 42 files"), "version 1.2.3, 42 files");
    }
}
