//! `monkeytown spec show`.
//! Lives here: choosing the item and printing it, as it is written or as a value. Never here: reading it (see `town::spec::show`).

use std::io::IsTerminal as _;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use super::list::said;
use super::select::{self, Kind};
use crate::town::spec::project::Project;
use crate::town::spec::sections::Missing;
use crate::town::spec::show::{self, Operation, Requirement};
use crate::town::spec::tree::{Archive, Fault};

/// Print a change or a spec: as it is written, or as a value with --json
#[derive(Debug, Default, ClapArgs)]
pub struct Args {
    /// The change's name or the spec's id
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// What it is, where a change and a spec have one name
    #[arg(long = "type", value_enum, value_name = "KIND")]
    pub kind: Option<Kind>,
    /// How a change is shown.
    #[command(flatten)]
    pub of_change: OfChange,
    /// How a spec is shown.
    #[command(flatten)]
    pub of_spec: OfSpec,
}

/// How a change is shown, in either spelling of the command.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct OfChange {
    /// Of a change: how each requirement differs from the main spec
    #[arg(long)]
    pub diff: bool,
    /// Of a change, with --json: only what it does (as without it)
    #[arg(long, alias = "requirements-only")]
    pub deltas_only: bool,
}

/// How a spec is shown, likewise.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct OfSpec {
    /// Of a spec, with --json: requirements without their scenarios
    #[arg(long)]
    pub requirements: bool,
    /// Of a spec, with --json: leave the scenarios out
    #[arg(long)]
    pub no_scenarios: bool,
    /// Of a spec, with --json: only this requirement, counted from 1
    #[arg(short, long, value_name = "N", allow_hyphen_values = true)]
    pub requirement: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeOut {
    id: String,
    title: String,
    delta_count: usize,
    deltas: Vec<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<RootOut>,
}

#[derive(Serialize)]
struct Format {
    version: &'static str,
    format: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpecOut {
    id: String,
    title: String,
    overview: String,
    requirement_count: usize,
    requirements: Vec<Requirement>,
    metadata: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<RootOut>,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::end(context, Shape::default(), item(context, args))
}

fn item(context: &Context, args: &Args) -> Result<u8, Failure> {
    let desk = Desk::open(context, Without::Here, Archive::Names)?;
    let project = desk.project();
    let Some(name) = &args.name else {
        return Err(
            Failure::new("show_error", "nothing is named").fix("monkeytown spec show NAME; spec list has the names")
        );
    };
    let root = Some(desk.root_out());
    match select::kind(&project, name, args.kind)? {
        Kind::Change => change(context, &project, name, &args.of_change, root),
        Kind::Spec => spec(context, &project, name, &args.of_spec, root),
    }
}

fn unreadable(path: &str, fault: Fault) -> Failure {
    let (why, fix) = fault.words();
    Failure::new("show_error", format!("{path}: {why}")).fix(fix)
}

/// Shows a change.
///
/// # Errors
/// There is none, or it cannot be read, or it lacks what it must say to be a value.
pub fn change(
    context: &Context,
    project: &Project<'_>,
    name: &str,
    how: &OfChange,
    root: Option<RootOut>,
) -> Result<u8, Failure> {
    let failed = |message: String| Failure::new("show_error", message);
    let path = format!("{}/proposal.md", project.change_path(name));
    if project.tree().get(&path).is_none() {
        return Err(match project.nested(name) {
            _ if !project.can_be_named(name) => failed(format!("there is no change {name:?}")),
            Some(nested) => failed(said(&nested)),
            None => failed(format!("{name} has no proposal.md yet"))
                .fix(format!("monkeytown spec status --change {name} says what comes next")),
        });
    }
    let text = project.text(&path).map_err(|fault| unreadable(&path, fault))?;
    if !context.json {
        print(&text);
        if how.diff {
            diffs(project, name);
        }
        return Ok(0);
    }
    let mut read = show::change(project, name, &text).map_err(|fault| failed(format!("{path}: {fault}")))?;
    if how.diff {
        show::add_diffs(project, name, &mut read.deltas);
    }
    desk::json(&ChangeOut {
        id: name.to_owned(),
        title: read.title,
        delta_count: read.deltas.len(),
        deltas: read.deltas,
        root,
    })?;
    Ok(0)
}

/// Prints a file as it is. Only a terminal is kept from what could move its cursor.
fn print(text: &str) {
    if std::io::stdout().is_terminal() {
        text.split('\n').for_each(say::answer);
    } else {
        say::raw(text);
    }
}

/// What each delta does; the proposal need not say anything for that.
fn diffs(project: &Project<'_>, name: &str) {
    let mut deltas = show::deltas(project, name).1;
    show::add_diffs(project, name, &mut deltas);
    for delta in &deltas {
        say::answer(&format!("\n{} {}: {}", delta.operation, delta.spec, delta.description));
        for text in [&delta.warning, &delta.diff].into_iter().flatten() {
            text.lines().for_each(|line| say::answer(&format!("    {line}")));
        }
    }
}

/// Shows a spec.
///
/// # Errors
/// There is none, or it cannot be read, or it lacks what it must say to be a value.
pub fn spec(
    context: &Context,
    project: &Project<'_>,
    id: &str,
    how: &OfSpec,
    root: Option<RootOut>,
) -> Result<u8, Failure> {
    let failed = |message: String| Failure::new("show_error", message);
    let path = project.spec_path(id);
    let known = project.specs().into_iter().find(|spec| spec.id == id);
    if let Some(fault) = known.and_then(|spec| spec.fault) {
        return Err(unreadable(&path, fault));
    }
    if project.tree().get(&path).is_none() {
        return Err(failed(format!("there is no spec {id:?} at {path}")));
    }
    let text = project.text(&path).map_err(|fault| unreadable(&path, fault))?;
    if !context.json {
        print(&text);
        return Ok(0);
    }
    if how.requirements && how.requirement.is_some() {
        return Err(failed("--requirements and --requirement exclude each other".to_owned()));
    }
    let read = show::spec(&text).map_err(|missing| {
        let title = match missing {
            Missing::Purpose => "Purpose",
            Missing::Requirements => "Requirements",
        };
        failed(format!("{path} has no section `## {title}`"))
    })?;
    let mut requirements = read.requirements;
    if let Some(wanted) = how.requirement.as_ref().filter(|wanted| !wanted.is_empty()) {
        let number =
            wanted.trim_start().split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
        let index = number.and_then(|number: usize| number.checked_sub(1)).filter(|index| *index < requirements.len());
        let index =
            index.ok_or_else(|| failed(format!("{id} has no requirement {wanted}; it has {}", requirements.len())))?;
        requirements = vec![requirements.swap_remove(index)];
    }
    if how.no_scenarios || how.requirements {
        requirements.iter_mut().for_each(|requirement| requirement.scenarios.clear());
    }
    desk::json(&SpecOut {
        id: id.to_owned(),
        title: id.to_owned(),
        overview: read.overview,
        requirement_count: requirements.len(),
        requirements,
        metadata: Format { version: "1.0.0", format: "openspec" },
        root,
    })?;
    Ok(0)
}
