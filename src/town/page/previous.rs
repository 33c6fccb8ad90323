//! What an earlier page of the role says: its ids, what was closed or dismissed, and how it was limited.
//! Lives here: reading a page that people may have edited; whatever is not understood counts for nothing.
//! Never here: facts.

use std::collections::BTreeMap;

use super::cell::{decoded, split};
use super::entry::Key;
use super::write::{CLOSED, DISMISSED, NEXT, VOLATILE};

/// Bytes and rows of an earlier page that are read; ours are far smaller.
const BYTES: usize = 512 * 1024;
const ROWS: usize = 2_000;
/// A larger number is no id of ours.
const LARGEST: u32 = 9_999_999;

/// Which entries a page lists, as humans asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Limit {
    /// All of them.
    #[default]
    None,
    /// The most important ones: the pull request with this number was too large.
    Ten(u64),
    /// The most severe ones: the pull request with this number was turned down as spam.
    Severe(u64),
}

impl Limit {
    const TEN: &str = "Only the 10 most important entries are listed, because pull request #";
    const SEVERE: &str = "Only entries of the highest weight are listed, because pull request #";

    /// The sentence on the page; `None` where all entries are listed.
    pub(super) fn sentence(self, more: usize) -> Option<String> {
        let (start, pull, why) = match self {
            Self::None => return None,
            Self::Ten(pull) => (Self::TEN, pull, "was too large"),
            Self::Severe(pull) => (Self::SEVERE, pull, "was turned down as spam"),
        };
        let known = if more == 0 { "no more are".to_owned() } else { format!("{more} more are") };
        Some(format!("{start}{pull} {why}; {known} known. Delete this line to have all of them listed."))
    }

    fn of_line(line: &str) -> Option<Self> {
        let number = |rest: &str| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        let ten = line.strip_prefix(Self::TEN).and_then(number).map(Self::Ten);
        ten.or_else(|| line.strip_prefix(Self::SEVERE).and_then(number).map(Self::Severe))
    }
}

/// An entry that a reviewer turned down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dismissal {
    pub number: u32,
    pub words: String,
    pub pull: u64,
}

/// What is known from the earlier page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Previous {
    pub open: BTreeMap<Key, u32>,
    /// In the order of the page, the latest first.
    pub closed: Vec<(Key, u32)>,
    pub dismissed: BTreeMap<Key, Dismissal>,
    pub limit: Limit,
    /// The number that the next new entry gets.
    pub next: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Open,
    Closed,
    Dismissed,
}

impl Previous {
    /// Reads `page`, whose ids begin with `prefix`.
    pub(super) fn read(page: Option<&str>, prefix: &str) -> Self {
        let mut out = Self { next: 1, ..Self::default() };
        let page = page.unwrap_or_default();
        let page = &page[..page.floor_char_boundary(BYTES)];
        let (mut part, mut rows) = (Part::Open, 0);
        for line in page.lines().map(str::trim_end) {
            if let Some(heading) = line.strip_prefix("## ") {
                part = match heading {
                    CLOSED => Part::Closed,
                    DISMISSED => Part::Dismissed,
                    _ => Part::Open,
                };
            } else if line.starts_with('|') && rows < ROWS {
                rows += 1;
                out.row(line, prefix, part);
            } else if let Some(limit) = Limit::of_line(line) {
                out.limit = limit;
            } else if let Some(rest) = line.strip_prefix(NEXT) {
                let number = id_number(rest.trim_end_matches('.').trim_matches('`'), prefix);
                out.next = out.next.max(number.unwrap_or(1));
            }
        }
        out
    }

    fn row(&mut self, line: &str, prefix: &str, part: Part) {
        let Some(cells) = split(line) else { return };
        let Some(number) = cells.first().and_then(|id| id_number(id, prefix)) else { return };
        self.next = self.next.max(number + 1);
        // The weight stands between id and kind where there is one.
        let key =
            |at: usize| Key::of_cells(cells.get(at)?, cells.get(at + 1)?, cells.get(at + 2)?).map(|key| (at, key));
        let Some((at, key)) = key(1).or_else(|| key(2)) else { return };
        if self.open.contains_key(&key) || self.dismissed.contains_key(&key) {
            return;
        }
        match part {
            Part::Open => {
                self.open.insert(key, number);
            }
            Part::Closed => {
                if !self.closed.iter().any(|(known, _)| *known == key) {
                    self.closed.push((key, number));
                }
            }
            Part::Dismissed => {
                let words = cells.get(at + 3).map(|cell| decoded(cell)).unwrap_or_default();
                let pull = cells.get(at + 4).and_then(|cell| cell.trim_start_matches('#').parse().ok()).unwrap_or(0);
                self.dismissed.insert(key, Dismissal { number, words, pull });
            }
        }
    }

    /// The number that `key` has or had.
    pub(super) fn number_of(&self, key: &Key) -> Option<u32> {
        let closed = || self.closed.iter().find(|(known, _)| known == key).map(|(_, number)| *number);
        self.open.get(key).copied().or_else(|| self.dismissed.get(key).map(|one| one.number)).or_else(closed)
    }
}

/// The number of an id such as `QA-003`.
pub(super) fn id_number(id: &str, prefix: &str) -> Option<u32> {
    let (head, digits) = id.trim().split_at_checked(prefix.len())?;
    let digits = digits.strip_prefix('-').filter(|_| head.eq_ignore_ascii_case(prefix))?;
    let all_digits = !digits.is_empty() && digits.len() <= 7 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|number| all_digits && (1..LARGEST).contains(number))
}

/// A page without the sections that others' work changes all the time.
pub(super) fn lasting(page: &str) -> String {
    let mut skipped = false;
    let mut out = String::with_capacity(page.len());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            skipped = VOLATILE.contains(&heading);
        }
        if !skipped {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_ids_count() {
        for (id, number) in [
            ("QA-003", Some(3)),
            ("qa-3", Some(3)),
            ("QA-0", None),
            ("QA-", None),
            ("QA-99999999", None),
            ("QAX-1", None),
            ("SEC-1", None),
            ("Ä", None),
        ] {
            assert_eq!(id_number(id, "QA"), number, "{id}");
        }
    }

    #[test]
    fn a_page_of_noise_says_nothing() {
        let noise = format!("| QA-001 |\n| QA-002 | x | y | z |\n|||||\n{}", "| QA-003 | note\n".repeat(9));
        let read = Previous::read(Some(&noise), "QA");
        assert!(read.open.is_empty() && read.closed.is_empty() && read.dismissed.is_empty());
        assert_eq!(read.next, 3);
    }

    #[test]
    fn limits_read_back() {
        for limit in [Limit::None, Limit::Ten(12), Limit::Severe(7)] {
            let page = limit.sentence(3).unwrap_or_default();
            assert_eq!(Previous::read(Some(&page), "QA").limit, limit);
        }
    }
}
