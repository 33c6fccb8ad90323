//! Tests of the merge plan: trees in memory, the plan out.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::base::Base;
use super::issue::Issue;
use super::plan::{self, Options, Plan, Stop};
use super::plan_file::Outcome;
use super::plan_refusal::{Counts, Kind};
use super::plan_update::{ended_as, update};
use super::project::Project;
use super::rules::Profile;
use super::tree::{Node, Tree};

const SPEC: &str = "# a Specification\n\n## Purpose\nIt keeps the books of the town and says who paid what.\n\n## Requirements\n\n### Requirement: One\nIt SHALL count.\n\n#### Scenario: first\n- **WHEN** a\n- **THEN** b\n\n#### Scenario: second\n- **WHEN** a\n- **THEN** b\n\n### Requirement: Two\nIt SHALL add.\n\n#### Scenario: sum\n- **WHEN** a\n- **THEN** b\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    tree.put_file("openspec/specs/a/spec.md", SPEC.as_bytes().to_vec());
    for (path, text) in files {
        tree.put_file(&format!("openspec/changes/{path}"), text.as_bytes().to_vec());
    }
    tree
}

fn planned(tree: &Tree, change: &str, profile: Profile) -> Plan {
    let issues: &[Issue] = &[];
    let options = Options {
        date: "2026-01-31",
        careful: profile != Profile::Openspec1,
        judges_deltas_only: profile == Profile::Openspec1,
        skips_specs: false,
        logs: true,
        issues: Some(issues),
        base: Base::default(),
    };
    plan::plan(&Project::new(tree, "openspec"), change, &options)
}

fn stop(plan: &Plan) -> Option<Stop> {
    plan.stopped(true).map(|stopped| stopped.stop)
}

fn after(plan: &Plan) -> String {
    String::from_utf8_lossy(plan.updates[0].after.as_deref().unwrap_or_default()).into_owned()
}

#[test]
fn a_plan_holds_every_byte_that_archiving_writes() {
    let delta = "## ADDED Requirements\n### Requirement: Three\nIt SHALL.\n#### Scenario: x\n- y\n## RENAMED Requirements\nFROM: ### Requirement: One\nTO: ### Requirement: First\n";
    let tree = tree(&[("go/specs/a/spec.md", delta), ("go/tasks.md", "- [x] a\n- [ ] b\n")]);
    let plan = planned(&tree, "go", Profile::Openspec1);
    assert_eq!(plan.archived_as, "2026-01-31-go");
    assert_eq!(plan.moves.1, "openspec/changes/archive/2026-01-31-go");
    assert_eq!(plan.totals, Some(Counts { added: 1, renamed: 1, ..Counts::default() }));
    let wanted = SPEC.replace("### Requirement: One", "### Requirement: First")
        + "\n### Requirement: Three\nIt SHALL.\n#### Scenario: x\n- y\n";
    assert_eq!(after(&plan), wanted);
    let asks: Vec<Stop> = plan.stops.iter().map(|stopped| stopped.stop).collect();
    assert_eq!(asks, [Stop::TasksIncomplete, Stop::Confirmation]);
    assert_eq!(stop(&plan), None);
    assert_eq!(plan.stopped(false).map(|stopped| stopped.stop.code()), Some("archive_tasks_incomplete"));
}

#[test]
fn what_is_in_the_way_has_the_code_of_the_reference() {
    let mut tree = tree(&[
        ("2026-01-01-old/proposal.md", "x"),
        ("lost/specs/a/spec.md", "## MODIFIED Requirements\n### Requirement: None\nIt SHALL.\n#### Scenario: x\n- y\n"),
        ("folder/inner/proposal.md", "x"),
        ("empties/specs/a/spec.md", "## REMOVED Requirements\n- ### Requirement: One\n- ### Requirement: Two\n"),
    ]);
    tree.put("openspec/changes/archive/2026-01-01-old", Node::Folder);
    tree.put("openspec/changes/link", Node::LinkedFolder(None));
    let table = [
        ("", "archive_change_name_invalid"),
        ("..", "archive_change_name_invalid"),
        ("a/b", "archive_change_name_invalid"),
        ("none", "archive_change_not_found"),
        ("archive", "archive_change_not_found"),
        ("link", "archive_change_symlink"),
        ("folder", "archive_change_is_namespace_folder"),
        ("2026-01-01-old", "archive_target_exists"),
        ("lost", "archive_spec_update_failed"),
        ("empties", "archive_spec_validation_failed"),
    ];
    for (change, code) in table {
        let plan = planned(&tree, change, Profile::Openspec1);
        assert_eq!(plan.stopped(true).map(|stopped| stopped.stop.code()), Some(code), "{change}");
    }
}

#[test]
fn the_last_requirement_goes_only_where_the_change_says_so() {
    let removal = "## REMOVED Requirements\n- ### Requirement: One\n- ### Requirement: Two\n";
    let metadata = "schema: spec-driven\nretire_capabilities: true\n";
    let mut tree = tree(&[("go/specs/a/spec.md", removal)]);
    let plan = planned(&tree, "go", Profile::Openspec1);
    assert!(
        plan.stopped(true)
            .is_some_and(|stopped| stopped.fix.as_ref().is_some_and(|fix| fix.contains("retire_capabilities")))
    );
    tree.put_file("openspec/changes/go/.openspec.yaml", metadata.as_bytes().to_vec());
    let plan = planned(&tree, "go", Profile::Openspec1);
    assert_eq!((plan.updates[0].outcome, &plan.updates[0].after), (Outcome::Retire, &None));
    assert_eq!(stop(&plan), None);
    // A note that nobody spoke of keeps the file where it is.
    tree.put_file("openspec/specs/a/spec.md", format!("{SPEC}\n## Notes\nKeep me.\n").into_bytes());
    let plan = planned(&tree, "go", Profile::Openspec1);
    let fix = plan.stopped(true).and_then(|stopped| stopped.fix.clone()).unwrap_or_default();
    assert!(fix.contains("`## Notes`, `Keep me.`"), "{fix}");
}

/// B1: the reference merges it, and two requirements of three are gone for every reader.
#[test]
fn an_open_fence_hides_nothing() {
    let delta = "## MODIFIED Requirements\n### Requirement: One\nIt SHALL.\n#### Scenario: first\n- x\n#### Scenario: second\n```\n- y\n";
    let tree = tree(&[("go/specs/a/spec.md", delta)]);
    let plan = planned(&tree, "go", Profile::Ci);
    assert_eq!(
        plan.refusals.iter().map(|refusal| (refusal.kind, refusal.line)).collect::<Vec<_>>(),
        [(Kind::UnclosedFence, Some(7))]
    );
    assert_eq!(stop(&plan), Some(Stop::UpdateFailed));
    assert_eq!(stop(&planned(&tree, "go", Profile::Openspec1)), None);
}

/// B11: the reference writes U+FFFD in their place.
#[test]
fn bytes_that_are_no_text_are_never_replaced() {
    let mut tree = tree(&[(
        "go/specs/a/spec.md",
        "## ADDED Requirements\n### Requirement: Three\nIt SHALL.\n#### Scenario: x\n- y\n",
    )]);
    let mut bytes = SPEC.as_bytes().to_vec();
    bytes.extend(b"caf\xe9\n");
    tree.put_file("openspec/specs/a/spec.md", bytes);
    for profile in Profile::ALL {
        let plan = planned(&tree, "go", profile);
        assert_eq!(plan.refusals.iter().map(|refusal| refusal.kind).collect::<Vec<_>>(), [Kind::NotText]);
        assert!(plan.refusals[0].line == Some(25), "{:?}", plan.refusals);
    }
}

/// B3: the reference lets the second of two changes overwrite the first.
#[test]
fn two_changes_of_one_requirement_are_merged_or_refused() {
    let old = tree(&[]);
    let mut base = Base::default();
    base.add("a", SPEC, |_| true);
    let record = base.recorded("schema: spec-driven\n");
    let delta = |first: &str, second: &str| {
        format!(
            "## MODIFIED Requirements\n### Requirement: One\nIt SHALL count.\n\n#### Scenario: first\n{first}\n\n#### Scenario: second\n{second}\n"
        )
    };
    let same = "- **WHEN** a\n- **THEN** b";
    let mut tree = old;
    tree.put_file("openspec/changes/go/specs/a/spec.md", delta(same, "- mine").into_bytes());
    tree.put_file("openspec/changes/go/.openspec.yaml", record.into_bytes());
    let with = |spec: String| {
        let mut tree = tree.clone();
        tree.put_file("openspec/specs/a/spec.md", spec.into_bytes());
        (planned(&tree, "go", Profile::Ci), planned(&tree, "go", Profile::Openspec1))
    };
    // Another change has put something into the other scenario, and brought a third.
    let changed = SPEC.replacen("- **THEN** b", "- **THEN** theirs", 1);
    let (ours, reference) = with(changed.clone());
    assert_eq!(stop(&ours), None, "{:?}", ours.stops);
    assert_eq!(
        after(&ours),
        changed.replacen("#### Scenario: second\n- **WHEN** a\n- **THEN** b", "#### Scenario: second\n- mine", 1)
    );
    assert!(!after(&reference).contains("theirs"));
    let (ours, _) = with(SPEC.replacen("#### Scenario: second\n- **WHEN** a", "#### Scenario: second\n- theirs", 1));
    let refusal = &ours.refusals[0];
    assert_eq!((refusal.kind, refusal.line), (Kind::MergeConflict, Some(9)));
    assert!(refusal.message.contains("- theirs") && refusal.message.contains("- mine"), "{}", refusal.message);
    // Nothing happened in between.
    let (ours, reference) = with(SPEC.to_owned());
    assert_eq!(after(&ours), after(&reference));
}

#[test]
fn a_requirement_that_others_changed_is_not_removed() {
    let mut base = Base::default();
    base.add("a", SPEC, |_| true);
    let record = base.recorded("schema: spec-driven\n");
    let mut tree = tree(&[
        ("go/specs/a/spec.md", "## REMOVED Requirements\n- ### Requirement: Two\n"),
        ("go/.openspec.yaml", &record),
    ]);
    assert_eq!(stop(&planned(&tree, "go", Profile::Ci)), None);
    tree.put_file("openspec/specs/a/spec.md", SPEC.replace("It SHALL add.", "It SHALL add it all.").into_bytes());
    assert_eq!(planned(&tree, "go", Profile::Ci).refusals[0].kind, Kind::MergeConflict);
}

#[test]
fn a_change_waits_for_what_it_depends_on() {
    let mut tree =
        tree(&[("go/.openspec.yaml", "schema: spec-driven\ndepends_on: [first]\n"), ("first/proposal.md", "x")]);
    assert_eq!(stop(&planned(&tree, "go", Profile::Ci)), Some(Stop::Dependency));
    assert_eq!(stop(&planned(&tree, "go", Profile::Openspec1)), None);
    tree.remove("openspec/changes/first");
    assert_eq!(stop(&planned(&tree, "go", Profile::Ci)), None);
}

#[test]
fn lines_end_as_most_of_them_did() {
    let table = [
        ("a\nb\n", "x", "a\nb\n"),
        ("a\nb\n", "x\r\ny\n", "a\r\nb\r\n"),
        ("a\nb\n", "x\r\ny\nz\n", "a\nb\n"),
        ("a\r\nb\n", "x\n", "a\nb\n"),
    ];
    for (text, original, wanted) in table {
        assert_eq!(ended_as(text, original), wanted);
    }
}

#[test]
fn a_purpose_is_carried_only_where_it_hides_nothing() {
    let added = "## ADDED Requirements\n### Requirement: A\nIt SHALL.\n";
    let table = [
        ("", "TBD - created by archiving change go. Update Purpose after archive.", 0),
        ("## Purpose\nShort.\n\n", "Short.", 1),
        (
            "## Purpose\nIt keeps the books of the town and says who paid what.\n",
            "It keeps the books of the town and says who paid what.",
            0,
        ),
        ("## Purpose\n<!-- later -->\n", "TBD - created by archiving change go. Update Purpose after archive.", 0),
        ("## Purpose\nText <!-- hides\n", "TBD - created by archiving change go. Update Purpose after archive.", 1),
        ("## Purpose\nText\n```\n", "TBD - created by archiving change go. Update Purpose after archive.", 0),
        ("<!--\n## Purpose\nNo.\n-->\n", "TBD - created by archiving change go. Update Purpose after archive.", 0),
    ];
    for (purpose, wanted, warnings) in table {
        let Ok(updated) = update("x/y", "go", &format!("{purpose}{added}"), None) else {
            assert!(purpose.contains("```"), "{purpose:?}");
            continue;
        };
        let head = format!(
            "# x/y Specification\n\n## Purpose\n{wanted}\n\n## Requirements\n\n### Requirement: A\nIt SHALL.\n"
        );
        assert_eq!((updated.rebuilt, updated.warnings.len()), (head, warnings), "{purpose:?}");
    }
}

proptest! {
    /// What a plan writes is what the next plan finds: a change that was merged has nothing left to say.
    #[test]
    fn a_plan_that_was_done_has_nothing_left_to_do(
        added in prop::collection::btree_set("[A-C][a-c]{0,2}", 0..4),
        text in "[ab \n`#~-]{0,30}",
        windows in any::<bool>(),
    ) {
        let block = |name: &str| format!("### Requirement: {name}\nIt SHALL.\n{text}\n#### Scenario: x\n- y\n\n");
        let mut delta = "## ADDED Requirements\n".to_owned();
        added.iter().for_each(|name| delta.push_str(&block(&format!("New {name}"))));
        delta.push_str("## MODIFIED Requirements\n### Requirement: Two\nIt SHALL go.\n\n#### Scenario: sum\n- z\n");
        let mut tree = tree(&[("go/specs/a/spec.md", &delta)]);
        let spec = if windows { SPEC.replace('\n', "\r\n") } else { SPEC.to_owned() };
        tree.put_file("openspec/specs/a/spec.md", spec.into_bytes());
        let plan = planned(&tree, "go", Profile::Ci);
        prop_assume!(stop(&plan).is_none());
        for update in &plan.updates {
            tree.put_file(&update.path, update.after.clone().unwrap_or_default());
        }
        let again = planned(&tree, "go", Profile::Ci);
        prop_assert_eq!(stop(&again), None, "{:?}", again.stops);
        prop_assert!(again.updates.iter().all(|update| update.outcome == Outcome::Keep), "{:?}", again.totals);
    }
}

#[test]
fn nothing_goes_through_a_link_to_a_folder_or_into_the_change_itself() {
    let delta = "## ADDED Requirements\n### Requirement: Three\nIt SHALL.\n#### Scenario: x\n- y\n";
    for (link, stop_there) in [
        ("openspec/specs/b", Stop::Other),
        ("openspec/specs", Stop::Other),
        ("openspec/changes/archive", Stop::Archive),
    ] {
        let mut tree = tree(&[("go/specs/b/spec.md", delta)]);
        tree.put(link, Node::LinkedFolder(None));
        let plan = planned(&tree, "go", Profile::Openspec1);
        let stopped = plan.stopped(true).unwrap();
        assert_eq!((stopped.stop, stopped.stop.code()), (stop_there, "archive_error"), "{link}");
        assert!(stopped.message.starts_with(&format!("{link} is a link")), "{stopped:?}");
    }
}
