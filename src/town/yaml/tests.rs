//! Tests of reading YAML: one table for the rules, the hostile files, and two properties.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    count: u8,
    #[serde(default)]
    nested: BTreeMap<String, Inner>,
    #[serde(default)]
    words: Vec<Word>,
    schedule: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    depth: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Banana,
    Torch,
}

const KEYS: &[&str] = &["name", "ready", "count", "nested", "words", "schedule"];

fn sample(text: impl AsRef<[u8]>) -> (Option<Sample>, Vec<Finding>) {
    read("a.yaml", text.as_ref(), 1, KEYS)
}

/// Every finding as `rule:line`.
fn short(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.rule, finding.line.unwrap_or(0))).collect()
}

#[test]
fn every_rule_has_its_line() {
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("syntax", b"name: [x\n", &["yaml-syntax:1"]),
        ("colon", b"name: x\nready: a: b\n", &["yaml-syntax:2"]),
        ("tag", b"name: x\nready: !!set {a, b}\nwords: !x y\n", &["yaml-syntax:3"]),
        ("complex key", b"name: x\n? [a, b]\n: c\n", &["yaml-syntax:2"]),
        ("anchor", b"name: &n x\nschedule: *n\n", &["yaml-anchor:1"]),
        ("merge", b"name: x\nnested:\n  <<: {depth: 1}\n", &["yaml-anchor:3"]),
        ("tab", b"name: x\nnested:\n\ta: {depth: 1}\n", &["yaml-tab:3"]),
        ("doubled", b"name: x\nready: true\nname: y\n", &["yaml-duplicate-key:3"]),
        ("doubled below", b"name: x\nnested:\n  a: {depth: 1}\n  a: {depth: 2}\n", &["yaml-duplicate-key:4"]),
        ("unknown", b"name: x\nraedy: true\n", &["yaml-unknown-key:2"]),
        ("unknown below", b"name: x\nnested:\n  a:\n    depth: 1\n    deep: 2\n", &["yaml-unknown-key:5"]),
        ("on", b"name: x\non:\n  schedule: []\n", &["yaml-unknown-key:2"]),
        ("type", b"name: x\ncount: many\n", &["yaml-type:2"]),
        ("nothing", b"name:\n", &["yaml-type:1"]),
        ("type in a list", b"name: x\nwords:\n  - banana\n  - 3\n", &["yaml-type:4"]),
        ("value", b"name: x\nwords:\n  - banana\n  - troch\n", &["yaml-value:4"]),
        ("too large a number", b"name: x\ncount: 256\n", &["yaml-value:2"]),
        ("yes", b"name: x\nready: yes\n", &["yaml-type:2"]),
        ("missing", b"ready: true\n", &["yaml-missing-key:1"]),
        ("missing below", b"name: x\nnested:\n  a: {}\n", &["yaml-missing-key:3"]),
        ("empty", b"", &["yaml-missing-key:1"]),
        ("only a comment", b"# nothing\n", &["yaml-missing-key:1"]),
        ("list", b"- name\n", &["yaml-type:1"]),
        ("text", b"hello\n", &["yaml-type:1"]),
        ("documents", b"name: x\n---\nname: y\n", &["yaml-documents:2"]),
        ("NUL", b"name: x\nready: \0\n", &["yaml-encoding:2"]),
        ("Latin-1", b"name: x\nschedule: \xE4\n", &["yaml-encoding:2"]),
        ("UTF-16", b"\xFF\xFEn\0a\0", &["yaml-encoding:1"]),
        ("escape", b"name: x\nschedule: \x1b[31m\n", &["yaml-encoding:2"]),
        ("mark inside", b"name: x\n\xEF\xBB\xBFready: true\n", &["yaml-encoding:2"]),
        ("bare CR", b"name: x\rready: true\n", &["yaml-encoding:1"]),
        ("line separator", "name: x\u{2028}ready: true\n".as_bytes(), &["yaml-encoding:1"]),
        (
            "all at once",
            b"name: 1\nready: 2\ncount: x\nwhat: 3\n",
            &["yaml-unknown-key:4", "yaml-type:1", "yaml-type:2", "yaml-type:3"],
        ),
    ];
    for (what, text, expected) in cases {
        let (value, findings) = sample(text);
        assert_eq!(short(&findings), *expected, "{what}: {findings:?}");
        let only_unknown = findings.iter().all(|finding| finding.rule == "yaml-unknown-key");
        assert_eq!(value.is_some(), only_unknown, "{what}");
        for finding in &findings {
            assert!(!finding.remedy.is_empty() && finding.path.as_deref() == Some("a.yaml"), "{what}: {finding}");
            assert!(RULES.iter().any(|(name, _)| *name == finding.rule), "{finding} has no line in RULES");
        }
    }
}

#[test]
fn what_is_fine_is_read() {
    for text in [
        "name: x\nwords: [banana, torch]\n",
        "\u{feff}---\nname: x\nwords: [banana, torch]\n...\n",
        "name: x\r\nwords:\r\n  - banana\r\n  - torch\r\n",
        "name: 'x' # a & b *c\nwords:\n- banana\n- torch",
        "{name: x, words: [banana, torch], schedule: null}",
    ] {
        let (value, findings) = sample(text);
        assert_eq!(findings, [], "{text:?}");
        let value = value.unwrap();
        assert_eq!((value.name.as_str(), value.words), ("x", vec![Word::Banana, Word::Torch]), "{text:?}");
    }
}

// covers: town-files#every-finding-can-be-acted-on/a-misspelt-key
#[test]
fn remedies_say_what_was_probably_meant() {
    for (text, remedy) in [
        ("name: x\nraedy: true\n", "did you mean \"ready\"?"),
        ("name: x\nwords: [troch]\n", "did you mean \"torch\"?"),
        ("name: x\nready: on\n", "write true or false: on, off, yes and no are texts"),
        ("name: x\non: push\n", "`on` is GitHub's spelling; use `schedule: { cron: \"20 */4 * * *\" }`"),
        ("name: x\nzzzzzz: 1\n", "remove it; the keys here are name, ready, count, nested, words, schedule"),
    ] {
        assert_eq!(sample(text).1[0].remedy, remedy, "{text}");
    }
}

#[test]
fn lines_count_from_where_the_text_begins() {
    let (_, findings) = read::<Sample>("a.md", b"name: x\ncount: y\n", 10, KEYS);
    assert_eq!(short(&findings), ["yaml-type:11"]);
    let doc = Doc::load("a.md", b"name: x\nwords:\n  - banana\n  - torch\nnested: {a: {depth: 1}}\n", 2).unwrap();
    for (way, line) in [
        (vec![], 2),
        (vec!["words"], 3),
        (vec!["words", "1"], 5),
        (vec!["words", "9"], 3),
        (vec!["nested", "a", "depth"], 6),
        (vec!["gone"], 2),
    ] {
        assert_eq!(doc.line(&way), line, "{way:?}");
    }
}

#[test]
fn hostile_documents_end_in_a_finding() {
    let mut bomb = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n".to_owned();
    for n in 1..9 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(",")));
    }
    let many: String = (0..20_000).map(|n| format!("k{n}: 1\n")).collect();
    let doubled = "name: x\n".repeat(20_000);
    for (what, text, rule, most) in [
        ("billion laughs", bomb, "yaml-anchor", 1),
        ("brackets", format!("name: {}", "[".repeat(10_000)), "yaml-depth", 1),
        ("braces", "{a: ".repeat(10_000), "yaml-depth", 1),
        ("dashes", "- ".repeat(10_000), "yaml-depth", 1),
        ("stairs", (0..1_000).map(|n| format!("{}k:\n", " ".repeat(n))).collect(), "yaml-depth", 1),
        ("question marks", "? ".repeat(10_000), "yaml-depth", 1),
        ("two megabytes", format!("name: {}", "x".repeat(2 << 20)), "yaml-too-large", 1),
        ("many keys", many, "yaml-unknown-key", FINDINGS),
        ("one key again and again", doubled, "yaml-duplicate-key", FINDINGS),
        ("an open quote", format!("name: \"{}", "x ".repeat(100_000)), "yaml-syntax", 1),
        ("an open block", format!("name: |\n{}", "  &x *y\n".repeat(10_000)), "", 0),
    ] {
        let (_, findings) = sample(&text);
        assert_eq!(findings.len(), most, "{what}: {:?}", findings.first());
        assert!(findings.iter().all(|finding| finding.rule == rule), "{what}: {findings:?}");
    }
}

#[test]
fn front_matter_is_split_or_refused() {
    for (text, yaml, body, body_line) in [
        ("---\na: 1\n---\nhello\n", "a: 1\n", "hello\n", 4),
        ("\u{feff}---\r\na: 1\r\n---\r\nhello\r\n", "a: 1\r\n", "hello\r\n", 4),
        ("---\n---", "", "", 3),
        ("--- \na: 1\nb: 2\n---\t\n\n---\nx", "a: 1\nb: 2\n", "\n---\nx", 5),
    ] {
        let expected = FrontMatter { yaml: yaml.to_owned(), first_line: 2, body: body.to_owned(), body_line };
        assert_eq!(front_matter("a.md", text.as_bytes()).unwrap(), expected, "{text:?}");
    }
    let megabyte = format!("---\nname: x\n{}---\nbody\n", "# filler filler\n".repeat(60_000));
    for (text, rule, line) in [
        ("".as_bytes(), "yaml-front-matter", 1),
        (b"# A title\n", "yaml-front-matter", 1),
        (b" ---\na: 1\n---\n", "yaml-front-matter", 1),
        (b"----\na: 1\n----\n", "yaml-front-matter", 1),
        (b"---\na: 1\n", "yaml-front-matter", 1),
        (b"---", "yaml-front-matter", 1),
        (b"---\na: 1\n---\nbody \0\n", "yaml-encoding", 4),
        (b"---\na: \xFF\n---\n", "yaml-encoding", 2),
        (megabyte.as_bytes(), "yaml-too-large", 4098),
    ] {
        let finding = front_matter("a.md", text).unwrap_err();
        assert_eq!((finding.rule.as_str(), finding.line), (rule, Some(line)), "{finding}");
    }
    let finding = front_matter("a.md", &vec![b'\n'; 2 << 20]).unwrap_err();
    assert_eq!(finding.rule, "yaml-too-large");
}

/// Texts that come near to what the rules are about.
fn near_yaml() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("name"),
        Just("nested"),
        Just("words"),
        Just(": "),
        Just(":"),
        Just("\n"),
        Just("\r\n"),
        Just("  "),
        Just("- "),
        Just("? "),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(", "),
        Just("'"),
        Just("\""),
        Just("\\"),
        Just("#"),
        Just(" #"),
        Just("&a"),
        Just("*a"),
        Just("!t "),
        Just("|"),
        Just(">-"),
        Just("---"),
        Just("..."),
        Just("\t"),
        Just("<<"),
        Just("%"),
        Just("@"),
        Just("1"),
        Just("x"),
        Just("true"),
        Just("\u{2028}"),
        Just("é"),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn nothing_panics_and_lines_are_in_the_file(text in near_yaml()) {
        let lines = u32::try_from(text.lines().count().max(1)).unwrap();
        for finding in sample(&text).1 {
            let line = finding.line.unwrap();
            prop_assert!((1..=lines).contains(&line), "{finding} of {lines} lines: {text:?}");
        }
        let fenced = format!("---\n{text}\n---\n");
        if let Ok(front) = front_matter("a.md", fenced.as_bytes()) {
            prop_assert!(fenced.contains(&front.yaml) && fenced.ends_with(&front.body));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = sample(&bytes);
        let _ = front_matter("a.md", &bytes);
    }

    /// What the scan lets through has no alias: the parser would resolve it, or say that it is not known.
    #[test]
    fn no_alias_passes_the_scan(text in near_yaml()) {
        if let Err(error) = serde_yaml::from_str::<serde_yaml::Value>(&text)
            && error.to_string().contains("unknown anchor")
        {
            prop_assert!(!scan::scan(&text).is_empty() || strange_character("", &text, 1).is_some(), "{text:?}");
        }
    }
}
