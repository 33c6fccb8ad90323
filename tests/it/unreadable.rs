//! Promise: whatever somebody pushes to the branch of one agent, it stops that one pull request and nothing else.
//! Lives here: a table of such branches, and everything that people and agents do besides.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::local::Page;
use crate::station::Station;
use crate::village::{Village, finish, nothing, write};

const BRANCH: &str = "agent/saboteur";

/// A town in which saboteur has opened pull request 1, chaostester 2 and scribe 3; clerk has none.
fn town() -> Village {
    town_in(Village::new())
}

fn town_in(mut village: Village) -> Village {
    for (name, owns) in [("saboteur", "sab/**"), ("chaostester", "qa/**"), ("scribe", "notes/**"), ("clerk", "desk/**")]
    {
        village = village.agent(name, owns);
    }
    let village = village.commit("Found the town");
    for (name, folder) in [("saboteur", "sab"), ("chaostester", "qa"), ("scribe", "notes")] {
        village
            .says([write(&format!("{folder}/links.md"), "The first link leads nowhere.\n"), finish("List the link")]);
        village.run(name).ended(0, "opened");
    }
    village
}

/// One object as no tool would write it.
fn object(village: &Village, kind: &str, bytes: &[u8]) -> String {
    village.git_with(["hash-object", "-t", kind, "--literally", "-w", "--stdin"], bytes)
}

fn tree(village: &Village, entries: &[(&str, &[u8], &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend_from_slice(format!("{mode} ").as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend((0..20).map(|at| u8::from_str_radix(&oid[at * 2..at * 2 + 2], 16).unwrap()));
    }
    object(village, "tree", &bytes)
}

/// A commit with this tree on top of what the agent has offered.
fn commit(village: &Village, tree: &str) -> String {
    let parent = village.git(["rev-parse", BRANCH]);
    let who = "Mallory <mallory@example.invalid> 1795000000 +0000";
    let text = format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\nMore of it\n");
    object(village, "commit", text.as_bytes())
}

/// The tree that the agent has offered, with one more folder or file in `sab`.
fn with_entry(village: &Village, mode: &str, name: &[u8], oid: &str) -> String {
    let links = village.git(["rev-parse", &format!("{BRANCH}:sab/links.md")]);
    let mut entries = vec![("100644", &b"links.md"[..], links.as_str()), (mode, name, oid)];
    entries.sort_by_key(|entry| entry.1);
    let sab = tree(village, &entries);
    let listed = village.git(["ls-tree", BRANCH]);
    let listed: String = listed.lines().filter(|line| !line.ends_with("\tsab")).flat_map(|line| [line, "\n"]).collect();
    village.git_with(["mktree", "--missing"], format!("{listed}040000 tree {sab}\tsab\n").as_bytes())
}

fn push(village: &Village, oid: &str) {
    loose(village, &format!("{oid}\n"));
}

/// The reference as a file, whatever it says.
fn loose(village: &Village, content: &str) {
    village.try_git(["update-ref", "-d", &format!("refs/heads/{BRANCH}")]);
    let path = place(village);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn place(village: &Village) -> PathBuf {
    village.dir().join(".git/refs/heads").join(BRANCH)
}

fn blob(village: &Village) -> String {
    object(village, "blob", b"One more line.\n")
}

fn nested(village: &Village, levels: usize, width: usize, leaf: &str) -> String {
    let mut at = leaf.to_owned();
    for _ in 0..levels {
        let names: Vec<String> = (0..width).map(|name| format!("d{name}")).collect();
        let entries: Vec<(&str, &[u8], &str)> =
            names.iter().map(|name| ("40000", name.as_bytes(), at.as_str())).collect();
        at = tree(village, &entries);
    }
    at
}

fn folder_in(village: &Village, folder: &str) {
    let tree = with_entry(village, "40000", b"deep", folder);
    push(village, &commit(village, &tree));
}

fn deep(village: &Village) {
    let leaf = tree(village, &[("100644", b"a.md", &blob(village))]);
    folder_in(village, &nested(village, 600, 1, &leaf));
}

fn deep_in_between(village: &Village) {
    let before = village.git(["rev-parse", &format!("{BRANCH}^{{tree}}")]);
    deep(village);
    push(village, &commit(village, &before));
}

fn wide(village: &Village) {
    let leaf = tree(village, &[("100644", b"a.md", &blob(village))]);
    folder_in(village, &nested(village, 7, 10, &leaf));
}

/// Folders without end, and no file in them.
fn hollow(village: &Village) {
    let leaf = tree(village, &[]);
    folder_in(village, &nested(village, 40, 10, &leaf));
}

fn missing_folder(village: &Village) {
    folder_in(village, &"12".repeat(20));
}

fn folder_that_is_a_file(village: &Village) {
    folder_in(village, &blob(village));
}

fn missing_file(village: &Village) {
    let tree = with_entry(village, "100644", b"zz.md", &"34".repeat(20));
    push(village, &commit(village, &tree));
}

/// A loose object that says of itself that it has three gigabytes.
fn huge_file(village: &Village) {
    let oid = "56".repeat(20);
    let header = b"blob 3221225472\0";
    // One stored block of zlib's, without an end: whoever reads on finds nothing.
    let length = u16::try_from(header.len()).unwrap();
    let mut bytes = vec![0x78, 0x01, 0x00];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(header);
    let folder = village.dir().join(".git/objects").join(&oid[..2]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&oid[2..]), bytes).unwrap();
    let tree = with_entry(village, "100644", b"zz.md", &oid);
    push(village, &commit(village, &tree));
}

fn missing_tree(village: &Village) {
    push(village, &commit(village, &"78".repeat(20)));
}

fn missing_commit(village: &Village) {
    push(village, &"9a".repeat(20));
}

fn missing_parent(village: &Village) {
    let tree = village.git(["rev-parse", &format!("{BRANCH}^{{tree}}")]);
    let who = "Mallory <mallory@example.invalid> 1795000000 +0000";
    let text = format!("tree {tree}\nparent {}\nauthor {who}\ncommitter {who}\n\nMore\n", "bc".repeat(20));
    push(village, &object(village, "commit", text.as_bytes()));
}

fn no_commit(village: &Village) {
    push(village, &blob(village));
}

fn tag(village: &Village) {
    let tip = village.git(["rev-parse", BRANCH]);
    let text = format!("object {tip}\ntype commit\ntag v1\ntagger M <m@example.invalid> 1795000000 +0000\n\nIt\n");
    push(village, &object(village, "tag", text.as_bytes()));
}

fn nonsense_commit(village: &Village) {
    push(village, &object(village, "commit", b"no header at all\n"));
}

fn empty_reference(village: &Village) {
    loose(village, "");
}

fn nonsense_reference(village: &Village) {
    loose(village, "this is no object id\n");
}

fn reference_to_itself(village: &Village) {
    loose(village, &format!("ref: refs/heads/{BRANCH}\n"));
}

fn not_utf8(village: &Village) {
    let tree = with_entry(village, "100644", b"caf\xe9.md", &blob(village));
    push(village, &commit(village, &tree));
}

fn link(village: &Village) {
    let target = object(village, "blob", b"../../../../etc/passwd");
    let tree = with_entry(village, "120000", b"zz", &target);
    push(village, &commit(village, &tree));
}

fn module(village: &Village) {
    let tree = with_entry(village, "160000", b"zz", &"de".repeat(20));
    push(village, &commit(village, &tree));
}

fn nameless_file(village: &Village) {
    let tree = with_entry(village, "100644", b"", &blob(village));
    push(village, &commit(village, &tree));
}

fn long_message(village: &Village) {
    let (tree, parent) =
        (village.git(["rev-parse", &format!("{BRANCH}^{{tree}}")]), village.git(["rev-parse", BRANCH]));
    let who = "Mallory <mallory@example.invalid> 1795000000 +0000";
    let mut text = format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\nMore\n\n");
    text.push_str(&"All that there is to say.\n".repeat(50 * 1024 * 1024 / 26));
    push(village, &object(village, "commit", text.as_bytes()));
}

/// Makes a branch what it shall be.
type Make = fn(&Village);

/// A branch, what it takes to make it bad, and what becomes of it.
struct Damage {
    name: &'static str,
    make: Make,
    /// Words of the risk, where it cannot be judged.
    unreadable: Option<&'static str>,
}

const fn unreadable(name: &'static str, make: Make, words: &'static str) -> Damage {
    Damage { name, make, unreadable: Some(words) }
}

const fn readable(name: &'static str, make: Make) -> Damage {
    Damage { name, make, unreadable: None }
}

const TREES: [Damage; 8] = [
    unreadable("deep", deep, "nested deeper than 512"),
    unreadable("deep in between", deep_in_between, "nested deeper than 512"),
    unreadable("wide", wide, "the limit is 1000000"),
    unreadable("hollow", hollow, "the limit is 1000000"),
    unreadable("missing folder", missing_folder, "read object 1212"),
    unreadable("a folder that is a file", folder_that_is_a_file, "read object"),
    unreadable("missing tree", missing_tree, "read object 7878"),
    unreadable("a file without a name", nameless_file, "read object"),
];

const OBJECTS: [Damage; 9] = [
    unreadable("missing file", missing_file, "read object 3434"),
    unreadable("huge file", huge_file, "3221225"),
    unreadable("missing commit", missing_commit, "read object 9a9a"),
    unreadable("missing parent", missing_parent, "read object bcbc"),
    unreadable("no commit", no_commit, "is not a readable commit"),
    unreadable("tag", tag, "is not a readable commit"),
    unreadable("nonsense commit", nonsense_commit, "object"),
    readable("not UTF-8", not_utf8),
    readable("link", link),
];

const REFERENCES: [Damage; 5] = [
    unreadable("empty reference", empty_reference, "read reference"),
    unreadable("nonsense reference", nonsense_reference, "read reference"),
    unreadable("reference to itself", reference_to_itself, "read reference"),
    readable("module", module),
    readable("long message", long_message),
];

/// The answer of the page about a pull request.
fn card(pulls: &Value, number: u64) -> &Value {
    pulls.as_array().unwrap().iter().find(|pull| pull["number"] == number).unwrap()
}

fn risks(card: &Value) -> Vec<(&str, &str)> {
    let text = |risk: &Value, field: &str| risk[field].as_str().unwrap().to_owned().leak() as &str;
    card["risk"].as_array().unwrap().iter().map(|risk| (text(risk, "level"), text(risk, "what"))).collect()
}

/// What is looked at while the branch is as it is, and who can run.
fn looked_at(village: &Village, damage: &Damage) {
    let name = damage.name;
    for args in [&["sync"][..], &["state"], &["pulls"], &["pulls", "show", "1"], &["pulls", "show", "2", "--diff"]] {
        let said = village.monkeytown(args);
        assert_eq!(said.code, 0, "{name}: {args:?}: {said:#?}");
    }
    served(village, damage);
    exported(village, damage);
    village.says([nothing("all is listed")]);
    village.run("clerk").ended(0, "nothing");
    if let Some(words) = damage.unreadable {
        let before = (village.kinds(), village.git(["rev-parse", "main"]));
        let run = village.run("saboteur");
        run.says(2, words).says(2, "pulls reject 1").says(2, "delete the branch (`");
        village.merge(1).says(1, words).says(1, BRANCH);
        assert_eq!(before, (village.kinds(), village.git(["rev-parse", "main"])), "{name}: nothing begins or lands");
        let delete = run.stderr.rsplit('`').nth(1).unwrap();
        let deleted = Command::new("sh").args(["-c", delete]).current_dir(village.dir()).status().unwrap();
        assert!(deleted.success() && !place(village).exists(), "{name}: {delete}");
    }
}

/// Each of them on the same town, whose branch is put back in between.
fn all_looked_at(damages: &[Damage]) {
    let village = town();
    let tip = village.git(["rev-parse", BRANCH]);
    for damage in damages {
        (damage.make)(&village);
        looked_at(&village, damage);
        push(&village, &tip);
    }
    village.says([nothing("all is listed")]);
    village.run("saboteur").ended(0, "nothing");
    village.verify_ok();
}

// covers: local-forge#what-one-branch-holds-stops-one-pull-request/people-decide-and-agents-work-besides
#[test]
fn people_decide_and_agents_work_besides() {
    let damages: [Make; 3] = [deep, missing_commit, nonsense_reference];
    for make in damages {
        let village = town();
        make(&village);
        for args in [["agents"], ["runs"], ["log"], ["check"]] {
            assert_eq!(village.monkeytown(&args).code, 0, "{args:?}");
        }
        village.says([write("desk/note.md", "The second link leads nowhere.\n"), finish("Note the link")]);
        village.run("clerk").ended(0, "opened");
        village.merge(2).says(0, "merged");
        village.reject(3, "low-value", "true, and not worth it").says(0, "rejected");
        let page = Page::open(&village);
        let answer =
            page.post("/api/pulls/1/reject", &json!({"head": page.head(1), "reason": "spam", "text": "unread"}));
        assert_eq!(answer.status, 200, "{answer:?}");
        let states = [(1, "rejected"), (2, "merged"), (3, "rejected"), (4, "open")];
        assert_eq!(village.states(), states.map(|(number, state)| (number, state.to_owned())));
        village.verify_ok();
    }
}

/// Everything has an answer.
fn served_at(village: &Village, name: &str) -> Page {
    let page = Page::open(village);
    for path in ["town", "agents", "specs", "ledger", "state", "history/index", "pulls", "pulls/1", "pulls/2"] {
        let answer = Station::get_at(page.address, &format!("/api/{path}"), &[]);
        assert_eq!(answer.status, 200, "{name}: {path}: {answer:?}");
    }
    page
}

/// The page lists and judges all others, and says of this one what is wrong with it.
fn served(village: &Village, damage: &Damage) {
    let name = damage.name;
    let page = served_at(village, name);
    let pulls = page.get("/api/pulls");
    for other in [2, 3] {
        assert_eq!(
            (risks(card(&pulls, other)), &card(&pulls, other)["checks"][0]["state"]),
            (vec![], &json!("passed"))
        );
    }
    let (one, listed) = (page.get("/api/pulls/1"), card(&pulls, 1));
    assert_eq!(one["risk"], listed["risk"], "{name}");
    if let Some(words) = damage.unreadable {
        let told = risks(&one);
        assert!(
            told.iter().any(|(level, what)| *level == "high"
                && what.contains("it cannot be judged here: ")
                && what.contains(words)),
            "{name}: {told:?}"
        );
        assert_eq!((&listed["checks"], &listed["own_paths"]), (&Value::Null, &Value::Null), "{name}");
        let merge = page.post("/api/pulls/1/merge", &json!({"head": page.head(1)}));
        assert!(merge.is_problem(409, "refused")["detail"].as_str().unwrap().contains(words), "{name}: {merge:?}");
    }
    // The person looked at something that is not there any more.
    let stale = page.post("/api/pulls/1/reject", &json!({"head": "0".repeat(40), "reason": "spam"}));
    stale.is_problem(409, "head-moved");
}

fn exported(village: &Village, damage: &Damage) {
    let said = village.monkeytown(&["export", village.path("site").to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}: {said:#?}", damage.name);
    let pulls: Value = serde_json::from_slice(&fs::read(village.path("site/pulls.json")).unwrap()).unwrap();
    assert_eq!(pulls.as_array().unwrap().len(), 3, "{}", damage.name);
}

#[test]
fn what_cannot_be_read_is_rejected_by_command() {
    for make in [deep, missing_commit, nonsense_reference] {
        let village = town();
        make(&village);
        village.reject(1, "spam", "nobody can read that").says(0, "rejected");
        assert_eq!(village.states()[0], (1, "rejected".to_owned()));
    }
}

/// A branch that is none any more, and the state in which that leaves its pull request.
const GONE: [(&str, Make, &str); 3] = [
    (
        "a folder of references",
        |village| {
            let tip = village.git(["rev-parse", BRANCH]);
            village.git(["update-ref", "-d", &format!("refs/heads/{BRANCH}")]);
            village.git(["update-ref", &format!("refs/heads/{BRANCH}/more"), &tip]);
        },
        "rejected",
    ),
    ("a reference to nothing", |village| loose(village, "ref: refs/heads/nowhere\n"), "rejected"),
    ("a reference to main", |village| loose(village, "ref: refs/heads/main\n"), "merged"),
];

#[test]
fn a_branch_that_is_none_closes_one_pull_request() {
    for (name, make, state) in GONE {
        let village = town();
        make(&village);
        village.monkeytown(&["sync"]).says(0, "#1");
        assert_eq!(village.states()[0], (1, state.to_owned()), "{name}");
        village.says([write("desk/note.md", "The second link leads nowhere.\n"), finish("Note the link")]);
        village.run("clerk").ended(0, "opened");
        village.merge(2).says(0, "merged");
        village.reject(3, "low-value", "true, and not worth it").says(0, "rejected");
        served_at(&village, name);
        village.says([write("sab/more.md", "The third link leads nowhere.\n"), finish("Note the third link")]);
        let kinds = village.kinds();
        let run = village.run("saboteur");
        run.says(2, "is no branch").says(2, "delete the branch (`");
        assert_eq!(village.kinds(), kinds, "{name}: nobody is asked to think for nothing");
        village.verify_ok();
    }
}

#[test]
fn a_branch_that_became_a_folder_at_the_remote_stops_nobody() {
    let village = Village::new().agent("saboteur", "sab/**").agent("clerk", "desk/**").commit("Found").remote();
    village.says([write("sab/links.md", "The first link leads nowhere.\n"), finish("List the link")]);
    village.run("saboteur").ended(0, "opened");
    let home = village.path("home.git");
    for (from, to) in [(BRANCH, "away"), ("away", "agent/saboteur/more"), ("agent/saboteur/more", "people")] {
        village.git_in(&home, ["branch", "-m", from, to]);
        village.monkeytown(&["sync"]).says(0, "");
    }
    village.git_in(&home, ["branch", "-m", "people", "away"]);
    village.git_in(&home, ["branch", "-m", "away", "people/more"]);
    village.says([write("desk/note.md", "The second link leads nowhere.\n"), finish("Note the link")]);
    village.run("clerk").ended(0, "opened");
    assert_eq!(village.states(), [(1, "rejected".to_owned()), (2, "open".to_owned())]);
}

#[test]
fn a_main_that_cannot_be_read_is_shown_as_far_as_it_can() {
    let spec = "# X\n## Purpose\nIt is tried.\n## Requirements\n### Requirement: One\nIt SHALL be.\n#### Scenario: So\n\
                - **WHEN** so\n- **THEN** so\n";
    let village = town_in(Village::new().file("openspec/specs/x/spec.md", spec));
    deep(&village);
    let tip = village.git(["rev-parse", BRANCH]);
    village.git(["update-ref", "refs/heads/main", &tip]);
    let page = served_at(&village, "main");
    assert_eq!(page.get("/api/specs")["specs"][0]["scenarios"], 1);
    assert!(page.get("/api/specs")["unread"].as_str().unwrap().contains("nested deeper than 512"));
    assert_eq!(page.get("/api/agents").as_array().unwrap().len(), 4);
    let pulls = page.get("/api/pulls");
    assert!(risks(card(&pulls, 1)).iter().any(|(_, what)| what.contains("nested deeper than 512")), "{pulls:#}");
    assert!(card(&pulls, 2)["checks"].is_array(), "its own tree can be read: {pulls:#}");
    village.says([write("desk/note.md", "The second link leads nowhere.\n"), finish("Note the link")]);
    let run = village.run("clerk");
    run.says(2, "nested deeper than 512");
    assert!(!run.stderr.contains("agent/clerk"), "{run:#?}");
}

// covers: local-forge#what-one-branch-holds-stops-one-pull-request/folders-without-end
#[test]
fn a_tree_that_cannot_be_read_stops_one_pull_request() {
    all_looked_at(&TREES);
}

#[test]
fn an_object_that_is_not_what_it_should_be_stops_one_pull_request() {
    all_looked_at(&OBJECTS);
}

#[test]
fn a_reference_that_leads_nowhere_stops_one_pull_request() {
    all_looked_at(&REFERENCES);
}
