//! Where pull requests live.
//!
//! Lives here: the seam [`Forge`], the local forge (pull requests in the journal) and an in-memory one for tests.
//! Never here: what a pull request should say, or when one is opened.

pub mod github;
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
    /// It could not be reached; later may work. A write may have arrived all the same.
    #[error("the forge is unavailable: {0}")]
    Unavailable(String),
    /// It wants no more calls until then.
    #[error("the forge wants no more calls until {}: {what}", .until.format("%F %T UTC"))]
    RateLimited {
        /// What was asked and answered.
        what: String,
        /// Until when.
        until: chrono::DateTime<chrono::Utc>,
    },
    /// The token is not good.
    #[error("the forge does not know the token: {0}; is it expired, or for another host?")]
    Unauthorized(String),
    /// The token may not do that.
    #[error("the forge forbids it: {what}{}", needs(.permission))]
    Forbidden {
        /// What was asked and answered.
        what: String,
        /// Which permission it would take, where the forge says so.
        permission: String,
    },
    /// The repository does not let its workflows open pull requests.
    #[error(
        "{0}; in the repository's Settings → Actions → General → Workflow permissions, tick “Allow GitHub Actions to \
         create and approve pull requests” (an organisation may have to allow it first), or use the token of a GitHub App"
    )]
    MayNotOpen(String),
    /// It is not there, or not for this token's eyes.
    #[error("the forge does not find it: {0}; is the repository's name right, and may the token read it?")]
    NotFound(String),
    /// It cannot be as it was asked for.
    #[error("the forge finds it invalid: {0}")]
    Invalid(String),
    /// It refused, and trying again will not help.
    #[error("the forge refused: {0}")]
    Refused(String),
    /// Pull requests of the local forge stand in the way of its own.
    #[error("{0}")]
    Numbers(String),
    /// The answer is larger than any that is read.
    #[error("the forge's answer is too large: {0}")]
    TooLarge(String),
    /// What was asked contradicts what is there.
    #[error("the forge has it otherwise: {0}")]
    Conflict(String),
}

fn needs(permission: &str) -> String {
    if permission.is_empty() {
        "; look at the `permissions` of the workflow's job, or of the token".to_owned()
    } else {
        format!("; the token needs the permission {permission}")
    }
}

impl ForgeError {
    /// Whether later may work.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::RateLimited { .. })
    }

    /// Whether somebody has to mend a setting or a token first.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_) | Self::Forbidden { .. } | Self::MayNotOpen(_) | Self::NotFound(_) | Self::Numbers(_)
        )
    }
}

/// Where pull requests live. Every write is found again by its branch, so that doing it twice does it once.
#[async_trait(?Send)]
pub trait Forge {
    /// What the forge is called in a report.
    fn name(&self) -> &'static str;

    /// Whether it can be asked later what happened, so that nothing has to be recorded at once.
    fn remembers(&self) -> bool {
        false
    }

    /// The open pull request of a branch.
    async fn find(&self, branch: &str) -> Result<Option<PullView>, ForgeError>;

    /// Opens a pull request for a branch that has none open.
    async fn open(&self, pull: &NewPull) -> Result<PullView, ForgeError>;

    /// Gives an open pull request a new head, title and body.
    async fn update(&self, number: u64, pull: &NewPull) -> Result<PullView, ForgeError>;

    /// Says on a pull request what a run has to say; doing it twice for a run says it once. The words are recorded besides, so
    /// that a forge which lives in the journal has nothing to do.
    async fn comment(&self, _number: u64, _run: &RunId, _text: &str) -> Result<(), ForgeError> {
        Ok(())
    }

    /// Carries out what people asked of the forge itself in what was observed, before it is recorded; doing it twice does it
    /// once.
    async fn carry_out(&self, _town: &Town, _seen: &[Command]) -> Result<(), ForgeError> {
        Ok(())
    }

    /// A pull request of this branch that offered exactly this commit and is closed by now, with what became of it: a run
    /// died between opening and recording it, and people were faster than the next one.
    async fn past(&self, _branch: &str, _head: &Oid) -> Result<Option<(PullView, Command)>, ForgeError> {
        Ok(None)
    }

    /// What happened to the town's open pull requests since the journal last heard of them, as commands to record.
    async fn observe(&self, town: &Town) -> Result<Vec<Command>, ForgeError>;
}
