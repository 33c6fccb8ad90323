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
use crate::town::spec::past::Past;
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

    /// For every change of the project, the commits that its validators passed and that a guarded file was touched for it after.
    ///
    /// # Errors
    /// [`GitError::NeedsDepth`] where that lies beyond what a shallow clone has.
    pub fn rebuilt(
        &self,
        head: Oid,
        project: &Project<'_>,
        guarded: &[Pattern],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, GitError> {
        let mut rebuilt: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        if guarded.is_empty() {
            return Ok(rebuilt);
        }
        for change in project.changes() {
            let life = Lifecycle::of(project, &project.change_path(change), Past::NOTHING);
            let passes = life.steps.iter().filter(|step| step.counts && step.record.verdict == Verdict::Pass);
            let commits: BTreeSet<&str> = passes.filter_map(|step| step.record.commit.as_deref()).collect();
            for commit in commits.into_iter().filter(|_| life.is_handed_over) {
                // A commit that is not here was rewritten, or never was: nobody can tell what came after it.
                let Some(since) = Oid::from_str(commit).ok().filter(|oid| self.has(*oid)) else { continue };
                let touched = self.touched_for(head, &[since], change)?;
                // Its own records and words are judged by what they say.
                let is_code = |path: &String| !path.starts_with("openspec/");
                let is_guarded = |path: &String| guarded.iter().any(|pattern| pattern.matches(path));
                if let Some(path) = touched.into_iter().find(|path| is_code(path) && is_guarded(path)) {
                    rebuilt.entry(change.to_owned()).or_default().insert(commit.to_owned(), path);
                }
            }
        }
        Ok(rebuilt)
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
