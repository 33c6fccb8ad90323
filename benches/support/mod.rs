//! What the benches share: sizes, rounds, hermetic git, and how a measurement is printed.
//! Lives here: nothing that is measured. Each measurement is one line of JSON on stdout; the table at the end is for
//! people.

#![allow(dead_code, reason = "each bench uses its part")]
#![allow(clippy::disallowed_methods, reason = "a bench is an edge: it reads the clock and its sizes by itself")]

pub mod town;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Whether sizes shall be small enough to end in seconds (`-- --quick`).
pub fn quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}

/// Whether cargo only asks that the bench starts (`cargo test --benches`).
pub fn only_started() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

/// A number from the environment, else the small or the full default.
pub fn number(name: &str, small: usize, full: usize) -> usize {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(if quick() { small } else { full })
}

/// A list of numbers from the environment (`1000,10000`), else the small or the full default.
pub fn numbers(name: &str, small: &[usize], full: &[usize]) -> Vec<usize> {
    match std::env::var(name) {
        Ok(text) => text.split(',').filter_map(|part| part.trim().parse().ok()).collect(),
        Err(_) => if quick() { small } else { full }.to_vec(),
    }
}

/// Words from the environment (`a,b`), else the default.
pub fn words(name: &str, default: &str) -> Vec<String> {
    let given = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    given.split(',').map(|word| word.trim().to_owned()).collect()
}

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How long something took, and what it gave.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// The middle of several rounds.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The middle of `rounds` rounds of the same work.
pub fn rounds(rounds: usize, mut work: impl FnMut()) -> Duration {
    median((0..rounds.max(1)).map(|_| timed(&mut work).0).collect())
}

/// The middles of two works whose rounds take turns, so that a busy moment of the machine hits both.
pub fn in_turn(rounds: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (Duration, Duration) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        b.push(timed(&mut theirs).0);
        a.push(timed(&mut ours).0);
    }
    (median(a), median(b))
}

/// A command with nothing of the user's: no configuration, no home, a fixed author.
pub fn hermetic(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Bench").env(format!("GIT_{who}_EMAIL"), "bench@monkeytown.invalid");
        command.env(format!("GIT_{who}_DATE"), "1700000000 +0000");
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    command.stdin(Stdio::null());
    command
}

/// A `git` in `dir` with nothing of the user's; `GIT_TRACE` and the like do not reach it.
pub fn git(dir: &Path) -> Command {
    let mut command = hermetic("git", dir);
    command.current_dir(dir);
    command
}

/// Runs a command that must succeed, and returns what it said.
pub fn must(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `git` in `dir` with these arguments, which must succeed.
pub fn run_git(dir: &Path, arguments: &[&str]) -> String {
    must(git(dir).args(arguments))
}

/// The bytes of all files below a folder.
pub fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// A sequence of numbers that looks random and is the same each time (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// So many hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(digits);
        text
    }
}

/// What was measured, and beside what.
pub struct Measured {
    /// The bench.
    pub bench: &'static str,
    /// What was done.
    pub what: String,
    /// How long it took.
    pub ours: Duration,
    /// What it is compared with, and how long that took in the same run.
    pub beside: Option<(String, Duration)>,
    /// The goal in words, and whether it is met; measurements without one inform.
    pub goal: Option<(String, bool)>,
    /// Sizes and counts.
    pub facts: Value,
}

/// The table of a bench.
pub struct Table {
    rows: Vec<Measured>,
}

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Prints the measurement as one line of JSON and keeps it for the table.
    pub fn add(&mut self, measured: Measured) {
        let mut line = json!({"bench": measured.bench, "what": measured.what, "ms": round(ms(measured.ours))});
        if let Some((name, time)) = &measured.beside {
            line["beside"] = json!(name);
            line["beside_ms"] = json!(round(ms(*time)));
            line["ratio"] = json!(round(measured.ours.as_secs_f64() / time.as_secs_f64().max(1e-9)));
        }
        if let Some((goal, met)) = &measured.goal {
            line["goal"] = json!(goal);
            line["met"] = json!(met);
        }
        if let (Some(line), Some(facts)) = (line.as_object_mut(), measured.facts.as_object()) {
            line.extend(facts.clone());
        }
        println!("{line}");
        self.rows.push(measured);
    }

    /// Prints the table for people.
    pub fn print(&self) {
        println!("\n{:<52} {:>10}   {:<46} {:>10}   goal", "what", "ms", "beside", "ms");
        for row in &self.rows {
            let (name, time) = match &row.beside {
                Some((name, time)) => (name.as_str(), format!("{:.1}", ms(*time))),
                None => ("", String::new()),
            };
            let goal = match &row.goal {
                Some((goal, true)) => format!("{goal}: met"),
                Some((goal, false)) => format!("{goal}: MISSED"),
                None => String::new(),
            };
            println!("{:<52} {:>10.1}   {:<46} {:>10}   {goal}", row.what, ms(row.ours), name, time);
        }
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
