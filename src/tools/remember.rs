//! `Remember`: one more entry in the agent's own memory.
//! Lives here: the tool, and reading the memory for `Recall` too. Never here: what an entry must be (see
//! [`crate::town::memory`]); the file is one of the agent's files, and the gate judges it as such.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::town::limits::{MEMORY_CHARS, MEMORY_ENTRIES, TOWN_FILE_BYTES};
use crate::town::memory::{Entry, Kind, Memory};
use crate::town::text::one_line;

/// The importance of an entry that says nothing about it.
const IMPORTANCE: i64 = 5;

pub(super) struct Remember {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    text: String,
    kind: Kind,
    #[serde(default)]
    based_on: Vec<String>,
    #[serde(default = "usual")]
    importance: i64,
}

const fn usual() -> i64 {
    IMPORTANCE
}

impl Remember {
    pub(super) fn new() -> Self {
        let fields = json!({
            "text": {
                "type": "string",
                "maxLength": MEMORY_CHARS,
                "description": "What shall be remembered, in a sentence or two that can be understood alone.",
            },
            "kind": {"type": "string", "enum": ["fact", "lesson", "decision", "question"], "description": "What it is."},
            "based_on": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Ids of the events or commits that it rests on.",
            },
            "importance": {
                "type": "integer",
                "minimum": 1,
                "maximum": 10,
                "description": "From 1 (may be forgotten) to 10 (must not be); 5 when left out.",
            },
        });
        let text = "Keeps a fact, lesson, decision or question for your later runs. It goes to your memory file, and people \
                    review it with your pull request. The same text again replaces its entry.";
        Self { spec: spec("Remember", text, fields, &["text", "kind"]) }
    }
}

#[async_trait]
impl Tool for Remember {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let asked: Arguments = arguments(&self.spec, value)?;
        let path = context.agent.memory_path();
        context.may_write(&path)?;
        let mut memory = memory(context)?;
        let entry = entry(asked, context)?;
        if memory.entries().iter().any(|known| *known == Entry { at: known.at, ..entry.clone() }) {
            return Ok(ToolOutput::seen("You remember this already."));
        }
        let id = entry.id.clone();
        let dropped = match memory.remember(entry) {
            Ok(dropped) => dropped,
            Err(error) => return tell(format!("Not remembered: {error}.")),
        };
        let full = format!("your memory is full ({MEMORY_ENTRIES} entries)");
        let forgotten = match dropped {
            Some(dropped) if dropped.id == id => {
                return tell(format!("Not remembered: {full}, and everything in it is more important than this."));
            }
            Some(dropped) => {
                let text = one_line(&dropped.text, 100);
                format!(" Because {full}, the oldest of the least important was forgotten: {text:?}.")
            }
            None => String::new(),
        };
        let file = memory.render();
        if file.len() > TOWN_FILE_BYTES {
            return tell(format!(
                "Not remembered: your memory would have {} bytes; the limit is {TOWN_FILE_BYTES}.",
                file.len()
            ));
        }
        context.put(&path, &file)?;
        let count = memory.entries().len();
        Ok(ToolOutput::changed(format!(
            "Remembered, as one of {count} of at most {MEMORY_ENTRIES} entries.{forgotten} It reaches your later runs with \
             your pull request, so end this one with Finish."
        )))
    }
}

/// The entry that is asked for, or what is wrong with it.
fn entry(asked: Arguments, context: &Context<'_>) -> Result<Entry, ToolError> {
    let text = asked.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let importance = asked.importance;
    let (id, at) = (Entry::id_of(&text), context.now);
    let fitting = u8::try_from(importance.clamp(1, 10)).unwrap_or(1);
    let entry = Entry { id, at, kind: asked.kind, importance: fitting, text, based_on: asked.based_on };
    let mut problems = entry.problems();
    if importance != i64::from(fitting) {
        problems.push(format!("the importance is {importance}; it goes from 1 to 10"));
    }
    if problems.is_empty() { Ok(entry) } else { tell(format!("Not remembered: {}.", problems.join("; "))) }
}

/// What the agent remembers as this run sees it. A file that breaks the rules is not written over: what is wrong in it may be
/// worth mending.
pub(super) fn memory(context: &Context<'_>) -> Result<Memory, ToolError> {
    let path = context.agent.memory_path();
    if context.read(&path)?.is_none() {
        return Ok(Memory::default());
    }
    let (memory, findings) = Memory::parse(&path, &context.file(&path)?.bytes);
    match findings.first() {
        None => Ok(memory),
        Some(first) => {
            let line = first.line.map(|line| format!(", line {line}")).unwrap_or_default();
            let more =
                if findings.len() > 1 { format!(" ({} problems in all)", findings.len()) } else { String::new() };
            tell(format!("Your memory breaks its rules: {path}{line}: {}{more}. Mend that file first.", first.message))
        }
    }
}
