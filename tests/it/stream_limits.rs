//! Promise: a witness that asks too much, says too much, reads too slowly or breaks the protocol is told so, and harms nobody.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use monkeytown::serve::frame;
use monkeytown::serve::ring::Capacity;
use monkeytown::serve::{Limits, close};
use tungstenite::Message;

use crate::station::{Plan, Station, closed, masked, place, rest};
use crate::village::Village;

fn station(lower: impl FnOnce(&mut Plan)) -> (Village, Station) {
    let village = Village::small();
    let mut plan = Plan::default();
    lower(&mut plan);
    let station = Station::open_with(&village, plan);
    (village, station)
}

#[test]
fn one_witness_too_many_is_told_that_it_is_full() {
    let (_village, station) = station(|plan| plan.limits.subscribers = 2);
    let mut one = station.listen("after=now");
    one.expect("hello");
    let mut sse = station.ask("/events", &[]);
    let mut first = [0; 12];
    sse.read_exact(&mut first).unwrap();
    assert_eq!(
        station.listen("after=now").ends(close::FULL),
        "full: 2 witnesses watch; ask another server of this town"
    );
    let problem = station.get("/events", &[]).is_problem(503, "full");
    assert!(problem["detail"].as_str().unwrap().contains("2 witnesses"), "{problem}");
    // A seat that is given back is free.
    one.0.close(None).unwrap();
    while one.0.read().is_ok() {}
    let mut another = station.listen("after=now");
    while another.0.read().is_ok_and(|message| message.is_close()) {
        another = station.listen("after=now");
    }
    station.close();
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let (_village, station) = station(|plan| plan.limits.connections_per_address = 3);
    let mut held: Vec<_> = (0..3).map(|_| station.listen("after=now")).collect();
    held.iter_mut().for_each(|ear| drop(ear.expect("hello")));
    let mut refused = crate::station::connect(station.address);
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("127.0.0.1 has 3 connections open"), "{answer}");
    let metrics_after = |station: &Station| station.get("/metrics", &[]).body;
    held.pop();
    // The place is free as soon as the server has seen the end.
    let mut page = String::new();
    for _ in 0..10_000 {
        let mut stream = station.ask("/metrics", &[]);
        page.clear();
        if stream.read_to_string(&mut page).is_ok() && page.starts_with("HTTP/1.1 200") {
            break;
        }
    }
    assert!(page.contains("monkeytown_connections_refused_total "), "{page}");
    // Two that listen, and the one that asks.
    assert!(page.contains("monkeytown_connections 3\n"), "{page}");
    assert!(!metrics_after(&station).is_empty());
    station.close();
}

#[test]
fn behind_a_proxy_each_client_has_so_many_connections() {
    let (_village, station) = station(|plan| {
        plan.limits.connections_per_address = 1;
        plan.proxy_header = Some("x-forwarded-for".to_owned());
    });
    let ask = |client: &str| {
        let mut stream = station.ask("/events", &[("x-forwarded-for", &format!("6.6.6.6, {client}"))]);
        let mut bytes = [0; 12];
        stream.read_exact(&mut bytes).unwrap();
        (stream, String::from_utf8_lossy(&bytes).into_owned())
    };
    let ((_one, first), (_two, second), (_three, third)) = (ask("10.0.0.1"), ask("10.0.0.2"), ask("10.0.0.1"));
    assert_eq!([&*first, &*second, &*third], ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 429"]);
    station.close();
}

#[test]
fn behind_a_proxy_a_client_that_waits_for_an_answer_is_counted_too() {
    let (_village, station) = station(|plan| {
        plan.limits.connections_per_address = 2;
        plan.proxy_header = Some("x-forwarded-for".to_owned());
    });
    let poll = |client: &str| station.get("/api/events?after=now&wait=0", &[("x-forwarded-for", client)]);
    for (client, other) in [("10.0.0.1:7", "10.0.0.2:7"), ("unknown", "10.0.0.3")] {
        // Whoever hears the first words is counted.
        let listens = |_| {
            let mut stream = station.ask("/events", &[("x-forwarded-for", client)]);
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        };
        let listening: Vec<_> = (0..2).map(listens).collect();
        poll(client).is_problem(429, "too-fast");
        assert_eq!(poll(other).status, 200);
        drop(listening);
        crate::station::until(|| poll(client).status == 200);
    }
    station.close();
}

// covers: event-stream#foreign-pages-are-refused/a-page-of-another-site-that-says-no-origin
#[test]
fn a_foreign_page_does_not_use_up_what_the_own_page_may_ask() {
    let (_village, station) = station(|plan| plan.requests = [1, 20]);
    let foreign = [("origin", "http://evil.example")];
    let refused: Vec<u16> = (0..60).map(|_| station.get("/api/state", &foreign).status).collect();
    assert_eq!((refused[0], refused[59]), (403, 429));
    assert!((0..15).all(|_| station.get("/healthz", &[]).status == 200));
    // A picture of another page takes no seat.
    let picture = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    assert!([403, 429].contains(&station.get("/events", &picture).status));
    assert_eq!(station.get("/api/stream", &[]).json()["witnesses"], 0);
    station.close();
}

#[test]
fn a_message_that_is_too_big_is_told_how_much_is_taken() {
    let (_village, station) = station(|_| {});
    let mut ear = station.listen("after=now");
    ear.expect("hello");
    ear.0.send(Message::text("a".repeat(16 * 1024 + 1))).unwrap();
    let reason = ear.ends(close::TOO_BIG);
    assert!(reason.contains("16384"), "{reason}");
    station.close();
}

// covers: event-stream#each-limit-is-enforced-and-named/a-head-is-too-big
#[test]
fn a_head_that_is_too_big_is_told_how_much_is_taken() {
    let (_village, station) = station(|_| {});
    let rule = "at the most 16384 bytes and 64 headers are taken";
    let names: Vec<String> = (0..63).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    for headers in [&[("x-long", "a".repeat(16 * 1024).as_str())][..], &many] {
        let problem = station.get("/healthz", headers).is_problem(431, "head-too-big");
        assert!(problem["detail"].as_str().unwrap().ends_with(rule), "{problem}");
    }
    let long = format!("/healthz?{}", "a".repeat(16 * 1024));
    station.get(&long, &[]).is_problem(431, "head-too-big");
    // With `host` and `connection` these are 64, and as many bytes as may be.
    assert_eq!(station.get("/healthz", &many[..62]).status, 200);
    let least = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx: \r\n\r\n", station.address).len();
    for (more, status) in [(0, 200), (1, 431)] {
        let fill = "a".repeat(16 * 1024 - least + more);
        assert_eq!(station.get("/healthz", &[("x", &fill)]).status, status, "{more} more");
    }
    station.close();
}

/// What the server answers to each of these beginnings, until it closes the connection.
fn said_to<const N: usize>(station: &Station, beginnings: [&[u8]; N]) -> [(u16, String); N] {
    let asked = beginnings.map(|bytes| {
        let mut stream = crate::station::connect(station.address);
        stream.write_all(bytes).unwrap();
        stream
    });
    asked.map(|mut stream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let answer = crate::station::Answer::of(&text);
        (answer.status, answer.body)
    })
}

#[test]
fn what_is_no_request_is_answered_with_a_status_and_closed() {
    let (_village, station) = station(|_| {});
    let far_too_long = [b"GET / HTTP/1.1\r\nx: ", &*b"a".repeat(32 * 1024)].concat();
    let answers = said_to(&station, [&far_too_long[..32 * 1024], b"hello\r\n\r\n"]);
    assert_eq!(answers, [(431, String::new()), (400, String::new())]);
    station.close();
}

// covers: event-stream#each-limit-is-enforced-and-named/nothing-is-asked
#[test]
fn who_connects_and_does_not_ask_is_let_go() {
    let (_village, station) = station(|plan| plan.limits.head = Duration::from_millis(500));
    let answers = said_to(&station, [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nhost: "]);
    assert_eq!(answers, [(); 3].map(|()| (0, String::new())), "closed without a word");
    station.close();
}

#[test]
fn who_says_too_much_is_let_go() {
    let (_village, station) = station(|plan| plan.limits.messages = 5);
    for opcode in [0x81, 0x89] {
        let mut raw = station.raw("");
        for _ in 0..5 {
            raw.write_all(&masked(opcode, b"me")).unwrap();
        }
        raw.write_all(&masked(opcode, b"me")).unwrap();
        let (code, reason) = closed(&rest(&mut raw));
        assert_eq!((code, reason.contains("more than 5 messages")), (close::TOO_FAST, true), "{reason}");
    }
    station.close();
}

#[test]
fn who_is_silent_is_let_go_and_who_answers_is_not() {
    let short = Limits {
        idle: Duration::from_secs(2),
        ping: Duration::from_millis(50),
        heartbeat: Duration::from_millis(60),
        tick: Duration::from_millis(20),
        connections_per_address: 100,
        ..Limits::default()
    };
    let (_village, station) = station(|plan| plan.limits = short);
    // The library answers pings by itself, as a browser does.
    let mut alive = station.listen("after=now");
    alive.expect("hello");
    let mut half_open = station.raw("after=now");
    std::thread::scope(|scope| {
        // For longer than who does not answer may stay: it is told that nothing happens.
        scope.spawn(|| (0..40).for_each(|_| drop(alive.expect("heartbeat"))));
        let frames = rest(&mut half_open);
        assert_eq!(closed(&frames).0, close::POLICY);
        assert!(frames.iter().any(|ping| ping[..] == frame::PING), "it was asked first");
    });
    station.close();
}

#[test]
fn a_slow_reader_is_let_go_with_the_place_to_resume_at() {
    let (_village, station) = station(|plan| plan.capacity = Capacity { frames: 100_000, bytes: 1 << 20 });
    let mut slow = station.raw("after=now");
    let mut quick = station.listen("after=now&types=run.finished.v1");
    quick.expect("hello");
    let text = "a".repeat(15_000);
    // More than all buffers between the two hold, and then the whole ring.
    for step in 0..3_000 {
        station.publish(&format!("step-{step}"), &text);
    }
    let frames = rest(&mut slow);
    let (code, reason) = closed(&frames);
    assert_eq!(code, close::LAGGED, "{reason}");
    let offsets: Vec<u64> = frames[..frames.len() - 1]
        .iter()
        .filter(|frame| frame[0] == 0x81)
        .map(|frame| serde_json::from_slice::<serde_json::Value>(frame::payload(frame)).unwrap())
        .filter(|message| message["kind"] == "event")
        .map(|message| message["offset"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(offsets.windows(2).all(|two| two[0] + 1 == two[1]), "what came, came in order and without a hole");
    let place = place(&reason);
    assert!(place.ends_with(&format!(":{}", offsets.last().unwrap())), "{place} {:?}", offsets.last());
    let mut again = station.listen(&format!("after={place}"));
    again.expect("hello");
    assert_eq!(again.expect("gap")["reason"], "evicted");
    again.expect("snapshot");
    // On a machine that is busy the other one may have been too slow as well.
    assert!(!station.get("/metrics", &[]).body.contains("monkeytown_stream_lagged_total 0\n"));
    station.close();
}

#[test]
fn server_sent_events_that_nobody_takes_are_ended() {
    let (_village, station) = station(|plan| plan.limits.stalled = Duration::from_millis(200));
    let mut slow = station.ask("/events?after=now", &[]);
    let mut first = [0; 12];
    slow.read_exact(&mut first).unwrap();
    let watching = |station: &Station| station.get("/api/stream", &[]).json()["witnesses"].as_u64().unwrap();
    assert_eq!(watching(&station), 1);
    let text = "a".repeat(15_000);
    for step in 0..2_000 {
        station.publish(&format!("step-{step}"), &text);
    }
    let gone = (0..100_000).any(|_| watching(&station) == 0);
    assert!(gone, "its seat is free");
    until_one_lagged(&station);
    station.close();
}

#[test]
fn a_witness_that_takes_nothing_has_read_too_slowly() {
    let (_village, station) = station(|plan| {
        plan.limits.stalled = Duration::from_millis(200);
        plan.limits.tick = Duration::from_millis(20);
    });
    let _slow = station.raw("after=now");
    let text = "a".repeat(15_000);
    for step in 0..2_000 {
        station.publish(&format!("step-{step}"), &text);
    }
    // What it did not take is in the ring still.
    until_one_lagged(&station);
    station.close();
}

/// Looks until it is told that one witness read too slowly.
#[track_caller]
fn until_one_lagged(station: &Station) {
    crate::station::until(|| station.get("/metrics", &[]).body.contains("monkeytown_stream_lagged_total 1\n"));
}

#[test]
fn foreign_pages_and_foreign_names_are_refused() {
    let (_village, station) = station(|plan| plan.origins = vec!["https://pages.example".to_owned()]);
    let upgrade = |headers: &[(&str, &str)]| {
        let base = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut stream = station.ask("/ws", &[&base, headers].concat());
        let mut bytes = [0; 12];
        stream.read_exact(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let own = format!("http://{}", station.address);
    assert_eq!(upgrade(&[("origin", &own)]), "HTTP/1.1 101");
    assert_eq!(upgrade(&[("origin", "https://pages.example")]), "HTTP/1.1 101");
    assert_eq!(upgrade(&[("origin", "http://evil.example")]), "HTTP/1.1 403");
    assert_eq!(upgrade(&[("host", "evil.example")]), "HTTP/1.1 421");
    station.get("/api/state", &[("origin", "http://evil.example")]).is_problem(403, "wrong-origin");
    station.get("/api/state", &[("host", "evil.example")]).is_problem(421, "wrong-host");
    station.get("/ws", &[]).is_problem(426, "not-a-websocket");
    let no_key = [("connection", "upgrade, close"), ("upgrade", "websocket"), ("sec-websocket-version", "8")];
    assert!(station.get("/ws", &no_key).head.contains("sec-websocket-version: 13"));
    station.get("/api/nothing", &[]).is_problem(404, "not-found");
    let mut posted = crate::station::connect(station.address);
    let head =
        format!("POST /ws HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", station.address);
    posted.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    posted.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("/ws does not take POST"), "{answer}");
    let answer = station.get("/api/state", &[("origin", "https://pages.example")]);
    assert!(answer.head.contains("access-control-allow-origin: https://pages.example"), "{answer:?}");
    assert!(!station.get("/api/state", &[("origin", &own)]).head.contains("access-control"));
    let named = station.get("/healthz", &[("x-request-id", "proxy-7")]);
    assert!(named.head.contains("x-request-id: proxy-7"), "{named:?}");
    let unnamed = station.get("/healthz", &[("x-request-id", "<script>")]);
    assert!(unnamed.head.contains("x-request-id: ") && !unnamed.head.contains("script>"), "{unnamed:?}");
    station.close();
}

/// An answer to a method that is neither GET nor POST.
fn other(station: &Station, request: &str, headers: &[(&str, &str)]) -> crate::station::Answer {
    let mut stream = crate::station::connect(station.address);
    let mut head = format!("{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", station.address);
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    crate::station::Answer::of(&text)
}

#[test]
fn a_page_that_may_read_is_told_so_before_it_asks_and_none_may_decide() {
    let (_village, station) = station(|plan| plan.origins = vec!["https://pages.example".to_owned()]);
    let asks = |path: &str, origin: &str, method: &str| {
        let headers = [("origin", origin), ("access-control-request-method", method)];
        other(&station, &format!("OPTIONS {path}"), &headers)
    };
    for path in ["/api/state", "/events", "/api/history?from=1", "/api/pulls/1", "/"] {
        let told = asks(path, "https://pages.example", "GET");
        assert_eq!((told.status, told.body.as_str()), (204, ""), "{path}: {told:?}");
        for line in [
            "access-control-allow-origin: https://pages.example",
            "access-control-allow-methods: get",
            "access-control-allow-headers: if-none-match, last-event-id",
        ] {
            assert!(told.head.lines().any(|said| said == line), "{line}: {told:?}");
        }
        asks(path, "http://evil.example", "GET").is_problem(403, "wrong-origin");
        asks(path, "https://pages.example", "POST").is_problem(405, "method");
        other(&station, &format!("OPTIONS {path}"), &[]).is_problem(405, "method");
    }
    for path in ["/api/session", "/api/pulls/1/merge", "/api/freeze", "/api/publish", "/api/webhook/github"] {
        for method in ["GET", "POST"] {
            let told = asks(path, "https://pages.example", method);
            told.is_problem(405, "method");
            assert!(!told.head.contains("access-control-allow-methods"), "{told:?}");
        }
    }
    asks("/api/nothing", "https://pages.example", "GET").is_problem(404, "not-found");
    let read = station.get("/api/history", &[("origin", "https://pages.example")]);
    assert!(
        read.head.contains("access-control-expose-headers: etag, retry-after, x-next-offset, x-request-id"),
        "{read:?}"
    );
    station.close();
}

#[test]
fn the_page_takes_no_other_method_and_says_which_it_takes() {
    let (_village, station) = station(|_| {});
    for (method, path) in [("POST", "/"), ("PUT", "/index.html"), ("DELETE", "/"), ("POST", "/api/state")] {
        let answer = other(&station, &format!("{method} {path}"), &[("content-length", "0")]);
        answer.is_problem(405, "method");
        assert!(answer.head.contains("\r\nallow: get,head"), "{answer:?}");
    }
    other(&station, "POST /nope", &[("content-length", "0")]).is_problem(404, "not-found");
    assert_eq!(other(&station, "HEAD /", &[]).status, 200);
    // What is no text is no number.
    station.get("/api/pulls/%FF", &[]).is_problem(404, "not-found");
    let host = station.address.to_string();
    let policy = station.get("/", &[]).head;
    assert!(policy.contains(&format!("connect-src 'self' ws://{host} wss://{host};")), "{policy}");
    station.close();
}

// covers: event-stream#each-limit-is-enforced-and-named/one-filter-too-many
#[test]
fn one_filter_too_many_is_told_so_and_known_ones_are_let_in() {
    let (_village, station) = station(|_| ());
    let most = station.get("/api/stream", &[]).json()["limits"]["filters"].as_u64().unwrap();
    let listen = |types: &str| {
        let mut stream = station.ask(&format!("/events?types={types}"), &[]);
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        (stream, String::from_utf8_lossy(&first).into_owned())
    };
    let crowd: Vec<_> = (0..most).map(|n| listen(&format!("q{n}"))).collect();
    assert!(crowd.iter().all(|(_, said)| said == "HTTP/1.1 200"));
    let full = format!("full: {most} filters are in use; listen with one that others have too, or without any");
    for path in ["/events?types=other", "/api/events?types=other"] {
        let problem = station.get(path, &[]).is_problem(503, "full");
        assert_eq!(problem["detail"], full.as_str(), "{path}");
    }
    assert_eq!(station.listen("types=other").ends(close::FULL), full);
    assert_eq!(station.get("/api/events?types=q7", &[]).status, 200, "one that others have");
    assert_eq!(station.get("/api/events", &[]).status, 200, "none");
    drop(crowd);
    station.until("/api/events?types=other", 200);
    station.close();
}

#[test]
fn what_a_filter_lets_through_is_found_among_many() {
    let (village, station) = station(|_| ());
    let freeze = |what: &str| {
        village.monkeytown(&[what, "--reason", "a test"]).says(0, "");
    };
    let (mut early, filter) = (station.listen("after=now"), "after=0&types=town.frozen.v1,town.thawed.v1");
    early.expect("hello");
    freeze("freeze");
    early.events(1);
    // More than are looked at together, several times.
    for n in 0..9_000 {
        station.publish(&format!("step-{n}"), "thinks");
    }
    early.events(9_000);
    freeze("thaw");
    let last = early.events(1);
    let kinds = ["monkeytown.town.frozen.v1", "monkeytown.town.thawed.v1"];
    let mut ear = station.listen(filter);
    ear.expect("hello");
    assert_eq!(ear.events(2).iter().map(|event| event["event"]["type"].clone()).collect::<Vec<_>>(), kinds);
    let polled = station.get(&format!("/api/events?{filter}"), &[]).json();
    let events = polled["events"].as_array().unwrap();
    assert_eq!(events.iter().map(|event| event["event"]["type"].clone()).collect::<Vec<_>>(), kinds);
    assert_eq!(polled["next"], last[0]["offset"]);
    let none = station.get("/api/events?after=0&types=none", &[]).json();
    assert_eq!((&none["events"], &none["next"]), (&serde_json::json!([]), &last[0]["offset"]), "all was looked at");
    let mut sse = std::io::BufReader::new(station.ask(&format!("/events?{filter}"), &[]));
    let mut told = Vec::new();
    while told.len() < 2 {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut sse, &mut line).unwrap();
        told.extend(kinds.iter().filter(|kind| line.starts_with("data:") && line.contains(**kind)).copied());
    }
    assert_eq!(told, kinds);
    station.close();
}
