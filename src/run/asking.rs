//! One question of a turn: whether it may be put, what it costs, and what follows where there is no reply.
//! Lives here: between the turn machine's `Ask` and a reply. Never here: what comes next (see [`crate::town::turn`]), how a
//! provider is asked (see the room `brain`).

use super::turn::{Turn, Turned, full};
use super::{Progress, RunError, brief, publish};
use crate::brain::{self, BrainError};
use crate::town::event::FailureKind;
use crate::town::transcript::{Entry, Transcript, Why};
use crate::town::turn::{Halt, Which, wrap_up};

/// Tokens that one reply may have.
const MAX_OUTPUT: u32 = 8_000;

/// Tokens that one reply of a model may have that holds so many: a fifth of a small one.
pub(super) fn max_output(window: Option<u32>) -> u32 {
    window.map_or(MAX_OUTPUT, |window| MAX_OUTPUT.min(window / 5))
}

impl Turn<'_> {
    /// Puts the next question where money and model allow it, and writes the reply down. A turn that ends with it is given
    /// back.
    ///
    /// # Errors
    /// [`RunError`] when a template does not render.
    pub(super) async fn ask(&mut self, transcript: &mut Transcript) -> Result<Option<Turned>, RunError> {
        let Some(Entry::Briefing { system, .. }) = transcript.entries.first() else {
            return Ok(Some(self.stopped(transcript, &Halt::NotBriefed)));
        };
        let budget = self.budget();
        let mut request = brain::Request {
            system,
            messages: brain::messages(transcript),
            tools: self.toolbox.specs(),
            max_output: max_output(self.window),
            now: budget.now,
            deadline: budget.deadline,
        };
        let prompt = request.prompt_upper();
        let Some(output) = self.purse.allows(transcript, prompt, request.max_output) else {
            return Ok(Some(self.stopped(transcript, &Halt::Budget(Which::Money))));
        };
        let told = transcript.entries.iter().any(|entry| matches!(entry, Entry::Note { why: Why::WrapUp, .. }));
        if !told && transcript.turns() > 0 && self.purse.nears_its_end(transcript, prompt, output) {
            let note = Entry::Note { text: wrap_up(transcript, &budget, Which::Money), why: Why::WrapUp };
            return Ok(self.written(transcript, note));
        }
        request.max_output = output;
        let answered = self.brain.reply(&request).await;
        drop(request);
        match answered {
            Ok(mut reply) => {
                self.broken_off = false;
                self.purse.charge(&mut reply, prompt, output);
                self.tell_reply(transcript, &reply);
                Ok(self.written(transcript, Entry::Reply(reply)))
            }
            Err(error) => {
                if error.is_charged() {
                    let received = if let BrainError::Truncated { received, .. } = &error { *received } else { 0 };
                    self.purse.lose(transcript, prompt, received, output);
                }
                self.without_reply(transcript, &error)
            }
        }
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

/// The kind of failure that the end of a turn is where nothing was done.
pub(super) const fn kind_of(halt: &Halt) -> FailureKind {
    match halt {
        Halt::Budget(Which::Money) => FailureKind::Money,
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
