//! What the sections of a delta say against each other.
//! Lives here: names that stand twice, or where they exclude each other. Never here: other files.

use std::collections::{HashMap, HashSet};

use super::super::delta::Delta;
use super::super::heading::{self, Section};
use super::super::rules::{self, Rule};
use super::delta::{folded, key};
use super::findings::{Findings, Place};

/// Names in the order in which they come first, each with its line.
struct Names<'d> {
    order: Vec<(&'d str, u32)>,
    all: HashSet<&'d str>,
}

impl<'d> Names<'d> {
    fn of(names: impl Iterator<Item = (&'d str, u32)>) -> Self {
        let mut all = HashSet::new();
        let order = names.filter(|(name, _)| all.insert(*name)).collect();
        Self { order, all }
    }
}

pub(super) fn check(findings: &mut Findings, place: &Place, delta: &Delta) {
    repeats(findings, place, delta);
    let added = Names::of(delta.added.iter().map(|block| (key(&block.name), block.line)));
    let modified = Names::of(delta.modified.iter().map(|block| (key(&block.name), block.line)));
    let removed = Names::of(delta.removed.iter().map(|named| (key(&named.name), named.line)));
    let mut both = |rule: &Rule, (name, line): (&str, u32), one: Section, other: Section| {
        findings.add(
            rule,
            place.line(line),
            format!("\"{name}\" stands in {} and in {}", one.word(), other.word()),
            "decide which of the two the change does",
        );
    };
    for &named in &modified.order {
        if removed.all.contains(named.0) {
            both(&rules::DELTA_MODIFIED_REMOVED, named, Section::Modified, Section::Removed);
        }
        if added.all.contains(named.0) {
            both(&rules::DELTA_MODIFIED_ADDED, named, Section::Modified, Section::Added);
        }
    }
    for &named in added.order.iter().filter(|named| removed.all.contains(named.0)) {
        both(&rules::DELTA_ADDED_REMOVED, named, Section::Added, Section::Removed);
    }
    if !delta.renamed.is_empty() {
        renames(findings, place, delta, [&added, &modified, &removed]);
    }
}

/// Names that REMOVED or RENAMED hold twice.
fn repeats(findings: &mut Findings, place: &Place, delta: &Delta) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for named in &delta.removed {
        if let Some(before) = seen.get(key(&named.name)) {
            findings.add(
                &rules::DELTA_DUPLICATE,
                place.line(named.line),
                format!("REMOVED names \"{}\" again: it stands on line {before} already", named.name),
                "delete one of the two",
            );
        } else {
            seen.insert(key(&named.name), named.line);
        }
    }
    let (mut from, mut to) = (HashSet::new(), HashSet::new());
    for rename in &delta.renamed {
        for (seen, side, word) in [(&mut from, &rename.from, "FROM"), (&mut to, &rename.to, "TO")] {
            if !seen.insert(key(&side.name)) {
                findings.add(
                    &rules::DELTA_DUPLICATE_RENAME,
                    place.line(side.line),
                    format!("\"{}\" is a {word}: twice", side.name),
                    "rename a requirement once, and no two to one name",
                );
            }
        }
    }
}

fn renames(findings: &mut Findings, place: &Place, delta: &Delta, [added, modified, removed]: [&Names<'_>; 3]) {
    let removed_as = folded(removed.order.iter().map(|(name, _)| *name));
    for rename in &delta.renamed {
        let (from, to) = (key(&rename.from.name), key(&rename.to.name));
        if modified.all.contains(from) {
            findings.add(
                &rules::DELTA_OLD_NAME,
                place.line(rename.from.line),
                format!("MODIFIED uses \"{from}\", which gets the name \"{to}\" before"),
                &format!("write `### Requirement: {to}` in MODIFIED"),
            );
        }
        if added.all.contains(to) {
            findings.add(
                &rules::DELTA_RENAME_COLLIDES,
                place.line(rename.to.line),
                format!("\"{to}\" is the new name of \"{from}\", and ADDED adds it too"),
                "give one of them another name",
            );
        }
        if let Some(spelled) = removed_as.get(&heading::folded(from)) {
            let as_spelled = if *spelled == from { String::new() } else { format!(", there as \"{spelled}\"") };
            findings.add(
                &rules::DELTA_RENAMED_REMOVED,
                place.line(rename.from.line),
                format!("\"{from}\" is renamed, and removed as well{as_spelled}"),
                "decide which of the two the change does",
            );
        }
    }
}
