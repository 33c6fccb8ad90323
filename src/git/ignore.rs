//! Which paths a project's `.gitignore` files keep out of git.
//! Lives here: asking libgit2, with rules that stand in a folder of their own. Never here: what becomes of such files.

use std::io;

use git2::Repository;
use tempfile::TempDir;

use super::errors::GitError;
use super::plain;
use super::workspace::Workspace;
use crate::town::changeset::Mode;

/// A longer list of rules is none.
const RULES_BYTES: u64 = 1024 * 1024;

/// The rules of one workspace. Files that somebody may have replaced by something else are never opened for it.
pub struct Ignore {
    repo: Repository,
    _dir: TempDir,
}

impl Ignore {
    /// The rules as the workspace has them now.
    ///
    /// # Errors
    /// When the workspace cannot be read or no temporary folder can be made.
    pub fn of(files: &Workspace) -> Result<Self, GitError> {
        let failed = |error: io::Error| GitError::bad_path(".gitignore", error.to_string());
        let dir = TempDir::new().map_err(failed)?;
        let repo = Repository::init(dir.path()).map_err(|error| failed(io::Error::other(error)))?;
        for path in files.list_matching(|path| path == ".gitignore" || path.ends_with("/.gitignore"))? {
            let Some(place) = plain::safe(path.as_bytes()) else { continue };
            if files.size(&path)?.is_none_or(|size| size > RULES_BYTES) {
                continue;
            }
            let blob = files.read(&path)?.filter(|blob| blob.mode != Mode::Link);
            if let Some(blob) = blob {
                plain::file(&dir.path().join(place), &blob.bytes, Mode::File).map_err(failed)?;
            }
        }
        Ok(Self { repo, _dir: dir })
    }

    /// Whether a path is ignored; a folder's ends with a slash.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.repo.is_path_ignored(path).unwrap_or(false)
    }
}
