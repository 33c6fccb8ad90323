//! Who may ask, how often, and under which name.
//! Lives here: requests per address, the names of the server (against DNS rebinding), foreign pages. Never here: who may publish.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::doors::{Doors, Pass, neighbourhood};
use super::http::Peer;
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

/// Looks at every request before anything else does.
pub struct Doorman {
    rules: Rules,
    rate: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
    /// Those that listen through a proxy.
    listening: Arc<Doors>,
}

impl Doorman {
    /// A doorman with these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Arc<Self> {
        let rate = RateLimiter::keyed(Quota::per_second(rules.a_second).allow_burst(rules.at_once));
        Arc::new(Self { rules, rate, clock: DefaultClock::default(), listening: Arc::default() })
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
        // Who publishes has a rate of its own; whoever may not is counted when that is known.
        if request.method() != Method::POST || request.uri().path() != publish::PATH {
            self.count(request.headers(), request.extensions())?;
        }
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
        match header_of(request, header::ORIGIN) {
            Some(origin) if !self.knows(origin, host) => {
                let detail = format!("pages of {origin:?} may not ask here; `--origin` lets them");
                Err(Problem::new(StatusCode::FORBIDDEN, "wrong-origin", "A foreign page", detail))
            }
            _ => Ok(()),
        }
    }

    /// Counts a request that was not counted when it came.
    ///
    /// # Errors
    /// The problem to answer with where its address asks too often.
    pub fn charge(&self, request: &Parts) -> Result<(), Problem> {
        self.count(&request.headers, &request.extensions)
    }

    fn count(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<(), Problem> {
        let peer = extensions.get::<Peer>().map(|peer| peer.0.ip());
        if let Some(address) = self.address(headers, peer)
            && let Err(not_until) = self.rate.check_key(&neighbourhood(address))
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
        let told = self.rules.proxy_header.as_deref().and_then(|name| told_by(&request.headers, name));
        let Some(address) = told else { return Ok(None) };
        self.listening.enter(address, most).map(Some).ok_or_else(|| Problem::too_many(address, most))
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
    /// own; what stands before could be anybody's.
    #[must_use]
    pub fn address(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        self.rules.proxy_header.as_deref().and_then(|name| told_by(headers, name)).or(peer)
    }

    /// Forgets addresses that have not asked for a while.
    pub fn tidy(&self) {
        self.rate.retain_recent();
        self.rate.shrink_to_fit();
    }
}

/// The address that a proxy tells in this header.
fn told_by(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next()?;
    last.trim().parse().ok()
}

fn header_of(request: &Request, name: header::HeaderName) -> Option<&str> {
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
        let mut builder = Request::builder().uri("/api/state");
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
    fn each_address_has_its_own_rate() {
        let doorman = Doorman::new(rules());
        let ask = |address: &str| doorman.look(&asked(address, &[("host", "localhost:4180")])).map_err(|p| p.code);
        assert_eq!([ask("10.0.0.1"), ask("10.0.0.1"), ask("10.0.0.1")], [Ok(()); 3]);
        assert_eq!((ask("10.0.0.1"), ask("10.0.0.2")), (Err("too-fast"), Ok(())));
    }

    #[test]
    fn behind_a_proxy_the_last_address_counts() {
        let doorman = Doorman::new(Rules { proxy_header: Some("x-forwarded-for".to_owned()), ..rules() });
        let request = asked("10.0.0.1", &[("x-forwarded-for", "1.2.3.4, 10.9.9.9")]);
        let peer = "10.0.0.1".parse().ok();
        assert_eq!(doorman.address(request.headers(), peer), "10.9.9.9".parse().ok());
        assert_eq!(doorman.address(asked("10.0.0.1", &[("x-forwarded-for", "nobody")]).headers(), peer), peer);
        let open = Doorman::new(rules());
        assert_eq!(open.address(request.headers(), peer), peer);
    }
}
