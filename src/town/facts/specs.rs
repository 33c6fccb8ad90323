//! Facts about OpenSpec: which specs exist, which changes are under way.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, count_of};
use crate::town::markdown::quoted;

/// Specs and changes, read lightly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecFacts {
    /// Whether the repository has an `openspec/` folder.
    pub present: bool,
    /// Main specs, by id.
    pub specs: Vec<SpecStatus>,
    /// Changes that are not archived, by name.
    pub changes: Vec<ChangeFacts>,
    /// Archived changes.
    pub archived: usize,
    /// Spec and change files that were too large, missing or beyond the bound.
    pub skipped: usize,
}

/// One main spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecStatus {
    /// The path below `openspec/specs/`.
    pub id: String,
    /// Its file.
    pub path: String,
    /// Requirements.
    pub requirements: usize,
    /// Scenarios.
    pub scenarios: usize,
    /// Requirements without a scenario, with their line.
    pub bare: Vec<(u32, String)>,
}

/// One change under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFacts {
    /// Its folder's name.
    pub name: String,
    /// Where it stands by its gate records.
    #[serde(default)]
    pub state: String,
    /// Who has to do what next.
    #[serde(default)]
    pub next: String,
    /// The hash that a verdict on its present content is bound to.
    #[serde(default)]
    pub content_hash: String,
    /// Its gate records, each as a sentence.
    #[serde(default)]
    pub records: Vec<String>,
    /// What is wrong with its records and its `Status:` line.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Open changes that have to be archived before it.
    #[serde(default)]
    pub waits_for: Vec<String>,
    /// Tasks that are ticked.
    pub done: usize,
    /// All tasks.
    pub tasks: usize,
    /// Delta specs that it carries.
    pub deltas: Vec<String>,
    /// Review files, which pass its gates.
    pub reviews: Vec<String>,
    /// Which of `proposal.md`, `design.md` and `tasks.md` are missing.
    pub missing: Vec<String>,
}

impl SpecFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        if !self.present {
            out.line("The repository has no `openspec/` folder.");
            return out.finish();
        }
        let (specs, changes) = (count_of(self.specs.len(), "spec"), count_of(self.changes.len(), "open change"));
        out.line(format!("{specs}, {changes}, {} archived", self.archived));
        if self.skipped > 0 {
            out.line(format!("{} could not be read.", count_of(self.skipped, "file")));
        }
        for change in &self.changes {
            out.line(format!("- change {}", change.sentence()));
        }
        for spec in &self.specs {
            out.line(format!("- spec {}", spec.sentence()));
        }
        out.finish()
    }
}

impl SpecStatus {
    /// `id`: 3 requirements, 5 scenarios.
    #[must_use]
    pub fn sentence(&self) -> String {
        let counts =
            format!("{}, {}", count_of(self.requirements, "requirement"), count_of(self.scenarios, "scenario"));
        let bare =
            if self.bare.is_empty() { String::new() } else { format!(", {} without a scenario", self.bare.len()) };
        format!("{}: {counts}{bare}", quoted(&self.id, 100))
    }
}

impl ChangeFacts {
    /// `name`: state, tasks, deltas, reviews, what is missing, what is next.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut out = format!("{}: ", quoted(&self.name, 100));
        let state = if self.state.is_empty() { "no state" } else { &self.state };
        out.push_str(&format!("{state}, {} of {} done", self.done, count_of(self.tasks, "task")));
        out.push_str(&format!(
            ", {}, {}",
            count_of(self.deltas.len(), "delta spec"),
            count_of(self.reviews.len(), "review")
        ));
        if !self.missing.is_empty() {
            out.push_str(&format!(", missing {}", self.missing.join(", ")));
        }
        if !self.next.is_empty() {
            out.push_str(&format!("; next: {}", quoted(&self.next, 200)));
        }
        if !self.waits_for.is_empty() {
            out.push_str(&format!(
                "; waits for {}",
                self.waits_for.iter().map(|name| quoted(name, 100)).collect::<Vec<_>>().join(", ")
            ));
        }
        for problem in &self.problems {
            out.push_str(&format!("; {}", quoted(problem, 200)));
        }
        out
    }
}
