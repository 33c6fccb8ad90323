//! Everything that archiving a completed change writes: the main specs as the plan rebuilds them, and the change's folder at its
//! new place, its `Status:` line saying so, and the entry in the changelog.
//! Lives here: the files, for whoever writes them and for whoever judges that nothing else was written. Never here: the merge (see
//! `plan`), whether the change may be archived (see `lifecycle`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::base::Base;
use super::lifecycle::is_of_life;
use super::plan::{self, Options};
use super::plan_file::Outcome;
use super::project::Project;
use super::rules::Profile;
use super::state::State;
use super::status_line::project_status;
use super::tree::Node;
use super::validate::Checker;

/// The project's folder.
pub const OPENSPEC: &str = "openspec";

/// What archiving comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutAway {
    /// The name in the archive.
    pub archived_as: String,
    /// Each file that differs afterwards, with what it then holds; `None` where it is gone.
    pub files: BTreeMap<String, Option<Arc<[u8]>>>,
    /// What happens to the requirements of the main specs, as a phrase.
    pub says: String,
}

/// Plans it, on the day `date`. `base` is what history says of what the change was written for.
///
/// # Errors
/// Why it cannot be done, as a sentence without a final full stop.
pub fn put_away(project: &Project<'_>, change: &str, date: &str, base: Base) -> Result<PutAway, String> {
    let mut issues = Checker::new(project, Profile::Gated).change(change);
    issues.retain(|issue| !is_of_life(issue.code));
    let options = Options {
        date,
        careful: true,
        judges_deltas_only: false,
        skips_specs: false,
        logs: true,
        issues: Some(&issues),
        base,
    };
    let plan = plan::plan(project, change, &options);
    if let Some(stopped) = plan.stopped(true) {
        return Err(stopped.message.clone());
    }
    if let Some(refusal) = plan.refusals.first() {
        return Err(format!("{}: {}", refusal.id, refusal.message));
    }
    let mut files = BTreeMap::new();
    for update in plan.updates.iter().filter(|update| update.outcome != Outcome::Keep) {
        files.insert(update.path.clone(), update.after.clone());
    }
    files.extend(plan.logged.map(|logged| (logged.path, Some(logged.after))));
    let (from, to) = &plan.moves;
    for (path, node) in project.tree().below(from) {
        let Some(bytes) = node.bytes().filter(|_| matches!(node, Node::File(_))) else {
            if matches!(node, Node::Folder) {
                continue;
            }
            return Err(format!("{path} is no plain file"));
        };
        let inner = &path[from.len()..];
        files.insert(path.to_owned(), None);
        files.insert(format!("{to}{inner}"), Some(archived(inner, bytes)));
    }
    let counts = plan.totals.unwrap_or_default();
    let says = format!(
        "{} added, {} modified, {} removed, {} renamed",
        counts.added, counts.modified, counts.removed, counts.renamed
    );
    Ok(PutAway { archived_as: plan.archived_as, files, says })
}

/// A file of the change at its new place.
fn archived(inner: &str, bytes: &Arc<[u8]>) -> Arc<[u8]> {
    let text = std::str::from_utf8(bytes).ok().filter(|_| inner == "/proposal.md");
    match text.and_then(|text| project_status(text, State::Archived)) {
        Some(text) => text.into_bytes().into(),
        None => bytes.clone(),
    }
}
