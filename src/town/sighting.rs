//! What was seen on a forge, whichever forge and however it was asked: the values between an adapter and a decision.
//! Lives here: shapes. Never here: how a forge says it, and what follows (see [`super::decide`]).

use chrono::{DateTime, Utc};

use super::event::{Reason, ReviewState};
use super::ids::{AgentId, Oid};
use super::settings::Role;

/// One thing that somebody did, as the forge tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, by the forge's clock.
    pub at: DateTime<Utc>,
    /// Who, by login.
    pub by: String,
    /// What that person may do in this town; nothing where they are not among its people.
    pub role: Option<Role>,
    /// What.
    pub what: Seen,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Merged a pull request.
    Merged {
        /// Which.
        number: u64,
        /// The commit on the default branch.
        commit: Oid,
        /// Whether people had changed it.
        edited: bool,
    },
    /// Closed a pull request without merging it.
    Closed {
        /// Which.
        number: u64,
        /// Why, where they said it in a way that is understood.
        reason: Option<(Reason, String)>,
    },
    /// Opened a closed pull request again.
    Reopened {
        /// Which.
        number: u64,
    },
    /// Reviewed a pull request.
    Reviewed {
        /// Which.
        number: u64,
        /// The forge's id of the review.
        id: u64,
        /// What it says.
        state: ReviewState,
        /// Its text.
        text: String,
    },
    /// Wrote a comment on a pull request.
    Commented {
        /// Which.
        number: u64,
        /// What the comment is.
        comment: CommentKind,
        /// The forge's id of it.
        id: u64,
        /// What was written.
        text: String,
    },
    /// Put a post on the board.
    Posted {
        /// The number of the issue.
        issue: u64,
        /// To whom.
        audience: Vec<AgentId>,
        /// Its title.
        title: String,
        /// Its text.
        text: String,
        /// Its other labels.
        tags: Vec<String>,
        /// When it last changed.
        updated: DateTime<Utc>,
    },
    /// Replied to a post.
    Replied {
        /// The number of the issue.
        issue: u64,
        /// The forge's id of the comment.
        id: u64,
        /// What was written.
        text: String,
        /// When the post last changed, where the reply was read with a post that is new here: it may be older than that.
        with_post: Option<DateTime<Utc>>,
    },
    /// Closed a post.
    PostClosed {
        /// The number of the issue.
        issue: u64,
    },
    /// Reacted to something.
    Reacted {
        /// To what: `pull/<number>` or `post/<id>`.
        target: String,
        /// The forge's id of the reaction.
        id: u64,
        /// Which reaction.
        kind: String,
    },
    /// Took a reaction back.
    Withdrew {
        /// From what.
        target: String,
        /// The forge's id of the reaction.
        id: u64,
        /// Which reaction.
        kind: String,
    },
}

/// Which kind of comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommentKind {
    /// On the whole pull request.
    Talk,
    /// On a line of it, as `path:line`.
    Line(String),
}

impl Seen {
    /// The pull request that it is about.
    #[must_use]
    pub const fn pull(&self) -> Option<u64> {
        match self {
            Self::Merged { number, .. }
            | Self::Closed { number, .. }
            | Self::Reopened { number }
            | Self::Reviewed { number, .. }
            | Self::Commented { number, .. } => Some(*number),
            _ => None,
        }
    }
}

/// The id of a post that is an issue.
#[must_use]
pub fn post_of(issue: u64) -> String {
    format!("issue-{issue}")
}
