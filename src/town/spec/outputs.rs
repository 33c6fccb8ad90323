//! Which files of a change an artifact stands for: a path, or a pattern with `*`, `**`, `?`, `[…]`, `{a,b}` and `@(a|b)`.
//! Lives here: patterns as the reference reads them, over the tree in memory. Never here: what is in the files.

use regex::Regex;

use super::tree::{Node, Tree};

/// Patterns that one pattern's braces make, at the most.
const ALTERNATIVES: usize = 256;

/// Why an artifact's files cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A link among them leads out of the change.
    #[error("{0} is a symbolic link that leads out of the change")]
    LeadsOut(String),
    /// The pattern cannot be read.
    #[error("the pattern {0:?} cannot be read")]
    Pattern(String),
}

/// Whether the path is a pattern.
#[must_use]
pub fn is_pattern(generates: &str) -> bool {
    generates.contains(['*', '?', '[']) || has_group(generates) || has_braces(generates)
}

/// `!(`, `+(`, `@(` and a closing bracket with no other opening between them.
fn has_group(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    (0..bytes.len()).any(|at| {
        matches!(bytes[at], b'!' | b'*' | b'+' | b'?' | b'@')
            && bytes.get(at + 1) == Some(&b'(')
            && pattern[at + 2..].find(['(', ')']).is_some_and(|end| bytes[at + 2 + end] == b')')
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

/// The files below the folder of a change that are there, by path.
///
/// # Errors
/// A link that leads out, or a pattern that cannot be read.
pub fn outputs(tree: &Tree, folder: &str, generates: &str) -> Result<Vec<String>, Fault> {
    if is_pattern(generates) {
        return matches(tree, folder, &generates.replace('\\', "/"));
    }
    let parts: Vec<&str> = generates.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let path = format!("{folder}/{}", parts.join("/"));
    match tree.get(&path) {
        Some(node) if node.is_file() || *node == Node::LeadsOut => {
            inside(folder, &path, node).map(|path| path.into_iter().collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// The path where a file really is, which must be below the folder.
fn inside(folder: &str, path: &str, node: &Node) -> Result<Option<String>, Fault> {
    let below = |target: &str| target.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    match node {
        Node::LinkedFile { target, .. } if below(target) => Ok(Some(target.to_string())),
        Node::LinkedFile { .. } | Node::LeadsOut => Err(Fault::LeadsOut(path.to_owned())),
        node if node.is_file() => Ok(Some(path.to_owned())),
        _ => Ok(None),
    }
}

fn matches(tree: &Tree, folder: &str, pattern: &str) -> Result<Vec<String>, Fault> {
    let unread = || Fault::Pattern(pattern.to_owned());
    let mut alternatives = Vec::new();
    expand(pattern, &mut alternatives);
    let globs: Option<Vec<Glob>> = alternatives.iter().map(|pattern| Glob::of(pattern)).collect();
    let globs = globs.filter(|globs| globs.len() < ALTERNATIVES).ok_or_else(unread)?;
    let mut found = Vec::new();
    for (path, node) in tree.below(folder) {
        let parts: Vec<&str> = path[folder.len() + 1..].split('/').collect();
        if !matches!(node, Node::Folder) && globs.iter().any(|glob| glob.matches(&parts)) {
            found.extend(inside(folder, path, node)?);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Writes out the first pair of braces that holds a comma, and goes on with what comes of it.
fn expand(pattern: &str, into: &mut Vec<String>) {
    if into.len() >= ALTERNATIVES {
        return;
    }
    match braces(pattern) {
        None => into.push(pattern.to_owned()),
        Some((start, commas, end)) => {
            let mut from = start + 1;
            for to in commas.into_iter().chain([end]) {
                expand(&format!("{}{}{}", &pattern[..start], &pattern[from..to], &pattern[end + 1..]), into);
                from = to + 1;
            }
        }
    }
}

/// The first braces with a comma of their own: where they open, their commas, and where they close.
fn braces(pattern: &str) -> Option<(usize, Vec<usize>, usize)> {
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut best: Option<(usize, Vec<usize>, usize)> = None;
    for (at, byte) in pattern.bytes().enumerate() {
        match byte {
            b'{' => open.push((at, Vec::new())),
            b',' => {
                if let Some((_, commas)) = open.last_mut() {
                    commas.push(at);
                }
            }
            b'}' => {
                if let Some((start, commas)) = open.pop()
                    && !commas.is_empty()
                    && best.as_ref().is_none_or(|(before, ..)| start < *before)
                {
                    best = Some((start, commas, at));
                }
            }
            _ => {}
        }
    }
    best
}

enum Part {
    /// Any number of folders.
    Any,
    /// One name: what it must match, and what it may not match besides.
    Name { wanted: Regex, unwanted: Option<Regex>, dots: bool },
}

/// A pattern without braces, cut at its slashes.
struct Glob(Vec<Part>);

impl Glob {
    fn of(pattern: &str) -> Option<Self> {
        let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(|part| if part == "**" { Some(Part::Any) } else { name(part) }).collect::<Option<_>>().map(Self)
    }

    fn matches(&self, path: &[&str]) -> bool {
        // Which parts of the pattern may come next, after each name of the path.
        let mut at: Vec<bool> = vec![false; self.0.len() + 1];
        at[0] = true;
        self.skip(&mut at);
        for name in path {
            let mut next = vec![false; at.len()];
            for (index, part) in self.0.iter().enumerate().filter(|(index, _)| at[*index]) {
                match part {
                    Part::Any if !name.starts_with('.') => next[index] = true,
                    Part::Any => {}
                    part => next[index + 1] |= part.fits(name),
                }
            }
            self.skip(&mut next);
            at = next;
        }
        at.last().copied().unwrap_or(false)
    }

    fn skip(&self, at: &mut [bool]) {
        for (index, part) in self.0.iter().enumerate() {
            if at[index] && matches!(part, Part::Any) {
                at[index + 1] = true;
            }
        }
    }
}

impl Part {
    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name { wanted, unwanted, dots } => {
                (*dots || !name.starts_with('.'))
                    && wanted.is_match(name)
                    && !unwanted.as_ref().is_some_and(|unwanted| unwanted.is_match(name))
            }
        }
    }
}

/// One name's pattern. A name that begins with a dot is meant only by one that does too.
fn name(part: &str) -> Option<Part> {
    let wanted = expression(part, true)?;
    let unwanted = if part.contains("!(") { Some(expression(part, false)?) } else { None };
    Some(Part::Name { wanted, unwanted, dots: part.starts_with('.') })
}

/// The pattern as a regular expression, where `!(…)` stands for anything, or for what it excludes.
fn expression(part: &str, open: bool) -> Option<Regex> {
    let mut written = String::from("(?s)^");
    let mut groups: Vec<&str> = Vec::new();
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        if matches!(c, '!' | '*' | '+' | '?' | '@') && tail.starts_with('(') && tail.contains(')') {
            if c == '!' && open {
                let end = tail.find(')')?;
                written.push_str(".*");
                rest = &tail[end + 1..];
                continue;
            }
            groups.push(match c {
                '*' => ")*",
                '+' => ")+",
                '?' => ")?",
                _ => ")",
            });
            written.push_str("(?:");
            rest = &tail[1..];
            continue;
        }
        rest = tail;
        match c {
            '*' => written.push_str(".*"),
            '?' => written.push('.'),
            '[' => rest = class(tail, &mut written),
            '|' if !groups.is_empty() => written.push('|'),
            ')' if !groups.is_empty() => written.push_str(groups.pop().unwrap_or(")")),
            c => written.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    written.push('$');
    Regex::new(&written).ok()
}

/// `[a-z]` and `[!a-z]`; a bracket that is never closed stands for itself.
fn class<'p>(rest: &'p str, written: &mut String) -> &'p str {
    let (negated, body) = match rest.strip_prefix(['!', '^']) {
        Some(body) => (true, body),
        None => (false, rest),
    };
    // The first character closes nothing.
    let first = body.chars().next().map_or(0, char::len_utf8);
    let Some(end) = body.get(first..).and_then(|tail| tail.find(']')).map(|at| at + first) else {
        written.push_str("\\[");
        return rest;
    };
    written.push_str(if negated { "[^" } else { "[" });
    for c in body[..end].chars() {
        if matches!(c, '[' | ']' | '\\' | '&' | '~' | '^') {
            written.push('\\');
        }
        written.push(c);
    }
    written.push(']');
    &body[end + 1..]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for path in [
            "tasks.md",
            "specs/a/spec.md",
            "specs/a/b/notes.md",
            "specs/.x/spec.md",
            "specs/x.txt",
            "parts/1.md",
            "parts/2.md",
            "deep/.md",
            "a(b).md",
        ] {
            tree.put_file(&format!("c/{path}"), Vec::new());
        }
        tree.put("c/gone.md", Node::Dangling);
        tree.put("c/linked.md", Node::LinkedFile { target: "c/parts/1.md".into(), bytes: Vec::new().into() });
        tree
    }

    #[test]
    fn patterns_name_the_files_that_are_there() {
        let tree = tree();
        let table: &[(&str, &[&str])] = &[
            ("tasks.md", &["tasks.md"]),
            ("./tasks.md", &["tasks.md"]),
            ("specs", &[]),
            ("gone.md", &[]),
            ("linked.md", &["parts/1.md"]),
            ("specs/**/*.md", &["specs/a/b/notes.md", "specs/a/spec.md"]),
            ("**/spec.md", &["specs/a/spec.md"]),
            ("specs/*", &["specs/x.txt"]),
            ("*/{1,2}.md", &["parts/1.md", "parts/2.md"]),
            ("{parts/1,tasks}.md", &["parts/1.md", "tasks.md"]),
            ("parts/[!1].md", &["parts/2.md"]),
            ("parts/[0-1].md", &["parts/1.md"]),
            ("parts/?.md", &["parts/1.md", "parts/2.md"]),
            ("parts/@(1|3).md", &["parts/1.md"]),
            ("parts/!(1).md", &["parts/2.md"]),
            ("deep/*", &[]),
            ("deep/.*", &["deep/.md"]),
            ("a(b).md", &["a(b).md"]),
            ("{x}.md", &[]),
        ];
        for (pattern, wanted) in table {
            let found = outputs(&tree, "c", pattern).unwrap();
            let found: Vec<&str> = found.iter().map(|path| path.strip_prefix("c/").unwrap()).collect();
            assert_eq!(found, *wanted, "{pattern}");
        }
    }

    #[test]
    fn a_link_out_of_the_change_is_refused() {
        let mut tree = tree();
        tree.put("c/out.md", Node::LeadsOut);
        tree.put("c/side/x.md", Node::LinkedFile { target: "cx/1.md".into(), bytes: Vec::new().into() });
        for pattern in ["out.md", "*.md", "side/x.md", "side/*"] {
            assert!(matches!(outputs(&tree, "c", pattern), Err(Fault::LeadsOut(_))), "{pattern}");
        }
        assert!(outputs(&tree, "c", "parts/*").is_ok());
    }

    #[test]
    fn braces_without_end_are_refused() {
        let bomb = "{a,b}".repeat(20);
        assert_eq!(outputs(&tree(), "c", &bomb), Err(Fault::Pattern(bomb.clone())));
    }
}
