//! What a proposal says, which the reference checks only when it archives.
//! Lives here: its sections and their lengths. Never here: whether it is a good one.

use super::super::block::number;
use super::super::js;
use super::super::lines::Lines;
use super::super::project::Project;
use super::super::rules::{self, Profile};
use super::super::sections::Sections;
use super::findings::{Findings, Place};
use crate::town::text::characters;

const SHORT: usize = 50;
const LONG: usize = 1000;
const OPERATIONS: usize = 10;

/// Checks the proposal of a change, where it has one. The gated workflow calls its sections Problem and Solution.
pub(super) fn check(findings: &mut Findings, project: &Project<'_>, change: &str, operations: usize) {
    let path = format!("{}/proposal.md", project.change_path(change));
    if !findings.asks(&rules::PROPOSAL_WHY) || project.tree().get(&path).is_none() {
        return;
    }
    let Ok(text) = project.text(&path) else { return };
    let lines = Lines::of(&text);
    let sections = Sections::of(&lines);
    let is_gated = findings.profile == Profile::Gated;
    let find = |title: &str, gated: &str| {
        let found = sections.find(title).or_else(|| sections.find(gated).filter(|_| is_gated));
        found.filter(|index| sections.has_content(*index))
    };
    let place = Place::of("proposal.md", path);
    match find("Why", "Problem") {
        None => findings.add(
            &rules::PROPOSAL_WHY,
            place.clone(),
            "the proposal does not say why: there is no `## Why` with text".to_owned(),
            "write `## Why` and what is wrong today",
        ),
        Some(index) => why(findings, &place.line(number(sections.get(index).at)), &sections.content(index)),
    }
    if find("What Changes", "Solution").is_none() {
        findings.add(
            &rules::PROPOSAL_WHAT,
            place.clone(),
            "the proposal does not say what changes: there is no `## What Changes` with text".to_owned(),
            "write `## What Changes` and a list of them",
        );
    }
    if operations > OPERATIONS {
        findings.add(
            &rules::PROPOSAL_MANY,
            place,
            format!("the change does {operations} things to requirements, more than {OPERATIONS}"),
            "split it into changes that can be reviewed one by one",
        );
    }
}

fn why(findings: &mut Findings, place: &Place, text: &str) {
    let length = js::length(text);
    if length < SHORT {
        let message = format!("the reason has {}, fewer than {SHORT}", characters(length));
        findings.add(&rules::PROPOSAL_SHORT, place.clone(), message, "say what is wrong today, and for whom");
    }
    if length > LONG {
        let message = format!("the reason has {length} characters, more than {LONG}");
        findings.add(
            &rules::PROPOSAL_LONG,
            place.clone(),
            message,
            "keep the reason short, and move the rest to design.md",
        );
    }
}
