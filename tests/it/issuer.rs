//! The fixture of tokens of workflows: who issues them on loopback, with keys of its own that nobody else has.
//! Lives here: making keys, signing, answering with the public ones. Never here: a test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// One key, and its name.
pub struct Signer {
    pub name: String,
    pair: RsaKeyPair,
}

impl Signer {
    /// Makes a key: the program `openssl` does, since nothing here has to make any.
    pub fn new(name: &str) -> Self {
        let mut make = Command::new("openssl");
        make.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"]);
        let made = make.output().expect("the program `openssl` makes the keys of this test");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Which of the two ways to write a key is meant by DER depends on its version.
        let pair = RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout));
        Self { name: name.to_owned(), pair: pair.unwrap() }
    }

    fn public(&self) -> Value {
        let key = RsaPublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(key.n), URL_SAFE_NO_PAD.encode(key.e));
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name, "n": n, "e": e})
    }

    /// A token of these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "RS256", "typ": "JWT", "kid": self.name}), claims)
    }

    /// A token with this header, whatever it says.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The bytes that anybody knows of the key.
    pub fn known(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }
}

/// Who issues.
pub struct Issuer {
    pub url: String,
    /// The public keys that it tells.
    pub keys: Arc<Mutex<Vec<Value>>>,
    /// How often it was asked for them.
    pub asked: Arc<AtomicUsize>,
    /// The token that a workflow gets here, and with which audience it asked.
    pub given: Arc<Mutex<(String, String)>>,
}

impl Issuer {
    /// One that answers as long as the test runs.
    pub fn open(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(keys.iter().map(|key| key.public()).collect::<Vec<_>>()));
        let (asked, given) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<(String, String)>>::default());
        let issuer = Self { url: url.clone(), keys: keys.clone(), asked: asked.clone(), given: given.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                let _ = lines.find(String::is_empty);
                let path = first.split(' ').nth(1).unwrap_or_default();
                let answer = match path.split('?').next().unwrap_or_default() {
                    "/.well-known/openid-configuration" => json!({"issuer": url, "jwks_uri": format!("{url}/keys")}),
                    "/keys" => {
                        asked.fetch_add(1, Ordering::SeqCst);
                        json!({"keys": *keys.lock().unwrap()})
                    }
                    _ => {
                        let mut given = given.lock().unwrap();
                        path.clone_into(&mut given.1);
                        json!({"value": given.0})
                    }
                };
                let body = answer.to_string();
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        issuer
    }

    /// From now on it tells these.
    pub fn rotate(&self, keys: &[&Signer]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.public()).collect();
    }
}
