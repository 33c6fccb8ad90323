//! Where a text stands in a file that is indented otherwise: the second look of `Edit`.
//! Lives here: finding the one block of lines that says the same, and moving the new text as far as the old one was off. Never
//! here: guessing; where two blocks say the same, a word differs, or lines are off by different amounts, nothing is found.

use std::ops::Range;

/// Signs, white space left out, that a text must have to be looked for like this.
const LEAST: usize = 8;
/// Pairs of lines that are compared at the most.
const PAIRS: usize = 20_000_000;

/// A block of lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// Its bytes in the text, without the last line's end.
    pub(super) bytes: Range<usize>,
    /// Its first and last line, counted from 1.
    pub(super) lines: (usize, usize),
    /// What shall stand there.
    pub(super) new: String,
}

/// The only block of lines that is `old` but for the white space around each line. The new text is moved as far as the old
/// one was off.
pub(super) fn find(text: &str, old: &str, new: &str) -> Option<Anchor> {
    let (old, new) = (old.trim_matches('\n'), new.trim_matches('\n'));
    let wanted: Vec<&str> = old.lines().map(str::trim).collect();
    let signs: usize = wanted.iter().map(|line| line.chars().filter(|sign| !sign.is_whitespace()).count()).sum();
    if signs < LEAST || wanted.first().is_none_or(|line| line.is_empty()) {
        return None;
    }
    let lines: Vec<(usize, &str)> = starts(text);
    if lines.len().saturating_mul(wanted.len()) > PAIRS {
        return None;
    }
    let here = |at: usize| lines[at..].iter().zip(&wanted).all(|((_, line), wanted)| line.trim() == *wanted);
    let mut found = (0..(lines.len() + 1).saturating_sub(wanted.len())).filter(|at| here(*at));
    let (Some(first), None) = (found.next(), found.next()) else { return None };
    let last = first + wanted.len() - 1;
    let (start, end) = (lines[first].0, lines[last].0 + lines[last].1.trim_end_matches(['\n', '\r']).len());
    let (there, given) = (indent(lines[first].1), indent(old));
    // Only where every line is off by the same is it known where the new ones belong.
    let off_by_the_same = lines[first..=last].iter().zip(old.lines()).all(|((_, line), old)| {
        old.trim().is_empty() || matches!((line.strip_prefix(there), old.strip_prefix(given)), (Some(a), Some(b)) if indent(a) == indent(b))
    });
    if !off_by_the_same || !new.lines().all(|line| line.trim().is_empty() || line.starts_with(given)) {
        return None;
    }
    let crlf = lines[first].1.ends_with("\r\n");
    let moved: Vec<String> = new
        .lines()
        .map(|line| match line.strip_prefix(given) {
            Some(rest) if !rest.trim().is_empty() => format!("{there}{rest}"),
            _ => line.trim_end().to_owned(),
        })
        .collect();
    let new = moved.join(if crlf { "\r\n" } else { "\n" });
    Some(Anchor { bytes: start..end, lines: (first + 1, last + 1), new })
}

/// Each line with its end, and where it begins.
fn starts(text: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    let line = |line| {
        let start = at;
        at += str::len(line);
        (start, line)
    };
    text.split_inclusive('\n').map(line).collect()
}

fn indent(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t']).len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(text: &str, old: &str, new: &str) -> Option<String> {
        let anchor = find(text, old, new)?;
        Some(format!("{}{}{}", &text[..anchor.bytes.start], anchor.new, &text[anchor.bytes.end..]))
    }

    #[test]
    fn white_space_is_forgiven_and_words_are_not() {
        let text = "fn one() {\n    let a = first();\n    second(a);\n}\n\nfn two() {\n\tthird();\n}\n";
        let cases = [
            // Written down without its indentation.
            (
                "let a = first();\nsecond(a);",
                "let a = other();\n  second(a);",
                Some("fn one() {\n    let a = other();\n      second(a);\n}\n\nfn two() {\n\tthird();\n}\n"),
            ),
            // With too much of it, and a blank at the end of a line.
            (
                "        let a = first(); \n        second(a);\n",
                "        let b = first();\n\n        second(b);\n",
                Some("fn one() {\n    let b = first();\n\n    second(b);\n}\n\nfn two() {\n\tthird();\n}\n"),
            ),
            // Off by different amounts: nobody knows where the new lines belong.
            ("fn two() {\n  third();\n}", "fn two() {}", None),
            ("  fn two() {\n  \tthird();\n  }", "  fn two() {\n}", None),
            ("  fn two() {\n  \tthird();\n  }", "", Some("fn one() {\n    let a = first();\n    second(a);\n}\n\n\n")),
            ("let a = first();\nsecond(b);", "x", None),
            ("let a = first();\n\nsecond(a);", "x", None),
            ("}", "x", None),
            ("  \n", "x", None),
            ("nowhere to be seen", "x", None),
        ];
        for (old, new, wanted) in cases {
            assert_eq!(edited(text, old, new).as_deref(), wanted, "{old:?}");
        }
    }

    #[test]
    fn two_places_are_none_and_line_ends_stay() {
        assert_eq!(edited("  same words\nsame words\n", "\tsame words", "x"), None);
        assert_eq!(
            edited("a\r\n  first one\r\n  second one\r\nb", "first one\nsecond one", "third\nfourth").as_deref(),
            Some("a\r\n  third\r\n  fourth\r\nb")
        );
        let anchor = find("a\nb\n  the last line", "the last line", "x").unwrap();
        assert_eq!((anchor.lines, anchor.new.as_str()), ((3, 3), "  x"));
    }

    proptest! {
        #[test]
        fn what_is_found_says_the_same(text in "[ab \t\n]{0,60}", old in "[ab \t\n]{0,20}") {
            if let Some(anchor) = find(&text, &old, "new") {
                let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                prop_assert_eq!(plain(&text[anchor.bytes]), plain(&old));
            }
        }
    }
}
