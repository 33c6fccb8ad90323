//! `monkeytown spec unarchive`.
//! Lives here: finding the commit that archived a change, and taking back what it did as one commit. Never here: archiving.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::commit::{self, Ground};
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use super::select;
use crate::git::Oid;
use crate::git::merge::Merged;
use crate::town::spec::plan::Stop;
use crate::town::spec::project::Project;
use crate::town::spec::tree::Archive;

/// Take an archived change back to the open ones, and what it did out of the main specs
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The commit that archived it is found in the history and taken back as one commit on a branch of its own. What others \
have done to the specs since stays; where it is in the way, nothing happens, and exit code 1 says so.

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
    desk::end(context, Shape::default().with("unarchive", ()).with("root", ()), unarchive(context, args))
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
    by: Oid,
}

fn unarchive(context: &Context, args: &Args) -> Result<u8, Failure> {
    let desk = Desk::open(context, Without::Fail, Archive::Names)?;
    let ground = Ground::for_change(&desk, "unarchive", &args.name, args.branch.as_deref())?;
    let project = ground.project(&desk);
    let found = find(&ground, &project, &args.name)?;
    let tree = taken_back(&ground, &project, &found)?;
    ground.clean_at(&desk, &[&found.folders.0, &found.folders.1], &specs(&ground, &project, &found)?)?;
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
        path: desk.on_disk(&found.folders.1).display().to_string(),
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

fn find(ground: &Ground, project: &Project<'_>, name: &str) -> Result<Found, Failure> {
    let fits = |folder: &&&str| **folder == name || folder.strip_suffix(name).is_some_and(is_day);
    let archived = project.archived();
    let fitting: Vec<&&str> = archived.iter().filter(fits).collect();
    let archived_as = match fitting[..] {
        [one] => (*one).to_owned(),
        [] => {
            let message = format!("the archive has no change `{}`", name.escape_debug());
            let near = select::nearest(name, archived.iter().copied());
            let fix = match near.is_empty() {
                true => "Nothing is archived on this branch.".to_owned(),
                false => format!("Give one that is there, such as {}.", near.join(", ")),
            };
            return Err(refused("unarchive_not_found", message, &fix));
        }
        _ => {
            let names = fitting.iter().map(|name| **name).collect::<Vec<_>>().join(", ");
            return Err(refused(
                "unarchive_ambiguous",
                format!("the archive has several: {names}"),
                "Give one of these names.",
            ));
        }
    };
    let archive = project.config().archive_dir.as_deref().unwrap_or("changes/archive");
    let folder = project.below(&format!("{archive}/{archived_as}"));
    let began = ground.repo.began_at(ground.at, &folder).map_err(commit::failed)?;
    let unknown = || {
        let message = format!("the history here does not show when {folder} came to be");
        refused("unarchive_unknown", message, "Fetch the whole history, or move the folder back by hand.")
    };
    let by = began.ok_or_else(unknown)?;
    let parent = ground.repo.parents(by).map_err(commit::failed)?.first().copied().ok_or_else(unknown)?;
    let tree = ground.repo.tree_of(parent).map_err(commit::failed)?;
    let undated = archived_as.get(11..).filter(|_| archived_as.get(..11).is_some_and(is_day));
    let names = [Some(name.to_owned()), undated.map(str::to_owned), Some(archived_as.clone())];
    for change in names.into_iter().flatten() {
        let open = project.change_path(&change);
        if !ground.repo.files_in(tree, &open).map_err(commit::failed)?.is_empty() {
            return Ok(Found { change, archived_as, folders: (folder, open), by });
        }
    }
    let message = format!("{by} put {folder} there, and there was no open change before it that it could come from");
    Err(refused("unarchive_unknown", message, "Move the folder back by hand."))
}

fn is_day(text: &str) -> bool {
    text.len() == 11
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7 | 10) { byte == b'-' } else { byte.is_ascii_digit() })
}

/// The main specs that the change has a delta for.
fn specs(ground: &Ground, project: &Project<'_>, found: &Found) -> Result<Vec<String>, Failure> {
    let tree = ground.repo.tree_of(found.by).map_err(commit::failed)?;
    let inside = format!("{}/specs", found.folders.0);
    let files = ground.repo.files_in(tree, &inside).map_err(commit::failed)?;
    let ids = files.iter().filter_map(|(path, ..)| path.strip_suffix("/spec.md"));
    Ok(ids.map(|id| project.spec_path(id)).collect())
}

fn taken_back(ground: &Ground, project: &Project<'_>, found: &Found) -> Result<Oid, Failure> {
    let (archive, open) = &found.folders;
    if project.tree().get(open).is_some() {
        return Err(refused(
            "unarchive_target_exists",
            format!("{open} is there already"),
            "Rename that change first.",
        ));
    }
    let specs = specs(ground, project, found)?;
    let is_of = |path: &str| {
        let inside = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        inside(archive) || inside(open) || specs.iter().any(|spec| spec == path)
    };
    match ground.repo.without(ground.at, found.by, is_of).map_err(commit::failed)? {
        Merged::Clean(tree) => Ok(tree),
        Merged::Conflicts(paths) => {
            let message = format!("changed in the same place since: {}", paths.join(", "));
            Err(refused("unarchive_conflict", message, "Begin a new change that takes back what is to go."))
        }
    }
}
