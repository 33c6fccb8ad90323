//! What the reference overlooks: rules that only the profiles beyond its own ask.
//! Lives here: those of one file, and of what comes of merging it. Never here: lines that look like operations (see `unread`).

use std::collections::{HashMap, HashSet};
use std::str;

use unicode_normalization::UnicodeNormalization;

use super::super::block::{self, Block, number};
use super::super::comments::Comments;
use super::super::heading;
use super::super::issue::Level;
use super::super::js;
use super::super::lines::Lines;
use super::super::rules::{self, Rule};
use super::super::sections::{Section, Sections, Spec};
use super::super::tree::Fault;
use super::findings::{Findings, Place};
use super::words::Words;

/// A block of code that nothing closes hides all that follows.
pub(super) fn fence(findings: &mut Findings, rule: &Rule, place: &Place, lines: &Lines<'_>) {
    if let Some(at) = lines.unclosed() {
        findings.add(
            rule,
            place.line(number(at)),
            "the block of code that opens here is never closed, and hides all that follows".to_owned(),
            "close it with a line of the same back-ticks or tildes and nothing behind them",
        );
    }
}

/// Bytes that are not UTF-8 are read as U+FFFD, and would be written so.
pub(super) fn bytes(findings: &mut Findings, rule: &Rule, place: &Place, bytes: &[u8]) {
    let Err(why) = str::from_utf8(bytes) else { return };
    let before = String::from_utf8_lossy(&bytes[..why.valid_up_to()]);
    let line = before.matches('\n').count();
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    findings.add(
        rule,
        place.line(number(line)).column(number(column)),
        format!("the byte 0x{:02x} is no part of UTF-8", bytes[why.valid_up_to()]),
        "save the file as UTF-8",
    );
}

/// A delta that cannot be read. The reference passes over it, unless it is our own limit that keeps it from being read.
pub(super) fn unread(findings: &mut Findings, place: Place, fault: Fault) {
    let (what, fix) = fault.words();
    let is_ours = fault == Fault::TooLarge;
    if is_ours || findings.asks(&rules::DELTA_BYTES) {
        findings.add_as(Level::Error, &rules::CHANGE_UNREADABLE, place, what.to_owned(), fix);
    }
}

/// A requirement in a comment counts all the same.
pub(super) fn commented(
    findings: &mut Findings,
    rule: &Rule,
    place: &Place,
    comments: &Comments,
    line: u32,
    name: &str,
) {
    if comments.hold(line) {
        findings.add(
            rule,
            place.line(line),
            format!("\"{name}\" stands in a comment, and counts all the same"),
            "take it out of the comment, or delete it",
        );
    }
}

/// A binding word in a comment binds nobody.
pub(super) fn commented_words(findings: &mut Findings, rule: &Rule, place: &Place, block: &Block, words: &Words) {
    let lines = block.lines();
    let body = block::body(&lines, 1..lines.len());
    if body.contains("<!--") && words.are_in(&body) && !words.are_in(&without_comments(&body)) {
        findings.add(
            rule,
            place.line(block.line),
            format!("the text of \"{}\" has {words} in a comment only", block.name),
            &words.fix(false),
        );
    }
}

fn without_comments(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        shown.push_str(before);
        shown.push(' ');
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    shown
}

/// Headings of requirements that one reader sees and the other does not.
pub(super) fn unspaced(findings: &mut Findings, rule: &Rule, place: &Place, lines: &Lines<'_>) {
    for (at, line) in lines.open_lines(0..lines.len()) {
        if let Some(written) = heading::requirement(line).filter(|_| heading::spaced_requirement(line).is_none()) {
            findings.add(
                rule,
                place.line(number(at)).column(4),
                "no blank follows `###`: only half of the readers take it for a requirement".to_owned(),
                &format!("write `### Requirement: {}`", heading::name(written)),
            );
        }
    }
}

/// A name without case, double blanks and the choice between composed letters and those of several marks.
pub(super) fn bare(name: &str) -> String {
    heading::folded(name).nfc().collect()
}

/// What the reference overlooks in a main spec.
pub(super) fn spec(
    findings: &mut Findings,
    place: &Place,
    lines: &Lines<'_>,
    sections: &Sections<'_, '_>,
    spec: &Spec,
    blocks: &[Block],
    words: &Words,
) {
    shadowed(findings, place, sections);
    strays(findings, place, lines, sections, spec);
    unspaced(findings, &rules::SPEC_UNSPACED, place, lines);
    let comments = Comments::of(lines);
    // Where another section stands in for it, that is said once.
    let is_shadowed = !heading::is_requirements(lines.get(spec.requirements_at));
    let counted: HashSet<u32> = spec.requirements.iter().map(|requirement| number(requirement.at)).collect();
    let mut names: HashMap<String, &Block> = HashMap::new();
    for block in blocks {
        let is_spaced = heading::spaced_requirement(lines.get(block.line as usize - 1)).is_some();
        if is_spaced && !is_shadowed && !counted.contains(&block.line) {
            findings.add(
                &rules::SPEC_HIDDEN,
                place.line(block.line),
                format!("\"{}\" belongs to another heading for the checks, so that nothing checks it", block.name),
                "take the heading above it away, or make it one of level 5",
            );
        }
        commented(findings, &rules::SPEC_COMMENTED, place, &comments, block.line, &block.name);
        commented_words(findings, &rules::SPEC_COMMENTED_SHALL, place, block, words);
        let before = *names.entry(bare(&block.name)).or_insert(block);
        if before.name != block.name {
            findings.add(
                &rules::SPEC_NEAR,
                place.line(block.line),
                format!("\"{}\" is nearly the name of \"{}\" on line {}", block.name, before.name, before.line),
                "give one of them another name, or merge the two",
            );
        }
    }
}

/// Sections that are found by their title though they are not the ones that a merge works on.
fn shadowed(findings: &mut Findings, place: &Place, sections: &Sections<'_, '_>) {
    let found = ["Purpose", "Requirements"].into_iter().filter_map(|title| Some((title, sections.find(title)?)));
    for (title, index) in found {
        let section = sections.get(index);
        if section.level != 2 {
            findings.add(
                &rules::SPEC_SHADOWED,
                place.line(number(section.at)),
                format!(
                    "this heading of level {} is taken for `## {title}` by the checks, not by the merge",
                    section.level
                ),
                &format!("give it another title, or write `## {title}`"),
            );
        }
    }
}

/// Headings that the checks count as requirements or scenarios, and the merge does not.
fn strays(findings: &mut Findings, place: &Place, lines: &Lines<'_>, sections: &Sections<'_, '_>, spec: &Spec) {
    let Some(section) = sections.find("Requirements") else { return };
    for (at, requirement) in spec.requirements.iter().enumerate() {
        if heading::requirement(lines.get(requirement.at)).is_none() {
            findings.add(
                &rules::SPEC_STRAY,
                place.named(format!("requirements[{at}]")).line(number(requirement.at)),
                format!("`{}` is counted as a requirement, and is none", js::trim(lines.get(requirement.at))),
                "write `### Requirement: <name>`, or move it out of `## Requirements`",
            );
        }
    }
    for (child, _) in sections.children(section) {
        let counted = |(deep, found): &(usize, &Section<'_>)| found.level != 4 && sections.has_content(*deep);
        for (_, found) in sections.children(child).filter(counted) {
            findings.add(
                &rules::SPEC_DEEP_SCENARIO,
                place.line(number(found.at)),
                format!("`{}` is counted as a scenario, which is a heading of level 4", js::trim(lines.get(found.at))),
                &format!("write `#### {}`", found.title),
            );
        }
    }
}
