//! Safe paths: which names may stand in the repository so that every machine reads them the same way.
//! Lives here: rules over one path, and twins across the tree. Never here: who owns a path, and no file system.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::text::is_invisible;

/// The longest segment that common file systems hold, in bytes.
pub const SEGMENT_BYTES: usize = 255;
/// The longest path that common systems open, in bytes.
pub const PATH_BYTES: usize = 4096;

/// Why a path is not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathProblem {
    /// There is nothing.
    Empty,
    /// It starts at the root of a file system.
    Absolute,
    /// It starts with a drive letter.
    Drive,
    /// A segment is `..`.
    Parent,
    /// A segment is `.`.
    Dot,
    /// Two slashes follow each other, or one ends the path.
    EmptySegment,
    /// A backslash, which separates segments on Windows.
    Backslash,
    /// A colon, which names a hidden stream on Windows.
    Colon,
    /// A control character.
    Control,
    /// A character that nobody sees, or that turns the reading direction.
    Invisible,
    /// A segment ends with a dot or a space, which Windows drops.
    TrailingDotOrSpace,
    /// A segment is a device name on Windows.
    Reserved,
    /// Some file system reads a segment as `.git`.
    GitFolder,
    /// A segment or the path is too long.
    TooLong,
    /// It is not in Unicode's composed form (NFC).
    NotComposed,
    /// Its bytes are not UTF-8.
    NotUtf8,
}

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Absolute => "is absolute",
            Self::Drive => "starts with a drive letter",
            Self::Parent => "has a segment `..`",
            Self::Dot => "has a segment `.`",
            Self::EmptySegment => "has an empty segment",
            Self::Backslash => "holds a backslash",
            Self::Colon => "holds a colon, which Windows reads as a hidden stream",
            Self::Control => "holds a control character",
            Self::Invisible => "holds an invisible character",
            Self::TrailingDotOrSpace => "has a segment that ends with a dot or a space, which Windows drops",
            Self::Reserved => "has a segment that is a device name on Windows",
            Self::GitFolder => "has a segment that a file system reads as `.git`",
            Self::TooLong => "is too long (255 bytes for a segment, 4096 in all)",
            Self::NotComposed => "is not in Unicode's composed form (NFC)",
            Self::NotUtf8 => "is not UTF-8",
        })
    }
}

/// Says everything that is unsafe about a repository-relative path, each problem once, in a fixed order.
///
/// Bytes that are not UTF-8 are expected as `\xNN`.
#[must_use]
pub fn problems(path: &str) -> Vec<PathProblem> {
    if path.is_empty() {
        return vec![PathProblem::Empty];
    }
    let mut found = Vec::new();
    if path.starts_with('/') {
        found.push(PathProblem::Absolute);
    }
    let bytes = path.as_bytes();
    if bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        found.push(PathProblem::Drive);
    } else if path.contains(':') {
        found.push(PathProblem::Colon);
    }
    match backslashes(path) {
        (true, _) => found.push(PathProblem::Backslash),
        (false, true) => found.push(PathProblem::NotUtf8),
        _ => {}
    }
    if path.chars().any(char::is_control) {
        found.push(PathProblem::Control);
    }
    if path.chars().any(|c| !c.is_control() && is_invisible(c)) {
        found.push(PathProblem::Invisible);
    }
    if !is_nfc(path) {
        found.push(PathProblem::NotComposed);
    }
    if path.len() > PATH_BYTES {
        found.push(PathProblem::TooLong);
    }
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 || !path.starts_with('/') {
            segment_problems(segment, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn segment_problems(segment: &str, found: &mut Vec<PathProblem>) {
    match segment {
        "" => found.push(PathProblem::EmptySegment),
        "." => found.push(PathProblem::Dot),
        ".." => found.push(PathProblem::Parent),
        _ if segment.ends_with(['.', ' ']) => found.push(PathProblem::TrailingDotOrSpace),
        _ => {}
    }
    if segment.len() > SEGMENT_BYTES {
        found.push(PathProblem::TooLong);
        return;
    }
    if is_device(segment) {
        found.push(PathProblem::Reserved);
    }
    if is_git_folder(segment) {
        found.push(PathProblem::GitFolder);
    }
}

/// Whether there is a real backslash, and whether there is a byte shown as `\xNN`.
fn backslashes(path: &str) -> (bool, bool) {
    let (mut real, mut byte) = (false, false);
    for (at, _) in path.match_indices('\\') {
        let shown = path.as_bytes().get(at + 1..at + 4);
        if shown.is_some_and(|s| s[0] == b'x' && s[1].is_ascii_hexdigit() && s[2].is_ascii_hexdigit()) {
            byte = true;
        } else {
            real = true;
        }
    }
    (real, byte)
}

/// Whether Windows opens a device under this name, with or without an extension.
fn is_device(segment: &str) -> bool {
    let stem = segment.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let Some(number) = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")) else { return false };
    matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
}

/// The segment as the most forgiving file system reads it: no ignorable characters, no trailing dots or spaces, no
/// stream name, lower case.
fn as_read(segment: &str) -> String {
    let visible: String = segment.chars().filter(|c| !is_invisible(*c)).collect();
    let name = visible.split(':').next().unwrap_or_default();
    fold(name.trim_end_matches(['.', ' ']))
}

fn is_git_folder(segment: &str) -> bool {
    matches!(as_read(segment).as_str(), ".git" | "git~1")
}

/// Whether some file system reads the segment as a name that starts with `.git` (`.github`, `.gitattributes`, …),
/// short names of Windows included.
#[must_use]
pub fn is_git_name(segment: &str) -> bool {
    let read = as_read(segment);
    if read.starts_with(".git") {
        return true;
    }
    // Windows shortens `.gitmodules` to `gitmod~1` or, after collisions, to `gi7eba~1`.
    let Some((stem, digits)) = read.split_once('~') else { return false };
    let numbered = digits.starts_with(|c: char| c.is_ascii_digit());
    let hashed = stem.len() == 6 && stem.starts_with("gi") && stem[2..].bytes().all(|b| b.is_ascii_hexdigit());
    numbered && stem.is_ascii() && (stem.starts_with("git") || hashed)
}

/// The path as a file system reads it that ignores case and normalisation: composed, then full Unicode folding.
#[must_use]
pub fn fold(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    // Upper case first brings together what lower case alone keeps apart: ß and SS, ς and σ, ſ and s.
    path.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// How a folded name is spelled in the tree, and by whom.
#[derive(Default)]
struct Spelling<'a> {
    changed: Option<&'a str>,
    standing: Option<&'a str>,
}

/// Finds the changed paths that collide with another path of the tree where case or normalisation is ignored:
/// `Read.md` and `read.md`, composed and decomposed forms, `A/x` and `a/y`, a file and a folder of one name.
///
/// Pairs are (changed path, other path), each once, sorted. Twins that stood in the tree before are left alone.
/// Linear in the tree.
#[must_use]
pub fn twins<'a>(
    tree: impl IntoIterator<Item = &'a str>,
    changed: impl IntoIterator<Item = &'a str>,
) -> Vec<(String, String)> {
    let changed: HashSet<&str> = changed.into_iter().collect();
    let mut names: HashMap<String, BTreeMap<&'a str, Spelling<'a>>> = HashMap::new();
    for path in &changed {
        let folded = fold(path);
        for end in ends(&folded) {
            names.entry(unslashed(&folded[..end]).to_owned()).or_default();
        }
    }
    for path in tree {
        spell(&mut names, path, changed.contains(path));
    }
    for path in changed {
        spell(&mut names, path, true);
    }
    let mut pairs: Vec<(String, String)> = names.values().flat_map(colliding).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The ends of every leading part of a path, folders with their slash so that a file and a folder spell differently.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    path.match_indices('/').map(|(at, _)| at + 1).chain(std::iter::once(path.len()))
}

fn unslashed(part: &str) -> &str {
    part.strip_suffix('/').unwrap_or(part)
}

fn spell<'a>(names: &mut HashMap<String, BTreeMap<&'a str, Spelling<'a>>>, path: &'a str, is_changed: bool) {
    for end in ends(path) {
        let part = &path[..end];
        // A folded name that no changed path shares has no longer one that is shared either.
        let Some(spellings) = names.get_mut(&fold(unslashed(part))) else { return };
        let spelling = spellings.entry(part).or_default();
        let slot = if is_changed { &mut spelling.changed } else { &mut spelling.standing };
        // The smallest path speaks for the others, so that the order of the tree does not matter.
        *slot = Some(slot.map_or(path, |other| other.min(path)));
    }
}

fn colliding(spellings: &BTreeMap<&str, Spelling<'_>>) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut seen = HashSet::new();
    for (name, spelling) in spellings {
        let (Some(path), None) = (spelling.changed, spelling.standing) else { continue };
        let other = spellings.iter().find(|(other, _)| *other != name);
        let Some((_, other)) = other else { continue };
        let Some(twin) = other.standing.or(other.changed) else { continue };
        if twin != path && seen.insert((path.min(twin), path.max(twin))) {
            pairs.push((path.to_owned(), twin.to_owned()));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_trick_has_a_name() {
        use PathProblem as P;
        let long = "a".repeat(256);
        let cases: [(&str, &[P]); 34] = [
            ("src/main.rs", &[]),
            (".monkeytown/qa/page.md", &[]),
            ("docs/Grüße 世界.md", &[]),
            ("...", &[P::TrailingDotOrSpace]),
            ("", &[P::Empty]),
            ("/etc/passwd", &[P::Absolute]),
            ("C:/x", &[P::Drive]),
            ("owned/../other", &[P::Parent]),
            ("./a", &[P::Dot]),
            ("a//b", &[P::EmptySegment]),
            ("a/", &[P::EmptySegment]),
            ("a\\b", &[P::Backslash]),
            ("a\\xFFb", &[P::NotUtf8]),
            ("ab:c", &[P::Colon]),
            ("a\0b", &[P::Control]),
            ("a\nb", &[P::Control]),
            ("a\u{202E}b", &[P::Invisible]),
            ("a./b", &[P::TrailingDotOrSpace]),
            ("a /b", &[P::TrailingDotOrSpace]),
            ("CON", &[P::Reserved]),
            ("x/nul.txt", &[P::Reserved]),
            ("com1.tar.gz", &[P::Reserved]),
            ("LPT¹", &[P::Reserved]),
            ("console/common1", &[]),
            (".git/config", &[P::GitFolder]),
            ("a/.GiT/hooks/x", &[P::GitFolder]),
            (".git /x", &[P::TrailingDotOrSpace, P::GitFolder]),
            ("git~1/x", &[P::GitFolder]),
            (".g\u{200C}it/x", &[P::Invisible, P::GitFolder]),
            (".git::$INDEX_ALLOCATION/x", &[P::Colon, P::GitFolder]),
            (".gitignore", &[]),
            ("e\u{301}.md", &[P::NotComposed]),
            ("é.md", &[]),
            (&long, &[P::TooLong]),
        ];
        for (path, expected) in cases {
            assert_eq!(problems(path), expected, "{path:?}");
        }
        assert_eq!(problems(&"a/".repeat(2100)), [P::EmptySegment, P::TooLong]);
    }

    #[test]
    fn names_of_git_are_seen_through() {
        for name in [".git", ".github", ".GitAttributes", ".gitmodules ", "gitmod~1", "GI7EBA~1", ".g\u{200D}itignore"]
        {
            assert!(is_git_name(name), "{name:?}");
        }
        for name in ["git", "github", "a.git", "gist~1", "gitlab", "x~1"] {
            assert!(!is_git_name(name), "{name:?}");
        }
    }

    fn check_twins(tree: &[&str], changed: &[&str], expected: &[(&str, &str)]) {
        let found = twins(tree.iter().copied(), changed.iter().copied());
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, expected, "{tree:?} {changed:?}");
    }

    #[test]
    fn twins_are_found() {
        check_twins(&["a.md", "b.md"], &["a.md"], &[]);
        check_twins(&["A.md", "a.md"], &["a.md"], &[("a.md", "A.md")]);
        check_twins(&["A.md", "a.md"], &[], &[]);
        check_twins(&["é.md", "e\u{301}.md"], &["e\u{301}.md"], &[("e\u{301}.md", "é.md")]);
        check_twins(&["ς", "σ"], &["σ"], &[("σ", "ς")]);
        check_twins(&["Straße", "STRASSE"], &["STRASSE"], &[("STRASSE", "Straße")]);
        check_twins(&["A/x", "a/y"], &["a/y"], &[("a/y", "A/x")]);
        check_twins(&["A", "a/y"], &["a/y"], &[("a/y", "A")]);
        check_twins(&["a", "a/y"], &["a/y"], &[("a/y", "a")]);
        check_twins(&["a/x", "a/y", "a/z"], &["a/y"], &[]);
        check_twins(&["A/x", "a/y"], &["A/x", "a/y"], &[("A/x", "a/y")]);
        // Folders that were twins before are not the newcomer's fault; a file that becomes a twin is.
        check_twins(&["A/x", "a/y", "a/z"], &["a/z"], &[]);
        check_twins(&["A/x", "a/y", "a/x"], &["a/x"], &[("a/x", "A/x")]);
    }

    proptest! {
        #[test]
        fn ordinary_names_are_safe(path in "[a-z][a-z0-9_-]{3,12}(/[A-Za-z][a-z0-9_-]{3,12}){0,4}(\\.[a-z]{1,4})?") {
            prop_assert_eq!(problems(&path), vec![]);
        }

        #[test]
        fn no_path_makes_it_panic(path in any::<String>()) {
            let _ = (problems(&path), is_git_name(&path), twins([path.as_str()], [path.as_str()]));
        }

        #[test]
        fn twins_are_symmetrical(a in "[aAbBéÉß]{1,2}(/[aAéÉ]){0,2}", b in "[aAbBéÉß]{1,2}(/[aAéÉ]){0,2}") {
            let tree = [a.as_str(), b.as_str()];
            let one = twins(tree, [a.as_str()]);
            let other: Vec<_> = twins(tree, [b.as_str()]).into_iter().map(|(x, y)| (y, x)).collect();
            prop_assert_eq!(one, other);
        }
    }
}
