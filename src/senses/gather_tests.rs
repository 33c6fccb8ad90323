//! Tests over all senses together: nothing to read, hostile things to read, and the same facts each time.

use super::testing::{FileOf, Sample};
use crate::git::files::Files;
use crate::town::charter::Sense;

#[test]
fn an_empty_tree_has_facts_and_no_failure() {
    let sample = Sample::new();
    let head = sample.commit("nothing", &[]);
    let facts = sample.facts(head, None, &Sense::ALL);
    for sense in Sense::ALL {
        assert!(facts.section(sense, 2_000).is_some_and(|text| !text.is_empty()), "{}", sense.name());
    }
}

#[test]
fn only_what_is_wanted_is_sensed() {
    let sample = Sample::new();
    let head = sample.commit("one", &[("a.md", "# A\n")]);
    for wanted in Sense::ALL {
        let facts = sample.facts(head, None, &[wanted]);
        for sense in Sense::ALL {
            assert_eq!(facts.section(sense, 100).is_some(), sense == wanted, "{} {}", wanted.name(), sense.name());
        }
    }
}

// covers: senses#the-same-commit-gives-the-same-facts
#[test]
fn a_hostile_tree_gives_the_same_facts_twice_within_the_bounds() {
    let sample = Sample::new();
    let line = "x".repeat(1_000_000);
    let deep = format!("{}f.md", "d/".repeat(100));
    let page = "# A\r\n\r\n[gone](no.md)\r\n<!-- TODO: \u{202e}hidden -->\r\n@everyone #1 <script>\r\n";
    let entries: &[FileOf<'_>] = &[
        (b"page.md", page.as_bytes(), 0o100_644),
        (b"one-line.js", line.as_bytes(), 0o100_644),
        (b"blob.rs", b"// TODO: \0", 0o100_644),
        (b"\xfe\xff.md", b"[x](y.md)", 0o100_644),
        (b"loop", b"loop", 0o120_000),
        (b"Cargo.toml", b"\xff not toml", 0o100_644),
        (b"package.json", b"{\"scripts\":{\"test\":5}}", 0o100_644),
        (b"mod", b"", 0o160_000),
        (deep.as_bytes(), b"# Deep\n", 0o100_644),
    ];
    let head = sample.commit_on("all\n\nAgent:\n", entries, &[]);
    let (first, second) = (sample.facts(head, None, &Sense::ALL), sample.facts(head, None, &Sense::ALL));
    assert_eq!(serde_json::to_string(&first).unwrap(), serde_json::to_string(&second).unwrap());
    for max in [0, 50, 500, 5_000, 50_000] {
        let brief = first.brief(max);
        assert!(brief.len() <= max && !brief.contains('\u{202e}'), "{max}");
    }
    assert_eq!(first.todos.as_ref().unwrap().notes.len(), 1);
    assert_eq!(first.dependencies.as_ref().unwrap().unreadable.len(), 1);
    assert_eq!(first.links.as_ref().unwrap().broken.len(), 2);
    assert!(
        serde_json::from_str::<crate::town::facts::Facts>(&serde_json::to_string(&first).unwrap())
            .is_ok_and(|again| again == first)
    );
}

#[test]
fn a_commit_that_is_not_there_is_an_error() {
    let sample = Sample::new();
    let nowhere = git2::Oid::from_bytes(&[1; 20]).unwrap();
    assert!(Files::open(sample.repo(), nowhere).is_err());
}
