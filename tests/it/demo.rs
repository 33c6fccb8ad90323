//! Promise: the first command that a newcomer types works, from any folder and without an argument.

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
}
