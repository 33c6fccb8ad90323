//! One run of one agent, from claim to report.
//!
//! Lives here: the ten steps of a run, one file each, and the value that says how it went.
//! Never here: what is allowed ([`crate::town::decide`]), what the next step of a turn is ([`crate::town::turn`]), how git
//! or a forge is spoken to. Start with [`run`].

mod asking;
pub mod brief;
pub mod checkpoint;
pub mod claim;
pub mod courier;
pub mod deliver;
mod ending;
pub mod facts;
pub mod house;
pub mod phases;
pub mod propose;
pub mod publish;
pub mod purse;
pub mod queue;
mod relay;
pub mod report;
mod said;
mod sandboxed;
pub mod stand;
pub mod template;
pub mod think;
#[cfg(test)]
mod thinking;
pub mod turn;
pub mod verdict;
pub mod workflow;

use chrono::{DateTime, Utc};

use crate::brain::{BrainError, Key};
use crate::forge::ForgeError;
use crate::git::errors::GitError;
use crate::git::journal::JournalError;
use crate::git::journal::sync::JoinStep;
use crate::senses::SenseError;
use crate::town::decide::Rejected;
use crate::town::envelope::Stamp;
use crate::town::finding::Finding;
use crate::town::fold::Pull;
use crate::town::ids::{AgentId, RunId, Slot};

pub use self::deliver::{briefing, run};
use self::house::House;
pub use self::report::{Ending, Report};

/// What the caller wants run.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who.
    pub agent: AgentId,
    /// For which slot.
    pub slot: SlotChoice,
    /// What shall think instead of what the charter and the town say.
    pub brain: Option<String>,
    /// A task besides the charter's.
    pub task: Option<String>,
    /// Whether nothing may be written anywhere.
    pub dry_run: bool,
}

/// Which slot a run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotChoice {
    /// The planned one when a schedule started us, else one of its own.
    Auto,
    /// The latest planned one.
    Planned,
    /// This one.
    Named(Slot),
}

/// What the edge gives a run: the clock, randomness, what started the process, and somebody who watches.
pub struct Edge<'a> {
    /// The moment that it is.
    pub now: &'a dyn Fn() -> DateTime<Utc>,
    /// Randomness for ids.
    pub random: &'a dyn Fn() -> u128,
    /// Whether a schedule started the process.
    pub scheduled: bool,
    /// The variables that commands of the project find their tools by.
    pub tools: Vec<(String, String)>,
    /// This program's own file, which is what locks commands of agents in.
    pub program: Option<std::path::PathBuf>,
    /// The keys of providers, by the variable that holds them.
    pub keys: Vec<(String, Key)>,
    /// Values that must never be shown or stored.
    pub secrets: Vec<String>,
    /// Who holds the leases of this process, where that is more than this clone: the jobs of one workflow run hold theirs
    /// together.
    pub holder: Option<String>,
    /// Who held the leases of the process whose queue this one has taken over: it is dead, so they are ours.
    pub holder_before: Option<String>,
    /// Who is told what happens.
    pub watch: &'a dyn Fn(&Progress),
}

impl Edge<'_> {
    /// The moment and the randomness for one append.
    #[must_use]
    pub fn stamp(&self, town: &str) -> Stamp {
        Stamp { time: (self.now)(), source: source_of(town), random: (self.random)() }
    }

    /// Tells whoever watches.
    pub fn tell(&self, progress: &Progress) {
        (self.watch)(progress);
    }
}

/// The town's name as a URI reference (CloudEvents 1.0, section "source").
#[must_use]
pub fn source_of(town: &str) -> String {
    let slug: String =
        town.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("/towns/{}", slug.trim_matches('-'))
}

/// What happens during a run, for whoever watches. Each names a moment after which the process may die.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The repository and the town's files were read.
    Opened {
        /// The commit that everything is read from.
        base: String,
        /// Where the town lives.
        home: String,
    },
    /// What waited here is being joined with the remote's journal.
    Joining {
        /// How far that is.
        step: JoinStep,
    },
    /// The forge was asked and what was new is recorded.
    Synced {
        /// What was new, as sentences.
        news: Vec<String>,
        /// Whether remote and forge could be reached.
        online: bool,
    },
    /// What comments ask of the forge is done there, and nothing of it is recorded yet.
    CarriedOut,
    /// Something of what was seen on the forge is recorded.
    Observed {
        /// How many events.
        events: usize,
    },
    /// The slot is ours.
    Claimed {
        /// The run.
        run: RunId,
        /// The slot.
        slot: Slot,
        /// Whether a run that had died goes on.
        resumed: bool,
    },
    /// The briefing is ready.
    Briefed {
        /// Its size in tokens, estimated.
        tokens: u64,
        /// Sections that did not fit.
        left_out: Vec<String>,
    },
    /// The brain is about to be asked.
    Asking {
        /// Which turn.
        turn: u32,
    },
    /// The brain has answered.
    Thinking {
        /// Which turn.
        turn: u32,
        /// What it said, in a few words.
        says: String,
    },
    /// A step of the turn is written down.
    Replied {
        /// Which turn.
        turn: u32,
    },
    /// A tool is about to be used.
    Using {
        /// The tool.
        tool: String,
    },
    /// A tool call's result is written down.
    Called {
        /// The tool.
        tool: String,
        /// What it was about.
        about: String,
        /// Whether it succeeded.
        ok: bool,
    },
    /// The gate has spoken.
    Gated {
        /// What it found.
        findings: Vec<Finding>,
        /// How many files differ.
        files: usize,
    },
    /// What will be published is recorded.
    Proposed {
        /// The title.
        title: String,
    },
    /// The branch is published.
    Pushed {
        /// The branch.
        branch: String,
    },
    /// A question stands on the pull request, and is not recorded yet.
    Asked {
        /// Which.
        number: u64,
    },
    /// The forge has the pull request.
    Opening {
        /// Its number.
        number: u64,
    },
    /// The pull request is recorded.
    Published {
        /// Its number.
        number: u64,
        /// Whether it is new.
        opened: bool,
    },
    /// The run has ended.
    Finished {
        /// How.
        outcome: String,
    },
}

impl Progress {
    /// The name of the moment, as tests that kill the process use it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Joining { step } => step.name(),
            Self::Synced { .. } => "synced",
            Self::CarriedOut => "carried-out",
            Self::Observed { .. } => "observed",
            Self::Claimed { .. } => "claimed",
            Self::Briefed { .. } => "briefed",
            Self::Asking { .. } => "asking",
            Self::Thinking { .. } => "thinking",
            Self::Replied { .. } => "replied",
            Self::Using { .. } => "using",
            Self::Called { .. } => "called",
            Self::Gated { .. } => "gated",
            Self::Proposed { .. } => "proposed",
            Self::Pushed { .. } => "pushed",
            Self::Asked { .. } => "asked",
            Self::Opening { .. } => "opening",
            Self::Published { .. } => "published",
            Self::Finished { .. } => "finished",
        }
    }
}

/// Why a run could not come to a report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The town's files are not in order.
    #[error("the town's files on {branch} are not in order; `monkeytown check` lists what to mend")]
    TownFiles {
        /// The default branch.
        branch: String,
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// This repository is no town on its default branch.
    #[error("{branch} has no .monkeytown/town.yaml; run `monkeytown init`, then commit what it wrote to {branch}")]
    NotATown {
        /// The default branch.
        branch: String,
    },
    /// There is no such agent.
    #[error("there is no agents/{agent}.md on {branch}; its agents are: {known}")]
    NoAgent {
        /// Who was asked for.
        agent: AgentId,
        /// The default branch.
        branch: String,
        /// Who there is.
        known: String,
    },
    /// The agent has no schedule, and a planned slot was asked for.
    #[error("{agent} has no schedule in its charter, so it has no planned slot; use --slot NAME")]
    NoSchedule {
        /// Who.
        agent: AgentId,
    },
    /// What shall think is not known or cannot be used.
    #[error("brain {given:?}: {why}")]
    NoBrain {
        /// What was asked for.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// The pull requests cannot live where the town's settings say.
    #[error("{0}")]
    NoForge(String),
    /// The senses could not read the base.
    #[error(transparent)]
    Senses(#[from] SenseError),
    /// What was handed over between jobs is not taken.
    #[error(transparent)]
    Handover(#[from] phases::HandoverError),
    /// What waited for another machine cannot be read or written.
    #[error(transparent)]
    Queue(#[from] queue::QueueError),
    /// A prompt template does not render.
    #[error("{0}")]
    Prompt(String),
    /// The state forbids it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The forge failed.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The brain failed.
    #[error("the brain failed")]
    Brain(#[from] BrainError),
    /// A checkpoint could not be written.
    #[error("write the run's checkpoint")]
    Checkpoint(#[source] serde_json::Error),
    /// The agent's branch holds what cannot be read.
    #[error("{branch} cannot be read ({why}), so {agent} starts no run; {remedy}")]
    Unreadable {
        /// Who.
        agent: AgentId,
        /// Its branch.
        branch: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The branch moved each time that we wanted to publish.
    #[error("the branch {0} moved each time the work was to be published; run again")]
    Unsettled(String),
}

impl RunError {
    /// The branch of an agent cannot be read, on which its open pull request stands, if it has one.
    fn unreadable(house: &House, pull: Option<&Pull>, agent: &AgentId, error: &GitError) -> Self {
        let branch = agent.branch();
        let home = &house.home;
        let delete = match (error, home.remote.as_ref()) {
            // Git itself does not delete a reference that it cannot read.
            (GitError::ReadReference { .. }, _) => {
                format!("rm '{}'", home.repo.common_dir().join(home.reference(&branch)).display())
            }
            (error, remote) => {
                let name = match error {
                    GitError::NoBranch { instead, .. } => instead.clone(),
                    _ => home.reference(&branch),
                };
                match remote {
                    Some(remote) => {
                        let short = name.strip_prefix(&remote.tracking("")).unwrap_or(&name);
                        format!("git push {} --delete {short}", remote.name)
                    }
                    // Never what it may be another name for.
                    None => format!("git update-ref --no-deref -d {name}"),
                }
            }
        };
        let remedy = match pull {
            Some(Pull { url: Some(url), .. }) => format!("close {url}, and delete the branch (`{delete}`)"),
            Some(pull) => format!(
                "reject its pull request (`monkeytown pulls reject {} --reason other`), and delete the branch (`{delete}`)",
                pull.number
            ),
            None => format!("delete the branch (`{delete}`), which has no open pull request"),
        };
        Self::Unreadable { agent: agent.clone(), branch, why: error.whole(), remedy }
    }

    /// Whether trying again later can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Journal(error) => error.is_unavailable(),
            Self::Git(error) => error.is_unavailable(),
            Self::Forge(error) => error.is_unavailable(),
            Self::Unsettled(_) => true,
            _ => false,
        }
    }

    /// Whether the caller has to mend something before it can work: usage, configuration, the town's files.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        if let Self::Forge(error) = self {
            return error.is_configuration();
        }
        matches!(
            self,
            Self::TownFiles { .. }
                | Self::NotATown { .. }
                | Self::NoAgent { .. }
                | Self::NoSchedule { .. }
                | Self::NoBrain { .. }
                | Self::NoForge(_)
                | Self::Queue(queue::QueueError::Refused { .. })
                | Self::Git(GitError::OldGit { .. })
                | Self::Unreadable { .. }
                | Self::Prompt(_)
        )
    }
}
