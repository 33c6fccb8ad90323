//! A model behind a provider's API.
//! Lives here: one question from its request to a reply or a typed failure. Never here: the wire format (see `dialect`),
//! waiting (see `http`), money.
//!
//! The key goes into one header, to the address of the settings, and into nothing else: no error, no log, no `Debug`.

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Response, StatusCode};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::dialect::{Dialect, Heard};
use super::failure::{self, BrainError};
use super::patience::{self, Patience};
use super::relay::Question;
use super::{Brain, Request, anthropic, sse};
use crate::http::{self, Body, Broken, Http};
use crate::town::models;
use crate::town::settings::Provider;
use crate::town::transcript::Reply;

/// A provider's key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key as it stands in its variable.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a model is asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose dialect it speaks.
    pub provider: Provider,
    /// The model, as the provider calls it.
    pub model: String,
    /// The address below which the API answers.
    pub base_url: String,
    /// Whether that is the provider's own.
    pub own_address: bool,
    /// Whether replies come as a stream.
    pub stream: bool,
}

impl Endpoint {
    /// `provider/model`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider.name(), self.model)
    }

    /// Whether a key must not be sent there: everybody on the way would read it.
    #[must_use]
    pub fn exposes_a_key(&self) -> bool {
        models::in_the_open(&self.base_url)
    }

    fn dialect(&self) -> Dialect {
        if self.provider == Provider::Anthropic { Dialect::Anthropic } else { Dialect::Openai }
    }
}

/// A model behind a provider's API.
pub struct Remote {
    endpoint: Endpoint,
    key: Option<Key>,
    http: Http,
}

impl Remote {
    /// A model at its endpoint.
    ///
    /// # Errors
    /// [`BrainError::Rejected`] where the key would travel in the open, or where this machine cannot make a connection.
    pub fn new(endpoint: Endpoint, key: Option<Key>) -> Result<Self, BrainError> {
        let rejected = |why: String| BrainError::Rejected { brain: endpoint.name(), why };
        if key.is_some() && endpoint.exposes_a_key() {
            return Err(rejected("its key would travel in the open; use an https address".to_owned()));
        }
        let http = Http::new().map_err(rejected)?;
        Ok(Self { endpoint, key, http })
    }

    fn headers(&self) -> Result<Vec<(&'static str, HeaderValue)>, BrainError> {
        let mut headers = Vec::new();
        if self.endpoint.provider == Provider::Anthropic {
            headers.push(("anthropic-version", HeaderValue::from_static(anthropic::VERSION)));
        }
        let Some(Key(key)) = &self.key else { return Ok(headers) };
        let (name, value) = match self.endpoint.provider {
            Provider::Anthropic => ("x-api-key", key.clone()),
            _ => ("authorization", format!("Bearer {key}")),
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| BrainError::Auth {
            brain: self.name(),
            why: "the variable holds signs that no key has".to_owned(),
        })?;
        value.set_sensitive(true);
        headers.push((name, value));
        Ok(headers)
    }

    /// Where it is asked.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Passes a question on that somebody else has put, once. Gives the answer's status, its type and its body to read.
    ///
    /// # Errors
    /// Where there is no answer, or one that is no success.
    pub async fn pass(
        &self,
        question: &Question,
        most: Duration,
    ) -> Result<(StatusCode, HeaderValue, Body), BrainError> {
        let url = format!("{}{}", self.endpoint.base_url.trim_end_matches('/'), question.path);
        let answer = self.http.post(&url, &self.headers()?, question.body.clone(), most).await;
        let (head, mut body) = answer.map_err(|broken| self.unanswered(&broken))?.into_parts();
        if !head.status.is_success() {
            let said = body.whole(patience::ERROR_BYTES).await.unwrap_or_default();
            return Err(self.failure(head.status, &head.headers, &said, DateTime::UNIX_EPOCH));
        }
        let kind = head.headers.get(::http::header::CONTENT_TYPE).cloned();
        Ok((head.status, kind.unwrap_or_else(|| HeaderValue::from_static("application/json")), body))
    }

    fn unanswered(&self, broken: &Broken) -> BrainError {
        match broken {
            Broken::NotSent(why) => BrainError::Unavailable { brain: self.name(), why: self.masked(why) },
            // It may have been thought about all the time.
            other => self.truncated(0, &other.to_string()),
        }
    }

    async fn once(&self, body: Bytes, request: &Request<'_>, now: DateTime<Utc>) -> Result<Reply, BrainError> {
        let url = format!("{}{}", self.endpoint.base_url.trim_end_matches('/'), self.endpoint.dialect().path());
        let most = (request.deadline - now).to_std().unwrap_or_default();
        let answer = self.http.post(&url, &self.headers()?, body, most).await;
        let answer = answer.map_err(|broken| self.unanswered(&broken))?;
        let (head, mut body) = answer.into_parts();
        if !head.status.is_success() {
            let said = body.whole(patience::ERROR_BYTES).await.unwrap_or_default();
            return Err(self.failure(head.status, &head.headers, &said, now));
        }
        let streams = head.headers.get(::http::header::CONTENT_TYPE).is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
        });
        if streams {
            self.listen(Response::from_parts(head, body), now).await
        } else {
            self.read(&head.headers, body, now).await
        }
    }

    /// A whole answer.
    async fn read(&self, headers: &HeaderMap, mut body: Body, now: DateTime<Utc>) -> Result<Reply, BrainError> {
        let whole = body.whole(http::ANSWER_BYTES).await.map_err(|broken| self.truncated(0, &broken.to_string()))?;
        let bad = |why: String| BrainError::BadReply { brain: self.name(), why: self.masked(&why) };
        let answer: Value = serde_json::from_slice(&whole).map_err(|error| {
            if error.is_eof() {
                self.truncated(whole.len() as u64, "it is half an answer")
            } else {
                bad(error.to_string())
            }
        })?;
        if answer.get("error").is_some_and(|error| !error.is_null()) {
            return Err(self.failure(status_of(&answer), headers, &whole, now));
        }
        self.endpoint.dialect().reply(&answer).ok_or_else(|| bad("it has no candidates and no content".to_owned()))
    }

    /// A streamed answer.
    async fn listen(&self, answer: Response<Body>, now: DateTime<Utc>) -> Result<Reply, BrainError> {
        let (head, mut body) = answer.into_parts();
        let (mut parser, mut listener) = (sse::Parser::default(), self.endpoint.dialect().listen());
        let mut received = 0;
        loop {
            let data = match body.next().await {
                Ok(Some(data)) => data,
                Ok(None) => break,
                Err(broken) => return Err(self.truncated(received, &broken.to_string())),
            };
            let before = received;
            received += data.len() as u64;
            let events = parser.push(&data).map_err(|error| self.truncated(received, &error.to_string()))?;
            for event in events {
                match listener.hear(&event) {
                    Heard::More => {}
                    Heard::Whole => return listener.reply().ok_or_else(|| self.truncated(received, "it has no end")),
                    Heard::Failed(error) if before == 0 => {
                        return Err(self.failure(status_of(&error), &head.headers, event.as_bytes(), now));
                    }
                    Heard::Failed(error) => {
                        let failure = self.failure(status_of(&error), &head.headers, event.as_bytes(), now);
                        return Err(self.truncated(received, &failure.to_string()));
                    }
                }
            }
        }
        listener.reply().ok_or_else(|| self.truncated(received, "the stream ended without an end of the reply"))
    }

    fn truncated(&self, received: u64, why: &str) -> BrainError {
        BrainError::Truncated { brain: self.name(), received, why: self.masked(why) }
    }

    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> BrainError {
        let said = self.masked(&String::from_utf8_lossy(body));
        failure::of(&self.name(), &failure::Answer { status, headers, body: said.as_bytes() }, now)
    }

    /// Some providers repeat the key that they do not like.
    fn masked(&self, text: &str) -> String {
        match &self.key {
            Some(Key(key)) if !key.is_empty() => text.replace(key.as_str(), "***"),
            _ => text.to_owned(),
        }
    }
}

/// The status that an error would have had, had it come as an answer of its own.
fn status_of(event: &Value) -> StatusCode {
    let error = &event["error"];
    let number = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let kind = error["type"].as_str().unwrap_or_default();
    let named = match kind {
        "overloaded_error" => 529,
        "rate_limit_error" => 429,
        "authentication_error" => 401,
        "invalid_request_error" => 400,
        _ => 500,
    };
    let status = StatusCode::from_u16(number.filter(|code| (400..600).contains(code)).unwrap_or(named));
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[async_trait]
impl Brain for Remote {
    fn name(&self) -> String {
        self.endpoint.name()
    }

    async fn reply(&mut self, request: &Request<'_>) -> Result<Reply, BrainError> {
        let body = Bytes::from(self.endpoint.dialect().body(&self.endpoint, request).to_string());
        let mut patience = Patience::new(request.now, request.deadline);
        let provider = self.endpoint.base_url.clone();
        loop {
            let now = patience.now();
            if let Some(until) = patience::left_alone(&provider, now) {
                let why = format!("it failed too often in a row and is left alone until {}", until.to_rfc3339());
                return Err(BrainError::Unavailable { brain: self.name(), why });
            }
            let answered = self.once(body.clone(), request, now).await;
            let failed = matches!(&answered, Err(BrainError::Unavailable { .. } | BrainError::Overloaded { .. }));
            patience::note(&provider, failed, now);
            match answered {
                Ok(reply) => return Ok(Reply { model: Some(self.name()), ..reply }),
                Err(failure) => patience.again(failure).await?,
            }
        }
    }
}
