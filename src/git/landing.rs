//! What became of an agent's branch on the default branch.
//! Lives here: who brought a commit in, whose commits a branch carries.
//! Never here: what that means for a pull request.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;

use super::changes::RawChange;
use super::errors::GitError;
use super::objects::TreeChange;
use super::repo::Repo;
use crate::town::ids::AgentId;

/// First-parent commits of the default branch that are looked at for the one that brought a commit in.
const LOOK_BACK: usize = 20_000;

/// First-parent commits that are compared with a branch to find it squashed into one of them.
const SQUASH_LOOK_BACK: usize = 2_000;

/// How a commit came to the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The first-parent commit that brought it in.
    pub commit: Oid,
    /// Who made that commit, as git names them.
    pub by: String,
    /// Whether what landed differs from what was offered.
    pub edited: bool,
}

impl Repo {
    /// How `head` came to `main`, if it did: by a merge, or by moving the branch forward onto it.
    pub fn landing(&self, head: Oid, main: Oid, branch: &str) -> Result<Option<Landing>, GitError> {
        let Some(commit) = self.first_parent_merge_of(head, main, LOOK_BACK)? else {
            return self.squashed(head, main);
        };
        let found = self.git().find_commit(commit).map_err(GitError::read(commit))?;
        // After a fast-forward the commit is the agent's own. Who moved the branch stands in its log, if that was here.
        let by = if commit == head {
            self.who_moved(branch, head).unwrap_or_else(|| "unknown".to_owned())
        } else {
            committer(&found)
        };
        Ok(Some(Landing { commit, by, edited: false }))
    }

    /// The commit of `main`'s first-parent line that carries all of `head` as one commit of its own: by the same patch, as
    /// after `git merge --squash`, a cherry-pick or a rebase; or by naming it, as the message does that git prepares for a
    /// squash, where people changed it before they committed.
    fn squashed(&self, head: Oid, main: Oid) -> Result<Option<Landing>, GitError> {
        let Some(fork) = self.merge_base(head, main)? else { return Ok(None) };
        let (fork_tree, head_tree) = (self.tree_of(fork)?, self.tree_of(head)?);
        let offered = self.changes_between(Some(fork_tree), Some(head_tree))?;
        let paths: BTreeSet<&str> = offered.iter().map(|change| change.path.as_str()).collect();
        let main_tree = self.tree_of(main)?;
        let touched = |change: &RawChange| Ok::<_, GitError>(self.entry(main_tree, &change.path)? != change.before);
        // Where none of the paths has changed since, there is nothing to look for; this is the usual case, and cheap.
        if !offered.iter().map(touched).collect::<Result<Vec<_>, _>>()?.contains(&true) {
            return Ok(None);
        }
        let patch = self.patch_id(fork_tree, head_tree)?;
        let (name, mut next) = (head.to_string(), main);
        for _ in 0..SQUASH_LOOK_BACK {
            if next == fork {
                break;
            }
            let parents = self.parents(next)?;
            let Some(parent) = parents.first().copied() else { break };
            if parents.len() == 1 {
                let (before, after) = (self.tree_of(parent)?, self.tree_of(next)?);
                let changes = match self.changes_between(Some(before), Some(after)) {
                    // What can be read is not the same as what cannot.
                    Err(error) if error.is_unreadable() => Vec::new(),
                    changes => changes?,
                };
                let same_paths =
                    changes.len() == paths.len() && changes.iter().all(|change| paths.contains(change.path.as_str()));
                let same = same_paths && self.patch_id(before, after)? == patch;
                if same || self.message_of(next)?.contains(&name) {
                    let found = self.git().find_commit(next).map_err(GitError::read(next))?;
                    return Ok(Some(Landing { commit: next, by: committer(&found), edited: !same }));
                }
            }
            next = parent;
        }
        Ok(None)
    }

    /// What a change is, whatever stands around it, as `git patch-id` tells.
    fn patch_id(&self, before: Oid, after: Oid) -> Result<Oid, GitError> {
        let read = GitError::read(after);
        let trees = self.find_tree(before).and_then(|before| Ok((before, self.find_tree(after)?)))?;
        let diff = self.git().diff_tree_to_tree(Some(&trees.0), Some(&trees.1), None);
        diff.and_then(|diff| diff.patchid(None)).map_err(read)
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
}

fn committer(commit: &git2::Commit<'_>) -> String {
    String::from_utf8_lossy(commit.committer().name_bytes()).into_owned()
}
