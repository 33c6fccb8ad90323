//! GitHub's word that something happened: `POST /api/webhook/github`.
//! Lives here: the signature, and which events wake the fetch. Never here: what a payload says. The relay reads git, so nothing
//! of it is believed, and one that is sent again only makes the server look again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use ring::hmac;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::Secret;

use super::Shared;
use super::openapi::{JSON, Operation, Paths};
use super::problem::Problem;

/// Bytes of a payload; GitHub sends none that is longer. It is read piece by piece, and no more than a piece is kept.
const BODY: usize = 25 * 1024 * 1024;
/// Events after which there may be something new in git.
const WAKING: [&str; 8] = [
    "create",
    "delete",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
];

/// Where GitHub's webhook arrives.
pub struct Hook {
    key: hmac::Key,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Hook {
    /// A hook with this secret; `wake` makes the remote be asked soon, however often it is called.
    #[must_use]
    pub fn new(secret: &Secret, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()), wake }
    }

    /// Reads the body, and says whether it has this signature.
    async fn is_signed(&self, told: &[u8], mut body: Body) -> Result<bool, Problem> {
        let (mut context, mut length) = (hmac::Context::with_key(&self.key), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|bad| Problem::bad_request(format!("the body ends early: {bad}")))?;
            let Some(piece) = frame.data_ref() else { continue };
            length += piece.len();
            if length > BODY {
                return Err(Problem::too_long(BODY));
            }
            context.update(piece);
        }
        // Hashes of this kind compare in constant time.
        Ok(blake3::hash(context.sign().as_ref()) == blake3::hash(told))
    }
}

/// The path.
pub fn paths() -> Paths {
    let github = Operation::new("operations", "githubWebhook", "Fetch at once instead of at the next interval")
        .header("X-Hub-Signature-256", "`sha256=` and the HMAC-SHA256 of the body", true)
        .header("X-GitHub-Event", "what happened; some kinds wake nothing", false)
        .header("X-GitHub-Delivery", "what the delivery is called in the log", false)
        .takes::<Map<String, Value>>(JSON)
        .json::<Woken>(202, "the signature is good")
        .fails(400, &["bad-request"])
        .fails(401, &["bad-signature"])
        .fails(404, &["not-found"])
        .fails(408, &["too-slow"])
        .fails(413, &["too-big"]);
    Paths::default().post("/api/webhook/github", self::github, github)
}

/// What a delivery did.
#[derive(Serialize, JsonSchema)]
struct Woken {
    /// Whether the repository is fetched now.
    woken: bool,
}

/// `POST /api/webhook/github`.
async fn github(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let nowhere = || Problem::not_found("no webhook is taken here; `--remote` with `--webhook-secret-file` takes one");
    let hook = shared.hook.as_ref().ok_or_else(nowhere)?;
    let (head, body) = request.into_parts();
    let length = text(&head.headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > BODY) {
        return Err(Problem::too_long(BODY));
    }
    let detail = "X-Hub-Signature-256 is not the signature of this body with this server's secret";
    let forged = || Problem::new(StatusCode::UNAUTHORIZED, "bad-signature", "Nobody knows who asks", detail);
    let told = signature(&head.headers).ok_or_else(forged)?;
    if !shared.limits.in_time(hook.is_signed(&told, body)).await?? {
        return Err(forged());
    }
    let event = text(&head.headers, "x-github-event").unwrap_or_default();
    let is_waking = WAKING.contains(&event);
    if is_waking {
        (hook.wake)();
    }
    let delivery = text(&head.headers, "x-github-delivery").unwrap_or_default();
    tracing::info!(event, delivery, woken = is_waking, "a webhook");
    Ok((StatusCode::ACCEPTED, axum::Json(Woken { woken: is_waking })).into_response())
}

/// A header that is short and plain enough to be written down.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let plain = |text: &&str| text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    headers.get(name)?.to_str().ok().filter(plain)
}

/// The bytes of `sha256=<64 hexadecimal digits>`.
fn signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    let digits = headers.get("x-hub-signature-256")?.to_str().ok()?.strip_prefix("sha256=")?;
    let is_hex = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    is_hex.then(|| (0..64).step_by(2).map(byte).collect()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::Env;

    use super::*;

    fn signed(secret: &str, told: &str, body: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature-256", told.parse().unwrap());
        let secret = Env::of([("SECRET", secret)]).secret("SECRET").unwrap();
        let hook = Hook::new(&secret, Box::new(|| {}));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = signature(&headers);
        told.is_some_and(|told| runtime.block_on(hook.is_signed(&told, Body::from(body))).unwrap())
    }

    #[test]
    fn a_signature_is_that_of_githubs_own_example() {
        // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
        let secret = ["It's a Secret", "to Everybody"].join(" ");
        let told = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(signed(&secret, told, "Hello, World!"));
        assert!(!signed(&secret, told, "Hello, World?"));
        assert!(!signed("another", told, "Hello, World!"));
        let long = format!("{told}00");
        for wrong in ["", "sha256=", "sha1=00", &told.replace("sha256", "sha1"), &long, &told.replace('7', "é")] {
            if let Ok(wrong) = wrong.parse::<axum::http::HeaderValue>() {
                assert!(!signed(&secret, wrong.to_str().unwrap_or_default(), "Hello, World!"), "{wrong:?}");
            }
        }
    }
}
