//! What of a proposal is the archiving of completed changes, exactly as the plan has it: that much the architect may write,
//! although these paths are nobody's.
//! Lives here: the comparison with the plan. Never here: the plan (see [`crate::town::spec::putaway`]).

use std::collections::BTreeSet;

use super::records::{Side, author, record_place, side};
use super::work::Work;
use crate::town::spec::base::Base;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::putaway;
use crate::town::spec::record::{Gate, file_name};
use crate::town::spec::state::State;

/// The paths that the plan writes and the proposal leaves as the plan does, with the record of it. None where anything of the plan
/// is missing or different, or where the records that were merged before do not complete the change.
pub(super) fn planned(work: &Work<'_>) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let is_architect = work.proposal.agent.as_ref().is_some_and(|agent| agent.as_str() == Gate::Archive.agent());
    let gone = |path: &str| work.proposal.changes.iter().any(|change| change.path == path && change.after.is_none());
    let folders: BTreeSet<&str> = work.proposal.changes.iter().filter_map(|change| archived(&change.path)).collect();
    if !is_architect || folders.is_empty() {
        return paths;
    }
    let before = side(work, "openspec", Side::Before);
    for folder in folders {
        let Some((date, name)) = folder.get(..10).zip(folder.get(11..)) else { continue };
        let from = format!("openspec/changes/{name}");
        let life = Lifecycle::of(&before, &from, author(work, name));
        if life.state != State::Completed || !before.below(&from).any(|(path, _)| gone(path)) {
            continue;
        }
        let Ok(put) = putaway::put_away(&before, name, date, Base::of(&work.proposal.bases, name)) else { continue };
        let as_planned = put.files.iter().all(|(path, after)| {
            let change = work.proposal.changes.iter().find(|change| change.path == *path);
            let now = change.map(|change| change.after.as_ref().filter(|blob| blob.is_file()).map(|blob| &*blob.bytes));
            now == Some(after.as_deref())
        });
        if put.archived_as == folder && as_planned {
            paths.extend(put.files.into_keys());
            let to = format!("openspec/changes/archive/{folder}");
            let is_record = |path: &str| {
                record_place(path).is_some_and(|(folder, _, file)| {
                    folder == to && file_name(file).is_some_and(|(_, gate)| gate == Gate::Archive)
                })
            };
            let added = work.proposal.changes.iter().filter(|change| change.before.is_none());
            paths.extend(added.map(|change| change.path.clone()).filter(|path| is_record(path)));
        }
    }
    paths
}

/// The folder in the archive that a path stands in.
fn archived(path: &str) -> Option<&str> {
    path.strip_prefix("openspec/changes/archive/")?.split_once('/').map(|(folder, _)| folder)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
