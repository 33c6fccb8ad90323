//! Facts about the files: how many, how large, of what kind, where.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, bytes_of, count_of};
use crate::town::markdown::quoted;

/// The shape of the project's tree. Files that an agent owns are counted apart, so that agents' work does not change
/// what is said about the project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Files, links and submodules that no agent owns.
    pub count: usize,
    /// Their bytes.
    pub bytes: u64,
    /// By top folder, largest first; `(root)` for files at the top.
    pub folders: Vec<Group>,
    /// By kind (language or extension), largest first.
    pub kinds: Vec<Group>,
    /// The largest files.
    pub largest: Vec<FileLine>,
    /// Source files with more than 500 lines, longest first.
    pub longest: Vec<FileLine>,
    /// Source files with more than 500 lines that are not listed.
    pub more_long: usize,
    /// Binary files among those that were looked into.
    pub binary: usize,
    /// The path with most segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deepest: Option<String>,
    /// Symbolic links.
    pub links: Vec<String>,
    /// Submodules.
    pub modules: Vec<String>,
    /// Executable files.
    pub executable: Vec<String>,
    /// Links, submodules and executable files that are not listed.
    pub truncated: usize,
    /// Files that agents own, by agent.
    pub owned: Vec<Group>,
    /// Entries whose size is unknown, or that the walk left out.
    pub skipped: usize,
}

/// Files that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The folder, kind or agent.
    pub name: String,
    /// How many files.
    pub count: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// One file with a number: bytes or lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    /// The file.
    pub path: String,
    /// Bytes or lines.
    pub number: u64,
}

impl FileFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        for line in self.lines() {
            out.line(line);
        }
        out.finish()
    }

    /// One line per fact.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut out =
            vec![format!("{}, {}, {} binary", count_of(self.count, "file"), bytes_of(self.bytes), self.binary)];
        if self.skipped > 0 {
            out.push(format!("{} could not be measured.", count_of(self.skipped, "entry")));
        }
        for (what, groups) in [("By folder", &self.folders), ("By kind", &self.kinds), ("Owned by agents", &self.owned)]
        {
            if !groups.is_empty() {
                out.push(format!("{what}:"));
            }
            out.extend(groups.iter().map(|group| format!("- {}", group.sentence())));
        }
        if !self.largest.is_empty() {
            out.push("Largest:".to_owned());
        }
        out.extend(self.largest.iter().map(|file| format!("- {} {}", quoted(&file.path, 160), bytes_of(file.number))));
        if !self.longest.is_empty() {
            out.push("Longer than 500 lines:".to_owned());
        }
        out.extend(self.longest.iter().map(|file| format!("- {} {} lines", quoted(&file.path, 160), file.number)));
        if self.more_long > 0 {
            out.push(format!("- {} more", count_of(self.more_long, "file")));
        }
        if let Some(deepest) = &self.deepest {
            out.push(format!("Deepest: {}", quoted(deepest, 200)));
        }
        for (what, paths) in [("Links", &self.links), ("Submodules", &self.modules), ("Executable", &self.executable)] {
            if !paths.is_empty() {
                let names: Vec<String> = paths.iter().map(|path| quoted(path, 100)).collect();
                out.push(format!("{what}: {}", names.join(", ")));
            }
        }
        if self.truncated > 0 {
            out.push(format!("{} more of these are not listed.", self.truncated));
        }
        out
    }
}

impl Group {
    /// `src`: 3 files, 10.0 KiB.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}: {}, {}", quoted(&self.name, 100), count_of(self.count, "file"), bytes_of(self.bytes))
    }
}
