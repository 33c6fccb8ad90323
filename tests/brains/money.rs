//! Money is bounded before it is spent: what could cross a cap is never asked for.

use serde_json::json;

use crate::provider::{Dialect, Provider, Say, call, finishes, key, writes};
use crate::village::Village;

/// A reply of this usage that reads a file.
fn reads(usage: Option<(u64, u64)>) -> Say {
    let calls = vec![("Read", json!({"file_path": "README.md"}).to_string())];
    Say::Reply { text: "Let me see.", calls, stop: "calls", usage }
}

// covers: budgets#nothing-is-asked-that-could-cross-a-cap
#[test]
fn a_question_that_could_cross_the_cap_is_never_put() {
    // The prompt is at most some 0.03 dollars, and each question costs 0.05: the cap of 0.20 ends it.
    let script = (0..20).map(|n| call("Grep", &json!({"pattern": format!("word {n}")})));
    let script = script.map(|say| match say {
        Say::Reply { text, calls, stop, .. } => Say::Reply { text, calls, stop, usage: Some((10_000, 4_000)) },
        other => other,
    });
    let provider = Provider::saying(Dialect::Openai, script.collect());
    let town = provider.town("limits: { usd_per_run: \"0.20\" }\n");
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    assert_eq!((run.code, run.json["failure"].as_str()), (1, Some("money")), "{run:#?}");
    let spent = run.json["cost_micros"].as_u64().unwrap();
    assert!((100_000..=200_000).contains(&spent), "{spent}");
    assert_eq!(u64::try_from(provider.count()).unwrap() * 50_000, spent);
    let log = town.git(["log", "--format=%B", "monkeytown/journal"]);
    assert!(log.contains("\"hold_micros\":200000"), "{log}");
}

#[test]
fn a_reply_is_kept_so_short_that_it_fits() {
    let provider = Provider::saying(Dialect::Openai, vec![reads(Some((10_000, 500))), writes(), finishes()]);
    let town = provider.town("limits: { usd_per_run: \"0.06\" }\n");
    town.monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
    let seen = provider.seen();
    let asked: Vec<u64> = seen.iter().map(|body| body["max_tokens"].as_u64().unwrap()).collect();
    assert!(asked[0] < 8_000 && asked[1] < asked[0] && asked.iter().all(|most| *most >= 1_000), "{asked:?}");
    for (body, spent) in seen.iter().zip([0, 15_000, 17_000]) {
        // Whatever a tokenizer makes of the prompt, the reply fits as well.
        let texts = body["messages"].as_array().unwrap().iter().filter_map(|m| m["content"].as_str());
        let prompt: usize = texts.map(str::len).sum();
        assert!(spent + prompt as u64 + body["max_tokens"].as_u64().unwrap() * 10 <= 60_000, "{asked:?}");
    }
    let told = seen[1]["messages"].to_string();
    assert!(told.contains("The budget of money is nearly used up"), "{told}");
}

// covers: budgets#nothing-is-asked-that-could-cross-a-cap/a-cap-on-tokens
#[test]
fn tokens_have_a_cap_where_a_model_costs_nothing_too() {
    let reads = |n| match call("Grep", &json!({"pattern": format!("word {n}")})) {
        Say::Reply { text, calls, stop, .. } => Say::Reply { text, calls, stop, usage: Some((20_000, 5_000)) },
        other => other,
    };
    let provider = Provider::saying(Dialect::Openai, (0..20).map(reads).collect());
    let settings = provider.settings("").replace("input: 1, output: 10", "input: 0, output: 0");
    let town = provider.town("").settings(&format!("{settings}limits: {{ tokens_per_run: 80000 }}\n"));
    let run = town.commit("Be thrifty").monkeytown(&["run", "chaostester", "--json"]);
    assert_eq!((run.code, run.json["failure"].as_str()), (1, Some("tokens")), "{run:#?}");
    assert!(run.text("reason").contains("the budget of tokens is used up"), "{run:#?}");
    assert_eq!(provider.count(), 3, "a fourth could come to more than 80,000");
}

#[test]
fn a_question_whose_connection_broke_is_paid_for() {
    let provider = Provider::saying(Dialect::Openai, vec![writes(), Say::Hangup, finishes()]);
    let run = provider.town("").monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "opened");
    // The two replies are 0.004 dollars; the question that broke is the whole prompt and 6,400 tokens more.
    assert!(run.json["cost_micros"].as_u64().unwrap() > 64_000, "{run:#?}");
    assert_eq!(provider.seen().len(), 3);
}

// covers: budgets#what-was-spent-is-shown/a-reply-without-usage
#[test]
fn usage_that_nobody_tells_is_charged_at_its_most() {
    for stream in [true, false] {
        let provider = Provider::saying(Dialect::Anthropic, vec![reads(None), writes(), finishes()]);
        let run = provider.town(&format!("  stream: {stream}\n")).monkeytown(&["run", "chaostester", "--json"]);
        run.ended(0, "opened");
        // 8,000 tokens of the reply alone are 0.08 dollars.
        assert!(run.json["cost_micros"].as_u64().unwrap() > 80_000, "{run:#?}");
        assert!(run.json["offer"]["body"].as_str().unwrap().contains("at most"), "{run:#?}");
    }
}

#[test]
fn what_costs_nothing_is_not_held_up() {
    let provider = Provider::saying(Dialect::Openai, vec![writes(), finishes()]);
    let settings = provider.settings("limits: { usd_per_run: 0, usd_per_day: 0 }\n");
    let town = provider
        .town("")
        .settings(&settings.replace("input: 1, output: 10", "input: 0, output: 0"))
        .commit("Stay home");
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "opened");
    assert_eq!((run.json["cost_micros"].as_u64(), provider.seen().len()), (Some(0), 2));
}

#[test]
fn a_day_has_its_cap_and_the_next_day_another() {
    let script = vec![writes(), finishes(), call("NothingToDo", &json!({"reason": "All is well."}))];
    let provider = Provider::saying(Dialect::Openai, script);
    let town = provider.town("limits: { usd_per_day: \"0.013\" }\n");
    town.with_env("LLM", &key());
    // Nothing useful fits into 0.013 dollars with this briefing, and nothing was asked.
    let run = town.monkeytown(&["run", "chaostester", "--json"]);
    assert_eq!(run.json["failure"].as_str(), Some("money"), "{run:#?}");
    assert_eq!(provider.count(), 0);
    let town = town.settings(&provider.settings("limits: { usd_per_day: \"0.20\", usd_per_run: \"0.20\" }\n"));
    let town = town.commit("Give more");
    town.monkeytown(&["run", "chaostester", "--json"]).ended(0, "opened");
    let less = town.settings(&provider.settings("limits: { usd_per_day: \"0.005\" }\n")).commit("Give less");
    let run = less.monkeytown(&["run", "chaostester", "--json"]);
    run.ended(0, "skipped");
    assert!(run.text("reason").contains("0.001 of 0.005 are left for today"), "{run:#?}");
    less.at("2026-11-22T04:20:00Z");
    let enough = less.settings(&provider.settings("limits: { usd_per_day: \"0.20\" }\n")).commit("Another day");
    enough.monkeytown(&["run", "chaostester", "--json"]).ended(0, "nothing");
}

// covers: budgets#the-day-s-cap-holds-across-machines/eight-runs-at-once
#[test]
fn a_day_has_its_cap_over_eight_machines_at_once() {
    // Every question costs 0.05 dollars, and everybody would ask forty.
    let provider = Provider::thinking(Dialect::Openai, |body| {
        let said = body["messages"].as_array().map_or(0, Vec::len);
        let grep = json!({"pattern": format!("word {said}")}).to_string();
        Say::Reply { text: "", calls: vec![("Grep", grep)], stop: "calls", usage: Some((10_000, 4_000)) }
    });
    let names = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
    let caps = "limits: { usd_per_day: \"0.70\", usd_per_run: \"0.25\" }\n";
    let mut town = Village::new().settings(&provider.settings(caps));
    for name in names {
        town = town.agent(name, &format!("{name}/**"));
    }
    let town = town.commit("Found the town").remote();
    town.with_env("LLM", &key());
    let machines = names.map(|name| (name, town.another_clone(name)));
    let started: Vec<_> = machines.iter().map(|(name, machine)| machine.start(name, &[])).collect();
    let ended: Vec<_> = started.into_iter().map(Village::wait).collect();
    let spent: u64 = ended.iter().filter_map(|run| run.json["cost_micros"].as_u64()).sum();
    assert_eq!(u64::try_from(provider.count()).unwrap() * 50_000, spent, "{ended:#?}");
    assert!((450_000..=700_000).contains(&spent), "{spent}: {ended:#?}");
    let refused = ended.iter().filter(|run| run.text("reason").contains("are left for today")).count();
    assert!(refused >= 4, "{refused}: {ended:#?}");
    assert!(ended.iter().all(|run| matches!(run.code, 0 | 1)), "{ended:#?}");
    town.git(["fetch", "-q", "origin"]);
    let metered = town.facts("run.usage.metered");
    assert_eq!(metered.iter().filter_map(|fact| fact["cost_micros"].as_u64()).sum::<u64>(), spent);
    town.verify_ok();
}
