//! `monkeytown export`: the town as files for any static host.
//! Lives here: arguments, opening the town, the answer. Never here: what is written, and how.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, Usage, open, run, say};
use crate::git::journal::Journal;
use crate::serve::About;
use crate::serve::api::desk::{Desk, Failure};
use crate::serve::assets::PAGE;
use crate::serve::export::folder::{Folder, FolderError};
use crate::serve::export::{self, ExportError};

/// Write the town as files that any web server can show: the page, what it shows, all of history
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
All of it is of one moment of the repository, and the same moment gives the same bytes. An export that
is in DIR already is replaced whole: who looks sees the old one or the new one. Where DIR holds anything
else, nothing is written, and the first such file is named.
Exit codes: 0 written · 1 the journal is damaged · 2 DIR cannot be written, or here is no town · 3 try
again later
Examples:
  monkeytown export site
  monkeytown export site --json")]
pub struct Args {
    /// The folder to write; it need not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The remote where the town lives, or `none`: show what is in this clone
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When there is no town here, it cannot be read, or the folder cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let house = open::house(context, args.remote.as_deref())?;
    let source = open::Source::new(context)?;
    let mut folder = Folder::begin(&args.folder, &house.home.repo).map_err(|error| plainly(error.into()))?;
    let journal = Journal::new(&house.home.repo, house.home.remote.as_ref());
    open::sync(context, &journal, &source.stamp(&house.settings.name))?;
    if house.home.repo.is_shallow() {
        // Fetches what a shallow clone lacks of the journal.
        journal.commits_after(0)?;
    }
    let about = About {
        name: house.settings.name.clone(),
        description: house.settings.purpose(),
        source: crate::run::source_of(&house.settings.name),
        branch: house.home.branch.clone(),
        ..About::default()
    };
    let remote = house.home.remote.as_ref().map(|remote| remote.name.clone());
    let now = source.now();
    let desk = Desk::new(open::opener(context, remote, about.branch.clone()), Box::new(move || now));
    let halt = context.env.halt_at().map(str::to_owned);
    let step = |name: &str| run::halt(halt.as_deref(), name);
    step("begun");
    let done = export::write(&desk, &about, &mut folder, &step).map_err(plainly)?;
    let place = folder.finish(&done, &step).map_err(|error| plainly(error.into()))?;
    if PAGE.files.is_empty() {
        say::story(context, &format!("warning: this program has no page to show the town with: {}", PAGE.missing));
    }
    if context.json {
        let mut answer = json!({"dir": place});
        if let (Some(answer), serde_json::Value::Object(done)) = (answer.as_object_mut(), serde_json::to_value(&done)?)
        {
            answer.extend(done);
        }
        say::json(&answer)?;
    } else {
        let at = done.head.as_deref().map_or("an empty journal", |head| &head[..12]);
        say::answer(&format!(
            "wrote {}, {} bytes, to {}: the town after event {} ({at})",
            say::many(done.files, "file"),
            done.bytes,
            args.folder.display(),
            done.seq
        ));
    }
    Ok(0)
}

/// The error as the room below has it, from which the exit code follows. What the caller has to mend is a mistake of usage.
fn plainly(error: ExportError) -> anyhow::Error {
    match error {
        ExportError::Answer(Failure::Git(error)) => error.into(),
        ExportError::Answer(Failure::Journal(error)) => error.into(),
        ExportError::Folder(error) if !matches!(error, FolderError::Busy(_)) => Usage(error.to_string()).into(),
        other => other.into(),
    }
}
