//! Promise: killed anywhere while a model thinks, a run goes on to the same end, and nothing is asked twice but what was
//! being asked.

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use crate::provider::{Dialect, Hold, Provider, Say, call};
use crate::village::{Outcome, Village};

/// Questions of the run when nobody disturbs it.
const STEPS: usize = 20;
/// Kills of one run, and runs.
const KILLS: usize = 10;
const RUNS: u64 = 5;

/// How often the model of a conversation has spoken.
pub fn said(body: &Value) -> usize {
    body["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "assistant").count()
}

/// What a model says that knows by the conversation how far it is.
pub fn mind(body: &Value) -> Say {
    let said = said(body);
    if said + 1 == STEPS {
        let finish = json!({"title": "Write down every step", "body": "One by one.", "evidence": ["qa/steps.md:1"]});
        return call("Finish", &finish);
    }
    if said % 3 == 2 {
        return call(
            "Bash",
            &json!({"command": format!("echo Step {said} in a shell. >>qa/steps.md; cat qa/steps.md")}),
        );
    }
    call("Write", &json!({"file_path": format!("qa/step-{said}.md"), "content": format!("Step {said} in a file.\n")}))
}

/// A town whose agent has a shell, and money enough.
pub fn town(provider: &Provider) -> Village {
    let town = provider.town("limits: { usd_per_run: 100, usd_per_day: 1000 }\n");
    let charter = std::fs::read_to_string(town.dir().join("agents/chaostester.md")).unwrap();
    town.file("agents/chaostester.md", &charter.replace("Write, Edit\n", "Write, Edit, Bash\n")).commit("Give a shell")
}

/// Where the process is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// When it has told so many things.
    Told(usize),
    /// At a question, so many after its first.
    Question(usize, Hold),
}

impl At {
    fn random(random: &mut fastrand::Rng) -> Self {
        match random.usize(..3) {
            0 => Self::Question(random.usize(..2), Hold::Asked),
            1 => Self::Question(random.usize(..2), Hold::Half),
            _ => Self::Told(random.usize(2..10)),
        }
    }
}

/// Starts the run and kills it there. A run that ended before is given back.
fn killed(town: &Village, provider: &Provider, at: At) -> Option<Outcome> {
    let (sender, events) = channel();
    if let At::Question(after, hold) = at {
        provider.hold(after, hold, sender.clone());
    }
    let mut child = town.command(&["run", "chaostester", "--json", "--slot", "morning"]).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        for _ in lines.map_while(Result::ok) {
            if sender.send("told").is_err() {
                return;
            }
        }
        let _ = sender.send("ended");
    });
    let mut told = 0;
    while let Ok(event) = events.recv() {
        told += usize::from(event == "told");
        let there = match at {
            At::Told(lines) => told >= lines,
            At::Question(..) => event == "held",
        };
        if there || event == "ended" {
            break;
        }
    }
    // Whoever has ended already cannot be killed.
    let _ = child.kill();
    provider.let_go();
    let ended = child.wait_with_output().unwrap();
    reader.join().unwrap();
    (ended.status.code().is_some()).then(|| Outcome::of(ended))
}

/// What an undisturbed run proposes.
fn undisturbed() -> String {
    let provider = Provider::thinking(Dialect::Openai, mind);
    let town = town(&provider);
    town.monkeytown(&["run", "chaostester", "--json", "--slot", "morning"]).ended(0, "opened");
    assert_eq!(provider.count(), STEPS);
    proposed(&town)
}

/// The tree of what the agent owns, as it is proposed.
fn proposed(town: &Village) -> String {
    town.git(["rev-parse", "agent/chaostester:qa"])
}

// covers: budgets#a-question-in-flight-is-counted, transcripts#a-run-that-died-goes-on-from-its-last-step
#[test]
fn a_run_that_is_killed_at_fifty_random_moments_ends_the_same_and_asks_nothing_twice() {
    let wanted = undisturbed();
    for seed in 1..=RUNS {
        let mut random = fastrand::Rng::with_seed(seed);
        let dialect = if seed % 2 == 0 { Dialect::Openai } else { Dialect::Anthropic };
        let provider = Provider::thinking(dialect, mind);
        let town = town(&provider);
        let mut moments = Vec::new();
        for _ in 0..KILLS {
            let at = At::random(&mut random);
            moments.push(at);
            let ended = killed(&town, &provider, at);
            assert!(ended.is_none(), "seed {seed}, {moments:?}: {ended:#?}");
        }
        let said = format!("seed {seed}, {moments:?}");
        let run = town.monkeytown(&["run", "chaostester", "--json", "--slot", "morning"]);
        assert_eq!((run.code, run.json["outcome"].as_str()), (0, Some("opened")), "{said}: {run:#?}");
        assert_eq!(proposed(&town), wanted, "{said}");
        let asked = provider.count();
        assert!(asked <= STEPS + KILLS, "{said}: {asked} questions");
        // Each question has cost 1,000 tokens and 100, whether its reply arrived or not.
        let paid = u64::try_from(asked).unwrap() * 2_000;
        assert!(run.json["cost_micros"].as_u64().unwrap() >= paid, "{said}: {asked} questions, {run:#?}");
        assert_eq!(town.facts("run.started").len(), 1, "{said}");
        assert_eq!(town.facts("tool.called").iter().map(calls).sum::<usize>(), STEPS - 1, "{said}");
        town.verify_ok();
    }
}

fn calls(fact: &Value) -> usize {
    fact["calls"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_lock_that_a_killed_process_left_stops_no_run() {
    let provider = Provider::thinking(Dialect::Openai, mind);
    let town = town(&provider);
    assert!(killed(&town, &provider, At::Question(1, Hold::Asked)).is_none());
    std::fs::write(town.dir().join(".git/refs/monkeytown/checkpoints/chaostester.lock"), "").unwrap();
    let run = town.monkeytown(&["run", "chaostester", "--json", "--slot", "morning"]);
    assert_eq!((run.code, run.json["outcome"].as_str()), (0, Some("opened")), "{run:#?}");
    town.verify_ok();
}

#[test]
fn another_machine_knows_what_a_run_has_spent_but_for_a_tenth() {
    let provider = Provider::thinking(Dialect::Openai, mind);
    let settings = provider.settings("limits: { usd_per_run: \"0.50\", usd_per_day: 10 }\n");
    let town = town(&provider).settings(&settings).commit("Spend little").remote();
    // The first questions are worth less than a tenth together, and the clock stands still: only money makes them known.
    assert!(killed(&town, &provider, At::Question(12, Hold::Asked)).is_none());
    let asked = u64::try_from(provider.count()).unwrap();
    let other = town.another_clone("other");
    other.at("2026-11-21T08:20:00Z");
    let run = other.monkeytown(&["run", "chaostester", "--json", "--slot", "noon"]);
    assert_eq!((run.code, &run.json["resumed"]), (0, &json!(true)), "{run:#?}");
    let more = u64::try_from(provider.count()).unwrap() - asked;
    let (paid, known) = ((asked + more) * 2_000, run.json["cost_micros"].as_u64().unwrap());
    assert!(known + 50_000 >= paid, "{known} of {paid}: {run:#?}");
    other.verify_ok();
}
