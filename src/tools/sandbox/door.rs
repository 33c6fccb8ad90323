//! A door of the sandbox: a port of its own loopback that leads to one socket of ours, and to nothing else.
//! Lives here: how both ends are called, and what a command is told of them. Never here: what answers behind a door.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The port of the proxy that reaches what `network.allow` names.
pub const PROXY_PORT: u16 = 3128;
/// The port of the relay that puts the questions of a command-line agent to the town's model.
pub const RELAY_PORT: u16 = 3129;

/// One door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// The socket, which somebody outside answers.
    pub socket: PathBuf,
    /// The port of the command's own loopback that leads there.
    pub port: u16,
}

impl Door {
    /// Where the socket is, seen from inside.
    pub(super) fn inside(port: u16) -> PathBuf {
        Path::new("/run").join(format!("door-{port}"))
    }
}

/// The variables that programs find a proxy by.
pub(super) fn proxy_variables() -> impl Iterator<Item = (String, String)> {
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let pairs = ["http_proxy", "https_proxy", "all_proxy"].map(|name| (name, proxy.clone()));
    let own = ("no_proxy", "localhost,127.0.0.1,::1".to_owned());
    pairs
        .into_iter()
        .chain([own])
        .flat_map(|(name, value)| [(name.to_ascii_uppercase(), value.clone()), (name.to_owned(), value)])
}
