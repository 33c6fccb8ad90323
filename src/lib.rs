//! monkeytown turns a git repository into a town of agents. Each agent is a file, `agents/<name>.md`: it reads the
//! repository as its event log, writes only the paths that it owns, passes the gate, and keeps one pull request open that
//! people merge or reject. What happened is kept in the journal, a branch of the same repository, and folding the journal
//! is the only state there is. This page is the map; every file opens with what lives in it and what never will.
//!
//! ```text
//! git log ─► events ─► fold ─► Town ─► briefing ─► brain ⇄ tools ─► changeset ─► gate ─► commit ─► pull request ─► verdict ─► journal
//! ```
//!
//! Each room uses only the rooms that its row in `tests/architecture.rs` allows:
//!
//! - [`town`] decides: events, fold, charters, ownership, the gate. Pure: no clock, no files, no git.
//! - [`config`] reads the environment, the clock and files of a working directory, and nobody else does.
//! - [`git`] keeps the journal and the working tree, and talks to remotes.
//! - [`forge`] is where pull requests live.
//! - [`http`] sends requests and reads answers within bounds.
//! - [`brain`] is what thinks: the embedded one without a model, a script, a recording.
//! - [`senses`] reads facts off the repository for a briefing.
//! - [`tools`] is what an agent may call.
//! - [`run`] is one turn of one agent, from claim to report.
//! - [`serve`] relays what happens to browsers, and answers what they ask.
//! - [`cli`] is one thin file per command, and the place where all of it is put together.
//!
//! To follow one turn through the code, start with [`run::run`].
#![warn(missing_docs)]
pub mod brain;
pub mod cli;
pub mod config;
pub mod forge;
pub mod git;
pub mod http;
pub mod run;
pub mod senses;
pub mod serve;
pub mod tools;
pub mod town;
