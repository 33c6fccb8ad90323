//! A YAML document as a tree that keeps what types would lose: every key in its order, also doubled ones.
//! Lives here: loading the tree within a budget, finding the line of a place in it, and reading a type from it
//! with the place of what does not fit. Never here: findings and their words for people (see [`super`]).

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

/// Values in one document, at the most. Without aliases a text cannot have more values than characters; this holds
/// where the scan before was deceived.
const NODES: usize = 500_000;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Node,
    /// Left out when a type is read, so that one wrong entry does not hide the next.
    pub(super) dead: bool,
}

impl Node {
    /// Parses the text.
    pub(super) fn load(text: &str) -> Result<Self, serde_yaml::Error> {
        let left = Cell::new(NODES);
        Load { left: &left, key: false }.deserialize(serde_yaml::Deserializer::from_str(text))
    }

    /// The entries of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Leaves out merge keys and every key that stood before in its mapping.
    pub(super) fn without_doubled(mut self) -> Self {
        match &mut self {
            Self::Map(entries) => {
                let mut seen = HashSet::new();
                for entry in entries {
                    entry.dead = entry.key == "<<" || !seen.insert(entry.key.clone());
                    entry.value = std::mem::replace(&mut entry.value, Self::Null).without_doubled();
                }
            }
            Self::Seq(items) => *items = std::mem::take(items).into_iter().map(Self::without_doubled).collect(),
            _ => {}
        }
        self
    }

    /// The entry at a place, counted through mappings and lists.
    pub(super) fn entry_mut(&mut self, place: &[usize]) -> Option<&mut Entry> {
        let (last, way) = place.split_last()?;
        let mut node = self;
        for step in way {
            node = match node {
                Self::Map(entries) => &mut entries.get_mut(*step)?.value,
                Self::Seq(items) => items.get_mut(*step)?,
                _ => return None,
            };
        }
        match node {
            Self::Map(entries) => entries.get_mut(*last),
            _ => None,
        }
    }
}

/// Loads one value while the budget lasts.
#[derive(Clone, Copy)]
struct Load<'a> {
    left: &'a Cell<usize>,
    /// The value is the key of an entry.
    key: bool,
}

impl<'de> DeserializeSeed<'de> for Load<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Node, D::Error> {
        let left =
            self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("the document has too many values"))?;
        self.left.set(left);
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Load<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.key { "a text as a key" } else { "a value without a tag" })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        if self.key { Err(E::invalid_type(Unexpected::Unit, &self)) } else { Ok(Node::Null) }
    }

    /// What an empty document is to the parser.
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        if self.key {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        if self.key {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Self { key: true, ..self })? {
            let key = match key {
                Node::Text(text) => text,
                Node::Bool(value) => value.to_string(),
                Node::Int(value) => value.to_string(),
                Node::UInt(value) => value.to_string(),
                Node::Float(value) => value.to_string(),
                Node::Null | Node::Seq(_) | Node::Map(_) => return Err(A::Error::custom("a key must be a text")),
            };
            entries.push(Entry { key, value: map.next_value_seed(self)?, dead: false });
        }
        Ok(Node::Map(entries))
    }
}

/// The line of a place in `text`, counted from 1: of the key, where the last step is one.
///
/// The parser tells lines only in its errors, so this walks to the place and fails there.
pub(super) fn line_of(text: &str, place: &[usize]) -> Option<u32> {
    let walked = Locate(place).deserialize(serde_yaml::Deserializer::from_str(text));
    u32::try_from(walked.err()?.location()?.line()).ok()
}

struct Locate<'a>(&'a [usize]);

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the place that was asked for")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Err(A::Error::custom("here")) };
        for _ in 0..*step {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        let found = if rest.is_empty() { seq.next_element_seed(Stop) } else { seq.next_element_seed(Locate(rest)) };
        found.map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Err(A::Error::custom("here")) };
        for _ in 0..*step {
            if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        if rest.is_empty() {
            return map.next_key_seed(Stop).map(|_| ());
        }
        match map.next_key::<IgnoredAny>()? {
            Some(_) => map.next_value_seed(Locate(rest)),
            None => Ok(()),
        }
    }
}

/// Refuses whatever comes, which makes the parser name the place.
struct Stop;

impl<'de> DeserializeSeed<'de> for Stop {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl Visitor<'_> for Stop {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the end of the walk")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn places_have_lines() {
        let text = "# head\na: 1\nb:\n  - x\n  - c: 2\n    d: 'e\n      f'\n    g: 3\nb: again\n";
        for (place, line) in [
            (vec![0], 2),
            (vec![1], 3),
            (vec![1, 0], 4),
            (vec![1, 1], 5),
            (vec![1, 1, 1], 6),
            (vec![1, 1, 2], 8),
            (vec![2], 9),
        ] {
            assert_eq!(line_of(text, &place), Some(line), "{place:?}");
        }
        assert_eq!(line_of(text, &[7]), None);
        assert_eq!(line_of(text, &[0, 0]), Some(2));
    }

    #[test]
    fn a_tree_keeps_doubled_keys_and_their_order() {
        let node = Node::load("b: 1\na: yes\nb: 2\n3: x\n").unwrap();
        let keys: Vec<&str> = node.entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "b", "3"]);
        assert_eq!(node.entries()[1].value, Node::Text("yes".to_owned()));
    }

    #[test]
    fn aliases_that_slip_through_end_at_a_budget() {
        let mut text = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n".to_owned();
        for n in 1..10 {
            let names = vec![format!("*a{}", n - 1); 9].join(",");
            text.push_str(&format!("a{n}: &a{n} [{names}]\n"));
        }
        assert!(Node::load(&text).is_err());
    }
}
