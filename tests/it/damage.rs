//! A journal that somebody or something damaged: found, named, and never built upon.

use serde_json::Value;

use crate::village::{Outcome, Village, finish, nothing, write};

const JOURNAL: &str = "refs/heads/monkeytown/journal";

/// A town with a few commits in its journal.
fn lived_in() -> Village {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    village.monkeytown(&["freeze", "--reason", "we move house"]).says(0, "frozen");
    village.monkeytown(&["thaw", "--reason", "moved"]).says(0, "thawed");
    village.verify_ok();
    village
}

/// The messages of all journal commits, oldest first.
fn messages(village: &Village) -> Vec<String> {
    let commits = village.git(["rev-list", "--reverse", JOURNAL]);
    commits.lines().map(|commit| village.git(["log", "-1", "--format=%B", commit])).collect()
}

/// Writes the journal again with these messages, as a clone without any memory of it sees it.
fn rewrite(village: &Village, messages: &[String], tree: &str) -> Vec<String> {
    let mut written: Vec<String> = Vec::new();
    for message in messages {
        let text = format!("{message}\n");
        let commit = match written.last() {
            Some(parent) => village.git_with(["commit-tree", tree, "-p", parent], text.as_bytes()),
            None => village.git_with(["commit-tree", tree], text.as_bytes()),
        };
        written.push(commit);
    }
    village.git(["update-ref", JOURNAL, written.last().unwrap()]);
    written
}

fn forget(village: &Village) {
    for entry in std::fs::read_dir(village.dir().join(".git/monkeytown")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("fold-") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// Damages the journal by a change of its messages. Returns the commits as they are now.
fn damaged(village: &Village, change: impl Fn(&mut Vec<String>)) -> Vec<String> {
    let mut all = messages(village);
    change(&mut all);
    let tree = village.git(["rev-parse", &format!("{JOURNAL}^{{tree}}")]);
    let written = rewrite(village, &all, &tree);
    forget(village);
    written
}

#[track_caller]
fn found(village: &Village, rule: &str, words: &str) {
    let verified = village.monkeytown(&["log", "verify", "--json"]);
    assert_eq!(verified.code, 1, "{verified:#?}");
    let findings = verified.json["findings"].as_array().unwrap();
    let fits = |finding: &&Value| finding["rule"] == rule && finding["message"].as_str().unwrap().contains(words);
    assert!(findings.iter().any(|finding| fits(&finding)), "{rule} with {words:?} is not in {verified:#?}");
}

fn run(village: &Village) -> Outcome {
    village.says([nothing("never asked")]);
    village.run("chaostester")
}

#[test]
fn a_journal_written_again_as_it_was_is_the_same() {
    let village = lived_in();
    damaged(&village, |_| {});
    village.verify_ok();
    run(&village).ended(0, "nothing");
}

// covers: journal#rewritten-history-is-refused
#[test]
fn a_rewritten_history_is_refused_by_whoever_saw_the_old_one() {
    let village = lived_in();
    let seen = village.git(["rev-parse", JOURNAL]);
    village.git(["update-ref", JOURNAL, &format!("{JOURNAL}~1")]);
    run(&village).says(1, "rewritten").says(1, &seen);
    found(&village, "history-kept", &seen);
    village.git(["update-ref", "-d", JOURNAL]);
    run(&village).says(1, "rewritten");
    village.git(["update-ref", JOURNAL, &seen]);
    village.verify_ok();
    run(&village).ended(0, "nothing");
}

// covers: journal#rewritten-history-is-refused
#[test]
fn a_remote_that_was_rewritten_is_refused() {
    let village = Village::small_with_remote();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    let seen = village.git(["rev-parse", JOURNAL]);
    let home = village.path("home.git");
    village.git_in(&home, ["update-ref", JOURNAL, &format!("{JOURNAL}~1")]);
    run(&village).says(1, "rewritten").says(1, &seen);
    village.git_in(&home, ["update-ref", "-d", JOURNAL]);
    run(&village).says(1, "rewritten");
    village.git_in(&home, ["update-ref", JOURNAL, &seen]);
    run(&village).ended(0, "nothing");
    village.verify_ok();
    // Where it was meant, what the message says to do is enough.
    village.git_in(&home, ["update-ref", JOURNAL, &format!("{JOURNAL}~1")]);
    let refused = run(&village);
    let said = refused.says(1, "if the rewrite was meant, run `").stderr.split_once("meant, run ").unwrap().1;
    for command in said.split('`').skip(1).step_by(2) {
        let mut git = village.git_command(&village.dir(), []);
        assert!(git.args(command.split(' ').skip(1)).status().unwrap().success(), "{command}");
    }
    for file in std::fs::read_dir(village.dir().join(".git/monkeytown")).unwrap().flatten() {
        if file.file_name().to_str().unwrap().starts_with("fold-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    village.monkeytown(&["sync"]).says(0, "");
    let heads = [&village.dir(), &home].map(|dir| village.git_in(dir, ["rev-parse", JOURNAL]));
    assert_eq!(heads[0], heads[1]);
    village.verify_ok();
}

// covers: journal#everything-can-be-recomputed
#[test]
fn a_gap_in_the_sequence_is_named() {
    let village = lived_in();
    let written = damaged(&village, |all| {
        all.remove(2);
    });
    found(&village, "sequence", &written[2]);
    run(&village).says(1, &written[2]);
}

// covers: journal#everything-can-be-recomputed
#[test]
fn a_doubled_event_is_named() {
    let village = lived_in();
    let written = damaged(&village, |all| {
        let id = |message: &str| {
            let event: Value = serde_json::from_str(message.lines().nth(2).unwrap()).unwrap();
            event["id"].as_str().unwrap().to_owned()
        };
        let count = all.len();
        let (old, new) = (id(&all[count - 2]), id(&all[count - 1]));
        all[count - 1] = all[count - 1].replace(&new, &old);
    });
    found(&village, "id-unique", written.last().unwrap());
}

// covers: journal#everything-can-be-recomputed
#[test]
fn a_line_that_does_not_parse_is_named() {
    let village = lived_in();
    let written = damaged(&village, |all| {
        let last = all.last_mut().unwrap();
        *last = last.replacen("\"specversion\"", "\"specversion", 1);
    });
    found(&village, "line-parses", written.last().unwrap());
    run(&village).says(1, written.last().unwrap());
}

#[test]
fn a_missing_trailer_and_a_newer_format_are_named() {
    for (from, to, words) in [
        ("Journal-Seq: ", "Journal-Size: ", "Journal-Seq"),
        ("Journal-Format: 1", "Journal-Format: 2", "use a newer monkeytown"),
    ] {
        let village = lived_in();
        let written = damaged(&village, |all| {
            let last = all.last_mut().unwrap();
            *last = last.replace(from, to);
        });
        found(&village, "commit-parses", words);
        run(&village).says(1, written.last().unwrap());
    }
}

// covers: journal#everything-can-be-recomputed
#[test]
fn an_event_that_cannot_have_happened_is_named() {
    let village = lived_in();
    damaged(&village, |all| {
        // A run that proposes and ends, and never started.
        for message in all.iter_mut() {
            *message = message.replace("monkeytown.run.started.v1", "monkeytown.run.imagined.v1");
        }
    });
    found(&village, "event-fits", "has no run");
    run(&village).says(1, "does not fold cleanly");
}

// covers: journal#the-state-is-the-fold-of-the-journal/an-unknown-type-of-event
#[test]
fn an_unknown_type_is_kept_and_no_error() {
    let village = lived_in();
    damaged(&village, |all| {
        let last = all.last_mut().unwrap();
        *last = last.replace("monkeytown.town.thawed.v1", "monkeytown.town.celebrated.v3");
    });
    village.verify_ok();
    assert!(village.kinds().last().unwrap().contains("town.celebrated.v3"));
    let listed = village.monkeytown(&["log"]);
    assert!(listed.stdout.contains("not known to this version"), "{listed:#?}");
    // To this version the town was never thawed.
    run(&village).ended(0, "skipped");
}

// covers: journal#everything-can-be-recomputed/a-snapshot-lies
#[test]
fn a_snapshot_that_lies_is_named() {
    let village = lived_in();
    let snapshot = village.show(JOURNAL, "snapshot.json");
    let lie = snapshot.replacen("\"merged\": 0", "\"merged\": 1", 1);
    assert_ne!(lie, snapshot);
    let readme = village.git(["rev-parse", &format!("{JOURNAL}:README.md")]);
    let blob = village.git_with(["hash-object", "-w", "--stdin"], format!("{lie}\n").as_bytes());
    let listing = format!("100644 blob {readme}\tREADME.md\n100644 blob {blob}\tsnapshot.json\n");
    let tree = village.git_with(["mktree"], listing.as_bytes());
    let all = messages(&village);
    rewrite(&village, &all, &tree);
    forget(&village);
    found(&village, "snapshot", "differs from the fold");
}

// covers: journal#everything-can-be-recomputed
#[test]
fn a_commit_of_an_agent_that_the_journal_does_not_know_is_named() {
    let village = lived_in();
    let message = "Slip something in\n\nAgent: chaostester\nRun: 01ARZ3NDEKTSV4RRFFQ69G5FAV\nBase: 0\n";
    village.git(["commit", "-q", "--allow-empty", "-m", message]);
    found(&village, "commit-answered", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
}
