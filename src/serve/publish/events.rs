//! Events as they come in a request: one, several, or one whose attributes are headers (CloudEvents 1.0.2, HTTP binding, section 3).
//! Lives here: content types, headers, bodies. Never here: which events are taken (see `town::step`).

use axum::http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::serve::problem::Problem;
use crate::town::limits::{EVENT_BYTES, PUBLISH_BYTES, PUBLISH_EVENTS};

/// The content types of one event and of several.
pub const ONE: &str = "application/cloudevents+json";
pub const SEVERAL: &str = "application/cloudevents-batch+json";

/// How a request has its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The body is one.
    Structured,
    /// The body is a list.
    Batch,
    /// The body is its data; these are its other attributes.
    Binary(Map<String, Value>),
}

impl Mode {
    /// The mode that the headers of a request tell.
    ///
    /// # Errors
    /// A problem where it is none, or an attribute cannot be read.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if headers.contains_key(header::CONTENT_ENCODING) {
            return Err(unsupported("the body is encoded; send it as it is"));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
        let kind = kind.trim().to_ascii_lowercase();
        let charset = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
        let mut charset = charset.filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        if let Some((_, other)) = charset.find(|(_, set)| !set.trim_matches('"').eq_ignore_ascii_case("utf-8")) {
            return Err(unsupported(&format!("the charset is {other:?}; JSON is UTF-8")));
        }
        match &*kind {
            ONE => Ok(Self::Structured),
            SEVERAL => Ok(Self::Batch),
            "application/json" if headers.contains_key("ce-specversion") => Ok(Self::Binary(attributes(headers)?)),
            _ if headers.contains_key("ce-specversion") => {
                Err(unsupported(&format!("the data is {kind:?}, and that of a step is application/json")))
            }
            _ => Err(unsupported(&format!(
                "{kind:?} is no event: send {ONE}, {SEVERAL}, or application/json with ce- headers"
            ))),
        }
    }

    /// Bytes that a body of this mode may have.
    #[must_use]
    pub const fn most(&self) -> usize {
        match self {
            Self::Batch => PUBLISH_BYTES,
            Self::Structured | Self::Binary(_) => EVENT_BYTES,
        }
    }

    /// The events of a body, each as JSON.
    ///
    /// # Errors
    /// A problem where the body is no JSON, or has too many.
    pub fn events(self, body: &[u8]) -> Result<Vec<String>, Problem> {
        let bad =
            |error: serde_json::Error| Problem::bad_request(format!("the body is not what its type says: {error}"));
        match self {
            Self::Structured => Ok(vec![serde_json::from_slice::<Box<RawValue>>(body).map_err(bad)?.get().to_owned()]),
            Self::Batch => {
                let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(bad)?;
                if events.len() > PUBLISH_EVENTS {
                    let detail = format!("{} events; one request publishes {PUBLISH_EVENTS} at the most", events.len());
                    return Err(Problem::too_big(detail));
                }
                Ok(events.into_iter().map(|event| event.get().to_owned()).collect())
            }
            Self::Binary(attributes) => {
                let data: &RawValue = serde_json::from_slice(body).map_err(bad)?;
                let event = serde_json::to_string(&attributes).map_err(bad)?;
                // The data stays as it was written: what comes twice in it must not be forgotten.
                let open = event.strip_suffix('}').unwrap_or(&event);
                Ok(vec![format!("{open},\"data\":{}}}", data.get())])
            }
        }
    }
}

/// The attributes in the headers, each a text; what is no printable ASCII is there with percent signs.
fn attributes(headers: &HeaderMap) -> Result<Map<String, Value>, Problem> {
    let mut attributes = Map::new();
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix("ce-") else { continue };
        let text = value.to_str().ok().and_then(|text| percent_decode_str(text).decode_utf8().ok());
        let Some(text) = text else {
            return Err(Problem::bad_request(format!("ce-{name} is no text")));
        };
        if name == "data" || attributes.insert(name.to_owned(), text.into_owned().into()).is_some() {
            return Err(Problem::bad_request(format!("ce-{name} is one too many")));
        }
    }
    Ok(attributes)
}

fn unsupported(detail: &str) -> Problem {
    let title = "Not a form that events have here";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-an-event", title, detail)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(said: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            let name = name.parse::<HeaderName>().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn three_modes_are_told_by_their_headers() {
        let of = |said: &[(&str, &str)]| Mode::of(&headers(said));
        assert_eq!(
            of(&[("content-type", "Application/CloudEvents+JSON; charset=\"UTF-8\"")]).unwrap(),
            Mode::Structured
        );
        assert_eq!(of(&[("content-type", SEVERAL), ("ce-specversion", "1.0")]).unwrap(), Mode::Batch);
        let binary = of(&[
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "ada/caf%C3%A9%20%22x%22"),
            ("x-other", "y"),
        ]);
        let Mode::Binary(attributes) = binary.unwrap() else { panic!("no binary mode") };
        assert_eq!(Value::from(attributes), serde_json::json!({"specversion": "1.0", "id": "ada/café \"x\""}));
        for wrong in [
            vec![],
            vec![("content-type", "application/json")],
            vec![("content-type", "application/cloudevents+avro")],
            vec![("content-type", "text/plain"), ("ce-specversion", "1.0")],
            vec![("content-type", "application/cloudevents+json; charset=latin1")],
            vec![("content-type", ONE), ("content-encoding", "gzip")],
        ] {
            assert_eq!(of(&wrong).unwrap_err().code, "not-an-event", "{wrong:?}");
        }
        let base = [("content-type", "application/json"), ("ce-specversion", "1.0")];
        for wrong in [("ce-specversion", "1.0"), ("ce-data", "x"), ("ce-id", "%ff"), ("ce-id", "é")] {
            let problem = of(&[base[0], base[1], wrong]).unwrap_err();
            assert_eq!(problem.code, "bad-request", "{wrong:?}");
        }
    }

    #[test]
    fn bodies_are_events() {
        let binary = || Mode::of(&headers(&[("content-type", "application/json"), ("ce-specversion", "1.0")])).unwrap();
        assert_eq!(binary().events(b" {\"a\": 1}\n").unwrap(), ["{\"specversion\":\"1.0\",\"data\":{\"a\": 1}}"]);
        assert_eq!(Mode::Structured.events(b" {} ").unwrap(), ["{}"]);
        assert_eq!(Mode::Batch.events(b"[{}, 1]").unwrap(), ["{}", "1"]);
        assert!(Mode::Batch.events(b"[]").unwrap().is_empty());
        for (mode, body) in [
            (Mode::Structured, &b""[..]),
            (Mode::Structured, b"{} {}"),
            (Mode::Structured, b"\xff"),
            (Mode::Batch, b"{}"),
            (Mode::Batch, b"[{},]"),
            (binary(), b"1}, {\"a\":"),
            (binary(), b""),
        ] {
            assert_eq!(mode.clone().events(body).unwrap_err().code, "bad-request", "{mode:?}");
        }
        let many = format!("[{}0]", "0,".repeat(PUBLISH_EVENTS));
        assert_eq!(Mode::Batch.events(many.as_bytes()).unwrap_err().code, "too-big");
    }
}
