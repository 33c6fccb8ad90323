//! Promise: the program itself serves, ends when it is told to, and begins again where it was.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};

use monkeytown::serve::close;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;

use crate::station::{Ear, Station, connect, page, place_of, until};
use crate::village::Village;

/// The real program that serves, for as long as this is held: also where the test fails nothing is left behind.
pub struct Serving(pub Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = self.wait();
    }
}

impl Deref for Serving {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Serving {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

/// The real program, and its address.
pub fn program(village: &Village, more: &[&str]) -> (Serving, SocketAddr) {
    address_of(village.command(&[&["serve", "--listen", "127.0.0.1:0"], more].concat()).spawn().unwrap())
}

/// A started program, and the address that it says.
pub fn address_of(child: Child) -> (Serving, SocketAddr) {
    let mut serving = Serving(child);
    let mut line = String::new();
    BufReader::new(serving.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (serving, page(&line).0)
}

pub fn kill(mut child: Serving) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_that_was_killed_admits_that_it_may_have_forgotten() {
    let village = Village::small();
    let (child, address) = program(&village, &[]);
    let mut ear = Ear::at(address, "after=now");
    let hello = ear.expect("hello");
    kill(child);
    village.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
    let (child, address) = program(&village, &[]);
    let mut ear = Ear::at(address, &format!("after={}", place_of(&hello, &hello["offset"])));
    assert_eq!(ear.expect("hello")["epoch"], hello["epoch"]);
    assert_eq!(ear.expect("gap")["reason"], "restarted");
    assert_eq!(ear.expect("event")["event"]["type"], "monkeytown.town.frozen.v1");
    kill(child);
}

// covers: event-stream#each-limit-is-enforced-and-named/no-descriptors-are-left
#[test]
fn a_server_without_descriptors_recovers() {
    let village = Village::small();
    let few = ["serve", "--listen", "127.0.0.1:0", "--connections", "1000"];
    let mut command = village.limited("ulimit -n 48", &few);
    let (child, address) = address_of(command.stderr(Stdio::null()).spawn().unwrap());
    let mut ear = Ear::at(address, "after=now");
    ear.expect("hello");
    let crowd: Vec<_> = (0..100).map(|_| connect(address)).collect();
    village.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
    drop(crowd);
    let answer = Station::get_at(address, "/healthz", &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    assert_eq!(ear.expect("event")["event"]["type"], "monkeytown.town.frozen.v1", "what happened meanwhile");
    kill(child);
}

// covers: event-stream#each-limit-is-enforced-and-named/one-witness-too-many
#[test]
fn the_thousand_and_first_witness_is_told_that_it_is_full() {
    let _ = monkeytown::serve::descriptors::raise();
    let village = Village::small();
    let (child, address) = program(&village, &["--connections", "2000", "--requests", "10000"]);
    let shake = format!(
        "GET /ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let witness = |_| {
        let mut witness = connect(address);
        witness.write_all(shake.as_bytes()).unwrap();
        // With the first word that it is told it has its seat.
        let is_hello = |part: std::io::Result<Vec<u8>>| String::from_utf8_lossy(&part.unwrap()).contains("\"hello\"");
        assert!(BufReader::new(&mut witness).split(b'}').any(is_hello));
        witness
    };
    let mut crowd: Vec<_> = (0..1_000).map(witness).collect();
    let full = "full: 1000 witnesses watch; ask another server of this town";
    assert_eq!(Ear::at(address, "after=now").ends(close::FULL), full);
    Station::get_at(address, "/events", &[]).is_problem(503, "full");
    crowd.pop();
    while Ear::at(address, "after=now").0.read().is_ok_and(|first| first.is_close()) {}
    kill(child);
}

#[test]
fn a_full_disk_costs_a_snapshot_after_the_next_start_where_it_stays_full_and_else_nothing() {
    let village = Village::small();
    let places = village.dir().join(".git/monkeytown/stream/places");
    let start = |more: &str| {
        let mut command = village.limited(more, &["serve", "--listen", "127.0.0.1:0"]);
        address_of(command.spawn().unwrap())
    };
    let ends = |mut child: Serving| {
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    };
    let beside = || std::fs::read_dir(places.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    // It fills up while the server runs, and is full when it begins.
    for begins_full in [false, true] {
        let first = if begins_full { "trap '' XFSZ; ulimit -f 0" } else { "trap '' XFSZ; ulimit -S -f 1024" };
        let (child, address) = start(first);
        let mut ear = Ear::at(address, "after=now");
        let hello = ear.expect("hello");
        let room = |limit: Option<u64>| {
            let limit = Rlimit { current: limit, maximum: None };
            prlimit(Some(Pid::from_child(&child)), Resource::Fsize, limit).unwrap();
        };
        if !begins_full {
            village.put("one.txt", "1\n").save("One");
            assert_eq!(ear.expect("event")["event"]["data"]["subject"], "One");
            room(Some(0));
        }
        village.put("two.txt", "2\n").save("Two");
        assert_eq!(ear.expect("event")["event"]["data"]["subject"], "Two", "it serves on");
        village.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
        let last = ear.expect("event");
        assert_eq!(last["event"]["type"], "monkeytown.town.frozen.v1");
        assert_eq!(Station::get_at(address, "/readyz", &[]).status, 200);
        // Nothing half written stays.
        until(|| beside().count() == 0);
        if !begins_full {
            room(None);
        }
        village.monkeytown(&["thaw", "--reason", "a test"]).says(0, "");
        let thawed = ear.expect("event");
        let log = ends(child);
        assert!(log.contains(places.to_str().unwrap()), "{log}");
        assert_eq!(log.matches("begins a new epoch").count(), 1, "it is said once: {log}");
        let (child, address) = program(&village, &[]);
        let after = if begins_full { &thawed["offset"] } else { &hello["offset"] };
        let mut ear = Ear::at(address, &format!("after={}", place_of(&hello, after)));
        let again = ear.expect("hello");
        if begins_full {
            assert_ne!(again["epoch"], hello["epoch"]);
            assert_eq!(ear.expect("gap")["reason"], "rewritten");
            assert_eq!(ear.expect("snapshot")["seq"], village.events().len());
        } else {
            assert_eq!(again["epoch"], hello["epoch"]);
            let subject = |event: Value| event["event"]["data"]["subject"].clone();
            assert_eq!([(); 2].map(|()| subject(ear.expect("event"))), ["One", "Two"]);
            assert_eq!((ear.expect("event"), ear.expect("event")), (last, thawed), "all of it is where it was");
        }
        ends(child);
    }
}

// covers: event-stream#several-servers-serve-one-town/two-of-one-clone
#[test]
fn a_second_server_of_one_clone_has_an_epoch_of_its_own_and_spoils_nothing() {
    let village = Village::small();
    let places = village.dir().join(".git/monkeytown/stream/places");
    let (first, address) = program(&village, &[]);
    let mut ear = Ear::at(address, "after=now");
    let hello = ear.expect("hello");
    let (mut second, address) = program(&village, &[]);
    let mut beside = Ear::at(address, "after=now");
    assert_ne!(beside.expect("hello")["epoch"], hello["epoch"]);
    village.put("one.txt", "1\n").save("One");
    let landed = ear.expect("event");
    assert_eq!(beside.expect("event")["event"], landed["event"]);
    let site = village.path("site");
    village.monkeytown(&["export", site.to_str().unwrap()]).says(0, "");
    assert!(Command::new("kill").args(["-TERM", &second.id().to_string()]).status().unwrap().success());
    assert_eq!(second.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    second.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(log.matches("another server of this clone").count(), 1, "{log}");
    village.put("two.txt", "2\n").save("Two");
    let next = ear.expect("event");
    let written = std::fs::read_to_string(&places).unwrap();
    kill(first);
    assert!(written.contains(&format!("commit {} ", landed["offset"].as_str().unwrap())), "{written}");
    let (child, address) = program(&village, &[]);
    let mut ear = Ear::at(address, &format!("after={}", place_of(&hello, &hello["offset"])));
    assert_eq!(ear.expect("hello")["epoch"], hello["epoch"]);
    assert_eq!(ear.expect("gap")["reason"], "restarted");
    assert_eq!((ear.expect("event"), ear.expect("event")), (landed, next), "each commit has one place");
    kill(child);
}

#[test]
fn a_signal_ends_it_in_order_and_the_log_names_each_request() {
    let village = Village::small();
    let (mut child, address) = program(&village, &[]);
    let mut ear = Ear::at(address, "after=now");
    ear.expect("hello");
    assert_eq!(Station::get_at(address, "/healthz", &[("x-request-id", "proxy-7")]).status, 200);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(ear.ends(1001).contains("resume after "));
    while ear.0.read().is_ok() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let health = lines.iter().find(|line| line["span"]["path"] == "/healthz").unwrap_or_else(|| panic!("{log}"));
    assert_eq!((&health["span"]["id"], &health["status"]), (&"proxy-7".into(), &200.into()));
    assert_eq!(health["message"], "answered");
}

#[test]
fn with_a_remote_it_follows_what_is_pushed_there() {
    let village = Village::small_with_remote();
    let (child, address) = program(&village, &["--remote", "origin", "--fetch", "1"]);
    let mut ear = Ear::at(address, "after=now");
    ear.expect("hello");
    let other = village.another_clone("other");
    other.put("seen.txt", "from afar\n").save("From afar");
    other.git(["push", "-q", "origin", "main"]);
    let landed = ear.expect("event");
    assert_eq!(landed["event"]["data"]["subject"], "From afar");
    other.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
    assert_eq!(ear.expect("event")["event"]["type"], "monkeytown.town.frozen.v1");
    kill(child);
}

/// Ends it by a signal; says with which code, and what is in its log.
pub fn ended(mut child: Serving, signal: &str) -> (Option<i32>, String) {
    tell(&child, signal);
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    (child.wait().unwrap().code(), log)
}

pub fn tell(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

// covers: event-stream#the-server-writes-no-history/events-that-wait-in-the-clone
#[test]
fn a_server_sends_nothing_to_the_remote() {
    let village = Village::small_with_remote();
    let other = village.another_clone("other");
    other.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
    other.monkeytown(&["thaw", "--reason", "a test"]).says(0, "");
    village.monkeytown(&["sync"]).says(0, "");
    let seq = village.events().len();
    // Nobody is there: what is recorded waits in this clone.
    let (home, away) = (village.path("home.git"), village.path("away.git"));
    std::fs::rename(&home, &away).unwrap();
    village.monkeytown(&["freeze", "--reason", "offline"]).says(3, "");
    std::fs::rename(&away, &home).unwrap();
    let journal = |dir: &std::path::Path| village.git_in(dir, ["rev-list", "refs/heads/monkeytown/journal"]);
    let (there, here) = (journal(&home), journal(&village.dir()));
    assert!(here.ends_with(&there) && here.len() > there.len(), "one waits: {here} {there}");
    let (child, address) = program(&village, &["--remote", "origin", "--fetch", "1"]);
    let mut ear = Ear::at(address, "after=snapshot");
    ear.expect("hello");
    assert_eq!(ear.expect("snapshot")["seq"], seq, "what the remote has is told, and no more");
    // Two fetches and more: what is recorded there is told, and what waits here stays here.
    for (what, kind) in [("freeze", "frozen"), ("thaw", "thawed"), ("freeze", "frozen")] {
        other.monkeytown(&[what, "--reason", "afar"]).says(0, "");
        let event = &ear.expect("event")["event"];
        assert_eq!(event["type"], format!("monkeytown.town.{kind}.v1"));
        assert_eq!(event["data"]["reason"], "afar");
    }
    assert_eq!(journal(&home).lines().count(), there.lines().count() + 3);
    assert_eq!(journal(&village.dir()), here, "it is left for the command that sends it");
    let (code, log) = ended(child, "-TERM");
    assert_eq!((code, log.matches("events wait in this clone").count()), (Some(0), 1), "{log}");
}

// covers: event-stream#the-server-writes-no-history/a-remote-that-hangs
#[test]
fn a_remote_that_hangs_keeps_nobody_waiting() {
    let village = Village::small_with_remote();
    village.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
    let seq = village.events().len();
    // The system takes the connection, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x.git", silent.local_addr().unwrap());
    village.git(["remote", "set-url", "origin", &url]);
    let (child, address) = program(&village, &["--remote", "origin", "--fetch", "1"]);
    let mut ear = Ear::at(address, "after=snapshot");
    ear.expect("hello");
    assert_eq!(ear.expect("snapshot")["seq"], seq, "what is here is told");
    assert_eq!(Station::get_at(address, "/readyz", &[]).status, 200);
    let (mut asks, _) = silent.accept().unwrap();
    let (code, log) = ended(child, "-TERM");
    assert_eq!(code, Some(0), "{log}");
    // What asked the remote has gone too.
    asks.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let village = Village::small_with_remote();
    village.monkeytown(&["freeze", "--reason", "a test"]).says(0, "");
    let lock = std::fs::File::open(village.dir().join(".git/monkeytown/journal.lock")).unwrap();
    lock.lock().unwrap();
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let (child, address) = program(&village, &["--remote", "origin"]);
        let mut ear = Ear::at(address, "after=now");
        ear.expect("hello");
        // It waits for another command of this clone, which nothing but that command ends.
        let open = || std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().flatten();
        until(|| {
            open().any(|file| file.path().read_link().is_ok_and(|path| path.ends_with("monkeytown/journal.lock")))
        });
        tell(&child, "-TERM");
        ear.ends(1001);
        assert_eq!(ended(child, signal).0, Some(code));
    }
}

// covers: event-stream#several-servers-serve-one-town/each-says-which-it-is
#[test]
fn several_servers_of_one_town_are_told_to_the_page() {
    let village = Village::small();
    let servers = ["--shard", "2/2", "--shard-url", "https://one.example/", "--shard-url", "https://two.example"];
    let (child, address) = program(&village, &servers);
    let answer = Station::get_at(address, "/api/town", &[("origin", "https://two.example")]);
    let shard = serde_json::json!({"index": 2, "count": 2});
    assert_eq!(
        (&answer.json()["shard"], &Station::get_at(address, "/api/stream", &[]).json()["shard"]),
        (&shard, &shard)
    );
    let figures = Station::get_at(address, "/metrics", &[]).body;
    assert!(figures.contains("\nmonkeytown_shard_info{index=\"2\",count=\"2\"} 1\n"), "{figures}");
    assert_eq!(answer.json()["shards"], serde_json::json!(["https://one.example", "https://two.example"]));
    let others = "https://one.example wss://one.example https://two.example wss://two.example";
    let may_ask = format!("connect-src 'self' ws://{address} wss://{address} {others};");
    assert!(answer.head.contains(&may_ask), "{answer:?}");
    assert!(answer.head.contains("access-control-allow-origin: https://two.example"), "{answer:?}");
    kill(child);
    let (child, address) = program(&village, &["--shard", "1/3", "--shard-url", "http://127.0.0.1:418{}"]);
    let town = Station::get_at(address, "/api/town", &[]).json();
    assert_eq!(town["shards"], serde_json::json!([1, 2, 3].map(|nth| format!("http://127.0.0.1:418{nth}"))));
    kill(child);
    let (child, address) = program(&village, &[]);
    let town = Station::get_at(address, "/api/town", &[]).json();
    assert_eq!((&town["shard"], &town["shards"]), (&Value::Null, &serde_json::json!([])));
    assert!(!Station::get_at(address, "/metrics", &[]).body.contains("shard_info"));
    kill(child);
}

// covers: event-stream#several-servers-serve-one-town/the-list-does-not-fit
#[test]
fn what_cannot_be_served_is_said() {
    let village = Village::small();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    village.monkeytown(&["serve", "--listen", &address]).says(2, "name another address with --listen");
    village.monkeytown(&["serve", "--remote", "nowhere"]).says(2, "nowhere");
    village.monkeytown(&["serve", "--fetch", "5"]).says(2, "--remote");
    for (what, size) in [("ring-mib", "0"), ("ring-mib", "17592186044416"), ("ring-events", "0"), ("ring-events", "-1")]
    {
        village.monkeytown(&["serve", &format!("--{what}={size}")]).says(2, what);
    }
    for (shard, why) in [
        (&["--shard", "1/2"][..], "--shard-url <URL>"),
        (&["--shard-url", "https://one.example"], "--shard <I/N>"),
        (&["--shard", "3/2", "--shard-url", "https://{}.example"], "there is no server 3 of 2"),
        (&["--shard", "1/2", "--shard-url", "https://one.example"], "1 named"),
        (&["--shard", "1/1", "--shard-url", "https://one.example/path"], "is no origin"),
    ] {
        village.monkeytown(&[&["serve"], shard].concat()).says(2, why);
    }
    village.git(["rm", "-q", ".monkeytown/town.yaml"]);
    village.save("No town any more");
    village.monkeytown(&["serve", "--listen", "127.0.0.1:0"]).says(2, "town");
}
