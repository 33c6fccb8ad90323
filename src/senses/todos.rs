//! Notes for later: TODO, FIXME, XXX and HACK where somebody meant them.
//! Lives here: which files are read and what counts as a note. Never here: since when a note stands (see `ages`).

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::owners::Owners;
use super::{Request, activity, ages};
use crate::git::files::{Files, text_of};
use crate::town::facts::{Age, TodoFacts, TodoNote};
use crate::town::markdown::visible;

/// Notes that are listed.
const LISTED: usize = 2_000;
/// Notes whose age is looked for.
const AGED: usize = 400;
/// A longer line was made by a program.
const LINE: usize = 2_000;
const MARKERS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

#[allow(clippy::expect_used)]
static ANY_MARKER: LazyLock<Regex> = LazyLock::new(|| Regex::new("TODO|FIXME|XXX|HACK").expect("a constant pattern"));

/// Folders of other people's code.
const VENDORED: [&str; 9] =
    ["vendor", "node_modules", "third_party", "thirdparty", "third-party", "bower_components", "dist", ".yarn", "Pods"];

/// Whether notes are looked for in `path`: neither vendored nor generated nor data.
pub(super) fn is_wanted(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let vendored = path.split('/').any(|part| VENDORED.contains(&part));
    let generated = name.contains(".min.") || name.contains("-lock.") || name.ends_with(".lock") || name == "go.sum";
    let data = ["json", "csv", "tsv", "svg", "map", "snap", "ipynb", "po", "pot", "patch", "diff", "log"];
    !vendored && !generated && !name.rsplit_once('.').is_some_and(|(_, extension)| data.contains(&extension))
}

#[derive(Default)]
pub(super) struct Collector {
    facts: TodoFacts,
    lines: Vec<String>,
    pub(super) skipped: usize,
}

impl Collector {
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) {
        self.facts.read += 1;
        // Most files hold no marker at all; a search over bytes is cheaper than reading their lines.
        if !ANY_MARKER.is_match(bytes) {
            return;
        }
        for found in notes_in(path, &text_of(bytes)) {
            if self.facts.notes.len() >= LISTED {
                self.facts.truncated += 1;
                continue;
            }
            let Found { line, marker, text, whole } = found;
            let (path, marker) = (path.to_owned(), marker.to_owned());
            self.facts.notes.push(TodoNote { path, line, marker, text, age: Age::Unknown, owner: None });
            self.lines.push(whole);
        }
    }

    pub(super) fn finish(mut self, request: &Request<'_>, files: &Files<'_>, owners: &Owners<'_>) -> TodoFacts {
        self.facts.skipped = self.skipped;
        self.facts.notes.iter_mut().for_each(|note| note.owner = owners.of(&note.path));
        // The project's own notes come first where not all can be dated.
        let mut order: Vec<usize> = (0..self.facts.notes.len()).collect();
        order.sort_by_key(|at| self.facts.notes[*at].owner.is_some());
        order.truncate(AGED);
        let wanted = order.iter().map(|at| {
            let note = &self.facts.notes[*at];
            // The second of two equal lines is there only where two are.
            let twins =
                (0..*at).filter(|b| self.facts.notes[*b].path == note.path && self.lines[*b] == self.lines[*at]);
            ages::Wanted { path: note.path.clone(), line: self.lines[*at].clone(), nth: twins.count() + 1 }
        });
        let found = ages::ages(request.repo, request.base, files, wanted.collect(), ages::Bounds::default());
        for (at, age) in order.into_iter().zip(found) {
            self.facts.notes[at].age = age;
        }
        if !self.facts.notes.is_empty() {
            self.facts.today = activity::today(request, owners);
        }
        self.facts.notes.sort();
        self.facts
    }
}

struct Found {
    line: u32,
    marker: &'static str,
    text: String,
    whole: String,
}

fn notes_in(path: &str, text: &str) -> Vec<Found> {
    let style = Style::of(path);
    let mut block = false;
    let mut fence = false;
    let mut out = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.len() > LINE {
            continue;
        }
        if style.prose && (line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~")) {
            fence = !fence;
        }
        let note = if fence { None } else { style.note(line, &mut block) };
        if let Some((marker, rest)) = note {
            let line_number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            out.push(Found { line: line_number, marker, text: cleaned(rest), whole: line.trim().to_owned() });
        }
    }
    out
}

/// How a kind of file writes comments.
struct Style {
    line: &'static [&'static str],
    block: Option<(&'static str, &'static str)>,
    prose: bool,
}

impl Style {
    fn of(path: &str) -> Self {
        const C: Option<(&str, &str)> = Some(("/*", "*/"));
        const HTML: Option<(&str, &str)> = Some(("<!--", "-->"));
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let (line, block, prose): (&'static [&'static str], _, _) = match extension.as_str() {
            "md" | "markdown" | "mdx" => (&[], HTML, true),
            "txt" | "rst" | "adoc" | "org" => (&[], None, true),
            "html" | "htm" | "xml" => (&[], HTML, false),
            "vue" | "svelte" => (&["//"], HTML, false),
            "css" => (&[], C, false),
            "sql" | "lua" | "hs" | "elm" => (&["--"], C, false),
            "lisp" | "clj" | "el" | "scm" | "asm" | "s" => (&[";"], None, false),
            "ini" => (&[";", "#"], None, false),
            "tex" | "erl" => (&["%"], None, false),
            "py" | "rb" | "sh" | "bash" | "zsh" | "fish" | "yaml" | "yml" | "toml" | "pl" | "pm" | "r" | "jl"
            | "ex" | "exs" | "cmake" | "mk" | "cfg" | "conf" => (&["#"], None, false),
            "php" | "tf" | "nix" => (&["//", "#"], C, false),
            "" if !name.contains('.') => (&["#", "//"], C, false),
            _ => (&["//"], C, false),
        };
        Self { line, block, prose }
    }

    /// The note that a line holds; `block` says whether a block comment is open and is kept up to date.
    fn note<'t>(&self, line: &'t str, block: &mut bool) -> Option<(&'static str, &'t str)> {
        if *block {
            let end = self.block.and_then(|(_, end)| line.find(end).map(|at| (at, end.len())));
            let (comment, rest) = end.map_or((line, ""), |(at, length)| (&line[..at], &line[at + length..]));
            *block = end.is_none();
            return note_of(comment, false).or_else(|| if rest.is_empty() { None } else { self.note(rest, block) });
        }
        let opened = self.comment(line);
        if let Some((at, token)) = opened {
            let comment = &line[at + token.len()..];
            if let Some((_, end)) = self.block.filter(|(start, _)| *start == token) {
                *block = !comment.contains(end);
            }
            return note_of(comment, false);
        }
        if self.prose { note_of(line, true) } else { None }
    }

    /// Where a comment begins outside of a string.
    fn comment<'s>(&'s self, line: &str) -> Option<(usize, &'s str)> {
        let tokens = self.line.iter().copied().chain(self.block.map(|(start, _)| start));
        let starts = tokens.flat_map(|token| line.match_indices(token).map(move |(at, _)| (at, token)));
        let real = starts.filter(|(at, token)| {
            let before = &line[..*at];
            let apart = before.chars().next_back().is_none_or(char::is_whitespace);
            // `https://` is no comment, and neither is `a#b` or `a--b`.
            let free = if *token == "//" { !before.ends_with(':') } else { apart || matches!(*token, "/*" | "<!--") };
            free && !in_string(before)
        });
        real.min_by_key(|(at, _)| *at)
    }
}

/// Whether a double quote is open at the end of `before`.
fn in_string(before: &str) -> bool {
    let mut open = false;
    let mut escaped = false;
    for c in before.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => open = !open,
            _ => {}
        }
    }
    open
}

/// The note in a comment: a marker at its start, or one with a colon or a name in brackets behind it. In prose only a
/// marker with such a sign, at the start of a line or of an item.
fn note_of(comment: &str, prose: bool) -> Option<(&'static str, &str)> {
    let leading = comment.len()
        - comment.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '`' | '"' | '\'')).len();
    let mut first: Option<(usize, &'static str)> = None;
    for marker in MARKERS {
        for (at, _) in comment.match_indices(marker) {
            let before = comment[..at].chars().next_back();
            let rest = &comment[at + marker.len()..];
            let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '`' | '"' | '\'');
            if before.is_some_and(word) || rest.starts_with(|c: char| word(c) && c != '-') || is_about_markers(rest) {
                continue;
            }
            let signed = rest.starts_with(':') || (rest.starts_with('(') && rest.contains(')'));
            let starts = at == leading;
            if (if prose { signed && starts } else { signed || starts }) && first.is_none_or(|(known, _)| at < known) {
                first = Some((at, marker));
            }
        }
    }
    first.map(|(at, marker)| (marker, &comment[at + marker.len()..]))
}

/// `TODO and FIXME`, `TODO/FIXME`, `TODO, …`: a sentence about notes, not a note.
fn is_about_markers(rest: &str) -> bool {
    let after = rest.trim_start_matches([' ', '/', '|', ',', '`']);
    let after = ["and ", "or "].iter().find_map(|word| after.strip_prefix(word)).unwrap_or(after);
    let listed = rest.starts_with(['/', '|', ',']) || rest.starts_with(" and ") || rest.starts_with(" or ");
    listed || MARKERS.iter().any(|marker| after.trim_start_matches('`').starts_with(marker))
}

/// What a note says, without the signs around it.
fn cleaned(rest: &str) -> String {
    let rest = rest.trim().trim_end_matches("*/").trim_end_matches("-->").trim();
    visible(rest.trim_start_matches([':', '-', ' ', '!']), 200)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "todos_tests.rs"]
mod todos_tests;
