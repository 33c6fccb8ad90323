//! Taking over what waited in the journal of another clone.
//! Lives here: writing its events again on what the remote has by now, one by one. Never here: which of them may come that
//! way (the caller says), joining this clone's own events with the remote's (see [`super::sync`]).

use std::collections::HashSet;

use git2::Oid;

use super::read::{self, Commit};
use super::{Journal, JournalError, Tip};
use crate::town::envelope::{Envelope, Stamp};
use crate::town::event::Event;
use crate::town::fold::Town;
use crate::town::ids::RunId;

/// What waited elsewhere, written again here. Nothing points at it until [`Journal::adopt`].
pub struct Rewritten {
    /// The journal with it.
    tip: Tip,
    /// Events that may not come that way.
    pub strangers: Vec<Envelope>,
    /// Events that do not fit what happened meanwhile, with those that depend on them.
    pub misfits: Vec<Envelope>,
    /// The newest commit of the other clone.
    from: Oid,
}

/// How an event is taken over.
enum Fate {
    Taken(Box<Town>),
    Stranger,
    Misfit,
}

impl Journal<'_> {
    /// Writes again, on the journal as it is here, what another clone appended since the remote's commit `sent`. What is known
    /// is passed over, what may not come that way or does not fit is left out, each event for itself: only where a run could
    /// not begin or go on here is all of it left out that comes after. What it used is not left out then, since that is paid for;
    /// of a run that has ended here it is, since that is known.
    ///
    /// # Errors
    /// [`JournalError`] when a commit cannot be read or written.
    pub fn rewrite(
        &self,
        from: Oid,
        sent: Option<Oid>,
        stamp: &Stamp,
        may_come: impl Fn(&Envelope, &Town) -> bool,
    ) -> Result<Rewritten, JournalError> {
        let (waiting, _) = read::walk(self.git(), from, |oid, _| Some(oid) == sent)?;
        let waiting = waiting.into_iter().collect::<Result<Vec<Commit>, _>>()?;
        let tip = self.load()?;
        // All of it, since `sent` is only what the other clone says: an event of old would be told a second time.
        let known = match (self.commits_after(0), tip.oid, sent) {
            (Err(JournalError::Missing { .. }), Some(here), Some(sent)) => self.commits_not_in(here, sent)?,
            (all, ..) => all?,
        };
        let known: HashSet<String> = known.into_iter().flat_map(|commit| commit.events).map(|event| event.id).collect();
        let mut rewritten = Rewritten { tip, strangers: Vec::new(), misfits: Vec::new(), from };
        let mut gone = HashSet::new();
        for commit in &waiting {
            let (mut town, mut taken) = (rewritten.tip.town.clone(), Vec::new());
            for (at, event) in commit.events.iter().enumerate().filter(|(_, event)| !known.contains(&event.id)) {
                match fate(event, &commit.events[at + 1..], &town, &gone, &may_come) {
                    Fate::Taken(next) => {
                        town = *next;
                        taken.push(event.clone());
                    }
                    Fate::Stranger => rewritten.strangers.push(event.clone()),
                    Fate::Misfit => {
                        if let Ok(Some(Event::RunStarted(_) | Event::RunResumed(_))) = event.event() {
                            gone.extend(event.corr.clone());
                        }
                        rewritten.misfits.push(event.clone());
                    }
                }
            }
            if !taken.is_empty() {
                let next = self.commit(&rewritten.tip, &commit.subject, taken, stamp)?;
                rewritten.tip = Tip { oid: Some(next.oid), at: next.at, town: next.town };
            }
        }
        Ok(rewritten)
    }

    /// Makes what was written again the journal of this clone. What did not fit is kept under references, here and at home;
    /// says what and where, as sentences.
    ///
    /// # Errors
    /// [`JournalError`] when a reference cannot be written.
    pub fn adopt(&self, rewritten: &Rewritten) -> Result<Vec<String>, JournalError> {
        let mut synced = super::sync::Synced::default();
        if !rewritten.misfits.is_empty() {
            self.keep_misfits(rewritten.from, rewritten.misfits.iter(), &mut synced)?;
        }
        if let Some(oid) = rewritten.tip.oid {
            self.set_head(oid)?;
        }
        Ok(synced.sentences().collect())
    }
}

fn fate(
    event: &Envelope,
    after: &[Envelope],
    town: &Town,
    gone: &HashSet<RunId>,
    may_come: &impl Fn(&Envelope, &Town) -> bool,
) -> Fate {
    if !may_come(event, town) {
        return Fate::Stranger;
    }
    let known = event.event().ok().flatten();
    let is_usage = matches!(known, Some(Event::UsageMetered(_)));
    if let Some(Event::UsageMetered(used)) = &known {
        // Of a run that has ended here everything is known; telling it again would count it twice.
        let active = town.agents.get(&used.agent).and_then(|agent| agent.active.as_ref());
        if !gone.contains(&used.run) && active.is_none_or(|active| active.run != used.run) {
            return Fate::Misfit;
        }
    }
    if !is_usage && event.corr.as_ref().is_some_and(|run| gone.contains(run)) {
        return Fate::Misfit;
    }
    let mut next = town.clone();
    if next.apply(event).is_err() {
        return Fate::Misfit;
    }
    // One pull request gave way to another: without the other one it did not.
    if let Some(Event::PullRejected(_)) = known {
        let opened = after.first().filter(|event| matches!(event.event(), Ok(Some(Event::PullOpened(_)))));
        if !opened.is_some_and(|opened| may_come(opened, &next) && next.clone().apply(opened).is_ok()) {
            return Fate::Misfit;
        }
    }
    Fate::Taken(Box::new(next))
}
