//! Checks about the gates of OpenSpec changes: that guarded paths wait for an approval, that an agent speaks only at its own gate
//! and in its own name, and that what is ticked was done.
//! Lives here: what one proposal may do to the records and the boxes. Never here: what records add up to (see
//! [`crate::town::spec::lifecycle`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::PER_FILE;
use super::work::{Work, at};
use crate::town::changeset::FileChange;
use crate::town::finding::Finding;
use crate::town::ids::AgentId;
use crate::town::spec::evidence;
use crate::town::spec::issue::Level;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::record::{self, Gate, Record, finding_of};
use crate::town::spec::tasks::{Task, tasks};
use crate::town::spec::tree::Tree;
use crate::town::text::one_line;

pub(super) const APPROVED: &str = "approved-change";
pub(super) const RECORDS: &str = "gate-records";
pub(super) const TICKED: &str = "ticked-with-evidence";

const CHANGES: &str = "openspec/changes/";

/// A side of a proposal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

/// The OpenSpec files below a folder on one side of the proposal.
pub(super) fn side(work: &Work<'_>, folder: &str, side: Side) -> Tree {
    let prefix = format!("{folder}/");
    let changed: HashMap<&str, &FileChange> =
        work.proposal.changes.iter().map(|change| (change.path.as_str(), change)).collect();
    let mut tree = Tree::default();
    for (path, bytes) in &work.proposal.specs {
        if path.starts_with(&prefix) && !changed.contains_key(path.as_str()) {
            tree.put_file(path, bytes.clone());
        }
    }
    for change in work.proposal.changes.iter().filter(|change| change.path.starts_with(&prefix)) {
        let blob = if side == Side::After { &change.after } else { &change.before };
        if let Some(blob) = blob.as_ref().filter(|blob| blob.is_file()) {
            tree.put_file(&change.path, blob.bytes.clone());
        }
    }
    tree
}

pub(super) fn author<'w>(work: &Work<'w>, name: &str) -> Option<&'w str> {
    work.proposal.authors.get(name).map(String::as_str)
}

pub(super) fn approved_change(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let touched = proposal.changes.iter().map(|change| change.path.as_str());
    let guarded: Vec<&str> = touched.filter(|path| proposal.guarded.iter().any(|p| p.matches(path))).collect();
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

/// Whether the change that the work names may be built; else why not, and the next step.
fn approval(work: &Work<'_>) -> Result<(), (String, String)> {
    let Some(name) = &work.proposal.change else {
        let step = "write it down first as openspec/changes/<name>/proposal.md, and name that change in the run";
        return Err(("the work names no OpenSpec change".to_owned(), step.to_owned()));
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || name == "archive" || !name.chars().all(fits) {
        let why = format!("`{}` is no name of an OpenSpec change", one_line(name, 60));
        return Err((why, "use letters, digits, - and _".to_owned()));
    }
    let folder = format!("{CHANGES}{name}");
    let before = side(work, &folder, Side::Before);
    let mut tree = side(work, &folder, Side::After);
    if !tree.is_folder(&folder) {
        let why = format!("there is no open change `{name}`");
        return Err((why, format!("write it down first as {folder}/proposal.md")));
    }
    // Nobody approves their own work: a record that this very proposal writes was read by no human yet.
    let gates = format!("{folder}/gates");
    tree.remove(&gates);
    before.below(&gates).for_each(|(path, node)| tree.put(path, node.clone()));
    let life = Lifecycle::of(&tree, &folder, author(work, name));
    if !life.is_legible() {
        let why = format!("a record of the change `{name}` cannot be read");
        return Err((why, format!("mend what `monkeytown spec status --change {name}` lists")));
    }
    if life.state.may_build() {
        return Ok(());
    }
    let stale = life.issues.iter().find(|issue| issue.code == "gate/stale-approval" && issue.level == Level::Error);
    let stale = stale.map(|issue| format!(": {}", issue.message)).unwrap_or_default();
    let why = format!("the change `{name}` is {}{stale}", life.state.name());
    Err((why, format!("the next step: {}", life.next.act)))
}

/// A record's path: the change's folder, its name, the file's name.
pub(super) fn record_place(path: &str) -> Option<(&str, &str, &str)> {
    let rest = path.strip_prefix(CHANGES)?;
    let (name, file) = rest.split_once("/gates/")?;
    let folder = &path[..CHANGES.len() + name.len()];
    let name = name.strip_prefix("archive/").unwrap_or(name);
    (!name.contains('/')).then_some((folder, name, file))
}

pub(super) fn gate_records(work: &Work<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut added: BTreeMap<&str, Vec<&FileChange>> = BTreeMap::new();
    for change in &work.proposal.changes {
        let Some((folder, ..)) = record_place(&change.path) else { continue };
        if moved(work, change) {
            continue;
        }
        if change.before.is_some() {
            let verb = if change.after.is_some() { "changed" } else { "deleted" };
            let finding = at(RECORDS, &change.path, format!("a gate record is {verb}"));
            findings.push(finding.fix("leave it as it was: a later opinion is a later record"));
        } else {
            added.entry(folder).or_default().push(change);
        }
    }
    for (folder, records) in added {
        findings.extend(new_records(work, folder, &records));
    }
    findings
}

/// Whether the record goes to the archive, or came from where it was, with its change and as it was.
fn moved(work: &Work<'_>, change: &FileChange) -> bool {
    let Some((folder, name, file)) = record_place(&change.path) else { return false };
    let is_archive = |folder: &str| folder.starts_with("openspec/changes/archive/");
    let bytes = |blob: &Option<crate::town::changeset::Blob>| blob.as_ref().map(|blob| blob.bytes.clone());
    work.proposal.changes.iter().any(|other| {
        let Some((to, other_name, other_file)) = record_place(&other.path) else { return false };
        // An archived change is called by its date and its name.
        let one = other_name == name
            || other_name.ends_with(&format!("-{name}"))
            || name.ends_with(&format!("-{other_name}"));
        let there = match (&change.before, &change.after) {
            (Some(_), None) => other.before.is_none() && bytes(&other.after) == bytes(&change.before),
            (None, Some(_)) => other.after.is_none() && bytes(&other.before) == bytes(&change.after),
            _ => false,
        };
        one && file == other_file && is_archive(to) != is_archive(folder) && there
    })
}

/// What is wrong with the records that are added to one change.
fn new_records(work: &Work<'_>, folder: &str, changes: &[&FileChange]) -> Vec<Finding> {
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
    findings.extend(misnumbered(work, folder, &records));
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let life = Lifecycle::of(&side(work, folder, Side::After), folder, author(work, name));
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
    if let Some(run) = runs.last()
        && !record.run.as_ref().is_some_and(|run| runs.contains(run))
    {
        let said = record.run.as_deref().unwrap_or_default();
        wrong(format!("the record names the run `{}`", one_line(said, 40)), format!("write `run: {run}`"));
    }
    findings
}

/// New records follow the last one. The two validators work side by side: neither has to know of the other's last.
fn misnumbered(work: &Work<'_>, folder: &str, records: &[Record]) -> Vec<Finding> {
    let sibling = |gate: Gate| match gate {
        Gate::Pm => Some(Gate::Test),
        Gate::Test => Some(Gate::Pm),
        _ => None,
    };
    let before = side(work, folder, Side::Before);
    let gates = format!("{folder}/gates");
    let stood: Vec<(u32, Gate)> = before.entries(&gates).filter_map(|(name, _)| record::file_name(name)).collect();
    let all: Vec<(u32, Gate)> = match folder.starts_with("openspec/changes/archive/") {
        // The records that came along with the change.
        true => work
            .proposal
            .changes
            .iter()
            .filter(|change| change.path.starts_with(&gates) && moved(work, change))
            .filter_map(|change| record::file_name(record_place(&change.path)?.2))
            .chain(stood)
            .collect(),
        false => stood,
    };
    let last = all.iter().map(|(number, _)| *number).max().unwrap_or(0);
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
    let mut findings = Vec::new();
    for file in work.texts() {
        let place = file.path.strip_prefix(CHANGES).and_then(|rest| rest.split_once('/'));
        let Some((name, "tasks.md")) = place else { continue };
        let folder = format!("{CHANGES}{name}");
        let old = tasks(&String::from_utf8_lossy(file.old().unwrap_or_default()));
        let was: BTreeSet<&str> = old.iter().filter(|task| task.done).map(|task| task.text.as_str()).collect();
        let new = tasks(&String::from_utf8_lossy(file.bytes));
        let ticked = new.iter().filter(|task| task.done && !was.contains(task.text.as_str()));
        let proof = evidence::lines(&side(work, &folder, Side::After), &folder);
        for Task { line, text, .. } in ticked.take(PER_FILE) {
            if !proof.iter().any(|line| evidence::shows(line, text)) {
                let why = format!("the task `{}` is ticked, and nothing shows that it was done", one_line(text, 60));
                let fix = format!(
                    "add a line to {folder}/implementation.md that names the task with a command and its result, a path or \
                     a commit; or untick it"
                );
                findings.push(at(TICKED, file.path, why).line(*line).fix(fix));
            }
        }
    }
    findings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
