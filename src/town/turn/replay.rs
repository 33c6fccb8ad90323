//! The machine once more over what is recorded: whether it would still do the same.
//! Lives here: comparing step and entry. Never here: asking a brain, running a tool (their answers are what is recorded).

use super::{Budget, Step, next};
use crate::town::transcript::{Entry, Transcript, Why};

/// Where the machine would do something else than is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Number of the entry, from 1.
    pub entry: usize,
    /// What the machine would do now.
    pub now: Step,
    /// What it did then.
    pub then: Entry,
}

/// Drives the machine with the recorded replies and results, and says what comes after the last one. What hung on the clock,
/// on prices or on limits of the day is taken as it is recorded.
///
/// # Errors
/// The first [`Divergence`].
pub fn replay(recorded: &Transcript) -> Result<Step, Box<Divergence>> {
    let budget = Budget {
        max_turns: u32::MAX,
        started: chrono::DateTime::UNIX_EPOCH,
        deadline: chrono::DateTime::<chrono::Utc>::MAX_UTC,
        now: chrono::DateTime::UNIX_EPOCH,
        context_tokens: u64::MAX,
        output_bytes: u64::MAX,
        cost_micros: u64::MAX,
        tokens: u64::MAX,
    };
    let mut transcript = Transcript { entries: Vec::with_capacity(recorded.entries.len()), ..recorded.clone() };
    for (index, entry) in recorded.entries.iter().enumerate() {
        if index > 0 {
            let now = next(&transcript, &budget);
            if !fits(&now, entry) {
                return Err(Box::new(Divergence { entry: index + 1, now, then: entry.clone() }));
            }
        }
        transcript.entries.push(entry.clone());
    }
    Ok(next(&transcript, &budget))
}

fn fits(step: &Step, entry: &Entry) -> bool {
    match (step, entry) {
        // The agent is told to wrap up before it is asked, and what the gate says after it is done.
        (Step::Ask, Entry::Reply(_) | Entry::Note { why: Why::WrapUp | Why::Resumed, .. })
        | (Step::Finish(_) | Step::Question(..), Entry::Note { why: Why::Gate, .. }) => true,
        // Where nobody would have seen a question, the agent was told so.
        (Step::Call(call) | Step::Question(call, _), Entry::Result(result)) => {
            result.call_id == call.id && result.tool == call.name && result.record.argv_hash == call.hash()
        }
        (Step::Refuse(call, why), Entry::Result(result)) => {
            result.call_id == call.id && result.invalid && result.output == *why
        }
        (Step::Note(text, why), Entry::Note { text: told, why: then }) => text == told && why == then,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::town::ids::RunId;
    use crate::town::transcript::{CallResult, Reply, ToolCall};

    fn call(name: &str, arguments: serde_json::Value) -> ToolCall {
        ToolCall { id: "1".into(), name: name.into(), arguments }
    }

    fn asks(call: &ToolCall) -> Entry {
        Entry::Reply(Reply { calls: vec![call.clone()], ..Reply::default() })
    }

    /// A run that reads, finishes, is sent back by the gate, and finishes again.
    fn recorded() -> Transcript {
        let read = call("Read", serde_json::json!({"file_path": "a"}));
        let finish = call("Finish", serde_json::json!({"title": "Mend the link", "body": "It leads nowhere."}));
        let mut transcript = Transcript::new(RunId::from_parts(0, 1), "madchimp".parse().unwrap());
        transcript.entries = vec![
            Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 1 },
            asks(&read),
            Entry::Result(CallResult::of(&read, true, "text")),
            Entry::Note { text: "three turns left".into(), why: Why::WrapUp },
            asks(&finish),
            Entry::Note { text: "mend it".into(), why: Why::Gate },
            asks(&finish),
        ];
        transcript
    }

    #[test]
    fn what_was_done_is_done_again() {
        assert!(matches!(replay(&recorded()), Ok(Step::Finish(finish)) if finish.title == "Mend the link"));
        let mut begun = recorded();
        begun.entries.truncate(3);
        assert_eq!(replay(&begun), Ok(Step::Ask));
    }

    #[test]
    fn the_first_difference_is_named() {
        let other = call("Read", serde_json::json!({"file_path": "b"}));
        for (at, entry) in [
            (2, Entry::Result(CallResult::of(&other, true, "text"))),
            (2, Entry::Note { text: "go on".into(), why: Why::Empty }),
            (4, Entry::Note { text: "go on".into(), why: Why::NoFinish }),
            (5, asks(&other)),
        ] {
            let mut changed = recorded();
            changed.entries[at] = entry.clone();
            let found = replay(&changed).unwrap_err();
            assert_eq!((found.entry, &found.then), (at + 1, &entry), "{found:?}");
        }
    }
}
