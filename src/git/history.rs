//! Who comes after whom: parents, ancestors, common ancestors.
//! Lives here: walks over commits that know a shallow clone's boundary. Never here: content (`changes`, `merge`).
//!
//! A shallow clone lacks the parents of some commits on purpose. libgit2 takes those commits for roots, or fails on
//! the missing ones, depending on the call; so these walks read commits themselves, and say
//! [`GitError::NeedsDepth`] where the answer lies beyond the boundary instead of giving a wrong one.

use std::collections::{BTreeSet, BinaryHeap, HashMap};

use git2::{ErrorCode, ObjectType, Odb, Oid};

use super::errors::GitError;
use super::repo::Repo;

const LEFT: u8 = 1;
const RIGHT: u8 = 2;
/// Reached from a common ancestor: nothing new is to be found behind it.
const STALE: u8 = 4;
const RESULT: u8 = 8;

impl Repo {
    /// The parents of a commit. At the boundary of a shallow clone that is a [`GitError::NeedsDepth`].
    pub fn parents(&self, commit: Oid) -> Result<Vec<Oid>, GitError> {
        let mut history = History::of(self)?;
        let node = history.node(commit, "the parents of a commit")?;
        if node.cut { Err(GitError::NeedsDepth { operation: "the parents of a commit" }) } else { Ok(node.parents) }
    }

    /// The newest commit that both have behind them; `None` when their histories have nothing in common.
    pub fn merge_base(&self, one: Oid, two: Oid) -> Result<Option<Oid>, GitError> {
        let operation = "the common ancestor of two commits";
        let mut history = History::of(self)?;
        let painted = history.paint(&[one], &[two], operation)?;
        // A commit whose parents are missing may hide a better answer, unless the one found lies before it.
        if painted.cut.iter().any(|oid| matches!(painted.flags(*oid) & (LEFT | RIGHT | STALE), LEFT | RIGHT)) {
            return Err(GitError::NeedsDepth { operation });
        }
        let mut best: Vec<(i64, Oid)> = Vec::new();
        for oid in painted.results() {
            best.push((history.node(oid, operation)?.seconds, oid));
        }
        // Clocks may lie, so one candidate may be behind another: those are none.
        let candidates = best.clone();
        for (_, oid) in &candidates {
            for (_, other) in &candidates {
                if oid != other && self.is_ancestor(*oid, *other)? {
                    best.retain(|(_, kept)| kept != oid);
                }
            }
        }
        best.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(best.first().map(|(_, oid)| *oid))
    }

    /// Whether `old` is `new` or one of the commits behind it.
    pub fn is_ancestor(&self, old: Oid, new: Oid) -> Result<bool, GitError> {
        if old == new {
            return Ok(true);
        }
        let operation = "whether a commit is behind another";
        let painted = History::of(self)?.paint(&[old], &[new], operation)?;
        if painted.flags(old) & RIGHT != 0 {
            return Ok(true);
        }
        // What hides behind a commit that only `new` has may be `old`. When `old` has `new` behind it, it is not.
        let hidden = painted.cut.iter().any(|oid| painted.flags(*oid) & (LEFT | RIGHT | STALE) == RIGHT);
        if hidden && painted.flags(new) & LEFT == 0 { Err(GitError::NeedsDepth { operation }) } else { Ok(false) }
    }

    /// The commits behind `include` that are not behind any of `exclude`, oldest first.
    pub fn commits_between(&self, exclude: &[Oid], include: Oid) -> Result<Vec<Oid>, GitError> {
        let operation = "the commits between two points";
        let mut history = History::of(self)?;
        let painted = history.paint(&[include], exclude, operation)?;
        if painted.cut.iter().any(|oid| painted.flags(*oid) & (LEFT | RIGHT | STALE) == LEFT) {
            return Err(GitError::NeedsDepth { operation });
        }
        // Popped newest first; a commit that was popped early may have turned out to be excluded later.
        let only_ours = |oid: &Oid| painted.flags(*oid) & (LEFT | RIGHT | STALE) == LEFT;
        let mut found: Vec<Oid> = painted.order.iter().rev().copied().filter(only_ours).collect();
        let mut seen = BTreeSet::new();
        found.retain(|oid| seen.insert(*oid));
        Ok(found)
    }

    /// The commit of `tip`'s first-parent line that brought `head` in: a merge, or `head` itself after a
    /// fast-forward. `None` when it is not in, or came in more than `limit` commits ago.
    pub fn first_parent_merge_of(&self, head: Oid, tip: Oid, limit: usize) -> Result<Option<Oid>, GitError> {
        if !self.is_ancestor(head, tip)? {
            return Ok(None);
        }
        let mut history = History::of(self)?;
        let mut line = vec![tip];
        // Every later commit of the line has `head` behind it too, so the first one is found by halving.
        let (mut has, mut lacks) = (0, None);
        let mut step = 1;
        while lacks.is_none() && has < limit {
            let want = (has + step).min(limit);
            while line.len() <= want {
                let Some(last) = line.last().copied() else { break };
                let node = history.node(last, "the first-parent line")?;
                match node.parents.first() {
                    _ if node.cut => return Err(GitError::NeedsDepth { operation: "the first-parent line" }),
                    Some(parent) => line.push(*parent),
                    None => break,
                }
            }
            let at = want.min(line.len() - 1);
            if at == has {
                // The line's root has it.
                return Ok(line.get(has).copied());
            }
            if self.is_ancestor(head, line[at])? {
                has = at
            } else {
                lacks = Some(at)
            }
            step *= 2;
        }
        let Some(mut lacks) = lacks else { return Ok(None) };
        while lacks - has > 1 {
            let middle = has + (lacks - has) / 2;
            if self.is_ancestor(head, line[middle])? { has = middle } else { lacks = middle }
        }
        Ok(line.get(has).copied())
    }
}

#[derive(Clone)]
struct Node {
    parents: Vec<Oid>,
    seconds: i64,
    /// Its parents exist but are missing here on purpose.
    cut: bool,
}

/// Commits as they are stored, together with the boundary as it is now.
struct History<'r> {
    odb: Odb<'r>,
    boundary: BTreeSet<Oid>,
    known: HashMap<Oid, Node>,
}

struct Painted {
    flags: HashMap<Oid, u8>,
    /// Commits in the order they were looked at.
    order: Vec<Oid>,
    /// Commits that were looked at and whose parents are missing.
    cut: Vec<Oid>,
}

impl Painted {
    fn flags(&self, oid: Oid) -> u8 {
        self.flags.get(&oid).copied().unwrap_or(0)
    }

    fn results(&self) -> Vec<Oid> {
        let is_result = |oid: &Oid| self.flags(*oid) & (RESULT | STALE) == RESULT;
        let found: BTreeSet<Oid> = self.order.iter().copied().filter(is_result).collect();
        found.into_iter().collect()
    }
}

impl<'r> History<'r> {
    fn of(repo: &'r Repo) -> Result<Self, GitError> {
        let odb = repo.git().odb().map_err(GitError::read(Oid::ZERO_SHA1))?;
        Ok(Self { odb, boundary: repo.boundary()?, known: HashMap::new() })
    }

    fn node(&mut self, oid: Oid, operation: &'static str) -> Result<Node, GitError> {
        if let Some(node) = self.known.get(&oid) {
            return Ok(node.clone());
        }
        let object = match self.odb.read(oid) {
            Ok(object) => object,
            Err(e) if e.code() == ErrorCode::NotFound && !self.boundary.is_empty() => {
                return Err(GitError::NeedsDepth { operation });
            }
            Err(source) => return Err(GitError::ReadObject { oid, source }),
        };
        let bad = GitError::BadObject { oid, what: "commit" };
        if object.kind() != ObjectType::Commit {
            return Err(bad);
        }
        let Some((parents, seconds)) = parse(object.data()) else { return Err(bad) };
        let cut = !parents.is_empty() && self.boundary.contains(&oid);
        let node = Node { parents: if cut { Vec::new() } else { parents }, seconds, cut };
        self.known.insert(oid, node.clone());
        Ok(node)
    }

    /// Walks from both sides, newest first, until only the history of common commits is left.
    fn paint(&mut self, left: &[Oid], right: &[Oid], operation: &'static str) -> Result<Painted, GitError> {
        let mut painted = Painted { flags: HashMap::new(), order: Vec::new(), cut: Vec::new() };
        let mut queue = Queue::default();
        for (side, flag) in [(left, LEFT), (right, RIGHT)] {
            for oid in side {
                queue.mark(&mut painted.flags, *oid, flag, self.node(*oid, operation)?.seconds);
            }
        }
        let mut oldest = i64::MAX;
        // Commits of one second come in any order, so what is stale is followed as far back as what was found.
        while queue.live > 0 || queue.newest().is_some_and(|seconds| seconds >= oldest) {
            let Some(oid) = queue.pop(&painted.flags) else { break };
            painted.order.push(oid);
            let node = self.node(oid, operation)?;
            let mut flags = painted.flags(oid) & (LEFT | RIGHT | STALE);
            if flags & STALE == 0 {
                oldest = oldest.min(node.seconds);
            }
            if flags == LEFT | RIGHT {
                painted.flags.insert(oid, flags | RESULT);
                flags |= STALE;
            }
            if node.cut {
                painted.cut.push(oid);
            }
            for parent in node.parents {
                if painted.flags(parent) & flags != flags {
                    let seconds = self.node(parent, operation)?.seconds;
                    queue.mark(&mut painted.flags, parent, flags, seconds);
                }
            }
        }
        Ok(painted)
    }
}

/// Commits to look at, newest first, and how many of them can still tell something.
#[derive(Default)]
struct Queue {
    heap: BinaryHeap<(i64, Oid)>,
    waiting: BTreeSet<Oid>,
    live: usize,
}

impl Queue {
    fn mark(&mut self, flags: &mut HashMap<Oid, u8>, oid: Oid, flag: u8, seconds: i64) {
        let known = flags.entry(oid).or_insert(0);
        let was_live = self.waiting.contains(&oid) && *known & STALE == 0;
        *known |= flag;
        let is_live = *known & STALE == 0;
        if self.waiting.insert(oid) {
            self.heap.push((seconds, oid));
        }
        match (was_live, is_live) {
            (false, true) => self.live += 1,
            (true, false) => self.live -= 1,
            _ => {}
        }
    }

    fn newest(&self) -> Option<i64> {
        self.heap.peek().map(|(seconds, _)| *seconds)
    }

    fn pop(&mut self, flags: &HashMap<Oid, u8>) -> Option<Oid> {
        let (_, oid) = self.heap.pop()?;
        self.waiting.remove(&oid);
        if flags.get(&oid).is_none_or(|flags| flags & STALE == 0) {
            self.live -= 1;
        }
        Some(oid)
    }
}

/// The parents and the committer's time of a stored commit.
fn parse(data: &[u8]) -> Option<(Vec<Oid>, i64)> {
    let mut parents = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Some(hex) = line.strip_prefix(b"parent ") {
            parents.push(Oid::from_str(std::str::from_utf8(hex).ok()?).ok()?);
        } else if let Some(committer) = line.strip_prefix(b"committer ") {
            // Strange commits have no time; they sort as the oldest, which costs time and no correctness.
            let mut words = committer.rsplit(|byte| *byte == b' ').skip(1);
            let seconds = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
            return Some((parents, seconds.unwrap_or(0)));
        } else if line.is_empty() {
            break;
        }
    }
    Some((parents, 0))
}
