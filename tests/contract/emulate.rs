//! The GitHub of npm's `emulate`: a fake that somebody else wrote.
//!
//! Lives here: starting it. Never here: what it is asked.

use std::io::{BufRead, BufReader};

use crate::{Ending, node, script, tools};

/// Its token for the owner of the repository, and the one for somebody else.
pub const OWNER_TOKEN: &str = "town-token";
pub const OTHER_TOKEN: &str = "other-token";

/// A running one, with the repository that the fake of the tests starts with.
pub struct Emulate {
    _process: Ending,
    url: String,
}

impl Emulate {
    pub fn start() -> Emulate {
        let mut child = node([script("emulate-github.mjs"), tools()]);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let process = Ending(child);
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "emulate did not start: {url:?}");
        Emulate { _process: process, url: url.trim().to_owned() }
    }

    /// The address of its API.
    pub fn url(&self) -> &str {
        &self.url
    }
}
