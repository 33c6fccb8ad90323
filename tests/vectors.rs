//! Promise: the page folds a journal to the same town as the program does.
//! Lives here: a thousand journals made from fixed seeds, folded by the program and written where `web/test/vectors.test.ts` reads
//! them. Never here: the page's half, which `scripts/test web` runs.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use fastrand::Rng;
use monkeytown::town::envelope::Envelope;
use monkeytown::town::event::Event;
use monkeytown::town::fold::Town;
use serde_json::{Map, Value, json};

const JOURNALS: u64 = 1_000;
const JOURNALS_IN_A_FILE: u64 = 50;

/// Words that code forgets: other scripts, signs that turn the line around, names that every object of JavaScript has.
const WORDS: [&str; 12] =
    ["ok", "ä", "世界", "🐒", "\u{202e}", "__proto__", "x\"y\\z", "\n", "a/b", "\u{feff}", "constructor", "ééééééééé"];
const AGENTS: [&str; 6] = ["founderai", "chaostester", "a", "constructor", "zed-9", "b1"];
/// Values that stand where something else should.
const RAW: [&str; 23] = [
    "1.0",
    "1e3",
    "-0",
    "-1",
    "1E400",
    "18446744073709551616",
    "9007199254740993",
    "\"\\ud800\"",
    "\"\\ud83d\\udc12\"",
    "null",
    "[]",
    "{}",
    "true",
    "\"\"",
    "\"a\"",
    "4294967296",
    "[[[[1.5]]]]",
    "{\"\\udfff\":1}",
    "{\"a\":1,\"a\":2}",
    "[1,2]",
    "\"2026-01-01\"",
    "\"merged\"",
    "{\"other\":null}",
];

/// What a journal's author remembers, so that most of what it tells fits together.
struct Author {
    rng: Rng,
    agents: Vec<&'static str>,
    active: BTreeMap<&'static str, String>,
    runs: Vec<String>,
    open: Vec<u64>,
    number: u64,
    posts: Vec<String>,
    replies: Vec<String>,
    slots: Vec<String>,
    reactions: Vec<(String, u64)>,
    now: i64,
}

type Told = (&'static str, Value);

impl Author {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let agents = AGENTS[..rng.usize(2..=6)].to_vec();
        let now = 1_795_769_657 + rng.i64(-1_000_000..1_000_000);
        let (active, runs, open, posts, replies, slots, reactions) = Default::default();
        Self { rng, agents, active, runs, open, number: 0, posts, replies, slots, reactions, now }
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(0..n) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(0..of.len())].clone()
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| self.rng.digit(16)).collect()
    }

    fn oid(&mut self) -> String {
        let digits = if self.one_in(3) { 64 } else { 40 };
        self.hex(digits)
    }

    fn ulid(&mut self) -> String {
        // The first sign of a ULID holds three bits.
        let rest: String =
            (0..25).map(|_| self.pick(&"0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().collect::<Vec<_>>())).collect();
        format!("{}{rest}", self.rng.u8(0..8))
    }

    fn text(&mut self, most: usize) -> String {
        (0..self.rng.usize(0..=most)).map(|_| self.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    /// An amount, now and then at an edge of what some type of number holds.
    fn big(&mut self) -> u64 {
        if !self.one_in(3) {
            return self.rng.u64(0..=5_000);
        }
        let edges = [0, 1, 1 << 31, u32::MAX.into(), 1 << 32, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, 1 << 63, u64::MAX];
        if self.one_in(4) { self.rng.u64(..) } else { self.pick(&edges) }
    }

    fn agent(&mut self) -> &'static str {
        let agents = self.agents.clone();
        self.pick(&agents)
    }

    /// The run of an agent, or now and then another.
    fn run(&mut self, agent: &str) -> String {
        match self.active.get(agent).cloned() {
            Some(run) if !self.one_in(10) => run,
            _ if !self.runs.is_empty() && !self.one_in(5) => {
                let runs = self.runs.clone();
                self.pick(&runs)
            }
            _ => self.ulid(),
        }
    }

    /// An agent and its run, which ends now.
    fn ending(&mut self) -> (&'static str, String) {
        let agent = self.agent();
        let run = self.run(agent);
        if self.active.get(agent) == Some(&run) {
            self.active.remove(agent);
        }
        (agent, run)
    }

    fn pull(&mut self) -> u64 {
        if !self.open.is_empty() && !self.one_in(7) {
            let open = self.open.clone();
            return self.pick(&open);
        }
        if self.one_in(9) { (1 << 63) + self.rng.u64(0..9) } else { self.rng.u64(0..self.number + 3) }
    }

    fn post(&mut self) -> String {
        let posts = self.posts.clone();
        if posts.is_empty() || self.one_in(20) { "nope".to_owned() } else { self.pick(&posts) }
    }

    /// Takes fields away that may be left out.
    fn spare(&mut self, mut data: Value, optional: &[&str]) -> Value {
        for field in optional {
            if self.one_in(3) {
                data.as_object_mut().unwrap().remove(*field);
            }
        }
        data
    }

    fn offer(&mut self, more: Value) -> Value {
        let files = self.pick(&[0, 1, 7, u32::MAX]);
        let mut data = json!({
            "branch": format!("agent/{}", self.text(1)), "head": self.oid(), "base": self.oid(), "title": self.text(6),
            "body": self.text(30), "draft": self.rng.bool(), "conflicts": self.texts(2), "paths": self.texts(3),
            "files": files, "adds": self.big(), "dels": self.big(), "content": self.oid(),
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.spare(
            data,
            &["body", "draft", "conflicts", "paths", "files", "adds", "dels", "content", "replaces", "url"],
        )
    }

    fn texts(&mut self, most: usize) -> Vec<String> {
        (0..self.rng.usize(0..=most)).map(|_| self.text(1)).collect()
    }

    fn maybe<T: Into<Value>>(&mut self, value: T) -> Value {
        if self.rng.bool() { Value::Null } else { value.into() }
    }

    fn of_runs(&mut self) -> Told {
        match self.rng.u8(0..27) {
            0..8 => self.started(),
            8..10 => {
                let agent = self.agent();
                let data = json!({
                    "run": self.run(agent), "agent": agent, "attempt": self.rng.u8(0..9),
                    "lease_until": self.rng.i64(0..1 << 40), "holder": self.text(1),
                });
                ("run.resumed", data)
            }
            10..14 => {
                let agent = self.agent();
                let tokens = json!({
                    "input": self.rng.u64(0..1_000_000), "cached": self.pick(&[0, 1, (1_u64 << 53) + 5]),
                    "cache_write": self.rng.u64(0..99), "output": self.rng.u64(0..99), "reasoning": 1,
                });
                let tokens = self.spare(tokens, &["input", "cached", "cache_write", "output", "reasoning"]);
                let data = json!({
                    "run": self.run(agent), "agent": agent, "brain": self.text(1), "turns": self.rng.u8(0..99),
                    "tokens": tokens, "cost_micros": self.big(), "incomplete": self.rng.bool(),
                });
                ("run.usage.metered", data)
            }
            14..18 => {
                let agent = self.agent();
                let replaced = self.oid();
                let more = json!({ "run": self.run(agent), "agent": agent, "replaces": self.maybe(replaced) });
                ("run.proposed", self.offer(more))
            }
            18..23 => {
                let (agent, run) = self.ending();
                let outcome = self.pick(&["opened", "updated", "nothing", "asked"]);
                let number = self.big();
                let data = json!({
                    "run": run, "agent": agent, "outcome": outcome, "reason": self.text(6), "pull": self.maybe(number),
                });
                ("run.finished", self.spare(data, &["pull"]))
            }
            23..25 => {
                let (agent, run) = self.ending();
                let kind =
                    self.pick(&[json!("gate"), json!("no-result"), json!("brand-new"), json!({ "newer": null })]);
                ("run.failed", json!({ "run": run, "agent": agent, "kind": kind, "reason": self.text(6) }))
            }
            _ => {
                let (agent, run) = self.ending();
                ("run.expired", json!({ "run": run, "agent": agent }))
            }
        }
    }

    fn started(&mut self) -> Told {
        let agent = self.agent();
        let run = if self.one_in(20) { self.run(agent) } else { self.ulid() };
        let slots = self.slots.clone();
        let slot =
            if !slots.is_empty() && self.one_in(10) { self.pick(&slots) } else { format!("s-{}", self.rng.u32(..)) };
        self.slots.push(slot.clone());
        self.active.entry(agent).or_insert_with(|| run.clone());
        self.runs.push(run.clone());
        let trigger = self.pick(&[json!("schedule"), json!("manual"), json!({ "manual": null })]);
        let lease = self.pick(&[0, -5, i64::MIN, i64::MAX, 1_795_769_657]);
        let data = json!({
            "run": run, "agent": agent, "slot": slot, "trigger": trigger, "base": self.oid(), "start": self.oid(),
            "lease_until": lease, "holder": self.text(1), "brain": self.text(1), "hold_micros": self.big(),
        });
        ("run.started", self.spare(data, &["hold_micros"]))
    }

    fn of_agents(&mut self) -> Told {
        let agent = self.agent();
        match self.rng.u8(0..8) {
            0..2 => {
                let kind = self.pick(&["agent.registered", "agent.updated"]);
                let owns: Vec<_> =
                    (0..self.rng.u8(0..3)).map(|_| self.pick(&["src/**", "docs/*.md", "a b/é*", "**"])).collect();
                (kind, json!({ "agent": agent, "owns": owns, "charter": self.oid() }))
            }
            2..4 => {
                let calls: Vec<_> = (0..self.rng.u8(0..3))
                    .map(|_| json!({ "tool": "Bash", "argv_hash": "x", "ok": true, "ms": self.big(), "out_hash": "y" }))
                    .collect();
                let first = self.pick(&[0, 3, u32::MAX]);
                ("tool.called", json!({ "run": self.run(agent), "first": first, "calls": calls }))
            }
            4 => {
                let data =
                    json!({ "run": self.run(agent), "tree": self.oid(), "checks": 16, "files": 1, "warnings": 0 });
                ("gate.passed", data)
            }
            5 => {
                let findings = self.texts(2);
                let nth = self.rng.u8(0..4);
                let data = json!({
                    "run": self.run(agent), "nth": nth, "tree": self.oid(), "findings": findings, "total": 1,
                });
                ("gate.failed", data)
            }
            _ => {
                let kind = self.pick(&["agent.paused", "agent.resumed"]);
                let data = json!({ "agent": agent, "by": self.text(1), "reason": self.text(4) });
                (kind, self.spare(data, &["reason"]))
            }
        }
    }

    fn of_pulls(&mut self) -> Told {
        match self.rng.u8(0..29) {
            0..7 => {
                let agent = self.agent();
                self.number += self.pick(&[1, 1, 1, 7]);
                let number = if self.one_in(10) { self.pull() } else { self.number };
                self.open.push(number);
                let url = format!("https://x/{}", self.text(1));
                let more = json!({ "number": number, "agent": agent, "run": self.run(agent), "url": self.maybe(url) });
                ("pull.opened", self.offer(more))
            }
            7..10 => {
                let agent = self.agent();
                let more = json!({ "number": self.pull(), "run": self.run(agent) });
                ("pull.updated", self.offer(more))
            }
            10..15 => {
                let id = self.big();
                let data = json!({
                    "number": self.pull(), "by": self.text(1), "text": self.text(6), "place": self.maybe("a:1"),
                    "forge_id": self.maybe(id),
                });
                ("pull.commented", self.spare(data, &["place", "forge_id"]))
            }
            15..23 => self.closed(),
            23..26 => {
                let state = self.pick(&["approved", "changes-requested", "commented", "dismissed"]);
                let data = json!({
                    "number": self.pull(), "by": self.text(1), "state": state, "text": self.text(6), "forge_id": self.big(),
                });
                ("pull.reviewed", data)
            }
            _ => {
                let number = self.rng.u64(0..self.number + 2);
                self.open.push(number);
                ("pull.reopened", json!({ "number": number, "by": self.text(1) }))
            }
        }
    }

    fn closed(&mut self) -> Told {
        let number = self.pull();
        if !self.one_in(5) {
            self.open.retain(|open| *open != number);
        }
        if self.rng.bool() {
            let data = json!({
                "number": number, "by": self.text(1), "commit": self.oid(), "seconds_open": self.big(),
                "edited": self.rng.bool(),
            });
            return ("pull.merged", data);
        }
        let reasons =
            ["duplicate", "wrong", "out-of-scope", "too-large", "low-value", "spam", "path-violation", "other"];
        let reason = if self.one_in(9) { json!({ "other": null }) } else { json!(self.pick(&reasons)) };
        let data = json!({
            "number": number, "by": self.text(1), "reason": reason, "seconds_open": self.big(), "text": self.text(6),
        });
        ("pull.rejected", self.spare(data, &["text"]))
    }

    fn of_people(&mut self) -> Told {
        match self.rng.u8(0..20) {
            0..5 => self.reaction(),
            5..11 => {
                let post = self.pick(&["__proto__", "constructor", "p/a", "issue"]);
                let post = if self.one_in(3) { post.to_owned() } else { format!("issue-{}", self.rng.u16(0..400)) };
                self.posts.push(post.clone());
                let author = self.pick(&["ana", "Ä", "not an agent", "founderai", "a"]);
                let times = if self.one_in(9) { 200 } else { 1 };
                let audience: Vec<_> = (0..self.rng.u8(0..3)).map(|_| self.agent()).collect();
                let data = json!({
                    "post": post, "author": author, "title": self.text(6), "body": self.text(6).repeat(times),
                    "audience": audience, "tags": self.texts(1),
                });
                ("post.published", self.spare(data, &["audience", "tags"]))
            }
            11..14 => {
                let times = if self.one_in(9) { 300 } else { 1 };
                let data = json!({
                    "post": self.post(), "author": self.text(1), "body": self.text(3).repeat(times), "forge_id": self.big(),
                });
                ("post.replied", self.spare(data, &["forge_id"]))
            }
            14 => ("post.closed", json!({ "post": self.post(), "by": self.text(1) })),
            15 => self.masked(),
            16 => ("forge.synced", json!({ "cursor": self.moment() })),
            17 => (self.pick(&["town.frozen", "town.thawed"]), json!({ "by": self.text(1), "reason": self.text(3) })),
            _ => (self.pick(&["agent.sang", "run.started.v2x"]), json!({ "x": 1 })),
        }
    }

    /// A post or a reply is hidden, or shown again.
    fn masked(&mut self) -> Told {
        let replies = self.replies.clone();
        let what = if replies.is_empty() || self.one_in(2) { self.post() } else { self.pick(&replies) };
        let data = json!({ "post": what, "by": self.text(1), "reason": self.text(3) });
        (self.pick(&["post.hidden", "post.hidden", "post.restored"]), self.spare(data, &["reason"]))
    }

    fn reaction(&mut self) -> Told {
        let reactions = self.reactions.clone();
        if !reactions.is_empty() && self.one_in(3) {
            let (target, id) = self.pick(&reactions);
            let data = json!({ "target": target, "by": self.text(1), "kind": "+1", "forge_id": id });
            return ("reaction.withdrawn", data);
        }
        let number = self.pull();
        let targets = [
            format!("pull/{number}"),
            format!("pull/+{number}"),
            format!("pull/00{number}"),
            format!("post/{}", self.post()),
            format!("post/{}", self.post()),
            "post/constructor".to_owned(),
            "pull/x".to_owned(),
            "nope".to_owned(),
            "agent/a".to_owned(),
        ];
        let (target, id) = (self.pick(&targets), self.big());
        self.reactions.push((target.clone(), id));
        ("reaction.observed", json!({ "target": target, "by": self.text(1), "kind": self.text(1), "forge_id": id }))
    }

    /// A moment, in one of the ways in which RFC 3339 and its readers let it be written.
    fn moment(&mut self) -> String {
        if self.one_in(30) {
            let odd =
                ["1969-12-31T23:59:59.5Z", "0000-01-01T00:00:00Z", "2016-12-31T23:59:60Z", "9999-12-31T23:59:60-23:59"];
            return self.pick(&odd).to_owned();
        }
        self.now += self.pick(&[0, 1, 60, 3600, 90_000, -50]);
        let time = chrono::DateTime::from_timestamp(self.now, 0).unwrap();
        let between = self.pick(&["T", "T", "T", "t", " "]);
        let fraction = self.pick(&["", "", ".5", ".050", ".123456", ".000000001", ".12345678901"]);
        let zone = self.pick(&["Z", "Z", "Z", "z", "+00:00", "-00:00", "+05:30", "-23:59"]);
        format!("{}{between}{}{fraction}{zone}", time.format("%Y-%m-%d"), time.format("%H:%M:%S"))
    }

    /// The payload as text, now and then with one thing wrong with it.
    fn written(&mut self, data: &Value) -> String {
        let fields = data.as_object().unwrap();
        let keys: Vec<String> = fields.keys().cloned().collect();
        let (key, raw) = (self.pick(&keys), self.pick(&RAW));
        let plain = data.to_string();
        let open = plain.strip_suffix('}').unwrap();
        match self.rng.u8(0..100) {
            0..6 => {
                let parts: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| {
                        format!("{}:{}", json!(name), if *name == key { raw.into() } else { value.to_string() })
                    })
                    .collect();
                format!("{{{}}}", parts.join(","))
            }
            6..8 => {
                let deep = self.pick(&[125, 126, 127, 130]);
                let nested = format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
                format!("{open},\"zz\":{}}}", self.pick(&[raw, &nested]))
            }
            8..10 => format!("{open},{}:{}}}", json!(key), fields[&key]),
            10..12 => {
                let rest: Map<String, Value> = fields.clone().into_iter().filter(|(name, _)| *name != key).collect();
                Value::Object(rest).to_string()
            }
            12..15 => Value::from_iter(fields.values().cloned()).to_string(),
            15 => raw.to_owned(),
            16 => format!("{open},\"\\ud800\":1}}"),
            17..50 => escaped(&plain),
            _ => plain,
        }
    }

    fn line(&mut self, id: &str) -> String {
        let (kind, data) = match self.rng.u8(0..10) {
            0..3 => self.of_runs(),
            3 => self.of_agents(),
            4..7 => self.of_pulls(),
            _ => self.of_people(),
        };
        if kind == "post.replied" {
            self.replies.push(id.to_owned());
        }
        let data = self.written(&data);
        let (subject, time) = (json!(self.text(1)), json!(self.moment()));
        format!(
            r#"{{"specversion":"1.0","id":"{id}","type":"monkeytown.{kind}.v1","source":"/towns/x","subject":{subject},"time":{time},"actor":"agent:a","data":{data}}}"#
        )
    }
}

/// The same JSON with every sign beyond ASCII as an escape.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    for sign in json.chars() {
        if sign.is_ascii() {
            out.push(sign);
        } else {
            sign.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write!(out, "\\u{unit:04x}").unwrap());
        }
    }
    out
}

/// How often an event of each type fitted, and how often one did not.
#[derive(Default)]
struct Seen {
    fitted: BTreeMap<String, u32>,
    misfits: u32,
}

/// One journal with the town after a third of it, after two thirds, and at its end.
fn journal(seed: u64, seen: &mut Seen) -> String {
    let mut author = Author::new(seed);
    let wanted = author.rng.usize(10..180);
    let lines: Vec<String> = (0..wanted).map(|nth| author.line(&format!("id{seed}-{nth}"))).collect();
    // What is no event at all cannot stand in a journal.
    let events: Vec<(Envelope, String)> =
        lines.into_iter().filter_map(|line| Some((Envelope::parse(&line).ok()?, line))).collect();
    let mut town = Town::default();
    let mut states = Vec::new();
    for (nth, (envelope, _)) in events.iter().enumerate() {
        match town.apply(envelope) {
            Ok(()) => *seen.fitted.entry(envelope.kind.clone()).or_default() += 1,
            Err(_) => seen.misfits += 1,
        }
        let count = nth + 1;
        if count == events.len() || count == events.len() / 3 || count == events.len() * 2 / 3 {
            states.push(format!(r#"{{"seq":{count},"town":{}}}"#, serde_json::to_string(&town).unwrap()));
        }
    }
    let lines: Vec<String> = events.into_iter().map(|(_, line)| line).collect();
    format!("{{\"events\":[\n{}\n],\"states\":[{}]}}", lines.join(",\n"), states.join(","))
}

#[test]
fn a_thousand_journals_are_folded_for_the_page() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut seen = Seen::default();
    for first in (0..JOURNALS).step_by(JOURNALS_IN_A_FILE as usize) {
        let journals: Vec<String> = (first..first + JOURNALS_IN_A_FILE).map(|seed| journal(seed, &mut seen)).collect();
        std::fs::write(folder.join(format!("{first:04}.json")), format!("[{}]", journals.join(",\n"))).unwrap();
    }
    // Journals that tell little would prove little.
    for kind in Event::KINDS {
        let fitted = seen.fitted.get(*kind).copied().unwrap_or_default();
        assert!(fitted >= 20, "{kind} fitted {fitted} times in all journals");
    }
    let fitted: u32 = seen.fitted.values().sum();
    assert!(seen.misfits > fitted / 20 && fitted > seen.misfits, "{fitted} fitted, {} did not", seen.misfits);
}
