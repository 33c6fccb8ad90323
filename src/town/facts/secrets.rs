//! Facts about what looks like a secret. The secret itself is never part of a fact.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, count_of};
use crate::town::ids::AgentId;
use crate::town::markdown::quoted;

/// What the scan of the tree found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFacts {
    /// Places, by path and line.
    pub found: Vec<SecretFound>,
    /// Places that are not listed.
    pub truncated: usize,
    /// Files that were scanned.
    pub scanned: usize,
    /// Files that were not scanned: binary, larger than 1 MiB, missing or beyond the bound.
    pub skipped: usize,
}

/// One place that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretFound {
    /// The file.
    pub path: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column, counted from 1.
    pub column: u32,
    /// The rule that says so.
    pub rule: String,
    /// What may be shown of it.
    pub redacted: String,
    /// Whether the path belongs to tests, examples or documentation.
    pub sample: bool,
    /// The agent that owns the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AgentId>,
}

impl SecretFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        let found = count_of(self.found.len() + self.truncated, "place");
        out.line(format!("{found} in {} scanned, {} not scanned", count_of(self.scanned, "file"), self.skipped));
        for one in &self.found {
            let sample = if one.sample { ", in a test or example" } else { "" };
            let place = quoted(&format!("{}:{}", one.path, one.line), 160);
            out.line(format!("- {place} {} {}{sample}", quoted(&one.rule, 60), quoted(&one.redacted, 40)));
        }
        if self.truncated > 0 {
            out.line(format!("{} more are not listed.", self.truncated));
        }
        out.finish()
    }
}
