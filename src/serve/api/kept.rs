//! Answers that were worked out before, as far as there is room.
//! Lives here: which of them are let go. Never here: what an answer says, and what it holds for.

use std::collections::HashMap;
use std::sync::Arc;

use super::desk::Document;

/// Bytes of all answers that are kept: a page of a long pull request alone has some megabytes.
const BYTES: usize = 32 << 20;
/// Answers that are kept, however small.
const ANSWERS: usize = 512;

/// An answer with what it was made for, and when it was asked for last.
struct One {
    version: String,
    document: Arc<Document>,
    asked: u64,
}

/// Answers by name.
#[derive(Default)]
pub struct Kept {
    answers: HashMap<String, One>,
    bytes: usize,
    /// How often something was asked for.
    asked: u64,
}

impl Kept {
    /// The answer of this name, where it was made for this version.
    pub fn get(&mut self, name: &str, version: &str) -> Option<Arc<Document>> {
        self.asked += 1;
        let one = self.answers.get_mut(name).filter(|one| one.version == version)?;
        one.asked = self.asked;
        Some(one.document.clone())
    }

    /// Keeps an answer, and lets go of those that nobody has asked for the longest. One that has no room at all is not kept.
    pub fn put(&mut self, name: &str, version: &str, document: Arc<Document>) {
        self.remove(name);
        let bytes = document.bytes.len();
        if bytes > BYTES {
            return;
        }
        while self.bytes + bytes > BYTES || self.answers.len() >= ANSWERS {
            let oldest = self.answers.iter().min_by_key(|(_, one)| one.asked).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
        self.asked += 1;
        self.bytes += bytes;
        self.answers.insert(name.to_owned(), One { version: version.to_owned(), document, asked: self.asked });
    }

    fn remove(&mut self, name: &str) {
        if let Some(one) = self.answers.remove(name) {
            self.bytes -= one.document.bytes.len();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn document(bytes: usize) -> Arc<Document> {
        Arc::new(Document { tag: String::new(), bytes: vec![b'x'; bytes].into() })
    }

    fn held(kept: &Kept) -> usize {
        kept.answers.values().map(|one| one.document.bytes.len()).sum()
    }

    #[test]
    fn what_is_kept_has_so_many_bytes_and_what_was_asked_for_last_stays() {
        let mut kept = Kept::default();
        kept.put("pulls", "1", document(100));
        for number in 0..40 {
            kept.put(&format!("pulls/{number}"), "1", document(4 << 20));
            assert!(kept.get("pulls", "1").is_some(), "{number}");
            assert!(held(&kept) <= BYTES && kept.bytes == held(&kept), "{number}: {}", held(&kept));
        }
        assert_eq!((kept.answers.len(), kept.get("pulls/0", "1").is_none()), (8, true));
        assert!(kept.get("pulls/39", "1").is_some() && kept.get("pulls/39", "2").is_none());
        // One of another version takes the place of the one before.
        kept.put("pulls/39", "2", document(10));
        assert_eq!((kept.answers.len(), kept.bytes), (8, held(&kept)));
        kept.put("huge", "1", document(BYTES + 1));
        assert!(kept.get("huge", "1").is_none() && kept.get("pulls", "1").is_some());
    }

    #[test]
    fn small_ones_are_so_many() {
        let mut kept = Kept::default();
        (0..2 * ANSWERS).for_each(|number| kept.put(&number.to_string(), "1", document(1)));
        assert_eq!((kept.answers.len(), kept.bytes), (ANSWERS, ANSWERS));
    }
}
