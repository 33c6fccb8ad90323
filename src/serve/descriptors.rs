//! Descriptors: each connection needs one, and the usual limit of a process is as small as the usual number of witnesses.
//! Lives here: asking the system for as many as it allows. Never here: what happens when there are none left (see
//! [`super::http`]).

/// Raises what this process may have open to what it may raise it to; says how many that are, where that is known.
#[cfg(target_os = "linux")]
#[must_use]
pub fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    getrlimit(Resource::Nofile).current
}

/// Elsewhere it stays as it is.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub const fn raise() -> Option<u64> {
    None
}
