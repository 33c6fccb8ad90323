//! What differs between two commits, and what would be pushed with them.
//! Lives here: the comparison of trees, the blobs of commits in between, the values that the gate judges.
//! Never here: judging them (`town::gate`), textual differences.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use git2::{Oid, Tree};

use super::errors::GitError;
use super::objects::{check_count, check_depth, mode_of, show};
use super::repo::{Repo, id};
use super::spec_tree;
use crate::town::changeset::{Blob, FileChange, HiddenBlob, Mode, NamedBytes, Proposal};
use crate::town::limits::CHANGESET_BYTES;

/// How much content a proposal may make us read, on each of its sides. The gate refuses far smaller ones by name;
/// this only keeps an absurd one from filling the memory.
const PROPOSAL_BYTES: u64 = 4 * CHANGESET_BYTES;
/// Files of an agent that are compared with what it proposes.
const EARLIER_FILES: usize = 200;
/// How large such a file may be, in bytes.
const EARLIER_BYTES: u64 = 64 * 1024;

/// One path that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawChange {
    /// The path; bytes that are not UTF-8 are shown as `\xNN`.
    pub path: String,
    /// What was there.
    pub before: Option<(Mode, Oid)>,
    /// What is there.
    pub after: Option<(Mode, Oid)>,
}

/// A blob that a commit brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduced {
    /// The commit.
    pub commit: Oid,
    /// Where it stands in that commit.
    pub path: String,
    /// The blob.
    pub blob: Oid,
}

/// What the repository knows about a proposal.
#[derive(Clone, Debug, Default)]
pub struct ProposalContent {
    /// What differs, sorted by path.
    pub changes: Vec<FileChange>,
    /// Blobs of commits in between that the change itself does not show.
    pub hidden: Vec<HiddenBlob>,
    /// Every path after the change, sorted.
    pub tree: Vec<String>,
}

impl Repo {
    /// Every path that differs between two trees, sorted. Equal folders are not even read.
    pub fn changes_between(&self, before: Option<Oid>, after: Option<Oid>) -> Result<Vec<RawChange>, GitError> {
        let mut walk = Walk::default();
        self.compare(before, after, 0, &mut walk)?;
        walk.changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(walk.changes)
    }

    fn compare(&self, before: Option<Oid>, after: Option<Oid>, depth: usize, walk: &mut Walk) -> Result<(), GitError> {
        if before == after {
            return Ok(());
        }
        check_depth(depth)?;
        // Folders count as well: they can share each other until there is no end to them, without a single file.
        walk.folders += 1;
        check_count(walk.changes.len().max(walk.folders))?;
        let before = Entries::of(before.map(|oid| self.find_tree(oid)).transpose()?);
        let after = Entries::of(after.map(|oid| self.find_tree(oid)).transpose()?);
        let (mut i, mut j) = (0, 0);
        loop {
            let (old, new) = (before.list.get(i), after.list.get(j));
            let order = match (old, new) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.key.cmp(&new.key),
            };
            let old = old.filter(|_| order != Ordering::Greater);
            let new = new.filter(|_| order != Ordering::Less);
            i += usize::from(old.is_some());
            j += usize::from(new.is_some());
            if old.map(|e| (e.mode, e.oid)) == new.map(|e| (e.mode, e.oid)) {
                continue;
            }
            let Some(entry) = old.or(new) else { continue };
            let length = walk.prefix.len();
            walk.prefix.extend_from_slice(&entry.key);
            if entry.mode.is_none() {
                // The key of a folder ends with its slash, so both sides are folders or one is missing.
                self.compare(old.map(|e| e.oid), new.map(|e| e.oid), depth + 1, walk)?;
            } else {
                let side = |e: &Entry| e.mode.map(|mode| (mode, e.oid));
                let path = show(&walk.prefix);
                walk.changes.push(RawChange { path, before: old.and_then(side), after: new.and_then(side) });
            }
            walk.prefix.truncate(length);
        }
    }

    /// The blobs that commits reachable from `include` and not from `exclude` brought in, each once, in the order of
    /// the oldest commit that has it.
    pub fn blobs_between(&self, exclude: &[Oid], include: Oid) -> Result<Vec<Introduced>, GitError> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for commit in self.commits_between(exclude, include)? {
            let tree = self.tree_of(commit)?;
            let parents = self.parents(commit)?;
            let mut changes = match parents.first() {
                Some(parent) => self.changes_between(Some(self.tree_of(*parent)?), Some(tree))?,
                None => self.changes_between(None, Some(tree))?,
            };
            for parent in parents.iter().skip(1) {
                // A merge brings in only what none of its parents had at that path.
                let trees = self.changes_between(Some(self.tree_of(*parent)?), Some(tree))?;
                let differing: HashSet<&str> = trees.iter().map(|change| change.path.as_str()).collect();
                changes.retain(|change| differing.contains(change.path.as_str()));
            }
            for change in changes {
                if let Some((mode, blob)) = change.after
                    && mode != Mode::Module
                    && change.before.is_none_or(|(_, old)| old != blob)
                    && seen.insert(blob)
                {
                    check_count(found.len())?;
                    found.push(Introduced { commit, path: change.path, blob });
                }
            }
        }
        Ok(found)
    }

    /// Everything that the gate needs from the repository about the step from `base` to `head`. `exclude` are commits
    /// that the remote has already, so that what they carry is not pushed again.
    pub fn proposal(&self, base: Oid, head: Oid, exclude: &[Oid]) -> Result<ProposalContent, GitError> {
        let (before, after) = (self.tree_of(base)?, self.tree_of(head)?);
        let raw = self.changes_between(Some(before), Some(after))?;
        let shown: HashSet<Oid> = raw.iter().filter_map(|change| change.after.map(|(_, oid)| oid)).collect();
        let introduced = self.blobs_between(exclude, head)?;
        let hidden: Vec<Introduced> = introduced.into_iter().filter(|blob| !shown.contains(&blob.blob)).collect();

        let mut new_side = Budget::new("the content of the proposal");
        let changes = self.with_content(raw, &mut new_side)?;
        let mut blobs = Vec::with_capacity(hidden.len());
        for Introduced { commit, path, blob } in hidden {
            let bytes = self.bounded((Mode::File, blob), &mut new_side)?.bytes;
            blobs.push(HiddenBlob { commit: id(commit), path, bytes });
        }
        Ok(ProposalContent { changes, hidden: blobs, tree: self.paths(after)? })
    }

    /// What differs between two trees, with contents.
    pub fn file_changes(&self, before: Oid, after: Oid) -> Result<Vec<FileChange>, GitError> {
        self.contents(self.changes_between(Some(before), Some(after))?)
    }

    /// The contents of what differs.
    pub fn contents(&self, changes: Vec<RawChange>) -> Result<Vec<FileChange>, GitError> {
        self.with_content(changes, &mut Budget::new("the content of the proposal"))
    }

    /// Reads all that the commits up to `head` bring to one that has those of `exclude`, `base` being where they parted: an
    /// error where that cannot be read, or is more than is ever read.
    pub fn read_through(&self, base: Option<Oid>, head: Oid, exclude: &[Oid]) -> Result<(), GitError> {
        match base {
            Some(base) => self.proposal(base, head, exclude).map(|_| ()),
            None => {
                let all = self.changes_between(None, Some(self.tree_of(head)?))?;
                self.contents(all).and_then(|_| self.blobs_between(exclude, head)).map(|_| ())
            }
        }
    }

    /// What differs between two trees, and what the checks look at besides.
    pub fn fill(&self, proposal: &mut Proposal, before: Oid, after: Oid) -> Result<(), GitError> {
        proposal.changes = self.file_changes(before, after)?;
        proposal.tree = self.paths(after)?;
        proposal.specs = spec_tree::of_tree(self, after)?;
        proposal.earlier = self.earlier(proposal, before)?;
        Ok(())
    }

    /// The agent's own text files before the change, to recognise a near-copy of one.
    fn earlier(&self, proposal: &Proposal, before: Oid) -> Result<Vec<NamedBytes>, GitError> {
        let mut found = Vec::new();
        if proposal.agent.is_none() {
            return Ok(found);
        }
        for path in self.paths(before)? {
            if found.len() == EARLIER_FILES || !proposal.owns.iter().any(|pattern| pattern.matches(&path)) {
                continue;
            }
            if let Some((Mode::File, blob)) = self.entry(before, &path)?
                && self.blob_size(blob)? <= EARLIER_BYTES
            {
                found.push((path, self.read_blob(blob)?.into()));
            }
        }
        Ok(found)
    }

    /// How many bytes the files have that differ between two trees, as the later one has them, without reading them.
    pub fn bytes_between(&self, before: Oid, after: Oid) -> Result<u64, GitError> {
        let mut bytes: u64 = 0;
        for change in self.changes_between(Some(before), Some(after))? {
            if let Some((_, blob)) = change.after.filter(|(mode, _)| *mode != Mode::Module) {
                bytes = bytes.saturating_add(self.blob_size(blob)?);
            }
        }
        Ok(bytes)
    }

    fn with_content(&self, raw: Vec<RawChange>, new_side: &mut Budget) -> Result<Vec<FileChange>, GitError> {
        let mut old_side = Budget::new("the content that the proposal replaces");
        let one = |change: RawChange| {
            let before = change.before.map(|at| self.bounded(at, &mut old_side)).transpose()?;
            let after = change.after.map(|at| self.bounded(at, new_side)).transpose()?;
            Ok(FileChange { path: change.path, before, after })
        };
        raw.into_iter().map(one).collect()
    }

    fn bounded(&self, (mode, oid): (Mode, Oid), budget: &mut Budget) -> Result<Blob, GitError> {
        if mode == Mode::Module {
            return Ok(Blob { mode, bytes: Arc::from([]) });
        }
        budget.take(self.blob_size(oid)?)?;
        Ok(Blob { mode, bytes: self.read_blob(oid)?.into() })
    }
}

/// A comparison under way.
#[derive(Default)]
struct Walk {
    /// The path so far.
    prefix: Vec<u8>,
    /// Folders that were looked into.
    folders: usize,
    changes: Vec<RawChange>,
}

struct Budget {
    what: &'static str,
    used: u64,
}

impl Budget {
    const fn new(what: &'static str) -> Self {
        Self { what, used: 0 }
    }

    fn take(&mut self, bytes: u64) -> Result<(), GitError> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= PROPOSAL_BYTES {
            return Ok(());
        }
        let what = format!("{} in bytes", self.what);
        Err(GitError::TooLarge { what, size: self.used, limit: PROPOSAL_BYTES })
    }
}

struct Entry {
    /// The name, with a slash behind a folder's, as git sorts them.
    key: Vec<u8>,
    mode: Option<Mode>,
    oid: Oid,
}

struct Entries {
    list: Vec<Entry>,
}

impl Entries {
    fn of(tree: Option<Tree<'_>>) -> Self {
        let mut list: Vec<Entry> = Vec::new();
        for entry in tree.iter().flat_map(Tree::iter) {
            let mode = mode_of(entry.filemode());
            let mut key = entry.name_bytes().to_vec();
            if mode.is_none() {
                key.push(b'/');
            }
            list.push(Entry { key, mode, oid: entry.id() });
        }
        // Trees are sorted like this already; one that is not was made by hand and must not hide anything.
        if !list.is_sorted_by(|a, b| a.key <= b.key) {
            list.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Self { list }
    }
}
