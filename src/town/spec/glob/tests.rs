//! Patterns and what fits them.
//! Lives here: tables, each line seen in the reference. Never here: trees (see `outputs`).
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_path_fits_as_the_reference_has_it() {
    // A pattern, what fits it, and what does not.
    let table: &[(&str, &[&str], &[&str])] = &[
        ("*", &["a", "a.md"], &[".a", "a/b"]),
        ("**", &["a", "a/b"], &[".a", "a/.b"]),
        ("**.md", &["a.md", "x/a.md"], &[".a.md", "x/.a.md"]),
        ("x/**.md", &["x/a.md"], &["x/y/a.md", "x/.a.md"]),
        ("**/*.md", &["a.md", "x/y/a.md"], &["x/.y/a.md", "x/.md"]),
        ("x/**", &["x/a", "x/a/b", "x"], &["x/.a", "y"]),
        ("x/**/a", &["x/a", "x/y/a"], &["x/.y/a", "xa"]),
        ("*/**", &["x/a", "x/y/z"], &["x"]),
        ("a**", &["a", "abc"], &["a/b"]),
        ("***", &["a"], &["a/b", ".a"]),
        (".*", &[".a"], &["a"]),
        ("?.md", &["a.md", "é.md"], &["..md", "ab.md", "🐒.md"]),
        ("[ab].md", &["a.md", "[ab].md"], &["c.md"]),
        ("[!a].md", &["b.md"], &["a.md", "[!a].md"]),
        ("[^a].md", &["b.md"], &["a.md"]),
        ("[a-c-].md", &["b.md", "-.md"], &["d.md"]),
        ("[]x].md", &["].md", "x.md"], &["a.md"]),
        ("[z-a].md", &[], &["z.md"]),
        ("[[:digit:]]x", &["1x"], &["ax"]),
        ("[x", &["[x"], &["x"]),
        ("@(a|b).md", &["a.md", "b.md"], &["c.md", "ab.md"]),
        ("+(a|b)", &["a", "abba"], &["", "c"]),
        ("*(a)b", &["b", "aab"], &["a"]),
        ("?(a)b", &["b", "ab"], &["aab"]),
        ("!(a)", &["b", "ab", ".x"], &["a"]),
        ("!(1).md", &["2.md"], &["1.md", "10.md"]),
        ("x/!(*.d).ts", &["x/a.ts"], &["x/a.d.ts"]),
        ("(a|b).md", &["a.md"], &["(a|b).md"]),
        ("(a", &["(a"], &["a"]),
        ("{a", &[], &["{a", "a"]),
        ("a|b", &["a|b"], &["a", "b"]),
        ("*|b", &["a", "b"], &["a/b"]),
        ("./a*", &["ab"], &["./ab"]),
    ];
    for (pattern, fit, misfit) in table {
        let glob = Glob::of(pattern).unwrap();
        fit.iter().for_each(|path| assert!(glob.matches(path), "{pattern} {path}"));
        misfit.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} {path}"));
    }
}

#[test]
fn braces_are_written_out() {
    let table: &[(&str, &[&str])] = &[
        ("a{b,c}d", &["abd", "acd"]),
        ("{a,{b,c}}{1..2}", &["a1", "a2", "b1", "b2", "c1", "c2"]),
        ("{01..03}", &["01", "02", "03"]),
        ("{c..a}", &["c", "b", "a"]),
        ("{1..10..4}", &["1", "5", "9"]),
        ("{a,}", &["a", ""]),
        ("{a}", &["{a}"]),
        ("{}", &["{}"]),
        ("{a,b", &["{a,b"]),
        ("{{a,b}}", &["{a}", "{b}"]),
        ("{../x,y}", &["{../x,y}"]),
        ("{y,../x}", &["y", "../x"]),
    ];
    for (pattern, wanted) in table {
        assert_eq!(expand(pattern).unwrap(), *wanted, "{pattern}");
    }
    assert_eq!(expand(&"{a,b}".repeat(20)), None);
    assert_eq!(expand("{1..999999}"), None);
}

#[test]
fn no_pattern_takes_long() {
    let path = "a".repeat(2_000);
    for pattern in ["*a".repeat(500), "**/".repeat(300), "*(*(*(a)b)c)d".to_owned(), "!(!(!(a*)*)*)*".to_owned()] {
        assert!(!Glob::of(&pattern).unwrap().matches(&format!("{path}/b")), "{pattern}");
    }
    assert!(
        Glob::of(&"@(".repeat(30)).is_some() && Glob::of(&format!("{}{}", "@(".repeat(30), ")".repeat(30))).is_none()
    );
    assert!(Glob::of(&"a".repeat(3_000)).is_none());
}
