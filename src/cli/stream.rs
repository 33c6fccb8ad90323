//! Who tells a server of the town what a run is at.
//! Lives here: which server, and by which right. Never here: what is told (see `run::courier`).

use super::{Context, Usage, say};
use crate::config::Secret;
use crate::run::Request;
use crate::run::courier::{Courier, Right, Server};
use crate::run::house::House;

/// The variable with the server's address.
const SERVER: &str = "MONKEYTOWN_STREAM";
/// The variable with the agent's token; never an argument, which everybody on the machine could read.
const TOKEN: &str = "MONKEYTOWN_STREAM_TOKEN";

/// Somebody who tells the server that the caller names, or else the town's settings; nobody where a run writes nothing, or where
/// there is no right to speak. `token` is the agent's, where the caller has it.
///
/// # Errors
/// [`Usage`] where the server cannot be one.
pub fn courier(
    context: &Context,
    asked: Option<&str>,
    token: Option<&Secret>,
    house: &House,
    request: &Request,
) -> anyhow::Result<Option<Courier>> {
    let asked = asked.or_else(|| context.env.get(SERVER));
    let wanted = asked.or(house.settings.stream.as_deref());
    let Some(url) = wanted.filter(|url| *url != "none" && !request.dry_run) else { return Ok(None) };
    let server =
        Server::at(url).map_err(|why| Usage(format!("--stream: {why}; write for example https://town.example")))?;
    let given = token.map(|token| Right::Token(token.reveal().to_owned()));
    let Some(right) = given.or_else(|| right(context)) else {
        if asked.is_some() {
            say::story(
                context,
                &format!("{TOKEN} is not set, so that {} is told nothing of this run", server.origin()),
            );
        }
        return Ok(None);
    };
    Ok(Some(Courier::send(server, right, request.agent.clone())?))
}

/// The agent's token, or what a workflow of GitHub gets one with.
fn right(context: &Context) -> Option<Right> {
    if let Some(token) = context.env.secret(TOKEN) {
        return Some(Right::Token(token.reveal().to_owned()));
    }
    let url = context.env.get("ACTIONS_ID_TOKEN_REQUEST_URL").filter(|_| context.env.is_actions())?;
    let token = context.env.secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
    Some(Right::Workflow { url: url.to_owned(), token: token.reveal().to_owned() })
}
