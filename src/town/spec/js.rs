//! Text as the reference reads it: what its language calls a blank, a word boundary and a length.
//! Lives here: only those differences between its strings and ours that change a verdict. Never here: Markdown.

/// Whether the reference's `\s` and `trim` take it for a blank: unlike ours they know U+FEFF and not U+0085.
#[must_use]
pub fn is_space(c: char) -> bool {
    matches!(c, '\u{9}'..='\u{d}' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

/// Whether its `.` stops there.
#[must_use]
pub fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Without the blanks at both ends.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Without the blanks at the beginning.
#[must_use]
pub fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// Without the blanks at the end.
#[must_use]
pub fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// Whether there is nothing but blanks.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// Length in UTF-16 units, as its strings count.
#[must_use]
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Puts entries in the order of its objects: keys that are whole numbers come first, by size.
pub fn object_order<T>(entries: &mut [T], key: impl Fn(&T) -> &str) {
    let number = |entry: &T| {
        let key = key(entry);
        key.parse::<u32>().ok().filter(|number| *number < u32::MAX && number.to_string() == key)
    };
    entries.sort_by_key(|entry| (number(entry).is_none(), number(entry)));
}

/// What follows `word`, whose letters may be of either case; only ASCII letters have two.
#[must_use]
pub fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

/// Whether SHALL or MUST stands there in capitals, between ASCII word boundaries.
#[must_use]
pub fn is_normative(text: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    ["SHALL", "MUST"].iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            !is_word(before) && !is_word(bytes.get(at + word.len()))
        })
    })
}

/// In the reference's patterns `\s*(.+)\s*$`: what stands there without the blanks before it, but with those behind it. A last
/// blank stands for itself where there is nothing else.
#[must_use]
pub fn rest(text: &str) -> Option<&str> {
    let start = text.len() - trim_start(text).len();
    if start == text.len() {
        // All blanks: the pattern gives one of them back to the dot.
        let last = text.char_indices().rev().find(|(_, c)| !ends_line(*c))?;
        return text.get(last.0..last.0 + last.1.len_utf8());
    }
    let tail = &text[start..];
    let reach = tail.find(ends_line).unwrap_or(tail.len());
    is_blank(&tail[reach..]).then_some(&tail[..reach])
}

#[test]
fn whole_numbers_come_first_in_an_object() {
    let mut keys = ["b", "10", "a", "2", "01", "4294967295", "4294967294"];
    object_order(&mut keys, |key| key);
    assert_eq!(keys, ["2", "10", "4294967294", "b", "a", "01", "4294967295"]);
}
