//! Cases of the checks about gate records, approvals and ticked tasks.

use super::super::fixture::{Work as Proposed, agent, human};
use super::*;
use crate::town::changeset::{NamedBytes, Proposal};
use crate::town::finding::Severity;
use crate::town::spec::content;
use crate::town::spec::tree::{Node, Tree};

const FOLDER: &str = "openspec/changes/add-x";
const TASKS: &str = "- [ ] 1.1 Write it\n- [ ] 1.2 Test it\n- [ ] Tell people\n";
const RUN: &str = "01J8ZQ5VAR7B2Q3K4M5N6P7R8S";
const COMMIT: &str = "1234567890123456789012345678901234567890";

/// The change as it stands before the proposal, with the records of some gates.
fn standing(said: &[(Gate, Verdict)]) -> Vec<NamedBytes> {
    let mut files: Vec<NamedBytes> = vec![
        (format!("{FOLDER}/proposal.md"), b"# Add x\n".as_slice().into()),
        (format!("{FOLDER}/tasks.md"), TASKS.as_bytes().into()),
    ];
    for (at, (gate, verdict)) in said.iter().enumerate() {
        let record = record(&files, u32::try_from(at).unwrap() + 1, *gate, *verdict, |_| {});
        files.push((record.path.clone(), record.write().into_bytes().into()));
    }
    files
}

fn tree(files: &[NamedBytes]) -> Tree {
    let mut tree = Tree::default();
    files.iter().for_each(|(path, bytes)| tree.put_file(path, bytes.clone()));
    tree
}

fn record(files: &[NamedBytes], number: u32, gate: Gate, verdict: Verdict, edit: impl FnOnce(&mut Record)) -> Record {
    let tree = tree(files);
    let mut record = Record {
        number,
        gate,
        verdict,
        actor: if gate.agent().is_empty() { "human:ann".to_owned() } else { format!("agent:{}", gate.agent()) },
        run: Some(RUN.to_owned()),
        commit: Some(COMMIT.to_owned()),
        content_hash: content::hash(&Project::new(&tree, OPENSPEC), FOLDER),
        findings: Vec::new(),
        evidence: vec!["src/x.rs:3".to_owned()],
        path: Record::next_path(FOLDER, number - 1, gate),
    };
    edit(&mut record);
    record
}

/// A proposal of an agent that owns everything, on top of the change.
fn by(name: &str, said: &[(Gate, Verdict)]) -> Proposed {
    agent().with(|p| {
        p.agent = name.parse().ok();
        p.runs = ["01J8ZQ5VAR7B2Q3K4M5N6P7R8T", RUN].map(|run| (run.to_owned(), COMMIT.to_owned())).to_vec();
        p.owns = vec!["**".parse().unwrap()];
        p.specs = tree(&standing(said));
    })
}

fn adds(work: Proposed, record: &Record) -> Proposed {
    work.adds(&record.path, record.write())
}

const APPROVAL: (Gate, Verdict) = (Gate::Architect, Verdict::Approved);
const BEGUN: (Gate, Verdict) = (Gate::Implement, Verdict::InProgress);

// covers: gated-workflow#guarded-paths-wait-for-an-approval
#[test]
fn guarded_paths_wait_for_an_approval() {
    let guarded = |p: &mut Proposal| {
        p.guarded = vec!["core/**".parse().unwrap()];
        p.change = Some("add-x".to_owned());
    };
    let builds = |said: &[(Gate, Verdict)]| by("tester", said).with(guarded).adds("core/a.md", "One line.\n");
    let refused = ["approved-change core/a.md"];
    builds(&[APPROVAL]).gives(&[]);
    builds(&[APPROVAL, BEGUN]).gives(&[]);
    for (said, step) in [
        (&[][..], "architect judges the draft"),
        (&[(Gate::Architect, Verdict::NeedsRevision)], "revises the change"),
        (&[APPROVAL, (Gate::Implement, Verdict::Blocked)], "once what"),
        (&[APPROVAL, (Gate::Close, Verdict::Withdrawn)], "nothing"),
    ] {
        let found = builds(said).gives(&refused);
        assert!(found[0].remedy.contains(step), "{found:?}");
    }
    builds(&[APPROVAL]).with(|p| p.change = None).gives(&refused);
    for name in ["../x", "", "archive", ".x", "add-y"] {
        builds(&[APPROVAL]).with(|p| p.change = Some(name.to_owned())).gives(&refused);
    }
    // An approval that came along, one of other content, and one that cannot be read are none.
    let own = record(&standing(&[]), 1, Gate::Architect, Verdict::Approved, |_| {});
    adds(builds(&[]).with(|p| p.agent = "architect".parse().ok()), &own).gives(&refused);
    let edited = builds(&[APPROVAL]).edits(&format!("{FOLDER}/proposal.md"), "# Add x\n", "# Add y\n").gives(&refused);
    assert!(edited[0].message.contains("Draft: the content was edited"), "{edited:?}");
    let hollow = |p: &mut Proposal| p.specs.put_file(&format!("{FOLDER}/gates/notes.yaml"), b"x".as_slice());
    builds(&[APPROVAL]).with(hollow).gives(&refused);
    // What forbids it cannot be thrown out with the same work.
    let blocked = standing(&[APPROVAL, (Gate::Implement, Verdict::Blocked)]);
    let (path, bytes) = &blocked[3];
    let out = builds(&[APPROVAL]).edits(path, bytes, "").with(|p| p.changes[1].after = None);
    out.gives(&["approved-change core/a.md", &format!("gate-records {path}")]);
    // A link in the place of a record is one that cannot be read.
    let link = |p: &mut Proposal| p.specs.put(&format!("{FOLDER}/gates/002-close.yaml"), Node::Dangling);
    builds(&[APPROVAL]).with(link).gives(&refused);
    // The name is a folder's, in whatever letters.
    let renamed = |p: &mut Proposal| {
        p.change = Some("änderung".to_owned());
        p.specs = standing(&[APPROVAL])
            .into_iter()
            .map(|(path, bytes)| (path.replace("add-x", "änderung"), bytes))
            .fold(Tree::default(), |mut tree, (path, bytes)| {
                tree.put_file(&path, bytes);
                tree
            });
    };
    builds(&[]).with(renamed).gives(&[]);
    agent().adds("own/a.md", "One line.\n").with(|p| p.guarded = vec!["core/**".parse().unwrap()]).gives(&[]);
}

/// The change with every box ticked and handed over, and what else was said.
fn handed_over(more: &[(Gate, Verdict)]) -> Vec<NamedBytes> {
    let mut files = standing(&[APPROVAL]);
    files[1].1 = TASKS.replace("[ ]", "[x]").as_bytes().into();
    for (number, (gate, verdict)) in (2..).zip([(Gate::Implement, Verdict::Done)].iter().chain(more)) {
        let record = record(&files, number, *gate, *verdict, |_| {});
        files.push((record.path.clone(), record.write().into_bytes().into()));
    }
    files
}

// covers: gated-workflow#a-pass-is-of-one-state-of-the-code
// covers: gated-workflow#a-pass-is-of-one-state-of-the-code/a-box-is-emptied-for-more-work
#[test]
fn what_is_handed_over_is_built_again_only_when_it_was_taken_back() {
    let passes = [(Gate::Pm, Verdict::Pass), (Gate::Test, Verdict::Pass)];
    let (path, refused) = (format!("{FOLDER}/tasks.md"), "approved-change core/a.md");
    let ticked = TASKS.replace("[ ]", "[x]");
    let half = ticked.replacen("[x]", "[ ]", 1);
    let on = |files: &[NamedBytes]| {
        by("feature-implementer", &[]).with(|p| {
            p.specs = tree(files);
            p.guarded = vec!["core/**".parse().unwrap()];
            p.change = Some("add-x".to_owned());
        })
    };
    for more in [&passes[..0], &passes[..]] {
        let done = handed_over(more);
        let code = |work: Proposed| work.adds("core/a.md", "One line.\n");
        let found = code(on(&done)).gives(&[refused]);
        assert!(found[0].remedy.contains("records `in-progress`"), "{found:?}");
        // Neither with a box that is emptied for it, nor with one that an earlier work emptied, ticked again or not.
        let emptied = format!("ticked-with-evidence {path}");
        code(on(&done).edits(&path, &ticked, &half)).gives(&[refused, &emptied]);
        on(&done).edits(&path, &ticked, &half).gives(&[&emptied]);
        let mut open = done.clone();
        open[1].1 = half.as_bytes().into();
        code(on(&open)).gives(&[refused]);
        let page = format!("{FOLDER}/implementation.md");
        code(on(&open).edits(&path, &half, &ticked).adds(&page, "1.1 `make`\n")).gives(&[refused]);
        // Taken back by its record, which has to be merged before anything is built on it.
        let number = u32::try_from(done.len()).unwrap() - 1;
        let back = record(&done, number, Gate::Implement, Verdict::InProgress, |_| {});
        adds(on(&done).edits(&path, &ticked, &half), &back).gives(&[]);
        code(adds(on(&done), &back)).gives(&[refused]);
        let mut merged = done.clone();
        merged.push((back.path.clone(), back.write().into_bytes().into()));
        code(on(&merged)).gives(&[]);
    }
}

// covers: gated-workflow#an-approval-is-of-one-content/an-agent-takes-an-edit-back
#[test]
fn an_edit_does_not_revive_an_approval() {
    let path = format!("{FOLDER}/proposal.md");
    let mut files = standing(&[APPROVAL]);
    files[0].1 = b"# Add x and y\n".as_slice().into();
    let back = || by("tester", &[]).with(|p| p.specs = tree(&files)).edits(&path, "# Add x and y\n", "# Add x\n");
    let found = back().gives(&[&format!("gate-records {path}")]);
    assert!(found[0].message.contains("holds again"), "{found:?}");
    let guarded = |p: &mut Proposal| {
        (p.guarded, p.change) = (vec!["core/**".parse().unwrap()], Some("add-x".to_owned()));
    };
    let found = judged(back().with(guarded).adds("core/a.md", "One line.\n"));
    assert!(found.iter().any(|finding| finding.rule == APPROVED), "{found:?}");
    // Another edit of what is a draft anyway, and one that the architect judges, are fine.
    by("tester", &[]).with(|p| p.specs = tree(&files)).edits(&path, "# Add x and y\n", "# Add z\n").gives(&[]);
}

// covers: gated-workflow#agents-speak-at-their-own-gate-and-in-their-own-name
// covers: gated-workflow#agents-speak-at-their-own-gate-and-in-their-own-name/a-record-for-somebody-else-s-gate
#[test]
fn an_agent_speaks_at_its_own_gate_in_its_own_name_of_what_is_there() {
    let said = [APPROVAL, BEGUN];
    let files = standing(&said);
    let blocked = |edit: fn(&mut Record)| record(&files, 3, Gate::Implement, Verdict::Blocked, edit);
    let path = blocked(|_| {}).path;
    let refused = format!("gate-records {path}");
    adds(by("feature-implementer", &said), &blocked(|_| {})).gives(&[]);
    for (agent, edit, why) in [
        (
            "architect",
            (|r| r.actor = "agent:architect".to_owned()) as fn(&mut Record),
            "which feature-implementer keeps",
        ),
        ("feature-implementer", |r| r.actor = "human:ann".to_owned(), "speaks as"),
        ("feature-implementer", |r| r.run = Some("01J8".to_owned()), "names the run"),
        ("feature-implementer", |r| r.content_hash = "b3:0".to_owned(), "is bound to"),
        ("feature-implementer", |r| (r.verdict, r.evidence) = (Verdict::Done, Vec::new()), "gate/missing-evidence"),
    ] {
        let found = adds(by(agent, &said), &blocked(edit)).gives(&[&refused]);
        assert!(found[0].message.contains(why), "{found:?}");
    }
    // Where it does not count it is not said at all.
    let early = record(&files, 3, Gate::Pm, Verdict::Pass, |_| {});
    let found = adds(by("pm-validator", &said), &early).gives(&[&format!("gate-records {}", early.path)]);
    assert!(found[0].message.contains("gate/skipped"), "{found:?}");
    let close = record(&files, 3, Gate::Close, Verdict::Withdrawn, |r| r.actor = "agent:architect".to_owned());
    adds(by("architect", &said), &close).gives(&[&format!("gate-records {}", close.path)]);
    let bad = by("architect", &said).adds(&format!("{FOLDER}/gates/4-architect.yaml"), "gate: architect\n");
    bad.gives(&[&format!("gate-records {FOLDER}/gates/4-architect.yaml")]);
    // People may do all this, and are told.
    let found = adds(human().with(|p| p.specs = tree(&standing(&said))), &early)
        .gives(&[&format!("gate-records {}", early.path)]);
    assert_eq!(found[0].severity, Severity::Warning);
    // The author does not approve.
    let own = record(&standing(&[]), 1, Gate::Architect, Verdict::Approved, |_| {});
    let authors =
        |p: &mut Proposal| p.past.authors = [("add-x".to_owned(), ["agent:architect".to_owned()].into())].into();
    let found = adds(by("architect", &[]).with(authors), &own).gives(&[&format!("gate-records {}", own.path)]);
    assert!(found[0].message.contains("gate/self-approval"), "{found:?}");
}

// covers: gated-workflow#agents-speak-at-their-own-gate-and-in-their-own-name
#[test]
fn records_are_numbered_and_stay() {
    let said = [APPROVAL, BEGUN];
    let files = standing(&said);
    for number in [1, 4, 9] {
        let record = record(&files, number, Gate::Implement, Verdict::InProgress, |_| {});
        let found = judged(adds(by("feature-implementer", &said), &record));
        assert!(
            found.iter().any(|f| f.rule == RECORDS && f.remedy.contains("003-implement.yaml")),
            "{number}: {found:?}"
        );
    }
    let two = [3, 4].map(|number| record(&files, number, Gate::Implement, Verdict::InProgress, |_| {}));
    two.iter().fold(by("feature-implementer", &said), adds).gives(&[]);
    let (path, bytes) = &files[2];
    by("architect", &said)
        .edits(path, bytes, [bytes, b"# x\n".as_slice()].concat())
        .gives(&[&format!("gate-records {path}")]);
    by("architect", &said).deletes(path).gives(&[&format!("gate-records {path}")]);
    // Put away with its change it stays what it was.
    let archived = path.replace("changes/", "changes/archive/2026-11-21-");
    let moves =
        |to: &str| by("architect", &said).edits(path, bytes, "").with(|p| p.changes[0].after = None).adds(to, bytes);
    moves(&archived).gives(&[]);
    let elsewhere = path.replace("changes/add-x", "changes/archive/2026-11-21-other");
    assert!(judged(moves(&elsewhere)).iter().any(|f| f.rule == RECORDS));
}

fn judged(work: Proposed) -> Vec<Finding> {
    super::super::judge(&work.0)
}

// covers: gated-workflow#agents-speak-at-their-own-gate-and-in-their-own-name/two-validators-at-once
#[test]
fn the_validators_do_not_wait_for_each_others_number() {
    let open = TASKS.replace("[ ]", "[x]");
    let mut files = standing(&[APPROVAL]);
    files[1].1 = open.as_bytes().into();
    let done = record(&files, 2, Gate::Implement, Verdict::Done, |_| {});
    files.push((done.path.clone(), done.write().into_bytes().into()));
    let pm = record(&files, 3, Gate::Pm, Verdict::Pass, |_| {});
    files.push((pm.path.clone(), pm.write().into_bytes().into()));
    for (number, fine) in [(2, false), (3, true), (4, true), (5, false)] {
        let test = record(&files, number, Gate::Test, Verdict::Pass, |_| {});
        let found = judged(adds(by("test-validator", &[]).with(|p| p.specs = tree(&files)), &test));
        assert_eq!(found.is_empty(), fine, "{number}: {found:?}");
    }
    // A pass is of the commit that its run has read.
    for commit in [None, Some("f00d".repeat(10))] {
        let test = record(&files, 4, Gate::Test, Verdict::Pass, |r| r.commit = commit);
        let found = judged(adds(by("test-validator", &[]).with(|p| p.specs = tree(&files)), &test));
        assert!(found.len() == 1 && found[0].remedy.contains(COMMIT), "{found:?}");
    }
}

// covers: gated-workflow#ticked-means-shown
#[test]
fn what_is_ticked_is_shown() {
    let path = format!("{FOLDER}/tasks.md");
    let page = format!("{FOLDER}/implementation.md");
    let ticks = |which: &str| {
        let after = TASKS.replace(&format!("[ ] {which}"), &format!("[x] {which}"));
        by("feature-implementer", &[APPROVAL]).edits(&path, TASKS, after)
    };
    let refused = |line: u32| format!("ticked-with-evidence {path}:{line}");
    let ticks = |which: &str| ticks(which).beside("src/limits.rs").beside("docs/x.md");
    ticks("1.1").gives(&[&refused(1)]);
    ticks("Tell people").gives(&[&refused(3)]);
    for (which, line, shown) in [
        ("1.1", "| 1.1 | `cargo test limits` exit 0 |", true),
        ("1.1", "1.1. see src/limits.rs", true),
        ("1.1", "- 1.1 in 4be1c02", true),
        ("1.1", "1.1 see src/other.rs", false),
        ("1.1", "1.1 n/a", false),
        ("1.1", "- 1.1 is done", false),
        ("1.1", "| 11.1 | `cargo test` |", false),
        ("1.1", "| 1.1.2 | `cargo test` |", false),
        ("1.1", "| 1.12 | `cargo test` |", false),
        ("1.2", "| 1.1 | `cargo test` |", false),
        ("Tell people", "Tell people: docs/x.md", true),
    ] {
        let found = judged(ticks(which).adds(&page, format!("# Done\n{line}\n")));
        assert_eq!(found.is_empty(), shown, "{which}: {line}: {found:?}");
    }
    // A record of the implementer shows it too, and what was ticked before is not asked again.
    let after = TASKS.replace("[ ] 1.1", "[x] 1.1");
    let record = record(&standing(&[APPROVAL]), 2, Gate::Implement, Verdict::InProgress, |r| {
        r.evidence = vec!["1.1: `make test` exit 0".to_owned()];
    });
    adds(ticks("1.1"), &record).gives(&[]);
    // One that does not count shows nothing.
    let early = by("feature-implementer", &[]).edits(&path, TASKS, &after);
    let found = judged(adds(early, &Record { number: 1, path: record.path.replace("002", "001"), ..record }));
    assert!(found.iter().any(|finding| finding.rule == TICKED), "{found:?}");
    by("feature-implementer", &[]).edits(&path, &after, format!("{after}- [ ] 1.3 More\n")).gives(&[]);
    // Two tasks of one text need two lines.
    let (two, both) = ("- [ ] Test it\n- [ ] Test it\n", "- [x] Test it\n- [x] Test it\n");
    for (before, lines, fine) in [(two, 1, false), (two, 2, true), ("- [x] Test it\n- [ ] Test it\n", 1, false)] {
        let work = by("feature-implementer", &[]).edits(&path, before, both);
        let found = judged(work.adds(&page, "Test it: `make test` exit 0\n".repeat(lines)));
        assert_eq!(!found.iter().any(|finding| finding.rule == TICKED), fine, "{lines}: {found:?}");
    }
    by("feature-implementer", &[]).edits(&path, &after, TASKS).gives(&[]);
}

// covers: gated-workflow#the-status-line-repeats-the-records/a-verdict
#[test]
fn the_status_line_is_rewritten_beside_a_record_and_nothing_else_is() {
    let text = "# Add x\n\n**Status:** Draft\n\n## Why\nSo.\n";
    let mut files = standing(&[]);
    files[0].1 = text.as_bytes().into();
    let record = record(&files, 1, Gate::Architect, Verdict::Approved, |_| {});
    let path = format!("{FOLDER}/proposal.md");
    let work = |now: &str, has_record: bool| {
        let mut work = by("architect", &[]).with(|p| {
            p.owns = vec!["openspec/changes/*/gates/*-architect.yaml".parse().unwrap()];
            p.specs = tree(&files);
        });
        work = work.edits(&path, text, now);
        if has_record { work.adds(&record.path, record.write()) } else { work }
    };
    let approved = text.replace("Draft", "Approved");
    work(&approved, true).gives(&[]);
    let (own, bound) = (format!("stays-in-own-paths {path}"), format!("gate-records {}", record.path));
    for (now, has_record, found) in [
        (approved.as_str(), false, &[own.as_str()][..]),
        (&text.replace("Draft", "Completed"), true, &[&own]),
        (&text.replace("Draft", "Approved (and free)"), true, &[&bound, &own]),
        (&approved.replace("So.", "So!"), true, &[&bound, &own]),
    ] {
        work(now, has_record).gives(found);
    }
}
