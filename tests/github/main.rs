//! monkeytown and GitHub, without GitHub: a fake of our own stands in for it.
//!
//! Lives here: the fake, what it promises, and what is tested with it. Never here: the network, sleeps. Start with
//! [`fake::FakeGithub`].
#![allow(clippy::disallowed_methods, reason = "the fake has a clock of its own, and the tests start programs")]
#![allow(clippy::unwrap_used)]

mod fake;
mod http;
mod runner;
#[path = "../it/story.rs"]
mod story;

mod day;
mod killed;
mod life;
mod queued;
mod selftest;
mod selftest_git;
mod split;
mod trouble;
mod webhook;
