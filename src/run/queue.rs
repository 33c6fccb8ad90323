//! What cannot be sent, on its way to another machine: a runner of CI is gone when its job ends, and the next one begins
//! with an empty clone.
//!
//! Lives here: the folder with the bundle, taking it in, leaving it behind. Never here: joining with what happened
//! meanwhile (see [`crate::git::journal::sync`]).
//!
//! The folder holds `queue.json` and `queue.bundle` with the journal as it is here and the agent's checkpoint, which has the
//! commit that waits to be published. A folder without them is an empty queue. It may have been in other hands on its way: it
//! is taken in with git's checks of every object, and only the events that a run of this agent records are written again from
//! it. What people did is left out, so nobody can put words into their mouths; the forge tells of it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::checkpoint;
use super::house::House;
use crate::git::bundle;
use crate::git::errors::GitError;
use crate::git::journal::{self, Journal, JournalError};
use crate::git::repo;
use crate::town::envelope::{Envelope, Stamp};
use crate::town::event::Event;
use crate::town::ids::{AgentId, Oid as Id};
use crate::town::limits::BUNDLE_BYTES;

const FORMAT: u32 = 1;
const ABOUT: &str = "queue.json";

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    /// Who held the leases.
    holder: Option<String>,
    /// The newest commit that the remote's journal was known to have.
    #[serde(default)]
    sent: Option<Id>,
    /// The base that the checkpoint leaves out.
    base: Id,
    /// The bundles and the reference that each holds.
    bundles: Vec<(String, String)>,
}

/// Why a queue cannot be taken or left.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// A file cannot be read or written.
    #[error("{operation} {}", .path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not what this version writes.
    #[error("the queue in {} is refused: {why}", .path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> QueueError {
    let path = path.to_owned();
    move |source| QueueError::File { operation, path, source }
}

/// Takes in what another machine left: its journal becomes ours, so that the next sync sends what waits in it. Says who held
/// the leases there.
///
/// # Errors
/// [`RunError`] when the folder holds something else than a queue, or git refuses it.
pub fn take(
    house: &House,
    journal: &Journal<'_>,
    agent: &AgentId,
    stamp: &Stamp,
    dir: &Path,
) -> Result<Option<String>, RunError> {
    let path = dir.join(ABOUT);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file("read", &path)(error).into()),
    };
    let refused = |why: String| QueueError::Refused { path: dir.to_owned(), why };
    let about: About = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    if about.format != FORMAT {
        return Err(refused(format!("it has format {}, and this version reads {FORMAT}", about.format)).into());
    }
    if journal.head()?.is_some() {
        // This clone has a journal of its own, and what waits in it is not replaced by what waited elsewhere.
        tracing::info!(dir = %dir.display(), "this clone has a journal already; the queue is left alone");
        return Ok(None);
    }
    let known = [journal::reference(), checkpoint::reference(agent)];
    let git = &house.home.repo;
    // What the remote has comes first: the bundles hold only what it lacks.
    journal.fetch_all()?;
    let missing = |error: RunError| {
        if error.is_unavailable() { error } else { refused(super::publish::chain(&error)).into() }
    };
    if let Some(sent) = &about.sent {
        journal.need(repo::oid(sent)?).map_err(RunError::from).map_err(missing)?;
    }
    house.need(repo::oid(&about.base)?).map_err(missing)?;
    for (name, reference) in &about.bundles {
        let bundle = dir.join(name);
        if !known.contains(reference) || name.contains(['/', '\\']) {
            return Err(refused(format!("{reference} in {name} is none that waits")).into());
        }
        if fs::metadata(&bundle).map_err(file("read", &bundle))?.len() > BUNDLE_BYTES {
            return Err(refused(format!("{name} has more than {BUNDLE_BYTES} bytes")).into());
        }
        let into = format!("refs/monkeytown/incoming/{}", name.replace('.', "-"));
        let tip = bundle::read(git, &bundle, reference, &into).map_err(|error| not_taken(dir, error))?;
        if *reference == journal::reference() {
            let sent = about.sent.as_ref().map(repo::oid).transpose()?;
            let adopted = adopt(journal, agent, stamp, tip, sent);
            git.drop_reference(&into)?;
            adopted.map_err(RunError::from).map_err(missing)?;
        } else {
            git.force_reference(reference, tip)?;
            git.drop_reference(&into)?;
            // From here on it outlives this machine, whatever becomes of this run.
            house.home.keep(reference, tip)?;
        }
    }
    Ok(about.holder)
}

/// Why a bundle is not taken in. Where git is too old to look at it nothing is wrong with the queue: it waits for a machine
/// that can.
fn not_taken(dir: &Path, error: GitError) -> RunError {
    match error {
        GitError::OldGit { .. } => error.into(),
        error => QueueError::Refused { path: dir.to_owned(), why: super::publish::chain(&error) }.into(),
    }
}

/// Takes over what waited in a journal, and says what of it is left out.
fn adopt(
    journal: &Journal<'_>,
    agent: &AgentId,
    stamp: &Stamp,
    tip: Oid,
    sent: Option<Oid>,
) -> Result<(), JournalError> {
    for event in journal.adopt(tip, sent, stamp, |event| may_wait(event, agent))? {
        tracing::warn!("{} of {} is nothing that waits; it is left out", event.kind, event.actor);
    }
    Ok(())
}

/// Whether a run of this agent records such events itself, about itself. What people did, and what another agent did, is not
/// taken from a folder; the forge tells of the former again.
fn may_wait(event: &Envelope, agent: &AgentId) -> bool {
    let Ok(Some(known)) = event.event() else { return false };
    let own = match &known {
        Event::AgentRegistered(e) | Event::AgentUpdated(e) => &e.agent,
        Event::RunStarted(e) => &e.agent,
        Event::RunResumed(e) => &e.agent,
        Event::UsageMetered(e) => &e.agent,
        Event::RunProposed(e) if e.offer.branch == agent.branch() => &e.agent,
        Event::RunFinished(e) => &e.agent,
        Event::RunFailed(e) => &e.agent,
        Event::RunExpired(e) => &e.agent,
        Event::PullOpened(e) if e.offer.branch == agent.branch() => &e.agent,
        Event::PullUpdated(e) if e.offer.branch == agent.branch() => agent,
        Event::ToolsCalled(_) | Event::GatePassed(_) | Event::GateFailed(_) => agent,
        _ => return false,
    };
    let by_the_run =
        event.actor == format!("agent:{agent}") || ["system:run", "system:gate"].contains(&event.actor.as_str());
    own == agent && by_the_run
}

/// Leaves what waits here for another machine, or an empty folder where nothing does.
///
/// # Errors
/// [`RunError`] when it cannot be written.
pub fn leave(
    house: &House,
    journal: &Journal<'_>,
    agent: &AgentId,
    holder: Option<&str>,
    dir: &Path,
) -> Result<(), RunError> {
    fs::create_dir_all(dir).map_err(file("create", dir))?;
    let git = &house.home.repo;
    let about = dir.join(ABOUT);
    let town = journal.load()?.town;
    let active = town.agents.get(agent).and_then(|agent| agent.active.as_ref());
    let in_flight = active.is_some_and(|run| Some(run.holder.as_str()) == holder);
    // A checkpoint that is here belongs to the run in flight, whoever holds that: it may be the only one there is.
    let checkpoint = checkpoint::read_here(&house.home, agent, active.map(|run| &run.run))?.is_some();
    let waiting = journal.waiting()?;
    let mut bundles = Vec::new();
    let mut sent = None;
    if waiting {
        let tip;
        (tip, sent) = journal.ends()?;
        bundles.push(("journal.bundle".to_owned(), journal::reference(), tip, sent));
    }
    let name = checkpoint::reference(agent);
    if let Some(tip) = git.tip(&name)?.filter(|_| checkpoint) {
        bundles.push(("checkpoint.bundle".to_owned(), name, tip, Some(house.base)));
    }
    // The list goes first and comes last: a kill in between leaves an empty queue, never half of one.
    for old in [ABOUT, "journal.bundle", "checkpoint.bundle"] {
        match fs::remove_file(dir.join(old)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file("remove", dir)(error).into()),
            _ => {}
        }
    }
    // A run that waits has its holder here also where everything else has arrived: its lease is then taken over at once.
    if bundles.is_empty() && !in_flight {
        return Ok(());
    }
    for (name, reference, tip, base) in &bundles {
        bundle::write(git, &dir.join(name), reference, *tip, *base)?;
    }
    let list = bundles.into_iter().map(|(name, reference, ..)| (name, reference)).collect();
    let value = About {
        format: FORMAT,
        holder: holder.map(str::to_owned),
        sent: sent.map(repo::id),
        base: repo::id(house.base),
        bundles: list,
    };
    let json = serde_json::to_vec_pretty(&value).map_err(RunError::Checkpoint)?;
    let half = dir.join("queue.json.part");
    fs::write(&half, json).map_err(file("write", &half))?;
    Ok(fs::rename(&half, &about).map_err(file("write", &about))?)
}
