//! What Landlock lets a command reach: the same folders that bubblewrap would show it.
//! Lives here: paths and what may be done at them. Never here: system calls, which Landlock does not know (see `filter`).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::bubblewrap::{PROGRAMS, SETTINGS};

/// The version that is asked for: the first that keeps signals and abstract sockets in. It came with Linux 6.12.
const WANTED: ABI = ABI::V6;
/// What programs ask the kernel about the machine. There is no process in it.
const MACHINE: [&str; 6] = [
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/filesystems",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
];
/// Devices that are no machine's.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// What the kernel has of Landlock. It only says so to who restricts itself: a thread does, and ends.
pub(super) fn abi() -> Result<i32, String> {
    let restrict = || {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        let created = ruleset.handle_access(AccessFs::MakeBlock)?.create()?;
        created.restrict_self().map(|status| status.landlock)
    };
    let status = std::thread::spawn(restrict).join().map_err(|_| "Landlock cannot be asked for".to_owned())?;
    match status.map_err(|error| chain(&error))? {
        LandlockStatus::Available { effective_abi, kernel_abi } => Ok(kernel_abi.unwrap_or(effective_abi as i32)),
        LandlockStatus::NotEnabled => {
            Err("the kernel has Landlock and did not enable it at boot (lsm=landlock,…)".into())
        }
        LandlockStatus::NotImplemented => Err("the kernel has no Landlock (it came with Linux 5.13)".into()),
    }
}

/// Restricts this process for good: `writable` can be written, `readable` and the system's programs can be read.
pub(super) fn restrict(readable: &[PathBuf], writable: &[PathBuf]) -> Result<(), String> {
    let abi = abi()?;
    if abi < WANTED as i32 {
        return Err(format!("Landlock has version {abi}; {} is needed, which came with Linux 6.12", WANTED as i32));
    }
    let status = ruleset(readable, writable)?.restrict_self().map_err(|error| chain(&error))?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err(format!("Landlock is not fully enforced: {:?}", status.ruleset));
    }
    Ok(())
}

fn ruleset(readable: &[PathBuf], writable: &[PathBuf]) -> Result<RulesetCreated, String> {
    let mut opened = Vec::new();
    for path in writable {
        // Nothing is left out silently that the command needs.
        opened.push(PathFd::new(path).map_err(|error| chain(&error))?);
    }
    ruleset_of(readable, opened).map_err(|error| chain(&error))
}

fn ruleset_of(readable: &[PathBuf], writable: Vec<PathFd>) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let all = AccessFs::from_all(WANTED);
    let write = all & !(AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(all)?
        // No rule follows for a port: none can be reached or listened at.
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    let system = PROGRAMS.iter().chain(&SETTINGS).map(Path::new);
    for path in system.chain(readable.iter().map(PathBuf::as_path)) {
        rules = allow(rules, path, read)?;
    }
    for path in MACHINE {
        rules = allow(rules, Path::new(path), AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    for path in DEVICES {
        rules = allow(rules, Path::new(path), device)?;
    }
    for path in writable {
        rules = rules.add_rule(PathBeneath::new(path, write))?;
    }
    Ok(rules)
}

/// Allows `access` at a path. What is not there needs no rule.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(place) = PathFd::new(path) else { return Ok(rules) };
    // The kernel refuses rules for a file that only make sense for a folder.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(WANTED) };
    rules.add_rule(PathBeneath::new(place, access))
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |all, cause| format!("{all}: {cause}"))
}
