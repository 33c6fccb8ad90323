//! `monkeytown demo`: a small real town in a folder of its own, its agents at work in it, and its page in the browser.
//! Lives here: making the town, running everybody's slot, the display, and what to do next; who answers a verdict.
//! Never here: a shortcut: every run goes through the whole pipeline.

mod show;
mod town;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args as ClapArgs, Parser as _};

use self::show::Show;
use super::{Context, run as run_command, say, serve};
use crate::config::{self, Secret};
use crate::git::system;
use crate::run::{Ending, Report, Request, SlotChoice};
use crate::serve::publish;
use crate::town::ids::AgentId;
use crate::town::starter;

/// Make a small town in a folder of its own and let its agents work in it, offline and without any key
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The town stays where it is, so that you can look at its pull requests, merge and reject them, and run its agents again.
On a terminal it is served to your browser too: merge or reject there or here, and that agent has its next turn.")]
pub struct Args {
    /// The folder to make it in, which must not exist or be empty; a new temporary one when left out
    #[arg(long = "dir", value_name = "DIR")]
    place: Option<PathBuf>,
    /// Serve the town to a browser until Ctrl-C, as on a terminal
    #[arg(long, conflicts_with = "no_serve")]
    serve: bool,
    /// End when every agent had its turn, also on a terminal
    #[arg(long)]
    no_serve: bool,
}

/// The arguments of a server as they are when nobody says any.
#[derive(Debug, clap::Parser)]
struct Usual {
    #[command(flatten)]
    args: serve::Args,
}

/// Runs the command.
///
/// # Errors
/// When the folder is not empty, or a run fails in a way that no report tells.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let place = place(args.place.as_deref())?;
    let show = Show::new(say::is_live(context));
    show.say(&format!("A small town in {}", place.display()));
    town::make(&place, context)?;
    show.say(
        "  a project with a few faults, three people's commits, and nine charters: `monkeytown init` made it a town\n",
    );
    let inside = Context { dir: place.clone(), json: false, env: context.env.clone(), secrets: RefCell::default() };
    let is_watched = std::io::stdout().is_terminal() && say::is_live(context);
    let served = (args.serve || is_watched && !args.no_serve).then(|| served(&inside, &show)).transpose()?;
    let mut reports = Vec::new();
    for (agent, _) in starter::MONKEYS {
        let agent: AgentId = agent.parse()?;
        if served.as_ref().is_some_and(|stage| stage.running.is_told_to_end()) {
            break;
        }
        reports.push(turn(&inside, &show, &agent, SlotChoice::Planned, served.as_ref())?);
    }
    summary(&inside, &show, &place, &reports);
    if let Some(served) = served {
        answer(&inside, &show, &served)?;
        served.running.end();
    }
    Ok(u8::from(reports.iter().any(|report| report.outcome == Ending::Failed)))
}

fn place(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(dir) = wanted else {
        let made = tempfile::Builder::new().prefix("monkeytown-").tempdir().context("make a temporary folder")?;
        return Ok(made.keep());
    };
    if dir.exists() && std::fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?.next().is_some() {
        let dir = dir.display();
        let why = format!(
            "{dir} is not empty; name a folder that does not exist yet, or serve an earlier demo: monkeytown -C {dir} serve"
        );
        return Err(super::Usage(why).into());
    }
    std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    system::canonical(dir).with_context(|| format!("find {}", dir.display()))
}

/// The server that shows the town, and what each agent tells it with what its run is at.
struct Stage {
    running: serve::Running,
    origin: String,
    tokens: BTreeMap<AgentId, Secret>,
}

/// Serves the town at the usual port, or at any where that is taken.
fn served(context: &Context, show: &Show) -> anyhow::Result<Stage> {
    let (mut tokens, mut lines) = (BTreeMap::new(), String::new());
    for (agent, _) in starter::MONKEYS {
        let (token, line) = publish::token(config::secret()?.reveal());
        lines.push_str(&format!("{agent} {line}\n"));
        tokens.insert(agent.parse()?, token.into());
    }
    let at = |listen: &str| -> anyhow::Result<serve::Running> {
        let mut args = Usual::try_parse_from(["serve", "--listen", listen])?.args;
        args.publishers.lines.clone_from(&lines);
        serve::start(context, &args)
    };
    let running = at("127.0.0.1:4180").or_else(|_| at("127.0.0.1:0"))?;
    show.say(&format!("  watch it at {}\n", running.page()));
    Ok(Stage { origin: format!("http://{}", running.address), running, tokens })
}

/// Lets each agent have its next turn whose pull request was merged or rejected, until Ctrl-C.
fn answer(context: &Context, show: &Show, stage: &Stage) -> anyhow::Result<()> {
    let served = &stage.running;
    show.say(&format!("\n  {} shows it; merge or reject, and see who answers. Ctrl-C ends it.", served.page()));
    let mut known = BTreeSet::new();
    loop {
        let mut next = None;
        let is_one = || {
            let town = served.shared.hub.state().town;
            let mut pulls = town.pulls.values().filter(|pull| pull.verdict.is_some());
            next = pulls.find(|pull| known.insert(pull.number)).map(|pull| pull.agent.clone());
            next.is_some()
        };
        if !served.wait_until(is_one) {
            return Ok(());
        }
        if let Some(agent) = next {
            turn(context, show, &agent, SlotChoice::Auto, Some(stage))?;
        }
    }
}

/// One agent takes a slot, and tells who watches what it is at.
fn turn(
    context: &Context,
    show: &Show,
    agent: &AgentId,
    slot: SlotChoice,
    stage: Option<&Stage>,
) -> anyhow::Result<Report> {
    let request = Request { agent: agent.clone(), slot, brain: None, task: None, dry_run: false };
    let line = show.begin(agent.as_str());
    let (stream, token) = (stage.map(|stage| &*stage.origin), stage.and_then(|stage| stage.tokens.get(agent)));
    let how = run_command::How { remote: Some("none"), stream, token, ..run_command::How::default() };
    let report = run_command::once(context, &how, &request, &|progress| line.step(progress));
    match report {
        Ok(report) => {
            line.end(&report);
            Ok(report)
        }
        Err(error) => {
            line.broke();
            bail!(error.context(format!("run {agent}")))
        }
    }
}

fn summary(context: &Context, show: &Show, place: &Path, reports: &[Report]) {
    let opened: Vec<&Report> = reports.iter().filter(|report| report.outcome == Ending::Opened).collect();
    show.say(&format!(
        "\n{} of {} agents opened a pull request. Nothing on main has changed: that is for you to decide.\n",
        opened.len(),
        reports.len()
    ));
    let number = |agent: &str| opened.iter().find(|r| r.agent.as_str() == agent).and_then(|report| report.pull);
    let program = context.env.program();
    let here = place.display().to_string();
    let here = if here.contains(' ') { format!("'{here}'") } else { here };
    let tell = |what: &str, command: &str| show.say(&format!("  {what}\n      {program} -C {here} {command}"));
    tell("See what waits:", "pulls");
    let merge = number("chaostester").or_else(|| opened.first().and_then(|report| report.pull)).unwrap_or(1);
    let reject = number("junglesecurity").or_else(|| opened.last().and_then(|report| report.pull)).unwrap_or(2);
    tell("Look at one:", &format!("pulls show {merge} --diff"));
    tell("Merge it:", &format!("pulls merge {merge}"));
    tell("Reject another, and say why:", &format!("pulls reject {reject} --reason wrong \"{}\"", town::REJECTION));
    tell("See what its agent is told now:", "agents brief junglesecurity");
    tell("Let it run again: its next pull request answers you:", "run junglesecurity");
    show.say(&format!(
        "  Mend what chaostester found, as a person would, and let it run again:\n      cd {here} && {}",
        town::MEND
    ));
    tell("and then", "run chaostester");
    tell("What happened so far:", "log -n 0");
    tell("The proof that all of it adds up:", "log verify");
}
