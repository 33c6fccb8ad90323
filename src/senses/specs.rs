//! OpenSpec: which specs and changes there are and how far the changes got.
//! Lives here: counting headings; what the records of a change add up to is the engine's. Never here: the rules of what is valid.

use std::collections::BTreeSet;

use crate::git::files::Files;
use crate::git::spec_tree;
use crate::town::facts::{ChangeFacts, SpecFacts, SpecStatus};
use crate::town::markdown::visible;
use crate::town::spec::issue::Level;
use crate::town::spec::lifecycle::{Lifecycle, Step};
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::queue;
use crate::town::spec::tree::{Archive, Tree};

const FILE_BYTES: u64 = 1024 * 1024;
/// Specs and changes that are read.
const READ: usize = 1_000;
/// Records and problems of one change that are told.
const RECORDS: usize = 20;

pub(super) fn sense(files: &Files<'_>) -> SpecFacts {
    let mut facts = SpecFacts { present: files.is_folder("openspec"), ..SpecFacts::default() };
    for entry in files.under("openspec/specs") {
        let id = entry.path.strip_prefix("openspec/specs/").and_then(|rest| rest.strip_suffix("/spec.md"));
        let Some(id) = id.filter(|_| entry.is_file()) else { continue };
        match files.read_text(&entry.path, FILE_BYTES).filter(|_| facts.specs.len() < READ) {
            Some(text) => facts.specs.push(spec(id, &entry.path, &text)),
            None => facts.skipped += 1,
        }
    }
    let mut names = BTreeSet::new();
    let mut archived = BTreeSet::new();
    for entry in files.under("openspec/changes") {
        let mut parts = entry.path.split('/').skip(2);
        match (parts.next(), parts.next(), parts.next()) {
            (Some("archive"), Some(name), Some(_)) => drop(archived.insert(name)),
            (Some(name), Some(_), _) if !name.starts_with('.') && name != "archive" => drop(names.insert(name)),
            _ => {}
        }
    }
    facts.archived = archived.len();
    facts.skipped += names.len().saturating_sub(READ);
    let tree = spec_tree::read(files, OPENSPEC, Archive::Names);
    let project = Project::new(&tree, OPENSPEC);
    let queued = queue::queue(&project).changes;
    let waits = |name: &str| queued.iter().find(|queued| queued.name == name).map(|queued| queued.waits_for.clone());
    facts.changes = names.into_iter().take(READ).map(|name| change(files, &tree, name)).collect();
    for change in &mut facts.changes {
        change.waits_for = waits(&change.name).unwrap_or_default();
    }
    facts
}

/// Lines outside of fences with their number.
fn open_lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((number, line)),
            _ => {}
        }
        None
    })
}

fn spec(id: &str, path: &str, text: &str) -> SpecStatus {
    let mut out = SpecStatus { id: id.to_owned(), path: path.to_owned(), ..SpecStatus::default() };
    let mut open: Option<(u32, String)> = None;
    for (number, line) in open_lines(text) {
        let requirement = line.strip_prefix("###").filter(|rest| !rest.starts_with('#')).map(str::trim_start);
        let keyword = requirement.and_then(|rest| {
            rest.get(..12).filter(|word| word.eq_ignore_ascii_case("requirement:")).map(|_| &rest[12..])
        });
        if let Some(name) = keyword.map(str::trim).filter(|name| !name.is_empty()) {
            out.requirements += 1;
            out.bare.extend(open.replace((number, visible(name, 160))));
        } else if line.starts_with("#### ") {
            out.scenarios += 1;
            open = None;
        } else if line.starts_with("## ") {
            out.bare.extend(open.take());
        }
    }
    out.bare.extend(open);
    out
}

fn change(files: &Files<'_>, tree: &Tree, name: &str) -> ChangeFacts {
    let folder = format!("openspec/changes/{name}");
    let mut out = ChangeFacts { name: name.to_owned(), ..ChangeFacts::default() };
    for file in ["proposal.md", "design.md", "tasks.md"] {
        if files.get(&format!("{folder}/{file}")).is_none() {
            out.missing.push(file.to_owned());
        }
    }
    let life = Lifecycle::of(tree, &folder, None);
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
    for entry in files.under(&folder) {
        let inside = &entry.path[folder.len() + 1..];
        if let Some(id) = inside.strip_prefix("specs/").and_then(|rest| rest.strip_suffix("/spec.md")) {
            out.deltas.push(id.to_owned());
        } else if inside.split('/').any(|part| part.to_ascii_lowercase().starts_with("review")) {
            out.reviews.push(inside.to_owned());
        }
    }
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
