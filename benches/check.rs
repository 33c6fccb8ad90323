//! Checking a town of 1,000 charters, beside a `git grep` for charters that own the very same.
//!
//! Lives here: the town, checked by the library on files in memory, and by the program on a repository. What git can do
//! beside it finds equal lines only; the check also proves that no two patterns can ever match one path.
//! Sizes: `BENCH_CHARTERS`; rounds: `BENCH_ROUNDS`.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use monkeytown::town::check::{TownFiles, check};
use monkeytown::town::finding::any_error;
use monkeytown::town::limits::TOWN_FILE;
use serde_json::json;
use support::{Measured, Table};

const GOAL: Duration = Duration::from_secs(1);

fn main() {
    if support::only_started() {
        return;
    }
    let charters = support::number("BENCH_CHARTERS", 1_000, 1_000);
    let rounds = support::number("BENCH_ROUNDS", 3, 7);
    let town = town(charters);
    let checked = check(&town);
    assert!(!any_error(&checked.findings), "the town is in order: {:?}", &checked.findings[..1]);
    assert_eq!(checked.charters.len(), charters, "every charter is read");
    let place = tempfile::tempdir().expect("a temporary folder");
    commit(place.path(), &town);
    let mut table = Table::new();
    let facts = json!({"charters": charters, "findings": checked.findings.len(), "paths": town.all_paths.len()});
    let grep = || {
        let script = "git grep -h '^owns:' HEAD -- agents | sort | uniq -d | wc -l";
        support::must(support::hermetic("sh", place.path()).current_dir(place.path()).args(["-c", script]));
    };
    let library = || assert!(!any_error(&check(&town).findings), "it is in order each time");
    let program = || {
        let mut check = support::hermetic(env!("CARGO_BIN_EXE_monkeytown"), place.path());
        support::must(check.current_dir(place.path()).arg("check"));
    };
    let beside = "git grep '^owns:' | sort | uniq -d";
    let (ours, theirs) = support::in_turn(rounds, library, grep);
    let add = |table: &mut Table, what: String, ours, theirs| {
        let (beside, goal) = (Some((beside.to_owned(), theirs)), Some(("< 1 s".to_owned(), ours < GOAL)));
        table.add(Measured { bench: "check", what, ours, beside, goal, facts: facts.clone() });
    };
    add(&mut table, format!("check of {charters} charters in memory"), ours, theirs);
    let (ours, theirs) = support::in_turn(rounds, program, grep);
    add(&mut table, format!("`monkeytown check` of {charters} charters"), ours, theirs);
    table.print();
}

fn commit(dir: &Path, town: &TownFiles) {
    support::run_git(dir, &["init", "-q", "-b", "main"]);
    for (path, bytes) in &town.files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }
    support::run_git(dir, &["add", "-A"]);
    support::run_git(dir, &["commit", "-q", "-m", "a town"]);
}

/// Charters that own literal folders, `*` and `**`, so that the proof meets every kind of pattern.
fn town(charters: usize) -> TownFiles {
    let mut files = vec![(TOWN_FILE.to_owned(), b"name: \"bench\"\n".to_vec())];
    files.extend((0..charters).map(|at| (format!("agents/worker-{at}.md"), charter(at).into_bytes())));
    let mut all_paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    all_paths.extend((0..10_000).map(|at| format!("docs/team-{}/page-{at}.md", at % charters.max(1))));
    all_paths.sort();
    TownFiles { files, all_paths }
}

fn charter(at: usize) -> String {
    let page = "You keep one page up to date and say nothing that the facts do not show. You name the line and the file. \
                Where nothing changed you leave the page alone, and say so in a sentence.\n";
    format!(
        "---\nname: worker-{at}\ndescription: Keeps the page of team {at}. Use when its documents changed.\n\
         tools: Read, Grep, Glob, Write, Edit\nmodel: inherit\n\
         owns: [\"docs/team-{at}/**\", \"reports/*/team-{at}.md\", \"data/**/team-{at}-*.json\"]\n\
         schedule: {{ cron: \"{} {} * * *\" }}\nlimits: {{ turns: 20, minutes: 30, files: 10 }}\n\
         senses: [activity, files]\npage: docs/team-{at}/page.md\n---\n\n# Worker {at}\n\n{}",
        at % 60,
        at / 60 % 24,
        page.repeat(8)
    )
}
