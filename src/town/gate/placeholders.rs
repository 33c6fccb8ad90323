//! The check against work that is not done: placeholders instead of content.
//! Lives here: what a placeholder looks like in a title, in prose and in code. Never here: judgements of quality.

use super::PER_FILE;
use super::work::{Work, Written, at};
use crate::town::changeset::{Blob, FileChange, Proposal};
use crate::town::finding::Finding;
use crate::town::text::one_line;

pub(super) const NAME: &str = "no-placeholders";

pub(super) fn no_placeholders(work: &Work<'_>) -> Vec<Finding> {
    let mut findings = title(work);
    if let Some(phrase) = work.proposal.body.lines().find_map(filler) {
        let message = format!("the pull request's body holds filler text: `{phrase}`");
        findings.push(Finding::error(NAME, message).fix("say what changes and why"));
    }
    for file in work.written() {
        if is_empty(file) {
            findings.push(at(NAME, file.path, "the file is empty").fix("write its content, or leave it out"));
        }
    }
    for file in work.texts() {
        if says_only_todo(file) {
            let message = "the file says only that something is to be done";
            findings.push(at(NAME, file.path, message).fix("do it, or leave the file out"));
        }
        findings.extend(lines(file));
    }
    findings
}

/// What of a file that stands is not done: placeholders, and tests that cannot fail or do not run.
#[must_use]
pub fn not_done(path: &str, text: &str) -> Vec<Finding> {
    let after = Some(Blob::file(text.as_bytes()));
    let changes = vec![FileChange { path: path.to_owned(), before: None, after }];
    let proposal = Proposal { title: "Judge what stands".to_owned(), changes, ..Proposal::default() };
    let mut findings = no_placeholders(&Work::new(&proposal));
    for (line, text) in (1_usize..).zip(text.lines()) {
        let text = text.trim_start();
        if let Some(mark) = SKIPPED.iter().find(|mark| text.starts_with(**mark)) {
            let message = format!("the test does not run: `{mark}`");
            findings.push(at("skipped-test", path, message).line(line).fix("let it run, or take it out and say why"));
        }
        if let Some(mark) = HOLLOW.iter().find(|mark| text.starts_with(**mark)) {
            let message = format!("the assertion cannot fail: `{mark}`");
            findings.push(at("hollow-test", path, message).line(line).fix("assert what the scenario says"));
        }
    }
    findings.extend(stubs(path, text));
    findings
}

/// The lines at which code says that it is not written, in the words of its language. In new lines nobody is refused for them: what
/// is abstract says the same, and only a reader can tell.
fn stubs(path: &str, text: &str) -> Vec<Finding> {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let Some((_, calls, is_plain)) = STUBS.iter().find(|(endings, ..)| endings.contains(&ending)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // Whether the function around is marked as abstract.
    let (mut marked, mut is_abstract) = (false, false);
    for (line, text) in (1_usize..).zip(text.lines()) {
        let code = text.trim_start();
        marked |= code.starts_with('@') && code.contains("abstract");
        if code.starts_with("def ") || code.starts_with("async def ") {
            is_abstract = std::mem::take(&mut marked);
        }
        let lower = code.to_lowercase();
        let is_note = code.starts_with(['#', '*']) || code.starts_with("//");
        let is_said = *is_plain || UNWRITTEN.iter().any(|words| lower.contains(words));
        let call = calls.iter().find(|call| outside_quotes(code, call));
        if let Some(call) = call.filter(|_| is_said && !is_note && !is_abstract) {
            let message = format!("code that is not written: `{call}`");
            found
                .push(at(NAME, path, message).line(line).fix("write it, or return an error that says what is missing"));
        }
    }
    found
}

/// How code says that it is not written: by the endings of its files, and whether the call says it without further words.
const STUBS: &[(&[&str], &[&str], bool)] = &[
    (&["py", "rb"], &["raise NotImplementedError", "raise NotImplemented"], true),
    (
        &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "php"],
        &["throw new Error(", "throw Error(", "throw new Exception("],
        false,
    ),
    (&["go"], &["panic(", "errors.New(", "fmt.Errorf("], false),
    (
        &["java", "kt", "kts", "scala", "cs", "groovy"],
        &[
            "throw new UnsupportedOperationException(",
            "throw new NotImplementedException(",
            "throw new RuntimeException(",
            "TODO(",
        ],
        false,
    ),
    (&["swift"], &["fatalError("], false),
];
/// What such a call says.
const UNWRITTEN: &[&str] = &[
    "not implemented",
    "not yet implemented",
    "not supported yet",
    "notimplemented",
    "unimplemented",
    "todo",
    "implement me",
];

/// How lines begin that switch a test off.
const SKIPPED: &[&str] = &[
    "#[ignore",
    "@pytest.mark.skip",
    "@unittest.skip",
    "pytest.skip(",
    "self.skipTest(",
    "@Disabled",
    "@Ignore",
    "t.Skip(",
    "t.SkipNow(",
    "it.skip(",
    "test.skip(",
    "describe.skip(",
    "it.todo(",
    "test.todo(",
    "xit(",
    "xdescribe(",
];
/// How lines begin that assert nothing.
const HOLLOW: &[&str] = &[
    "assert!(true)",
    "assert True",
    "assert(true)",
    "expect(true).toBe(true)",
    "self.assertTrue(True)",
    "assertTrue(true)",
];

fn title(work: &Work<'_>) -> Vec<Finding> {
    let title = &work.proposal.title;
    if !says_nothing(title) || (work.proposal.agent.is_none() && title.is_empty()) {
        return Vec::new();
    }
    let message = format!("the title says nothing: `{}`", one_line(title, 80));
    vec![Finding::error(NAME, message).fix("name what changes, so that a reader knows it without opening the diff")]
}

/// Whether a title tells a reader nothing about the change.
fn says_nothing(title: &str) -> bool {
    const EMPTY: [&str; 44] = [
        "",
        "test",
        "tests",
        "testing",
        "update",
        "updates",
        "updated",
        "wip",
        "work in progress",
        "todo",
        "tbd",
        "fix",
        "fixes",
        "fixed",
        "bugfix",
        "change",
        "changes",
        "misc",
        "miscellaneous",
        "untitled",
        "title",
        "pull request",
        "pr",
        "new pull request",
        "initial commit",
        "commit",
        "placeholder",
        "foo",
        "bar",
        "asdf",
        "stuff",
        "various",
        "minor",
        "minor changes",
        "small changes",
        "some changes",
        "my changes",
        "update file",
        "update files",
        "update readme",
        "add files",
        "add file",
        "n a",
        "your title here",
    ];
    let lower = title.to_lowercase();
    // The kind in front, as in `docs(readme): …`, is not the message.
    let message = match lower.split_once(':') {
        Some((kind, rest)) if !kind.trim().contains(' ') => rest,
        _ => &lower,
    };
    let words: Vec<&str> = message.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    EMPTY.contains(&words.join(" ").as_str())
}

/// Whether the file holds nothing, where that has no meaning of its own and was not so before.
fn is_empty(file: &Written<'_>) -> bool {
    const MEANT: [&str; 7] = [".gitkeep", ".keep", ".nojekyll", "__init__.py", "py.typed", ".gitignore", ".npmignore"];
    let blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
    blank(file.bytes) && !MEANT.contains(&file.name()) && !file.old().is_some_and(blank)
}

/// Whether every line but headings and markup is a note that something is still to be done.
fn says_only_todo(file: &Written<'_>) -> bool {
    if file.bytes.len() > 16 * 1024 || file.added().next().is_none() {
        return false;
    }
    let text = String::from_utf8_lossy(file.bytes);
    let mut notes = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let said = line.trim_matches(|c: char| !c.is_alphanumeric());
        if is_note(said) {
            notes += 1;
        } else if !said.is_empty() && !line.starts_with('#') {
            return false;
        }
    }
    notes > 0
}

fn is_note(said: &str) -> bool {
    const NOTES: [&str; 11] = [
        "todo",
        "tbd",
        "tba",
        "fixme",
        "wip",
        "work in progress",
        "coming soon",
        "placeholder",
        "to be done",
        "to be written",
        "to be determined",
    ];
    NOTES.iter().any(|note| {
        let head = said.get(..note.len()).is_some_and(|head| head.eq_ignore_ascii_case(note));
        head && !said[note.len()..].starts_with(|c: char| c.is_alphanumeric())
    })
}

fn lines(file: &Written<'_>) -> Vec<Finding> {
    let is_rust = file.path.ends_with(".rs");
    let found = file.added().filter_map(|(number, line)| {
        if let Some(phrase) = filler(&line) {
            let message = format!("filler text: `{phrase}`");
            return Some(at(NAME, file.path, message).line(number).fix("write what is meant, or leave it out"));
        }
        let call = unfinished(&line).filter(|_| is_rust)?;
        let message = format!("code that is not written: `{call}`");
        Some(at(NAME, file.path, message).line(number).fix("write it, or return an error that says what is missing"))
    });
    found.take(PER_FILE).collect()
}

/// Text that stands where words are still to come.
pub const FILLER: [&str; 8] = [
    "lorem ipsum",
    "your text here",
    "your content here",
    "insert text here",
    "insert content here",
    "add content here",
    "description goes here",
    "placeholder text here",
];

/// Filler text in a line; quoted, it is talked about and not used.
fn filler(line: &str) -> Option<&'static str> {
    let lower = line.to_ascii_lowercase();
    FILLER.into_iter().find(|phrase| outside_quotes(&lower, phrase))
}

fn unfinished(line: &str) -> Option<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    ["todo!(", "unimplemented!("].into_iter().find(|call| outside_quotes(code, call))
}

fn outside_quotes(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| !line[..at].ends_with(['"', '\'', '`', '“', '‘', '«', '*', '_']))
}
