//! One turn of one agent, from claim to finish.
//!
//! Lives here: the order in which a run does things, and what it tells the agent. Never here: decisions about what may
//! happen (see [`crate::town`]), git, models.

pub mod brief;
pub mod template;

#[cfg(test)]
mod thinking;
