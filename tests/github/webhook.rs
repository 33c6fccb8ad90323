//! Webhook payloads as a workflow hands them over: what they say is recorded once, whether they come first or the poll.

use serde_json::{Value, json};

use crate::fake::Method;
use crate::http::Client;
use crate::runner::{Done, Town, expecting, finish, nothing, write};

const PAGE: &str = "The link in README.md leads nowhere.\n";

fn with_a_pull() -> Town {
    let town = Town::of(&["chaostester", "madchimp"]);
    town.says([write("chaostester/links.md", PAGE), finish("List the broken link")]);
    town.run("chaostester").ended(0, "opened");
    town.later(240);
    town
}

/// What the API says of something, as payloads say it too.
fn of_api(town: &Town, path: &str) -> Value {
    let api = Client::new(&town.hub.api_url(), Some(town.hub.token()));
    let heard = api.get(&format!("/repos/{}{path}", town.hub.slug()));
    assert_eq!(heard.status, 200, "{}", heard.text);
    heard.json()
}

fn payload(town: &Town, action: &str, by: &str, parts: &[(&str, Value)]) -> Value {
    let sender = json!({"login": by, "type": "User"});
    let mut payload = json!({"action": action, "sender": sender, "repository": of_api(town, "")});
    for (name, part) in parts {
        payload[*name] = part.clone();
    }
    payload
}

/// The payload of a comment on an issue or a pull request.
fn comment(town: &Town, number: u64, by: &str, text: &str) -> (u64, Value) {
    let id = town.hub.comment(number, by, text);
    let all = of_api(town, &format!("/issues/{number}/comments?per_page=100"));
    let comment = all.as_array().unwrap().iter().find(|comment| comment["id"] == id).unwrap().clone();
    let issue = of_api(town, &format!("/issues/{number}"));
    (id, payload(town, "created", by, &[("issue", issue), ("comment", comment)]))
}

fn issue(town: &Town, action: &str, by: &str, number: u64) -> Value {
    payload(town, action, by, &[("issue", of_api(town, &format!("/issues/{number}")))])
}

fn pull(town: &Town, action: &str, by: &str, number: u64) -> Value {
    let mut pull = of_api(town, &format!("/pulls/{number}"));
    // Payloads of closings come without it where they are old.
    pull["merged_by"] = Value::Null;
    payload(town, action, by, &[("pull_request", pull)])
}

/// A job that the event started, with its payload in a file.
fn deliver(town: &Town, event: &str, payload: &Value) -> Done {
    let file = town.path("event.json");
    std::fs::write(&file, payload.to_string()).unwrap();
    let job = town.job().env("GITHUB_EVENT_NAME", event);
    job.monkeytown(&["sync", "--json", "--event", file.to_str().unwrap()])
}

/// Delivers it, again, and lets a poll look, too: what was recorded is recorded once.
#[track_caller]
fn delivered(town: &Town, event: &str, payload: &Value, news: &[&str]) {
    let first = deliver(town, event, payload);
    assert_eq!((first.code, &first.json["news"]), (0, &json!(news)), "{first:#?}");
    let again = deliver(town, event, payload);
    assert_eq!((again.code, &again.json["news"]), (0, &json!([])), "{again:#?}");
    town.later(1);
    assert_eq!(town.sync(), [""; 0], "the poll after {event}");
    let late = deliver(town, event, payload);
    assert_eq!((late.code, &late.json["news"]), (0, &json!([])), "{late:#?}");
}

// covers: github#what-people-do-is-recorded-once
#[test]
fn a_merge_and_a_closing_are_recorded_once() {
    let town = with_a_pull();
    town.hub.merge(1, "ada", Method::Squash);
    delivered(&town, "pull_request", &pull(&town, "closed", "ada", 1), &["ada merged #1"]);
    let fact = town.facts("pull.merged").remove(0);
    assert_eq!((&fact["by"], &fact["seconds_open"]), (&json!("ada"), &json!(240 * 60)));
    assert_eq!(fact["commit"], town.hub.pull(1).merge_sha.unwrap());
    town.later(240).says([write("chaostester/table.md", "A row too many.\n"), finish("List the odd row")]);
    town.run("chaostester").ended(0, "opened");
    town.later(5);
    town.hub.close(2, "grace");
    let closing = pull(&town, "closed", "grace", 2);
    delivered(&town, "pull_request_target", &closing, &["grace rejected #2 as other"]);
    // Opened again, after which the old payload of the closing comes once more.
    town.later(5);
    town.hub.reopen(2, "ada");
    let opening = pull(&town, "reopened", "ada", 2);
    let first = deliver(&town, "pull_request", &opening);
    assert_eq!(first.json["news"].as_array().map(Vec::len), Some(1), "{first:#?}");
    for old in [&opening, &closing] {
        let again = deliver(&town, "pull_request", old);
        assert_eq!((again.code, &again.json["news"]), (0, &json!([])), "{again:#?}");
    }
    assert_eq!(town.sync(), [""; 0]);
    assert_eq!(town.states(), [(1, "merged"), (2, "open")]);
    town.verify_ok();
}

#[test]
fn a_closing_has_the_words_that_its_closer_wrote_with_it() {
    let town = with_a_pull();
    // The payload of the comment never comes.
    town.hub.comment(1, "ada", "We do this by hand.");
    town.hub.close(1, "ada");
    let closing = pull(&town, "closed", "ada", 1);
    assert_eq!(deliver(&town, "pull_request", &closing).json["news"], json!(["ada rejected #1 as other"]));
    assert_eq!(town.facts("pull.rejected")[0]["text"], "We do this by hand.");
    // Opened again and closed without a word: what was said before is not said again.
    town.later(2);
    town.hub.comment(1, "grace", "/reject spam");
    town.later(2);
    town.hub.reopen(1, "grace");
    deliver(&town, "pull_request", &pull(&town, "reopened", "grace", 1));
    town.later(2);
    town.hub.close(1, "ada");
    let closing = pull(&town, "closed", "ada", 1);
    assert_eq!(deliver(&town, "pull_request", &closing).json["news"], json!(["ada rejected #1 as other"]));
    assert_eq!(town.facts("pull.rejected")[1]["text"].as_str().unwrap_or_default(), "");
    town.sync();
    town.verify_ok();
}

#[test]
fn a_rejecting_comment_closes_at_once() {
    let town = with_a_pull();
    let (id, payload) = comment(&town, 1, "grace", "/reject low-value Nobody follows that link");
    let news = ["grace commented on #1", "grace rejected #1 as low-value"];
    delivered(&town, "issue_comment", &payload, &news);
    assert_eq!(town.states(), [(1, "closed")]);
    assert_eq!(town.facts("pull.rejected").len(), 1);
    let told = town.hub.reactions(crate::fake::Target::Comment(id));
    assert_eq!(told, [("github-actions[bot]".to_owned(), "+1".to_owned())]);
    // The closing has an event of its own, of the bot that carried it out; the reason stays.
    let closing = pull(&town, "closed", "github-actions[bot]", 1);
    assert_eq!(deliver(&town, "pull_request", &closing).json["news"], json!([]));
    town.later(240).says([
        expecting(write("chaostester/table.md", "A row.\n"), &["low-value", "Nobody follows that link"]),
        finish("List the odd row"),
    ]);
    town.run("chaostester").ended(0, "opened");
    town.verify_ok();
}

// covers: github#what-people-do-is-recorded-once/seen-twice
// covers: github#commands-in-comments-follow-a-grammar-and-a-list/somebody-else
#[test]
fn commands_pause_and_words_are_words() {
    let town = with_a_pull();
    let (_, pause) = comment(&town, 1, "grace", "/pause too loud");
    let first = deliver(&town, "issue_comment", &pause);
    assert_eq!(first.json["news"].as_array().map(Vec::len), Some(2), "{first:#?}");
    delivered(&town, "issue_comment", &pause, &[]);
    town.run("chaostester").ended(0, "skipped").says(0, "paused by grace: too loud");
    let (_, resume) = comment(&town, 1, "ada", "/resume");
    deliver(&town, "issue_comment", &resume);
    // The old pause is not heard again after that.
    delivered(&town, "issue_comment", &pause, &[]);
    town.later(240).says([nothing("all is said")]);
    town.run("chaostester").ended(0, "nothing");
    // Who may not is told so, and their words are kept.
    let (id, refused) = comment(&town, 1, "eve", "/freeze for fun");
    delivered(&town, "issue_comment", &refused, &["eve commented on #1"]);
    let told = |id| town.hub.reactions(crate::fake::Target::Comment(id));
    assert_eq!(told(id), [("github-actions[bot]".to_owned(), "confused".to_owned())]);
    assert_eq!(town.facts("town.frozen"), [] as [Value; 0]);
    town.verify_ok();
}

// covers: github#what-people-do-is-recorded-once
#[test]
fn reviews_and_lines_are_recorded_once() {
    let town = with_a_pull();
    town.hub.review(1, "ada", "CHANGES_REQUESTED", "Say which line.");
    town.hub.review_comment(1, "grace", "chaostester/links.md", 1, "Is it the first?");
    let shown = of_api(&town, "/pulls/1");
    let review = of_api(&town, "/pulls/1/reviews")[0].clone();
    let parts = [("pull_request", shown.clone()), ("review", review)];
    let review = payload(&town, "submitted", "ada", &parts);
    let line = of_api(&town, "/pulls/comments")[0].clone();
    let line = payload(&town, "created", "grace", &[("pull_request", shown), ("comment", line)]);
    let first = deliver(&town, "pull_request_review", &review);
    assert_eq!(first.json["news"].as_array().map(Vec::len), Some(1), "{first:#?}");
    let first = deliver(&town, "pull_request_review_comment", &line);
    assert_eq!(first.json["news"].as_array().map(Vec::len), Some(1), "{first:#?}");
    delivered(&town, "pull_request_review", &review, &[]);
    delivered(&town, "pull_request_review_comment", &line, &[]);
    assert_eq!((town.facts("pull.reviewed").len(), town.facts("pull.commented").len()), (1, 1));
    town.verify_ok();
}

// covers: github#what-people-do-is-recorded-once
#[test]
fn an_issue_of_the_board_is_a_post() {
    let town = with_a_pull();
    let labels = ["monkeytown-board", "agent:madchimp"];
    let number = town.hub.open_issue("grace", "Look at the docs", "They are old.", &labels);
    let opened = issue(&town, "opened", "grace", number);
    let first = deliver(&town, "issues", &opened);
    assert_eq!(first.json["news"].as_array().map(Vec::len), Some(1), "{first:#?}");
    // GitHub sends one more for each label.
    delivered(&town, "issues", &issue(&town, "labeled", "grace", number), &[]);
    let (_, reply) = comment(&town, number, "ada", "The page on gates first.");
    assert_eq!(deliver(&town, "issue_comment", &reply).json["news"].as_array().map(Vec::len), Some(1));
    delivered(&town, "issue_comment", &reply, &[]);
    town.says([expecting(nothing("they are new"), &["Look at the docs", "The page on gates first."])]);
    town.run("madchimp").ended(0, "nothing");
    town.hub.close(number, "ada");
    let closing = issue(&town, "closed", "ada", number);
    assert_eq!(deliver(&town, "issues", &closing).json["news"].as_array().map(Vec::len), Some(1));
    delivered(&town, "issues", &closing, &[]);
    delivered(&town, "issues", &opened, &[]);
    assert_eq!(town.facts("post.closed")[0]["by"], "ada");
    assert_eq!((town.facts("post.published").len(), town.facts("post.replied").len()), (1, 1));
    town.verify_ok();
}

#[test]
fn other_peoples_pull_requests_are_left_alone() {
    let town = with_a_pull();
    town.hub.commit_on_branch("ada/work", "ada", "docs/a.md", "Ada's.\n");
    let number = town.hub.open_pull("ada", "ada/work", "Work", "Mine.");
    // Commands of other programs, or words that only look like ours.
    for said in ["/retest", "/reject spam Not yours", "/pause too loud"] {
        let (id, payload) = comment(&town, number, "grace", said);
        delivered(&town, "issue_comment", &payload, &[]);
        assert_eq!(town.hub.reactions(crate::fake::Target::Comment(id)), [], "{said}");
    }
    assert_eq!(town.hub.pull(number).state, "open");
    town.hub.close(number, "ada");
    delivered(&town, "pull_request", &pull(&town, "closed", "ada", number), &[]);
    town.verify_ok();
}

#[test]
fn what_is_no_payload_of_this_town_says_so() {
    let town = with_a_pull();
    let good = pull(&town, "closed", "ada", 1);
    let mut other = good.clone();
    other["repository"]["full_name"] = json!("acme/bigtown");
    deliver(&town, "pull_request", &other).says(1, "and this town is acme/smalltown");
    let file = town.path("event.json");
    let path = file.to_str().unwrap();
    let sync = |event: &str, more: &[&str]| {
        let arguments = [&["sync", "--event", path], more].concat();
        town.job().env("GITHUB_EVENT_NAME", event).monkeytown(&arguments)
    };
    std::fs::write(&file, "{\"action\": \"clos").unwrap();
    sync("pull_request", &[]).says(1, "the payload of pull_request");
    // A sparse file: nothing of it is read into memory beyond what is allowed.
    std::fs::File::create(&file).unwrap().set_len(26 * 1024 * 1024 + 1).unwrap();
    let huge = sync("pull_request", &[]);
    huge.says(2, "cannot be read");
    std::fs::remove_file(&file).unwrap();
    sync("pull_request", &[]).says(2, "event.json cannot be read");
    std::fs::write(&file, good.to_string()).unwrap();
    // What started the job is no webhook, or nothing says what it was.
    sync("schedule", &[]).says(0, "nothing new");
    let job = town.job();
    let mut command = job.command(&["sync", "--event", path]);
    let output = command.env_remove("GITHUB_EVENT_NAME").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("--kind"), "{said}");
    // The kind at hand goes before what started the job.
    town.hub.close(1, "ada");
    std::fs::write(&file, pull(&town, "closed", "ada", 1).to_string()).unwrap();
    sync("schedule", &["--kind", "pull_request"]).says(0, "ada rejected #1 as other");
    assert_eq!(town.job().monkeytown(&["sync", "--kind", "pull_request"]).code, 2);
    town.verify_ok();
}
