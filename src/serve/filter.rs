//! What a subscriber wants to hear of: by type, by agent, by subject.
//! Lives here: reading a filter from a query, and asking it. Never here: what is done with what it lets through.

use super::ring::{Placed, Ring};
use super::topics::Known;
use crate::town::limits::{FILTER_NAME_BYTES, FILTER_NAMES};

/// A filter; the empty one lets everything through. Equal filters of two subscribers are asked once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    /// Types, each whole or up to a `*` at its end.
    types: Vec<String>,
    /// Names of agents.
    agents: Vec<String>,
    /// Subjects, each whole or up to a `*` at its end.
    subjects: Vec<String>,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// Too many names.
    #[error("{part}= names {count}, and a filter may name {FILTER_NAMES}")]
    TooMany {
        /// Which parameter.
        part: &'static str,
        /// How many.
        count: usize,
    },
    /// A name that is empty, too long, or has a star elsewhere than at its end.
    #[error("{part}= has {name:?}: a name has 1 to {FILTER_NAME_BYTES} bytes, and a `*` only at its end")]
    Name {
        /// Which parameter.
        part: &'static str,
        /// The name.
        name: String,
    },
}

impl Filter {
    /// Reads the three parameters, each a list with commas. A type may leave out `monkeytown.` in front.
    ///
    /// # Errors
    /// [`BadFilter`] with the parameter.
    pub fn read(types: Option<&str>, agent: Option<&str>, subject: Option<&str>) -> Result<Self, BadFilter> {
        let mut types = names("types", types)?;
        for kind in &mut types {
            if !kind.starts_with("monkeytown.") && kind != "*" {
                kind.insert_str(0, "monkeytown.");
            }
        }
        Ok(Self { types, agents: names("agent", agent)?, subjects: names("subject", subject)? })
    }

    /// Whether everything gets through.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a frame of the ring gets through, by what is known of it: nothing is read but its subject, and that only where
    /// it matters.
    #[must_use]
    pub fn wants(&self, ring: &Ring, placed: Placed) -> bool {
        let topic = match ring.topics().known(placed.mark) {
            Known::Everybody => return true,
            Known::Nobody => return self.is_everything(),
            Known::Of(topic) => topic,
        };
        let is_of = |name: &String| topic.agents.iter().any(|agent| **agent == **name);
        fits(&self.types, topic.kind.as_bytes())
            && (self.agents.is_empty() || self.agents.iter().any(is_of))
            && (self.subjects.is_empty()
                || fits(&self.subjects, &topic.subject(placed.mark, |at, length| ring.part(placed, at, length))))
    }
}

fn fits(patterns: &[String], value: &[u8]) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => value.starts_with(start.as_bytes()),
            None => pattern.as_bytes() == value,
        })
}

/// Reads a list of names with commas.
///
/// # Errors
/// [`BadFilter`] with the parameter.
pub fn names(part: &'static str, list: Option<&str>) -> Result<Vec<String>, BadFilter> {
    let Some(list) = list.filter(|list| !list.is_empty()) else { return Ok(Vec::new()) };
    let mut names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    let good = |name: &str| {
        (1..=FILTER_NAME_BYTES).contains(&name.len()) && !name.strip_suffix('*').unwrap_or(name).contains('*')
    };
    if let Some(bad) = names.iter().find(|name| !good(name)) {
        return Err(BadFilter::Name { part, name: bad.chars().take(FILTER_NAME_BYTES).collect() });
    }
    names.sort();
    names.dedup();
    if names.len() > FILTER_NAMES { Err(BadFilter::TooMany { part, count: names.len() }) } else { Ok(names) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use crate::serve::frame;
    use crate::serve::ring::Capacity;

    const MERGED: &[u8] =
        br#"{"kind":"event","event":{"type":"monkeytown.pull.merged.v1","subject":"pull/3","actor":"human:mo","data":{"agent":"chaostester"}}}"#;

    /// Whether the one frame of a ring with this text gets through.
    fn lets(filter: &Filter, json: &[u8]) -> bool {
        let mut ring = Ring::new(Capacity { frames: 1, bytes: 1_000 });
        ring.push(1, 0, &frame::text(json)).unwrap();
        let placed = ring.at(ring.tail()).unwrap();
        filter.wants(&ring, placed)
    }

    #[test]
    fn each_part_narrows_what_comes() {
        let cases = [
            (None, None, None, true),
            (Some("pull.*"), None, None, true),
            (Some("monkeytown.pull.merged.v1"), None, None, true),
            (Some("pull.merged"), None, None, false),
            (Some("run.*, pull.*"), None, None, true),
            (Some("run.*"), None, None, false),
            (None, Some("chaostester"), None, true),
            (None, Some("junglesecurity"), None, false),
            (None, None, Some("pull/3"), true),
            (None, None, Some("pull/*"), true),
            (None, None, Some("pull/33"), false),
            (Some("pull.*"), Some("chaostester"), Some("run/*"), false),
        ];
        for (types, agent, subject, wanted) in cases {
            let filter = Filter::read(types, agent, subject).unwrap();
            assert_eq!(lets(&filter, MERGED), wanted, "{types:?} {agent:?} {subject:?}");
        }
        assert!(!lets(&Filter::read(Some("*"), None, None).unwrap(), b"no json"));
    }

    #[test]
    fn the_order_of_names_makes_no_other_filter() {
        let one = Filter::read(Some("run.*,pull.*"), Some("a,b,a"), None).unwrap();
        assert_eq!(one, Filter::read(Some("pull.*,run.*"), Some("b,a"), None).unwrap());
    }

    #[test]
    fn a_bad_name_is_told_with_its_parameter() {
        for (types, agent, part) in [(Some("a*b"), None, "types"), (None, Some("a,,b"), "agent")] {
            let error = Filter::read(types, agent, None).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{part}= has")), "{error}");
        }
        let many = (0..40).map(|n| format!("a{n}")).collect::<Vec<_>>().join(",");
        assert!(matches!(Filter::read(None, None, Some(&many)), Err(BadFilter::TooMany { count: 40, .. })));
    }
}
