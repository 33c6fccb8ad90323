//! What of a proposal is the `Status:` line of a change, rewritten to what the records say once it is merged: that much whoever
//! keeps a gate may write in a file of somebody else.
//! Lives here: the comparison with the projection. Never here: the projection (see [`crate::town::spec::status_line`]).

use std::collections::BTreeSet;

use super::records::Place;
use super::work::Work;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::record::{Record, file_name};
use crate::town::spec::status_line::project_status;

/// The proposals of changes of which the work changes nothing but that line, beside a new record of its agent at the same change.
pub(super) fn projected(work: &Work<'_>) -> BTreeSet<String> {
    let Some(agent) = &work.proposal.agent else { return BTreeSet::new() };
    let actor = format!("agent:{agent}");
    let project = Project::new(work.after(), OPENSPEC);
    let mut paths = BTreeSet::new();
    for change in work.proposal.changes.iter().filter(|change| change.before.is_none()) {
        let Some(place) = Place::of(&change.path, project.archive_dir()).filter(|place| !place.is_archived) else {
            continue;
        };
        let bytes = change.after.as_ref().filter(|blob| blob.is_file()).map(|blob| &*blob.bytes);
        let record = Record::parse(&change.path, bytes.unwrap_or_default());
        if file_name(place.file).is_none() || !record.is_ok_and(|record| record.actor == actor) {
            continue;
        }
        let path = format!("{}/proposal.md", place.folder);
        let state = Lifecycle::of(&project, place.folder, &work.proposal.past).state;
        let is_it = |other: &&crate::town::changeset::FileChange| {
            let (Some(before), Some(after)) = (&other.before, &other.after) else { return false };
            let text = std::str::from_utf8(&before.bytes).ok().and_then(|text| project_status(text, state));
            before.mode == after.mode && text.is_some_and(|text| text.as_bytes() == &*after.bytes)
        };
        if work.proposal.changes.iter().find(|other| other.path == path).as_ref().is_some_and(is_it) {
            paths.insert(path);
        }
    }
    paths
}
