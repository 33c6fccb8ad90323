//! What people write first with axum: a broadcast channel, and one task for each socket that sends message by message. Lines come in
//! on one port and go out on the other.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::routing::get;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, Sender, error::RecvError};

/// Messages that a slow reader may be behind.
const HELD: usize = 1 << 16;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let listens = TcpListener::bind(("127.0.0.1", ports[0])).await?;
    let takes = TcpListener::bind(("127.0.0.1", ports[1])).await?;
    let (messages, _) = broadcast::channel(HELD);
    tokio::spawn(take(takes, messages.clone()));
    axum::serve(listens, Router::new().route("/", get(join)).with_state(messages)).await
}

async fn take(takes: TcpListener, messages: Sender<Utf8Bytes>) {
    while let Ok((socket, _)) = takes.accept().await {
        let messages = messages.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(socket).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = messages.send(line.into());
            }
        });
    }
}

async fn join(upgrade: WebSocketUpgrade, State(messages): State<Sender<Utf8Bytes>>) -> axum::response::Response {
    upgrade.on_upgrade(move |socket| tell(socket, messages))
}

async fn tell(mut socket: WebSocket, messages: Sender<Utf8Bytes>) {
    let mut messages = messages.subscribe();
    loop {
        let line = match messages.recv().await {
            Ok(line) => line,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if socket.send(Message::Text(line)).await.is_err() {
            return;
        }
    }
}
