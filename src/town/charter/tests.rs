//! Tests of reading charters: a table for each rule, the shipped charters, and properties.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::town::finding::any_error;
use crate::town::yaml;

const PATH: &str = "agents/chaostester.md";

/// A charter with one line of the front matter replaced or added.
fn with(key: &str, line: &str) -> String {
    let mut lines = vec![
        "name: chaostester",
        "description: Finds what breaks and writes it down.",
        "tools: Read, Write, Edit",
        "model: inherit",
        "owns: [\"qa/**\"]",
        "schedule: { cron: \"20 */4 * * *\" }",
        "limits: { turns: 40 }",
        "senses: [activity, tests]",
        "page: qa/register.md",
    ];
    match lines.iter().position(|old| old.split(':').next() == Some(key)) {
        Some(at) => lines[at] = line,
        None => lines.push(line),
    }
    format!("---\n{}\n---\nYou look for trouble.\n", lines.join("\n"))
}

/// Every finding as `rule:line:severity`.
fn short(findings: &[Finding]) -> Vec<String> {
    let one = |finding: &Finding| format!("{}:{}:{}", finding.rule, finding.line.unwrap_or(0), finding.severity);
    findings.iter().map(one).collect()
}

#[test]
fn a_whole_charter_is_read() {
    let parsed = Parsed::read(PATH, with("", "").replace('\n', "\r\n").as_bytes());
    assert_eq!(parsed.findings, []);
    let charter = parsed.charter.unwrap();
    assert_eq!(charter.name.as_str(), "chaostester");
    assert_eq!(charter.tools, ["Read", "Write", "Edit"]);
    assert_eq!(charter.owns, ["qa/**".parse().unwrap()]);
    assert_eq!(charter.limits, RunLimits { turns: 40, ..RunLimits::default() });
    assert_eq!(charter.senses, [Sense::Activity, Sense::Tests]);
    assert_eq!(charter.page.as_deref(), Some("qa/register.md"));
    assert_eq!(charter.persona, "You look for trouble.");
    assert_eq!(parsed.owns_lines, [6]);
}

#[test]
fn every_rule_has_cases() {
    let long = format!("description: {}", "x".repeat(1025));
    let zones = "schedule: { cron: \"20 4 * * *\", timezone: Mars/Olympus }";
    let cases: &[(&str, &str, &[&str], bool)] = &[
        ("name", "name: madchimp", &["charter-name:2:error"], true),
        ("name", "# no name", &["charter-name:2:error"], true),
        ("name", "name: 7", &["yaml-type:2:error"], false),
        ("description", "description: short", &["charter-description:3:error"], true),
        ("description", &long, &["charter-description:3:error"], true),
        ("tools", "tools: [Read, Wirte, Edit]", &["charter-tools:4:warning"], true),
        ("tools", "tools: [Read, Read, Write]", &["charter-tools:4:warning"], true),
        ("tools", "tools:\n  - Write\n  - mcp__github__get_issue\n  - mcp__\n", &["charter-tools:7:warning"], true),
        ("tools", "tools: []", &["charter-tools:4:error"], false),
        ("tools", "tools: { Read: true }", &["yaml-type:4:error"], false),
        ("model", "model: anthropic/some-model", &[], true),
        ("model", "model: sonnet", &["charter-model:5:warning"], true),
        ("model", "model: what ever", &["charter-model:5:error"], true),
        ("owns", "owns:\n  - qa/**\n  - ../up", &["charter-owns:8:error"], true),
        ("owns", "owns:\n  - qa/**\n  - qa/**", &["charter-owns:8:warning"], true),
        ("owns", "owns: []", &["charter-owns:6:error", "charter-page:10:error"], true),
        ("owns", "# owns nothing", &["charter-owns:2:error", "charter-page:10:error"], true),
        ("schedule", "schedule: { cron: \"20 4 * *\" }", &["charter-schedule:7:error"], true),
        ("schedule", "schedule:\n  cron: \"*/4 * * * *\"", &["charter-schedule:8:error"], true),
        ("schedule", "schedule: { cron: \"1,3 9 * * 1\" }", &["charter-schedule:7:error"], true),
        ("schedule", "schedule: { cron: \"1,58 9 * * *\" }", &[], true),
        ("schedule", "schedule: { cron: \"1,58 * * * *\" }", &["charter-schedule:7:error"], true),
        ("schedule", "schedule: { cron: \"2-59/5 * * * *\" }", &[], true),
        ("schedule", "schedule: { cron: \"0 9 * * *\" }", &["charter-schedule:7:warning"], true),
        ("schedule", "schedule: { cron: \"20 4 31 2 *\" }", &["charter-schedule:7:error"], true),
        ("schedule", zones, &["charter-schedule:7:error"], true),
        ("schedule", "schedule: often", &["yaml-type:7:error"], false),
        (
            "schedule",
            "schedule: { corn: \"20 4 * * *\" }",
            &["yaml-unknown-key:7:error", "yaml-missing-key:7:error"],
            false,
        ),
        ("limits", "limits: { turns: 0 }", &["charter-limits:8:error"], true),
        ("limits", "limits: { tokens_per_run: 1 }", &["charter-limits:8:error"], true),
        (
            "limits",
            "limits:\n  turns: 501\n  minutes: 361",
            &["charter-limits:9:error", "charter-limits:10:error"],
            true,
        ),
        (
            "limits",
            "limits: { files: 501, context: 3999 }",
            &["charter-limits:8:error", "charter-limits:8:error"],
            true,
        ),
        ("limits", "limits: { turns: many }", &["yaml-type:8:error"], false),
        ("limits", "limits: { truns: 3 }", &["yaml-unknown-key:8:error"], true),
        ("senses", "senses: [activity, smells]", &["charter-senses:9:error"], true),
        ("senses", "senses: [tests, tests]", &["charter-senses:9:error"], true),
        ("senses", "senses: activity, tests", &[], true),
        ("page", "page: src/main.rs", &["charter-page:10:error"], true),
        ("page", "page: qa/../up.md", &["charter-page:10:error"], true),
        ("page", "page: qa/*.md", &["charter-page:10:error"], true),
        ("color", "color: green", &["charter-foreign-key:11:info"], true),
        ("hooks", "hooks: { PreToolUse: [{ matcher: x }] }", &["charter-foreign-key:11:info"], true),
        ("on", "on: { schedule: [] }", &["yaml-unknown-key:11:error"], true),
        ("colour", "colour: green", &["yaml-unknown-key:11:error"], true),
    ];
    for (key, line, expected, usable) in cases {
        let parsed = Parsed::read(PATH, with(key, line).as_bytes());
        assert_eq!(short(&parsed.findings), *expected, "{line}: {:#?}", parsed.findings);
        assert_eq!(parsed.charter.is_some(), *usable, "{line}");
        for finding in &parsed.findings {
            let known = RULES.iter().chain(yaml::RULES).any(|(name, _)| *name == finding.rule);
            assert!(known && !finding.remedy.is_empty(), "{finding}");
        }
        let owns = parsed.charter.map_or(parsed.owns_lines.len(), |charter| charter.owns.len());
        assert_eq!(parsed.owns_lines.len(), owns, "{line}");
    }
}

#[test]
fn what_is_left_means_no_more_than_what_was_written() {
    let (charter, _) = Charter::parse(PATH, with("owns", "owns: [qa/**, /etc/**]").as_bytes());
    assert_eq!(charter.unwrap().owns.len(), 1);
    let (charter, _) = Charter::parse(PATH, with("limits", "limits: { turns: 9999, context: 1 }").as_bytes());
    let limits = charter.unwrap().limits;
    assert_eq!((limits.turns, limits.context), (500, 4000));
    let (charter, _) = Charter::parse(PATH, with("schedule", "schedule: { cron: \"* * * * *\" }").as_bytes());
    assert_eq!(charter.unwrap().schedule, None);
}

#[test]
fn a_persona_is_there_and_bounded() {
    let front = with("", "").replace("You look for trouble.\n", "");
    for (body, line) in [("", 12), (" \n\n", 13), (&*"x".repeat(65 * 1024), 13)] {
        let (charter, findings) = Charter::parse(PATH, format!("{front}{body}").as_bytes());
        assert_eq!(charter, None);
        assert_eq!(short(&findings), [format!("charter-persona:{line}:error")]);
    }
}

#[test]
fn the_file_gives_the_name() {
    for path in ["agents/Chaos.md", "agents/.md", "", "agents/a b.md"] {
        let (charter, findings) = Charter::parse(path, with("", "").as_bytes());
        assert_eq!(charter, None, "{path}");
        assert!(findings.iter().any(|finding| finding.rule == "charter-name"), "{path}");
    }
}

#[test]
fn hostile_charters_end_in_a_finding() {
    let many: String = (0..3_000).map(|n| format!("  - p{n}/**\n")).collect();
    let senses = format!("senses: [{}]", vec!["x"; 20_000].join(","));
    for (what, text, rule) in [
        ("bomb", with("owns", "owns: &a [b]\nx: [*a, *a]"), "yaml-anchor"),
        ("brackets", with("owns", &format!("owns: {}", "[".repeat(10_000))), "yaml-depth"),
        ("patterns", with("owns", &format!("owns:\n{many}")), "charter-owns"),
        ("senses", with("senses", &senses), "charter-senses"),
        ("megabyte", with("x", &"# filler\n".repeat(100_000)), "yaml-too-large"),
        ("no front matter", "You look for trouble.".to_owned(), "yaml-front-matter"),
        ("NUL", with("", "").replace("trouble", "\0"), "yaml-encoding"),
    ] {
        let (_, findings) = Charter::parse(PATH, text.as_bytes());
        assert!(any_error(&findings) && findings.len() <= 110, "{what}");
        assert!(findings.iter().any(|finding| finding.rule == rule), "{what}: {:?}", findings.first());
    }
}

#[test]
fn the_shipped_charters_are_without_errors() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/agents");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "md") {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let parsed = Parsed::read(&format!("agents/{name}"), &std::fs::read(&file).unwrap());
            assert_eq!(parsed.findings, [], "{name}");
            let charter = parsed.charter.unwrap();
            assert!(charter.page.is_some() && parsed.owns_lines.iter().all(|line| *line == 6), "{name}");
            names.push(name);
        }
    }
    assert_eq!(names.len(), 17, "{names:?}");
}

proptest! {
    #[test]
    fn parsing_never_panics_and_lines_are_in_the_file(lines in prop::collection::vec(
        prop_oneof![
            Just("name: chaostester".to_owned()), Just("owns: [a/**]".to_owned()), Just("schedule: {cron: \"* * * * *\"}".to_owned()),
            Just("senses: [x".to_owned()), Just("---".to_owned()), Just("tools: Read".to_owned()), Just("  - x".to_owned()),
            "[a-z:&*\\[{\"'| -]{0,12}", "\\PC{0,20}",
        ], 0..12), end in "\n|\r\n")
    {
        let text = format!("---{end}{}{end}---{end}body", lines.join(&end));
        let count = u32::try_from(text.lines().count()).unwrap();
        for finding in Charter::parse(PATH, text.as_bytes()).1 {
            let line = finding.line.unwrap();
            prop_assert!((1..=count).contains(&line), "{finding} of {count}: {text:?}");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Charter::parse(PATH, &bytes);
        let _ = Charter::parse(PATH, &[b"---\n", &bytes[..], b"\n---\nx"].concat());
    }
}
