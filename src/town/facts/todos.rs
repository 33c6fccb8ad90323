//! Facts about notes that somebody left in the code for later.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, count_of};
use crate::town::ids::AgentId;
use crate::town::markdown::quoted;

/// TODO, FIXME, XXX and HACK notes with their age.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TodoFacts {
    /// The notes, by path and line.
    pub notes: Vec<TodoNote>,
    /// Notes that are not listed.
    pub truncated: usize,
    /// Files that were read.
    pub read: usize,
    /// Text files that were not read: vendored, generated, locks, too large or beyond the bound.
    pub skipped: usize,
    /// The day of the newest commit that a person made, which ages are counted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<String>,
}

/// Since when a note stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "age")]
pub enum Age {
    /// A commit brought it.
    Since {
        /// The first ten digits of the commit's id.
        commit: String,
        /// Its day, `YYYY-MM-DD`.
        day: String,
        /// Its author's name.
        author: String,
    },
    /// It is older than the commits that were looked at.
    OlderThan {
        /// How many commits that were, along the line of first parents.
        commits: usize,
    },
    /// The clone is shallow and the note older than its boundary, or the note was beyond the bound.
    Unknown,
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TodoNote {
    /// The file.
    pub path: String,
    /// Line, counted from 1.
    pub line: u32,
    /// `TODO`, `FIXME`, `XXX` or `HACK`.
    pub marker: String,
    /// What it says.
    pub text: String,
    /// Since when.
    pub age: Age,
    /// The agent that owns the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AgentId>,
}

impl TodoFacts {
    /// The facts in at most `max_bytes` of Markdown, grouped by file.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        let notes = count_of(self.notes.len() + self.truncated, "note");
        out.line(format!("{notes} in {} read, {} skipped", count_of(self.read, "file"), self.skipped));
        for (word, note) in [("Oldest", self.oldest()), ("Newest", self.newest())] {
            if let Some(note) = note {
                out.line(format!(
                    "{word}: {} {}",
                    quoted(&format!("{}:{}", note.path, note.line), 160),
                    note.age.words()
                ));
            }
        }
        let mut path = "";
        for note in &self.notes {
            if note.path != path {
                path = &note.path;
                out.line(format!("- {}", quoted(path, 160)));
            }
            out.line(format!("  - {}: {}", note.line, note.sentence()));
        }
        if self.truncated > 0 {
            out.line(format!("{} more are not listed.", self.truncated));
        }
        out.finish()
    }

    /// The note that stands longest, of those whose day is known.
    #[must_use]
    pub fn oldest(&self) -> Option<&TodoNote> {
        self.notes
            .iter()
            .filter(|note| note.age.day().is_some())
            .min_by_key(|note| (note.age.day(), &note.path, note.line))
    }

    /// The note that came last, of those whose day is known.
    #[must_use]
    pub fn newest(&self) -> Option<&TodoNote> {
        self.notes
            .iter()
            .filter(|note| note.age.day().is_some())
            .max_by_key(|note| (note.age.day(), &note.path, note.line))
    }

    /// Whether `note` is older than a year, counted to [`Self::today`].
    #[must_use]
    pub fn is_old(&self, note: &TodoNote) -> bool {
        let year_ago = self.today.as_ref().and_then(|today| {
            let year: i32 = today.get(..4)?.parse().ok()?;
            Some(format!("{:04}{}", year - 1, today.get(4..)?))
        });
        match (&note.age, year_ago) {
            (Age::Since { day, .. }, Some(limit)) => *day < limit,
            _ => false,
        }
    }
}

impl TodoNote {
    /// The marker, the text and the age.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} {}, {}", quoted(&self.marker, 10), quoted(&self.text, 160), self.age.words())
    }
}

impl Age {
    /// The day since when, where it is known.
    #[must_use]
    pub fn day(&self) -> Option<&str> {
        match self {
            Self::Since { day, .. } => Some(day),
            Self::OlderThan { .. } | Self::Unknown => None,
        }
    }

    /// The age for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Since { commit, day, author } => format!("since {day} ({commit}, {})", quoted(author, 40)),
            Self::OlderThan { commits } => format!("older than the last {}", count_of(*commits, "commit")),
            Self::Unknown => "age unknown".to_owned(),
        }
    }
}
