//! `monkeytown workflows`.
//! Lives here: reading and writing the folder of workflows. Never here: what stands in a workflow.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, Usage, say};
use crate::config::files;
use crate::git::repo::Repo;
use crate::town::check;
use crate::town::facts::count_of;
use crate::town::finding::{Finding, any_error};
use crate::town::workflows::{self, Existing, FOLDER, Plan, WORKFLOW_BYTES};

/// Write the town's workflows for GitHub Actions, as settings and charters in the working directory ask for them: one for
/// each charter with a schedule, and two that all share
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Files in .github/workflows/ that were made by hand are never changed.
Exit codes:
  0  the workflows are as they should be
  1  --check: one is missing, differs or is superfluous; else: something is in the way")]
pub struct Args {
    /// Write nothing, and say what differs
    #[arg(long)]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// When the directory cannot be read or a file cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    let repo = Repo::open(&context.dir)?;
    let Some(root) = repo.workdir().map(Path::to_path_buf) else {
        return Err(Usage("this repository is bare; run `monkeytown workflows` in a clone of it".to_owned()).into());
    };
    let checked = check::check(&files::read(&root)?);
    let mut findings: Vec<_> = checked.findings.into_iter().filter(Finding::is_error).collect();
    let mut plan = Plan::default();
    // Files that are not in order ask for nothing that could be relied on.
    if let Some(settings) = checked.settings.filter(|_| findings.is_empty()) {
        let rendered = workflows::render(&settings, &checked.charters)?;
        findings = rendered.findings;
        if !any_error(&findings) {
            plan = workflows::plan(&rendered.files, &existing(&root)?);
            let blocked = plan.is_blocked();
            if args.check || blocked {
                findings.append(&mut plan.findings);
                (plan.write, plan.remove) = Default::default();
            }
        }
    }
    apply(&root, &plan)?;
    answer(context, args, &plan, &findings)?;
    Ok(u8::from(any_error(&findings)))
}

fn answer(context: &Context, args: &Args, plan: &Plan, findings: &[Finding]) -> anyhow::Result<()> {
    let wrote: Vec<&String> = plan.write.keys().collect();
    if context.json {
        return say::json(&json!({
            "wrote": wrote, "removed": plan.remove, "unchanged": plan.unchanged, "findings": findings,
        }));
    }
    for path in wrote {
        say::answer(&format!("wrote   {path}"));
    }
    for path in &plan.remove {
        say::answer(&format!("removed {path}"));
    }
    say::findings(findings);
    let unchanged = count_of(plan.unchanged, "workflow");
    if args.check || !findings.is_empty() {
        say::answer(&format!("{unchanged} as they should be: {}", say::count(findings)));
    } else {
        let (wrote, removed) = (plan.write.len(), plan.remove.len());
        say::answer(&format!("{unchanged} as they were, {wrote} written, {removed} removed"));
    }
    Ok(())
}

/// The folder of workflows, if it is there and is one: a link could lead anywhere.
fn folder(root: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut folder = root.to_path_buf();
    for part in FOLDER.split('/').filter(|part| !part.is_empty()) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(Usage(format!("{} is not a folder; move it away first", folder.display())).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", folder.display())),
        }
    }
    Ok(Some(folder))
}

/// Every file that GitHub would take for a workflow.
fn existing(root: &Path) -> anyhow::Result<Vec<Existing>> {
    let mut found = Vec::new();
    let Some(folder) = folder(root)? else { return Ok(found) };
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry.with_context(|| format!("read {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let lower = name.to_ascii_lowercase();
        if !(lower.ends_with(".yml") || lower.ends_with(".yaml")) {
            continue;
        }
        let text = if entry.file_type()?.is_file() { content(&entry.path())? } else { None };
        found.push(Existing { path: format!("{FOLDER}{name}"), text });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The content of a file, unless it is longer than any workflow that was made here.
fn content(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(|| format!("read {}", path.display()))?;
    file.take(WORKFLOW_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(|| format!("read {}", path.display()))?;
    Ok((bytes.len() <= WORKFLOW_BYTES).then_some(bytes))
}

/// Writes each file beside its place first, so that none is ever half there; then removes what is asked for no more.
fn apply(root: &Path, plan: &Plan) -> anyhow::Result<()> {
    if plan.write.is_empty() && plan.remove.is_empty() {
        return Ok(());
    }
    let folder = match folder(root)? {
        Some(folder) => folder,
        None => {
            let folder = root.join(FOLDER);
            fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
            folder
        }
    };
    for (path, text) in &plan.write {
        let mut beside = tempfile::NamedTempFile::new_in(&folder).with_context(|| format!("write {path}"))?;
        beside.write_all(text.as_bytes()).with_context(|| format!("write {path}"))?;
        super::init::set_readable(beside.as_file())?;
        beside.persist(root.join(path)).map_err(|error| error.error).with_context(|| format!("write {path}"))?;
    }
    for path in &plan.remove {
        fs::remove_file(root.join(path)).with_context(|| format!("remove {path}"))?;
    }
    Ok(())
}
