//! Sending a request and reading the answer within bounds: of time, and of size.
//!
//! Lives here: one connection, caps, how an answer breaks. Never here: what is asked, where to, and what an answer means.
//! Start with [`Http::send`].

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioExecutor;
use tokio::time::Sleep;
use tower_service::Service;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(20);
/// How long an answer may take to begin: without a stream the whole reply is thought before.
const FIRST: Duration = Duration::from_secs(600);
/// How long a stream may stand still.
const IDLE: Duration = Duration::from_secs(180);
/// The largest answer, in bytes.
pub const ANSWER_BYTES: usize = 8 * 1024 * 1024;

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

/// A client; `R` says which addresses a name has.
pub struct Http<R = GaiResolver> {
    client: Client<HttpsConnector<HttpConnector<R>>, Full<Bytes>>,
}

impl Http {
    /// One that asks the system for addresses. Redirects are not followed, so that a key goes where it is sent and nowhere
    /// else.
    ///
    /// # Errors
    /// With what is wrong, where this machine has no certificates to check others by.
    pub fn new() -> Result<Self, String> {
        Self::with_resolver(GaiResolver::new())
    }
}

impl<R> Http<R>
where
    R: Service<Name> + Clone + Send + Sync + 'static,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// One that connects to the addresses that `resolver` gives for a name, and to no others.
    ///
    /// # Errors
    /// As [`Http::new`].
    pub fn with_resolver(resolver: R) -> Result<Self, String> {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let tls = HttpsConnectorBuilder::new().with_native_roots();
        let tls = tls.map_err(|error| format!("the certificates of this machine cannot be read: {error}"))?;
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends JSON, and gives the answer's head and its body to read.
    ///
    /// # Errors
    /// [`Broken`]: the connection, or the time.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Bytes,
        most: Duration,
    ) -> Result<Response<Body>, Broken> {
        let mut request = Request::post(url).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Broken::NotSent(error.to_string()))?;
        self.send(request, most).await
    }

    /// Sends a request, and gives the answer's head and its body to read.
    ///
    /// # Errors
    /// [`Broken`]: the connection, or the time.
    pub async fn send(&self, mut request: Request<Full<Bytes>>, most: Duration) -> Result<Response<Body>, Broken> {
        let agent = concat!("monkeytown/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
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

/// Whether a secret may go to an address and what comes from there be believed: it is encrypted, or does not leave this machine.
///
/// # Errors
/// With the reason.
pub fn trusted(address: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(address).map_err(|error| format!("it is no address ({error})"))?;
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("it has no host".to_owned()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a password in it".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err("it is not https, which only this machine itself may do without".to_owned()),
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
