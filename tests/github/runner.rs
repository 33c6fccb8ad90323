//! A town on the fake GitHub, and runners as Actions has them: each job begins in an empty folder with a clone of depth 1,
//! a token in its environment, and nothing of any other job.
//!
//! Lives here: building the town as a sentence, jobs, and what has to hold at the end. Never here: a test.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake::FakeGithub;

/// The moment at which every story begins.
const MORNING: &str = "2026-11-21T04:20:00Z";

/// A town whose home is on the fake.
pub struct Town {
    pub hub: FakeGithub,
    root: TempDir,
    now: Cell<DateTime<Utc>>,
    jobs: Cell<u32>,
    script: RefCell<Option<PathBuf>>,
}

/// What a command answered.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub json: Value,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    fn of(output: Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let json = serde_json::from_str(&stdout).unwrap_or(Value::Null);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code().unwrap_or(-1), json, stdout, stderr }
    }

    /// The exit code and the outcome that a run reports.
    #[track_caller]
    pub fn ended(&self, code: i32, outcome: &str) -> &Self {
        assert_eq!((self.code, self.json["outcome"].as_str()), (code, Some(outcome)), "{self:#?}");
        self
    }

    /// The exit code, and words in what was said.
    #[track_caller]
    pub fn says(&self, code: i32, words: &str) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(words) || self.stdout.contains(words), "{words:?} is not in {self:#?}");
        self
    }
}

/// A folder of a job, with its clone.
pub struct Job<'t> {
    town: &'t Town,
    pub dir: PathBuf,
    run_id: u32,
    token: Option<String>,
    env: RefCell<Vec<(String, String)>>,
}

pub fn write(path: &str, content: &str) -> Value {
    json!({"calls": [{"name": "Write", "arguments": {"file_path": path, "content": content}}]})
}

pub fn finish(title: &str) -> Value {
    let body = format!("{title}, because somebody has to read it.");
    json!({"calls": [{"name": "Finish", "arguments": {"title": title, "body": body, "evidence": ["README.md:1"]}}]})
}

pub fn nothing(reason: &str) -> Value {
    json!({"calls": [{"name": "NothingToDo", "arguments": {"reason": reason}}]})
}

pub fn asks(question: &str) -> Value {
    json!({"calls": [{"name": "AskHuman", "arguments": {"question": question}}]})
}

pub fn expecting(mut reply: Value, words: &[&str]) -> Value {
    reply["expect"] = json!(words);
    reply
}

impl Town {
    /// A town with these agents; each owns the folder of its name.
    pub fn of(agents: &[&str]) -> Self {
        Self::with(agents, "")
    }

    /// The same with further lines in its settings.
    pub fn with(agents: &[&str], settings: &str) -> Self {
        let hub = FakeGithub::start();
        let town = Self {
            hub,
            root: TempDir::new().unwrap(),
            now: Cell::new(MORNING.parse().unwrap()),
            jobs: Cell::new(0),
            script: RefCell::default(),
        };
        town.hub.set_now(town.now.get());
        let people = "people: { ada: mayor, grace: citizen, eve: witness }\n";
        town.hub.commit_on_branch(
            "main",
            "ada",
            ".monkeytown/town.yaml",
            &format!("name: smalltown\n{people}{settings}"),
        );
        for agent in agents {
            town.hub.commit_on_branch("main", "ada", &format!("agents/{agent}.md"), &charter(agent));
        }
        town
    }

    /// Sets the clock of everybody.
    pub fn at(&self, moment: &str) -> &Self {
        self.now.set(moment.parse().unwrap());
        self.hub.set_now(self.now.get());
        self
    }

    /// Lets time pass.
    pub fn later(&self, minutes: i64) -> &Self {
        self.now.set(self.now.get() + TimeDelta::minutes(minutes));
        self.hub.set_now(self.now.get());
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    /// Writes the script of the brain for the next jobs.
    pub fn says(&self, replies: impl Into<Vec<Value>>) -> &Self {
        let path = self.path(&format!("script-{}.json", self.jobs.get()));
        std::fs::write(&path, json!({"replies": replies.into()}).to_string()).unwrap();
        *self.script.borrow_mut() = Some(path);
        self
    }

    /// A job of a new workflow run, with the token that may write.
    pub fn job(&self) -> Job<'_> {
        self.jobs.set(self.jobs.get() + 1);
        self.job_of(self.jobs.get(), Some(self.hub.token()))
    }

    /// A further job of a workflow run, with this token or none.
    pub fn job_of(&self, run_id: u32, token: Option<&str>) -> Job<'_> {
        let number = self.jobs.get() + 1;
        self.jobs.set(number);
        let dir = self.path(&format!("job-{number}"));
        // As the action for checkouts does it: one commit, no other branch, no origin/HEAD, no credentials on disk.
        let url = self.hub.clone_url();
        let to = dir.to_str().unwrap();
        self.git(self.root.path(), &["init", "-q", "-b", "main", to]);
        self.git(&dir, &["remote", "add", "origin", &url]);
        let tip = self.hub.tip("main").unwrap();
        self.git(
            &dir,
            &["fetch", "-q", "--no-tags", "--depth=1", "origin", &format!("+{tip}:refs/remotes/origin/main")],
        );
        self.git(&dir, &["checkout", "-q", "--force", "-B", "main", "refs/remotes/origin/main"]);
        Job { town: self, dir, run_id, token: token.map(str::to_owned), env: RefCell::default() }
    }

    fn clean(&self, command: &mut Command) {
        command.env_clear().envs([
            ("PATH", std::env::var("PATH").unwrap().as_str()),
            ("HOME", self.root.path().to_str().unwrap()),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("LC_ALL", "C"),
        ]);
    }

    #[track_caller]
    pub fn git(&self, dir: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(dir);
        self.clean(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// One whole run of an agent on a runner of its own.
    pub fn run(&self, agent: &str) -> Done {
        self.job().run(agent, &[])
    }

    /// One sync on a runner of its own.
    #[track_caller]
    pub fn sync(&self) -> Vec<String> {
        let done = self.job().monkeytown(&["sync", "--json"]);
        assert_eq!(done.code, 0, "{done:#?}");
        let news = done.json["news"].as_array().unwrap();
        news.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// Every event of the journal, each checked to be there once.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let log = self.job().monkeytown(&["log", "-n", "0", "--json"]);
        assert_eq!(log.code, 0, "{log:#?}");
        let events: Vec<Value> = log.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), events.len(), "each event once");
        events
    }

    /// The types of all events, without what is common to them.
    #[track_caller]
    pub fn kinds(&self) -> Vec<String> {
        let short = |event: &Value| {
            let kind = event["type"].as_str().unwrap();
            kind.trim_start_matches("monkeytown.").trim_end_matches(".v1").to_owned()
        };
        self.events().iter().map(short).collect()
    }

    /// The payloads of all events of one type.
    #[track_caller]
    pub fn facts(&self, kind: &str) -> Vec<Value> {
        let kind = format!("monkeytown.{kind}.v1");
        let mut events = self.events();
        events.retain(|event| event["type"] == kind.as_str());
        events.into_iter().map(|mut event| event["data"].take()).collect()
    }

    /// The journal has to be as it must be.
    #[track_caller]
    pub fn verify_ok(&self) {
        let verified = self.job().monkeytown(&["log", "verify", "--json"]);
        assert_eq!((verified.code, &verified.json["findings"]), (0, &json!([])), "{verified:#?}");
    }

    /// Numbers and states of the pull requests on GitHub.
    pub fn states(&self) -> Vec<(u64, &'static str)> {
        self.hub.pulls().iter().map(|pull| (pull.number, pull.state)).collect()
    }
}

fn charter(agent: &str) -> String {
    format!(
        "---\nname: {agent}\ndescription: Finds what breaks and writes it down so that it can be mended.\n\
         tools: Read, Grep, Glob, Write, Edit, AskHuman, PostToBoard\nmodel: inherit\nowns: [\"{agent}/**\"]\nsenses: [activity]\n\
         schedule: {{ cron: \"20 */4 * * *\" }}\n---\n\nYou look after {agent}/. Write down what you find, one file for \
         each thing.\n"
    )
}

impl Job<'_> {
    /// With another variable in its environment.
    pub fn env(self, name: &str, value: &str) -> Self {
        self.env.borrow_mut().push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_monkeytown"));
        command.args(args).current_dir(&self.dir);
        self.town.clean(&mut command);
        let hub = &self.town.hub;
        command.envs([
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", "github-actions[bot]"),
            ("GITHUB_EVENT_NAME", "schedule"),
            ("GITHUB_REPOSITORY", &hub.slug()),
            ("GITHUB_API_URL", &hub.api_url()),
            ("GITHUB_SERVER_URL", &hub.server_url()),
            ("GITHUB_RUN_ID", &self.run_id.to_string()),
            ("MONKEYTOWN_NOW", &self.town.now.get().to_rfc3339()),
            ("GIT_COMMITTER_NAME", "runner"),
        ]);
        command.envs(self.token.iter().map(|token| ("GITHUB_TOKEN", token)));
        command.envs(self.env.borrow().iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn monkeytown(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output().unwrap())
    }

    fn arguments(&self, agent: &str, more: &[&str]) -> Vec<String> {
        let mut args: Vec<String> = ["run", agent, "--json"].map(str::to_owned).to_vec();
        let publishes = more.contains(&"publish");
        if let Some(script) = self.town.script.borrow().as_ref().filter(|_| !publishes) {
            args.extend(["--brain".to_owned(), format!("scripted:{}", script.display())]);
        }
        args.extend(more.iter().map(|word| (*word).to_owned()));
        args
    }

    pub fn run(&self, agent: &str, more: &[&str]) -> Done {
        let args = self.arguments(agent, more);
        self.monkeytown(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs until `moment` and kills the process there with a signal that nothing can catch.
    #[track_caller]
    pub fn halt_at(&self, moment: &str, args: &[&str]) {
        let mut child = self.hold_at(moment, args).0;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs an agent until `moment`, lets something happen to the world, and lets the run go on.
    #[track_caller]
    pub fn run_meanwhile(&self, moment: &str, agent: &str, more: &[&str], happens: impl FnOnce()) -> Done {
        let args = self.arguments(agent, more);
        let (mut child, mut lines) = self.hold_at(moment, &args.iter().map(String::as_str).collect::<Vec<_>>());
        happens();
        child.stdin.take().unwrap().write_all(b"c").unwrap();
        let mut stderr = String::new();
        lines.read_to_string(&mut stderr).unwrap();
        let output = child.wait_with_output().unwrap();
        Done { stderr, ..Done::of(output) }
    }

    #[track_caller]
    fn hold_at(&self, moment: &str, args: &[&str]) -> (Child, BufReader<ChildStderr>) {
        let mut command = self.command(args);
        command.env("MONKEYTOWN_HALT_AT", moment).stdin(Stdio::piped());
        #[expect(clippy::zombie_processes, reason = "whoever gets it waits for it")]
        let mut child = command.spawn().unwrap();
        let mut story = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                child.wait().unwrap();
                panic!("it ended before {moment}:\n{story}");
            }
            if line.trim_end() == format!("halted at {moment}") {
                return (child, lines);
            }
            story.push_str(&line);
        }
    }

    /// Runs an agent until `moment`.
    #[track_caller]
    pub fn halt_run_at(&self, moment: &str, agent: &str, more: &[&str]) {
        let args = self.arguments(agent, more);
        self.halt_at(moment, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.town.git(&self.dir, args)
    }
}
