//! The fold cache: the state at the last tip that was seen, in the git folder.
//! Lives here: reading and writing that file. Deleting it changes nothing but time.
//! Never here: trusting it when the journal says otherwise.

use std::path::{Path, PathBuf};

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::codec::Position;
use crate::town::fold::Town;

/// Raised whenever the meaning of the state changes, so that an older file is not taken for a newer one.
const VERSION: u32 = 3;

/// The state at a tip.
#[derive(Clone, Debug)]
pub struct Cached {
    /// The commit.
    pub tip: Oid,
    /// Where it stands.
    pub at: Position,
    /// The state after it.
    pub town: Town,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    program: String,
    tip: String,
    seq: u64,
    height: u64,
    check: String,
    town: Box<serde_json::value::RawValue>,
}

/// Where the file of one journal ref lies below the private folder.
fn path(private: &Path, reference: &str) -> PathBuf {
    private.join(format!("fold-{}.json", &blake3::hash(reference.as_bytes()).to_hex()[..16]))
}

/// Reads the cache; anything wrong with it is the same as none.
#[must_use]
pub fn read(private: &Path, reference: &str) -> Option<Cached> {
    let bytes = std::fs::read(path(private, reference)).ok()?;
    let file: File = serde_json::from_slice(&bytes).ok()?;
    let current = file.version == VERSION && file.program == env!("CARGO_PKG_VERSION");
    if !current || blake3::hash(file.town.get().as_bytes()).to_hex().as_str() != file.check {
        return None;
    }
    Some(Cached {
        tip: Oid::from_str(&file.tip).ok()?,
        at: Position { seq: file.seq, height: file.height },
        town: serde_json::from_str(file.town.get()).ok()?,
    })
}

/// Removes the cache, because the history that it knows is about to be left.
pub fn forget(private: &Path, reference: &str) {
    // One that is not there is as good as removed; one that cannot be removed cannot have been written either.
    let _ = std::fs::remove_file(path(private, reference));
}

/// Writes the cache beside and renames it into place, so that a reader never sees half of it. A failure is no
/// failure of the caller: the next start is slower, that is all.
pub fn write(private: &Path, reference: &str, cached: &Cached) {
    let write = || -> Option<()> {
        let town = serde_json::value::to_raw_value(&cached.town).ok()?;
        let file = File {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            tip: cached.tip.to_string(),
            seq: cached.at.seq,
            height: cached.at.height,
            check: blake3::hash(town.get().as_bytes()).to_hex().to_string(),
            town,
        };
        std::fs::create_dir_all(private).ok()?;
        let mut beside = tempfile::NamedTempFile::new_in(private).ok()?;
        std::io::Write::write_all(&mut beside, &serde_json::to_vec(&file).ok()?).ok()?;
        beside.persist(path(private, reference)).ok()?;
        Some(())
    };
    if write().is_none() {
        tracing::debug!("the fold cache could not be written");
    }
}
