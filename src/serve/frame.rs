//! What goes over the wire: messages as JSON, and JSON as the WebSocket frame that every witness gets.
//! Lives here: shapes and bytes (RFC 6455 §5.2, server to client, so never masked). Never here: sockets, or who gets what.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Told;
use super::ring::Offset;
use crate::town::envelope::Envelope;
use crate::town::fold::Town;

/// The longest header that a frame of the server has.
pub const LONGEST_HEADER: usize = 10;

/// Why there is a hole in what a client has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hole {
    /// The ring had to let go of it.
    Evicted,
    /// The history of the town was replaced.
    Rewritten,
    /// The server began again, and what it alone knew is gone.
    Restarted,
}

/// Writes an offset as a decimal string: it may be larger than what a browser's numbers hold exactly.
mod decimal {
    pub fn serialize<S: serde::Serializer>(offset: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(offset)
    }
}

/// One message of the server.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Message<'a> {
    /// The first of every connection.
    Hello {
        /// The life of the stream: offsets of another epoch mean nothing here.
        epoch: &'a str,
        /// The newest offset.
        #[serde(with = "decimal")]
        #[schemars(with = "String")]
        offset: Offset,
        /// The newest commit of the journal.
        head: Option<&'a str>,
        /// The program's version.
        server: &'a str,
        /// What the server allows, by name.
        #[schemars(with = "Told")]
        limits: &'a serde_json::Value,
        /// What time it is here.
        now: &'a str,
    },
    /// The whole state, to start from.
    Snapshot {
        /// The events behind it.
        #[serde(with = "decimal")]
        #[schemars(with = "String")]
        offset: Offset,
        /// The sequence number of its last event.
        seq: u64,
        /// The state.
        #[schemars(with = "Town")]
        state: &'a RawValue,
    },
    /// One event.
    Event {
        /// Its place in the stream.
        #[serde(with = "decimal")]
        #[schemars(with = "String")]
        offset: Offset,
        /// Its place in the journal; none for what is not recorded there.
        seq: Option<u64>,
        /// The event, as it stands in the journal.
        #[schemars(with = "Envelope")]
        event: &'a RawValue,
    },
    /// A hole: what lies between is not coming.
    Gap {
        /// The last offset before it.
        #[serde(with = "decimal")]
        #[schemars(with = "String")]
        from: Offset,
        /// The last offset within it.
        #[serde(with = "decimal")]
        #[schemars(with = "String")]
        to: Offset,
        /// Why.
        reason: Hole,
    },
    /// Nothing happened, and the connection is alive.
    Heartbeat {
        /// The newest offset.
        #[serde(with = "decimal")]
        #[schemars(with = "String")]
        offset: Offset,
        /// What time it is here.
        now: &'a str,
    },
}

impl Message<'_> {
    /// The message as JSON.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        // Strings, numbers and JSON that was JSON before: nothing of it can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The message as a frame.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        text(&self.json())
    }
}

/// What is read back out of an event's frame, for filters.
#[derive(Debug, Deserialize)]
pub struct Heard<'a> {
    /// The event.
    #[serde(borrow)]
    pub event: About<'a>,
}

/// What an event is about.
#[derive(Debug, Deserialize)]
pub struct About<'a> {
    /// Its type.
    #[serde(borrow, rename = "type")]
    pub kind: std::borrow::Cow<'a, str>,
    /// Its subject.
    #[serde(borrow, default)]
    pub subject: std::borrow::Cow<'a, str>,
    /// Who did it.
    #[serde(borrow, default)]
    pub actor: std::borrow::Cow<'a, str>,
    /// Its payload.
    #[serde(default)]
    pub data: OfAgent,
}

/// The one part of payloads that filters look at.
#[derive(Debug, Default, Deserialize)]
pub struct OfAgent {
    /// Whose run, charter or pull request it is.
    #[serde(default)]
    pub agent: Option<serde_json::Value>,
}

/// Whether a message tells of a hole.
#[must_use]
pub fn is_gap(json: &[u8]) -> bool {
    json.starts_with(br#"{"kind":"gap""#)
}

/// Wraps a text in an unmasked frame that is final.
#[must_use]
pub fn text(payload: &[u8]) -> Vec<u8> {
    wrap(0x81, payload)
}

/// A closing frame with its code and reason, cut to what a control frame holds (RFC 6455 §5.5: 125 bytes).
#[must_use]
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    wrap(0x88, &payload)
}

/// A ping without a payload.
pub const PING: [u8; 2] = [0x89, 0];

/// What stands before the payload of a text of this length.
#[must_use]
pub fn header(length: usize) -> Vec<u8> {
    begin(0x81, length, 0)
}

fn wrap(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = begin(first, payload.len(), payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// A frame's header, with room for so much more.
fn begin(first: u8, length: usize, room: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(LONGEST_HEADER + room);
    frame.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame
}

/// How long the frame at the beginning of these bytes is, header included; `None` where the header is not whole.
#[must_use]
pub fn length(bytes: &[u8]) -> Option<usize> {
    let (header, payload) = match bytes.get(1)? {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        length => (2, u64::from(*length)),
    };
    usize::try_from(payload).ok()?.checked_add(header)
}

/// The payload of one whole frame.
#[must_use]
pub fn payload(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    frame.get(header..).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_has_its_length_and_its_payload(size in prop_oneof![0_usize..300, 65_530_usize..65_540, Just(200_000)]) {
            let payload_in: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut frame = text(&payload_in);
            prop_assert_eq!(payload(&frame), &payload_in[..]);
            prop_assert_eq!(length(&frame), Some(frame.len()));
            frame.extend_from_slice(b"next");
            prop_assert_eq!(length(&frame), Some(frame.len() - 4));
        }

        #[test]
        fn a_closing_frame_is_a_control_frame(reason in "\\PC{0,200}") {
            let frame = close(4008, &reason);
            prop_assert!(frame.len() <= 127 && frame[0] == 0x88);
            prop_assert!(std::str::from_utf8(&payload(&frame)[2..]).is_ok());
        }
    }

    #[test]
    fn messages_say_what_the_protocol_says() {
        let event = RawValue::from_string(r#"{"id":"a"}"#.to_owned()).unwrap();
        let cases = [
            (
                Message::Event { offset: 1 << 60, seq: Some(7), event: &event },
                r#"{"kind":"event","offset":"1152921504606846976","seq":7,"event":{"id":"a"}}"#,
            ),
            (
                Message::Gap { from: 3, to: 9, reason: Hole::Evicted },
                r#"{"kind":"gap","from":"3","to":"9","reason":"evicted"}"#,
            ),
            (
                Message::Heartbeat { offset: 9, now: "2026-01-02T03:04:05Z" },
                r#"{"kind":"heartbeat","offset":"9","now":"2026-01-02T03:04:05Z"}"#,
            ),
        ];
        for (message, json) in cases {
            assert_eq!(String::from_utf8(message.json()).unwrap(), json);
        }
    }
}
