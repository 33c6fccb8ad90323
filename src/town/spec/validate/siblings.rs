//! What the open changes of a project do to the same requirements.
//! Lives here: who touches what, and which change comes before which. Never here: merging two changes (see `merge`).

use std::collections::{BTreeMap, BTreeSet};

use super::super::delta::{Delta, Named};
use super::super::lines::Lines;
use super::super::project::Project;
use super::super::rules;
use super::change::Read;
use super::delta::key;
use super::findings::{Findings, Place};

/// So many changes are named in one issue.
const NAMED: usize = 5;

/// What a change does to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    /// It makes the name: ADDED, or TO.
    Makes,
    /// It works on what bears it.
    Changes,
}

/// The changes that do the same to a requirement, by capability, name and what they do.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    by_name: BTreeMap<(String, String, Touch), BTreeSet<String>>,
    depends: BTreeMap<String, Vec<String>>,
}

impl Siblings {
    /// Reads every delta of every open change.
    pub(super) fn of(project: &Project<'_>) -> Self {
        let mut siblings = Self::default();
        for change in project.changes() {
            let metadata = project.metadata(change).ok().flatten();
            let depends = metadata.map(|metadata| metadata.depends_on).unwrap_or_default();
            siblings.depends.insert(change.to_owned(), depends);
            for file in project.deltas(change) {
                let Ok(text) = project.text(&file.path) else { continue };
                for (touch, named) in touched(&Delta::of(&Lines::of(&text))) {
                    let name = (file.id.clone(), key(&named.name).to_owned(), touch);
                    siblings.by_name.entry(name).or_default().insert(change.to_owned());
                }
            }
        }
        siblings
    }

    /// The open changes that a change depends on, each after those that it depends on itself. A circle is cut where it closes.
    pub(super) fn before(&self, change: &str) -> Vec<&str> {
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

    /// Reports each requirement of a change that another open change works on too, unless one depends on the other.
    pub(super) fn check(&self, findings: &mut Findings, change: &str, read: &[Read<'_>]) {
        for Read { id, place, delta, .. } in read {
            let mut seen = BTreeSet::new();
            for (touch, named) in touched(delta) {
                let name = key(&named.name);
                let Some(changes) = self.by_name.get(&(id.clone(), name.to_owned(), touch)) else { continue };
                if changes.len() < 2 || !seen.insert((name.to_owned(), touch)) {
                    continue;
                }
                let others: Vec<&str> =
                    changes.iter().map(String::as_str).filter(|other| self.is_unordered(change, other)).collect();
                if !others.is_empty() {
                    overlap(findings, place, &named, touch, &others);
                }
            }
        }
    }

    fn is_unordered(&self, one: &str, other: &str) -> bool {
        one != other && !self.before(one).contains(&other) && !self.before(other).contains(&one)
    }
}

fn overlap(findings: &mut Findings, place: &Place, named: &Named, touch: Touch, others: &[&str]) {
    let what = match touch {
        Touch::Makes => "makes",
        Touch::Changes => "works on",
    };
    let more = others.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = &others[..others.len().min(NAMED)];
    findings.add(
        &rules::SIBLING_OVERLAP,
        place.line(named.line),
        format!("the change {what} \"{}\", and so does {}{more}", named.name, shown.join(", ")),
        "archive one of them first, or say which comes first with `depends_on: [<change>]` in .openspec.yaml",
    );
}

/// The names that a delta touches.
fn touched(delta: &Delta) -> Vec<(Touch, Named)> {
    let named = |block: &super::super::block::Block| Named { name: block.name.clone(), line: block.line };
    let added = delta.added.iter().map(|block| (Touch::Makes, named(block)));
    let modified = delta.modified.iter().map(|block| (Touch::Changes, named(block)));
    let removed = delta.removed.iter().map(|named| (Touch::Changes, named.clone()));
    let renamed = delta
        .renamed
        .iter()
        .flat_map(|rename| [(Touch::Changes, rename.from.clone()), (Touch::Makes, rename.to.clone())]);
    added.chain(modified).chain(removed).chain(renamed).collect()
}
