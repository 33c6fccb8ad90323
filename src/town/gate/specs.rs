//! The check that specs which are touched stay valid.
//! Lives here: the shape of specs as far as the gate asks for it. Never here: the life of a change (see `records`).

use std::collections::HashSet;

use super::PER_FILE;
use super::work::{Work, at};
use crate::town::finding::Finding;
use crate::town::text::one_line;

pub(super) const VALID: &str = "spec-valid";

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
