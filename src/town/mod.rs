//! The town: what it is, what may happen in it, and what follows from what happened. PURE.
//!
//! Lives here: values and the rules over them. Time, ids, randomness, files and settings come in as
//! arguments, so everything here is a function that a table of cases can test.
//! Never here: git, the network, the clock, the environment, async.
//! Start with [`event`] for the vocabulary, [`fold`] for the state, [`decide`] for what is allowed.

pub mod board;
pub mod briefing;
pub mod changeset;
pub mod charter;
pub mod check;
pub mod decide;
pub mod envelope;
pub mod event;
pub mod facts;
pub mod finding;
pub mod fold;
pub mod gate;
pub mod happened;
pub mod ids;
pub mod limits;
pub mod markdown;
pub mod memory;
pub mod models;
pub mod network;
pub mod outgoing;
pub mod overlap;
pub mod ownership;
pub mod page;
pub mod path;
pub mod pattern;
pub mod prices;
pub mod roles;
pub mod schedule;
pub mod secrets;
pub mod settings;
pub mod sighting;
pub mod slash;
pub mod spec;
pub mod starter;
pub mod step;
pub mod text;
pub mod transcript;
pub mod turn;
pub mod workflows;
pub mod world;
pub mod yaml;
