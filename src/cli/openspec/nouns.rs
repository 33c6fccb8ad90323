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
    spec_id: Option<String>,
    #[command(flatten)]
    how: show::OfSpec,
    /// As always
    #[arg(long)]
    no_interactive: bool,
}

/// What `change show` takes.
#[derive(Debug, ClapArgs)]
pub struct ShowChange {
    /// The change's name
    change_name: Option<String>,
    #[command(flatten)]
    how: show::OfChange,
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
    name: Option<String>,
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
    is_old(context, "spec", "show, list --specs and validate --specs");
    let outcome = match command {
        Spec::Show(args) => here(context, |project| {
            show::spec(context, project, &named(Kind::Spec, args.spec_id.as_ref())?, &args.how, None)
        }),
        Spec::List(args) => here(context, |project| list_specs(context, project, args)),
        Spec::Validate(args) => here(context, |project| validate(context, project, Kind::Spec, args)),
    };
    end(context, outcome)
}

/// Runs a command for changes.
///
/// # Errors
/// When the answer cannot be written.
pub fn change(context: &Context, command: &Change) -> anyhow::Result<u8> {
    is_old(context, "change", "show, list and validate --changes");
    let outcome = match command {
        Change::Show(args) => here(context, |project| {
            show::change(context, project, &named(Kind::Change, args.change_name.as_ref())?, &args.how, None)
        }),
        Change::List(args) => here(context, |project| list_changes(context, project, args)),
        Change::Validate(args) => here(context, |project| validate(context, project, Kind::Change, args)),
    };
    end(context, outcome)
}

fn here(context: &Context, answer: impl FnOnce(&Project<'_>) -> Result<u8, Failure>) -> Result<u8, Failure> {
    answer(&Desk::here(context, Archive::Names)?.project())
}

/// Ends a command. Where it fails these print nothing but the story, not even as JSON.
fn end(context: &Context, outcome: Result<u8, Failure>) -> anyhow::Result<u8> {
    let quiet =
        Context { json: false, dir: context.dir.clone(), env: context.env.clone(), secrets: context.secrets.clone() };
    desk::end(&quiet, Shape::default(), outcome)
}

fn is_old(context: &Context, noun: &str, newer: &str) {
    say::story(context, &format!("warning: `{noun} …` is the older spelling; the newer one is {newer}"));
}

/// The name that is given, which leads nowhere else.
fn named(kind: Kind, name: Option<&String>) -> Result<String, Failure> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(Failure::new("command_error", format!("no {} is named", kind.name())));
    };
    match name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        true => Err(Failure::new("command_error", format!("there is no {} {name:?}", kind.name()))),
        false => Ok(name.clone()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpecOut {
    id: String,
    title: String,
    requirement_count: usize,
}

fn list_specs(context: &Context, project: &Project<'_>, args: &List) -> Result<u8, Failure> {
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

fn list_changes(context: &Context, project: &Project<'_>, args: &List) -> Result<u8, Failure> {
    let changes = project.changes().into_iter().map(|name| change_out(project, name));
    let changes = changes.collect::<Result<Vec<ChangeOut>, Failure>>()?;
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
fn change_out(project: &Project<'_>, name: &str) -> Result<ChangeOut, Failure> {
    let failed = |fault| Failure::new("command_error", format!("the tasks of {name} cannot be counted: {fault}"));
    let progress = project.task_progress(name).map_err(failed)?.progress;
    let task_status = Tasks { total: progress.total, completed: progress.completed };
    let path = format!("{}/proposal.md", project.change_path(name));
    let (title, delta_count) = match project.tree().get(&path) {
        None => (name.to_owned(), 0),
        Some(_) => {
            let shown = project.text(&path).ok().and_then(|text| read::change(project, name, &text).ok());
            shown.map_or_else(|| ("Unknown".to_owned(), 0), |shown| (shown.title, shown.deltas.len()))
        }
    };
    Ok(ChangeOut { id: name.to_owned(), title, delta_count, task_status })
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

fn validate(context: &Context, project: &Project<'_>, kind: Kind, args: &Validate) -> Result<u8, Failure> {
    let name = named(kind, args.name.as_ref())?;
    let path = match kind {
        Kind::Change => project.change_path(&name),
        Kind::Spec => project.spec_path(&name),
    };
    if project.tree().get(&path).is_none() {
        return Err(Failure::new("command_error", format!("there is no {} {name:?} at {path}", kind.name())));
    }
    let checker = Checker::new(project, Profile::Openspec1);
    let issues = match kind {
        Kind::Change => checker.change(&name),
        Kind::Spec => checker.spec(&name),
    };
    let count = |level: Level| issues.iter().filter(|issue| issue.level == level).count();
    let summary = Summary { errors: count(Level::Error), warnings: count(Level::Warning), info: count(Level::Info) };
    let valid = summary.errors == 0 && !(args.strict && summary.warnings > 0);
    if context.json {
        desk::json(&Verdict { valid, issues, summary })?;
        // The reference says 0 of an invalid change here, and 1 of an invalid spec.
        return Ok(u8::from(!valid && kind == Kind::Spec));
    }
    report::item(kind, &name, valid, &issues);
    Ok(u8::from(!valid))
}
