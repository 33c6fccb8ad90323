//! Checks about the gates of OpenSpec changes: that guarded paths wait for an approval, that an agent speaks only at its own gate
//! and in its own name, and that what is ticked was done.
//! Lives here: what one proposal may do to the records and the boxes. Never here: what records add up to (see
//! [`crate::town::spec::lifecycle`]).

use std::collections::{BTreeMap, BTreeSet};

use super::PER_FILE;
use super::archive;
use super::work::{Work, at};
use crate::town::changeset::FileChange;
use crate::town::finding::Finding;
use crate::town::ids::AgentId;
use crate::town::spec::content;
use crate::town::spec::evidence::{self, Proof};
use crate::town::spec::issue::Level;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::plan;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::record::{self, Gate, Record, Verdict, finding_of};
use crate::town::text::one_line;

pub(super) const APPROVED: &str = "approved-change";
pub(super) const RECORDS: &str = "gate-records";
pub(super) const TICKED: &str = "ticked-with-evidence";

const CHANGES: &str = "openspec/changes/";

pub(super) fn approved_change(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let touched = proposal.changes.iter().map(|change| change.path.as_str());
    let mut guarded: Vec<&str> = touched.filter(|path| proposal.guarded.iter().any(|p| p.matches(path))).collect();
    if guarded.is_empty() {
        return Vec::new();
    }
    // What archiving writes was approved with the change.
    let planned = archive::planned(work);
    guarded.retain(|path| !planned.contains(*path));
    if guarded.is_empty() {
        return Vec::new();
    }
    let Err((why, step)) = approval(work) else { return Vec::new() };
    guarded
        .into_iter()
        .take(PER_FILE)
        .map(|path| at(APPROVED, path, format!("the path is guarded, and {why}")).fix(step.clone()))
        .collect()
}

/// Whether the change that the work names may be built, as it was and as the work leaves it; else why not, and the next step.
fn approval(work: &Work<'_>) -> Result<(), (String, String)> {
    let Some(name) = &work.proposal.change else {
        let step = "write it down first as openspec/changes/<name>/proposal.md, and name that change in the run";
        return Err(("the work names no OpenSpec change".to_owned(), step.to_owned()));
    };
    let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if name.is_empty() || name.starts_with('.') || name == "archive" || name.contains(is_odd) {
        let why = format!("`{}` is no name of an OpenSpec change", one_line(name, 60));
        return Err((why, "give the name of its folder below openspec/changes/".to_owned()));
    }
    let folder = format!("{CHANGES}{name}");
    if !work.after().is_folder(&folder) {
        let why = format!("there is no open change `{}`", one_line(name, 60));
        return Err((why, format!("write it down first as {folder}/proposal.md")));
    }
    // Nobody approves their own work: a record that this very proposal writes was read by no human yet.
    let mut after = work.after().clone();
    let gates = format!("{folder}/gates");
    after.remove(&gates);
    work.before().below(&gates).for_each(|(path, node)| after.put(path, node.clone()));
    // Both: work that takes a box or an edit back must not open what was closed, nor close what it leaves open.
    for tree in [work.before(), &after] {
        let life = Lifecycle::of(&Project::new(tree, OPENSPEC), &folder, &work.proposal.past);
        if !life.is_legible() {
            let why = format!("a record of the change `{name}` cannot be read");
            return Err((why, format!("mend what `monkeytown spec status --change {name}` lists")));
        }
        if life.is_handed_over {
            let why = format!("the change `{name}` is handed over to the validators");
            return Err((
                why,
                "take it back first: feature-implementer records `in-progress`, and that is merged".to_owned(),
            ));
        }
        if !life.state.may_build() {
            let stale = life.issues.iter().find(|issue| is_stale(issue));
            let stale = stale.map(|issue| format!(": {}", issue.message)).unwrap_or_default();
            let why = format!("the change `{name}` is {}{stale}", life.state.name());
            return Err((why, format!("the next step: {}", life.next.act)));
        }
    }
    Ok(())
}

fn is_stale(issue: &crate::town::spec::issue::Issue) -> bool {
    issue.code == "gate/stale-approval" && issue.level == Level::Error
}

/// Where a record stands.
pub(super) struct Place<'p> {
    /// The change's folder.
    pub(super) folder: &'p str,
    /// That folder's name.
    pub(super) name: &'p str,
    /// The record's file in `gates/`.
    pub(super) file: &'p str,
    /// Whether the change is archived.
    pub(super) is_archived: bool,
}

impl<'p> Place<'p> {
    /// The place that a path is, where `archive_dir` is the project's own folder for archived changes.
    pub(super) fn of(path: &'p str, archive_dir: &str) -> Option<Self> {
        let below =
            |folder: &str| path.strip_prefix(OPENSPEC)?.strip_prefix('/')?.strip_prefix(folder)?.strip_prefix('/');
        let archived = below(archive_dir).or_else(|| below("changes/archive"));
        let (name, file) = archived.or_else(|| below("changes"))?.split_once("/gates/")?;
        let folder = &path[..path.len() - file.len() - "/gates/".len()];
        (!name.contains('/')).then_some(Self { folder, name, file, is_archived: archived.is_some() })
    }
}

pub(super) fn gate_records(work: &Work<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut added: BTreeMap<&str, Vec<&FileChange>> = BTreeMap::new();
    let project = Project::new(work.before(), OPENSPEC);
    for change in &work.proposal.changes {
        let Some(place) = Place::of(&change.path, project.archive_dir()) else { continue };
        if is_moved(work, &project, change) {
            continue;
        }
        if change.before.is_some() {
            let verb = if change.after.is_some() { "changed" } else { "deleted" };
            let finding = at(RECORDS, &change.path, format!("a gate record is {verb}"));
            findings.push(finding.fix("leave it as it was: a later opinion is a later record"));
        } else {
            added.entry(place.folder).or_default().push(change);
        }
    }
    for (folder, records) in added {
        findings.extend(new_records(work, &project, folder, &records));
    }
    findings.extend(touched(work).into_iter().filter_map(|name| revived(work, &project, name)));
    findings
}

/// The open changes that the work touches.
fn touched<'w>(work: &Work<'w>) -> BTreeSet<&'w str> {
    let inner = work.proposal.changes.iter().filter_map(|change| change.path.strip_prefix(CHANGES)?.split_once('/'));
    inner.map(|(name, _)| name).filter(|name| *name != "archive").collect()
}

/// What is wrong where an edit brings an approval back that an edit of somebody else took away.
fn revived(work: &Work<'_>, before: &Project<'_>, name: &str) -> Option<Finding> {
    let folder = format!("{CHANGES}{name}");
    let life = |project: &Project<'_>| Lifecycle::of(project, &folder, &work.proposal.past);
    let (old, new) = (life(before), life(&Project::new(work.after(), OPENSPEC)));
    let approval = |life: &Lifecycle| life.last(Gate::Architect).map(|record| record.number);
    let is_revived =
        old.issues.iter().any(is_stale) && !new.issues.iter().any(is_stale) && approval(&old) == approval(&new);
    let is_own = |change: &&FileChange| {
        change.path.strip_prefix(&folder).is_some_and(|inner| inner.starts_with('/') && !inner.starts_with("/gates/"))
    };
    let path = work.proposal.changes.iter().find(is_own).filter(|_| is_revived && work.after().is_folder(&folder))?;
    let why = format!("the edit takes back what made the approval of `{name}` stale, so that it holds again");
    Some(at(RECORDS, &path.path, why).fix("leave the content as it is, and have the architect judge it"))
}

/// Whether the record goes to the archive, or came from where it was, with its change and as it was.
fn is_moved(work: &Work<'_>, project: &Project<'_>, change: &FileChange) -> bool {
    let Some(place) = Place::of(&change.path, project.archive_dir()) else { return false };
    let bytes = |blob: &Option<crate::town::changeset::Blob>| blob.as_ref().map(|blob| blob.bytes.clone());
    work.proposal.changes.iter().any(|other| {
        let Some(there) = Place::of(&other.path, project.archive_dir()) else { return false };
        let (open, archived) = if place.is_archived { (&there, &place) } else { (&place, &there) };
        let is_same = match (&change.before, &change.after) {
            (Some(_), None) => other.before.is_none() && bytes(&other.after) == bytes(&change.before),
            (None, Some(_)) => other.after.is_none() && bytes(&other.before) == bytes(&change.after),
            _ => false,
        };
        is_same
            && place.file == there.file
            && place.is_archived != there.is_archived
            && plan::archived_on(project, open.name, archived.name).is_some()
    })
}

/// What is wrong with the records that are added to one change.
fn new_records(work: &Work<'_>, before: &Project<'_>, folder: &str, changes: &[&FileChange]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut records = Vec::new();
    for change in changes {
        let bytes = change.after.as_ref().filter(|blob| blob.is_file()).map(|blob| &*blob.bytes);
        match Record::parse(&change.path, bytes.unwrap_or_default()) {
            Ok(record) => records.push(record),
            Err(issues) => findings.extend(
                issues.iter().take(PER_FILE).map(|issue| Finding { rule: RECORDS.to_owned(), ..finding_of(issue) }),
            ),
        }
    }
    records.sort_by_key(|record| (record.number, record.gate));
    if let Some(agent) = &work.proposal.agent {
        findings.extend(records.iter().flat_map(|record| foreign(work, agent, record)));
    }
    findings.extend(misnumbered(work, before, folder, &records));
    let life = Lifecycle::of(&Project::new(work.after(), OPENSPEC), folder, &work.proposal.past);
    for record in &records {
        let mut wrong = |why: String, fix: &str| findings.push(at(RECORDS, &record.path, why).fix(fix));
        if record.content_hash != life.content_hash && record.gate != Gate::Close {
            let why = format!(
                "the record is bound to `{}`, and the content is `{}`",
                one_line(&record.content_hash, 50),
                life.content_hash
            );
            wrong(why, "copy content_hash from the briefing");
        } else {
            let of_it = life.issues.iter().filter(|issue| issue.file == record.path && issue.level == Level::Error);
            of_it.for_each(|issue| {
                wrong(format!("{}: {}", issue.code, issue.message), issue.fix.as_deref().unwrap_or("write no record"))
            });
        }
    }
    findings
}

/// What an agent says that is not its to say.
fn foreign(work: &Work<'_>, agent: &AgentId, record: &Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wrong = |why: String, fix: String| findings.push(at(RECORDS, &record.path, why).fix(fix));
    let keeper = record.gate.agent();
    if keeper.is_empty() {
        wrong(
            format!("{agent} speaks at the gate `{}`, which people keep", record.gate.name()),
            "leave it to people".to_owned(),
        );
    } else if keeper != agent.as_str() {
        wrong(
            format!("{agent} speaks at the gate `{}`, which {keeper} keeps", record.gate.name()),
            format!("leave it to {keeper}"),
        );
    }
    if record::agent_of(&record.actor) != Some(agent.as_str()) {
        wrong(format!("{agent} speaks as `{}`", one_line(&record.actor, 60)), format!("write `actor: agent:{agent}`"));
    }
    let runs = &work.proposal.runs;
    let said = record.run.as_deref().unwrap_or_default();
    match (runs.iter().find(|(run, _)| run == said), runs.last()) {
        (None, Some((run, _))) => {
            wrong(format!("the record names the run `{}`", one_line(said, 40)), format!("write `run: {run}`"));
        }
        // What is built after a pass is found by the commit that was judged.
        (Some((_, commit)), _) if record.verdict == Verdict::Pass && record.commit.as_ref() != Some(commit) => {
            let said = record.commit.as_deref().unwrap_or("none");
            wrong(format!("the record names the commit `{}`", one_line(said, 50)), format!("write `commit: {commit}`"));
        }
        _ => {}
    }
    findings
}

/// New records follow the last one. The two validators work side by side: neither has to know of the other's last.
fn misnumbered(work: &Work<'_>, before: &Project<'_>, folder: &str, records: &[Record]) -> Vec<Finding> {
    let sibling = |gate: Gate| match gate {
        Gate::Pm => Some(Gate::Test),
        Gate::Test => Some(Gate::Pm),
        _ => None,
    };
    let gates = format!("{folder}/gates");
    let stood = before.tree().entries(&gates).filter_map(|(name, _)| record::file_name(name));
    // The records that come along with a change which is archived.
    let came = work.proposal.changes.iter().filter(|change| {
        before.is_archived(folder) && change.path.starts_with(&gates) && is_moved(work, before, change)
    });
    let came = came.filter_map(|change| record::file_name(change.path.rsplit('/').next()?));
    let mut all: Vec<(u32, Gate)> = came.chain(stood).collect();
    let last = record::last_number(all.iter().map(|(number, _)| *number));
    all.retain(|(number, _)| *number <= last);
    let mut next = last;
    let mut findings = Vec::new();
    for record in records {
        let least = all.iter().filter(|(_, gate)| sibling(record.gate) != Some(*gate)).map(|(number, _)| *number).max();
        next = next.saturating_add(1);
        if record.number <= least.unwrap_or(0) || record.number > next {
            let why =
                format!("the record has the number {:03}, and the last one that is there is {last:03}", record.number);
            findings.push(at(RECORDS, &record.path, why).fix(format!(
                "name it {:03}-{}.yaml",
                next,
                record.gate.name()
            )));
        }
    }
    findings
}

pub(super) fn ticked_with_evidence(work: &Work<'_>) -> Vec<Finding> {
    let (before, after) = (Project::new(work.before(), OPENSPEC), Project::new(work.after(), OPENSPEC));
    let mut findings = Vec::new();
    for name in touched(work) {
        let folder = format!("{CHANGES}{name}");
        let files = content::task_files(&after, &folder);
        let Some(path) = files.iter().find(|path| work.proposal.changes.iter().any(|change| change.path == **path))
        else {
            continue;
        };
        let life = |project: &Project<'_>| Lifecycle::of(project, &folder, &work.proposal.past);
        let (old, new) = (life(&before), life(&after));
        if old.is_handed_over && new.is_handed_over && new.tasks.completed < old.tasks.completed {
            let why = "a box is emptied while the validators have the change".to_owned();
            findings.push(at(TICKED, path, why).fix("take the change back first, with a record `in-progress`"));
        }
        findings.extend(unproved(work, &before, &after, &folder, &new).into_iter().take(PER_FILE));
    }
    findings
}

/// The newly ticked tasks that nothing shows.
fn unproved(
    work: &Work<'_>,
    before: &Project<'_>,
    after: &Project<'_>,
    folder: &str,
    life: &Lifecycle,
) -> Vec<Finding> {
    let mut was: BTreeMap<String, usize> = BTreeMap::new();
    for (_, task) in content::tasks(before, folder).into_iter().filter(|(_, task)| task.done) {
        *was.entry(task.text).or_default() += 1;
    }
    let mut done = content::tasks(after, folder);
    done.retain(|(_, task)| task.done);
    let proof = Proof::of(after, folder, life, &work.proposal.tree);
    let mut findings = Vec::new();
    for ((path, task), shown) in done.iter().zip(proof.of_tasks(done.iter().map(|(_, task)| task.text.as_str()))) {
        if let Some(left) = was.get_mut(&task.text).filter(|left| **left > 0) {
            *left -= 1;
        } else if shown.is_none() {
            let why = format!("the task `{}` is ticked, and nothing shows that it was done", one_line(&task.text, 60));
            let fix = format!(
                "add a line of its own to {folder}/{} that names the task with a command and its result, a path that is there \
                 or a commit; or untick it",
                evidence::FILE
            );
            findings.push(at(TICKED, path, why).line(task.line).fix(fix));
        }
    }
    findings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
