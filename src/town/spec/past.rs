//! What the files do not tell about changes: who wrote them, and what was built for them after a verdict.
//! Lives here: the values. Never here: reading a journal or a history (see `git` and `run`), what follows (see `lifecycle`).

use std::collections::{BTreeMap, BTreeSet};

use super::base::Bases;

/// For each change, the commits that its validators passed, each with a guarded file that was touched for it after.
pub type Rebuilt = BTreeMap<String, BTreeMap<String, String>>;

/// It, as far as somebody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// By change: who wrote it, as actors.
    pub authors: BTreeMap<String, BTreeSet<String>>,
    /// By change: the commits that records of it name, each with a guarded file that work for the change touched after it.
    pub rebuilt: Rebuilt,
    /// What history says of what each completed change was written for; for whoever may archive it.
    pub bases: Bases,
}

impl Past {
    /// Nothing is known.
    pub const NOTHING: &'static Self =
        &Self { authors: BTreeMap::new(), rebuilt: BTreeMap::new(), bases: Bases::new() };

    /// The guarded file that was touched for a change after a commit.
    #[must_use]
    pub fn rebuilt_after(&self, change: &str, commit: &str) -> Option<&str> {
        self.rebuilt.get(change)?.get(commit).map(String::as_str)
    }
}
