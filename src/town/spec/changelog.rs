//! The line of a changelog that an archived change gets, in the form of Keep a Changelog 1.1.0.
//! Lives here: the line, its place, and taking it out again; no other byte of the file changes. Never here: which file it is (see
//! `config`), whether the change may be archived (see `plan`).

use std::sync::Arc;

use super::block::number;
use super::comments::Comments;
use super::heading;
use super::js;
use super::lines::{Ending, Lines};
use super::plan_refusal::Counts;
use super::project::Project;
use super::sections::Sections;
use super::show;
use super::tree::Node;
use crate::town::text::one_line;

/// The kinds of changes, in the order in which they stand below a version.
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
const UNRELEASED: &str = "Unreleased";
const TITLE_CHARS: usize = 100;
const WHY_CHARS: usize = 240;
const NAME_CHARS: usize = 200;
/// Capabilities that an entry names.
const CAPABILITIES: usize = 10;

/// What archiving a change does to the changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The file.
    pub path: String,
    /// What it holds now.
    pub before: Arc<[u8]>,
    /// What it will hold.
    pub after: Arc<[u8]>,
    /// The line of the entry, and all that was put in with it.
    written: (String, String),
}

/// Why an entry has no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// With the file and, where there is one, the line.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

/// Plans the entry of a change. `None` where the project keeps no changelog, or where that has an entry of the change already.
///
/// # Errors
/// The file has no place for it.
pub fn plan(project: &Project<'_>, change: &str, counts: Counts) -> Result<Option<Logged>, Misfit> {
    let Some(path) = project.changelog() else { return Ok(None) };
    let misfit = |line: Option<u32>, why: String, fix: &str| {
        let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
        Misfit { message: format!("{place}: {why}"), fix: format!("{fix}, or take `changelog` out of the config.") }
    };
    let bytes = match project.tree().get(&path) {
        Some(Node::File(bytes)) => bytes,
        None => return Err(misfit(None, "the changelog is not there".to_owned(), "Write it, with `## [Unreleased]`")),
        Some(_) => {
            let why = "the changelog is no plain file that can be read".to_owned();
            return Err(misfit(None, why, "Put a file there"));
        }
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        misfit(Some(number(line)), "the changelog is not UTF-8".to_owned(), "Save it as UTF-8")
    })?;
    let entry = Entry::of(project, change, counts);
    let Some(section) = Unreleased::of(text) else {
        let lines = Lines::of(text);
        let first =
            lines.open_lines(0..lines.len()).find(|(_, line)| heading::any(line).is_some_and(|(it, _)| it == 2));
        let fix = match first {
            Some((_, line)) => format!("Write `## [Unreleased]` above `{}`", one_line(line, 80)),
            None => "Write `## [Unreleased]` below its first paragraph".to_owned(),
        };
        let why = "there is no heading `## [Unreleased]`, below which the change would be entered".to_owned();
        return Err(misfit(first.map(|(at, _)| number(at)), why, &fix));
    };
    if section.holds(&entry, change) {
        return Ok(None);
    }
    let (at, written) = section.place(&entry);
    let after = format!("{}{written}{}", &text[..at], &text[at..]);
    Ok(Some(Logged { path, before: bytes.clone(), after: after.into_bytes().into(), written: (entry.line, written) }))
}

/// What stands in the file about a change.
struct Entry {
    kind: &'static str,
    line: String,
}

impl Entry {
    fn of(project: &Project<'_>, change: &str, counts: Counts) -> Self {
        let path = format!("{}/proposal.md", project.change_path(change));
        let proposal = project.text(&path).unwrap_or_default();
        // Emphasis inside of emphasis would end it.
        let title = one_line(&show::title(&proposal, change), TITLE_CHARS).replace("**", "");
        let why = why(&proposal);
        let colon = if why.is_empty() { "" } else { ": " };
        let deltas = project.deltas(change);
        let mut names: Vec<String> = deltas.iter().take(CAPABILITIES).map(|delta| code(&delta.id)).collect();
        if deltas.len() > CAPABILITIES {
            names.push("…".to_owned());
        }
        let about = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        let kind = match (counts.added, counts.modified + counts.renamed, counts.removed) {
            (1.., 0, 0) => "Added",
            (0, 0, 1..) => "Removed",
            _ => "Changed",
        };
        Self { kind, line: format!("- **{title}**{colon}{why} ({}{about})", code(change)) }
    }
}

/// A name as code. A folder may be called anything.
fn code(name: &str) -> String {
    format!("`{}`", one_line(name, NAME_CHARS))
}

/// The first sentence of the reasons that a proposal gives.
fn why(proposal: &str) -> String {
    let lines = Lines::of(proposal);
    let sections = Sections::of(&lines);
    let Some(index) = sections.find("Why").or_else(|| sections.find("Problem")) else { return String::new() };
    let content = sections.content(index);
    let paragraph = content.split("\n\n").next().unwrap_or_default();
    let said = one_line(paragraph, WHY_CHARS);
    let end = said.match_indices(". ").map(|(at, _)| at).next();
    end.map_or(said.as_str(), |at| &said[..at]).trim_end_matches('.').to_owned()
}

/// The section of what is not released yet.
struct Unreleased<'t> {
    lines: Lines<'t>,
    /// The index of its heading.
    at: usize,
    /// The index of the line behind the section.
    end: usize,
    /// The headings of level 3 in it.
    kinds: Vec<(usize, &'t str)>,
}

impl<'t> Unreleased<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let lines = Lines::of(text);
        let comments = Comments::of(&lines);
        let headings: Vec<(usize, usize, &str)> = lines
            .open_lines(0..lines.len())
            .filter(|(at, _)| !comments.hold(number(*at)))
            .filter_map(|(at, line)| heading::any(line).map(|(level, title)| (at, level, title)))
            .collect();
        let is_it = |(_, level, title): &(usize, usize, &str)| {
            let word = title.trim_start_matches('[').split([']', ' ']).next().unwrap_or_default();
            *level == 2 && word.eq_ignore_ascii_case(UNRELEASED)
        };
        let from = headings.iter().position(is_it)?;
        let rest = &headings[from + 1..];
        let end = rest.iter().find(|(_, level, _)| *level <= 2).map_or(lines.len(), |(at, ..)| *at);
        let kinds = rest.iter().filter(|(at, level, _)| *at < end && *level == 3).map(|(at, _, title)| (*at, *title));
        let kinds = kinds.collect();
        Some(Self { at: headings[from].0, end, kinds, lines })
    }

    /// Whether a line is the entry of the change: this one, or one that ends with the change's name as this one does.
    fn holds(&self, entry: &Entry, change: &str) -> bool {
        let name = code(change);
        let is_it = |line: &str| {
            let end = js::trim_end(line).trim_end_matches('.');
            let about = end.rfind("(`").map_or("", |at| &end[at + 1..]).strip_suffix(')');
            let rest = about.and_then(|about| about.strip_prefix(&name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':')) || line == entry.line
        };
        (self.at..self.end).any(|at| is_it(self.lines.get(at)))
    }

    /// The last line with content from `from` to before `to`: what a file ends with, such as the targets of links, is none.
    fn last(&self, from: usize, to: usize) -> usize {
        let is_target = |line: &str| line.starts_with('[') && line.contains("]:");
        let is_content = |at: &usize| {
            let line = self.lines.get(*at);
            self.lines.is_fenced(*at) || !(js::is_blank(line) || is_target(line))
        };
        (from + 1..to).rev().find(is_content).unwrap_or(from)
    }

    /// How the lines of the file end.
    fn ending(&self) -> &'static str {
        let ending = [self.at, 0].map(|at| self.lines.ending(at)).into_iter().find(|ending| *ending != Ending::None);
        ending.unwrap_or(Ending::Lf).text()
    }

    /// Where an entry goes, and all that is written there.
    fn place(&self, entry: &Entry) -> (usize, String) {
        let (nl, line) = (self.ending(), &entry.line);
        let rank = |title: &str| KINDS.iter().position(|kind| kind.eq_ignore_ascii_case(title));
        let own = self.kinds.iter().position(|(_, title)| title.eq_ignore_ascii_case(entry.kind));
        if let Some(own) = own {
            let head = self.kinds[own].0;
            let last = self.last(head, self.kinds.get(own + 1).map_or(self.end, |(at, _)| *at));
            let gap = if last == head { nl } else { "" };
            return (self.lines.span(last).end, format!("{nl}{gap}{line}{}", self.gap_before(last + 1)));
        }
        let heading = format!("### {}{nl}{nl}{line}", entry.kind);
        let later = self.kinds.iter().find(|(_, title)| rank(title) > rank(entry.kind));
        if let Some((at, _)) = later {
            return (self.lines.span(*at).start, format!("{heading}{nl}{nl}"));
        }
        let last = self.last(self.at, self.end);
        (self.lines.span(last).end, format!("{nl}{nl}{heading}{}", self.gap_before(last + 1)))
    }

    /// What keeps an entry apart from a heading that follows at once.
    fn gap_before(&self, at: usize) -> &'static str {
        let follows = at < self.lines.len() && !js::is_blank(self.lines.get(at));
        if follows { self.ending() } else { "" }
    }
}

impl Logged {
    /// The file as it is `now` without the entry; `None` where that is not among what is unreleased any more, or was edited.
    #[must_use]
    pub fn taken_back(&self, now: &str) -> Option<String> {
        let (line, written) = &self.written;
        let section = Unreleased::of(now)?;
        let at = (section.at..section.end).find(|at| section.lines.get(*at) == line)?;
        let span = section.lines.span(at);
        let lead = written.find(line.as_str())?;
        // All of it goes where all of it is there and nobody has put more below its heading.
        let whole = span.start.checked_sub(lead).map(|start| start..start + written.len());
        let is_whole = |range: &std::ops::Range<usize>| now.get(range.clone()) == Some(written);
        let has_heading = written[..lead].contains("### ");
        let is_alone = || {
            let next = (at + 1..section.end).find(|at| !js::is_blank(section.lines.get(*at)));
            next.is_none_or(|at| section.last(at - 1, at + 1) < at || heading::any(section.lines.get(at)).is_some())
        };
        let range = match whole.filter(is_whole) {
            Some(range) if !has_heading || is_alone() => range,
            // The line with the end of the one before it: that is there, since a heading is.
            _ => section.lines.span(at - 1).end..span.end,
        };
        Some(format!("{}{}", &now[..range.start], &now[range.end..]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
