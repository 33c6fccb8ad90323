//! Models behind real HTTP, played by a fake provider: what a run does with replies, and with everything else.
//!
//! Lives here: the real binary in a real repository, one file per promise. Start with [`provider`]. Never here: a network
//! beyond loopback, a clock that runs.
#![allow(clippy::disallowed_methods, reason = "the tests start the programs of this machine")]
#![allow(clippy::zombie_processes, reason = "a killed child is waited for by its caller")]
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the fixture of the other tests, of which a part is used here")]
#[path = "../it/village.rs"]
mod village;

mod builder;
mod command;
mod failures;
mod hostile;
mod kills;
mod money;
mod provider;
mod relay;
mod replay;
mod replies;
