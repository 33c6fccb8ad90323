//! Pull requests as a witness judges them: what differs, what is risky, what it cost.
//! Lives here: `/api/pulls`. Never here: a verdict, the checks (see [`crate::town::gate`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use git2::Oid;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::git::errors::GitError;
use crate::git::home::Home;
use crate::git::repo::{self, Repo};
use crate::town::changeset::Proposal;
use crate::town::charter::Charter;
use crate::town::finding::{Finding, Severity};
use crate::town::fold::{Pull, PullState, Town};
use crate::town::gate;
use crate::town::ownership;
use crate::town::settings::Settings;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;

use super::desk::{Desk, Failure, TownNow, lock};
use super::diff::{self, FileDiff};
use super::past::RunSum;
use super::specs;

/// Judgements that are kept; more than that, and all are made again.
const KEPT: usize = 256;
/// Risks that are told of one pull request.
const RISKS: usize = 50;
/// The rule under which it is told that the commits cannot be read.
const READABLE: &str = "readable";

/// How much a risk matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Look at it.
    Warn,
    /// The gate would refuse it.
    High,
}

/// Something to look at before a merge.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Risk {
    /// How much it matters.
    pub level: Level,
    /// What it is.
    pub what: String,
}

/// What one check of the gate says.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckState {
    /// Its name.
    name: &'static str,
    /// `passed`, `warned` or `failed`.
    state: &'static str,
}

/// A pull request on a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PullCard")]
pub struct Card {
    /// The pull request as the state has it (`docs/formats.md`): number, state, agent, run, branch, head, base, title, body…
    #[serde(flatten)]
    #[schemars(with = "Pull")]
    pull: Map<String, Value>,
    /// What to look at, worst first.
    risk: Vec<Risk>,
    /// Whether it stays within what its agent owns; null where nobody can tell: it was not judged, or its agent has no charter now.
    own_paths: Option<bool>,
    /// What each check of the gate says of an open one.
    checks: Option<Vec<CheckState>>,
    /// What its runs cost, in millionths of a US dollar.
    cost_micros: u64,
    /// Other pull requests that offer the same, or touch mostly the same files.
    similar: Vec<u64>,
    /// The newest commit of the branch where that is not `head`: people added commits. A merge takes them along.
    #[serde(skip_serializing_if = "Option::is_none")]
    tip: Option<String>,
}

/// A pull request with what differs. `files` is the list of files, and `file_count` their number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PullPage", transform = once)]
pub struct Page {
    /// As on the list.
    #[serde(flatten)]
    card: Card,
    /// How many files differ.
    file_count: usize,
    /// What differs, by path.
    files: Vec<FileDiff>,
    /// The runs that made it.
    runs: Vec<RunSum>,
}

/// `files` takes the place of the state's number of them, and is asked for once.
fn once(schema: &mut schemars::Schema) {
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        let mut seen = BTreeSet::new();
        required.retain(|name| seen.insert(name.as_str().map(str::to_owned)));
    }
}

/// What the gate says of an offer on the default branch as it is.
#[derive(Debug, Default)]
pub struct Weighed {
    findings: Vec<Finding>,
    /// Whether the gate has judged it.
    here: bool,
    /// Whether it stays so as long as branch and default branch stand where they do.
    lasts: bool,
}

impl Weighed {
    /// Of an offer that cannot be read: that stays with this one pull request, whoever pushed what.
    fn unread(error: &GitError) -> Self {
        let message = format!("it cannot be judged here: {}", error.whole());
        Self { findings: vec![Finding::error(READABLE, message)], here: false, lasts: !error.may_pass() }
    }
}

/// The commits that a pull request stands between: where it left the default branch, and its newest.
struct Ends {
    fork: Oid,
    tip: Oid,
}

/// `GET /api/pulls`, newest first.
///
/// # Errors
/// [`Failure`] when the repository cannot be read.
pub fn pulls(desk: &Desk, home: &Home, now: &TownNow, town: &Town) -> Result<Vec<Card>, Failure> {
    town.pulls.values().rev().map(|pull| card(desk, home, now, town, pull)).collect()
}

/// `GET /api/pulls/{n}`.
///
/// # Errors
/// [`Failure::NotFound`] where there is no such pull request.
pub fn page(desk: &Desk, home: &Home, now: &TownNow, town: &Town, number: u64) -> Result<Page, Failure> {
    let pull = town
        .pulls
        .get(&number)
        .ok_or_else(|| Failure::NotFound(format!("there is no pull request #{number}; /api/pulls lists them")))?;
    let mut card = card(desk, home, now, town, pull)?;
    card.pull.remove("files");
    let (files, count) = match differing(home, now, pull) {
        // The card says why.
        Err(Failure::Git(error)) if error.is_unreadable() => (Vec::new(), 0),
        found => found?,
    };
    let runs = lock(&desk.past).runs_of(number);
    Ok(Page { card, file_count: count.max(pull.offer.files as usize), files, runs })
}

fn differing(home: &Home, now: &TownNow, pull: &Pull) -> Result<(Vec<FileDiff>, usize), Failure> {
    let Some(ends) = ends(home, now, pull)? else { return Ok((Vec::new(), 0)) };
    Ok(diff::between(&home.repo, home.repo.tree_of(ends.fork)?, home.repo.tree_of(ends.tip)?)?)
}

fn card(desk: &Desk, home: &Home, now: &TownNow, town: &Town, pull: &Pull) -> Result<Card, Failure> {
    let is_open = pull.state == PullState::Open;
    let weighed = if is_open { looked_at(desk, home, now, town, pull)? } else { None };
    let judged = weighed.as_deref().filter(|weighed| weighed.here);
    let own_paths = match judged {
        Some(judged) => Some(judged.findings.iter().all(|finding| finding.rule != gate::OWN)),
        // That what it names is its agent's says nothing of what is in it.
        None => owns_all(now, pull).filter(|owns| !is_open || !owns),
    };
    // Also one that cannot be read: it is what a verdict is about.
    let tip = home.tip(&pull.offer.branch).ok().flatten().map(|tip| tip.to_string());
    let tip = tip.filter(|tip| is_open && *tip != pull.offer.head.as_str());
    let Value::Object(fields) = serde_json::to_value(pull)? else {
        return Err(Failure::NotFound("the pull request cannot be shown".to_owned()));
    };
    let runs = lock(&desk.past).runs_of(pull.number);
    Ok(Card {
        pull: fields,
        risk: risks(pull, tip.is_some(), weighed.as_deref(), own_paths),
        own_paths,
        checks: judged.map(checks),
        cost_micros: runs.iter().map(|run| run.cost_micros).fold(0, u64::saturating_add),
        similar: similar(town, pull),
        tip,
    })
}

/// What the gate says of an open pull request; `None` where its commits are not here.
fn looked_at(
    desk: &Desk,
    home: &Home,
    now: &TownNow,
    town: &Town,
    pull: &Pull,
) -> Result<Option<Arc<Weighed>>, Failure> {
    let found = ends(home, now, pull).and_then(|ends| {
        let ends = ends.as_ref();
        ends.map(|ends| weigh(desk, home, now, town, pull, ends)).transpose()
    });
    match found {
        Err(Failure::Git(error)) if error.is_unreadable() => Ok(Some(Arc::new(Weighed::unread(&error)))),
        found => found,
    }
}

/// Where a pull request begins and ends; `None` where its commits are not here.
fn ends(home: &Home, now: &TownNow, pull: &Pull) -> Result<Option<Ends>, Failure> {
    let repo = &home.repo;
    let (head, base) = (repo::oid(&pull.offer.head)?, repo::oid(&pull.offer.base)?);
    let is_open = pull.state == PullState::Open;
    let tip = if is_open { home.tip(&pull.offer.branch)? } else { None };
    if tip.is_none() && !repo.has(head) {
        return Ok(None);
    }
    let tip = tip.unwrap_or(head);
    // A closed one is shown as it was offered: the default branch may have all of it by now.
    let against = if is_open || !repo.has(base) { now.main } else { base };
    let fork = match repo.merge_base(against, tip) {
        Ok(fork) => fork.unwrap_or(against),
        Err(error) if error.needs_depth() => against,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Ends { fork, tip }))
}

fn weigh(
    desk: &Desk,
    home: &Home,
    now: &TownNow,
    town: &Town,
    pull: &Pull,
    ends: &Ends,
) -> Result<Arc<Weighed>, Failure> {
    let key = (pull.number, ends.tip, now.main);
    if let Some(known) = lock(&desk.weighed).get(&key) {
        return Ok(known.clone());
    }
    let charter = now.charters.iter().find(|charter| charter.name == pull.agent);
    let weighed = match (&now.settings, charter) {
        (Some(settings), Some(charter)) => match judged(home, now, town, pull, ends, (settings, charter)) {
            Ok(findings) => Weighed { findings, here: true, lasts: true },
            Err(Failure::Git(error)) if error.needs_depth() => {
                let finding = Finding::warning("depth", format!("it cannot be judged here: {error}"));
                Weighed { findings: vec![finding], here: false, lasts: false }
            }
            Err(Failure::Git(error)) if error.is_unreadable() => Weighed::unread(&error),
            Err(error) => return Err(error),
        },
        _ => {
            let message = format!("{} has no charter on the default branch by which it could be judged", pull.agent);
            Weighed { findings: vec![Finding::warning("charter", message)], here: false, lasts: true }
        }
    };
    let weighed = Arc::new(weighed);
    if !weighed.lasts {
        return Ok(weighed);
    }
    let mut kept = lock(&desk.weighed);
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(key, weighed.clone());
    Ok(weighed)
}

/// The gate's findings about the offer, every object of its commits included.
fn judged(
    home: &Home,
    now: &TownNow,
    town: &Town,
    pull: &Pull,
    ends: &Ends,
    (settings, charter): (&Settings, &Charter),
) -> Result<Vec<Finding>, Failure> {
    let repo: &Repo = &home.repo;
    let message = repo.message_of(ends.tip)?;
    let agent = town.agents.get(&pull.agent);
    let runs = agent.into_iter().flat_map(|agent| {
        let ended = agent.runs.iter().map(|run| (&run.run, &run.base));
        ended.chain(agent.active.iter().map(|run| (&run.run, &run.base)))
    });
    let mut proposal = Proposal {
        title: pull.offer.title.clone(),
        body: pull.offer.body.clone(),
        change: crate::git::propose::trailer(&message, "Change"),
        runs: runs.map(|(run, base)| (run.to_string(), base.to_string())).collect(),
        ..Proposal::under(settings, Some(charter))
    };
    repo.fill(&mut proposal, repo.tree_of(ends.fork)?, repo.tree_of(ends.tip)?)?;
    proposal.hidden = repo.proposal(ends.fork, ends.tip, &[now.main])?.hidden;
    let main = crate::git::spec_tree::of_tree(repo, repo.tree_of(now.main)?)?;
    proposal.past = specs::past(home, now, town, &Project::new(&main, OPENSPEC))?;
    Ok(gate::judge(&proposal))
}

fn checks(weighed: &Weighed) -> Vec<CheckState> {
    let state = |name: &str| {
        let worst =
            weighed.findings.iter().filter(|finding| finding.rule == name).map(|finding| finding.severity).max();
        match worst {
            Some(Severity::Error) => "failed",
            Some(Severity::Warning) => "warned",
            _ => "passed",
        }
    };
    gate::CHECKS.iter().map(|check| CheckState { name: check.name, state: state(check.name) }).collect()
}

/// Whether the paths that a pull request names are its agent's; `None` where that has no charter.
fn owns_all(now: &TownNow, pull: &Pull) -> Option<bool> {
    let charter = now.charters.iter().find(|charter| charter.name == pull.agent)?;
    let owned = ownership::owned(charter, now.settings.as_ref()?);
    Some(pull.offer.paths.iter().all(|path| owned.iter().any(|pattern| pattern.matches(path))))
}

fn risks(pull: &Pull, edited: bool, weighed: Option<&Weighed>, own_paths: Option<bool>) -> Vec<Risk> {
    let mut found = Vec::new();
    let mut risk = |level: Level, what: String| found.push(Risk { level, what });
    let is_open = pull.state == PullState::Open;
    if !pull.offer.conflicts.is_empty() {
        risk(Level::High, format!("conflicts with the default branch in {}", pull.offer.conflicts.join(", ")));
    } else if pull.offer.draft {
        risk(Level::Warn, "a draft: a budget ended the run before its work was done".to_owned());
    }
    for finding in weighed.into_iter().flat_map(|weighed| &weighed.findings) {
        let level = match finding.severity {
            Severity::Error => Level::High,
            Severity::Warning => Level::Warn,
            Severity::Info => Level::Info,
        };
        let place = match (&finding.path, finding.line) {
            (Some(path), Some(line)) => format!("{path}:{line}: "),
            (Some(path), None) => format!("{path}: "),
            _ => String::new(),
        };
        risk(level, format!("{place}{} ({})", finding.message, finding.rule));
    }
    if weighed.is_none_or(|weighed| !weighed.here) && own_paths == Some(false) {
        risk(Level::Warn, "touches what its agent does not own now".to_owned());
    }
    if is_open && weighed.is_none() {
        risk(Level::Warn, "its commits are not in this clone, so nothing of it was judged".to_owned());
    }
    if edited {
        risk(Level::Info, "people added commits; a merge takes them along".to_owned());
    }
    found.sort_by_key(|risk| match risk.level {
        Level::High => 0,
        Level::Warn => 1,
        Level::Info => 2,
    });
    found.truncate(RISKS);
    found
}

/// Pull requests that offer the same content, or of whose files at least half are the same.
fn similar(town: &Town, pull: &Pull) -> Vec<u64> {
    let paths: BTreeSet<&String> = pull.offer.paths.iter().collect();
    let is_like = |other: &&Pull| {
        if other.number == pull.number {
            return false;
        }
        let same = !pull.offer.content.is_empty() && other.offer.content == pull.offer.content;
        // Nearly all others share nothing; among thousands that has to be seen soon.
        if !same && !other.offer.paths.iter().any(|path| paths.contains(path)) {
            return false;
        }
        let theirs: BTreeSet<&String> = other.offer.paths.iter().collect();
        let (both, all) = (paths.intersection(&theirs).count(), paths.union(&theirs).count());
        same || (both > 0 && both * 2 >= all)
    };
    town.pulls.values().filter(is_like).map(|other| other.number).collect()
}
