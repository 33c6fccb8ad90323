//! The money and the tokens of a run: whether the next question fits, and what a reply cost.
//! Lives here: the arithmetic between rates and caps. Never here: prices (see [`crate::town::prices`]), asking.

use crate::town::prices::{Rate, Usd};
use crate::town::transcript::{Reply, Spent, Transcript, Usage};
use crate::town::turn::Which;

/// A reply of fewer tokens is of no use.
pub const LEAST_OUTPUT: u32 = 1_000;

/// What a run may still spend.
#[derive(Clone, Debug)]
pub struct Purse {
    rates: Vec<(String, Rate)>,
    cap: Usd,
    tokens: u64,
}

impl Purse {
    /// A purse for the models of these rates.
    #[must_use]
    pub const fn new(rates: Vec<(String, Rate)>, cap: Usd) -> Self {
        Self { rates, cap, tokens: u64::MAX }
    }

    /// The same, with a cap on tokens.
    #[must_use]
    pub fn of_tokens(self, tokens: Option<u64>) -> Self {
        Self { tokens: tokens.unwrap_or(u64::MAX), ..self }
    }

    /// Tokens that all questions and replies may have together; the largest number where nobody set a cap.
    #[must_use]
    pub const fn cap_tokens(&self) -> u64 {
        self.tokens
    }

    /// Whether nothing that it pays for costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.rates.iter().all(|(_, rate)| rate.is_free())
    }

    /// The cap as a budget has it.
    #[must_use]
    pub fn cap_micros(&self) -> u64 {
        if self.is_free() { u64::MAX } else { self.cap.0 }
    }

    /// How long the next reply may be, so that even the dearest model stays within the caps.
    ///
    /// # Errors
    /// With the budget within which no useful reply stays.
    pub fn allows(&self, transcript: &Transcript, prompt: u64, wanted: u32) -> Result<u32, Which> {
        let left = self.tokens.saturating_sub(transcript.usage().context()).saturating_sub(prompt);
        let mut most = (wanted.min(u32::try_from(left).unwrap_or(u32::MAX)), Which::Tokens);
        let money = Usd(self.cap.0.saturating_sub(transcript.cost_micros()));
        for (_, rate) in self.rates.iter().filter(|(_, rate)| !rate.is_free()) {
            let tokens = rate.affordable(money, prompt).ok_or(Which::Money)?;
            let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
            if tokens < most.0 {
                most = (tokens, Which::Money);
            }
        }
        if most.0 >= LEAST_OUTPUT.min(wanted) { Ok(most.0) } else { Err(most.1) }
    }

    /// The budget within which a question after the next one may not fit any more.
    #[must_use]
    pub fn nears_its_end(&self, transcript: &Transcript, prompt: u64, output: u32) -> Option<Which> {
        let worst = self.worst(prompt, output).0.saturating_mul(2);
        if !self.is_free() && transcript.cost_micros().saturating_add(worst) > self.cap.0 {
            return Some(Which::Money);
        }
        let tokens = prompt.saturating_add(output.into()).saturating_mul(2);
        (transcript.usage().context().saturating_add(tokens) > self.tokens).then_some(Which::Tokens)
    }

    /// What a question can cost at the most.
    #[must_use]
    pub fn worst(&self, prompt: u64, output: u32) -> Usd {
        self.rates.iter().map(|(_, rate)| rate.worst(prompt, output.into())).max().unwrap_or_default()
    }

    /// Writes the cost into a reply. Where the provider does not say what was used, the most is charged that it can be.
    pub fn charge(&self, reply: &mut Reply, prompt: u64, output: u32) {
        let Some((_, rate)) = self.rates.iter().find(|(name, _)| reply.model.as_ref() == Some(name)) else { return };
        let said_something = !reply.text.is_empty() || !reply.calls.is_empty();
        if reply.usage.context() == 0 || reply.usage.output == 0 && said_something {
            reply.unmetered = true;
            reply.usage = Usage { input: prompt, output: output.into(), ..Usage::NONE };
            reply.cost_micros = rate.worst(prompt, output.into()).0;
        } else {
            reply.cost_micros = rate.cost(reply.usage).0;
        }
    }

    /// What a question can cost at the most, as it is noted before it is put.
    #[must_use]
    pub fn at_most(&self, prompt: u64, output: u32) -> Spent {
        let usage = Usage { input: prompt, output: output.into(), ..Usage::NONE };
        Spent::one(usage, self.worst(prompt, output).0)
    }

    /// What a question may have cost that brought no reply: its prompt, and what came of an answer.
    #[must_use]
    pub fn lost(&self, prompt: u64, received: u64, output: u32) -> Spent {
        let received = if received == 0 { output } else { u32::try_from(received).unwrap_or(u32::MAX).min(output) };
        self.at_most(prompt, received)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::town::ids::RunId;
    use crate::town::transcript::{Entry, ToolCall};

    fn purse(cap: u64) -> Purse {
        let rate = Rate { input: Usd(1_000_000), output: Usd(10_000_000), ..Rate::default() };
        Purse::new(vec![("openai/m".into(), rate), ("openai/free".into(), Rate::default())], Usd(cap))
    }

    fn spent(cost_micros: u64) -> Transcript {
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.push(Entry::Reply(Reply { cost_micros, ..Reply::default() })).unwrap();
        transcript
    }

    // covers: budgets#nothing-is-asked-that-could-cross-a-cap/one-unit-too-much
    #[test]
    fn a_question_fits_shrinks_or_is_not_put() {
        // 5,000 for the prompt and 10 for each token of the reply.
        assert_eq!(purse(100_000).allows(&spent(0), 5_000, 8_000), Ok(8_000));
        assert_eq!(purse(100_000).allows(&spent(45_000), 5_000, 8_000), Ok(5_000));
        assert_eq!(purse(100_000).allows(&spent(85_000), 5_000, 8_000), Ok(1_000));
        assert_eq!(purse(100_000).allows(&spent(85_001), 5_000, 8_000), Err(Which::Money));
        assert_eq!(purse(100_000).allows(&spent(200_000), 5_000, 8_000), Err(Which::Money));
        let free = Purse::new(vec![("openai/free".into(), Rate::default())], Usd(0));
        assert_eq!(free.allows(&spent(0), 5_000, 8_000), Ok(8_000));
        assert_eq!(free.cap_micros(), u64::MAX);
    }

    #[test]
    fn tokens_have_a_cap_of_their_own() {
        let free = Purse::new(vec![("openai/free".into(), Rate::default())], Usd(0)).of_tokens(Some(20_000));
        let used = |input| {
            let mut transcript = spent(0);
            let usage = Usage { input, ..Usage::NONE };
            transcript.push(Entry::Reply(Reply { usage, ..Reply::default() })).unwrap();
            transcript
        };
        assert_eq!(free.allows(&used(0), 5_000, 8_000), Ok(8_000));
        assert_eq!(free.nears_its_end(&used(0), 5_000, 5_000), None);
        assert_eq!(free.nears_its_end(&used(1), 5_000, 5_000), Some(Which::Tokens));
        assert_eq!(free.allows(&used(10_000), 5_000, 8_000), Ok(5_000));
        assert_eq!(free.allows(&used(14_000), 5_000, 8_000), Ok(1_000));
        assert_eq!(free.allows(&used(14_001), 5_000, 8_000), Err(Which::Tokens));
        assert_eq!(free.allows(&used(u64::MAX), u64::MAX, 8_000), Err(Which::Tokens));
        assert_eq!(purse(10).of_tokens(Some(20_000)).allows(&used(0), 5_000, 8_000), Err(Which::Money));
    }

    #[test]
    fn a_reply_is_charged_by_its_model_and_at_the_most_where_nothing_is_said() {
        let usage = Usage { input: 100, output: 10, ..Usage::NONE };
        let mut reply = Reply { model: Some("openai/m".into()), usage, ..Reply::default() };
        purse(0).charge(&mut reply, 5_000, 8_000);
        assert_eq!((reply.cost_micros, reply.unmetered), (200, false));
        let mut silent = Reply { model: Some("openai/m".into()), ..Reply::default() };
        purse(0).charge(&mut silent, 5_000, 8_000);
        assert_eq!((silent.cost_micros, silent.unmetered), (85_000, true));
        let call = ToolCall { id: "1".into(), name: "Read".into(), arguments: Value::Null };
        let calls = Reply { calls: vec![call], usage: Usage { output: 0, ..usage }, ..Reply::default() };
        let mut calls = Reply { model: Some("openai/m".into()), ..calls };
        purse(0).charge(&mut calls, 5_000, 8_000);
        assert!(calls.unmetered, "a call has tokens too");
        let mut transcript = spent(0);
        transcript.lose(purse(0).lost(5_000, 20, 8_000));
        assert_eq!((transcript.cost_micros(), transcript.is_unmetered()), (5_200, true));
    }
}
