//! `monkeytown gate`.
//! Lives here: from a diff to a proposal. Never here: the checks.

use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, Usage, open, say};
use crate::git::journal::Journal;
use crate::run::propose;
use crate::town::facts::count_of;
use crate::town::finding::any_error;
use crate::town::gate;
use crate::town::ids::AgentId;

/// Judge what a branch would bring to the default branch by the gate's checks, over every object that would be pushed
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  monkeytown gate                                   HEAD against the default branch, as a person's work
  monkeytown gate --agent chaostester --head agent/chaostester
  monkeytown gate --checks                          what each check refuses")]
pub struct Args {
    /// Judge it as this agent's work: ownership and limits count too
    #[arg(long)]
    agent: Option<AgentId>,
    /// What it is compared with; the default branch when left out
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// What is judged
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    head: String,
    /// List the checks instead, as a table in Markdown
    #[arg(long)]
    checks: bool,
}

/// Runs the command.
///
/// # Errors
/// When a revision does not exist or cannot be read.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    if args.checks {
        say::answer(gate::docs().trim_end());
        return Ok(0);
    }
    let house = open::house(context, None)?;
    let repo = &house.home.repo;
    let resolve = |revision: &str| {
        repo.resolve(revision).map_err(|_| Usage(format!("{revision:?} is no commit of this repository")))
    };
    let head = resolve(&args.head)?;
    let base = args.base.as_deref().map(resolve).transpose()?.map_or_else(|| house.home.main(), Ok)?;
    let charter = args.agent.as_ref().map(|agent| house.charter(agent)).transpose()?;
    let fork = repo.merge_base(base, head)?.unwrap_or(base);
    let town = Journal::new(repo, house.home.remote.as_ref()).load()?.town;
    let proposal = propose::of_commits(&house, &town, charter, fork, head, &[base])?;
    let findings = gate::judge(&proposal);
    if context.json {
        say::json(&json!({"files": proposal.changes.len(), "checks": gate::CHECKS.len(), "findings": findings}))?;
    } else {
        say::findings(&findings);
        let files = proposal.changes.len();
        let files = count_of(files, "file");
        say::answer(&format!("{files}, {} checks: {}", gate::CHECKS.len(), say::count(&findings)));
    }
    Ok(u8::from(any_error(&findings)))
}
