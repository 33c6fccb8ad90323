//! Promise: a webhook makes the server look at once, and whoever does not know its secret makes it do nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;

use ring::hmac;

use crate::station::{Answer, Ear, connect, page};
use crate::village::Village;

fn send(address: SocketAddr, event: &str, signature: &str, body: &str) -> Answer {
    let mut stream = connect(address);
    let request = format!(
        "POST /api/webhook/github HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         x-github-event: {event}\r\nx-github-delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\n\
         x-hub-signature-256: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    Answer::of(&text)
}

fn signature(secret: &str, body: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

// covers: event-stream#a-webhook-makes-the-server-look-at-once
#[test]
fn a_webhook_brings_a_pushed_commit_at_once() {
    let village = Village::small_with_remote();
    let (secret, file) = (["a", "quiet", "word"].join("-"), village.path("secret"));
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let more = ["--remote", "origin", "--fetch", "86400", "--webhook-secret-file", file.to_str().unwrap()];
    let mut child = village.command(&[&["serve", "--listen", "127.0.0.1:0"], &more[..]].concat()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = page(&line).0;
    let mut ear = Ear::at(address, "after=now&types=commit.landed.v1");
    ear.expect("hello");
    let other = village.another_clone("other");
    let place = other.dir();
    std::fs::write(place.join("NEWS.md"), "Something new.\n").unwrap();
    for arguments in
        [vec!["add", "-A"], vec!["commit", "-q", "-m", "Say something new"], vec!["push", "-q", "origin", "main"]]
    {
        let mut git = other.git_command(&place, []);
        assert!(git.args(&arguments).status().unwrap().success(), "{arguments:?}");
    }
    let body = r#"{"ref":"refs/heads/main","forced":false}"#;
    let right = signature(&secret, body);
    for (wrong, body) in [(signature("guess", body), body), (right.clone(), "{}"), (String::new(), body)] {
        send(address, "push", &wrong, body).is_problem(401, "bad-signature");
    }
    for (event, woken) in [("star", false), ("ping", false), ("push", true), ("push", true), ("push", true)] {
        let answer = send(address, event, &right, body);
        assert_eq!((answer.status, answer.json()["woken"].as_bool()), (202, Some(woken)), "{answer:?}");
    }
    assert_eq!(ear.expect("event")["event"]["data"]["subject"], "Say something new");
    child.kill().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    child.wait().unwrap();
    assert!(log.contains("72d3162e-cc78-11e3-81ab-4c9367dc0958") && !log.contains(&secret), "{log}");
}

#[test]
fn a_webhook_without_a_secret_is_not_taken() {
    let village = Village::small_with_remote();
    let empty = village.path("empty");
    std::fs::write(&empty, "\n").unwrap();
    let with = |file: &str| village.monkeytown(&["serve", "--remote", "origin", "--webhook-secret-file", file]);
    with(empty.to_str().unwrap()).says(2, "it is empty");
    with(village.path("none").to_str().unwrap()).says(2, "write the webhook's secret into it");
    village.monkeytown(&["serve", "--webhook-secret-file", "x"]).says(2, "--remote");
    let station = crate::station::Station::open(&village);
    send(station.address, "push", &signature("x", "{}"), "{}").is_problem(404, "not-found");
}
