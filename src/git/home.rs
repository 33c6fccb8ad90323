//! The town's home: the repository here, or the remote that it was cloned from.
//! Lives here: which of the two it is, the default branch, the agents' branches and our own references in it.
//! Never here: the journal (see [`super::journal`]), merging.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use git2::Oid;

use super::errors::{GitError, RemoteFailure};
use super::remote::{Deepen, PushSpec, Remote};
use super::repo::Repo;
use crate::town::limits::{AGENT_BRANCH_PREFIX, JOURNAL_BRANCH, TOWN_FILE};

/// How long one conversation with a remote may take.
pub const NETWORK_LIMIT: Duration = Duration::from_secs(120);

/// What the references begin with that hold commits which no branch at home leads to any more.
const BROUGHT: &str = "refs/monkeytown/brought/";

/// Beyond so many commits at once, a shallow clone fetches all of them.
const DEEPEST_STEP: u32 = 8_192;

/// Where the town lives.
pub struct Home {
    /// The repository here.
    pub repo: Repo,
    /// The remote, where that is the home.
    pub remote: Option<Remote>,
    /// The short name of the default branch.
    pub branch: String,
    /// Whether the remote could be asked when the home was opened.
    pub online: Cell<bool>,
}

/// Which remote a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The remote where the town lives, if it lives on one.
    Auto,
    /// No remote: everything stays in this clone.
    None,
    /// This one.
    Named(String),
}

impl From<&str> for Wanted {
    fn from(text: &str) -> Self {
        match text {
            "auto" => Self::Auto,
            "none" => Self::None,
            name => Self::Named(name.to_owned()),
        }
    }
}

impl Home {
    /// Finds the home of the town in `repo`. With [`Wanted::Auto`] that is the remote `origin` (or the only remote)
    /// where its default branch carries a town file; a town that stands in this clone alone stays in this clone.
    ///
    /// # Errors
    /// [`GitError`] when there is no default branch or the named remote does not exist.
    pub fn open(repo: Repo, wanted: &Wanted, branch: Option<&str>) -> Result<Self, GitError> {
        let remote = match wanted {
            Wanted::None => None,
            Wanted::Named(name) => Some(repo.remote(name)?),
            Wanted::Auto => Self::likely_remote(&repo)?,
        };
        let (mut online, mut head) = (true, None);
        if let Some(remote) = &remote {
            match Self::fetch(&repo, remote) {
                Ok(said) => head = said,
                Err(error) if error.is_unavailable() => online = false,
                Err(error) => return Err(error),
            }
        }
        if let (Wanted::Auto, Some(there)) = (wanted, &remote)
            && !Self::lives_at(&repo, there, branch.or(head.as_deref()))
        {
            let here = repo.default_branch(None, branch)?;
            return Ok(Self { repo, remote: None, branch: here.name, online: Cell::new(true) });
        }
        let name = remote.as_ref().map(|remote| remote.name.clone());
        let found = repo.default_branch(name.as_deref(), branch.or(head.as_deref()))?;
        Ok(Self { repo, remote, branch: found.name, online: Cell::new(online) })
    }

    /// The home on a remote as this clone knows it, without asking anybody.
    ///
    /// # Errors
    /// [`GitError`] when the remote or its default branch is not known here.
    pub fn known(repo: Repo, remote: &str, branch: Option<&str>) -> Result<Self, GitError> {
        let there = repo.remote(remote)?;
        let found = repo.default_branch(Some(remote), branch)?;
        Ok(Self { repo, remote: Some(there), branch: found.name, online: Cell::new(false) })
    }

    /// Whether the town lives in this clone, as far as can be told without asking a remote.
    ///
    /// # Errors
    /// [`GitError`] when the repository cannot be read.
    pub fn is_here(repo: &Repo, wanted: &Wanted, branch: Option<&str>) -> Result<bool, GitError> {
        Ok(match wanted {
            Wanted::None => true,
            Wanted::Named(_) => false,
            Wanted::Auto => Self::likely_remote(repo)?.is_none_or(|there| !Self::lives_at(repo, &there, branch)),
        })
    }

    fn lives_at(repo: &Repo, remote: &Remote, branch: Option<&str>) -> bool {
        let found = repo.default_branch(Some(&remote.name), branch);
        found.is_ok_and(|found| found.reference.starts_with("refs/remotes/") && Self::is_town(repo, found.tip))
    }

    fn likely_remote(repo: &Repo) -> Result<Option<Remote>, GitError> {
        let remotes = repo.facts()?.remotes;
        let name = match remotes.as_slice() {
            [] => return Ok(None),
            [only] => only.clone(),
            several if several.iter().any(|name| name == "origin") => "origin".to_owned(),
            _ => return Ok(None),
        };
        match repo.remote(&name) {
            Ok(remote) => Ok(Some(remote)),
            Err(GitError::NoRemote { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_town(repo: &Repo, commit: Oid) -> bool {
        let tree = repo.git().find_commit(commit).and_then(|commit| commit.tree());
        tree.is_ok_and(|tree| tree.get_path(std::path::Path::new(TOWN_FILE)).is_ok())
    }

    /// Brings our view of the remote up to date: its branches, those deleted there included. The journal has its own
    /// fetch, because it starts shallow. Says what the remote calls its HEAD: a clone that a runner of CI made does not know.
    fn fetch(repo: &Repo, remote: &Remote) -> Result<Option<String>, GitError> {
        // What was known before the remote was asked: a branch that somebody fetched meanwhile is not taken for gone.
        let known = repo.references(&remote.tracking(""))?;
        let (there, head) = remote.list_with_head(repo, &["HEAD", "refs/heads/*"], NETWORK_LIMIT)?;
        Self::prune(repo, remote, &known, &there)?;
        let journal = super::journal::reference();
        let (mut wanted, mut unseen) = (Vec::new(), Vec::new());
        for (name, oid) in &there {
            let Some(short) = name.strip_prefix("refs/heads/").filter(|_| *name != journal) else { continue };
            let tracking = remote.tracking(short);
            let seen = repo.tip(&tracking)?;
            // A branch that a shallow clone has never seen would bring all of its history along.
            let list = if seen.is_none() && repo.is_shallow() { &mut unseen } else { &mut wanted };
            if seen != Some(*oid) {
                list.push(format!("+{name}:{tracking}"));
            }
        }
        if !wanted.is_empty() {
            remote.fetch(repo, &wanted, NETWORK_LIMIT)?;
        }
        if !unseen.is_empty() {
            remote.deepen(repo, &unseen, Deepen::Depth(1), NETWORK_LIMIT)?;
        }
        Ok(head.filter(|name| there.iter().any(|(known, _)| known.strip_prefix("refs/heads/") == Some(name))))
    }

    /// Forgets the agents' branches that are gone there, and what else is gone and in the way of a branch: git fetches no `a/b`
    /// where there was an `a`, and all others would wait for it.
    fn prune(repo: &Repo, remote: &Remote, known: &[(String, Oid)], there: &[(String, Oid)]) -> Result<(), GitError> {
        let names: BTreeSet<&str> = there.iter().filter_map(|(name, _)| name.strip_prefix("refs/heads/")).collect();
        let below = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
        for (name, oid) in known {
            let short = name.strip_prefix(&remote.tracking("")).unwrap_or(name);
            if names.contains(short) {
                continue;
            }
            let wanted = short.starts_with(AGENT_BRANCH_PREFIX)
                || short != JOURNAL_BRANCH && names.iter().any(|other| below(short, other) || below(other, short));
            if wanted
                && let Err(error) = repo.delete_reference(name, *oid)
                && !error.is_raced()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Fetches again.
    ///
    /// # Errors
    /// [`GitError`] other than an unavailable remote, which turns `online` off instead.
    pub fn refresh(&self) -> Result<(), GitError> {
        if let Some(remote) = &self.remote {
            match Self::fetch(&self.repo, remote) {
                Ok(_) => self.online.set(true),
                Err(error) if error.is_unavailable() => self.online.set(false),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fetches again, for who wants to know why that cannot be.
    ///
    /// # Errors
    /// [`GitError`], also when the remote cannot be asked.
    pub fn fetch_again(&self) -> Result<(), GitError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        Self::fetch(&self.repo, remote)?;
        self.online.set(true);
        Ok(())
    }

    /// Asks a question of history, and fetches more of it as long as a shallow clone cannot answer.
    ///
    /// # Errors
    /// [`GitError`]; [`GitError::needs_depth`] only where no remote has more.
    pub fn with_depth<T>(&self, mut ask: impl FnMut() -> Result<T, GitError>) -> Result<T, GitError> {
        let mut by = 32_u32;
        loop {
            match (ask(), &self.remote) {
                (Err(error), Some(remote)) if error.needs_depth() && !self.online.get() => {
                    let detail = format!("{error}, and it cannot be asked for more");
                    return Err(GitError::Fetch {
                        remote: remote.name.clone(),
                        kind: RemoteFailure::Unavailable(detail),
                    });
                }
                (Err(error), _) if error.needs_depth() && self.deepen(by)? => by = by.saturating_mul(4),
                (answer, _) => return answer,
            }
        }
    }

    /// Makes sure that so many commits before `from` are here, as far as there are so many. A remote that cannot be asked
    /// leaves a shallow clone as it is.
    ///
    /// # Errors
    /// [`GitError`] when history cannot be read or the fetch fails.
    pub fn ensure_history(&self, from: Oid, commits: u32) -> Result<(), GitError> {
        let known = || -> Result<(), GitError> {
            let mut next = Some(from);
            for _ in 0..commits {
                let Some(commit) = next else { break };
                next = self.repo.parents(commit)?.first().copied();
            }
            Ok(())
        };
        match known() {
            Err(error) if error.needs_depth() => self.deepen(commits).map(|_| ()),
            other => other,
        }
    }

    /// Fetches `by` more commits of the default branch and the agents' branches, or all of them. Says whether there was more.
    fn deepen(&self, by: u32) -> Result<bool, GitError> {
        let Some(remote) = self.remote.as_ref().filter(|_| self.online.get() && self.repo.is_shallow()) else {
            return Ok(false);
        };
        let mut names = vec![self.branch.clone()];
        let prefix = remote.tracking("");
        let agents = self.repo.references(&remote.tracking(AGENT_BRANCH_PREFIX))?;
        names.extend(agents.iter().filter_map(|(name, _)| name.strip_prefix(&prefix).map(str::to_owned)));
        let mut wanted: Vec<String> =
            names.iter().map(|name| format!("+refs/heads/{name}:{}", remote.tracking(name))).collect();
        let brought = self.repo.references(BROUGHT)?;
        wanted.extend(brought.iter().map(|(name, commit)| format!("+{commit}:{name}")));
        let depth = if by > DEEPEST_STEP { Deepen::Full } else { Deepen::By(by) };
        remote.deepen(&self.repo, &wanted, depth, NETWORK_LIMIT)?;
        Ok(true)
    }

    /// The full name of a branch as this clone sees it at home.
    #[must_use]
    pub fn reference(&self, branch: &str) -> String {
        match &self.remote {
            Some(remote) => remote.tracking(branch),
            None => format!("refs/heads/{branch}"),
        }
    }

    /// The newest commit of the default branch.
    ///
    /// # Errors
    /// [`GitError`] when the branch is gone.
    pub fn main(&self) -> Result<Oid, GitError> {
        let reference = self.reference(&self.branch);
        self.repo.tip(&reference)?.ok_or(GitError::NoReference { reference })
    }

    /// The newest commit of a branch, if it exists.
    ///
    /// # Errors
    /// [`GitError`] when the reference cannot be read.
    pub fn tip(&self, branch: &str) -> Result<Option<Oid>, GitError> {
        self.repo.tip(&self.reference(branch))
    }

    /// Whether a branch is really gone from home, asked anew: what was fetched may be older than what it is judged by.
    ///
    /// # Errors
    /// [`GitError`] when the remote cannot be asked.
    pub fn is_gone(&self, branch: &str) -> Result<bool, GitError> {
        match &self.remote {
            None => Ok(self.tip(branch)?.is_none()),
            Some(_) if !self.online.get() => Ok(false),
            Some(remote) => {
                let name = format!("refs/heads/{branch}");
                Ok(remote.list(&self.repo, &[&name], NETWORK_LIMIT)?.is_empty())
            }
        }
    }

    /// Moves a branch at home from `old` to `new`, or creates it. What stands there already is a success.
    ///
    /// # Errors
    /// [`GitError`]; [`GitError::is_raced`] when somebody else moved it.
    pub fn publish(&self, branch: &str, new: Oid, old: Option<Oid>) -> Result<(), GitError> {
        if self.tip(branch)? == Some(new) && (self.remote.is_none() || self.online.get()) {
            return Ok(());
        }
        let tracked = self.reference(branch);
        if let Some(remote) = &self.remote {
            let lease = Some(old.unwrap_or(Oid::ZERO_SHA1));
            let spec = PushSpec { local: Some(new), reference: format!("refs/heads/{branch}"), lease };
            remote.push(&self.repo, &[spec], false, NETWORK_LIMIT)?;
            return self.repo.force_reference(&tracked, new, "monkeytown: sent");
        }
        self.repo.set_branch(branch, new, old, "monkeytown: publish")
    }

    /// Moves the default branch from `old` to `new`, as a human's merge does. In the human's own clone their checkout comes
    /// along, unless that would overwrite work of theirs.
    ///
    /// # Errors
    /// [`GitError`]; [`GitError::is_raced`] when somebody else moved it.
    pub fn land(&self, new: Oid, old: Oid) -> Result<(), GitError> {
        if self.remote.is_some() {
            return self.publish(&self.branch, new, Some(old));
        }
        self.repo.advance_checked_out(&self.branch, old, new)
    }

    /// Sends our own references (`refs/monkeytown/…`) home; a checkpoint there outlives this machine.
    ///
    /// # Errors
    /// [`GitError`] when the remote does not take them.
    pub fn send(&self, references: &[(String, Option<Oid>)]) -> Result<(), GitError> {
        let Some(remote) = self.remote.as_ref().filter(|_| self.online.get()) else { return Ok(()) };
        let specs: Vec<PushSpec> = references
            .iter()
            .map(|(name, oid)| PushSpec { local: *oid, reference: name.clone(), lease: None })
            .collect();
        remote.push_over(&self.repo, &specs, NETWORK_LIMIT).map(|_| ())
    }

    /// Fetches one of our own references from home.
    ///
    /// # Errors
    /// [`GitError`] when the remote cannot be asked.
    pub fn receive(&self, reference: &str) -> Result<Option<Oid>, GitError> {
        if let Some(remote) = self.remote.as_ref().filter(|_| self.online.get()) {
            remote.fetch(&self.repo, &[format!("+{reference}:{reference}")], NETWORK_LIMIT)?;
        }
        self.repo.tip(reference)
    }

    /// Brings a commit here that is known by its id alone, because its branch is gone or was moved away from it: home keeps it,
    /// and gives it to whoever knows it. Says whether it is here; until [`Home::let_go`] it can be deepened.
    ///
    /// # Errors
    /// [`GitError`] when home cannot be asked.
    pub fn bring(&self, commit: Oid) -> Result<bool, GitError> {
        let Some(remote) = self.remote.as_ref().filter(|_| !self.repo.has(commit)) else {
            return Ok(self.repo.has(commit));
        };
        if !self.online.get() {
            let detail = format!("{commit} is not here, and it cannot be asked for it");
            return Err(GitError::Fetch { remote: remote.name.clone(), kind: RemoteFailure::Unavailable(detail) });
        }
        let wanted = [format!("+{commit}:{BROUGHT}{commit}")];
        if self.repo.is_shallow() {
            remote.deepen(&self.repo, &wanted, Deepen::Depth(1), NETWORK_LIMIT)?;
        } else {
            remote.fetch(&self.repo, &wanted, NETWORK_LIMIT)?;
        }
        Ok(self.repo.has(commit))
    }

    /// Drops the references that [`Home::bring`] left.
    ///
    /// # Errors
    /// [`GitError`] when one cannot be dropped.
    pub fn let_go(&self) -> Result<(), GitError> {
        self.repo.references(BROUGHT)?.iter().try_for_each(|(name, _)| self.repo.drop_reference(name))
    }

    /// Keeps a commit here under a reference of its own, and sends it home if that can be reached. Says whether it is at home.
    ///
    /// # Errors
    /// [`GitError`] when the reference cannot be written here.
    pub fn keep(&self, reference: &str, commit: Oid) -> Result<bool, GitError> {
        self.repo.force_reference(reference, commit, "monkeytown: keep")?;
        if let Err(error) = self.send(&[(reference.to_owned(), Some(commit))]) {
            tracing::warn!(%error, reference, "it stays on this machine");
            return Ok(false);
        }
        Ok(self.remote.is_none() || self.online.get())
    }

    /// The failure as a refusal to start, where the remote lets nobody in.
    #[must_use]
    pub fn is_denied(error: &GitError) -> bool {
        matches!(error.remote_failure(), Some(RemoteFailure::Denied(_)))
    }
}
