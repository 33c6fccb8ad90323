//! The process that becomes the command: it gives up, one after the other, all that the command must not have.
//! Lives here: the order in which that happens; whatever cannot be given up ends it. Never here: which paths and which
//! system calls (see `rules` and `filter`).

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::{Kind, Limits, NOT_LOCKED_IN, NOT_LOCKED_IN_CODE, Order, filter, processes, rules};

/// What the process is to do to itself. It stands in its arguments, and there is nothing secret in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Locks {
    kind: Kind,
    command: String,
    user: Option<u32>,
    limits: Limits,
    /// What may be written and read, where Landlock says so; bubblewrap shows nothing else.
    writable: Vec<PathBuf>,
    readable: Vec<PathBuf>,
}

impl Locks {
    pub(super) fn of(order: &Order) -> Self {
        let (writable, readable) = match order.kind {
            Kind::Bubblewrap => (Vec::new(), Vec::new()),
            Kind::Landlock => (vec![order.worktree.clone(), order.temp.clone()], order.readable.clone()),
        };
        Self {
            kind: order.kind,
            command: order.command.clone(),
            user: order.user,
            limits: order.limits.clone(),
            writable,
            readable,
        }
    }
}

/// Locks this process in and becomes the command. It returns only where it could not.
#[must_use]
pub fn inside(locks: &Locks) -> (String, i32) {
    let why = match lock(locks) {
        Ok(()) => {
            let shell = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).is_file());
            let error = Command::new(shell.unwrap_or("/bin/sh")).arg("-c").arg(&locks.command).exec();
            format!("the shell cannot be started: {error}")
        }
        Err(why) => why,
    };
    (format!("{NOT_LOCKED_IN}{why}"), NOT_LOCKED_IN_CODE)
}

fn lock(locks: &Locks) -> Result<(), String> {
    close_fds::set_fds_cloexec(3, &[]);
    // In a session of its own there is no terminal that could be typed into. Under bubblewrap it has one already.
    let _ = rustix::process::setsid();
    limit(locks)?;
    let failed = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    rustix::thread::set_no_new_privs(true).map_err(failed("privileges cannot be given up"))?;
    if locks.kind == Kind::Landlock {
        // Before we become somebody else, who may not be able to open the paths.
        rules::restrict(&locks.readable, &locks.writable)?;
    }
    become_user(locks.user)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("its parent's death"))?;
    filter::apply(locks.kind)
}

/// Sets what one process may use. Who already may use less keeps that.
fn limit(locks: &Locks) -> Result<(), String> {
    let limits = &locks.limits;
    // In a namespace of users, and as a user of its own, only the command's processes are counted; otherwise all that
    // this user has are.
    let others = match (locks.kind, locks.user) {
        (Kind::Landlock, None) => processes::threads_of(rustix::process::getuid().as_raw()),
        _ => 0,
    };
    let wanted = [
        (Resource::Core, 0),
        (Resource::Cpu, limits.cpu_seconds),
        (Resource::Data, limits.memory),
        (Resource::Fsize, limits.file),
        (Resource::Memlock, 8 << 20),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, 4_096),
        (Resource::Nproc, limits.processes.saturating_add(others)),
        (Resource::Rtprio, 0),
    ];
    for (resource, value) in wanted {
        let value = getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        let both = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, both).map_err(|error| format!("the limit {resource:?}: {error}"))?;
    }
    Ok(())
}

/// Becomes the user, where there is one, and nobody's superior in any case.
fn become_user(user: Option<u32>) -> Result<(), String> {
    let failed = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    for capability in CapabilitySet::all().iter() {
        // Only root can; nobody else has use for what is left there, since no program gives it.
        let dropped = rustix::thread::remove_capability_from_bounding_set(capability);
        if user.is_some() && rustix::thread::capability_is_in_bounding_set(capability) == Ok(true) {
            dropped.map_err(failed("a capability stays"))?;
        }
    }
    if let Some(user) = user {
        let (uid, gid) = (rustix::process::Uid::from_raw(user), rustix::process::Gid::from_raw(user));
        rustix::thread::set_thread_groups(&[]).map_err(failed("the groups"))?;
        rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(failed("the group"))?;
        rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(failed("the user"))?;
    }
    let none = CapabilitySet::empty();
    let nothing = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, nothing).map_err(failed("the capabilities"))?;
    if rustix::process::geteuid().is_root() {
        return Err("it is still root".to_owned());
    }
    Ok(())
}
