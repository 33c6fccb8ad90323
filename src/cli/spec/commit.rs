//! The ground that a spec command stands on when it commits: the branch, what is committed there, and the commit on top.
//! Lives here: from a repository to a project, and from a plan to a commit. Never here: what is planned.

use std::collections::BTreeSet;
use std::fs;

use super::archive;
use super::desk::{Desk, Failure};
use crate::git::files::Files;
use crate::git::objects::{Author, NewCommit};
use crate::git::spec_archive::Written;
use crate::git::{GitError, Oid, Repo, spec_tree};
use crate::town::limits;
use crate::town::spec::base::Base;
use crate::town::spec::plan::{Plan, Stop};
use crate::town::spec::project::Project;
use crate::town::spec::tree::{Archive, Tree};

/// A branch of a repository, and the files of `openspec/` as they are committed there.
pub struct Ground {
    /// The repository.
    pub repo: Repo,
    /// The branch that gets the commit.
    pub branch: String,
    /// Where the branch stands; `None` where it is to be made.
    pub tip: Option<Oid>,
    /// The commit that is built upon.
    pub at: Oid,
    /// The commit of an earlier run that was killed while files followed it; its move was ended now.
    pub finished: Option<Oid>,
    tree: Tree,
}

/// A failure of git, in the words of these commands.
#[must_use]
pub fn failed(error: GitError) -> Failure {
    let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    Failure::new(Stop::Other.code(), format!("{error}{why}"))
}

impl Ground {
    /// Finds it: a branch that is named and there is built upon; one that is not there begins at HEAD.
    ///
    /// # Errors
    /// No repository, or nothing is committed.
    pub fn for_change(desk: &Desk, verb: &str, name: &str, branch: Option<&str>) -> Result<Self, Failure> {
        let repo = Repo::open(&desk.root.base).map_err(|error| {
            let fix = match verb {
                "archive" => "Archive inside a git repository, or write the files alone with --in-place.",
                _ => "Run it inside the git repository whose history has the change.",
            };
            failed(error).fix(fix)
        })?;
        let finished = repo.finish_moves().map_err(failed)?.pop().map(|(_, commit)| commit);
        let none = || Failure::new(Stop::Other.code(), "nothing is committed here yet").fix("Commit openspec/ first.");
        let head = repo.head_commit().map_err(failed)?.ok_or_else(none)?;
        branch.map_or(Ok(()), fits)?;
        let wanted = branch.map_or_else(|| format!("spec/{verb}-{}", branch_name(name)), str::to_owned);
        let tip = repo.tip(&format!("refs/heads/{wanted}")).map_err(failed)?;
        // Our own branch from an earlier try is no ground to build upon.
        let at = tip.filter(|_| branch.is_some()).unwrap_or(head);
        let openspec = desk.root.openspec();
        if repo.entry(repo.tree_of(at).map_err(failed)?, &openspec).map_err(failed)?.is_some() {
            let message =
                format!("{openspec} is a link or a file in the commit {at:.12}; nothing below it is read there");
            return Err(Failure::new(Stop::Other.code(), message).fix("Put the folder itself there."));
        }
        let files = Files::open(repo.git(), at).map_err(failed)?;
        let tree = spec_tree::read(&files, &openspec, Archive::Names);
        drop(files);
        Ok(Self { repo, branch: wanted, tip, at, finished, tree })
    }

    /// The project as it is committed.
    #[must_use]
    pub fn project<'t>(&'t self, desk: &Desk) -> Project<'t> {
        desk.project_of(&self.tree)
    }

    /// A path as answers name it: where it is on disk, or in the commit where the repository has no files.
    #[must_use]
    pub fn shown(&self, desk: &Desk, path: &str) -> String {
        if self.repo.workdir().is_some() { desk.shown(path) } else { path.to_owned() }
    }

    /// Refuses where the working directory holds something of the change, or of the other files in the plan, that is not committed.
    ///
    /// # Errors
    /// It does.
    pub fn clean(&self, desk: &Desk, plan: &Plan) -> Result<(), Failure> {
        let mut files: Vec<String> = plan.updates.iter().map(|update| update.path.clone()).collect();
        files.extend(plan.logged.as_ref().map(|logged| logged.path.clone()));
        self.clean_at(desk, &[&plan.moves.0], &files)
    }

    /// The same for whole folders and for single files.
    ///
    /// # Errors
    /// Something there is not committed.
    pub fn clean_at(&self, desk: &Desk, folders: &[&String], files: &[String]) -> Result<(), Failure> {
        let Some(root) = self.repo.workdir() else { return Ok(()) };
        if self.repo.head_commit().map_err(failed)? != Some(self.at) {
            return Ok(());
        }
        let tree = self.repo.tree_of(self.at).map_err(failed)?;
        let mut paths: BTreeSet<String> = files.iter().cloned().collect();
        for folder in folders {
            let committed = self.repo.files_in(tree, folder).map_err(failed)?;
            paths.extend(committed.into_iter().map(|(inner, ..)| format!("{folder}/{inner}")));
            let found = desk.tree.below(folder).filter(|(_, node)| node.is_file());
            paths.extend(found.map(|(path, _)| path.to_owned()));
        }
        let mut dirty = Vec::new();
        for path in paths {
            let committed = self.repo.read_path(tree, &path).map_err(failed)?;
            if committed.is_none() && self.repo.is_ignored(&path) {
                continue;
            }
            let place = root.join(&path);
            let is_link = fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_symlink());
            let found = fs::read(&place).ok();
            if !is_link && found.as_deref().map(without_returns) != committed.as_deref().map(without_returns) {
                dirty.push(path);
            }
        }
        if dirty.is_empty() {
            return Ok(());
        }
        let message = format!("not committed: {}", dirty.join(", "));
        Err(Failure::new("archive_uncommitted", message).fix("Commit these first; only what is committed counts here."))
    }

    /// Makes the commit: specs and some more files written, the change moved. The same plan on the same ground gives the branch that is there.
    ///
    /// # Errors
    /// Git fails, or somebody else has moved the branch.
    pub fn archive(&self, name: &str, plan: &Plan, more: Written, seconds: i64) -> Result<Oid, Failure> {
        let work = archive::work(plan);
        let files = work.files.into_iter().map(|file| (file.path, file.after)).chain(more).collect();
        let tree = self.repo.archived_tree(self.at, &files, work.moves.as_ref()).map_err(failed)?;
        let counts = plan.totals.unwrap_or_default();
        let said = format!(
            "{} added, {} modified, {} removed, {} renamed",
            counts.added, counts.modified, counts.removed, counts.renamed
        );
        let message = format!(
            "spec: archive {name}\n\nRequirements: {said}. Archived as {}.\n\nChange: {name}\n",
            plan.archived_as
        );
        self.commit(tree, &message, seconds)
    }

    /// Puts a tree as one commit on the branch; where that is checked out, its files follow.
    ///
    /// # Errors
    /// Git fails, or the branch has something else on it.
    pub fn commit(&self, tree: Oid, message: &str, seconds: i64) -> Result<Oid, Failure> {
        let (name, email) =
            self.repo.user().unwrap_or_else(|| ("monkeytown".to_owned(), "monkeytown@monkeytown.invalid".to_owned()));
        let author = Author { name, email };
        if let Some(tip) = self.tip.filter(|tip| *tip != self.at) {
            // From an earlier try: good if it says the same.
            let same =
                self.repo.tree_of(tip).map_err(failed)? == tree && self.repo.parents(tip).map_err(failed)? == [self.at];
            if same {
                return Ok(tip);
            }
            let message = format!("the branch {} is there already, with something else on it", self.branch);
            return Err(Failure::new("branch_exists", message).fix("Delete it, or name another with --branch."));
        }
        let new = NewCommit { parents: &[self.at], message, author: &author, seconds };
        let commit = self.repo.commit(tree, &new).map_err(failed)?;
        match self.tip {
            Some(tip) => self.repo.advance_checked_out(&self.branch, tip, commit),
            None => self.repo.set_branch(&self.branch, commit, None, "spec"),
        }
        .map_err(failed)?;
        Ok(commit)
    }
}

fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    text.collect::<Vec<_>>().join(&b'\n')
}

/// Refuses what is no name of a branch of people's.
fn fits(branch: &str) -> Result<(), Failure> {
    let why = match branch {
        "HEAD" | "@" => "that means whatever is checked out",
        name if name.starts_with("refs/") => "give the branch's own name, without refs/heads/",
        name if name.starts_with('-') => "a branch's name does not begin with a hyphen",
        name if name.starts_with(limits::AGENT_BRANCH_PREFIX) || name == limits::JOURNAL_BRANCH => {
            "that branch is written by runs alone"
        }
        name if !git2::Branch::name_is_valid(name).unwrap_or(false) => "git takes no such name",
        _ => return Ok(()),
    };
    let message = format!("`{}` cannot be the branch for the commit: {why}", branch.escape_debug());
    Err(Failure::new("branch_name_invalid", message).fix("Give a name such as main, or leave --branch out."))
}

/// A change's name as part of a branch's: what git does not take there becomes a hyphen.
fn branch_name(name: &str) -> String {
    let is_fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    name.chars().map(|c| if is_fine(c) { c } else { '-' }).collect()
}

/// What the main specs said about the requirements of a change when it was written, as far as history tells it. `at` is the
/// commit that is built upon; where files are written without one, it is HEAD.
#[must_use]
pub fn base(repo: Option<&Repo>, project: &Project<'_>, change: &str, at: Option<Oid>) -> Base {
    let Some(repo) = repo else { return Base::unknown("there is no git history here") };
    match at.map_or_else(|| repo.head_commit(), |at| Ok(Some(at))) {
        Ok(Some(head)) => repo.spec_base(head, project, change),
        Ok(None) => Base::unknown("nothing is committed here yet"),
        Err(error) => Base::unknown(&format!("the history cannot be read: {error}")),
    }
}
