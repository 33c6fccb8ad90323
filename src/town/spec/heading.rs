//! Headings, as each of the reference's readers sees them: they differ in what they forgive.
//! Lives here: one function for each reading. Never here: which lines are asked (fenced ones never are).

use super::js;

/// The four sections of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// New requirements.
    Added,
    /// Requirements that are replaced as a whole.
    Modified,
    /// Requirements that go.
    Removed,
    /// Requirements that get another name.
    Renamed,
}

impl Section {
    /// All four, in the order in which they are reported.
    pub const ALL: [Self; 4] = [Self::Added, Self::Modified, Self::Removed, Self::Renamed];

    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Removed => "REMOVED",
            Self::Renamed => "RENAMED",
        }
    }

    /// The section with this title, case aside; one blank and no more between its two words.
    #[must_use]
    pub fn titled(title: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| {
            js::strip_word(title, section.word()).is_some_and(|rest| rest.eq_ignore_ascii_case(" Requirements"))
        })
    }
}

/// What follows exactly `level` number signs and at least one blank.
fn after(line: &str, level: usize) -> Option<&str> {
    let rest =
        line.get(level..).filter(|_| line.bytes().take(level).all(|byte| byte == b'#') && line.len() >= level)?;
    rest.starts_with(js::is_space).then_some(rest)
}

/// Whether the line ends a section or a block: `##` and a blank, whether or not a title follows.
#[must_use]
pub fn is_section(line: &str) -> bool {
    after(line, 2).is_some()
}

/// The title of a `##` heading. It may be empty where only blanks follow.
#[must_use]
pub fn section(line: &str) -> Option<&str> {
    titled(after(line, 2)?)
}

/// Blanks and then a title that reaches to the end of the line.
fn titled(rest: &str) -> Option<&str> {
    let core = js::trim(rest);
    if core.is_empty() {
        let mut chars = rest.chars();
        let last = chars.next_back()?;
        return (chars.next().is_some() && !js::ends_line(last)).then_some(core);
    }
    (!js::trim_start(rest).contains(js::ends_line)).then_some(core)
}

/// Level and title of a heading of any level.
#[must_use]
pub fn any(line: &str) -> Option<(usize, &str)> {
    let level = line.len() - line.trim_start_matches('#').len();
    if !(1..=6).contains(&level) {
        return None;
    }
    Some((level, titled(after(line, level)?)?))
}

/// The level of a heading, whether or not a title follows.
#[must_use]
pub fn level(line: &str) -> Option<usize> {
    let level = line.len() - line.trim_start_matches('#').len();
    ((1..=6).contains(&level) && line[level..].starts_with(js::is_space)).then_some(level)
}

/// What stands behind `### Requirement:`, for [`name`] to read; blanks before the word are optional.
#[must_use]
pub fn requirement(line: &str) -> Option<&str> {
    let rest = js::trim_start(line.strip_prefix("###")?);
    js::rest(js::strip_word(rest, "Requirement:")?)
}

/// The same for the reader of a main spec's structure, which wants a blank after `###`.
#[must_use]
pub fn spaced_requirement(line: &str) -> Option<&str> {
    after(line, 3).and_then(|_| requirement(line))
}

/// The title of a `###` heading.
#[must_use]
pub fn third(line: &str) -> Option<&str> {
    let rest = after(line, 3)?;
    let core = js::trim(rest);
    match core.is_empty() {
        true => rest.chars().skip(1).any(|c| !js::ends_line(c)).then_some(core),
        false => (!core.contains(js::ends_line)).then_some(core),
    }
}

/// Whether the line is the heading of a scenario: `####` and a blank; its title is free.
#[must_use]
pub fn is_scenario(line: &str) -> bool {
    after(line, 4).is_some()
}

/// Whether the body of a scenario ends before the line: a heading of level 1 to 4.
#[must_use]
pub fn ends_scenario(line: &str) -> bool {
    level(line).is_some_and(|level| level <= 4)
}

/// Whether the line is `## Requirements`.
#[must_use]
pub fn is_requirements(line: &str) -> bool {
    after(line, 2).is_some_and(|rest| js::trim(rest).eq_ignore_ascii_case("Requirements"))
}

/// A closing run of number signs is part of no name, where a space or tab stands before it.
#[must_use]
pub fn unclosed(title: &str) -> &str {
    let open = title.trim_end_matches([' ', '\t']);
    let bare = open.trim_end_matches('#');
    if bare.len() < open.len() && bare.ends_with([' ', '\t']) { bare.trim_end_matches([' ', '\t']) } else { title }
}

/// The name of a requirement as it is compared.
#[must_use]
pub fn name(written: &str) -> &str {
    js::trim(unclosed(written))
}

/// A name without case and double blanks: two that are equal so are a slip, never two requirements.
#[must_use]
pub fn folded(written: &str) -> String {
    let mut folded = String::new();
    let mut blank = false;
    for c in name(written).chars() {
        if js::is_space(c) {
            if !blank {
                folded.push(' ');
            }
            blank = true;
        } else {
            folded.push(c);
            blank = false;
        }
    }
    folded.to_lowercase()
}

/// The name of a scenario: its heading without the word before it.
#[must_use]
pub fn scenario_name(line: &str) -> &str {
    let title = js::trim_start(line.get(4..).unwrap_or_default());
    let title = unclosed(title);
    js::trim(js::strip_word(title, "Scenario:").unwrap_or(title))
}
