//! What a run wants to change: a changeset, and the proposal that the gate judges.
//! Lives here: plain values, and how they read in a pull request. Never here: git.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::charter::Charter;
use super::ids::{AgentId, Oid};
use super::ownership;
use super::pattern::Pattern;
use super::settings::Settings;
use super::spec::past::Past;
use super::spec::tree::Tree;

/// What kind of thing a tree entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A plain file, 100644.
    File,
    /// An executable file, 100755.
    Executable,
    /// A symbolic link, 120000.
    Link,
    /// A submodule, 160000.
    Module,
}

/// A file's content on one side of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What kind of entry it is.
    pub mode: Mode,
    /// Its content; for a link the target, for a submodule nothing.
    pub bytes: Arc<[u8]>,
}

/// One path that differs. A rename is a deletion and an addition, so both ends are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The path as git stores it; bytes that are not UTF-8 are shown as `\xNN`.
    pub path: String,
    /// What was there; `None` for an addition.
    pub before: Option<Blob>,
    /// What shall be there; `None` for a deletion.
    pub after: Option<Blob>,
}

/// A blob that would be pushed although the final tree does not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenBlob {
    /// The commit that carries it.
    pub commit: Oid,
    /// Where it stood.
    pub path: String,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

/// A file with its content.
pub type NamedBytes = (String, Arc<[u8]>);

/// Everything that the gate needs to know about a piece of work.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// Who proposes; `None` when a diff of unknown origin is judged (ownership is then not checked).
    pub agent: Option<AgentId>,
    /// The runs in whose name the agent may speak, each with the commit that it read; none where nobody knows.
    pub runs: Vec<(String, String)>,
    /// What the agent owns, grants included.
    pub owns: Vec<Pattern>,
    /// Reserved paths (town file, charters, workflows…) that a human granted to this agent by name.
    pub grants: Vec<Pattern>,
    /// Paths that need an approved OpenSpec change.
    pub guarded: Vec<Pattern>,
    /// Paths whose files may be executable.
    pub executable: Vec<Pattern>,
    /// How many files the agent may change at once.
    pub max_files: u32,
    /// The pull request's title.
    pub title: String,
    /// The pull request's body.
    pub body: String,
    /// The OpenSpec change that the work belongs to.
    pub change: Option<String>,
    /// What the files of the OpenSpec changes do not tell.
    pub past: Past,
    /// What differs, by path.
    pub changes: Vec<FileChange>,
    /// Blobs of intermediate commits.
    pub hidden: Vec<HiddenBlob>,
    /// Every path of the tree after the change, sorted (for twins and for spec checks).
    pub tree: Vec<String>,
    /// What stands below `openspec/` after the change.
    pub specs: Tree,
    /// The agent's own text files before the change, among which near-duplicates are looked for. The caller bounds
    /// how many it reads; files that this proposal changes need not be among them.
    pub earlier: Vec<NamedBytes>,
}

impl Proposal {
    /// Nothing yet, by an agent or by anybody, with what the town allows it.
    #[must_use]
    pub fn under(settings: &Settings, charter: Option<&Charter>) -> Self {
        Self {
            agent: charter.map(|charter| charter.name.clone()),
            owns: charter.map(|charter| ownership::owned(charter, settings)).unwrap_or_default(),
            grants: charter.and_then(|charter| settings.grants.get(&charter.name).cloned()).unwrap_or_default(),
            guarded: settings.guarded.clone(),
            executable: settings.executable.clone(),
            max_files: charter.map_or(u32::MAX, |charter| charter.limits.files),
            ..Self::default()
        }
    }
}

impl Blob {
    /// A plain file with this content.
    #[must_use]
    pub fn file(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { mode: Mode::File, bytes: bytes.into() }
    }

    /// Whether it is a file, executable or not: something whose content can be judged.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self.mode, Mode::File | Mode::Executable)
    }
}
/// Bytes of one file's diff; a longer one is named and left out.
const DIFF_BYTES: usize = 512 * 1024;

/// The change as people read it: a unified diff, with what is invisible made visible.
#[must_use]
pub fn unified(changes: &[FileChange]) -> String {
    let mut out = String::new();
    for change in changes {
        let name = |side: &str, there: bool| {
            if there { format!("{side}/{}", change.path) } else { "/dev/null".to_owned() }
        };
        let (from, to) = (name("a", change.before.is_some()), name("b", change.after.is_some()));
        let (Some(before), Some(after)) = (text_of(change.before.as_ref()), text_of(change.after.as_ref())) else {
            out.push_str(&format!("Binary or very large files {from} and {to} differ\n"));
            continue;
        };
        let diff = similar::TextDiff::from_lines(before, after);
        let text = diff.unified_diff().context_radius(3).header(&from, &to).to_string();
        out.push_str(&super::text::escape_invisible(&text).0);
    }
    out
}

/// Lines added and deleted, by a line diff.
#[must_use]
pub fn lines(changes: &[FileChange]) -> (u64, u64) {
    let text = |blob: &Option<Blob>| {
        blob.as_ref().map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned()).unwrap_or_default()
    };
    let (mut adds, mut dels) = (0, 0);
    for change in changes {
        let (before, after) = (text(&change.before), text(&change.after));
        for op in similar::TextDiff::from_lines(&before, &after).ops() {
            adds += op.new_range().len() as u64 * u64::from(op.tag() != similar::DiffTag::Equal);
            dels += op.old_range().len() as u64 * u64::from(op.tag() != similar::DiffTag::Equal);
        }
    }
    (adds, dels)
}

/// The text of one side; nothing where that would show no text.
#[must_use]
pub fn text_of(blob: Option<&Blob>) -> Option<&str> {
    match blob {
        None => Some(""),
        Some(blob) if blob.bytes.len() > DIFF_BYTES => None,
        Some(blob) => std::str::from_utf8(&blob.bytes).ok().filter(|text| !text.contains('\0')),
    }
}
