//! The two programs that must agree: the reference `openspec` command, and `monkeytown openspec`.
//!
//! Lives here: running them alone with a folder, offline, and reading a folder back. Never here: what must be the same
//! (see `compare`).

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::script;

/// One of the two.
#[derive(Clone, Debug)]
pub enum Program {
    /// The reference in a process that answers more than one question: the folder of tools.
    Reference(PathBuf),
    /// The reference as it is started by people: the folder of tools.
    Command(PathBuf),
    /// Ours: the binary, as the alias of the reference.
    Ours(PathBuf),
    /// Ours in its own spelling.
    Spec(PathBuf),
}

/// How a command ended.
#[derive(Debug, Deserialize)]
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// What it printed, if that is one JSON document. The folder it ran in is named `<root>`.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }
}

impl Program {
    /// The command itself, alone with a folder.
    pub fn command(&self, folder: &Path, home: &Path) -> Command {
        let node = |script: &Path| {
            let mut node = Command::new("node");
            node.arg(script);
            node
        };
        let mut command = match self {
            Self::Reference(tools) => {
                let mut answers = node(&script("openspec-answers.mjs"));
                answers.arg(tools);
                answers
            }
            Self::Command(tools) => node(&tools.join("node_modules/@fission-ai/openspec/bin/openspec.js")),
            Self::Ours(binary) | Self::Spec(binary) => {
                let mut ours = Command::new(binary);
                ours.arg(if matches!(self, Self::Ours(_)) { "openspec" } else { "spec" });
                ours
            }
        };
        command.current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"] {
            command.env(name, home);
        }
        let settings =
            ["OPENSPEC_TELEMETRY=0", "DO_NOT_TRACK=1", "OPENSPEC_NO_UPDATE_CHECK=1", "OPENSPEC_NO_ANIMATION=1"];
        for setting in settings.into_iter().chain(["CI=1", "TZ=UTC", "NO_COLOR=1", "LANG=C.UTF-8"]) {
            let (name, value) = setting.split_once('=').unwrap();
            command.env(name, value);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, folder: &Path, home: &Path, words: &[impl AsRef<str>]) -> Answer {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let mut said = match self {
            Self::Reference(_) => Answering::ask(self, folder, home, &words),
            _ => {
                let output = self.command(folder, home).args(&words).output();
                let output = output.unwrap_or_else(|error| panic!("{self:?}: {error}"));
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Answer { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
            }
        };
        // Paths come out as the system resolves them.
        let named = fs::canonicalize(folder).unwrap().to_string_lossy().into_owned();
        for text in [&mut said.stdout, &mut said.stderr] {
            *text = text.replace(&named, "<root>");
        }
        said
    }
}

/// A process of the reference that waits for the next question: a start takes longer than most answers.
struct Answering {
    _process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Those that nobody is asking now. They end with the tests, when their standard input does.
static IDLE: Mutex<Vec<Answering>> = Mutex::new(Vec::new());

impl Answering {
    fn ask(program: &Program, folder: &Path, home: &Path, words: &[&str]) -> Answer {
        let idle = IDLE.lock().unwrap().pop();
        let mut answering = idle.unwrap_or_else(|| Self::start(program, home));
        let question = json!({ "cwd": folder, "home": home, "words": words });
        writeln!(answering.questions, "{question}").unwrap();
        let mut line = String::new();
        answering.answers.read_line(&mut line).unwrap();
        let answer = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{words:?}: {error}: {line:?}"));
        IDLE.lock().unwrap().push(answering);
        answer
    }

    fn start(program: &Program, home: &Path) -> Self {
        // Not in the folder of the question: it is gone before the process is.
        let mut command = program.command(Path::new("/"), home);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Node is installed");
        let (questions, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { _process: process, questions, answers: BufReader::new(answers) }
    }
}

/// All that stands in a folder: files with their bytes, links with where they lead, folders with nothing.
pub fn everything(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if name == ".git" {
                continue;
            }
            if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.insert(name, Some(format!("-> {}", target.display()).into_bytes()));
            } else if kind.is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}
