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
use crate::town::fold::Town;
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
        Self::find_at(house, town, agent, house.base, house.home.tip(&agent.branch())?)
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
