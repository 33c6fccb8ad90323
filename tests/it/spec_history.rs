//! Promise: whatever way a change took through git, archiving it overwrites nothing that others wrote, and unarchiving takes back what
//! it did and nothing else; where history does not tell, nothing happens.

use super::archive::{ADDED, MAIN, SPEC, code, counting, spec, village};
use super::village::{Outcome, Village};

const SAME: &str = "it is counted";

/// `one` is archived on main while a change `two` of the same requirement is written on a branch; then the branch is merged.
fn side_by_side(two: &str) -> Village {
    let village = village(&[("one", &counting("it is counted twice", SAME))]);
    village.git(["checkout", "-q", "-b", "side"]);
    village.put("openspec/changes/two/specs/books/spec.md", two).save("Write two");
    village.git(["checkout", "-q", "main"]);
    assert_eq!(spec(&village, "archive one --yes --branch main").code, 0);
    village.git(["merge", "-q", "--no-ff", "-m", "Merge two", "side"]);
    village
}

fn message(outcome: &Outcome) -> String {
    outcome.json["status"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn both_are_there(village: &Village, branch: &str) {
    let merged = village.show(branch, MAIN);
    assert!(merged.contains("it is counted twice") && merged.contains("it is missed"), "{merged}");
}

// covers: gated-workflow#what-others-wrote-is-never-overwritten-on-a-guess
// covers: gated-workflow#what-others-wrote-is-never-overwritten-on-a-guess/a-merge-commit-brings-the-change
#[test]
fn a_merge_commit_is_not_where_a_change_began() {
    let village = side_by_side(&counting(SAME, "it is missed"));
    let done = spec(&village, "archive two --yes --branch main");
    assert_eq!(done.code, 0, "{done:?}");
    both_are_there(&village, "main");
    let village = side_by_side(&counting("it is counted never", SAME));
    let refused = spec(&village, "archive two --yes --branch main");
    assert_eq!(code(&refused), "archive_spec_update_failed", "{refused:?}");
    let said = message(&refused);
    assert!(said.contains("it is counted twice") && said.contains("it is counted never"), "{said}");
}

#[test]
fn a_removal_of_what_others_changed_is_refused() {
    let village = side_by_side(
        "## REMOVED Requirements\n- `### Requirement: Count`\n\n## ADDED Requirements\n\n### Requirement: Sum\nIt SHALL add.\n\n#### Scenario: x\n- y\n",
    );
    let refused = spec(&village, "archive two --yes --branch main");
    assert!(
        code(&refused) == "archive_spec_update_failed" && message(&refused).contains("is to be removed"),
        "{refused:?}"
    );
}

#[test]
fn a_folder_that_was_renamed_began_where_its_first_one_did() {
    let village = village(&[("one", &counting("it is counted twice", SAME)), ("two", &counting(SAME, "it is missed"))]);
    assert_eq!(spec(&village, "archive one --yes --branch main").code, 0);
    village.git(["mv", "openspec/changes/two", "openspec/changes/deux"]);
    // With another word in it, so that git itself sees no rename.
    village.put("openspec/changes/deux/specs/books/spec.md", &counting(SAME, "it is missed too")).save("Rename it");
    let done = spec(&village, "archive deux --yes --branch main");
    assert_eq!(done.code, 0, "{done:?}");
    both_are_there(&village, "main");
}

// covers: gated-workflow#what-others-wrote-is-never-overwritten-on-a-guess/a-shallow-clone
#[test]
fn where_history_is_cut_off_nothing_is_overwritten() {
    let village = side_by_side(&counting(SAME, "it is missed"));
    let url = format!("file://{}", village.dir().display());
    let shallow = village.path("shallow");
    village.git(["clone", "-q", "--depth", "1", &url, &shallow.display().to_string()]);
    let archive = |dir: &std::path::Path| {
        let words = ["-C", dir.to_str().unwrap(), "spec", "archive", "two", "--yes", "--json"];
        village.monkeytown(&words)
    };
    let refused = archive(&shallow);
    assert_eq!(code(&refused), "archive_spec_update_failed", "{refused:?}");
    let fix = refused.json["status"][0]["fix"].as_str().unwrap();
    assert!(message(&refused).contains("git fetch --unshallow") && fix.contains("--record-base"), "{refused:?}");
    village.git_in(&shallow, ["fetch", "-q", "--unshallow"]);
    assert_eq!(archive(&shallow).code, 0);
    assert!(village.git_in(&shallow, ["show", &format!("spec/archive-two:{MAIN}")]).contains("it is counted twice"));
}

/// A requirement that another open change brings is known by what that change says.
#[test]
fn a_change_of_what_another_one_brings_is_written_for_that() {
    let more = ADDED.replace("ADDED", "MODIFIED").replace("add up", "add up all");
    let village = village(&[("add-sum", ADDED), ("more", &more)]);
    assert_eq!(spec(&village, "archive add-sum --yes --branch main").code, 0);
    let text = village.show("main", MAIN).replace("the sum is known", "the sum is told");
    village.put(MAIN, &format!("{text}\n")).save("Tell it");
    let done = spec(&village, "archive more --yes --branch main");
    assert_eq!(done.code, 0, "{done:?}");
    let merged = village.show("main", MAIN);
    assert!(merged.contains("add up all") && merged.contains("the sum is told"), "{merged}");
}

/// A squash merge hides when a change was written; where it was begun with `spec new` its metadata says so.
#[test]
fn a_change_remembers_the_commit_that_it_was_begun_at() {
    let village = village(&[("one", &counting("it is counted twice", SAME))]);
    village.git(["checkout", "-q", "-b", "side"]);
    assert_eq!(spec(&village, "new two").code, 0);
    let metadata = std::fs::read_to_string(village.dir().join("openspec/changes/two/.openspec.yaml")).unwrap();
    assert!(metadata.contains(&village.git(["rev-parse", "main"])), "{metadata}");
    village.put("openspec/changes/two/specs/books/spec.md", &counting(SAME, "it is missed")).save("Write two");
    village.git(["checkout", "-q", "main"]);
    assert_eq!(spec(&village, "archive one --yes --branch main").code, 0);
    village.git(["merge", "-q", "--squash", "side"]);
    village.save("Two");
    assert_eq!(spec(&village, "archive two --yes --branch main").code, 0);
    both_are_there(&village, "main");
    // The reference's spelling writes what the reference writes.
    assert_eq!(village.monkeytown(&["openspec", "new", "change", "three", "--json"]).code, 0);
    let plain = std::fs::read_to_string(village.dir().join("openspec/changes/three/.openspec.yaml")).unwrap();
    assert!(!plain.contains("x_base"), "{plain}");
}

/// What stands in a commit as a link is not replaced by a folder.
#[cfg(unix)]
#[test]
fn a_link_in_the_commit_is_refused_and_stays() {
    use std::os::unix::fs::symlink;
    for (place, target) in [
        ("openspec/specs", "../elsewhere"),
        ("openspec/specs", "/somewhere"),
        ("openspec/specs", "nowhere"),
        ("openspec/specs/books", "../../elsewhere/books"),
        ("openspec/changes/archive", "../old"),
        ("openspec", "elsewhere"),
    ] {
        let village = village(&[("add-sum", ADDED)]);
        let dir = village.dir();
        std::fs::create_dir_all(dir.join("openspec/changes/archive")).unwrap();
        std::fs::rename(dir.join(place), dir.join("elsewhere")).unwrap();
        symlink(target, dir.join(place)).unwrap();
        village.save("Link it");
        let refused = spec(&village, "archive add-sum --yes --branch other");
        assert!(refused.code == 1 && message(&refused).contains(place), "{place} -> {target}: {refused:?}");
        assert_eq!(village.git(["branch", "--list", "other"]), "", "{place} -> {target}");
    }
}

#[test]
fn a_branch_is_named_as_branches_are() {
    let village = village(&[("add-sum", ADDED)]);
    for name in ["-x", "HEAD", "@", "refs/heads/x", "a b", "a..b", "monkeytown/journal", "agent/x"] {
        let refused =
            village.monkeytown(&["spec", "archive", "add-sum", "--yes", &format!("--branch={name}"), "--json"]);
        assert_eq!((refused.code, code(&refused)), (1, "branch_name_invalid"), "{name}: {refused:?}");
    }
    assert_eq!(village.git(["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}

#[test]
fn what_git_ignores_is_no_work_that_waits() {
    let village = village(&[("add-sum", ADDED)]);
    village.put(".gitignore", "*.swp\n").save("Ignore");
    village.put("openspec/changes/add-sum/.proposal.md.swp", "x");
    assert_eq!(spec(&village, "archive add-sum --yes --dry-run").code, 0);
    village.put("openspec/changes/add-sum/notes.txt", "x");
    assert_eq!(code(&spec(&village, "archive add-sum --yes --dry-run")), "archive_uncommitted");
}

#[test]
fn a_repository_without_files_names_paths_as_commits_do() {
    let village = village(&[("add-sum", ADDED)]);
    let bare = village.path("bare.git");
    village.git(["clone", "-q", "--bare", ".", &bare.display().to_string()]);
    let words = ["-C", bare.to_str().unwrap(), "spec", "archive", "add-sum", "--yes", "--branch", "main", "--json"];
    let done = village.monkeytown(&words);
    assert_eq!(done.json["archive"]["path"], "openspec/changes/archive/2026-11-21-add-sum", "{done:?}");
    assert!(village.git_in(&bare, ["show", &format!("main:{MAIN}")]).contains("Requirement: Sum"));
}

// covers: gated-workflow#unarchiving-takes-back-one-change/two-archives-in-one-merge
#[test]
fn taking_back_leaves_what_others_brought_with_the_same_merge() {
    let village = village(&[("one", &counting("it is counted twice", SAME)), ("add-sum", ADDED)]);
    village.git(["checkout", "-q", "-b", "side"]);
    assert_eq!(spec(&village, "archive one --yes --branch side").code, 0);
    assert_eq!(spec(&village, "archive add-sum --yes --branch side").code, 0);
    village.git(["checkout", "-q", "main"]);
    village.git(["merge", "-q", "--no-ff", "-m", "Merge both", "side"]);
    // Somebody mends a word in the archive.
    village.put("openspec/changes/archive/2026-11-21-one/proposal.md", "## Why\nSo it is.\n").save("Mend a word");
    let back = spec(&village, "unarchive one --branch main");
    assert_eq!(back.code, 0, "{back:?}");
    let now = village.show("main", MAIN);
    assert!(now.contains("Requirement: Sum") && !now.contains("twice"), "{now}");
    assert_eq!(village.show("main", "openspec/changes/one/proposal.md"), "## Why\nSo it is.");
    assert_eq!(village.git(["ls-tree", "-r", "--name-only", "main", "openspec/changes/archive"]).lines().count(), 2);
}

#[test]
fn an_archive_of_any_name_is_found_and_what_collides_is_named() {
    let village = village(&[("one", &counting("it is counted twice", SAME))]);
    village.put("openspec/config.yaml", "archive_name: '{name}_{date}'\n").save("Name them so");
    assert_eq!(spec(&village, "archive one --yes --branch main").code, 0);
    village.git(["mv", "openspec/changes/archive/one_2026-11-21", "openspec/changes/archive/one_2026-11-20"]);
    village.save("The day before");
    let mended = village.show("main", MAIN).replace("twice", "thrice");
    village.put(MAIN, &format!("{mended}\n")).save("Say thrice");
    let refused = spec(&village, "unarchive one --branch main");
    assert_eq!(code(&refused), "unarchive_conflict", "{refused:?}");
    assert!(message(&refused).contains("books: `Count` was changed since: its scenario `first`"), "{refused:?}");
    assert_eq!(refused.json["root"]["source"], "nearest");
    village.git(["revert", "--no-edit", "HEAD"]);
    let back = spec(&village, "unarchive one --branch main");
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(village.show("main", MAIN), SPEC.trim_end());
    assert!(village.dir().join("openspec/changes/one/proposal.md").is_file());
}

#[test]
fn a_failure_names_the_root_where_there_is_one() {
    let village = village(&[]);
    village.put("openspec/changes/x/proposal.md", "x");
    for words in ["sync nobody", "unarchive nobody", "adopt nobody", "validate nobody --record-base"] {
        let refused = spec(&village, words);
        assert_eq!(
            (refused.code, refused.json["root"]["source"].as_str()),
            (1, Some("nearest")),
            "{words}: {refused:?}"
        );
    }
}
