//! Promise: whoever is first wins, on one machine and across machines, and no event is lost or doubled.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use monkeytown::git::journal::Journal;
use monkeytown::git::program::Environment;
use monkeytown::git::repo::Repo;
use monkeytown::town::decide::{self, Command};
use monkeytown::town::envelope::Stamp;

use crate::village::{MORNING, Village, finish, nothing, write};

/// Two processes want one slot at the same time.
fn race(one: &Village, other: &Village, rounds: usize) {
    for round in 0..rounds {
        let slot = format!("round-{round}");
        let text = format!("In round {round} the link still leads nowhere.\n");
        let title = format!("List the broken link of round {round}");
        for village in [one, other] {
            village.says([write("qa/links.md", &text), finish(&title)]);
        }
        let started = [one, other].map(|village| village.start("chaostester", &["--slot", &slot]));
        let ended = started.map(Village::wait);
        let mut outcomes: Vec<&str> = ended.iter().map(|run| run.json["outcome"].as_str().unwrap_or("none")).collect();
        outcomes.sort_unstable();
        let won = if round == 0 { "opened" } else { "updated" };
        let mut wanted = [won, "skipped"];
        wanted.sort_unstable();
        assert_eq!(outcomes, wanted, "{ended:#?}");
        assert!(ended.iter().all(|run| run.code == 0), "{ended:#?}");
        assert_eq!(one.facts("run.started").len(), round + 1);
    }
    for village in [one, other] {
        assert_eq!(village.states(), [(1, "open".to_owned())]);
        village.verify_ok();
    }
}

// covers: journal#an-append-is-decided-again-after-a-lost-race/two-runs-ask-for-the-same-slot
// covers: run#one-run-per-slot-and-one-lease-per-agent
#[test]
fn two_processes_of_one_clone_want_one_slot() {
    let village = Village::small();
    race(&village, &village, 4);
}

// covers: journal#an-append-is-decided-again-after-a-lost-race/two-runs-ask-for-the-same-slot
// covers: run#one-run-per-slot-and-one-lease-per-agent
#[test]
fn two_clones_want_one_slot() {
    let one = Village::small_with_remote();
    let other = one.another_clone("other");
    race(&one, &other, 4);
}

#[test]
fn two_agents_run_side_by_side() {
    let village = Village::new().agent("chaostester", "qa/**").agent("madchimp", "wild/**").commit("Found the town");
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    let one = village.start("chaostester", &[]);
    village.says([write("wild/ideas.md", "What if the links led somewhere?\n"), finish("Note an idea about links")]);
    let other = village.start("madchimp", &[]);
    for run in [one, other].map(Village::wait) {
        run.ended(0, "opened");
    }
    assert_eq!(village.states(), [(1, "open".to_owned()), (2, "open".to_owned())]);
    village.verify_ok();
}

// covers: journal#an-append-is-decided-again-after-a-lost-race
#[test]
fn eight_clones_append_at_once_and_lose_nothing() {
    const CLONES: usize = 8;
    const ROUNDS: usize = 100;
    let village = Village::small_with_remote();
    village.says([nothing("all links hold")]);
    village.run("chaostester").ended(0, "nothing");
    let before = village.events().len();
    let places: Vec<_> = (0..CLONES).map(|n| village.another_clone(&format!("clone-{n}")).dir()).collect();
    let time: DateTime<Utc> = MORNING.parse().unwrap();
    let home = village.path(".");
    std::thread::scope(|scope| {
        for (n, place) in places.iter().enumerate() {
            let home = &home;
            scope.spawn(move || {
                let environment = Environment::isolated(std::env::var("PATH").unwrap(), home);
                let repo = Repo::open_in(place, environment).unwrap();
                let remote = repo.remote("origin").unwrap();
                let journal = Journal::new(&repo, Some(&remote));
                for round in (n..ROUNDS).step_by(CLONES) {
                    let stamp = Stamp { time, source: "/towns/smalltown".into(), random: (round as u128) << 8 };
                    journal.sync(&stamp).unwrap();
                    // Whoever finds the town frozen thaws it: a decision that depends on what the others did.
                    let by = format!("clone-{n} in round {round}");
                    let appended = journal.append(&stamp, |town| {
                        let command = if town.frozen.is_some() {
                            Command::Thaw { by: by.clone(), reason: "again".into() }
                        } else {
                            Command::Freeze { by: by.clone(), reason: "again".into() }
                        };
                        decide::decide(town, &command, time)
                    });
                    let appended = appended.unwrap();
                    assert_eq!((appended.events.len(), appended.queued), (1, false));
                }
            });
        }
    });
    let events = village.events();
    assert_eq!(events.len(), before + ROUNDS);
    let by: BTreeSet<&str> = events[before..].iter().map(|event| event["data"]["by"].as_str().unwrap()).collect();
    assert_eq!(by.len(), ROUNDS, "each round is there once");
    for (n, event) in events[before..].iter().enumerate() {
        let wanted = if n % 2 == 0 { "monkeytown.town.frozen.v1" } else { "monkeytown.town.thawed.v1" };
        assert_eq!(event["type"], wanted, "every decision saw the one before it");
    }
    village.verify_ok();
    village.another_clone("late").verify_ok();
}
