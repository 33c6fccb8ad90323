//! The life of a pull request on GitHub: opened, updated, changed by people, merged, rejected, and what the next run makes
//! of each. Every job begins in an empty folder.

use crate::fake::{Method, Target};
use crate::runner::{Town, asks, expecting, finish, nothing, write};
use crate::story::STORY;

const FIRST: &str = "The link in README.md leads nowhere.\n";
const SECOND: &str = "The link in README.md leads nowhere, and the table has a row too many.\n";

fn with_a_pull() -> Town {
    let town = Town::of(&["chaostester"]);
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    town.run("chaostester").ended(0, "opened");
    town.later(240);
    town
}

// covers: github#one-open-pull-request-for-each-agent
#[test]
fn a_first_run_opens_one_pull_request() {
    let town = Town::of(&["chaostester"]);
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    let run = town.run("chaostester");
    run.ended(0, "opened");
    let pull = town.hub.pull(1);
    assert_eq!(
        (pull.state, pull.draft, pull.base.as_str(), pull.branch.as_str()),
        ("open", false, "main", "agent/chaostester")
    );
    assert_eq!((pull.title.as_str(), pull.by.as_str()), ("List the broken link", "github-actions[bot]"));
    assert!(pull.body.contains("because somebody has to read it") && pull.body.contains("Evidence"), "{}", pull.body);
    assert_eq!(pull.labels, ["monkeytown", "agent:chaostester"]);
    assert_eq!(town.hub.file(&pull.head, "chaostester/links.md").as_deref(), Some(FIRST));
    assert!(run.json["url"].as_str().unwrap().ends_with("/pull/1"), "{run:#?}");
    assert_eq!(town.kinds(), STORY);
    town.verify_ok();
}

#[test]
fn the_token_goes_nowhere_but_to_the_server() {
    let town = with_a_pull();
    let job = town.job();
    town.says([write("chaostester/links.md", SECOND), finish("List the broken link and the odd row")]);
    let run = job.run("chaostester", &[]);
    run.ended(0, "updated");
    let token = town.hub.token();
    assert!(!run.stdout.contains(token) && !run.stderr.contains(token));
    let mut open = vec![job.dir.clone()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{:?}", entry.path());
            }
        }
    }
}

// covers: github#one-open-pull-request-for-each-agent
#[test]
fn an_open_pull_request_is_updated_in_place_and_the_same_again_is_a_no_op() {
    let town = with_a_pull();
    town.hub.comment(1, "ada", "Which table do you mean?");
    town.hub.set_head_lag(2);
    let told = expecting(
        write("chaostester/links.md", SECOND),
        &["Number 1", "List the broken link", "Which table do you mean?"],
    );
    town.says([told, finish("List the broken link and the odd row")]);
    town.run("chaostester").ended(0, "updated");
    let pull = town.hub.pull(1);
    assert_eq!((town.states().len(), pull.title.as_str()), (1, "List the broken link and the odd row"));
    assert_eq!(town.hub.file(&pull.head, "chaostester/links.md").as_deref(), Some(SECOND));
    town.later(240).says([write("chaostester/links.md", SECOND), finish("List the broken link and the odd row")]);
    town.run("chaostester").ended(0, "nothing");
    assert_eq!(town.hub.pull(1).head, pull.head);
    town.verify_ok();
}

#[test]
fn a_merge_of_each_kind_is_recorded_with_who_and_how_long() {
    for (method, edited) in
        [(Method::Merge, false), (Method::Squash, false), (Method::Rebase, false), (Method::Merge, true)]
    {
        let town = with_a_pull();
        if edited {
            town.hub.commit_on_branch("agent/chaostester", "grace", "chaostester/more.md", "Grace has seen it too.\n");
        }
        town.hub.merge(1, "ada", method);
        town.later(5);
        assert_eq!(town.sync(), ["ada merged #1"], "{method:?}");
        assert_eq!(town.sync(), [""; 0]);
        let fact = town.facts("pull.merged").remove(0);
        assert_eq!((&fact["by"], &fact["seconds_open"]), (&"ada".into(), &(240 * 60).into()), "{method:?}");
        assert_eq!(fact["edited"].as_bool().unwrap_or_default(), edited, "{method:?}");
        // The next work stands on main and is a new pull request.
        let told = expecting(
            write("chaostester/table.md", "The table has a row too many.\n"),
            &["Number 1 was merged by ada"],
        );
        town.says([told, finish("List the odd row")]);
        town.run("chaostester").ended(0, "opened");
        assert_eq!(town.states(), [(1, "merged"), (2, "open")]);
        town.verify_ok();
    }
}

#[test]
fn a_rejection_says_why_and_the_next_run_knows() {
    type Said = &'static [(&'static str, &'static str)];
    let cases: [(Said, &str, &str); 3] = [
        (&[("grace", "/reject low-value Nobody follows that link")], "low-value", "Nobody follows that link"),
        (&[("ada", "We do this by hand.")], "other", "We do this by hand."),
        (&[("eve", "/reject spam I say so")], "other", ""),
    ];
    for (comments, code, text) in cases {
        let town = with_a_pull();
        for (by, said) in comments {
            town.hub.comment(1, by, said);
        }
        if code != "low-value" {
            town.hub.close(1, "ada");
        }
        town.sync();
        assert_eq!(town.states(), [(1, "closed")], "{code}");
        let fact = town.facts("pull.rejected").remove(0);
        assert_eq!((fact["reason"].as_str(), fact["text"].as_str().unwrap_or_default()), (Some(code), text));
        let told = expecting(write("chaostester/links.md", SECOND), &["rejected", code, text]);
        town.later(240).says([told, finish("List the broken link and the odd row")]);
        town.run("chaostester").ended(0, "opened");
        let body = town.hub.pull(2).body;
        assert!(body.contains("#1") && body.contains(code) && body.contains(text), "{body}");
        town.verify_ok();
    }
}

#[test]
fn a_reason_that_comes_after_the_closing_counts_too() {
    let town = with_a_pull();
    town.hub.close(1, "ada");
    town.later(2);
    town.hub.comment(1, "grace", "/reject duplicate of what we have");
    town.later(2);
    assert_eq!(town.sync(), ["ada rejected #1 as duplicate", "grace commented on #1"]);
    town.verify_ok();
}

#[test]
fn what_the_closer_wrote_just_after_the_closing_is_its_reason() {
    for (seconds, wanted) in [(30, "We do this by hand."), (90, "")] {
        let town = with_a_pull();
        let now = town.hub.now();
        town.hub.close(1, "ada");
        town.at(&(now + chrono::TimeDelta::seconds(seconds)).to_rfc3339());
        town.hub.comment(1, "eve", "Ha!");
        town.hub.comment(1, "ada", "We do this by hand.");
        town.later(2);
        assert_eq!(town.sync().len(), 3);
        let fact = town.facts("pull.rejected").remove(0);
        assert_eq!((fact["reason"].as_str(), fact["text"].as_str().unwrap_or_default()), (Some("other"), wanted));
        town.verify_ok();
    }
}

#[test]
fn the_reason_of_a_rejection_that_was_taken_back_is_not_given_again() {
    let town = with_a_pull();
    town.hub.comment(1, "grace", "/reject low-value Nobody follows that link");
    assert_eq!(town.sync(), ["grace commented on #1", "grace rejected #1 as low-value"]);
    town.later(2);
    town.hub.reopen(1, "ada");
    town.later(1);
    town.sync();
    town.later(1);
    town.hub.close(1, "ada");
    town.later(1);
    assert_eq!(town.sync(), ["ada rejected #1 as other"]);
    assert_eq!(town.facts("pull.rejected")[1]["text"].as_str().unwrap_or_default(), "");
    town.verify_ok();
}

#[test]
fn what_was_rejected_can_be_opened_again() {
    let town = with_a_pull();
    town.hub.close(1, "ada");
    town.sync();
    town.later(10);
    town.hub.reopen(1, "ada");
    town.later(1);
    assert_eq!(town.sync().len(), 1);
    town.later(240).says([write("chaostester/links.md", SECOND), finish("List both")]);
    town.run("chaostester").ended(0, "updated");
    town.hub.close(1, "grace");
    town.later(1);
    town.sync();
    assert_eq!(town.facts("pull.rejected").len(), 2);
    town.verify_ok();
}

#[test]
fn a_commit_of_people_on_the_branch_stays_below_ours() {
    let town = with_a_pull();
    let human = town.hub.commit_on_branch("agent/chaostester", "ada", "chaostester/ada.md", "Ada was here.\n");
    town.says([write("chaostester/table.md", "The table has a row too many.\n"), finish("List the odd row as well")]);
    town.run("chaostester").ended(0, "updated");
    let head = town.hub.pull(1).head;
    let job = town.job();
    job.git(&["fetch", "-q", "--unshallow", "origin", "agent/chaostester"]);
    job.git(&["merge-base", "--is-ancestor", &human, &head]);
    assert_eq!(town.hub.file(&head, "chaostester/ada.md").as_deref(), Some("Ada was here.\n"));
    assert_eq!(town.hub.file(&head, "chaostester/links.md").as_deref(), Some(FIRST));
    town.verify_ok();
}

// covers: github#commands-in-comments-follow-a-grammar-and-a-list
#[test]
fn people_talk_to_agents_and_command_the_town() {
    let town = Town::of(&["chaostester", "madchimp"]);
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    town.run("chaostester").ended(0, "opened");
    town.later(10);
    let review = town.hub.review(1, "ada", "CHANGES_REQUESTED", "Say which line.");
    let line = town.hub.review_comment(1, "grace", "chaostester/links.md", 1, "Is it the first link?");
    assert!(review > 0 && line > 0);
    town.hub.react(Target::Issue(1), "ada", "heart");
    let post =
        town.hub.open_issue("grace", "Look at the docs", "They are old.", &["monkeytown-board", "agent:madchimp"]);
    town.hub.open_issue("grace", "Something else", "Not for the town.", &[]);
    town.later(1);
    let news = town.sync();
    assert_eq!(news.len(), 4, "{news:#?}");
    town.hub.comment(post, "grace", "The page on gates first.");
    let paused = town.hub.comment(1, "grace", "/pause too loud");
    let refused = town.hub.comment(1, "eve", "/freeze for fun");
    town.later(1);
    assert_eq!(town.sync().len(), 4);
    assert_eq!(town.hub.reactions(Target::Comment(paused)), [("github-actions[bot]".to_owned(), "+1".to_owned())]);
    assert_eq!(
        town.hub.reactions(Target::Comment(refused)),
        [("github-actions[bot]".to_owned(), "confused".to_owned())]
    );
    town.run("chaostester").ended(0, "skipped").says(0, "paused by grace: too loud");
    let told = ["Look at the docs", "They are old.", "The page on gates first."];
    town.says([expecting(nothing("they are new enough"), &told)]);
    town.run("madchimp").ended(0, "nothing");
    town.hub.comment(1, "ada", "/resume");
    let told = ["Say which line.", "chaostester/links.md:1: Is it the first link?"];
    town.later(240).says([expecting(nothing("it is"), &told)]);
    town.run("chaostester").ended(0, "nothing");
    town.verify_ok();
}

#[test]
fn what_anybody_writes_is_recorded_or_passed_over_and_stops_nobody() {
    let town = with_a_pull();
    // An ESC takes six bytes in JSON, a quote two: what is short on GitHub may be long in an event.
    for text in ["\u{1b}[31m".repeat(3_000), "\"".repeat(16_000), "é".repeat(30_000), "\0".repeat(9_000)] {
        town.hub.comment(1, "eve", &text);
        town.hub.review_comment(1, "eve", "chaostester/links.md", 1, &text);
    }
    town.hub.open_issue("eve", &"\"".repeat(250), &"\u{7}".repeat(9_000), &["monkeytown-board"]);
    town.later(1);
    assert_eq!(town.sync().len(), 9);
    town.says([nothing("it is noise")]);
    town.later(240);
    town.run("chaostester").ended(0, "nothing");
    town.verify_ok();
}

#[test]
fn a_verdict_during_a_run_is_recorded_as_what_it_is() {
    for merged in [true, false] {
        let town = with_a_pull();
        town.says([write("chaostester/table.md", "The table has a row too many.\n"), finish("List the odd row")]);
        let job = town.job();
        let run = job.run_meanwhile("gated", "chaostester", &[], || {
            town.later(1);
            if merged {
                town.hub.merge(1, "ada", Method::Merge);
            } else {
                town.hub.comment(1, "ada", "/reject wrong It leads somewhere");
                town.hub.close(1, "ada");
            }
        });
        run.ended(0, "opened");
        assert_eq!(town.states(), [(1, if merged { "merged" } else { "closed" }), (2, "open")]);
        let (kind, field, wanted) =
            if merged { ("pull.merged", "by", "ada") } else { ("pull.rejected", "reason", "wrong") };
        let facts = town.facts(kind);
        assert_eq!((facts.len(), facts[0][field].as_str()), (1, Some(wanted)), "{facts:#?}");
        town.sync();
        town.verify_ok();
    }
}

#[test]
fn what_died_before_it_was_recorded_and_was_decided_since_is_known() {
    for merged in [true, false] {
        let town = Town::of(&["chaostester"]);
        town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
        town.job().halt_run_at("opening", "chaostester", &[]);
        town.later(5);
        town.hub.comment(1, "grace", "/reject duplicate of ours");
        if merged {
            town.hub.merge(1, "ada", Method::Merge);
        } else {
            town.hub.close(1, "ada");
        }
        town.sync();
        town.later(240);
        let again = town.job().run("chaostester", &[]);
        assert_eq!(again.code, 0, "{again:#?}");
        assert_eq!(town.states(), [(1, if merged { "merged" } else { "closed" })], "{again:#?}");
        assert_eq!(town.facts("pull.opened").len(), 1);
        let kind = if merged { "pull.merged" } else { "pull.rejected" };
        assert_eq!(town.facts(kind).len(), 1, "{kind}");
        // One append: whoever is killed after it leaves nothing open that is closed.
        let job = town.job();
        job.git(&["fetch", "-q", "--depth=20", "origin", "monkeytown/journal"]);
        let grep = "--grep=\"type\":\"monkeytown.pull.opened.v1\"";
        let opened = job.git(&["log", "--format=%B", grep, "FETCH_HEAD"]);
        assert!(opened.contains("monkeytown.pull.opened.v1") && opened.contains(kind), "{opened}");
        town.verify_ok();
    }
}

#[test]
fn a_dry_run_does_nothing_on_github() {
    let town = with_a_pull();
    town.hub.comment(1, "grace", "/reject wrong no");
    town.hub.forget_requests();
    town.job().run("chaostester", &["--dry-run"]).ended(0, "dry");
    let wrote: Vec<String> =
        town.hub.requests().iter().filter(|seen| seen.method != "GET").map(|seen| seen.path.clone()).collect();
    assert!(wrote.iter().all(|path| path.contains("git-upload-pack")), "{wrote:?}");
    assert_eq!(town.states(), [(1, "open")]);
}

#[test]
fn a_thumb_says_whether_a_command_is_followed() {
    let town = with_a_pull();
    let cases = [
        ("/pause agent:nobody x", "confused"),
        ("/resume", "confused"),
        ("/pause loud", "+1"),
        ("/thaw x", "confused"),
    ];
    for (text, wanted) in cases {
        let id = town.hub.comment(1, "ada", text);
        town.later(1);
        town.sync();
        let told = town.hub.reactions(Target::Comment(id));
        assert_eq!(told, [("github-actions[bot]".to_owned(), wanted.to_owned())], "{text}");
    }
}

#[test]
fn a_thumb_is_given_by_what_came_just_before() {
    let town = with_a_pull();
    let thumb = |id| town.hub.reactions(Target::Comment(id)).remove(0).1;
    // On a post that is as new as the command below it, which a second one finds carried out.
    let post = town.hub.open_issue("grace", "We move", "Soon.", &["monkeytown-board"]);
    let first = town.hub.comment(post, "ada", "/freeze we move");
    let second = town.hub.comment(post, "grace", "/freeze we move, too");
    town.later(1);
    assert_eq!(town.sync().len(), 4);
    assert_eq!([thumb(first), thumb(second)], ["+1", "confused"]);
    // A reason that comes after the closing is one.
    town.hub.close(1, "ada");
    town.later(1);
    let late = town.hub.comment(1, "grace", "/reject duplicate of what we have");
    town.later(1);
    assert_eq!(town.sync(), ["ada rejected #1 as duplicate", "grace commented on #1"]);
    assert_eq!(thumb(late), "+1");
    town.verify_ok();
}

#[test]
fn without_a_token_a_town_on_github_is_not_taken_for_a_local_one() {
    let town = with_a_pull();
    let job = town.job();
    let mut command = job.command(&["pulls"]);
    command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_TOKEN");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("live on GitHub"), "{output:?}");
}

// covers: github#what-people-do-is-recorded-once
#[test]
fn reactions_that_are_taken_back_are_noticed() {
    let town = with_a_pull();
    let heart = town.hub.react(Target::Issue(1), "ada", "heart");
    town.hub.react(Target::Issue(1), "grace", "-1");
    town.sync();
    town.hub.unreact(heart);
    town.later(1);
    assert_eq!(town.sync(), ["ada took back heart from pull/1"]);
    assert_eq!(town.sync(), [""; 0]);
    town.verify_ok();
}

/// A town whose agents offer to `trunk` from now on, with a pull request that is still offered to `main`.
fn renamed() -> Town {
    let town = with_a_pull();
    let head = town.hub.tip("main").unwrap();
    town.hub.set_branch("trunk", "ada", &head);
    town.hub.commit_on_branch(
        "trunk",
        "ada",
        ".monkeytown/town.yaml",
        "name: smalltown\nbranch: trunk\npeople: { ada: mayor }\n",
    );
    let tip = town.hub.tip("trunk").unwrap();
    town.hub.set_branch("main", "ada", &tip);
    town.says([write("chaostester/links.md", SECOND), finish("List both")]);
    town
}

// covers: github#one-open-pull-request-for-each-agent/another-base
#[test]
fn a_pull_request_to_another_branch_is_superseded() {
    let town = renamed();
    town.run("chaostester").ended(0, "opened");
    assert_eq!(town.states(), [(1, "closed"), (2, "open")]);
    assert!(town.hub.pull(1).comments[0].contains("Superseded by #2"));
    assert_eq!(town.hub.pull(2).base, "trunk");
    town.later(240).says([write("chaostester/links.md", FIRST), finish("List one")]);
    town.run("chaostester").ended(0, "updated");
    assert_eq!(town.states(), [(1, "closed"), (2, "open")]);
    town.verify_ok();
}

#[test]
fn numbers_of_the_local_forge_are_not_taken_for_githubs() {
    const LOCAL: &str = "forge: local\nremote: none\n";
    let town = Town::with(&["chaostester"], LOCAL);
    town.says([write("chaostester/links.md", FIRST), finish("List the broken link")]);
    let home = town.job();
    let push = || {
        let with_token = town.hub.clone_url().replace("://", &format!("://x-access-token:{}@", town.hub.token()));
        home.git(&["push", "-q", &with_token, "monkeytown/journal"]);
    };
    home.run("chaostester", &[]).ended(0, "opened");
    push();
    let settings = town.hub.file(&town.hub.tip("main").unwrap(), ".monkeytown/town.yaml").unwrap();
    town.hub.commit_on_branch("main", "ada", ".monkeytown/town.yaml", &settings.replace(LOCAL, ""));
    // Its own pull request is open: a comment on GitHub's first one must not be about it.
    town.later(240).says([write("chaostester/links.md", SECOND), finish("List both")]);
    town.run("chaostester").says(2, "#1 of chaostester is open in the journal");
    home.git(&["config", "user.name", "Ada"]);
    home.git(&["config", "user.email", "ada@example.invalid"]);
    home.monkeytown(&["pulls", "reject", "--reason", "wrong", "1", "we move"]).says(0, "");
    push();
    town.later(240);
    town.run("chaostester").says(2, "up to #1, and GitHub is at #0");
    assert_eq!(town.states(), []);
    // GitHub's numbers are beyond them: what people say there about #1 is not about ours.
    assert_eq!(town.hub.open_issue("eve", "Hello", "Is anybody here?", &[]), 1);
    town.hub.comment(1, "grace", "/reject wrong not this one");
    town.later(240);
    town.run("chaostester").ended(0, "opened");
    assert_eq!((town.states(), town.facts("pull.commented").len()), (vec![(2, "open")], 0));
    town.verify_ok();
}

#[test]
fn an_old_issue_that_gets_the_label_is_read_and_not_obeyed() {
    let town = with_a_pull();
    let issue = town.hub.open_issue("grace", "Look at the docs", "They are old.", &[]);
    let old = town.hub.comment(issue, "ada", "/freeze until they are new");
    town.hub.comment(issue, "ada", "The page on gates first.");
    town.sync();
    town.later(60 * 24 * 60);
    town.hub.comment(1, "ada", "Which table do you mean?");
    town.sync();
    town.later(60);
    town.hub.add_label(issue, "monkeytown-board");
    town.hub.add_label(issue, "agent:chaostester");
    let pause = town.hub.comment(issue, "grace", "/freeze for today");
    assert_eq!(town.sync().len(), 5, "a post, three replies, and one freeze");
    assert_eq!(town.facts("town.frozen")[0]["reason"], "for today");
    assert_eq!(town.hub.reactions(Target::Comment(old)), [], "nobody is told of what they asked for months ago");
    assert_eq!(town.hub.reactions(Target::Comment(pause)).len(), 1);
    town.hub.edit_comment(old, "/freeze until they are newer");
    town.later(1);
    assert_eq!(town.sync(), [""; 0]);
    town.job().monkeytown(&["thaw", "--reason", "it was short"]).says(0, "");
    town.says([expecting(nothing("they are new"), &["Look at the docs", "The page on gates first."])]);
    town.later(240);
    town.run("chaostester").ended(0, "nothing");
    town.verify_ok();
}

#[test]
fn a_line_comment_is_new_when_its_review_is_submitted_and_not_when_it_is_edited() {
    let town = with_a_pull();
    let then = town.hub.now();
    town.later(24 * 60);
    town.hub.comment(1, "ada", "Which table do you mean?");
    town.sync();
    town.later(60);
    town.hub.old_review_comment(1, "grace", ("chaostester/links.md", "Edited"), [then, then]);
    town.hub.old_review_comment(1, "grace", ("chaostester/links.md", "Submitted"), [then, town.hub.now()]);
    assert_eq!(town.sync(), ["grace commented on #1"]);
    assert_eq!(town.facts("pull.commented")[1]["text"], "Submitted");
    assert_eq!(town.sync(), [""; 0]);
    town.verify_ok();
}

#[test]
fn whoever_dies_while_superseding_leaves_one_pull_request_open() {
    for moment in ["proposed", "pushed", "opening", "published", "finished"] {
        let town = renamed();
        let job = || town.job_of(50, Some(town.hub.token()));
        job().halt_run_at(moment, "chaostester", &["--slot", "noon"]);
        let again = job().run("chaostester", &["--slot", "noon"]);
        assert_eq!(again.code, 0, "{moment}: {again:#?}");
        assert_eq!(town.states(), [(1, "closed"), (2, "open")], "{moment}");
        assert_eq!((town.facts("pull.opened").len(), town.facts("pull.rejected").len()), (2, 1), "{moment}");
        town.verify_ok();
    }
    // It dies after the new one is open, and before the old one is closed.
    let town = renamed();
    town.hub.fail_next("POST", "/repos/acme/smalltown/issues/1/comments", 503, "", 100);
    town.run("chaostester").ended(3, "queued");
    assert_eq!(town.states(), [(1, "open"), (2, "open")]);
    town.hub.mend();
    town.later(240);
    let again = town.run("chaostester");
    assert_eq!(again.code, 0, "{again:#?}");
    assert_eq!(town.states(), [(1, "closed"), (2, "open")]);
    town.verify_ok();
}

// covers: questions-and-board#a-run-says-each-thing-once/killed-after-the-question
#[test]
fn a_question_is_one_comment_however_its_run_dies() {
    let town = with_a_pull();
    town.says([asks("Is it gone for good, @ada?")]);
    town.job().halt_run_at("asked", "chaostester", &["--slot", "noon"]);
    let run = town.job().run("chaostester", &["--slot", "noon"]);
    assert_eq!(run.code, 0, "{run:#?}");
    // The machine of the run that died is gone; its lease is not.
    run.ended(0, "skipped");
    town.later(240);
    town.run("chaostester").ended(0, "asked");
    let said = town.hub.comments(1);
    let asked: Vec<_> = said.iter().filter(|(_, text)| text.contains("gone for good, `@ada`?")).collect();
    assert_eq!((asked.len(), asked[0].0.as_str()), (1, "github-actions[bot]"), "{said:#?}");
    assert_eq!(town.facts("pull.commented").len(), 1);
    assert_eq!(town.states(), [(1, "open")]);
    // An answer that quotes the question is an answer.
    let quoted: String = asked[0].1.lines().map(|line| format!("> {line}\n")).collect();
    town.later(1);
    town.hub.comment(1, "ada", &format!("Yes, for good.\n\n{quoted}"));
    town.sync();
    let heard = town.facts("pull.commented");
    assert!(heard.len() == 2 && heard[1]["text"].as_str().unwrap().starts_with("Yes, for good."), "{heard:#?}");
    town.verify_ok();
}

#[test]
fn nobody_silences_a_question() {
    let town = with_a_pull();
    town.says([asks("Which of both?")]);
    let job = town.job();
    let comment = |run: &str| format!("---\nchaostester asks in its run `{run}`, and reads what you answer here.");
    let happens = || {
        let started = town.facts("run.started");
        town.hub.comment(1, "eve", &comment(started.last().unwrap()["run"].as_str().unwrap()));
    };
    job.run_meanwhile("claimed", "chaostester", &[], happens).ended(0, "asked");
    assert_eq!(town.hub.comments(1).iter().filter(|(_, text)| text.contains("Which of both?")).count(), 1);
}
