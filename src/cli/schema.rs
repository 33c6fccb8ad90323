//! `monkeytown schema`.
//! Lives here: printing a JSON Schema. Never here: the shapes.

use clap::{Args as ClapArgs, ValueEnum};

use super::say;
use crate::town::settings;

/// Print the JSON Schema (draft 2020-12) of a town file, for editors
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Which file: `town` is .monkeytown/town.yaml
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    Town,
}

/// Runs the command.
///
/// # Errors
/// When the schema cannot be written as JSON.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    match args.of {
        Of::Town => say::json(&settings::schema())?,
    }
    Ok(0)
}
