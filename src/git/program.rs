//! Running the `git` program: which environment it sees, how long it may take, what comes back.
//! Lives here: the only place of this room that starts a process. Never here: what is run (see `net`).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::errors::GitError;
use super::system;

/// What of the surrounding environment the `git` program may see. Everything else, tokens and keys of other
/// programs included, is kept from it and from the helpers that it starts.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    // As Windows calls them. Without SystemRoot no program there finds the network.
    "SystemRoot",
    "SystemDrive",
    "ComSpec",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "ProgramData",
];

/// Configuration that a user hands over in the environment (`GIT_CONFIG_COUNT`) is passed on up to this many keys.
const CONFIG_KEYS: usize = 100;
/// Standard output beyond this is not kept: a remote with more references is not one we can serve.
const STDOUT_BYTES: u64 = 64 * 1024 * 1024;
/// Standard error beyond this is not kept.
const STDERR_BYTES: u64 = 64 * 1024;
/// How long a process that has ended may keep its pipes open through a child, such as a credential daemon.
const PIPES: Duration = Duration::from_secs(2);

/// The variables that the `git` program sees.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(OsString, OsString)>,
    config: Vec<(String, OsString)>,
    token_host: Option<String>,
    halt: Halt,
}

/// Ends the `git` programs of one environment and of all that were made from it, however long they would have waited for a
/// remote; from then on none begins.
#[derive(Clone, Default)]
pub struct Halt(Arc<Mutex<Halted>>);

#[derive(Default)]
struct Halted {
    is_over: bool,
    running: BTreeSet<u32>,
}

impl Halt {
    /// Ends them.
    pub fn end(&self) {
        let mut halted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halted.is_over = true;
        // Under the lock: who has ended by itself is taken off the list before its number can be another's.
        halted.running.iter().for_each(|group| system::end(*group));
    }

    /// Whether they were ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_over
    }

    fn begin(&self, spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
        let mut halted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halted.is_over {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the process is about to end"));
        }
        let child = spawn()?;
        halted.running.insert(child.id());
        Ok(child)
    }

    fn ended(&self, process: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&process);
    }
}

/// A token that opens the repositories of one host over HTTP.
#[derive(Clone)]
pub struct HttpToken {
    /// The host with its scheme, as in `https://github.com`.
    pub host: String,
    /// The token.
    pub token: String,
}

impl Environment {
    /// What the user's own environment says about git: configuration, credentials, proxies, certificates.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that hands the user's environment to git")]
    pub fn inherited() -> Self {
        let get = |name: &str| std::env::var_os(name);
        let variables = PASSED_ON.iter().filter_map(|name| Some((OsString::from(name), get(name)?))).collect();
        let count = get("GIT_CONFIG_COUNT").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(0);
        let pair = |i: usize| {
            let key = get(&format!("GIT_CONFIG_KEY_{i}"))?.into_string().ok()?;
            Some((key, get(&format!("GIT_CONFIG_VALUE_{i}"))?))
        };
        Self { variables, config: (0..count.min(CONFIG_KEYS)).filter_map(pair).collect(), ..Self::default() }
    }

    /// Nothing of the user's: `path` to find programs, `home` as an empty home, no configuration file at all.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "where Windows itself is stands in its environment alone")]
    pub fn isolated(path: impl Into<OsString>, home: &Path) -> Self {
        let set = |name: &str, value: &OsStr| (OsString::from(name), value.to_owned());
        let mut variables = vec![
            set("PATH", &path.into()),
            set("HOME", home.as_os_str()),
            set("GIT_CONFIG_GLOBAL", OsStr::new("/dev/null")),
            set("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
        ];
        // Nothing of the user's either, and nothing works without it.
        let root = if cfg!(windows) { std::env::var_os("SystemRoot") } else { None };
        variables.extend(root.map(|root| set("SystemRoot", &root)));
        Self { variables, ..Self::default() }
    }

    /// The same with one more variable, or with another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The same with a token for the host of a URL. It is handed over as configuration in the environment, so it shows in
    /// no process list and lies in no file; git sends it to that host alone, and it follows no redirect to another one.
    #[must_use]
    pub fn with_token(mut self, token: &HttpToken) -> Self {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{}", token.token));
        let key = |name: &str| format!("http.{}/.{name}", token.host.trim_end_matches('/'));
        // An empty value first: what a checkout stored for the host would be sent beside it, and two are refused.
        self.config.push((key("extraheader"), OsString::new()));
        self.config.push((key("extraheader"), OsString::from(format!("AUTHORIZATION: basic {basic}"))));
        self.config.push((key("followRedirects"), OsString::from("false")));
        self.token_host = Some(token.host.clone());
        self
    }

    /// Whether a token of our own is used for the host of this key, so that stored headers must stay away.
    pub(super) fn has_token_for(&self, key: &str) -> bool {
        self.token_host.as_ref().is_some_and(|host| key.contains(host.trim_end_matches('/')))
    }

    /// What ends its programs.
    pub(super) fn halt(&self) -> Halt {
        self.halt.clone()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.iter().any(|(known, _)| known == name)
    }
}

/// What a `git` program left behind.
#[derive(Debug)]
pub(super) struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// One call of the `git` program.
pub(super) struct Call<'a> {
    /// The folder that it runs in.
    pub dir: &'a Path,
    /// Its arguments; the first is the verb.
    pub args: &'a [String],
    /// Variables of this call alone.
    pub variables: &'a [(&'a str, &'a OsStr)],
    /// Configuration handed over in the environment, so that it shows in no process list.
    pub config: &'a [(String, OsString)],
    /// The time that it has.
    pub limit: Duration,
}

impl Call<'_> {
    /// Runs it to its end, or ends it with everything that it started when its time is over.
    pub fn run(&self, environment: &Environment) -> Result<Output, GitError> {
        let mut child =
            environment.halt.begin(|| self.command(environment).spawn()).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => GitError::NoGitProgram,
                _ => GitError::RunGit { source },
            })?;
        let process = child.id();
        let (said, heard) = mpsc::channel();
        drain(child.stdout.take(), STDOUT_BYTES, 0, &said);
        drain(child.stderr.take(), STDERR_BYTES, 1, &said);
        let waited = wait(child, self.limit);
        environment.halt.ended(process);
        let status = match waited {
            Waited::Ended(status) => status.map_err(|source| GitError::RunGit { source })?,
            Waited::TooLong => {
                system::end(process);
                let verb = self.args.first().cloned().unwrap_or_default();
                return Err(GitError::GitTimedOut { verb, limit: self.limit });
            }
        };
        let mut pipes = [Vec::new(), Vec::new()];
        for _ in 0..2 {
            // A pipe that stays open belongs to a daemon; what the program itself said has been read by then.
            let Ok((which, bytes)) = heard.recv_timeout(PIPES) else { break };
            let which: usize = which;
            pipes[which] = bytes;
        }
        let [stdout, stderr] = pipes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Output { code: status.code(), stdout, stderr })
    }

    fn command(&self, environment: &Environment) -> Command {
        let mut command = Command::new("git");
        command.args(self.args).current_dir(self.dir).env_clear();
        command.envs(environment.variables.iter().map(|(name, value)| (name, value)));
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GCM_INTERACTIVE", "never");
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_PROTOCOL_FROM_USER", "0");
        // The one list that no configuration can widen: helpers such as `ext::` run what a URL says.
        command.env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh");
        command.envs(self.variables.iter().copied());
        let config = environment.config.iter().chain(self.config);
        let mut count = 0;
        for (key, value) in config {
            command.env(format!("GIT_CONFIG_KEY_{count}"), key).env(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
        if count > 0 {
            command.env("GIT_CONFIG_COUNT", count.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // So that ssh, helpers and hooks of a local remote end with it.
        system::apart(&mut command);
        command
    }
}

enum Waited {
    Ended(io::Result<ExitStatus>),
    TooLong,
}

fn wait(mut child: Child, limit: Duration) -> Waited {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens after a time-out; the child is still reaped here.
        let _ = ended.send(child.wait());
    });
    match end.recv_timeout(limit) {
        Ok(status) => Waited::Ended(status),
        Err(_) => Waited::TooLong,
    }
}

fn drain<R: Read + Send + 'static>(pipe: Option<R>, limit: u64, which: usize, said: &mpsc::Sender<(usize, Vec<u8>)>) {
    let said = said.clone();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A broken pipe ends the reading like its end does; the exit code tells what happened.
            let _ = pipe.by_ref().take(limit).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        let _ = said.send((which, bytes));
    });
}
