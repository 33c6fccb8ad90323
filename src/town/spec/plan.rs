//! What archiving a change would do, in full, before anything is done: files, warnings, the name in the archive, and whatever
//! stands in the way. `validate` asks for the same plan, so that the two cannot disagree.
//! Lives here: the change as a whole. Never here: one file of it (see `plan_file`), or doing it (see the commands).

use super::base::Base;
use super::changelog::{self, Logged};
use super::data::Value;
use super::heading::Section;
use super::issue::{Issue, Level};
use super::js;
use super::metadata::{self, Mark};
use super::plan_file::{self, FileUpdate, Outcome, Terms};
use super::plan_refusal::{Counts, Kind, Refusal};
use super::project::{Project, SpecFile};
use super::queue;
use super::rules;
use super::tasks::Progress;
use super::tree::{Fault, Node};

/// What is asked for beside the change.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The day, as `2026-01-31`.
    pub date: &'a str,
    /// Whether what the reference would lose is merged or refused: see [`Terms`].
    pub careful: bool,
    /// Whether only a change with something like a delta is judged, as the reference does it.
    pub judges_deltas_only: bool,
    /// Moves the change and leaves the main specs alone.
    pub skips_specs: bool,
    /// Whether the change is entered in the project's changelog, where it keeps one.
    pub logs: bool,
    /// What `validate` found in the change. `None` checks nothing.
    pub issues: Option<&'a [Issue]>,
    /// Fingerprints for what the change has no record of.
    pub base: Base,
}

/// What keeps a change from being archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// No name for a folder.
    NameInvalid,
    /// The change is a link.
    Symlink,
    /// There is none.
    NotFound,
    /// It is a folder that only wraps changes.
    Namespace,
    /// Its deltas break the rules.
    ValidationFailed,
    /// Not checking anything needs a yes.
    Unchecked,
    /// Another change must be archived before it.
    Dependency,
    /// Somebody has closed it: it is not to be made.
    Closed,
    /// Open tasks need a yes.
    TasksIncomplete,
    /// The archive has one of that name.
    TargetExists,
    /// The archive's folder is none that a change can go to.
    Archive,
    /// Changing specs needs a yes.
    Confirmation,
    /// A delta cannot be merged.
    UpdateFailed,
    /// A merged spec breaks the rules.
    RebuiltInvalid,
    /// The changelog has no place for the change.
    Changelog,
    /// Anything else.
    Other,
}

impl Stop {
    /// The code in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NameInvalid => "archive_change_name_invalid",
            Self::Symlink => "archive_change_symlink",
            Self::NotFound => "archive_change_not_found",
            Self::Namespace => "archive_change_is_namespace_folder",
            Self::ValidationFailed => "archive_validation_failed",
            Self::Unchecked | Self::Confirmation => "archive_confirmation_required",
            Self::Dependency => "archive_dependency_open",
            Self::Closed => "archive_change_closed",
            Self::TasksIncomplete => "archive_tasks_incomplete",
            Self::TargetExists => "archive_target_exists",
            Self::UpdateFailed => "archive_spec_update_failed",
            Self::RebuiltInvalid => "archive_spec_validation_failed",
            Self::Changelog => "archive_changelog",
            Self::Archive | Self::Other => "archive_error",
        }
    }

    /// Whether `--yes` passes it.
    #[must_use]
    pub fn asks(self) -> bool {
        matches!(self, Self::Unchecked | Self::TasksIncomplete | Self::Confirmation)
    }
}

/// Something in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What it is.
    pub stop: Stop,
    /// It, as a sentence.
    pub message: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The name in the archive.
    pub archived_as: String,
    /// The folder of the change in the tree, and where it goes.
    pub moves: (String, String),
    /// Every file of a main spec that a delta leads to, by capability.
    pub updates: Vec<FileUpdate>,
    /// Deltas that cannot be merged.
    pub refusals: Vec<Refusal>,
    /// What is to be said about those that can.
    pub warnings: Vec<String>,
    /// Everything in the way, the first thing first.
    pub stops: Vec<Stopped>,
    /// Boxes of its tasks.
    pub tasks: Progress,
    /// How much changes; `None` where the change has no deltas to merge.
    pub totals: Option<Counts>,
    /// The entry in the changelog; `None` where none is written.
    pub logged: Option<Logged>,
}

impl Plan {
    /// The first thing in the way.
    #[must_use]
    pub fn stopped(&self, yes: bool) -> Option<&Stopped> {
        self.stops.iter().find(|stopped| !(yes && stopped.stop.asks()))
    }

    /// Whether a file of a main spec changes.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.updates.iter().any(|update| update.outcome != Outcome::Keep)
    }

    fn stop(&mut self, stop: Stop, message: String, fix: Option<String>) {
        self.stops.push(Stopped { stop, message, fix });
    }
}

/// Plans the archiving of a change. What is in the way is in the plan as well; then nothing of it may be done.
#[must_use]
pub fn plan(project: &Project<'_>, change: &str, options: &Options<'_>) -> Plan {
    let mut plan = Plan::default();
    if !named(project, change, &mut plan) {
        return plan;
    }
    plan.archived_as = archived_as(project, change, options.date);
    let archive = project.below(project.archive_dir());
    plan.moves = (project.change_path(change), format!("{archive}/{}", plan.archived_as));
    judged(project, change, options, &mut plan);
    if let Some(state) = queue::closed(project, change).filter(|_| options.careful) {
        let message = format!("`{change}` is {}, so nothing of it is merged", state.name());
        plan.stop(
            Stop::Closed,
            message,
            Some("Take the record of that out of gates/ if it is wanted again.".to_owned()),
        );
    }
    dependencies(project, change, options.careful, &mut plan);
    open_tasks(project, change, &mut plan);
    if project.tree().get(&plan.moves.1).is_some() {
        let message = format!("the archive has `{}` already", plan.archived_as);
        plan.stop(Stop::TargetExists, message, Some("Rename the change, or move the archived one away.".to_owned()));
    }
    place(project, !options.skips_specs && !project.deltas(change).is_empty(), &mut plan);
    if !options.skips_specs {
        merge(project, change, options, &mut plan);
    }
    if options.logs {
        match changelog::plan(project, change, plan.totals.unwrap_or_default()) {
            Ok(logged) => plan.logged = logged,
            Err(misfit) => plan.stop(Stop::Changelog, misfit.message, Some(misfit.fix)),
        }
    }
    plan
}

/// Whether the archive can take the change.
fn place(project: &Project<'_>, merges: bool, plan: &mut Plan) {
    let (from, to) = &plan.moves;
    let specs = format!("{from}/specs");
    let leads_away = |target: &Option<std::sync::Arc<str>>| {
        let inner = target.as_deref().and_then(|target| target.strip_prefix(from.as_str()));
        inner.is_none_or(|rest| !rest.starts_with('/'))
    };
    let misplaced = match project.tree().get(&specs) {
        Some(node) if node.is_file() => Some("is a file, and no folder"),
        Some(Node::LinkedFolder(target)) if merges && leads_away(target) => {
            Some("is a link that leads out of the change")
        }
        _ => None,
    };
    if let Some(why) = misplaced {
        let fix = "Make it a folder of the change, or take it away.";
        plan.stop(Stop::Archive, format!("{specs} {why}"), Some(fix.to_owned()));
    } else if to.strip_prefix(from.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        let message = format!("{to}, where the change would go, is inside of the change itself");
        plan.stop(Stop::Archive, message, Some("Give another archive_dir in the config.".to_owned()));
    } else if let Some(what) = astray(project, to) {
        plan.stop(Stop::Archive, what, Some(UNLINK.to_owned()));
    }
}

/// What to do about a link on the way.
const UNLINK: &str =
    "Put the folder itself there; what is behind a link is not read, and nothing is written through it.";

/// What is on the way to a path and no folder: a link, wherever it leads, a submodule or a file.
fn astray(project: &Project<'_>, path: &str) -> Option<String> {
    let mut parts = path.match_indices('/').map(|(end, _)| &path[..end]);
    parts.find_map(|part| {
        let what = match project.tree().get(part)? {
            Node::Folder => return None,
            Node::LinkedFolder(_) => "a link to a folder",
            node if node.is_link() => "a link",
            Node::Unreadable(_) => "a folder that cannot be read",
            _ => "no folder",
        };
        Some(format!("{part} is {what}"))
    })
}

/// Whether the name stands for a change.
fn named(project: &Project<'_>, change: &str, plan: &mut Plan) -> bool {
    if change.is_empty() || matches!(change, "." | "..") || change.contains(['/', '\\']) {
        let message = format!("`{}` is no name of a change", change.escape_debug());
        plan.stop(Stop::NameInvalid, message, Some("Give the name of a folder below changes/.".to_owned()));
        return false;
    }
    match project.tree().get(&project.change_path(change)) {
        Some(node) if node.is_link() => {
            let message = format!("the change `{change}` is a symbolic link");
            plan.stop(Stop::Symlink, message, Some("Put the folder itself there.".to_owned()));
            return false;
        }
        Some(Node::Folder) if change != "archive" => {}
        _ => {
            let known = project.changes().join(", ");
            let known = if known.is_empty() {
                "There is no open change.".to_owned()
            } else {
                format!("Open changes: {known}.")
            };
            plan.stop(Stop::NotFound, format!("there is no change `{}`", change.escape_debug()), Some(known));
            return false;
        }
    }
    let Some(nested) = project.nested(change) else { return true };
    let message = format!("`{change}` is a folder around changes: {}", nested.nested.join(", "));
    plan.stop(Stop::Namespace, message, Some("Move them up, directly below changes/.".to_owned()));
    false
}

/// The day on which the archive would call a change by this name; any where its name has none. `None` where it never would.
#[must_use]
pub fn archived_on<'n>(project: &Project<'_>, change: &str, name: &'n str) -> Option<&'n str> {
    let is_day = |day: &&str| {
        day.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
    };
    let days = name.char_indices().filter_map(|(at, _)| name.get(at..at + 10)).filter(is_day).chain(["1970-01-01"]);
    days.into_iter().find(|day| archived_as(project, change, day) == name)
}

/// The folder's name in the archive: the day and the name, or what the project's `archive_name` says. A name that begins with a
/// whole date keeps it.
fn archived_as(project: &Project<'_>, change: &str, date: &str) -> String {
    let dated = change.len() > 10
        && change.bytes().take(11).enumerate().all(|(at, byte)| match at {
            4 | 7 | 10 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match project.config().archive_name.as_deref() {
        Some(pattern) => pattern.replace("{date}", date).replace("{name}", change),
        None if dated => change.to_owned(),
        None => format!("{date}-{change}"),
    }
}

/// The change that a folder of the archive is, as far as its name tells: the shortest part of it that archiving would call so.
#[must_use]
pub fn change_of<'f>(project: &Project<'_>, folder: &'f str) -> &'f str {
    let ends: Vec<usize> = folder.char_indices().map(|(at, _)| at).chain([folder.len()]).collect();
    let parts = (1..ends.len()).flat_map(|size| ends.windows(size + 1).map(move |ends| (ends[0], ends[size])));
    let mut names = parts.map(|(from, to)| &folder[from..to]);
    names.find(|name| archived_on(project, name, folder).is_some()).unwrap_or(folder)
}

/// Asks what `validate` found, as far as it does not depend on the main specs: those come with the merge.
fn judged(project: &Project<'_>, change: &str, options: &Options<'_>, plan: &mut Plan) {
    let Some(issues) = options.issues else {
        let message = "archiving without any check needs --yes".to_owned();
        plan.stop(
            Stop::Unchecked,
            message,
            Some(format!("Run it again with --yes, or without --no-validate: {change}.")),
        );
        return;
    };
    // Two changes of one requirement are no reason to archive neither: the second one is merged.
    let merges = [
        &rules::DELTA_SCENARIO_LOSS,
        &rules::DELTA_MAIN_UNREADABLE,
        &rules::DELTA_REFUSED,
        &rules::DELTA_UNCHECKED,
        &rules::SIBLING_OVERLAP,
    ];
    let is_own = |issue: &&Issue| issue.level == Level::Error && !merges.iter().any(|rule| rule.id == issue.code);
    let mut own = issues.iter().filter(is_own).peekable();
    if own.peek().is_none() || options.judges_deltas_only && !has_deltas(project, change) {
        return;
    }
    let leads_out = own.clone().any(|issue| issue.code == rules::CHANGE_LEADS_OUT.id);
    let stop = if leads_out { Stop::Other } else { Stop::ValidationFailed };
    let said: Vec<&str> = own.map(|issue| issue.message.as_str()).collect();
    let message = format!("the change `{change}` is not valid: {}", said.join("; "));
    plan.stop(
        stop,
        message,
        Some(format!("Run `monkeytown spec validate {change}` and mend what it says, or give --no-validate.")),
    );
}

/// Whether the reference validates the change before it archives it: not where it has nothing that looks like a delta.
fn has_deltas(project: &Project<'_>, change: &str) -> bool {
    let marker = project.marker(change, Mark::SkipSpecs);
    let specs = format!("{}/specs", project.change_path(change));
    project.has_root_spec(change)
        || !project.unread_deltas(change).is_empty()
        || marker.invalid_reason.is_some()
        || marker.declared && project.has_any_file(&specs)
        || project.deltas(change).iter().any(|delta| {
            delta.fault.is_some_and(|fault| matches!(fault, Fault::LeadsOut | Fault::Folder))
                || project.text(&delta.path).is_ok_and(|text| mentions_section(&text))
        })
}

/// Whether a section of a delta begins on some line, as loosely as the reference asks before it looks any closer.
fn mentions_section(text: &str) -> bool {
    let starts = text.match_indices("##").filter(|(at, _)| text[..*at].chars().next_back().is_none_or(js::ends_line));
    starts.into_iter().any(|(at, _)| {
        let title = spaced(&text[at + 2..]);
        let words = Section::ALL.into_iter().filter_map(|section| spaced(js::strip_word(title?, section.word())?));
        words.into_iter().any(|rest| js::strip_word(rest, "Requirements").is_some())
    })
}

/// What follows at least one blank.
fn spaced(text: &str) -> Option<&str> {
    text.starts_with(js::is_space).then(|| js::trim_start(text))
}

/// A change waits for those that it depends on.
fn dependencies(project: &Project<'_>, change: &str, careful: bool, plan: &mut Plan) {
    let Ok(Some(metadata)) = project.metadata(change) else { return };
    let open: Vec<&str> = metadata
        .depends_on
        .iter()
        .map(String::as_str)
        .filter(|name| project.has_change(name) && queue::closed(project, name).is_none())
        .collect();
    if careful && !open.is_empty() {
        let message = format!("`{change}` depends on what is not archived yet: {}", open.join(", "));
        plan.stop(Stop::Dependency, message, Some(format!("Archive {} first.", open[0])));
    }
}

fn open_tasks(project: &Project<'_>, change: &str, plan: &mut Plan) {
    match project.task_progress(change) {
        Ok(tasks) => {
            plan.tasks = tasks.progress;
            let open = tasks.progress.total.saturating_sub(tasks.progress.completed);
            if open > 0 {
                let message = format!("{open} task(s) of `{change}` are open");
                plan.stop(Stop::TasksIncomplete, message, Some("Do them, or give --yes.".to_owned()));
            }
        }
        Err(fault) => plan.stop(Stop::Other, format!("the tasks of `{change}` cannot be read: {fault}"), None),
    }
}

/// The fingerprints that count for a change: those that it has recorded, else those that were found out.
#[must_use]
pub fn base(project: &Project<'_>, change: &str, found: &Base) -> Base {
    let mut base = found.clone();
    let path = format!("{}/{}", project.change_path(change), metadata::FILE);
    let record = project.text(&path).ok().and_then(|text| Value::parse(&text).ok());
    base.over(record.as_ref().map(Base::read).unwrap_or_default());
    base
}

fn merge(project: &Project<'_>, change: &str, options: &Options<'_>, plan: &mut Plan) {
    let deltas = project.deltas(change);
    if let Some(delta) = deltas.iter().find(|delta| matches!(delta.fault, Some(Fault::LeadsOut | Fault::Folder))) {
        let why = delta.fault.map(Fault::words).unwrap_or_default();
        plan.stop(Stop::Other, format!("{}: {}", delta.path, why.0), Some(why.1.to_owned()));
        return;
    }
    if deltas.is_empty() {
        return;
    }
    let inside = project.below("specs/");
    let leads_out = |delta: &&SpecFile| match project.tree().get(&project.spec_path(&delta.id)) {
        Some(Node::LinkedFile { target, .. }) => !target.starts_with(&inside),
        node => node == Some(&Node::LeadsOut),
    };
    if let Some(delta) = deltas.iter().find(leads_out) {
        let (why, fix) = Fault::LeadsOut.words();
        plan.stop(Stop::Other, format!("{}: {why}", project.spec_path(&delta.id)), Some(fix.to_owned()));
        return;
    }
    for spec in deltas.iter().map(|delta| project.spec_path(&delta.id)) {
        if let Some(what) = astray(project, &spec) {
            plan.stop(Stop::Other, what, Some(UNLINK.to_owned()));
            return;
        }
    }
    let message = format!("{} spec(s) would change", deltas.len());
    plan.stop(Stop::Confirmation, message, Some("Run it again with --yes.".to_owned()));
    let base = base(project, change, &options.base);
    let retire = project.marker(change, Mark::RetireCapabilities);
    let terms =
        Terms { change, careful: options.careful, validates: options.issues.is_some(), base: &base, retire: &retire };
    for delta in &deltas {
        match plan_file::plan(project, delta, terms) {
            Ok(update) => plan.updates.push(update),
            Err(refusal) => plan.refusals.push(refusal),
        }
    }
    twice(plan);
    stops(plan);
    plan.warnings = plan.updates.iter().flat_map(|update| update.warnings.clone()).collect();
    for update in plan.updates.iter().filter(|update| update.outcome == Outcome::Retire) {
        plan.warnings
            .push(format!("{}: the capability is retired; {} is deleted with its Purpose", update.id, update.path));
    }
    let changed = plan.updates.iter().filter(|update| update.outcome != Outcome::Keep);
    plan.totals = Some(changed.fold(Counts::default(), |sum, update| sum.and(update.counts)));
}

/// Two deltas must not write the same file: one of them would be lost.
fn twice(plan: &mut Plan) {
    let changed = || plan.updates.iter().filter(|update| update.outcome != Outcome::Keep);
    let clash = changed().enumerate().find_map(|(at, update)| {
        let before = changed().take(at).find(|before| before.path == update.path)?;
        let message = format!("`{}` leads to the same file as `{}`: {}", update.id, before.id, update.path);
        Some(Refusal::new(Kind::SameTarget, &update.id, 0, message, "Put both deltas into one."))
    });
    plan.refusals.extend(clash);
}

/// What of the refusals is said: a delta that cannot be merged before a merged spec that is not valid.
fn stops(plan: &mut Plan) {
    let order = |refusal: &Refusal| match refusal.kind {
        Kind::RebuiltInvalid => Stop::RebuiltInvalid,
        Kind::SameTarget => Stop::Other,
        _ => Stop::UpdateFailed,
    };
    for stop in [Stop::UpdateFailed, Stop::RebuiltInvalid, Stop::Other] {
        let found: Vec<Refusal> = plan.refusals.iter().filter(|refusal| order(refusal) == stop).cloned().collect();
        for refusal in found {
            plan.stop(stop, refusal.message, Some(refusal.fix));
        }
    }
}
