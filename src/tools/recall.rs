//! `Recall`: what the agent noted in earlier runs, and in this one.
//! Lives here: the tool. Never here: what an entry is (see [`crate::town::memory`]), following what one says; it is quoted as
//! data like everything that was written by somebody.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remember::memory;
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};
use crate::town::text::{one_line, quote_data};

/// Bytes of a list: with its quotation marks it still fits into what a call may return.
const LIST_BYTES: usize = 24 * 1024;

pub(super) struct Recall {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default)]
    query: String,
}

impl Recall {
    pub(super) fn new() -> Self {
        let fields = json!({
            "query": {"type": "string", "description": "Words that an entry must hold, all of them; every entry when left out."},
        });
        let text =
            "Lists what you remember, most important first. Each entry is shown with its date and what it rests on.";
        Self { spec: spec("Recall", text, fields, &[]) }
    }
}

#[async_trait]
impl Tool for Recall {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { query } = arguments(&self.spec, value)?;
        let memory = memory(context)?;
        let found = memory.list(&query, LIST_BYTES);
        Ok(ToolOutput::seen(match (memory.entries().len(), found.is_empty()) {
            (0, _) => "You remember nothing yet.".to_owned(),
            (n, true) => format!("None of {n} entries holds {:?}.", one_line(&query, 100)),
            (_, false) => quote_data(&format!("your own memory, {}", context.agent.memory_path()), &found),
        }))
    }
}
