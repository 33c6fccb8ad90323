//! The relay: a command-line agent in the sandbox asks the town's model through it, and never sees the key.
//!
//! Lives here: answering behind a door of the sandbox, and the money. A question is passed on only where its worst case fits
//! what the run may still spend; what the answer says that it used is charged afterwards, and where it does not say so, the
//! worst case is. Never here: which questions there are (see [`crate::brain::relay`]), the door (see the room `tools`).
//! Start with [`Relay::open`].

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::brain::relay::{Ear, Question};
use crate::brain::{BrainError, Remote};
use crate::tools::sandbox::attend::{Attendant, Slot};
use crate::tools::sandbox::{Door, RELAY_PORT};
use crate::town::prices::{Rate, Usd};
use crate::town::transcript::{Spent, Usage};

/// Questions at the same time.
const AT_ONCE: usize = 8;
/// Bytes of a question, and how long it may take to come.
const QUESTION_BYTES: usize = 8 * 1024 * 1024;
const HEAD: Duration = Duration::from_secs(20);
const BODY: Duration = Duration::from_secs(60);
/// What stands for the key inside. Programs want one.
const PLACEHOLDER: &str = "monkeytown";

type Body = BoxBody<Bytes, std::io::Error>;

/// The way from a sandbox to one model.
pub(super) struct Relay {
    remote: Arc<Remote>,
    rate: Rate,
    folder: TempDir,
}

impl Relay {
    /// A relay to this model, at this price.
    pub(super) fn new(remote: Remote, rate: Rate) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("town-relay-").tempdir()?;
        Ok(Self { remote: Arc::new(remote), rate, folder })
    }

    /// The door behind which it answers.
    pub(super) fn door(&self) -> Door {
        Door { socket: self.folder.path().join("model"), port: RELAY_PORT }
    }

    /// The variables that programs find a provider by. There is no key in them.
    pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
        let here = format!("http://127.0.0.1:{RELAY_PORT}");
        let below = format!("{here}/v1");
        [
            ("ANTHROPIC_BASE_URL", here.as_str()),
            ("OPENAI_BASE_URL", &below),
            ("OPENAI_API_BASE", &below),
            ("ANTHROPIC_API_KEY", PLACEHOLDER),
            ("OPENAI_API_KEY", PLACEHOLDER),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
    }

    /// Answers until it is closed; `left` may be spent, so many tokens may be used, and `most` is the time that there is.
    pub(super) fn open(&self, left: Usd, tokens: u64, most: Duration) -> std::io::Result<Open> {
        let tab = Arc::new(Tab { rate: self.rate, left, tokens, kept: Mutex::default() });
        let (remote, shared) = (Arc::clone(&self.remote), Arc::clone(&tab));
        let attendant = Attendant::at(&self.door().socket, AT_ONCE, move |stream, slot| {
            serve(stream, slot, Arc::clone(&remote), Arc::clone(&shared), most);
        })?;
        Ok(Open { attendant, tab })
    }
}

/// A relay at work.
pub(super) struct Open {
    attendant: Attendant,
    tab: Arc<Tab>,
}

impl Open {
    /// Ends it, and says what was used. What is still being asked is charged in full.
    pub(super) fn close(self) -> Spent {
        self.attendant.dismiss();
        self.tab.kept().spent
    }
}

/// What one command has spent.
struct Tab {
    rate: Rate,
    left: Usd,
    tokens: u64,
    kept: Mutex<Kept>,
}

/// A question, whole. One that is too large is read all the same, as far as that is bearable: who is still sending would not
/// hear the answer.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, String> {
    let (mut all, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
        length += data.len();
        match length {
            0..=QUESTION_BYTES => all.extend_from_slice(&data),
            length if length > 4 * QUESTION_BYTES => break,
            _ => {}
        }
    }
    if length > QUESTION_BYTES {
        return Err(format!("the question has more than {QUESTION_BYTES} bytes"));
    }
    Ok(all)
}

#[derive(Clone, Copy, Default)]
struct Kept {
    spent: Spent,
    /// The worst case of what is being asked.
    reserved: u64,
    /// The same in tokens.
    tokens: u64,
}

impl Tab {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the worst case of a question aside.
    fn reserve(self: &Arc<Self>, question: &Question) -> Result<Ticket, No> {
        let worst = self.rate.worst(question.prompt, question.output);
        let mut kept = self.kept();
        let left = self.left.0.saturating_sub(kept.spent.cost_micros.saturating_add(kept.reserved));
        if worst.0 > left && !self.rate.is_free() {
            let why = format!(
                "this question can cost up to {worst} US dollars, and of what the run may spend {} are left; see \
                 limits.usd_per_run, or ask for a shorter reply",
                Usd(left)
            );
            return Err(No(StatusCode::PAYMENT_REQUIRED, why));
        }
        let (prompt, output) = (question.prompt, question.output);
        let tokens = prompt.saturating_add(output);
        let left = self.tokens.saturating_sub(kept.spent.usage.context().saturating_add(kept.tokens));
        if tokens > left {
            let why = format!(
                "this question can take {tokens} tokens, and the run has {left} left; see limits.tokens_per_run"
            );
            return Err(No(StatusCode::PAYMENT_REQUIRED, why));
        }
        kept.reserved = kept.reserved.saturating_add(worst.0);
        kept.tokens = kept.tokens.saturating_add(tokens);
        Ok(Ticket { tab: Arc::clone(self), worst, used: Used::Unknown, prompt, output })
    }
}

/// A question that is being asked. However it ends, it is charged.
struct Ticket {
    tab: Arc<Tab>,
    worst: Usd,
    prompt: u64,
    output: u64,
    used: Used,
}

enum Used {
    Unknown,
    Nothing,
    So(Usage),
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut kept = self.tab.kept();
        kept.reserved = kept.reserved.saturating_sub(self.worst.0);
        kept.tokens = kept.tokens.saturating_sub(self.prompt.saturating_add(self.output));
        let (usage, cost, known) = match self.used {
            Used::Nothing => return,
            Used::So(usage) => (usage, self.tab.rate.cost(usage), true),
            Used::Unknown => (Usage { input: self.prompt, output: self.output, ..Usage::NONE }, self.worst, false),
        };
        let spent = &mut kept.spent;
        spent.questions = spent.questions.saturating_add(1);
        spent.usage = spent.usage.plus(usage);
        spent.cost_micros = spent.cost_micros.saturating_add(cost.0);
        spent.unmetered |= !known;
    }
}

/// Why a question is not passed on.
struct No(StatusCode, String);

fn serve(stream: UnixStream, slot: Slot, remote: Arc<Remote>, tab: Arc<Tab>, most: Duration) {
    tokio::spawn(async move {
        let _slot = slot;
        let answering = service_fn(|request| {
            let (remote, tab) = (Arc::clone(&remote), Arc::clone(&tab));
            async move {
                let answered = answer(request, &remote, &tab, most).await;
                Ok::<_, Infallible>(answered.unwrap_or_else(|No(status, why)| refusal(status, &why)))
            }
        });
        let mut connection = hyper::server::conn::http1::Builder::new();
        connection.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD);
        // How it ends is for the two sides to notice.
        let _ = connection.serve_connection(TokioIo::new(stream), answering).await;
    });
}

async fn answer(
    request: Request<Incoming>,
    remote: &Remote,
    tab: &Arc<Tab>,
    most: Duration,
) -> Result<Response<Body>, No> {
    let bad = |why: String| No(StatusCode::BAD_REQUEST, why);
    let path = request.uri().path().to_owned();
    if request.method() != Method::POST {
        return Err(No(StatusCode::NOT_FOUND, "only questions are passed on, which are a POST".to_owned()));
    }
    let body = tokio::time::timeout(BODY, whole(request.into_body())).await;
    let body = body.map_err(|_| bad("the question did not come to its end".to_owned()))?.map_err(bad)?;
    let question = Question::read(remote.endpoint(), &path, &body).map_err(bad)?;
    let mut ticket = tab.reserve(&question)?;
    let (status, kind, mut said) = match remote.pass(&question, most).await {
        Ok(answer) => answer,
        Err(failure) => {
            if !failure.is_charged() {
                ticket.used = Used::Nothing;
            }
            return Err(No(status_of(&failure), failure.to_string()));
        }
    };
    let streams = kind.to_str().is_ok_and(|kind| kind.to_ascii_lowercase().contains("text/event-stream"));
    let mut ear = Ear::new(&question, streams);
    let (send, receive) = mpsc::channel(16);
    tokio::spawn(async move {
        // Who asked may be gone; what the answer used is listened for all the same.
        loop {
            match said.next().await {
                Ok(Some(bytes)) => {
                    ear.hear(&bytes);
                    let _ = send.send(Ok(bytes)).await;
                }
                Ok(None) => break,
                Err(broken) => {
                    let _ = send.send(Err(std::io::Error::other(broken.to_string()))).await;
                    return;
                }
            }
        }
        if let Some(usage) = ear.usage() {
            ticket.used = Used::So(usage);
        }
        // Charged before the end is heard: a next question finds the tab as it is.
        drop(ticket);
        drop(send);
    });
    let mut response = Response::new(Pieces(receive).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// What the failure is to whoever asked, so that they ask again where that can help and nowhere else.
const fn status_of(failure: &BrainError) -> StatusCode {
    match failure {
        BrainError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        BrainError::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        BrainError::Exhausted { .. } => StatusCode::PAYMENT_REQUIRED,
        BrainError::Auth { .. } => StatusCode::UNAUTHORIZED,
        BrainError::UnknownModel { .. } => StatusCode::NOT_FOUND,
        BrainError::Refused { .. } | BrainError::Rejected { .. } | BrainError::TooLong { .. } => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// An error as both dialects write it.
fn refusal(status: StatusCode, why: &str) -> Response<Body> {
    let error = json!({"type": "error", "error": {"type": "monkeytown", "code": "monkeytown", "message": why}});
    let body = Full::new(Bytes::from(error.to_string())).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer piece by piece, as it comes.
struct Pieces(mpsc::Receiver<std::io::Result<Bytes>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::brain::Endpoint;
    use crate::town::settings::Provider;

    fn question(output: u64) -> Question {
        let base_url = "http://127.0.0.1:1/v1".to_owned();
        let provider = Provider::Anthropic;
        let endpoint = Endpoint { provider, model: "m".into(), base_url, own_address: false, stream: true };
        let body = json!({"messages": [], "max_tokens": output}).to_string();
        Question::read(&endpoint, "/v1/messages", body.as_bytes()).unwrap()
    }

    fn tab(left: u64) -> Arc<Tab> {
        let rate = Rate { input: Usd(1_000_000), output: Usd(10_000_000), ..Rate::default() };
        Arc::new(Tab { rate, left: Usd(left), tokens: u64::MAX, kept: Mutex::default() })
    }

    #[test]
    fn questions_at_the_same_time_keep_the_cap_together() {
        let worst = question(500).prompt + 5_000;
        let tab = tab(2 * worst);
        let mut first = tab.reserve(&question(500)).ok().unwrap();
        let second = tab.reserve(&question(500)).ok().unwrap();
        let refused = tab.reserve(&question(500)).err().unwrap();
        assert_eq!(refused.0, StatusCode::PAYMENT_REQUIRED);
        assert!(refused.1.contains("and of what the run may spend 0.00 are left"), "{}", refused.1);
        first.used = Used::So(Usage { input: 10, output: 5, ..Usage::NONE });
        drop(first);
        // Of the second nobody knows how it went.
        drop(second);
        let spent = tab.kept().spent;
        assert_eq!((spent.questions, spent.cost_micros, spent.unmetered), (2, 60 + worst, true));
        let mut third = tab.reserve(&question(100)).ok().unwrap();
        third.used = Used::Nothing;
        drop(third);
        let kept = *tab.kept();
        assert_eq!((kept.spent, kept.reserved), (spent, 0));
    }

    #[test]
    fn tokens_have_their_cap_where_they_cost_nothing() {
        let each = question(500).prompt + 500;
        let tab = Arc::new(Tab { rate: Rate::default(), left: Usd(0), tokens: 2 * each, kept: Mutex::default() });
        let mut first = tab.reserve(&question(500)).ok().unwrap();
        let second = tab.reserve(&question(500)).ok().unwrap();
        let refused = tab.reserve(&question(1)).err().unwrap();
        assert!(refused.1.contains("the run has 0 left; see limits.tokens_per_run"), "{}", refused.1);
        first.used = Used::So(Usage { input: 10, output: 5, ..Usage::NONE });
        drop((first, second));
        assert_eq!(tab.kept().spent.usage.context(), 15 + each);
        assert!(tab.reserve(&question(500)).is_err(), "one of them may have taken all of it");
    }
}
