//! A main spec as the reference's checks read it: a tree of headings in which a section is found by its title at any level.
//! Lives here: that reading. Never here: the merge's own reading (see `main_spec`), which differs; that is what some rules find.

use super::block;
use super::heading;
use super::js;
use super::lines::Lines;

/// A heading with all below it.
#[derive(Clone, Debug)]
pub struct Section<'t> {
    /// How many number signs it has.
    pub level: usize,
    /// Its title, trimmed.
    pub title: &'t str,
    /// The index of its line.
    pub at: usize,
    /// The index of the line where its content ends.
    pub end: usize,
    parent: Option<usize>,
}

/// All headings of a file, in its order.
#[derive(Clone, Debug)]
pub struct Sections<'f, 't> {
    file: &'f Lines<'t>,
    found: Vec<Section<'t>>,
}

impl<'f, 't> Sections<'f, 't> {
    /// Reads a file. A heading without a title ends what is open, and is no section itself.
    #[must_use]
    pub fn of(file: &'f Lines<'t>) -> Self {
        let mut found: Vec<Section<'t>> = Vec::new();
        let mut parents: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (at, line) in file.open_lines(0..file.len()) {
            let Some(level) = heading::level(line) else { continue };
            while let Some(last) = open.pop_if(|last| found[*last].level >= level) {
                found[last].end = at;
            }
            let Some((_, title)) = heading::any(line) else { continue };
            while parents.pop_if(|last| found[*last].level >= level).is_some() {}
            let section = Section { level, title, at, end: file.len(), parent: parents.last().copied() };
            parents.push(found.len());
            open.push(found.len());
            found.push(section);
        }
        Self { file, found }
    }

    /// The first section with this title, whatever its level; ASCII letters have two cases.
    #[must_use]
    pub fn find(&self, title: &str) -> Option<usize> {
        self.found.iter().position(|section| section.title.eq_ignore_ascii_case(title))
    }

    /// Whether there is no heading at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The section at an index.
    #[must_use]
    pub fn get(&self, index: usize) -> &Section<'t> {
        &self.found[index]
    }

    /// The sections directly below one.
    pub fn children(&self, index: usize) -> impl Iterator<Item = (usize, &Section<'t>)> {
        let level = self.found[index].level;
        let below = self.found.iter().enumerate().skip(index + 1).take_while(move |(_, section)| section.level > level);
        below.filter(move |(_, section)| section.parent == Some(index))
    }

    /// What stands below a heading up to the next one that is not deeper, without the blanks around it. That takes the
    /// indentation off its first line.
    #[must_use]
    pub fn content(&self, index: usize) -> String {
        let section = &self.found[index];
        let mut content = self.file.join(section.at + 1..section.end);
        content.truncate(js::trim_end(&content).len());
        content.drain(..content.len() - js::trim_start(&content).len());
        content
    }

    /// Whether anything stands below a heading.
    #[must_use]
    pub fn has_content(&self, index: usize) -> bool {
        let section = &self.found[index];
        (section.at + 1..section.end).any(|at| !js::is_blank(self.file.get(at)))
    }
}

/// One heading below Requirements: to the checks each of them is a requirement.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Its text; the title where there is none.
    pub text: String,
    /// How many headings below it have content.
    pub scenarios: usize,
    /// The index of its line.
    pub at: usize,
}

/// What the checks need of a main spec.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The text of Purpose, trimmed; never empty.
    pub purpose: String,
    /// The index of the line of its heading.
    pub purpose_at: usize,
    /// The index of the line of the heading Requirements.
    pub requirements_at: usize,
    /// The requirements, in order.
    pub requirements: Vec<Requirement>,
}

/// Without this nothing else is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No section Purpose, or one without text.
    Purpose,
    /// No section Requirements.
    Requirements,
}

impl Spec {
    /// Reads a main spec.
    ///
    /// # Errors
    /// The section that is missing.
    pub fn of(sections: &Sections<'_, '_>) -> Result<Self, Missing> {
        let purpose = sections.find("Purpose").filter(|index| sections.has_content(*index)).ok_or(Missing::Purpose)?;
        let section = sections.find("Requirements").ok_or(Missing::Requirements)?;
        let requirements = sections.children(section).map(|(index, child)| Requirement {
            text: text(child.title, &sections.content(index)),
            scenarios: sections.children(index).filter(|(index, _)| sections.has_content(*index)).count(),
            at: child.at,
        });
        Ok(Self {
            purpose: sections.content(purpose),
            purpose_at: sections.get(purpose).at,
            requirements_at: sections.get(section).at,
            requirements: requirements.collect(),
        })
    }
}

/// The text of a requirement, or else its title.
pub(super) fn text(title: &str, content: &str) -> String {
    let lines = Lines::of(content);
    let body = block::body(&lines, 0..lines.len());
    if body.is_empty() { title.to_owned() } else { body }
}
