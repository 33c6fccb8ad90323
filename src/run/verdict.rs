//! What a human does to a pull request of the local forge: merge, reject, comment.
//! Lives here: the merge on the default branch, and the events. A merge that was made and not recorded (the process died
//! between) is recognised by the next sync, so it is recorded once in any case.
//! Never here: deciding whether it should be merged.

use std::cell::{OnceCell, RefCell};

use git2::Oid;

use super::house::House;
use super::{RunError, publish::Hands};
use crate::git::errors::GitError;
use crate::git::journal::Appended;
use crate::git::merge::Merged;
use crate::git::objects::{Author, NewCommit};
use crate::git::repo;
use crate::town::decide::{self, Command, Rejected};
use crate::town::event::Reason;
use crate::town::fold::{Pull, PullState, Town};
use crate::town::ids;

/// A merge that was made.
#[derive(Clone, Debug)]
pub struct MergedPull {
    /// The pull request.
    pub number: u64,
    /// The merge commit on the default branch.
    pub commit: Oid,
    /// Whether people had added commits to the branch.
    pub edited: bool,
    /// How it was recorded.
    pub recorded: Appended,
}

/// Why a pull request cannot be merged as it is.
#[derive(Debug, thiserror::Error)]
pub enum CannotMerge {
    /// It conflicts with the default branch.
    #[error(
        "#{number} conflicts with {branch} in {}; merge {agent_branch} by hand, or reject it with --reason duplicate",
        .paths.join(", ")
    )]
    Conflicts {
        /// Which.
        number: u64,
        /// The default branch.
        branch: String,
        /// The agent's branch.
        agent_branch: String,
        /// The files.
        paths: Vec<String>,
    },
    /// It is a draft.
    #[error("#{number} is a draft ({why}); if you want it all the same, use --draft")]
    Draft {
        /// Which.
        number: u64,
        /// Why it is one.
        why: String,
    },
    /// Its branch is gone.
    #[error("the branch {0} of the pull request is gone")]
    NoBranch(String),
    /// It cannot be read, so nobody knows what would be merged.
    #[error("#{number} is not merged, because {agent_branch} cannot be read ({why}); reject it, or delete the branch")]
    Unreadable {
        /// Which.
        number: u64,
        /// The agent's branch.
        agent_branch: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something else failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl<E: Into<RunError>> From<Wrapped<E>> for CannotMerge {
    fn from(wrapped: Wrapped<E>) -> Self {
        Self::Run(wrapped.0.into())
    }
}

/// Carries an error of another room into [`CannotMerge`].
struct Wrapped<E>(E);

/// The pull request of this number, if it is open.
///
/// # Errors
/// [`Rejected`] when there is none or it is closed.
pub fn open_pull(town: &Town, number: u64) -> Result<&Pull, Rejected> {
    match town.pulls.get(&number) {
        None => Err(Rejected::NoPull { number }),
        Some(pull) => match pull.state {
            PullState::Open => Ok(pull),
            PullState::Merged => Err(Rejected::Closed { number, state: "merged" }),
            PullState::Rejected => Err(Rejected::Closed { number, state: "rejected" }),
        },
    }
}

/// What somebody decides about.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The pull request.
    pub number: u64,
    /// The commit that they looked at, where that is known: about another one nothing is decided.
    pub seen: Option<&'a ids::Oid>,
}

/// Merges a pull request into the default branch, as `who`, and records it.
///
/// # Errors
/// [`CannotMerge`] with what to do instead.
pub fn merge(hands: &Hands<'_>, judged: Judged<'_>, who: &Author, drafts_too: bool) -> Result<MergedPull, CannotMerge> {
    let stamp = hands.edge.stamp(&hands.house.settings.name);
    let (landed, stopped) = (OnceCell::new(), RefCell::new(None));
    // All of it under the journal's lock: what is open there stays so and stays the same, and of two who merge one comes first.
    // Where a remote's journal went on meanwhile this is asked again, and nothing lands a second time.
    let appended = hands.journal.append(&stamp, |town| {
        if landed.get().is_none() {
            match land(hands, town, judged, who, drafts_too) {
                Ok(done) => drop(landed.set(done)),
                Err(why) => drop(stopped.replace(Some(why))),
            }
        }
        match landed.get() {
            Some(Landed { command, .. }) => Ok(decide::decide_all(town, std::slice::from_ref(command), &stamp)?.0),
            None => Ok(Vec::new()),
        }
    });
    if let Some(why) = stopped.take() {
        return Err(why);
    }
    let recorded = appended.map_err(Wrapped)?;
    match landed.into_inner() {
        Some(Landed { commit, edited, .. }) => Ok(MergedPull { number: judged.number, commit, edited, recorded }),
        None => Err(Wrapped(Rejected::NoPull { number: judged.number }).into()),
    }
}

/// A merge commit that is on the default branch, and what is to be recorded of it.
struct Landed {
    commit: Oid,
    edited: bool,
    command: Command,
}

fn land(
    hands: &Hands<'_>,
    town: &Town,
    judged: Judged<'_>,
    who: &Author,
    drafts_too: bool,
) -> Result<Landed, CannotMerge> {
    let (house, number) = (hands.house, judged.number);
    let pull = open_pull(town, number).map_err(Wrapped)?;
    if pull.offer.draft && !drafts_too {
        let why = if pull.offer.conflicts.is_empty() {
            "a budget ended the run before its work was done".to_owned()
        } else {
            format!("it conflicts in {}", pull.offer.conflicts.join(", "))
        };
        return Err(CannotMerge::Draft { number, why });
    }
    let repo = &house.home.repo;
    let branch = &pull.offer.branch;
    let unreadable = |error: GitError| match error.is_unreadable() {
        true => CannotMerge::Unreadable { number, agent_branch: branch.clone(), why: error.whole() },
        false => Wrapped(error).into(),
    };
    let tip = house.home.tip(branch).map_err(unreadable)?.ok_or_else(|| CannotMerge::NoBranch(branch.clone()))?;
    judged.is_about(&repo::id(tip)).map_err(Wrapped)?;
    let main = house.home.main().map_err(Wrapped)?;
    let tree = match merged_tree(house, tip, main).map_err(unreadable)? {
        Merged::Clean(tree) => tree,
        Merged::Conflicts(paths) => {
            let (default, agent_branch) = (house.home.branch.clone(), branch.clone());
            return Err(CannotMerge::Conflicts { number, branch: default, agent_branch, paths });
        }
    };
    let message = format!("Merge pull request #{number} from {branch}\n\n{}\n\nPull: {number}\n", pull.offer.title);
    let seconds = (hands.edge.now)().timestamp();
    let new = NewCommit { parents: &[main, tip], message: &message, author: who, seconds };
    let commit = repo.commit(tree, &new).map_err(Wrapped)?;
    house.home.land(commit, main).map_err(Wrapped)?;
    let edited = repo::id(tip) != pull.offer.head;
    let head = Some(pull.offer.head.clone());
    let command = Command::Merge { number, by: who.name.clone(), commit: repo::id(commit), edited, head };
    Ok(Landed { commit, edited, command })
}

impl Judged<'_> {
    /// Whether what was looked at is what is there now.
    fn is_about(&self, now: &ids::Oid) -> Result<(), Rejected> {
        match self.seen.filter(|seen| *seen != now) {
            None => Ok(()),
            Some(seen) => Err(Rejected::Moved { number: self.number, seen: seen.clone(), head: now.clone() }),
        }
    }
}

fn merged_tree(house: &House, tip: Oid, main: Oid) -> Result<Merged, GitError> {
    let repo = &house.home.repo;
    let fork = house.home.with_depth(|| repo.merge_base(tip, main))?;
    // What nobody could judge would stop the whole town once it is on the default branch.
    house.home.with_depth(|| repo.read_through(fork, tip, &[main]))?;
    let fork = fork.map(|fork| repo.tree_of(fork)).transpose()?;
    repo.merge_trees(fork, repo.tree_of(main)?, repo.tree_of(tip)?)
}

/// Rejects a pull request, with a reason that its agent will read.
///
/// # Errors
/// [`RunError`] when it is not open or the journal fails.
pub fn reject(
    hands: &Hands<'_>,
    judged: Judged<'_>,
    by: &str,
    reason: Reason,
    text: &str,
) -> Result<Appended, RunError> {
    let (home, number) = (&hands.house.home, judged.number);
    let stamp = hands.edge.stamp(&hands.house.settings.name);
    let command = Command::Reject { number, by: by.to_owned(), reason, text: text.to_owned() };
    let looked = open_pull(&hands.journal.load()?.town, number)?.offer.clone();
    // Whatever is on the branch, it can be rejected: only what was seen is compared, and nothing of it is read.
    let tip = match home.tip(&looked.branch) {
        Err(error) if error.is_unreadable() => None,
        tip => tip?,
    };
    judged.is_about(&tip.map_or_else(|| looked.head.clone(), repo::id))?;
    Ok(hands.journal.append(&stamp, |town| {
        // Of two who reject it the second one is told, and what an agent made of it meanwhile nobody has seen.
        let now = &open_pull(town, number)?.offer.head;
        if judged.seen.is_some() && *now != looked.head {
            return Err(Rejected::Moved { number, seen: looked.head.clone(), head: now.clone() });
        }
        decide::decide(town, &command, stamp.time)
    })?)
}

/// Comments on a pull request; its agent reads it in its next briefing.
///
/// # Errors
/// [`RunError`] when there is no such pull request or the journal fails.
pub fn comment(hands: &Hands<'_>, number: u64, by: &str, text: &str) -> Result<(), RunError> {
    hands.record(&[Command::Comment { number, by: by.to_owned(), text: text.to_owned() }])?;
    Ok(())
}
