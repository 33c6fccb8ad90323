//! A plain HTTP client: one connection for each request, and nothing hidden.
//!
//! Lives here: requests and what is heard back, also where that is nothing. Never here: anything about GitHub.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// Asks one server, with one token or none.
#[derive(Clone, Debug)]
pub struct Client {
    /// `http://<host>:<port>`, with a path or without.
    pub base: String,
    pub token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Heard {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub text: String,
}

impl Heard {
    /// The body as JSON; `null` where it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Client {
    pub fn new(base: &str, token: Option<&str>) -> Client {
        Client { base: base.to_owned(), token: token.map(str::to_owned) }
    }

    pub fn get(&self, path: &str) -> Heard {
        self.send("GET", path, &[], None)
    }

    /// Sends JSON.
    pub fn send_json(&self, method: &str, path: &str, body: Value) -> Heard {
        self.send(method, path, &[], Some(&body.to_string()))
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Heard {
        self.try_send(method, path, headers, body).unwrap_or_else(|| panic!("{method} {path} was not answered"))
    }

    /// The same; nothing where the connection was closed without an answer.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Option<Heard> {
        let rest = self.base.strip_prefix("http://").expect("an address of plain HTTP");
        let (host, below) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        // HTTP/1.0, so that the answer is not in chunks and ends with the connection.
        let mut request =
            format!("{method} {below}{path} HTTP/1.0\r\nhost: {host}\r\naccept: application/vnd.github+json\r\n");
        if let Some(token) = &self.token {
            request += &format!("authorization: Bearer {token}\r\n");
        }
        if !headers.iter().any(|(name, _)| *name == "user-agent") {
            request += "user-agent: a-test\r\n";
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            request += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        request += "\r\n";
        request += body.unwrap_or_default();
        let mut stream = TcpStream::connect(host).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        heard(&answer)
    }
}

fn heard(answer: &[u8]) -> Option<Heard> {
    let blank = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..blank]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Some(Heard { status, headers, text: String::from_utf8_lossy(&answer[blank + 4..]).into_owned() })
}
