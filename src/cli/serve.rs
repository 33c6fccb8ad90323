//! `monkeytown serve`: the event stream and its server.
//! Lives here: arguments, the address, the relay's thread, the end. Never here: what is served.

mod fetching;
mod publishers;
mod shards;

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::num::{NonZero, NonZeroU32};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use self::fetching::Fetching;
use super::{Context, Usage, open, say, verdict};
use crate::config::Secret;
use crate::run::house::House;
use crate::serve::api::desk::Desk;
use crate::serve::api::local::{Local, Perform};
use crate::serve::doorman::{Doorman, Rules};
use crate::serve::relay::{Edge, Health, Relay, RelayError};
use crate::serve::ring::Capacity;
use crate::serve::server::Server;
use crate::serve::webhook::Hook;
use crate::serve::{About, Limits, Shared, descriptors};
use crate::town::limits;

/// Descriptors beside those of witnesses: the repository's, and requests.
const SPARE: u64 = 64;

/// How many times the requests of a second may come at once.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// Connections that may wait to be accepted: as many as come back at once when a server begins again. The system may allow fewer.
const BACKLOG: i32 = 1_024;

/// The variable with the webhook's secret.
const WEBHOOK_SECRET: &str = "MONKEYTOWN_WEBHOOK_SECRET";

/// Show the town to browsers: its history, and what happens, as it happens
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes: 0 after SIGINT or SIGTERM, 130 or 143 after a second one, which ends it at once ·
1 the journal is damaged · 2 the address cannot be had, or here is no town · 3 try again later
Examples:
  monkeytown serve
  monkeytown serve --listen 0.0.0.0:4180 --host town.example --origin https://pages.example
  curl -N 'http://127.0.0.1:4180/events?types=pull.*'")]
pub struct Args {
    /// The address to listen at; port 0 takes a free one, and it is printed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4180", value_parser = address)]
    listen: SocketAddr,
    /// A name under which browsers ask for this server, with its port where it has one; can be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Another origin whose pages may connect, such as `https://pages.example`; can be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    origin: Vec<String>,
    #[command(flatten)]
    shards: shards::Sharding,
    /// The header in which a proxy before the server tells the client's address, as in X-Forwarded-For
    #[arg(long, value_name = "HEADER")]
    proxy_header: Option<String>,
    /// The remote where the town lives; without it, the town in this clone is shown
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Seconds between two fetches from the remote
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400), requires = "remote")]
    fetch: u64,
    /// A file with the secret of a GitHub webhook, which makes the server fetch at once; or set MONKEYTOWN_WEBHOOK_SECRET
    #[arg(long, value_name = "FILE", requires = "remote")]
    webhook_secret_file: Option<PathBuf>,
    /// Take no verdicts: nobody merges, rejects or freezes in the page
    #[arg(long)]
    read_only: bool,
    /// Witnesses at one time
    #[arg(long, value_name = "N", default_value_t = limits::WITNESSES)]
    witnesses: usize,
    /// Connections of one address at one time
    #[arg(long, value_name = "N", default_value_t = limits::CONNECTIONS_EACH)]
    connections: usize,
    /// Requests of one address in a second; four times as many at once
    #[arg(long, value_name = "N", default_value_t = publishers::rate(limits::REQUESTS_EACH))]
    requests: NonZeroU32,
    #[command(flatten)]
    pub(super) publishers: publishers::Publishing,
    /// Events that are kept for who comes back
    #[arg(long, value_name = "N", default_value_t = limits::RING_EVENTS, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    ring_events: u32,
    /// Mebibytes that these events may take
    #[arg(long, value_name = "MIB", default_value_t = limits::RING_MIB, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    ring_mib: u32,
}

/// Runs the command.
///
/// # Errors
/// As [`start`].
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let running = start(context, args)?;
    announce(context, &running);
    running.wait_until(|| false);
    running.end();
    Ok(0)
}

/// Starts serving.
///
/// # Errors
/// When there is no town here or the address cannot be had.
pub fn start(context: &Context, args: &Args) -> anyhow::Result<Running> {
    // A remote that hangs must not keep anybody waiting: what is here is served, and what is new is fetched meanwhile.
    let house = match &args.remote {
        Some(remote) => open::known_house(context, remote)?,
        None => open::house(context, Some("none"))?,
    };
    let clock = Arc::new(open::Source::new(context)?);
    let publishers = args.publishers.read(&house)?;
    let about = about(args, &house)?;
    let bytes = (args.ring_mib as usize).saturating_mul(1 << 20);
    let capacity = Capacity { frames: args.ring_events as usize, bytes };
    let limits = Limits { subscribers: args.witnesses, connections_per_address: args.connections, ..Limits::default() };
    let now = {
        let clock = clock.clone();
        move || clock.now()
    };
    let opener = || open::opener(context, args.remote.clone(), house.home.branch.clone());
    let desk = Desk::new(opener(), Box::new(now.clone()));
    let edge = Edge {
        open: opener(),
        random: Box::new(crate::config::random),
        now: Box::new(now),
        source: about.source.clone(),
    };
    let is_local = takes_verdicts(context, args, &house);
    let by = verdict::me(context, &house).ok().map(|who| who.name);
    let secret = webhook_secret(context, args)?;
    // Before anything is written down: where the address is taken, nothing has begun.
    let listener = listening(args.listen)?;
    let fetching = args.remote.is_some().then(|| Fetching::start(house.home, args.fetch)).transpose()?;
    let hook = fetching.as_ref().zip(secret).map(|(fetching, secret)| Hook::new(&secret, fetching.waker()));
    let (relay, hub) = Relay::begin(edge, capacity, limits.told()).map_err(plainly)?;
    raise_descriptors(args.witnesses);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let watching = watching()?;
    let (address, token, shared, server) = runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let token = is_local.then(crate::config::secret).transpose()?;
        let shared = Arc::new(Shared {
            relay: Arc::new(Health::default()),
            doorman: Doorman::new(rules(args, address, &about.shards)),
            town: about,
            hub,
            publishers,
            desk,
            local: token.as_ref().map(|token| Local::new(token, names(address, &[]), by, performer(context))),
            hook,
            limits,
            now: Box::new(move || clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            stop: watch::Sender::new(false),
            watching: watching.handle().clone(),
        });
        let server = Server::start(listener, shared.clone(), relay)?;
        anyhow::Ok((address, token, shared, server))
    })?;
    let told = runtime.block_on(told_to_end())?;
    Ok(Running { address, token, shared, told, runtime, _watching: watching, server, fetching })
}

/// What the town is, and which of its servers this one.
fn about(args: &Args, house: &House) -> anyhow::Result<About> {
    let (shard, shards) = args.shards.read()?;
    Ok(About {
        name: house.settings.name.clone(),
        description: house.settings.purpose(),
        source: crate::run::source_of(&house.settings.name),
        branch: house.home.branch.clone(),
        shard,
        shards,
    })
}

/// Whether the person at this machine may decide in the page: nothing of this server is for anybody else.
fn takes_verdicts(context: &Context, args: &Args, house: &House) -> bool {
    let is_private = args.remote.is_none() && args.proxy_header.is_none() && !args.read_only;
    is_private && verdict::may_be_given(context, house, args.listen.ip())
}

fn raise_descriptors(witnesses: usize) {
    if let Some(files) = descriptors::raise()
        && files < witnesses as u64 + SPARE
    {
        tracing::warn!("{files} files may be open, which is too few for {witnesses} witnesses; raise `ulimit -n`");
    }
}

/// What witnesses are served by: threads of their own, so that a request never waits behind a thousand sockets; all processors
/// but one, which is left to everything else.
fn watching() -> std::io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.saturating_sub(1).max(1);
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("watching").enable_all().build()
}

/// Reads where to listen.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an IP address and a port from 0 to 65535 are wanted, as in 127.0.0.1:4180".to_owned())
}

/// Takes the address.
fn listening(address: SocketAddr) -> anyhow::Result<std::net::TcpListener> {
    let bad = |error| Usage(format!("cannot listen at {address}: {error}; name another address with --listen"));
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // As the standard library has it: elsewhere than on Windows it lets a server come back at once.
        socket.set_reuse_address(cfg!(not(windows)))?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        std::io::Result::Ok(socket.into())
    };
    Ok(listen().map_err(bad)?)
}

/// A server that runs beside whatever else this process does.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its connections share.
    pub shared: Arc<Shared>,
    token: Option<Secret>,
    told: watch::Receiver<bool>,
    runtime: Runtime,
    _watching: Runtime,
    server: Server,
    fetching: Option<Fetching>,
}

impl Running {
    /// The address for a browser; with the token, as long as nobody has exchanged it.
    #[must_use]
    pub fn page(&self) -> String {
        let is_waiting = self.shared.local.as_ref().is_some_and(|local| local.session.is_waiting());
        match self.token.as_ref().filter(|_| is_waiting) {
            Some(token) => format!("http://{}/#token={}", self.address, token.reveal()),
            None => format!("http://{}", self.address),
        }
    }

    /// Whether a signal told the process to end.
    #[must_use]
    pub fn is_told_to_end(&self) -> bool {
        *self.told.borrow()
    }

    /// Waits until this is so after some event, and says yes; or no, when a signal tells the process to end.
    pub fn wait_until(&self, mut is_so: impl FnMut() -> bool) -> bool {
        let (mut passes, mut told) = (self.shared.hub.watch(), self.told.clone());
        self.runtime.block_on(async {
            let so = async {
                while !is_so() {
                    let _ = passes.changed().await;
                }
            };
            tokio::select! { () = so => true, _ = told.wait_for(|told| *told) => false }
        })
    }

    /// Ends it, so that those who listen know where to resume.
    pub fn end(self) {
        if let Some(fetching) = &self.fetching {
            fetching.tell_to_end();
        }
        self.runtime.block_on(self.server.stop());
        if let Some(fetching) = self.fetching {
            fetching.end();
        }
    }
}

/// Reads an origin: a URL of which only scheme, host and port are said.
fn origin(text: &str) -> Result<String, String> {
    let bad = || format!("{text:?} is no origin, such as https://pages.example");
    let url = url::Url::parse(text).map_err(|_| bad())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_web = matches!(url.scheme(), "http" | "https");
    if is_bare && is_web { Ok(url.origin().ascii_serialization()) } else { Err(bad()) }
}

fn rules(args: &Args, address: SocketAddr, shards: &[String]) -> Rules {
    Rules {
        a_second: args.requests,
        at_once: args.requests.saturating_mul(BURST),
        names: names(address, &args.host),
        origins: args.origin.iter().chain(shards).cloned().collect(),
        proxy_header: args.proxy_header.as_ref().map(|name| name.to_ascii_lowercase()),
    }
}

/// The error as the room below has it, from which the exit code follows.
fn plainly(error: RelayError) -> anyhow::Error {
    match error {
        RelayError::Git(error) => error.into(),
        RelayError::Journal(error) => error.into(),
        other => other.into(),
    }
}

/// The secret of the webhook, where one is taken.
fn webhook_secret(context: &Context, args: &Args) -> anyhow::Result<Option<Secret>> {
    let Some(path) = &args.webhook_secret_file else { return Ok(context.env.secret(WEBHOOK_SECRET)) };
    let bad = |why: String| Usage(format!("{}: {why}; write the webhook's secret into it", path.display()));
    match crate::config::secret_in(path) {
        Ok(Some(secret)) => Ok(Some(secret)),
        Ok(None) => Err(bad("it is empty".to_owned()).into()),
        Err(error) => Err(bad(error.to_string()).into()),
    }
}

/// The names that a browser may ask under. On loopback that is what leads here and nothing else, so that no page of another name
/// that points here is answered. Elsewhere it is whatever was said, or any.
fn names(address: SocketAddr, said: &[String]) -> Vec<String> {
    let mut names = said.to_vec();
    if address.ip().is_loopback() {
        let port = address.port();
        let own = address.to_string();
        let own = own.strip_suffix(&format!(":{port}")).unwrap_or(&own);
        for name in ["127.0.0.1", "localhost", "[::1]", own] {
            let with_port = format!("{name}:{port}");
            // Browsers leave the usual port out.
            let bare = (port == 80).then(|| name.to_owned());
            for name in [with_port].into_iter().chain(bare) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    names
}

/// What carries out what the page asks for: each time with a context of its own, as a command is.
fn performer(context: &Context) -> Perform {
    let (dir, env) = (context.dir.clone(), context.env.clone());
    Box::new(move |act| {
        let context = Context { dir: dir.clone(), json: false, env: env.clone(), secrets: RefCell::default() };
        verdict::perform(&context, act)
    })
}

fn announce(context: &Context, running: &Running) {
    if context.json {
        say::answer(
            &serde_json::json!({"address": format!("http://{}", running.address), "page": running.page()}).to_string(),
        );
    } else {
        say::answer(&running.page());
        if std::io::stdout().is_terminal() {
            let may = if running.token.is_some() { "; who opens it first may merge and reject there" } else { "" };
            say::story(context, &format!("open it in a browser{may}; Ctrl-C ends it"));
        }
    }
}

/// Listens for signals from now on; becomes true with the first. None is lost while nobody waits. The second ends the process at
/// once, with the exit code that a shell gives to the signal.
async fn told_to_end() -> anyhow::Result<watch::Receiver<bool>> {
    let (tell, told) = watch::channel(false);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(async move {
            loop {
                let code = tokio::select! { _ = interrupt.recv() => 130, _ = terminate.recv() => 143 };
                if tell.send_replace(true) {
                    std::process::exit(code);
                }
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        tell.send_replace(true);
    });
    Ok(told)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_address_is_a_name_of_the_server_with_the_port_that_browsers_say() {
        let of = |address: &str| names(address.parse().unwrap(), &["town.example".to_owned()]).join(" ");
        assert_eq!(of("127.0.0.1:4180"), "town.example 127.0.0.1:4180 localhost:4180 [::1]:4180");
        assert_eq!(of("127.0.0.2:9"), "town.example 127.0.0.1:9 localhost:9 [::1]:9 127.0.0.2:9");
        assert_eq!(of("127.0.0.1:80"), "town.example 127.0.0.1:80 127.0.0.1 localhost:80 localhost [::1]:80 [::1]");
        assert_eq!(of("[::1]:9"), "town.example 127.0.0.1:9 localhost:9 [::1]:9");
        assert_eq!(of("0.0.0.0:80"), "town.example");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn many_connections_may_wait_to_be_accepted() {
        let system = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        // As many as the standard library lets wait, and some more.
        let most = system.trim().parse::<usize>().unwrap().min(300);
        let listener = listening("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(5));
        let waiting: Vec<_> = (0..most).map(connect).collect::<Result<_, _>>().unwrap();
        assert_eq!(waiting.len(), most);
        let taken = listening(address).unwrap_err().to_string();
        assert!(taken.starts_with(&format!("cannot listen at {address}: ")), "{taken}");
    }
}
