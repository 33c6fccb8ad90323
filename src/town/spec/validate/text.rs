//! Whether the text of a requirement is there and says how binding it is: the same question in main specs and deltas.
//! Lives here: the question, and what follows from the answer. Never here: which requirements are asked.

use super::super::block::{self, Block};
use super::super::issue::Level;
use super::super::lines::Lines;
use super::super::rules::Rule;
use super::findings::{Findings, Place};
use super::words::Words;

/// The rules that the answers break.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) absent: &'static Rule,
    pub(super) in_header: &'static Rule,
    pub(super) not_normative: &'static Rule,
}

/// Asks one requirement, whose lines are `lines`.
pub(super) fn check(
    findings: &mut Findings,
    place: &Place,
    block: &Block,
    lines: &Lines<'_>,
    words: &Words,
    rules: Rules,
) {
    let body = block::body(lines, 1..lines.len());
    if words.are_in(&body) {
        return;
    }
    let place = place.line(block.line);
    let name = &block.name;
    match (body.is_empty(), words.are_in(name)) {
        (true, true) => {
            let message = format!("\"{name}\" has {words} in its heading and no text below it");
            findings.add_as(Level::Error, rules.in_header, place, message, &words.fix(true));
        }
        (true, false) => {
            let message = format!("\"{name}\" has no text below its heading");
            findings.add(rules.absent, place, message, &words.fix(false));
        }
        (false, true) => {
            let message = format!("\"{name}\" has {words} in its heading only, not in its text");
            findings.add(rules.in_header, place, message, &words.fix(true));
        }
        (false, false) => {
            let message = format!("the text of \"{name}\" has no {words}");
            findings.add(rules.not_normative, place, message, &words.fix(false));
        }
    }
}
