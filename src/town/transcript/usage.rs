//! What questions and replies used, in tokens and money.
//! Lives here: the sums and their stable JSON. Never here: prices (see [`crate::town::prices`]).

use serde::{Deserialize, Serialize};

/// Tokens that one reply used. `input`, `cached` and `cache_write` do not overlap; `output` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens that were read anew.
    pub input: u64,
    /// Prompt tokens that came from the provider's cache.
    pub cached: u64,
    /// Prompt tokens that were written to the provider's cache.
    pub cache_write: u64,
    /// Tokens of the reply.
    pub output: u64,
    /// Tokens of the reply that were thought and not said.
    pub reasoning: u64,
}

impl Usage {
    /// Nothing.
    pub const NONE: Self = Self { input: 0, cached: 0, cache_write: 0, output: 0, reasoning: 0 };

    /// What the conversation holds after this reply.
    #[must_use]
    pub const fn context(&self) -> u64 {
        self.input.saturating_add(self.cached).saturating_add(self.cache_write).saturating_add(self.output)
    }

    /// Both together, for a run's sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

/// What questions beside the replies used: those that brought none, and those that a command-line agent put by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// How many.
    pub questions: u32,
    /// Tokens.
    pub usage: Usage,
    /// Their cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// Whether a part of it is only known as the most that it can be. Of questions without a reply all is, and it is not said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unmetered: bool,
}

impl Spent {
    /// Nothing.
    pub const NONE: Self = Self { questions: 0, usage: Usage::NONE, cost_micros: 0, unmetered: false };

    /// One question, at the most that it can have used.
    #[must_use]
    pub const fn one(usage: Usage, cost_micros: u64) -> Self {
        Self { questions: 1, usage, cost_micros, unmetered: false }
    }

    /// Whether there was none.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.questions == 0
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            questions: self.questions.saturating_add(other.questions),
            usage: self.usage.plus(other.usage),
            cost_micros: self.cost_micros.saturating_add(other.cost_micros),
            unmetered: self.unmetered || other.unmetered,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_there_was_one_form_is_read_and_written_the_same() {
        let usage = r#""usage":{"input":3,"cached":0,"cache_write":0,"output":4,"reasoning":0}"#;
        let lost = format!(r#"{{"questions":1,{usage},"cost_micros":5}}"#);
        let relayed = format!(r#"{{"questions":1,{usage},"cost_micros":5,"unmetered":true}}"#);
        for (text, unmetered) in [(&lost, false), (&relayed, true)] {
            let spent: Spent = serde_json::from_str(text).unwrap();
            let wanted = Usage { input: 3, output: 4, ..Usage::NONE };
            assert_eq!(spent, Spent { unmetered, ..Spent::one(wanted, 5) });
            assert_eq!(serde_json::to_string(&spent).unwrap(), *text);
        }
        // It was always said of a command-line agent's.
        let said: Spent = serde_json::from_str(&relayed.replace("true", "false")).unwrap();
        assert_eq!(said, serde_json::from_str(&lost).unwrap());
    }
}
