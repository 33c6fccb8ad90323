//! The money of a run: whether the next question fits, and what a reply cost.
//! Lives here: the arithmetic between rates and a cap. Never here: prices (see [`crate::town::prices`]), asking.

use crate::town::prices::{Rate, Usd};
use crate::town::transcript::{Reply, Transcript, Usage};

/// A reply of fewer tokens is of no use.
pub const LEAST_OUTPUT: u32 = 1_000;

/// What a run may still spend.
#[derive(Clone, Debug)]
pub struct Purse {
    rates: Vec<(String, Rate)>,
    cap: Usd,
}

impl Purse {
    /// A purse for the models of these rates.
    #[must_use]
    pub const fn new(rates: Vec<(String, Rate)>, cap: Usd) -> Self {
        Self { rates, cap }
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

    /// How long the next reply may be, so that even the dearest model stays within the cap; nothing where no useful reply
    /// does.
    #[must_use]
    pub fn allows(&self, transcript: &Transcript, prompt: u64, wanted: u32) -> Option<u32> {
        let left = Usd(self.cap.0.saturating_sub(transcript.cost_micros()));
        let mut most = wanted;
        for (_, rate) in self.rates.iter().filter(|(_, rate)| !rate.is_free()) {
            let tokens = rate.affordable(left, prompt)?;
            most = most.min(u32::try_from(tokens).unwrap_or(u32::MAX));
        }
        (most >= LEAST_OUTPUT.min(wanted)).then_some(most)
    }

    /// Whether a question after the next one may not fit any more.
    #[must_use]
    pub fn nears_its_end(&self, transcript: &Transcript, prompt: u64, output: u32) -> bool {
        let worst = self.worst(prompt, output).0.saturating_mul(2);
        !self.is_free() && transcript.cost_micros().saturating_add(worst) > self.cap.0
    }

    /// What a question can cost at the most.
    #[must_use]
    pub fn worst(&self, prompt: u64, output: u32) -> Usd {
        self.rates.iter().map(|(_, rate)| rate.worst(prompt, output.into())).max().unwrap_or_default()
    }

    /// Writes the cost into a reply. Where the provider does not say what was used, the most is charged that it can be.
    pub fn charge(&self, reply: &mut Reply, prompt: u64, output: u32) {
        let Some((_, rate)) = self.rates.iter().find(|(name, _)| reply.model.as_ref() == Some(name)) else { return };
        if reply.usage.context() == 0 || reply.usage.output == 0 && !reply.text.is_empty() {
            reply.unmetered = true;
            reply.usage = Usage { input: prompt, output: output.into(), ..Usage::NONE };
            reply.cost_micros = rate.worst(prompt, output.into()).0;
        } else {
            reply.cost_micros = rate.cost(reply.usage).0;
        }
    }

    /// Notes a question that brought no reply and may have been paid for: its prompt, and what came of an answer.
    pub fn lose(&self, transcript: &mut Transcript, prompt: u64, received: u64, output: u32) {
        let received = if received == 0 { output } else { u32::try_from(received).unwrap_or(u32::MAX).min(output) };
        let lost = &mut transcript.lost;
        lost.questions = lost.questions.saturating_add(1);
        lost.usage = lost.usage.plus(Usage { input: prompt, output: received.into(), ..Usage::NONE });
        lost.cost_micros = lost.cost_micros.saturating_add(self.worst(prompt, received).0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::town::ids::RunId;
    use crate::town::transcript::Entry;

    fn purse(cap: u64) -> Purse {
        let rate = Rate { input: Usd(1_000_000), output: Usd(10_000_000), ..Rate::default() };
        Purse::new(vec![("openai/m".into(), rate), ("openai/free".into(), Rate::default())], Usd(cap))
    }

    fn spent(cost_micros: u64) -> Transcript {
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.push(Entry::Reply(Reply { cost_micros, ..Reply::default() })).unwrap();
        transcript
    }

    #[test]
    fn a_question_fits_shrinks_or_is_not_put() {
        // 5,000 for the prompt and 10 for each token of the reply.
        assert_eq!(purse(100_000).allows(&spent(0), 5_000, 8_000), Some(8_000));
        assert_eq!(purse(100_000).allows(&spent(45_000), 5_000, 8_000), Some(5_000));
        assert_eq!(purse(100_000).allows(&spent(85_000), 5_000, 8_000), Some(1_000));
        assert_eq!(purse(100_000).allows(&spent(85_001), 5_000, 8_000), None);
        assert_eq!(purse(100_000).allows(&spent(200_000), 5_000, 8_000), None);
        let free = Purse::new(vec![("openai/free".into(), Rate::default())], Usd(0));
        assert_eq!(free.allows(&spent(0), 5_000, 8_000), Some(8_000));
        assert_eq!(free.cap_micros(), u64::MAX);
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
        let mut transcript = spent(0);
        purse(0).lose(&mut transcript, 5_000, 20, 8_000);
        assert_eq!((transcript.cost_micros(), transcript.is_unmetered()), (5_200, true));
    }
}
