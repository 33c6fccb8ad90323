//! What history tells of an OpenSpec change: its own commits, on whichever side of a merge, and what came after a verdict.

use super::*;
use crate::town::spec::content;
use crate::town::spec::project::Project;
use crate::town::spec::record::{Gate, Record, Verdict};
use crate::town::spec::tree::Tree;

const FOLDER: &str = "openspec/changes/add-x";

/// Commits a file with the trailer of a change.
fn builds(box_: &Sandbox, path: &str, change: &str) -> Oid {
    box_.write("r", path, path);
    box_.save("r", &format!("Build {path}\n\nChange: {change}\n"))
}

#[test]
fn a_change_has_its_commits_from_where_its_folder_came_to_be() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    builds(&box_, "src/old.rs", "add-x");
    box_.write("r", &format!("{FOLDER}/proposal.md"), "# X\n");
    let began = box_.save("r", "Propose it");
    box_.git("r", &["checkout", "-q", "-b", "side"]);
    builds(&box_, "src/side.rs", "add-x");
    box_.git("r", &["checkout", "-q", "main"]);
    builds(&box_, "src/x.rs", "add-x");
    builds(&box_, "src/y.rs", "add-y");
    box_.git("r", &["merge", "-q", "--no-ff", "-m", "Take it in", "side"]);
    let head = repo.resolve("HEAD").unwrap();
    let before = repo.before(head, FOLDER).unwrap();
    assert_eq!(before.len(), 1);
    assert_ne!(before, [began]);
    let touched = repo.touched_for(head, &before, "add-x").unwrap();
    assert_eq!(touched.into_iter().collect::<Vec<_>>(), ["src/side.rs", "src/x.rs"]);
    assert!(repo.touched_for(head, &[head], "add-x").unwrap().is_empty());
}

// covers: gated-workflow#a-pass-is-of-one-state-of-the-code/a-commit-after-a-pass
#[test]
fn what_is_built_after_a_pass_is_found() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    box_.write("r", &format!("{FOLDER}/proposal.md"), "# X\n");
    box_.write("r", &format!("{FOLDER}/tasks.md"), "- [x] 1.1 Do it\n");
    let judged = box_.save("r", "Propose it").to_string();
    let mut tree = Tree::default();
    tree.put_file(&format!("{FOLDER}/proposal.md"), b"# X\n".as_slice());
    tree.put_file(&format!("{FOLDER}/tasks.md"), b"- [x] 1.1 Do it\n".as_slice());
    let said = [(Gate::Architect, Verdict::Approved), (Gate::Implement, Verdict::Done), (Gate::Pm, Verdict::Pass)];
    for (number, (gate, verdict)) in (1..).zip(said) {
        let record = Record {
            number,
            gate,
            verdict,
            actor: format!("agent:{}", gate.agent()),
            run: Some("01J8".to_owned()),
            commit: Some(judged.clone()),
            content_hash: content::hash(&Project::new(&tree, "openspec"), FOLDER),
            findings: Vec::new(),
            evidence: vec!["`make`".to_owned()],
            path: Record::next_path(FOLDER, number - 1, gate),
        };
        tree.put_file(&record.path, record.write().into_bytes());
    }
    let project = Project::new(&tree, "openspec");
    let guarded = ["src/**", "openspec/**"].map(|pattern| pattern.parse().unwrap());
    let found = |head: Oid| repo.rebuilt(head, &project, &guarded).unwrap();
    assert!(found(builds(&box_, "docs/x.html", "add-x")).is_empty());
    assert!(found(builds(&box_, &format!("{FOLDER}/implementation.md"), "add-x")).is_empty());
    assert!(found(builds(&box_, "src/y.rs", "add-y")).is_empty());
    let rebuilt = found(builds(&box_, "src/x.rs", "add-x"));
    assert_eq!(rebuilt["add-x"][&judged], "src/x.rs");
    assert!(repo.rebuilt(repo.resolve("HEAD").unwrap(), &project, &[]).unwrap().is_empty());
}
