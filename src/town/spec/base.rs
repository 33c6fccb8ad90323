//! What a requirement said when a change was written for it: fingerprints of its text and of each of its scenarios.
//! Lives here: taking them, and their form in `.openspec.yaml`. They are all that a merge needs (see `merge`), so that no old
//! text must be kept. Never here: which commit a change began at (see `git`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::block::{self, Block};
use super::data::Value;
use super::js;
use super::lines::Lines;
use super::main_spec::Requirements;

/// The key in `.openspec.yaml`; the reference passes over keys that it does not know.
pub const KEY: &str = "x_base";
/// How the fingerprints are made. Another way gets another name, and a record with a name that is not known does not count.
pub const HASH: &str = "blake3-128";
/// The key below it for a commit.
const COMMIT: &str = "commit";

/// The fingerprint of a piece of text, without the blanks around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Print(String);

impl Print {
    /// Takes it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let hash = blake3::hash(js::trim(text).as_bytes());
        Self(hash.to_hex()[..32].to_owned())
    }
}

/// A requirement in pieces: its text, then its scenarios. Two scenarios may have one name; then their order counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// What stands between the heading and the first scenario.
    pub body: String,
    /// Name and text of every scenario, its heading first.
    pub scenarios: Vec<(String, String)>,
}

impl Pieces {
    /// Takes a block apart.
    #[must_use]
    pub fn of(block: &Block) -> Self {
        let lines = block.lines();
        let scenarios = block::scenarios(&lines, 1..lines.len());
        let end = scenarios.first().map_or(lines.len(), |scenario| scenario.at);
        let body = js::trim_end(&lines.join(1..end)).to_owned();
        Self { body, scenarios: scenarios.into_iter().map(|scenario| (scenario.name, scenario.raw)).collect() }
    }

    /// The block again, below the heading.
    #[must_use]
    pub fn join(&self, heading: &str) -> String {
        let mut raw = heading.to_owned();
        if !self.body.is_empty() {
            raw.push('\n');
            raw.push_str(&self.body);
        }
        for (_, scenario) in &self.scenarios {
            raw.push_str("\n\n");
            raw.push_str(scenario);
        }
        raw
    }
}

/// The fingerprints of one requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prints {
    /// Of its text.
    pub body: Print,
    /// Of each scenario, with its name.
    pub scenarios: Vec<(String, Print)>,
}

impl Prints {
    /// Takes them.
    #[must_use]
    pub fn of(block: &Block) -> Self {
        let Pieces { body, scenarios } = Pieces::of(block);
        let scenarios = scenarios.into_iter().map(|(name, text)| (name, Print::of(&text))).collect();
        Self { body: Print::of(&body), scenarios }
    }
}

/// What is known of a requirement as it was when a change was written for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// What it said.
    Said(Prints),
    /// Nothing, and why: then nobody can tell whether others changed it since.
    Unknown(String),
}

/// What is known of each change's base, by its name.
pub type Bases = BTreeMap<String, Base>;

/// What belongs to a change: by capability, then by requirement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    specs: BTreeMap<String, BTreeMap<String, Known>>,
    /// Why nothing is known of what does not stand there. `None` where nobody was asked.
    rest: Option<String>,
}

impl Base {
    /// Takes those of a main spec, for the requirements that are asked for.
    pub fn add(&mut self, id: &str, spec: &str, is_wanted: impl Fn(&str) -> bool) {
        let parts = Requirements::of(&Lines::of(spec));
        for block in parts.blocks.iter().filter(|block| is_wanted(&block.name)) {
            self.put(id, block.name.clone(), Known::Said(Prints::of(block)));
        }
    }

    /// Says what is known of a requirement.
    pub fn put(&mut self, id: &str, name: String, known: Known) {
        self.specs.entry(id.to_owned()).or_default().insert(name, known);
    }

    /// One of which nothing is known but why.
    #[must_use]
    pub fn unknown(why: &str) -> Self {
        Self { rest: Some(why.to_owned()), ..Self::default() }
    }

    /// The one of a change among those that history was asked for.
    #[must_use]
    pub fn of(bases: &Bases, change: &str) -> Self {
        bases.get(change).cloned().unwrap_or_else(|| Self::unknown("its history was not looked at"))
    }

    /// Whether something is known of every requirement that stands in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.specs.values().flatten().all(|(_, known)| matches!(known, Known::Said(_)))
    }

    /// The fingerprints of a requirement, where they were taken.
    #[must_use]
    pub fn get(&self, id: &str, name: &str) -> Option<&Prints> {
        match self.specs.get(id)?.get(name)? {
            Known::Said(prints) => Some(prints),
            Known::Unknown(_) => None,
        }
    }

    /// Why nothing is known of a requirement; `None` where something is, or where nobody was asked.
    #[must_use]
    pub fn why_unknown(&self, id: &str, name: &str) -> Option<&str> {
        match self.specs.get(id).and_then(|specs| specs.get(name)) {
            Some(Known::Said(_)) => None,
            Some(Known::Unknown(why)) => Some(why),
            None => self.rest.as_deref(),
        }
    }

    /// Puts what is recorded in the place of what was found out otherwise, requirement by requirement.
    pub fn over(&mut self, recorded: Self) {
        for (id, prints) in recorded.specs {
            self.specs.entry(id).or_default().extend(prints);
        }
    }

    /// Reads a record: `x_base` of a change's metadata. What is not as this program writes it does not count.
    #[must_use]
    pub fn read(metadata: &Value) -> Self {
        let mut base = Self::default();
        let Some(record) = metadata.get(KEY).filter(|record| record.get("hash").and_then(Value::text) == Some(HASH))
        else {
            return base;
        };
        let Some(Value::Map(specs)) = record.get("specs") else { return base };
        for (id, requirements) in specs {
            let Value::Map(requirements) = requirements else { continue };
            let known = |prints: &Value| Some(Known::Said(prints_of(prints)?));
            let read = requirements.iter().filter_map(|(name, prints)| Some((name.clone(), known(prints)?)));
            base.specs.insert(id.clone(), read.collect());
        }
        base
    }

    /// The commit whose main specs the change was begun with, where its metadata names one.
    #[must_use]
    pub fn commit_of(metadata: &str) -> Option<String> {
        let value = Value::parse(metadata).ok()?;
        let commit = value.get(KEY)?.get(COMMIT)?.text()?;
        Some(commit.to_owned()).filter(|_| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// The lines of metadata that name that commit.
    #[must_use]
    pub fn begun_at(commit: &str) -> String {
        format!("{KEY}:\n  {COMMIT}: {}\n", quoted(commit))
    }

    /// The text of a change's `.openspec.yaml` with this record in the place of an earlier one. All else stays as it is.
    #[must_use]
    pub fn recorded(&self, metadata: &str) -> String {
        let mut text = String::with_capacity(metadata.len());
        let mut inside = false;
        for line in metadata.split_inclusive('\n') {
            let goes_on = line.starts_with([' ', '\t', '#']) || line.trim().is_empty();
            inside = if inside { goes_on } else { line.strip_prefix(KEY).is_some_and(|rest| rest.starts_with(':')) };
            if !inside {
                text.push_str(line);
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if !self.specs.is_empty() {
            text.push_str(&self.printed());
        }
        text
    }

    fn printed(&self) -> String {
        let mut text = format!("{KEY}:\n  hash: {HASH}\n  specs:\n");
        for (id, requirements) in &self.specs {
            let _ = writeln!(text, "    {}:", quoted(id));
            for (name, prints) in requirements {
                let Known::Said(prints) = prints else { continue };
                let _ = writeln!(text, "      {}:\n        text: {}", quoted(name), quoted(&prints.body.0));
                if !prints.scenarios.is_empty() {
                    text.push_str("        scenarios:\n");
                }
                for (name, print) in &prints.scenarios {
                    let _ = writeln!(text, "          - [{}, {}]", quoted(name), quoted(&print.0));
                }
            }
        }
        text
    }
}

/// JSON's way of writing a text is one of YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn prints_of(value: &Value) -> Option<Prints> {
    let body = Print(value.get("text")?.text()?.to_owned());
    let scenarios = match value.get("scenarios") {
        None => Vec::new(),
        Some(Value::List(listed)) => {
            let pair = |pair: &Value| match pair.texts()?[..] {
                [name, print] => Some((name.to_owned(), Print(print.to_owned()))),
                _ => None,
            };
            listed.iter().map(pair).collect::<Option<_>>()?
        }
        Some(_) => return None,
    };
    Some(Prints { body, scenarios })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SPEC: &str = "## Purpose\nx\n\n## Requirements\n### Requirement: A \"b\": c\nIt SHALL.\n\n#### Scenario: 1\n- x\n\n#### Scenario: 1\n- y\n### Requirement: B\nIt SHALL.\n";

    #[test]
    fn a_record_is_read_as_it_was_written_and_replaces_the_one_before() {
        let mut base = Base::default();
        base.add("a/b", SPEC, |_| true);
        let metadata = "schema: s # why\nx_base:\n  hash: old\n\n  # mine\n  specs: {}\ncreated: 2026-01-31";
        let text = base.recorded(metadata);
        assert!(text.starts_with("schema: s # why\ncreated: 2026-01-31\nx_base:\n"), "{text}");
        assert_eq!(Base::read(&Value::parse(&text).unwrap()), base);
        assert_eq!(base.recorded(&text), text);
        assert_eq!(base.get("a/b", "A \"b\": c").map(|prints| prints.scenarios.len()), Some(2));
        assert_eq!(Base::default().recorded(&text), "schema: s # why\ncreated: 2026-01-31\n");
    }

    #[test]
    fn what_is_recorded_for_one_requirement_leaves_the_others() {
        let (mut found, mut recorded) = (Base::default(), Base::default());
        found.add("a", SPEC, |_| true);
        recorded.add("a", &SPEC.replace("It SHALL.", "It MUST."), |name| name == "B");
        let before = found.clone();
        found.over(recorded.clone());
        assert_eq!(found.get("a", "A \"b\": c"), before.get("a", "A \"b\": c"));
        assert_eq!(found.get("a", "B"), recorded.get("a", "B"));
        assert_ne!(found.get("a", "B"), before.get("a", "B"));
    }

    #[test]
    fn a_record_of_another_kind_does_not_count() {
        for text in [
            "x_base: 1",
            "x_base: {hash: md5, specs: {a: {b: {text: c}}}}",
            "x_base: {hash: blake3-128, specs: [1]}",
            "[]",
        ] {
            assert_eq!(Base::read(&Value::parse(text).unwrap()), Base::default(), "{text}");
        }
    }
}
