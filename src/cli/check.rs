//! `monkeytown check`.
//! Lives here: reading the files and printing the findings. Never here: the rules.

use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, say};
use crate::config::files;
use crate::git::home::{Home, Wanted};
use crate::git::repo::Repo;
use crate::run::house;
use crate::town::check;
use crate::town::finding::any_error;

/// Check the town's files as they are in the working directory: settings, charters, memories, and that no two agents can ever
/// own the same path
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// List the rules instead
    #[arg(long)]
    rules: bool,
}

/// Runs the command.
///
/// # Errors
/// When the directory cannot be read.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    if args.rules {
        for (name, doc) in check::all_rules() {
            say::answer(&format!("{name:<28} {doc}"));
        }
        return Ok(0);
    }
    let repo = Repo::open(&context.dir)?;
    let mut checked = match repo.workdir() {
        Some(root) => check::check(&files::read(root)?),
        // A bare repository has no files but those of its default branch.
        None => check::check(&house::town_files_of(&Home::open(repo, &Wanted::None, None)?)?),
    };
    checked.findings.append(&mut checked.thinking);
    checked.findings.append(&mut checked.scenery);
    checked.findings.sort();
    if context.json {
        say::json(&json!({"charters": checked.charters.len(), "findings": checked.findings}))?;
    } else {
        say::findings(&checked.findings);
        say::answer(&format!("{} charters checked: {}", checked.charters.len(), say::count(&checked.findings)));
    }
    Ok(u8::from(any_error(&checked.findings)))
}
