//! A command-line agent as the brain: small shell scripts play it, decent ones and hostile ones.
//! Lives here: what comes of its work, its words and its failures in a whole run. Never here: attempts to get out of the
//! sandbox (see `tests/it/sandbox.rs`), the way of a model (see [`crate::replies`]).

use serde_json::{Value, json};

use crate::village::{Outcome, Village};

/// What a script prints at its end.
const DONE: &str =
    r#"echo '{"title": "List the broken link", "body": "Somebody has to read it.", "evidence": ["README.md:1"]}'"#;
const WRITES: &str = "mkdir -p qa; echo 'The first link leads nowhere.' >qa/links.md";

/// A small town whose agents are this script.
fn town(script: &str) -> Village {
    Village::small()
        .settings("brain: { provider: command, command: \"sh agent.sh\" }\n")
        .file("agent.sh", &format!("{script}\n"))
        .commit("Think with a command")
}

fn run(town: &Village) -> Outcome {
    town.monkeytown(&["run", "chaostester", "--json"])
}

/// What the newest run kept, as text.
fn transcript(town: &Village, run: &Outcome) -> String {
    town.transcript(&run.text("run")).to_string()
}

#[track_caller]
fn fails(script: &str, why: &str) -> (Village, Outcome) {
    let town = town(script);
    let run = run(&town);
    run.ended(1, "failed");
    assert!(run.text("reason").contains(why), "{why:?} is not in {run:#?}");
    assert_eq!(run.json["failure"], "brain", "{run:#?}");
    assert_eq!(town.pulls(), Vec::<Value>::new());
    (town, run)
}

// covers: command-agents#it-works-in-the-sandbox/it-writes-elsewhere
#[test]
fn what_it_leaves_of_its_own_is_proposed_and_it_was_briefed() {
    let script =
        format!("cat >$TMPDIR/in; {WRITES}; cp $TMPDIR/in qa/heard.txt; echo evil >README.md; rm agent.sh; {DONE}");
    let town = town(&script);
    let run = run(&town);
    run.ended(0, "opened");
    assert_eq!(
        (&run.json["brain"], &run.json["turns"], &run.json["cost_micros"]),
        (&"command".into(), &2.into(), &0.into())
    );
    let names = town.git(["diff", "--name-status", "main", "agent/chaostester"]);
    assert_eq!(names, "A\tqa/heard.txt\nA\tqa/links.md");
    let heard = town.show("agent/chaostester", "qa/heard.txt");
    for part in [
        "You are chaostester",
        "You look after qa/**",
        "`qa/**`",
        "`Finish` and `NothingToDo` are no tools here",
        "you reach: nothing.",
    ] {
        assert!(heard.contains(part), "{part:?} is not in {heard}");
    }
    let kept = transcript(&town, &run);
    assert!(
        kept.contains("not kept, because not yours: README.md, agent.sh") && kept.contains("[exit code 0]"),
        "{kept}"
    );
    let shown = town.monkeytown(&["pulls", "show", "1", "--json"]);
    assert!(shown.stdout.contains("List the broken link") && shown.stdout.contains("README.md:1"), "{shown:#?}");
    assert_eq!(town.facts("tool.called")[0]["calls"][0]["tool"], "Agent");
    town.verify_ok();
}

#[test]
fn the_answer_of_claude_and_nothing_to_do_are_understood() {
    let claude = r#"printf '%s\n' '{"type":"result","is_error":false,"result":"Done.\n\n```json\n{\"title\": \"List the broken link\", \"body\": \"It is broken.\"}\n```","session_id":"x"}'"#;
    let wrapped = town(&format!("{WRITES}; {claude}"));
    run(&wrapped).ended(0, "opened");
    let idle = town("echo thinking; echo '{\"nothing\": \"every link holds\"}'");
    let run = run(&idle);
    run.ended(0, "nothing");
    assert!(run.text("reason").contains("every link holds"), "{run:#?}");
}

// covers: command-agents#it-ends-with-an-answer
#[test]
fn the_last_of_two_answers_counts() {
    let town = town(&format!("{WRITES}; echo '{{\"title\": \"Something else\", \"body\": \"No.\"}}'; {DONE}"));
    run(&town).ended(0, "opened");
    assert_eq!(town.pulls()[0]["title"], "List the broken link");
}

// covers: command-agents#it-ends-with-an-answer
#[test]
fn without_an_answer_it_is_asked_once_more_where_it_stands() {
    // The second time it finds its own file, and is told what was wrong.
    let mended = town(&format!(
        "cat >$TMPDIR/in; if test -e qa/links.md && grep -q 'no JSON object' $TMPDIR/in; then {DONE}; else {WRITES}; echo all done; fi"
    ));
    let ended = run(&mended);
    ended.ended(0, "opened");
    assert_eq!(ended.json["turns"], 3);
    let (town, run) = fails(
        &format!("{WRITES}; echo all done"),
        "it gave no answer that can be used, 2 times: there is no JSON object",
    );
    assert_eq!(run.json["turns"], 2);
    town.verify_ok();
    fails(&format!("{WRITES}; echo '{{\"title\": \"wip\", \"body\": \"x\"}}'"), "says nothing");
}

#[test]
fn what_the_gate_found_is_told_and_mended() {
    let script = format!(
        "cat >$TMPDIR/in; mkdir -p qa; if grep -q 'no-conflict-markers' $TMPDIR/in; then echo fine >qa/links.md; else \
         printf '<<<<<<< a\\n=======\\n>>>>>>> b\\n' >qa/links.md; fi; {DONE}"
    );
    let town = town(&script);
    let run = run(&town);
    run.ended(0, "opened");
    assert_eq!((run.json["turns"].as_u64(), town.show("agent/chaostester", "qa/links.md").as_str()), (Some(4), "fine"));
}

#[test]
fn each_way_to_fail_has_its_sentence() {
    let (town, _) = fails(&format!("{WRITES}; {DONE}; exit 3"), "it ended with exit code 3: {\"title\"");
    assert!(town.facts("run.failed")[0]["reason"].as_str().unwrap().contains("exit code 3"));
    fails("no-such-agent --print", "a program of it was not found (exit code 127)");
    fails("kill -SEGV $$", "it was ended by signal 11");
    fails("yes | head -c 200000000", "it wrote too much output");
    fails(
        "for i in 1 2 3 4 5 6; do python3 -c \"x = b'1' * (900 << 20); import time; time.sleep(60)\" & done; wait",
        "it took too much memory",
    );
    fails(
        "echo '{\"type\": \"result\", \"is_error\": true, \"result\": \"no credit\"}'",
        "it reports an error: \"no credit\"",
    );
}

#[test]
fn much_output_is_cut_and_its_end_is_read() {
    let town = town(&format!("{WRITES}; yes '{{\"a\": \"' | head -c 3000000; echo; {DONE}"));
    let run = run(&town);
    run.ended(0, "opened");
    assert!(transcript(&town, &run).len() < 200_000);
}

#[test]
fn commands_to_a_terminal_and_to_a_runner_are_only_text() {
    let evil = r"printf '\033[2J\033]0;owned\007\n::set-output name=x::y\n::error::z\r\n'";
    let answer = r#"printf '%s\n' '{"title": "List the broken link", "body": "One.\n::set-output name=x::y\n\u001b[2Jtwo \u202ethree"}'"#;
    let town = town(&format!("{WRITES}; {evil}; {answer}"));
    let output = town.path("output");
    let summary = town.path("summary");
    town.with_env("GITHUB_ACTIONS", "true").with_env("GITHUB_OUTPUT", output.to_str().unwrap());
    town.with_env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    let run = run(&town);
    run.ended(0, "opened");
    let pull = town.monkeytown(&["pulls", "show", "1", "--json"]).stdout;
    let written = |path| std::fs::read_to_string(path).unwrap_or_default();
    for text in [&run.stdout, &run.stderr, &pull, &written(output), &written(summary), &transcript(&town, &run)] {
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text}");
        assert!(text.lines().all(|line| !line.trim_start().starts_with("::set-output")), "{text}");
    }
}

#[test]
fn what_stays_behind_is_ended() {
    let seconds = format!("87{:06}", std::process::id());
    let town = town(&format!("(setsid nohup sleep {seconds} >/dev/null 2>&1 &); {WRITES}; {DONE}"));
    let run = run(&town);
    run.ended(0, "opened");
    let alive = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.starts_with(b"sleep") && String::from_utf8_lossy(&line).contains(&seconds)
    });
    assert!(!alive, "the daemon lives on");
}

// covers: outgoing#secrets-are-masked
#[test]
fn a_secret_that_the_parent_knows_is_masked_wherever_the_command_says_it() {
    let secret = ["hush", "-hush-", &"h".repeat(20)].concat();
    // Put together by the script, so that no file holds it before.
    let says = format!("s=hush; s=$s-hush-; s=${{s}}{}", "h".repeat(20));
    let answer = r#"printf '{"title": "List the broken link", "body": "It is %s.", "evidence": ["%s"]}\n' $s $s"#;
    let town = town(&format!("{says}; {WRITES}; env; echo $s; {answer}"));
    town.with_env("DEPLOY_TOKEN", &secret);
    let run = run(&town);
    run.ended(0, "opened");
    assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret), "{run:#?}");
    let objects = town.git(["cat-file", "--batch-all-objects", "--batch"]);
    assert!(objects.contains("It is ***.") && !objects.contains(&secret), "the secret is in an object");
}

#[test]
fn a_run_that_was_killed_goes_on_without_running_the_command_again() {
    let town = town(&format!("{WRITES}; date +%N >>qa/times.txt; {DONE}"));
    town.halt_at("called", "chaostester", &[]);
    town.at("2026-11-21T06:20:00Z");
    let run = run(&town);
    run.ended(0, "opened");
    assert_eq!((&run.json["resumed"], &run.json["turns"]), (&true.into(), &2.into()));
    assert_eq!(town.show("agent/chaostester", "qa/times.txt").lines().count(), 1);
    town.verify_ok();
}

#[test]
fn a_recorded_run_is_replayed_with_its_command() {
    let town = town(&format!("{WRITES}; date +%N >qa/when.txt; {DONE}"));
    let first = run(&town);
    let recording = town.path("recording.json");
    let shown = town.monkeytown(&["runs", "show", &first.text("run"), "--json"]);
    assert_eq!(shown.code, 0, "{shown:#?}");
    std::fs::write(&recording, &shown.stdout).unwrap();
    town.at("2026-11-22T06:20:00Z");
    let again =
        town.monkeytown(&["run", "chaostester", "--json", "--brain", &format!("replay:{}", recording.display())]);
    again.ended(0, "updated");
    let replayed = town.monkeytown(&["runs", "replay", &first.text("run")]);
    assert_eq!(replayed.code, 0, "{replayed:#?}");
}

#[test]
fn the_command_line_comes_from_the_settings_and_from_nowhere_else() {
    let town = Village::small();
    let given = town.monkeytown(&["run", "chaostester", "--brain", "command:touch /tmp/x"]);
    given.says(2, "use openai/MODEL, anthropic/MODEL, command, embedded");
    town.monkeytown(&["run", "chaostester", "--brain", "command"])
        .says(2, "brain.command in .monkeytown/town.yaml names no");
    // A charter may ask for it, and one run.
    let script = format!("{WRITES}; {DONE}\n");
    let town = Village::small().settings("brain: { command: \"sh agent.sh\" }\n").file("agent.sh", &script);
    let charter = std::fs::read_to_string(town.dir().join("agents/chaostester.md")).unwrap();
    let town = town.file("agents/chaostester.md", &charter.replace("model: inherit", "model: command")).commit("Ask");
    town.monkeytown(&["check"]).says(0, "");
    run(&town).ended(0, "opened");
    let town =
        Village::small().settings("brain: { command: \"sh agent.sh\" }\n").file("agent.sh", &script).commit("Ask");
    town.monkeytown(&["run", "chaostester", "--json", "--brain", "command"]).ended(0, "opened");
}

#[test]
fn its_time_is_what_the_run_has_left() {
    use monkeytown::git::repo::Repo;
    use monkeytown::git::workspace::Workspace;
    use monkeytown::tools::sandbox::{Kind, Sandbox};
    use monkeytown::tools::{Agent, Context, Shell, ends};
    use monkeytown::town::network::Allow;
    use monkeytown::town::transcript::ToolCall;
    use monkeytown::town::turn::{AGENT, Said};

    let town = Village::small();
    let repo = Repo::open(town.dir()).unwrap();
    let tree = repo.tree_of(git2::Oid::from_str(&town.git(["rev-parse", "HEAD"])).unwrap()).unwrap();
    let mut files = Workspace::at(&repo, tree, tree).unwrap();
    let program = env!("CARGO_BIN_EXE_monkeytown").into();
    let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    let without = std::env::var("MONKEYTOWN_TEST_WITHOUT").unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|kind| !without.contains(kind.name())).unwrap();
    let shell = Shell::new(Sandbox::new(program, kind), vec![path], Allow::default());
    let now = chrono::DateTime::UNIX_EPOCH;
    let command = "mkdir qa; echo half >qa/half.md; trap '' TERM; sleep 3600 & wait";
    let mut toolbox = ends();
    toolbox.hire(Agent::new(shell, command, "system", "user", now + chrono::TimeDelta::seconds(2)));
    assert!(toolbox.specs().iter().all(|spec| spec.name != AGENT), "no model is offered it");
    let (agent, owns) = ("chaostester".parse().unwrap(), vec!["qa/**".parse().unwrap()]);
    let mut context = Context { files: &mut files, owns: &owns, agent: &agent, now };
    let call = ToolCall { id: "1".into(), name: AGENT.into(), arguments: json!({}) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = runtime.block_on(toolbox.call(&mut context, &call)).unwrap();
    assert_eq!(Said::of_result(&result.output), Some(Said::Late), "{}", result.output);
    assert!(result.changed && result.output.contains("changed: qa/half.md"), "what it has written is kept");
}
