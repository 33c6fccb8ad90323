//! HTML comments of a Markdown text, by line.
//! Lives here: which lines stand in one. Never here: what that means for a rule.

use super::js;
use super::lines::Lines;

/// Which lines stand in a comment: from one that begins with `<!--` to the next with `-->`.
#[derive(Debug)]
pub struct Comments(Vec<bool>);

impl Comments {
    /// Reads a text.
    #[must_use]
    pub fn of(lines: &Lines<'_>) -> Self {
        let mut open = false;
        let mask = (0..lines.len()).map(|at| {
            let line = lines.get(at);
            let begins = !open && !lines.is_fenced(at) && js::trim_start(line).starts_with("<!--");
            let is_inside = open || begins;
            open = is_inside && !line.contains("-->");
            is_inside
        });
        Self(mask.collect())
    }

    /// Whether a line, counted from 1, stands in one.
    #[must_use]
    pub fn hold(&self, line: u32) -> bool {
        line.checked_sub(1).and_then(|at| self.0.get(at as usize)).copied().unwrap_or_default()
    }
}
