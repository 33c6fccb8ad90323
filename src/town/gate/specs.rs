//! The check that specs and changes which are touched stay valid.
//! Lives here: what is asked of a proposal, and that only what is new counts. Never here: the rules (see `town::spec`), or the life
//! of a change (see `records`).

use std::collections::{BTreeSet, HashSet};

use super::PER_FILE;
use super::work::{Work, at};
use crate::town::finding::{Finding, Severity};
use crate::town::spec::issue::{Issue, Level};
use crate::town::spec::project::Project;
use crate::town::spec::rules::{self, Profile};
use crate::town::spec::validate::Checker;

pub(super) const VALID: &str = "spec-valid";

const OPENSPEC: &str = "openspec";

/// What has a verdict of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Spec(String),
    Change(String),
}

/// The item that a file belongs to. What is archived is history.
fn item(path: &str) -> Option<Item> {
    let inner = path.strip_prefix("openspec/")?;
    if let Some(id) = inner.strip_prefix("specs/").and_then(|rest| rest.strip_suffix("/spec.md")) {
        return Some(Item::Spec(id.to_owned()));
    }
    let (name, _) = inner.strip_prefix("changes/")?.split_once('/')?;
    (name != "archive").then(|| Item::Change(name.to_owned()))
}

pub(super) fn spec_valid(work: &Work<'_>) -> Vec<Finding> {
    let written: HashSet<&str> = work.written().iter().map(|file| file.path).collect();
    let items: BTreeSet<Item> = written.iter().filter_map(|path| item(path)).collect();
    if items.is_empty() {
        return Vec::new();
    }
    let (before, after) = (Project::new(work.before(), OPENSPEC), Project::new(work.after(), OPENSPEC));
    let (old, new) = (Checker::new(&before, Profile::Openspec1), Checker::new(&after, Profile::Openspec1));
    let mut findings = Vec::new();
    for item in &items {
        let known: HashSet<(&str, String, String)> = judge(&old, &before, item).into_iter().map(key).collect();
        let told = judge(&new, &after, item).into_iter().filter(|issue| {
            // Only files of this proposal are judged by it, and only for what was not wrong before.
            written.contains(issue.file.as_str()) && !known.contains(&key(issue.clone()))
        });
        findings.extend(told.take(PER_FILE).map(finding));
    }
    findings
}

fn judge(checker: &Checker<'_, '_>, project: &Project<'_>, item: &Item) -> Vec<Issue> {
    let mut issues = match item {
        Item::Spec(id) if project.tree().get(&project.spec_path(id)).is_some() => checker.spec(id),
        Item::Change(name) if project.has_change(name) => checker.change(name),
        _ => Vec::new(),
    };
    // The hint stands beside the error that it explains.
    issues.retain(|issue| issue.level > Level::Info && issue.code != rules::SPEC_SCENARIO_HINT.id);
    issues
}

/// What makes an issue the same one, on whichever line it stands.
fn key(issue: Issue) -> (&'static str, String, String) {
    (issue.code, issue.file, issue.message)
}

fn finding(issue: Issue) -> Finding {
    let mut finding = at(VALID, &issue.file, format!("{} ({})", issue.message, issue.code));
    if issue.level == Level::Warning {
        finding.severity = Severity::Warning;
    }
    finding.line = issue.line;
    match issue.fix {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}
