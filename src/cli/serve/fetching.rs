//! Fetching from the remote while a server runs: from time to time, and soon where a webhook says so.
//! Lives here: when. Never here: what is fetched (see [`crate::git::home`]).

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::cli::open;
use crate::config::Stopwatch;
use crate::git::journal::{Journal, JournalError};
use crate::run::house::House;

/// How long a fetch is apart from the one before, however often a webhook asks for it.
const APART: Duration = Duration::from_secs(1);

/// What asks the remote from time to time.
pub struct Fetching {
    thread: std::thread::JoinHandle<()>,
    tell: mpsc::Sender<Fetch>,
}

/// What the thread that fetches is told.
#[derive(Debug, PartialEq, Eq)]
enum Fetch {
    Now,
    End,
}

impl Fetching {
    /// Fetches once, and goes on with it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(house: House, clock: Arc<open::Source>, seconds: u64) -> anyhow::Result<Self> {
        let (tell, told) = mpsc::channel();
        let (home, name) = (house.home, house.settings.name);
        let fetch = move || -> Result<(), JournalError> {
            home.refresh()?;
            let journal = Journal::new(&home.repo, home.remote.as_ref());
            journal.sync(&clock.stamp(&name))?;
            Ok(())
        };
        // The first fetch is waited for: the stream begins with all that there is.
        if let Err(error) = fetch() {
            tracing::warn!(%error, "the remote cannot be asked");
        }
        let pause = Duration::from_secs(seconds);
        let again = move || {
            while is_due(&told, pause, APART) {
                if let Err(error) = fetch() {
                    tracing::warn!(%error, "the remote cannot be asked; trying again in {seconds} s");
                }
            }
        };
        let thread = std::thread::Builder::new().name("fetch".to_owned()).spawn(again)?;
        Ok(Self { thread, tell })
    }

    /// What makes it fetch soon.
    #[must_use]
    pub fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let tell = self.tell.clone();
        Box::new(move || drop(tell.send(Fetch::Now)))
    }

    /// Ends it.
    pub fn end(self) {
        let _ = self.tell.send(Fetch::End);
        let _ = self.thread.join();
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
