//! Cases of what the architect may write where it archives: the plan, and not one byte beside it.

use super::super::fixture::agent;
use super::super::{FINDINGS, judge};
use crate::town::changeset::{Blob, FileChange, Proposal};
use crate::town::finding::Finding;
use crate::town::spec::base::Base;
use crate::town::spec::content;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::{OPENSPEC, PutAway, put_away};
use crate::town::spec::record::{Gate, Record, Verdict};
use crate::town::spec::tree::Tree;

const FOLDER: &str = "openspec/changes/add-x";
const TO: &str = "openspec/changes/archive/2026-11-21-add-x";
const DELTA: &str = "## Purpose\nX is there so that whoever asks for it has it at once.\n\n## ADDED Requirements\n\n### Requirement: X\nThe system SHALL x.\n\n#### Scenario: One\n- **WHEN** it is asked\n- **THEN** it does x\n";

fn record(tree: &Tree, folder: &str, number: u32, gate: Gate, verdict: Verdict) -> Record {
    Record {
        number,
        gate,
        verdict,
        actor: format!("agent:{}", gate.agent()),
        run: Some("01J8".to_owned()),
        commit: None,
        content_hash: content::hash(&Project::new(tree, OPENSPEC), folder),
        findings: Vec::new(),
        evidence: vec!["x.md:1".to_owned()],
        path: Record::next_path(folder, number - 1, gate),
    }
}

/// A change with the records of its gates.
fn standing(said: &[(Gate, Verdict)]) -> Tree {
    let mut tree = Tree::default();
    for (name, text) in
        [("proposal.md", "# X\n\n**Status:** Draft\n"), ("tasks.md", "- [x] 1.1 Do it\n"), ("specs/x/spec.md", DELTA)]
    {
        tree.put_file(&format!("{FOLDER}/{name}"), text.as_bytes());
    }
    for (number, (gate, verdict)) in (1..).zip(said) {
        let record = record(&tree, FOLDER, number, *gate, *verdict);
        tree.put_file(&record.path, record.write().into_bytes());
    }
    tree
}

const COMPLETE: [(Gate, Verdict); 4] = [
    (Gate::Architect, Verdict::Approved),
    (Gate::Implement, Verdict::Done),
    (Gate::Pm, Verdict::Pass),
    (Gate::Test, Verdict::Pass),
];

/// The proposal that archives the change as planned, with the record of it.
fn archives(tree: &Tree, put: &PutAway) -> Proposal {
    archives_as(tree, put, FOLDER, TO)
}

fn archives_as(tree: &Tree, put: &PutAway, from: &str, to: &str) -> Proposal {
    let last = record(tree, from, 5, Gate::Archive, Verdict::Archived);
    let mut files = put.files.clone();
    files.insert(last.path.replace(from, to), Some(last.write().into_bytes().into()));
    let change = |(path, after): (String, Option<std::sync::Arc<[u8]>>)| {
        let before = tree.bytes(&path).map(Blob::file);
        FileChange { path, before, after: after.map(Blob::file) }
    };
    let changes: Vec<FileChange> = files.into_iter().map(change).collect();
    let specs = tree.clone();
    let work = agent().with(|p| {
        (p.agent, p.changes, p.specs) = ("architect".parse().ok(), changes, specs);
        p.max_files = 80;
    });
    work.0
}

fn rules(proposal: &Proposal) -> Vec<String> {
    let found = judge(proposal);
    assert!(found.len() < FINDINGS);
    // A purpose that nobody has written yet is a warning, of an archive too.
    let errors = found.into_iter().filter(Finding::is_error);
    let mut rules: Vec<String> = errors.map(|finding| finding.rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

// covers: gated-workflow#archiving-is-what-the-plan-says
// covers: gated-workflow#archiving-is-what-the-plan-says/one-sentence-more
#[test]
fn the_plan_may_be_written_and_nothing_beside_it() {
    let tree = standing(&COMPLETE);
    let put = put_away(&Project::new(&tree, OPENSPEC), "add-x", "2026-11-21", Base::default()).unwrap();
    let good = archives(&tree, &put);
    assert_eq!(rules(&good), [""; 0], "{:#?}", judge(&good));
    let refused = |edit: &dyn Fn(&mut Proposal)| {
        let mut bad = good.clone();
        edit(&mut bad);
        let found = rules(&bad);
        assert!(found.iter().any(|rule| rule == "stays-in-own-paths"), "{found:?}");
    };
    let after = |p: &mut Proposal, path: &str, text: &[u8]| {
        let change = p.changes.iter_mut().find(|change| change.path == path).unwrap();
        change.after = Some(Blob::file(text));
    };
    let spec = put.files["openspec/specs/x/spec.md"].clone().unwrap();
    refused(&|p| after(p, "openspec/specs/x/spec.md", &[&spec, b"One sentence more.\n".as_slice()].concat()));
    refused(&|p| after(p, &format!("{TO}/tasks.md"), b"- [x] 1.1 Do something else\n"));
    refused(&|p| {
        let path = format!("{FOLDER}/tasks.md");
        p.changes.retain(|change| change.path != path);
        p.specs.put_file(&path, tree.bytes(&path).unwrap());
    });
    refused(&|p| {
        p.changes.retain(|change| change.path != "openspec/specs/x/spec.md");
        p.specs.remove("openspec/specs/x/spec.md");
    });
    refused(&|p| p.agent = "tester".parse().ok());
    refused(&|p| {
        let path = "openspec/specs/y/spec.md".to_owned();
        p.changes.push(FileChange { path, before: None, after: Some(Blob::file(&*spec)) });
    });
    // The status line of the archived proposal says where it is.
    let proposal = put.files[&format!("{TO}/proposal.md")].clone().unwrap();
    assert_eq!(&*proposal, b"# X\n\n**Status:** Archived\n");
}

// covers: gated-workflow#archiving-enters-the-change-in-the-changelog/an-agent-archives
#[test]
fn the_entry_of_the_change_passes_and_not_a_word_beside_it() {
    let mut tree = standing(&COMPLETE);
    tree.put_file("openspec/config.yaml", b"changelog: CHANGELOG.md\n".as_slice());
    tree.put_file("CHANGELOG.md", b"# News\n\n## [Unreleased]\n\n## 1\n".as_slice());
    let put = put_away(&Project::new(&tree, OPENSPEC), "add-x", "2026-11-21", Base::default()).unwrap();
    let mut good = archives(&tree, &put);
    assert_eq!(rules(&good), [""; 0], "{:#?}", judge(&good));
    // It was approved with the change, also where people guard the file.
    good.guarded = vec!["CHANGELOG.md".parse().unwrap()];
    assert_eq!(rules(&good), [""; 0], "{:#?}", judge(&good));
    let log = String::from_utf8(put.files["CHANGELOG.md"].clone().unwrap().to_vec()).unwrap();
    assert!(log.contains("## [Unreleased]\n\n### Added\n\n- **X** (`add-x`: `x`)\n\n## 1"), "{log}");
    for other in
        [log.replace("**X**", "**Y**"), log.replace("## 1", "## 1\n- More"), log.replace("- **X**", "- **X**!")]
    {
        let mut bad = good.clone();
        let change = bad.changes.iter_mut().find(|change| change.path == "CHANGELOG.md").unwrap();
        change.after = Some(Blob::file(other.as_bytes()));
        let found = rules(&bad);
        assert!(
            found.contains(&"stays-in-own-paths".to_owned()) && found.contains(&"approved-change".to_owned()),
            "{found:?}"
        );
    }
    // A project that keeps a changelog archives nothing without it, and whose work names one more file gains nothing by it.
    let mut without = good.clone();
    without.changes.retain(|change| change.path != "CHANGELOG.md");
    without.specs.put_file("CHANGELOG.md", tree.bytes("CHANGELOG.md").unwrap());
    assert!(rules(&without).contains(&"stays-in-own-paths".to_owned()));
    tree.put_file("openspec/config.yaml", b"changelog: agents/tester.md\n".as_slice());
    tree.put_file("agents/tester.md", b"## [Unreleased]\n".as_slice());
    let charter = put_away(&Project::new(&tree, OPENSPEC), "add-x", "2026-11-21", Base::default()).unwrap();
    assert!(charter.files.contains_key("agents/tester.md"));
    assert!(rules(&archives(&tree, &charter)).contains(&"stays-in-own-paths".to_owned()));
    let mut named = archives(&standing(&COMPLETE), &put);
    let config = FileChange {
        path: "openspec/config.yaml".to_owned(),
        before: None,
        after: Some(Blob::file(b"changelog: CHANGELOG.md\n".as_slice())),
    };
    named.changes.push(config);
    assert!(rules(&named).contains(&"stays-in-own-paths".to_owned()));
}

// covers: gated-workflow#archiving-is-what-the-plan-says/an-archive-of-another-name
#[test]
fn the_archive_of_the_project_is_known_by_its_own_names() {
    for (config, name, to) in [
        ("archive_dir: done\n", "add-x", "openspec/done/2026-11-21-add-x"),
        ("archive_name: '{name}_{date}'\n", "add-x", "openspec/changes/archive/add-x_2026-11-21"),
        ("archive_name: 'was-{name}'\narchive_dir: old/all\n", "add-x", "openspec/old/all/was-add-x"),
        ("", "2026-01-31-add-x", "openspec/changes/archive/2026-01-31-add-x"),
    ] {
        let folder = format!("openspec/changes/{name}");
        let mut tree = Tree::default();
        for (path, node) in standing(&COMPLETE).below("openspec") {
            tree.put(&path.replace(FOLDER, &folder), node.clone());
        }
        tree.put_file("openspec/config.yaml", format!("schema: spec-driven\n{config}").into_bytes());
        let put = put_away(&Project::new(&tree, OPENSPEC), name, "2026-11-21", Base::default()).unwrap();
        let work = archives_as(&tree, &put, &folder, to);
        assert!(work.changes.iter().any(|file| file.path == format!("{to}/gates/005-archive.yaml")), "{put:?}");
        assert_eq!(rules(&work), [""; 0], "{config}{name}: {:#?}", judge(&work));
    }
}

// covers: gated-workflow#archiving-is-what-the-plan-says
#[test]
fn what_is_not_completed_is_not_archived() {
    let plan = put_away(&Project::new(&standing(&COMPLETE), OPENSPEC), "add-x", "2026-11-21", Base::default()).unwrap();
    for gates in 0..COMPLETE.len() {
        let tree = standing(&COMPLETE[..gates]);
        let mut put = plan.clone();
        put.files.retain(|path, _| !path.contains("/gates/") || tree.get(&path.replace(TO, FOLDER)).is_some());
        let found = rules(&archives(&tree, &put));
        assert!(found.iter().any(|rule| rule == "stays-in-own-paths"), "{gates}: {found:?}");
    }
}
