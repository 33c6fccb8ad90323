//! Promise: what running agents tell is relayed once, and nobody speaks for another or forges what is recorded.

use std::num::NonZeroU32;
use std::time::Duration;

use monkeytown::serve::publish::{Keys, Oidc, PAUSE, Publishers, Tokens, token};
use serde_json::{Value, json};

use crate::export::record_again;
use crate::issuer::{Issuer, Signer};
use crate::station::{Answer, Plan, Station};
use crate::village::{MORNING, Village, nothing};

const ONE: &str = "application/cloudevents+json";
const SEVERAL: &str = "application/cloudevents-batch+json";

/// A step of an agent.
fn step(agent: &str, id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{agent}/{id}"), "type": "monkeytown.run.step.v1", "source": "/towns/smalltown",
        "subject": format!("agent/{agent}"), "time": MORNING, "actor": format!("agent:{agent}"),
        "data": {"agent": agent, "phase": "act", "tool": "Read"},
    })
}

fn town() -> Village {
    Village::new().agent("chaostester", "qa/**").agent("simian", "docs/**").commit("Found the town")
}

/// A station where chaostester and somebody who is no agent have a token, each so many events a second; and the tokens.
fn station(village: &Village, rate: u32, oidc: Option<Oidc>) -> (Station, String, String) {
    let (one, hash) = token("the randomness of one");
    let (stranger, other) = token("the randomness of another");
    let tokens = Tokens::read(&format!("chaostester {hash}\nstranger {other}\n")).unwrap();
    let publishers = Publishers::new(tokens, oidc, NonZeroU32::new(rate).unwrap());
    (Station::open_with(village, Plan { publishers, ..Plan::default() }), one, stranger)
}

fn post(station: &Station, token: &str, kind: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    station.post("/api/publish", &[("authorization", &bearer), ("content-type", kind)], body)
}

#[track_caller]
fn offsets(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 202, "{answer:?}");
    let answer = answer.json();
    answer["offsets"].as_array().unwrap().iter().map(|offset| offset.as_str().unwrap().parse().unwrap()).collect()
}

// covers: event-stream#what-running-agents-tell-is-relayed-once
#[test]
fn one_several_and_one_in_headers_are_relayed_in_order() {
    let village = town();
    let (station, token, _) = station(&village, 1_000, None);
    let mut ear = station.listen("after=now&agent=chaostester");
    ear.expect("hello");
    let first = offsets(&post(&station, &token, ONE, &step("chaostester", "1").to_string()));
    let batch = json!([step("chaostester", "2"), step("chaostester", "3"), step("chaostester", "2")]);
    let next = offsets(&post(&station, &token, SEVERAL, &batch.to_string()));
    let event = step("chaostester", "4");
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json; charset=utf-8"),
        ("ce-specversion", "1.0"),
        ("ce-id", &text("id")),
        ("ce-type", &text("type")),
        ("ce-source", &text("source")),
        ("ce-time", &text("time")),
        ("ce-actor", "agent%3Achaostester"),
    ];
    let last = offsets(&station.post("/api/publish", &headers, &event["data"].to_string()));
    let told = ear.events(4);
    let places: Vec<u64> = told.iter().map(|event| event["offset"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(places, [first[0], next[0], next[1], last[0]]);
    assert_eq!((next[2], places.is_sorted()), (next[0], true), "what comes twice is there once");
    assert_eq!(told[0]["event"], step("chaostester", "1"));
    assert_eq!((&told[3]["event"]["data"], &told[3]["seq"]), (&event["data"], &Value::Null));
    // Again, as who got no answer sends it.
    assert_eq!(offsets(&post(&station, &token, SEVERAL, &batch.to_string())), next);
    assert!(offsets(&post(&station, &token, SEVERAL, "[]")).is_empty());
    let page = station.get("/metrics", &[]).body;
    for line in ["monkeytown_stream_events_total{kind=\"published\"} 4", "monkeytown_stream_publish_seconds_count 5"] {
        assert!(page.contains(line), "{line}: {page}");
    }
    station.close();
}

// covers: event-stream#nobody-speaks-for-another
#[test]
fn what_is_not_the_agents_own_to_say_is_refused_whole() {
    let village = town();
    let (station, token, stranger) = station(&village, 1_000, None);
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    let changed = |at: &str, value: Value| {
        let mut event = step("chaostester", "1");
        *event.pointer_mut(at).unwrap() = value;
        event.to_string()
    };
    let cases = [
        (changed("/type", "monkeytown.pull.merged.v1".into()), 403, "not-ephemeral"),
        (changed("/type", "monkeytown.town.frozen.v1".into()), 403, "not-ephemeral"),
        (changed("/actor", "agent:simian".into()), 403, "not-yours"),
        (changed("/source", "/towns/other".into()), 403, "not-yours"),
        (changed("/subject", "agent/simian".into()), 403, "not-yours"),
        (changed("/data/agent", "simian".into()), 403, "not-yours"),
        (step("simian", "1").to_string(), 403, "not-yours"),
        (changed("/id", "00ff".into()), 400, "bad-request"),
        (changed("/data/phase", 7.into()), 400, "bad-request"),
        ("{".to_owned(), 400, "bad-request"),
        ("[]".to_owned(), 400, "bad-request"),
        (changed("/data/tool", "x".repeat(16 * 1024).into()), 413, "too-big"),
    ];
    for (body, status, code) in &cases {
        post(&station, &token, ONE, body).is_problem(*status, code);
    }
    // One bad event, and none is taken; it is said which.
    let batch = json!([step("chaostester", "1"), step("simian", "1")]).to_string();
    let problem = post(&station, &token, SEVERAL, &batch).is_problem(403, "not-yours");
    assert!(problem["detail"].as_str().unwrap().starts_with("event 1: actor is \"agent:simian\""), "{problem}");
    let many: Vec<Value> = (0..1_001).map(|n| step("chaostester", &n.to_string())).collect();
    post(&station, &token, SEVERAL, &json!(many).to_string()).is_problem(413, "too-big");
    post(&station, &token, SEVERAL, &" ".repeat(1024 * 1024 + 1)).is_problem(413, "too-big");
    post(&station, &token, "application/json", "{}").is_problem(415, "not-an-event");
    post(&station, &stranger, ONE, &step("stranger", "1").to_string()).is_problem(403, "not-registered");
    let answer = post(&station, "mtp_wrong", ONE, &step("chaostester", "1").to_string());
    answer.is_problem(401, "bad-token");
    assert!(answer.head.contains("www-authenticate: bearer"), "{answer:?}");
    station.post("/api/publish", &[("content-type", ONE)], "{}").is_problem(401, "no-token");
    assert_eq!(station.get("/api/publish", &[]).status, 405);
    assert_eq!(offsets(&post(&station, &token, ONE, &step("chaostester", "last").to_string())).len(), 1);
    assert_eq!(ear.events(1)[0]["event"]["id"], "chaostester/last", "nothing came before it");
    station.close();
}

// covers: event-stream#nobody-speaks-for-another/a-run-of-another-agent
#[test]
fn nobody_speaks_about_a_run_of_another_agent_be_it_over_or_not() {
    let village = town();
    village.says([nothing("all links hold")]);
    let first = village.run("simian");
    first.ended(0, "nothing");
    let first = &first.text("run");
    // More of them than the state remembers: the first is known by the stream alone.
    let runs: Vec<String> = (0..30).map(|nth| format!("01KAJ5V8T00000000000000{nth:03}")).collect();
    record_again(&village, first, &runs);
    let (station, token, _) = station(&village, 1_000, None);
    let known = station.get("/api/state", &[]).json()["state"]["agents"]["simian"]["runs"].to_string();
    assert_eq!((known.contains(first), known.contains(&runs[29])), (false, true), "{known}");
    let about = |run: &str| {
        let mut event = step("chaostester", run);
        (event["data"]["run"], event["subject"]) = (run.into(), format!("run/{run}").into());
        event
    };
    for run in [first, &runs[29]] {
        let problem = post(&station, &token, ONE, &about(run).to_string()).is_problem(403, "not-yours");
        assert!(problem["detail"].as_str().unwrap().contains("is one of simian"), "{problem}");
        let batch = json!([step("chaostester", "1"), about(run)]).to_string();
        let problem = post(&station, &token, SEVERAL, &batch).is_problem(403, "not-yours");
        assert!(problem["detail"].as_str().unwrap().starts_with("event 1: "), "{problem}");
    }
    // A run that nobody knows may just have begun.
    offsets(&post(&station, &token, ONE, &about("01KAJ5V8T0000000000000000A").to_string()));
    station.close();
}

// covers: event-stream#what-running-agents-tell-is-relayed-once/an-agent-says-much-in-few-events
#[test]
fn an_agent_that_says_much_in_few_events_is_told_to_wait() {
    let village = town();
    let (station, token, _) = station(&village, 100, None);
    // What nobody sees is shown as its number, and that is what is relayed and counted: 5,000 bytes.
    let steps = |first: u32, count: u32| {
        let long = |nth: u32| {
            let mut event = step("chaostester", &nth.to_string());
            event["data"]["text"] = "\u{e0041}".repeat(500).into();
            event
        };
        json!((first..first + count).map(long).collect::<Vec<_>>()).to_string()
    };
    let problem = post(&station, &token, SEVERAL, &steps(0, 30)).is_problem(413, "too-big");
    let rule = "102400 bytes (1024 for each event of --publish-rate";
    assert!(problem["detail"].as_str().unwrap().contains(rule), "{problem}");
    let answers: Vec<Answer> = (1..50).map(|n| post(&station, &token, SEVERAL, &steps(100 * n, 18))).collect();
    assert_eq!(offsets(&answers[0]).len(), 18);
    let refused = answers.iter().find(|answer| answer.body.contains(rule));
    let refused = refused.expect("100 KiB a second are not forty times 90");
    refused.is_problem(429, "too-fast");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    station.close();
}

// covers: event-stream#what-running-agents-tell-is-relayed-once
#[test]
fn an_agent_that_says_too_much_is_told_to_wait() {
    let village = town();
    let (station, token, _) = station(&village, 3, None);
    let steps = |first: u32, last: u32| {
        json!((first..last).map(|n| step("chaostester", &n.to_string())).collect::<Vec<_>>()).to_string()
    };
    // One more than ever fit: to wait would not help.
    let problem = post(&station, &token, SEVERAL, &steps(0, 4)).is_problem(413, "too-big");
    let rule = "4 events at once; chaostester may publish 3 a second (--publish-rate)";
    assert_eq!(problem["detail"], rule);
    let refused = (0..20).map(|n| post(&station, &token, SEVERAL, &steps(10 * n, 10 * n + 3)));
    let refused = refused.filter(|answer| answer.status == 429).last().expect("three events a second are not sixty");
    let problem = refused.is_problem(429, "too-fast");
    assert!(problem["detail"].as_str().unwrap().contains("chaostester publishes more than 3 events"), "{problem}");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    station.close();
}

#[test]
fn where_nobody_may_publish_that_is_said() {
    let village = town();
    let station = Station::open(&village);
    let problem = post(&station, "mtp_x", ONE, "{}").is_problem(404, "no-publishing");
    assert!(problem["detail"].as_str().unwrap().contains("--publish-tokens"), "{problem}");
    station.close();
}

/// The claims that GitHub makes of a scheduled run of an agent.
fn claims(issuer: &Issuer) -> Value {
    let now = MORNING.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    json!({
        "iss": issuer.url, "aud": "https://town.example", "exp": now + 300, "nbf": now - 300, "iat": now,
        "repository": "octo/town", "ref": "refs/heads/main", "event_name": "schedule",
        "workflow_ref": "octo/town/.github/workflows/chaostester.yml@refs/heads/main",
        "job_workflow_ref": "octo/town/.github/workflows/monkeytown-run.yml@refs/heads/main",
    })
}

fn oidc(issuer: &Issuer, pause: Duration) -> Option<Oidc> {
    let keys = Keys::new(&issuer.url, pause).unwrap();
    let (audience, repository) = ("https://town.example".to_owned(), "octo/town".to_owned());
    Some(Oidc { keys, audience, repository, branch: "main".to_owned() })
}

// covers: event-stream#a-workflow-speaks-for-its-agent
#[test]
fn a_workflow_speaks_for_the_agent_that_it_is_called_after() {
    let village = town();
    let (old, new, foreign) = (Signer::new("old"), Signer::new("new"), Signer::new("old"));
    let issuer = Issuer::open(&[&old]);
    let (station, _, _) = station(&village, 1_000, oidc(&issuer, Duration::ZERO));
    let good = claims(&issuer);
    let say = |token: &str, agent: &str| post(&station, token, ONE, &step(agent, "1").to_string());
    offsets(&say(&old.sign(&good), "chaostester"));
    say(&old.sign(&good), "simian").is_problem(403, "not-yours");
    let now = good["iat"].as_i64().unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        old.sign(&claims)
    };
    let workflow = |file: &str| json!(format!("octo/town/.github/workflows/{file}"));
    for (token, status, code) in [
        (with("exp", json!(now - 60)), 401, "bad-token"),
        (with("nbf", json!(now + 61)), 401, "bad-token"),
        (with("iat", json!(now + 61)), 401, "bad-token"),
        (with("aud", json!("https://other.example")), 401, "bad-token"),
        (with("aud", json!(["a", "b"])), 401, "bad-token"),
        (with("iss", json!("https://token.actions.githubusercontent.com")), 401, "bad-token"),
        (with("repository", json!("octo/fork")), 403, "foreign-workflow"),
        (with("ref", json!("refs/pull/3/merge")), 403, "foreign-workflow"),
        (with("ref", json!("refs/heads/other")), 403, "foreign-workflow"),
        (with("event_name", json!("pull_request_target")), 403, "foreign-workflow"),
        (with("workflow_ref", workflow("chaostester.yml@refs/heads/other")), 403, "foreign-workflow"),
        (
            with("workflow_ref", json!("octo/fork/.github/workflows/chaostester.yml@refs/heads/main")),
            403,
            "foreign-workflow",
        ),
        (with("workflow_ref", workflow("x/../chaostester.yml@refs/heads/main")), 403, "foreign-workflow"),
        (with("workflow_ref", workflow("ci.yml@refs/heads/main")), 403, "not-registered"),
        (
            with("job_workflow_ref", json!("evil/x/.github/workflows/monkeytown-run.yml@refs/heads/main")),
            403,
            "foreign-workflow",
        ),
        (foreign.sign(&good), 401, "bad-token"),
        (new.sign(&good), 401, "bad-token"),
        (format!("{}x", old.sign(&good)), 401, "bad-token"),
        ("a.b.c".to_owned(), 401, "bad-token"),
        (old.sign_as(&json!({"alg": "none", "kid": "old"}), &good), 401, "bad-token"),
        (old.sign_as(&json!({"alg": "HS256", "kid": "old"}), &good), 401, "bad-token"),
        (old.sign_as(&json!({"alg": "RS256", "kid": "old", "crit": ["b64"]}), &good), 401, "bad-token"),
        (old.sign_as(&json!({"alg": "RS256"}), &good), 401, "bad-token"),
        (old.sign(&json!({"iss": issuer.url})), 401, "bad-token"),
        (hmac(&old, &good), 401, "bad-token"),
    ] {
        say(&token, "chaostester").is_problem(status, code);
    }
    // The clocks may differ by a minute.
    offsets(&say(&with("exp", json!(now - 59)), "chaostester"));
    offsets(&say(&with("nbf", json!(now + 59)), "chaostester"));
    // Another key signs from now on, and the one before is withdrawn.
    issuer.rotate(&[&new]);
    offsets(&say(&new.sign(&good), "chaostester"));
    say(&old.sign(&good), "chaostester").is_problem(401, "bad-token");
    station.close();
}

/// A token that is signed with what everybody knows: where the token chose the algorithm, it would be good.
fn hmac(signer: &Signer, claims: &Value) -> String {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({"alg": "HS256", "kid": signer.name});
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &signer.known());
    format!("{message}.{}", encode(ring::hmac::sign(&key, message.as_bytes()).as_ref()))
}

// covers: event-stream#a-workflow-speaks-for-its-agent
#[test]
fn an_issuer_is_not_asked_again_and_again() {
    use std::sync::atomic::Ordering;
    let village = town();
    let (known, unknown) = (Signer::new("known"), Signer::new("unknown"));
    let issuer = Issuer::open(&[&known]);
    let (station, _, _) = station(&village, 1_000, oidc(&issuer, PAUSE));
    post(&station, &unknown.sign(&claims(&issuer)), ONE, "{}").is_problem(401, "bad-token");
    // The issuer may have another key since then; that is not known before it may be asked again.
    for _ in 0..2 {
        let answer = post(&station, &unknown.sign(&claims(&issuer)), ONE, "{}");
        answer.is_problem(503, "no-keys");
        assert!(answer.head.contains("retry-after: 60"), "{answer:?}");
    }
    offsets(&post(&station, &known.sign(&claims(&issuer)), ONE, &step("chaostester", "1").to_string()));
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
    station.close();
    let refused = ["http://issuer.example", "ftp://127.0.0.1", "no address"].map(|url| Keys::new(url, PAUSE).is_err());
    assert_eq!(refused, [true; 3]);
}

#[test]
fn keys_that_cannot_be_had_are_no_reason_to_believe_anybody() {
    let village = town();
    let signer = Signer::new("known");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut issuer = Issuer::open(&[&signer]);
    issuer.url = format!("http://{closed}");
    let (station, _, _) = station(&village, 1_000, oidc(&issuer, PAUSE));
    post(&station, &signer.sign(&claims(&issuer)), ONE, "{}").is_problem(503, "no-keys");
    station.close();
}
