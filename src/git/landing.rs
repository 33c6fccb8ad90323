//! What became of an agent's branch on the default branch.
//! Lives here: who brought a commit in, whose commits a branch carries, trees as the gate reads them.
//! Never here: what that means for a pull request.

use std::collections::BTreeMap;

use git2::Oid;

use super::errors::GitError;
use super::objects::TreeChange;
use super::repo::Repo;
use crate::town::changeset::NamedBytes;
use crate::town::ids::AgentId;

/// First-parent commits of the default branch that are looked at for the one that brought a commit in.
const LOOK_BACK: usize = 20_000;

/// How a commit came to the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The first-parent commit that brought it in.
    pub commit: Oid,
    /// Who made that commit, as git names them.
    pub by: String,
}

impl Repo {
    /// How `head` came to `main`, if it did: by a merge, or by moving the branch forward onto it.
    pub fn landing(&self, head: Oid, main: Oid, branch: &str) -> Result<Option<Landing>, GitError> {
        let Some(commit) = self.first_parent_merge_of(head, main, LOOK_BACK)? else { return Ok(None) };
        let found = self.git().find_commit(commit).map_err(GitError::read(commit))?;
        // After a fast-forward the commit is the agent's own. Who moved the branch stands in its log, if that was here.
        let by = if commit == head {
            self.who_moved(branch, head).unwrap_or_else(|| "unknown".to_owned())
        } else {
            String::from_utf8_lossy(found.committer().name_bytes()).into_owned()
        };
        Ok(Some(Landing { commit, by }))
    }

    /// Who moved a branch onto a commit, by the log that git keeps of it in this clone.
    fn who_moved(&self, branch: &str, to: Oid) -> Option<String> {
        let log = self.git().reflog(&format!("refs/heads/{branch}")).ok()?;
        let entry = log.iter().find(|entry| entry.id_new() == to)?;
        Some(String::from_utf8_lossy(entry.committer().name_bytes()).into_owned()).filter(|name| !name.is_empty())
    }

    /// Whether all commits of `tip` that are not `behind` these are this agent's own.
    pub fn only_by(&self, agent: &AgentId, tip: Oid, behind: &[Oid]) -> Result<bool, GitError> {
        for commit in self.commits_between(behind, tip)? {
            if !self.is_agent_commit(commit, agent)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `theirs` with what `ours` changed since `base`, save where `theirs` changed the same path: there theirs stays.
    pub fn yield_to(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Oid, GitError> {
        let mut changes = BTreeMap::new();
        for change in self.changes_between(Some(base), Some(ours))? {
            if self.entry(theirs, &change.path)? == change.before {
                let entry: TreeChange = change.after;
                changes.insert(change.path, entry);
            }
        }
        self.tree_with(Some(theirs), &changes)
    }

    /// The files below a folder (`openspec/`) of a tree, with their contents; files over 1 MiB are left out.
    pub fn files_below(&self, tree: Oid, folder: &str) -> Result<Vec<NamedBytes>, GitError> {
        let mut found = Vec::new();
        let Some(name) = folder.strip_suffix('/') else { return Ok(found) };
        let root = self.git().find_tree(tree).map_err(GitError::read(tree))?;
        let Some(below) = root.get_name(name).filter(|entry| entry.kind() == Some(git2::ObjectType::Tree)) else {
            return Ok(found);
        };
        for change in self.changes_between(None, Some(below.id()))? {
            if let Some((_, blob)) = change.after.filter(|(mode, _)| *mode == crate::town::changeset::Mode::File)
                && self.blob_size(blob)? <= 1024 * 1024
            {
                found.push((format!("{folder}{}", change.path), self.read_blob(blob)?.into()));
            }
        }
        Ok(found)
    }
}
