//! What shows that work was done: the lines of a change that name a task or a scenario beside a command, a path that is there or a
//! commit.
//! Lives here: finding them. Never here: whether what they say is true.

use std::collections::{BTreeMap, BTreeSet};

use super::lifecycle::Lifecycle;
use super::project::Project;
use super::record::Gate;

/// The file in which the implementer says what was done.
pub const FILE: &str = "implementation.md";
/// Words that stand where something should; whatever follows behind them shows nothing.
const HOLLOW: &[&str] = &["n/a", "todo", "tbd", "tba", "fixme", "wip", "skipped", "not done", "not run", "not yet"];
/// Words that show nothing where they stand alone.
const BARE: &[&str] = &["na", "none", "nothing", "pending", "later", "skip"];

/// What a change has to show.
#[derive(Clone, Debug)]
pub struct Proof<'a> {
    lines: Vec<String>,
    paths: BTreeSet<&'a str>,
}

impl<'a> Proof<'a> {
    /// Gathers it: the lines of the change's `implementation.md`, and the evidence of its implementer's records that count.
    /// `paths` are those of the whole repository.
    #[must_use]
    pub fn of(project: &Project<'_>, folder: &str, life: &Lifecycle, paths: &'a [String]) -> Self {
        let page = project.text(&format!("{folder}/{FILE}")).unwrap_or_default();
        let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
        let own = life.steps.iter().filter(|step| step.counts && step.record.gate == Gate::Implement);
        lines.extend(own.flat_map(|step| &step.record.evidence).cloned());
        Self { lines, paths: paths.iter().map(String::as_str).collect() }
    }

    /// The lines that show what is called `name`.
    pub fn of_name<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.lines.iter().map(String::as_str).filter(move |line| self.shows(line, name))
    }

    /// For each task the line that shows it. Where several have one number or one text, each needs a line of its own.
    pub fn of_tasks<'s, 't>(&'s self, tasks: impl Iterator<Item = &'t str>) -> Vec<Option<&'s str>> {
        let mut known: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let line = |task: &'t str| {
            let name = called(task);
            let left = known.entry(name).or_insert_with(|| {
                let mut lines: Vec<&'s str> =
                    self.lines.iter().map(String::as_str).filter(|line| self.shows(line, name)).collect();
                lines.reverse();
                lines
            });
            left.pop()
        };
        tasks.map(line).collect()
    }

    /// Whether a line names it and something that shows it.
    fn shows(&self, line: &str, name: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '.';
        let named = !name.is_empty()
            && line.match_indices(name).any(|(at, _)| {
                let after = &line[at + name.len()..];
                let is_whole = !after.trim_start_matches('.').starts_with(|c: char| c.is_alphanumeric());
                is_whole && !line[..at].ends_with(is_part) && !is_hollow(after)
            });
        named && self.is_shown_in(&line.replacen(name, " ", 1))
    }

    /// Whether there is a command in the text, a path of the repository or a commit.
    fn is_shown_in(&self, text: &str) -> bool {
        let parts: Vec<&str> = text.split('`').collect();
        // What opens and is never closed is no code.
        let code = (1..parts.len().saturating_sub(1)).step_by(2).map(|at| parts[at].trim());
        let is_command = |code: &str| {
            let is_path = code.contains('/') && !code.contains(char::is_whitespace);
            !says_nothing(code) && (!is_path || self.is_there(code))
        };
        let is_mark =
            |c: char| c.is_whitespace() || matches!(c, '|' | ',' | ';' | '(' | ')' | '`' | '"' | '\'' | '[' | ']');
        code.into_iter().any(is_command) || text.split(is_mark).any(|word| self.is_there(word) || is_commit(word))
    }

    /// Whether a word is a path of the repository, with a line, a symbol or a full stop behind it or without.
    fn is_there(&self, word: &str) -> bool {
        let word = word.trim_start_matches("./").trim_end_matches(['.', ':', '*', '_', '/']);
        let ends = word.match_indices([':', '#']).map(|(at, _)| at).chain([word.len()]);
        ends.map(|end| &word[..end]).any(|path| {
            let is_file = path.contains(['/', '.']) && self.paths.contains(path);
            let folder = format!("{path}/");
            let is_folder = || self.paths.range(folder.as_str()..).next().is_some_and(|next| next.starts_with(&folder));
            is_file || (path.contains('/') && is_folder())
        })
    }
}

/// What a task is called by: its number, else its words.
fn called(task: &str) -> &str {
    let word = task.split_whitespace().next().unwrap_or_default().trim_end_matches('.');
    let is_number =
        word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number { word } else { task }
}

/// Whether a text only stands in the place of something that would show it.
#[must_use]
pub fn says_nothing(text: &str) -> bool {
    is_hollow(text) || !text.contains(char::is_alphanumeric)
}

/// Whether a text begins with a word that shows nothing.
fn is_hollow(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '`').trim_start_matches('`');
    let said = text.to_lowercase();
    let first = said.split('|').next().unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric());
    let begins = |word: &str| {
        let rest = said.strip_prefix(word);
        // `todo list` is a thing, `todo: later` is none; what follows `n/a` is beside the point.
        rest.is_some_and(|rest| {
            !rest.starts_with(|c: char| c.is_alphanumeric())
                && (word == "n/a" || !rest.trim_start().starts_with(|c: char| c.is_alphanumeric()))
        })
    };
    BARE.contains(&first) || HOLLOW.iter().any(|word| begins(word))
}

/// Whether a word is the name of a commit. One of digits alone is a date or a count, unless it is whole.
fn is_commit(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ':']);
    let is_hex = word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let has = |what: fn(&u8) -> bool| word.as_bytes().iter().any(what);
    is_hex
        && (7..=64).contains(&word.len())
        && (word.len() == 40 || (has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: gated-workflow#ticked-means-shown/a-word-in-the-place-of-proof
    #[test]
    fn a_line_shows_what_it_names_by_something_that_is_there() {
        let paths = ["README.md", "src/limits.rs", "tests/a b.py"].map(str::to_owned);
        for (name, line, shown) in [
            ("1.1", "| 1.1 | `cargo test limits` exit 0 |", true),
            ("1.1", "1.1. see src/limits.rs", true),
            ("1.1", "1.1 (src/limits.rs:12)", true),
            ("1.1", "1.1: `src/limits.rs:limit_for`", true),
            ("1.1", "1.1 README.md.", true),
            ("1.1", "1.1 everything in src/", false),
            ("1.1", "1.1 everything in ./tests/", false),
            ("1.1", "1.1 see src/limit.rs", false),
            ("1.1", "1.1 `src/limit.rs`", false),
            ("1.1", "1.1 yes/no", false),
            ("1.1", "- 1.1 in 4be1c02", true),
            ("1.1", "- 1.1 on 20261121", false),
            ("1.1", "- 1.1 was defaced", false),
            ("1.1", "- 1.1 is done", false),
            ("1.1", "- 1.1 n/a", false),
            ("1.1", "- 1.1: n/a, see src/limits.rs", false),
            ("1.1", "| 1.1 | TODO | `cargo test` |", false),
            ("1.1", "| 1.1 | - | skipped |", false),
            ("1.1", "| 1.1 | `n/a` |", false),
            ("1.1", "| 1.1 | `todo` |", false),
            ("1.1", "1.1 skipped: `cargo test`", false),
            ("1.1", "1.1 todo list: `cargo test`", true),
            ("1.1", "| 1.1 | `make` | 3 skipped |", true),
            ("1.1", "1.1 `cargo test", false),
            ("1.1", "1.1 ``", false),
            ("1.1", "1.1 `-`", false),
            ("1.1", "`make` shows 1.1", true),
            ("1.1", "| 11.1 | `cargo test` |", false),
            ("1.1", "| 1.1.2 | `cargo test` |", false),
            ("1.1", "| 1.12 | `cargo test` |", false),
            ("A / b", "A / b is fine", false),
            ("A / b", "`make` shows A / b", true),
        ] {
            let proof = Proof { lines: vec![line.to_owned()], paths: paths.iter().map(String::as_str).collect() };
            assert_eq!(proof.of_name(name).count() == 1, shown, "{name}: {line}");
        }
    }

    // covers: gated-workflow#ticked-means-shown
    #[test]
    fn tasks_of_one_name_need_a_line_each() {
        let lines = ["Write tests: `make`", "1.1 `make a`", "1.1 `make b`"].map(str::to_owned).to_vec();
        let proof = Proof { lines, paths: BTreeSet::new() };
        let tasks = ["Write tests", "1.1 A", "Write tests", "1.1 B", "1.1 C"];
        let shown = proof.of_tasks(tasks.into_iter());
        assert_eq!(shown, [Some("Write tests: `make`"), Some("1.1 `make a`"), None, Some("1.1 `make b`"), None]);
    }
}
