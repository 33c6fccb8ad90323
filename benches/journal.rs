//! Folding the journal, beside `git log --format=%B monkeytown/journal | wc -c` on the same repository in the same run.
//!
//! Lives here: a cold fold of everything, a cold start from the snapshot, a warm start from the cache, and a start
//! in a shallow clone with what it transfers. Sizes: `BENCH_EVENTS=1000,10000,100000`; rounds: `BENCH_ROUNDS`.
//! The sizes are rounded up to whole runs and half a snapshot interval, so that the events since the last snapshot are as
//! many as on an average day.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use monkeytown::git::journal::{Journal, Tip};
use monkeytown::git::repo::Repo;
use monkeytown::town::envelope::Stamp;
use serde_json::json;
use support::town::Made;
use support::{Measured, Table};

const BENCH: &str = "journal";
/// The goal of a warm start.
const WARM: Duration = Duration::from_millis(50);
/// How much longer a shallow start may take when history is a hundred times longer.
const SHALLOW: f64 = 1.5;

fn main() {
    if support::only_started() {
        return;
    }
    let sizes = support::numbers("BENCH_EVENTS", &[1_000, 4_000], &[1_000, 10_000, 100_000]);
    let rounds = support::number("BENCH_ROUNDS", 3, 5);
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut table = Table::new();
    let mut made = Vec::new();
    for size in sizes {
        let repo = place.path().join(format!("{size}.git"));
        let town = support::town::journal(&repo, size as u64 + 500);
        let pack = support::bytes_below(&repo.join("objects"));
        let facts = json!({"events": town.events, "commits": town.commits, "pack_bytes": pack});
        folds(&mut table, &repo, size, rounds, &town, &facts);
        made.push((size, repo, town));
    }
    shallow(&mut table, place.path(), &made, rounds);
    table.print();
}

fn forget(repo: &Path) {
    // The cache is a file of our own in the git folder; without it a start is cold.
    let _ = fs::remove_dir_all(repo.join("monkeytown"));
}

fn load(repo: &Path) -> Tip {
    let repo = Repo::open(repo).expect("a repository");
    Journal::new(&repo, None).load().expect("the journal loads")
}

fn refold(repo: &Path) -> Tip {
    let repo = Repo::open(repo).expect("a repository");
    Journal::new(&repo, None).refold().expect("the journal folds")
}

fn git_log(repo: &Path) {
    let mut log = support::hermetic("sh", repo);
    log.current_dir(repo).args(["-c", "git log --format=%B monkeytown/journal | wc -c"]);
    let bytes: u64 = support::must(&mut log).trim().parse().expect("a number");
    assert!(bytes > 0, "git log prints the journal");
}

fn folds(table: &mut Table, repo: &Path, size: usize, rounds: usize, made: &Made, facts: &serde_json::Value) {
    // Once each before the clock runs: the pack is then in the page cache for both.
    git_log(repo);
    assert!(refold(repo).town == made.town, "the fold ends where the town's life ended");
    let log = "git log --format=%B | wc -c";
    let (ours, theirs) = support::in_turn(rounds, || drop(refold(repo)), || git_log(repo));
    let met = ours <= theirs;
    table.add(Measured {
        bench: BENCH,
        what: format!("refold of {size} events from the first one"),
        ours,
        beside: Some((log.to_owned(), theirs)),
        goal: Some(("no slower".to_owned(), met)),
        facts: facts.clone(),
    });
    let times = (0..rounds).map(|_| {
        forget(repo);
        support::timed(|| assert!(load(repo).town == made.town, "the snapshot and the rest fold to the same")).0
    });
    table.add(Measured {
        bench: BENCH,
        what: format!("cold start from the snapshot, {size} events"),
        ours: support::median(times.collect()),
        beside: Some((log.to_owned(), theirs)),
        goal: None,
        facts: facts.clone(),
    });
    let warm = support::rounds(rounds, || assert!(load(repo).town == made.town, "the cache says the same"));
    table.add(Measured {
        bench: BENCH,
        what: format!("warm start from the cache, {size} events"),
        ours: warm,
        beside: Some((log.to_owned(), theirs)),
        goal: Some(("≤ 50 ms".to_owned(), warm <= WARM)),
        facts: facts.clone(),
    });
}

/// What a shallow start took: the times, and what came.
#[derive(Default)]
struct Shallow {
    times: Vec<Duration>,
    full: Vec<Duration>,
    objects: u64,
    bytes: u64,
}

/// The sizes take turns, so that a busy moment of the machine hits the short history and the long one alike.
fn shallow(table: &mut Table, place: &Path, made: &[(usize, PathBuf, Made)], rounds: usize) {
    let mut all: Vec<Shallow> = made.iter().map(|_| Shallow::default()).collect();
    for _ in 0..rounds {
        for (seen, (_, repo, town)) in all.iter_mut().zip(made) {
            start_shallow(seen, place, repo, town);
        }
    }
    let mut medians = Vec::new();
    for (seen, (size, _, town)) in all.into_iter().zip(made) {
        let time = support::median(seen.times);
        let (objects, bytes) = (seen.objects, seen.bytes);
        table.add(Measured {
            bench: BENCH,
            what: format!("start in a shallow clone, {size} events"),
            ours: time,
            beside: Some(("git clone of the whole journal".to_owned(), support::median(seen.full))),
            goal: None,
            facts: json!({"events": town.events, "commits": town.commits, "objects": objects, "object_bytes": bytes}),
        });
        medians.push((*size, time, bytes));
    }
    compare_shallow(table, &medians);
}

fn start_shallow(seen: &mut Shallow, place: &Path, repo: &Path, made: &Made) {
    let url = format!("file://{}", repo.display());
    let (clone, full) = (place.join("shallow"), place.join("full"));
    support::run_git(place, &["clone", "-q", "--depth", "1", "--single-branch", &url, &clone.to_string_lossy()]);
    let before = objects(&clone);
    let (time, tip) = support::timed(|| start(&clone));
    assert!(tip.town == made.town, "a shallow clone folds to the same");
    let after = objects(&clone);
    seen.times.push(time);
    (seen.objects, seen.bytes) = (after.0 - before.0, after.1 - before.1);
    let whole = ["clone", "-q", "--bare", "--single-branch", "-b", "monkeytown/journal", &url, &full.to_string_lossy()];
    seen.full.push(support::timed(|| support::run_git(place, &whole)).0);
    for dir in [clone, full] {
        fs::remove_dir_all(dir).expect("removed");
    }
}

fn start(clone: &Path) -> Tip {
    let repo = Repo::open(clone).expect("a repository");
    let remote = repo.remote("origin").expect("a remote");
    let journal = Journal::new(&repo, Some(&remote));
    let time = chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a moment");
    let synced = journal.sync(&Stamp { time, source: "/towns/bench".to_owned(), random: 1 }).expect("synced");
    assert!(synced.online, "the remote answers");
    journal.load().expect("the journal loads")
}

/// How many objects a clone has, and their bytes as they lie on the disk.
fn objects(clone: &Path) -> (u64, u64) {
    let counted = support::run_git(clone, &["count-objects", "-v"]);
    let value = |name: &str| -> u64 {
        let line = counted.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.and_then(|value| value.parse().ok()).expect("a number")
    };
    (value("count") + value("in-pack"), support::bytes_below(&clone.join(".git/objects")))
}

/// The start must not get slower, nor bring more, when history is a hundred times longer.
fn compare_shallow(table: &mut Table, all: &[(usize, Duration, u64)]) {
    let (Some((short, short_time, short_bytes)), Some((long, long_time, long_bytes))) = (all.first(), all.last())
    else {
        return;
    };
    if short == long {
        return;
    }
    let time = long_time.as_secs_f64() / short_time.as_secs_f64();
    let bytes = *long_bytes as f64 / *short_bytes as f64;
    table.add(Measured {
        bench: BENCH,
        what: format!("shallow start, {long} beside {short} events"),
        ours: *long_time,
        beside: Some((format!("{short} events"), *short_time)),
        goal: Some(("time and bytes within 1.5×".to_owned(), time <= SHALLOW && bytes <= SHALLOW)),
        facts: json!({"times_time": (time * 100.0).round() / 100.0, "times_bytes": (bytes * 100.0).round() / 100.0}),
    });
}
