//! What the process was given: the environment, the clock, files of a working directory.
//!
//! Lives here: the only code that reads them. Everything else takes what it needs as an argument, so that a test can
//! say what time it is. Never here: what any of it means for a town.

pub mod files;
pub mod parallel;
pub mod spec_apply;
pub mod spec_place;
pub mod spec_tree;
pub mod texts;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, SubsecRound as _, Utc};

/// A value that must never be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for the one place that uses it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A snapshot of the environment.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<String, Secret>,
    program: Option<PathBuf>,
}

/// What GitHub's runner says about where it runs.
#[derive(Clone, Debug)]
pub struct GithubEnv {
    /// `owner/name`.
    pub repository: Option<String>,
    /// Where the REST API answers.
    pub api_url: Option<String>,
    /// Where people and git go; GitHub's own unless the runner says otherwise.
    pub server_url: String,
    /// What started the workflow.
    pub event_name: Option<String>,
    /// The workflow run; a re-run has the same.
    pub run_id: Option<String>,
}

/// A variable that is set and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name} is {value:?}, and it must be {expected}")]
pub struct BadVariable {
    /// Which.
    pub name: &'static str,
    /// What it is.
    pub value: String,
    /// What it must be.
    pub expected: &'static str,
}

/// Names whose values are secrets by what they are called.
const SECRET_NAMES: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "PRIVATE_KEY"];
/// A shorter value is no secret that could be recognised in a text.
const SECRET_LENGTH: usize = 6;

/// A file that holds more is no secret's.
const SECRET_BYTES: u64 = 4_096;

/// Variables that say where a toolchain lives, and where it lives below the home folder when they are not set.
const TOOLCHAINS: [(&str, &str); 6] = [
    ("RUSTUP_HOME", ".rustup"),
    ("CARGO_HOME", ".cargo"),
    ("GOPATH", "go"),
    ("PYENV_ROOT", ".pyenv"),
    ("NVM_DIR", ".nvm"),
    ("JAVA_HOME", ".java"),
];

/// The variable that names the home folder.
const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
/// Variables without which programs of Windows do not start, or do not find one another.
const SYSTEM: &[&str] = if cfg!(windows) { &["SYSTEMROOT", "COMSPEC", "PATHEXT"] } else { &[] };

impl Env {
    /// Reads the environment of the process, once.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn from_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = name.into_string().ok()?;
            // Windows takes `Path` and `PATH` for one name.
            let name = if cfg!(windows) { name.to_ascii_uppercase() } else { name };
            Some((name, Secret(value.into_string().ok()?)))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect(), program: std::env::current_exe().ok() }
    }

    /// The arguments of the process, its own name first.
    #[must_use]
    pub fn arguments() -> Vec<std::ffi::OsString> {
        std::env::args_os().collect()
    }

    /// An environment as a test wants it.
    #[must_use]
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), Secret(value.to_owned()));
        Self { variables: variables.into_iter().map(pair).collect(), program: None }
    }

    /// The value of a variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(Secret::reveal).filter(|value| !value.is_empty())
    }

    /// How a person starts this program again: by its name where their shell finds it, else by its path.
    #[must_use]
    pub fn program(&self) -> String {
        let name = "monkeytown";
        let Some(program) = &self.program else { return name.to_owned() };
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let found = std::env::split_paths(self.path()).any(|folder| folder.join(&file) == *program);
        if found { name.to_owned() } else { program.display().to_string() }
    }

    /// This program's own file.
    #[must_use]
    pub fn executable(&self) -> Option<&std::path::Path> {
        self.program.as_deref()
    }

    /// Whether a runner of GitHub Actions started us.
    #[must_use]
    pub fn is_actions(&self) -> bool {
        self.get("GITHUB_ACTIONS") == Some("true")
    }

    /// Whether some CI started us, so that people read a log instead of a terminal.
    #[must_use]
    pub fn is_ci(&self) -> bool {
        self.is_actions() || self.get("CI").is_some_and(|ci| ci != "false" && ci != "0")
    }

    /// Whether a schedule started us.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.get("GITHUB_EVENT_NAME") == Some("schedule")
    }

    /// What GitHub's runner says about where it runs.
    #[must_use]
    pub fn github(&self) -> GithubEnv {
        let get = |name: &str| self.get(name).map(str::to_owned);
        GithubEnv {
            repository: get("GITHUB_REPOSITORY"),
            api_url: get("GITHUB_API_URL"),
            server_url: get("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned()),
            event_name: get("GITHUB_EVENT_NAME"),
            run_id: get("GITHUB_RUN_ID").filter(|_| self.is_actions()),
        }
    }

    /// A secret by the name of its variable.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(|value| Secret(value.trim().to_owned()))
    }

    /// Where GitHub's runner wants the step summary.
    #[must_use]
    pub fn step_summary(&self) -> Option<PathBuf> {
        self.get("GITHUB_STEP_SUMMARY").filter(|_| self.is_actions()).map(PathBuf::from)
    }

    /// Where GitHub's runner wants the step's outputs.
    #[must_use]
    pub fn output(&self) -> Option<PathBuf> {
        self.get("GITHUB_OUTPUT").filter(|_| self.is_actions()).map(PathBuf::from)
    }

    /// The `PATH` for commands of the project.
    #[must_use]
    pub fn path(&self) -> &str {
        self.get("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin")
    }

    /// What commands of the project find their tools by: `PATH`, and where toolchains live that are found below the home
    /// folder otherwise, since such a command gets an empty one.
    #[must_use]
    pub fn tools(&self) -> Vec<(String, String)> {
        let home = self.get(HOME).map(PathBuf::from);
        let system = SYSTEM.iter().filter_map(|name| Some(((*name).to_owned(), self.get(name)?.to_owned())));
        let place = |(name, below): &(&str, &str)| {
            let said = self.get(name).map(str::to_owned);
            let usual = || home.as_ref().map(|home| home.join(below)).filter(|place| place.is_dir());
            let found = said.or_else(|| usual()?.to_str().map(str::to_owned))?;
            Some(((*name).to_owned(), found))
        };
        let toolchains = TOOLCHAINS.iter().filter_map(place);
        std::iter::once(("PATH".to_owned(), self.path().to_owned())).chain(system).chain(toolchains).collect()
    }

    /// Values that must be masked wherever we write: what is called a secret, and what `key_env` names.
    #[must_use]
    pub fn secrets(&self, key_env: Option<&str>) -> Vec<String> {
        let secret = |name: &str| SECRET_NAMES.iter().any(|part| name.contains(part)) || Some(name) == key_env;
        let mut values: Vec<String> = self
            .variables
            .iter()
            .filter(|(name, value)| secret(name) && value.reveal().len() >= SECRET_LENGTH)
            .map(|(_, value)| value.reveal().to_owned())
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        values
    }

    /// The clock: the system's, or the fixed moment of `MONKEYTOWN_NOW` (RFC 3339) for tests and replays.
    ///
    /// # Errors
    /// [`BadVariable`] when that is set to something else.
    pub fn clock(&self) -> Result<Clock, BadVariable> {
        let name = "MONKEYTOWN_NOW";
        let Some(value) = self.get(name) else { return Ok(Clock::System) };
        let parsed = DateTime::parse_from_rfc3339(value).map(|time| Clock::Fixed(time.to_utc()));
        parsed.map_err(|_| BadVariable {
            name,
            value: value.to_owned(),
            expected: "a moment as in RFC 3339, for example 2026-11-21T04:20:00Z",
        })
    }

    /// The moment of a run at which a test wants the process to stand still, so that it can be killed there.
    /// Builds for release have no such moments.
    #[must_use]
    pub fn halt_at(&self) -> Option<&str> {
        if cfg!(debug_assertions) { self.get("MONKEYTOWN_HALT_AT") } else { None }
    }
}

/// Where the time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// From the system.
    System,
    /// It stands still.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The moment that it is, in whole milliseconds.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn now(self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(3),
            Self::Fixed(time) => time,
        }
    }

    /// The day that it is in the time zone of this machine, as `2026-01-31`.
    #[must_use]
    pub fn local_day(self) -> String {
        self.now().with_timezone(&chrono::Local).format("%Y-%m-%d").to_string()
    }
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Milliseconds since then.
    #[must_use]
    pub fn millis(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Microseconds since then.
    #[must_use]
    pub fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A secret that nobody can guess: 256 bits of the system's randomness, as text for an address or a header.
///
/// # Errors
/// When the system has none.
pub fn secret() -> std::io::Result<Secret> {
    use base64::Engine as _;
    let bytes = secret_bytes().ok_or_else(|| std::io::Error::other("the system gives no randomness for a secret"))?;
    Ok(Secret(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
}

/// The secret that stands in a file, without the space around it; nothing where there is none.
///
/// # Errors
/// When the file cannot be read, is no text, or is far longer than a secret.
pub fn secret_in(path: &std::path::Path) -> std::io::Result<Option<Secret>> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(SECRET_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES {
        return Err(std::io::Error::other("it is too long for a secret"));
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Secret(text.to_owned())))
}

/// Randomness for ids: 80 bits are used.
#[must_use]
pub fn random() -> u128 {
    ulid::Ulid::generate().random()
}

/// Randomness for a secret, where the system gives any.
#[must_use]
pub fn secret_bytes() -> Option<[u8; 32]> {
    ring::rand::generate(&ring::rand::SystemRandom::new()).ok().map(ring::rand::Random::expose)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_and_never_shown() {
        let value = ["hush", "hush", "hush"].concat();
        let env = Env::of([("MY_TOKEN", value.as_str()), ("LLM", "abcdefgh"), ("HOME", "/home/x"), ("A_TOKEN", "ab")]);
        assert_eq!(env.secrets(Some("LLM")), [value.clone(), "abcdefgh".to_owned()]);
        assert!(!format!("{env:?}").contains(&value));
    }

    #[test]
    fn toolchains_are_found_by_their_variable_or_below_the_home_folder() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".cargo")).unwrap();
        let path = home.path().to_str().unwrap();
        let env = Env::of([("PATH", "/bin"), ("HOME", path), ("GOPATH", "/go"), ("SECRET", "abcdefgh")]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let cargo = home.path().join(".cargo");
        let wanted = [pair("PATH", "/bin"), pair("CARGO_HOME", cargo.to_str().unwrap()), pair("GOPATH", "/go")];
        assert_eq!(env.tools(), wanted);
    }

    #[test]
    fn the_clock_can_stand_still() {
        let env = Env::of([("MONKEYTOWN_NOW", "2026-11-21T04:20:00+01:00")]);
        assert_eq!(env.clock().unwrap().now().to_rfc3339(), "2026-11-21T03:20:00+00:00");
        let wrong = Env::of([("MONKEYTOWN_NOW", "tomorrow")]).clock().unwrap_err();
        assert!(wrong.to_string().contains("RFC 3339"));
    }

    #[test]
    fn outputs_go_to_files_only_under_actions() {
        let env = Env::of([("GITHUB_OUTPUT", "/tmp/out")]);
        assert_eq!(env.output(), None);
        assert!(!env.is_ci());
        assert!(Env::of([("CI", "true")]).is_ci());
    }

    #[test]
    fn randomness_differs() {
        assert_ne!(random(), random());
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert!(one != other && one.reveal().len() == 43, "256 bits of base64");
    }
}
