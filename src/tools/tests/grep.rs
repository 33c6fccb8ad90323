//! What `Grep` answers: hits, lines around them, bounds.

use super::*;

#[tokio::test]
async fn grep_shows_path_line_and_text() {
    let town = small();
    let mut files = town.workspace();
    let all = ok(&mut files, "Grep", json!({"pattern": "ALPHA", "-i": true, "-n": true})).await;
    let expected = "docs/a.md:1: alpha\ndocs/a.md:3: alpha\nsrc/lib.rs:2: let alpha = 1;\n[files passed over as binary, very large or not readable: 1]";
    assert_eq!(all, expected);
    let cases = [
        (json!({"pattern": "alpha", "glob": "*.rs"}), "src/lib.rs:2: let alpha = 1;"),
        (
            json!({"pattern": "alpha", "path": "docs/a.md", "head_limit": 1}),
            "docs/a.md:1: alpha\n[1 of 2 shown; use a narrower pattern]",
        ),
        (json!({"pattern": "alpha", "path": "docs/a.md", "output_mode": "count"}), "docs/a.md: 2"),
        (json!({"pattern": "alpha", "path": "src", "output_mode": "files_with_matches"}), "src/lib.rs"),
        (json!({"pattern": "omega", "path": "src"}), "No line matches."),
    ];
    for (arguments, expected) in cases {
        assert_eq!(ok(&mut files, "Grep", arguments).await, expected);
    }
    let wrong = result(&mut files, "Grep", json!({"pattern": "("})).await;
    assert!(wrong.invalid && wrong.output.contains("no regular expression"), "{}", wrong.output);
    let bomb = result(&mut files, "Grep", json!({"pattern": "(a{1000}){1000}"})).await;
    assert!(bomb.invalid, "{}", bomb.output);
}

/// Files whose lines say what they are, one of them with CRLF and one with a very long line.
fn lines() -> Town {
    let long = format!("{}needle{}\nshort\n", "é".repeat(400), "x".repeat(100_000));
    Town::of(&[
        ("docs/a.md", b"hit 1\ntwo\nthree\nhit 4\nfive\nsix\nseven\neight\nhit 9\n"),
        ("docs/dos.md", b"\xef\xbb\xbfone\r\ntwo.\r\n\r\nfour\r\n"),
        ("docs/end.md", b"last\n\n\nhit 4"),
        ("src/long.txt", long.as_bytes()),
    ])
}

#[tokio::test]
async fn grep_shows_context_once_and_in_groups() {
    let town = lines();
    let mut files = town.workspace();
    let a = |more: Value| {
        let mut all = json!({"pattern": "hit", "path": "docs/a.md"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let cases = [
        (a(json!({"-A": 1})), "a:1: hit 1|a-2- two|--|a:4: hit 4|a-5- five|--|a:9: hit 9"),
        (a(json!({"-B": 1})), "a:1: hit 1|--|a-3- three|a:4: hit 4|--|a-8- eight|a:9: hit 9"),
        // Contexts that touch or overlap are one group, and no line comes twice.
        (
            a(json!({"-C": 2})),
            "a:1: hit 1|a-2- two|a-3- three|a:4: hit 4|a-5- five|a-6- six|a-7- seven|a-8- eight|a:9: hit 9",
        ),
        (
            a(json!({"-C": 20, "head_limit": 1000})),
            "a:1: hit 1|a-2- two|a-3- three|a:4: hit 4|a-5- five|a-6- six|a-7- seven|a-8- eight|a:9: hit 9",
        ),
        // One side goes before both.
        (a(json!({"-C": 2, "-A": 0})), "a:1: hit 1|a-2- two|a-3- three|a:4: hit 4|--|a-7- seven|a-8- eight|a:9: hit 9"),
        (a(json!({"-C": 0})), "a:1: hit 1|a:4: hit 4|a:9: hit 9"),
        // The limit is one of hits; what follows the last one is shown up to the next hit.
        (a(json!({"-A": 9, "head_limit": 1})), "a:1: hit 1|a-2- two|a-3- three|[1 of 3 shown; use a narrower pattern]"),
        (
            a(json!({"-C": 1, "head_limit": 2})),
            "a:1: hit 1|a-2- two|a-3- three|a:4: hit 4|a-5- five|[2 of 3 shown; use a narrower pattern]",
        ),
        (a(json!({"-B": 5, "head_limit": 1})), "a:1: hit 1|[1 of 3 shown; use a narrower pattern]"),
        (a(json!({"-C": 2, "output_mode": "count"})), "docs/a.md: 3"),
        (a(json!({"-C": 2, "output_mode": "files_with_matches"})), "docs/a.md"),
    ];
    for (arguments, expected) in cases {
        let output = ok(&mut files, "Grep", arguments.clone()).await;
        assert_eq!(
            output,
            expected.replace('|', "\n").replace("a:", "docs/a.md:").replace("a-", "docs/a.md-"),
            "{arguments}"
        );
    }
    let two = ok(&mut files, "Grep", json!({"pattern": "^hit [14]$", "path": "docs", "-B": 1})).await;
    assert_eq!(
        two,
        "docs/a.md:1: hit 1\n--\ndocs/a.md-3- three\ndocs/a.md:4: hit 4\n--\ndocs/end.md-3- \ndocs/end.md:4: hit 4"
    );
}

#[tokio::test]
async fn grep_matches_a_line_without_its_end() {
    let town = lines();
    let mut files = town.workspace();
    let cases = [
        // Neither CRLF nor a mark at the start of the file belongs to a line.
        ("docs/dos.md", "^one$", "docs/dos.md:1: one"),
        ("docs/dos.md", r"two\.$", "docs/dos.md:2: two."),
        ("docs/dos.md", "^$", "docs/dos.md:3: "),
        ("docs/dos.md", r"^\s*$", "docs/dos.md:3: "),
        ("docs/dos.md", r"\Afour\z", "docs/dos.md:4: four"),
        ("docs/dos.md", r"o.\s", "No line matches."),
        ("docs/dos.md", r"(?s)two.+four", "No line matches."),
        ("docs/end.md", "^$", "docs/end.md:2: \ndocs/end.md:3: "),
        ("docs/end.md", r"\A", "docs/end.md:1: last\ndocs/end.md:2: \ndocs/end.md:3: \ndocs/end.md:4: hit 4"),
        ("docs/end.md", "[^a-z]$", "docs/end.md:4: hit 4"),
    ];
    for (path, pattern, expected) in cases {
        assert_eq!(ok(&mut files, "Grep", json!({"pattern": pattern, "path": path})).await, expected, "{pattern}");
    }
    let around = ok(&mut files, "Grep", json!({"pattern": "^$", "path": "docs/dos.md", "-C": 1})).await;
    assert_eq!(around, "docs/dos.md-2- two.\ndocs/dos.md:3: \ndocs/dos.md-4- four");
}

// covers: tools#searching-keeps-to-the-files/a-pattern-that-matches-everything
#[tokio::test]
async fn grep_bounds_lines_and_context_and_refuses_what_is_no_pattern() {
    let town = lines();
    let mut files = town.workspace();
    let long = format!("{}…", "é".repeat(299));
    let hit = ok(&mut files, "Grep", json!({"pattern": "needle", "path": "src"})).await;
    assert_eq!(hit, format!("src/long.txt:1: {long}"));
    let near = ok(&mut files, "Grep", json!({"pattern": "short", "path": "src", "-B": 1})).await;
    assert_eq!(near, format!("src/long.txt-1- {long}\nsrc/long.txt:2: short"));
    let cases = [
        (json!({"pattern": "[a"}), "no regular expression"),
        (json!({"pattern": ")("}), "no regular expression"),
        (json!({"pattern": "(?=a)"}), "look-around"),
        (json!({"pattern": "a\\nb"}), "matched line by line"),
        (json!({"pattern": "a", "-C": 21}), "-A, -B and -C go up to 20 lines"),
        (json!({"pattern": "a", "-A": -1}), "do not fit Grep"),
    ];
    for (arguments, part) in cases {
        let result = result(&mut files, "Grep", arguments.clone()).await;
        assert!(result.invalid && result.output.contains(part), "{arguments}: {}", result.output);
    }
    let many = Town::of(&[("a", "x\ny\nz\ny\nz\ny\nz\ny\n".repeat(2_000).as_bytes())]);
    let most = ok(&mut many.workspace(), "Grep", json!({"pattern": "x", "-C": 20, "head_limit": 1000})).await;
    assert!(most.contains("[500 of 2000 shown"), "{}", &most[most.len() - 200..]);
}

#[tokio::test]
async fn very_large_files_are_named_and_not_searched() {
    let town = Town::of(&[("docs/big.txt", "alpha\n".repeat(4 * 1024 * 1024).as_bytes())]);
    let mut files = town.workspace();
    let found = ok(&mut files, "Grep", json!({"pattern": "alpha"})).await;
    assert_eq!(found, "No line matches.\n[files passed over as binary, very large or not readable: 1]");
    assert!(told(&mut files, "Read", json!({"file_path": "docs/big.txt"})).await.contains("has 25165824 bytes"));
}
