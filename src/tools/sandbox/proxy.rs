//! The way out that `network.allow` opens: a proxy on our side of a door, which connects to what the list names.
//!
//! Lives here: judging each request, checking the addresses that a name leads to, limits, counting what was refused. A
//! request is judged by where it asks to be connected and by nothing else that it says; the name is resolved here, and the
//! connection goes to the address that was checked.
//! Never here: the list itself (see [`crate::town::network`]), the way to this side (see `bridge`).
//! Start with [`Proxy::open`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::{TcpStream, UnixStream};

use super::attend::{Attendant, Slot};
use crate::town::network::{self, Allow, Place};
use crate::town::text::one_line;

/// Connections at the same time, and in all, of one command.
const CONNECTIONS: usize = 32;
const CONNECTIONS_IN_ALL: u64 = 5_000;
/// Bytes of one command, both ways together.
const BYTES: u64 = 512 * 1024 * 1024;
/// How long resolving and connecting may take, a request may take to come, and a connection may stand still.
const CONNECT: Duration = Duration::from_secs(20);
const HEAD: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(60);
/// Bytes of a request before its body.
const HEAD_BYTES: usize = 32 * 1024;
/// Refused places that are named.
const NAMED: usize = 20;
/// Headers that are meant for one connection alone.
const OF_ONE_CONNECTION: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

type Body = BoxBody<Bytes, hyper::Error>;

/// A proxy at work, for one command.
pub(super) struct Proxy {
    state: Arc<State>,
    attendant: Attendant,
}

/// What all connections of one command share.
struct State {
    allow: Allow,
    bytes: AtomicU64,
    taken: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
}

impl Proxy {
    /// Answers at `socket` until it is closed.
    pub(super) fn open(socket: &Path, allow: &Allow) -> std::io::Result<Self> {
        let state = Arc::new(State {
            allow: allow.clone(),
            bytes: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            refused: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let attendant = Attendant::at(socket, CONNECTIONS, move |stream, slot| serve(stream, slot, &serving))?;
        Ok(Self { state, attendant })
    }

    /// Ends it, and says what a reader of the command's output should know.
    pub(super) fn close(self) -> Vec<String> {
        self.attendant.dismiss();
        let refused = std::mem::take(&mut *self.state.refused.lock().unwrap_or_else(PoisonError::into_inner));
        let times = |count: u64| if count == 1 { String::new() } else { format!(" ({count} times)") };
        let named: Vec<String> = refused.iter().map(|(place, count)| format!("{place}{}", times(*count))).collect();
        let mut notes = Vec::new();
        if !named.is_empty() {
            notes.push(format!("network refused: {}", named.join(", ")));
        }
        if self.state.bytes.load(Ordering::Relaxed) > BYTES {
            notes.push(format!("network ended: more than {BYTES} bytes went through it"));
        }
        if self.state.taken.load(Ordering::Relaxed) > CONNECTIONS_IN_ALL {
            notes.push(format!("network ended: there were more than {CONNECTIONS_IN_ALL} connections"));
        }
        notes
    }
}

/// Serves one connection. The slot is held by the tunnel, too, that may come of it.
fn serve(stream: UnixStream, slot: Slot, state: &Arc<State>) {
    if state.taken.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_IN_ALL {
        return;
    }
    let meter = Arc::new(Meter { state: Arc::clone(state), moved: AtomicU64::new(0) });
    tokio::spawn(async move {
        let answering = service_fn(|request| {
            let (meter, slot) = (Arc::clone(&meter), Arc::clone(&slot));
            async move { Ok::<_, Infallible>(answer(request, &meter, slot).await) }
        });
        let mut connection = hyper::server::conn::http1::Builder::new();
        // One request for each: nothing of one is ever taken for the beginning of the next.
        connection.keep_alive(false).max_buf_size(HEAD_BYTES).timer(TokioTimer::new()).header_read_timeout(HEAD);
        let stream = Metered { stream, meter: Arc::clone(&meter) };
        let connection = connection.serve_connection(TokioIo::new(stream), answering).with_upgrades();
        tokio::select! {
            _ = connection => {}
            () = meter.stands_still() => {}
        }
    });
}

/// Why a request goes nowhere.
struct No(StatusCode, String);

async fn answer(request: Request<Incoming>, meter: &Arc<Meter>, slot: Slot) -> Response<Body> {
    let tunnel = request.method() == Method::CONNECT;
    let reached = match place(request.uri(), tunnel) {
        Ok((host, port)) => reach(&host, port, &meter.state).await,
        Err(no) => Err(no),
    };
    let done = match reached {
        Ok(stream) if tunnel => Ok(connect(request, stream, meter, slot)),
        Ok(stream) => forward(request, stream, meter).await,
        Err(no) => Err(no),
    };
    done.unwrap_or_else(|No(status, why)| {
        let mut response = Response::new(whole(format!("monkeytown: {why}\n")));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    })
}

/// Where a request asks to be connected: its target says so, and no header does.
fn place(uri: &Uri, tunnel: bool) -> Result<(String, u16), No> {
    let bad = |why: &str| No(StatusCode::BAD_REQUEST, why.to_owned());
    let host = uri.host().filter(|host| !host.is_empty()).map(str::to_owned);
    let host = host.ok_or_else(|| bad("this is a proxy, and the request names no host"))?;
    match (tunnel, uri.scheme_str(), uri.port_u16()) {
        (true, None, Some(port)) => Ok((host, port)),
        (true, ..) => Err(bad("CONNECT takes a host and a port")),
        (false, Some("http"), port) => Ok((host, port.unwrap_or(80))),
        (false, ..) => Err(bad("only http is passed on without CONNECT")),
    }
}

/// Connects to a place that the list permits, at an address that was checked.
async fn reach(host: &str, port: u16, state: &State) -> Result<TcpStream, No> {
    let refuse = |why: String| {
        state.note(host, port);
        Err(No(StatusCode::FORBIDDEN, why))
    };
    if !state.allow.permits(host, port) {
        return refuse(format!(
            "{host}:{port} is not reached from here: network.allow in .monkeytown/town.yaml does not name it"
        ));
    }
    let addresses: Vec<SocketAddr> = match network::place(host) {
        // Whoever wrote an address into the list means that one.
        Ok(Place::Address(address)) => vec![(address, port).into()],
        Ok(Place::Name(name)) => {
            let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((name, port))).await;
            let Ok(Ok(found)) = found else {
                return Err(No(StatusCode::BAD_GATEWAY, format!("the address of {host} was not found")));
            };
            found.filter(|address| state.allow.reaches(address.ip(), port)).collect()
        }
        Err(_) => Vec::new(),
    };
    if addresses.is_empty() {
        return refuse(format!(
            "{host}:{port} is not reached from here: the name leads to no public address, and network.allow does not name \
             that address itself"
        ));
    }
    match tokio::time::timeout(CONNECT, TcpStream::connect(&*addresses)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(No(StatusCode::BAD_GATEWAY, format!("{host}:{port}: {error}"))),
        Err(_) => Err(No(StatusCode::GATEWAY_TIMEOUT, format!("{host}:{port} did not answer in time"))),
    }
}

/// Answers `CONNECT`: from here on every byte goes through as it is.
fn connect(request: Request<Incoming>, mut stream: TcpStream, meter: &Arc<Meter>, slot: Slot) -> Response<Body> {
    let meter = Arc::clone(meter);
    tokio::spawn(async move {
        let _slot = slot;
        let Ok(inside) = hyper::upgrade::on(request).await else { return };
        let mut inside = TokioIo::new(inside);
        tokio::select! {
            _ = copy_bidirectional(&mut inside, &mut stream) => {}
            () = meter.stands_still() => {}
        }
    });
    Response::new(whole(String::new()))
}

/// Passes a plain request on, to the host that it was judged by.
async fn forward(mut request: Request<Incoming>, stream: TcpStream, meter: &Arc<Meter>) -> Result<Response<Body>, No> {
    let broken = |error: &dyn std::fmt::Display| No(StatusCode::BAD_GATEWAY, one_line(&error.to_string(), 200));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let watch = Arc::clone(meter);
    tokio::spawn(async move {
        tokio::select! {
            _ = connection => {}
            () = watch.stands_still() => {}
        }
    });
    let authority =
        request.uri().authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    let host = HeaderValue::from_str(authority.unwrap_or_default()).map_err(|error| broken(&error))?;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    without_its_own(request.headers_mut());
    request.headers_mut().insert(HOST, host);
    let mut response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    without_its_own(response.headers_mut());
    Ok(response.map(|body| body.boxed()))
}

/// Takes out what is meant for one connection alone.
fn without_its_own(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in named.iter().map(String::as_str).chain(OF_ONE_CONNECTION) {
        headers.remove(name);
    }
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
}

impl State {
    fn note(&self, host: &str, port: u16) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let name = one_line(&format!("{host}:{port}"), 80);
        let known = refused.len() < NAMED || refused.contains_key(&name);
        *refused.entry(if known { name } else { "others".to_owned() }).or_default() += 1;
    }
}

/// What one connection moves.
struct Meter {
    state: Arc<State>,
    moved: AtomicU64,
}

impl Meter {
    fn moves(&self, bytes: usize) -> std::io::Result<()> {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
        let all = self.state.bytes.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        if all > BYTES { Err(std::io::Error::other("too many bytes")) } else { Ok(()) }
    }

    /// Comes to its end when nothing moved for too long.
    async fn stands_still(&self) {
        let mut before = self.moved.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(IDLE).await;
            let now = self.moved.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

/// The command's side of a connection, every byte of it counted.
struct Metered {
    stream: UnixStream,
    meter: Arc<Meter>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Ready(Ok(())) => Poll::Ready(self.meter.moves(buffer.filled().len() - before)),
            other => other,
        }
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        match written {
            Poll::Ready(Ok(count)) => Poll::Ready(self.meter.moves(count).map(|()| count)),
            other => other,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
