//! What this machine can enforce: found out by doing it.
//! Lives here: trying both kinds with a command that does nothing, and what is known about why one does not work.
//! Never here: what is printed of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use super::{Ended, Kind, Limits, Place, Sandbox, Spec, bubblewrap};
use crate::town::network::Allow;

/// What was found out about one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Whether bubblewrap kept a command in, or why not.
    pub bubblewrap: Result<String, String>,
    /// Whether Landlock and the filter on system calls did, or why not.
    pub landlock: Result<String, String>,
    /// What may explain it.
    pub machine: Machine,
}

/// What is known about a machine without trying.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: Option<String>,
    /// The version of Landlock that the kernel has.
    pub landlock_abi: Option<i32>,
    /// Whether the kernel filters system calls.
    pub seccomp: bool,
    /// Whether we are root.
    pub root: bool,
    /// Whether we are in a container, going by the marks that they leave.
    pub container: bool,
    /// Namespaces of users that may exist; `None` where the kernel does not say.
    pub user_namespaces: Option<u64>,
    /// Whether AppArmor, or a Debian kernel, keeps namespaces from users who are not root.
    pub restricted_user_namespaces: bool,
}

/// Why no command can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no sandbox can be enforced on this machine: bubblewrap: {bubblewrap}; Landlock: {landlock}")]
pub struct Refusal {
    /// Why not by bubblewrap.
    pub bubblewrap: String,
    /// Why not by Landlock.
    pub landlock: String,
}

impl Sandbox {
    /// Finds out what can be enforced here. `program` is this program's own file.
    #[must_use]
    pub fn probe(program: &Path) -> Capabilities {
        let machine = machine();
        if !cfg!(target_os = "linux") {
            let why = format!("it is part of Linux, and this is {}", std::env::consts::OS);
            return Capabilities { bubblewrap: Err(why.clone()), landlock: Err(why), machine };
        }
        let version = bubblewrap::program().map(|bwrap| version(&bwrap));
        let bubblewrap = match version {
            None => Err("it is not installed".to_owned()),
            Some(version) => attempt(program, Kind::Bubblewrap).map(|()| version),
        };
        let landlock = attempt(program, Kind::Landlock)
            .map(|()| machine.landlock_abi.map_or_else(|| "unknown".to_owned(), |abi| format!("version {abi}")));
        Capabilities { bubblewrap, landlock, machine }
    }

    /// The strongest of what can be enforced.
    ///
    /// # Errors
    /// [`Refusal`] where there is nothing.
    pub fn choose(found: &Capabilities) -> Result<Kind, Refusal> {
        match (&found.bubblewrap, &found.landlock) {
            (Ok(_), _) => Ok(Kind::Bubblewrap),
            (Err(_), Ok(_)) => Ok(Kind::Landlock),
            (Err(bubblewrap), Err(landlock)) => {
                Err(Refusal { bubblewrap: bubblewrap.clone(), landlock: landlock.clone() })
            }
        }
    }
}

/// Runs a command that does nothing but to write where it may and where it may not.
fn attempt(program: &Path, kind: Kind) -> Result<(), String> {
    let place = Place::new().map_err(|error| error.to_string())?;
    let outcome = Sandbox::new(PathBuf::from(program), kind)
        .run(&Spec {
            input: "",
            command: "echo works >here && ! echo leaks 2>/dev/null >../there && echo $(cat here)",
            place: &place,
            environment: &[("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
            readable: &[],
            network: &Allow::default(),
            doors: &[],
            limits: Limits { seconds: 20, ..Limits::default() },
        })
        .map_err(|error| match error {
            super::SandboxError::NotEnforced { why, .. } => why,
            other => other.to_string(),
        })?;
    let text = outcome.output.text();
    match outcome.report.ended {
        Ended::Exited { code: 0 } if text.trim() == "works" => Ok(()),
        ended => Err(format!("a command that should have worked did not ({ended:?}): {}", text.trim())),
    }
}

fn version(bwrap: &Path) -> String {
    let output = Command::new(bwrap).arg("--version").env_clear().stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.trim().strip_prefix("bubblewrap ").unwrap_or("unknown").to_owned()
}

#[cfg(target_os = "linux")]
fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let is = |path: &str, value: &str| read(path).as_deref() == Some(value);
    Machine {
        kernel: read("/proc/sys/kernel/osrelease"),
        landlock_abi: super::rules::abi().ok(),
        seccomp: Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(),
        root: rustix::process::geteuid().is_root(),
        container: ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists()),
        user_namespaces: read("/proc/sys/user/max_user_namespaces").and_then(|text| text.parse().ok()),
        restricted_user_namespaces: is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
            || is("/proc/sys/kernel/unprivileged_userns_clone", "0"),
    }
}

#[cfg(not(target_os = "linux"))]
fn machine() -> Machine {
    Machine::default()
}
