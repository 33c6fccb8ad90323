//! A project's workflow: which artifacts a change has, what each needs, and which of them are tasks.
//! Lives here: reading `schema.yaml` with every reason to refuse one. Never here: the schema that is there without any (see
//! `builtin`), or which files exist (see `outputs`).

use std::collections::{BTreeMap, BTreeSet};

use super::data::Value;

/// The schema of a change that names none.
pub const DEFAULT: &str = "spec-driven";
/// The largest number that the reference takes for a whole one.
const LARGEST: f64 = 9_007_199_254_740_991.0;
/// Artifacts of one schema, at the most.
const ARTIFACTS: usize = 1_000;

/// One thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name in the schema.
    pub id: String,
    /// The file or the files, as a path or a pattern below the change.
    pub generates: String,
    /// What it is.
    pub description: String,
    /// The file of its template.
    pub template: String,
    /// What an agent is told.
    pub instruction: Option<String>,
    /// The artifacts that come before it.
    pub requires: Vec<String>,
}

/// When and how the change is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// Artifacts that must be there.
    pub requires: Vec<String>,
    /// The file with the boxes; it selects the artifact that generates it.
    pub tracks: Option<String>,
    /// What an agent is told.
    pub instruction: Option<String>,
}

/// A workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name as it says itself.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// In the order in which they are declared.
    pub artifacts: Vec<Artifact>,
    /// The phase after them.
    pub apply: Option<Apply>,
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No file.
    #[error("the schema file cannot be read")]
    Unreadable,
    /// No YAML.
    #[error("it is no YAML: {0}")]
    Syntax(String),
    /// A key has the wrong value, or is not there.
    #[error("{place}: {why}")]
    Shape {
        /// The keys on the way, with dots.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Two artifacts of one name.
    #[error("two artifacts are called {0:?}")]
    DuplicateId(String),
    /// An artifact needs one that is not there.
    #[error("artifact {id:?} requires {requires:?}, and there is no such artifact")]
    UnknownRequires {
        /// Who.
        id: String,
        /// Whom.
        requires: String,
    },
    /// The apply phase needs an artifact that is not there.
    #[error("apply.requires names {0:?}, and there is no such artifact")]
    UnknownApply(String),
    /// Artifacts that wait for one another.
    #[error("artifacts wait for one another: {}", .0.join(" → "))]
    Cycle(Vec<String>),
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// The first reason not to use it.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let value = Value::parse(text).map_err(Refused::Syntax)?;
        let top = Place { value: &value, name: String::new() };
        top.map()?;
        let name = top.filled("name")?;
        match value.get("version") {
            Some(Value::Number(number)) if number.fract() == 0.0 && *number > 0.0 && *number <= LARGEST => {}
            // The reference reads a number with a nought before it as one.
            Some(Value::Text(digits)) if is_bare_number(text, digits) => {}
            _ => return shape("version", "must be a whole number from 1"),
        }
        let description = top.optional("description")?;
        let artifacts = top.list("artifacts")?.iter().map(Place::artifact).collect::<Result<Vec<_>, _>>()?;
        if artifacts.is_empty() || artifacts.len() > ARTIFACTS {
            return shape("artifacts", &format!("must be 1 to {ARTIFACTS} artifacts"));
        }
        let apply = value.get("apply").map(|_| top.at("apply")).transpose()?;
        let apply = apply.as_ref().map(Place::apply).transpose()?;
        let schema = Self { name, description, artifacts, apply };
        schema.check()?;
        Ok(schema)
    }

    fn check(&self) -> Result<(), Refused> {
        let mut ids = BTreeSet::new();
        for artifact in &self.artifacts {
            if !ids.insert(artifact.id.as_str()) {
                return Err(Refused::DuplicateId(artifact.id.clone()));
            }
        }
        for artifact in &self.artifacts {
            if let Some(requires) = artifact.requires.iter().find(|id| !ids.contains(id.as_str())) {
                return Err(Refused::UnknownRequires { id: artifact.id.clone(), requires: requires.clone() });
            }
        }
        let applied = self.apply.iter().flat_map(|apply| &apply.requires);
        if let Some(unknown) = applied.into_iter().find(|id| !ids.contains(id.as_str())) {
            return Err(Refused::UnknownApply(unknown.clone()));
        }
        let order = self.order();
        let left: Vec<String> = self
            .artifacts
            .iter()
            .map(|artifact| artifact.id.clone())
            .filter(|id| !order.contains(&id.as_str()))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(Refused::Cycle(self.cycle(&left))) }
    }

    /// A way around among artifacts that wait for one another.
    fn cycle(&self, left: &[String]) -> Vec<String> {
        let mut way: Vec<String> = left.first().cloned().into_iter().collect();
        while let Some(last) = way.last() {
            let waits = self.artifact(last).and_then(|artifact| artifact.requires.iter().find(|id| left.contains(id)));
            let Some(next) = waits.cloned() else { break };
            if let Some(at) = way.iter().position(|id| *id == next) {
                way.drain(..at);
                way.push(next);
                break;
            }
            way.push(next);
        }
        way
    }

    /// The artifact with an id.
    #[must_use]
    pub fn artifact(&self, id: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.id == id)
    }

    /// The ids in the order in which they are written: what is needed first, then as they are declared. Those that wait for
    /// one another are not among them.
    #[must_use]
    pub fn order(&self) -> Vec<&str> {
        let declared: BTreeMap<&str, usize> =
            self.artifacts.iter().enumerate().map(|(at, artifact)| (artifact.id.as_str(), at)).collect();
        let mut waits: Vec<usize> = self.artifacts.iter().map(|artifact| artifact.requires.len()).collect();
        let mut needed: Vec<Vec<usize>> = vec![Vec::new(); self.artifacts.len()];
        for (at, artifact) in self.artifacts.iter().enumerate() {
            for before in artifact.requires.iter().filter_map(|id| declared.get(id.as_str())) {
                needed[*before].push(at);
            }
        }
        let mut ready: BTreeSet<usize> = (0..waits.len()).filter(|at| waits[*at] == 0).collect();
        let mut order = Vec::new();
        while let Some(at) = ready.pop_first() {
            order.push(self.artifacts[at].id.as_str());
            for later in &needed[at] {
                waits[*later] -= 1;
                if waits[*later] == 0 {
                    ready.insert(*later);
                }
            }
        }
        order
    }

    /// The artifacts that are written before the change is made: those that `apply` waits for, and what these wait for. All of
    /// them where nothing is said of it.
    #[must_use]
    pub fn before_apply(&self) -> Vec<&Artifact> {
        let Some(apply) = &self.apply else { return self.artifacts.iter().collect() };
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = apply.requires.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            if wanted.insert(id) {
                open.extend(self.artifact(id).into_iter().flat_map(|artifact| &artifact.requires).map(String::as_str));
            }
        }
        self.artifacts.iter().filter(|artifact| wanted.contains(artifact.id.as_str())).collect()
    }

    /// The artifact whose boxes say how far a change is: the one that `apply.tracks` names by what it generates, or, where
    /// nothing is named, the one called `tasks`.
    #[must_use]
    pub fn tracked(&self) -> Option<&Artifact> {
        match self.apply.as_ref().and_then(|apply| apply.tracks.as_ref()) {
            Some(tracks) => self.artifacts.iter().find(|artifact| artifact.generates == *tracks),
            None => self.artifact("tasks"),
        }
    }
}

/// Whether an artifact with this path is a spec of the change.
#[must_use]
pub fn is_specs(generates: &str) -> bool {
    let mut parts = generates.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
    parts.next() == Some("specs") && parts.next().is_some()
}

fn shape<T>(place: &str, why: &str) -> Result<T, Refused> {
    Err(Refused::Shape { place: place.to_owned(), why: why.to_owned() })
}

/// A value and the keys that lead to it.
struct Place<'v> {
    value: &'v Value,
    name: String,
}

impl<'v> Place<'v> {
    fn below(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn map(&self) -> Result<(), Refused> {
        match self.value {
            Value::Map(_) => Ok(()),
            other => shape(&self.name, &format!("must be a mapping, and it is {}", other.kind())),
        }
    }

    fn at(&self, key: &str) -> Result<Place<'v>, Refused> {
        let value = self.value.get(key).map_or_else(|| shape(&self.below(key), "is missing"), Ok)?;
        Ok(Place { value, name: self.below(key) })
    }

    fn string(&self, key: &str) -> Result<String, Refused> {
        let place = self.at(key)?;
        place.value.text().map_or_else(|| shape(&place.name, "must be a text"), |text| Ok(text.to_owned()))
    }

    fn filled(&self, key: &str) -> Result<String, Refused> {
        let text = self.string(key)?;
        if text.is_empty() { shape(&self.below(key), "must not be empty") } else { Ok(text) }
    }

    fn optional(&self, key: &str) -> Result<Option<String>, Refused> {
        self.value.get(key).map(|_| self.string(key)).transpose()
    }

    /// A path that stays below its folder.
    fn path(&self, key: &str) -> Result<String, Refused> {
        let path = self.filled(key)?;
        let drive =
            path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && path.as_bytes().get(1) == Some(&b':');
        let leaves = path.starts_with(['/', '\\']) || drive || path.contains('\0');
        if leaves || path.split(['/', '\\']).any(|part| part == "..") {
            return shape(&self.below(key), "must be a path that stays below its folder");
        }
        Ok(path)
    }

    fn list(&self, key: &str) -> Result<Vec<Place<'v>>, Refused> {
        let place = self.at(key)?;
        let Value::List(items) = place.value else { return shape(&place.name, "must be a list") };
        let named = |(at, value)| Place { value, name: format!("{}.{at}", place.name) };
        Ok(items.iter().enumerate().map(named).collect())
    }

    fn ids(&self, key: &str) -> Result<Vec<String>, Refused> {
        let ids = self.list(key)?;
        ids.iter()
            .map(|place| {
                place.value.text().map_or_else(|| shape(&place.name, "must be a text"), |id| Ok(id.to_owned()))
            })
            .collect()
    }

    fn artifact(&self) -> Result<Artifact, Refused> {
        self.map()?;
        Ok(Artifact {
            id: self.filled("id")?,
            generates: self.path("generates")?,
            description: self.string("description")?,
            template: self.path("template")?,
            instruction: self.optional("instruction")?,
            requires: if self.value.get("requires").is_some() { self.ids("requires")? } else { Vec::new() },
        })
    }

    fn apply(&self) -> Result<Apply, Refused> {
        self.map()?;
        let requires = self.ids("requires")?;
        if requires.is_empty() {
            return shape(&self.below("requires"), "must name one artifact at least");
        }
        let tracks = match self.value.get("tracks") {
            None | Some(Value::Null) => None,
            Some(_) => Some(self.path("tracks")?),
        };
        Ok(Apply { requires, tracks, instruction: self.optional("instruction")? })
    }
}

/// Whether the version is written with these digits and no quotes, and is more than nothing.
fn is_bare_number(text: &str, digits: &str) -> bool {
    let bare = digits.strip_prefix('+').unwrap_or(digits);
    let is_number = bare.bytes().all(|byte| byte.is_ascii_digit()) && bare.bytes().any(|byte| byte != b'0');
    let written = text.lines().filter_map(|line| line.strip_prefix("version:"));
    is_number && written.map(|rest| rest.split('#').next().unwrap_or_default().trim()).any(|rest| rest == digits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OWN: &str = "name: own\nversion: 1\nartifacts:\n";

    #[test]
    fn a_version_is_a_whole_number_however_it_is_written() {
        let read = |version: &str| {
            Schema::parse(&format!(
                "name: a\nversion: {version}\nartifacts:\n  - {{id: a, generates: a.md, description: d, template: t.md}}\n"
            ))
        };
        for version in ["1", "01", "+01 # x", "0x1", "1.0", "9007199254740991"] {
            assert!(read(version).is_ok(), "{version}");
        }
        for version in ["0", "00", "'01'", "'1'", "-1", "1.5", "9007199254740992", "01x", ""] {
            assert!(read(version).is_err(), "{version}");
        }
    }

    fn refused(rest: &str) -> String {
        Schema::parse(&format!("{OWN}{rest}")).unwrap_err().to_string()
    }

    fn one(id: &str, requires: &str) -> String {
        format!("  - {{id: {id}, generates: {id}.md, description: d, template: t.md, requires: [{requires}]}}\n")
    }

    #[test]
    fn every_reason_to_refuse_is_told() {
        let table = [
            (String::new(), "artifacts: must be a list"),
            ("  []\n".to_owned(), "artifacts: must be 1 to"),
            ("  - 1\n".to_owned(), "artifacts.0: must be a mapping"),
            ("  - {id: a, generates: a.md, template: t}\n".to_owned(), "artifacts.0.description: is missing"),
            ("  - {id: '', generates: a, description: d, template: t}\n".to_owned(), "artifacts.0.id: must not be"),
            ("  - {id: a, generates: ../a, description: d, template: t}\n".to_owned(), "artifacts.0.generates"),
            ("  - {id: a, generates: a, description: d, template: 'C:t'}\n".to_owned(), "artifacts.0.template"),
            (
                "  - {id: a, generates: a, description: d, template: t, requires: }\n".to_owned(),
                "requires: must be a list",
            ),
            (one("a", "") + &one("a", ""), "two artifacts are called \"a\""),
            (one("a", "b"), "artifact \"a\" requires \"b\""),
            (one("a", "b") + &one("b", "c") + &one("c", "b"), "b → c → b"),
            (one("a", "a"), "a → a"),
            (one("a", "") + "apply: {requires: [b]}\n", "apply.requires names \"b\""),
            (one("a", "") + "apply: {requires: []}\n", "apply.requires: must name"),
            (one("a", "") + "apply: {requires: [a], tracks: /x}\n", "apply.tracks"),
            (one("a", "") + "apply:\n", "apply: must be a mapping"),
        ];
        for (rest, wanted) in table {
            let said = refused(&rest);
            assert!(said.contains(wanted), "{rest}\n{said}");
        }
        for (text, wanted) in
            [("version: 1", "name"), ("name: a\nversion: 0", "version"), ("name: a\nversion: 1.5", "version")]
        {
            assert!(Schema::parse(text).unwrap_err().to_string().starts_with(wanted), "{text}");
        }
        assert!(matches!(Schema::parse("a: ["), Err(Refused::Syntax(_))));
    }

    #[test]
    fn artifacts_come_in_the_order_of_need_and_then_as_declared() {
        assert_eq!(Schema::spec_driven().order(), ["proposal", "specs", "design", "tasks"]);
        let text = format!("{OWN}{}{}{}{}", one("z", "b"), one("b", ""), one("a", "b"), one("c", ""));
        assert_eq!(Schema::parse(&text).unwrap().order(), ["b", "z", "a", "c"]);
    }

    #[test]
    fn tracking_selects_an_artifact_by_what_it_generates() {
        assert_eq!(Schema::spec_driven().tracked().unwrap().id, "tasks");
        let text = format!("{OWN}{}{}", one("todo", ""), one("tasks", ""));
        let with = |apply: &str| Schema::parse(&format!("{text}{apply}")).unwrap();
        assert_eq!(with("apply: {requires: [todo], tracks: todo.md}").tracked().unwrap().id, "todo");
        assert_eq!(with("apply: {requires: [todo], tracks: other.md}").tracked(), None);
        assert_eq!(with("apply: {requires: [todo], tracks: }").tracked().unwrap().id, "tasks");
        assert_eq!(with("").tracked().unwrap().id, "tasks");
    }

    #[test]
    fn specs_are_what_stands_below_specs() {
        for (path, wanted) in [
            ("specs/**/*.md", true),
            ("./specs//x.md", true),
            ("specs\\a.md", true),
            ("specs", false),
            ("my/specs/a", false),
        ] {
            assert_eq!(is_specs(path), wanted, "{path}");
        }
    }
}
