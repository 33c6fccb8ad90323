//! What the open changes of a project do to the same requirements.
//! Lives here: who touches what, and which change comes before which. Never here: merging two changes (see `merge`).

use std::collections::{BTreeMap, BTreeSet};

use super::super::delta::{Delta, Named};
use super::super::heading::Section;
use super::super::metadata;
use super::super::plan;
use super::super::plan_file::{self, Outcome, Terms};
use super::super::plan_refusal::Refusal;
use super::super::project::{Project, SpecFile};
use super::super::queue::{self, Tangle};
use super::super::rules::{self, Profile};
use super::super::tree::Tree;
use super::change::Read;
use super::delta::key;
use super::findings::{Findings, Place};

/// So many changes are named in one issue.
const NAMED: usize = 5;

/// What open changes have to do with each other.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    /// The changes that name a requirement, each with the section that does, by capability and name.
    shared: BTreeMap<(String, String), Vec<(String, &'static str)>>,
    depends: BTreeMap<String, Vec<String>>,
    tangles: Vec<Tangle>,
}

impl Siblings {
    /// Reads every delta of every open change.
    pub(super) fn of(project: &Project<'_>) -> Self {
        let overlaps = queue::overlap(project);
        let shared = overlaps.into_iter().map(|found| ((found.capability, found.requirement), found.changes)).collect();
        let read = project.changes().into_iter().map(|change| (change.to_owned(), queue::depends_on(project, change)));
        let read: BTreeMap<String, Result<Vec<String>, String>> = read.collect();
        let is_free = read.values().all(|depends| depends.as_ref().is_ok_and(Vec::is_empty));
        let depends = read.into_iter().map(|(change, depends)| (change, depends.unwrap_or_default())).collect();
        let tangles = if is_free { Vec::new() } else { queue::queue(project).tangles };
        Self { shared, depends, tangles }
    }

    /// The open changes that a change depends on, each after those that it depends on itself. A circle is cut where it closes.
    fn before(&self, change: &str) -> Vec<&str> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::from([change]);
        // A change waits on the stack with the place in its list; it joins the order when the list is through.
        let mut stack = vec![(change, 0)];
        while let Some((name, at)) = stack.pop() {
            let Some((known, depends)) = self.depends.get_key_value(name) else { continue };
            match depends.get(at) {
                Some(next) => {
                    stack.push((name, at + 1));
                    if seen.insert(next) {
                        stack.push((next, 0));
                    }
                }
                None if known != change => order.push(known.as_str()),
                None => {}
            }
        }
        order
    }

    /// The tree as it will be once the changes are archived that a change depends on. `None` where it depends on none.
    pub(super) fn tree_before(&self, project: &Project<'_>, change: &str, profile: Profile) -> Option<Tree> {
        let before = self.before(change);
        if before.is_empty() {
            return None;
        }
        let mut tree = project.tree().clone();
        for change in before {
            for delta in project.deltas(change) {
                let planned = planned(&Project::new(&tree, project.openspec()), change, &delta, profile);
                match planned {
                    Ok(update) if update.outcome == Outcome::Retire => tree.remove(&update.path),
                    Ok(plan_file::FileUpdate { path, after: Some(after), .. }) => tree.put_file(&path, after),
                    // What is wrong with it is said where it stands.
                    Ok(_) | Err(_) => {}
                }
            }
        }
        Some(tree)
    }

    /// Reports what a change depends on for nothing, and each requirement that another open change works on too, unless one
    /// depends on the other.
    pub(super) fn check(&self, findings: &mut Findings, project: &Project<'_>, change: &str, read: &[Read<'_>]) {
        self.tangled(findings, project, change);
        let before = self.before(change);
        for Read { id, place, delta, .. } in read {
            let mut seen = BTreeSet::new();
            for (section, named) in touched(delta) {
                let name = key(&named.name);
                let Some(changes) = self.shared.get(&(id.clone(), name.to_owned())) else { continue };
                if !seen.insert(name.to_owned()) {
                    continue;
                }
                let is_other = |(other, theirs): &&(String, &'static str)| {
                    other != change
                        && clashes(section.word(), theirs)
                        && !before.contains(&other.as_str())
                        && !self.waits(other, change)
                };
                let mut others: Vec<&str> = changes.iter().filter(is_other).map(|(other, _)| other.as_str()).collect();
                others.dedup();
                if !others.is_empty() {
                    overlap(findings, place, &named, &others);
                }
            }
        }
    }

    fn waits(&self, change: &str, other: &str) -> bool {
        self.depends.get(change).is_some_and(|depends| !depends.is_empty()) && self.before(change).contains(&other)
    }

    fn tangled(&self, findings: &mut Findings, project: &Project<'_>, change: &str) {
        for tangle in self.tangles.iter().filter(|tangle| tangle.concerns(change)) {
            let file = format!("{}/{}", project.change_path(change), metadata::FILE);
            let fix = match tangle {
                Tangle::Unread { .. } => "mend the file",
                _ => "mend `depends_on`, which names open or archived changes that come before this one",
            };
            findings.add(&rules::SIBLING_ORDER, Place::of(metadata::FILE, file), tangle.said(), fix);
        }
    }
}

/// Whether one change undoes or repeats what the other does. A change of what another only adds waits for it, which the plan says.
fn clashes(ours: &str, theirs: &str) -> bool {
    let added = Section::Added.word();
    let waits = |word: &str| word == Section::Modified.word() || word == Section::Removed.word();
    !(ours == added && waits(theirs) || theirs == added && waits(ours))
}

/// What archiving would make of one delta.
pub(super) fn planned(
    project: &Project<'_>,
    change: &str,
    delta: &SpecFile,
    profile: Profile,
) -> Result<plan_file::FileUpdate, Refusal> {
    let base = plan::base(project, change, &super::super::base::Base::default());
    let retire = project.marker(change, metadata::Mark::RetireCapabilities);
    let careful = profile != Profile::Openspec1;
    plan_file::plan(project, delta, Terms { change, careful, validates: true, base: &base, retire: &retire })
}

fn overlap(findings: &mut Findings, place: &Place, named: &Named, others: &[&str]) {
    let more = others.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = &others[..others.len().min(NAMED)];
    findings.add(
        &rules::SIBLING_OVERLAP,
        place.line(named.line),
        format!("the change works on \"{}\", and so does {}{more}", named.name, shown.join(", ")),
        "archive one of them first, or say which comes first with `depends_on: [<change>]` in .openspec.yaml",
    );
}

/// The names that a delta touches.
fn touched(delta: &Delta) -> Vec<(Section, Named)> {
    let named = |block: &super::super::block::Block| Named { name: block.name.clone(), line: block.line };
    let added = delta.added.iter().map(|block| (Section::Added, named(block)));
    let modified = delta.modified.iter().map(|block| (Section::Modified, named(block)));
    let removed = delta.removed.iter().map(|named| (Section::Removed, named.clone()));
    let ends = delta.renamed.iter().flat_map(|rename| [rename.from.clone(), rename.to.clone()]);
    added.chain(modified).chain(removed).chain(ends.map(|named| (Section::Renamed, named))).collect()
}
