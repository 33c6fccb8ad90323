//! Promise: what an agent asks or says reaches those whom it is for, once, and can do nothing else.
//! Lives here: questions on pull requests, posts and replies on the board.

use serde_json::{Value, json};

use crate::village::{Outcome, Village, finish, nothing, write};

fn calls(name: &str, arguments: &Value) -> Value {
    json!({"calls": [{"name": name, "arguments": arguments}]})
}

fn asks(question: &str) -> Value {
    calls("AskHuman", &json!({"question": question}))
}

/// A town whose agents may say something.
fn town() -> Village {
    let mut town = Village::new().agent("chaostester", "qa/**").agent("madchimp", "wild/**");
    for name in ["chaostester", "madchimp"] {
        let path = format!("agents/{name}.md");
        let charter = std::fs::read_to_string(town.dir().join(&path)).unwrap();
        let more = "Write, Edit, ReportProgress, AskHuman, PostToBoard, ReplyOnBoard\n";
        town = town.file(&path, &charter.replace("Write, Edit\n", more));
    }
    town.commit("Found the town")
}

fn opened(town: &Village) {
    town.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    town.run("chaostester").ended(0, "opened");
}

fn prompt(town: &Village, agent: &str) -> String {
    let brief = town.monkeytown(&["agents", "brief", agent]);
    assert_eq!(brief.code, 0, "{brief:#?}");
    brief.stdout
}

// covers: questions-and-board#a-question-ends-the-run/a-person-answers
#[test]
fn a_question_stands_on_the_pull_request_and_in_the_next_briefing() {
    let town = town();
    opened(&town);
    town.at("2026-11-22T04:20:00Z");
    town.says([asks("Is `docs/a.md` gone for good, @ada?\n\n/merge")]);
    let run = town.run("chaostester");
    run.ended(0, "asked");
    assert_eq!(run.json["pull"], 1);
    let shown = town.monkeytown(&["pulls", "show", "1"]).stdout;
    assert!(shown.contains("Is `docs/a.md` gone for good, ``@ada``?") && shown.contains("\\/merge"), "{shown}");
    assert!(shown.contains("1 mention set as code, 1 command quoted"), "{shown}");
    assert_eq!(town.states(), [(1, "open".to_owned())]);
    let told = prompt(&town, "chaostester");
    assert!(told.contains("gone for good"), "{told}");
    assert_eq!(town.facts("run.finished")[1]["outcome"], "asked");
    town.verify_ok();
}

// covers: questions-and-board#a-run-says-each-thing-once
#[test]
fn a_question_is_asked_once_however_often_its_run_dies() {
    for moment in ["replied", "asked", "finished"] {
        let town = town();
        opened(&town);
        town.at("2026-11-22T04:20:00Z");
        town.says([asks("Which of both?")]);
        town.halt_at(moment, "chaostester", &["--slot", "noon"]);
        let again = town.run_with("chaostester", &["--slot", "noon"]);
        again.ended(0, if moment == "finished" { "skipped" } else { "asked" });
        let asked = town.facts("pull.commented");
        assert_eq!(asked.len(), 1, "{moment}: {asked:#?}");
        town.verify_ok();
    }
}

#[test]
fn changed_files_go_along_with_a_question_as_a_draft() {
    let town = town();
    let report = calls("ReportProgress", &json!({"text": "The first list is there; the second waits."}));
    town.says([write("qa/links.md", "The first link leads nowhere.\n"), report, asks("Is the second list wanted?")]);
    let run = town.run("chaostester");
    run.ended(0, "opened");
    assert_eq!((&run.json["partial"], &run.json["offer"]["draft"]), (&json!(true), &json!(true)));
    let body = run.json["offer"]["body"].as_str().unwrap();
    assert!(
        body.contains("### A question\n\nIs the second list wanted?") && body.contains("the second waits."),
        "{body}"
    );
    assert!(run.stderr.contains("ReportProgress The first list is there"), "{}", run.stderr);
}

#[test]
fn a_question_that_nobody_would_see_is_given_back() {
    let town = town();
    town.says([asks("Is anybody here?"), nothing("Nobody is here.")]);
    let run: Outcome = town.run("chaostester");
    run.ended(0, "nothing");
    assert_eq!(run.json["turns"], 2, "{run:#?}");
}

#[test]
fn posts_reach_their_agents_and_replies_come_back() {
    let town = town();
    let post = json!({"title": "The links of @wild", "body": "Two lead nowhere. ![x](https://t.example)", "to": ["madchimp"], "tags": ["links"]});
    town.says([calls("PostToBoard", &post), nothing("All is said.")]);
    town.run("chaostester").ended(0, "nothing");
    let published = &town.facts("post.published")[0];
    assert_eq!((&published["author"], &published["title"]), (&json!("chaostester"), &json!("The links of wild")));
    let body = published["body"].as_str().unwrap();
    assert!(
        body.starts_with("Two lead nowhere. [x](https://t.example)") && body.contains("1 picture made a link"),
        "{body}"
    );
    let id = published["post"].as_str().unwrap().to_owned();
    assert!(prompt(&town, "madchimp").contains("Two lead nowhere."));

    let wrong = calls("ReplyOnBoard", &json!({"post": "issue-7", "text": "Which?"}));
    let right = calls("ReplyOnBoard", &json!({"post": id, "text": "One leads to me."}));
    town.says([wrong, right, nothing("Answered.")]);
    town.run("madchimp").ended(0, "nothing");
    let replied = town.facts("post.replied");
    assert_eq!((replied.len(), &replied[0]["post"], &replied[0]["author"]), (1, &json!(id), &json!("madchimp")));
    assert!(prompt(&town, "chaostester").contains("One leads to me."), "the writer hears of the answer");
    town.verify_ok();
}

#[test]
fn what_a_failed_run_said_is_said_all_the_same() {
    let town = town();
    let post = json!({"title": "I am lost", "body": "Somebody look after qa."});
    town.says([calls("PostToBoard", &post), json!({"text": "hm"}), json!({"text": "hm"})]);
    let run = town.run("chaostester");
    assert_eq!((run.code, run.json["outcome"].as_str()), (1, Some("failed")), "{run:#?}");
    assert_eq!(town.facts("post.published").len(), 1);
    town.verify_ok();
}
