//! A command-line agent that asks the town's model through the relay: the key stays outside, and the money within its cap.
//! Lives here: what the provider sees and what the run is charged. Never here: an agent that needs no model (see
//! [`crate::command`]).

use serde_json::{Value, json};

use crate::provider::{Dialect, PRICES, Provider, Say, key, says};
use crate::replies::keeps_the_key;
use crate::village::{Outcome, Village};

/// The beginning of every agent: how it asks.
const ASKS: &str = r#"
import json, os, sys, urllib.request, urllib.error
sys.stdin.read()
def ask(path, body, method='POST'):
    base = os.environ['ANTHROPIC_BASE_URL'] if path.endswith('messages') else os.environ['OPENAI_BASE_URL'][:-3]
    headers = {'content-type': 'application/json', 'x-api-key': os.environ['ANTHROPIC_API_KEY'],
               'authorization': 'Bearer ' + os.environ['OPENAI_API_KEY']}
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, json.dumps(body).encode(), headers, method=method)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
cache = {'cache_control': {'type': 'ephemeral', 'ttl': '1h'}}
def question(path, most, **more):
    if path.endswith('messages'):
        text = {'type': 'text', 'text': 'What is broken?', **cache}
        more = {'system': [text], 'messages': [{'role': 'user', 'content': [text, text]}], **more}
    else:
        more = {'messages': [{'role': 'user', 'content': 'What is broken?'}], **more}
    return {'model': 'dearest-model', 'max_tokens': most, **more}
def done(text):
    os.makedirs('qa', exist_ok=True)
    open('qa/links.md', 'w').write(text + '\n')
    print(json.dumps({'title': 'List the broken link', 'body': 'Somebody has to read it.'}))
"#;

/// A town whose agent is this program, and may ask the provider.
fn town(provider: &Provider, program: &str, more: &str) -> Option<Village> {
    if std::env::var("MONKEYTOWN_TEST_WITHOUT").is_ok_and(|without| without.contains("bubblewrap")) {
        return None;
    }
    let kind = if provider.dialect == Dialect::Openai { "openai" } else { "anthropic" };
    let settings = format!(
        "brain:\n  provider: command\n  command: python3 agent.py\n  model: {kind}/test-model\n  base_url: {}\n  key_env: LLM\n  {PRICES}\n{more}",
        provider.url
    );
    let town = Village::small().settings(&settings).file("agent.py", &format!("{ASKS}{program}\n")).commit("Think");
    town.with_env("LLM", &key());
    Some(town)
}

fn run(town: &Village) -> Outcome {
    town.monkeytown(&["run", "chaostester", "--json"])
}

const fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Openai => "/v1/chat/completions",
        Dialect::Anthropic => "/v1/messages",
    }
}

// covers: command-agents#its-model-is-asked-through-the-run
#[test]
fn an_agent_asks_the_towns_model_and_what_it_used_is_charged() {
    for dialect in [Dialect::Openai, Dialect::Anthropic] {
        for stream in ["True", "False"] {
            let provider =
                Provider::saying(dialect, vec![says("The first link.", "end"), says("Nothing else.", "end")]);
            let path = path(dialect);
            let program = format!(
                "print(sorted(v for k, v in os.environ.items() if 'KEY' in k or 'TOKEN' in k))\n\
                 for n in range(2):\n    status, text = ask('{path}', question('{path}', 200, stream={stream}))\n    print(status, text)\n\
                 done('The first link leads nowhere.')"
            );
            let Some(town) = town(&provider, &program, "") else { return };
            let run = run(&town);
            run.ended(0, "opened");
            let seen = provider.seen();
            assert_eq!((&seen[0]["model"], &seen[0]["max_tokens"]), (&json!("test-model"), &json!(200)), "{seen:#?}");
            assert!(!seen[0].to_string().contains("ttl"), "{seen:#?}");
            // Twice 1,000 tokens at 1 and 100 at 10 dollars per million.
            assert_eq!((&run.json["cost_micros"], &run.json["brain"]), (&json!(4_000), &json!("command")));
            let metered = &town.facts("run.usage.metered")[0];
            assert_eq!((&metered["cost_micros"], metered.get("incomplete")), (&json!(4_000), None));
            assert_eq!((&metered["tokens"]["input"], &metered["tokens"]["output"]), (&json!(2_000), &json!(200)));
            let transcript = town.transcript(&run.text("run"));
            assert_eq!(transcript["relayed"]["questions"], 2);
            let output = transcript["entries"][2]["output"].as_str().unwrap();
            assert!(output.contains("['monkeytown', 'monkeytown']"), "{output}");
            assert!(output.matches("\n200 ").count() == 2 && output.contains("g else."), "{output}");
            let shown = town.monkeytown(&["pulls", "show", "1", "--json"]);
            assert!(shown.stdout.contains("2200 tokens, 0.004 US dollars"), "{shown:#?}");
            keeps_the_key(&town, &run);
        }
    }
}

// covers: command-agents#its-model-is-asked-through-the-run/the-money-is-used-up
#[test]
fn a_question_that_could_cost_too_much_is_not_passed_on() {
    let provider = Provider::saying(Dialect::Anthropic, vec![says("Yes.", "end")]);
    let program = "path = '/v1/messages'\nprint(ask(path, question(path, 100))[0])\nprint(ask(path, question(path, 8000)))\ndone('x')";
    let Some(town) = town(&provider, program, "limits: { usd_per_run: 0.01 }\n") else { return };
    let run = run(&town);
    run.ended(0, "opened");
    assert_eq!((provider.seen().len(), &run.json["cost_micros"]), (1, &json!(2_000)));
    let output = town.transcript(&run.text("run")).to_string();
    assert!(
        output.contains("402") && output.contains("US dollars, and of what the run may spend 0.008 are left"),
        "{output}"
    );
}

#[test]
fn what_is_no_question_of_this_kind_is_not_passed_on() {
    let provider = Provider::saying(Dialect::Anthropic, Vec::new());
    let image = json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://127.0.0.1/"}}]}]});
    let program = format!(
        "q = question('/v1/messages', 10)\n\
         for path, body, method in [('/v1/messages', q, 'GET'), ('/v1/models', q, 'POST'), ('/v1/chat/completions', q, 'POST'), \
         ('/v1/../messages', q, 'POST'), ('/v1/messages', [], 'POST'), ('/v1/messages', {image}, 'POST'), ('/v1/messages', 'x' * 9000000, 'POST')]:\n\
         \x20   print(path, *ask(path, body, method))\ndone('x')"
    );
    let Some(town) = town(&provider, &program, "") else { return };
    let run = run(&town);
    run.ended(0, "opened");
    assert_eq!((provider.count(), &run.json["cost_micros"]), (0, &json!(0)));
    let output = town.transcript(&run.text("run"))["entries"][2]["output"].as_str().unwrap().to_owned();
    assert_eq!((output.matches(" 404 {").count(), output.matches(" 400 {").count()), (1, 6), "{output}");
}

#[test]
fn what_the_provider_does_not_count_costs_the_most_that_it_can() {
    let silent = Say::Reply { text: "Yes.", calls: Vec::new(), stop: "end", usage: None };
    let refused = crate::provider::error(429, "rate_limit_error", "slowly");
    let provider = Provider::saying(Dialect::Openai, vec![silent, Say::Cut("It is half"), refused]);
    let program = "path = '/v1/chat/completions'\nfor n in range(3):\n    try:\n        print(ask(path, question(path, 1000, stream=True)))\n    except OSError as e: print(e)\ndone('x')";
    let Some(town) = town(&provider, program, "") else { return };
    let run = run(&town);
    run.ended(0, "opened");
    assert_eq!(provider.seen().len(), 3);
    // Twice 1,000 tokens of a reply at 10 dollars per million, and what the prompts can be; an error costs nothing.
    let cost = run.json["cost_micros"].as_u64().unwrap();
    assert!((22_000..24_000).contains(&cost), "{cost}");
    assert_eq!(town.facts("run.usage.metered")[0]["incomplete"], true);
    assert!(town.transcript(&run.text("run")).to_string().contains("(429, "), "its status is passed on");
}

#[test]
fn without_its_key_it_is_refused_before_anything_is_claimed() {
    let provider = Provider::saying(Dialect::Openai, Vec::new());
    let Some(town) = town(&provider, "done('x')", "") else { return };
    town.with_env("LLM", "");
    town.monkeytown(&["run", "chaostester"]).says(2, "LLM is not set");
    assert_eq!(town.facts("run.started"), Vec::<Value>::new());
}
