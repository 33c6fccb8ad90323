//! A run over three jobs: one claims and one publishes with the token that may write, and the one between them thinks
//! without it.
//!
//! Lives here: what travels between them, and reading it as what it is: text of a stranger. The job that publishes believes
//! the journal, and of the handover only what it can check or the gate judges.
//! Never here: the steps themselves (see [`super::deliver`]).
//!
//! ```text
//! claim ─► claim.json ─► think ─► thought.json, thought-COMMIT.bundle ─► publish
//! ```

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use git2::Oid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Checkpoint};
use super::claim::{self, Claim};
use super::deliver::{self, Course, Phase, Started};
use super::house::House;
use super::publish::Hands;
use super::report::{Ending, Report};
use super::stand::Stand;
use super::think::Thinker;
use super::turn::Turned;
use super::{Progress, Request, RunError, queue};
use crate::git::bundle;
use crate::git::errors::GitError;
use crate::git::journal::Journal;
use crate::git::repo;
use crate::town::event::FailureKind;
use crate::town::fold::{Run, Town};
use crate::town::ids::{AgentId, Oid as Id, RunId};
use crate::town::limits::{BUNDLE_BYTES, HANDOVER_BYTES};
use crate::town::transcript::{Spent, Usage};

/// The version of what is handed over.
const FORMAT: u32 = 1;
const CLAIM: &str = "claim.json";
const THOUGHT: &str = "thought.json";

/// What the job that claims hands to the one that thinks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claimed {
    format: u32,
    run: RunId,
    agent: AgentId,
    stand: Stand,
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    brain: Option<String>,
}

/// What the job that thinks hands to the one that publishes, besides the bundle with workspace and transcript.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thought {
    format: u32,
    run: RunId,
    agent: AgentId,
    /// The commit in the bundle.
    checkpoint: Id,
    /// How it ended; nothing while it has not, so that a job that is stopped leaves what it had.
    #[serde(default)]
    turned: Option<Turned>,
}

/// The bundle of a checkpoint. Each has its own, so that a job that is stopped between the two files leaves a pair that fits.
fn bundle_of(checkpoint: &Id) -> String {
    format!("thought-{checkpoint}.bundle")
}

/// Writes what the job that thinks hands over, again after each step.
struct Handover<'a> {
    dir: &'a Path,
    house: &'a House,
    agent: &'a AgentId,
    run: RunId,
    base: Oid,
}

impl Handover<'_> {
    fn write(&self, tip: Oid, turned: Option<Turned>) -> Result<(), RunError> {
        let checkpoint = repo::id(tip);
        let bundle = self.dir.join(bundle_of(&checkpoint));
        let last = self.last();
        if last.as_deref() != Some(&*bundle) {
            let name = checkpoint::reference(self.agent);
            bundle::write(&self.house.home.repo, &bundle, &name, tip, Some(self.base))?;
        }
        let (run, agent) = (self.run.clone(), self.agent.clone());
        write(self.dir, THOUGHT, &Thought { format: FORMAT, run, agent, checkpoint, turned })?;
        if let Some(last) = last.filter(|last| *last != bundle) {
            fs::remove_file(&last).map_err(|source| HandoverError::File { operation: "remove", path: last, source })?;
        }
        Ok(())
    }

    /// The bundle that was handed over last, where it is still there.
    fn last(&self) -> Option<PathBuf> {
        let thought: Thought = read(self.dir, THOUGHT).ok()?;
        Some(self.dir.join(bundle_of(&thought.checkpoint))).filter(|path| path.exists())
    }
}

/// Why a handover is not taken.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// A file cannot be read or written.
    #[error("{operation} {}", .path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it has to be.
    #[error("{} is refused: {why}", .path.display())]
    Refused {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn refused(path: &Path, why: impl Into<String>) -> RunError {
    HandoverError::Refused { path: path.to_owned(), why: why.into() }.into()
}

fn write(dir: &Path, name: &str, value: &impl Serialize) -> Result<(), RunError> {
    let path = dir.join(name);
    let failed = |source| HandoverError::File { operation: "write", path: path.clone(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let json = serde_json::to_vec_pretty(value).map_err(RunError::Checkpoint)?;
    let half = dir.join(format!("{name}.part"));
    fs::write(&half, json).map_err(failed)?;
    Ok(fs::rename(&half, &path).map_err(failed)?)
}

/// Reads a file of a handover: a plain file, of a bounded size, with exactly the fields that there are.
fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<T, RunError> {
    let path = dir.join(name);
    let failed = |source| HandoverError::File { operation: "read", path: path.clone(), source };
    let about = fs::symlink_metadata(&path).map_err(failed)?;
    if !about.is_file() || about.len() > HANDOVER_BYTES {
        return Err(refused(&path, format!("it is no plain file of at most {HANDOVER_BYTES} bytes")));
    }
    let mut text = Vec::new();
    fs::File::open(&path).and_then(|file| file.take(HANDOVER_BYTES).read_to_end(&mut text)).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|error| refused(&path, error.to_string()))
}

/// The job that claims: steps 1 to 3, and `claim.json` for the one that thinks.
///
/// # Errors
/// As [`deliver::run`]; also where the handover cannot be written.
pub async fn claim(hands: Hands<'_>, request: &Request, dir: &Path) -> Result<Report, RunError> {
    // Found out before anything is paid for: the job that publishes could not look at what comes.
    bundle::can_be_checked(&hands.house.home.repo, dir)?;
    let mut course = match deliver::start(hands, request, Phase::Claim).await? {
        Started::Over(report) => return Ok(*report),
        Started::Claimed(course) => course,
    };
    let transcript = course.transcript();
    // What waited to be published is, at once: this job may write, and thinking again would be paid for twice.
    if let Some(report) = course.published(&transcript).await? {
        return Ok(report);
    }
    let handover = Claimed {
        format: FORMAT,
        run: course.claimed.run.run.clone(),
        agent: request.agent.clone(),
        stand: course.claimed.stand.clone(),
        task: request.task.clone(),
        brain: request.brain.clone(),
    };
    write(dir, CLAIM, &handover)?;
    let mut report = course.report.clone();
    report.outcome = Ending::Claimed;
    Ok(report)
}

/// The run in flight of this agent, as the journal has it; nothing where it has ended or is another one.
fn in_flight(journal: &Journal<'_>, agent: &AgentId, run: &RunId) -> Result<Option<(Run, Town)>, RunError> {
    let town = journal.load()?.town;
    let active = town.agents.get(agent).and_then(|agent| agent.active.clone());
    Ok(active.filter(|active| active.run == *run).map(|active| (active, town)))
}

fn over(agent: &AgentId, run: &RunId) -> Report {
    let mut report = Report::new(agent, Ending::Skipped, format!("run {run} is not in flight any more"));
    report.run = Some(run.clone());
    report
}

/// The job that thinks: nothing is written but in this clone and in the folder of the handover.
///
/// # Errors
/// As [`deliver::run`]; also where the handover cannot be read or written.
pub async fn think(hands: Hands<'_>, request: &Request, dir: &Path) -> Result<Report, RunError> {
    let Hands { edge, house, journal, .. } = hands;
    let claimed: Claimed = read(dir, CLAIM)?;
    of_format(dir, CLAIM, claimed.format, &claimed.agent, &request.agent)?;
    let charter = house.charter(&request.agent)?;
    journal.sync(&edge.stamp(&house.settings.name))?;
    let Some((run, town)) = in_flight(journal, &claimed.agent, &claimed.run)? else {
        return Ok(over(&claimed.agent, &claimed.run));
    };
    edge.tell(&Progress::Claimed { run: run.run.clone(), slot: run.slot.clone(), resumed: true });
    house.need(repo::oid(&run.base)?)?;
    let checkpoint = checkpoint::read(&house.home, &charter.name, Some(&run.run))?;
    let asked = Request {
        task: request.task.clone().or(claimed.task),
        brain: request.brain.clone().or(claimed.brain),
        ..request.clone()
    };
    let thinker = Thinker::choose(asked.brain.as_deref(), charter, &house.settings.brain)?;
    thinker.ready(edge)?;
    let resumed = run.attempt > 0;
    let stand = match &checkpoint {
        Some(checkpoint) => checkpoint.stand.clone(),
        // Its trees may have been made in the clone of the job that claimed alone.
        None => Stand::vouched(house, &town, &run, &claimed.agent, &claimed.stand)?
            .ok_or_else(|| refused(&dir.join(CLAIM), "it does not stand where the journal says that the run began"))?,
    };
    house.home.let_go()?;
    let claim = Claim { run, stand, checkpoint, resumed, town };
    let base = repo::oid(&claim.run.base)?;
    let handover = Handover { dir, house, agent: &request.agent, run: claimed.run, base };
    let mut course = Course::new(hands, charter, claim, thinker, &asked, Phase::Think);
    course.keeper.hand_over(Box::new(|tip| handover.write(tip, None)));
    let (report, turned) = course.think_only().await?;
    let name = checkpoint::reference(&request.agent);
    let tip = house.home.repo.tip(&name)?.ok_or_else(|| GitError::NoReference { reference: name.clone() })?;
    handover.write(tip, Some(turned))?;
    Ok(report)
}

/// The job that publishes. What was thought is read as text of a stranger; where there is nothing, the run has failed.
///
/// # Errors
/// As [`deliver::run`]; [`HandoverError`] where the handover is refused: then the run has failed too, and the journal says so.
pub async fn publish(hands: Hands<'_>, request: &Request, dir: &Path) -> Result<Report, RunError> {
    let Hands { edge, house, journal, forge } = hands;
    let charter = house.charter(&request.agent)?;
    claim::sync(edge, house, journal, forge, false).await?;
    let town = journal.load()?.town;
    let active = town.agents.get(&request.agent).and_then(|agent| agent.active.clone());
    // The journal says which run is ours; what the handover says of it has to agree.
    let holder = edge.holder.clone().map_or_else(|| house.home.repo.machine_id(), Ok)?;
    let Some(run) = active.filter(|active| active.holder == holder) else {
        let reason = "no run of this workflow is in flight; it has ended, or another one has taken over".to_owned();
        return Ok(Report::new(&request.agent, Ending::Skipped, reason));
    };
    let thinker = Thinker::Embedded;
    let course = |stand: Stand, checkpoint: Option<Checkpoint>| {
        let claim = Claim { run: run.clone(), stand, checkpoint, resumed: run.attempt > 0, town: town.clone() };
        let mut course = Course::new(hands, charter, claim, thinker.clone(), request, Phase::Publish);
        course.report.brain.clone_from(&run.brain);
        course
    };
    let failed = |reason: String| Turned::Failed { kind: FailureKind::NoResult, reason };
    if !dir.join(THOUGHT).exists() {
        // An earlier attempt may have left something, which then is not lost with this one.
        if let Some(mut left) = checkpoint::read(&house.home, &request.agent, Some(&run.run))? {
            // What the job spent that left nothing is not known: all that it had counts.
            let unknown = run.hold_micros.saturating_sub(left.transcript.cost_micros());
            if unknown > 0 && run.proposed.is_none() {
                left.transcript.lose(Spent::one(Usage::NONE, unknown));
            }
            return course(left.stand.clone(), Some(left.clone())).interrupted(&left).await;
        }
        let stand = Stand::find(house, &town, &request.agent)?;
        return course(stand, None).conclude(failed("the job that thinks ended without a result".to_owned())).await;
    }
    if run.proposed.is_some() {
        // An earlier attempt has announced it: the commit came home with its checkpoint, and is not made again.
        house.home.receive(&checkpoint::reference(&request.agent))?;
    }
    match thought(house, &town, &run, request, dir) {
        Ok((checkpoint, turned)) => {
            let course = course(checkpoint.stand.clone(), Some(checkpoint.clone()));
            match turned {
                Some(turned) => course.conclude(turned).await,
                None => course.interrupted(&checkpoint).await,
            }
        }
        // Not the handover's fault: the job may run again.
        Err(error) if error.is_unavailable() || matches!(error, RunError::Git(GitError::OldGit { .. })) => Err(error),
        Err(error) => {
            let stand = Stand::find(house, &town, &request.agent)?;
            let why = super::publish::chain(&error);
            let reason = format!("what the job that thinks handed over is refused: {why}");
            course(stand, None).conclude(failed(reason)).await?;
            Err(match error {
                RunError::Handover(error) => error.into(),
                _ => refused(&dir.join(THOUGHT), why),
            })
        }
    }
}

/// Takes the bundle in: one reference of the right name, a pack that passes git's own checks, a checkpoint of this run whose
/// account of where it stands is the one that follows from the journal.
fn thought(
    house: &House,
    town: &Town,
    run: &Run,
    request: &Request,
    dir: &Path,
) -> Result<(Checkpoint, Option<Turned>), RunError> {
    let thought: Thought = read(dir, THOUGHT)?;
    let path = dir.join(THOUGHT);
    of_format(dir, THOUGHT, thought.format, &thought.agent, &request.agent)?;
    if thought.run != run.run {
        return Err(refused(&path, format!("it is of run {}, and {} is in flight", thought.run, run.run)));
    }
    house.need(repo::oid(&run.base)?)?;
    let bundle = dir.join(bundle_of(&thought.checkpoint));
    let about = fs::symlink_metadata(&bundle).map_err(|source| HandoverError::File {
        operation: "read",
        path: bundle.clone(),
        source,
    })?;
    if !about.is_file() || about.len() > BUNDLE_BYTES {
        return Err(refused(&bundle, format!("it is no plain file of at most {BUNDLE_BYTES} bytes")));
    }
    let name = checkpoint::reference(&request.agent);
    let into = format!("refs/monkeytown/incoming/{}", run.run);
    let tip = bundle::read(&house.home.repo, &bundle, &name, &into)?;
    let said = &thought.checkpoint;
    if repo::id(tip) != *said {
        return Err(refused(&bundle, format!("it holds {} instead of {}", repo::id(tip).short(), said.short())));
    }
    let taken = checkpoint::vouched(house, town, run, &request.agent, tip);
    house.home.repo.drop_reference(&into)?;
    Ok((taken?.map_err(|why| refused(&bundle, why))?, thought.turned))
}

/// Puts what was thought into the queue before it is looked at: where the job that publishes cannot do so, since GitHub is
/// away or the job is killed, the next run of this agent finds it there. What is in the queue already is newer.
///
/// # Errors
/// [`RunError`] when the queue cannot be written.
pub fn put_by(house: &House, agent: &AgentId, holder: Option<&str>, dir: &Path, queue: &Path) -> Result<(), RunError> {
    let Ok(thought) = read::<Thought>(dir, THOUGHT) else { return Ok(()) };
    let bundle = dir.join(bundle_of(&thought.checkpoint));
    let about = fs::symlink_metadata(&bundle);
    if thought.agent != *agent || !about.is_ok_and(|about| about.is_file() && about.len() <= BUNDLE_BYTES) {
        return Ok(());
    }
    queue::put_by(house, agent, holder, &bundle, queue)
}

fn of_format(dir: &Path, name: &str, format: u32, agent: &AgentId, asked: &AgentId) -> Result<(), RunError> {
    let path = dir.join(name);
    if format != FORMAT {
        return Err(refused(&path, format!("it has format {format}, and this version reads {FORMAT}")));
    }
    if agent != asked {
        return Err(refused(&path, format!("it is of {agent}, and {asked} was asked for")));
    }
    Ok(())
}
