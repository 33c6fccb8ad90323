//! The checkpoint of a run: workspace and transcript after each accepted step, under a reference of its own.
//! Lives here: writing, reading and sending it, and the transcripts of ended runs. Never here: when to take one.

use chrono::{DateTime, Utc};
use git2::{Oid, Signature, Time};
use serde::{Deserialize, Serialize};

use super::RunError;
use super::house::House;
use super::stand::Stand;
use crate::git::errors::GitError;
use crate::git::home::Home;
use crate::git::repo;
use crate::town::fold::{Run, Town};
use crate::town::ids::{AgentId, Oid as Id, RunId};
use crate::town::limits::{CHECKPOINT_BYTES, CHECKPOINT_PUSH_SECONDS, TRANSCRIPT_DAYS, WORKSPACE_BYTES};
use crate::town::transcript::Transcript;

/// What a checkpoint remembers besides the transcript.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Memo {
    run: RunId,
    /// The tree that the workspace started from.
    start: Id,
    /// The tree of the workspace.
    workspace: Id,
    /// Where the run stands.
    stand: Stand,
}

/// A checkpoint that was read back.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The run that it belongs to.
    pub run: RunId,
    /// Where the run stands.
    pub stand: Stand,
    /// The tree of its workspace.
    pub workspace: Oid,
    /// What was said and done.
    pub transcript: Transcript,
}

/// The reference of an agent's checkpoint.
#[must_use]
pub fn reference(agent: &AgentId) -> String {
    format!("refs/monkeytown/checkpoints/{agent}")
}

/// The reference of an ended run's transcript.
#[must_use]
pub fn transcript_reference(run: &RunId) -> String {
    format!("refs/monkeytown/runs/{run}")
}

/// Writes checkpoints of one run and sends them home now and then.
pub struct Keeper<'a> {
    home: &'a Home,
    agent: AgentId,
    run: RunId,
    sent: Option<DateTime<Utc>>,
    /// The cost that home was last told of, in millionths of a US dollar.
    told_micros: u64,
    dry: bool,
    instead: Option<HandOver<'a>>,
}

/// When home hears of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToHome {
    /// Where it has heard of none for long enough.
    InTurn,
    /// At once, so that whoever takes the run over goes on with this very run.
    Now,
}

/// What is done with each checkpoint in place of sending it home.
pub type HandOver<'a> = Box<dyn Fn(Oid) -> Result<(), RunError> + 'a>;

impl<'a> Keeper<'a> {
    /// A keeper for this run; a dry one writes nothing.
    #[must_use]
    pub fn new(home: &'a Home, agent: &AgentId, run: &RunId, dry: bool) -> Self {
        Self { home, agent: agent.clone(), run: run.clone(), sent: None, told_micros: 0, dry, instead: None }
    }

    /// Nothing is sent home any more: each checkpoint is given to whoever may do that.
    pub fn hand_over(&mut self, to: HandOver<'a>) {
        self.instead = Some(to);
    }

    /// Writes a checkpoint, and sends it home as `send` says.
    ///
    /// # Errors
    /// [`RunError`] when objects or the reference cannot be written. A remote that cannot be reached is no error: the
    /// next checkpoint is sent instead.
    pub fn keep(
        &mut self,
        stand: &Stand,
        workspace: Oid,
        transcript: &Transcript,
        now: DateTime<Utc>,
        send: ToHome,
    ) -> Result<(), RunError> {
        if self.dry {
            return Ok(());
        }
        let commit = self.write(stand, workspace, transcript, None, now)?;
        // The first interval begins now: a run that ends within it never needs to send one.
        let sent = *self.sent.get_or_insert(now);
        match &self.instead {
            Some(hand_over) => hand_over(commit)?,
            None if send == ToHome::Now || (now - sent).num_seconds() >= CHECKPOINT_PUSH_SECONDS => self.send(commit),
            None => return Ok(()),
        }
        (self.sent, self.told_micros) = (Some(now), transcript.cost_micros());
        Ok(())
    }

    /// What a run has cost that home was not told of, in millionths of a US dollar: so much is not known where this machine
    /// is gone.
    #[must_use]
    pub fn untold_micros(&self, transcript: &Transcript) -> u64 {
        transcript.cost_micros().saturating_sub(self.told_micros)
    }

    /// Writes the checkpoint that carries the commit to be published, so that it reaches home together.
    ///
    /// # Errors
    /// As [`Keeper::keep`].
    pub fn keep_proposal(
        &mut self,
        stand: &Stand,
        workspace: Oid,
        transcript: &Transcript,
        head: Oid,
        now: DateTime<Utc>,
    ) -> Result<(), RunError> {
        if !self.dry {
            let commit = self.write(stand, workspace, transcript, Some(head), now)?;
            self.send(commit);
        }
        Ok(())
    }

    fn send(&self, commit: Oid) {
        if let Err(error) = self.home.send(&[(reference(&self.agent), Some(commit))]) {
            tracing::warn!(%error, "the checkpoint stays on this machine");
        }
    }

    fn write(
        &self,
        stand: &Stand,
        workspace: Oid,
        transcript: &Transcript,
        head: Option<Oid>,
        now: DateTime<Utc>,
    ) -> Result<Oid, RunError> {
        let memo = Memo {
            run: self.run.clone(),
            start: repo::id(stand.tree()?),
            workspace: repo::id(workspace),
            stand: stand.clone(),
        };
        let git = self.home.repo.git();
        let failed = |what| move |source| GitError::WriteObject { what, source };
        let mut tree = git.treebuilder(None).map_err(failed("checkpoint"))?;
        for (name, json) in
            [("run.json", serde_json::to_vec(&memo)), ("transcript.json", serde_json::to_vec(transcript))]
        {
            let blob = git.blob(&json.map_err(RunError::Checkpoint)?).map_err(failed("blob"))?;
            tree.insert(name, blob, 0o100_644).map_err(failed("checkpoint"))?;
        }
        // Both trees hang on the checkpoint, so that a fetch of it brings them along.
        tree.insert("start", stand.tree()?, 0o040_000).map_err(failed("checkpoint"))?;
        tree.insert("workspace", workspace, 0o040_000).map_err(failed("checkpoint"))?;
        let tree = tree.write().and_then(|oid| git.find_tree(oid)).map_err(failed("checkpoint"))?;
        let who = Signature::new("monkeytown", "checkpoint@monkeytown.invalid", &Time::new(now.timestamp(), 0))
            .map_err(failed("signature"))?;
        let parent = head.map(|head| git.find_commit(head)).transpose().map_err(failed("commit"))?;
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let message = format!("checkpoint of run {}\n", self.run);
        let commit = git.commit(None, &who, &who, &message, &tree, &parents).map_err(failed("commit"))?;
        self.home.repo.force_reference(&reference(&self.agent), commit, "monkeytown: checkpoint")?;
        Ok(commit)
    }

    /// Keeps the transcript of a run that is about to end under a reference of its own. A dry run keeps none.
    ///
    /// # Errors
    /// [`RunError`] when the reference cannot be written.
    pub fn keep_transcript(&self, transcript: &Transcript, now: DateTime<Utc>) -> Result<Option<Oid>, RunError> {
        if self.dry {
            return Ok(None);
        }
        let git = self.home.repo.git();
        let failed = |what| move |source| GitError::WriteObject { what, source };
        let json = serde_json::to_vec_pretty(transcript).map_err(RunError::Checkpoint)?;
        let blob = git.blob(&json).map_err(failed("blob"))?;
        let mut tree = git.treebuilder(None).map_err(failed("transcript"))?;
        tree.insert("transcript.json", blob, 0o100_644).map_err(failed("transcript"))?;
        let tree = tree.write().and_then(|oid| git.find_tree(oid)).map_err(failed("transcript"))?;
        let who = Signature::new("monkeytown", "transcript@monkeytown.invalid", &Time::new(now.timestamp(), 0))
            .map_err(failed("signature"))?;
        let message = format!("transcript of run {} of {}\n", self.run, self.agent);
        let commit = git.commit(None, &who, &who, &message, &tree, &[]).map_err(failed("commit"))?;
        self.home.repo.force_reference(&transcript_reference(&self.run), commit, "monkeytown: transcript")?;
        Ok(Some(commit))
    }

    /// Takes the checkpoint of another job as that of this run, and says whether it is at home, where a later run goes on from
    /// it. It is written again, so that nothing else of what was handed over is sent but `head`, which was announced.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be written here.
    pub fn adopt(&self, taken: &Checkpoint, head: Option<Oid>, now: DateTime<Utc>) -> Result<bool, RunError> {
        let commit = self.write(&taken.stand, taken.workspace, &taken.transcript, head, now)?;
        Ok(self.home.keep(&reference(&self.agent), commit)?)
    }

    /// After the end: sends the transcript home, drops the checkpoint of a run that ended well, and prunes transcripts that
    /// are older than 30 days.
    ///
    /// # Errors
    /// [`RunError`] when the references cannot be written here; a remote that does not take them is no error.
    pub fn close(&self, transcript: Option<Oid>, ended_well: bool, now: DateTime<Utc>) -> Result<(), RunError> {
        if self.dry {
            return Ok(());
        }
        let mut moved = vec![(transcript_reference(&self.run), transcript)];
        if ended_well {
            self.home.repo.drop_reference(&reference(&self.agent))?;
            moved.push((reference(&self.agent), None));
        }
        for old in self.outdated(now)? {
            self.home.repo.drop_reference(&old)?;
            moved.push((old, None));
        }
        if let Err(error) = self.home.send(&moved) {
            tracing::warn!(%error, "the transcript stays on this machine");
        }
        Ok(())
    }

    fn outdated(&self, now: DateTime<Utc>) -> Result<Vec<String>, RunError> {
        let oldest = now.timestamp_millis() - i64::try_from(TRANSCRIPT_DAYS * 86_400_000).unwrap_or(i64::MAX);
        let names = self.home.repo.references("refs/monkeytown/runs/")?;
        let old = |name: &String| {
            let run = name.rsplit('/').next().and_then(|run| run.parse::<RunId>().ok());
            run.is_some_and(|run| i64::try_from(run.millis()).unwrap_or(i64::MAX) < oldest)
        };
        Ok(names.into_iter().map(|(name, _)| name).filter(old).collect())
    }
}

/// Reads the checkpoint of an agent's run in flight: the one here, or home's where that lives on a remote and the one here
/// is of another run. One that cannot be read is as good as none.
///
/// # Errors
/// [`RunError::Git`] when the reference cannot be read.
pub fn read(home: &Home, agent: &AgentId, in_flight: Option<&RunId>) -> Result<Option<Checkpoint>, RunError> {
    let name = reference(agent);
    let Some(run) = in_flight else { return Ok(None) };
    let of_run = |oid| decode(home, oid).filter(|checkpoint| checkpoint.run == *run);
    if let Some(found) = home.repo.tip(&name)?.and_then(of_run) {
        return Ok(Some(found));
    }
    Ok(home.receive(&name)?.and_then(of_run))
}

/// Reads the checkpoint of an agent's run in flight that is here; home is not asked.
///
/// # Errors
/// As [`read`].
pub fn read_here(home: &Home, agent: &AgentId, in_flight: Option<&RunId>) -> Result<Option<Checkpoint>, RunError> {
    let Some(run) = in_flight else { return Ok(None) };
    let found = home.repo.tip(&reference(agent))?.and_then(|oid| decode(home, oid));
    Ok(found.filter(|checkpoint| checkpoint.run == *run))
}

/// Reads the transcript of a run that has ended, from home where it is not here.
///
/// # Errors
/// [`RunError::Git`] when the reference cannot be read.
pub fn transcript(home: &Home, run: &RunId) -> Result<Option<Transcript>, RunError> {
    let name = transcript_reference(run);
    let tip = match home.repo.tip(&name)? {
        Some(tip) => Some(tip),
        // One that was never sent, or was pruned, is no failure.
        None => home.receive(&name).or_else(|error| if error.is_unavailable() { Err(error) } else { Ok(None) })?,
    };
    let read = |tip| serde_json::from_slice(&file_of(home, tip, "transcript.json")?).ok();
    Ok(tip.and_then(read))
}

/// A file of a checkpoint or of a kept transcript. One of more than [`CHECKPOINT_BYTES`] is not read: what takes little room
/// where it is packed may take more than there is.
fn file_of(home: &Home, commit: Oid, name: &str) -> Option<Vec<u8>> {
    let blob = home.repo.git().find_commit(commit).ok()?.tree().ok()?.get_name(name)?.id();
    let size = home.repo.blob_size(blob).ok()?;
    if size > CHECKPOINT_BYTES {
        tracing::warn!(name, size, limit = CHECKPOINT_BYTES, "a file of a checkpoint is too large to be read");
        return None;
    }
    home.repo.read_blob(blob).ok()
}

/// Reads a checkpoint that was in other hands: one of this run, whose account of where it stands is the one that follows from
/// the journal, and that unpacks to no more than is allowed. Else says what is wrong with it.
///
/// # Errors
/// [`RunError::Git`] when commits or trees cannot be read, or home cannot be asked for them.
pub fn vouched(
    house: &House,
    town: &Town,
    run: &Run,
    agent: &AgentId,
    tip: Oid,
) -> Result<Result<Checkpoint, String>, RunError> {
    let Some(checkpoint) = decode(&house.home, tip) else {
        let why = format!("what it holds is no checkpoint, or has a file of more than {CHECKPOINT_BYTES} bytes");
        return Ok(Err(why));
    };
    if checkpoint.run != run.run || checkpoint.transcript.run != run.run {
        return Ok(Err(format!("its checkpoint is of another run than {}", run.run)));
    }
    let stand = Stand::vouched(house, town, run, agent, &checkpoint.stand)?;
    house.home.let_go()?;
    let Some(stand) = stand else {
        return Ok(Err("it does not stand where the journal says that the run began".to_owned()));
    };
    let bytes = house.home.repo.bytes_between(stand.tree()?, checkpoint.workspace)?;
    if bytes > WORKSPACE_BYTES {
        return Ok(Err(format!("its workspace has {bytes} bytes of changes; {WORKSPACE_BYTES} are allowed")));
    }
    Ok(Ok(Checkpoint { stand, ..checkpoint }))
}

/// Reads a checkpoint at a commit.
#[must_use]
pub fn decode(home: &Home, commit: Oid) -> Option<Checkpoint> {
    let memo: Memo = serde_json::from_slice(&file_of(home, commit, "run.json")?).ok()?;
    let transcript: Transcript = serde_json::from_slice(&file_of(home, commit, "transcript.json")?).ok()?;
    let workspace = repo::oid(&memo.workspace).ok()?;
    home.repo.git().find_tree(workspace).ok()?;
    Some(Checkpoint { run: memo.run, stand: memo.stand, workspace, transcript })
}
