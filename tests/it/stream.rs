//! Promise: whoever listens hears everything once and in order, and is told of whatever does not come.

use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use serde_json::Value;

use crate::station::{Ear, Plan, Station, message, place, place_of, until};
use crate::village::{Village, nothing};
use monkeytown::serve::assets;
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

/// Commits a tree that is made by hand on top of the default branch.
fn land(village: &Village, tree: git2::Oid, message: &str) -> String {
    let oid = village.git(["commit-tree", &tree.to_string(), "-p", "main", "-m", message]);
    village.git(["update-ref", "refs/heads/main", &oid]);
    oid
}

/// The default branch's tree with a folder beside what is there.
fn with_folder(village: &Village, name: &str, folder: git2::Oid) -> git2::Oid {
    let repo = git2::Repository::open(village.dir()).unwrap();
    let main = repo.find_reference("refs/heads/main").unwrap().peel_to_tree().unwrap();
    let mut tree = repo.treebuilder(Some(&main)).unwrap();
    tree.insert(name, folder, 0o040_000).unwrap();
    tree.write().unwrap()
}

/// A folder in which `width` names lead to the same folder, `levels` times over, down to one file.
fn nested(village: &Village, width: usize, levels: usize) -> git2::Oid {
    let repo = git2::Repository::open(village.dir()).unwrap();
    let blob = repo.blob(b"x").unwrap();
    let (mut below, mut mode) = (blob, 0o100_644);
    for _ in 0..levels {
        let mut tree = repo.treebuilder(None).unwrap();
        for name in 0..width {
            tree.insert(format!("n{name}"), below, mode).unwrap();
        }
        (below, mode) = (tree.write().unwrap(), 0o040_000);
    }
    below
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
    // What did not pass may have been looked at by then or not: where it goes on nothing is lost either way.
    let place = place(&of_commits.ends(1001));
    let place: u64 = place.split_once(':').unwrap().1.parse().unwrap();
    let last = offset(&frozen_last(&village));
    assert!((offset(&first)..=last).contains(&place), "{place} of {last}");
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
        "monkeytown_run_seconds_count{agent=\"chaostester\"} 2",
        "monkeytown_witnesses 1",
        "monkeytown_relay_up 1",
        "monkeytown_stream_events_total{kind=\"landed\"} 0",
        "monkeytown_stream_lagged_total 0",
        &format!("monkeytown_journal_seq {seq}"),
    ] {
        assert!(page.body.lines().any(|said| said == line), "{line}\n{}", page.body);
    }
    let weight = assets::weight().map(|bytes| format!("monkeytown_page_bytes {bytes}"));
    assert_eq!(page.body.lines().find(|line| line.starts_with("monkeytown_page_bytes ")), weight.as_deref());
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
fn a_browser_is_told_after_how_long_to_try_again() {
    let village = town();
    let station = Station::open(&village);
    let lines = BufReader::new(station.ask("/events?after=now", &[])).lines().map(Result::unwrap);
    let hello: Vec<String> =
        lines.skip_while(|line| line != "event: hello").take_while(|line| !line.is_empty()).collect();
    assert!(hello.iter().any(|line| line == "retry: 2000"), "{hello:#?}");
    station.close();
}

#[test]
fn a_planned_run_that_did_not_begin_is_told() {
    let village = Village::new();
    let village = village.agent_with("chaostester", "qa/**", "schedule: { cron: \"20 */4 * * *\" }\n").commit("Found");
    village.says([nothing("all is well")]).run("chaostester").ended(0, "nothing");
    let overdue_at = |moment: &str, count: usize| {
        let now: chrono::DateTime<chrono::Utc> = moment.parse().unwrap();
        let station = Station::open_with(&village, Plan { clock: Arc::new(move || now), ..Plan::default() });
        let line = format!("monkeytown_slots_overdue {count}\n");
        until(|| station.get("/metrics", &[]).body.contains(&line));
        station.close();
    };
    overdue_at("2026-11-21T08:20:00Z", 1);
    overdue_at("2026-11-21T08:19:59Z", 0);
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

// covers: event-stream#what-happens-in-the-repository-is-relayed-once-and-in-order/a-commit-that-nobody-can-list
#[test]
fn a_commit_that_nobody_can_list_is_relayed_without_its_paths_and_everything_goes_on() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    let hello = ear.expect("hello");
    let before = village.git(["rev-parse", "main^{tree}"]).parse().unwrap();
    let unsaid = |ear: &mut Ear, tree, message: &str| {
        let oid = land(&village, tree, message);
        let data = ear.events(1).remove(0)["event"]["data"].clone();
        assert_eq!((&data["oid"], &data["subject"]), (&oid.into(), &message.into()));
        assert_eq!((&data["files"], &data["paths"]), (&Value::Null, &serde_json::json!([])));
    };
    unsaid(&mut ear, with_folder(&village, "deep", nested(&village, 1, 600)), "Too deep");
    unsaid(&mut ear, before, "Back");
    // What comes next is relayed as ever.
    land(&village, with_folder(&village, "plain", nested(&village, 2, 1)), "Plain");
    let plain = ear.events(1).remove(0);
    assert_eq!(plain["event"]["data"]["files"], 2);
    station.close();
    // And so it is read back by the next server, and by an export.
    let station = Station::open(&village);
    let mut again = station.listen(&format!("after={}", place_of(&hello, &hello["offset"])));
    again.expect("hello");
    assert_eq!(again.events(3)[2], plain);
    let site = village.path("site");
    village.monkeytown(&["export", site.to_str().unwrap()]).says(0, "");
    unsaid(&mut again, with_folder(&village, "many", nested(&village, 11, 6)), "Too many");
    assert_eq!(station.get("/readyz", &[]).status, 200);
    station.close();
}

// covers: event-stream#what-happens-in-the-repository-is-relayed-once-and-in-order/a-commit-says-more-than-an-event-holds
#[test]
fn a_commit_never_says_more_than_an_event_holds_nor_what_nobody_sees() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    let mut next = || ear.events(1).remove(0)["event"].clone();
    let long = "a".repeat(100_000);
    for (trailer, value) in [("Agent", long.as_str()), ("Agent", "chaos\u{202E}tester"), ("Agent", "<img>")] {
        village.save(&format!("One\n\n{trailer}: {value}\nChange: mend-it"));
        let event = next();
        assert_eq!((&event["actor"], &event["data"]["agent"]), (&"human:Ada".into(), &Value::Null), "{trailer}");
        assert_eq!(event["data"]["change"], "mend-it");
    }
    for change in [long.as_str(), "mend\u{202E}it", "<img>"] {
        village.save(&format!("One\n\nAgent: chaostester\nChange: {change}"));
        let event = next();
        assert_eq!((&event["actor"], &event["data"]["change"]), (&"agent:chaostester".into(), &Value::Null));
        assert_eq!(event["data"]["agent"], "chaostester");
    }
    village.save(&format!("Turn \u{202E}{long}"));
    let subject = next()["data"]["subject"].as_str().unwrap().to_owned();
    assert!(subject.starts_with("Turn \\u{202E}aaa") && subject.chars().count() == 200, "{subject}");
    // Names of which each character takes three bytes, and one of which each takes two more in JSON.
    let name = |at: usize| format!("{at:03}{}{}.txt", "\"".repeat(40), "語".repeat(60));
    for at in 0..60 {
        village.put(&format!("{}/{}", "界".repeat(60), name(at)), "x\n");
    }
    village.save("Many long names");
    let event = next();
    let (length, paths) = (event.to_string().len(), event["data"]["paths"].as_array().unwrap());
    assert!(length <= 16 * 1024 && length > 15 * 1024, "{length}");
    assert_eq!((&event["data"]["files"], paths.len() < 50), (&60.into(), true));
    assert!(paths.iter().enumerate().all(|(at, path)| path.as_str().unwrap().contains(&format!("/{at:03}"))));
    station.close();
}

// covers: event-stream#silence-never-hides-a-loss/the-default-branch-was-rewritten
#[test]
fn a_branch_that_is_rewritten_is_said_to_be_also_after_another_start() {
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    let saved = |ear: &mut Ear, name: &str| {
        village.put(name, "x\n").save(name);
        ear.events(1).remove(0)
    };
    let [one, two] = ["one", "two"].map(|name| saved(&mut ear, name));
    let is_gap = |gap: &Value| {
        assert_eq!((&gap["kind"], &gap["reason"]), (&"gap".into(), &"rewritten".into()), "{gap}");
    };
    let rewrite = |name: &str, back: &str| {
        village.git(["reset", "-q", "--hard", back]);
        village.put(name, "y\n").save(name)
    };
    // While nobody looks; what was put away is collected, or not.
    station.close();
    let three = rewrite("three", "HEAD~2");
    village.git(["reflog", "expire", "--expire=now", "--all"]);
    village.git(["gc", "-q", "--prune=now"]);
    let station = Station::open(&village);
    let mut ear = station.listen(&format!("after={}", offset(&two)));
    ear.expect("hello");
    is_gap(&ear.next());
    let told = ear.events(1).remove(0);
    assert_eq!(told["event"]["data"]["oid"], three);
    // While the server looks; the next one says it to who was away.
    let four = rewrite("four", "HEAD~1");
    is_gap(&ear.next());
    assert_eq!(ear.events(1)[0]["event"]["data"]["oid"], four);
    let five = saved(&mut ear, "five");
    station.close();
    for _ in 0..2 {
        let station = Station::open(&village);
        let (mut early, mut late) = (
            station.listen(&format!("after={}", offset(&told))),
            station.listen(&format!("after={}", offset(&five) - 1)),
        );
        early.expect("hello");
        is_gap(&early.next());
        assert_eq!(early.events(2)[1], five);
        late.expect("hello");
        assert_eq!(late.events(1), std::slice::from_ref(&five), "who has heard of it is not told again");
        assert!(offset(&one) < offset(&two) && offset(&two) < offset(&told));
        station.close();
    }
    // To go back is another history as well.
    village.git(["reset", "-q", "--hard", "HEAD~1"]);
    let station = Station::open(&village);
    let mut ear = station.listen(&format!("after={}", offset(&five)));
    ear.expect("hello");
    is_gap(&ear.next());
    station.close();
}

#[test]
fn a_journal_that_was_replaced_while_nobody_looked_is_no_continuation_however_little_the_ring_holds() {
    let village = town();
    let epoch = |frames: usize| {
        let capacity = Capacity { frames, bytes: 1 << 20 };
        let station = Station::open_with(&village, Plan { capacity, ..Plan::default() });
        let epoch = station.get("/api/stream", &[]).json()["epoch"].as_str().unwrap().to_owned();
        station.close();
        epoch
    };
    let more = || (0..3).for_each(|_| [freeze, thaw].iter().for_each(|act| act(&village)));
    let (here, before, places) = (village.dir().join(".git"), village.path("before"), village.path("places"));
    let copied = std::process::Command::new("cp").arg("-a").args([&here, &before]).status().unwrap();
    assert!(copied.success());
    let first = epoch(2);
    more();
    assert_eq!(epoch(2), first, "it goes on, behind what the ring holds");
    // Back, and on in another way and further: only what the server wrote down stays.
    std::fs::copy(here.join("monkeytown/stream/places"), &places).unwrap();
    std::fs::remove_dir_all(&here).unwrap();
    std::fs::rename(&before, &here).unwrap();
    std::fs::create_dir_all(here.join("monkeytown/stream")).unwrap();
    std::fs::rename(&places, here.join("monkeytown/stream/places")).unwrap();
    village.monkeytown(&["freeze", "--reason", "another one"]).says(0, "");
    thaw(&village);
    (0..2).for_each(|_| more());
    assert_ne!(epoch(2), first);
}

// covers: event-stream#what-happens-in-the-repository-is-relayed-once-and-in-order/the-system-tells-of-no-change
#[test]
fn a_commit_is_relayed_though_the_system_tells_of_nothing() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let village = town();
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    // What is watched is not what is changed from now on: the folder in this place is another one.
    let (here, copy) = (village.dir().join(".git"), village.path("copy"));
    let copied = std::process::Command::new("cp").arg("-a").args([&here, &copy]).status().unwrap();
    assert!(copied.success());
    renameat_with(CWD, &here, CWD, &copy, RenameFlags::EXCHANGE).unwrap();
    for name in ["one", "two", "three"] {
        let landed = village.put(name, "x\n").save(name);
        assert_eq!(ear.events(1)[0]["event"]["data"]["oid"], landed);
    }
    station.close();
}
