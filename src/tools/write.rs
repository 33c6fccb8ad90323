//! `Write`: a whole file.
//! Lives here: the tool. Never here: who owns a path is decided by the patterns, and the gate judges again.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{relative, shown};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};

pub(super) struct Write {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    file_path: String,
    content: String,
}

impl Write {
    pub(super) fn new() -> Self {
        let fields = json!({
            "file_path": {"type": "string", "description": "Path from the root of the repository, one of yours."},
            "content": {"type": "string", "description": "All that shall stand in the file."},
        });
        let text = "Writes a whole file, new or in place of what is there. Only your own paths can be written; prefer \
                    Edit for a change within a file.";
        Self { spec: spec("Write", text, fields, &["file_path", "content"]) }
    }
}

#[async_trait]
impl Tool for Write {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { file_path, content } = arguments(&self.spec, value)?;
        let path = relative(&file_path);
        context.may_write(path)?;
        context.may_stand(path)?;
        let before = context.files.read(path)?;
        let verb = match &before {
            Some(blob) if *blob.bytes == *content.as_bytes() => {
                return Ok(ToolOutput::seen(format!("{} has this content already.", shown(path))));
            }
            Some(_) => "Replaced",
            None => "Created",
        };
        context.put(path, &content)?;
        let text = format!("{verb} {} ({} lines, {} bytes).", shown(path), content.lines().count(), content.len());
        Ok(ToolOutput::changed(text))
    }
}
