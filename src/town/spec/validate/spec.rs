//! The rules of a main spec.
//! Lives here: what the reference checks, in its order. Never here: what it overlooks (see `careful`).

use super::super::block;
use super::super::issue::Issue;
use super::super::js;
use super::super::lines::Lines;
use super::super::main_spec::Requirements;
use super::super::purpose;
use super::super::rules::{self, Profile};
use super::super::sections::{Missing, Sections, Spec};
use super::super::structure::{self, Structural};
use super::super::tree::{Fault, Node};
use super::Checker;
use super::careful;
use super::findings::{Findings, Place};
use super::text;
use super::words::Words;
use crate::town::text::characters;

const TEXTS: text::Rules = text::Rules {
    absent: &rules::SPEC_NO_TEXT,
    in_header: &rules::SPEC_HEADER_SHALL,
    not_normative: &rules::SPEC_NO_SHALL,
};
const PURPOSE: usize = 50;
const TEXT: usize = 500;
const SCENARIO_FIX: &str = "write `#### Scenario: <name>` below it, with `- **WHEN** …` and `- **THEN** …`";

/// What is wrong with the text of a main spec. `id` is its path below `specs/`.
#[must_use]
pub fn spec_text(id: &str, text: &str, profile: Profile) -> Vec<Issue> {
    check(&format!("openspec/specs/{id}/spec.md"), text, profile, &Words::default())
}

/// The same for a spec of a project. A link to it has to stay inside of `specs/`.
pub(super) fn of_project(checker: &Checker<'_, '_>, id: &str) -> Vec<Issue> {
    let project = checker.project;
    let file = project.spec_path(id);
    let node = project.tree().get(&file);
    let leads_out =
        matches!(node, Some(Node::LinkedFile { target, .. }) if !target.starts_with(&project.below("specs/")));
    let text = if leads_out { Err(Fault::LeadsOut) } else { project.text(&file) };
    let mut findings = Findings::new(checker.profile);
    match text {
        Err(fault) => {
            let (what, fix) = fault.words();
            findings.add(&rules::SPEC_UNREADABLE, Place::of("file", file), what.to_owned(), fix);
            findings.issues
        }
        Ok(text) => {
            if let Some(bytes) = node.and_then(Node::bytes) {
                careful::bytes(&mut findings, &rules::SPEC_BYTES, &Place::of("file", &file), bytes);
            }
            let mut issues = check(&file, &text, checker.profile, &checker.words);
            issues.append(&mut findings.issues);
            issues
        }
    }
}

/// The same for the spec that stands in `file`.
pub(super) fn check(file: &str, text: &str, profile: Profile, words: &Words) -> Vec<Issue> {
    let lines = Lines::of(text);
    let sections = Sections::of(&lines);
    let place = Place::of("file", file);
    let mut findings = Findings::new(profile);
    match Spec::of(&sections) {
        Ok(spec) => {
            requirements(&mut findings, &place, &spec);
            for fault in structure::faults(&lines) {
                structural(&mut findings, &place, &fault);
            }
            purpose(&mut findings, &place, &spec, &lines);
            lengths(&mut findings, &place, &spec);
            let section = Requirements::of(&lines);
            for (at, block) in section.blocks.iter().enumerate() {
                let place = place.named(format!("requirements[{at}]"));
                text::check(&mut findings, &place, block, &block.lines(), words, TEXTS);
            }
            if profile != Profile::Openspec1 {
                careful::spec(&mut findings, &place, &lines, &sections, &spec, &section.blocks, words);
            }
        }
        Err(missing) => absent(&mut findings, &place, missing),
    }
    careful::fence(&mut findings, &rules::SPEC_OPEN_FENCE, &place, &lines);
    findings.issues
}

fn absent(findings: &mut Findings, place: &Place, missing: Missing) {
    match missing {
        Missing::Purpose => findings.add(
            &rules::SPEC_NO_PURPOSE,
            place.clone(),
            "there is no `## Purpose` with text below it, so nothing else was checked".to_owned(),
            "write `## Purpose` and one or two sentences on what the capability is for",
        ),
        Missing::Requirements => findings.add(
            &rules::SPEC_NO_SECTION,
            place.clone(),
            "there is no `## Requirements`, so nothing else was checked".to_owned(),
            "write `## Requirements`, and the requirements below it as `### Requirement: <name>`",
        ),
    }
}

/// What the shape of the whole must be: requirements, each with text and scenarios.
fn requirements(findings: &mut Findings, place: &Place, spec: &Spec) {
    if spec.requirements.is_empty() {
        findings.add(
            &rules::SPEC_EMPTY,
            place.named("requirements").line(block::number(spec.requirements_at)),
            "`## Requirements` holds no requirement".to_owned(),
            "write `### Requirement: <name>`, a sentence with SHALL or MUST, and a scenario",
        );
    }
    for (at, requirement) in spec.requirements.iter().enumerate() {
        let place = place.line(block::number(requirement.at));
        if requirement.text.is_empty() {
            findings.add(
                &rules::SPEC_NAMELESS,
                place.named(format!("requirements.{at}.text")),
                "the heading has no title and no text below it".to_owned(),
                "give it a name as `### Requirement: <name>`, or delete it",
            );
        }
        if requirement.scenarios == 0 {
            findings.add(
                &rules::SPEC_NO_SCENARIO,
                place.named(format!("requirements.{at}.scenarios")),
                "the requirement has no scenario with steps".to_owned(),
                SCENARIO_FIX,
            );
        }
    }
}

fn structural(findings: &mut Findings, place: &Place, found: &Structural<'_>) {
    let place = place.line(found.line);
    let header = found.header;
    match found.fault {
        structure::Fault::DeltaHeader => findings.add(
            &rules::SPEC_DELTA_HEADER,
            place,
            format!("`{header}` belongs into a delta; here it ends the requirements"),
            "move what stands below it into `## Requirements`, and delete the heading",
        ),
        structure::Fault::Outside => findings.add(
            &rules::SPEC_OUTSIDE,
            place,
            format!("`{header}` stands outside of the first `## Requirements`, where nothing reads it"),
            "move it into `## Requirements`",
        ),
        structure::Fault::Duplicate(before) => findings.add(
            &rules::SPEC_DUPLICATE,
            place,
            format!("`{header}` has the name of the requirement on line {before}"),
            "give one of them another name, or merge the two",
        ),
    }
}

fn purpose(findings: &mut Findings, place: &Place, spec: &Spec, lines: &Lines<'_>) {
    let place = place.named("overview");
    let heading = place.line(block::number(spec.purpose_at));
    if let Some(found) = purpose::placeholder(&spec.purpose, lines) {
        findings.add(
            &rules::SPEC_PLACEHOLDER,
            Place { line: found.line, ..place },
            "nobody has written the purpose yet: a placeholder stands there".to_owned(),
            "say what the capability is for, here in the main spec: a delta's purpose is read only when it creates the spec",
        );
    } else if js::length(&spec.purpose) < PURPOSE {
        findings.add(
            &rules::SPEC_BRIEF,
            heading,
            format!("the purpose has {}, fewer than {PURPOSE}", characters(js::length(&spec.purpose))),
            "say in a sentence or two what the capability is for",
        );
    }
}

fn lengths(findings: &mut Findings, place: &Place, spec: &Spec) {
    for (at, requirement) in spec.requirements.iter().enumerate() {
        let place = place.line(block::number(requirement.at));
        // A unit of UTF-16 has at least a byte.
        if requirement.text.len() > TEXT && js::length(&requirement.text) > TEXT {
            findings.add(
                &rules::SPEC_LONG,
                place.named(format!("requirements[{at}]")),
                format!("the text has {} characters, more than {TEXT}", js::length(&requirement.text)),
                "split it into requirements that can be tested one by one",
            );
        }
        if requirement.scenarios == 0 {
            findings.add(
                &rules::SPEC_SCENARIO_HINT,
                place.named(format!("requirements[{at}].scenarios")),
                "a scenario is a heading of level 4 with steps below it".to_owned(),
                SCENARIO_FIX,
            );
        }
    }
}
