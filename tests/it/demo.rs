//! Promise: the first command that a newcomer types works, from any folder and without an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use serde_json::Value;

use crate::station::{Ear, page};
use crate::stream_program::Serving;
use crate::village::Village;

/// What a run is at, one after the other.
const PHASES: [&str; 4] = ["perceive", "decide", "act", "reflect"];

/// What each run was at, as far as it was told.
#[derive(Debug, Default)]
struct Steps(BTreeMap<String, BTreeSet<String>>);

impl Steps {
    /// The next event; where it is a step, it is one of its own agent, and says what that is at.
    fn hear(&mut self, ear: &mut Ear) -> Value {
        let event = ear.expect("event")["event"].take();
        if event["type"] == "monkeytown.run.step.v1" {
            let said = |name: &str| event["data"][name].as_str().unwrap();
            assert!(PHASES.contains(&said("phase")) && event["actor"] == format!("agent:{}", said("agent")), "{event}");
            self.0.entry(said("run").to_owned()).or_default().insert(said("phase").to_owned());
        }
        event
    }

    /// What the run of an event was at.
    fn of(&self, event: &Value) -> BTreeSet<String> {
        self.0.get(event["data"]["run"].as_str().unwrap()).cloned().unwrap_or_default()
    }
}

// covers: demo#a-town-is-made-and-its-agents-run
#[test]
fn the_demo_makes_its_town_and_leaves_pull_requests_open() {
    let village = Village::new();
    let made = village.path("made");
    for arguments in [vec!["demo"], vec!["demo", "--dir", made.to_str().unwrap()]] {
        let out = village.command(&arguments).env("TMPDIR", village.path(".")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
        assert!(said.contains("8 of 9 agents opened a pull request") && said.contains("pulls merge 3"), "{said}");
    }
    let verified = village.command(&["-C", made.to_str().unwrap(), "log", "verify"]).output().unwrap();
    assert!(verified.status.success());
    let again = village.command(&["demo", "--dir", made.to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "a folder that is not empty is left alone");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        said.contains(&format!("monkeytown -C {} serve", made.display())),
        "it says how an earlier demo is served: {said}"
    );
}

// covers: demo#it-is-shown-in-the-browser/what-an-agent-is-at
#[test]
fn a_served_demo_answers_verdicts_until_it_is_told_to_end() {
    let village = Village::new();
    let made = village.path("made");
    let made = made.to_str().unwrap();
    let mut child = Serving(village.command(&["demo", "--serve", "--dir", made]).spawn().unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| Some(page(line.split_once("watch it at ")?.1).0)).unwrap();
    let mut ear = Ear::at(address, "after=0");
    ear.expect("hello");
    lines.find(|line| line.contains("merge or reject, and see who answers")).unwrap();
    let merged = village.command(&["-C", made, "pulls", "merge", "3"]).output().unwrap();
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let mut steps = Steps::default();
    let mut next = |kind: &str| loop {
        let event = steps.hear(&mut ear);
        if event["type"] == kind {
            return event;
        }
    };
    assert_eq!(next("monkeytown.pull.merged.v1")["data"]["number"], 3);
    let started = next("monkeytown.run.started.v1");
    assert_eq!(started["data"]["agent"], "chaostester", "who was merged has its next turn");
    let ended = next("monkeytown.run.finished.v1");
    assert_eq!(ended["data"]["run"], started["data"]["run"]);
    // The end of a run may be heard before its last step.
    while steps.of(&ended).len() < 2 {
        steps.hear(&mut ear);
    }
    assert!(steps.0.values().any(|seen| seen.len() == PHASES.len()), "who opened a pull request did it all: {steps:?}");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
