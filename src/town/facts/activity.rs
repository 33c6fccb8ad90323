//! Facts about commits: who changed what, how much, where.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, count_of, listed};
use crate::town::markdown::quoted;

/// Commits since the agent's last run, and the latest work of people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityFacts {
    /// What happened since the agent's last run, for a briefing.
    pub since: Window,
    /// The fourteen days up to the newest commit that a person made. Agents' work does not move it, so a page made
    /// of it changes only when people change the repository.
    pub recent: Window,
}

/// The commits of a stretch of history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What the stretch is, for example `since the last run at 1234567890`.
    pub span: String,
    /// Day of the oldest commit, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_day: Option<String>,
    /// Day of the newest commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_day: Option<String>,
    /// Commits by people, merges not counted.
    pub commits: usize,
    /// Merge commits; what they bring is counted once, in the commits that they bring.
    pub merges: usize,
    /// Steps of the first-parent line: what landed on the branch, each pull request once.
    pub landed: usize,
    /// Commits by agents (their `Agent:` trailer, or nothing but agents' files touched), most first.
    pub agents: Vec<Tally>,
    /// People by commits, most first.
    pub authors: Vec<Tally>,
    /// Churn by owner or top folder, most first.
    pub domains: Vec<Churn>,
    /// The files with most churn.
    pub hot: Vec<Churn>,
    /// The newest commits by people.
    pub newest: Vec<CommitLine>,
    /// Whether more commits exist than were read.
    pub truncated: bool,
    /// Whether the history ends at the boundary of a shallow clone.
    pub shallow: bool,
    /// File changes whose lines were not counted (binary, large, or beyond the bound).
    pub uncounted: usize,
}

/// A name with a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Whose count it is.
    pub name: String,
    /// How many.
    pub count: usize,
}

/// How much a file or a part of the repository changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Churn {
    /// The file, the folder or the owner.
    pub name: String,
    /// Commits that touched it.
    pub commits: usize,
    /// Changes to single files.
    pub changes: usize,
    /// Lines added, as far as counted.
    pub added: usize,
    /// Lines deleted, as far as counted.
    pub deleted: usize,
}

/// One commit in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitLine {
    /// The first ten digits of its id.
    pub id: String,
    /// Its day, `YYYY-MM-DD`.
    pub day: String,
    /// Its author's name; never an address.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}

impl ActivityFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        self.since.write(&mut out);
        if self.since.commits == 0 && self.recent.commits > 0 {
            out.line("");
            self.recent.write(&mut out);
        }
        out.finish()
    }
}

impl Window {
    fn write(&self, out: &mut Brief) {
        let mut head = format!("{}: {} by people", self.span, count_of(self.commits, "commit"));
        if self.merges > 0 {
            head.push_str(&format!(", {}", count_of(self.merges, "merge")));
        }
        if let (Some(first), Some(last)) = (&self.first_day, &self.last_day) {
            head.push_str(&format!(", {first} to {last}"));
        }
        out.line(head);
        for remark in self.remarks() {
            out.line(remark);
        }
        for (what, list, most) in [("People", &self.authors, 10), ("Agents", &self.agents, 20)] {
            let mut names: Vec<String> =
                list.iter().take(most).map(|tally| format!("{} ({})", quoted(&tally.name, 60), tally.count)).collect();
            if list.len() > most {
                names.push(format!("{} more", list.len() - most));
            }
            if !names.is_empty() {
                out.line(format!("{what}: {}", listed(&names)));
            }
        }
        for (what, list) in [("Where", &self.domains), ("Hot files", &self.hot)] {
            if !list.is_empty() {
                out.line(format!("{what}:"));
            }
            for churn in list {
                out.line(format!("- {}", churn.sentence()));
            }
        }
        if !self.newest.is_empty() {
            out.line("Newest:");
        }
        for commit in &self.newest {
            let (author, subject) = (quoted(&commit.author, 40), quoted(&commit.subject, 100));
            out.line(format!("- {} {} {author}: {subject}", commit.id, commit.day));
        }
    }

    /// What a reader must know about the bounds of this reading.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.truncated {
            out.push("More commits exist than were read.".to_owned());
        }
        if self.shallow {
            out.push("The clone is shallow: history before its boundary is not here.".to_owned());
        }
        if self.uncounted > 0 {
            let changes = count_of(self.uncounted, "file change");
            out.push(format!("{changes} without a line count (binary, large, or beyond the bound)."));
        }
        out
    }
}

impl Churn {
    /// `name`: 2 commits, +10 −3 lines.
    #[must_use]
    pub fn sentence(&self) -> String {
        let name = quoted(&self.name, 120);
        format!("{name}: {}, +{} −{} lines", count_of(self.commits, "commit"), self.added, self.deleted)
    }
}
