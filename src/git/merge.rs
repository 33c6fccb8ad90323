//! Merging three trees in memory.
//! Lives here: the merge and its conflicts by path. Never here: commits, references, files on disk.
//!
//! The merge runs on a handle that has the objects and nothing else: no `.gitattributes`, no configuration, no index
//! can choose how a file is merged. Renames are not guessed, so that an agent's change never moves to a path that it
//! did not write.

use std::collections::BTreeSet;

use git2::{MergeOptions, Oid, Repository};

use super::errors::GitError;
use super::objects::show;
use super::repo::Repo;

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Both sides fit together; this is the tree.
    Clean(Oid),
    /// Both sides changed the same place of these paths, sorted.
    Conflicts(Vec<String>),
}

impl Repo {
    /// Merges what `ours` and `theirs` each made of `base` (`None`: they have nothing in common).
    pub fn merge_trees(&self, base: Option<Oid>, ours: Oid, theirs: Oid) -> Result<Merged, GitError> {
        // The frequent cases need no merge, and no memory for an index of ten thousand files.
        if ours == theirs || base == Some(theirs) {
            return Ok(Merged::Clean(ours));
        }
        if base == Some(ours) {
            return Ok(Merged::Clean(theirs));
        }
        let base = base.map_or_else(|| self.empty_tree(), Ok)?;
        for tree in [base, ours, theirs] {
            self.find_tree(tree)?;
        }
        let failed = |source| GitError::MergeTrees { source };
        let odb = self.git().odb().map_err(failed)?;
        let alone = Repository::from_odb(odb).map_err(failed)?;
        let tree = |oid| alone.find_tree(oid).map_err(failed);
        let mut options = MergeOptions::new();
        options.find_renames(false).skip_reuc(true);
        let mut index =
            alone.merge_trees(&tree(base)?, &tree(ours)?, &tree(theirs)?, Some(&options)).map_err(failed)?;
        if index.has_conflicts() {
            let mut paths = BTreeSet::new();
            for conflict in index.conflicts().map_err(failed)? {
                let conflict = conflict.map_err(failed)?;
                let sides = [conflict.ancestor, conflict.our, conflict.their];
                paths.extend(sides.into_iter().flatten().map(|entry| show(&entry.path)));
            }
            return Ok(Merged::Conflicts(paths.into_iter().collect()));
        }
        index.write_tree_to(self.git()).map(Merged::Clean).map_err(GitError::write("tree"))
    }
}
