//! Where commands run that an agent chose: a worktree and a private folder are all that they can write, and nobody hears them.
//!
//! Lives here: what a command is given and what came of it. The work is done by two further processes, because what is
//! given up here is given up for good: a supervisor that ends everything it started ([`supervise`]), and what becomes
//! the command once it has locked itself in ([`inside`]). Both are this program again, as `monkeytown sandbox-exec`.
//! Neither is ever given a key. Never here: which command runs, what becomes of the files it left.
//! Start with [`Sandbox::run`].

pub mod attend;
#[cfg(target_os = "linux")]
mod bridge;
// Elsewhere only its names of folders are used.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
mod bubblewrap;
mod capture;
mod door;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
pub mod inside;
mod place;
mod probe;
#[cfg(target_os = "linux")]
mod processes;
mod proxy;
#[cfg(target_os = "linux")]
mod rules;
#[cfg(target_os = "linux")]
pub mod supervise;

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::git::system;
use crate::town::network::Allow;

pub use capture::Captured;
pub use door::{Door, PROXY_PORT, RELAY_PORT};
pub use place::Place;
pub use probe::{Capabilities, Machine, Refusal};
use proxy::Proxy;

/// The hidden command that both helpers are.
pub const HELPER: &str = "sandbox-exec";
/// What a helper writes before the reason, where it could not lock itself in.
const NOT_LOCKED_IN: &str = "monkeytown sandbox: ";
/// The exit code that goes with it.
const NOT_LOCKED_IN_CODE: i32 = 125;
/// A report is a line; more than this is none.
const REPORT_BYTES: u64 = 64 * 1024;
/// How long the output may stay open when nothing is left that could write to it.
const PIPE: Duration = Duration::from_secs(10);

/// What is said where hosts should be reached and none can be.
pub const NO_WAY_OUT: &str = "no network: under Landlock there are no sockets, so network.allow has no effect";

/// What keeps a command in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Namespaces of its own, made by bubblewrap, and a filter on system calls.
    Bubblewrap,
    /// Landlock, and a stricter filter on system calls.
    Landlock,
}

impl Kind {
    /// Both, the stronger one first.
    pub const ALL: [Self; 2] = [Self::Bubblewrap, Self::Landlock];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
        }
    }

    /// Whether a command has a network of its own, which ways to the outside can be opened in.
    #[must_use]
    pub const fn has_network(self) -> bool {
        matches!(self, Self::Bubblewrap)
    }
}

/// How much a command may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds from start to end.
    pub seconds: u64,
    /// Seconds of processor time, of each process.
    pub cpu_seconds: u64,
    /// Bytes of memory, of all processes together; a single one may have no more either.
    pub memory: u64,
    /// Processes and threads at the same time.
    pub processes: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of output that are kept.
    pub kept: usize,
    /// Bytes of output after which it is ended.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seconds: 120,
            cpu_seconds: 600,
            memory: 4 << 30,
            processes: 512,
            file: 1 << 30,
            kept: 30_000,
            output: 64 << 20,
        }
    }
}

/// A command, and all that it is given.
pub struct Spec<'a> {
    /// The command, for a shell.
    pub command: &'a str,
    /// What it reads on its standard input.
    pub input: &'a str,
    /// Where it works.
    pub place: &'a Place,
    /// Every variable that it sees, besides those that name its folders.
    pub environment: &'a [(String, String)],
    /// What it may read and run besides the system's own programs, such as toolchains.
    pub readable: &'a [PathBuf],
    /// The hosts that it may reach; nothing else of the network is there.
    pub network: &'a Allow,
    /// Further ways to the outside, each answered by somebody else of ours.
    pub doors: &'a [Door],
    /// How much it may use.
    pub limits: Limits,
}

/// Why a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "ended")]
pub enum Ended {
    /// By itself, with this exit code.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// By a signal; limits of single processes end them this way.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// It had no time left.
    Time,
    /// Its processes had more memory than they may have.
    Memory,
    /// There were more processes than there may be.
    Processes,
    /// It wrote more than anybody would read.
    Output,
    /// It could not be started.
    NotStarted {
        /// Why.
        why: String,
    },
}

/// What the supervisor says at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Why the command ended.
    pub ended: Ended,
    /// Processes that were still there and were killed.
    pub killed: usize,
    /// Processes that could not be killed.
    pub left: usize,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub report: Report,
    /// What it wrote, both streams in their order.
    pub output: Captured,
    /// What came of the network that it may reach, as sentences without brackets.
    pub network: Vec<String>,
}

impl Outcome {
    /// The exit code, as a shell would say it.
    #[must_use]
    pub const fn exit(&self) -> i32 {
        match self.report.ended {
            Ended::Exited { code } => code,
            Ended::Killed { signal } => 128 + signal,
            _ => 137,
        }
    }
}

/// Why nothing ran.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The sandbox could not be enforced after all.
    #[error("the sandbox ({}) could not be enforced: {why}", kind.name())]
    NotEnforced {
        /// Which.
        kind: Kind,
        /// Why.
        why: String,
    },
    /// A folder could not be made or handed over.
    #[error("the sandbox's folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The supervisor could not be started, or went away without a report.
    #[error("the sandbox's supervisor")]
    Supervisor(#[source] std::io::Error),
}

/// What the supervisor is told: one line of JSON on its standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    kind: Kind,
    command: String,
    program: PathBuf,
    worktree: PathBuf,
    temp: PathBuf,
    environment: Vec<(String, String)>,
    readable: Vec<PathBuf>,
    /// Who the command runs as, where we are root.
    user: Option<u32>,
    limits: Limits,
    /// The file that is the command's standard input.
    #[serde(default)]
    input: Option<PathBuf>,
    #[serde(default)]
    doors: Vec<Door>,
}

/// A sandbox that this machine can enforce.
#[derive(Clone, Debug)]
pub struct Sandbox {
    program: PathBuf,
    kind: Kind,
}

impl Sandbox {
    /// A sandbox of this kind; `program` is this program's own file.
    #[must_use]
    pub const fn new(program: PathBuf, kind: Kind) -> Self {
        Self { program, kind }
    }

    /// What keeps commands in.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Runs a command to its end, or to the end of what it may use. Nothing that it started is left afterwards.
    ///
    /// # Errors
    /// [`SandboxError`] where nothing ran because it could not be kept in.
    pub fn run(&self, spec: &Spec<'_>) -> Result<Outcome, SandboxError> {
        let (proxy, mut network) = self.way_out(spec)?;
        let input = (!spec.input.is_empty()).then(|| spec.place.input(spec.input)).transpose()?;
        spec.place.hand_over()?;
        let proxy_door = proxy.as_ref().map(|_| spec.place.door(PROXY_PORT));
        // Without a network of its own a command has no loopback that a door could be at.
        let doors = spec.doors.iter().filter(|_| self.kind.has_network()).cloned();
        let order = Order {
            kind: self.kind,
            command: spec.command.to_owned(),
            program: self.program.clone(),
            worktree: spec.place.worktree(),
            temp: spec.place.temp(),
            environment: self.environment(spec, proxy.is_some()),
            readable: spec.readable.to_vec(),
            user: spec.place.user(),
            limits: spec.limits.clone(),
            input,
            doors: doors.chain(proxy_door).collect(),
        };
        let outcome = self.supervised(&order).map_err(SandboxError::Supervisor);
        network.extend(proxy.map(Proxy::close).unwrap_or_default());
        let outcome = Outcome { network, ..outcome? };
        let not_enforced = |why: &str| Err(SandboxError::NotEnforced { kind: self.kind, why: why.trim().to_owned() });
        match &outcome.report.ended {
            Ended::NotStarted { why } => not_enforced(why),
            // A command that pretends this harms only itself.
            Ended::Exited { code: NOT_LOCKED_IN_CODE } if outcome.output.head().starts_with(NOT_LOCKED_IN) => {
                not_enforced(&outcome.output.head()[NOT_LOCKED_IN.len()..])
            }
            // Bubblewrap's own words, before anything of ours ran.
            Ended::Exited { code: 1 } if outcome.output.head().starts_with("bwrap: ") => {
                not_enforced(outcome.output.head().lines().next().unwrap_or_default())
            }
            _ => Ok(outcome),
        }
    }

    /// Opens the way to the hosts that may be reached; says why there is none where it should be.
    fn way_out(&self, spec: &Spec<'_>) -> Result<(Option<Proxy>, Vec<String>), SandboxError> {
        if spec.network.is_empty() {
            return Ok((None, Vec::new()));
        }
        if !self.kind.has_network() {
            return Ok((None, vec![NO_WAY_OUT.to_owned()]));
        }
        let socket = spec.place.door(PROXY_PORT).socket;
        match Proxy::open(&socket, spec.network) {
            Ok(proxy) => Ok((Some(proxy), Vec::new())),
            Err(source) => Err(SandboxError::Folder { path: socket, source }),
        }
    }

    /// The variables that a command sees: those it is given, those that name its folders, and those that name the proxy.
    fn environment(&self, spec: &Spec<'_>, proxied: bool) -> Vec<(String, String)> {
        let temp = match self.kind {
            Kind::Bubblewrap => PathBuf::from(bubblewrap::TEMP),
            Kind::Landlock => spec.place.temp(),
        };
        let path = |below: &str| temp.join(below).to_string_lossy().into_owned();
        let own = [
            ("HOME", path("home")),
            ("TMPDIR", temp.to_string_lossy().into_owned()),
            ("CARGO_TARGET_DIR", path("target")),
            ("CARGO_NET_OFFLINE", (!proxied).to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "dumb".to_owned()),
        ];
        let mut own: Vec<_> = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        own.extend(door::proxy_variables().filter(|_| proxied));
        let given = spec.environment.iter().filter(|(name, _)| own.iter().all(|(other, _)| name != other)).cloned();
        given.collect::<Vec<_>>().into_iter().chain(own).collect()
    }

    fn supervised(&self, order: &Order) -> std::io::Result<Outcome> {
        let (reader, writer) = std::io::pipe()?;
        let mut command = Command::new(&self.program);
        system::apart(&mut command).arg(HELPER).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer);
        let mut child = command.spawn()?;
        // It holds our end of the pipe; while it lives, the reader would wait for us.
        drop(command);
        let control = Arc::new(Mutex::new(child.stdin.take()));
        let close =
            |control: &Mutex<Option<ChildStdin>>| drop(control.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(stdin) = control.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let line = serde_json::to_string(order)?;
            writeln!(stdin, "{line}")?;
        }
        // The supervisor takes the end of its input for our death, so it stays open; it is closed early only to end a flood.
        let (kept, limit, flood) = (order.limits.kept, order.limits.output, Arc::clone(&control));
        let (send, captured) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = send.send(capture::capture(reader, kept, limit, || close(&flood)));
        });
        let mut report = String::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(REPORT_BYTES).read_to_string(&mut report)?;
        }
        let status = child.wait()?;
        // With the supervisor all that it started is gone, or somebody has got away with our pipe.
        let output = captured.recv_timeout(PIPE).map_err(|_| {
            std::io::Error::other("something that the command started is still alive, and holds its output open")
        })??;
        let flooded = output.total > order.limits.output;
        close(&control);
        let mut report: Report = serde_json::from_str(&report).map_err(|_| {
            let said: String = output.head().chars().take(300).collect();
            std::io::Error::other(format!("it ended without a report ({status}): {said}"))
        })?;
        if flooded {
            report.ended = Ended::Output;
        }
        Ok(Outcome { report, output, network: Vec::new() })
    }
}
