//! What a section tells of the facts themselves, beside the numbered entries.
//! Lives here: compact tables and one sentence for the top. Only what changes when the project does: no totals that
//! agents' own files move, no ages. Never here: entries.

use super::cell::{cell, code, row};
use super::order::{self, ORCHESTRATOR};
use super::write::{RECENT, VERDICTS};
use crate::town::charter::Sense;
use crate::town::facts::{
    ActivityFacts, Churn, DependencyFacts, Facts, FileFacts, FileLine, Outcome, ProposalFacts, SpecFacts, bytes_of,
    count_of,
};
use crate::town::ids::AgentId;

/// Rows of one table.
const ROWS: usize = 10;

/// The heading of a sense's section.
pub(super) const fn heading(sense: Sense) -> &'static str {
    match sense {
        Sense::Activity => RECENT,
        Sense::Proposals => VERDICTS,
        Sense::Specs => "Specs and changes",
        Sense::Secrets => "Possible secrets",
        Sense::Links => "Links",
        Sense::Todos => "Notes for later",
        Sense::Tests => "Tests",
        Sense::Dependencies => "Dependencies and licences",
        Sense::Files => "Files",
    }
}

/// Blocks of lines: paragraphs, lists and tables.
pub(super) fn facts(own: &AgentId, sense: Sense, facts: &Facts) -> Vec<Vec<String>> {
    let more = |count: usize, what: &str| {
        if count > 0 { vec![vec![format!("{} found and not listed.", count_of(count, what))]] } else { Vec::new() }
    };
    match sense {
        Sense::Activity => facts.activity.as_ref().map(activity),
        Sense::Proposals => facts.proposals.as_ref().map(|facts| verdicts(own, facts)),
        Sense::Specs => facts.specs.as_ref().map(|facts| specs(own, facts)),
        Sense::Secrets => facts.secrets.as_ref().map(|facts| more(facts.truncated, "more place")),
        Sense::Links => facts.links.as_ref().map(|facts| more(facts.truncated, "more broken link")),
        Sense::Todos => facts.todos.as_ref().map(|facts| more(facts.truncated, "more note")),
        Sense::Tests => facts.tests.as_ref().map(|facts| vec![facts.lines()]),
        Sense::Dependencies => facts.dependencies.as_ref().map(dependencies),
        Sense::Files => facts.files.as_ref().map(files),
    }
    .unwrap_or_default()
}

/// What is worth a sentence at the top although nothing is wrong with it.
pub(super) fn sentence(sense: Sense, facts: &Facts) -> Option<String> {
    match sense {
        Sense::Files => {
            let longest = facts.files.as_ref()?.longest.first()?;
            Some(format!("{} is the longest source file, with {} lines.", code(&longest.path), longest.number))
        }
        Sense::Specs => {
            let open = facts.specs.as_ref()?.changes.iter().filter(|change| change.tasks > change.done);
            let change = open.max_by_key(|change| (change.tasks - change.done, std::cmp::Reverse(&change.name)))?;
            let (name, tasks) = (code(&change.name), count_of(change.tasks, "task"));
            Some(format!("The change {name} has the most left to do: {} of {tasks} are done.", change.done))
        }
        Sense::Dependencies => {
            let manifests = &facts.dependencies.as_ref()?.manifests;
            let largest = manifests.iter().max_by_key(|m| (m.dependencies.len(), std::cmp::Reverse(&m.path)))?;
            let count = count_of(largest.dependencies.len(), "dependency");
            let loose = largest.dependencies.iter().filter(|one| !one.pinned).count();
            (!largest.dependencies.is_empty())
                .then(|| format!("{} declares {count}, {loose} of them not pinned.", code(&largest.path)))
        }
        Sense::Tests => {
            let tests = facts.tests.as_ref()?;
            let summary = tests.run.as_ref().filter(|run| run.is_green())?.summary.as_ref()?;
            Some(format!(
                "{} passes: {} passed, {} skipped.",
                code(tests.command.as_ref()?),
                summary.passed,
                summary.skipped
            ))
        }
        Sense::Activity | Sense::Proposals | Sense::Secrets | Sense::Links | Sense::Todos => None,
    }
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let rows: Vec<String> = rows.take(ROWS).map(|cells| row(&cells)).collect();
    if rows.is_empty() {
        return rows;
    }
    let head = [format!("| {} |", head.join(" | ")), format!("|{}", "---|".repeat(head.len()))];
    head.into_iter().chain(rows).collect()
}

/// Only people's latest work: what was since the last run is different for each run.
fn activity(facts: &ActivityFacts) -> Vec<Vec<String>> {
    let recent = &facts.recent;
    if recent.commits == 0 {
        return Vec::new();
    }
    let days = match (&recent.first_day, &recent.last_day) {
        (Some(first), Some(last)) if first == last => format!(", on {last}"),
        (Some(first), Some(last)) => format!(", from {first} to {last}"),
        _ => String::new(),
    };
    let mut out = vec![vec![format!("{} by people{days}.", count_of(recent.commits, "commit"))]];
    let churn = |list: &[Churn]| -> Vec<Vec<String>> {
        let cells = |one: &Churn| {
            vec![cell(&one.name), one.commits.to_string(), format!("+{}", one.added), format!("−{}", one.deleted)]
        };
        list.iter().map(cells).collect()
    };
    out.push(table(&["Where", "Commits", "Added", "Deleted"], churn(&recent.domains).into_iter()));
    out.push(table(&["File", "Commits", "Added", "Deleted"], churn(&recent.hot).into_iter()));
    let newest = recent.newest.iter().take(5);
    out.push(table(
        &["Commit", "Day", "Subject"],
        newest.map(|one| vec![cell(&one.id), one.day.clone(), cell(&one.subject)]),
    ));
    out
}

fn files(facts: &FileFacts) -> Vec<Vec<String>> {
    if facts.count == 0 {
        return Vec::new();
    }
    let mut out = vec![vec![format!("{}, {}.", count_of(facts.count, "file"), bytes_of(facts.bytes))]];
    for (what, groups) in [("Folder", &facts.folders), ("Kind", &facts.kinds)] {
        let rows = groups.iter().map(|one| vec![cell(&one.name), one.count.to_string(), bytes_of(one.bytes)]);
        out.push(table(&[what, "Files", "Size"], rows));
    }
    let lines = |one: &FileLine| vec![cell(&one.path), one.number.to_string()];
    out.push(table(&["Longer than 500 lines", "Lines"], facts.longest.iter().map(lines)));
    let hidden = facts.longest.len().saturating_sub(ROWS) + facts.more_long;
    if hidden > 0 {
        out.push(vec![format!("{} longer than 500 lines.", count_of(hidden, "more source file"))]);
    }
    let sizes = |one: &FileLine| vec![cell(&one.path), bytes_of(one.number)];
    out.push(table(&["Largest", "Size"], facts.largest.iter().take(5).map(sizes)));
    out
}

fn dependencies(facts: &DependencyFacts) -> Vec<Vec<String>> {
    let rows = facts.manifests.iter().map(|one| {
        let lock = one.lock.as_ref().map_or_else(|| "none".to_owned(), |lock| cell(lock));
        let licence = one.licence.as_ref().map_or_else(|| "none".to_owned(), |licence| cell(licence));
        vec![cell(&one.path), one.dependencies.len().to_string(), lock, licence]
    });
    let mut out = vec![table(&["Manifest", "Dependencies", "Lock file", "Licence"], rows)];
    if facts.manifests.len() > ROWS {
        out.push(vec![format!("{}.", count_of(facts.manifests.len() - ROWS, "more manifest"))]);
    }
    let known = facts.licences.iter().map(|file| {
        let licence = file.licence.as_ref().map_or_else(|| "not recognised".to_owned(), |licence| cell(licence));
        vec![cell(&file.path), licence]
    });
    out.push(table(&["Licence file", "Licence"], known));
    out
}

fn specs(own: &AgentId, facts: &SpecFacts) -> Vec<Vec<String>> {
    if !facts.present {
        return Vec::new();
    }
    let (specs, changes) = (count_of(facts.specs.len(), "spec"), count_of(facts.changes.len(), "open change"));
    let mut out = vec![vec![format!("{specs}, {changes}, {} archived.", facts.archived)]];
    if own.as_str() == ORCHESTRATOR {
        out.extend(listed("What is next:", order::moves(facts), |at| format!("{}. ", at + 1)));
        out.extend(listed("What is stuck:", order::stuck(facts), |_| "- ".to_owned()));
    }
    let rows = facts.changes.iter().map(|one| {
        let waits = one.waits_for.iter().map(|name| cell(name)).collect::<Vec<_>>().join(", ");
        let next = if waits.is_empty() { cell(&one.next) } else { format!("waits for {waits}") };
        vec![cell(&one.name), one.state.clone(), format!("{} of {}", one.done, one.tasks), next]
    });
    out.push(table(&["Change", "State", "Tasks done", "Next"], rows));
    let problems =
        facts.changes.iter().flat_map(|one| one.problems.iter().map(|text| vec![cell(&one.name), cell(text)]));
    out.push(table(&["Change", "What its records get wrong"], problems));
    if facts.changes.len() > ROWS {
        out.push(vec![format!("{}.", count_of(facts.changes.len() - ROWS, "more change"))]);
    }
    let rows = facts.specs.iter().map(|one| {
        vec![cell(&one.id), one.requirements.to_string(), one.scenarios.to_string(), one.bare.len().to_string()]
    });
    out.push(table(&["Spec", "Requirements", "Scenarios", "Without scenario"], rows));
    out
}

/// A line and a list below it, where there is anything to list.
fn listed(lead: &str, lines: Vec<String>, mark: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    if lines.is_empty() {
        return Vec::new();
    }
    let lines = lines.iter().enumerate().map(|(at, line)| format!("{}{line}", mark(at))).collect();
    vec![vec![lead.to_owned()], lines]
}

/// What humans decided about the others' work; open pull requests come and go by themselves and are left out. What they
/// decided about this role's own is answered in the pull request: as a row here, a rejection alone would make the page
/// new, and the same work would be offered again.
fn verdicts(own: &AgentId, facts: &ProposalFacts) -> Vec<Vec<String>> {
    let rows = facts.verdicts.iter().filter(|one| one.agent != *own).map(|one| {
        let outcome = match one.outcome {
            Outcome::Merged => "merged",
            Outcome::Rejected => "rejected",
        };
        let or_dash = |text: &Option<String>| text.as_ref().map_or_else(|| "–".to_owned(), |text| cell(text));
        let (reason, text) = (or_dash(&one.reason), or_dash(&one.text));
        vec![format!("#{}", one.number), one.agent.to_string(), outcome.to_owned(), reason, text]
    });
    vec![table(&["Pull request", "Agent", "Verdict", "Reason", "Words"], rows)]
}
