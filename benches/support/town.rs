//! A journal with a plausible past, as long as a bench wants it.
//! Lives here: the sequence of commands, put through the town's own `decide` so that the fold accepts them, and the quick
//! way into a repository (`git fast-import`, then `git gc`, so that everybody reads a pack).

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;

use chrono::{DateTime, Duration, Utc};
use git2::Repository;
use monkeytown::git::journal::codec::{self, Position};
use monkeytown::git::journal::snapshot;
use monkeytown::town::decide::{Command, Gated, Publish, StartRun, decide};
use monkeytown::town::envelope::{Envelope, Stamp};
use monkeytown::town::event::{
    AgentSeen, CallSeen, GatePassed, Offer, Outcome, Reason, RunFinished, RunProposed, Tokens, ToolsCalled, Trigger,
    UsageMetered,
};
use monkeytown::town::fold::Town;
use monkeytown::town::ids::{AgentId, Oid, RunId};
use monkeytown::town::limits::SNAPSHOT_EVERY;

use super::Random;

const AGENTS: [&str; 9] = [
    "founderai",
    "chaosarchitect",
    "simianresearcher",
    "primatedesigner",
    "bananaeconomist",
    "junglesecurity",
    "chaostester",
    "madchimp",
    "monkeybuilder",
];
const WORDS: [&str; 40] = [
    "the",
    "parser",
    "drops",
    "a",
    "trailing",
    "comma",
    "when",
    "test",
    "file",
    "is",
    "empty",
    "and",
    "nobody",
    "sees",
    "it",
    "because",
    "error",
    "was",
    "swallowed",
    "in",
    "src/reader.rs",
    "since",
    "release",
    "two",
    "links",
    "point",
    "nowhere",
    "cache",
    "grows",
    "without",
    "bound",
    "under",
    "load",
    "first",
    "reported",
    "by",
    "review",
    "should",
    "be",
    "mended",
];

/// A town that lives fast.
struct Life {
    town: Town,
    random: Random,
    now: DateTime<Utc>,
    seen: Vec<AgentSeen>,
}

impl Life {
    fn new() -> Self {
        let mut random = Random(7);
        let seen = AGENTS.iter().map(|name| AgentSeen {
            agent: name.parse().expect("a name"),
            owns: vec![
                format!("docs/{name}/**").parse().expect("a pattern"),
                format!("agents/memories/{name}-memory.json").parse().expect("a pattern"),
            ],
            charter: oid(&mut random),
        });
        let seen = seen.collect();
        Self { town: Town::default(), random, now: DateTime::from_timestamp(1_700_000_000, 0).expect("a moment"), seen }
    }

    fn text(&mut self, words: u64) -> String {
        (0..words).map(|_| WORDS[self.random.below(40) as usize]).collect::<Vec<_>>().join(" ")
    }

    /// One append: the commands on the newest state, sealed and applied.
    fn append(&mut self, commands: &[Command]) -> Vec<Envelope> {
        self.now += Duration::milliseconds(1_000 + self.random.below(20_000) as i64);
        let random = u128::from(self.random.next()) << 16;
        let stamp = Stamp { time: self.now, source: "/towns/bench".to_owned(), random };
        let mut sealed = Vec::new();
        for command in commands {
            for draft in decide(&self.town, command, self.now).expect("the town allows it") {
                let envelope = draft.seal(&stamp, sealed.len()).expect("it fits into an event");
                self.town.apply(&envelope).expect("it fits the state");
                sealed.push(envelope);
            }
        }
        sealed
    }

    /// One run as it is recorded: claim, work with its offer, pull request, end; then what a human does about it.
    fn turn(&mut self, which: usize) -> Vec<Vec<Envelope>> {
        let seen = self.seen[which % AGENTS.len()].clone();
        let agent = seen.agent.clone();
        let run = RunId::from_parts(self.now.timestamp_millis() as u64, u128::from(self.random.next()));
        let base = oid(&mut self.random);
        let start = StartRun {
            run: run.clone(),
            agent: seen,
            slot: format!("{}-{which}", self.now.format("%Y-%m-%dT%H:%MZ")).parse().expect("a slot"),
            trigger: Trigger::Schedule,
            base: base.clone(),
            start: base.clone(),
            minutes: 60,
            holder: self.random.hex(32),
            holder_before: None,
            brain: "embedded".to_owned(),
            paused: false,
            runs_per_day: u32::MAX,
            usd_per_run: monkeytown::town::prices::Usd(0),
            usd_per_day: monkeytown::town::prices::Usd(0),
            checkpoint: None,
        };
        let offer = self.offer(&agent, base);
        let mut appends = vec![self.append(&[Command::StartRun(Box::new(start))])];
        appends.push(self.append(&self.work(&run, &agent, &offer)));
        let publish = Publish { run: run.clone(), agent: agent.clone(), offer: offer.clone(), number: None, url: None };
        appends.push(self.append(&[Command::Publish(Box::new(publish))]));
        let number = self.town.open_pull(&agent).expect("it was opened").number;
        appends.push(self.append(&end(run, agent, number)));
        let by = "mayor".to_owned();
        appends.push(match self.random.below(4) {
            0 => {
                let text = self.text(20);
                self.append(&[Command::Reject { number, by, reason: Reason::LowValue, text }])
            }
            _ => {
                let commit = oid(&mut self.random);
                self.append(&[Command::Merge { number, by, commit, edited: false, head: Some(offer.head) }])
            }
        });
        appends
    }

    fn offer(&mut self, agent: &AgentId, base: Oid) -> Offer {
        Offer {
            branch: agent.branch(),
            head: oid(&mut self.random),
            base,
            title: self.text(8),
            body: format!(
                "## What and why\n\n{}\n\n## Evidence\n\n- {}\n- {}\n",
                self.text(60),
                self.text(12),
                self.text(12)
            ),
            draft: false,
            conflicts: Vec::new(),
            paths: (0..3).map(|i| format!("docs/{agent}/page-{i}.md")).collect(),
            files: 3,
            adds: self.random.below(200),
            dels: self.random.below(50),
            content: self.random.hex(64),
        }
    }

    fn work(&self, run: &RunId, agent: &AgentId, offer: &Offer) -> Vec<Command> {
        let mut random = Random(self.random.0 ^ 1);
        let call = |tool: &str, random: &mut Random| CallSeen {
            tool: tool.to_owned(),
            argv_hash: random.hex(16),
            ok: true,
            ms: random.below(900),
            out_hash: random.hex(16),
            truncated: false,
        };
        let calls =
            ["Glob", "Grep", "Read", "Read", "Write", "Finish"].iter().map(|tool| call(tool, &mut random)).collect();
        let passed =
            GatePassed { run: run.clone(), tree: oid(&mut random), checks: 14, files: offer.files, warnings: 0 };
        vec![
            Command::RecordCalls(ToolsCalled { run: run.clone(), first: 0, calls }),
            Command::RecordGate(Gated::Passed(passed)),
            Command::Propose(RunProposed {
                run: run.clone(),
                agent: agent.clone(),
                replaces: None,
                offer: offer.clone(),
            }),
        ]
    }
}

fn end(run: RunId, agent: AgentId, number: u64) -> Vec<Command> {
    let tokens = Tokens { input: 12_000, cached: 4_000, cache_write: 0, output: 1_500, reasoning: 300 };
    let (brain, reason) = ("embedded".to_owned(), format!("pull request #{number} opened"));
    let usage = UsageMetered {
        run: run.clone(),
        agent: agent.clone(),
        brain,
        turns: 4,
        tokens,
        cost_micros: 41_000,
        incomplete: false,
    };
    let finished = RunFinished { run, agent, outcome: Outcome::Opened, reason, pull: Some(number), partial: false };
    vec![Command::Meter(usage), Command::Finish(finished)]
}

fn oid(random: &mut Random) -> Oid {
    random.hex(40).parse().expect("an object id")
}

/// What a generated journal is like.
pub struct Made {
    /// Its events.
    pub events: u64,
    /// Its commits.
    pub commits: u64,
    /// The state at its end.
    pub town: Town,
}

/// Writes a journal of at least `events` events into the bare repository `repo`, then packs it as `git gc` does.
pub fn journal(repo: &Path, events: u64) -> Made {
    super::run_git(repo.parent().expect("a parent"), &["init", "-q", "--bare", "-b", "main", &repo.to_string_lossy()]);
    let git = Repository::open_bare(repo).expect("just made");
    let mut child = super::git(repo)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git fast-import starts");
    let mut out = BufWriter::new(child.stdin.take().expect("a pipe"));
    let mut life = Life::new();
    let mut at = Position { seq: 0, height: 0 };
    let empty = snapshot::write_tree(&git, &Town::default(), at).expect("a tree");
    let mut tree = Some(empty);
    let mut which = 0;
    while at.seq < events {
        // The state between the appends of one turn is not at hand here, so a turn is taken apart by its own fold.
        let mut town = life.town.clone();
        for append in life.turn(which) {
            let subject =
                append.last().and_then(|e| e.event().ok().flatten()).map(|e| e.sentence()).unwrap_or_default();
            let before = at.seq;
            at = Position { seq: at.seq + append.len() as u64, height: at.height + 1 };
            assert!(town.fold_on(&append).is_empty(), "the fold accepts what was decided");
            if at.height > 1 && before / SNAPSHOT_EVERY != at.seq / SNAPSHOT_EVERY {
                tree = Some(snapshot::write_tree(&git, &town, at).expect("a tree"));
            }
            let message = codec::message(&subject, &append, at).expect("a message");
            let seconds = append[0].time.timestamp();
            write!(out, "commit refs/heads/monkeytown/journal\nmark :{}\n", at.height).expect("piped");
            writeln!(out, "committer monkeytown <journal@monkeytown.invalid> {seconds} +0000").expect("piped");
            write!(out, "data {}\n{message}\n", message.len()).expect("piped");
            if let Some(tree) = tree.take() {
                writeln!(out, "M 040000 {tree} ").expect("piped");
            }
        }
        which += 1;
    }
    out.flush().expect("piped");
    drop(out);
    assert!(child.wait().expect("it ends").success(), "git fast-import");
    main_branch(repo);
    super::run_git(repo, &["gc", "--quiet", "--prune=now"]);
    Made { events: at.seq, commits: at.height, town: life.town }
}

/// A default branch with one commit, so that the repository can be cloned.
fn main_branch(repo: &Path) {
    let empty = super::run_git(repo, &["hash-object", "-t", "tree", "-w", "/dev/null"]);
    let commit = super::run_git(repo, &["commit-tree", empty.trim(), "-m", "first"]);
    super::run_git(repo, &["update-ref", "refs/heads/main", commit.trim()]);
}
