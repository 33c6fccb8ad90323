//! Promise: nothing that is recorded is out of reach, however much of it there is: every run is told, page by page.
//! Lives here: `/api/runs`, and what the ledger says of them. Never here: history and earlier states (see `api`).

use serde_json::Value;

use crate::export::{export, record_again, record_lines};
use crate::station::{Station, until};
use crate::village::{MORNING, Outcome, Village, finish, nothing, write};

fn run(village: &Village, reply: Value) -> Outcome {
    village.says([reply]);
    village.run("chaostester")
}

fn ids(answer: &Value) -> Vec<String> {
    answer["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
}

// covers: town-api#every-run-that-is-known-can-be-had/more-runs-than-one-answer-has
#[test]
fn every_run_is_told_once_however_many_there_are() {
    let village = Village::small();
    let first = run(&village, nothing("All links hold")).text("run");
    let again: Vec<String> = (0..1_100).map(|nth| format!("01KAJ5V8T0000000000000{nth:04}")).collect();
    record_again(&village, &first, &again);
    let mut all = [&[first.clone()], &again[..]].concat();
    all.reverse();
    let station = Station::open(&village);
    let get = |path: &str| station.get(path, &[]).json();
    let ledger = get("/api/ledger");
    assert_eq!((&ledger["run_count"], &ledger["totals"]["runs"]), (&1_101.into(), &1_101.into()));
    assert_eq!(ids(&ledger), all[..1_000]);
    let rest = get(ledger["rest"].as_str().unwrap());
    assert_eq!((ids(&rest).as_slice(), &rest["next"]), (&all[1_000..], &Value::Null));
    // The same page by page.
    let (mut after, mut told) = (String::new(), Vec::new());
    for pages in 1.. {
        let page = get(&format!("/api/runs?outcome=nothing,failed&agent=chaostester{after}"));
        assert_eq!((&page["count"], ids(&page).len() <= 100), (&1_101.into(), true));
        told.extend(ids(&page));
        let Some(next) = page["next"].as_str() else {
            assert_eq!(pages, 12);
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(told, all);
    for nobody in ["agent=simian", "outcome=opened", "agent=chaostester&outcome=running"] {
        assert_eq!(get(&format!("/api/runs?{nobody}"))["count"], 0, "{nobody}");
    }
    for wrong in ["limit=0", "limit=1001", "limit=x", "outcome=won", "after=nobody", "agent=a,,b"] {
        station.get(&format!("/api/runs?{wrong}"), &[]).is_problem(400, "bad-request");
    }
    let site = village.path("site");
    assert_eq!(export(&village, &site).code, 0);
    let ledger: Value = serde_json::from_slice(&std::fs::read(site.join("ledger.json")).unwrap()).unwrap();
    assert_eq!((&ledger["run_count"], &ledger["rest"]), (&1_101.into(), &"history/".into()), "no pages there");
    let few = Village::small();
    run(&few, nothing("All links hold"));
    let ledger = Station::open(&few).get("/api/ledger", &[]).json();
    assert_eq!((&ledger["run_count"], &ledger["rest"]), (&1.into(), &Value::Null), "all are told");
}

#[test]
fn a_run_that_is_at_work_is_told_and_the_answer_changes_when_it_ends() {
    let village = Village::small();
    let station = Station::open(&village);
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the link")]);
    let (ended, opened) = (village.run("chaostester"), "/api/runs?outcome=opened");
    until(|| station.get(opened, &[]).json()["count"] == 1);
    let answer = station.get(opened, &[]);
    let told = &answer.json()["runs"][0];
    assert_eq!((&told["run"], &told["pull"], &told["agent"]), (&ended.json["run"], &1.into(), &"chaostester".into()));
    let tag = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = station.get(opened, &[("if-none-match", tag)]);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let event = |kind: &str, data: Value| {
        serde_json::json!({
            "specversion": "1.0", "id": kind, "type": format!("monkeytown.run.{kind}.v1"), "source": "/towns/smalltown",
            "time": MORNING, "actor": "agent:chaostester", "data": data,
        })
        .to_string()
    };
    let id = "01KAJ5V8T00000000000000001";
    let begun = serde_json::json!({
        "run": id, "agent": "chaostester", "slot": "manual-1", "trigger": "manual", "base": "0".repeat(40),
        "start": "0".repeat(40), "lease_until": 1_790_000_000, "holder": "elsewhere", "brain": "embedded",
    });
    record_lines(&village, &[event("started", begun)]);
    until(|| station.get("/api/runs?outcome=running", &[]).json()["runs"][0]["run"] == id);
    record_lines(&village, &[event("expired", serde_json::json!({"run": id, "agent": "chaostester"}))]);
    until(|| station.get("/api/runs?outcome=running", &[]).json()["count"] == 0);
    assert_eq!(ids(&station.get("/api/runs?limit=1", &[]).json()), [id]);
}
