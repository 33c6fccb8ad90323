//! Activity: who changed what since the agent's last run, and what people did lately.
//! Lives here: the walk, the classification and the churn. Never here: blame.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use git2::{Commit, Oid, Repository, Sort};

use super::owners::Owners;
use super::trees::{Change, compare, line_counts};
use super::{Request, trees};
use crate::town::facts::{ActivityFacts, Churn, CommitLine, Tally, Window};
use crate::town::markdown::visible;

/// Commits of people that one window holds at the most.
const COMMITS: usize = 500;
/// Commits that are looked at in search of those.
const SCANNED: usize = 5_000;
/// File changes of one commit; a larger one is an import.
const CHANGES: usize = 2_000;
/// File changes of one window whose lines are counted.
const COUNTED: usize = 2_000;
/// The days of a window without a last run.
const DAYS: i64 = 14;
const DAY: i64 = 86_400;

pub(super) fn sense(request: &Request<'_>, owners: &Owners<'_>) -> ActivityFacts {
    let mut reader = Reader { repo: request.repo, owners, shallow: boundary(request.repo), cache: HashMap::new() };
    ActivityFacts { since: reader.since(request.base, request.since), recent: reader.recent(request.base) }
}

/// The day of the newest commit that a person made, which ages are counted to.
pub(super) fn today(request: &Request<'_>, owners: &Owners<'_>) -> Option<String> {
    let mut reader = Reader { repo: request.repo, owners, shallow: boundary(request.repo), cache: HashMap::new() };
    let walk = walk(request.repo, request.base, None)?;
    let ids = walk.flatten().take(SCANNED);
    let mut people = ids.filter_map(|id| request.repo.find_commit(id).ok()).filter(|c| reader.role(c) == Role::Person);
    people.next().map(|commit| day(commit.time().seconds()))
}

/// The oldest commits of a shallow clone: their parents are named but not here.
pub(super) fn boundary(repo: &Repository) -> BTreeSet<Oid> {
    if !repo.is_shallow() {
        return BTreeSet::new();
    }
    let text = std::fs::read_to_string(repo.commondir().join("shallow")).unwrap_or_default();
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}

/// `YYYY-MM-DD` in UTC of a commit's time, which its author chose freely.
pub(super) fn day(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .map_or_else(|| "0000-00-00".to_owned(), |t| t.format("%Y-%m-%d").to_string())
}

/// An author's name without control or invisible characters; never an address.
pub(super) fn author_of(commit: &Commit<'_>) -> String {
    visible(&String::from_utf8_lossy(commit.author().name_bytes()), 80)
}

fn walk(repo: &Repository, from: Oid, hide: Option<Oid>) -> Option<git2::Revwalk<'_>> {
    let mut walk = repo.revwalk().ok()?;
    // Newest first as commits come by; asking for a sorted walk would read the whole history before the first one.
    walk.set_sorting(Sort::NONE).ok()?;
    walk.push(from).ok()?;
    if let Some(hide) = hide {
        walk.hide(hide).ok()?;
    }
    Some(walk)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    Person,
    Merge,
    Agent(String),
}

struct Reader<'a> {
    repo: &'a Repository,
    owners: &'a Owners<'a>,
    shallow: BTreeSet<Oid>,
    cache: HashMap<Oid, (Vec<Change>, bool)>,
}

impl Reader<'_> {
    fn since(&mut self, base: Oid, since: Option<Oid>) -> Window {
        let known = since.filter(|id| *id == base || self.repo.graph_descendant_of(base, *id).unwrap_or(false));
        let base_time = self.repo.find_commit(base).map_or(0, |commit| commit.time().seconds());
        let mut window = match (known, since) {
            (Some(id), _) => Window { span: format!("Since the last run at {}", short(id)), ..Window::default() },
            (None, Some(id)) => Window {
                span: format!(
                    "The last run stood at {}, which is not part of this history. The last {DAYS} days",
                    short(id)
                ),
                ..Window::default()
            },
            (None, None) => Window { span: format!("The last {DAYS} days"), ..Window::default() },
        };
        let cutoff = if known.is_some() { i64::MIN } else { base_time.saturating_sub(DAYS * DAY) };
        self.fill(&mut window, base, known, |time| time >= cutoff);
        window
    }

    fn recent(&mut self, base: Oid) -> Window {
        let mut window =
            Window { span: format!("The {DAYS} days up to the newest commit by a person"), ..Window::default() };
        let mut newest = None;
        self.fill(&mut window, base, None, |time| time >= newest.get_or_insert(time).saturating_sub(DAYS * DAY));
        // Only what people did belongs here: agents' work and its merges must not move the window.
        window.merges = 0;
        window.landed = 0;
        window.agents.clear();
        window
    }

    /// Fills a window from the commits that `base` has and `hide` has not. `inside` is asked for the time of each commit
    /// by a person, newest first.
    fn fill(&mut self, window: &mut Window, base: Oid, hide: Option<Oid>, mut inside: impl FnMut(i64) -> bool) {
        let Some(walk) = walk(self.repo, base, hide) else { return };
        let mut tally = Summary::default();
        let mut seen = BTreeSet::new();
        for (at, id) in walk.flatten().enumerate() {
            let Ok(commit) = self.repo.find_commit(id) else { continue };
            if at >= SCANNED || tally.people.len() >= COMMITS {
                window.truncated = true;
                break;
            }
            let time = commit.time().seconds();
            match self.role(&commit) {
                Role::Person if inside(time) => tally.people.push(id),
                Role::Person => break,
                Role::Merge => tally.merges.push(time),
                Role::Agent(name) => tally.agents.push((time, name)),
            }
            seen.insert(id);
            window.shallow |= self.shallow.contains(&id);
        }
        self.finish(window, tally, &mut inside);
        window.landed = self.landed(base, &seen);
    }

    fn finish(&mut self, window: &mut Window, tally: Summary, inside: &mut impl FnMut(i64) -> bool) {
        let mut authors: BTreeMap<String, usize> = BTreeMap::new();
        let mut churn = ChurnCount::default();
        let mut days = BTreeSet::new();
        for id in &tally.people {
            let Ok(commit) = self.repo.find_commit(*id) else { continue };
            *authors.entry(author_of(&commit)).or_default() += 1;
            days.insert(day(commit.time().seconds()));
            if window.newest.len() < 20 {
                window.newest.push(line_of(&commit));
            }
            let (changes, cut) = self.changes(&commit);
            window.uncounted += usize::from(cut) + churn.add(self.repo, self.owners, &changes);
        }
        let mut agents: BTreeMap<String, usize> = BTreeMap::new();
        for (_, name) in tally.agents.into_iter().filter(|(time, _)| inside(*time)) {
            *agents.entry(name).or_default() += 1;
        }
        window.commits = tally.people.len();
        window.merges = tally.merges.into_iter().filter(|time| inside(*time)).count();
        window.first_day = days.first().cloned();
        window.last_day = days.last().cloned();
        window.authors = ranked(authors);
        window.agents = ranked(agents);
        (window.domains, window.hot) = churn.finish();
    }

    /// How many of `seen` stand on the first-parent line: what landed, each pull request once.
    fn landed(&self, base: Oid, seen: &BTreeSet<Oid>) -> usize {
        let mut at = Some(base);
        let mut count = 0;
        while let Some(id) = at.filter(|id| seen.contains(id)) {
            count += 1;
            at = self.repo.find_commit(id).ok().and_then(|commit| commit.parent_id(0).ok());
        }
        count
    }

    fn role(&mut self, commit: &Commit<'_>) -> Role {
        if commit.parent_count() > 1 {
            return Role::Merge;
        }
        if let Some(agent) = trailer(commit, "Agent:") {
            return Role::Agent(agent);
        }
        // A squash by a person may lose the trailer; work on nothing but one agent's files is still the agent's.
        let (changes, cut) = self.changes(commit);
        let mut owner = None;
        for change in &changes {
            match (self.owners.of(&change.path), &owner) {
                (None, _) => return Role::Person,
                (Some(agent), None) => owner = Some(agent),
                (Some(_), Some(_)) => {}
            }
        }
        match owner {
            Some(agent) if !cut => Role::Agent(agent.to_string()),
            _ => Role::Person,
        }
    }

    /// What a commit changed against its first parent. At the boundary of a shallow clone nobody knows.
    fn changes(&mut self, commit: &Commit<'_>) -> (Vec<Change>, bool) {
        if let Some(known) = self.cache.get(&commit.id()) {
            return known.clone();
        }
        let parent = commit.parent(0).ok();
        let unknown = self.shallow.contains(&commit.id()) || (commit.parent_count() > 0 && parent.is_none());
        let found = if unknown {
            (Vec::new(), true)
        } else {
            let old = parent.map(|parent| parent.tree_id());
            let compared: trees::Compared = compare(self.repo, old, Some(commit.tree_id()), CHANGES);
            (compared.changes, compared.truncated)
        };
        self.cache.insert(commit.id(), found.clone());
        found
    }
}

#[derive(Default)]
struct Summary {
    people: Vec<Oid>,
    merges: Vec<i64>,
    agents: Vec<(i64, String)>,
}

/// Churn by file and by part of the repository.
#[derive(Default)]
struct ChurnCount {
    files: BTreeMap<String, Churn>,
    domains: BTreeMap<String, Churn>,
    counted: usize,
}

impl ChurnCount {
    /// Adds one commit's changes; returns how many have no line count.
    fn add(&mut self, repo: &Repository, owners: &Owners<'_>, changes: &[Change]) -> usize {
        let mut uncounted = 0;
        let mut touched = BTreeSet::new();
        for change in changes {
            let lines = (self.counted < COUNTED).then(|| line_counts(repo, change)).flatten();
            self.counted += 1;
            uncounted += usize::from(lines.is_none());
            let (added, deleted) = lines.unwrap_or_default();
            let domain = owners.of(&change.path).map_or_else(|| folder_of(&change.path), |agent| agent.to_string());
            let first = touched.insert(domain.clone());
            let named = |name: String| Churn { name, ..Churn::default() };
            let file = self.files.entry(change.path.clone()).or_insert_with_key(|path| named(path.clone()));
            let place = self.domains.entry(domain).or_insert_with_key(|domain| named(domain.clone()));
            for (churn, commits) in [(file, 1), (place, usize::from(first))] {
                churn.commits += commits;
                churn.changes += 1;
                churn.added += added;
                churn.deleted += deleted;
            }
        }
        uncounted
    }

    fn finish(self) -> (Vec<Churn>, Vec<Churn>) {
        let rank = |all: BTreeMap<String, Churn>, most: usize| {
            let mut all: Vec<Churn> = all.into_values().collect();
            all.sort_by(|a, b| {
                let weight = |c: &Churn| (c.added + c.deleted, c.commits);
                weight(b).cmp(&weight(a)).then_with(|| a.name.cmp(&b.name))
            });
            all.truncate(most);
            all
        };
        (rank(self.domains, 15), rank(self.files, 10))
    }
}

/// The top folder of a path, or `(root)`.
pub(super) fn folder_of(path: &str) -> String {
    path.split_once('/').map_or_else(|| "(root)".to_owned(), |(top, _)| top.to_owned())
}

fn ranked(counts: BTreeMap<String, usize>) -> Vec<Tally> {
    let mut all: Vec<Tally> = counts.into_iter().map(|(name, count)| Tally { name, count }).collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    all.truncate(50);
    all
}

/// A trailer in the last paragraph of a commit's message.
fn trailer(commit: &Commit<'_>, key: &str) -> Option<String> {
    let message = String::from_utf8_lossy(commit.message_bytes());
    let last = message.trim_end().lines().rev().take(40).take_while(|line| !line.trim().is_empty());
    let value = last.filter_map(|line| line.strip_prefix(key)).next()?;
    Some(visible(value, 64)).filter(|value| !value.is_empty())
}

fn line_of(commit: &Commit<'_>) -> CommitLine {
    let subject = String::from_utf8_lossy(commit.message_bytes());
    let subject = subject.trim_start().lines().next().map_or_else(String::new, |line| visible(line, 120));
    CommitLine { id: short(commit.id()), day: day(commit.time().seconds()), author: author_of(commit), subject }
}

/// The first ten digits of an object id.
pub(super) fn short(id: Oid) -> String {
    id.to_string().chars().take(10).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "activity_tests.rs"]
mod activity_tests;
