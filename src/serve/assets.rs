//! The page, from inside the program.
//! Lives here: finding a file of it, its type and how long it may be kept. Never here: what the page does.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// What is shown where the program was built without the page.
const PLAIN: &str = include_str!("plain.html");

/// Answers with a file of the page; a path that is none is the page itself, which has its places behind `#`.
#[must_use]
pub fn answer(path: &str, _headers: &HeaderMap) -> Response {
    if !matches!(path, "/" | "/index.html") {
        return Problem::not_found(format!("no {path} here")).into_response();
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    (StatusCode::OK, kind, PLAIN).into_response()
}
