//! OpenSpec as the default branch has it: specs, changes, their gates.
//! Lives here: `/api/specs`. Never here: the rules (see [`crate::town::spec`]).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::git::files::Files;
use crate::git::home::Home;
use crate::git::spec_tree;
use crate::town::fold::Town;
use crate::town::ids::RunId;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::past::Past;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::trace::{self, Trace};
use crate::town::spec::tree::Archive;

use super::desk::{Failure, TownNow};

/// Archived changes that are told, newest first.
const ARCHIVED: usize = 200;

/// Specs and changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Specs {
    /// Open ones by name, then archived ones, newest first.
    pub changes: Vec<Change>,
    /// What holds now.
    pub specs: Vec<Spec>,
    /// What could not be read, and so is not counted; none where all could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// One change.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// Its name.
    name: String,
    /// `Draft`, `Approved`, `In Progress`, `Validation`, `Completed`, `Archived`…
    state: String,
    /// Tasks that are ticked, and all.
    tasks: Tasks,
    /// What its gates said, oldest first.
    gates: Vec<Verdict>,
    /// Scenarios that it brings, and those of them that a test names.
    scenarios: Scenarios,
    /// Who has to do what.
    next: Option<String>,
    /// The day on which it was archived.
    archived: Option<String>,
    /// Capabilities that it changes.
    capabilities: Vec<String>,
}

/// Tasks of a change.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Tasks {
    /// Those that are ticked.
    done: usize,
    /// All of them.
    total: usize,
}

/// Scenarios of a change.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Scenarios {
    /// All of them.
    total: usize,
    /// Those that a test names.
    ok: usize,
}

/// What a gate said.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GateVerdict")]
struct Verdict {
    /// The gate.
    name: String,
    /// As a record spells it: `approved`, `pass`, `fail`…
    verdict: String,
    /// Who spoke.
    actor: String,
    /// When its run began, where an agent spoke.
    at: Option<DateTime<Utc>>,
    /// Which record of the gate it is, from 1.
    number: u32,
    /// Whether it counts.
    counts: bool,
}

/// One spec.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Spec {
    /// Its capability.
    id: String,
    /// Requirements in it.
    requirements: usize,
    /// Scenarios in them.
    scenarios: usize,
    /// Scenarios that a test names.
    covered: usize,
}

/// `GET /api/specs`.
///
/// # Errors
/// [`Failure`] when the repository cannot be read.
pub fn specs(home: &Home, now: &TownNow, town: &Town) -> Result<Specs, Failure> {
    let repo = &home.repo;
    let files = Files::open(repo.git(), now.main)?;
    let tree = spec_tree::read(&files, OPENSPEC, Archive::Names);
    let project = Project::new(&tree, OPENSPEC);
    let mut unread = None;
    let tags = match spec_tree::tags(repo, repo.tree_of(now.main)?) {
        // What the default branch holds elsewhere is no reason to show none of its specs.
        Err(error) if error.is_unreadable() => {
            unread = Some(format!("no test was looked for that names a scenario: {}", error.whole()));
            Vec::new()
        }
        tags => tags?,
    };
    let past = match past(home, now, town, &project) {
        Err(Failure::Git(error)) if error.is_unreadable() => {
            unread = Some(format!("nothing is known of what was done for a change before: {}", error.whole()));
            Past::default()
        }
        past => past?,
    };
    let changes = project.changes();
    let mut all: Vec<Change> = changes.iter().map(|name| change(&project, &past, name, &tags)).collect();
    let mut archived = project.archived();
    archived.sort_unstable_by(|a, b| b.cmp(a));
    all.extend(archived.into_iter().take(ARCHIVED).map(put_away));
    let rows = Trace::of(trace::rows(&project), tags).rows;
    let spec = |id: String| {
        let of = |scenario: bool| rows.iter().filter(move |row| row.is_scenario() == scenario && row.change.is_none());
        let mine = |row: &&trace::Row| row.id.split('#').next() == Some(id.as_str());
        let covered = of(true).filter(mine).filter(|row| row.is_covered).count();
        Spec {
            requirements: of(false).filter(mine).count(),
            scenarios: of(true).filter(mine).count(),
            covered,
            id: id.clone(),
        }
    };
    Ok(Specs { changes: all, specs: project.specs().into_iter().map(|file| spec(file.id)).collect(), unread })
}

/// What the files do not tell. Where a shallow clone does not reach far enough, what was built after a pass is not known.
pub(super) fn past(home: &Home, now: &TownNow, town: &Town, project: &Project<'_>) -> Result<Past, Failure> {
    let guarded = now.settings.as_ref().map(|settings| settings.guarded.clone()).unwrap_or_default();
    let rebuilt = match home.repo.rebuilt(now.main, project, &guarded) {
        Ok(rebuilt) => rebuilt,
        Err(error) if error.needs_depth() => Default::default(),
        Err(error) => return Err(error.into()),
    };
    Ok(Past { authors: home.repo.authors_of_changes(town)?, rebuilt, ..Past::default() })
}

fn change(project: &Project<'_>, past: &Past, name: &str, tags: &[trace::Tag]) -> Change {
    let life = Lifecycle::of(project, &project.change_path(name), past);
    let rows = Trace::of(trace::rows_of(project, name), tags.to_vec()).rows;
    let scenarios = || rows.iter().filter(|row| row.is_scenario());
    let gates = life.steps.iter().map(|step| Verdict {
        name: step.record.gate.name().to_owned(),
        verdict: step.record.verdict.name().to_owned(),
        actor: step.record.actor.clone(),
        at: step.record.run.as_deref().and_then(began),
        number: step.record.number,
        counts: step.counts,
    });
    Change {
        name: name.to_owned(),
        state: life.state.name().to_owned(),
        tasks: Tasks { done: life.tasks.completed, total: life.tasks.total },
        gates: gates.collect(),
        scenarios: Scenarios { total: scenarios().count(), ok: scenarios().filter(|row| row.is_covered).count() },
        next: Some(life.next.act),
        archived: None,
        capabilities: project
            .deltas(name)
            .into_iter()
            .map(|delta| delta.id)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    }
}

/// A run's id says when it began.
fn began(run: &str) -> Option<DateTime<Utc>> {
    let run: RunId = run.parse().ok()?;
    DateTime::from_timestamp_millis(i64::try_from(run.millis()).ok()?)
}

/// The folder of an archived change begins with its day.
fn put_away(folder: &str) -> Change {
    let is_day = |day: &str| day.len() == 10 && day.parse::<chrono::NaiveDate>().is_ok();
    let (day, name) = match folder.get(..10).filter(|day| is_day(day)) {
        Some(day) => (Some(day.to_owned()), folder[10..].trim_start_matches('-')),
        None => (None, folder),
    };
    Change {
        name: name.to_owned(),
        state: "Archived".to_owned(),
        tasks: Tasks::default(),
        gates: Vec::new(),
        scenarios: Scenarios::default(),
        next: None,
        archived: day,
        capabilities: Vec::new(),
    }
}
