//! A workspace on a real repository in a temporary folder, for the tests of this room and of the run.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::git::objects::{Author, NewCommit};
use crate::git::program::Environment;
use crate::git::workspace::Workspace;
use crate::git::{Oid, Repo};
use crate::town::changeset::Mode;

/// A repository with one commit.
pub(crate) struct Town {
    _folder: TempDir,
    repo: Repo,
    start: Oid,
}

impl Town {
    /// A town of plain files.
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        let with_modes: Vec<_> = files.iter().map(|&(path, bytes)| (path, Mode::File, bytes)).collect();
        Self::with(&with_modes)
    }

    /// A town of files of any kind.
    pub(crate) fn with(files: &[(&str, Mode, &[u8])]) -> Self {
        let folder = TempDir::new().unwrap();
        git2::Repository::init_bare(folder.path()).unwrap();
        let repo = Repo::open_in(folder.path(), Environment::isolated(String::new(), folder.path())).unwrap();
        let entry = |&(path, mode, bytes): &(&str, Mode, &[u8])| {
            (path.to_owned(), Some((mode, repo.write_blob(bytes).unwrap())))
        };
        let changes: BTreeMap<_, _> = files.iter().map(entry).collect();
        let tree = repo.tree_with(None, &changes).unwrap();
        let author = Author { name: "Ada".into(), email: "ada@example.invalid".into() };
        let new = NewCommit { parents: &[], message: "start", author: &author, seconds: 1_795_000_000 };
        let start = repo.commit(tree, &new).unwrap();
        Self { _folder: folder, repo, start }
    }

    /// A workspace at the start.
    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::new(&self.repo, self.start).unwrap()
    }

    /// A workspace as a checkpoint left it.
    pub(crate) fn workspace_at(&self, tree: Oid) -> Workspace {
        Workspace::at(&self.repo, self.repo.tree_of(self.start).unwrap(), tree).unwrap()
    }
}

/// The text of a file.
pub(crate) fn text(files: &Workspace, path: &str) -> String {
    String::from_utf8(files.read(path).unwrap().unwrap().bytes.to_vec()).unwrap()
}
