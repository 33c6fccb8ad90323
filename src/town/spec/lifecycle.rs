//! The life of a change: what its gate records add up to, and who has to do what next.
//! Lives here: the fold of the records, and what it finds wrong with them. Never here: reading a record (see `record`), the ways
//! between the states (see `state`), what a finding stops.
//!
//! The fold is total: a record that does not count is an issue and changes nothing. Start with [`Lifecycle::of`].

mod fold;

use std::collections::BTreeSet;

use super::content;
use super::data::Value;
use super::issue::{Issue, Level};
use super::metadata;
use super::past::Past;
use super::plan;
use super::project::Project;
use super::record::{self, Gate, Record, issue};
use super::state::{Next, State};
use super::status_line::{Said, StatusLine};
use super::tasks::Progress;
use super::tree::{Node, Tree};
use crate::town::text::one_line;
use fold::{Fold, Now};

/// Whether a rule is of the life of a change and not of what it says: such an issue is no reason to return or keep back the text.
#[must_use]
pub fn is_of_life(code: &str) -> bool {
    code.starts_with("gate/") || code.starts_with("status/")
}

/// What a record did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The record.
    pub record: Record,
    /// Whether it counted.
    pub counts: bool,
    /// The state after it, as the content was then.
    pub state: State,
}

/// The life of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Where it stands.
    pub state: State,
    /// Whether its records hand it over to the validators, also where open tasks take it back: nothing of it is built before the
    /// implementer has taken it back too.
    pub is_handed_over: bool,
    /// Who has to do what.
    pub next: Next,
    /// The content as it is now.
    pub content_hash: String,
    /// Who wrote it as far as that is known, in the form in which actors are compared.
    pub authors: BTreeSet<String>,
    /// The records that could be read, in their order.
    pub steps: Vec<Step>,
    /// The highest number that a file in `gates/` has.
    pub last_number: u32,
    /// Tasks that are ticked, and all.
    pub tasks: Progress,
    /// The proposal's `Status:` line.
    pub status: Option<StatusLine>,
    /// What is wrong, by file.
    pub issues: Vec<Issue>,
}

/// Who wrote the change, as its metadata say.
fn author_of(tree: &Tree, folder: &str) -> (Vec<String>, Option<Issue>) {
    let file = format!("{folder}/{}", metadata::FILE);
    let value = tree.text(&file).and_then(|text| Value::parse(&text).ok());
    let Some(author) = value.as_ref().and_then(|value| value.get("author")) else { return (Vec::new(), None) };
    let said = author.text().unwrap_or_default();
    if record::is_actor(said) {
        return (vec![record::compared(said)], None);
    }
    let why = format!("the author `{}` is no actor", one_line(said, 60));
    let fix = "write `author: human:<login>` or `author: agent:<name>`";
    let found = Issue { path: metadata::FILE.to_owned(), ..issue(Level::Error, "gate/bad-author", &file, why, fix) };
    // Nobody knows which of the two is meant, so both step aside.
    let name = said.trim();
    let both = ["agent", "human"].map(|kind| record::compared(&format!("{kind}:{name}")));
    (if name.is_empty() { Vec::new() } else { both.to_vec() }, Some(found))
}

impl Lifecycle {
    /// Reads the change in `folder`, for example `openspec/changes/add-x`. `past` is what its files do not tell.
    #[must_use]
    pub fn of(project: &Project<'_>, folder: &str, past: &Past) -> Self {
        let tree = project.tree();
        let name = folder.rsplit('/').next().unwrap_or(folder);
        // Journal and history know an archived change by the name that it had.
        let mut known = past.authors.keys().chain(past.rebuilt.keys());
        let mut known = || known.find(|known| plan::archived_on(project, known, name).is_some());
        let name = if project.is_archived(folder) { known().map_or(name, String::as_str) } else { name };
        let content_hash = content::hash(project, folder);
        let (said, bad_author) = author_of(tree, folder);
        let of_journal = past.authors.get(name).into_iter().flatten().map(|actor| record::compared(actor));
        let authors: BTreeSet<String> = of_journal.chain(said).collect();
        let (records, last_number, mut issues) = records(tree, folder);
        issues.extend(bad_author);
        issues.extend(same_numbers(&records));
        let mut fold = Fold::new(authors.clone());
        let mut steps: Vec<Step> = Vec::new();
        for record in records {
            let counts = fold.take(&record);
            steps.push(Step { record, counts, state: fold.state });
        }
        let tasks = content::progress(project, folder);
        let is_archived = project.is_archived(folder);
        let rebuilt = |commit: &str| past.rebuilt_after(name, commit);
        let state = fold.settle(&Now { hash: &content_hash, tasks, is_archived, folder, rebuilt: &rebuilt }, &steps);
        issues.append(&mut fold.issues);
        let status = tree.text(&format!("{folder}/proposal.md")).and_then(|text| StatusLine::find(&text));
        issues.extend(status.as_ref().and_then(|status| disagreement(status, state, folder)));
        let is_handed_over = matches!(fold.state, State::Validation | State::Completed);
        let next = next(state, is_handed_over, &fold, tasks, &steps);
        Self { state, is_handed_over, next, content_hash, authors, steps, last_number, tasks, status, issues }
    }

    /// The last record of a gate that counted.
    #[must_use]
    pub fn last(&self, gate: Gate) -> Option<&Record> {
        last(&self.steps, gate)
    }

    /// Whether every record can be read: where one cannot, nobody knows what it forbids.
    #[must_use]
    pub fn is_legible(&self) -> bool {
        self.issues.iter().all(|issue| issue.code != record::BAD)
    }
}

/// The records of a change in their order, the last number, and what cannot be read.
fn records(tree: &Tree, folder: &str) -> (Vec<Record>, u32, Vec<Issue>) {
    let (mut records, mut issues) = (Vec::new(), Vec::new());
    let bad = |path: &str, why: String, fix: &str| vec![issue(Level::Error, record::BAD, path, why, fix)];
    let files: Vec<(&str, &str, &Node)> = tree
        .below(&format!("{folder}/gates"))
        .map(|(path, node)| (path, &path[folder.len() + "/gates/".len()..], node))
        .filter(|(_, name, node)| !matches!(node, Node::Folder) && !name.starts_with('.'))
        .collect();
    let last =
        record::last_number(files.iter().filter_map(|(_, name, _)| record::file_name(name)).map(|(number, _)| number));
    for (path, name, node) in files {
        let far = record::file_name(name).is_some_and(|(number, _)| number > last);
        let read = match node {
            _ if name.contains('/') => Err(bad(
                path,
                "the file stands in a folder of its own".to_owned(),
                "put it directly into gates/, or elsewhere",
            )),
            Node::File(_) if far => {
                let why = format!("its number is far from that of the record before it, which is {last:03}");
                Err(bad(path, why, &format!("give it the number {:03}", last + 1)))
            }
            Node::File(bytes) => Record::parse(path, bytes),
            _ => Err(bad(path, "the record is no file that can be read".to_owned(), "write it as a plain file")),
        };
        match read {
            Ok(record) => records.push(record),
            Err(found) => issues.extend(found),
        }
    }
    records.sort_by(|a, b| (a.number, a.gate, &a.path).cmp(&(b.number, b.gate, &b.path)));
    (records, last, issues)
}

fn same_numbers(records: &[Record]) -> Vec<Issue> {
    let both = |pair: &[Record]| {
        let [one, other] = pair else { return None };
        // Two validators that worked side by side could not see each other's number.
        if one.number != other.number || (one.gate, other.gate) == (Gate::Pm, Gate::Test) {
            return None;
        }
        let why = format!("another record has the number {:03}; they are taken in the order of the gates", one.number);
        Some(issue(Level::Warning, "gate/same-number", &other.path, why, "give a new record the next number"))
    };
    records.windows(2).filter_map(both).collect()
}

/// The last record of a gate that counted.
fn last(steps: &[Step], gate: Gate) -> Option<&Record> {
    steps.iter().rev().find(|step| step.counts && step.record.gate == gate).map(|step| &step.record)
}

fn names(states: &[State]) -> String {
    states.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ")
}

/// What the `Status:` line gets wrong.
fn disagreement(status: &StatusLine, state: State, folder: &str) -> Option<Issue> {
    let file = format!("{folder}/proposal.md");
    let said = one_line(&status.said, 60);
    let (code, level, message) = match status.means() {
        Said::State(meant) if meant == state => return None,
        // Each of two passes that were open side by side left the line as it was, and was right; archiving writes it anew.
        Said::State(State::Validation) if state == State::Completed => (
            "status/disagrees-with-events",
            Level::Info,
            "the line says Validation, and with the passes of both validators the change is Completed".to_owned(),
        ),
        Said::State(_) => (
            "status/disagrees-with-events",
            Level::Error,
            format!("the line says {said}, and the records say {}", state.name()),
        ),
        Said::Alias(meant) if meant == state => {
            ("status/unknown", Level::Warning, format!("`{said}` is no state; it is read as {}", meant.name()))
        }
        Said::Alias(meant) => (
            "status/disagrees-with-events",
            Level::Error,
            format!("the line says `{said}`, which is read as {}, and the records say {}", meant.name(), state.name()),
        ),
        Said::Unknown => ("status/unknown", Level::Warning, format!("`{said}` is no state")),
    };
    let mut found =
        issue(level, code, &file, message, &format!("write `{}`: the line only repeats the records", state.name()));
    found.path = "proposal.md".to_owned();
    found.line = Some(status.line);
    Some(found)
}

fn next(state: State, is_handed_over: bool, fold: &Fold, tasks: Progress, steps: &[Step]) -> Next {
    let (done, all) = (tasks.completed, tasks.total);
    let agents = |gates: &[Gate]| gates.iter().map(|gate| gate.agent()).collect::<Vec<_>>();
    let place = |gate| last(steps, gate).map(|record| record.path.clone()).unwrap_or_default();
    let implementer = "monkeytown run feature-implementer";
    let (who, act) = match state {
        State::Draft => (agents(&[Gate::Architect]), "architect judges the draft: monkeytown run architect".to_owned()),
        State::NeedsRevision => {
            let author = fold.authors.first().map_or("the author", |author| record::agent_of(author).unwrap_or(author));
            let act = format!(
                "{} revises the change as {} asks; architect judges it again then, or once nothing of that holds any more",
                one_line(author, 60),
                place(Gate::Architect)
            );
            (agents(&[Gate::Architect]), act)
        }
        State::Approved => (agents(&[Gate::Implement]), format!("feature-implementer begins: {implementer}")),
        State::InProgress if is_handed_over && all == 0 => {
            let act = "somebody writes down in tasks.md what was to be done, and architect judges it again";
            (Vec::new(), act.to_owned())
        }
        State::InProgress if is_handed_over => {
            let act =
                "feature-implementer takes it back with a record `in-progress`, finishes it and hands it over again";
            (agents(&[Gate::Implement]), format!("{act}: {implementer}"))
        }
        State::InProgress if all > 0 && done == all => (
            agents(&[Gate::Implement]),
            format!("feature-implementer hands it over with a record `done`: {implementer}"),
        ),
        State::InProgress => {
            let left = if all == 0 { String::new() } else { format!(" ({done} of {all} tasks are done)") };
            (agents(&[Gate::Implement]), format!("feature-implementer goes on{left}: {implementer}"))
        }
        State::Blocked => {
            let act = format!(
                "once what {} names is out of the way, feature-implementer records `in-progress`: {implementer}",
                place(Gate::Implement)
            );
            (agents(&[Gate::Implement]), act)
        }
        State::Validation => {
            let missing: Vec<Gate> =
                [Gate::Pm, Gate::Test].into_iter().filter(|gate| !fold.passed.contains(gate)).collect();
            let who = agents(&missing);
            let runs: Vec<String> = who.iter().map(|agent| format!("monkeytown run {agent}")).collect();
            let act =
                format!("{} judge{} it: {}", who.join(" and "), if who.len() == 1 { "s" } else { "" }, runs.join(", "));
            (who, act)
        }
        State::Completed => (agents(&[Gate::Archive]), "architect archives it: monkeytown run architect".to_owned()),
        State::Archived | State::Superseded | State::Withdrawn => (Vec::new(), "nothing".to_owned()),
    };
    Next { agents: who, act }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
