//! Path patterns: literal segments, `*` within a segment, `**` for any number of segments.
//! Lives here: what may be a pattern, and matching. Never here: whether two patterns can meet (see
//! [`super::overlap`]), who owns what (see [`super::ownership`]).
//!
//! The meaning, in full:
//! - A path is relative to the repository, with `/` between segments. A path with an empty segment, `.` or
//!   `..` is matched by nothing, so `owned/../other` never slips through.
//! - `*` stands for any characters of one segment, also none, also a leading dot.
//! - `**` as a whole segment stands for any number of segments, also none. At the end it stands for at least
//!   one: `a/**` is everything below `a` and not `a` itself.
//! - Letters are compared exactly. That two paths are one file on some machines is the business of `overlap`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::is_invisible;

/// A pattern's length, in bytes, at the most.
pub const PATTERN_BYTES: usize = 512;
/// A pattern's segments, at the most.
pub const PATTERN_SEGMENTS: usize = 32;
/// A pattern's stars, at the most.
pub const PATTERN_STARS: usize = 16;

/// One pattern over repository-relative paths with `/` between segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

/// What one segment of a path must look like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Segment {
    /// Any number of segments.
    Any,
    /// Exactly this one.
    Literal(String),
    /// One that fits these characters, where `*` stands for any run of them.
    Glob(String),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pattern {text:?}: {why}")]
pub struct BadPattern {
    /// The text that was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Pattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `path` is one of the paths that the pattern stands for.
    ///
    /// The last `**` is the only choice that is ever taken back, so the work is bounded by the product of both
    /// lengths.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return false;
        }
        let (mut p, mut s) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while s < path.len() {
            match self.segments.get(p) {
                Some(Segment::Any) => {
                    retry = Some((p + 1, s));
                    p += 1;
                }
                Some(segment) if segment.fits(path[s]) => {
                    p += 1;
                    s += 1;
                }
                _ => match retry {
                    Some((after, from)) => {
                        retry = Some((after, from + 1));
                        p = after;
                        s = from + 1;
                    }
                    None => return false,
                },
            }
        }
        self.segments[p..].iter().all(|segment| *segment == Segment::Any)
    }

    /// Whether every path of `other` is surely one of ours too. A `false` may also mean "not decided":
    /// only equal patterns and a folder with everything below it (`a/**`) are recognised.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let [folder @ .., Segment::Any, Segment::Glob(last)] = self.segments.as_slice() else { return false };
        let literal = folder.iter().all(|segment| matches!(segment, Segment::Literal(_)));
        last == "*" && literal && other.segments.len() > folder.len() && other.segments.starts_with(folder)
    }

    /// The path itself, where the pattern has no star and so stands for one path only.
    #[must_use]
    pub fn as_path(&self) -> Option<&str> {
        (!self.text.contains('*')).then_some(self.text.as_str())
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl Segment {
    fn new(text: &str) -> Self {
        match text {
            "**" => Self::Any,
            glob if glob.contains('*') => Self::Glob(glob.to_owned()),
            literal => Self::Literal(literal.to_owned()),
        }
    }

    /// Whether one segment of a path fits; `Any` is the caller's business.
    pub(super) fn fits(&self, segment: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(text) => text == segment,
            Self::Glob(glob) => glob_fits(glob.as_bytes(), segment.as_bytes()),
        }
    }
}

/// Bytes are enough: a star can only swallow whole characters, because what stands around it is whole.
fn glob_fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                retry = Some((g + 1, t));
                g += 1;
            }
            Some(byte) if *byte == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    g = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

/// Turns the text into segments: neighbouring `**` are one, and a final `**` asks for at least one segment.
fn compile(text: &str) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for part in text.split('/') {
        let segment = Segment::new(part);
        if segment != Segment::Any || segments.last() != Some(&Segment::Any) {
            segments.push(segment);
        }
    }
    if segments.last() == Some(&Segment::Any) {
        segments.push(Segment::Glob("*".to_owned()));
    }
    segments
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        match refusal(text) {
            Some(why) => Err(BadPattern { text: text.chars().take(80).collect(), why }),
            None => Ok(Self { text: text.to_owned(), segments: compile(text) }),
        }
    }
}

/// Why `text` cannot be a pattern, with the remedy where there is one.
fn refusal(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.len() > PATTERN_BYTES {
        return Some(format!("it has {} bytes; {PATTERN_BYTES} are allowed", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Some("it contains a control character".to_owned());
    }
    if text.chars().any(is_invisible) {
        return Some("it contains a character that nobody can see".to_owned());
    }
    if text.contains('\\') {
        return Some("it contains a backslash; write / between folders".to_owned());
    }
    if let Some(sign) = text.chars().find(|c| matches!(c, '?' | '[' | ']' | '{' | '}' | '!')) {
        return Some(format!("{sign} is not supported; only * and ** are, list several patterns instead"));
    }
    if text.starts_with('/') {
        return Some("it is absolute; start at the repository's root without /".to_owned());
    }
    if text.ends_with('/') {
        return Some(format!("it ends with /; write {text}** for everything below"));
    }
    if text.matches('*').count() > PATTERN_STARS {
        return Some(format!("it has more than {PATTERN_STARS} stars"));
    }
    if text.split('/').count() > PATTERN_SEGMENTS {
        return Some(format!("it has more than {PATTERN_SEGMENTS} segments"));
    }
    text.split('/').find_map(bad_segment)
}

fn bad_segment(segment: &str) -> Option<String> {
    match segment {
        "" => Some("it has an empty segment (//)".to_owned()),
        "." | ".." => Some(format!("it has a segment {segment}; write the path without it")),
        "**" => None,
        glued if glued.contains("**") => {
            Some(format!("** must be a whole segment, not part of {glued}; write * for a part of a name"))
        }
        spaced if spaced.trim() != spaced => Some("a segment begins or ends with a space".to_owned()),
        _ => None,
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
        ser.serialize_str(&self.text)
    }
}

impl schemars::JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string"})
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        String::deserialize(de)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let pattern: Pattern = pattern.parse().unwrap();
        for path in yes {
            assert!(pattern.matches(path), "{pattern} should match {path}");
        }
        for path in no {
            assert!(!pattern.matches(path), "{pattern} should not match {path}");
        }
    }

    #[test]
    fn matching_means_what_the_page_says() {
        check("README.md", &["README.md"], &["readme.md", "a/README.md", "README.md/x", ""]);
        check("docs/*", &["docs/a", "docs/.hidden"], &["docs", "docs/a/b", "docs/"]);
        check("docs/**", &["docs/a", "docs/a/b/c"], &["docs", "docsx/a", "docs//a"]);
        check("**", &["a", "a/b"], &["", "a//b"]);
        check("**/x.md", &["x.md", "a/x.md", "a/b/x.md"], &["ax.md", "x.md/y"]);
        check("a/**/b", &["a/b", "a/x/b", "a/b/b", "a/x/y/b"], &["a", "b", "a/b/c"]);
        check("a/**/**", &["a/b", "a/b/c"], &["a"]);
        check("*-pm.yaml", &["x-pm.yaml", "-pm.yaml"], &["x-pm.yml", "d/x-pm.yaml"]);
        check("r/*-*-?".trim_end_matches('?'), &["r/a-b-"], &["r/a-b"]);
        check("é*", &["é", "éa"], &["e\u{301}"]);
    }

    #[test]
    fn paths_that_are_not_plain_are_matched_by_nothing() {
        check("**", &[], &["owned/../other", "./a", "/a", "a/", "..", "a/./b"]);
        check("owned/**", &[], &["owned/../other", "owned/.", "owned/x/.."]);
    }

    #[test]
    fn refusals_say_why() {
        let long = "a".repeat(513);
        let deep = vec!["a"; 33].join("/");
        let stars = "*a".repeat(17);
        for (text, why) in [
            ("", "empty"),
            ("/etc", "absolute"),
            ("a/../b", "segment .."),
            ("./a", "segment ."),
            ("a\\b", "backslash"),
            ("a//b", "empty segment"),
            ("docs/", "docs/**"),
            ("a/**b", "whole segment"),
            ("a/b**", "whole segment"),
            ("a/***", "whole segment"),
            ("a?", "not supported"),
            ("[ab]", "not supported"),
            ("{a,b}", "not supported"),
            ("!a", "not supported"),
            ("a\nb", "control"),
            ("a\0", "control"),
            ("docs\u{200b}/**", "nobody can see"),
            ("docs/\u{202e}x", "nobody can see"),
            ("a /b", "space"),
            (long.as_str(), "512"),
            (deep.as_str(), "32 segments"),
            (stars.as_str(), "16 stars"),
        ] {
            let error = text.parse::<Pattern>().unwrap_err();
            assert!(error.why.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn hostile_patterns_and_paths_stay_cheap() {
        let pattern: Pattern = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b".parse().unwrap();
        assert!(!pattern.matches(&"a".repeat(100_000)));
        let pattern: Pattern = "**/a/**/a/**/a/**/a/**/a/**/a/**/b".parse().unwrap();
        assert!(!pattern.matches(&vec!["a"; 20_000].join("/")));
    }

    #[test]
    fn containing_is_only_claimed_where_it_is_sure() {
        let pattern = |text: &str| text.parse::<Pattern>().unwrap();
        assert!(pattern("src/**").contains(&pattern("src/**")));
        assert!(pattern("src/**").contains(&pattern("src/town/*.rs")));
        assert!(pattern("**").contains(&pattern("a/*")));
        assert!(!pattern("src/**").contains(&pattern("src")));
        assert!(!pattern("src/**").contains(&pattern("srcs/a")));
        assert!(!pattern("src/*").contains(&pattern("src/**")));
        assert!(!pattern("src/town/**").contains(&pattern("src/**")));
    }
}
