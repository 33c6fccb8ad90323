//! Senses: deterministic readings of one commit. Facts before thoughts.
//!
//! Lives here: one file per sense, each bounded, each with the same facts for the same commit, byte for byte, and what
//! they share: the tree, one pass over the texts, who owns what.
//! Never here: decisions, the wording of pages (see [`crate::town::page`]), writing to the repository.
//! Start with [`gather`].

mod activity;
mod ages;
mod checkout;
mod dependencies;
mod files;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod gather_tests;
mod links;
mod owners;
mod runners;
mod secrets;
mod specs;
#[cfg(test)]
pub(crate) mod testing;
mod tests;
mod text;
mod todos;
mod trees;

use chrono::{DateTime, Utc};

use crate::git::GitError;
use crate::git::bulk::Unhashed;
use crate::git::files::Files;
use crate::town::charter::Sense;
use crate::town::facts::{Facts, ProposalFacts};
use crate::town::ids::AgentId;
use crate::town::pattern::Pattern;
use crate::town::settings::TestCommand;
use crate::town::spec::past::Past;
use owners::Owners;

/// Why nothing could be sensed.
#[derive(Debug, thiserror::Error)]
pub enum SenseError {
    /// The base commit cannot be read.
    #[error("read the base commit for the senses")]
    Base(#[source] GitError),
}

/// What to sense, and everything that a sense may need beside the repository.
pub struct Request<'a> {
    /// The repository; only its object database is read.
    pub repo: &'a git2::Repository,
    /// The commit to read.
    pub base: git2::Oid,
    /// The base of the agent's last run.
    pub since: Option<git2::Oid>,
    /// All agents with what they own.
    pub domains: &'a [(AgentId, Vec<Pattern>)],
    /// The agent that asks.
    pub own: &'a AgentId,
    /// The senses that its charter wants.
    pub wanted: &'a [Sense],
    /// How the project's tests run, where it is configured.
    pub test_command: Option<&'a TestCommand>,
    /// Variables for the test command beside `HOME`, `TMPDIR` and `LANG`; the caller hands in `PATH`.
    pub environment: &'a [(String, String)],
    /// Open pull requests and verdicts, from the journal's fold.
    pub proposals: ProposalFacts,
    /// What the files do not tell of OpenSpec changes.
    pub past: &'a Past,
    /// The moment of the run; only ages of open pull requests are counted to it.
    pub now: DateTime<Utc>,
}

impl Request<'_> {
    fn wants(&self, sense: Sense) -> bool {
        self.wanted.contains(&sense)
    }
}

/// Reads everything that is wanted.
///
/// # Errors
/// When the base commit cannot be read. What a single sense cannot read it counts in its facts.
pub fn gather(request: &Request<'_>) -> Result<Facts, SenseError> {
    // A walk over thousands of commits reads tens of thousands of trees; nothing of what is read here is published as it is.
    let _unhashed = Unhashed::begin();
    let files = Files::open(request.repo, request.base).map_err(SenseError::Base)?;
    let owners = Owners::new(request.domains);
    let texts = text::pass(request, &files, &owners);
    let mut facts = Facts {
        links: texts.links,
        todos: texts.todos,
        secrets: texts.secrets,
        files: texts.files,
        ..Facts::default()
    };
    if request.wants(Sense::Activity) {
        facts.activity = Some(activity::sense(request, &owners));
    }
    if request.wants(Sense::Proposals) {
        let mut proposals = request.proposals.clone();
        proposals.open.sort_by_key(|pull| pull.number);
        proposals.verdicts.sort_by_key(|verdict| std::cmp::Reverse((verdict.at, verdict.number)));
        proposals.now = Some(request.now);
        facts.proposals = Some(proposals);
    }
    if request.wants(Sense::Specs) {
        facts.specs = Some(specs::sense(&files, request.past));
    }
    if request.wants(Sense::Tests) {
        facts.tests = Some(tests::sense(request, &files));
    }
    if request.wants(Sense::Dependencies) {
        facts.dependencies = Some(dependencies::sense(&files, &owners));
    }
    Ok(facts)
}
