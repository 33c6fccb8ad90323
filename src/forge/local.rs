//! The local forge: a pull request is a branch and its events in the journal, and git itself tells what became of it.
//! Lives here: opening and updating through the journal, and recognising plain merges and deleted branches.
//! Never here: merging (a human does, by `monkeytown pulls merge` or by `git merge`).

use async_trait::async_trait;
use git2::Oid;

use super::{Forge, ForgeError, NewPull, PullView};
use crate::git::errors::GitError;
use crate::git::home::Home;
use crate::git::journal::{Journal, JournalError};
use crate::git::landing::Landing;
use crate::git::repo;
use crate::town::decide::{self, Command, Publish};
use crate::town::envelope::Stamp;
use crate::town::event::Reason;
use crate::town::fold::{Pull, PullState, Town};

/// Pull requests in the journal of one town.
pub struct LocalForge<'a> {
    home: &'a Home,
    journal: &'a Journal<'a>,
    stamp: Box<dyn Fn() -> Stamp + 'a>,
}

impl<'a> LocalForge<'a> {
    /// The forge of this town; `stamp` gives each event its moment and randomness.
    #[must_use]
    pub fn new(home: &'a Home, journal: &'a Journal<'a>, stamp: impl Fn() -> Stamp + 'a) -> Self {
        Self { home, journal, stamp: Box::new(stamp) }
    }

    fn publish(&self, pull: &NewPull) -> Result<PullView, ForgeError> {
        let stamp = (self.stamp)();
        let command = Command::Publish(Box::new(Publish {
            run: pull.run.clone(),
            agent: pull.agent.clone(),
            offer: pull.offer.clone(),
            number: None,
            url: None,
        }));
        let appended =
            self.journal.append(&stamp, |town| decide::decide(town, &command, stamp.time)).map_err(unavailable)?;
        let open = appended.tip.town.open_pull(&pull.agent);
        open.map(view).ok_or_else(|| ForgeError::Conflict("a human closed the pull request meanwhile".to_owned()))
    }

    fn seen(&self, pull: &Pull, main: Oid) -> Result<Option<Command>, GitError> {
        let repo = &self.home.repo;
        let head = repo::oid(&pull.offer.head)?;
        if !repo.has(head) {
            // Recorded after what was fetched here: the next look knows more.
            return Ok(None);
        }
        let mut branch_tip = None;
        let landed = self.home.with_depth(|| match repo.landing(head, main, &self.home.branch)? {
            None => {
                branch_tip = self.home.tip(&pull.offer.branch)?;
                match branch_tip.filter(|tip| *tip != head && repo.has(*tip)) {
                    // What people put on top of it may have been squashed with it.
                    Some(tip) => Ok(repo.landing(tip, main, &self.home.branch)?.map(|l| Landing { edited: true, ..l })),
                    None => Ok(None),
                }
            }
            landed => {
                // That it landed is known, also where the branch cannot be read any more.
                branch_tip = self.home.tip(&pull.offer.branch).ok().flatten();
                Ok(landed)
            }
        });
        let landed = match landed {
            // Where nobody has more history, the border of a shallow clone is no verdict; a deeper clone will tell.
            Err(error) if error.needs_depth() || error.is_unavailable() => return Ok(None),
            landed => landed?,
        };
        if let Some(Landing { commit, by, edited }) = landed {
            // A human who pushed to the branch before merging edited the work.
            let edited =
                edited || branch_tip.is_some_and(|tip| tip != head && repo.is_ancestor(tip, main).unwrap_or(false));
            return Ok(Some(Command::Merge { number: pull.number, by, commit: repo::id(commit), edited, head: None }));
        }
        if branch_tip.is_none() && !self.journal.is_offline() && self.home.is_gone(&pull.offer.branch)? {
            return Ok(Some(Command::Reject {
                number: pull.number,
                by: "unknown".to_owned(),
                reason: Reason::Other,
                text: format!("the branch {} was deleted", pull.offer.branch),
            }));
        }
        Ok(None)
    }
}

fn unavailable(error: JournalError) -> ForgeError {
    if error.is_unavailable() {
        ForgeError::Unavailable(error.to_string())
    } else {
        ForgeError::Refused(error.to_string())
    }
}

fn view(pull: &Pull) -> PullView {
    PullView {
        number: pull.number,
        branch: pull.offer.branch.clone(),
        head: pull.offer.head.clone(),
        title: pull.offer.title.clone(),
        draft: pull.offer.draft,
        url: pull.url.clone(),
    }
}

#[async_trait(?Send)]
impl Forge for LocalForge<'_> {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn find(&self, branch: &str) -> Result<Option<PullView>, ForgeError> {
        let tip = self.journal.load().map_err(unavailable)?;
        Ok(tip.town.open_pulls().find(|pull| pull.offer.branch == branch).map(view))
    }

    async fn open(&self, pull: &NewPull) -> Result<PullView, ForgeError> {
        self.publish(pull)
    }

    async fn update(&self, number: u64, pull: &NewPull) -> Result<PullView, ForgeError> {
        let tip = self.journal.load().map_err(unavailable)?;
        match tip.town.pulls.get(&number).map(|pull| pull.state) {
            None => Err(ForgeError::NotFound(format!("pull request #{number}"))),
            Some(PullState::Open) => self.publish(pull),
            Some(_) => Err(ForgeError::Conflict(format!("#{number} was closed meanwhile"))),
        }
    }

    async fn observe(&self, town: &Town) -> Result<Vec<Command>, ForgeError> {
        let refused = |error: GitError| ForgeError::Refused(error.whole());
        let (mut commands, main) = (Vec::new(), self.home.main().map_err(refused)?);
        for pull in town.open_pulls() {
            match self.seen(pull, main) {
                Ok(command) => commands.extend(command),
                // Whatever somebody pushed to one branch, what became of the others is seen all the same.
                Err(error) if error.is_unreadable() => tracing::warn!(
                    "#{}: {} cannot be read ({}); reject it, or delete the branch",
                    pull.number,
                    pull.offer.branch,
                    error.whole()
                ),
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(commands)
    }
}
