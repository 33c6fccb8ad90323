//! YAML as the reference reads it: version 1.2 with its core types, so that `yes` is a text, and no key twice.
//! Lives here: the value and the parser. Never here: what a key means (see `metadata`, `config`, `schema`).

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};

/// Values in one document, at the most: aliases can make many of few.
const VALUES: usize = 100_000;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping in its order; keys that are no texts are written as one.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Parses one document. An empty one is nothing.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let left = Cell::new(VALUES);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let read = Load { left: &left }.deserialize(serde_yaml::Deserializer::from_str(text));
        read.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    }

    /// The value of a key, where this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(found, _)| found == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text that it is.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts that it is a list of; `None` where anything else is among them.
    #[must_use]
    pub fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::List(items) => items.iter().map(Self::text).collect(),
            _ => None,
        }
    }

    /// The word for what it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    fn into_key(self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Text(text) => Some(text),
            Self::List(_) | Self::Map(_) => None,
        }
    }
}

#[derive(Clone, Copy)]
struct Load<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Load<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Value, D::Error> {
        let left =
            self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("the document has too many values"))?;
        self.left.set(left);
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Load<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "the reference has no other numbers")]
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "the reference has no other numbers")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key_seed(self)? {
            let key = key.into_key().ok_or_else(|| A::Error::custom("a key is a list or a mapping"))?;
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("the key {key:?} stands there twice")));
            }
            entries.push((key, map.next_value_seed(self)?));
        }
        Ok(Value::Map(entries))
    }

    /// A tag that nobody knows changes nothing.
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let (_, variant) = data.variant_seed(self)?;
        let value = variant.newtype_variant_seed(self)?;
        // A scalar under a tag that nobody knows is a text, whatever it looks like.
        Ok(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Value::Text(value.into_key().unwrap_or_default()),
            other => other,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn scalars_have_the_types_of_version_1_2() {
        let text = |text: &str| Value::Text(text.to_owned());
        let table = [
            ("yes", text("yes")),
            ("on", text("on")),
            ("No", text("No")),
            ("true", Value::Bool(true)),
            ("TRUE", Value::Bool(true)),
            ("~", Value::Null),
            ("", Value::Null),
            ("# only words", Value::Null),
            ("2026-01-02", text("2026-01-02")),
            ("20260102", Value::Number(20_260_102.0)),
            ("1.5", Value::Number(1.5)),
            ("'1'", text("1")),
            ("!own x", text("x")),
            ("!own true", text("true")),
            ("!!bool true", Value::Bool(true)),
            ("\u{feff}a", text("a")),
        ];
        for (written, wanted) in table {
            assert_eq!(Value::parse(written), Ok(wanted), "{written:?}");
        }
        let map = Value::parse("1: a\ntrue: b\n").unwrap();
        assert_eq!((map.get("1"), map.get("true")), (Some(&text("a")), Some(&text("b"))));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for written in ["a: 1\na: 2", "a: [", "a\n---\nb", "a: b: c", "@x"] {
            assert!(Value::parse(written).is_err(), "{written:?}");
        }
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for at in 1..12 {
            let of = format!("*a{}", at - 1);
            bomb.push_str(&format!("a{at}: &a{at} [{}]\n", [of.as_str(); 9].join(",")));
        }
        assert!(Value::parse(&bomb).is_err());
    }
}
