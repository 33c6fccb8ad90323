//! The requirements of a spec while a change works on them: by name, by folded name, and in the order in which they came.
//! Lives here: the look-ups that keep a merge linear. Never here: what is done to them (see `plan_update`).

use std::collections::{BTreeMap, HashMap};

use super::block::Block;
use super::heading;

/// A requirement, and where it came from.
#[derive(Clone, Debug)]
pub struct Held {
    /// The block as it is now.
    pub block: Block,
    /// Its place among the blocks of the spec, as long as it is exactly that one.
    pub original: Option<usize>,
}

/// Requirements by name. One that is put under a name which is there takes over its place in the order.
#[derive(Debug, Default)]
pub struct Blocks {
    held: HashMap<String, (usize, Held)>,
    folded: HashMap<String, BTreeMap<usize, String>>,
    next: usize,
}

impl Blocks {
    /// Those of a spec. Of two with the same name the later one counts.
    #[must_use]
    pub fn of(blocks: &[Block]) -> Self {
        let mut all = Self::default();
        for (at, block) in blocks.iter().enumerate() {
            all.put(&block.name, Held { block: block.clone(), original: Some(at) });
        }
        all
    }

    /// The one with exactly this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Held> {
        self.held.get(name).map(|(_, held)| held)
    }

    /// Puts one under a name.
    pub fn put(&mut self, name: &str, held: Held) {
        let at = self.held.get(name).map_or(self.next, |(at, _)| *at);
        self.next = self.next.max(at + 1);
        self.folded.entry(heading::folded(name)).or_default().insert(at, name.to_owned());
        self.held.insert(name.to_owned(), (at, held));
    }

    /// Takes one away.
    pub fn take(&mut self, name: &str) -> Option<Held> {
        let (at, held) = self.held.remove(name)?;
        if let Some(names) = self.folded.get_mut(&heading::folded(name)) {
            names.remove(&at);
        }
        Some(held)
    }

    /// The first one whose name differs from this in case or blanks only, `except` one.
    #[must_use]
    pub fn near(&self, name: &str, except: Option<&str>) -> Option<&Block> {
        let names = self.folded.get(&heading::folded(name))?;
        let found = names.values().find(|found| Some(found.as_str()) != except)?;
        self.get(found).map(|held| &held.block)
    }

    /// All of them with their names, in the order in which they came.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&str, &Held)> {
        let mut all: Vec<(usize, &str, &Held)> =
            self.held.iter().map(|(name, (at, held))| (*at, name.as_str(), held)).collect();
        all.sort_by_key(|(at, ..)| *at);
        all.into_iter().map(|(_, name, held)| (name, held)).collect()
    }
}
