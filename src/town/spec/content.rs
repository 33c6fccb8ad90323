//! What an approval stands for: the content of a change, as one hash over its proposal, its deltas and its tasks.
//! Lives here: which files count, and what of them does not (how lines end, whether a box is ticked, the `Status:` line).
//! Never here: what follows when the content is another (see `lifecycle`).

use super::data::Value;
use super::lines::Lines;
use super::metadata::{self, Mark};
use super::status_line::StatusLine;
use super::tasks;
use super::tree::Tree;

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
    if let Some(text) = tree.text(&format!("{folder}/{}", metadata::FILE)) {
        // These decide what the archive does; the rest of the file may change as it likes.
        markers(&text).iter().for_each(|markers| add("markers", markers));
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
    let mut out = String::new();
    let mut from = 0;
    for task in tasks::tasks(text) {
        let close = text[task.at..].find(']').map_or(task.at, |at| task.at + at + 1);
        out.push_str(&text[from..task.at]);
        out.push_str("[ ]");
        from = close;
    }
    out.push_str(&text[from..]);
    plain(&out)
}

/// The markers of the change's metadata, where there are any; where it cannot be read, all of it.
fn markers(text: &str) -> Option<String> {
    match Value::parse(text) {
        Ok(value) => {
            let found = [Mark::SkipSpecs, Mark::RetireCapabilities].map(|mark| value.get(mark.key()).cloned());
            found.iter().any(Option::is_some).then(|| format!("{found:?}"))
        }
        Err(_) => Some(plain(text)),
    }
}
