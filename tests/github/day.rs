//! A whole day of a town on GitHub: nine agents, six slots, starts that come late, twice or not at all, merges, rejections,
//! a commit of a person on an agent's branch, GitHub away for two slots, a secondary limit; and at its end everything is
//! where it belongs.

use std::collections::{BTreeMap, BTreeSet};

use crate::fake::Method;
use crate::runner::{Done, Town, expecting, finish, write};

const AGENTS: [&str; 9] = [
    "bananaeconomist",
    "chaosarchitect",
    "chaostester",
    "founderai",
    "junglesecurity",
    "madchimp",
    "monkeybuilder",
    "primatedesigner",
    "simianresearcher",
];
const SLOTS: [&str; 6] = ["04:20", "08:20", "12:20", "16:20", "20:20", "23:50"];
/// The slots in which GitHub is away: once its API, once all of it.
const API_AWAY: usize = 2;
const ALL_AWAY: usize = 3;

struct Day {
    town: Town,
    /// What was rejected, by agent, newest last.
    rejected: BTreeMap<&'static str, Vec<u64>>,
}

impl Day {
    fn open_pull(&self, agent: &str) -> Option<u64> {
        let branch = format!("agent/{agent}");
        self.town.hub.pulls().iter().find(|pull| pull.state == "open" && pull.branch == branch).map(|pull| pull.number)
    }

    /// What the agent has to be told, or the brain stops the run: its open pull request, and its last rejection.
    fn must_be_told(&self, agent: &str) -> Vec<String> {
        let open = self.open_pull(agent).map(|number| format!("Number {number}"));
        let rejected = self.rejected.get(agent).and_then(|list| list.last());
        open.into_iter().chain(rejected.map(|number| format!("Number {number} was rejected"))).collect()
    }

    fn queue(&self, agent: &str) -> String {
        self.town.path(&format!("queue-{agent}")).to_str().unwrap().to_owned()
    }

    /// One start of an agent, on a runner that gets what an earlier one left.
    fn start(&self, slot: usize, agent: &str, away: Option<&str>) -> Done {
        let told = self.must_be_told(agent);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let page = format!("What {agent} saw in slot {slot}.\n");
        let first = expecting(write(&format!("{agent}/page.md"), &page), &told);
        self.town.says([first, finish(&format!("Say what was seen in slot {slot}"))]);
        let (job, queue) = (self.town.job(), self.queue(agent));
        let more = ["--queue", &queue];
        let done = match away {
            None => job.run(agent, &more),
            Some("api") => {
                self.town.hub.fail_next("*", "/repos/", 503, "", 10_000);
                job.run(agent, &more)
            }
            // Some find it gone when they begin, others in the middle of their work.
            Some("all") if agent < "f" => {
                self.town.hub.down(true);
                job.run(agent, &more)
            }
            Some(_) => {
                // Before it knows that its slot is taken by what waited before, it may end; then nothing is away for it.
                let town = &self.town;
                job.run_meanwhile("synced", agent, &more, || town.hub.down(true))
            }
        };
        self.town.hub.mend();
        assert!([0, 3].contains(&done.code), "{agent} in slot {slot}: {done:#?}");
        done
    }

    fn slot(&self, slot: usize) {
        for (place, agent) in AGENTS.into_iter().enumerate() {
            // Late, by minutes or by hours, and in any order.
            self.town.later(if (place + slot).is_multiple_of(4) { 12 } else { 1 });
            if (place, slot) == (8, 4) {
                continue; // This start was dropped.
            }
            match slot {
                API_AWAY => {
                    self.start(slot, agent, Some("api"));
                }
                ALL_AWAY => {
                    self.start(slot, agent, Some("all"));
                }
                _ => {
                    if (place, slot) == (2, 1) {
                        self.town.hub.secondary_limit(1, 0);
                    }
                    self.start(slot, agent, None);
                    if (place + slot).is_multiple_of(3) {
                        // Started twice. What waited may have gone first; then the slot itself is taken now, and only once.
                        let again = self.start(slot, agent, None);
                        let more = self.start(slot, agent, None);
                        assert_eq!(more.json["outcome"], "skipped", "{again:#?} {more:#?}");
                    }
                }
            }
        }
    }

    /// What people do in the evening of a slot.
    fn people(&mut self, slot: usize) {
        self.town.later(5);
        for (place, agent) in AGENTS.into_iter().enumerate() {
            let Some(number) = self.open_pull(agent) else { continue };
            match (place + slot) % 4 {
                0 => {
                    self.town.hub.merge(number, "ada", [Method::Merge, Method::Squash][place % 2]);
                }
                1 => {
                    self.town.hub.comment(number, "grace", &format!("/reject low-value slot {slot} was dull"));
                    self.rejected.entry(agent).or_default().push(number);
                }
                2 if slot == 1 => {
                    self.town.hub.commit_on_branch(
                        &format!("agent/{agent}"),
                        "ada",
                        &format!("{agent}/ada.md"),
                        "Ada.\n",
                    );
                }
                _ => {}
            }
        }
        self.town.later(1);
        self.town.sync();
        for numbers in self.rejected.values() {
            for number in numbers {
                assert_eq!(self.town.hub.pull(*number).state, "closed");
            }
        }
    }
}

#[test]
fn a_day_of_nine_agents_ends_with_everything_in_its_place() {
    let mut day = Day { town: Town::of(&AGENTS), rejected: BTreeMap::new() };
    for (slot, time) in SLOTS.iter().enumerate() {
        day.town.at(&format!("2026-11-21T{time}:00Z"));
        day.slot(slot);
        day.people(slot);
    }
    // What still waits goes out with the first runs of the next day.
    day.town.at("2026-11-22T04:20:00Z");
    day.slot(6);
    day.town.later(1);
    day.town.sync();
    assert_eq!(day.town.sync(), [""; 0]);
    day.town.verify_ok();

    let pulls = day.town.hub.pulls();
    let open: Vec<&str> = pulls.iter().filter(|pull| pull.state == "open").map(|pull| pull.branch.as_str()).collect();
    assert_eq!(open.iter().collect::<BTreeSet<_>>().len(), open.len(), "one open pull request at most: {open:?}");
    let state = day.town.job().monkeytown(&["pulls", "--all", "--json"]);
    for pull in state.json["pulls"].as_array().unwrap() {
        let there = pulls.iter().find(|there| Some(there.number) == pull["number"].as_u64()).unwrap();
        let wanted = if there.state == "closed" { "rejected" } else { there.state };
        assert_eq!(pull["state"], wanted, "{pull}");
        if there.state == "open" {
            assert_eq!(pull["head"], there.head.as_str(), "{pull}");
        }
    }
    let numbers = |facts: Vec<serde_json::Value>| -> BTreeSet<u64> {
        facts.iter().map(|fact| fact["number"].as_u64().unwrap()).collect()
    };
    let opened = day.town.facts("pull.opened");
    assert_eq!(opened.len(), pulls.len(), "each pull request was opened once");
    assert_eq!(numbers(opened), pulls.iter().map(|pull| pull.number).collect());
    let rejected: BTreeSet<u64> = day.rejected.values().flatten().copied().collect();
    assert_eq!(numbers(day.town.facts("pull.rejected")), rejected);

    // Every run that began came to an end, every slot was taken once, and nobody was blind.
    let events = day.town.events();
    let of = |kind: &str| -> Vec<&serde_json::Value> {
        let kind = format!("monkeytown.{kind}.v1");
        events.iter().filter(|event| event["type"] == kind.as_str()).map(|event| &event["data"]).collect()
    };
    let started = of("run.started");
    let slots: BTreeSet<String> = started.iter().map(|run| format!("{} {}", run["agent"], run["slot"])).collect();
    assert_eq!(slots.len(), started.len(), "one run for each slot");
    assert_eq!(of("run.failed"), Vec::<&serde_json::Value>::new());
    assert_eq!(of("run.finished").len(), started.len());
    let agents: BTreeSet<&str> = started.iter().map(|run| run["agent"].as_str().unwrap()).collect();
    assert_eq!(agents.len(), AGENTS.len());
    // Of 63 planned ones: one slot nobody could even clone deeply enough, and what waited took the start of a later slot.
    assert!(started.len() >= 40, "{} runs", started.len());
    assert!(!of("pull.merged").is_empty() && !rejected.is_empty());
    // Ada's commit was neither lost nor pushed over.
    let merged_or_open = pulls.iter().any(|pull| {
        let at = pull.merge_sha.as_deref().unwrap_or(&pull.head);
        AGENTS.iter().any(|agent| day.town.hub.file(at, &format!("{agent}/ada.md")).is_some())
    });
    assert!(merged_or_open);
}
