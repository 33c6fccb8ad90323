//! `monkeytown openspec` beside the command that it stands in for, on projects of 10, 100 and 1,000 changes and as many specs,
//! and on texts that make a backtracking reader slow.
//!
//! Lives here: both programs started anew for each round, taking turns; time on the clock, time of the processor and the most
//! memory, as the system counts them. The reference is looked for in `MONKEYTOWN_TOOLS`, else in `target/tools/node`, where
//! `scripts/test openspec` puts it. Sizes: `BENCH_CHANGES`; rounds: `BENCH_ROUNDS`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a bench is an edge: it reads the clock and waits by itself"
)]

mod support;
#[path = "../tests/contract/openspec/trees.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the tests write other projects too")]
mod trees;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Measured, Table};

const PROGRAM: &str = env!("CARGO_BIN_EXE_monkeytown");

/// What one round took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    /// Kibibytes.
    memory: u64,
}

fn main() {
    if support::only_started() {
        return;
    }
    let rounds = support::number("BENCH_ROUNDS", 2, 5);
    let mut table = Table::new();
    for changes in support::numbers("BENCH_CHANGES", &[10], &[10, 100, 1_000]) {
        project(changes, rounds, &mut table);
    }
    pathological(rounds, &mut table);
    table.print();
}

/// The start script of the reference, where it is installed.
fn reference() -> Option<PathBuf> {
    let tools = support::words("MONKEYTOWN_TOOLS", concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node")).remove(0);
    let script = Path::new(&tools).join("node_modules/@fission-ai/openspec/bin/openspec.js");
    script.is_file().then_some(script)
}

/// Both programs with the same words, in turn; a folder for each.
struct Pair<'p> {
    home: &'p Path,
    folders: [&'p Path; 2],
    rounds: usize,
}

impl Pair<'_> {
    /// The middle of the rounds of ours, and of the reference.
    fn measure(&self, words: impl Fn(usize) -> Vec<String>) -> (Cost, Option<Cost>) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..self.rounds.max(1) {
            if let Some(script) = reference() {
                let mut node = support::hermetic("node", self.home);
                node.arg(script).current_dir(self.folders[1]).args(words(round));
                theirs.push(cost(&mut node));
            }
            let mut program = support::hermetic(PROGRAM, self.home);
            program.arg("openspec").current_dir(self.folders[0]).args(words(round));
            ours.push(cost(&mut program));
        }
        (middle(ours).unwrap_or_default(), middle(theirs))
    }
}

fn middle(mut costs: Vec<Cost>) -> Option<Cost> {
    costs.sort_by_key(|cost| cost.wall);
    costs.get(costs.len() / 2).copied()
}

/// Starts a command and watches it to its end.
#[allow(clippy::disallowed_methods, reason = "a bench measures, and looks at a program every half millisecond")]
fn cost(command: &mut Command) -> Cost {
    for setting in ["OPENSPEC_TELEMETRY=0", "DO_NOT_TRACK=1", "OPENSPEC_NO_UPDATE_CHECK=1", "CI=1", "TZ=UTC"] {
        let (name, value) = setting.split_once('=').unwrap_or_default();
        command.env(name, value);
    }
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let mut cost = Cost::default();
    while child.try_wait().expect("it is ours").is_none() {
        if let Some((cpu, memory)) = used(&child) {
            cost = Cost { cpu, memory, ..cost };
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    cost.wall = start.elapsed();
    cost
}

/// Time of the processor (in steps of 10 ms) and the most memory of a process so far. Both only grow, so that what was read
/// last before it ended is what it took.
fn used(child: &Child) -> Option<(Duration, u64)> {
    let folder = format!("/proc/{}", child.id());
    let status = fs::read_to_string(format!("{folder}/status")).ok()?;
    let memory =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()?;
    let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some((Duration::from_millis(ticks * 10), memory))
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A generated project of so many changes and specs.
fn project(changes: usize, rounds: usize, table: &mut Table) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let files = trees::product(changes);
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let folders = [place.path().join("ours"), place.path().join("theirs")];
    for folder in &folders {
        trees::put(folder, &files);
    }
    let pair = Pair { home: place.path(), folders: [&folders[0], &folders[1]], rounds };
    let facts = json!({"changes": changes, "bytes": bytes});
    let goals: [(&str, Option<u64>, Option<u64>); 4] = [
        ("--version", Some(10), None),
        (
            "validate --all --json",
            [(100, 40), (1_000, 300)].iter().find(|(n, _)| *n == changes).map(|(_, ms)| *ms),
            Some(40),
        ),
        ("list --json", None, None),
        ("status --all --json", None, None),
    ];
    for (command, ms, mebibytes) in goals {
        let measured = pair.measure(|_| words(command));
        add(table, &format!("{command}: {changes} changes"), measured, (ms, mebibytes), facts.clone());
    }
    // Those that only add to what is there and have no mistake; each round archives another.
    let names: Vec<&str> = files
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("openspec/changes/")?.strip_suffix("/proposal.md"))
        .filter(|name| !name.contains('/'))
        .enumerate()
        .filter_map(|(number, name)| (number % 5 < 2 && number % 3 != 2).then_some(name))
        .collect();
    let measured = pair.measure(|round| words(&format!("archive {} --yes --json", names[round % names.len()])));
    add(table, &format!("archive: {changes} changes"), measured, (None, None), facts);
}

/// Texts that take a backtracking reader long.
fn pathological(rounds: usize, table: &mut Table) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let put = |path: &str, text: &str| {
        let file = place.path().join("openspec").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    };
    let blanks = " ".repeat(80_000);
    let block = |number: usize| {
        format!(
            "### Requirement: Number {number}\nThe system SHALL do it.\n\n#### Scenario: It is\n- **WHEN** x\n- **THEN** y\n\n"
        )
    };
    let blocks = |many: usize| {
        (0..many).fold(String::new(), |mut text, number| {
            let _ = write!(text, "{}", block(number));
            text
        })
    };
    put("changes/renamed/specs/a/spec.md", &format!("## RENAMED Requirements\n- FROM: ### Requirement: a{blanks}b\n"));
    put("changes/boxes/specs/a/spec.md", &format!("## ADDED Requirements\n\n{}", block(1)));
    put("changes/boxes/tasks.md", &format!("- [{blanks}\n"));
    put(
        "specs/large/spec.md",
        &format!("# A\n\n## Purpose\n{}\n\n## Requirements\n\n{}", "x".repeat(60), blocks(4_000)),
    );
    put("changes/many/specs/large/spec.md", &format!("## MODIFIED Requirements\n\n{}", blocks(2_000)));
    let pair = Pair { home: place.path(), folders: [place.path(), place.path()], rounds };
    let inputs = [
        ("80,000 blanks in RENAMED", "validate renamed --json", 50),
        ("80,000 blanks in a task's box", "validate boxes --json", 50),
        ("a spec of 4,000 requirements", "validate large --json", 200),
        ("a delta of 2,000 requirements", "validate many --json", 200),
    ];
    for (what, command, ms) in inputs {
        let measured = pair.measure(|_| words(command));
        add(table, what, measured, (Some(ms), None), json!({}));
    }
}

/// One line of the table.
fn add(
    table: &mut Table,
    what: &str,
    (ours, theirs): (Cost, Option<Cost>),
    (ms, mebibytes): (Option<u64>, Option<u64>),
    mut facts: serde_json::Value,
) {
    let mib = |cost: &Cost| cost.memory / 1024;
    facts["cpu_ms"] = json!(ours.cpu.as_millis());
    facts["mib"] = json!(mib(&ours));
    if let Some(theirs) = theirs {
        facts["beside_cpu_ms"] = json!(theirs.cpu.as_millis());
        facts["beside_mib"] = json!(mib(&theirs));
    }
    let goal = ms.map(|ms| {
        let memory = mebibytes.map(|mib| format!(", ≤ {mib} MiB")).unwrap_or_default();
        let is_met = ours.wall <= Duration::from_millis(ms) && mebibytes.is_none_or(|most| mib(&ours) <= most);
        (format!("≤ {ms} ms{memory}"), is_met)
    });
    table.add(Measured {
        bench: "openspec",
        what: what.to_owned(),
        ours: ours.wall,
        beside: theirs.map(|theirs| ("the reference command".to_owned(), theirs.wall)),
        goal,
        facts,
    });
}
