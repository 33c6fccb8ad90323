//! The OpenSpec workflow in a run: what a role has before it, who keeps its gate, what of a change its briefing shows.
//! Lives here: gathering it from the repository and the journal's state. Never here: what a role does about it (see
//! [`crate::town::roles`]).

use std::collections::BTreeMap;

use git2::Oid;

use super::house::House;
use super::publish::Hands;
use super::stand::Stand;
use super::think::Thinker;
use super::turn::Mission;
use super::{Edge, RunError};
use crate::git::{propose, repo, repo::Repo, spec_tree};
use crate::tools::Keeper;
use crate::town::briefing::Quote;
use crate::town::facts::Facts;
use crate::town::fold::{PullState, Run, Town};
use crate::town::ids::AgentId;
use crate::town::roles::{self, Act, Desk};
use crate::town::spec::base::Bases;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::queue;
use crate::town::spec::record::Gate;
use crate::town::spec::state::State;
use crate::town::spec::tree::Tree;
use crate::town::text::truncate_middle;

/// Commits that are asked which change they belong to.
const COMMITS: usize = 500;
/// Commits that are fetched where a clone is too shallow to say what a change was written for: all that there are.
const WHOLE_HISTORY: u32 = 1_000_000;
/// Files of one change that are judged, and how large each may be, in bytes.
const TOUCHED: usize = 200;
const FILE_BYTES: u64 = 256 * 1024;
/// Bytes of one file of a change in a briefing.
const QUOTE_BYTES: usize = 16 * 1024;

/// Who wrote each OpenSpec change that came in by a pull request: the agent whose merged work first held its proposal.
pub(super) fn authors(town: &Town) -> BTreeMap<String, String> {
    let mut authors = BTreeMap::new();
    for pull in town.pulls.values().filter(|pull| pull.state == PullState::Merged) {
        for path in &pull.offer.paths {
            let name = path.strip_prefix("openspec/changes/").and_then(|rest| rest.strip_suffix("/proposal.md"));
            if let Some(name) = name.filter(|name| !name.contains('/')) {
                authors.entry(name.to_owned()).or_insert_with(|| format!("agent:{}", pull.agent));
            }
        }
    }
    authors
}

/// The runs in whose name the agent may speak: this one, and those before it whose records its open pull request may hold.
pub(super) fn runs(town: &Town, agent: &AgentId, run: &Run) -> Vec<String> {
    let ended = town.agents.get(agent).into_iter().flat_map(|agent| agent.runs.iter().map(|ended| &ended.run));
    ended.chain([&run.run]).map(ToString::to_string).collect()
}

/// Who keeps a gate in this run.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub(super) fn keeper(edge: &Edge<'_>, house: &House, agent: &AgentId, run: &Run) -> Result<Keeper, RunError> {
    let date = (edge.now)().format("%Y-%m-%d").to_string();
    let bases = bases(house, agent, repo::oid(&run.base)?)?;
    Ok(Keeper { agent: agent.clone(), run: run.run.clone(), commit: run.base.clone(), date, bases })
}

/// What the changes that the agent may archive were written for, as the history before a commit says.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub(super) fn bases(house: &House, agent: &AgentId, at: Oid) -> Result<Bases, RunError> {
    let mut bases = Bases::new();
    if agent.as_str() != Gate::Archive.agent() {
        return Ok(bases);
    }
    let repo = &house.home.repo;
    let tree = spec_tree::of_tree(repo, repo.tree_of(at)?)?;
    let project = Project::new(&tree, OPENSPEC);
    for name in changes_in(&tree, State::Completed) {
        let mut base = repo.spec_base(at, &project, &name);
        if !base.is_whole() && repo.is_shallow() {
            house.home.ensure_history(at, WHOLE_HISTORY)?;
            base = repo.reopen()?.spec_base(at, &project, &name);
        }
        bases.insert(name, base);
    }
    Ok(bases)
}

/// What the role of the agent does without a mind; `None` where it has no part in the workflow, and where something thinks.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub(super) fn act(
    hands: &Hands<'_>,
    mission: Mission<'_>,
    stand: &Stand,
    facts: &Facts,
) -> Result<Option<Act>, RunError> {
    let (edge, house) = (hands.edge, hands.house);
    let agent = &mission.charter.name;
    if *mission.thinker != Thinker::Embedded {
        return Ok(None);
    }
    let keeper = keeper(edge, house, agent, &mission.claimed.run)?;
    if !keeper.has_gate() {
        return Ok(None);
    }
    let repo = &house.home.repo;
    let base = repo::oid(&stand.base)?;
    let (tree, main) = (spec_tree::of_tree(repo, stand.tree()?)?, spec_tree::of_tree(repo, repo.tree_of(base)?)?);
    let authors = authors(&mission.claimed.town);
    let in_validation = changes_in(&tree, State::Validation);
    let touched = if agent.as_str() == "test-validator" && !in_validation.is_empty() {
        house.home.ensure_history(base, 500)?;
        touched(&house.home.repo.reopen()?, base, &in_validation)?
    } else {
        BTreeMap::new()
    };
    let desk = Desk {
        tree: &tree,
        main: &main,
        agent,
        authors: &authors,
        bases: &keeper.bases,
        tests: facts.tests.as_ref(),
        touched: &touched,
        date: &keeper.date,
    };
    Ok(roles::act(&desk))
}

fn changes_in(tree: &Tree, state: State) -> Vec<String> {
    let project = Project::new(tree, OPENSPEC);
    let names = project.changes().into_iter();
    let is_there = |name: &&str| Lifecycle::of(tree, &project.change_path(name), None).state == state;
    names.filter(is_there).map(str::to_owned).collect()
}

/// The files that commits with a trailer `Change:` touched, as they are at `base`, by change.
fn touched(repo: &Repo, base: Oid, names: &[String]) -> Result<BTreeMap<String, Vec<(String, String)>>, RunError> {
    let mut paths: BTreeMap<String, BTreeMap<String, ()>> = BTreeMap::new();
    let mut open = vec![base];
    let mut seen = std::collections::BTreeSet::from([base]);
    while let Some(commit) = open.pop() {
        if seen.len() > COMMITS || !repo.has(commit) {
            break;
        }
        let parents = repo.parents(commit)?;
        let change = propose::trailer(&repo.message_of(commit)?, "Change").filter(|name| names.contains(name));
        if let Some(change) = change {
            let parent = parents.first().filter(|parent| repo.has(**parent));
            let before = parent.map(|parent| repo.tree_of(*parent)).transpose()?;
            let changed = repo.changes_between(before, Some(repo.tree_of(commit)?))?;
            let own = changed.into_iter().map(|change| change.path);
            let own = own.filter(|path| !path.starts_with("openspec/") && !path.starts_with(".monkeytown/"));
            paths.entry(change).or_default().extend(own.map(|path| (path, ())));
        }
        open.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
    }
    let tree = repo.tree_of(base)?;
    let mut found = BTreeMap::new();
    for (change, paths) in paths {
        let mut files = Vec::new();
        for path in paths.into_keys().take(TOUCHED) {
            if let Some((_, blob)) = repo.entry(tree, &path)?
                && repo.blob_size(blob).is_ok_and(|size| size <= FILE_BYTES)
                && let Ok(text) = String::from_utf8(repo.read_blob(blob)?)
            {
                files.push((path, text));
            }
        }
        found.insert(change, files);
    }
    Ok(found)
}

/// The change whose next step is the agent's, as it stands: what its records say, and every file of it.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub(super) fn case_files(hands: &Hands<'_>, mission: Mission<'_>) -> Result<Vec<Quote>, RunError> {
    let repo = &hands.house.home.repo;
    let agent = mission.charter.name.as_str();
    let tree = spec_tree::of_tree(repo, mission.claimed.stand.tree()?)?;
    let project = Project::new(&tree, OPENSPEC);
    let authors = authors(&mission.claimed.town);
    for queued in queue::queue(&project).changes {
        let folder = project.change_path(&queued.name);
        let life = Lifecycle::of(&tree, &folder, authors.get(&queued.name).map(String::as_str));
        if !life.next.agents.contains(&agent) {
            continue;
        }
        let mut text = format!("State: {}\nNext: {}\n", life.state.name(), life.next.act);
        text.push_str(&format!(
            "Author: {}\nContent hash: {}\n",
            life.author.as_deref().unwrap_or("unknown"),
            life.content_hash
        ));
        for name in &queued.waits_for {
            text.push_str(&format!("Waits for: {name}\n"));
        }
        let checker = crate::town::spec::validate::Checker::new(&project, crate::town::spec::rules::Profile::Gated);
        for issue in &checker.change(&queued.name) {
            text.push_str(&format!("{}\n", crate::town::spec::record::finding_of(issue)));
        }
        let mut quotes =
            vec![Quote { origin: format!("the state of {folder}"), text: truncate_middle(&text, QUOTE_BYTES) }];
        for (path, node) in tree.below(&folder) {
            if let Some(bytes) = node.bytes() {
                let text = truncate_middle(&String::from_utf8_lossy(bytes), QUOTE_BYTES);
                quotes.push(Quote { origin: path.to_owned(), text });
            }
        }
        return Ok(quotes);
    }
    Ok(Vec::new())
}
