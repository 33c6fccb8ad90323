//! YAML as the reference reads it: version 1.2 with its core types, so that `yes` is a text, and no key twice.
//! Lives here: the value and the parser. Never here: what a key means (see `metadata`, `config`, `schema`).

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
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
        let disguise = !text.contains(is_disguised) && text.chars().any(|c| is_odd(c) || c == '\r');
        let text = if disguise { Cow::Owned(disguised(text)) } else { Cow::Borrowed(text) };
        let read = Load { left: &left, disguise }.deserialize(serde_yaml::Deserializer::from_str(&text));
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

    /// Itself as a key, which is a text in any case.
    fn into_key(self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => text,
            Self::List(items) if items.is_empty() => "[]".to_owned(),
            Self::List(items) => {
                let items: Vec<String> = items.into_iter().map(Self::into_key).collect();
                format!("[ {} ]", items.join(", "))
            }
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) => {
                let entries: Vec<String> =
                    entries.into_iter().map(|(key, value)| format!("{key}: {}", value.into_key())).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// Characters that the parser refuses or takes for the end of a line, and the reference for characters like others.
fn is_odd(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Where they are kept while the text is parsed: characters that mean nothing to anybody.
const DISGUISE: u32 = 0xf_0000;

fn is_disguised(c: char) -> bool {
    (DISGUISE..DISGUISE + 0x1_0000).contains(&u32::from(c))
}

/// The text with such characters elsewhere. The end of a line of DOS is none of them.
fn disguised(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let is_hidden = is_odd(c) || (c == '\r' && chars.peek() != Some(&'\n'));
        let put = is_hidden.then(|| char::from_u32(DISGUISE + u32::from(c))).flatten();
        out.push(put.unwrap_or(c));
    }
    out
}

/// The text as it was.
fn undisguised(text: &str) -> String {
    let own = |c: char| if is_disguised(c) { char::from_u32(u32::from(c) - DISGUISE).unwrap_or(c) } else { c };
    text.chars().map(own).collect()
}

#[derive(Clone, Copy)]
struct Load<'a> {
    left: &'a Cell<usize>,
    /// Whether some characters stand for others.
    disguise: bool,
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

    #[expect(clippy::cast_precision_loss, reason = "the reference has no other numbers")]
    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "the reference has no other numbers")]
    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(if self.disguise { undisguised(value) } else { value.to_owned() }))
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
        let mut seen = HashSet::new();
        let mut texts: HashMap<String, usize> = HashMap::new();
        while let Some(key) = map.next_key_seed(self)? {
            // No two lists are the same key, and what is written otherwise is another key of the same text: the last one counts.
            let kind = key.kind();
            let is_single = !matches!(key, Value::List(_) | Value::Map(_));
            let key = key.into_key();
            if is_single && !seen.insert((kind, key.clone())) {
                return Err(A::Error::custom(format!("the key {key:?} stands there twice")));
            }
            let value = map.next_value_seed(self)?;
            match texts.get(&key) {
                Some(at) => entries[*at].1 = value,
                None => {
                    texts.insert(key.clone(), entries.len());
                    entries.push((key, value));
                }
            }
        }
        Ok(Value::Map(entries))
    }

    /// A tag that nobody knows changes nothing.
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let (_, variant) = data.variant_seed(self)?;
        let value = variant.newtype_variant_seed(self)?;
        // A scalar under a tag that nobody knows is a text, whatever it looks like.
        Ok(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Value::Text(value.into_key()),
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
            ("123456789012345678901234567890", Value::Number(1.234_567_890_123_456_8e29)),
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
    fn characters_that_mean_nothing_to_the_reference_end_no_line() {
        let text = |text: &str| Value::Text(text.to_owned());
        for odd in ['\u{85}', '\u{2028}', '\u{7}', '\0', '\r', '\u{7f}'] {
            let value = Value::parse(&format!("a: x{odd}y\nb: 'z{odd}'\r\nc{odd}: 1\n")).unwrap();
            assert_eq!(value.get("a"), Some(&text(&format!("x{odd}y"))), "{odd:?}");
            assert_eq!(value.get("b"), Some(&text(&format!("z{odd}"))), "{odd:?}");
            assert_eq!(value.get(&format!("c{odd}")), Some(&Value::Number(1.0)), "{odd:?}");
            assert!(Value::parse(&format!("a: x{odd}b: y")).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn any_value_can_be_a_key() {
        let value = Value::parse("? [a, b]\n: 1\n? {a: 1}\n: 2\n1: x\n'1': y\n").unwrap();
        let keys = |key: &str| value.get(key).cloned();
        assert_eq!(keys("[ a, b ]"), Some(Value::Number(1.0)));
        assert_eq!(keys("{ a: 1 }"), Some(Value::Number(2.0)));
        assert_eq!(keys("1"), Some(Value::Text("y".to_owned())));
        assert!(matches!(&value, Value::Map(entries) if entries.len() == 3));
        assert!(Value::parse("1: x\n1: y\n").is_err());
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
