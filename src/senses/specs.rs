//! OpenSpec: which specs and changes there are and how far the changes got.
//! Lives here: counting; what the records of a change add up to is the engine's. Never here: the rules of what is valid.

use crate::git::files::Files;
use crate::git::spec_tree;
use crate::town::facts::{ChangeFacts, SpecFacts, SpecStatus};
use crate::town::markdown::visible;
use crate::town::spec::block;
use crate::town::spec::issue::Level;
use crate::town::spec::lifecycle::{Lifecycle, Step};
use crate::town::spec::lines::Lines;
use crate::town::spec::main_spec::Requirements;
use crate::town::spec::past::Past;
use crate::town::spec::project::{Project, SpecFile};
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::queue;
use crate::town::spec::tree::Archive;

/// Specs and changes that are read.
const READ: usize = 1_000;
/// Records and problems of one change that are told.
const RECORDS: usize = 20;

pub(super) fn sense(files: &Files<'_>, past: &Past) -> SpecFacts {
    let tree = spec_tree::read(files, OPENSPEC, Archive::Names);
    let project = Project::new(&tree, OPENSPEC);
    let mut facts = SpecFacts { present: files.is_folder(OPENSPEC), ..SpecFacts::default() };
    for file in project.specs() {
        match project.text(&file.path) {
            Ok(text) if file.fault.is_none() && facts.specs.len() < READ => facts.specs.push(spec(&file, &text)),
            _ => facts.skipped += 1,
        }
    }
    let names = project.changes();
    facts.archived = project.archived().len();
    facts.skipped += names.len().saturating_sub(READ);
    let queued = queue::queue(&project).changes;
    let waits = |name: &str| queued.iter().find(|queued| queued.name == name).map(|queued| queued.waits_for.clone());
    facts.changes = names.into_iter().take(READ).map(|name| change(&project, past, name)).collect();
    for change in &mut facts.changes {
        change.waits_for = waits(&change.name).unwrap_or_default();
    }
    facts
}

/// How many requirements and scenarios a spec has, and which requirement has none.
fn spec(file: &SpecFile, text: &str) -> SpecStatus {
    let mut out = SpecStatus { id: file.id.clone(), path: file.path.clone(), ..SpecStatus::default() };
    for block in Requirements::of(&Lines::of(text)).blocks {
        let lines = block.lines();
        let scenarios = block::scenarios(&lines, 0..lines.len()).len();
        out.requirements += 1;
        out.scenarios += scenarios;
        if scenarios == 0 {
            out.bare.push((block.line, visible(&block.name, 160)));
        }
    }
    out
}

fn change(project: &Project<'_>, past: &Past, name: &str) -> ChangeFacts {
    let (tree, folder) = (project.tree(), project.change_path(name));
    let mut out = ChangeFacts { name: name.to_owned(), ..ChangeFacts::default() };
    for file in ["proposal.md", "design.md", "tasks.md"] {
        if tree.get(&format!("{folder}/{file}")).is_none() {
            out.missing.push(file.to_owned());
        }
    }
    let life = Lifecycle::of(project, &folder, past);
    (out.done, out.tasks) = (life.tasks.completed, life.tasks.total);
    (out.state, out.next, out.content_hash) = (life.state.name().to_owned(), life.next.act, life.content_hash);
    for Step { record, counts, .. } in life.steps.iter().rev().take(RECORDS).rev() {
        let void = if *counts { "" } else { ", which does not count" };
        let (number, gate, verdict) = (record.number, record.gate.name(), record.verdict.name());
        out.records.push(format!("{number:03} {gate}: {verdict} by {}{void}", visible(&record.actor, 60)));
    }
    let wrong = life.issues.iter().filter(|issue| issue.level > Level::Info).take(RECORDS);
    out.problems =
        wrong.map(|issue| visible(&format!("{}: {} ({})", issue.path, issue.message, issue.code), 300)).collect();
    out.deltas = project.deltas(name).into_iter().map(|delta| delta.id).collect();
    let files = tree.below(&folder).filter(|(_, node)| node.is_file()).map(|(path, _)| &path[folder.len() + 1..]);
    let is_review = |inside: &&str| {
        !inside.starts_with("specs/") && inside.split('/').any(|part| part.to_ascii_lowercase().starts_with("review"))
    };
    out.reviews = files.filter(is_review).map(str::to_owned).collect();
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::Sample;
    use crate::town::charter::Sense;

    #[test]
    fn specs_and_changes_are_counted() {
        let sample = Sample::new();
        let spec = "## Requirements\n### Requirement: One\nIt SHALL.\n#### Scenario: s\n- x\n### Requirement: Two\n```\n#### no\n```\n";
        let head = sample.commit(
            "one",
            &[
                ("openspec/specs/login/spec.md", spec),
                ("openspec/changes/add-x/proposal.md", "Status: Draft\n"),
                ("openspec/changes/add-x/tasks.md", "- [x] 1\n- [ ] 2\n"),
                ("openspec/changes/add-x/specs/login/spec.md", "## ADDED Requirements\n"),
                ("openspec/changes/add-x/reviews/architect.md", "ok\n"),
                ("openspec/changes/archive/2026-01-01-old/proposal.md", "x"),
            ],
        );
        let facts = sample.facts(head, None, &[Sense::Specs]).specs.unwrap();
        assert_eq!((facts.specs[0].requirements, facts.specs[0].scenarios), (2, 1));
        assert_eq!(facts.specs[0].bare, [(6, "Two".to_owned())]);
        let change = &facts.changes[0];
        assert_eq!((change.done, change.tasks, change.state.as_str()), (1, 2, "Draft"));
        assert!(change.next.contains("architect judges") && change.content_hash.starts_with("b3:"), "{change:?}");
        assert_eq!(
            (change.deltas.as_slice(), change.missing.as_slice()),
            (&["login".to_owned()][..], &["design.md".to_owned()][..])
        );
        assert_eq!(change.reviews, ["reviews/architect.md"]);
        assert_eq!(facts.archived, 1);
        assert!(facts.brief(2000).contains("1 of 2 tasks done"));
    }

    #[test]
    fn no_openspec_folder_is_a_fact_too() {
        let sample = Sample::new();
        let head = sample.commit("one", &[]);
        let facts = sample.facts(head, None, &[Sense::Specs]).specs.unwrap();
        assert!(!facts.present && facts.brief(200).contains("no `openspec/` folder"));
    }
}
