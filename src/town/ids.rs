//! Names and identifiers: agents, runs, slots, events, objects.
//! Lives here: the newtypes and the rules for what may be one. Never here: where ids come from
//! (the edge draws them and hands them in).

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not the identifier it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: {why}")]
pub struct BadId {
    what: &'static str,
    text: String,
    why: &'static str,
}

fn bad(what: &'static str, text: &str, why: &'static str) -> BadId {
    BadId { what, text: text.chars().take(80).collect(), why }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:path, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text of the identifier.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
                String::deserialize(de)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// The name of an agent: `[a-z0-9]`, then `[a-z0-9-]`, at most 64 characters, so that it is safe
    /// in a file name, a branch name and a trailer.
    AgentId, check_agent, "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
);
id!(
    /// The ULID of one run.
    RunId, check_run, "^[0-9A-Za-z]{26}$"
);
id!(
    /// A planned time (`2026-11-21T04:20Z`) or another name for "once" (`manual-01J8…`).
    Slot, check_slot, "^[A-Za-z0-9:._+-]{1,64}$"
);
id!(
    /// The object id of a git object: 40 or 64 hexadecimal digits.
    Oid, check_oid, "^([0-9a-f]{40}|[0-9a-f]{64})$"
);

fn check_agent(text: &str) -> Result<(), BadId> {
    let what = "an agent's name";
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 64 {
        return Err(bad(what, text, "use 1 to 64 characters"));
    }
    if !text.chars().all(fits) || text.starts_with('-') || text.ends_with('-') {
        return Err(bad(what, text, "use lower-case letters, digits and inner hyphens"));
    }
    Ok(())
}

fn check_run(text: &str) -> Result<(), BadId> {
    ulid::Ulid::from_string(text).map(|_| ()).map_err(|_| bad("a run id", text, "use a ULID of 26 characters"))
}

fn check_slot(text: &str) -> Result<(), BadId> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '_' | '+');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        return Err(bad("a slot", text, "use 1 to 64 letters, digits and - : . _ +"));
    }
    Ok(())
}

fn check_oid(text: &str) -> Result<(), BadId> {
    if !matches!(text.len(), 40 | 64) || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(bad("an object id", text, "use 40 or 64 lower-case hexadecimal digits"));
    }
    Ok(())
}

impl Oid {
    /// The first ten digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl AgentId {
    /// The branch that carries the agent's one open pull request.
    #[must_use]
    pub fn branch(&self) -> String {
        format!("{}{}", crate::town::limits::AGENT_BRANCH_PREFIX, self.0)
    }

    /// The file that holds the agent's memory.
    #[must_use]
    pub fn memory_path(&self) -> String {
        format!("agents/memories/{}-memory.json", self.0)
    }

    /// The file that holds the agent's charter.
    #[must_use]
    pub fn charter_path(&self) -> String {
        format!("agents/{}.md", self.0)
    }
}

impl RunId {
    /// Makes a run id from a moment and 80 bits of randomness, both handed in.
    #[must_use]
    pub fn from_parts(millis: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(millis, random).to_string())
    }

    /// The moment the run id was made, in milliseconds since 1970.
    #[must_use]
    pub fn millis(&self) -> u64 {
        ulid::Ulid::from_string(&self.0).map_or(0, |id| id.timestamp_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_names_are_safe_everywhere() {
        for good in ["a", "chaostester", "pm-validator", "a1-2"] {
            assert!(good.parse::<AgentId>().is_ok(), "{good}");
        }
        for wrong in ["", "A", "a b", "-a", "a-", "a/b", "..", "ä", &"a".repeat(65)] {
            assert!(wrong.parse::<AgentId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn object_ids_are_lower_case_hexadecimal() {
        assert!("a".repeat(40).parse::<Oid>().is_ok());
        assert!("A".repeat(40).parse::<Oid>().is_err());
        assert!("a".repeat(39).parse::<Oid>().is_err());
    }

    #[test]
    fn a_run_id_carries_its_moment() {
        assert_eq!(RunId::from_parts(1_795_232_628_000, 7).millis(), 1_795_232_628_000);
    }
}
