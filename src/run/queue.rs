//! What cannot be sent, on its way to another machine: a runner of CI is gone when its job ends, and the next one begins
//! with an empty clone.
//!
//! Lives here: the folder with the bundle, taking it in, leaving it behind. Never here: joining with what happened
//! meanwhile (see [`crate::git::journal::sync`]).
//!
//! The folder holds `queue.json` and `queue.bundle` with the journal as it is here and the agent's checkpoint, which has the
//! commit that waits to be published. A folder without them is an empty queue. It may have been in other hands on its way: it
//! is taken in with git's checks of every object, and only the events that a run of this agent records are written again from
//! it. What people did is left out, so nobody can put words into their mouths; the forge tells of it again. A checkpoint is
//! believed as far as the journal bears it out.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Keeper};
use super::claim;
use super::house::House;
use super::publish::Hands;
use super::{Progress, RunError};
use crate::forge::ForgeError;
use crate::git::bundle;
use crate::git::errors::GitError;
use crate::git::journal::{self, Journal};
use crate::git::repo;
use crate::town::decide::SUPERSEDED_BY;
use crate::town::envelope::Envelope;
use crate::town::event::Event;
use crate::town::fold::{Run, Town};
use crate::town::ids::{AgentId, Oid as Id, RunId};
use crate::town::limits::{BUNDLE_BYTES, HANDOVER_BYTES};

const FORMAT: u32 = 1;
const ABOUT: &str = "queue.json";
const CHECKPOINT: &str = "checkpoint.bundle";

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

/// Takes in what another machine left: the events that wait in its journal come on top of what the remote has by now, so that
/// the next sync sends them, and its checkpoint becomes ours. Says who held the leases there.
///
/// # Errors
/// [`RunError`] when the folder holds something else than a queue, or git refuses it; an unavailable one when what waits
/// cannot be joined with what people did before the forge is asked.
pub async fn take(hands: Hands<'_>, agent: &AgentId, dir: &Path) -> Result<Option<String>, RunError> {
    let Hands { edge, house, journal, .. } = hands;
    let Some(about) = about(dir)? else { return Ok(None) };
    if journal.head()?.is_some() {
        // This clone has a journal of its own, and what waits in it is not replaced by what waited elsewhere.
        tracing::info!(dir = %dir.display(), "this clone has a journal already; the queue is left alone");
        return Ok(None);
    }
    let refused = |why: String| QueueError::Refused { path: dir.to_owned(), why };
    let missing = |error: RunError| {
        if error.is_unavailable() { error } else { refused(super::publish::chain(&error)).into() }
    };
    claim::join(edge, house, journal)?;
    if let Some(sent) = &about.sent {
        journal.need(repo::oid(sent)?).map_err(RunError::from).map_err(missing)?;
    }
    house.need(repo::oid(&about.base)?).map_err(missing)?;
    for (name, reference) in &about.bundles {
        let bundle = dir.join(name);
        if ![journal::reference(), checkpoint::reference(agent)].contains(reference) || name.contains(['/', '\\']) {
            return Err(refused(format!("{reference} in {name} is none that waits")).into());
        }
        let found = fs::symlink_metadata(&bundle).map_err(file("read", &bundle))?;
        if !found.is_file() || found.len() > BUNDLE_BYTES {
            return Err(refused(format!("{name} is no plain file of at most {BUNDLE_BYTES} bytes")).into());
        }
        let into = format!("refs/monkeytown/incoming/{}", name.replace('.', "-"));
        if *reference == journal::reference() {
            let tip =
                bundle::read(&house.home.repo, &bundle, reference, &into).map_err(|error| not_taken(dir, error))?;
            let sent = about.sent.as_ref().map(repo::oid).transpose()?;
            let adopted = adopt(hands, agent, tip, sent).await;
            house.home.repo.drop_reference(&into)?;
            adopted.map_err(missing)?;
        } else if let Some(run) = journal.load()?.town.agents.get(agent).and_then(|agent| agent.active.clone()) {
            house.need(repo::oid(&run.base)?).map_err(missing)?;
            let tip =
                bundle::read(&house.home.repo, &bundle, reference, &into).map_err(|error| not_taken(dir, error))?;
            let taken = checkpoint_of(hands, agent, &run, tip);
            house.home.repo.drop_reference(&into)?;
            taken?.map_err(|why| refused(format!("{name}: {why}")))?;
        }
    }
    Ok(about.holder)
}

/// The list of what waits, where there is one.
fn about(dir: &Path) -> Result<Option<About>, RunError> {
    let path = dir.join(ABOUT);
    let mut text = Vec::new();
    match fs::File::open(&path).and_then(|file| file.take(HANDOVER_BYTES).read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file("read", &path)(error).into()),
    }
    let refused = |why: String| QueueError::Refused { path: dir.to_owned(), why };
    let about: About = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    if about.format != FORMAT {
        return Err(refused(format!("it has format {}, and this version reads {FORMAT}", about.format)).into());
    }
    Ok(Some(about))
}

/// Makes a checkpoint of the run in flight ours, where what it says of itself is true. What was announced comes along.
fn checkpoint_of(hands: Hands<'_>, agent: &AgentId, run: &Run, tip: Oid) -> Result<Result<(), String>, RunError> {
    let Hands { edge, house, journal, .. } = hands;
    if checkpoint::decode(&house.home, tip).is_some_and(|found| found.run != run.run) {
        // Its run has ended, and another one is under way.
        return Ok(Ok(()));
    }
    let town = journal.load()?.town;
    let taken = match checkpoint::vouched(house, &town, run, agent, tip)? {
        Ok(taken) => taken,
        Err(why) => return Ok(Err(why)),
    };
    let announced = run.proposed.as_ref().map(|proposed| repo::oid(&proposed.offer.head)).transpose()?;
    let head = announced.filter(|head| house.home.repo.has(*head));
    // From here on it outlives this machine, whatever becomes of this run.
    if !Keeper::new(&house.home, agent, &run.run, false).adopt(&taken, head, (edge.now)())? {
        let why = "what an earlier run left could not be sent home; it waits on".to_owned();
        return Err(ForgeError::Unavailable(why).into());
    }
    Ok(Ok(()))
}

/// Why a bundle is not taken in. Where git is too old to look at it nothing is wrong with the queue: it waits for a machine
/// that can.
fn not_taken(dir: &Path, error: GitError) -> RunError {
    match error {
        GitError::OldGit { .. } => error.into(),
        error => QueueError::Refused { path: dir.to_owned(), why: super::publish::chain(&error) }.into(),
    }
}

/// Takes over what waited in a journal, and says what of it is left out. Where something does not fit, people may have made
/// room for it: then the forge is asked first, and what waits waits on where it cannot be.
async fn adopt(hands: Hands<'_>, agent: &AgentId, tip: Oid, sent: Option<Oid>) -> Result<(), RunError> {
    let Hands { edge, house, journal, forge } = hands;
    let stamp = edge.stamp(&house.settings.name);
    let rewrite = || journal.rewrite(tip, sent, &stamp, |event, town| may_wait(event, town, agent));
    let mut rewritten = rewrite()?;
    if !rewritten.misfits.is_empty() {
        let news = claim::sync(edge, house, journal, forge, false).await?;
        edge.tell(&Progress::Synced { news: news.sentences, online: news.online });
        rewritten = rewrite()?;
        if let Some(misfit) = rewritten.misfits.first().filter(|_| !news.online) {
            let kind = &misfit.kind;
            let why = format!("{kind} waits, and may only fit what people did meanwhile; that has to be known first");
            return Err(ForgeError::Unavailable(why).into());
        }
    }
    for event in &rewritten.strangers {
        tracing::warn!("{} of {} is nothing that waits; it is left out", event.kind, event.actor);
    }
    for what in journal.adopt(&rewritten)? {
        tracing::warn!("{what}");
    }
    Ok(())
}

/// Whether a run of this agent records such events itself, about itself. What people did, and what another agent did, is not
/// taken from a folder; the forge tells of the former again. One pull request of the agent may give way to its next one.
fn may_wait(event: &Envelope, town: &Town, agent: &AgentId) -> bool {
    let Ok(Some(known)) = event.event() else { return false };
    let active = town.agents.get(agent).and_then(|agent| agent.active.as_ref());
    let in_flight = |run: Option<&RunId>| active.is_some_and(|active| Some(&active.run) == run);
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
        Event::PullUpdated(e) if e.offer.branch == agent.branch() => {
            let Some(pull) = town.pulls.get(&e.number) else { return false };
            &pull.agent
        }
        Event::PostPublished(e) if e.author == agent.as_str() && in_flight(event.corr.as_ref()) => agent,
        Event::PostReplied(e)
            if e.author == agent.as_str() && e.forge_id.is_none() && in_flight(event.corr.as_ref()) =>
        {
            agent
        }
        Event::PullCommented(e) if e.by == agent.as_str() && e.forge_id.is_none() && in_flight(event.corr.as_ref()) => {
            let Some(pull) = town.pulls.get(&e.number) else { return false };
            &pull.agent
        }
        Event::PullRejected(e) if event.actor == "system:run" && e.by == SUPERSEDED_BY => {
            town.pulls.get(&e.number).map_or(agent, |pull| &pull.agent)
        }
        Event::ToolsCalled(e) if in_flight(Some(&e.run)) => agent,
        Event::GatePassed(e) if in_flight(Some(&e.run)) => agent,
        Event::GateFailed(e) if in_flight(Some(&e.run)) => agent,
        _ => return false,
    };
    let by_the_run =
        event.actor == format!("agent:{agent}") || ["system:run", "system:gate"].contains(&event.actor.as_str());
    own == agent && by_the_run
}

/// Puts a bundle with a checkpoint into the queue, where that is empty.
///
/// # Errors
/// [`RunError`] when it cannot be written.
pub(super) fn put_by(
    house: &House,
    agent: &AgentId,
    holder: Option<&str>,
    bundle: &Path,
    dir: &Path,
) -> Result<(), RunError> {
    if dir.join(ABOUT).exists() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(file("create", dir))?;
    fs::copy(bundle, dir.join(CHECKPOINT)).map_err(file("write", dir))?;
    list(house, holder, None, vec![(CHECKPOINT.to_owned(), checkpoint::reference(agent))], dir)
}

/// Writes the list of what waits; without it nothing does.
fn list(
    house: &House,
    holder: Option<&str>,
    sent: Option<Oid>,
    bundles: Vec<(String, String)>,
    dir: &Path,
) -> Result<(), RunError> {
    let value = About {
        format: FORMAT,
        holder: holder.map(str::to_owned),
        sent: sent.map(repo::id),
        base: repo::id(house.base),
        bundles,
    };
    let json = serde_json::to_vec_pretty(&value).map_err(RunError::Checkpoint)?;
    let (half, about) = (dir.join("queue.json.part"), dir.join(ABOUT));
    fs::write(&half, json).map_err(file("write", &half))?;
    Ok(fs::rename(&half, &about).map_err(file("write", &about))?)
}

/// Leaves what waits here for another machine, or an empty folder where nothing does. What was put by stays there where it
/// was not looked at.
///
/// # Errors
/// [`RunError`] when it cannot be written.
pub fn leave(
    house: &House,
    journal: &Journal<'_>,
    agent: &AgentId,
    holder: Option<&str>,
    unread: bool,
    dir: &Path,
) -> Result<(), RunError> {
    fs::create_dir_all(dir).map_err(file("create", dir))?;
    let git = &house.home.repo;
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
    let checkpoint = git.tip(&name)?.filter(|_| checkpoint);
    let put_by = unread && checkpoint.is_none() && dir.join(CHECKPOINT).exists();
    if let Some(tip) = checkpoint {
        bundles.push((CHECKPOINT.to_owned(), name.clone(), tip, Some(house.base)));
    }
    // The list goes first and comes last: a kill in between leaves an empty queue, never half of one.
    for old in [ABOUT, "journal.bundle", CHECKPOINT].into_iter().filter(|old| !put_by || *old != CHECKPOINT) {
        match fs::remove_file(dir.join(old)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file("remove", dir)(error).into()),
            _ => {}
        }
    }
    // A run that waits has its holder here also where everything else has arrived: its lease is then taken over at once.
    if bundles.is_empty() && !in_flight && !put_by {
        return Ok(());
    }
    for (name, reference, tip, base) in &bundles {
        bundle::write(git, &dir.join(name), reference, *tip, *base)?;
    }
    let mut waits: Vec<(String, String)> = bundles.into_iter().map(|(name, reference, ..)| (name, reference)).collect();
    waits.extend(put_by.then(|| (CHECKPOINT.to_owned(), name)));
    list(house, holder, sent, waits, dir)
}
