//! Connections: who is let in, and what they are served by.
//! Lives here: accepting, limits for each address, timeouts, the end. Never here: what a path answers (see [`super::router`]).

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_service::Service as _;

use super::Shared;
use super::doors::Pass;
use super::problem::Problem;
use super::stall::Stalling;
use crate::town::limits::{HEAD_BYTES, HEADERS};

/// How much more of a head is read, so that what is refused has a reason: what is larger yet hyper refuses with a status alone.
const ROOM: usize = 2;
/// How long open requests and witnesses have when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// How long nothing is accepted after the system had no more descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// The address of the other side.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves a listener until the server is told to stop.
pub async fn serve(listener: TcpListener, router: Router, shared: Arc<Shared>) {
    let mut stop = shared.stop.subscribe();
    let mut connections = JoinSet::new();
    let (doors, mut is_full) = (shared.doorman.connected.clone(), false);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                is_full = false;
                // A proxy holds the connections of all its clients; there each is counted when it wants to listen.
                let is_proxied = shared.doorman.rules().proxy_header.is_some();
                let most = if is_proxied { usize::MAX } else { shared.limits.connections_per_address };
                let Some(pass) = doors.enter(peer.ip(), most) else {
                    shared.hub.counts.refused.fetch_add(1, Ordering::Relaxed);
                    refuse(&stream, peer.ip(), most);
                    continue;
                };
                connections.spawn(connection(stream, Peer(peer), router.clone(), shared.clone(), Arc::new(pass)));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if !is_full {
                    tracing::warn!(%error, "no connection can be accepted now; trying again every {BREATH:?}");
                }
                is_full = true;
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    // A connection that became a WebSocket is served elsewhere, and holds its pass until it ends.
    let rest = async {
        while connections.join_next().await.is_some() {}
        doors.all_gone().await;
    };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("some connections did not end within {} s and were cut", GRACE.as_secs());
    }
}

/// Whether a request's head is as large as it may be.
///
/// # Errors
/// The problem to answer with.
pub fn fits<B>(request: &Request<B>) -> Result<(), Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let (bytes, count) = (line + fields.sum::<usize>() + "\r\n".len(), headers.len());
    if bytes <= HEAD_BYTES && count <= HEADERS {
        return Ok(());
    }
    let detail = format!(
        "the request's head has {bytes} bytes and {count} headers, and at the most {HEAD_BYTES} bytes and {HEADERS} headers \
         are taken"
    );
    Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-big", "Too much before the body", detail))
}

/// Whether only the connection that was about to be accepted is affected.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Says why, as far as that goes without waiting: who holds too many open is not given another thing to hold.
fn refuse(stream: &TcpStream, address: IpAddr, most: usize) {
    let body = Problem::too_many(address, most).json();
    let head = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         connection: close\r\nretry-after: 1\r\n\r\n",
        body.len()
    );
    let _ = stream.try_write(&[head.as_bytes(), &body].concat());
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, shared: Arc<Shared>, pass: Arc<Pass>) {
    let _ = stream.set_nodelay(true);
    let stream = Stalling::new(stream, shared.limits.stalled);
    let mut stop = shared.stop.subscribe();
    let watches = Arc::new(AtomicBool::new(false));
    let service = {
        let watches = watches.clone();
        hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let (mut router, watches) = (router.clone(), watches.clone());
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(pass.clone());
            async move {
                let answer = router.call(request).await;
                let kind = answer.as_ref().ok().and_then(|answer| answer.headers().get(header::CONTENT_TYPE));
                watches.store(kind.is_some_and(|kind| kind == "text/event-stream"), Ordering::Relaxed);
                answer
            }
        })
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head)
        .max_buf_size(ROOM * HEAD_BYTES)
        .max_headers(ROOM * HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stop.wait_for(|stop| *stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if watches.load(Ordering::Relaxed) && is_of_a_stall(&error) {
            shared.hub.counts.lagged.fetch_add(1, Ordering::Relaxed);
        }
        tracing::debug!(%error, "a connection ended");
    }
}

/// Whether a connection ended because the other side took nothing for too long (see [`Stalling`]).
fn is_of_a_stall(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}
