//! Globs for looking things up: `*`, `?`, `**`, `[a-z]`, `{a,b}`.
//! Lives here: what a glob means to `Glob` and `Grep`; `globset` matches it in linear time. Never here: ownership,
//! whose patterns are simpler so that they can be proved disjoint.

use globset::{GlobBuilder, GlobMatcher};

use super::ToolError;

/// A glob's length, in characters. It also bounds what the compiled pattern takes, far below the limit of `globset`.
const GLOB_CHARS: usize = 500;

/// A glob over repository-relative paths. Without a slash it matches a file's name at any depth.
///
/// `?` and `[…]` stand for one byte: a letter outside ASCII is matched by itself or by `*`.
pub(super) fn glob(glob: &str) -> Result<GlobMatcher, ToolError> {
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
    Ok(built.compile_matcher())
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
            ("*", "a\nb", true),
            ("a[/]c", "a/c", false),
            ("[!a]c", "x/c", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(glob(pattern).unwrap().is_match(path), expected, "{pattern} {path}");
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
        /// The matcher is compiled without a result to look at; so nothing that parses may fail there.
        #[test]
        fn every_glob_compiles_or_is_told(pattern in "[\\[\\]{}*?,a-c/!^\\\\é中&~:.\\-]{0,60}") {
            let _ = glob(&pattern).is_ok_and(|glob| glob.is_match("a/b"));
        }
    }
}
