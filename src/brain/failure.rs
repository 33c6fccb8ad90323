//! Why there is no reply: one type for each kind, and what a provider's answer means that is none.
//! Lives here: reading statuses, headers and error bodies of all providers. Never here: sending, waiting.

use std::path::PathBuf;

use ::http::{HeaderMap, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::town::event::FailureKind;
use crate::town::text::{escape_invisible, one_line};

/// The longest wait that a provider may ask for and gets, in seconds; a longer one means that a quota is used up, and no
/// job is paid for waiting.
pub const LONGEST_WAIT: i64 = 120;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum BrainError {
    /// It cannot be reached, or broke down; later it may work.
    #[error("{brain} is unavailable: {why}")]
    Unavailable {
        /// Which brain.
        brain: String,
        /// What happened.
        why: String,
    },
    /// It asks us to wait a little.
    #[error("{brain} is throttled{}: {why}", until_words(*until))]
    Throttled {
        /// Which brain.
        brain: String,
        /// When it may be asked again, where it says so.
        until: Option<DateTime<Utc>>,
        /// What it said.
        why: String,
    },
    /// It has more to do than it can.
    #[error("{brain} is overloaded: {why}")]
    Overloaded {
        /// Which brain.
        brain: String,
        /// What it said.
        why: String,
    },
    /// It will not answer this, whenever it is asked.
    #[error("{brain} refuses: {why}")]
    Refused {
        /// Which brain.
        brain: String,
        /// What it said.
        why: String,
    },
    /// It does not take the key.
    #[error("{brain} does not take the key: {why}; look at brain.key_env and at the rights of the key")]
    Auth {
        /// Which brain.
        brain: String,
        /// What it said.
        why: String,
    },
    /// There is no such model.
    #[error("{brain} is not known there: {why}; look at brain.model and brain.base_url")]
    UnknownModel {
        /// Which brain.
        brain: String,
        /// What it said.
        why: String,
    },
    /// It does not understand how it is asked.
    #[error("{brain} does not take the request: {why}")]
    Rejected {
        /// Which brain.
        brain: String,
        /// What it said.
        why: String,
    },
    /// The conversation is larger than it can hold.
    #[error("the conversation is too long for {brain}")]
    TooLong {
        /// Which brain.
        brain: String,
    },
    /// Quota or money is used up: asking again before that changes is no use.
    #[error("the quota of {brain} is used up{}: {why}", until_words(*until))]
    Exhausted {
        /// Which brain.
        brain: String,
        /// When there will be more, where that is known.
        until: Option<DateTime<Utc>>,
        /// What is used up.
        why: String,
    },
    /// The reply broke off before its end.
    #[error("the reply of {brain} broke off after {received} bytes: {why}")]
    Truncated {
        /// Which brain.
        brain: String,
        /// How much of it came.
        received: u64,
        /// What happened.
        why: String,
    },
    /// It answered something that cannot be read.
    #[error("{brain} gave an answer that cannot be read: {why}")]
    BadReply {
        /// Which brain.
        brain: String,
        /// What is wrong with it.
        why: String,
    },
    /// A command-line agent did its work, and came to no answer.
    #[error("the command came to no answer: {why}")]
    Command {
        /// How it ended.
        why: String,
        /// Whether only its time was up.
        late: bool,
    },
    /// The script of a scripted brain does not fit.
    #[error("script: {why}")]
    BadScript {
        /// What is wrong.
        why: String,
    },
    /// A recorded run and the run of now are no longer the same.
    #[error("the replay diverged at reply {reply}\n  recorded: {recorded}\n  now:      {now}")]
    Diverged {
        /// The reply, counted from 1.
        reply: usize,
        /// What the recorded brain was asked with.
        recorded: String,
        /// What this one was asked with.
        now: String,
    },
    /// The script or recording could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn until_words(until: Option<DateTime<Utc>>) -> String {
    until
        .map(|until| format!(" until {}", until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)))
        .unwrap_or_default()
}

impl BrainError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Throttled { .. }
                | Self::Exhausted { .. }
                | Self::Overloaded { .. }
                | Self::Truncated { .. }
        )
    }

    /// Whether the provider may have charged for it.
    #[must_use]
    pub const fn is_charged(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::BadReply { .. })
    }

    /// The kind of failure that the journal records.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Unavailable { .. } => FailureKind::Unavailable,
            Self::Throttled { .. } => FailureKind::Throttled,
            Self::Overloaded { .. } => FailureKind::Overloaded,
            Self::Refused { .. } => FailureKind::Refused,
            Self::Auth { .. } => FailureKind::Auth,
            Self::UnknownModel { .. } => FailureKind::UnknownModel,
            Self::TooLong { .. } => FailureKind::ContextTooLong,
            Self::Exhausted { .. } => FailureKind::Quota,
            Self::Truncated { .. } => FailureKind::TruncatedStream,
            Self::Rejected { .. }
            | Self::BadReply { .. }
            | Self::Command { .. }
            | Self::BadScript { .. }
            | Self::Diverged { .. }
            | Self::Read { .. } => FailureKind::Brain,
        }
    }
}

/// What is looked at of an answer that is no success.
pub struct Answer<'a> {
    /// The status; of an error in a stream the one that it would have had.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// The failure that an answer of `brain` is. `now` is the moment that it came.
pub fn of(brain: &str, answer: &Answer<'_>, now: DateTime<Utc>) -> BrainError {
    let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
    // `{"error": {…}}`, `[{"error": {…}}]`, or `{"error": "…"}` with the message alone.
    let error = body.get(0).unwrap_or(&body).get("error").cloned().unwrap_or(Value::Null);
    let message = error["message"].as_str().or_else(|| error.as_str()).or_else(|| body["message"].as_str());
    let message = message.unwrap_or_default();
    let codes = ["type", "code", "status"].map(|key| error[key].as_str().unwrap_or_default().to_ascii_lowercase());
    let code = |words: &[&str]| codes.iter().any(|code| words.iter().any(|word| code.contains(word)));
    let lower = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let (status, brain) = (answer.status.as_u16(), brain.to_owned());
    let why = format!("{status} {}", if message.is_empty() { "without a message" } else { message });
    let why = one_line(&escape_invisible(&why).0, 400);
    let is_client_error = answer.status.is_client_error();

    let too_long = ["context length", "context window", "maximum context", "prompt is too long", "too many tokens"];
    if status == 413
        || code(&["context_length", "tokens_limit_reached", "request_too_large"])
        || (is_client_error && status != 429 && says(&too_long))
    {
        return BrainError::TooLong { brain };
    }
    if is_client_error && (code(&["content_filter", "content_policy"]) || says(&["content management policy"])) {
        return BrainError::Refused { brain, why };
    }
    let wait = retry_after(answer.headers, now);
    let until = wait.map(|seconds| now + TimeDelta::seconds(seconds));
    let spent = code(&["insufficient_quota", "billing"])
        || says(&["exceeded your current quota", "credit balance is too low", "insufficient credits"]);
    if status == 402 || (is_client_error && spent) {
        return BrainError::Exhausted { brain, until, why };
    }
    if status == 429 || code(&["rate_limit"]) {
        return match wait {
            Some(seconds) if seconds > LONGEST_WAIT => BrainError::Exhausted { brain, until, why },
            _ => BrainError::Throttled { brain, until, why },
        };
    }
    if matches!(status, 503 | 529) || code(&["overloaded"]) {
        return BrainError::Overloaded { brain, why };
    }
    if matches!(status, 401 | 403) || code(&["authentication", "invalid_api_key", "permission_error"]) {
        return BrainError::Auth { brain, why };
    }
    let no_model = says(&["not a valid model", "model not found", "unknown model", "does not exist"]);
    if matches!(status, 404 | 410) || code(&["model_not_found", "unknown_model", "not_found_error"]) || no_model {
        return BrainError::UnknownModel { brain, why };
    }
    if is_client_error && status != 408 && status != 425 {
        return BrainError::Rejected { brain, why };
    }
    BrainError::Unavailable { brain, why }
}

/// How many seconds an answer asks to wait: a number, or a date as HTTP has it, read against the server's own clock.
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<i64> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let said = header("retry-after")?;
    let most = 10 * 365 * 86_400;
    if let Ok(seconds) = said.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
        return seconds.is_finite().then(|| seconds.ceil().clamp(0.0, 315_360_000.0) as i64);
    }
    let date = |text: &str| DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
    let now = header("date").and_then(date).unwrap_or(now);
    Some((date(said)? - now).num_seconds().clamp(0, most))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn failure(status: u16, body: &str, headers: &[(&'static str, &str)]) -> BrainError {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        of("openai/m", &Answer { status, headers: &map, body: body.as_bytes() }, now())
    }

    #[test]
    fn each_answer_is_a_failure_of_its_own() {
        use FailureKind as K;
        let error = |code: &str, message: &str| {
            serde_json::json!({"error": {"type": code, "code": code, "message": message}}).to_string()
        };
        let cases = [
            (401, error("invalid_api_key", "Incorrect API key provided"), K::Auth),
            (403, error("permission_error", "no"), K::Auth),
            (402, error("", "Insufficient credits"), K::Quota),
            (400, error("invalid_request_error", "Your credit balance is too low to access"), K::Quota),
            (429, error("insufficient_quota", "You exceeded your current quota"), K::Quota),
            (429, error("rate_limit_exceeded", "slow down: too many tokens per minute"), K::Throttled),
            (404, error("model_not_found", "The model `x` does not exist"), K::UnknownModel),
            (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#.to_owned(), K::UnknownModel),
            (400, error("", "x is not a valid model ID"), K::UnknownModel),
            (404, error("not_found_error", "model: x"), K::UnknownModel),
            (400, error("context_length_exceeded", "This model's maximum context length is 8192"), K::ContextTooLong),
            (400, error("invalid_request_error", "prompt is too long: 212 tokens > 200 maximum"), K::ContextTooLong),
            (413, error("tokens_limit_reached", "Request body too large"), K::ContextTooLong),
            (400, error("content_filter", "The response was filtered"), K::Refused),
            (529, error("overloaded_error", "Overloaded"), K::Overloaded),
            (503, String::new(), K::Overloaded),
            (500, error("api_error", "Internal"), K::Unavailable),
            (502, "<html>".to_owned(), K::Unavailable),
            (400, error("invalid_request_error", "tools.0: bad schema"), K::Brain),
        ];
        for (status, body, kind) in cases {
            assert_eq!(failure(status, &body, &[]).kind(), kind, "{status} {body}");
        }
    }

    #[test]
    fn a_wait_of_hours_is_a_quota_that_is_gone() {
        let error = failure(429, "{}", &[("retry-after", "24367")]);
        assert_eq!(error.kind(), FailureKind::Quota);
        assert!(error.to_string().contains("until 2026-11-18T"), "{error}");
        assert_eq!(failure(429, "{}", &[("retry-after", "7")]).kind(), FailureKind::Throttled);
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let wait = |value: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().unwrap());
            date.map(|date| headers.insert("date", date.parse().unwrap()));
            retry_after(&headers, now())
        };
        assert_eq!((wait("7", None), wait("1.2", None), wait("-3", None)), (Some(7), Some(2), Some(0)));
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(wait(later, Some(date)), Some(30));
        assert_eq!(wait(later, None), Some(0));
        assert_eq!((wait("soon", None), wait("inf", None)), (None, None));
    }
}
