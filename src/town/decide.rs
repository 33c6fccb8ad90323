//! What may happen: commands against the state, and the events that they yield.
//! Lives here: one pure function, [`decide`]. It is called again on the newest state whenever an append lost a race,
//! so that a lease, a slot or "one open pull request" holds across machines. What is recorded already yields
//! no event, so that doing it twice records it once.
//! Never here: reading the state or writing the events.

mod command;
mod observe;
mod say;

use chrono::{DateTime, Utc};

use super::envelope::{Actor, Draft, Stamp};
use super::event::{
    AgentSeen, Event, Outcome, PullCommented, PullMerged, PullOpened, PullRejected, PullUpdated, Reason, RunExpired,
    RunFailed, RunFinished, RunProposed, RunResumed, RunStarted, ToolsCalled, TownFrozen, TownThawed,
};
use super::fold::{Agent, Pull, PullState, Run, Town};
use super::ids::{AgentId, Oid, RunId};
use super::prices::Usd;
use super::sighting::Sighting;

pub use command::*;
pub use observe::{CLOSING_COMMENT, CURSOR_STEP, is_news};

/// Who rejects a pull request in whose place another one was opened: no human, so nothing was said about its content.
pub const SUPERSEDED_BY: &str = "monkeytown";
/// A run that may spend more than this starts only where at least this is left, in millionths of a US dollar.
pub const LEAST_HOLD: u64 = 10_000;

/// How long a hold outlives the lease of its run: a job that publishes may come that late.
const HOLD_SECONDS: i64 = 30 * 60;
const DAY_SECONDS: i64 = 86_400;

/// Decides a command on a state.
///
/// # Errors
/// [`Rejected`] when the state forbids it.
pub fn decide(town: &Town, command: &Command, now: DateTime<Utc>) -> Result<Vec<Draft>, Rejected> {
    match command {
        Command::StartRun(start) => start_run(town, start, now),
        Command::RecordCalls(calls) => record_calls(town, calls),
        Command::Say(saying) => say::say(town, saying),
        Command::RecordGate(gated) => Ok(record_gate(town, gated)),
        Command::Propose(proposed) => propose(town, proposed),
        Command::Publish(publish) => publish_offer(town, publish, now),
        Command::Meter(usage) => {
            let agent = Actor::Agent(usage.agent.clone());
            Ok(vec![of_run(Event::UsageMetered(usage.clone()), agent, &usage.run, usage.run.as_str())])
        }
        Command::Finish(finished) => finish(town, finished),
        Command::Fail { run, agent, kind, reason } => {
            if in_flight(town, agent, run).is_err() {
                return Ok(Vec::new());
            }
            let failed = RunFailed { run: run.clone(), agent: agent.clone(), kind: *kind, reason: cut(reason, 2_000) };
            Ok(vec![of_run(Event::RunFailed(failed), Actor::System("run"), run, run.as_str())])
        }
        Command::Merge { .. } | Command::Reject { .. } | Command::Comment { .. } => verdict(town, command, now),
        Command::Observe(seen) => Ok(observe::observe(town, seen, now)),
        Command::Synced { cursor } => Ok(observe::synced(town, *cursor)),
        Command::Pause(halted) => observe::halt(town, halted, true),
        Command::Resume(halted) => observe::halt(town, halted, false),
        Command::Freeze { by, reason } => freeze(town, by, reason),
        Command::Thaw { by, reason } => thaw(town, by, reason),
    }
}

/// Whether the command on a comment's first line has any effect on this state.
#[must_use]
pub fn is_followed(town: &Town, seen: &Sighting, now: DateTime<Utc>) -> bool {
    observe::observe(town, seen, now).len() > 1
}

/// What people do to pull requests of the local forge.
fn verdict(town: &Town, command: &Command, now: DateTime<Utc>) -> Result<Vec<Draft>, Rejected> {
    match command {
        Command::Merge { number, by, commit, edited, head } => {
            let Some(seconds_open) = closing(town, *number, head.as_ref(), PullState::Merged, now)? else {
                return Ok(Vec::new());
            };
            let merged =
                PullMerged { number: *number, by: by.clone(), commit: commit.clone(), seconds_open, edited: *edited };
            Ok(vec![by_human(Event::PullMerged(merged), by, Some(number.to_string()))])
        }
        Command::Reject { number, by, reason, text } => {
            let Some(seconds_open) = closing(town, *number, None, PullState::Rejected, now)? else {
                return Ok(Vec::new());
            };
            let key = town.pulls.get(number).map_or_else(|| number.to_string(), rejection_key);
            let rejected =
                PullRejected { number: *number, by: by.clone(), reason: *reason, text: cut(text, 4_000), seconds_open };
            Ok(vec![by_human(Event::PullRejected(rejected), by, Some(key))])
        }
        Command::Comment { number, by, text } => {
            if !town.pulls.contains_key(number) {
                return Err(Rejected::NoPull { number: *number });
            }
            let text = cut(text, 8_000);
            let commented = PullCommented { number: *number, by: by.clone(), text, place: None, forge_id: None };
            Ok(vec![by_human(Event::PullCommented(commented), by, None)])
        }
        _ => Ok(Vec::new()),
    }
}

fn freeze(town: &Town, by: &str, reason: &str) -> Result<Vec<Draft>, Rejected> {
    if let Some(frozen) = &town.frozen {
        return Err(Rejected::Already(format!("the town was frozen by {} before", frozen.by)));
    }
    let frozen = TownFrozen { by: by.to_owned(), reason: cut(reason, 2_000) };
    Ok(vec![by_human(Event::TownFrozen(frozen), by, None)])
}

fn thaw(town: &Town, by: &str, reason: &str) -> Result<Vec<Draft>, Rejected> {
    if town.frozen.is_none() {
        return Err(Rejected::Already("the town is not frozen".to_owned()));
    }
    let thawed = TownThawed { by: by.to_owned(), reason: cut(reason, 2_000) };
    Ok(vec![by_human(Event::TownThawed(thawed), by, None)])
}

/// Decides commands one after the other, each on the state that the ones before it leave.
///
/// # Errors
/// [`Rejected`] when the state forbids one of them; nothing is to be recorded then.
pub fn decide_all(town: &Town, commands: &[Command], stamp: &Stamp) -> Result<(Vec<Draft>, Town), Rejected> {
    let mut town = town.clone();
    let mut drafts = Vec::new();
    for command in commands {
        for draft in decide(&town, command, stamp.time)? {
            match draft.seal(stamp, drafts.len()) {
                Ok(envelope) => town.apply(&envelope).map_err(|misfit| Rejected::Already(misfit.why))?,
                Err(bad) => return Err(Rejected::TooLarge(bad.to_string())),
            }
            drafts.push(draft);
        }
    }
    Ok((drafts, town))
}

/// Whether people have stopped the town: then nothing starts, and nothing is announced or pushed.
///
/// # Errors
/// [`Rejected::Frozen`] while it is frozen.
pub fn frozen(town: &Town) -> Result<(), Rejected> {
    match &town.frozen {
        None => Ok(()),
        Some(frozen) => Err(Rejected::Frozen { by: frozen.by.clone(), reason: frozen.reason.clone() }),
    }
}

/// Whether people have stopped the town or the agent, in town.yaml too.
///
/// # Errors
/// [`Rejected`] where they have.
pub fn may_start(town: &Town, name: &AgentId, paused: bool) -> Result<(), Rejected> {
    frozen(town)?;
    if paused {
        return Err(Rejected::Paused { agent: name.clone() });
    }
    match town.agents.get(name).and_then(|agent| agent.paused.as_ref()) {
        None => Ok(()),
        Some(paused) => {
            Err(Rejected::Halted { agent: name.clone(), by: paused.by.clone(), reason: paused.reason.clone() })
        }
    }
}

/// Whether an agent has started as many runs today as it may.
///
/// # Errors
/// [`Rejected::OverLimit`] where it has.
pub fn within_the_day(name: &AgentId, agent: &Agent, cap: u32, now: DateTime<Utc>) -> Result<(), Rejected> {
    let today = agent.day == now.timestamp().div_euclid(DAY_SECONDS);
    if today && agent.started_today >= cap {
        return Err(Rejected::OverLimit { agent: name.clone(), count: agent.started_today, cap });
    }
    Ok(())
}

fn start_run(town: &Town, ask: &StartRun, now: DateTime<Utc>) -> Result<Vec<Draft>, Rejected> {
    let name = &ask.agent.agent;
    let known = town.agents.get(name);
    may_start(town, name, ask.paused)?;
    let mut drafts = register(town, &ask.agent);
    let lease_until = now.timestamp() + i64::from(ask.minutes) * 60;
    let mut freed = None;
    if let Some(active) = known.and_then(|a| a.active.as_ref()) {
        match take_over(active, ask, now)? {
            TakeOver::Resume => {
                let attempt = active.attempt + 1;
                let resumed = RunResumed {
                    run: active.run.clone(),
                    agent: name.clone(),
                    attempt,
                    lease_until,
                    holder: ask.holder.clone(),
                };
                let key = format!("{}/{attempt}", active.run);
                drafts.push(of_run(Event::RunResumed(resumed), Actor::System("run"), &active.run, &key));
                return Ok(drafts);
            }
            TakeOver::Expire => {
                let expired = RunExpired { run: active.run.clone(), agent: name.clone() };
                let key = active.run.as_str();
                drafts.push(of_run(Event::RunExpired(expired), Actor::System("run"), &active.run, key));
                freed = Some(&active.slot);
            }
        }
    }
    if let Some(agent) = known {
        if agent.slots.contains(&ask.slot) && freed != Some(&ask.slot) {
            return Err(Rejected::SlotTaken { agent: name.clone(), slot: ask.slot.clone() });
        }
        within_the_day(name, agent, ask.runs_per_day, now)?;
    }
    let started = RunStarted {
        run: ask.run.clone(),
        agent: name.clone(),
        slot: ask.slot.clone(),
        trigger: ask.trigger,
        base: ask.base.clone(),
        start: ask.start.clone(),
        lease_until,
        holder: ask.holder.clone(),
        brain: ask.brain.clone(),
        hold_micros: hold(town, name, (ask.usd_per_run, ask.usd_per_day), now)?,
    };
    drafts.push(of_run(Event::RunStarted(started), Actor::Agent(name.clone()), &ask.run, ask.run.as_str()));
    Ok(drafts)
}

/// What is put aside for a run: what it may spend, or what is left of the day's money. Nothing is put aside for what costs
/// nothing. The amounts are those of the run and of the day.
///
/// # Errors
/// [`Rejected::NoFunds`] where too little is left.
pub fn hold(town: &Town, name: &AgentId, (per_run, per_day): (Usd, Usd), now: DateTime<Utc>) -> Result<u64, Rejected> {
    if per_run == Usd(0) {
        return Ok(0);
    }
    let others = || {
        let others = town.agents.iter().filter(|(other, _)| *other != name);
        others.filter_map(|(_, agent)| agent.active.as_ref())
    };
    let sum = |amounts: &mut dyn Iterator<Item = u64>| amounts.fold(0, u64::saturating_add);
    let is_held = |run: &Run| run.lease_until.saturating_add(HOLD_SECONDS) > now.timestamp();
    let held = sum(&mut others().filter(|run| is_held(run)).map(|run| run.hold_micros));
    // Whoever died and is not taken up, as when people paused the agent or it is gone, may have spent all of it on the day on
    // which the lease ended; it takes nothing of any other day.
    let today = |run: &&Run| run.lease_until.div_euclid(DAY_SECONDS) == now.timestamp().div_euclid(DAY_SECONDS);
    let lost = sum(&mut others().filter(|run| !is_held(run)).filter(today).map(|run| run.hold_micros));
    // A run of this agent that is given up in the same append is settled in full.
    let given_up = town.agents.get(name).and_then(|agent| agent.active.as_ref()).map_or(0, |run| run.hold_micros);
    let spent = town.spent.on(now).saturating_add(given_up).saturating_add(lost);
    let remaining = per_day.0.saturating_sub(spent).saturating_sub(held);
    // Too little for any answer is as good as nothing.
    if remaining < per_run.0.min(LEAST_HOLD) {
        return Err(Rejected::NoFunds {
            agent: name.clone(),
            requested: per_run,
            remaining: Usd(remaining),
            held: Usd(held),
            cap: per_day,
        });
    }
    Ok(per_run.0.min(remaining))
}

enum TakeOver {
    Resume,
    Expire,
}

/// A run in flight is taken over by the clone that holds its lease (which then knows that the process is dead), or by
/// anybody once the lease has run out. It is resumed where something of it is left, so that it is known what it spent, or where
/// nothing was put aside for it: else it may have spent all of that, which nobody may spend again.
fn take_over(active: &Run, ask: &StartRun, now: DateTime<Utc>) -> Result<TakeOver, Rejected> {
    let mine = active.holder == ask.holder || Some(&active.holder) == ask.holder_before.as_ref();
    if !mine && active.lease_until > now.timestamp() {
        return Err(Rejected::LeaseHeld {
            agent: ask.agent.agent.clone(),
            run: active.run.clone(),
            until: DateTime::from_timestamp(active.lease_until, 0).unwrap_or(now),
        });
    }
    let left = active.proposed.is_some() || ask.checkpoint.as_ref() == Some(&active.run);
    Ok(if left || (mine && active.hold_micros == 0) { TakeOver::Resume } else { TakeOver::Expire })
}

/// The agent as it is seen now, where the town does not know it so.
fn register(town: &Town, seen: &AgentSeen) -> Vec<Draft> {
    let actor = Actor::System("run");
    let (event, key) = match town.agents.get(&seen.agent) {
        Some(agent) if agent.charter.as_ref() == Some(&seen.charter) && agent.owns == seen.owns => return Vec::new(),
        Some(agent) if agent.charter.is_some() => (Event::AgentUpdated(seen.clone()), None),
        _ => (Event::AgentRegistered(seen.clone()), Some(seen.agent.to_string())),
    };
    vec![Draft { event, actor, corr: None, cause: None, key, at: None }]
}

fn record_calls(town: &Town, called: &ToolsCalled) -> Result<Vec<Draft>, Rejected> {
    let known = town.agents.values().filter_map(|a| a.active.as_ref()).find(|r| r.run == called.run);
    // What a resumed run recorded before it died is not recorded again.
    let done = known.map_or(0, |run| run.calls).saturating_sub(called.first) as usize;
    let Some(calls) = called.calls.get(done..).filter(|calls| !calls.is_empty()) else { return Ok(Vec::new()) };
    let mut first = called.first + u32::try_from(done).unwrap_or(u32::MAX);
    let mut drafts = Vec::new();
    for batch in calls.chunks(50) {
        let event = Event::ToolsCalled(ToolsCalled { run: called.run.clone(), first, calls: batch.to_vec() });
        drafts.push(of_run(event, Actor::System("run"), &called.run, &format!("{}/{first}", called.run)));
        first = first.saturating_add(u32::try_from(batch.len()).unwrap_or(u32::MAX));
    }
    Ok(drafts)
}

/// A run that died after a refusal is judged again when it goes on; that refusal is recorded already.
fn record_gate(town: &Town, gated: &Gated) -> Vec<Draft> {
    let (event, run, key) = match gated {
        Gated::Passed(e) => (Event::GatePassed(e.clone()), &e.run, None),
        Gated::Failed(e) => {
            let known = town.agents.values().filter_map(|a| a.active.as_ref()).find(|active| active.run == e.run);
            if known.is_some_and(|run| run.refusals >= e.nth) {
                return Vec::new();
            }
            (Event::GateFailed(e.clone()), &e.run, Some(format!("{}/{}", e.run, e.nth)))
        }
    };
    vec![Draft { event, actor: Actor::System("gate"), corr: Some(run.clone()), cause: None, key, at: None }]
}

fn propose(town: &Town, proposed: &RunProposed) -> Result<Vec<Draft>, Rejected> {
    frozen(town)?;
    let run = in_flight(town, &proposed.agent, &proposed.run)?;
    if run.proposed.as_ref() == Some(proposed) {
        return Ok(Vec::new());
    }
    // The same commit may be proposed twice, once to update and once to open: each is a fact of its own.
    let actor = Actor::Agent(proposed.agent.clone());
    let corr = Some(proposed.run.clone());
    Ok(vec![Draft { event: Event::RunProposed(proposed.clone()), actor, corr, cause: None, key: None, at: None }])
}

fn publish_offer(town: &Town, publish: &Publish, now: DateTime<Utc>) -> Result<Vec<Draft>, Rejected> {
    let actor = Actor::Agent(publish.agent.clone());
    let mut drafts = Vec::new();
    let open = town.open_pull(&publish.agent);
    if let (Some(open), Some(number)) =
        (open, publish.number.filter(|number| open.is_some_and(|o| o.number != *number)))
    {
        // The forge opened another one in its place, as after the default branch got another name.
        let replaced = PullRejected {
            number: open.number,
            by: SUPERSEDED_BY.to_owned(),
            reason: Reason::Other,
            text: format!("superseded by #{number}"),
            seconds_open: u64::try_from((now - open.opened_at).num_seconds()).unwrap_or_default(),
        };
        let (event, key) = (Event::PullRejected(replaced), rejection_key(open));
        drafts.push(Draft { event, actor: Actor::System("run"), corr: None, cause: None, key: Some(key), at: None });
    } else if let Some(open) = open {
        if open.offer == publish.offer {
            return Ok(Vec::new());
        }
        let updated = PullUpdated { number: open.number, run: publish.run.clone(), offer: publish.offer.clone() };
        let key = format!("{}/{}/{}", open.number, publish.run, publish.offer.head);
        return Ok(vec![of_run(Event::PullUpdated(updated), actor, &publish.run, &key)]);
    }
    let published = town.agents.get(&publish.agent).and_then(|a| a.active.as_ref()).and_then(|r| r.published.as_ref());
    if published.is_some() {
        // It was opened by this run and a human has closed it since: nothing to record.
        return Ok(drafts);
    }
    let number = publish.number.unwrap_or(town.last_pull + 1);
    let opened = PullOpened {
        number,
        agent: publish.agent.clone(),
        run: publish.run.clone(),
        offer: publish.offer.clone(),
        url: publish.url.clone(),
    };
    drafts.push(of_run(Event::PullOpened(opened), actor, &publish.run, &number.to_string()));
    Ok(drafts)
}

/// The natural key of a rejection: the number, and how often it was taken back before.
fn rejection_key(pull: &Pull) -> String {
    if pull.reopened == 0 { pull.number.to_string() } else { format!("{}/{}", pull.number, pull.reopened) }
}

fn finish(town: &Town, finished: &RunFinished) -> Result<Vec<Draft>, Rejected> {
    let ended = town.agents.get(&finished.agent).is_some_and(|a| a.runs.iter().any(|r| r.run == finished.run));
    if ended {
        return Ok(Vec::new());
    }
    in_flight(town, &finished.agent, &finished.run)?;
    let mut finished = finished.clone();
    finished.reason = cut(&finished.reason, 2_000);
    let actor = Actor::Agent(finished.agent.clone());
    let (run, key) = (finished.run.clone(), finished.run.to_string());
    Ok(vec![of_run(Event::RunFinished(finished), actor, &run, &key)])
}

fn in_flight<'t>(town: &'t Town, agent: &AgentId, run: &RunId) -> Result<&'t Run, Rejected> {
    town.agents
        .get(agent)
        .and_then(|a| a.active.as_ref())
        .filter(|active| active.run == *run)
        .ok_or_else(|| Rejected::NotInFlight { run: run.clone(), agent: agent.clone() })
}

/// How long the pull request was open, or `None` where the same verdict is recorded already.
fn closing(
    town: &Town,
    number: u64,
    head: Option<&Oid>,
    verdict: PullState,
    now: DateTime<Utc>,
) -> Result<Option<u64>, Rejected> {
    let pull = match town.pulls.get(&number) {
        Some(pull) => pull,
        None => return Err(Rejected::NoPull { number }),
    };
    match pull.state {
        PullState::Open => {}
        state if state == verdict => return Ok(None),
        PullState::Merged => return Err(Rejected::Closed { number, state: "merged" }),
        PullState::Rejected => return Err(Rejected::Closed { number, state: "rejected" }),
    }
    if let Some(seen) = head.filter(|head| **head != pull.offer.head) {
        return Err(Rejected::Moved { number, seen: seen.clone(), head: pull.offer.head.clone() });
    }
    Ok(Some(u64::try_from((now - pull.opened_at).num_seconds()).unwrap_or_default()))
}

fn of_run(event: Event, actor: Actor, run: &RunId, key: &str) -> Draft {
    Draft { event, actor, corr: Some(run.clone()), cause: None, key: Some(key.to_owned()), at: None }
}

fn by_human(event: Event, by: &str, key: Option<String>) -> Draft {
    Draft { event, actor: Actor::Human(by.to_owned()), corr: None, cause: None, key, at: None }
}

/// Cuts a text so that the event stays within its limit. What counts is how long it is in JSON, where a control character
/// takes six bytes and a quote two.
fn cut(text: &str, most: usize) -> String {
    let mut bytes = 0;
    for (at, c) in text.char_indices() {
        bytes += match c {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            c if c.is_control() => 6,
            c => c.len_utf8(),
        };
        if bytes > most {
            return format!("{}…", &text[..at]);
        }
    }
    text.to_owned()
}

/// The outcome that a finished run has, seen from what it published.
#[must_use]
pub fn outcome_of(run: &Run) -> Outcome {
    match &run.published {
        Some(published) if published.opened => Outcome::Opened,
        Some(_) => Outcome::Updated,
        None => Outcome::Nothing,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
