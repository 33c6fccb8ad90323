//! Promise: a clock that is set, by an hour or by years, ends nothing, floods nobody and makes nobody wait.
//! Lives here: a wall clock that leaps under a server. Timers are Tokio's and `Stopwatch`, which no clock of the wall moves.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use monkeytown::serve::publish::{Keys, Oidc, PAUSE, Publishers, Tokens, token};
use monkeytown::serve::{Limits, close, frame};
use serde_json::{Value, json};

use crate::issuer::{Issuer, Signer};
use crate::station::{Answer, Plan, Station, closed, masked, message, rest};
use crate::village::{MORNING, Village};

/// Where the clock leaps to: an hour on, two back, ten years on, back before there was a Unix, and as far as a date goes.
const LEAPS: [&str; 7] = [
    "2026-11-21T05:20:00Z",
    "2026-11-21T03:20:00Z",
    "2036-11-21T04:20:00Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    MORNING,
];
const DAY: Duration = Duration::from_secs(86_400);

/// A clock that is where it was set.
#[derive(Clone)]
struct Wall(Arc<Mutex<DateTime<Utc>>>);

impl Wall {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(MORNING.parse().unwrap())))
    }

    fn set(&self, moment: &str) {
        *self.0.lock().unwrap() = moment.parse().unwrap();
    }

    fn plan(&self) -> Plan {
        let clock = self.0.clone();
        Plan { clock: Arc::new(move || *clock.lock().unwrap()), ..Plan::default() }
    }
}

/// The next frame of the server, whatever it is.
fn next(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while frame::length(&bytes) != Some(bytes.len()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    bytes
}

fn is_beat_at(beat: &Value, moment: &str) -> bool {
    assert_eq!(beat["kind"], "heartbeat", "nothing else is due: {beat}");
    beat["now"] == moment
}

#[test]
fn timers_of_those_who_listen_go_on_as_before() {
    let (village, wall) = (Village::small(), Wall::new());
    let mut plan = wall.plan();
    // What is due every few milliseconds comes; what is due after a day does not, wherever the clock is.
    plan.limits = Limits {
        heartbeat: Duration::from_millis(10),
        tick: Duration::from_millis(5),
        messages: 3,
        message_window: DAY,
        ping: DAY,
        idle: DAY,
        stalled: DAY,
        ..plan.limits
    };
    let station = Station::open_with(&village, plan);
    let mut raw = station.raw("after=now");
    raw.write_all(&[masked(0x81, b"one"), masked(0x81, b"two"), masked(0x81, b"three")].concat()).unwrap();
    let mut events = BufReader::new(station.ask("/events", &[]));
    let hello: Value = serde_json::from_slice(frame::payload(&next(&mut raw))).unwrap();
    assert_eq!((&hello["kind"], &message(&mut events).1["now"]), (&json!("hello"), &json!(MORNING)));
    for moment in LEAPS {
        wall.set(moment);
        let mut at_ws = |_| {
            let beat = next(&mut raw);
            assert_eq!(beat[0], 0x81, "{moment}: {beat:?}");
            is_beat_at(&serde_json::from_slice(frame::payload(&beat)).unwrap(), moment)
        };
        assert!((0..1_000).any(&mut at_ws) && (0..3).all(&mut at_ws), "{moment}: there as before");
        let mut at_sse = |_| is_beat_at(&message(&mut events).1, moment);
        assert!((0..1_000).any(&mut at_sse) && (0..3).all(&mut at_sse), "{moment}: there as before");
        assert_eq!(station.listen("after=now").expect("hello")["now"], moment);
    }
    // The window in which messages are counted is the same one.
    raw.write_all(&masked(0x81, b"four")).unwrap();
    assert_eq!(closed(&rest(&mut raw)).0, close::TOO_FAST);
    station.close();
}

#[test]
fn what_was_asked_too_often_stays_too_often() {
    let (village, wall) = (Village::small(), Wall::new());
    let (token, hash) = token("the randomness of one");
    let tokens = Tokens::read(&format!("chaostester {hash}\n")).unwrap();
    let publishers = Publishers::new(tokens, None, NonZeroU32::new(3).unwrap());
    let station = Station::open_with(&village, Plan { publishers, requests: [1, 40], ..wall.plan() });
    let refused = |station: &Station| (0..40).any(|_| station.get("/healthz", &[]).status == 429);
    let told = |at: usize| {
        let steps: Vec<Value> = (0..3).map(|n| step(&format!("{at}-{n}"))).collect();
        publish(&station, &token, "application/cloudevents-batch+json", &json!(steps).to_string()).status == 429
    };
    assert!((0..2).any(|_| refused(&station)) && (0..20).any(told));
    for (at, moment) in (1..).zip(LEAPS) {
        wall.set(moment);
        assert!((20 * at..20 * at + 20).any(told), "{moment}");
    }
    assert!(refused(&station));
    station.close();
}

fn step(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("chaostester/{id}"), "type": "monkeytown.run.step.v1",
        "source": "/towns/smalltown", "subject": "agent/chaostester", "time": MORNING, "actor": "agent:chaostester",
        "data": {"agent": "chaostester", "phase": "act"},
    })
}

fn publish(station: &Station, token: &str, kind: &str, body: &str) -> Answer {
    station.post("/api/publish", &[("authorization", &format!("Bearer {token}")), ("content-type", kind)], body)
}

#[test]
fn a_workflows_token_is_good_at_its_time_and_the_keys_are_not_asked_for_again() {
    let (village, wall) = (Village::small(), Wall::new());
    let signer = Signer::new("known");
    let issuer = Issuer::open(&[&signer]);
    let (audience, repository) = ("https://town.example".to_owned(), "octo/town".to_owned());
    let keys = Keys::new(&issuer.url, PAUSE).unwrap();
    let oidc = Oidc { keys, audience, repository, branch: "main".to_owned() };
    let publishers = Publishers::new(Tokens::default(), Some(oidc), NonZeroU32::new(1_000).unwrap());
    let station = Station::open_with(&village, Plan { publishers, ..wall.plan() });
    let now = MORNING.parse::<DateTime<Utc>>().unwrap().timestamp();
    let claims = json!({
        "iss": issuer.url, "aud": "https://town.example", "exp": now + 300, "nbf": now - 300, "iat": now,
        "repository": "octo/town", "ref": "refs/heads/main", "event_name": "schedule",
        "workflow_ref": "octo/town/.github/workflows/chaostester.yml@refs/heads/main",
    });
    let token = signer.sign(&claims);
    let say = || publish(&station, &token, "application/cloudevents+json", &step("1").to_string());
    assert_eq!(say().status, 202);
    for moment in LEAPS {
        wall.set(moment);
        let (answer, leap) = (say(), moment.cmp(MORNING));
        let why = match leap {
            std::cmp::Ordering::Equal => {
                assert_eq!(answer.status, 202, "{answer:?}");
                continue;
            }
            std::cmp::Ordering::Greater => "it has expired",
            std::cmp::Ordering::Less => "compare the clocks",
        };
        let problem = answer.is_problem(401, "bad-token");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{moment}: {problem}");
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
    station.close();
}

#[test]
fn answers_and_figures_stay_sane() {
    let village = Village::new();
    let village = village.agent_with("chaostester", "qa/**", "schedule: { cron: \"20 */4 * * *\" }\n").commit("Found");
    let wall = Wall::new();
    let station = Station::open_with(&village, wall.plan());
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    for (at, moment) in LEAPS.iter().enumerate() {
        // Whoever writes the journal has another clock.
        let (act, kind) = if at % 2 == 0 { ("freeze", "frozen") } else { ("thaw", "thawed") };
        wall.set(moment);
        village.at(LEAPS[LEAPS.len() - 1 - at]).monkeytown(&[act, "--reason", "a test"]).says(0, "");
        assert_eq!(ear.expect("event")["event"]["type"], format!("monkeytown.town.{kind}.v1"), "{moment}");
        let agents = station.get("/api/agents", &[]);
        let next = agents.json()[0]["next_slot"].as_str().map(str::to_owned);
        assert!(next.is_none_or(|next| next.as_str() > *moment || moment.starts_with("9999")), "{moment}: {agents:?}");
        for path in ["/api/pulls", "/api/specs", "/api/ledger", "/api/town", "/api/history/index", "/readyz"] {
            assert_eq!(station.get(path, &[]).status, 200, "{path} at {moment}");
        }
    }
    let page = station.get("/metrics", &[]).body;
    let value = |name: &str| page.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<f64>().unwrap();
    assert!(value("monkeytown_relay_lag_seconds ") >= 0.0);
    assert!(
        value("monkeytown_stream_delivery_seconds_sum ") < DAY.as_secs_f64(),
        "how long it took, not what the clock says"
    );
    // All of it is there once, in the order in which it happened, here and in an export.
    let lines = station.get("/api/history?from=0", &[]).body;
    let seqs: Vec<u64> =
        lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=village.events().len() as u64).collect::<Vec<_>>());
    let site = village.path("site");
    village.monkeytown(&["export", site.to_str().unwrap()]).says(0, "");
    let index: Value = serde_json::from_slice(&std::fs::read(site.join("history/index.json")).unwrap()).unwrap();
    let chunks = index["chunks"].as_array().unwrap().iter().map(|chunk| chunk["name"].as_str().unwrap());
    let months: Vec<String> =
        chunks.map(|name| std::fs::read_to_string(site.join(format!("history/{name}.ndjson"))).unwrap()).collect();
    assert_eq!(months.concat(), lines);
    station.close();
}
