//! Promise: `--help` of every command reads well, and changes only when somebody means it.

use crate::village::Village;

#[test]
fn every_command_explains_itself() {
    let village = Village::new();
    let commands: &[&[&str]] = &[
        &[],
        &["run"],
        &["init"],
        &["check"],
        &["agents"],
        &["agents", "show"],
        &["agents", "brief"],
        &["pulls"],
        &["pulls", "show"],
        &["pulls", "merge"],
        &["pulls", "reject"],
        &["pulls", "comment"],
        &["runs"],
        &["runs", "list"],
        &["runs", "show"],
        &["runs", "export"],
        &["runs", "replay"],
        &["log"],
        &["log", "show"],
        &["log", "verify"],
        &["state"],
        &["gate"],
        &["senses"],
        &["sync"],
        &["workflows"],
        &["pause"],
        &["resume"],
        &["freeze"],
        &["thaw"],
        &["schema"],
        &["serve"],
        &["token"],
        &["demo"],
        &["doctor"],
        &["spec"],
        &["spec", "init"],
        &["spec", "list"],
        &["spec", "show"],
        &["spec", "validate"],
        &["spec", "status"],
        &["spec", "instructions"],
        &["spec", "schemas"],
        &["spec", "templates"],
        &["spec", "new"],
        &["spec", "archive"],
        &["spec", "close"],
        &["spec", "unarchive"],
        &["spec", "sync"],
        &["spec", "next"],
        &["spec", "adopt"],
        &["spec", "trace"],
        &["spec", "rules"],
        &["openspec"],
        &["openspec", "validate"],
        &["help"],
        &["help", "run"],
    ];
    let mut all = String::new();
    for command in commands {
        let mut args = command.to_vec();
        if command.first() != Some(&"help") {
            args.push("--help");
        }
        let out = village.command(&args).output().unwrap();
        assert!(out.status.success(), "{args:?}");
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{args:?} fits a terminal of 100 columns");
        all.push_str(&format!("$ monkeytown {}\n{text}\n", args.join(" ")));
    }
    insta::assert_snapshot!(all);
}
