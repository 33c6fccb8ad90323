//! The tool Bash in a whole run: what a command changes is in the pull request, and nothing else of it is.
//! Lives here: the way from a command to a branch. Never here: attempts to get out (see [`crate::sandbox`]).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use monkeytown::tools::sandbox::{Limits, Place};
use serde_json::{Value, json};

use crate::sandbox::{kinds, no_crowd, program};
use crate::village::{Village, expecting, finish};

fn bash(command: &str) -> Value {
    json!({"calls": [{"name": "Bash", "arguments": {"command": command}}]})
}

fn town() -> Village {
    Village::new()
        .file(
            "agents/chaostester.md",
            "---\nname: chaostester\ndescription: Finds what breaks and writes it down so that it can be mended.\n\
             tools: Read, Write, Bash\nmodel: inherit\nowns: [\"qa/**\"]\nsenses: [activity]\n---\n\nYou look after qa.\n",
        )
        .settings("executable: [\"qa/*.sh\"]\n")
        .file("qa/sum.sh", "echo $((2 - 2))\n")
        .file("qa/old.txt", "old\n")
        .file(".gitignore", "*.log\nbuild/\n")
        .commit("Found the town")
}

#[test]
fn what_a_command_changes_is_proposed() {
    let _quiet = no_crowd();
    let town = town();
    town.says([
        bash("sh qa/sum.sh; exit 3"),
        expecting(bash("sed -i s/-/+/ qa/sum.sh; rm qa/old.txt; mkdir -p qa/new build; sh qa/sum.sh | tee qa/new/result.txt; chmod +x qa/sum.sh; echo 1 >qa/x.log; echo 2 >build/y"), &["0", "exit code 3"]),
        expecting(finish("Mend the sum"), &["4", "exit code 0", "changed: qa/new/result.txt, qa/old.txt, qa/sum.sh"]),
    ]);
    town.run("chaostester").ended(0, "opened");
    let names = town.git(["diff", "--name-status", "main", "agent/chaostester"]);
    assert_eq!(names, "A\tqa/new/result.txt\nD\tqa/old.txt\nM\tqa/sum.sh");
    assert_eq!(town.git(["show", "agent/chaostester:qa/new/result.txt"]), "4");
    assert!(town.git(["ls-tree", "agent/chaostester", "qa/sum.sh"]).starts_with("100755"));
}

// covers: sandbox#nothing-outside-is-written-or-read/a-hook-is-planted, sandbox#only-owned-paths-come-back
#[test]
fn what_is_not_the_agents_stays_outside() {
    let _quiet = no_crowd();
    let town = town();
    let hostile = "echo evil >README.md; mkdir -p .git/hooks; echo evil >.git/hooks/post-commit; mkdir -p qa/.git; echo evil >qa/.git/config; \
                   ln -s /etc/passwd qa/link; mkfifo qa/pipe; echo good >qa/good.txt; echo x >$'qa/\\xff'; mkdir qa/locked; echo x >qa/locked/y; chmod 600 qa/locked; env";
    town.says([
        bash(hostile),
        expecting(
            finish("Add what is good"),
            &[
                "not kept, because not yours: README.md",
                "qa/link (it is a symbolic link)",
                "qa/pipe (it is no plain file)",
                "changed: qa/good.txt",
            ],
        ),
    ]);
    // A key in our environment.
    let key = ["sk-", &"k".repeat(40)].concat();
    town.with_env("OPENAI_API_KEY", &key);
    town.run("chaostester").ended(0, "opened");
    assert!(!town.git(["log", "--all", "-p", "--text"]).contains(&key));
    let names = town.git(["diff", "--name-status", "main", "agent/chaostester"]);
    assert!(names.contains("A\tqa/good.txt") && !names.contains("link") && !names.contains("README"), "{names}");
    assert!(!town.dir().join(".git/hooks/post-commit").exists());
    assert_eq!(fs::read_to_string(town.dir().join("README.md")).unwrap(), "# Small town\n");
}

#[test]
fn what_a_caller_has_open_is_closed() {
    let _quiet = no_crowd();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "canary of the caller").unwrap();
    for kind in kinds() {
        let place = Place::new().unwrap();
        place.hand_over().unwrap();
        let root = fs::metadata(place.worktree()).unwrap().uid();
        let user = fs::metadata("/proc/self").unwrap().uid() == 0;
        let order = json!({
            "kind": kind.name(), "command": "cat <&9; cat /dev/fd/9; echo THE END", "program": program(),
            "worktree": place.worktree(), "temp": place.temp(), "environment": [["PATH", "/usr/bin:/bin"]], "readable": [],
            "user": user.then_some(root), "limits": Limits::default(),
        });
        let script = format!("exec 9<{}; exec {} sandbox-exec", secret.path().display(), program().display());
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut control = child.stdin.take().unwrap();
        writeln!(control, "{order}").unwrap();
        let output = child.wait_with_output().unwrap();
        drop(control);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("THE END") && !said.contains("canary"), "{kind:?}: {said}");
    }
}

#[test]
fn without_the_tool_in_its_charter_there_is_none() {
    let town = Village::small();
    town.says([bash("true"), expecting(crate::village::nothing("Nothing."), &["There is no tool \"Bash\""])]);
    town.run("chaostester").ended(0, "nothing");
}
