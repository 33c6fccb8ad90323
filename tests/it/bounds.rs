//! Promise: what somebody asks of the past costs what it holds, and holds nobody up; what could not be read for a moment is read
//! again.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use chrono::{DateTime, Duration, Utc};
use git2::{Oid, Repository, Signature, Time};
use monkeytown::git::journal::codec::{self, Position};
use monkeytown::serve::ring::Capacity;
use monkeytown::town::envelope::Envelope;
use serde_json::{Value, json};

use crate::station::{Plan, Station, until};
use crate::village::{MORNING, Village, finish, write};

const JOURNAL: &str = "refs/heads/monkeytown/journal";

fn with_a_pull() -> Village {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the link")]);
    village.run("chaostester").ended(0, "opened");
    village
}

/// Records so many events, each in a commit of its own. Says which commits the journal then has, oldest first.
fn record(village: &Village, count: u64) -> Vec<Oid> {
    let repo = Repository::open(village.dir()).unwrap();
    let mut tip = repo.find_reference(JOURNAL).unwrap().peel_to_commit().unwrap();
    let who = Signature::new("test", "test@example.invalid", &Time::new(1_795_000_000, 0)).unwrap();
    for nth in 0..count {
        let at = codec::position(tip.message().unwrap()).unwrap();
        let (seq, verb) = (at.seq + 1, if nth.is_multiple_of(2) { "frozen" } else { "thawed" });
        let event = json!({
            "specversion": "1.0", "id": format!("many-{seq}"), "type": format!("monkeytown.town.{verb}.v1"),
            "source": "/towns/smalltown", "time": MORNING, "actor": "human:ada",
            "data": {"by": "human:ada", "reason": format!("Reason {seq}")},
        });
        let events = [Envelope::parse(&event.to_string()).unwrap()];
        let message = codec::message("test: it happened", &events, Position { seq, height: at.height + 1 }).unwrap();
        let made = repo.commit(None, &who, &who, &message, &tip.tree().unwrap(), &[&tip]).unwrap();
        tip = repo.find_commit(made).unwrap();
    }
    repo.reference(JOURNAL, tip.id(), true, "test").unwrap();
    let mut chain = vec![tip.id()];
    while let Ok(parent) = tip.parent(0) {
        chain.push(parent.id());
        tip = parent;
    }
    chain.reverse();
    chain
}

fn object(village: &Village, oid: &str) -> PathBuf {
    village.dir().join(".git/objects").join(&oid[..2]).join(&oid[2..])
}

/// A server whose ring has next to nothing of a long history.
fn forgetful(village: &Village, plan: Plan) -> Station {
    Station::open_with(village, Plan { capacity: Capacity { frames: 5, bytes: 1 << 20 }, ..plan })
}

fn seqs(station: &Station, query: &str) -> Vec<u64> {
    let answer = station.get(&format!("/api/history?{query}"), &[]);
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.body.lines().filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64()).collect()
}

// covers: town-api#the-past-costs-what-is-asked-of-it/a-part-of-a-long-history
#[test]
fn of_a_long_history_no_more_is_read_than_is_asked_for() {
    let village = with_a_pull();
    let chain = record(&village, 1_200);
    let station = forgetful(&village, Plan::default());
    assert_eq!(seqs(&station, "from=1&to=5"), [1, 2, 3, 4, 5]);
    let ledger = station.get("/api/ledger", &[]).json();
    assert_eq!(ledger["verify"]["ok"], true, "{ledger}");
    // Whoever reads these from now on finds nothing.
    for lost in [700, 701, 702] {
        fs::remove_file(object(&village, &chain[lost].to_string())).unwrap();
    }
    assert_eq!(seqs(&station, "from=6&to=10"), [6, 7, 8, 9, 10]);
    assert_eq!(seqs(&station, "from=1100&to=1102"), [1_100, 1_101, 1_102]);
    for at in [100, 101, 7] {
        let state = station.get(&format!("/api/state?at={at}"), &[]);
        assert_eq!((state.status, state.json()["state"]["seq"].as_u64()), (200, Some(at)), "{state:?}");
    }
    // The journal grows: what was checked before is not read again.
    let head = record_more(&village);
    until(|| station.get("/api/town", &[]).json()["journal"]["head"] == head);
    let ledger = station.get("/api/ledger", &[]);
    assert_eq!(ledger.status, 200, "{ledger:?}");
    assert_eq!(ledger.json()["verify"], json!({"ok": true, "head": head, "seq": last(&ledger.json())}));
    assert_eq!(seqs(&station, "from=11&to=12"), [11, 12]);
    station.close();
}

fn last(ledger: &Value) -> u64 {
    ledger["verify"]["seq"].as_u64().unwrap()
}

/// Records one more event without reading what is behind it.
fn record_more(village: &Village) -> String {
    let said = village.monkeytown(&["freeze", "--reason", "enough"]);
    assert_eq!(said.code, 0, "{said:#?}");
    village.git(["rev-parse", JOURNAL])
}

// covers: town-api#the-past-costs-what-is-asked-of-it/somebody-asks-for-what-takes-long
#[test]
fn who_goes_far_back_holds_up_nobody_else() {
    let village = with_a_pull();
    record(&village, 300);
    let going = Arc::new((Mutex::new((0, false)), Condvar::new()));
    let opens = {
        let going = going.clone();
        Arc::new(move || {
            let (state, told) = &*going;
            let mut state = state.lock().unwrap();
            state.0 += 1;
            // Those who go back take as long as the test wants; who asks for something else does not.
            if state.0 <= 2 {
                drop(told.wait_while(state, |state| !state.1).unwrap());
            }
        })
    };
    let station = forgetful(&village, Plan { opens, ..Plan::default() });
    let mut asked: Vec<_> = (0..6).map(|nth| station.ask(&format!("/api/state?at={}", 50 + nth), &[])).collect();
    // The server itself looks for what is overdue, and may be one of those that opened.
    until(|| going.0.lock().unwrap().0 >= 2);
    assert!(station.shared.desk.states.try_lock().is_ok(), "nobody holds what others need");
    assert_eq!(station.get("/api/town", &[]).status, 200);
    assert_eq!(station.get("/api/pulls", &[]).json()[0]["number"], 1);
    going.0.lock().unwrap().1 = true;
    going.1.notify_all();
    for (nth, asked) in asked.iter_mut().enumerate() {
        let mut text = String::new();
        std::io::Read::read_to_string(asked, &mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200") && text.contains(&format!("\"seq\":{}", 50 + nth)), "{text}");
    }
    station.close();
}

#[test]
fn who_was_judged_by_nobody_is_not_said_to_keep_to_its_paths() {
    let village = with_a_pull();
    let station = Station::open(&village);
    assert_eq!(station.get("/api/pulls/1", &[]).json()["own_paths"], true);
    fs::remove_file(village.dir().join("agents/chaostester.md")).unwrap();
    village.save("Let one go");
    let page = station.get("/api/pulls/1", &[]).json();
    assert_eq!((&page["own_paths"], &page["checks"]), (&Value::Null, &Value::Null), "{page}");
    let risk = page["risk"][0]["what"].as_str().unwrap();
    assert!(risk.contains("has no charter on the default branch by which it could be judged"), "{page}");
    assert_eq!(page["risk"].as_array().unwrap().len(), 1, "{page}");
    village.reject(1, "wrong", "nobody looks after it").says(0, "rejected");
    until(|| station.get("/api/pulls/1", &[]).json()["state"] == "rejected");
    assert_eq!(station.get("/api/pulls/1", &[]).json()["own_paths"], Value::Null);
    station.close();
}

// covers: town-api#what-cannot-be-read-for-a-moment-is-read-again/a-disk-that-fails-once
#[test]
fn what_could_not_be_read_for_a_moment_is_judged_when_it_can() {
    let village = with_a_pull();
    let minutes = Arc::new(AtomicI64::new(0));
    let clock = {
        let minutes = minutes.clone();
        move || MORNING.parse::<DateTime<Utc>>().unwrap() + Duration::minutes(minutes.load(Ordering::SeqCst))
    };
    let station = Station::open_with(&village, Plan { clock: Arc::new(clock), ..Plan::default() });
    let file = object(&village, &village.git(["rev-parse", "agent/chaostester:qa/links.md"]));
    let away = village.path("away");
    fs::rename(&file, &away).unwrap();
    let told = station.get("/api/pulls", &[]).json()[0].clone();
    assert_eq!((told["risk"][0]["level"].as_str(), &told["checks"]), (Some("high"), &Value::Null), "{told}");
    assert!(told["risk"][0]["what"].as_str().unwrap().contains("it cannot be judged here"), "{told}");
    assert_eq!(told["own_paths"], Value::Null);
    fs::rename(&away, &file).unwrap();
    minutes.fetch_add(1, Ordering::SeqCst);
    let told = station.get("/api/pulls", &[]).json()[0].clone();
    assert_eq!((told["risk"].as_array().map(Vec::len), &told["own_paths"]), (Some(0), &json!(true)), "{told}");
    assert!(told["checks"].is_array(), "{told}");
    station.close();
}
