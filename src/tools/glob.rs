//! `Glob`: paths by pattern.
//! Lives here: the tool. Never here: what a glob means (see `matcher`).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::relative;
use super::matcher::glob;
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};

/// Paths that are shown.
const SHOWN: usize = 500;

pub(super) struct Glob {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    #[serde(default)]
    path: String,
}

impl Glob {
    pub(super) fn new() -> Self {
        let fields = json!({
            "pattern": {"type": "string", "description": "For example src/**/*.rs or *.{md,txt}; without a slash it matches names at any depth."},
            "path": {"type": "string", "description": "Folder to look in; the whole repository without it."},
        });
        let text = "Lists the paths that match a pattern, sorted. It sees files, not folders.";
        Self { spec: spec("Glob", text, fields, &["pattern"]) }
    }
}

/// A folder as a brain names it; nothing for the root.
pub(super) fn folder(path: &str) -> &str {
    match relative(path).trim_matches('/') {
        "." => "",
        folder => folder,
    }
}

#[async_trait]
impl Tool for Glob {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { pattern, path } = arguments(&self.spec, value)?;
        let glob = glob(&pattern)?;
        let folder = folder(&path);
        let mut found = context.files.list(folder)?;
        // Models mean patterns both ways: from the folder that they name, and from the root.
        let inside =
            |path: &str| glob.is_match(path.strip_prefix(folder).map_or(path, |rest| rest.trim_start_matches('/')));
        found.retain(|path| inside(path) || glob.is_match(path));
        let all = found.len();
        found.truncate(SHOWN);
        let mut text = match all {
            0 => "No file matches.".to_owned(),
            _ => found.join("\n"),
        };
        if all > SHOWN {
            text.push_str(&format!("\n[{SHOWN} of {all} shown; use a narrower pattern]"));
        }
        Ok(ToolOutput::seen(text))
    }
}
