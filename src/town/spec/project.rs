//! A project as OpenSpec sees it: which changes and specs there are, and what belongs to each.
//! Lives here: finding. It never fails as a whole: what cannot be read is a fault of the one item that it belongs to.
//! Never here: judging what was found (see `validate`), or reading files (the tree has them).

use std::borrow::Cow;

use super::config::Config;
use super::data::Value;
use super::delta::Delta;
use super::lines::Lines;
use super::metadata::{self, Mark, Marker, Metadata};
use super::nested::{self, Nested};
use super::outputs;
use super::schema::{self, Schema, is_specs};
use super::schemas::{Schemas, Source};
use super::tasks::{self, Progress};
use super::tree::{Fault, Node, Tree};

/// A spec, or the delta of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFile {
    /// The capability: the path of its folder below `specs/`.
    pub id: String,
    /// The file in the tree; a folder where that cannot be listed.
    pub path: String,
    /// Why it cannot be read.
    pub fault: Option<Fault>,
}

/// A file that holds a delta where nothing reads one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadDelta {
    /// Below the change's `specs/`.
    pub path: String,
    /// Where it would be read, likewise.
    pub expected: String,
}

/// What the boxes of a change's tasks say, and the files of them that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskProgress {
    /// The boxes of all files.
    pub progress: Progress,
    /// Paths in the tree.
    pub unreadable: Vec<String>,
}

/// A folder that holds `openspec/`, or might.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// `openspec/specs/` or `openspec/changes/` is a folder, and no store of its own.
    pub has_planning: bool,
    /// `openspec/config.yaml` or `config.yml` is there.
    pub has_config: bool,
}

impl Standing {
    /// Whether the folder is a root: an empty `openspec/` makes none.
    #[must_use]
    pub fn is_root(self) -> bool {
        self.has_planning || self.has_config
    }
}

/// One project: the files below its `openspec/`.
#[derive(Clone, Debug)]
pub struct Project<'t> {
    tree: &'t Tree,
    openspec: String,
    config: Config,
    warnings: Vec<String>,
    schemas: Schemas,
}

impl<'t> Project<'t> {
    /// The project whose folder `openspec` stands at this path of the tree.
    #[must_use]
    pub fn new(tree: &'t Tree, openspec: &str) -> Self {
        let (config, warnings) = Config::read(tree, openspec);
        Self { tree, openspec: openspec.to_owned(), config, warnings, schemas: Schemas::of(tree, openspec) }
    }

    /// Adds schemas of the user, by name. Those of the project count before them.
    #[must_use]
    pub fn with_schemas(mut self, of_user: &[(String, String)]) -> Self {
        for (name, text) in of_user {
            self.schemas.add(Source::User, name, Schema::parse(text));
        }
        self
    }

    /// The files.
    #[must_use]
    pub fn tree(&self) -> &'t Tree {
        self.tree
    }

    /// The path of the folder `openspec`.
    #[must_use]
    pub fn openspec(&self) -> &str {
        &self.openspec
    }

    /// A path below the folder `openspec`.
    #[must_use]
    pub fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.openspec)
    }

    /// The folder of a change.
    #[must_use]
    pub fn change_path(&self, name: &str) -> String {
        self.below(&format!("changes/{name}"))
    }

    /// The file of a spec.
    #[must_use]
    pub fn spec_path(&self, id: &str) -> String {
        self.below(&format!("specs/{id}/spec.md"))
    }

    /// What the project says about itself.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What of that does not count, and why.
    #[must_use]
    pub fn config_warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn text(&self, path: &str) -> Result<Cow<'t, str>, Fault> {
        match self.tree.get(path) {
            Some(Node::Unreadable(fault)) => Err(*fault),
            Some(Node::LeadsOut) => Err(Fault::LeadsOut),
            _ => self.tree.text(path).ok_or(Fault::Failed),
        }
    }

    /// The changes that are not archived, by name. A change is any folder there.
    #[must_use]
    pub fn changes(&self) -> Vec<&'t str> {
        self.folders("changes").into_iter().filter(|name| *name != "archive").collect()
    }

    /// What the reference's `list` takes for a change: also a folder with a dot in front.
    #[must_use]
    pub fn listed(&self) -> Vec<&'t str> {
        let is_folder = |(name, node): &(&str, &Node)| {
            *name != "archive" && matches!(node, Node::Folder | Node::Unreadable(Fault::Folder))
        };
        self.tree.entries(&self.below("changes")).filter(is_folder).map(|(name, _)| name).collect()
    }

    /// The archived changes, by the name of their folder.
    #[must_use]
    pub fn archived(&self) -> Vec<&'t str> {
        self.folders(self.archive_dir())
    }

    /// The folder of archived changes, below `openspec/`.
    #[must_use]
    pub fn archive_dir(&self) -> &str {
        self.config.archive_dir.as_deref().unwrap_or("changes/archive")
    }

    /// The changelog in which archiving enters a change, where the project keeps one.
    #[must_use]
    pub fn changelog(&self) -> Option<String> {
        self.config.changelog_beside(self.openspec())
    }

    /// Whether the folder of a change stands in the archive, the usual one or the project's own.
    #[must_use]
    pub fn is_archived(&self, folder: &str) -> bool {
        let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
        ["changes/archive", self.archive_dir()].iter().any(|archive| above == self.below(archive))
    }

    fn folders(&self, below: &str) -> Vec<&'t str> {
        let folder = self.below(below);
        let is_shown = |(name, node): &(&str, &Node)| {
            !name.starts_with('.') && matches!(node, Node::Folder | Node::Unreadable(Fault::Folder))
        };
        self.tree.entries(&folder).filter(is_shown).map(|(name, _)| name).collect()
    }

    /// Whether there is a change of this name.
    #[must_use]
    pub fn has_change(&self, name: &str) -> bool {
        !name.contains('/')
            && name != "archive"
            && !name.starts_with('.')
            && self.tree.is_folder(&self.change_path(name))
    }

    /// Whether a change of this name can be looked at: one that is a link is none of the changes, and can be named.
    #[must_use]
    pub fn can_be_named(&self, name: &str) -> bool {
        let is_link = || matches!(self.tree.get(&self.change_path(name)), Some(Node::LinkedFolder(Some(_))));
        self.has_change(name) || (!name.contains('/') && name != "archive" && !name.starts_with('.') && is_link())
    }

    /// The specs, by id. One that cannot be read is among them.
    #[must_use]
    pub fn specs(&self) -> Vec<SpecFile> {
        self.spec_files(&self.below("specs"))
    }

    /// The deltas of a change, likewise.
    #[must_use]
    pub fn deltas(&self, change: &str) -> Vec<SpecFile> {
        self.spec_files(&format!("{}/specs", self.change_path(change)))
    }

    /// Every `spec.md` in a folder below `root`. Folders with a dot in front are not looked into, links to folders neither, save
    /// `root` itself, and a linked file counts where it leads to a file below `root`.
    fn spec_files(&self, root: &str) -> Vec<SpecFile> {
        let mut found = Vec::new();
        let real = self.tree.real(root);
        let real = real.as_deref().unwrap_or(root);
        let at_root = self.tree.get(root).filter(|node| matches!(node, Node::Unreadable(_) | Node::LinkedFolder(None)));
        for (path, node) in at_root.map(|node| (root, node)).into_iter().chain(self.visible(root)) {
            let inner = path.get(root.len() + 1..).unwrap_or_default();
            let spec = inner.strip_suffix("/spec.md").or_else(|| (inner == "spec.md").then_some(""));
            let fault = match node {
                Node::Unreadable(Fault::Folder) => Some(Fault::Folder),
                Node::Unreadable(fault) => Some(*fault),
                Node::File(_) | Node::Other => None,
                Node::LinkedFile { target, .. } => {
                    let inside = target.strip_prefix(real).is_some_and(|rest| rest.starts_with('/'));
                    (!inside).then_some(Fault::LeadsOut)
                }
                Node::LeadsOut => Some(Fault::LeadsOut),
                Node::LinkedFolder(None) if inner.is_empty() => Some(Fault::LeadsOut),
                Node::Folder | Node::LinkedFolder(_) | Node::Dangling => continue,
            };
            let id = match spec {
                Some(id) if !id.is_empty() => id,
                None if fault == Some(Fault::Folder) || inner.is_empty() => inner,
                _ => continue,
            };
            found.push(SpecFile { id: id.to_owned(), path: path.to_owned(), fault });
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    /// Everything below a folder, without names that begin with a dot and what is below them.
    fn visible(&self, root: &str) -> impl Iterator<Item = (&'t str, &'t Node)> + use<'t> {
        let skip = root.len() + 1;
        self.tree.below(root).filter(move |(path, _)| {
            let inner = path.get(skip..).unwrap_or_default();
            !inner.starts_with('.') && !inner.contains("/.")
        })
    }

    /// Files below a change's `specs/` that hold a delta and are not read, since they are not called `spec.md`.
    #[must_use]
    pub fn unread_deltas(&self, change: &str) -> Vec<UnreadDelta> {
        let root = format!("{}/specs", self.change_path(change));
        let mut found = Vec::new();
        for (path, node) in self.visible(&root).filter(|(_, node)| node.is_file()) {
            let inner = &path[root.len() + 1..];
            let (capability, name) = inner.rsplit_once('/').unwrap_or(("", inner));
            let is_markdown =
                name.len() > 2 && name.get(name.len() - 3..).is_some_and(|end| end.eq_ignore_ascii_case(".md"));
            let Some(bytes) = node.bytes().filter(|_| name != "spec.md" && is_markdown) else { continue };
            let text = String::from_utf8_lossy(bytes);
            if Delta::of(&Lines::of(&text)).sections.is_empty() {
                continue;
            }
            let capability = if capability.is_empty() { &name[..name.len() - 3] } else { capability };
            found.push(UnreadDelta { path: inner.to_owned(), expected: format!("{capability}/spec.md") });
        }
        found
    }

    /// Whether a change has a `spec.md` directly below `specs/`, where nothing reads it. A link to a file counts.
    #[must_use]
    pub fn has_root_spec(&self, change: &str) -> bool {
        let path = format!("{}/specs/spec.md", self.change_path(change));
        self.tree.get(&path).is_some_and(|node| node.is_file() || *node == Node::LeadsOut)
    }

    /// Whether any file or link is below a folder, at any depth, but for what begins with a dot.
    #[must_use]
    pub fn has_any_file(&self, folder: &str) -> bool {
        self.visible(folder).any(|(_, node)| node.is_file() || node.is_link())
    }

    /// What a folder below `changes/` wraps, where it is no change itself.
    #[must_use]
    pub fn nested(&self, change: &str) -> Option<Nested> {
        nested::find(self, change)
    }

    /// The metadata of a change; `None` where it has no file for it.
    ///
    /// # Errors
    /// Why the file does not count.
    pub fn metadata(&self, change: &str) -> Result<Option<Metadata>, metadata::Fault> {
        self.metadata_in(&self.change_path(change))
    }

    fn metadata_in(&self, folder: &str) -> Result<Option<Metadata>, metadata::Fault> {
        let path = format!("{folder}/{}", metadata::FILE);
        if self.is_missing(&path) {
            return Ok(None);
        }
        let text = self.text(&path).map_err(|_| metadata::Fault::Unreadable)?;
        let value = Value::parse(&text).map_err(metadata::Fault::Syntax)?;
        let metadata = Metadata::of(&value)?;
        if self.schemas.get(&metadata.schema).is_none() {
            return Err(metadata::Fault::UnknownSchema(metadata.schema));
        }
        Ok(Some(metadata))
    }

    fn is_missing(&self, path: &str) -> bool {
        self.tree.get(path).is_none_or(|node| *node == Node::Dangling)
    }

    /// Whether a change has a mark. One that does not count says why.
    #[must_use]
    pub fn marker(&self, change: &str, mark: Mark) -> Marker {
        let refused = |fault: metadata::Fault| {
            let reason = fault.to_string().chars().map(|c| if c.is_ascii_control() { '?' } else { c }).collect();
            Marker { declared: false, invalid_reason: Some(reason) }
        };
        let path = format!("{}/{}", self.change_path(change), metadata::FILE);
        if self.is_missing(&path) {
            return Marker::default();
        }
        let Ok(text) = self.text(&path) else { return refused(metadata::Fault::Unreadable) };
        let value = match Value::parse(&text) {
            Ok(value) => value,
            Err(why) if mark.is_mentioned(&text) => return refused(metadata::Fault::Syntax(why)),
            Err(_) => return Marker::default(),
        };
        let metadata = match Metadata::of(&value) {
            Ok(metadata) => metadata,
            Err(fault) => {
                let is_set = value.get(mark.key()).is_some_and(|value| *value != Value::Bool(false));
                return if is_set { refused(fault) } else { Marker::default() };
            }
        };
        if !mark.of(&metadata) {
            return Marker::default();
        }
        match self.schemas.get(&metadata.schema) {
            None => refused(metadata::Fault::UnknownSchema(metadata.schema)),
            Some((_, Err(why))) => refused(metadata::Fault::BrokenSchema(metadata.schema, why.to_string())),
            Some((_, Ok(_))) => Marker { declared: true, invalid_reason: None },
        }
    }

    /// The schemas to choose from.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// A schema by name; `.yaml` behind it changes nothing.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn schema(&self, name: &str) -> Result<&Schema, metadata::Fault> {
        let name = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name);
        match self.schemas.get(name) {
            None => Err(metadata::Fault::UnknownSchema(name.to_owned())),
            Some((_, Ok(schema))) => Ok(schema),
            Some((_, Err(why))) => Err(metadata::Fault::BrokenSchema(name.to_owned(), why.to_string())),
        }
    }

    /// The name of a change's schema: its own, else the project's, else the one that is always there.
    ///
    /// # Errors
    /// The change's metadata do not count.
    pub fn schema_name(&self, change: &str) -> Result<String, metadata::Fault> {
        self.schema_name_in(&self.change_path(change))
    }

    fn schema_name_in(&self, folder: &str) -> Result<String, metadata::Fault> {
        let own = self.metadata_in(folder)?.map(|metadata| metadata.schema);
        Ok(own.or_else(|| self.config.schema.clone()).unwrap_or_else(|| schema::DEFAULT.to_owned()))
    }

    /// The schema of a change.
    ///
    /// # Errors
    /// The change's metadata do not count, or there is no such schema, or it cannot be used.
    pub fn schema_of(&self, change: &str) -> Result<&Schema, metadata::Fault> {
        self.schema(&self.schema_name(change)?)
    }

    /// The files that an artifact of a change stands for.
    ///
    /// # Errors
    /// A link that leads out, or a pattern that cannot be read.
    pub fn outputs(&self, change: &str, generates: &str) -> Result<Vec<String>, outputs::Fault> {
        outputs::outputs(self.tree, &self.change_path(change), generates)
    }

    /// The same of the change in a folder, archived or not.
    ///
    /// # Errors
    /// A link that leads out, or a pattern that cannot be read.
    pub fn outputs_in(&self, folder: &str, generates: &str) -> Result<Vec<String>, outputs::Fault> {
        outputs::outputs(self.tree, folder, generates)
    }

    /// The schema of the change in a folder, where it can be used and everybody has it: none of the user's own.
    #[must_use]
    pub fn shared_schema_in(&self, folder: &str) -> Option<&Schema> {
        self.schemas.shared(&self.schema_name_in(folder).ok()?)
    }

    /// The files whose boxes say how far a change is, as its schema has it. None where there is no usable schema.
    ///
    /// # Errors
    /// A link that leads out, or a pattern that cannot be read.
    pub fn task_files(&self, change: &str) -> Result<Vec<String>, outputs::Fault> {
        self.task_files_in(&self.change_path(change))
    }

    fn task_files_in(&self, folder: &str) -> Result<Vec<String>, outputs::Fault> {
        self.tracked_files(folder, self.schema_name_in(folder).ok().as_deref())
    }

    /// The same for a folder whose schema is known by name already.
    ///
    /// # Errors
    /// A link that leads out, or a pattern that cannot be read.
    pub fn tracked_files(&self, folder: &str, schema: Option<&str>) -> Result<Vec<String>, outputs::Fault> {
        let tracked = schema.and_then(|name| self.schema(name).ok()).and_then(Schema::tracked);
        tracked.map_or(Ok(Vec::new()), |artifact| outputs::outputs(self.tree, folder, &artifact.generates))
    }

    /// The boxes of those files, or else those of `tasks.md`.
    ///
    /// # Errors
    /// A link that leads out, or a pattern that cannot be read.
    pub fn task_progress(&self, change: &str) -> Result<TaskProgress, outputs::Fault> {
        self.task_progress_in(&self.change_path(change))
    }

    /// The same for the change in a folder, archived or not.
    ///
    /// # Errors
    /// A link that leads out, or a pattern that cannot be read.
    pub fn task_progress_in(&self, folder: &str) -> Result<TaskProgress, outputs::Fault> {
        let mut files = self.task_files_in(folder)?;
        if files.is_empty() {
            files.push(format!("{folder}/tasks.md"));
        }
        let mut all = TaskProgress::default();
        for path in files.into_iter().filter(|path| !self.is_missing(path)) {
            match self.text(&path) {
                Ok(text) => {
                    let progress = tasks::progress(&text);
                    all.progress.total += progress.total;
                    all.progress.completed += progress.completed;
                }
                Err(_) => all.unreadable.push(path),
            }
        }
        Ok(all)
    }

    /// Whether the change says that it touches no spec, so that artifacts below `specs/` count as skipped.
    #[must_use]
    pub fn skips(&self, change: &str, generates: &str) -> bool {
        is_specs(generates) && self.marker(change, Mark::SkipSpecs).declared
    }
}
