//! What Unix and Windows do differently: links, permissions, names of files, groups of processes.
//! Lives here: one function for each difference, with the same meaning on both. Never here: what it is used for.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
