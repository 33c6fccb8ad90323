//! `monkeytown agents`.
//! Lives here: a list and a page per agent. Never here: charters' rules.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{Context, Usage, open, say};
use crate::git::journal::Journal;
use crate::run::house::House;
use crate::town::charter::Charter;
use crate::town::fold::Town;
use crate::town::ids::AgentId;
use crate::town::{ownership, schedule, text};

/// List the town's agents as the default branch has them, or show one
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What to do instead of listing.
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Print what an agent would be told if it ran now
    Brief {
        /// Its name
        agent: AgentId,
    },
    /// Show one agent: what it owns, when it runs, how it did, its persona
    Show {
        /// Its name
        agent: AgentId,
    },
}

/// Runs the command.
///
/// # Errors
/// When the town cannot be opened.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    let town = Journal::new(&house.home.repo, house.home.remote.as_ref()).load()?.town;
    let now = open::Source::new(context)?.now();
    match &args.command {
        Some(Sub::Brief { agent }) => brief(context, &house, agent)?,
        None if context.json => say::json(&json!({"agents": house.charters}))?,
        None => {
            for charter in &house.charters {
                let next = charter.schedule.as_ref().and_then(|schedule| schedule::next_planned(schedule, now));
                let next =
                    next.map_or_else(|| "no schedule".to_owned(), |time| format!("next {}", schedule::slot_of(time)));
                say::answer(&format!("{:<28} {next:<24} {}", charter.name, text::one_line(&charter.description, 90)));
            }
        }
        Some(Sub::Show { agent }) => {
            let charter = house
                .charters
                .iter()
                .find(|charter| charter.name == *agent)
                .ok_or_else(|| Usage(format!("there is no agent {agent}; `monkeytown agents` lists them")))?;
            if context.json {
                say::json(&json!({"charter": charter, "state": town.agents.get(agent)}))?;
            } else {
                show(charter, &ownership::owned(charter, &house.settings), &town, now);
            }
        }
    }
    Ok(0)
}

fn brief(context: &Context, house: &House, agent: &AgentId) -> anyhow::Result<()> {
    let source = open::Source::new(context)?;
    let now = || source.now();
    let edge = open::edge(context, house, &now, &|_| {});
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let forge = open::forge(context, house, &journal, &source)?;
    let (system, user) = open::block_on(crate::run::briefing(&edge, house, &journal, forge.as_ref(), agent))??;
    if context.json {
        return say::json(&json!({"agent": agent, "system": system, "user": user}));
    }
    say::answer(&system);
    say::answer(&user);
    Ok(())
}

fn show(charter: &Charter, owned: &[crate::town::pattern::Pattern], town: &Town, now: chrono::DateTime<chrono::Utc>) {
    say::answer(&format!("{}\n{}\n", charter.name, charter.description));
    let owned: Vec<&str> = owned.iter().map(|pattern| pattern.as_str()).collect();
    say::answer(&format!("owns      {}", owned.join(", ")));
    if let Some(page) = &charter.page {
        say::answer(&format!("page      {page}"));
    }
    if let Some(planned) = &charter.schedule {
        let zone = planned.timezone.as_deref().unwrap_or("UTC");
        let next = schedule::next_planned(planned, now).map(|time| schedule::slot_of(time).to_string());
        say::answer(&format!(
            "schedule  {} ({zone}), next {}",
            planned.cron,
            next.unwrap_or_else(|| "never".to_owned())
        ));
    }
    let limits = charter.limits;
    say::answer(&format!(
        "limits    {} turns, {} minutes, {} files, {} tokens of context",
        limits.turns, limits.minutes, limits.files, limits.context
    ));
    let senses: Vec<&str> = charter.senses.iter().map(|sense| sense.name()).collect();
    say::answer(&format!("senses    {}", senses.join(", ")));
    let tools = if charter.tools.is_empty() { "all".to_owned() } else { charter.tools.join(", ") };
    say::answer(&format!("tools     {tools}"));
    match town.agents.get(&charter.name) {
        None => say::answer("runs      none yet"),
        Some(agent) => {
            say::answer(&format!("verdicts  {} merged, {} rejected", agent.merged, agent.rejected));
            for run in agent.runs.iter().rev().take(5) {
                let when = run.started.format("%Y-%m-%d %H:%M");
                say::answer(&format!("run       {when}  {:<8} {}", run.outcome, text::one_line(&run.reason, 100)));
            }
        }
    }
    say::answer(&format!("\n{}", charter.persona.trim_end()));
}
