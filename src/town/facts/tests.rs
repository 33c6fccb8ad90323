//! Facts about the project's own tests: the configured command and what it said.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, listed};
use crate::town::markdown::{quoted, visible};

/// The test command and its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFacts {
    /// The configured command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Commands that the manifests suggest, where none is configured.
    pub suggested: Vec<String>,
    /// What happened; `None` where no command is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<TestRun>,
}

/// How a test command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum TestOutcome {
    /// It ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it.
    Killed,
    /// It did not end in time and was stopped with everything that it had started.
    TimedOut {
        /// The limit.
        minutes: u32,
    },
    /// It could not be started, or the files could not be written out.
    NotRun {
        /// Why.
        why: String,
    },
}

/// One run of the test command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: TestOutcome,
    /// What a known runner reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<TestSummary>,
    /// The end of its output. May hold times, so of what must be stable only [`TestRun::last_words`] is made of it.
    pub tail: String,
    /// Bytes of output before the tail.
    pub cut: u64,
    /// Files that were not written into the checkout (links that leave it, impossible names).
    pub skipped: usize,
}

/// What a known test runner reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestSummary {
    /// The runner.
    pub runner: String,
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that were skipped or ignored.
    pub skipped: usize,
    /// Names of failed tests, sorted, at most fifty.
    pub failures: Vec<String>,
}

impl TestFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        for line in self.lines() {
            out.line(line);
        }
        if let Some(run) = self.run.as_ref().filter(|run| !run.is_green()) {
            for name in run.summary.iter().flat_map(|summary| &summary.failures) {
                out.line(format!("- failed: {}", quoted(name, 160)));
            }
            out.line("The end of the output:");
            let lines: Vec<&str> = run.tail.lines().rev().take(40).collect();
            for line in lines.into_iter().rev() {
                out.line(format!("    {}", visible(line, 200)));
            }
        }
        out.finish()
    }

    /// The result in sentences that are the same for the same result.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Some(command) = &self.command else {
            let hint = if self.suggested.is_empty() {
                "no manifest suggests one".to_owned()
            } else {
                let names: Vec<String> = self.suggested.iter().map(|name| quoted(name, 80)).collect();
                format!("the manifests suggest {}", listed(&names))
            };
            return vec![format!("No test command is configured (`tests.command` in the town file); {hint}.")];
        };
        let mut out = vec![format!(
            "{} {}.",
            quoted(command, 160),
            self.run.as_ref().map_or("was not run".into(), TestRun::words)
        )];
        if let Some(run) = &self.run {
            if let Some(summary) = &run.summary {
                out.push(summary.sentence());
            }
            if run.skipped > 0 {
                out.push(format!("{} files were not written into the checkout.", run.skipped));
            }
        }
        out
    }
}

impl TestRun {
    /// Whether the command ended with success.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.outcome == TestOutcome::Exited { code: 0 }
    }

    /// The last line that says anything, where the command failed: mostly why. Words with a digit are left out, since times,
    /// ports and addresses differ each time.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        let line = self.tail.lines().rev().map(str::trim).find(|line| line.chars().any(char::is_alphabetic))?;
        let mut out = String::new();
        for word in line.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
            let end = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_').len();
            let (word, rest) = word.split_at(end);
            out.push_str(if word.chars().any(|c| c.is_ascii_digit()) { "…" } else { word });
            out.push_str(rest);
        }
        Some(out)
    }

    fn words(&self) -> String {
        match &self.outcome {
            TestOutcome::Exited { code: 0 } => "passed".to_owned(),
            TestOutcome::Exited { code } => format!("failed with exit code {code}"),
            TestOutcome::Killed => "was ended by a signal".to_owned(),
            TestOutcome::TimedOut { minutes } => format!("did not end within {minutes} minutes and was stopped"),
            TestOutcome::NotRun { why } => format!("was not run: {}", quoted(why, 200)),
        }
    }
}

impl TestSummary {
    /// `cargo test: 10 passed, 1 failed, 2 skipped.`
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}: {} passed, {} failed, {} skipped.", self.runner, self.passed, self.failed, self.skipped)
    }
}
