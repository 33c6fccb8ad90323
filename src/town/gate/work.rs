//! A proposal as the checks read it: which files are written, and which of their lines are new.
//! Lives here: the comparison of before and after, once for all checks. Never here: a judgement.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use crate::town::changeset::{Blob, FileChange, Proposal};
use crate::town::finding::Finding;
use crate::town::spec::config::Config;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::tree::{Node, Tree};
use crate::town::text::escape_invisible;

/// How far into a file a NUL byte makes it binary, as git decides it.
const BINARY_PROBE: usize = 8_000;

/// A proposal with what the checks ask about it again and again.
pub(super) struct Work<'a> {
    /// The proposal itself.
    pub(super) proposal: &'a Proposal,
    files: Vec<Written<'a>>,
    before: OnceCell<Tree>,
    after: OnceCell<Tree>,
}

/// A file that the proposal writes.
pub(super) struct Written<'a> {
    pub(super) path: &'a str,
    pub(super) change: &'a FileChange,
    pub(super) bytes: &'a [u8],
    pub(super) is_text: bool,
    /// The lines that stood in the file before, wherever in it.
    before: HashSet<&'a [u8]>,
}

impl<'a> Work<'a> {
    /// Prepares a proposal for the checks.
    pub(super) fn new(proposal: &'a Proposal) -> Self {
        let files = proposal.changes.iter().filter_map(Written::new).collect();
        Self { proposal, files, before: OnceCell::new(), after: OnceCell::new() }
    }

    /// What stood below `openspec/` before the proposal.
    pub(super) fn before(&self) -> &Tree {
        self.before.get_or_init(|| openspec(self.proposal, |change| change.before.as_ref()))
    }

    /// What stands there after it.
    pub(super) fn after(&self) -> &Tree {
        self.after.get_or_init(|| openspec(self.proposal, |change| change.after.as_ref()))
    }

    /// The files that are added or changed, links and submodules excepted.
    pub(super) fn written(&self) -> &[Written<'a>] {
        &self.files
    }

    /// Those of them that hold text.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Written<'a>> {
        self.files.iter().filter(|file| file.is_text)
    }
}

/// What stands below `openspec/` on one side of the proposal. What is no file stands there as something that cannot be read.
fn openspec<'p>(proposal: &'p Proposal, side: impl Fn(&'p FileChange) -> Option<&'p Blob>) -> Tree {
    let changed: HashSet<&str> = proposal.changes.iter().map(|change| change.path.as_str()).collect();
    let mut tree = Tree::default();
    // Folders come with what is in them: one that the proposal makes or empties is there on one side only.
    let same = proposal.specs.below(OPENSPEC).filter(|(path, node)| **node != Node::Folder && !changed.contains(path));
    same.for_each(|(path, node)| tree.put(path, node.clone()));
    let put = |tree: &mut Tree, change: &'p FileChange| match side(change) {
        Some(blob) if blob.is_file() => tree.put_file(&change.path, blob.bytes.clone()),
        Some(_) => tree.put(&change.path, Node::Dangling),
        None => {}
    };
    proposal.changes.iter().filter(|change| change.path.starts_with("openspec/")).for_each(|it| put(&mut tree, it));
    // Archiving writes one file beside them, where the config of this side names it.
    if let Some(path) = Config::changelog_of(&tree, OPENSPEC) {
        let change = proposal.changes.iter().find(|change| change.path == path);
        match (change, proposal.specs.get(&path)) {
            (Some(change), _) => put(&mut tree, change),
            (None, Some(node)) => tree.put(&path, node.clone()),
            (None, None) => {}
        }
    }
    tree
}

impl<'a> Written<'a> {
    fn new(change: &'a FileChange) -> Option<Self> {
        let after = change.after.as_ref().filter(|blob| blob.is_file())?;
        let before = match &change.before {
            Some(blob) if blob.is_file() => lines(&blob.bytes).collect(),
            _ => HashSet::new(),
        };
        let is_text = !is_binary(&after.bytes);
        Some(Self { path: &change.path, change, bytes: &after.bytes, is_text, before })
    }

    /// The new lines with their numbers from 1. A line that stood anywhere in the file before is not new.
    pub(super) fn added(&self) -> impl Iterator<Item = (usize, Cow<'a, str>)> + '_ {
        let numbered = lines(self.bytes).enumerate();
        let new = numbered.filter(|(_, line)| self.before.is_empty() || !self.before.contains(line));
        new.map(|(at, line)| (at + 1, String::from_utf8_lossy(line)))
    }

    /// For every line, whether it stood in the file before.
    pub(super) fn standing(&self) -> Vec<bool> {
        standing(self.bytes, &self.before)
    }

    /// The content before, where there was a file.
    pub(super) fn old(&self) -> Option<&'a [u8]> {
        self.change.before.as_ref().filter(|blob| blob.is_file()).map(|blob| &*blob.bytes)
    }

    /// The name, without its folders.
    pub(super) fn name(&self) -> &'a str {
        name(self.path)
    }
}

/// The last segment of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The lines of a content, without their ends.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// For every line of a content, whether it is among `before`.
pub(super) fn standing(bytes: &[u8], before: &HashSet<&[u8]>) -> Vec<bool> {
    lines(bytes).map(|line| before.contains(line)).collect()
}

/// Whether a content is no text.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(BINARY_PROBE)].contains(&0)
}

/// Whether a blob exists and is a file.
pub(super) fn is_file(blob: Option<&Blob>) -> bool {
    blob.is_some_and(Blob::is_file)
}

/// An error about a path, which is shown without anything invisible in it.
pub(super) fn at(rule: &str, path: &str, message: impl Into<String>) -> Finding {
    Finding::error(rule, message).at(escape_invisible(path).0)
}
