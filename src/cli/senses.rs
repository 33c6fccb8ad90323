//! `monkeytown senses`.
//! Lives here: choosing senses and printing what they see. Never here: the senses.

use clap::Args as ClapArgs;

use super::{Context, Usage, open, say};
use crate::git::journal::Journal;
use crate::run::facts;
use crate::town::charter::Sense;
use crate::town::ids::AgentId;

/// Print what the senses see in the repository: facts, each useful by itself
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The senses: activity, proposals, specs, secrets, links, todos, tests, dependencies, files.
Without a name all but `tests` are read, because that one runs the project's test command.")]
pub struct Args {
    /// Which senses
    #[arg(value_parser = parse)]
    senses: Vec<Sense>,
    /// Read this commit instead of the default branch
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As this agent sees it: activity since its last run
    #[arg(long)]
    agent: Option<AgentId>,
}

fn parse(text: &str) -> Result<Sense, String> {
    Sense::ALL.into_iter().find(|sense| sense.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Sense::ALL.iter().map(|sense| sense.name()).collect();
        format!("use one of {}", names.join(", "))
    })
}

/// Runs the command.
///
/// # Errors
/// When the commit cannot be read.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    let town = Journal::new(&house.home.repo, house.home.remote.as_ref()).load()?.town;
    let source = open::Source::new(context)?;
    let now = || source.now();
    let edge = open::edge(context, &house, &now, &|_| {});
    let base = match &args.at {
        None => house.base,
        Some(at) => {
            house.home.repo.resolve(at).map_err(|_| Usage(format!("{at:?} is no commit of this repository")))?
        }
    };
    let nobody = || "nobody".parse::<AgentId>();
    let agent = args.agent.clone().map_or_else(nobody, Ok)?;
    let wanted = if args.senses.is_empty() {
        Sense::ALL.into_iter().filter(|sense| *sense != Sense::Tests).collect()
    } else {
        args.senses.clone()
    };
    let facts = facts::gather(&edge, &house, &town, &agent, base, &wanted)?;
    if context.json {
        say::json(&facts)?;
    } else {
        say::answer(facts.brief(256 * 1024).trim_end());
    }
    Ok(0)
}
