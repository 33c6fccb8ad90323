//! monkeytown
#![warn(missing_docs)]
pub mod git;
pub mod senses;
pub mod town;
