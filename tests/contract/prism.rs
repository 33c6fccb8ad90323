//! Prism between a client and the fake: it holds both to GitHub's published description.
//!
//! Lives here: starting it, and what it complains of. Never here: which requests are made.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;
use tempfile::TempDir;

use crate::fake::FakeGithub;
use crate::http::Client;
use crate::{Ending, node, script, tools};

/// A path that is no part of the description, asked for to find out how far the log has come.
const MARK: &str = "/how-far-is-the-log";

/// A running Prism. A request or an answer that is not as GitHub describes it is answered with status 422 or 500 and
/// Prism's own JSON in its place, and is a line of [`Prism::complaints`].
pub struct Prism {
    _process: Ending,
    _folder: TempDir,
    url: String,
    description: PathBuf,
    log: Receiver<String>,
}

impl Prism {
    /// Starts one that passes on what it is asked to the fake.
    pub fn in_front_of(fake: &FakeGithub) -> Prism {
        let folder = tempfile::tempdir().unwrap();
        let description = folder.path().join("github.json");
        let cut = Command::new("node").arg(script("cut-openapi.mjs")).arg(tools()).arg(&description).output().unwrap();
        assert!(cut.status.success(), "{}", String::from_utf8_lossy(&cut.stderr));
        let command = tools().join("node_modules/@stoplight/prism-cli/dist/index.js");
        let arguments = ["proxy", "--errors", "--port", "0", "--host", "127.0.0.1"].map(PathBuf::from);
        let places = [description.clone(), PathBuf::from(fake.api_url())];
        let mut child = node([command].into_iter().chain(arguments).chain(places));
        let out = BufReader::new(child.stdout.take().unwrap());
        let process = Ending(child);
        let (sender, log) = channel();
        std::thread::spawn(move || {
            // Ends with the program; a receiver that is gone wants no more lines.
            let _ = out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        });
        let url = loop {
            let line = log.recv().expect("Prism says where it listens before it ends");
            if let Some((_, url)) = line.split_once("Prism is listening on ") {
                break url.trim().to_owned();
            }
        };
        Prism { _process: process, _folder: folder, url, description, log }
    }

    /// What to give a client as the address of the API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The description that it goes by.
    pub fn description(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.description).unwrap()).unwrap()
    }

    /// What it complained of since it was last asked.
    pub fn complaints(&self) -> Vec<String> {
        Client::new(&self.url, None).try_send("GET", MARK, &[], None);
        let mut found = Vec::new();
        loop {
            let line = self.log.recv().expect("Prism is alive");
            if line.contains("terminated with error") && line.contains(MARK) {
                return found;
            }
            if (line.contains("Violation:") || line.contains("terminated with error")) && !line.contains(MARK) {
                found.push(line);
            }
        }
    }
}
