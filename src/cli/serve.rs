//! `monkeytown serve`: the event stream and its server.
//! Lives here: arguments, the address, the relay's thread, the end. Never here: what is served.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::net::TcpListener;

use super::{Context, Usage, open, say};
use crate::git::home::Home;
use crate::run::house::House;
use crate::serve::doorman::{Doorman, Rules};
use crate::serve::relay::{Edge, Health, Relay};
use crate::serve::ring::Capacity;
use crate::serve::{About, Limits, Shared, http, router};

/// How often the repository is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long is waited between two looks at a repository that cannot be read.
const TROUBLE: Duration = Duration::from_secs(1);

/// Show the town to browsers: its history, and what happens, as it happens
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes: 0 after SIGINT or SIGTERM · 2 the address cannot be had, or here is no town · 3 the repository cannot be read
Examples:
  monkeytown serve
  monkeytown serve --listen 0.0.0.0:4180 --host town.example --origin https://pages.example
  curl -N http://127.0.0.1:4180/events?types=pull.*")]
pub struct Args {
    /// The address to listen at; port 0 takes a free one, and it is printed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4180")]
    listen: SocketAddr,
    /// A name under which browsers ask for this server, with its port where it has one; can be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Another origin whose pages may connect, as in https://pages.example; can be repeated
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// The header in which a proxy before the server tells the client's address, as in X-Forwarded-For
    #[arg(long, value_name = "HEADER")]
    proxy_header: Option<String>,
    /// Witnesses at one time
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    witnesses: usize,
    /// Events that are kept for who comes back
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    ring_events: usize,
    /// Mebibytes that these events may take
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    ring_mib: usize,
}

/// Runs the command.
///
/// # Errors
/// When there is no town here or the address cannot be had.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, Some("none"))?;
    let clock = open::Source::new(context)?;
    let capacity = Capacity { frames: args.ring_events.max(1), bytes: args.ring_mib.max(1) << 20 };
    let limits = Limits { subscribers: args.witnesses, ..Limits::default() };
    let source = crate::run::source_of(&house.settings.name);
    let about = About {
        name: house.settings.name.clone(),
        description: String::new(),
        source: source.clone(),
        branch: house.home.branch.clone(),
    };
    let dir = context.dir.clone();
    let edge = Edge { open: Box::new(move || reopen(&dir)), random: Box::new(crate::config::random), source };
    drop(house);
    let (relay, hub) = Relay::begin(edge, capacity, limits.told()).map_err(|error| anyhow::anyhow!("{error}"))?;
    let (rate, burst) = (NonZeroU32::new(50), NonZeroU32::new(200));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(|error| {
            Usage(format!("cannot listen at {}: {error}; name another address with --listen", args.listen))
        })?;
        let address = listener.local_addr()?;
        let doorman = Doorman::new(Rules {
            a_second: rate.unwrap_or(NonZeroU32::MIN),
            at_once: burst.unwrap_or(NonZeroU32::MIN),
            names: names(address, &args.host),
            origins: args.origin.clone(),
            proxy_header: args.proxy_header.as_ref().map(|name| name.to_ascii_lowercase()),
        });
        let shared = Arc::new(Shared {
            relay: Arc::new(Health::default()),
            doorman,
            town: about,
            hub,
            limits,
            now: Box::new(move || clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            stop: tokio::sync::watch::Sender::new(false),
        });
        announce(context, address);
        serve(listener, shared, relay).await
    })
}

fn reopen(dir: &std::path::Path) -> Result<Home, String> {
    House::open(dir, Some("none"), &|_| None).map(|house| house.home).map_err(|error| error.to_string())
}

/// The names that a browser may ask under. On loopback that is what leads here and nothing else, so that no page of another name
/// that points here is answered. Elsewhere it is whatever was said, or any.
fn names(address: SocketAddr, said: &[String]) -> Vec<String> {
    let mut names = said.to_vec();
    if address.ip().is_loopback() {
        let port = address.port();
        names.extend([format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]);
    }
    names
}

fn announce(context: &Context, address: SocketAddr) {
    if context.json {
        say::answer(&format!(r#"{{"address":"http://{address}"}}"#));
    } else {
        say::answer(&format!("http://{address}"));
        if std::io::stdout().is_terminal() {
            say::story(context, "open it in a browser; Ctrl-C ends it");
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, relay: Relay) -> anyhow::Result<u8> {
    let (end, ended) = mpsc::channel::<()>();
    let following = {
        let shared = shared.clone();
        std::thread::Builder::new().name("relay".to_owned()).spawn(move || follow(relay, &shared, &ended))?
    };
    let pacing = {
        let shared = shared.clone();
        tokio::spawn(async move { shared.hub.pace().await })
    };
    let serving = tokio::spawn(http::serve(listener, router::router(shared.clone()), shared.clone()));
    told_to_end().await?;
    shared.stop.send_replace(true);
    let _ = serving.await;
    pacing.abort();
    drop(end);
    let _ = following.join();
    Ok(0)
}

async fn told_to_end() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Follows the repository until the other end of the channel is gone.
fn follow(mut relay: Relay, shared: &Shared, ended: &mpsc::Receiver<()>) {
    loop {
        let pause = match relay.look(&shared.hub) {
            Ok(_) => {
                shared.relay.set(None);
                LOOK
            }
            Err(error) => {
                if shared.relay.trouble().is_none() {
                    tracing::warn!(%error, "nothing new is relayed");
                }
                shared.relay.set(Some(error.to_string()));
                TROUBLE
            }
        };
        match ended.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
    }
}
