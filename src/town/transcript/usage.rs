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

/// What was paid for questions that brought no reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lost {
    /// How many.
    pub questions: u32,
    /// Tokens, at the most.
    pub usage: Usage,
    /// Their cost, at the most, in millionths of a US dollar.
    pub cost_micros: u64,
}

impl Lost {
    /// Nothing.
    pub const NONE: Self = Self { questions: 0, usage: Usage::NONE, cost_micros: 0 };

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
        }
    }
}

/// What a command-line agent used of the town's model by itself, through the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relayed {
    /// How many questions it put.
    pub questions: u32,
    /// Tokens.
    pub usage: Usage,
    /// Their cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// Whether a part of it is only known as the most that it can be.
    pub unmetered: bool,
}

impl Relayed {
    /// Nothing.
    pub const NONE: Self = Self { questions: 0, usage: Usage::NONE, cost_micros: 0, unmetered: false };

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
