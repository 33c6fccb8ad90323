//! The section `## Requirements` of a main spec, cut into what stays as it is and the blocks that a change works on.
//! Lives here: the cut, and what makes it impossible. Never here: the rules of a main spec (see `rules`), the merge (see `plan`).

use std::collections::HashMap;

use super::block::{Block, number};
use super::heading;
use super::js;
use super::lines::Lines;

/// A main spec around its section of requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Everything before the section's heading, with line feeds; where the section is absent, the whole text as it is written.
    pub before: String,
    /// The heading as it is written.
    pub heading: String,
    /// Lines between the heading and the first requirement, without the blanks at the end.
    pub preamble: String,
    /// The requirements in their order.
    pub blocks: Vec<Block>,
    /// Everything from the next section on.
    pub after: String,
    /// Whether the section is there at all.
    pub is_present: bool,
}

impl Requirements {
    /// Cuts a main spec at its first `## Requirements`. Where there is none, an empty one follows all that is there.
    #[must_use]
    pub fn of(file: &Lines<'_>) -> Self {
        let Some((start, _)) = file.open_lines(0..file.len()).find(|(_, line)| heading::is_requirements(line)) else {
            return Self::absent(file);
        };
        let end = file.open_lines(start + 1..file.len()).find(|(_, line)| heading::is_section(line));
        let end = end.map_or(file.len(), |(at, _)| at);
        let starts: Vec<(usize, &str)> = file
            .open_lines(start + 1..end)
            .filter_map(|(at, line)| heading::requirement(line).map(|written| (at, written)))
            .collect();
        let first = starts.first().map_or(end, |(at, _)| *at);
        let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([end]);
        let blocks = starts.iter().zip(ends).map(|((at, written), end)| Block::of(file, *at..end, written)).collect();
        Self {
            before: file.join(0..start),
            heading: file.get(start).to_owned(),
            preamble: js::trim_end(&file.join(start + 1..first)).to_owned(),
            blocks,
            after: file.join(end..file.len()),
            is_present: true,
        }
    }

    /// The reference passes a text without the section on as it is, whatever its line endings are.
    fn absent(file: &Lines<'_>) -> Self {
        Self {
            before: file.print(),
            heading: "## Requirements".to_owned(),
            preamble: String::new(),
            blocks: Vec::new(),
            after: String::new(),
            is_present: false,
        }
    }
}

/// What is wrong with the order of a main spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The heading of a delta's section: it cuts the requirements short.
    DeltaHeading,
    /// A requirement where no reader looks for one.
    OutsideRequirements,
    /// A requirement whose name stands on another line already.
    Repeated(u32),
}

/// A flaw, the line where it stands, and that line without blanks around.
pub type Flawed<'t> = (Flaw, u32, &'t str);

/// Whatever keeps a main spec from being updated, by line.
#[must_use]
pub fn flaws<'t>(file: &Lines<'t>) -> Vec<Flawed<'t>> {
    // A byte order mark is part of the first line here, which then is no heading.
    let first = usize::from(file.has_bom());
    let start = file.open_lines(first..file.len()).find(|(_, line)| heading::is_requirements(line)).map(|(at, _)| at);
    let section = start.map(|start| {
        let end = file.open_lines(start + 1..file.len()).find(|(_, line)| heading::is_section(line));
        start + 1..end.map_or(file.len(), |(at, _)| at)
    });
    let mut names: HashMap<&str, u32> = HashMap::new();
    let mut found = Vec::new();
    for (at, line) in file.open_lines(first..file.len()) {
        let mut push = |flaw: Flaw| found.push((flaw, number(at), js::trim(line)));
        if is_delta_heading(line) {
            push(Flaw::DeltaHeading);
        } else if let Some(written) = heading::spaced_requirement(line) {
            let name = heading::name(written);
            if !section.as_ref().is_some_and(|section| section.contains(&at)) {
                push(Flaw::OutsideRequirements);
            } else if let Some(line) = names.get(name) {
                push(Flaw::Repeated(*line));
            } else {
                names.insert(name, number(at));
            }
        }
    }
    found
}

/// As a main spec's reader recognises it, which forgives more blanks than a delta's.
fn is_delta_heading(line: &str) -> bool {
    let Some(title) = line.strip_prefix("##").filter(|rest| rest.starts_with(js::is_space)).map(js::trim) else {
        return false;
    };
    heading::Section::ALL.into_iter().any(|section| {
        js::strip_word(title, section.word())
            .is_some_and(|rest| rest.starts_with(js::is_space) && js::trim(rest).eq_ignore_ascii_case("Requirements"))
    })
}

/// What stands below the first heading with this title, at whatever level, up to the next one that is not deeper.
#[must_use]
pub fn content(file: &Lines<'_>, title: &str) -> Option<String> {
    let (start, level) = file.open_lines(0..file.len()).find_map(|(at, line)| {
        heading::any(line).filter(|(_, found)| found.eq_ignore_ascii_case(title)).map(|(level, _)| (at, level))
    })?;
    let ends = |line: &str| heading::level(line).is_some_and(|other| other <= level);
    let end = file.open_lines(start + 1..file.len()).find(|(_, line)| ends(line));
    let end = end.map_or(file.len(), |(at, _)| at);
    Some(js::trim(&file.join(start + 1..end)).to_owned())
}
