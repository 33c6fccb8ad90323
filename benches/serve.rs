//! `monkeytown serve` on a town with a long past: how long until it listens, what it holds in memory, what a witness who only
//! listens costs, and how soon a new commit is seen. Beside the start: `git log` of the journal and of the branch. And
//! `monkeytown export` of the same town, beside `git fast-export`, which writes the same past as text.
//!
//! Lives here: one town, made once; each round starts the real program anew. Sizes: `BENCH_EVENTS`, `BENCH_COMMITS`,
//! `BENCH_WITNESSES`; rounds: `BENCH_ROUNDS`. Everything stays on the loopback interface.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;
use support::{Measured, Random, Table};

const BENCH: &str = "serve";
const PROGRAM: &str = env!("CARGO_BIN_EXE_monkeytown");
/// How soon a commit must be seen.
const SEEN: Duration = Duration::from_millis(500);

fn main() {
    if support::only_started() {
        return;
    }
    let events = support::number("BENCH_EVENTS", 4_000, 100_000);
    let commits = support::number("BENCH_COMMITS", 1_000, 10_000);
    let witnesses = support::number("BENCH_WITNESSES", 100, 1_000);
    let rounds = support::number("BENCH_ROUNDS", 3, 5);
    let place = tempfile::tempdir().expect("a temporary folder");
    let town = Town::make(place.path(), events, commits);
    let mut table = Table::new();
    starts(&mut table, &town, rounds);
    exports(&mut table, &town, rounds);
    lives(&mut table, &town, witnesses, rounds.max(10));
    table.print();
}

/// The first start knows nothing; a later one has the journal's cache and the places of the commits.
fn starts(table: &mut Table, town: &Town, rounds: usize) {
    for (name, anew) in [("first", true), ("later", false)] {
        let mut memory = 0;
        let ours = || {
            if anew {
                let _ = fs::remove_dir_all(town.work.join(".git/monkeytown"));
            }
            let server = Server::start(town);
            memory = memory.max(server.kib("VmHWM:"));
            server.end();
        };
        let (ours, theirs) = support::in_turn(rounds, ours, || town.git_log());
        table.add(Measured {
            bench: BENCH,
            what: format!("{name} start: {} events, {} commits", town.events, town.commits),
            ours,
            beside: Some(("git log of both, their messages and names of files".to_owned(), theirs)),
            goal: None,
            facts: json!({"events": town.events, "commits": town.commits, "peak_kib": memory}),
        });
    }
}

/// All of the town as files, each time in place of what was there.
fn exports(table: &mut Table, town: &Town, rounds: usize) {
    let site = town.work.with_file_name("site");
    let export = || {
        let mut export = support::hermetic(PROGRAM, &town.work);
        support::must(export.current_dir(&town.work).arg("export").arg(&site));
    };
    let (ours, theirs) = support::in_turn(rounds, export, || town.fast_export());
    table.add(Measured {
        bench: BENCH,
        what: format!("export: {} events, {} commits", town.events, town.commits),
        ours,
        beside: Some(("git fast-export of both, without what files hold".to_owned(), theirs)),
        goal: None,
        facts: json!({"events": town.events, "commits": town.commits, "bytes": support::bytes_below(&site)}),
    });
}

/// What the running server does for those who watch.
fn lives(table: &mut Table, town: &Town, witnesses: usize, rounds: usize) {
    let server = Server::start(town);
    let measured = |what: String, ours: Duration, goal: Option<(String, bool)>, facts: serde_json::Value| Measured {
        bench: BENCH,
        what,
        ours,
        beside: None,
        goal,
        facts,
    };
    for path in ["/api/state", "/api/history/index", "/api/history?from=0&to=1000"] {
        let (first, bytes) = support::timed(|| server.get(path));
        let again = support::rounds(rounds, || assert!(server.get(path) > 0));
        let facts = json!({"bytes": bytes, "again_ms": support::ms(again)});
        table.add(measured(format!("GET {path}, for the first time"), first, None, facts));
    }
    let before = server.kib("VmRSS:");
    let (time, mut seats) = support::timed(|| (0..witnesses).map(|_| server.listen()).collect::<Vec<_>>());
    let each = server.kib("VmRSS:").saturating_sub(before) * 1024 / witnesses.max(1) as u64;
    let facts = json!({"witnesses": witnesses, "resident_kib": before, "bytes_each": each});
    table.add(measured(format!("{witnesses} witnesses join"), time, None, facts));
    let mut first = seats.pop().expect("a witness");
    let times = (0..rounds).map(|at| support::timed(|| first.sees(&town.commit(at))).0);
    let seen = support::median(times.collect());
    let goal = Some(("at most 500 ms".to_owned(), seen <= SEEN));
    table.add(measured("a commit is made and seen".to_owned(), seen, goal, json!({"witnesses": witnesses})));
    server.end();
}

/// A clone with a journal and a branch.
struct Town {
    work: PathBuf,
    events: u64,
    commits: usize,
}

impl Town {
    fn make(place: &Path, events: usize, commits: usize) -> Self {
        let (work, journal) = (place.join("work"), place.join("journal.git"));
        let made = support::town::journal(&journal, events as u64);
        support::run_git(place, &["init", "-q", "-b", "main", &work.to_string_lossy()]);
        support::must(support::hermetic(PROGRAM, place).current_dir(&work).args(["init", "--name", "bench"]));
        support::run_git(&work, &["add", "-A"]);
        support::run_git(&work, &["commit", "-q", "-m", "Make this repository a town"]);
        history(&work, commits);
        let refs = "+refs/heads/monkeytown/journal:refs/heads/monkeytown/journal";
        support::run_git(&work, &["fetch", "-q", &journal.to_string_lossy(), refs]);
        support::run_git(&work, &["gc", "--quiet", "--prune=now"]);
        Self { work, events: made.events, commits }
    }

    fn git_log(&self) {
        self.counts(
            "{ git log --format=%B monkeytown/journal; git log --first-parent --name-only --format=%B main; } | wc -c",
        );
    }

    fn fast_export(&self) {
        self.counts("git fast-export --no-data monkeytown/journal main | wc -c");
    }

    /// A line of the shell that counts bytes, of which there are some.
    fn counts(&self, line: &str) {
        let mut shell = support::hermetic("sh", &self.work);
        let bytes: u64 =
            support::must(shell.current_dir(&self.work).args(["-c", line])).trim().parse().expect("a number");
        assert!(bytes > 0, "{line} prints something");
    }

    /// One more commit; says which.
    fn commit(&self, at: usize) -> String {
        support::run_git(&self.work, &["commit", "-q", "--allow-empty", "-m", &format!("Another one, {at}")]);
        support::run_git(&self.work, &["rev-parse", "HEAD"]).trim().to_owned()
    }
}

/// So many commits on top of what is there, each of which changes one file of a thousand.
fn history(work: &Path, commits: usize) {
    let mut child =
        support::git(work).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git starts");
    let mut out = BufWriter::new(child.stdin.take().expect("a pipe"));
    let mut random = Random(23);
    for at in 0..commits {
        let message = format!("part {}: change what it says, number {at}", at % 97);
        let who = format!("Person {0} <person{0}@monkeytown.invalid> {1} +0000", at % 12, 1_600_000_000 + at * 900);
        write!(out, "commit refs/heads/main\ncommitter {who}\ndata {}\n{message}\n", message.len()).expect("piped");
        if at == 0 {
            writeln!(out, "from refs/heads/main^0").expect("piped");
        }
        let (file, text) = (random.below(1_000), random.hex(400));
        write!(out, "M 100644 inline src/part-{}/file-{file}.rs\ndata {}\n{text}\n", file / 50, text.len())
            .expect("piped");
    }
    drop(out);
    assert!(child.wait().expect("it ends").success(), "git fast-import");
    support::run_git(work, &["reset", "-q", "--hard"]);
}

/// The program, listening.
struct Server {
    child: Child,
    at: SocketAddr,
}

impl Server {
    fn start(town: &Town) -> Self {
        let mut serve = support::hermetic(PROGRAM, &town.work);
        serve.current_dir(&town.work).stdout(Stdio::piped()).stderr(Stdio::null());
        serve.args(["serve", "--listen", "127.0.0.1:0", "--connections", "100000", "--requests", "1000000"]);
        let mut child = serve.spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where it listens");
        let at = line.split_once("://").map(|(_, rest)| rest.split(['/', '\n', '"']).next().unwrap_or_default());
        Self { child, at: at.and_then(|at| at.parse().ok()).expect("an address") }
    }

    /// A figure of `/proc/<id>/status`, in KiB.
    fn kib(&self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    fn open(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.at).expect("it takes a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket can be told");
        write!(stream, "{head} HTTP/1.1\r\nHost: {}\r\n", self.at).expect("it reads");
        stream
    }

    /// Asks for a path; says how many bytes came.
    fn get(&self, path: &str) -> usize {
        let mut stream = self.open(&format!("GET {path}"));
        write!(stream, "Connection: close\r\n\r\n").expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{path}: {}",
            String::from_utf8_lossy(&answer[..80.min(answer.len())])
        );
        answer.len()
    }

    /// A witness, who has been greeted.
    fn listen(&self) -> Witness {
        let mut stream = self.open("GET /ws?after=now");
        write!(stream, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n").expect("it reads");
        write!(stream, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").expect("it reads");
        let mut witness = Witness { stream, read: Vec::new() };
        witness.sees("\"hello\"");
        witness
    }

    fn end(mut self) {
        let id = i32::try_from(self.child.id()).expect("an id");
        support::must(&mut {
            let mut kill = support::hermetic("kill", Path::new("/"));
            kill.args(["-TERM", &id.to_string()]);
            kill
        });
        assert!(self.child.wait().expect("it ends").success(), "it ends as it was told to");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that reads.
struct Witness {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Witness {
    /// Reads until some words have come.
    fn sees(&mut self, words: &str) {
        let mut buffer = [0; 4096];
        loop {
            if let Some(at) = self.read.windows(words.len()).position(|window| window == words.as_bytes()) {
                self.read.drain(..at + words.len());
                return;
            }
            let count = self.stream.read(&mut buffer).expect("it sends within a minute");
            assert!(count > 0, "the server closed");
            self.read.extend_from_slice(&buffer[..count]);
        }
    }
}
