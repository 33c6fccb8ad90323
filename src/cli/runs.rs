//! `monkeytown runs`.
//! Lives here: a list of runs, and a transcript as a page for people. Never here: what is in one (see
//! [`crate::town::transcript`]).

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{Context, Usage, open, say};
use crate::git::journal::Journal;
use crate::run::checkpoint;
use crate::run::house::House;
use crate::town::fold::Town;
use crate::town::ids::{AgentId, RunId};
use crate::town::prices::Usd;
use crate::town::text;
use crate::town::transcript::{CallResult, Entry, Reply, Transcript};
use crate::town::turn::Step;
use crate::town::turn::replay::replay;

/// Lines of an output that are shown unless all of it is asked for.
const LINES: usize = 12;
/// Letters of one line that are shown then.
const LETTERS: usize = 160;
/// Letters that begin an id and may stand for it.
const LEAST: usize = 4;

/// List the runs of agents, or read what was said and done in one
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What to do instead of listing.
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// List runs, the newest first
    List {
        /// Only of this agent
        #[arg(long, value_name = "NAME")]
        agent: Option<AgentId>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_name = "COUNT")]
        limit: usize,
    },
    /// Show one: briefing, replies, calls with what came of them
    Show {
        /// Its id, or how that begins
        run: String,
        /// Leave nothing out
        #[arg(long)]
        full: bool,
    },
    /// Print its whole transcript as JSON, as `run NAME --brain replay:FILE` reads it
    Export {
        /// Its id, or how that begins
        run: String,
    },
    /// Drive the turn machine with its recorded replies, and say where it would do something else now
    Replay {
        /// Its id, or how that begins
        run: String,
    },
}

/// One line of the list.
struct Row<'a> {
    run: &'a RunId,
    agent: &'a AgentId,
    started: chrono::DateTime<chrono::Utc>,
    outcome: &'a str,
    reason: &'a str,
    pull: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// When the town cannot be opened, or there is no such run.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    open::sync(context, &journal, &open::Source::new(context)?.stamp(&house.settings.name))?;
    let town = journal.load()?.town;
    match &args.command {
        None => list(context, &town, None, 20)?,
        Some(Sub::List { agent, limit }) => list(context, &town, agent.as_ref(), *limit)?,
        Some(Sub::Show { run, full }) => show(context, &transcript(&house, &town, run)?, &town, *full)?,
        Some(Sub::Export { run }) => say::json(&transcript(&house, &town, run)?)?,
        Some(Sub::Replay { run }) => return again(context, &transcript(&house, &town, run)?),
    }
    Ok(0)
}

fn rows(town: &Town) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (agent, known) in &town.agents {
        let of = |run, started, outcome, reason, pull| Row { run, agent, started, outcome, reason, pull };
        rows.extend(known.runs.iter().map(|run| of(&run.run, run.started, &*run.outcome, &*run.reason, run.pull)));
        rows.extend(known.active.iter().map(|run| of(&run.run, run.started, "running", "", None)));
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.started, row.run)));
    rows
}

fn list(context: &Context, town: &Town, agent: Option<&AgentId>, limit: usize) -> anyhow::Result<()> {
    let rows = rows(town);
    let wanted = rows.iter().filter(|row| agent.is_none_or(|agent| row.agent == agent)).take(limit);
    if context.json {
        let value = |row: &Row<'_>| {
            json!({
                "run": row.run, "agent": row.agent, "started": row.started, "outcome": row.outcome, "reason": row.reason,
                "pull": row.pull,
            })
        };
        return say::json(&json!({"runs": wanted.map(value).collect::<Vec<_>>()}));
    }
    let mut any = false;
    for row in wanted {
        any = true;
        let when = row.started.format("%Y-%m-%d %H:%M");
        say::answer(&format!(
            "{}  {when}  {:<24} {:<8} {}",
            row.run,
            row.agent,
            row.outcome,
            text::one_line(row.reason, 80)
        ));
    }
    if !any {
        say::answer("no runs yet; `monkeytown run NAME` starts one");
    }
    Ok(())
}

/// The run that is meant by its id, or by a beginning that only one has.
fn named(town: &Town, wanted: &str) -> Result<(RunId, AgentId, bool), Usage> {
    let upper = wanted.to_ascii_uppercase();
    let rows = rows(town);
    let meant: Vec<&Row<'_>> =
        rows.iter().filter(|row| upper.len() >= LEAST && row.run.to_string().starts_with(&upper)).collect();
    match meant.as_slice() {
        [one] => Ok((one.run.clone(), one.agent.clone(), one.outcome == "running")),
        [] => {
            Err(Usage(format!("there is no run {wanted} among the latest of each agent; `monkeytown runs` lists them")))
        }
        several => Err(Usage(format!("{} runs begin with {wanted}; write more of it", several.len()))),
    }
}

fn transcript(house: &House, town: &Town, wanted: &str) -> anyhow::Result<Transcript> {
    let (run, agent, running) = named(town, wanted)?;
    let found = if running {
        checkpoint::read(&house.home, &agent, Some(&run))?.map(|checkpoint| checkpoint.transcript)
    } else {
        checkpoint::transcript(&house.home, &run)?
    };
    let gone = || {
        Usage(format!(
            "the transcript of run {run} is not here; they are kept for {} days, and by a run that thought",
            crate::town::limits::TRANSCRIPT_DAYS
        ))
    };
    Ok(found.ok_or_else(gone)?)
}

fn show(context: &Context, transcript: &Transcript, town: &Town, full: bool) -> anyhow::Result<()> {
    if context.json {
        return say::json(transcript);
    }
    if let Some(row) = rows(town).iter().find(|row| *row.run == transcript.run) {
        let pull = row.pull.map(|number| format!(" #{number}")).unwrap_or_default();
        let when = row.started.format("%Y-%m-%d %H:%M UTC");
        say::answer(&format!("{} · {} · {when} · {}{pull}", row.run, row.agent, row.outcome));
        if !row.reason.is_empty() {
            say::answer(row.reason);
        }
    }
    let usage = transcript.usage();
    let tokens = usage.context();
    say::answer(&format!(
        "{} turns, {tokens} tokens, {} US dollars",
        transcript.turns(),
        Usd(transcript.cost_micros())
    ));
    let mut turn = 0;
    for entry in &transcript.entries {
        match entry {
            Entry::Briefing { system, user, tokens_estimated } => {
                say::answer(&format!("\n── briefing, about {tokens_estimated} tokens"));
                for part in [system, user].iter().filter(|_| full) {
                    block(part, full);
                }
            }
            Entry::Reply(reply) => {
                turn += 1;
                said(turn, reply, full);
            }
            Entry::Result(result) => done(result, full),
            Entry::Note { text, why } => {
                say::answer(&format!("\n── note ({})", json!(why).as_str().unwrap_or("other")));
                block(text, full);
            }
        }
    }
    Ok(())
}

fn said(turn: u32, reply: &Reply, full: bool) {
    let model = reply.model.as_deref().map(|model| format!(" by {model}")).unwrap_or_default();
    say::answer(&format!("\n── reply {turn}{model}"));
    block(&reply.text, full);
    for call in &reply.calls {
        let arguments = match &call.arguments {
            serde_json::Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| format!("{name}={}", shown(value, full)))
                .collect::<Vec<_>>()
                .join(" "),
            other => shown(other, full),
        };
        say::answer(&format!("  → {} {arguments}", call.name));
    }
}

fn shown(value: &serde_json::Value, full: bool) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if full { text } else { text::one_line(&text, LETTERS / 2) }
}

fn done(result: &CallResult, full: bool) {
    let verdict = if result.ok { "ok" } else { "failed" };
    let exit = result.record.exit.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let changed = if result.changed { ", changed files" } else { "" };
    say::answer(&format!("  ← {} {verdict}{exit}{changed}", result.tool));
    block(&result.output, full);
}

/// A text, moved in a little; only its first lines unless all of it is wanted.
fn block(text: &str, full: bool) {
    let count = text.trim_end().lines().count();
    for line in text.trim_end().lines().take(if full { usize::MAX } else { LINES }) {
        let line = if full { line.to_owned() } else { cut(line) };
        say::answer(&format!("    {line}"));
    }
    if !full && count > LINES {
        say::answer(&format!("    … {} more lines; --full shows them", count - LINES));
    }
}

fn cut(line: &str) -> String {
    let mut short: String = line.chars().take(LETTERS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

fn again(context: &Context, transcript: &Transcript) -> anyhow::Result<u8> {
    let result = replay(transcript);
    if context.json {
        let value = match &result {
            Ok(_) => json!({"run": transcript.run, "same": true, "entries": transcript.entries.len()}),
            Err(found) => json!({
                "run": transcript.run, "same": false, "entry": found.entry, "now": step(&found.now), "then": found.then,
            }),
        };
        say::json(&value)?;
        return Ok(u8::from(result.is_err()));
    }
    match result {
        Ok(next) => {
            say::answer(&format!(
                "the same: {} entries, {} turns; after them: {}",
                transcript.entries.len(),
                transcript.turns(),
                step(&next)
            ));
            Ok(0)
        }
        Err(found) => {
            say::answer(&format!("different at entry {} of {}", found.entry, transcript.entries.len()));
            say::answer(&format!("  now:  {}", step(&found.now)));
            say::answer(&format!("  then: {}", text::one_line(&serde_json::to_string(&found.then)?, 300)));
            Ok(1)
        }
    }
}

fn step(step: &Step) -> String {
    match step {
        Step::Ask => "ask the brain".to_owned(),
        Step::Call(call) => format!("call {} {}", call.name, text::one_line(&call.arguments.to_string(), 200)),
        Step::Refuse(call, why) => format!("refuse {}: {why}", call.name),
        Step::Note(text, _) => format!("tell the brain: {}", text::one_line(text, 200)),
        Step::Finish(finish) => format!("finish: {}", finish.title),
        Step::Nothing(reason) => format!("nothing to do: {reason}"),
        Step::Question(_, question) => format!("ask people: {}", text::one_line(question, 200)),
        Step::Stop(halt) => format!("stop: {halt}"),
    }
}
