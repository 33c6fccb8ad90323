//! The command line: one thin file per command, and the place where everything is put together.
//!
//! Lives here: arguments with their help, output, exit codes. stdout is the answer, stderr is the story.
//! Never here: rules, git, formats. Start with [`main`].

pub mod agents;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod freeze;
pub mod gate;
pub mod init;
pub mod log;
pub mod open;
pub mod openspec;
pub mod pulls;
pub mod run;
pub mod runs;
pub mod sandbox_exec;
pub mod say;
pub mod schema;
pub mod senses;
pub mod serve;
pub mod spec;
pub mod state;
mod story;
pub mod stream;
pub mod sync;
pub mod token;
pub mod verdict;
pub mod workflows;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Env;
use crate::git::errors::GitError;
use crate::git::journal::JournalError;
use crate::run::RunError;
use crate::serve::export::ExportError;
use crate::town::decide::Rejected;

use self::story::Story;

/// A git repository runs a town of agents: they read its history, write only what they own, and propose
/// their work as pull requests that people merge or reject.
#[derive(Debug, Parser)]
#[command(name = "monkeytown", version, max_term_width = 100, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 done or nothing to do · 1 findings · 2 usage or configuration · 3 try again later
Begin with `monkeytown demo`, or with `monkeytown init` in a repository of yours.")]
pub struct Cli {
    /// Work on the repository in this folder, or above it
    #[arg(short = 'C', long = "in", global = true, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let one agent have its turn: claim, think, gate, propose
    Run(run::Args),
    /// Make this repository a town: write its settings and charters
    Init(init::Args),
    /// Check the town's files: charters, settings, who owns what
    Check(check::Args),
    /// List the agents, or show one
    Agents(agents::Args),
    /// List, look at, merge or reject pull requests of the local forge
    Pulls(pulls::Args),
    /// List runs, or read what was said and done in one
    Runs(runs::Args),
    /// Read the journal: what happened
    Log(log::Args),
    /// Print the state that the journal folds to
    State(state::Args),
    /// Read, judge and archive OpenSpec specs and changes
    Spec(spec::Args),
    /// The same as `spec`, with the arguments of the `openspec` command
    Openspec(openspec::Args),
    /// Judge a diff by the gate's checks
    Gate(gate::Args),
    /// Print what the senses see in the repository
    Senses(senses::Args),
    /// Ask the forge what people did, and record it
    Sync(sync::Args),
    /// Let one agent start no run
    Pause(freeze::PauseArgs),
    /// Let a paused agent run again
    Resume(freeze::ResumeArgs),
    /// Write the town's workflows for GitHub Actions
    Workflows(workflows::Args),
    /// Stop the town: nothing starts, nothing is pushed
    Freeze(freeze::FreezeArgs),
    /// Let a frozen town go on
    Thaw(freeze::ThawArgs),
    /// Print the JSON Schema of a town file
    Schema(schema::Args),
    /// Show the town to browsers: its history, and what happens, as it happens
    Serve(serve::Args),
    /// Write the town as files that any web server can show
    Export(export::Args),
    /// Make a token with which an agent's runs publish what they are at
    Token(token::Args),
    /// Make a small town in a folder of its own and let its agents work
    Demo(demo::Args),
    /// Say what this machine can enforce around commands that agents run
    Doctor(doctor::Args),
    // For ourselves.
    #[command(hide = true)]
    #[allow(missing_docs)]
    SandboxExec(sandbox_exec::Args),
}

/// What every command is given.
pub struct Context {
    /// The folder to work in.
    pub dir: PathBuf,
    /// Whether the answer is JSON.
    pub json: bool,
    /// The environment.
    pub env: Env,
    /// Secrets whose variables only the town's settings name.
    pub secrets: std::cell::RefCell<Vec<String>>,
}

impl Context {
    /// Values that must be masked wherever this process writes.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut all = self.env.secrets(None);
        all.extend(self.secrets.borrow().iter().cloned());
        all
    }
}

/// Runs the command of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Env::arguments();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let usage = if is_openspec(&arguments) { 1 } else { 2 };
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { usage } else { 0 });
        }
    };
    let env = Env::from_process();
    let story = start_log(&env, &cli.command);
    let context = Context { dir: cli.dir, json: cli.json, env, secrets: std::cell::RefCell::default() };
    if !context.dir.is_dir() {
        say::error(&context, &Usage(format!("there is no folder {}", context.dir.display())).into());
        return ExitCode::from(2);
    }
    let ended = dispatch(&context, cli.command);
    if let Some(story) = story {
        story.end();
    }
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::error(&context, &error);
            ExitCode::from(exit_code(&error))
        }
    }
}

fn dispatch(context: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Run(args) => run::run(context, &args),
        Command::Init(args) => init::run(context, &args),
        Command::Check(args) => check::run(context, &args),
        Command::Agents(args) => agents::run(context, &args),
        Command::Pulls(args) => pulls::run(context, &args),
        Command::Runs(args) => runs::run(context, &args),
        Command::Log(args) => log::run(context, &args),
        Command::State(args) => state::run(context, &args),
        Command::Spec(args) => spec::run(context, &args),
        Command::Openspec(args) => openspec::run(context, &args),
        Command::Gate(args) => gate::run(context, &args),
        Command::Senses(args) => senses::run(context, &args),
        Command::Sync(args) => sync::run(context, &args),
        Command::Pause(args) => freeze::pause(context, &args),
        Command::Resume(args) => freeze::resume(context, &args),
        Command::Workflows(args) => workflows::run(context, &args),
        Command::Freeze(args) => freeze::freeze(context, &args),
        Command::Thaw(args) => freeze::thaw(context, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Serve(args) => serve::run(context, &args),
        Command::Export(args) => export::run(context, &args),
        Command::Token(args) => token::run(context, &args),
        Command::Demo(args) => demo::run(context, &args),
        Command::Doctor(args) => doctor::run(context, &args),
        Command::SandboxExec(args) => sandbox_exec::run(&args),
    }
}

/// Whether the command is the one that stands in for another program, which ends with 1 where it is called wrongly.
fn is_openspec(arguments: &[std::ffi::OsString]) -> bool {
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            // These take a value.
            Some("-C" | "--in") => drop(words.next()),
            Some(option) if option.starts_with('-') => {}
            word => return word == Some("openspec"),
        }
    }
    false
}

/// A mistake of the caller: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// 2 where the caller has to mend something, 3 where the world has to, 1 otherwise.
fn exit_code(error: &anyhow::Error) -> u8 {
    let of_git = |error: &GitError| {
        let later = error.is_unavailable() || error.is_raced() || matches!(error, GitError::LockedReference { .. });
        if later { 3 } else { 2 }
    };
    if error.downcast_ref::<Usage>().is_some() {
        return 2;
    }
    if let Some(error) = error.downcast_ref::<RunError>() {
        return match error {
            error if error.is_unavailable() => 3,
            error if error.is_usage() => 2,
            RunError::Rejected(Rejected::NoPull { .. })
            | RunError::Journal(JournalError::Rejected(Rejected::NoPull { .. })) => 2,
            RunError::Git(error) => of_git(error),
            RunError::Journal(JournalError::Git(error)) => of_git(error),
            _ => 1,
        };
    }
    if let Some(error) = error.downcast_ref::<JournalError>() {
        return match error {
            JournalError::Git(error) => of_git(error),
            error if error.is_unavailable() => 3,
            _ => 1,
        };
    }
    if let Some(error) = error.downcast_ref::<GitError>() {
        return of_git(error);
    }
    if error.downcast_ref::<ExportError>().is_some_and(ExportError::is_unavailable) {
        return 3;
    }
    if error.downcast_ref::<crate::config::BadVariable>().is_some() {
        return 2;
    }
    1
}

/// The story goes to stderr: as text for people, as JSON lines under CI and where a server's is not read on a terminal.
fn start_log(env: &Env, command: &Command) -> Option<Story> {
    use std::io::IsTerminal as _;
    use tracing_subscriber::fmt::writer::BoxMakeWriter;
    use tracing_subscriber::{EnvFilter, fmt};
    let (usual, is_server) = match command {
        // Each request is a line.
        Command::Serve(_) => ("info", true),
        _ => ("warn", false),
    };
    let filter =
        EnvFilter::try_new(env.get("MONKEYTOWN_LOG").unwrap_or(usual)).unwrap_or_else(|_| EnvFilter::new(usual));
    // Where no thread can be had, a server does as every other command.
    let story = is_server.then(|| Story::to(std::io::stderr()).ok()).flatten();
    let writer = match &story {
        Some(story) => {
            let story = story.clone();
            BoxMakeWriter::new(move || story.clone())
        }
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    if env.is_ci() || is_server && !std::io::stderr().is_terminal() {
        builder.json().flatten_event(true).with_span_list(false).init();
    } else {
        builder.without_time().with_target(false).compact().init();
    }
    story
}
