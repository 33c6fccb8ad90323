//! Promise: one pull request archives one change, also over several runs, and what is archived is held against its records.

use serde_json::{Value, json};

use crate::gated::{CHANGE, HEAVY, acts, call, delta, edits, merged, town, without_a_mind};
use crate::village::{Village, finish};

const STAMPS: &str = "openspec/changes/add-stamps";
const STAMP: &str = "## ADDED Requirements\n\n### Requirement: Stamps\nThe post SHALL stamp every parcel.\n\n\
                     #### Scenario: A parcel\n- **WHEN** a parcel is weighed\n- **THEN** it gets a stamp\n";

/// The run in which every record of a change that is complete was written.
const RUN: &str = "01M7Y5A8C0PHV7VGGDF6STW7DD";

/// Merges everything that completes a change: its tasks ticked, and the records of its gates.
///
/// Its `Status:` line is where two passes leave it that were merged side by side.
fn completes(village: &Village, folder: &str, spec: &str) {
    let name = folder.rsplit('/').next().unwrap();
    let path = |inner: &str| format!("{folder}/{inner}");
    let proposal = format!(
        "# {name}\n\n**Status:** Validation\n\n## Why\nHeavy parcels block the post for everybody else, and nobody is told \
                            in time.\n\n## What Changes\n- The post does it.\n"
    );
    let tasks = "## 1. It\n- [x] 1.1 Do it\n";
    edits(
        village,
        &[(&path("proposal.md"), &proposal), (&path("tasks.md"), tasks), (&path("specs/post/spec.md"), spec)],
        "Write it down",
    );
    let out = village.monkeytown(&["spec", "status", "--change", name, "--json"]);
    let hash = out.json["lifecycle"]["content_hash"].as_str().unwrap_or_else(|| panic!("{out:#?}")).to_owned();
    let commit = village.git(["rev-parse", "main"]);
    let records: Vec<(String, String)> = [
        ("001-architect", "architect", "approved", "architect"),
        ("002-implement", "implement", "done", "feature-implementer"),
        ("003-pm", "pm", "pass", "pm-validator"),
        ("003-test", "test", "pass", "test-validator"),
    ]
    .map(|(file, gate, verdict, agent)| {
        let text = format!(
            "gate: {gate}\nverdict: {verdict}\nactor: \"agent:{agent}\"\nrun: {RUN}\ncommit: {commit}\ncontent_hash: \"{hash}\"\nfindings: []\nevidence:\n  - tests/run.sh:1\n"
        );
        (path(&format!("gates/{file}.yaml")), text)
    })
    .into();
    let files: Vec<(&str, &str)> = records.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    edits(village, &files, "Judge it");
}

fn archives(village: &Village, change: &str) -> crate::village::Outcome {
    village.says(vec![call("ArchiveChange", json!({"change": change})), finish(&format!("Archive {change}"))]);
    village.run("architect")
}

fn stand_on_main(village: &Village) {
    village.git(["checkout", "-q", "-f", "main"]);
    village.git(["reset", "-q", "--hard", "main"]);
}

/// What is wrong with the archived changes of the working tree.
fn judged(village: &Village, profile: &str) -> (i32, Vec<String>) {
    let out = village.monkeytown(&["spec", "validate", "--archived", "--profile", profile, "--json"]);
    let items = out.json["items"].as_array().unwrap_or_else(|| panic!("{out:#?}"));
    let issues = items.iter().flat_map(|item| item["issues"].as_array().unwrap().clone());
    let said = issues.filter(|i: &Value| i["level"] != "INFO").map(|i| i["code"].as_str().unwrap().to_owned());
    (out.code, said.collect())
}

// covers: gated-workflow#archiving-is-what-the-plan-says/an-archive-that-is-open
#[test]
fn a_later_run_adds_no_second_archive_to_an_open_pull_request() {
    let village = town();
    let news = "# News\n\n## [Unreleased]\n\n## 1\n";
    edits(&village, &[("openspec/config.yaml", "changelog: NEWS.md\n"), ("NEWS.md", news)], "Keep a changelog");
    completes(&village, CHANGE, &delta(HEAVY));
    completes(&village, STAMPS, STAMP);
    let first = archives(&village, "add-quota");
    assert_eq!(first.code, 0, "{first:#?}");
    let number = first.json["pull"].as_u64().unwrap_or_else(|| panic!("{first:#?}"));
    let offered = || village.git(["rev-parse", "agent/architect^{tree}"]);
    let files = || village.git(["ls-tree", "-r", "--name-only", "agent/architect", "openspec/changes"]);
    let before = offered();
    assert!(files().contains("archive/2026-11-21-add-quota/gates/004-archive.yaml"), "{}", files());
    let second = archives(&village, "add-stamps");
    assert!(files().contains(&format!("{STAMPS}/proposal.md")), "{second:#?}\n{}", files());
    assert_eq!(offered(), before, "{second:#?}");
    assert_eq!(village.facts("pull.opened").len(), 1);
    // Without a mind it does not even try, and says what it waits for.
    let waits = without_a_mind(&village, "architect");
    assert!(format!("{waits:?}").contains(&format!("#{number} waits for a merge")), "{waits:#?}");
    assert_eq!(offered(), before, "{waits:#?}");
    // Once the first is merged the second has its turn.
    merged(&village, number);
    acts(&village, "architect", "archive add-stamps");
    let spec = village.show("main", "openspec/specs/post/spec.md");
    assert!(spec.contains("Scenario: Too heavy") && spec.contains("Requirement: Stamps"), "{spec}");
    for name in ["add-quota", "add-stamps"] {
        let proposal = village.show("main", &format!("openspec/changes/archive/2026-11-21-{name}/proposal.md"));
        assert!(proposal.contains("**Status:** Archived"), "{proposal}");
    }
    stand_on_main(&village);
    assert_eq!(judged(&village, "gated"), (0, Vec::new()));
    // Each brought its line, in a file that no agent owns.
    let why = "Heavy parcels block the post for everybody else, and nobody is told in time";
    let line = |kind: &str, name: &str| format!("### {kind}\n\n- **{name}**: {why} (`{name}`: `post`)\n\n");
    let lines = line("Added", "add-stamps") + &line("Changed", "add-quota");
    assert_eq!(village.show("main", "NEWS.md"), format!("# News\n\n## [Unreleased]\n\n{lines}## 1").trim());
    village.verify_ok();
}

#[test]
fn what_is_archived_is_held_against_its_records() {
    let village = town();
    completes(&village, STAMPS, STAMP);
    acts(&village, "architect", "archive add-stamps");
    let folder = "openspec/changes/archive/2026-11-21-add-stamps";
    let (fine, none) = ((0, Vec::new()), |code: &str| vec![code.to_owned()]);
    // Whatever is built under its name once it is archived is not its own any more.
    let later = "weigh() { echo \"$1 bananas\"; }\n# Later.\n";
    edits(&village, &[("src/post.sh", later)], "Stamp it again\n\nChange: add-stamps\n");
    stand_on_main(&village);
    assert_eq!(judged(&village, "gated"), fine);
    for (file, from, to, code) in [
        ("proposal.md", "Heavy parcels", "Light parcels", "gate/stale-approval"),
        ("gates/003-pm.yaml", "agent:pm-validator", "agent:architect", "gate/self-approval"),
        ("gates/003-test.yaml", "verdict: pass", "verdict: fail", "gate/skipped"),
        ("proposal.md", "**Status:** Archived", "**Status:** Draft", "status/disagrees-with-events"),
    ] {
        let path = format!("{folder}/{file}");
        let text = village.show("main", &path);
        assert!(text.contains(from), "{text}");
        village.put(&path, &text.replace(from, to));
        let (exit, said) = judged(&village, "gated");
        assert!(exit == 1 && said.contains(&code.to_owned()), "{file}: {said:?}");
        assert_eq!(judged(&village, "ci"), fine, "{file}");
        village.put(&path, &text);
    }
    // Without the record of it nobody said that it was put away.
    std::fs::remove_file(village.dir().join(format!("{folder}/gates/004-archive.yaml"))).unwrap();
    assert_eq!(judged(&village, "gated"), (0, none("gate/skipped")));
}

// covers: gated-workflow#a-pass-is-of-one-state-of-the-code/built-before-the-archive-was-merged
#[test]
fn what_was_built_between_a_pass_and_the_archive_is_found_afterwards() {
    let village = town();
    completes(&village, STAMPS, STAMP);
    let archive = without_a_mind(&village, "architect");
    let number = archive.json["pull"].as_u64().unwrap_or_else(|| panic!("{archive:#?}"));
    let built = |code: &str| edits(&village, &[("src/post.sh", code)], "Stamp it\n\nChange: add-stamps\n");
    built("weigh() { echo \"$1 bananas\"; }\n# Between the two.\n");
    merged(&village, number);
    stand_on_main(&village);
    let stale = "gate/stale-pass".to_owned();
    assert_eq!(judged(&village, "gated"), (1, vec![stale.clone(), stale.clone(), "gate/skipped".to_owned()]));
    let status = village.monkeytown(&["spec", "status", "--change", "add-stamps", "--json"]);
    let issues = status.json["lifecycle"]["issues"].as_array().unwrap();
    assert!(issues.iter().any(|issue| issue["code"] == stale && issue["message"].to_string().contains("src/post.sh")));
    assert_eq!(judged(&village, "ci"), (0, Vec::new()));
}

// covers: gated-workflow#the-status-line-repeats-the-records/two-passes-side-by-side
#[test]
fn a_completed_change_is_valid_and_synced_although_its_status_line_lags() {
    let village = town();
    completes(&village, STAMPS, STAMP);
    let valid = village.monkeytown(&["spec", "validate", "add-stamps", "--profile", "gated", "--strict", "--json"]);
    let issues = valid.json["items"][0]["issues"].as_array().unwrap();
    let lags = issues.iter().find(|issue| issue["code"] == "status/disagrees-with-events");
    assert_eq!((valid.code, &lags.unwrap()["level"]), (0, &json!("INFO")), "{valid:#?}");
    let synced = village.monkeytown(&["spec", "sync", "add-stamps", "--profile", "gated", "--json"]);
    assert_eq!(synced.code, 0, "{synced:#?}");
    let spec = std::fs::read_to_string(village.dir().join("openspec/specs/post/spec.md")).unwrap();
    assert!(spec.contains("Requirement: Stamps"), "{spec}");
}
