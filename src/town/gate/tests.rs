//! Cases of every check, and what holds for all proposals.

use proptest::prelude::*;

use super::fixture::{Work, agent, human};
use super::*;
use crate::town::changeset::Mode;
use crate::town::pattern::Pattern;

const PAGE: &str = "# Flaky tests\n\nThe order of files decides whether the third test passes.\n";

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn token() -> String {
    format!("ghp{}aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6", "_")
}

#[test]
fn good_work_passes() {
    agent().adds("own/page.md", PAGE).edits("own/data.json", "{}\n", "{\"a\": 1}\n").deletes("own/old.md").gives(&[]);
    agent().gives(&[]);
    human().adds("anywhere/page.md", PAGE).gives(&[]);
}

// covers: gate#agents-stay-in-their-own-paths/a-file-is-moved-away
#[test]
fn stays_in_own_paths() {
    let memory = "agents/memories/tester-memory.json";
    agent().adds(memory, "{\"entries\": []}\n").gives(&[]);
    for path in [
        "src/main.rs",
        "ownership.md",
        "Own/page.md",
        "agents/tester.md",
        "agents/memories/other-memory.json",
        ".monkeytown/town.yaml",
        ".gitattributes",
    ] {
        agent().deletes(path).gives(&[&format!("stays-in-own-paths {path}")]);
    }
}

#[test]
fn reserved_paths_need_a_grant_even_for_their_owner() {
    let everything = |work: Work| work.with(|p| p.owns = patterns(&["**"]));
    for path in [
        ".monkeytown/town.yaml",
        ".Monkeytown/TOWN.yaml",
        ".monkeytown/prompts/briefing.md.j2",
        "agents/tester.md",
        "agents/memories/other-memory.json",
        "docs/.gitattributes",
        ".GITHUB/CODEOWNERS",
        "GITMOD~1",
    ] {
        everything(agent()).deletes(path).gives(&[&format!("stays-in-own-paths {path}")]);
        everything(agent()).with(|p| p.grants = patterns(&[path])).deletes(path).gives(&[]);
    }
    everything(agent()).deletes("src/lib.rs").deletes("agents/notes/x.md").gives(&[]);
}

#[test]
fn paths_are_safe_on_both_ends() {
    for path in
        ["own/../other", "own/x.", "own/x ", "own/.git/hooks/pre-push", "own/e\u{301}.md", "own/a\\b", "own/NUL.txt"]
    {
        let rules: Vec<String> = judge(&agent().deletes(path).0).into_iter().map(|finding| finding.rule).collect();
        assert!(rules.iter().any(|rule| rule == paths::SAFE), "{path}: {rules:?}");
        let found = judge(&agent().adds(path, PAGE).0);
        assert!(found.iter().any(|f| f.rule == paths::SAFE && f.path.as_deref() == Some(path)), "{path}: {found:?}");
    }
    agent().adds("/own/x", PAGE).gives(&["safe-paths /own/x", "stays-in-own-paths /own/x"]);
    agent().adds("own/Page.md", PAGE).beside("own/page.md").gives(&["safe-paths own/Page.md"]);
    agent().edits("own/Page.md", PAGE, "else\n").beside("own/page.md").gives(&[]);
    agent().adds("own/A/x.md", PAGE).beside("own/a/y.md").gives(&["safe-paths own/A/x.md"]);
}

#[test]
fn links_modules_and_executables() {
    agent().adds_as(Mode::Link, "own/link").gives(&["no-links-or-modules own/link"]);
    agent().adds_as(Mode::Module, "own/module").gives(&["no-links-or-modules own/module"]);
    agent().adds_as(Mode::Executable, "own/run").gives(&["no-links-or-modules own/run"]);
    agent().adds_as(Mode::Executable, "own/run").with(|p| p.executable = patterns(&["own/run"])).gives(&[]);
    let was = |p: &mut Proposal| {
        let change = &mut p.changes[0];
        for blob in [&mut change.before, &mut change.after].into_iter().flatten() {
            blob.mode = Mode::Executable;
        }
    };
    agent().edits("own/run", "one\n", "two\n").with(was).gives(&[]);
}

#[test]
fn size_has_limits() {
    agent().adds("own/a.md", PAGE).adds("own/b.md", "Other words.\n").with(|p| p.max_files = 1).gives(&["size"]);
    human().adds("own/a.md", PAGE).adds("own/b.md", "Other words.\n").with(|p| p.max_files = 1).gives(&[]);
    agent().adds("own/a.txt", "line\n".repeat(20_000)).gives(&[]);
    agent().adds("own/a.txt", "line\n".repeat(20_001)).gives(&["size own/a.txt"]);
    agent().edits("own/a.txt", "line\n".repeat(30_000), format!("{}new\n", "line\n".repeat(30_000))).gives(&[]);
    agent().adds("own/a.bin", vec![0; 10 * 1024 * 1024 + 1]).gives(&["size"]);
    agent().with(|p| p.title = "long ".repeat(15)).gives(&["size"]);
    agent().with(|p| p.body = "words ".repeat(11_000)).gives(&["size"]);
}

// covers: gate#secrets-are-found-in-everything-that-would-be-pushed
#[test]
fn secrets_are_refused_wherever_they_would_go() {
    let line = format!("first\nkey {}\n", token());
    let found = agent().adds("own/a.md", &line).gives(&["no-secrets own/a.md:2"]);
    assert!(!found[0].to_string().contains(&token()), "{found:?}");
    agent().edits("own/a.md", &line, format!("{line}more\n")).gives(&[]);
    agent().edits("own/a.md", &line, line.replace("key", "the key")).gives(&["no-secrets own/a.md:2"]);
    agent().hides("own/a.md", &line).gives(&["no-secrets own/a.md"]);
    agent().adds("own/a.md", &line).hides("own/a.md", &line).gives(&["no-secrets own/a.md:2"]);
    agent().edits("own/a.md", &line, format!("{line}two\n")).hides("own/a.md", format!("{line}one\n")).gives(&[]);
    agent().with(|p| p.body = token()).gives(&["no-secrets"]);
    let halves = token();
    let (head, tail) = halves.split_at(15);
    let split = format!("x = \"{head}\" \\\n    \"{tail}\"\n");
    agent().adds("own/a.py", &split).gives(&["no-secrets own/a.py:1"]);
    agent().edits("own/a.py", format!("x = \"{head}\" \\\n"), &split).gives(&["no-secrets own/a.py:1"]);
    agent().adds("own/a.bin", [&[0; 20], line.as_bytes()].concat()).gives(&["no-secrets own/a.bin:2"]);
}

#[test]
fn workflows_are_left_to_people() {
    let path = ".github/workflows/ci.yml";
    let own = |p: &mut Proposal| p.owns = patterns(&["**"]);
    agent()
        .adds(path, "on: push\n")
        .with(own)
        .gives(&["no-workflow-changes .github/workflows/ci.yml", "stays-in-own-paths .github/workflows/ci.yml"]);
    agent().deletes("Jenkinsfile").with(own).gives(&["no-workflow-changes Jenkinsfile"]);
    agent().adds(path, "on: push\n").with(|p| p.grants = patterns(&[".github/workflows/ci.yml"])).gives(&[]);
    let found = human().adds(path, "on: push\n").gives(&["no-workflow-changes .github/workflows/ci.yml"]);
    assert_eq!(found[0].severity, Severity::Warning);
}

#[test]
fn conflict_markers() {
    let conflict = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> main\n";
    let both = ["no-conflict-markers own/a.md:2", "no-conflict-markers own/a.md:6"];
    agent().adds("own/a.md", conflict).gives(&both);
    agent().adds("own/a.md", conflict.replace('\n', "\r\n")).gives(&both);
    agent().edits("own/a.md", conflict, format!("{conflict}more\n")).gives(&[]);
    agent().adds("own/a.md", "Title\n=======\n\n    <<<<<<< HEAD\n<<<<<<<< eight\n").gives(&[]);
}

#[test]
fn placeholders() {
    for title in ["Test", "update", "WIP", "...", "", "chore: update", "docs(readme): TODO", "Fix."] {
        agent().with(|p| p.title = title.to_owned()).gives(&["no-placeholders"]);
    }
    for title in ["fix: lock order in the journal", "Test the lock order", "Update the flaky test list"] {
        agent().with(|p| p.title = title.to_owned()).gives(&[]);
    }
    agent().with(|p| p.body = "Lorem ipsum dolor sit amet".to_owned()).gives(&["no-placeholders"]);
    for text in [
        "",
        " \n\n",
        "# Plan\n\nTODO\n",
        "TODO: write this\n",
        "// TODO\n",
        "- TBD\n- to be written\n",
        "# A\n\nComing soon…\n",
    ] {
        agent().adds("own/a.md", text).gives(&["no-placeholders own/a.md"]);
    }
    for text in ["# Plan\n\nTODO: mend x\n\nThe plan has two steps.\n", "# Todo lists\n\nTodoMVC is an example.\n"] {
        agent().adds("own/a.md", text).gives(&[]);
    }
    agent().adds("own/.keep", "").gives(&[]);
    agent().edits("own/a.md", "", " ").gives(&[]);
    agent().adds("own/a.md", "Intro.\nLorem ipsum dolor.\n").gives(&["no-placeholders own/a.md:2"]);
    agent().adds("own/a.md", "The check finds \"lorem ipsum\" and `your text here`.\n").gives(&[]);
    agent().adds("own/a.rs", "fn a() {\n    todo!()\n}\n").gives(&["no-placeholders own/a.rs:2"]);
    agent().adds("own/a.rs", "// not a todo!()\nconst A: &str = \"todo!()\";\n").gives(&[]);
    agent().adds("own/a.md", "Call todo!() when it is not done.\n").gives(&[]);
    agent().edits("own/a.rs", "fn a() { todo!() }\n", "fn a() { todo!() }\nfn b() {}\n").gives(&[]);
}

#[test]
fn invisible_text_that_was_added() {
    let trick = "if admin\u{202E} {\n";
    let found = agent().adds("own/a.md", format!("ok\n{trick}")).gives(&["no-invisible-text own/a.md:2"]);
    assert!(found[0].message.contains("U+202E"), "{found:?}");
    agent().edits("own/a.md", trick, format!("{trick}more\n")).gives(&[]);
    agent().adds("own/a.md", "\u{FEFF}A mark at the start, an emoji ❤\u{FE0F}\r\n").gives(&[]);
    agent().with(|p| p.title = "qa: a title with\u{200B} a gap".to_owned()).gives(&["no-invisible-text"]);
    agent()
        .adds("own/a.md", [b"caf\xE9 \xE2\x80".as_slice(), b"\xAE\n"].concat())
        .gives(&["no-invisible-text own/a.md:1"]);
}

#[test]
fn work_adds_information() {
    let copy = |new: &str, old: &str, expected: &[&str]| {
        let _ = agent().adds(new, PAGE).beside(old).gives(expected);
    };
    copy("own/report-2026-11-21.md", "own/report.md", &["adds-information own/report-2026-11-21.md"]);
    copy("own/report-2026-11-21.md", "own/report-2026-11-20.md", &["adds-information own/report-2026-11-21.md"]);
    copy("own/report-2026-11-21.md", "own/other.md", &[]);
    copy("own/2026-11-21.md", "own/2026-11-20.md", &[]);
    copy("own/design-v2.md", "own/Design.md", &["adds-information own/design-v2.md"]);
    copy("own/design-v2.md", "own/design-v1.md", &[]);
    copy("own/design (copy).md", "own/design.md", &["adds-information own/design (copy).md"]);
    copy("own/design-v2.md", "else/design.md", &[]);
    let words: Vec<String> = (0..120).map(|n| format!("word{n}")).collect();
    let (text, near) = (words.join(" "), words[5..].join(" "));
    let earlier = |p: &mut Proposal| p.earlier = vec![("own/old.md".to_owned(), text.as_bytes().into())];
    agent().adds("own/new.md", &near).with(earlier).gives(&["adds-information own/new.md"]);
    let record = "openspec/changes/add-x/gates/004-pm.yaml";
    let again = agent().adds(record, &near).with(earlier).with(|p| p.owns = patterns(&["openspec/**"]));
    assert!(judge(&again.0).iter().all(|finding| finding.rule != "adds-information"), "a gate may say the same again");
    agent().adds("own/new.md", words[..60].join(" ")).with(earlier).gives(&[]);
    agent().adds("own/new.md", &near).deletes("own/old.md").with(earlier).gives(&[]);
    agent().edits("own/Cargo.lock", "a = 1\n", "a = 2\n").gives(&["adds-information own/Cargo.lock"]);
    agent().edits("own/Cargo.lock", "a = 1\n", "a = 2\n").adds("own/a.md", PAGE).gives(&[]);
    let dated = |day: &str| format!("# State\n\nAs of {day} all is well.\n");
    agent()
        .edits("own/a.md", dated("2026-11-20 10:00 UTC"), dated("2026-11-21 11:30 UTC"))
        .gives(&["adds-information own/a.md"]);
    agent().edits("own/a.md", dated("2026-11-20"), dated("2026-11-21").replace("all", "nothing")).gives(&[]);
}

#[test]
fn formats_parse() {
    for (path, text, line) in [
        ("own/a.yaml", "a: 1\nb: [\n", ":3"),
        ("own/a.yml", "a: 1\na: 2\n", ":1"),
        ("own/a.json", "{\"a\": 1,\n}\n", ":2"),
        ("own/a.toml", "a = 1\nb =\n", ":2"),
        ("own/a.md", "---\nname: x\nb: [\n---\n# Text\n", ":4"),
        ("own/a.md", "---\nname: x\n\n# Text\n", ":1"),
        ("own/a.json", "not json at all", ":1"),
    ] {
        let found = judge(&agent().adds(path, text).0);
        let shown: Vec<String> = found.iter().map(|f| format!("{} {}", f.rule, f.place())).collect();
        assert_eq!(shown, [format!("parses {path}{line}")], "{found:?}");
    }
    for (path, text) in [
        ("own/a.yaml", "a: 1\n---\nb: 2\n"),
        ("own/templates/a.yaml", "{{- if x }}\na: {{ b }}\n"),
        ("own/a.json", "\u{FEFF}{\"a\": [1, 2]}"),
        ("own/tsconfig.json", "{ // a comment\n}"),
        ("own/a.toml", "[a]\nb = 1\n"),
        ("own/a.md", "---\r\nname: x\r\n---\r\n# Text\r\n"),
        ("own/a.md", "---\n\nA rule across the page.\n"),
        ("own/a.txt", "{"),
    ] {
        agent().adds(path, text).gives(&[]);
    }
    agent().edits("own/a.json", "{", "{ \"a\": ").gives(&[]);
    agent().edits("own/a.json", "{}", "{").gives(&["parses own/a.json:1"]);
    agent().adds("own/a.json", b"{\n\xFF}").gives(&["parses own/a.json:2"]);
}

#[test]
fn memories_are_valid() {
    let path = "agents/memories/tester-memory.json";
    let entry = r#"{"id":"a","at":"2026-11-21T04:20:00Z","kind":"lesson","importance":5,"text":"x"}"#;
    agent().adds(path, format!("{{\"entries\":[\n{entry}]}}")).gives(&[]);
    agent()
        .adds(path, format!("{{\"entries\":[\n{}]}}", entry.replace(":5", ":0")))
        .gives(&[&format!("memory-valid {path}:2")]);
}

#[test]
fn specs_are_valid() {
    let own = |p: &mut Proposal| p.owns = patterns(&["openspec/**"]);
    let main = "# Journal\n\n## Purpose\nKeeps what happened in one order, so that every clone tells the same.\n\n## Requirements\n\n### Requirement: Order\nThe journal SHALL be linear.\n\n#### Scenario: Two appends\n- **WHEN** two append\n- **THEN** one waits\n";
    let path = "openspec/specs/journal/spec.md";
    let delta_path = "openspec/changes/add-journal/specs/journal/spec.md";
    let check = |path: &str, text: &str, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|line| format!("spec-valid {path}{line}")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let _ = agent().adds(path, text).with(own).gives(&expected);
    };
    check(path, main, &[]);
    check(path, &main.replace("## Purpose", "## Why"), &[""]);
    check(path, &main.replace("## Requirements", "## Needs"), &[""]);
    check(path, &main.replace("#### Scenario:", "#####"), &[]);
    check(path, &main.replace("SHALL", "shall"), &[":8"]);
    check(path, &main.replace("#### Scenario: Two appends", "```\n#### Scenario: Two appends\n```"), &[":8"]);
    check(delta_path, &main.replace("## Requirements", "## ADDED Requirements"), &[]);
    check(delta_path, main, &["", ":8"]);
    check(delta_path, "## REMOVED Requirements\n\n### Requirement: Order\n**Reason**: not needed\n", &[]);
    check("openspec/changes/archive/2026-11-21-x/specs/a/spec.md", "# Old\n", &[]);
    let old = main.replace("SHALL", "shall");
    agent().edits(path, &old, format!("{old}More words.\n")).with(own).gives(&[]);
}

// covers: gate#every-check-is-asked-and-every-finding-reported
#[test]
fn many_findings_are_capped_and_errors_come_first() {
    let mut work = agent().with(|p| p.max_files = 1000);
    for n in 0..300 {
        work = work.deletes(&format!("other/{n:03}.md"));
    }
    let found = judge(&work.0);
    assert_eq!(found.len(), FINDINGS + 1);
    assert_eq!(found[FINDINGS].message, "and 100 more findings");
    assert!(found[FINDINGS].is_error());
}

#[test]
fn every_check_has_a_name_and_a_line_in_the_table() {
    let docs = docs();
    for check in CHECKS {
        assert!(docs.contains(&format!("| `{}` |", check.name)));
        assert!(check.doc.ends_with('.') && !check.doc.contains('|'), "{}", check.name);
        assert_eq!(CHECKS.iter().filter(|other| other.name == check.name).count(), 1);
    }
    assert_eq!(docs.lines().count(), CHECKS.len() + 2);
}

proptest! {
    // covers: gate#agents-stay-in-their-own-paths
    #[test]
    fn nothing_escapes_its_paths(
        owned in prop::collection::vec("(\\*\\*|[abc*]{1,3})(/(\\*\\*|[abc*]{1,3})){0,3}", 1..4),
        paths in prop::collection::btree_set("[abc]{1,3}(/[abc]{1,3}){0,3}", 1..8),
    ) {
        let owned: Vec<Pattern> = owned.iter().filter_map(|text| text.parse().ok()).collect();
        let mut work = agent().with(|p| p.owns = owned.clone());
        for path in &paths {
            work = work.deletes(path);
        }
        let found = judge(&work.0);
        for path in &paths {
            let refused = found.iter().any(|f| f.rule == paths::OWN && f.path.as_ref() == Some(path));
            prop_assert_eq!(refused, !owned.iter().any(|pattern| pattern.matches(path)), "{} {:?}", path, &owned);
        }
    }

    #[test]
    fn no_proposal_makes_it_panic(
        path in "[a-z./~ \u{200B}-\u{200F}]{0,20}|.{0,20}|own/[a-z]\\.(md|json|yaml|toml|rs)|openspec/specs/a/spec.md",
        before in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
        after in prop::option::of("[-#:{}\\[\\]<=\"'a-z\n\r\t `]{0,80}"),
        title in any::<String>(),
    ) {
        let mut work = agent().with(|p| p.title = title).hides(&path, before.clone().unwrap_or_default());
        work = match (before, after) {
            (Some(before), Some(after)) => work.edits(&path, before, after),
            (_, Some(after)) => work.adds(&path, after),
            _ => work.deletes(&path),
        };
        let one = judge(&work.0);
        prop_assert_eq!(one, judge(&work.0));
    }
}
