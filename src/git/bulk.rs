//! Reading very many objects of a repository that is trusted to be whole.
//! Lives here: the switch that spares libgit2 the hash of every object that it reads. Never here: reading.
//!
//! Like the `git` program, a bulk read takes the word of the object database for what an object holds; its compression has
//! a checksum of its own. What is verified (`monkeytown log verify`) or published is read with hashes.

/// As long as it lives, objects are read without being hashed. The switch is the process's own: other threads are spared
/// the same for that long, and where two of these overlap the first to end makes the other slower, nothing else.
#[derive(Debug)]
#[must_use]
pub struct Unhashed(());

impl Unhashed {
    /// Begins a bulk read.
    pub fn begin() -> Self {
        git2::opts::strict_hash_verification(false);
        Self(())
    }
}

impl Drop for Unhashed {
    fn drop(&mut self) {
        git2::opts::strict_hash_verification(true);
    }
}
