//! Requirements that a free-form proposal holds in its own text, lifted into a delta that adds them.
//! Lives here: finding them, and writing them as OpenSpec wants it. Never here: inventing what the proposal does not say.

use std::collections::{BTreeSet, HashMap};

use super::block::{self, Block};
use super::heading::{self, Section};
use super::js;
use super::lines::Lines;
use super::main_spec::Requirements;

/// Words that begin a step of a scenario, in capitals.
const STEPS: [&str; 5] = ["GIVEN", "WHEN", "THEN", "AND", "BUT"];
/// Characters of a scenario's name that is made from its first step.
const NAME: usize = 60;

/// A requirement that cannot be lifted as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its name.
    pub name: String,
    /// The line of its heading in the proposal, counted from 1.
    pub line: u32,
    /// What it lacks.
    pub why: &'static str,
}

/// Lifts every requirement of a proposal that stands outside of the sections of a delta.
///
/// # Errors
/// Those that lack something; then nothing is lifted.
pub fn delta(proposal: &str) -> Result<(String, usize), Vec<Unfit>> {
    let file = Lines::of(proposal);
    let blocks = blocks(&file);
    let mut unfit = Vec::new();
    let mut seen = BTreeSet::new();
    let mut text = "## ADDED Requirements\n".to_owned();
    for block in &blocks {
        let lacks = |why| Unfit { name: block.name.clone(), line: block.line, why };
        if block.name.is_empty() {
            unfit.push(lacks("it has no name"));
        } else if !seen.insert(heading::folded(&block.name)) {
            unfit.push(lacks("another one has the same name"));
        } else if block.lines().unclosed().is_some() {
            unfit.push(lacks("a fence in it is never closed"));
        } else if let Some(lifted) = lifted(block) {
            text.push('\n');
            text.push_str(&lifted);
        } else {
            unfit.push(lacks("it has no step that begins with WHEN and THEN, so no scenario"));
        }
    }
    if unfit.is_empty() { Ok((text, blocks.len())) } else { Err(unfit) }
}

/// A block ends at the next heading that is not deeper than its own, and at the next requirement.
fn blocks(file: &Lines<'_>) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    let mut in_delta = false;
    for (at, line) in file.open_lines(0..file.len()) {
        let written = heading::requirement(line);
        let ends = written.is_some() || heading::level(line).is_some_and(|level| level <= 3);
        if let Some((start, name)) = open.take_if(|_| ends) {
            found.push(Block::of(file, start..at, name));
        }
        if let Some(title) = heading::section(line) {
            in_delta = Section::titled(title).is_some();
        }
        if let Some(written) = written.filter(|_| !in_delta) {
            open = Some((at, written));
        }
    }
    found.extend(open.map(|(start, name)| Block::of(file, start..file.len(), name)));
    found
}

/// The block as a delta has it; `None` where it holds no scenario.
fn lifted(block: &Block) -> Option<String> {
    let lines = block.lines();
    let heading = format!("### Requirement: {}", block.name);
    let scenarios = block::scenarios(&lines, 1..lines.len());
    if scenarios.iter().any(|scenario| scenario.has_body) {
        let body = block::body(&lines, 1..lines.len());
        let body = if body.is_empty() { format!("{}\n\n", sentence(&block.name)) } else { String::new() };
        return Some(format!("{heading}\n{body}{}\n", js::trim(&lines.join(1..lines.len()))));
    }
    let (body, scenarios) = steps(&lines);
    if scenarios.is_empty() {
        return None;
    }
    let body = paragraphs(&body);
    let body = if body.is_empty() { sentence(&block.name) } else { body };
    let mut text = format!("{heading}\n{body}\n");
    let mut names: HashMap<String, usize> = HashMap::new();
    for steps in scenarios {
        let name = named(&steps);
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count > 1 { format!("{name} ({count})") } else { name };
        text.push_str(&format!("\n#### Scenario: {name}\n"));
        for (word, said) in steps {
            text.push_str(js::trim_end(&format!("- **{word}** {said}")));
            text.push('\n');
        }
    }
    Some(text)
}

/// Lines with at most one empty one between them, where steps were taken out.
fn paragraphs(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        if !(js::is_blank(line) && (text.is_empty() || text.ends_with("\n\n"))) {
            text.push_str(line);
            text.push('\n');
        }
    }
    js::trim(&text).to_owned()
}

/// A requirement without a text has its name for one.
fn sentence(name: &str) -> String {
    if name.ends_with(['.', '!', '?']) { name.to_owned() } else { format!("{name}.") }
}

type Step = (&'static str, String);

/// The lines that are no steps, and the steps, cut where one scenario ends: at a GIVEN or WHEN after a THEN.
fn steps<'t>(lines: &Lines<'t>) -> (Vec<&'t str>, Vec<Vec<Step>>) {
    let (mut body, mut scenarios): (Vec<&str>, Vec<Vec<Step>>) = (Vec::new(), Vec::new());
    for at in 1..lines.len() {
        let line = lines.get(at);
        let step = if lines.is_fenced(at) { None } else { step(line) };
        let Some((word, said)) = step else {
            body.push(line);
            continue;
        };
        let is_over = |steps: &Vec<Step>| steps.iter().any(|(word, _)| *word == "THEN");
        let begins = matches!(word, "GIVEN" | "WHEN");
        match scenarios.last_mut() {
            Some(steps) if !(begins && is_over(steps)) => steps.push((word, said)),
            _ => scenarios.push(vec![(word, said)]),
        }
    }
    scenarios.retain(|steps| ["WHEN", "THEN"].iter().all(|wanted| steps.iter().any(|(word, _)| word == wanted)));
    (body, scenarios)
}

/// A step: one of the words in capitals behind an optional marker of a list, bold or not.
fn step(line: &str) -> Option<Step> {
    let line = js::trim(line);
    let line = js::trim_start(
        line.strip_prefix(['-', '*', '+']).filter(|rest| rest.starts_with(js::is_space)).unwrap_or(line),
    );
    let (line, is_bold) = line.strip_prefix("**").map_or((line, false), |line| (line, true));
    let word = STEPS.into_iter().find(|word| line.starts_with(word))?;
    let rest = &line[word.len()..];
    let rest = if is_bold { rest.strip_prefix("**").or_else(|| rest.strip_prefix(":**"))? } else { rest };
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    (rest.is_empty() || rest.starts_with(js::is_space)).then(|| (word, js::trim(rest).to_owned()))
}

/// A name for a scenario: what its first WHEN says, at most so long.
fn named(steps: &[Step]) -> String {
    let said = steps.iter().find(|(word, _)| *word == "WHEN").map_or("", |(_, said)| said.as_str());
    let mut name = String::new();
    for word in said.split(js::is_space).filter(|word| !word.is_empty()) {
        if !name.is_empty() && name.chars().count() + word.chars().count() >= NAME {
            break;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.extend(word.chars().take(NAME));
    }
    let name = name.trim_end_matches(['.', ',', ';', ':', '#', ' ']).to_owned();
    if name.is_empty() { "as required".to_owned() } else { name }
}

/// A capability's name made of a change's: lower-case letters, digits, single hyphens.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Names of the lifted requirements that a main spec has already: those cannot be added.
#[must_use]
pub fn taken(delta: &str, main: &str) -> Vec<String> {
    let added = super::delta::Delta::of(&Lines::of(delta)).added;
    let main = Requirements::of(&Lines::of(main)).blocks;
    let known: BTreeSet<String> = main.iter().map(|block| heading::folded(&block.name)).collect();
    added.into_iter().map(|block| block.name).filter(|name| known.contains(&heading::folded(name))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requirements_of_a_proposal_become_a_delta() {
        let proposal = "# Proposal\n\n## Requirements\n\n### Requirement: Login\nThe system SHALL let users in.\n\n- WHEN the password is right\n- THEN the user is in\n- AND sees home\n- **WHEN** it is wrong,\n- **THEN:** nothing\n\nA note.\n\n### Requirement: Users MUST log out\n* WHEN:\n* THEN they are out\n\n### Other\n```\n### Requirement: no\n```\n## Risks\n### Requirement: Kept\nIt SHALL stay.\n#### Scenario: own\n- it stays\n\n## ADDED Requirements\n### Requirement: Not mine\n";
        let (text, count) = delta(proposal).unwrap();
        assert_eq!(count, 3);
        assert_eq!(
            text,
            "## ADDED Requirements\n\n### Requirement: Login\nThe system SHALL let users in.\n\nA note.\n\n#### Scenario: the password is right\n- **WHEN** the password is right\n- **THEN** the user is in\n- **AND** sees home\n\n#### Scenario: it is wrong\n- **WHEN** it is wrong,\n- **THEN** nothing\n\n### Requirement: Users MUST log out\nUsers MUST log out.\n\n#### Scenario: as required\n- **WHEN**\n- **THEN** they are out\n\n### Requirement: Kept\nIt SHALL stay.\n#### Scenario: own\n- it stays\n"
        );
    }

    #[test]
    fn what_lacks_something_is_named_with_its_line() {
        let proposal = "### Requirement: A\nIt SHALL.\n### Requirement: B\n- WHEN x\n- THEN y\n### Requirement: b\n- WHEN x\n- THEN y\n";
        let unfit = delta(proposal).unwrap_err();
        assert_eq!(unfit.iter().map(|unfit| unfit.line).collect::<Vec<_>>(), [1, 6]);
        assert_eq!(delta("nothing").unwrap(), ("## ADDED Requirements\n".to_owned(), 0));
    }

    #[test]
    fn a_capability_is_named_after_its_change() {
        for (name, wanted) in [("Add Login!", "add-login"), ("add-login", "add-login"), ("--é--", ""), ("a__b", "a-b")]
        {
            assert_eq!(slug(name), wanted);
        }
        let main = "## Requirements\n### Requirement: A  b\n";
        assert_eq!(taken("## ADDED Requirements\n### Requirement: a B\nx\n### Requirement: C\n", main), ["a B"]);
    }
}
