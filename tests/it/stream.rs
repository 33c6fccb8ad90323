//! Promise: whoever listens hears everything once and in order, and is told of whatever does not come.

use std::io::BufReader;

use serde_json::Value;

use crate::station::{Plan, Station, message, place, place_of};
use crate::village::{Village, nothing};
use monkeytown::serve::ring::Capacity;

fn freeze(village: &Village) {
    village.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
}

fn thaw(village: &Village) {
    village.monkeytown(&["thaw", "--reason", "a test"]).says(0, "");
}

/// A town with a little history: two events of people, a commit.
fn town() -> Village {
    let village = Village::small();
    freeze(&village);
    thaw(&village);
    village
}

fn offset(message: &Value) -> u64 {
    message["offset"].as_str().unwrap().parse().unwrap()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"]["type"].as_str().unwrap()).collect()
}

#[test]
fn a_witness_is_greeted_given_the_state_and_told_what_happens() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=snapshot");
    let hello = ear.expect("hello");
    assert_eq!(hello["limits"]["message_bytes"], 16_384);
    assert_eq!(hello["head"], village.git(["rev-parse", "monkeytown/journal"]));
    let snapshot = ear.expect("snapshot");
    assert_eq!(snapshot["state"], village.monkeytown(&["state", "--json"]).json);
    assert_eq!(snapshot["offset"], hello["offset"]);
    assert_eq!(station.get("/api/state", &[]).json()["state"], snapshot["state"]);
    freeze(&village);
    thaw(&village);
    let events = ear.events(2);
    let recorded = village.events();
    let seq = snapshot["seq"].as_u64().unwrap();
    for (at, event) in (1..).zip(&events) {
        assert_eq!(event["seq"], seq + at);
        assert_eq!(event["event"]["id"], recorded[usize::try_from(seq + at - 1).unwrap()]["id"]);
    }
    assert!(offset(&hello) < offset(&events[0]) && offset(&events[0]) < offset(&events[1]));
    station.close();
}

#[test]
fn it_resumes_by_offset_and_by_id_over_a_restart() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=0");
    let hello = ear.expect("hello");
    let before = ear.events(village.events().len() + 1);
    station.close();
    let reason = ear.ends(1001);
    assert_eq!(place(&reason), place_of(&hello, &before.last().unwrap()["offset"]));
    freeze(&village);
    let station = Station::open(&village);
    let mut all = station.listen("after=0");
    assert_eq!(all.expect("hello")["epoch"], hello["epoch"]);
    assert_eq!(all.events(before.len()), before, "every event is where it was");
    let new = all.events(1);
    for after in [place(&reason), before.last().unwrap()["event"]["id"].as_str().unwrap().to_owned()] {
        let mut again = station.listen(&format!("after={after}"));
        again.expect("hello");
        assert_eq!(again.events(1), new, "nothing twice, nothing missing, no gap: {after}");
    }
    station.close();
}

#[test]
fn what_agents_told_is_lost_with_the_server_and_that_is_said() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    let hello = ear.expect("hello");
    let before = place_of(&hello, &hello["offset"]);
    station.publish("step-1", "looks at the tests");
    let told = ear.events(1).remove(0);
    assert_eq!((&told["seq"], &told["event"]["data"]["text"]), (&Value::Null, &"looks at the tests".into()));
    station.close();
    let all = place(&ear.ends(1001));
    freeze(&village);
    let station = Station::open(&village);
    let mut who_had_all = station.listen(&format!("after={all}"));
    who_had_all.expect("hello");
    let frozen = who_had_all.events(1);
    let mut who_had_not = station.listen(&format!("after={before}"));
    who_had_not.expect("hello");
    let gap = who_had_not.expect("gap");
    assert_eq!((&gap["reason"], &gap["from"]), (&"restarted".into(), &hello["offset"]));
    assert_eq!(gap["to"], told["offset"]);
    assert_eq!(who_had_not.events(1), frozen, "what is recorded comes after the gap");
    station.close();
}

#[test]
fn a_journal_that_was_replaced_begins_another_epoch() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    let mut stream = BufReader::new(station.ask("/events", &[]));
    let hello = ear.expect("hello");
    let older = village.git(["rev-parse", "monkeytown/journal~1"]);
    village.git(["update-ref", "refs/heads/monkeytown/journal", &older]);
    let again = ear.expect("hello");
    assert_ne!(again["epoch"], hello["epoch"]);
    assert_eq!(again["head"], older);
    let gap = ear.expect("gap");
    assert_eq!((&gap["reason"], &gap["from"]), (&"rewritten".into(), &hello["offset"]));
    let snapshot = ear.expect("snapshot");
    assert_eq!(snapshot["seq"], village.events().len());
    let mut late = station.listen(&format!("after={}", place_of(&hello, &hello["offset"])));
    late.expect("hello");
    assert_eq!(late.expect("gap")["reason"], "rewritten");
    assert_eq!(late.expect("snapshot")["state"], snapshot["state"]);
    // And so it is for the other two ways to listen.
    let kinds: Vec<String> = (0..4).map(|_| message(&mut stream).1["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["hello", "hello", "gap", "snapshot"]);
    let polled = station.get(&format!("/api/events?after={}", place_of(&hello, &hello["offset"])), &[]).json();
    assert_eq!((&polled["gap"]["reason"], &polled["epoch"]), (&"rewritten".into(), &again["epoch"]));
    station.close();
}

#[test]
fn what_the_ring_let_go_of_is_a_gap_and_a_snapshot() {
    let village = town();
    let plan = Plan { capacity: Capacity { frames: 2, bytes: 1 << 20 }, ..Plan::default() };
    let station = Station::open_with(&village, plan);
    for after in ["0", "no-such-event"] {
        let mut ear = station.listen(&format!("after={after}"));
        let hello = ear.expect("hello");
        let gap = ear.expect("gap");
        assert_eq!((&gap["reason"], &gap["from"], &gap["to"]), (&"evicted".into(), &"0".into(), &hello["offset"]));
        ear.expect("snapshot");
    }
    let polled = station.get("/api/events?after=0", &[]).json();
    assert_eq!((&polled["gap"]["reason"], polled["events"].as_array().unwrap().len()), (&"evicted".into(), 0));
    assert_eq!(polled["next"], station.get("/api/state", &[]).json()["offset"]);
    let first = station.get("/api/stream", &[]).json()["ring"]["first"].as_str().unwrap().to_owned();
    let mut ear = station.listen(&format!("after={first}"));
    ear.expect("hello");
    ear.events(1);
    station.close();
}

#[test]
fn a_filter_lets_through_what_was_asked_for() {
    let village = town();
    let station = Station::open(&village);
    let mut frozen = station.listen("types=town.frozen.v1");
    let mut of_agent = station.listen("agent=chaostester");
    let mut of_commits = station.listen("subject=commit/*&after=0");
    for ear in [&mut frozen, &mut of_agent, &mut of_commits] {
        ear.expect("hello");
    }
    let first = of_commits.events(1).remove(0);
    assert_eq!(first["event"]["type"], "monkeytown.commit.landed.v1");
    freeze(&village);
    thaw(&village);
    station.publish("step-1", "thinks");
    freeze(&village);
    assert_eq!(kinds(&frozen.events(2)), ["monkeytown.town.frozen.v1"; 2]);
    assert_eq!(kinds(&of_agent.events(1)), ["monkeytown.run.step.v1"]);
    station.close();
    let place = place(&of_commits.ends(1001));
    assert!(
        place.ends_with(&format!(":{}", offset(&frozen_last(&village)))),
        "what did not pass is behind it too: {place}"
    );
}

/// The newest recorded event's place.
fn frozen_last(village: &Village) -> Value {
    serde_json::json!({"offset": ((village.events().len() as u64) << 32).to_string()})
}

#[test]
fn server_sent_events_resume_by_their_last_id() {
    let village = town();
    let station = Station::open(&village);
    let mut stream = BufReader::new(station.ask("/events?after=snapshot", &[]));
    let (none, hello) = message(&mut stream);
    let (id, snapshot) = message(&mut stream);
    assert_eq!((none, &hello["kind"], &snapshot["kind"]), (None, &"hello".into(), &"snapshot".into()));
    let id = id.unwrap();
    assert_eq!(id, place_of(&hello, &snapshot["offset"]));
    freeze(&village);
    let (newer, event) = message(&mut stream);
    assert_eq!(newer.unwrap(), place_of(&hello, &event["offset"]));
    drop(stream);
    let mut again = BufReader::new(station.ask("/events?after=now", &[("last-event-id", &id)]));
    assert_eq!(message(&mut again).1["kind"], "hello");
    assert_eq!(message(&mut again).1, event, "the id takes the place of `after`");
    station.close();
}

#[test]
fn a_long_poll_waits_and_has_an_entity_tag() {
    let village = town();
    let station = Station::open(&village);
    let now = station.get("/api/events?after=now", &[]);
    let (place, tag) = (now.json(), now.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned());
    let path = format!("/api/events?after={}", place_of(&place, &place["next"]));
    assert_eq!(station.get(&path, &[("if-none-match", &tag)]).status, 304);
    let mut waiting = station.ask(&format!("{path}&wait=30"), &[]);
    freeze(&village);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut waiting, &mut text).unwrap();
    let answer: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let events = answer["events"].as_array().unwrap();
    assert_eq!(kinds(events), ["monkeytown.town.frozen.v1"]);
    assert_eq!((&answer["next"], &answer["gap"]), (&events[0]["offset"], &Value::Null));
    let all = station.get("/api/events?after=0&limit=2", &[]).json();
    assert_eq!(all["events"].as_array().unwrap().len(), 2);
    assert_eq!(all["next"], all["events"][1]["offset"]);
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("wait=31", "wait"),
        ("types=a*b", "types"),
        ("limit=x", "Failed to deserialize query string: limit"),
    ] {
        let problem = station.get(&format!("/api/events?{query}"), &[]).is_problem(400, "bad-request");
        assert!(problem["detail"].as_str().unwrap().starts_with(named), "{problem}");
    }
    station.close();
}

#[test]
fn a_commit_is_an_event_once_and_where_it_was_seen() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    let landed = village.put("one.txt", "1\n").save("One\n\nAgent: chaostester\nChange: mend-it");
    let first = ear.events(1).remove(0);
    assert_eq!(first["event"]["data"]["oid"], landed);
    assert_eq!(first["event"]["data"]["paths"], serde_json::json!(["one.txt"]));
    assert_eq!((&first["event"]["actor"], &first["seq"]), (&"agent:chaostester".into(), &Value::Null));
    freeze(&village);
    village.put("two.txt", "2\n").save("Two");
    let (frozen, second) = (ear.events(1).remove(0), ear.events(1).remove(0));
    assert_eq!(kinds(&[frozen, second.clone()]), ["monkeytown.town.frozen.v1", "monkeytown.commit.landed.v1"]);
    station.close();
    let station = Station::open(&village);
    let mut again = station.listen(&format!("after={}", offset(&first) - 1));
    again.expect("hello");
    assert_eq!(again.events(1), [first]);
    assert_eq!(again.events(2)[1], second);
    // A branch that was moved elsewhere is said to be.
    village.git(["reset", "-q", "--hard", "HEAD~1"]);
    village.put("three.txt", "3\n").save("Three");
    let mut said = vec![again.next()];
    while said.last().unwrap()["kind"] != "event" {
        said.push(again.next());
    }
    assert!(said[..said.len() - 1].iter().all(|gap| gap["reason"] == "rewritten") && said.len() > 1, "{said:#?}");
    assert_eq!(said.last().unwrap()["event"]["data"]["subject"], "Three");
    station.close();
}

#[test]
fn a_repository_that_goes_away_and_comes_back_is_followed_on() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    let (here, away) = (village.dir().join(".git"), village.path("away"));
    std::fs::rename(&here, &away).unwrap();
    station.until("/readyz", 503);
    station.get("/readyz", &[]).is_problem(503, "not-ready");
    assert_eq!(station.get("/healthz", &[]).status, 200);
    std::fs::rename(&away, &here).unwrap();
    freeze(&village);
    assert_eq!(kinds(&ear.events(1)), ["monkeytown.town.frozen.v1"], "no gap, nothing twice");
    station.until("/readyz", 200);
    // References that are packed, objects that are collected: the same history in other files.
    village.git(["gc", "-q", "--prune=now"]);
    thaw(&village);
    assert_eq!(kinds(&ear.events(1)), ["monkeytown.town.thawed.v1"]);
    station.close();
}

#[test]
fn the_figures_say_what_happened() {
    let village = town();
    village.says([nothing("all is well")]).run("chaostester").ended(0, "nothing");
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    village.says([nothing("all is still well")]).at("2026-11-21T08:20:00Z").run("chaostester").ended(0, "nothing");
    while ear.expect("event")["event"]["type"] != "monkeytown.run.finished.v1" {}
    let page = station.get("/metrics", &[]);
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{page:?}");
    let seq = village.events().len();
    for line in [
        "monkeytown_runs_total{agent=\"chaostester\",outcome=\"nothing\"} 2",
        "monkeytown_witnesses 1",
        "monkeytown_relay_up 1",
        "monkeytown_stream_events_total{kind=\"landed\"} 0",
        "monkeytown_stream_lagged_total 0",
        &format!("monkeytown_journal_seq {seq}"),
    ] {
        assert!(page.body.lines().any(|said| said == line), "{line}\n{}", page.body);
    }
    // Every figure is explained before it, once, and is a number.
    let mut explained = std::collections::BTreeSet::new();
    for line in page.body.lines() {
        if let Some(words) = line.strip_prefix("# TYPE ") {
            assert!(explained.insert(words.split(' ').next().unwrap()), "{line}");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.split('{').next().unwrap();
            let whole = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            assert!(explained.contains(name) || whole.is_some_and(|name| explained.contains(name)), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(page.body.contains("monkeytown_stream_delivery_seconds_bucket{le=\"+Inf\"} "), "{}", page.body);
    station.close();
}

#[test]
fn many_commits_at_once_are_all_relayed_with_the_state_behind_them() {
    let village = town();
    let (first, known) = (village.git(["rev-parse", "monkeytown/journal"]), village.events().len());
    for _ in 0..3 {
        freeze(&village);
        thaw(&village);
    }
    let last = village.git(["rev-parse", "monkeytown/journal"]);
    village.git(["update-ref", "refs/heads/monkeytown/journal", &first]);
    std::fs::remove_dir_all(village.dir().join(".git/monkeytown")).unwrap();
    let station = Station::open(&village);
    let mut ear = station.listen("after=snapshot");
    ear.expect("hello");
    assert_eq!(ear.expect("snapshot")["seq"], known);
    village.git(["update-ref", "refs/heads/monkeytown/journal", &last]);
    let seqs: Vec<u64> = ear.events(6).iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (known as u64 + 1..=known as u64 + 6).collect::<Vec<_>>());
    let state = station.get("/api/state", &[]).json();
    assert_eq!(state["state"], village.monkeytown(&["state", "--json"]).json);
    station.close();
}
