//! The process between us and a command: it starts the command, watches what it uses, and ends all that came of it.
//! Lives here: waiting, counting, killing. It knows no key: its environment is empty, and all that it was told is the order.
//! Never here: locking in (see `inside`).

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, set_child_subreaper, wait};

use super::inside::Locks;
use super::{Ended, HELPER, Kind, Order, Report, bubblewrap, processes};

/// How often the processes are counted.
const TICK: Duration = Duration::from_millis(100);
/// How often they are killed until none is left, and how many times at the most.
const KILL_TICK: Duration = Duration::from_millis(10);
const KILL_ROUNDS: usize = 1_000;

enum Event {
    /// The command itself has ended.
    Ended(Ended),
    /// No child is left.
    Alone,
    /// The time is up.
    Time,
    /// Whoever started us has gone.
    Orphaned,
}

/// Carries an order out; `control` ends when whoever gave it is gone or wants no more, `output` takes what is written.
#[must_use]
pub fn supervise(order: &Order, control: impl Read + Send + 'static, output: OwnedFd) -> Report {
    match start(order, output) {
        Ok(child) => {
            let events = watch(child, control, Duration::from_secs(order.limits.seconds));
            follow(order, &events)
        }
        Err(why) => Report { ended: Ended::NotStarted { why }, killed: 0, left: 0 },
    }
}

/// Starts the command. All that it starts and leaves becomes our child.
fn start(order: &Order, output: OwnedFd) -> Result<Pid, String> {
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    set_child_subreaper(Some(rustix::process::getpid())).map_err(|e| format!("orphans cannot be kept: {e}"))?;
    let locks = serde_json::to_string(&Locks::of(order)).map_err(|e| e.to_string())?;
    let mut command = match order.kind {
        Kind::Bubblewrap => {
            let program = bubblewrap::program().ok_or("bubblewrap is not installed")?;
            let mut command = Command::new(program);
            command.args(bubblewrap::arguments(order)).arg(bubblewrap::PROGRAM);
            command
        }
        Kind::Landlock => {
            let mut command = Command::new(&order.program);
            command.current_dir(&order.worktree);
            command
        }
    };
    command.args([HELPER, "--inside", &locks]).env_clear().envs(order.environment.iter().cloned());
    let errors = output.try_clone().map_err(failed("the output"))?;
    let input = order.input.as_ref().map(File::open).transpose().map_err(failed("the input"))?;
    command.stdin(input.map_or_else(Stdio::null, Stdio::from)).stdout(output).stderr(errors).process_group(0);
    // What inherits from us by mistake would be something that whoever started us had open.
    close_fds::set_fds_cloexec(3, &[]);
    let child = command.spawn().map_err(failed("it could not be started"))?;
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| "it has no number".to_owned())
}

fn watch(child: Pid, control: impl Read + Send + 'static, limit: Duration) -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    let waiting = send.clone();
    std::thread::spawn(move || wait_for_all(child, &waiting));
    let timer = send.clone();
    std::thread::spawn(move || {
        // Nobody ever sends: it is only the time that passes.
        let (_keep, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(limit);
        let _ = timer.send(Event::Time);
    });
    std::thread::spawn(move || {
        let mut control = control;
        let mut buffer = [0; 64];
        while matches!(control.read(&mut buffer), Ok(1..)) {}
        let _ = send.send(Event::Orphaned);
    });
    events
}

/// Waits for every child, the inherited ones too, until there is none.
fn wait_for_all(child: Pid, events: &Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                let ended = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Ended::Exited { code },
                    (None, Some(signal)) => Ended::Killed { signal },
                    (None, None) => continue,
                };
                let _ = events.send(Event::Ended(ended));
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                let _ = events.send(Event::Alone);
                return;
            }
        }
    }
}

/// Follows the command to its end, and then ends what is left of it.
fn follow(order: &Order, events: &Receiver<Event>) -> Report {
    let me = std::process::id();
    let ended = loop {
        match events.recv_timeout(TICK) {
            Ok(Event::Ended(ended)) => break ended,
            Ok(Event::Time) => break Ended::Time,
            Ok(Event::Orphaned) => break Ended::Killed { signal: 9 },
            Ok(Event::Alone) | Err(RecvTimeoutError::Disconnected) => {
                return Report { ended: Ended::Killed { signal: 9 }, killed: 0, left: 0 };
            }
            Err(RecvTimeoutError::Timeout) => {
                let all = processes::descendants(me);
                if all.iter().map(|process| process.threads).sum::<u64>() > order.limits.processes {
                    break Ended::Processes;
                }
                if all.iter().map(|process| process.memory).sum::<u64>() > order.limits.memory {
                    break Ended::Memory;
                }
            }
        }
    };
    let mut killed = 0;
    for _ in 0..KILL_ROUNDS {
        killed += processes::kill(&processes::descendants(me));
        if matches!(events.recv_timeout(KILL_TICK), Ok(Event::Alone) | Err(RecvTimeoutError::Disconnected)) {
            return Report { ended, killed, left: 0 };
        }
    }
    // There is a child still, or waiting for it would have ended.
    Report { ended, killed, left: processes::descendants(me).len().max(1) }
}
