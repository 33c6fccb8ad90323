//! Runs that do not come to a pull request: dry ones, refused ones, and those that must not start.

use crate::village::{Village, finish, nothing, write};

// covers: run#a-dry-run-writes-nothing
#[test]
fn a_dry_run_writes_nothing_at_all() {
    for village in [Village::small(), Village::small_with_remote()] {
        village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
        village.run("chaostester").ended(0, "opened");
        let before = village.everything();
        village.says([write("qa/links.md", "The second link leads nowhere.\n"), finish("List the other link")]);
        let dry = village.run_with("chaostester", &["--dry-run"]);
        dry.ended(0, "dry");
        assert!(dry.text("diff").contains("+The second link leads nowhere."), "{dry:#?}");
        assert!(village.everything() == before, "a dry run wrote something");
        // So does one that the gate refuses, and one with nothing to do.
        let outside = write("README.md", "# Mine now\n");
        village.says([outside, nothing("not mine")]);
        village.run_with("chaostester", &["--dry-run"]).ended(0, "dry");
        assert!(village.everything() == before, "a dry run wrote something");
        village.verify_ok();
    }
}

// covers: gate#an-error-keeps-work-from-being-published
#[test]
fn the_gates_findings_go_back_twice_and_then_the_run_fails() {
    let village = Village::small();
    let conflict = format!("{} HEAD\nours\n", "<".repeat(7));
    // The brain is told, tries something else, is told again, and gives the same once more.
    village.says([
        write("qa/a.md", &conflict),
        finish("List the conflicts"),
        write("qa/a.md", &format!("{conflict}theirs\n")),
        finish("List the conflicts again"),
        finish("List the conflicts once more"),
    ]);
    let run = village.run("chaostester");
    run.ended(1, "failed");
    assert!(run.json["findings"].to_string().contains("qa/a.md"), "{run:#?}");
    let transcript = village.transcript(&run.text("run"));
    let notes = transcript.to_string().matches("The gate refused the work").count();
    assert_eq!(notes, 2, "{transcript:#}");
    assert!(village.states().is_empty());
    assert_eq!(village.git(["for-each-ref", "refs/heads/agent"]), "", "nothing is published");
    let kept = village.show("refs/monkeytown/checkpoints/chaostester", "workspace/qa/a.md");
    assert!(kept.contains("theirs"), "the work stays at the checkpoint");
    assert_eq!(village.facts("run.failed").len(), 1);
    village.verify_ok();
    // The failed run holds nothing: the next one starts afresh.
    village.says([write("qa/a.md", "No conflicts any more.\n"), finish("Say that no conflict is left")]);
    village.run("chaostester").ended(0, "opened");
    village.verify_ok();
}

#[test]
fn a_gate_that_is_heard_lets_the_work_through() {
    let village = Village::small();
    let conflict = format!("{} HEAD\nours\n", "<".repeat(7));
    village.says([
        write("qa/a.md", &conflict),
        finish("List the conflicts"),
        write("qa/a.md", "The conflict in README.md is resolved.\n"),
        finish("List the conflicts properly"),
    ]);
    village.run("chaostester").ended(0, "opened");
    assert_eq!((village.facts("gate.failed").len(), village.facts("gate.passed").len()), (1, 1));
    village.verify_ok();
}

// covers: run#one-run-per-slot-and-one-lease-per-agent/the-town-is-frozen
#[test]
fn a_frozen_town_lets_nobody_start() {
    let village = Village::small();
    village.monkeytown(&["freeze", "--reason", "we move house"]).says(0, "frozen");
    village.says([nothing("never asked")]);
    let run = village.run("chaostester");
    run.ended(0, "skipped");
    assert!(run.text("reason").contains("frozen by Ada: we move house"), "{run:#?}");
    village.monkeytown(&["thaw", "--reason", "moved"]).says(0, "thawed");
    village.run("chaostester").ended(0, "nothing");
    village.verify_ok();
}

#[test]
fn a_paused_agent_does_not_start() {
    let village = Village::small().settings("paused: [chaostester]\n").commit("Pause it");
    village.says([nothing("never asked")]);
    let run = village.run("chaostester");
    run.ended(0, "skipped");
    assert!(run.text("reason").contains("is paused"), "{run:#?}");
    assert!(village.kinds().is_empty());
}

#[test]
fn a_slot_is_given_once() {
    let village = Village::small();
    village.says([nothing("all links hold")]);
    village.run_with("chaostester", &["--slot", "morning"]).ended(0, "nothing");
    let second = village.run_with("chaostester", &["--slot", "morning"]);
    second.ended(0, "skipped");
    assert!(second.text("reason").contains("slot morning"), "{second:#?}");
    village.run_with("chaostester", &["--slot", "noon"]).ended(0, "nothing");
    village.verify_ok();
}

#[test]
fn a_planned_slot_is_the_one_of_the_schedule() {
    let hourly = "schedule: { cron: \"20 */4 * * *\" }\n";
    let village = Village::new().agent_with("chaostester", "qa/**", hourly).commit("Found the town");
    village.says([nothing("all links hold")]);
    let first = village.at("2026-11-21T05:00:00Z").run_with("chaostester", &["--slot", "planned"]);
    first.ended(0, "nothing");
    // A late second start of the same plan finds the slot taken; the next plan has a slot of its own.
    let late = village.at("2026-11-21T08:19:59Z").run_with("chaostester", &["--slot", "planned"]);
    late.ended(0, "skipped");
    village.at("2026-11-21T08:20:00Z").run_with("chaostester", &["--slot", "planned"]).ended(0, "nothing");
    // Started by a schedule, `auto` means the same.
    village.with_env("GITHUB_EVENT_NAME", "schedule");
    village.run("chaostester").ended(0, "skipped");
    village.verify_ok();
}

#[test]
fn an_agent_without_a_schedule_has_no_planned_slot() {
    let village = Village::small();
    village.says([nothing("never asked")]);
    village.run_with("chaostester", &["--slot", "planned"]).says(2, "has no schedule");
}

#[test]
fn the_days_limit_counts_started_runs() {
    let village = Village::small().settings("limits: { runs_per_day: 2 }\n").commit("Allow two");
    village.says([nothing("all links hold")]);
    village.run("chaostester").ended(0, "nothing");
    village.run("chaostester").ended(0, "nothing");
    let third = village.run("chaostester");
    third.ended(0, "skipped");
    assert!(third.text("reason").contains("limits.runs_per_day"), "{third:#?}");
    village.at("2026-11-22T00:00:00Z").run("chaostester").ended(0, "nothing");
    village.verify_ok();
}

#[test]
fn a_brain_that_gives_up_fails_the_run_and_frees_the_agent() {
    let village = Village::small();
    village.says([serde_json::json!({"error": "unavailable"})]);
    village.run("chaostester").ended(3, "failed");
    village.says([nothing("all links hold")]);
    village.run("chaostester").ended(0, "nothing");
    village.verify_ok();
}

#[test]
fn what_is_no_town_is_refused_with_what_to_do() {
    let village = Village::small();
    village.says([nothing("never asked")]);
    let run = |dir: &std::path::Path, agent: &str| {
        let script = village.path("script-1.json");
        let brain = format!("scripted:{}", script.display());
        village.monkeytown(&["-C", dir.to_str().unwrap(), "run", agent, "--json", "--brain", &brain])
    };
    let folder = |name: &str| {
        let dir = village.path(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    };
    run(&folder("nothing"), "chaostester").says(2, "git init");
    run(&village.path("nowhere"), "chaostester").says(2, "nowhere");

    let empty = folder("empty");
    village.git_in(&empty, ["init", "-q", "-b", "main", "."]);
    run(&empty, "chaostester").says(2, "commit");
    std::fs::write(empty.join("README.md"), "hello\n").unwrap();
    village.git_in(&empty, ["add", "-A"]);
    village.git_in(&empty, ["commit", "-q", "-m", "first"]);
    run(&empty, "chaostester").says(2, "monkeytown init");

    run(&village.dir(), "nobody").says(2, "its agents are: chaostester");
    run(&village.dir(), "../nobody").says(2, "../nobody");
    assert_eq!(village.monkeytown(&["run", "chaostester", "--brain", "oracle:1"]).code, 2);
    assert_eq!(village.monkeytown(&["run", "chaostester", "--slot", "a b"]).code, 2);
    assert_eq!(village.monkeytown(&["run", "chaostester", "--remote", "elsewhere"]).code, 2);
    assert_eq!(village.monkeytown(&["run", "chaostester", "--remote", "none"]).code, 0);
    assert_eq!(village.with_env("MONKEYTOWN_NOW", "tomorrow").run("chaostester").code, 2);
}

#[test]
fn a_town_in_disorder_lets_nobody_write() {
    let village = Village::small().agent("madchimp", "qa/wild/**").commit("Let two own the same");
    village.says([nothing("never asked")]);
    village.run("chaostester").says(2, "not in order");
    assert_eq!(village.git(["for-each-ref", "refs/monkeytown"]), "");
}

// covers: run#the-checkout-is-not-touched
#[test]
fn a_run_works_in_every_kind_of_clone() {
    let work = |village: &Village| {
        village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    };
    // A detached head: the base is main, whatever is checked out.
    let village = Village::small();
    work(&village);
    village.git(["checkout", "-q", "--detach"]);
    village.put("notes.txt", "mine\n");
    village.run("chaostester").ended(0, "opened");
    assert_eq!(village.git(["status", "--porcelain"]), "?? notes.txt");
    village.verify_ok();

    // A linked working tree, and one made from within it.
    let village = Village::small();
    work(&village);
    let (one, two) = (village.path("one"), village.path("two"));
    village.git(["worktree", "add", "-q", "-b", "one", one.to_str().unwrap()]);
    village.git_in(&one, ["worktree", "add", "-q", "-b", "two", two.to_str().unwrap()]);
    let brain = format!("scripted:{}", village.path("script-1.json").display());
    let dir = two.to_str().unwrap();
    let run = village.monkeytown(&["-C", dir, "run", "chaostester", "--json", "--brain", &brain]);
    run.ended(0, "opened");
    village.verify_ok();

    // A bare repository is a home of its own.
    let village = Village::small_with_remote();
    work(&village);
    let brain = format!("scripted:{}", village.path("script-1.json").display());
    let bare = village.path("home.git");
    let run = village.monkeytown(&["-C", bare.to_str().unwrap(), "run", "chaostester", "--json", "--brain", &brain]);
    run.ended(0, "opened");
    // Seen from a clone it is the same pull request.
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.verify_ok();

    // A remote without a remembered default branch, and a town on a branch with another name.
    let village = Village::small_with_remote();
    work(&village);
    village.git(["remote", "set-head", "origin", "--delete"]);
    village.run("chaostester").ended(0, "opened");
    village.verify_ok();
}
