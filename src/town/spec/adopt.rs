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
/// Bytes of a folder of a capability, and folders in folders, at the most.
const PART: usize = 100;
const PARTS: usize = 8;
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
        for step in steps {
            text.push_str(js::trim_end(&format!("- **{}** {}", step.word, step.said)));
            text.push('\n');
            for line in &step.more {
                let line = dedented(line, step.indent);
                text.push_str(&if js::is_blank(line) { "\n".to_owned() } else { format!("  {line}\n") });
            }
        }
    }
    Some(text)
}

/// The line without so many of the blanks before it.
fn dedented(line: &str, most: usize) -> &str {
    let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
    &line[blanks.min(most)..]
}

/// Lines with at most one empty one between them, where steps were taken out. In a fence each line stays.
fn paragraphs(lines: &[(&str, bool)]) -> String {
    let mut text = String::new();
    for (line, is_fenced) in lines {
        if *is_fenced || !(js::is_blank(line) && (text.is_empty() || text.ends_with("\n\n"))) {
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

/// A step as it stands in the proposal.
struct Step<'t> {
    word: &'static str,
    said: String,
    /// The lines after the first one.
    more: Vec<&'t str>,
    /// Where the text of its item begins in its first line.
    indent: usize,
    /// Its first line, and how many there are.
    lines: std::ops::Range<usize>,
}

/// The lines that are no steps, each with whether it stands in a fence, and the steps, cut where one scenario ends: at a GIVEN or
/// WHEN after a THEN. Steps without a WHEN or a THEN are no scenario and stay where they are.
fn steps<'t>(lines: &Lines<'t>) -> (Vec<(&'t str, bool)>, Vec<Vec<Step<'t>>>) {
    let mut scenarios: Vec<Vec<Step<'t>>> = Vec::new();
    let mut at = 1;
    while at < lines.len() {
        let step = if lines.is_fenced(at) { None } else { step(lines.get(at)) };
        let Some((word, said, indent)) = step else {
            at += 1;
            continue;
        };
        let end = end_of_step(lines, at + 1);
        let more = (at + 1..end).map(|at| lines.get(at)).collect();
        let step = Step { word, said, more, indent, lines: at..end };
        let is_over = |steps: &Vec<Step<'t>>| steps.iter().any(|step| step.word == "THEN");
        let begins = matches!(word, "GIVEN" | "WHEN");
        match scenarios.last_mut() {
            Some(steps) if !(begins && is_over(steps)) => steps.push(step),
            _ => scenarios.push(vec![step]),
        }
        at = end;
    }
    scenarios.retain(|steps| ["WHEN", "THEN"].iter().all(|wanted| steps.iter().any(|step| step.word == *wanted)));
    let taken: BTreeSet<usize> = scenarios.iter().flatten().flat_map(|step| step.lines.clone()).collect();
    let left = (1..lines.len()).filter(|at| !taken.contains(at));
    (left.map(|at| (lines.get(at), lines.is_fenced(at))).collect(), scenarios)
}

/// Where the item of a step ends: its text goes on in lines that are indented, also behind an empty one, and in lines that follow
/// at once and begin nothing new.
fn end_of_step(lines: &Lines<'_>, from: usize) -> usize {
    let mut end = from;
    for at in from..lines.len() {
        let line = lines.get(at);
        if js::is_blank(line) && !lines.is_fenced(at) {
            continue;
        }
        let is_next = end == at;
        let goes_on_in_fence = is_next && at > from && lines.is_fenced(at) && lines.is_fenced(at - 1);
        let is_indented = line.starts_with([' ', '\t']) && (lines.is_fenced(at) || step(line).is_none());
        let begins = lines.is_fenced(at)
            || step(line).is_some()
            || heading::level(line).is_some()
            || item(line).is_some()
            || line.starts_with(['|', '>', '<']);
        if !(goes_on_in_fence || is_indented || is_next && !begins) {
            break;
        }
        end = at + 1;
    }
    end
}

/// What follows the marker of a list, with a number or without one.
fn item(line: &str) -> Option<&str> {
    let line = js::trim_start(line);
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = match digits {
        0 => line.strip_prefix(['-', '*', '+'])?,
        1..=9 => line[digits..].strip_prefix(['.', ')'])?,
        _ => return None,
    };
    rest.starts_with(js::is_space).then(|| js::trim_start(rest))
}

/// A step: one of the words in capitals behind an optional marker of a list, bold or not. What it says, and where its text begins.
fn step(line: &str) -> Option<(&'static str, String, usize)> {
    let inner = item(line).unwrap_or_else(|| js::trim_start(line));
    let indent = line.len() - inner.len();
    let (bare, is_bold) = inner.strip_prefix("**").map_or((inner, false), |inner| (inner, true));
    let word = STEPS.into_iter().find(|word| bare.starts_with(word))?;
    let rest = &bare[word.len()..];
    let rest = if is_bold { rest.strip_prefix("**").or_else(|| rest.strip_prefix(":**"))? } else { rest };
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    (rest.is_empty() || rest.starts_with(js::is_space)).then(|| (word, js::trim(rest).to_owned(), indent))
}

/// A name for a scenario: what its first WHEN says, at most so long.
fn named(steps: &[Step<'_>]) -> String {
    let said = steps.iter().find(|step| step.word == "WHEN").map_or("", |step| step.said.as_str());
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

/// A capability's name made of a change's: letters in lower case, digits, single hyphens.
#[must_use]
pub fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Whether the folders of a capability can be called so on every system.
#[must_use]
pub fn is_capability(id: &str) -> bool {
    let is_fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_part = |part: &str| {
        !part.is_empty()
            && part.len() <= PART
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && part.chars().all(is_fine)
    };
    id.split('/').count() <= PARTS && id.split('/').all(is_part)
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
    fn nothing_of_a_requirement_is_lost() {
        let proposal = "### Requirement: A\nIt SHALL\n```\nx\n\n\ny\n```\n\n1. WHEN the word\n   is right,\n   - and long\n\n   and said twice\n2) THEN they are in:\n   ```\nWHEN no step\n   ```\n\nWHEN nothing follows\nfor long\n| a | b |\n- WHEN they go\nat night\n\t- THEN it is dark\n\nEnd.\n";
        let (text, _) = delta(proposal).unwrap();
        let wanted = "## ADDED Requirements\n\n### Requirement: A\nIt SHALL\n```\nx\n\n\ny\n```\n\n| a | b |\n\nEnd.\n\n#### Scenario: the word\n- **WHEN** the word\n  is right,\n  - and long\n\n  and said twice\n- **THEN** they are in:\n  ```\n  WHEN no step\n  ```\n\n#### Scenario: nothing follows\n- **WHEN** nothing follows\n  for long\n- **WHEN** they go\n  at night\n- **THEN** it is dark\n";
        assert_eq!(text, wanted);
        // Steps that make no scenario stay in the text.
        let (text, _) = delta("### Requirement: A\n- GIVEN x\n- WHEN a\n- THEN b\n- WHEN alone\n").unwrap();
        assert!(text.contains("### Requirement: A\n- WHEN alone\n\n#### Scenario: a\n- **GIVEN** x\n"), "{text}");
    }

    #[test]
    fn a_capability_is_a_folder_everywhere() {
        for (id, wanted) in [
            ("a", true),
            ("auth/log-in", true),
            ("größe_2.x", true),
            ("", false),
            ("a//b", false),
            ("a/../b", false),
            (".a", false),
            ("a.", false),
            ("a b", false),
            ("a:b", false),
            ("-a", false),
            ("a\nb", false),
            (&"a".repeat(101), false),
        ] {
            assert_eq!(is_capability(id), wanted, "{id:?}");
        }
    }

    #[test]
    fn a_capability_is_named_after_its_change() {
        for (name, wanted) in
            [("Add Login!", "add-login"), ("add-login", "add-login"), ("--É--", "é"), ("a__b", "a-b"), ("-!-", "")]
        {
            assert_eq!(slug(name), wanted);
        }
        let main = "## Requirements\n### Requirement: A  b\n";
        assert_eq!(taken("## ADDED Requirements\n### Requirement: a B\nx\n### Requirement: C\n", main), ["a B"]);
    }
}
