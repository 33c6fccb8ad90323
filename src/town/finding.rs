//! A finding: one thing that a check has to say, with what, where and what to do about it.
//! Lives here: the shape that every check of the project reports in, and how it reads in a terminal.
//! Never here: a check itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; never changes an exit code.
    Info,
    /// Probably wrong; does not stop anything.
    Warning,
    /// Wrong: a check fails, a gate refuses.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing found: the rule that says so, the place, the reason and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Repository-relative path, where the finding is about a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Name of the rule or check, in kebab-case, for example `stays-in-own-paths`.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, as a sentence without a final full stop.
    pub message: String,
    /// What to do about it; empty only where nothing can be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Finding {
    /// An error found by `rule`.
    #[must_use]
    pub fn error(rule: &str, message: impl Into<String>) -> Self {
        Self::new(rule, Severity::Error, message)
    }

    /// A warning found by `rule`.
    #[must_use]
    pub fn warning(rule: &str, message: impl Into<String>) -> Self {
        Self::new(rule, Severity::Warning, message)
    }

    /// A remark made by `rule`.
    #[must_use]
    pub fn info(rule: &str, message: impl Into<String>) -> Self {
        Self::new(rule, Severity::Info, message)
    }

    fn new(rule: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self { path: None, line: None, rule: rule.to_owned(), severity, message: message.into(), remedy: String::new() }
    }

    /// Says which file the finding is about.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Says which line the finding is about, counted from 1.
    #[must_use]
    pub fn line(mut self, line: impl TryInto<u32>) -> Self {
        self.line = line.try_into().ok();
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn fix(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Whether this finding makes a check fail.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `path:line` as far as known, for display.
    #[must_use]
    pub fn place(&self) -> String {
        match (&self.path, self.line) {
            (Some(path), Some(line)) => format!("{path}:{line}"),
            (Some(path), None) => path.clone(),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{} [{}]: {}", self.severity, self.rule, self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "\n    {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Whether any of `findings` is an error.
#[must_use]
pub fn any_error(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: town-files#every-finding-can-be-acted-on
    #[test]
    fn reads_as_place_severity_rule_message_and_remedy() {
        let finding = Finding::error("size", "the file is 12 MiB").at("a.bin").line(3_usize).fix("split it");
        assert_eq!(finding.to_string(), "a.bin:3: error [size]: the file is 12 MiB\n    split it");
    }

    #[test]
    fn only_errors_fail() {
        assert!(!any_error(&[Finding::info("x", "y"), Finding::warning("x", "y")]));
        assert!(any_error(&[Finding::error("x", "y")]));
    }
}
