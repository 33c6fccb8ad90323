//! What each role of the OpenSpec workflow does without a mind: the part of its gate that follows from the files.
//! Lives here: which change is a role's turn, what can be judged by rules, and what is left to a mind. Never here: the rules (see
//! [`crate::town::spec`]), writing anything (the brain calls tools for it).
//!
//! Start with [`act`]. Where nothing can be done by rules alone it says what needs a mind, and does nothing.

mod judge;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::collections::BTreeMap;

use super::facts::TestFacts;
use super::finding::Finding;
use super::ids::AgentId;
use super::spec::base::Base;
use super::spec::lifecycle::Lifecycle;
use super::spec::past::Past;
use super::spec::project::Project;
use super::spec::putaway::{OPENSPEC, put_away};
use super::spec::queue;
use super::spec::record::{self, Gate, Verdict};
use super::spec::state::State;
use super::spec::trace::Tag;
use super::spec::tree::Tree;

/// The rule of a finding that says what rules cannot judge.
pub const MIND: &str = "needs-a-mind";

/// What a role has before it.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The files below `openspec/`, with the role's own open work on them.
    pub tree: &'a Tree,
    /// The same without that work.
    pub main: &'a Tree,
    /// Who.
    pub agent: &'a AgentId,
    /// Its open pull request, where that is about a change: its number.
    pub open: Option<u64>,
    /// What the files do not tell of the changes.
    pub past: &'a Past,
    /// Every path of the repository, sorted.
    pub paths: &'a [String],
    /// What tests and code say that they cover.
    pub tags: &'a [Tag],
    /// What the project's tests say.
    pub tests: Option<&'a TestFacts>,
    /// The files that commits of each change in Validation touched, as they are now.
    pub touched: &'a BTreeMap<String, Vec<(String, String)>>,
    /// The day.
    pub date: &'a str,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The gate speaks.
    Record {
        /// About which change.
        change: String,
        /// What it says.
        verdict: Verdict,
        /// What was found.
        findings: Vec<Finding>,
        /// What shows it.
        evidence: Vec<String>,
    },
    /// A change is put away.
    Archive(String),
    /// A file of the open work that no longer holds goes.
    Delete(String),
}

/// What a role does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It proposes something.
    Propose {
        /// What.
        deeds: Vec<Deed>,
        /// The pull request's title.
        title: String,
        /// What is said about it.
        body: String,
        /// What shows it.
        evidence: Vec<String>,
        /// The change that it is about.
        change: String,
    },
    /// Nothing, for this reason.
    Wait(String),
    /// Nothing, and its open pull request stays as it is: what that says waits for people.
    Stand(String),
    /// No change is the role's turn.
    Rest,
}

/// A change with its life.
struct Case<'a> {
    name: &'a str,
    folder: String,
    life: Lifecycle,
    waits_for: Vec<String>,
}

/// What the agent's role does now; `None` where it keeps no gate.
#[must_use]
pub fn act(desk: &Desk<'_>) -> Option<Act> {
    let role = match desk.agent.as_str() {
        "architect" => architect,
        "feature-implementer" => implementer,
        "pm-validator" => pm,
        "test-validator" => test,
        _ => return None,
    };
    // Own open work that no longer holds is not what the next verdict stands on.
    let (stale, tree) = without_stale(desk);
    // One pull request is about one thing: whatever else there is to say would take its title and its place.
    if let (Some(number), true) = (desk.open, stale.is_empty()) {
        return Some(Act::Stand(format!("#{number} waits for a merge: it says something about a change already")));
    }
    let project = Project::new(&tree, OPENSPEC);
    let cases = cases(&project, desk);
    let mut act = role(desk, &project, &cases);
    match &mut act {
        Act::Propose { deeds, .. } => {
            let gone = stale.into_iter().map(Deed::Delete);
            *deeds = gone.chain(std::mem::take(deeds)).collect();
        }
        _ if !stale.is_empty() => {
            let title = format!("{}: withdraw {} that no longer holds", desk.agent, count(stale.len(), "record"));
            let body = "The content was edited after it was judged, or the change has moved on since.".to_owned();
            let change = stale[0].split('/').nth(2).unwrap_or_default().to_owned();
            act = Act::Propose {
                evidence: stale.clone(),
                deeds: stale.into_iter().map(Deed::Delete).collect(),
                title,
                body,
                change,
            };
        }
        _ => {}
    }
    Some(act)
}

/// Records of the open work that do not count any more, and the files without them.
fn without_stale(desk: &Desk<'_>) -> (Vec<String>, Tree) {
    let mut tree = desk.tree.clone();
    let mut stale = Vec::new();
    let project = Project::new(desk.tree, OPENSPEC);
    for name in project.changes() {
        let life = Lifecycle::of(&project, &project.change_path(name), desk.past);
        for step in &life.steps {
            let path = &step.record.path;
            let holds = step.counts && step.record.content_hash == life.content_hash;
            if step.record.gate.agent() == desk.agent.as_str() && !holds && desk.main.get(path).is_none() {
                stale.push(path.clone());
                tree.remove(path);
            }
        }
    }
    (stale, tree)
}

fn cases<'a>(project: &Project<'a>, desk: &Desk<'_>) -> Vec<Case<'a>> {
    let queued = queue::queue(project).changes;
    let names = project.changes();
    let case = |queued: queue::Queued| {
        let name = names.iter().find(|name| **name == queued.name)?;
        let folder = project.change_path(name);
        let life = Lifecycle::of(project, &folder, desk.past);
        Some(Case { name, folder, life, waits_for: queued.waits_for })
    };
    queued.into_iter().filter_map(case).collect()
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("{number} {what}") } else { format!("{number} {what}s") }
}

/// The work that a verdict makes.
fn verdict(
    case: &Case<'_>,
    gate: Gate,
    said: Verdict,
    findings: Vec<Finding>,
    evidence: Vec<String>,
    mind: &str,
) -> Act {
    let title = match said {
        Verdict::NeedsRevision | Verdict::Fail => {
            format!("{} {}: {}, {}", gate.name(), case.name, said.name(), count(findings.len(), "finding"))
        }
        _ => format!("{} {}: {}", gate.name(), case.name, said.name()),
    };
    let mut body = format!("The change `{}` is {}.\n\n", case.name, case.life.state.name());
    for finding in findings.iter().take(20) {
        body.push_str(&format!("- {finding}\n"));
    }
    body.push_str(&format!("\n**What needs a mind.** {mind} Whoever merges this is that mind.\n"));
    let mut all = findings;
    if said.needs_evidence() {
        all.push(Finding::info(MIND, mind).at(format!("{}/proposal.md", case.folder)));
    }
    let mut shown = evidence.clone();
    shown.truncate(20);
    let deed = Deed::Record { change: case.name.to_owned(), verdict: said, findings: all, evidence };
    let title = super::text::one_line(&title, super::limits::TITLE_CHARS);
    Act::Propose { deeds: vec![deed], title, body, evidence: shown, change: case.name.to_owned() }
}

/// Judges the oldest draft by the rules, after it has put away what is completed.
fn architect(desk: &Desk<'_>, project: &Project<'_>, cases: &[Case<'_>]) -> Act {
    let mut waits = Vec::new();
    for case in cases.iter().filter(|case| case.life.state == State::Completed) {
        if !case.waits_for.is_empty() {
            waits.push(format!("`{}` waits for {}", case.name, case.waits_for.join(", ")));
            continue;
        }
        match put_away(project, case.name, desk.date, Base::of(&desk.past.bases, case.name)) {
            Ok(put) => {
                let body = format!(
                    "Both validators passed `{}`. Its requirements are merged into the main specs: {}.",
                    case.name, put.says
                );
                return Act::Propose {
                    deeds: vec![Deed::Archive(case.name.to_owned())],
                    title: super::text::one_line(&format!("archive {}", case.name), super::limits::TITLE_CHARS),
                    body,
                    evidence: vec![format!("monkeytown spec archive {} --dry-run", case.name)],
                    change: case.name.to_owned(),
                };
            }
            Err(why) => waits.push(format!("`{}` cannot be archived: {why}", case.name)),
        }
    }
    let own = record::compared(&format!("agent:{}", desk.agent));
    let is_open = |case: &&Case<'_>| match case.life.state {
        State::Draft => true,
        // What rules returned, rules can take up again.
        State::NeedsRevision => judge::is_mended(project, case),
        _ => false,
    };
    for case in cases.iter().filter(is_open) {
        if case.life.authors.contains(&own) {
            waits.push(format!("`{}` is your own", case.name));
            continue;
        }
        return judge::draft(project, case);
    }
    waiting(waits)
}

fn waiting(waits: Vec<String>) -> Act {
    if waits.is_empty() { Act::Rest } else { Act::Wait(waits.join("; ")) }
}

/// Hands over what is done; what is to be done needs a mind.
fn implementer(desk: &Desk<'_>, project: &Project<'_>, cases: &[Case<'_>]) -> Act {
    let rank = |state: State| match state {
        State::InProgress => 0,
        State::Blocked => 1,
        State::Approved => 2,
        _ => 3,
    };
    let mut own: Vec<&Case<'_>> = cases.iter().filter(|case| rank(case.life.state) < 3).collect();
    own.sort_by_key(|case| rank(case.life.state));
    let mut waits = Vec::new();
    for case in own {
        if case.waits_for.is_empty() {
            match judge::made(desk, project, case) {
                Ok(act) => return act,
                Err(why) => waits.push(why),
            }
        } else {
            waits.push(format!("`{}` waits for {}", case.name, case.waits_for.join(", ")));
        }
    }
    waiting(waits)
}

fn in_validation<'c, 'a>(cases: &'c [Case<'a>], gate: Gate) -> Option<&'c Case<'a>> {
    let is_next =
        |case: &&Case<'_>| case.life.state == State::Validation && case.life.next.agents.contains(&gate.agent());
    cases.iter().find(is_next)
}

fn pm(desk: &Desk<'_>, project: &Project<'_>, cases: &[Case<'_>]) -> Act {
    in_validation(cases, Gate::Pm).map_or(Act::Rest, |case| judge::wanted(desk, project, case))
}

fn test(desk: &Desk<'_>, _: &Project<'_>, cases: &[Case<'_>]) -> Act {
    let Some(case) = in_validation(cases, Gate::Test) else { return Act::Rest };
    let touched = desk.touched.get(case.name).map(Vec::as_slice).unwrap_or_default();
    judge::tested(case, desk.tests, touched)
}
