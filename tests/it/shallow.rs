//! Promise: the cost of a start does not grow with the history.

use monkeytown::git::journal::Journal;
use monkeytown::git::program::Environment;
use monkeytown::git::repo::Repo;
use monkeytown::town::decide::{self, Command};
use monkeytown::town::envelope::Stamp;

use crate::village::{MORNING, Village, finish, write};

/// Appends so many events, one in each commit, here.
fn live(village: &Village, events: usize) {
    let environment = Environment::isolated(std::env::var("PATH").unwrap(), &village.path("."));
    let repo = Repo::open_in(village.dir(), environment).unwrap();
    let journal = Journal::new(&repo, None);
    let time = MORNING.parse().unwrap();
    for n in 0..events {
        let stamp = Stamp { time, source: "/towns/smalltown".into(), random: (n as u128) << 8 };
        let (by, reason) = ("Ada".to_owned(), format!("for the {n}th time"));
        let append = journal.append(&stamp, |town| {
            let command = if town.frozen.is_some() {
                Command::Thaw { by: by.clone(), reason: reason.clone() }
            } else {
                Command::Freeze { by: by.clone(), reason: reason.clone() }
            };
            decide::decide(town, &command, time)
        });
        assert_eq!(append.unwrap().events.len(), 1);
    }
}

#[test]
fn a_shallow_clone_fetches_what_is_missing_to_the_snapshot_and_no_more() {
    let village = Village::small();
    live(&village, 2_500);
    let village = village.remote();
    village.git(["push", "-q", "origin", "monkeytown/journal"]);
    let url = format!("file://{}", village.path("home.git").display());
    village.git_in(&village.path("."), ["clone", "-q", "--depth", "1", "--branch", "main", &url, "shallow"]);
    let shallow = village.clone_at("shallow");
    shallow.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    shallow.run("chaostester").ended(0, "opened");
    // The newest snapshot stands in commit 2000.
    let here = shallow.git(["rev-list", "--reverse", "origin/monkeytown/journal"]);
    let oldest = shallow.git(["log", "-1", "--format=%B", here.lines().next().unwrap()]);
    assert!(oldest.contains("Journal-Commit: 2001\n"), "{oldest}");
    let mine = shallow.events().iter().filter(|event| event["corr"].is_string()).count();
    assert!(mine >= 7, "{mine}");
    // What was seen from there is what everybody sees.
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    village.verify_ok();
    let states = [&village, &shallow].map(|clone| clone.monkeytown(&["state", "--json"]).stdout);
    assert_eq!(states[0], states[1]);
}

#[test]
fn a_clone_of_depth_one_updates_and_follows_a_pull_request_from_before() {
    let village = Village::small_with_remote();
    let step = |from: usize| {
        for n in from..from + 40 {
            village.put("n.txt", &n.to_string());
            village.save(&format!("Count to {n}"));
        }
        village.git(["push", "-q", "origin", "main"]);
        let url = format!("file://{}", village.path("home.git").display());
        let name = format!("shallow-{from}");
        village.git_in(&village.path("."), ["clone", "-q", "--depth", "1", "--branch", "main", &url, &name]);
        village.clone_at(&name)
    };
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");

    let first = step(100);
    first.says([write("qa/more.md", "So does the second.\n"), finish("List both broken links")]);
    first.run("chaostester").ended(0, "updated");
    let files = village.git(["ls-remote", "origin", "agent/chaostester"]);
    assert!(!files.is_empty());
    assert_eq!(village.states(), [(1, "open".to_owned())]);

    village.merge(1).says(0, "merged");
    village.git(["pull", "-q", "origin", "main"]);
    let second = step(200);
    second.says([write("qa/third.md", "And the third.\n"), finish("List the third broken link")]);
    second.run("chaostester").ended(0, "opened");
    assert_eq!(second.states(), [(1, "merged".to_owned()), (2, "open".to_owned())]);
    let on_branch = second.git(["ls-tree", "-r", "--name-only", "origin/agent/chaostester"]);
    assert!(["qa/links.md", "qa/more.md", "qa/third.md"].iter().all(|path| on_branch.contains(path)), "{on_branch}");
    second.verify_ok();
}
