//! What humans said to earlier proposals of the page, and which entries they meant.
//! Lives here: reading a reviewer's words. Never here: what follows from it (see `register`).

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{self, code, plain};
use super::entry::{Entry, Key};
use super::previous::{Limit, id_number};
use super::role::Role;
use crate::town::charter::Charter;
use crate::town::facts::{Facts, Outcome, Verdict};

/// Characters of a reviewer's words that are searched for names.
const READ: usize = 8_000;

/// A rejection of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    pub pull: u64,
    pub code: String,
    /// What was written, made plain and short.
    pub words: String,
    /// What was written, as far as it is searched.
    text: String,
}

/// Rejections since the last merge, the oldest first: what was merged has answered everything before it.
pub(super) fn rejections(charter: &Charter, facts: &Facts) -> Vec<Rejection> {
    let Some(proposals) = &facts.proposals else { return Vec::new() };
    let mut own: Vec<&Verdict> = proposals.verdicts.iter().filter(|v| v.agent == charter.name).collect();
    own.sort_by_key(|verdict| (verdict.at, verdict.number));
    let merged = own.iter().rposition(|verdict| verdict.outcome == Outcome::Merged).map_or(0, |at| at + 1);
    own[merged..].iter().map(|verdict| Rejection::of(verdict)).collect()
}

impl Rejection {
    fn of(verdict: &Verdict) -> Self {
        let text: String = verdict.text.as_deref().unwrap_or_default().chars().take(READ).collect();
        Self {
            pull: verdict.number,
            code: verdict.reason.clone().unwrap_or_default(),
            words: plain(&text, cell::TEXT),
            text,
        }
    }

    /// Whether entries that it names are to be set aside.
    pub(super) fn dismisses(&self) -> bool {
        matches!(self.code.as_str(), "wrong" | "duplicate" | "low-value" | "out-of-scope")
    }

    /// The limit that it asks for.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self.code.as_str() {
            "too-large" => Some(Limit::Ten(self.pull)),
            "spam" => Some(Limit::Severe(self.pull)),
            _ => None,
        }
    }

    /// The keys of the entries that the words name by id or by place.
    pub(super) fn names(&self, role: &Role, ids: &BTreeMap<u32, Key>, entries: &[Entry]) -> BTreeSet<Key> {
        let mut out = BTreeSet::new();
        let mut places: BTreeSet<&str> = BTreeSet::new();
        let separates =
            |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | ')' | '<' | '>' | ',' | ';');
        for token in self.text.split(separates) {
            // A leading dot belongs to the name of a file.
            let token = token.trim_end_matches(['.', ':', '!', '?', '*', ']', '}']).trim_start_matches(['*', '[', '{']);
            if token.contains(['.', '/']) {
                places.insert(token.strip_prefix("./").unwrap_or(token));
            }
            if let Some(key) = id_number(token, &role.prefix).and_then(|number| ids.get(&number)) {
                out.insert(key.clone());
            }
        }
        for entry in entries.iter().filter(|entry| !entry.path.is_empty()) {
            let path = entry.path.as_str();
            let at_line = || entry.lines.iter().any(|line| places.contains(format!("{path}:{line}").as_str()));
            let in_words = || path.contains(char::is_whitespace) && self.text.contains(path);
            if places.contains(path) || at_line() || in_words() {
                out.insert(entry.key.clone());
            }
        }
        out
    }

    /// What was said, in one sentence.
    pub(super) fn sentence(&self) -> String {
        let code_word =
            if self.code.is_empty() { "without a reason".to_owned() } else { format!("as {}", code(&self.code)) };
        let words = if self.words.is_empty() { String::new() } else { format!(": {}", code(&self.words)) };
        format!("Pull request #{} was turned down {code_word}{words}", self.pull)
    }
}
