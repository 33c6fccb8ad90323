//! One pass over the contents: every blob that several senses want is read once.
//! Lives here: who wants which file, the bounds of reading. Never here: what the senses look for.

use super::owners::Owners;
use super::{Request, files, links, secrets, todos};
use crate::git::files::{Content, Entry, Files, is_binary};
use crate::town::charter::Sense;
use crate::town::facts::{FileFacts, LinkFacts, SecretFacts, TodoFacts};

/// Content beyond this many bytes is not looked into.
pub(super) const FILE_BYTES: u64 = 1024 * 1024;
/// Bytes that one pass reads in all.
const PASS_BYTES: u64 = 512 * 1024 * 1024;

/// What the senses that read contents found.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) links: Option<LinkFacts>,
    pub(super) todos: Option<TodoFacts>,
    pub(super) secrets: Option<SecretFacts>,
    pub(super) files: Option<FileFacts>,
}

/// Collectors of the senses that are wanted.
struct Pass<'a> {
    files: &'a Files<'a>,
    links: Option<links::Collector>,
    todos: Option<todos::Collector>,
    secrets: Option<secrets::Collector>,
    shape: Option<files::Collector>,
    left: u64,
}

/// Which senses want the content of a file.
#[derive(Clone, Copy)]
struct Wanted {
    links: bool,
    todos: bool,
    secrets: bool,
    shape: bool,
}

pub(super) fn pass(request: &Request<'_>, files: &Files<'_>, owners: &Owners<'_>) -> Texts {
    let mut pass = Pass {
        files,
        links: request.wants(Sense::Links).then(links::Collector::default),
        todos: request.wants(Sense::Todos).then(todos::Collector::default),
        secrets: request.wants(Sense::Secrets).then(secrets::Collector::default),
        shape: request.wants(Sense::Files).then(files::Collector::default),
        left: PASS_BYTES,
    };
    if pass.links.is_none() && pass.todos.is_none() && pass.secrets.is_none() && pass.shape.is_none() {
        return Texts::default();
    }
    for entry in files.entries() {
        pass.entry(entry, owners);
    }
    Texts {
        links: pass.links.map(|links| links.finish(files, owners)),
        todos: pass.todos.map(|todos| todos.finish(request, files, owners)),
        secrets: pass.secrets.map(|secrets| secrets.finish(owners)),
        files: pass.shape.map(|shape| shape.finish(files.left_out())),
    }
}

impl Pass<'_> {
    fn entry(&mut self, entry: &Entry, owners: &Owners<'_>) {
        let mut shape_wants = false;
        if let Some(shape) = &mut self.shape {
            shape_wants = shape.entry(entry, self.files.size(entry), owners.of(&entry.path));
        }
        if !entry.is_file() {
            return;
        }
        let wanted = Wanted {
            links: self.links.is_some() && links::is_markdown(&entry.path),
            todos: self.todos.is_some() && todos::is_wanted(&entry.path),
            secrets: self.secrets.is_some(),
            shape: shape_wants,
        };
        if !(wanted.links || wanted.todos || wanted.secrets || wanted.shape) {
            return;
        }
        let files = self.files;
        match files.content(entry, FILE_BYTES.min(self.left)) {
            Content::Bytes(object) => {
                self.left -= object.len() as u64;
                if is_binary(object.data()) {
                    self.skip(wanted, true);
                } else {
                    self.read(entry, wanted, object.data());
                }
            }
            Content::TooLarge(_) | Content::Missing => self.skip(wanted, false),
        }
    }

    fn read(&mut self, entry: &Entry, wanted: Wanted, bytes: &[u8]) {
        let path = &entry.path;
        if let Some(secrets) = self.secrets.as_mut().filter(|_| wanted.secrets) {
            secrets.file(path, bytes);
        }
        if let Some(shape) = self.shape.as_mut().filter(|_| wanted.shape) {
            shape.text(path, bytes);
        }
        if let Some(todos) = self.todos.as_mut().filter(|_| wanted.todos) {
            todos.file(path, bytes);
        }
        if let Some(links) = self.links.as_mut().filter(|_| wanted.links) {
            links.file(path, bytes);
        }
    }

    fn skip(&mut self, wanted: Wanted, binary: bool) {
        if let Some(secrets) = self.secrets.as_mut().filter(|_| wanted.secrets) {
            secrets.skipped += 1;
        }
        if let Some(shape) = self.shape.as_mut().filter(|_| wanted.shape && binary) {
            shape.binary += 1;
        }
        // A binary file cannot hold a note; it is not counted as one that was passed over.
        if let Some(todos) = self.todos.as_mut().filter(|_| wanted.todos && !binary) {
            todos.skipped += 1;
        }
        if let Some(links) = self.links.as_mut().filter(|_| wanted.links) {
            links.skipped += 1;
        }
    }
}
