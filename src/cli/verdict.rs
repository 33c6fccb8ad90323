//! What a human decides at this machine, by a command or in the page that `serve` shows.
//! Lives here: who it is, the town with all that it is written by, and the answers to the page. Never here: what a verdict
//! does (see [`crate::run::verdict`]), whether a request comes from that human (see [`crate::serve::api::local`]).

use std::net::IpAddr;

use serde_json::json;

use super::{Context, Usage, exit_code, freeze, open, say};
use crate::git::errors::GitError;
use crate::git::home::{Home, Wanted};
use crate::git::journal::{Appended, Journal, JournalError};
use crate::git::objects::Author;
use crate::run::house::House;
use crate::run::publish::{Hands, chain};
use crate::run::verdict::{CannotMerge, Judged, MergedPull};
use crate::run::{self, RunError, claim};
use crate::serve::api::local::{Act, Done, What};
use crate::serve::problem::Problem;
use crate::town::decide::{Command, Rejected};
use crate::town::settings::ForgeKind;

/// Opens the town as it is by now, and does something with all that it is written by.
///
/// # Errors
/// When the town cannot be opened, or what `act` says.
pub fn with_hands<T>(context: &Context, act: impl FnOnce(&Hands<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let house = open::house(context, None)?;
    let source = open::Source::new(context)?;
    let now = || source.now();
    let edge = open::edge(context, &house, &now, &|_| {});
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let forge = open::forge(context, &house, &journal, &source)?;
    let news = open::block_on(claim::sync(&edge, &house, &journal, forge.as_ref(), false))??;
    for line in &news.sentences {
        say::story(context, &format!("news: {line}"));
    }
    act(&Hands { edge: &edge, house: &house, journal: &journal, forge: forge.as_ref() })
}

/// Merges; an error of the run room keeps its exit code.
///
/// # Errors
/// As [`run::verdict::merge`].
pub fn merge(hands: &Hands<'_>, judged: Judged<'_>, who: &Author, drafts_too: bool) -> anyhow::Result<MergedPull> {
    run::verdict::merge(hands, judged, who, drafts_too).map_err(|error| match error {
        CannotMerge::Run(error) => error.into(),
        other => other.into(),
    })
}

/// Who gives the verdict: what git's own variables say, else what git is configured with here.
///
/// # Errors
/// [`Usage`] where git does not know.
pub fn me(context: &Context, house: &House) -> anyhow::Result<Author> {
    let known = house.home.repo.user();
    let said = |names: [&str; 2]| names.into_iter().find_map(|name| context.env.get(name)).map(str::to_owned);
    let name = said(["GIT_COMMITTER_NAME", "GIT_AUTHOR_NAME"]).or_else(|| known.as_ref().map(|(name, _)| name.clone()));
    let email = said(["GIT_COMMITTER_EMAIL", "GIT_AUTHOR_EMAIL"]).or_else(|| known.map(|(_, email)| email));
    let unknown = "git does not know who you are; run `git config user.name NAME` and `git config user.email ADDRESS`";
    match (name, email) {
        (Some(name), Some(email)) => Ok(Author { name, email }),
        _ => Err(Usage(unknown.to_owned()).into()),
    }
}

/// Whether the page may decide what the person at this machine may: the town and its pull requests are in this clone, and
/// nobody else is served.
pub fn may_be_given(context: &Context, house: &House, address: IpAddr) -> bool {
    let settings = &house.settings;
    let here = Home::is_here(&house.home.repo, &Wanted::from(settings.remote.as_str()), settings.branch.as_deref());
    address.is_loopback() && settings.forge != ForgeKind::Github && !context.env.is_actions() && here.unwrap_or(false)
}

/// Does what the page asks for, exactly as the command does.
///
/// # Errors
/// The problem to answer with.
pub fn perform(context: &Context, act: &Act) -> Result<Done, Problem> {
    decide(context, act).map_err(|error| problem(&error))
}

fn decide(context: &Context, act: &Act) -> anyhow::Result<Done> {
    let halt = |make: fn(String, String) -> Command, reason: &str, frozen: bool| {
        let house = open::house(context, None)?;
        stays_here(&house)?;
        let command = make(me(context, &house)?.name, reason.to_owned());
        anyhow::Ok(done(What::Frozen { frozen }, &freeze::record(context, &house, &command)?))
    };
    match act {
        Act::Freeze { reason } => halt(|by, reason| Command::Freeze { by, reason }, reason, true),
        Act::Thaw { reason } => halt(|by, reason| Command::Thaw { by, reason }, reason, false),
        Act::Merge { number, head, draft } => with_hands(context, |hands| {
            stays_here(hands.house)?;
            let judged = Judged { number: *number, seen: Some(head) };
            let merged = merge(hands, judged, &me(context, hands.house)?, *draft)?;
            let what = What::Merged {
                number: *number,
                state: "merged",
                commit: merged.commit.to_string(),
                edited: merged.edited,
            };
            Ok(done(what, &merged.recorded))
        }),
        Act::Reject { number, head, reason, text } => with_hands(context, |hands| {
            stays_here(hands.house)?;
            let (judged, by) = (Judged { number: *number, seen: Some(head) }, me(context, hands.house)?.name);
            let recorded = run::verdict::reject(hands, judged, &by, *reason, text)?;
            Ok(done(What::Rejected { number: *number, state: "rejected", reason: *reason }, &recorded))
        }),
    }
}

/// The town may have moved to a remote since the server began.
#[derive(Debug, thiserror::Error)]
#[error("the town lives on {0} by now; decide with `monkeytown pulls`, or there")]
struct Elsewhere(String);

fn stays_here(house: &House) -> Result<(), Elsewhere> {
    match &house.home.remote {
        Some(remote) => Err(Elsewhere(remote.name.clone())),
        None => Ok(()),
    }
}

fn done(what: What, recorded: &Appended) -> Done {
    Done::new(what, recorded.events.last().map(|event| event.id.clone()), recorded.tip.at.seq)
}

/// What the page is told instead, with what it needs to go on.
fn problem(error: &anyhow::Error) -> Problem {
    let conflict = |code, detail: String| Problem::conflict(code, detail);
    if let Some(rejected) = rejected(error) {
        let detail = rejected.to_string();
        return match rejected {
            Rejected::NoPull { .. } => Problem::not_found(detail),
            Rejected::Moved { seen, head, .. } => {
                conflict("head-moved", detail).with("seen", json!(seen)).with("head", json!(head))
            }
            Rejected::Closed { state, .. } => conflict("closed", detail).with("state", json!(state)),
            Rejected::Already(_) => conflict("already", detail),
            _ => conflict("refused", detail),
        };
    }
    let detail = chain(error.as_ref());
    match error.downcast_ref::<CannotMerge>() {
        Some(CannotMerge::Conflicts { paths, .. }) => return conflict("conflicts", detail).with("paths", json!(paths)),
        Some(CannotMerge::Draft { .. }) => return conflict("draft", detail),
        Some(CannotMerge::NoBranch(_)) => return conflict("no-branch", detail),
        Some(CannotMerge::Unreadable { .. }) => return conflict("refused", detail),
        _ => {}
    }
    if error.is::<Elsewhere>() {
        return Problem::forbidden("elsewhere", detail);
    }
    if error.is::<Usage>() {
        return Problem::forbidden("nobody", detail);
    }
    if is_in_the_way(error) {
        return conflict("in-the-way", detail);
    }
    if exit_code(error) == 3 {
        return Problem::unavailable("busy", detail, 1);
    }
    tracing::warn!(error = %detail, "a verdict of the page could not be carried out");
    Problem::failed(detail)
}

fn rejected(error: &anyhow::Error) -> Option<&Rejected> {
    match (error.downcast_ref::<RunError>(), error.downcast_ref::<JournalError>()) {
        (Some(RunError::Rejected(rejected) | RunError::Journal(JournalError::Rejected(rejected))), _)
        | (_, Some(JournalError::Rejected(rejected))) => Some(rejected),
        _ => None,
    }
}

/// Whether files of the person, which they have to put away themselves, keep the merge from their checkout.
fn is_in_the_way(error: &anyhow::Error) -> bool {
    use GitError::{CheckedOut, InTheWay, Unfinished};
    matches!(
        error.downcast_ref::<RunError>(),
        Some(RunError::Git(CheckedOut { .. } | InTheWay { .. } | Unfinished { .. }))
    )
}
