//! What programs read: JSON on stdout, files of a CI runner, annotations that nothing can forge.

use crate::village::{Village, finish, write};

// covers: local-forge#pull-requests-can-be-listed-and-read/for-programs
#[test]
fn json_is_alone_on_stdout_and_has_its_fields() {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    let run = village.run("chaostester");
    let fields: Vec<&str> = run.json.as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "agent",
        "run",
        "slot",
        "outcome",
        "reason",
        "resumed",
        "partial",
        "pull",
        "offer",
        "findings",
        "news",
        "brain",
        "turns",
        "tokens",
        "cost_micros",
    ] {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
    assert_eq!(
        (&run.json["resumed"], &run.json["brain"], &run.json["turns"]),
        (&false.into(), &"scripted".into(), &2.into())
    );
    assert!(run.stderr.contains("publish  pull request #1 opened"), "{run:#?}");

    let listed = village.monkeytown(&["pulls", "--json"]);
    let pull = &listed.json["pulls"][0];
    let wanted = [
        ("number", serde_json::json!(1)),
        ("state", serde_json::json!("open")),
        ("agent", serde_json::json!("chaostester")),
        ("branch", serde_json::json!("agent/chaostester")),
        ("head", serde_json::json!(village.git(["rev-parse", "agent/chaostester"]))),
        ("base", serde_json::json!(village.git(["rev-parse", "main"]))),
        ("title", serde_json::json!("List the broken link")),
        ("run", run.json["run"].clone()),
        ("opened_at", serde_json::json!("2026-11-21T04:20:00Z")),
        ("paths", serde_json::json!(["qa/links.md"])),
        ("files", serde_json::json!(1)),
        ("adds", serde_json::json!(1)),
    ];
    for (field, value) in wanted {
        assert_eq!(pull[field], value, "{field} in {pull:#}");
    }
    let shown = village.monkeytown(&["pulls", "show", "1", "--diff", "--json"]);
    assert!(shown.text("diff").contains("+The first link leads nowhere."), "{shown:#?}");
    assert_eq!(village.monkeytown(&["pulls", "show", "7"]).code, 2);
}

#[test]
fn text_is_for_people() {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    let brain = format!("scripted:{}", village.path("script-1.json").display());
    let run = village.monkeytown(&["run", "chaostester", "--brain", &brain]);
    assert_eq!(run.stdout, "chaostester opened pull request #1: List the broken link\n");
    assert!(village.monkeytown(&["pulls"]).stdout.starts_with("#1    open     chaostester"));
    assert!(village.monkeytown(&["log"]).stdout.contains("pull request #1 opened"));
}

#[test]
fn what_is_named_wrongly_is_said_with_what_there_is() {
    let village = Village::small();
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    let last = village.monkeytown(&["log", "--json", "-n", "0"]).stdout.lines().count();
    for command in ["state", "log"] {
        let none = format!("there is no event 999; the last one is {last}");
        village.monkeytown(&[command, "--at", "999"]).says(2, &none);
        assert_eq!(village.monkeytown(&[command, "--at", &last.to_string()]).code, 0);
    }
    village.monkeytown(&["pulls", "show", "first"]).says(2, "use its number, such as 3; `monkeytown pulls` lists them");
    assert_eq!(village.monkeytown(&["pulls", "show", "#1"]).stdout, village.monkeytown(&["pulls", "show", "1"]).stdout);
    // A token may be for a town elsewhere.
    let token = village.monkeytown(&["token", "chaostestre"]);
    token.says(0, "warning: no agent of this town is named chaostestre; `monkeytown agents` lists them");
    assert!(!village.monkeytown(&["token", "chaostester"]).stderr.contains("warning"));
}

/// Whether a runner would obey a line: a workflow command begins the line, after blanks.
fn obeyed(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.trim_start().starts_with("::")).collect()
}

#[test]
fn a_runner_gets_its_files_and_obeys_nothing_that_an_agent_wrote() {
    let village = Village::small();
    let (summary, outputs) = (village.path("summary.md"), village.path("outputs"));
    village.with_env("GITHUB_ACTIONS", "true").with_env("CI", "true");
    village.with_env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    village.with_env("GITHUB_OUTPUT", outputs.to_str().unwrap());
    let secret = ["hush", "-hush-", "hush"].concat();
    village.with_env("FORGE_TOKEN", &secret);
    let title = "::error file=x::Something to obey";
    let mut said = write("qa/links.md", "The first link leads nowhere.\n");
    said["text"] = "::warning::one\n::stop-commands::two\noutcome=forged".into();
    village.says([said, finish("Say more\n::error::on a second line"), finish(title)]);
    let brain = format!("scripted:{}", village.path("script-1.json").display());
    let run = village.monkeytown(&["run", "chaostester", "--brain", &brain]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(obeyed(&run.stdout), [""; 0], "{run:#?}");
    // What is ours to say is said as annotations of findings; nothing of the agent's is among them.
    assert!(obeyed(&run.stderr).iter().all(|line| !line.contains("obey") && !line.contains("one")), "{run:#?}");

    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("### chaostester opened pull request #1"), "{summary}");
    assert_eq!(obeyed(&summary), [""; 0]);
    let outputs = std::fs::read_to_string(outputs).unwrap();
    let lines: Vec<&str> = outputs.lines().collect();
    let mut values = std::collections::BTreeMap::new();
    for block in lines.chunks(3) {
        let (name, delimiter) = block[0].split_once("<<").unwrap();
        assert_eq!(block[2], delimiter, "{outputs}");
        assert!(delimiter.len() > 20);
        values.insert(name, block[1]);
    }
    assert_eq!((values["outcome"], values["pull"]), ("opened", "1"), "{outputs}");
    assert_eq!(values["run"].len(), 26);

    // Outside of Actions nobody asked for files.
    let village = Village::small();
    let untouched = village.path("untouched");
    village.with_env("GITHUB_STEP_SUMMARY", untouched.to_str().unwrap());
    village.says([write("qa/links.md", "The first link leads nowhere.\n"), finish("List the broken link")]);
    village.run("chaostester").ended(0, "opened");
    assert!(!untouched.exists());
}

#[test]
fn annotations_name_what_the_gate_found() {
    let village = Village::small();
    village.with_env("GITHUB_ACTIONS", "true");
    let marks = "<".repeat(7);
    let content = format!("{marks} HEAD\n::error::obey me\n");
    village.says([
        write("qa/50%25.md", &content),
        finish("List the conflicts"),
        finish("List the conflicts again"),
        finish("List the conflicts once more"),
    ]);
    let run = village.run("chaostester");
    run.ended(1, "failed");
    let ours = obeyed(&run.stderr);
    assert!(ours.iter().any(|line| line.starts_with("::error title=no-conflict-markers")), "{run:#?}");
    assert!(
        ours.iter().all(|line| line.starts_with("::error title=")
            || line.starts_with("::warning title=")
            || line.starts_with("::notice title=")),
        "{ours:#?}"
    );
    assert!(ours.iter().all(|line| !line.contains("obey")), "{ours:#?}");
    village.verify_ok();
}

// covers: outgoing#secrets-are-masked/a-model-repeats-a-key
#[test]
fn secrets_of_the_process_are_masked_everywhere() {
    let village = Village::small();
    let secret = ["hush", "-hush-", "hush"].concat();
    village.with_env("FORGE_TOKEN", &secret);
    let mut said = write("qa/links.md", "The first link leads nowhere.\n");
    said["text"] = format!("I found {secret} somewhere.").into();
    let mut end = finish("List the broken link");
    end["calls"][0]["arguments"]["body"] = format!("The value was {secret}.").into();
    village.says([said, end]);
    let run = village.run("chaostester");
    run.ended(0, "opened");
    assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret), "{run:#?}");
    assert!(!village.transcript(&run.text("run")).to_string().contains(&secret), "the transcript");
    for event in village.events() {
        assert!(!event.to_string().contains(&secret), "{event:#}");
    }
    let message = village.git(["log", "-1", "--format=%B", "agent/chaostester"]);
    assert!(!message.contains(&secret), "{message}");
}
