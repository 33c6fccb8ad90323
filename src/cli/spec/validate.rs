//! `monkeytown spec validate`.
//! Lives here: which items are judged, and the verdict over all. Never here: the rules (see `town::spec::validate`), or how issues
//! are printed (see `report`).

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::Context;
use super::desk::{self, Desk, Failure, Shape, Without};
use super::report::{self, Format, Report};
use super::select::{self, Kind};
use crate::config::{Stopwatch, parallel};
use crate::git::files::Files;
use crate::git::repo::Repo;
use crate::git::spec_tree;
use crate::town::spec::issue::{Issue, Level};
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::past::Past;
use crate::town::spec::project::Project;
use crate::town::spec::rules::{self, Profile};
use crate::town::spec::trace::{self, Trace};
use crate::town::spec::tree::Archive;
use crate::town::spec::validate::Checker;

/// Items that one thread judges at a time.
const SHARE: usize = 32;

/// Judge changes and specs by the rules
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Profiles: openspec-1 judges as the `openspec` command does; ci has errors where that command is silently wrong; gated \
asks for gates too. Without --profile the one in openspec/config.yaml counts, else openspec-1. Exit code 1 says that \
an item is invalid, or why none was judged. `monkeytown spec rules` prints every rule with its levels.

Examples:
  monkeytown spec validate --all --strict
  monkeytown spec validate --changed-since origin/main --format github")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// What NAME is, where a change and a spec have one name
    #[arg(long = "type", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// How strict the rules are: openspec-1, ci or gated
    #[arg(long, value_parser = profile)]
    profile: Option<Profile>,
    /// Only what a branch touches: changes and specs with a file that is not as in the commit where REV and HEAD part
    #[arg(long, value_name = "REV", conflicts_with_all = ["name", "archived"])]
    changed_since: Option<String>,
    /// Judge nothing: write into the change's .openspec.yaml what the specs say now about its requirements, so that a
    /// later archive can merge
    #[arg(long, requires = "name", conflicts_with_all = ["all", "changes", "specs", "archived"])]
    record_base: bool,
    /// How the answer is written: text, or json with --json, unless it is said here
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// Which items are judged, and how strictly, in either spelling of the command.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Selection {
    /// The change's name or the spec's id; passed over beside --all, --changes, --specs and --archived
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Every open change and every spec
    #[arg(long)]
    pub all: bool,
    /// Every change
    #[arg(long)]
    pub changes: bool,
    /// Every spec
    #[arg(long)]
    pub specs: bool,
    /// Archived changes: whether all their tasks are done
    #[arg(long)]
    pub archived: bool,
    /// Warnings make an item invalid too
    #[arg(long)]
    pub strict: bool,
    /// All items, or only those with findings
    #[arg(long, value_name = "full|findings", allow_hyphen_values = true)]
    pub report: Option<String>,
}

impl Selection {
    fn wants_changes(&self) -> bool {
        self.all || self.changes
    }

    fn wants_specs(&self) -> bool {
        self.all || self.specs
    }
}

pub(super) fn profile(name: &str) -> Result<Profile, String> {
    let names = Profile::ALL.map(Profile::name);
    Profile::named(name).ok_or_else(|| format!("use one of {}", names.join(", ")))
}

/// What is asked for, in either spelling.
#[derive(Debug, Default)]
pub struct Asked {
    /// The items.
    pub selection: Selection,
    /// What the item is.
    pub kind: Option<Kind>,
    /// The set of levels; the config's where none is said.
    pub profile: Option<Profile>,
    /// Only what differs from there.
    pub changed_since: Option<String>,
}

/// One item with its verdict.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its name or id.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether nothing stands against it.
    pub valid: bool,
    /// What was found.
    pub issues: Vec<Issue>,
    /// How long that took.
    pub duration_ms: u64,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let mut selection = args.selection.clone();
    if let Some(name) = selection.name.as_ref().filter(|_| args.record_base) {
        return super::record::run(context, name);
    }
    let is_chosen = selection.name.is_some() || selection.changes || selection.specs || selection.archived;
    selection.all |= args.changed_since.is_some() && !is_chosen;
    let asked = Asked { selection, kind: args.kind, profile: args.profile, changed_since: args.changed_since.clone() };
    let format = args.format.unwrap_or(if context.json { Format::Json } else { Format::Text });
    let context = &Context {
        json: format == Format::Json,
        dir: context.dir.clone(),
        env: context.env.clone(),
        secrets: context.secrets.clone(),
    };
    answer(context, &asked, format)
}

/// Judges and prints.
///
/// # Errors
/// When the answer cannot be written.
pub fn answer(context: &Context, asked: &Asked, format: Format) -> anyhow::Result<u8> {
    desk::end(context, Shape::default(), validate(context, asked, format))
}

fn validate(context: &Context, asked: &Asked, format: Format) -> Result<u8, Failure> {
    let selection = &asked.selection;
    let findings = selection.findings_scope()?;
    let (changes, specs) = (selection.wants_changes(), selection.wants_specs());
    let is_bulk = changes || specs;
    let (without, archive) = (
        if is_bulk { Without::Fail } else { Without::Here },
        if selection.archived { Archive::Whole } else { Archive::Names },
    );
    let desk = Desk::open(context, without, archive)?;
    let project = desk.project();
    let profile = asked.profile_of(&project)?;
    // What only this profile asks is looked for in it alone: the journal, and every text of the repository.
    let is_gated = profile == Profile::Gated;
    let past = match (is_gated, selection.archived) {
        (false, _) => Past::default(),
        (true, false) => desk.past(context),
        (true, true) => desk.past_of_archived(context),
    };
    let gaps = if is_gated && !selection.archived { gaps(&desk, &project)? } else { BTreeMap::new() };
    let judge = Judge { project: &project, profile, strict: selection.strict, past: &past, gaps: &gaps };
    let items = if selection.archived {
        judge.archived()
    } else if is_bulk {
        let mut chosen = judge.choose(changes, specs);
        if let Some(revision) = &asked.changed_since {
            let touched = touched(&desk, &project, revision)?;
            chosen.retain(|(kind, id)| touched.iter().any(|path| belongs(&project, *kind, id, path)));
        }
        judge.all(&chosen)
    } else {
        let Some(name) = &selection.name else {
            let failure = Failure::new("nothing_to_validate", "nothing is named to be validated");
            return Err(failure.fix("say --all, --changes, --specs or the name of one item"));
        };
        let kind = select::kind(&project, name, asked.kind)?;
        select::safe(kind, name)?;
        judge.all(&[(kind, name.clone())])
    };
    let kinds = match (selection.archived, is_bulk) {
        (true, _) => vec![Kind::Change],
        (false, true) => [(Kind::Change, changes), (Kind::Spec, specs)]
            .into_iter()
            .filter_map(|(kind, wanted)| wanted.then_some(kind))
            .collect(),
        (false, false) => items.iter().map(|item| item.kind).collect(),
    };
    let report = Report { items, kinds, findings, is_strict: selection.strict, root: desk.root_out() };
    report::print(context, &report, format)?;
    Ok(u8::from(report.failed() > 0))
}

impl Selection {
    /// The scope of a report of findings, where one is asked for.
    fn findings_scope(&self) -> Result<Option<&'static str>, Failure> {
        let Some(report) = self.report.as_deref() else { return Ok(None) };
        let is_bulk = self.wants_changes() || self.wants_specs();
        let refused = match report {
            "full" | "findings" if self.name.is_some() => "a report is of many items, so none can be named",
            "full" | "findings" if self.archived && is_bulk => {
                "a report is of archived changes or of open items, not of both"
            }
            "full" | "findings" if !self.archived && !is_bulk => {
                "a report needs --all, --changes, --specs or --archived"
            }
            "full" => return Ok(None),
            "findings" => {
                return Ok(Some(match (self.archived, self.wants_changes(), self.wants_specs()) {
                    (true, ..) => "archived",
                    (_, true, true) => "all",
                    (_, true, _) => "changes",
                    _ => "specs",
                }));
            }
            _ => "a report is full or findings",
        };
        Err(Failure::new("invalid_validation_report_request", refused)
            .fix("say --report full or --report findings with --all"))
    }
}

impl Asked {
    fn profile_of(&self, project: &Project<'_>) -> Result<Profile, Failure> {
        match (self.profile, project.config().profile.as_deref()) {
            (Some(profile), _) => Ok(profile),
            (None, None) => Ok(Profile::default()),
            (None, Some(name)) => profile(name)
                .map_err(|names| Failure::new("unknown_profile", format!("config.yaml has profile {name:?}: {names}"))),
        }
    }
}

/// What nothing covers, and the tags that name nothing, by capability.
fn gaps(desk: &Desk, project: &Project<'_>) -> Result<BTreeMap<String, Vec<Issue>>, Failure> {
    let (tags, _) = super::trace::tags(desk)?;
    Ok(Trace::of(trace::rows(project), tags).by_capability(Profile::Gated))
}

/// Judges items of one project.
struct Judge<'p, 't> {
    project: &'p Project<'t>,
    profile: Profile,
    strict: bool,
    past: &'p Past,
    gaps: &'p BTreeMap<String, Vec<Issue>>,
}

impl Judge<'_, '_> {
    fn choose(&self, changes: bool, specs: bool) -> Vec<(Kind, String)> {
        let changes =
            self.project.changes().into_iter().filter(|_| changes).map(|name| (Kind::Change, name.to_owned()));
        let specs = if specs { self.project.specs() } else { Vec::new() };
        changes.chain(specs.into_iter().map(|spec| (Kind::Spec, spec.id))).collect()
    }

    /// Judges every item, on all processors where there are many. They come by id, by code points.
    fn all(&self, chosen: &[(Kind, String)]) -> Vec<Item> {
        let checker = Checker::new(self.project, self.profile).knowing(self.past);
        let mut items = parallel::map(chosen, SHARE, |(kind, id)| {
            let watch = Stopwatch::start();
            let issues = match kind {
                Kind::Change => checker.change(id),
                Kind::Spec => {
                    let gaps = self.gaps.get(id).into_iter().flatten().cloned();
                    checker.spec(id).into_iter().chain(gaps).collect()
                }
            };
            self.item(*kind, id, issues, watch)
        });
        items.sort_by(|a, b| a.id.cmp(&b.id).then(a.kind.cmp(&b.kind)));
        items
    }

    fn item(&self, kind: Kind, id: &str, issues: Vec<Issue>, watch: Stopwatch) -> Item {
        let bar = if self.strict { Level::Warning } else { Level::Error };
        let valid = issues.iter().all(|issue| issue.level < bar);
        Item { id: id.to_owned(), kind, valid, issues, duration_ms: watch.millis() }
    }

    /// Archived changes have no open tasks, and in the profile gated records that add up to it.
    fn archived(&self) -> Vec<Item> {
        let dir = self.project.archive_dir();
        let judged = self.project.archived().into_iter().map(|name| {
            let watch = Stopwatch::start();
            let folder = self.project.below(&format!("{dir}/{name}"));
            let mut issues = self.open_tasks(&folder);
            if self.profile == Profile::Gated {
                issues.extend(Lifecycle::of(self.project, &folder, self.past).issues);
            }
            self.item(Kind::Change, name, issues, watch)
        });
        judged.collect()
    }

    fn open_tasks(&self, folder: &str) -> Vec<Issue> {
        let tasks = format!("{folder}/tasks.md");
        let issue = |rule: &rules::Rule, path: &str, file: &str, message: String, fix: &str| Issue {
            level: Level::Error,
            path: path.to_owned(),
            message,
            line: None,
            column: None,
            code: rule.id,
            file: file.to_owned(),
            fix: Some(fix.to_owned()),
        };
        let read = match self.project.task_progress_in(folder) {
            Ok(read) => read,
            Err(fault) => {
                let fix = "put the file itself into the change";
                return vec![issue(&rules::TASKS_UNREADABLE, "tasks.md", &tasks, fault.to_string(), fix)];
            }
        };
        let unread = |path: &String| {
            let message = "the file of tasks cannot be read".to_owned();
            issue(&rules::TASKS_UNREADABLE, path, path, message, "make it a file that can be read")
        };
        let mut issues: Vec<Issue> = read.unreadable.iter().map(unread).collect();
        let open = read.progress.total - read.progress.completed;
        if open > 0 {
            let message = format!("{open} of {} tasks are open, and the change is archived", read.progress.total);
            issues.push(issue(
                &rules::TASKS_OPEN,
                "tasks.md",
                &tasks,
                message,
                "do them and tick them, or unarchive the change",
            ));
        }
        issues
    }
}

fn belongs(project: &Project<'_>, kind: Kind, id: &str, path: &str) -> bool {
    match kind {
        Kind::Change => path.strip_prefix(&project.change_path(id)).is_some_and(|rest| rest.starts_with('/')),
        Kind::Spec => path == project.spec_path(id),
    }
}

/// Paths of files that differ between the working directory and where the commit and HEAD part.
fn touched(desk: &Desk, project: &Project<'_>, revision: &str) -> Result<Vec<String>, Failure> {
    let failed = |why: String| Failure::new("changed_since", format!("--changed-since {revision}: {why}"));
    let repo = Repo::open(&desk.root.path).map_err(|error| failed(error.to_string()))?;
    let resolve =
        |name: &str| repo.resolve(name).map_err(|_| failed(format!("{name:?} is no commit of this repository")));
    let (since, head) = (resolve(revision)?, resolve("HEAD")?);
    let base = repo.merge_base(since, head).map_err(|error| failed(error.to_string()))?;
    let base = base.ok_or_else(|| failed("it has no history in common with HEAD".to_owned()))?;
    let files = Files::open(repo.git(), base).map_err(|error| failed(error.to_string()))?;
    let before = spec_tree::read(&files, project.openspec(), Archive::Names);
    Ok(before.differences(project.tree()).map(str::to_owned).collect())
}
