//! Facts about pull requests and what humans said to them.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Brief, count_of};
use crate::town::ids::AgentId;
use crate::town::markdown::quoted;

/// Open pull requests and recent verdicts, as the journal's fold knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalFacts {
    /// Open pull requests of all agents.
    pub open: Vec<OpenPull>,
    /// Recent verdicts of all agents, newest first.
    pub verdicts: Vec<Verdict>,
    /// Open pull requests and verdicts that are not listed.
    pub truncated: usize,
    /// The moment that ages are counted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<DateTime<Utc>>,
}

/// One open pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPull {
    /// Who proposes.
    pub agent: AgentId,
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its branch.
    pub branch: String,
    /// When it was opened.
    pub opened: DateTime<Utc>,
    /// The files that it changes.
    pub files: Vec<String>,
}

/// What a human decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The work is on the branch now.
    Merged,
    /// The pull request was closed unmerged.
    Rejected,
}

/// One verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose pull request it was.
    pub agent: AgentId,
    /// Its number.
    pub number: u64,
    /// What was decided.
    pub outcome: Outcome,
    /// Who decided.
    pub by: String,
    /// The reason's code, for a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the human wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// The hash (blake3, hexadecimal) of the page that it proposed, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl ProposalFacts {
    /// The newest verdict on `agent`'s work.
    #[must_use]
    pub fn last_of(&self, agent: &AgentId) -> Option<&Verdict> {
        self.verdicts.iter().filter(|v| v.agent == *agent).max_by_key(|v| (v.at, v.number))
    }

    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        out.line(format!(
            "{}, {}",
            count_of(self.open.len(), "open pull request"),
            count_of(self.verdicts.len(), "recent verdict")
        ));
        if self.truncated > 0 {
            out.line(format!("{} more are not listed.", self.truncated));
        }
        for pull in &self.open {
            let age = self.now.map_or_else(String::new, |now| format!(", {}", age_of(now - pull.opened)));
            let title = quoted(&pull.title, 80);
            out.line(format!("- #{} {} {title}{age}, {}", pull.number, pull.agent, count_of(pull.files.len(), "file")));
            let files: Vec<String> = pull.files.iter().take(8).map(|file| quoted(file, 100)).collect();
            if !files.is_empty() {
                out.line(format!("  {}", files.join(", ")));
            }
        }
        for verdict in &self.verdicts {
            out.line(format!("- {}", verdict.sentence()));
        }
        out.finish()
    }
}

impl Verdict {
    /// `#3 by chaostester was rejected by x (duplicate): what x wrote`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let what = match self.outcome {
            Outcome::Merged => "merged",
            Outcome::Rejected => "rejected",
        };
        let by = quoted(&self.by, 40);
        let reason = self.reason.as_ref().map_or_else(String::new, |code| format!(" ({})", quoted(code, 30)));
        let text = self.text.as_ref().filter(|text| !text.trim().is_empty());
        let text = text.map_or_else(String::new, |text| format!(": {}", quoted(text, 300)));
        format!("#{} of {} was {what} by {by} on {}{reason}{text}", self.number, self.agent, self.at.format("%Y-%m-%d"))
    }
}

fn age_of(age: chrono::TimeDelta) -> String {
    match (age.num_days(), age.num_hours()) {
        (1.., _) => format!("open for {}", count_of(usize::try_from(age.num_days()).unwrap_or(0), "day")),
        (_, 1..) => format!("open for {}", count_of(usize::try_from(age.num_hours()).unwrap_or(0), "hour")),
        _ => "open for less than an hour".to_owned(),
    }
}
