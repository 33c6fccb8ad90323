//! What each tool answers, to friendly and to hostile arguments.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::town::changeset::{Blob, Mode};
use crate::town::limits;

fn files(list: &[(&str, &[u8])]) -> Files {
    let blob = |bytes: &[u8]| Blob { mode: Mode::File, bytes: Arc::from(bytes) };
    Files::in_memory(list.iter().map(|(path, bytes)| ((*path).to_owned(), blob(bytes))))
}

fn small() -> Files {
    files(&[
        ("README.md", b"# Town\n\nSee [docs](docs/a.md).\n"),
        ("docs/a.md", b"alpha\nbeta\nalpha\n"),
        ("docs/dos.md", b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n"),
        ("docs/logo.png", b"\x89PNG\0\0"),
        ("docs/empty.md", b""),
        ("src/lib.rs", b"fn main() {\n    let alpha = 1;\n}\n"),
    ])
}

fn owns() -> Vec<Pattern> {
    vec!["docs/**".parse().unwrap()]
}

async fn result(files: &mut Files, name: &str, arguments: Value) -> CallResult {
    let call = ToolCall { id: "c".into(), name: name.into(), arguments };
    table(&[]).call(&mut Context { files, owns: &owns() }, &call).await.unwrap()
}

async fn ok(files: &mut Files, name: &str, arguments: Value) -> String {
    let result = result(files, name, arguments).await;
    assert!(result.ok, "{}", result.output);
    result.output
}

async fn told(files: &mut Files, name: &str, arguments: Value) -> String {
    let result = result(files, name, arguments).await;
    assert!(!result.ok && !result.changed, "{}", result.output);
    result.output
}

fn text(files: &Files, path: &str) -> String {
    String::from_utf8(files.read(path).unwrap().unwrap().bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn read_numbers_lines_and_names_the_window() {
    let mut files = small();
    assert_eq!(
        ok(&mut files, "Read", json!({"file_path": "./docs/a.md"})).await,
        "     1\talpha\n     2\tbeta\n     3\talpha\n"
    );
    let window = ok(&mut files, "Read", json!({"file_path": "docs/a.md", "offset": 2, "limit": 1})).await;
    assert_eq!(window, "     2\tbeta\n[lines 2 to 2 of 3; go on with offset 3]\n");
    let dos = ok(&mut files, "Read", json!({"file_path": "docs/dos.md"})).await;
    assert_eq!(dos, "     1\tone\n     2\ttwo\n     3\tthree\n[lines end with CRLF]\n");
    assert_eq!(ok(&mut files, "Read", json!({"file_path": "docs/empty.md"})).await, "(the file is empty)");
}

#[tokio::test]
async fn read_tells_what_it_cannot_show() {
    let mut files = small();
    let cases = [
        ("docs/logo.png", "is binary (6 bytes)"),
        ("docs", "is a folder"),
        ("a.md", "Do you mean docs/a.md?"),
        ("/etc/passwd", "is absolute"),
        ("docs/../README.md", "There is no file"),
        ("", "is a folder"),
    ];
    for (path, part) in cases {
        let output = told(&mut files, "Read", json!({"file_path": path})).await;
        assert!(output.contains(part), "{path}: {output}");
    }
    let beyond = told(&mut files, "Read", json!({"file_path": "docs/a.md", "offset": 9})).await;
    assert!(beyond.contains("has 3 lines"), "{beyond}");
}

#[tokio::test]
async fn read_bounds_long_files_and_long_lines() {
    let long = format!("{}\n{}", "é".repeat(5_000), "line\n".repeat(20_000));
    let mut files = files(&[("docs/long.md", long.as_bytes())]);
    let result = result(&mut files, "Read", json!({"file_path": "docs/long.md", "limit": 100_000})).await;
    assert!(result.ok && !result.truncated && result.output.len() <= limits::TOOL_OUTPUT_BYTES);
    assert!(result.output.contains("[… 6000 bytes more]"));
    assert!(result.output.contains("go on with offset"), "{}", &result.output[result.output.len() - 80..]);
}

#[tokio::test]
async fn links_are_named_and_never_followed() {
    let link = Blob { mode: Mode::Link, bytes: Arc::from(&b"/etc/passwd"[..]) };
    let mut files = Files::in_memory([("docs/link".to_owned(), link)]);
    assert!(told(&mut files, "Read", json!({"file_path": "docs/link"})).await.contains("link to /etc/passwd"));
    let write = json!({"file_path": "docs/link", "content": "x"});
    assert!(told(&mut files, "Write", write).await.contains("is a link"));
    assert!(ok(&mut files, "Grep", json!({"pattern": "passwd"})).await.contains("No line matches"));
}

#[tokio::test]
async fn what_hides_in_a_file_is_shown() {
    let mut files = files(&[("docs/trap.md", "safe\u{202e}evil".as_bytes())]);
    let output = ok(&mut files, "Read", json!({"file_path": "docs/trap.md"})).await;
    assert!(output.contains("safe\\u{202E}evil") && output.contains("1 invisible"), "{output}");
}

#[tokio::test]
async fn glob_lists_sorted_and_bounded() {
    let mut files = small();
    assert_eq!(
        ok(&mut files, "Glob", json!({"pattern": "*.md"})).await,
        "README.md\ndocs/a.md\ndocs/dos.md\ndocs/empty.md"
    );
    assert_eq!(ok(&mut files, "Glob", json!({"pattern": "a*", "path": "docs/"})).await, "docs/a.md");
    assert_eq!(ok(&mut files, "Glob", json!({"pattern": "*.py"})).await, "No file matches.");
    let many: Vec<_> =
        (0..600).map(|n| (format!("f{n:03}"), Blob { mode: Mode::File, bytes: Arc::from(&b""[..]) })).collect();
    let listed = ok(&mut Files::in_memory(many), "Glob", json!({"pattern": "**"})).await;
    assert!(listed.ends_with("f499\n[500 of 600 shown; use a narrower pattern]"), "{listed}");
}

#[tokio::test]
async fn grep_shows_path_line_and_text() {
    let mut files = small();
    let all = ok(&mut files, "Grep", json!({"pattern": "ALPHA", "-i": true, "-n": true})).await;
    let expected = "docs/a.md:1: alpha\ndocs/a.md:3: alpha\nsrc/lib.rs:2: let alpha = 1;\n[1 binary or very large files passed over]";
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

#[tokio::test]
async fn very_large_files_are_named_and_not_searched() {
    let mut files = files(&[("docs/big.txt", "alpha\n".repeat(4 * 1024 * 1024).as_bytes())]);
    let found = ok(&mut files, "Grep", json!({"pattern": "alpha"})).await;
    assert_eq!(found, "No line matches.\n[1 binary or very large files passed over]");
    assert!(told(&mut files, "Read", json!({"file_path": "docs/big.txt"})).await.contains("has 25165824 bytes"));
}

#[tokio::test]
async fn write_creates_and_replaces_and_notices_no_change() {
    let mut files = small();
    let new = json!({"file_path": "docs/new.md", "content": "a\nb\n"});
    assert_eq!(ok(&mut files, "Write", new.clone()).await, "Created docs/new.md (2 lines, 4 bytes).");
    assert_eq!(text(&files, "docs/new.md"), "a\nb\n");
    let again = result(&mut files, "Write", new).await;
    assert!(again.ok && !again.changed);
    let replaced = result(&mut files, "Write", json!({"file_path": "docs/a.md", "content": "x"})).await;
    assert!(replaced.changed && replaced.output.starts_with("Replaced"));
}

#[tokio::test]
async fn what_is_not_owned_cannot_be_touched_by_any_tool() {
    let mut files = small();
    let before = files.clone();
    let cases = [
        ("Write", json!({"file_path": "src/lib.rs", "content": "x"}), "You own docs/**"),
        ("Write", json!({"file_path": "docs/../src/lib.rs", "content": "x"}), "`..`"),
        ("Write", json!({"file_path": "/docs/a.md", "content": "x"}), "is absolute"),
        ("Write", json!({"file_path": "docs/a.md/b", "content": "x"}), "is a file"),
        ("Write", json!({"file_path": "docs/con", "content": "x"}), "device name"),
        ("Write", json!({"file_path": "Docs/a.md", "content": "x"}), "not yours"),
        ("Edit", json!({"file_path": "README.md", "old_string": "Town", "new_string": "x"}), "not yours"),
        ("Delete", json!({"file_path": "README.md"}), "not yours"),
        ("Move", json!({"from": "README.md", "to": "docs/r.md"}), "not yours"),
        ("Move", json!({"from": "docs/a.md", "to": "a.md"}), "not yours"),
        ("Move", json!({"from": "docs/a.md", "to": "docs/dos.md"}), "there already"),
        ("Move", json!({"from": "docs/none.md", "to": "docs/b.md"}), "There is no file"),
        ("Delete", json!({"file_path": "docs/none.md"}), "There is no file"),
    ];
    for (tool, arguments, part) in cases {
        let output = told(&mut files, tool, arguments.clone()).await;
        assert!(output.contains(part), "{tool} {arguments}: {output}");
    }
    let all = |files: &Files| files.list("").unwrap().into_iter().map(|p| files.read(&p).unwrap()).collect::<Vec<_>>();
    assert_eq!(all(&files), all(&before));
}

#[tokio::test]
async fn delete_and_move_change_what_is_owned() {
    let mut files = small();
    assert_eq!(
        ok(&mut files, "Move", json!({"from": "docs/a.md", "to": "docs/sub/b.md"})).await,
        "Moved docs/a.md to docs/sub/b.md."
    );
    assert_eq!(text(&files, "docs/sub/b.md"), "alpha\nbeta\nalpha\n");
    assert!(result(&mut files, "Delete", json!({"file_path": "docs/sub/b.md"})).await.changed);
    assert_eq!(files.list("docs/sub").unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn edit_replaces_exactly_one_place_or_all() {
    let edit = |old: &str, new: &str, all: bool| json!({"file_path": "docs/a.md", "old_string": old, "new_string": new, "replace_all": all});
    let mut files = small();
    assert_eq!(ok(&mut files, "Edit", edit("beta", "gamma", false)).await, "Changed 1 place in docs/a.md.");
    let twice = told(&mut files, "Edit", edit("alpha", "omega", false)).await;
    assert!(twice.contains("occurs 2 times") && twice.contains("(lines 1, 3)"), "{twice}");
    assert_eq!(ok(&mut files, "Edit", edit("alpha", "omega", true)).await, "Changed 2 places in docs/a.md.");
    assert_eq!(text(&files, "docs/a.md"), "omega\ngamma\nomega\n");
    assert!(told(&mut files, "Edit", edit("", "x", false)).await.contains("is empty"));
    assert!(told(&mut files, "Edit", edit("x", "x", false)).await.contains("the same"));
}

#[tokio::test]
async fn an_edit_that_does_not_match_names_the_nearest_line() {
    let edit = |old: &str| json!({"file_path": "docs/a.md", "old_string": old, "new_string": "x"});
    let mut files = small();
    let near = told(&mut files, "Edit", edit("betas")).await;
    assert!(near.contains("The nearest is line 2: \"beta\""), "{near}");
    let space = told(&mut files, "Edit", edit("  beta\n  alpha")).await;
    assert!(space.contains("white space; line 2"), "{space}");
    let far = told(&mut files, "Edit", edit("something else entirely")).await;
    assert!(far.contains("read the file again"), "{far}");
}

#[tokio::test]
async fn an_edit_over_lines_that_end_with_crlf_keeps_them() {
    let mut files = small();
    let edit = json!({"file_path": "docs/dos.md", "old_string": "one\ntwo", "new_string": "uno\ndue\ntre"});
    ok(&mut files, "Edit", edit).await;
    assert_eq!(text(&files, "docs/dos.md"), "\u{feff}uno\r\ndue\r\ntre\r\nthree\r\n");
}

#[tokio::test]
async fn an_edit_cannot_blow_a_file_up() {
    let mut files = files(&[("docs/a.md", "a".repeat(100_000).as_bytes())]);
    let new = "b".repeat(100_000);
    let edit = json!({"file_path": "docs/a.md", "old_string": "a", "new_string": new, "replace_all": true});
    assert!(told(&mut files, "Edit", edit).await.contains("are allowed"));
}

#[tokio::test]
async fn wrong_calls_are_invalid_and_say_why() {
    let mut files = small();
    let cases = [
        ("Bash", json!({"command": "ls"}), "There is no tool \"Bash\". There are: Read, Glob"),
        ("Read", json!({}), "missing field `file_path`"),
        ("Read", json!("README.md"), "do not fit Read"),
        ("Read", json!({"file_path": "README.md", "mood": 1}), "unknown field `mood`"),
        ("Read", json!({"file_path": "README.md", "offset": -1}), "do not fit Read"),
    ];
    for (tool, arguments, part) in cases {
        let result = result(&mut files, tool, arguments).await;
        assert!(result.invalid && result.output.contains(part), "{tool}: {}", result.output);
    }
}

#[test]
fn a_charter_gets_what_it_lists_and_hears_what_is_absent() {
    let names = |wanted: &[&str]| {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let toolbox = table(&wanted);
        let given: Vec<_> = toolbox.specs().iter().map(|spec| spec.name.clone()).collect();
        (given.join(" "), toolbox.absent().join(" "))
    };
    assert_eq!(names(&["Read", "Bash", "Finish"]), ("Read Finish NothingToDo".into(), "Bash".into()));
    assert_eq!(names(&["Write"]).0, "Write Delete Move Finish NothingToDo");
    assert_eq!(names(&[]).0, "Read Glob Grep Write Edit Delete Move Finish NothingToDo");
    assert_eq!(table(&[]).lines()[0].description, "Reads a text file with line numbers.");
}

#[test]
fn every_specification_is_a_json_schema_of_an_object() {
    for spec in table(&[]).specs() {
        assert!(jsonschema::meta::is_valid(&spec.parameters), "{}", spec.name);
        assert_eq!(spec.parameters["type"], "object");
    }
}
