//! A command on the run's files, in the sandbox: what `Bash` and a command-line agent have in common.
//! Lives here: what a command is given, and which of the files that it changed come back. Never here: what keeps it in (see
//! [`super::sandbox`]), who chose it.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::files::shown;
use super::sandbox::{Door, Ended, Limits, Outcome, Place, Sandbox, SandboxError, Spec};
use super::worktree::{Changes, Worktree, WorktreeError};
use super::{Context, ToolError};
use crate::git::ignore::Ignore;
use crate::town::changeset::Mode;
use crate::town::network::Allow;

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
    network: Allow,
    doors: Vec<Door>,
}

impl Shell {
    /// A shell whose commands see these variables and the toolchains that they name, and reach these hosts.
    #[must_use]
    pub const fn new(sandbox: Sandbox, environment: Vec<(String, String)>, network: Allow) -> Self {
        Self { sandbox, environment, network, doors: Vec::new() }
    }

    /// The same with a door, and variables that name it.
    #[must_use]
    pub fn with_door(mut self, door: Door, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.doors.push(door);
        self.environment.extend(variables);
        self
    }

    /// The hosts that a command can reach, as a sentence has them; nothing where there are none.
    pub(super) fn reaches(&self) -> Option<String> {
        let can = !self.network.is_empty() && self.sandbox.kind().has_network();
        can.then(|| self.network.to_string())
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

/// Where the commands of one run work, one after the other.
pub(super) struct Bench {
    pub(super) shell: Shell,
    /// Kept from command to command for what they have in their temporary folder; the worktree is new each time.
    place: Mutex<Option<Place>>,
}

/// One command.
pub(super) struct Job<'a> {
    pub(super) command: &'a str,
    /// What it reads on its standard input.
    pub(super) input: &'a str,
    pub(super) limits: Limits,
}

/// What came of it.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// What it wrote.
    pub(super) text: String,
    /// How it ended and what became of its files, in brackets.
    pub(super) notes: Vec<String>,
    /// Whether a file of the run is another one now.
    pub(super) changed: bool,
}

impl Bench {
    pub(super) const fn new(shell: Shell) -> Self {
        Self { shell, place: Mutex::new(None) }
    }

    /// Runs a command on a copy of the run's files, and takes back what is the agent's own.
    pub(super) fn work(&self, context: &mut Context<'_>, job: &Job<'_>) -> Result<Done, ToolError> {
        let (outcome, changes, text) = self.run(context, job)?;
        let mut notes = vec![how(&outcome)];
        notes.extend(outcome.network.iter().map(|note| format!("[{note}]")));
        let changed = keep(context, changes, &mut notes)?;
        Ok(Done { outcome, text, notes, changed })
    }

    fn run(&self, context: &mut Context<'_>, job: &Job<'_>) -> Result<(Outcome, Changes, String), ToolError> {
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
        let spec = Spec {
            command: job.command,
            input: job.input,
            place,
            environment: &self.shell.environment,
            readable: &self.shell.readable(),
            network: &self.shell.network,
            doors: &self.shell.doors,
            limits: job.limits.clone(),
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
