//! The world moves while a run is under way: main goes on, the remote goes away, people push.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::village::{Village, finish, nothing, write};

const SLOT: [&str; 2] = ["--slot", "morning"];
const LIST: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

/// A town whose agent has a file on main already.
fn with_a_list(remote: bool) -> Village {
    let village = Village::small().file("qa/list.md", LIST).commit("Start a list");
    if remote { village.remote() } else { village }
}

fn push(village: &Village, remote: bool) {
    if remote {
        village.git(["push", "-q", "origin", "main"]);
    }
}

#[test]
fn main_moves_during_the_run_and_the_work_is_merged_onto_it() {
    for remote in [false, true] {
        let village = with_a_list(remote);
        village.says([
            write("qa/list.md", &LIST.replace("six", "six, by the agent")),
            write("qa/new.md", "Something new.\n"),
            finish("Say who wrote six"),
        ]);
        village.halt_at("replied", "chaostester", &SLOT);
        village.put("README.md", "# A larger town\n").save("Grow");
        village.put("qa/list.md", &LIST.replace("two", "two, by Ada")).save("Say who wrote two");
        let main = village.put("src.txt", "code\n").save("Add code");
        push(&village, remote);
        village.run_with("chaostester", &SLOT).ended(0, "opened");
        let pull = &village.pulls()[0];
        assert_eq!((&pull["base"], &pull["files"]), (&main.clone().into(), &2.into()));
        let head = pull["head"].as_str().unwrap();
        assert_eq!(village.git(["rev-parse", &format!("{head}^")]), main);
        let list = village.show(head, "qa/list.md");
        assert!(list.contains("two, by Ada") && list.contains("six, by the agent"), "{list}");
        assert_eq!(village.git(["diff", "--name-only", "main", head]), "qa/list.md\nqa/new.md");
        village.verify_ok();
        assert_eq!(village.merge(1).code, 0);
    }
}

// covers: local-forge#people-merge/a-conflict, local-forge#people-merge/a-draft
// covers: run#one-rolling-pull-request-per-agent/the-base-moved-and-conflicts
#[test]
fn a_conflict_becomes_a_draft_that_names_the_files() {
    for remote in [false, true] {
        let village = with_a_list(remote);
        let base = village.git(["rev-parse", "main"]);
        village.says([
            write("qa/list.md", &LIST.replace("two", "two, by the agent")),
            write("qa/new.md", "Something new.\n"),
            finish("Say who wrote two"),
        ]);
        village.halt_at("replied", "chaostester", &SLOT);
        village.put("README.md", "# A larger town\n").save("Grow");
        village.put("qa/list.md", &LIST.replace("two", "two, by Ada")).save("Say who wrote two");
        village.put("src.txt", "code\n").save("Add code");
        push(&village, remote);
        village.run_with("chaostester", &SLOT).ended(0, "opened");
        let pull = &village.pulls()[0];
        assert_eq!(
            (&pull["draft"], &pull["conflicts"]),
            (&true.into(), &serde_json::json!(["qa/list.md"])),
            "{pull:#}"
        );
        assert_eq!(pull["base"], base);
        assert!(pull["body"].as_str().unwrap().contains("`qa/list.md`"), "{pull:#}");
        // Nothing is dropped on either side.
        let head = pull["head"].as_str().unwrap();
        assert!(village.show(head, "qa/list.md").contains("two, by the agent"));
        assert_eq!(village.show(head, "qa/new.md"), "Something new.");
        assert!(village.show("main", "qa/list.md").contains("two, by Ada"));
        village.verify_ok();
        village.merge(1).says(1, "is a draft");
        let merge = village.monkeytown(&["pulls", "merge", "1", "--draft"]);
        merge.says(1, "qa/list.md");
        // A human resolves it by hand, and that is a merge like any other.
        if !remote {
            let merge = ["merge", "-q", "-s", "ours", "--no-ff", "-m", "Keep mine", "agent/chaostester"];
            village.git(merge);
            assert_eq!(village.states(), [(1, "merged".to_owned())]);
            village.verify_ok();
        }
    }
}

#[test]
fn an_open_pull_request_is_carried_onto_the_newest_main() {
    let village = with_a_list(false);
    village.says([write("qa/list.md", &LIST.replace("six", "six, by the agent")), finish("Say who wrote six")]);
    village.run("chaostester").ended(0, "opened");
    let main = village.put("qa/list.md", &LIST.replace("two", "two, by Ada")).save("Say who wrote two");
    village.says([write("qa/new.md", "Something new.\n"), finish("Say who wrote six, and more")]);
    village.run("chaostester").ended(0, "updated");
    let list = village.show("agent/chaostester", "qa/list.md");
    assert!(list.contains("two, by Ada") && list.contains("six, by the agent"), "{list}");
    assert_eq!(village.git(["rev-parse", "agent/chaostester^"]), main);
    village.verify_ok();
}

#[test]
fn what_people_merged_themselves_is_not_proposed() {
    let village = with_a_list(false);
    village.says([write("qa/list.md", &LIST.replace("six", "6")), finish("Write six as a digit")]);
    village.halt_at("replied", "chaostester", &SLOT);
    village.put("qa/list.md", &LIST.replace("six", "6")).save("Write six as a digit");
    village.run_with("chaostester", &SLOT).ended(0, "nothing");
    assert!(village.states().is_empty());
    village.verify_ok();
}

// covers: journal#events-wait-while-the-remote-is-away
#[test]
fn work_waits_for_a_remote_that_went_away() {
    for moment in ["claimed", "called", "gated", "proposed"] {
        let village = Village::small_with_remote();
        village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
        village.halt_at(moment, "chaostester", &SLOT);
        let (home, away) = (village.path("home.git"), village.path("away.git"));
        fs::rename(&home, &away).unwrap();
        for _ in 0..2 {
            let waiting = village.run_with("chaostester", &SLOT);
            waiting.ended(3, "queued");
        }
        fs::rename(&away, &home).unwrap();
        // Meanwhile the others went on: what waits goes on top of that.
        let other = village.another_clone("other");
        other.monkeytown(&["freeze", "--reason", "look at the remote"]).says(0, "frozen");
        other.monkeytown(&["thaw", "--reason", "looked"]).says(0, "thawed");
        let sent = village.run_with("chaostester", &SLOT);
        sent.ended(0, "opened");
        for clone in [&village, &other] {
            assert_eq!(clone.states(), [(1, "open".to_owned())], "{moment}");
            let kinds = clone.kinds();
            for kind in ["run.started", "gate.passed", "run.proposed", "pull.opened", "run.finished", "town.frozen"] {
                assert_eq!(kinds.iter().filter(|k| *k == kind).count(), 1, "{moment}: {kind} in {kinds:?}");
            }
            clone.verify_ok();
        }
        let there = village.git_in(&home, ["show", "agent/chaostester:qa/links.md"]);
        assert_eq!(there, "The first link leads nowhere.");
    }
}

#[test]
fn a_run_that_finds_the_remote_away_does_its_work_and_waits() {
    let village = Village::small_with_remote();
    let (home, away) = (village.path("home.git"), village.path("away.git"));
    fs::rename(&home, &away).unwrap();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run_with("chaostester", &SLOT).ended(3, "queued");
    fs::rename(&away, &home).unwrap();
    village.run_with("chaostester", &SLOT).ended(0, "opened");
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.says([nothing("all links hold")]);
    village.run("chaostester").ended(0, "nothing");
    village.verify_ok();
    village.another_clone("other").verify_ok();
}

#[test]
fn two_clones_that_worked_offline_for_one_slot_do_not_both_publish() {
    let one = Village::small_with_remote();
    let other = one.another_clone("other");
    let (home, away) = (one.path("home.git"), one.path("away.git"));
    fs::rename(&home, &away).unwrap();
    for village in [&one, &other] {
        village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
        village.run_with("chaostester", &SLOT).ended(3, "queued");
    }
    fs::rename(&away, &home).unwrap();
    one.run_with("chaostester", &SLOT).ended(0, "opened");
    let second = other.run_with("chaostester", &SLOT);
    second.ended(0, "skipped");
    for village in [&one, &other] {
        assert_eq!(village.states(), [(1, "open".to_owned())]);
        village.verify_ok();
    }
    // What did not fit is kept, not lost.
    assert_ne!(other.git(["for-each-ref", "refs/monkeytown/kept"]), "");
}

/// Two clones that were offline for one slot of chaostester; the second one also had a run of madchimp. The first is online
/// again and has published. With the second clone come its runs, the one that no longer fits first, and the commit which that
/// one was about to offer.
fn second_of_two_offline() -> (Village, [String; 2], String) {
    let one =
        Village::new().agent("chaostester", "qa/**").agent("madchimp", "wild/**").commit("Found the town").remote();
    let other = one.another_clone("other");
    let (home, away) = (one.path("home.git"), one.path("away.git"));
    fs::rename(&home, &away).unwrap();
    one.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    one.run_with("chaostester", &SLOT).ended(3, "queued");
    other.says([write("qa/links.md", "The second link leads nowhere.\n"), finish("List the other broken link")]);
    let lost = other.run_with("chaostester", &SLOT);
    lost.ended(3, "queued");
    other.says([write("wild/ideas.md", "What if the links led somewhere?\n"), finish("Note an idea about links")]);
    let fits = other.run_with("madchimp", &SLOT);
    fits.ended(3, "queued");
    let proposed = other.facts("run.proposed");
    let proposed = proposed.iter().find(|proposed| proposed["run"] == lost.json["run"]).unwrap();
    let head = proposed["head"].as_str().unwrap().to_owned();
    fs::rename(&away, &home).unwrap();
    one.run_with("chaostester", &SLOT).ended(0, "opened");
    (other, [lost.text("run"), fits.text("run")], head)
}

#[test]
fn a_run_that_no_longer_fits_is_left_out_whole_and_its_work_kept() {
    for way in ["run", "killed", "log"] {
        let (village, [lost, fits], head) = second_of_two_offline();
        let journal = village.git(["rev-parse", "monkeytown/journal"]);
        if way == "killed" {
            // What does not fit has its references before the branch leaves it.
            village.halt_at("kept", "chaostester", &SLOT);
            assert_eq!(village.git(["rev-parse", "monkeytown/journal"]), journal);
        }
        // Whichever command joins them says so.
        let args: &[&str] =
            if way == "log" { &["log", "--json"] } else { &["run", "chaostester", "--slot", "morning"] };
        let told = village.monkeytown(args);
        assert_eq!(told.code, 0, "{way}: {told:#?}");
        let kept = village.git(["for-each-ref", "--format=%(refname) %(objectname)", "refs/monkeytown/kept"]);
        let (old, work) = (format!("refs/monkeytown/kept/{journal}"), format!("refs/monkeytown/kept/{lost}"));
        let mut wanted = [format!("{old} {journal}"), format!("{work} {head}")];
        wanted.sort_unstable();
        assert_eq!(kept.lines().collect::<Vec<_>>(), wanted, "{way}");
        // At home too: this clone may be gone tomorrow.
        let home = village.path("home.git");
        let there =
            village.git_in(&home, ["for-each-ref", "--format=%(refname) %(objectname)", "refs/monkeytown/kept"]);
        assert_eq!(there, kept, "{way}");
        assert_eq!(village.show(&work, "qa/links.md"), "The second link leads nowhere.");
        let news = told.stderr;
        assert!(news.contains("did not fit any more") && news.contains(&old) && news.contains(&work), "{news}");
        assert!(!news.contains("in this clone only"), "{news}");
        // Nothing of that run is recorded, and all of the other one.
        let events = village.events();
        let of = |run: &str| events.iter().filter(|event| event["corr"] == run).count();
        assert_eq!(of(&lost), 0, "{events:#?}");
        assert!(of(&fits) > 0, "{events:#?}");
        village.verify_ok();
        village.run_with("chaostester", &SLOT).ended(0, "skipped");
        village.run_with("madchimp", &SLOT).ended(0, "opened");
        assert_eq!(village.states(), [(1, "open".to_owned()), (2, "open".to_owned())]);
        village.verify_ok();
    }
}

/// A home that takes nothing under `refs/monkeytown/kept/`.
fn refuse_what_is_kept(village: &Village) {
    let hook = village.path("home.git").join("hooks/update");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\ncase \"$1\" in refs/monkeytown/kept/*) exit 1 ;; esac\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_does_not_fit_is_said_to_be_here_only_where_home_does_not_take_it() {
    let (village, [lost, _], head) = second_of_two_offline();
    refuse_what_is_kept(&village);
    let told = village.run_with("chaostester", &SLOT);
    told.ended(0, "skipped");
    let place = format!("(refs/monkeytown/kept/{lost}, in this clone only)");
    assert!(told.stderr.contains(&place), "{told:#?}");
    assert_eq!(village.git(["rev-parse", &format!("refs/monkeytown/kept/{lost}")]), head);
}

#[test]
fn our_version_of_what_people_changed_is_kept_at_home_or_said_not_to_be() {
    for refused in [false, true] {
        let village = Village::small_with_remote();
        village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
        village.run("chaostester").ended(0, "opened");
        let mine = "The second link leads nowhere.\n";
        village.says([write("qa/links.md", mine), write("qa/more.md", "More.\n"), finish("List another")]);
        village.halt_at("called", "chaostester", &SLOT);
        // Ada changes the same lines on the agent's branch.
        let ada = village.another_clone("ada");
        ada.git(["fetch", "-q", "origin"]);
        ada.git(["checkout", "-q", "agent/chaostester"]);
        let theirs = ada.put("qa/links.md", "No link leads nowhere.\n").save("Say what is so");
        ada.git(["push", "-q", "origin", "agent/chaostester"]);
        if refused {
            refuse_what_is_kept(&village);
        }
        let run = village.run_with("chaostester", &SLOT);
        run.ended(0, "updated");
        let kept = format!("refs/monkeytown/kept/{}", run.text("run"));
        let body = village.pulls()[0]["body"].as_str().unwrap().to_owned();
        let said = format!("our version is kept in {kept}");
        assert_eq!((body.contains(&said), body.contains("could not be sent home")), (!refused, refused), "{body}");
        assert!(body.contains(&kept), "{body}");
        assert_eq!(village.show(&kept, "qa/links.md"), mine.trim_end());
        assert_ne!(village.git(["rev-list", "--parents", "-1", &kept]), village.git(["rev-parse", &kept]), "no orphan");
        let there = village.git_in(&village.path("home.git"), ["for-each-ref", "refs/monkeytown/kept"]);
        assert_eq!(there.contains(&kept), !refused, "{there}");
        let head = village.pulls()[0]["head"].as_str().unwrap().to_owned();
        assert_eq!(village.show(&head, "qa/links.md"), "No link leads nowhere.");
        assert_eq!(village.git(["rev-parse", &format!("{head}^")]), theirs);
        village.verify_ok();
    }
}
