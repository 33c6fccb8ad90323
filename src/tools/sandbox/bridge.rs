//! The inner end of a door: it listens on the loopback of the command's own network and hands every byte on.
//! Lives here: copying between two sockets, behind the same filter as the command. Never here: understanding what is
//! copied; whoever answers outside takes it for hostile.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use super::door::Door;

/// Connections through one door at the same time; who comes next waits.
const CONNECTIONS: usize = 64;
/// How long to wait where no connection can be taken, such as where all files are open.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens at these ports for as long as this process lives.
pub(super) fn open(ports: &[u16]) -> Result<(), String> {
    let mut listeners = Vec::new();
    for port in ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
        let listener = listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        listeners.push((listener.map_err(|error| format!("port {port}: {error}"))?, Door::inside(*port)));
    }
    if listeners.is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the bridge: {error}"))?;
    let work = async move {
        let all: JoinSet<()> = listeners.into_iter().map(|(listener, socket)| listen(listener, socket)).collect();
        all.join_all().await;
    };
    let thread = std::thread::Builder::new().name("bridge".to_owned()).spawn(move || runtime.block_on(work));
    thread.map(|_| ()).map_err(|error| format!("the bridge: {error}"))
}

async fn listen(listener: TcpListener, socket: PathBuf) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut open = JoinSet::new();
    loop {
        while open.len() >= CONNECTIONS {
            open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(open.spawn(hand_on(stream, socket.clone()))),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn hand_on(mut stream: TcpStream, socket: PathBuf) {
    if let Ok(mut outside) = UnixStream::connect(&socket).await {
        // How it ends is for the two sides to notice.
        let _ = copy_bidirectional(&mut stream, &mut outside).await;
    }
}
