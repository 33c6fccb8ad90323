//! Commits on the default branch as events. They are derived: git has them, so the journal does not.
//! Lives here: reading one commit, and walking the branch. Never here: when it is looked at (see [`super::relay`]).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use git2::Oid;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::parallel;
use crate::git::errors::GitError;
use crate::git::propose::trailer;
use crate::git::repo::Repo;
use crate::town::envelope::{Envelope, natural_id};
use crate::town::ids::RunId;
use crate::town::markdown::visible;

/// The type of these events.
pub const KIND: &str = "monkeytown.commit.landed.v1";
/// Commits that one thread reads at a time.
const SHARE: usize = 256;
/// Paths that one event names.
const PATHS: usize = 50;
/// Characters of a commit's subject and of its author's name.
const SUBJECT: usize = 200;
const AUTHOR: usize = 80;

/// What the event says of a commit.
#[derive(Debug, Serialize)]
struct Data<'a> {
    oid: String,
    author: &'a str,
    subject: String,
    /// The first of the paths that differ from the first parent.
    paths: Vec<String>,
    /// How many paths differ.
    files: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
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
    let author = visible(&String::from_utf8_lossy(commit.author().name_bytes()), AUTHOR);
    let (agent, run, change) = (trailer(&message, "Agent"), trailer(&message, "Run"), trailer(&message, "Change"));
    // At the border of a shallow clone the parent is named, and not here.
    let before = commit.parent(0).ok().map(|parent| parent.tree_id());
    let is_cut = before.is_none() && commit.parent_count() > 0;
    let changes = match if is_cut { Ok(Vec::new()) } else { repo.changes_between(before, Some(commit.tree_id())) } {
        // That it landed is told, also where nobody can tell what it changed.
        Err(error) if error.is_unreadable() => Vec::new(),
        changes => changes?,
    };
    let data = Data {
        oid: oid.to_string(),
        author: &author,
        subject: visible(message.lines().next().unwrap_or_default(), SUBJECT),
        paths: changes.iter().take(PATHS).map(|change| visible(&change.path, SUBJECT)).collect(),
        files: changes.len(),
        agent: agent.as_deref(),
        change: change.as_deref(),
    };
    let time = DateTime::from_timestamp(commit.time().seconds(), 0).unwrap_or_default();
    let actor = agent.as_ref().map_or_else(|| format!("human:{author}"), |agent| format!("agent:{agent}"));
    let json = |value: &Data<'_>| serde_json::value::to_raw_value(value).unwrap_or_default();
    let envelope = Envelope {
        specversion: "1.0".to_owned(),
        id: natural_id(KIND, &oid.to_string()),
        kind: KIND.to_owned(),
        source: source.to_owned(),
        subject: format!("commit/{oid}"),
        time,
        actor,
        corr: run.and_then(|run| run.parse::<RunId>().ok()),
        cause: None,
        data: json(&data),
    };
    let id = envelope.id.clone();
    Ok(Landed { oid, id, time, json: serde_json::value::to_raw_value(&envelope).unwrap_or_default() })
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
