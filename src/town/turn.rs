//! The turn machine: what a run does next is a function of what it did so far.
//!
//! Lives here: [`next`], pure and total over any transcript, so that a killed run goes on where it stopped, and the
//! budgets. Never here: the driver that asks, calls and writes down (see the room `run`), the clock.
//! The driver's whole duty: act on the step, push what came of it, ask again. A step that was acted on but not written
//! down is simply given again.

use std::fmt;

use chrono::{DateTime, Utc};

use super::board;
use super::prices::Usd;
use super::transcript::{CallResult, Entry, Reply, StopReason, ToolCall, Transcript, Why};

mod finish;
pub mod replay;
mod said;

pub use finish::{ASK_HUMAN, FINISH, Finish, NOTHING_TO_DO, PROGRESS};
pub use said::{AGENT, Said};

/// Calls that one reply may hold. More is a brain that lost its way, and would cost more than it can bring.
pub const MAX_CALLS: usize = 64;
/// How often in a row a brain is told that a call was wrong in itself before the run ends.
pub const MAX_INVALID: usize = 2;
/// The share of a budget, in percent, at which the agent is told to wrap up.
pub const WRAP_UP_PERCENT: u64 = 85;

/// What a run may use, and the moment that it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Replies in all.
    pub max_turns: u32,
    /// When the run, or its first attempt, began.
    pub started: DateTime<Utc>,
    /// When it has to be over.
    pub deadline: DateTime<Utc>,
    /// The moment that it is now.
    pub now: DateTime<Utc>,
    /// Tokens that the conversation may hold: the model's window less the room for one reply.
    pub context_tokens: u64,
    /// Bytes that the transcript may hold.
    pub output_bytes: u64,
    /// What the replies may cost in all, in millionths of a US dollar; the largest number where nothing costs anything.
    pub cost_micros: u64,
    /// Tokens that all questions and replies may have together; the largest number where nobody set a cap.
    pub tokens: u64,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask the brain, and push its reply.
    Ask,
    /// Run this call, and push its result.
    Call(ToolCall),
    /// Push this as the call's result without running anything: the call is wrong, and why.
    Refuse(ToolCall, String),
    /// Push this note: the brain has to be told something before it is asked again.
    Note(String, Why),
    /// The agent is done; the work goes to the gate. When the gate refuses, push a note with [`Why::Gate`] and go on.
    Finish(Finish),
    /// The agent found nothing to do, and why.
    Nothing(String),
    /// The agent asks people this question by this call, and ends with it. Where nobody would see it, push that as the call's
    /// result.
    Question(ToolCall, String),
    /// It goes no further. What is there goes to the gate, labelled partial.
    Stop(Halt),
}

/// Why a run goes no further without the agent having finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A budget is used up.
    Budget(Which),
    /// The same call failed twice and nothing changed in between.
    LoopingCall(String),
    /// Too many calls in a row were wrong in themselves.
    InvalidCalls,
    /// One reply held more calls than [`MAX_CALLS`].
    TooManyCalls(usize),
    /// The brain said nothing, twice.
    EmptyReply,
    /// The brain's replies were cut off at the largest length, twice, before they came to anything.
    CutOff,
    /// The brain talked, and neither called a tool nor finished, twice.
    NoFinish,
    /// The brain, or its provider's filter, refused.
    Refused,
    /// There is no briefing at the start, so there is nothing to go on from.
    NotBriefed,
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Replies.
    Turns,
    /// Time.
    Time,
    /// What the model can hold.
    Context,
    /// What the transcript can hold.
    Output,
    /// Money.
    Money,
    /// Tokens of all questions and replies together.
    Tokens,
}

impl Which {
    const ALL: [Self; 6] = [Self::Turns, Self::Time, Self::Context, Self::Output, Self::Money, Self::Tokens];
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Turns => "turns",
            Self::Time => "time",
            Self::Context => "context",
            Self::Output => "output",
            Self::Money => "money",
            Self::Tokens => "tokens",
        })
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget(which @ (Which::Money | Which::Tokens)) => {
                let limit = if *which == Which::Money { "limits.usd_per_run" } else { "limits.tokens_per_run" };
                write!(f, "the budget of {which} is used up, or too small for the next question; see {limit}")
            }
            Self::Budget(which) => write!(f, "the budget of {which} is used up"),
            Self::LoopingCall(tool) => write!(f, "the same call of {tool} failed twice"),
            Self::InvalidCalls => write!(f, "more than {MAX_INVALID} calls in a row were invalid"),
            Self::TooManyCalls(count) => write!(f, "one reply held {count} calls; {MAX_CALLS} are allowed"),
            Self::EmptyReply => f.write_str("the brain said nothing, twice"),
            Self::CutOff => f.write_str("the brain's replies were cut off because they were too long, twice"),
            Self::NoFinish => f.write_str("the brain ended without Finish or NothingToDo, twice"),
            Self::Refused => f.write_str("the brain refused to go on"),
            Self::NotBriefed => f.write_str("the transcript has no briefing"),
        }
    }
}

impl Budget {
    /// How much of a budget is used and how much there is, in its own unit.
    #[must_use]
    pub fn used(&self, transcript: &Transcript, which: Which) -> (u64, u64) {
        let seconds = |span: chrono::TimeDelta| u64::try_from(span.num_seconds()).unwrap_or(0);
        match which {
            Which::Turns => (transcript.turns().into(), self.max_turns.into()),
            Which::Time => (seconds(self.now - self.started), seconds(self.deadline - self.started)),
            Which::Context => (transcript.context_tokens(), self.context_tokens),
            Which::Output => (transcript.bytes(), self.output_bytes),
            Which::Money => (transcript.cost_micros(), self.cost_micros),
            Which::Tokens => (transcript.usage().context(), self.tokens),
        }
    }

    /// The first budget that is used up.
    #[must_use]
    pub fn exhausted(&self, transcript: &Transcript) -> Option<Which> {
        Which::ALL.into_iter().find(|&which| {
            let (used, all) = self.used(transcript, which);
            used >= all
        })
    }

    /// The first budget that nears its end: 85 % are used, or only one turn is left.
    #[must_use]
    pub fn short_of(&self, transcript: &Transcript) -> Option<Which> {
        Which::ALL.into_iter().find(|&which| {
            let (used, all) = self.used(transcript, which);
            let last_turn = which == Which::Turns && used > 0 && used.saturating_add(1) >= all;
            last_turn || u128::from(used) * 100 >= u128::from(all) * u128::from(WRAP_UP_PERCENT)
        })
    }
}

/// What the run does next. Pure and total: the same transcript and budget give the same step, and every transcript gives
/// one.
#[must_use]
pub fn next(transcript: &Transcript, budget: &Budget) -> Step {
    if !matches!(transcript.entries.first(), Some(Entry::Briefing { .. })) {
        return Step::Stop(Halt::NotBriefed);
    }
    match Turn::last(&transcript.entries) {
        Some(turn) => turn.step(transcript, budget).unwrap_or_else(|| ask(transcript, budget)),
        None => ask(transcript, budget),
    }
}

fn ask(transcript: &Transcript, budget: &Budget) -> Step {
    if let Some(which) = budget.exhausted(transcript) {
        return Step::Stop(Halt::Budget(which));
    }
    let told = transcript.entries.iter().any(|entry| matches!(entry, Entry::Note { why: Why::WrapUp, .. }));
    if let (false, Some(which)) = (told, budget.short_of(transcript)) {
        return Step::Note(wrap_up(transcript, budget, which), Why::WrapUp);
    }
    Step::Ask
}

/// What the brain is told where a budget nears its end.
#[must_use]
pub fn wrap_up(transcript: &Transcript, budget: &Budget, which: Which) -> String {
    let (used, all) = budget.used(transcript, which);
    let (used, all) = match which {
        Which::Money => (format!("{} US dollars", Usd(used)), Usd(all).to_string()),
        _ => (used.to_string(), all.to_string()),
    };
    format!(
        "The budget of {which} is nearly used up ({used} of {all}). Wrap up now: leave your files whole, then call \
         {FINISH} with what is done, or {NOTHING_TO_DO}."
    )
}

/// The last reply with what came after it.
struct Turn<'a> {
    before: &'a [Entry],
    reply: &'a Reply,
    after: &'a [Entry],
}

impl<'a> Turn<'a> {
    fn last(entries: &'a [Entry]) -> Option<Self> {
        let at = entries.iter().rposition(|entry| matches!(entry, Entry::Reply(_)))?;
        let Entry::Reply(reply) = &entries[at] else { return None };
        Some(Self { before: &entries[..at], reply, after: &entries[at + 1..] })
    }

    /// What follows from the reply; nothing when everything in it is dealt with.
    fn step(&self, transcript: &Transcript, budget: &Budget) -> Option<Step> {
        // A note closes the reply: whatever it still asked for is settled by what the note says.
        if self.after.iter().any(|entry| matches!(entry, Entry::Note { .. })) {
            return None;
        }
        let reply = self.reply;
        if reply.stop == StopReason::Refusal {
            return Some(Step::Stop(Halt::Refused));
        }
        if reply.calls.len() > MAX_CALLS {
            return Some(Step::Stop(Halt::TooManyCalls(reply.calls.len())));
        }
        if reply.calls.is_empty() {
            return Some(self.without_calls());
        }
        let answers = answers(&reply.calls, self.after);
        self.stuck(&transcript.entries).or_else(|| {
            let open = answers.iter().position(Option::is_none)?;
            let failed = answers.iter().flatten().any(|result| !result.ok);
            Some(step_of(&reply.calls[open], failed, transcript, budget))
        })
    }

    /// A reply without calls ends nothing: the brain is told so once, and the second in a row ends the run.
    fn without_calls(&self) -> Step {
        let empty = self.reply.text.trim().is_empty();
        let again = matches!(
            self.before.iter().rev().find(|entry| !matches!(entry, Entry::Note { .. })),
            Some(Entry::Reply(reply)) if reply.calls.is_empty()
        );
        match (empty, again, self.reply.stop) {
            (_, true, StopReason::Length) => Step::Stop(Halt::CutOff),
            (_, false, StopReason::Length) => {
                let text = "Your reply was cut off because it was too long. Go on in smaller steps.".to_owned();
                Step::Note(text, Why::NoFinish)
            }
            (true, true, _) => Step::Stop(Halt::EmptyReply),
            (false, true, _) => Step::Stop(Halt::NoFinish),
            (true, false, _) => {
                let text = format!("Your reply was empty. Call a tool, {FINISH} or {NOTHING_TO_DO}.");
                Step::Note(text, Why::Empty)
            }
            (false, false, _) => {
                let text = format!(
                    "Text alone changes nothing. Call the tools you need; when you are done call {FINISH}, and when \
                     there is nothing worth proposing call {NOTHING_TO_DO} with the reason."
                );
                Step::Note(text, Why::NoFinish)
            }
        }
    }

    /// Whether the last result shows that the brain runs in circles.
    fn stuck(&self, entries: &[Entry]) -> Option<Step> {
        let Some(Entry::Result(last)) = self.after.last() else { return None };
        if last.ok {
            return None;
        }
        let mut invalid = 0;
        for entry in entries.iter().rev() {
            match entry {
                Entry::Result(result) if result.invalid => invalid += 1,
                Entry::Result(_) => break,
                _ => {}
            }
        }
        if invalid > MAX_INVALID {
            return Some(Step::Stop(Halt::InvalidCalls));
        }
        // Wrong in itself is counted above; a test that fails again after an edit is progress, not a circle.
        let mut earlier = entries[..entries.len() - 1].iter().rev().filter_map(|entry| match entry {
            Entry::Result(result) => Some(result),
            _ => None,
        });
        let twin = earlier
            .by_ref()
            .take_while(|result| !(result.ok && result.changed))
            .any(|result| !result.ok && same_call(result, last));
        (twin && !last.invalid).then(|| Step::Stop(Halt::LoopingCall(last.tool.clone())))
    }
}

fn same_call(one: &CallResult, other: &CallResult) -> bool {
    one.tool == other.tool && one.record.argv_hash == other.record.argv_hash
}

/// What is to be done for the first call that nothing answered yet.
fn step_of(call: &ToolCall, failed_before: bool, transcript: &Transcript, budget: &Budget) -> Step {
    let ends = [FINISH, NOTHING_TO_DO, ASK_HUMAN].contains(&call.name.as_str());
    if ends && failed_before {
        let text = "Not taken: a call before it in the same reply failed. Look at its result first.".to_owned();
        return Step::Refuse(call.clone(), text);
    }
    if call.name == FINISH {
        return match Finish::from_arguments(&call.arguments) {
            Ok(finish) => Step::Finish(finish),
            Err(why) => Step::Refuse(call.clone(), why),
        };
    }
    if call.name == NOTHING_TO_DO {
        return match finish::reason(&call.arguments) {
            Ok(reason) => Step::Nothing(reason),
            Err(why) => Step::Refuse(call.clone(), why),
        };
    }
    if call.name == ASK_HUMAN {
        return match finish::question(&call.arguments) {
            Ok(question) => Step::Question(call.clone(), question),
            Err(why) => Step::Refuse(call.clone(), why),
        };
    }
    if let Some(why) = board::too_much(call, transcript) {
        return Step::Refuse(call.clone(), why);
    }
    // The turn is paid for, so its calls still run when turns or context are used up; time and room are not given twice.
    let out = |which| {
        let (used, all) = budget.used(transcript, which);
        used >= all
    };
    match [Which::Time, Which::Output].into_iter().find(|&which| out(which)) {
        Some(which) => Step::Stop(Halt::Budget(which)),
        None => Step::Call(call.clone()),
    }
}

/// The result of each call, by position. Ids are the brain's and may repeat: the first open call of that id is meant.
#[must_use]
pub fn answers<'a>(calls: &[ToolCall], after: &'a [Entry]) -> Vec<Option<&'a CallResult>> {
    let mut answers = vec![None; calls.len()];
    for entry in after {
        let Entry::Result(result) = entry else { break };
        let open = (0..calls.len()).find(|&at| answers[at].is_none() && calls[at].id == result.call_id);
        if let Some(at) = open {
            answers[at] = Some(result);
        }
    }
    answers
}

#[cfg(test)]
mod tests;
