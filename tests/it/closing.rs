//! Promise: a change that is closed stands in nobody's way and is never merged, and a gated change is archived when its gates are
//! passed, or by a person who says why not.

use super::archive::{ADDED, MAIN, code, counting, spec, village};
use super::village::Village;

fn read(village: &Village, path: &str) -> String {
    std::fs::read_to_string(village.dir().join(path)).unwrap()
}

// covers: gated-workflow#a-closed-change-stands-in-nobody-s-way
#[test]
fn a_change_that_is_closed_stands_in_nobodys_way() {
    let village = village(&[("one", &counting("x", "y")), ("two", &counting("z", "y"))]);
    village.put("openspec/changes/one/proposal.md", "# One\n\n**Status:** Draft\n\n## Why\nSo.\n").save("Say so");
    assert_eq!(spec(&village, "next").json["overlaps"][0]["requirement"], "Count");
    assert_eq!(spec(&village, "close one --withdrawn").code, 2);
    assert_eq!(code(&spec(&village, "close one --superseded-by nobody")), "close_error");
    assert_eq!(village.git(["status", "--porcelain"]), "");
    let closed = spec(&village, "close one --superseded-by two");
    assert_eq!((closed.code, closed.json["close"]["state"].as_str()), (0, Some("Superseded")), "{closed:?}");
    let record = read(&village, closed.json["close"]["record"].as_str().unwrap());
    assert!(
        record.contains("verdict: superseded\nactor: \"human:") && record.contains("superseded by two"),
        "{record}"
    );
    assert!(read(&village, "openspec/changes/one/proposal.md").contains("**Status:** Superseded\n"));
    village.save("Close it");
    assert_eq!(
        spec(&village, "status --change one").json["nextSteps"],
        serde_json::json!([]),
        "nothing is to be written"
    );
    let next = spec(&village, "next");
    assert_eq!((next.json["overlaps"].as_array().unwrap().len(), next.text("next").as_str()), (0, "two"), "{next:?}");
    assert_eq!(next.json["queue"].as_array().unwrap().len(), 1);
    assert_eq!(code(&spec(&village, "archive one --yes")), "archive_change_closed");
    assert_eq!(code(&spec(&village, "close one --superseded-by two")), "close_error");
    assert_eq!(spec(&village, "archive two --yes --branch main").code, 0);
}

// covers: gated-workflow#a-person-who-passes-over-the-gates-says-why
#[test]
fn a_gated_change_is_archived_when_it_is_completed_or_a_person_says_why_not() {
    let village = village(&[("add-sum", ADDED)]);
    let proposal = "# Sum\n\n**Status:** Draft\n\n## Why\nSo that everybody knows in the evening what was taken in and paid out.\n\n## What Changes\n- It adds up.\n";
    village
        .put("openspec/changes/add-sum/proposal.md", proposal)
        .put("openspec/config.yaml", "profile: gated\n")
        .save("Gate it");
    let refused = spec(&village, "archive add-sum --yes --branch main");
    assert_eq!(code(&refused), "archive_not_completed", "{refused:?}");
    // Nor does it get into the specs by the side door.
    assert_eq!(code(&spec(&village, "archive add-sum --yes --in-place")), "archive_not_completed");
    assert_eq!(code(&spec(&village, "sync add-sum")), "archive_not_completed");
    assert_eq!(village.git(["status", "--porcelain"]), "");
    let words = ["spec", "archive", "add-sum", "--yes", "--branch", "main", "--anyway", "It is urgent.", "--json"];
    let done = village.monkeytown(&words);
    assert_eq!(done.code, 0, "{done:?}");
    let folder = "openspec/changes/archive/2026-11-21-add-sum";
    let record = read(&village, &format!("{folder}/gates/001-archive.yaml"));
    assert!(record.contains("archived while it was Draft: It is urgent."), "{record}");
    assert!(read(&village, &format!("{folder}/proposal.md")).contains("**Status:** Archived"));
    assert_eq!(village.git(["status", "--porcelain"]), "");
    // Taken back, it is as it was.
    let back = spec(&village, "unarchive add-sum --branch main");
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(village.git(["diff", "--stat", "HEAD~2", "HEAD"]), "");
    assert!(!village.show("main", MAIN).contains("Sum"));
}

#[test]
fn the_status_lines_are_rewritten_when_somebody_asks_for_it() {
    let village = village(&[("a", ADDED), ("b", ADDED)]);
    for name in ["a", "b"] {
        village.put(&format!("openspec/changes/{name}/proposal.md"), "Status: Approved\n");
    }
    assert_eq!(spec(&village, "status --all").code, 0);
    assert_eq!(read(&village, "openspec/changes/a/proposal.md"), "Status: Approved\n");
    let status = spec(&village, "status --change a --write");
    assert_eq!(status.json["lifecycle"]["issues"].as_array().unwrap().len(), 0, "{status:?}");
    assert_eq!(read(&village, "openspec/changes/a/proposal.md"), "Status: Draft\n");
    assert_eq!(read(&village, "openspec/changes/b/proposal.md"), "Status: Approved\n");
    assert_eq!(spec(&village, "status --all --write").code, 0);
    assert_eq!(read(&village, "openspec/changes/b/proposal.md"), "Status: Draft\n");
}
