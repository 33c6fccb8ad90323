//! `monkeytown spec next`.
//! Lives here: printing the order of open changes, with what each of them waits for. Never here: the order (see `town::spec::queue`).

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape};
use crate::town::spec::project::Project;
use crate::town::spec::queue::{self, Overlap, Queued, Tangle};

/// Say which open change comes next, and why the others wait
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A change says `depends_on: [OTHER]` in its .openspec.yaml. Of those that wait for nobody the first by name comes next. \
Exit code 1 says that changes wait for each other, or for one that is neither open nor archived.")]
pub struct Args {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(flatten)]
    queued: Queued,
    completed_tasks: usize,
    total_tasks: usize,
    /// Changes that work on one of its requirements.
    overlaps: Vec<String>,
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    next: Option<&'a str>,
    queue: &'a [Place],
    overlaps: &'a [Overlap],
    tangles: &'a [Tangle],
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, _: &Args) -> anyhow::Result<u8> {
    let empty = Shape::default().with("next", ()).with("queue", [(); 0]);
    let empty = empty.with("overlaps", [(); 0]).with("tangles", [(); 0]);
    desk::within(context, empty, |desk| next(context, desk))
}

fn next(context: &Context, desk: &Desk) -> Result<u8, Failure> {
    let project = desk.project();
    let queue = queue::queue(&project);
    let overlaps = queue::overlap(&project);
    let places: Vec<Place> = queue.changes.into_iter().map(|queued| place(&project, queued, &overlaps)).collect();
    let next = places.iter().find(|place| place.queued.waits_for.is_empty()).map(|place| place.queued.name.as_str());
    let code = u8::from(!queue.tangles.is_empty());
    if context.json {
        let answer =
            Answer { next, queue: &places, overlaps: &overlaps, tangles: &queue.tangles, root: desk.root_out() };
        desk::json(&answer)?;
        return Ok(code);
    }
    say::answer(
        &next.map_or("There is no open change that could come next.".to_owned(), |name| format!("next: {name}")),
    );
    for (number, place) in places.iter().enumerate() {
        let reasons = place.reasons.join("; ");
        say::answer(format!("{:>3}. {}  {reasons}", number + 1, place.queued.name).trim_end());
    }
    for tangle in &queue.tangles {
        say::answer(&format!("error: {}", tangle.said()));
    }
    Ok(code)
}

fn place(project: &Project<'_>, queued: Queued, overlaps: &[Overlap]) -> Place {
    let tasks = project.task_progress(&queued.name).unwrap_or_default().progress;
    let shared = overlaps.iter().filter(|overlap| overlap.changes.iter().any(|(name, _)| *name == queued.name));
    let mut others: Vec<String> = Vec::new();
    let mut reasons = Vec::new();
    if !queued.waits_for.is_empty() {
        reasons.push(format!("waits for {}", queued.waits_for.join(", ")));
    }
    for overlap in shared {
        let names = overlap.changes.iter().map(|(name, _)| name).filter(|name| **name != queued.name);
        let names: Vec<&str> = names.map(String::as_str).collect();
        reasons.push(format!(
            "works on `{}` of {}, as {} does",
            overlap.requirement,
            overlap.capability,
            names.join(", ")
        ));
        others.extend(names.into_iter().map(str::to_owned));
    }
    others.sort();
    others.dedup();
    if tasks.total > tasks.completed {
        reasons.push(format!("{} of {} tasks are open", tasks.total - tasks.completed, tasks.total));
    }
    Place { queued, completed_tasks: tasks.completed, total_tasks: tasks.total, overlaps: others, reasons }
}
