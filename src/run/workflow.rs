//! The OpenSpec workflow in a run: what a role has before it, who keeps its gate, what of a change its briefing shows.
//! Lives here: gathering it from the repository and the journal's state. Never here: what a role does about it (see
//! [`crate::town::roles`]).

use std::collections::BTreeMap;

use git2::Oid;

use super::claim::Claim;
use super::house::House;
use super::publish::Hands;
use super::stand::Stand;
use super::think::Thinker;
use super::turn::Mission;
use super::{Edge, RunError};
use crate::git::{repo, spec_tree};
use crate::tools::Keeper;
use crate::town::briefing::Quote;
use crate::town::event::Offer;
use crate::town::facts::Facts;
use crate::town::fold::{Run, Town};
use crate::town::ids::AgentId;
use crate::town::roles::{self, Act, Desk};
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::past::Past;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::queue;
use crate::town::spec::record::{GATES, Gate};
use crate::town::spec::state::State;
use crate::town::spec::tree::Tree;
use crate::town::text::truncate_middle;

/// Commits that are fetched where a clone is too shallow to say what a change was written for: all that there are.
const WHOLE_HISTORY: u32 = 1_000_000;
/// Files of one change that are judged, and how large each may be, in bytes.
const TOUCHED: usize = 200;
const FILE_BYTES: u64 = 256 * 1024;
/// Bytes of one file of a change in a briefing.
const QUOTE_BYTES: usize = 16 * 1024;

/// What the files do not tell of the changes: who wrote them, what was built for them after a validator passed them, and, for the
/// agent that archives, what those that are completed were written for.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub fn past(house: &House, town: &Town, agent: Option<&AgentId>, head: Oid) -> Result<Past, RunError> {
    let repo = &house.home.repo;
    let tree = spec_tree::of_tree(repo, repo.tree_of(head)?)?;
    let project = Project::new(&tree, OPENSPEC);
    let rebuilt = house.home.with_depth(|| repo.reopen()?.rebuilt(head, &project, &house.settings.guarded))?;
    let mut past = Past { authors: repo.authors_of_changes(town)?, rebuilt, ..Past::default() };
    if agent.is_some_and(|agent| agent.as_str() == Gate::Archive.agent()) {
        for name in changes_in(&tree, State::Completed, &past) {
            let mut base = repo.spec_base(head, &project, &name);
            if !base.is_whole() && repo.is_shallow() {
                house.home.ensure_history(head, WHOLE_HISTORY)?;
                base = repo.reopen()?.spec_base(head, &project, &name);
            }
            past.bases.insert(name, base);
        }
    }
    Ok(past)
}

/// The runs in whose name the agent may speak, each with the commit that it read: this one, and those before it whose records its
/// open pull request may hold.
pub(super) fn runs(town: &Town, agent: &AgentId, run: &Run) -> Vec<(String, String)> {
    let ended = town.agents.get(agent).into_iter().flat_map(|agent| &agent.runs);
    let ended = ended.map(|ended| (&ended.run, &ended.base));
    ended.chain([(&run.run, &run.base)]).map(|(run, base)| (run.to_string(), base.to_string())).collect()
}

/// Who keeps a gate in this run.
///
/// # Errors
/// [`RunError::Git`] when an object cannot be read.
pub(super) fn keeper(edge: &Edge<'_>, house: &House, agent: &AgentId, claimed: &Claim) -> Result<Keeper, RunError> {
    let (run, date) = (&claimed.run, (edge.now)().format("%Y-%m-%d").to_string());
    let is_kept = GATES.iter().any(|(_, _, keeper, _)| *keeper == agent.as_str());
    let past = if is_kept { past(house, &claimed.town, Some(agent), repo::oid(&run.base)?)? } else { Past::default() };
    Ok(Keeper { agent: agent.clone(), run: run.run.clone(), commit: run.base.clone(), date, past })
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
    let keeper = keeper(edge, house, agent, mission.claimed)?;
    if !keeper.has_gate() {
        return Ok(None);
    }
    let repo = &house.home.repo;
    let base = repo::oid(&stand.base)?;
    let (tree, main) = (spec_tree::of_tree(repo, stand.tree()?)?, spec_tree::of_tree(repo, repo.tree_of(base)?)?);
    let in_validation = changes_in(&tree, State::Validation, &keeper.past);
    let is = |name: &str| agent.as_str() == name && !in_validation.is_empty();
    let touched = if is("test-validator") { touched(house, base, &in_validation)? } else { BTreeMap::new() };
    let tags = if is("pm-validator") { spec_tree::tags(repo, stand.tree()?)? } else { Vec::new() };
    let desk = Desk {
        tree: &tree,
        main: &main,
        agent,
        open: mission
            .claimed
            .town
            .open_pull(agent)
            .filter(|pull| is_about_a_change(&pull.offer))
            .map(|pull| pull.number),
        past: &keeper.past,
        paths: &repo.paths(stand.tree()?)?,
        tags: &tags,
        tests: facts.tests.as_ref(),
        touched: &touched,
        date: &keeper.date,
    };
    Ok(roles::act(&desk))
}

fn is_about_a_change(offer: &Offer) -> bool {
    offer.paths.iter().any(|path| path.starts_with("openspec/changes/"))
}

fn changes_in(tree: &Tree, state: State, past: &Past) -> Vec<String> {
    let project = Project::new(tree, OPENSPEC);
    let names = project.changes().into_iter();
    let is_there = |name: &&str| Lifecycle::of(&project, &project.change_path(name), past).state == state;
    names.filter(is_there).map(str::to_owned).collect()
}

/// The files that commits with a trailer `Change:` touched since the change came to be, as they are at `base`, by change.
fn touched(house: &House, base: Oid, names: &[String]) -> Result<BTreeMap<String, Vec<(String, String)>>, RunError> {
    let mut found = BTreeMap::new();
    for change in names {
        let paths = house.home.with_depth(|| {
            let repo = house.home.repo.reopen()?;
            let before = repo.before(base, &format!("openspec/changes/{change}"))?;
            repo.touched_for(base, &before, change)
        })?;
        let repo = house.home.repo.reopen()?;
        let tree = repo.tree_of(base)?;
        let own = |path: &String| !path.starts_with("openspec/") && !path.starts_with(".monkeytown/");
        let mut files = Vec::new();
        for path in paths.into_iter().filter(own).take(TOUCHED) {
            files.extend(spec_tree::text_of(&repo, tree, &path, FILE_BYTES)?.map(|text| (path, text)));
        }
        found.insert(change.clone(), files);
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
    let past = &keeper(hands.edge, hands.house, &mission.charter.name, mission.claimed)?.past;
    let mut turns: Vec<_> = queue::queue(&project)
        .changes
        .into_iter()
        .map(|queued| (Lifecycle::of(&project, &project.change_path(&queued.name), past), queued))
        .filter(|(life, _)| life.next.agents.contains(&agent))
        .collect();
    // What waits for its author is nobody's first case.
    turns.sort_by_key(|(life, _)| life.state == State::NeedsRevision);
    if let Some((life, queued)) = turns.into_iter().next() {
        let folder = project.change_path(&queued.name);
        let mut text = format!("State: {}\nNext: {}\n", life.state.name(), life.next.act);
        text.push_str(&format!(
            "Author: {}\nContent hash: {}\n",
            if life.authors.is_empty() { "unknown".to_owned() } else { Vec::from_iter(life.authors).join(", ") },
            life.content_hash
        ));
        for name in &queued.waits_for {
            text.push_str(&format!("Waits for: {name}\n"));
        }
        let checker =
            crate::town::spec::validate::Checker::new(&project, crate::town::spec::rules::Profile::Gated).knowing(past);
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
