//! What the senses found: plain values with what was left out, and how they read in a briefing.
//! Lives here: the types and their compact Markdown. Never here: reading the repository (see the room `senses`)
//! and the page that a role makes of them (see [`crate::town::page`]).
//!
//! Every list is in a total order, and every bound that cut something leaves a count behind.

mod activity;
mod dependencies;
mod files;
mod links;
mod proposals;
mod secrets;
mod specs;
mod tests;
mod todos;

pub use activity::{ActivityFacts, Churn, CommitLine, Tally, Window};
pub use dependencies::{Dependency, DependencyFacts, DependencyKind, Duplicate, LicenceFile, Manifest};
pub use files::{FileFacts, FileLine, Group};
pub use links::{BrokenLink, LinkFacts, LinkProblem};
pub use proposals::{OpenPull, Outcome, ProposalFacts, Verdict};
pub use secrets::{SecretFacts, SecretFound};
use serde::{Deserialize, Serialize};
pub use specs::{ChangeFacts, SpecFacts, SpecStatus};
pub use tests::{TestFacts, TestOutcome, TestRun, TestSummary};
pub use todos::{Age, TodoFacts, TodoNote};

use super::charter::Sense;

/// What every sense that was asked for found; `None` where nobody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Commits by people and by agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityFacts>,
    /// Open pull requests and verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposals: Option<ProposalFacts>,
    /// OpenSpec specs and changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specs: Option<SpecFacts>,
    /// What looks like a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<SecretFacts>,
    /// Broken links and anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<LinkFacts>,
    /// TODO and FIXME notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub todos: Option<TodoFacts>,
    /// The test command and its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestFacts>,
    /// Manifests and licences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<DependencyFacts>,
    /// Files and sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FileFacts>,
}

impl Facts {
    /// One sense's facts for a briefing, at most `max_bytes` long; `None` where the sense was not asked.
    #[must_use]
    pub fn section(&self, sense: Sense, max_bytes: usize) -> Option<String> {
        match sense {
            Sense::Activity => self.activity.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Proposals => self.proposals.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Specs => self.specs.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Secrets => self.secrets.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Links => self.links.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Todos => self.todos.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Tests => self.tests.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Dependencies => self.dependencies.as_ref().map(|facts| facts.brief(max_bytes)),
            Sense::Files => self.files.as_ref().map(|facts| facts.brief(max_bytes)),
        }
    }

    /// Every sense that was asked, each under its heading, together at most `max_bytes` long.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let asked: Vec<Sense> = Sense::ALL.into_iter().filter(|sense| self.section(*sense, 0).is_some()).collect();
        let mut out = String::new();
        for (at, sense) in asked.iter().enumerate() {
            let heading = format!("### {}\n\n", sense.name());
            // What a short sense does not need goes to those behind it.
            let share = max_bytes.saturating_sub(out.len()) / (asked.len() - at);
            let body = self.section(*sense, share.saturating_sub(heading.len() + 1)).unwrap_or_default();
            if !body.is_empty() {
                out.push_str(&heading);
                out.push_str(&body);
                out.push('\n');
            }
        }
        out
    }
}

/// Collects lines up to a number of bytes and says how many did not fit.
pub(crate) struct Brief {
    out: String,
    max: usize,
    left_out: usize,
}

impl Brief {
    /// Room for the sentence about what was left out.
    const TAIL: usize = 40;

    pub(crate) const fn new(max: usize) -> Self {
        Self { out: String::new(), max, left_out: 0 }
    }

    /// Adds a line; after the first one that does not fit, all others are left out too, so that what is shown is
    /// always the most important part.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if self.left_out > 0 || self.out.len() + line.len() + 1 + Self::TAIL > self.max {
            self.left_out += 1;
            return;
        }
        self.out.push_str(line);
        self.out.push('\n');
    }

    pub(crate) fn finish(mut self) -> String {
        let tail = format!("({} more lines left out)\n", self.left_out);
        if self.left_out > 0 && self.out.len() + tail.len() <= self.max {
            self.out.push_str(&tail);
        }
        self.out
    }
}

/// `1 commit`, `2 commits`: a count with its word.
#[must_use]
pub fn count_of(count: usize, word: &str) -> String {
    if count == 1 {
        return format!("1 {word}");
    }
    match word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{count} {stem}ies"),
        None if word.ends_with("ch") || word.ends_with('s') => format!("{count} {word}es"),
        None => format!("{count} {word}s"),
    }
}

/// The words in a row: `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A number of bytes for people.
pub(crate) fn bytes_of(bytes: u64) -> String {
    const STEP: u64 = 1024;
    match bytes {
        0..STEP => format!("{bytes} B"),
        STEP..1_048_576 => format!("{}.{} KiB", bytes / STEP, bytes % STEP * 10 / STEP),
        1_048_576..1_073_741_824 => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
        _ => format!("{}.{} GiB", bytes / 1_073_741_824, bytes % 1_073_741_824 * 10 / 1_073_741_824),
    }
}

#[cfg(test)]
mod own_tests {
    use super::*;

    #[test]
    fn a_brief_never_grows_beyond_its_bytes_and_says_what_it_left_out() {
        for max in 0..400 {
            let mut brief = Brief::new(max);
            for n in 0..20 {
                brief.line(format!("line number {n}"));
            }
            let text = brief.finish();
            assert!(text.len() <= max, "{max}: {}", text.len());
            if max > 60 && max < 300 {
                assert!(text.contains("more lines left out"), "{max}: {text}");
            }
        }
    }

    #[test]
    fn words_and_sizes_read_well() {
        assert_eq!(count_of(1, "entry"), "1 entry");
        assert_eq!(count_of(2, "entry"), "2 entries");
        assert_eq!(count_of(0, "commit"), "0 commits");
        assert_eq!(count_of(3, "branch"), "3 branches");
        assert_eq!(count_of(3, "key"), "3 keys");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(bytes_of(1023), "1023 B");
        assert_eq!(bytes_of(1536), "1.5 KiB");
        assert_eq!(bytes_of(3 * 1_048_576), "3.0 MiB");
    }

    #[test]
    fn all_facts_together_stay_in_their_bytes() {
        let facts = Facts {
            files: Some(FileFacts::default()),
            links: Some(LinkFacts::default()),
            todos: Some(TodoFacts::default()),
            ..Facts::default()
        };
        for max in [0, 10, 100, 1000] {
            assert!(facts.brief(max).len() <= max);
        }
        assert!(facts.brief(4000).contains("### links"));
        assert_eq!(facts.section(Sense::Specs, 100), None);
    }
}
