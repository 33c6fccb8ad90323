//! Steps 2 and 3: what happened to our pull requests, and the claim of a slot.
//! Lives here: recording news, choosing the slot, the lease. Never here: the rule who may have it
//! (see [`crate::town::decide`]).

use std::cell::RefCell;

use super::checkpoint::{self, Checkpoint};
use super::house::House;
use super::stand::Stand;
use super::think::Thinker;
use super::{Edge, Progress, Request, RunError, SlotChoice};
use crate::forge::Forge;
use crate::git::errors::{GitError, RemoteFailure};
use crate::git::journal::Journal;
use crate::git::journal::sync::Synced;
use crate::git::repo;
use crate::town::charter::Charter;
use crate::town::decide::{self, Command, Rejected, StartRun};
use crate::town::envelope::Stamp;
use crate::town::event::{Event, Trigger};
use crate::town::fold::{Run, Town};
use crate::town::ids::{RunId, Slot};
use crate::town::limits;
use crate::town::schedule;

/// Observations that one append carries; each yields at most two events.
const SEEN_AT_ONCE: usize = 25;

/// What the sync brought.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// What was new, as sentences.
    pub sentences: Vec<String>,
    /// Whether remote and forge could be reached.
    pub online: bool,
}

/// Step 2. Appends what humans did since the journal last heard of it. A forge that cannot be reached is no obstacle.
///
/// # Errors
/// [`RunError`] when the journal is damaged or was rewritten.
pub async fn sync(
    edge: &Edge<'_>,
    house: &House,
    journal: &Journal<'_>,
    forge: &dyn Forge,
    dry: bool,
) -> Result<News, RunError> {
    // A dry run sends nothing that waits here; it only has to know the journal.
    let synced = if dry && journal.head()?.is_some() {
        Synced { online: !journal.is_offline(), ..Synced::default() }
    } else {
        join(edge, house, journal)?
    };
    let mut news = News { online: synced.online, ..News::default() };
    news.sentences.extend(synced.sentences());
    if synced.moved {
        // Branches are looked at after the journal that they are judged by, never before.
        house.home.refresh()?;
    }
    // What people did is recorded where it can be sent at once. It is not lost: the next sync sees it again.
    let may_record = synced.online || !forge.remembers();
    let seen = match if may_record { forge.observe(&journal.load()?.town).await } else { Ok(Vec::new()) } {
        Ok(seen) => seen,
        Err(why) if why.is_unavailable() => {
            tracing::warn!(%why, "the forge is unavailable; going on with what is known");
            news.online = false;
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    if dry {
        return Ok(news);
    }
    match forge.carry_out(&journal.load()?.town, &seen).await {
        Err(why) if why.is_unavailable() => {
            // What was asked for is not done, so it is not recorded either: the next sync sees it again.
            tracing::warn!(%why, "the forge is unavailable; going on with what is known");
            news.online = false;
            return Ok(news);
        }
        done => done?,
    }
    edge.tell(&Progress::CarriedOut);
    news.sentences.extend(record(edge, house, journal, &seen)?);
    Ok(news)
}

/// Joins the journal here with the remote's. Nobody starts blind: whether the town is frozen, what is open and what was rejected
/// stands in the journal. A whole clone would have it if it had been there when the clone was made; a shallow one tells nothing.
///
/// # Errors
/// As [`sync`].
pub(super) fn join(edge: &Edge<'_>, house: &House, journal: &Journal<'_>) -> Result<Synced, RunError> {
    let synced = journal.sync(&edge.stamp(&house.settings.name))?;
    if let (Some(remote), false, None) = (&house.home.remote, synced.online, journal.head()?)
        && house.home.repo.is_shallow()
    {
        let detail = "the town's journal is not here yet, and it cannot be fetched".to_owned();
        let kind = RemoteFailure::Unavailable(detail);
        return Err(GitError::Fetch { remote: remote.name.clone(), kind }.into());
    }
    Ok(synced)
}

/// Appends what was seen, a few at a time and each once, and says what of it is new.
///
/// # Errors
/// [`RunError`] when the journal fails.
pub fn record(
    edge: &Edge<'_>,
    house: &House,
    journal: &Journal<'_>,
    seen: &[Command],
) -> Result<Vec<String>, RunError> {
    let mut sentences = Vec::new();
    for batch in seen.chunks(SEEN_AT_ONCE) {
        let stamp = edge.stamp(&house.settings.name);
        // One that cannot be recorded must not keep the others, and all later ones, from being so.
        let left_out = RefCell::new(Vec::new());
        let appended = journal.append(&stamp, |town| {
            left_out.borrow_mut().clear();
            let (mut state, mut drafts) = (town.clone(), Vec::new());
            for command in batch {
                let one = Stamp { random: stamp.random.wrapping_add(drafts.len() as u128), ..stamp.clone() };
                match decide::decide_all(&state, std::slice::from_ref(command), &one) {
                    Ok((more, next)) => {
                        drafts.extend(more);
                        state = next;
                    }
                    Err(Rejected::TooLarge(why)) => left_out.borrow_mut().push(why),
                    Err(other) => return Err(other),
                }
            }
            Ok(drafts)
        })?;
        for why in left_out.into_inner() {
            tracing::error!(why, "something that was seen on the forge cannot be recorded");
        }
        let known = appended.events.iter().filter_map(|event| event.event().ok().flatten());
        sentences.extend(known.filter(|event| !matches!(event, Event::ForgeSynced(_))).map(|event| event.sentence()));
        edge.tell(&Progress::Observed { events: appended.events.len() });
    }
    Ok(sentences)
}

/// A slot that is ours.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The run as the journal has it.
    pub run: Run,
    /// Where it stands.
    pub stand: Stand,
    /// What is left of it, where a run that had died goes on.
    pub checkpoint: Option<Checkpoint>,
    /// Whether a run that had died goes on.
    pub resumed: bool,
    /// The state after the claim.
    pub town: Town,
}

/// Step 3. Claims the slot by compare-and-swap; the loser gets [`RunError::Rejected`].
///
/// # Errors
/// [`RunError`].
pub fn claim(
    edge: &Edge<'_>,
    house: &House,
    journal: &Journal<'_>,
    charter: &Charter,
    request: &Request,
    thinker: &Thinker,
) -> Result<Claim, RunError> {
    let now = (edge.now)();
    let (slot, trigger) = choose_slot(edge, charter, request)?;
    let before = journal.load()?.town;
    let in_flight = before.agents.get(&charter.name).and_then(|agent| agent.active.as_ref()).map(|run| &run.run);
    let checkpoint = checkpoint::read(&house.home, &charter.name, in_flight)?;
    let stand = Stand::find(house, &before, &charter.name)?;
    let minutes = charter.limits.minutes.min(limits::RUN_MINUTES);
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    let start = StartRun {
        run: RunId::from_parts(millis, (edge.random)()),
        agent: house.seen(charter)?,
        slot,
        trigger,
        base: repo::id(house.base),
        start: stand
            .branch_tip
            .clone()
            .filter(|_| stand.pull.is_some() || stand.human)
            .unwrap_or_else(|| repo::id(house.base)),
        minutes,
        holder: edge.holder.clone().map_or_else(|| house.home.repo.machine_id(), Ok)?,
        holder_before: edge.holder_before.clone(),
        brain: thinker.name(),
        paused: house.settings.paused.contains(&charter.name),
        runs_per_day: house.settings.limits.runs_per_day,
        usd_per_run: thinker.may_spend(charter, &house.settings.limits),
        usd_per_day: house.settings.limits.usd_per_day,
        checkpoint: checkpoint.as_ref().map(|checkpoint| checkpoint.run.clone()),
    };
    let stamp = edge.stamp(&house.settings.name);
    let command = Command::StartRun(Box::new(start.clone()));
    let town = if request.dry_run {
        decide::decide_all(&journal.load()?.town, &[command], &stamp)?.1
    } else {
        journal.append(&stamp, |town| decide::decide(town, &command, stamp.time))?.tip.town
    };
    let run = town
        .agents
        .get(&charter.name)
        .and_then(|agent| agent.active.clone())
        .ok_or_else(|| decide::Rejected::NotInFlight { run: start.run, agent: charter.name.clone() })?;
    let resumed = run.attempt > 0;
    let checkpoint = checkpoint.filter(|checkpoint| resumed && checkpoint.run == run.run);
    let stand = checkpoint.as_ref().map_or(stand, |checkpoint| checkpoint.stand.clone());
    edge.tell(&Progress::Claimed { run: run.run.clone(), slot: run.slot.clone(), resumed });
    Ok(Claim { run, stand, checkpoint, resumed, town })
}

fn choose_slot(edge: &Edge<'_>, charter: &Charter, request: &Request) -> Result<(Slot, Trigger), RunError> {
    let now = (edge.now)();
    let planned = || {
        let schedule = charter.schedule.as_ref();
        schedule.and_then(|schedule| schedule::last_planned(schedule, now)).map(schedule::slot_of)
    };
    let own = || {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        // A ULID is a slot by its alphabet.
        format!("manual-{}", RunId::from_parts(millis, (edge.random)()))
            .parse()
            .map_err(|_| RunError::NoSchedule { agent: charter.name.clone() })
    };
    match &request.slot {
        SlotChoice::Named(slot) => Ok((slot.clone(), Trigger::Manual)),
        SlotChoice::Planned => {
            let slot = planned().ok_or_else(|| RunError::NoSchedule { agent: charter.name.clone() })?;
            Ok((slot, Trigger::Schedule))
        }
        SlotChoice::Auto if edge.scheduled => match planned() {
            Some(slot) => Ok((slot, Trigger::Schedule)),
            None => Ok((own()?, Trigger::Manual)),
        },
        SlotChoice::Auto => Ok((own()?, Trigger::Manual)),
    }
}
