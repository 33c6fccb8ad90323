//! `ReportProgress`: a line for whoever watches a run.
//! Lives here: the tool. Never here: showing the line, which every call is told by.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::town::turn::PROGRESS;

/// Characters of a line.
const CHARS: usize = 500;

pub(super) struct ReportProgress {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    text: String,
}

impl ReportProgress {
    pub(super) fn new() -> Self {
        let fields = json!({"text": {"type": "string", "maxLength": CHARS, "description": "What is done, and what comes next."}});
        let text = "Tells whoever watches how far you are. If a budget ends the run, the last one explains the unfinished work.";
        Self { spec: spec(PROGRESS, text, fields, &["text"]) }
    }
}

#[async_trait]
impl Tool for ReportProgress {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { text } = arguments(&self.spec, value)?;
        let length = text.chars().count();
        if text.trim().is_empty() || length > CHARS {
            return tell(format!("A report has 1 to {CHARS} characters; this has {length}."));
        }
        Ok(ToolOutput::seen("Told."))
    }
}
