//! `monkeytown init`.
//! Lives here: writing the starter files that are not there. Never here: their content.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::{Context, Usage, say};
use crate::config::files;
use crate::git::repo::Repo;
use crate::town::starter::{self, Set, StarterFile};

/// Make this repository a town: write its settings and charters. Nothing that exists is overwritten
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Which agents: the nine monkeys, the eight of the OpenSpec workflow, or all seventeen
    #[arg(long, value_enum, default_value_t = With::Monkeys)]
    with: With,
    /// The town's name; the folder's name when left out
    #[arg(long)]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum With {
    Monkeys,
    Openspec,
    All,
}

/// Runs the command.
///
/// # Errors
/// When there is no working directory, or a file cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let repo = Repo::open(&context.dir)?;
    let Some(root) = repo.workdir().map(std::path::Path::to_path_buf) else {
        return Err(Usage("this repository is bare; run `monkeytown init` in a clone of it".to_owned()).into());
    };
    let folder = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = args.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or(folder);
    let set = match args.with {
        With::Monkeys => Set::Monkeys,
        With::Openspec => Set::Openspec,
        With::All => Set::All,
    };
    let plan = write_starter(&root, &name, set)?;
    let paths = |kept: bool| plan.iter().filter(move |file| file.exists == kept).map(|file| file.path.clone());
    let (wrote, kept): (Vec<String>, Vec<String>) = (paths(false).collect(), paths(true).collect());
    if context.json {
        say::json(&json!({"wrote": wrote, "kept": kept}))?;
        return Ok(0);
    }
    for path in &wrote {
        say::answer(&format!("wrote {path}"));
    }
    for path in &kept {
        say::answer(&format!("kept  {path} (it was there)"));
    }
    say::answer(starter::next_steps(&plan, repo.head_branch()?.as_deref()).trim_end());
    Ok(0)
}

/// Writes what is not there, and says what was planned.
///
/// # Errors
/// When a file cannot be written.
pub fn write_starter(root: &std::path::Path, name: &str, set: Set) -> anyhow::Result<Vec<StarterFile>> {
    let existing: BTreeSet<String> = files::read(root)?.all_paths.into_iter().collect();
    let plan = starter::plan(&existing, name, set);
    for file in plan.iter().filter(|file| !file.exists) {
        write_new(root, &file.path, file.content.as_bytes())?;
    }
    Ok(plan)
}

/// Writes a file that must not exist yet, below folders that must not be links: beside first, then into place.
fn write_new(root: &std::path::Path, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let target = root.join(path);
    let mut folder = root.to_path_buf();
    for part in std::path::Path::new(path).parent().into_iter().flat_map(std::path::Path::components) {
        folder.push(part);
        if fs::symlink_metadata(&folder).is_ok_and(|meta| !meta.is_dir()) {
            return Err(Usage(format!("{} is not a folder; move it away first", folder.display())).into());
        }
    }
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut beside = tempfile::NamedTempFile::new_in(&folder).with_context(|| format!("write {path}"))?;
    beside.write_all(bytes).with_context(|| format!("write {path}"))?;
    set_readable(beside.as_file())?;
    beside.persist_noclobber(&target).map_err(|error| error.error).with_context(|| format!("write {path}"))?;
    Ok(())
}

#[cfg(unix)]
pub(super) fn set_readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // A temporary file is private; a file of the repository is not.
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
pub(super) fn set_readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}
