//! Since when a line stands: the history walked from the newest commit to older ones, looking only at the files in
//! question. Blame would rebuild every file's whole history; this stops at a fixed number of commits and reads a blob
//! only where it changed.
//! Lives here: the walk. Never here: which lines are asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use git2::{Commit, ObjectType, Oid, Repository};

use super::activity::{author_of, boundary, day, short};
use super::trees::{COUNTED_BYTES, compare};
use crate::git::files::{Files, text_of};
use crate::town::facts::Age;

/// One line whose age is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The file that holds it at the base, as the tree walk shows it.
    pub(super) path: String,
    /// The line without blanks around it: moving or indenting it does not make it younger.
    pub(super) line: String,
    /// It is the n-th of equal lines in the file.
    pub(super) nth: usize,
}

/// How far the walk goes.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Commits along the line of first parents.
    pub(super) line: usize,
    /// Commits along each merged branch.
    pub(super) branch: usize,
    /// Commits in all.
    pub(super) all: usize,
    /// Blobs read.
    pub(super) reads: usize,
    /// Renames followed.
    pub(super) renames: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { line: 10_000, branch: 500, all: 20_000, reads: 5_000, renames: 100 }
    }
}

/// The age of each wanted line, in the same order.
pub(super) fn ages(repo: &Repository, base: Oid, files: &Files<'_>, wanted: Vec<Wanted>, bounds: Bounds) -> Vec<Age> {
    let mut walker =
        Walker { repo, shallow: boundary(repo), bounds, ages: vec![Age::Unknown; wanted.len()], work: Vec::new() };
    let mut tracked = Vec::new();
    for (index, wanted) in wanted.into_iter().enumerate() {
        // A path that is not UTF-8 is looked up by its bytes.
        if let Some(entry) = files.get(&wanted.path) {
            tracked.push(Tracked { index, path: entry.bytes().to_vec(), line: wanted.line, nth: wanted.nth });
        }
    }
    let limit = bounds.line;
    walker.work.push(Work {
        at: base,
        tracked,
        limit,
        otherwise: Some(Age::OlderThan { commits: limit }),
        unknown: Age::Unknown,
    });
    while let Some(work) = walker.work.pop() {
        walker.follow(work);
    }
    walker.ages
}

#[derive(Clone, Debug)]
struct Tracked {
    index: usize,
    path: Vec<u8>,
    line: String,
    nth: usize,
}

/// Lines to follow from one commit along its first parents.
struct Work {
    at: Oid,
    tracked: Vec<Tracked>,
    limit: usize,
    /// What is said of lines that are older than the limit.
    otherwise: Option<Age>,
    /// What is said where the history ends before a line does.
    unknown: Age,
}

struct Walker<'a> {
    repo: &'a Repository,
    shallow: BTreeSet<Oid>,
    bounds: Bounds,
    ages: Vec<Age>,
    work: Vec<Work>,
}

impl Walker<'_> {
    fn follow(&mut self, mut work: Work) {
        let mut at = work.at;
        let mut paths = Paths::of(&work.tracked);
        for _ in 0..work.limit {
            if work.tracked.is_empty() {
                return;
            }
            let Some(commit) = self.repo.find_commit(at).ok().filter(|_| self.bounds.all > 0) else { break };
            self.bounds.all -= 1;
            if self.shallow.contains(&at) {
                return self.settle(&work.tracked, &work.unknown);
            }
            if commit.parent_count() == 0 {
                let age = since(&commit);
                return self.settle(&work.tracked, &age);
            }
            let Ok(parent) = commit.parent(0) else { return self.settle(&work.tracked, &work.unknown) };
            if parent.tree_id() != commit.tree_id() {
                let before = work.tracked.len();
                self.step(&commit, &parent, &mut work, &paths);
                if work.tracked.len() < before {
                    paths = Paths::of(&work.tracked);
                }
            }
            at = parent.id();
        }
        let age = work.otherwise.take().unwrap_or(Age::Unknown);
        self.settle(&work.tracked, &age);
    }

    fn settle(&mut self, tracked: &[Tracked], age: &Age) {
        for one in tracked {
            self.ages[one.index] = age.clone();
        }
    }

    /// Takes the lines out of `work` that `commit` brought.
    fn step(&mut self, commit: &Commit<'_>, parent: &Commit<'_>, work: &mut Work, paths: &Paths) {
        let changed = changed(self.repo, commit.tree_id(), parent.tree_id(), paths);
        if changed.is_empty() {
            return;
        }
        let (moved, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut work.tracked).into_iter().partition(|one| changed.contains_key(&one.path));
        work.tracked = kept;
        let mut by_path: BTreeMap<Vec<u8>, Vec<Tracked>> = BTreeMap::new();
        for one in moved {
            by_path.entry(one.path.clone()).or_default().push(one);
        }
        for (path, group) in by_path {
            let (now, before) = changed[&path];
            let (stays, came) = self.split(group, before);
            work.tracked.extend(stays);
            if !came.is_empty() {
                self.came(commit, &path, now, before, came, work);
            }
        }
    }

    /// Lines that `commit` has and its first parent has not: from a merged branch, a renamed file, or new.
    fn came(
        &mut self,
        commit: &Commit<'_>,
        path: &[u8],
        now: Option<Oid>,
        before: Option<Oid>,
        mut came: Vec<Tracked>,
        work: &Work,
    ) {
        let age = since(commit);
        for side in commit.parents().skip(1) {
            let (there, rest) = self.split(came, blob_at(self.repo, side.tree_id(), path));
            if !there.is_empty() {
                let limit = self.bounds.branch;
                self.work.push(Work {
                    at: side.id(),
                    tracked: there,
                    limit,
                    otherwise: Some(age.clone()),
                    unknown: age.clone(),
                });
            }
            came = rest;
        }
        if before.is_none() && !came.is_empty() && self.bounds.renames > 0 {
            self.bounds.renames -= 1;
            if let (Some(old), Ok(parent)) = (renamed_from(self.repo, commit, now), commit.parent(0)) {
                came.iter_mut().for_each(|one| one.path.clone_from(&old));
                let (otherwise, unknown) = (work.otherwise.clone(), work.unknown.clone());
                self.work.push(Work { at: parent.id(), tracked: came, limit: work.limit, otherwise, unknown });
                return;
            }
        }
        self.settle(&came, &age);
    }

    /// Splits lines into those that the blob holds and those that it does not. A blob that is there but cannot be read
    /// ends the search: better no age than a wrong one.
    fn split(&mut self, tracked: Vec<Tracked>, blob: Option<Oid>) -> (Vec<Tracked>, Vec<Tracked>) {
        let Some(blob) = blob else { return (Vec::new(), tracked) };
        let Some(text) = self.read(blob) else {
            self.settle(&tracked, &Age::Unknown);
            return (Vec::new(), Vec::new());
        };
        let mut counts: HashMap<&str, usize> = tracked.iter().map(|one| (one.line.as_str(), 0)).collect();
        for line in text.lines() {
            if let Some(count) = counts.get_mut(line.trim()) {
                *count += 1;
            }
        }
        let held: Vec<bool> = tracked.iter().map(|one| counts[one.line.as_str()] >= one.nth).collect();
        let mut held = held.into_iter();
        tracked.into_iter().partition(|_| held.next().unwrap_or(false))
    }

    fn read(&mut self, oid: Oid) -> Option<String> {
        self.bounds.reads = self.bounds.reads.checked_sub(1)?;
        let odb = self.repo.odb().ok()?;
        let (size, kind) = odb.read_header(oid).ok()?;
        if kind != ObjectType::Blob || size > COUNTED_BYTES {
            return None;
        }
        odb.read(oid).ok().map(|object| text_of(object.data()))
    }
}

fn since(commit: &Commit<'_>) -> Age {
    Age::Since { commit: short(commit.id()), day: day(commit.time().seconds()), author: author_of(commit) }
}

/// The wanted paths as a tree of their own, so that a step enters only folders that differ.
#[derive(Default)]
struct Paths {
    /// Names in this folder, with the whole path.
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    folders: BTreeMap<Vec<u8>, Paths>,
}

impl Paths {
    fn of(tracked: &[Tracked]) -> Self {
        let mut root = Self::default();
        for one in tracked {
            let mut node = &mut root;
            let mut rest = one.path.as_slice();
            while let Some(at) = rest.iter().position(|byte| *byte == b'/') {
                node = node.folders.entry(rest[..at].to_vec()).or_default();
                rest = &rest[at + 1..];
            }
            node.files.insert(rest.to_vec(), one.path.clone());
        }
        root
    }
}

/// The blobs of a path that differs: in the commit and in its parent.
type Blobs = (Option<Oid>, Option<Oid>);

/// The paths that differ between two trees. Folders that are equal are not entered.
fn changed(repo: &Repository, new: Oid, old: Oid, paths: &Paths) -> BTreeMap<Vec<u8>, Blobs> {
    let mut out = BTreeMap::new();
    let mut stack = vec![(Some(new), Some(old), paths)];
    while let Some((new, old, paths)) = stack.pop() {
        let tree = |id: Option<Oid>| id.and_then(|id| repo.find_tree(id).ok());
        let (new, old) = (tree(new), tree(old));
        let id = |tree: &Option<git2::Tree<'_>>, name: &[u8], kind: ObjectType| {
            let entry = tree.as_ref()?.by_name(name)?;
            (entry.1 == kind).then_some(entry.0)
        };
        for (name, whole) in &paths.files {
            let blobs = (id(&new, name, ObjectType::Blob), id(&old, name, ObjectType::Blob));
            if blobs.0 != blobs.1 {
                out.insert(whole.clone(), blobs);
            }
        }
        for (name, inner) in &paths.folders {
            let (now, before) = (id(&new, name, ObjectType::Tree), id(&old, name, ObjectType::Tree));
            if now != before {
                stack.push((now, before, inner));
            }
        }
    }
    out
}

/// Looking up an entry by the bytes of its name.
trait ByName {
    fn by_name(&self, name: &[u8]) -> Option<(Oid, ObjectType)>;
}

impl ByName for git2::Tree<'_> {
    fn by_name(&self, name: &[u8]) -> Option<(Oid, ObjectType)> {
        // Git's own look-up takes UTF-8 only; other names are rare enough to be searched for.
        let entry = match std::str::from_utf8(name) {
            Ok(name) => self.get_name(name)?,
            Err(_) => self.iter().find(|entry| entry.name_bytes() == name)?,
        };
        Some((entry.id(), entry.kind()?))
    }
}

fn blob_at(repo: &Repository, tree: Oid, path: &[u8]) -> Option<Oid> {
    let mut tree = repo.find_tree(tree).ok()?;
    let mut parts = path.split(|byte| *byte == b'/').peekable();
    while let Some(part) = parts.next() {
        let (id, kind) = tree.by_name(part)?;
        match (kind, parts.peek().is_some()) {
            (ObjectType::Tree, true) => tree = repo.find_tree(id).ok()?,
            (ObjectType::Blob, false) => return Some(id),
            _ => return None,
        }
    }
    None
}

/// The path that held the same content in the parent and is gone in `commit`.
fn renamed_from(repo: &Repository, commit: &Commit<'_>, content: Option<Oid>) -> Option<Vec<u8>> {
    let content = content?;
    let parent = commit.parent(0).ok()?.tree_id();
    let found = compare(repo, Some(parent), Some(commit.tree_id()), 5_000);
    let old = found.changes.into_iter().find(|change| change.after.is_none() && change.before == Some(content))?;
    Some(old.path.into_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::Sample;
    use super::*;

    fn age(sample: &Sample, base: Oid, path: &str, line: &str, bounds: Bounds) -> Age {
        let files = Files::open(sample.repo(), base).unwrap();
        let wanted = vec![Wanted { path: path.into(), line: line.into(), nth: 1 }];
        ages(sample.repo(), base, &files, wanted, bounds).remove(0)
    }

    #[test]
    fn a_line_from_a_merged_branch_has_the_age_of_its_own_commit() {
        let sample = Sample::new();
        let root = sample.commit("root", &[("a", "x\n")]);
        let side = sample.by("Bob").commit_on("side", &[(b"a", b"x\nnote\n", 0o100_644)], &[root]);
        let main = sample.by("Ada").commit_on("main", &[(b"a", b"x\n", 0o100_644), (b"b", b"b", 0o100_644)], &[root]);
        let merged = [(&b"a"[..], &b"x\nnote\n"[..], 0o100_644), (b"b", b"b", 0o100_644)];
        let merge = sample.commit_on("merge", &merged, &[main, side]);
        let Age::Since { commit, author, .. } = age(&sample, merge, "a", "note", Bounds::default()) else {
            panic!("no age")
        };
        assert_eq!((commit.as_str(), author.as_str()), (&side.to_string()[..10], "Bob"));
        let Age::Since { commit, .. } = age(&sample, merge, "a", "x", Bounds::default()) else { panic!("no age") };
        assert_eq!(commit, root.to_string()[..10]);
    }

    #[test]
    fn beyond_the_bound_a_line_is_older_than_it() {
        let sample = Sample::new();
        sample.commit("root", &[("a", "note\n")]);
        let mut head = None;
        for n in 0..20 {
            head = Some(sample.commit("more", &[("a", "note\n"), ("n", &n.to_string())]));
        }
        let bounds = Bounds { line: 10, ..Bounds::default() };
        assert_eq!(age(&sample, head.unwrap(), "a", "note", bounds), Age::OlderThan { commits: 10 });
    }

    #[test]
    fn a_version_that_cannot_be_read_gives_no_age_rather_than_a_wrong_one() {
        let sample = Sample::new();
        sample.commit("root", &[("a", "note\n")]);
        let head = sample.commit("more", &[("a", "note\nx\n")]);
        assert_eq!(age(&sample, head, "a", "note", Bounds { reads: 0, ..Bounds::default() }), Age::Unknown);
    }

    #[test]
    fn a_line_of_the_shallow_boundary_has_no_known_age() {
        let sample = Sample::new();
        sample.commit("far", &[("a", "note\n")]);
        let edge = sample.commit("edge", &[("a", "note\n"), ("b", "")]);
        let head = sample.commit("head", &[("a", "note\nnew\n"), ("b", "")]);
        std::fs::write(sample.path().join("shallow"), format!("{edge}\n")).unwrap();
        assert_eq!(age(&sample, head, "a", "note", Bounds::default()), Age::Unknown);
        assert!(age(&sample, head, "a", "new", Bounds::default()).day().is_some());
    }
}
