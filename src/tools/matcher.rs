//! Globs for looking things up: `*`, `?`, `**`, `[a-z]`, `{a,b}`.
//! Lives here: turning one into a regular expression, which matches in linear time. Never here: ownership, whose
//! patterns are simpler so that they can be proved disjoint.

use regex::{Regex, RegexBuilder};

use super::ToolError;

/// A glob's length, in characters.
const GLOB_CHARS: usize = 500;
/// Memory that a compiled pattern may take, in bytes.
pub(super) const COMPILED_BYTES: usize = 2 * 1024 * 1024;

/// A glob over repository-relative paths. Without a slash it matches a file's name at any depth.
pub(super) fn glob(glob: &str) -> Result<Regex, ToolError> {
    let glob = super::files::relative(glob).trim_start_matches('/');
    let bad = |why: &str| ToolError::Arguments(format!("The pattern {:?} is no glob: {why}.", super::shorten(glob)));
    if glob.is_empty() || glob.chars().count() > GLOB_CHARS {
        return Err(bad("use 1 to 500 characters"));
    }
    let mut regex = String::from(if glob.contains('/') { "^" } else { "^(?:.*/)?" });
    let mut rest = glob;
    let mut groups = 0_u32;
    while let Some(c) = rest.chars().next() {
        let mut used = c.len_utf8();
        match c {
            '*' if rest.starts_with("**/") => {
                regex.push_str("(?:.*/)?");
                used = 3;
            }
            '*' if rest.starts_with("**") => {
                regex.push_str(".*");
                used = 2;
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '{' => {
                groups += 1;
                regex.push_str("(?:");
            }
            ',' if groups > 0 => regex.push('|'),
            '}' if groups > 0 => {
                groups -= 1;
                regex.push(')');
            }
            '[' => used = class(rest, &mut regex).ok_or_else(|| bad("a [ is not closed"))?,
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
        rest = &rest[used..];
    }
    if groups > 0 {
        return Err(bad("a { is not closed"));
    }
    regex.push('$');
    RegexBuilder::new(&regex)
        .size_limit(COMPILED_BYTES)
        .dot_matches_new_line(true)
        .build()
        .map_err(|_| bad("it is too complicated"))
}

/// Translates `[…]` at the start of `rest` and says how long it is.
fn class(rest: &str, regex: &mut String) -> Option<usize> {
    let inner = &rest[1..];
    let negated = inner.starts_with(['!', '^']);
    let start = usize::from(negated);
    // A bracket that comes first stands for itself.
    let end = start + inner[start..].char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
    regex.push_str(if negated { "[^/" } else { "[" });
    for c in inner[start..end].chars() {
        if c != '-' && !c.is_alphanumeric() {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex.push(']');
    Some(1 + end + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_expected() {
        let cases = [
            ("*.rs", "src/town/a.rs", true),
            ("src/*.rs", "src/town/a.rs", false),
            ("src/**/*.rs", "src/town/a.rs", true),
            ("src/**/*.rs", "src/a.rs", true),
            ("src/**", "src/town/a.rs", true),
            ("**/a.rs", "a.rs", true),
            ("./src/a.rs", "src/a.rs", true),
            ("/src/a.rs", "src/a.rs", true),
            ("*.{md,txt}", "docs/x.txt", true),
            ("*.{md,txt}", "docs/x.tx", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[!a]b", "ab", false),
            ("[a-c]b", "bb", true),
            ("[]]b", "]b", true),
            ("a.b", "axb", false),
            ("a+b(c)", "a+b(c)", true),
            ("**", "any/where", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(glob(pattern).unwrap().is_match(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_glob_is_told() {
        for wrong in ["", "[a", "{a", "[z-a]", &"x".repeat(501)] {
            assert!(matches!(glob(wrong), Err(ToolError::Arguments(_))), "{wrong}");
        }
    }
}
