//! What archiving needs of git: the tree with a change moved and specs written, and the commit at which a folder came to be.
//! Lives here: those two. Never here: what is written into specs (see [`crate::town::spec::plan`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::Oid;

use super::errors::GitError;
use super::merge::Merged;
use super::objects::TreeChange;
use super::repo::Repo;
use crate::town::changeset::Mode;

/// Commits that are looked through for the beginning of a folder, at the most.
const COMMITS: usize = 20_000;

/// Files to write or to delete, by path.
pub type Written = Vec<(String, Option<Arc<[u8]>>)>;

impl Repo {
    /// The tree that comes of a commit's tree when files are written and a folder is moved, with everything that is in it.
    pub fn archived_tree(&self, base: Oid, files: &Written, moves: Option<&(String, String)>) -> Result<Oid, GitError> {
        let tree = self.tree_of(base)?;
        let mut changes: BTreeMap<String, TreeChange> = BTreeMap::new();
        if let Some((from, to)) = moves {
            for (inner, mode, oid) in self.files_in(tree, from)? {
                changes.insert(format!("{from}/{inner}"), None);
                changes.insert(format!("{to}/{inner}"), Some((mode, oid)));
            }
        }
        for (path, bytes) in files {
            let mode = self.entry(tree, path)?.map_or(Mode::File, |(mode, _)| mode);
            let change = bytes.as_ref().map(|bytes| self.write_blob(bytes)).transpose()?;
            changes.insert(path.clone(), change.map(|oid| (mode, oid)));
        }
        self.tree_with(Some(tree), &changes)
    }

    /// The files in a folder of a tree, by their paths in it.
    pub fn files_in(&self, tree: Oid, folder: &str) -> Result<Vec<(String, Mode, Oid)>, GitError> {
        let Some((None, folder_tree)) = self.lookup(tree, folder)? else { return Ok(Vec::new()) };
        let named = |(path, mode, oid): (Vec<u8>, Mode, Oid)| match String::from_utf8(path) {
            Ok(path) => Ok((path, mode, oid)),
            Err(wrong) => {
                let path = format!("{folder}/{}", String::from_utf8_lossy(wrong.as_bytes()));
                Err(GitError::bad_path(path, "its name is not UTF-8; give it another one first"))
            }
        };
        self.files(folder_tree)?.into_iter().map(named).collect()
    }

    /// The commit at which a folder, which is there at `head`, came to be. Each merge counts as one step. `None` where the folder
    /// is not there, or its beginning lies before what this clone has.
    pub fn began_at(&self, head: Oid, folder: &str) -> Result<Option<Oid>, GitError> {
        let boundary = self.boundary()?;
        let mut at = head;
        if self.lookup(self.tree_of(at)?, folder)?.is_none() {
            return Ok(None);
        }
        for _ in 0..COMMITS {
            if boundary.contains(&at) {
                return Ok(None);
            }
            let Some(parent) = self.parents(at)?.first().copied() else { return Ok(Some(at)) };
            if self.lookup(self.tree_of(parent)?, folder)?.is_none() {
                return Ok(Some(at));
            }
            at = parent;
        }
        Ok(None)
    }

    /// The tree of `head` without what `commit` did to the paths that are asked for: nothing that came after it is touched.
    pub fn without(&self, head: Oid, commit: Oid, is_asked: impl Fn(&str) -> bool) -> Result<Merged, GitError> {
        let after = self.tree_of(commit)?;
        let before = self.parents(commit)?.first().map(|parent| self.tree_of(*parent)).transpose()?;
        let changes = self.changes_between(before, Some(after))?;
        let back: BTreeMap<String, TreeChange> = changes
            .into_iter()
            .filter(|change| is_asked(&change.path))
            .map(|change| (change.path, change.before))
            .collect();
        let theirs = self.tree_with(Some(after), &back)?;
        self.merge_trees(Some(after), self.tree_of(head)?, theirs)
    }
}
