//! What history tells of OpenSpec changes: which commits were made for one, and what they touched.
//! Lives here: walks over commits whose messages name a change. Never here: what follows from it (see [`crate::town::spec::lifecycle`]).

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;

use super::errors::GitError;
use super::propose;
use super::repo::Repo;
use crate::town::event::Offer;
use crate::town::fold::{PullState, Town};
use crate::town::ids::Oid as Id;
use crate::town::pattern::Pattern;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::past::{Past, Rebuilt};
use crate::town::spec::plan;
use crate::town::spec::project::Project;
use crate::town::spec::record::Verdict;

/// First-parent commits among which the beginning of a folder is looked for, at the most.
const COMMITS: usize = 20_000;

impl Repo {
    /// The last commit of the first-parent line before a folder came to be, as what to leave out of a walk; none where the folder
    /// was there from the first commit on.
    ///
    /// # Errors
    /// [`GitError::NeedsDepth`] where that lies beyond what a shallow clone has.
    pub fn before(&self, head: Oid, folder: &str) -> Result<Vec<Oid>, GitError> {
        let mut at = head;
        for _ in 0..COMMITS {
            if self.lookup(self.tree_of(at)?, folder)?.is_none() {
                break;
            }
            let Some(parent) = self.parents(at)?.first().copied() else { return Ok(Vec::new()) };
            at = parent;
        }
        Ok(vec![at])
    }

    /// The paths that commits behind `head` and not behind `since` touched whose trailer `Change:` names the change.
    ///
    /// # Errors
    /// [`GitError::NeedsDepth`] where that lies beyond what a shallow clone has.
    pub fn touched_for(&self, head: Oid, since: &[Oid], change: &str) -> Result<BTreeSet<String>, GitError> {
        let mut touched = BTreeSet::new();
        for commit in self.commits_between(since, head)? {
            if propose::trailer(&self.message_of(commit)?, "Change").as_deref() != Some(change) {
                continue;
            }
            let parent = self.parents(commit)?.first().copied();
            let before = parent.map(|parent| self.tree_of(parent)).transpose()?;
            touched.extend(
                self.changes_between(before, Some(self.tree_of(commit)?))?.into_iter().map(|change| change.path),
            );
        }
        Ok(touched)
    }

    /// What was rebuilt of every change of the project.
    ///
    /// # Errors
    /// [`GitError::NeedsDepth`] where that lies beyond what a shallow clone has.
    pub fn rebuilt(&self, head: Oid, project: &Project<'_>, guarded: &[Pattern]) -> Result<Rebuilt, GitError> {
        let mut rebuilt = Rebuilt::new();
        if guarded.is_empty() {
            return Ok(rebuilt);
        }
        for change in project.changes() {
            let life = Lifecycle::of(project, &project.change_path(change), Past::NOTHING);
            let left = self.left_behind(head, &life, change, guarded)?;
            if !left.is_empty() {
                rebuilt.insert(change.to_owned(), left);
            }
        }
        Ok(rebuilt)
    }

    /// The same for archived changes, as they were when the first-parent line got them: whatever is built under their names later is
    /// not theirs. Where a shallow clone ends, nothing is known.
    ///
    /// # Errors
    /// [`GitError`] when an object cannot be read.
    pub fn rebuilt_before_archive(
        &self,
        head: Oid,
        project: &Project<'_>,
        guarded: &[Pattern],
    ) -> Result<Rebuilt, GitError> {
        let mut rebuilt = Rebuilt::new();
        let archive = project.below(project.archive_dir());
        let archived = project.archived().into_iter().filter(|_| !guarded.is_empty()).map(|name| {
            let folder = format!("{archive}/{name}");
            let life = Lifecycle::of(project, &folder, Past::NOTHING);
            (name, folder, life)
        });
        let mut open: Vec<(&str, String, Lifecycle)> =
            archived.filter(|(_, _, life)| !passes(life).is_empty()).collect();
        let mut at = head;
        for _ in 0..COMMITS {
            let parent = match self.parents(at) {
                _ if open.is_empty() => break,
                Ok(parents) => parents.first().copied(),
                Err(GitError::NeedsDepth { .. }) => break,
                Err(error) => return Err(error),
            };
            let before = parent.map(|parent| self.tree_of(parent)).transpose()?;
            let mut rest = Vec::new();
            for (name, folder, life) in open {
                if let Some(tree) = before
                    && self.lookup(tree, &folder)?.is_some()
                {
                    rest.push((name, folder, life));
                    continue;
                }
                let change = plan::change_of(project, name);
                match self.left_behind(at, &life, change, guarded) {
                    Ok(left) if left.is_empty() => {}
                    Ok(left) => rebuilt.entry(change.to_owned()).or_default().extend(left),
                    Err(GitError::NeedsDepth { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            open = rest;
            let Some(parent) = parent else { break };
            at = parent;
        }
        Ok(rebuilt)
    }

    /// The commits that the validators of a change passed, each with a guarded file that was touched for it up to `head`.
    fn left_behind(
        &self,
        head: Oid,
        life: &Lifecycle,
        change: &str,
        guarded: &[Pattern],
    ) -> Result<BTreeMap<String, String>, GitError> {
        let mut left = BTreeMap::new();
        for commit in passes(life) {
            // A commit that is not here was rewritten, or never was: nobody can tell what came after it.
            let Some(since) = Oid::from_str(commit).ok().filter(|oid| self.has(*oid)) else { continue };
            let touched = self.touched_for(head, &[since], change)?;
            // Its own records and words are judged by what they say.
            let is_code = |path: &String| !path.starts_with("openspec/");
            let is_guarded = |path: &String| guarded.iter().any(|pattern| pattern.matches(path));
            if let Some(path) = touched.into_iter().find(|path| is_code(path) && is_guarded(path)) {
                left.insert(commit.to_owned(), path);
            }
        }
        Ok(left)
    }

    /// Who wrote each OpenSpec change that came in by a pull request: the agents whose merged work brought its proposal.
    ///
    /// # Errors
    /// [`GitError`] when an object cannot be read.
    pub fn authors_of_changes(&self, town: &Town) -> Result<BTreeMap<String, BTreeSet<String>>, GitError> {
        let mut authors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for pull in town.pulls.values().filter(|pull| pull.state == PullState::Merged) {
            for path in &pull.offer.paths {
                let name = path.strip_prefix("openspec/changes/").and_then(|rest| rest.strip_suffix("/proposal.md"));
                let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
                if self.brought(&pull.offer, path)? {
                    authors.entry(name.to_owned()).or_default().insert(format!("agent:{}", pull.agent));
                }
            }
        }
        Ok(authors)
    }

    /// Whether an offer brought a file that was not there before. Where its commits are not here any more, it may have.
    fn brought(&self, offer: &Offer, path: &str) -> Result<bool, GitError> {
        let has = |commit: &Id, otherwise: bool| -> Result<bool, GitError> {
            let commit = super::repo::oid(commit)?;
            if self.has(commit) { Ok(self.entry(self.tree_of(commit)?, path)?.is_some()) } else { Ok(otherwise) }
        };
        let archived = offer.paths.iter().any(|other| other.starts_with("openspec/changes/archive/"));
        Ok(has(&offer.head, !archived)? && !has(&offer.base, false)?)
    }
}

/// The commits that the passes of a change name, where those count and it is handed over.
fn passes(life: &Lifecycle) -> BTreeSet<&str> {
    let counting = life.steps.iter().filter(|step| step.counts && step.record.verdict == Verdict::Pass);
    counting.filter(|_| life.is_handed_over).filter_map(|step| step.record.commit.as_deref()).collect()
}
