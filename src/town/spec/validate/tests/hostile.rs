//! Texts that nobody means: whatever they hold, they are judged, and fast.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const PIECES: &[&str] = &[
    "#",
    "##",
    "###",
    "####",
    "#####",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{a0}",
    "```",
    "~~~~",
    "`",
    "- ",
    "* ",
    "FROM:",
    "TO:",
    "Requirement:",
    "requirement: ",
    "Requirement: A",
    "Requirement: B",
    "Scenario: s",
    "ADDED Requirements",
    "MODIFIED Requirements",
    "REMOVED Requirements",
    "RENAMED Requirements",
    "Requirements",
    "Purpose",
    "SHALL",
    "MUST",
    "**x**: ",
    "<!--",
    "-->",
    "TBD",
    "TODO",
    "- [ ] 1.1 x",
    "## 1. x",
    "\u{1f435}",
    "e\u{301}",
    "\u{130}",
    "->",
    "\0",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..80).prop_map(|pieces| pieces.concat())
}

fn judge(main: &[u8], delta: &[u8], other: &[u8]) {
    let mut tree = Tree::default();
    tree.put_file("openspec/specs/a/spec.md", main.to_vec());
    tree.put_file("openspec/changes/c/specs/a/spec.md", delta.to_vec());
    tree.put_file("openspec/changes/c/tasks.md", other.to_vec());
    tree.put_file("openspec/changes/c/proposal.md", other.to_vec());
    tree.put_file("openspec/changes/d/specs/a/spec.md", other.to_vec());
    tree.put_file("openspec/changes/d/.openspec.yaml", other.to_vec());
    let project = Project::new(&tree, "openspec");
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for profile in Profile::ALL {
        let checker = Checker::new(&project, profile);
        for issue in checker.spec("a").into_iter().chain(checker.change("c")).chain(checker.change("d")) {
            let lines = lines.entry(issue.file.clone()).or_insert_with(|| {
                let text = project.text(&issue.file).unwrap_or_default();
                text.replace("\r\n", "\n").matches(['\n', '\r']).count() + 1
            });
            assert!(issue.line.is_none_or(|line| line >= 1 && line as usize <= *lines), "{issue:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(main in text(), delta in text(), other in text()) {
        judge(main.as_bytes(), delta.as_bytes(), other.as_bytes());
    }

    // covers: spec-validation#any-input-is-judged-in-time-linear-in-its-size
    #[test]
    fn any_bytes_are_judged(main: Vec<u8>, delta: Vec<u8>, other: Vec<u8>) {
        judge(&main, &delta, &other);
    }
}

/// Each of these took the reference seconds or more, or would take us as long if a line were looked at twice for each other one.
// covers: spec-validation#any-input-is-judged-in-time-linear-in-its-size
#[test]
fn large_texts_are_judged_in_one_pass() {
    let blanks = " ".repeat(80_000);
    let block =
        |name: &str, at: usize| format!("### Requirement: {name}{at}\nIt SHALL {at}.\n#### Scenario: s\n- x\n\n");
    let many = |name: &str, count: usize| (0..count).fold(String::new(), |text, at| text + &block(name, at));
    let purpose = "## Purpose\nThis capability lets the monkeys of the town work together.\n\n## Requirements\n";
    let renames = (0..500).fold("## RENAMED Requirements\n".to_owned(), |text, at| {
        text + &format!("- FROM: `### Requirement: R{at}`\n- TO: `### Requirement: S{at}`\n")
    });
    let removed =
        (0..500).fold("## REMOVED Requirements\n".to_owned(), |text, at| text + &format!("### Requirement: R{at}\n"));
    let deep = (0..20_000).fold(String::new(), |text, at| text + &"#".repeat(1 + at % 6) + " x\n");
    let tails = ". Update Purpose after archive.".repeat(10_000);
    let main = format!("{purpose}{}", many("R", 1_000));
    let table = [
        (main.clone(), format!("## MODIFIED Requirements\n{}", many("R", 500)), String::new()),
        (main.clone(), format!("## ADDED Requirements\n{}", many("N", 500)), "- x\n".repeat(10_000)),
        (main, format!("{renames}{removed}"), format!("- [{blanks}] x\n-{blanks}[{blanks}\n{blanks}##{blanks}1.\n")),
        (
            format!("## Purpose\n{tails}\n## Requirements\n{deep}"),
            format!("## RENAMED Requirements\n- FROM:{blanks}\n{blanks}- TO: `###{blanks}Requirement:{blanks}\n{deep}"),
            "<!--".repeat(20_000),
        ),
        (format!("##{blanks}Purpose{blanks}\n{}", "```\n".repeat(40_001)), "~~~\n".repeat(40_001), "`".repeat(80_000)),
    ];
    for (main, delta, other) in table {
        judge(main.as_bytes(), delta.as_bytes(), other.as_bytes());
    }
}
