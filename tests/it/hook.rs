//! Promise: a webhook makes the server look at once, and whoever does not know its secret makes it do nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use monkeytown::config::Env;
use monkeytown::serve::webhook::Hook;
use ring::hmac;
use serde_json::json;

use crate::station::{Answer, Ear, Plan, Station, connect, page};
use crate::stream_program::{kill, program};
use crate::village::Village;

/// The longest body that is taken.
const LONGEST: usize = 25 * 1024 * 1024;
const SECRET: &str = "between the two of us";

/// A server that takes webhooks, and how often it was woken.
fn station(lower: impl FnOnce(&mut Plan)) -> (Village, Station, Arc<AtomicU32>) {
    let (village, woken) = (Village::small(), Arc::<AtomicU32>::default());
    let secret = Env::of([("SECRET", SECRET)]).secret("SECRET").unwrap();
    let wake = woken.clone();
    let count = move || {
        wake.fetch_add(1, Ordering::SeqCst);
    };
    let hook = Hook::new(&secret, Box::new(count));
    let mut plan = Plan { hook: Some(hook), ..Plan::default() };
    lower(&mut plan);
    let station = Station::open_with(&village, plan);
    (village, station, woken)
}

fn head(address: SocketAddr, signature: &str, more: &str) -> String {
    format!(
        "POST /api/webhook/github HTTP/1.1\r\nhost: {address}\r\nx-github-event: push\r\n\
         x-hub-signature-256: {signature}\r\n{more}\r\n"
    )
}

/// The answer to what was sent, as far as the server took it.
fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // Where the server took no more the system may cut the connection behind the answer.
    let _ = stream.read_to_end(&mut bytes);
    Answer::of(&String::from_utf8(bytes).unwrap())
}

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
    let station = Station::open(&village);
    send(station.address, "push", &signature("x", "{}"), "{}").is_problem(404, "not-found");
}

#[test]
fn nobody_wakes_it_without_the_signature_of_the_body() {
    let (_village, station, woken) = station(|_| {});
    let body = r#"{"ref":"refs/heads/main"}"#;
    let right = signature(SECRET, body);
    let digits = right.strip_prefix("sha256=").unwrap();
    for wrong in [
        "",
        "sha256=",
        digits,
        &format!("sha1={}", &digits[..40]),
        &format!("sha256={}", &digits[1..]),
        &format!("sha256=+{}", &digits[1..]),
        &format!("{right}00"),
        &format!("sha256={}", "0".repeat(64)),
        &signature("another", body),
        &signature(SECRET, &format!("{body} ")),
    ] {
        send(station.address, "push", wrong, body).is_problem(401, "bad-signature");
    }
    let mut none = connect(station.address);
    let unsigned = head(station.address, "", "content-length: 2\r\nconnection: close\r\n");
    none.write_all(format!("{}{{}}", unsigned.replace("x-hub-signature-256: \r\n", "")).as_bytes()).unwrap();
    answer(&mut none).is_problem(401, "bad-signature");
    assert_eq!(woken.load(Ordering::SeqCst), 0);
    assert_eq!(send(station.address, "push", &right.replace(digits, &digits.to_uppercase()), body).status, 202);
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    station.close();
}

#[test]
fn a_thousand_deliveries_are_all_taken_in_a_moment() {
    let (_village, station, woken) = station(|_| {});
    // As GitHub sends one: long, nested, not only ASCII, and nothing of it is looked at.
    let commit = |n: u32| {
        json!({"id": format!("{n:040x}"), "message": "Gr\u{fc}\u{df}e \u{1f412}\n\n\"x\"", "added": ["qa/\u{fc}.md"],
               "author": {"name": "Ada", "email": "ada@example.invalid", "username": null}, "distinct": true})
    };
    let commits: Vec<_> = (0..20).map(commit).collect();
    let payload = json!({"ref": "refs/heads/main", "before": "0".repeat(40), "forced": true, "commits": commits,
                         "repository": {"full_name": "octo/town", "size": 18_446_744_073_709_551_615_u64}});
    let body = payload.to_string();
    let told = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let one = head(station.address, &signature(SECRET, &body), &told) + &body;
    let mut stream = connect(station.address);
    let mut sending = stream.try_clone().unwrap();
    let sent = std::thread::spawn(move || (0..1_000).for_each(|_| sending.write_all(one.as_bytes()).unwrap()));
    // Nothing but the next answer stands behind the body of one.
    let lines = BufReader::new(&mut stream).lines().map(Result::unwrap);
    let mut answers = lines.filter(|line| line.contains("HTTP/1.1 "));
    assert!((0..1_000).all(|_| answers.next().unwrap().ends_with("HTTP/1.1 202 Accepted")));
    sent.join().unwrap();
    // What comes of so many is `Fetching`'s: one fetch.
    assert_eq!(woken.load(Ordering::SeqCst), 1_000);
    station.close();
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let (_village, station, woken) = station(|plan| plan.limits.body = Duration::from_millis(50));
    let right = signature(SECRET, "{}");
    for (told, part) in [("content-length: 2\r\n", "{"), ("transfer-encoding: chunked\r\n", "2\r\n{}\r\n")] {
        let mut stream = connect(station.address);
        stream.write_all((head(station.address, &right, told) + part).as_bytes()).unwrap();
        answer(&mut stream).is_problem(408, "too-slow");
    }
    // Who goes away in the middle has said nothing.
    let mut gone = connect(station.address);
    gone.write_all((head(station.address, &right, "content-length: 3\r\n") + "{}").as_bytes()).unwrap();
    gone.shutdown(std::net::Shutdown::Write).unwrap();
    assert_ne!(answer(&mut gone).status, 202);
    assert_eq!(woken.load(Ordering::SeqCst), 0);
    station.close();
}

/// Bytes that a process has held at the most.
fn held_at_most(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_body_that_is_too_big_is_refused_and_never_held() {
    let village = Village::small_with_remote();
    let file = village.path("secret");
    std::fs::write(&file, SECRET).unwrap();
    let (child, address) = program(&village, &["--remote", "origin", "--webhook-secret-file", file.to_str().unwrap()]);
    // Said beforehand: not a byte of it is read.
    let mut said = connect(address);
    let told = format!("content-length: {}\r\n", LONGEST + 1);
    said.write_all(head(address, &signature(SECRET, ""), &told).as_bytes()).unwrap();
    answer(&mut said).is_problem(413, "too-big");
    // Not said, and found out.
    let piece = vec![b' '; 64 * 1024];
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    let whole = " ".repeat(LONGEST);
    let (before, chunks) = (held_at_most(child.id()), LONGEST / piece.len());
    for (end, status) in [("0\r\n\r\n", 202), ("1\r\n \r\n0\r\n\r\n", 413)] {
        let mut grows = connect(address);
        let told = "transfer-encoding: chunked\r\nconnection: close\r\n";
        grows.write_all(head(address, &signature(SECRET, &whole), told).as_bytes()).unwrap();
        (0..chunks).for_each(|_| grows.write_all(&chunk).unwrap());
        grows.write_all(end.as_bytes()).unwrap();
        assert_eq!(answer(&mut grows).status, status);
    }
    let more = held_at_most(child.id()) - before;
    assert!(more < LONGEST / 2, "{more} bytes more were held");
    kill(child);
}
