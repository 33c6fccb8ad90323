//! The jobs of a split run, killed by a signal that nothing can catch at each moment after which the journal or GitHub knows
//! more: whatever comes next, there is one pull request, and each event once.

use crate::runner::{Town, nothing};
use crate::split::{FIRST, Split, told};
use crate::story::STORY;

#[track_caller]
pub fn one_of_each(town: &Town, what: &str) {
    let mut kinds = town.kinds();
    kinds.retain(|kind| kind != "run.resumed" && kind != "forge.synced");
    assert_eq!(kinds, STORY, "{what}");
    assert_eq!(town.states(), [(1, "open")], "{what}");
    assert_eq!(town.hub.file(&town.hub.pull(1).head, "chaostester/links.md").as_deref(), Some(FIRST), "{what}");
    town.verify_ok();
}

#[test]
fn a_job_that_claims_and_is_killed_leaves_one_run() {
    for moment in ["opened", "carried-out", "synced", "claimed"] {
        for again in [true, false] {
            let town = told();
            let first = Split::begin(&town, 70);
            let args = ["--phase", "claim", "--handover", first.handover()];
            town.job_of(70, Some(town.hub.token())).halt_run_at(moment, "chaostester", &args);
            // The default branch moves on before anybody takes it up.
            town.hub.commit_on_branch("main", "ada", "README.md", "# smalltown\n\nIt grows.\n");
            // The workflow is run again and holds the same lease, or another one comes when that has run out.
            let next = if again { first } else { Split::begin(town.later(240), 71) };
            next.claim().ended(0, "claimed");
            next.think().ended(0, "thought");
            next.publish().ended(0, "opened");
            if again || moment != "claimed" {
                one_of_each(&town, moment);
            } else {
                let counts = ["run.started", "run.expired", "run.finished"].map(|kind| town.facts(kind).len());
                assert_eq!((counts, town.states()), ([2, 1, 1], vec![(1, "open")]));
                town.verify_ok();
            }
        }
    }
}

/// The moments of publishing; from the third on the journal knows what goes out.
const PUBLISHING: [&str; 7] = ["carried-out", "gated", "proposed", "pushed", "opening", "published", "finished"];

#[test]
fn a_job_that_publishes_and_is_killed_is_run_again() {
    for moment in PUBLISHING {
        let town = told();
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        let args = ["--phase", "publish", "--handover", split.handover()];
        town.job_of(70, Some(town.hub.token())).halt_run_at(moment, "chaostester", &args);
        let again = split.publish();
        assert_eq!(again.code, 0, "{moment}: {again:#?}");
        one_of_each(&town, moment);
    }
}

#[test]
fn what_a_killed_job_had_announced_goes_out_with_the_next_claim() {
    for moment in &PUBLISHING[2..] {
        let town = told();
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        let args = ["--phase", "publish", "--handover", split.handover()];
        town.job_of(70, Some(town.hub.token())).halt_run_at(moment, "chaostester", &args);
        // Nothing of that workflow run is left but what is at home; asked anew, there would be nothing to do.
        town.later(240).says([nothing("asked anew")]);
        let next = Split::begin(&town, 71);
        if *moment == "finished" {
            next.claim().ended(0, "claimed");
            assert_eq!(town.states(), [(1, "open")]);
            town.verify_ok();
            continue;
        }
        next.claim().ended(0, "opened");
        one_of_each(&town, moment);
    }
}

#[test]
fn a_claim_that_sends_what_waited_and_is_killed_sends_it_once() {
    for moment in ["opened", "synced", "claimed", "pushed", "opening", "published", "finished"] {
        let town = told();
        let queue = town.path("queue").to_str().unwrap().to_owned();
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        let publish = ["--phase", "publish", "--handover", split.handover(), "--queue", &queue];
        let job = town.job_of(70, Some(town.hub.token()));
        job.run_meanwhile("gated", "chaostester", &publish, || town.hub.down(true)).ended(3, "queued");
        town.hub.down(false);
        town.later(5).says([nothing("asked anew")]);
        for workflow in [71, 72] {
            let next = Split::begin(&town, workflow);
            let args = ["--phase", "claim", "--handover", next.handover(), "--queue", &queue];
            let job = town.job_of(workflow, Some(town.hub.token()));
            if workflow == 71 {
                job.halt_run_at(moment, "chaostester", &args);
                // The lease of the one that was killed may have to run out first.
                town.later(240);
            } else {
                let wanted = if moment == "finished" { "claimed" } else { "opened" };
                job.run("chaostester", &args).ended(0, wanted);
            }
        }
        if moment == "finished" {
            assert_eq!((town.states(), town.facts("run.started").len()), (vec![(1, "open")], 2));
            town.verify_ok();
        } else {
            one_of_each(&town, moment);
        }
    }
}
