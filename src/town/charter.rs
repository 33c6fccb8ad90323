//! The charter of an agent: `agents/<name>.md`, front matter and persona.
//! Lives here: its shape; its parsing and its own rules are in `rules`. Never here: rules across charters (see
//! `ownership` and `check`).

mod rules;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::ids::AgentId;
use super::pattern::Pattern;
use super::prices::Usd;

pub use rules::{CLAUDE_KEYS, KEYS, RULES, TOOLS};

/// One agent role as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Charter {
    /// The agent's name; the file is `agents/<name>.md`.
    pub name: AgentId,
    /// What the role does and when to use it.
    pub description: String,
    /// Tools by their Claude Code names; empty means all that the town offers.
    pub tools: Vec<String>,
    /// `inherit` or `provider/model`.
    pub model: String,
    /// The paths that the agent may write.
    pub owns: Vec<Pattern>,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
    /// What one run may use.
    pub limits: RunLimits,
    /// The facts its briefing contains, most important first.
    pub senses: Vec<Sense>,
    /// The one file that the agent keeps up to date, if it keeps one.
    pub page: Option<String>,
    /// The persona and task: the Markdown below the front matter.
    pub persona: String,
}

/// A charter as it was read, with what later findings need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The charter, unless nothing usable is left of it.
    pub charter: Option<Charter>,
    /// What is wrong with the file, by line.
    pub findings: Vec<Finding>,
    /// The line of each pattern in `charter.owns`, in the same order.
    pub owns_lines: Vec<u32>,
}

impl Charter {
    /// Reads a charter from its file at `path`. It is there also with errors as long as nothing in it could mean more
    /// than its author wrote: a pattern that is none is left out, a limit beyond the range is brought back into it.
    /// Whoever lets an agent run looks at the findings first.
    #[must_use]
    pub fn parse(path: &str, bytes: &[u8]) -> (Option<Self>, Vec<Finding>) {
        let parsed = Parsed::read(path, bytes);
        (parsed.charter, parsed.findings)
    }
}

/// A cron schedule, in UTC unless a zone is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Five cron fields: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// An IANA time zone such as `Europe/Zurich`; UTC without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

/// What one run may use at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunLimits {
    /// Questions put to the brain.
    pub turns: u32,
    /// Minutes from claim to finish; also how long the lease lives.
    pub minutes: u32,
    /// Files that one pull request may change.
    pub files: u32,
    /// Tokens of context that a briefing may fill.
    pub context: u32,
    /// US dollars, where it may spend less than the town lets one run spend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_run: Option<Usd>,
    /// Tokens of all questions and replies together; the town's cap where nothing stands here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10_000))]
    pub tokens_per_run: Option<u64>,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { turns: 40, minutes: 60, files: 25, context: 32_000, usd_per_run: None, tokens_per_run: None }
    }
}

/// A deterministic reading of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sense {
    /// Commits since the agent's last run, by domain, author and churn.
    Activity,
    /// Open pull requests and human verdicts.
    Proposals,
    /// OpenSpec specs and changes with their state.
    Specs,
    /// Files and lines that look like secrets.
    Secrets,
    /// Broken relative links and anchors in Markdown.
    Links,
    /// TODO and FIXME notes with their age.
    Todos,
    /// The configured test command and its result.
    Tests,
    /// Manifests, their dependencies and licences.
    Dependencies,
    /// The files with their sizes.
    Files,
}

impl Sense {
    /// Every sense, in alphabetical order of meaning to a reader of `--help`.
    pub const ALL: [Self; 9] = [
        Self::Activity,
        Self::Proposals,
        Self::Specs,
        Self::Secrets,
        Self::Links,
        Self::Todos,
        Self::Tests,
        Self::Dependencies,
        Self::Files,
    ];

    /// The name that a charter uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Proposals => "proposals",
            Self::Specs => "specs",
            Self::Secrets => "secrets",
            Self::Links => "links",
            Self::Todos => "todos",
            Self::Tests => "tests",
            Self::Dependencies => "dependencies",
            Self::Files => "files",
        }
    }
}
