//! Step 4, where a run stands: the base, the open pull request, and the tree that the workspace starts from.
//! Lives here: finding that out, and finding it out again when the world moved. Never here: the workspace itself (see
//! [`crate::git::workspace`]).

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::deliver::Course;
use super::house::House;
use super::propose::Work;
use crate::git::merge::Merged;
use crate::git::repo;
use crate::town::fold::{PullState, Run, Town};
use crate::town::ids::{AgentId, Oid as Id};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// The newest commit of the default branch when the run started.
    pub base: Id,
    /// The tree that the workspace starts from.
    pub start_tree: Id,
    /// The common ancestor's tree for the merge onto a newer default branch.
    pub ancestor_tree: Id,
    /// The open pull request, if there is one.
    pub pull: Option<u64>,
    /// What the agent's branch points at, if it exists.
    pub branch_tip: Option<Id>,
    /// Whether the branch carries commits of people that must stay: our work then goes on top.
    pub human: bool,
}

impl Stand {
    /// The tree that the workspace starts from.
    ///
    /// # Errors
    /// [`RunError::Git`] when the id is none of this repository.
    pub fn tree(&self) -> Result<Oid, RunError> {
        Ok(repo::oid(&self.start_tree)?)
    }

    /// The commit that the workspace's tree was made on: that of the branch where it is its tree, or where people's commits are
    /// on it, else the default branch's.
    ///
    /// # Errors
    /// [`RunError::Git`] when a commit cannot be read.
    pub fn stood_on(&self, house: &House) -> Result<Oid, RunError> {
        if let Some(tip) = self.branch_tip.as_ref().map(repo::oid).transpose()?
            && house.home.repo.has(tip)
            && (self.human || house.home.repo.tree_of(tip)? == self.tree()?)
        {
            return Ok(tip);
        }
        Ok(repo::oid(&self.base)?)
    }

    /// Finds out where a run of `agent` stands on this base.
    ///
    /// # Errors
    /// [`RunError::Git`] when commits or trees cannot be read.
    pub fn find(house: &House, town: &Town, agent: &AgentId) -> Result<Self, RunError> {
        let home = &house.home;
        let readable = |commit| home.repo.paths(home.repo.tree_of(commit)?);
        let tip = || home.repo.check_branch(&home.reference(&agent.branch())).and_then(|()| home.tip(&agent.branch()));
        let found = tip().map_err(RunError::from);
        found.and_then(|tip| Self::find_at(house, town, agent, house.base, tip)).map_err(|error| match error {
            // Where the default branch itself is at fault, the agent's branch is not blamed for it.
            RunError::Git(error) if error.is_unreadable() && readable(house.base).is_ok() => {
                RunError::unreadable(house, town.open_pull(agent), agent, &error)
            }
            other => other,
        })
    }

    /// Finds out where a run of `agent` stood on `base` when its branch was at `tip`.
    ///
    /// # Errors
    /// As [`Stand::find`].
    pub fn find_at(house: &House, town: &Town, agent: &AgentId, base: Oid, tip: Option<Oid>) -> Result<Self, RunError> {
        let repo = &house.home.repo;
        let base_tree = repo.tree_of(base)?;
        let pull = town.open_pull(agent);
        let mut stand = Self {
            base: repo::id(base),
            start_tree: repo::id(base_tree),
            ancestor_tree: repo::id(base_tree),
            pull: pull.map(|pull| pull.number),
            branch_tip: tip.map(repo::id),
            human: false,
        };
        let Some(tip) = tip else { return Ok(stand) };
        if house.home.with_depth(|| repo.is_ancestor(tip, base))? {
            // Merged before: a dead branch, nothing on it is open.
            return Ok(stand);
        }
        // What our commit stood on is the default branch's, also where that was rewound since: it is nobody's addition.
        let stood_on = pull.and_then(|pull| repo::oid(&pull.offer.base).ok()).filter(|oid| repo.has(*oid));
        let behind: Vec<Oid> = [Some(base), stood_on].into_iter().flatten().collect();
        stand.human = !house.home.with_depth(|| repo.only_by(agent, tip, &behind))?;
        if pull.is_none() && !stand.human {
            return Ok(stand);
        }
        // The workspace shows the open work as it would look on the newest base, so that nothing in it is stale.
        let fork = match stood_on.filter(|_| !stand.human) {
            Some(oid) => Some(oid),
            None => house.home.with_depth(|| repo.merge_base(tip, base))?,
        };
        // Before anybody thinks: what cannot be read now could not be proposed later either.
        house.home.with_depth(|| repo.read_through(fork, tip, &behind))?;
        let fork_tree = fork.map(|fork| repo.tree_of(fork)).transpose()?;
        let tip_tree = repo.tree_of(tip)?;
        match repo.merge_trees(fork_tree, tip_tree, base_tree)? {
            Merged::Clean(tree) => stand.start_tree = repo::id(tree),
            Merged::Conflicts(_) => {
                stand.start_tree = repo::id(tip_tree);
                stand.ancestor_tree = repo::id(fork_tree.unwrap_or(base_tree));
            }
        }
        Ok(stand)
    }
}

impl Stand {
    /// Where a run of `agent` began, found out anew in a clone that did not see it: `said` comes from another job, and is true
    /// where it follows from the journal and from what is at home. Nothing where it does not.
    ///
    /// # Errors
    /// [`RunError::Git`] when commits or trees cannot be read, or home cannot be asked for them.
    pub fn vouched(
        house: &House,
        town: &Town,
        run: &Run,
        agent: &AgentId,
        said: &Self,
    ) -> Result<Option<Self>, RunError> {
        let (home, repo) = (&house.home, &house.home.repo);
        house.need(repo::oid(&run.base)?)?;
        let base = repo::oid(&said.base)?;
        if said.base != run.base {
            // A run that went on, or was proposed again, stands on a newer commit of the default branch.
            let (began, newest) = (repo::oid(&run.base)?, home.main()?);
            let between = || Ok(repo.is_ancestor(began, base)? && repo.is_ancestor(base, newest)?);
            if !repo.has(base) || !home.with_depth(between)? {
                return Ok(None);
            }
        }
        let mut tip = said.branch_tip.as_ref().map(repo::oid).transpose()?;
        if let Some(there) = tip
            && !was_there(house, run, agent, there)?
        {
            // Somebody deleted or rewound a branch that the run did not stand on: then nothing of it may be in what is said.
            tip = None;
        }
        let stood = |town: &Town| -> Result<bool, RunError> {
            let found = Self::find_at(house, town, agent, base, tip)?;
            // Where an earlier attempt opened one, that is open by now.
            let opened = run.published.as_ref().is_some_and(|published| found.pull == Some(published.pull));
            Ok((found.pull == said.pull || opened)
                && (found.start_tree, found.ancestor_tree, found.human)
                    == (said.start_tree.clone(), said.ancestor_tree.clone(), said.human))
        };
        // People may have decided about the pull request since: then the run began when it was open.
        let stood = stood(town)? || stood(&as_it_began(town, run, said))?;
        Ok(stood.then(|| Self { branch_tip: tip.map(repo::id), ..said.clone() }))
    }
}

/// Whether the agent's branch was at `tip` once the run had begun: the journal says so, also where the branch is gone or was
/// moved away since, as after a squash or a rebase; or it has only moved forward from there.
fn was_there(house: &House, run: &Run, agent: &AgentId, tip: Oid) -> Result<bool, RunError> {
    let home = &house.home;
    if repo::id(tip) == run.start {
        return Ok(home.bring(tip)?);
    }
    match home.tip(&agent.branch())? {
        Some(now) if home.repo.has(tip) => Ok(home.with_depth(|| home.repo.is_ancestor(tip, now))?),
        _ => Ok(false),
    }
}

/// The town as it was when the run began, as far as its own pull request goes.
fn as_it_began(town: &Town, run: &Run, said: &Stand) -> Town {
    let mut town = town.clone();
    if let Some(pull) = said.pull.and_then(|number| town.pulls.get_mut(&number))
        && pull.verdict.as_ref().is_some_and(|verdict| verdict.at >= run.started)
    {
        pull.state = PullState::Open;
        pull.verdict = None;
    }
    town
}

impl Course<'_> {
    /// Moves the work onto what is there now: a newer branch of people, or the default branch after a verdict.
    pub(super) fn stand_again(&self, stand: &mut Stand, work: &mut Work) -> Result<(), RunError> {
        let house = self.hands.house;
        house.home.refresh()?;
        let town = self.hands.journal.load()?.town;
        let newer = Stand::find(house, &town, &self.charter.name)?;
        let (from, to) = (stand.tree()?, newer.tree()?);
        let repo = &house.home.repo;
        work.tree = match repo.merge_trees(Some(from), work.tree, to)? {
            Merged::Clean(tree) => tree,
            Merged::Conflicts(paths) => {
                // What people pushed stays as it is; our version of those files is kept beside. It hangs on what it was made
                // on, so that whoever takes it sees no more than what is new in it.
                let kept = format!("refs/monkeytown/kept/{}", self.claimed.run.run);
                let (below, message) = (stand.stood_on(house)?, self.message(work)?);
                let lost = repo.commit_of_agent(work.tree, &[below], &message, self.claimed.run.started.timestamp())?;
                let place = match house.home.keep(&kept, lost)? {
                    true => format!("is kept in {kept}"),
                    false => format!("could not be sent home, and is only in the clone of this run, in {kept}"),
                };
                work.partial = Some(format!("people changed {} meanwhile; our version {place}", paths.join(", ")));
                repo.yield_to(from, work.tree, to)?
            }
        };
        *stand = newer;
        Ok(())
    }

    fn message(&self, work: &Work) -> Result<crate::git::propose::Message, RunError> {
        Ok(crate::git::propose::Message {
            title: work.finish.title.clone(),
            body: work.finish.body.clone(),
            agent: self.charter.name.clone(),
            run: self.claimed.run.run.clone(),
            base: repo::id(self.hands.house.home.main()?),
            change: work.finish.change.clone(),
        })
    }
}
