//! All of history in one answer.
//! Lives here: `GET /api/export`, who may read it at one time, and sending it piece by piece. Never here: what a line is and where
//! it stands (see [`crate::serve::chronicle`]).
//!
//! A piece is read out of git when the one before it is on its way, and in a turn of its own: who reads slowly, or not at all, has
//! one piece waiting and holds up no turn. Its seat it has all the while, and no address has more than some of them.

use std::io;
use std::sync::{Arc, Mutex, Weak};

use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::serve::chronicle::{Chronicle, Heads, Reader};
use crate::serve::doors::Pass;
use crate::serve::openapi::{Operation, Paths};
use crate::serve::problem::Problem;
use crate::serve::{Shared, poll};

use super::desk::{Failure, lock};
use super::{VERSION, tagged, worked_out, worked_out_at_length};

/// Who may read all of history at one time.
const AT_ONCE: usize = 16;
/// Those of them that one address may be.
const OF_ONE: usize = 4;
/// Seconds after which it is worth another try where so many do.
const BUSY: u64 = 10;
/// The media type of JSON, one value on each line.
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// The path.
pub fn paths() -> Paths {
    let export = Operation::new("town", "export", "All of history in one answer")
        .says(
            "Every recorded event, and the commits of the default branch where they landed, as `monkeytown export` writes them \
             into its files of history: out of git, of one moment, however much the stream has let go of. An answer that ends \
             without the last chunk of its transfer coding is not whole.",
        )
        .reads()
        .each::<poll::One>("application/x-ndjson", "events, one on each line")
        .with("Content-Disposition", "the name of a file to keep it in")
        .tagged()
        .fails(503, &["busy"]);
    Paths::default().get("/api/export", self::export, export)
}

/// Those who read all of history.
pub struct Exports {
    seats: Arc<Semaphore>,
    /// Where everything stands at the moment that was asked for last, by its tag, as long as somebody reads it.
    last: Mutex<(String, Weak<Chronicle>)>,
}

impl Default for Exports {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(AT_ONCE)), last: Mutex::default() }
    }
}

/// Someone who is sent all of history.
struct Sending {
    reader: Reader,
    _seat: (OwnedSemaphorePermit, Option<Pass>),
}

/// `GET /api/export`.
async fn export(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (asked, _) = request.into_parts();
    let found = worked_out(shared.clone(), |shared| {
        shared.desk.with(|home| {
            let heads = Heads::now(home)?;
            Ok((heads, tag(heads, &shared.town.source)))
        })
    });
    let (heads, tag) = match found.await {
        Ok(found) => found,
        Err(problem) => return problem.into_response(),
    };
    let mut response = tagged(&asked.headers, &tag, Vec::new);
    if response.status() == StatusCode::NOT_MODIFIED {
        return response;
    }
    response.headers_mut().insert(header::CONTENT_TYPE, LINES);
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", file_name(&shared.town.name))) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    *response.body_mut() = if asked.method == Method::HEAD {
        // Nothing is looked through for who wants nothing of it; how long it would be is not known.
        Body::from_stream(stream::empty::<io::Result<Bytes>>())
    } else {
        match sending(&shared, &asked, heads, tag).await {
            Err(problem) => return problem.into_response(),
            Ok(sending) => Body::from_stream(stream::try_unfold((shared, sending), next)),
        }
    };
    response
}

/// The same history has the same tag, whoever serves it.
fn tag(heads: Heads, source: &str) -> String {
    let of = format!("{:?} {:?} {source} {VERSION}", heads.journal, heads.main);
    blake3::hash(of.as_bytes()).to_hex()[..24].to_owned()
}

/// The name of a file for the history of a town.
fn file_name(town: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{}-history.ndjson", town.chars().take(64).map(plain).collect::<String>())
}

/// Takes a seat, and looks through history, which takes long.
async fn sending(shared: &Arc<Shared>, asked: &Parts, heads: Heads, tag: String) -> Result<Sending, Problem> {
    let pass = shared.doorman.read(asked, OF_ONE)?;
    let seat = shared.desk.exports.seats.clone().try_acquire_owned().map_err(|_| {
        let detail =
            format!("{AT_ONCE} others read all of history just now; try again, or read `/api/history` in parts");
        Problem::unavailable("busy", detail, BUSY)
    })?;
    let seat = (seat, pass);
    let look = move |shared: &Shared| {
        let exports = &shared.desk.exports;
        let known = Some(lock(&exports.last)).filter(|last| last.0 == tag).and_then(|last| last.1.upgrade());
        if let Some(known) = known {
            return Ok((known, seat));
        }
        let made = shared.desk.with(|home| Chronicle::of(home, heads, &shared.town.source))?;
        let made = Arc::new(made);
        *lock(&exports.last) = (tag, Arc::downgrade(&made));
        Ok((made, seat))
    };
    // Whoever goes meanwhile has the seat for as long as the look goes on.
    let (chronicle, seat) = worked_out_at_length(shared.clone(), look).await?;
    Ok(Sending { reader: Reader::new(chronicle), _seat: seat })
}

/// The next piece, and who is sent what comes behind it.
async fn next((shared, sending): (Arc<Shared>, Sending)) -> io::Result<Option<(Bytes, (Arc<Shared>, Sending))>> {
    if *shared.stop.borrow() {
        return Err(io::Error::other("the server ends"));
    }
    let read = worked_out(shared.clone(), move |shared| piece(shared, sending));
    let (piece, sending) = read.await.map_err(|problem| {
        tracing::warn!(why = problem.detail, "an answer with all of history broke off");
        io::Error::other(problem.detail)
    })?;
    Ok((!piece.is_empty()).then_some((piece, (shared, sending))))
}

fn piece(shared: &Shared, mut sending: Sending) -> Result<(Bytes, Sending), Failure> {
    let lines = shared.desk.with(|home| sending.reader.more(home))?;
    let mut piece = lines.join(&b'\n');
    if !lines.is_empty() {
        piece.push(b'\n');
    }
    Ok((piece.into(), sending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_plain_whatever_a_town_is_called() {
        assert_eq!(file_name("Banana Town"), "banana-town-history.ndjson");
        assert_eq!(file_name("../\"ü\r\n"), "--------history.ndjson");
    }
}
