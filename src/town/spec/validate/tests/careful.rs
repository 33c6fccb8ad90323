//! What the reference overlooks: each case is found in the stricter profiles, and in its own it is silent or milder.

use super::super::super::tree::Fault;
use super::*;

const MAIN: &str = "## Purpose\nThis capability lets the monkeys of the town work together.\n\n## Requirements\n\
    ### Requirement: A\nIt SHALL a.\n\n#### Scenario: one\n- x\n\n### Requirement: B\nIt SHALL b.\n\n#### Scenario: one\n- x\n";
const NEW: &str = "## ADDED Requirements\n### Requirement: N\nIt SHALL n.\n#### s\n- x\n";
const MODIFIED: &str = "## MODIFIED Requirements\n### Requirement: A\nIt SHALL a.\n#### one\n- x\n";

fn careful(case: Case) -> Case {
    Case { profile: Profile::Ci, ..case }
}

fn delta(text: &'static str, found: &'static [&'static str]) -> Case {
    careful(case("change c", &[("specs/a/spec.md", MAIN), ("changes/c/specs/a/spec.md", text)], found))
}

fn spec(text: &'static str, found: &'static [&'static str]) -> Case {
    careful(case("spec a", &[("specs/a/spec.md", text)], found))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = deltas();
    cases.extend(lookalikes());
    cases.extend(scenario_renames());
    cases.extend(refusals());
    cases.extend(siblings());
    cases.extend(specs());
    cases.extend(proposals());
    cases.extend(bytes());
    cases
}

fn deltas() -> Vec<Case> {
    vec![
        delta(NEW, &[]),
        delta(
            "## MODIFIED Requirements\n### Requirement: A\nIt SHALL a.\n#### one\n- x\n```\n",
            &["ERROR delta/unclosed-fence a/spec.md:6"],
        ),
        delta(
            "## ADDED Requirements\n### Requirement:\n<!-- not yet\n### Requirement: N\nIt SHALL n.\n#### s\n- x\n-->\n",
            &["ERROR delta/nameless-header a/spec.md:2", "ERROR delta/commented-requirement a/spec.md:4"],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: N\nIt does n. <!-- SHALL -->\n#### s\n- x\n",
            &["ERROR delta/commented-shall a/spec.md:2"],
        ),
        delta(
            "## ADDED Requirements\n###Requirement: N\nIt SHALL n.\n#### s\n- x\n##### Scenario: t\n####Scenario: u\n",
            &[
                "ERROR delta/unspaced-requirement a/spec.md:2",
                "ERROR delta/deep-scenario a/spec.md:6",
                "ERROR delta/deep-scenario a/spec.md:7",
            ],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: N\nIt SHALL n.\n# Title\n#### s\n- x\n",
            &["ERROR delta/title-in-block a/spec.md:4"],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: Caf\u{e9}\nIt SHALL n.\n#### s\n- x\n### Requirement: Cafe\u{301}\nIt SHALL n.\n#### s\n- x\n",
            &["ERROR delta/near-duplicate a/spec.md:6"],
        ),
    ]
}

/// Lines that look like operations, beside ones that are.
fn lookalikes() -> Vec<Case> {
    vec![
        delta(
            "## RENAMED Requirements\n- FROM: `### Requirement: A`\n- TO: `### Requirement: N`\n  - Reason: x\n- **Reason**: better\nSome words.\n\
             - from: `### Requirement: B`\n**TO:** `### Requirement: C`\nB -> C\n### Requirement: B\n- Other name\n",
            &[
                "ERROR delta/unread-rename a/spec.md:7",
                "ERROR delta/unread-rename a/spec.md:8",
                "ERROR delta/unread-rename a/spec.md:9",
                "ERROR delta/unread-rename a/spec.md:10",
                "ERROR delta/unread-rename a/spec.md:11",
            ],
        ),
        delta("## REMOVED Requirements\n### Requirement: A\n**Reason**: replaced by\n- B\n\nMigration: none\n", &[]),
        delta(
            "## REMOVED Requirements\n- Some name\n- `### Requirement: A`\n  - since x\n- **Reason**: x\n### requirement: Z\n- a reason\n- b\n#### Requirement: B\n",
            &[
                "ERROR delta/unread-removal a/spec.md:2",
                "ERROR delta/unread-removal a/spec.md:8",
                "ERROR delta/unread-removal a/spec.md:9",
            ],
        ),
    ]
}

/// Our own section beside a requirement whose scenario has another name in its new text.
fn scenario_renames() -> Vec<Case> {
    vec![
        // covers: gated-workflow#a-renamed-scenario-is-the-same-scenario/a-rename-in-its-section
        delta(
            "## MODIFIED Requirements\n### Requirement: A\nIt SHALL a.\n#### Scenario: uno\n- x\n## RENAMED Scenarios\n\
             - IN: `### Requirement: A`\n- FROM: `#### Scenario: one`\n- TO: `#### Scenario: uno`\n",
            &[],
        ),
        // One that is renamed itself goes by its new name. One that is done already is passed over.
        delta(
            "## RENAMED Requirements\n- FROM: ### Requirement: A\n- TO: ### Requirement: Z\n## MODIFIED Requirements\n\
             ### Requirement: Z\nIt SHALL a.\n#### Scenario: uno\n- x\n### Requirement: B\nIt SHALL b.\n#### one\n- x\n\
             ## RENAMED Scenarios\nIN: ### Requirement: Z\nFROM: #### one\nTO: #### uno\n\
             IN: ### Requirement: B\nFROM: #### eins\nTO: #### one\n",
            &[],
        ),
        delta(
            "## MODIFIED Requirements\n### Requirement: A\nIt SHALL a.\n#### Scenario: one\n- x\n#### Scenario: two\n- x\n\
             ## RENAMED Scenarios\n- FROM: `#### Scenario: one`\n- IN: `### Requirement: B`\n- FROM: `#### Scenario: one`\n\
             - TO: `#### Scenario: uno`\n- IN: `### Requirement: A`\n- FROM: `#### Scenario: none`\n- TO: `#### Scenario: two`\n",
            &[
                "ERROR delta/scenario-rename a/spec.md:9",
                "ERROR delta/scenario-rename a/spec.md:10",
                "ERROR delta/scenario-rename a/spec.md:14",
            ],
        ),
        // A rename that does not hold saves nothing.
        delta(
            "## MODIFIED Requirements\n### Requirement: A\nIt SHALL a.\n#### Scenario: uno\n- x\n## RENAMED Scenarios\n\
             - IN: `### Requirement: A`\n- FROM: `#### Scenario: one`\n- TO: `#### Scenario: due`\n",
            &["ERROR delta/scenario-loss a/spec.md:2", "ERROR delta/scenario-rename a/spec.md:8"],
        ),
    ]
}

/// What only archiving finds out.
fn refusals() -> Vec<Case> {
    let change = |files: &[(&'static str, &'static str)], found| careful(case("change c", files, found));
    vec![
        delta(
            "## MODIFIED Requirements\n### Requirement: C\nIt SHALL\n#### s\nx\n",
            &["ERROR delta/archive-would-refuse a/spec.md:2"],
        ),
        delta(
            "## REMOVED Requirements\n### Requirement: A\n### Requirement: B\n",
            &["ERROR delta/archive-would-refuse a/spec.md"],
        ),
        change(
            &[("changes/c/specs/new/spec.md", "## REMOVED Requirements\n### Requirement: A\n")],
            &["ERROR delta/archive-would-refuse new/spec.md"],
        ),
        change(
            &[
                ("specs/a/spec.md", MAIN),
                ("changes/c/.openspec.yaml", "schema: spec-driven\nretire_capabilities: true\n"),
                ("changes/c/specs/a/spec.md", "## REMOVED Requirements\n### Requirement: A\n### Requirement: B\n"),
            ],
            &[],
        ),
        change(
            &[("specs/a/spec.md", "## Purpose\n"), ("changes/c/specs/a/spec.md", NEW)],
            &["ERROR delta/archive-would-refuse a/spec.md"],
        ),
    ]
}

fn siblings() -> Vec<Case> {
    const AFTER_D: &str = "schema: spec-driven\ndepends_on: [d]\n";
    const REMOVED: &str = "## REMOVED Requirements\n### Requirement: A\n";
    const NEEDS_N: &str = "## MODIFIED Requirements\n### Requirement: N\nIt SHALL n.\n#### s\n- y\n";
    let change = |own: &[(&'static str, &'static str)], theirs, found| {
        let mut files = vec![("specs/a/spec.md", MAIN), ("changes/d/specs/a/spec.md", theirs)];
        files.extend(own);
        careful(case("change c", &files, found))
    };
    let path = "changes/c/specs/a/spec.md";
    let about = "changes/c/.openspec.yaml";
    vec![
        change(&[(path, MODIFIED)], NEW, &[]),
        change(&[(path, MODIFIED)], MODIFIED, &["ERROR sibling/overlap a/spec.md:2"]),
        change(&[(path, MODIFIED)], REMOVED, &["ERROR sibling/overlap a/spec.md:2"]),
        change(&[(path, NEW)], NEW, &["ERROR sibling/overlap a/spec.md:2"]),
        change(&[(path, MODIFIED), (about, AFTER_D)], MODIFIED, &[]),
        // What another change only adds is there once that one is archived.
        change(&[(path, NEEDS_N)], NEW, &["ERROR delta/archive-would-refuse a/spec.md:2"]),
        change(&[(path, NEEDS_N), (about, AFTER_D)], NEW, &[]),
        change(&[(path, MODIFIED), (about, AFTER_D)], REMOVED, &["ERROR delta/archive-would-refuse a/spec.md:2"]),
        change(
            &[(path, NEW), (about, "schema: spec-driven\ndepends_on: [gone]\n")],
            MODIFIED,
            &["ERROR sibling/order .openspec.yaml"],
        ),
        change(
            &[(path, NEW), (about, AFTER_D), ("changes/d/.openspec.yaml", "schema: spec-driven\ndepends_on: [c]\n")],
            MODIFIED,
            &["ERROR sibling/order .openspec.yaml"],
        ),
    ]
}

fn specs() -> Vec<Case> {
    const PURPOSE: &str = "## Purpose\nThis capability lets the monkeys of the town work together.\n";
    let spec = |rest: &'static str, found| {
        let text: &'static str = Box::leak(format!("{PURPOSE}{rest}").into_boxed_str());
        self::spec(text, found)
    };
    vec![
        spec(
            "## Requirements\n### Requirement: A\nIt SHALL\n#### s\nx\n~~~\n### Requirement: B\n",
            &["ERROR spec/unclosed-fence file:8"],
        ),
        spec(
            "## Requirements\n<!--\n### Requirement: A\nIt SHALL\n#### s\nx\n-->\n### Requirement: B\nIt <!-- MUST\nor --> does.\n#### s\nx\n",
            &["ERROR spec/commented-requirement file:5", "ERROR spec/commented-shall file:10"],
        ),
        spec(
            "## Requirements\n### Requirement: A\nIt SHALL\n##### s\nx\n### Notes\n#### s\nx\n###Requirement: B\nIt SHALL\n",
            &[
                "ERROR spec/stray-heading requirements[1]:8",
                "ERROR spec/deep-scenario file:6",
                "ERROR spec/unspaced-requirement file:11",
            ],
        ),
        spec(
            "## Requirements\n### Requirement: A\nIt SHALL\n#### s\nx\n# Title\n### Requirement: B\nIt SHALL\n#### s\nx\n",
            &["ERROR spec/hidden-requirement file:9"],
        ),
        spec(
            "### Requirements\n#### A\n##### s\nx\n## Requirements\n### Requirement: A\nIt SHALL\n#### s\nx\n",
            &[
                "ERROR spec/shadowed-section file:3",
                "ERROR spec/stray-heading requirements[0]:4",
                "ERROR spec/deep-scenario file:5",
            ],
        ),
        spec(
            "## Requirements\n### Requirement: Caf\u{e9}\nIt SHALL\n#### s\nx\n### Requirement: CAFE\u{301}\nIt SHALL\n#### s\nx\n",
            &["ERROR spec/near-duplicate file:8"],
        ),
    ]
}

fn proposals() -> Vec<Case> {
    let proposal = |profile, text, found| {
        let files: &[(&'static str, &'static str)] =
            &[("changes/c/specs/n/spec.md", NEW), ("changes/c/proposal.md", text)];
        Case { profile, ..case("change c", files, found) }
    };
    let long: &'static str = Box::leak(format!("## Why\n{}\n## What Changes\nx\n", "y".repeat(1001)).into_boxed_str());
    let many: &'static str = Box::leak(
        (1..=11)
            .fold("## ADDED Requirements\n".to_owned(), |text, n| {
                text + &format!("### Requirement: N{n}\nIt SHALL\n#### s\nx\n")
            })
            .into_boxed_str(),
    );
    vec![
        proposal(Profile::Openspec1, "nothing", &[]),
        proposal(
            Profile::Ci,
            "## Why\n## Problem\nx\n",
            &["WARNING proposal/missing-why proposal.md", "WARNING proposal/missing-what-changes proposal.md"],
        ),
        proposal(
            Profile::Gated,
            "## Problem\nshort\n## Solution\nx\n",
            &["WARNING proposal/why-too-short proposal.md:1"],
        ),
        proposal(Profile::Ci, long, &["WARNING proposal/why-too-long proposal.md:1"]),
        careful(case(
            "change c",
            &[
                ("changes/c/specs/n/spec.md", many),
                (
                    "changes/c/proposal.md",
                    "## Why\nIt takes an hour by hand today, and that is too long.\n## What Changes\nx",
                ),
            ],
            &["WARNING proposal/too-many-deltas proposal.md"],
        )),
    ]
}

fn bytes() -> Vec<Case> {
    const SPEC: &[u8] = b"## Purpose\nThis capability lets the monkeys of the town work \xff together.\n## Requirements\n### Requirement: A\nIt SHALL\n#### s\nx\n";
    const DELTA: &[u8] = b"## ADDED Requirements\n### Requirement: N\nIt SHALL\n#### s\nx\xc3\n";
    let judged = |item, path, put, found| Case { profile: Profile::Ci, item, files: vec![(path, put)], found };
    vec![
        judged("spec a", "specs/a/spec.md", Put::Bytes(SPEC), &["ERROR spec/not-utf8 file:2"]),
        judged("change c", "changes/c/specs/a/spec.md", Put::Bytes(DELTA), &["ERROR delta/not-utf8 a/spec.md:5"]),
        judged(
            "change c",
            "changes/c/specs/a/spec.md",
            Put::Node(Node::Unreadable(Fault::Denied)),
            &["ERROR change/unreadable a/spec.md", "ERROR change/no-deltas file"],
        ),
    ]
}

// covers: spec-validation#what-the-reference-overlooks-is-an-error-in-ci
// covers: spec-validation#open-changes-are-judged-beside-each-other, spec-validation#every-issue-can-be-acted-upon
#[test]
fn what_the_reference_overlooks_is_found() {
    hold(cases());
}

#[test]
fn in_its_own_profile_none_of_it_is_asked() {
    for mut case in cases() {
        case.profile = Profile::Openspec1;
        for issue in case.issues() {
            let rule = super::super::super::rules::Rule::named(issue.code).unwrap();
            assert!(rule.level(Profile::Openspec1).is_some(), "{issue:?}");
        }
    }
}

// covers: gated-workflow#a-renamed-scenario-is-the-same-scenario/the-reference-s-own-profile
#[test]
fn the_reference_knows_no_rename_of_a_scenario() {
    let renamed = Case { profile: Profile::Openspec1, ..scenario_renames().remove(0) };
    assert_eq!(shown(&renamed.issues()), ["ERROR delta/scenario-loss a/spec.md:2"]);
}

#[test]
fn the_gated_profile_asks_for_the_life_of_a_change() {
    let files: &[(&str, &str)] = &[
        ("changes/c/specs/n/spec.md", NEW),
        (
            "changes/c/proposal.md",
            "**Status:** Approved\n## Problem\nIt takes an hour by hand, which is far too long for anybody.\n## Solution\nx\n",
        ),
    ];
    let found: &[&str] = &["ERROR status/disagrees-with-events proposal.md:1"];
    hold(vec![Case { profile: Profile::Gated, ..case("change c", files, found) }]);
    let in_ci = Case { profile: Profile::Ci, ..case("change c", files, &[]) };
    assert!(in_ci.issues().iter().all(|issue| !issue.code.starts_with("status/")));
}

#[test]
fn a_limit_of_ours_is_said_in_every_profile() {
    let files = vec![("changes/c/specs/a/spec.md", Put::Node(Node::Unreadable(Fault::TooLarge)))];
    let found = &["ERROR change/unreadable a/spec.md", "ERROR change/no-deltas file"];
    hold(vec![Case { profile: Profile::Openspec1, item: "change c", files, found }]);
}

#[test]
fn words_of_the_project_make_a_requirement_binding() {
    let files: &[(&str, &str)] = &[
        ("config.yaml", "schema: spec-driven\nnormative_keywords: [MUSS, 必须]\n"),
        (
            "changes/c/specs/a/spec.md",
            "## ADDED Requirements\n### Requirement: N\nEs MUSS.\n#### s\nx\n### Requirement: O\n系统必须做。\n#### s\nx\n\
             ### Requirement: P\nEs MUSSTE.\n#### s\nx\n",
        ),
    ];
    hold(vec![careful(case("change c", files, &["WARNING delta/missing-shall a/spec.md:10"]))]);
    let all = ["WARNING delta/missing-shall a/spec.md:2", "WARNING delta/missing-shall a/spec.md:6"];
    let found = shown(&case("change c", files, &[]).issues());
    assert_eq!(found[..2], all);
}
