//! A delta: what one change does to the requirements of one capability, as its file says.
//! Lives here: reading the four sections, and whatever of the file no section takes. Never here: whether it may be done.

use std::ops::Range;

use super::block::{Block, number};
use super::heading::{self, Section};
use super::js;
use super::lines::Lines;
use super::scenario_rename::ScenarioRenames;

/// A name and the line where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The requirement's name.
    pub name: String,
    /// Counted from 1.
    pub line: u32,
}

/// A requirement that gets another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// The name that it has.
    pub from: Named,
    /// The name that it gets.
    pub to: Named,
}

/// Half of a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The name that is there.
    From,
    /// The name to come.
    To,
}

/// A requirement that stands where nothing reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The requirement.
    pub named: Named,
    /// The section that it stands in; `None` above the first one.
    pub section: Option<String>,
}

/// A heading of level 3 that is no requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its title.
    pub title: String,
    /// The section, as its first heading is written.
    pub section: String,
    /// Counted from 1.
    pub line: u32,
}

/// What one delta file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// New requirements.
    pub added: Vec<Block>,
    /// Requirements to replace.
    pub modified: Vec<Block>,
    /// Names of requirements to remove.
    pub removed: Vec<Named>,
    /// Blocks below REMOVED, with the reasons that they give.
    pub removed_blocks: Vec<Block>,
    /// Requirements to rename.
    pub renamed: Vec<Rename>,
    /// Halves of renames that found no other half, by line.
    pub unpaired: Vec<(Side, Named)>,
    /// Requirements outside of the four sections.
    pub orphans: Vec<Orphan>,
    /// Headings in ADDED and MODIFIED that were passed over, by line.
    pub skipped: Vec<Skipped>,
    /// The sections that are there, each with the line of its first heading.
    pub sections: Vec<(Section, u32)>,
    /// What our own section says; nothing where the delta is read as the reference reads it.
    pub scenarios: ScenarioRenames,
}

impl Delta {
    /// Reads a delta file. Sections that stand there twice are read one after the other.
    #[must_use]
    pub fn of(file: &Lines<'_>) -> Self {
        let mut delta = Self::default();
        let sections = sections(file);
        for wanted in Section::ALL {
            let mut written = None;
            for (title, at, body) in sections.iter().filter(|(title, ..)| Section::titled(title) == Some(wanted)) {
                let first = *written.get_or_insert(*title);
                if delta.sections.last().is_none_or(|(section, _)| *section != wanted) {
                    delta.sections.push((wanted, number(*at)));
                }
                delta.read(file, wanted, first, body.clone());
            }
        }
        delta.unpaired.sort_by_key(|(_, named)| named.line);
        delta.skipped.sort_by_key(|skipped| skipped.line);
        delta.orphans = orphans(file);
        delta
    }

    /// The same with our own section, which the reference passes over.
    #[must_use]
    pub fn extended(file: &Lines<'_>) -> Self {
        Self { scenarios: ScenarioRenames::of(file), ..Self::of(file) }
    }

    fn read(&mut self, file: &Lines<'_>, section: Section, written: &str, body: Range<usize>) {
        match section {
            Section::Added => {
                self.added.extend(blocks(file, body.clone()));
                self.skipped.extend(skipped(file, body, written));
            }
            Section::Modified => {
                self.modified.extend(blocks(file, body.clone()));
                self.skipped.extend(skipped(file, body, written));
            }
            Section::Removed => {
                self.removed_blocks.extend(blocks(file, body.clone()));
                self.removed.extend(removed(file, body));
            }
            Section::Renamed => self.rename(file, body),
        }
    }

    /// Reads pairs: a `FROM:`, then a `TO:` with no other `FROM:` between them.
    fn rename(&mut self, file: &Lines<'_>, body: Range<usize>) {
        let mut pending: Option<Named> = None;
        for (at, line) in file.open_lines(body) {
            let Some((side, written)) = rename_side(line) else { continue };
            let named = Named { name: heading::name(written).to_owned(), line: number(at) };
            match (side, pending.take()) {
                (Side::From, before) => {
                    self.unpaired.extend(before.map(|named| (Side::From, named)));
                    pending = Some(named);
                }
                (Side::To, Some(from)) => self.renamed.push(Rename { from, to: named }),
                (Side::To, None) => self.unpaired.push((Side::To, named)),
            }
        }
        self.unpaired.extend(pending.map(|named| (Side::From, named)));
    }

    /// Whether the section is there, empty or not.
    #[must_use]
    pub fn has(&self, section: Section) -> bool {
        self.sections.iter().any(|(found, _)| *found == section)
    }

    /// The names that requirements of the main spec must have for it: those that it modifies, removes or renames.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        let modified = self.modified.iter().map(|block| &block.name);
        let removed = self.removed.iter().map(|named| &named.name);
        modified.chain(removed).chain(self.renamed.iter().map(|rename| &rename.from.name)).map(String::as_str)
    }

    /// How many operations it holds.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.added.len() + self.modified.len() + self.removed.len() + self.renamed.len()
    }
}

/// Every `##` section: its title, the index of its heading, and the lines below it.
pub(super) fn sections<'t>(file: &Lines<'t>) -> Vec<(&'t str, usize, Range<usize>)> {
    let found: Vec<(&str, usize)> = file
        .open_lines(0..file.len())
        .filter_map(|(at, line)| heading::section(line).map(|title| (title, at)))
        .collect();
    let ends = found.iter().skip(1).map(|(_, at)| *at).chain([file.len()]);
    found.iter().zip(ends).map(|((title, at), end)| (*title, *at, at + 1..end)).collect()
}

/// The requirement blocks among the lines of a section.
fn blocks(file: &Lines<'_>, body: Range<usize>) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    for (at, line) in file.open_lines(body.clone()) {
        let written = heading::requirement(line);
        if (written.is_some() || heading::is_section(line))
            && let Some((start, name)) = open.take()
        {
            found.push(Block::of(file, start..at, name));
        }
        open = written.map(|written| (at, written)).or(open);
    }
    found.extend(open.map(|(start, name)| Block::of(file, start..body.end, name)));
    found
}

fn skipped(file: &Lines<'_>, body: Range<usize>, written: &str) -> Vec<Skipped> {
    let is_stray = |(at, line): (usize, &str)| {
        let title = heading::third(line).filter(|_| heading::requirement(line).is_none())?;
        Some(Skipped { title: title.to_owned(), section: written.to_owned(), line: number(at) })
    };
    file.open_lines(body).filter_map(is_stray).collect()
}

/// Names below REMOVED: headings, or items of a list that hold one.
fn removed(file: &Lines<'_>, body: Range<usize>) -> Vec<Named> {
    let named = |(at, line): (usize, &str)| {
        let written = heading::requirement(line).or_else(|| {
            let item = js::trim_start(line).strip_prefix(['-', '*', '+'])?;
            quoted(js::trim_start(item))
        })?;
        Some(Named { name: heading::name(written).to_owned(), line: number(at) })
    };
    file.open_lines(body).filter_map(named).collect()
}

fn rename_side(line: &str) -> Option<(Side, &str)> {
    let line = js::trim_start(line);
    let line = js::trim_start(line.strip_prefix(['-', '*', '+']).unwrap_or(line));
    let (side, rest) = match line.strip_prefix("FROM:") {
        Some(rest) => (Side::From, rest),
        None => (Side::To, line.strip_prefix("TO:")?),
    };
    quoted(js::trim_start(rest)).map(|written| (side, written))
}

/// What stands behind `### Requirement:`, with or without a back-tick on either side. Here the word has one spelling.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let text = text.strip_prefix('`').unwrap_or(text);
    let rest = js::trim_start(text.strip_prefix("###")?).strip_prefix("Requirement:")?;
    let core = js::trim(rest);
    if core.is_empty() {
        return js::rest(rest);
    }
    let bare = core.strip_suffix('`').filter(|bare| !bare.is_empty()).unwrap_or(core);
    (!bare.contains(js::ends_line)).then_some(bare)
}

/// Requirements that stand outside of the four sections, which nothing reads.
fn orphans(file: &Lines<'_>) -> Vec<Orphan> {
    let mut section: Option<&str> = None;
    let mut found = Vec::new();
    for (at, line) in file.open_lines(0..file.len()) {
        if let Some(title) = heading::section(line) {
            section = Some(title);
        } else if section.is_none_or(|title| Section::titled(title).is_none())
            && let Some(written) = heading::requirement(line)
        {
            let named = Named { name: heading::name(written).to_owned(), line: number(at) };
            found.push(Orphan { named, section: section.map(str::to_owned) });
        }
    }
    found
}
