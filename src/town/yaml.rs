//! The one way in which the town reads YAML that people or agents wrote: bounded, and with findings instead of errors.
//! Lives here: the limits and refusals, front matter, and the words of the findings. Start with [`read`], or with
//! [`Doc`] where later rules need the lines of keys. Never here: what a key means (see `charter`, `settings`).
//!
//! The order matters: size, encoding, then `scan` before any parser sees the text, then the tree (`node`),
//! then the type (`typed`).

mod node;
mod scan;
#[cfg(test)]
mod tests;
mod typed;

use std::collections::{BTreeSet, HashSet};

use serde::de::DeserializeOwned;

use self::node::{Entry, Node};
use self::scan::Refused;
use self::typed::{Kind, Misfit, Typed};
use super::finding::Finding;
use super::limits::{FRONT_MATTER_BYTES, TOWN_FILE_BYTES};

/// Findings about one file, at the most: whoever mends fifty reads the rest then.
pub const FINDINGS: usize = 50;

/// The rules that this file enforces: name, and what it asks for.
pub const RULES: &[(&str, &str)] = &[
    ("yaml-syntax", "the text is YAML, without tags, and its keys are texts"),
    ("yaml-anchor", "no anchors, aliases or merge keys: what a file says stands where it is read"),
    ("yaml-tab", "lines are indented with spaces"),
    ("yaml-duplicate-key", "a mapping has each key once"),
    ("yaml-unknown-key", "every key is a known one"),
    ("yaml-missing-key", "the keys without a default are there"),
    ("yaml-type", "every value has the type of its key"),
    ("yaml-value", "every value is one that its key allows"),
    ("yaml-too-large", "the file and its front matter are within the limits"),
    ("yaml-encoding", "the file is UTF-8 text without control characters"),
    ("yaml-documents", "a file holds one document"),
    ("yaml-depth", "mappings and lists are nested 64 deep at the most"),
    ("yaml-front-matter", "the file begins with a front matter between two lines of ---"),
];

/// A Markdown file's two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontMatter {
    /// The text between the fences.
    pub yaml: String,
    /// The line of the file on which it begins.
    pub first_line: u32,
    /// The text below the second fence.
    pub body: String,
    /// The line of the file on which the body begins, or would begin.
    pub body_line: u32,
}

/// Splits a Markdown file into its front matter and its body.
///
/// # Errors
/// The finding that says why the file has no front matter that can be read.
pub fn front_matter(path: &str, bytes: &[u8]) -> Result<FrontMatter, Finding> {
    let text = decode(path, bytes, 1, TOWN_FILE_BYTES)?;
    let refused = |line: u32, message: &str, remedy: &str| {
        Err(Finding::error("yaml-front-matter", message).at(path).line(line).fix(remedy))
    };
    let is_fence = |line: &str| line.trim_end() == "---";
    let mut lines = text.split_inclusive('\n');
    let Some(open) = lines.next().filter(|line| is_fence(line)) else {
        return refused(1, "the file does not begin with a front matter", "make the first line exactly ---");
    };
    let (mut length, mut number) = (0, 2_u32);
    for line in lines {
        if is_fence(line) {
            let (yaml, rest) = text[open.len()..].split_at(length);
            let body = rest[line.len()..].to_owned();
            return Ok(FrontMatter { yaml: yaml.to_owned(), first_line: 2, body, body_line: number + 1 });
        }
        (length, number) = (length + line.len(), number.saturating_add(1));
        if length > FRONT_MATTER_BYTES {
            let message = format!("the front matter has more than {FRONT_MATTER_BYTES} bytes");
            let remedy = "end it with a line --- and put the text below that line";
            return Err(Finding::error("yaml-too-large", message).at(path).line(number - 1).fix(remedy));
        }
    }
    refused(1, "the front matter is not closed", "put a line with exactly --- below its last key")
}

/// Reads `text` as a `T`; `path` and `first_line` say where it stands in its file.
///
/// The value is there unless something is wrong beyond an unknown key, which is left out. `known_keys` are those of
/// the top level; nested keys are known where their type says so.
pub fn read<T: DeserializeOwned>(
    path: &str,
    text: &[u8],
    first_line: u32,
    known_keys: &[&str],
) -> (Option<T>, Vec<Finding>) {
    match Doc::load(path, text, first_line) {
        Ok(doc) => doc.typed(known_keys),
        Err(findings) => (None, findings),
    }
}

/// The known word that `word` was probably meant to be.
pub fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase().replace('_', "-");
    let far = (word.chars().count() / 3).clamp(1, 4);
    let distance = |known: &str| strsim::damerau_levenshtein(&word, &known.to_lowercase().replace('_', "-"));
    let close = known.map(|known| (distance(known), known)).filter(|(distance, _)| *distance <= far);
    close.min().map(|(_, known)| known.to_owned())
}

/// A YAML document that may be read as a type, and that knows the lines of its keys.
#[derive(Clone, Debug)]
pub struct Doc {
    path: String,
    text: String,
    first_line: u32,
    root: Node,
}

impl Doc {
    /// Parses the text of one document.
    ///
    /// # Errors
    /// The findings that say why there is no document to go on with.
    pub fn load(path: &str, text: &[u8], first_line: u32) -> Result<Self, Vec<Finding>> {
        let text = decode(path, text, first_line, TOWN_FILE_BYTES).map_err(|finding| vec![finding])?;
        strange_character(path, &text, first_line).map_or(Ok(()), |finding| Err(vec![finding]))?;
        let refused = scan::scan(&text);
        if !refused.is_empty() {
            return Err(refused.into_iter().map(|what| refusal(what, path, first_line)).collect());
        }
        match Node::load(&text) {
            Ok(root) => Ok(Self { path: path.to_owned(), text, first_line, root }),
            Err(error) => Err(vec![syntax(&error, path, &text, first_line)]),
        }
    }

    /// Reads the document as a `T`, with everything that does not fit.
    #[must_use]
    pub fn typed<T: DeserializeOwned>(&self, known_keys: &[&str]) -> (Option<T>, Vec<Finding>) {
        let mut findings = self.duplicates();
        let mut root = match &self.root {
            Node::Null => Node::Map(Vec::new()),
            root => root.clone().without_doubled(),
        };
        let mut sound = findings.is_empty();
        if let Node::Map(entries) = &mut root {
            for (step, entry) in entries.iter_mut().enumerate() {
                if !entry.dead && !known_keys.is_empty() && !known_keys.contains(&entry.key.as_str()) {
                    entry.dead = true;
                    if findings.len() < FINDINGS {
                        findings.push(self.unknown(&[step], &entry.key, known_keys));
                    }
                }
            }
        }
        let mut dropped = BTreeSet::new();
        while findings.len() < FINDINGS {
            let misfit = match T::deserialize(Typed(&root)) {
                Ok(value) => return (sound.then_some(value), findings),
                Err(misfit) => misfit,
            };
            let unknown = matches!(misfit.kind, Kind::Unknown { .. });
            sound &= unknown;
            let gone = matches!(misfit.kind, Kind::Missing(key) if dropped.contains(key));
            if !(gone && misfit.place.is_empty()) {
                findings.push(self.misfit(&misfit));
            }
            let place = if unknown { &misfit.place[..] } else { misfit.place.get(..1).unwrap_or_default() };
            let Some(entry) = root.entry_mut(place) else { break };
            entry.dead = true;
            dropped.insert(entry.key.clone());
        }
        (None, findings)
    }

    /// The line in the file of a key, named by the keys on the way to it; items of a list are named by their number
    /// from 0. Where the way ends early, the line of what is there.
    #[must_use]
    pub fn line(&self, way: &[&str]) -> u32 {
        let (mut node, mut place) = (&self.root, Vec::new());
        for step in way {
            let next = match node {
                Node::Map(entries) => {
                    let at = entries.iter().position(|entry| entry.key == *step);
                    at.map(|at| (at, &entries[at].value))
                }
                Node::Seq(items) => step.parse().ok().and_then(|at: usize| items.get(at).map(|item| (at, item))),
                _ => None,
            };
            let Some((at, below)) = next else { break };
            place.push(at);
            node = below;
        }
        self.line_at(&place)
    }

    /// Whether the document has this key at its top level.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.root.entries().iter().any(|entry| entry.key == key)
    }

    /// The keys of the top level, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.root.entries().iter().map(|entry| entry.key.as_str())
    }

    fn line_at(&self, place: &[usize]) -> u32 {
        let line = if place.is_empty() { None } else { node::line_of(&self.text, place) };
        within(line.unwrap_or(1), &self.text, self.first_line)
    }

    fn error(&self, rule: &str, place: &[usize], message: impl Into<String>) -> Finding {
        Finding::error(rule, message).at(&self.path).line(self.line_at(place))
    }

    /// Doubled keys and merge keys, anywhere in the document.
    fn duplicates(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut open = vec![(&self.root, Vec::new())];
        while let Some((node, place)) = open.pop() {
            let below = |step: usize| [place.as_slice(), &[step]].concat();
            if let Node::Seq(items) = node {
                let nested = items.iter().enumerate().filter(|(_, item)| matches!(item, Node::Seq(_) | Node::Map(_)));
                open.extend(nested.map(|(step, item)| (item, below(step))));
            }
            let mut seen = HashSet::new();
            for (step, Entry { key, value, .. }) in node.entries().iter().enumerate() {
                if findings.len() == FINDINGS {
                    return findings;
                }
                if key == "<<" {
                    let remedy = "write the keys out where they are meant";
                    findings.push(self.error("yaml-anchor", &below(step), "merge keys are not read here").fix(remedy));
                } else if !seen.insert(key) {
                    let message = format!("the key {:?} stands here twice", typed::shortened(key));
                    let remedy = "keep one of them: which one counts would be a guess";
                    findings.push(self.error("yaml-duplicate-key", &below(step), message).fix(remedy));
                }
                if matches!(value, Node::Seq(_) | Node::Map(_)) {
                    open.push((value, below(step)));
                }
            }
        }
        findings.sort_by_key(|finding| finding.line);
        findings
    }

    fn unknown(&self, place: &[usize], key: &str, known: &[&str]) -> Finding {
        let remedy = if place.len() == 1 && matches!(key, "on" | "true") && known.contains(&"schedule") {
            "`on` is GitHub's spelling; use `schedule: { cron: \"20 */4 * * *\" }`".to_owned()
        } else if let Some(meant) = suggestion(key, known.iter().copied()) {
            format!("did you mean {meant:?}?")
        } else {
            format!("remove it; the keys here are {}", known.join(", "))
        };
        self.error("yaml-unknown-key", place, format!("unknown key {:?}", typed::shortened(key))).fix(remedy)
    }

    fn misfit(&self, misfit: &Misfit) -> Finding {
        let place = &misfit.place;
        match &misfit.kind {
            Kind::Unknown { key, expected } => self.unknown(place, key, expected),
            Kind::Missing(key) => {
                self.error("yaml-missing-key", place, misfit.to_string()).fix(format!("add `{key}: …`"))
            }
            Kind::Type { old_boolean: true, .. } => self
                .error("yaml-type", place, misfit.to_string())
                .fix("write true or false: on, off, yes and no are texts"),
            Kind::Type { .. } => self
                .error("yaml-type", place, misfit.to_string())
                .fix("give it the type that is expected; texts may be quoted"),
            Kind::Value { meant: Some(meant), .. } => {
                self.error("yaml-value", place, misfit.to_string()).fix(format!("did you mean {meant:?}?"))
            }
            Kind::Value { .. } => {
                self.error("yaml-value", place, misfit.to_string()).fix("write a value that is allowed")
            }
        }
    }
}

/// The line in the file of a line in the text, never beyond the text's last.
fn within(line: u32, text: &str, first_line: u32) -> u32 {
    let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).max(1);
    first_line.saturating_add(line.clamp(1, last) - 1)
}

/// The text without the mark at its beginning.
fn decode(path: &str, bytes: &[u8], first_line: u32, limit: usize) -> Result<String, Finding> {
    if bytes.len() > limit {
        let message = format!("the file has {} bytes; {limit} are read", bytes.len());
        return Err(Finding::error("yaml-too-large", message).at(path).fix("make it smaller"));
    }
    let refused = |at: usize, message: &str| {
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let line = first_line.saturating_add(u32::try_from(line).unwrap_or(u32::MAX));
        Err(Finding::error("yaml-encoding", message).at(path).line(line).fix("save it as UTF-8 text"))
    };
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return refused(0, "the file is UTF-16");
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return refused(error.valid_up_to(), "the line is not UTF-8"),
    };
    if let Some(at) = text.find('\0') {
        return refused(at, "the line contains a NUL character");
    }
    Ok(if first_line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text }.to_owned())
}

/// Characters that YAML refuses, or that break lines where no editor shows it.
fn strange_character(path: &str, text: &str, first_line: u32) -> Option<Finding> {
    let mut line = first_line;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let why = match character {
            '\n' => {
                line = line.saturating_add(1);
                continue;
            }
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break that many editors do not show",
            '\u{feff}' => "a byte order mark that is not at the beginning of the file",
            '\t' => continue,
            other if other.is_control() => "a control character",
            _ => continue,
        };
        let message = format!("the line contains {why} (U+{:04X})", u32::from(character));
        return Some(Finding::error("yaml-encoding", message).at(path).line(line).fix("remove the character"));
    }
    None
}

fn refusal(what: Refused, path: &str, first_line: u32) -> Finding {
    let (rule, line, message, remedy) = match what {
        Refused::Anchor(line) => (
            "yaml-anchor",
            line,
            "anchors and aliases are not read here",
            "write the value out; a text that begins with & or * needs quotes",
        ),
        Refused::Tab(line) => ("yaml-tab", line, "the line is indented with a tab", "use spaces"),
        Refused::Document(line) => {
            ("yaml-documents", line, "a second document begins here", "keep one document in the file")
        }
        Refused::Depth(line) => {
            ("yaml-depth", line, "values are nested more than 64 deep from here on", "nest them less deeply")
        }
    };
    Finding::error(rule, message).at(path).line(first_line.saturating_add(line - 1)).fix(remedy)
}

fn syntax(error: &serde_yaml::Error, path: &str, text: &str, first_line: u32) -> Finding {
    let line = error.location().and_then(|location| u32::try_from(location.line()).ok()).unwrap_or(1);
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    let (rule, remedy) = match message {
        text if text.contains("recursion limit") => ("yaml-depth", "nest the values less deeply"),
        text if text.contains("more than one document") => ("yaml-documents", "keep one document in the file"),
        _ => ("yaml-syntax", "mend the line; a text with : # or quotes in it is safest in quotes"),
    };
    let finding = Finding::error(rule, format!("this is no YAML that can be read: {}", typed::shortened(message)));
    finding.at(path).line(within(line, text, first_line)).fix(remedy)
}
