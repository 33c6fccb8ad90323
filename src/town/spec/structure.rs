//! What is wrong with the sections of a main spec, so that a merge would lose something.
//! Lives here: the three findings and their lines. Archiving refuses a spec that has one. Never here: how they are worded.

use std::collections::HashMap;

use super::block::number;
use super::heading::{self, Section};
use super::js;
use super::lines::Lines;

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A heading of a delta.
    DeltaHeader,
    /// A requirement outside of the first `## Requirements`.
    Outside,
    /// A requirement whose name stands at that line already.
    Duplicate(u32),
}

/// A fault, its line and the heading as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structural<'t> {
    /// Which it is.
    pub fault: Fault,
    /// Counted from 1.
    pub line: u32,
    /// The heading, trimmed.
    pub header: &'t str,
}

/// All faults, by line. A byte order mark hides the first line here.
#[must_use]
pub fn faults<'t>(file: &Lines<'t>) -> Vec<Structural<'t>> {
    let first = usize::from(file.has_bom());
    let start = file.open_lines(first..file.len()).find(|(_, line)| heading::is_requirements(line)).map(|(at, _)| at);
    let is_section = |(_, line): &(usize, &str)| heading::is_section(line);
    let inside = start.map(|start| {
        let end = file.open_lines(start + 1..file.len()).find(is_section);
        start + 1..end.map_or(file.len(), |(at, _)| at)
    });
    let mut lines: HashMap<&str, u32> = HashMap::new();
    let mut found = Vec::new();
    for (at, line) in file.open_lines(first..file.len()) {
        let line_number = number(at);
        let mut add = |fault| found.push(Structural { fault, line: line_number, header: js::trim(line) });
        if delta_header(line).is_some() {
            add(Fault::DeltaHeader);
        } else if let Some(written) = heading::spaced_requirement(line) {
            if !inside.as_ref().is_some_and(|inside| inside.contains(&at)) {
                add(Fault::Outside);
            } else if let Some(before) = lines.get(heading::name(written)) {
                add(Fault::Duplicate(*before));
            } else {
                lines.insert(heading::name(written), line_number);
            }
        }
    }
    found
}

/// The heading of a delta, with any number of blanks between its words.
fn delta_header(line: &str) -> Option<Section> {
    let title = js::trim(line.strip_prefix("##").filter(|rest| rest.starts_with(js::is_space))?);
    Section::ALL.into_iter().find(|section| {
        js::strip_word(title, section.word())
            .is_some_and(|rest| rest.starts_with(js::is_space) && js::trim(rest).eq_ignore_ascii_case("Requirements"))
    })
}
