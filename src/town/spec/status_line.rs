//! The `Status:` line of a proposal: a projection of the records for people to read.
//! Lives here: finding it in its usual spellings, reading what it says, rewriting it and no byte besides. Never here: what the
//! state is (see `lifecycle`).

use std::ops::Range;

use super::js;
use super::lines::Lines;
use super::state::State;

/// Lines of a proposal among which it is looked for.
const LINES: usize = 60;

/// Words that people write for a state; a tick without a word is Completed too.
const ALIASES: &[(&str, State)] = &[
    ("proposed", State::Draft),
    ("proposal", State::Draft),
    ("new", State::Draft),
    ("identified", State::Draft),
    ("pending", State::Draft),
    ("in review", State::Draft),
    ("accepted", State::Approved),
    ("ready", State::Approved),
    ("changes requested", State::NeedsRevision),
    ("revision", State::NeedsRevision),
    ("rejected", State::NeedsRevision),
    ("wip", State::InProgress),
    ("started", State::InProgress),
    ("in-progress", State::InProgress),
    ("implementing", State::InProgress),
    ("on hold", State::Blocked),
    ("waiting", State::Blocked),
    ("review", State::Validation),
    ("validating", State::Validation),
    ("testing", State::Validation),
    ("implemented", State::Completed),
    ("complete", State::Completed),
    ("done", State::Completed),
    ("finished", State::Completed),
    ("shipped", State::Completed),
    ("merged", State::Completed),
    ("replaced", State::Superseded),
    ("abandoned", State::Withdrawn),
    ("cancelled", State::Withdrawn),
    ("canceled", State::Withdrawn),
];

/// Where a proposal says its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLine {
    /// Counted from 1.
    pub line: u32,
    /// The bytes of what it says, in the proposal's text.
    pub value: Range<usize>,
    /// What it says, without marks around it.
    pub said: String,
}

/// What a status line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The name of a state.
    State(State),
    /// Another word for one.
    Alias(State),
    /// Something else.
    Unknown,
}

impl StatusLine {
    /// Finds it: `Status: x`, bold on either side of the colon, as an item, a quote or a heading, or a heading `Status` with
    /// the word below it.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let lines = Lines::of(text);
        let mut heading = false;
        for (at, line) in lines.open_lines(0..lines.len().min(LINES)) {
            let start = lines.span(at).start;
            if heading && !js::is_blank(line) {
                if line.starts_with('#') {
                    heading = false;
                } else {
                    return Some(Self::at(at, start, line, 0));
                }
            }
            if let Some(value) = value_at(line) {
                return Some(Self::at(at, start, line, value));
            }
            heading |= line.starts_with('#') && bare(line).eq_ignore_ascii_case("status");
        }
        None
    }

    fn at(at: usize, start: usize, line: &str, value: usize) -> Self {
        let rest = &line[value..];
        let lead = rest.len() - js::trim_start(rest).len();
        let value = start + value + lead..start + value + js::trim_end(rest).len().max(lead);
        Self { line: super::block::number(at), said: bare(rest).to_owned(), value }
    }

    /// What it means.
    #[must_use]
    pub fn means(&self) -> Said {
        if let Some(state) = State::named(&self.said) {
            return Said::State(state);
        }
        let folded = self.said.to_lowercase();
        let plain = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
        let begins = |name: &str| {
            let rest = plain.strip_prefix(&name.to_lowercase());
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        };
        let named = State::ALL.into_iter().find(|state| begins(state.name()));
        let alias = || {
            let known = ALIASES.iter().filter(|(word, _)| begins(word));
            known.max_by_key(|(word, _)| word.len()).map(|(_, state)| *state)
        };
        // A word says more than a tick before it.
        let ticked = || folded.starts_with('✅').then_some(State::Completed);
        named.or_else(alias).or_else(ticked).map_or(Said::Unknown, Said::Alias)
    }

    /// Whether it says more than a state: what stands there besides is content, and no projection of records.
    #[must_use]
    pub fn says_more(&self) -> bool {
        let folded = self.said.to_lowercase();
        // Other signs may be text too, and text that nobody sees.
        let words = js::trim_start(folded.strip_prefix('✅').unwrap_or(&folded)).trim_end_matches(['!', '.']);
        let is_word = |name: &str| name.to_lowercase() == words;
        !words.is_empty()
            && !State::ALL.into_iter().any(|state| is_word(state.name()))
            && !ALIASES.iter().any(|(word, _)| is_word(word))
    }
}

/// Where the value of `Status:` begins in the line, behind any marks that close what the word opened.
fn value_at(line: &str) -> Option<usize> {
    let is_mark = |c: char| js::is_space(c) || matches!(c, '*' | '_' | '`' | '#' | '>' | '-' | '+');
    let start = line.len() - line.trim_start_matches(is_mark).len();
    let rest = js::strip_word(&line[start..], "status")?;
    let rest = rest.trim_start_matches(['*', '_', '`']);
    let rest = js::trim_start(rest).strip_prefix(':')?;
    // `**Status:** x`: the marks behind the colon close those before the word.
    let closing = line[..start].trim_start_matches(|c| !matches!(c, '*' | '_' | '`'));
    let rest = match closing.is_empty() {
        true => rest,
        false => rest.strip_prefix(closing).unwrap_or(rest),
    };
    (!js::is_blank(rest)).then_some(line.len() - rest.len())
}

/// The words without blanks and marks around them.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| js::is_space(c) || matches!(c, '*' | '_' | '`' | '#' | '[' | ']' | '>'))
}

/// The proposal with its status line saying `state`; `None` where it says so already or where there is no such line.
#[must_use]
pub fn project_status(text: &str, state: State) -> Option<String> {
    let status = StatusLine::find(text)?;
    if status.said == state.name() {
        return None;
    }
    let written = &text[status.value.clone()];
    let is_mark = ['*', '_', '`'];
    let (open, rest) = written.split_at(written.len() - written.trim_start_matches(is_mark).len());
    let tail = &written[written.trim_end_matches(is_mark).len()..];
    // Marks stay that are around the word, or that close what was opened before `Status`.
    let (open, close) = match (open.is_empty(), tail.is_empty()) {
        (false, _) if rest.ends_with(open) => (open, open),
        (true, false) if written.matches(tail).count() % 2 == 1 => ("", tail),
        _ => ("", ""),
    };
    Some(format!("{}{open}{}{close}{}", &text[..status.value.start], state.name(), &text[status.value.end..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // covers: gated-workflow#the-status-line-repeats-the-records
    #[test]
    fn it_is_found_in_its_usual_spellings_and_only_its_word_is_rewritten() {
        for (text, said, rewritten) in [
            ("# T\r\n\r\n**Status:** Draft\r\nmore\r\n", "Draft", "# T\r\n\r\n**Status:** Approved\r\nmore\r\n"),
            ("**Status**: ✅ IMPLEMENTED - prose  \n", "✅ IMPLEMENTED - prose", "**Status**: Approved  \n"),
            ("Status: Draft", "Draft", "Status: Approved"),
            ("- Status: **Draft**\n", "Draft", "- Status: **Approved**\n"),
            ("- **Status: Draft**\n", "Draft", "- **Status: Approved**\n"),
            ("> status: `Draft` - soon\n", "Draft` - soon", "> status: Approved\n"),
            ("## Status: Draft\n", "Draft", "## Status: Approved\n"),
            ("## Status\n\nDraft\n\n## Why\n", "Draft", "## Status\n\nApproved\n\n## Why\n"),
            ("\u{feff}Status: Draft\r", "Draft", "\u{feff}Status: Approved\r"),
            ("```\nStatus: no\n```\n**Status:**\tDraft\n", "Draft", "```\nStatus: no\n```\n**Status:**\tApproved\n"),
        ] {
            let found = StatusLine::find(text).unwrap();
            assert_eq!(found.said, said, "{text:?}");
            let written = project_status(text, State::Approved).unwrap();
            assert_eq!(written, rewritten, "{text:?}");
            assert_eq!(project_status(&written, State::Approved), None, "{text:?}");
        }
        for text in
            ["", "The status: is fine", "```\nStatus: Draft\n```", "## Status\n## Why\nx", "Status:\n", "Statuses: x"]
        {
            assert_eq!(StatusLine::find(text), None, "{text:?}");
        }
        assert_eq!(StatusLine::find(&format!("{}Status: Draft", "\n".repeat(LINES))), None);
    }

    #[test]
    fn words_are_read_as_states() {
        for (text, means) in [
            ("Needs Revision", Said::State(State::NeedsRevision)),
            ("draft", Said::Alias(State::Draft)),
            ("Approved (by ann)", Said::Alias(State::Approved)),
            ("✅ IMPLEMENTED - prose", Said::Alias(State::Completed)),
            ("✅", Said::Alias(State::Completed)),
            ("✅ Draft", Said::Alias(State::Draft)),
            ("complete", Said::Alias(State::Completed)),
            ("Done!", Said::Alias(State::Completed)),
            ("Newest idea", Said::Unknown),
            ("half done", Said::Unknown),
        ] {
            let found = StatusLine::find(&format!("Status: {text}")).unwrap();
            assert_eq!(found.means(), means, "{text}");
        }
    }

    #[test]
    fn more_than_a_state_is_content() {
        for (text, is_more) in [
            ("Draft", false),
            ("**needs revision**", false),
            ("✅ Done!", false),
            ("✅", false),
            ("WIP", false),
            ("Approved (by ann)", true),
            ("Draft; also drop the table", true),
            ("half done", true),
            ("Draft ✘✘", true),
            ("Draft\u{e0061}\u{e0062}", true),
            ("✅\u{200b} Done", true),
        ] {
            assert_eq!(StatusLine::find(&format!("Status: {text}")).unwrap().says_more(), is_more, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_value_is_touched(text in "([*_`#> -]{0,4}[Ss]tatus[*_]{0,2}:?[*` ]{0,3}(Draft|é✅x|)[*`\r ]{0,3}\n?|[ab`~\r\n]){0,8}") {
            if let Some(found) = StatusLine::find(&text) {
                let written = project_status(&text, State::Blocked).unwrap();
                prop_assert!(written.starts_with(&text[..found.value.start]));
                prop_assert!(written.ends_with(&text[found.value.end..]));
                prop_assert_eq!(StatusLine::find(&written).unwrap().line, found.line);
            }
        }
    }
}
