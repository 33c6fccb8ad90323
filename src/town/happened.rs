//! An event with its meaning and nothing else: what the fold needs of a journal line, read in one pass.
//! Lives here: taking an event out of its envelope, or straight out of its line. Never here: what follows from it
//! (see [`super::fold`]).

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::{BadEvent, Envelope};
use super::event::Event;
use super::ids::RunId;
use super::limits::EVENT_BYTES;

/// What the fold reads of one event.
#[derive(Debug)]
pub struct Happened {
    /// The event's id.
    pub id: String,
    /// The event's type.
    pub kind: Cow<'static, str>,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The typed event; `None` where the type is unknown here. A payload of another shape is no reason to stop reading: the
    /// fold says that it does not fit.
    pub event: Result<Option<Event>, BadEvent>,
}

/// [`Envelope`] without copies of what the fold does not look at. It has to accept exactly what that accepts.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    id: String,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "source")]
    _source: Cow<'a, str>,
    #[serde(borrow, default, rename = "subject")]
    _subject: Cow<'a, str>,
    time: DateTime<Utc>,
    #[serde(borrow, rename = "actor")]
    _actor: Cow<'a, str>,
    #[serde(default, rename = "corr")]
    _corr: Option<RunId>,
    #[serde(borrow, default, rename = "cause")]
    _cause: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Happened {
    /// Reads one line of the journal, with the same judgement as [`Envelope::parse`].
    ///
    /// # Errors
    /// [`BadEvent`] when the line is no CloudEvents 1.0 envelope of at most 16 KiB.
    pub fn parse(line: &str) -> Result<Self, BadEvent> {
        if line.len() > EVENT_BYTES {
            return Err(BadEvent::TooLong { bytes: line.len() });
        }
        let line: Line<'_> = serde_json::from_str(line).map_err(BadEvent::Parse)?;
        if line.specversion != "1.0" {
            return Err(BadEvent::Version(line.specversion.into_owned()));
        }
        Ok(Self::new(line.id, &line.kind, line.time, line.data))
    }

    fn new(id: String, kind: &str, time: DateTime<Utc>, data: &RawValue) -> Self {
        let event = Event::decode(kind, data).transpose();
        let event = event.map_err(|source| BadEvent::Payload { kind: kind.to_owned(), source });
        let kind = match &event {
            Ok(Some(event)) => Cow::Borrowed(event.kind()),
            _ => Cow::Owned(kind.to_owned()),
        };
        Self { id, kind, time, event }
    }
}

impl From<&Envelope> for Happened {
    fn from(envelope: &Envelope) -> Self {
        Self::new(envelope.id.clone(), &envelope.kind, envelope.time, &envelope.data)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"specversion":"1.0","id":"a\u0041","type":"monkeytown.town.frozen.v1","source":"/towns/x","subject":"town","time":"2026-01-02T03:04:05.006Z","actor":"human:ü","corr":"01J8ZZZZZZZZZZZZZZZZZZZZZZ","cause":"c","data":{"by":"m","reason":"\"r\""}}"#;

    /// Both readings of a line, as text that can be compared.
    fn both(line: &str) -> (String, String) {
        let told = |happened: Result<Happened, BadEvent>| match happened {
            Ok(h) => format!("{} {} {} {:?}", h.id, h.kind, h.time, h.event.map_err(|e| e.to_string())),
            Err(error) => error.to_string(),
        };
        (told(Happened::parse(line)), told(Envelope::parse(line).map(|envelope| Happened::from(&envelope))))
    }

    #[test]
    fn a_line_means_what_its_envelope_means() {
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(EVENT_BYTES));
        let cases = [
            GOOD.to_owned(),
            GOOD.replace("\"subject\":\"town\",", ""),
            GOOD.replace("\"corr\":\"01J8ZZZZZZZZZZZZZZZZZZZZZZ\",", ""),
            GOOD.replace("\"corr\":\"01J8ZZZZZZZZZZZZZZZZZZZZZZ\"", "\"corr\":null"),
            GOOD.replace("\"corr\":\"01J8ZZZZZZZZZZZZZZZZZZZZZZ\"", "\"corr\":\"no\""),
            GOOD.replace("\"cause\":\"c\"", "\"cause\":null"),
            GOOD.replace("\"cause\":\"c\"", "\"cause\":1"),
            GOOD.replace("\"actor\":\"human:ü\",", ""),
            GOOD.replace("\"source\":\"/towns/x\",", ""),
            GOOD.replace("\"data\":", "\"more\":[1],\"data\":"),
            GOOD.replace("\"data\":", "\"id\":\"twice\",\"data\":"),
            GOOD.replace(",\"data\":{\"by\":\"m\",\"reason\":\"\\\"r\\\"\"}", ""),
            GOOD.replace("{\"by\":\"m\",\"reason\":\"\\\"r\\\"\"}", "{\"by\":1}"),
            GOOD.replace("frozen.v1", "frozen.v9"),
            GOOD.replace("frozen.v1", "fr\\u006fzen.v1"),
            GOOD.replace("\"1.0\"", "\"1.1\""),
            GOOD.replace("2026-01-02", "2026-13-02"),
            GOOD.replace('}', ""),
            long,
            String::new(),
            "[]".to_owned(),
            "null".to_owned(),
        ];
        for line in &cases {
            let (ours, theirs) = both(line);
            assert_eq!(ours, theirs, "{line}");
        }
        assert!(Happened::parse(GOOD).unwrap().event.unwrap().is_some());
    }

    proptest! {
        #[test]
        fn a_damaged_line_is_judged_alike(at in 0..GOOD.len(), byte in proptest::char::range('\u{20}', '\u{7e}')) {
            let mut chars: Vec<char> = GOOD.chars().collect();
            let at = at.min(chars.len() - 1);
            chars[at] = byte;
            let line: String = chars.into_iter().collect();
            let (ours, theirs) = both(&line);
            prop_assert_eq!(ours, theirs);
        }
    }
}
