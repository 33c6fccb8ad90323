//! Reading a commit as OpenSpec wants it: the files below its `openspec/` and the changelog that its config names, without a
//! checkout.
//! Lives here: commit to tree. Never here: working directories (see `config`), or what the files mean.

use git2::Oid;

use super::errors::GitError;
use super::files::{Content, Entry, Files};
use super::repo::Repo;
use crate::town::changeset::Mode;
use crate::town::limits::{SPEC_FILE_BYTES, SPEC_OTHER_BYTES, SPEC_TREE_BYTES, TEXT_BYTES, TEXT_FILES};
use crate::town::spec::config::Config;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::trace::{self, Tag};
use crate::town::spec::tree::{Archive, Fault, Node, Tree, is_followed};

/// A link's text, in bytes, at the most.
const LINK_BYTES: u64 = 4_096;

/// The files below `openspec`, a path in the commit's tree such as `openspec`.
#[must_use]
pub fn read(files: &Files<'_>, openspec: &str, archive: Archive) -> Tree {
    let mut read = Read { files, openspec, archive, tree: Tree::default(), left: SPEC_TREE_BYTES };
    read.folder(openspec, openspec);
    if let Some(path) = Config::changelog_of(&read.tree, openspec)
        && let Some(entry) = files.get(&path)
    {
        let node = match entry.mode {
            Mode::File | Mode::Executable => file(files, entry, &mut read.left),
            Mode::Link | Mode::Module => Node::Other,
        };
        read.tree.put(&path, node);
    }
    read.tree
}

struct Read<'r, 'f> {
    files: &'r Files<'f>,
    openspec: &'r str,
    archive: Archive,
    tree: Tree,
    left: u64,
}

impl Read<'_, '_> {
    /// Puts what stands in the folder `from` of the commit below `to`.
    fn folder(&mut self, from: &str, to: &str) {
        let files = self.files;
        let archived = format!("{}/changes/archive/", self.openspec);
        for entry in files.under(from) {
            let path = format!("{to}{}", &entry.path[from.len()..]);
            let name = path.strip_prefix(&archived).and_then(|inner| inner.split_once('/'));
            if let (Archive::Names, Some((name, _))) = (self.archive, name) {
                self.tree.put(&format!("{archived}{name}"), Node::Folder);
                continue;
            }
            let node = match entry.mode {
                Mode::Link => link(files, entry, &mut self.left),
                Mode::Module => Node::Other,
                Mode::File | Mode::Executable => file(files, entry, &mut self.left),
            };
            self.tree.put(&path, node.clone());
            if let Node::LinkedFolder(Some(target)) = node
                && is_followed(self.openspec, &path, &target)
            {
                self.folder(&target, &path);
            }
        }
    }
}

/// The same of a tree that no commit has.
///
/// # Errors
/// When the tree cannot be read.
pub fn of_tree(repo: &Repo, tree: Oid) -> Result<Tree, GitError> {
    let mut read = read(&Files::below(repo.git(), tree, OPENSPEC)?, OPENSPEC, Archive::Whole);
    if let Some(path) = Config::changelog_of(&read, OPENSPEC)
        && let Some((mode, blob)) = repo.entry(tree, &path)?
    {
        let is_read = matches!(mode, Mode::File | Mode::Executable) && repo.blob_size(blob)? <= SPEC_FILE_BYTES;
        read.put(&path, if is_read { Node::File(repo.read_blob(blob)?.into()) } else { Node::Other });
    }
    Ok(read)
}

/// What the texts of a tree say that they cover, as `monkeytown spec trace` looks for it.
///
/// # Errors
/// When an object cannot be read.
pub fn tags(repo: &Repo, tree: Oid) -> Result<Vec<Tag>, GitError> {
    let mut tags = Vec::new();
    for path in repo.paths(tree)?.iter().filter(|path| trace::is_looked_through(path, OPENSPEC)).take(TEXT_FILES) {
        if let Some(text) = text_of(repo, tree, path, TEXT_BYTES)? {
            tags.extend(trace::tags(path, &text));
        }
    }
    Ok(tags)
}

/// The text of a file, where it is one and not too large.
///
/// # Errors
/// When an object cannot be read.
pub fn text_of(repo: &Repo, tree: Oid, path: &str, most: u64) -> Result<Option<String>, GitError> {
    let Some((Mode::File | Mode::Executable, blob)) = repo.entry(tree, path)? else { return Ok(None) };
    if repo.blob_size(blob)? > most {
        return Ok(None);
    }
    Ok(String::from_utf8(repo.read_blob(blob)?).ok())
}

fn file(files: &Files<'_>, entry: &Entry, left: &mut u64) -> Node {
    let extension = entry.path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_read = ["md", "yaml", "yml"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    if !is_read && files.size(entry).is_some_and(|size| size > SPEC_OTHER_BYTES) {
        return Node::Other;
    }
    match files.content(entry, SPEC_FILE_BYTES.min(*left)) {
        Content::Bytes(object) => {
            *left = left.saturating_sub(object.data().len() as u64);
            Node::File(object.data().into())
        }
        Content::TooLarge(_) => Node::Unreadable(Fault::TooLarge),
        Content::Missing => Node::Unreadable(Fault::Failed),
    }
}

fn link(files: &Files<'_>, entry: &Entry, left: &mut u64) -> Node {
    let Content::Bytes(text) = files.content(entry, LINK_BYTES) else { return Node::Dangling };
    let text = String::from_utf8_lossy(text.data()).into_owned();
    let Some(target) = resolve(&entry.path, &text) else { return Node::LeadsOut };
    match files.get(&target) {
        Some(found) if found.is_file() => match file(files, found, left) {
            Node::File(bytes) => Node::LinkedFile { target: target.into(), bytes },
            node => node,
        },
        Some(_) => Node::Dangling,
        None if files.is_folder(&target) => Node::LinkedFolder(Some(target.into())),
        None => Node::Dangling,
    }
}

/// Where a link leads, without links on the way; `None` where that is outside of the tree.
fn resolve(path: &str, text: &str) -> Option<String> {
    if text.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_resolved_inside_of_the_tree_or_not_at_all() {
        let table = [
            ("b.md", Some("openspec/specs/a/b.md")),
            ("./../c/spec.md", Some("openspec/specs/c/spec.md")),
            ("../../../x", Some("x")),
            ("../../../../x", None),
            ("/etc/passwd", None),
        ];
        for (text, wanted) in table {
            assert_eq!(resolve("openspec/specs/a/spec.md", text).as_deref(), wanted, "{text}");
        }
    }
}
