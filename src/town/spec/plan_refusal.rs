//! Why a change is not merged, and how much one does when it is.
//! Lives here: the shapes. Never here: what leads to a refusal (see `plan_checks`, `plan_update`).

use serde::Serialize;

/// Why a delta cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Half of a rename.
    UnpairedRename,
    /// A name that stands twice in a section.
    Duplicate,
    /// A name in two sections that exclude each other.
    Conflict,
    /// A delta without operations.
    NoOperations,
    /// A spec that is to be changed and is not there.
    NoTarget,
    /// A main spec that cannot be updated as it is.
    BrokenTarget,
    /// A requirement that is to be changed and is not there.
    NotFound,
    /// A name that is there, spelt a little differently.
    NearMiss,
    /// A name that is taken.
    AlreadyThere,
    /// A replacement that leaves scenarios out.
    ScenarioLoss,
    /// A requirement without a name.
    Nameless,
    /// A fence that is never closed, which would hide what follows it.
    UnclosedFence,
    /// A file whose bytes are no UTF-8.
    NotText,
    /// A file that cannot be read.
    Unreadable,
    /// Two changes of the same lines.
    MergeConflict,
    /// Nothing is known of what the change was written for.
    UnknownBase,
    /// A merged spec that breaks the rules of a main spec.
    RebuiltInvalid,
    /// Two deltas that write the same file.
    SameTarget,
}

/// A delta that is not merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The reason, as a word.
    pub kind: Kind,
    /// The capability.
    pub id: String,
    /// The reason, as a sentence.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// The line in the delta, or in the main spec where that one is broken. Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Refusal {
    /// A refusal of what a capability's delta says at a line; none stands at line 0.
    #[must_use]
    pub fn new(kind: Kind, id: &str, line: u32, message: String, fix: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            message: format!("{id}: {message}"),
            fix: fix.to_owned(),
            line: (line > 0).then_some(line),
        }
    }
}

/// How many operations changed something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New requirements.
    pub added: usize,
    /// Replaced requirements.
    pub modified: usize,
    /// Requirements that are gone.
    pub removed: usize,
    /// Requirements with another name.
    pub renamed: usize,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn sum(self) -> usize {
        self.added + self.modified + self.removed + self.renamed
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            modified: self.modified + other.modified,
            removed: self.removed + other.removed,
            renamed: self.renamed + other.renamed,
        }
    }
}
