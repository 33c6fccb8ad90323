//! `ArchiveChange`: a completed change is merged into the main specs and put away.
//! Lives here: the tool. What it writes is what the plan says and nothing else, and the gate asks the same plan again; so it may
//! write there although these paths are nobody's. Never here: the plan (see [`crate::town::spec::putaway`]).

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::record_gate::{Keeper, change_tree};
use super::{Context, Tool, ToolError, ToolOutput, ToolSpec, arguments, spec, tell};
use crate::town::spec::base::Base;
use crate::town::spec::lifecycle::Lifecycle;
use crate::town::spec::project::Project;
use crate::town::spec::putaway::{self, OPENSPEC};
use crate::town::spec::record::{Gate, Verdict};
use crate::town::spec::state::State;
use crate::town::spec::tree::Tree;

/// The tool's name.
pub const ARCHIVE_CHANGE: &str = "ArchiveChange";

pub(super) struct ArchiveChange {
    spec: ToolSpec,
    keeper: Keeper,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    change: String,
}

impl ArchiveChange {
    pub(super) fn new(keeper: Keeper) -> Self {
        let fields = json!({
            "change": {"type": "string", "description": "Name of a change that is Completed."},
        });
        let text = "Archives a completed change: merges its deltas into the main specs, moves its folder to the archive and writes \
                    the record of it. All of it or nothing.";
        Self { spec: spec(ARCHIVE_CHANGE, text, fields, &["change"]), keeper }
    }
}

#[async_trait]
impl Tool for ArchiveChange {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, context: &mut Context<'_>, value: Value) -> Result<ToolOutput, ToolError> {
        let Arguments { change } = arguments(&self.spec, value)?;
        let (folder, mut tree) = change_tree(context, &change)?;
        let life = Lifecycle::of(&Project::new(&tree, OPENSPEC), &folder, &self.keeper.past);
        if life.state != State::Completed {
            return tell(format!("`{change}` is {}; next: {}.", life.state.name(), life.next.act));
        }
        if let Some(other) = archived_here(context, &tree) {
            return tell(format!(
                "Not archived: this work archives `{other}` already, and what the specs say is certain once that is merged. \
                 Archive `{change}` after it."
            ));
        }
        let evidence = vec![format!("{folder}: the merge is what `monkeytown spec archive {change} --dry-run` shows")];
        let (path, record) = self.keeper.record(&tree, &folder, Gate::Archive, Verdict::Archived, Vec::new(), evidence);
        tree.put_file(&path, record.into_bytes());
        let put = match putaway::put_away(
            &Project::new(&tree, OPENSPEC),
            &change,
            &self.keeper.date,
            Base::of(&self.keeper.past.bases, &change),
        ) {
            Ok(put) => put,
            Err(why) => return tell(format!("Not archived: {why}.")),
        };
        for (path, after) in &put.files {
            match after {
                Some(bytes) => context.put_as(path, bytes, false)?,
                None => _ = context.delete(path)?,
            }
        }
        Ok(ToolOutput::changed(format!("Archived as {}: {}.", put.archived_as, put.says)))
    }
}

/// The change that the work archives already, in this run or before a merge.
fn archived_here(context: &Context<'_>, tree: &Tree) -> Option<String> {
    let project = Project::new(tree, OPENSPEC);
    let archive = format!("{}/", project.below(project.archive_dir()));
    let touched = context.files.changed();
    let added = touched.iter().filter_map(|path| path.strip_prefix(&archive)?.split_once('/'));
    added.map(|(name, _)| name.to_owned()).next()
}
