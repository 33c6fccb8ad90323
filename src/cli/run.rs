//! `monkeytown run`.
//! Lives here: its arguments, its story, and what GitHub's runner wants written. Never here: the run.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::{Context, open, say, stream};
use crate::config;
use crate::forge::local::LocalForge;
use crate::git::journal::Journal;
use crate::run::courier::Courier;
use crate::run::publish::Hands;
use crate::run::{Ending, Progress, Report, Request, RunError, SlotChoice, phases, queue};
use crate::town::facts::count_of;
use crate::town::ids::AgentId;

/// Let one agent have its turn: claim its slot, brief it, let it think and work, judge the result, and open or update its
/// one pull request.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes:
  0  proposed, nothing to do, or somebody else has the slot
  1  the gate refused, or the brain came to no result
  2  usage or configuration; a key or a model that the provider does not take
  3  remote or forge unavailable: the work waits here for the next run; or the model is
Examples:
  monkeytown run chaostester --dry-run      show what it would propose; write nothing
  monkeytown run chaostester                propose it
  monkeytown run chaostester --slot planned take the slot of its schedule, as cron does")]
pub struct Args {
    /// The agent, as in agents/NAME.md
    pub agent: AgentId,
    /// `auto`: the planned slot when a schedule started us, else one of its own; `planned`; or a name of your own
    #[arg(long, default_value = "auto", value_parser = parse_slot)]
    pub slot: SlotChoice,
    /// What shall think: `openai/MODEL`, `anthropic/MODEL`, `embedded`, `scripted:FILE` or `replay:FILE`, instead of what the town says
    #[arg(long)]
    pub brain: Option<String>,
    /// A task besides the charter's
    #[arg(long, value_name = "TEXT")]
    pub task: Option<String>,
    /// Show what it would propose, and write nothing anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// The remote that is the town's home: `auto`, `none`, or its name
    #[arg(long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Do only this part of the run, for workflows whose thinking job has no token; needs --handover
    #[arg(long, value_enum, requires = "handover", conflicts_with = "dry_run")]
    pub phase: Option<Phase>,
    /// The folder that the parts of a run hand over in
    #[arg(long, value_name = "DIR", requires = "phase")]
    pub handover: Option<PathBuf>,
    /// A folder for what cannot be sent now: it is read first, and what waits at the end is left there, for the next run on
    /// another machine
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub queue: Option<PathBuf>,
    /// The server that is told what the run is at, as it happens, or `none`; its token is in MONKEYTOWN_STREAM_TOKEN
    #[arg(long, value_name = "URL")]
    pub stream: Option<String>,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Phase {
    // Plain comments: with doc lines the help of every option would take three lines.
    // Claim the slot.
    #[allow(missing_docs)]
    Claim,
    // Think and work; writes nothing but the handover.
    #[allow(missing_docs)]
    Think,
    // Judge what was thought, and publish it.
    #[allow(missing_docs)]
    Publish,
}

fn parse_slot(text: &str) -> Result<SlotChoice, String> {
    match text {
        "auto" => Ok(SlotChoice::Auto),
        "planned" | "cron" => Ok(SlotChoice::Planned),
        name => name.parse().map(SlotChoice::Named).map_err(|error| format!("{error}")),
    }
}

/// Runs the command.
///
/// # Errors
/// Whatever kept the run from an end that the journal knows.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let request = Request {
        agent: args.agent.clone(),
        slot: args.slot.clone(),
        brain: args.brain.clone(),
        task: args.task.clone(),
        dry_run: args.dry_run,
    };
    let halt = context.env.halt_at().map(str::to_owned);
    let watch = |progress: &Progress| {
        if let Some(line) = line(progress) {
            say::story(context, &line);
        }
        stand_still(halt.as_deref(), progress);
    };
    let part = args.phase.zip(args.handover.as_deref());
    let (remote, queue, stream) = (args.remote.as_deref(), args.queue.as_deref(), args.stream.as_deref());
    let how = How { remote, part, queue, stream, token: None };
    let report = once(context, &how, &request, &watch)?;
    publish(context, &report)?;
    if context.json {
        say::json(&report)?;
    } else {
        say::answer(&crate::town::text::neutralise_commands(&report.sentence()));
        if let Some(diff) = &report.diff {
            say::answer(diff);
        }
        if report.outcome == Ending::Opened || report.outcome == Ending::Updated {
            let number = report.pull.unwrap_or_default();
            say::story(context, &format!("look at it: monkeytown pulls show {number} --diff"));
        }
    }
    Ok(report.exit_code())
}

/// How a run is done here.
#[derive(Clone, Copy, Debug, Default)]
pub struct How<'a> {
    /// The remote that the caller wants.
    pub remote: Option<&'a str>,
    /// Only this part, with the folder of the handover.
    pub part: Option<(Phase, &'a Path)>,
    /// The folder for what cannot be sent.
    pub queue: Option<&'a Path>,
    /// The server that is told what the run is at.
    pub stream: Option<&'a str>,
    /// The agent's token there, where the environment has none.
    pub token: Option<&'a config::Secret>,
}

/// One run, told to whoever watches.
///
/// # Errors
/// As [`crate::run::run`].
pub fn once(context: &Context, how: &How<'_>, request: &Request, watch: &dyn Fn(&Progress)) -> anyhow::Result<Report> {
    let before = how.queue.map(|dir| taken(context, how.remote, &request.agent, dir, watch)).transpose()?;
    // Opened after what waited was taken in: that may have moved the boundary of a shallow clone.
    let house = open::house(context, how.remote)?;
    let source = open::Source::new(context)?;
    let now = || source.now();
    let courier = stream::courier(context, how.stream, how.token, &house, request)?;
    let told = |progress: &Progress| {
        if let Some(courier) = &courier {
            courier.tell(progress, || source.stamp(&house.settings.name));
        }
        watch(progress);
    };
    let mut edge = open::edge(context, &house, &now, &told);
    let joining = |step| watch(&Progress::Joining { step });
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref()).watched(&joining);
    edge.holder_before = before.flatten();
    if let (Some((Phase::Publish, handover)), Some(queue)) = (how.part, how.queue) {
        phases::put_by(&house, &request.agent, edge.holder.as_deref(), handover, queue)?;
    }
    let report: anyhow::Result<Report> = (|| match how.part {
        // Whoever thinks has no token, and asks no forge.
        Some((Phase::Think, dir)) => {
            let forge = LocalForge::new(&house.home, &journal, || source.stamp(&house.settings.name));
            let hands = Hands { edge: &edge, house: &house, journal: &journal, forge: &forge };
            Ok(open::block_on(phases::think(hands, request, dir))??)
        }
        part => {
            let forge = open::forge(context, &house, &journal, &source)?;
            let forge = forge.as_ref();
            let hands = Hands { edge: &edge, house: &house, journal: &journal, forge };
            Ok(open::block_on(async {
                match part {
                    Some((Phase::Claim, dir)) => phases::claim(hands, request, dir).await,
                    Some((_, dir)) => phases::publish(hands, request, dir).await,
                    None => crate::run::run(&edge, &house, &journal, forge, request).await,
                }
            })??)
        }
    })();
    if let Some(line) = courier.as_ref().and_then(Courier::end) {
        say::story(context, &line);
    }
    // Also after an error: what is here is all that there is of it.
    if let Some(dir) = how.queue {
        let refused = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(RunError::Handover(_)));
        let unread = report.as_ref().is_err_and(|error| !refused(error));
        queue::leave(&house, &journal, &request.agent, edge.holder.as_deref(), unread, dir)?;
    }
    report
}

/// Takes in what an earlier run left for this one, and says who held its leases.
fn taken(
    context: &Context,
    remote: Option<&str>,
    agent: &AgentId,
    dir: &Path,
    watch: &dyn Fn(&Progress),
) -> anyhow::Result<Option<String>> {
    let house = open::house(context, remote)?;
    let source = open::Source::new(context)?;
    let now = || source.now();
    let edge = open::edge(context, &house, &now, watch);
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let forge = open::forge(context, &house, &journal, &source)?;
    let hands = Hands { edge: &edge, house: &house, journal: &journal, forge: forge.as_ref() };
    match open::block_on(queue::take(hands, agent, dir))? {
        // Nobody can mend it from here, and it must not stop the agent for ever.
        Err(RunError::Queue(refused @ queue::QueueError::Refused { .. })) => {
            let line = format!("{refused}; the run goes on without it");
            say::story(context, &line);
            if context.env.is_actions() {
                eprintln!("::warning title=queue::{}", crate::town::text::escape_data(&line));
            }
            Ok(None)
        }
        other => Ok(other?),
    }
}

/// What happens, as one line; some moments have none.
#[must_use]
pub fn line(progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Opened { base, home } => format!("open     base {} at {home}", &base[..10]),
        Progress::Synced { news, online } => {
            let away = if *online { "" } else { " (remote or forge unavailable; going on with what is known)" };
            if news.is_empty() {
                format!("sync     nothing new{away}")
            } else {
                format!("sync     {}{away}", news.join("; "))
            }
        }
        Progress::Claimed { run, slot, resumed: false } => format!("claim    run {run} for slot {slot}"),
        Progress::Claimed { run, slot, resumed: true } => format!("claim    run {run} goes on, for slot {slot}"),
        Progress::Briefed { tokens, left_out } if left_out.is_empty() => format!("brief    about {tokens} tokens"),
        Progress::Briefed { tokens, left_out } => {
            format!("brief    about {tokens} tokens, without {}", left_out.join(", "))
        }
        Progress::Thinking { turn, says } => format!("think    turn {turn}: {says}"),
        Progress::Replied { .. } | Progress::CarriedOut | Progress::Observed { .. } | Progress::Joining { .. } => {
            return None;
        }
        // What comes of it is told next.
        Progress::Asking { .. } | Progress::Using { .. } => return None,
        Progress::Called { tool, about, ok } => {
            format!("work     {tool} {about}{}", if *ok { "" } else { " (failed)" })
        }
        Progress::Gated { findings, files } => {
            let errors = findings.iter().filter(|finding| finding.is_error()).count();
            if errors > 0 {
                let list: String =
                    findings.iter().filter(|f| f.is_error()).take(20).map(|f| format!("\n  {f}")).collect();
                format!("gate     refused, {}{list}", say::count(findings))
            } else {
                format!("gate     passed, {}, {}", count_of(*files, "file"), say::count(findings))
            }
        }
        Progress::Proposed { title } => format!("propose  {title}"),
        Progress::Pushed { branch } => format!("publish  {branch}"),
        Progress::Asked { number } => format!("ask      #{number}"),
        Progress::Opening { number } => format!("publish  #{number}"),
        Progress::Published { number, opened } => {
            format!("publish  pull request #{number} {}", if *opened { "opened" } else { "updated" })
        }
        Progress::Finished { outcome } => format!("finish   {outcome}"),
    })
}

/// Stands still at the moment that a test names, until the test kills the process or lets it go on by writing a `c`. The test
/// waits for the line that it prints, so nobody needs to sleep.
pub fn stand_still(at: Option<&str>, progress: &Progress) {
    halt(at, progress.name());
}

/// The same at any step of a command that has a name.
pub fn halt(at: Option<&str>, step: &str) {
    use std::io::Read as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    static WENT_ON: AtomicBool = AtomicBool::new(false);
    if at == Some(step) && !WENT_ON.load(Ordering::Relaxed) {
        eprintln!("halted at {step}");
        let mut said = [0];
        let _ = std::io::stdin().read(&mut said);
        if said != *b"c" {
            std::process::abort();
        }
        WENT_ON.store(true, Ordering::Relaxed);
    }
}

/// Writes what GitHub's runner reads: step summary, outputs, annotations.
fn publish(context: &Context, report: &Report) -> anyhow::Result<()> {
    let secrets = context.secrets();
    let mask = |text: &str| crate::town::secrets::mask(text, &secrets);
    if let Some(path) = context.env.step_summary() {
        append(&path, &mask(&report.summary()))?;
    }
    if let Some(path) = context.env.output() {
        append(&path, &outputs(report))?;
    }
    if context.env.is_actions() {
        for line in report.annotations() {
            eprintln!("{}", mask(&line));
        }
    }
    Ok(())
}

fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// `name<<delimiter` with a random delimiter, so that no value can end it.
fn outputs(report: &Report) -> String {
    let delimiter = format!("end-{:032x}", config::random());
    let outcome =
        serde_json::to_value(report.outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let values = [
        ("run", report.run.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("outcome", outcome),
        ("pull", report.pull.map(|number| number.to_string()).unwrap_or_default()),
        ("url", report.url.clone().unwrap_or_default()),
        ("cost-usd", format!("{:.6}", report.cost_micros as f64 / 1e6)),
    ];
    values.iter().map(|(name, value)| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")).collect()
}
