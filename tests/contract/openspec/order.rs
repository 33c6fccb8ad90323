//! The order of keys in JSON, which people who read it and programs that cut it by lines rely on.
//!
//! Lives here: reading that order, and how two documents differ in it. Never here: values (see `compare`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A document of which only the keys are kept.
#[derive(Debug)]
enum Keys {
    Leaf,
    List(Vec<Keys>),
    Object(Vec<(String, Keys)>),
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Keys, E> {
        Ok(Keys::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Keys, E> {
        Ok(Keys::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Keys, E> {
        Ok(Keys::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Keys, E> {
        Ok(Keys::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Keys, E> {
        Ok(Keys::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Keys, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Keys::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Keys::Object(entries))
    }
}

type Lists = BTreeMap<String, Vec<Vec<String>>>;

/// The keys of each object, by where it stands; places of a list are one place.
fn lists(keys: &Keys, at: &str, found: &mut Lists) {
    match keys {
        Keys::Leaf => {}
        Keys::List(items) => items.iter().for_each(|item| lists(item, &format!("{at}/*"), found)),
        Keys::Object(entries) => {
            let names = entries.iter().map(|(name, _)| name.clone()).collect();
            found.entry(at.to_owned()).or_default().push(names);
            entries.iter().for_each(|(name, value)| lists(value, &format!("{at}/{name}"), found));
        }
    }
}

fn pairs(keys: &[String]) -> impl Iterator<Item = (&str, &str)> {
    keys.iter().enumerate().flat_map(|(at, one)| keys[at + 1..].iter().map(move |other| (one.as_str(), other.as_str())))
}

/// Keys that stand the other way round in the second document. Those that only one of them has are no difference.
pub fn differences(reference: &str, ours: &str) -> Vec<String> {
    let read = |text: &str| {
        let mut found = Lists::new();
        if let Ok(keys) = serde_json::from_str::<Keys>(text) {
            lists(&keys, "", &mut found);
        }
        found
    };
    let (theirs, mine) = (read(reference), read(ours));
    let mut differences = BTreeSet::new();
    for (at, keys) in &mine {
        let known: BTreeSet<(&str, &str)> = theirs.get(at).into_iter().flatten().flat_map(|keys| pairs(keys)).collect();
        for (one, other) in keys.iter().flat_map(|keys| pairs(keys)) {
            if known.contains(&(other, one)) && !known.contains(&(one, other)) {
                differences.insert(format!("{at}: {one:?} stands before {other:?}"));
            }
        }
    }
    differences.into_iter().collect()
}

/// The keys of the object that a document is, in their order.
pub fn top(text: &str) -> Vec<String> {
    match serde_json::from_str::<Keys>(text) {
        Ok(Keys::Object(entries)) => entries.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn keys_that_stand_the_other_way_round_are_found() {
    let theirs = r#"[{"a": {"x": 1, "y": 2}, "b": [null, true]}, {"b": 1.5, "c": "s"}]"#;
    assert!(differences(theirs, r#"[{"a": {"x": 1, "own": -1, "y": 2}, "b": [], "c": 1}]"#).is_empty());
    let found = differences(theirs, r#"[{"c": 1, "b": 2}, {"a": {"y": 1, "x": 2}}]"#);
    assert_eq!(found, [r#"/*/a: "y" stands before "x""#, r#"/*: "c" stands before "b""#]);
    assert_eq!(top(r#"{"b": 1, "a": {"c": 1}}"#), ["b", "a"]);
}
