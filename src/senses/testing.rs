//! A small real repository for the tests of this room, with fixed authors and times.
//! Lives here: the builder. Never here: a test.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use git2::{Oid, Repository, Signature, Time};

use super::Request;
use crate::town::charter::Sense;
use crate::town::facts::{Facts, ProposalFacts};
use crate::town::ids::AgentId;
use crate::town::pattern::Pattern;
use crate::town::spec::past::Past;

/// The first commit's time; each further one is a day later.
pub(crate) const START: i64 = 1_700_000_000;

/// Path, content and mode of a file.
pub(crate) type FileOf<'a> = (&'a [u8], &'a [u8], i32);

pub(crate) struct Sample {
    repo: Repository,
    dir: tempfile::TempDir,
    head: Cell<Option<Oid>>,
    day: Cell<i64>,
    author: RefCell<String>,
}

impl Sample {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(dir.path()).unwrap();
        Self { repo, dir, head: Cell::new(None), day: Cell::new(0), author: RefCell::new("Ada".to_owned()) }
    }

    pub(crate) fn repo(&self) -> &Repository {
        &self.repo
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Who makes the commits that follow.
    pub(crate) fn by(&self, author: &str) -> &Self {
        *self.author.borrow_mut() = author.to_owned();
        self
    }

    /// Lets days pass.
    pub(crate) fn after_days(&self, days: i64) -> &Self {
        self.day.set(self.day.get() + days - 1);
        self
    }

    /// A commit on top of the last one whose tree is exactly `files`.
    pub(crate) fn commit(&self, message: &str, files: &[(&str, &str)]) -> Oid {
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_bytes(), text.as_bytes(), 0o100_644)).collect();
        self.commit_on(message, &files, &self.head.get().into_iter().collect::<Vec<_>>())
    }

    /// A commit with the given parents whose tree holds exactly `files` (path, content, mode).
    pub(crate) fn commit_on(&self, message: &str, files: &[FileOf<'_>], parents: &[Oid]) -> Oid {
        let when = Time::new(START + self.day.get() * 86_400, 0);
        self.day.set(self.day.get() + 1);
        let author = Signature::new(&self.author.borrow(), "someone@example.org", &when).unwrap();
        let parents: Vec<_> = parents.iter().map(|id| self.repo.find_commit(*id).unwrap()).collect();
        let tree = self.repo.find_tree(self.tree(files)).unwrap();
        let id = self.repo.commit(None, &author, &author, message, &tree, &parents.iter().collect::<Vec<_>>()).unwrap();
        self.head.set(Some(id));
        id
    }

    /// Writes a tree; in the content of a submodule stands nothing.
    pub(crate) fn tree(&self, files: &[FileOf<'_>]) -> Oid {
        let mut builder = self.repo.treebuilder(None).unwrap();
        let mut folders: BTreeMap<&[u8], Vec<FileOf<'_>>> = BTreeMap::new();
        for (path, content, mode) in files {
            if let Some(at) = path.iter().position(|byte| *byte == b'/') {
                folders.entry(&path[..at]).or_default().push((&path[at + 1..], content, *mode));
            } else {
                let oid = if *mode == 0o160_000 {
                    Oid::from_bytes(&[9; 20]).unwrap()
                } else {
                    self.repo.blob(content).unwrap()
                };
                builder.insert(*path, oid, *mode).unwrap();
            }
        }
        for (name, inner) in folders {
            builder.insert(name, self.tree(&inner), 0o040_000).unwrap();
        }
        builder.write().unwrap()
    }

    /// Reads `wanted` at `base`, for the agent `chaostester` who owns `qa/**`.
    pub(crate) fn facts(&self, base: Oid, since: Option<Oid>, wanted: &[Sense]) -> Facts {
        let domains = domains();
        let own: AgentId = "chaostester".parse().unwrap();
        super::gather(&Request {
            repo: &self.repo,
            base,
            since,
            domains: &domains,
            own: &own,
            wanted,
            test_command: None,
            environment: &[],
            proposals: ProposalFacts::default(),
            past: Past::NOTHING,
            now: chrono::DateTime::from_timestamp(START, 0).unwrap(),
        })
        .unwrap()
    }
}

/// Two agents with what they own.
pub(crate) fn domains() -> Vec<(AgentId, Vec<Pattern>)> {
    vec![
        ("chaostester".parse().unwrap(), vec!["qa/**".parse().unwrap()]),
        ("junglesecurity".parse().unwrap(), vec!["security/**".parse().unwrap()]),
    ]
}
