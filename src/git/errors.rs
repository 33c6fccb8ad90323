//! What can go wrong with a repository or with its remote.
//! Lives here: one enum for the room, its variants named after the operation, and the kinds of failure
//! of a remote as data. Never here: what to do about one (the caller decides whether to wait or to stop).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use git2::Oid;

/// Why a remote did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteFailure {
    /// It could not be reached: network, name, time limit, or the repository is gone. Trying later may help.
    Unavailable(String),
    /// It does not let us: credentials, permissions, a protected branch, a hook that declined.
    Denied(String),
    /// Somebody else moved or holds the reference. Fetch, decide again, retry.
    Raced(String),
    /// It refused for another reason, in its own words.
    Refused(String),
}

impl RemoteFailure {
    /// What the remote or the program said, without credentials.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Unavailable(text) | Self::Denied(text) | Self::Raced(text) | Self::Refused(text) => text,
        }
    }
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Unavailable(_) => "the remote is unavailable",
            Self::Denied(_) => "the remote denied it",
            Self::Raced(_) => "somebody else was faster",
            Self::Refused(_) => "the remote refused it",
        };
        match self.detail() {
            "" => f.write_str(kind),
            detail => write!(f, "{kind}: {detail}"),
        }
    }
}

/// Everything that can go wrong in the git room. `Display` names the operation and never prints the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The repository is there but cannot be opened.
    #[error("open the repository at {}", .path.display())]
    OpenRepository {
        /// Where it was looked for.
        path: PathBuf,
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// Neither the folder nor any above it is a repository.
    #[error("{} is not inside a git repository; run `git init` there or name another folder", .path.display())]
    NotARepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The repository belongs to another user, so git does not trust its configuration.
    #[error("the repository at {0} belongs to another user; if you trust it: git config --global --add safe.directory {0}", .path.display())]
    NotOwned {
        /// Where it is.
        path: PathBuf,
    },
    /// There is no commit yet.
    #[error("the repository at {} has no commit yet; make a first commit", .path.display())]
    EmptyRepository {
        /// Where it is.
        path: PathBuf,
    },
    /// No branch says what the town is.
    #[error(
        "no default branch found (tried {}); set `branch:` in .monkeytown/town.yaml or check out a branch",
        .tried.join(", ")
    )]
    NoDefaultBranch {
        /// What was looked for, in order.
        tried: Vec<String>,
    },
    /// A name that git does not accept for a reference.
    #[error("{reference:?} is not a valid reference name")]
    BadReference {
        /// The name.
        reference: String,
    },
    /// A text that is not the id of an object here.
    #[error("{text:?} is not an object id of this repository")]
    BadOid {
        /// The text.
        text: String,
    },
    /// A reference could not be read.
    #[error("read reference {reference}")]
    ReadReference {
        /// Its name.
        reference: String,
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// What has the name of a branch is none.
    #[error("{reference} is no branch: {why}")]
    NoBranch {
        /// Its name.
        reference: String,
        /// What it is instead.
        why: &'static str,
        /// The reference that has to go so that it can be one.
        instead: String,
    },
    /// A reference does not exist.
    #[error("reference {reference} does not exist")]
    NoReference {
        /// Its name.
        reference: String,
    },
    /// A reference could not be written, for a reason that waiting does not mend.
    #[error("update reference {reference}")]
    UpdateReference {
        /// Its name.
        reference: String,
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// A reference is locked, and stays so.
    #[error(
        "{} is there: a git program writes that reference, or was killed while it did; remove the file where none runs",
        .lock.display()
    )]
    LockedReference {
        /// The lock.
        lock: PathBuf,
    },
    /// A reference was not where it was expected.
    #[error("reference {reference} was moved by somebody else meanwhile")]
    RacedReference {
        /// Its name.
        reference: String,
    },
    /// An object could not be read.
    #[error("read object {oid}")]
    ReadObject {
        /// Which one.
        oid: Oid,
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// An object is damaged or not what it should be.
    #[error("object {oid} is not a readable {what}")]
    BadObject {
        /// Which one.
        oid: Oid,
        /// What it should have been.
        what: &'static str,
    },
    /// An object could not be written.
    #[error("write a {what} to the repository")]
    WriteObject {
        /// What kind of object.
        what: &'static str,
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// The clone is shallow and the answer lies beyond its boundary.
    #[error("the clone is too shallow for {operation}; deepen it")]
    NeedsDepth {
        /// What was asked.
        operation: &'static str,
    },
    /// Something is larger than the town allows.
    #[error("{what} is {size}, the limit is {limit}")]
    TooLarge {
        /// What it is.
        what: String,
        /// How large it is.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// Folders are nested deeper than any honest repository does.
    #[error("folders are nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A path that must not be written.
    #[error("{path:?}: {why}")]
    BadPath {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two trees could not be compared or merged.
    #[error("merge two trees")]
    MergeTrees {
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// A fetch failed.
    #[error("fetch from {remote}: {kind}")]
    Fetch {
        /// The remote's name.
        remote: String,
        /// Why.
        kind: RemoteFailure,
    },
    /// A push failed.
    #[error("push {reference} to {remote}: {kind}")]
    Push {
        /// The remote's name.
        remote: String,
        /// The reference that failed, or what was to be pushed.
        reference: String,
        /// Why.
        kind: RemoteFailure,
    },
    /// The references of a remote could not be listed.
    #[error("list the references of {remote}: {kind}")]
    List {
        /// The remote's name.
        remote: String,
        /// Why.
        kind: RemoteFailure,
    },
    /// There is no such remote, or it has no URL.
    #[error("there is no remote named {name:?} with a URL")]
    NoRemote {
        /// Its name.
        name: String,
    },
    /// A URL that is never handed to git.
    #[error("the URL of remote {remote} is not used: {why}")]
    BadUrl {
        /// The remote's name.
        remote: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The `git` program is not installed.
    #[error("the `git` program was not found; install git 2.30 or newer and put it on PATH")]
    NoGitProgram,
    /// The `git` program is too old to be trusted with what somebody else has packed.
    #[error(
        "git {found} does not check the objects of a bundle, so {} is not taken in; install git 2.46 or newer on this \
         machine and run again, or do without the layout `split` and --queue", .path.display()
    )]
    OldGit {
        /// What it says of itself.
        found: String,
        /// The bundle.
        path: PathBuf,
    },
    /// The `git` program could not be started or watched.
    #[error("run the `git` program")]
    RunGit {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The `git` program did not end in time.
    #[error("`git {verb}` did not end within {limit:?}")]
    GitTimedOut {
        /// What it was asked to do.
        verb: String,
        /// The time it had.
        limit: Duration,
    },
    /// The configuration of the repository could not be read.
    #[error("read the repository's configuration")]
    ReadConfig {
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// A file of the git folder could not be read or written.
    #[error("{operation} {}", .path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The index of a checkout could not be read or written.
    #[error("{operation} the index")]
    Index {
        /// What was tried.
        operation: &'static str,
        /// What git said.
        #[source]
        source: git2::Error,
    },
    /// A branch is checked out somewhere, so that moving it would confuse that checkout.
    #[error("branch {branch} is checked out at {}", .path.display())]
    CheckedOut {
        /// The branch.
        branch: String,
        /// The checkout.
        path: PathBuf,
    },
    /// The user is in the middle of a merge, a rebase or the like.
    #[error("a merge, rebase or the like is not finished at {}; finish or abort it first", .path.display())]
    Unfinished {
        /// The working tree.
        path: PathBuf,
    },
    /// Work of the user that would be overwritten.
    #[error("{why}: {}; commit, stash or move them first", .paths.join(", "))]
    InTheWay {
        /// What would happen to it.
        why: &'static str,
        /// Which files.
        paths: Vec<String>,
    },
}

impl GitError {
    /// The kind of failure, where a remote was asked.
    #[must_use]
    pub fn remote_failure(&self) -> Option<&RemoteFailure> {
        match self {
            Self::Fetch { kind, .. } | Self::Push { kind, .. } | Self::List { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// Whether the world was unavailable, so that the same thing may work later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.remote_failure(), Some(RemoteFailure::Unavailable(_))) || matches!(self, Self::GitTimedOut { .. })
    }

    /// Whether somebody else was faster, so that the caller should look again and retry.
    #[must_use]
    pub fn is_raced(&self) -> bool {
        matches!(self.remote_failure(), Some(RemoteFailure::Raced(_))) || matches!(self, Self::RacedReference { .. })
    }

    /// Whether a deeper clone would give the answer.
    #[must_use]
    pub fn needs_depth(&self) -> bool {
        matches!(self, Self::NeedsDepth { .. })
    }

    /// Whether what is stored is at fault: missing, damaged, or more than is ever read. Whoever may push to a branch can make
    /// that branch so, and nothing but what asks for that branch has to stop for it.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::ReadReference { .. }
                | Self::NoBranch { .. }
                | Self::BadReference { .. }
                | Self::BadOid { .. }
                | Self::ReadObject { .. }
                | Self::BadObject { .. }
                | Self::TooLarge { .. }
                | Self::TooDeep { .. }
                | Self::BadPath { .. }
                | Self::MergeTrees { .. }
        )
    }

    /// Whether the same may be read another time, though the references stand where they do: the disk failed, too much was open, or
    /// an object that is missing comes.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::ReadReference { .. } | Self::ReadObject { .. } | Self::MergeTrees { .. } | Self::NeedsDepth { .. }
        )
    }

    /// The failure with what git said about it, in one line.
    #[must_use]
    pub fn whole(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }

    pub(super) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }

    pub(super) fn write(what: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::WriteObject { what, source }
    }

    /// A failure to read this object.
    pub fn read(oid: Oid) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::ReadObject { oid, source }
    }

    pub(super) fn bad_path(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self::BadPath { path: path.into(), why: why.into() }
    }
}
