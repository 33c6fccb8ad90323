//! `monkeytown freeze` and `monkeytown thaw`.
//! Lives here: handing a human's word to the journal. Never here: what a freeze stops.

use clap::Args as ClapArgs;

use super::{Context, open, say};
use crate::git::journal::Journal;
use crate::town::decide::{self, Command};

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

/// Freezes.
///
/// # Errors
/// When it is frozen already or the journal fails.
pub fn freeze(context: &Context, args: &FreezeArgs) -> anyhow::Result<u8> {
    let reason = args.reason.clone();
    act(context, "frozen; `monkeytown thaw` lets it go on", |by| Command::Freeze { by, reason })
}

/// Thaws.
///
/// # Errors
/// When it is not frozen or the journal fails.
pub fn thaw(context: &Context, args: &ThawArgs) -> anyhow::Result<u8> {
    let reason = args.reason.clone();
    act(context, "thawed; the next runs start again", |by| Command::Thaw { by, reason })
}

fn act(context: &Context, said: &str, command: impl FnOnce(String) -> Command) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    let source = open::Source::new(context)?;
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let stamp = source.stamp(&house.settings.name);
    open::sync(context, &journal, &stamp)?;
    let command = command(open::me(&house));
    let appended = journal.append(&stamp, |town| decide::decide(town, &command, stamp.time))?;
    say::answer(&format!("{} is {said}", house.settings.name));
    if appended.queued {
        say::story(context, "the remote cannot be reached: other machines learn of it with the next sync");
        return Ok(3);
    }
    Ok(0)
}
