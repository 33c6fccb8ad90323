//! The open changes in the order in which they can be archived: each after those that it depends on.
//! Lives here: that order, what is wrong with it, and which changes work on one requirement. Never here: the state of a change
//! (see `lifecycle`).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::delta::Delta;
use super::heading::{self, Section};
use super::lifecycle::Lifecycle;
use super::lines::Lines;
use super::metadata::FILE;
use super::past::Past;
use super::project::Project;
use super::record::{Gate, file_name};
use super::state::State;

/// A change in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// Its name.
    pub name: String,
    /// Open changes that come before it, since it says that it depends on them.
    pub waits_for: Vec<String>,
}

/// Something wrong with what changes depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Tangle {
    /// Changes that wait for each other, each for the one after it.
    Cycle {
        /// The changes.
        changes: Vec<String>,
    },
    /// A name that no change has, open or archived.
    Unknown {
        /// The change that names it.
        change: String,
        /// The name.
        name: String,
    },
    /// A change whose metadata name others and do not count.
    Unread {
        /// The change.
        change: String,
        /// What is wrong with the file.
        why: String,
    },
}

impl Tangle {
    /// It, as a sentence.
    #[must_use]
    pub fn said(&self) -> String {
        match self {
            Self::Cycle { changes } => format!("these changes wait for each other: {}", changes.join(" → ")),
            Self::Unknown { change, name } => format!("{change} depends on {name}, and there is no such change"),
            Self::Unread { change, why } => {
                format!("what {change} depends on does not count, since nothing of its {FILE} does: {why}")
            }
        }
    }

    /// Whether it is about a change.
    #[must_use]
    pub fn concerns(&self, change: &str) -> bool {
        match self {
            Self::Cycle { changes } => changes.iter().any(|name| name == change),
            Self::Unknown { change: named, .. } | Self::Unread { change: named, .. } => named == change,
        }
    }
}

/// All open changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// In their order; those that wait for each other come last.
    pub changes: Vec<Queued>,
    /// What is wrong.
    pub tangles: Vec<Tangle>,
}

/// The open changes that may still be made: those that nobody has closed.
#[must_use]
pub fn live<'t>(project: &Project<'t>) -> Vec<&'t str> {
    project.changes().into_iter().filter(|change| closed(project, change).is_none()).collect()
}

/// What an open change was closed as. Only where there is a record of it at all its life is looked at.
#[must_use]
pub fn closed(project: &Project<'_>, change: &str) -> Option<State> {
    let folder = project.change_path(change);
    let mut records = project.tree().below(&format!("{folder}/gates")).filter_map(|(path, _)| path.rsplit('/').next());
    if !records.any(|name| file_name(name).is_some_and(|(_, gate)| gate == Gate::Close)) {
        return None;
    }
    let state = Lifecycle::of(project, &folder, Past::NOTHING).state;
    matches!(state, State::Superseded | State::Withdrawn).then_some(state)
}

/// Puts the open changes in order, save those that are closed. Of those that could come next, the first by name does.
#[must_use]
pub fn queue(project: &Project<'_>) -> Queue {
    let open: BTreeSet<&str> = live(project).into_iter().collect();
    let mut queue = Queue::default();
    let mut waits: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for change in &open {
        let depends = match depends_on(project, change) {
            Ok(depends) => depends,
            Err(why) => {
                queue.tangles.push(Tangle::Unread { change: (*change).to_owned(), why });
                Vec::new()
            }
        };
        for name in &depends {
            if !project.has_change(name) && !is_archived(project, name) {
                queue.tangles.push(Tangle::Unknown { change: (*change).to_owned(), name: name.clone() });
            }
        }
        waits.insert(change, depends.into_iter().filter(|name| open.contains(name.as_str())).collect());
    }
    let mut left = waits.clone();
    let mut followers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (change, names) in &waits {
        for name in names {
            followers.entry(name).or_default().push(change);
        }
    }
    let mut ready: BTreeSet<&str> = left.iter().filter(|(_, names)| names.is_empty()).map(|(name, _)| *name).collect();
    while let Some(change) = ready.pop_first() {
        left.remove(change);
        queue.changes.push(queued(change, &waits));
        for follower in followers.get(change).into_iter().flatten() {
            if let Some(names) = left.get_mut(follower)
                && names.remove(change)
                && names.is_empty()
            {
                ready.insert(follower);
            }
        }
    }
    queue.tangles.extend(cycle(&left).map(|changes| Tangle::Cycle { changes }));
    queue.changes.extend(left.keys().map(|change| queued(change, &waits)));
    queue
}

/// The changes that a change depends on.
///
/// # Errors
/// Its metadata seem to name some, and do not count.
pub fn depends_on(project: &Project<'_>, change: &str) -> Result<Vec<String>, String> {
    match project.metadata(change) {
        Ok(metadata) => Ok(metadata.map(|metadata| metadata.depends_on).unwrap_or_default()),
        Err(fault) => {
            let text = project.text(&format!("{}/{FILE}", project.change_path(change)));
            let names_others = text.is_ok_and(|text| text.contains("depends_on"));
            if names_others { Err(fault.to_string()) } else { Ok(Vec::new()) }
        }
    }
}

fn queued(change: &str, waits: &BTreeMap<&str, BTreeSet<String>>) -> Queued {
    let waits_for = waits.get(change).into_iter().flatten().cloned().collect();
    Queued { name: change.to_owned(), waits_for }
}

/// Whether the archive has a change of this name, with or without a day before or behind it.
fn is_archived(project: &Project<'_>, name: &str) -> bool {
    project.archived().iter().any(|folder| {
        let rest = folder.strip_suffix(name).or_else(|| folder.strip_prefix(name));
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '_')))
    })
}

/// One circle among changes each of which waits for another of them.
fn cycle(left: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut at = *left.keys().next()?;
    let mut path: Vec<&str> = Vec::new();
    loop {
        if let Some(start) = path.iter().position(|name| *name == at) {
            path.push(at);
            return Some(path[start..].iter().map(|name| (*name).to_owned()).collect());
        }
        path.push(at);
        at = left.get(at)?.iter().find_map(|name| left.get_key_value(name.as_str())).map(|(name, _)| *name)?;
    }
}

/// A requirement that more than one open change works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// The capability.
    pub capability: String,
    /// The requirement's name.
    pub requirement: String,
    /// The changes, each with the section that names it.
    pub changes: Vec<(String, &'static str)>,
}

/// The requirements that more than one open change works on, by capability and name.
#[must_use]
pub fn overlap(project: &Project<'_>) -> Vec<Overlap> {
    let mut touched: BTreeMap<(String, String), BTreeSet<(String, &'static str)>> = BTreeMap::new();
    for change in live(project) {
        for file in project.deltas(change) {
            let Ok(text) = project.text(&file.path) else { continue };
            for (name, section) in names(&Delta::of(&Lines::of(&text))) {
                let key = (file.id.clone(), heading::name(name).to_owned());
                touched.entry(key).or_default().insert((change.to_owned(), section.word()));
            }
        }
    }
    let shared = touched
        .into_iter()
        .filter(|(_, changes)| changes.iter().map(|(change, _)| change).collect::<BTreeSet<_>>().len() > 1);
    shared
        .map(|((capability, requirement), changes)| Overlap {
            capability,
            requirement,
            changes: changes.into_iter().collect(),
        })
        .collect()
}

fn names(delta: &Delta) -> Vec<(&str, Section)> {
    let mut names: Vec<(&str, Section)> = Vec::new();
    names.extend(delta.added.iter().map(|block| (block.name.as_str(), Section::Added)));
    names.extend(delta.modified.iter().map(|block| (block.name.as_str(), Section::Modified)));
    names.extend(delta.removed.iter().map(|named| (named.name.as_str(), Section::Removed)));
    let ends = delta.renamed.iter().flat_map(|rename| [&rename.from, &rename.to]);
    names.extend(ends.map(|named| (named.name.as_str(), Section::Renamed)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::town::spec::tree::Tree;

    fn tree(changes: &[(&str, &str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (name, depends, delta) in changes {
            let folder = format!("openspec/changes/{name}");
            let metadata = format!("schema: spec-driven\ndepends_on: [{depends}]\n");
            tree.put_file(&format!("{folder}/.openspec.yaml"), metadata.into_bytes());
            tree.put_file(&format!("{folder}/specs/a/spec.md"), delta.as_bytes().to_vec());
        }
        tree
    }

    fn order(tree: &Tree) -> (Vec<String>, Vec<String>) {
        let queue = queue(&Project::new(tree, "openspec"));
        (
            queue.changes.into_iter().map(|queued| queued.name).collect(),
            queue.tangles.iter().map(Tangle::said).collect(),
        )
    }

    #[test]
    fn each_change_comes_after_those_it_depends_on() {
        let mut tree = tree(&[("a", "c, gone", ""), ("b", "", ""), ("c", "old", ""), ("d", "a, b", "")]);
        tree.put("openspec/changes/archive/2026-01-31-old", super::super::tree::Node::Folder);
        let (changes, tangles) = order(&tree);
        assert_eq!(changes, ["b", "c", "a", "d"]);
        assert_eq!(tangles, ["a depends on gone, and there is no such change"]);
    }

    #[test]
    fn changes_that_wait_for_each_other_are_found_and_come_last() {
        let (changes, tangles) =
            order(&tree(&[("a", "b", ""), ("b", "c", ""), ("c", "b", ""), ("z", "", ""), ("s", "s", "")]));
        assert_eq!(changes, ["z", "a", "b", "c", "s"]);
        assert_eq!(tangles, ["these changes wait for each other: b → c → b"]);
    }

    #[test]
    fn metadata_that_name_others_and_do_not_count_are_said() {
        let mut tree = tree(&[("a", "", ""), ("b", "", ""), ("c", "", "")]);
        let put = |tree: &mut Tree, change: &str, text: &str| {
            tree.put_file(&format!("openspec/changes/{change}/.openspec.yaml"), text.as_bytes().to_vec());
        };
        put(&mut tree, "a", "depends_on: [b]\n");
        put(&mut tree, "b", "created: soon\n");
        put(&mut tree, "c", "schema: spec-driven\ndepends_on: b\n");
        let (changes, tangles) = order(&tree);
        assert_eq!(changes, ["a", "b", "c"]);
        let wanted = "what a depends on does not count, since nothing of its .openspec.yaml does: schema: is missing";
        assert_eq!(tangles, [wanted]);
        let queue = queue(&Project::new(&tree, "openspec"));
        assert_eq!(queue.changes[2].waits_for, ["b"], "one name needs no list");
        assert!(queue.tangles[0].concerns("a") && !queue.tangles[0].concerns("b"));
    }

    #[test]
    fn changes_of_one_requirement_overlap() {
        let one = "## MODIFIED Requirements\n### Requirement: A\nx\n### Requirement: B\nx\n";
        let two = "## REMOVED Requirements\n- `### Requirement: A`\n";
        let tree = tree(&[("one", "", one), ("two", "", two)]);
        let found = overlap(&Project::new(&tree, "openspec"));
        let changes = vec![("one".to_owned(), "MODIFIED"), ("two".to_owned(), "REMOVED")];
        assert_eq!(found, [Overlap { capability: "a".to_owned(), requirement: "A".to_owned(), changes }]);
    }
}
