//! OpenSpec as the default branch has it: specs, changes, their gates.
//! Lives here: `/api/specs`, now and at a moment of the stream. Never here: the rules (see [`crate::town::spec`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use git2::Oid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git::files::Files;
use crate::git::home::Home;
use crate::git::spec_tree;
use crate::serve::chronicle::{Chronicle, Heads};
use crate::serve::problem::Problem;
use crate::serve::ring::Offset;
use crate::serve::stood::Stood;
use crate::serve::{Shared, offset};
use crate::town::fold::Town;
use crate::town::ids::RunId;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::past::Past;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::OPENSPEC;
use crate::town::spec::trace::{self, Trace};
use crate::town::spec::tree::Archive;

use super::desk::{Document, Failure, TownNow};
use super::states;

/// Archived changes that are told, newest first.
const ARCHIVED: usize = 200;

/// Specs and changes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Specs {
    /// Open ones by name, then archived ones, newest first.
    pub changes: Vec<Change>,
    /// What holds.
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

/// A moment of the stream.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Moment {
    /// The offset at which it was so, as events and lines of history have it; now where it is left out.
    at: Option<Offset>,
}

/// `GET /api/specs`: OpenSpec; with `at=`, as it was at that offset.
pub async fn answer(
    State(shared): State<Arc<Shared>>,
    moment: Result<Query<Moment>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let at = match moment {
        Err(_) => return Problem::bad_request("at= is an offset of the stream").into_response(),
        Ok(Query(Moment { at: None })) => {
            return super::document(shared, &headers, "specs".to_owned(), |a| specs(a.home, a.now, a.town)).await;
        }
        Ok(Query(Moment { at: Some(at) })) => at,
    };
    match super::worked_out_at_length(shared, move |shared| then(shared, at)).await {
        Ok(made) => super::tagged(&headers, &made.tag, || made.bytes.clone()),
        Err(problem) => problem.into_response(),
    }
}

/// What stood at an offset: in the files of the default branch, and in the state after the last recorded event.
fn then(shared: &Shared, at: Offset) -> Result<Arc<Document>, Failure> {
    let stood = shared.hub.stood(at);
    if at > stood.newest {
        return Err(Failure::NotFound(format!("there is no offset {at}; the newest one is {}", stood.newest)));
    }
    let town = states::at(shared, offset::seq_of(at))?;
    let desk = &shared.desk;
    desk.with(|home| {
        let main = match stood.main {
            None => before_the_oldest(home, at, &stood)?,
            main => main,
        };
        let name = format!("specs at {} of {}", town.seq, main.map(|main| main.to_string()).unwrap_or_default());
        // What could not be read for a moment is read again.
        let version = format!("{} {}", stood.epoch, desk.now().timestamp().div_euclid(60));
        desk.kept(&name, &version, || {
            let told = main.map(|main| specs(home, &TownNow::of(home, main)?, &town)).transpose()?;
            Ok(serde_json::to_vec(&told.unwrap_or_default())?)
        })
    })
}

/// The commit of the default branch where the stream knows none. It may know no more than where the newer ones stand; in git they
/// stand by their times, as in an export.
fn before_the_oldest(home: &Home, at: Offset, stood: &Stood) -> Result<Option<Oid>, Failure> {
    match stood.oldest {
        None => Ok(None),
        Some((place, oid)) if offset::seq_of(place) == 0 && home.repo.is_first(oid)? => Ok(None),
        Some(_) => Chronicle::of(home, Heads::now(home)?, "")?.stood(home, at),
    }
}

/// OpenSpec as these files have it.
///
/// # Errors
/// [`Failure`] when the repository cannot be read.
pub fn specs(home: &Home, now: &TownNow, town: &Town) -> Result<Specs, Failure> {
    let repo = &home.repo;
    let files = Files::open(repo.git(), now.main)?;
    let tree = spec_tree::read(&files, OPENSPEC, Archive::Names);
    let project = Project::new(&tree, OPENSPEC);
    let mut unread = None;
    let specified = !project.specs().is_empty() || !project.changes().is_empty();
    // Where nothing is specified no file is read for the sake of a scenario.
    let tags = if specified { spec_tree::tags(repo, repo.tree_of(now.main)?) } else { Ok(Vec::new()) };
    let tags = match tags {
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
