//! What is told of runs afterwards: the list, a transcript as a page, its export, and the machine once more over it.

use serde_json::Value;

use crate::village::{Village, expecting, finish, nothing, write};

fn told() -> (Village, String) {
    let town = Village::small();
    town.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    let run = town.run("chaostester");
    run.ended(0, "opened");
    let id = run.json["run"].as_str().unwrap().to_owned();
    (town, id)
}

// covers: transcripts#every-run-can-be-read
#[test]
fn runs_are_listed_the_newest_first() {
    let town = Village::small();
    town.monkeytown(&["runs"]).says(0, "");
    let (town, id) = told();
    town.at("2026-11-21T08:20:00Z").says([nothing("all is said")]);
    town.run("chaostester").ended(0, "nothing");
    let listed = town.monkeytown(&["runs", "--json"]);
    let outcomes: Vec<&str> =
        listed.json["runs"].as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["nothing", "opened"]);
    let page = town.monkeytown(&["runs", "list", "--limit", "1"]).stdout;
    assert!(page.contains("nothing to do: all is said") && !page.contains(&id), "{page}");
    let other = town.monkeytown(&["runs", "list", "--agent", "madchimp"]);
    assert!(other.stdout.starts_with("no runs yet"), "{other:#?}");
}

// covers: transcripts#every-run-can-be-read/a-run-is-looked-at
#[test]
fn a_transcript_is_a_page_that_hides_nothing_when_asked() {
    let town = Village::small().file("README.md", &format!("# Small town\n\n{}\u{1b}[2J\n", "line\n".repeat(40)));
    let town = town.commit("Write much");
    let read = serde_json::json!({"calls": [{"name": "Read", "arguments": {"file_path": "README.md"}}]});
    town.says([read, write("qa/links.md", "None.\n"), finish("List the broken link")]);
    let run = town.run("chaostester");
    run.ended(0, "opened");
    let id = run.json["run"].as_str().unwrap();
    // An id may be cut where that is still only one.
    let page = town.monkeytown(&["runs", "show", &id.to_lowercase()[..20]]);
    assert_eq!(page.code, 0, "{page:#?}");
    for words in [
        "chaostester",
        "opened #1",
        "→ Read file_path=README.md",
        "← Read ok",
        "more lines; --full",
        "← Write ok, changed files",
        "→ Finish",
    ] {
        assert!(page.stdout.contains(words), "{words:?} is not in {}", page.stdout);
    }
    let full = town.monkeytown(&["runs", "show", id, "--full"]).stdout;
    assert!(full.matches("line").count() >= 40 && full.contains("You look after"), "{full}");
    // Nothing in it moves the cursor of a terminal.
    assert!(!full.contains('\u{1b}') && full.contains("[2J"), "{full}");
    town.monkeytown(&["runs", "show", "01"]).says(2, "there is no run 01");
    town.monkeytown(&["runs", "show", "01ZZZZZZ"]).says(2, "there is no run 01ZZZZZZ");
}

// covers: transcripts#a-run-can-be-played-again
#[test]
fn an_export_is_what_the_replay_brain_reads_and_the_machine_does_the_same_again() {
    let (town, id) = told();
    let replayed = town.monkeytown(&["runs", "replay", &id, "--json"]);
    assert_eq!((replayed.code, &replayed.json["same"]), (0, &Value::Bool(true)), "{replayed:#?}");
    let exported = town.monkeytown(&["runs", "export", &id]);
    let file = town.path("transcript.json");
    std::fs::write(&file, &exported.stdout).unwrap();
    let dry = town.monkeytown(&[
        "run",
        "chaostester",
        "--dry-run",
        "--brain",
        &format!("replay:{}", file.display()),
        "--json",
    ]);
    dry.ended(0, "dry");
    // A record that was changed is told apart, and where.
    let mut transcript = exported.json.clone();
    transcript["entries"][2]["tool"] = "Delete".into();
    let blob = town.git_with(["hash-object", "-w", "--stdin"], transcript.to_string().as_bytes());
    let tree = town.git_with(["mktree"], format!("100644 blob {blob}\ttranscript.json\n").as_bytes());
    let commit = town.git(["commit-tree", &tree, "-m", "changed"]);
    town.git(["update-ref", &format!("refs/monkeytown/runs/{id}"), &commit]);
    town.monkeytown(&["runs", "replay", &id]).says(1, "");
    let said = town.monkeytown(&["runs", "replay", &id]).stdout;
    assert!(said.starts_with("different at entry 3 of 4") && said.contains("now:  call Write"), "{said}");
}

#[test]
fn a_run_in_flight_can_be_read_too() {
    let town = Village::small();
    town.says([write("qa/links.md", "None.\n"), expecting(finish("List the broken link"), &[])]);
    town.halt_at("called", "chaostester", &[]);
    let listed = town.monkeytown(&["runs", "--json"]);
    assert_eq!(listed.json["runs"][0]["outcome"], "running", "{listed:#?}");
    let id = listed.json["runs"][0]["run"].as_str().unwrap();
    let page = town.monkeytown(&["runs", "show", id]);
    assert!(page.stdout.contains("← Write ok") && !page.stdout.contains("Finish"), "{page:#?}");
}
