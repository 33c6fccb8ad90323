//! What an agent may call: each tool's description and its code are one value, one file per tool.
//!
//! Lives here: [`Tool`], the table of tools, and what every call has in common: reading its arguments, escaping and
//! bounding its output. Never here: deciding which call comes next (see [`crate::town::turn`]), the clock, the gate,
//! which judges all work again.
//! Start with [`Toolbox::call`].

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::git::workspace::Workspace;
use crate::town::briefing::ToolLine;
use crate::town::ids::AgentId;
use crate::town::network::Allow;
use crate::town::pattern::Pattern;
use crate::town::spec::record::Gate;
use crate::town::text::escape_invisible;
use crate::town::transcript::{CallResult, ToolCall, ToolSpec};
use crate::town::turn::ASK_HUMAN;

mod agent;
mod anchor;
mod archive_change;
mod bash;
mod board;
mod delete;
mod edit;
mod files;
mod finish;
mod glob;
mod grep;
mod matcher;
mod progress;
mod read;
mod recall;
mod record_gate;
mod remember;
mod rename;
pub mod sandbox;
mod shell;
mod web_fetch;
mod worktree;
mod write;

pub use agent::Agent;
pub use archive_change::ARCHIVE_CHANGE;
pub use record_gate::{Keeper, RECORD_GATE};
pub use shell::Shell;

/// The tool that needs a sandbox.
pub const BASH: &str = "Bash";
/// The tool that needs a network.
const WEB_FETCH: &str = "WebFetch";

/// What a call may touch.
pub struct Context<'a> {
    /// The files as the run sees them, its own changes included.
    pub files: &'a mut Workspace,
    /// What the agent may write, grants included.
    pub owns: &'a [Pattern],
    /// Whose run it is.
    pub agent: &'a AgentId,
    /// The moment of the call.
    pub now: DateTime<Utc>,
}

/// What came of a call that worked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolOutput {
    /// What the brain sees.
    pub text: String,
    /// Whether files differ because of it.
    pub changed: bool,
    /// The exit code, where a command ran.
    pub exit: Option<i32>,
}

impl ToolOutput {
    fn seen(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn changed(text: impl Into<String>) -> Self {
        Self { text: text.into(), changed: true, exit: None }
    }
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The brain is told and may try something else.
    #[error("{0}")]
    Tell(String),
    /// The call itself was wrong: the brain is told, and not for ever.
    #[error("{0}")]
    Arguments(String),
    /// The run cannot go on.
    #[error("{0}")]
    Fatal(String),
}

fn tell<T>(text: impl Into<String>) -> Result<T, ToolError> {
    Err(ToolError::Tell(text.into()))
}

/// Something that an agent may call.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What it is called and what it takes.
    fn spec(&self) -> &ToolSpec;

    /// Does it.
    async fn call(&self, context: &mut Context<'_>, arguments: Value) -> Result<ToolOutput, ToolError>;
}

/// The tools of one run.
pub struct Toolbox {
    tools: Vec<Box<dyn Tool>>,
    specs: Vec<ToolSpec>,
    absent: Vec<String>,
}

/// The tools that a charter's list gives. An empty list gives all that there are. `Delete` and `Move` come with `Write`,
/// because who may write a file may also put it elsewhere; `Remember`, `Recall`, `Finish` and `NothingToDo` are always there,
/// because every agent has a memory and comes to an end.
#[must_use]
pub fn table(wanted: &[String]) -> Toolbox {
    table_with(wanted, Err("there is no sandbox for it"), Vec::new(), &Allow::default())
}

/// The same, with the posts of the board that can be replied to, and `Bash` where the list names it and there is a shell;
/// otherwise the agent hears why not. `WebFetch`, where the list names it, reaches what the town allows.
#[must_use]
pub fn table_with(wanted: &[String], shell: Result<Shell, &str>, posts: Vec<String>, allow: &Allow) -> Toolbox {
    let mut every: Vec<Box<dyn Tool>> = vec![
        Box::new(read::Read::new()),
        Box::new(glob::Glob::new()),
        Box::new(grep::Grep::new()),
        Box::new(write::Write::new()),
        Box::new(edit::Edit::new()),
        Box::new(delete::Delete::new()),
        Box::new(rename::Move::new()),
        Box::new(remember::Remember::new()),
        Box::new(recall::Recall::new()),
        Box::new(progress::ReportProgress::new()),
        Box::new(board::Post::new()),
        Box::new(board::Reply::new(posts)),
    ];
    let asked = |name: &str| wanted.iter().any(|other| other == name);
    // Neither of these for an empty list: who may run commands, or hear of the world, says so.
    let no_shell = match shell {
        Ok(shell) => {
            every.extend(asked(BASH).then(|| Box::new(bash::Bash::new(shell)) as _));
            ""
        }
        Err(why) => why,
    };
    every.extend(asked(WEB_FETCH).then(|| Box::new(web_fetch::WebFetch::new(allow)) as _));
    let known: Vec<String> = every.iter().map(|tool| tool.spec().name.clone()).collect();
    let given = |name: &str| match name {
        "Remember" | "Recall" => true,
        "Delete" | "Move" => wanted.is_empty() || asked(name) || asked("Write"),
        _ => wanted.is_empty() || asked(name),
    };
    let tools: Vec<_> = every.into_iter().filter(|tool| given(&tool.spec().name)).collect();
    let mut ends = vec![finish::finish(), finish::nothing_to_do()];
    ends.extend(given(ASK_HUMAN).then(finish::ask_human));
    let absent: Vec<_> = wanted
        .iter()
        .filter(|name| !known.contains(name) && !ends.iter().any(|end| end.name == **name))
        .map(|name| if name == BASH { format!("{name} ({no_shell})") } else { name.clone() })
        .collect();
    let specs = tools.iter().map(|tool| tool.spec().clone()).chain(ends).collect();
    Toolbox { tools, specs, absent }
}

/// No tools but the two that end a run: for a brain that works with tools of its own.
#[must_use]
pub fn ends() -> Toolbox {
    Toolbox { tools: Vec::new(), specs: vec![finish::finish(), finish::nothing_to_do()], absent: Vec::new() }
}

impl Toolbox {
    /// Adds the tools of an agent that keeps a gate of OpenSpec changes: who writes records does not write them by hand.
    pub fn keep_gate(&mut self, keeper: &Keeper) {
        let mut tools: Vec<Box<dyn Tool>> = vec![Box::new(record_gate::RecordGate::new(keeper.clone()))];
        if keeper.agent.as_str() == Gate::Archive.agent() {
            tools.push(Box::new(archive_change::ArchiveChange::new(keeper.clone())));
        }
        for tool in tools {
            self.specs.push(tool.spec().clone());
            self.absent.retain(|name| *name != tool.spec().name);
            self.tools.push(tool);
        }
    }

    /// Adds the town's command-line agent. A brain is not offered it.
    pub fn hire(&mut self, agent: Agent) {
        self.tools.push(Box::new(agent));
    }

    /// What a brain is offered, `Finish` and `NothingToDo` included.
    #[must_use]
    pub fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    /// Tools that were wanted and are not there.
    #[must_use]
    pub fn absent(&self) -> &[String] {
        &self.absent
    }

    /// The tools as the system prompt lists them: a sentence each.
    #[must_use]
    pub fn lines(&self) -> Vec<ToolLine> {
        let line = |spec: &ToolSpec| {
            let sentence = spec.description.split_inclusive(". ").next().unwrap_or_default().trim();
            ToolLine { name: spec.name.clone(), description: sentence.to_owned() }
        };
        self.specs.iter().map(line).collect()
    }

    /// Makes a call and says what came of it; how long it took is for the caller to add, who has a clock.
    ///
    /// # Errors
    /// What makes it impossible to go on; everything else is in the result.
    pub async fn call(&self, context: &mut Context<'_>, call: &ToolCall) -> Result<CallResult, ToolError> {
        let Some(tool) = self.tools.iter().find(|tool| tool.spec().name == call.name) else {
            let names: Vec<_> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
            let why = format!("There is no tool {:?}. There are: {}.", shorten(&call.name), names.join(", "));
            return Ok(CallResult::refused(call, &why));
        };
        match tool.call(context, call.arguments.clone()).await {
            Ok(output) => {
                let mut result = CallResult::of(call, true, &visible(&output.text));
                result.changed = output.changed;
                result.record.exit = output.exit;
                Ok(result)
            }
            Err(ToolError::Tell(why)) => Ok(CallResult::of(call, false, &visible(&why))),
            Err(ToolError::Arguments(why)) => Ok(CallResult::refused(call, &visible(&why))),
            Err(fatal @ ToolError::Fatal(_)) => Err(fatal),
        }
    }
}

/// What a brain is shown of text that may hide something.
fn visible(text: &str) -> String {
    match escape_invisible(text) {
        (shown, 0) => shown,
        (shown, n) => format!("{shown}\n[{n} invisible or control characters are shown as \\u{{…}}]"),
    }
}

fn shorten(text: &str) -> String {
    crate::town::text::one_line(text, 60)
}

/// The specification of a tool that takes an object with `fields`, of which `required` must be there.
fn spec(name: &str, description: &str, fields: Value, required: &[&str]) -> ToolSpec {
    let parameters =
        json!({"type": "object", "properties": fields, "required": required, "additionalProperties": false});
    ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters }
}

/// Reads a call's arguments.
fn arguments<T: DeserializeOwned>(tool: &ToolSpec, value: Value) -> Result<T, ToolError> {
    let value = if value.is_null() { json!({}) } else { value };
    if let Value::String(text) = &value {
        // A brain hands on what it could not read as an object.
        let why = serde_json::from_str::<serde_json::Map<String, Value>>(text).err();
        let why = why.map(|error| format!(": {error}")).unwrap_or_default();
        return Err(ToolError::Arguments(format!(
            "The arguments of {} are no JSON object{why}. Call it again with all of them, every quote and brace closed.",
            tool.name
        )));
    }
    serde_json::from_value(value)
        .map_err(|e| ToolError::Arguments(format!("The arguments do not fit {}: {e}.", tool.name)))
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
