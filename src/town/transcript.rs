//! The transcript of a run: what was asked, what was answered, what was done.
//!
//! Lives here: the entries, their stable JSON, their bounds, and the hash of a call. The JSON is what checkpoints and
//! `refs/monkeytown/runs/<run>` store: fields may be added with a default, never renamed and never given a new meaning.
//! Never here: what follows from a transcript (see [`super::turn`]), how a model is asked (see the room `brain`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{AgentId, RunId};
use super::limits;
use super::text::truncate_middle;

mod usage;

pub use usage::{Spent, Usage};

/// Everything that was said and done in one run, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub agent: AgentId,
    /// What happened, oldest first.
    pub entries: Vec<Entry>,
    /// What was paid for questions that brought no reply.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub lost: Spent,
    /// What the question can cost that is being asked: where a killed run goes on, nobody can say what came of it.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub asked: Spent,
    /// What a command-line agent used of the town's model by itself.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub relayed: Spent,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// What the agent was told at the start.
    Briefing {
        /// The rules and the persona.
        system: String,
        /// The facts and the task.
        user: String,
        /// What both are estimated to cost.
        tokens_estimated: u64,
    },
    /// What the brain said.
    Reply(Reply),
    /// What came of one tool call.
    Result(CallResult),
    /// What the machinery told the brain in between.
    Note {
        /// What was told.
        text: String,
        /// The occasion.
        why: Why,
    },
}

/// One answer of a brain: text, calls, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What it said.
    #[serde(default)]
    pub text: String,
    /// What it wants done, in order.
    #[serde(default)]
    pub calls: Vec<ToolCall>,
    /// Why it stopped talking.
    #[serde(default)]
    pub stop: StopReason,
    /// What it used.
    #[serde(default)]
    pub usage: Usage,
    /// Which model said it, as `provider/model`, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it cost, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cost_micros: u64,
    /// Whether the provider did not say what it used, so that the most is charged that it can have been.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmetered: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

/// Why a brain stopped talking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It had said what it wanted.
    #[default]
    End,
    /// It waits for its calls.
    Calls,
    /// It was cut off at the largest reply that was allowed.
    Length,
    /// It, or the filter of its provider, will not do this.
    Refusal,
    /// Something that we do not know.
    #[serde(other)]
    Other,
}

/// One call that a brain asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The brain's own name for the call, unique within its reply where the brain is well behaved.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What the tool shall do; a text that is no JSON object stands here as a string and is refused by the tool.
    #[serde(default)]
    pub arguments: Value,
}

impl ToolCall {
    /// The hash of tool and arguments, the same for the same call whatever its id.
    #[must_use]
    pub fn hash(&self) -> String {
        // serde_json keeps object keys sorted, so equal arguments have equal text.
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.name.as_bytes());
        hasher.update(&[0]);
        hasher.update(self.arguments.to_string().as_bytes());
        short(&hasher.finalize())
    }
}

/// The hash of an output, as a call's record keeps it.
#[must_use]
pub fn hash_of(bytes: &[u8]) -> String {
    short(&blake3::hash(bytes))
}

fn short(hash: &blake3::Hash) -> String {
    hash.to_hex().as_str()[..32].to_owned()
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallResult {
    /// The call that this answers.
    pub call_id: String,
    /// The tool that was called.
    pub tool: String,
    /// Whether it did what was asked.
    pub ok: bool,
    /// Whether the call itself was wrong: no such tool, or arguments that do not fit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invalid: bool,
    /// Whether files differ because of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// What the brain sees.
    pub output: String,
    /// Whether the middle of the output was left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What stays on record about the call.
    #[serde(default)]
    pub record: CallRecord,
}

impl CallResult {
    /// The answer to `call`, its output cut to [`limits::TOOL_OUTPUT_BYTES`] in the middle.
    #[must_use]
    pub fn of(call: &ToolCall, ok: bool, output: &str) -> Self {
        let shown = truncate_middle(output, limits::TOOL_OUTPUT_BYTES);
        let truncated = shown.len() != output.len();
        let record =
            CallRecord { argv_hash: call.hash(), out_hash: hash_of(output.as_bytes()), ..CallRecord::default() };
        Self {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            ok,
            invalid: false,
            changed: false,
            output: shown,
            truncated,
            record,
        }
    }

    /// The answer to a call that was wrong in itself.
    #[must_use]
    pub fn refused(call: &ToolCall, why: &str) -> Self {
        Self { invalid: true, ..Self::of(call, false, why) }
    }
}

/// What stays on record about a call, whatever the brain was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallRecord {
    /// Hash of tool and arguments.
    pub argv_hash: String,
    /// Where it ran, relative to the workspace; empty for the root.
    pub cwd: String,
    /// The exit code, where a command ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Hash of the whole output, before anything was left out.
    pub out_hash: String,
}

/// Why the machinery told the brain something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A budget nears its end.
    WrapUp,
    /// The reply held nothing.
    Empty,
    /// The reply held text and no call, so the run would never end.
    NoFinish,
    /// The gate refused the work.
    Gate,
    /// The run goes on after it was interrupted.
    Resumed,
    /// Something that a newer version knows.
    #[serde(other)]
    Other,
}

/// What a tool is called and what it takes: the half of a tool that a brain sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of its arguments: an object.
    pub parameters: Value,
}

/// Why an entry did not go into a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run's transcript would grow beyond {} bytes", limits::RUN_OUTPUT_BYTES)]
pub struct TranscriptFull;

impl Transcript {
    /// A transcript in which nothing happened yet.
    #[must_use]
    pub const fn new(run: RunId, agent: AgentId) -> Self {
        Self { run, agent, entries: Vec::new(), lost: Spent::NONE, asked: Spent::NONE, relayed: Spent::NONE }
    }

    /// Notes what was paid for a question that brought no reply.
    pub fn lose(&mut self, lost: Spent) {
        self.lost = self.lost.plus(lost);
    }

    /// Settles the question that was being asked when the run was interrupted: at the most that it can have cost.
    pub fn settle_asked(&mut self) {
        let asked = std::mem::replace(&mut self.asked, Spent::NONE);
        self.lose(asked);
    }

    /// Puts `entry` at the end.
    ///
    /// # Errors
    /// [`TranscriptFull`] when the entry would make the transcript larger than [`limits::RUN_OUTPUT_BYTES`]; it is then
    /// unchanged.
    pub fn push(&mut self, entry: Entry) -> Result<(), TranscriptFull> {
        if self.bytes().saturating_add(entry.bytes()) > limits::RUN_OUTPUT_BYTES as u64 {
            return Err(TranscriptFull);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// How large the transcript is, in bytes of text.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(Entry::bytes).fold(0, u64::saturating_add)
    }

    /// How many times the brain answered.
    #[must_use]
    pub fn turns(&self) -> u32 {
        let replies = self.entries.iter().filter(|entry| matches!(entry, Entry::Reply(_))).count();
        u32::try_from(replies).unwrap_or(u32::MAX)
    }

    /// How many questions there were, with those that brought no reply.
    #[must_use]
    pub fn questions(&self) -> u32 {
        self.turns().saturating_add(self.without_reply().questions)
    }

    /// What all questions used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let other = self.without_reply().usage.plus(self.relayed.usage);
        self.replies().fold(other, |sum, reply| sum.plus(reply.usage))
    }

    /// What all questions cost, in millionths of a US dollar.
    #[must_use]
    pub fn cost_micros(&self) -> u64 {
        let other = self.without_reply().cost_micros.saturating_add(self.relayed.cost_micros);
        self.replies().fold(other, |sum, reply| sum.saturating_add(reply.cost_micros))
    }

    /// Whether a part of the cost is only known as the most that it can be.
    #[must_use]
    pub fn is_unmetered(&self) -> bool {
        let known = self.without_reply().is_nothing() && !self.relayed.unmetered;
        !known || self.replies().any(|reply| reply.unmetered)
    }

    const fn without_reply(&self) -> Spent {
        self.lost.plus(self.asked)
    }

    fn replies(&self) -> impl Iterator<Item = &Reply> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Reply(reply) => Some(reply),
            _ => None,
        })
    }

    /// Tokens that the conversation holds now: what the brain last reported, and an estimate of what came after it.
    #[must_use]
    pub fn context_tokens(&self) -> u64 {
        let mut after = 0_u64;
        for entry in self.entries.iter().rev() {
            match entry {
                Entry::Reply(reply) if reply.usage.context() > 0 => return reply.usage.context().saturating_add(after),
                Entry::Briefing { tokens_estimated, .. } => after = after.saturating_add(*tokens_estimated),
                other => after = after.saturating_add(other.bytes().div_ceil(BYTES_PER_TOKEN)),
            }
        }
        after
    }
}

/// Bytes of UTF-8 that count as one token where no tokenizer is at hand. On the safe side: English prose and code come
/// to about four, other scripts to about three.
pub const BYTES_PER_TOKEN: u64 = 3;

/// An estimate of the tokens in `text`: its bytes over [`BYTES_PER_TOKEN`], rounded up.
#[must_use]
pub const fn estimate(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

impl Entry {
    /// How large the entry is, in bytes of text.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Briefing { system, user, .. } => system.len() + user.len(),
            Self::Reply(reply) => reply.text.len() + reply.calls.iter().map(call_bytes).sum::<usize>(),
            Self::Result(result) => result.output.len() + result.call_id.len() + result.tool.len(),
            Self::Note { text, .. } => text.len(),
        };
        bytes as u64
    }
}

fn call_bytes(call: &ToolCall) -> usize {
    call.id.len() + call.name.len() + value_bytes(&call.arguments)
}

/// The size of a value without writing it out, so that asking for it often costs nothing.
fn value_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| value_bytes(item) + 1).sum::<usize>(),
        Value::Object(fields) => 2 + fields.iter().map(|(key, item)| key.len() + 4 + value_bytes(item)).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transcript() -> Transcript {
        let run = RunId::from_parts(1_795_232_628_000, 7);
        Transcript::new(run, "chaostester".parse().unwrap())
    }

    #[test]
    fn the_stored_form_stays_readable() {
        let mut one = transcript();
        let call = ToolCall { id: "c1".into(), name: "Read".into(), arguments: json!({"path": "a"}) };
        let usage = Usage { input: 10, output: 2, ..Usage::default() };
        let reply =
            Reply { text: "hm".into(), calls: vec![call.clone()], stop: StopReason::Calls, usage, ..Reply::default() };
        one.push(Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 2 }).unwrap();
        one.push(Entry::Reply(reply)).unwrap();
        one.push(Entry::Result(CallResult::of(&call, true, "     1\tx"))).unwrap();
        one.push(Entry::Note { text: "wrap up".into(), why: Why::WrapUp }).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&one).unwrap());
        let again: Transcript = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(again, one);
    }

    #[test]
    fn a_newer_stop_reason_or_note_is_read_as_other() {
        let reply: Reply = serde_json::from_value(json!({"stop": "paused_by_moon"})).unwrap();
        assert_eq!(reply.stop, StopReason::Other);
        let note: Entry = serde_json::from_value(json!({"entry": "note", "text": "x", "why": "comet"})).unwrap();
        assert!(matches!(note, Entry::Note { why: Why::Other, .. }));
    }

    #[test]
    fn a_full_transcript_takes_nothing_more_and_stays_as_it_was() {
        let mut one = transcript();
        let half = "x".repeat(limits::RUN_OUTPUT_BYTES / 2 + 1);
        one.push(Entry::Note { text: half.clone(), why: Why::Gate }).unwrap();
        assert_eq!(one.push(Entry::Note { text: half, why: Why::Gate }), Err(TranscriptFull));
        assert_eq!(one.entries.len(), 1);
        one.push(Entry::Note { text: "small".into(), why: Why::Gate }).unwrap();
    }

    #[test]
    fn the_same_call_has_the_same_hash_whatever_its_id_and_key_order() {
        let call = |id: &str, text: &str| ToolCall {
            id: id.into(),
            name: "Edit".into(),
            arguments: serde_json::from_str(text).unwrap(),
        };
        let one = call("a", r#"{"path":"x","old":"y"}"#).hash();
        assert_eq!(one, call("b", r#"{"old":"y","path":"x"}"#).hash());
        assert_ne!(one, call("a", r#"{"path":"x","old":"z"}"#).hash());
    }

    #[test]
    fn context_is_what_was_reported_plus_an_estimate_of_the_rest() {
        let mut one = transcript();
        one.push(Entry::Briefing { system: "s".into(), user: "u".into(), tokens_estimated: 50 }).unwrap();
        assert_eq!(one.context_tokens(), 50);
        let usage = Usage { input: 100, cached: 20, output: 5, ..Usage::default() };
        one.push(Entry::Reply(Reply { usage, ..Reply::default() })).unwrap();
        one.push(Entry::Note { text: "123456".into(), why: Why::Gate }).unwrap();
        assert_eq!(one.context_tokens(), 127);
    }

    // covers: tools#outputs-are-bounded-and-marked-as-data
    #[test]
    fn a_long_output_is_cut_and_its_hash_is_of_the_whole() {
        let call = ToolCall { id: "c".into(), name: "Grep".into(), arguments: json!({}) };
        let whole = "é".repeat(limits::TOOL_OUTPUT_BYTES);
        let result = CallResult::of(&call, true, &whole);
        assert!(result.truncated && result.output.len() <= limits::TOOL_OUTPUT_BYTES);
        assert_eq!(result.record.out_hash, hash_of(whole.as_bytes()));
        assert!(!CallResult::of(&call, true, "short").truncated);
    }
}
