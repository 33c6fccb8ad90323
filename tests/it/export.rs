//! Promise: an export is the town as a server would show it, all of one moment, and its folder changes as a whole or not at all.
//! Lives here: `monkeytown export` on real repositories. Never here: the page that it writes (see `web/e2e`).

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};

use monkeytown::town::envelope::Envelope;
use monkeytown::town::fold::Town;
use serde_json::Value;

use crate::station::Station;
use crate::village::{Outcome, Village, finish, write};

const MARKER: &str = "monkeytown-export.json";
/// Every moment at which an export can be killed, in its order.
const MOMENTS: [&str; 6] = ["begun", "read", "page", "answers", "written", "exchanged"];

/// Every file below a folder, by its path; a link is what it says.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                found.insert(name, fs::read_link(path).unwrap().to_str().unwrap().as_bytes().to_vec());
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// What stands beside the town, other than what is named.
fn beside(village: &Village, known: &[&str]) -> Vec<String> {
    let names = fs::read_dir(village.path(".")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !known.contains(&name.as_str()) && name.contains("site")).collect()
}

pub fn export(village: &Village, folder: &Path) -> Outcome {
    village.monkeytown(&["export", folder.to_str().unwrap(), "--json"])
}

fn with_a_pull() -> Village {
    let village = Village::small();
    turn(&village, "one", "List the link");
    village
}

fn turn(village: &Village, file: &str, title: &str) {
    village.says([write(&format!("qa/{file}.md"), &format!("{title}.\n")), finish(title)]);
    let ended = village.run("chaostester");
    assert!(matches!(ended.text("outcome").as_str(), "opened" | "updated"), "{ended:#?}");
}

/// All lines of history of an export.
pub fn history(folder: &Path) -> String {
    let chunks = json(folder, "history/index.json")["chunks"].clone();
    let read = |chunk: &Value| {
        fs::read_to_string(folder.join(format!("history/{}.ndjson", chunk["name"].as_str().unwrap()))).unwrap()
    };
    chunks.as_array().unwrap().iter().map(read).collect()
}

// covers: static-export#a-server-and-an-export-show-the-same
#[test]
fn it_holds_what_a_server_answers() {
    let village = with_a_pull();
    village.merge(1);
    village.at("2026-12-02T08:20:00Z");
    turn(&village, "two", "List the table");
    village.at(crate::village::MORNING);
    let site = village.path("site");
    let done = export(&village, &site);
    assert_eq!(done.code, 0, "{done:#?}");
    let station = Station::open(&village);
    for (path, name) in [
        ("/api/pulls", "pulls.json"),
        ("/api/pulls/1", "pulls/1.json"),
        ("/api/pulls/2", "pulls/2.json"),
        ("/api/agents", "agents.json"),
        ("/api/specs", "specs.json"),
        ("/api/ledger", "ledger.json"),
        ("/api/history/index", "history/index.json"),
    ] {
        assert_eq!(station.get(path, &[]).body, fs::read_to_string(site.join(name)).unwrap(), "{name}");
    }
    assert_eq!(station.get("/api/history?from=0", &[]).body, history(&site));
    let of_no_life = |mut value: Value| {
        value.as_object_mut().unwrap().retain(|field, _| field != "epoch" && field != "limits");
        value
    };
    for (path, name) in [("/api/state", "state.json"), ("/api/town", "town.json")] {
        assert_eq!(of_no_life(station.get(path, &[]).json()), of_no_life(json(&site, name)), "{name}");
    }
    let chunks = json(&site, "history/index.json")["chunks"].clone();
    let names: Vec<_> = chunks.as_array().unwrap().iter().map(|chunk| chunk["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["2026-11", "2026-12"], "{chunks}");
}

// covers: static-export#history-is-read-from-files
#[test]
fn its_history_folds_to_its_state() {
    let village = with_a_pull();
    village.reject(1, "wrong", "It is the manual's example");
    turn(&village, "two", "List the table");
    let site = village.path("site");
    let done = export(&village, &site);
    let mut town = Town::default();
    for line in history(&site).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["seq"].is_u64() {
            let event: Envelope = serde_json::from_value(line["event"].clone()).unwrap();
            town.fold_on([&event]);
            assert_eq!(line["seq"], town.seq);
        }
    }
    let state = json(&site, "state.json");
    assert_eq!(
        (serde_json::to_value(&town).unwrap(), Value::from(town.seq)),
        (state["state"].clone(), state["seq"].clone())
    );
    assert_eq!(state["state"], village.monkeytown(&["state", "--json"]).json);
    let head = village.git(["rev-parse", "monkeytown/journal"]);
    for told in [&done.json, &json(&site, MARKER)] {
        assert_eq!((told["head"].as_str(), &told["seq"]), (Some(head.as_str()), &state["seq"]), "{told}");
    }
    let files = tree(&site);
    assert_eq!(done.json["files"], files.len() - 1);
    let listed: BTreeMap<String, u64> = serde_json::from_value(json(&site, MARKER)["files"].clone()).unwrap();
    let there =
        files.iter().filter(|(name, _)| *name != MARKER).map(|(name, bytes)| (name.clone(), bytes.len() as u64));
    assert_eq!(listed, there.collect());
}

/// Records so many events in one commit, as another program could: the town is frozen and thawed again and again.
pub fn record(village: &Village, count: u64) {
    let line = |nth: u64| {
        let verb = if nth.is_multiple_of(2) { "frozen" } else { "thawed" };
        let data = serde_json::json!({"by": "human:ada", "reason": format!("Reason {nth}")});
        serde_json::json!({
            "specversion": "1.0", "id": format!("many-{nth}"), "type": format!("monkeytown.town.{verb}.v1"),
            "source": "/towns/smalltown", "time": crate::village::MORNING, "actor": "human:ada", "data": data,
        })
    };
    record_lines(village, &(0..count).map(|nth| line(nth).to_string()).collect::<Vec<_>>());
}

/// Records these events in one commit, as another program could.
pub fn record_lines(village: &Village, lines: &[String]) {
    const JOURNAL: &str = "refs/heads/monkeytown/journal";
    let number = |name: &str| -> u64 {
        let format = format!("--format=%(trailers:key=Journal-{name},valueonly)");
        village.git(["log", "-1", &format, JOURNAL]).parse().unwrap()
    };
    let count = lines.len() as u64;
    let (seq, commit) = (number("Seq") + count, number("Commit") + 1);
    let trailers = format!("Journal-Seq: {seq}\nJournal-Commit: {commit}\nJournal-Format: 1\n");
    let message = format!("test: {count} events\n\n{}\n\n{trailers}", lines.join("\n"));
    let tree = format!("{JOURNAL}^{{tree}}");
    let made = village.git_with(["commit-tree", &tree, "-p", JOURNAL, "-F", "-"], message.as_bytes());
    village.git(["update-ref", JOURNAL, &made]);
}

/// Records how a run began and ended once more for each of these ids, as if it had been theirs.
pub fn record_again(village: &Village, run: &str, ids: &[String]) {
    let journal = village.monkeytown(&["log", "-n", "0", "--json"]).stdout;
    let is_end = |line: &&str| {
        ["run.started", "run.finished"].iter().any(|kind| line.contains(&format!("\"monkeytown.{kind}.")))
    };
    let told: Vec<&str> = journal.lines().filter(is_end).filter(|line| line.contains(run)).collect();
    let again = ids.iter().flat_map(|id| {
        told.iter().enumerate().map(move |(nth, line)| {
            let mut event: Value = serde_json::from_str(&line.replace(run, id)).unwrap();
            event["id"] = format!("{id}-{nth}").into();
            if event["data"]["slot"].is_string() {
                event["data"]["slot"] = format!("manual-{id}").into();
            }
            event.to_string()
        })
    });
    record_lines(village, &again.collect::<Vec<_>>());
}

// covers: static-export#a-long-history
#[test]
fn a_long_history_is_cut_and_has_states_on_its_way() {
    let village = with_a_pull();
    record(&village, 10_200);
    let site = village.path("site");
    let done = export(&village, &site);
    assert_eq!(done.code, 0, "{done:#?}");
    let chunks = json(&site, "history/index.json")["chunks"].clone();
    let chunks: Vec<_> =
        chunks.as_array().unwrap().iter().map(|chunk| (chunk["name"].clone(), chunk["events"].clone())).collect();
    let head = done.json["seq"].as_u64().unwrap();
    let lines = history(&site).lines().count();
    let named = |name: &str, events: usize| (Value::from(name), Value::from(events));
    assert_eq!(chunks, [named("2026-11", 5_000), named("2026-11.2", 5_000), named("2026-11.3", lines - 10_000)]);
    let files = tree(&site);
    let parts = files.iter().filter(|(name, _)| name.ends_with(".ndjson"));
    assert_eq!(parts.map(|(_, bytes)| bytes.split(|byte| *byte == b'\n').count() - 1).sum::<usize>(), lines);
    let states: Vec<&String> = files.keys().filter(|name| name.starts_with("states/")).collect();
    assert_eq!((head > 10_000, states), (true, vec![&"states/10000.json".to_owned(), &"states/5000.json".to_owned()]));
    for at in ["5000", "10000"] {
        let state = json(&site, &format!("states/{at}.json"));
        assert_eq!(state["state"], village.monkeytown(&["state", "--json", "--at", at]).json, "{at}");
        assert_eq!(state["seq"].to_string(), at);
    }
}

// covers: static-export#the-same-moment-is-exported-twice
#[test]
fn the_same_moment_gives_the_same_bytes_in_every_clone() {
    let village = Village::small_with_remote();
    turn(&village, "one", "List the link");
    let other = village.another_clone("other");
    let (one, two, three) = (village.path("site-1"), village.path("site-2"), village.path("site-3"));
    assert_eq!(export(&village, &one).code, 0);
    // What a server wrote down of where commits stand is its own business.
    let station = Station::open(&village);
    station.close();
    village.save("Nothing");
    village.git(["reset", "-q", "--hard", "HEAD~1"]);
    assert_eq!((export(&village, &two).code, export(&other, &three).code), (0, 0));
    assert_eq!(tree(&one), tree(&two));
    assert_eq!(tree(&one), tree(&three));
}

#[test]
fn a_town_where_nothing_happened_yet_is_exported_too() {
    let village = Village::small();
    let site = village.path("deep/er/site");
    assert_eq!(export(&village, &site).json["head"], Value::Null);
    let index = json(&site, "history/index.json");
    assert_eq!((&index["last"], &index["chunks"][0]["events"]), (&0.into(), &1.into()), "{index}");
    assert_eq!(json(&site, "state.json")["seq"], 0);
    assert!(site.join("index.html").is_file());
}

#[test]
fn hostile_words_stay_words() {
    let village = Village::small();
    let title = "List </script><img src=x onerror=alert(1)> \u{1f435} ../../etc";
    turn(&village, "\u{fc}n\u{ef}c\u{f6}de \u{1f34c} \"<b>", title);
    let site = village.path("site with \u{1f34c}");
    assert_eq!(export(&village, &site).code, 0);
    let pulls = json(&site, "pulls.json");
    assert_eq!(pulls[0]["title"], json(&site, "state.json")["state"]["pulls"]["1"]["title"]);
    assert!(pulls[0]["title"].as_str().unwrap().contains("onerror"), "{pulls}");
    let files = tree(&site);
    assert!(files.keys().all(|name| name.is_ascii() && !name.contains("..")), "{:?}", files.keys());
    assert!(!String::from_utf8_lossy(&files["index.html"]).contains("onerror"));
}

/// Starts an export that stands still at a moment.
fn hold(village: &Village, folder: &Path, moment: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut command = village.command(&["export", folder.to_str().unwrap(), "--json"]);
    let mut child = command.env("MONKEYTOWN_HALT_AT", moment).stdin(Stdio::piped()).spawn().unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while line.trim_end() != format!("halted at {moment}") {
        line.clear();
        assert_ne!(story.read_line(&mut line).unwrap(), 0, "the export ended before {moment}");
    }
    (child, story)
}

// covers: static-export#the-process-is-killed
#[test]
fn a_kill_leaves_the_old_one_or_the_new_one() {
    let village = with_a_pull();
    let (site, wanted) = (village.path("site"), village.path("wanted"));
    export(&village, &site);
    let old = tree(&site);
    turn(&village, "two", "List the table");
    export(&village, &wanted);
    let new = tree(&wanted);
    assert_ne!(old, new);
    for moment in MOMENTS {
        let (mut child, _) = hold(&village, &site, moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let left = tree(&site);
        assert!(left == if moment == "exchanged" { new.clone() } else { old.clone() }, "{moment}: {:?}", left.keys());
    }
    assert_eq!(beside(&village, &["site"]), [".site.monkeytown-export"]);
    assert_eq!(export(&village, &site).code, 0);
    assert!(tree(&site) == new && beside(&village, &["site"]).is_empty());
    // The same where there was none before.
    for moment in MOMENTS {
        let first = village.path("first-site");
        let (mut child, _) = hold(&village, &first, moment);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(first.exists(), moment == "exchanged", "{moment}");
    }
}

#[test]
fn a_full_disk_leaves_the_old_one() {
    let village = with_a_pull();
    let (site, first) = (village.path("site"), village.path("first-site"));
    assert_eq!(export(&village, &site).code, 0);
    let old = tree(&site);
    turn(&village, "two", "List the table");
    // No room at all, and for the smallest files alone.
    for blocks in [0, 1] {
        for folder in [&site, &first] {
            let args = ["export", folder.to_str().unwrap(), "--json"];
            let full = Outcome::of(village.without_room(blocks, &args).output().unwrap());
            full.says(2, "cannot write ")
                .says(2, "-export/new/")
                .says(2, "make room there, or name a folder elsewhere");
            assert_eq!(full.stdout, "");
        }
        assert_eq!((tree(&site), first.exists()), (old.clone(), false), "{blocks}");
        assert_eq!(beside(&village, &["site"]), [""; 0], "{blocks}");
    }
    assert_eq!(export(&village, &site).code, 0);
    assert_ne!(tree(&site), old);
}

// covers: static-export#two-exports-write-one-folder
#[test]
fn two_exports_do_not_write_one_folder() {
    let village = with_a_pull();
    let site = village.path("site");
    let (mut child, _story) = hold(&village, &site, "written");
    export(&village, &site).says(3, "another export is writing");
    child.stdin.take().unwrap().write_all(b"c").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(site.join("index.html").is_file() && beside(&village, &["site"]).is_empty());
}

// covers: static-export#the-repository-changes-meanwhile
#[test]
fn what_changes_meanwhile_is_read_again() {
    let village = with_a_pull();
    let site = village.path("site");
    for moment in ["read", "answers"] {
        let (mut child, _story) = hold(&village, &site, moment);
        turn(&village, moment, &format!("List what came at {moment}"));
        let main = village.save("Meanwhile");
        child.stdin.take().unwrap().write_all(b"c").unwrap();
        assert!(child.wait_with_output().unwrap().status.success());
        assert_eq!(json(&site, MARKER)["main"], main);
        let last = json(&site, "state.json")["seq"].clone();
        assert_eq!(
            (last.as_u64(), &json(&site, "ledger.json")["verify"]["seq"]),
            (Some(village.events().len() as u64), &last)
        );
        let pulls = json(&site, "pulls.json");
        assert!(pulls.to_string().contains(&format!("List what came at {moment}")), "{pulls}");
    }
}

// covers: static-export#a-newer-export-replaces-an-older-one
#[test]
fn what_an_older_export_left_is_removed() {
    let village = with_a_pull();
    let (site, fresh) = (village.path("site"), village.path("fresh"));
    export(&village, &site);
    let mut marker = json(&site, MARKER);
    for old in ["assets/index-Old1.js", "history/1999-01.ndjson"] {
        fs::create_dir_all(site.join("assets")).unwrap();
        fs::write(site.join(old), "old").unwrap();
        marker["files"][old] = 3.into();
    }
    fs::write(site.join(MARKER), marker.to_string()).unwrap();
    assert_eq!(export(&village, &site).code, 0);
    export(&village, &fresh);
    assert_eq!(tree(&site), tree(&fresh));
}

// covers: static-export#something-else-is-in-the-folder
#[test]
fn what_is_not_its_own_is_left_alone() {
    let village = with_a_pull();
    let (site, mine) = (village.path("site"), village.path("mine"));
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("letter.txt"), "dear").unwrap();
    export(&village, &mine).says(2, "letter.txt was not written by an export");
    // A marker that says nothing makes nothing an export.
    for marker in ["", "{}", "[]", r#"{"monkeytown":"export"}"#] {
        fs::write(mine.join(MARKER), marker).unwrap();
        export(&village, &mine).says(2, "was not written by an export");
    }
    assert_eq!(tree(&mine)["letter.txt"], b"dear");
    // An empty folder holds nothing that could be lost.
    fs::create_dir(&site).unwrap();
    assert_eq!(export(&village, &site).code, 0);
    fs::write(site.join("CNAME"), "town.example").unwrap();
    let before = tree(&site);
    export(&village, &site).says(2, "CNAME was not written by an export");
    assert_eq!((tree(&site), beside(&village, &["site"])), (before, Vec::new()));
    fs::remove_file(site.join("CNAME")).unwrap();
    // A file, a link in the place of a file of ours, a link in the place of a folder.
    export(&village, &mine.join("letter.txt")).says(2, "was not written by an export");
    for (of_ours, elsewhere) in [("state.json", mine.join("letter.txt")), ("history", mine.clone())] {
        let (place, kept) = (site.join(of_ours), village.path("kept"));
        fs::rename(&place, &kept).unwrap();
        symlink(&elsewhere, &place).unwrap();
        export(&village, &site).says(2, of_ours);
        assert_eq!(tree(&mine)["letter.txt"], b"dear");
        fs::remove_file(&place).unwrap();
        fs::rename(&kept, &place).unwrap();
    }
    assert_eq!(export(&village, &site).code, 0);
}

// covers: static-export#the-folder-is-no-folder-of-its-own
#[test]
fn it_is_not_written_where_it_would_do_harm() {
    let village = with_a_pull();
    let dir = village.dir();
    let status = || village.git(["status", "--porcelain", "--ignored"]);
    let (link, elsewhere) = (village.path("link"), village.path("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &link).unwrap();
    for (place, why) in [
        (dir.clone(), "the repository is in it"),
        (dir.join("agents/.."), "the repository is in it"),
        (village.path("."), "the repository is in it"),
        (dir.join(".git"), "inside of a git folder"),
        (dir.join(".git/site/deep"), "inside of a git folder"),
        (dir.join("sub/.GIT/site"), "inside of a git folder"),
        (dir.join("nowhere/../../site"), "it goes up from a folder that is not there"),
        (link.clone(), "is a link"),
        (village.path("link/"), "is a link"),
    ] {
        export(&village, &place).says(2, why);
    }
    // The history of a worktree lies elsewhere.
    let desk = village.path("desk");
    village.git(["worktree", "add", "-q", "--detach", desk.to_str().unwrap()]);
    export(&village.clone_at("desk"), &dir).says(2, "the repository is in it");
    assert_eq!((status(), tree(&elsewhere).len(), dir.join(".git/site").exists()), (String::new(), 0, false));
    // Where others may write, somebody may have put a link where we would write beside the folder.
    symlink(&elsewhere, village.path(".site.monkeytown-export")).unwrap();
    export(&village, &village.path("site")).says(2, ".site.monkeytown-export was not written by an export");
    assert_eq!((tree(&elsewhere).len(), village.path("site").exists()), (0, false));
    // Through a link on the way is where the caller wants it.
    assert_eq!(export(&village, &link.join("site")).code, 0);
    assert!(elsewhere.join("site/index.html").is_file());
}

// covers: static-export#events-wait-in-the-clone
#[test]
fn without_the_remote_it_shows_what_was_last_seen_of_it() {
    let village = Village::small_with_remote();
    turn(&village, "one", "List the link");
    let (seen, at_home) = (village.events().len(), village.path("seen"));
    assert_eq!(export(&village, &at_home).code, 0);
    std::fs::rename(village.path("home.git"), village.path("away.git")).unwrap();
    village.monkeytown(&["freeze", "--reason", "offline"]).says(3, "");
    let site = village.path("site");
    let done = export(&village, &site);
    assert_eq!((done.code, &done.json["seq"]), (0, &seen.into()), "{done:#?}");
    assert!(tree(&site) == tree(&at_home), "nothing of what waits here is in it");
}

#[test]
fn a_shallow_clone_fetches_what_it_lacks_of_the_journal() {
    let village = Village::small_with_remote();
    for at in 0..3 {
        turn(&village, &format!("{at}"), &format!("List the link {at}"));
    }
    let home = format!("file://{}", village.path("home.git").display());
    village.git_in(&village.path("."), ["clone", "-q", "--depth", "1", &home, "cut"]);
    let cut = village.clone_at("cut");
    let site = village.path("site");
    assert_eq!(export(&cut, &site).code, 0);
    assert_eq!(json(&site, "state.json")["state"], village.monkeytown(&["state", "--json"]).json);
    assert_eq!(history(&site).lines().filter(|line| !line.contains("\"seq\":null")).count(), village.events().len());
}
