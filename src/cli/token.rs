//! `monkeytown token`.
//! Lives here: printing a new token, once. Never here: keeping it, and how one is checked (see `serve::publish`).

use clap::Args as ClapArgs;

use super::{Context, open, say};
use crate::config;
use crate::serve::publish;
use crate::town::ids::AgentId;

/// Make a token with which an agent's runs publish what they are at
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The token is printed once and kept nowhere. Give it to the runs of the agent as MONKEYTOWN_STREAM_TOKEN, and the line,
which holds only a hash of it, to the file of `monkeytown serve --publish-tokens`. An agent may have several.
Example:
  monkeytown token chaostester")]
pub struct Args {
    /// The agent, as in agents/NAME.md
    agent: AgentId,
}

/// Runs the command.
///
/// # Errors
/// When the system has no randomness.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    // It may be made anywhere; where a town is, its name is most likely one of its agents'.
    if let Ok(house) = open::house(context, Some("none"))
        && !house.charters.iter().any(|charter| charter.name == args.agent)
    {
        say::story(
            context,
            &format!("warning: no agent of this town is named {}; `monkeytown agents` lists them", args.agent),
        );
    }
    let (token, hash) = publish::token(config::secret()?.reveal());
    let line = format!("{} {hash}", args.agent);
    if context.json {
        say::json(&serde_json::json!({"agent": args.agent, "token": token, "line": line}))?;
    } else {
        say::answer(&format!("MONKEYTOWN_STREAM_TOKEN={token}\n{line}"));
    }
    Ok(0)
}
