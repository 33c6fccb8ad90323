//! A day of each role without a mind: what is done by rules, what is left to one, and whose turn it is.

use std::collections::BTreeSet;

use super::*;
use crate::town::facts::{TestOutcome, TestRun, TestSummary};
use crate::town::gate;
use crate::town::spec::content;
use crate::town::spec::record::Record;

const FOLDER: &str = "openspec/changes/add-x";
const DELTA: &str = "## ADDED Requirements\n\n### Requirement: X\nThe system SHALL x.\n\n#### Scenario: One\n- **WHEN** it is asked\n- **THEN** it does x\n";
const TASKS: &str = "## 1. X\n- [ ] 1.1 Write it\n";
const PROPOSAL: &str = "# X\n\n## Why\nNobody can x here, and everybody who comes by asks for it within a day.\n\n## What Changes\n- It can x.\n";

#[derive(Clone)]
struct Day {
    tree: Tree,
    main: Tree,
    past: Past,
    open: Option<u64>,
    paths: Vec<String>,
    tags: Vec<Tag>,
    tests: TestFacts,
    touched: BTreeMap<String, Vec<(String, String)>>,
}

fn day() -> Day {
    let mut day = Day {
        tree: Tree::default(),
        main: Tree::default(),
        past: Past::default(),
        open: None,
        paths: vec!["tests/x.sh".to_owned()],
        tags: Vec::new(),
        tests: TestFacts::default(),
        touched: BTreeMap::new(),
    };
    day.puts("openspec/config.yaml", "schema: spec-driven\n");
    day.puts(&format!("{FOLDER}/proposal.md"), PROPOSAL);
    day.puts(&format!("{FOLDER}/tasks.md"), TASKS);
    day.puts(&format!("{FOLDER}/specs/x/spec.md"), DELTA);
    day
}

impl Day {
    fn puts(&mut self, path: &str, text: &str) {
        self.tree.put_file(path, text.as_bytes());
        self.main.put_file(path, text.as_bytes());
    }

    fn act(&self, agent: &str) -> Act {
        let agent: AgentId = agent.parse().unwrap();
        let Self { tree, main, past, open, paths, tags, tests, touched } = self;
        let (tests, date) = (Some(tests), "2026-11-21");
        act(&Desk { tree, main, agent: &agent, open: *open, past, paths, tags, tests, touched, date }).unwrap()
    }

    /// Lets the role propose, and a human merge it.
    #[track_caller]
    fn merges(&mut self, agent: &str, said: Verdict) -> Vec<Finding> {
        let act = self.act(agent);
        let findings = self.proposes(agent, &act, said);
        self.main = self.tree.clone();
        findings
    }

    /// Does what the role proposes in its open work.
    #[track_caller]
    fn proposes(&mut self, agent: &str, act: &Act, said: Verdict) -> Vec<Finding> {
        let Act::Propose { deeds, title, body, evidence, change } = act else { panic!("{act:?}") };
        assert!(title.chars().count() <= 72 && !body.is_empty() && !change.is_empty(), "{act:?}");
        let mut found = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Delete(path) => self.tree.remove(path),
                Deed::Archive(_) => panic!("{act:?}"),
                Deed::Record { change, verdict, findings, evidence: shown } => {
                    assert_eq!((*verdict, evidence.is_empty()), (said, !said.needs_evidence()), "{act:?}");
                    found.clone_from(findings);
                    self.says(agent, change, *verdict, findings, shown);
                }
            }
        }
        found
    }

    fn says(&mut self, agent: &str, change: &str, verdict: Verdict, findings: &[Finding], evidence: &[String]) {
        let folder = format!("openspec/changes/{change}");
        let gate = [Gate::Architect, Gate::Implement, Gate::Pm, Gate::Test];
        let gate = gate.into_iter().find(|gate| gate.agent() == agent && gate.verdicts().contains(&verdict)).unwrap();
        let project = Project::new(&self.tree, OPENSPEC);
        let last = Lifecycle::of(&project, &folder, Past::NOTHING).last_number;
        let record = Record {
            number: last + 1,
            gate,
            verdict,
            actor: format!("agent:{agent}"),
            run: Some("01J8".to_owned()),
            commit: None,
            content_hash: content::hash(&project, &folder),
            findings: findings.to_vec(),
            evidence: evidence.to_vec(),
            path: Record::next_path(&folder, last, gate),
        };
        self.tree.put_file(&record.path, record.write().into_bytes());
    }

    #[track_caller]
    fn is(&self, state: State) {
        let life = Lifecycle::of(&Project::new(&self.tree, OPENSPEC), FOLDER, Past::NOTHING);
        assert_eq!(life.state, state, "{:#?}", life.issues);
    }

    #[track_caller]
    fn waits(&self, agent: &str, why: &str) {
        let act = self.act(agent);
        assert!(matches!(&act, Act::Wait(said) if said.contains(why)), "{act:?}");
    }

    fn green(&mut self) {
        let summary = TestSummary { passed: 3, ..TestSummary::default() };
        self.tests =
            TestFacts { command: Some("sh t".to_owned()), suggested: Vec::new(), run: Some(run(0, Some(summary))) };
    }

    fn built(&mut self) {
        self.puts(&format!("{FOLDER}/tasks.md"), &TASKS.replace("[ ]", "[x]"));
        self.puts(&format!("{FOLDER}/implementation.md"), "| 1.1 | `sh t` exit 0 |\n| One | tests/x.sh:3 |\n");
    }
}

fn run(code: i32, summary: Option<TestSummary>) -> TestRun {
    TestRun { outcome: TestOutcome::Exited { code }, summary, tail: String::new(), cut: 0, skipped: 0 }
}

fn rules(findings: &[Finding]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding.rule.as_str()).collect()
}

// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach
// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach/open-tasks
#[test]
fn a_change_comes_through_all_gates_where_rules_have_nothing_against_it() {
    let mut day = day();
    for agent in ["feature-implementer", "pm-validator", "test-validator"] {
        assert_eq!(day.act(agent), Act::Rest, "{agent}");
    }
    let found = day.merges("architect", Verdict::Approved);
    assert_eq!(rules(&found), [MIND].into());
    day.is(State::Approved);
    assert_eq!(day.act("architect"), Act::Rest);
    day.waits("feature-implementer", "needs a mind: 0 of 1 tasks are done, and the next is `1.1 Write it`");
    day.puts(&format!("{FOLDER}/tasks.md"), &TASKS.replace("[ ]", "[x]"));
    day.waits("feature-implementer", "ticked, and nothing shows it");
    day.built();
    day.tests = TestFacts { command: Some("sh t".to_owned()), suggested: Vec::new(), run: Some(run(1, None)) };
    day.waits("feature-implementer", "exit code 1");
    day.green();
    day.merges("feature-implementer", Verdict::Done);
    day.is(State::Validation);
    let touched = vec![("src/x.sh".to_owned(), "x\n".to_owned()), ("tests/x.sh".to_owned(), "x\n".to_owned())];
    day.touched.insert("add-x".to_owned(), touched);
    day.merges("pm-validator", Verdict::Pass);
    assert_eq!(day.act("pm-validator"), Act::Rest);
    day.merges("test-validator", Verdict::Pass);
    day.is(State::Completed);
    let act = day.act("architect");
    assert!(matches!(&act, Act::Propose { deeds, .. } if *deeds == [Deed::Archive("add-x".to_owned())]), "{act:?}");
}

// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach/a-draft-that-breaks-a-rule
#[test]
fn a_draft_is_returned_for_what_rules_find() {
    let mut bad = day();
    bad.puts(&format!("{FOLDER}/specs/x/spec.md"), &DELTA.replace("#### Scenario: One", "Scenario: One"));
    let found = bad.merges("architect", Verdict::NeedsRevision);
    assert!(rules(&found).contains("delta/missing-scenario"), "{found:?}");
    bad.is(State::NeedsRevision);
    assert_eq!(bad.act("architect"), Act::Rest, "it is its author's turn");
    bad.puts(&format!("{FOLDER}/specs/x/spec.md"), DELTA);
    bad.merges("architect", Verdict::Approved);
    // A stale approval and a status line that is ahead are no fault of the text.
    bad.puts(&format!("{FOLDER}/proposal.md"), &format!("**Status:** Approved\n{PROPOSAL}- More.\n"));
    bad.merges("architect", Verdict::Approved);
    bad.is(State::Approved);
    // Its own draft it leaves to people.
    let mut own = day();
    own.past.authors.insert("add-x".to_owned(), ["agent:architect".to_owned()].into());
    own.waits("architect", "is your own");
}

// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach/an-open-verdict
#[test]
fn open_work_that_went_stale_is_withdrawn_with_the_next() {
    let mut day = day();
    let act = day.act("architect");
    day.proposes("architect", &act, Verdict::Approved);
    day.open = Some(5);
    let stands = day.act("architect");
    assert!(matches!(&stands, Act::Stand(why) if why.contains("#5 waits for a merge")), "{stands:?}");
    day.puts(&format!("{FOLDER}/proposal.md"), &format!("{PROPOSAL}- More.\n"));
    let Act::Propose { deeds, .. } = day.act("architect") else { panic!() };
    assert_eq!(deeds[0], Deed::Delete(format!("{FOLDER}/gates/001-architect.yaml")));
    assert!(matches!(&deeds[1], Deed::Record { verdict: Verdict::Approved, .. }), "{deeds:?}");
    // What people merged stays, stale or not.
    let mut merged = day;
    (merged.main, merged.open) = (merged.tree.clone(), None);
    let Act::Propose { deeds, .. } = merged.act("architect") else { panic!() };
    assert!(matches!(deeds.as_slice(), [Deed::Record { .. }]), "{deeds:?}");
}

#[test]
fn an_open_verdict_keeps_its_title() {
    let mut day = day();
    day.merges("architect", Verdict::Approved);
    day.built();
    day.green();
    day.merges("feature-implementer", Verdict::Done);
    let act = day.act("pm-validator");
    day.proposes("pm-validator", &act, Verdict::Pass);
    day.open = Some(7);
    // Nothing else is its turn, and another change would be: either way the pull request stays what it is.
    assert!(matches!(day.act("pm-validator"), Act::Stand(_)));
    assert!(matches!(day.act("architect"), Act::Stand(why) if why.contains("#7")));
}

// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach/what-was-in-the-way-is-gone
#[test]
fn what_rules_returned_they_take_up_when_it_is_gone() {
    let other = "openspec/changes/other";
    let mut day = day();
    day.puts("openspec/specs/x/spec.md", "# X\n\n## Purpose\nX is there so that whoever asks for it has it at once.\n\n## Requirements\n\n### Requirement: X\nThe system SHALL x.\n\n#### Scenario: One\n- **WHEN** it is asked\n- **THEN** it does x\n");
    let modified = DELTA.replace("ADDED", "MODIFIED");
    day.puts(&format!("{FOLDER}/specs/x/spec.md"), &modified);
    day.puts(&format!("{other}/proposal.md"), PROPOSAL);
    day.puts(&format!("{other}/tasks.md"), TASKS);
    day.puts(&format!("{other}/specs/x/spec.md"), &modified);
    let found = day.merges("architect", Verdict::NeedsRevision);
    assert_eq!(rules(&found), ["sibling/overlap"].into());
    day.is(State::NeedsRevision);
    let mut reasons = day.clone();
    // The other one goes; nobody edited this one.
    day.tree.remove(other);
    day.main.remove(other);
    day.merges("architect", Verdict::Approved);
    day.is(State::Approved);
    // What a mind returned stays with its author, although no rule has anything against it.
    reasons.tree.remove(other);
    let findings = [Finding::error("not-the-smallest", "do less")];
    reasons.says("architect", "add-x", Verdict::NeedsRevision, &findings, &[]);
    reasons.main = reasons.tree.clone();
    assert_eq!(reasons.act("architect"), Act::Rest);
    // The change says so itself: it goes after the other one.
    let project = Project::new(&reasons.tree, OPENSPEC);
    let life = Lifecycle::of(&project, FOLDER, Past::NOTHING);
    assert!(life.next.agents == ["architect"] && life.next.act.contains("revises"), "{:?}", life.next);
}

// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach/a-returned-change-without-an-answer
#[test]
fn what_a_validator_returned_is_not_handed_over_again_as_it_was() {
    let mut day = day();
    day.merges("architect", Verdict::Approved);
    day.built();
    day.green();
    day.merges("feature-implementer", Verdict::Done);
    day.says("pm-validator", "add-x", Verdict::Fail, &[Finding::error("scenario-absent", "it is not there")], &[]);
    day.main = day.tree.clone();
    day.is(State::InProgress);
    day.waits("feature-implementer", "gates/003-pm.yaml returned it");
    // Once the implementer has said something about it, rules can hand it over.
    day.says("feature-implementer", "add-x", Verdict::InProgress, &[], &[]);
    day.merges("feature-implementer", Verdict::Done);
    day.is(State::Validation);
}

#[test]
fn a_tag_in_a_test_shows_a_scenario() {
    let mut day = day();
    day.merges("architect", Verdict::Approved);
    day.built();
    day.green();
    day.puts(&format!("{FOLDER}/implementation.md"), "| 1.1 | `sh t` exit 0 |\n");
    day.merges("feature-implementer", Verdict::Done);
    let place = crate::town::spec::trace::Place { file: "tests/x.sh".to_owned(), line: 3 };
    for (id, said) in [("x#x", Verdict::Fail), ("x#x/two", Verdict::Fail), ("x#x/one", Verdict::Pass)] {
        day.tags = vec![Tag { id: id.to_owned(), place: place.clone() }];
        let mut day = day.clone();
        day.merges("pm-validator", said);
    }
}

#[test]
fn validators_return_what_nothing_shows() {
    let validation = || {
        let mut day = day();
        day.merges("architect", Verdict::Approved);
        day.built();
        day.green();
        day.merges("feature-implementer", Verdict::Done);
        day
    };
    let mut bare = validation();
    bare.puts(&format!("{FOLDER}/implementation.md"), "| 1.1 | `sh t` exit 0 |\n");
    let found = bare.merges("pm-validator", Verdict::Fail);
    assert_eq!((found[0].rule.as_str(), found[0].line), ("scenario-without-evidence", Some(6)), "{found:?}");
    bare.is(State::InProgress);
    let stub = ("src/x.rs".to_owned(), "#[test]\n#[ignore]\nfn a() { todo!() }\n".to_owned());
    for (touched, tests, expected) in [
        (vec![], None, &["no-test-command", "no-test-for-change"][..]),
        (vec![("src/x.sh".to_owned(), "x\n".to_owned())], Some(0), &["no-test-for-change"]),
        (vec![("tests/x.sh".to_owned(), "x\n".to_owned())], Some(2), &["tests-fail"]),
        (vec![("docs/spec/x.html".to_owned(), "x\n".to_owned())], Some(0), &["no-test-for-change"]),
        (vec![("tests/x.md".to_owned(), "#[test]\n".to_owned())], Some(0), &["no-test-for-change"]),
        (vec![("src/x.js".to_owned(), "contest(1)\n".to_owned())], Some(0), &["no-test-for-change"]),
        (vec![stub], Some(0), &["no-placeholders", "skipped-test"]),
    ] {
        let mut day = validation();
        day.touched.insert("add-x".to_owned(), touched);
        day.tests.run = tests.map(|code| run(code, None));
        let found = day.merges("test-validator", Verdict::Fail);
        assert_eq!(rules(&found), expected.iter().copied().collect(), "{found:?}");
    }
}

#[test]
fn what_is_not_done_is_seen_in_a_file_that_stands() {
    for (path, text, rule) in [
        ("tests/a.py", "def test_a():\n    assert True\n", Some("hollow-test")),
        ("tests/a.py", "@pytest.mark.skip\ndef test_a(): pass\n", Some("skipped-test")),
        ("a.js", "it.skip('x', () => {});\n", Some("skipped-test")),
        ("a.rs", "fn a() {\n    unimplemented!()\n}\n", Some("no-placeholders")),
        ("a.md", "", Some("no-placeholders")),
        ("a.py", "def a():\n    raise NotImplementedError\n", Some("no-placeholders")),
        ("a.py", "@abstractmethod\ndef a():\n    raise NotImplementedError\n", None),
        ("a.ts", "const a = () => { throw new Error('Not implemented'); };\n", Some("no-placeholders")),
        ("a.ts", "throw new Error('no such file');\n", None),
        ("a.ts", "// throw new Error('not implemented')\n", None),
        ("a.go", "\tpanic(\"TODO\")\n", Some("no-placeholders")),
        ("a.go", "\tpanic(err)\n", None),
        ("A.java", "  throw new UnsupportedOperationException(\"Not supported yet.\");\n", Some("no-placeholders")),
        ("A.java", "  throw new UnsupportedOperationException();\n", None),
        ("A.kt", "fun a() = TODO(\"later\")\n", Some("no-placeholders")),
        ("a.rs", "fn a() -> u8 {\n    [1].iter().skip(1).count() as u8\n}\n", None),
    ] {
        let found = gate::not_done(path, text);
        assert_eq!(found.first().map(|finding| finding.rule.as_str()), rule, "{text}: {found:?}");
    }
}
