//! `Move`: a file gets another path.
//! Lives here: the tool. Both ends have to be the agent's own, so nothing is carried in or out.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{relative, shown};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};

pub(super) struct Move {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    from: String,
    to: String,
}

impl Move {
    pub(super) fn new() -> Self {
        let fields = json!({
            "from": {"type": "string", "description": "Path of one of your files."},
            "to": {"type": "string", "description": "Its new path, also one of yours; nothing may stand there."},
        });
        Self { spec: spec("Move", "Moves one of your files to another of your paths.", fields, &["from", "to"]) }
    }
}

#[async_trait]
impl Tool for Move {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { from, to } = arguments(&self.spec, value)?;
        let (from, to) = (relative(&from), relative(&to));
        context.may_write(from)?;
        context.may_write(to)?;
        context.file(from)?;
        if context.files.read(to)?.is_some() {
            return tell(format!("{} is there already; delete it first or choose another path.", shown(to)));
        }
        context.may_stand(to)?;
        context.files.rename(from, to)?;
        Ok(ToolOutput::changed(format!("Moved {} to {}.", shown(from), shown(to))))
    }
}
