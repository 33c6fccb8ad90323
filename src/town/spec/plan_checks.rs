//! What can be said against a delta before its target is looked at.
//! Lives here: the names by which requirements are looked up, repeated names, and names in two sections. Never here: whether a
//! name is in the target (see `plan_update`).

use std::borrow::Cow;
use std::collections::HashSet;

use super::block::Block;
use super::delta::{Delta, Named, Side};
use super::heading::{self, Section};
use super::plan_refusal::{Kind, Refusal};

/// A delta with the names by which its requirements are looked up. They were read without a closing run of number signs; the
/// reference takes a second such run away before it looks for them.
pub(super) fn keyed(delta: &Delta) -> Cow<'_, Delta> {
    let mut all = delta.added.iter().chain(&delta.modified).map(|block| &block.name).chain(
        delta
            .removed
            .iter()
            .chain(delta.renamed.iter().flat_map(|rename| [&rename.from, &rename.to]))
            .map(|named| &named.name),
    );
    if all.all(|name| heading::name(name) == name) {
        return Cow::Borrowed(delta);
    }
    let mut delta = delta.clone();
    delta.added.iter_mut().chain(&mut delta.modified).for_each(|block| rekey(&mut block.name));
    let ends = delta.renamed.iter_mut().flat_map(|rename| [&mut rename.from, &mut rename.to]);
    delta.removed.iter_mut().chain(ends).for_each(|named| rekey(&mut named.name));
    Cow::Owned(delta)
}

pub(super) fn rekey(name: &mut String) {
    let key = heading::name(name);
    if key.len() < name.len() {
        *name = key.to_owned();
    }
}

/// What can be said against a delta without its target.
pub(super) struct Checks<'a> {
    /// The capability.
    pub id: &'a str,
}

impl Checks<'_> {
    fn refuse(&self, kind: Kind, line: u32, message: String, fix: &str) -> Result<(), Refusal> {
        Err(Refusal::new(kind, self.id, line, message, fix))
    }

    pub(super) fn pairs(&self, delta: &Delta) -> Result<(), Refusal> {
        let Some((side, Named { name, line })) = delta.unpaired.first() else { return Ok(()) };
        let (here, there) = if *side == Side::From { ("FROM", "TO") } else { ("TO", "FROM") };
        let message = format!("the {here} of `{name}` has no {there}");
        self.refuse(
            Kind::UnpairedRename,
            *line,
            message,
            "Write every rename as a FROM: line and the TO: line right below it.",
        )
    }

    pub(super) fn duplicates(&self, delta: &Delta) -> Result<(), Refusal> {
        self.unique("in ADDED", delta.added.iter().map(|block| (block.name.as_str(), block.line)))?;
        self.unique("in MODIFIED", delta.modified.iter().map(|block| (block.name.as_str(), block.line)))?;
        self.unique("in REMOVED", delta.removed.iter().map(|named| (named.name.as_str(), named.line)))?;
        // One pair after the other, so that the first pair which repeats anything is named.
        let (mut from, mut to) = (HashSet::new(), HashSet::new());
        for rename in &delta.renamed {
            if !from.insert(&rename.from.name) {
                return self.twice("as FROM", &rename.from.name, rename.from.line);
            }
            if !to.insert(&rename.to.name) {
                return self.twice("as TO", &rename.to.name, rename.to.line);
            }
        }
        Ok(())
    }

    fn unique<'n>(&self, place: &str, mut names: impl Iterator<Item = (&'n str, u32)>) -> Result<(), Refusal> {
        let mut seen = HashSet::new();
        names.find(|(name, _)| !seen.insert(*name)).map_or(Ok(()), |(name, line)| self.twice(place, name, line))
    }

    fn twice(&self, place: &str, name: &str, line: u32) -> Result<(), Refusal> {
        self.refuse(Kind::Duplicate, line, format!("`{name}` stands twice {place}"), "Keep one of them.")
    }

    pub(super) fn conflicts(&self, delta: &Delta) -> Result<(), Refusal> {
        let added: HashSet<&str> = delta.added.iter().map(|block| block.name.as_str()).collect();
        let modified: HashSet<&str> = delta.modified.iter().map(|block| block.name.as_str()).collect();
        let removed: HashSet<&str> = delta.removed.iter().map(|named| named.name.as_str()).collect();
        let folded: HashSet<String> = removed.iter().map(|name| heading::folded(name)).collect();
        let fix = "Keep it in one section.";
        for rename in &delta.renamed {
            let (from, to) = (&rename.from, &rename.to);
            if folded.contains(&heading::folded(&from.name)) {
                let message = format!("`{}` is renamed and removed", from.name);
                return self.refuse(Kind::Conflict, from.line, message, fix);
            }
            if modified.contains(from.name.as_str()) {
                let message = format!("`{}` is renamed and modified by its old name", from.name);
                return self.refuse(Kind::Conflict, from.line, message, "Name it by its new name under MODIFIED.");
            }
            if added.contains(to.name.as_str()) {
                let message = format!("`{}` is added, and another is renamed to it", to.name);
                return self.refuse(Kind::Conflict, to.line, message, "Choose another name for one of them.");
            }
        }
        let both = |block: &Block, a: Section, b: Section| {
            let message = format!("`{}` stands in {} and in {}", block.name, a.word(), b.word());
            self.refuse(Kind::Conflict, block.line, message, fix)
        };
        for block in &delta.modified {
            if removed.contains(block.name.as_str()) {
                return both(block, Section::Modified, Section::Removed);
            }
            if added.contains(block.name.as_str()) {
                return both(block, Section::Modified, Section::Added);
            }
        }
        let clash = delta.added.iter().find(|block| removed.contains(block.name.as_str()));
        clash.map_or(Ok(()), |block| both(block, Section::Added, Section::Removed))
    }
}
