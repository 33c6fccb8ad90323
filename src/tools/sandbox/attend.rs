//! Answering behind a door: a socket of ours, and a thread that serves who comes through it.
//! Lives here: the socket, the thread, how many are served at once. Never here: what is answered (see `proxy`, and the relay
//! to a model in the room `run`).

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long to wait where no connection can be taken, such as where all files are open.
const PAUSE: Duration = Duration::from_millis(50);

/// A place among those that are served at once; free again when the last copy is gone.
pub type Slot = Arc<OwnedSemaphorePermit>;

/// Somebody who answers at a socket.
pub struct Attendant {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attendant {
    /// Answers at `socket`, at most `most` at once, until it is dismissed; `serve` starts to serve one.
    ///
    /// # Errors
    /// Where there can be no such socket or thread.
    pub fn at(socket: &Path, most: usize, serve: impl Fn(UnixStream, Slot) + Send + 'static) -> std::io::Result<Self> {
        // One of an earlier command.
        let _ = std::fs::remove_file(socket);
        let listener = std::os::unix::net::UnixListener::bind(socket)?;
        // Nobody else comes as far as its folder; the command may be another user than we are.
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("door".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = UnixListener::from_std(listener) else { return };
                tokio::select! {
                    () = accept(&listener, most, serve) => {}
                    _ = stopped => {}
                }
            });
            // A name that is still being looked up is not waited for; everything else ends here.
            runtime.shutdown_background();
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends it. Nothing is served any more afterwards.
    pub fn dismiss(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.end();
    }
}

async fn accept(listener: &UnixListener, most: usize, serve: impl Fn(UnixStream, Slot)) {
    let slots = Arc::new(Semaphore::new(most));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => serve(stream, Arc::new(slot)),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
