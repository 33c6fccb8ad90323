//! One delta merged into one main spec: the spec as it will be, or the reason why it cannot be.
//! Lives here: the order in which a delta is checked and applied, byte for byte as the reference does it. Never here: a whole
//! change (see `plan`), the merge of two changes of one requirement (see `merge`).

use std::collections::HashSet;

use super::block::{Block, ScenarioDiff};
use super::delta::{Delta, Named};
use super::heading::{self, Section};
use super::js;
use super::lines::Lines;
use super::main_spec::Requirements;
use super::plan_blocks::{Blocks, Held};
use super::plan_checks::{Checks, keyed, rekey};
use super::plan_purpose::{self, Carried};
use super::plan_refusal::{Counts, Kind, Refusal};
use super::plan_unaccounted;
use super::structure::{self, Fault, Structural};

/// A main spec after a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The text, with line feeds.
    pub rebuilt: String,
    /// What changed.
    pub counts: Counts,
    /// What was passed over or goes along.
    pub warnings: Vec<String>,
    /// No requirement is left.
    pub no_requirements: bool,
    /// The names of the requirements, in their order.
    pub names: Vec<String>,
    /// Lines of the spec that no part of it accounts for, see [`plan_unaccounted`].
    pub unaccounted: Vec<String>,
}

/// Merges the delta of `change` into the main spec `target` of a capability, or begins one where there is none.
///
/// # Errors
/// The first reason why it cannot be done; then nothing of it is.
pub fn update(id: &str, change: &str, delta_text: &str, target: Option<&str>) -> Result<Updated, Refusal> {
    apply(id, change, delta_text, &Delta::of(&Lines::of(delta_text)), target)
}

/// The same with a delta that is read already, whose MODIFIED blocks may have been merged with what stands in the target.
///
/// # Errors
/// The first reason why it cannot be done.
pub fn apply(id: &str, change: &str, text: &str, delta: &Delta, target: Option<&str>) -> Result<Updated, Refusal> {
    let (merge, parts) = merge(id, change, text, delta, target)?;
    Ok(merge.rebuilt(&parts))
}

/// Whether it can be done, without writing the spec again.
///
/// # Errors
/// The first reason why it cannot be done.
pub fn check(id: &str, change: &str, text: &str, delta: &Delta, target: Option<&str>) -> Result<(), Refusal> {
    merge(id, change, text, delta, target).map(|_| ())
}

fn merge<'a>(
    id: &'a str,
    change: &str,
    text: &str,
    delta: &Delta,
    target: Option<&str>,
) -> Result<(Merge<'a>, Requirements), Refusal> {
    let delta = &*keyed(delta);
    let checks = Checks { id };
    checks.pairs(delta)?;
    checks.duplicates(delta)?;
    checks.conflicts(delta)?;
    if delta.operations() == 0 {
        let message = "the delta names no requirement to add, change, remove or rename".to_owned();
        return Err(Refusal::new(
            Kind::NoOperations,
            id,
            0,
            message,
            "Put requirements under ADDED, MODIFIED, REMOVED or RENAMED.",
        ));
    }
    let mut warnings: Vec<String> = delta
        .orphans
        .iter()
        .map(|orphan| {
            let place =
                orphan.section.as_ref().map_or("above every section".to_owned(), |title| format!("below `## {title}`"));
            let Named { name, line } = &orphan.named;
            format!("{id}: `{name}` on line {line} stands {place}, which is no section of a delta; it was not merged")
        })
        .collect();
    let begun = begin(id, change, text, delta, target, &mut warnings)?;
    let spec = Lines::of(target.unwrap_or(&begun));
    sound(id, &spec)?;
    let mut parts = Requirements::of(&spec);
    parts.blocks.iter_mut().for_each(|block| rekey(&mut block.name));
    let mut merge = Merge {
        id,
        is_new: target.is_none(),
        keys: parts.blocks.iter().map(|block| block.name.clone()).collect(),
        blocks: Blocks::of(&parts.blocks),
        counts: Counts::default(),
        warnings,
    };
    merge.rename(delta)?;
    merge.remove(delta)?;
    merge.modify(delta)?;
    merge.add(delta)?;
    Ok((merge, parts))
}

/// The text of a spec that is not there yet, and what is to be said of the delta's purpose.
fn begin(
    id: &str,
    change: &str,
    text: &str,
    delta: &Delta,
    target: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<String, Refusal> {
    let purpose = plan_purpose::purpose(text);
    if let Some(target) = target {
        let there = purpose.as_ref().and_then(|_| plan_purpose::purpose(target));
        if there.is_some() && there != purpose {
            warnings.push(format!("{id}: the delta's Purpose was passed over, since the spec has one; edit it there"));
        }
        return Ok(String::new());
    }
    let first = delta.modified.first().map(|block| block.line).or(delta.renamed.first().map(|rename| rename.from.line));
    if let Some(line) = first {
        let message = "there is no such spec, so nothing in it can be modified or renamed".to_owned();
        return Err(Refusal::new(
            Kind::NoTarget,
            id,
            line,
            message,
            "Write what is new under ADDED, or mend the folder's name.",
        ));
    }
    if !delta.removed.is_empty() {
        warnings.push(format!("{id}: there is no such spec, so {} removal(s) were passed over", delta.removed.len()));
    }
    let skeleton = plan_purpose::skeleton(id, change, purpose.as_deref());
    match skeleton.carried {
        Carried::Refused => {
            warnings
                .push(format!("{id}: the delta's Purpose would make the spec unreadable; a placeholder was written"));
        }
        Carried::Brief => {
            warnings.push(format!("{id}: the Purpose is under 50 characters, which is a warning of validate"))
        }
        Carried::Nothing | Carried::Whole => {}
    }
    Ok(skeleton.text)
}

/// Refuses a main spec with faults.
fn sound(id: &str, spec: &Lines<'_>) -> Result<(), Refusal> {
    let faults = structure::faults(spec);
    let Some(first) = faults.first() else { return Ok(()) };
    let said = faults.iter().map(|Structural { fault, line, header }| match fault {
        Fault::DeltaHeader => format!("line {line}: `{header}` is a heading of deltas"),
        Fault::Outside => format!("line {line}: `{header}` stands outside of `## Requirements`"),
        Fault::Duplicate(before) => format!("line {line}: `{header}` stands on line {before} already"),
    });
    let said = said.collect::<Vec<_>>().join("; ");
    let message = format!("the main spec cannot be updated before it is mended: {said}");
    Err(Refusal::new(Kind::BrokenTarget, id, first.line, message, "Mend the main spec, then run it again."))
}

/// The merge under way.
struct Merge<'a> {
    id: &'a str,
    is_new: bool,
    /// For every block of the spec, the name that stands in its place now.
    keys: Vec<String>,
    blocks: Blocks,
    counts: Counts,
    warnings: Vec<String>,
}

impl Merge<'_> {
    fn refusal(&self, kind: Kind, line: u32, message: String, fix: &str) -> Refusal {
        Refusal::new(kind, self.id, line, message, fix)
    }

    fn near_miss(&self, named: &Named, section: Section, near: &Block) -> Refusal {
        let message = format!("{} names `{}`, and the spec has `{}`", section.word(), named.name, near.name);
        self.refusal(Kind::NearMiss, named.line, message, "Spell it exactly as the spec does.")
    }

    fn rename(&mut self, delta: &Delta) -> Result<(), Refusal> {
        for rename in &delta.renamed {
            let (from, to) = (&rename.from, &rename.to);
            let Some(held) = self.blocks.get(&from.name) else {
                if self.blocks.get(&to.name).is_some() {
                    // It has the new name already, unless the old one is there after all under another spelling.
                    match self.blocks.near(&from.name, Some(&to.name)) {
                        Some(near) => return Err(self.near_miss(from, Section::Renamed, near)),
                        None => continue,
                    }
                }
                let message = format!("`{}` cannot be renamed: there is none", from.name);
                return Err(self.refusal(Kind::NotFound, from.line, message, "Name a requirement of the spec."));
            };
            let taken = self.blocks.get(&to.name).map(|held| &held.block);
            if let Some(taken) = taken.or_else(|| self.blocks.near(&to.name, Some(&from.name))) {
                let message = format!("`{}` cannot become `{}`: the spec has `{}`", from.name, to.name, taken.name);
                return Err(self.refusal(Kind::AlreadyThere, to.line, message, "Choose another name."));
            }
            let heading = format!("### Requirement: {}", to.name);
            let raw = match held.block.raw.split_once('\n') {
                Some((_, rest)) => format!("{heading}\n{rest}"),
                None => heading,
            };
            let block = Block { name: to.name.clone(), raw, line: held.block.line };
            self.blocks.take(&from.name);
            self.blocks.put(&to.name, Held { block, original: None });
            if let Some(key) = self.keys.iter_mut().find(|key| **key == from.name) {
                key.clone_from(&to.name);
            }
            self.counts.renamed += 1;
        }
        Ok(())
    }

    fn remove(&mut self, delta: &Delta) -> Result<(), Refusal> {
        for named in &delta.removed {
            if self.blocks.take(&named.name).is_some() {
                self.counts.removed += 1;
            } else if !self.is_new {
                if let Some(near) = self.blocks.near(&named.name, None) {
                    return Err(self.near_miss(named, Section::Removed, near));
                }
                self.warnings
                    .push(format!("{}: `{}` is to be removed and is not there; taken as done", self.id, named.name));
            }
        }
        Ok(())
    }

    fn modify(&mut self, delta: &Delta) -> Result<(), Refusal> {
        for block in &delta.modified {
            let Some(held) = self.blocks.get(&block.name) else {
                let message = format!("`{}` cannot be modified: there is none", block.name);
                return Err(self.refusal(
                    Kind::NotFound,
                    block.line,
                    message,
                    "Name a requirement of the spec, or add it.",
                ));
            };
            if heading::requirement(block.lines().get(0)).map(heading::name) != Some(block.name.as_str()) {
                let message = "a requirement without a name cannot be modified".to_owned();
                return Err(self.refusal(Kind::Nameless, block.line, message, "Name it."));
            }
            let diff = ScenarioDiff::between(&held.block, block, &delta.scenarios.of_requirement(&block.name));
            if !diff.missing.is_empty() {
                return Err(self.loss(block, &diff));
            }
            self.counts.modified += usize::from(!held.block.is_same(block));
            self.blocks.put(&block.name, Held { block: block.clone(), original: None });
        }
        Ok(())
    }

    fn loss(&self, block: &Block, diff: &ScenarioDiff) -> Refusal {
        let names: Vec<String> = diff.missing.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "the new text of `{}` leaves out {} of the spec's {} scenario(s): {} ({} are new)",
            block.name,
            diff.missing.len(),
            diff.before,
            names.join(", "),
            diff.added.len()
        );
        self.refusal(Kind::ScenarioLoss, block.line, message, "Take the spec's present text and change that.")
    }

    fn add(&mut self, delta: &Delta) -> Result<(), Refusal> {
        for block in &delta.added {
            match self.blocks.get(&block.name) {
                Some(held) if held.block.is_same(block) => continue,
                Some(_) => {
                    let message = format!("`{}` cannot be added: the spec has it, with another text", block.name);
                    return Err(self.refusal(Kind::AlreadyThere, block.line, message, "Put it under MODIFIED."));
                }
                None => {}
            }
            if let Some(near) = self.blocks.near(&block.name, None) {
                let named = Named { name: block.name.clone(), line: block.line };
                return Err(self.near_miss(&named, Section::Added, near));
            }
            self.blocks.put(&block.name, Held { block: block.clone(), original: None });
            self.counts.added += 1;
        }
        Ok(())
    }

    /// The spec again: what stayed in its place, then what is new.
    fn rebuilt(mut self, parts: &Requirements) -> Updated {
        let mut kept: Vec<&Block> = Vec::new();
        let mut seen: HashSet<&str> = HashSet::new();
        for (at, key) in self.keys.iter().enumerate() {
            let held = self.blocks.get(key);
            if let Some(held) = held {
                kept.push(&held.block);
                seen.insert(key);
            }
            if held.is_none_or(|held| held.original != Some(at)) {
                let said = tail_lost(&parts.blocks[at], held.map(|held| &held.block));
                self.warnings.extend(said.map(|said| format!("{}: {said}", self.id)));
            }
        }
        kept.extend(
            self.blocks.in_order().into_iter().filter(|(name, _)| !seen.contains(name)).map(|(_, held)| &held.block),
        );
        let names: Vec<String> = kept.iter().map(|block| block.name.clone()).collect();
        Updated {
            rebuilt: joined(parts, &kept),
            counts: self.counts,
            warnings: self.warnings,
            no_requirements: names.is_empty(),
            names,
            unaccounted: plan_unaccounted::lines(parts),
        }
    }
}

/// A spec put together again, with these requirements.
pub(super) fn joined(parts: &Requirements, blocks: &[&Block]) -> String {
    let mut body: Vec<&str> = Vec::new();
    body.extend(Some(js::trim_end(&parts.preamble)).filter(|preamble| !preamble.is_empty()));
    body.extend(blocks.iter().map(|block| block.raw.as_str()));
    let body = body.join("\n\n");
    let slices = [js::trim_end(&parts.before), &parts.heading, js::trim_end(&body), js::trim(&parts.after)];
    let slices: Vec<&str> = slices.into_iter().filter(|slice| !slice.is_empty()).collect();
    let mut text = collapsed(&slices.join("\n\n"));
    text.truncate(js::trim_end(&text).len());
    text.push('\n');
    text
}

/// What a block's replacement loses that was never part of the requirement: a heading and all below it.
fn tail_lost(old: &Block, new: Option<&Block>) -> Option<String> {
    let (heading, tail) = plan_unaccounted::foreign(old)?;
    let tail = js::trim(&tail);
    let count = |block: &Block| js::trim(&block.raw).matches(tail).count();
    let keeps = new.is_some_and(|new| count(new) >= count(old));
    (!keeps).then(|| format!("`{heading}` stands inside of the requirement `{}` and goes with it", old.name))
}

/// Runs of empty lines become one, outside of fences.
pub(super) fn collapsed(text: &str) -> String {
    let lines = Lines::by_feed(text);
    let mut kept = String::with_capacity(text.len());
    let mut after_empty = false;
    for at in 0..lines.len() {
        let is_empty = !lines.is_fenced(at) && lines.get(at).is_empty();
        if !(is_empty && after_empty) {
            if at > 0 {
                kept.push('\n');
            }
            kept.push_str(lines.get(at));
        }
        after_empty = is_empty;
    }
    kept
}

/// The text with the line endings that most lines of the original have; those of Windows where both are as many.
#[must_use]
pub fn ended_as(text: &str, original: &str) -> String {
    let windows = original.matches("\r\n").count();
    let plain = original.matches('\n').count() - windows;
    if windows == 0 && plain == 0 {
        return text.to_owned();
    }
    let text = text.replace("\r\n", "\n");
    if windows >= plain { text.replace('\n', "\r\n") } else { text }
}
