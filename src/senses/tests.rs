//! The project's own tests: the configured command, run in a private checkout.
//! Lives here: starting, stopping and reading one command. Never here: the sandbox of the tools; this command stands in
//! the town's own settings, which only humans change.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Request, checkout, runners};
use crate::git::files::Files;
use crate::git::system;
use crate::town::facts::{TestFacts, TestOutcome, TestRun};

/// Bytes of output that are kept: the end says what failed.
const TAIL: usize = 64 * 1024;
/// How long output may still trickle in after everything was stopped.
const GRACE: Duration = Duration::from_secs(2);

pub(super) fn sense(request: &Request<'_>, files: &Files<'_>) -> TestFacts {
    let Some(tests) = request.test_command else {
        return TestFacts { suggested: suggested(files), ..TestFacts::default() };
    };
    let limit = Limit { minutes: tests.minutes, time: Duration::from_secs(u64::from(tests.minutes) * 60) };
    let run = run(&tests.command, limit, files, request.environment);
    TestFacts { command: Some(tests.command.clone()), suggested: Vec::new(), run: Some(run) }
}

/// What the manifests at the top suggest.
fn suggested(files: &Files<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let has = |path: &str| files.get(path).is_some();
    if has("Cargo.toml") {
        out.push("cargo test".to_owned());
    }
    if let Some(text) = files.read_text("package.json", 1024 * 1024) {
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if json["scripts"]["test"].as_str().is_some_and(|script| !script.contains("no test specified")) {
            out.push("npm test".to_owned());
        }
    }
    let python = |path: &str| files.read_text(path, 1024 * 1024).is_some_and(|text| text.contains("pytest"));
    if has("pytest.ini") || ["pyproject.toml", "setup.cfg", "tox.ini", "requirements-dev.txt"].into_iter().any(python) {
        out.push("pytest".to_owned());
    }
    if has("go.mod") {
        out.push("go test ./...".to_owned());
    }
    let makefile = files.read_text("Makefile", 1024 * 1024).unwrap_or_default();
    if makefile.lines().any(|line| line.starts_with("test:")) {
        out.push("make test".to_owned());
    }
    out
}

#[derive(Clone, Copy)]
struct Limit {
    minutes: u32,
    time: Duration,
}

fn run(command: &str, limit: Limit, files: &Files<'_>, environment: &[(String, String)]) -> TestRun {
    let not_run = |why: String| TestRun {
        outcome: TestOutcome::NotRun { why },
        summary: None,
        tail: String::new(),
        cut: 0,
        skipped: 0,
    };
    let Ok(place) = tempfile::Builder::new().prefix("town-tests-").tempdir() else {
        return not_run("no temporary folder could be made".to_owned());
    };
    let (root, home, temp) = (place.path().join("checkout"), place.path().join("home"), place.path().join("tmp"));
    if [&root, &home, &temp].into_iter().any(|folder| std::fs::create_dir(folder).is_err()) {
        return not_run("no temporary folder could be made".to_owned());
    }
    let skipped = match checkout::write(files, &root) {
        Ok(skipped) => skipped,
        Err(error) => return not_run(format!("the files could not be written: {}", error.kind())),
    };
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(guarded(command, limit.time))
        .current_dir(&root)
        .env_clear()
        .envs(environment.iter().map(|(key, value)| (key, value)));
    shell.env("LANG", "C.UTF-8").env("HOME", &home).env("TMPDIR", &temp).stdin(Stdio::null());
    system::apart(&mut shell);
    match execute(shell, limit) {
        Err(error) => not_run(format!("`sh` could not be started: {}", error.kind())),
        Ok((outcome, tail, cut)) => {
            let text = shown(&tail, place.path());
            TestRun { outcome, summary: runners::summary(&text), tail: text, cut, skipped }
        }
    }
}

/// The command with a bound on its processor time that the system keeps, so that it ends by itself where we are killed
/// before we can end it.
fn guarded(command: &str, limit: Duration) -> String {
    format!("ulimit -t {} 2>/dev/null\n{command}", limit.as_secs().saturating_mul(2).max(60))
}

/// The output as text, without the name of the temporary folder, which differs each time.
fn shown(tail: &[u8], place: &Path) -> String {
    let text = String::from_utf8_lossy(tail);
    let root = place.join("checkout");
    text.replace(&*root.to_string_lossy(), ".").replace(&*place.to_string_lossy(), "/tmp")
}

/// Runs the command to its end or its limit. Both outputs go into one pipe, so that they keep their order.
fn execute(mut shell: Command, limit: Limit) -> std::io::Result<(TestOutcome, Vec<u8>, u64)> {
    let (reader, writer) = std::io::pipe()?;
    shell.stdout(writer.try_clone()?).stderr(writer);
    let child = shell.spawn()?;
    // The command holds our ends of the pipe; while it lives, the reader would wait for us.
    drop(shell);
    let process = child.id();
    let tail = Arc::new(Mutex::new(Tail::default()));
    let read_done = read_into(reader, Arc::clone(&tail));
    let exited = wait_for(child);
    let outcome = match exited.recv_timeout(limit.time) {
        Ok(status) => status.map_or(TestOutcome::Killed, outcome_of),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            TestOutcome::TimedOut { minutes: limit.minutes }
        }
    };
    // What the command left running in its group goes with it, whether it ended well or not. Where there are no groups, the
    // number of a process that has ended may be somebody else's by now.
    if cfg!(unix) || matches!(outcome, TestOutcome::TimedOut { .. }) {
        system::end(process);
    }
    if matches!(outcome, TestOutcome::TimedOut { .. }) {
        // Waits until the shell is really gone; a process that cannot be killed must not hold us for ever.
        let _gone = exited.recv_timeout(GRACE);
    }
    // A process that left the group may still hold the pipe; what has come until now is enough then.
    let _all = read_done.recv_timeout(GRACE);
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((outcome, tail.bytes.iter().copied().collect(), tail.cut))
}

fn outcome_of(status: ExitStatus) -> TestOutcome {
    status.code().map_or(TestOutcome::Killed, |code| TestOutcome::Exited { code })
}

fn wait_for(mut child: Child) -> mpsc::Receiver<std::io::Result<ExitStatus>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = send.send(child.wait());
    });
    receive
}

#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
    cut: u64,
}

fn read_into(mut reader: std::io::PipeReader, tail: Arc<Mutex<Tail>>) -> mpsc::Receiver<()> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.bytes.extend(&buffer[..count]);
            let over = tail.bytes.len().saturating_sub(TAIL);
            tail.bytes.drain(..over);
            tail.cut += over as u64;
        }
        let _ = send.send(());
    });
    receive
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "tests_tests.rs"]
mod tests_tests;
