//! What both programs tell those who write artifacts, do the work of a change and archive it.
//!
//! Lives here: cases of `instructions`, `schemas` and `templates`, and the lines of their texts that programs look for. The words
//! of the built-in schema are each program's own; those of a project's schemas and config must come out alike.
//! Never here: how far a change is as `status` says it in JSON (see the cases of `calls`).

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::case::{Case, Entry, cases, put};
use super::programs::Answer;
use super::{Both, both, compare, order};

const OF_USER: &str = "name: mine\nversion: 1\ndescription: Of the user\nartifacts:\n\
    \x20 - {id: memo, generates: memo.md, description: A memo, template: memo.md, instruction: Remember.}\n";

// covers: openspec-parity#the-same-instructions
#[test]
fn both_tell_the_same_of_a_change() {
    let both = both();
    let folder = both.home.path().join("openspec/schemas/mine/templates");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("memo.md"), "# Memo\n").unwrap();
    fs::write(folder.join("../schema.yaml"), OF_USER).unwrap();
    let cases = cases("instructions");
    let calls: Vec<(&Case, &Vec<String>)> =
        cases.iter().flat_map(|case| case.commands.iter().map(move |command| (case, command))).collect();
    let folders: Vec<tempfile::TempDir> = cases.iter().map(|case| filled(case)).collect();
    let at = |case: &Case| folders[cases.iter().position(|other| other.name == case.name).unwrap()].path();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((case, command)) = calls.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let found = one(&both, case, at(case), command);
                    let name = format!("{}: {}", case.name, command.join(" "));
                    told.lock().unwrap().extend(found.into_iter().map(|difference| format!("{name}: {difference}")));
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    assert!(told.is_empty(), "of {} calls:\n{}", calls.len(), told.join("\n"));
}

fn filled(case: &Case) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), case);
    folder
}

/// Both only read, so they may have one folder.
fn one(both: &Both, case: &Case, folder: &Path, command: &[String]) -> Vec<String> {
    let theirs = both.reference.run(folder, both.home.path(), command);
    let mine = both.ours.run(folder, both.home.path(), command);
    let files = case.entries.iter().filter_map(|entry| match entry {
        Entry::File { bytes, .. } => Some(String::from_utf8_lossy(bytes).into_owned()),
        Entry::Folder(_) | Entry::Link { .. } => None,
    });
    let given: Vec<String> = files.chain([OF_USER.to_owned(), "# Memo\n".to_owned()]).map(|text| bare(&text)).collect();
    let is_own = |key: &str, value: &Value| {
        let text = bare(value.as_str().unwrap_or_default());
        match key {
            "instruction" | "description" | "template" => !given.iter().any(|given| given.contains(&text)),
            // What is compiled in has no path.
            "path" => text.contains("/node_modules/"),
            _ => false,
        }
    };
    let mut found = compare::answers_but(&theirs, &mine, &is_own);
    match (theirs.json(), mine.json()) {
        (Some(one), Some(other)) => {
            let (keys, own) = (order::top(&theirs.stdout), order::top(&mine.stdout));
            // Only a status has more of ours.
            if keys != own && command[0] != "status" {
                found.push(format!("keys {keys:?}, ours {own:?}"));
            }
            let warnings = |value: &Value| value["warnings"].as_array().map(Vec::len);
            if warnings(&one) != warnings(&other) {
                found.push(format!("warnings {}, ours {}", one["warnings"], other["warnings"]));
            }
        }
        _ if command.iter().any(|word| word == "--json") => {}
        _ => {
            let (theirs, mine) = (lines(&theirs), lines(&mine));
            assert!(theirs.len() > 1, "{theirs:?}");
            if theirs != mine {
                found.push(format!("lines {theirs:#?}, ours {mine:#?}"));
            }
        }
    }
    found
}

/// Without any blanks: indentation in YAML is no part of a text.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The lines that programs look for: tags, boxes, and what stands behind the known words; not what the schema's texts say.
fn lines(answer: &Answer) -> Vec<String> {
    let known = ["Change: ", "Schema: ", "Change root: ", "Missing: ", "Missing artifacts: ", "Write to: "];
    let mut is_inside = false;
    let mut found = Vec::new();
    for line in answer.stdout.lines().map(str::trim_end) {
        is_inside &= !matches!(line, "</instruction>" | "</template>");
        let (sign, rest) = line.split_once("] ").unwrap_or_default();
        if is_inside || line.contains("success_criteria") {
            continue;
        } else if let Some(rest) = line.strip_prefix("Progress: ") {
            found.push(rest.split(' ').next().unwrap_or_default().to_owned());
        } else if sign == "[~" {
            // Why it is skipped is said in each program's own words.
            found.push(format!("[~] {}", rest.split(' ').next().unwrap_or_default()));
        } else {
            let is_tag = line.trim_start().starts_with('<') && line.ends_with('>') && !line.starts_with("<!--");
            let is_description = line.contains("<description>");
            let is_list = line.starts_with("- ") && (line.contains(": <root>/") || line.starts_with("- ["));
            let is_box = matches!(sign, "[x" | "[ " | "[-");
            if (is_tag && !is_description) || is_list || is_box || known.iter().any(|word| line.starts_with(word)) {
                found.push(line.to_owned());
            }
        }
        is_inside |= matches!(line, "<instruction>" | "<template>");
    }
    found
}
