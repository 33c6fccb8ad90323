//! Who may ask, how often, and under which name.
//! Lives here: requests per address, the names of the server (against DNS rebinding), foreign pages. Never here: who may publish.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::doors::{Doors, Pass, neighbourhood};
use super::http::{self, Peer};
use super::problem::Problem;
use super::publish;

/// What the doorman goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Requests of one address a second.
    pub a_second: NonZeroU32,
    /// Requests of one address at once.
    pub at_once: NonZeroU32,
    /// Names and addresses, with port where it is not the usual one, that the server is asked under; none: any.
    pub names: Vec<String>,
    /// Origins of other pages that may connect.
    pub origins: Vec<String>,
    /// The header in which a proxy before the server tells the address; none where there is no proxy.
    pub proxy_header: Option<String>,
}

/// How often each address asks.
type ByAddress = RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>;

/// The header in which a browser says from where a page asks (Fetch Metadata), how, and what for.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Where one listens, which is no page to go to.
const HELD: [&str; 3] = ["/ws", "/events", "/api/events"];

/// Seconds after which it is worth another try for who reads all of history as often as it may.
const READING: u64 = 10;

/// Looks at every request before anything else does.
pub struct Doorman {
    rules: Rules,
    rate: ByAddress,
    /// The same for what is refused because of who asks: a foreign page in somebody's browser does not use up what the town's own
    /// page may ask from there.
    refused: ByAddress,
    clock: DefaultClock,
    /// Connections, a proxy's among them.
    pub connected: Arc<Doors>,
    /// Those that listen through a proxy.
    listening: Arc<Doors>,
    /// Those that read all of history.
    reading: Arc<Doors>,
}

impl Doorman {
    /// A doorman with these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Arc<Self> {
        let rate = || RateLimiter::keyed(Quota::per_second(rules.a_second).allow_burst(rules.at_once));
        let (rate, refused) = (rate(), rate());
        let (connected, listening, reading) = (Arc::default(), Arc::default(), Arc::default());
        Arc::new(Self { rules, rate, refused, clock: DefaultClock::default(), connected, listening, reading })
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether a request goes on.
    ///
    /// # Errors
    /// The problem to answer with.
    pub fn look(&self, request: &Request) -> Result<(), Problem> {
        if let Err(problem) = self.is_meant(request) {
            return self.count(&self.refused, request.headers(), request.extensions()).and(Err(problem));
        }
        // Who publishes has a rate of its own; whoever may not is counted when that is known, which it never is of a head that is
        // too large.
        let publishes = request.method() == Method::POST && request.uri().path() == publish::PATH;
        if publishes && http::fits(request).is_ok() {
            return Ok(());
        }
        self.count(&self.rate, request.headers(), request.extensions())
    }

    /// Whether it is this server that was asked, and no page asks that may not.
    fn is_meant(&self, request: &Request) -> Result<(), Problem> {
        let host = header_of(request, header::HOST).unwrap_or_default();
        if !self.rules.names.is_empty() && !self.rules.names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            let detail = format!("this server is not called {host:?}; it is {}", self.rules.names.join(", "));
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong-host",
                "Another server was asked for",
                detail,
            ));
        }
        let foreign = |who: &str| {
            let detail = format!("{who} may not ask here; `--origin` lets them");
            Err(Problem::new(StatusCode::FORBIDDEN, "wrong-origin", "A foreign page", detail))
        };
        match request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("an origin that is no text"))
        {
            Some(origin) if !self.knows(origin, host) => foreign(&format!("pages of {origin:?}")),
            // A picture, a script or a frame of a page says no origin.
            None if is_of_another_site(request) && !is_a_visit(request) => {
                foreign("pages of another site that do not say which")
            }
            _ => Ok(()),
        }
    }

    /// Counts a request that was not counted when it came.
    ///
    /// # Errors
    /// The problem to answer with where its address asks too often.
    pub fn charge(&self, request: &Parts) -> Result<(), Problem> {
        self.count(&self.rate, &request.headers, &request.extensions)
    }

    fn count(&self, rate: &ByAddress, headers: &HeaderMap, extensions: &Extensions) -> Result<(), Problem> {
        if let Some(address) = self.address(headers, peer_of(extensions))
            && let Err(not_until) = rate.check_key(&neighbourhood(address))
        {
            let wait = not_until.wait_time_from(self.clock.now()).as_secs() + 1;
            let detail = format!("{address} asks more than {} times a second; wait {wait} s", self.rules.a_second);
            return Err(Problem::too_fast(detail, wait));
        }
        Ok(())
    }

    /// Lets somebody listen who comes through a proxy; whoever comes by itself was counted when it connected.
    ///
    /// # Errors
    /// The problem to answer with where its address listens too often already.
    pub fn listen(&self, request: &Parts, most: usize) -> Result<Option<Pass>, Problem> {
        if self.rules.proxy_header.is_none() {
            return Ok(None);
        }
        let Some(address) = self.address(&request.headers, peer_of(&request.extensions)) else { return Ok(None) };
        self.listening.enter(address, most).map(Some).ok_or_else(|| Problem::too_many(address, most))
    }

    /// Lets somebody read all of history, which may last, so many times at once.
    ///
    /// # Errors
    /// The problem to answer with where its address does so already.
    pub fn read(&self, request: &Parts, most: usize) -> Result<Option<Pass>, Problem> {
        let Some(address) = self.address(&request.headers, peer_of(&request.extensions)) else { return Ok(None) };
        let detail =
            || format!("{address} reads all of history {most} times already; go on when one of them has ended");
        self.reading.enter(address, most).map(Some).ok_or_else(|| Problem::too_fast(detail(), READING))
    }

    /// The origin of a foreign page that asks and may, for the header that lets its browser read the answer.
    #[must_use]
    pub fn foreign(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let known = origin.to_str().is_ok_and(|origin| self.names(origin));
        known.then(|| origin.clone())
    }

    fn names(&self, origin: &str) -> bool {
        self.rules.origins.iter().any(|known| known.eq_ignore_ascii_case(origin))
    }

    /// Whether a page of this origin is the server's own, or one that was named.
    #[must_use]
    pub fn knows(&self, origin: &str, host: &str) -> bool {
        let own = origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
        own || self.names(origin)
    }

    /// The address of who asks: the other side, or what the proxy before us says of it. The last entry of a list is the proxy's
    /// own; what stands before could be anybody's. Where the proxy tells none, as with `unknown`, it is that of the proxy.
    #[must_use]
    pub fn address(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        self.rules.proxy_header.as_deref().and_then(|name| told_by(headers, name)).or(peer)
    }

    /// Forgets addresses that have not asked for a while.
    pub fn tidy(&self) {
        for rate in [&self.rate, &self.refused] {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
    }
}

/// The address that a proxy tells in this header, with a port or without.
fn told_by(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    let bare = || last.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|with_port| with_port.ip())).or_else(bare)
}

fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0.ip())
}

/// Whether a browser says that a page of elsewhere makes it ask; another port of this machine is elsewhere too.
fn is_of_another_site(request: &Request) -> bool {
    header_of(request, SITE).is_some_and(|site| ["cross-site", "same-site"].contains(&site))
}

/// Whether somebody followed a link: what comes of it fills the window and can be read by no other page.
fn is_a_visit(request: &Request) -> bool {
    let said = |name, wanted: &str| header_of(request, name) == Some(wanted);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    reads && said(MODE, "navigate") && said(DEST, "document") && !HELD.contains(&request.uri().path())
}

fn header_of(request: &Request, name: HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn rules() -> Rules {
        let (a_second, at_once) = (NonZeroU32::MIN, NonZeroU32::new(3).unwrap());
        Rules {
            a_second,
            at_once,
            names: vec!["127.0.0.1:4180".to_owned(), "localhost:4180".to_owned()],
            origins: vec!["https://pages.example".to_owned()],
            proxy_header: None,
        }
    }

    fn asked(address: &str, headers: &[(&str, &str)]) -> Request {
        asked_for("/api/state", address, headers)
    }

    fn asked_for(path: &str, address: &str, headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().uri(path);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut request = builder.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(format!("{address}:9").parse().unwrap()));
        request
    }

    #[test]
    fn names_and_origins() {
        let doorman = Doorman::new(Rules { at_once: NonZeroU32::new(100).unwrap(), ..rules() });
        let own = ("host", "localhost:4180");
        type Case<'c> = (&'c [(&'c str, &'c str)], Option<&'c str>);
        let cases: [Case<'_>; 7] = [
            (&[own], None),
            (&[("host", "LOCALHOST:4180")], None),
            (&[], Some("wrong-host")),
            (&[("host", "evil.example:4180")], Some("wrong-host")),
            (&[own, ("origin", "http://localhost:4180")], None),
            (&[own, ("origin", "http://evil.example")], Some("wrong-origin")),
            (&[own, ("origin", "https://pages.example")], None),
        ];
        for (headers, code) in cases {
            let looked = doorman.look(&asked("127.0.0.1", headers));
            assert_eq!(looked.err().map(|problem| problem.code), code, "{headers:?}");
        }
    }

    #[test]
    fn a_page_of_elsewhere_that_says_no_origin_may_be_left_for_here_and_no_more() {
        let doorman = Doorman::new(Rules { at_once: NonZeroU32::new(100).unwrap(), ..rules() });
        let look = |path: &str, site: &str, mode: &str, dest: &str| {
            let said = [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            let headers = [&[("host", "localhost:4180")], &said[..]].concat();
            doorman.look(&asked_for(path, "127.0.0.1", &headers)).map_err(|problem| problem.code)
        };
        for site in ["cross-site", "same-site"] {
            assert_eq!(look("/", site, "navigate", "document"), Ok(()));
            assert_eq!(look("/", site, "navigate", "iframe"), Err("wrong-origin"));
            for path in ["/events", "/api/state", "/"] {
                assert_eq!(look(path, site, "no-cors", "image"), Err("wrong-origin"), "{path}");
            }
            assert_eq!(look("/events", site, "navigate", "document"), Err("wrong-origin"), "a seat is no page");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(look("/events", site, "cors", "empty"), Ok(()), "{site}");
        }
        let named = [("host", "localhost:4180"), ("origin", "https://pages.example"), ("sec-fetch-site", "cross-site")];
        assert!(doorman.look(&asked("127.0.0.1", &named)).is_ok());
    }

    #[test]
    fn what_a_foreign_page_asks_is_not_counted_for_the_own_page() {
        let doorman = Doorman::new(rules());
        let ask = |headers: &[(&str, &str)]| doorman.look(&asked("127.0.0.1", headers)).map_err(|p| p.code);
        let own = ("host", "localhost:4180");
        let foreign = [own, ("origin", "http://evil.example")];
        let hidden = [own, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
        let renamed = [("host", "evil.example")];
        let refused = [ask(&foreign), ask(&hidden), ask(&renamed), ask(&foreign)];
        assert_eq!(refused, [Err("wrong-origin"), Err("wrong-origin"), Err("wrong-host"), Err("too-fast")]);
        assert_eq!([ask(&[own]), ask(&[own]), ask(&[own])], [Ok(()); 3]);
        assert_eq!(ask(&[own]), Err("too-fast"));
    }

    #[test]
    fn each_address_has_its_own_rate() {
        let doorman = Doorman::new(rules());
        let ask = |address: &str| doorman.look(&asked(address, &[("host", "localhost:4180")])).map_err(|p| p.code);
        assert_eq!([ask("10.0.0.1"), ask("10.0.0.1"), ask("10.0.0.1")], [Ok(()); 3]);
        assert_eq!((ask("10.0.0.1"), ask("10.0.0.2")), (Err("too-fast"), Ok(())));
    }

    #[test]
    fn who_publishes_is_not_counted_here_unless_the_head_is_too_large() {
        let doorman = Doorman::new(rules());
        let publish = |name: &str| {
            let mut request =
                asked_for(publish::PATH, "127.0.0.1", &[("host", "localhost:4180"), (name, &"x".repeat(65_536))]);
            *request.method_mut() = Method::POST;
            if name == "x-small" {
                request.headers_mut().remove(name);
            }
            doorman.look(&request).map_err(|problem| problem.code)
        };
        assert!((0..10).all(|_| publish("x-small").is_ok()));
        assert_eq!(
            [publish("x-large"), publish("x-large"), publish("x-large")],
            [Ok(()); 3],
            "it is refused for its size"
        );
        assert_eq!((publish("x-large"), publish("x-small")), (Err("too-fast"), Ok(())));
    }

    #[test]
    fn each_address_reads_all_of_history_so_many_times_at_once() {
        let doorman = Doorman::new(Rules { proxy_header: Some("x-forwarded-for".to_owned()), ..rules() });
        let read = |address: &str| {
            let (parts, _) = asked("10.0.0.1", &[("x-forwarded-for", address)]).into_parts();
            doorman.read(&parts, 2).map_err(|problem| problem.code)
        };
        let (one, _two) = (read("10.9.9.9").unwrap(), read("10.9.9.9").unwrap());
        assert_eq!((read("10.9.9.9").err(), read("10.9.9.8").err()), (Some("too-fast"), None));
        drop(one);
        assert!(read("10.9.9.9").is_ok_and(|pass| pass.is_some()));
    }

    #[test]
    fn behind_a_proxy_the_last_address_counts() {
        let doorman = Doorman::new(Rules { proxy_header: Some("x-forwarded-for".to_owned()), ..rules() });
        let request = asked("10.0.0.1", &[("x-forwarded-for", "1.2.3.4, 10.9.9.9")]);
        let peer = "10.0.0.1".parse().ok();
        assert_eq!(doorman.address(request.headers(), peer), "10.9.9.9".parse().ok());
        let told = |said: &str| doorman.address(asked("10.0.0.1", &[("x-forwarded-for", said)]).headers(), peer);
        for (said, address) in [
            ("1.2.3.4:99", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4:99", "1.2.3.4"),
            ("[2001:db8::1]:99", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(told(said), address.parse().ok(), "{said}");
        }
        for said in ["unknown", "_hidden", "nobody", "", "1.2.3.4:", "1.2.3.4:x", "[1.2.3.4"] {
            assert_eq!(told(said), peer, "{said}");
        }
        let open = Doorman::new(rules());
        assert_eq!(open.address(request.headers(), peer), peer);
    }
}
