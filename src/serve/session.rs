//! The token that the printed address carries, and the session that it is exchanged for, once.
//! Lives here: both as hashes, and their comparison, which takes the same time for every guess. Never here: what somebody with
//! a session may do (see [`super::api::local`]).

use std::io;
use std::sync::{Mutex, PoisonError};

use blake3::Hash;

use crate::config::{self, Secret};

/// The session of the person at this machine; there is one at the most.
pub struct Session {
    token: Hash,
    secret: Mutex<Option<Hash>>,
}

/// Why a token opens no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// It was exchanged before.
    #[error(
        "this address was opened before, and it is good for once; end `monkeytown` with Ctrl-C and start it again for a new one"
    )]
    Used,
    /// It is another one.
    #[error(
        "this token is not the one that was printed last; open the address that `monkeytown` printed when it started"
    )]
    Wrong,
    /// There is no randomness.
    #[error("no session can be made: {0}")]
    NoRandomness(#[from] io::Error),
}

impl Session {
    /// Waits for this token.
    #[must_use]
    pub fn waiting(token: &Secret) -> Self {
        Self { token: blake3::hash(token.reveal().as_bytes()), secret: Mutex::default() }
    }

    /// Exchanges the token for a session's secret.
    ///
    /// # Errors
    /// [`NoSession`], also where somebody was faster.
    pub fn exchange(&self, token: &str) -> Result<Secret, NoSession> {
        // Hashes of this kind compare in constant time.
        if self.token != blake3::hash(token.as_bytes()) {
            return Err(NoSession::Wrong);
        }
        let mut known = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() {
            return Err(NoSession::Used);
        }
        let secret = config::secret()?;
        *known = Some(blake3::hash(secret.reveal().as_bytes()));
        Ok(secret)
    }

    /// Whether this is the session's secret.
    #[must_use]
    pub fn is(&self, told: &str) -> bool {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) == Some(blake3::hash(told.as_bytes()))
    }

    /// Whether nobody has exchanged the token yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.secret.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_exchanged_once() {
        let token = config::secret().unwrap();
        let session = Session::waiting(&token);
        assert!(session.is_waiting() && !session.is("") && !session.is(token.reveal()));
        assert!(matches!(session.exchange("guess"), Err(NoSession::Wrong)));
        let secret = session.exchange(token.reveal()).unwrap();
        assert!(!session.is_waiting() && session.is(secret.reveal()) && !session.is(token.reveal()));
        assert!(matches!(session.exchange(token.reveal()), Err(NoSession::Used)));
        assert!(session.is(secret.reveal()), "whoever has it keeps it");
    }

    #[test]
    fn of_many_who_are_fast_one_gets_it() {
        let token = config::secret().unwrap();
        let session = Session::waiting(&token);
        let got = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| session.exchange(token.reveal()).is_ok())).collect();
            tries.into_iter().map(|one| one.join().unwrap()).filter(|got| *got).count()
        });
        assert_eq!(got, 1);
    }
}
