//! What is odd about a change's lists of tasks: numbers that contradict their group or each other, and lists without boxes.
//! Lives here: those checks, which read a file as the reference does. Never here: which files hold tasks, or how many are done.

use std::collections::HashMap;

use super::block::number;
use super::js;
use super::tasks::{self, Task};

/// A file with tasks.
#[derive(Clone, Copy, Debug)]
pub struct Document<'t> {
    /// From the change's folder.
    pub path: &'t str,
    /// Its text as it is: line feeds alone end a line here.
    pub text: &'t str,
}

/// What is odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The task's number begins with one group's, and it stands in another.
    Group {
        /// The task's number.
        id: String,
        /// The group it stands in.
        group: String,
    },
    /// The number stands there already.
    Duplicate {
        /// The task's number.
        id: String,
        /// Where it stood first.
        path: String,
        /// On which line.
        line: u32,
    },
    /// A list, and in no file a single box.
    NoBox,
}

/// An oddity and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd<'t> {
    /// The document's path.
    pub path: &'t str,
    /// Counted from 1.
    pub line: u32,
    /// What is odd there.
    pub oddity: Oddity,
}

/// Numbers that contradict something. Only what stands below `## 1.` and the like is asked, in documents that have such groups.
#[must_use]
pub fn numbering<'t>(documents: &[Document<'t>]) -> Vec<Odd<'t>> {
    let mut first: HashMap<String, (&str, u32)> = HashMap::new();
    let mut found = Vec::new();
    for document in documents {
        let path = document.path;
        for (task, group) in grouped(document.text) {
            let Some(id) = task_id(&task.text) else { continue };
            let leading = id.split('.').next().unwrap_or(id);
            let line = task.line;
            if without_zeros(leading) != without_zeros(group) {
                let oddity = Oddity::Group { id: id.to_owned(), group: group.to_owned() };
                found.push(Odd { path, line, oddity });
            }
            if let Some((path_before, line_before)) = first.get(id) {
                let oddity =
                    Oddity::Duplicate { id: id.to_owned(), path: (*path_before).to_owned(), line: *line_before };
                found.push(Odd { path, line, oddity });
            } else {
                first.insert(id.to_owned(), (path, line));
            }
        }
    }
    found
}

/// The tasks that stand in a numbered group, each with the group's number.
fn grouped(text: &str) -> Vec<(Task, &str)> {
    let groups: Vec<(u32, Option<&str>)> = (1..)
        .zip(text.split('\n'))
        .filter_map(|(line, text)| second_level(text).map(|rest| (line, group_number(rest))))
        .collect();
    if groups.iter().all(|(_, group)| group.is_none()) {
        return Vec::new();
    }
    let mut groups = groups.into_iter().peekable();
    let mut group = None;
    let mut found = Vec::new();
    for task in tasks::tasks(text) {
        while let Some((_, next)) = groups.next_if(|(line, _)| *line <= task.line) {
            group = next;
        }
        found.extend(group.map(|group| (task, group)));
    }
    found
}

/// What follows the two number signs of a heading that at most three blanks indent.
fn second_level(line: &str) -> Option<&str> {
    let bare = line.trim_start_matches(' ');
    let rest = bare.strip_prefix("##").filter(|_| line.len() - bare.len() <= 3)?;
    (rest.starts_with([' ', '\t']) || matches!(rest, "" | "\r")).then_some(rest)
}

/// The number of a group: ` 1.` and then a blank or nothing.
fn group_number(rest: &str) -> Option<&str> {
    let title = rest.trim_start_matches([' ', '\t']);
    let end = title.len() - title.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let after = title[end..].strip_prefix('.').filter(|_| end > 0 && title.len() < rest.len())?;
    (after.starts_with([' ', '\t']) || matches!(after, "" | "\r")).then_some(&title[..end])
}

/// `1.2`, `1.2.3` or `1.2a` at the beginning, with a blank or nothing behind it.
fn task_id(text: &str) -> Option<&str> {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut end = digits(text);
    let mut parts = usize::from(end > 0);
    while parts > 0 {
        let more = text[end..].strip_prefix('.').map_or(0, digits);
        if more == 0 {
            break;
        }
        end += 1 + more;
        parts += 1;
    }
    if parts < 2 {
        return None;
    }
    let rest = text[end..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
    (rest.is_empty() || rest.starts_with(js::is_space)).then(|| &text[..text.len() - rest.len()])
}

fn without_zeros(digits: &str) -> &str {
    let bare = digits.trim_start_matches('0');
    if bare.is_empty() { &digits[digits.len().saturating_sub(1)..] } else { bare }
}

/// For each document its first list, where no document has a box.
#[must_use]
pub fn boxes<'t>(documents: &[Document<'t>]) -> Vec<Odd<'t>> {
    if documents.iter().any(|document| tasks::progress(document.text).total > 0) {
        return Vec::new();
    }
    let odd = documents.iter().filter_map(|document| {
        Some(Odd { path: document.path, line: first_item(document.text)?, oddity: Oddity::NoBox })
    });
    odd.collect()
}

/// The line of the first item of a list that is shown as one: outside of code, comments and front matter.
fn first_item(text: &str) -> Option<u32> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut open: Option<(char, usize)> = None;
    let mut in_comment = false;
    for (at, &line) in lines.iter().enumerate().skip(front_matter(&lines)) {
        if in_comment {
            in_comment = !line.contains("-->");
        } else if let Some((mark, long, rest)) = fence(line) {
            match open {
                None => open = Some((mark, long)),
                Some((other, length)) if mark == other && long >= length && js::is_blank(rest) => open = None,
                Some(_) => {}
            }
        } else if open.is_none() {
            if let Some(comment) = js::trim_start(line).strip_prefix("<!--") {
                in_comment = !comment.contains("-->");
            } else if is_item(line) && columns(line) < 4 {
                return Some(number(at));
            }
        }
    }
    None
}

/// The index of the first line behind front matter; 0 where there is none.
fn front_matter(lines: &[&str]) -> usize {
    let is_mark = |line: &str| js::trim_end(line) == "---";
    let first = lines.first().map_or("", |line| line.strip_prefix('\u{feff}').unwrap_or(line));
    if !is_mark(first) {
        return 0;
    }
    lines.iter().skip(1).position(|line| is_mark(line)).map_or(0, |at| at + 2)
}

/// The mark of a fence, how long it is, and what follows up to where the reference's dot stops.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let bare = line.trim_start_matches(' ');
    let mark = bare.chars().next().filter(|c| matches!(c, '`' | '~') && line.len() - bare.len() <= 3)?;
    let rest = bare.trim_start_matches(mark);
    let long = bare.len() - rest.len();
    (long >= 3).then(|| (mark, long, rest.split(js::ends_line).next().unwrap_or(rest)))
}

/// Whether it is an item of a list with something in it: `-`, `*`, `+`, or up to nine digits with a dot or bracket.
fn is_item(line: &str) -> bool {
    let line = js::trim_start(line);
    let numbered = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.strip_prefix(['.', ')']).filter(|_| (1..=9).contains(&(line.len() - rest.len())))
    };
    let rest = line.strip_prefix(['-', '*', '+']).or_else(numbered);
    rest.is_some_and(|rest| rest.starts_with(js::is_space) && !js::is_blank(rest))
}

/// How far a line is indented, a tab reaching to the next multiple of four.
fn columns(line: &str) -> usize {
    let mut column = 0;
    for c in line.chars() {
        match c {
            ' ' => column += 1,
            '\t' => column += 4 - column % 4,
            _ => break,
        }
    }
    column
}
