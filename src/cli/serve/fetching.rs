//! Fetching from the remote while a server runs: from time to time, and soon where a webhook says so.
//! Lives here: when. Never here: what is fetched (see [`crate::git::home`]).

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::config::Stopwatch;
use crate::git::home::Home;
use crate::git::journal::{Journal, JournalError};
use crate::git::program::Halt;

/// How long a fetch is apart from the one before, however often a webhook asks for it.
const APART: Duration = Duration::from_secs(1);

/// What asks the remote from time to time.
pub struct Fetching {
    thread: std::thread::JoinHandle<()>,
    tell: mpsc::Sender<Fetch>,
    halt: Halt,
}

/// What the thread that fetches is told.
#[derive(Debug, PartialEq, Eq)]
enum Fetch {
    Now,
    End,
}

impl Fetching {
    /// Fetches at once and again and again, on a thread of its own: nobody waits for a remote. Nothing is ever sent to it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(home: Home, seconds: u64) -> anyhow::Result<Self> {
        let (tell, told) = mpsc::channel();
        let (halt, ending) = (home.repo.halt(), home.repo.halt());
        let (pause, mut said) = (Duration::from_secs(seconds), Said::default());
        let again = move || loop {
            let fetched = fetch(&home);
            if ending.is_over() {
                return;
            }
            said.fetched(fetched, seconds);
            if !is_due(&told, pause, APART) {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("fetch".to_owned()).spawn(again)?;
        Ok(Self { thread, tell, halt })
    }

    /// What makes it fetch soon.
    #[must_use]
    pub fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let tell = self.tell.clone();
        Box::new(move || drop(tell.send(Fetch::Now)))
    }

    /// Tells it to end, together with the `git` program that may be waiting for the remote.
    pub fn tell_to_end(&self) {
        let _ = self.tell.send(Fetch::End);
        self.halt.end();
    }

    /// Ends it.
    pub fn end(self) {
        self.tell_to_end();
        let _ = self.thread.join();
    }
}

/// Fetches once. Says whether something waits here that the remote does not have.
fn fetch(home: &Home) -> Result<bool, JournalError> {
    home.fetch_again()?;
    Journal::new(&home.repo, home.remote.as_ref()).follow()
}

/// What the log was told, so that it is told once and not with every fetch.
#[derive(Default)]
struct Said {
    trouble: Option<String>,
    waiting: bool,
}

impl Said {
    fn fetched(&mut self, fetched: Result<bool, JournalError>, seconds: u64) {
        let trouble = match fetched {
            Ok(waiting) => {
                if waiting && !self.waiting {
                    tracing::warn!(
                        "events wait in this clone that the remote does not have: they are not told before a command sends them, such as `monkeytown sync`"
                    );
                }
                self.waiting = waiting;
                None
            }
            Err(error) => {
                let (what, known) = what_is_wrong(&error);
                if self.trouble.as_ref() != Some(&known) {
                    tracing::warn!(%error, "{what}; asking again every {seconds} s");
                }
                Some(known)
            }
        };
        if self.trouble.is_some() && trouble.is_none() {
            tracing::info!("the remote is followed again");
        }
        self.trouble = trouble;
    }
}

/// What a fetch that failed means for who watches, and how it is known again.
fn what_is_wrong(error: &JournalError) -> (&'static str, String) {
    match error {
        // What comes on top of it there is no news.
        JournalError::Rewritten { seen, .. } => (
            "the remote's journal is not what this clone has seen of it: what is there is told, and commands of this clone \
             refuse it",
            seen.clone(),
        ),
        JournalError::Git(_) => ("the remote cannot be asked", error.to_string()),
        _ => ("the remote's journal cannot be told", error.to_string()),
    }
}

/// Waits until it is time to fetch; no, when it is to end. Many that want it at once get it once, and never more often than
/// `apart`.
fn is_due(told: &mpsc::Receiver<Fetch>, pause: Duration, apart: Duration) -> bool {
    match told.recv_timeout(apart) {
        Ok(Fetch::End) | Err(RecvTimeoutError::Disconnected) => return false,
        // Right after a fetch: the rest of the breath is waited for.
        Ok(Fetch::Now) => return settle(told, apart),
        Err(RecvTimeoutError::Timeout) => {}
    }
    match told.recv_timeout(pause.saturating_sub(apart)) {
        Ok(Fetch::End) | Err(RecvTimeoutError::Disconnected) => false,
        Ok(Fetch::Now) => told.try_iter().all(|told| told == Fetch::Now),
        Err(RecvTimeoutError::Timeout) => true,
    }
}

/// Lets a breath go by; no, when it is to end.
fn settle(told: &mpsc::Receiver<Fetch>, apart: Duration) -> bool {
    let (began, breath) = (Stopwatch::start(), apart.as_millis() as u64);
    loop {
        let left = breath.saturating_sub(began.millis());
        match told.recv_timeout(Duration::from_millis(left)) {
            Ok(Fetch::Now) if left > 0 => {}
            Ok(Fetch::Now) => return told.try_iter().all(|told| told == Fetch::Now),
            Ok(Fetch::End) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(86_400);

    /// What is told while a fetch runs, each time 1,000 deliveries.
    fn flood(tell: &mpsc::Sender<Fetch>) {
        (0..1_000).for_each(|_| tell.send(Fetch::Now).unwrap());
    }

    #[test]
    fn a_flood_is_one_fetch_and_fetches_are_apart() {
        let (tell, told) = mpsc::channel();
        for _ in 0..3 {
            flood(&tell);
            let since = Stopwatch::start();
            assert!(is_due(&told, LONG, SHORT));
            assert!(u128::from(since.millis()) >= SHORT.as_millis(), "a breath after the fetch before");
            assert_eq!(told.try_recv().unwrap_err(), mpsc::TryRecvError::Empty, "all of them are answered by it");
        }
        // Nothing is left over that would make it fetch again: the end comes first.
        tell.send(Fetch::End).unwrap();
        assert!(!is_due(&told, LONG, SHORT));
    }

    #[test]
    fn a_flood_that_goes_on_does_not_keep_it_from_fetching() {
        let (tell, told) = mpsc::channel();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    tell.send(Fetch::Now).unwrap();
                    std::thread::yield_now();
                }
            });
            for _ in 0..3 {
                let since = Stopwatch::start();
                assert!(is_due(&told, LONG, SHORT));
                assert!(u128::from(since.millis()) >= SHORT.as_millis());
            }
            over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn the_end_is_heard_among_others_and_the_pause_is_kept() {
        for told_first in [1, 500] {
            let (tell, told) = mpsc::channel();
            (0..told_first).for_each(|_| tell.send(Fetch::Now).unwrap());
            tell.send(Fetch::End).unwrap();
            flood(&tell);
            assert!(!is_due(&told, LONG, SHORT), "the end comes before a fetch");
        }
        let (tell, told) = mpsc::channel();
        let since = Stopwatch::start();
        assert!(is_due(&told, 2 * SHORT, SHORT), "nobody said anything, and it is time");
        assert!(u128::from(since.millis()) >= 2 * SHORT.as_millis());
        drop(tell);
        assert!(!is_due(&told, LONG, SHORT), "nobody is there any more");
    }
}
