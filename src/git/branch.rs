//! Moving references: always from where they were seen to where they shall be, never blindly.
//! Lives here: compare-and-swap of references, and which branch is checked out where. Never here: moving the
//! files of a checkout along (`advance`), the remote's references (`remote`), a lock in the way (`locks`).

use std::fs;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, ReferenceType, Repository};

use super::errors::GitError;
use super::repo::Repo;

impl Repo {
    /// Sets a reference if it still stands at `expected`; `None` means that it must not exist yet.
    ///
    /// A [`GitError::RacedReference`] says that somebody else moved it, so that the caller looks again.
    pub fn set_reference(&self, name: &str, to: Oid, expected: Option<Oid>, why: &str) -> Result<(), GitError> {
        self.past_lock(name, || {
            let result = match expected {
                Some(expected) => self.git().reference_matching(name, to, true, expected, why),
                None => self.git().reference(name, to, false, why),
            };
            result.map(|_| ()).map_err(|source| compared(name, source))
        })
    }

    /// Sets one of our own references, wherever it stands.
    pub fn force_reference(&self, name: &str, to: Oid, why: &str) -> Result<(), GitError> {
        self.past_lock(name, || {
            self.git().reference(name, to, true, why).map(|_| ()).map_err(|source| reference_error(name, source))
        })
    }

    /// Deletes one of our own references, wherever it stands.
    pub fn drop_reference(&self, name: &str) -> Result<(), GitError> {
        self.tip(name)?.map_or(Ok(()), |oid| self.delete_reference(name, oid))
    }

    /// The references below a prefix that ends with `/`, with where they stand, sorted.
    pub fn references(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        let failed = |source| GitError::ReadReference { reference: prefix.to_owned(), source };
        let mut found = Vec::new();
        for reference in self.git().references_glob(&format!("{prefix}*")).map_err(failed)? {
            let reference = reference.map_err(failed)?;
            if let (Ok(name), Some(oid)) = (reference.name(), reference.target()) {
                found.push((name.to_owned(), oid));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Makes sure that a branch of this name can be written: that it is neither a folder of others nor another name for one.
    pub fn check_branch(&self, reference: &str) -> Result<(), GitError> {
        let none = |why, instead: &str| {
            Err(GitError::NoBranch { reference: reference.to_owned(), why, instead: instead.to_owned() })
        };
        if let Some((below, _)) = self.references(&format!("{reference}/"))?.first() {
            return none("there are others below it", below);
        }
        match self.git().find_reference(reference) {
            Ok(found) if found.kind() == Some(ReferenceType::Symbolic) => {
                none("it is another name for a branch", reference)
            }
            // What cannot be read is told by whoever reads it.
            _ => Ok(()),
        }
    }

    /// Deletes a reference if it still stands at `expected`. One that is gone already is fine.
    pub fn delete_reference(&self, name: &str, expected: Oid) -> Result<(), GitError> {
        let mut fresh = None;
        self.past_lock(name, || {
            // Where it met the lock of the packed ones, libgit2 takes the reference for deleted from then on.
            let git = fresh.as_ref().unwrap_or(self.git());
            let result = delete(git, name, expected);
            if matches!(result, Err(GitError::LockedReference { .. })) {
                fresh = Some(self.fresh()?);
            }
            result
        })
    }

    /// Moves a local branch that nobody has checked out.
    pub fn set_branch(&self, branch: &str, to: Oid, expected: Option<Oid>, why: &str) -> Result<(), GitError> {
        if let Some((branch, path)) = self.checkouts()?.into_iter().find(|(name, _)| name == branch) {
            return Err(GitError::CheckedOut { branch, path });
        }
        self.set_reference(&format!("refs/heads/{branch}"), to, expected, why)
    }

    /// Every branch that is checked out, with the working tree that has it. A bare repository's own HEAD is none.
    pub fn checkouts(&self) -> Result<Vec<(String, PathBuf)>, GitError> {
        let mut found = Vec::new();
        let bare = self.git().is_bare();
        if let (false, Some(branch)) = (bare, branch_in(&self.common_dir().join("HEAD"))) {
            let root = self.git().workdir().unwrap_or(self.common_dir()).to_owned();
            found.push((branch, root));
        }
        let worktrees = self.common_dir().join("worktrees");
        let entries = match fs::read_dir(&worktrees) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(source) => return Err(GitError::File { operation: "read", path: worktrees, source }),
        };
        for entry in entries.flatten() {
            let Some(branch) = branch_in(&entry.path().join("HEAD")) else { continue };
            // `gitdir` holds the path of the working tree's `.git` file; a removed one is left out.
            let link = fs::read_to_string(entry.path().join("gitdir")).unwrap_or_default();
            let link = entry.path().join(link.trim());
            if link.exists() {
                let root = link.parent().unwrap_or(&link);
                found.push((branch, super::system::canonical(root).unwrap_or_else(|_| root.to_owned())));
            }
        }
        Ok(found)
    }
}

fn branch_in(head: &Path) -> Option<String> {
    let text = fs::read_to_string(head).ok()?;
    text.trim_end().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

fn delete(git: &Repository, name: &str, expected: Oid) -> Result<(), GitError> {
    let mut found = match git.find_reference(name) {
        Ok(found) => found,
        Err(e) if e.code() == ErrorCode::NotFound => return Ok(()),
        Err(source) => return Err(compared(name, source)),
    };
    if found.target() != Some(expected) {
        return Err(GitError::RacedReference { reference: name.to_owned() });
    }
    // libgit2 compares once more under the reference's lock.
    found.delete().map_err(|source| compared(name, source))
}

/// What a write that depends on where the reference stands says; "not found" means that somebody deleted it.
fn compared(name: &str, source: git2::Error) -> GitError {
    match source.code() {
        ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound => {
            GitError::RacedReference { reference: name.to_owned() }
        }
        _ => reference_error(name, source),
    }
}

fn reference_error(name: &str, source: git2::Error) -> GitError {
    let reference = name.to_owned();
    match source.code() {
        ErrorCode::Locked => GitError::LockedReference { lock: PathBuf::from(reference + ".lock") },
        ErrorCode::InvalidSpec => GitError::BadReference { reference },
        _ => GitError::UpdateReference { reference, source },
    }
}
