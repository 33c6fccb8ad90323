//! Talking to GitHub's REST API: one request, its retries, its limits, and its failure as a type.
//! Lives here: sending, conditional requests, pages, rate limits, the cap on calls. Never here: what a call is for.
//!
//! The token goes to the API's own host and nowhere else, and into no message. Reads that fail on the way are tried
//! again; a write is sent once, and its caller looks whether it arrived.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use octocrab::Octocrab;
use octocrab::service::middleware::cache::mem::InMemoryCache;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::forge::ForgeError;
use crate::town::limits::{API_BYTES, API_CALLS_PER_HOUR};

use super::failure::{self, Answer};

/// How long a connection may take, and how long an answer.
const CONNECT: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(60);
/// Times that a read is tried again, and that a limit of GitHub's is waited out.
const RETRIES: usize = 3;
/// The longest wait that GitHub may ask for and gets; a longer one ends the call, so that no job is paid for waiting.
const LONGEST_WAIT: i64 = 120;
/// Entries on one page: GitHub's own maximum, and what is asked for where so many are too large for one answer, as long
/// comments of a stranger may be. Each number divides the one before it, so that a page begins where one of the larger
/// ones did.
const PER_PAGE: [usize; 4] = [100, 20, 5, 1];
/// Pages that are read of one list, and of one whose first so many did not bring anybody further.
const PAGES: usize = 50;
const MOST_PAGES: usize = 300;

/// The path of GraphQL.
const GRAPHQL: &str = "/graphql";

/// A connection to one API.
pub struct Client {
    base: String,
    token: String,
    connections: OnceCell<Connections>,
    now: Box<dyn Fn() -> DateTime<Utc>>,
    calls: RefCell<VecDeque<DateTime<Utc>>>,
    /// The newest moment that the API's own clock has shown.
    clock: Cell<Option<DateTime<Utc>>>,
    base_path: String,
}

/// Without the token: what prints a client prints no secret.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Made with the first call: they need the runtime that they will be used in.
struct Connections {
    rest: Octocrab,
    /// GraphQL answers beside the REST API: on GitHub Enterprise at `/api/graphql`, where that is at `/api/v3`.
    graphql: Octocrab,
}

/// What a request is.
pub struct Request<'a, B: Serialize + ?Sized> {
    /// The method.
    pub method: http::Method,
    /// The path with its query, below the API's base.
    pub path: &'a str,
    /// The body.
    pub body: Option<&'a B>,
}

/// A list, as far as it was read.
#[derive(Debug)]
pub struct Part<T> {
    /// Its entries, in its order.
    pub entries: Vec<T>,
    /// Whether it goes on behind them.
    pub is_cut: bool,
}

impl Client {
    /// A client of the API at `api_url`.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] when the address cannot be used.
    pub fn new(api_url: &str, token: &str, now: Box<dyn Fn() -> DateTime<Utc>>) -> Result<Self, ForgeError> {
        let base = api_url.trim_end_matches('/').to_owned();
        let uri = base.parse::<http::Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.host().is_some());
        let uri = uri.ok_or_else(|| ForgeError::Refused(format!("{base:?} is no address of an API")))?;
        let base_path = uri.path().trim_end_matches('/').to_owned();
        let (calls, clock) = (RefCell::default(), Cell::new(None));
        Ok(Self { base, token: token.to_owned(), connections: OnceCell::new(), now, calls, clock, base_path })
    }

    fn connections(&self) -> Result<&Connections, ForgeError> {
        if let Some(made) = self.connections.get() {
            return Ok(made);
        }
        let rest = connection(&self.base, &self.token)?;
        let graphql = match self.base.strip_suffix("/api/v3") {
            Some(host) => connection(&format!("{host}/api"), &self.token)?,
            None => rest.clone(),
        };
        Ok(self.connections.get_or_init(|| Connections { rest, graphql }))
    }

    /// Asks GraphQL.
    ///
    /// # Errors
    /// As [`Client::write`]; what GraphQL itself refuses stands in the answer.
    pub async fn graphql<B: Serialize + ?Sized>(&self, body: &B) -> Result<serde_json::Value, ForgeError> {
        self.write(http::Method::POST, GRAPHQL, body).await
    }

    /// The newest moment that the API's own clock has shown.
    #[must_use]
    pub fn clock(&self) -> Option<DateTime<Utc>> {
        self.clock.get()
    }

    /// Reads one thing.
    ///
    /// # Errors
    /// [`ForgeError`], after retries where they can help.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ForgeError> {
        let answer = self.send(&Request::<()> { method: http::Method::GET, path, body: None }).await?;
        decode(path, &answer)
    }

    /// Reads a list, page after page, until `wanted` says no or the list ends, or as much of it as is read at once.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ForgeError> {
        Ok(self.part(path, wanted, |_| true).await?.entries)
    }

    /// The same, and whether the list goes on. What is read at once ends with an entry that is `enough`, so that whoever
    /// begins there the next time gets further.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn part<T: DeserializeOwned>(
        &self,
        path: &str,
        wanted: impl Fn(&T) -> bool,
        enough: impl Fn(&T) -> bool,
    ) -> Result<Part<T>, ForgeError> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{path}{joint}per_page={}", PER_PAGE[0]));
        let mut all: Vec<T> = Vec::new();
        for read in 0..MOST_PAGES {
            let Some(page) = next.take() else { return Ok(Part { entries: all, is_cut: false }) };
            if read >= PAGES && all.last().is_some_and(&enough) {
                next = Some(page);
                break;
            }
            let asked = self.send(&Request::<()> { method: http::Method::GET, path: &page, body: None }).await;
            if let (Err(ForgeError::TooLarge(_)), Some(smaller)) = (&asked, smaller(&page)) {
                next = Some(smaller);
                continue;
            }
            let answer = asked?;
            let entries: Vec<T> = decode(&page, &answer)?;
            let done = entries.iter().any(|entry| !wanted(entry));
            all.extend(entries.into_iter().filter(|entry| wanted(entry)));
            if done {
                return Ok(Part { entries: all, is_cut: false });
            }
            next = answer.next.as_deref().map(|url| self.below_base(url)).transpose()?;
        }
        if next.is_some() {
            tracing::warn!(path, entries = all.len(), "the list is longer than is read at once");
        }
        Ok(Part { entries: all, is_cut: next.is_some() })
    }

    /// The path below the API's base that an address of a next page means. Another host's address is not followed: the
    /// path and query go to ours. One that is not below the base would end the list too early, so it is an error.
    fn below_base(&self, url: &str) -> Result<String, ForgeError> {
        let uri: Option<http::Uri> = url.parse().ok();
        let whole = uri.as_ref().and_then(http::Uri::path_and_query).map(http::uri::PathAndQuery::as_str);
        let below = whole.and_then(|whole| whole.strip_prefix(self.base_path.as_str()));
        below.filter(|path| path.starts_with('/')).map(str::to_owned).ok_or_else(|| {
            ForgeError::Refused(format!("the next page of a list is said to be at {url:?}, not below {}", self.base))
        })
    }

    /// Writes.
    ///
    /// # Errors
    /// [`ForgeError`]; after [`ForgeError::Unavailable`] it may have arrived.
    pub async fn write<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        method: http::Method,
        path: &str,
        body: &B,
    ) -> Result<T, ForgeError> {
        let answer = self.send(&Request { method, path, body: Some(body) }).await?;
        decode(path, &answer)
    }

    async fn send<B: Serialize + ?Sized>(&self, request: &Request<'_, B>) -> Result<Answer, ForgeError> {
        let may_repeat = request.method == http::Method::GET;
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_jitter()
            .with_max_times(RETRIES)
            .build();
        loop {
            let failure = match self.once(request).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => failure::of(request.method.as_str(), request.path, &answer, (self.now)()),
                Err(unreachable) => unreachable,
            };
            let again = match &failure {
                // What GitHub asks to wait is waited, so that a retry does not make it longer.
                ForgeError::RateLimited { until, .. } => {
                    let asked = (*until - (self.now)()).num_milliseconds();
                    (asked <= LONGEST_WAIT * 1_000).then(|| Duration::from_millis(u64::try_from(asked).unwrap_or(0)))
                }
                ForgeError::Unavailable(_) if may_repeat => Some(Duration::ZERO),
                _ => None,
            };
            let (Some(asked), Some(jitter)) = (again, waits.next()) else { return Err(failure) };
            tracing::info!(%failure, wait = ?(asked + jitter), "trying again");
            tokio::time::sleep(asked + jitter).await;
        }
    }

    async fn once<B: Serialize + ?Sized>(&self, request: &Request<'_, B>) -> Result<Answer, ForgeError> {
        self.count()?;
        let unreachable = |error: octocrab::Error| ForgeError::Unavailable(why(&error));
        let builder = http::Request::builder().method(&request.method).uri(request.path);
        let connections = self.connections()?;
        let crab = if request.path == GRAPHQL { &connections.graphql } else { &connections.rest };
        let built = crab.build_request(builder, request.body).map_err(unreachable)?;
        let response = tokio::time::timeout(ANSWER, crab.execute(built)).await;
        let response = response.map_err(|_| ForgeError::Unavailable(format!("no answer within {ANSWER:?}")))?;
        let (parts, body) = response.map_err(unreachable)?.into_parts();
        let body = tokio::time::timeout(ANSWER, collect(body)).await;
        let body = body.map_err(|_| ForgeError::Unavailable(format!("the answer broke off after {ANSWER:?}")))??;
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if let Some(date) = header("date").and_then(|date| DateTime::parse_from_rfc2822(&date).ok()) {
            self.clock.set(self.clock.get().max(Some(date.to_utc())));
        }
        Ok(Answer {
            status: parts.status,
            body,
            next: header("link").as_deref().and_then(failure::next_link),
            retry_after: header("retry-after").and_then(|seconds| seconds.trim().parse().ok()),
            remaining: header("x-ratelimit-remaining").and_then(|count| count.trim().parse().ok()),
            reset: header("x-ratelimit-reset").and_then(|seconds| seconds.trim().parse().ok()),
            permissions: header("x-accepted-github-permissions"),
        })
    }

    /// Counts a call, or refuses it where this process has made as many as a town may make in an hour.
    fn count(&self) -> Result<(), ForgeError> {
        let now = (self.now)();
        let mut calls = self.calls.borrow_mut();
        while calls.front().is_some_and(|first| now - *first >= TimeDelta::hours(1)) {
            calls.pop_front();
        }
        if let Some(first) = calls.front().filter(|_| calls.len() >= API_CALLS_PER_HOUR) {
            let what =
                format!("this process has made {API_CALLS_PER_HOUR} calls within an hour, which is its own limit");
            return Err(ForgeError::RateLimited { what, until: *first + TimeDelta::hours(1) });
        }
        calls.push_back(now);
        Ok(())
    }
}

fn connection(base: &str, token: &str) -> Result<Octocrab, ForgeError> {
    let bad = |why: String| ForgeError::Refused(format!("{base} cannot be used as GitHub's API: {why}"));
    Octocrab::builder()
        .base_uri(base)
        .map_err(|error| bad(why(&error)))?
        .set_connect_timeout(Some(CONNECT))
        .set_read_timeout(Some(ANSWER))
        .set_write_timeout(Some(ANSWER))
        .add_header(http::header::USER_AGENT, format!("monkeytown/{}", env!("CARGO_PKG_VERSION")))
        .add_header(http::HeaderName::from_static("x-github-api-version"), "2022-11-28".to_owned())
        .personal_token(token.to_owned())
        .cache(InMemoryCache::new())
        .build()
        .map_err(|error| bad(why(&error)))
}

/// Reads a body to its end, or to where it is too large to be an answer.
async fn collect<B>(body: B) -> Result<Vec<u8>, ForgeError>
where
    B: http_body::Body<Data = bytes::Bytes> + Unpin,
    B::Error: std::error::Error,
{
    use http_body_util::BodyExt as _;
    let mut body = body;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ForgeError::Unavailable(why(&error)))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > API_BYTES {
                return Err(ForgeError::TooLarge(format!("it has more than {API_BYTES} bytes")));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// The path of the page that begins where this one does and has fewer entries; nothing where it has one only.
fn smaller(page: &str) -> Option<String> {
    let (path, query) = page.split_once('?')?;
    let number = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.parse::<usize>().ok());
    let size = number("per_page=")?;
    let fewer = PER_PAGE.into_iter().find(|fewer| *fewer < size && size.is_multiple_of(*fewer))?;
    let first = number("page=").unwrap_or(1).saturating_sub(1).saturating_mul(size / fewer) + 1;
    let parts: Vec<String> = query
        .split('&')
        .map(|part| match part.split_once('=') {
            Some(("per_page", _)) => format!("per_page={fewer}"),
            Some(("page", _)) => format!("page={first}"),
            _ => part.to_owned(),
        })
        .collect();
    Some(format!("{path}?{}", parts.join("&")))
}

fn decode<T: DeserializeOwned>(path: &str, answer: &Answer) -> Result<T, ForgeError> {
    let body: &[u8] = if answer.body.is_empty() { b"null" } else { &answer.body };
    serde_json::from_slice(body)
        .map_err(|error| ForgeError::Refused(format!("GitHub's answer to {path} is not understood: {error}")))
}

/// An error with its sources in one line, without octocrab's backtraces.
fn why(error: &dyn std::error::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        let line = said.lines().next().unwrap_or_default().trim().to_owned();
        if !line.is_empty() && !words.iter().any(|known| known.contains(&line)) {
            words.push(line);
        }
        next = error.source();
    }
    words.join(": ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "client_tests.rs"]
mod tests;
