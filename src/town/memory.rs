//! An agent's memory: `agents/memories/<name>-memory.json`, typed entries that the agent keeps from run to run.
//! Lives here: the shape, its rules, what is dropped when it is full. Never here: files, and the clock (the moment
//! of an entry is handed in).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::finding::Finding;
use super::limits::{MEMORY_CHARS, MEMORY_ENTRIES, TOWN_FILE_BYTES};
use super::text::{count_invisible, one_line};
use super::transcript::hash_of;

/// The rule that findings about a memory file carry.
pub const RULE: &str = "memory-valid";
/// The longest identifier of an entry or a source, in characters.
const ID_CHARS: usize = 128;
/// The most sources of one entry.
const SOURCES: usize = 20;

/// What kind of thing is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MemoryKind")]
pub enum Kind {
    /// Something that is so.
    Fact,
    /// Something learned from what happened.
    Lesson,
    /// Something that was decided, and why.
    Decision,
    /// Something that is not yet known.
    Question,
}

/// One thing that an agent remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Memory")]
pub struct Entry {
    /// What the entry is called; a new entry of the same name replaces it.
    pub id: String,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// From 1 (may be forgotten) to 10 (must not be).
    pub importance: u8,
    /// What is remembered, in at most 500 characters.
    pub text: String,
    /// The events or commits that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub based_on: Vec<String>,
}

/// All that an agent remembers, at most 200 entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    entries: Vec<Entry>,
}

/// Why something cannot be remembered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("remember {id:?}: {why}")]
pub struct BadEntry {
    id: String,
    why: String,
}

/// The file before its entries are looked at; each keeps its place in the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

impl Entry {
    /// What is wrong with the entry, as sentences without a full stop; nothing where it is right.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !is_name(&self.id) {
            found.push(format!("the id must be 1 to {ID_CHARS} letters, digits and - _ . : /"));
        }
        let chars = self.text.chars().count();
        if self.text.trim().is_empty() {
            found.push("the text is empty".to_owned());
        } else if chars > MEMORY_CHARS {
            found.push(format!("the text has {chars} characters; the limit is {MEMORY_CHARS}"));
        }
        if count_invisible(&self.text) > 0 {
            found.push("the text holds invisible characters".to_owned());
        }
        if !(1..=10).contains(&self.importance) {
            found.push(format!("the importance is {}; it goes from 1 to 10", self.importance));
        }
        if self.based_on.len() > SOURCES {
            found.push(format!("it rests on {} sources; the limit is {SOURCES}", self.based_on.len()));
        }
        if let Some(source) = self.based_on.iter().find(|source| !is_name(source)) {
            found.push(format!("`{}` is no id of an event or a commit", one_line(source, 40)));
        }
        found
    }
}

impl Entry {
    /// The id of an entry that is known by its text alone, so that the same text is remembered once.
    #[must_use]
    pub fn id_of(text: &str) -> String {
        let hash = hash_of(text.as_bytes());
        format!("m-{}", hash.chars().take(16).collect::<String>())
    }

    /// The entry as one line of a list.
    fn line(&self) -> String {
        let from = match self.based_on.as_slice() {
            [] => String::new(),
            sources => format!(" (from {})", sources.join(", ")),
        };
        format!(
            "- [{}, importance {}, {}] {}{from}\n",
            kind_name(self.kind),
            self.importance,
            self.at.format("%Y-%m-%d"),
            one_line(&self.text, MEMORY_CHARS)
        )
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    !text.is_empty() && text.len() <= ID_CHARS && text.chars().all(fits)
}

impl Memory {
    /// Reads a memory file. What is right in it is kept, and everything wrong is a finding with its line.
    #[must_use]
    pub fn parse(path: &str, bytes: &[u8]) -> (Self, Vec<Finding>) {
        let mut memory = Self::default();
        let wrong =
            |message: String| Finding::error(RULE, message).at(path).fix("write the file with the Remember tool");
        if bytes.len() > TOWN_FILE_BYTES {
            let message = format!("the memory has {} bytes; the limit is {TOWN_FILE_BYTES}", bytes.len());
            return (memory, vec![wrong(message)]);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return (memory, vec![wrong("the memory is not UTF-8".to_owned())]);
        };
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let file: File<'_> = match from_object(text) {
            Ok(file) => file,
            Err(error) => {
                return (memory, vec![wrong(format!("not a memory: {}", reason(&error))).line(error.line().max(1))]);
            }
        };
        let mut findings = Vec::new();
        if file.entries.len() > MEMORY_ENTRIES {
            findings.push(wrong(format!("{} entries; the limit is {MEMORY_ENTRIES}", file.entries.len())));
        }
        let mut lines = Lines { text, offset: 0, line: 1 };
        let mut seen = HashMap::new();
        for raw in file.entries {
            let line = lines.of(raw.get());
            match from_object::<Entry>(raw.get()) {
                Ok(entry) => {
                    let mut problems = entry.problems();
                    if let Some(first) = seen.insert(entry.id.clone(), line) {
                        problems.push(format!("its id is that of the entry in line {first}"));
                    }
                    let name = one_line(&entry.id, 40);
                    findings.extend(problems.iter().map(|why| wrong(format!("entry `{name}`: {why}")).line(line)));
                    if problems.is_empty() && memory.entries.len() < MEMORY_ENTRIES {
                        memory.entries.push(entry);
                    }
                }
                Err(error) => {
                    let at = line + error.line().saturating_sub(1);
                    findings.push(wrong(format!("not an entry: {}", reason(&error))).line(at));
                }
            }
        }
        memory.sort();
        (memory, findings)
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds an entry, or replaces the one of the same id. What no longer fits is returned: the oldest of the least
    /// important, which may be the new entry itself.
    ///
    /// # Errors
    /// When the entry breaks a rule; the memory is then as it was.
    pub fn remember(&mut self, entry: Entry) -> Result<Option<Entry>, BadEntry> {
        if let Some(why) = entry.problems().into_iter().next() {
            return Err(BadEntry { id: one_line(&entry.id, 40), why });
        }
        self.entries.retain(|other| other.id != entry.id);
        self.entries.push(entry);
        self.sort();
        if self.entries.len() <= MEMORY_ENTRIES {
            return Ok(None);
        }
        // The first of equals is the oldest.
        let least = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.importance);
        Ok(least.map(|(at, _)| at).map(|at| self.entries.remove(at)))
    }

    /// Forgets the entry of this id, if there is one.
    pub fn forget(&mut self, id: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.remove(at))
    }

    /// The file: the same memory always gives the same bytes.
    #[must_use]
    pub fn render(&self) -> String {
        // Plain strings and numbers always serialise.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// The entries that hold every word of `query`, one a line with what each rests on, most important and newest first, in
    /// at most `max_bytes` and a line that counts those left out. It is data, to be quoted by whoever shows it.
    #[must_use]
    pub fn list(&self, query: &str, max_bytes: usize) -> String {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let mut found: Vec<(&Entry, String)> = self.entries.iter().map(|entry| (entry, entry.line())).collect();
        found.retain(|(_, line)| {
            let line = line.to_lowercase();
            words.iter().all(|word| line.contains(word))
        });
        found.sort_by(|(a, _), (b, _)| (b.importance, b.at, &b.id).cmp(&(a.importance, a.at, &a.id)));
        let mut text = String::new();
        for (at, (_, line)) in found.iter().enumerate() {
            if text.len() + line.len() > max_bytes {
                text.push_str(&format!("- ({} more entries left out)\n", found.len() - at));
                break;
            }
            text.push_str(line);
        }
        text
    }

    fn sort(&mut self) {
        self.entries.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Fact => "fact",
        Kind::Lesson => "lesson",
        Kind::Decision => "decision",
        Kind::Question => "question",
    }
}

/// Reads a struct from an object only; serde would also take an array of its fields.
fn from_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    if text.trim_start().starts_with('[') {
        return Err(serde::de::Error::custom("an object is expected, not an array"));
    }
    serde_json::from_str(text)
}

/// What serde says, without the place that the finding already names.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    one_line(text.split(" at line ").next().unwrap_or(&text), 200)
}

/// Finds the line of consecutive parts of one text, once over the whole of it.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, part: &str) -> usize {
        // A raw value borrows from the text, so its address tells where it stands.
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let passed = self.text.as_bytes().get(self.offset..start).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count();
        self.offset = start.max(self.offset);
        self.line
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(id: &str, minute: i64, importance: u8) -> Entry {
        let at = DateTime::from_timestamp(1_795_000_000 + minute * 60, 0).unwrap();
        Entry { id: id.to_owned(), at, kind: Kind::Fact, importance, text: format!("{id} is so"), based_on: vec![] }
    }

    fn check(text: &str, expected: &[(u32, &str)]) {
        let (_, findings) = Memory::parse("m.json", text.as_bytes());
        let found: Vec<(u32, &str)> = findings.iter().map(|f| (f.line.unwrap_or(0), f.message.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{text}\n{found:?}");
        for ((line, message), (expected_line, part)) in found.iter().zip(expected) {
            assert!(line == expected_line && message.contains(part), "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn findings_name_line_and_reason() {
        let good = r#"{"id":"a","at":"2026-11-21T04:20:00Z","kind":"fact","importance":5,"text":"x"}"#;
        check("{\"entries\": []}", &[]);
        check("\u{FEFF}{\"entries\": []}", &[]);
        check(&format!("{{\"entries\": [\n{good}\n]}}"), &[]);
        check("", &[(1, "EOF")]);
        check("[]", &[(1, "not a memory")]);
        check("{\"entries\": [\n\n[]]}", &[(3, "not an array")]);
        check("{\"entries\": [],\n\"more\": 1}", &[(2, "unknown field")]);
        check(&format!("{{\"entries\": [\n{good},\n{good}]}}"), &[(3, "line 2")]);
        check(&format!("{{\"entries\": [\n{}]}}", good.replace("fact", "rumour")), &[(2, "unknown variant")]);
        check(&format!("{{\"entries\": [\n{}]}}", good.replace(":5", ":11")), &[(2, "from 1 to 10")]);
        check(&format!("{{\"entries\": [\n{}]}}", good.replace("\"x\"", "\" \"")), &[(2, "empty")]);
        check(&format!("{{\"entries\": [\n{}]}}", good.replace("\"x\"", "\"a\u{202E}b\"")), &[(2, "invisible")]);
        let long = "ä".repeat(501);
        check(
            &format!("{{\"entries\": [\n{}]}}", good.replace("\"x\"", &format!("\"{long}\""))),
            &[(2, "501 characters")],
        );
        check(&format!("{{\"entries\":\n{}{}}}", "[".repeat(300), "]".repeat(300)), &[(2, "not an array")]);
        let many: Vec<String> = (0..201).map(|n| good.replace("\"a\"", &format!("\"a{n}\""))).collect();
        check(&format!("{{\"entries\": [{}]}}", many.join(",")), &[(0, "201 entries")]);
    }

    #[test]
    fn the_oldest_of_the_least_important_goes() {
        let mut memory = Memory::default();
        for n in 0..200_i64 {
            let importance = if n == 7 || n == 9 { 1 } else { 5 };
            assert_eq!(memory.remember(entry(&format!("e{n}"), n, importance)), Ok(None));
        }
        assert_eq!(memory.remember(entry("new", 300, 5)).unwrap().unwrap().id, "e7");
        assert_eq!(memory.remember(entry("newer", 301, 5)).unwrap().unwrap().id, "e9");
        assert_eq!(memory.remember(entry("trifle", 302, 1)).unwrap().unwrap().id, "trifle");
        assert_eq!(memory.remember(entry("new", 303, 6)), Ok(None));
        assert_eq!(memory.entries().len(), 200);
        assert!(memory.remember(entry("bad id", 1, 5)).is_err());
        assert_eq!(memory.forget("new").unwrap().importance, 6);
    }

    #[test]
    fn is_listed_most_important_first_and_by_its_words() {
        let mut memory = Memory::default();
        memory.remember(entry("small", 1, 2)).unwrap();
        let sources = vec!["0123456789".to_owned(), "run/01J8".to_owned()];
        memory.remember(Entry { based_on: sources, ..entry("great", 0, 9) }).unwrap();
        let great = "- [fact, importance 9, 2026-11-18] great is so (from 0123456789, run/01J8)\n";
        let small = "- [fact, importance 2, 2026-11-18] small is so\n";
        let cases = [
            ("", 4000, format!("{great}{small}")),
            ("SO fact", 4000, format!("{great}{small}")),
            ("is small", 4000, small.to_owned()),
            ("0123456789", 4000, great.to_owned()),
            ("great small", 4000, String::new()),
            ("", great.len(), format!("{great}- (1 more entries left out)\n")),
        ];
        for (query, room, expected) in cases {
            assert_eq!(memory.list(query, room), expected, "{query:?} in {room}");
        }
    }

    #[test]
    fn a_text_has_one_id_that_is_valid() {
        let named = |text: &str| Entry { id: Entry::id_of(text), ..entry("x", 0, 5) };
        assert_eq!(named("The clock test is flaky.").problems(), Vec::<String>::new());
        assert_eq!(named("a").id, named("a").id);
        assert_ne!(named("a").id, named("b").id);
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_again(
            items in prop::collection::vec(("[a-z]{1,3}", 0_i64..500, 1_u8..=10), 0..230)
        ) {
            let mut memory = Memory::default();
            for (id, minute, importance) in items {
                memory.remember(entry(&id, minute, importance)).unwrap();
            }
            let text = memory.render();
            let (again, findings) = Memory::parse("m.json", text.as_bytes());
            prop_assert_eq!(findings, vec![]);
            prop_assert_eq!(again.render(), text);
            prop_assert_eq!(again, memory);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Memory::parse("m.json", &bytes);
        }
    }
}
