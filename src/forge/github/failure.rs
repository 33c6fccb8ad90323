//! What GitHub means by an answer that is no success: one type for each kind, with what to do about it.
//! Lives here: reading statuses, headers and messages. Never here: sending.

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde_json::Value;

use crate::forge::ForgeError;

/// An answer as far as anybody looks at it.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
    /// The address of the next page.
    pub next: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<i64>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u64>,
    /// `X-RateLimit-Reset`, in seconds since 1970.
    pub reset: Option<i64>,
    /// `X-Accepted-GitHub-Permissions`: what the call would have needed.
    pub permissions: Option<String>,
}

/// Without any word how long, GitHub asks to wait at least so many seconds after a secondary limit.
const SECONDARY_WAIT: i64 = 60;

/// The failure that an answer is.
pub fn of(method: &str, path: &str, answer: &Answer, now: DateTime<Utc>) -> ForgeError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let message = body["message"].as_str().unwrap_or_default().to_owned();
    let what = || format!("{method} {}: {}", plain(path), said(answer.status, &message, &body));
    let status = answer.status;
    if let Some(until) = limited(answer, &message, now) {
        return ForgeError::RateLimited { what: what(), until };
    }
    match status {
        StatusCode::UNAUTHORIZED => ForgeError::Unauthorized(what()),
        StatusCode::FORBIDDEN if message.contains("not permitted to create or approve pull requests") => {
            ForgeError::MayNotOpen(what())
        }
        StatusCode::FORBIDDEN | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
            ForgeError::Forbidden { what: what(), permission: answer.permissions.clone().unwrap_or_default() }
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => ForgeError::NotFound(what()),
        StatusCode::CONFLICT | StatusCode::METHOD_NOT_ALLOWED => ForgeError::Conflict(what()),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => ForgeError::Invalid(what()),
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => ForgeError::Unavailable(what()),
        _ => ForgeError::Refused(what()),
    }
}

/// Until when GitHub wants no more calls, if that is what the answer says. A 403 may also mean something else.
fn limited(answer: &Answer, message: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if answer.status != StatusCode::FORBIDDEN && answer.status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    if let Some(seconds) = answer.retry_after {
        return Some(now + TimeDelta::seconds(seconds.clamp(0, 86_400)));
    }
    if answer.remaining == Some(0)
        && let Some(reset) = answer.reset.and_then(|reset| DateTime::from_timestamp(reset, 0))
    {
        return Some(reset.max(now));
    }
    let lower = message.to_ascii_lowercase();
    let secondary = ["secondary rate limit", "abuse detection", "too many requests"];
    (answer.status == StatusCode::TOO_MANY_REQUESTS || secondary.iter().any(|words| lower.contains(words)))
        .then(|| now + TimeDelta::seconds(SECONDARY_WAIT))
}

/// What GitHub said, in a line: its message and its errors.
fn said(status: StatusCode, message: &str, body: &Value) -> String {
    let mut words = format!("{} {}", status.as_u16(), if message.is_empty() { "without a message" } else { message });
    for error in body["errors"].as_array().into_iter().flatten().take(5) {
        let field = error["field"].as_str().unwrap_or_default();
        let code = error["code"].as_str().unwrap_or_default();
        let text = error["message"].as_str().or_else(|| error.as_str()).unwrap_or_default();
        let more: Vec<&str> = [field, code, text].into_iter().filter(|word| !word.is_empty()).collect();
        words.push_str(&format!("; {}", more.join(" ")));
    }
    crate::town::text::one_line(&crate::town::text::escape_invisible(&words).0, 600)
}

/// The path without its query: a query may be long, and says nothing more.
fn plain(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

/// The address of the next page in a `Link` header (RFC 8288).
pub fn next_link(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (url, parameters) = link.split_once(';')?;
        let is_next = parameters.split(';').any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| url.trim().trim_start_matches('<').trim_end_matches('>').to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: body.as_bytes().to_vec(),
            next: None,
            retry_after: None,
            remaining: Some(4_000),
            reset: None,
            permissions: None,
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    // covers: github#each-failure-says-what-to-do
    #[test]
    fn each_answer_is_a_failure_of_its_own() {
        let message = |text: &str| format!("{{\"message\":\"{text}\"}}");
        let cases = [
            (401, message("Bad credentials"), "Unauthorized("),
            (403, message("Resource not accessible by integration"), "Forbidden {"),
            (403, message("GitHub Actions is not permitted to create or approve pull requests."), "MayNotOpen("),
            (403, message("You have exceeded a secondary rate limit."), "RateLimited {"),
            (429, String::new(), "RateLimited {"),
            (404, message("Not Found"), "NotFound("),
            (410, message("gone"), "NotFound("),
            (409, message("Head branch was modified"), "Conflict("),
            (405, message("Pull Request is not mergeable"), "Conflict("),
            (422, message("Validation Failed"), "Invalid("),
            (502, "<html>".to_owned(), "Unavailable("),
            (503, String::new(), "Unavailable("),
            (418, String::new(), "Refused("),
        ];
        for (status, body, wanted) in cases {
            let failure = of("GET", "/repos/o/r/pulls?state=open", &answer(status, &body), now());
            let shown = format!("{failure:?}");
            assert!(shown.starts_with(wanted), "{status} {body}: {shown}");
            assert!(!shown.contains("state=open"), "{shown}");
        }
    }

    #[test]
    fn limits_say_until_when() {
        let until = |answer: Answer| match of("GET", "/x", &answer, now()) {
            ForgeError::RateLimited { until, .. } => (until - now()).num_seconds(),
            other => panic!("{other:?}"),
        };
        assert_eq!(until(Answer { retry_after: Some(7), ..answer(403, "{}") }), 7);
        assert_eq!(until(Answer { retry_after: Some(-5), ..answer(429, "{}") }), 0);
        assert_eq!(until(Answer { retry_after: Some(i64::MAX), ..answer(429, "{}") }), 86_400);
        let reset = Some(now().timestamp() + 90);
        assert_eq!(until(Answer { remaining: Some(0), reset, ..answer(403, "{}") }), 90);
        let past = Some(now().timestamp() - 90);
        assert_eq!(until(Answer { remaining: Some(0), reset: past, ..answer(403, "{}") }), 0);
        assert_eq!(until(answer(429, "{}")), 60);
    }

    #[test]
    fn a_missing_permission_and_validation_errors_are_named() {
        let forbidden = Answer { permissions: Some("pull_requests=write".to_owned()), ..answer(403, "{}") };
        assert!(of("POST", "/x", &forbidden, now()).to_string().contains("pull_requests=write"));
        let body = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"head","code":"invalid"},"odd"]}"#;
        let said = of("POST", "/x", &answer(422, body), now()).to_string();
        assert!(said.contains("head invalid") && said.contains("odd"), "{said}");
    }

    #[test]
    fn next_pages_are_found() {
        let link = r#"<https://api.example.com/x?page=1>; rel="prev", <https://api.example.com/x?page=3>; rel="next""#;
        assert_eq!(next_link(link).as_deref(), Some("https://api.example.com/x?page=3"));
        assert_eq!(next_link("<https://api.example.com/x?page=1>; rel=\"last\""), None);
        assert_eq!(next_link("rubbish"), None);
    }
}
