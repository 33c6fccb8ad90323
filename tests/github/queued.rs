//! What waits in a queue: for a job that publishes and meets an outage or is killed, and for a run that saw and did much while
//! its journal could not be sent. Nothing of it is lost or done twice, and none of it is believed without a look.

use serde_json::json;

use crate::fake::Method;
use crate::killed::one_of_each;
use crate::runner::{Town, finish, nothing, write};
use crate::split::{FIRST, Split, claim_that_people_were_there, told};

fn queue_of(town: &Town) -> String {
    town.path("queue").to_str().unwrap().to_owned()
}

// covers: github#what-cannot-be-sent-goes-out-later-once/github-is-away-before-the-job-that-publishes-can-look-at-what-was-thought
#[test]
fn what_was_thought_waits_where_the_job_that_publishes_cannot_look_at_it() {
    for (moment, layout) in [("", "split"), ("", "single"), ("carried-out", "split"), ("gated", "split")] {
        let town = told();
        let queue = queue_of(&town);
        let split = Split::begin(&town, 70);
        split.claim().ended(0, "claimed");
        split.think().ended(0, "thought");
        let publish = ["--phase", "publish", "--handover", split.handover(), "--queue", &queue];
        let job = town.job_of(70, Some(town.hub.token()));
        if moment.is_empty() {
            town.hub.down(true);
            let done = job.run("chaostester", &publish);
            assert_eq!(done.code, 3, "{done:#?}");
            town.hub.down(false);
        } else {
            job.halt_run_at(moment, "chaostester", &publish);
        }
        // The artifacts are gone with that workflow run; asked anew, there would be nothing to do.
        town.later(5).says([nothing("asked anew"), nothing("asked anew")]);
        if layout == "single" {
            town.job().run("chaostester", &["--queue", &queue]).ended(0, "opened");
        } else {
            let next = Split::begin(&town, 71);
            let job = town.job_of(71, Some(town.hub.token()));
            let claim = ["--phase", "claim", "--handover", next.handover(), "--queue", &queue];
            job.run("chaostester", &claim).ended(0, "claimed");
            next.think().ended(0, "thought");
            next.publish().ended(0, "opened");
        }
        one_of_each(&town, &format!("{moment} {layout}"));
    }
}

#[test]
fn what_waits_is_believed_as_far_as_the_journal_bears_it_out() {
    let town = told();
    let queue = queue_of(&town);
    let split = Split::begin(&town, 70);
    split.claim().ended(0, "claimed");
    split.think().ended(0, "thought");
    claim_that_people_were_there(&town, &split.dir);
    let publish = ["--phase", "publish", "--handover", split.handover(), "--queue", &queue];
    let job = town.job_of(70, Some(town.hub.token()));
    town.hub.down(true);
    assert_eq!(job.run("chaostester", &publish).code, 3);
    town.hub.down(false);
    town.later(240);
    let next = town.job().run("chaostester", &["--queue", &queue]);
    next.ended(0, "opened").says(0, "does not stand where the journal says").says(0, "goes on without it");
    assert_eq!(town.facts("run.expired").len(), 1, "nothing of what was forged is taken up");
    town.verify_ok();
}

/// Lets the journal, and all else that is pushed, stay where it is.
fn no_push(town: &Town) {
    let pushes = format!("{}/git-receive-pack", town.hub.clone_url().replace(&town.hub.server_url(), ""));
    town.hub.fail_next("POST", &pushes, 503, "", 1_000);
}

/// A town in which a pull request was merged, and a run that could send nothing but its branch saw that, and opened the next
/// one: all of it waits.
fn merged_and_opened(queue: &str, town: &Town) {
    town.says([write("chaostester/more.md", "More of it.\n"), finish("List more")]);
    town.hub.merge(1, "ada", Method::Merge);
    town.later(1);
    no_push(town);
    let job = town.job();
    job.run_meanwhile("gated", "chaostester", &["--queue", queue], || town.hub.mend()).ended(0, "opened");
    assert_eq!(town.states(), [(1, "merged"), (2, "open")]);
    assert_eq!((town.facts("pull.merged").len(), town.facts("pull.opened").len()), (0, 1));
}

// covers: github#what-cannot-be-sent-goes-out-later-once/what-waits-met-the-future
#[test]
fn a_run_that_saw_a_merge_and_opened_the_next_one_is_taken_over_whole() {
    let town = told();
    let queue = queue_of(&town);
    town.run("chaostester").ended(0, "opened");
    town.later(240);
    merged_and_opened(&queue, &town);
    // Where the forge cannot tell of the merge, it waits on.
    town.later(240).says([nothing("all is said")]);
    town.hub.fail_next("*", "/repos/", 503, "", 1_000);
    town.job().run("chaostester", &["--queue", &queue]).says(3, "waits, and may only fit what people did meanwhile");
    town.hub.mend();
    town.job().run("chaostester", &["--queue", &queue]).ended(0, "nothing");
    for (kind, times) in
        [("run.started", 3), ("pull.merged", 1), ("pull.opened", 2), ("run.usage.metered", 3), ("run.finished", 3)]
    {
        assert_eq!(town.facts(kind).len(), times, "{kind}");
    }
    assert_eq!(town.job().git(&["ls-remote", "origin", "refs/monkeytown/kept/*"]), "", "nothing did not fit");
    // What became of the second one is seen.
    town.hub.merge(2, "ada", Method::Merge);
    town.later(1);
    assert_eq!(town.sync(), ["ada merged #2"]);
    town.verify_ok();
}

#[test]
fn what_a_run_said_waits_with_its_end() {
    let town = told();
    let queue = queue_of(&town);
    let post = json!({"title": "The links", "body": "Two lead nowhere.", "to": ["madchimp"]});
    town.says([json!({"calls": [{"name": "PostToBoard", "arguments": post}]}), nothing("All is said.")]);
    let job = town.job();
    let happens = || no_push(&town);
    let run = job.run_meanwhile("replied", "chaostester", &["--queue", &queue], happens);
    assert_eq!(town.facts("post.published").len(), 0, "{run:#?}");
    town.hub.mend();
    town.later(240).says([nothing("all is said")]);
    town.job().run("chaostester", &["--queue", &queue]).ended(0, "nothing");
    assert_eq!((town.facts("post.published").len(), town.facts("run.finished").len()), (1, 2));
    town.verify_ok();
}

#[test]
fn a_pull_request_that_gave_way_to_the_next_one_is_taken_over_with_it() {
    let town = told();
    let queue = queue_of(&town);
    town.run("chaostester").ended(0, "opened");
    let head = town.hub.tip("main").unwrap();
    town.hub.set_branch("trunk", "ada", &head);
    let settings = "name: smalltown\nbranch: trunk\npeople: { ada: mayor }\n";
    town.hub.commit_on_branch("trunk", "ada", ".monkeytown/town.yaml", settings);
    town.hub.commit_on_branch("main", "ada", ".monkeytown/town.yaml", settings);
    town.later(240).says([write("chaostester/more.md", "More of it.\n"), finish("List more")]);
    no_push(&town);
    let job = town.job();
    let run = job.run_meanwhile("gated", "chaostester", &["--queue", &queue], || town.hub.mend());
    run.ended(0, "opened");
    assert_eq!((town.facts("pull.rejected").len(), town.facts("pull.opened").len()), (0, 1));
    town.later(240).says([nothing("all is said")]);
    town.job().run("chaostester", &["--queue", &queue]).ended(0, "nothing");
    assert_eq!((town.facts("pull.rejected").len(), town.facts("pull.opened").len()), (1, 2));
    assert_eq!(town.facts("pull.rejected")[0]["text"], "superseded by #2");
    town.verify_ok();
}

#[test]
fn what_a_run_used_counts_also_where_the_run_does_not() {
    let town = told();
    let queue = queue_of(&town);
    town.says([nothing("all links hold")]);
    no_push(&town);
    // The journal of a town begins here, and cannot be sent; meanwhile somebody else takes the slot.
    let done = town.job().run("chaostester", &["--queue", &queue, "--slot", "morning"]);
    assert!(town.path("queue").join("queue.json").exists(), "{done:#?}");
    town.hub.mend();
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    town.job().run("chaostester", &["--slot", "morning"]).ended(0, "opened");
    town.later(240).says([nothing("all is said")]);
    town.job().run("chaostester", &["--queue", &queue]).ended(0, "nothing").says(0, "is kept");
    let starts = town.facts("run.started");
    assert_eq!((starts.len(), town.facts("run.finished").len()), (2, 2), "{starts:#?}");
    assert_eq!(town.facts("run.usage.metered").len(), 3);
    assert_eq!(town.states(), [(1, "open")]);
    town.verify_ok();
}
