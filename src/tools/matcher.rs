//! Globs for looking things up: `*`, `?`, `**`, `[a-z]`, `{a,b}`.
//! Lives here: what a glob means to `Glob` and `Grep`; `globset` reads it, and `regex` matches it in linear time. Never
//! here: ownership, whose patterns are simpler so that they can be proved disjoint.

use globset::GlobBuilder;
use regex::{Regex, RegexBuilder};

use super::ToolError;

/// A glob's length, in characters. It also bounds what the compiled pattern takes.
const GLOB_CHARS: usize = 500;
/// What the compiled pattern may take, in bytes.
const COMPILED_BYTES: usize = 10 << 20;

/// A glob over repository-relative paths. Without a slash it matches a file's name at any depth.
///
/// `?` and `[…]` stand for one character, in whatever script.
pub(super) fn glob(glob: &str) -> Result<Regex, ToolError> {
    let glob = super::files::relative(glob).trim_start_matches('/');
    let bad = |why: &str| ToolError::Arguments(format!("The pattern {:?} is no glob: {why}.", super::shorten(glob)));
    if glob.is_empty() || glob.chars().count() > GLOB_CHARS {
        return Err(bad("use 1 to 500 characters"));
    }
    let anchored = if glob.contains('/') { glob.to_owned() } else { format!("**/{glob}") };
    // What differs between systems, or is off by itself, is said here.
    let built = GlobBuilder::new(&anchored)
        .literal_separator(true)
        .backslash_escape(true)
        .empty_alternates(true)
        .build()
        .map_err(|e| bad(&e.kind().to_string()))?;
    let mut builder = RegexBuilder::new(&of_characters(built.regex()));
    builder.dot_matches_new_line(true).size_limit(COMPILED_BYTES).build().map_err(|e| bad(&e.to_string()))
}

/// The pattern that `globset` made for bytes, for characters: what is not ASCII stands in it byte by byte, as `\xNN`.
fn of_characters(pattern: &str) -> String {
    let mut whole = String::with_capacity(pattern.len());
    let mut bytes = Vec::new();
    let mut rest = pattern.strip_prefix("(?-u)").unwrap_or(pattern);
    while let Some(next) = rest.chars().next() {
        let escape = rest.strip_prefix("\\x").and_then(|after| after.get(..2));
        if let Some(byte) = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &rest[4..];
            // They are the bytes of whole characters, so that each is complete at some point.
            if let Ok(character) = std::str::from_utf8(&bytes) {
                whole.push_str(character);
                bytes.clear();
            }
            continue;
        }
        // A backslash takes what follows along: of two the second one escapes nothing.
        let length =
            next.len_utf8() + if next == '\\' { rest[1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
        whole.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    whole
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
            ("a{b,}c", "x/ac", true),
            ("{src,docs}/*.md", "docs/a.md", true),
            ("\\[a]", "[a]", true),
            ("é*.md", "docs/été.md", true),
            ("?t?.md", "docs/été.md", true),
            ("??.md", "docs/é.md", false),
            ("?.md", "中.md", true),
            ("[é]t*", "été", true),
            ("[ä-ü]t*", "été", true),
            ("[ä-ü]t*", "Ãté", false),
            ("[!é]t*", "été", false),
            ("[!a]té", "été", true),
            ("{é,中}.md", "中.md", true),
            ("é", "Ã©", false),
            ("🦀?", "🦀🦀", true),
            ("\\\\xc3\\\\xa9", "é", false),
            ("\\\\xc3", "\\xc3", true),
            ("a\\é", "aé", true),
            ("*", "a\nb", true),
            ("a[/]c", "a/c", false),
            ("[!a]c", "x/c", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(glob(pattern).unwrap().is_match(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_longest_globs_are_not_too_large() {
        for wide in ["?".repeat(500), "[!a]".repeat(125), "{?,[!é]}".repeat(62), "**/?/".repeat(100)] {
            assert!(glob(&wide).is_ok(), "{wide}");
        }
    }

    #[test]
    fn what_is_no_glob_is_told() {
        let cases = [
            ("", "The pattern \"\" is no glob: use 1 to 500 characters."),
            (&"x".repeat(501), "is no glob: use 1 to 500 characters."),
            ("[a", "The pattern \"[a\" is no glob: unclosed character class; missing ']'."),
            ("{a", "is no glob: unclosed alternate group"),
            ("a}", "is no glob: unopened alternate group"),
            ("[z-a]", "is no glob: invalid range"),
            ("a\\", "is no glob: dangling '\\'."),
            (&"{".repeat(250), "is no glob: "),
        ];
        for (wrong, part) in cases {
            let Err(ToolError::Arguments(said)) = glob(wrong) else { panic!("{wrong} is a glob") };
            assert!(said.contains(part), "{said}");
        }
    }

    proptest::proptest! {
        /// What `globset` reads is a pattern of characters as well, and says the same of what is ASCII.
        #[test]
        fn every_glob_compiles_or_is_told(
            pattern in "[\\[\\]{}*?,a-c/!^\\\\é中&~:.x\\-]{0,60}", path in "[a-c/x&~.\\-]{0,8}",
        ) {
            let read = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).empty_alternates(true).build();
            if let Ok(read) = read {
                let ours = Regex::new(&format!("(?s){}", of_characters(read.regex()))).unwrap();
                if pattern.is_ascii() {
                    proptest::prop_assert_eq!(ours.is_match(&path), read.compile_matcher().is_match(&path));
                }
            }
            let _ = glob(&pattern).is_ok_and(|glob| glob.is_match(&path));
        }

        /// A text stands for itself, whatever its script.
        #[test]
        fn letters_stand_for_themselves(name in "[a-zé中🦀\\u{80}\\u{7ff}\\u{10ffff}]{1,20}") {
            proptest::prop_assert!(glob(&name).unwrap().is_match(&name));
            let any: String = name.chars().map(|_| '?').collect();
            proptest::prop_assert!(glob(&any).unwrap().is_match(&name));
            let more = any + "?";
            proptest::prop_assert!(!glob(&more).unwrap().is_match(&name));
        }
    }
}
