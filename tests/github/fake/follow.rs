//! What happens to pull requests when branches move, and how one is merged.
//!
//! Lives here: the rules by which GitHub follows branches, and real merges in the bare repository. Never here: who may
//! ask for them (see `pulls`).

use std::collections::BTreeMap;

use super::git::Signature;
use super::world::{Closed, Entry, Merged, World};

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Merge,
    Squash,
    Rebase,
}

impl World {
    /// Looks at the branches again after `by` moved some of them.
    pub fn follow(&mut self, by: &str) {
        self.account(by);
        let branches = self.bare.branches();
        let before = std::mem::replace(&mut self.branches, branches);
        for number in self.open_pulls() {
            self.follow_pull(number, by, &before);
        }
    }

    fn follow_pull(&mut self, number: u64, by: &str, before: &BTreeMap<String, String>) {
        let pull = self.pull(number).clone();
        let Some(base) = self.branches.get(&pull.base).cloned() else {
            return self.close(number, by, None);
        };
        let base_moved = before.get(&pull.base) != Some(&base);
        let Some(head) = self.branches.get(&pull.branch).cloned() else {
            // The branch is gone. What it held may have come into the base by the same push.
            if base_moved && self.bare.is_ancestor(&pull.head, &base) {
                return self.merged(number, by, &base);
            }
            return self.close(number, by, None);
        };
        let moved = head != pull.head;
        if moved {
            let (lag, now) = (self.settings.head_lag, self.now());
            self.bare.set(&format!("refs/pull/{number}/head"), &head);
            let entry = self.entry(number);
            entry.updated = now;
            let followed = entry.pull.as_mut().unwrap();
            followed.lag = (lag > 0).then_some((pull.head, lag));
            followed.head = head.clone();
            followed.base_sha = base.clone();
        }
        if self.bare.is_ancestor(&head, &base) {
            if base_moved {
                self.merged(number, by, &base);
            } else {
                // The head was put back to where nothing is left to merge.
                self.close(number, by, None);
            }
        }
    }

    /// Writes down that a pull request is merged.
    pub fn merged(&mut self, number: u64, by: &str, sha: &str) {
        self.account(by);
        let at = self.now();
        let entry = self.entry(number);
        entry.updated = at;
        entry.closed = Some(Closed { at, by: by.to_owned(), reason: None });
        let pull = entry.pull.as_mut().unwrap();
        pull.merged = Some(Merged { at, by: by.to_owned(), sha: sha.to_owned() });
    }

    /// What a pull request is compared with: its base as it is, or as it was when the pull request was closed.
    pub fn base_of(&self, entry: &Entry) -> String {
        let pull = entry.pull.as_ref().unwrap();
        let live = if entry.closed.is_none() { self.branches.get(&pull.base) } else { None };
        live.unwrap_or(&pull.base_sha).clone()
    }

    /// Merges an open pull request, and gives the commit that its base stands at then. An error is what is in the way.
    pub fn merge(
        &mut self,
        number: u64,
        by: &str,
        method: Method,
        message: Option<(String, String)>,
    ) -> Result<String, String> {
        self.account(by);
        let entry = self.entry(number).clone();
        let pull = entry.pull.as_ref().unwrap();
        if entry.closed.is_some() || pull.draft {
            return Err("Pull Request is not mergeable".to_owned());
        }
        let base = self.bare.tip(&pull.base).ok_or("Base does not exist")?;
        let sha = match method {
            Method::Rebase => self.rebased(&base, &pull.head, by)?,
            Method::Merge | Method::Squash => {
                let tree = self.bare.merge_tree(None, &base, &pull.head).ok_or("Pull Request is not mergeable")?;
                self.joined(&entry, &base, &tree, by, method, message)
            }
        };
        self.bare.set(&format!("refs/heads/{}", pull.base), &sha);
        self.pull(number).base_sha = base;
        self.merged(number, by, &sha);
        if self.settings.delete_merged_branches {
            self.bare.remove(&format!("refs/heads/{}", pull.branch));
        }
        self.follow(by);
        Ok(sha)
    }

    /// The commit of a merge or of a squash.
    fn joined(
        &self,
        entry: &Entry,
        base: &str,
        tree: &str,
        by: &str,
        method: Method,
        message: Option<(String, String)>,
    ) -> String {
        let pull = entry.pull.as_ref().unwrap();
        let (number, title) = (entry.number, &entry.title);
        let (author, parents, words) = match method {
            Method::Squash => {
                let body = entry.body.clone().unwrap_or_default();
                (entry.by.as_str(), vec![base], (format!("{title} (#{number})"), body))
            }
            _ => {
                let subject = format!("Merge pull request #{number} from {}/{}", self.owner, pull.branch);
                (by, vec![base, pull.head.as_str()], (subject, title.clone()))
            }
        };
        let (subject, body) = message.unwrap_or(words);
        let message = format!("{subject}\n\n{body}").trim_end().to_owned() + "\n";
        self.bare.commit(tree, &parents, &message, &self.signature(author), &self.web_flow())
    }

    /// The commits of a branch, one by one on another base.
    fn rebased(&self, base: &str, head: &str, by: &str) -> Result<String, String> {
        let committer = self.signature(by);
        self.bare.commits(base, head).iter().try_fold(base.to_owned(), |tip, commit| {
            let [parent] = commit.parents.as_slice() else {
                return Err("This branch can't be rebased".to_owned());
            };
            let tree = self.bare.merge_tree(Some(parent), &tip, &commit.sha).ok_or("This branch can't be rebased")?;
            Ok(self.bare.commit(&tree, &[&tip], &commit.message, &commit.author, &committer))
        })
    }

    /// Who commits what is merged in the browser or through the API.
    fn web_flow(&self) -> Signature {
        Signature { name: "GitHub".to_owned(), email: "noreply@github.com".to_owned(), at: self.now() }
    }
}
