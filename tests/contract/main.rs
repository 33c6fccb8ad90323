//! monkeytown and the fake GitHub of its tests, held to what others say of GitHub (its published description, events that
//! it really sent, and a second fake), and `monkeytown openspec` held to the command that it stands in for.
//!
//! Lives here: what `scripts/test contract` runs, since it needs Node and what npm installs. Never here: tests of
//! monkeytown that can do without (see `tests/github`). Start with [`prism`].
#![allow(clippy::disallowed_methods, reason = "the fake has a clock of its own, and the tests start programs")]
#![allow(clippy::zombie_processes, reason = "a killed child is waited for when its handle is dropped")]
#![allow(clippy::unwrap_used)]

#[path = "../github/fake/mod.rs"]
mod fake;
#[path = "../github/http.rs"]
mod http;
#[path = "../github/runner.rs"]
#[allow(dead_code, reason = "the stories here need less of it")]
mod runner;

mod emulate;
mod prism;

mod client;
mod described;
mod events;
mod recorded;
mod second;
mod story;

mod openspec;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The folder whose `node_modules` hold what tests/tools/package-lock.json pins.
fn tools() -> PathBuf {
    let folder = std::env::var_os("MONKEYTOWN_TOOLS").map(PathBuf::from).unwrap_or_default();
    let there = folder.join("node_modules").is_dir();
    assert!(
        there,
        "MONKEYTOWN_TOOLS names no folder with node_modules: run `scripts/test contract`, which installs them"
    );
    folder
}

/// A script of tests/tools.
fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// Node with these arguments, both ends held by us.
fn node(arguments: impl IntoIterator<Item = PathBuf>) -> Child {
    let mut node = Command::new("node");
    node.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    node.spawn().expect("Node is installed")
}

/// A program that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
