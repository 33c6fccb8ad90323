//! Tests of the decisions and of the fold: a table of claims, and properties over random histories.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::town::envelope::{Envelope, Stamp};
use crate::town::event::{AgentHalted, CallSeen, FailureKind, Offer, Reason, Trigger};
use crate::town::fold::fold;
use crate::town::ids::Slot;

const NOW: i64 = 1_795_232_628;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(NOW + seconds, 0).unwrap()
}

fn stamp(seconds: i64) -> Stamp {
    Stamp { time: at(seconds), source: "/towns/test".to_owned(), random: u128::from(seconds.unsigned_abs()) << 8 }
}

fn oid(digit: u8) -> Oid {
    format!("{:x}", digit % 16).repeat(40).parse().unwrap()
}

fn agent(name: &str) -> AgentId {
    name.parse().unwrap()
}

fn run_id(number: u64) -> RunId {
    RunId::from_parts(1_795_232_628_000 + number, 7)
}

fn claim(name: &str, number: u64, slot: &str) -> StartRun {
    StartRun {
        run: run_id(number),
        agent: AgentSeen { agent: agent(name), owns: vec!["a/**".parse().unwrap()], charter: oid(1) },
        slot: slot.parse::<Slot>().unwrap(),
        trigger: Trigger::Manual,
        base: oid(2),
        start: oid(2),
        minutes: 60,
        holder: "here".to_owned(),
        holder_before: None,
        brain: "embedded".to_owned(),
        paused: false,
        runs_per_day: 3,
        usd_per_run: crate::town::prices::Usd(0),
        usd_per_day: crate::town::prices::Usd(10_000_000),
        checkpoint: None,
    }
}

fn start(claim: StartRun) -> Command {
    Command::StartRun(Box::new(claim))
}

fn offer(digit: u8) -> Offer {
    Offer {
        branch: "agent/a".to_owned(),
        head: oid(digit),
        base: oid(2),
        title: format!("Title {digit}"),
        body: "Body".to_owned(),
        draft: false,
        conflicts: Vec::new(),
        paths: vec!["a/x".to_owned()],
        files: 1,
        adds: 1,
        dels: 0,
        content: digit.to_string(),
    }
}

fn publish(name: &str, number: u64, digit: u8) -> Command {
    Command::Publish(Box::new(Publish {
        run: run_id(number),
        agent: agent(name),
        offer: offer(digit),
        number: None,
        url: None,
    }))
}

fn finish(name: &str, number: u64) -> Command {
    Command::Finish(RunFinished {
        run: run_id(number),
        agent: agent(name),
        outcome: Outcome::Opened,
        reason: "done".to_owned(),
        pull: None,
        partial: false,
    })
}

/// The town after these commands, each at its second; all of them must be accepted.
fn after(commands: &[(i64, Command)]) -> Town {
    let mut town = Town::default();
    for (seconds, command) in commands {
        town = decide_all(&town, std::slice::from_ref(command), &stamp(*seconds)).unwrap().1;
    }
    town
}

fn kinds(drafts: &[Draft]) -> Vec<&'static str> {
    drafts.iter().map(|draft| draft.event.kind().trim_start_matches("monkeytown.").trim_end_matches(".v1")).collect()
}

/// What the claim comes to on this town at this second: the kinds of its events, or why it is refused.
fn check(town: &Town, seconds: i64, claim: StartRun, expected: Result<&[&str], &str>) {
    match (decide(town, &start(claim), at(seconds)), expected) {
        (Ok(drafts), Ok(expected)) => assert_eq!(kinds(&drafts), expected),
        (Err(rejected), Err(expected)) => {
            assert!(rejected.to_string().contains(expected), "{rejected}");
            assert!(rejected.is_quiet(), "{rejected} is a normal end of a scheduled run");
        }
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

// covers: budgets#the-day-s-cap-holds-across-machines
#[test]
fn the_days_money_is_put_aside_settled_and_renewed() {
    let paid = |name: &str, number: u64, slot: &str| StartRun {
        usd_per_run: Usd(100_000),
        usd_per_day: Usd(150_000),
        ..claim(name, number, slot)
    };
    let hold = |town: &Town, name: &str| town.agents[&agent(name)].active.as_ref().unwrap().hold_micros;
    let used = |number: u64, name: &str, cost_micros: u64| {
        Command::Meter(crate::town::event::UsageMetered {
            run: run_id(number),
            agent: agent(name),
            brain: "openai/m".to_owned(),
            turns: 1,
            tokens: crate::town::event::Tokens::default(),
            cost_micros,
            incomplete: false,
        })
    };
    let two = vec![(0, start(paid("a", 1, "s"))), (1, start(paid("b", 2, "s")))];
    let town = after(&two);
    assert_eq!((hold(&town, "a"), hold(&town, "b")), (100_000, 50_000), "the second gets what is left");
    check(&town, 2, paid("c", 3, "s"), Err("0.00 of 0.15 are left for today"));
    check(&town, 2, claim("c", 3, "s"), Ok(&["agent.registered", "run.started"]));
    let ended = [two.clone(), vec![(2, used(1, "a", 30_000)), (3, finish("a", 1))]].concat();
    let third = [ended.clone(), vec![(4, start(paid("c", 3, "s")))]].concat();
    assert_eq!(hold(&after(&third), "c"), 70_000, "what the first did not use");
    // The second dies without a trace: all that was put aside for it counts as spent, on the day on which that is seen.
    let late = 3_700;
    let elsewhere = StartRun { holder: "there".to_owned(), ..paid("b", 4, "t") };
    let given_up = after(&[ended, vec![(late, start(elsewhere))]].concat());
    assert_eq!((given_up.spent.on(at(late)), hold(&given_up, "b")), (80_000, 70_000));
    let tomorrow = after(&[two, vec![(4, used(1, "a", 100_000)), (5, finish("a", 1)), (6, finish("b", 2))]].concat());
    check(&tomorrow, 7, StartRun { usd_per_day: Usd(100_000), ..paid("c", 5, "s") }, Err("0.00 of 0.10 are left"));
    check(&tomorrow, 86_400, paid("c", 5, "s"), Ok(&["agent.registered", "run.started"]));
}

#[test]
fn a_hold_ends_some_time_after_its_lease_and_is_never_spent_twice() {
    // It is early: the lease and the hold of a run end on the day on which that begins.
    let paid = |name: &str, number: u64, slot: &str| StartRun {
        usd_per_run: Usd(100_000),
        usd_per_day: Usd(150_000),
        ..claim(name, number, slot)
    };
    let dead = after(&[(0, start(paid("a", 1, "s")))]);
    let mine = StartRun { checkpoint: Some(run_id(1)), ..paid("a", 2, "t") };
    let heir = StartRun { holder: "there".to_owned(), holder_before: Some("here".to_owned()), ..paid("a", 2, "t") };
    let free = StartRun { usd_per_run: Usd(0), ..paid("a", 2, "t") };
    let again: &[&str] = &["run.expired", "run.started"];
    // The same clone, or whoever has its queue, goes on where something is left, and else does not know what was spent.
    check(&dead, 10, mine, Ok(&["run.resumed"]));
    check(&dead, 10, paid("a", 2, "t"), Ok(again));
    check(&dead, 10, heir, Ok(again));
    check(&dead, 10, free, Ok(again));
    let expired = decide_all(&dead, &[start(paid("a", 2, "t"))], &stamp(10)).unwrap().1;
    let hold = |town: &Town, name: &str| town.agents[&agent(name)].active.as_ref().map(|run| run.hold_micros);
    assert_eq!((expired.spent.on(at(10)), hold(&expired, "a")), (100_000, Some(50_000)));
    let proposed = RunProposed { run: run_id(1), agent: agent("a"), replaces: None, offer: offer(5) };
    let announced = decide_all(&dead, &[Command::Propose(proposed)], &stamp(5)).unwrap().1;
    check(&announced, 10, paid("a", 2, "t"), Ok(&["run.resumed"]));

    // For somebody else it is put aside until half an hour after the lease, counts as spent until the day is over, and then
    // takes nothing more, though nobody ever takes the run up.
    let left_for = |seconds: i64| {
        let now = at(seconds);
        match decide(&dead, &start(StartRun { usd_per_run: Usd(150_000), ..paid("b", 3, "s") }), now) {
            Ok(drafts) => drafts.iter().find_map(|draft| match &draft.event {
                Event::RunStarted(e) => Some(e.hold_micros),
                _ => None,
            }),
            Err(rejected) => panic!("{rejected}"),
        }
    };
    let to_midnight = 86_400 - NOW.rem_euclid(86_400);
    let cases = [(10, 50_000), (3_601, 50_000), (5_399, 50_000), (5_400, 50_000), (to_midnight - 1, 50_000)];
    assert!(to_midnight > 5_401, "{to_midnight}");
    for (seconds, left) in cases {
        assert_eq!(left_for(seconds), Some(left), "{seconds}");
    }
    for seconds in [to_midnight, to_midnight + 86_400, 40 * 86_400] {
        assert_eq!(left_for(seconds), Some(150_000), "{seconds}");
    }
    let said = |seconds: i64| {
        let ask = StartRun { usd_per_day: Usd(100_000), ..paid("b", 3, "s") };
        match decide(&dead, &start(ask), at(seconds)) {
            Err(Rejected::NoFunds { held, .. }) => held.0,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((said(5_399), said(5_400)), (100_000, 0), "what is held, and what is spent");
}

#[test]
fn a_hold_is_kept_across_midnight_while_its_run_may_live() {
    let late = 86_400 - NOW.rem_euclid(86_400) - 60;
    let paid = |name: &str, number: u64| StartRun {
        usd_per_run: Usd(100_000),
        usd_per_day: Usd(100_000),
        ..claim(name, number, "s")
    };
    let town = after(&[(late, start(paid("a", 1)))]);
    check(&town, late + 120, paid("b", 2), Err("0.00 of 0.10 are left"));
    check(&town, late + 5_399, paid("b", 2), Err("0.00 of 0.10 are left"));
    // Its lease ended on the new day, so on that it may have spent.
    check(&town, late + 5_401, paid("b", 2), Err("0.00 of 0.10 are left"));
    check(&town, late + 60 + 86_400, paid("b", 2), Ok(&["agent.registered", "run.started"]));
}

#[test]
fn a_claim_is_granted_resumed_or_refused() {
    let new = Town::default();
    check(&new, 0, claim("a", 1, "s1"), Ok(&["agent.registered", "run.started"]));
    check(&new, 0, StartRun { paused: true, ..claim("a", 1, "s1") }, Err("paused"));
    let frozen = after(&[(0, Command::Freeze { by: "m".to_owned(), reason: "smoke".to_owned() })]);
    check(&frozen, 1, claim("a", 1, "s1"), Err("frozen by m: smoke"));

    let alive = after(&[(0, start(claim("a", 1, "s1")))]);
    let elsewhere = |number, slot| StartRun { holder: "there".to_owned(), ..claim("a", number, slot) };
    check(&alive, 10, elsewhere(2, "s2"), Err("holds the lease until"));
    check(&alive, 10, claim("a", 2, "s2"), Ok(&["run.resumed"]));
    let heir = StartRun { holder_before: Some("here".to_owned()), ..elsewhere(2, "s2") };
    check(&alive, 10, heir, Ok(&["run.resumed"]));
    let halted = AgentHalted { agent: agent("a"), by: "m".to_owned(), reason: "too loud".to_owned() };
    let paused = after(&[(0, start(claim("a", 1, "s1"))), (5, finish("a", 1)), (6, Command::Pause(halted.clone()))]);
    check(&paused, 10, claim("a", 2, "s2"), Err("paused by m: too loud"));
    let again = decide_all(&paused, &[Command::Resume(halted)], &stamp(9)).unwrap().1;
    check(&again, 10, claim("a", 2, "s2"), Ok(&["run.started"]));
    check(&alive, 3_601, elsewhere(2, "s2"), Ok(&["run.expired", "run.started"]));
    check(&alive, 3_601, elsewhere(2, "s1"), Ok(&["run.expired", "run.started"]));
    let kept = StartRun { checkpoint: Some(run_id(1)), ..elsewhere(2, "s2") };
    check(&alive, 3_601, kept, Ok(&["run.resumed"]));
    let stale = StartRun { checkpoint: Some(run_id(9)), ..elsewhere(2, "s2") };
    check(&alive, 3_601, stale, Ok(&["run.expired", "run.started"]));
    check(&alive, 10, claim("b", 2, "s1"), Ok(&["agent.registered", "run.started"]));

    let ended = after(&[(0, start(claim("a", 1, "s1"))), (5, finish("a", 1))]);
    check(&ended, 10, claim("a", 2, "s1"), Err("slot s1 of a was taken"));
    check(&ended, 10, claim("a", 2, "s2"), Ok(&["run.started"]));
    let mended = StartRun { agent: AgentSeen { charter: oid(3), ..claim("a", 2, "s2").agent }, ..claim("a", 2, "s2") };
    check(&ended, 10, mended, Ok(&["agent.updated", "run.started"]));
}

#[test]
fn a_day_has_as_many_runs_as_the_town_allows() {
    let mut commands = Vec::new();
    for number in 1..=3 {
        commands.push((number, start(claim("a", number as u64, &format!("s{number}")))));
        commands.push((number, finish("a", number as u64)));
    }
    let busy = after(&commands);
    check(&busy, 10, claim("a", 4, "s4"), Err("started 3 runs today and the town allows 3"));
    check(&busy, 86_400, claim("a", 4, "s4"), Ok(&["run.started"]));
}

#[test]
fn a_pull_request_is_opened_once_updated_in_place_and_closed_once() {
    let opened = after(&[(0, start(claim("a", 1, "s1"))), (1, publish("a", 1, 5))]);
    assert_eq!(opened.open_pulls().map(|pull| pull.number).collect::<Vec<_>>(), [1]);
    assert!(decide(&opened, &publish("a", 1, 5), at(2)).unwrap().is_empty());
    assert_eq!(kinds(&decide(&opened, &publish("a", 1, 6), at(2)).unwrap()), ["pull.updated"]);

    let merge = |head| Command::Merge { number: 1, by: "h".to_owned(), commit: oid(9), edited: false, head };
    assert!(matches!(decide(&opened, &merge(Some(oid(6))), at(3)), Err(Rejected::Moved { .. })));
    let merged = decide_all(&opened, &[merge(Some(oid(5)))], &stamp(61)).unwrap().1;
    assert_eq!(merged.pulls[&1].verdict.as_ref().unwrap().seconds_open, 60);
    assert!(decide(&merged, &merge(None), at(70)).unwrap().is_empty());
    let reject = Command::Reject { number: 1, by: "h".to_owned(), reason: Reason::Spam, text: String::new() };
    assert!(matches!(decide(&merged, &reject, at(70)), Err(Rejected::Closed { state: "merged", .. })));
    assert!(matches!(decide(&Town::default(), &reject, at(70)), Err(Rejected::NoPull { number: 1 })));
}

#[test]
fn a_run_that_lost_its_lease_cannot_propose() {
    let elsewhere = StartRun { holder: "there".to_owned(), ..claim("a", 2, "s2") };
    let town = after(&[(0, start(claim("a", 1, "s1"))), (3_700, start(elsewhere))]);
    let late = Command::Propose(RunProposed { run: run_id(1), agent: agent("a"), replaces: None, offer: offer(5) });
    assert!(matches!(decide(&town, &late, at(3_701)), Err(Rejected::NotInFlight { .. })));
}

#[test]
fn calls_are_recorded_once_however_often_a_run_is_resumed() {
    let call = |number: u64| CallSeen {
        tool: "Read".to_owned(),
        argv_hash: number.to_string(),
        ok: true,
        ms: 1,
        out_hash: String::new(),
        truncated: false,
    };
    let calls =
        |count| Command::RecordCalls(ToolsCalled { run: run_id(1), first: 0, calls: (0..count).map(call).collect() });
    let town = after(&[(0, start(claim("a", 1, "s1"))), (1, calls(60))]);
    assert!(decide(&town, &calls(60), at(2)).unwrap().is_empty());
    let more = decide(&town, &calls(62), at(2)).unwrap();
    let Event::ToolsCalled(batch) = &more[0].event else { panic!("{more:?}") };
    assert_eq!((batch.first, batch.calls.len(), more.len()), (60, 2, 1));
}

// covers: journal#the-state-is-the-fold-of-the-journal/an-unknown-type-of-event
#[test]
fn an_unknown_type_is_counted_and_kept_and_no_error() {
    let line = r#"{"specversion":"1.0","id":"x","type":"monkeytown.torch.lit.v1","source":"/t","time":"2026-11-21T04:20:00Z","actor":"system:x","data":{"a":[1, 2]}}"#;
    let event = Envelope::parse(line).unwrap();
    let (town, findings) = fold([&event]);
    assert!(findings.is_empty());
    assert_eq!((town.seq, town.totals.unknown), (1, 1));
    assert!(event.line().unwrap().contains(r#""data":{"a":[1, 2]}"#), "the payload stays as it was written");
}

#[test]
fn what_does_not_fit_is_a_finding_and_changes_nothing() {
    let draft = &decide(&Town::default(), &start(claim("a", 1, "s1")), at(0)).unwrap()[1];
    let event = draft.seal(&stamp(0), 0).unwrap();
    let (town, findings) = fold([&event, &event]);
    assert_eq!((town.seq, findings.len()), (2, 1));
    assert_eq!(town.totals.runs, 1);
}

/// A command over few agents, slots and numbers, so that they meet.
#[test]
fn a_failure_of_no_run_in_flight_is_not_counted() {
    let town = after(&[(0, start(claim("a", 1, "s1")))]);
    let fail =
        Command::Fail { run: run_id(1), agent: agent("a"), kind: FailureKind::Brain, reason: "It broke.".to_owned() };
    let failed = decide(&town, &fail, at(1)).unwrap()[0].seal(&stamp(1), 0).unwrap();
    let mut once = town;
    assert!(once.fold_on([&failed]).is_empty());
    assert_eq!(once.totals.failed, 1);
    let mut twice = once.clone();
    assert_eq!(twice.fold_on([&failed]).len(), 1);
    assert_eq!(twice, Town { seq: once.seq + 1, ..once });
}

#[test]
fn tokens_are_counted_as_far_as_they_can_be() {
    let mut tokens = crate::town::event::Tokens { input: u64::MAX, output: 1, ..Default::default() };
    assert_eq!(tokens.total(), u64::MAX);
    let all = tokens;
    tokens.add(&all);
    assert_eq!((tokens.input, tokens.output), (u64::MAX, 2));
}

fn any_command() -> impl Strategy<Value = Command> {
    let names = prop::sample::select(vec!["a", "b"]);
    (0..9_u8, names, 1..6_u64, 0..4_u8).prop_map(|(kind, name, number, digit)| match kind {
        0 | 1 => start(StartRun {
            holder: if digit % 2 == 0 { "here" } else { "there" }.to_owned(),
            checkpoint: (digit == 3).then(|| run_id(number)),
            ..claim(name, number, &format!("s{digit}"))
        }),
        2 => Command::Propose(RunProposed {
            run: run_id(number),
            agent: agent(name),
            replaces: None,
            offer: offer(digit),
        }),
        3 => publish(name, number, digit),
        4 => finish(name, number),
        5 => Command::Merge { number, by: "h".to_owned(), commit: oid(9), edited: false, head: None },
        6 => Command::Reject { number, by: "h".to_owned(), reason: Reason::Wrong, text: "no".to_owned() },
        7 => Command::Comment { number, by: "h".to_owned(), text: "hm".to_owned() },
        _ => {
            Command::Fail { run: run_id(number), agent: agent(name), kind: FailureKind::Gate, reason: "no".to_owned() }
        }
    })
}

proptest! {
    /// Whatever is decided fits; nothing is recorded twice; the state is the same however the log is cut.
    #[test]
    fn decisions_and_the_fold_agree(commands in prop::collection::vec((any_command(), 0..4_000_i64), 1..60)) {
        let (mut town, mut log, mut now) = (Town::default(), Vec::<Envelope>::new(), 0);
        for (command, seconds) in &commands {
            now += seconds;
            let Ok(drafts) = decide(&town, command, at(now)) else { continue };
            for (index, draft) in drafts.iter().enumerate() {
                let event = draft.seal(&stamp(now), index).unwrap();
                prop_assert!(town.apply(&event).is_ok(), "{:?} does not fit", draft.event);
                log.push(event);
            }
            prop_assert!(town.agents.keys().all(|agent| {
                town.open_pulls().filter(|pull| pull.agent == *agent).count() <= 1
            }), "one open pull request for each agent");
        }
        let (whole, findings) = fold(&log);
        prop_assert!(findings.is_empty());
        prop_assert_eq!(&whole, &town);
        let cut = log.len() / 2;
        let (half, _) = fold(&log[..cut]);
        let stored = serde_json::to_string(&half).unwrap();
        let mut again: Town = serde_json::from_str(&stored).unwrap();
        prop_assert!(again.fold_on(&log[cut..]).is_empty());
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&whole).unwrap());
    }

    /// An event reads back as it was written, byte for byte.
    #[test]
    fn an_event_survives_its_line(text in "\\PC{0,200}", seconds in 0..1_000_000_i64) {
        let command = Command::Freeze { by: text.clone(), reason: text };
        let draft = &decide(&Town::default(), &command, at(seconds)).unwrap()[0];
        let event = draft.seal(&stamp(seconds), 0).unwrap();
        let line = event.line().unwrap();
        prop_assert!(!line.contains('\n'));
        let again = Envelope::parse(&line).unwrap();
        prop_assert_eq!(again.line().unwrap(), line);
        prop_assert_eq!(again.event().unwrap().unwrap(), draft.event.clone());
    }

    /// Reading never panics, whatever stands there.
    #[test]
    fn any_line_is_read_or_refused(line in "\\PC{0,300}") {
        let _ = Envelope::parse(&line);
    }
}

#[test]
fn times_before_1970_and_far_ahead_do_not_break_a_decision() {
    for seconds in [-NOW - 1, 200_000_000_000] {
        let now = at(0) + TimeDelta::seconds(seconds);
        assert!(decide(&Town::default(), &start(claim("a", 1, "s1")), now).is_ok());
    }
}
