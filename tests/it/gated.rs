//! Promise: a draft goes through all gates to the archive by runs and human merges only; who returns it, what went stale and what
//! overlaps is caught on the way, and each step is seen in `spec status` and in the journal.

use serde_json::{Value, json};

use crate::village::{Outcome, Village, finish, write};

pub const CHANGE: &str = "openspec/changes/add-quota";
const SPEC: &str = "# Post Specification\n\n## Purpose\nHow the post of the village is sorted, weighed and carried to every hut.\n\n\
                    ## Requirements\n\n### Requirement: Weighing\nThe post SHALL weigh every parcel.\n\n\
                    #### Scenario: A parcel\n- **WHEN** a parcel is handed in\n- **THEN** its weight is written on it\n";
const PROPOSAL: &str = "# Add quota\n\n**Status:** Draft\n\n## Why\nHeavy parcels block the post for everybody else, and nobody \
                        is told before the boat has left.\n\n## What Changes\n- Parcels above a quota wait for the next boat.\n";
const TASKS: &str = "## 1. Quota\n- [ ] 1.1 Refuse what is too heavy\n- [ ] 1.2 Test it\n";

pub fn delta(scenario: &str) -> String {
    format!(
        "## MODIFIED Requirements\n\n### Requirement: Weighing\nThe post SHALL weigh every parcel and keep back what is too \
         heavy.\n\n#### Scenario: A parcel\n- **WHEN** a parcel is handed in\n- **THEN** its weight is written on it\n{scenario}"
    )
}

pub const HEAVY: &str = "\n#### Scenario: Too heavy\n- **WHEN** a parcel of ten bananas is handed in\n- **THEN** it waits for the next boat\n";

/// A town with the roles of the workflow, a spec, and a draft whose new scenario has no name for what it is.
pub fn town() -> Village {
    let settings = "guarded: [\"src/**\"]\ngrants:\n  feature-implementer: [\"src/**\", \"tests/**\"]\n\
                    tests: { command: \"sh tests/run.sh\", minutes: 5 }\n";
    let mut village = Village::new().settings(settings);
    for (name, charter) in monkeytown::town::starter::OPENSPEC {
        village = village.file(&format!("agents/{name}.md"), charter);
    }
    village
        .file("openspec/config.yaml", "schema: spec-driven\n")
        .file("openspec/specs/post/spec.md", SPEC)
        .file(&format!("{CHANGE}/proposal.md"), PROPOSAL)
        .file(&format!("{CHANGE}/tasks.md"), TASKS)
        .file(&format!("{CHANGE}/specs/post/spec.md"), &delta("").replace("SHALL ", "will "))
        .file("src/post.sh", "weigh() { echo \"$1 bananas\"; }\n")
        .file("tests/run.sh", "set -e\n. src/post.sh\ntest \"$(weigh 3)\" = '3 bananas'\n")
        .commit("Found the town")
}

/// What `spec status` says of a change: its state, and the codes of what is wrong.
fn status(village: &Village, change: &str) -> (String, Vec<String>) {
    village.git(["checkout", "-q", "-f", "main"]);
    village.git(["reset", "-q", "--hard", "main"]);
    let out = village.monkeytown(&["spec", "status", "--change", change, "--json"]);
    assert_eq!(out.code, 0, "{out:#?}");
    let life = &out.json["lifecycle"];
    let wrong = |issue: &&Value| issue["level"] != "INFO";
    let codes =
        life["issues"].as_array().unwrap().iter().filter(wrong).map(|issue| issue["code"].as_str().unwrap().to_owned());
    (life["state"].as_str().unwrap().to_owned(), codes.collect())
}

#[track_caller]
fn stands(village: &Village, change: &str, state: &str, codes: &[&str]) {
    let (found, wrong) = status(village, change);
    assert_eq!((found.as_str(), wrong.iter().map(String::as_str).collect::<Vec<_>>()), (state, codes.to_vec()));
}

/// A run with the embedded brain, whatever the script says.
pub fn without_a_mind(village: &Village, agent: &str) -> Outcome {
    village.monkeytown(&["run", agent, "--json", "--brain", "embedded"])
}

/// A run without a model that opens or updates a pull request, which a human then merges.
#[track_caller]
pub fn acts(village: &Village, agent: &str, title: &str) -> Outcome {
    let run = without_a_mind(village, agent);
    assert_eq!(run.code, 0, "{run:#?}");
    let number = run.json["pull"].as_u64().unwrap_or_else(|| panic!("{run:#?}"));
    let pull = village.pulls().into_iter().find(|pull| pull["number"] == number).unwrap();
    assert!(pull["title"].as_str().unwrap().starts_with(title), "{pull:#?}");
    merged(village, number);
    run
}

#[track_caller]
pub fn merged(village: &Village, number: u64) {
    let merge = village.merge(number);
    assert_eq!(merge.code, 0, "{merge:#?}");
}

/// A human's commit.
pub fn edits(village: &Village, files: &[(&str, &str)], message: &str) {
    village.git(["checkout", "-q", "-f", "main"]);
    village.git(["reset", "-q", "--hard", "main"]);
    files.iter().for_each(|(path, text)| _ = village.put(path, text));
    village.save(message);
}

pub fn call(name: &str, arguments: Value) -> Value {
    json!({"calls": [{"name": name, "arguments": arguments}]})
}

/// The end of a run for the change.
fn ends(title: &str) -> Value {
    let mut end = finish(title);
    end["calls"][0]["arguments"]["change"] = json!("add-quota");
    end
}

const NOTES: &str = "# What was done\n\n| task | proof | scenario |\n| --- | --- | --- |\n\
                     | 1.1 | `sh tests/run.sh` exit 0 | A parcel: `tests/run.sh` |\n\
                     | 1.2 | tests/run.sh:4 | - |\n";

/// What the implementer does in one run: the code, its test, the ticks with what shows them, and the hand-over. It forgets to say
/// what shows one of the scenarios.
fn implementation() -> Vec<Value> {
    vec![
        write("src/post.sh", "weigh() { if [ \"$1\" -gt 9 ]; then echo waits; else echo \"$1 bananas\"; fi; }\n"),
        write(
            "tests/run.sh",
            "set -e\n. src/post.sh\ntest \"$(weigh 3)\" = '3 bananas'\ntest \"$(weigh 10)\" = waits\n",
        ),
        write(&format!("{CHANGE}/implementation.md"), NOTES),
        write(&format!("{CHANGE}/tasks.md"), &TASKS.replace("[ ]", "[x]")),
        call("RecordGate", json!({"change": "add-quota", "verdict": "done", "evidence": ["`sh tests/run.sh` exit 0"]})),
        ends("Keep back what is too heavy"),
    ]
}

/// What it does about the validator's finding: a tag in the test, and the hand-over again.
fn repair() -> Vec<Value> {
    // Written in two parts: this file is looked through as well.
    let tag = format!("# {}: post#weighing/too-heavy\n", "covers");
    vec![
        write(
            "tests/run.sh",
            &format!("set -e\n. src/post.sh\ntest \"$(weigh 3)\" = '3 bananas'\n{tag}test \"$(weigh 10)\" = waits\n"),
        ),
        call(
            "RecordGate",
            json!({"change": "add-quota", "verdict": "done", "evidence": ["tests/run.sh:4 names the scenario"]}),
        ),
        ends("Say which test shows what is too heavy"),
    ]
}

// covers: gated-workflow#the-state-of-a-change-follows-from-its-gate-records/both-validators-pass
// covers: gated-workflow#a-pass-is-of-one-state-of-the-code/a-commit-after-a-pass
// covers: gated-workflow#roles-act-without-a-mind-as-far-as-rules-reach
#[test]
fn a_draft_goes_through_all_gates_by_runs_and_merges() {
    let village = town();
    stands(&village, "add-quota", "Draft", &[]);

    // Nobody builds what nobody approved.
    village.says(implementation());
    let early = village.run("feature-implementer");
    assert_eq!(early.code, 1, "{early:#?}");

    // The architect returns a draft that breaks the rules, with the reasons.
    acts(&village, "architect", "architect add-quota: needs-revision, ");
    stands(&village, "add-quota", "Needs Revision", &[]);
    let record = village.show("main", &format!("{CHANGE}/gates/001-architect.yaml"));
    assert!(record.contains("verdict: needs-revision") && record.contains("delta/missing-shall"), "{record}");

    // Its author mends it; the architect approves.
    let spec = format!("{CHANGE}/specs/post/spec.md");
    edits(&village, &[(&spec, &delta(HEAVY))], "Say what is too heavy");
    stands(&village, "add-quota", "Draft", &["status/disagrees-with-events"]);
    acts(&village, "architect", "architect add-quota: approved");
    stands(&village, "add-quota", "Approved", &[]);

    // An edit of what was approved is caught, and approved anew.
    let proposal = format!("{CHANGE}/proposal.md");
    let edited = PROPOSAL.replace("next boat", "next boat, at no cost").replace("Draft", "Approved");
    edits(&village, &[(&proposal, &edited)], "Promise that it costs nothing");
    stands(&village, "add-quota", "Draft", &["gate/stale-approval", "status/disagrees-with-events"]);
    village.says(implementation());
    let stale = village.run("feature-implementer");
    assert_eq!(stale.code, 1, "{stale:#?}");
    acts(&village, "architect", "architect add-quota: approved");
    stands(&village, "add-quota", "Approved", &[]);

    // A second change of the same requirement is returned for it.
    let rush = "openspec/changes/rush-post";
    let file = |name: &str| format!("{rush}/{name}");
    let files = [file("proposal.md"), file("tasks.md"), file("specs/post/spec.md")];
    let other = delta("\n#### Scenario: A hurry\n- **WHEN** somebody is in a hurry\n- **THEN** it is weighed first\n");
    edits(
        &village,
        &[(&files[0], &PROPOSAL.replace("Add quota", "Rush post")), (&files[1], TASKS), (&files[2], &other)],
        "Think of those in a hurry",
    );
    acts(&village, "architect", "architect rush-post: needs-revision, ");
    let record = village.show("main", &format!("{rush}/gates/001-architect.yaml"));
    assert!(record.contains("sibling/overlap") && record.contains("add-quota"), "{record}");
    stands(&village, "rush-post", "Needs Revision", &[]);

    // Its author puts it behind the other one, and on top of what that will have left; so it is judged again, and approved.
    let behind = other.replace("\n#### Scenario: A hurry", &format!("{HEAVY}\n#### Scenario: A hurry"));
    edits(
        &village,
        &[(&file(".openspec.yaml"), "schema: spec-driven\ndepends_on: [add-quota]\n"), (&files[2], &behind)],
        "Let the quota go first",
    );
    stands(&village, "rush-post", "Draft", &["status/disagrees-with-events"]);
    acts(&village, "architect", "architect rush-post: approved");
    stands(&village, "rush-post", "Approved", &[]);

    // The implementer has a script for a mind. Without one it says what needs it.
    let waits = without_a_mind(&village, "feature-implementer");
    assert!(format!("{waits:?}").contains("needs a mind"), "{waits:#?}");
    village.says(implementation());
    let built = village.run("feature-implementer");
    assert_eq!(built.code, 0, "{built:#?}");
    stands(&village, "add-quota", "Approved", &[]);
    merged(&village, built.json["pull"].as_u64().unwrap());
    stands(&village, "add-quota", "Validation", &[]);

    // A scenario that nothing shows sends it back, and what was built is not handed over again as it was.
    acts(&village, "pm-validator", "pm add-quota: fail, 1 finding");
    stands(&village, "add-quota", "In Progress", &[]);
    let record = village.show("main", &format!("{CHANGE}/gates/005-pm.yaml"));
    assert!(record.contains("scenario-without-evidence") && record.contains("Too heavy"), "{record}");
    let waits = without_a_mind(&village, "feature-implementer");
    assert!(format!("{waits:?}").contains("005-pm.yaml returned it"), "{waits:#?}");
    village.says(repair());
    let repaired = village.run("feature-implementer");
    assert_eq!(repaired.code, 0, "{repaired:#?}");
    merged(&village, repaired.json["pull"].as_u64().unwrap());
    stands(&village, "add-quota", "Validation", &[]);

    // The validators work side by side, and take the same number. A second run leaves the open verdict as it is.
    let pm = without_a_mind(&village, "pm-validator");
    let test = without_a_mind(&village, "test-validator");
    pm.ended(0, "opened");
    test.ended(0, "opened");
    let number = pm.json["pull"].as_u64().unwrap();
    let again = without_a_mind(&village, "pm-validator");
    assert!(format!("{again:?}").contains(&format!("#{number} waits for a merge")), "{again:#?}");
    let open = village.pulls().into_iter().find(|pull| pull["number"] == number).unwrap();
    assert_eq!(open["title"], "pm add-quota: pass");
    merged(&village, number);
    stands(&village, "add-quota", "Validation", &[]);
    merged(&village, test.json["pull"].as_u64().unwrap());
    // Neither of the two could know that the other passes it too: the line lags, and nobody is blamed for it.
    stands(&village, "add-quota", "Completed", &[]);
    assert!(village.show("main", &format!("{CHANGE}/proposal.md")).contains("**Status:** Validation"));
    for gate in ["pm", "test"] {
        let record = village.show("main", &format!("{CHANGE}/gates/007-{gate}.yaml"));
        assert!(record.contains("verdict: pass") && record.contains("needs-a-mind"), "{record}");
    }

    // Code that is changed for it afterwards was passed by nobody: both judge it again.
    let code = "# In bananas.\nweigh() { if [ \"$1\" -gt 9 ]; then echo waits; else echo \"$1 bananas\"; fi; }\n";
    edits(&village, &[("src/post.sh", code)], "Say in what is weighed\n\nChange: add-quota\n");
    let stale = ["gate/stale-pass", "gate/stale-pass"];
    stands(&village, "add-quota", "Validation", &stale);
    let idle = without_a_mind(&village, "architect");
    assert!(idle.json["pull"].is_null() || !format!("{idle:?}").contains("archive add-quota"), "{idle:#?}");
    acts(&village, "pm-validator", "pm add-quota: pass");
    acts(&village, "test-validator", "test add-quota: pass");
    stands(&village, "add-quota", "Completed", &[]);

    // The architect puts it away: the spec says what the change said.
    acts(&village, "architect", "archive add-quota");
    village.git(["reset", "-q", "--hard", "main"]);
    let archived = "openspec/changes/archive/2026-11-21-add-quota";
    let spec = village.show("main", "openspec/specs/post/spec.md");
    assert!(spec.contains("#### Scenario: Too heavy") && spec.contains("keep back what is too heavy"), "{spec}");
    assert!(village.show("main", &format!("{archived}/proposal.md")).contains("**Status:** Archived"));
    let record = village.show("main", &format!("{archived}/gates/010-archive.yaml"));
    assert!(record.contains("verdict: archived"), "{record}");
    assert!(!village.dir().join(CHANGE).exists());
    assert_eq!(village.monkeytown(&["spec", "validate", "--specs", "--strict"]).code, 0);

    stands(&village, "add-quota", "Archived", &[]);

    // All of it is in the journal, in its order.
    let pulls = village.pulls();
    let title = |merged: &Value| {
        let pull = pulls.iter().find(|pull| pull["number"] == merged["number"]).unwrap();
        pull["title"].as_str().unwrap().to_owned()
    };
    let titles: Vec<String> = village.facts("pull.merged").iter().map(title).collect();
    let steps = [
        "architect add-quota: needs-revision, ",
        "architect add-quota: approved",
        "architect add-quota: approved",
        "architect rush-post: needs-revision, ",
        "architect rush-post: approved",
        "Keep back what is too heavy",
        "pm add-quota: fail, 1 finding",
        "Say which test shows what is too heavy",
        "pm add-quota: pass",
        "test add-quota: pass",
        "pm add-quota: pass",
        "test add-quota: pass",
        "archive add-quota",
    ];
    assert!(titles.iter().zip(steps).all(|(title, step)| title.starts_with(step)), "{titles:#?}");
    assert_eq!((titles.len(), village.facts("pull.opened").len()), (steps.len(), steps.len()));
    let refused = village.facts("gate.failed");
    for (refused, why) in refused.iter().zip(["is Draft", "the content was edited after it was approved"]) {
        let said = refused["findings"].to_string();
        assert!(said.contains("approved-change") && said.contains(why), "{said}");
        assert!(said.contains("next step: architect judges the draft"), "{said}");
    }
    assert_eq!(refused.len(), 2);
    village.verify_ok();
}

#[test]
fn whoever_brought_a_draft_does_not_judge_it() {
    let village = town();
    let file = |name: &str| format!("openspec/changes/{name}/proposal.md");
    let settings = village.show("main", ".monkeytown/town.yaml").replace(
        "grants:\n",
        "grants:\n  architect: [\"openspec/changes/*/proposal.md\", \"openspec/changes/*/specs/**\"]\n",
    );
    edits(&village, &[(".monkeytown/town.yaml", &settings)], "Let the architect write drafts");
    // It brings one of its own, and mends a word in one that a person brought.
    let text = "# Add stamps\n\n## Why\nNobody can tell which parcels were paid for, so the boatman asks at every hut and comes \
                home after dark.\n\n## What Changes\n- The post puts a stamp on what was paid for.\n";
    village.says(vec![
        write(&file("add-stamps"), text),
        write(
            "openspec/changes/add-stamps/specs/post/spec.md",
            "## ADDED Requirements\n\n### Requirement: Stamps\nThe post SHALL stamp every parcel.\n\n#### Scenario: A parcel\n\
             - **WHEN** a parcel is weighed\n- **THEN** it gets a stamp\n",
        ),
        write(&file("add-quota"), &PROPOSAL.replace("everybody else", "everybody")),
        finish("Propose stamps for parcels"),
    ]);
    let run = village.run("architect");
    assert_eq!(run.code, 0, "{run:#?}");
    merged(&village, run.json["pull"].as_u64().unwrap());
    acts(&village, "architect", "architect add-quota: needs-revision, ");
    let waits = without_a_mind(&village, "architect");
    assert!(format!("{waits:?}").contains("`add-stamps` is your own"), "{waits:#?}");
}

// covers: gated-workflow#the-order-of-changes-is-told
#[test]
fn the_order_is_kept_and_told_without_a_mind() {
    let village = town();
    let rush = "openspec/changes/rush-post";
    edits(
        &village,
        &[
            (&format!("{rush}/proposal.md"), PROPOSAL),
            (&format!("{rush}/.openspec.yaml"), "schema: spec-driven\ndepends_on: [add-quota]\n"),
        ],
        "Think of those in a hurry",
    );
    without_a_mind(&village, "orchestrator").ended(0, "opened");
    let page = village.show("agent/orchestrator", ".monkeytown/orchestration/order.md");
    let next =
        "1. `add-quota` (Draft): `architect judges the draft: monkeytown run architect`; one change waits for it";
    let stuck = "- `rush-post` (Draft) waits for `add-quota`";
    assert!(page.contains(next) && page.contains(stuck), "{page}");
    let posts = village.facts("post.published");
    let note = posts[0].to_string();
    assert!(posts.len() == 1 && note.contains("architect judges the draft") && note.contains("waits for"), "{note}");
    // The same order is not told twice.
    let again = without_a_mind(&village, "orchestrator");
    assert_eq!((again.code, village.facts("post.published").len()), (0, 1), "{again:#?}");
}

// covers: traceability#gaps-and-unknown-ids-are-findings
#[test]
fn what_nothing_covers_is_a_finding_of_the_profile() {
    let village = town();
    let validate = || {
        let out = village.monkeytown(&["spec", "validate", "--specs", "--profile", "gated", "--json"]);
        let issues = out.json["items"][0]["issues"].as_array().unwrap();
        let said: Vec<String> = issues.iter().map(|issue| format!("{} {}", issue["code"], issue["file"])).collect();
        (out.code, said)
    };
    let uncovered = "\"trace/uncovered\" \"openspec/specs/post/spec.md\"".to_owned();
    assert_eq!(validate(), (0, vec![uncovered.clone()]));
    // A tag that names nothing is an error of the spec that it speaks of; what is covered is fine.
    let tag = |id: &str| _ = village.put("tests/tags.sh", &format!("# covers: {id}\n"));
    tag("post#weighed");
    assert_eq!(validate(), (1, vec![uncovered, "\"trace/unknown-id\" \"tests/tags.sh\"".to_owned()]));
    tag("post#weighing");
    assert_eq!(validate(), (0, Vec::new()));
}
