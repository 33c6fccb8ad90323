//! `monkeytown spec archive`, and what `monkeytown openspec archive` calls.
//! Lives here: arguments, the order of asking and doing, the answer. Never here: what is merged (see `town::spec::plan`), the commit
//! (see `commit`), the files of a working directory (see `config::spec_apply`).

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use git2::Oid;
use serde::Serialize;

use super::super::{Context, say};
use super::close;
use super::commit::{self, Ground};
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use super::select;
use crate::config::spec_apply::{ApplyError, Bench, Ended, FileWork, Work};
use crate::config::spec_tree::Root;
use crate::git::Repo;
use crate::git::spec_archive::Written;
use crate::town::changeset::{self, Blob, FileChange};
use crate::town::spec::base::Base;
use crate::town::spec::issue::Issue;
use crate::town::spec::lifecycle::{Lifecycle, is_of_life};
use crate::town::spec::plan::{self, Options, Plan, Stop, Stopped};
use crate::town::spec::plan_file::{FileUpdate, Outcome};
use crate::town::spec::plan_refusal::Counts;
use crate::town::spec::project::Project;
use crate::town::spec::record::{Gate, Verdict};
use crate::town::spec::rules::Profile;
use crate::town::spec::state::State;
use crate::town::spec::status_line::project_status;
use crate::town::spec::tree::Archive;
use crate::town::spec::validate;

/// Merge what a change says into the main specs, and move it to the archive
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Both happen in one commit on a branch of its own, made from what is committed; a branch that is checked out follows. \
Requirements that another change has changed since this one was written are merged scenario by scenario, or refused \
with both texts. Exit code 1 says that nothing was done, and why.

Examples:
  monkeytown spec archive add-login --dry-run
  monkeytown spec archive add-login --yes
  git merge spec/archive-add-login")]
pub struct Args {
    /// The change's name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Do it although tasks are open, main specs change, or nothing is checked
    #[arg(short, long)]
    yes: bool,
    /// Print the diff of the main specs and the name in the archive, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Move the change, and leave the main specs alone
    #[arg(long)]
    skip_specs: bool,
    /// Do not validate the change and the merged specs; needs --yes
    #[arg(long)]
    no_validate: bool,
    /// How strict the rules are: openspec-1, ci or gated
    #[arg(long, value_parser = super::validate::profile)]
    profile: Option<Profile>,
    /// The branch that gets the commit; spec/archive-NAME unless said otherwise
    #[arg(long, value_name = "BRANCH", conflicts_with = "in_place")]
    branch: Option<String>,
    /// Why it is archived although it is not Completed (profile gated); the record says it
    #[arg(long, value_name = "REASON", conflicts_with = "in_place")]
    anyway: Option<String>,
    /// Write the files of the working directory and commit nothing
    #[arg(long)]
    in_place: bool,
}

/// What is asked for, in either spelling.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The change.
    pub name: Option<String>,
    /// Passes what needs a yes.
    pub yes: bool,
    /// Does nothing.
    pub dry_run: bool,
    /// Moves only.
    pub skips_specs: bool,
    /// Whether nothing is checked.
    pub unchecked: bool,
    /// The set of levels; the config's where none is said.
    pub profile: Option<Profile>,
    /// The branch for the commit.
    pub branch: Option<String>,
    /// Why it is archived although its gates are not passed.
    pub anyway: Option<String>,
    /// Whether the files are written and nothing is committed.
    pub in_place: bool,
    /// Whether the day is the one of the place rather than of UTC.
    pub local_day: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    change: String,
    archived_as: String,
    path: String,
    specs_updated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Counts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changelog: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    archive: &'a Done,
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let asked = Asked {
        name: args.name.clone(),
        yes: args.yes,
        dry_run: args.dry_run,
        skips_specs: args.skip_specs,
        unchecked: args.no_validate,
        profile: args.profile,
        branch: args.branch.clone(),
        anyway: args.anyway.clone(),
        in_place: args.in_place,
        local_day: false,
    };
    answer(context, &asked)
}

/// Does what is asked for.
///
/// # Errors
/// When the answer cannot be written.
pub fn answer(context: &Context, asked: &Asked) -> anyhow::Result<u8> {
    let root = Root::nearest(&context.dir);
    let writes = asked.in_place && !asked.dry_run;
    let (bench, ended) = match bench(context, &root, writes) {
        Ok(found) => found,
        Err(failure) => return desk::end(context, Shape::default().with("archive", ()), Err(failure)),
    };
    let desk = match Desk::open(context, Without::Here, Archive::Names) {
        Ok(desk) => desk,
        Err(failure) => return desk::end(context, Shape::default().with("archive", ()), Err(failure)),
    };
    let empty = Shape::default().with("archive", ()).with("root", desk.root_out());
    let outcome = match ended {
        // One that was killed while it merged without moving leaves everything to do.
        Some(Ended { name, to: Some(to), wrote, .. }) if Some(&name) == asked.name.as_ref() => {
            resumed(context, &desk, name, &to, wrote)
        }
        _ => archive(context, &desk, bench.as_ref(), asked),
    };
    desk::end(context, empty, outcome)
}

/// The working directory where it is written to, after what an earlier process was killed at is ended, which is said.
///
/// # Errors
/// It cannot be ended.
pub fn bench(context: &Context, root: &Root, writes: bool) -> Result<(Option<Bench>, Option<Ended>), Failure> {
    if !root.is_found || !writes {
        return Ok((None, None));
    }
    let repo = Repo::open(&root.base).ok();
    let private: Option<PathBuf> = repo.map(|repo| repo.private_dir()).transpose().map_err(commit::failed)?;
    let (bench, ended) = Bench::open(&root.base, &root.openspec(), private.as_deref()).map_err(failed)?;
    if let Some(ended) = &ended {
        say::story(context, &format!("warning: {}", ended.said()));
    }
    Ok((Some(bench), ended))
}

/// A failure of writing.
#[must_use]
pub fn failed(error: ApplyError) -> Failure {
    let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    let code = match &error {
        ApplyError::Taken { .. } => Stop::TargetExists.code(),
        _ => Stop::Other.code(),
    };
    Failure::new(code, format!("{error}{why}"))
}

fn resumed(context: &Context, desk: &Desk, name: String, to: &str, wrote: bool) -> Result<u8, Failure> {
    let done = Done {
        change: name,
        archived_as: to.rsplit('/').next().unwrap_or_default().to_owned(),
        path: desk.on_disk(to).display().to_string(),
        specs_updated: wrote,
        totals: None,
        warnings: Vec::new(),
        changelog: None,
        branch: None,
        commit: None,
        diff: None,
    };
    say_done(context, desk, &done)
}

fn archive(context: &Context, desk: &Desk, bench: Option<&Bench>, asked: &Asked) -> Result<u8, Failure> {
    let here = desk.project();
    let Some(name) = asked.name.as_deref() else { return nameless(context, &here) };
    let profile = profile(&here, asked.profile);
    let clock = context.env.clock().map_err(|error| Failure::new(Stop::Other.code(), error.to_string()))?;
    let date = if asked.local_day { clock.local_day() } else { clock.now().format("%Y-%m-%d").to_string() };
    if asked.in_place {
        let base = commit::base(repo(desk).as_ref(), &here, name, None);
        let plan = planned(&here, name, profile, &date, asked, base);
        passed(&plan, asked.yes || asked.dry_run)?;
        if completed(context, desk, &here, name, profile, None)?.is_some() {
            let message = "in the profile gated archiving writes a record, and both are one commit".to_owned();
            return Err(Failure::new("archive_in_place_gated", message).fix("Leave --in-place out."));
        }
        if !asked.dry_run {
            let bench = bench.ok_or_else(|| Failure::new(Stop::Other.code(), "there is no openspec/ to write to"))?;
            let halt = context.env.halt_at();
            bench.apply(&work(&plan), name, &|step| super::super::run::halt(halt, step)).map_err(failed)?;
        }
        let mut done = done(desk, name, &plan, asked);
        if let Some(path) = here.changelog().filter(|_| asked.profile != Some(Profile::Openspec1)) {
            done.warnings.push(format!("nothing was entered in {path}: only a commit does that"));
        }
        return say_done(context, desk, &done);
    }
    let ground = Ground::for_change(desk, "archive", name, asked.branch.as_deref())?;
    let project = ground.project(desk);
    if let Some(commit) = ground.finished.filter(|_| !project.changes().contains(&name)) {
        return finished(context, desk, &project, name, commit);
    }
    let base = commit::base(Some(&ground.repo), &project, name, Some(ground.at));
    let plan = planned(&project, name, profile, &date, asked, base);
    passed(&plan, asked.yes || asked.dry_run)?;
    let more = match completed(context, desk, &project, name, profile, asked.anyway.as_deref())? {
        Some(life) => put_away(&ground, &project, name, &plan, &life, asked.anyway.as_deref())?,
        None => Vec::new(),
    };
    ground.clean(desk, &plan)?;
    let mut done = done(desk, name, &plan, asked);
    done.path = ground.shown(desk, &plan.moves.1);
    if !asked.dry_run {
        let commit = ground.archive(name, &plan, more, clock.now().timestamp())?;
        (done.branch, done.commit) = (Some(ground.branch.clone()), Some(commit.to_string()));
    }
    say_done(context, desk, &done)
}

/// In the profile gated, how the change stands; it must be Completed, unless a person says why it is merged anyway.
///
/// # Errors
/// It is not.
pub fn completed(
    context: &Context,
    desk: &Desk,
    project: &Project<'_>,
    name: &str,
    profile: Profile,
    anyway: Option<&str>,
) -> Result<Option<Lifecycle>, Failure> {
    if profile != Profile::Gated {
        return Ok(None);
    }
    let life = Lifecycle::of(project, &project.change_path(name), &desk.past(context));
    if life.state == State::Completed || anyway.is_some() {
        return Ok(Some(life));
    }
    let message = format!("`{name}` is {} and not Completed; next: {}", life.state.name(), life.next.act);
    let fix = "Let its gates pass, or let `spec archive --anyway REASON` write down why not.";
    Err(Failure::new("archive_not_completed", message).fix(fix))
}

/// The record of a person's archiving and the `Status:` line, at the change's new place.
fn put_away(
    ground: &Ground,
    project: &Project<'_>,
    name: &str,
    plan: &Plan,
    life: &Lifecycle,
    anyway: Option<&str>,
) -> Result<Written, Failure> {
    let (from, to) = (project.change_path(name), &plan.moves.1);
    let merged = format!("{from}: the merge is what `monkeytown spec archive {name} --dry-run` shows");
    let why = anyway.filter(|_| life.state != State::Completed);
    let why = why.map(|why| format!("archived while it was {}: {why}", life.state.name()));
    let evidence = [Some(merged), why].into_iter().flatten().collect();
    let record = close::said(Some(&ground.repo), life, to, Gate::Archive, Verdict::Archived, evidence)?;
    let mut more: Written = vec![(record.path.clone(), Some(record.write().into_bytes().into()))];
    let text = project.tree().bytes(&format!("{from}/proposal.md")).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.and_then(|text| project_status(text, State::Archived));
    more.extend(text.map(|text| (format!("{to}/proposal.md"), Some(text.into_bytes().into()))));
    Ok(more)
}

/// The commit of the same change was made before, and only its files were still on the way.
fn finished(context: &Context, desk: &Desk, project: &Project<'_>, name: &str, commit: Oid) -> Result<u8, Failure> {
    let archived_as = project.archived().into_iter().rfind(|folder| folder.ends_with(name)).unwrap_or(name).to_owned();
    let archive = project.config().archive_dir.as_deref().unwrap_or("changes/archive");
    let done = Done {
        change: name.to_owned(),
        path: desk.on_disk(&project.below(&format!("{archive}/{archived_as}"))).display().to_string(),
        archived_as,
        specs_updated: true,
        totals: None,
        warnings: vec!["an earlier run was interrupted; it was ended now".to_owned()],
        changelog: None,
        branch: None,
        commit: Some(commit.to_string()),
        diff: None,
    };
    say_done(context, desk, &done)
}

/// Without a name there is nothing to choose from on a terminal that may be none.
fn nameless(context: &Context, project: &Project<'_>) -> Result<u8, Failure> {
    if project.listed().is_empty() && !context.json {
        say::answer("There is no open change.");
        return Ok(0);
    }
    let failure = Failure::new("archive_change_name_required", "which change is to be archived? give its name");
    Err(failure.fix(select::open_changes(project)))
}

/// The profile that counts.
#[must_use]
pub fn profile(project: &Project<'_>, asked: Option<Profile>) -> Profile {
    let of_config = || project.config().profile.as_deref().and_then(Profile::named);
    asked.or_else(of_config).unwrap_or_default()
}

/// The repository around a desk, where there is one.
fn repo(desk: &Desk) -> Option<Repo> {
    Repo::open(&desk.root.base).ok()
}

fn planned(project: &Project<'_>, name: &str, profile: Profile, date: &str, asked: &Asked, base: Base) -> Plan {
    let mut issues: Option<Vec<Issue>> = (!asked.unchecked).then(|| validate::change(project, name, profile));
    // How the change stands is asked apart from what it says.
    issues.iter_mut().for_each(|issues| issues.retain(|issue| !is_of_life(issue.code)));
    let options = Options {
        date,
        careful: asked.profile != Some(Profile::Openspec1),
        judges_deltas_only: asked.profile == Some(Profile::Openspec1),
        skips_specs: asked.skips_specs,
        logs: asked.profile != Some(Profile::Openspec1) && !asked.in_place,
        issues: issues.as_deref(),
        base,
    };
    plan::plan(project, name, &options)
}

/// Fails with the first thing that is in the way.
///
/// # Errors
/// It.
pub fn passed(plan: &Plan, yes: bool) -> Result<(), Failure> {
    plan.stopped(yes).map_or(Ok(()), |stop| Err(stopped(stop)))
}

/// Something in the way, as a failure.
#[must_use]
pub fn stopped(Stopped { stop, message, fix }: &Stopped) -> Failure {
    let failure = Failure::new(stop.code(), message.clone());
    match fix {
        Some(fix) => failure.fix(fix.clone()),
        None => failure,
    }
}

/// What a plan does to a working directory.
#[must_use]
pub fn work(plan: &Plan) -> Work {
    let changed = plan.updates.iter().filter(|update| update.outcome != Outcome::Keep);
    let file = |update: &FileUpdate| FileWork {
        path: update.path.clone(),
        before: update.before.clone(),
        after: update.after.clone(),
    };
    let logged = plan.logged.as_ref().map(|logged| FileWork {
        path: logged.path.clone(),
        before: Some(logged.before.clone()),
        after: Some(logged.after.clone()),
    });
    Work { files: changed.map(file).chain(logged).collect(), moves: Some(plan.moves.clone()) }
}

fn done(desk: &Desk, name: &str, plan: &Plan, asked: &Asked) -> Done {
    Done {
        change: name.to_owned(),
        archived_as: plan.archived_as.clone(),
        path: desk.on_disk(&plan.moves.1).display().to_string(),
        specs_updated: plan.writes(),
        totals: plan.totals,
        warnings: plan.warnings.clone(),
        changelog: plan.logged.as_ref().map(|logged| logged.path.clone()),
        branch: None,
        commit: None,
        diff: asked.dry_run.then(|| diff(plan)),
    }
}

/// The plan as a diff.
#[must_use]
pub fn diff(plan: &Plan) -> String {
    let side = |bytes: &Option<Arc<[u8]>>| bytes.clone().map(Blob::file);
    let change = |file: FileWork| FileChange { path: file.path, before: side(&file.before), after: side(&file.after) };
    changeset::unified(&work(plan).files.into_iter().map(change).collect::<Vec<_>>())
}

fn say_done(context: &Context, desk: &Desk, done: &Done) -> Result<u8, Failure> {
    if context.json {
        desk::json(&Answer { archive: done, root: desk.root_out() })?;
        return Ok(0);
    }
    for warning in &done.warnings {
        say::story(context, &format!("warning: {warning}"));
    }
    if let Some(diff) = &done.diff {
        say::answer(diff.trim_end());
    }
    if let Some(Counts { added, modified, removed, renamed }) = done.totals {
        say::answer(&format!("requirements: {added} added, {modified} modified, {removed} removed, {renamed} renamed"));
    }
    if let Some(path) = done.changelog.as_ref().filter(|_| done.diff.is_none()) {
        say::answer(&format!("entered in {path}"));
    }
    let verb = if done.diff.is_some() { "would be archived" } else { "is archived" };
    say::answer(&format!("{} {verb} as {}", done.change, done.archived_as));
    if let (Some(branch), Some(commit)) = (&done.branch, &done.commit) {
        say::answer(&format!("commit {} on {branch}", &commit[..12.min(commit.len())]));
    }
    Ok(0)
}
