//! The public keys of who issues tokens of workflows.
//! Lives here: finding them by the issuer's address, keeping them, asking again when another key signs. Never here: what is
//! signed (see [`super::oidc`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::Stopwatch;
use crate::http::{Http, trusted};
use crate::serve::api::desk::lock;

/// How long an answer of the issuer may take, and how large it may be.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES: usize = 256 * 1024;
/// Keys that are kept.
const MOST: usize = 64;
/// How long keys are taken for good without asking: a key that was withdrawn counts no longer than this where the issuer answers.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long is waited between two askings, whatever comes.
pub const PAUSE: Duration = Duration::from_secs(60);

/// A public key of RSA, as ring takes it.
#[derive(Debug)]
pub struct Key(RsaPublicKeyComponents<Vec<u8>>);

impl Key {
    /// Whether this is the signature (RS256) of the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum NoKey {
    /// The issuer has none of this name.
    #[error("{0:?} is none of the issuer's keys")]
    Unknown(String),
    /// The issuer cannot be asked, or not again so soon, or what it says is of no use.
    #[error("the issuer's keys cannot be had: {0}")]
    Unreachable(String),
}

/// Keys by their ids, and how long ago they came.
type Known = (HashMap<String, Arc<Key>>, Option<Stopwatch>);

/// An issuer's keys.
pub struct Keys {
    http: Http,
    issuer: String,
    pause: Duration,
    known: Mutex<Known>,
    /// When somebody asked last; held while one asks.
    asked: tokio::sync::Mutex<Option<Stopwatch>>,
}

/// What an issuer says of itself.
#[derive(Deserialize)]
struct About {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

/// One key of a set (RFC 7517, RFC 7518 section 6.3.1).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// The keys of an issuer; nothing is asked yet. `pause` is waited between two askings.
    ///
    /// # Errors
    /// With what is wrong, where an address is not to be trusted, or this machine has no certificates to check others by.
    pub fn new(issuer: &str, pause: Duration) -> Result<Self, String> {
        trusted(issuer)?;
        let issuer = issuer.trim_end_matches('/').to_owned();
        Ok(Self { http: Http::new()?, issuer, pause, known: Mutex::default(), asked: tokio::sync::Mutex::default() })
    }

    /// Who issues.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key of this name. The issuer is asked where it is not known or what is known is old, and not more often than that.
    ///
    /// # Errors
    /// `NoKey`.
    pub async fn key(&self, name: &str) -> Result<Arc<Key>, NoKey> {
        if let (Some(key), true) = self.known(name) {
            return Ok(key);
        }
        let asked = self.asked.lock().await;
        // Somebody else may have asked meanwhile.
        let (known, fresh) = self.known(name);
        if let (Some(key), true) = (&known, fresh) {
            return Ok(key.clone());
        }
        let refreshed = self.ask(asked).await;
        match (self.known(name).0, refreshed) {
            (Some(key), _) => Ok(key),
            (None, Ok(())) => Err(NoKey::Unknown(name.chars().take(80).collect())),
            (None, Err(why)) => Err(NoKey::Unreachable(why)),
        }
    }

    fn known(&self, name: &str) -> (Option<Arc<Key>>, bool) {
        let known = lock(&self.known);
        let fresh = known.1.as_ref().is_some_and(|since| Duration::from_millis(since.millis()) < FRESH);
        (known.0.get(name).cloned(), fresh)
    }

    async fn ask(&self, mut asked: tokio::sync::MutexGuard<'_, Option<Stopwatch>>) -> Result<(), String> {
        if asked.is_some_and(|since| Duration::from_millis(since.millis()) < self.pause) {
            // Another key may sign since then: who is told to come back is not told that the token is bad.
            return Err("it was asked a moment ago".to_owned());
        }
        *asked = Some(Stopwatch::start());
        let about: About = self.get(&format!("{}/.well-known/openid-configuration", self.issuer)).await?;
        if about.issuer.trim_end_matches('/') != self.issuer {
            return Err(format!("{} says that it is {:?}", self.issuer, about.issuer));
        }
        trusted(&about.jwks_uri)?;
        let set: Set = self.get(&about.jwks_uri).await?;
        let keys = set.keys.into_iter().take(MOST).filter_map(usable).collect();
        *lock(&self.known) = (keys, Some(Stopwatch::start()));
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let request = Request::get(url).body(Full::<Bytes>::default()).map_err(|error| error.to_string())?;
        let broken = |error: crate::http::Broken| format!("{url}: {error}");
        let mut answer = self.http.send(request, PATIENCE).await.map_err(broken)?;
        if !answer.status().is_success() {
            return Err(format!("{url} answers {}", answer.status()));
        }
        let body = answer.body_mut().whole(ANSWER_BYTES).await.map_err(broken)?;
        serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))
    }
}

/// The key and its name, where it is one that signs with RS256.
fn usable(jwk: Jwk) -> Option<(String, Arc<Key>)> {
    let fits = jwk.kty == "RSA"
        && jwk.purpose.is_none_or(|purpose| purpose == "sig")
        && jwk.alg.is_none_or(|algorithm| algorithm == "RS256");
    let number = |text: String| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let first = bytes.iter().position(|byte| *byte != 0)?;
        Some(bytes[first..].to_vec())
    };
    let components = RsaPublicKeyComponents { n: number(jwk.n?)?, e: number(jwk.e?)? };
    fits.then_some((jwk.kid?, Arc::new(Key(components))))
}
