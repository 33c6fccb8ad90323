//! Reading a type from a tree: like any deserialiser, and an error knows its place.
//! Lives here: the deserialiser and its error. Never here: text (see [`super::node`]).

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::node::{Entry, Node};

/// Why a tree is not the type that it should be.
#[derive(Clone, Debug)]
pub(super) struct Misfit {
    /// Steps from the root to the place.
    pub(super) place: Vec<usize>,
    pub(super) kind: Kind,
}

/// What does not fit.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A value of another type; whether it is a word that YAML 1.1 took for a boolean.
    Type { message: String, old_boolean: bool },
    /// A value of the right type that is not allowed, with what it may have meant.
    Value { message: String, meant: Option<String> },
    /// A key that does not exist.
    Unknown { key: String, expected: &'static [&'static str] },
    /// A key that must be there.
    Missing(&'static str),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.kind {
            Kind::Type { message, .. } | Kind::Value { message, .. } => f.write_str(message),
            Kind::Unknown { key, .. } => write!(f, "unknown key {key:?}"),
            Kind::Missing(key) => write!(f, "the key {key:?} is missing"),
        }
    }
}

impl std::error::Error for Misfit {}

impl Misfit {
    fn new(kind: Kind) -> Self {
        Self { place: Vec::new(), kind }
    }

    /// Adds the step from one level above.
    fn below(mut self, step: usize) -> Self {
        self.place.insert(0, step);
        self
    }
}

/// What serde calls the things of a file, in the words of the file.
fn plain(expected: &str) -> &str {
    match expected {
        text if text.starts_with("struct ") || text == "a map" => "keys with values",
        "a sequence" => "a list",
        "a string" => "a text",
        "u16" | "u32" | "u64" | "usize" => "a whole number",
        text if text.starts_with("enum ") => "one of the known words",
        text => text,
    }
}

fn found(value: &Unexpected) -> String {
    match value {
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "keys with values".to_owned(),
        Unexpected::Str(text) => format!("the text {:?}", shortened(text)),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Bool(value) => format!("the boolean {value}"),
        other => other.to_string(),
    }
}

/// A value as a message may quote it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Value { message: message.to_string(), meant: None })
    }

    fn invalid_type(value: Unexpected, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let word = matches!(value, Unexpected::Str(text)
            if matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n"));
        let old_boolean = word && expected == "a boolean";
        let message = format!("{} is expected here, and this is {}", plain(&expected), found(&value));
        Self::new(Kind::Type { message, old_boolean })
    }

    fn invalid_value(value: Unexpected, expected: &dyn Expected) -> Self {
        let message = format!("{} is not possible here; expected is {}", found(&value), plain(&expected.to_string()));
        Self::new(Kind::Value { message, meant: None })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("{:?} is none of {}", shortened(variant), expected.join(", "));
        Self::new(Kind::Value { message, meant: super::suggestion(variant, expected.iter().copied()) })
    }

    fn unknown_field(key: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Unknown { key: key.to_owned(), expected })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Kind::Missing(key))
    }
}

/// A tree to read a type from. Its depth is bounded by the scan before.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a>(pub(super) &'a Node);

impl<'de> Deserializer<'de> for Typed<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Int(value) => visitor.visit_i64(*value),
            Node::UInt(value) => visitor.visit_u64(*value),
            Node::Float(value) => visitor.visit_f64(*value),
            Node::Text(text) => visitor.visit_str(text),
            Node::Seq(items) => visitor.visit_seq(Items { items, next: 0 }),
            Node::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if *self.0 == Node::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Node::Text(text) => visitor.visit_enum(Word(text)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            // Serde would take the items for the fields in their order.
            Node::Seq(_) => Err(Misfit::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(Typed(item)).map(Some).map_err(|misfit| misfit.below(self.next - 1))
    }
}

struct Entries<'a> {
    entries: &'a [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        while self.entries.get(self.next).is_some_and(|entry| entry.dead) {
            self.next += 1;
        }
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key: StrDeserializer<Misfit> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|misfit| misfit.below(self.next))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(entry) = self.entries.get(self.next) else { return Err(Misfit::custom("a value without a key")) };
        self.next += 1;
        seed.deserialize(Typed(&entry.value)).map_err(|misfit| misfit.below(self.next - 1))
    }
}

/// A word as the variant of an enum.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Misfit> {
        let name: StrDeserializer<Misfit> = self.0.into_deserializer();
        seed.deserialize(name).map(|variant| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Misfit> {
        Err(Misfit::custom(format!("{:?} needs a value", self.0)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(Misfit::custom(format!("{:?} needs a value", self.0)))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Misfit> {
        Err(Misfit::custom(format!("{:?} needs keys with values", self.0)))
    }
}
