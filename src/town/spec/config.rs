//! `openspec/config.yaml`: what the reference reads from it, and our own keys beside them, which it passes over.
//! Lives here: the keys, read one by one so that a wrong one costs only itself. Never here: what they change.

use super::data::Value;
use super::tree::{Node, Tree};

/// The context that is handed to agents, in bytes.
pub const CONTEXT_BYTES: usize = 50 * 1024;

/// What a project says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The schema of changes that name none.
    pub schema: Option<String>,
    /// Words about the project for those who write artifacts.
    pub context: Option<String>,
    /// Rules for those who write artifacts, by the artifact's id.
    pub rules: Vec<(String, Vec<String>)>,
    /// Advice for `apply` and `archive`.
    pub operations: Vec<(String, Vec<String>)>,
    /// Ids of stores that this project refers to.
    pub references: Vec<String>,
    /// The store that is meant where nothing is planned here.
    pub store: Option<String>,
    /// Ours: the folder of archived changes, below `openspec/`.
    pub archive_dir: Option<String>,
    /// Ours: how an archived change is called, with `{date}` and `{name}`.
    pub archive_name: Option<String>,
    /// Ours: the changelog in which archiving enters a change, from the folder that holds `openspec/`.
    pub changelog: Option<String>,
    /// Ours: words beside SHALL and MUST that make a requirement one.
    pub normative_keywords: Vec<String>,
    /// Ours: the profile of rules where none is asked for.
    pub profile: Option<String>,
}

impl Config {
    /// The file of the project below `openspec`: the first that is there counts.
    #[must_use]
    pub fn path(tree: &Tree, openspec: &str) -> Option<String> {
        let paths = ["config.yaml", "config.yml"].map(|name| format!("{openspec}/{name}"));
        paths.into_iter().find(|path| tree.get(path).is_some_and(|node| *node != Node::Dangling))
    }

    /// The rules for those who write an artifact, where there are any.
    #[must_use]
    pub fn rules_for(&self, artifact: &str) -> Option<&[String]> {
        self.rules.iter().find(|(id, _)| id == artifact).map(|(_, rules)| rules.as_slice())
    }

    /// The advice for an operation, where there is any.
    #[must_use]
    pub fn guidance_for(&self, operation: &str) -> Option<&[String]> {
        self.operations.iter().find(|(name, _)| name == operation).map(|(_, guidance)| guidance.as_slice())
    }

    /// The path of the changelog in a tree, where the project keeps one: beside its `openspec/`.
    #[must_use]
    pub fn changelog_beside(&self, openspec: &str) -> Option<String> {
        let above = openspec.rsplit_once('/').map_or(String::new(), |(above, _)| format!("{above}/"));
        self.changelog.as_ref().map(|file| format!("{above}{file}"))
    }

    /// The same, for whoever reads the files that make a tree.
    #[must_use]
    pub fn changelog_of(tree: &Tree, openspec: &str) -> Option<String> {
        Self::read(tree, openspec).0.changelog_beside(openspec)
    }

    /// Reads the file, and says what of it does not count.
    #[must_use]
    pub fn read(tree: &Tree, openspec: &str) -> (Self, Vec<String>) {
        let Some(path) = Self::path(tree, openspec) else { return (Self::default(), Vec::new()) };
        let Some(text) = tree.text(&path) else {
            return (Self::default(), vec![format!("{path} cannot be read and is passed over")]);
        };
        match Value::parse(&text) {
            Ok(value @ Value::Map(_)) => {
                let mut reading = Reading { path, value, warnings: Vec::new() };
                (reading.config(), reading.warnings)
            }
            Ok(_) => (Self::default(), vec![format!("{path} is no mapping and is passed over")]),
            Err(why) => (Self::default(), vec![format!("{path} is no YAML and is passed over: {why}")]),
        }
    }
}

struct Reading {
    path: String,
    value: Value,
    warnings: Vec<String>,
}

impl Reading {
    fn warn(&mut self, key: &str, why: &str) {
        self.warnings.push(format!("{}: {key} {why}; it is passed over", self.path));
    }

    fn config(&mut self) -> Config {
        Config {
            schema: self.text("schema"),
            context: self.context(),
            rules: self.lists("rules"),
            operations: self.operations(),
            references: self.references(),
            store: self.text("store"),
            archive_dir: self.folder("archive_dir"),
            archive_name: self.archive_name(),
            changelog: self.changelog(),
            normative_keywords: self.texts("normative_keywords"),
            profile: self.text("profile"),
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.value.get(key)?;
        let text = value.text().filter(|text| !text.is_empty()).map(str::to_owned);
        if text.is_none() {
            self.warn(key, "must be a text that is not empty");
        }
        text
    }

    fn context(&mut self) -> Option<String> {
        let value = self.value.get("context")?;
        match value.text() {
            Some(text) if text.len() <= CONTEXT_BYTES => Some(text.to_owned()),
            Some(_) => {
                self.warn("context", &format!("has more than {CONTEXT_BYTES} bytes"));
                None
            }
            None => {
                self.warn("context", "must be a text");
                None
            }
        }
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.value.get(key).cloned() else { return Vec::new() };
        self.filled(key, &value)
    }

    /// The texts of a list that are not empty.
    fn filled(&mut self, key: &str, value: &Value) -> Vec<String> {
        let Some(texts) = value.texts() else {
            self.warn(key, "must be a list of texts");
            return Vec::new();
        };
        let filled: Vec<String> = texts.iter().filter(|text| !text.is_empty()).map(|text| (*text).to_owned()).collect();
        if filled.len() < texts.len() {
            self.warnings.push(format!("{}: {key} holds empty texts; they are passed over", self.path));
        }
        filled
    }

    fn entries(&mut self, key: &str) -> Vec<(String, Value)> {
        match self.value.get(key) {
            None => Vec::new(),
            Some(Value::Map(entries)) => entries.clone(),
            Some(_) => {
                self.warn(key, "must be a mapping");
                Vec::new()
            }
        }
    }

    /// A mapping of names to lists of texts, without those that are empty.
    fn lists(&mut self, key: &str) -> Vec<(String, Vec<String>)> {
        let entries = self.entries(key).into_iter();
        let lists = entries.map(|(name, value)| (self.filled(&format!("{key}.{name}"), &value), name));
        let lists: Vec<(Vec<String>, String)> = lists.filter(|(texts, _)| !texts.is_empty()).collect();
        lists.into_iter().map(|(texts, name)| (name, texts)).collect()
    }

    fn operations(&mut self) -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        for (name, value) in self.entries("operations") {
            let key = format!("operations.{name}");
            let Value::Map(fields) = &value else {
                self.warn(&key, "must be a mapping");
                continue;
            };
            if !matches!(name.as_str(), "apply" | "archive") {
                self.warn(&key, "is no operation; there are apply and archive");
                continue;
            }
            for (field, value) in fields {
                match field.as_str() {
                    "guidance" => found.push((name.clone(), self.filled(&format!("{key}.guidance"), value))),
                    _ => self.warn(&format!("{key}.{field}"), "is no key; there is guidance"),
                }
            }
        }
        found.retain(|(_, guidance)| !guidance.is_empty());
        found
    }

    fn references(&mut self) -> Vec<String> {
        let items = match self.value.get("references") {
            None => return Vec::new(),
            Some(Value::List(items)) => items.clone(),
            Some(_) => {
                self.warn("references", "must be a list of store ids");
                return Vec::new();
            }
        };
        let mut ids: Vec<String> = Vec::new();
        for item in &items {
            match item.text().or_else(|| item.get("id").and_then(Value::text)) {
                Some(id) if !ids.iter().any(|found| found == id) => ids.push(id.to_owned()),
                Some(_) => {}
                None => self.warn("references", "holds an entry without an id"),
            }
        }
        ids
    }

    /// A folder below `openspec/`, which it may not leave.
    fn folder(&mut self, key: &str) -> Option<String> {
        let folder = self.text(key)?;
        // What begins with a dot is not read, and `..` leads out.
        let mut sound = folder.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        sound &= !folder.contains(['\\', '\0']);
        let (first, rest) = folder.split_once('/').unwrap_or((&folder, ""));
        let is = |name: &str| first.eq_ignore_ascii_case(name);
        let is_taken = match rest.split('/').next() {
            Some("archive") if first == "changes" => false,
            _ => ["specs", "changes", "schemas", "config.yaml", "config.yml"].into_iter().any(is),
        };
        if !sound {
            self.warn(key, "must be a path below openspec/ with no part that is empty or begins with a dot");
        } else if is_taken {
            self.warn(key, "must not be where specs, changes, schemas or the config are, but for changes/archive");
        }
        (sound && !is_taken).then_some(folder)
    }

    /// A Markdown file beside `openspec/`, or below such a folder.
    fn changelog(&mut self) -> Option<String> {
        let file = self.text("changelog")?;
        let mut sound = file.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        sound &= !file.contains(['\\', '\0']) && file.to_ascii_lowercase().ends_with(".md");
        sound &= !file.split('/').any(|part| part.eq_ignore_ascii_case("openspec"));
        if !sound {
            self.warn(
                "changelog",
                "must be a path to a file NAME.md outside of openspec/, with no part that begins with a dot",
            );
        }
        sound.then_some(file)
    }

    fn archive_name(&mut self) -> Option<String> {
        let name = self.text("archive_name")?;
        let sound = name.contains("{name}") && !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
        if !sound {
            self.warn("archive_name", "must be one folder's name with {name} in it");
        }
        sound.then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        let mut tree = Tree::default();
        tree.put_file("openspec/config.yaml", text.as_bytes().to_vec());
        Config::read(&tree, "openspec")
    }

    // covers: spec-validation#what-does-not-count-is-said
    #[test]
    fn a_wrong_key_costs_only_itself() {
        let (config, warnings) = read(
            "schema: 5\ncontext: here\nrules:\n  specs: [a, '']\n  tasks: no\n  none: []\noperations:\n  apply: {guidance: [go], speed: 1}\n\
             \x20 archive: {guidance: ['']}\n  fly: {}\n\
             references: [one, {id: two, remote: x}, one, {}]\nunknown: fine\nprofile: ci\narchive_dir: ../out\narchive_name: '{name}_{date}'\n",
        );
        assert_eq!(config.schema, None);
        assert_eq!(config.context.as_deref(), Some("here"));
        assert_eq!(config.rules, [("specs".to_owned(), vec!["a".to_owned()])]);
        assert_eq!(config.operations, [("apply".to_owned(), vec!["go".to_owned()])]);
        assert_eq!(config.references, ["one", "two"]);
        assert_eq!((config.profile.as_deref(), config.archive_dir.as_deref()), (Some("ci"), None));
        assert_eq!(config.archive_name.as_deref(), Some("{name}_{date}"));
        let keys = ["schema", "rules.specs", "rules.tasks", "operations.apply.speed", "operations.archive.guidance"];
        for key in keys.into_iter().chain(["operations.fly", "references", "archive_dir"]) {
            assert!(warnings.iter().any(|warning| warning.contains(&format!(": {key} "))), "{key}: {warnings:?}");
        }
        assert_eq!(warnings.len(), 8, "{warnings:?}");
        assert_eq!((config.rules_for("specs").map(<[_]>::len), config.rules_for("none")), (Some(1), None));
        assert_eq!(config.guidance_for("archive"), None);
    }

    #[test]
    fn the_archive_is_in_nobody_elses_way() {
        let dir = |value: &str| read(&format!("archive_dir: {value}\n"));
        for value in ["done", "done/2026", "changes/archive", "changes/archive/old"] {
            assert_eq!(dir(value).0.archive_dir.as_deref(), Some(value));
        }
        for value in [
            "specs",
            "specs/x",
            "changes",
            "changes/go",
            "changes/archived",
            "Changes/archive",
            "schemas/x",
            "config.yaml",
            "config.yml/x",
            ".git",
            "changes/.monkeytown-archive",
            "changes/archive/.x",
            "a/./b",
            "a//b",
            "/a",
            "a/",
        ] {
            let (config, warnings) = dir(value);
            assert_eq!((config.archive_dir, warnings.len()), (None, 1), "{value}: {warnings:?}");
        }
    }

    #[test]
    fn a_changelog_is_a_markdown_file_outside_of_openspec() {
        let file = |value: &str| read(&format!("changelog: '{value}'\n"));
        for value in ["CHANGELOG.md", "docs/News.MD"] {
            assert_eq!(file(value).0.changelog.as_deref(), Some(value));
        }
        for value in [
            "../CHANGELOG.md",
            "/CHANGELOG.md",
            ".github/x.md",
            "src/main.rs",
            "OpenSpec/specs/a/spec.md",
            "a\\\\b.md",
            "a//b.md",
        ] {
            let (config, warnings) = file(value);
            assert_eq!((config.changelog, warnings.len()), (None, 1), "{value}: {warnings:?}");
        }
        let config = file("CHANGELOG.md").0;
        assert_eq!(config.changelog_beside("parts/a/openspec").as_deref(), Some("parts/a/CHANGELOG.md"));
        assert_eq!(config.changelog_beside("openspec").as_deref(), Some("CHANGELOG.md"));
    }

    #[test]
    fn what_is_no_mapping_is_passed_over_and_said() {
        for text in ["- a", "a: [", ""] {
            let (config, warnings) = read(text);
            assert_eq!((config, warnings.len()), (Config::default(), 1), "{text:?}");
        }
        let long = format!("context: {}\n", "x".repeat(CONTEXT_BYTES + 1));
        assert_eq!(read(&long).0.context, None);
    }
}
