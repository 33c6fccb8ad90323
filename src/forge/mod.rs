//! Where pull requests live.
//!
//! Lives here: the seam [`Forge`], the local forge (pull requests in the journal) and an in-memory one for tests.
//! Never here: what a pull request should say, or when one is opened.

pub mod local;
pub mod memory;

use async_trait::async_trait;

use crate::town::decide::Command;
use crate::town::event::Offer;
use crate::town::fold::Town;
use crate::town::ids::{AgentId, Oid, RunId};

/// A pull request as the forge shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullView {
    /// Its number.
    pub number: u64,
    /// Its branch.
    pub branch: String,
    /// The commit that it offers.
    pub head: Oid,
    /// Its title.
    pub title: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Where it can be looked at.
    pub url: Option<String>,
}

/// What to open or to update a pull request with.
#[derive(Clone, Debug)]
pub struct NewPull {
    /// The run that offers it.
    pub run: RunId,
    /// Whose it is.
    pub agent: AgentId,
    /// What is offered.
    pub offer: Offer,
}

/// Why the forge did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// It could not be reached; later may work.
    #[error("the forge is unavailable: {0}")]
    Unavailable(String),
    /// There is no such pull request.
    #[error("there is no pull request #{0}")]
    NotFound(u64),
    /// It refused, and trying again will not help.
    #[error("the forge refused: {0}")]
    Refused(String),
    /// What was asked contradicts what is there.
    #[error("the forge has it otherwise: {0}")]
    Conflict(String),
}

/// Where pull requests live. Every write is found again by its branch, so that doing it twice does it once.
#[async_trait(?Send)]
pub trait Forge {
    /// What the forge is called in a report.
    fn name(&self) -> &'static str;

    /// The open pull request of a branch.
    async fn find(&self, branch: &str) -> Result<Option<PullView>, ForgeError>;

    /// Opens a pull request for a branch that has none open.
    async fn open(&self, pull: &NewPull) -> Result<PullView, ForgeError>;

    /// Gives an open pull request a new head, title and body.
    async fn update(&self, number: u64, pull: &NewPull) -> Result<PullView, ForgeError>;

    /// What happened to the town's open pull requests since the journal last heard of them, as commands to record.
    async fn observe(&self, town: &Town) -> Result<Vec<Command>, ForgeError>;
}
