//! What every spec command begins with, a project that is read, and how it ends where that fails.
//! Lives here: the root, its files, the failure and its shapes. Never here: what is done with a project.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::ser::SerializeMap as _;
use serde_json::Value;

use super::super::{Context, open, say};
use crate::config::files::ReadFiles;
use crate::config::spec_place;
use crate::config::spec_tree::{self, Root};
use crate::git::journal::Journal;
use crate::run::house::House;
use crate::run::{RunError, workflow};
use crate::town::limits::TOWN_FILE;
use crate::town::spec::data;
use crate::town::spec::past::Past;
use crate::town::spec::project::Project;
use crate::town::spec::tree::{Archive, Tree};

/// A root and what was read of it.
pub struct Desk {
    /// Where it is.
    pub root: Root,
    /// Its files.
    pub tree: Tree,
    schemas: Vec<(String, String)>,
}

/// The root as answers name it.
#[derive(Clone, Debug, Serialize)]
pub struct RootOut {
    path: String,
    source: &'static str,
}

/// Why a command has no answer, in the reference's shape.
#[derive(Clone, Debug, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    severity: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: "error", code, message: message.into(), target: None, fix: None }
    }

    /// What it is about.
    #[must_use]
    pub fn target(mut self, target: &'static str) -> Self {
        self.target = Some(target);
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl From<ReadFiles> for Failure {
    fn from(error: ReadFiles) -> Self {
        let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        Self::new("openspec_unreadable", format!("{error}{why}")).target("openspec.root")
    }
}

/// A file or folder that the system did not let us write: where, why, and what to look at.
#[must_use]
pub fn unwritten(code: &'static str, verb: &str, place: &Path, error: &io::Error) -> Failure {
    let fix = match error.kind() {
        ErrorKind::AlreadyExists => "Something stands there already: move it away, or give another name.",
        ErrorKind::NotADirectory => "A file stands where a folder is needed: move it away.",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "Look at the rights of the folder that it is in."
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "Make room on the disk.",
        _ => "Look whether the folder that it is in is there and can be written to.",
    };
    Failure::new(code, format!("cannot {verb} {}: {error}; nothing that was there has changed", place.display()))
        .fix(fix)
}

/// Keys and values in the order in which they are written.
#[derive(Debug, Default)]
pub struct Shape(Vec<(&'static str, Value)>);

impl Shape {
    /// Adds a key.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Serialize) -> Self {
        self.0.push((key, serde_json::to_value(value).unwrap_or(Value::Null)));
        self
    }
}

impl Serialize for Shape {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// An answer without anything in it, and why.
#[derive(Serialize)]
struct Failed {
    #[serde(flatten)]
    empty: Shape,
    // Not a value of the shape: values lose the order of their keys.
    status: [Failure; 1],
}

/// Ends a command: with its own exit code, or by saying why there is no answer. As JSON that is one document, the answer's shape
/// without anything in it and the failure behind.
///
/// # Errors
/// When JSON cannot be written.
pub fn end(context: &Context, empty: Shape, outcome: Result<u8, Failure>) -> anyhow::Result<u8> {
    let failure = match outcome {
        Ok(code) => return Ok(code),
        Err(failure) => failure,
    };
    if context.json {
        say::json(&Failed { empty, status: [failure] })?;
    } else {
        say::story(context, &format!("error: {}", failure.message));
        if let Some(fix) = &failure.fix {
            say::story(context, &format!("  fix: {fix}"));
        }
    }
    Ok(1)
}

/// Does something in the nearest root; a failure of that names the root too.
///
/// # Errors
/// When JSON cannot be written.
pub fn within(context: &Context, empty: Shape, act: impl FnOnce(&Desk) -> Result<u8, Failure>) -> anyhow::Result<u8> {
    match Desk::open(context, Without::Fail, Archive::Names) {
        Ok(desk) => end(context, empty.with("root", desk.root_out()), act(&desk)),
        Err(failure) => end(context, empty.with("root", ()), Err(failure)),
    }
}

/// Prints the answer as JSON.
///
/// # Errors
/// A failure when it cannot be written as JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    say::json(value).map_err(|error| Failure::new("command_error", error.to_string()))
}

/// What stands where no root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The command fails.
    Fail,
    /// The folder itself counts as one.
    Here,
}

impl Desk {
    /// Finds the root from the command's folder upwards and reads it. Says on the side what of its config does not count.
    ///
    /// # Errors
    /// There is none, it stands for another one, or it cannot be read.
    pub fn open(context: &Context, without: Without, archive: Archive) -> Result<Self, Failure> {
        let root = Root::nearest(&context.dir);
        if !root.is_found && without == Without::Fail {
            let failure =
                Failure::new("no_openspec_root", "there is no openspec/ with specs, changes or a config here or above");
            return Err(failure.target("openspec.root").fix("monkeytown spec init makes one here"));
        }
        let tree = spec_tree::read(&root, archive)?;
        let desk = Self { root, tree, schemas: spec_tree::user_schemas(&context.env) };
        desk.refuse_store()?;
        for warning in desk.project().config_warnings() {
            say::story(context, &format!("warning: {warning}"));
        }
        Ok(desk)
    }

    /// Reads the command's own folder, whatever stands above it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn here(context: &Context, archive: Archive) -> Result<Self, Failure> {
        let root = Root::at(&context.dir);
        let tree = spec_tree::read(&root, archive)?;
        Ok(Self { root, tree, schemas: spec_tree::user_schemas(&context.env) })
    }

    /// A desk at a root, with nothing read.
    #[must_use]
    pub fn at(root: Root) -> Self {
        Self { root, tree: Tree::default(), schemas: Vec::new() }
    }

    /// A config that names a store, and nothing beside it, means that the project lives elsewhere.
    fn refuse_store(&self) -> Result<(), Failure> {
        let openspec = self.root.openspec();
        let is_planned = ["specs", "changes"].iter().any(|name| self.tree.is_folder(&format!("{openspec}/{name}")));
        let config = crate::town::spec::config::Config::path(&self.tree, &openspec).filter(|_| !is_planned);
        let Some(path) = config else { return Ok(()) };
        let bad = |why: &str| {
            let failure = Failure::new("invalid_store_pointer", format!("{path}: {why}"));
            failure.target("store.pointer").fix(format!("mend {path}, or take `store` out of it"))
        };
        let Some(text) = self.tree.text(&path) else { return Err(bad("it cannot be read")) };
        match data::Value::parse(&text) {
            Err(why) => Err(bad(&format!("it is no YAML: {why}"))),
            Ok(value) => match value.get("store") {
                None => Ok(()),
                Some(data::Value::Text(store)) => {
                    let message =
                        format!("{path} says that the project lives in the store {store:?}; stores are not known here");
                    let failure = Failure::new("no_registered_stores", message).target("store.id");
                    Err(failure.fix("run the command in the store's own folder"))
                }
                Some(_) => Err(bad("store must be the id of one store")),
            },
        }
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> Project<'_> {
        self.project_of(&self.tree)
    }

    /// The project that the files of another tree make, such as those of a commit.
    #[must_use]
    pub fn project_of<'t>(&self, tree: &'t Tree) -> Project<'t> {
        Project::new(tree, &self.root.openspec()).with_schemas(&self.schemas)
    }

    /// What the files do not tell of the changes, where the root is a town: who wrote them, by its journal here, and what was built
    /// for them since they were judged. Nothing is fetched for it, so that what is not here is not known.
    #[must_use]
    pub fn past(&self, context: &Context) -> Past {
        self.asked(context, |_, past| Ok(past))
    }

    /// The same, and what was built for each archived change between a pass and the archive. The desk has the whole archive.
    #[must_use]
    pub fn past_of_archived(&self, context: &Context) -> Past {
        self.asked(context, |house, mut past| {
            let repo = &house.home.repo;
            let found = repo.rebuilt_before_archive(house.home.main()?, &self.project(), &house.settings.guarded)?;
            found.into_iter().for_each(|(change, left)| past.rebuilt.entry(change).or_default().extend(left));
            Ok(past)
        })
    }

    fn asked(&self, context: &Context, more: impl Fn(&House, Past) -> Result<Past, RunError>) -> Past {
        if !self.root.base.join(TOWN_FILE).is_file() {
            return Past::default();
        }
        let read = || -> Result<Past, RunError> {
            let house = open::house(context, Some("none"))?;
            let town = Journal::new(&house.home.repo, None).load()?.town;
            let head = house.home.main()?;
            more(&house, workflow::past(&house, &town, None, head)?)
        };
        read().unwrap_or_else(|error| {
            say::story(context, &format!("warning: the journal and the history of the town were not asked: {error}"));
            Past::default()
        })
    }

    /// The root as answers name it.
    #[must_use]
    pub fn root_out(&self) -> RootOut {
        let source = if self.root.is_found { "nearest" } else { "implicit" };
        RootOut { path: self.root.path.display().to_string(), source }
    }

    /// Refuses a path that a link leads away from where it seems to be.
    ///
    /// # Errors
    /// The link, as a failure of this kind.
    pub fn stays(&self, code: &'static str, path: &str) -> Result<(), Failure> {
        let stays = spec_place::stays(&self.root.base, &self.root.openspec(), path);
        stays.map_err(|astray| Failure::new(code, format!("{astray}; nothing was written")))
    }

    /// What a path below a folder of the tree is in the file system.
    #[must_use]
    pub fn below(&self, folder: &str, path: &str) -> String {
        let inner: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        // A slash at the end stays, as in the reference.
        let end = if path.ends_with('/') { "/" } else { "" };
        format!("{}/{}{end}", self.shown(folder), inner.join("/"))
    }

    /// A path of the tree as answers name it: where it really is.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        let real = self.tree.real(path);
        self.on_disk(real.as_deref().unwrap_or(path)).display().to_string()
    }

    /// A path of the tree as one of the file system.
    #[must_use]
    pub fn on_disk(&self, path: &str) -> PathBuf {
        self.root.base.join(path)
    }
}
