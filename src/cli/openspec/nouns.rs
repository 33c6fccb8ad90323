//! `monkeytown openspec spec …` and `… change …`: the reference's older commands, which look only into the folder that they run
//! in.
//! Lives here: their arguments and shapes. Never here: the newer commands.

use clap::{Args as ClapArgs, Subcommand};
use serde::Serialize;

use super::super::spec::desk::{self, Desk, Failure, Shape};
use super::super::spec::select::Kind;
use super::super::spec::{report, show};
use super::super::{Context, say};
use crate::town::spec::issue::{Issue, Level};
use crate::town::spec::project::Project;
use crate::town::spec::rules::Profile;
use crate::town::spec::show as read;
use crate::town::spec::tree::Archive;
use crate::town::spec::validate::Checker;

/// Commands for specs.
#[derive(Debug, Subcommand)]
pub enum Spec {
    /// Print a spec
    Show(ShowSpec),
    /// List the specs
    List(List),
    /// Judge a spec
    Validate(Validate),
}

/// Commands for changes.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// Print a change
    Show(ShowChange),
    /// List the changes
    List(List),
    /// Judge a change
    Validate(Validate),
}

/// What `spec show` takes.
#[derive(Debug, ClapArgs)]
pub struct ShowSpec {
    /// The spec's id
    spec_id: String,
    /// With --json: requirements without their scenarios
    #[arg(long, conflicts_with = "requirement")]
    requirements: bool,
    /// With --json: leave the scenarios out
    #[arg(long)]
    no_scenarios: bool,
    /// With --json: only this requirement, counted from 1
    #[arg(short, long, value_name = "ID")]
    requirement: Option<String>,
    /// As always
    #[arg(long)]
    no_interactive: bool,
}

/// What `change show` takes.
#[derive(Debug, ClapArgs)]
pub struct ShowChange {
    /// The change's name
    change_name: String,
    /// With --json: only what it does
    #[arg(long, alias = "requirements-only")]
    deltas_only: bool,
    /// How each requirement differs from the main spec
    #[arg(long)]
    diff: bool,
    /// As always
    #[arg(long)]
    no_interactive: bool,
}

/// What both lists take.
#[derive(Debug, ClapArgs)]
pub struct List {
    /// Titles and counts too
    #[arg(long)]
    long: bool,
}

/// What both validations take.
#[derive(Debug, ClapArgs)]
pub struct Validate {
    /// The name or the id
    name: String,
    /// Warnings make it invalid too
    #[arg(long)]
    strict: bool,
    /// As always
    #[arg(long)]
    no_interactive: bool,
}

/// Runs a command for specs.
///
/// # Errors
/// When the answer cannot be written.
pub fn spec(context: &Context, command: &Spec) -> anyhow::Result<u8> {
    match command {
        Spec::Show(args) => show::run(
            context,
            &show::Args {
                name: Some(args.spec_id.clone()),
                kind: Some(Kind::Spec),
                requirements: args.requirements,
                no_scenarios: args.no_scenarios,
                requirement: args.requirement.clone(),
                ..show::Args::default()
            },
        ),
        Spec::List(args) => desk::end(context, Shape::default(), list_specs(context, args)),
        Spec::Validate(args) => desk::end(context, Shape::default(), validate(context, Kind::Spec, args)),
    }
}

/// Runs a command for changes.
///
/// # Errors
/// When the answer cannot be written.
pub fn change(context: &Context, command: &Change) -> anyhow::Result<u8> {
    match command {
        Change::Show(args) => show::run(
            context,
            &show::Args {
                name: Some(args.change_name.clone()),
                kind: Some(Kind::Change),
                diff: args.diff,
                deltas_only: args.deltas_only,
                ..show::Args::default()
            },
        ),
        Change::List(args) => desk::end(context, Shape::default(), list_changes(context, args)),
        Change::Validate(args) => desk::end(context, Shape::default(), validate(context, Kind::Change, args)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpecOut {
    id: String,
    title: String,
    requirement_count: usize,
}

fn list_specs(context: &Context, args: &List) -> Result<u8, Failure> {
    let desk = Desk::here(context, Archive::Names)?;
    let project = desk.project();
    let specs = project.specs().into_iter().map(|spec| {
        let text = project.text(&spec.path).ok();
        let count = text.and_then(|text| read::spec(&text).ok()).map_or(0, |read| read.requirements.len());
        SpecOut { title: spec.id.clone(), id: spec.id, requirement_count: count }
    });
    let specs: Vec<SpecOut> = specs.collect();
    let is_there = project.tree().is_folder(&project.below("specs"));
    if context.json && is_there {
        desk::json(&specs)?;
    } else if specs.is_empty() {
        say::answer("No items found");
    }
    for spec in specs.iter().filter(|_| !context.json) {
        match args.long {
            true => say::answer(&format!("{}: {} [requirements {}]", spec.id, spec.title, spec.requirement_count)),
            false => say::answer(&spec.id),
        }
    }
    Ok(0)
}

#[derive(Serialize)]
struct Tasks {
    total: usize,
    completed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeOut {
    id: String,
    title: String,
    delta_count: usize,
    task_status: Tasks,
}

fn list_changes(context: &Context, args: &List) -> Result<u8, Failure> {
    let desk = Desk::here(context, Archive::Names)?;
    let project = desk.project();
    let changes: Vec<ChangeOut> = project.changes().into_iter().map(|name| change_out(&project, name)).collect();
    if context.json {
        desk::json(&changes)?;
        return Ok(0);
    }
    if changes.is_empty() {
        say::answer("No items found");
    }
    for change in &changes {
        let ChangeOut { id, title, delta_count, task_status: Tasks { total, completed } } = change;
        let tasks = if *total > 0 { format!(" [tasks {completed}/{total}]") } else { String::new() };
        match args.long {
            true => say::answer(&format!("{id}: {title} [deltas {delta_count}]{tasks}")),
            false => say::answer(id),
        }
    }
    Ok(0)
}

/// A proposal that is there and cannot be read has no title that anybody knows.
fn change_out(project: &Project<'_>, name: &str) -> ChangeOut {
    let progress = project.task_progress(name).unwrap_or_default().progress;
    let task_status = Tasks { total: progress.total, completed: progress.completed };
    let path = format!("{}/proposal.md", project.change_path(name));
    let (title, delta_count) = match project.tree().get(&path) {
        None => (name.to_owned(), 0),
        Some(_) => {
            let shown = project.text(&path).ok().and_then(|text| read::change(project, name, &text).ok());
            shown.map_or_else(|| ("Unknown".to_owned(), 0), |shown| (shown.title, shown.deltas.len()))
        }
    };
    ChangeOut { id: name.to_owned(), title, delta_count, task_status }
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    info: usize,
}

#[derive(Serialize)]
struct Verdict {
    valid: bool,
    issues: Vec<Issue>,
    summary: Summary,
}

fn validate(context: &Context, kind: Kind, args: &Validate) -> Result<u8, Failure> {
    let desk = Desk::here(context, Archive::Names)?;
    let project = desk.project();
    let path = match kind {
        Kind::Change => project.change_path(&args.name),
        Kind::Spec => project.spec_path(&args.name),
    };
    if project.tree().get(&path).is_none() || args.name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Failure::new("command_error", format!("there is no {} {:?} at {path}", kind.name(), args.name)));
    }
    let checker = Checker::new(&project, Profile::Openspec1);
    let issues = match kind {
        Kind::Change => checker.change(&args.name),
        Kind::Spec => checker.spec(&args.name),
    };
    let count = |level: Level| issues.iter().filter(|issue| issue.level == level).count();
    let summary = Summary { errors: count(Level::Error), warnings: count(Level::Warning), info: count(Level::Info) };
    let valid = summary.errors == 0 && !(args.strict && summary.warnings > 0);
    if context.json {
        desk::json(&Verdict { valid, issues, summary })?;
        // The reference says 0 of an invalid change here, and 1 of an invalid spec.
        return Ok(u8::from(!valid && kind == Kind::Spec));
    }
    report::item(kind, &args.name, valid, &issues);
    Ok(u8::from(!valid))
}
