//! The fixture: a small town in a temporary folder, and the binary that runs in it.
//! Lives here: building it as a sentence, running commands, killing one at a moment. Never here: a test.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The moment at which every story begins.
pub const MORNING: &str = "2026-11-21T04:20:00Z";

/// A town: one clone of it, with what its next command is told.
pub struct Village {
    root: Rc<TempDir>,
    clone: String,
    now: RefCell<String>,
    env: RefCell<BTreeMap<String, String>>,
    script: RefCell<Option<PathBuf>>,
    scripts: Rc<Cell<u32>>,
}

/// What a command answered.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; -1 after a signal.
    pub code: i32,
    /// Its answer.
    pub stdout: String,
    /// Its answer as JSON, `Null` where it is none.
    pub json: Value,
    /// Its story.
    pub stderr: String,
}

impl Outcome {
    pub fn of(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str(&stdout).unwrap_or(Value::Null);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout, json, stderr }
    }

    /// The outcome that a run reports, such as `opened`; the exit code has to be `code`.
    #[track_caller]
    pub fn ended(&self, code: i32, outcome: &str) -> &Self {
        assert_eq!((self.code, self.json["outcome"].as_str()), (code, Some(outcome)), "{self:#?}");
        self
    }

    /// The exit code has to be `code` and the story has to contain `words`.
    #[track_caller]
    pub fn says(&self, code: i32, words: &str) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(words) || self.stdout.contains(words), "{words:?} is not in {self:#?}");
        self
    }

    /// A field of the answer as text.
    #[track_caller]
    pub fn text(&self, field: &str) -> String {
        self.json[field].as_str().unwrap_or_else(|| panic!("no {field} in {self:#?}")).to_owned()
    }
}

/// A reply that writes one file.
pub fn write(path: &str, content: &str) -> Value {
    json!({"calls": [{"name": "Write", "arguments": {"file_path": path, "content": content}}]})
}

/// A reply that deletes one file.
pub fn delete(path: &str) -> Value {
    json!({"calls": [{"name": "Delete", "arguments": {"file_path": path}}]})
}

/// A reply that ends the run with a proposal.
pub fn finish(title: &str) -> Value {
    let body = format!("{title}, because somebody has to read it.");
    json!({"calls": [{"name": "Finish", "arguments": {"title": title, "body": body, "evidence": ["README.md:1"]}}]})
}

/// A reply that ends the run without one.
pub fn nothing(reason: &str) -> Value {
    json!({"calls": [{"name": "NothingToDo", "arguments": {"reason": reason}}]})
}

/// A reply, but only to a request that contains these words.
pub fn expecting(mut reply: Value, words: &[&str]) -> Value {
    reply["expect"] = json!(words);
    reply
}

impl Village {
    /// A repository with an empty town on `main`, not committed yet.
    #[must_use]
    pub fn new() -> Self {
        let village = Self {
            root: Rc::new(TempDir::new().unwrap()),
            clone: "town".to_owned(),
            now: RefCell::new(MORNING.to_owned()),
            env: RefCell::default(),
            script: RefCell::default(),
            scripts: Rc::default(),
        };
        std::fs::create_dir_all(village.dir()).unwrap();
        village.git(["init", "-q", "-b", "main", "."]);
        village.introduce();
        village.file(".monkeytown/town.yaml", "name: smalltown\nforge: local\n").file("README.md", "# Small town\n")
    }

    /// A town with `chaostester`, who owns `qa/**`, committed.
    #[must_use]
    pub fn small() -> Self {
        Self::new().agent("chaostester", "qa/**").commit("Found the town")
    }

    /// The same town with a bare remote as its home.
    #[must_use]
    pub fn small_with_remote() -> Self {
        Self::small().remote()
    }

    /// With an agent that owns what `owns` matches.
    #[must_use]
    pub fn agent(self, name: &str, owns: &str) -> Self {
        self.agent_with(name, owns, "")
    }

    /// With an agent whose charter has further lines.
    #[must_use]
    pub fn agent_with(self, name: &str, owns: &str, lines: &str) -> Self {
        let charter = format!(
            "---\nname: {name}\ndescription: Finds what breaks and writes it down so that it can be mended.\n\
             tools: Read, Grep, Glob, Write, Edit\nmodel: inherit\nowns: [\"{owns}\"]\nsenses: [activity]\n\
             {lines}---\n\nYou look after {owns}. Write down what you find, one file for each thing.\n"
        );
        self.file(&format!("agents/{name}.md"), &charter)
    }

    /// With further lines in the town file.
    #[must_use]
    pub fn settings(self, lines: &str) -> Self {
        self.file(".monkeytown/town.yaml", &format!("name: smalltown\nforge: local\n{lines}"))
    }

    /// With a file in the working tree.
    #[must_use]
    pub fn file(self, path: &str, content: &str) -> Self {
        self.put(path, content);
        self
    }

    /// With everything in the working tree committed.
    #[must_use]
    pub fn commit(self, message: &str) -> Self {
        self.save(message);
        self
    }

    /// With a bare repository beside it as `origin`.
    #[must_use]
    pub fn remote(self) -> Self {
        let home = self.path("home.git");
        std::fs::create_dir_all(&home).unwrap();
        self.git_in(&home, ["init", "-q", "--bare", "-b", "main", "."]);
        self.git(["remote", "add", "origin", home.to_str().unwrap()]);
        self.git(["push", "-q", "origin", "main"]);
        self.git(["fetch", "-q", "origin"]);
        self.git(["remote", "set-head", "origin", "main"]);
        self
    }

    /// Another clone of the remote, as on another machine.
    #[must_use]
    pub fn another_clone(&self, name: &str) -> Self {
        let home = self.path("home.git");
        self.git_in(self.root.path(), ["clone", "-q", home.to_str().unwrap(), name]);
        self.clone_at(name)
    }

    /// A clone that git made beside this one.
    #[must_use]
    pub fn clone_at(&self, name: &str) -> Self {
        let other = Self {
            root: Rc::clone(&self.root),
            clone: name.to_owned(),
            now: self.now.clone(),
            env: self.env.clone(),
            script: self.script.clone(),
            scripts: Rc::clone(&self.scripts),
        };
        other.introduce();
        other
    }

    fn introduce(&self) {
        self.git(["config", "user.name", "Ada"]);
        self.git(["config", "user.email", "ada@example.invalid"]);
    }

    /// A path beside the clones.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    /// The working tree.
    pub fn dir(&self) -> PathBuf {
        self.path(&self.clone)
    }

    /// Sets the clock.
    pub fn at(&self, moment: &str) -> &Self {
        moment.clone_into(&mut self.now.borrow_mut());
        self
    }

    /// Sets a variable of the environment.
    pub fn with_env(&self, name: &str, value: &str) -> &Self {
        self.env.borrow_mut().insert(name.to_owned(), value.to_owned());
        self
    }

    /// Writes the script of the brain for the next runs.
    pub fn says(&self, replies: impl Into<Vec<Value>>) -> &Self {
        let number = self.scripts.get() + 1;
        self.scripts.set(number);
        let path = self.path(&format!("script-{number}.json"));
        std::fs::write(&path, json!({"replies": replies.into()}).to_string()).unwrap();
        *self.script.borrow_mut() = Some(path);
        self
    }

    /// Writes a file into the working tree.
    pub fn put(&self, path: &str, content: &str) -> &Self {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Commits everything in the working tree, as a human.
    pub fn save(&self, message: &str) -> String {
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }

    /// Runs git in the working tree; it must succeed.
    #[track_caller]
    pub fn git<const N: usize>(&self, args: [&str; N]) -> String {
        self.git_in(&self.dir(), args)
    }

    /// Runs git in the working tree, whatever comes of it.
    pub fn try_git<const N: usize>(&self, args: [&str; N]) {
        self.git_command(&self.dir(), args).output().unwrap();
    }

    /// Runs git in a folder; it must succeed.
    #[track_caller]
    pub fn git_in<const N: usize>(&self, dir: &Path, args: [&str; N]) -> String {
        let output = self.git_command(dir, args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs git in the working tree with something on its standard input; it must succeed.
    #[track_caller]
    pub fn git_with<const N: usize>(&self, args: [&str; N], input: &[u8]) -> String {
        use std::io::Write as _;
        let mut command = self.git_command(&self.dir(), args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// A git command that is not started yet.
    pub fn git_command<const N: usize>(&self, dir: &Path, args: [&str; N]) -> Command {
        let mut command = Command::new("git");
        command.args(args).current_dir(dir);
        self.clean(&mut command);
        command
    }

    /// Nothing of the machine reaches a program: no configuration, no clock, no user.
    fn clean(&self, command: &mut Command) {
        command.env_clear().envs([
            ("PATH", std::env::var("PATH").unwrap().as_str()),
            ("HOME", self.root.path().to_str().unwrap()),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.invalid"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.invalid"),
            ("GIT_AUTHOR_DATE", "1795000000 +0000"),
            ("GIT_COMMITTER_DATE", "1795000000 +0000"),
            ("LC_ALL", "C"),
        ]);
    }

    /// The command, ready to be started in this clone.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_monkeytown"));
        command.args(args).current_dir(self.dir());
        self.clean(&mut command);
        command.env("MONKEYTOWN_NOW", self.now.borrow().as_str()).envs(self.env.borrow().iter());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The command, which finds no room for more than so many half kibibytes in any file, as on a full disk.
    pub fn without_room(&self, blocks: u32, args: &[&str]) -> Command {
        self.limited(&format!("trap '' XFSZ; ulimit -f {blocks}"), args)
    }

    /// The command, behind what a shell does first.
    pub fn limited(&self, first: &str, args: &[&str]) -> Command {
        let plain = self.command(args);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]).arg(plain.get_program()).args(args);
        command.current_dir(self.dir()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    pub fn monkeytown(&self, args: &[&str]) -> Outcome {
        Outcome::of(self.command(args).output().unwrap())
    }

    /// Everything that starts a run of an agent.
    pub fn run_command(&self, agent: &str, more: &[&str]) -> Command {
        self.command(&Self::run_arguments(agent, &self.brain(), more))
    }

    fn run_arguments<'a>(agent: &'a str, brain: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["run", agent, "--json"];
        if !brain.is_empty() {
            args.extend(["--brain", brain]);
        }
        args.extend(more);
        args
    }

    /// The brain that the script makes, as an argument.
    pub fn brain(&self) -> String {
        self.script.borrow().as_ref().map(|path| format!("scripted:{}", path.display())).unwrap_or_default()
    }

    /// Lets an agent have its turn.
    pub fn run(&self, agent: &str) -> Outcome {
        self.run_with(agent, &[])
    }

    /// Lets an agent have its turn, with further arguments.
    pub fn run_with(&self, agent: &str, more: &[&str]) -> Outcome {
        self.monkeytown(&Self::run_arguments(agent, &self.brain(), more))
    }

    /// Starts a run and does not wait for it.
    pub fn start(&self, agent: &str, more: &[&str]) -> Child {
        self.command(&Self::run_arguments(agent, &self.brain(), more)).spawn().unwrap()
    }

    /// Waits for what was started.
    pub fn wait(child: Child) -> Outcome {
        Outcome::of(child.wait_with_output().unwrap())
    }

    /// Lets an agent have its turn until `moment`, and kills it there with a signal that nothing can catch.
    #[track_caller]
    pub fn halt_at(&self, moment: &str, agent: &str, more: &[&str]) -> String {
        let (mut child, story) = self.hold_at(moment, agent, more);
        child.kill().unwrap();
        child.wait().unwrap();
        story
    }

    /// Lets an agent have its turn until `moment`, where it stands still.
    #[track_caller]
    pub fn hold_at(&self, moment: &str, agent: &str, more: &[&str]) -> (Child, String) {
        let mut command = self.command(&Self::run_arguments(agent, &self.brain(), more));
        command.env("MONKEYTOWN_HALT_AT", moment).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut story = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                let mut answer = String::new();
                child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
                panic!("the run ended before {moment}:\n{story}{answer}");
            }
            if line.trim_end() == format!("halted at {moment}") {
                return (child, story);
            }
            story.push_str(&line);
        }
    }

    /// Lets `act` happen when the next command lists the remote's references: after it heard the answer's last word, and
    /// before it knows it. It waits for that, and only the first listing is held up.
    pub fn while_listing(&self, act: &Command) -> &Self {
        let (tools, path) = (self.path("tools"), std::env::var("PATH").unwrap());
        std::fs::create_dir_all(&tools).unwrap();
        let quoted = |text: &OsStr| format!("'{}'", text.to_str().unwrap().replace('\'', "'\\''"));
        let variables =
            act.get_envs().filter_map(|(name, value)| Some(format!("{}={}", name.to_str().unwrap(), quoted(value?))));
        let words: Vec<String> =
            variables.chain([act.get_program()].into_iter().chain(act.get_args()).map(quoted)).collect();
        let script = format!(
            "#!/bin/sh\nPATH={path}\n[ \"$1\" = ls-remote ] && mkdir {once} 2>/dev/null || exec git \"$@\"\n\
             git \"$@\" >{heard} || exit\ncd {place} && env -i {act} >{log} 2>&1 || exit 97\ncat {heard}\n",
            path = quoted(OsStr::new(&path)),
            once = quoted(tools.join("once").as_os_str()),
            heard = quoted(tools.join("heard").as_os_str()),
            log = quoted(tools.join("log").as_os_str()),
            place = quoted(act.get_current_dir().unwrap().as_os_str()),
            act = words.join(" "),
        );
        let program = tools.join("git");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.with_env("PATH", &format!("{}:{path}", tools.display()))
    }

    /// What the act during a listing has said; it must have happened.
    #[track_caller]
    pub fn heard_while_listing(&self) -> String {
        assert!(self.path("tools/once").is_dir(), "nothing was listed");
        std::fs::read_to_string(self.path("tools/log")).unwrap()
    }

    /// All pull requests, closed ones too.
    #[track_caller]
    pub fn pulls(&self) -> Vec<Value> {
        let listed = self.monkeytown(&["pulls", "--all", "--json"]);
        assert_eq!(listed.code, 0, "{listed:#?}");
        listed.json["pulls"].as_array().unwrap().clone()
    }

    /// Number and state of all pull requests.
    #[track_caller]
    pub fn states(&self) -> Vec<(u64, String)> {
        let of = |pull: &Value| (pull["number"].as_u64().unwrap(), pull["state"].as_str().unwrap().to_owned());
        self.pulls().iter().map(of).collect()
    }

    /// Merges a pull request.
    pub fn merge(&self, number: u64) -> Outcome {
        self.monkeytown(&["pulls", "merge", &number.to_string(), "--json"])
    }

    /// Rejects a pull request.
    pub fn reject(&self, number: u64, code: &str, text: &str) -> Outcome {
        self.monkeytown(&["pulls", "reject", &number.to_string(), "--reason", code, text, "--json"])
    }

    /// Every event of the journal.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let log = self.monkeytown(&["log", "-n", "0", "--json"]);
        assert_eq!(log.code, 0, "{log:#?}");
        log.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The types of all events without what is common to them, such as `run.started`.
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
    pub fn verify_ok(&self) -> &Self {
        let verified = self.monkeytown(&["log", "verify", "--json"]);
        assert_eq!((verified.code, &verified.json["findings"]), (0, &json!([])), "{verified:#?}");
        self
    }

    /// The content of a file at a revision.
    #[track_caller]
    pub fn show(&self, revision: &str, path: &str) -> String {
        self.git(["show", &format!("{revision}:{path}")])
    }

    /// What the brain was told in a run: its transcript, as it is kept.
    #[track_caller]
    pub fn transcript(&self, run: &str) -> Value {
        serde_json::from_str(&self.show(&format!("refs/monkeytown/runs/{run}"), "transcript.json")).unwrap()
    }

    /// Every reference, and every object in the store.
    pub fn everything(&self) -> (String, String) {
        let objects = self.git(["cat-file", "--batch-check", "--batch-all-objects", "--unordered"]);
        let mut objects: Vec<&str> = objects.lines().collect();
        objects.sort_unstable();
        (self.git(["for-each-ref"]), objects.join("\n"))
    }
}
