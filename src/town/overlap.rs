//! Whether two patterns can ever match the same path, decided on the patterns and not on today's files.
//! Lives here: the intersection of two patterns, with a path as its witness. Never here: what follows from it
//! (see [`super::ownership`]).
//!
//! Both patterns are walked at once: first over segments, and for each pair of segments over characters. The
//! walk is breadth first, so the witness is as short as can be, and visits each pair of places once, so the
//! work is bounded by the product of both lengths whatever the stars do.

use std::collections::VecDeque;

use unicode_normalization::UnicodeNormalization;

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

/// Lower case in decomposed form. Decomposed, because then `e*` also meets an `é`.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().flat_map(char::to_lowercase).nfd().collect()
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
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let place = |i: usize, j: usize, state: u8| (i * width + j) * 4 + usize::from(state);
    // Where each place was reached from, and with which character: the witness is read off backwards.
    let mut from: Vec<Option<(u32, Option<char>)>> = vec![None; (a.len() + 1) * width * 4];
    let mut queue = VecDeque::from([(0_usize, 0_usize, 0_u8)]);
    from[0] = Some((0, None));
    while let Some((i, j, state)) = queue.pop_front() {
        if i == a.len() && j == b.len() && state == NAME {
            return Some(read_back(&from, place(i, j, state)));
        }
        let here = u32::try_from(place(i, j, state)).ok()?;
        for (to, letter) in steps(a.get(i).copied(), b.get(j).copied(), (i, j, state)) {
            let index = place(to.0, to.1, to.2);
            if from[index].is_none() {
                from[index] = Some((here, letter));
                // Steps without a letter go first, so that the shortest name is found first.
                if letter.is_some() { queue.push_back(to) } else { queue.push_front(to) }
            }
        }
    }
    None
}

type Place = (usize, usize, u8);

fn steps(x: Option<char>, y: Option<char>, (i, j, state): Place) -> Vec<(Place, Option<char>)> {
    let mut steps = Vec::with_capacity(3);
    let star = Some('*');
    match (x, y) {
        (Some('*'), Some('*')) => steps.push(((i, j, grow(state, 'x')), Some('x'))),
        (Some('*'), Some(c)) => steps.push(((i, j + 1, grow(state, c)), Some(c))),
        (Some(c), Some('*')) => steps.push(((i + 1, j, grow(state, c)), Some(c))),
        (Some(c), Some(d)) if c == d => steps.push(((i + 1, j + 1, grow(state, c)), Some(c))),
        _ => {}
    }
    if x == star {
        steps.push(((i + 1, j, state), None));
    }
    if y == star {
        steps.push(((i, j + 1, state), None));
    }
    steps
}

fn read_back(from: &[Option<(u32, Option<char>)>], end: usize) -> String {
    let mut name = Vec::new();
    let mut here = end;
    while here != 0 {
        let Some((before, letter)) = from[here] else { break };
        name.extend(letter);
        here = before as usize;
    }
    name.into_iter().rev().collect()
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
        fn containing_implies_matching(a in any_pattern(), b in any_pattern(), path in "[ab.]{1,3}(/[ab.]{1,3}){0,3}") {
            if let (Some(a), Some(b)) = (a, b) {
                prop_assert!(!a.contains(&b) || !b.matches(&path) || a.matches(&path));
            }
        }
    }
}
