//! Tests of the sense of links.

use super::super::testing::Sample;
use super::*;
use crate::town::charter::Sense;

fn check(page: &str, expected: &[(u32, &str, LinkProblem, Option<&str>)]) {
    let sample = Sample::new();
    let files: &[(&[u8], &[u8], i32)] = &[
        (b"docs/page.md", page.as_bytes(), 0o100_644),
        (b"docs/other page.md", b"# One\n\n## Two words\n\n## Two words\n", 0o100_644),
        (b"docs/Guide.md", b"# Guide\n", 0o100_644),
        (b"docs/img/a.png", b"\0", 0o100_644),
        (b"src/main.rs", b"fn main() {}\n", 0o100_644),
        (b"src/deep/installation.md", b"# I\n", 0o100_644),
        (b"link", b"docs", 0o120_000),
        (b"mod", b"", 0o160_000),
        (b"README.md", b"# R\n", 0o100_644),
    ];
    let head = sample.commit_on("one", files, &[]);
    let facts = sample.facts(head, None, &[Sense::Links]).links.unwrap();
    let seen: Vec<_> =
        facts.broken.iter().map(|b| (b.line, b.target.as_str(), b.problem, b.suggestion.as_deref())).collect();
    assert_eq!(seen, expected, "{page}");
}

#[test]
fn good_links_are_left_alone() {
    for page in [
        "[a](other%20page.md) ![b](img/a.png) [c](../src) [d](../src/) [e](/README.md) [f](..)",
        "[a](<other page.md>#two-words-1) [b](#top) [c](#) [d](?plain=1)",
        "[a](../src/main.rs#L10) [b](../src/main.rs#L1-L3) [c](../src/main.rs#L1C2-L3C4) [d](Guide.md?x=1#guide)",
        "[a](https://example.org/x.md) [b](mailto:a@example.org) [c](//example.org) [d]({{ site }}/x)",
        "[a](../../../issues) [b](../link/x.md) [c](../mod/y.md) [d](../mod)",
        "`[a](no.md)`\n\n    [b](no.md)\n\n```\n[c](no.md)\n```\n",
        "<a id=\"Here\"></a>[a](#Here)",
        "# Ärger\n\n[a](#ärger) [b](#%C3%A4rger)",
    ] {
        check(page, &[]);
    }
}

// covers: senses#nine-senses-are-at-hand/a-broken-link
#[test]
fn broken_links_are_named_with_line_and_the_nearest_thing() {
    use LinkProblem::{Empty, NoSuchAnchor, NoSuchPath, Outside, UndefinedReference, WrongCase};
    check("x\r\n\r\n[a](gone.md)\r\n", &[(3, "gone.md", NoSuchPath, None)]);
    check("[a](guide.md)", &[(1, "guide.md", WrongCase, Some("Guide.md"))]);
    check("[a](../SRC/main.rs)", &[(1, "../SRC/main.rs", WrongCase, Some("../src/main.rs"))]);
    check("[a](installation.md)", &[(1, "installation.md", NoSuchPath, Some("../src/deep/installation.md"))]);
    check("![a](img/aa.png)", &[(1, "img/aa.png", NoSuchPath, Some("img/a.png"))]);
    check("# Setup\n[a](#setups)", &[(2, "#setups", NoSuchAnchor, Some("#setup"))]);
    check("# Setup\n[a](#Setup)", &[(2, "#Setup", WrongCase, Some("#setup"))]);
    check(
        "[a](other%20page.md#two-words-2)",
        &[(1, "other%20page.md#two-words-2", NoSuchAnchor, Some("other page.md#two-words-1"))],
    );
    check("[a](../../secret.md)", &[(1, "../../secret.md", Outside, None)]);
    check("[a]() and [b][nolabel]", &[(1, "", Empty, None), (1, "nolabel", UndefinedReference, None)]);
    check("<img src=\"no.png\">", &[(1, "no.png", NoSuchPath, None)]);
}

#[test]
fn relative_names_lead_from_page_to_path() {
    for (page, path, name) in [
        ("a/b.md", "a/c.md", "c.md"),
        ("a/b.md", "c.md", "../c.md"),
        ("x.md", "a/b", "a/b"),
        ("a/b/c.md", "a/b", "../b"),
    ] {
        assert_eq!(relative(page, path), name);
        assert_eq!(resolved(page, name).as_deref(), Some(path));
    }
}

#[test]
fn a_page_in_an_unreadable_encoding_and_a_line_of_a_megabyte_do_no_harm() {
    let sample = Sample::new();
    let long = "[x](y) ".repeat(140_000);
    let files: &[(&[u8], &[u8], i32)] = &[
        (b"a.md", b"\xff\xfe [a](b.md)\n", 0o100_644),
        (b"b\xff.md", b"[a](c.md)", 0o100_644),
        (b"c.md", long.as_bytes(), 0o100_644),
    ];
    let head = sample.commit_on("one", files, &[]);
    let facts = sample.facts(head, None, &[Sense::Links]).links.unwrap();
    assert_eq!(facts.broken[0].path, "a.md");
    assert!(facts.truncated > 10_000 && facts.unchecked > 100_000, "{} {}", facts.truncated, facts.unchecked);
    assert_eq!(facts.broken.len(), LISTED);
}
