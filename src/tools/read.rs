//! `Read`: a file's text with line numbers.
//! Lives here: the window that is shown. Never here: writing.

use std::fmt::Write as _;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{relative, shown};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::town::limits;

/// Lines that are shown when nothing else is asked for.
const LINES: usize = 2_000;
/// Characters of one line that are shown.
const LINE_CHARS: usize = 2_000;
/// Bytes that are shown at once; the rest of the limit is for the note below and for escapes.
const SHOWN_BYTES: usize = limits::TOOL_OUTPUT_BYTES - 2 * 1024;

pub(super) struct Read {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    file_path: String,
    offset: Option<usize>,
    limit: Option<usize>,
}

impl Read {
    pub(super) fn new() -> Self {
        let fields = json!({
            "file_path": {"type": "string", "description": "Path from the root of the repository."},
            "offset": {"type": "integer", "minimum": 1, "description": "First line, counted from 1."},
            "limit": {"type": "integer", "minimum": 1, "description": "How many lines; 2000 without it."},
        });
        let text = "Reads a text file with line numbers. Your own changes of this run are already in it. Long files are \
                    shown in parts: go on with offset. Number and tab before each line are not part of the file.";
        Self { spec: spec("Read", text, fields, &["file_path"]) }
    }
}

#[async_trait]
impl Tool for Read {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { file_path, offset, limit } = arguments(&self.spec, value)?;
        let path = relative(&file_path);
        let text = context.text(path)?;
        window(path, &text, offset.unwrap_or(1).max(1), limit.unwrap_or(LINES)).map(ToolOutput::seen)
    }
}

fn window(path: &str, text: &str, first: usize, limit: usize) -> Result<String, ToolError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.is_empty() {
        return Ok("(the file is empty)".to_owned());
    }
    let total = text.lines().count();
    if first > total {
        return tell(format!("{} has {total} lines; line {first} is beyond them.", shown(path)));
    }
    let mut out = String::new();
    let mut last = first - 1;
    for line in text.lines().skip(first - 1).take(limit) {
        let cut = match line.char_indices().nth(LINE_CHARS) {
            Some((at, _)) => format!("{} [… {} bytes more]", &line[..at], line.len() - at),
            None => line.to_owned(),
        };
        if last >= first && out.len() + cut.len() > SHOWN_BYTES {
            break;
        }
        last += 1;
        let _ = writeln!(out, "{last:>6}\t{cut}");
    }
    if text.contains("\r\n") {
        out.push_str("[lines end with CRLF]\n");
    }
    if first > 1 || last < total {
        let more = if last < total { format!("; go on with offset {}", last + 1) } else { String::new() };
        let _ = writeln!(out, "[lines {first} to {last} of {total}{more}]");
    }
    Ok(out)
}
