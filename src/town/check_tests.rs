//! The tests of `check`: a table of towns with the findings, this repository itself, and the sizes.
#![allow(clippy::unwrap_used)]

use super::*;

const TOWN: &str = "name: t\n";

fn charter(name: &str, rest: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Keeps {name} in order.\ntools: Read, Write\nmodel: inherit\n{rest}\n---\n\nYou keep {name} in order.\n"
    )
}

fn town(files: &[(&str, &str)]) -> TownFiles {
    let all_paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
    let read = files.iter().filter(|(path, _)| is_town_file(path));
    TownFiles { files: read.map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(), all_paths }
}

/// Checks a town and compares `place rule` of each finding, which all must be in the table of rules.
fn expect(files: &[(&str, &str)], expected: &[&str]) -> Checked {
    let checked = check(&town(files));
    let rules = all_rules();
    let said: Vec<String> = checked.findings.iter().map(|f| format!("{} {}", f.place(), f.rule)).collect();
    assert_eq!(said, expected, "{:#?}", checked.findings);
    for finding in &checked.findings {
        assert!(rules.iter().any(|(name, _)| *name == finding.rule), "{} is not in the table", finding.rule);
        assert!(!finding.remedy.is_empty(), "{finding:?}");
    }
    checked
}

#[test]
fn a_good_town_has_no_findings() {
    let a = charter("a", "owns: [\"docs/**\"]\nschedule: { cron: \"1 * * * *\" }\npage: docs/a.md");
    let b = charter("b", "owns: [\"notes/**\"]\nschedule: { cron: \"2 * * * *\" }\npage: notes/b.md");
    let memory = r#"{"entries": []}"#;
    let checked = expect(
        &[
            (TOWN_FILE, "name: t\ngrants: { a: [CHANGELOG.md] }\npaused: [b]\n"),
            ("agents/b.md", &b),
            ("agents/a.md", &a),
            ("agents/README.md", "# Our agents"),
            ("agents/memories/a-memory.json", memory),
            (".monkeytown/prompts/system.md.j2", "{{ charter }}"),
        ],
        &[],
    );
    let names: Vec<&str> = checked.charters.iter().map(|charter| charter.name.as_str()).collect();
    assert_eq!((names, checked.settings.unwrap().name), (vec!["a", "b"], "t".to_owned()));
}

#[test]
fn what_is_missing_is_said_with_the_command_that_mends_it() {
    let checked = expect(&[], &[".monkeytown/town.yaml town-file", "agents no-charters"]);
    assert!(checked.findings.iter().all(|finding| finding.remedy.contains("monkeytown init")));
    let a = charter("a", "owns: [\"docs/**\"]");
    let checked = expect(&[(".monkeytown/town.yml", TOWN), ("agents/a.md", &a)], &[".monkeytown/town.yaml town-file"]);
    assert_eq!(checked.findings[0].remedy, "rename `.monkeytown/town.yml` to .monkeytown/town.yaml");
}

#[test]
fn rules_across_files() {
    let a = charter("a", "owns:\n  - x/**\n  - \"docs/**\"\nschedule: { cron: \"1 * * * *\" }\npage: docs/p.md");
    let b = charter("b", "owns: [\"docs/*.md\"]\nschedule: { cron: \"1  * * * *\" }\npage: docs/p.md");
    expect(
        &[(TOWN_FILE, TOWN), ("agents/a.md", &a), ("agents/b.md", &b)],
        &["agents/a.md:9 same-schedule", "agents/b.md:6 ownership-overlap", "agents/b.md:8 same-page"],
    );
    let a = charter("agent-one", "owns: [\"docs/**\"]");
    let checked = expect(
        &[
            (TOWN_FILE, "name: t\ngrants:\n  agent-oen:\n    - x\n  agent-one:\n    - docs/y\npaused:\n  - zebra\n"),
            ("agents/agent-one.md", &a),
            ("agents/Agent-One.md/x", ""),
            ("agents/memories/ghost-memory.json", r#"{"entries": []}"#),
            ("agents/memories/agent-one-memory.json", "[]"),
            (".monkeytown/prompts/notes.md", "x"),
            (".monkeytown/prompts/other.md.j2", "x"),
        ],
        &[
            ".monkeytown/prompts/notes.md unknown-prompt",
            ".monkeytown/prompts/other.md.j2 unknown-prompt",
            ".monkeytown/town.yaml:3 unknown-agent",
            ".monkeytown/town.yaml:8 unknown-agent",
            "agents/memories/agent-one-memory.json:1 memory-valid",
            "agents/memories/ghost-memory.json memory-without-agent",
        ],
    );
    let remedies: Vec<&str> = checked.findings[2..4].iter().map(|finding| finding.remedy.as_str()).collect();
    assert_eq!(remedies, ["did you mean `agent-one`?", "take the name off, or write the agent's charter"]);
}

// covers: town-files#no-two-agents-can-own-the-same-path/a-reserved-path
#[test]
fn a_grant_is_judged_at_its_line_and_lifts_what_is_reserved() {
    let a = charter("a", "owns: [\".github/workflows/**\", \"src/x/**\"]");
    let b = charter("b", "owns: [\"docs/**\"]");
    let settings = "name: t\nguarded: [\"src/**\"]\ngrants:\n  b: [notes.md]\n  a:\n    - docs/z.md\n";
    expect(
        &[(TOWN_FILE, settings), ("agents/a.md", &a), ("agents/b.md", &b)],
        &[
            ".monkeytown/town.yaml:6 ownership-grant",
            "agents/a.md:6 ownership-guarded",
            "agents/a.md:6 ownership-reserved",
        ],
    );
    let settings = "name: t\nguarded: [\"src/**\"]\ngrants: { a: [\".github/workflows/**\", \"src/**\"] }\n";
    expect(&[(TOWN_FILE, settings), ("agents/a.md", &a), ("agents/b.md", &b)], &[]);
}

#[test]
fn names_are_taken_once() {
    let a = charter("a", "owns: [\"docs/**\"]");
    // A file that says another name does not become that agent.
    let found = check(&town(&[(TOWN_FILE, TOWN), ("agents/a.md", &a), ("agents/b.md", &a)])).findings;
    assert!(found.iter().any(|f| f.is_error() && f.place() == "agents/b.md:2"), "{found:?}");
    let found = check(&town(&[(TOWN_FILE, TOWN), ("agents/a.md", &a), ("agents/A.md", &a)])).findings;
    let twins = found.iter().find(|finding| finding.rule == TWINS).unwrap();
    assert_eq!(twins.place(), "agents/a.md");
}

#[test]
fn a_charter_that_cannot_be_read_does_not_make_its_agent_unknown() {
    let found = check(&town(&[
        (TOWN_FILE, "name: t\npaused: [broken]\n"),
        ("agents/broken.md", "no front matter"),
        ("agents/memories/broken-memory.json", r#"{"entries": []}"#),
    ]));
    assert!(found.charters.is_empty());
    assert!(found.findings.iter().all(|finding| finding.path.as_deref() == Some("agents/broken.md")), "{found:?}");
    assert!(found.findings.iter().any(Finding::is_error));
}

// covers: town-files#every-finding-can-be-acted-on/a-brain-that-cannot-be-asked
#[test]
fn what_keeps_an_agent_from_thinking_is_found_and_the_town_is_in_order_all_the_same() {
    let priced = "prices: { m: { input: 1, output: 2 }, openai/n: { input: 0, output: 0 } }";
    let local = "base_url: \"http://127.0.0.1:1/v1\"";
    let cases: [(&str, &str, &[&str]); 15] = [
        ("", "inherit", &[]),
        ("", "command", &["agents/a.md:5 model-command"]),
        ("command: think", "command", &[]),
        ("provider: openai\n  model: m\n  command: think", "command", &["4 model-price"]),
        ("provider: command\n  model: openai/x\n  command: think", "inherit", &["4 model-price"]),
        ("provider: openai\n  model: gpt-4o", "inherit", &[]),
        // At another address the same name costs something else.
        (&format!("provider: openai\n  model: gpt-4o\n  {local}"), "inherit", &["4 model-price"]),
        (&format!("provider: openai\n  model: m\n  {priced}\n  {local}"), "openai/n", &[]),
        ("", "openai/unpriced", &["agents/a.md:5 model-price"]),
        ("", "mistral/large", &["agents/a.md:5 model-provider"]),
        // Nobody stands in where no model thinks.
        ("fallbacks: [openai/x]", "inherit", &[]),
        (
            &format!("provider: openai\n  model: m\n  fallbacks:\n    - openai/n\n    - anthropic/x\n  {priced}"),
            "inherit",
            &["7 model-price"],
        ),
        // What needs no key may be asked in the open, and a key may travel within the machine.
        (
            &format!("provider: openai\n  model: m\n  {priced}\n  base_url: \"http://models.example/v1\""),
            "inherit",
            &[],
        ),
        (&format!("provider: openai\n  model: m\n  {priced}\n  {local}\n  key_env: KEY"), "inherit", &[]),
        (
            &format!(
                "provider: openai\n  model: m\n  {priced}\n  key_env: KEY\n  base_url: \"http://models.example/v1\""
            ),
            "inherit",
            &["7 model-key-in-the-open"],
        ),
    ];
    let rules = all_rules();
    for (brain, model, expected) in cases {
        let town_file = if brain.is_empty() { TOWN.to_owned() } else { format!("{TOWN}brain:\n  {brain}\n") };
        let a = charter("a", "owns: [\"docs/**\"]").replace("model: inherit", &format!("model: {model}"));
        let checked = check(&town(&[(TOWN_FILE, &town_file), ("agents/a.md", &a)]));
        assert_eq!(checked.findings, [], "{brain}");
        let said: Vec<String> = checked.thinking.iter().map(|f| format!("{} {}", f.place(), f.rule)).collect();
        let said: Vec<&str> = said.iter().map(|said| said.trim_start_matches(".monkeytown/town.yaml:")).collect();
        assert_eq!(said, expected, "{brain} {model}");
        for finding in &checked.thinking {
            assert!(finding.is_error() && !finding.remedy.is_empty(), "{finding:?}");
            assert!(rules.iter().any(|(name, _)| *name == finding.rule), "{} is not in the table", finding.rule);
        }
    }
}

#[test]
fn town_files_are_known_by_their_paths() {
    for (path, expected) in [
        (TOWN_FILE, true),
        ("agents/a.md", true),
        ("agents/README.md", false),
        ("agents/readme.md", false),
        ("agents/sub/a.md", false),
        ("agents/a.txt", false),
        ("agents/memories/a-memory.json", true),
        ("agents/memories/x/a-memory.json", false),
        ("agents/memories/README.md", false),
        (".monkeytown/prompts/system.md.j2", true),
        (".monkeytown/prompts/notes.md", false),
        (".monkeytown/qa/register.md", false),
        ("docs/agents/a.md", false),
        ("", false),
    ] {
        assert_eq!(is_town_file(path), expected, "{path}");
    }
}

#[test]
fn this_repository_is_a_town_without_errors() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = TownFiles::default();
    for folder in [".monkeytown", ".monkeytown/prompts", "agents", "agents/memories"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if is_town_file(&path) {
                found.files.push((path.clone(), std::fs::read(entry.path()).unwrap()));
            }
            found.all_paths.push(path);
        }
    }
    let checked = check(&found);
    assert_eq!(checked.findings.iter().filter(|finding| finding.is_error()).collect::<Vec<_>>(), [] as [&Finding; 0]);
    assert_eq!(checked.thinking, []);
    assert_eq!((checked.charters.len(), checked.settings.unwrap().name.as_str()), (17, "monkeytown"));
}

#[test]
fn a_thousand_charters_are_checked_and_each_rule_still_finds_its_one() {
    let mut files = vec![(TOWN_FILE.to_owned(), TOWN.as_bytes().to_vec())];
    for at in 0..1_000 {
        let rest = format!("owns: [\"a{at}/**\", \"docs/a{at}/*.md\", \"specs/*/a{at}.md\"]\npage: a{at}/page.md");
        files.push((format!("agents/a{at}.md"), charter(&format!("a{at}"), &rest).into_bytes()));
    }
    let mut town = TownFiles { all_paths: files.iter().map(|(path, _)| path.clone()).collect(), files };
    assert_eq!(check(&town).findings, []);
    town.files[700].1 = charter("a700", "owns: [\"specs/x/*\"]").into_bytes();
    let overlaps = check(&town).findings.iter().filter(|finding| finding.rule == "ownership-overlap").count();
    assert_eq!(overlaps, 100);
}

#[test]
fn hostile_files_are_findings() {
    let huge = vec![b'x'; TOWN_FILE_BYTES + 1];
    let a = charter("a", "owns: [\"docs/**\"]");
    let mut files = town(&[(TOWN_FILE, TOWN), ("agents/a.md", &a)]);
    for path in ["agents/huge.md", "agents/memories/a-memory.json", ".monkeytown/prompts/system.md.j2"] {
        files.files.push((path.to_owned(), huge.clone()));
    }
    let said: Vec<String> = check(&files).findings.iter().map(|f| format!("{} {}", f.place(), f.rule)).collect();
    assert_eq!(
        said,
        [
            ".monkeytown/prompts/system.md.j2 town-file-size",
            "agents/huge.md town-file-size",
            "agents/memories/a-memory.json town-file-size"
        ]
    );
    for bytes in [&b"\xff\xfe\0"[..], b"", b"---\n", b"---\n---\n", b"\xef\xbb\xbf---\r\nname: a\r\n---\r\n"] {
        for path in [TOWN_FILE, "agents/a.md", "agents/memories/a-memory.json"] {
            let mut files = town(&[(TOWN_FILE, TOWN), ("agents/b.md", &charter("b", "owns: [\"docs/**\"]"))]);
            files.files.retain(|(standing, _)| standing != path);
            files.files.push((path.to_owned(), bytes.to_vec()));
            assert!(check(&files).findings.iter().any(|f| f.path.as_deref() == Some(path)), "{path} {bytes:?}");
        }
    }
    let many: Vec<String> = (0..20_000).map(|at| format!("  n{at}: [x{at}/**]\n")).collect();
    let settings = format!("name: t\ngrants:\n{}", many.concat());
    assert!(check(&town(&[(TOWN_FILE, &settings), ("agents/a.md", &a)])).findings.iter().any(Finding::is_error));
}

#[test]
fn the_table_has_each_rule_once() {
    let names: Vec<&str> = all_rules().iter().map(|(name, _)| *name).collect();
    let unique: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(names.len(), unique.len());
    for name in [NO_TOWN, "ownership-overlap", "memory-valid"] {
        assert!(names.contains(&name), "{name}");
    }
}
