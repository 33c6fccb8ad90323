//! The rules that the reference has too, at its levels.

use super::*;

const MAIN: &str = "## Purpose\nThis capability lets the monkeys of the town work together.\n\n## Requirements\n\
    ### Requirement: A\nIt SHALL a.\n\n#### Scenario: one\n- x\n\n#### Scenario: two\n- y\n\n\
    ### Requirement: B\nIt SHALL b.\n\n#### Scenario: one\n- x\n";
const DELTA: &str = "specs/a/spec.md";

fn delta(text: &'static str, found: &'static [&'static str]) -> Case {
    case("change c", &[("specs/a/spec.md", MAIN), ("changes/c/specs/a/spec.md", text)], found)
}

fn spec(text: &'static str, found: &'static [&'static str]) -> Case {
    case("spec a", &[(DELTA, text)], found)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = deltas();
    cases.extend(conflicts());
    cases.extend(merges());
    cases.extend(changes());
    cases.extend(links());
    cases.extend(tasks());
    cases.extend(specs());
    cases
}

fn deltas() -> Vec<Case> {
    vec![
        delta("## ADDED Requirements\n### Requirement: N\nIt SHALL n.\n#### Scenario: s\n- x\n", &[]),
        delta("# Notes\n", &["ERROR delta/no-sections a/spec.md", "ERROR change/no-deltas file"]),
        delta("", &["ERROR delta/no-sections a/spec.md", "ERROR change/no-deltas file"]),
        delta(
            "## added requirements\n## REMOVED Requirements\n- A\n",
            &["ERROR delta/empty-sections a/spec.md:1", "ERROR change/no-deltas file"],
        ),
        delta(
            "\u{feff}## ADDED Requirements\r\n### Notes\r\n### Requirement:\r\n### Requirement: N\r\nIt MUST n.\r\n#### S\r\n- x\r\n",
            &["INFO delta/skipped-header a/spec.md:2", "INFO delta/nameless-header a/spec.md:3"],
        ),
        delta(
            "### Requirement: Up\n## ADDED  Requirements\n### Requirement: Two\n## REMOVED Requirements\n- ### Requirement: A\n",
            &["WARNING delta/orphan-requirement a/spec.md:1", "WARNING delta/orphan-requirement a/spec.md:3"],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: N\n#### Scenario: s\n- x\n### Requirement: It SHALL\n#### s\nx\n",
            &["ERROR delta/missing-text a/spec.md:2", "ERROR delta/shall-only-in-header a/spec.md:5"],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: N\nIt shall MUSTER\n#### s\nx\n### Requirement: It MUST\nIt does.\n#### s\nx\n",
            &["WARNING delta/missing-shall a/spec.md:2", "WARNING delta/shall-only-in-header a/spec.md:6"],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: N\nIt SHALL\n#### s\n##### deeper\n### Requirement: M\nIt SHALL\n#### s\n\n```\n#### s\n```\n",
            &[],
        ),
        delta(
            "## ADDED Requirements\n### Requirement: N\nIt SHALL\n#### s\n### x\n### Requirement: M\nIt SHALL\n```\n#### s\n- x\n```\n",
            &[
                "INFO delta/skipped-header a/spec.md:5",
                "ERROR delta/missing-scenario a/spec.md:2",
                "ERROR delta/missing-scenario a/spec.md:6",
            ],
        ),
    ]
}

fn conflicts() -> Vec<Case> {
    vec![
        delta(
            "## ADDED Requirements\n### Requirement: N #\nIt SHALL\n#### s\nx\n### Requirement: N\nIt SHALL\n#### s\nx\n",
            &["ERROR delta/duplicate a/spec.md:6"],
        ),
        // A closing run of number signs is taken off again before names are compared.
        delta(
            "## REMOVED Requirements\n### Requirement: A # #\n### Requirement: A\n",
            &["ERROR delta/duplicate a/spec.md:3"],
        ),
        delta(
            "## RENAMED Requirements\n- FROM: ### Requirement: A\n- TO: `### Requirement: N`\nFROM:### Requirement: A\nTO:### Requirement: N\n",
            &["ERROR delta/duplicate-rename a/spec.md:4", "ERROR delta/duplicate-rename a/spec.md:5"],
        ),
        delta(
            "## MODIFIED Requirements\n### Requirement: B\nIt SHALL\n#### one\nx\n## REMOVED Requirements\n### Requirement: B\n## ADDED Requirements\n\
             ### Requirement: B\nIt SHALL\n#### s\nx\n",
            &[
                "ERROR delta/conflict-modified-removed a/spec.md:2",
                "ERROR delta/conflict-modified-added a/spec.md:2",
                "ERROR delta/conflict-added-removed a/spec.md:9",
            ],
        ),
        delta(
            "## RENAMED Requirements\nFROM: ### Requirement: B\nTO: ### Requirement: N\n## MODIFIED Requirements\n### Requirement: B\nIt SHALL\n#### s\nx\n\
             ## ADDED Requirements\n### Requirement: N\nIt SHALL\n#### s\nx\n## REMOVED Requirements\n### Requirement: b\n",
            &[
                "ERROR delta/modified-uses-old-name a/spec.md:2",
                "ERROR delta/rename-to-collides-added a/spec.md:3",
                "ERROR delta/conflict-renamed-removed a/spec.md:2",
            ],
        ),
        delta(
            "## RENAMED Requirements\nTO: ### Requirement: N\nFROM: ### Requirement: A\n## RENAMED Requirements\nTO: ### Requirement: N\n",
            &[
                "ERROR delta/unpaired-rename a/spec.md:2",
                "ERROR delta/unpaired-rename a/spec.md:3",
                "ERROR delta/unpaired-rename a/spec.md:5",
                "ERROR delta/empty-sections a/spec.md:1",
                "ERROR change/no-deltas file",
            ],
        ),
    ]
}

fn merges() -> Vec<Case> {
    vec![
        delta(
            "## MODIFIED Requirements\n### Requirement: A\nIt SHALL\n#### Scenario: one ##\n- x\n",
            &["ERROR delta/scenario-loss a/spec.md:2"],
        ),
        delta(
            "## RENAMED Requirements\nFROM: ### Requirement: A\nTO: ### Requirement: N\n## MODIFIED Requirements\n### Requirement: N\nIt SHALL\n#### two\nx\n",
            &["ERROR delta/scenario-loss a/spec.md:5"],
        ),
        delta(
            "## MODIFIED Requirements\n### Requirement: C\nIt SHALL\n#### s\nx\n",
            &["INFO delta/archive-would-refuse a/spec.md:2"],
        ),
        // What is wrong by itself is not tried.
        delta("## MODIFIED Requirements\n### Requirement: C\n#### s\nx\n", &["ERROR delta/missing-text a/spec.md:2"]),
        Case {
            profile: Profile::Openspec1,
            item: "change c",
            files: vec![
                ("specs/a/spec.md/x", Put::Text("")),
                (
                    "changes/c/specs/a/spec.md",
                    Put::Text("## MODIFIED Requirements\n### Requirement: C\nIt SHALL\n#### s\nx\n"),
                ),
            ],
            found: &["ERROR delta/main-spec-unreadable a/spec.md"],
        },
    ]
}

fn changes() -> Vec<Case> {
    const REMOVED: &str = "## REMOVED Requirements\n### Requirement: A\n";
    const SKIP: &str = "schema: spec-driven\nskip_specs: true\n";
    vec![
        case("change c", &[("changes/c/proposal.md", "x")], &["ERROR change/no-deltas file"]),
        case(
            "change c",
            &[("changes/c/d/proposal.md", "x"), ("changes/c/e/f/specs/a/spec.md", "x")],
            &["ERROR change/nested-folder file"],
        ),
        case("change c", &[("changes/c/.openspec.yaml", SKIP)], &["INFO change/skip-specs-accepted file"]),
        case(
            "change c",
            &[("changes/c/.openspec.yaml", SKIP), ("changes/c/specs/note.txt", "x")],
            &["ERROR change/skip-specs-conflict file"],
        ),
        case(
            "change c",
            &[("changes/c/.openspec.yaml", "skip_specs: true\n")],
            &["ERROR change/skip-specs-bad-metadata .openspec.yaml", "ERROR change/no-deltas file"],
        ),
        case(
            "change c",
            &[
                ("changes/c/specs/spec.md", REMOVED),
                ("changes/c/specs/b.MD", REMOVED),
                ("changes/c/specs/b/note.md", "x"),
            ],
            &["ERROR delta/root-level-spec spec.md", "ERROR delta/unread-file b.MD"],
        ),
    ]
}

fn links() -> Vec<Case> {
    const MODIFIED: &str = "## MODIFIED Requirements\n### Requirement: C\nIt SHALL\n#### s\nx\n";
    const REMOVED: &str = "## REMOVED Requirements\n### Requirement: C\n";
    let linked =
        |files: Vec<(&'static str, Put)>, item, found| Case { profile: Profile::Openspec1, item, files, found };
    let leads_to = |target: &str| Put::Node(Node::LinkedFile { target: target.into(), bytes: b"x".as_slice().into() });
    vec![
        linked(
            vec![
                ("changes/c/specs/a/spec.md", Put::Node(Node::LeadsOut)),
                ("changes/c/specs/b/spec.md", Put::Text("")),
            ],
            "change c",
            &["ERROR change/leads-out file"],
        ),
        linked(
            vec![("changes/c/specs/a", Put::Node(Node::Unreadable(super::super::super::tree::Fault::Folder)))],
            "change c",
            &["ERROR change/unreadable file"],
        ),
        linked(
            vec![
                ("specs/a/spec.md", leads_to("openspec/specs/b/spec.md")),
                ("changes/c/specs/a/spec.md", Put::Text(MODIFIED)),
            ],
            "change c",
            &["ERROR change/leads-out file"],
        ),
        linked(
            vec![("specs/a/spec.md", leads_to("README.md")), ("changes/c/specs/a/spec.md", Put::Text(REMOVED))],
            "change c",
            &["INFO delta/archive-check-failed specs"],
        ),
        linked(vec![("specs/a/spec.md", leads_to("README.md"))], "spec a", &["ERROR spec/unreadable file"]),
        linked(vec![("specs/a/spec.md", Put::Node(Node::LeadsOut))], "spec a", &["ERROR spec/unreadable file"]),
    ]
}

fn tasks() -> Vec<Case> {
    const SKIP: &str = "schema: spec-driven\nskip_specs: true\n";
    let tasks = |text: &'static str, found: &'static [&'static str]| {
        case("change c", &[("changes/c/.openspec.yaml", SKIP), ("changes/c/tasks.md", text)], found)
    };
    vec![
        tasks(
            "## 01. One\n- [ ] 1.1 a\n- [x] 2.1 b\n## Notes\n- [ ] 3.3 x\n## 2. Two\r\n- [ ] 1.1 c\n- [ ] 2.2a\n- [ ] 2.x\n",
            &[
                "INFO change/skip-specs-accepted file",
                "WARNING tasks/group-mismatch tasks.md:3",
                "WARNING tasks/group-mismatch tasks.md:7",
                "WARNING tasks/duplicate-id tasks.md:7",
            ],
        ),
        tasks(
            "---\ntags:\n- a\n---\n<!--\n- b\n-->\n```\n- c\n```\n    - d\n\n1) e\n",
            &["INFO change/skip-specs-accepted file", "WARNING tasks/no-checkbox tasks.md:13"],
        ),
        tasks("- [ ] a\n- b\n", &["INFO change/skip-specs-accepted file"]),
    ]
}

fn specs() -> Vec<Case> {
    let long: &'static str = Box::leak(MAIN.replace("It SHALL b.", &"It SHALL b. ".repeat(50)).into_boxed_str());
    vec![
        spec(long, &["INFO spec/requirement-too-long requirements[1]:14"]),
        spec(MAIN, &[]),
        spec("## Requirements\n", &["ERROR spec/missing-purpose file"]),
        spec("## Purpose\n\n## Purpose\nx\n## Requirements\n", &["ERROR spec/missing-purpose file"]),
        spec("## Purpose\nx\n", &["ERROR spec/missing-requirements file"]),
        spec(
            "## purpose\nx\n## REQUIREMENTS\n",
            &["ERROR spec/no-requirements requirements:3", "WARNING spec/purpose-brief overview:1"],
        ),
        spec(
            "## Purpose\nTODO later\n## Requirements\n### Requirement: A\nIt SHALL\n#### s\n### Requirement: B\n#### s\nx\n",
            &[
                "ERROR spec/requirement-no-scenario requirements.0.scenarios:4",
                "WARNING spec/purpose-placeholder overview:2",
                "WARNING spec/requirement-no-scenario-hint requirements[0].scenarios:4",
                "ERROR spec/missing-text requirements[1]:7",
            ],
        ),
        spec(
            "## Purpose\nPeople wrote this.\nTBD - created by archiving change c. Update Purpose after archive.\n## Requirements\n###  \n#### s\nx\n",
            &["ERROR spec/empty-requirement requirements.0.text:5", "WARNING spec/purpose-placeholder overview:3"],
        ),
        spec(
            "## Purpose\nThis capability lets the monkeys of the town work together.\n## Requirements\n\
             ### Requirement: A MUST\nIt a.\n#### s\nx\n### Requirement: B SHALL\n#### s\nx\n### Requirement: C\nIt c.\n#### s\nx\n",
            &[
                "WARNING spec/shall-only-in-header requirements[0]:4",
                "ERROR spec/shall-only-in-header requirements[1]:8",
                "WARNING spec/missing-shall requirements[2]:11",
            ],
        ),
        spec(
            "## Purpose\nThis capability lets the monkeys of the town work together.\n### Requirement: Up\n## Requirements\n\
             ### Requirement: A\nIt SHALL\n#### s\nx\n### Requirement: A ##\nIt SHALL\n#### s\nx\n##  ADDED \t Requirements\n### Requirement: Z\n",
            &[
                "ERROR spec/requirement-outside file:3",
                "ERROR spec/duplicate-requirement file:9",
                "ERROR spec/delta-header file:13",
                "ERROR spec/requirement-outside file:14",
            ],
        ),
    ]
}

// covers: spec-validation#the-reference-s-verdicts-in-its-own-profile, spec-validation#every-issue-can-be-acted-upon
#[test]
fn the_rules_of_the_reference_hold() {
    hold(cases());
}

#[test]
fn lengths_are_counted_as_the_reference_counts() {
    let spec = |purpose: &str, text: &str| {
        let text = format!("## Purpose\n{purpose}\n## Requirements\n### Requirement: A\n{text}\n#### s\nx\n");
        shown(&spec_text("a", &text, Profile::Openspec1))
    };
    let long = "INFO spec/requirement-too-long requirements[0]:4";
    assert_eq!(spec(&"\u{1f435}".repeat(25), &format!("MUST {}", "x".repeat(495))), Vec::<String>::new());
    assert_eq!(spec(&"猿".repeat(50), &format!("MUST {}", "x".repeat(496))), [long]);
    assert_eq!(spec(&"猿".repeat(49), "MUST"), ["WARNING spec/purpose-brief overview:1"]);
    // The indentation of a first line is trimmed away, so that it becomes a heading; that of a second is not.
    let title_alone = spec(&"x".repeat(50), &format!("   # MUST {}", "x".repeat(600)));
    assert_eq!(title_alone, Vec::<String>::new());
    assert_eq!(spec(&"x".repeat(50), &format!("MUST\n   # {}", "x".repeat(600))), [long]);
}

#[test]
fn one_character_is_said_as_one() {
    for (purpose, said) in [("x", "has 1 character,"), ("xy", "has 2 characters,")] {
        let text = format!("## Purpose\n{purpose}\n## Requirements\n### Requirement: A\nMUST\n#### s\nx\n");
        let issues = spec_text("a", &text, Profile::Openspec1);
        assert!(issues.iter().any(|issue| issue.message.contains(said)), "{issues:?}");
    }
}
