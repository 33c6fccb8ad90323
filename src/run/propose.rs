//! Steps 7 and 8: the changeset, the gate, the commit on the newest default branch.
//! Lives here: from a workspace's tree to a commit that may be published, with its offer. Never here: publishing.

use git2::Oid;

use super::house::House;
use super::report;
use super::stand::Stand;
use super::{Edge, RunError, workflow};
use crate::git::merge::Merged;
use crate::git::propose::Message;
use crate::git::repo;
use crate::town::changeset::{FileChange, Proposal, lines};
use crate::town::charter::Charter;
use crate::town::event::Offer;
use crate::town::finding::Finding;
use crate::town::fold::{Run, Town, Verdict};
use crate::town::gate;
use crate::town::ids::Oid as Id;
use crate::town::limits;
use crate::town::outgoing::{self, Changes};
use crate::town::turn::Finish;

/// How many paths an offer lists by name.
const PATHS_LISTED: usize = 100;

/// What a run wants to offer.
#[derive(Clone, Debug)]
pub struct Work {
    /// The tree of the workspace.
    pub tree: Oid,
    /// What the agent says about it.
    pub finish: Finish,
    /// Why it is only a part of what was meant, if so.
    pub partial: Option<String>,
}

/// What came of the work on the newest default branch.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// There is nothing to offer, and why.
    Nothing(String),
    /// The gate refuses it.
    Refused {
        /// Everything that the gate found.
        findings: Vec<Finding>,
        /// The tree that it judged.
        tree: Oid,
    },
    /// It may be published.
    Ready(Box<Ready>),
}

/// A commit that may be published.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The commit.
    pub head: Oid,
    /// What the branch must point at for it to be moved there.
    pub replaces: Option<Oid>,
    /// What is offered.
    pub offer: Offer,
    /// What the gate remarked.
    pub findings: Vec<Finding>,
    /// What differs from the default branch.
    pub changes: Vec<FileChange>,
}

/// The three trees of a proposal.
struct Trees {
    /// What the default branch has now.
    main: Oid,
    /// What will be offered.
    offered: Oid,
    /// Files that conflict; the offer is then the work as it stood on its own base.
    conflicts: Vec<String>,
    /// The commit of the default branch that the offer stands on.
    base: Oid,
}

/// Whose work is proposed, where, and on which state.
#[derive(Clone, Copy)]
pub struct Proposer<'a> {
    /// The edge.
    pub edge: &'a Edge<'a>,
    /// The town's repository and files.
    pub house: &'a House,
    /// The agent.
    pub charter: &'a Charter,
    /// The newest state.
    pub town: &'a Town,
    /// The run.
    pub run: &'a Run,
    /// What it cost.
    pub cost: report::Cost,
}

impl Proposer<'_> {
    /// Makes a proposal of the work, against the default branch as it is now.
    ///
    /// # Errors
    /// [`RunError::Git`] when objects cannot be read or written.
    pub fn propose(&self, stand: &Stand, work: &Work) -> Result<Outcome, RunError> {
        let house = self.house;
        if work.tree == stand.tree()? {
            return Ok(Outcome::Nothing("nothing was changed".to_owned()));
        }
        let trees = merge_onto_newest(house, stand, work)?;
        if trees.offered == trees.main {
            return Ok(Outcome::Nothing(format!("{} already has all of it", house.home.branch)));
        }
        let tip = stand.branch_tip.as_ref().map(repo::oid).transpose()?;
        let before = match (stand.human, tip) {
            // What people put on the branch is theirs: only what is new is judged.
            (true, Some(tip)) if trees.conflicts.is_empty() => merged_tip(house, tip, trees.main)?,
            (true, Some(tip)) => house.home.repo.tree_of(tip)?,
            _ if trees.conflicts.is_empty() => trees.main,
            _ => house.home.repo.tree_of(trees.base)?,
        };
        let mut proposal = Proposal {
            title: work.finish.title.clone(),
            body: work.finish.body.clone(),
            change: work.finish.change.clone(),
            runs: workflow::runs(self.town, &self.charter.name, self.run),
            past: workflow::past(house, self.town, Some(&self.charter.name), trees.base)?,
            ..Proposal::under(&house.settings, Some(self.charter))
        };
        house.home.repo.fill(&mut proposal, before, trees.offered)?;
        let findings = gate::judge(&proposal);
        if findings.iter().any(Finding::is_error) {
            return Ok(Outcome::Refused { findings, tree: trees.offered });
        }
        let content = content_hash(&proposal.changes);
        if let Some(reason) = rejected_before(self.town, self.charter, &content) {
            return Ok(Outcome::Nothing(reason));
        }
        let parents = parents(house, stand, &trees, tip)?;
        let (finish, changed) = self.outgoing(&work.finish);
        let work = Work { finish, ..work.clone() };
        let head = house.home.repo.commit_of_agent(
            trees.offered,
            &parents,
            &self.message(&work, trees.base),
            self.run.started.timestamp(),
        )?;
        let mut offer = self.offer(&work, &proposal, trees, head, content);
        offer.body = self.body(&work, &offer, &findings, changed);
        Ok(Outcome::Ready(Box::new(Ready { head, replaces: tip, offer, findings, changes: proposal.changes })))
    }

    /// What the agent says, as it may leave: the gate has judged it as it was written.
    fn outgoing(&self, finish: &Finish) -> (Finish, Changes) {
        let known = &self.edge.secrets;
        let (title, changed) = outgoing::title(&finish.title, known);
        let (body, more) = outgoing::markdown(&finish.body, limits::BODY_BYTES, known);
        (Finish { title, body, ..finish.clone() }, changed.and(more))
    }

    fn message(&self, work: &Work, base: Oid) -> Message {
        Message {
            title: work.finish.title.clone(),
            // A message is no Markdown: what is code in the body has an effect here.
            body: outgoing::plain(&work.finish.body, limits::BODY_BYTES, &self.edge.secrets).0,
            agent: self.charter.name.clone(),
            run: self.run.run.clone(),
            base: repo::id(base),
            change: work.finish.change.clone(),
        }
    }

    /// What is offered, without the words.
    fn offer(&self, work: &Work, proposal: &Proposal, trees: Trees, head: Oid, content: String) -> Offer {
        let (adds, dels) = lines(&proposal.changes);
        Offer {
            branch: self.charter.name.branch(),
            head: repo::id(head),
            base: repo::id(trees.base),
            title: work.finish.title.clone(),
            body: String::new(),
            draft: !trees.conflicts.is_empty() || work.partial.is_some(),
            conflicts: trees.conflicts,
            paths: proposal.changes.iter().map(|change| change.path.clone()).take(PATHS_LISTED).collect(),
            files: u32::try_from(proposal.changes.len()).unwrap_or(u32::MAX),
            adds,
            dels,
            content,
        }
    }

    /// What the pull request will say.
    fn body(&self, work: &Work, offer: &Offer, findings: &[Finding], changed: Changes) -> String {
        report::body(report::Body {
            finish: &work.finish,
            partial: work.partial.as_deref(),
            offer,
            findings,
            checks: gate::CHECKS.len(),
            run: self.run,
            cost: self.cost,
            town: self.town,
            agent: &self.charter.name,
            secrets: &self.edge.secrets,
            changed,
        })
    }
}

/// A diff between two commits as the gate judges it, intermediate commits included.
///
/// # Errors
/// [`RunError::Git`] when a commit cannot be read.
pub fn of_commits(
    house: &House,
    town: &Town,
    charter: Option<&Charter>,
    base: Oid,
    head: Oid,
    exclude: &[Oid],
) -> Result<Proposal, RunError> {
    let repo = &house.home.repo;
    let mut proposal = Proposal::under(&house.settings, charter);
    let message = repo.message_of(head)?;
    let (title, body) = message.split_once('\n').unwrap_or((&message, ""));
    proposal.title = title.trim().to_owned();
    proposal.body = body.trim().to_owned();
    proposal.change = crate::git::propose::trailer(&message, "Change");
    proposal.past = workflow::past(house, town, charter.map(|charter| &charter.name), base)?;
    repo.fill(&mut proposal, repo.tree_of(base)?, repo.tree_of(head)?)?;
    proposal.hidden = repo.proposal(base, head, exclude)?.hidden;
    Ok(proposal)
}

fn merge_onto_newest(house: &House, stand: &Stand, work: &Work) -> Result<Trees, RunError> {
    let repo = &house.home.repo;
    let newest = house.home.main()?;
    let main = repo.tree_of(newest)?;
    let ancestor = repo::oid(&stand.ancestor_tree)?;
    match repo.merge_trees(Some(ancestor), work.tree, main)? {
        Merged::Clean(tree) => Ok(Trees { main, offered: tree, conflicts: Vec::new(), base: newest }),
        Merged::Conflicts(paths) => {
            Ok(Trees { main, offered: work.tree, conflicts: paths, base: repo::oid(&stand.base)? })
        }
    }
}

/// What people's branch tip looks like on the newest default branch.
fn merged_tip(house: &House, tip: Oid, main: Oid) -> Result<Oid, RunError> {
    let repo = &house.home.repo;
    let newest = house.home.main()?;
    let fork = house.home.with_depth(|| repo.merge_base(tip, newest))?;
    let Some(fork) = fork else { return Ok(repo.tree_of(tip)?) };
    match repo.merge_trees(Some(repo.tree_of(fork)?), repo.tree_of(tip)?, main)? {
        Merged::Clean(tree) => Ok(tree),
        Merged::Conflicts(_) => Ok(repo.tree_of(tip)?),
    }
}

/// Where the commit hangs. Our own branch is one commit on the newest default branch; where people have pushed to it, our
/// commit goes on top of theirs, as a merge where the default branch has moved on.
fn parents(house: &House, stand: &Stand, trees: &Trees, tip: Option<Oid>) -> Result<Vec<Oid>, RunError> {
    let Some(tip) = tip.filter(|_| stand.human) else { return Ok(vec![trees.base]) };
    let up_to_date = house.home.with_depth(|| house.home.repo.is_ancestor(trees.base, tip))?;
    Ok(if up_to_date || !trees.conflicts.is_empty() { vec![tip] } else { vec![tip, trees.base] })
}

/// What is offered, as one hash over paths and contents.
#[must_use]
pub fn content_hash(changes: &[FileChange]) -> String {
    let mut hasher = blake3::Hasher::new();
    for change in changes {
        hasher.update(change.path.as_bytes());
        hasher.update(&[0]);
        match &change.after {
            Some(blob) => hasher.update(blake3::hash(&blob.bytes).as_bytes()),
            None => hasher.update(&[0]),
        };
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The same offer is not made twice after a human said no.
fn rejected_before(town: &Town, charter: &Charter, hash: &str) -> Option<String> {
    let rejected = town.verdicts(&charter.name).into_iter().find(|pull| {
        let by_people =
            |verdict: &Verdict| verdict.reason.is_some() && verdict.by != crate::town::decide::SUPERSEDED_BY;
        pull.offer.content == hash && pull.verdict.as_ref().is_some_and(by_people)
    })?;
    let reason = rejected.verdict.as_ref().and_then(|verdict| verdict.reason).map_or("other", |reason| reason.code());
    Some(format!("the same content was rejected as #{} ({reason})", rejected.number))
}

/// The id of a tree or commit for an event.
#[must_use]
pub fn id(oid: Oid) -> Id {
    repo::id(oid)
}
