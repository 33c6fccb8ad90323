//! Promise: `spec` finds the project from wherever it is called, says what is wrong with one item without losing the others,
//! and answers programs in one document whatever happens.

use std::os::unix::fs::symlink;

use crate::village::{Outcome, Village};

const SPEC: &str = "# Greeting\n\n## Purpose\nWhoever starts the program knows at once that it runs, and which one.\n\n\
                    ## Requirements\n\n### Requirement: Greet\nIt SHALL greet.\n\n#### Scenario: Start\n- **WHEN** it starts\n- **THEN** it greets\n";
const DELTA: &str = "## ADDED Requirements\n\n### Requirement: Leave\nIt SHALL say goodbye.\n\n#### Scenario: End\n- **WHEN** it ends\n- **THEN** it says so\n";

fn village() -> Village {
    let village = Village::new();
    village.put("openspec/specs/greeting/spec.md", SPEC).put("openspec/changes/say-bye/specs/greeting/spec.md", DELTA);
    village.put(
        "openspec/changes/say-bye/proposal.md",
        "# Say goodbye\n\n## Why\nPeople wait.\n\n## What Changes\n- It leaves.\n",
    );
    village
}

fn spec(village: &Village, args: &[&str]) -> Outcome {
    village.monkeytown(&[&["spec", "--json"], args].concat())
}

/// The failure of a command: exactly one document, with this code.
#[track_caller]
fn fails(outcome: &Outcome, code: &str) {
    assert_eq!((outcome.code, outcome.json["status"][0]["code"].as_str()), (1, Some(code)), "{outcome:#?}");
    assert_eq!(outcome.json["status"][0]["severity"], "error");
}

#[test]
fn the_nearest_folder_with_something_planned_is_the_root() {
    let village = village();
    village.put("deep/below/openspec/notes.md", "no root\n");
    let outcome = village.monkeytown(&["-C", "deep/below", "openspec", "list", "--json"]);
    assert_eq!((outcome.code, outcome.json["root"]["path"].as_str()), (0, village.dir().to_str()), "{outcome:#?}");
    village.put("deep/below/openspec/config.yaml", "schema: spec-driven\n");
    let outcome = village.monkeytown(&["-C", "deep/below", "openspec", "list", "--json"]);
    assert_eq!(outcome.json["root"]["path"].as_str(), village.dir().join("deep/below").to_str(), "{outcome:#?}");
}

#[test]
fn without_a_root_there_is_one_document_that_says_so() {
    let village = Village::new();
    fails(&spec(&village, &["list"]), "no_openspec_root");
    assert!(spec(&village, &["list", "--specs"]).json["specs"].is_array());
    fails(&spec(&village, &["validate", "--all"]), "no_openspec_root");
    let status = spec(&village, &["status"]);
    assert_eq!((status.code, status.json["root"]["source"].as_str()), (0, Some("implicit")), "{status:#?}");
    village.monkeytown(&["spec", "list"]).says(1, "spec init");
    village.put("openspec/config.yaml", "store: elsewhere\n");
    fails(&spec(&village, &["list"]), "no_registered_stores");
    village.put("openspec/config.yaml", "store: [1]\n");
    fails(&spec(&village, &["list"]), "invalid_store_pointer");
}

#[test]
fn an_empty_project_has_nothing_wrong() {
    let village = Village::new();
    village.monkeytown(&["spec", "init"]).says(0, "openspec/config.yaml");
    village.monkeytown(&["spec", "init"]).says(0, "has all it needs");
    let outcome = spec(&village, &["validate", "--all"]);
    assert_eq!((outcome.code, outcome.json["summary"]["totals"]["items"].as_u64()), (0, Some(0)), "{outcome:#?}");
    assert_eq!(spec(&village, &["status", "--all"]).json["changes"], serde_json::json!([]));
}

#[test]
fn a_wrong_call_ends_as_the_command_does_that_was_called() {
    let village = Village::new();
    for (command, code) in [("spec", 2), ("openspec", 1)] {
        village.monkeytown(&[command, "validate", "--bogus"]).says(code, "--bogus");
        village.monkeytown(&["--json", command, "list", "one"]).says(code, "one");
        village.monkeytown(&[command, "validate", "--help"]).says(0, "--strict");
    }
}

#[test]
fn a_link_out_of_the_tree_is_one_items_error() {
    let village = village();
    std::fs::write(village.path("outside.md"), SPEC).unwrap();
    std::fs::create_dir_all(village.dir().join("openspec/specs/linked")).unwrap();
    symlink(village.path("outside.md"), village.dir().join("openspec/specs/linked/spec.md")).unwrap();
    std::fs::create_dir_all(village.dir().join("openspec/changes/bad/specs/greeting")).unwrap();
    symlink("/etc/hostname", village.dir().join("openspec/changes/bad/specs/greeting/spec.md")).unwrap();
    symlink(".", village.dir().join("openspec/changes/say-bye/loop")).unwrap();
    let outcome = spec(&village, &["validate", "--all"]);
    let verdicts: Vec<(&str, bool)> = outcome.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["id"].as_str().unwrap(), item["valid"].as_bool().unwrap()))
        .collect();
    assert_eq!(verdicts, [("bad", false), ("greeting", true), ("linked", false), ("say-bye", true)], "{outcome:#?}");
    assert_eq!(outcome.code, 1);
    let rows = spec(&village, &["list", "--specs"]);
    assert_eq!(rows.json["specs"].as_array().unwrap().len(), 2, "{rows:#?}");
    fails(&spec(&village, &["show", "linked"]), "show_error");
    assert!(!outcome.stdout.contains("root:"));
}

#[test]
fn a_name_is_looked_up_or_the_nearest_ones_are_told() {
    let village = village();
    village.put("openspec/changes/greeting/proposal.md", "# Greeting\n");
    fails(&spec(&village, &["validate", "greeting"]), "ambiguous_item");
    assert_eq!(spec(&village, &["validate", "greeting", "--type", "spec"]).code, 0);
    let unknown = spec(&village, &["show", "say-by"]);
    fails(&unknown, "unknown_item");
    assert!(unknown.json["status"][0]["message"].as_str().unwrap().contains("Did you mean: say-bye"), "{unknown:#?}");
    fails(&spec(&village, &["validate", "../greeting", "--type", "change"]), "invalid_item");
    fails(&spec(&village, &["show", "../../README", "--type", "spec"]), "show_error");
    fails(&spec(&village, &["validate"]), "nothing_to_validate");
    fails(&spec(&village, &["validate", "greeting", "--report", "findings"]), "invalid_validation_report_request");
    fails(&spec(&village, &["status", "--change", "nobody"]), "change_error");
}

#[test]
fn huge_binary_and_strange_files_cost_only_themselves() {
    let village = village();
    let blanks = format!("## RENAMED Requirements\n- FROM: {}\n- TO: x\n", " ".repeat(80_000));
    village.put("openspec/changes/blanks/specs/greeting/spec.md", &blanks);
    std::fs::create_dir_all(village.dir().join("openspec/specs/binary")).unwrap();
    std::fs::write(village.dir().join("openspec/specs/binary/spec.md"), [0xff, 0, 0xfe].repeat(1000)).unwrap();
    let large = village.dir().join("openspec/specs/large");
    std::fs::create_dir_all(&large).unwrap();
    std::fs::File::create(large.join("spec.md")).unwrap().set_len(32 * 1024 * 1024).unwrap();
    let outcome = spec(&village, &["validate", "--all"]);
    assert_eq!(
        outcome.json["summary"]["totals"],
        serde_json::json!({"items": 5, "passed": 2, "failed": 3}),
        "{}",
        outcome.stderr
    );
    let large = outcome.json["items"].as_array().unwrap().iter().find(|item| item["id"] == "large").unwrap();
    assert!(large["issues"][0]["message"].as_str().unwrap().contains("larger"), "{large}");
}

#[test]
fn only_what_a_branch_touches_is_judged() {
    let village = village();
    let base = village.save("begin");
    village.put("openspec/changes/other/specs/greeting/spec.md", "# nothing\n");
    village.put("openspec/specs/greeting/spec.md", &SPEC.replace("It SHALL greet", "It SHALL greet everybody"));
    village.save("go on");
    village.put("openspec/changes/third/specs/greeting/spec.md", DELTA);
    let outcome = spec(&village, &["validate", "--changed-since", &base]);
    let ids: Vec<&str> =
        outcome.json["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!((outcome.code, ids), (1, vec!["greeting", "other", "third"]), "{outcome:#?}");
    let outcome = spec(&village, &["validate", "--specs", "--changed-since", "HEAD"]);
    assert_eq!(outcome.json["items"], serde_json::json!([]), "{outcome:#?}");
    fails(&spec(&village, &["validate", "--changed-since", "nowhere"]), "changed_since");
}

#[test]
fn issues_are_annotations_and_sarif_too() {
    let village = village();
    village.put("openspec/changes/bad,x/specs/greeting/spec.md", "# nothing\n");
    let outcome = village.monkeytown(&["spec", "validate", "--all", "--format", "github"]);
    outcome.says(1, "::error file=openspec/changes/bad%2Cx/specs/greeting/spec.md");
    outcome.says(1, "title=delta/no-sections::");
    let sarif = village.monkeytown(&["spec", "validate", "--all", "--format", "sarif"]);
    assert_eq!((sarif.code, sarif.json["version"].as_str()), (1, Some("2.1.0")), "{sarif:#?}");
    let result = &sarif.json["runs"][0]["results"][0];
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(sarif.json["runs"][0]["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "openspec/changes/bad%2Cx/specs/greeting/spec.md");
}

#[test]
fn a_profile_is_asked_for_or_configured_and_the_alias_has_its_own() {
    let village = village();
    let unclosed =
        DELTA.replace("ADDED", "MODIFIED").replace("Leave", "Greet").replace("Scenario: End", "Scenario: Start")
            + "```\n";
    village.put("openspec/changes/say-bye/specs/greeting/spec.md", &unclosed);
    assert_eq!(spec(&village, &["validate", "--all"]).code, 0);
    assert_eq!(spec(&village, &["validate", "--all", "--profile", "ci"]).code, 1);
    village.put("openspec/config.yaml", "schema: spec-driven\nprofile: ci\n");
    assert_eq!(spec(&village, &["validate", "--all"]).code, 1);
    assert_eq!(village.monkeytown(&["openspec", "validate", "--all", "--json"]).code, 0);
    village.put("openspec/config.yaml", "profile: strictest\n");
    fails(&spec(&village, &["validate", "--all"]), "unknown_profile");
}

#[test]
fn a_change_is_begun_once_and_nothing_is_written_over() {
    let village = village();
    let made = spec(&village, &["new", "add-x", "--goal", "yes: no", "--description", "Words."]);
    assert_eq!((made.code, made.json["change"]["schema"].as_str()), (0, Some("spec-driven")), "{made:#?}");
    let read = |path: &str| std::fs::read_to_string(village.dir().join("openspec/changes/add-x").join(path)).unwrap();
    assert_eq!(read(".openspec.yaml"), "schema: spec-driven\ncreated: 2026-11-21\ngoal: \"yes: no\"\n");
    assert_eq!(read("README.md"), "# add-x\n\nWords.\n");
    fails(&spec(&village, &["new", "add-x"]), "change_error");
    fails(&spec(&village, &["new", "Add X"]), "change_error");
    fails(&spec(&village, &["new", "add-y", "--schema", "none"]), "change_error");
    assert!(!village.dir().join("openspec/changes/add-y").exists());
    let status = spec(&village, &["status", "--change", "add-x"]);
    let standing: Vec<&str> = status.json["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["status"].as_str().unwrap())
        .collect();
    assert_eq!(standing, ["ready", "blocked", "blocked", "blocked"], "{status:#?}");
    assert_eq!(status.json["lifecycle"]["state"], "Draft");
}

// covers: openspec-parity#commands-that-are-not-offered-are-named, spec-validation#what-does-not-count-is-said
#[test]
fn whatever_does_not_count_is_said_with_what_to_do() {
    let village = village();
    for command in ["update", "view", "config", "schema", "store", "doctor", "completion"] {
        let asked = village.monkeytown(&["openspec", "--json", command, "--force", "x"]);
        fails(&asked, "command_not_offered");
    }
    village.monkeytown(&["openspec", "vaildate"]).says(1, "validate");
    village.put("openspec/config.yaml", "archive_dir: ../out\n");
    village.monkeytown(&["spec", "list"]).says(0, "warning: openspec/config.yaml: archive_dir must be a path below");
    let change = "openspec/changes/say-bye";
    village.put(&format!("{change}/.openspec.yaml"), "depends_on: [gone]\n");
    village.monkeytown(&["spec", "next"]).says(1, "schema: is missing");
    let judged = village.monkeytown(&["spec", "validate", "say-bye", "--profile", "ci"]);
    judged.says(1, "sibling/order");
    let sync = village.monkeytown(&["spec", "sync", "say-bye", "--profile", "ci"]);
    assert!(!sync.says(1, "spec validate say-bye").stderr.contains("--no-validate"), "{sync:#?}");
    village.monkeytown(&["spec", "archive", "--json"]).says(1, "Open changes: say-bye.");
    std::fs::remove_dir_all(village.dir().join("openspec/changes")).unwrap();
    village.monkeytown(&["spec", "archive", "--json"]).says(1, "There is no open change.");
    village.monkeytown(&["spec", "adopt", "say-bye"]).says(1, "There is no open change.");
}

// covers: traceability#gaps-and-unknown-ids-are-findings/one-capability-is-asked-for
#[test]
fn the_gaps_of_one_capability_are_its_own() {
    let village = village();
    village.put("openspec/specs/door/spec.md", SPEC).put("openspec/specs/window/spec.md", SPEC);
    // Written in two parts: this file is looked through as well.
    village.put("door.rs", &format!("// {}: door#greet/start, window#gone\n", "covers"));
    let strict = |id: &str| village.monkeytown(&["spec", "trace", id, "--strict"]);
    strict("door").says(0, "2 of 2 requirements");
    strict("greeting").says(1, "0 of 4 requirements");
    strict("window").says(1, "window#gone");
    let gated = |id: &str, strict: bool| {
        let args = ["validate", id, "--type", "spec", "--profile", "gated", if strict { "--strict" } else { "--json" }];
        spec(&village, &args)
    };
    assert_eq!((gated("door", true).code, gated("greeting", false).code, gated("greeting", true).code), (0, 0, 1));
    assert_eq!(gated("greeting", true).json["items"][0]["issues"][0]["code"], "trace/uncovered");
    assert_eq!(gated("window", false).json["items"][0]["issues"][1]["code"], "trace/unknown-id");
}

/// What a command says that finds no room for a single byte in any file.
fn without_room(village: &Village, args: &[&str]) -> Outcome {
    Outcome::of(village.without_room(0, args).output().unwrap())
}

#[test]
fn a_full_disk_leaves_no_half_of_anything() {
    let village = village();
    village.save("As it is");
    let before = village.git(["status", "--porcelain", "--ignored"]);
    fails(
        &without_room(&village, &["spec", "--json", "new", "add-more", "--description", "More of it"]),
        "change_error",
    );
    assert!(!village.dir().join("openspec/changes/add-more").exists(), "the next try would find it in its way");
    let archived = without_room(&village, &["spec", "--json", "archive", "say-bye", "--yes"]);
    assert_eq!(archived.code, 1, "{archived:?}");
    let archived = without_room(&village, &["openspec", "archive", "say-bye", "--yes", "--json"]);
    assert_eq!(archived.code, 1, "{archived:?}");
    assert_eq!(village.git(["status", "--porcelain", "--ignored"]), before);
    assert_eq!(village.git(["branch", "--list", "spec/*"]), "");
    // With room again, all of it goes on.
    assert_eq!(spec(&village, &["new", "add-more"]).code, 0);
    assert_eq!(spec(&village, &["archive", "say-bye", "--yes"]).code, 0);
}
