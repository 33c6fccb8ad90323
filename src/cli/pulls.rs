//! `monkeytown pulls`: the pull requests of the local forge.
//! Lives here: listing, showing, and handing a human's verdict on. Never here: the merge.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

use super::{Context, Usage, say, verdict};
use crate::git::repo;
use crate::run;
use crate::run::house::House;
use crate::run::publish::Hands;
use crate::run::verdict::Judged;
use crate::town::changeset;
use crate::town::event::{Offer, Reason};
use crate::town::facts::count_of;
use crate::town::fold::{Pull, PullState, Town};
use crate::town::text;

/// List the pull requests, or look at one, merge it, reject it, comment on it
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A plain `git merge agent/NAME` on the default branch is recognised as a merge by the next command.
Examples:
  monkeytown pulls show 3 --diff
  monkeytown pulls merge 3
  monkeytown pulls reject 4 --reason low-value \"true, and not worth a merge\""
)]
pub struct Args {
    /// What to do instead of listing.
    #[command(subcommand)]
    command: Option<Sub>,
    /// Closed ones too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Look at one
    Show {
        /// Its number
        #[arg(value_parser = parse_number)]
        number: u64,
        /// With the whole change
        #[arg(long)]
        diff: bool,
    },
    /// Merge one into the default branch
    Merge {
        /// Its number
        #[arg(value_parser = parse_number)]
        number: u64,
        /// Even if it is a draft
        #[arg(long)]
        draft: bool,
    },
    /// Reject one; its agent reads why before its next run
    Reject {
        /// Its number
        #[arg(value_parser = parse_number)]
        number: u64,
        /// Why: duplicate, wrong, out-of-scope, too-large, low-value, spam, path-violation or other
        #[arg(long, value_parser = parse_reason, value_name = "CODE")]
        reason: Reason,
        /// Why, in words
        text: Option<String>,
    },
    /// Say something about one; its agent reads it before its next run
    Comment {
        /// Its number
        #[arg(value_parser = parse_number)]
        number: u64,
        /// What
        text: String,
    },
}

fn parse_number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| "use its number, such as 3; `monkeytown pulls` lists them".to_owned())
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::ALL.into_iter().find(|reason| reason.code() == text).ok_or_else(|| {
        let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        format!("use one of {}", codes.join(", "))
    })
}

/// Runs the command.
///
/// # Errors
/// When the journal or the repository fail, or the verdict is not possible.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    verdict::with_hands(context, |hands| {
        if let (true, Some(Sub::Merge { number, .. } | Sub::Reject { number, .. } | Sub::Comment { number, .. })) =
            (hands.forge.name() == "github", &args.command)
        {
            let town = hands.journal.load()?.town;
            let url = town.pulls.get(number).and_then(|pull| pull.url.clone()).unwrap_or_default();
            let how = format!(
                "#{number} lives on GitHub: merge, close or comment there ({url}); /reject CODE in a comment gives a reason"
            );
            return Err(Usage(how).into());
        }
        act(context, hands, args)
    })
}

fn act(context: &Context, hands: &Hands<'_>, args: &Args) -> anyhow::Result<u8> {
    let house = hands.house;
    match &args.command {
        None => list(context, &hands.journal.load()?.town, args.all, (hands.edge.now)()),
        Some(Sub::Show { number, diff }) => show(context, house, &hands.journal.load()?.town, *number, *diff),
        Some(Sub::Merge { number, draft }) => {
            let judged = Judged { number: *number, seen: None };
            let merged = verdict::merge(hands, judged, &verdict::me(context, house)?, *draft)?;
            let edited = if merged.edited { ", with commits that people added" } else { "" };
            if context.json {
                say::json(&json!({"number": number, "state": "merged", "commit": merged.commit.to_string()}))?;
            } else {
                let commit = &merged.commit.to_string()[..10];
                say::answer(&format!("merged #{number} into {} as {commit}{edited}", house.home.branch));
            }
            Ok(0)
        }
        Some(Sub::Reject { number, reason, text }) => {
            let (judged, by) = (Judged { number: *number, seen: None }, verdict::me(context, house)?.name);
            run::verdict::reject(hands, judged, &by, *reason, text.as_deref().unwrap_or_default())?;
            done(
                context,
                *number,
                "rejected",
                &format!("rejected #{number} as {reason}; its agent reads why before its next run"),
            )
        }
        Some(Sub::Comment { number, text }) => {
            if text.trim().is_empty() {
                return Err(Usage("the comment is empty".to_owned()).into());
            }
            run::verdict::comment(hands, *number, &verdict::me(context, house)?.name, text)?;
            done(
                context,
                *number,
                "commented",
                &format!("commented on #{number}; its agent reads it before its next run"),
            )
        }
    }
}

fn done(context: &Context, number: u64, what: &str, sentence: &str) -> anyhow::Result<u8> {
    if context.json {
        say::json(&json!({"number": number, "done": what}))?;
    } else {
        say::answer(sentence);
    }
    Ok(0)
}

/// A pull request for programs: what the state knows, with the fields that people look for first.
#[must_use]
pub fn value(pull: &Pull) -> Value {
    serde_json::to_value(pull).unwrap_or_default()
}

fn list(context: &Context, town: &Town, all: bool, now: chrono::DateTime<chrono::Utc>) -> anyhow::Result<u8> {
    let pulls: Vec<&Pull> = town.pulls.values().filter(|pull| all || pull.state == PullState::Open).collect();
    if context.json {
        say::json(&json!({"pulls": pulls.iter().map(|pull| value(pull)).collect::<Vec<_>>()}))?;
        return Ok(0);
    }
    if pulls.is_empty() {
        say::answer("no open pull requests");
    }
    for pull in pulls {
        let state = match pull.state {
            PullState::Open if pull.offer.draft => "draft",
            PullState::Open => "open",
            PullState::Merged => "merged",
            PullState::Rejected => "rejected",
        };
        let age = say::ago((now - pull.opened_at).num_seconds());
        let offer = &pull.offer;
        say::answer(&format!(
            "#{:<4} {state:<8} {:<20} {} ({}, +{} −{}, {age})",
            pull.number,
            pull.agent.as_str(),
            text::one_line(&offer.title, 80),
            files(offer),
            offer.adds,
            offer.dels
        ));
    }
    Ok(0)
}

fn show(context: &Context, house: &House, town: &Town, number: u64, diff: bool) -> anyhow::Result<u8> {
    let pull = town
        .pulls
        .get(&number)
        .ok_or_else(|| Usage(format!("there is no pull request #{number}; `monkeytown pulls --all` lists them")))?;
    let change = if diff { Some(unified(house, pull)?) } else { None };
    if context.json {
        let mut value = value(pull);
        if let (Some(change), Some(fields)) = (&change, value.as_object_mut()) {
            fields.insert("diff".to_owned(), Value::String(change.clone()));
        }
        say::json(&value)?;
        return Ok(0);
    }
    let offer = &pull.offer;
    say::answer(&format!("#{number} {}", text::one_line(&offer.title, 200)));
    say::answer(&format!("{} by {}, branch {}, head {}", state(pull), pull.agent, offer.branch, offer.head.short()));
    let paths: Vec<String> = offer.paths.iter().map(|path| text::one_line(path, 200)).collect();
    say::answer(&format!("{}, +{} −{}: {}", files(offer), offer.adds, offer.dels, paths.join(", ")));
    if !offer.body.is_empty() {
        say::answer(&format!("\n{}", offer.body.trim_end()));
    }
    for comment in &pull.comments {
        say::answer(&format!("\n{} said: {}", comment.by, text::escape_invisible(&comment.text).0));
    }
    if let Some(change) = change {
        say::answer(&format!("\n{change}"));
    }
    Ok(0)
}

fn files(offer: &Offer) -> String {
    count_of(offer.files as usize, "file")
}

fn state(pull: &Pull) -> String {
    let Some(verdict) = &pull.verdict else {
        return if pull.offer.draft { "open as a draft".to_owned() } else { "open".to_owned() };
    };
    match verdict.reason {
        Some(reason) if verdict.text.is_empty() => format!("rejected by {} as {reason}", verdict.by),
        Some(reason) => format!("rejected by {} as {reason} ({})", verdict.by, text::one_line(&verdict.text, 300)),
        None => format!("merged by {}", verdict.by),
    }
}

fn unified(house: &House, pull: &Pull) -> anyhow::Result<String> {
    let repository = &house.home.repo;
    let (base, head) = (repo::oid(&pull.offer.base)?, repo::oid(&pull.offer.head)?);
    let before = repository.merge_base(base, head)?.unwrap_or(base);
    let content = repository.proposal(before, head, &[before])?;
    Ok(changeset::unified(&content.changes))
}
