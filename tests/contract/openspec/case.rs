//! Cases for two programs that must agree: many in one text file, each with its files and what it is about.
//!
//! Lives here: reading such files and putting a case into a folder. Never here: running anything (see `programs`).
//! The format: a line that begins with `%` means something, all others are content of the file before them.
//!
//! ```text
//! %%% name: What it is about.        a case; its name is that of its change and its capability
//! %= rule/one rule/two               the codes that ours reports, in order (only where cases are validated)
//! %$ archive {case} --yes --json     a command that both programs are given, in order
//! %% delta crlf                      a file: a short name or a path, then how its text is turned into bytes
//! ```
//!
//! Short names: `spec`, `delta`, `proposal`, `tasks`, `design`, `meta`, `change/…`; `dir PATH` is an empty folder and
//! `link PATH TARGET` a symbolic link (`\s` is a blank in a path). Bytes: `crlf`, `cr`, `bom`, `noeol`, `keep` (blank lines at the end), and `esc`
//! (`\u{2028}`, `\xff`, `\n`, `\r`, `\t`, `\s`, `\\`, `\*{80000}{ }`). `@ok Name`, `@req Name`, `@scenario Name` and
//! `@purpose` stand for what every file needs.

use std::fs;
use std::path::Path;

/// One case.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub name: String,
    pub about: String,
    /// The codes that ours reports, where the case says so.
    pub codes: Option<Vec<String>>,
    /// What both programs are asked, word by word.
    pub commands: Vec<Vec<String>>,
    pub entries: Vec<Entry>,
}

/// Something that stands in the case's folder.
#[derive(Clone, Debug)]
pub enum Entry {
    File { path: String, bytes: Vec<u8> },
    Folder(String),
    Link { path: String, target: String },
}

/// All cases of the files in a folder below `cases/`, by file and in order.
pub fn cases(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/openspec/cases").join(folder);
    let mut files: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found: Vec<Case> = Vec::new();
    for file in files {
        found.extend(read(&fs::read_to_string(&file).unwrap()));
    }
    let mut names: Vec<&str> = found.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("two cases are called {}", twice[0]);
    }
    found
}

/// The cases of one text.
pub fn read(text: &str) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    let mut open: Option<(String, Vec<String>)> = None;
    for line in text.lines().chain(["%%% end: The last one is closed."]) {
        let Some(said) = line.strip_prefix('%') else {
            if let Some((_, content)) = &mut open {
                content.push(line.to_owned());
            }
            continue;
        };
        if let (Some((head, content)), Some(case)) = (open.take(), found.last_mut()) {
            case.entries.push(entry(&case.name, &head, &content));
        }
        if let Some(head) = said.strip_prefix("%% ") {
            let (name, about) = head.split_once(": ").unwrap_or_else(|| panic!("no sentence: {line}"));
            found.push(Case { name: name.to_owned(), about: about.to_owned(), ..Case::default() });
            continue;
        }
        let case = found.last_mut().unwrap_or_else(|| panic!("before the first case: {line}"));
        if let Some(head) = said.strip_prefix("% ") {
            open = Some((head.to_owned(), Vec::new()));
        } else if let Some(codes) = said.strip_prefix('=') {
            case.codes = Some(codes.split_whitespace().map(str::to_owned).collect());
        } else if let Some(command) = said.strip_prefix("$ ") {
            let words = command.split_whitespace().map(|word| word.replace("{case}", &case.name));
            case.commands.push(words.collect());
        } else {
            panic!("not understood: {line}");
        }
    }
    found.pop();
    found
}

/// A path in full.
fn path(case: &str, short: &str) -> String {
    let change = format!("openspec/changes/{case}");
    match short {
        "spec" => format!("openspec/specs/{case}/spec.md"),
        "delta" => format!("{change}/specs/{case}/spec.md"),
        "proposal" | "tasks" | "design" => format!("{change}/{short}.md"),
        "meta" => format!("{change}/.openspec.yaml"),
        _ => match short.strip_prefix("change/") {
            Some(rest) => format!("{change}/{rest}"),
            None => short.replace("{case}", case).replace("\\s", " "),
        },
    }
}

fn entry(case: &str, head: &str, content: &[String]) -> Entry {
    let words: Vec<&str> = head.split_whitespace().collect();
    match words[..] {
        ["dir", folder] => Entry::Folder(path(case, folder)),
        ["link", at, target] => Entry::Link { path: path(case, at), target: target.replace("{case}", case) },
        [file, ref how @ ..] => Entry::File { path: path(case, file), bytes: bytes(content, how) },
        [] => panic!("a file without a name in {case}"),
    }
}

/// The bytes of a file as the words after its name say.
fn bytes(content: &[String], how: &[&str]) -> Vec<u8> {
    let mut lines: Vec<String> = content.iter().flat_map(|line| short_form(line)).collect();
    while !how.contains(&"keep") && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let mut text = lines.join("\n");
    if !how.contains(&"noeol") && !text.is_empty() {
        text.push('\n');
    }
    for word in how {
        match *word {
            "crlf" => text = text.replace('\n', "\r\n"),
            "cr" => text = text.replace('\n', "\r"),
            "bom" => text.insert(0, '\u{feff}'),
            "keep" | "noeol" | "esc" => {}
            other => panic!("no way to write a file: {other}"),
        }
    }
    if how.contains(&"esc") { unescape(&text) } else { text.into_bytes() }
}

/// What one of the `@` lines stands for.
fn short_form(line: &str) -> Vec<String> {
    let scenario = |name: &str| format!("#### Scenario: {name}\n- **WHEN** it is asked for\n- **THEN** it is done\n");
    let text = match line.strip_prefix('@').map(|said| said.split_once(' ').unwrap_or((said, ""))) {
        Some(("ok", name)) => {
            format!("### Requirement: {name}\nThe system SHALL do it.\n\n{}", scenario("It is done"))
        }
        Some(("req", name)) => format!("### Requirement: {name}\nThe system SHALL do it.\n"),
        Some(("scenario", name)) => scenario(name),
        Some(("purpose", _)) => {
            "## Purpose\nIt is here so that there is something to read, long enough for everybody.\n".to_owned()
        }
        _ => return vec![line.to_owned()],
    };
    text.split('\n').map(str::to_owned).collect()
}

/// Text with the escapes of `esc`.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (kind, after) = rest[at + 1..].split_at(1);
        rest = after;
        match kind {
            "n" => out.push(b'\n'),
            "r" => out.push(b'\r'),
            "t" => out.push(b'\t'),
            "s" => out.push(b' '),
            "\\" => out.push(b'\\'),
            "x" => {
                out.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            "u" => {
                let (digits, after) = braced(rest);
                let char = char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap();
                out.extend_from_slice(char.to_string().as_bytes());
                rest = after;
            }
            "*" => {
                let (times, after) = braced(rest);
                let (what, after) = braced(after);
                for _ in 0..times.parse().unwrap() {
                    out.extend_from_slice(what.as_bytes());
                }
                rest = after;
            }
            other => panic!("no escape: \\{other}"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// What stands in braces, and what follows.
fn braced(text: &str) -> (&str, &str) {
    text.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap_or_else(|| panic!("no braces: {text}"))
}

/// Puts a case into a folder.
pub fn put(folder: &Path, case: &Case) {
    for entry in &case.entries {
        match entry {
            Entry::File { path, bytes } => {
                let file = folder.join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, bytes).unwrap();
            }
            Entry::Folder(path) => fs::create_dir_all(folder.join(path)).unwrap(),
            Entry::Link { path, target } => {
                let link = folder.join(path);
                fs::create_dir_all(link.parent().unwrap()).unwrap();
                std::os::unix::fs::symlink(target, link).unwrap();
            }
        }
    }
}
