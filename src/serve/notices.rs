//! Being told by the system when a repository changes.
//! Lives here: which folders are watched, and which notices count. Never here: looking at what changed; who is never told still
//! looks from time to time (see [`super::server`]).

use std::path::Path;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// Watches the references of the repository with this git folder, and calls `changed` when one may have moved. `None` where the
/// system cannot tell.
#[must_use]
pub fn references(git_dir: &Path, changed: impl Fn() + Send + 'static) -> Option<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        // Reading is no change: our own looks would wake us.
        let read = |kind: &EventKind| matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write));
        if event.as_ref().map_or(true, |event| !read(&event.kind)) {
            changed();
        }
    };
    let mut watcher = notify::recommended_watcher(told).ok()?;
    // Loose references are files below `refs`; packed ones are a file beside it.
    watcher.watch(&git_dir.join("refs"), RecursiveMode::Recursive).ok()?;
    watcher.watch(git_dir, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
