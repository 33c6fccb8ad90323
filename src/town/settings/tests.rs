//! Tests of the settings: a table for the rules, the schema against examples, and a property.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::town::finding::Finding;
use crate::town::yaml;

const PATH: &str = crate::town::limits::TOWN_FILE;

/// One of everything.
const WHOLE: &str = r#"name: Monkeytown
description: A town of agents that keep a repository in order.
brain:
  provider: embedded
  model: small
  base_url: https://models.example.com/v1
  key_env: MODEL_API_KEY
  prices:
    small: { input: 0.25, output: "1.50" }
    large: { input: 3, output: 15 }
  script: .monkeytown/script.json
forge: local
remote: auto
branch: main
limits:
  runs_per_day: 12
guarded: ["src/**", "Cargo.toml"]
grants:
  monkeybuilder: ["src/town/**"]
executable: ["scripts/*"]
people:
  an-octopus: mayor
  "some[bot]": witness
network:
  allow: [crates.io, "*.example.com", "alt.example.com:8443", 10.0.0.5, "[fd00::7]:80"]
tests:
  command: cargo test
  minutes: 20
github:
  repository: an-octopus/monkeytown
  api_url: https://github.example.com/api/v3
  token_env: TOWN_TOKEN
  workflows:
    layout: split
    action: an-octopus/monkeytown@0123456789abcdef0123456789abcdef01234567
    runner: ubuntu-24.04
    app: { client_id_var: TOWN_APP, private_key_secret: TOWN_APP_KEY }
paused: [madchimp]
"#;

fn short(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.rule, finding.line.unwrap_or(0))).collect()
}

fn as_json(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn one_of_everything_and_almost_nothing_are_read() {
    let (settings, findings) = parse(PATH, WHOLE.as_bytes());
    assert_eq!(findings, []);
    let settings = settings.unwrap();
    assert_eq!(
        settings.brain.prices["small"],
        Price { input: "0.25".to_owned(), output: "1.50".to_owned(), cached: None }
    );
    assert_eq!(settings.brain.prices["large"].input, "3");
    assert_eq!(settings.people["an-octopus"], Role::Mayor);
    assert_eq!(settings.purpose(), "A town of agents that keep a repository in order.");
    let (settings, findings) = parse(PATH, b"name: Little\n");
    assert_eq!(findings, []);
    let settings = settings.unwrap();
    assert_eq!((settings.remote.as_str(), settings.limits.runs_per_day), ("auto", 24));
}

// covers: town-files#every-finding-can-be-acted-on
#[test]
fn every_rule_has_cases() {
    let key = ["sk", "-", &"abc1".repeat(10)].concat();
    let capital = ["AK", "IA", &"ABCD".repeat(4)].concat();
    let cases: &[(String, &[&str])] = &[
        ("name: \"\"".into(), &["settings-name:1"]),
        (format!("name: {}", "x".repeat(65)), &["settings-name:1"]),
        ("name: x\ndescription: >\n  What it is for,\n  in two lines.".into(), &[]),
        ("name: x\ndescription: \" \"".into(), &["settings-description:2"]),
        (format!("name: x\ndescription: {}", "ü".repeat(300)), &[]),
        (format!("name: x\ndescription: {}", "ü".repeat(301)), &["settings-description:2"]),
        ("name: x\ndescription: |\n  One.\n\n  Two.".into(), &["settings-description:2"]),
        ("name: x\ndescription: \"a\\u202Eb\"".into(), &["settings-description:2"]),
        ("name: x\nremote: no good".into(), &["settings-remote:2"]),
        ("name: x\nremote: --upload-pack=x".into(), &["settings-remote:2"]),
        ("name: x\nremote: upstream\nbranch: a..b".into(), &["settings-branch:3"]),
        (format!("name: x\nbrain:\n  key_env: {key}"), &["settings-key-env:3"]),
        (format!("name: x\nbrain:\n  key_env: {capital}"), &["settings-key-env:3"]),
        ("name: x\nbrain: { key_env: model-key }".into(), &["settings-key-env:2"]),
        ("name: x\nbrain: { key_env: OPENAI_API_KEY }".into(), &[]),
        ("name: x\nbrain: { base_url: \"ftp://a\" }".into(), &["settings-base-url:2"]),
        ("name: x\nbrain: { base_url: \"https://u:p@a/\" }".into(), &["settings-base-url:2"]),
        ("name: x\nbrain: { base_url: \"https:///v1\" }".into(), &["settings-base-url:2"]),
        ("name: x\nbrain: { base_url: \"http://127.0.0.1:11434/v1\" }".into(), &[]),
        ("name: x\nbrain: { provider: openai }".into(), &["settings-model:2"]),
        ("name: x\nbrain: { provider: openai, model: m, context: 100 }".into(), &["settings-model:2"]),
        ("name: x\nbrain: { fallbacks: [cheap] }".into(), &["settings-model:2"]),
        ("name: x\nbrain: { fallbacks: [openai/gpt-4o, anthropic/claude] }".into(), &[]),
        ("name: x\nlimits: { usd_per_run: -1 }".into(), &["yaml-value:2"]),
        ("name: x\nlimits: { usd_per_run: 0.5, usd_per_day: \"12.25\" }".into(), &[]),
        ("name: x\nlimits: { tokens_per_run: 9999 }".into(), &["settings-limits:2"]),
        ("name: x\nlimits: { tokens_per_run: 10000 }".into(), &[]),
        ("name: x\nbrain: { provider: command }".into(), &["settings-command:2"]),
        ("name: x\nbrain: { provider: command, command: \" \" }".into(), &["settings-command:2"]),
        ("name: x\nbrain: { provider: command, command: claude -p }".into(), &[]),
        ("name: x\nbrain: { provider: command, command: claude -p, model: anthropic/claude }".into(), &[]),
        ("name: x\nbrain: { provider: command, command: claude -p, model: claude }".into(), &["settings-model:2"]),
        (format!("name: x\nbrain: {{ command: {} }}", "x".repeat(32_769)), &["settings-command:2"]),
        ("name: x\nbrain: { script: ../up.json }".into(), &["settings-script:2"]),
        ("name: x\nbrain:\n  prices:\n    m: { input: -1, output: 2 }".into(), &["settings-prices:4"]),
        (
            "name: x\nbrain:\n  prices:\n    m: { input: 1e400, output: .nan }".into(),
            &["settings-prices:4", "settings-prices:4"],
        ),
        ("name: x\nbrain:\n  prices:\n    m: { input: cheap, output: 1 }".into(), &["settings-prices:4"]),
        ("name: x\nbrain:\n  prices:\n    m: { input: 1 }".into(), &["yaml-missing-key:4"]),
        ("name: x\nlimits: { runs_per_day: 0 }".into(), &["settings-limits:2"]),
        ("name: x\nlimits:\n  runs_per_day: 1001".into(), &["settings-limits:3"]),
        ("name: x\nnetwork:\n  allow:\n    - crates.io\n    - https://crates.io".into(), &["settings-network:5"]),
        ("name: x\nnetwork: { allow: [crates.io/api] }".into(), &["settings-network:2"]),
        ("name: x\nnetwork: { allow: [\"crates.io:0\"] }".into(), &["settings-network:2"]),
        ("name: x\nnetwork: { allow: [\"::1\"] }".into(), &["settings-network:2"]),
        ("name: x\nnetwork: { allow: [\"*\"] }".into(), &["settings-network:2"]),
        ("name: x\nnetwork: { allow: [\"*.com\"] }".into(), &["settings-network:2"]),
        ("name: x\nnetwork: { allow: [\"a.*.com\", localhost] }".into(), &["settings-network:2"]),
        ("name: x\npeople:\n  an-octopus: mayor\n  \"@b\": witness".into(), &["settings-people:4"]),
        ("name: x\npeople: { a: king }".into(), &["yaml-value:2"]),
        ("name: x\ntests: { command: \" \", minutes: 121 }".into(), &["settings-tests:2", "settings-tests:2"]),
        ("name: x\nguarded:\n  - src/**\n  - /etc".into(), &["yaml-value:4"]),
        ("name: x\ngrants: { \"No One\": [a] }".into(), &["yaml-value:2"]),
        ("name: x\nforge: gitlab".into(), &["yaml-value:2"]),
        ("name: x\ngaurded: [src/**]".into(), &["yaml-unknown-key:2"]),
        ("name: x\nlimits:\n  runs: 3".into(), &["yaml-unknown-key:3"]),
        ("brain: {}".into(), &["yaml-missing-key:1"]),
    ];
    for (text, expected) in cases {
        let (_, findings) = parse(PATH, text.as_bytes());
        assert_eq!(short(&findings), *expected, "{text}: {findings:#?}");
        for finding in findings {
            let known = RULES.iter().chain(yaml::RULES).any(|(name, _)| *name == finding.rule);
            assert!(known && !finding.remedy.is_empty(), "{finding}");
        }
    }
}

#[test]
fn the_section_of_github_has_rules_too() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let token = ["ghs", "_", &"x".repeat(36)].concat();
    let github = |line: &str| format!("name: x\ngithub:\n  {line}");
    let workflows = |line: &str| format!("name: x\ngithub:\n  workflows:\n    {line}");
    let app = |variable: &str, secret: &str| {
        workflows(&format!("app:\n      client_id_var: {variable}\n      private_key_secret: {secret}"))
    };
    let (place, rule) = ("settings-github:3", "settings-workflows:4");
    let cases: &[(String, &[&str])] = &[
        (github("repository: an-octopus/shop"), &[]),
        (github("repository: a/b.c_d-e"), &[]),
        (github("repository: shop"), &[place]),
        (github("repository: https://github.com/a/b"), &[place]),
        (github("repository: a/b/c"), &[place]),
        (github("repository: a-/b"), &[place]),
        (github("repository: a/.."), &[place]),
        (github("repository: \"${{ x }}/b\""), &[place]),
        (github("api_url: https://x:y@github.example.com"), &[place]),
        (github("api_url: github.example.com"), &[place]),
        (github("api_url: https://github.example.com/api/v3"), &[]),
        (github(&format!("token_env: {token}")), &[place]),
        (github("token_env: town-token"), &[place]),
        (github("token_env: GITHUB_ENV"), &[place]),
        (github("token_env: TOWN_TOKEN"), &[]),
        (github("token: x"), &["yaml-unknown-key:3"]),
        (workflows("layout: both"), &["yaml-value:4"]),
        (workflows("action: ./"), &[]),
        (workflows(&format!("action: a/b@{commit}")), &[]),
        (workflows(&format!("action: a/b/c/d@{commit}")), &[]),
        (workflows("action: a/b@v1"), &[rule]),
        (workflows("action: a/b@main"), &[rule]),
        (workflows(&format!("action: a/b@{}", &commit[1..])), &[rule]),
        (workflows(&format!("action: a/b@{}", commit.to_uppercase())), &[rule]),
        (workflows(&format!("action: a/b/../c@{commit}")), &[rule]),
        (workflows(&format!("action: ./@{commit}")), &[rule]),
        (workflows("action: ./action"), &[rule]),
        (workflows("action: docker://alpine"), &[rule]),
        (workflows("runner: self-hosted"), &[]),
        (workflows("runner: \"${{ github.event.issue.title }}\""), &[rule]),
        (workflows("runner: \"\""), &[rule]),
        (workflows("runner: windows-2025"), &[rule]),
        (app("TOWN_APP", "TOWN_KEY"), &[]),
        (app("town-app", "TOWN_KEY"), &["settings-workflows:5"]),
        (app("TOWN_APP", "GITHUB_KEY"), &["settings-workflows:6"]),
        (app("TOWN_APP", &token), &["settings-workflows:6"]),
        (workflows("app: { client_id_var: TOWN_APP }"), &["yaml-missing-key:4"]),
    ];
    for (text, expected) in cases {
        let (_, findings) = parse(PATH, text.as_bytes());
        assert_eq!(short(&findings), *expected, "{text}: {findings:#?}");
        for finding in findings {
            let known = RULES.iter().chain(yaml::RULES).any(|(name, _)| *name == finding.rule);
            assert!(known && !finding.remedy.is_empty(), "{finding}");
            assert!(!finding.to_string().contains(&token), "{finding}");
        }
    }
}

#[test]
fn a_key_in_the_file_is_to_be_removed_and_is_never_repeated() {
    let key = ["sk", "-", &"abc1".repeat(10)].concat();
    let (_, findings) = parse(PATH, format!("name: x\nbrain: {{ key_env: {key} }}").as_bytes());
    let text = findings[0].to_string();
    assert!(text.contains("revoke") && text.contains("remove") && !text.contains(&key[..8]), "{text}");
}

#[test]
fn the_schema_takes_the_example_and_refuses_what_is_wrong() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for good in [WHOLE, "name: Little\n"] {
        let errors: Vec<String> = validator.iter_errors(&as_json(good)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for wrong in [
        "{}",
        "name: ''",
        "name: 7",
        "name: x\ndescription: ''",
        "name: x\ngaurded: []",
        "name: x\nforge: gitlab",
        "name: x\nlimits: { runs_per_day: 0 }",
        "name: x\nbrain: { key_env: not-a-name }",
        "name: x\nbrain: { base_url: ftp://a }",
        "name: x\nbrain: { prices: { m: { input: -1, output: 1 } } }",
        "name: x\nbrain: { prices: { m: { input: cheap, output: 1 } } }",
        "name: x\ntests: { minutes: 5 }",
        "name: x\npeople: { a: king }",
        "name: x\nnetwork: { allow: [\"https://crates.io\"] }",
    ] {
        assert!(!validator.is_valid(&as_json(wrong)), "{wrong}");
    }
}

#[test]
fn every_key_of_the_schema_is_described_and_optional_ones_have_a_default() {
    let schema = schema();
    let mut objects = vec![("settings".to_owned(), &schema)];
    objects.extend(schema["$defs"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), value)));
    let mut keys = 0;
    for (name, object) in objects {
        assert!(object["description"].is_string(), "{name} is not described");
        let required: Vec<&Value> = object["required"].as_array().into_iter().flatten().collect();
        for (key, property) in object["properties"].as_object().into_iter().flatten() {
            keys += 1;
            assert!(property["description"].is_string(), "{name}.{key} is not described");
            let nullable = property.to_string().contains("\"null\"");
            let settled = required.iter().any(|name| *name == key) || property.get("default").is_some() || nullable;
            assert!(settled, "{name}.{key} has no default: {property}");
        }
    }
    assert!(keys > 20, "{keys}");
    let top: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for key in top {
        let (_, findings) = parse(PATH, format!("{key}: null\n").as_bytes());
        assert!(findings.iter().all(|finding| finding.rule != "yaml-unknown-key"), "{key}: {findings:?}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_lines_are_in_the_file(
        lines in prop::collection::vec(prop_oneof!["[a-z]{1,8}: [a-z0-9\\[{\"'&*]{0,9}", " {0,4}- ?\\PC{0,9}", "\\PC{0,20}"], 0..9),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let text = lines.join("\n");
        let count = u32::try_from(text.lines().count().max(1)).unwrap();
        for finding in parse(PATH, text.as_bytes()).1 {
            prop_assert!((1..=count).contains(&finding.line.unwrap()), "{finding} of {count}: {text:?}");
        }
        let _ = parse(PATH, &bytes);
    }
}
