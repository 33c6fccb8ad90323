//! Sending to a provider: one connection, when to try again, and when to stop asking.
//! Lives here: HTTP, caps on size and time, patience, the circuit. Never here: what an answer means (see `failure`).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, USER_AGENT};
use ::http::{HeaderValue, Request, Response};
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::Sleep;

use super::failure::BrainError;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(20);
/// How long an answer may take to begin: without a stream the whole reply is thought before.
const FIRST: Duration = Duration::from_secs(600);
/// How long a stream may stand still.
const IDLE: Duration = Duration::from_secs(180);
/// The largest answer, in bytes.
pub const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// As much of an error is read.
pub const ERROR_BYTES: usize = 64 * 1024;
/// Times that a question is put again.
const RETRIES: usize = 3;
/// Failures in a row after which a provider is left alone, and for how long.
const FAILURES: u32 = 8;
const ALONE: TimeDelta = TimeDelta::minutes(5);

/// What broke while an answer was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There was no connection, so nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// The connection ended.
    #[error("{0}")]
    Connection(String),
    /// Nothing came for too long.
    #[error("nothing came for {} seconds", .0.as_secs())]
    Silence(Duration),
    /// It went on for as long as there was time.
    #[error("it had not ended when the time for it was up")]
    Time,
    /// It is larger than an answer can be.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
}

/// A connection to a provider.
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    /// Makes one. Redirects are not followed, so that a key goes where the settings say and nowhere else.
    ///
    /// # Errors
    /// With what is wrong, where this machine has no certificates to check others by.
    pub fn new() -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let tls = HttpsConnectorBuilder::new().with_native_roots();
        let tls = tls.map_err(|error| format!("the certificates of this machine cannot be read: {error}"))?;
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends a body, and gives the answer's head and its body to read.
    ///
    /// # Errors
    /// [`Broken`]: the connection, or the time. Whatever is not [`Broken::NotSent`] may have been read and thought about.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Bytes,
        most: Duration,
    ) -> Result<Response<Body>, Broken> {
        let agent = concat!("monkeytown/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::post(url).header(CONTENT_TYPE, "application/json").header(USER_AGENT, agent);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Broken::NotSent(error.to_string()))?;
        let (first, end) = (FIRST.min(most), Box::pin(tokio::time::sleep(most)));
        let answer = tokio::time::timeout(first, self.client.request(request)).await;
        let answer = answer.map_err(|_| Broken::Silence(first))?.map_err(|error| {
            if error.is_connect() { Broken::NotSent(why(&error)) } else { Broken::Connection(why(&error)) }
        })?;
        Ok(answer.map(|body| Body { body, idle: IDLE.min(most), end, read: 0 }))
    }
}

/// The body of an answer, read piece by piece.
pub struct Body {
    body: Incoming,
    idle: Duration,
    end: Pin<Box<Sleep>>,
    read: usize,
}

impl Body {
    /// The next piece, or nothing at the end.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            // Who sends a little again and again does not get more time than there is.
            let frame = tokio::select! {
                frame = tokio::time::timeout(self.idle, self.body.frame()) => frame,
                () = &mut self.end => return Err(Broken::Time),
            };
            let Some(frame) = frame.map_err(|_| Broken::Silence(self.idle))? else { return Ok(None) };
            let frame = frame.map_err(|error| Broken::Connection(why(&error)))?;
            if let Ok(data) = frame.into_data() {
                self.read += data.len();
                if self.read > ANSWER_BYTES {
                    return Err(Broken::TooLarge(ANSWER_BYTES));
                }
                return Ok(Some(data));
            }
        }
    }

    /// The whole body, or its first `most` bytes.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn whole(&mut self, most: usize) -> Result<Vec<u8>, Broken> {
        let mut all = Vec::new();
        while let Some(data) = self.next().await? {
            all.extend_from_slice(&data);
            if all.len() > most {
                all.truncate(most);
                break;
            }
        }
        Ok(all)
    }
}

/// Whether and when a question is put again.
pub struct Patience {
    waits: ExponentialBackoff,
    now: DateTime<Utc>,
    deadline: DateTime<Utc>,
}

impl Patience {
    /// For one question at this moment.
    pub fn new(now: DateTime<Utc>, deadline: DateTime<Utc>) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(20))
            .with_jitter()
            .with_max_times(RETRIES)
            .build();
        Self { waits, now, deadline }
    }

    /// The moment that it is, as far as waiting has moved it.
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Waits where asking again can help.
    ///
    /// # Errors
    /// The failure, where it cannot, or not in time.
    pub async fn again(&mut self, failure: BrainError) -> Result<(), BrainError> {
        let said = failure.to_string();
        let wait = self.wait(failure)?;
        tracing::info!(failure = said, ?wait, "asking again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// How long to wait before asking again.
    fn wait(&mut self, failure: BrainError) -> Result<Duration, BrainError> {
        let asked = match &failure {
            // What the provider asks to wait is waited, so that a retry does not make it longer.
            BrainError::Throttled { until, .. } => until.map_or(TimeDelta::zero(), |until| until - self.now),
            BrainError::Overloaded { .. } | BrainError::Unavailable { .. } => TimeDelta::zero(),
            _ => return Err(failure),
        };
        let Some(jitter) = self.waits.next() else { return Err(failure) };
        let wait = asked.to_std().unwrap_or_default() + jitter;
        let after = self.now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        if after >= self.deadline {
            return Err(failure);
        }
        self.now = after;
        Ok(wait)
    }
}

/// Failures in a row of each provider in this process, and since when it is left alone.
static CIRCUITS: Mutex<BTreeMap<String, (u32, DateTime<Utc>)>> = Mutex::new(BTreeMap::new());

/// Until when a provider is left alone, if it is.
pub fn left_alone(provider: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let circuits = CIRCUITS.lock().unwrap_or_else(PoisonError::into_inner);
    let (failures, since) = circuits.get(provider)?;
    Some(*since + ALONE).filter(|until| *failures >= FAILURES && *until > now)
}

/// Notes how a question ended.
pub fn note(provider: &str, failed: bool, now: DateTime<Utc>) {
    let mut circuits = CIRCUITS.lock().unwrap_or_else(PoisonError::into_inner);
    if failed {
        let entry = circuits.entry(provider.to_owned()).or_insert((0, now));
        *entry = (entry.0.saturating_add(1), now);
    } else {
        circuits.remove(provider);
    }
}

/// An error with its sources in one line.
fn why(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        words.push(source.to_string());
        next = source.source();
    }
    crate::town::text::one_line(&words.join(": "), 300)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_provider_that_keeps_failing_is_left_alone_for_a_while() {
        let name = "http://circuit.invalid";
        for _ in 0..FAILURES {
            assert_eq!(left_alone(name, at(0)), None);
            note(name, true, at(0));
        }
        assert_eq!(left_alone(name, at(10)), Some(at(300)));
        assert_eq!(left_alone(name, at(300)), None, "one question is let through");
        note(name, true, at(300));
        assert_eq!(left_alone(name, at(301)), Some(at(600)));
        note(name, false, at(600));
        assert_eq!(left_alone(name, at(601)), None);
    }

    #[test]
    fn patience_ends_with_its_retries_or_with_the_time() {
        let overloaded = || BrainError::Overloaded { brain: "b".into(), why: "busy".into() };
        let mut patience = Patience::new(at(0), at(3_600));
        for _ in 0..RETRIES {
            patience.wait(overloaded()).unwrap();
        }
        patience.wait(overloaded()).unwrap_err();
        let throttled = |seconds| BrainError::Throttled { brain: "b".into(), until: Some(at(seconds)), why: "".into() };
        let mut patience = Patience::new(at(0), at(60));
        patience.wait(throttled(30)).unwrap();
        assert!(patience.now() >= at(30) && patience.now() < at(31));
        patience.wait(throttled(90)).unwrap_err();
        let gone = BrainError::Exhausted { brain: "b".into(), until: None, why: "spent".into() };
        Patience::new(at(0), at(60)).wait(gone).unwrap_err();
    }
}
