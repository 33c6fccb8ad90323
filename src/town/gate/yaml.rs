//! YAML, read only to see whether it can be read: bounded in nodes, whatever its aliases unfold to.
//! Lives here: the walk over a document and its faults. Never here: meaning.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess};

use crate::town::text::one_line;

/// How many nodes a text may unfold to.
const NODES: usize = 500_000;
/// How deeply brackets may nest; the reader of YAML itself refuses a little more.
const DEPTH: usize = 120;

/// Why a text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, counted from 1, where it is known.
    pub(super) line: Option<usize>,
    /// What is wrong.
    pub(super) why: String,
}

/// Reads every document of the text and says the first fault.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if let Some(line) = too_deep(text) {
        return Err(Fault { line: Some(line), why: format!("brackets nest deeper than {DEPTH}") });
    }
    let left = Cell::new(NODES);
    for document in serde_yaml::Deserializer::from_str(text) {
        let walk = Walk { left: &left };
        if let Err(error) = walk.deserialize(document) {
            let line = error.location().map(|place| place.line());
            return Err(Fault { line, why: one_line(&without_place(&error.to_string()), 200) });
        }
    }
    Ok(())
}

/// The line where brackets nest deeper than any document needs. The reader's work grows with the square of the depth,
/// so this is asked before it. Brackets in plain text count too, but few texts leave so many open.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut line) = (0_usize, 1);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return Some(line);
        }
    }
    None
}

fn without_place(message: &str) -> String {
    match message.find(" at line ") {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

/// A walk that keeps nothing but the keys of the mapping that it is in.
#[derive(Clone, Copy)]
struct Walk<'a> {
    left: &'a Cell<usize>,
}

impl Walk<'_> {
    fn count<E: de::Error>(self) -> Result<(), E> {
        let left = self
            .left
            .get()
            .checked_sub(1)
            .ok_or_else(|| E::custom(format!("it unfolds to more than {NODES} nodes")))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    /// What tells a key from another; nothing for a node that is no scalar.
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Walk<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.count()?;
        Ok(Some(format!("bool {value}")))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.count()?;
        Ok(Some(format!("number {value}")))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.count()?;
        Ok(Some(format!("number {value}")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        self.count()?;
        Ok(Some(format!("float {value}")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        self.count()?;
        Ok(Some(format!("text {value}")))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        self.count()?;
        Ok(Some("null".to_owned()))
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, content: D) -> Result<Self::Value, D::Error> {
        content.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        self.count()?;
        while items.next_element_seed(self)?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        self.count()?;
        let mut keys = HashSet::new();
        while let Some(key) = pairs.next_key_seed(self)? {
            if let Some(key) = key
                && key != "text <<"
                && !keys.insert(key.clone())
            {
                let shown = key.split_once(' ').map_or(key.as_str(), |(_, name)| name);
                return Err(de::Error::custom(format!("the key `{}` stands twice", one_line(shown, 60))));
            }
            pairs.next_value_seed(self)?;
        }
        Ok(None)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
        let (_tag, content) = data.variant::<String>()?;
        content.newtype_variant_seed(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that a text is refused in the line, for the reason; an empty reason means that it is read.
    fn check_text(text: &str, line: Option<usize>, reason: &str) {
        match check(text) {
            Ok(()) => assert!(reason.is_empty(), "{text:.80} is not refused"),
            Err(fault) => {
                assert!(!reason.is_empty() && fault.why.contains(reason), "{text:.80}: {fault:?}");
                assert_eq!(fault.line, line, "{text:.80}: {fault:?}");
            }
        }
    }

    #[test]
    fn reads_what_is_yaml_and_names_the_fault_of_what_is_not() {
        for good in [
            "",
            "a: 1\nb: [x, {y: z}]\n",
            "\u{FEFF}a: 1\r\nb: 2\r\n",
            "a: 1\n---\nb: 2\n",
            "a: &x {k: v}\nb: *x\nc:\n  <<: *x\n",
            "a: !Ref thing\nb: !Sub [x, y]\n",
            "on: push\n1: a\n\"1\": b\n~: c\n? [x, y]\n: d\n",
        ] {
            check_text(good, None, "");
        }
        check_text("x: 0\ny:\n  a: 1\n  b: 2\n  a: 3\n", Some(3), "`a` stands twice");
        check_text("a: 1\n\tb: 2\n", Some(2), "tab");
        check_text("a: [1\nb: 2\n", Some(2), "expected");
        check_text("a: *nobody\n", Some(1), "unknown anchor");
    }

    #[test]
    fn bombs_do_not_go_off() {
        check_text(&"[".repeat(1 << 20), Some(1), "nest deeper");
        check_text(&"- ".repeat(1 << 18), Some(1), "recursion");
        check_text(&"? ".repeat(1 << 18), Some(1), "recursion");
        let mut laughs = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
        for (one, two) in "abcdefgh".chars().zip("bcdefghi".chars()) {
            laughs.push_str(&format!("{two}: &{two} [{}]\n", vec![format!("*{one}"); 10].join(",")));
        }
        check_text(&laughs, None, "repetition limit exceeded");
        let wide = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(100_000), "*a,".repeat(100_000));
        check_text(&wide, Some(1), "unfolds to more than");
    }
}
