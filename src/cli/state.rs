//! `monkeytown state`: what the journal folds to.
//! Lives here: choosing the moment, a short text. Never here: the fold.

use clap::Args as ClapArgs;

use super::{Context, log, open, say};
use crate::git::journal::Journal;
use crate::town::fold::{PullState, Town};

/// Print the state of the town, now or at an earlier moment
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The state after this: a sequence number, a moment (RFC 3339), a date, or a commit
    #[arg(long, value_name = "SEQ|TIME|COMMIT")]
    at: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the journal cannot be read.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    open::sync(context, &journal, &open::Source::new(context)?.stamp(&house.settings.name))?;
    let town = match &args.at {
        None => journal.load()?.town,
        Some(at) => journal.state_at(log::position(&house, &journal, at)?)?,
    };
    if context.json {
        say::json(&town)?;
    } else {
        text(&house.settings.name, &town);
    }
    Ok(0)
}

fn text(name: &str, town: &Town) {
    let totals = &town.totals;
    say::answer(&format!(
        "{name} after event {}: {} runs ({} failed), {} pull requests opened, {} merged, {} rejected",
        town.seq, totals.runs, totals.failed, totals.opened, totals.merged, totals.rejected
    ));
    if let Some(frozen) = &town.frozen {
        say::answer(&format!("frozen by {} since {}: {}", frozen.by, frozen.since.to_rfc3339(), frozen.reason));
    }
    for (id, agent) in &town.agents {
        let doing = match &agent.active {
            Some(run) => format!("run {} in flight", run.run),
            None => {
                agent.runs.back().map_or_else(|| "has not run".to_owned(), |run| format!("last run: {}", run.outcome))
            }
        };
        say::answer(&format!("  {id:<28} {doing}, {} merged, {} rejected", agent.merged, agent.rejected));
    }
    for pull in town.pulls.values().filter(|pull| pull.state == PullState::Open) {
        say::answer(&format!("  #{:<4} {} ({})", pull.number, pull.offer.title, pull.agent));
    }
}
