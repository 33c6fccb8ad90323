//! What the reference overlooks in a delta: rules that only the profiles beyond its own ask.
//! Lives here: those of one delta. Never here: lines that only look like operations (see `unread`).

use std::collections::{HashMap, HashSet};

use super::super::block::{Block, number};
use super::super::comments::Comments;
use super::super::delta::Delta;
use super::super::heading;
use super::super::js;
use super::super::lines::Lines;
use super::super::main_spec::Requirements;
use super::super::rules;
use super::super::scenario_rename::{self, Pair, ScenarioRename};
use super::careful::{bare, commented, commented_words, fence, unspaced};
use super::findings::{Findings, Place};
use super::unread;
use super::words::Words;

/// Checks one delta. `main` is the text of the spec that it is about.
pub(super) fn check(
    findings: &mut Findings,
    place: &Place,
    text: &str,
    delta: &Delta,
    main: Option<&str>,
    words: &Words,
) {
    let lines = Lines::of(text);
    let section = main.map(|text| Requirements::of(&Lines::of(text)));
    let blocks = section.as_ref().map_or(&[][..], |section| &section.blocks);
    fence(findings, &rules::DELTA_OPEN_FENCE, place, &lines);
    unread::check(findings, place, &lines, delta, blocks);
    comments(findings, place, &lines, delta, words);
    unspaced(findings, &rules::DELTA_UNSPACED, place, &lines);
    deep_scenarios(findings, place, &lines);
    titles(findings, place, delta);
    near(findings, place, delta, blocks);
    renamed_scenarios(findings, place, delta, blocks);
}

/// Renames of scenarios that rename nothing.
fn renamed_scenarios(findings: &mut Findings, place: &Place, delta: &Delta, blocks: &[Block]) {
    let mut found: Vec<(u32, String, &str)> = Vec::new();
    let mut wrong = |line: u32, why: String, fix: &'static str| found.push((line, why, fix));
    for line in &delta.scenarios.strays {
        wrong(
            *line,
            "the line is no part of a rename, and renames nothing".to_owned(),
            "write `- IN: `### Requirement: <name>``, `- FROM: `#### Scenario: <old name>`` and `- TO: `#### Scenario: <new name>``",
        );
    }
    let was: HashMap<&str, &str> =
        delta.renamed.iter().map(|rename| (rename.to.name.as_str(), rename.from.name.as_str())).collect();
    for (name, renames) in delta.scenarios.by_requirement() {
        let Some(new) = delta.modified.iter().find(|block| block.name == name) else {
            let why = format!("\"{name}\" is not modified, so none of its scenarios gets another name");
            let line = renames.first().map_or(0, |rename| rename.requirement.line);
            wrong(line, why, "put the requirement under MODIFIED, with the scenario under its new name");
            continue;
        };
        let old = was.get(name).copied().unwrap_or(name);
        let Some(old) = blocks.iter().find(|block| block.name == old || block.name == name) else { continue };
        let (old, new) = (scenario_rename::names(old), scenario_rename::names(new));
        let holding: HashSet<Pair<'_>> =
            scenario_rename::holding(&delta.scenarios.of_requirement(name), &old, &new).into_iter().collect();
        let (old, new) = [&old, &new].map(|names| names.iter().map(String::as_str).collect::<HashSet<_>>()).into();
        for ScenarioRename { from, to, .. } in renames.iter().filter(|rename| !holding.contains(&rename.pair())) {
            let is_done = !old.contains(&*from.name) && old.contains(&*to.name) && new.contains(&*to.name);
            if !is_done {
                let why = format!("\"{}\" of \"{name}\" does not become \"{}\"", from.name, to.name);
                let fix = "name once a scenario that the spec has once and the new text has not, and one that only the new text has";
                wrong(from.line, why, fix);
            }
        }
    }
    found.sort_by_key(|(line, ..)| *line);
    for (line, why, fix) in found {
        findings.add(&rules::DELTA_SCENARIO_RENAME, place.line(line), why, fix);
    }
}

fn comments(findings: &mut Findings, place: &Place, lines: &Lines<'_>, delta: &Delta, words: &Words) {
    let comments = Comments::of(lines);
    let blocks = || delta.added.iter().chain(&delta.modified);
    let renames = delta.renamed.iter().map(|rename| (&rename.from.name, rename.from.line));
    let removals = delta.removed.iter().map(|named| (&named.name, named.line));
    for (name, line) in blocks().map(|block| (&block.name, block.line)).chain(removals).chain(renames) {
        commented(findings, &rules::DELTA_COMMENTED, place, &comments, line, name);
    }
    for block in blocks() {
        commented_words(findings, &rules::DELTA_COMMENTED_SHALL, place, block, words);
    }
}

/// Headings that call themselves scenarios and are none.
fn deep_scenarios(findings: &mut Findings, place: &Place, lines: &Lines<'_>) {
    for (at, line) in lines.open_lines(0..lines.len()) {
        let title = line.trim_start_matches('#');
        let is_named = line.len() > title.len() && js::strip_word(js::trim_start(title), "Scenario:").is_some();
        if is_named && !heading::is_scenario(line) {
            findings.add(
                &rules::DELTA_DEEP_SCENARIO,
                place.line(number(at)),
                format!("`{}` is no scenario: that is a heading of level 4", js::trim(line)),
                &format!("write `#### {}`", js::trim(title)),
            );
        }
    }
}

/// Headings of level 1 in a block: to the checks of the merged spec all that follows belongs to them.
fn titles(findings: &mut Findings, place: &Place, delta: &Delta) {
    for block in delta.added.iter().chain(&delta.modified) {
        let lines = block.lines();
        let titles = lines.open_lines(1..lines.len()).filter(|(_, line)| heading::level(line) == Some(1));
        for (at, line) in titles {
            findings.add(
                &rules::DELTA_TITLE,
                place.line(block.line.saturating_add(number(at)) - 1),
                format!("`{}` in \"{}\" would hide what follows it from the checks", js::trim(line), block.name),
                "make it no heading, or one of level 5",
            );
        }
    }
}

/// New names that look like others and are made of other characters. What differs in case and blanks is refused anyway.
fn near(findings: &mut Findings, place: &Place, delta: &Delta, blocks: &[Block]) {
    let mut names: HashMap<String, &str> = HashMap::new();
    for name in blocks.iter().map(|block| block.name.as_str()) {
        names.entry(bare(name)).or_insert(name);
    }
    let added = delta.added.iter().map(|block| (block.name.as_str(), block.line));
    for (name, line) in added.chain(delta.renamed.iter().map(|rename| (rename.to.name.as_str(), rename.to.line))) {
        let before = *names.entry(bare(name)).or_insert(name);
        if heading::folded(before) != heading::folded(name) {
            findings.add(
                &rules::DELTA_NEAR,
                place.line(line),
                format!("\"{name}\" looks like \"{before}\", and its letters are made of other characters"),
                "write both the same way, or give one of them another name",
            );
        }
    }
}
