//! The life of a pull request: opened, updated, edited by people, merged, rejected, and what a run makes of each.

use crate::story::STORY;
use crate::village::{Village, delete, expecting, finish, nothing, write};

const FIRST: &str = "The link in README.md leads nowhere.\n";
const SECOND: &str = "The link in README.md leads nowhere, and the table has a row too many.\n";

/// A town in which chaostester has opened pull request 1.
fn with_a_pull() -> Village {
    let village = Village::small();
    village.says([write("qa/links.md", FIRST), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    village
}

// covers: journal#events-are-cloudevents-on-a-linear-branch/a-run-is-recorded
#[test]
fn a_first_run_opens_one_pull_request() {
    let village = Village::small();
    village.says([write("qa/links.md", FIRST), finish("List the broken link")]);
    let run = village.run("chaostester");
    run.ended(0, "opened");
    assert_eq!((&run.json["pull"], &run.json["agent"]), (&1.into(), &"chaostester".into()));
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    assert_eq!(village.kinds(), STORY);
    assert_eq!(village.show("agent/chaostester", "qa/links.md"), FIRST.trim_end());
    let message = village.git(["log", "-1", "--format=%B", "agent/chaostester"]);
    for line in ["List the broken link\n", "\nAgent: chaostester", &format!("\nRun: {}", run.text("run")), "\nBase: "] {
        assert!(message.contains(line), "{line:?} is not in {message}");
    }
    assert_eq!(village.git(["status", "--porcelain"]), "", "the user's checkout is not touched");
    village.verify_ok();
}

// covers: run#nothing-to-do-is-a-success/a-second-run-without-news
#[test]
fn the_same_work_again_is_a_no_op() {
    let village = with_a_pull();
    let head = village.git(["rev-parse", "agent/chaostester"]);
    let again = village.run("chaostester");
    again.ended(0, "nothing");
    assert_eq!(village.git(["rev-parse", "agent/chaostester"]), head);
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.says([nothing("all links hold")]);
    village.run("chaostester").ended(0, "nothing");
    village.verify_ok();
}

// covers: run#one-rolling-pull-request-per-agent
#[test]
fn an_open_pull_request_is_updated_in_place() {
    let village = with_a_pull();
    let first = village.git(["rev-parse", "agent/chaostester"]);
    // The agent sees its own open work.
    let read = serde_json::json!({"calls": [{"name": "Read", "arguments": {"file_path": "qa/links.md"}}]});
    let next = expecting(write("qa/links.md", SECOND), &["leads nowhere."]);
    village.says([
        expecting(read, &["Number 1", "List the broken link"]),
        next,
        finish("List the broken link and the odd row"),
    ]);
    village.run("chaostester").ended(0, "updated");
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    assert_eq!(village.pulls()[0]["title"], "List the broken link and the odd row");
    assert_eq!(village.show("agent/chaostester", "qa/links.md"), SECOND.trim_end());
    assert_ne!(village.git(["rev-parse", "agent/chaostester"]), first);
    assert_eq!(village.git(["rev-list", "--count", "main..agent/chaostester"]), "1");
    village.verify_ok();
}

#[test]
fn what_main_took_back_does_not_stay_on_the_branch_as_somebodys_work() {
    for remote in [false, true] {
        let village = if remote { Village::small_with_remote() } else { Village::small() };
        let branch = if remote { "origin/agent/chaostester" } else { "agent/chaostester" };
        let push = || {
            if remote {
                village.git(["push", "-q", "--force", "origin", "main"]);
            }
        };
        village.put("README.md", "# A rash town\n").put("secret.txt", "to be taken back\n").save("Grow rashly");
        push();
        village.says([write("qa/links.md", FIRST), finish("List the broken link")]);
        village.run("chaostester").ended(0, "opened");
        village.git(["reset", "-q", "--hard", "HEAD^"]);
        push();
        village.says([write("qa/table.md", "The table has a row too many.\n"), finish("List the odd row as well")]);
        village.run("chaostester").ended(0, "updated");
        assert_eq!(village.git(["diff", "--name-only", "main", branch]), "qa/links.md\nqa/table.md");
        assert_eq!(village.git(["log", "--format=%s", &format!("main..{branch}")]), "List the odd row as well");
        assert_eq!(village.git(["rev-parse", &format!("{branch}^")]), village.git(["rev-parse", "main"]));
        assert_eq!(village.states(), [(1, "open".to_owned())]);
        village.verify_ok();
        assert_eq!(village.merge(1).code, 0);
        assert_eq!(village.pulls()[0]["state"], "merged");
    }
}

fn a_humans_commit_stays(village: &Village, branch: &str, push: bool) {
    village.git(["checkout", "-q", "-B", "agent/chaostester", branch]);
    village.put("qa/links.md", "The link in README.md leads nowhere; Ada has seen it too.\n");
    let human = village.save("Say who saw it");
    if push {
        village.git(["push", "-q", "origin", "agent/chaostester"]);
    }
    village.git(["checkout", "-q", "main"]);
    if push {
        village.git(["branch", "-q", "-D", "agent/chaostester"]);
    }
    village.says([write("qa/table.md", "The table has a row too many.\n"), finish("List the odd row as well")]);
    village.run("chaostester").ended(0, "updated");
    village.git(["merge-base", "--is-ancestor", &human, branch]);
    assert!(village.show(branch, "qa/links.md").contains("Ada has seen it too"));
    assert!(village.show(branch, "qa/table.md").contains("a row too many"));
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.verify_ok();
    let merged = village.merge(1);
    assert_eq!(merged.code, 0, "{merged:#?}");
    village.verify_ok();
}

// covers: run#one-rolling-pull-request-per-agent/a-person-pushed-to-the-branch
#[test]
fn a_humans_commit_on_the_branch_stays_below_ours() {
    a_humans_commit_stays(&with_a_pull(), "agent/chaostester", false);
}

// covers: run#one-rolling-pull-request-per-agent/a-person-pushed-to-the-branch
#[test]
fn a_humans_commit_on_the_remotes_branch_stays_below_ours() {
    let village = Village::small_with_remote();
    village.says([write("qa/links.md", FIRST), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    a_humans_commit_stays(&village, "origin/agent/chaostester", true);
}

// covers: local-forge#people-reject-with-a-reason/a-rejection
#[test]
fn after_a_rejection_the_next_run_opens_a_new_one_and_knows_why() {
    let village = with_a_pull();
    let rejected = village.reject(1, "low-value", "Nobody follows that link");
    assert_eq!(rejected.code, 0, "{rejected:#?}");
    let told = expecting(write("qa/links.md", SECOND), &["low-value", "Nobody follows that link"]);
    village.says([told, finish("List the broken link and the odd row")]);
    let run = village.run("chaostester");
    run.ended(0, "opened");
    assert_eq!(village.states(), [(1, "rejected".to_owned()), (2, "open".to_owned())]);
    let briefing = village.transcript(&run.text("run")).to_string();
    let body = village.pulls()[1]["body"].as_str().unwrap().to_owned();
    for text in [&briefing, &body] {
        assert!(text.contains("low-value") && text.contains("Nobody follows that link"), "{text}");
    }
    assert!(body.contains("#1"), "{body}");
    let facts = village.facts("pull.rejected");
    assert_eq!((facts.len(), &facts[0]["by"], &facts[0]["reason"]), (1, &"Ada".into(), &"low-value".into()));
    village.verify_ok();
}

// covers: run#nothing-to-do-is-a-success/the-same-content-was-rejected
#[test]
fn what_was_rejected_is_not_proposed_again() {
    let village = with_a_pull();
    village.reject(1, "wrong", "It does lead somewhere").says(0, "");
    let again = village.run("chaostester");
    again.ended(0, "nothing");
    assert!(again.text("reason").contains("#1"), "{again:#?}");
    assert_eq!(village.states(), [(1, "rejected".to_owned())]);
    village.verify_ok();
}

// covers: local-forge#people-merge/a-merge
#[test]
fn a_merge_is_recorded_once_with_who_and_how_long() {
    let village = with_a_pull();
    village.at("2026-11-21T05:20:10Z");
    let merged = village.merge(1);
    assert_eq!((merged.code, &merged.json["state"]), (0, &"merged".into()), "{merged:#?}");
    assert_eq!(village.show("main", "qa/links.md"), FIRST.trim_end());
    let facts = village.facts("pull.merged");
    assert_eq!(facts.len(), 1);
    assert_eq!((&facts[0]["by"], &facts[0]["seconds_open"]), (&"Ada".into(), &3_610.into()));
    assert_eq!(village.git(["status", "--porcelain"]), "", "the checkout of main came along");
    village.merge(1).says(1, "merged already");
    // The dead branch is never pushed to: the next work stands on main and is a new pull request.
    village.says([write("qa/table.md", "The table has a row too many.\n"), finish("List the odd row")]);
    village.run("chaostester").ended(0, "opened");
    assert_eq!(village.states(), [(1, "merged".to_owned()), (2, "open".to_owned())]);
    assert_eq!(village.git(["rev-list", "--count", "main..agent/chaostester"]), "1");
    village.verify_ok();
}

// covers: local-forge#plain-git-is-recognised/git-merge
#[test]
fn a_plain_git_merge_is_recognised_once() {
    let village = with_a_pull();
    village.git(["merge", "-q", "--no-ff", "-m", "Take it", "agent/chaostester"]);
    village.at("2026-11-21T04:21:00Z");
    village.says([nothing("all links hold")]);
    let run = village.run("chaostester");
    run.ended(0, "nothing");
    assert!(run.json["news"].to_string().contains("Ada merged #1"), "{run:#?}");
    village.run("chaostester").ended(0, "nothing");
    let facts = village.facts("pull.merged");
    assert_eq!(facts.len(), 1);
    assert_eq!((&facts[0]["by"], &facts[0]["seconds_open"]), (&"Ada".into(), &60.into()));
    assert_eq!(village.states(), [(1, "merged".to_owned())]);
    village.verify_ok();
}

#[test]
fn a_fast_forward_and_a_merge_with_a_humans_commit_are_recognised() {
    let village = with_a_pull();
    village.git(["merge", "-q", "--ff-only", "agent/chaostester"]);
    assert_eq!(village.states(), [(1, "merged".to_owned())]);

    let village = with_a_pull();
    village.git(["checkout", "-q", "agent/chaostester"]);
    village.put("qa/links.md", "Ada has seen it too.\n").save("Say who saw it");
    village.git(["checkout", "-q", "main"]);
    village.git(["merge", "-q", "--no-ff", "-m", "Take it", "agent/chaostester"]);
    assert_eq!(village.states(), [(1, "merged".to_owned())]);
    assert_eq!(village.facts("pull.merged")[0]["edited"], true);
    village.verify_ok();
}

#[test]
fn a_squash_merge_is_recognised_also_on_a_newer_main() {
    let village = with_a_pull();
    village.put("README.md", "# Small town\n\nIt grows.\n").save("Grow");
    village.git(["merge", "-q", "--squash", "agent/chaostester"]);
    village.git(["commit", "-q", "-m", "List the broken link (#1)"]);
    let squash = village.git(["rev-parse", "HEAD"]);
    village.put("README.md", "# Small town\n\nIt still grows.\n").save("Grow on");
    assert_eq!(village.states(), [(1, "merged".to_owned())]);
    let fact = village.facts("pull.merged").remove(0);
    assert_eq!((&fact["by"], &fact["commit"]), (&"Ada".into(), &squash.into()), "{fact}");
    assert!(fact.get("edited").is_none(), "{fact}");
    village.says([write("qa/table.md", "The table has a row too many.\n"), finish("List the odd row")]);
    village.run("chaostester").ended(0, "opened");
    assert_eq!(village.git(["rev-list", "--count", "main..agent/chaostester"]), "1");
    village.verify_ok();
}

#[test]
fn a_squash_that_people_changed_is_recognised_by_the_message_that_git_prepares() {
    let village = with_a_pull();
    village.git(["merge", "-q", "--squash", "agent/chaostester"]);
    village.put("qa/links.md", "The link in README.md leads nowhere, says Ada.\n");
    village.git(["commit", "-q", "-a", "--no-edit"]);
    assert_eq!(village.states(), [(1, "merged".to_owned())]);
    assert_eq!(village.facts("pull.merged")[0]["edited"], true);

    let village = with_a_pull();
    village.git(["checkout", "-q", "agent/chaostester"]);
    village.put("qa/links.md", "Ada has seen it too.\n").save("Say who saw it");
    village.git(["checkout", "-q", "main"]);
    village.git(["merge", "-q", "--squash", "agent/chaostester"]);
    village.git(["commit", "-q", "-m", "Take it"]);
    assert_eq!(village.states(), [(1, "merged".to_owned())]);
    assert_eq!(village.facts("pull.merged")[0]["edited"], true);
    village.verify_ok();
}

#[test]
fn somebody_elses_change_of_the_same_file_is_no_squash() {
    let village = with_a_pull();
    village.put("qa/links.md", "I looked at the links myself.\n").save("Look at the links");
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.git(["revert", "--no-edit", "HEAD"]);
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.verify_ok();
}

// covers: local-forge#plain-git-is-recognised
#[test]
fn a_deleted_branch_is_a_rejection() {
    let village = with_a_pull();
    village.git(["branch", "-q", "-D", "agent/chaostester"]);
    assert_eq!(village.states(), [(1, "rejected".to_owned())]);
    assert!(village.facts("pull.rejected")[0]["text"].as_str().unwrap().contains("was deleted"));

    let village = Village::small_with_remote();
    village.says([write("qa/links.md", FIRST), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    village.git(["push", "-q", "origin", ":agent/chaostester"]);
    assert_eq!(village.states(), [(1, "rejected".to_owned())]);
    village.verify_ok();
}

#[test]
fn work_that_takes_itself_back_leaves_nothing() {
    let village = Village::small();
    village.says([write("qa/links.md", FIRST), delete("qa/links.md"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "nothing");
    assert!(village.states().is_empty());
    village.verify_ok();
}

// covers: questions-and-board#a-question-ends-the-run/a-person-answers
#[test]
fn a_comment_reaches_the_next_briefing() {
    let village = with_a_pull();
    village.monkeytown(&["pulls", "comment", "1", "Which link do you mean?"]).says(0, "commented on #1");
    village.says([expecting(nothing("it is the first one"), &["Which link do you mean?"])]);
    village.run("chaostester").ended(0, "nothing");
    village.verify_ok();
}
