//! `monkeytown spec close`, and what a person says at a gate.
//! Lives here: the record of a person, and closing a change that will not be made. Never here: what records add up to (see
//! `town::spec::lifecycle`), or archiving.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape};
use super::status;
use crate::config::spec_place;
use crate::git::Repo;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::record::{Gate, Record, Verdict};
use crate::town::spec::state::State;
use crate::town::spec::status_line::project_status;

/// Close a change that will not be made
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("why").required(true).args(["superseded_by", "withdrawn"]))]
#[command(after_help = "\
Writes the record of it into the change's gates/, in the name that git knows you by, and rewrites
the Status: line. The change stays where it is, and nothing overlaps with it any more.

Examples:
  monkeytown spec close add-login --superseded-by add-passkeys
  monkeytown spec close add-login --withdrawn --reason 'Nobody asks for it any more.'")]
pub struct Args {
    /// The change's name
    #[arg(value_name = "CHANGE")]
    name: String,
    /// The change that takes its place
    #[arg(long, value_name = "OTHER")]
    superseded_by: Option<String>,
    /// Nobody wants it any more
    #[arg(long, requires = "reason")]
    withdrawn: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Closed {
    change: String,
    state: State,
    record: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    close: &'a Closed,
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::within(context, Shape::default().with("close", ()), |desk| close(context, desk, args))
}

fn refused(message: String, fix: &str) -> Failure {
    Failure::new("close_error", message).fix(fix)
}

fn close(context: &Context, desk: &Desk, args: &Args) -> Result<u8, Failure> {
    let project = desk.project();
    status::looked_up(&project, &project.changes(), &args.name)?;
    let mut evidence: Vec<String> = Vec::new();
    let verdict = match &args.superseded_by {
        Some(other) if *other == args.name => {
            return Err(refused(format!("`{other}` cannot take its own place"), "Name another change."));
        }
        Some(other) => {
            let is_archived = || {
                let is_it = |folder: &&str| crate::town::spec::plan::archived_on(&project, other, folder).is_some();
                project.archived().iter().any(|folder| *folder == other || is_it(folder))
            };
            if !project.has_change(other) && !is_archived() {
                let message = format!("there is no change `{}` that could take its place", other.escape_debug());
                return Err(refused(message, "Name one that is open or archived."));
            }
            evidence.push(format!("superseded by {other}"));
            Verdict::Superseded
        }
        None => Verdict::Withdrawn,
    };
    evidence.extend(args.reason.clone());
    let folder = project.change_path(&args.name);
    let past = desk.past(context);
    let life = Lifecycle::of(&project, &folder, &past);
    let record = said(Repo::open(&desk.root.base).ok().as_ref(), &life, &folder, Gate::Close, verdict, evidence)?;
    let mut after = desk.tree.clone();
    after.put_file(&record.path, record.write().into_bytes());
    let closed = Lifecycle::of(&desk.project_of(&after), &folder, &past);
    if !closed.steps.iter().any(|step| step.record.path == record.path && step.counts) {
        let message = format!("`{}` is {} and cannot be closed", args.name, life.state.name());
        return Err(refused(message, "See `monkeytown spec status --change` for what it is."));
    }
    desk.stays("close_error", &record.path)?;
    let place = desk.on_disk(&record.path);
    let failed = |error: std::io::Error| desk::unwritten("close_error", "write", &place, &error);
    spec_place::put(&place, record.write().as_bytes()).map_err(failed)?;
    rewritten(desk, &folder, closed.state)?;
    let closed = Closed { change: args.name.clone(), state: closed.state, record: record.path };
    if context.json {
        desk::json(&Answer { close: &closed, root: desk.root_out() })?;
    } else {
        say::answer(&format!("{} is {}: {}", closed.change, closed.state.name(), closed.record));
    }
    Ok(0)
}

/// What a person says at a gate, as the next record of a change.
///
/// # Errors
/// Git knows nobody here.
pub fn said(
    repo: Option<&Repo>,
    life: &Lifecycle,
    folder: &str,
    gate: Gate,
    verdict: Verdict,
    evidence: Vec<String>,
) -> Result<Record, Failure> {
    let (user, _) = repo.and_then(Repo::user).unwrap_or_default();
    let words = user.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let mut login = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    login.truncate(100);
    if login.is_empty() {
        let message = "a record says who speaks, and git knows nobody here".to_owned();
        return Err(Failure::new("nobody", message).fix("`git config user.name` says who you are; use your login."));
    }
    let commit = repo.and_then(|repo| repo.head_commit().ok().flatten()).map(|commit| commit.to_string());
    let path = Record::next_path(folder, life.last_number, gate);
    let number = life.last_number.saturating_add(1);
    let content_hash = life.content_hash.clone();
    let actor = format!("human:{login}");
    Ok(Record { number, gate, verdict, actor, run: None, commit, content_hash, findings: Vec::new(), evidence, path })
}

/// Rewrites the `Status:` line of the change in a folder; says whether it said something else.
///
/// # Errors
/// The file cannot be written.
pub fn rewritten(desk: &Desk, folder: &str, state: State) -> Result<bool, Failure> {
    let path = format!("{folder}/proposal.md");
    let text = desk.tree.bytes(&path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let Some(text) = text.and_then(|text| project_status(text, state)) else { return Ok(false) };
    desk.stays("status_error", &path)?;
    let place = desk.on_disk(&path);
    spec_place::put(&place, text.as_bytes())
        .map_err(|error| desk::unwritten("status_error", "write", &place, &error))?;
    Ok(true)
}
