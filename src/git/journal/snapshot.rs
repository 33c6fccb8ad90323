//! The journal's tree: a page that explains the branch, and the folded state now and then.
//! Lives here: writing and reading that tree. Never here: the fold.

use git2::{Oid, Repository};
use serde::{Deserialize, Serialize};

use super::JournalError;
use super::codec::Position;
use crate::town::fold::Town;

/// What stands in `README.md` on the journal branch.
const README: &str = "\
# The journal of this town

This branch is written by `monkeytown` and by nobody else. Each commit carries one or more events (CloudEvents 1.0, one
JSON document per line of its message): what the town's agents did and what people decided about it.
`snapshot.json` is the folded state at an earlier sequence number, so that a fresh clone need not read all of history.

- `monkeytown log` reads it, `monkeytown state` folds it, `monkeytown log verify` recomputes everything.
- Do not edit, rebase, squash or force-push it: every clone that has seen it will refuse the result.
";

/// A folded state in the journal's tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of this file's format.
    pub format: u32,
    /// The number of the commit whose events are the last ones in it.
    pub height: u64,
    /// The state; its `seq` says up to where.
    pub town: Town,
}

/// The snapshot's bytes: the same state gives the same bytes.
///
/// # Errors
/// When the state cannot be written as JSON.
pub fn encode(town: &Town, height: u64) -> Result<Vec<u8>, JournalError> {
    let snapshot = Snapshot { format: super::codec::FORMAT, height, town: town.clone() };
    let mut bytes = serde_json::to_vec_pretty(&snapshot).map_err(JournalError::Snapshot)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a tree with a new snapshot.
///
/// # Errors
/// When an object cannot be written.
pub fn write_tree(repo: &Repository, town: &Town, at: Position) -> Result<Oid, JournalError> {
    let snapshot = repo.blob(&encode(town, at.height)?).map_err(JournalError::WriteObject)?;
    let readme = repo.blob(README.as_bytes()).map_err(JournalError::WriteObject)?;
    let mut tree = repo.treebuilder(None).map_err(JournalError::WriteObject)?;
    tree.insert("README.md", readme, 0o100_644).map_err(JournalError::WriteObject)?;
    tree.insert("snapshot.json", snapshot, 0o100_644).map_err(JournalError::WriteObject)?;
    tree.write().map_err(JournalError::WriteObject)
}

/// The blob of a tree's snapshot.
///
/// # Errors
/// When the tree cannot be read.
pub fn blob_of(repo: &Repository, tree: Oid) -> Result<Option<Oid>, JournalError> {
    let tree = repo.find_tree(tree).map_err(JournalError::ReadObject)?;
    Ok(tree.get_name("snapshot.json").map(|entry| entry.id()))
}

/// Reads the snapshot of a tree. One that cannot be read is as good as none: the events tell the same.
///
/// # Errors
/// When the tree cannot be read.
pub fn read(repo: &Repository, tree: Oid) -> Result<Option<Snapshot>, JournalError> {
    let Some(blob) = blob_of(repo, tree)? else { return Ok(None) };
    let Ok(blob) = repo.find_blob(blob) else { return Ok(None) };
    let snapshot: Option<Snapshot> = serde_json::from_slice(blob.content()).ok();
    Ok(snapshot.filter(|snapshot| snapshot.format == super::codec::FORMAT))
}
