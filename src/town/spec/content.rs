//! What an approval stands for: the content of a change, as one hash over everything that is written before it is made.
//! Lives here: which files count, and what of them does not (how lines end, whether a box is ticked, the `Status:` line); which
//! files hold its tasks. Never here: what follows when the content is another (see `lifecycle`).

use std::collections::{BTreeMap, BTreeSet};

use super::data::Value;
use super::lines::Lines;
use super::metadata;
use super::project::Project;
use super::schema::is_specs;
use super::status_line::StatusLine;
use super::tasks::{self, Progress, Task};

/// What begins every content hash, so that no reader of YAML takes one for a number.
const PREFIX: &str = "b3:";
/// Digits of a content hash.
const DIGITS: usize = 32;
/// What is written while the change is made and judged, whatever a schema's pattern says.
const LATER: &[&str] = &["gates", "implementation.md", "pm-validation.md", "test-validation.md", metadata::FILE];
/// What of the metadata says what is made, by whom, after what, and what the archive does with it.
const KEYS: &[&str] = &["author", "depends_on", "retire_capabilities", "schema", "skip_specs", super::base::KEY];

/// The hash of what an approval of the change in `folder` stands for.
#[must_use]
pub fn hash(project: &Project<'_>, folder: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &str, text: &str| {
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    };
    let tasks = task_files(project, folder);
    for path in files(project, folder, &tasks) {
        let Ok(text) = project.text(&path) else { continue };
        let name = &path[folder.len() + 1..];
        match name {
            "proposal.md" => add(name, &proposal(&text)),
            _ if tasks.contains(&path) => add(name, &unticked(&text)),
            _ => add(name, &plain(&text)),
        }
    }
    if let Ok(text) = project.text(&format!("{folder}/{}", metadata::FILE)) {
        said(&text).iter().for_each(|said| add("metadata", said));
    }
    format!("{PREFIX}{}", &hasher.finalize().to_hex()[..DIGITS])
}

/// The files that hold the tasks of the change in `folder`: those that its schema tracks, else `tasks.md`. A schema of the user's
/// own does not count, since the gate of another machine would see other tasks.
#[must_use]
pub fn task_files(project: &Project<'_>, folder: &str) -> Vec<String> {
    let tracked = project.shared_schema_in(folder).and_then(|schema| schema.tracked());
    let mut files =
        tracked.and_then(|artifact| project.outputs_in(folder, &artifact.generates).ok()).unwrap_or_default();
    files.retain(|path| !is_later(&path[folder.len() + 1..]));
    if files.is_empty() {
        files.push(format!("{folder}/tasks.md"));
    }
    files
}

/// The tasks of the change in `folder`, each with its file.
#[must_use]
pub fn tasks(project: &Project<'_>, folder: &str) -> Vec<(String, Task)> {
    let mut found = Vec::new();
    for path in task_files(project, folder) {
        if let Ok(text) = project.text(&path) {
            found.extend(tasks::tasks(&text).into_iter().map(|task| (path.clone(), task)));
        }
    }
    found
}

/// How many of them there are, and how many are done.
#[must_use]
pub fn progress(project: &Project<'_>, folder: &str) -> Progress {
    let mut all = Progress::default();
    for path in task_files(project, folder) {
        let found = project.text(&path).map(|text| tasks::progress(&text)).unwrap_or_default();
        all.total += found.total;
        all.completed += found.completed;
    }
    all
}

/// The files that are written before a change is made: those of its schema up to what `apply` waits for, and the usual ones.
fn files(project: &Project<'_>, folder: &str, tasks: &[String]) -> BTreeSet<String> {
    let mut files: BTreeSet<String> = tasks.iter().cloned().collect();
    files.extend(["proposal.md", "design.md"].map(|name| format!("{folder}/{name}")));
    let specs = project.tree().below(&format!("{folder}/specs")).filter(|(_, node)| node.is_file());
    files.extend(specs.map(|(path, _)| path.to_owned()));
    let artifacts = project.shared_schema_in(folder).map(|schema| schema.before_apply()).unwrap_or_default();
    // The deltas are all there already, without a pattern.
    for artifact in artifacts.into_iter().filter(|artifact| !is_specs(&artifact.generates)) {
        files.extend(project.outputs_in(folder, &artifact.generates).unwrap_or_default());
    }
    files.retain(|path| path.strip_prefix(folder).is_some_and(|inner| !is_later(&inner[1..])));
    files
}

fn is_later(inner: &str) -> bool {
    LATER.contains(&inner.split('/').next().unwrap_or(inner))
}

/// The text with line feeds, and without blank lines at its end.
fn plain(text: &str) -> String {
    let lines = Lines::of(text);
    lines.join(0..lines.len()).trim_end_matches('\n').to_owned()
}

/// The proposal without its `Status:` line where that only says what the records say.
fn proposal(text: &str) -> String {
    let lines = Lines::of(text);
    let status = StatusLine::find(text)
        .filter(|status| !status.says_more())
        .and_then(|status| usize::try_from(status.line).ok());
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

/// What of a change's metadata counts, where there is any of it; where it cannot be read, all of it.
fn said(text: &str) -> Option<String> {
    match Value::parse(text) {
        Ok(value) => {
            let found: BTreeMap<&str, &Value> = KEYS.iter().filter_map(|key| Some((*key, value.get(key)?))).collect();
            (!found.is_empty()).then(|| format!("{found:?}"))
        }
        Err(_) => Some(plain(text)),
    }
}
