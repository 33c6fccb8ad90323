//! The life of a change: what its gate records add up to, and who has to do what next.
//! Lives here: the fold of the records, and what it finds wrong with them. Never here: reading a record (see `record`), the ways
//! between the states (see `state`), what a finding stops.
//!
//! The fold is total: a record that does not count is an issue and changes nothing. Start with [`Lifecycle::of`].

use std::collections::BTreeSet;

use super::content;
use super::data::Value;
use super::issue::{Issue, Level};
use super::metadata;
use super::record::{self, Gate, Record, Verdict, issue};
use super::state::{Next, State, transition};
use super::status_line::{Said, StatusLine};
use super::tasks::{self, Progress};
use super::tree::{Node, Tree};
use crate::town::text::one_line;

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
    /// Who has to do what.
    pub next: Next,
    /// The content as it is now.
    pub content_hash: String,
    /// Who wrote it, where that is known.
    pub author: Option<String>,
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

/// Who wrote the change, as its metadata says.
fn author_of(tree: &Tree, folder: &str) -> Option<String> {
    let value = Value::parse(&tree.text(&format!("{folder}/{}", metadata::FILE))?).ok()?;
    let author = value.get("author").and_then(Value::text)?;
    (!author.trim().is_empty()).then(|| author.to_owned())
}

impl Lifecycle {
    /// Reads the change in `folder`, for example `openspec/changes/add-x`. `author` is who wrote it, as its history says, where
    /// its metadata names nobody.
    #[must_use]
    pub fn of(tree: &Tree, folder: &str, author: Option<&str>) -> Self {
        let content_hash = content::hash(tree, folder);
        let author = author_of(tree, folder).or_else(|| author.map(str::to_owned));
        let (records, last_number, mut issues) = records(tree, folder);
        issues.extend(same_numbers(&records));
        let mut fold = Fold { author: author.as_deref(), ..Fold::default() };
        let mut steps: Vec<Step> = Vec::new();
        for record in records {
            let counts = fold.take(&record);
            steps.push(Step { record, counts, state: fold.state });
        }
        let tasks =
            tree.text(&format!("{folder}/tasks.md")).map_or_else(Progress::default, |text| tasks::progress(&text));
        let is_archived = folder.rsplit('/').nth(1) == Some("archive");
        let state = fold.settle(&content_hash, tasks, is_archived, folder, &steps);
        issues.append(&mut fold.issues);
        let status = tree.text(&format!("{folder}/proposal.md")).and_then(|text| StatusLine::find(&text));
        issues.extend(status.as_ref().and_then(|status| disagreement(status, state, folder)));
        let next = next(state, &fold, tasks, &steps);
        Self { state, next, content_hash, author, steps, last_number, tasks, status, issues }
    }

    /// The last record of a gate that counted.
    #[must_use]
    pub fn last(&self, gate: Gate) -> Option<&Record> {
        self.steps.iter().rev().find(|step| step.counts && step.record.gate == gate).map(|step| &step.record)
    }

    /// Whether every record can be read: where one cannot, nobody knows what it forbids.
    #[must_use]
    pub fn is_legible(&self) -> bool {
        self.issues.iter().all(|issue| issue.code != record::BAD)
    }
}

/// The records of a change in their order, the highest number, and what cannot be read.
fn records(tree: &Tree, folder: &str) -> (Vec<Record>, u32, Vec<Issue>) {
    let (mut records, mut last, mut issues) = (Vec::new(), 0, Vec::new());
    for (path, node) in tree.below(&format!("{folder}/gates")) {
        let name = &path[folder.len() + "/gates/".len()..];
        last = last.max(record::file_name(name).map_or(0, |(number, _)| number));
        match node {
            Node::Folder => {}
            Node::File(_) if name.starts_with('.') => {}
            Node::File(bytes) => match Record::parse(path, bytes) {
                Ok(record) => records.push(record),
                Err(found) => issues.extend(found),
            },
            _ => {
                let why = "the record is no file that can be read".to_owned();
                issues.push(issue(Level::Error, record::BAD, path, why, "write it as a plain file"));
            }
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

/// What the records have come to so far.
#[derive(Default)]
struct Fold<'a> {
    author: Option<&'a str>,
    state: State,
    /// The content that was approved.
    approved: Option<String>,
    /// Who approved it.
    architect: Option<String>,
    /// Who made it.
    makers: BTreeSet<String>,
    /// The validators that passed this round.
    passed: BTreeSet<Gate>,
    /// Whether a validator of this round may still speak although the other one has returned the change.
    round: bool,
    issues: Vec<Issue>,
    /// For each issue of `issues` its gate: a later record of it that counts settles it.
    gates: Vec<Gate>,
}

impl Fold<'_> {
    fn refuse(&mut self, record: &Record, code: &'static str, message: String, fix: &str) -> bool {
        self.issues.push(issue(Level::Error, code, &record.path, message, fix));
        self.gates.push(record.gate);
        false
    }

    /// Takes one record; says whether it counts.
    fn take(&mut self, record: &Record) -> bool {
        let (gate, verdict) = (record.gate, record.verdict);
        let other_content = self.approved.as_ref().is_some_and(|hash| *hash != record.content_hash);
        let from =
            if gate == Gate::Architect && other_content && !self.state.is_final() { State::Draft } else { self.state };
        let Some(way) = transition(gate, verdict) else { return false };
        if !way.from.contains(&from) {
            let is_late = self.round && matches!(gate, Gate::Pm | Gate::Test) && self.state == State::InProgress;
            if is_late {
                return false;
            }
            let message =
                format!("the gate `{}` says `{}` while the change is {}", gate.name(), verdict.name(), from.name());
            let fix =
                format!("it can say so only in {}; {}", names(way.from), "write a new record when the change is there");
            return self.refuse(record, "gate/skipped", message, &fix);
        }
        if let Some((who, fix)) = self.own_work(record) {
            let message = format!("{} speaks at the gate `{}` and {who}", one_line(&record.actor, 60), gate.name());
            return self.refuse(record, "gate/self-approval", message, fix);
        }
        if other_content && !matches!(gate, Gate::Architect | Gate::Close) {
            let message = format!(
                "the record speaks of other content than what was approved (`{}`)",
                one_line(&record.content_hash, 50)
            );
            let fix = "have the architect judge the content as it is, then judge it again";
            return self.refuse(record, "gate/stale-approval", message, fix);
        }
        if !self.is_shown(record) {
            return false;
        }
        self.go(record, way.to);
        true
    }

    /// Why somebody may not speak: a part that they have in the change already.
    fn own_work(&self, record: &Record) -> Option<(&'static str, &'static str)> {
        let actor = record.actor.as_str();
        let validates = matches!(record.gate, Gate::Pm | Gate::Test);
        if !(validates || record.gate == Gate::Architect) || !record.verdict.needs_evidence() {
            return None;
        }
        if self.author == Some(actor) {
            return Some(("wrote the change", "let somebody else judge it"));
        }
        if validates && self.architect.as_deref() == Some(actor) {
            return Some(("approved it", "let another validator judge it"));
        }
        (validates && self.makers.contains(actor)).then_some(("made it", "let another validator judge it"))
    }

    /// Whether a record shows what it says.
    fn is_shown(&mut self, record: &Record) -> bool {
        let verdict = record.verdict;
        let code = "gate/missing-evidence";
        if verdict.needs_evidence() && record.evidence.is_empty() {
            let message = format!("`{}` without evidence", verdict.name());
            return self.refuse(
                record,
                code,
                message,
                "list under `evidence` what shows it: a path with a line, a command with its result",
            );
        }
        if verdict.needs_evidence() && crate::town::finding::any_error(&record.findings) {
            let message = format!("`{}` although it lists an error", verdict.name());
            return self.refuse(record, "gate/contradiction", message, "return the change, or mend the error first");
        }
        if verdict.needs_reasons() && record.findings.is_empty() && record.evidence.is_empty() {
            // Sent back is sent back; but nobody knows what to do about it.
            let message = format!("`{}` without a reason", verdict.name());
            self.refuse(record, code, message, "list under `findings` what has to change");
        }
        true
    }

    fn go(&mut self, record: &Record, to: State) {
        self.settle_issues(record);
        let gate = record.gate;
        match (gate, record.verdict) {
            (Gate::Architect, Verdict::Approved) => {
                self.approved = Some(record.content_hash.clone());
                self.architect = Some(record.actor.clone());
            }
            (Gate::Architect, _) => self.approved = Some(record.content_hash.clone()),
            (Gate::Implement, _) => _ = self.makers.insert(record.actor.clone()),
            _ => {}
        }
        self.state = match (gate, record.verdict) {
            (Gate::Pm | Gate::Test, Verdict::Pass) => {
                self.passed.insert(gate);
                if self.passed.len() == 2 { to } else { State::Validation }
            }
            // The folder has to be there too.
            (Gate::Archive, _) => self.state,
            _ => to,
        };
        if !matches!(gate, Gate::Pm | Gate::Test | Gate::Archive) {
            self.passed.clear();
        }
        self.round = matches!(gate, Gate::Pm | Gate::Test) || (self.round && gate == Gate::Archive);
        if self.state == State::Validation && gate == Gate::Implement {
            self.round = true;
        }
    }

    /// What a later record has settled is only told.
    fn settle_issues(&mut self, record: &Record) {
        let settles = |gate: Gate| gate == record.gate || record.gate == Gate::Architect;
        let both = self.issues.iter_mut().zip(&self.gates);
        both.filter(|(_, gate)| settles(**gate)).for_each(|(issue, _)| issue.level = Level::Info);
    }

    /// The state as the content, the tasks and the place of the change are now.
    fn settle(&mut self, hash: &str, tasks: Progress, archived: bool, folder: &str, steps: &[Step]) -> State {
        let mut state = self.state;
        let last =
            |gate| steps.iter().rev().find(|step| step.counts && step.record.gate == gate).map(|step| &step.record);
        if self.approved.as_deref().is_some_and(|approved| approved != hash) && !state.is_final() {
            if state != State::NeedsRevision
                && let Some(record) = last(Gate::Architect)
            {
                let message = "the content was edited after it was approved".to_owned();
                self.refuse(
                    record,
                    "gate/stale-approval",
                    message,
                    "have the architect judge it as it is: monkeytown run architect",
                );
            }
            state = State::Draft;
        }
        let (done, all) = (tasks.completed, tasks.total);
        if matches!(state, State::Validation | State::Completed) && done < all {
            if let Some(record) = last(Gate::Implement) {
                let message = format!("the change was handed over with {} of {all} tasks open", all - done);
                self.refuse(record, "gate/open-tasks", message, "finish and tick them, then hand it over again");
            }
            state = State::InProgress;
        }
        if state == State::Approved && done > 0 {
            state = State::InProgress;
        }
        if archived {
            if state != State::Completed && !state.is_final() && !steps.is_empty() {
                let message = format!("the change was put away while it was {}", state.name());
                let place = format!("{folder}/proposal.md");
                self.issues.push(issue(
                    Level::Warning,
                    "gate/skipped",
                    &place,
                    message,
                    "put it back with `spec unarchive`",
                ));
                self.gates.push(Gate::Archive);
            }
            return if state.is_final() { state } else { State::Archived };
        }
        state
    }
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

fn next(state: State, fold: &Fold<'_>, tasks: Progress, steps: &[Step]) -> Next {
    let (done, all) = (tasks.completed, tasks.total);
    let agents = |gates: &[Gate]| gates.iter().map(|gate| gate.agent()).collect::<Vec<_>>();
    let left = || match all {
        0 => String::new(),
        _ => format!(" ({done} of {all} tasks are done)"),
    };
    let (who, act) = match state {
        State::Draft => (agents(&[Gate::Architect]), "architect judges the draft: monkeytown run architect".to_owned()),
        State::NeedsRevision => {
            let record = steps.iter().rev().find(|step| step.counts && step.record.gate == Gate::Architect);
            let place = record.map(|step| step.record.path.clone()).unwrap_or_default();
            let author = fold.author.map_or("the author", |author| record::agent_of(author).unwrap_or(author));
            (Vec::new(), format!("{} revises the change as {place} asks", one_line(author, 60)))
        }
        State::Approved => {
            (agents(&[Gate::Implement]), "feature-implementer begins: monkeytown run feature-implementer".to_owned())
        }
        State::InProgress if all > 0 && done == all => (
            agents(&[Gate::Implement]),
            "feature-implementer hands it over with a record `done`: monkeytown run feature-implementer".to_owned(),
        ),
        State::InProgress => (
            agents(&[Gate::Implement]),
            format!("feature-implementer goes on{}: monkeytown run feature-implementer", left()),
        ),
        State::Blocked => {
            let record = steps.iter().rev().find(|step| step.counts && step.record.gate == Gate::Implement);
            let place = record.map(|step| step.record.path.clone()).unwrap_or_default();
            (Vec::new(), format!("somebody removes what {place} names, then feature-implementer goes on"))
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
