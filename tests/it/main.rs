//! The end-to-end tests: real repositories in temporary folders, and the real binary.
//!
//! Lives here: what a user sees of the whole program, one file per promise. Start with [`village`], the fixture that
//! every test is written in. Never here: network, clocks that run, sleeps.
#![allow(clippy::disallowed_methods, reason = "the tests start the programs of this machine")]
#![allow(clippy::zombie_processes, reason = "a killed child is waited for by its caller")]
#![allow(clippy::unwrap_used)]

mod issuer;
mod station;
mod story;
mod village;

mod action;
mod api;
mod archive;
mod bounds;
mod closing;
mod conformance;
mod crashes;
mod damage;
mod demo;
mod export;
mod gated;
mod gated_archive;
mod help;
mod hook;
mod hostile;
mod landed;
mod leaps;
mod listing;
mod live;
mod local;
mod meanwhile;
mod memory;
mod network;
mod openapi;
mod publish;
mod races;
mod refusals;
mod relay;
mod report;
mod runs;
mod said;
mod sandbox;
mod shallow;
mod shell;
mod spec;
mod spec_history;
mod stream;
mod stream_limits;
mod stream_program;
mod telling;
mod unreadable;
mod verdicts;
mod whole;
mod workflows;
mod world;
