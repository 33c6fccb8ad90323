//! The `## Purpose` that a delta may bring along for a capability that does not exist yet, and the spec that it begins with.
//! Lives here: finding it, and whether it can be taken over. Never here: the requirements (see `plan_update`).

use super::js;
use super::lines::Lines;
use super::purpose::{GENERATED_HEAD, GENERATED_TAIL};
use super::sections::{Sections, Spec};
use super::structure;

/// A purpose shorter than this is a warning of `validate`.
const BRIEF: usize = 50;

/// How a new spec begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    /// The spec without requirements.
    pub text: String,
    /// What became of the delta's purpose.
    pub carried: Carried,
}

/// What became of the delta's purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// There is none.
    Nothing,
    /// It stands in the spec.
    Whole,
    /// It stands in the spec, and `validate --strict` will find it too short.
    Brief,
    /// It would hide what follows it: a placeholder stands there.
    Refused,
}

/// The spec that `change` begins for a capability.
#[must_use]
pub fn skeleton(id: &str, change: &str, purpose: Option<&str>) -> Skeleton {
    let placeholder = format!("{GENERATED_HEAD}{change}{GENERATED_TAIL}");
    let with = |body: &str| format!("# {id} Specification\n\n## Purpose\n{body}\n\n## Requirements\n");
    let Some(purpose) = purpose else { return Skeleton { text: with(&placeholder), carried: Carried::Nothing } };
    let text = with(purpose);
    match readable(&text) {
        None => Skeleton { text: with(&placeholder), carried: Carried::Refused },
        Some(length) => Skeleton { text, carried: if length < BRIEF { Carried::Brief } else { Carried::Whole } },
    }
}

/// The length of the purpose as the rules read it; nothing where a reader of the spec would see another spec than its writer.
fn readable(text: &str) -> Option<usize> {
    let file = Lines::of(text);
    if text.contains("<!--") || !structure::faults(&file).is_empty() {
        return None;
    }
    Spec::of(&Sections::of(&file)).ok().map(|spec| js::length(&spec.purpose))
}

/// The text below `## Purpose`, where there is any outside of fences and comments.
#[must_use]
pub fn purpose(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let bare = without_comments(&text);
    let bare = Lines::by_feed(&bare);
    let all = Lines::by_feed(&text);
    let is_purpose = |line: &str| {
        let rest = line.strip_prefix("##").filter(|rest| rest.starts_with(js::is_space));
        rest.is_some_and(|rest| js::trim(rest).eq_ignore_ascii_case("Purpose"))
    };
    let (start, _) = bare.open_lines(0..bare.len()).find(|(_, line)| is_purpose(line))?;
    let end = bare.open_lines(start + 1..bare.len()).find(|(_, line)| super::heading::is_section(line));
    let end = end.map_or(bare.len(), |(at, _)| at);
    let has_prose = bare.open_lines(start + 1..end).any(|(_, line)| !js::is_blank(line));
    has_prose.then(|| js::trim(&all.join(start + 1..end)).to_owned())
}

/// The text with blanks for its comments. One that is never closed reaches to the end.
fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("<!--") {
        bare.push_str(&rest[..open]);
        let comment = &rest[open..];
        let end = closing(comment.as_bytes()).unwrap_or(comment.len());
        bare.extend(comment[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &comment[end..];
    }
    bare.push_str(rest);
    bare
}

/// Where a comment that begins at 0 is over.
fn closing(comment: &[u8]) -> Option<usize> {
    (4..comment.len()).find_map(|at| match &comment[at..] {
        [b'-', b'-', b'>', ..] => Some(at + 3),
        [b'-', b'-', b'!', b'>', ..] => Some(at + 4),
        _ => None,
    })
}
