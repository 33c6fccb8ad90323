//! The repository: its objects, its branches, the journal and the private workspace of a run.
//!
//! Lives here: everything that reads or writes git, on git2 for objects and the `git` program for the network.
//! Never here: decisions (see [`crate::town`]), pull requests, models.
//!
//! Start with [`repo`] (opening), then [`objects`] (writing), [`history`] (who comes after whom),
//! [`remote`] (fetch and push) and [`workspace`] (what a run works in).

pub mod advance;
mod answer;
pub mod branch;
pub mod bulk;
pub mod bundle;
pub mod changes;
pub mod errors;
pub mod files;
pub mod folder;
pub mod history;
pub mod home;
pub mod ignore;
pub mod journal;
pub mod landing;
mod locks;
pub mod merge;
mod net;
pub mod objects;
pub mod plain;
pub mod program;
pub mod propose;
pub mod remote;
pub mod repo;
pub mod spec_archive;
pub mod spec_history;
pub mod spec_origin;
pub mod spec_tree;
pub mod system;
pub mod town_files;
mod version;
pub mod workspace;

#[cfg(test)]
mod tests;

pub use errors::{GitError, RemoteFailure};
pub use git2::Oid;
pub use repo::Repo;
