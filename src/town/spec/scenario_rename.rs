//! `## RENAMED Scenarios`: our own section of a delta, in which a scenario of a modified requirement gets another name. The reference
//! passes over it.
//! Lives here: reading it, and which of its renames hold between two texts of a requirement. Never here: the merge (see `merge`), or
//! what is wrong with a rename (see `validate`).
//!
//! ```text
//! ## RENAMED Scenarios
//! - IN: `### Requirement: Weighing`
//! - FROM: `#### Scenario: A parcel`
//! - TO: `#### Scenario: A heavy parcel`
//! ```

use std::collections::{BTreeMap, HashMap};

use super::block::{self, Block, number};
use super::delta::{Named, quoted, sections};
use super::heading;
use super::js;
use super::lines::Lines;

/// A scenario that gets another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioRename {
    /// The requirement, by the name under which the delta modifies it.
    pub requirement: Named,
    /// The name that it has.
    pub from: Named,
    /// The name that it gets.
    pub to: Named,
}

impl ScenarioRename {
    /// Both names.
    #[must_use]
    pub fn pair(&self) -> Pair<'_> {
        (&self.from.name, &self.to.name)
    }
}

/// What the section says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioRenames {
    /// Whole renames, by the name of the requirement.
    renames: BTreeMap<String, Vec<ScenarioRename>>,
    /// Lines that are part of none.
    pub strays: Vec<u32>,
}

/// Two names of one scenario: the one that it has, and the one that it gets.
pub type Pair<'d> = (&'d str, &'d str);

enum Line<'t> {
    In(&'t str),
    From(&'t str),
    To(&'t str),
}

impl ScenarioRenames {
    /// Reads the section of a delta file, wherever it stands.
    #[must_use]
    pub fn of(file: &Lines<'_>) -> Self {
        let mut read = Self::default();
        for (_, _, body) in sections(file).into_iter().filter(|(title, ..)| is_title(title)) {
            let (mut requirement, mut from): (Option<Named>, Option<Named>) = (None, None);
            for (at, text) in file.open_lines(body).filter(|(_, text)| !js::is_blank(text)) {
                let named = |name: &str| Named { name: name.to_owned(), line: number(at) };
                let line = line(text);
                // Whatever does not follow a FROM leaves it without its half.
                let before = from.take();
                match (line, &requirement, before) {
                    (Some(Line::To(to)), Some(requirement), Some(from)) => {
                        let rename = ScenarioRename { requirement: requirement.clone(), from, to: named(to) };
                        read.renames.entry(requirement.name.clone()).or_default().push(rename);
                    }
                    (Some(Line::In(name)), _, None) => requirement = Some(named(heading::name(name))),
                    (Some(Line::From(name)), _, None) => from = Some(named(name)),
                    (line, _, before) => {
                        read.strays.extend(before.map(|from| from.line));
                        match line {
                            Some(Line::In(name)) => requirement = Some(named(heading::name(name))),
                            Some(Line::From(name)) => from = Some(named(name)),
                            _ => read.strays.push(number(at)),
                        }
                    }
                }
            }
            read.strays.extend(from.map(|from| from.line));
        }
        read
    }

    /// The renames in one requirement.
    #[must_use]
    pub fn of_requirement(&self, name: &str) -> Vec<Pair<'_>> {
        self.renames.get(name).into_iter().flatten().map(ScenarioRename::pair).collect()
    }

    /// All of them, requirement by requirement.
    pub fn by_requirement(&self) -> impl Iterator<Item = (&str, &[ScenarioRename])> {
        self.renames.iter().map(|(name, renames)| (name.as_str(), renames.as_slice()))
    }
}

/// Those that hold where a block becomes another one: each old name stands once in `old` and not in `new`, each new name the other
/// way round. No name has a part in two.
#[must_use]
pub fn holding<'d>(pairs: &[Pair<'d>], old: &[String], new: &[String]) -> Vec<Pair<'d>> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let (old, new) = (counted(old.iter().map(String::as_str)), counted(new.iter().map(String::as_str)));
    let (froms, tos) = (counted(pairs.iter().map(|(from, _)| *from)), counted(pairs.iter().map(|(_, to)| *to)));
    let count = |names: &HashMap<&str, usize>, name: &str| names.get(name).copied().unwrap_or_default();
    let holds = |(from, to): &&Pair<'d>| {
        let is_alone = count(&froms, from) == 1 && count(&tos, to) == 1;
        is_alone && [count(&old, from), count(&new, from), count(&new, to), count(&old, to)] == [1, 0, 1, 0]
    };
    pairs.iter().filter(holds).copied().collect()
}

/// How often each name stands there.
#[must_use]
pub fn counted<'n>(names: impl Iterator<Item = &'n str>) -> HashMap<&'n str, usize> {
    let mut counts = HashMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts
}

/// The names of a block's scenarios, in their order.
#[must_use]
pub fn names(block: &Block) -> Vec<String> {
    let lines = block.lines();
    block::scenarios(&lines, 0..lines.len()).into_iter().map(|scenario| scenario.name).collect()
}

fn is_title(title: &str) -> bool {
    js::strip_word(title, "RENAMED").is_some_and(|rest| rest.eq_ignore_ascii_case(" Scenarios"))
}

fn line(text: &str) -> Option<Line<'_>> {
    let text = js::trim_start(text);
    let text = js::trim_start(text.strip_prefix(['-', '*', '+']).unwrap_or(text));
    if let Some(rest) = text.strip_prefix("IN:") {
        return quoted(js::trim_start(rest)).map(Line::In);
    }
    match text.strip_prefix("FROM:") {
        Some(rest) => scenario(rest).map(Line::From),
        None => scenario(text.strip_prefix("TO:")?).map(Line::To),
    }
}

/// The name in `#### Scenario: x`, with or without a back-tick on either side.
fn scenario(text: &str) -> Option<&str> {
    let text = js::trim(text);
    let text = text.strip_prefix('`').map_or(text, |text| js::trim(text.strip_suffix('`').unwrap_or(text)));
    let name = Some(text).filter(|text| heading::is_scenario(text)).map(heading::scenario_name)?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ScenarioRenames {
        ScenarioRenames::of(&Lines::of(text))
    }

    #[test]
    fn pairs_are_read_below_their_requirement_and_nothing_is_passed_over() {
        let text = "## MODIFIED Requirements\n- FROM: #### Scenario: no\n## renamed  scenarios\n- x\n## Renamed Scenarios\r\n- IN: `### Requirement: One #`\r\n\
                    - FROM: `#### Scenario: a`\n- TO: `#### Scenario: b`\nFROM: #### c\n* TO: ####  Scenario: d\n+ IN: ### Requirement: Two\n\
                    - FROM: #### Scenario: e\n- TO: #### Scenario: f\n```\nFROM: x\n```\n";
        let found = read(text);
        assert_eq!(found.of_requirement("One"), [("a", "b"), ("c", "d")]);
        assert_eq!(found.of_requirement("Two"), [("e", "f")]);
        assert_eq!((found.of_requirement("Three").len(), found.strays.len()), (0, 0));
        for (text, strays) in [
            ("- FROM: #### Scenario: a\n- TO: #### Scenario: b", &[2, 3][..]),
            ("- IN: ### Requirement: A\n- TO: #### Scenario: b", &[3]),
            ("- IN: ### Requirement: A\n- FROM: #### Scenario: b", &[3]),
            ("- IN: ### Requirement: A\n- FROM: #### a\n- FROM: #### b\n- TO: #### c\n", &[3]),
            ("- IN: ### Requirement: A\n- FROM: #### a\nThis is why.\n- TO: #### c\n", &[3, 4, 5]),
            ("- IN: ### Requirement: A\n- FROM: #### a\n- IN: ### Requirement: B\n", &[3]),
            ("- IN: A\n- FROM: a\n- **TO:** #### b\n- from: #### a\n- FROM: ####\n", &[2, 3, 4, 5, 6]),
        ] {
            assert_eq!(read(&format!("## RENAMED Scenarios\n{text}")).strays, strays, "{text}");
        }
    }

    #[test]
    fn a_rename_holds_where_each_name_stands_once_and_on_its_side() {
        let names = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let held = |pairs: &[Pair<'static>], old: &str, new: &str| holding(pairs, &names(old), &names(new)).len();
        assert_eq!(held(&[("a", "b")], "a x", "x b"), 1);
        assert_eq!(held(&[("a", "b"), ("c", "d")], "a c", "d b"), 2);
        for (pairs, old, new) in [
            (&[("a", "b")][..], "x", "b"),
            (&[("a", "b")], "a a", "b"),
            (&[("a", "b")], "a", "b b"),
            (&[("a", "b")], "a", "a b"),
            (&[("a", "b")], "a b", "b"),
            (&[("a", "a")], "a", "a"),
            (&[("a", "b"), ("c", "b")], "a c", "b"),
            (&[("a", "b"), ("a", "c")], "a", "b c"),
        ] {
            assert_eq!(held(pairs, old, new), 0, "{pairs:?}");
        }
    }
}
