//! When to put a question again, and when to stop asking.
//! Lives here: patience, the circuit. Never here: sending (see [`crate::http`]), what an answer means (see `failure`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};

use super::failure::BrainError;

/// As much of an error is read.
pub const ERROR_BYTES: usize = 64 * 1024;
/// Times that a question is put again.
const RETRIES: usize = 3;
/// Failures in a row after which a provider is left alone, and for how long.
const FAILURES: u32 = 8;
const ALONE: TimeDelta = TimeDelta::minutes(5);

/// Whether and when a question is put again.
pub struct Patience {
    waits: ExponentialBackoff,
    now: DateTime<Utc>,
    deadline: DateTime<Utc>,
}

impl Patience {
    /// For one question at this moment.
    pub fn new(now: DateTime<Utc>, deadline: DateTime<Utc>) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(20))
            .with_jitter()
            .with_max_times(RETRIES)
            .build();
        Self { waits, now, deadline }
    }

    /// The moment that it is, as far as waiting has moved it.
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Waits where asking again can help.
    ///
    /// # Errors
    /// The failure, where it cannot, or not in time.
    pub async fn again(&mut self, failure: BrainError) -> Result<(), BrainError> {
        let said = failure.to_string();
        let wait = self.wait(failure)?;
        tracing::info!(failure = said, ?wait, "asking again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// How long to wait before asking again.
    fn wait(&mut self, failure: BrainError) -> Result<Duration, BrainError> {
        let asked = match &failure {
            // What the provider asks to wait is waited, so that a retry does not make it longer.
            BrainError::Throttled { until, .. } => until.map_or(TimeDelta::zero(), |until| until - self.now),
            BrainError::Overloaded { .. } | BrainError::Unavailable { .. } => TimeDelta::zero(),
            _ => return Err(failure),
        };
        let Some(jitter) = self.waits.next() else { return Err(failure) };
        let wait = asked.to_std().unwrap_or_default() + jitter;
        let after = self.now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        if after >= self.deadline {
            return Err(failure);
        }
        self.now = after;
        Ok(wait)
    }
}

/// Failures in a row of each provider in this process, and since when it is left alone.
static CIRCUITS: Mutex<BTreeMap<String, (u32, DateTime<Utc>)>> = Mutex::new(BTreeMap::new());

/// Until when a provider is left alone, if it is.
pub fn left_alone(provider: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let circuits = CIRCUITS.lock().unwrap_or_else(PoisonError::into_inner);
    let (failures, since) = circuits.get(provider)?;
    Some(*since + ALONE).filter(|until| *failures >= FAILURES && *until > now)
}

/// Notes how a question ended.
pub fn note(provider: &str, failed: bool, now: DateTime<Utc>) {
    let mut circuits = CIRCUITS.lock().unwrap_or_else(PoisonError::into_inner);
    if failed {
        let entry = circuits.entry(provider.to_owned()).or_insert((0, now));
        *entry = (entry.0.saturating_add(1), now);
    } else {
        circuits.remove(provider);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_provider_that_keeps_failing_is_left_alone_for_a_while() {
        let name = "http://circuit.invalid";
        for _ in 0..FAILURES {
            assert_eq!(left_alone(name, at(0)), None);
            note(name, true, at(0));
        }
        assert_eq!(left_alone(name, at(10)), Some(at(300)));
        assert_eq!(left_alone(name, at(300)), None, "one question is let through");
        note(name, true, at(300));
        assert_eq!(left_alone(name, at(301)), Some(at(600)));
        note(name, false, at(600));
        assert_eq!(left_alone(name, at(601)), None);
    }

    #[test]
    fn patience_ends_with_its_retries_or_with_the_time() {
        let overloaded = || BrainError::Overloaded { brain: "b".into(), why: "busy".into() };
        let mut patience = Patience::new(at(0), at(3_600));
        for _ in 0..RETRIES {
            patience.wait(overloaded()).unwrap();
        }
        patience.wait(overloaded()).unwrap_err();
        let throttled = |seconds| BrainError::Throttled { brain: "b".into(), until: Some(at(seconds)), why: "".into() };
        let mut patience = Patience::new(at(0), at(60));
        patience.wait(throttled(30)).unwrap();
        assert!(patience.now() >= at(30) && patience.now() < at(31));
        patience.wait(throttled(90)).unwrap_err();
        let gone = BrainError::Exhausted { brain: "b".into(), until: None, why: "spent".into() };
        Patience::new(at(0), at(60)).wait(gone).unwrap_err();
    }
}
