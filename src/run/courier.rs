//! Tells a server of the town what a run is at, while it is at it.
//! Lives here: which moments are told, a bounded queue, the thread that sends it. Never here: prompts, replies, arguments and
//! output of tools: of those nothing leaves, only that they happen.
//!
//! A run never waits for this, and never fails by it: what has no room is dropped, what is not answered is given up.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::mpsc as done;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

use super::Progress;
use crate::http::{Broken, Http, trusted};
use crate::town::envelope::Stamp;
use crate::town::ids::{AgentId, RunId};
use crate::town::step::{Phase, Step};
use crate::town::text::one_line;

/// Steps that wait to be sent, and that go in one request.
const WAITING: usize = 256;
const AT_ONCE: usize = 64;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Requests in a row that may fail before nothing more is sent.
const FAILURES: u32 = 3;
/// How long the end of a run waits for the last steps to be sent.
const GRACE: Duration = Duration::from_secs(1);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 * 1024;

/// A server of the town.
#[derive(Clone, Debug)]
pub struct Server {
    publish: String,
    origin: String,
}

impl Server {
    /// The server at an address.
    ///
    /// # Errors
    /// With what is wrong with the address.
    pub fn at(address: &str) -> Result<Self, String> {
        // The address is not quoted: what is wrong with it may be a password.
        let url = trusted(address)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it has more than a host and a path".to_owned());
        }
        let publish = format!("{}/api/publish", url.as_str().trim_end_matches('/'));
        Ok(Self { publish, origin: url.origin().ascii_serialization() })
    }

    /// Its origin, which is also the audience of a workflow's token.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// By which right an agent speaks.
pub enum Right {
    /// Its token.
    Token(String),
    /// That of its workflow: where a token is had, and with what.
    Workflow {
        /// Where.
        url: String,
        /// With what.
        token: String,
    },
}

/// Somebody who tells.
pub struct Courier {
    agent: AgentId,
    origin: String,
    run: RefCell<Option<RunId>>,
    queue: RefCell<Option<mpsc::Sender<String>>>,
    dropped: Cell<usize>,
    done: done::Receiver<Sent>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Sent {
    lost: usize,
    why: Option<String>,
}

impl Courier {
    /// Begins to tell, on a thread of its own.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn send(server: Server, right: Right, agent: AgentId) -> std::io::Result<Self> {
        let (queue, steps) = mpsc::channel(WAITING);
        let (tell, done) = done::channel();
        let origin = server.origin.clone();
        let work = move || {
            let _ = tell.send(work(server, right, steps));
        };
        std::thread::Builder::new().name("courier".to_owned()).spawn(work)?;
        Ok(Self {
            agent,
            origin,
            run: RefCell::default(),
            queue: RefCell::new(Some(queue)),
            dropped: Cell::new(0),
            done,
        })
    }

    /// Tells a moment, where it is one that is told. Never waits.
    pub fn tell(&self, progress: &Progress, stamp: impl Fn() -> Stamp) {
        if let Progress::Claimed { run, .. } = progress {
            *self.run.borrow_mut() = Some(run.clone());
        }
        let Some((phase, tool, text)) = told(progress) else { return };
        let step = Step { agent: self.agent.clone(), run: self.run.borrow().clone(), phase, tool, text };
        let sent = step
            .seal(&stamp())
            .and_then(|event| event.line())
            .is_ok_and(|line| self.queue.borrow().as_ref().is_some_and(|queue| queue.try_send(line).is_ok()));
        if !sent {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    /// Ends it: waits a moment for what is on its way. Says what was not told, and why.
    #[must_use]
    pub fn end(&self) -> Option<String> {
        drop(self.queue.borrow_mut().take());
        let late = |_| Sent { lost: 0, why: Some("it did not answer in time".to_owned()) };
        let sent = self.done.recv_timeout(GRACE).unwrap_or_else(late);
        let lost = sent.lost + self.dropped.get();
        let why = sent.why.or_else(|| (lost > 0).then(|| "there were too many at once".to_owned()))?;
        Some(format!("not all that the run was at was told to {}: {why}; the run itself is not affected", self.origin))
    }
}

/// What is told of a moment: that it is, and no word of what was said in it.
fn told(progress: &Progress) -> Option<(Phase, Option<String>, Option<String>)> {
    Some(match progress {
        Progress::Claimed { .. } => (Phase::Perceive, None, None),
        Progress::Asking { turn } => (Phase::Decide, None, Some(format!("turn {turn}"))),
        Progress::Using { tool } => (Phase::Act, Some(tool.clone()), None),
        Progress::Gated { findings, files } => {
            let errors = findings.iter().filter(|finding| finding.is_error()).count();
            let verdict = if errors == 0 { "the gate lets it through" } else { "the gate refuses it" };
            (Phase::Reflect, None, Some(format!("{verdict}: {files} files, {errors} errors")))
        }
        _ => return None,
    })
}

/// Sends what comes until there is no more of it, or it is of no use.
fn work(server: Server, right: Right, mut steps: mpsc::Receiver<String>) -> Sent {
    let failed = |why: String| Sent { lost: 1, why: Some(why) };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error.to_string()),
    };
    let http = match Http::new() {
        Ok(http) => http,
        Err(why) => return failed(why),
    };
    let mut line = Line { server, right, http, token: None };
    runtime.block_on(async {
        let (mut sent, mut failures, mut batch) = (Sent::default(), 0, Vec::new());
        let (mut pause, mut at_once): (Option<Pin<Box<Sleep>>>, _) = (None, AT_ONCE);
        while !batch.is_empty() || steps.recv_many(&mut batch, AT_ONCE).await > 0 {
            if pause.as_mut().is_some_and(|pause| pause.as_mut().now_or_never().is_none()) {
                sent.lost += batch.len();
                batch.clear();
                continue;
            }
            pause = None;
            let count = batch.len().min(at_once);
            match line.send(&batch[..count]).await {
                Ok(()) => failures = 0,
                // Where an agent may publish little, less of it is taken at once.
                Err(unsent) if unsent.too_big && count > 1 => {
                    at_once = count / 2;
                    continue;
                }
                Err(unsent) => {
                    sent.lost += count;
                    sent.why = Some(unsent.why);
                    // Who says when to come back is there.
                    pause = unsent.wait.and_then(paused);
                    failures = if unsent.wait.is_some() { 0 } else { failures + 1 };
                    if unsent.for_good || failures >= FAILURES {
                        sent.lost += batch.len() - count;
                        break;
                    }
                }
            }
            batch.drain(..count);
        }
        sent
    })
}

/// Why something was not sent.
struct Unsent {
    why: String,
    /// Whether another try cannot help.
    for_good: bool,
    /// Whether it was too much at once.
    too_big: bool,
    /// How long the server wants not to be asked.
    wait: Option<Duration>,
}

impl From<Broken> for Unsent {
    fn from(error: Broken) -> Self {
        Self { why: error.to_string(), for_good: false, too_big: false, wait: None }
    }
}

fn in_vain(why: impl Into<String>) -> Unsent {
    Unsent { why: why.into(), for_good: true, too_big: false, wait: None }
}

/// The line to a server.
struct Line {
    server: Server,
    right: Right,
    http: Http,
    /// The workflow's token, where one was had.
    token: Option<String>,
}

/// What is read of a problem document.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Line {
    async fn send(&mut self, steps: &[String]) -> Result<(), Unsent> {
        let had = self.token.is_some();
        match self.try_send(steps).await {
            // The token of a workflow lives for minutes, and a run for hours.
            Err((StatusCode::UNAUTHORIZED, _)) if had => {
                self.token = None;
                self.try_send(steps).await
            }
            other => other,
        }
        .map_err(|(_, unsent)| unsent)
    }

    async fn try_send(&mut self, steps: &[String]) -> Result<(), (StatusCode, Unsent)> {
        let none = |unsent: Unsent| (StatusCode::OK, unsent);
        let token = self.token().await.map_err(none)?;
        let request = Request::post(&self.server.publish)
            .header(CONTENT_TYPE, "application/cloudevents-batch+json")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(Bytes::from(format!("[{}]", steps.join(",")))))
            .map_err(|error| none(in_vain(error.to_string())))?;
        let mut answer = self.http.send(request, PATIENCE).await.map_err(|error| none(error.into()))?;
        let status = answer.status();
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|told| told.to_str().ok()?.parse().ok());
        let body = answer.body_mut().whole(ANSWER_BYTES).await.unwrap_or_default();
        if status.is_success() {
            return Ok(());
        }
        let detail = serde_json::from_slice::<Problem>(&body).map(|problem| one_line(&problem.detail, 300));
        let why = detail.map_or_else(|_| format!("it answers {status}"), |detail| format!("{status}, {detail}"));
        let later = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let wait = seconds.filter(|_| later).map(Duration::from_secs);
        let too_big = status == StatusCode::PAYLOAD_TOO_LARGE;
        Err((status, Unsent { why, for_good: !later && !too_big, too_big, wait }))
    }

    async fn token(&mut self) -> Result<String, Unsent> {
        let (url, right) = match (&self.right, &self.token) {
            (Right::Token(token), _) | (_, Some(token)) => return Ok(token.clone()),
            (Right::Workflow { url, token }, None) => (url, token),
        };
        let about = |why: String| in_vain(format!("the workflow gets no token: {why}"));
        let mut url = trusted(url).map_err(about)?;
        url.query_pairs_mut().append_pair("audience", &self.server.origin);
        let request = Request::get(url.as_str())
            .header(AUTHORIZATION, format!("Bearer {right}"))
            .body(Full::default())
            .map_err(|error| about(error.to_string()))?;
        let mut answer = self.http.send(request, PATIENCE).await?;
        let body = answer.body_mut().whole(ANSWER_BYTES).await?;
        if !answer.status().is_success() {
            return Err(about(answer.status().to_string()));
        }
        let given: Given = serde_json::from_slice(&body).map_err(|error| about(error.to_string()))?;
        self.token = Some(given.value.clone());
        Ok(given.value)
    }
}

/// A pause that has begun; none where it would be over at once.
fn paused(wait: Duration) -> Option<Pin<Box<Sleep>>> {
    let mut pause = (!wait.is_zero()).then(|| Box::pin(sleep(wait)))?;
    // It runs from the first time that it is asked.
    let _ = pause.as_mut().now_or_never();
    Some(pause)
}

/// A token that GitHub gave.
#[derive(Deserialize)]
struct Given {
    value: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers so many requests, and tells of each how many steps it has.
    fn server(
        requests: usize,
        mut answer: impl FnMut(usize) -> &'static str + Send + 'static,
    ) -> (Server, done::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (asked, heard) = done::channel();
        std::thread::spawn(move || {
            for _ in 0..requests {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while line != "\r\n" {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                    let told = line.to_ascii_lowercase();
                    length = told.strip_prefix("content-length: ").map_or(length, |told| told.trim().parse().unwrap());
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let steps = serde_json::from_slice::<Vec<serde_json::Value>>(&body).unwrap().len();
                let answer = answer(steps);
                asked.send(steps).unwrap();
                let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
            }
        });
        (server, heard)
    }

    /// Sends a step at each of these turns to a server that has these answers. Says what was lost, and how often it was asked.
    fn told<const N: usize>(answers: [&'static str; N], turns: usize) -> (usize, usize) {
        let mut answers = answers.into_iter();
        let (server, heard) = server(N, move |_| answers.next().unwrap());
        let (queue, steps) = mpsc::channel(turns);
        let work = std::thread::spawn(move || work(server, Right::Token("one".to_owned()), steps));
        let mut times = 0;
        for _ in 0..turns {
            queue.blocking_send("{}".to_owned()).unwrap();
            times += usize::from(heard.recv().is_ok());
        }
        drop(queue);
        (work.join().unwrap().lost, times)
    }

    /// Sends ten steps at once to a server that takes no more than so many in one request. Says what was lost, and how many each
    /// request had.
    fn at_once(most: usize, requests: usize) -> (usize, Vec<usize>) {
        let answer = move |steps| if steps > most { "413 Payload Too Large" } else { "202 Accepted" };
        let (server, heard) = server(requests, answer);
        let (queue, steps) = mpsc::channel(10);
        for _ in 0..10 {
            queue.blocking_send("{}".to_owned()).unwrap();
        }
        drop(queue);
        let sent = work(server, Right::Token("one".to_owned()), steps);
        (sent.lost, heard.try_iter().collect())
    }

    #[test]
    fn where_less_is_taken_at_once_less_is_sent_at_once() {
        assert_eq!(at_once(64, 1), (0, vec![10]));
        assert_eq!(at_once(3, 7), (0, vec![10, 5, 2, 2, 2, 2, 2]));
        // Not even one is taken: after some of them that is enough.
        assert_eq!(at_once(0, 6), (10, vec![10, 5, 2, 1, 1, 1]));
    }

    #[test]
    fn a_server_that_says_when_to_come_back_is_asked_again_then_and_not_before() {
        let soon = "503 Service Unavailable\r\nretry-after: 0";
        assert_eq!(told([soon, soon, soon, soon, "202 Accepted"], 5), (4, 5));
        let late = "503 Service Unavailable\r\nretry-after: 60";
        assert_eq!(told(["202 Accepted", late], 5), (4, 2));
    }
}
