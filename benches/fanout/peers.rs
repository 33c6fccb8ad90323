//! The servers that take the load: ours, and what people would use instead where it is installed.
//! Lives here: how each is started, subscribed to and published to. Never here: what is measured (see `load`).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream as Blocking};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support;

const PROGRAM: &str = env!("CARGO_BIN_EXE_monkeytown");
/// The town, and the agent that publishes there.
pub const TOWN: &str = "bench";
pub const AGENT: &str = "chaostester";

/// What puts a batch of messages in.
pub type Publisher = Box<dyn FnMut(&[Vec<u8>]) + Send>;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `monkeytown serve`, its WebSocket.
    Ours,
    /// `nats-server`, its WebSocket listener.
    Nats,
    /// Redis, publish and subscribe over plain TCP.
    Redis,
    /// The `ws` package on Node, one `send` for each client.
    Node,
    /// Bun's own server, whose WebSocket is uWebSockets, and its `publish`.
    Bun,
    /// The nchan module of nginx.
    Nchan,
    /// axum with a broadcast channel; a package of its own beside this file.
    Axum,
}

impl Peer {
    /// All of them, ours first.
    pub const ALL: [Self; 7] = [Self::Ours, Self::Nats, Self::Redis, Self::Node, Self::Bun, Self::Nchan, Self::Axum];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "monkeytown",
            Self::Nats => "nats",
            Self::Redis => "redis",
            Self::Node => "node-ws",
            Self::Bun => "bun",
            Self::Nchan => "nchan",
            Self::Axum => "axum",
        }
    }

    /// Where readers ask for messages.
    const fn path(self) -> &'static str {
        match self {
            Self::Ours => "/ws?after=now",
            _ => "/",
        }
    }
}

/// A server that runs, and is ended with this.
pub struct Server {
    peer: Peer,
    child: Child,
    listens: SocketAddr,
    /// Where messages are put in, where that is another place.
    takes: SocketAddr,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a port is free").port()
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Starts a server, where it is installed.
pub fn start(peer: Peer, home: &Path) -> Option<Server> {
    let (first, second) = (free_port(), free_port());
    let server = |child: Child, listens: u16, takes: u16| Server {
        peer,
        child,
        listens: at(listens),
        takes: at(takes),
        token: String::new(),
    };
    let started = match peer {
        Peer::Ours => return Some(ours(home)),
        Peer::Nats => {
            let config = home.join("nats.conf");
            let text = format!(
                "listen: 127.0.0.1:{second}\nmax_pending: 512MB\nwebsocket {{ listen: \"127.0.0.1:{first}\", no_tls: true }}\n"
            );
            std::fs::write(&config, text).expect("the configuration is written");
            quiet("nats-server").arg("-c").arg(config).spawn().ok().map(|child| server(child, first, second))
        }
        Peer::Redis => quiet("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--client-output-buffer-limit", "pubsub 0 0 0", "--port"])
            .arg(first.to_string())
            .spawn()
            .ok()
            .map(|child| server(child, first, first)),
        Peer::Node => {
            let modules =
                support::words("BENCH_WS", concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/ws/node_modules/ws"));
            let is_there = Path::new(&modules[0]).is_dir();
            let mut node = quiet("node");
            node.arg(beside("broadcast.mjs")).arg(&modules[0]).args([first.to_string(), second.to_string()]);
            is_there.then(|| node.spawn().ok()).flatten().map(|child| server(child, first, second))
        }
        Peer::Bun => quiet(&support::words("BENCH_BUN", "bun")[0])
            .arg(beside("publish.bun.mjs"))
            .args([first.to_string(), second.to_string()])
            .spawn()
            .ok()
            .map(|child| server(child, first, second)),
        Peer::Axum => quiet(
            &support::words("BENCH_AXUM", concat!(env!("CARGO_MANIFEST_DIR"), "/target/axum/release/broadcast"))[0],
        )
        .args([first.to_string(), second.to_string()])
        .spawn()
        .ok()
        .map(|child| server(child, first, second)),
        Peer::Nchan => {
            let config = home.join("nginx.conf");
            std::fs::write(&config, nchan(first, second, home)).expect("the configuration is written");
            let mut nginx = quiet("nginx");
            nginx.arg("-p").arg(home).arg("-e").arg(home.join("log")).arg("-c").arg(config);
            nginx.spawn().ok().map(|child| server(child, first, second))
        }
    }?;
    let until = Instant::now() + Duration::from_secs(10);
    while [started.listens, started.takes].iter().any(|place| Blocking::connect(place).is_err()) {
        assert!(Instant::now() < until, "{} answers within ten seconds", peer.name());
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(started)
}

/// A file beside this one.
fn beside(name: &str) -> String {
    format!("{}/benches/fanout/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// One process of nginx that keeps as many messages as a slow reader may be behind.
fn nchan(listens: u16, takes: u16, home: &Path) -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    format!(
        "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;\nuser {user};\ndaemon off;\nmaster_process off;\npid {0}/pid;\n\
         worker_rlimit_nofile 65536;\nevents {{ worker_connections 16384; }}\nhttp {{\n  access_log off;\n  client_body_temp_path {0}/b;\n  proxy_temp_path {0}/p;\n  \
         fastcgi_temp_path {0}/f;\n  uwsgi_temp_path {0}/u;\n  scgi_temp_path {0}/s;\n  nchan_shared_memory_size 512M;\n  \
         server {{ listen 127.0.0.1:{listens}; location = / {{ nchan_subscriber websocket; nchan_channel_id town; \
         nchan_subscriber_first_message newest; nchan_message_buffer_length 200000; }} }}\n  \
         server {{ listen 127.0.0.1:{takes}; location = / {{ nchan_publisher websocket; nchan_channel_id town; \
         nchan_message_buffer_length 200000; nchan_message_timeout 60s; }} }}\n}}\n",
        home.display()
    )
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Server {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A connection that gets every message from now on, and what came on it already.
    pub async fn subscribe(listens: SocketAddr, peer: Peer) -> (TcpStream, Vec<u8>) {
        let mut stream = TcpStream::connect(listens).await.expect("the server takes one more");
        match peer {
            Peer::Redis => {
                stream.write_all(b"SUBSCRIBE town\r\n").await.expect("redis reads");
                let rest = until(&mut stream, b":1\r\n").await;
                (stream, rest)
            }
            Peer::Nats => {
                let _ = upgraded(&mut stream, "/").await;
                let words = b"CONNECT {\"verbose\":false}\r\nSUB town 1\r\nPING\r\n";
                let mut frame = vec![0x82, 0x80 | words.len() as u8, 0, 0, 0, 0];
                frame.extend(words);
                stream.write_all(&frame).await.expect("nats reads");
                let rest = until(&mut stream, b"PONG\r\n").await;
                (stream, rest)
            }
            Peer::Ours | Peer::Node | Peer::Bun | Peer::Nchan | Peer::Axum => {
                let rest = upgraded(&mut stream, peer.path()).await;
                (stream, rest)
            }
        }
    }

    /// Where readers connect.
    pub const fn listens(&self) -> SocketAddr {
        self.listens
    }

    /// What puts a batch of messages in.
    pub fn publisher(&self) -> Publisher {
        let mut stream = Blocking::connect(self.takes).expect("the server takes a publisher");
        stream.set_nodelay(true).expect("a socket can be told");
        match self.peer {
            Peer::Ours => ours_publisher(stream, self.token.clone()),
            Peer::Node | Peer::Bun | Peer::Axum => Box::new(move |batch| {
                let mut lines = batch.join(&b'\n');
                lines.push(b'\n');
                stream.write_all(&lines).expect("the server reads");
            }),
            Peer::Redis => {
                unread(&stream);
                wrapped(stream, |message| {
                    (format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\ntown\r\n${}\r\n", message.len()).into_bytes(), "\r\n")
                })
            }
            Peer::Nchan => {
                let words = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
                stream.write_all(words.as_bytes()).expect("nginx reads");
                unread(&stream);
                // A frame with a mask of nothing: what follows is the message as it is.
                wrapped(stream, |message| {
                    let length = u16::try_from(message.len()).expect("a short message").to_be_bytes();
                    (vec![0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0], "")
                })
            }
            Peer::Nats => {
                unread(&stream);
                stream.write_all(b"CONNECT {\"verbose\":false}\r\n").expect("nats reads");
                wrapped(stream, |message| (format!("PUB town {}\r\n", message.len()).into_bytes(), "\r\n"))
            }
        }
    }
}

/// Takes what a server answers to a publisher, so that it never waits for it.
fn unread(stream: &Blocking) {
    let mut answers = stream.try_clone().expect("a socket can be read elsewhere");
    std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
}

/// A publisher that puts a few bytes around each message.
fn wrapped(mut stream: Blocking, around: impl Fn(&[u8]) -> (Vec<u8>, &'static str) + Send + 'static) -> Publisher {
    Box::new(move |batch| {
        let mut all = Vec::new();
        for message in batch {
            let (before, after) = around(message);
            all.extend(before);
            all.extend(message);
            all.extend(after.as_bytes());
        }
        stream.write_all(&all).expect("the server reads");
    })
}

/// Reads until some bytes have come; what follows them is given back.
async fn until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        if let Some(at) = read.windows(end.len()).position(|window| window == end) {
            return read.split_off(at + end.len());
        }
        let count = stream.read_buf(&mut read).await.expect("the server answers");
        assert!(count > 0, "the server closed: {}", String::from_utf8_lossy(&read));
    }
}

async fn upgraded(stream: &mut TcpStream, path: &str) -> Vec<u8> {
    let words = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        stream.peer_addr().expect("a socket has a place")
    );
    stream.write_all(words.as_bytes()).await.expect("the server reads");
    until(stream, b"\r\n\r\n").await
}

/// Our own server on a town of its own, at which one agent may publish.
fn ours(home: &Path) -> Server {
    let (work, tokens) = (home.join("work"), home.join("tokens"));
    support::run_git(home, &["init", "-q", "-b", "main", &work.to_string_lossy()]);
    let monkeytown =
        |arguments: &[&str]| support::must(support::hermetic(PROGRAM, home).current_dir(&work).args(arguments));
    monkeytown(&["init", "--name", TOWN]);
    support::run_git(&work, &["add", "-A"]);
    support::run_git(&work, &["commit", "-q", "-m", "Make this repository a town"]);
    let made: serde_json::Value = serde_json::from_str(&monkeytown(&["token", AGENT, "--json"])).expect("a token");
    let word = |name: &str| made[name].as_str().expect("a word").to_owned();
    std::fs::write(&tokens, word("line") + "\n").expect("the file is written");
    let mut serve = support::hermetic(PROGRAM, home);
    serve
        .env("TOKIO_WORKER_THREADS", std::env::var("TW").unwrap_or("2".into()))
        .env("PASS_MS", std::env::var("PASS_MS").unwrap_or_default());
    serve.current_dir(&work).stdout(Stdio::piped()).stderr(Stdio::null());
    serve.args(["serve", "--listen", "127.0.0.1:0", "--witnesses", "100000", "--connections", "100000"]);
    serve.args(["--requests", "1000000", "--publish-rate", "1000000", "--publish-tokens"]).arg(&tokens);
    let mut child = serve.spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where it listens");
    let at = line.split_once("://").and_then(|(_, rest)| rest.split(['/', '\n']).next()?.parse().ok());
    let listens: SocketAddr = at.expect("an address");
    Server { peer: Peer::Ours, child, listens, takes: listens, token: word("token") }
}

/// Publishes by requests, each answered before the next.
fn ours_publisher(mut stream: Blocking, token: String) -> Publisher {
    let host = stream.peer_addr().expect("a socket has a place");
    let mut answers = BufReader::new(stream.try_clone().expect("a socket can be read elsewhere"));
    Box::new(move |batch| {
        let body = [b"[", &*batch.join(&b','), b"]"].concat();
        let head = format!(
            "POST /api/publish HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/cloudevents-batch+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).expect("the server reads");
        let (mut length, mut line) = (0, String::new());
        answers.read_line(&mut line).expect("the server answers");
        assert!(line.starts_with("HTTP/1.1 202"), "published: {line}");
        loop {
            line.clear();
            answers.read_line(&mut line).expect("the server answers");
            match line.trim().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().expect("a number");
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        answers.read_exact(&mut body).expect("the server answers");
    })
}
