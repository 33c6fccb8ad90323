//! Promise: kill the process anywhere, and after the next run there is one pull request and every event once.
//! Lives here: the matrix of moments and homes, kills in a row, and another machine that takes over.

use serde_json::Value;

use crate::story::STORY;
use crate::village::{Outcome, Village, finish, nothing, write};

const SLOT: [&str; 2] = ["--slot", "morning"];

/// Every moment at which a run can be killed, in its order.
const MOMENTS: [&str; 13] = [
    "opened",
    "synced",
    "claimed",
    "briefed",
    "thinking",
    "replied",
    "called",
    "gated",
    "proposed",
    "pushed",
    "opening",
    "published",
    "finished",
];

fn homes() -> [(&'static str, Village); 2] {
    [("local", Village::small()), ("remote", Village::small_with_remote())]
}

fn tell(village: &Village) {
    village.says([
        write("qa/links.md", "The first link leads nowhere.\n"),
        write("qa/table.md", "The table has a row too many.\n"),
        finish("List the broken link and the odd row"),
    ]);
}

/// The run that a story says was claimed.
fn claimed(story: &str) -> Option<String> {
    let line = story.lines().find_map(|line| line.strip_prefix("claim    run "))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// What has to hold after a run was killed so often and then left alone.
fn all_is_well(case: &str, village: &Village, run: Option<&str>) {
    let mut kinds = village.kinds();
    kinds.retain(|kind| kind != "run.resumed");
    assert_eq!(kinds, STORY, "{case}");
    let pulls = village.pulls();
    assert_eq!((pulls.len(), &pulls[0]["state"]), (1, &"open".into()), "{case}: {pulls:#?}");
    if let Some(run) = run {
        assert_eq!(pulls[0]["run"], run, "{case}: the run that was claimed goes on");
    }
    assert_eq!(village.facts("run.started")[0]["slot"], "morning", "{case}");
    assert_eq!(village.facts("tool.called")[0]["calls"].as_array().unwrap().len(), 2, "{case}: no call is made twice");
    assert_eq!(village.facts("run.usage.metered")[0]["turns"], 3, "{case}: no reply is paid for twice");
    let head = pulls[0]["head"].as_str().unwrap();
    assert_eq!(village.git(["rev-list", "--count", &format!("main..{head}")]), "1", "{case}");
    assert_eq!(village.show(head, "qa/links.md"), "The first link leads nowhere.", "{case}");
    assert_eq!(village.show(head, "qa/table.md"), "The table has a row too many.", "{case}");
    village.verify_ok();
}

// covers: run#a-run-that-died-goes-on
#[test]
fn a_run_survives_a_kill_at_every_moment() {
    for moment in MOMENTS {
        for (home, village) in homes() {
            let case = format!("killed at {moment}, home {home}");
            tell(&village);
            let story = village.halt_at(moment, "chaostester", &SLOT);
            let run = claimed(&story);
            assert_eq!(run.is_some(), !matches!(moment, "opened" | "synced"), "{case}: {story}");
            let again = village.run_with("chaostester", &SLOT);
            if moment == "finished" {
                again.ended(0, "skipped");
            } else {
                again.ended(0, "opened");
                assert_eq!(again.json["resumed"], run.is_some(), "{case}");
            }
            all_is_well(&case, &village, run.as_deref());
            // A third start finds the slot taken, and nothing of it changes.
            village.run_with("chaostester", &SLOT).ended(0, "skipped");
            all_is_well(&case, &village, run.as_deref());
        }
    }
}

#[test]
fn a_run_survives_kills_in_a_row() {
    let pairs = [
        ("claimed", "claimed"),
        ("briefed", "called"),
        ("called", "called"),
        ("called", "gated"),
        ("gated", "proposed"),
        ("proposed", "pushed"),
        ("pushed", "pushed"),
        ("pushed", "opening"),
        ("opening", "finished"),
        ("published", "finished"),
    ];
    for (first, second) in pairs {
        for (home, village) in homes() {
            let case = format!("killed at {first} and at {second}, home {home}");
            tell(&village);
            let run = claimed(&village.halt_at(first, "chaostester", &SLOT));
            let resumed = claimed(&village.halt_at(second, "chaostester", &SLOT));
            assert_eq!(resumed, run, "{case}");
            let last = village.run_with("chaostester", &SLOT);
            assert_eq!(last.code, 0, "{case}: {last:#?}");
            all_is_well(&case, &village, run.as_deref());
        }
    }
}

#[test]
fn a_killed_update_is_finished_as_an_update() {
    for moment in MOMENTS.into_iter().filter(|moment| *moment != "finished") {
        for (home, village) in homes() {
            let case = format!("update killed at {moment}, home {home}");
            tell(&village);
            village.run_with("chaostester", &SLOT).ended(0, "opened");
            village.says([write("qa/links.md", "Both links lead nowhere.\n"), finish("List both broken links")]);
            let noon = ["--slot", "noon"];
            village.halt_at(moment, "chaostester", &noon);
            village.run_with("chaostester", &noon).ended(0, "updated");
            let pulls = village.pulls();
            assert_eq!((pulls.len(), &pulls[0]["title"]), (1, &"List both broken links".into()), "{case}");
            assert_eq!(village.facts("pull.updated").len(), 1, "{case}");
            let head = pulls[0]["head"].as_str().unwrap();
            assert_eq!(village.show(head, "qa/links.md"), "Both links lead nowhere.", "{case}");
            assert_eq!(village.show(head, "qa/table.md"), "The table has a row too many.", "{case}");
            village.verify_ok();
        }
    }
}

#[test]
fn a_killed_run_with_nothing_to_do_ends_so_once() {
    for moment in ["claimed", "briefed", "thinking", "replied"] {
        let village = Village::small();
        village.says([nothing("all links hold")]);
        let run = claimed(&village.halt_at(moment, "chaostester", &SLOT));
        let again = village.run_with("chaostester", &SLOT);
        again.ended(0, "nothing");
        assert_eq!(again.json["run"].as_str(), run.as_deref());
        assert_eq!(village.facts("run.finished").len(), 1);
        village.verify_ok();
    }
}

/// A run whose work waits in its clone because the remote was away, while another clone went on.
fn queued_here() -> (Village, Village, String) {
    let village = Village::small_with_remote();
    let (home, away) = (village.path("home.git"), village.path("away.git"));
    std::fs::rename(&home, &away).unwrap();
    tell(&village);
    let waiting = village.run_with("chaostester", &SLOT);
    waiting.ended(3, "queued");
    std::fs::rename(&away, &home).unwrap();
    let other = village.another_clone("other");
    other.monkeytown(&["freeze", "--reason", "look at the remote"]).says(0, "frozen");
    other.monkeytown(&["thaw", "--reason", "looked"]).says(0, "thawed");
    (village, other, waiting.text("run"))
}

// covers: journal#events-wait-while-the-remote-is-away/the-network-comes-back
#[test]
fn a_kill_while_a_queue_is_joined_with_the_remote_changes_nothing() {
    let rows: [&[&str]; 5] = [
        &["replayed"],
        &["forgotten"],
        &["joined"],
        &["replayed", "replayed", "forgotten", "forgotten", "joined"],
        &["forgotten", "replayed"],
    ];
    for row in rows {
        let (village, other, run) = queued_here();
        let journal = |place: &Village| place.git(["rev-parse", "monkeytown/journal"]);
        let (here, there) = (journal(&village), journal(&other));
        for step in row {
            village.halt_at(step, "chaostester", &SLOT);
            let is_moved = journal(&village) != here;
            assert_eq!(is_moved, *step == "joined", "{row:?}: the branch moves once, at the end");
            let home = village.git_in(&village.path("home.git"), ["rev-parse", "monkeytown/journal"]);
            assert_eq!(home, there, "{row:?}: nothing was sent before all of it was joined");
        }
        village.run_with("chaostester", &SLOT).ended(0, "opened");
        for clone in [&village, &other] {
            let mut kinds = clone.kinds();
            assert_eq!(kinds[..2], ["town.frozen", "town.thawed"], "{row:?}: what the remote had comes first");
            kinds.retain(|kind| !kind.starts_with("town.") && kind != "run.resumed");
            assert_eq!(kinds, STORY, "{row:?}: every event once");
            assert_eq!((clone.pulls().len(), &clone.pulls()[0]["run"]), (1, &run.clone().into()), "{row:?}");
            clone.verify_ok();
        }
    }
}

/// A run that was killed in one clone of a remote, and another clone.
fn killed_elsewhere(moment: &str) -> (Village, Village, String) {
    let here = Village::small_with_remote();
    tell(&here);
    let run = claimed(&here.halt_at(moment, "chaostester", &SLOT)).unwrap();
    let there = here.another_clone("there");
    (here, there, run)
}

fn lease_is_held(run: &Outcome) {
    run.ended(0, "skipped");
    assert!(run.text("reason").contains("holds the lease until 2026-11-21 05:20"), "{run:#?}");
}

// covers: run#one-run-per-slot-and-one-lease-per-agent/somebody-else-is-at-work
#[test]
fn another_machine_waits_for_the_lease() {
    for moment in ["claimed", "called", "proposed", "pushed"] {
        let (here, there, run) = killed_elsewhere(moment);
        lease_is_held(&there.run_with("chaostester", &SLOT));
        lease_is_held(&there.at("2026-11-21T05:19:59Z").run_with("chaostester", &["--slot", "noon"]));
        // The clone that holds it goes on at once.
        here.run_with("chaostester", &SLOT).ended(0, "opened");
        all_is_well(moment, &there, Some(&run));
    }
}

#[test]
fn another_machine_takes_over_what_was_proposed() {
    for moment in ["proposed", "pushed", "opening", "published"] {
        let (here, there, run) = killed_elsewhere(moment);
        // Its brain is not asked: the work is there.
        there.says([nothing("never asked")]);
        let taken = there.at("2026-11-21T05:20:00Z").run_with("chaostester", &SLOT);
        taken.ended(0, "opened");
        assert_eq!((&taken.json["resumed"], taken.text("run")), (&true.into(), run.clone()), "{moment}");
        all_is_well(moment, &there, Some(&run));
        // The first machine learns of it.
        here.at("2026-11-21T05:30:00Z").run_with("chaostester", &SLOT).ended(0, "skipped");
        all_is_well(moment, &here, Some(&run));
    }
}

#[test]
fn a_run_of_which_nothing_is_left_expires() {
    let (here, there, run) = killed_elsewhere("called");
    let taken = there.at("2026-11-21T05:20:00Z").run_with("chaostester", &SLOT);
    taken.ended(0, "opened");
    assert_ne!(taken.text("run"), run);
    assert_eq!(there.facts("run.expired")[0]["run"], Value::String(run));
    assert_eq!(there.states(), [(1, "open".to_owned())]);
    there.verify_ok();
    // What the first machine had kept of it is of no use any more, and harms nothing.
    here.says([nothing("all is listed")]);
    here.at("2026-11-21T05:30:00Z").run_with("chaostester", &["--slot", "noon"]).ended(0, "nothing");
    assert_eq!(here.states(), [(1, "open".to_owned())]);
    here.verify_ok();
}

#[test]
fn a_run_that_is_alive_is_not_taken_over_in_its_own_clone() {
    let village = Village::small();
    tell(&village);
    let (mut child, _) = village.hold_at("called", "chaostester", &SLOT);
    let second = village.run_with("chaostester", &["--slot", "noon"]);
    second.ended(0, "skipped");
    assert!(second.text("reason").contains("is alive in this clone"), "{second:#?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = village.run_with("chaostester", &SLOT);
    run.ended(0, "opened");
    all_is_well("after the first process died", &village, Some(&run.text("run")));
}

#[test]
fn a_transcript_is_kept_although_the_process_died_at_the_end() {
    for (home, village) in homes() {
        tell(&village);
        let run = claimed(&village.halt_at("finished", "chaostester", &SLOT)).unwrap();
        village.says([nothing("all is listed")]);
        village.run_with("chaostester", &["--slot", "noon"]).ended(0, "nothing");
        assert!(village.transcript(&run).to_string().contains("qa/links.md"), "home {home}");
    }
}
