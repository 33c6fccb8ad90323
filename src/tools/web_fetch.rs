//! `WebFetch`: a page of a host that the town allows, as text.
//! Lives here: which addresses are fetched, at the start and after each redirect, and that a name leads only where it may.
//! Never here: what a page says (see `page`), cookies, keys, any other method than GET.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::connect::dns::Name;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_service::Service;
use url::{Host, Url};

use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::http::{Body, Http};
use crate::town::limits;
use crate::town::network::{Allow, place};
use crate::town::text::{one_line, quote_data, truncate_middle};

mod page;

/// How long a page may take, redirects included.
const TIME: Duration = Duration::from_secs(30);
/// How much of a page is read, in bytes.
const READ_BYTES: usize = 2 * 1024 * 1024;
/// How much of its text is shown; the rest of the limit is for what stands around it and for escapes.
const SHOWN_BYTES: usize = limits::TOOL_OUTPUT_BYTES - 4 * 1024;
/// How often a page may be elsewhere.
const REDIRECTS: usize = 5;
/// The longest address.
const URL_BYTES: usize = 2_000;

/// Gives the addresses of a name.
type LookUp = fn(&str) -> io::Result<Vec<IpAddr>>;

pub(super) struct WebFetch {
    spec: ToolSpec,
    allow: Arc<Allow>,
    look_up: LookUp,
    time: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    /// Models that know Claude Code's WebFetch say what they want to know.
    #[serde(default, rename = "prompt")]
    _prompt: String,
}

impl WebFetch {
    pub(super) fn new(allow: &Allow) -> Self {
        let fields = json!({
            "url": {"type": "string", "description": "The address, with https://."},
            "prompt": {"type": "string", "description": "What you want to know; the whole page is shown anyway."},
        });
        let text = "Fetches a page and shows it as text. Only hosts that the town allows are reached, by GET and without \
                    any key; pictures and other files that are no text are not shown.";
        let spec = spec("WebFetch", text, fields, &["url"]);
        Self { spec, allow: Arc::new(allow.clone()), look_up, time: TIME }
    }

    /// Follows an address to its page.
    async fn fetch(&self, text: &str) -> Result<String, ToolError> {
        let mut url = address(text).and_then(|url| self.checked(url))?;
        for _ in 0..=REDIRECTS {
            let (head, body) = self.get(&url).await?.into_parts();
            let Some(next) = redirect(head.status, &head.headers) else {
                return self.show(&url, head.status, &head.headers, body).await;
            };
            let said = || format!("{} leads to {}", shown(&url), one_line(next, 200));
            let next = url.join(next).map_err(|_| ToolError::Tell(format!("{}, which is no address.", said())))?;
            url = self.checked(next).map_err(|error| ToolError::Tell(format!("{}: {error}", said())))?;
        }
        tell(format!("{} is the end of {REDIRECTS} redirects, and leads on; more are not followed.", shown(&url)))
    }

    /// The address in its only spelling, where it may be fetched.
    fn checked(&self, mut url: Url) -> Result<Url, ToolError> {
        if !url.username().is_empty() || url.password().is_some() {
            return tell(
                "An address with a name or a password before its host is not fetched; leave out what stands before @.",
            );
        }
        let host = match url.host() {
            Some(Host::Ipv4(address)) => place(&address.to_string()),
            Some(Host::Ipv6(address)) => place(&address.to_string()),
            Some(Host::Domain(name)) => place(name),
            None => Err("it has no host"),
        };
        let host = host.map_err(|why| ToolError::Tell(format!("{} cannot be fetched: {why}.", shown(&url))))?;
        let here = matches!(&host, crate::town::network::Place::Address(address) if address.is_loopback());
        // Whoever allows an address of this machine itself knows that nobody listens in between.
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return tell(format!("{} cannot be fetched: only https:// is.", shown(&url)));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !self.allow.permits(&host.to_string(), port) {
            return tell(self.not_allowed(&host.to_string(), port));
        }
        url.set_fragment(None);
        url.set_host(Some(&host.to_string()))
            .map_err(|_| ToolError::Tell(format!("{} cannot be fetched: it has no host.", shown(&url))))?;
        Ok(url)
    }

    fn not_allowed(&self, host: &str, port: u16) -> String {
        let entry = if port == crate::town::network::USUAL_PORT { host.to_owned() } else { format!("{host}:{port}") };
        let list = if self.allow.is_empty() {
            "it allows none".to_owned()
        } else {
            format!("it allows {}", one_line(&self.allow.to_string(), 500))
        };
        format!(
            "The town does not allow {entry}: {list}. Do without it, or say in your pull request that a person may add \
             {entry} to network.allow in {}.",
            limits::TOWN_FILE
        )
    }

    /// Asks for one address. Nothing goes along that says who asks.
    async fn get(&self, url: &Url) -> Result<Response<Body>, ToolError> {
        let failed = |why: String| ToolError::Tell(format!("{} could not be fetched: {why}.", shown(url)));
        let resolver = Checked {
            allow: Arc::clone(&self.allow),
            port: url.port_or_known_default().unwrap_or_default(),
            look_up: self.look_up,
        };
        let request = Request::get(url.as_str())
            .header(
                ACCEPT,
                "text/html, text/plain, text/*;q=0.9, application/json;q=0.9, application/xml;q=0.8, */*;q=0.1",
            )
            // What is not packed cannot grow while it is unpacked.
            .header(ACCEPT_ENCODING, "identity")
            .body(Full::new(Bytes::new()))
            .map_err(|error| failed(error.to_string()))?;
        let http = Http::with_resolver(resolver).map_err(failed)?;
        http.send(request, self.time).await.map_err(|broken| failed(broken.to_string()))
    }

    /// Reads a page and makes it text.
    async fn show(
        &self,
        url: &Url,
        status: StatusCode,
        headers: &HeaderMap,
        mut body: Body,
    ) -> Result<String, ToolError> {
        let shown = shown(url);
        if !status.is_success() {
            return tell(format!("{shown} answered {status}."));
        }
        let packed = field(headers, &CONTENT_ENCODING).filter(|packed| !packed.eq_ignore_ascii_case("identity"));
        if let Some(packed) = packed {
            let packed = one_line(packed, 40);
            return tell(format!("{shown} was sent packed ({packed}), which was not asked for; it is not unpacked."));
        }
        let kind = field(headers, &CONTENT_TYPE).unwrap_or_default().to_owned();
        page::readable(&kind).map_err(|why| ToolError::Tell(format!("{shown} cannot be shown: {why}.")))?;
        let read = body.whole(READ_BYTES + 1).await;
        let mut bytes = read.map_err(|broken| ToolError::Tell(format!("{shown} broke off: {broken}.")))?;
        let cut = bytes.len() > READ_BYTES;
        bytes.truncate(READ_BYTES);
        let text = page::text(bytes, &kind, cut, self.time / 6).await;
        let text = text.map_err(|why| ToolError::Tell(format!("{shown} cannot be shown: {why}.")))?;
        let mut out = quote_data(&shown, &truncate_middle(&text, SHOWN_BYTES));
        if cut {
            out.push_str(&format!(
                "[the page is longer than {READ_BYTES} bytes; what comes after them was not read]\n"
            ));
        }
        Ok(out)
    }
}

#[async_trait]
impl Tool for WebFetch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { url, .. } = arguments(&self.spec, value)?;
        match tokio::time::timeout(self.time, self.fetch(url.trim())).await {
            Ok(text) => text.map(ToolOutput::seen),
            Err(_) => {
                let (url, seconds) = (one_line(&url, 200), self.time.as_secs_f32());
                tell(format!("{url} took longer than {seconds} seconds; it was given up."))
            }
        }
    }
}

/// Reads an address as it was given.
fn address(text: &str) -> Result<Url, ToolError> {
    let wrong = |why: &str| ToolError::Arguments(format!("{} is no address to fetch: {why}.", one_line(text, 200)));
    if text.len() > URL_BYTES {
        return Err(wrong("it is too long"));
    }
    // What a browser would leave out silently is refused instead.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(wrong("it has white space, control characters or a backslash in it"));
    }
    Url::parse(text).map_err(|error| wrong(&error.to_string()))
}

fn shown(url: &Url) -> String {
    one_line(url.as_str(), 200)
}

fn field<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Where an answer leads instead.
fn redirect(status: StatusCode, headers: &HeaderMap) -> Option<&str> {
    let elsewhere = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    field(headers, &LOCATION).filter(|_| elsewhere)
}

/// The addresses of a name as the system knows them.
fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// Gives a connection only those addresses of a name that may be reached. They are looked up once and used as they were
/// checked, so a name that changes meanwhile changes nothing.
#[derive(Clone)]
struct Checked {
    allow: Arc<Allow>,
    port: u16,
    look_up: LookUp,
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { allow, port, look_up } = self.clone();
        Box::pin(async move {
            let asked = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || look_up(&asked)).await.map_err(io::Error::other)??;
            let may: Vec<_> =
                found.iter().filter(|ip| allow.reaches(**ip, port)).map(|ip| SocketAddr::new(*ip, port)).collect();
            if may.is_empty() {
                let why = format!(
                    "{name} leads to an address of this machine, a private network or a cloud's own services, and \
                     network.allow does not list that address itself"
                );
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            Ok(may.into_iter())
        })
    }
}

#[cfg(test)]
mod tests;
