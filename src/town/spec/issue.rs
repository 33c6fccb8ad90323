//! What validation has to say about one item, in the shape that the reference prints and with what it lacks: a code, the
//! place in the file and a remedy.
//! Lives here: the shape. Never here: the rules (see `rules`).

use serde::Serialize;

/// How much an issue matters, in the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Never changes a verdict.
    Info,
    /// Invalid under `--strict`.
    Warning,
    /// Invalid.
    Error,
}

/// One thing found in a spec or a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// How much it matters, in the profile that was asked for.
    pub level: Level,
    /// The place as the reference names it: below the change's `specs/` for deltas, else `file`, `tasks.md`, `overview`, ….
    pub path: String,
    /// The line in `file`, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// The column in characters, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The rule's id, for example `delta/no-sections`.
    pub code: &'static str,
    /// The file, from the repository's root.
    pub file: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}
