//! An answer of the fake before it is sent: status, headers and body.
//!
//! Lives here: how answers and GitHub's errors look. Never here: when one is given.

use serde_json::{Value, json};

const DOCS: &str = "https://docs.github.com/rest";

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer, or the refusal that stands in its place.
pub type Answer = Result<Reply, Reply>;

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer in JSON.
    pub fn json(status: u16, body: Value) -> Reply {
        let body = body.to_string().into_bytes();
        Reply { body, ..Reply::empty(status) }.with("content-type", "application/json; charset=utf-8")
    }

    /// An answer of another kind.
    pub fn text(status: u16, kind: &str, body: &str) -> Reply {
        Reply { body: body.as_bytes().to_vec(), ..Reply::empty(status) }.with("content-type", kind)
    }

    /// The same with one header more.
    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An error with GitHub's plain shape.
    pub fn error(status: u16, message: &str) -> Reply {
        let body = json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() });
        Reply::json(status, body)
    }

    /// There is no such thing, or it is not for these eyes.
    pub fn not_found() -> Reply {
        Reply::error(404, "Not Found")
    }

    /// The token lacks a permission: one of those given would do.
    pub fn forbidden(needed: &str) -> Reply {
        Reply::error(403, "Resource not accessible by integration").with("x-accepted-github-permissions", needed)
    }

    /// What was sent does not hold.
    pub fn invalid(errors: Value) -> Reply {
        let errors = if errors.is_array() { errors } else { json!([errors]) };
        let body =
            json!({ "message": "Validation Failed", "errors": errors, "documentation_url": DOCS, "status": "422" });
        Reply::json(422, body)
    }

    /// One field of what was sent does not hold, with GitHub's code for how.
    pub fn invalid_field(resource: &str, field: &str, code: &str) -> Reply {
        Reply::invalid(json!({ "resource": resource, "field": field, "code": code }))
    }

    /// The same where GitHub says it in a sentence.
    pub fn invalid_because(resource: &str, message: &str) -> Reply {
        Reply::invalid(json!({ "resource": resource, "code": "custom", "message": message }))
    }

    /// What a broken GitHub shows: no JSON.
    pub fn unicorn() -> Reply {
        let page = "<html><head><title>Unicorn! &middot; GitHub</title></head><body>\
                    <p>No server is currently available to service your request.</p></body></html>";
        Reply::text(503, "text/html; charset=utf-8", page)
    }
}
