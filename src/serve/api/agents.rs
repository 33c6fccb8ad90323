//! Agents as their charters describe them, with what they remember.
//! Lives here: `/api/agents`. Never here: what they did (that is in the state and in the history).

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::git::errors::GitError;
use crate::git::home::Home;
use crate::town::charter::{Charter, RunLimits, Schedule};
use crate::town::decide::LEAST_HOLD;
use crate::town::limits::TOWN_FILE_BYTES;
use crate::town::memory::{Entry, Memory};
use crate::town::ownership;
use crate::town::schedule;
use crate::town::settings::TownLimits;

use super::desk::{Desk, Failure, TownNow};

/// What the town lets its agents have on one day (UTC).
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DailyCaps")]
struct Day {
    /// Runs that the agent may start.
    runs: u32,
    /// Once all agents together have spent more than this, in millionths of a US dollar, it starts no run that costs anything.
    cost_micros: u64,
}

/// One agent.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Resident")]
pub struct Agent {
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
    /// Its persona, in Markdown.
    persona: String,
    /// The paths that it may write, grants included.
    owns: Vec<String>,
    /// When it runs by itself.
    schedule: Option<Schedule>,
    /// The next of these moments.
    next_slot: Option<DateTime<Utc>>,
    /// `inherit` or `provider/model`.
    model: String,
    /// Tools; none means all that the town offers.
    tools: Vec<String>,
    /// What one run may use.
    limits: RunLimits,
    /// Facts of its briefing.
    senses: Vec<String>,
    /// The one file that it keeps up to date.
    page: Option<String>,
    /// Whether the settings keep it from running.
    paused: bool,
    /// What it may have on one day, where the settings can be read.
    day: Option<Day>,
    /// What it remembers.
    memories: Vec<Entry>,
}

/// `GET /api/agents`.
///
/// # Errors
/// [`Failure`] when the repository cannot be read.
pub fn agents(desk: &Desk, home: &Home, town: &TownNow) -> Result<Vec<Agent>, Failure> {
    let now = desk.now();
    town.charters.iter().map(|charter| agent(home, town, charter, now)).collect()
}

fn agent(home: &Home, town: &TownNow, charter: &Charter, now: DateTime<Utc>) -> Result<Agent, Failure> {
    let settings = town.settings.as_ref();
    let owned = settings.map_or_else(|| charter.owns.clone(), |settings| ownership::owned(charter, settings));
    Ok(Agent {
        name: charter.name.to_string(),
        description: charter.description.clone(),
        persona: charter.persona.clone(),
        owns: owned.iter().map(ToString::to_string).collect(),
        schedule: charter.schedule.clone(),
        next_slot: charter.schedule.as_ref().and_then(|schedule| schedule::next_planned(schedule, now)),
        model: charter.model.clone(),
        tools: charter.tools.clone(),
        limits: charter.limits,
        senses: charter.senses.iter().map(|sense| sense.name().to_owned()).collect(),
        page: charter.page.clone(),
        paused: settings.is_some_and(|settings| settings.paused.contains(&charter.name)),
        day: settings.map(|settings| day(&settings.limits, &charter.limits)),
        memories: match memories(home, town, charter) {
            Err(error) if error.is_unreadable() => {
                tracing::warn!(agent = %charter.name, error = error.whole(), "its memory cannot be read");
                Vec::new()
            }
            memories => memories?,
        },
    })
}

fn day(town: &TownLimits, own: &RunLimits) -> Day {
    let least = town.usd_of_a_run(own).0.min(LEAST_HOLD);
    Day { runs: town.runs_per_day, cost_micros: town.usd_per_day.0.saturating_sub(least) }
}

/// A memory file that is damaged gives what can be read of it; the gate says what is wrong.
fn memories(home: &Home, town: &TownNow, charter: &Charter) -> Result<Vec<Entry>, GitError> {
    let (repo, path) = (&home.repo, charter.name.memory_path());
    let Some((_, blob)) = repo.entry(repo.tree_of(town.main)?, &path)? else { return Ok(Vec::new()) };
    if repo.blob_size(blob)? > TOWN_FILE_BYTES as u64 {
        return Ok(Vec::new());
    }
    Ok(Memory::parse(&path, &repo.read_blob(blob)?).0.entries().to_vec())
}
