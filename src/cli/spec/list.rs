//! `monkeytown spec list`.
//! Lives here: gathering and printing. Never here: what a change or a spec is.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use crate::config::{parallel, spec_tree};
use crate::town::spec::nested::Nested;
use crate::town::spec::project::Project;
use crate::town::spec::show;
use crate::town::spec::tree::Archive;

/// List the changes, or the specs
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// List the specs
    #[arg(long)]
    pub specs: bool,
    /// List the changes, as without it
    #[arg(long, conflicts_with = "specs")]
    pub changes: bool,
    /// What comes first: the change that was last worked on, or the first name
    #[arg(long, value_enum, default_value = "recent")]
    pub sort: Sort,
}

/// The order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// The last that was worked on comes first.
    Recent,
    /// By name, by code points.
    Name,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeOut {
    name: String,
    completed_tasks: usize,
    total_tasks: usize,
    last_modified: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nested: Option<Vec<String>>,
    #[serde(skip)]
    time: DateTime<Utc>,
}

#[derive(Serialize)]
struct Warning {
    code: &'static str,
    name: String,
    nested: Vec<String>,
    message: String,
}

#[derive(Serialize)]
struct Changes<'a> {
    changes: &'a [ChangeOut],
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    warnings: &'a [Warning],
    root: RootOut,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpecOut {
    id: String,
    requirement_count: usize,
}

#[derive(Serialize)]
struct Specs<'a> {
    specs: &'a [SpecOut],
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let empty = Shape::default().with(if args.specs { "specs" } else { "changes" }, [(); 0]).with("root", ());
    desk::end(context, empty, list(context, args))
}

fn list(context: &Context, args: &Args) -> Result<u8, Failure> {
    // Projects from before there was a config are known by this file.
    let is_old = context.dir.join("openspec/project.md").exists();
    let without = if is_old { Without::Here } else { Without::Fail };
    let desk = Desk::open(context, without, Archive::Names)?;
    let project = desk.project();
    if args.specs { specs(context, &desk, &project) } else { changes(context, &desk, &project, args.sort) }
}

fn specs(context: &Context, desk: &Desk, project: &Project<'_>) -> Result<u8, Failure> {
    let count = |path: &str| project.text(path).ok().and_then(|text| show::spec(&text).ok());
    let specs: Vec<SpecOut> = project
        .specs()
        .into_iter()
        .map(|spec| SpecOut {
            requirement_count: count(&spec.path).map_or(0, |read| read.requirements.len()),
            id: spec.id,
        })
        .collect();
    if context.json {
        desk::json(&Specs { specs: &specs, root: desk.root_out() })?;
    } else if specs.is_empty() {
        say::answer("No specs.");
    } else {
        let width = specs.iter().map(|spec| spec.id.chars().count()).max().unwrap_or(0);
        for spec in &specs {
            say::answer(&format!("{:<width$}  {}", spec.id, say::many(spec.requirement_count, "requirement")));
        }
    }
    Ok(0)
}

fn changes(context: &Context, desk: &Desk, project: &Project<'_>, sort: Sort) -> Result<u8, Failure> {
    let read = parallel::map(&project.listed(), SHARE, |name| change(desk, project, name));
    let mut found = read.into_iter().collect::<Result<Vec<ChangeOut>, Failure>>()?;
    let warnings: Vec<Warning> = found.iter().filter_map(warning).collect();
    if sort == Sort::Recent {
        found.sort_by_key(|change| std::cmp::Reverse(change.time));
    }
    if context.json {
        desk::json(&Changes { changes: &found, warnings: &warnings, root: desk.root_out() })?;
        return Ok(0);
    }
    if found.is_empty() {
        say::answer("No open changes.");
    }
    let now = context.env.clock().map_err(|error| Failure::new("list_error", error.to_string()))?.now();
    let width = found.iter().map(|change| change.name.chars().count()).max().unwrap_or(0);
    for change in &found {
        let tasks = match (&change.nested, change.total_tasks) {
            (Some(_), _) => "no change".to_owned(),
            (None, 0) => "no tasks".to_owned(),
            (None, total) => format!("{} of {total} tasks", change.completed_tasks),
        };
        let age = say::ago((now - change.time).num_seconds());
        say::answer(&format!("{:<width$}  {tasks:<18}  {age} ago", change.name));
    }
    for warning in &warnings {
        say::story(context, &format!("warning: {}", warning.message));
    }
    Ok(0)
}

/// Changes that one thread looks at at a time.
const SHARE: usize = 32;

/// That a folder is no change.
fn warning(change: &ChangeOut) -> Option<Warning> {
    let nested = change.nested.clone()?;
    let (code, name) = ("nested_change_directory", change.name.clone());
    let message = said(&Nested { name: name.clone(), nested: nested.clone() });
    Some(Warning { code, name, nested, message })
}

fn change(desk: &Desk, project: &Project<'_>, name: &str) -> Result<ChangeOut, Failure> {
    let progress = project.task_progress(name).map_err(|fault| {
        Failure::new("list_error", format!("the tasks of {name} cannot be counted: {fault}"))
            .fix("put the files themselves into the change, in place of links")
    });
    let progress = progress?.progress;
    let nested = project.nested(name);
    let time = rounded(spec_tree::modified(&desk.on_disk(&project.change_path(name))));
    Ok(ChangeOut {
        name: name.to_owned(),
        completed_tasks: progress.completed,
        total_tasks: progress.total,
        last_modified: time.to_rfc3339_opts(SecondsFormat::Millis, true),
        status: match progress.total {
            0 => "no-tasks",
            total if total == progress.completed => "complete",
            _ => "in-progress",
        },
        nested: nested.map(|nested| nested.nested),
        time,
    })
}

/// What is wrong with a folder that wraps changes.
#[must_use]
pub fn said(nested: &Nested) -> String {
    let flat = nested.nested.first().map(|path| path.replace('/', "-")).unwrap_or_default();
    format!(
        "{} is no change but a folder around {}; a change stands directly below changes/, so rename them, for example to {flat}",
        nested.name,
        nested.nested.join(", ")
    )
}

/// The time in whole milliseconds, the nearest.
fn rounded(time: SystemTime) -> DateTime<Utc> {
    let time = DateTime::<Utc>::from(time);
    let millis = time.timestamp_millis() + i64::from(time.timestamp_subsec_nanos() % 1_000_000 >= 500_000);
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
