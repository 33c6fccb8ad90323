//! A requirement's block and what it holds: its body, its scenarios, and what a change of it would lose.
//! Lives here: reading one block, the same for main specs and deltas. Never here: which blocks a file has.

use std::collections::BTreeMap;
use std::ops::Range;

use super::heading;
use super::js;
use super::lines::Lines;
use super::scenario_rename::{self, Pair};

/// A requirement as it stands in a file: from its heading to the next one, without the blanks at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name, exact: two names that differ in anything are two requirements.
    pub name: String,
    /// All of it, with line feeds, its heading first.
    pub raw: String,
    /// The line of its heading, counted from 1. 0 where it stands in no file.
    pub line: u32,
}

impl Block {
    /// The block whose heading stands at `lines.start`, which reaches to `lines.end`.
    #[must_use]
    pub fn of(file: &Lines<'_>, lines: Range<usize>, written: &str) -> Self {
        let mut raw = file.join(lines.clone());
        raw.truncate(js::trim_end(&raw).len());
        Self { name: heading::name(written).to_owned(), raw, line: number(lines.start) }
    }

    /// The lines of the block; the first one is the heading.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::of(&self.raw)
    }

    /// Whether both say the same, however they are spaced around.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        js::trim(&self.raw) == js::trim(&other.raw)
    }
}

/// The number of the line at an index.
#[must_use]
pub fn number(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

/// The text of a requirement among `lines`: what stands outside of fences before the first heading, line by line. Lines such as
/// `**Priority**: high` count only where there is nothing else.
#[must_use]
pub fn body(file: &Lines<'_>, lines: Range<usize>) -> String {
    let mut said: Vec<&str> = Vec::new();
    let mut about: Vec<&str> = Vec::new();
    for (_, line) in file.open_lines(lines) {
        if heading::level(line).is_some() {
            break;
        }
        let line = js::trim(line);
        if is_about(line) {
            about.push(line);
        } else if !line.is_empty() {
            said.push(line);
        }
    }
    if said.is_empty() { about.join("\n") } else { said.join("\n") }
}

/// Whether the line begins like `**Priority**:`.
fn is_about(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("**") else { return false };
    rest.find('*').is_some_and(|end| end > 0 && rest[end..].starts_with("**:"))
}

/// A scenario of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name, without the word before it.
    pub name: String,
    /// The index of its heading among the lines.
    pub at: usize,
    /// From its heading to the next scenario, without the blanks at the end.
    pub raw: String,
    /// Whether anything stands below its heading before the next one of level 1 to 4.
    pub has_body: bool,
}

/// The scenarios among `lines`.
#[must_use]
pub fn scenarios(file: &Lines<'_>, lines: Range<usize>) -> Vec<Scenario> {
    let starts: Vec<usize> =
        file.open_lines(lines.clone()).filter(|(_, line)| heading::is_scenario(line)).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.end]);
    let scenarios = starts.iter().zip(ends).map(|(&at, end)| {
        let ends_body = |at: &usize| !file.is_fenced(*at) && heading::ends_scenario(file.get(*at));
        let body_end = (at + 1..end).find(ends_body).unwrap_or(end);
        let mut raw = file.join(at..end);
        raw.truncate(js::trim_end(&raw).len());
        Scenario {
            name: heading::scenario_name(file.get(at)).to_owned(),
            at,
            raw,
            has_body: (at + 1..body_end).any(|at| !js::is_blank(file.get(at))),
        }
    });
    scenarios.collect()
}

/// What a block that replaces another does to its scenarios. A name counts as often as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioDiff {
    /// Names that would be lost.
    pub missing: Vec<String>,
    /// Names that are new.
    pub added: Vec<String>,
    /// How many the replaced block has.
    pub before: usize,
    /// How many the new one has.
    pub after: usize,
}

impl ScenarioDiff {
    /// Compares the scenarios of `old` with those of `new`, which replaces it. One that is renamed is the same one.
    #[must_use]
    pub fn between(old: &Block, new: &Block, renames: &[Pair<'_>]) -> Self {
        let (mut old, new) = (scenario_rename::names(old), scenario_rename::names(new));
        for (from, to) in scenario_rename::holding(renames, &old, &new) {
            old.iter_mut().filter(|name| *name == from).for_each(|name| to.clone_into(name));
        }
        Self { missing: unmatched(&old, &new), added: unmatched(&new, &old), before: old.len(), after: new.len() }
    }
}

fn unmatched(names: &[String], against: &[String]) -> Vec<String> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for name in against {
        *left.entry(name).or_default() += 1;
    }
    let mut lost = Vec::new();
    for name in names {
        match left.get_mut(name.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => lost.push(name.clone()),
        }
    }
    lost
}
