//! What can go wrong on GitHub, and that each of it is said, waited for, or kept for later, and that nothing is lost or
//! done twice.

use crate::fake::{Cut, Method, Target};
use crate::runner::{Town, finish, nothing, write};
use crate::story::STORY;

const FIRST: &str = "The link in README.md leads nowhere.\n";
const SECOND: &str = "The link in README.md leads nowhere, and the table has a row too many.\n";

fn told() -> Town {
    let town = Town::of(&["chaostester"]);
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    town
}

fn with_a_pull() -> Town {
    let town = told();
    town.run("chaostester").ended(0, "opened");
    town.later(240);
    town
}

/// The moments of a run's publishing, and of a sync.
const MOMENTS: [&str; 10] =
    ["claimed", "called", "gated", "proposed", "pushed", "opening", "published", "finished", "synced", "opened"];

#[test]
fn a_run_that_is_killed_at_any_moment_leaves_one_pull_request() {
    for moment in MOMENTS {
        let town = told();
        let job = town.job();
        job.halt_run_at(moment, "chaostester", &["--slot", "morning"]);
        // The same workflow is run again: another machine, the same holder.
        let again = town.job_of(1, Some(town.hub.token())).run("chaostester", &["--slot", "morning"]);
        assert_eq!(again.code, 0, "{moment}: {again:#?}");
        let mut kinds = town.kinds();
        kinds.retain(|kind| kind != "run.resumed" && kind != "forge.synced");
        // A call is recorded with the others at the end, wherever the run died before.
        assert_eq!(kinds, STORY, "{moment}");
        assert_eq!(town.states(), [(1, "open")], "{moment}");
        town.verify_ok();
    }
}

#[test]
fn an_update_that_is_killed_at_any_moment_is_done_once() {
    for moment in MOMENTS {
        let town = with_a_pull();
        town.says([write("chaostester/links.md", SECOND), finish("List both")]);
        let job = || town.job_of(50, Some(town.hub.token()));
        job().halt_run_at(moment, "chaostester", &["--slot", "noon"]);
        let again = job().run("chaostester", &["--slot", "noon"]);
        assert_eq!(again.code, 0, "{moment}: {again:#?}");
        assert_eq!((town.states(), town.hub.pull(1).title.as_str()), (vec![(1, "open")], "List both"), "{moment}");
        assert_eq!(town.hub.file(&town.hub.pull(1).head, "chaostester/links.md").as_deref(), Some(SECOND), "{moment}");
        for (kind, times) in [("run.started", 2), ("run.proposed", 2), ("pull.updated", 1), ("run.finished", 2)] {
            assert_eq!(town.facts(kind).len(), times, "{moment}: {kind}");
        }
        town.verify_ok();
    }
}

#[test]
fn a_sync_that_is_killed_after_it_closed_a_pull_request_records_why() {
    let town = with_a_pull();
    town.hub.comment(1, "grace", "/reject wrong It leads somewhere");
    town.later(1);
    town.job().halt_at("carried-out", &["sync", "--json"]);
    assert_eq!((town.states(), town.facts("pull.rejected").len()), (vec![(1, "closed")], 0));
    town.later(1);
    town.sync();
    assert_eq!(town.sync(), [""; 0]);
    let rejected = town.facts("pull.rejected");
    assert_eq!((rejected.len(), &rejected[0]["by"], &rejected[0]["reason"]), (1, &"grace".into(), &"wrong".into()));
    assert_eq!(town.facts("pull.commented").len(), 1);
    town.verify_ok();
}

// covers: github#what-people-do-is-recorded-once/killed-half-way
#[test]
fn a_sync_that_is_killed_records_each_observation_once() {
    let town = with_a_pull();
    for number in 0..30 {
        town.hub.comment(1, "ada", &format!("Comment {number}"));
    }
    town.hub.close(1, "grace");
    town.later(1);
    // Killed after the first of two appends; the next sync goes on.
    town.job().halt_at("observed", &["sync", "--json"]);
    assert_eq!(town.facts("pull.commented").len(), 25);
    assert_eq!(town.sync().len(), 6);
    assert_eq!(town.sync(), [""; 0]);
    assert_eq!(town.facts("pull.commented").len(), 30);
    assert_eq!(town.facts("pull.rejected").len(), 1);
    town.verify_ok();
}

// covers: github#one-open-pull-request-for-each-agent/the-answer-gets-lost
#[test]
fn an_answer_that_gets_lost_opens_no_second_pull_request() {
    for path in ["/repos/acme/smalltown/pulls", "/repos/acme/smalltown/issues/1/labels"] {
        let town = told();
        town.hub.drop_response("POST", path, 1);
        let run = town.run("chaostester");
        assert!([0, 3].contains(&run.code), "{run:#?}");
        if run.code == 3 {
            town.later(61);
            town.job_of(1, Some(town.hub.token())).run("chaostester", &[]).ended(0, "opened");
        }
        assert_eq!(town.states(), [(1, "open")], "{path}");
        assert_eq!(town.facts("pull.opened").len(), 1);
        town.verify_ok();
    }
}

#[test]
fn a_push_that_is_cut_is_done_once() {
    for cut in [Cut::BeforeRefs, Cut::AfterRefs] {
        let town = told();
        let job = town.job();
        town.hub.die_mid_push(cut, 1);
        let queue = town.path("queue").to_str().unwrap().to_owned();
        job.run("chaostester", &["--queue", &queue]);
        town.hub.mend();
        town.later(240);
        let again = town.job().run("chaostester", &["--queue", &queue]);
        assert_eq!(again.code, 0, "{again:#?}");
        town.says([nothing("all is said")]);
        town.later(240);
        town.run("chaostester").ended(0, "nothing");
        assert_eq!(town.states(), [(1, "open")]);
        assert_eq!(town.facts("pull.opened").len(), 1);
        town.verify_ok();
    }
}

// covers: github#what-cannot-be-sent-goes-out-later-once/github-is-away
#[test]
fn what_cannot_be_sent_goes_out_with_the_next_run_on_another_machine() {
    let town = told();
    let queue = town.path("queue").to_str().unwrap().to_owned();
    // GitHub goes away after the claim: everything from there on waits.
    let job = town.job();
    town.hub.fail_next("*", "/repos/", 503, "", 1_000);
    let run = job.run("chaostester", &["--queue", &queue]);
    run.ended(3, "queued");
    assert_eq!(town.states(), []);
    town.hub.mend();
    town.later(5);
    // At once, long before the lease would end, because the queue says whose it was.
    let next = town.job().run("chaostester", &["--queue", &queue]);
    assert_eq!(next.code, 0, "{next:#?}");
    assert_eq!(town.states(), [(1, "open")]);
    assert!(!town.path("queue").join("queue.json").exists(), "the queue is empty again");
    town.verify_ok();
}

// covers: github#what-cannot-be-sent-goes-out-later-once
#[test]
fn with_git_and_api_away_the_journal_waits_too() {
    let town = Town::of(&["chaostester", "madchimp"]);
    town.says([nothing("all bananas are there")]);
    town.run("madchimp").ended(0, "nothing");
    town.later(240).says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    let queue = town.path("queue").to_str().unwrap().to_owned();
    let job = town.job();
    job.run_meanwhile("gated", "chaostester", &["--queue", &queue], || town.hub.down(true)).ended(3, "queued");
    town.hub.down(false);
    // Meanwhile the town went on.
    town.says([nothing("a banana is eaten")]);
    town.later(240);
    town.run("madchimp").ended(0, "nothing");
    let next = town.job().run("chaostester", &["--queue", &queue]);
    assert_eq!(next.code, 0, "{next:#?}");
    assert_eq!(town.hub.file(&town.hub.pull(1).head, "chaostester/links.md").as_deref(), Some(FIRST));
    let starts = town.facts("run.started");
    assert_eq!(starts.iter().filter(|run| run["agent"] == "chaostester").count(), 1, "{starts:#?}");
    town.verify_ok();
}

#[test]
fn nobody_starts_blind() {
    let town = with_a_pull();
    let job = town.job();
    town.hub.down(true);
    // Whether the town is frozen, what is open, what was rejected: this clone cannot know.
    job.run("chaostester", &[]).says(3, "the town's journal is not here yet");
}

#[test]
fn after_an_error_the_next_run_goes_on_at_once() {
    let town = told();
    let queue = town.path("queue").to_str().unwrap().to_owned();
    town.hub.forbid_pull_creation(true);
    town.job().run("chaostester", &["--queue", &queue]).says(2, "Allow GitHub Actions");
    // The box is ticked, and the workflow started again: no lease is waited for.
    town.hub.forbid_pull_creation(false);
    town.later(2);
    town.job().run("chaostester", &["--queue", &queue]).ended(0, "opened");
    assert_eq!(town.states(), [(1, "open")]);
    town.verify_ok();
}

#[test]
fn what_waits_survives_a_freeze() {
    let town = told();
    let queue = town.path("queue").to_str().unwrap().to_owned();
    let job = town.job();
    job.run_meanwhile("gated", "chaostester", &["--queue", &queue], || town.hub.down(true)).ended(3, "queued");
    town.hub.down(false);
    town.job().monkeytown(&["freeze", "--reason", "we move"]).says(0, "");
    town.later(240);
    town.job().run("chaostester", &["--queue", &queue]).ended(0, "skipped");
    town.job().monkeytown(&["thaw", "--reason", "we are there"]).says(0, "");
    town.later(240);
    let next = town.job().run("chaostester", &["--queue", &queue]);
    assert_eq!(next.code, 0, "{next:#?}");
    assert_eq!(town.states(), [(1, "open")], "{next:#?}");
    town.verify_ok();
}

#[test]
fn nothing_is_pushed_while_the_town_is_frozen() {
    for moment in ["called", "gated"] {
        let town = told();
        let run = town.job().run_meanwhile(moment, "chaostester", &[], || {
            town.job().monkeytown(&["freeze", "--reason", "we move"]).says(0, "");
        });
        run.ended(0, "skipped").says(0, "we move").says(0, "is kept");
        assert_eq!((town.states(), town.hub.tip("agent/chaostester")), (vec![], None), "{moment}");
        assert_eq!(town.facts("run.failed").len(), 0, "{moment}");
        town.later(240);
        town.run("chaostester").ended(0, "skipped");
        town.job().monkeytown(&["thaw", "--reason", "we are there"]).says(0, "");
        // What was thought is not thought again: asked from the beginning, there would be nothing to do.
        town.later(240).says([nothing("asked anew"), nothing("asked anew")]);
        town.run("chaostester").ended(0, "opened");
        assert_eq!((town.states(), town.facts("run.started").len()), (vec![(1, "open")], 1), "{moment}");
        town.verify_ok();
    }
}

#[test]
fn a_workflow_that_changes_on_main_while_an_agent_works_is_below_its_work() {
    let town = told();
    let job = town.job();
    let run = job.run_meanwhile("called", "chaostester", &[], || {
        town.hub.commit_on_branch("main", "ada", ".github/workflows/x.yml", "name: x\non: push\njobs: {}\n");
    });
    run.ended(0, "opened");
    town.verify_ok();
}

#[test]
fn a_poll_begins_where_the_last_one_ended() {
    let town = with_a_pull();
    town.hub.comment(1, "ada", "First.");
    town.sync();
    town.later(24 * 60);
    town.hub.comment(1, "ada", "Second.");
    town.sync();
    town.hub.forget_requests();
    town.later(1);
    town.sync();
    let asked: Vec<String> = town.hub.requests().iter().map(|seen| seen.path.clone()).collect();
    let comments: Vec<&String> = asked.iter().filter(|path| path.contains("/issues/comments?")).collect();
    // The second comment was written on the 22nd at 08:20; what lies ten minutes before it is asked for again.
    assert_eq!(comments.len(), 1, "{asked:#?}");
    assert!(comments[0].contains("since=2026-11-22T08%3A10%3A00Z"), "{comments:?}");
    assert_eq!(town.facts("pull.commented").len(), 2);
}

#[test]
fn a_queue_that_is_damaged_is_refused() {
    let town = told();
    let dir = town.path("queue");
    std::fs::create_dir_all(&dir).unwrap();
    let base = town.hub.tip("main").unwrap();
    let with = |bundles: &str| format!("{{\"format\":1,\"holder\":null,\"base\":\"{base}\",\"bundles\":{bundles}}}");
    let cases = [
        ("{".to_owned(), "EOF"),
        (with("[]").replace("\"format\":1", "\"format\":9"), "format 9"),
        (with("[[\"x.bundle\",\"refs/heads/main\"]]"), "refs/heads/main in x.bundle"),
        (with("[[\"../x\",\"refs/heads/monkeytown/journal\"]]"), "../x"),
    ];
    for (about, words) in cases {
        std::fs::write(dir.join("queue.json"), about).unwrap();
        let run = town.job().run("chaostester", &["--queue", dir.to_str().unwrap()]);
        run.says(0, words).says(0, "is refused");
        town.later(240).says([nothing("all is said")]);
    }
    std::fs::write(dir.join("queue.json"), with("[[\"x.bundle\",\"refs/heads/monkeytown/journal\"]]")).unwrap();
    std::fs::write(dir.join("x.bundle"), "# v2 git bundle\nrubbish").unwrap();
    let run = town.job().run("chaostester", &["--queue", dir.to_str().unwrap()]);
    run.says(0, "x.bundle").says(0, "goes on without it");
    assert!(!dir.join("queue.json").exists(), "what was refused is not found again");
    assert_eq!(town.states(), [(1, "open")]);
    town.verify_ok();
}

#[test]
fn nobodys_words_come_by_way_of_a_queue() {
    let town = with_a_pull();
    // Somebody who can write to the cache puts a thaw, or a merge, of a mayor into it.
    let job = town.job();
    job.monkeytown(&["sync"]).says(0, "");
    let tip = job.git(&["rev-parse", "monkeytown/journal"]);
    town.hub.down(true);
    job.monkeytown(&["freeze", "--reason", "forged"]).says(3, "");
    town.hub.down(false);
    let dir = town.path("queue");
    std::fs::create_dir_all(&dir).unwrap();
    let bundle = dir.join("journal.bundle");
    job.git(&["bundle", "create", "-q", bundle.to_str().unwrap(), "refs/heads/monkeytown/journal", &format!("^{tip}")]);
    let base = town.hub.tip("main").unwrap();
    let about = format!(
        "{{\"format\":1,\"holder\":null,\"sent\":\"{tip}\",\"base\":\"{base}\",\"bundles\":[[\"journal.bundle\",\"refs/heads/monkeytown/journal\"]]}}"
    );
    std::fs::write(dir.join("queue.json"), about).unwrap();
    let run = town.job().run("chaostester", &["--queue", dir.to_str().unwrap()]);
    run.says(0, "monkeytown.town.frozen.v1 of human:");
}

#[test]
fn limits_are_waited_out_where_that_is_short() {
    let town = told();
    town.hub.secondary_limit(1, 0);
    town.run("chaostester").ended(0, "opened");
    town.later(240);
    town.hub.secondary_limit_429(1, 0);
    town.run("chaostester").ended(0, "nothing");
    // A long one is not: the run goes on with what is known, and says so.
    town.later(240);
    town.hub.secondary_limit(1, 130);
    let until = town.hub.now() + chrono::TimeDelta::seconds(130);
    let words = format!("wants no more calls until {}", until.format("%F %T UTC"));
    town.run("chaostester").ended(0, "nothing").says(0, &words);
    town.later(240);
    town.hub.primary_limit(town.hub.now().timestamp() + 3_000);
    town.says([write("chaostester/links.md", SECOND), finish("List both")]);
    town.hub.forget_requests();
    let run = town.run("chaostester");
    run.ended(3, "queued").says(3, "wants no more calls until");
    let asked = town.hub.requests().iter().filter(|seen| seen.path.starts_with("/repos/")).count();
    assert!(asked <= 3, "{asked} requests after the limit was told");
}

// covers: github#each-failure-says-what-to-do/the-setting-is-off
#[test]
fn every_error_on_the_way_says_what_to_do() {
    let town = told();
    town.hub.forbid_pull_creation(true);
    let run = town.run("chaostester");
    run.says(2, "Allow GitHub Actions to create and approve pull requests");
    town.hub.forbid_pull_creation(false);
    town.later(240);
    town.run("chaostester").ended(0, "opened");
    assert_eq!(town.states(), [(1, "open")]);

    let reader = town.hub.read_token().to_owned();
    let run = town.job_of(90, Some(&reader)).run("chaostester", &[]);
    assert_eq!(run.code, 2, "{run:#?}");
    let run = town.job_of(91, Some("nonsense")).run("chaostester", &[]);
    assert_eq!(run.code, 2, "{run:#?}");
    let run = town.job_of(92, None).run("chaostester", &[]);
    run.says(2, "GITHUB_TOKEN is not set");

    let town = told();
    town.hub.protect("agent/chaostester");
    let run = town.run("chaostester");
    assert!(run.stderr.contains("GH006"), "{run:#?}");
}

#[test]
fn work_on_an_old_base_does_not_carry_workflows_along() {
    let town = with_a_pull();
    let workflow = "name: x\non: push\njobs: {}\n";
    town.hub.commit_on_branch("main", "ada", ".github/workflows/x.yml", workflow);
    town.says([write("chaostester/links.md", SECOND), finish("List both")]);
    town.run("chaostester").ended(0, "updated");
    town.verify_ok();
    // Somebody puts a workflow onto the agent's branch: a commit on top of that changes nothing in it, so it may be pushed.
    town.hub.commit_on_branch("agent/chaostester", "ada", ".github/workflows/y.yml", workflow);
    town.later(240).says([write("chaostester/links.md", FIRST), finish("List one")]);
    let run = town.run("chaostester");
    run.ended(0, "updated");
    let head = town.hub.pull(1).head;
    assert_eq!(town.hub.file(&head, ".github/workflows/y.yml").as_deref(), Some(workflow));
    assert_eq!(town.hub.file(&head, "chaostester/links.md").as_deref(), Some(FIRST));
    town.verify_ok();
}

#[test]
fn what_is_kept_beside_carries_no_workflow_that_is_gone_from_main() {
    let town = told();
    let workflow = |name: &str| format!("name: {name}\non: push\njobs: {{}}\n");
    town.hub.commit_on_branch("main", "ada", ".github/workflows/x.yml", &workflow("old"));
    town.run("chaostester").ended(0, "opened");
    town.later(240).says([
        write("chaostester/links.md", SECOND),
        write("chaostester/more.md", "More of it.\n"),
        finish("List more"),
    ]);
    let run = town.job().run_meanwhile("gated", "chaostester", &[], || {
        // The file that the agent changes is rejected, and with the branch the last copy of the old workflow is gone.
        town.later(1);
        town.hub.close(1, "ada");
        town.hub.delete_branch("agent/chaostester", "ada");
        town.hub.commit_on_branch("main", "ada", ".github/workflows/x.yml", &workflow("new"));
        town.sync();
    });
    run.ended(0, "opened");
    let kept = format!("refs/monkeytown/kept/{}", run.json["run"].as_str().unwrap());
    let body = town.hub.pull(2).body;
    assert!(body.contains(&format!("our version is kept in {kept}")), "{body}\n{}", run.stderr);
    let there = town.job().git(&["ls-remote", "origin", &kept]);
    let (sha, _) = there.split_once('\t').unwrap();
    assert_eq!(town.hub.file(sha, "chaostester/links.md").as_deref(), Some(SECOND));
    town.verify_ok();
}

#[test]
fn a_queue_goes_on_without_what_people_did_meanwhile() {
    let town = with_a_pull();
    town.says([write("chaostester/links.md", SECOND), finish("List both")]);
    town.hub.comment(1, "ada", "Both of them, please.");
    let dir = town.path("queue");
    let queue = dir.to_str().unwrap();
    // What can be fetched but not pushed: the comment and the run are both recorded here only.
    let pushes = format!("{}/git-receive-pack", town.hub.clone_url().replace(&town.hub.server_url(), ""));
    town.hub.fail_next("POST", &pushes, 503, "", 1_000);
    let run = town.job().run("chaostester", &["--queue", queue]);
    assert!(dir.join("queue.json").exists(), "{run:#?}");
    assert_eq!(town.facts("pull.commented").len(), 0);
    town.hub.mend();
    town.later(240);
    let next = town.job().run("chaostester", &["--queue", queue]);
    next.ended(0, "updated");
    assert_eq!(town.facts("pull.commented").len(), 1);
    assert_eq!(town.facts("run.started").len(), 2, "what was thought is not thought again");
    town.verify_ok();
}

#[test]
fn long_comments_of_a_stranger_stop_nobody() {
    let town = with_a_pull();
    let issue = town.hub.open_issue("mallory", "Hello", "", &[]);
    // What is 60,000 characters on GitHub is six times as much in an answer: together more than is read of one.
    let long = "\u{1}".repeat(60_000);
    for number in 0..60 {
        town.hub.comment(issue, "mallory", if number < 20 { "short" } else { &long });
    }
    town.later(1);
    town.hub.comment(1, "ada", "Which table do you mean?");
    assert_eq!(town.sync(), ["ada commented on #1"]);
    town.says([nothing("nobody is stopped")]);
    town.run("chaostester").ended(0, "nothing");
    assert_eq!(town.facts("forge.synced").len(), 1, "the next poll begins behind them");
    town.verify_ok();
}

#[test]
fn what_stands_behind_a_cut_list_comes_with_the_next_sync() {
    let town = with_a_pull();
    town.hub.comment(1, "ada", "First.");
    assert_eq!(town.sync(), ["ada commented on #1"]);
    // More than is read at once, over some days; the last word comes before the closing.
    let issue = town.hub.open_issue("mallory", "Hello", "", &[]);
    for day in 0..5 {
        town.later(24 * 60);
        for number in 0..1_010 {
            town.hub.comment(issue, "mallory", &format!("{day} {number}"));
        }
    }
    town.later(60);
    let reject = town.hub.comment(1, "grace", "/reject wrong It leads somewhere");
    town.later(60);
    town.hub.close(1, "ada");
    town.later(60);
    // The closing is not among what was cut, and neither is its reason.
    assert_eq!(town.sync(), ["ada rejected #1 as wrong"]);
    assert_eq!(town.sync(), ["grace commented on #1"]);
    assert_eq!(town.sync(), [""; 0]);
    assert_eq!(town.facts("pull.rejected")[0]["text"], "It leads somewhere");
    assert_eq!(town.hub.reactions(Target::Comment(reject)).len(), 1);
    town.verify_ok();
}

#[test]
fn a_verdict_is_not_hidden_by_a_crowd() {
    let town = with_a_pull();
    town.hub.comment(1, "ada", "First.");
    assert_eq!(town.sync(), ["ada commented on #1"]);
    town.hub.merge(1, "ada", Method::Merge);
    town.later(24 * 60);
    town.hub.crowd(1, 5_001);
    town.later(1);
    assert_eq!(town.sync(), ["ada merged #1"]);
    town.verify_ok();
}
