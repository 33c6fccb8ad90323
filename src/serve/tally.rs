//! How runs ended and how long they took, counted as they are relayed.
//! Lives here: which events count, and by what. Never here: the state of the town, which knows more (see `town::fold`).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::town::envelope::Envelope;
use crate::town::event::Outcome;
use crate::town::ids::AgentId;

/// The outcome of a run that came to nothing, and of one of which nothing more was heard.
const FAILED: &str = "failed";
const EXPIRED: &str = "expired";

/// That a run began, or how it ended. An agent has one run at a time, so there is no need to say which.
#[derive(Debug)]
pub struct Milestone {
    agent: AgentId,
    at: DateTime<Utc>,
    /// None where it begins, or is taken up again after a kill.
    outcome: Option<&'static str>,
}

/// What is read of it.
#[derive(Deserialize)]
struct Said {
    agent: AgentId,
    /// How it ended; a run that failed has none.
    outcome: Option<Outcome>,
}

/// Runs by agent.
#[derive(Debug, Default)]
pub struct Tally {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// How many ended, by how they did.
    runs: BTreeMap<(String, &'static str), u64>,
    /// When the run began that has not ended.
    begun: BTreeMap<String, DateTime<Utc>>,
    took: BTreeMap<String, Took>,
}

/// How long runs took that ended well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// In all.
    pub millis: u64,
    /// How many they are.
    pub runs: u64,
}

impl Milestone {
    /// That of a run, where an event is one.
    #[must_use]
    pub fn of(event: &Envelope) -> Option<Self> {
        let otherwise = match event.kind.as_str() {
            "monkeytown.run.started.v1" | "monkeytown.run.resumed.v1" => None,
            "monkeytown.run.finished.v1" | "monkeytown.run.failed.v1" => Some(FAILED),
            "monkeytown.run.expired.v1" => Some(EXPIRED),
            _ => return None,
        };
        let said: Said = serde_json::from_str(event.data.get()).ok()?;
        let outcome = said.outcome.map(Outcome::word).or(otherwise);
        Some(Self { agent: said.agent, at: event.time, outcome })
    }
}

impl Tally {
    /// Counts what became of runs.
    pub fn add(&self, milestones: impl IntoIterator<Item = Milestone>) {
        let mut counted = self.counted();
        for milestone in milestones {
            counted.add(milestone);
        }
    }

    /// Forgets all: another history begins.
    pub fn clear(&self) {
        *self.counted() = Counted::default();
    }

    /// Agent, outcome, and how many.
    #[must_use]
    pub fn runs(&self) -> Vec<(String, &'static str, u64)> {
        self.counted().runs.iter().map(|((agent, outcome), count)| (agent.clone(), *outcome, *count)).collect()
    }

    /// Agent, and how long its runs took that ended well.
    #[must_use]
    pub fn took(&self) -> Vec<(String, Took)> {
        self.counted().took.iter().map(|(agent, took)| (agent.clone(), *took)).collect()
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn add(&mut self, milestone: Milestone) {
        let agent = milestone.agent.to_string();
        let Some(outcome) = milestone.outcome else {
            self.begun.insert(agent, milestone.at);
            return;
        };
        let begun = self.begun.remove(&agent).filter(|_| ![FAILED, EXPIRED].contains(&outcome));
        if let Some(begun) = begun {
            let took = self.took.entry(agent.clone()).or_default();
            took.millis += u64::try_from((milestone.at - begun).num_milliseconds()).unwrap_or_default();
            took.runs += 1;
        }
        *self.runs.entry((agent, outcome)).or_default() += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What happened to a run of ada, at this minute past five.
    fn event(kind: &str, minute: u32, outcome: Option<&str>) -> Envelope {
        let mut data = json!({"agent": "ada", "run": "01M7YA74WZYS71K3A549Y4BV6F"});
        if let Some(outcome) = outcome {
            data["outcome"] = outcome.into();
        }
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "1", "type": format!("monkeytown.run.{kind}.v1"), "source": "/towns/x",
            "time": format!("2026-11-21T05:{minute:02}:00Z"), "actor": "agent:ada", "data": data,
        }))
        .unwrap()
    }

    fn tally(events: &[Envelope]) -> Tally {
        let tally = Tally::default();
        tally.add(events.iter().filter_map(Milestone::of));
        tally
    }

    #[test]
    fn every_end_of_a_run_counts_also_that_of_one_that_was_killed() {
        let tally = tally(&[
            event("started", 0, None),
            event("finished", 0, Some("opened")),
            event("proposed", 0, None),
            event("failed", 0, None),
            event("expired", 0, None),
            event("expired", 0, None),
        ]);
        let ada = |outcome, count| ("ada".to_owned(), outcome, count);
        assert_eq!(tally.runs(), [ada("expired", 2), ada("failed", 1), ada("opened", 1)]);
        tally.clear();
        assert!(tally.runs().is_empty() && tally.took().is_empty());
    }

    #[test]
    fn runs_that_end_well_are_timed_from_where_they_began_or_were_taken_up_again() {
        let tally = tally(&[
            // It began before anything that is known.
            event("finished", 1, Some("nothing")),
            event("started", 2, None),
            event("finished", 5, Some("opened")),
            event("started", 6, None),
            event("failed", 16, None),
            event("started", 17, None),
            event("expired", 27, None),
            event("started", 28, None),
            event("resumed", 40, None),
            event("finished", 41, Some("asked")),
            // A clock that was put back.
            event("started", 50, None),
            event("finished", 49, Some("nothing")),
        ]);
        assert_eq!(tally.took(), [("ada".to_owned(), Took { millis: 4 * 60_000, runs: 3 })]);
    }
}
