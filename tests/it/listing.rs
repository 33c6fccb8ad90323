//! Promise: a branch is taken for deleted only if it is, whatever happens while a command lists the remote.

use crate::village::{Village, finish, write};

const BRANCH: &str = "agent/chaostester";
const SLOT: [&str; 2] = ["--slot", "morning"];

fn tell(village: &Village, text: &str) {
    village.says([write("qa/links.md", text), finish("List the broken link")]);
}

/// A town with a remote, where chaostester has opened pull request 1; and the commit that it offers.
fn with_a_pull() -> (Village, String) {
    let village = Village::small_with_remote();
    tell(&village, "The first link leads nowhere.\n");
    village.run("chaostester").ended(0, "opened");
    let head = village.git(["rev-parse", "origin/agent/chaostester"]);
    (village, head)
}

/// Deletes the agent's branch at home, as people do on a forge.
fn delete(village: &Village) {
    village.git_in(&village.path("home.git"), ["branch", "-q", "-D", BRANCH]);
}

#[test]
fn a_branch_that_another_run_publishes_meanwhile_is_not_forgotten() {
    let village = Village::small_with_remote();
    tell(&village, "The first link leads nowhere.\n");
    let run = village.run_command("chaostester", &SLOT);
    village.while_listing(&run);
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    assert!(village.heard_while_listing().contains("pull request #1 opened"));
    let home = village.git_in(&village.path("home.git"), ["rev-parse", BRANCH]);
    assert_eq!(village.git(["rev-parse", "origin/agent/chaostester"]), home, "what the other run knows stays known");
    assert_eq!(village.facts("pull.rejected"), Vec::<serde_json::Value>::new());
    village.verify_ok();
}

#[test]
fn a_branch_that_people_put_back_meanwhile_is_no_rejection() {
    let (village, head) = with_a_pull();
    delete(&village);
    let home = village.path("home.git");
    village.while_listing(&village.git_command(&home, ["branch", BRANCH, &head]));
    assert_eq!(
        village.states(),
        [(1, "open".to_owned())],
        "it was gone when it was listed, and is there when it is judged"
    );
    village.heard_while_listing();
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    assert_eq!(village.git(["rev-parse", "origin/agent/chaostester"]), head);
    // When it stays away, that is a verdict, once.
    delete(&village);
    assert_eq!(village.states(), [(1, "rejected".to_owned())]);
    assert_eq!(village.states(), [(1, "rejected".to_owned())]);
    assert_eq!(village.facts("pull.rejected").len(), 1);
    village.verify_ok();
}

#[test]
fn a_deleted_branch_that_another_run_makes_anew_meanwhile_is_two_pull_requests() {
    let (village, first) = with_a_pull();
    delete(&village);
    tell(&village, "The first link leads nowhere, and so does the second.\n");
    let run = village.run_command("chaostester", &SLOT);
    village.while_listing(&run);
    let wanted = [(1, "rejected".to_owned()), (2, "open".to_owned())];
    assert_eq!(village.states(), wanted);
    assert!(village.heard_while_listing().contains("pull request #2 opened"));
    let home = village.git_in(&village.path("home.git"), ["rev-parse", BRANCH]);
    assert_ne!(home, first);
    assert_eq!(village.git(["rev-parse", "origin/agent/chaostester"]), home);
    assert_eq!(village.facts("pull.rejected").len(), 1);
    village.verify_ok();
}
