//! A proposal that reads as a sentence, for the tests of the gate.
//! Lives here: the builder and the comparison of findings. Never here: cases.

use std::sync::Arc;

use super::judge;
use crate::town::changeset::{Blob, FileChange, HiddenBlob, Mode, Proposal};
use crate::town::finding::Finding;

/// A proposal in the making. Its agent is `tester` and owns `own/**`.
#[must_use]
pub(super) struct Work(pub(super) Proposal);

fn blob(text: impl AsRef<[u8]>) -> Option<Blob> {
    Some(Blob::file(Arc::<[u8]>::from(text.as_ref())))
}

pub(super) fn agent() -> Work {
    Work(Proposal {
        agent: "tester".parse().ok(),
        owns: vec!["own/**".parse().unwrap()],
        max_files: 25,
        title: "qa: list the flaky tests with their cause".to_owned(),
        body: "Three tests depend on the order in which files are listed.".to_owned(),
        ..Proposal::default()
    })
}

pub(super) fn human() -> Work {
    let mut work = agent();
    work.0.agent = None;
    work.0.owns = Vec::new();
    work
}

impl Work {
    fn change(mut self, path: &str, before: Option<Blob>, after: Option<Blob>) -> Self {
        if after.is_some() {
            self.0.tree.push(path.to_owned());
        }
        self.0.changes.push(FileChange { path: path.to_owned(), before, after });
        self
    }

    pub(super) fn adds(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.change(path, None, blob(text))
    }

    pub(super) fn edits(self, path: &str, before: impl AsRef<[u8]>, after: impl AsRef<[u8]>) -> Self {
        self.change(path, blob(before), blob(after))
    }

    pub(super) fn deletes(self, path: &str) -> Self {
        self.change(path, blob("was here\n"), None)
    }

    pub(super) fn adds_as(self, mode: Mode, path: &str) -> Self {
        let mut after = blob("../elsewhere");
        after.iter_mut().for_each(|blob| blob.mode = mode);
        self.change(path, None, after)
    }

    pub(super) fn beside(mut self, path: &str) -> Self {
        self.0.tree.push(path.to_owned());
        self
    }

    pub(super) fn hides(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let commit = "c0ffee".repeat(7)[..40].parse().unwrap();
        self.0.hidden.push(HiddenBlob { commit, path: path.to_owned(), bytes: Arc::from(text.as_ref()) });
        self
    }

    pub(super) fn with(mut self, set: impl FnOnce(&mut Proposal)) -> Self {
        set(&mut self.0);
        self
    }

    /// Judges the proposal and compares `rule path:line` of every finding, in the order of the gate.
    #[track_caller]
    pub(super) fn gives(self, expected: &[&str]) -> Vec<Finding> {
        let findings = judge(&self.0);
        let shown: Vec<String> =
            findings.iter().map(|f| format!("{} {}", f.rule, f.place()).trim().to_owned()).collect();
        assert_eq!(shown, expected, "{findings:#?}");
        for finding in &findings {
            assert!(!finding.message.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
        }
        findings
    }
}
