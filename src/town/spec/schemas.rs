//! The schemas that a project can choose from, and where each is from.
//! Lives here: which of one name counts, and where its templates are. Never here: what a schema says (see `schema`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::builtin;
use super::schema::{DEFAULT, Refused, Schema};
use super::tree::{Fault, Node, Tree};

/// Where a schema is from; of two that have one name, the first here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// `openspec/schemas/`.
    Project,
    /// The user's own folder.
    User,
    /// Compiled in.
    Package,
}

type Read = Result<Schema, Refused>;

/// All schemas by name; those of one name in the order in which they count.
#[derive(Clone, Debug)]
pub struct Schemas {
    openspec: String,
    named: BTreeMap<String, Vec<(Source, Read)>>,
}

/// Where the text of a template is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// Compiled in.
    Here(&'static str),
    /// A path in the tree.
    Tree(String),
    /// In the user's folder of this schema.
    User,
}

/// Why a template cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTemplate {
    /// No file.
    #[error("there is no template {0}")]
    Missing(String),
    /// A link to somewhere else.
    #[error("the template {0} is a symbolic link that leads out of the schema's templates/")]
    LeadsOut(String),
    /// A file or a folder that cannot be read.
    #[error("the template {0} cannot be read")]
    Unreadable(String),
}

impl Schemas {
    /// The schemas of a project, and the one that is always there.
    #[must_use]
    pub fn of(tree: &Tree, openspec: &str) -> Self {
        let mut schemas = Self { openspec: openspec.to_owned(), named: BTreeMap::new() };
        schemas.add(Source::Package, DEFAULT, Ok(Schema::spec_driven()));
        let folder = format!("{openspec}/schemas");
        for (name, _) in tree.entries(&folder).filter(|(_, node)| matches!(node, Node::Folder)) {
            let transient = name.starts_with(".fork-staging-")
                || name.starts_with(".init-staging-")
                || name.contains(".fork-backup-")
                || name.contains(".init-backup-");
            let path = format!("{folder}/{name}/schema.yaml");
            if !transient && tree.get(&path).is_some_and(Node::is_file) {
                let text = tree.text(&path).ok_or(Refused::Unreadable);
                schemas.add(Source::Project, name, text.and_then(|text| Schema::parse(&text)));
            }
        }
        schemas
    }

    /// Adds one.
    pub fn add(&mut self, source: Source, name: &str, read: Read) {
        let layers = self.named.entry(name.to_owned()).or_default();
        layers.push((source, read));
        layers.sort_by_key(|(source, _)| *source);
    }

    /// The names of all, whether they can be used or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The one that counts, and where it is from.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&(Source, Read)> {
        self.named.get(name)?.first()
    }

    /// The one that counts among those that everybody has, where it can be used.
    #[must_use]
    pub fn shared(&self, name: &str) -> Option<&Schema> {
        let found = self.named.get(name)?.iter().find(|(source, _)| *source != Source::User)?;
        found.1.as_ref().ok()
    }

    /// Those that can be used, by name: where the one that counts cannot, the next of its name.
    pub fn usable(&self) -> impl Iterator<Item = (&str, Source, &Schema)> {
        self.named.iter().filter_map(|(name, layers)| {
            let found = layers.iter().find_map(|(source, read)| Some((*source, read.as_ref().ok()?)))?;
            Some((name.as_str(), found.0, found.1))
        })
    }

    /// Where a template of the schema that counts is. Whether the user has it, only their folder knows.
    ///
    /// # Errors
    /// It is not there, or may not be read.
    pub fn template(&self, tree: &Tree, name: &str, file: &str) -> Result<Template, NoTemplate> {
        match self.get(name).map(|(source, _)| *source) {
            Some(Source::User) => Ok(Template::User),
            Some(Source::Package) => {
                builtin::template(file).map(Template::Here).ok_or_else(|| NoTemplate::Missing(file.to_owned()))
            }
            Some(Source::Project) => {
                let path = self.template_path(name, file);
                let folder = self.template_path(name, "");
                match tree.get(&path) {
                    None | Some(Node::Dangling) => Err(NoTemplate::Missing(path)),
                    Some(Node::File(_)) => Ok(Template::Tree(path)),
                    Some(Node::LinkedFile { target, .. }) if target.starts_with(&folder) => {
                        Ok(Template::Tree(target.to_string()))
                    }
                    Some(Node::LinkedFile { .. } | Node::LeadsOut | Node::Unreadable(Fault::LeadsOut)) => {
                        Err(NoTemplate::LeadsOut(path))
                    }
                    Some(_) => Err(NoTemplate::Unreadable(path)),
                }
            }
            None => Err(NoTemplate::Missing(file.to_owned())),
        }
    }

    /// The path that a template of a project's schema has.
    #[must_use]
    pub fn template_path(&self, name: &str, file: &str) -> String {
        let inner: Vec<&str> = file.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        format!("{}/schemas/{name}/templates/{}", self.openspec, inner.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str =
        "name: own\nversion: 1\nartifacts:\n  - {id: note, generates: n.md, description: d, template: t.md}\n";

    #[test]
    fn a_schema_of_the_project_counts_before_one_of_the_user() {
        let mut tree = Tree::default();
        tree.put_file("openspec/schemas/own/schema.yaml", OWN.as_bytes().to_vec());
        tree.put_file("openspec/schemas/spec-driven/schema.yaml", b"version: 1".to_vec());
        tree.put_file("openspec/schemas/x.fork-backup-1/schema.yaml", OWN.as_bytes().to_vec());
        tree.put_file("openspec/schemas/empty/notes.md", Vec::new());
        let mut schemas = Schemas::of(&tree, "openspec");
        schemas.add(Source::User, "own", Err(Refused::Unreadable));
        schemas.add(Source::User, "mine", Schema::parse(OWN));
        assert_eq!(schemas.names().collect::<Vec<_>>(), ["mine", "own", "spec-driven"]);
        assert!(schemas.get("own").is_some_and(|(source, read)| *source == Source::Project && read.is_ok()));
        assert!(schemas.get("spec-driven").is_some_and(|(_, read)| read.is_err()));
        let usable: Vec<(&str, Source)> = schemas.usable().map(|(name, source, _)| (name, source)).collect();
        let wanted = [("mine", Source::User), ("own", Source::Project), ("spec-driven", Source::Package)];
        assert_eq!(usable, wanted);
    }

    #[test]
    fn a_template_stays_below_its_folder() {
        let mut tree = Tree::default();
        let linked = |target: &str| Node::LinkedFile { target: target.into(), bytes: b"x".to_vec().into() };
        tree.put_file("openspec/schemas/own/schema.yaml", OWN.as_bytes().to_vec());
        tree.put_file("openspec/schemas/own/templates/a/t.md", b"x".to_vec());
        tree.put("openspec/schemas/own/templates/in.md", linked("openspec/schemas/own/templates/a/t.md"));
        tree.put("openspec/schemas/own/templates/side.md", linked("openspec/config.yaml"));
        tree.put("openspec/schemas/own/templates/out.md", Node::LeadsOut);
        tree.put("openspec/schemas/own/templates/gone.md", Node::Dangling);
        let schemas = Schemas::of(&tree, "openspec");
        let at = |path: &str| format!("openspec/schemas/own/templates/{path}");
        let table = [
            ("a/t.md", Ok(Template::Tree(at("a/t.md")))),
            ("./a//t.md", Ok(Template::Tree(at("a/t.md")))),
            ("in.md", Ok(Template::Tree(at("a/t.md")))),
            ("side.md", Err(NoTemplate::LeadsOut(at("side.md")))),
            ("out.md", Err(NoTemplate::LeadsOut(at("out.md")))),
            ("gone.md", Err(NoTemplate::Missing(at("gone.md")))),
            ("none.md", Err(NoTemplate::Missing(at("none.md")))),
            ("a", Err(NoTemplate::Unreadable(at("a")))),
        ];
        for (file, wanted) in table {
            assert_eq!(schemas.template(&tree, "own", file), wanted, "{file}");
        }
        assert!(matches!(schemas.template(&tree, DEFAULT, "spec.md"), Ok(Template::Here(_))));
        assert!(schemas.template(&tree, DEFAULT, "other.md").is_err());
    }
}
