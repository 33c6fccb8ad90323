//! monkeytown
#![warn(missing_docs)]
pub mod brain;
pub mod git;
pub mod run;
pub mod senses;
pub mod tools;
pub mod town;
