//! Cases of the fold: every way between the states, every refusal, and records that nobody would write.

use proptest::prelude::*;

use super::super::record::{GATES, RECORD_BYTES, Verdict};
use super::super::state::{TRANSITIONS, transition};
use super::*;

const FOLDER: &str = "openspec/changes/add-x";
const PROPOSAL: &str = "# Add x\n\n## Why\nBecause.\n";
const TASKS: &str = "## 1. Build\n- [ ] 1.1 one\n- [ ] 1.2 two\n";

/// A change in the making.
#[derive(Clone)]
struct Change {
    tree: Tree,
    last: u32,
    author: Option<&'static str>,
    past: Past,
}

fn change() -> Change {
    let mut change = Change { tree: Tree::default(), last: 0, author: Some("human:ann"), past: Past::default() };
    change.write("proposal.md", PROPOSAL);
    change.write("specs/x/spec.md", "## ADDED Requirements\n");
    change.write("tasks.md", TASKS);
    change
}

impl Change {
    fn write(&mut self, name: &str, text: &str) {
        self.tree.put_file(&format!("{FOLDER}/{name}"), text.as_bytes());
    }

    fn with(mut self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    /// The next record: gate and verdict, by the gate's own agent, with evidence and of the present content.
    fn says(self, gate: Gate, verdict: Verdict) -> Self {
        self.says_as(gate, verdict, |_| {})
    }

    fn says_as(mut self, gate: Gate, verdict: Verdict, edit: impl FnOnce(&mut Record)) -> Self {
        self.last += 1;
        let agent = if gate.agent().is_empty() { "human:ann".to_owned() } else { format!("agent:{}", gate.agent()) };
        let mut record = Record {
            number: self.last,
            gate,
            verdict,
            actor: agent,
            run: Some("01J8".to_owned()),
            commit: None,
            content_hash: content::hash(&Project::new(&self.tree, "openspec"), FOLDER),
            findings: Vec::new(),
            evidence: vec!["src/x.rs:3".to_owned()],
            path: String::new(),
        };
        edit(&mut record);
        self.last = self.last.max(record.number);
        let path = Record::next_path(FOLDER, record.number - 1, gate);
        self.tree.put_file(&path, record.write().into_bytes());
        self
    }

    fn approved(self) -> Self {
        self.says(Gate::Architect, Verdict::Approved)
    }

    fn ticked(self) -> Self {
        self.with("tasks.md", &TASKS.replace("[ ]", "[x]"))
    }

    fn handed_over(self) -> Self {
        self.approved().ticked().says(Gate::Implement, Verdict::Done)
    }

    fn life(&self) -> Lifecycle {
        let authors = self.author.iter().map(|author| ("add-x".to_owned(), [(*author).to_owned()].into()));
        let past = Past { authors: authors.collect(), ..self.past.clone() };
        Lifecycle::of(&Project::new(&self.tree, "openspec"), FOLDER, &past)
    }

    #[track_caller]
    fn is(self, state: State, codes: &[&str]) -> Self {
        let life = self.life();
        let found: Vec<&str> = life.issues.iter().map(|issue| issue.code).collect();
        assert_eq!((life.state, found.as_slice()), (state, codes), "{:#?}", life.issues);
        let told = life.issues.iter().all(|issue| !issue.message.is_empty() && issue.fix.is_some());
        assert!(told && !life.next.act.is_empty(), "{life:#?}");
        self
    }
}

/// A change in each state.
fn at(state: State) -> Change {
    match state {
        State::Draft | State::Archived => change(),
        State::NeedsRevision => change().says(Gate::Architect, Verdict::NeedsRevision),
        State::Approved => change().approved(),
        State::InProgress => change().approved().says(Gate::Implement, Verdict::InProgress),
        State::Blocked => change().approved().says(Gate::Implement, Verdict::Blocked),
        State::Validation => change().handed_over(),
        State::Completed => change().handed_over().says(Gate::Pm, Verdict::Pass).says(Gate::Test, Verdict::Pass),
        State::Superseded => change().says(Gate::Close, Verdict::Superseded),
        State::Withdrawn => change().says(Gate::Close, Verdict::Withdrawn),
    }
}

// covers: gated-workflow#the-state-of-a-change-follows-from-its-gate-records
// covers: gated-workflow#the-state-of-a-change-follows-from-its-gate-records/a-gate-is-skipped
#[test]
fn every_way_of_the_table_is_open_and_no_other() {
    for from in State::ALL.into_iter().filter(|state| *state != State::Archived) {
        at(from).is(from, &[]);
        for (gate, _, _, verdicts) in GATES {
            for verdict in *verdicts {
                let way = transition(*gate, *verdict).unwrap();
                let life = at(from).says(*gate, *verdict).life();
                let codes: Vec<&str> = life.issues.iter().map(|issue| issue.code).collect();
                let is_ticked = matches!(from, State::Validation | State::Completed);
                let wanted = match (way.from.contains(&from), gate, verdict) {
                    (false, ..) => from,
                    // One of the two, or both again, and the folder that is still here.
                    (true, Gate::Pm | Gate::Test, Verdict::Pass) => from,
                    (true, Gate::Archive, _) => State::Completed,
                    // All boxes are ticked where work was handed over; elsewhere it goes on.
                    (true, Gate::Implement, Verdict::Done) if !is_ticked => State::InProgress,
                    _ => way.to,
                };
                let expected: &[&str] = match (way.from.contains(&from), verdict) {
                    (false, _) => &["gate/skipped"],
                    (true, Verdict::Done) if !is_ticked => &["gate/open-tasks"],
                    _ => &[],
                };
                assert_eq!((life.state, codes.as_slice()), (wanted, expected), "{from:?} {gate:?} {verdict:?}");
            }
        }
    }
    assert_eq!(TRANSITIONS.len(), GATES.iter().map(|(.., verdicts)| verdicts.len()).sum::<usize>());
}

// covers: gated-workflow#the-state-of-a-change-follows-from-its-gate-records/nothing-was-to-be-done
// covers: gated-workflow#an-approval-is-of-one-content/a-box-is-ticked
// covers: gated-workflow#a-pass-is-of-one-state-of-the-code/taken-back-and-handed-over-again
#[test]
fn tasks_move_a_change_too() {
    change().approved().with("tasks.md", &TASKS.replacen("[ ]", "[X]", 1)).is(State::InProgress, &[]);
    change().ticked().is(State::Draft, &[]);
    let next = change().approved().ticked().is(State::InProgress, &[]).life().next;
    assert!(next.act.contains("hands it over"), "{next:?}");
    let open = change().handed_over().with("tasks.md", TASKS).is(State::InProgress, &["gate/open-tasks"]);
    assert!(open.life().is_handed_over && open.life().next.act.contains("`in-progress`"), "{:?}", open.life().next);
    // Handed over again, both validators begin anew: what they passed before was other work.
    let passed = at(State::Completed).with("tasks.md", TASKS).is(State::InProgress, &["gate/open-tasks"]);
    let back = passed.clone().says(Gate::Implement, Verdict::InProgress).is(State::InProgress, &[]);
    assert!(!back.life().is_handed_over);
    for again in [passed, back] {
        let again = again.ticked().says(Gate::Implement, Verdict::Done).is(State::Validation, &[]);
        assert_eq!(again.life().next.agents, ["pm-validator", "test-validator"]);
    }
    // Work without a task is nothing that could be judged.
    let mut none = change();
    none.tree.remove(&format!("{FOLDER}/tasks.md"));
    none.approved().says(Gate::Implement, Verdict::Done).is(State::InProgress, &["gate/open-tasks"]);
}

// covers: gated-workflow#a-pass-is-of-one-state-of-the-code/a-commit-after-a-pass
#[test]
fn what_is_built_after_a_pass_takes_it_away() {
    let of = |commit: &'static str| move |record: &mut Record| record.commit = Some(commit.to_owned());
    let mut done = change().handed_over();
    done = done.says_as(Gate::Pm, Verdict::Pass, of("a1")).says_as(Gate::Test, Verdict::Pass, of("b2"));
    done.past.rebuilt = [("add-x".to_owned(), [("a1".to_owned(), "src/x.rs".to_owned())].into())].into();
    let done = done.is(State::Validation, &["gate/stale-pass"]);
    let life = done.life();
    assert_eq!(
        (life.next.agents.as_slice(), life.issues[0].path.as_str()),
        (&["pm-validator"][..], "gates/003-pm.yaml")
    );
    // The same validator settles it by a pass of the code as it is.
    done.says_as(Gate::Pm, Verdict::Pass, of("c3")).is(State::Completed, &[]);
}

#[test]
fn tasks_and_content_are_those_of_the_schema() {
    let schema = "name: plan\nversion: 1\nartifacts:\n\
        \x20 - {id: idea, generates: idea.md, description: d, template: t.md, requires: []}\n\
        \x20 - {id: steps, generates: 'steps/*.md', description: d, template: t.md, requires: [idea]}\n\
        \x20 - {id: look, generates: look.md, description: d, template: t.md, requires: [steps]}\n\
        apply: {requires: [steps], tracks: 'steps/*.md'}\n";
    let mut change = change().with(".openspec.yaml", "schema: plan\n").with("idea.md", "Idea.\n");
    change.tree.put_file("openspec/schemas/plan/schema.yaml", schema.as_bytes());
    change.tree.remove(&format!("{FOLDER}/tasks.md"));
    let change = change.with("steps/1.md", "- [ ] one\n").with("steps/2.md", "- [ ] two\n").approved();
    let half = change.clone().with("steps/2.md", "- [x] two\n").is(State::InProgress, &[]);
    assert_eq!(half.life().tasks, Progress { total: 2, completed: 1 });
    half.says(Gate::Implement, Verdict::Done).is(State::InProgress, &["gate/open-tasks"]);
    change.clone().with("idea.md", "Another.\n").is(State::Draft, &["gate/stale-approval"]);
    change.clone().with("steps/1.md", "- [ ] other\n").is(State::Draft, &["gate/stale-approval"]);
    change.with("look.md", "What comes after it is made.\n").is(State::Approved, &[]);
}

// covers: gated-workflow#an-approval-is-of-one-content
// covers: gated-workflow#an-approval-is-of-one-content/the-proposal-is-edited-after-it-was-approved
// covers: gated-workflow#an-approval-is-of-one-content/words-beside-the-state
// covers: gated-workflow#an-approval-is-of-one-content/what-it-depends-on-changes
#[test]
fn an_edit_of_the_content_takes_the_approval_away() {
    let stale = ["gate/stale-approval"];
    let edits: [(&str, &str); 10] = [
        ("proposal.md", "# Add x\n\n## Why\nOther.\n"),
        ("specs/x/spec.md", "## REMOVED Requirements\n"),
        ("specs/y/spec.md", "## ADDED Requirements\n"),
        ("tasks.md", "## 1. Build\n- [ ] 1.1 one\n- [ ] 1.2 three\n"),
        (".openspec.yaml", "retire_capabilities: true\n"),
        (".openspec.yaml", "depends_on: [other]\n"),
        (".openspec.yaml", "schema: spec-driven\n"),
        (".openspec.yaml", "author: human:bob\n"),
        (".openspec.yaml", "x_base: {hash: blake3-128}\n"),
        ("design.md", "Otherwise.\n"),
    ];
    for state in [State::Approved, State::InProgress, State::Blocked, State::Validation, State::Completed] {
        for (name, text) in edits {
            at(state).with(name, text).is(State::Draft, &stale);
        }
        let same = at(state).with("proposal.md", &format!("\u{feff}{}\r\n", PROPOSAL.replace('\n', "\r\n")));
        let same =
            same.with("implementation.md", "Words.").with(".openspec.yaml", "created: 2026-01-31\ngoal: words\n");
        same.is(state, &[]);
        let said = at(state).with("proposal.md", &format!("**Status:** {}\n{PROPOSAL}", state.name()));
        let saying = |word: &str| at(state).with("proposal.md", &format!("**Status:** {word}\n{PROPOSAL}")).life();
        assert_eq!(said.life().content_hash, saying("wip").content_hash);
        // What stands there besides a state would otherwise be approved by nobody.
        assert_ne!(said.life().content_hash, saying("wip; drop the table").content_hash);
    }
    // A new approval is of the new content, and what went before is told and no more.
    let again = change().approved().with("proposal.md", "# Other\n").says(Gate::Implement, Verdict::InProgress);
    let again = again.is(State::Draft, &["gate/stale-approval", "gate/stale-approval"]).approved();
    let life = again.is(State::Approved, &stale).life();
    assert_eq!(life.issues[0].level, Level::Info);
    // A revised draft is before the architect again.
    at(State::NeedsRevision).with("proposal.md", "# Other\n").is(State::Draft, &[]);
}

// covers: gated-workflow#author-architect-and-validators-are-different-parties
#[test]
fn nobody_judges_their_own_work() {
    let own = ["gate/self-approval"];
    let by = |actor: &'static str| move |record: &mut Record| record.actor = actor.to_owned();
    change().says_as(Gate::Architect, Verdict::Approved, by("human:ann")).is(State::Draft, &own);
    change().says_as(Gate::Architect, Verdict::NeedsRevision, by("human:ann")).is(State::NeedsRevision, &[]);
    let author = change().with(".openspec.yaml", "author: human:bob\n");
    author.clone().says_as(Gate::Architect, Verdict::Approved, by("human:bob")).is(State::Draft, &own);
    // Both who the journal names and who the change names.
    author.clone().says_as(Gate::Architect, Verdict::Approved, by("human:Ann")).is(State::Draft, &own);
    author.says(Gate::Architect, Verdict::Approved).is(State::Approved, &[]);
    for (author, actor) in [("Bob", "human:bob"), ("architect", "agent:architect"), ("human:BOB", "human:Bob")] {
        let named = change().with(".openspec.yaml", &format!("author: {author}\n"));
        let life = named.says_as(Gate::Architect, Verdict::Approved, by(actor)).life();
        let codes: Vec<&str> = life.issues.iter().map(|issue| issue.code).collect();
        let bad: &[&str] = if author.contains(':') { &own } else { &["gate/bad-author", "gate/self-approval"] };
        assert_eq!((life.state, codes.as_slice()), (State::Draft, bad), "{author}");
    }
    for author in ["''", "[human:bob]", "1", "'human:'"] {
        change().with(".openspec.yaml", &format!("author: {author}\n")).is(State::Draft, &["gate/bad-author"]);
    }
    for actor in ["human:ann", "agent:architect", "agent:feature-implementer"] {
        for gate in [Gate::Pm, Gate::Test] {
            let refused = change().handed_over().says_as(gate, Verdict::Pass, by(actor)).is(State::Validation, &own);
            // Somebody else settles it.
            let life = refused.says(gate, Verdict::Pass).is(State::Validation, &own).life();
            assert_eq!(life.issues[0].level, Level::Info);
        }
    }
}

// covers: gated-workflow#a-verdict-shows-why
#[test]
fn verdicts_show_why() {
    let code = ["gate/missing-evidence"];
    let bare = |record: &mut Record| record.evidence.clear();
    change().says_as(Gate::Architect, Verdict::Approved, bare).is(State::Draft, &code);
    change().says_as(Gate::Architect, Verdict::NeedsRevision, bare).is(State::NeedsRevision, &code);
    change().approved().ticked().says_as(Gate::Implement, Verdict::Done, bare).is(State::InProgress, &code);
    let hollow = |record: &mut Record| record.evidence = vec!["n/a".to_owned(), "TODO".to_owned(), "-".to_owned()];
    change().approved().ticked().says_as(Gate::Implement, Verdict::Done, hollow).is(State::InProgress, &code);
    change().handed_over().says_as(Gate::Pm, Verdict::Pass, bare).is(State::Validation, &code);
    let wrong = |record: &mut Record| record.findings.push(crate::town::finding::Finding::error("x", "y"));
    change().says_as(Gate::Architect, Verdict::Approved, wrong).is(State::Draft, &["gate/contradiction"]);
}

// covers: gated-workflow#the-state-of-a-change-follows-from-its-gate-records/both-validators-pass
// covers: gated-workflow#the-state-of-a-change-follows-from-its-gate-records/a-validator-takes-its-own-word-back
// covers: gated-workflow#agents-speak-at-their-own-gate-and-in-their-own-name/two-validators-at-once
#[test]
fn validators_work_side_by_side() {
    let round = || change().handed_over();
    let third = |record: &mut Record| record.number = 3;
    let both = round().says_as(Gate::Test, Verdict::Pass, third).says_as(Gate::Pm, Verdict::Pass, third);
    both.is(State::Completed, &[]);
    // The one that speaks after the other has returned the change was not wrong to judge it.
    let failed = round().says_as(Gate::Pm, Verdict::Fail, third).says_as(Gate::Test, Verdict::Pass, third);
    let failed = failed.is(State::InProgress, &[]);
    assert!(!failed.life().steps[3].counts);
    // Its own word it does not take back without new work, and it says one thing only.
    for gate in [Gate::Pm, Gate::Test] {
        failed.clone().says(gate, Verdict::Pass).is(State::InProgress, &["gate/skipped"]);
    }
    // A new round begins with neither.
    let again = failed.says(Gate::Implement, Verdict::Done).is(State::Validation, &[]);
    assert_eq!(again.life().next.agents, ["pm-validator", "test-validator"]);
    let again = again.says(Gate::Test, Verdict::Pass).is(State::Validation, &[]);
    assert_eq!(again.life().next.agents, ["pm-validator"]);
    let twice = |record: &mut Record| record.number = 1;
    change()
        .approved()
        .says_as(Gate::Implement, Verdict::InProgress, twice)
        .is(State::InProgress, &["gate/same-number"]);
}

#[test]
fn a_change_is_archived_where_it_lies() {
    let done = at(State::Completed).says(Gate::Archive, Verdict::Archived).is(State::Completed, &[]);
    let moved = |change: &Change| {
        let mut tree = Tree::default();
        for (path, node) in change.tree.below(FOLDER) {
            tree.put(&path.replace("changes/", "changes/archive/2026-11-21-"), node.clone());
        }
        let folder = "openspec/changes/archive/2026-11-21-add-x";
        let authors = change.author.iter().map(|author| ("add-x".to_owned(), [(*author).to_owned()].into()));
        let past = Past { authors: authors.collect(), ..Past::default() };
        Lifecycle::of(&Project::new(&tree, "openspec"), folder, &past)
    };
    assert_eq!((moved(&done).state, moved(&done).issues), (State::Archived, Vec::new()));
    let early = moved(&at(State::Approved));
    assert_eq!((early.state, early.issues[0].code), (State::Archived, "gate/skipped"));
    let unsaid = moved(&at(State::Completed));
    assert_eq!((unsaid.state, unsaid.issues[0].code), (State::Archived, "gate/skipped"));
    // Whoever wrote it by the journal, under the name that it had, does not pass it.
    let own = moved(&Change { author: Some("agent:pm-validator"), ..done.clone() });
    assert_eq!(own.issues[0].code, "gate/self-approval");
    let edited = moved(&done.with("proposal.md", "# Other\n"));
    assert!(edited.issues.iter().any(|issue| issue.code == "gate/stale-approval"), "{:?}", edited.issues);
    assert_eq!(moved(&at(State::Withdrawn)).state, State::Withdrawn);
    assert_eq!(moved(&change()).issues, Vec::new());
}

// covers: gated-workflow#the-status-line-repeats-the-records/a-line-that-is-ahead-of-the-records
#[test]
fn the_status_line_is_held_against_the_records() {
    let says = |text: &str| change().with("proposal.md", &format!("# X\r\n**Status:** {text}\r\n{PROPOSAL}"));
    says("Draft").is(State::Draft, &[]);
    says("proposed").is(State::Draft, &["status/unknown"]);
    says("whatever").is(State::Draft, &["status/unknown"]);
    let life = says("✅ IMPLEMENTED").is(State::Draft, &["status/disagrees-with-events"]).life();
    assert_eq!((life.issues[0].line, life.issues[0].path.as_str()), (Some(2), "proposal.md"));
    says("Approved").is(State::Draft, &["status/disagrees-with-events"]);
    says("Approved").approved().is(State::Approved, &[]);
    // Two passes that were merged side by side leave it behind: that is told, and nothing has to be done.
    let passed = |text: &str| says(text).handed_over().says(Gate::Pm, Verdict::Pass).says(Gate::Test, Verdict::Pass);
    let lags = passed("Validation").is(State::Completed, &["status/disagrees-with-events"]).life();
    assert_eq!(lags.issues[0].level, Level::Info);
    assert_eq!(passed("In Progress").life().issues[0].level, Level::Error);
}

// covers: gated-workflow#a-record-that-cannot-be-read-is-never-passed-over
#[test]
fn what_is_no_record_is_said_with_its_place_and_changes_nothing() {
    let good = "gate: architect\nverdict: approved\nactor: human:bob\ncontent_hash: b3:1\nevidence: [x]\n";
    let run = "actor: agent:architect\n";
    for (name, text, line) in [
        ("notes.md", good.to_owned(), None),
        ("1-architect.yaml", good.to_owned(), None),
        ("001-architect.yml", good.to_owned(), None),
        ("001-nobody.yaml", good.to_owned(), None),
        ("9999999999-architect.yaml", good.to_owned(), None),
        ("2026-11-21-architect.yaml", good.to_owned(), None),
        ("001-pm.yaml", good.to_owned(), None),
        ("deep/001-architect.yaml", good.to_owned(), None),
        ("999999999-architect.yaml", good.to_owned(), None),
        ("001-architect.yaml", String::new(), Some(1)),
        ("001-architect.yaml", good.replace("approved", "pass"), None),
        ("001-architect.yaml", good.replace("approved", "aproved"), Some(2)),
        ("001-architect.yaml", good.replace("human:bob", "bob"), None),
        ("001-architect.yaml", good.replace("actor: human:bob\n", run), None),
        ("001-architect.yaml", format!("{good}mood: bad\n"), Some(6)),
        ("001-architect.yaml", format!("{good}gate: architect\n"), Some(6)),
        ("001-architect.yaml", format!("{good}evidence2: &a [*a]\n"), Some(6)),
        ("001-architect.yaml", "[".repeat(60_000), Some(1)),
        ("001-architect.yaml", format!("{good}# {}\n", "x".repeat(RECORD_BYTES)), None),
        ("001-architect.yaml", good.replace("[x]", &format!("[{}]", "x,".repeat(300))), None),
    ] {
        let life = change().with(&format!("gates/{name}"), &text).life();
        assert_eq!((life.state, life.is_legible()), (State::Draft, false), "{name}: {text:.60}");
        let first = &life.issues[0];
        assert_eq!((first.code, first.level, first.line), (record::BAD, Level::Error, line), "{name}: {first:?}");
        assert!(first.path.starts_with("gates/") && first.fix.is_some(), "{first:?}");
    }
    // A number that is far off takes nobody else's place.
    let far = change().approved().with("gates/999999999-implement.yaml", good).life();
    assert_eq!((far.last_number, far.state, far.is_legible()), (1, State::Approved, false));
    let mut linked = change();
    linked.tree.put(&format!("{FOLDER}/gates/001-architect.yaml"), Node::Dangling);
    assert!(!linked.life().is_legible());
    let crlf = format!("\u{feff}{}", good.replace('\n', "\r\n").replace("b3:1", &change().life().content_hash));
    change().with("gates/0001-architect.yaml", &crlf).with("gates/.gitkeep", "").is(State::Approved, &[]);
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let finding = crate::town::finding::Finding::warning("a-rule", "say \"why\": # no\u{2028}comment")
        .at("a b.md")
        .line(3_u32)
        .fix("- x");
    let record = Record {
        number: 12,
        gate: Gate::Pm,
        verdict: Verdict::Pass,
        actor: "agent:pm-validator".to_owned(),
        run: Some("01234567890123456789012345".to_owned()),
        commit: Some("1234567890123456789012345678901234567890".to_owned()),
        content_hash: "b3:00".to_owned(),
        findings: vec![finding],
        evidence: vec!["a: [1, 2]\n\u{202e}".to_owned()],
        path: Record::next_path(FOLDER, 11, Gate::Pm),
    };
    let read = Record::parse(&record.path, record.write().as_bytes()).unwrap();
    assert_eq!(read.write(), record.write());
    assert_eq!(
        (read.number, &read.run, &read.commit, read.findings[0].line),
        (12, &record.run, &record.commit, Some(3))
    );
}

proptest! {
    #[test]
    fn no_order_of_records_makes_it_panic(
        records in prop::collection::vec((0_usize..6, 0_usize..3, 1_u32..6, 0_usize..4, any::<bool>()), 0..12),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut made = change().with("gates/004-pm.yaml", &String::from_utf8_lossy(&bytes));
        for (gate, verdict, number, actor, edit) in records {
            let (gate, _, _, verdicts) = GATES[gate];
            let actor = ["human:ann", "agent:architect", "agent:pm-validator", "human:bob"][actor];
            made = made.says_as(gate, verdicts[verdict % verdicts.len()], |record| {
                (record.number, record.actor) = (number, actor.to_owned());
            });
            if edit {
                made.write("proposal.md", &format!("{PROPOSAL}{number}\n"));
            }
        }
        let life = made.life();
        prop_assert_eq!(&life, &made.life());
        prop_assert!(life.steps.windows(2).all(|pair| pair[0].record.number <= pair[1].record.number));
        // Nothing is built without an approval of the very content that is there.
        if life.state.may_build() {
            let approval = life.last(Gate::Architect).unwrap();
            prop_assert_eq!((approval.verdict, &approval.content_hash), (Verdict::Approved, &life.content_hash));
        }
    }
}
