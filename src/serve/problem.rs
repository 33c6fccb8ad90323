//! Errors of the HTTP API, as RFC 9457 has them.
//! Lives here: the document and its codes. Never here: when one is due.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One problem: `application/problem+json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(transform = open)]
pub struct Problem {
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schemars(with = "u16")]
    pub status: StatusCode,
    /// The kind, for programs.
    pub code: &'static str,
    /// The kind, for people.
    pub title: &'static str,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// After how many seconds it is worth another try.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    /// What a program needs to go on.
    #[serde(flatten)]
    #[schemars(skip)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// The document has the kind as a URI too, and members of its own (RFC 9457 §3.2).
fn open(schema: &mut schemars::Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        let kind =
            serde_json::json!({"description": "The kind as a URI: `urn:monkeytown:problem:CODE`.", "type": "string"});
        properties.insert("type".to_owned(), kind);
    }
    schema.insert("additionalProperties".to_owned(), true.into());
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with its parts.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), retry_after: None, more: serde_json::Map::new() }
    }

    /// A request that cannot be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// Nothing of this name.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here", detail)
    }

    /// Something that whoever asks may not do.
    #[must_use]
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "This is not allowed", detail)
    }

    /// Something that does not fit what is there by now.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "It stays as it is", detail)
    }

    /// Something that failed here.
    #[must_use]
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "It failed", detail)
    }

    /// The same, with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// Something that is not there now.
    #[must_use]
    pub fn unavailable(code: &'static str, detail: impl Into<String>, retry_after: u64) -> Self {
        let title = "Not now";
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail) }
    }

    /// A body of more bytes than are taken.
    #[must_use]
    pub fn too_long(most: usize) -> Self {
        Self::too_big(format!("the body has more than {most} bytes"))
    }

    /// A request with more than may be in one.
    #[must_use]
    pub fn too_big(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-big", "Too much at once", detail)
    }

    /// Too many connections of one address.
    #[must_use]
    pub fn too_many(address: std::net::IpAddr, most: usize) -> Self {
        Self::too_fast(format!("{address} has {most} connections open, and may have no more"), 1)
    }

    /// Too many requests.
    #[must_use]
    pub fn too_fast(detail: impl Into<String>, retry_after: u64) -> Self {
        let title = "Too many requests";
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too-fast", title, detail) }
    }
}

impl Problem {
    /// The document.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let kind = format!("urn:monkeytown:problem:{}", self.code);
        serde_json::to_vec(&Document { kind, problem: self }).unwrap_or_default()
    }
}

/// The document: a problem with its kind as a URI.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    problem: &'a Problem,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.json();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
