//! `Agent`: the town's own command-line agent, in the sandbox, for a whole piece of work.
//! Lives here: what it is given to read, and what its end means. No model is offered it: the command stands in the town's
//! settings, and a call only adds what is new since the briefing. Never here: the sandbox (see [`super::shell`]), what
//! follows from its answer (see the brain `command`).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::sandbox::{Ended, Limits, Outcome};
use super::shell::{Bench, Job, Shell};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec};
use crate::town::limits::{RUN_MINUTES, TOOL_OUTPUT_BYTES};
use crate::town::text::{escape_invisible, one_line, truncate_middle};
use crate::town::turn::{AGENT, Said};

/// Bytes of its output in which the answer is looked for.
const KEPT: usize = 256 * 1024;
/// What an agent reads after the briefing.
const RULES: &str = include_str!("agent.md");

/// A command-line agent, ready to be run.
pub struct Agent {
    spec: ToolSpec,
    bench: Bench,
    command: String,
    briefing: String,
    deadline: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// What there is to say besides the briefing.
    #[serde(default)]
    more: String,
}

impl Agent {
    /// The agent that this command is, briefed with `system` and `user`, with time until `deadline`.
    #[must_use]
    pub fn new(shell: Shell, command: &str, system: &str, user: &str, deadline: DateTime<Utc>) -> Self {
        let fields = json!({"more": {"type": "string", "description": "What it is told besides its briefing."}});
        let network = shell.reaches().unwrap_or_else(|| "nothing".to_owned());
        let rules = RULES.replace("{network}", &network);
        Self {
            spec: spec(AGENT, "Runs the town's command-line agent.", fields, &[]),
            bench: Bench::new(shell),
            command: command.to_owned(),
            briefing: format!("{}\n\n{}\n\n{}", system.trim_end(), user.trim_end(), rules.trim_end()),
            deadline,
        }
    }
}

#[async_trait]
impl Tool for Agent {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { more } = arguments(&self.spec, value)?;
        let mut input = self.briefing.clone();
        if !more.is_empty() {
            input.push_str(&format!("\n\n# Since then\n\n{more}"));
        }
        input.push('\n');
        let left = u64::try_from((self.deadline - context.now).num_seconds()).unwrap_or_default();
        let seconds = left.clamp(1, u64::from(RUN_MINUTES) * 60);
        let limits = Limits { seconds, cpu_seconds: seconds, kept: KEPT, ..Limits::default() };
        let done = self.bench.work(context, &Job { command: &self.command, input: &input, limits })?;
        let said = said(&done.outcome, &done.text);
        // The brain reads the last line, so nothing may come after it or push it out.
        let end = format!("\n{}\n{}", escape_invisible(&done.notes.join("\n")).0, said.line());
        let room = TOOL_OUTPUT_BYTES.saturating_sub(end.len());
        let text = truncate_middle(&escape_invisible(&done.text).0, room) + &end;
        Ok(ToolOutput { text, changed: done.changed, exit: Some(done.outcome.exit()) })
    }
}

/// How it ended: with an answer only where the command itself says that all went well.
fn said(outcome: &Outcome, text: &str) -> Said {
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it wrote nothing");
    let last = one_line(last, 200);
    let failed = |what: String| Said::Failed(what);
    match &outcome.report.ended {
        Ended::Exited { code: 0 } => Said::in_output(text),
        Ended::Exited { code: 127 } => failed(format!(
            "a program of it was not found (exit code 127); the sandbox shows /usr, /opt and toolchains, and no home \
             folder: {last}"
        )),
        // A shell says so of what it waited for.
        Ended::Exited { code: code @ 129..=192 } => {
            failed(format!("it was ended by signal {} (exit code {code}): {last}", code - 128))
        }
        Ended::Exited { code } => failed(format!("it ended with exit code {code}: {last}")),
        Ended::Killed { signal } => failed(format!("it was ended by signal {signal}: {last}")),
        Ended::Time => Said::Late,
        Ended::Memory => failed("it took too much memory and was ended".to_owned()),
        Ended::Processes => failed("it started too many processes and was ended".to_owned()),
        Ended::Output => failed("it wrote too much output and was ended".to_owned()),
        Ended::NotStarted { why } => failed(format!("it was not started: {why}")),
    }
}
