//! What of a proposal is the archiving of completed changes, exactly as the plan has it: that much the architect may write,
//! although these paths are nobody's.
//! Lives here: the comparison with the plan. Never here: the plan (see [`crate::town::spec::putaway`]).

use std::collections::BTreeSet;

use super::paths;
use super::records::Place;
use super::work::Work;
use crate::town::spec::base::Base;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::plan;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::{self, OPENSPEC, PutAway};
use crate::town::spec::record::{Gate, file_name};
use crate::town::spec::state::State;

/// The paths that the plan writes and the proposal leaves as the plan does, with the record of it. None where anything of the plan
/// is missing or different, or where the records that were merged before do not complete the change.
pub(super) fn planned(work: &Work<'_>) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let changes = &work.proposal.changes;
    let is_architect = work.proposal.agent.as_ref().is_some_and(|agent| agent.as_str() == Gate::Archive.agent());
    let is_gone = |below: &str| changes.iter().any(|change| change.after.is_none() && change.path.starts_with(below));
    if !is_architect || !is_gone("openspec/changes/") {
        return paths;
    }
    let project = Project::new(work.before(), OPENSPEC);
    let archive = format!("{}/", project.below(project.archive_dir()));
    let added =
        changes.iter().filter(|change| change.before.is_none()).filter_map(|change| change.path.strip_prefix(&archive));
    let folders: BTreeSet<&str> = added.filter_map(|inner| inner.split_once('/')).map(|(folder, _)| folder).collect();
    for name in project.changes() {
        let from = project.change_path(name);
        if !is_gone(&format!("{from}/"))
            || Lifecycle::of(&project, &from, &work.proposal.past).state != State::Completed
        {
            continue;
        }
        for folder in &folders {
            let day = plan::archived_on(&project, name, folder);
            let put = day
                .and_then(|day| putaway::put_away(&project, name, day, Base::of(&work.proposal.past.bases, name)).ok());
            // What nobody may own no config gives away either.
            let is_free = |put: &PutAway| put.files.keys().all(|path| paths::reserved(path).is_none());
            if let Some(put) = put.filter(|put| is_free(put) && is_as_planned(work, put)) {
                paths.extend(put.files.into_keys());
                let to = format!("{archive}{folder}");
                let is_record = |path: &str| {
                    Place::of(path, project.archive_dir()).is_some_and(|place| {
                        place.folder == to && file_name(place.file).is_some_and(|(_, gate)| gate == Gate::Archive)
                    })
                };
                let added = changes.iter().filter(|change| change.before.is_none());
                paths.extend(added.map(|change| change.path.clone()).filter(|path| is_record(path)));
            }
        }
    }
    paths
}

/// Whether the proposal leaves every file of the plan as the plan does.
fn is_as_planned(work: &Work<'_>, put: &PutAway) -> bool {
    put.files.iter().all(|(path, after)| {
        let change = work.proposal.changes.iter().find(|change| change.path == *path);
        let now = change.map(|change| change.after.as_ref().filter(|blob| blob.is_file()).map(|blob| &*blob.bytes));
        now == Some(after.as_deref())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
