//! What a model that works gets done, in both dialects, as a stream and whole.

use serde_json::json;

use crate::provider::{Dialect, Provider, Say, call, calls, finishes, key, writes};
use crate::village::{Outcome, Village};

/// The key is in no answer, no story, no file and no object of the repository.
#[track_caller]
pub fn keeps_the_key(village: &Village, outcome: &Outcome) {
    assert!(!outcome.stdout.contains(&key()) && !outcome.stderr.contains(&key()), "{outcome:#?}");
    let objects = village.git(["cat-file", "--batch-all-objects", "--batch"]);
    assert!(!objects.contains(&key()), "the key is in an object");
    let mut folders = vec![village.path(".")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                assert!(!String::from_utf8_lossy(&bytes).contains(&key()), "the key is in {:?}", entry.path());
            }
        }
    }
}

/// The payload of the newest event of a kind.
fn newest(village: &Village, kind: &str) -> serde_json::Value {
    let log = village.git(["log", "--format=%B", "monkeytown/journal"]);
    let events = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    events.into_iter().find(|event| event["type"] == kind).unwrap()["data"].clone()
}

// covers: budgets#what-was-spent-is-shown
#[test]
fn a_model_reads_writes_and_finishes_in_every_dialect() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        for stream in [true, false] {
            let reads = call("Read", &json!({"file_path": "README.md"}));
            let provider = Provider::saying(dialect, vec![reads, writes(), finishes()]);
            let town = provider.town(&format!("  stream: {stream}\n"));
            let run = town.monkeytown(&["run", "chaostester", "--json"]);
            run.ended(0, "opened");
            let seen = provider.seen();
            assert_eq!(seen.len(), 3);
            assert!(seen[1].to_string().contains("# Small town"), "the file that it read: {}", seen[1]);
            assert_eq!(
                run.json["brain"],
                if dialect == Dialect::Openai { "openai/test-model" } else { "anthropic/test-model" }
            );
            // Three times 1,000 tokens at 1 and 100 at 10 dollars per million.
            assert_eq!((&run.json["cost_micros"], &run.json["turns"]), (&json!(6_000), &json!(3)));
            let metered = newest(&town, "monkeytown.run.usage.metered.v1");
            assert_eq!((&metered["cost_micros"], &metered["tokens"]["input"]), (&json!(6_000), &json!(3_000)));
            assert_eq!((&metered["tokens"]["output"], metered.get("incomplete")), (&json!(300), None));
            let shown = town.monkeytown(&["pulls", "show", "1", "--json"]);
            assert!(shown.stdout.contains("3 turns, 3300 tokens, 0.006 US dollars"), "{shown:#?}");
            assert_eq!(town.git(["show", "agent/chaostester:qa/links.md"]), "The first link leads nowhere.");
            keeps_the_key(&town, &run);
        }
    }
}

#[test]
fn a_call_that_is_no_json_is_told_and_mended() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        for stream in [true, false] {
            let broken = calls(vec![("Write", "{\"file_path\": \"qa/".to_owned())]);
            let provider = Provider::saying(dialect, vec![broken, writes(), finishes()]);
            let town = provider.town(&format!("  stream: {stream}\n"));
            town.monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
            let told = provider.seen()[1]["messages"].as_array().unwrap().last().unwrap().to_string();
            assert!(
                told.contains("are no JSON object: EOF while parsing")
                    || dialect == Dialect::Anthropic && !stream && told.contains("are no JSON object"),
                "{told}"
            );
        }
    }
}

#[test]
fn what_the_process_must_not_show_is_in_no_question() {
    let secret = ["hush", "-hush-", &"h".repeat(20)].concat();
    let reads = call("Read", &json!({"file_path": "README.md"}));
    let provider = Provider::saying(Dialect::Openai, vec![reads, writes(), finishes()]);
    let town = provider.town("").file("README.md", &format!("# Small town\n\n{secret} and {}\n", key())).commit("Leak");
    town.with_env("DEPLOY_TOKEN", &secret);
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "opened");
    let asked = serde_json::to_string(&provider.seen()).unwrap();
    assert!(asked.contains("# Small town") && !asked.contains(&secret) && !asked.contains(&key()));
}

#[test]
fn a_provider_that_names_its_calls_by_the_key_does_not_spread_it() {
    let write = json!({"file_path": "qa/links.md", "content": format!("See {}.\n", key())}).to_string();
    let called = |name: &str, arguments: &str| json!({"id": format!("{name}_{}", key()), "type": "function", "function": {"name": name, "arguments": arguments}});
    let message =
        json!({"role": "assistant", "content": key(), "tool_calls": [called("Write", &write), called(&key(), "{}")]});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5});
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": usage});
    let echo = Say::Raw { status: 200, headers: Vec::new(), body: body.to_string() };
    let provider = Provider::saying(Dialect::Openai, vec![echo, finishes()]);
    let town = provider.town("");
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "opened");
    let asked = provider.seen();
    assert!(asked[1]["messages"].to_string().contains("There is no tool"), "{}", asked[1]);
    keeps_the_key(&town, &run);
}

// covers: outgoing#words-have-no-effect/a-body-that-would-close-an-issue, outgoing#changes-are-listed
#[test]
fn what_a_model_says_to_people_does_nothing() {
    let finish = json!({
        "title": "List the broken link that @bob saw",
        "body": "It fixes #7. <!-- approve this -->\n\n![seen](https://t.example/?q=1)\n\n/merge",
        "evidence": ["@ada saw it in README.md:1"],
    });
    let provider = Provider::saying(Dialect::Openai, vec![writes(), call("Finish", &finish)]);
    let town = provider.town("");
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "opened");
    let offer = &run.json["offer"];
    assert_eq!(offer["title"], "List the broken link that bob saw");
    let body = offer["body"].as_str().unwrap();
    let said =
        ["It fixes `#7`. &lt;!-- approve this -->", "\n[seen](https://t.example/?q=1)", "\n\\/merge", "- ``@ada`` saw"];
    assert!(said.iter().all(|said| body.contains(said)), "{body}");
    assert!(body.ends_with(
        "Changed before this was sent: 2 mentions set as code, 1 reference set as code, 1 piece of HTML shown as text, \
         1 picture made a link, 1 command quoted.\n"
    ), "{body}");
    let commit = town.git(["log", "-1", "--format=%B", "agent/chaostester"]);
    assert!(commit.contains("It fixes `#7`") && !commit.contains("@bob"), "{commit}");
}

// covers: models#the-briefing-fits-the-model/a-small-model
#[test]
fn a_small_model_is_briefed_small() {
    let provider = Provider::saying(Dialect::Openai, vec![writes(), finishes()]);
    let filler: String = (0..4_000).map(|n| format!("- line {n} of a long file\n")).collect();
    let town = provider.town("  context: 8000\n").file("docs/long.md", &filler).commit("Write much");
    town.monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
    for body in provider.seen() {
        // Four bytes for a token, and what the reply needs besides.
        let bytes = body.to_string().len();
        assert!(bytes < 8_000 * 4 && body["max_tokens"] == 1_600, "{bytes} {}", body["max_tokens"]);
    }
}

#[test]
fn a_charter_may_name_its_model_and_another_stands_in_for_it() {
    let gone = crate::provider::error(404, "model_not_found", "The model does not exist");
    let provider = Provider::saying(Dialect::Openai, vec![gone, writes(), finishes()]);
    let town = Village::new()
        .agent_with("chaostester", "qa/**", "")
        .settings(&provider.settings("  fallbacks: [openai/other-model]\n"));
    let charter = std::fs::read_to_string(town.dir().join("agents/chaostester.md")).unwrap();
    let town = town.file("agents/chaostester.md", &charter.replace("model: inherit", "model: openai/test-model"));
    let town = town.commit("Found the town");
    town.with_env("LLM", &key());
    town.monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
    let asked: Vec<_> = provider.seen().iter().map(|body| body["model"].clone()).collect();
    assert_eq!(asked, ["test-model", "other-model", "other-model"]);
}
