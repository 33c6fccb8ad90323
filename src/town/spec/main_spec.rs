//! The section `## Requirements` of a main spec, cut into what stays as it is and the blocks that a change works on.
//! Lives here: the cut and nothing else. Never here: the rules of a main spec (see `rules`), the merge (see `plan`).

use super::block::Block;
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
