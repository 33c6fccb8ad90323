//! The fold of a change's records: what each of them does, and what stands against it.
//! Lives here: the state as it is built up record by record, and settled by how the change stands now. Never here: reading records,
//! whose turn it is (see [`super`]).

use std::collections::BTreeSet;

use super::super::evidence;
use super::super::issue::{Issue, Level};
use super::super::record::{self, Gate, Record, Verdict, issue};
use super::super::state::{State, transition};
use super::super::tasks::Progress;
use super::{Step, last, names};
use crate::town::text::one_line;

/// What the records have come to so far.
#[derive(Default)]
pub(super) struct Fold {
    /// Who wrote the change, as actors are compared.
    pub(super) authors: BTreeSet<String>,
    pub(super) state: State,
    /// The content that was approved.
    approved: Option<String>,
    /// Who approved it, as actors are compared.
    architect: Option<String>,
    /// Who made it, likewise.
    makers: BTreeSet<String>,
    /// The validators that passed this round.
    pub(super) passed: BTreeSet<Gate>,
    /// Whether a validator of this round may still speak although the other one has returned the change.
    round: bool,
    /// The validators that have spoken in this round.
    spoken: BTreeSet<Gate>,
    pub(super) issues: Vec<Issue>,
    /// For each issue of `issues` its gate: a later record of it that counts settles it.
    gates: Vec<Gate>,
}

/// How a change stands besides its records.
pub(super) struct Now<'a> {
    pub(super) hash: &'a str,
    pub(super) tasks: Progress,
    pub(super) is_archived: bool,
    pub(super) folder: &'a str,
    /// The guarded file that was touched for the change after a commit.
    pub(super) rebuilt: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Fold {
    /// Nothing was said yet of what they wrote.
    pub(super) fn new(authors: BTreeSet<String>) -> Self {
        Self { authors, ..Self::default() }
    }

    fn refuse(&mut self, record: &Record, code: &'static str, message: String, fix: &str) -> bool {
        self.issues.push(issue(Level::Error, code, &record.path, message, fix));
        self.gates.push(record.gate);
        false
    }

    /// Takes one record; says whether it counts.
    pub(super) fn take(&mut self, record: &Record) -> bool {
        let (gate, verdict) = (record.gate, record.verdict);
        let other_content = self.approved.as_ref().is_some_and(|hash| *hash != record.content_hash);
        let from =
            if gate == Gate::Architect && other_content && !self.state.is_final() { State::Draft } else { self.state };
        let Some(way) = transition(gate, verdict) else { return false };
        if !way.from.contains(&from) {
            // Once, and not after its own word: whoever returned a change cannot pass it as it was.
            let validates = matches!(gate, Gate::Pm | Gate::Test);
            if self.round && validates && self.state == State::InProgress && self.spoken.insert(gate) {
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
        let actor = record::compared(&record.actor);
        let validates = matches!(record.gate, Gate::Pm | Gate::Test);
        if !(validates || record.gate == Gate::Architect) || !record.verdict.needs_evidence() {
            return None;
        }
        if self.authors.contains(&actor) {
            return Some(("wrote the change", "let somebody else judge it"));
        }
        if validates && self.architect.as_ref() == Some(&actor) {
            return Some(("approved it", "let another validator judge it"));
        }
        (validates && self.makers.contains(&actor)).then_some(("made it", "let another validator judge it"))
    }

    /// Whether a record shows what it says.
    fn is_shown(&mut self, record: &Record) -> bool {
        let verdict = record.verdict;
        let code = "gate/missing-evidence";
        if verdict.needs_evidence() && record.evidence.iter().all(|line| evidence::says_nothing(line)) {
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
                self.architect = Some(record::compared(&record.actor));
            }
            (Gate::Architect, _) => self.approved = Some(record.content_hash.clone()),
            (Gate::Implement, _) => _ = self.makers.insert(record::compared(&record.actor)),
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
        match gate {
            Gate::Pm | Gate::Test => _ = self.spoken.insert(gate),
            Gate::Archive => {}
            _ => {
                self.passed.clear();
                self.spoken.clear();
            }
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

    /// The state as the content, the tasks, the code and the place of the change are now.
    pub(super) fn settle(&mut self, now: &Now<'_>, steps: &[Step]) -> State {
        let mut state = self.state;
        if self.approved.as_deref().is_some_and(|approved| approved != now.hash) && !state.is_final() {
            if state != State::NeedsRevision
                && let Some(record) = last(steps, Gate::Architect)
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
        if matches!(state, State::Validation | State::Completed) {
            state = self.settle_round(state, now, steps);
        }
        if state == State::Approved && now.tasks.completed > 0 {
            state = State::InProgress;
        }
        if now.is_archived {
            let is_skipped = state != State::Completed && !state.is_final() && !steps.is_empty();
            let is_unsaid = state == State::Completed && last(steps, Gate::Archive).is_none();
            if is_skipped || is_unsaid {
                let message = match is_skipped {
                    true => format!("the change was put away while it was {}", state.name()),
                    false => "the change was put away, and no record says so".to_owned(),
                };
                let place = format!("{}/proposal.md", now.folder);
                let fix = "put it back with `spec unarchive`, and archive it once its gates are passed";
                self.issues.push(issue(Level::Warning, "gate/skipped", &place, message, fix));
                self.gates.push(Gate::Archive);
            }
            return if state.is_final() { state } else { State::Archived };
        }
        state
    }

    /// What was handed over is before the validators as long as all of it is done, and passed as long as nothing was built since.
    fn settle_round(&mut self, state: State, now: &Now<'_>, steps: &[Step]) -> State {
        let (done, all) = (now.tasks.completed, now.tasks.total);
        if done < all || all == 0 {
            if let Some(record) = last(steps, Gate::Implement) {
                let (message, fix) = match all {
                    0 => (
                        "the change was handed over without a task".to_owned(),
                        "write down what was to be done in tasks.md",
                    ),
                    _ => {
                        let message = format!("the change was handed over with {} of {all} tasks open", all - done);
                        (message, "finish and tick them, then hand it over again")
                    }
                };
                self.refuse(record, "gate/open-tasks", message, fix);
            }
            return State::InProgress;
        }
        for gate in self.passed.clone() {
            let record = last(steps, gate);
            let after = record.and_then(|record| (now.rebuilt)(record.commit.as_deref()?));
            let (Some(record), Some(path)) = (record, after) else { continue };
            let message = format!("{} was changed for the change after it was passed", one_line(path, 100));
            let fix = format!("have it judged as it is: monkeytown run {}", gate.agent());
            self.refuse(record, "gate/stale-pass", message, &fix);
            self.passed.remove(&gate);
        }
        if self.passed.len() < 2 { State::Validation } else { state }
    }
}
