//! How runs ended, counted as they are relayed.
//! Lives here: which events count, and by what. Never here: the state of the town, which knows more (see `town::fold`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::town::envelope::Envelope;
use crate::town::event::Outcome;
use crate::town::ids::AgentId;

/// The end of a run: what is read of it.
#[derive(Debug, Deserialize)]
pub struct Ended {
    agent: AgentId,
    /// How it ended; a run that came to nothing has none.
    outcome: Option<Outcome>,
    /// What stands for that where it came to nothing.
    #[serde(skip)]
    otherwise: &'static str,
}

/// Runs by agent and by how they ended.
#[derive(Debug, Default)]
pub struct Tally {
    runs: Mutex<BTreeMap<(String, String), u64>>,
}

impl Ended {
    /// The end of a run, where an event is one.
    #[must_use]
    pub fn of(event: &Envelope) -> Option<Self> {
        let otherwise = match event.kind.as_str() {
            "monkeytown.run.finished.v1" | "monkeytown.run.failed.v1" => "failed",
            "monkeytown.run.expired.v1" => "expired",
            _ => return None,
        };
        Some(Self { otherwise, ..serde_json::from_str(event.data.get()).ok()? })
    }
}

impl Tally {
    /// Counts ends of runs.
    pub fn add(&self, ends: impl IntoIterator<Item = Ended>) {
        for ended in ends {
            let outcome = ended.outcome.and_then(|outcome| serde_json::to_value(outcome).ok());
            let outcome = outcome.as_ref().and_then(serde_json::Value::as_str).unwrap_or(ended.otherwise).to_owned();
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            *runs.entry((ended.agent.to_string(), outcome)).or_default() += 1;
        }
    }

    /// Forgets all: another history begins.
    pub fn clear(&self) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Agent, outcome, and how many.
    #[must_use]
    pub fn runs(&self) -> Vec<(String, String, u64)> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().map(|((agent, outcome), count)| (agent.clone(), outcome.clone(), *count)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What happened to a run of ada.
    fn event(kind: &str, data: Value) -> Envelope {
        let mut data = data;
        data["agent"] = "ada".into();
        let kind = format!("monkeytown.run.{kind}.v1");
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "1", "type": kind, "source": "/towns/x", "time": "2026-11-21T05:00:00Z",
            "actor": "agent:ada", "data": data,
        }))
        .unwrap()
    }

    #[test]
    fn every_end_of_a_run_counts_also_that_of_one_that_was_killed() {
        let tally = Tally::default();
        let events = [
            event("started", json!({})),
            event("finished", json!({"outcome": "opened"})),
            event("failed", json!({"kind": "gate"})),
            event("expired", json!({})),
            event("expired", json!({})),
        ];
        tally.add(events.iter().filter_map(Ended::of));
        let ada = |outcome: &str, count| ("ada".to_owned(), outcome.to_owned(), count);
        assert_eq!(tally.runs(), [ada("expired", 2), ada("failed", 1), ada("opened", 1)]);
    }
}
