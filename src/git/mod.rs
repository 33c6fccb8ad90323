//! The repository: its objects, its branches, the journal and the private workspace of a run.
//!
//! Lives here: everything that reads or writes git, on git2 for objects and the `git` program for the network.
//! Never here: decisions (see [`crate::town`]), pull requests, models.

pub mod files;
