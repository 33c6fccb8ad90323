//! Recomputing everything: `monkeytown log verify`.
//! Lives here: the checks over the whole journal and the commits on the default branch. Never here: repairing.

use std::collections::HashMap;

use git2::{Oid, Repository};

use super::read::{Commit, End};
use super::{Journal, JournalError, snapshot};
use crate::town::envelope::Envelope;
use crate::town::finding::Finding;
use crate::town::fold::Town;

/// Findings that are listed; a journal that is wrong throughout does not need more to be seen as such.
const MOST: usize = 200;

/// What verification saw.
#[derive(Debug, Default)]
pub struct Verified {
    /// Journal commits read.
    pub commits: u64,
    /// Events read.
    pub events: u64,
    /// Snapshots compared with a fresh fold.
    pub snapshots: u64,
    /// Commits on the default branch that name a run.
    pub agent_commits: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Journal<'_> {
    /// Reads the whole journal and compares: sequence without gaps, ids unique, every line parses, every event fits,
    /// snapshots equal to a fresh fold, every agent's commit on the default branch answered by events.
    ///
    /// # Errors
    /// When objects cannot be read at all; what is wrong with readable ones is a finding.
    pub fn verify(&self, main: Option<Oid>) -> Result<Verified, JournalError> {
        let mut seen = Verified::default();
        let Some(tip) = self.head()? else {
            return Ok(seen);
        };
        if let Err(error @ JournalError::Rewritten { .. }) = self.load() {
            seen.findings.push(Finding::error("history-kept", error.to_string()));
        }
        let (commits, end) = self.walk_deep(tip, 0, &|commit| commit)?;
        if let End::Shallow(oid) = end {
            // Nothing above the border can be judged without what is below it.
            seen.findings.push(
                Finding::error("history-complete", format!("the journal below commit {oid} is not in this clone"))
                    .fix("fetch it: `git fetch --unshallow origin monkeytown/journal`"),
            );
            return Ok(seen);
        }
        let mut state = Fresh::default();
        for commit in commits {
            match commit {
                Ok(commit) => state.take(self.git(), &commit, &mut seen)?,
                Err(error) => {
                    state.lost = true;
                    seen.findings.push(damage(&error));
                }
            }
        }
        if let Some(main) = main {
            answered(self.git(), main, &state, &mut seen)?;
        }
        let more = seen.findings.len().saturating_sub(MOST);
        if more > 0 {
            seen.findings.truncate(MOST);
            seen.findings.push(Finding::error("and-more", format!("and {more} more findings")));
        }
        Ok(seen)
    }
}

fn damage(error: &JournalError) -> Finding {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    let rule = if text.contains("parse as an event") { "line-parses" } else { "commit-parses" };
    Finding::error(rule, text).fix("restore the journal branch from a clone that has it undamaged")
}

/// The fold as it is recomputed, and what must be unique.
#[derive(Default)]
struct Fresh {
    town: Town,
    height: u64,
    ids: HashMap<String, u64>,
    runs: HashMap<String, u64>,
    last_snapshot: Option<Oid>,
    lost: bool,
}

impl Fresh {
    fn take(&mut self, repo: &Repository, commit: &Commit, seen: &mut Verified) -> Result<(), JournalError> {
        seen.commits += 1;
        seen.events += commit.events.len() as u64;
        let expected = (self.town.seq + commit.events.len() as u64, self.height + 1);
        // Behind a damaged commit the count starts again from what this one says: the damage is named already.
        if !self.lost && (commit.at.seq, commit.at.height) != expected {
            seen.findings.push(Finding::error(
                "sequence",
                format!(
                    "commit {} says it ends at event {} as number {}, and event {} as number {} was to be expected",
                    commit.oid, commit.at.seq, commit.at.height, expected.0, expected.1
                ),
            ));
        }
        for (index, event) in commit.events.iter().enumerate() {
            self.event(event, commit.first_seq() + index as u64, commit, seen);
        }
        self.town.seq = commit.at.seq;
        self.height = commit.at.height;
        self.lost = false;
        self.snapshot(repo, commit, seen)
    }

    fn event(&mut self, event: &Envelope, seq: u64, commit: &Commit, seen: &mut Verified) {
        if let Some(first) = self.ids.insert(event.id.clone(), seq) {
            seen.findings.push(Finding::error(
                "id-unique",
                format!("event {seq} in commit {} has the id {} of event {first}", commit.oid, event.id),
            ));
        }
        if let Some(run) = &event.corr {
            *self.runs.entry(run.to_string()).or_default() += 1;
        }
        if let Err(misfit) = self.town.apply(event) {
            seen.findings.push(Finding::error(
                "event-fits",
                format!("event {seq} ({}) in commit {}: {misfit}", event.kind, commit.oid),
            ));
        }
    }

    /// A snapshot is compared in the commit that brings it; later commits reuse the tree.
    fn snapshot(&mut self, repo: &Repository, commit: &Commit, seen: &mut Verified) -> Result<(), JournalError> {
        let blob = snapshot::blob_of(repo, commit.tree)?;
        if blob == self.last_snapshot {
            return Ok(());
        }
        let first = self.last_snapshot.is_none();
        self.last_snapshot = blob;
        let Some(blob) = blob else {
            seen.findings.push(Finding::error("snapshot", format!("commit {} has no snapshot.json", commit.oid)));
            return Ok(());
        };
        seen.snapshots += 1;
        let stored = repo.find_blob(blob).map_err(JournalError::ReadObject)?;
        let fresh = if first && self.height == 1 {
            snapshot::encode(&Town::default(), 0)?
        } else {
            snapshot::encode(&self.town, self.height)?
        };
        if stored.content() != fresh {
            seen.findings.push(
                Finding::error(
                    "snapshot",
                    format!(
                        "snapshot.json in commit {} differs from the fold of events 1 to {}",
                        commit.oid, commit.at.seq
                    ),
                )
                .fix("do not trust shallow clones of this journal; restore the branch from a clone that verifies"),
            );
        }
        Ok(())
    }
}

/// Every commit on the default branch that names a run must have events of that run.
fn answered(repo: &Repository, main: Oid, state: &Fresh, seen: &mut Verified) -> Result<(), JournalError> {
    let mut walk = repo.revwalk().map_err(JournalError::ReadObject)?;
    walk.push(main).map_err(JournalError::ReadObject)?;
    for oid in walk {
        // The border of a shallow clone ends the walk; what is below it cannot be judged here.
        let Ok(oid) = oid else { break };
        let Ok(commit) = repo.find_commit(oid) else { break };
        let Some(run) = crate::git::propose::trailer(commit.message().unwrap_or_default(), "Run") else { continue };
        seen.agent_commits += 1;
        if !state.runs.contains_key(run.as_str()) {
            seen.findings.push(Finding::error(
                "commit-answered",
                format!(
                    "commit {oid} on the default branch says it is of run {run}, and the journal knows no such run"
                ),
            ));
        }
    }
    Ok(())
}
