//! What archiving needs of git: the tree with a change moved and specs written.
//! Lives here: that tree. Never here: what is written into specs (see [`crate::town::spec::plan`]), or where a change began (see
//! `spec_origin`).

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::Oid;

use super::errors::GitError;
use super::objects::TreeChange;
use super::repo::Repo;
use crate::town::changeset::Mode;

/// Files to write or to delete, by path.
pub type Written = Vec<(String, Option<Arc<[u8]>>)>;

impl Repo {
    /// The tree that comes of a commit's tree when files are written and a folder is moved, with everything that is in it. A
    /// link or a submodule on the way to one of them is refused: it would be replaced by a folder.
    pub fn archived_tree(&self, base: Oid, files: &Written, moves: Option<&(String, String)>) -> Result<Oid, GitError> {
        let tree = self.tree_of(base)?;
        let mut changes: BTreeMap<String, TreeChange> = BTreeMap::new();
        if let Some((from, to)) = moves {
            for (inner, mode, oid) in self.files_in(tree, from)? {
                changes.insert(format!("{from}/{inner}"), None);
                changes.insert(format!("{to}/{inner}"), Some((mode, oid)));
            }
        }
        for path in changes.keys().chain(files.iter().map(|(path, _)| path)) {
            self.must_be_folders(tree, path)?;
        }
        for (path, bytes) in files {
            let mode = self.entry(tree, path)?.map_or(Mode::File, |(mode, _)| mode);
            let change = bytes.as_ref().map(|bytes| self.write_blob(bytes)).transpose()?;
            changes.insert(path.clone(), change.map(|oid| (mode, oid)));
        }
        self.tree_with(Some(tree), &changes)
    }

    /// Whether git passes over a path of the working directory that is not committed.
    #[must_use]
    pub fn is_ignored(&self, path: &str) -> bool {
        self.here().is_path_ignored(path).unwrap_or(false)
    }

    fn must_be_folders(&self, tree: Oid, path: &str) -> Result<(), GitError> {
        for (end, _) in path.match_indices('/') {
            match self.lookup(tree, &path[..end])? {
                Some((None, _)) => {}
                Some((Some(mode), _)) => {
                    let what = match mode {
                        Mode::Link => "a link",
                        Mode::Module => "a submodule",
                        Mode::File | Mode::Executable => "a file",
                    };
                    return Err(GitError::bad_path(&path[..end], format!("it is {what}; put the folder itself there")));
                }
                None => break,
            }
        }
        Ok(())
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
}
