//! Patterns over paths, read as the reference's glob library reads them: `*`, `**`, `?`, `[…]`, `{a,b}`, `{1..3}` and `@(a|b)`
//! with its kin.
//! Lives here: braces written out, and whether a path fits (see `parser` and `places`). Never here: which paths there are (see `outputs`).

mod parser;
mod places;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use parser::{Node, Parser};

/// Patterns that one pattern's braces make, at the most.
const ALTERNATIVES: usize = 256;
/// The longest pattern.
const LENGTH: usize = 2_000;

/// Whether a path in a schema is a pattern.
#[must_use]
pub fn is_pattern(generates: &str) -> bool {
    generates.contains(['*', '?', '[']) || has_group(generates) || has_braces(generates)
}

/// Whether a pattern whose braces are written out can fit anything but itself.
#[must_use]
pub fn is_dynamic(pattern: &str) -> bool {
    let is_class = || pattern.match_indices('[').any(|(at, _)| ends_before(&pattern[at + 1..], ']', '['));
    let is_choice = || {
        pattern.match_indices('(').any(|(at, _)| {
            let (before, inner) = (pattern[..at].chars().next_back(), &pattern[at + 1..]);
            let end = inner.find('(').unwrap_or(inner.len());
            let bar = inner[..end].rfind('|');
            !before.is_some_and(|c| "!*+?@".contains(c)) && bar.is_some_and(|bar| inner[bar..].contains(')'))
        })
    };
    pattern.contains(['*', '?'])
        || pattern.starts_with('!')
        || is_class()
        || is_choice()
        || has_group(pattern)
        || has_braces(pattern)
}

/// Whether one character comes before another.
fn ends_before(text: &str, wanted: char, other: char) -> bool {
    text.find([wanted, other]).is_some_and(|at| text[at..].starts_with(wanted))
}

/// `!(`, `+(`, `@(` and a closing bracket with no other opening between them.
fn has_group(pattern: &str) -> bool {
    pattern.match_indices('(').any(|(at, _)| {
        pattern[..at].chars().next_back().is_some_and(|c| "!*+?@".contains(c))
            && ends_before(&pattern[at + 1..], ')', '(')
    })
}

fn has_braces(pattern: &str) -> bool {
    let mut open = Vec::new();
    for (at, byte) in pattern.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' if open
                .pop()
                .is_some_and(|from| pattern[from..at].contains(',') || pattern[from..at].contains("..")) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// The patterns that a pattern with braces stands for; `None` where they are too many.
#[must_use]
pub fn expand(pattern: &str) -> Option<Vec<String>> {
    let mut found = vec![String::new()];
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        let (before, inner) = (&rest[..open], &rest[open + 1..]);
        let Some((commas, end)) = closed(inner) else {
            // An opening one that nothing closes is a character like others.
            found.iter_mut().for_each(|text| text.push_str(&rest[..=open]));
            rest = inner;
            continue;
        };
        let body = &inner[..end];
        let mut choices = Vec::new();
        if body.starts_with("..") {
            choices.push(format!("{{{body}}}"));
        } else if commas.is_empty() {
            match range(body) {
                Some(numbers) => choices = numbers,
                None => choices.extend(expand(body)?.into_iter().map(|text| format!("{{{text}}}"))),
            }
        } else {
            let mut from = 0;
            for to in commas.into_iter().chain([end]) {
                choices.extend(expand(&inner[from..to])?);
                from = to + 1;
            }
        }
        if found.len() * choices.len() > ALTERNATIVES {
            return None;
        }
        found = found.iter().flat_map(|text| choices.iter().map(move |one| format!("{text}{before}{one}"))).collect();
        rest = &inner[end + 1..];
    }
    found.iter_mut().for_each(|text| text.push_str(rest));
    Some(found)
}

/// The commas of braces that are open, and where those close.
fn closed(inner: &str) -> Option<(Vec<usize>, usize)> {
    let (mut depth, mut commas) = (0_usize, Vec::new());
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some((commas, at)),
            b'}' => depth -= 1,
            b',' if depth == 0 => commas.push(at),
            _ => {}
        }
    }
    None
}

/// What `{1..3}`, `{01..10..2}` or `{a..e}` stands for.
fn range(body: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = body.split("..").collect();
    let (from, to, step) = match parts[..] {
        [from, to] => (from, to, 1),
        [from, to, step] => (from, to, step.parse::<i64>().ok()?.unsigned_abs().max(1)),
        _ => return None,
    };
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.abs() < 1_000_000);
    let step = usize::try_from(step).ok()?;
    let walk = |from: i64, to: i64| -> Vec<i64> {
        if from <= to { (from..=to).step_by(step).collect() } else { (to..=from).rev().step_by(step).collect() }
    };
    if let (Some(start), Some(end)) = (number(from), number(to)) {
        let is_padded = |text: &str| text.trim_start_matches('-').starts_with('0') && text.len() > 1;
        let width = if is_padded(from) || is_padded(to) { from.len().max(to.len()) } else { 0 };
        return Some(walk(start, end).into_iter().take(ALTERNATIVES + 1).map(|n| format!("{n:0width$}")).collect());
    }
    let letter = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|c| c.is_ascii() && chars.next().is_none()).map(|c| i64::from(c as u32))
    };
    let letters = walk(letter(from)?, letter(to)?).into_iter();
    Some(letters.filter_map(|n| u32::try_from(n).ok().and_then(char::from_u32)).map(String::from).collect())
}

/// A pattern without braces.
#[derive(Debug)]
pub struct Glob(Vec<Vec<Node>>);

impl Glob {
    /// Reads a pattern; `None` where it is too long or too deep.
    #[must_use]
    pub fn of(pattern: &str) -> Option<Self> {
        if pattern.len() > LENGTH {
            return None;
        }
        let text: Vec<u16> = pattern.encode_utf16().collect();
        // A pattern without any brackets and slashes is read in a simpler way.
        let is_simple = !pattern.starts_with(['*', '!']) && !pattern.contains(['/', '(', ')', '[', ']', '{', '}']);
        let mut parser = Parser::new(&text, is_simple);
        while parser.starts("./") {
            parser.skip(2);
        }
        parser.whole().map(Self)
    }

    /// Whether the path fits.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<u16> = path.encode_utf16().collect();
        let mut from = vec![false; path.len() + 1];
        from[0] = true;
        self.0.iter().any(|nodes| places::run(nodes, &path, from.clone())[path.len()])
    }
}

/// What is common to all that a pattern fits: its folders before the first that is a pattern itself, and the rest of it.
#[must_use]
pub fn base(pattern: &str) -> (Vec<&str>, &str) {
    let mut from = 0;
    let mut folders = Vec::new();
    while let Some(end) = pattern[from..].find('/') {
        let part = &pattern[from..from + end];
        if is_dynamic(part) || part.contains('(') {
            break;
        }
        folders.push(part);
        from += end + 1;
    }
    (folders, &pattern[from..])
}

/// All patterns without doubles and empty ones, those that take away first.
pub(super) fn distinct(patterns: Vec<String>) -> (Vec<String>, Vec<String>) {
    let set: BTreeSet<String> = patterns.into_iter().filter(|pattern| !pattern.is_empty()).collect();
    set.into_iter().partition(|pattern| pattern.starts_with('!') && !pattern.starts_with("!("))
}
