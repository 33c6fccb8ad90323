//! `monkeytown schema`.
//! Lives here: printing a JSON Schema, or the description of the API. Never here: the shapes.

use clap::{Args as ClapArgs, ValueEnum};

use super::say;
use crate::serve::router;
use crate::town::{settings, world};

/// Print the JSON Schema (draft 2020-12) of a town file, for editors, or the OpenAPI 3.1 description of `serve`
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Which: `town` is .monkeytown/town.yaml, `world` .monkeytown/world.yaml, `api` what a server answers at /openapi.json
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    Town,
    World,
    Api,
}

/// Runs the command.
///
/// # Errors
/// When the schema cannot be written as JSON.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    match args.of {
        Of::Town => say::json(&settings::schema())?,
        Of::World => say::json(&world::schema())?,
        Of::Api => say::json(&router::description())?,
    }
    Ok(0)
}
