//! Promise: archiving a change is one commit that nothing can leave half done, and it can be taken back; two changes of one
//! requirement are merged or refused, never lost.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::village::{Outcome, Village};

pub const SPEC: &str = "# books Specification\n\n## Purpose\nIt keeps the books of the town and says who paid what to whom.\n\n## Requirements\n\n### Requirement: Count\nThe town SHALL count.\n\n#### Scenario: first\n- **WHEN** a coin comes in\n- **THEN** it is counted\n\n#### Scenario: second\n- **WHEN** a coin goes out\n- **THEN** it is counted\n";
pub const ADDED: &str = "## ADDED Requirements\n\n### Requirement: Sum\nThe town SHALL add up.\n\n#### Scenario: sum\n- **WHEN** evening comes\n- **THEN** the sum is known\n";
pub const MAIN: &str = "openspec/specs/books/spec.md";

pub fn counting(first: &str, second: &str) -> String {
    format!(
        "## MODIFIED Requirements\n\n### Requirement: Count\nThe town SHALL count.\n\n#### Scenario: first\n- **WHEN** a coin comes in\n- **THEN** {first}\n\n#### Scenario: second\n- **WHEN** a coin goes out\n- **THEN** {second}\n"
    )
}

/// A town with one spec, and changes with the deltas that are given.
pub fn village(changes: &[(&str, &str)]) -> Village {
    let mut village = Village::new().file(MAIN, SPEC);
    for (name, delta) in changes {
        village = village
            .file(&format!("openspec/changes/{name}/proposal.md"), "## Why\nSo.\n")
            .file(&format!("openspec/changes/{name}/specs/books/spec.md"), delta);
    }
    village.commit("Found the town")
}

pub fn spec(village: &Village, words: &str) -> Outcome {
    let words: Vec<&str> = ["spec"].into_iter().chain(words.split(' ')).chain(["--json"]).collect();
    village.monkeytown(&words)
}

pub fn code(outcome: &Outcome) -> &str {
    outcome.json["status"][0]["code"].as_str().unwrap_or_default()
}

fn text<'o>(outcome: &'o Outcome, field: &str) -> &'o str {
    outcome.json["archive"][field].as_str().unwrap_or_default()
}

#[test]
fn archiving_is_one_commit_on_a_branch_of_its_own() {
    let village = village(&[("add-sum", ADDED)]);
    let before = village.git(["rev-parse", "HEAD"]);
    let dry = spec(&village, "archive add-sum --yes --dry-run");
    assert!(text(&dry, "diff").contains("+### Requirement: Sum"), "{dry:?}");
    assert_eq!(village.git(["branch", "--list", "spec/*"]), "");
    let done = spec(&village, "archive add-sum --yes");
    assert_eq!((done.code, text(&done, "branch")), (0, "spec/archive-add-sum"), "{done:?}");
    // Where the user stands nothing has moved.
    assert_eq!(village.git(["rev-parse", "HEAD"]), before);
    assert_eq!(village.git(["status", "--porcelain"]), "");
    assert_eq!(village.git(["rev-list", "--count", "main..spec/archive-add-sum"]).trim(), "1");
    let after = village.show("spec/archive-add-sum", MAIN);
    assert_eq!(after.trim(), format!("{SPEC}\n{}", ADDED.split_once("\n\n").unwrap().1).trim());
    let files = village.git(["ls-tree", "-r", "--name-only", "spec/archive-add-sum", "openspec/changes"]);
    let folder = "openspec/changes/archive/2026-11-21-add-sum";
    assert_eq!(files.trim(), format!("{folder}/proposal.md\n{folder}/specs/books/spec.md"));
    // Again: the same commit. Something else on the branch: refused.
    let again = spec(&village, "archive add-sum --yes");
    assert_eq!(text(&again, "commit"), text(&done, "commit"));
    village.put(MAIN, &SPEC.replace("count.", "count all.")).save("Another count");
    assert_eq!(code(&spec(&village, "archive add-sum --yes")), "branch_exists");
}

#[test]
fn a_branch_that_is_checked_out_follows_with_its_files() {
    let village = village(&[("add-sum", ADDED)]);
    let done = spec(&village, "archive add-sum --yes --branch main");
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(village.git(["status", "--porcelain"]), "");
    assert!(village.dir().join("openspec/changes/archive/2026-11-21-add-sum/proposal.md").is_file());
    assert!(!village.dir().join("openspec/changes/add-sum").exists());
    // And back again.
    let back = spec(&village, "unarchive add-sum --branch main");
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(village.git(["diff", "--stat", "HEAD~2", "HEAD"]), "");
    assert_eq!(std::fs::read_to_string(village.dir().join(MAIN)).unwrap(), SPEC);
}

// covers: gated-workflow#archiving-enters-the-change-in-the-changelog
// covers: gated-workflow#archiving-enters-the-change-in-the-changelog/it-stands-there-already
#[test]
fn the_changelog_gets_one_line_in_the_same_commit_and_loses_it_again() {
    let village = village(&[("add-sum", ADDED)]);
    let news = "# News\r\n\r\n## 1.0.0\r\n\r\n- All";
    village.put("openspec/config.yaml", "changelog: NEWS.md\n").put("NEWS.md", news).save("Keep a changelog");
    let refused = spec(&village, "archive add-sum --yes --branch main");
    let said = refused.json["status"][0]["message"].as_str().unwrap();
    assert_eq!((refused.code, code(&refused)), (1, "archive_changelog"), "{refused:?}");
    assert!(said.starts_with("NEWS.md:3: "), "{said}");
    let news = news.replace("## 1", "## [Unreleased]\r\n\r\n## 1");
    village.put("NEWS.md", &news).save("Make room");
    village.put("NEWS.md", &news.replace("All", "All of it"));
    assert_eq!(code(&spec(&village, "archive add-sum --yes --branch main")), "archive_uncommitted");
    village.put("NEWS.md", &news);
    let dry = spec(&village, "archive add-sum --yes --dry-run");
    assert!(text(&dry, "diff").contains("+### Added\r\n"), "{dry:?}");
    // The other spelling, and files without a commit, write what they always wrote.
    let alone = spec(&village, "archive add-sum --yes --in-place");
    assert!(alone.json["archive"]["warnings"][0].as_str().unwrap().contains("NEWS.md"), "{alone:?}");
    assert_eq!(village.git(["status", "--porcelain", "NEWS.md"]), "");
    village.git(["reset", "-q", "--hard"]);
    village.git(["clean", "-q", "-f", "-d"]);
    let done = spec(&village, "archive add-sum --yes --branch main");
    assert_eq!((done.code, text(&done, "changelog")), (0, "NEWS.md"), "{done:?}");
    assert_eq!(village.git(["rev-list", "--count", "HEAD~1..HEAD"]).trim(), "1");
    let now = std::fs::read_to_string(village.dir().join("NEWS.md")).unwrap();
    let line = now.lines().find(|line| line.contains("add-sum")).unwrap();
    assert_eq!(now, news.replace("## 1", &format!("### Added\r\n\r\n{line}\r\n\r\n## 1")));
    // Once more, while somebody has written a line of their own.
    village.put("NEWS.md", &now.replace("\r\n\r\n## 1", "\r\n- Mine\r\n\r\n## 1")).save("Tell more");
    let back = spec(&village, "unarchive add-sum --branch main");
    assert_eq!(back.code, 0, "{back:?}");
    let left = std::fs::read_to_string(village.dir().join("NEWS.md")).unwrap();
    assert!(left.contains("- Mine\r\n") && !left.contains("add-sum"), "{left}");
    village.put("NEWS.md", &left.replace("- Mine", "- By hand (`add-sum`)")).save("Enter it");
    let by_hand = spec(&village, "archive add-sum --yes --branch main");
    assert_eq!((by_hand.code, &by_hand.json["archive"]["changelog"]), (0, &serde_json::Value::Null), "{by_hand:?}");
}

#[test]
fn what_is_not_committed_is_not_archived() {
    let village = village(&[("add-sum", ADDED)]);
    for (path, text) in [(MAIN, "mine"), ("openspec/changes/add-sum/notes.txt", "mine")] {
        village.put(path, text);
        let refused = spec(&village, "archive add-sum --yes");
        assert_eq!((refused.code, code(&refused)), (1, "archive_uncommitted"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(village.dir().join(path)).unwrap(), "mine");
        std::fs::remove_file(village.dir().join(path)).unwrap();
        village.try_git(["checkout", "-q", "--", "."]);
    }
    assert_eq!(spec(&village, "archive add-sum --yes").code, 0);
}

/// B3: the second of two changes never overwrites the first.
// covers: gated-workflow#what-others-wrote-is-never-overwritten-on-a-guess
// covers: gated-workflow#unarchiving-takes-back-one-change
#[test]
fn two_changes_of_one_requirement_are_merged_or_refused() {
    let same = "it is counted";
    let village = village(&[
        ("one", &counting("it is counted twice", same)),
        ("two", &counting(same, "it is missed")),
        ("three", &counting("it is counted never", same)),
    ]);
    assert_eq!(spec(&village, "archive one --yes --branch main").code, 0);
    let two = spec(&village, "archive two --yes --branch main");
    assert_eq!(two.code, 0, "{two:?}");
    let merged = village.show("main", MAIN);
    assert!(merged.contains("it is counted twice") && merged.contains("it is missed"), "{merged}");
    let three = spec(&village, "archive three --yes --branch main");
    assert_eq!((three.code, code(&three)), (1, "archive_spec_update_failed"));
    let said = three.json["status"][0]["message"].as_str().unwrap();
    assert!(said.contains("it is counted twice") && said.contains("it is counted never"), "{said}");
    assert_eq!(village.show("main", MAIN), merged);
    // Taking the first one back leaves the second one's work.
    let back = spec(&village, "unarchive one --branch main");
    assert_eq!(back.code, 0, "{back:?}");
    let spec_now = village.show("main", MAIN);
    assert!(spec_now.contains("it is missed") && !spec_now.contains("twice"), "{spec_now}");
}

// covers: gated-workflow#a-renamed-scenario-is-the-same-scenario
#[test]
fn one_change_renames_a_scenario_and_another_edits_it() {
    let rename = "\n## RENAMED Scenarios\n- IN: `### Requirement: Count`\n- FROM: `#### Scenario: second`\n\
                  - TO: `#### Scenario: going out`\n";
    let same = "it is counted";
    let renames = counting(same, same).replace("Scenario: second\n", "Scenario: going out\n") + rename;
    let edits = counting(same, "it is missed");
    for (first, second) in [("rename", "edit"), ("edit", "rename")] {
        let village = village(&[("rename", &renames), ("edit", &edits)]);
        let reference = village.monkeytown(&["openspec", "validate", "rename", "--json"]);
        assert_eq!(reference.code, 1, "{reference:?}");
        let ours = village.monkeytown(&["spec", "validate", "rename", "--profile", "ci", "--json"]);
        let codes: Vec<&str> =
            ours.json["items"][0]["issues"].as_array().unwrap().iter().map(|i| i["code"].as_str().unwrap()).collect();
        assert!(codes.iter().all(|code| code.starts_with("sibling/") || code.starts_with("proposal/")), "{codes:?}");
        for name in [first, second] {
            let done = spec(&village, &format!("archive {name} --yes --branch main"));
            assert_eq!(done.code, 0, "{name}: {done:?}");
        }
        let merged = village.show("main", MAIN);
        assert!(merged.contains("Scenario: going out\n") && merged.contains("it is missed"), "{merged}");
        assert!(!merged.contains("Scenario: second\n"), "{merged}");
        // Taking the rename back leaves what the other one wrote.
        let back = spec(&village, "unarchive rename --branch main");
        assert_eq!(back.code, 0, "{back:?}");
        let now = village.show("main", MAIN);
        assert!(
            now.contains("Scenario: second\n") && now.contains("it is missed") && !now.contains("going out"),
            "{now}"
        );
    }
}

/// A base that is recorded counts more than the commit at which the change began.
#[test]
fn a_change_that_was_brought_up_to_date_is_no_conflict() {
    let same = "it is counted";
    let village =
        village(&[("one", &counting("it is counted twice", same)), ("two", &counting("it is counted never", same))]);
    assert_eq!(spec(&village, "archive one --yes --branch main").code, 0);
    assert_eq!(code(&spec(&village, "archive two --yes --branch main")), "archive_spec_update_failed");
    let recorded = spec(&village, "validate two --record-base");
    assert_eq!((recorded.code, recorded.json["recorded"]["requirements"].as_u64()), (0, Some(1)), "{recorded:?}");
    village.save("Bring it up to date");
    let valid = village.monkeytown(&["openspec", "validate", "two", "--strict", "--json"]);
    assert_eq!(valid.code, 0, "{valid:?}");
    assert_eq!(spec(&village, "archive two --yes --branch main").code, 0);
    assert!(village.show("main", MAIN).contains("it is counted never"));
}

// covers: gated-workflow#unarchiving-takes-back-one-change
#[test]
fn taking_back_stops_where_others_have_built_on_it() {
    let village = village(&[("add-sum", ADDED)]);
    assert_eq!(spec(&village, "archive add-sum --yes --branch main").code, 0);
    let text = village.show("main", MAIN).replace("add up", "add up well");
    village.put(MAIN, &text).save("Say it better");
    let refused = spec(&village, "unarchive add-sum --branch main");
    assert_eq!((refused.code, code(&refused)), (1, "unarchive_conflict"), "{refused:?}");
    assert_eq!(village.show("main", MAIN), text);
    assert_eq!(code(&spec(&village, "unarchive nothing")), "unarchive_not_found");
}

#[test]
fn a_change_is_merged_without_being_moved() {
    let village = village(&[("add-sum", ADDED)]);
    assert_eq!(spec(&village, "sync --check").code, 1);
    assert_eq!(village.git(["status", "--porcelain"]), "");
    assert_eq!(spec(&village, "sync add-sum").code, 0);
    assert!(std::fs::read_to_string(village.dir().join(MAIN)).unwrap().contains("Requirement: Sum"));
    assert_eq!(village.git(["status", "--porcelain"]).trim(), format!("M {MAIN}"));
    assert_eq!(spec(&village, "sync --check").code, 0);
}

#[test]
fn the_order_and_the_reasons_are_told() {
    let village = village(&[("b", &counting("x", "y")), ("a", &counting("x", "y"))]);
    village.put("openspec/changes/a/.openspec.yaml", "schema: spec-driven\ndepends_on: [b]\n");
    let next = spec(&village, "next");
    assert_eq!((next.code, next.text("next").as_str()), (0, "b"), "{next:?}");
    assert_eq!(next.json["queue"][1]["waitsFor"][0], "b");
    assert_eq!(next.json["overlaps"][0]["requirement"], "Count");
    village.put("openspec/changes/b/.openspec.yaml", "schema: spec-driven\ndepends_on: [a]\n");
    let tangled = spec(&village, "next");
    assert_eq!((tangled.code, tangled.json["tangles"][0]["kind"].as_str()), (1, Some("cycle")), "{tangled:?}");
}

#[test]
fn requirements_of_a_proposal_are_lifted_into_a_delta_that_is_valid() {
    let village = Village::new()
        .file("openspec/changes/log-in/proposal.md", "# P\n\n## Requirements\n### Requirement: Log in\nIt SHALL let users in.\n- WHEN the word is right\n- THEN they are in\n")
        .commit("Found the town");
    let adopted = spec(&village, "adopt log-in --capability auth");
    assert_eq!(adopted.code, 0, "{adopted:?}");
    let valid = village.monkeytown(&["openspec", "validate", "log-in", "--strict", "--json"]);
    assert_eq!(valid.code, 0, "{valid:?}");
    let path = village.dir().join("openspec/changes/log-in/specs/auth/spec.md");
    let text = std::fs::read_to_string(&path).unwrap();
    // A second time would overwrite what a person may have worked on.
    assert_eq!(spec(&village, "adopt log-in --capability auth").code, 1);
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

/// Runs a command until it is killed at a moment.
fn killed(village: &Village, words: &[&str], moment: &str) {
    let mut command = village.command(words);
    command.env("MONKEYTOWN_HALT_AT", moment).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let story = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(story.map_while(Result::ok).any(|line| line == format!("halted at {moment}")), "{moment}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// B9: nothing that a killed process leaves behind stands in the way of the next one.
#[test]
fn an_archive_that_is_killed_is_ended_by_the_next() {
    for moment in ["staged", "moved", "written 0"] {
        let village = village(&[("add-sum", ADDED), ("other", "## REMOVED Requirements\n- `### Requirement: None`\n")]);
        killed(&village, &["openspec", "archive", "add-sum", "--yes", "--json"], moment);
        // Another change is archived in the meantime; that ends the first one too.
        let other = village.monkeytown(&["openspec", "archive", "other", "--yes", "--json"]);
        assert_eq!(other.code, 0, "{moment}: {other:?}");
        assert!(other.stderr.contains("an earlier run for `add-sum` was interrupted; it was ended now"), "{other:?}");
        assert!(village.dir().join("openspec/changes/archive/2026-11-21-add-sum/proposal.md").is_file(), "{moment}");
        let text = std::fs::read_to_string(village.dir().join(MAIN)).unwrap();
        assert_eq!(text.matches("Requirement: Sum").count(), 1, "{moment}");
        let left = std::fs::read_dir(village.dir().join("openspec/changes")).unwrap();
        let left: Vec<String> = left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        assert_eq!(left, ["archive"], "{moment}");
    }
}

/// B13: what fails leaves nothing behind, not even a folder.
// covers: openspec-parity#the-same-files/a-delta-that-does-not-fit
#[test]
fn an_archive_that_is_refused_makes_no_folder() {
    let village =
        village(&[("lost", "## MODIFIED Requirements\n### Requirement: None\nIt SHALL.\n#### Scenario: x\n- y\n")]);
    let refused = village.monkeytown(&["openspec", "archive", "lost", "--yes", "--json"]);
    assert_eq!((refused.code, code(&refused)), (1, "archive_spec_update_failed"), "{refused:?}");
    assert!(!village.dir().join("openspec/changes/archive").exists());
    assert_eq!(village.git(["status", "--porcelain"]), "");
}

/// B5: what validation refuses is not archived, unless somebody says so.
#[test]
fn a_change_without_deltas_is_not_archived_in_passing() {
    let village =
        Village::new().file(MAIN, SPEC).file("openspec/changes/empty/proposal.md", "x").commit("Found the town");
    let refused = spec(&village, "archive empty --yes");
    assert_eq!((refused.code, code(&refused)), (1, "archive_validation_failed"), "{refused:?}");
    assert_eq!(spec(&village, "archive empty --yes --no-validate").code, 0);
}

/// A merge that was killed is ended, and is not taken for the archive that it never was.
#[test]
fn an_archive_after_a_killed_merge_archives() {
    let village = village(&[("add-sum", ADDED)]);
    killed(&village, &["spec", "sync", "add-sum"], "staged");
    let done = village.monkeytown(&["openspec", "archive", "add-sum", "--yes", "--json"]);
    assert_eq!((done.code, text(&done, "archivedAs")), (0, "2026-11-21-add-sum"), "{done:?}");
    assert!(!village.dir().join("openspec/changes/add-sum").exists());
    let merged = std::fs::read_to_string(village.dir().join(MAIN)).unwrap();
    assert_eq!(merged.matches("Requirement: Sum").count(), 1);
}

/// What a commit brings along is no order to move anything.
#[test]
fn a_journal_in_the_repository_does_nothing() {
    let journal = r#"{"version":1,"name":"x","files":[],"moves":["../victim","openspec/changes/archive/taken"]}"#;
    let village = village(&[("add-sum", ADDED)]);
    village.put("openspec/changes/.monkeytown-archive/journal.json", journal).save("Look at this");
    let victim = village.dir().parent().unwrap().join("victim");
    std::fs::write(&victim, "v").unwrap();
    assert_eq!(spec(&village, "sync add-sum").code, 0);
    assert_eq!(village.monkeytown(&["openspec", "archive", "add-sum", "--yes", "--json"]).code, 0);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "v");
    assert!(village.dir().join("openspec/changes/.monkeytown-archive/journal.json").is_file());
}

/// Nothing is written through a link that a commit can bring along.
#[cfg(unix)]
#[test]
fn no_command_writes_through_a_link() {
    use std::os::unix::fs::symlink;
    let village = village(&[("add-sum", ADDED)]);
    village.put(
        "openspec/changes/lift/proposal.md",
        "# P\n\n### Requirement: Log in\nIt SHALL let users in.\n- WHEN a\n- THEN b\n",
    );
    let (outside, openspec) = (tempfile::tempdir().unwrap(), village.dir().join("openspec"));
    let refused = |words: &[&str], link: &str| {
        let said = village.monkeytown(words);
        let message = said.json["status"][0]["message"].as_str().unwrap_or_default();
        assert!(said.code == 1 && message.contains(link), "{words:?}: {said:?}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "{words:?}");
    };
    symlink(outside.path(), openspec.join("changes/archive")).unwrap();
    refused(&["openspec", "archive", "add-sum", "--yes", "--json"], "openspec/changes/archive");
    std::fs::remove_file(openspec.join("changes/archive")).unwrap();
    symlink(outside.path(), openspec.join("changes/lift/specs")).unwrap();
    refused(&["spec", "adopt", "lift", "--json"], "openspec/changes/lift/specs");
    std::fs::rename(openspec.join("specs/books"), openspec.join("books")).unwrap();
    symlink("../books", openspec.join("specs/books")).unwrap();
    refused(&["openspec", "archive", "add-sum", "--yes", "--json"], "openspec/specs/books");
    refused(&["spec", "sync", "add-sum", "--json"], "openspec/specs/books");
    std::fs::rename(openspec.join("changes"), village.dir().join("old")).unwrap();
    symlink(outside.path(), openspec.join("changes")).unwrap();
    refused(&["spec", "new", "some", "--json"], "openspec/changes");
    refused(&["spec", "init", "--json"], "openspec/changes");
}
