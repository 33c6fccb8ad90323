//! Promise: the first command that a newcomer types works, from any folder and without an argument.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::station::{Ear, page};
use crate::village::Village;

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

#[test]
fn a_served_demo_answers_verdicts_until_it_is_told_to_end() {
    let village = Village::new();
    let made = village.path("made");
    let made = made.to_str().unwrap();
    let mut child = village.command(&["demo", "--serve", "--dir", made]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| Some(page(line.split_once("watch it at ")?.1).0)).unwrap();
    let mut ear = Ear::at(address, "after=0");
    ear.expect("hello");
    lines.find(|line| line.contains("merge or reject, and see who answers")).unwrap();
    let merged = village.command(&["-C", made, "pulls", "merge", "3"]).output().unwrap();
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let mut next = |kind: &str| loop {
        let event = ear.expect("event");
        if event["event"]["type"] == kind {
            return event["event"].clone();
        }
    };
    assert_eq!(next("monkeytown.pull.merged.v1")["data"]["number"], 3);
    assert_eq!(next("monkeytown.run.started.v1")["data"]["agent"], "chaostester", "who was merged has its next turn");
    next("monkeytown.run.finished.v1");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
