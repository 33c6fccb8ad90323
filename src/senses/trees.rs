//! What differs between two trees, compared by hand: many times faster than a diff where only names and object ids
//! are needed, and without attributes or filters.
//! Lives here: the comparison and the line counts. Never here: what the differences mean.

use std::cmp::Ordering;

use git2::{ObjectType, Oid, Repository, Tree, TreeEntry};

use crate::git::files::{is_binary, shown};

/// Folders in folders that a comparison enters.
const DEPTH: usize = 128;
/// Content beyond this many bytes is not counted line by line.
pub(crate) const COUNTED_BYTES: usize = 1024 * 1024;

/// One path that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Option<Oid>,
    pub(crate) after: Option<Oid>,
}

/// The paths that differ, sorted, and how many beyond the limit there may be.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) changes: Vec<Change>,
    pub(crate) truncated: bool,
}

/// Compares two trees; `None` is the empty tree. Stops after `limit` paths.
pub(crate) fn compare(repo: &Repository, old: Option<Oid>, new: Option<Oid>, limit: usize) -> Compared {
    let mut out = Compared::default();
    let mut stack = vec![(old, new, Vec::new(), 0)];
    while let Some((old, new, prefix, depth)) = stack.pop() {
        if old == new {
            continue;
        }
        if depth > DEPTH || stack.len() > limit {
            out.truncated = true;
            continue;
        }
        let (old, new) = (old.and_then(|id| repo.find_tree(id).ok()), new.and_then(|id| repo.find_tree(id).ok()));
        for (before, after) in Pairs::new(old.as_ref(), new.as_ref()) {
            let Some(either) = after.as_ref().or(before.as_ref()) else { continue };
            let mut path: Vec<u8> = prefix.clone();
            path.extend_from_slice(either.name_bytes());
            let ids = (before.as_ref().map(TreeEntry::id), after.as_ref().map(TreeEntry::id));
            if either.kind() == Some(ObjectType::Tree) {
                path.push(b'/');
                stack.push((ids.0, ids.1, path, depth + 1));
            } else if out.changes.len() < limit {
                out.changes.push(Change { path: shown(&path), before: ids.0, after: ids.1 });
            } else {
                out.truncated = true;
            }
        }
    }
    out.changes.sort_by(|a, b| (&a.path, a.before, a.after).cmp(&(&b.path, b.before, b.after)));
    out
}

/// Entries of two trees that differ, joined by name; a file and a folder of one name are two names.
struct Pairs<'a> {
    old: Vec<TreeEntry<'a>>,
    new: Vec<TreeEntry<'a>>,
}

impl<'a> Pairs<'a> {
    fn new(old: Option<&'a Tree<'_>>, new: Option<&'a Tree<'_>>) -> Self {
        // Reversed, so that the next entry is taken from the end.
        let entries = |tree: Option<&'a Tree<'_>>| {
            let mut entries: Vec<TreeEntry<'a>> = tree.into_iter().flat_map(|tree| tree.iter()).collect();
            entries.reverse();
            entries
        };
        Self { old: entries(old), new: entries(new) }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Option<TreeEntry<'a>>, Option<TreeEntry<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.old.last(), self.new.last()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => key(a).cmp(key(b)),
            };
            match order {
                Ordering::Less => return Some((self.old.pop(), None)),
                Ordering::Greater => return Some((None, self.new.pop())),
                Ordering::Equal => {
                    let (old, new) = (self.old.pop(), self.new.pop());
                    let same = |a: &TreeEntry<'_>, b: &TreeEntry<'_>| a.id() == b.id() && a.filemode() == b.filemode();
                    if !old.as_ref().zip(new.as_ref()).is_some_and(|(a, b)| same(a, b)) {
                        return Some((old, new));
                    }
                }
            }
        }
    }
}

/// Git sorts a folder as if its name ended with a slash.
fn key<'a>(entry: &'a TreeEntry<'_>) -> impl Iterator<Item = u8> + use<'a> {
    let slash = (entry.kind() == Some(ObjectType::Tree)).then_some(b'/');
    entry.name_bytes().iter().copied().chain(slash)
}

/// Lines added and deleted between two blobs; `None` where they are binary, large, missing or no blobs.
pub(crate) fn line_counts(repo: &Repository, change: &Change) -> Option<(usize, usize)> {
    let odb = repo.odb().ok()?;
    let read = |oid: Option<Oid>| -> Option<Vec<u8>> {
        let Some(oid) = oid else { return Some(Vec::new()) };
        let (size, kind) = odb.read_header(oid).ok()?;
        if kind != ObjectType::Blob || size > COUNTED_BYTES {
            return None;
        }
        let bytes = odb.read(oid).ok()?.data().to_vec();
        (!is_binary(&bytes)).then_some(bytes)
    };
    let (before, after) = (read(change.before)?, read(change.after)?);
    let patch = git2::Patch::from_buffers(&before, None, &after, None, None).ok()?;
    patch.line_stats().ok().map(|(_, added, deleted)| (added, deleted))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::senses::testing::Sample;

    #[test]
    fn finds_what_was_added_changed_deleted_and_turned_from_file_to_folder() {
        let sample = Sample::new();
        let one = sample.commit("one", &[("a.b", "1"), ("a", "x"), ("keep/k", "k"), ("d/e/f", "1\n2\n")]);
        let two = sample.commit("two", &[("a.b", "2"), ("a/inner", "x"), ("keep/k", "k"), ("d/e/f", "1\n3\n4\n")]);
        let tree = |id| Some(sample.repo().find_commit(id).unwrap().tree_id());
        let out = compare(sample.repo(), tree(one), tree(two), 100);
        let seen: Vec<_> =
            out.changes.iter().map(|c| (c.path.as_str(), c.before.is_some(), c.after.is_some())).collect();
        assert_eq!(seen, [("a", true, false), ("a.b", true, true), ("a/inner", false, true), ("d/e/f", true, true)]);
        assert_eq!(line_counts(sample.repo(), &out.changes[3]), Some((2, 1)));
        assert!(compare(sample.repo(), tree(one), tree(one), 100).changes.is_empty());
        assert!(compare(sample.repo(), None, tree(two), 2).truncated);
    }

    #[test]
    fn binary_content_has_no_lines() {
        let sample = Sample::new();
        let one = sample.commit("one", &[("b", "a\0b")]);
        let tree = sample.repo().find_commit(one).unwrap().tree_id();
        let out = compare(sample.repo(), None, Some(tree), 10);
        assert_eq!(line_counts(sample.repo(), &out.changes[0]), None);
    }
}
