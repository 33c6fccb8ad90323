//! Secrets in the tree.
//! Lives here: which places are listed and what kind of file they stand in. Never here: the rules of what a secret
//! looks like (see [`crate::town::secrets`]).

use super::owners::Owners;
use crate::town::facts::{SecretFacts, SecretFound};
use crate::town::secrets::scan;

/// Places that are listed.
const LISTED: usize = 1_000;

#[derive(Default)]
pub(super) struct Collector {
    facts: SecretFacts,
    pub(super) skipped: usize,
}

impl Collector {
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) {
        self.facts.scanned += 1;
        for hit in scan(path, bytes) {
            if self.facts.found.len() >= LISTED {
                self.facts.truncated += 1;
                continue;
            }
            let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            self.facts.found.push(SecretFound {
                path: path.to_owned(),
                line: place(hit.line),
                column: place(hit.column),
                rule: hit.rule.to_owned(),
                redacted: hit.redacted,
                sample: is_sample(path),
                owner: None,
            });
        }
    }

    pub(super) fn finish(mut self, owners: &Owners<'_>) -> SecretFacts {
        self.facts.skipped = self.skipped;
        self.facts.found.sort();
        self.facts.found.iter_mut().for_each(|found| found.owner = owners.of(&found.path));
        self.facts
    }
}

/// Whether a path belongs to tests, examples or documentation, where look-alikes are common.
fn is_sample(path: &str) -> bool {
    const WORDS: [&str; 10] =
        ["test", "tests", "spec", "fixtures", "testdata", "example", "examples", "docs", "mock", "mocks"];
    let lower = path.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| WORDS.contains(&word))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::Sample;
    use super::*;
    use crate::town::charter::Sense;

    // covers: senses#secrets-are-never-repeated
    #[test]
    fn finds_places_and_never_shows_the_secret() {
        let token = format!("{}{}", "ghp_", "a1B2".repeat(9));
        let text = format!("x\nkey = \"{token}\"\n");
        let sample = Sample::new();
        let head =
            sample.commit("one", &[("src/a.rs", &text), ("tests/b.rs", &text), ("qa/p.md", &text), ("b.bin", "\0")]);
        let facts = sample.facts(head, None, &[Sense::Secrets]).secrets.unwrap();
        let seen: Vec<_> = facts.found.iter().map(|f| (f.path.as_str(), f.line, f.column, f.sample)).collect();
        assert_eq!(seen, [("qa/p.md", 2, 8, false), ("src/a.rs", 2, 8, false), ("tests/b.rs", 2, 8, true)]);
        assert_eq!(facts.found[0].owner.as_ref().unwrap().as_str(), "chaostester");
        assert_eq!((facts.scanned, facts.skipped), (3, 1));
        assert!(!format!("{facts:?}{}", facts.brief(4000)).contains(&token));
    }

    #[test]
    fn samples_are_known_by_whole_words_of_the_path() {
        for (path, sample) in
            [("tests/x.rs", true), ("a/x.test.js", true), ("src/latest.rs", false), ("contest/a", false)]
        {
            assert_eq!(is_sample(path), sample, "{path}");
        }
    }
}
