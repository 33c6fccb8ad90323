//! Where what stands below `openspec/` comes from: the commits that first held it, on whichever side of a merge they are, and also
//! under the name that a folder had before.
//! Lives here: that walk, and the main specs that the author of a change saw. Never here: what is merged with them (see
//! [`crate::town::spec::merge`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use git2::Oid;

use super::changes::RawChange;
use super::errors::GitError;
use super::repo::Repo;
use crate::town::spec::base::{Base, Known, Prints};
use crate::town::spec::block::Block;
use crate::town::spec::delta::Delta;
use crate::town::spec::lines::Lines;
use crate::town::spec::main_spec::Requirements;
use crate::town::spec::project::Project;

/// Commits that one walk looks at, at the most.
const COMMITS: usize = 20_000;
/// Commits that are looked through for the one since which a folder is as it is.
const STEADY: usize = 1_000;
/// Why nothing is known of what lies before the boundary of a shallow clone.
const SHALLOW: &str =
    "this clone is shallow and lacks the commits in which the change was written; `git fetch --unshallow` brings them";

/// The commit that first held something, and where it stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The commit; none of its parents holds it.
    pub commit: Oid,
    /// The path in that commit.
    pub path: String,
}

/// Where each of the names comes from that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// By name; several where it was brought in more than once.
    pub found: BTreeMap<String, Vec<Origin>>,
    /// Why it cannot be told, by name.
    pub lost: BTreeMap<String, String>,
}

/// The names that a path of a tree holds.
pub type Holds<'a> = dyn FnMut(Oid, &str) -> Result<BTreeSet<String>, GitError> + 'a;

/// What a walk looks for.
pub struct Wanted<'a> {
    /// The names that a path of a tree holds.
    pub holds: &'a mut Holds<'a>,
    /// The paths from which a commit with these changes may have moved what stands at a path.
    pub moved: &'a dyn Fn(&[RawChange], &str) -> Vec<String>,
}

impl Repo {
    /// Walks back from `head` to where the names at `path` began. Of a merge every parent is followed that holds a name, so that
    /// the beginning is the commit in which it was written, and not the merge that brought it.
    ///
    /// # Errors
    /// An object cannot be read.
    pub fn origins(
        &self,
        head: Oid,
        path: &str,
        names: BTreeSet<String>,
        wanted: &mut Wanted<'_>,
    ) -> Result<Origins, GitError> {
        let boundary = self.boundary()?;
        let mut origins = Origins::default();
        let mut seen: HashMap<(Oid, String), BTreeSet<String>> = HashMap::new();
        let mut open = vec![(head, path.to_owned(), names)];
        while let Some((commit, path, names)) = open.pop() {
            let is_long = seen.len() >= COMMITS;
            let known = seen.entry((commit, path.clone())).or_default();
            let names: BTreeSet<String> = names.difference(known).cloned().collect();
            if names.is_empty() {
                continue;
            }
            if is_long || boundary.contains(&commit) {
                let long = format!("it was written more than {COMMITS} commits ago");
                let why = if is_long { long.as_str() } else { SHALLOW };
                origins.lost.extend(names.into_iter().map(|name| (name, why.to_owned())));
                continue;
            }
            known.extend(names.iter().cloned());
            let left = self.follow(commit, &path, names, wanted, &mut open)?;
            for name in left {
                origins.found.entry(name).or_default().push(Origin { commit, path: path.clone() });
            }
        }
        Ok(origins)
    }

    /// Passes names on to the parents that hold them; returns those that no parent holds.
    fn follow(
        &self,
        commit: Oid,
        path: &str,
        names: BTreeSet<String>,
        wanted: &mut Wanted<'_>,
        open: &mut Vec<(Oid, String, BTreeSet<String>)>,
    ) -> Result<BTreeSet<String>, GitError> {
        let tree = self.tree_of(commit)?;
        let parents = self.parent_trees(commit)?;
        let mut left = names.clone();
        for (parent, before) in &parents {
            // Most commits touch nothing of it.
            let held: BTreeSet<String> = match *before == tree {
                true => names.clone(),
                false => (wanted.holds)(*before, path)?.intersection(&names).cloned().collect(),
            };
            left.retain(|name| !held.contains(name));
            if !held.is_empty() {
                open.push((*parent, path.to_owned(), held));
            }
        }
        if left.is_empty() {
            return Ok(left);
        }
        let missing = left.clone();
        for (parent, before) in &parents {
            let changes = self.changes_between(Some(*before), Some(tree))?;
            for old in (wanted.moved)(&changes, path) {
                let held = (wanted.holds)(*before, &old)?;
                let held: BTreeSet<String> = held.intersection(&missing).cloned().collect();
                left.retain(|name| !held.contains(name));
                if !held.is_empty() {
                    open.push((*parent, old, held));
                }
            }
        }
        Ok(left)
    }

    /// The earliest commit of the line before `head` since which a folder has not changed, or one that many commits before: whoever
    /// sees that one sees the folder as it is. `None` where there is no such folder.
    ///
    /// # Errors
    /// An object cannot be read.
    pub fn unchanged_since(&self, head: Oid, folder: &str) -> Result<Option<Oid>, GitError> {
        let boundary = self.boundary()?;
        let Some(now) = self.lookup(self.tree_of(head)?, folder)? else { return Ok(None) };
        let mut at = head;
        for _ in 0..STEADY {
            let Some((parent, tree)) = self.parent_trees(at)?.first().copied().filter(|_| !boundary.contains(&at))
            else {
                break;
            };
            if self.lookup(tree, folder)? != Some(now) {
                break;
            }
            at = parent;
        }
        Ok(Some(at))
    }

    /// Where a folder of the archive comes from, also if it had another name there.
    ///
    /// # Errors
    /// An object cannot be read.
    pub fn folder_origin(&self, head: Oid, folder: &str) -> Result<Origins, GitError> {
        let mut holds = |tree: Oid, path: &str| {
            let is_there = matches!(self.lookup(tree, path)?, Some((None, _)));
            Ok(is_there.then(String::new).into_iter().collect())
        };
        let archive = folder.rsplit_once('/').map_or("", |(archive, _)| archive);
        let moved = |changes: &[RawChange], folder: &str| {
            let names = moved_folders(changes, folder).into_iter();
            names.filter(|old| old.rsplit_once('/').is_some_and(|(above, _)| above == archive)).collect()
        };
        self.origins(head, folder, [String::new()].into(), &mut Wanted { holds: &mut holds, moved: &moved })
    }

    fn parent_trees(&self, commit: Oid) -> Result<Vec<(Oid, Oid)>, GitError> {
        let found = self.git().find_commit(commit).map_err(GitError::read(commit))?;
        found.parent_ids().map(|parent| Ok((parent, self.tree_of(parent)?))).collect()
    }

    /// What the main specs said about the requirements that a change works on, when it was written: in the commit before the one
    /// that first had the delta name the requirement. Where `.openspec.yaml` names a commit, that one counts. A requirement that
    /// no commit has the delta name yet is judged by `head`.
    #[must_use]
    pub fn spec_base(&self, head: Oid, project: &Project<'_>, change: &str) -> Base {
        let mut base = Base::default();
        let path = format!("{}/{}", project.change_path(change), crate::town::spec::metadata::FILE);
        let noted = project.text(&path).ok().and_then(|text| Base::commit_of(&text));
        for delta in project.deltas(change) {
            let Ok(text) = project.text(&delta.path) else { continue };
            let names: BTreeSet<String> = Delta::of(&Lines::of(&text)).targets().map(str::to_owned).collect();
            if names.is_empty() {
                continue;
            }
            let asked = Asked { repo: self, project, change, id: &delta.id, spec: project.spec_path(&delta.id) };
            let known = asked.known(head, &delta.path, &names, noted.as_deref());
            let known = known.unwrap_or_else(|error| {
                let why = format!("the history cannot be read: {error}");
                names.iter().map(|name| (name.clone(), Known::Unknown(why.clone()))).collect()
            });
            known.into_iter().for_each(|(name, known)| base.put(&delta.id, name, known));
        }
        base
    }
}

/// One delta, and whose it is.
struct Asked<'a> {
    repo: &'a Repo,
    project: &'a Project<'a>,
    change: &'a str,
    id: &'a str,
    /// The main spec's path.
    spec: String,
}

impl Asked<'_> {
    fn known(
        &self,
        head: Oid,
        path: &str,
        names: &BTreeSet<String>,
        noted: Option<&str>,
    ) -> Result<BTreeMap<String, Known>, GitError> {
        let mut known = BTreeMap::new();
        let noted = match noted.map(|hex| (hex, Oid::from_str(hex))) {
            Some((_, Ok(oid))) if self.repo.git().find_commit(oid).is_ok() => Some(self.repo.tree_of(oid)?),
            Some((hex, _)) => {
                let why = format!("the change was begun at the commit {hex:.12}, which is not here; fetch it");
                return Ok(names.iter().map(|name| (name.clone(), Known::Unknown(why.clone()))).collect());
            }
            None => None,
        };
        let mut cache: HashMap<Oid, BTreeSet<String>> = HashMap::new();
        let mut holds = |tree: Oid, path: &str| self.targets(tree, path, &mut cache);
        let tree = self.repo.tree_of(head)?;
        let committed: BTreeSet<String> = holds(tree, path)?.intersection(names).cloned().collect();
        let origins =
            self.repo.origins(head, path, committed.clone(), &mut Wanted { holds: &mut holds, moved: &moved })?;
        for name in names {
            let at_start = noted.map(|tree| self.said(tree, name)).transpose()?.flatten();
            let found = match (at_start, origins.lost.get(name), origins.found.get(name)) {
                (Some(prints), ..) => Known::Said(prints),
                (_, Some(why), _) => Known::Unknown(why.clone()),
                (.., Some(origins)) => self.seen(name, origins)?,
                _ => self.said(tree, name)?.map_or_else(absent, Known::Said),
            };
            known.insert(name.clone(), found);
        }
        Ok(known)
    }

    /// The names of main requirements that a delta at a path of a tree speaks of.
    fn targets(
        &self,
        tree: Oid,
        path: &str,
        cache: &mut HashMap<Oid, BTreeSet<String>>,
    ) -> Result<BTreeSet<String>, GitError> {
        let Some((mode, blob)) = self.repo.entry(tree, path)? else { return Ok(BTreeSet::new()) };
        if !matches!(mode, crate::town::changeset::Mode::File | crate::town::changeset::Mode::Executable) {
            return Ok(BTreeSet::new());
        }
        if let Some(names) = cache.get(&blob) {
            return Ok(names.clone());
        }
        let bytes = self.repo.read_blob(blob)?;
        let text = String::from_utf8_lossy(&bytes);
        let names: BTreeSet<String> = Delta::of(&Lines::of(&text)).targets().map(str::to_owned).collect();
        cache.insert(blob, names.clone());
        Ok(names)
    }

    /// What those commits saw that first named the requirement.
    fn seen(&self, name: &str, origins: &[Origin]) -> Result<Known, GitError> {
        let mut said: Vec<Prints> = Vec::new();
        for origin in origins {
            let before = self.repo.parent_trees(origin.commit)?;
            let own = self.repo.tree_of(origin.commit)?;
            let mut of_parents = Vec::new();
            for (_, tree) in before {
                of_parents.extend(self.said(tree, name)?);
            }
            if of_parents.is_empty() {
                // It came with the commit itself, or another change was to bring it.
                of_parents.extend(match self.said(own, name)? {
                    Some(prints) => Some(prints),
                    None => self.promised(own, name)?,
                });
            }
            if of_parents.is_empty() {
                return Ok(absent());
            }
            for prints in of_parents {
                if !said.contains(&prints) {
                    said.push(prints);
                }
            }
        }
        Ok(match said.pop() {
            Some(one) if said.is_empty() => Known::Said(one),
            _ => {
                let commits: Vec<String> = origins.iter().map(|origin| format!("{:.12}", origin.commit)).collect();
                Known::Unknown(format!("it was written in {}, which saw different texts", commits.join(" and ")))
            }
        })
    }

    /// What the main spec of a tree says.
    fn said(&self, tree: Oid, name: &str) -> Result<Option<Prints>, GitError> {
        let Some(bytes) = self.repo.read_path(tree, &self.spec)? else { return Ok(None) };
        let parts = Requirements::of(&Lines::of(&String::from_utf8_lossy(&bytes)));
        Ok(parts.blocks.iter().find(|block| block.name == name).map(Prints::of))
    }

    /// What another open change of a tree makes of the requirement: one that this change depends on, or the only one.
    fn promised(&self, tree: Oid, name: &str) -> Result<Option<Prints>, GitError> {
        let depends = self.project.metadata(self.change).ok().flatten().map(|metadata| metadata.depends_on);
        let depends = depends.unwrap_or_default();
        let changes = self.project.below("changes");
        let Some((None, folder)) = self.repo.lookup(tree, &changes)? else { return Ok(None) };
        let mut promises: Vec<(bool, Prints)> = Vec::new();
        for entry in &self.repo.find_tree(folder)? {
            let Ok(other) = entry.name() else { continue };
            if other == self.change || other == "archive" {
                continue;
            }
            let path = format!("{changes}/{other}/specs/{}/spec.md", self.id);
            let Some(bytes) = self.repo.read_path(tree, &path)? else { continue };
            let delta = Delta::of(&Lines::of(&String::from_utf8_lossy(&bytes)));
            let blocks: Vec<&Block> = delta.added.iter().chain(&delta.modified).collect();
            let block = blocks.into_iter().find(|block| block.name == name);
            promises.extend(block.map(|block| (depends.iter().any(|name| name == other), Prints::of(block))));
        }
        if promises.iter().any(|(is_named, _)| *is_named) {
            promises.retain(|(is_named, _)| *is_named);
        }
        promises.dedup_by(|(_, one), (_, other)| one == other);
        Ok(promises.pop().filter(|_| promises.is_empty()).map(|(_, prints)| prints))
    }
}

fn absent() -> Known {
    Known::Unknown("the requirement was not there when the change was written".to_owned())
}

/// The folders from which a commit with these changes moved files into a folder, with the bytes that they had.
#[must_use]
pub fn moved_folders(changes: &[RawChange], folder: &str) -> BTreeSet<String> {
    let inside = |change: &RawChange| {
        let inner = change.path.strip_prefix(folder)?.strip_prefix('/')?;
        Some((change.after.filter(|_| change.before.is_none())?.1, inner.to_owned()))
    };
    let came: BTreeSet<(Oid, String)> = changes.iter().filter_map(inside).collect();
    let mut folders = BTreeSet::new();
    for change in changes.iter().filter(|change| change.after.is_none()) {
        let Some((_, blob)) = change.before else { continue };
        for (at, _) in change.path.match_indices('/') {
            if came.contains(&(blob, change.path[at + 1..].to_owned())) {
                folders.insert(change.path[..at].to_owned());
            }
        }
    }
    folders
}

/// Where a commit may have moved a delta from: another file that it took away, with the same bytes or of the same capability. A
/// guess that is wrong leads further back, which costs a question and no text.
fn moved(changes: &[RawChange], path: &str) -> Vec<String> {
    let at = changes.iter().find(|change| change.path == path);
    let blob = at.and_then(|change| change.after).map(|(_, blob)| blob);
    let inner = path.split_once("/changes/").and_then(|(_, inner)| inner.split_once("/specs/"));
    let tail = inner.map(|(_, inner)| format!("/specs/{inner}"));
    let is_it = |change: &&RawChange| {
        let Some((_, before)) = change.before.filter(|_| change.after.is_none()) else { return false };
        Some(before) == blob || tail.as_ref().is_some_and(|tail| change.path.ends_with(tail))
    };
    changes.iter().filter(is_it).map(|change| change.path.clone()).collect()
}
