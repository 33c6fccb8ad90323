//! What shows that work was done: the lines of a change that name a task or a scenario beside a command, a path or a commit.
//! Lives here: finding them. Never here: whether what they say is true.

use super::record::{Gate, Record};
use super::tree::Tree;

/// The file in which the implementer says what was done.
pub const FILE: &str = "implementation.md";

/// Every line that may show something: of the change's `implementation.md`, and the evidence of its implementer's records.
#[must_use]
pub fn lines(tree: &Tree, folder: &str) -> Vec<String> {
    let page = tree.text(&format!("{folder}/{FILE}"));
    let mut lines: Vec<String> = page.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    for (path, node) in tree.below(&format!("{folder}/gates")) {
        let record = node.bytes().and_then(|bytes| Record::parse(path, bytes).ok());
        lines.extend(
            record.filter(|record| record.gate == Gate::Implement).into_iter().flat_map(|record| record.evidence),
        );
    }
    lines
}

/// What a task is called by: its number, else its words.
fn called(task: &str) -> &str {
    let word = task.split_whitespace().next().unwrap_or_default().trim_end_matches('.');
    let is_number =
        word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number { word } else { task }
}

/// Whether a line names the task and something that shows it: code, a path, a commit.
#[must_use]
pub fn shows(line: &str, task: &str) -> bool {
    let name = called(task);
    let is_part = |c: char| c.is_alphanumeric() || c == '.';
    let named = !name.is_empty()
        && line.match_indices(name).any(|(at, _)| {
            let after = line[at + name.len()..].trim_start_matches('.');
            !line[..at].ends_with(is_part) && !after.starts_with(|c: char| c.is_alphanumeric())
        });
    let rest = line.replacen(name, "", 1);
    let is_commit = |word: &str| word.len() >= 7 && word.len() <= 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let commit = || rest.split(|c: char| !c.is_ascii_alphanumeric()).any(is_commit);
    named && (rest.matches('`').count() > 1 || rest.contains('/') || commit())
}
