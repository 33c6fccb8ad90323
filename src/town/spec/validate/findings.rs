//! Issues as they are found: the profile decides which are kept and at which level.
//! Lives here: collecting. Never here: a rule.

use super::super::issue::{Issue, Level};
use super::super::rules::{Profile, Rule};

/// Where something is wrong.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As the reference names it.
    pub(super) path: String,
    /// From the repository's root.
    pub(super) file: String,
    /// Counted from 1.
    pub(super) line: Option<u32>,
    /// Counted from 1.
    pub(super) column: Option<u32>,
}

impl Place {
    pub(super) fn of(path: impl Into<String>, file: impl Into<String>) -> Self {
        Self { path: path.into(), file: file.into(), line: None, column: None }
    }

    pub(super) fn line(&self, line: u32) -> Self {
        Self { line: Some(line), ..self.clone() }
    }

    /// The same file under another path.
    pub(super) fn named(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    pub(super) fn column(&self, column: u32) -> Self {
        Self { column: Some(column), ..self.clone() }
    }
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) profile: Profile,
    pub(super) issues: Vec<Issue>,
}

impl Findings {
    pub(super) fn new(profile: Profile) -> Self {
        Self { profile, issues: Vec::new() }
    }

    /// Whether the profile asks a rule at all; what is dear to find out is not looked for otherwise.
    pub(super) fn asks(&self, rule: &Rule) -> bool {
        rule.level(self.profile).is_some()
    }

    /// Adds what a rule found, at the level of the profile.
    pub(super) fn add(&mut self, rule: &Rule, place: Place, message: String, fix: &str) {
        if let Some(level) = rule.level(self.profile) {
            self.add_as(level, rule, place, message, fix);
        }
    }

    /// The same where the level depends on what was found.
    pub(super) fn add_as(&mut self, level: Level, rule: &Rule, place: Place, message: String, fix: &str) {
        let Place { path, file, line, column } = place;
        let fix = (!fix.is_empty()).then(|| fix.to_owned());
        self.issues.push(Issue { level, path, message, line, column, code: rule.id, file, fix });
    }
}
