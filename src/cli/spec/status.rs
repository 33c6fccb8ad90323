//! `monkeytown spec status`.
//! Lives here: gathering how far changes are, and printing it. Never here: what done and ready mean (see `artifacts`), or the
//! states of a change (see `lifecycle`).

use clap::Args as ClapArgs;
use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::super::{Context, say};
use super::close;
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use super::list::said;
use crate::config::parallel;
use crate::town::spec::artifacts::{Artifact, Artifacts, Standing};
use crate::town::spec::issue::{Issue, Level};
use crate::town::spec::js;
use crate::town::spec::lifecycle::{Lifecycle, Step};
use crate::town::spec::past::Past;
use crate::town::spec::plan;
use crate::town::spec::project::Project;
use crate::town::spec::record::{Gate, Record, Verdict};
use crate::town::spec::schema;
use crate::town::spec::state::{Next, State};
use crate::town::spec::tree::Archive;

/// Say how far changes are: which artifacts are written, what comes next, and what their gates say
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// One change
    #[arg(long, value_name = "NAME")]
    pub change: Option<String>,
    /// Every open change
    #[arg(long)]
    pub all: bool,
    /// Look with this schema instead of the change's own
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    /// Rewrite the `Status:` lines of proposals that do not say what the records say
    #[arg(long)]
    pub write: bool,
    /// Whether a change that is archived is told of too; the reference says that there is none.
    #[arg(skip = true)]
    pub knows_archive: bool,
}

/// A change that is archived.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PutAway {
    change_name: String,
    archived_as: String,
    change_root: String,
    lifecycle: Life,
    root: RootOut,
}

/// Where changes are planned.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    kind: &'static str,
    root: String,
    changes_dir: String,
    default_schema: &'static str,
}

impl Home {
    /// The root of a project.
    #[must_use]
    pub fn of(desk: &Desk, project: &Project<'_>) -> Self {
        Self {
            kind: "repo",
            root: desk.root.path.display().to_string(),
            changes_dir: desk.shown(&project.below("changes")),
            default_schema: schema::DEFAULT,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Paths {
    output_path: String,
    resolved_output_path: String,
    existing_output_paths: Vec<String>,
}

/// Written as an object, in the order in which the schema declares them, as far as an object of the reference keeps it.
struct ArtifactPaths(Vec<(String, Paths)>);

impl Serialize for ArtifactPaths {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, paths) in &self.0 {
            map.serialize_entry(id, paths)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionContext {
    mode: &'static str,
    source_of_truth: &'static str,
    planning_artifacts: Vec<String>,
    linked_context: [(); 0],
    allowed_edit_roots: [String; 1],
    requires_affected_area_selection: bool,
    constraints: [&'static str; 1],
}

/// What the gates say.
#[derive(Serialize)]
struct Life {
    state: State,
    next: Next,
    content_hash: String,
    records: Vec<Spoken>,
    issues: Vec<Issue>,
}

/// A gate record.
#[derive(Serialize)]
struct Spoken {
    path: String,
    gate: Gate,
    verdict: Verdict,
    actor: String,
    /// Whether it counts where it stands.
    counts: bool,
}

impl Life {
    fn of(life: Lifecycle) -> Self {
        let spoken = |Step { record, counts, .. }: Step| {
            let Record { path, gate, verdict, actor, .. } = record;
            Spoken { path, gate, verdict, actor, counts }
        };
        let records = life.steps.into_iter().map(spoken).collect();
        Self { state: life.state, next: life.next, content_hash: life.content_hash, records, issues: life.issues }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusOut {
    change_name: String,
    schema_name: String,
    planning_home: Home,
    change_root: String,
    artifact_paths: ArtifactPaths,
    is_planning_complete: bool,
    is_complete: bool,
    apply_requires: Vec<String>,
    next_steps: Vec<String>,
    action_context: ActionContext,
    artifacts: Vec<Artifact>,
    lifecycle: Life,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<RootOut>,
    #[serde(skip)]
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Status(Box<StatusOut>),
    #[serde(rename_all = "camelCase")]
    Failed {
        change_name: String,
        status: [Failure; 1],
    },
}

#[derive(Serialize)]
struct All {
    changes: Vec<Entry>,
    root: RootOut,
}

#[derive(Serialize)]
struct Nothing {
    changes: [(); 0],
    message: &'static str,
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let empty = Shape::default();
    let empty = if args.all { empty.with("changes", [(); 0]).with("root", ()) } else { empty };
    desk::end(context, empty, status(context, args))
}

/// A failure about a change.
pub fn failed(message: impl Into<String>) -> Failure {
    Failure::new("change_error", message)
}

fn status(context: &Context, args: &Args) -> Result<u8, Failure> {
    if args.all && args.change.is_some() {
        return Err(failed("--all and --change exclude each other"));
    }
    let (desk, past) = opened(context, args)?;
    let project = desk.project();
    let changes = project.changes();
    if let Some(schema) = args.schema.as_ref().filter(|_| args.all || args.change.is_some()) {
        known_schema(&project, schema)?;
    }
    if let Some(name) = args.change.as_ref().filter(|name| args.knows_archive && !project.has_change(name)) {
        // Under its own name, or under that of its folder; the last one where several were called so.
        let archived = project.archived();
        let is_it = |folder: &&&str| **folder == name || plan::archived_on(&project, name, folder).is_some();
        if let Some(folder) = archived.iter().rev().find(is_it) {
            return put_away(context, name, folder);
        }
    }
    if let Some(name) = &args.change {
        looked_up(&project, &changes, name)?;
        let mut one = of(&desk, &project, &past, name, args.schema.as_deref())?;
        if context.json {
            one.root = Some(desk.root_out());
            desk::json(&one)?;
        } else {
            print(&one);
        }
        return Ok(0);
    }
    if changes.is_empty() {
        let message = "There are no open changes.";
        match context.json {
            true => desk::json(&Nothing { changes: [], message, root: desk.root_out() })?,
            false => say::answer("No open changes; monkeytown spec new NAME begins one."),
        }
        return Ok(0);
    }
    if !args.all {
        return Err(failed(format!("say which with --change, or all of them with --all: {}", changes.join(", "))));
    }
    let schema = args.schema.as_deref();
    let entries: Vec<Entry> = parallel::map(&changes, SHARE, |name| entry(&desk, &project, &past, name, schema));
    let is_broken = entries.iter().any(|entry| matches!(entry, Entry::Failed { .. }));
    if context.json {
        desk::json(&All { changes: entries, root: desk.root_out() })?;
    } else {
        entries.iter().enumerate().for_each(|(at, entry)| match entry {
            Entry::Status(status) => {
                if at > 0 {
                    say::answer("");
                }
                print(status);
            }
            Entry::Failed { change_name, status } => say::answer(&format!("{change_name}\n  {}", status[0])),
        });
    }
    Ok(u8::from(is_broken))
}

/// The project, with its `Status:` lines rewritten where that is asked for.
fn opened(context: &Context, args: &Args) -> Result<(Desk, Past), Failure> {
    let desk = Desk::open(context, Without::Here, Archive::Names)?;
    let past = desk.past(context);
    let is_new = args.write && rewritten(context, &desk, &past, args)?;
    Ok((if is_new { Desk::open(context, Without::Here, Archive::Names)? } else { desk }, past))
}

/// Lets the `Status:` lines of the changes that are asked for say what the records say; whether any did not.
fn rewritten(context: &Context, desk: &Desk, past: &Past, args: &Args) -> Result<bool, Failure> {
    let project = desk.project();
    let mut any = false;
    for name in project.changes() {
        if args.change.as_ref().map_or(!args.all, |wanted| wanted != name) || project.nested(name).is_some() {
            continue;
        }
        let folder = project.change_path(name);
        let state = Lifecycle::of(&project, &folder, past).state;
        if close::rewritten(desk, &folder, state)? {
            say::story(context, &format!("{folder}/proposal.md says {} now", state.name()));
            any = true;
        }
    }
    Ok(any)
}

/// Prints where an archived change stands.
fn put_away(context: &Context, name: &str, archived_as: &str) -> Result<u8, Failure> {
    let desk = Desk::open(context, Without::Here, Archive::Whole)?;
    let past = desk.past_of_archived(context);
    let project = desk.project();
    let folder = project.below(&format!("{}/{archived_as}", project.archive_dir()));
    let put = PutAway {
        change_name: name.to_owned(),
        archived_as: archived_as.to_owned(),
        change_root: desk.shown(&folder),
        lifecycle: Life::of(Lifecycle::of(&project, &folder, &past)),
        root: desk.root_out(),
    };
    if context.json {
        desk::json(&put)?;
        return Ok(0);
    }
    say::answer(&format!("Change: {}", put.change_name));
    say::answer(&format!("Change root: {}", put.change_root));
    print_life(&put.lifecycle);
    say::answer(&format!("State: {}", put.lifecycle.state.name()));
    Ok(0)
}

/// Whether there is a schema of this name, usable or not.
///
/// # Errors
/// There is none.
pub fn known_schema(project: &Project<'_>, name: &str) -> Result<(), Failure> {
    let known: Vec<&str> = project.schemas().names().collect();
    match known.contains(&name) {
        true => Ok(()),
        false => Err(failed(format!("there is no schema {name:?}; there are {}", known.join(", ")))),
    }
}

/// Whether there is a change of this name.
///
/// # Errors
/// There is none, or it is a folder around others.
pub fn looked_up(project: &Project<'_>, changes: &[&str], name: &str) -> Result<(), Failure> {
    if name.contains(['/', '\\', '\0']) || name.starts_with('.') || name == "archive" {
        return Err(failed(format!("{name:?} cannot be a change's name")));
    }
    if !project.can_be_named(name) {
        let there =
            if changes.is_empty() { "there are none".to_owned() } else { format!("there are {}", changes.join(", ")) };
        return Err(failed(format!("there is no change {name:?}; {there}")));
    }
    project.nested(name).map_or(Ok(()), |nested| Err(failed(said(&nested))))
}

/// Changes that one thread looks at at a time.
const SHARE: usize = 16;

fn entry(desk: &Desk, project: &Project<'_>, past: &Past, name: &str, schema: Option<&str>) -> Entry {
    let broken = |failure| Entry::Failed { change_name: name.to_owned(), status: [failure] };
    if let Some(nested) = project.nested(name) {
        return broken(failed(said(&nested)));
    }
    of(desk, project, past, name, schema).map_or_else(broken, |status| Entry::Status(Box::new(status)))
}

fn of(desk: &Desk, project: &Project<'_>, past: &Past, name: &str, schema: Option<&str>) -> Result<StatusOut, Failure> {
    let read = Artifacts::of(project, name, schema).map_err(|fault| failed(format!("{name}: {fault}")))?;
    let folder = project.change_path(name);
    let root = desk.root.path.display().to_string();
    let paths = |id: &String| {
        let artifact = read.artifacts.iter().find(|artifact| artifact.id == *id)?;
        Some((
            id.clone(),
            Paths {
                output_path: artifact.output_path.clone(),
                resolved_output_path: desk.below(&folder, &artifact.output_path),
                existing_output_paths: artifact.files.iter().map(|path| desk.shown(path)).collect(),
            },
        ))
    };
    let mut paths: Vec<(String, Paths)> = read.declared.iter().filter_map(paths).collect();
    js::object_order(&mut paths, |(id, _)| id);
    let is_complete = read.are_complete();
    let life = Lifecycle::of(project, &folder, past);
    let next = if life.state.is_final() { None } else { next_command(&read, name) };
    Ok(StatusOut {
        change_name: name.to_owned(),
        schema_name: read.schema.clone(),
        planning_home: Home::of(desk, project),
        change_root: desk.shown(&folder),
        artifact_paths: ArtifactPaths(paths),
        is_planning_complete: is_complete,
        is_complete,
        apply_requires: read.apply_requires.clone(),
        next_steps: next.iter().map(|command| format!("Run {command}, and do what it says.")).collect(),
        action_context: ActionContext {
            mode: "repo-local",
            source_of_truth: "repo",
            planning_artifacts: read.artifacts.iter().map(|artifact| artifact.id.clone()).collect(),
            linked_context: [],
            allowed_edit_roots: [root],
            requires_affected_area_selection: false,
            constraints: ["What the change says and what is built for it stays in this project."],
        },
        artifacts: read.artifacts,
        lifecycle: Life::of(life),
        root: None,
        next,
    })
}

/// The command that says what to do next, where there is one.
fn next_command(read: &Artifacts, name: &str) -> Option<String> {
    let artifact = match read.next() {
        Some(artifact) => &artifact.id,
        None if read.are_complete() => "apply",
        None => return None,
    };
    Some(format!("monkeytown spec instructions {artifact} --change \"{name}\""))
}

/// Lines with the words and boxes that scripts look for, then what only we know.
fn print(status: &StatusOut) {
    let count = |standing| status.artifacts.iter().filter(|artifact| artifact.status == standing).count();
    let (done, skipped) = (count(Standing::Done), count(Standing::Skipped));
    say::answer(&format!("Change: {}", status.change_name));
    say::answer(&format!("Schema: {}", status.schema_name));
    say::answer(&format!("Change root: {}", status.change_root));
    say::answer(&format!("State: {}", status.lifecycle.state.name()));
    let and_skipped = if skipped > 0 { format!(" ({skipped} skipped)") } else { String::new() };
    say::answer(&format!("Progress: {done}/{} artifacts written{and_skipped}\n", status.artifacts.len() - skipped));
    for artifact in &status.artifacts {
        let (sign, why) = match artifact.status {
            Standing::Done => ("[x]", String::new()),
            Standing::Skipped => ("[~]", " (skipped: the change sets skip_specs)".to_owned()),
            Standing::Ready => ("[ ]", String::new()),
            Standing::Blocked => {
                let missing = artifact.missing_deps.as_deref().unwrap_or_default();
                ("[-]", format!(" (blocked by: {})", missing.join(", ")))
            }
        };
        say::answer(&format!("{sign} {}{why}", artifact.id));
    }
    say::answer("");
    print_life(&status.lifecycle);
    if let Some(command) = &status.next {
        say::answer(&format!("Next: {command}"));
    }
    say::answer(&format!("{}: {}", status.lifecycle.state.name(), status.lifecycle.next.act));
}

/// What was said of it, and what is wrong with that.
fn print_life(life: &Life) {
    for Spoken { path, verdict, actor, counts, .. } in &life.records {
        let void = if *counts { "" } else { "; it does not count" };
        say::answer(&format!("{}: {} by {actor}{void}", path.rsplit('/').next().unwrap_or(path), verdict.name()));
    }
    for issue in life.issues.iter().filter(|issue| issue.level > Level::Info) {
        say::answer(&format!("{} ({}): {}", issue.path, issue.code, issue.message));
    }
}
