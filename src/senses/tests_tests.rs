//! Tests of the sense of tests: real commands in real checkouts.

use super::super::testing::Sample;
use super::*;

fn env() -> Vec<(String, String)> {
    vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]
}

fn ran(command: &str, millis: u64) -> TestRun {
    let sample = Sample::new();
    let head = sample.commit("one", &[("a.txt", "content\n"), ("src/b.txt", "b\n")]);
    let files = Files::open(sample.repo(), head).unwrap();
    run(command, Limit { minutes: 1, time: Duration::from_millis(millis) }, &files, &env())
}

#[test]
fn a_command_sees_the_files_and_a_bare_environment() {
    let run = ran("cat a.txt; env | cut -d= -f1 | sort | tr '\\n' ' '; read x || echo; echo no input >&2; pwd", 20_000);
    assert!(run.is_green(), "{run:?}");
    assert!(run.tail.starts_with("content\n"), "{}", run.tail);
    let names: Vec<&str> = run
        .tail
        .lines()
        .nth(1)
        .unwrap()
        .split(' ')
        .filter(|name| !["_", "SHLVL", "OLDPWD", "PWD", ""].contains(name))
        .collect();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TMPDIR"]);
    assert!(run.tail.ends_with("no input\n.\n"), "{}", run.tail);
}

#[test]
fn the_exit_code_and_the_summary_are_told() {
    let run = ran(
        "echo 'test a ... FAILED'; echo 'test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured'; exit 7",
        20_000,
    );
    assert_eq!(run.outcome, TestOutcome::Exited { code: 7 });
    let facts = TestFacts { command: Some("x".into()), suggested: vec![], run: Some(run) };
    let brief = facts.brief(4000);
    assert!(
        brief.contains("failed with exit code 7")
            && brief.contains("cargo test: 2 passed, 1 failed")
            && brief.contains("- failed: `a`")
    );
}

/// Processes of a group that run; dead ones that nobody has waited for yet do not count. Without /proc there are none to see.
fn alive(group: &str) -> usize {
    let stat =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok();
    let of_group = |stat: &String| {
        // After the name in brackets: state, parent, group.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields.len() > 2 && fields[2] == group && fields[0] != "Z" && fields[0] != "X"
    };
    std::fs::read_dir("/proc").map_or(0, |entries| entries.filter_map(stat).filter(of_group).count())
}

#[test]
fn a_command_that_does_not_end_is_stopped_with_all_that_it_started() {
    let place = tempfile::tempdir().unwrap();
    let group = place.path().join("group");
    let command = format!("echo $$ > {}; (while :; do echo child; done) & while :; do :; done", group.display());
    let run = ran(&command, 300);
    assert_eq!(run.outcome, TestOutcome::TimedOut { minutes: 1 });
    assert!(run.tail.len() <= TAIL && run.cut > 0, "the flood was cut to its end");
    let group = std::fs::read_to_string(&group).unwrap();
    assert_eq!(alive(group.trim()), 0, "group {group} has processes left");
}

#[test]
fn what_is_left_in_the_background_does_not_hold_the_run() {
    let run = ran("tail -f /dev/null & echo done", 20_000);
    assert!(run.is_green());
    assert_eq!(run.tail, "done\n");
}

#[test]
fn a_missing_command_is_a_fact() {
    assert_eq!(ran("no-such-command-here", 20_000).outcome, TestOutcome::Exited { code: 127 });
}

// covers: senses#nothing-runs-unless-a-person-configured-it/no-command-is-configured
#[test]
fn manifests_suggest_commands() {
    let sample = Sample::new();
    let head = sample.commit(
        "one",
        &[
            ("Cargo.toml", ""),
            ("package.json", "{\"scripts\":{\"test\":\"vitest\"}}"),
            ("pyproject.toml", "[tool.pytest]"),
            ("go.mod", "module x"),
            ("Makefile", "test: x\n"),
        ],
    );
    let facts = sample.facts(head, None, &[crate::town::charter::Sense::Tests]).tests.unwrap();
    assert_eq!(facts.suggested, ["cargo test", "npm test", "pytest", "go test ./...", "make test"]);
    assert!(facts.run.is_none() && facts.lines()[0].contains("No test command is configured"));
}
