//! `Delete`: a file goes.
//! Lives here: the tool. Never here: folders; a folder is gone when its last file is.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{relative, shown};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};

pub(super) struct Delete {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    file_path: String,
}

impl Delete {
    pub(super) fn new() -> Self {
        let fields = json!({
            "file_path": {"type": "string", "description": "Path from the root of the repository, one of yours."},
        });
        Self { spec: spec("Delete", "Deletes one of your files.", fields, &["file_path"]) }
    }
}

#[async_trait]
impl Tool for Delete {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { file_path } = arguments(&self.spec, value)?;
        let path = relative(&file_path);
        context.may_write(path)?;
        context.file(path)?;
        context.files.delete(path)?;
        Ok(ToolOutput::changed(format!("Deleted {}.", shown(path))))
    }
}
