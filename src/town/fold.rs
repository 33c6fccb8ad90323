//! The state of the town: what follows from everything that happened.
//! Lives here: [`Town`], its parts, and `apply` for each event. Pure, total and deterministic: the same journal folds to
//! the same bytes everywhere. The state is bounded (old runs and closed pull requests leave it), so that a
//! snapshot stays small however long the history is.
//! Never here: what is allowed (see [`super::decide`]).

mod observed;
mod state;

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use super::envelope::Envelope;
use super::event::{Event, PullMerged, PullRejected, RunResumed, RunStarted, Tokens, UsageMetered};
use super::finding::Finding;
use super::happened::Happened;
use super::ids::{AgentId, Oid, RunId};

pub use observed::{OVERLAP, REACTIONS_KEPT};
pub use state::*;

/// Finished runs that the state remembers for each agent.
const RUNS_KEPT: usize = 20;
/// Slots that the state remembers for each agent.
const SLOTS_KEPT: usize = 64;
/// Closed pull requests that the state remembers.
const CLOSED_KEPT: usize = 100;
/// Comments that the state remembers for each pull request.
const COMMENTS_KEPT: usize = 50;

/// An event that does not fit the state it met. The state is left as it was, but for the sequence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Misfit {
    /// What does not fit.
    pub why: String,
}

fn misfit(why: impl Into<String>) -> Misfit {
    Misfit { why: why.into() }
}

/// Applies a whole journal to the empty town. Never fails: what does not fit is a finding.
#[must_use]
pub fn fold<'a>(log: impl IntoIterator<Item = &'a Envelope>) -> (Town, Vec<Finding>) {
    let mut town = Town::default();
    let findings = town.fold_on(log);
    (town, findings)
}

impl Town {
    /// Applies more events to this state.
    pub fn fold_on<'a>(&mut self, log: impl IntoIterator<Item = &'a Envelope>) -> Vec<Finding> {
        log.into_iter().filter_map(|envelope| self.fold_one(&envelope.into())).collect()
    }

    /// Applies one event, and says what does not fit as a finding.
    pub fn fold_one(&mut self, happened: &Happened) -> Option<Finding> {
        let misfit = self.apply_happened(happened).err()?;
        Some(
            Finding::error("event-fits", format!("event {} ({}): {misfit}", self.seq, happened.kind))
                .fix("run `monkeytown log verify` and look at the journal around this event"),
        )
    }

    /// Applies one event. The sequence advances in any case.
    ///
    /// # Errors
    /// [`Misfit`] when the event cannot have happened in this state; the state is then unchanged.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<(), Misfit> {
        self.apply_happened(&envelope.into())
    }

    fn apply_happened(&mut self, happened: &Happened) -> Result<(), Misfit> {
        self.seq += 1;
        match &happened.event {
            Ok(Some(event)) => self.evolve(event, happened),
            Ok(None) => {
                self.totals.unknown += 1;
                Ok(())
            }
            Err(bad) => Err(misfit(bad.to_string())),
        }
    }

    fn evolve(&mut self, event: &Event, happened: &Happened) -> Result<(), Misfit> {
        let at = happened.time;
        match event {
            Event::AgentRegistered(e) | Event::AgentUpdated(e) => {
                let agent = self.agents.entry(e.agent.clone()).or_default();
                agent.owns.clone_from(&e.owns);
                agent.charter = Some(e.charter.clone());
                Ok(())
            }
            Event::RunStarted(e) => self.run_started(e, at),
            Event::RunResumed(e) => self.run_resumed(e),
            Event::UsageMetered(e) => self.metered(e, at),
            Event::RunProposed(e) => {
                self.active(&e.agent, &e.run)?.proposed = Some(e.clone());
                Ok(())
            }
            Event::RunFinished(e) => self.end(&e.agent, &e.run, e.outcome.word(), &e.reason, e.pull, at),
            Event::RunFailed(e) => {
                self.end(&e.agent, &e.run, "failed", &e.reason, None, at)?;
                self.totals.failed += 1;
                Ok(())
            }
            Event::RunExpired(e) => self.run_expired(&e.agent, &e.run, at),
            Event::ToolsCalled(e) => {
                let count = u32::try_from(e.calls.len()).unwrap_or(u32::MAX);
                self.of_run(&e.run, |run| run.calls = run.calls.max(e.first.saturating_add(count)));
                Ok(())
            }
            Event::GatePassed(_) => Ok(()),
            Event::GateFailed(e) => {
                self.of_run(&e.run, |run| run.refusals = run.refusals.max(e.nth));
                Ok(())
            }
            Event::PullOpened(e) => self.pull_opened(e, at),
            Event::PullUpdated(e) => self.pull_updated(e, at),
            Event::PullCommented(e) => self.pull_commented(e, happened),
            Event::PullMerged(e) => self.close(e.number, PullState::Merged, merged(e, at)),
            Event::PullRejected(e) => self.close(e.number, PullState::Rejected, rejected(e, at)),
            Event::TownFrozen(e) => {
                self.frozen = Some(Frozen { by: e.by.clone(), reason: e.reason.clone(), since: at });
                Ok(())
            }
            Event::TownThawed(_) => {
                self.frozen = None;
                Ok(())
            }
            observed => self.evolve_observed(observed, happened),
        }
    }

    fn metered(&mut self, e: &UsageMetered, at: DateTime<Utc>) -> Result<(), Misfit> {
        self.totals.tokens = self.totals.tokens.saturating_add(e.tokens.total());
        self.totals.cost_micros = self.totals.cost_micros.saturating_add(e.cost_micros);
        self.spent.add(at, e.cost_micros);
        let agent = self.agents.entry(e.agent.clone()).or_default();
        agent.cost_micros = agent.cost_micros.saturating_add(e.cost_micros);
        Ok(())
    }

    /// Changes a run in flight; one that has ended keeps what was recorded of it.
    fn of_run(&mut self, run: &RunId, change: impl FnOnce(&mut Run)) {
        if let Some(active) = self.agents.values_mut().filter_map(|a| a.active.as_mut()).find(|r| r.run == *run) {
            change(active);
        }
    }

    fn run_started(&mut self, e: &RunStarted, at: DateTime<Utc>) -> Result<(), Misfit> {
        let agent = self.agents.entry(e.agent.clone()).or_default();
        if let Some(active) = &agent.active {
            return Err(misfit(format!("run {} of {} had not ended", active.run, e.agent)));
        }
        if agent.slots.contains(&e.slot) {
            return Err(misfit(format!("slot {} of {} was taken", e.slot, e.agent)));
        }
        agent.slots.push_back(e.slot.clone());
        keep_last(&mut agent.slots, SLOTS_KEPT);
        let day = at.timestamp().div_euclid(86_400);
        agent.started_today = if agent.day == day { agent.started_today + 1 } else { 1 };
        agent.day = day;
        agent.active = Some(Run {
            run: e.run.clone(),
            slot: e.slot.clone(),
            trigger: e.trigger,
            base: e.base.clone(),
            start: e.start.clone(),
            lease_until: e.lease_until,
            holder: e.holder.clone(),
            brain: e.brain.clone(),
            hold_micros: e.hold_micros,
            attempt: 0,
            started: at,
            calls: 0,
            refusals: 0,
            proposed: None,
            published: None,
        });
        self.totals.runs += 1;
        Ok(())
    }

    fn run_resumed(&mut self, e: &RunResumed) -> Result<(), Misfit> {
        let run = self.active(&e.agent, &e.run)?;
        run.attempt = e.attempt;
        run.lease_until = e.lease_until;
        run.holder.clone_from(&e.holder);
        Ok(())
    }

    /// The slot of a run that left nothing is free again.
    fn run_expired(&mut self, agent: &AgentId, run: &RunId, at: DateTime<Utc>) -> Result<(), Misfit> {
        let active = self.active(agent, run)?;
        let (slot, hold) = (active.slot.clone(), active.hold_micros);
        // Nobody knows what it spent, so all that was put aside for it counts.
        self.spent.add(at, hold);
        self.end(agent, run, "expired", "its lease ran out and nothing of it was left", None, at)?;
        self.totals.failed += 1;
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.slots.retain(|taken| *taken != slot);
        }
        Ok(())
    }

    fn active(&mut self, agent: &AgentId, run: &RunId) -> Result<&mut Run, Misfit> {
        self.agents
            .get_mut(agent)
            .and_then(|a| a.active.as_mut())
            .filter(|active| active.run == *run)
            .ok_or_else(|| misfit(format!("{agent} has no run {run} in flight")))
    }

    fn end(
        &mut self,
        agent: &AgentId,
        run: &RunId,
        outcome: &str,
        reason: &str,
        pull: Option<u64>,
        at: DateTime<Utc>,
    ) -> Result<(), Misfit> {
        self.active(agent, run)?;
        let agent = self.agents.entry(agent.clone()).or_default();
        if let Some(run) = agent.active.take() {
            agent.runs.push_back(Ended {
                run: run.run,
                slot: run.slot,
                base: run.base,
                outcome: outcome.to_owned(),
                reason: reason.to_owned(),
                pull,
                started: run.started,
                ended: at,
            });
            keep_last(&mut agent.runs, RUNS_KEPT);
        }
        Ok(())
    }

    fn pull_opened(&mut self, e: &super::event::PullOpened, at: DateTime<Utc>) -> Result<(), Misfit> {
        if e.number <= self.last_pull && self.pulls.contains_key(&e.number) {
            return Err(misfit(format!("pull request #{} was there already", e.number)));
        }
        if let Some(open) = self.open_pull(&e.agent) {
            return Err(misfit(format!("{} had #{} open already", e.agent, open.number)));
        }
        self.pulls.insert(
            e.number,
            Pull {
                number: e.number,
                state: PullState::Open,
                agent: e.agent.clone(),
                run: e.run.clone(),
                offer: e.offer.clone(),
                url: e.url.clone(),
                opened_at: at,
                updated_at: at,
                verdict: None,
                comments: VecDeque::new(),
                reactions: std::collections::BTreeMap::new(),
                reopened: 0,
                reopened_at: None,
            },
        );
        self.last_pull = self.last_pull.max(e.number);
        self.totals.opened += 1;
        if let Ok(run) = self.active(&e.agent, &e.run) {
            run.published = Some(Published { pull: e.number, opened: true });
        }
        Ok(())
    }

    fn pull_updated(&mut self, e: &super::event::PullUpdated, at: DateTime<Utc>) -> Result<(), Misfit> {
        let pull = self.open(e.number)?;
        pull.offer = e.offer.clone();
        pull.updated_at = at;
        let agent = pull.agent.clone();
        if let Ok(run) = self.active(&agent, &e.run) {
            run.published = Some(Published { pull: e.number, opened: false });
        }
        Ok(())
    }

    fn pull_commented(&mut self, e: &super::event::PullCommented, happened: &Happened) -> Result<(), Misfit> {
        let pull = self.pulls.get_mut(&e.number).ok_or_else(|| misfit(format!("no pull request #{}", e.number)))?;
        let text = e.place.as_ref().map_or_else(|| e.text.clone(), |place| format!("{place}: {}", e.text));
        pull.comments.push_back(Comment::said(happened, &e.by, text));
        keep_last(&mut pull.comments, COMMENTS_KEPT);
        if e.forge_id.is_some() {
            self.saw(happened);
        }
        Ok(())
    }

    fn open(&mut self, number: u64) -> Result<&mut Pull, Misfit> {
        match self.pulls.get_mut(&number) {
            Some(pull) if pull.state == PullState::Open => Ok(pull),
            Some(_) => Err(misfit(format!("pull request #{number} was closed already"))),
            None => Err(misfit(format!("no open pull request #{number}"))),
        }
    }

    fn close(&mut self, number: u64, state: PullState, verdict: Verdict) -> Result<(), Misfit> {
        let pull = self.open(number)?;
        pull.state = state;
        pull.updated_at = verdict.at;
        pull.verdict = Some(verdict);
        // The body stays in the journal; the state keeps only what a briefing shows.
        pull.offer.body = String::new();
        let agent = pull.agent.clone();
        let agent = self.agents.entry(agent).or_default();
        if state == PullState::Merged {
            agent.merged += 1;
            self.totals.merged += 1;
        } else {
            agent.rejected += 1;
            self.totals.rejected += 1;
        }
        self.forget_closed();
        Ok(())
    }

    fn forget_closed(&mut self) {
        let closed: Vec<u64> = self.pulls.values().filter(|p| p.state != PullState::Open).map(|p| p.number).collect();
        for number in closed.iter().take(closed.len().saturating_sub(CLOSED_KEPT)) {
            self.pulls.remove(number);
        }
    }

    /// The one open pull request of an agent.
    #[must_use]
    pub fn open_pull(&self, agent: &AgentId) -> Option<&Pull> {
        self.pulls.values().find(|p| p.state == PullState::Open && p.agent == *agent)
    }

    /// Open pull requests in the order of their numbers.
    pub fn open_pulls(&self) -> impl Iterator<Item = &Pull> {
        self.pulls.values().filter(|p| p.state == PullState::Open)
    }

    /// Closed pull requests of an agent that the state remembers, newest verdict first.
    #[must_use]
    pub fn verdicts(&self, agent: &AgentId) -> Vec<&Pull> {
        let mut closed: Vec<&Pull> = self.pulls.values().filter(|p| p.verdict.is_some() && p.agent == *agent).collect();
        closed.sort_by_key(|p| std::cmp::Reverse((p.updated_at, p.number)));
        closed
    }

    /// The base of the agent's last run that came to a result.
    #[must_use]
    pub fn last_base(&self, agent: &AgentId) -> Option<&Oid> {
        let runs = &self.agents.get(agent)?.runs;
        runs.iter().rev().find(|r| !matches!(r.outcome.as_str(), "failed" | "expired")).map(|r| &r.base)
    }
}

impl Tokens {
    /// All buckets together, as far as they can be counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let prompt = self.input.saturating_add(self.cached).saturating_add(self.cache_write);
        prompt.saturating_add(self.output).saturating_add(self.reasoning)
    }

    /// Adds another count.
    pub const fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cached = self.cached.saturating_add(other.cached);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

fn merged(e: &PullMerged, at: DateTime<Utc>) -> Verdict {
    Verdict {
        by: e.by.clone(),
        at,
        reason: None,
        text: String::new(),
        seconds_open: e.seconds_open,
        edited: e.edited,
        commit: Some(e.commit.clone()),
    }
}

fn rejected(e: &PullRejected, at: DateTime<Utc>) -> Verdict {
    Verdict {
        by: e.by.clone(),
        at,
        reason: Some(e.reason),
        text: e.text.clone(),
        seconds_open: e.seconds_open,
        edited: false,
        commit: None,
    }
}

fn keep_last<T>(list: &mut VecDeque<T>, most: usize) {
    while list.len() > most {
        list.pop_front();
    }
}
