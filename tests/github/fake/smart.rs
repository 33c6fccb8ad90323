//! Git over HTTP: `git http-backend` as a CGI program, with what GitHub puts in front of it.
//!
//! Lives here: who may fetch and push, the environment of the hooks, and the reasons that a hook cannot put into the
//! report itself. Never here: what GitHub refuses (see `hooks/update`).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;

use super::git::Bare;
use super::reply::Reply;
use super::world::{Token, World};

/// A request of a git client.
pub struct GitCall {
    pub method: String,
    /// `info/refs`, `git-upload-pack` or `git-receive-pack`.
    pub service: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// The service that a path names, if it is one of this repository's: the name may end in `.git`.
pub fn service(world: &World, path: &str) -> Option<String> {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (owner, name, service) = (parts.next()?, parts.next()?, parts.next()?);
    let name = name.strip_suffix(".git").unwrap_or(name);
    let same = owner.eq_ignore_ascii_case(&world.owner) && name.eq_ignore_ascii_case(&world.name);
    let known = ["info/refs", "git-upload-pack", "git-receive-pack"].contains(&service);
    (same && known).then(|| service.to_owned())
}

impl GitCall {
    /// Whether this belongs to a push.
    pub fn pushes(&self) -> bool {
        self.service == "git-receive-pack" || self.query.contains("service=git-receive-pack")
    }

    /// Whether this is the request that moves refs.
    pub fn moves_refs(&self) -> bool {
        self.service == "git-receive-pack"
    }

    /// What GitHub answers where this is not allowed.
    pub fn refused(&self, world: &World, token: Option<&Token>) -> Option<Reply> {
        let login = || {
            let reply = Reply::text(401, "text/plain", "Invalid username or token.");
            Some(reply.with("www-authenticate", "Basic realm=\"GitHub\""))
        };
        match token {
            None if self.pushes() || world.settings.private => login(),
            Some(token) if self.pushes() && !token.grants.contents => {
                let place = format!("{}/{}.git", world.owner, world.name);
                let said = format!("Permission to {place} denied to {}.", token.login);
                Some(Reply::text(403, "text/plain", &said))
            }
            _ => None,
        }
    }

    /// What the hooks are told.
    pub fn environment(&self, world: &World, token: Option<&Token>, dies: bool) -> Vec<(&'static str, String)> {
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let protected: Vec<&str> = world.settings.protected.iter().map(String::as_str).collect();
        vec![
            ("FAKE_PROTECTED", protected.join(" ")),
            ("FAKE_DEFAULT", world.default_branch.clone()),
            ("FAKE_WORKFLOWS", yes(token.is_some_and(|token| token.grants.workflows))),
            ("FAKE_DIE", yes(dies)),
            ("REMOTE_USER", token.map(|token| token.login.clone()).unwrap_or_default()),
        ]
    }

    /// Runs the backend.
    pub fn run(&self, bare: &Bare, environment: Vec<(&'static str, String)>) -> Reply {
        let refused = tempfile::NamedTempFile::new_in(&bare.root).unwrap();
        let place = bare.dir.strip_prefix(&bare.root).unwrap().to_string_lossy().into_owned();
        let mut command = bare.command();
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &bare.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", format!("/{place}/{}", self.service))
            .env("REQUEST_METHOD", &self.method)
            .env("QUERY_STRING", &self.query)
            .env("CONTENT_LENGTH", self.body.len().to_string())
            .env("FAKE_REFUSED", refused.path())
            .envs(environment);
        let headers = [
            ("content-type", "CONTENT_TYPE"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
        ];
        for (header, variable) in headers {
            if let Some(value) = self.headers.get(header) {
                command.env(variable, value);
            }
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let body = self.body.clone();
        // The backend answers while it reads. One that stops reading has said why.
        let writer = thread::spawn(move || stdin.write_all(&body).is_ok());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let mut reply = parse(&output.stdout);
        let reasons = reasons(&fs::read_to_string(refused.path()).unwrap());
        if self.moves_refs() && !reasons.is_empty() {
            reply.body = with_reasons(&reply.body, &reasons);
        }
        reply
    }
}

/// What a CGI program wrote.
fn parse(written: &[u8]) -> Reply {
    let blank = written.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(blank) = blank else {
        return Reply::text(500, "text/plain", "git http-backend said nothing");
    };
    let mut reply = Reply::empty(200);
    for line in String::from_utf8_lossy(&written[..blank]).lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name == "Status" {
            reply.status = value[..3].parse().unwrap();
        } else {
            reply.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    reply.body = written[blank + 4..].to_vec();
    reply
}

fn reasons(written: &str) -> BTreeMap<String, String> {
    let lines = written.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

/// The packets of a body; `None` is a flush.
fn packets(mut body: &[u8]) -> Vec<Option<&[u8]>> {
    let mut found = Vec::new();
    while body.len() >= 4 {
        let length = std::str::from_utf8(&body[..4]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let length = length.expect("a packet begins with its length");
        let end = length.max(4);
        found.push((length >= 4).then(|| &body[4..end]));
        body = &body[end..];
    }
    found
}

fn packet(into: &mut Vec<u8>, content: &[u8]) {
    into.extend(format!("{:04x}", content.len() + 4).bytes());
    into.extend(content);
}

/// The report of a push, with the reason for each refused ref in the place of git's `hook declined`.
fn with_reasons(body: &[u8], reasons: &BTreeMap<String, String>) -> Vec<u8> {
    let outer = packets(body);
    let in_bands = matches!(outer.first(), Some(Some([1..=3, ..])));
    if !in_bands {
        return report(&outer, reasons);
    }
    let (mut written, mut inner) = (Vec::new(), Vec::new());
    for content in outer.iter().flatten() {
        match content {
            [1, rest @ ..] => inner.extend(rest),
            other => packet(&mut written, other),
        }
    }
    for part in report(&packets(&inner), reasons).chunks(60_000) {
        packet(&mut written, &[&[1], part].concat());
    }
    written.extend(b"0000");
    written
}

fn report(lines: &[Option<&[u8]>], reasons: &BTreeMap<String, String>) -> Vec<u8> {
    let mut written = Vec::new();
    for line in lines {
        let Some(line) = line else {
            written.extend(b"0000");
            continue;
        };
        let text = String::from_utf8_lossy(line);
        let refused = text.strip_prefix("ng ").and_then(|rest| rest.split_once(' '));
        match refused.and_then(|(name, _)| Some((name, reasons.get(name)?))) {
            Some((name, reason)) => packet(&mut written, format!("ng {name} {reason}\n").as_bytes()),
            None => packet(&mut written, line),
        }
    }
    written
}
