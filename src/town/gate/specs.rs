//! Checks about OpenSpec: that what is touched stays valid, and that guarded paths wait for an approval.
//! Lives here: the shape of specs as far as the gate asks for it. Never here: the life of a change.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::PER_FILE;
use super::work::{Work, at};
use super::yaml;
use crate::town::finding::Finding;
use crate::town::text::one_line;

pub(super) const VALID: &str = "spec-valid";
pub(super) const APPROVED: &str = "approved-change";

/// The largest gate record that is read, in bytes.
const RECORD_BYTES: usize = 64 * 1024;

/// What kind of spec stands at a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Main,
    Delta,
}

fn kind(path: &str) -> Option<Kind> {
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["openspec", "specs", .., _, "spec.md"] => Some(Kind::Main),
        // What is archived is history.
        ["openspec", "changes", "archive", ..] => None,
        ["openspec", "changes", _, "specs", .., _, "spec.md"] => Some(Kind::Delta),
        _ => None,
    }
}

pub(super) fn spec_valid(work: &Work<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in work.written() {
        let Some(kind) = kind(file.path) else { continue };
        let old = file.old().map(|bytes| problems(kind, &String::from_utf8_lossy(bytes))).unwrap_or_default();
        let old: HashSet<String> = old.into_iter().map(|(_, message)| message).collect();
        let new = problems(kind, &String::from_utf8_lossy(file.bytes));
        let new = new.into_iter().filter(|(_, message)| !old.contains(message)).take(PER_FILE);
        findings.extend(new.map(|(line, message)| {
            let mut finding = at(VALID, file.path, message).fix("bring it into the shape that OpenSpec reads");
            finding.line = line.and_then(|line| u32::try_from(line).ok());
            finding
        }));
    }
    findings
}

/// One requirement and what its block holds.
struct Requirement {
    line: usize,
    name: String,
    has_scenario: bool,
    is_binding: bool,
}

/// The headings of a spec, as far as they matter.
#[derive(Default)]
struct Outline {
    sections: Vec<String>,
    /// Requirements with the section that each stands in.
    requirements: Vec<(String, Requirement)>,
}

fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    let mut fence: Option<(char, usize)> = None;
    let mut open = false;
    for (at, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
        let was_fenced = fence.is_some();
        step_fence(&mut fence, line);
        let heading = if was_fenced || fence.is_some() { None } else { heading(line) };
        match heading {
            Some((2, title)) => {
                outline.sections.push(title.to_lowercase());
                open = false;
            }
            Some((3, title)) => {
                open = title.starts_with("Requirement:");
                if open {
                    let name = one_line(title.trim_start_matches("Requirement:"), 80);
                    let section = outline.sections.last().cloned().unwrap_or_default();
                    let is_binding = binds(title);
                    let found = Requirement { line: at + 1, name, has_scenario: false, is_binding };
                    outline.requirements.push((section, found));
                }
            }
            Some((1, _)) => open = false,
            _ => {}
        }
        if let Some((_, requirement)) = outline.requirements.last_mut().filter(|_| open) {
            requirement.has_scenario |= matches!(heading, Some((4, title)) if title.starts_with("Scenario:"));
            requirement.is_binding |= binds(line);
        }
    }
    outline
}

fn step_fence(fence: &mut Option<(char, usize)>, line: &str) {
    let line = line.trim_start();
    let Some(mark) = line.chars().next().filter(|c| matches!(c, '`' | '~')) else { return };
    let length = line.chars().take_while(|c| *c == mark).count();
    match *fence {
        None if length >= 3 => *fence = Some((mark, length)),
        Some((open, long)) if open == mark && length >= long && line[length..].trim().is_empty() => *fence = None,
        _ => {}
    }
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let title = line.get(level..).filter(|rest| (1..=6).contains(&level) && rest.starts_with([' ', '\t']))?;
    Some((level, title.trim()))
}

/// Whether the line says SHALL or MUST, in capitals.
fn binds(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| matches!(word, "SHALL" | "MUST"))
}

fn problems(kind: Kind, text: &str) -> Vec<(Option<usize>, String)> {
    let outline = outline(text);
    let has = |title: &str| outline.sections.iter().any(|section| section == title);
    let mut found = Vec::new();
    match kind {
        Kind::Main => {
            for title in ["Purpose", "Requirements"] {
                if !has(&title.to_lowercase()) {
                    found.push((None, format!("the spec has no section `## {title}`")));
                }
            }
            if has("requirements") && outline.requirements.is_empty() {
                found.push((None, "the spec has no `### Requirement:`".to_owned()));
            }
        }
        Kind::Delta => {
            let sections = ["added", "modified", "removed", "renamed"];
            if !sections.iter().any(|section| has(&format!("{section} requirements"))) {
                let message =
                    "the change has none of `## ADDED Requirements`, `## MODIFIED …`, `## REMOVED …`, `## RENAMED …`";
                found.push((None, message.to_owned()));
            }
        }
    }
    let judged = outline.requirements.iter().filter(|(section, _)| {
        kind == Kind::Main || matches!(section.as_str(), "added requirements" | "modified requirements")
    });
    for (_, requirement) in judged {
        let Requirement { line, name, .. } = requirement;
        if name.is_empty() {
            found.push((Some(*line), "a requirement has no name".to_owned()));
        }
        if !requirement.has_scenario {
            found.push((Some(*line), format!("the requirement `{name}` has no `#### Scenario:`")));
        }
        if !requirement.is_binding {
            found.push((Some(*line), format!("the requirement `{name}` says neither SHALL nor MUST")));
        }
    }
    found
}

/// What the gate reads of a gate's record.
#[derive(Deserialize)]
struct Record {
    verdict: String,
}

pub(super) fn approved_change(work: &Work<'_>) -> Vec<Finding> {
    let proposal = work.proposal;
    let touched = proposal.changes.iter().map(|change| change.path.as_str());
    let guarded: Vec<&str> = touched.filter(|path| proposal.guarded.iter().any(|p| p.matches(path))).collect();
    if guarded.is_empty() {
        return Vec::new();
    }
    let Err((why, step)) = approval(work) else { return Vec::new() };
    guarded
        .into_iter()
        .take(PER_FILE)
        .map(|path| at(APPROVED, path, format!("the path is guarded, and {why}")).fix(step.clone()))
        .collect()
}

/// Whether the architect's last word on the change is yes; else why not, and the next step.
fn approval(work: &Work<'_>) -> Result<(), (String, String)> {
    let proposal = work.proposal;
    let Some(change) = &proposal.change else {
        let step = "write it down first as openspec/changes/<name>/proposal.md, and name that change in the run";
        return Err(("the work names no OpenSpec change".to_owned(), step.to_owned()));
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if change.is_empty() || !change.chars().all(fits) {
        let why = format!("`{}` is no name of an OpenSpec change", one_line(change, 60));
        return Err((why, "use letters, digits, - and _".to_owned()));
    }
    let folder = format!("openspec/changes/{change}/gates/");
    let next = format!("have the architect's review merged as {folder}<date>-architect.yaml with `verdict: approved`");
    let records = proposal.specs.iter().filter(|(path, _)| {
        path.strip_prefix(&folder).is_some_and(|name| name.ends_with("-architect.yaml") && !name.contains('/'))
    });
    let records: BTreeMap<&str, &[u8]> = records.map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
    // Nobody approves their own work: a record that this very proposal writes was read by no human yet.
    let own: HashSet<&str> = proposal.changes.iter().map(|change| change.path.as_str()).collect();
    if records.keys().any(|path| own.contains(path)) {
        let why = format!("its approval in {folder} is part of this same proposal");
        return Err((why, "propose the review by itself, and the work after it was merged".to_owned()));
    }
    let Some((path, bytes)) = records.last_key_value() else {
        return Err((format!("the change `{change}` has not passed the architect's gate"), next));
    };
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= RECORD_BYTES);
    let record = text.and_then(|text| yaml::read::<Record>(text).ok());
    match record {
        Some(record) if matches!(record.verdict.trim(), "approved" | "passed") => Ok(()),
        Some(record) => {
            let verdict = one_line(&record.verdict, 40);
            Err((format!("the last word on `{change}` is `{verdict}` ({path})"), next))
        }
        None => Err((format!("the record {path} cannot be read"), next)),
    }
}
