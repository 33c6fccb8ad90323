//! The documentation does what it says: the README's walkthrough is typed as it stands, tables are compared with the code.
//! Lives here: reading the pages, running `console run` blocks, comparing. Never here: what the program should do.
//!
//! A block that opens with "```console run" is executed, all of them in order in one folder. A line that begins with `$ `
//! is a command, the lines below it are what it prints on stdout and stderr together; `? 1` says that it ends with exit
//! code 1. `[..]` stands for any text within a line, and a line `...` for any number of lines.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use monkeytown::town::charter::Sense;
use monkeytown::town::event::{Event, Reason};
use monkeytown::town::gate;
use monkeytown::town::limits;
use monkeytown::town::settings;
use monkeytown::town::spec::rules;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One command of a page, and what the page says that it prints.
#[derive(Debug, PartialEq)]
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
    exit: i32,
}

/// The commands of all blocks that are to be executed.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console run";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            steps.push(Step { line: index + 1, command: command.to_owned(), expected: Vec::new(), exit: 0 });
        } else if inside {
            let step = steps.last_mut().unwrap_or_else(|| panic!("line {}: a block begins with a command", index + 1));
            match line.strip_prefix("? ") {
                Some(code) => step.exit = code.parse().unwrap(),
                None => step.expected.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Whether a line is as the page says, with `[..]` for any text.
fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// Whether lines are as the page says, with `...` for any number of them.
fn lines_match(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|skip| lines_match(rest, &lines[skip..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, after)| line_matches(first, line) && lines_match(rest, after))
        }
    }
}

/// A shell in a folder of its own, with the program on its PATH and nothing of the user's.
struct Shell {
    folder: tempfile::TempDir,
    here: PathBuf,
}

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("work");
        fs::create_dir(&here).unwrap();
        Self { folder, here }
    }

    #[allow(clippy::disallowed_methods, reason = "the shell needs the PATH of the test")]
    fn run(&mut self, command: &str) -> (i32, String) {
        let program = Path::new(env!("CARGO_BIN_EXE_monkeytown"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let after = self.folder.path().join("pwd");
        let script = format!("{{ {command}\n}} 2>&1\ncode=$?\npwd >\"$AFTER\"\nexit $code");
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&self.here)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("AFTER", &after)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .output()
            .unwrap();
        if let Ok(folder) = fs::read_to_string(&after) {
            self.here = PathBuf::from(folder.trim_end());
        }
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        (output.status.code().unwrap_or(-1), text)
    }
}

// covers: embedded-brain#the-facts-become-the-agent-s-page/a-first-page, embedded-brain#it-needs-nothing-from-outside
// covers: town-files#a-repository-becomes-a-town-without-losing-anything/a-first-town
#[test]
fn the_walkthrough_in_the_readme_is_true() {
    let steps = steps(&page("README.md"));
    assert!(steps.len() >= 12, "the walkthrough has {} commands", steps.len());
    assert!(steps.iter().any(|step| step.command.contains("pulls merge")), "it leads to a merge");
    walk("README.md", &steps);
}

#[test]
fn the_first_change_on_the_page_of_openspec_is_true() {
    let steps = steps(&page("docs/openspec.md"));
    assert!(steps.iter().any(|step| step.command.contains("spec archive")), "it leads to an archived change");
    walk("docs/openspec.md", &steps);
}

/// Types what a page says, and compares what it prints.
fn walk(page: &str, steps: &[Step]) {
    let mut shell = Shell::new();
    for step in steps {
        let (code, text) = shell.run(&step.command);
        let lines: Vec<&str> = text.lines().collect();
        let Step { line, command, expected, exit } = step;
        assert_eq!(code, *exit, "{page}:{line}: $ {command}\n{text}");
        assert!(
            lines_match(expected, &lines),
            "{page}:{line}: $ {command}\n--- the page says\n{}\n--- it prints\n{text}",
            expected.join("\n")
        );
    }
}

#[test]
fn the_comparison_sees_a_difference() {
    let expected = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(line_matches("run [..] for slot [..]", "run 01J8 for slot manual"));
    assert!(!line_matches("run [..] for slot", "run 01J8 for slot manual"));
    assert!(!line_matches("passed", "passed, 1 error"));
    assert!(lines_match(&expected(&["a", "...", "d"]), &["a", "b", "c", "d"]));
    assert!(lines_match(&expected(&["..."]), &[]));
    assert!(!lines_match(&expected(&["a", "d"]), &["a", "b", "d"]));
    assert!(!lines_match(&expected(&[]), &["a"]));
    let page = "```console\n$ no\n```\n```console run\n$ yes\nout\n? 1\n```\n";
    let yes = Step { line: 5, command: "yes".into(), expected: vec!["out".into()], exit: 1 };
    assert_eq!(steps(page), [yes]);
}

#[test]
fn the_readme_shows_both_commands_and_how_they_relate() {
    let readme = page("README.md");
    for said in ["cargo run --release -- demo", "scripts/test", "MIT OR Apache-2.0", "```mermaid"] {
        assert!(readme.contains(said), "README.md does not say {said}");
    }
}

#[test]
fn the_page_of_the_gate_has_the_table_that_the_program_prints() {
    let page = page("docs/gate.md");
    let (begin, end) = ("<!-- checks: begin -->\n", "<!-- checks: end -->");
    let from = page.find(begin).expect("the page marks where the table begins") + begin.len();
    let to = page.find(end).expect("the page marks where the table ends");
    assert_eq!(page[from..to].trim(), gate::docs().trim(), "paste `monkeytown gate --checks` between the markers");
}

#[test]
fn the_page_of_openspec_has_the_table_of_rules() {
    let page = page("docs/openspec.md");
    let (begin, end) = ("<!-- rules: begin -->\n", "<!-- rules: end -->");
    let from = page.find(begin).expect("the page marks where the table begins") + begin.len();
    let to = page.find(end).expect("the page marks where the table ends");
    assert_eq!(
        page[from..to].trim(),
        rules::docs().trim(),
        "paste `monkeytown spec rules --markdown` between the markers"
    );
}

#[test]
fn the_page_of_formats_knows_every_event_and_every_reason() {
    let page = page("docs/formats.md");
    let row = |name: &str| page.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
    let missing: Vec<&&str> = Event::KINDS.iter().filter(|kind| !row(kind)).collect();
    assert!(missing.is_empty(), "docs/formats.md has no row for {missing:?}");
    for reason in Reason::ALL {
        assert!(page.contains(&format!("`{reason}`")), "docs/formats.md does not name {reason}");
    }
}

/// A number as the pages write it.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn the_page_of_the_stream_has_each_limit_as_it_is() {
    let page = page("docs/stream.md");
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    for (what, limit) in [
        ("witnesses (WebSocket and SSE)", grouped(limits::WITNESSES)),
        ("different filters", grouped(limits::FILTERS)),
        ("connections of one address", grouped(limits::CONNECTIONS_EACH)),
        (
            "requests of one address",
            format!("{} a second, {} at once", limits::REQUESTS_EACH, 4 * limits::REQUESTS_EACH),
        ),
        ("a message of a witness", kib(limits::WITNESS_BYTES)),
        ("messages of a witness", format!("{} in {} s", limits::WITNESS_MESSAGES, limits::WITNESS_SECONDS)),
        ("quiet of a witness", format!("{} s", limits::QUIET_SECONDS)),
        ("a socket that takes nothing", format!("{} s", limits::STALLED_SECONDS)),
        ("a published event", format!("{}, its id {} bytes", kib(limits::EVENT_BYTES), limits::EVENT_ID_BYTES)),
        (
            "a request that publishes",
            format!(
                "{} events, {} MiB, {} s",
                grouped(limits::PUBLISH_EVENTS),
                limits::PUBLISH_BYTES >> 20,
                limits::REQUEST_SECONDS
            ),
        ),
        ("events that one agent publishes", format!("{} a second", grouped(limits::PUBLISHED_BY_ONE as usize))),
        ("events that all agents publish", format!("{} a second", grouped(limits::PUBLISHED_A_SECOND as usize))),
        ("the ring", format!("{} events, {} MiB", grouped(limits::RING_EVENTS as usize), limits::RING_MIB)),
        ("a request's head", format!("{}, {} headers", kib(limits::HEAD_BYTES), limits::HEADERS)),
        ("the time that it takes", format!("{} s", limits::REQUEST_SECONDS)),
    ] {
        let mut rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let row = rows.find(|(name, _)| name.starts_with(what)).unwrap_or_else(|| panic!("no row for {what}"));
        assert!(row.1.starts_with(&limit), "{what}: {limit} is not what {row:?} says");
    }
}

#[test]
fn the_page_of_charters_knows_every_sense() {
    let page = page("docs/charters.md");
    for sense in Sense::ALL {
        let row = format!("| `{}` |", sense.name());
        assert!(page.lines().any(|line| line.starts_with(&row)), "docs/charters.md has no row for {}", sense.name());
    }
}

#[test]
fn the_page_of_charters_knows_every_key_of_the_town_file() {
    let page = page("docs/charters.md");
    let schema = settings::schema();
    let keys = |of: &serde_json::Value| of["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sections = ["GithubSettings", "WorkflowSettings", "BrainSettings"].map(|name| keys(&schema["$defs"][name]));
    for key in keys(&schema).into_iter().chain(sections.into_iter().flatten()) {
        let row = format!("| `{key}` |");
        assert!(page.lines().any(|line| line.starts_with(&row)), "docs/charters.md has no row for {key}");
    }
}

#[test]
fn the_page_of_brains_knows_every_failure_and_reads_as_settings() {
    use monkeytown::town::event::FailureKind as Kind;
    let page = page("docs/brains.md");
    for kind in [
        Kind::Throttled,
        Kind::Quota,
        Kind::Overloaded,
        Kind::Unavailable,
        Kind::TruncatedStream,
        Kind::Auth,
        Kind::UnknownModel,
        Kind::ContextTooLong,
        Kind::Refused,
        Kind::EmptyReply,
        Kind::Length,
        Kind::InvalidCalls,
        Kind::Money,
        Kind::Tokens,
        Kind::Brain,
    ] {
        let name = serde_json::to_value(kind).unwrap();
        let row = format!("| `{}` | {} |", name.as_str().unwrap(), kind.exit_code());
        assert!(page.lines().any(|line| line.starts_with(&row)), "docs/brains.md has no row {row}");
    }
    let snippets: Vec<&str> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let towns = snippets.iter().filter(|snippet| snippet.starts_with("brain:"));
    let mut providers = 0;
    for snippet in towns {
        let (settings, findings) = settings::parse("town.yaml", format!("name: x\n{snippet}").as_bytes());
        assert!(findings.is_empty() && settings.is_some(), "{snippet}: {findings:#?}");
        providers += 1;
    }
    assert!(providers >= 5, "{providers} snippets");
}

#[test]
fn the_readme_has_a_row_for_every_command() {
    use clap::CommandFactory as _;
    let readme = page("README.md");
    let table: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    for command in monkeytown::cli::Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("`{}", command.get_name());
        assert!(table.iter().any(|row| row.contains(&name)), "the table of commands does not name {name}`");
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut pages: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "web/README.md"].map(String::from).into();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        pages.push(format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    }
    for path in pages.iter().filter(|path| path.ends_with(".md")) {
        let folder = root().join(path).parent().unwrap().to_owned();
        // What stands in a block of code is no link.
        let text: String = page(path).split("\n```").step_by(2).collect();
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            assert!(outside || folder.join(target).exists(), "{path} links to {target}, which is not there");
        }
    }
}
