//! `Bash`: a command, in a sandbox, on the run's files.
//! Lives here: the tool, and which of the changed files come back. Never here: what keeps the command in (see
//! [`super::sandbox`]).

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::shown;
use super::sandbox::{Ended, Limits, Outcome, Place, Sandbox, SandboxError, Spec};
use super::worktree::{Changes, Worktree, WorktreeError};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::git::ignore::Ignore;
use crate::town::changeset::Mode;

/// Seconds that a command has when nothing else is asked for, and at the most.
const SECONDS: u64 = 120;
const MAX_SECONDS: u64 = 600;
/// Bytes of a command.
const COMMAND_BYTES: usize = 32 * 1024;
/// Files that one command may change.
const FILES: usize = 500;
/// Names that one note has.
const NAMES: usize = 20;

/// Parts of the folders of toolchains that a command may see. Not the rest: `credentials.toml` is in one of them.
const TOOLCHAINS: &[(&str, &[&str])] = &[
    ("RUSTUP_HOME", &["toolchains", "settings.toml", "update-hashes", "tmp", "downloads"]),
    ("CARGO_HOME", &["bin", "registry", "git"]),
    ("GOPATH", &["bin", "pkg"]),
    ("PYENV_ROOT", &["bin", "libexec", "shims", "versions", "version"]),
    ("NVM_DIR", &["versions"]),
    ("JAVA_HOME", &["bin", "conf", "lib", "jre", "include"]),
];

/// What commands run in.
#[derive(Clone, Debug)]
pub struct Shell {
    sandbox: Sandbox,
    environment: Vec<(String, String)>,
}

impl Shell {
    /// A shell whose commands see these variables, and the toolchains that they name.
    #[must_use]
    pub const fn new(sandbox: Sandbox, environment: Vec<(String, String)>) -> Self {
        Self { sandbox, environment }
    }

    fn readable(&self) -> Vec<PathBuf> {
        let parts = |(name, value): &(String, String)| -> Vec<PathBuf> {
            let known = TOOLCHAINS.iter().find(|(known, _)| known == name);
            let folder = PathBuf::from(value);
            let parts = known.filter(|_| folder.is_absolute()).map_or(&[][..], |(_, parts)| parts);
            parts.iter().map(|part| folder.join(part)).filter(|path| path.exists()).collect()
        };
        self.environment.iter().flat_map(parts).collect()
    }
}

pub(super) struct Bash {
    spec: ToolSpec,
    shell: Shell,
    /// Kept from call to call for what commands have in their temporary folder; the worktree is new each time.
    place: Mutex<Option<Place>>,
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
        let text = "Runs a command on a private copy of your files. It sees no network, no home folder and no git; files \
                    of yours that it changes come back, others do not, and what .gitignore names is left behind. $TMPDIR \
                    is kept for your next command.";
        Self { spec: spec("Bash", text, fields, &["command"]), shell, place: Mutex::new(None) }
    }

    fn run(&self, context: &mut Context<'_>, asked: &Arguments) -> Result<(Outcome, Changes, String), ToolError> {
        let mut kept = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match kept.take() {
            Some(place) => place.empty_worktree().map(|()| place),
            None => Place::new(),
        };
        let place = kept.insert(place.map_err(of_sandbox)?);
        let root = place.worktree();
        let mut worktree = Worktree::fill(context.files, &root).map_err(of_worktree)?;
        place.hand_over().map_err(of_sandbox)?;
        worktree.remember(&root).map_err(of_worktree)?;
        let left_out = worktree.left_out;
        let seconds = asked.timeout.map_or(SECONDS, |ms| ms.div_ceil(1_000)).clamp(1, MAX_SECONDS);
        let spec = Spec {
            command: &asked.command,
            place,
            environment: &self.shell.environment,
            readable: &self.shell.readable(),
            limits: Limits { seconds, ..Limits::default() },
        };
        let outcome = self.shell.sandbox.run(&spec).map_err(of_sandbox)?;
        if outcome.report.left > 0 {
            let left = outcome.report.left;
            return Err(ToolError::Fatal(format!("{left} processes of a command could not be killed")));
        }
        place.unlock();
        let ignore = Ignore::of(context.files).map_err(|error| of_worktree(error.into()))?;
        let changes = worktree.changes(&root, &ignore).map_err(of_worktree)?;
        let mut text = place.plain(outcome.output.text().trim_end());
        if left_out > 0 {
            text.push_str(&format!("\n[not in the copy: {left_out} submodules, odd names or links that lead outside]"));
        }
        Ok((outcome, changes, text))
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
        let (outcome, changes, mut text) = self.run(context, &asked)?;
        let mut notes = vec![how(&outcome)];
        let changed = keep(context, changes, &mut notes)?;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&notes.join("\n"));
        Ok(ToolOutput { text, changed, exit: Some(outcome.exit()) })
    }
}

/// How the command ended.
fn how(outcome: &Outcome) -> String {
    let mut text = match &outcome.report.ended {
        Ended::Exited { code } => format!("[exit code {code}"),
        Ended::Killed { signal } => format!("[ended by signal {signal}"),
        Ended::Time => "[ended: its time was up".to_owned(),
        Ended::Memory => "[ended: it took too much memory".to_owned(),
        Ended::Processes => "[ended: it started too many processes".to_owned(),
        Ended::Output => "[ended: it wrote too much".to_owned(),
        Ended::NotStarted { why } => format!("[not started: {why}"),
    };
    if outcome.report.killed > 0 && matches!(outcome.report.ended, Ended::Exited { .. }) {
        text.push_str(&format!("; processes that it left running were ended: {}", outcome.report.killed));
    }
    text.push(']');
    text
}

/// Takes what is the agent's own into the workspace; says whether anything was, and notes what was and what was not.
fn keep(context: &mut Context<'_>, changes: Changes, notes: &mut Vec<String>) -> Result<bool, ToolError> {
    let count = changes.written.len() + changes.deleted.len();
    if changes.cut || count > FILES {
        notes.push(format!("[no file was kept: more than {FILES} files differ, or too many are there to look at]"));
        return Ok(false);
    }
    let mut kept = Vec::new();
    let mut foreign = Vec::new();
    let mut refused: Vec<String> =
        changes.refused.iter().map(|(path, why)| format!("{} ({why})", shown(path))).collect();
    // What is gone goes first, so that a file may stand where a folder was.
    for path in changes.deleted {
        if context.may_write(&path).is_err() {
            foreign.push(path);
        } else if context.delete(&path)? {
            kept.push(path);
        }
    }
    for (path, bytes, executable) in changes.written {
        let same = context
            .read(&path)?
            .is_some_and(|blob| *blob.bytes == *bytes && (blob.mode == Mode::Executable) == executable);
        if same {
            continue;
        }
        if context.may_write(&path).is_err() {
            foreign.push(path);
            continue;
        }
        match context.put_as(&path, &bytes, executable) {
            Ok(()) => kept.push(path),
            Err(ToolError::Tell(why)) => refused.push(format!("{} ({why})", shown(&path))),
            Err(fatal) => return Err(fatal),
        }
    }
    let changed = !kept.is_empty();
    for (what, mut names) in [("changed", kept), ("not kept, because not yours", foreign), ("not kept", refused)] {
        if !names.is_empty() {
            names.sort();
            let more = names.len().saturating_sub(NAMES);
            names.truncate(NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            notes.push(format!("[{what}: {}{more}]", names.join(", ")));
        }
    }
    Ok(changed)
}

fn of_sandbox(error: SandboxError) -> ToolError {
    ToolError::Fatal(super::files::chain(&error))
}

fn of_worktree(error: WorktreeError) -> ToolError {
    match error {
        WorktreeError::TooLarge => ToolError::Tell(format!("{error}.")),
        other => ToolError::Fatal(super::files::chain(&other)),
    }
}
