//! `.openspec.yaml` of a change: its schema, its date, and the marks that allow what is otherwise refused.
//! Lives here: the keys and what they must be. Never here: whether the schema exists (see `project`).

use super::data::Value;
use super::js;

/// The file's name in a change.
pub const FILE: &str = ".openspec.yaml";

/// What a change says about itself. Keys that are not known stand here for nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The schema's name.
    pub schema: String,
    /// The day on which it was made, as `YYYY-MM-DD`.
    pub created: Option<String>,
    /// What it is for.
    pub goal: Option<String>,
    /// What it touches.
    pub affected_areas: Vec<String>,
    /// A store and an initiative in it.
    pub initiative: Option<(String, String)>,
    /// It changes no spec, on purpose.
    pub skip_specs: bool,
    /// It may take a capability's last requirement, and the capability with it.
    pub retire_capabilities: bool,
    /// Ours: changes that must be archived before it.
    pub depends_on: Vec<String>,
}

/// Why a file of metadata does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is there and cannot be read.
    #[error("the file cannot be read")]
    Unreadable,
    /// It is no YAML.
    #[error("the file is no YAML: {0}")]
    Syntax(String),
    /// A key has the wrong value, or is not there.
    #[error("{place}{why}")]
    Shape {
        /// The keys on the way, with dots and a colon behind them; empty for the file as a whole.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// There is no such schema.
    #[error("schema: there is no schema {0:?}")]
    UnknownSchema(String),
    /// There is such a schema, and it cannot be used.
    #[error("schema: {0:?} cannot be used: {1}")]
    BrokenSchema(String, String),
}

/// The marks in a file of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `skip_specs`.
    SkipSpecs,
    /// `retire_capabilities`.
    RetireCapabilities,
}

impl Mark {
    /// The key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::SkipSpecs => "skip_specs",
            Self::RetireCapabilities => "retire_capabilities",
        }
    }

    /// Whether it is set.
    #[must_use]
    pub fn of(self, metadata: &Metadata) -> bool {
        match self {
            Self::SkipSpecs => metadata.skip_specs,
            Self::RetireCapabilities => metadata.retire_capabilities,
        }
    }

    /// Whether a text that is no YAML seems to set it.
    #[must_use]
    pub fn is_mentioned(self, text: &str) -> bool {
        let mut from = 0;
        while from <= text.len() {
            let rest = &text[from..];
            let end = rest.find(js::ends_line).map_or(rest.len(), |at| at);
            let line = js::trim_start(&rest[..end]);
            for quote in ["", "'", "\""] {
                let key = line.strip_prefix(quote).and_then(|line| line.strip_prefix(self.key()));
                let after = key.and_then(|line| line.strip_prefix(quote));
                // The colon may stand on a later line.
                if after.is_some_and(|after| js::trim_start(&text[text_offset(text, after)..]).starts_with(':')) {
                    return true;
                }
            }
            from += end + rest[end..].chars().next().map_or(1, char::len_utf8);
        }
        false
    }
}

/// Where a part of a text begins in it.
fn text_offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

/// Whether a change has a mark, and if it seems so and does not count, why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// It is there and counts.
    pub declared: bool,
    /// It is there and does not count.
    pub invalid_reason: Option<String>,
}

impl Metadata {
    /// Reads the file's value.
    ///
    /// # Errors
    /// The first key that is wrong.
    pub fn of(value: &Value) -> Result<Self, Fault> {
        let Value::Map(_) = value else {
            return shape("", &format!("the file must be a mapping, and it is {}", value.kind()));
        };
        Ok(Self {
            schema: filled(value, "schema")?.map_or_else(|| shape("schema", "is missing"), Ok)?,
            created: created(value)?,
            goal: filled(value, "goal")?,
            affected_areas: areas(value)?,
            initiative: value.get("initiative").map(initiative).transpose()?,
            skip_specs: mark(value, "skip_specs")?,
            retire_capabilities: mark(value, "retire_capabilities")?,
            depends_on: value.get("depends_on").map(names).unwrap_or_default(),
        })
    }
}

/// Whether it is a name such as those of changes and stores: lower-case letters, digits, single hyphens between them.
#[must_use]
pub fn is_kebab(name: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.split('-').all(part)
}

fn shape<T>(place: &str, why: &str) -> Result<T, Fault> {
    let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
    Err(Fault::Shape { place, why: why.to_owned() })
}

/// A list of names, or one that stands alone.
fn names(value: &Value) -> Vec<String> {
    value.text().map(|name| vec![name]).or_else(|| value.texts()).map(owned).unwrap_or_default()
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn filled(value: &Value, key: &str) -> Result<Option<String>, Fault> {
    let Some(value) = value.get(key) else { return Ok(None) };
    match value.text() {
        Some("") => shape(key, "must not be empty"),
        Some(text) => Ok(Some(text.to_owned())),
        None => shape(key, &format!("must be a text, and it is {}", value.kind())),
    }
}

fn created(value: &Value) -> Result<Option<String>, Fault> {
    let Some(value) = value.get("created") else { return Ok(None) };
    let is_date = |text: &&str| {
        text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
    };
    match value.text().filter(is_date) {
        Some(date) => Ok(Some(date.to_owned())),
        None => shape("created", "must be a day such as 2026-01-31"),
    }
}

fn areas(value: &Value) -> Result<Vec<String>, Fault> {
    let Some(value) = value.get("affected_areas") else { return Ok(Vec::new()) };
    match value.texts() {
        Some(texts) if texts.iter().all(|text| !text.is_empty()) => Ok(owned(texts)),
        _ => shape("affected_areas", "must be a list of texts that are not empty"),
    }
}

fn initiative(value: &Value) -> Result<(String, String), Fault> {
    let Value::Map(entries) = value else { return shape("initiative", "must be a mapping of store and id") };
    let id = |key: &str| {
        let found = value.get(key).and_then(Value::text).filter(|id| is_kebab(id));
        let place = format!("initiative.{key}");
        found.map_or_else(
            || shape(&place, "must be lower-case letters, digits and single hyphens"),
            |id| Ok(id.to_owned()),
        )
    };
    let read = (id("store")?, id("id")?);
    match entries.iter().find(|(key, _)| !matches!(key.as_str(), "store" | "id")) {
        Some((key, _)) => shape("initiative", &format!("has a key {key:?} that is not known")),
        None => Ok(read),
    }
}

fn mark(value: &Value, key: &str) -> Result<bool, Fault> {
    match value.get(key) {
        None => Ok(false),
        Some(Value::Bool(set)) => Ok(*set),
        Some(other) => shape(key, &format!("must be true or false, and it is {}", other.kind())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Metadata, String> {
        Metadata::of(&Value::parse(text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn each_key_must_be_what_it_is_for() {
        let whole = "schema: s\ncreated: 2026-01-31\ngoal: g\naffected_areas: [a]\ninitiative: {store: a-1, id: b}\nskip_specs: true\nx_base: {any: thing}\ndepends_on: [other]\n";
        let read_whole = read(whole).unwrap();
        assert_eq!((read_whole.skip_specs, read_whole.retire_capabilities), (true, false));
        assert_eq!(read_whole.initiative, Some(("a-1".to_owned(), "b".to_owned())));
        assert_eq!(read_whole.depends_on, ["other"]);
        let table = [
            ("", "the file must be a mapping, and it is nothing"),
            ("- a", "the file must be a mapping"),
            ("goal: x", "schema: is missing"),
            ("schema: ''", "schema: must not be empty"),
            ("schema: 1", "schema: must be a text, and it is a number"),
            ("schema: s\ncreated: 20260131", "created: "),
            ("schema: s\ncreated: 2026-1-31", "created: "),
            ("schema: s\ngoal: ''", "goal: "),
            ("schema: s\naffected_areas: [a, '']", "affected_areas: "),
            ("schema: s\ninitiative: {store: A, id: b}", "initiative.store: "),
            ("schema: s\ninitiative: {store: a, id: b, c: d}", "initiative: has a key \"c\""),
            ("schema: s\nskip_specs: yes", "skip_specs: must be true or false, and it is a text"),
            ("schema: s\nretire_capabilities: 1", "retire_capabilities: "),
        ];
        for (text, wanted) in table {
            let said = read(text).unwrap_err();
            assert!(said.starts_with(wanted), "{text}\n{said}");
        }
        // Dates are compared as a pattern and never asked of a calendar.
        assert!(read("schema: s\ncreated: 9999-99-99").is_ok());
    }

    #[test]
    fn a_mark_is_seen_in_a_text_that_is_no_yaml() {
        let mark = Mark::SkipSpecs;
        for text in ["skip_specs: x", "a: [\n  'skip_specs' : true", "\"skip_specs\"\n :", "a\rskip_specs:"] {
            assert!(mark.is_mentioned(text), "{text:?}");
        }
        for text in
            ["# skip_specs: true", "'skip_specs\": true", "my_skip_specs: true", "skip_specs", "skip_specs_x: 1", ""]
        {
            assert!(!mark.is_mentioned(text), "{text:?}");
        }
    }

    #[test]
    fn names_are_kebab() {
        for (name, wanted) in
            [("a-1-b", true), ("1", true), ("", false), ("a--b", false), ("-a", false), ("A", false), ("é", false)]
        {
            assert_eq!(is_kebab(name), wanted, "{name}");
        }
    }
}
