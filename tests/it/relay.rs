//! Promise: whatever is wrong with the repository or its remote, the relay tells what can be told, and says what cannot.

use std::process::Command;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::station::{Ear, Plan, Station, place_of, until};
use crate::stream_program::{ended, program};
use crate::village::{MORNING, Village};

const JOURNAL: &str = "refs/heads/monkeytown/journal";
const FOLLOWS: [&str; 4] = ["--remote", "origin", "--fetch", "1"];

fn act(village: &Village, what: &str) {
    village.monkeytown(&[what, "--reason", "a test"]).says(0, "");
}

/// Events that another clone recorded while the remote was away.
fn waiting(village: &Village, acts: &[&str]) -> Village {
    let (home, away) = (village.path("home.git"), village.path("away.git"));
    let other = village.another_clone("other");
    std::fs::rename(&home, &away).unwrap();
    for what in acts {
        other.monkeytown(&[what, "--reason", "offline"]).says(3, "");
    }
    std::fs::rename(&away, &home).unwrap();
    other
}

/// The sequence numbers of what comes, up to this one; commits have none.
fn seqs(ear: &mut Ear, last: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        seqs.extend(ear.expect("event")["seq"].as_u64());
    }
    seqs
}

fn is_ready(address: std::net::SocketAddr) -> bool {
    Station::get_at(address, "/readyz", &[]).status == 200
}

// covers: event-stream#what-happens-in-the-repository-is-relayed-once-and-in-order/a-clone-that-lacks-the-journal
#[test]
fn a_journal_that_begins_at_the_remote_is_told_whole() {
    let village = Village::small_with_remote();
    let other = waiting(&village, &["freeze", "thaw", "freeze"]);
    let (child, address) = program(&village, &FOLLOWS);
    let mut ear = Ear::at(address, "after=snapshot");
    let hello = ear.expect("hello");
    assert_eq!(ear.expect("snapshot")["seq"], 0);
    other.git(["push", "-q", "origin", "monkeytown/journal"]);
    assert_eq!(seqs(&mut ear, 3), [1, 2, 3]);
    act(&other, "thaw");
    assert_eq!(seqs(&mut ear, 4), [4]);
    until(|| is_ready(address));
    assert!(!village.dir().join(".git/shallow").exists(), "the clone stays whole");
    assert_eq!(ended(child, "-TERM").0, Some(0));
    let (child, address) = program(&village, &FOLLOWS);
    let mut ear = Ear::at(address, &format!("after={}", place_of(&hello, &hello["offset"])));
    assert_eq!(ear.expect("hello")["epoch"], hello["epoch"]);
    assert_eq!(seqs(&mut ear, 4), [1, 2, 3, 4]);
    assert_eq!(ended(child, "-TERM").0, Some(0));
}

// covers: event-stream#what-happens-in-the-repository-is-relayed-once-and-in-order/a-clone-that-lacks-the-journal
#[test]
fn a_clone_that_is_cut_is_made_whole_and_told_from_the_beginning() {
    let village = Village::small_with_remote();
    let home = format!("file://{}", village.path("home.git").display());
    let clone = |name: &str, how: &[&str]| {
        let arguments = [&["clone", "-q"], how, &[&home, name]].concat();
        let mut git = village.git_command(&village.path("."), []);
        assert!(git.args(arguments).status().unwrap().success());
        village.clone_at(name)
    };
    // It was made before there was a journal, and knows no more of it than its newest commit.
    let newest = clone("newest", &[]);
    for what in ["freeze", "thaw", "freeze", "thaw", "freeze"] {
        act(&village, what);
    }
    let journal = format!("+{JOURNAL}:refs/remotes/origin/monkeytown/journal");
    newest.git(["fetch", "-q", "--depth", "1", "origin", &journal]);
    let (none, all) = (clone("none", &["--depth", "1"]), clone("all", &["--depth", "1", "--no-single-branch"]));
    for cut in [newest, none, all] {
        let mut before = None;
        for _ in 0..2 {
            let (child, address) = program(&cut, &FOLLOWS);
            let mut ear = Ear::at(address, "after=0");
            ear.expect("hello");
            assert_eq!(seqs(&mut ear, 5), [1, 2, 3, 4, 5]);
            until(|| is_ready(address));
            let state = Station::get_at(address, "/api/state", &[]).json();
            assert_eq!(state["state"], village.monkeytown(&["state", "--json"]).json);
            let epoch = state["epoch"].clone();
            assert!(before.is_none_or(|before| before == epoch), "it goes on where it was");
            before = Some(epoch);
            let (code, log) = ended(child, "-TERM");
            assert_eq!((code, log.contains("begins anew")), (Some(0), false), "{log}");
        }
    }
}

#[test]
fn two_servers_that_fetch_into_one_clone_tell_the_same() {
    let village = Village::small_with_remote();
    let other = village.another_clone("other");
    let servers = [program(&village, &FOLLOWS), program(&village, &FOLLOWS)];
    let mut ears = [0, 1].map(|nth| Ear::at(servers[nth].1, "after=0"));
    for what in ["freeze", "thaw", "freeze", "thaw", "freeze", "thaw"] {
        act(&other, what);
    }
    let [one, two] = [0, 1].map(|nth| {
        ears[nth].expect("hello");
        let mut told: Vec<(Value, Value)> = Vec::new();
        while told.len() < 20 {
            let event = ears[nth].expect("event");
            told.push((event["offset"].clone(), event["event"]["id"].clone()));
            if event["seq"] == 6 {
                break;
            }
        }
        told
    });
    assert!(one.len() > 6, "commits are among them: {one:?}");
    assert_eq!(one, two);
    for (child, _) in servers {
        assert_eq!(ended(child, "-TERM").0, Some(0));
    }
}

// covers: event-stream#silence-never-hides-a-loss/the-remotes-journal-was-replaced
#[test]
fn a_journal_that_was_replaced_at_the_remote_is_told_once_as_it_is_now() {
    let village = Village::small_with_remote();
    ["freeze", "thaw", "freeze", "thaw"].iter().for_each(|what| act(&village, what));
    let (home, tracked) = (village.path("home.git"), "refs/remotes/origin/monkeytown/journal");
    let references = || village.git(["for-each-ref", "--format=%(refname) %(objectname)"]);
    let (before, seen) = (references(), village.git(["rev-parse", tracked]));
    let (child, address) = program(&village, &FOLLOWS);
    let mut ear = Ear::at(address, "after=now");
    let first = ear.expect("hello");
    village.git_in(&home, ["update-ref", JOURNAL, &format!("{JOURNAL}~2")]);
    let begins = |ear: &mut Ear, from: &Value, seq: u64| {
        let hello = ear.expect("hello");
        assert_ne!(hello["epoch"], from["epoch"]);
        assert_eq!(ear.expect("gap")["reason"], "rewritten");
        assert_eq!(ear.expect("snapshot")["seq"], seq);
        hello
    };
    let second = begins(&mut ear, &first, 2);
    // Several fetches later nothing of the old history has come back, and what comes is told on top of the new one.
    let other = village.another_clone("other");
    for (seq, what) in (3..).zip(["freeze", "thaw", "freeze"]) {
        act(&other, what);
        assert_eq!(ear.expect("event")["seq"], seq);
    }
    assert!(is_ready(address));
    let state = Station::get_at(address, "/api/state", &[]).json();
    assert_eq!(state["state"], other.monkeytown(&["state", "--json"]).json);
    assert_eq!(village.git(["rev-parse", tracked]), seen, "what was seen is kept");
    // Who would build on it is refused, here and in the server's log.
    village.monkeytown(&["freeze", "--reason", "a test"]).says(1, "rewritten").says(1, &seen);
    let (code, log) = ended(child, "-TERM");
    assert_eq!((code, log.matches("begins anew").count()), (Some(0), 1), "{log}");
    assert_eq!(log.matches("is not what this clone has seen of it").count(), 1, "{log}");
    assert!(!log.contains("cannot be asked"), "{log}");
    // Another start goes on where it was, and what was there before is another history again.
    let (child, address) = program(&village, &FOLLOWS);
    let mut ear = Ear::at(address, &format!("after={}", place_of(&second, &second["offset"])));
    assert_eq!(ear.expect("hello")["epoch"], second["epoch"]);
    assert_eq!(seqs(&mut ear, 5), [3, 4, 5]);
    village.git_in(&home, ["update-ref", JOURNAL, &seen]);
    begins(&mut ear, &second, 4);
    until(|| references() == before);
    act(&village, "freeze");
    assert_eq!(ear.expect("event")["seq"], 5);
    assert_eq!(ended(child, "-TERM").0, Some(0));
}

/// The newest commit of the journal with another parent, one that nobody has, as the next one.
fn orphan(village: &Village) -> String {
    let raw = village.git(["cat-file", "commit", JOURNAL]);
    let next = |line: &str| -> String {
        if line.starts_with("parent ") {
            return format!("parent {}", "1".repeat(40));
        }
        match line.rsplit_once(": ").filter(|(name, _)| ["Journal-Seq", "Journal-Commit"].contains(name)) {
            Some((name, number)) => format!("{name}: {}", number.parse::<u64>().unwrap() + 1),
            None => line.to_owned(),
        }
    };
    let lines: Vec<String> = raw.lines().map(next).collect();
    village.git_with(["hash-object", "-w", "-t", "commit", "--literally", "--stdin"], lines.join("\n").as_bytes())
}

#[test]
fn commits_are_told_while_the_journal_cannot_be_read() {
    let village = Village::small();
    ["freeze", "thaw"].iter().for_each(|what| act(&village, what));
    let station = Station::open(&village);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    let (seen, lost) = (village.git(["rev-parse", JOURNAL]), orphan(&village));
    village.git(["update-ref", JOURNAL, &lost]);
    station.until("/readyz", 503);
    let problem = station.get("/readyz", &[]).is_problem(503, "not-ready");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&"1".repeat(40)) && detail.contains("git fetch --unshallow"), "{detail}");
    let landed = village.put("one.txt", "1\n").save("One");
    assert_eq!(ear.expect("event")["event"]["data"]["oid"], landed);
    village.git(["update-ref", JOURNAL, &seen]);
    station.until("/readyz", 200);
    act(&village, "freeze");
    assert_eq!(ear.expect("event")["event"]["type"], "monkeytown.town.frozen.v1");
    station.close();
}

// covers: event-stream#silence-never-hides-a-loss/a-server-is-killed
#[test]
fn no_offset_is_given_twice_though_nothing_could_be_relayed_before_the_kill() {
    let village = Village::small();
    act(&village, "freeze");
    let station = Station::open(&village);
    let hello = station.listen("after=now").expect("hello");
    let place: u64 = hello["offset"].as_str().unwrap().parse().unwrap();
    // Lasting trouble, in which agents tell on: more than is put aside at one time.
    village.git(["branch", "-q", "-m", "main", "trunk"]);
    station.until("/readyz", 503);
    let step = serde_json::value::to_raw_value(&serde_json::json!({"type": "monkeytown.run.step.v1"})).unwrap();
    let (mut last, mut told) = (place, 0);
    while told < 100_000 {
        let ids: Vec<String> = (told..told + 1_000).map(|n| format!("chaostester/{n}")).collect();
        let steps: Vec<(&str, &RawValue)> = ids.iter().map(|id| (&**id, &*step)).collect();
        // Nothing of it is taken where it is not written down yet how far it may go.
        let mut given = Vec::new();
        until(|| {
            given = station.shared.hub.publish(&steps);
            !given.is_empty()
        });
        assert_eq!(given, (last + 1..=last + 1_000).collect::<Vec<_>>());
        (last, told) = (last + 1_000, told + 1_000);
    }
    // What a kill leaves is what lies on the disk now.
    let copied = Command::new("cp").arg("-a").args([village.dir(), village.path("killed")]).status().unwrap();
    assert!(copied.success());
    station.close();
    let killed = village.clone_at("killed");
    killed.git(["branch", "-q", "-m", "trunk", "main"]);
    let station = Station::open(&killed);
    let mut ear = station.listen(&format!("after={}", place_of(&hello, &Value::from(last.to_string()))));
    let again = ear.expect("hello");
    assert_eq!(again["epoch"], hello["epoch"]);
    assert!(again["offset"].as_str().unwrap().parse::<u64>().unwrap() >= last, "{again}");
    assert_eq!(ear.expect("gap")["reason"], "restarted");
    station.close();
}

// covers: event-stream#what-happens-in-the-repository-is-relayed-once-and-in-order/the-relay-ends-by-a-fault
#[test]
fn a_relay_that_ends_by_a_fault_of_ours_is_seen_from_outside() {
    let village = Village::small();
    // The relay alone asks this clock on a thread of that name, as soon as something is recorded.
    let clock = || -> DateTime<Utc> {
        assert_ne!(std::thread::current().name(), Some("relay"), "a fault, for the test");
        MORNING.parse().unwrap()
    };
    let station = Station::open_with(&village, Plan { clock: Arc::new(clock), ..Plan::default() });
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    assert_eq!(station.get("/readyz", &[]).status, 200);
    act(&village, "freeze");
    assert_eq!(ear.expect("event")["event"]["type"], "monkeytown.town.frozen.v1");
    station.until("/readyz", 503);
    let problem = station.get("/readyz", &[]).is_problem(503, "not-ready");
    assert!(problem["detail"].as_str().unwrap().contains("start the server again"), "{problem}");
    assert!(station.get("/metrics", &[]).body.contains("\nmonkeytown_relay_up 0\n"));
    // What it knows it serves on.
    assert_eq!(station.get("/api/state", &[]).json()["seq"], 1);
    station.close();
    ear.ends(1001);
}
