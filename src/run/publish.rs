//! Step 9, publish: journal, branch, pull request, journal, in an order that survives a kill anywhere.
//! Lives here: that order, and going on from the last recorded step. Never here: making the commit.

use git2::Oid;

use super::house::House;
use super::{Edge, Progress, RunError};
use crate::forge::{Forge, ForgeError, NewPull, PullView};
use crate::git::errors::GitError;
use crate::git::journal::{Appended, Journal};
use crate::git::repo;
use crate::town::decide::{self, Command, Publish, Rejected};
use crate::town::event::{Offer, RunFinished, RunProposed};
use crate::town::fold::{Run, Town};
use crate::town::ids::AgentId;

/// What publishing came to.
#[derive(Clone, Debug)]
pub enum Published {
    /// The pull request is there and recorded.
    Done {
        /// As the forge shows it.
        pull: PullView,
        /// Whether it is new.
        opened: bool,
    },
    /// Remote or forge cannot be reached: it waits here and goes out with the next run.
    Queued(String),
    /// The branch moved, or a human closed the pull request: the work has to be proposed again on what is there now.
    Stale(String),
    /// People froze the town: nothing is pushed, and it waits until they let things go on.
    Held(Rejected),
}

/// The hands of a run: what it writes with.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// The edge.
    pub edge: &'a Edge<'a>,
    /// The town.
    pub house: &'a House,
    /// Its journal.
    pub journal: &'a Journal<'a>,
    /// Its forge.
    pub forge: &'a dyn Forge,
}

impl Hands<'_> {
    /// Decides commands on the newest state, one after the other, and appends all that they yield at once.
    ///
    /// # Errors
    /// [`RunError`] when one is refused or the journal fails.
    pub fn record(&self, commands: &[Command]) -> Result<Appended, RunError> {
        let stamp = self.edge.stamp(&self.house.settings.name);
        Ok(self.journal.append(&stamp, |town| Ok(decide::decide_all(town, commands, &stamp)?.0))?)
    }

    /// Records what will be published.
    ///
    /// # Errors
    /// As [`Hands::record`].
    pub fn announce(
        &self,
        run: &Run,
        agent: &AgentId,
        offer: &Offer,
        replaces: Option<Oid>,
        mut commands: Vec<Command>,
    ) -> Result<RunProposed, RunError> {
        let proposed = RunProposed {
            run: run.run.clone(),
            agent: agent.clone(),
            replaces: replaces.map(repo::id),
            offer: offer.clone(),
        };
        commands.push(Command::Propose(proposed.clone()));
        self.record(&commands)?;
        self.edge.tell(&Progress::Proposed { title: offer.title.clone() });
        Ok(proposed)
    }

    /// Publishes what was announced. Everything here can be done again from the start and does nothing twice.
    ///
    /// # Errors
    /// [`RunError`] when the remote or the forge refuses for good.
    pub async fn publish(&self, proposed: &RunProposed, pull: Option<u64>) -> Result<Published, RunError> {
        let (branch, offer) = (&proposed.offer.branch, &proposed.offer);
        let head = repo::oid(&offer.head)?;
        if *branch != proposed.agent.branch() {
            // The journal may have been written by somebody else; whatever it says, only the agent's own branch is moved.
            return Ok(Published::Stale(format!("{branch} is not the branch of {}", proposed.agent)));
        }
        if !self.house.home.repo.has(head) {
            return Ok(Published::Stale("the commit that was announced is not here".to_owned()));
        }
        if let Some(pull) = pull
            && !self.journal.load()?.town.open_pulls().any(|open| open.number == pull)
        {
            return Ok(Published::Stale(format!("#{pull} was closed meanwhile")));
        }
        // What was announced before a freeze is not pushed after it.
        if let Some(frozen) = self.frozen()? {
            return Ok(Published::Held(frozen));
        }
        let replaces = proposed.replaces.as_ref().map(repo::oid).transpose()?;
        match self.house.home.publish(branch, head, replaces) {
            Ok(()) => {}
            Err(error) if error.is_raced() => {
                return Ok(Published::Stale(format!("{branch} was moved by somebody else")));
            }
            Err(error) if error.is_unavailable() => return Ok(Published::Queued(chain(&error))),
            Err(error) => return Err(error.into()),
        }
        self.edge.tell(&Progress::Pushed { branch: branch.clone() });
        match self.decided_meanwhile(proposed).await {
            Ok(None) => {}
            Ok(Some(published)) => return Ok(published),
            Err(RunError::Forge(error)) if error.is_unavailable() => return Ok(Published::Queued(error.to_string())),
            Err(error) => return Err(error),
        }
        match self.offer(proposed).await {
            Ok((view, opened)) => {
                self.edge.tell(&Progress::Opening { number: view.number });
                self.confirm(proposed, &view)?;
                self.edge.tell(&Progress::Published { number: view.number, opened });
                Ok(Published::Done { pull: view, opened })
            }
            Err(error) if error.is_unavailable() => Ok(Published::Queued(error.to_string())),
            Err(ForgeError::Conflict(why)) => Ok(Published::Stale(why)),
            Err(error) => Err(error.into()),
        }
    }

    /// Why nothing is pushed, while the town is frozen. A paused agent starts no run; what one of its runs has made is published.
    fn frozen(&self) -> Result<Option<Rejected>, RunError> {
        Ok(decide::frozen(&self.journal.load()?.town).err())
    }

    async fn offer(&self, proposed: &RunProposed) -> Result<(PullView, bool), ForgeError> {
        let new = NewPull { run: proposed.run.clone(), agent: proposed.agent.clone(), offer: proposed.offer.clone() };
        match self.forge.find(&proposed.offer.branch).await? {
            // Also where it looks as we want it: a run that died may have left body, labels or draft as they were.
            Some(open) => Ok((self.forge.update(open.number, &new).await?, false)),
            None => Ok((self.forge.open(&new).await?, true)),
        }
    }

    /// Whether people have decided meanwhile about what the journal holds for open, or about what a run that died has opened:
    /// then that is recorded, and nothing is opened in its place without looking again.
    async fn decided_meanwhile(&self, proposed: &RunProposed) -> Result<Option<Published>, RunError> {
        let branch = &proposed.offer.branch;
        if self.forge.find(branch).await?.is_some() {
            return Ok(None);
        }
        if let Some((view, verdict)) = self.forge.past(branch, &proposed.offer.head).await? {
            self.record_publish(proposed, &view)?;
            self.record(&[verdict])?;
            return Ok(Some(Published::Done { pull: view, opened: true }));
        }
        let open = |town: &Town| town.open_pull(&proposed.agent).map(|pull| pull.number);
        let town = self.journal.load()?.town;
        let Some(number) = open(&town) else { return Ok(None) };
        let seen = self.forge.observe(&town).await?;
        self.forge.carry_out(&town, &seen).await?;
        super::claim::record(self.edge, self.house, self.journal, &seen)?;
        if let Some(frozen) = self.frozen()? {
            return Ok(Some(Published::Held(frozen)));
        }
        let gone = open(&self.journal.load()?.town) != Some(number);
        Ok(gone.then(|| Published::Stale(format!("people decided about #{number} meanwhile"))))
    }

    /// Reads both back and records the pull request.
    fn confirm(&self, proposed: &RunProposed, view: &PullView) -> Result<(), RunError> {
        if view.head != proposed.offer.head {
            let told = format!("it shows {} instead of {}", view.head.short(), proposed.offer.head.short());
            return Err(ForgeError::Conflict(told).into());
        }
        let tip = self.house.home.tip(&proposed.offer.branch)?;
        if tip.map(repo::id).as_ref() != Some(&proposed.offer.head) {
            return Err(GitError::RacedReference { reference: proposed.offer.branch.clone() }.into());
        }
        self.record_publish(proposed, view)
    }

    fn record_publish(&self, proposed: &RunProposed, view: &PullView) -> Result<(), RunError> {
        self.record(&[Command::Publish(Box::new(Publish {
            run: proposed.run.clone(),
            agent: proposed.agent.clone(),
            offer: proposed.offer.clone(),
            number: Some(view.number),
            url: view.url.clone(),
        }))])?;
        Ok(())
    }

    /// Ends the run, with what else there is to record.
    ///
    /// # Errors
    /// As [`Hands::record`].
    pub fn finish(&self, finished: RunFinished, mut also: Vec<Command>) -> Result<Appended, RunError> {
        let outcome = finished.reason.clone();
        also.push(Command::Finish(finished));
        let appended = self.record(&also)?;
        self.edge.tell(&Progress::Finished { outcome });
        Ok(appended)
    }
}

/// An error with its sources in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}
