//! Entries: what the facts say that somebody should look at, each with an identity that moving lines do not change.
//! Lives here: the kinds and how one entry reads. Never here: numbers (see `register`), files.

use super::cell::{self, Part, cell, code, is_clean, place_cell, plain, render};
use crate::town::charter::Sense;

/// What an entry is about. The order is the order of importance where a role says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Secret,
    FailingTest,
    NoTestCommand,
    BrokenLink,
    NoLicence,
    Wildcard,
    Unreadable,
    BareRequirement,
    IncompleteChange,
    Duplicate,
    Note,
}

impl Kind {
    /// Every kind.
    pub(super) const ALL: [Self; 11] = [
        Self::Secret,
        Self::FailingTest,
        Self::NoTestCommand,
        Self::BrokenLink,
        Self::NoLicence,
        Self::Wildcard,
        Self::Unreadable,
        Self::BareRequirement,
        Self::IncompleteChange,
        Self::Duplicate,
        Self::Note,
    ];

    /// The sense that finds it.
    pub(super) const fn sense(self) -> Sense {
        match self {
            Self::Secret => Sense::Secrets,
            Self::FailingTest | Self::NoTestCommand => Sense::Tests,
            Self::BrokenLink => Sense::Links,
            Self::NoLicence | Self::Wildcard | Self::Unreadable | Self::Duplicate => Sense::Dependencies,
            Self::BareRequirement | Self::IncompleteChange => Sense::Specs,
            Self::Note => Sense::Todos,
        }
    }

    /// The word for one, which also stands on the page.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Secret => "possible secret",
            Self::FailingTest => "failing test",
            Self::NoTestCommand => "missing test command",
            Self::BrokenLink => "broken link",
            Self::NoLicence => "missing licence",
            Self::Wildcard => "wildcard dependency",
            Self::Unreadable => "unreadable manifest",
            Self::BareRequirement => "bare requirement",
            Self::IncompleteChange => "incomplete change",
            Self::Duplicate => "duplicate dependency",
            Self::Note => "note",
        }
    }
}

/// How much an entry matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    High,
    Medium,
    Low,
}

impl Severity {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What makes an entry the same one on the next page: kind, path and subject as the page shows them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub kind: Kind,
    pub path: String,
    pub subject: String,
}

impl Key {
    /// The key of a row with these cells; `None` where the kind is unknown.
    pub(super) fn of_cells(kind: &str, place: &str, subject: &str) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|known| known.word() == kind.trim())?;
        Some(Self { kind, path: cell::path_of(place), subject: cell::decoded(subject) })
    }
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub kind: Kind,
    pub severity: Severity,
    /// Empty where it concerns the whole repository.
    pub path: String,
    /// Where in the file, in order; empty where it concerns the whole file.
    pub lines: Vec<u32>,
    /// The link's target, the note's text, the test's name.
    pub subject: String,
    /// What else is to be said, as the end of a sentence.
    pub remark: Vec<Part>,
    /// Since when, for what is more important the longer it stands.
    pub day: Option<String>,
    pub key: Key,
}

impl Entry {
    pub(super) fn new(kind: Kind, severity: Severity, path: &str, line: Option<u32>, subject: &str) -> Self {
        let mut subject = plain(subject, cell::TEXT);
        let lines: Vec<u32> = line.into_iter().collect();
        if !is_clean(&cell::row(&[place_cell(path, &lines), cell(&subject)])) {
            subject = cell::withheld();
        }
        let key = Key { kind, path: cell::path_of(&place_cell(path, &lines)), subject: cell::decoded(&cell(&subject)) };
        Self { kind, severity, path: path.to_owned(), lines, subject, remark: Vec::new(), day: None, key }
    }

    /// With words of ours at the end.
    pub(super) fn words(mut self, words: impl Into<String>) -> Self {
        self.remark.push(Part::Words(words.into()));
        self
    }

    /// With somebody else's words at the end.
    pub(super) fn quote(mut self, text: &str) -> Self {
        self.remark.push(Part::Quote(text.to_owned()));
        self
    }

    /// The place as `path:line`.
    pub(super) fn place(&self) -> String {
        cell::place(&self.path, self.lines.first().copied())
    }

    /// The cells that carry the identity.
    pub(super) fn identity(&self) -> [String; 3] {
        [self.kind.word().to_owned(), place_cell(&self.path, &self.lines), cell(&self.subject)]
    }

    /// What is said beside the identity in a table.
    pub(super) fn remark_cell(&self) -> String {
        let shown = render(&self.remark, true);
        if shown.is_empty() { "–".to_owned() } else { shown }
    }

    /// The whole entry as one sentence.
    pub(super) fn sentence(&self) -> String {
        let (place, subject, remark) = (code(&self.place()), code(&self.subject), render(&self.remark, false));
        match self.kind {
            Kind::Secret => format!("{place} holds what looks like {subject}; {remark}."),
            Kind::FailingTest => format!("{subject} {remark}."),
            Kind::NoTestCommand => format!("No test command is configured; {remark}."),
            Kind::BrokenLink => format!("{place} links to {subject}, which {remark}."),
            Kind::NoLicence => "Neither a licence file nor a manifest names a licence.".to_owned(),
            Kind::Wildcard => format!("{place} accepts any version of {subject}."),
            Kind::Unreadable => format!("{place} could not be read: {remark}."),
            Kind::BareRequirement => format!("{place} states the requirement {subject} without a scenario."),
            Kind::IncompleteChange => format!("The change {subject} {remark}."),
            Kind::Duplicate => format!("{place} holds {subject} in {remark}."),
            Kind::Note => format!("{place} has the note {subject}, {remark}."),
        }
    }

    /// `path:line — what`, for a list of evidence.
    pub(super) fn evidence(&self) -> String {
        let place = if self.path.is_empty() { "the repository".to_owned() } else { self.place() };
        let subject = if self.subject.is_empty() { String::new() } else { format!(" {}", code(&self.subject)) };
        format!("{place} — {}{subject}", self.kind.word())
    }
}
