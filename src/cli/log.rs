//! `monkeytown log`: the journal for people and programs.
//! Lives here: choosing what is shown, following, verifying. Never here: reading commits.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{Context, Usage, open, say};
use crate::git::journal::Journal;
use crate::git::journal::read::Commit;
use crate::run::house::House;
use crate::town::envelope::Envelope;
use crate::town::finding::any_error;
use crate::town::text;

/// Read the journal: every event of the town in its order
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  monkeytown log                      the last 20 events
  monkeytown log -n 0 --json          all of them, one CloudEvents document per line
  monkeytown log --at 4821            up to event 4821 (or a moment, a date, a commit)
  monkeytown log show 4821            one event, whole
  monkeytown log verify               recompute everything"
)]
pub struct Args {
    /// What to do instead of listing.
    #[command(subcommand)]
    command: Option<Sub>,
    /// Show events up to here: a sequence number, a moment (RFC 3339), a date, or a commit
    #[arg(long, value_name = "SEQ|TIME|COMMIT")]
    at: Option<String>,
    /// How many events, counted from the end; 0 for all
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
    /// Go on showing what comes
    #[arg(long, conflicts_with = "at")]
    follow: bool,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Show one event, whole
    Show {
        /// Its sequence number or its id
        event: String,
    },
    /// Recompute everything: sequence, ids, snapshots, what is on the default branch
    Verify,
}

/// An event with its place.
struct Placed {
    seq: u64,
    commit: git2::Oid,
    event: Envelope,
}

fn placed(commits: Vec<Commit>) -> impl Iterator<Item = Placed> {
    commits.into_iter().flat_map(|commit| {
        let (first, oid) = (commit.first_seq(), commit.oid);
        let of = move |(index, event)| Placed { seq: first + index as u64, commit: oid, event };
        commit.events.into_iter().enumerate().map(of)
    })
}

/// Runs the command.
///
/// # Errors
/// When the journal cannot be read.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, None)?;
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let source = open::Source::new(context)?;
    open::sync(context, &journal, &source.stamp(&house.settings.name))?;
    match &args.command {
        Some(Sub::Show { event }) => show(&journal, event),
        Some(Sub::Verify) => verify(context, &house, &journal),
        None => list(context, &house, &journal, args, &source),
    }
}

fn list(
    context: &Context,
    house: &House,
    journal: &Journal<'_>,
    args: &Args,
    source: &open::Source,
) -> anyhow::Result<u8> {
    let upto = args.at.as_deref().map(|at| position(house, journal, at)).transpose()?.unwrap_or(u64::MAX);
    let last = journal.tip_position()?.seq.min(upto);
    let after = if args.lines == 0 { 0 } else { last.saturating_sub(args.lines as u64) };
    let mut shown = after;
    for event in placed(journal.commits_after(after)?).filter(|e| e.seq > after && e.seq <= upto) {
        shown = event.seq;
        print(context, &event)?;
    }
    if last == 0 {
        say::story(context, "the journal is empty: nothing has run here yet");
    }
    if !args.follow {
        return Ok(0);
    }
    loop {
        std::thread::park_timeout(Duration::from_secs(1));
        open::sync(context, journal, &source.stamp(&house.settings.name))?;
        for event in placed(journal.commits_after(shown)?).filter(|e| e.seq > shown).collect::<Vec<_>>() {
            shown = event.seq;
            print(context, &event)?;
        }
    }
}

fn print(context: &Context, placed: &Placed) -> anyhow::Result<()> {
    if context.json {
        say::raw(&placed.event.line()?);
        return Ok(());
    }
    let said = match placed.event.event() {
        Ok(Some(event)) => event.sentence(),
        Ok(None) => format!("{} (not known to this version)", placed.event.kind),
        Err(error) => error.to_string(),
    };
    let kind = placed.event.kind.trim_start_matches("monkeytown.").trim_end_matches(".v1");
    say::answer(&format!("{:>6}  {}  {kind:<18} {}", placed.seq, placed.event.when(), text::one_line(&said, 160)));
    Ok(())
}

/// The last sequence number at a place that a person names.
///
/// # Errors
/// [`Usage`] when it names nothing.
pub fn position(house: &House, journal: &Journal<'_>, at: &str) -> anyhow::Result<u64> {
    if at.len() < 12
        && let Ok(seq) = at.parse::<u64>()
    {
        return match journal.tip_position()?.seq {
            last if seq > last => Err(none(at, last)),
            _ => Ok(seq),
        };
    }
    let moment = moment(at);
    let mut until = moment;
    if until.is_none() {
        let commit = house.home.repo.resolve(at).map_err(|_| {
            Usage(format!("--at {at}: not a sequence number, a moment like 2026-11-21T04:20:00Z, a date, or a commit"))
        })?;
        if let Some(found) = journal.commits_after(0)?.iter().find(|c| c.oid == commit) {
            return Ok(found.at.seq);
        }
        until = house.home.repo.time_of(commit)?;
    }
    let until = until.unwrap_or_default();
    Ok(placed(journal.commits_after(0)?).take_while(|e| e.event.time <= until).last().map_or(0, |e| e.seq))
}

fn none(wanted: &str, last: u64) -> anyhow::Error {
    Usage(format!("there is no event {wanted}; the last one is {last}")).into()
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let full = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(23, 59, 59)?.and_utc());
    full.or_else(day)
}

fn show(journal: &Journal<'_>, wanted: &str) -> anyhow::Result<u8> {
    let seq = wanted.parse::<u64>().ok();
    let after = seq.map_or(0, |seq| seq.saturating_sub(1));
    let found = placed(journal.commits_after(after)?).find(|e| Some(e.seq) == seq || e.event.id == wanted);
    let Some(found) = found else {
        return Err(none(wanted, journal.tip_position()?.seq));
    };
    say::json(&json!({"seq": found.seq, "commit": found.commit.to_string(), "event": found.event}))?;
    Ok(0)
}

fn verify(context: &Context, house: &House, journal: &Journal<'_>) -> anyhow::Result<u8> {
    let seen = journal.verify(Some(house.home.main()?))?;
    if context.json {
        say::json(&json!({
            "commits": seen.commits, "events": seen.events, "snapshots": seen.snapshots,
            "agent_commits": seen.agent_commits, "findings": seen.findings,
        }))?;
    } else {
        say::findings(&seen.findings);
        say::answer(&format!(
            "{} events in {} commits, {} snapshots recomputed, {} commits of agents on {}: {}",
            seen.events,
            seen.commits,
            seen.snapshots,
            seen.agent_commits,
            house.home.branch,
            if seen.findings.is_empty() { "all is as it must be".to_owned() } else { say::count(&seen.findings) }
        ));
    }
    Ok(u8::from(any_error(&seen.findings)))
}
