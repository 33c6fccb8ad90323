//! The rules of one delta.
//! Lives here: what the reference checks in one file, in its order. Never here: what it overlooks (see `careful`), nor what a
//! change is as a whole (see `change`).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::super::block::{self, Block, ScenarioDiff};
use super::super::delta::{Delta, Named, Side};
use super::super::heading::{self, Section};
use super::super::lines::Lines;
use super::super::main_spec::Requirements;
use super::super::rules;
use super::findings::{Findings, Place};
use super::text;
use super::words::Words;

const TEXTS: text::Rules = text::Rules {
    absent: &rules::DELTA_NO_TEXT,
    in_header: &rules::DELTA_HEADER_SHALL,
    not_normative: &rules::DELTA_NO_SHALL,
};

/// The spec that a delta is about, as far as it is there.
#[derive(Clone, Debug)]
pub(super) enum Main<'t> {
    /// There is none.
    Absent,
    /// Its text.
    Text(Cow<'t, str>),
    /// It is there and cannot be read.
    Unreadable,
}

/// Checks what a delta says by itself, but for what its sections say against each other.
pub(super) fn check(findings: &mut Findings, place: &Place, delta: &Delta, words: &Words) {
    strays(findings, place, delta);
    blocks(findings, place, Section::Added, &delta.added, words);
    blocks(findings, place, Section::Modified, &delta.modified, words);
}

/// What the reader passed over.
fn strays(findings: &mut Findings, place: &Place, delta: &Delta) {
    for skipped in &delta.skipped {
        let place = place.line(skipped.line);
        let (title, section) = (&skipped.title, &skipped.section);
        let is_nameless = title.eq_ignore_ascii_case("requirement") || title.eq_ignore_ascii_case("requirement:");
        if is_nameless {
            findings.add(
                &rules::DELTA_NAMELESS,
                place,
                format!("`### {title}` in {section} has no name and is passed over"),
                "write `### Requirement: <name>`",
            );
        } else {
            findings.add(
                &rules::DELTA_SKIPPED,
                place,
                format!("`### {title}` in {section} is no requirement and is passed over"),
                &format!("write `### Requirement: {title}` if it is meant as one"),
            );
        }
    }
    for (side, Named { name, line }) in &delta.unpaired {
        let (there, other) = match side {
            Side::From => ("FROM", "TO"),
            Side::To => ("TO", "FROM"),
        };
        findings.add(
            &rules::DELTA_UNPAIRED,
            place.line(*line),
            format!("{there}: \"{name}\" has no {other}: in its section"),
            "write each rename as a FROM: line with its TO: line right below it",
        );
    }
    for orphan in &delta.orphans {
        let name = &orphan.named.name;
        let place_of = match &orphan.section {
            Some(section) => format!("below `## {section}`"),
            None => "above the first section".to_owned(),
        };
        findings.add(
            &rules::DELTA_ORPHAN,
            place.line(orphan.named.line),
            format!("\"{name}\" stands {place_of}, where nothing reads it"),
            "move it below `## ADDED Requirements` or another section of a delta",
        );
    }
}

/// The requirements that a section adds or replaces.
fn blocks(findings: &mut Findings, place: &Place, section: Section, blocks: &[Block], words: &Words) {
    let mut first: HashMap<&str, u32> = HashMap::new();
    for block in blocks {
        let name = &block.name;
        if let Some(before) = first.get(key(name)) {
            findings.add(
                &rules::DELTA_DUPLICATE,
                place.line(block.line),
                format!("{} names \"{name}\" again: it stands on line {before} already", section.word()),
                "merge the two, or give one of them another name",
            );
        } else {
            first.insert(key(name), block.line);
        }
        let lines = block.lines();
        text::check(findings, place, block, &lines, words, TEXTS);
        let scenarios = block::scenarios(&lines, 1..lines.len());
        if !scenarios.iter().any(|scenario| scenario.has_body) {
            let hint = if scenarios.is_empty() { "" } else { " with steps" };
            findings.add(
                &rules::DELTA_NO_SCENARIO,
                place.line(block.line),
                format!("\"{name}\" in {} has no scenario{hint}", section.word()),
                "write `#### Scenario: <name>` below it, with `- **WHEN** …` and `- **THEN** …`",
            );
        }
    }
}

/// Checks a delta against the spec that it modifies: scenarios that would be lost, since a modified requirement replaces the
/// whole block.
pub(super) fn against(findings: &mut Findings, place: &Place, delta: &Delta, main: &Main<'_>) {
    let text = match main {
        Main::Absent => return,
        Main::Text(text) => text,
        Main::Unreadable => {
            findings.add(
                &rules::DELTA_MAIN_UNREADABLE,
                place.clone(),
                "the spec that it modifies is there and cannot be read".to_owned(),
                "make the main spec a file that can be read: archiving needs it too",
            );
            return;
        }
    };
    let section = Requirements::of(&Lines::of(text));
    let current: HashMap<&str, &Block> = section.blocks.iter().map(|block| (key(&block.name), block)).collect();
    let was: HashMap<&str, &str> =
        delta.renamed.iter().map(|rename| (key(&rename.to.name), key(&rename.from.name))).collect();
    let gone: HashSet<&str> = delta.renamed.iter().map(|rename| key(&rename.from.name)).collect();
    for block in delta.modified.iter().filter(|block| !gone.contains(key(&block.name))) {
        let Some(before) = before(key(&block.name), &current, &was) else { continue };
        let diff = ScenarioDiff::between(before, block, &delta.scenarios.of_requirement(&block.name));
        if diff.missing.is_empty() {
            continue;
        }
        let missing: Vec<String> = diff.missing.iter().map(|name| format!("\"{name}\"")).collect();
        findings.add(
            &rules::DELTA_SCENARIO_LOSS,
            place.line(block.line),
            format!(
                "\"{}\" would lose {} of its {} scenarios: {}",
                block.name,
                missing.len(),
                diff.before,
                missing.join(", ")
            ),
            "copy them from the main spec: a modified requirement replaces the whole block",
        );
    }
}

/// The block that bears a name once the renames are done. Renames may follow each other.
fn before<'b>(name: &str, current: &HashMap<&str, &'b Block>, was: &HashMap<&str, &str>) -> Option<&'b Block> {
    let mut name = name;
    // A longer way than there are renames goes in a circle.
    for _ in 0..=was.len() {
        if let Some(block) = current.get(name) {
            return Some(block);
        }
        name = was.get(name)?;
    }
    None
}

/// A name as the reference's checks compare it: they take a closing run of number signs off twice, the second time off what is
/// left of the first.
pub(super) fn key(name: &str) -> &str {
    heading::name(name)
}

/// The names of a section, folded, each with the spelling that comes first.
pub(super) fn folded<'n>(names: impl Iterator<Item = &'n str>) -> HashMap<String, &'n str> {
    let mut folded = HashMap::new();
    for name in names {
        folded.entry(heading::folded(name)).or_insert(name);
    }
    folded
}
