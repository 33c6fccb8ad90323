//! The rules of the house, held by a test: who may use whom, how long things may be, what stands where.
//! Lives here: the rules and their few known exceptions. Never here: how a program behaves (see `tests/it`).
//! Start with [`ROOMS`].
#![allow(clippy::unwrap_used)]

#[path = "house/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fs;

use source::{Source, count, root, sources};

/// Each room, and the rooms that it may use. Using itself goes without saying.
const ROOMS: &[(&str, &[&str])] = &[
    // Pure: decides, and knows nothing of the world.
    ("town", &[]),
    // The only reader of the environment and of configuration files.
    ("config", &["town"]),
    // The journal and the working tree.
    ("git", &["town"]),
    // `git` because the local forge lives in the journal: a pull request there is a branch and its events.
    ("forge", &["town", "git"]),
    // Sends requests; says nothing about what an answer means.
    ("http", &["town"]),
    ("brain", &["town", "http"]),
    ("senses", &["town", "git"]),
    ("tools", &["town", "git", "http"]),
    // Puts them together for one turn. Clock and environment come in as arguments, so `config` is not among them.
    ("run", &["town", "git", "forge", "http", "brain", "senses", "tools"]),
    // Relays what is in the repository, and decides nothing. `http` for the keys of who issues tokens.
    ("serve", &["town", "config", "git", "forge", "http"]),
    // The composition root.
    ("cli", &["town", "config", "git", "forge", "brain", "senses", "tools", "run", "serve"]),
];

/// Lines of a source file, and of one that holds only tests.
const FILE_LINES: usize = 500;
const TEST_FILE_LINES: usize = 700;
/// Lines of a function outside tests, from its `fn` to its closing brace.
const FUNCTION_LINES: usize = 60;
/// Files that are longer than they should be, with the length that they may not exceed. This list only shrinks.
const LONG_FILES: &[(&str, usize)] = &[];
/// Functions that are longer than they should be, likewise. This list only shrinks.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];
/// Packages in `Cargo.lock`: each costs every newcomer build time. The last to come were those of `serve`: axum for paths and
/// bodies, tungstenite for what witnesses say, governor for rates, and notify, which brings a part for each system.
const PACKAGES: usize = 402;

/// Where clock and environment are read besides `config`, and why.
const EDGES: &[(&str, &str)] =
    &[("src/git/program.rs", "hands the `git` program what it needs of our environment, and nothing else")];

fn must_be_empty(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

/// The names that follow `prefix` in a line, also where they stand in braces.
fn names_after<'l>(line: &'l str, prefix: &str) -> Vec<&'l str> {
    let ident = |text: &'l str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        &text[..end]
    };
    let starts = line.match_indices(prefix).filter(|(at, _)| {
        let before = line[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    });
    let mut names = Vec::new();
    for (at, _) in starts {
        let rest = &line[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(ident(rest));
            continue;
        };
        let mut depth = 0;
        for part in group.split(',') {
            if depth == 0 {
                names.push(ident(part.trim_start()));
            }
            depth += count(part, '{') - count(part, '}');
            if depth < 0 {
                break;
            }
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

#[test]
fn each_room_uses_only_the_rooms_in_its_row() {
    let mut broken = Vec::new();
    for source in sources("src") {
        let room = source.room().to_owned();
        let may = ROOMS.iter().find(|(name, _)| *name == room).map(|(_, may)| *may);
        // rustfmt breaks long groups over lines; `use` statements are joined again to be read whole.
        for (number, line) in statements(&source) {
            for name in names_after(&line, "crate::") {
                if name != room && !may.is_some_and(|may| may.contains(&name)) {
                    broken.push(format!("{}:{number}: {room} may not use {name}", source.path));
                }
            }
        }
    }
    must_be_empty("the table ROOMS says who may use whom:", &broken);
}

/// Lines of code, with a `use` statement that goes over several lines joined into its first.
fn statements(source: &Source) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line, _) in source.lines() {
        let trimmed = line.trim();
        if open {
            let (_, whole) = found.last_mut().unwrap();
            whole.push_str(trimmed);
        } else {
            found.push((number, trimmed.to_owned()));
            open = trimmed.starts_with("use ") || trimmed.starts_with("pub use ");
        }
        open &= !trimmed.ends_with(';');
    }
    found
}

#[test]
fn every_folder_is_a_room_and_every_room_a_folder() {
    let of_table: BTreeSet<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    let folders: BTreeSet<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(of_table, folders.iter().map(String::as_str).collect());
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for room in of_table {
        assert!(lib.contains(&format!("pub mod {room};")), "lib.rs does not open the room {room}");
        assert!(lib.contains(&format!("[`{room}`]")), "the map in lib.rs does not mention the room {room}");
    }
}

#[test]
fn nobody_leaves_a_room_by_the_stairs() {
    let mut broken = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_test && source.path.matches('/').count() > 1) {
        for (number, line, test) in source.lines() {
            // A module of tests inside the file is one deeper.
            let depth = source.depth() + usize::from(test);
            let longest = (1..8).take_while(|n| line.contains(&"super::".repeat(*n))).last().unwrap_or(0);
            if longest >= depth {
                broken.push(format!("{}:{number}: `super` {longest} times leads out of the room", source.path));
            }
        }
    }
    must_be_empty("say `crate::<room>` where another room is meant:", &broken);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut broken = Vec::new();
    for source in ["src", "tests"].into_iter().flat_map(sources) {
        let first = source.text.lines().next().unwrap_or_default();
        if first.strip_prefix("//! ").is_none_or(|words| words.trim().len() < 10) {
            broken.push(format!("{}:1: begins with {first:?}", source.path));
        }
    }
    must_be_empty("the first line is `//!` and a sentence:", &broken);
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for source in ["src", "tests"].into_iter().flat_map(sources) {
        let lines = source.text.lines().count();
        let limit = if source.is_test { TEST_FILE_LINES } else { FILE_LINES };
        match LONG_FILES.iter().find(|(path, _)| *path == source.path) {
            None if lines > limit => broken.push(format!("{}: {lines} lines, {limit} are allowed", source.path)),
            Some((_, known)) if lines > *known => {
                broken.push(format!("{}: {lines} lines, it had {known}", source.path))
            }
            Some(_) if lines <= limit => {
                broken.push(format!("{}: short enough now; take it off LONG_FILES", source.path))
            }
            _ => {}
        }
    }
    must_be_empty("split what has grown too long:", &broken);
}

/// Functions with their first line and their length, found by counting braces: good enough for code that rustfmt laid
/// out, because there the body's brace is the first one after the signature that ends a line.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, usize, i64)> = Vec::new();
    let mut signature: Option<(String, usize)> = None;
    let mut depth = 0;
    for (number, line, test) in source.lines() {
        if signature.is_none() && !test {
            signature = names_after(line, "fn ").first().map(|name| ((*name).to_owned(), number));
        }
        if let Some((name, first)) = signature.take() {
            if line.trim_end().ends_with('{') || line.contains('}') {
                open.push((name, first, depth));
            } else if !line.trim_end().ends_with(';') {
                signature = Some((name, first));
            }
        }
        depth += count(line, '{') - count(line, '}');
        while let Some((name, first, _)) = open.pop_if(|(_, _, before)| depth <= *before) {
            found.push((name, first, number + 1 - first));
        }
    }
    found
}

#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    let mut known: BTreeSet<(&str, &str)> = LONG_FUNCTIONS.iter().map(|(path, name, _)| (*path, *name)).collect();
    for source in sources("src").iter().filter(|source| !source.is_test) {
        for (name, first, lines) in functions(source) {
            let listed = LONG_FUNCTIONS.iter().find(|(path, function, _)| *path == source.path && *function == name);
            let limit = listed.map_or(FUNCTION_LINES, |(_, _, known)| *known);
            if lines > limit {
                broken.push(format!("{}:{first}: fn {name} has {lines} lines, {limit} are allowed", source.path));
            }
            if lines > FUNCTION_LINES {
                known.retain(|(path, function)| (*path, *function) != (&source.path, &name));
            }
        }
    }
    broken
        .extend(known.iter().map(|(path, name)| format!("{path}: fn {name} is short now; take it off LONG_FUNCTIONS")));
    must_be_empty("split what has grown too long:", &broken);
}

#[test]
fn long_functions_are_seen() {
    // The counter itself must not be blind.
    let body = "    x();\n".repeat(70);
    let text = format!("fn a(\n    x: u8,\n) -> u8 {{\n{body}}}\n\nfn b() {{ c() }}\ntrait T {{\n    fn d();\n}}\n");
    let flags = vec![false; text.lines().count()];
    let source =
        Source { path: "src/x/y.rs".into(), code: source::blank(&text), text, test_lines: flags, is_test: false };
    assert_eq!(functions(&source), [("a".to_owned(), 1, 74), ("b".to_owned(), 76, 1)]);
}

/// Lines outside tests that contain one of the words, except in files that are allowed to.
fn lines_with(words: &[&str], fine: impl Fn(&str) -> bool, allowed: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_test && !allowed(source)) {
        let said: Vec<&str> = source.text.lines().collect();
        for (number, line, _) in source.lines().filter(|(_, _, test)| !test) {
            let word = words.iter().find(|word| line.contains(**word));
            if let Some(word) = word.filter(|_| !fine(said[number - 1])) {
                found.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    found
}

#[test]
fn nothing_outside_tests_gives_up() {
    let words = [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err(", "panic!("];
    // A pattern that stands in the source cannot fail on one machine and not on another: its own test has seen it.
    let constant = |line: &str| line.contains(".expect(\"a constant pattern\")");
    must_be_empty("return an error instead:", &lines_with(&words, constant, |_| false));
    must_be_empty("finish it:", &lines_with(&["todo!(", "unimplemented!(", "dbg!("], |_| false, |_| false));
    // An `unreachable!` must say why it is.
    must_be_empty("say why it cannot be reached:", &lines_with(&["unreachable!()"], |_| false, |_| false));
}

#[test]
fn only_the_command_line_speaks_and_uses_anyhow() {
    must_be_empty("errors are enums elsewhere:", &lines_with(&["anyhow"], |_| false, |source| source.room() == "cli"));
    let words = ["println!(", "print!(", "stdout()", "stderr()"];
    must_be_empty(
        "only `cli` writes to the terminal:",
        &lines_with(&words, |_| false, |source| source.room() == "cli"),
    );
}

#[test]
fn clock_and_environment_are_read_in_config() {
    let words = ["Utc::now", "Local::now", "SystemTime::", "Instant::now", "env::var", "env::args", "env::current_dir"];
    let allowed = |source: &Source| source.room() == "config" || EDGES.iter().any(|(path, _)| *path == source.path);
    must_be_empty("hand the moment or the value in as an argument:", &lines_with(&words, |_| false, allowed));
    for (path, why) in EDGES {
        assert!(root().join(path).is_file(), "{path} is gone, and so is its reason: {why}");
    }
}

#[test]
fn no_test_is_switched_off_or_waits_for_time_to_pass() {
    let mut broken = Vec::new();
    for source in ["src", "tests"].into_iter().flat_map(sources) {
        for (number, line, test) in source.lines() {
            let ignored = line.contains("#[ignore");
            let sleeps = test && (line.contains("sleep(") || line.contains("sleep_ms("));
            if ignored || sleeps {
                broken.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    must_be_empty("a test runs, and it waits for what happens, not for time:", &broken);
}

#[test]
fn the_dependencies_stay_few() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(
        packages <= PACKAGES,
        "{packages} packages in Cargo.lock, {PACKAGES} are allowed; does it need the new one?"
    );
}

#[test]
fn every_file_is_compiled() {
    let mut broken = Vec::new();
    for (folder, entries) in [
        ("src", ["src/lib.rs", "src/main.rs"].as_slice()),
        ("tests/it", &["tests/it/main.rs"]),
        ("tests/brains", &["tests/brains/main.rs"]),
        ("tests/github", &["tests/github/main.rs"]),
        ("tests/contract", &["tests/contract/main.rs"]),
    ] {
        let reached: BTreeSet<String> = entries.iter().flat_map(|entry| source::compiled(entry).into_keys()).collect();
        broken.extend(source::files(folder).into_iter().filter(|file| !reached.contains(file)));
    }
    must_be_empty("no `mod` leads to:", &broken);
}

#[test]
fn every_charter_of_this_town_is_shipped_and_the_other_way_round() {
    use monkeytown::town::starter::{MONKEYS, OPENSPEC};
    let shipped: BTreeSet<String> = MONKEYS.iter().chain(OPENSPEC).map(|(name, _)| (*name).to_owned()).collect();
    let here: BTreeSet<String> = fs::read_dir(root().join("agents"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().strip_suffix(".md").map(str::to_owned))
        .collect();
    assert_eq!(here, shipped);
    assert_eq!((MONKEYS.len(), OPENSPEC.len()), (9, 8));
}
