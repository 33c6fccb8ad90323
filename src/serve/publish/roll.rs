//! The tokens that are good now: their file is read again when it has changed, so that one is withdrawn without a new start.
//! Lives here: when it is looked at, and what holds where it is of no use. Never here: what a line says (see [`super::tokens`]).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::tokens::Tokens;
use crate::config::Stopwatch;
use crate::serve::api::desk::lock;

/// How long a look at the file is good for.
pub const LOOK: Duration = Duration::from_secs(1);

/// Why a file of tokens is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Somebody took it away, or put it where it must not be: no token is good.
    #[error("{0}")]
    Withdrawn(String),
    /// A mistake in it, or of the system: what was good before is good still.
    #[error("{0}")]
    Damaged(String),
}

/// Reads the file as it is now.
pub type Read = Box<dyn Fn() -> Result<Vec<u8>, Unread> + Send + Sync>;

/// Who has a token.
#[derive(Default)]
pub struct Roll {
    file: Option<(Read, Duration)>,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    tokens: Arc<Tokens>,
    looked: Option<Stopwatch>,
    /// What was found in the file, so that a change is seen and told once.
    found: Option<Result<blake3::Hash, Unread>>,
}

impl From<Tokens> for Roll {
    /// Tokens that do not change.
    fn from(tokens: Tokens) -> Self {
        Self { file: None, now: Mutex::new(Now { tokens: Arc::new(tokens), ..Now::default() }) }
    }
}

impl Roll {
    /// Reads a file, and again upon use where the last look is older than `pause`.
    ///
    /// # Errors
    /// [`Unread`], where it is of no use from the beginning.
    pub fn open(read: Read, pause: Duration) -> Result<Self, Unread> {
        let bytes = read()?;
        let found = Some(Ok(blake3::hash(&bytes)));
        let now = Now { tokens: Arc::new(tokens(&bytes)?), looked: Some(Stopwatch::start()), found };
        Ok(Self { file: Some((read, pause)), now: Mutex::new(now) })
    }

    /// Whether nobody ever has one.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.file.is_none() && lock(&self.now).tokens.is_empty()
    }

    /// Those that are good now.
    #[must_use]
    pub fn tokens(&self) -> Arc<Tokens> {
        let mut now = lock(&self.now);
        if let Some((read, pause)) = &self.file
            && now.looked.as_ref().is_none_or(|looked| u128::from(looked.millis()) >= pause.as_millis())
        {
            now.looked = Some(Stopwatch::start());
            now.take(read());
        }
        now.tokens.clone()
    }
}

impl Now {
    /// Takes what the file has where that is not what it had.
    fn take(&mut self, read: Result<Vec<u8>, Unread>) {
        let found = read.as_ref().map(|bytes| blake3::hash(bytes)).map_err(Clone::clone);
        if self.found.as_ref() == Some(&found) {
            return;
        }
        self.found = Some(found);
        match read.and_then(|bytes| tokens(&bytes)) {
            Ok(tokens) => {
                tracing::info!("--publish-tokens was read again: the tokens in it are good, and no others");
                self.tokens = Arc::new(tokens);
            }
            Err(Unread::Withdrawn(why)) => {
                tracing::warn!("--publish-tokens: {why}; no token is good until then");
                self.tokens = Arc::default();
            }
            Err(Unread::Damaged(why)) => {
                tracing::warn!("--publish-tokens: {why}; until then those are good that were good before");
            }
        }
    }
}

fn tokens(bytes: &[u8]) -> Result<Tokens, Unread> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Unread::Damaged("it is no text; write lines of `monkeytown token AGENT` into it".to_owned()))?;
    match Tokens::read(text) {
        Err(error) => Err(Unread::Damaged(error.to_string())),
        Ok(tokens) if tokens.is_empty() => {
            Err(Unread::Withdrawn("it has no line; make one with `monkeytown token AGENT`".to_owned()))
        }
        Ok(tokens) => Ok(tokens),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::tokens::token;
    use super::*;

    /// A file that the test holds in its hand, and how often it was read.
    struct File {
        has: Arc<Mutex<Result<Vec<u8>, Unread>>>,
        read: Arc<AtomicUsize>,
    }

    impl File {
        fn of(text: &str) -> Self {
            Self { has: Arc::new(Mutex::new(Ok(text.as_bytes().to_vec()))), read: Arc::default() }
        }

        fn open(&self, pause: Duration) -> Result<Roll, Unread> {
            let (has, read) = (self.has.clone(), self.read.clone());
            let look = move || {
                read.fetch_add(1, Ordering::SeqCst);
                lock(&has).clone()
            };
            Roll::open(Box::new(look), pause)
        }

        fn now_has(&self, found: Result<&[u8], Unread>) {
            *lock(&self.has) = found.map(<[u8]>::to_vec);
        }
    }

    fn two() -> ([String; 2], [String; 2]) {
        let ((ada, of_ada), (bob, of_bob)) = (token("one"), token("two"));
        ([ada, bob], [format!("ada {of_ada}\n"), format!("bob {of_bob}\n")])
    }

    /// Which of these tokens are good.
    fn good(roll: &Roll, told: &[String; 2]) -> [bool; 2] {
        let tokens = roll.tokens();
        [0, 1].map(|at| tokens.agent_of(&told[at]).is_some())
    }

    // covers: event-stream#nobody-speaks-for-another/a-token-is-withdrawn
    #[test]
    fn a_line_that_is_taken_out_is_withdrawn_and_one_that_is_added_is_good() {
        let (told, [ada, bob]) = two();
        let file = File::of(&format!("{ada}{bob}"));
        let roll = file.open(Duration::ZERO).unwrap();
        assert_eq!(good(&roll, &told), [true, true]);
        file.now_has(Ok(bob.as_bytes()));
        assert_eq!(good(&roll, &told), [false, true]);
        file.now_has(Ok(ada.as_bytes()));
        assert_eq!(good(&roll, &told), [true, false]);
    }

    // covers: event-stream#nobody-speaks-for-another/the-file-of-tokens-is-damaged
    #[test]
    fn a_damaged_file_changes_nothing() {
        let (told, [ada, bob]) = two();
        let file = File::of(&ada);
        let roll = file.open(Duration::ZERO).unwrap();
        let half = format!("{ada}{}", &bob[..20]);
        let broken = Err(Unread::Damaged("the disk is broken".to_owned()));
        for damage in [Ok(half.as_bytes()), Ok(&b"\xff\xfe"[..]), broken] {
            file.now_has(damage);
            assert_eq!(good(&roll, &told), [true, false]);
        }
        file.now_has(Ok(bob.as_bytes()));
        assert_eq!(good(&roll, &told), [false, true], "mended");
    }

    #[test]
    fn where_the_file_is_gone_or_empty_no_token_is_good_until_it_is_back() {
        let (told, [ada, _]) = two();
        let file = File::of(&ada);
        let roll = file.open(Duration::ZERO).unwrap();
        for away in [Ok(&b"# nobody\n"[..]), Err(Unread::Withdrawn("it is not there".to_owned())), Ok(&b""[..])] {
            file.now_has(away);
            assert_eq!(good(&roll, &told), [false, false]);
            assert!(!roll.is_closed(), "it may come back");
            file.now_has(Ok(ada.as_bytes()));
            assert_eq!(good(&roll, &told), [true, false]);
        }
        // What was good before it went is no longer.
        file.now_has(Err(Unread::Withdrawn("it is not there".to_owned())));
        assert_eq!(good(&roll, &told), [false, false]);
        file.now_has(Ok(b"half a line"));
        assert_eq!(good(&roll, &told), [false, false]);
    }

    #[test]
    fn it_is_not_read_at_every_request() {
        let (told, [ada, _]) = two();
        let file = File::of(&ada);
        let roll = file.open(Duration::from_secs(3_600)).unwrap();
        file.now_has(Ok(b""));
        assert_eq!((good(&roll, &told), good(&roll, &told)), ([true, false], [true, false]));
        assert_eq!(file.read.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nothing_begins_with_a_file_of_no_use() {
        let why = |text: &str| File::of(text).open(LOOK).err().unwrap().to_string();
        assert!(why("").contains("make one with `monkeytown token AGENT`"));
        assert!(why("# x\nada x\n").contains("line 2: the hash is none"));
        assert!(Roll::default().is_closed() && !Roll::from(Tokens::read(&two().1[0]).unwrap()).is_closed());
    }
}
