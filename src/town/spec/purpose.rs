//! Whether somebody wrote the purpose of a main spec, or something stands in its place.
//! Lives here: recognising that, and finding its line. Never here: what archiving writes into a new spec, beyond its two halves.

use unicode_normalization::char::is_combining_mark;

use super::block::number;
use super::js;
use super::lines::Lines;

/// How the sentence begins that archiving writes into a new spec; the change's name follows.
pub const GENERATED_HEAD: &str = "TBD - created by archiving change ";
/// How it ends.
pub const GENERATED_TAIL: &str = ". Update Purpose after archive.";

/// A purpose that is none, with its line where that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Counted from 1.
    pub line: Option<u32>,
}

/// Whether `purpose` is a placeholder. `file` is the whole spec, to find the line.
#[must_use]
pub fn placeholder(purpose: &str, file: &Lines<'_>) -> Option<Placeholder> {
    let lines = Lines::of(purpose);
    let prose: Vec<&str> = lines.open_lines(0..lines.len()).map(|(_, line)| line).collect();
    let prose = prose.join("\n");
    let prose = js::trim(&prose);
    let leads = is_marked(prose);
    (leads || generated(prose).is_some()).then(|| Placeholder { line: line(file, leads) })
}

/// Whether it begins with the marker: in capitals always, in other letters only with punctuation behind it, since `todo` begins
/// sentences in Spanish and Portuguese.
fn is_marked(prose: &str) -> bool {
    let Some(rest) = js::strip_word(prose, "TBD").or_else(|| js::strip_word(prose, "TODO")) else { return false };
    if rest.starts_with(continues_word) {
        return false;
    }
    let shouted = prose.starts_with("TBD") || prose.starts_with("TODO");
    let rest = rest.trim_start_matches([' ', '\t']);
    let punctuation =
        |c: char| matches!(c, '\n' | ':' | '-' | '\u{2013}' | '\u{2014}' | '.' | ',' | ';') || "()[]{}".contains(c);
    shouted || rest.is_empty() || rest.starts_with(punctuation)
}

/// A letter, digit or mark of any script. Circled letters are alphabetic and yet symbols.
fn continues_word(c: char) -> bool {
    let is_circled = matches!(c, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f149}' | '\u{1f150}'..='\u{1f169}')
        || matches!(c, '\u{1f170}'..='\u{1f189}');
    c == '_' || is_combining_mark(c) || (c.is_alphanumeric() && !is_circled)
}

/// Where the sentence that archiving writes begins: of several beginnings the one closest to the first end after one.
fn generated(text: &str) -> Option<usize> {
    let first = text.find(GENERATED_HEAD)?;
    let tail = first + text[first..].find(GENERATED_TAIL)?;
    text[..tail].rfind(GENERATED_HEAD)
}

/// The line of the placeholder below `## Purpose`; a byte order mark hides the first line.
fn line(file: &Lines<'_>, leads: bool) -> Option<u32> {
    let first = usize::from(file.has_bom());
    let (start, _) = file.open_lines(first..file.len()).find(|(_, line)| is_purpose(line))?;
    let section = file.open_lines(start + 1..file.len()).take_while(|(_, line)| !ends_purpose(line));
    if leads {
        return section.into_iter().find(|(_, line)| !js::is_blank(line)).map(|(at, _)| number(at));
    }
    let mut text = String::new();
    let mut starts = Vec::new();
    for (at, line) in section {
        starts.push((text.len(), at));
        text.push_str(line);
        text.push('\n');
    }
    let found = generated(text.strip_suffix('\n')?)?;
    starts.iter().rev().find(|(start, _)| *start <= found).map(|(_, at)| number(*at))
}

/// What follows at most three blanks and then exactly `level` number signs.
fn heading(line: &str, level: usize) -> Option<&str> {
    let bare = line.trim_start_matches(' ');
    let rest = bare.trim_start_matches('#');
    (line.len() - bare.len() <= 3 && bare.len() - rest.len() == level && rest.starts_with([' ', '\t'])).then_some(rest)
}

fn is_purpose(line: &str) -> bool {
    heading(line, 2).is_some_and(|rest| rest.trim_matches([' ', '\t']).eq_ignore_ascii_case("Purpose"))
}

fn ends_purpose(line: &str) -> bool {
    heading(line, 1).or_else(|| heading(line, 2)).is_some()
}
