//! Cells of the page: what others wrote made harmless, and read back from a page.
//! Lives here: quoting, redacting and splitting of rows. Never here: what the rows mean.

use crate::town::gate::FILLER;
use crate::town::markdown::{quoted, quoted_cell, visible};
use crate::town::secrets::{mask, scan};
use crate::town::text::escape_invisible;

/// Characters of quoted text in a row.
pub(super) const TEXT: usize = 160;

/// What stands where a row would show what looks like a secret even after masking.
const WITHHELD: &str = "not shown";

/// One line of at most `max` characters that holds no secret, nothing invisible and nothing that a reader of the page
/// (the scan for notes, the gate, a table) would take for its own sign. Applied twice, it says the same.
pub(super) fn plain(text: &str, max: usize) -> String {
    // More than four times the length cannot matter, and the text may be of any size.
    let masked = mask(&visible(text, max * 4), &[]);
    let shown = harmless(&visible(&masked, usize::MAX).replace("\\|", "\\u{7c}"));
    visible(&shown, max)
}

/// Without what a scan of the page would take for its own sign: invisible characters, comments, filler.
fn harmless(text: &str) -> String {
    let shown = escape_invisible(text).0;
    without_filler(shown.replace("<!--", "<\\u{21}--").replace("-->", "--\\u{3e}"))
}

fn without_filler(mut text: String) -> String {
    for phrase in FILLER {
        // ASCII only, so that offsets are the same in both spellings.
        while let Some(at) = text.to_ascii_lowercase().find(phrase) {
            let blank = at + phrase.find(' ').unwrap_or(0);
            text.replace_range(blank..=blank, "\\u{20}");
        }
    }
    text
}

/// `text` as code in a sentence.
pub(super) fn code(text: &str) -> String {
    quoted(&plain(text, TEXT), usize::MAX)
}

/// `text` as code in the cell of a table.
pub(super) fn cell(text: &str) -> String {
    quoted_cell(&plain(text, TEXT), usize::MAX)
}

/// Whether a line of the page may stand there as it is.
pub(super) fn is_clean(line: &str) -> bool {
    scan("", line.as_bytes()).is_empty()
}

/// The line made harmless, or a sentence in its place where it holds what looks like a secret.
pub(super) fn clean(line: String) -> String {
    let line = harmless(&line);
    if is_clean(&line) { line } else { format!("- A line here holds what looks like a secret and is {WITHHELD}.") }
}

/// Words of ours and words of others, for a sentence and for a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Our words.
    Words(String),
    /// Somebody else's.
    Quote(String),
}

/// The parts in a row.
pub(super) fn render(parts: &[Part], in_cell: bool) -> String {
    let one = |part: &Part| match part {
        Part::Words(words) => words.clone(),
        Part::Quote(text) if in_cell => cell(text),
        Part::Quote(text) => code(text),
    };
    parts.iter().map(one).collect()
}

/// `path` and `line` as one text that a reader can jump to; the number is never cut off.
pub(super) fn place(path: &str, line: Option<u32>) -> String {
    let path = plain(path, TEXT - 10);
    line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"))
}

/// The place as a cell, with the further lines behind it.
pub(super) fn place_cell(path: &str, lines: &[u32]) -> String {
    if path.is_empty() {
        return "the repository".to_owned();
    }
    let first = quoted_cell(&place(path, lines.first().copied()), usize::MAX);
    let more: Vec<String> = lines.iter().skip(1).take(5).map(ToString::to_string).collect();
    match (more.len(), lines.len().saturating_sub(6)) {
        (0, _) => first,
        (_, 0) => format!("{first}, {}", more.join(", ")),
        (_, rest) => format!("{first}, {} and {rest} more", more.join(", ")),
    }
}

/// The path that a place cell names, without its lines.
pub(super) fn path_of(place_cell: &str) -> String {
    let text = place_cell.trim();
    let fence = text.len() - text.trim_start_matches('`').len();
    if fence == 0 {
        return text.to_owned();
    }
    let end = text[fence..].find(&text[..fence]).map_or(text.len(), |at| fence + at + fence);
    let mut path = decoded(&text[..end]);
    // A name that itself ends in a number loses it too, so that the answer is the same however often it is asked.
    while let Some((before, line)) = path.rsplit_once(':') {
        if line.is_empty() || !line.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        path.truncate(before.len());
    }
    path
}

/// The text that a cell shows.
pub(super) fn decoded(cell: &str) -> String {
    let text = cell.trim();
    let fence = text.len() - text.trim_start_matches('`').len();
    let inner = if fence > 0 && text.len() >= fence * 2 && text.ends_with(&text[..fence]) {
        &text[fence..text.len() - fence]
    } else {
        text
    };
    inner.trim().replace("\\|", "|")
}

/// The cells of a table's row; `None` where the line is no row.
pub(super) fn split(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        if byte == b'|' && !escaped {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
        escaped = byte == b'\\';
    }
    cells.push(inner[start..].trim());
    Some(cells)
}

/// The cells as a row.
pub(super) fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// What is said instead of a text that cannot be shown.
pub(super) fn withheld() -> String {
    WITHHELD.to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_place_reads_back_without_its_lines() {
        for path in ["README.md", "a b.md", "odd`name|x.md", "a:12", "C:\\|x"] {
            for lines in [&[][..], &[3], &[3, 4], &[1, 2, 3, 4, 5, 6, 7, 8]] {
                let shown = place_cell(path, lines);
                assert_eq!(path_of(&shown), plain(path.trim_end_matches(":12"), TEXT), "{shown}");
                assert_eq!(split(&row(&[shown.clone(), "x".into()])).unwrap(), [shown.as_str(), "x"]);
            }
        }
    }

    #[test]
    fn what_others_wrote_does_nothing() {
        let token = format!("ghp{}aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6", "_");
        for (text, shown) in [
            ("a|b", "`a\\|b`".to_owned()),
            ("a\\|b", "`a\\u{7c}b`".to_owned()),
            ("<script>", "`<script>`".to_owned()),
            ("<!-- x", "`<\\u{21}-- x`".to_owned()),
            ("one\ntwo\u{202e}", "`one two\\u{202E}`".to_owned()),
            ("Lorem Ipsum", "`Lorem\\u{20}Ipsum`".to_owned()),
            (&format!("use {token} here"), "`use *** here`".to_owned()),
        ] {
            assert_eq!(cell(text), shown);
        }
    }

    proptest! {
        #[test]
        fn cells_come_back_from_a_row(texts in proptest::collection::vec(".{0,400}", 1..5)) {
            let cells: Vec<String> = texts.iter().map(|text| cell(text)).collect();
            let line = row(&cells);
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(split(&line).unwrap(), cells.iter().map(String::as_str).collect::<Vec<_>>());
            for (cell, text) in cells.iter().zip(&texts) {
                let back = decoded(cell);
                prop_assert_eq!(&back, &plain(text, TEXT));
                prop_assert_eq!(&plain(&back, TEXT), &back);
            }
        }
    }
}
