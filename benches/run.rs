//! A whole run with the embedded brain in a large repository with a local bare remote, beside the plain git commands that a
//! script would use there: `git worktree add`, write the file, `git add`, `git commit`, `git push`, `git worktree remove`.
//!
//! Lives here: two repositories of 10,000 files, with a short and with a 30,000-commit history; each round begins with fresh
//! copies of both git folders. No test command is configured, so the run needs no checkout.
//! Sizes: `BENCH_FILES`, `BENCH_COMMITS`; the agent: `BENCH_AGENT`; rounds: `BENCH_ROUNDS`.

mod support;

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use support::{Measured, Random, Table};

const PROGRAM: &str = env!("CARGO_BIN_EXE_monkeytown");

fn main() {
    if support::only_started() {
        return;
    }
    let files = support::number("BENCH_FILES", 1_000, 10_000);
    let commits = support::number("BENCH_COMMITS", 1_000, 30_000);
    let rounds = support::number("BENCH_ROUNDS", 3, 7);
    let agents = support::words("BENCH_AGENT", "chaostester,junglesecurity,simianresearcher");
    let mut table = Table::new();
    for history in [1, commits] {
        let place = tempfile::tempdir().expect("a temporary folder");
        let town = Town::make(place.path(), files, history);
        for agent in &agents {
            let (mut ours, mut short, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
            let mut outcome = serde_json::Value::Null;
            for _ in 0..rounds {
                let (published, removed) = town.script();
                short.push(published);
                theirs.push(removed);
                let (time, report) = town.run(agent);
                ours.push(time);
                outcome = report["outcome"].clone();
            }
            let (ours, theirs) = (support::median(ours), support::median(theirs));
            let without_remove = support::ms(support::median(short)).round();
            let facts = json!({"files": files, "commits": history, "outcome": outcome,
                "beside_without_remove_ms": without_remove});
            table.add(Measured {
                bench: "run",
                what: format!("{agent}: {files} files, {history} commits"),
                ours,
                beside: Some(("worktree add, commit, push, worktree remove".to_owned(), theirs)),
                goal: Some(("no slower".to_owned(), ours <= theirs)),
                facts,
            });
        }
    }
    table.print();
}

/// A clone and its remote, with copies of both git folders to begin each round with.
struct Town {
    place: PathBuf,
}

impl Town {
    fn make(place: &Path, files: usize, commits: usize) -> Self {
        let town = Self { place: place.to_owned() };
        let (origin, work) = (town.at("origin.git"), town.at("work"));
        generate(place, &origin, files, commits);
        let url = origin.to_string_lossy();
        support::run_git(place, &["clone", "-q", &url, &work.to_string_lossy()]);
        support::must(support::hermetic(PROGRAM, place).current_dir(&work).arg("init"));
        support::run_git(&work, &["add", "-A"]);
        support::run_git(&work, &["commit", "-q", "-m", "Make this repository a town"]);
        support::run_git(&work, &["push", "-q", "origin", "main"]);
        copy(&origin, &town.at("fresh-origin"));
        copy(&work.join(".git"), &town.at("fresh-work"));
        town
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    fn fresh(&self) {
        for (from, to) in [("fresh-origin", "origin.git"), ("fresh-work", "work/.git")] {
            fs::remove_dir_all(self.at(to)).expect("removed");
            copy(&self.at(from), &self.at(to));
        }
        // What the copies left to be written would otherwise be waited for by whoever calls fsync first.
        support::must(&mut support::hermetic("sync", &self.place));
    }

    /// What a script does to put one file onto a branch, in one shell: without and with the removal of the working tree,
    /// which takes very different times on different file systems.
    fn script(&self) -> (Duration, Duration) {
        self.fresh();
        let script = "set -e
            git worktree add -q --no-track -b agent/script ../script origin/main
            mkdir -p ../script/.monkeytown/qa
            printf '# What breaks\\n\\nNothing that was seen.\\n' > ../script/.monkeytown/qa/register.md
            cd ../script
            git add .monkeytown/qa/register.md
            git commit -q -m 'qa: list what breaks'
            git push -q origin agent/script";
        let mut shell = support::hermetic("sh", &self.place);
        shell.current_dir(self.at("work")).args(["-c", script]);
        let (published, _) = support::timed(|| support::must(&mut shell));
        let (removed, _) = support::timed(|| support::run_git(&self.at("work"), &["worktree", "remove", "../script"]));
        self.expect_branch("agent/script");
        (published, published + removed)
    }

    fn run(&self, agent: &str) -> (Duration, serde_json::Value) {
        self.fresh();
        let mut run = support::hermetic(PROGRAM, &self.place);
        run.current_dir(self.at("work")).args(["run", agent, "--json"]);
        let (time, said) = support::timed(|| support::must(&mut run));
        let report: serde_json::Value = serde_json::from_str(&said).expect("a report");
        assert_eq!(report["outcome"], "opened", "the run opens a pull request: {said}");
        self.expect_branch(&format!("agent/{agent}"));
        (time, report)
    }

    fn expect_branch(&self, branch: &str) {
        support::run_git(&self.at("origin.git"), &["rev-parse", "--verify", "-q", &format!("refs/heads/{branch}")]);
    }
}

/// `cp -a` keeps the times, so that git's index stays valid for both sides.
fn copy(from: &Path, to: &Path) {
    let place = from.parent().expect("a parent");
    support::must(support::hermetic("cp", place).arg("-a").arg(from).arg(to));
}

/// A bare repository with so many files, and with so many commits that each change one of them.
fn generate(place: &Path, origin: &Path, files: usize, commits: usize) {
    support::run_git(place, &["init", "-q", "--bare", "-b", "main", &origin.to_string_lossy()]);
    let mut child =
        support::git(origin).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git starts");
    let mut out = BufWriter::new(child.stdin.take().expect("a pipe"));
    let mut random = Random(11);
    let who =
        |at: usize| format!("Person {0} <person{0}@monkeytown.invalid> {1} +0000", at % 12, 1_600_000_000 + at * 900);
    for at in 0..commits {
        let message = format!("part {}: change what it says, number {at}", at % 97);
        write!(out, "commit refs/heads/main\ncommitter {}\ndata {}\n{message}\n", who(at), message.len())
            .expect("piped");
        let touched = if at == 0 {
            0..files
        } else {
            let file = random.below(files as u64) as usize;
            file..file + 1
        };
        for file in touched {
            let (path, text) = content(file, &mut random);
            write!(out, "M 100644 inline {path}\ndata {}\n{text}\n", text.len()).expect("piped");
        }
    }
    out.flush().expect("piped");
    drop(out);
    assert!(child.wait().expect("it ends").success(), "git fast-import");
    support::run_git(origin, &["gc", "--quiet"]);
}

/// Mostly code, some pages with links that lead nowhere, some notes of what is to be done, now and then what looks like a
/// key: each of the agents has something to report.
fn content(file: usize, random: &mut Random) -> (String, String) {
    let folder = format!("part-{}/area-{}", file / 400, file / 25);
    if file.is_multiple_of(10) {
        let links: String = (0..5).map(|at| format!("- [see {at}](file-{}.rs)\n", random.below(9_999))).collect();
        return (
            format!("docs/{folder}/page-{file}.md"),
            format!("# Page {file}\n\n{links}\nRead {}.\n", random.hex(400)),
        );
    }
    let note = if file % 50 == 3 { "// TODO: mend the reader of this part\n" } else { "" };
    let key = if file % 1_000 == 7 {
        format!("const KEY: &str = \"{}{}\";\n", "AKIA", capitals(random))
    } else {
        String::new()
    };
    let body: String = (0..20).map(|at| format!("pub const VALUE_{at}: u64 = {};\n", random.next())).collect();
    (format!("src/{folder}/file-{file}.rs"), format!("//! Part {file}.\n{note}{key}{body}"))
}

/// Sixteen capital letters and digits: with the prefix of a cloud's key they look like one, and open nothing.
fn capitals(random: &mut Random) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    (0..16).map(|_| char::from(ALPHABET[random.below(32) as usize])).collect()
}
