//! The event stream and its server: what happens in the repository goes to everybody who watches.
//!
//! ```text
//! journal, main ─► relay ─► hub (ring of encoded frames, state) ─► socket · sse · poll ─► witnesses
//! running agents ─► publish ─┘
//! ```
//!
//! Lives here: the relay from git, the ring, the HTTP server with its limits, the page. Never here: deciding anything. Git is
//! the truth, so the server may die at any time, and begins again from there. Start with [`hub`].

pub mod api;
pub mod assets;
pub mod chronicle;
pub mod cursor;
pub mod descriptors;
pub mod doorman;
pub mod doors;
pub mod export;
pub mod filter;
pub mod fleeting;
pub mod frame;
pub mod histogram;
pub mod http;
pub mod hub;
pub mod landed;
pub mod looking;
pub mod metrics;
pub mod notices;
pub mod offset;
pub mod openapi;
mod pace;
pub mod pieces;
pub mod places;
pub mod poll;
pub mod problem;
pub mod publish;
pub mod relay;
pub mod ring;
pub mod router;
pub mod seat;
pub mod server;
pub mod session;
pub mod socket;
pub mod sse;
pub mod stall;
pub mod stood;
pub mod tag;
pub mod tail;
pub mod tally;
pub mod topics;
pub mod view;
pub mod webhook;

#[cfg(test)]
mod resume_tests;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::api::desk::Desk;
use self::api::local::Local;
use self::doorman::Doorman;
use self::hub::Hub;
use self::problem::Problem;
use self::publish::Publishers;
use self::relay::Health;
use self::webhook::Hook;
use crate::town::limits;

/// Close codes of the WebSocket: those of RFC 6455 §7.4.1, and our own of the range for applications.
pub mod close {
    /// The server goes; the reason says where to resume.
    pub const GOING_AWAY: u16 = 1001;
    /// The other side broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A text that is not UTF-8.
    pub const NO_TEXT: u16 = 1007;
    /// The other side does not keep to what is asked of it.
    pub const POLICY: u16 = 1008;
    /// A message that is too long.
    pub const TOO_BIG: u16 = 1009;
    /// Who reads too slowly; the reason says where to resume.
    pub const LAGGED: u16 = 4008;
    /// There are as many witnesses as may be.
    pub const FULL: u16 = 4013;
    /// Who says too much.
    pub const TOO_FAST: u16 = 4029;
}

/// What the server allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Witnesses at one time.
    pub subscribers: usize,
    /// Connections of one address at one time.
    pub connections_per_address: usize,
    /// A message of a witness, in bytes.
    pub message_bytes: usize,
    /// Messages of one witness within `message_window`.
    pub messages: u32,
    /// The time that `messages` counts.
    pub message_window: Duration,
    /// Quiet after which a heartbeat is sent.
    pub heartbeat: Duration,
    /// Time between two pings.
    pub ping: Duration,
    /// Time without any byte of a witness after which it is let go.
    pub idle: Duration,
    /// Time in which a socket that is full must take something.
    pub stalled: Duration,
    /// Time in which the head of a request must have come.
    pub head: Duration,
    /// Time in which the body of a request must have come.
    pub body: Duration,
    /// How often the clock is looked at.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            subscribers: limits::WITNESSES,
            connections_per_address: limits::CONNECTIONS_EACH,
            message_bytes: limits::WITNESS_BYTES,
            messages: limits::WITNESS_MESSAGES,
            message_window: Duration::from_secs(limits::WITNESS_SECONDS),
            heartbeat: Duration::from_secs(15),
            ping: Duration::from_secs(25),
            idle: Duration::from_secs(limits::QUIET_SECONDS),
            stalled: Duration::from_secs(limits::STALLED_SECONDS),
            head: Duration::from_secs(limits::REQUEST_SECONDS),
            body: Duration::from_secs(limits::REQUEST_SECONDS),
            tick: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// What comes of reading a body, within its time.
    ///
    /// # Errors
    /// A problem where it takes longer.
    pub async fn in_time<T>(&self, reading: impl Future<Output = T>) -> Result<T, Problem> {
        let too_slow = |_| {
            let detail = format!("the body did not come within {:?}", self.body);
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The request takes too long", detail)
        };
        tokio::time::timeout(self.body, reading).await.map_err(too_slow)
    }

    /// The limits as they are told to clients: seconds, bytes and numbers.
    #[must_use]
    pub fn told(&self) -> serde_json::Value {
        let told = Told {
            subscribers: self.subscribers,
            connections_per_address: self.connections_per_address,
            message_bytes: self.message_bytes,
            messages: self.messages,
            message_window_s: self.message_window.as_secs(),
            heartbeat_s: self.heartbeat.as_secs(),
            idle_s: self.idle.as_secs(),
            filters: limits::FILTERS,
        };
        serde_json::to_value(told).unwrap_or_default()
    }
}

/// What the server allows, as it tells clients.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
#[schemars(rename = "Limits")]
pub struct Told {
    /// Witnesses at one time.
    subscribers: usize,
    /// Connections of one address at one time.
    connections_per_address: usize,
    /// A message of a witness, in bytes.
    message_bytes: usize,
    /// Messages of one witness within `message_window_s`.
    messages: u32,
    /// The seconds that `messages` counts.
    message_window_s: u64,
    /// Seconds of quiet after which a heartbeat is sent.
    heartbeat_s: u64,
    /// Seconds without any byte of a witness after which it is let go.
    idle_s: u64,
    /// Different filters at one time.
    filters: usize,
}

/// Which of several servers of one town one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Shard {
    /// Its number, from 1 on.
    pub index: u16,
    /// How many there are.
    pub count: u16,
}

/// What the town is, as far as the server tells it.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its name as a URI reference.
    pub source: String,
    /// The default branch.
    pub branch: String,
    /// Origins of all servers of this town, this one among them, where there are several. A page takes one of them, and the next
    /// where that one is full or gone: each relays the same history with the same offsets of recorded events, because git is the
    /// truth; only the epoch is its own.
    pub shards: Vec<String>,
    /// Which of them this server is.
    pub shard: Option<Shard>,
}

/// What all connections share.
pub struct Shared {
    /// How the relay does.
    pub relay: Arc<Health>,
    /// Who is let in.
    pub doorman: Arc<Doorman>,
    /// What the town is.
    pub town: About,
    /// Where events come from.
    pub hub: Hub,
    /// Who may publish.
    pub publishers: Publishers,
    /// Where the API reads the repository.
    pub desk: Desk,
    /// How the person at this machine decides; none where they may not do so here.
    pub local: Option<Local>,
    /// Where GitHub's webhook arrives, where it may.
    pub hook: Option<Hook>,
    /// What is allowed.
    pub limits: Limits,
    /// The moment, in RFC 3339.
    pub now: Box<dyn Fn() -> String + Send + Sync>,
    /// Becomes true when the server is to end.
    pub stop: watch::Sender<bool>,
    /// Where witnesses at WebSockets are served.
    pub watching: Handle,
}

impl Shared {
    /// How the person at this machine decides.
    ///
    /// # Errors
    /// A problem where they may not do so here.
    pub fn local(&self) -> Result<&Local, Problem> {
        let detail = "this server takes no verdicts: it does so where it listens at 127.0.0.1 alone, the town and its pull \
                      requests are in this clone, and it was started without --read-only";
        self.local.as_ref().ok_or_else(|| Problem::forbidden("not-local", detail))
    }
}
