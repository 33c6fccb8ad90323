//! Whether two patterns can ever match the same path, decided on the patterns and not on today's files.
//! Lives here: the intersection of two patterns, with a path as its witness. Never here: what follows from it
//! (see [`super::ownership`]).
//!
//! Both patterns are walked at once: first over segments, and for each pair of segments over characters. The
//! walk is breadth first, so the witness is as short as can be, and visits each pair of places once, so the
//! work is bounded by the product of both lengths whatever the stars do.

use std::collections::VecDeque;

use unicode_normalization::UnicodeNormalization;

use super::path;
use super::pattern::{Pattern, Segment};

/// A path that two patterns share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The path.
    pub witness: String,
    /// Whether both match the very same path; `false` where the two paths differ in the case of letters or in
    /// Unicode form only, which some file systems take for one file.
    pub exact: bool,
}

impl Pattern {
    /// A path that both patterns match, or that both match on a file system which ignores case.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Overlap> {
        if let Some(witness) = shared_path(self.segments(), other.segments()) {
            return Some(Overlap { witness, exact: true });
        }
        let (mine, theirs) = (folded(self.segments()), folded(other.segments()));
        if mine == self.segments() && theirs == other.segments() {
            return None;
        }
        shared_path(&mine, &theirs).map(|witness| Overlap { witness, exact: false })
    }

    /// The literal segments before the first star, folded: two patterns can only meet where one of these
    /// lists begins with the other.
    pub(super) fn folded_prefix(&self) -> Vec<String> {
        let literal = |segment: &Segment| match segment {
            Segment::Literal(text) => Some(fold(text)),
            _ => None,
        };
        self.segments().iter().map_while(literal).collect()
    }

    /// An upper bound on the steps that [`Pattern::overlap`] takes, for budgets.
    pub(super) fn overlap_cost(&self, other: &Self) -> u64 {
        let stars = |p: &Self| p.as_str().contains('*');
        if stars(self) && stars(other) { (self.as_str().len() * other.as_str().len()) as u64 } else { 64 }
    }
}

/// As the gate folds paths when it looks for twins, so that both always agree, but decomposed: then `e*` also
/// meets an `é`.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { path::fold(text).nfd().collect() }
}

fn folded(segments: &[Segment]) -> Vec<Segment> {
    let one = |segment: &Segment| match segment {
        Segment::Any => Segment::Any,
        Segment::Literal(text) => Segment::Literal(fold(text)),
        Segment::Glob(text) => Segment::Glob(fold(text)),
    };
    segments.iter().map(one).collect()
}

/// Walks both lists of segments from the front; a place is one position in each.
fn shared_path(a: &[Segment], b: &[Segment]) -> Option<String> {
    if cannot_meet(a, b) {
        return None;
    }
    let width = b.len() + 1;
    let mut seen = vec![false; (a.len() + 1) * width];
    let mut queue: VecDeque<(usize, usize, Vec<String>)> = VecDeque::from([(0, 0, Vec::new())]);
    while let Some((i, j, path)) = queue.pop_front() {
        if std::mem::replace(&mut seen[i * width + j], true) {
            continue;
        }
        if i == a.len() && j == b.len() {
            return Some(path.join("/"));
        }
        let (left, right) = (a.get(i), b.get(j));
        // A `**` that ends here costs nothing, so it goes first.
        if left == Some(&Segment::Any) {
            queue.push_front((i + 1, j, path.clone()));
        }
        if right == Some(&Segment::Any) {
            queue.push_front((i, j + 1, path.clone()));
        }
        let (Some(left), Some(right)) = (left, right) else { continue };
        let next = match (left, right) {
            (Segment::Any, Segment::Any) => continue,
            (Segment::Any, _) => (i, j + 1),
            (_, Segment::Any) => (i + 1, j),
            _ => (i + 1, j + 1),
        };
        if let Some(segment) = shared_segment(left, right) {
            let mut longer = path;
            longer.push(segment);
            queue.push_back((next.0, next.1, longer));
        }
    }
    None
}

/// Cheap reasons why there is no shared path; most pairs of a large town end here.
fn cannot_meet(a: &[Segment], b: &[Segment]) -> bool {
    let endless = |s: &[Segment]| s.contains(&Segment::Any);
    if !endless(a) && !endless(b) && a.len() != b.len() {
        return true;
    }
    let both = a.iter().zip(b).take_while(|(x, y)| **x != Segment::Any && **y != Segment::Any);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| **x != Segment::Any && **y != Segment::Any);
    both.chain(back).any(|(x, y)| ends_differ(x.text(), y.text()))
}

impl Segment {
    fn text(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::Literal(text) | Self::Glob(text) => text,
        }
    }
}

/// Whether what stands before the first star, or after the last, already differs.
fn ends_differ(a: &str, b: &str) -> bool {
    let differ = |x: &mut dyn Iterator<Item = u8>, y: &mut dyn Iterator<Item = u8>| {
        x.zip(y).take_while(|(x, y)| *x != b'*' && *y != b'*').any(|(x, y)| x != y)
    };
    differ(&mut a.bytes(), &mut b.bytes()) || differ(&mut a.bytes().rev(), &mut b.bytes().rev())
}

/// A segment that fits both, as short as can be.
fn shared_segment(a: &Segment, b: &Segment) -> Option<String> {
    match (a, b) {
        (Segment::Literal(text), other) | (other, Segment::Literal(text)) => other.fits(text).then(|| text.clone()),
        _ => shared_name(a.text(), b.text()).map(|name| {
            // `x.md` reads better than `.md`.
            let longer = format!("x{name}");
            let readable = name.starts_with('.') && a.fits(&longer) && b.fits(&longer);
            if readable { longer } else { name }
        }),
    }
}

/// How far a name has come towards being one that may stand in a path (not empty, `.` or `..`).
fn grow(state: u8, c: char) -> u8 {
    match (state, c) {
        (0, '.') => 1,
        (1, '.') => 2,
        _ => NAME,
    }
}
const NAME: u8 = 3;

/// Walks two names with stars from the front, character by character.
fn shared_name(a: &str, b: &str) -> Option<String> {
    if ends_differ(a, b) {
        return None;
    }
    let names = Names { a: a.chars().collect(), b: b.chars().collect() };
    // For each place the one it was first reached from: the witness is read off backwards.
    let mut from = vec![UNSEEN; (names.a.len() + 1) * (names.b.len() + 1) * 4];
    let mut queue = VecDeque::from([(0, 0, 0)]);
    from[0] = 0;
    while let Some(here) = queue.pop_front() {
        if here == (names.a.len(), names.b.len(), NAME) {
            return Some(names.read_back(&from));
        }
        for (to, letter) in names.steps(here).into_iter().flatten() {
            let index = names.index(to);
            if from[index] == UNSEEN {
                from[index] = u32::try_from(names.index(here)).ok()?;
                // Steps without a letter go first, so that the shortest name is found first.
                if letter.is_some() { queue.push_back(to) } else { queue.push_front(to) }
            }
        }
    }
    None
}

/// A place that was not reached yet.
const UNSEEN: u32 = u32::MAX;

/// A position in each name, and how far the name that they share has come.
type Place = (usize, usize, u8);

/// The two names under comparison.
struct Names {
    a: Vec<char>,
    b: Vec<char>,
}

impl Names {
    fn index(&self, (i, j, state): Place) -> usize {
        (i * (self.b.len() + 1) + j) * 4 + usize::from(state)
    }

    fn place(&self, index: usize) -> Place {
        let (pair, width) = (index / 4, self.b.len() + 1);
        (pair / width, pair % width, u8::try_from(index % 4).unwrap_or(NAME))
    }

    /// Where one step leads, and the letter that it adds: at most one step with a letter and one past each star.
    fn steps(&self, (i, j, state): Place) -> [Option<(Place, Option<char>)>; 3] {
        let (x, y) = (self.a.get(i).copied(), self.b.get(j).copied());
        let letter = match (x, y) {
            (Some('*'), Some('*')) => Some((i, j, 'x')),
            (Some('*'), Some(c)) => Some((i, j + 1, c)),
            (Some(c), Some('*')) => Some((i + 1, j, c)),
            (Some(c), Some(d)) if c == d => Some((i + 1, j + 1, c)),
            _ => None,
        };
        [
            letter.map(|(i, j, c)| ((i, j, grow(state, c)), Some(c))),
            (x == Some('*')).then_some(((i + 1, j, state), None)),
            (y == Some('*')).then_some(((i, j + 1, state), None)),
        ]
    }

    fn read_back(&self, from: &[u32]) -> String {
        let mut name = Vec::new();
        let mut here = self.index((self.a.len(), self.b.len(), NAME));
        while here != 0 {
            let before = from[here] as usize;
            let taken = |step: &(Place, Option<char>)| self.index(step.0) == here;
            name.extend(self.steps(self.place(before)).into_iter().flatten().find(taken).and_then(|step| step.1));
            here = before;
        }
        name.into_iter().rev().collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    fn check(a: &str, b: &str, witness: Option<&str>) {
        let (a, b) = (pattern(a), pattern(b));
        assert_eq!(a.overlap(&b).map(|o| o.witness).as_deref(), witness, "{a} and {b}");
        assert_eq!(b.overlap(&a).is_some(), witness.is_some(), "{b} and {a}");
    }

    #[test]
    fn witnesses_are_short_and_true() {
        check("a", "a", Some("a"));
        check("a", "b", None);
        check("docs/**", "docs/*.md", Some("docs/x.md"));
        check("docs/**", "docs", None);
        check("**", "**", Some("x"));
        check("a/**", "**/b", Some("a/b"));
        check("*-pm.yaml", "spec-*", Some("spec-pm.yaml"));
        check("*-pm.yaml", "*-qa.yaml", None);
        check("a/*/c", "a/b/*", Some("a/b/c"));
        check("a/*", "a/*/c", None);
        check("a/**/z", "a/b/**", Some("a/b/z"));
        check(".*", "*.", Some(".x."));
        check("*a*", "*b*", Some("ba"));
        check("é*", "*à", Some("éà"));
    }

    #[test]
    fn twins_on_other_file_systems_are_found() {
        let overlap = pattern("Docs/**").overlap(&pattern("docs/a.md")).unwrap();
        assert_eq!(overlap, Overlap { witness: "docs/a.md".to_owned(), exact: false });
        let overlap = pattern("caf\u{e9}/x").overlap(&pattern("cafe\u{301}/*")).unwrap();
        assert!(!overlap.exact);
        for (a, b) in [("straße/**", "STRASSE/x"), ("e*/x", "É/x"), ("ΟΔΟΣ", "οδος"), ("a/ſ*", "A/S")] {
            assert!(pattern(a).overlap(&pattern(b)).is_some_and(|o| !o.exact), "{a} and {b}");
        }
        assert!(pattern("docs/*").overlap(&pattern("docs/a")).unwrap().exact);
    }

    #[test]
    fn hostile_patterns_stay_bounded() {
        let a = pattern(&format!("{}b", "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".repeat(16)));
        let b = pattern(&format!("{}*b", "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaa".repeat(15)));
        assert!(a.overlap(&b).is_some());
        let deep = pattern("**/a/**/a/**/a/**/a/**/a/**/a/**/b");
        let other = pattern("**/a/**/c/**/a/**/c/**/a/**/a/**/c");
        assert!(deep.overlap(&other).is_none());
    }

    prop_compose! {
        fn any_pattern()(parts in prop::collection::vec(
            prop_oneof![Just("**".to_owned()), "[ab.*]{1,4}"], 1..5)
        ) -> Option<Pattern> {
            parts.join("/").parse().ok()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_witness_is_matched_by_both(a in any_pattern(), b in any_pattern()) {
            if let (Some(a), Some(b)) = (a, b)
                && let Some(overlap) = a.overlap(&b)
            {
                prop_assert!(overlap.exact);
                prop_assert!(a.matches(&overlap.witness), "{a} does not match {}", overlap.witness);
                prop_assert!(b.matches(&overlap.witness), "{b} does not match {}", overlap.witness);
            }
        }

        #[test]
        fn a_shared_path_is_never_missed(
            a in any_pattern(), b in any_pattern(), paths in prop::collection::vec("[ab.]{1,3}(/[ab.]{1,3}){0,3}", 20)
        ) {
            if let (Some(a), Some(b)) = (a, b) {
                for path in paths {
                    if a.matches(&path) && b.matches(&path) {
                        prop_assert!(a.overlap(&b).is_some(), "{a} and {b} share {path}");
                    }
                }
            }
        }

        #[test]
        fn twins_are_never_missed(
            a in any_pattern(), b in any_pattern(), path in "[ab.]{1,3}(/[ab.]{1,3}){0,2}", upper in any::<bool>()
        ) {
            if let (Some(a), Some(b)) = (a, b) {
                // Written with other letters, the pattern means the twin of the path.
                let loud: Pattern = if upper { b.as_str().to_uppercase() } else { b.as_str().to_owned() }.parse()?;
                if a.matches(&path) && b.matches(&path) {
                    prop_assert!(a.overlap(&loud).is_some(), "{a} and {loud} share {path}");
                }
            }
        }

        #[test]
        fn what_the_gate_takes_for_twins_folds_alike(a in "[aAéÉßsSςσΣ\u{301}]{1,3}", b in "[aAéÉßsSςσΣ\u{301}]{1,3}") {
            prop_assert!(path::fold(&a) != path::fold(&b) || fold(&a) == fold(&b));
        }

        #[test]
        fn containing_implies_matching(a in any_pattern(), b in any_pattern(), path in "[ab.]{1,3}(/[ab.]{1,3}){0,3}") {
            if let (Some(a), Some(b)) = (a, b) {
                prop_assert!(!a.contains(&b) || !b.matches(&path) || a.matches(&path));
            }
        }
    }
}
