//! Step 1, open: the repository, its home, and the town's files as the base commit has them.
//! Lives here: reading charters and settings from the default branch, never from an agent's branch or the checkout.
//! Never here: the rules over these files (see [`crate::town::check`]).

use std::path::Path;

use git2::Oid;

use super::RunError;
use crate::git::errors::GitError;
use crate::git::files::Files;
use crate::git::home::{Home, Wanted};
use crate::git::program::HttpToken;
use crate::git::repo::{self, Repo};
use crate::git::town_files;
use crate::town::charter::Charter;
use crate::town::check::{self, TownFiles};
use crate::town::event::AgentSeen;
use crate::town::finding::{Finding, any_error};
use crate::town::ids::AgentId;
use crate::town::limits::TOWN_FILE;
use crate::town::settings::Settings;

/// What opens the town's remote, where the process was given a token for it.
pub type Key<'a> = &'a dyn Fn(Option<&Settings>) -> Option<HttpToken>;

/// A town that has been opened.
pub struct House {
    /// Where it lives.
    pub home: Home,
    /// The commit that everything is read from.
    pub base: Oid,
    /// Its settings.
    pub settings: Settings,
    /// Its agents.
    pub charters: Vec<Charter>,
    /// What the check of the town's files has to say.
    pub findings: Vec<Finding>,
}

/// The settings as the checkout has them, before the home is known: they say which branch, which remote, which token.
fn early(repo: &Repo) -> Option<Settings> {
    let head = repo.head_commit().ok().flatten()?;
    let tree = repo.git().find_commit(head).ok()?.tree().ok()?;
    let entry = tree.get_path(Path::new(TOWN_FILE)).ok()?;
    let blob = repo.git().find_blob(entry.id()).ok()?;
    crate::town::settings::parse(TOWN_FILE, blob.content()).0
}

impl House {
    /// Opens the town at `path`. `remote` is what the caller wants instead of the settings' `remote`, `key` what opens the
    /// remote.
    ///
    /// # Errors
    /// [`RunError`] when there is no repository, no default branch or no town on it.
    pub fn open(path: &Path, remote: Option<&str>, key: Key<'_>) -> Result<Self, RunError> {
        let (repo, settings) = Self::at(path, key)?;
        let said = settings.as_ref().map(|settings| settings.remote.as_str());
        let wanted = Wanted::from(remote.or(said).unwrap_or("auto"));
        let home = Home::open(repo, &wanted, settings.as_ref().and_then(|settings| settings.branch.as_deref()))?;
        Self::read(home)
    }

    /// Opens the town on a remote as this clone knows it, without asking anybody.
    ///
    /// # Errors
    /// As [`House::open`], and where the clone knows too little.
    pub fn known(path: &Path, remote: &str, key: Key<'_>) -> Result<Self, RunError> {
        let (repo, settings) = Self::at(path, key)?;
        let branch = settings.as_ref().and_then(|settings| settings.branch.as_deref());
        Self::read(Home::known(repo, remote, branch)?)
    }

    /// The repository at `path` with what opens its remote, and the settings of its checkout.
    fn at(path: &Path, key: Key<'_>) -> Result<(Repo, Option<Settings>), RunError> {
        let mut repo = Repo::open(path)?;
        if repo.facts()?.empty {
            return Err(GitError::EmptyRepository { path: repo.place().to_owned() }.into());
        }
        let settings = early(&repo);
        if let Some(token) = key(settings.as_ref()) {
            repo.use_token(&token);
        }
        Ok((repo, settings))
    }

    /// Reads the town's files of a home at its newest base.
    ///
    /// # Errors
    /// [`RunError::NotATown`], or [`RunError::Git`] when the tree cannot be read.
    pub fn read(home: Home) -> Result<Self, RunError> {
        let base = home.main()?;
        let (checked, has_town_file) = {
            let files = Files::open(home.repo.git(), base)?;
            (check::check(&town_files::of(&files)), files.get(TOWN_FILE).is_some())
        };
        let Some(settings) = checked.settings else {
            let branch = home.branch.clone();
            if !has_town_file {
                return Err(RunError::NotATown { branch });
            }
            return Err(RunError::TownFiles { branch, findings: checked.findings });
        };
        Ok(Self { home, base, settings, charters: checked.charters, findings: checked.findings })
    }

    /// The charter of an agent, if the town's files are all in order: a town in disorder lets nobody write.
    ///
    /// # Errors
    /// [`RunError::NoAgent`] or [`RunError::TownFiles`].
    pub fn charter(&self, agent: &AgentId) -> Result<&Charter, RunError> {
        if any_error(&self.findings) {
            let findings = self.findings.iter().filter(|finding| finding.is_error()).cloned().collect();
            return Err(RunError::TownFiles { branch: self.home.branch.clone(), findings });
        }
        self.charters.iter().find(|charter| charter.name == *agent).ok_or_else(|| {
            let known: Vec<&str> = self.charters.iter().map(|charter| charter.name.as_str()).collect();
            RunError::NoAgent {
                agent: agent.clone(),
                branch: self.home.branch.clone(),
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            }
        })
    }

    /// Makes sure that a commit of the default branch is here, also in a clone of depth 1 that begins later.
    ///
    /// # Errors
    /// [`RunError::Git`] when nobody has it.
    pub fn need(&self, commit: Oid) -> Result<(), RunError> {
        let has = || {
            let repo = self.home.repo.reopen()?;
            if repo.has(commit) { Ok(()) } else { Err(GitError::NeedsDepth { operation: "the base of a run" }) }
        };
        Ok(self.home.with_depth(has)?)
    }

    /// Where the town lives, in words.
    #[must_use]
    pub fn home_name(&self) -> String {
        self.home.remote.as_ref().map_or_else(|| "this clone".to_owned(), |remote| remote.name.clone())
    }

    /// The agent as the journal registers it.
    ///
    /// # Errors
    /// [`RunError::Git`] when its charter is not in the tree.
    pub fn seen(&self, charter: &Charter) -> Result<AgentSeen, RunError> {
        let repo = &self.home.repo;
        let path = charter.name.charter_path();
        let entry = repo.entry(repo.tree_of(self.base)?, &path)?.ok_or(GitError::NoReference { reference: path })?;
        Ok(AgentSeen { agent: charter.name.clone(), owns: charter.owns.clone(), charter: repo::id(entry.1) })
    }
}

/// The town's files on the default branch of a home, and every path there is.
///
/// # Errors
/// [`RunError::Git`] when the tree cannot be read.
pub fn town_files_of(home: &Home) -> Result<TownFiles, RunError> {
    Ok(town_files::of(&Files::open(home.repo.git(), home.main()?)?))
}
