//! `monkeytown freeze` and `monkeytown thaw`, `monkeytown pause` and `monkeytown resume`.
//! Lives here: handing a human's word to the journal. Never here: what a freeze stops.

use clap::Args as ClapArgs;

use super::{Context, open, say};
use crate::git::journal::{Appended, Journal};
use crate::run::house::House;
use crate::town::decide::{self, Command};
use crate::town::event::AgentHalted;
use crate::town::ids::AgentId;

/// Stop the town: no run starts and nothing is pushed until it is thawed
#[derive(Debug, ClapArgs)]
pub struct FreezeArgs {
    /// Why
    #[arg(long)]
    reason: String,
}

/// Let a frozen town go on
#[derive(Debug, ClapArgs)]
pub struct ThawArgs {
    /// Why it may go on
    #[arg(long)]
    reason: String,
}

/// Let an agent start no run until it is resumed
#[derive(Debug, ClapArgs)]
pub struct PauseArgs {
    /// The agent, as in agents/NAME.md
    agent: AgentId,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Let a paused agent run again
#[derive(Debug, ClapArgs)]
pub struct ResumeArgs {
    /// The agent, as in agents/NAME.md
    agent: AgentId,
    /// Why it may run again
    #[arg(long, default_value = "")]
    reason: String,
}

/// Pauses an agent.
///
/// # Errors
/// When it is paused already or the journal fails.
pub fn pause(context: &Context, args: &PauseArgs) -> anyhow::Result<u8> {
    let (agent, reason) = (args.agent.clone(), args.reason.clone());
    let said = format!("paused; `monkeytown resume {agent}` lets it run again");
    act(context, Some(&args.agent), &said, |by| Command::Pause(AgentHalted { agent, by, reason }))
}

/// Lets an agent run again.
///
/// # Errors
/// When it is not paused or the journal fails.
pub fn resume(context: &Context, args: &ResumeArgs) -> anyhow::Result<u8> {
    let (agent, reason) = (args.agent.clone(), args.reason.clone());
    act(context, Some(&args.agent), "let go on; its next run starts again", |by| {
        Command::Resume(AgentHalted { agent, by, reason })
    })
}

/// Freezes.
///
/// # Errors
/// When it is frozen already or the journal fails.
pub fn freeze(context: &Context, args: &FreezeArgs) -> anyhow::Result<u8> {
    let reason = args.reason.clone();
    act(context, None, "frozen; `monkeytown thaw --reason …` lets it go on", |by| Command::Freeze { by, reason })
}

/// Thaws.
///
/// # Errors
/// When it is not frozen or the journal fails.
pub fn thaw(context: &Context, args: &ThawArgs) -> anyhow::Result<u8> {
    let reason = args.reason.clone();
    act(context, None, "thawed; the next runs start again", |by| Command::Thaw { by, reason })
}

fn act(
    context: &Context,
    agent: Option<&AgentId>,
    said: &str,
    command: impl FnOnce(String) -> Command,
) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    if let Some(agent) = agent {
        // A typing error must not pause nobody.
        house.charter(agent)?;
    }
    let appended = record(context, &house, &command(open::me(&house)))?;
    say::answer(&format!("{} is {said}", agent.map_or(house.settings.name.as_str(), AgentId::as_str)));
    if appended.queued {
        say::story(context, "the remote cannot be reached: other machines learn of it with the next sync");
        return Ok(3);
    }
    Ok(0)
}

/// Records a human's word, whether or not the forge can be reached.
///
/// # Errors
/// When it is so already or the journal fails.
pub fn record(context: &Context, house: &House, command: &Command) -> anyhow::Result<Appended> {
    let source = open::Source::new(context)?;
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let stamp = source.stamp(&house.settings.name);
    open::sync(context, &journal, &stamp)?;
    Ok(journal.append(&stamp, |town| decide::decide(town, command, stamp.time))?)
}
