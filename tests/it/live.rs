//! What people do while a run is alive: the run is driven in this process, and they act at a moment of it.

use std::cell::Cell;

use chrono::{DateTime, Utc};
use monkeytown::forge::local::LocalForge;
use monkeytown::git::home::{Home, Wanted};
use monkeytown::git::journal::Journal;
use monkeytown::git::program::Environment;
use monkeytown::git::repo::Repo;
use monkeytown::run::house::House;
use monkeytown::run::{self, Edge, Ending, Progress, Report, Request, SlotChoice};

use crate::village::{MORNING, Village, finish, write};

/// Runs chaostester in this process; at the first `moment`, `act` happens.
fn run_while(village: &Village, moment: &str, act: impl Fn()) -> Report {
    let environment = Environment::isolated(std::env::var("PATH").unwrap(), &village.path("."));
    let home = Home::open(Repo::open_in(village.dir(), environment).unwrap(), &Wanted::Auto, None).unwrap();
    let house = House::read(home).unwrap();
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    let acted = Cell::new(false);
    let watch = |progress: &Progress| {
        if progress.name() == moment && !acted.replace(true) {
            act();
        }
    };
    let now = || MORNING.parse::<DateTime<Utc>>().unwrap();
    let random = monkeytown::config::random;
    let tools = vec![("PATH".to_owned(), std::env::var("PATH").unwrap())];
    let edge = Edge {
        now: &now,
        random: &random,
        scheduled: false,
        tools,
        program: None,
        keys: Vec::new(),
        secrets: Vec::new(),
        holder: None,
        holder_before: None,
        watch: &watch,
    };
    let forge = LocalForge::new(&house.home, &journal, || edge.stamp("smalltown"));
    let request = Request {
        agent: "chaostester".parse().unwrap(),
        slot: SlotChoice::Auto,
        brain: Some(village.brain()),
        task: None,
        dry_run: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(run::run(&edge, &house, &journal, &forge, &request)).unwrap();
    assert!(acted.get(), "the run never came to {moment}");
    report
}

fn with_a_pull(village: Village) -> Village {
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    village.says([write("qa/table.md", "The table has a row too many.\n"), finish("List the odd row")]);
    village
}

/// A new town for each moment, with either home.
fn towns() -> impl Iterator<Item = (&'static str, Village)> {
    let moments = ["claimed", "called", "gated", "proposed"];
    let town = |remote: bool| if remote { Village::small_with_remote() } else { Village::small() };
    moments.into_iter().flat_map(move |moment| [false, true].map(|remote| (moment, with_a_pull(town(remote)))))
}

#[test]
fn a_rejection_during_the_run_makes_its_work_a_new_pull_request() {
    for (moment, village) in towns() {
        let report = run_while(&village, moment, || {
            village.reject(1, "low-value", "Nobody follows that link").says(0, "rejected");
        });
        assert_eq!(report.outcome, Ending::Opened, "{moment}: {report:#?}");
        assert_eq!(village.states(), [(1, "rejected".to_owned()), (2, "open".to_owned())], "{moment}");
        assert_eq!(village.pulls()[1]["paths"], serde_json::json!(["qa/table.md"]), "{moment}");
        village.verify_ok();
    }
}

#[test]
fn a_merge_during_the_run_makes_its_work_a_new_pull_request() {
    for (moment, village) in towns() {
        let report = run_while(&village, moment, || assert_eq!(village.merge(1).code, 0));
        assert_eq!(report.outcome, Ending::Opened, "{moment}: {report:#?}");
        assert_eq!(village.states(), [(1, "merged".to_owned()), (2, "open".to_owned())], "{moment}");
        assert_eq!(village.pulls()[1]["paths"], serde_json::json!(["qa/table.md"]), "{moment}");
        village.verify_ok();
    }
}

#[test]
fn a_push_of_a_human_during_the_run_stays_below_its_work() {
    for (moment, village) in towns() {
        let remote = village.path("home.git").exists();
        let branch = if remote { "origin/agent/chaostester" } else { "agent/chaostester" };
        let report = run_while(&village, moment, || {
            let desk = village.path("desk");
            let tip = village.git(["rev-parse", branch]);
            village.git(["worktree", "add", "-q", "--detach", desk.to_str().unwrap(), &tip]);
            std::fs::write(desk.join("qa/links.md"), "Ada has seen it too.\n").unwrap();
            village.git_in(&desk, ["commit", "-q", "-a", "-m", "Say who saw it"]);
            if remote {
                village.git_in(&desk, ["push", "-q", "origin", "HEAD:agent/chaostester"]);
            } else {
                village.git_in(&desk, ["update-ref", "refs/heads/agent/chaostester", "HEAD"]);
            }
        });
        assert_eq!(report.outcome, Ending::Updated, "{moment}: {report:#?}");
        assert_eq!(village.states(), [(1, "open".to_owned())], "{moment}");
        assert_eq!(village.show(branch, "qa/links.md"), "Ada has seen it too.", "{moment}");
        assert_eq!(village.show(branch, "qa/table.md"), "The table has a row too many.", "{moment}");
        let log = village.git(["log", "--format=%s", &format!("main..{branch}")]);
        assert!(log.contains("Say who saw it"), "{moment}: {log}");
        village.verify_ok();
    }
}

#[test]
fn a_rejection_while_nobody_is_alive_makes_the_work_a_new_pull_request() {
    let slot = ["--slot", "noon"];
    for remote in [false, true] {
        for moment in ["called", "gated", "proposed"] {
            let village = with_a_pull(if remote { Village::small_with_remote() } else { Village::small() });
            village.halt_at(moment, "chaostester", &slot);
            village.reject(1, "low-value", "Nobody follows that link").says(0, "rejected");
            village.run_with("chaostester", &slot).ended(0, "opened");
            assert_eq!(village.states(), [(1, "rejected".to_owned()), (2, "open".to_owned())], "{moment}");
            assert_eq!(village.pulls()[1]["paths"], serde_json::json!(["qa/table.md"]), "{moment}");
            village.verify_ok();
        }
    }
}
