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
    /// How it ended; a run that failed has none.
    outcome: Option<Outcome>,
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
        let is_end = matches!(event.kind.as_str(), "monkeytown.run.finished.v1" | "monkeytown.run.failed.v1");
        is_end.then(|| serde_json::from_str(event.data.get()).ok()).flatten()
    }
}

impl Tally {
    /// Counts ends of runs.
    pub fn add(&self, ends: impl IntoIterator<Item = Ended>) {
        for ended in ends {
            let outcome = ended.outcome.and_then(|outcome| serde_json::to_value(outcome).ok());
            let outcome = outcome.as_ref().and_then(serde_json::Value::as_str).unwrap_or("failed").to_owned();
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
