//! From facts to entries.
//! Lives here: which facts become entries and how much they matter. Never here: how a page looks.

use std::collections::BTreeMap;

use super::entry::{Entry, Key, Kind, Severity};
use super::role::Role;
use crate::town::charter::{Charter, Sense};
use crate::town::facts::{
    Age, BrokenLink, DependencyFacts, Facts, LinkFacts, LinkProblem, SecretFacts, SpecFacts, TestFacts, TestOutcome,
    TodoFacts, TodoNote, count_of, listed,
};

/// Every entry that the asked senses give, the most important first, equal ones of one file together.
pub(super) fn entries(charter: &Charter, role: &Role, facts: &Facts) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut asked = charter.senses.clone();
    asked.sort_unstable();
    asked.dedup();
    for sense in asked {
        match sense {
            Sense::Secrets => facts.secrets.iter().for_each(|facts| secrets(facts, &mut all)),
            Sense::Links => facts.links.iter().for_each(|facts| links(facts, &mut all)),
            Sense::Todos => facts.todos.iter().for_each(|facts| notes(facts, &mut all)),
            Sense::Tests => facts.tests.iter().for_each(|facts| tests(facts, &mut all)),
            Sense::Specs => facts.specs.iter().for_each(|facts| specs(facts, &mut all)),
            Sense::Dependencies => {
                let any = facts.files.as_ref().is_some_and(|files| files.count > 0);
                facts.dependencies.iter().for_each(|facts| dependencies(facts, any, &mut all));
            }
            Sense::Activity | Sense::Proposals | Sense::Files => {}
        }
    }
    // What a page says about itself would change with every edit of it.
    all.retain(|entry: &Entry| charter.page.as_deref() != Some(entry.path.as_str()));
    sorted(merged(all), role)
}

/// One entry for each identity, with all its lines.
fn merged(all: Vec<Entry>) -> Vec<Entry> {
    let mut by_key: BTreeMap<Key, Entry> = BTreeMap::new();
    for entry in all {
        match by_key.get_mut(&entry.key) {
            Some(known) => {
                known.lines.extend(&entry.lines);
                if entry.severity < known.severity {
                    (known.severity, known.remark, known.day) = (entry.severity, entry.remark, entry.day);
                }
            }
            None => {
                by_key.insert(entry.key.clone(), entry);
            }
        }
    }
    let mut all: Vec<Entry> = by_key.into_values().collect();
    for entry in &mut all {
        entry.lines.sort_unstable();
        entry.lines.dedup();
    }
    all
}

fn sorted(mut all: Vec<Entry>, role: &Role) -> Vec<Entry> {
    let rank = |entry: &Entry| {
        // What looks like a secret in an example hardly ever is one, whatever the role cares for.
        let is_sample = entry.kind == Kind::Secret && entry.severity == Severity::Low;
        let found = role.emphasis.iter().position(|one| *one == entry.kind && !is_sample);
        found.unwrap_or(role.emphasis.len())
    };
    all.sort_by_cached_key(|entry| {
        let urgent = entry.severity != Severity::High;
        let day = entry.day.clone().unwrap_or_else(|| "~".to_owned());
        let line = entry.lines.first().copied();
        (urgent, rank(entry), entry.severity, entry.kind, day, entry.path.clone(), line, entry.key.clone())
    });
    all
}

fn secrets(facts: &SecretFacts, all: &mut Vec<Entry>) {
    for found in &facts.found {
        let severity = if found.sample { Severity::Low } else { Severity::High };
        let entry = Entry::new(Kind::Secret, severity, &found.path, Some(found.line), &found.rule);
        all.push(if found.sample {
            entry.words("it stands in a test or an example")
        } else {
            entry.words("withdraw it where it was issued, then take it out")
        });
    }
}

fn links(facts: &LinkFacts, all: &mut Vec<Entry>) {
    all.extend(facts.broken.iter().map(link));
}

fn link(link: &BrokenLink) -> Entry {
    let severity = match link.problem {
        LinkProblem::NoSuchPath | LinkProblem::WrongCase => Severity::Medium,
        LinkProblem::NoSuchAnchor | LinkProblem::Outside | LinkProblem::Empty | LinkProblem::UndefinedReference => {
            Severity::Low
        }
    };
    let entry = Entry::new(Kind::BrokenLink, severity, &link.path, Some(link.line), &link.target);
    let (words, near) = match link.problem {
        LinkProblem::NoSuchPath => ("does not exist", "is near"),
        LinkProblem::WrongCase => ("is written in another case", "exists"),
        LinkProblem::NoSuchAnchor => ("names an anchor that is not there", "is near"),
        LinkProblem::Outside => ("is outside of the repository", ""),
        LinkProblem::Empty => ("is empty", ""),
        LinkProblem::UndefinedReference => ("is a reference that nothing defines", ""),
    };
    match link.suggestion.as_deref().filter(|_| !near.is_empty()) {
        Some(suggestion) => entry.words(format!("{words}; ")).quote(suggestion).words(format!(" {near}")),
        None => entry.words(words),
    }
}

fn notes(facts: &TodoFacts, all: &mut Vec<Entry>) {
    for note in &facts.notes {
        let urgent = note.marker == "FIXME";
        let severity = if facts.is_old(note) || urgent { Severity::Medium } else { Severity::Low };
        let mut entry = Entry::new(Kind::Note, severity, &note.path, Some(note.line), &note.text);
        entry.day = note.age.day().map(str::to_owned);
        all.push(entry.words(age(note)).words(if facts.is_old(note) { ", older than a year" } else { "" }));
    }
}

/// The age without what changes by itself: how many commits were read, and who wrote it.
fn age(note: &TodoNote) -> String {
    let marker = note.marker.to_lowercase();
    match &note.age {
        Age::Since { day, .. } => format!("a {marker} since {day}"),
        Age::OlderThan { .. } => format!("a {marker} older than the history that was read"),
        Age::Unknown => format!("a {marker} of unknown age"),
    }
}

fn tests(facts: &TestFacts, all: &mut Vec<Entry>) {
    let Some(command) = &facts.command else {
        if !facts.suggested.is_empty() {
            let mut entry = Entry::new(Kind::NoTestCommand, Severity::Medium, "", None, "tests.command");
            entry = entry.words("the manifests suggest ").quote(&facts.suggested[0]);
            let rest = facts.suggested.len() - 1;
            all.push(if rest > 0 { entry.words(format!(" and {}", count_of(rest, "other"))) } else { entry });
        }
        return;
    };
    let Some(run) = facts.run.as_ref().filter(|run| !run.is_green()) else { return };
    let names: Vec<&String> = run.summary.iter().flat_map(|summary| &summary.failures).collect();
    if names.is_empty() {
        let what = match &run.outcome {
            TestOutcome::Exited { code } => format!("fails with exit code {code}"),
            TestOutcome::Killed => "was ended by a signal".to_owned(),
            TestOutcome::TimedOut { minutes } => {
                format!("does not end within {}", count_of(usize::try_from(*minutes).unwrap_or(usize::MAX), "minute"))
            }
            TestOutcome::NotRun { .. } => "could not be run".to_owned(),
        };
        let entry = Entry::new(Kind::FailingTest, Severity::High, "", None, command).words(what);
        let last = run.last_words().filter(|_| !matches!(run.outcome, TestOutcome::NotRun { .. }));
        all.push(match last {
            Some(line) => entry.words("; its last line: ").quote(&line),
            None => entry,
        });
    }
    for name in names {
        all.push(Entry::new(Kind::FailingTest, Severity::High, "", None, name).words("fails"));
    }
}

fn specs(facts: &SpecFacts, all: &mut Vec<Entry>) {
    for spec in &facts.specs {
        for (line, name) in &spec.bare {
            let entry = Entry::new(Kind::BareRequirement, Severity::Medium, &spec.path, Some(*line), name);
            all.push(entry.words("no scenario shows when it is met"));
        }
    }
    for change in facts.changes.iter().filter(|change| !change.missing.is_empty()) {
        let path = format!("openspec/changes/{}", change.name);
        let entry = Entry::new(Kind::IncompleteChange, Severity::Medium, &path, None, &change.name);
        let missing: Vec<String> = change.missing.iter().map(|name| super::cell::code(name)).collect();
        all.push(entry.words(format!("lacks {}", listed(&missing))));
    }
}

fn dependencies(facts: &DependencyFacts, any_file: bool, all: &mut Vec<Entry>) {
    if facts.no_licence() && (any_file || !facts.manifests.is_empty()) {
        let entry = Entry::new(Kind::NoLicence, Severity::Medium, "", None, "LICENSE");
        all.push(entry.words("neither a licence file nor a manifest names a licence"));
    }
    for manifest in &facts.manifests {
        for one in manifest.dependencies.iter().filter(|one| one.wildcard) {
            let entry = Entry::new(Kind::Wildcard, Severity::Medium, &manifest.path, None, &one.name);
            all.push(entry.words(format!("any version fits, {}", one.kind.word())));
        }
    }
    for duplicate in &facts.duplicates {
        let mut entry = Entry::new(Kind::Duplicate, Severity::Low, &duplicate.lock, None, &duplicate.name);
        entry = entry.words(format!("{}: ", count_of(duplicate.versions.len(), "version")));
        for (at, version) in duplicate.versions.iter().take(4).enumerate() {
            entry = entry.words(if at > 0 { ", " } else { "" }).quote(version);
        }
        let rest = duplicate.versions.len().saturating_sub(4);
        all.push(if rest > 0 { entry.words(format!(" and {rest} more")) } else { entry });
    }
    for (path, why) in &facts.unreadable {
        all.push(Entry::new(Kind::Unreadable, Severity::Low, path, None, "").quote(why));
    }
}

/// Whether the sense of `kind` saw everything this time, so that what it does not report is gone.
pub(super) fn is_complete(kind: Kind, charter: &Charter, facts: &Facts) -> bool {
    let asked = charter.senses.contains(&kind.sense());
    asked
        && match kind.sense() {
            Sense::Secrets => facts.secrets.as_ref().is_some_and(|facts| facts.truncated == 0),
            Sense::Links => facts.links.as_ref().is_some_and(|facts| facts.truncated == 0),
            Sense::Todos => facts.todos.as_ref().is_some_and(|facts| facts.truncated == 0),
            Sense::Specs => facts.specs.as_ref().is_some_and(|facts| facts.skipped == 0),
            Sense::Dependencies => facts.dependencies.as_ref().is_some_and(|facts| facts.skipped == 0),
            Sense::Tests => facts.tests.as_ref().is_some_and(|facts| tests_are_known(kind, facts)),
            Sense::Activity | Sense::Proposals | Sense::Files => false,
        }
}

fn tests_are_known(kind: Kind, facts: &TestFacts) -> bool {
    let Some(run) = &facts.run else { return kind == Kind::NoTestCommand };
    let all_named = |failed: usize, named: usize| failed <= named;
    kind == Kind::NoTestCommand
        || run.is_green()
        || (matches!(run.outcome, TestOutcome::Exited { .. })
            && run.summary.as_ref().is_some_and(|summary| all_named(summary.failed, summary.failures.len())))
}

/// Whether any asked sense found anything that a page without entries could tell. Recent work alone is a page only for a
/// role that asks for it first: a register with nothing in it is no news.
pub(super) fn found_anything(charter: &Charter, facts: &Facts) -> bool {
    let first = charter.senses.first();
    charter.senses.iter().any(|sense| match sense {
        Sense::Activity => {
            first == Some(&Sense::Activity) && facts.activity.as_ref().is_some_and(|facts| facts.recent.commits > 0)
        }
        Sense::Files => facts.files.as_ref().is_some_and(|facts| facts.count > 0),
        Sense::Specs => facts.specs.as_ref().is_some_and(|facts| !facts.specs.is_empty() || !facts.changes.is_empty()),
        Sense::Tests => facts.tests.as_ref().is_some_and(|facts| facts.command.is_some()),
        Sense::Dependencies => facts.dependencies.as_ref().is_some_and(|found| !found.manifests.is_empty()),
        Sense::Secrets | Sense::Links | Sense::Todos | Sense::Proposals => false,
    })
}
