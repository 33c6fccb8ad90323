//! `Bash`: a command, in a sandbox, on the run's files.
//! Lives here: the tool and what may be asked of it. Never here: what a command is given and what comes back of it (see
//! [`super::shell`]).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::sandbox::Limits;
use super::shell::{Bench, Job, Shell};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};

/// Seconds that a command has when nothing else is asked for, and at the most.
const SECONDS: u64 = 120;
const MAX_SECONDS: u64 = 600;
/// Bytes of a command.
const COMMAND_BYTES: usize = 32 * 1024;

pub(super) struct Bash {
    spec: ToolSpec,
    bench: Bench,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: String,
    timeout: Option<u64>,
    /// Models that know Claude Code's Bash say what it is for.
    #[serde(default, rename = "description")]
    _description: String,
}

impl Bash {
    pub(super) fn new(shell: Shell) -> Self {
        let fields = json!({
            "command": {"type": "string", "description": "The command, for a shell, in the root of the repository."},
            "timeout": {"type": "integer", "minimum": 1_000, "description": "Milliseconds it may take; 120000 without it, 600000 at the most."},
            "description": {"type": "string", "description": "What it is for, in a few words."},
        });
        let network = shell.reaches().map_or_else(
            || "no network".to_owned(),
            |hosts| format!("of the network only {hosts}, through the proxy that its variables name"),
        );
        let text = format!(
            "Runs a command on a private copy of your files. It sees {network}, no home folder and no git; files of yours \
             that it changes come back, others do not, and what .gitignore names is left behind. $TMPDIR is kept for your \
             next command."
        );
        Self { spec: spec("Bash", &text, fields, &["command"]), bench: Bench::new(shell) }
    }
}

#[async_trait]
impl Tool for Bash {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let asked: Arguments = arguments(&self.spec, value)?;
        if asked.command.len() > COMMAND_BYTES || asked.command.contains('\0') {
            return tell(format!("A command has up to {COMMAND_BYTES} bytes and no NUL; write a script with Write."));
        }
        let seconds = asked.timeout.map_or(SECONDS, |ms| ms.div_ceil(1_000)).clamp(1, MAX_SECONDS);
        let limits = Limits { seconds, ..Limits::default() };
        let done = self.bench.work(context, &Job { command: &asked.command, input: "", limits })?;
        let mut text = done.text;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&done.notes.join("\n"));
        Ok(ToolOutput { text, changed: done.changed, exit: Some(done.outcome.exit()) })
    }
}
