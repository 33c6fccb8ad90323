//! Tests of the sense of notes for later.

use super::super::testing::Sample;
use super::*;
use crate::town::charter::Sense;

fn check(path: &str, text: &str, expected: &[(u32, &str, &str)]) {
    let found = notes_in(path, text);
    let seen: Vec<_> = found.iter().map(|note| (note.line, note.marker, note.text.as_str())).collect();
    assert_eq!(seen, expected, "{path}: {text}");
}

#[test]
fn a_note_stands_in_a_comment_and_means_it() {
    check("a.rs", "// TODO: one\n", &[(1, "TODO", "one")]);
    check("a.rs", "let x = 1; // FIXME two\r\n", &[(1, "FIXME", "two")]);
    check("a.rs", "// see TODO(ada): three\n", &[(1, "TODO", "(ada): three")]);
    check("a.c", "/*\n * XXX four\n */ int x;\n/* HACK: five */\n", &[(2, "XXX", "four"), (4, "HACK", "five")]);
    check("a.py", "x = 1  # TODO six\n", &[(1, "TODO", "six")]);
    check("a.html", "<!-- TODO seven -->\n", &[(1, "TODO", "seven")]);
    check("a.sql", "select 1 -- TODO eight\n", &[(1, "TODO", "eight")]);
    check("Makefile", "# FIXME: nine\n", &[(1, "FIXME", "nine")]);
    check("a.md", "- TODO: ten\n<!-- FIXME eleven -->\n", &[(1, "TODO", "ten"), (2, "FIXME", "eleven")]);
    check("a.rs", "// TODO\n", &[(1, "TODO", "")]);
}

#[test]
fn words_that_only_look_like_notes_are_left_alone() {
    for (path, text) in [
        ("a.rs", "let TODO = 1;\n"),
        ("a.rs", "let s = \"// TODO: no\";\n"),
        ("a.rs", "// the TODO list is long\n"),
        ("a.rs", "/// TODO and FIXME notes with their age.\n"),
        ("a.rs", "// TODO/FIXME are searched\n"),
        ("a.rs", "// `TODO` is a marker\n"),
        ("a.rs", "// TODOS: many, XXX_NAME, aHACK\n"),
        ("a.rs", "// visit https://example.org/TODO/list\n"),
        ("a.md", "Our TODO: list of things and the TODO file\n"),
        ("a.md", "TODO lists are bad\n"),
        ("a.md", "```\nTODO: in an example\n```\n"),
        ("a.py", "url = 'a#TODO'\n"),
        ("a.yaml", "key: TODO\n"),
        ("a.rs", &format!("// TODO {}\n", "x".repeat(LINE))),
    ] {
        check(path, text, &[]);
    }
}

#[test]
fn other_peoples_and_generated_files_are_not_read() {
    for (path, wanted) in [
        ("src/a.rs", true),
        ("vendor/a.c", false),
        ("web/node_modules/x/i.js", false),
        ("a.min.js", false),
        ("Cargo.lock", false),
        ("package-lock.json", false),
        ("go.sum", false),
        ("src/vendor.rs", true),
    ] {
        assert_eq!(is_wanted(path), wanted, "{path}");
    }
}

#[test]
fn a_note_has_the_age_of_its_line_and_not_of_its_file() {
    let sample = Sample::new();
    sample.commit("start", &[("a.rs", "fn a() {}\n")]);
    let second = sample.by("Bob").commit("note", &[("a.rs", "// TODO: x\nfn a() {}\n")]);
    sample.by("Ada").commit("move", &[("a.rs", "fn b() {}\n  // TODO: x\nfn a() {}\n")]);
    let fourth = sample.commit("twin", &[("a.rs", "fn b() {}\n  // TODO: x\nfn a() {}\n// TODO: x\n")]);
    let head =
        sample.after_days(500).commit("rename", &[("lib/b.rs", "fn b() {}\n  // TODO: x\nfn a() {}\n// TODO: x\n")]);
    let facts = sample.facts(head, None, &[Sense::Todos]).todos.unwrap();
    let id = |oid: git2::Oid| oid.to_string()[..10].to_owned();
    let seen: Vec<_> = facts.notes.iter().map(|n| (n.line, n.age.clone())).collect();
    let day = |n: i64| activity::day(super::super::testing::START + n * 86_400);
    assert_eq!(
        seen,
        [
            (2, Age::Since { commit: id(second), day: day(1), author: "Bob".into() }),
            (4, Age::Since { commit: id(fourth), day: day(3), author: "Ada".into() }),
        ]
    );
    assert!(facts.is_old(&facts.notes[0]));
    assert_eq!(facts.oldest().unwrap().line, 2);
    assert_eq!(facts, sample.facts(head, None, &[Sense::Todos]).todos.unwrap());
}

#[test]
fn hostile_files_do_no_harm() {
    let sample = Sample::new();
    let long = format!("// TODO {}\n// FIXME: real\n", "a".repeat(1_000_000));
    let files: &[(&[u8], &[u8], i32)] = &[
        (b"a.rs", long.as_bytes(), 0o100_644),
        (b"b.rs", b"// TODO \0 binary\n", 0o100_644),
        (b"c\xff.rs", b"// TODO: caf\xe9\n", 0o100_644),
        (b"l.rs", b"l.rs", 0o120_000),
        (b"qa/own.md", b"TODO: mine\n", 0o100_644),
    ];
    let head = sample.commit_on("one", files, &[]);
    let facts = sample.facts(head, None, &[Sense::Todos]).todos.unwrap();
    let seen: Vec<_> = facts.notes.iter().map(|n| (n.path.as_str(), n.text.as_str(), n.owner.is_some())).collect();
    assert_eq!(seen, [("a.rs", "real", false), ("c\\xff.rs", "caf\u{fffd}", false), ("qa/own.md", "mine", true)]);
    assert_eq!(facts.notes[1].age.day(), Some("2023-11-14"));
}
