//! One question of a turn: whether it may be put, what it costs, and what follows where there is no reply.
//! Lives here: between the turn machine's `Ask` and a reply. Never here: what comes next (see [`crate::town::turn`]), how a
//! provider is asked (see the room `brain`).

use super::checkpoint::{Keeper, ToHome};
use super::stand::Stand;
use super::turn::{Turn, Turned, full};
use super::{Progress, RunError, brief, publish};
use crate::brain::{self, BrainError};
use crate::town::event::FailureKind;
use crate::town::text;
use crate::town::transcript::{Entry, Reply, Spent, ToolSpec, Transcript, Why};
use crate::town::turn::{Budget, Halt, Which, wrap_up};

/// Tokens that one reply may have.
const MAX_OUTPUT: u32 = 8_000;

/// The part of what a run may spend that is not known where its machine is gone: one in so many.
const UNTOLD: u64 = 10;

/// Tokens that one reply of a model may have that holds so many: a fifth of a small one.
pub(super) fn max_output(window: Option<u32>) -> u32 {
    window.map_or(MAX_OUTPUT, |window| MAX_OUTPUT.min(window / 5))
}

impl Turn<'_> {
    /// Puts the next question where money, tokens and model allow it, and writes the reply down. A turn that ends with it is
    /// given back.
    ///
    /// # Errors
    /// [`RunError`] when a template does not render, or when what it can cost cannot be written down before.
    pub(super) async fn ask(
        &mut self,
        stand: &Stand,
        transcript: &mut Transcript,
        keeper: &mut Keeper<'_>,
    ) -> Result<Option<Turned>, RunError> {
        let budget = self.budget();
        let wanted = max_output(self.window);
        let Some(request) = question(transcript, self.toolbox.specs(), wanted, &budget) else {
            return Ok(Some(self.stopped(transcript, &Halt::NotBriefed)));
        };
        let prompt = request.prompt_upper();
        let output = match self.purse.allows(transcript, prompt, wanted) {
            Ok(output) => output,
            Err(which) => return Ok(Some(self.stopped(transcript, &Halt::Budget(which)))),
        };
        let told = transcript.entries.iter().any(|entry| matches!(entry, Entry::Note { why: Why::WrapUp, .. }));
        let short = self.purse.nears_its_end(transcript, prompt, output).filter(|_| !told && transcript.turns() > 0);
        if let Some(which) = short {
            let note = Entry::Note { text: wrap_up(transcript, &budget, which), why: Why::WrapUp };
            return Ok(self.written(transcript, note));
        }
        if !self.purse.is_free() {
            transcript.asked = self.purse.at_most(prompt, output);
            let much = keeper.untold_micros(transcript) > self.may_spend.0 / UNTOLD;
            let send = if much { ToHome::Now } else { ToHome::InTurn };
            keeper.keep(stand, self.tree()?, transcript, budget.now, send)?;
        }
        let Some(request) = question(transcript, self.toolbox.specs(), output, &budget) else {
            return Ok(Some(self.stopped(transcript, &Halt::NotBriefed)));
        };
        self.hands.edge.tell(&Progress::Asking { turn: transcript.turns() + 1 });
        let answered = self.brain.reply(&request).await;
        transcript.asked = Spent::NONE;
        match answered {
            Ok(mut reply) => {
                self.broken_off = false;
                self.purse.charge(&mut reply, prompt, output);
                Ok(self.replied(transcript, reply))
            }
            Err(error) => {
                if error.is_charged() {
                    let received = if let BrainError::Truncated { received, .. } = &error { *received } else { 0 };
                    transcript.lose(self.purse.lost(prompt, received, output));
                }
                self.without_reply(transcript, &error)
            }
        }
    }

    /// A reply for which there is no room was paid for all the same.
    fn replied(&self, transcript: &mut Transcript, reply: Reply) -> Option<Turned> {
        let paid = Spent::one(reply.usage, reply.cost_micros);
        let ended = self.written(transcript, Entry::Reply(reply));
        if ended.is_some() {
            transcript.lose(paid);
        }
        // Of what is in the transcript, and so of what is masked.
        if let (None, Some(Entry::Reply(reply))) = (&ended, transcript.entries.last()) {
            let calls: Vec<&str> = reply.calls.iter().map(|call| call.name.as_str()).collect();
            let says = if reply.text.trim().is_empty() { calls.join(", ") } else { reply.text.clone() };
            self.hands.edge.tell(&Progress::Thinking { turn: transcript.turns(), says: text::one_line(&says, 100) });
        }
        ended
    }

    fn written(&self, transcript: &mut Transcript, entry: Entry) -> Option<Turned> {
        let full_now = self.push(transcript, entry).is_err();
        full_now.then(|| self.stopped(transcript, &full()))
    }

    /// What follows where there is no reply: once more where that can help, a soft landing where there is work, else the
    /// run has failed.
    fn without_reply(&mut self, transcript: &mut Transcript, error: &BrainError) -> Result<Option<Turned>, RunError> {
        match error {
            BrainError::Truncated { .. } if !std::mem::replace(&mut self.broken_off, true) => return Ok(None),
            BrainError::TooLong { .. } if transcript.entries.len() == 1 => {
                if let Some((told, prompts, tokens)) = self.told.take() {
                    let packed = brief::pack(&told, tokens / 2, &prompts);
                    let Ok(packed) = packed else { return Ok(Some(self.failed(error))) };
                    self.hands
                        .edge
                        .tell(&Progress::Briefed { tokens: packed.estimated, left_out: packed.left_out.clone() });
                    transcript.entries.clear();
                    return Ok(self.written(transcript, packed.into()));
                }
            }
            BrainError::TooLong { .. } | BrainError::Exhausted { .. } | BrainError::Command { late: true, .. }
                if !self.workspace.changed().is_empty() =>
            {
                return Ok(Some(self.landed(transcript, publish::chain(error))));
            }
            _ => {}
        }
        Ok(Some(self.failed(error)))
    }

    fn failed(&self, error: &BrainError) -> Turned {
        let reason = crate::town::secrets::mask(&publish::chain(error), &self.hands.edge.secrets);
        Turned::Failed { kind: error.kind(), reason }
    }
}

/// The question that a transcript asks; nothing where it does not begin with a briefing.
fn question<'a>(
    transcript: &'a Transcript,
    tools: &'a [ToolSpec],
    max_output: u32,
    budget: &Budget,
) -> Option<brain::Request<'a>> {
    let Some(Entry::Briefing { system, .. }) = transcript.entries.first() else { return None };
    let messages = brain::messages(transcript);
    Some(brain::Request { system, messages, tools, max_output, now: budget.now, deadline: budget.deadline })
}

/// The kind of failure that the end of a turn is where nothing was done.
pub(super) const fn kind_of(halt: &Halt) -> FailureKind {
    match halt {
        Halt::Budget(Which::Money) => FailureKind::Money,
        Halt::Budget(Which::Tokens) => FailureKind::Tokens,
        Halt::Budget(Which::Context) => FailureKind::ContextTooLong,
        Halt::InvalidCalls => FailureKind::InvalidCalls,
        Halt::EmptyReply => FailureKind::EmptyReply,
        Halt::CutOff => FailureKind::Length,
        Halt::Refused => FailureKind::Refused,
        Halt::Budget(_) | Halt::LoopingCall(_) | Halt::TooManyCalls(_) | Halt::NoFinish | Halt::NotBriefed => {
            FailureKind::NoResult
        }
    }
}
