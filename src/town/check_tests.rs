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
