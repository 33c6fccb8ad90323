//! The words that make a sentence binding.
//! Lives here: which they are, and whether a text has one. Never here: where they are configured.

use std::fmt;

use super::super::js;

/// SHALL and MUST, and words of another language that `normative_keywords` in `openspec/config.yaml` adds; the reference knows
/// only the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Words {
    /// Whether one of them stands in a text. A configured word is a whole one wherever letters stand around it.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        js::is_normative(text) || self.0.iter().any(|word| has(text, word))
    }

    /// How to put one there.
    #[must_use]
    pub fn fix(&self, is_in_header: bool) -> String {
        if is_in_header {
            return format!("put the sentence with {self} on the line below the heading");
        }
        format!("say below the heading what is required, with {self}")
    }
}

fn has(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // Scripts without blanks between words have no boundaries to look for.
    let is_bounded = word.chars().all(|c| c.is_alphabetic() && (c.is_lowercase() || c.is_uppercase()));
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            !is_bounded || !(is_part(text[..at].chars().next_back()) || is_part(text[at + word.len()..].chars().next()))
        })
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHALL or MUST")?;
        self.0.iter().try_for_each(|word| write!(f, " or {word}"))
    }
}
