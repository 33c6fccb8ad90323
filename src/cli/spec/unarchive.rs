//! `monkeytown spec unarchive`.
//! Lives here: finding the commit that archived a change, and taking back what it did as one commit. Never here: archiving, or
//! what is put back into a spec (see `town::spec::takeback`).

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::commit::{self, Ground};
use super::desk::{self, Desk, Failure, RootOut, Shape};
use super::select;
use crate::git::files::Files;
use crate::git::spec_archive::Written;
use crate::git::{Oid, spec_origin, spec_tree};
use crate::town::changeset::Mode;
use crate::town::spec::base::Base;
use crate::town::spec::plan::{self, Options, Plan, Stop};
use crate::town::spec::project::Project;
use crate::town::spec::record::{self, Gate};
use crate::town::spec::state::State;
use crate::town::spec::status_line::{StatusLine, project_status};
use crate::town::spec::takeback;
use crate::town::spec::tree::{Archive, Tree};

/// Take an archived change back to the open ones, and what it did out of the main specs
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The commit that archived it is found in the history, on whichever side of a merge it is. What it did to each requirement is \
taken back, as one commit on a branch of its own; what others have done to the specs stays. Where they have changed the \
same text or scenario, nothing happens, their names are told, and the exit code is 1.

Examples:
  monkeytown spec unarchive add-login
  monkeytown spec unarchive 2026-01-31-add-login --branch main")]
pub struct Args {
    /// The change's name, or that of its folder in the archive
    #[arg(value_name = "NAME")]
    name: String,
    /// Say which commit would be taken back, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The branch that gets the commit; spec/unarchive-NAME unless said otherwise
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    change: String,
    archived_as: String,
    archived_by: String,
    path: String,
    branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    unarchive: &'a Done,
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::within(context, Shape::default().with("unarchive", ()), |desk| unarchive(context, desk, args))
}

fn refused(code: &'static str, message: String, fix: &str) -> Failure {
    Failure::new(code, message).fix(fix)
}

/// What is to be taken back.
struct Found {
    change: String,
    archived_as: String,
    /// The folder in the archive, and the one among the open changes.
    folders: (String, String),
    /// The folder in the archive as the commit has it that archived the change.
    came_as: String,
    by: Oid,
    /// The commit before that one.
    before: Oid,
    /// The change's folder there, where it was an open one.
    stood_at: Option<String>,
}

fn unarchive(context: &Context, desk: &Desk, args: &Args) -> Result<u8, Failure> {
    let ground = Ground::for_change(desk, "unarchive", &args.name, args.branch.as_deref())?;
    let project = ground.project(desk);
    let found = find(&ground, &project, &args.name)?;
    if project.tree().get(&found.folders.1).is_some() {
        let message = format!("{} is there already", found.folders.1);
        return Err(refused("unarchive_target_exists", message, "Rename that change first."));
    }
    let mut files = taken_back(&ground, desk, &project, &found)?;
    let specs: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    ground.clean_at(desk, &[&found.folders.0, &found.folders.1], &specs)?;
    files.extend(put_right(&ground, &found)?);
    let tree = ground.repo.archived_tree(ground.at, &files, Some(&found.folders)).map_err(commit::failed)?;
    let clock = context.env.clock().map_err(|error| Failure::new(Stop::Other.code(), error.to_string()))?;
    let commit = if args.dry_run {
        None
    } else {
        let Found { change, archived_as, by, .. } = &found;
        let message = format!(
            "spec: unarchive {change}\n\nTakes back {by}, which archived it as {archived_as}.\n\nChange: {change}\n"
        );
        Some(ground.commit(tree, &message, clock.now().timestamp())?.to_string())
    };
    let done = Done {
        path: ground.shown(desk, &found.folders.1),
        change: found.change,
        archived_as: found.archived_as,
        archived_by: found.by.to_string(),
        branch: ground.branch.clone(),
        commit,
    };
    if context.json {
        desk::json(&Answer { unarchive: &done, root: desk.root_out() })?;
        return Ok(0);
    }
    let verb = if done.commit.is_some() { "is open again" } else { "would be open again" };
    say::answer(&format!("{} {verb}; {} had archived it", done.change, &done.archived_by[..12]));
    if let Some(commit) = &done.commit {
        say::answer(&format!("commit {} on {}", &commit[..12], done.branch));
    }
    Ok(0)
}

fn unknown(message: String, fix: &str) -> Failure {
    refused("unarchive_unknown", message, fix)
}

const BY_HAND: &str = "Move the folder back by hand, and mend the specs.";

/// The folder in the archive that a name stands for.
fn archived_as(project: &Project<'_>, name: &str) -> Result<String, Failure> {
    let archived = project.archived();
    let is_it = |folder: &&&str| **folder == name || plan::archived_on(project, name, folder).is_some();
    let fitting: Vec<&&str> = archived.iter().filter(is_it).collect();
    match fitting[..] {
        [one] => Ok((*one).to_owned()),
        [] => {
            let message = format!("the archive has no change `{}`", name.escape_debug());
            let near = select::nearest(name, archived.iter().copied());
            let fix = match near.is_empty() {
                true => "Nothing is archived on this branch.".to_owned(),
                false => format!("Give one that is there, such as {}.", near.join(", ")),
            };
            Err(refused("unarchive_not_found", message, &fix))
        }
        _ => {
            let names = fitting.iter().map(|name| **name).collect::<Vec<_>>().join(", ");
            let message = format!("the archive has several: {names}");
            Err(refused("unarchive_ambiguous", message, "Give one of these names."))
        }
    }
}

fn find(ground: &Ground, project: &Project<'_>, name: &str) -> Result<Found, Failure> {
    let archived_as = archived_as(project, name)?;
    let folder = project.below(&format!("{}/{archived_as}", project.archive_dir()));
    let origins = ground.repo.folder_origin(ground.at, &folder).map_err(commit::failed)?;
    if let Some(why) = origins.lost.values().next() {
        let message = format!("nobody can tell which commit archived it: {why}");
        return Err(unknown(message, "Fetch the whole history, then run it again."));
    }
    let mut origins = origins.found.into_values().flatten();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return Err(unknown(format!("more than one commit has put {folder} there"), BY_HAND));
    };
    let parents = ground.repo.parents(origin.commit).map_err(commit::failed)?;
    let Some(before) = parents.first().copied() else {
        let message = format!("{folder} is there since the first commit");
        return Err(unknown(message, BY_HAND));
    };
    let tree = |commit| ground.repo.tree_of(commit).map_err(commit::failed);
    let changes =
        ground.repo.changes_between(Some(tree(before)?), Some(tree(origin.commit)?)).map_err(commit::failed)?;
    let open = format!("{}/", project.below("changes"));
    let came_from = spec_origin::moved_folders(&changes, &origin.path).into_iter();
    let came_from =
        came_from.filter_map(|old| old.strip_prefix(&open).filter(|name| !name.contains('/')).map(str::to_owned));
    let mut came_from: Vec<String> = came_from.collect();
    let expected = plan::change_of(project, &archived_as).to_owned();
    if came_from.contains(&expected) {
        came_from = vec![expected.clone()];
    }
    let stood_at = came_from.pop().filter(|_| came_from.is_empty());
    let change = stood_at.clone().unwrap_or(expected);
    let stood_at = stood_at.map(|name| project.change_path(&name));
    let folders = (folder, project.change_path(&change));
    Ok(Found { change, archived_as, folders, came_as: origin.path, by: origin.commit, before, stood_at })
}

/// The project as it was before the change was archived, with the change open in it.
fn standing(ground: &Ground, desk: &Desk, found: &Found) -> Result<Tree, Failure> {
    let files = Files::open(ground.repo.git(), found.before).map_err(commit::failed)?;
    let mut tree = spec_tree::read(&files, &desk.root.openspec(), Archive::Names);
    if found.stood_at.is_none() {
        // It was made and archived within one commit.
        let by = ground.repo.tree_of(found.by).map_err(commit::failed)?;
        for (inner, mode, oid) in ground.repo.files_in(by, &found.came_as).map_err(commit::failed)? {
            if matches!(mode, Mode::File | Mode::Executable) {
                let bytes = ground.repo.read_blob(oid).map_err(commit::failed)?;
                tree.put_file(&format!("{}/{inner}", found.folders.1), bytes);
            }
        }
    }
    Ok(tree)
}

/// What archiving did at the time: the same plan again. The one that the commit's specs agree with, where both can be made.
fn planned(ground: &Ground, project: &Project<'_>, found: &Found) -> Result<Plan, Failure> {
    let base = match &found.stood_at {
        Some(_) => ground.repo.spec_base(found.before, project, &found.change),
        None => Base::default(),
    };
    let after = ground.repo.tree_of(found.by).map_err(commit::failed)?;
    let mut plans = Vec::new();
    for (careful, base) in [(true, base), (true, Base::default()), (false, Base::default())] {
        let options = Options {
            date: "0000-00-00",
            careful,
            judges_deltas_only: false,
            skips_specs: false,
            logs: true,
            issues: Some(&[]),
            base,
        };
        let plan = plan::plan(project, &found.change, &options);
        if !plan.refusals.is_empty() || plan.stops.iter().any(|stopped| stopped.stop == Stop::Other) {
            continue;
        }
        let mut is_same = true;
        for update in &plan.updates {
            is_same &= ground.repo.read_path(after, &update.path).map_err(commit::failed)?.as_deref()
                == update.after.as_deref();
        }
        plans.push((is_same, plan));
    }
    let at = plans.iter().position(|(is_same, _)| *is_same).unwrap_or(0);
    if plans.is_empty() {
        let message = format!("what {} did to the specs is nothing that archiving `{}` does", found.by, found.change);
        return Err(unknown(message, BY_HAND));
    }
    Ok(plans.swap_remove(at).1)
}

/// The main specs, and the changelog, without what archiving did to them.
fn taken_back(ground: &Ground, desk: &Desk, project: &Project<'_>, found: &Found) -> Result<Written, Failure> {
    let standing = standing(ground, desk, found)?;
    let before = desk.project_of(&standing);
    let plan = planned(ground, &before, found)?;
    let mut written = Written::new();
    let mut collisions = Vec::new();
    for update in &plan.updates {
        let delta = before.text(&format!("{}/specs/{}/spec.md", found.folders.1, update.id)).unwrap_or_default();
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let now = project.tree().bytes(&update.path);
        let sides = [update.before.as_deref(), update.after.as_deref(), now].map(text);
        let [was, became, is] = sides.each_ref().map(Option::as_deref);
        match takeback::take_back(&delta, was, became, is) {
            Ok(back) if back.as_deref() == is => {}
            Ok(back) => written.push((update.path.clone(), back.map(|text| text.into_bytes().into()))),
            Err(what) => collisions.extend(what.into_iter().map(|what| format!("{}: {what}", update.id))),
        }
    }
    if let Some(logged) = &plan.logged {
        let tree = ground.repo.tree_of(ground.at).map_err(commit::failed)?;
        let now = ground.repo.read_path(tree, &logged.path).map_err(commit::failed)?;
        let text = now.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|now| logged.taken_back(&now));
        written.extend(text.map(|text| (logged.path.clone(), Some(text.into_bytes().into()))));
    }
    if collisions.is_empty() {
        return Ok(written);
    }
    let message = format!("others have built on what it did: {}", collisions.join("; "));
    Err(refused("unarchive_conflict", message, "Begin a new change that takes back what is to go."))
}

/// The files of the change that archiving changed, as they were: the record of it goes, the `Status:` line says what it said.
fn put_right(ground: &Ground, found: &Found) -> Result<Written, Failure> {
    let Some(stood_at) = &found.stood_at else { return Ok(Written::new()) };
    let repo = &ground.repo;
    let tree = |commit| repo.tree_of(commit).map_err(commit::failed);
    let (before, after, now) = (tree(found.before)?, tree(found.by)?, tree(ground.at)?);
    let mut written = Written::new();
    for (inner, _, oid) in repo.files_in(after, &found.came_as).map_err(commit::failed)? {
        let read = |tree, folder: &str| repo.entry(tree, &format!("{folder}/{inner}")).map_err(commit::failed);
        let (was, is) = (read(before, stood_at)?, read(now, &found.folders.0)?);
        let Some((_, is)) = is.filter(|_| was.map(|(_, oid)| oid) != Some(oid)) else { continue };
        let path = format!("{}/{inner}", found.folders.1);
        let is_record =
            inner.strip_prefix("gates/").and_then(record::file_name).is_some_and(|(_, gate)| gate == Gate::Archive);
        match was {
            None if is_record && is == oid => written.push((path, None)),
            Some((_, was)) if is == oid => {
                written.push((path, Some(repo.read_blob(was).map_err(commit::failed)?.into())));
            }
            Some((_, was)) if inner == "proposal.md" => {
                let text = |oid| repo.read_blob(oid).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                let (was, is) = (text(was).map_err(commit::failed)?, text(is).map_err(commit::failed)?);
                let state = StatusLine::find(&was).and_then(|line| State::named(&line.said));
                let said = state.and_then(|state| project_status(&is, state));
                written.extend(said.map(|text| (path, Some(text.into_bytes().into()))));
            }
            _ => {}
        }
    }
    Ok(written)
}
