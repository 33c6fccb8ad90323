//! `monkeytown spec sync`.
//! Lives here: merging deltas into the main specs of the working directory while the change stays open. Never here: the merge.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::archive;
use super::commit;
use super::desk::{self, Desk, Failure, RootOut, Shape};
use crate::config::spec_apply::{Bench, Work};
use crate::config::spec_tree::Root;
use crate::git::Repo;
use crate::town::spec::lifecycle::is_of_life;
use crate::town::spec::plan::{self, Options, Plan, Stop};
use crate::town::spec::plan_file::Outcome;
use crate::town::spec::plan_refusal::{Counts, Refusal};
use crate::town::spec::rules::Profile;
use crate::town::spec::validate;

/// Merge what a change says into the main specs, and leave the change where it is
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Writes the files of the working directory and commits nothing. Archiving a change that is synced finds nothing left to \
merge and moves it. Exit code 1 says that a merge was refused, and with --check that something is not merged yet.

Examples:
  monkeytown spec sync add-login
  monkeytown spec sync --check")]
pub struct Args {
    /// The change's name; with --check every open change where none is given
    #[arg(value_name = "CHANGE", required_unless_present = "check")]
    name: Option<String>,
    /// Say whether anything would change, and do nothing
    #[arg(long)]
    check: bool,
    /// How strict the rules are: openspec-1, ci or gated
    #[arg(long, value_parser = super::validate::profile)]
    profile: Option<Profile>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Synced {
    change: String,
    /// Capabilities whose spec changes.
    specs: Vec<String>,
    totals: Counts,
    warnings: Vec<String>,
    refusals: Vec<Refusal>,
    diff: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    sync: &'a [Synced],
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let empty = Shape::default().with("sync", ());
    // What an earlier run was killed at comes first: it changes what there is to read.
    match archive::bench(context, &Root::nearest(&context.dir), !args.check) {
        Ok((bench, _)) => desk::within(context, empty, |desk| sync(context, desk, bench.as_ref(), args)),
        Err(failure) => desk::within(context, empty, |_| Err(failure)),
    }
}

fn sync(context: &Context, desk: &Desk, bench: Option<&Bench>, args: &Args) -> Result<u8, Failure> {
    let project = desk.project();
    let names: Vec<String> = match &args.name {
        Some(name) => vec![name.clone()],
        None => {
            project.changes().into_iter().filter(|name| project.nested(name).is_none()).map(str::to_owned).collect()
        }
    };
    let mut all = Vec::new();
    for name in names {
        let plan = planned(desk, &name, args.profile);
        let is_missing =
            |stop| matches!(stop, Stop::NameInvalid | Stop::Symlink | Stop::NotFound | Stop::Namespace | Stop::Other);
        if args.check {
            if let Some(stopped) = plan.stops.iter().find(|stopped| is_missing(stopped.stop)) {
                return Err(archive::stopped(stopped));
            }
        } else {
            // Neither open tasks nor the archive are in the way of a merge.
            let passes =
                |stop: Stop| stop.asks() || matches!(stop, Stop::TargetExists | Stop::Archive | Stop::Dependency);
            if let Some(stopped) = plan.stops.iter().find(|stopped| !passes(stopped.stop)) {
                let failure = archive::stopped(stopped);
                // What is not valid is never merged here, so that there is no way around it to name.
                return Err(match stopped.stop {
                    Stop::ValidationFailed => {
                        failure.fix(format!("run `monkeytown spec validate {name}` and mend what it says"))
                    }
                    _ => failure,
                });
            }
            archive::completed(context, desk, &project, &name, archive::profile(&project, args.profile), None)?;
            write(context, bench, &name, &plan)?;
        }
        all.push(said(name, &plan));
    }
    answer(context, desk, args.check, &all)
}

fn planned(desk: &Desk, name: &str, profile: Option<Profile>) -> Plan {
    let project = desk.project();
    let level = archive::profile(&project, profile);
    let mut issues = validate::change(&project, name, level);
    // How the change stands is asked apart from what it says.
    issues.retain(|issue| !is_of_life(issue.code));
    let base = commit::base(Repo::open(&desk.root.base).ok().as_ref(), &project, name, None);
    let options = Options {
        // The archive's name plays no part here.
        date: "0000-00-00",
        careful: profile != Some(Profile::Openspec1),
        judges_deltas_only: false,
        skips_specs: false,
        logs: false,
        issues: Some(&issues),
        base,
    };
    plan::plan(&project, name, &options)
}

fn write(context: &Context, bench: Option<&Bench>, name: &str, plan: &Plan) -> Result<(), Failure> {
    let Some(bench) = bench.filter(|_| plan.writes()) else { return Ok(()) };
    let work = Work { moves: None, ..archive::work(plan) };
    let halt = context.env.halt_at();
    bench.apply(&work, name, &|step| super::super::run::halt(halt, step)).map_err(archive::failed)
}

fn said(change: String, plan: &Plan) -> Synced {
    let changed = plan.updates.iter().filter(|update| update.outcome != Outcome::Keep);
    Synced {
        change,
        specs: changed.map(|update| update.id.clone()).collect(),
        totals: plan.totals.unwrap_or_default(),
        warnings: plan.warnings.clone(),
        refusals: plan.refusals.clone(),
        diff: archive::diff(plan),
    }
}

fn answer(context: &Context, desk: &Desk, check: bool, all: &[Synced]) -> Result<u8, Failure> {
    let is_open = |synced: &Synced| !synced.specs.is_empty() || !synced.refusals.is_empty();
    let code = u8::from(check && all.iter().any(is_open));
    if context.json {
        desk::json(&Answer { sync: all, root: desk.root_out() })?;
        return Ok(code);
    }
    for synced in all {
        for warning in &synced.warnings {
            say::story(context, &format!("warning: {warning}"));
        }
        for refusal in &synced.refusals {
            say::answer(&format!("{}: cannot be merged: {}", synced.change, refusal.message));
            say::answer(&format!("  fix: {}", refusal.fix));
        }
        let specs = synced.specs.join(", ");
        match (synced.specs.is_empty(), check) {
            (true, _) if synced.refusals.is_empty() => say::answer(&format!("{}: nothing to merge", synced.change)),
            (true, _) => {}
            (false, true) => {
                say::answer(&format!("{}: not merged into {specs}\n{}", synced.change, synced.diff.trim_end()))
            }
            (false, false) => say::answer(&format!("{}: merged into {specs}", synced.change)),
        }
    }
    Ok(code)
}
