//! The files below `openspec/` of one commit or tree, in memory, for the engine that judges them.
//! Lives here: reading them, bounded. Never here: what they mean (see [`crate::town::spec`]).

use git2::Oid;

use super::errors::GitError;
use super::files::{Content, Files};
use super::repo::Repo;
use crate::town::changeset::Mode;
use crate::town::spec::tree::{Fault, Node, Tree};

/// The folder.
pub const FOLDER: &str = "openspec";
/// The largest file that is read, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;
/// What all files may have together, in bytes.
const BYTES: u64 = 64 * 1024 * 1024;

/// The files below `openspec/` of a commit. Links are not followed.
#[must_use]
pub fn of_files(files: &Files<'_>) -> Tree {
    let mut tree = Tree::default();
    let mut left = BYTES;
    for entry in files.under(FOLDER) {
        let node = match entry.mode {
            Mode::Link => Node::LeadsOut,
            Mode::Module => Node::Folder,
            Mode::File | Mode::Executable => match files.content(entry, FILE_BYTES.min(left)) {
                Content::Bytes(object) => {
                    left -= object.data().len() as u64;
                    Node::File(object.data().into())
                }
                Content::TooLarge(_) => Node::Unreadable(Fault::TooLarge),
                Content::Missing => Node::Unreadable(Fault::Failed),
            },
        };
        tree.put(&entry.path, node);
    }
    tree
}

/// The files below `openspec/` of a tree, of those that are plain files and not too large.
///
/// # Errors
/// When an object cannot be read.
pub fn of_tree(repo: &Repo, tree: Oid) -> Result<Tree, GitError> {
    let mut found = Tree::default();
    for (path, bytes) in repo.files_below(tree, "openspec/")? {
        found.put_file(&path, bytes);
    }
    Ok(found)
}
