//! Judging a proposal of 100 files and 5 MB, beside `git diff --stat` and `git grep` for one secret on the same change.
//!
//! Lives here: a change whose half edits files and whose half adds them, in Markdown, JSON, YAML, TOML and Rust, in a tree
//! of 10,000 paths. Sizes: `BENCH_FILES`, `BENCH_BYTES` (of all files); rounds: `BENCH_ROUNDS`.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use monkeytown::town::changeset::{Blob, FileChange, Proposal};
use monkeytown::town::finding::any_error;
use monkeytown::town::gate;
use serde_json::json;
use support::{Measured, Random, Table};

const GOAL: Duration = Duration::from_secs(1);
const TREE: usize = 10_000;

fn main() {
    if support::only_started() {
        return;
    }
    let files = support::number("BENCH_FILES", 100, 100);
    let bytes = support::number("BENCH_BYTES", 5_000_000, 5_000_000);
    let rounds = support::number("BENCH_ROUNDS", 3, 9);
    let mut table = Table::new();
    let proposal = proposal(files, bytes / files.max(1));
    let findings = gate::judge(&proposal);
    assert!(!any_error(&findings), "an honest proposal passes: {findings:?}");
    let place = tempfile::tempdir().expect("a temporary folder");
    commit_both(place.path(), &proposal);
    let judge = || assert!(!any_error(&gate::judge(&proposal)), "it passes each time");
    let (ours, theirs) = support::in_turn(rounds, judge, || plain_git(place.path()));
    let total: usize = proposal.changes.iter().filter_map(|c| c.after.as_ref()).map(|blob| blob.bytes.len()).sum();
    table.add(Measured {
        bench: "gate",
        what: format!("{} checks on {files} files, {:.1} MB", gate::CHECKS.len(), total as f64 / 1e6),
        ours,
        beside: Some(("git diff --stat; git grep of one secret".to_owned(), theirs)),
        goal: Some(("< 1 s".to_owned(), ours < GOAL)),
        facts: json!({"files": files, "bytes": total, "findings": findings.len(), "checks": gate::CHECKS.len()}),
    });
    table.print();
}

fn plain_git(dir: &Path) {
    support::run_git(dir, &["diff", "--stat", "HEAD~1", "HEAD"]);
    // `git grep` ends with 1 where it finds nothing, which is what is to be hoped.
    let found = support::git(dir).args(["grep", "-nE", "AKIA[0-9A-Z]{16}", "HEAD"]).output().expect("git starts");
    assert_eq!(found.status.code(), Some(1), "there is no secret");
}

/// The same change as two commits, so that both sides judge the same.
fn commit_both(dir: &Path, proposal: &Proposal) {
    support::run_git(dir, &["init", "-q", "-b", "main"]);
    for side in ["before", "after"] {
        for change in &proposal.changes {
            let blob = if side == "before" { &change.before } else { &change.after };
            let path = dir.join(&change.path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            if let Some(blob) = blob {
                fs::write(path, &blob.bytes).expect("written");
            }
        }
        support::run_git(dir, &["add", "-A"]);
        support::run_git(dir, &["commit", "-q", "-m", side]);
    }
    support::run_git(dir, &["gc", "-q"]);
}

fn proposal(files: usize, size: usize) -> Proposal {
    let mut random = Random(3);
    let mut changes: Vec<FileChange> = (0..files).map(|at| change(at, size, &mut random)).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tree: Vec<String> = (0..TREE).map(|at| format!("src/part-{}/file-{at}.rs", at % 100)).collect();
    tree.extend(changes.iter().map(|change| change.path.clone()));
    tree.sort();
    Proposal {
        agent: "tester".parse().ok(),
        owns: vec!["own/**".parse().expect("a pattern")],
        max_files: u32::try_from(files).expect("a small number"),
        title: "qa: list what the readers of these pages stumble over".to_owned(),
        body: "Each page was read against the code; what differs is named with its line.".to_owned(),
        changes,
        tree,
        earlier: (0..50).map(|at| (format!("own/old-{at}.md"), Arc::from(markdown(8_000, &mut random)))).collect(),
        ..Proposal::default()
    }
}

fn change(at: usize, size: usize, random: &mut Random) -> FileChange {
    let (ending, after) = match at % 10 {
        0..=4 => ("md", markdown(size, random)),
        5 | 6 => ("json", json_text(size, random)),
        7 => ("yaml", keyed(size, random, ": ")),
        8 => ("toml", keyed(size, random, " = ")),
        _ => ("rs", rust(size, random)),
    };
    // Every second file is edited: each tenth line of it was another one before.
    let before = at.is_multiple_of(2).then(|| {
        let text = String::from_utf8(after.clone()).expect("text");
        let older = |(n, line): (usize, &str)| if n % 10 == 3 { String::new() } else { format!("{line}\n") };
        Blob::file(text.lines().enumerate().map(older).collect::<String>().into_bytes())
    });
    FileChange { path: format!("own/part-{}/file-{at}.{ending}", at % 7), before, after: Some(Blob::file(after)) }
}

/// Lines of words until the size is reached.
fn lines(size: usize, random: &mut Random, line: impl Fn(usize, &str, &mut Random) -> String) -> String {
    const WORDS: [&str; 24] = [
        "reader", "cache", "grows", "before", "anyone", "looks", "because", "index", "holds", "older", "entries",
        "whose", "owner", "left", "tests", "cover", "half", "of", "it", "since", "spring", "and", "nothing", "else",
    ];
    let mut text = String::with_capacity(size + 200);
    let mut number = 0;
    while text.len() < size {
        let words: Vec<&str> = (0..9).map(|_| WORDS[random.below(24) as usize]).collect();
        text.push_str(&line(number, &words.join(" "), random));
        number += 1;
    }
    text
}

fn markdown(size: usize, random: &mut Random) -> Vec<u8> {
    let line = |number: usize, words: &str, random: &mut Random| match number % 12 {
        0 => format!("\n## Part {number}\n\n"),
        5 => format!("- `src/file-{}.rs:{}`: {words}\n", random.below(900), random.below(400)),
        _ => format!("{words} ({})\n", random.below(100_000)),
    };
    lines(size, random, line).into_bytes()
}

fn json_text(size: usize, random: &mut Random) -> Vec<u8> {
    let line =
        |n: usize, words: &str, random: &mut Random| format!("  \"k{n}\": [{}, \"{words}\"],\n", random.below(9_999));
    format!("{{\n{}  \"end\": true\n}}\n", lines(size, random, line)).into_bytes()
}

fn keyed(size: usize, random: &mut Random, between: &str) -> Vec<u8> {
    lines(size, random, |number, words, _| format!("key_{number}{between}\"{words}\"\n")).into_bytes()
}

fn rust(size: usize, random: &mut Random) -> Vec<u8> {
    let line = |n: usize, words: &str, random: &mut Random| {
        format!("/// The {words}.\npub fn part_{n}() -> u64 {{\n    {}\n}}\n\n", random.below(1 << 40))
    };
    lines(size, random, line).into_bytes()
}
