//! One event as it stands in the journal: a CloudEvents 1.0 document in JSON, on one line.
//! Lives here: the envelope, its encoding, its limits, deterministic ids. Never here: what events mean
//! (see [`super::event`]).

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event::Event;
use super::ids::{AgentId, RunId};
use super::limits::EVENT_BYTES;

/// Who did it: `agent:x`, `human:y` or `system:z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// One of the town's agents.
    Agent(AgentId),
    /// A person, by login or by the name git knows.
    Human(String),
    /// The binary itself, with the part that acted.
    System(&'static str),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(agent) => write!(f, "agent:{agent}"),
            Self::Human(login) => write!(f, "human:{login}"),
            Self::System(part) => write!(f, "system:{part}"),
        }
    }
}

/// A CloudEvents 1.0 envelope (JSON format, section 3 of its specification), with three extension
/// attributes: `actor`, `corr` (the run that caused it) and `cause` (the event that caused it).
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Event")]
pub struct Envelope {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique in the journal. A hash of kind and natural key where the fact has one.
    pub id: String,
    /// `monkeytown.<noun>.<verb>.v<n>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The town, as a URI reference.
    pub source: String,
    /// What it is about: `run/<id>`, `pull/<number>`, `agent/<name>`, `town`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// When, in UTC, for people; order comes from the sequence.
    pub time: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// The run that everything here belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corr: Option<RunId>,
    /// The id of the event that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The payload, byte for byte as it was written.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub data: Box<RawValue>,
}

/// Why an event cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// The line is no CloudEvent of ours.
    #[error("not a CloudEvent with type, id, source, time, actor and data")]
    Parse(#[source] serde_json::Error),
    /// The line is longer than an event may be.
    #[error("{bytes} bytes, and an event may have {EVENT_BYTES}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Another version of CloudEvents.
    #[error("specversion {0:?}, and only 1.0 is known")]
    Version(String),
    /// The payload does not have the shape of its type.
    #[error("payload of {kind} does not have its shape")]
    Payload {
        /// The event's type.
        kind: String,
        /// What the decoder says.
        #[source]
        source: serde_json::Error,
    },
}

/// An event before it has an envelope: what a decision yields.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What happened.
    pub event: Event,
    /// Who did it.
    pub actor: Actor,
    /// The run it belongs to.
    pub corr: Option<RunId>,
    /// What it was caused by.
    pub cause: Option<String>,
    /// The natural key, where the fact has one: observing it twice gives the same id.
    pub key: Option<String>,
    /// When it happened, where that was seen elsewhere; else the moment of the append.
    pub at: Option<DateTime<Utc>>,
}

/// What the edge adds to a decision: the moment, the town, and randomness for ids.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The moment.
    pub time: DateTime<Utc>,
    /// The town as a URI reference.
    pub source: String,
    /// 80 bits of randomness; the n-th event of an append uses it plus n.
    pub random: u128,
}

/// The deterministic id of a fact: 32 hexadecimal digits of the BLAKE3 of its type and natural key.
#[must_use]
pub fn natural_id(kind: &str, key: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes());
    hasher.update(&[0]);
    hasher.update(key.as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

impl Draft {
    /// Gives the draft its envelope.
    ///
    /// # Errors
    /// [`BadEvent::TooLong`] when the line would break the limit.
    pub fn seal(&self, stamp: &Stamp, index: usize) -> Result<Envelope, BadEvent> {
        let kind = self.event.kind();
        let millis = u64::try_from(stamp.time.timestamp_millis()).unwrap_or_default();
        let id = match &self.key {
            Some(key) => natural_id(kind, key),
            None => ulid::Ulid::from_parts(millis, stamp.random.wrapping_add(index as u128)).to_string(),
        };
        let data = self.event.data().map_err(|source| BadEvent::Payload { kind: kind.to_owned(), source })?;
        let envelope = Envelope {
            specversion: "1.0".to_owned(),
            id,
            kind: kind.to_owned(),
            source: stamp.source.clone(),
            subject: self.event.subject(),
            time: whole_millis(self.at.unwrap_or(stamp.time)),
            actor: self.actor.to_string(),
            corr: self.corr.clone(),
            cause: self.cause.clone(),
            data,
        };
        envelope.line().map(|_| envelope)
    }
}

/// Cuts a moment to milliseconds, so that what is written reads back the same.
fn whole_millis(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time)
}

impl Envelope {
    /// The event as one line of JSON, without the line feed.
    ///
    /// # Errors
    /// [`BadEvent::TooLong`] beyond 16 KiB.
    pub fn line(&self) -> Result<String, BadEvent> {
        Ok(Box::<str>::from(self.json()?).into_string())
    }

    /// The same line, known to be JSON.
    ///
    /// # Errors
    /// As [`Envelope::line`].
    pub fn json(&self) -> Result<Box<RawValue>, BadEvent> {
        let json = serde_json::value::to_raw_value(self).map_err(BadEvent::Parse)?;
        match json.get().len() {
            bytes if bytes > EVENT_BYTES => Err(BadEvent::TooLong { bytes }),
            _ => Ok(json),
        }
    }

    /// Reads one line of the journal.
    ///
    /// # Errors
    /// [`BadEvent`] when the line is no CloudEvents 1.0 envelope of at most 16 KiB.
    pub fn parse(line: &str) -> Result<Self, BadEvent> {
        if line.len() > EVENT_BYTES {
            return Err(BadEvent::TooLong { bytes: line.len() });
        }
        let envelope: Self = serde_json::from_str(line).map_err(BadEvent::Parse)?;
        if envelope.specversion != "1.0" {
            return Err(BadEvent::Version(envelope.specversion));
        }
        Ok(envelope)
    }

    /// The typed event, or `None` where the type is unknown here (it is kept and passed on).
    ///
    /// # Errors
    /// [`BadEvent::Payload`] when a known type carries another shape.
    pub fn event(&self) -> Result<Option<Event>, BadEvent> {
        Event::decode(&self.kind, &self.data)
            .transpose()
            .map_err(|source| BadEvent::Payload { kind: self.kind.clone(), source })
    }

    /// The moment as RFC 3339 with seconds, for people.
    #[must_use]
    pub fn when(&self) -> String {
        self.time.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}
