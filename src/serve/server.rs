//! The server as a whole: what runs while it serves.
//! Lives here: starting the relay's thread, the passes and the listener, and ending them in order. Never here: what each does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use notify::RecommendedWatcher;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::api::worked_out;
use super::relay::{Health, Relay};
use super::{Shared, http, notices, router};
use crate::town::schedule;

/// How often the repository is looked at, however quiet the system is about it.
const LOOK: Duration = Duration::from_millis(200);
/// How long is waited between two looks at a repository that cannot be read.
const TROUBLE: Duration = Duration::from_secs(1);
/// How often addresses that ask no more are forgotten, and is looked for planned runs that did not begin.
const TIDY: Duration = Duration::from_secs(60);

/// Why the relay wakes.
enum Wake {
    Changed,
    End,
}

/// A server that runs.
pub struct Server {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
    helping: [JoinHandle<()>; 2],
    following: thread::JoinHandle<()>,
    wake: mpsc::Sender<Wake>,
}

impl Server {
    /// Starts serving what the relay follows.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(listener: TcpListener, shared: Arc<Shared>, relay: Relay) -> io::Result<Self> {
        let (wake, woken) = mpsc::channel();
        let following = {
            let (shared, wake) = (shared.clone(), wake.clone());
            let follow = move || {
                let _watched = Watched(&shared.relay);
                follow(relay, &shared, &woken, &wake);
            };
            thread::Builder::new().name("relay".to_owned()).spawn(follow)?
        };
        let pacing = {
            let shared = shared.clone();
            shared.watching.clone().spawn(async move { shared.hub.pace().await })
        };
        let tidying = {
            let shared = shared.clone();
            tokio::spawn(async move {
                loop {
                    count_overdue(&shared).await;
                    tokio::time::sleep(TIDY).await;
                    shared.doorman.tidy();
                    shared.publishers.tidy();
                }
            })
        };
        let serving = tokio::spawn(http::serve(listener, router::router(shared.clone()), shared.clone()));
        Ok(Self { shared, serving, helping: [pacing, tidying], following, wake })
    }

    /// Ends it: everybody who watches is told where to resume, and what the next start needs is written down.
    pub async fn stop(self) {
        self.shared.stop.send_replace(true);
        let _ = self.serving.await;
        self.helping.iter().for_each(JoinHandle::abort);
        let _ = self.wake.send(Wake::End);
        let _ = tokio::task::spawn_blocking(move || self.following.join()).await;
    }
}

/// Counts planned runs that did not begin. Where the town's files cannot be read, it stays as it was: that is told elsewhere.
async fn count_overdue(shared: &Arc<Shared>) {
    let look = |shared: &Shared| shared.desk.with(|home| shared.desk.town(home));
    let Ok(files) = worked_out(shared.clone(), look).await else { return };
    let Some(settings) = &files.settings else { return };
    let count = schedule::overdue(&shared.hub.state().town, settings, &files.charters, shared.desk.now());
    shared.hub.counts.overdue.store(count as u64, Ordering::Relaxed);
}

/// Says that nothing is relayed any more where the thread that does it ends by a fault of ours: what was relayed is served on.
struct Watched<'s>(&'s Health);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(
                "the relay has ended by a fault of this program: nothing new is relayed before it is started again"
            );
            self.0.set(Some("the relay has ended by a fault of this program; start the server again".to_owned()));
        }
    }
}

/// Follows the repository until it is told to end.
fn follow(mut relay: Relay, shared: &Shared, woken: &mpsc::Receiver<Wake>, wake: &mpsc::Sender<Wake>) {
    let mut watched: Option<(PathBuf, Option<RecommendedWatcher>)> = None;
    loop {
        let pause = match relay.look(&shared.hub) {
            Ok(_) => {
                shared.relay.set(None);
                shared.relay.lag(relay.lag());
                LOOK
            }
            Err(error) => {
                if shared.relay.trouble().is_none() {
                    tracing::warn!(%error, "nothing new is relayed");
                }
                shared.relay.set(Some(error.to_string()));
                // What comes back is another folder, though it may have the same name.
                watched = None;
                TROUBLE
            }
        };
        if let Some(dir) = relay.git_dir()
            && watched.as_ref().is_none_or(|(known, _)| *known != dir)
        {
            watched = Some((dir.clone(), told(&dir, wake)));
        }
        match woken.recv_timeout(pause) {
            // Many notices of one change are one.
            Ok(Wake::Changed) => {
                while let Ok(more) = woken.try_recv() {
                    if matches!(more, Wake::End) {
                        return relay.end(&shared.hub);
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return relay.end(&shared.hub),
        }
    }
}

fn told(dir: &Path, wake: &mpsc::Sender<Wake>) -> Option<RecommendedWatcher> {
    let wake = wake.clone();
    let watcher = notices::references(dir, move || drop(wake.send(Wake::Changed)));
    if watcher.is_none() {
        tracing::info!(dir = %dir.display(), "the system does not tell of changes; the repository is looked at every {} ms", LOOK.as_millis());
    }
    watcher
}
