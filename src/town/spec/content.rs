//! What an approval stands for: the content of a change, as one hash over its proposal, its deltas and its tasks.
//! Lives here: which files count, and what of them does not (how lines end, whether a box is ticked, the `Status:` line).
//! Never here: what follows when the content is another (see `lifecycle`).

use serde::Deserialize;

use super::lines::Lines;
use super::status_line::StatusLine;
use super::tree::Tree;
use crate::town::yaml;

/// What begins every content hash, so that no reader of YAML takes one for a number.
const PREFIX: &str = "b3:";
/// Digits of a content hash.
const DIGITS: usize = 32;

/// The hash of what an approval of the change in `folder` stands for.
#[must_use]
pub fn hash(tree: &Tree, folder: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &str, text: &str| {
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    };
    if let Some(text) = tree.text(&format!("{folder}/proposal.md")) {
        add("proposal.md", &proposal(&text));
    }
    for (path, node) in tree.below(&format!("{folder}/specs")) {
        if let Some(bytes) = node.bytes() {
            add(&path[folder.len() + 1..], &plain(&String::from_utf8_lossy(bytes)));
        }
    }
    if let Some(text) = tree.text(&format!("{folder}/tasks.md")) {
        add("tasks.md", &unticked(&text));
    }
    if let Some(bytes) = tree.bytes(&format!("{folder}/.openspec.yaml")) {
        // These decide what the archive does; the rest of the file may change as it likes.
        markers(bytes).iter().for_each(|markers| add("markers", markers));
    }
    format!("{PREFIX}{}", &hasher.finalize().to_hex()[..DIGITS])
}

/// The text with line feeds, and without blank lines at its end.
fn plain(text: &str) -> String {
    let lines = Lines::of(text);
    lines.join(0..lines.len()).trim_end_matches('\n').to_owned()
}

/// The proposal without its `Status:` line, which only says what the records say.
fn proposal(text: &str) -> String {
    let lines = Lines::of(text);
    let status = StatusLine::find(text).and_then(|status| usize::try_from(status.line).ok());
    let kept = (0..lines.len()).filter(|at| Some(at + 1) != status).map(|at| lines.get(at));
    kept.collect::<Vec<_>>().join("\n").trim_end_matches('\n').to_owned()
}

/// The tasks with every box empty.
fn unticked(text: &str) -> String {
    let lines = Lines::of(text);
    let mut out = String::new();
    for at in 0..lines.len() {
        let line = lines.get(at);
        match task(line) {
            Some(task) => out.push_str(&format!("{}[ ]{}", &line[..task.open], &line[task.close + 1..])),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out.trim_end_matches('\n').to_owned()
}

/// A task: where its box opens and closes in its line, and whether it is ticked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// The byte of `[`.
    pub open: usize,
    /// The byte of `]`.
    pub close: usize,
    /// Whether the work is done.
    pub is_done: bool,
}

/// Reads a line as a task: an item of a list with a box that holds at most one character.
#[must_use]
pub fn task(line: &str) -> Option<Task> {
    let item = super::js::trim_start(line);
    let digits = item.len() - item.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = match digits {
        0 => item.strip_prefix(['-', '*', '+']),
        1..=9 => item[digits..].strip_prefix(['.', ')']),
        _ => None,
    }?;
    let boxed = super::js::trim_start(rest).strip_prefix('[')?;
    let (inner, after) = boxed.split_once(']')?;
    let mark = super::js::trim(inner);
    // A link is no box; one with nothing but blanks in it always is.
    let is_link = after.starts_with(['(', '[']) && (inner.is_empty() || !mark.is_empty());
    if super::js::length(mark) > 1 || is_link {
        return None;
    }
    let open = line.len() - boxed.len() - 1;
    Some(Task { open, close: open + 1 + inner.len(), is_done: mark.eq_ignore_ascii_case("x") })
}

/// Tasks that are ticked, and all.
#[must_use]
pub fn progress(text: &str) -> (usize, usize) {
    let lines = Lines::of(text);
    let tasks = (0..lines.len()).filter_map(|at| task(lines.get(at)));
    tasks.fold((0, 0), |(done, all), task| (done + usize::from(task.is_done), all + 1))
}

#[derive(Deserialize)]
struct Markers {
    #[serde(default)]
    skip_specs: serde_json::Value,
    #[serde(default)]
    retire_capabilities: serde_json::Value,
}

/// The markers of the change's metadata, where there are any; where it cannot be read, all of it.
fn markers(bytes: &[u8]) -> Option<String> {
    let doc = yaml::Doc::load(".openspec.yaml", bytes, 1).ok();
    match doc.and_then(|doc| doc.typed::<Markers>(&[]).0) {
        Some(Markers { skip_specs, retire_capabilities }) => {
            let any = !skip_specs.is_null() || !retire_capabilities.is_null();
            any.then(|| format!("{skip_specs} {retire_capabilities}"))
        }
        None => Some(plain(&String::from_utf8_lossy(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_items_with_a_box() {
        for (line, done) in [
            ("- [x] a", Some(true)),
            ("* [X] b", Some(true)),
            ("1. [ ] c", Some(false)),
            ("  2) [] d", Some(false)),
            ("-[~]e", Some(false)),
            ("- [ x ]done", Some(true)),
            ("- [ ](url)", Some(false)),
            ("- [](url)", None),
            ("- [A](url)", None),
            ("- [1][ref]", None),
            ("- [link] f", None),
            ("# [x]", None),
            ("1234567890. [x]", None),
            ("- [😀] g", None),
            ("- [x", None),
        ] {
            assert_eq!(task(line).map(|task| task.is_done), done, "{line}");
            if let Some(task) = task(line) {
                assert_eq!((&line[task.open..=task.open], &line[task.close..=task.close]), ("[", "]"), "{line}");
            }
        }
        assert_eq!(progress("- [x] a\r\n```\n- [ ] b\n```\n"), (1, 2));
    }
}
