//! Every way in which a model gives no reply: each has its own kind, exit code and sentence, and none is a success.

use serde_json::json;

use crate::provider::{Dialect, Provider, Say, calls, error, finishes, key, says, writes};
use crate::replies::keeps_the_key;

/// A failure: what the provider says, and what the run says then.
struct Case {
    script: Vec<Say>,
    kind: &'static str,
    code: i32,
    sentence: &'static str,
}

fn case(script: Vec<Say>, kind: &'static str, code: i32, sentence: &'static str) -> Case {
    Case { script, kind, code, sentence }
}

fn waits(seconds: &'static str) -> Say {
    let body =
        json!({"error": {"code": "RateLimitReached", "message": "Rate limit of 50 per day exceeded"}}).to_string();
    Say::Raw { status: 429, headers: vec![("retry-after", seconds)], body }
}

fn broken() -> Say {
    calls(vec![("Write", "{\"file_path\": ".to_owned())])
}

fn cases() -> Vec<Case> {
    let overloaded = || error(529, "overloaded_error", "Overloaded");
    let down = || error(500, "api_error", "Internal server error");
    let slow = || waits("0");
    let repeated = format!("Incorrect API key provided: {}", key());
    vec![
        case(vec![waits("24367")], "quota", 3, "the quota of"),
        case(vec![error(429, "insufficient_quota", "You exceeded your current quota")], "quota", 3, "is used up"),
        case(vec![slow(), slow(), slow(), slow()], "throttled", 3, "is throttled"),
        case(vec![overloaded(), overloaded(), overloaded(), overloaded()], "overloaded", 3, "is overloaded"),
        case(vec![down(), down(), down(), down()], "unavailable", 3, "is unavailable"),
        case(vec![error(401, "invalid_api_key", &repeated)], "auth", 2, "does not take the key"),
        case(vec![error(404, "model_not_found", "The model does not exist")], "unknown-model", 2, "is not known there"),
        case(vec![error(400, "content_filter", "Filtered")], "refused", 1, "refuses"),
        case(vec![says("I cannot help with that.", "refusal")], "refused", 1, "refused to go on"),
        case(vec![says("", "end"), says("", "end")], "empty-reply", 1, "said nothing, twice"),
        case(vec![says("So much", "length"), says("to say", "length")], "length", 1, "too long, twice"),
        case(vec![Say::Cut("Let me think"), Say::Cut("about it")], "truncated-stream", 3, "broke off"),
        case(vec![Say::Hangup, Say::Hangup], "truncated-stream", 3, "broke off"),
        case(vec![broken(), broken(), broken()], "invalid-calls", 1, "calls in a row were invalid"),
        case(vec![error(400, "tools", "tools.0: bad schema")], "brain", 1, "does not take the request"),
        case(
            vec![error(400, "context_length_exceeded", "too long"), error(413, "request_too_large", "too long")],
            "context-too-long",
            1,
            "is too long for",
        ),
    ]
}

// covers: models#each-failure-has-a-kind
#[test]
fn each_failure_has_its_own_kind_code_and_sentence() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        for Case { script, kind, code, sentence } in cases() {
            let said = format!("{dialect:?} {script:?}");
            let questions = script.len();
            let provider = Provider::saying(dialect, script);
            let town = provider.town("");
            let run = town.monkeytown(&["run", "chaostester", "--json"]);
            let shown = (run.code, run.json["outcome"].as_str(), run.json["failure"].as_str());
            assert_eq!(shown, (code, Some("failed"), Some(kind)), "{said}: {run:#?}");
            assert!(run.text("reason").contains(sentence), "{said}: {run:#?}");
            assert_eq!(provider.seen().len(), questions, "{said}");
            let log = town.git(["log", "--format=%B", "monkeytown/journal"]);
            assert!(log.contains(&format!("\"kind\":\"{kind}\"")), "{said}: {log}");
            assert_eq!(town.monkeytown(&["pulls", "--json"]).json["pulls"], json!([]), "{said}");
            keeps_the_key(&town, &run);
        }
    }
}

// covers: models#each-failure-has-a-kind/the-quota-is-gone
#[test]
fn a_quota_that_is_gone_is_not_asked_again_and_says_until_when() {
    let provider = Provider::saying(Dialect::Openai, vec![waits("24367")]);
    let run = provider.town("").monkeytown(&["run", "chaostester", "--json"]);
    assert!(run.text("reason").contains("until 2026-11-21T11:06:07Z"), "{run:#?}");
    assert_eq!(provider.seen().len(), 1);
}

#[test]
fn a_quota_that_ends_meanwhile_is_a_soft_landing() {
    let provider = Provider::saying(Dialect::Openai, vec![writes(), waits("24367")]);
    let run = provider.town("").monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "opened");
    assert_eq!((&run.json["partial"], &run.json["offer"]["draft"]), (&json!(true), &json!(true)));
    assert!(
        run.json["offer"]["body"].as_str().unwrap().contains("the quota of openai/test-model is used up"),
        "{run:#?}"
    );
    assert_eq!(provider.seen().len(), 2);
}

#[test]
fn a_short_wait_is_waited_and_what_is_down_for_a_moment_is_asked_again() {
    let down = || Say::Raw { status: 502, headers: Vec::new(), body: "<html>".to_owned() };
    let script = vec![waits("1"), writes(), down(), error(503, "", "busy"), finishes()];
    let provider = Provider::saying(Dialect::Openai, script);
    provider.town("").monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
    assert_eq!(provider.seen().len(), 5);
}

#[test]
fn a_reply_that_breaks_off_once_is_asked_for_again_and_paid_for() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        for stream in [true, false] {
            let provider = Provider::saying(dialect, vec![writes(), Say::Cut("Let me"), finishes()]);
            let run = provider.town(&format!("  stream: {stream}\n")).monkeytown(&["run", "chaostester", "--json"]);
            run.ended(0, "opened");
            assert_eq!(provider.seen().len(), 3);
            assert!(run.json["cost_micros"].as_u64().unwrap() > 4_000, "{run:#?}");
            assert!(run.json["offer"]["body"].as_str().unwrap().contains("at most"), "{run:#?}");
        }
    }
}

// covers: models#the-briefing-fits-the-model
#[test]
fn a_briefing_that_is_too_long_is_packed_again_once() {
    let too_long = error(400, "context_length_exceeded", "This model's maximum context length is 4096 tokens");
    let provider = Provider::saying(Dialect::Openai, vec![too_long, writes(), finishes()]);
    let filler: String = (0..4_000).map(|n| format!("folder-{n}/\n")).collect();
    let town = provider.town("");
    let charter = std::fs::read_to_string(town.dir().join("agents/chaostester.md")).unwrap();
    let town = town.file("agents/chaostester.md", &format!("{charter}\n{filler}")).commit("Say much");
    town.monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
    let sizes: Vec<usize> = provider.seen().iter().map(|body| body["messages"].to_string().len()).collect();
    assert!(sizes[1] * 3 < sizes[0] * 2, "{sizes:?}");
}

// covers: budgets#a-model-without-a-price-is-not-asked, models#a-key-goes-to-one-place/an-address-in-the-open
#[test]
fn what_is_missing_is_said_before_a_slot_is_taken() {
    let provider = Provider::saying(Dialect::Openai, vec![]);
    let town = provider.town("");
    town.with_env("LLM", "");
    town.monkeytown(&["run", "chaostester"]).says(2, "LLM is not set");
    town.with_env("LLM", &key());
    town.monkeytown(&["run", "chaostester", "--brain", "openai/unpriced"])
        .says(2, "nobody knows what \"unpriced\" costs");
    let open =
        town.settings(&provider.settings("").replace(&provider.url, "http://models.example/v1")).commit("Be careless");
    open.monkeytown(&["run", "chaostester"]).says(2, "would travel in the open");
    // What no environment mends is found before anybody runs.
    let checked = open.monkeytown(&["check", "--json"]);
    assert_eq!(
        (checked.code, &checked.json["findings"][0]["rule"]),
        (1, &"model-key-in-the-open".into()),
        "{checked:#?}"
    );
    assert_eq!(provider.seen().len(), 0);
    assert!(
        !open.git(["for-each-ref"]).contains("monkeytown/journal") || {
            let log = open.git(["log", "--format=%B", "monkeytown/journal"]);
            !log.contains("run.started")
        }
    );
}

#[test]
fn a_provider_that_nobody_answers_at_is_unavailable() {
    let provider = Provider::saying(Dialect::Openai, vec![]);
    let town = provider.town("");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", nobody.local_addr().unwrap());
    drop(nobody);
    let town = town.settings(&provider.settings("").replace(&provider.url, &url)).commit("Move");
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    assert_eq!((run.code, run.json["failure"].as_str()), (3, Some("unavailable")), "{run:#?}");
}
