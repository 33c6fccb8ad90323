//! Promise: witnesses see what a run is at while it is at it, and whatever becomes of that, the run is as it would be without.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::issuer::{Issuer, Signer};
use crate::station::{Ear, Station};
use crate::stream_program::{kill, program};
use crate::village::{Outcome, Village, finish, write};

fn town() -> Village {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village
}

/// A file beside the town with the line of a new token, and the token.
fn token(village: &Village) -> (String, String) {
    let made = village.monkeytown(&["token", "chaostester", "--json"]);
    let file = village.path("tokens");
    std::fs::write(&file, format!("# who tells\n{}\n", made.text("line"))).unwrap();
    (file.to_str().unwrap().to_owned(), made.text("token"))
}

/// The steps among what is heard until a run has ended.
fn steps(ear: &mut Ear) -> Vec<Value> {
    let mut steps = Vec::new();
    loop {
        let event = ear.expect("event")["event"].take();
        match event["type"].as_str().unwrap() {
            "monkeytown.run.step.v1" => steps.push(event),
            "monkeytown.run.finished.v1" => return steps,
            _ => {}
        }
    }
}

/// What the steps of the run of [`town`] have, whatever journal event each of them came after.
fn are_those_of(steps: &[Value], run: &str) {
    let at = |step: &Value| [&step["data"]["phase"], &step["data"]["tool"]].map(Value::clone);
    let seen: Vec<[Value; 2]> = steps.iter().map(at).collect();
    let wanted = [
        [json!("perceive"), Value::Null],
        [json!("decide"), Value::Null],
        [json!("act"), json!("Write")],
        [json!("decide"), Value::Null],
        [json!("reflect"), Value::Null],
    ];
    assert_eq!(seen, wanted);
    for step in steps {
        assert_eq!((&step["data"]["run"], &step["actor"]), (&json!(run), &json!("agent:chaostester")));
        assert_eq!((&step["subject"], &step["source"]), (&json!(format!("run/{run}")), &json!("/towns/smalltown")));
    }
}

// covers: event-stream#a-run-tells-what-it-is-at
#[test]
fn a_witness_sees_what_a_run_is_at_and_no_word_of_what_it_says() {
    let village = town();
    let (file, token) = token(&village);
    let (child, address) = program(&village, &["--publish-tokens", &file]);
    let mut ear = Ear::at(address, "after=now");
    ear.expect("hello");
    village.with_env("MONKEYTOWN_STREAM_TOKEN", &token);
    let run = village.run_with("chaostester", &["--stream", &format!("http://{address}/")]);
    run.ended(0, "opened");
    assert!(!run.stderr.contains("told"), "{run:#?}");
    // The end of the run may be heard before its last step.
    let mut seen = steps(&mut ear);
    while seen.len() < 5 {
        let event = ear.expect("event")["event"].take();
        seen.extend(Some(event).filter(|event| event["type"] == "monkeytown.run.step.v1"));
    }
    are_those_of(&seen, &run.text("run"));
    let all = json!(seen).to_string();
    for word in ["links.md", "leads nowhere", "broken", &token] {
        assert!(!all.contains(word), "{word}: {all}");
    }
    // With that token nothing is said that is recorded, and nothing for somebody else.
    let mut forged = seen[0].clone();
    forged["id"] = "chaostester/forged".into();
    forged["type"] = "monkeytown.pull.merged.v1".into();
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/cloudevents+json")];
    Station::post_at(address, "/api/publish", &headers, &forged.to_string()).is_problem(403, "not-ephemeral");
    kill(child);
}

// covers: event-stream#a-run-tells-what-it-is-at
#[test]
fn a_workflow_gets_its_token_from_github() {
    let village = town();
    let signer = Signer::new("one");
    let issuer = Issuer::open(&[&signer]);
    let (audience, repository) = ("--oidc-audience", "--oidc-repository");
    // The audience is the address, which is not known before it is there; so another one is tried first.
    let (child, address) = program(&village, &[]);
    kill(child);
    let origin = format!("http://{address}");
    let listen = address.to_string();
    let more = [audience, &origin, repository, "octo/town", "--oidc-issuer", &issuer.url];
    let command = [&["serve", "--listen", &listen], &more[..]].concat();
    let (child, address) = crate::stream_program::address_of(village.command(&command).spawn().unwrap());
    let mut ear = Ear::at(address, "after=now");
    ear.expect("hello");
    let now = crate::village::MORNING.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    let claims = json!({
        "iss": issuer.url, "aud": origin, "exp": now + 300, "iat": now, "repository": "octo/town",
        "ref": "refs/heads/main", "event_name": "schedule",
        "workflow_ref": "octo/town/.github/workflows/chaostester.yml@refs/heads/main",
    });
    issuer.given.lock().unwrap().0 = signer.sign(&claims);
    village.with_env("GITHUB_ACTIONS", "true").with_env("MONKEYTOWN_STREAM", &origin);
    village.with_env("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/token?version=2", issuer.url));
    village.with_env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "what the runner has");
    village.run("chaostester").ended(0, "opened");
    let first = steps(&mut ear).remove(0);
    assert_eq!(first["actor"], "agent:chaostester");
    let asked = issuer.given.lock().unwrap().1.clone();
    assert!(asked.starts_with("/token?version=2&audience=http%3A%2F%2F127.0.0.1%3A"), "{asked}");
    kill(child);
}

/// What a run comes to, without what differs from one to the next.
fn essence(run: &Outcome) -> (i32, Value, Value) {
    (run.code, run.json["outcome"].clone(), run.json["title"].clone())
}

// covers: event-stream#a-run-tells-what-it-is-at
#[test]
fn a_stream_that_is_dead_or_silent_changes_nothing_of_a_run() {
    let plain = essence(&town().run("chaostester"));
    assert_eq!(plain.0, 0);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, words) in [(closed, "was told to"), (silent.local_addr().unwrap(), "did not answer in time")] {
        let village = town();
        village.with_env("MONKEYTOWN_STREAM_TOKEN", "mtp_of_nobody");
        let began = Instant::now();
        let run = village.run_with("chaostester", &["--stream", &format!("http://{address}")]);
        // A second of grace; the rest is what a run takes on a machine that has much to do.
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        assert_eq!(essence(&run), plain, "{run:#?}");
        assert!(run.stderr.contains(words) && !run.stderr.contains("mtp_of_nobody"), "{run:#?}");
        assert_eq!(run.stderr.matches("the run itself is not affected").count(), 1, "{run:#?}");
    }
}

// covers: event-stream#a-run-tells-what-it-is-at
#[test]
fn a_stream_that_refuses_says_why_once() {
    let village = town();
    let (child, address) = program(&village, &[]);
    village.with_env("MONKEYTOWN_STREAM_TOKEN", "mtp_of_nobody");
    let run = village.run_with("chaostester", &["--stream", &format!("http://{address}")]);
    run.ended(0, "opened").says(0, "404 Not Found, nobody may publish here");
    kill(child);
}

#[test]
fn addresses_and_files_that_are_of_no_use_are_told() {
    let village = town();
    let run = |url: &str| village.run_with("chaostester", &["--stream", url]);
    run("http://town.example").says(2, "it is not https");
    run("town").says(2, "it is no address");
    run("none").ended(0, "opened");
    let (file, _) = token(&village);
    let serve = |more: &[&str]| village.monkeytown(&[&["serve", "--listen", "127.0.0.1:0"], more].concat());
    village.put("tokens", "chaostester x\n");
    serve(&["--publish-tokens", "tokens"]).says(2, "it is in the repository");
    serve(&["--publish-tokens", "nowhere"])
        .says(2, "--publish-tokens nowhere: it is not there; make it of lines that `monkeytown token AGENT` prints");
    std::fs::write(&file, "chaostester x\n").unwrap();
    serve(&["--publish-tokens", &file]).says(2, "line 1: the hash is none");
    std::fs::write(&file, "# none\n").unwrap();
    serve(&["--publish-tokens", &file]).says(2, "monkeytown token");
    serve(&["--oidc-audience", "x"]).says(2, "--oidc-repository");
    let issuer = ["--oidc-audience", "x", "--oidc-repository", "octo/town", "--oidc-issuer", "http://issuer.example"];
    serve(&issuer).says(2, "--oidc-issuer: it is not https");
}
