//! What the server says of the repository: pull requests, agents, specs, history, earlier states.
//! Lives here: the reading paths of the API. Never here: the stream (see `stream`).

use std::sync::atomic::Ordering;

use monkeytown::serve::ring::Capacity;
use serde_json::Value;

use crate::export::{export, record};
use crate::station::{Plan, Station, until};
use crate::village::{Village, finish, write};

fn with_a_pull() -> Village {
    let village = Village::small();
    village
        .says([write("qa/links.md", "The first link leads nowhere.\nIt should lead home.\n"), finish("List the link")]);
    village.run("chaostester").ended(0, "opened");
    village
}

#[test]
fn a_journal_that_was_rewritten_does_not_hold_what_was_shown_and_is_told_all_the_same() {
    const JOURNAL: &str = "refs/heads/monkeytown/journal";
    let village = with_a_pull();
    let seen = village.git(["rev-parse", JOURNAL]);
    village.git(["update-ref", JOURNAL, &format!("{JOURNAL}~1")]);
    let site = village.path("site");
    assert_eq!(export(&village, &site).code, 0);
    let ledger: Value = serde_json::from_slice(&std::fs::read(site.join("ledger.json")).unwrap()).unwrap();
    let station = Station::open(&village);
    let verify = || station.get("/api/ledger", &[]).json()["verify"].clone();
    let told = verify();
    assert_eq!((&told["ok"], &told["head"]), (&false.into(), &village.git(["rev-parse", JOURNAL]).into()), "{told}");
    assert_eq!(ledger["verify"], told);
    village.git(["update-ref", JOURNAL, &seen]);
    until(|| verify()["ok"] == true);
}

#[test]
fn an_answer_from_before_the_stream_saw_a_commit_is_not_kept_for_after() {
    let village = Village::small();
    let station = Station::open(&village);
    let landed = || station.shared.hub.counts.landed.load(Ordering::Relaxed);
    let commits: u64 = village.git(["rev-list", "--count", "main"]).parse().unwrap();
    let known = || station.get("/api/history/index", &[]).json()["chunks"][0]["events"].clone();
    until(|| known() == commits);
    let before = landed();
    // Git has it already, and the clock stands still.
    let event = serde_json::json!({
        "specversion": "1.0", "id": "landed-late", "type": "monkeytown.commit.landed.v1", "source": "/towns/smalltown",
        "time": crate::village::MORNING, "actor": "human:ada", "data": {},
    });
    let json = serde_json::value::to_raw_value(&event).unwrap();
    let oid = village.git(["rev-parse", "main"]).parse().unwrap();
    station.shared.hub.place(&[(oid, "landed-late", &json)]);
    assert_eq!((landed(), known()), (before + 1, (commits + 1).into()));
}

#[test]
fn a_pull_request_is_shown_with_its_diff_its_checks_and_its_run() {
    let village = with_a_pull();
    let station = Station::open(&village);
    let list = station.get("/api/pulls", &[]).json();
    let pull = &list[0];
    assert_eq!(
        (pull["number"].as_u64(), pull["state"].as_str(), pull["adds"].as_u64()),
        (Some(1), Some("open"), Some(2))
    );
    assert_eq!((pull["own_paths"].as_bool(), pull["risk"].as_array().map(Vec::len)), (Some(true), Some(0)), "{pull}");
    assert!(pull["checks"].as_array().unwrap().iter().all(|check| check["state"] == "passed"), "{pull}");
    let page = station.get("/api/pulls/1", &[]).json();
    let file = &page["files"][0];
    assert_eq!((file["path"].as_str(), file["status"].as_str()), (Some("qa/links.md"), Some("added")), "{page}");
    assert!(file["patch"].as_str().unwrap().contains("+The first link leads nowhere."), "{file}");
    assert_eq!(
        (page["runs"][0]["outcome"].as_str(), page["runs"][0]["run"].clone()),
        (Some("opened"), page["run"].clone())
    );
    assert_eq!(page["file_count"], 1);
    let problem = station.get("/api/pulls/2", &[]).is_problem(404, "not-found");
    assert_eq!(problem["type"], "urn:monkeytown:problem:not-found");
    station.get("/api/pulls/x", &[]).is_problem(404, "not-found");
}

#[test]
fn what_people_push_to_the_branch_is_judged_with_it() {
    let village = with_a_pull();
    village.git(["checkout", "-q", "agent/chaostester"]);
    village.put("README.md", "# Small \u{202e}nwot\n");
    let tip = village.save("Mine too");
    village.git(["checkout", "-q", "main"]);
    let station = Station::open(&village);
    let page = station.get("/api/pulls/1", &[]).json();
    assert_eq!((page["tip"].as_str(), page["own_paths"].as_bool()), (Some(tip.as_str()), Some(false)), "{page}");
    let readme = page["files"].as_array().unwrap().iter().find(|file| file["path"] == "README.md").unwrap();
    assert_eq!(readme["invisible"][0]["what"], "\\u{202E}", "{readme}");
    let high = |word: &str| {
        let risks = page["risk"].as_array().unwrap().iter();
        risks.filter(|risk| risk["level"] == "high").any(|risk| risk["what"].as_str().unwrap().contains(word))
    };
    assert!(high("stays-in-own-paths") && high("no-invisible-text"), "{page}");
}

#[test]
fn agents_are_told_with_their_next_slot_and_their_memory() {
    let memory =
        r#"{"entries":[{"id":"m-1","at":"2026-11-20T00:00:00Z","kind":"lesson","importance":7,"text":"Links rot."}]}"#;
    let village = Village::new()
        .agent_with("chaostester", "qa/**", "schedule: { cron: \"20 */4 * * *\" }\n")
        .file("agents/memories/chaostester-memory.json", memory)
        .commit("Found the town");
    let station = Station::open(&village);
    let agent = station.get("/api/agents", &[]).json()[0].clone();
    assert_eq!((agent["name"].as_str(), agent["owns"][0].as_str()), (Some("chaostester"), Some("qa/**")));
    assert_eq!(agent["next_slot"], "2026-11-21T08:20:00Z");
    assert_eq!(
        (agent["memories"][0]["text"].as_str(), agent["memories"][0]["kind"].as_str()),
        (Some("Links rot."), Some("lesson"))
    );
    assert!(agent["persona"].as_str().unwrap().starts_with("You look after qa/**."), "{agent}");
}

#[test]
fn agents_are_told_with_what_they_may_have_on_one_day() {
    let village = Village::new()
        .agent("chaostester", "qa/**")
        .agent_with("madchimp", "chaos/**", "limits: { usd_per_run: \"0.004\" }\n")
        .settings("paused: [madchimp]\nlimits: { runs_per_day: 3, usd_per_day: \"2.50\" }\n")
        .commit("Found the town");
    let agents = Station::open(&village).get("/api/agents", &[]).json();
    let told = |nth: usize| {
        let agent = &agents[nth];
        (agent["paused"].as_bool().unwrap(), agent["day"]["runs"].as_u64(), agent["day"]["cost_micros"].as_u64())
    };
    // What is left beyond it is less than a run needs to start.
    assert_eq!(told(0), (false, Some(3), Some(2_490_000)), "{agents}");
    assert_eq!(told(1), (true, Some(3), Some(2_496_000)), "{agents}");
}

#[test]
fn specs_and_changes_are_counted_with_what_tests_name() {
    let spec = "# Login\n## Purpose\nPeople come in by it.\n## Requirements\n### Requirement: Enter\nIt SHALL open.\n\
                #### Scenario: Key\n- **WHEN** a key\n- **THEN** open\n#### Scenario: None\n- **WHEN** none\n- **THEN** shut\n";
    let village = Village::small()
        .file("openspec/specs/login/spec.md", spec)
        .file("openspec/changes/add-x/proposal.md", "# X\n")
        .file("openspec/changes/add-x/tasks.md", "- [x] 1.1 one\n- [ ] 1.2 two\n")
        .file("openspec/changes/archive/2026-01-02-old/proposal.md", "# Old\n")
        .file("tests/login.sh", &["# covers", ": login#enter/key\n"].concat())
        .commit("Say what it is");
    let told = Station::open(&village).get("/api/specs", &[]).json();
    let spec = &told["specs"][0];
    assert_eq!(["requirements", "scenarios", "covered"].map(|key| spec[key].as_u64().unwrap()), [1, 2, 1], "{told}");
    let (open, old) = (&told["changes"][0], &told["changes"][1]);
    assert_eq!((open["name"].as_str(), open["state"].as_str()), (Some("add-x"), Some("Draft")), "{told}");
    assert_eq!((open["tasks"]["done"].as_u64(), open["tasks"]["total"].as_u64()), (Some(1), Some(2)));
    assert_eq!((old["name"].as_str(), old["archived"].as_str()), (Some("old"), Some("2026-01-02")), "{told}");
}

// covers: town-api#every-moment-can-be-had
// covers: town-api#every-moment-can-be-had/a-witness-goes-back
// covers: town-api#every-moment-can-be-had/a-moment-that-was-not
#[test]
fn history_is_what_the_journal_says_and_every_moment_of_it_can_be_had() {
    let village = with_a_pull();
    let station = Station::open(&village);
    let journal: Vec<Value> = village
        .monkeytown(&["log", "-n", "0", "--json"])
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = journal.len() as u64;
    let lines = |query: &str| -> Vec<Value> {
        let body = station.get(&format!("/api/history?{query}"), &[]).body;
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let recorded = |lines: &[Value]| -> Vec<Value> {
        lines.iter().filter(|line| line["seq"].is_u64()).map(|line| line["event"].clone()).collect()
    };
    let all = lines("from=0");
    assert_eq!(recorded(&all), journal);
    assert!(all.iter().any(|line| line["event"]["type"] == "monkeytown.commit.landed.v1"), "{all:?}");
    // Pages meet without a gap and without an overlap.
    let (first, second) = (lines("from=0&to=2"), lines("from=3"));
    assert_eq!([first, second].concat(), all);
    // What landed before the first event can be read on like any other part.
    let before = lines("from=0&to=0");
    let place = before[0]["offset"].as_str().unwrap();
    assert_eq!(lines(&format!("to=0&after={place}")), before[1..]);
    for seq in 0..=last {
        let served = station.get(&format!("/api/state?at={seq}"), &[]).json();
        let folded = village.monkeytown(&["state", "--json", "--at", &seq.to_string()]).json;
        assert_eq!((served["seq"].as_u64(), &served["state"]), (Some(seq), &folded));
    }
    station.get(&format!("/api/state?at={}", last + 1), &[]).is_problem(404, "not-found");
    for wrong in ["from=1&to=9000", "from=5&to=2", "from=x"] {
        station.get(&format!("/api/history?{wrong}"), &[]).is_problem(400, "bad-request");
    }
    let index = station.get("/api/history/index", &[]).json();
    assert_eq!((index["first"].as_u64(), index["last"].as_u64()), (Some(1), Some(last)), "{index}");
    let sum = |list: &str, field: &str| -> u64 {
        index[list].as_array().unwrap().iter().map(|one| one[field].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("buckets", "count"), sum("chunks", "events")), (all.len() as u64, all.len() as u64), "{index}");
}

// covers: town-api#every-moment-can-be-had/a-part-that-the-ring-let-go-of
#[test]
fn a_long_history_is_had_to_its_end_whatever_the_ring_has_let_go_of() {
    let village = with_a_pull();
    record(&village, 5_600);
    let journal = village.monkeytown(&["log", "-n", "0", "--json"]).stdout.lines().count() as u64;
    // All of it is in the ring, most of it is in git alone, all of it is.
    for frames in [10_000, 300, 1] {
        let capacity = Capacity { frames, bytes: 64 << 20 };
        let station = Station::open_with(&village, Plan { capacity, ..Plan::default() });
        for (query, first) in [("from=1", 1), ("after=0", 1), ("from=20", 20), ("after=42949672960", 11)] {
            let (mut asked, mut seqs, mut answers) = (query.to_owned(), Vec::new(), 0);
            loop {
                let answer = station.get(&format!("/api/history?{asked}"), &[]);
                let lines = answer.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let recorded: Vec<u64> = lines.filter_map(|line| line["seq"].as_u64()).collect();
                assert!(answer.body.lines().count() <= 5_000, "{frames} {asked}");
                seqs.extend(recorded);
                answers += 1;
                let Some(next) = answer.head.lines().find_map(|line| line.strip_prefix("x-next-offset: ")) else {
                    break;
                };
                asked = format!("after={next}");
            }
            assert_eq!((answers, seqs), (2, (first..=journal).collect()), "{frames} {query}");
        }
        let part = station.get("/api/history?from=10&to=12", &[]);
        let is_whole = !part.head.contains("x-next-offset");
        assert_eq!((is_whole, part.body.matches("\"seq\":1").count()), (true, 3), "{frames} {part:?}");
        station.close();
    }
}

/// What the commit of a subject is called in the lines of history, and where it stands.
fn landed(lines: &str) -> Vec<(String, u64)> {
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let landed = lines.filter(|line| line["seq"].is_null());
    let subject = |line: &Value| line["event"]["data"]["subject"].as_str().unwrap().to_owned();
    landed.map(|line| (subject(&line), line["offset"].as_str().unwrap().parse().unwrap())).collect()
}

/// A town in which a change is proposed, approved and archived over several commits, and what was told after each of them.
fn with_a_change_over_time() -> (Village, Vec<(&'static str, Value)>) {
    let village = Village::small();
    let mut told = Vec::new();
    let mut save = |subject: &'static str| {
        village.save(subject);
        let station = Station::open(&village);
        told.push((subject, station.get("/api/specs", &[]).json()));
        station.close();
    };
    let change = "openspec/changes/add-x";
    village.put("NOTES.md", "Nothing yet.\n");
    save("Nothing of OpenSpec");
    village.put(&format!("{change}/proposal.md"), "# X\n").put(&format!("{change}/tasks.md"), "- [ ] 1.1 one\n");
    save("Propose it");
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the link")]);
    village.run("chaostester").ended(0, "opened");
    let status = village.monkeytown(&["spec", "status", "--change", "add-x", "--json"]).json;
    let hash = status["lifecycle"]["content_hash"].as_str().unwrap();
    let record = format!(
        "gate: architect\nverdict: approved\nactor: \"agent:architect\"\nrun: 01M7Y5A8C0PHV7VGGDF6STW7DD\ncommit: {}\n\
         content_hash: \"{hash}\"\nfindings: []\nevidence:\n  - NOTES.md:1\n",
        village.git(["rev-parse", "main"])
    );
    village.put(&format!("{change}/gates/001-architect.yaml"), &record);
    save("Approve it");
    village.put(&format!("{change}/tasks.md"), "- [x] 1.1 one\n");
    save("Do it");
    std::fs::create_dir_all(village.dir().join("openspec/changes/archive")).unwrap();
    village.git(["mv", change, "openspec/changes/archive/2026-11-21-add-x"]);
    let spec = "# X\n## Purpose\nIt is there.\n## Requirements\n### Requirement: X\nIt SHALL be.\n\
                #### Scenario: Is\n- **WHEN** asked\n- **THEN** it is\n";
    village.put("openspec/specs/x/spec.md", spec);
    save("Archive it");
    (village, told)
}

// covers: town-api#every-moment-can-be-had/what-was-specified-then
#[test]
fn specs_of_a_moment_are_those_that_stood_then() {
    let (village, told) = with_a_change_over_time();
    let states: Vec<_> = told.iter().map(|(_, told)| told["changes"][0]["state"].as_str()).collect();
    assert_eq!(states, [None, Some("Draft"), Some("Approved"), Some("In Progress"), Some("Archived")], "{told:#?}");
    let ticked: Vec<_> = told.iter().map(|(_, told)| told["changes"][0]["tasks"]["done"].as_u64()).collect();
    assert_eq!(ticked[1..4], [Some(0), Some(0), Some(1)], "{told:#?}");
    let nothing = serde_json::json!({"changes": [], "specs": []});
    // All of it is in the ring; next to nothing is, and where commits stand was written down; not even that, and they stand by
    // their times.
    let mut known = String::new();
    for (frames, is_written) in [(10_000, true), (1, true), (1, false)] {
        let capacity = Capacity { frames, bytes: 64 << 20 };
        if !is_written {
            std::fs::remove_file(village.dir().join(".git/monkeytown/stream/places")).unwrap();
        }
        let station = Station::open_with(&village, Plan { capacity, ..Plan::default() });
        let at = |offset: u64| station.get(&format!("/api/specs?at={offset}"), &[]);
        match (frames, is_written) {
            (1, true) => {}
            (1, false) => known = station.get("/api/export", &[]).body,
            _ => known = station.get("/api/history?from=0", &[]).body,
        }
        let landed = landed(&known);
        let subjects: Vec<_> = landed.iter().map(|(subject, _)| subject.as_str()).collect();
        assert_eq!(subjects[1..], told.iter().map(|(subject, _)| *subject).collect::<Vec<_>>(), "{frames}");
        for ((subject, offset), (_, told)) in landed[1..].iter().zip(&told) {
            assert_eq!(at(*offset).json(), *told, "{frames} {subject}");
        }
        // A moment is that of what came last, and before the first commit there was nothing.
        assert_eq!((at(landed[2].1 - 1).json(), at(0).json()), (told[0].1.clone(), nothing.clone()), "{frames}");
        let newest = station.shared.hub.now_at().1;
        let now = station.get("/api/specs", &[]).json();
        assert_eq!((&at(newest).json(), &now), (&now, &told.last().unwrap().1), "{frames}");
        at(newest + 1).is_problem(404, "not-found");
        station.get("/api/specs?at=x", &[]).is_problem(400, "bad-request");
        station.close();
    }
}

#[test]
fn a_branch_that_went_back_stands_there_from_then_on_also_for_the_next_server() {
    let (village, told) = with_a_change_over_time();
    let at = |station: &Station, offset: u64| station.get(&format!("/api/specs?at={offset}"), &[]).json();
    let station = Station::open(&village);
    let before = station.shared.hub.now_at().1;
    village.git(["reset", "-q", "--hard", "main~3"]);
    until(|| at(&station, station.shared.hub.now_at().1) == told[1].1);
    let (epoch, back) = station.shared.hub.now_at();
    village.save("Again");
    until(|| station.shared.hub.now_at().1 > back);
    let stood = |station: &Station| [before, back].map(|offset| at(station, offset));
    let wanted = [4, 1].map(|nth: usize| told[nth].1.clone());
    assert_eq!(stood(&station), wanted);
    station.close();
    let station = Station::open(&village);
    assert_eq!((station.shared.hub.now_at().0, stood(&station)), (epoch, wanted));
}

#[test]
fn a_commit_that_cannot_be_read_takes_no_other_moment_with_it() {
    let (village, told) = with_a_change_over_time();
    let tree = village.git(["rev-parse", "main~1^{tree}"]);
    std::fs::remove_file(village.dir().join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let station = Station::open(&village);
    let landed = landed(&station.get("/api/history?from=0", &[]).body);
    for ((subject, offset), (_, told)) in landed[1..].iter().zip(&told) {
        let answer = station.get(&format!("/api/specs?at={offset}"), &[]);
        if subject == "Do it" {
            answer.is_problem(503, "unreadable");
        } else {
            assert_eq!(answer.json(), *told, "{subject}");
        }
    }
}

// covers: town-api#an-answer-is-sent-once-until-something-happens/a-page-asks-again
#[test]
fn an_answer_is_sent_once_until_something_happens() {
    let village = with_a_pull();
    let station = Station::open(&village);
    let of_repository = [
        "/api/pulls",
        "/api/pulls/1",
        "/api/agents",
        "/api/specs",
        "/api/ledger",
        "/api/runs",
        "/api/export",
        "/api/history",
        "/api/history/index",
    ];
    let of_stream =
        ["/api/state", "/api/state?at=1", "/api/specs?at=1", "/api/town", "/api/events?after=now", "/openapi.json"];
    for path in of_repository.into_iter().chain(of_stream) {
        let first = station.get(path, &[]);
        assert_eq!(first.status, 200, "{path}: {first:?}");
        let tag = first.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        // As it was given, as a proxy makes it that packs, in a list, and whatever it is.
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let again = station.get(path, &[("if-none-match", &known)]);
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
        }
        assert_eq!(station.get(path, &[("if-none-match", "\"other\"")]).status, 200, "{path}");
    }
    let ledger = station.get("/api/ledger", &[]).json();
    assert_eq!(
        (ledger["verify"]["ok"].as_bool(), ledger["runs"][0]["agent"].as_str()),
        (Some(true), Some("chaostester"))
    );
    station.publish("01J", "thinking");
    let body = station.get("/api/history?from=0", &[]).body;
    assert!(!body.contains("thinking"), "what agents only say is no history: {body}");
}
