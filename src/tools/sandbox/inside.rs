//! The process that becomes the command: it gives up, one after the other, all that the command must not have.
//! Lives here: the order in which that happens; whatever cannot be given up ends it. Never here: which paths and which
//! system calls (see `rules` and `filter`).

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, WaitOptions, getrlimit, set_dumpable_behavior, setrlimit, wait,
};
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::{Kind, Limits, NOT_LOCKED_IN, NOT_LOCKED_IN_CODE, Order, bridge, filter, processes, rules};

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
    /// The ports that lead outside.
    doors: Vec<u16>,
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
            doors: order.doors.iter().map(|door| door.port).collect(),
        }
    }
}

/// Locks this process in and becomes the command. It returns where it could not, with the reason; and where it is the
/// first process of a namespace and has to stay what it is, with the command's exit code.
#[must_use]
pub fn inside(locks: &Locks) -> (Option<String>, i32) {
    let why = lock(locks).and_then(|()| bridge::open(&locks.doors)).and_then(|()| {
        let shell = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).is_file());
        let mut command = Command::new(shell.unwrap_or("/bin/sh"));
        command.arg("-c").arg(&locks.command);
        let error = match locks.kind {
            Kind::Bubblewrap => match command.spawn() {
                Ok(child) => return Ok(first_process(child.id())),
                Err(error) => error,
            },
            Kind::Landlock => command.exec(),
        };
        Err(format!("the shell cannot be started: {error}"))
    });
    match why {
        Ok(code) => (None, code),
        Err(why) => (Some(format!("{NOT_LOCKED_IN}{why}")), NOT_LOCKED_IN_CODE),
    }
}

/// What the first process of a namespace does: it waits for orphans until the command itself ends. All that is left ends with
/// it.
fn first_process(child: u32) -> i32 {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if u32::try_from(pid.as_raw_nonzero().get()) == Ok(child) => {
                match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => return code,
                    (None, Some(signal)) => return 128 + signal,
                    (None, None) => {}
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return NOT_LOCKED_IN_CODE,
        }
    }
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
    // Nobody looks into what stays of this process; the command itself is another program, and that ends it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("its memory"))?;
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
