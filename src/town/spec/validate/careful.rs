//! What the reference overlooks.
//! Lives here: the rules that only the profiles beyond its own ask.

use super::super::block::number;
use super::super::lines::Lines;
use super::super::rules::Rule;
use super::findings::{Findings, Place};

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
