//! When an agent runs by itself: the planned times of a charter's schedule.
//! Lives here: the last and the next planned time, the slot that a time is, and which slots are overdue. Pure: the moment comes in.
//! Never here: starting anything.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::charter::{Charter, Schedule};
use super::decide;
use super::fold::Town;
use super::ids::Slot;
use super::settings::Settings;

/// How far back a planned time is looked for: a yearly schedule has one in every window of this length.
const LOOK_BACK_DAYS: [i64; 4] = [1, 8, 35, 400];

/// Why a schedule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// The cron expression is not one of five fields.
    #[error("cron {cron:?} is not understood: {why}")]
    Cron {
        /// As it is written.
        cron: String,
        /// What is wrong.
        why: String,
    },
    /// The zone is not known.
    #[error("time zone {0:?} is no IANA name such as Europe/Zurich")]
    Zone(String),
}

/// Parses the cron expression of five fields.
///
/// # Errors
/// [`BadSchedule::Cron`].
pub fn cron(text: &str) -> Result<Cron, BadSchedule> {
    let bad = |why: String| BadSchedule::Cron { cron: text.to_owned(), why };
    let fields = text.split_whitespace().count();
    if fields != 5 {
        return Err(bad(format!("it has {fields} fields, and minute, hour, day, month and weekday are five")));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
    parser.parse(text).map_err(|error| bad(error.to_string()))
}

/// The zone of a schedule.
///
/// # Errors
/// [`BadSchedule::Zone`].
pub fn zone(schedule: &Schedule) -> Result<chrono_tz::Tz, BadSchedule> {
    match &schedule.timezone {
        None => Ok(chrono_tz::UTC),
        Some(name) => name.parse().map_err(|_| BadSchedule::Zone(name.clone())),
    }
}

/// The latest planned time that is not after `now`, if there is one within the last 400 days.
#[must_use]
pub fn last_planned(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (cron, zone) = (cron(&schedule.cron).ok()?, zone(schedule).ok()?);
    let now = zone.from_utc_datetime(&now.naive_utc());
    // Going forward from a moment before, in growing windows, works across the shifts of summer time; the last
    // occurrence in the window is the one.
    LOOK_BACK_DAYS.iter().find_map(|days| {
        let from = now - TimeDelta::days(*days);
        let mut last = None;
        for time in cron.iter_after(from) {
            if time > now {
                break;
            }
            last = Some(time.to_utc());
        }
        last
    })
}

/// The first planned time after `now`.
#[must_use]
pub fn next_planned(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (cron, zone) = (cron(&schedule.cron).ok()?, zone(schedule).ok()?);
    let now = zone.from_utc_datetime(&now.naive_utc());
    cron.find_next_occurrence(&now, false).ok().map(|time| time.to_utc())
}

/// A minute from 1 to 59 that belongs to a name, so that not everything starts at the same one; never the full hour, when
/// hosted runners are busiest.
#[must_use]
pub fn scattered_minute(name: &str) -> u32 {
    let hash = blake3::hash(name.as_bytes());
    1 + hash.as_bytes().iter().take(8).fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % 59)
}

/// The slot that a planned time is: `2026-11-21T04:20Z`.
#[must_use]
pub fn slot_of(time: DateTime<Utc>) -> Slot {
    let text = time.format("%Y-%m-%dT%H:%MZ").to_string();
    text.parse().unwrap_or_else(|_| unreachable!("a formatted time is a slot"))
}

/// How many planned runs did not begin, though nothing is known that would keep them: at the most one of each agent, its latest.
#[must_use]
pub fn overdue(town: &Town, settings: &Settings, charters: &[Charter], now: DateTime<Utc>) -> usize {
    charters.iter().filter(|charter| is_overdue(town, settings, charter, now).unwrap_or(false)).count()
}

/// Whether the latest planned run of an agent did not begin; none where it has no schedule, or never ran: nobody may have set it
/// going yet.
fn is_overdue(town: &Town, settings: &Settings, charter: &Charter, now: DateTime<Utc>) -> Option<bool> {
    let (name, limits) = (&charter.name, &settings.limits);
    let agent = town.agents.get(name)?;
    let planned = last_planned(charter.schedule.as_ref()?, now)?;
    let started = agent.active.iter().map(|run| run.started).chain(agent.runs.iter().map(|run| run.started));
    let began = agent.slots.contains(&slot_of(planned)) || started.max() >= Some(planned);
    let is_running = agent.active.as_ref().is_some_and(|run| run.lease_until > now.timestamp());
    // What thinks is known to who starts it. Where the town has no money at all, it is something that costs nothing.
    let has_money = limits.usd_per_day.0 == 0
        || decide::hold(town, name, (limits.usd_of_a_run(&charter.limits), limits.usd_per_day), now).is_ok();
    let may_start = decide::may_start(town, name, settings.paused.contains(name)).is_ok()
        && decide::within_the_day(name, agent, limits.runs_per_day, now).is_ok()
        && has_money;
    Some(!began && !is_running && may_start)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::event::Trigger;
    use super::super::fold::{Agent, Ended, Frozen, Run, Spent};
    use super::super::ids::{AgentId, Oid, RunId};
    use super::super::settings;
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn schedule(cron: &str, zone: Option<&str>) -> Schedule {
        Schedule { cron: cron.to_owned(), timezone: zone.map(str::to_owned) }
    }

    #[test]
    fn last_and_next_planned_times() {
        let cases = [
            ("20 */4 * * *", None, "2026-11-21T05:00:00Z", "2026-11-21T04:20:00Z", "2026-11-21T08:20:00Z"),
            ("20 */4 * * *", None, "2026-11-21T04:20:00Z", "2026-11-21T04:20:00Z", "2026-11-21T08:20:00Z"),
            ("20 */4 * * *", None, "2026-11-21T04:19:59Z", "2026-11-21T00:20:00Z", "2026-11-21T04:20:00Z"),
            ("0 9 * * 1", None, "2026-11-21T00:00:00Z", "2026-11-16T09:00:00Z", "2026-11-23T09:00:00Z"),
            ("5 6 1 1 *", None, "2026-11-21T00:00:00Z", "2026-01-01T06:05:00Z", "2027-01-01T06:05:00Z"),
            (
                "30 8 * * *",
                Some("Europe/Zurich"),
                "2026-07-01T12:00:00Z",
                "2026-07-01T06:30:00Z",
                "2026-07-02T06:30:00Z",
            ),
            (
                "30 8 * * *",
                Some("Europe/Zurich"),
                "2026-12-01T12:00:00Z",
                "2026-12-01T07:30:00Z",
                "2026-12-02T07:30:00Z",
            ),
        ];
        for (cron, zone, now, last, next) in cases {
            let schedule = schedule(cron, zone);
            assert_eq!(last_planned(&schedule, at(now)), Some(at(last)), "{cron} {zone:?} last at {now}");
            assert_eq!(next_planned(&schedule, at(now)), Some(at(next)), "{cron} {zone:?} next at {now}");
        }
    }

    #[test]
    fn around_the_shifts_of_summer_time_every_slot_is_one_moment() {
        let cases = [
            // The clocks go back at 01:00 UTC on 2026-10-25: 02:30 comes twice, and counts the first time.
            ("30 2 * * *", "Europe/Zurich", "2026-10-25T00:29:59Z", "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"),
            ("30 2 * * *", "Europe/Zurich", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
            // They go forward at 01:00 UTC on 2026-03-29: 02:30 does not exist, and 03:00 stands in for it.
            ("30 2 * * *", "Europe/Zurich", "2026-03-29T00:59:59Z", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"),
            ("30 2 * * *", "Europe/Zurich", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
            // What comes round all day comes in the hour that is there twice, too.
            ("15 * * * *", "Europe/Zurich", "2026-10-25T01:20:00Z", "2026-10-25T01:15:00Z", "2026-10-25T02:15:00Z"),
            ("15 * * * *", "Europe/Zurich", "2026-03-29T01:10:00Z", "2026-03-29T00:15:00Z", "2026-03-29T01:15:00Z"),
            // Half an hour of summer time, and a zone that is not at a whole hour.
            (
                "45 1 * * *",
                "Australia/Lord_Howe",
                "2026-04-04T23:00:00Z",
                "2026-04-04T14:45:00Z",
                "2026-04-05T15:15:00Z",
            ),
            ("0 6 * * *", "Asia/Kathmandu", "2026-11-21T00:14:00Z", "2026-11-20T00:15:00Z", "2026-11-21T00:15:00Z"),
        ];
        for (cron, zone, now, last, next) in cases {
            let schedule = schedule(cron, Some(zone));
            assert_eq!(last_planned(&schedule, at(now)), Some(at(last)), "{cron} {zone} last at {now}");
            assert_eq!(next_planned(&schedule, at(now)), Some(at(next)), "{cron} {zone} next at {now}");
        }
    }

    proptest! {
        #[test]
        fn the_next_planned_time_becomes_the_last(
            seconds in 1_767_225_600_i64..1_830_000_000, minute in 0..60, hour in prop_oneof!["[0-3]", "\\*", "\\*/4"],
            zone in prop_oneof![Just(None), Just(Some("Europe/Zurich")), Just(Some("America/New_York"))],
        ) {
            let schedule = schedule(&format!("{minute} {hour} * * *"), zone);
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let (last, next) = (last_planned(&schedule, now).unwrap(), next_planned(&schedule, now).unwrap());
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(last_planned(&schedule, next), Some(next));
            prop_assert_eq!(last_planned(&schedule, next - TimeDelta::seconds(1)), Some(last));
            prop_assert_eq!(next_planned(&schedule, last), Some(next));
        }
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for wrong in ["", "* * * *", "* * * * * *", "61 * * * *", "x * * * *"] {
            assert!(cron(wrong).is_err(), "{wrong:?}");
        }
        assert!(zone(&schedule("0 0 * * *", Some("Mars/Olympus"))).is_err());
        assert_eq!(last_planned(&schedule("0 0 31 2 *", None), at("2026-11-21T00:00:00Z")), None);
    }

    #[test]
    fn minutes_are_scattered_over_the_hour_and_stay_with_their_name() {
        let names: Vec<String> = (0..5_900).map(|number| format!("agent-{number}")).collect();
        let mut counts = [0; 60];
        for name in &names {
            counts[scattered_minute(name) as usize] += 1;
            assert_eq!(scattered_minute(name), scattered_minute(name));
        }
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|count| (50..=170).contains(count)), "{counts:?}");
        // Written down, because workflows that are checked in depend on it.
        assert_eq!((scattered_minute("monkeytown"), scattered_minute("")), (12, 48));
    }

    #[test]
    fn a_slot_is_its_minute_in_utc() {
        assert_eq!(slot_of(at("2026-11-21T04:20:31Z")).as_str(), "2026-11-21T04:20Z");
    }

    fn ran(slot: &str, started: &str) -> Ended {
        Ended {
            run: RunId::from_parts(0, 1),
            slot: slot.parse().unwrap(),
            base: base(),
            outcome: "nothing".to_owned(),
            reason: String::new(),
            pull: None,
            started: at(started),
            ended: at(started),
        }
    }

    fn base() -> Oid {
        "3052288c044e6f1b6bd5fd4aacfe0679617d55c2".parse().unwrap()
    }

    fn running(started: &str, until: &str) -> Run {
        Run {
            run: RunId::from_parts(0, 2),
            slot: "manual-1".parse().unwrap(),
            trigger: Trigger::Manual,
            base: base(),
            start: base(),
            lease_until: at(until).timestamp(),
            holder: String::new(),
            brain: String::new(),
            hold_micros: 0,
            attempt: 0,
            started: at(started),
            calls: 0,
            refusals: 0,
            proposed: None,
            published: None,
        }
    }

    fn stopped() -> Option<Frozen> {
        Some(Frozen { by: "eve".to_owned(), reason: String::new(), since: at("2026-11-21T01:00:00Z") })
    }

    /// What is overdue at five in a town where ada, every four hours, ran at 00:20 and not at 04:20, and where this is otherwise.
    fn overdue_where(change: impl FnOnce(&mut Town, &mut Agent, &mut Settings, &mut DateTime<Utc>)) -> usize {
        let text = "---\nname: ada\ndescription: Looks after numbers.\nowns: [\"qa/**\"]\nschedule: { cron: \"20 */4 * * *\" }\n---\nCount.\n";
        let charter = Charter::parse("agents/ada.md", text.as_bytes()).0.unwrap();
        let mut settings = settings::parse("town.yaml", b"name: x").0.unwrap();
        let (mut town, mut now) = (Town::default(), at("2026-11-21T05:00:00Z"));
        let first = ran("2026-11-21T00:20Z", "2026-11-21T00:23:00Z");
        let mut ada = Agent { slots: [first.slot.clone()].into(), runs: [first].into(), ..Agent::default() };
        change(&mut town, &mut ada, &mut settings, &mut now);
        town.agents.insert(charter.name.clone(), ada);
        let unplanned = Charter { schedule: None, ..charter.clone() };
        let stranger = Charter { name: "bob".parse().unwrap(), ..charter.clone() };
        overdue(&town, &settings, &[charter, unplanned, stranger], now)
    }

    #[test]
    fn a_planned_run_that_did_not_begin_is_overdue() {
        let ada: AgentId = "ada".parse().unwrap();
        let today = at("2026-11-21T05:00:00Z").timestamp() / 86_400;
        assert_eq!(overdue_where(|_, _, _, _| ()), 1);
        assert_eq!(overdue_where(|_, _, _, now| *now = at("2026-11-21T04:19:59Z")), 0, "it is not time yet");
        assert_eq!(overdue_where(|_, _, _, now| *now = at("2026-11-21T04:20:00Z")), 1);
        assert_eq!(
            overdue_where(|_, ada, _, _| ada.slots.push_back("2026-11-21T04:20Z".parse().unwrap())),
            0,
            "it began"
        );
        let by_hand = ran("manual-1", "2026-11-21T04:30:00Z");
        assert_eq!(overdue_where(|_, ada, _, _| ada.runs.push_back(by_hand)), 0, "somebody started one");
        let long = |until| {
            move |_: &mut Town, ada: &mut Agent, _: &mut Settings, _: &mut DateTime<Utc>| {
                ada.active = Some(running("2026-11-21T04:00:00Z", until));
            }
        };
        assert_eq!(overdue_where(long("2026-11-21T05:00:01Z")), 0, "the one before goes on");
        assert_eq!(overdue_where(long("2026-11-21T05:00:00Z")), 1, "the one before is dead");
        assert_eq!(overdue_where(|town, _, _, _| town.frozen = stopped()), 0);
        assert_eq!(overdue_where(|_, ada, _, _| ada.paused = stopped()), 0);
        assert_eq!(overdue_where(|_, _, settings, _| settings.paused.push(ada)), 0);
        for (runs, due) in [(23, 1), (24, 0)] {
            assert_eq!(overdue_where(|_, ada, _, _| (ada.day, ada.started_today) = (today, runs)), due, "{runs} runs");
        }
        for (day, cost_micros, due) in [(today, 9_990_000, 1), (today, 9_990_001, 0), (today - 1, 10_000_000, 1)] {
            assert_eq!(overdue_where(|town, _, _, _| town.spent = Spent { day, cost_micros }), due, "{cost_micros}");
        }
        // Another one is at work, or died today, and has put aside what was left.
        for (until, hold_micros, due) in [
            ("2026-11-21T05:00:01Z", 500_000, 0),
            ("2026-11-21T05:00:01Z", 490_000, 1),
            ("2026-11-21T01:00:00Z", 500_000, 0),
            ("2026-11-20T23:59:59Z", 500_000, 1),
        ] {
            let held = |town: &mut Town, _: &mut Agent, _: &mut Settings, _: &mut DateTime<Utc>| {
                town.spent = Spent { day: today, cost_micros: 9_500_000 };
                let active = Some(Run { hold_micros, ..running("2026-11-20T23:00:00Z", until) });
                town.agents.insert("eve".parse().unwrap(), Agent { active, ..Agent::default() });
            };
            assert_eq!(overdue_where(held), due, "{hold_micros} held until {until}");
        }
        assert_eq!(
            overdue_where(|_, _, settings, _| settings.limits.usd_per_day.0 = 0),
            1,
            "what costs nothing may run"
        );
    }
}
