//! Promise: nothing that is recorded is out of reach, however much of it there is: every run page by page, all of history at once.
//! Lives here: `/api/runs`, what the ledger says of them, `/api/export`. Never here: history in parts and earlier states (see `api`).

use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use monkeytown::serve::Limits;
use monkeytown::serve::ring::Capacity;
use serde_json::Value;

use crate::export::{export, history, record, record_again, record_lines};
use crate::station::{Plan, Station, until};
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
    let mut all = [std::slice::from_ref(&first), &again[..]].concat();
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

/// A town whose commits landed before, between and after what is recorded.
fn eventful() -> Village {
    let village = Village::small();
    village.put("README.md", "# Small\n");
    village.save("Say what it is");
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the link")]);
    village.run("chaostester").ended(0, "opened");
    village.merge(1);
    village.put("README.md", "# Small town\n");
    village.save("Say it better");
    record(&village, 3_000);
    village
}

// covers: town-api#all-of-history-is-one-answer/the-ring-has-let-go-of-most-of-it
#[test]
fn all_of_history_is_what_an_export_writes_whatever_the_ring_has_let_go_of() {
    let village = eventful();
    let site = village.path("site");
    assert_eq!(export(&village, &site).code, 0);
    let wanted = history(&site);
    let landed = wanted.lines().filter(|line| line.contains("monkeytown.commit.landed.v1")).count();
    let main: usize = village.git(["rev-list", "--count", "--first-parent", "main"]).parse().unwrap();
    assert_eq!((landed, main >= 4), (main, true));
    let mut tags = Vec::new();
    for frames in [10_000, 100] {
        let capacity = Capacity { frames, bytes: 64 << 20 };
        let station = Station::open_with(&village, Plan { capacity, ..Plan::default() });
        let answer = station.get("/api/export", &[]);
        assert_eq!(answer.status, 200);
        assert!(answer.body == wanted, "{frames}: {} bytes, and {} are wanted", answer.body.len(), wanted.len());
        for line in [
            "content-type: application/x-ndjson",
            "content-disposition: attachment; filename=\"smalltown-history.ndjson\"",
        ] {
            assert!(answer.head.lines().any(|told| told == line), "{line}: {}", answer.head);
        }
        let tag = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        let again = station.get("/api/export", &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        let head = station.head("/api/export");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(head.head.contains(&format!("etag: {tag}")), "{head:?}");
        tags.push(tag);
        station.close();
    }
    assert_eq!(tags[0], tags[1], "it is of the history, and not of a life of the stream");
    let station = Station::open(&village);
    village.save("Another one");
    let answer = station.get("/api/export", &[("if-none-match", &tags[0])]);
    assert_eq!((answer.status, answer.body.lines().count()), (200, wanted.lines().count() + 1));
}

/// The same with far more events than fit into what waits in sockets.
fn long() -> Village {
    let village = eventful();
    let event = |at: usize| {
        let data = serde_json::json!({"by": "human:ada", "reason": "so it is ".repeat(1_500)});
        let kind = if at.is_multiple_of(2) { "frozen" } else { "thawed" };
        serde_json::json!({
            "specversion": "1.0", "id": format!("long-{at}"), "type": format!("monkeytown.town.{kind}.v1"),
            "source": "/towns/smalltown", "time": MORNING, "actor": "human:ada", "data": data,
        })
        .to_string()
    };
    for part in 0..8 {
        record_lines(&village, &(0..250).map(|at| event(part * 250 + at)).collect::<Vec<_>>());
    }
    village
}

/// A server that waits for who does not read for longer than any test takes.
fn patient(village: &Village) -> Station {
    let plan = Plan::default();
    let limits = Limits { stalled: Duration::from_secs(3_600), ..plan.limits };
    Station::open_with(village, Plan { limits, proxy_header: Some("x-forwarded-for".to_owned()), ..plan })
}

/// One who wants all of history and reads so many bytes of it.
fn begun(station: &Station, address: usize, bytes: usize) -> TcpStream {
    let mut stream = station.ask("/api/export", &[("x-forwarded-for", &format!("10.0.0.{address}"))]);
    stream.read_exact(&mut vec![0; bytes]).unwrap();
    stream
}

// covers: town-api#all-of-history-is-one-answer/a-reader-stops-reading
#[test]
fn who_stops_reading_holds_nobody_up() {
    let village = long();
    let station = patient(&village);
    let mut held: Vec<TcpStream> = (0..15).map(|nth| begun(&station, nth / 4, 100)).collect();
    let again = station.get("/api/export", &[("x-forwarded-for", "10.0.0.0")]);
    again.is_problem(429, "too-fast");
    // More of them than there are turns at the repository, and whoever reads is told all of it.
    let whole = station.get("/api/export", &[]);
    assert_eq!((whole.status, whole.whole, whole.body.len() > 24 << 20), (200, true, true), "{}", whole.body.len());
    let recorded = whole.body.lines().filter(|line| !line.contains("\"seq\":null")).count() as u64;
    assert_eq!(station.get("/api/state", &[]).json()["seq"], recorded);
    assert_eq!(station.get("/api/pulls", &[]).status, 200);
    until(|| {
        held.push(begun(&station, held.len(), 10));
        station.get("/api/export", &[]).status == 503
    });
    station.get("/api/export", &[]).is_problem(503, "busy");
    let head = station.head("/api/export");
    assert!(
        head.status == 200 && head.head.contains("\netag: "),
        "who asks for the tag alone needs no place: {head:?}"
    );
    drop(held);
    until(|| station.get("/api/export", &[]).status == 200);
}

#[test]
fn what_cannot_be_read_to_its_end_breaks_off() {
    let village = long();
    let station = patient(&village);
    let mut stream = begun(&station, 0, 100);
    let (objects, away) = (village.path("town/.git/objects"), village.path("objects"));
    std::fs::rename(&objects, &away).unwrap();
    let mut rest = Vec::new();
    // Whether the connection is ended or cut, what came of it does not look whole.
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.is_empty() && !rest.ends_with(b"\r\n0\r\n\r\n"), "{} bytes", rest.len());
    std::fs::rename(&away, &objects).unwrap();
    assert!(station.get("/api/export", &[]).whole);
}
