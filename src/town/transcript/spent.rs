//! What a run paid for besides the replies of its transcript.
//! Lives here: the sums as they are stored. Never here: prices, or what may be spent.

use serde::{Deserialize, Serialize};

use super::Usage;

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
    pub(super) const NOTHING: Self = Self { questions: 0, usage: Usage::NONE, cost_micros: 0, unmetered: false };

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
    pub(super) const NOTHING: Self = Self { questions: 0, usage: Usage::NONE, cost_micros: 0 };

    /// Whether there was none.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.questions == 0
    }
}
