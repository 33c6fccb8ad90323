//! Commits on the default branch as events. They are derived: git has them, so the journal does not.
//! Lives here: reading one commit, and walking the branch. Never here: when it is looked at (see [`super::relay`]).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use git2::{Commit, DiffOptions, Oid, Patch};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::parallel;
use crate::git::changes::RawChange;
use crate::git::errors::GitError;
use crate::git::propose::trailer;
use crate::git::repo::Repo;
use crate::town::changeset::Mode;
use crate::town::envelope::{Envelope, natural_id};
use crate::town::ids::{AgentId, RunId};
use crate::town::limits::EVENT_BYTES;
use crate::town::markdown::visible;
use crate::town::spec::metadata::is_kebab;

/// The type of these events.
pub const KIND: &str = "monkeytown.commit.landed.v1";
/// Commits that one thread reads at a time.
const SHARE: usize = 256;
/// Paths that one event names.
const PATHS: usize = 50;
/// Files of a commit whose lines are counted, and bytes of both sides of them: a long history is read at every start.
const COUNTED: usize = 50;
const COUNTED_BYTES: u64 = 256 * 1024;
/// Characters of a commit's subject, of its author's name, and of the name of a change.
const SUBJECT: usize = 200;
const AUTHOR: usize = 80;
const CHANGE: usize = 128;

/// What the event says of a commit. Whoever may push writes all of it, so that each part is bounded and shown as it is.
#[derive(Debug, Serialize)]
struct Data {
    oid: String,
    author: String,
    subject: String,
    /// The first of the paths that differ from the first parent, as many as an event has room for.
    paths: Vec<String>,
    /// How many paths differ; none where that cannot be said.
    files: Option<usize>,
    /// Lines added and deleted, as `git diff --numstat --no-renames` counts them where no attribute says otherwise, and none of
    /// submodules; none where that is too much to read at every start.
    adds: Option<u64>,
    dels: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<AgentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<String>,
}

/// One commit as an event.
#[derive(Debug)]
pub struct Landed {
    /// The commit.
    pub oid: Oid,
    /// Its event's id.
    pub id: String,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// The event.
    pub json: Box<RawValue>,
}

/// Reads one commit.
///
/// # Errors
/// [`GitError`] when it cannot be read.
pub fn read(repo: &Repo, oid: Oid, source: &str) -> Result<Landed, GitError> {
    let commit = repo.git().find_commit(oid).map_err(GitError::read(oid))?;
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    let agent: Option<AgentId> = trailer(&message, "Agent").and_then(|agent| agent.parse().ok());
    let changes = changes(repo, &commit)?;
    let (adds, dels) = changes.as_deref().and_then(|changes| lines(repo, changes)).unzip();
    let mut data = Data {
        oid: oid.to_string(),
        author: visible(&String::from_utf8_lossy(commit.author().name_bytes()), AUTHOR),
        subject: visible(message.lines().next().unwrap_or_default(), SUBJECT),
        paths: Vec::new(),
        files: changes.as_ref().map(Vec::len),
        adds,
        dels,
        change: trailer(&message, "Change").filter(|name| name.len() <= CHANGE && is_kebab(name)),
        agent,
    };
    let time = DateTime::from_timestamp(commit.time().seconds(), 0).unwrap_or_default();
    let mut envelope = Envelope {
        specversion: "1.0".to_owned(),
        id: natural_id(KIND, &oid.to_string()),
        kind: KIND.to_owned(),
        source: source.to_owned(),
        subject: format!("commit/{oid}"),
        time,
        actor: data.agent.as_ref().map_or_else(|| format!("human:{}", data.author), |agent| format!("agent:{agent}")),
        corr: trailer(&message, "Run").and_then(|run| run.parse::<RunId>().ok()),
        cause: None,
        data: raw(&data),
    };
    let paths = changes.iter().flatten().take(PATHS).map(|change| visible(&change.path, SUBJECT));
    data.paths = fitting(paths, EVENT_BYTES.saturating_sub(raw(&envelope).get().len()));
    envelope.data = raw(&data);
    Ok(Landed { oid, id: envelope.id.clone(), time, json: raw(&envelope) })
}

/// What differs from the first parent; `None` where nobody can say, which holds up nothing: at the border of a shallow clone the
/// parent is named and not here, and a commit may change more paths, or nest folders deeper, than anybody wants to read.
fn changes(repo: &Repo, commit: &Commit<'_>) -> Result<Option<Vec<RawChange>>, GitError> {
    let before = commit.parent(0).ok().map(|parent| parent.tree_id());
    if before.is_none() && commit.parent_count() > 0 {
        return Ok(None);
    }
    match repo.changes_between(before, Some(commit.tree_id())) {
        Ok(changes) => Ok(Some(changes)),
        Err(error) if error.is_unreadable() => Ok(None),
        Err(error) => Err(error),
    }
}

/// How many lines a commit adds and deletes; those of files that are no text are none. `None` where the commit is large, or one of
/// its files cannot be read.
fn lines(repo: &Repo, changes: &[RawChange]) -> Option<(u64, u64)> {
    if changes.len() > COUNTED {
        return None;
    }
    // What a submodule stands at is in another repository.
    let blob = |side: Option<(Mode, Oid)>| side.filter(|(mode, _)| *mode != Mode::Module).map(|(_, oid)| oid);
    let mut bytes: u64 = 0;
    for oid in changes.iter().flat_map(|change| [blob(change.before), blob(change.after)]).flatten() {
        bytes = bytes.saturating_add(repo.blob_size(oid).ok()?);
        if bytes > COUNTED_BYTES {
            return None;
        }
    }
    let mut options = DiffOptions::new();
    options.context_lines(0);
    let (mut adds, mut dels) = (0, 0);
    for change in changes {
        let read = |side| blob(side).map(|oid| repo.git().find_blob(oid)).transpose().ok();
        let (before, after) = (read(change.before)?, read(change.after)?);
        let [before, after] = [&before, &after].map(|blob| blob.as_ref().map_or(&[][..], |blob| blob.content()));
        let patch = Patch::from_buffers(before, None, after, None, Some(&mut options)).ok()?;
        let (_, added, deleted) = patch.line_stats().ok()?;
        (adds, dels) = (adds + added as u64, dels + deleted as u64);
    }
    Some((adds, dels))
}

/// The first of the texts, as many as have room in a list of JSON.
fn fitting(texts: impl Iterator<Item = String>, mut room: usize) -> Vec<String> {
    let mut fitting = Vec::new();
    for text in texts {
        // A comma comes with it.
        let Some(left) = room.checked_sub(raw(&text).get().len() + 1) else { break };
        room = left;
        fitting.push(text);
    }
    fitting
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// Reads many commits, in their order.
///
/// # Errors
/// [`GitError`] when one cannot be read.
pub fn read_all(repo: &Repo, oids: &[Oid], source: &str) -> Result<Vec<Landed>, GitError> {
    let each = |repo: &Repo, oids: &[Oid]| oids.iter().map(|oid| read(repo, *oid, source)).collect();
    if oids.len() <= SHARE {
        return each(repo, oids);
    }
    // A handle of git belongs to one thread, and is opened in no time beside reading a share.
    let (shares, dir): (Vec<&[Oid]>, _) = (oids.chunks(SHARE).collect(), repo.common_dir());
    let read = |share: &&[Oid]| Repo::open(dir).and_then(|repo| each(&repo, share));
    let read: Result<Vec<Vec<Landed>>, GitError> = parallel::map(&shares, 1, read).into_iter().collect();
    Ok(read?.into_iter().flatten().collect())
}

/// The commits of the branch that are not known, along first parents, oldest first; and whether the walk came upon one that is,
/// or upon the beginning. A walk of `most` commits ends anywhere.
///
/// # Errors
/// [`GitError`] when a commit cannot be read.
pub fn unknown(repo: &Repo, tip: Oid, known: &HashSet<Oid>, most: usize) -> Result<(Vec<Oid>, bool), GitError> {
    let boundary = repo.boundary()?;
    let (mut found, mut next) = (Vec::new(), Some(tip));
    while let Some(oid) = next {
        if known.contains(&oid) {
            found.reverse();
            return Ok((found, true));
        }
        if found.len() >= most {
            break;
        }
        found.push(oid);
        let commit = repo.git().find_commit(oid).map_err(GitError::read(oid))?;
        next = if boundary.contains(&oid) { None } else { commit.parent_id(0).ok() };
    }
    found.reverse();
    Ok((found, known.is_empty()))
}
