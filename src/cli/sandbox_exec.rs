//! `monkeytown sandbox-exec`, hidden: the two helpers that run a command in the sandbox.
//! Lives here: where their orders come from and where their reports go. Never here: what they do.

use clap::Args as ClapArgs;

/// Runs a command in the sandbox; for monkeytown itself, which writes what is to be done to the standard input
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Lock this process in as the JSON says, and become the command
    #[arg(long, value_name = "JSON")]
    inside: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the order cannot be read.
#[cfg(target_os = "linux")]
pub fn run(args: &Args) -> anyhow::Result<u8> {
    use std::io::{self, BufRead as _, Write as _};
    use std::os::fd::AsFd as _;

    use super::{Usage, say};
    use crate::tools::sandbox::{inside, supervise};

    if let Some(locks) = &args.inside {
        let locks = serde_json::from_str(locks).map_err(|error| Usage(format!("--inside: {error}")))?;
        let (why, code) = inside::inside(&locks);
        if let Some(why) = why {
            let _ = writeln!(io::stderr(), "{why}");
        }
        return Ok(u8::try_from(code).unwrap_or(1));
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let order = serde_json::from_str(&line).map_err(|error| Usage(format!("the order: {error}")))?;
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    let report = supervise::supervise(&order, io::stdin(), output);
    say::raw(&serde_json::to_string(&report)?);
    Ok(0)
}

/// Says that there is no sandbox on this system.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn run(_: &Args) -> anyhow::Result<u8> {
    Err(super::Usage("there is no sandbox on this system; it needs Linux".to_owned()).into())
}
