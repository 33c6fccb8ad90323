//! `monkeytown sync`.
//! Lives here: asking the forge, or reading one webhook payload, and saying what was new. Never here: what is recorded.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, Usage, open, say};
use crate::config::files;
use crate::forge::Forge as _;
use crate::forge::github::webhook::PAYLOAD_BYTES;
use crate::git::journal::Journal;
use crate::run::{Progress, RunError, claim};

/// Ask the forge what people did, and record it: merges, rejections, reviews, comments with their commands, reactions, posts
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
What was recorded before is not recorded again, so it may run as often as you like. Every run does it first.
Commands that people of the town may write on the first line of a comment:
  /reject CODE [text]           close the pull request with a reason (citizen)
  /pause [agent:NAME] reason    the agent starts no run (citizen)
  /resume [agent:NAME]          it runs again (citizen)
  /freeze reason, /thaw reason  stop the town (citizen), let it go on (mayor)
Examples:
  monkeytown sync
  monkeytown sync --event \"$GITHUB_EVENT_PATH\"")]
pub struct Args {
    /// Read this webhook payload instead of asking; its kind is in GITHUB_EVENT_NAME
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// The kind of the payload, where GITHUB_EVENT_NAME does not say it
    #[arg(long, value_name = "KIND", requires = "event")]
    kind: Option<String>,
    /// The remote that is the town's home: `auto`, `none`, or its name
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When forge or journal fail.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, args.remote.as_deref())?;
    let source = open::Source::new(context)?;
    let now = || source.now();
    let halt = context.env.halt_at().map(str::to_owned);
    let watch = |progress: &Progress| super::run::stand_still(halt.as_deref(), progress);
    let edge = open::edge(context, &house, &now, &watch);
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let news = match &args.event {
        None => {
            let forge = open::forge(context, &house, &journal, &source)?;
            open::block_on(claim::sync(&edge, &house, &journal, forge.as_ref(), false))??
        }
        Some(path) => {
            let payload = files::read_up_to(path, PAYLOAD_BYTES)
                .map_err(|error| Usage(format!("{} cannot be read: {error}", path.display())))?;
            let kind = args.kind.clone().or_else(|| context.env.github().event_name);
            let kind = kind.ok_or_else(|| Usage("of which kind is it? set --kind, as in pull_request".to_owned()))?;
            let github = open::github(context, &house, &source)?.ok_or_else(|| {
                Usage(
                    "the pull requests of this town do not live on GitHub, so a webhook says nothing to it".to_owned(),
                )
            })?;
            let synced = journal.sync(&edge.stamp(&house.settings.name))?;
            let town = journal.load()?.town;
            let seen = open::block_on(async {
                let seen = github.observe_event(&town, &kind, &payload).await?;
                github.carry_out(&town, &seen).await?;
                Ok(seen)
            })?;
            let seen = seen.map_err(RunError::Forge)?;
            claim::News { sentences: claim::record(&edge, &house, &journal, &seen)?, online: synced.online }
        }
    };
    if context.json {
        say::json(&json!({"news": news.sentences, "online": news.online}))?;
    } else if news.sentences.is_empty() {
        say::answer("nothing new");
    }
    for line in &news.sentences {
        if !context.json {
            say::answer(&crate::town::text::neutralise_commands(line));
        }
    }
    if !news.online {
        say::story(context, "remote or forge unavailable; what waits here goes out with the next sync");
        return Ok(3);
    }
    Ok(0)
}
