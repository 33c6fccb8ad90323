//! What is sent in pieces, so that what many wait for is there once.
//! Lives here: JSON around a state that is shared, and what still goes out to one socket. Never here: what is said, and sockets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use serde_json::value::RawValue;

use super::frame::{self, Message};
use super::ring::Offset;

/// Pieces that one write of a socket takes.
const AT_ONCE: usize = 16;

/// One JSON document in its pieces.
#[derive(Clone, Debug, Default)]
pub struct Said(VecDeque<Bytes>);

/// A state as JSON, as long as somebody has to be told it.
struct State(Arc<RawValue>);

impl AsRef<[u8]> for State {
    fn as_ref(&self) -> &[u8] {
        self.0.get().as_bytes()
    }
}

impl From<Vec<u8>> for Said {
    fn from(json: Vec<u8>) -> Self {
        Self(VecDeque::from([json.into()]))
    }
}

impl Said {
    /// A document whose last member is null, with a state in the place of that.
    #[must_use]
    pub fn around(mut json: Vec<u8>, state: Arc<RawValue>) -> Self {
        json.truncate(json.len().saturating_sub("null}".len()));
        Self(VecDeque::from([json.into(), Bytes::from_owner(State(state)), Bytes::from_static(b"}")]))
    }

    /// The state as a message.
    #[must_use]
    pub fn snapshot(offset: Offset, seq: u64, state: Arc<RawValue>) -> Self {
        Self::around(Message::Snapshot { offset, seq, state: RawValue::NULL }.json(), state)
    }

    /// How it begins: all of it, where it has no state.
    #[must_use]
    pub fn begins(&self) -> &[u8] {
        self.0.front().map(Bytes::as_ref).unwrap_or_default()
    }

    /// Its length.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// The pieces.
    pub fn pieces(self) -> impl Iterator<Item = Bytes> {
        self.0.into_iter()
    }
}

impl http_body::Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length() as u64)
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        Response::new(Body::new(self))
    }
}

/// What goes out to one socket, in its order.
#[derive(Debug, Default)]
pub struct Out(VecDeque<Bytes>);

impl Out {
    /// Bytes, and nothing else.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        let mut out = Self::default();
        out.push(bytes);
        out
    }

    /// Bytes go out after what there is.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.0.push_back(bytes);
        }
    }

    /// Documents go out after what there is, each as a frame.
    pub fn say(&mut self, all: impl IntoIterator<Item = Said>) {
        for said in all {
            self.push(frame::header(said.length()));
            said.pieces().for_each(|piece| self.push(piece));
        }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What one write may take.
    #[must_use]
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        self.0.iter().take(AT_ONCE).map(|piece| IoSlice::new(piece)).collect()
    }

    /// So many bytes went.
    pub fn went(&mut self, mut took: usize) {
        while let Some(piece) = self.0.front_mut() {
            if took < piece.len() {
                return drop(piece.split_to(took));
            }
            took -= piece.len();
            self.0.pop_front();
        }
    }

    /// What is left.
    pub fn pieces(self) -> impl Iterator<Item = Bytes> {
        self.0.into_iter()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::serve::filter::Filter;
    use crate::serve::hub::{Beginning, Hub, Start};
    use crate::serve::ring::Capacity;
    use crate::town::fold::Town;

    fn state() -> Arc<RawValue> {
        serde_json::value::to_raw_value(&Town { seq: 7, ..Town::default() }).unwrap().into()
    }

    fn joined(pieces: impl Iterator<Item = Bytes>) -> Vec<u8> {
        pieces.flatten().collect()
    }

    #[test]
    fn a_snapshot_in_pieces_says_what_it_says_whole() {
        let state = state();
        let whole = Message::Snapshot { offset: 9, seq: 7, state: &state };
        let said = Said::snapshot(9, 7, state.clone());
        assert!(whole.json().starts_with(said.begins()));
        assert_eq!((said.length(), joined(said.clone().pieces())), (whole.json().len(), whole.json()));
        // However much a socket takes at a time.
        for most in [1, 2, 7, 1_000] {
            let mut out = Out::of(b"first".to_vec());
            out.say([Vec::from(*br#"{"kind":"hello"}"#).into(), said.clone()]);
            let mut went = Vec::new();
            while !out.is_empty() {
                let taken: Vec<u8> = out.slices().iter().flat_map(|slice| slice.to_vec()).take(most).collect();
                out.went(taken.len());
                went.extend(taken);
            }
            assert_eq!(went, [&b"first"[..], &frame::text(br#"{"kind":"hello"}"#), &whole.frame()].concat(), "{most}");
        }
    }

    #[test]
    fn all_who_wait_for_the_state_share_it() {
        let hub = Hub::new(Capacity { frames: 4, bytes: 1_000 }, serde_json::Value::Null);
        hub.restart(Beginning { epoch: "e".to_owned(), ..Beginning::default() }, |_| ());
        let filter = || Filter::read(None, None, None).unwrap();
        let waiting: Vec<Out> = (0..50)
            .map(|_| {
                let mut out = Out::default();
                out.say(hub.join(&Start::Snapshot, filter(), "").unwrap().greeting);
                out
            })
            .collect();
        let state = hub.rendered(&hub.state().town);
        assert_eq!(Arc::strong_count(&state), 1 + 1 + waiting.len(), "the hub, this test, and who waits");
        let own = |out: &Out| out.0.iter().filter(|piece| piece[..] != *state.get().as_bytes()).map(Bytes::len).sum();
        let most: usize = waiting.iter().map(own).max().unwrap();
        assert!(most < 500, "{most}");
        drop(waiting);
        assert_eq!(Arc::strong_count(&state), 2);
    }
}
