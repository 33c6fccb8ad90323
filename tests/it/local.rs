//! Promise: who sits at the town's own machine decides in the page, and nobody else does.
//! Lives here: the real program that serves, asked as a browser asks, and as those ask who have no business there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::station::{Answer, Ear, Plan, Station, connect, page, until};
use crate::village::{Village, expecting, finish, nothing, write};

/// A town in which chaostester has opened pull request 1.
fn with_a_pull() -> Village {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the link")]);
    village.run("chaostester").ended(0, "opened");
    village
}

/// The program that serves, and the page in it.
pub struct Page {
    child: Child,
    pub address: SocketAddr,
    token: Option<String>,
    session: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Page {
    /// Serves, without opening the page.
    fn served(village: &Village, more: &[&str]) -> Self {
        Self::started(&mut village.command(&[&["serve", "--listen", "127.0.0.1:0"], more].concat()))
    }

    fn started(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (address, token) = page(&line);
        Self { child, address, token, session: String::new() }
    }

    /// Serves, and opens the printed address.
    pub fn open(village: &Village) -> Self {
        Self::open_with(village, &[])
    }

    fn open_with(village: &Village, more: &[&str]) -> Self {
        let mut page = Self::served(village, more);
        let opened = page.exchange(&page.token.clone().unwrap());
        assert_eq!((opened.status, &opened.json()["by"]), (200, &json!("Ada")), "{opened:?}");
        page.session = opened.json()["session"].as_str().unwrap().to_owned();
        page
    }

    fn exchange(&self, token: &str) -> Answer {
        self.post_as("/api/session", &json!({"token": token}), &[("authorization", "")])
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(path, body, &[])
    }

    /// As the page asks, but for what `instead` says; an empty value leaves the header out.
    fn post_as(&self, path: &str, body: &Value, instead: &[(&str, &str)]) -> Answer {
        self.send(&format!("POST {path}"), &body.to_string(), instead)
    }

    fn send(&self, request: &str, body: &str, instead: &[(&str, &str)]) -> Answer {
        let host = self.address.to_string();
        let usual = [
            ("host", host.clone()),
            ("origin", format!("http://{host}")),
            ("content-type", "application/json".to_owned()),
            ("authorization", format!("Bearer {}", self.session)),
            ("content-length", body.len().to_string()),
            ("connection", "close".to_owned()),
        ];
        let mut head = format!("{request} HTTP/1.1\r\n");
        let more = instead.iter().filter(|(name, _)| !usual.iter().any(|(usual, _)| usual == name));
        let said = usual.iter().map(|(name, value)| {
            let instead = instead.iter().find(|(other, _)| other == name);
            (*name, instead.map_or(value.as_str(), |(_, value)| value))
        });
        for (name, value) in said.chain(more.copied()).filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = connect(self.address);
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::of(&String::from_utf8(bytes).unwrap())
    }

    pub fn get(&self, path: &str) -> Value {
        Station::get_at(self.address, path, &[]).json()
    }

    /// The commit of a pull request that a person is shown.
    pub fn head(&self, number: u64) -> String {
        let pull = self.get(&format!("/api/pulls/{number}"));
        pull["tip"].as_str().or(pull["head"].as_str()).unwrap().to_owned()
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_printed_address_answers_whichever_of_loopback_it_is() {
    let village = Village::small();
    let page = Page::started(&mut village.command(&["serve", "--listen", "127.0.0.2:0"]));
    assert_eq!(page.address.ip().to_string(), "127.0.0.2");
    assert_eq!(page.get("/api/town")["local"], true);
    assert_eq!(page.exchange(&page.token.clone().unwrap()).status, 200);
}

#[test]
fn a_token_that_does_not_come_is_not_waited_for() {
    let village = Village::small();
    let mut plan = Plan { token: Some(monkeytown::config::secret().unwrap()), ..Plan::default() };
    plan.limits.body = std::time::Duration::from_millis(50);
    let station = Station::open_with(&village, plan);
    let host = station.address;
    let mut stream = connect(host);
    let head = format!("POST /api/session HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\nconnection: close\r\n");
    let told = "content-type: application/json\r\ncontent-length: 20\r\n\r\n{\"token\":";
    stream.write_all((head + told).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    Answer::of(&text).is_problem(408, "too-slow");
    station.close();
}

/// Everything that a verdict could have moved.
fn stand(village: &Village) -> String {
    let refs = village.git(["for-each-ref", "--format=%(refname) %(objectname)"]);
    format!("{refs}\n{}", village.git(["status", "--porcelain"]))
}

// covers: local-verdicts#the-person-at-the-machine-decides-in-the-page/a-merge
#[test]
fn a_pull_request_is_merged_in_the_page() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let told = page.get("/api/town");
    let main = village.git(["rev-parse", "main"]);
    assert_eq!((&told["local"], &told["repository"]["head"]), (&json!(true), &json!(main)), "{told}");
    let mut ear = Ear::at(page.address, "after=now&types=pull.merged.v1");
    ear.expect("hello");
    let answer = page.post("/api/pulls/1/merge", &json!({"head": page.head(1)}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let (done, merged) = (answer.json(), ear.expect("event"));
    assert_eq!(done["commit"], village.git(["rev-parse", "main"]).as_str());
    assert_eq!(
        (&done["state"], &done["edited"], &done["event"]),
        (&json!("merged"), &json!(false), &merged["event"]["id"])
    );
    assert_eq!((&done["offset"], &done["seq"]), (&merged["offset"], &merged["seq"]));
    assert_eq!(village.states(), [(1, "merged".to_owned())]);
    assert_eq!(village.facts("pull.merged")[0]["by"], "Ada");
    assert_eq!(village.show("main", "qa/links.md"), "The first link leads nowhere.");
    assert_eq!(village.git(["status", "--porcelain"]), "", "the person's checkout came along");
    let again = page.post("/api/pulls/1/merge", &json!({"head": page.head(1)}));
    assert_eq!(again.is_problem(409, "closed")["state"], "merged");
    village.verify_ok();
}

// covers: local-verdicts#the-person-at-the-machine-decides-in-the-page/a-rejection
#[test]
fn a_reason_that_was_given_in_the_page_is_in_the_next_briefing() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let body = json!({"head": page.head(1), "reason": "low-value", "text": "Nobody follows that link"});
    let answer = page.post("/api/pulls/1/reject", &body);
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("rejected")), "{answer:?}");
    village.says([expecting(nothing("the link stays"), &["low-value", "Nobody follows that link"])]);
    village.run("chaostester").ended(0, "nothing");
    let again = page.post("/api/pulls/1/reject", &body);
    assert_eq!(again.is_problem(409, "closed")["state"], "rejected");
    assert_eq!(village.facts("pull.rejected").len(), 1);
}

// covers: local-verdicts#the-person-at-the-machine-decides-in-the-page/a-freeze
#[test]
fn the_town_is_frozen_and_thawed_in_the_page() {
    let village = Village::small();
    let page = Page::open(&village);
    page.post("/api/thaw", &json!({"reason": "too early"})).is_problem(409, "already");
    page.post("/api/freeze", &json!({"reason": " "})).is_problem(400, "bad-request");
    let frozen = page.post("/api/freeze", &json!({"reason": "lunch"}));
    assert_eq!((frozen.status, &frozen.json()["frozen"]), (200, &json!(true)), "{frozen:?}");
    assert_eq!(village.facts("town.frozen"), [json!({"by": "Ada", "reason": "lunch"})]);
    page.post("/api/freeze", &json!({"reason": "lunch"})).is_problem(409, "already");
    let thawed = page.post("/api/thaw", &json!({"reason": "fed"}));
    assert_eq!((thawed.status, &thawed.json()["frozen"]), (200, &json!(false)), "{thawed:?}");
}

// covers: local-verdicts#nothing-is-decided-unseen/the-head-moved
#[test]
fn what_moved_since_it_was_shown_is_not_decided_over() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let seen = page.head(1);
    village.git(["checkout", "-q", "agent/chaostester"]);
    village.put("qa/links.md", "Somebody else's words.\n");
    village.save("Say it in other words");
    village.git(["checkout", "-q", "main"]);
    let now = village.git(["rev-parse", "agent/chaostester"]);
    let before = stand(&village);
    for (act, body) in [
        ("merge", json!({"head": seen})),
        ("reject", json!({"head": seen, "reason": "wrong"})),
        ("merge", json!({"head": "0".repeat(40)})),
    ] {
        let problem = page.post(&format!("/api/pulls/1/{act}"), &body).is_problem(409, "head-moved");
        assert_eq!((&problem["seen"], &problem["head"]), (&body["head"], &json!(now)), "{problem}");
    }
    assert_eq!(stand(&village), before, "nothing is written");
    assert_eq!(page.head(1), now, "the page shows what people added");
    let answer = page.post("/api/pulls/1/merge", &json!({"head": now}));
    assert_eq!((answer.status, &answer.json()["edited"]), (200, &json!(true)), "{answer:?}");
}

// covers: local-verdicts#nothing-is-decided-unseen/two-at-once
#[test]
fn of_many_who_merge_at_once_one_comes_first() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let head = page.head(1);
    let mut answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..6).map(|_| scope.spawn(|| page.post("/api/pulls/1/merge", &json!({"head": head})))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 200, "{answers:?}");
    for late in &answers[1..] {
        assert_eq!(late.is_problem(409, "closed")["state"], "merged");
    }
    assert_eq!(village.facts("pull.merged").len(), 1);
    assert_eq!(village.git(["rev-list", "--merges", "--count", "main"]), "1");
    village.verify_ok();
}

// covers: local-verdicts#nothing-is-decided-unseen/the-server-is-killed-in-the-middle
#[test]
fn a_merge_whose_server_was_killed_is_recorded_once() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let (head, main) = (page.head(1), village.git(["rev-parse", "main"]));
    // Somebody else writes the journal at that moment, so that the merge lands and waits.
    let lock = village.dir().join(".git/refs/heads/monkeytown/journal.lock");
    std::fs::write(&lock, "").unwrap();
    let mut asking = connect(page.address);
    let body = json!({"head": head}).to_string();
    let request = format!(
        "POST /api/pulls/1/merge HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\ncontent-type: application/json\r\n\
         authorization: Bearer {1}\r\ncontent-length: {2}\r\n\r\n{body}",
        page.address,
        page.session,
        body.len()
    );
    asking.write_all(request.as_bytes()).unwrap();
    while village.git(["rev-parse", "main"]) == main {
        std::thread::yield_now();
    }
    drop(page);
    let _ = std::fs::remove_file(&lock);
    let page = Page::open(&village);
    let again = page.post("/api/pulls/1/merge", &json!({"head": head}));
    assert_eq!(again.is_problem(409, "closed")["state"], "merged");
    assert_eq!((village.facts("pull.merged").len(), village.states()), (1, vec![(1, "merged".to_owned())]));
    assert_eq!(village.git(["rev-list", "--merges", "--count", "main"]), "1");
    village.verify_ok();
}

// covers: local-verdicts#nobody-else-decides/the-token-is-good-for-once
#[test]
fn a_token_opens_one_session() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let used = page.exchange(&page.token.clone().unwrap()).is_problem(401, "token-used");
    assert!(used["detail"].as_str().unwrap().contains("start it again"), "{used}");
    page.exchange("guess").is_problem(401, "token-wrong");
    let (head, before) = (page.head(1), stand(&village));
    let token = page.token.clone().unwrap();
    for wrong in ["", "Bearer", "Bearer guess", "Basic Zm9vOmJhcg==", &format!("Bearer {token}")] {
        let headers = [("authorization", wrong)];
        page.post_as("/api/pulls/1/merge", &json!({"head": head}), &headers).is_problem(401, "no-session");
        page.post_as("/api/freeze", &json!({"reason": "x"}), &headers).is_problem(401, "no-session");
    }
    assert_eq!(stand(&village), before);
    let mut other = Page::served(&village, &[]);
    other.session = page.session.clone();
    other.post("/api/freeze", &json!({"reason": "x"})).is_problem(401, "no-session");
}

// covers: local-verdicts#nobody-else-decides/a-request-that-no-page-of-ours-made
#[test]
fn requests_that_the_own_page_did_not_make_are_refused() {
    let village = with_a_pull();
    let page = Page::open_with(&village, &["--origin", "https://pages.example", "--host", "town.example"]);
    let (port, before) = (page.address.port(), stand(&village));
    let foreign = format!("http://localhost:{port}");
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let cases: [Case<'_>; 12] = [
        (&[("origin", "")], 403, "no-origin"),
        (&[("origin", "null")], 403, "wrong-origin"),
        (&[("origin", "http://evil.example")], 403, "wrong-origin"),
        (&[("origin", "https://pages.example")], 403, "wrong-origin"),
        (&[("origin", &foreign)], 403, "wrong-origin"),
        (&[("origin", &foreign.replace("http", "https"))], 403, "wrong-origin"),
        (&[("host", "evil.example"), ("origin", "http://evil.example")], 421, "wrong-host"),
        (&[("host", "town.example"), ("origin", "http://town.example")], 421, "wrong-host"),
        (&[("content-type", "")], 415, "wrong-type"),
        (&[("content-type", "text/plain")], 415, "wrong-type"),
        (&[("x-forwarded-for", "127.0.0.1")], 403, "not-local"),
        (&[("forwarded", "for=10.0.0.1")], 403, "not-local"),
    ];
    for (headers, status, code) in cases {
        for (path, body) in [
            ("/api/pulls/1/merge", json!({"head": page.head(1)})),
            ("/api/pulls/1/reject", json!({"head": page.head(1), "reason": "spam"})),
            ("/api/freeze", json!({"reason": "x"})),
            ("/api/session", json!({"token": "x"})),
        ] {
            page.post_as(path, &body, headers).is_problem(status, code);
        }
    }
    for path in ["/api/pulls/1/merge", "/api/pulls/1/reject", "/api/freeze", "/api/thaw", "/api/session"] {
        page.send(&format!("GET {path}"), "", &[]).is_problem(405, "method");
    }
    assert_eq!(stand(&village), before);
    let local = [("host", format!("localhost:{port}")), ("origin", foreign.clone())];
    let local = [("host", local[0].1.as_str()), ("origin", local[1].1.as_str())];
    assert_eq!(page.post_as("/api/freeze", &json!({"reason": "x"}), &local).status, 200);
}

#[test]
fn what_cannot_be_understood_changes_nothing() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let (head, before) = (page.head(1), stand(&village));
    let long = "x".repeat(4_001);
    let cases = [
        ("/api/pulls/1/merge", json!({}), 400, "bad-request"),
        ("/api/pulls/1/merge", json!({"head": "abc"}), 400, "bad-request"),
        ("/api/pulls/1/merge", json!({"head": head, "force": true}), 400, "bad-request"),
        ("/api/pulls/1/reject", json!({"head": head, "reason": "ugly"}), 400, "bad-request"),
        ("/api/pulls/1/reject", json!({"head": head, "reason": "wrong", "text": long}), 400, "bad-request"),
        ("/api/pulls/9/merge", json!({"head": head}), 404, "not-found"),
        ("/api/pulls/9/reject", json!({"head": head, "reason": "wrong"}), 404, "not-found"),
        ("/api/pulls/x/merge", json!({"head": head}), 404, "not-found"),
        ("/api/freeze", json!({"reason": "x".repeat(70_000)}), 413, "too-big"),
    ];
    for (path, body, status, code) in cases {
        page.post(path, &body).is_problem(status, code);
    }
    page.send("POST /api/freeze", "{\"reason\": \"\u{0}", &[]).is_problem(400, "bad-request");
    assert_eq!(stand(&village), before);
    // So many at once, and no more.
    let codes: Vec<u16> = (0..40).map(|_| page.post("/api/thaw", &json!({"reason": "x"})).status).collect();
    assert!(codes.contains(&429), "{codes:?}");
}

#[test]
fn a_merge_that_does_not_fit_says_what_is_in_the_way() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let body = json!({"head": page.head(1)});
    village.put("qa/links.md", "Mine, and not committed.\n");
    let before = stand(&village);
    page.post("/api/pulls/1/merge", &body).is_problem(409, "in-the-way");
    assert_eq!(stand(&village), before);
    village.save("Write it myself");
    let conflicts = page.post("/api/pulls/1/merge", &body).is_problem(409, "conflicts");
    assert_eq!(conflicts["paths"], json!(["qa/links.md"]), "{conflicts}");
    assert_eq!(village.states(), [(1, "open".to_owned())]);
}

#[test]
fn whoever_git_does_not_know_decides_nothing() {
    let village = with_a_pull();
    village.git(["config", "--unset", "user.name"]);
    let mut command = village.command(&["serve", "--listen", "127.0.0.1:0"]);
    for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        command.env_remove(name);
    }
    let mut page = Page::started(&mut command);
    let opened = page.exchange(&page.token.clone().unwrap());
    assert_eq!((opened.status, &opened.json()["by"]), (200, &Value::Null), "{opened:?}");
    page.session = opened.json()["session"].as_str().unwrap().to_owned();
    let (head, before) = (page.head(1), stand(&village));
    for (path, body) in [
        ("/api/pulls/1/merge", json!({"head": head})),
        ("/api/pulls/1/reject", json!({"head": head, "reason": "wrong"})),
        ("/api/freeze", json!({"reason": "x"})),
        ("/api/thaw", json!({"reason": "x"})),
    ] {
        let problem = page.post(path, &body).is_problem(403, "nobody");
        assert!(problem["detail"].as_str().unwrap().contains("git config user.name"), "{problem}");
    }
    assert_eq!(stand(&village), before, "nothing is written");
    // Who says it then need not start the server again.
    village.git(["config", "user.name", "Grace"]);
    assert_eq!(page.post("/api/pulls/1/merge", &json!({"head": head})).status, 200);
    assert_eq!(village.facts("pull.merged")[0]["by"], "Grace");
}

#[test]
fn a_town_that_moved_to_a_remote_meanwhile_is_decided_over_there() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let head = page.head(1);
    let village = village.remote();
    village.git(["push", "-q", "origin", "monkeytown/journal", "agent/chaostester"]);
    village.git(["fetch", "-q", "origin"]);
    let before = stand(&village);
    for (path, body) in [
        ("/api/pulls/1/merge", json!({"head": head})),
        ("/api/pulls/1/reject", json!({"head": head, "reason": "wrong"})),
        ("/api/freeze", json!({"reason": "x"})),
    ] {
        let problem = page.post(path, &body).is_problem(403, "elsewhere");
        assert!(problem["detail"].as_str().unwrap().contains("origin"), "{problem}");
    }
    assert_eq!(stand(&village), before);
}

#[test]
fn a_draft_is_merged_where_the_person_wants_it_all_the_same() {
    let village = Village::small().file("qa/list.md", "one\ntwo\n").commit("Start a list");
    village.says([write("qa/list.md", "one\ntwo, by the agent\n"), finish("Say who wrote two")]);
    let slot = ["--slot", "morning"];
    village.halt_at("replied", "chaostester", &slot);
    let mine = village.put("qa/list.md", "one\ntwo, by Ada\n").save("Say who wrote two");
    village.run_with("chaostester", &slot).ended(0, "opened");
    let page = Page::open(&village);
    let (head, before) = (page.head(1), stand(&village));
    let problem = page.post("/api/pulls/1/merge", &json!({"head": head})).is_problem(409, "draft");
    assert!(problem["detail"].as_str().unwrap().contains("qa/list.md"), "{problem}");
    let all_the_same = json!({"head": head, "draft": true});
    let problem = page.post("/api/pulls/1/merge", &all_the_same).is_problem(409, "conflicts");
    assert_eq!((&problem["paths"], stand(&village)), (&json!(["qa/list.md"]), before));
    // Where what it conflicts with is taken back it is merged.
    village.git(["revert", "--no-edit", &mine]);
    page.post("/api/pulls/1/merge", &json!({"head": head})).is_problem(409, "draft");
    assert_eq!(page.post("/api/pulls/1/merge", &all_the_same).status, 200);
    assert_eq!(village.show("main", "qa/list.md"), "one\ntwo, by the agent");
}

/// A merge that is asked for in the page while something else happens; says the answer.
fn merged_while(page: &Page, meanwhile: impl FnOnce()) -> Answer {
    let body = json!({"head": page.head(1)});
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| page.post("/api/pulls/1/merge", &body));
        meanwhile();
        asking.join().unwrap()
    })
}

#[test]
fn where_the_default_branch_moves_at_that_moment_it_is_busy() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let (main, tree) = (village.git(["rev-parse", "main"]), village.git(["rev-parse", "main^{tree}"]));
    let moved = village.git(["commit-tree", &tree, "-p", &main, "-m", "At that moment"]);
    // As git does it: the new value is written into the lock, which then takes the place of the branch.
    let branch = village.dir().join(".git/refs/heads/main");
    let lock = branch.with_extension("lock");
    let known = village.everything().1.lines().count();
    std::fs::write(&lock, format!("{moved}\n")).unwrap();
    let answer = merged_while(&page, || {
        // The commit of the merge is there, and about to land.
        until(|| village.everything().1.lines().count() > known);
        std::fs::rename(&lock, &branch).unwrap();
    });
    answer.is_problem(503, "busy");
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    assert_eq!((village.git(["rev-parse", "main"]), village.facts("pull.merged").len()), (moved, 0));
    assert_eq!(village.states(), [(1, "open".to_owned())]);
    assert_eq!(page.post("/api/pulls/1/merge", &json!({"head": page.head(1)})).status, 200, "the next try");
    village.verify_ok();
}

#[test]
fn where_the_branch_goes_away_at_that_moment_nothing_is_merged() {
    let village = with_a_pull();
    let page = Page::open(&village);
    let main = village.git(["rev-parse", "main"]);
    let journal =
        std::fs::File::options().write(true).open(village.dir().join(".git/monkeytown/journal.lock")).unwrap();
    journal.lock().unwrap();
    let waits = format!(":{} ", journal.metadata().unwrap().ino());
    let answer = merged_while(&page, || {
        // The merge has looked at the branch, and waits for its turn to write.
        let is_waiting = |line: &str| line.contains("->") && line.contains(&waits);
        until(|| std::fs::read_to_string("/proc/locks").unwrap().lines().any(is_waiting));
        village.git(["branch", "-q", "-D", "agent/chaostester"]);
        journal.unlock().unwrap();
    });
    let problem = answer.is_problem(409, "no-branch");
    assert!(problem["detail"].as_str().unwrap().contains("agent/chaostester"), "{problem}");
    assert_eq!(village.git(["rev-parse", "main"]), main);
    // From then on that is known to be a rejection.
    let again = page.post("/api/pulls/1/merge", &json!({"head": village.pulls()[0]["head"]}));
    assert_eq!(again.is_problem(409, "closed")["state"], "rejected");
}

// covers: local-verdicts#nobody-else-decides/a-server-for-others
#[test]
fn a_server_for_others_takes_no_verdicts() {
    let with_remote = Village::small_with_remote();
    let alone = Village::small();
    let cases: [(&Village, &[&str]); 4] = [
        (&alone, &["--read-only"]),
        (&alone, &["--proxy-header", "X-Forwarded-For"]),
        (&with_remote, &[]),
        (&with_remote, &["--remote", "origin"]),
    ];
    for (village, more) in cases {
        let page = Page::served(village, more);
        assert_eq!((&page.token, &page.get("/api/town")["local"]), (&None, &json!(false)), "{more:?}");
        page.exchange("x").is_problem(403, "not-local");
        page.post("/api/freeze", &json!({"reason": "x"})).is_problem(403, "not-local");
        assert_eq!(village.facts("town.frozen").len(), 0, "{more:?}");
    }
    let mut child = alone.command(&["serve", "--listen", "0.0.0.0:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (address, token) = page(&line);
    let address = SocketAddr::from(([127, 0, 0, 1], address.port()));
    let page = Page { child, address, token, session: String::new() };
    assert_eq!((&page.token, &page.get("/api/town")["local"]), (&None, &json!(false)));
    page.post("/api/freeze", &json!({"reason": "x"})).is_problem(403, "not-local");
}

#[test]
fn a_secret_is_in_no_log() {
    let village = with_a_pull();
    let mut page = Page::open(&village);
    page.exchange(&page.token.clone().unwrap()).is_problem(401, "token-used");
    assert_eq!(page.post("/api/freeze", &json!({"reason": "lunch"})).status, 200);
    // What was logged is written to its end where the server is asked to end.
    let told = Command::new("kill").args(["-TERM", &page.child.id().to_string()]).status();
    assert!(told.unwrap().success() && page.child.wait().unwrap().success());
    let mut log = String::new();
    page.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("/api/session") && log.contains("decided in the page"), "{log}");
    for secret in [page.token.clone().unwrap(), page.session.clone()] {
        assert!(!log.contains(&secret), "{log}");
    }
}

#[test]
fn a_wrong_address_to_listen_at_is_answered_with_a_right_one() {
    let village = with_a_pull();
    for address in ["127.0.0.1:99999", "4180", "localhost:4180", ""] {
        let ended = village.command(&["serve", "--listen", address]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{address}: {said}");
        assert!(said.contains("as in 127.0.0.1:4180"), "{address}: {said}");
    }
}
