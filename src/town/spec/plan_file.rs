//! One delta of a change and the file that it leads to: what archiving would write there, byte for byte.
//! Lives here: the text of the delta made ready (merged with what others did meanwhile), the rebuilt spec checked, and whether a
//! capability is retired. Never here: the change as a whole (see `plan`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::base::{Base, Prints};
use super::block::Block;
use super::delta::Delta;
use super::heading;
use super::issue::{Issue, Level};
use super::lines::Lines;
use super::main_spec::Requirements;
use super::merge::{self, Merged};
use super::metadata::{Mark, Marker};
use super::plan_refusal::{Counts, Kind, Refusal};
use super::plan_update::{self, Updated};
use super::project::{Project, SpecFile};
use super::rules::{self, Profile};
use super::tree::Node;
use super::validate;

/// What happens to the file of a main spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Write,
    /// It is deleted, since the change removes its last requirement and says that this is meant.
    Retire,
    /// It says already what the change says.
    Keep,
}

/// What a delta does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUpdate {
    /// The capability.
    pub id: String,
    /// The file in the tree; behind a link it is the file that the link leads to.
    pub path: String,
    /// What it holds now. `None` where it is not there.
    pub before: Option<Arc<[u8]>>,
    /// What it will hold. `None` where it is to be deleted.
    pub after: Option<Arc<[u8]>>,
    /// What happens to it.
    pub outcome: Outcome,
    /// How much changes.
    pub counts: Counts,
    /// What is to be said about it.
    pub warnings: Vec<String>,
}

/// What a file's plan depends on beside the project.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The change.
    pub change: &'a str,
    /// Whether what others did meanwhile is merged, and what would hide a requirement is refused. The reference does neither.
    pub careful: bool,
    /// Whether rebuilt specs are checked; without that no capability is retired.
    pub validates: bool,
    /// Fingerprints of what the change was written for.
    pub base: &'a Base,
    /// Whether the change may retire capabilities.
    pub retire: &'a Marker,
}

/// Plans one delta of a change.
///
/// # Errors
/// Why it cannot be merged.
pub fn plan(project: &Project<'_>, delta: &SpecFile, terms: Terms<'_>) -> Result<FileUpdate, Refusal> {
    let id = delta.id.as_str();
    let text = read(project, id, &delta.path)?;
    let named = project.spec_path(id);
    let node = project.tree().get(&named).filter(|node| !matches!(node, Node::Dangling));
    let target = node.map(|_| read(project, id, &named)).transpose()?;
    let path = match node {
        Some(Node::LinkedFile { target, .. }) => target.to_string(),
        _ => named.clone(),
    };
    let lines = Lines::of(&text);
    let mut read = if terms.careful { Delta::extended(&lines) } else { Delta::of(&lines) };
    let mut said = Vec::new();
    if terms.careful {
        closed(id, &read)?;
        if let Some(target) = target.as_deref() {
            let parts = Requirements::of(&Lines::of(target));
            settle(&mut read, &parts.blocks);
            said = merged(id, &mut read, &parts.blocks, terms.base)?;
        }
    }
    let updated = plan_update::apply(id, terms.change, &text, &read, target.as_deref())?;
    let before = node.and_then(Node::bytes).cloned();
    let outcome = outcome(id, &updated, before.is_some(), &terms)?;
    let (path, after) = match outcome {
        Outcome::Retire => (named, None),
        Outcome::Keep => (path, before.clone()),
        Outcome::Write => {
            let text =
                target.as_deref().map_or(updated.rebuilt.clone(), |old| plan_update::ended_as(&updated.rebuilt, old));
            (path, Some(Arc::from(text.into_bytes())))
        }
    };
    said.extend(updated.warnings);
    Ok(FileUpdate { id: id.to_owned(), path, before, after, outcome, counts: updated.counts, warnings: said })
}

/// The text of a file. Bytes that are no UTF-8 would be lost in what is written, so there is no text then.
fn read<'t>(project: &Project<'t>, id: &str, path: &str) -> Result<Cow<'t, str>, Refusal> {
    let text = project.text(path).map_err(|fault| {
        let (why, fix) = fault.words();
        Refusal::new(Kind::Unreadable, id, 0, format!("{path} cannot be used: {why}"), fix)
    })?;
    let Cow::Owned(_) = &text else { return Ok(text) };
    let bytes = project.tree().bytes(path).unwrap_or_default();
    let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
    let message = format!("{path} is not UTF-8 from byte {valid} on, and merging it would lose those bytes");
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    Err(Refusal::new(Kind::NotText, id, line, message, "Save the file as UTF-8."))
}

/// Refuses a block with a fence that is never closed: merged, it would hide every requirement after it.
fn closed(id: &str, delta: &Delta) -> Result<(), Refusal> {
    for block in delta.added.iter().chain(&delta.modified) {
        if let Some(at) = block.lines().unclosed() {
            let line = block.line.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
            let message = format!("a fence in `{}` is never closed: merged, it would hide what follows it", block.name);
            return Err(Refusal::new(Kind::UnclosedFence, id, line, message, "Close the fence."));
        }
    }
    Ok(())
}

/// Takes a block as it stands in the spec where the two differ only in how many empty lines there are: those that are too many
/// are not written, so a merged block would never be found to be there.
fn settle(delta: &mut Delta, blocks: &[Block]) {
    let by_name: HashMap<&str, &Block> = blocks.iter().map(|block| (block.name.as_str(), block)).collect();
    for block in delta.added.iter_mut().chain(&mut delta.modified) {
        let Some(ours) = by_name.get(block.name.as_str()) else { continue };
        if plan_update::collapsed(&ours.raw) == plan_update::collapsed(&block.raw) {
            block.raw.clone_from(&ours.raw);
        }
    }
}

/// Puts what others did since into the blocks that the change replaces, and refuses to replace or remove what others may have
/// changed.
fn merged(id: &str, delta: &mut Delta, blocks: &[Block], base: &Base) -> Result<Vec<String>, Refusal> {
    let by_name: HashMap<&str, &Block> = blocks.iter().map(|block| (block.name.as_str(), block)).collect();
    let find = |name: &str| by_name.get(name).copied();
    let old_names: HashMap<&str, &str> =
        delta.renamed.iter().map(|rename| (rename.to.name.as_str(), rename.from.name.as_str())).collect();
    let renames = |block: &Block| delta.scenarios.of_requirement(&block.name);
    let mut said = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    for theirs in &delta.modified {
        let old = old_names.get(theirs.name.as_str()).copied().unwrap_or(&theirs.name);
        let ours = find(old).or_else(|| find(&theirs.name));
        let prints = base.get(id, old).or_else(|| base.get(id, &theirs.name));
        let mut block = theirs.clone();
        match (ours, prints) {
            (Some(ours), Some(prints)) => match merge::merge(prints, ours, theirs, &renames(theirs)) {
                Merged::Theirs => {}
                Merged::Both(raw) if raw == block.raw => {}
                Merged::Both(raw) => {
                    said.push(format!(
                        "{id}: `{}` was changed since this change was written; both were merged",
                        theirs.name
                    ));
                    block.raw = raw;
                }
                Merged::Conflict(conflict) => return Err(clash(id, theirs, &conflict)),
            },
            (Some(ours), None) if Prints::of(ours) != Prints::of(theirs) => {
                base.why_unknown(id, old)
                    .map_or(Ok(()), |why| Err(unknown(id, "replace", &theirs.name, theirs.line, why)))?;
            }
            _ => {}
        }
        blocks.push(block);
    }
    for named in &delta.removed {
        let Some(ours) = find(&named.name) else { continue };
        match base.get(id, &named.name) {
            Some(prints) if Prints::of(ours) == *prints => {}
            Some(_) => {
                let message = format!("`{}` is to be removed, and another change has changed it since", named.name);
                return Err(Refusal::new(Kind::MergeConflict, id, named.line, message, RECORD));
            }
            None => {
                let why = base.why_unknown(id, &named.name);
                why.map_or(Ok(()), |why| Err(unknown(id, "remove", &named.name, named.line, why)))?;
            }
        }
    }
    delta.modified = blocks;
    Ok(said)
}

/// What others may have written meanwhile is never overwritten on a guess.
fn unknown(id: &str, verb: &str, name: &str, line: u32, why: &str) -> Refusal {
    let message = format!(
        "the change would {verb} `{name}`, and nobody can tell whether another one has changed it since this one was \
         written: {why}"
    );
    Refusal::new(Kind::UnknownBase, id, line, message, RECORD)
}

const RECORD: &str =
    "Bring the delta up to what the spec says now, then run `monkeytown spec validate --record-base` for the change.";

fn clash(id: &str, theirs: &Block, conflict: &merge::Conflict) -> Refusal {
    let piece = conflict.scenario.as_ref().map_or("the text".to_owned(), |name| format!("the scenario `{name}`"));
    let at = conflict.scenario.as_ref().and_then(|wanted| {
        let lines = theirs.lines();
        let at = lines_of(&lines, wanted);
        at.and_then(|at| u32::try_from(at).ok())
    });
    let line = theirs.line.saturating_add(at.unwrap_or(0));
    let message = format!(
        "{piece} of `{}` was changed since this change was written, and this change changes it too\n{}",
        theirs.name,
        conflict.shown()
    );
    Refusal::new(Kind::MergeConflict, id, line, message, RECORD)
}

fn lines_of(lines: &Lines<'_>, scenario: &str) -> Option<usize> {
    let is_it = |line: &str| heading::is_scenario(line) && heading::scenario_name(line) == scenario;
    lines.open_lines(0..lines.len()).find(|(_, line)| is_it(line)).map(|(at, _)| at)
}

/// The errors of a rebuilt spec by the rules of the reference.
fn errors(id: &str, text: &str) -> Vec<Issue> {
    let mut issues = validate::spec_text(id, text, Profile::Openspec1);
    issues.retain(|issue| issue.level == Level::Error);
    issues
}

fn outcome(id: &str, updated: &Updated, exists: bool, terms: &Terms<'_>) -> Result<Outcome, Refusal> {
    let kept = if updated.counts.sum() == 0 { Outcome::Keep } else { Outcome::Write };
    if !terms.validates {
        return Ok(kept);
    }
    let errors = errors(id, &updated.rebuilt);
    let is_empty = !errors.is_empty() && errors.iter().all(|issue| issue.code == rules::SPEC_EMPTY.id);
    let retirable = is_empty && updated.no_requirements;
    if terms.retire.declared && retirable && updated.unaccounted.is_empty() {
        if !exists {
            return Ok(Outcome::Keep);
        }
        if updated.counts.removed > 0 {
            return Ok(Outcome::Retire);
        }
    }
    if let Some(first) = errors.first() {
        let said: Vec<&str> = errors.iter().map(|issue| issue.message.as_str()).collect();
        let emptied = retirable && exists && updated.counts.removed > 0;
        let fix = emptied.then(|| way_out(updated, terms.retire)).flatten();
        let fix = fix.unwrap_or_else(|| first.fix.clone().unwrap_or_else(|| "Mend the deltas.".to_owned()));
        let message = format!("the merged spec would not be valid: {}", said.join("; "));
        return Err(Refusal::new(Kind::RebuiltInvalid, id, 0, message, &fix));
    }
    if terms.careful && exists && hidden(updated) {
        let message = "requirements of the merged spec would be hidden from its readers".to_owned();
        return Err(Refusal::new(Kind::UnclosedFence, id, 0, message, "Close the fences of the main spec."));
    }
    Ok(kept)
}

/// Whether a reader of the rebuilt spec finds other requirements than were put there.
fn hidden(updated: &Updated) -> bool {
    let again = Requirements::of(&Lines::of(&updated.rebuilt));
    again.blocks.iter().map(|block| &block.name).ne(updated.names.iter())
}

/// How to go on where a change removes the last requirement.
fn way_out(updated: &Updated, retire: &Marker) -> Option<String> {
    let key = Mark::RetireCapabilities.key();
    let unread = retire.invalid_reason.as_ref().map(|why| format!(" The `{key}` that is there does not count: {why}."));
    let unread = unread.unwrap_or_default();
    if updated.unaccounted.is_empty() {
        let fix = format!("Set `{key}: true` in the change's .openspec.yaml if the capability is to go.{unread}");
        return (!retire.declared).then_some(fix);
    }
    let shown: Vec<String> = updated.unaccounted.iter().take(3).map(|line| shown(line)).collect();
    let more = updated.unaccounted.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "The spec holds lines that would go unsaid with it: {}{more}. Move them into Purpose or a requirement, or delete the file by hand.{unread}",
        shown.join(", ")
    ))
}

/// A line of a spec, made safe for a terminal and not too long.
fn shown(line: &str) -> String {
    let mut text: String = line.chars().take(200).map(|c| if c.is_ascii_control() { '?' } else { c }).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    format!("`{text}`")
}
