//! Taking back what archiving a change did to a main spec, requirement by requirement, and nothing that others did.
//! Lives here: the text as it was, brought together with what became of it since. Never here: which commit archived the change
//! (see the commands).

use std::collections::HashMap;

use super::base::Prints;
use super::block::Block;
use super::delta::Delta;
use super::lines::Lines;
use super::main_spec::Requirements;
use super::merge::{self, Merged};
use super::scenario_rename::ScenarioRenames;
use super::{plan_checks, plan_update, structure};

/// A requirement on its way through the archive: its names before and after. One that was added has none before, one that was
/// removed none after.
type Way<'a> = (Option<&'a str>, Option<&'a str>);

/// The main spec without what the change did to it; `None` where nothing is left of it. `before` and `after` are the spec around the
/// archiving, `now` is what it says by now.
///
/// # Errors
/// What others have changed since, so that it cannot be taken back: a phrase for each.
pub fn take_back(
    delta: &str,
    before: Option<&str>,
    after: Option<&str>,
    now: Option<&str>,
) -> Result<Option<String>, Vec<String>> {
    if now == after {
        return Ok(before.map(str::to_owned));
    }
    if now == before {
        return Ok(now.map(str::to_owned));
    }
    let (Some(after), Some(now)) = (after, now) else {
        let why = if after.is_none() { "the spec, which it retired, is there again" } else { "the spec is gone since" };
        return Err(vec![why.to_owned()]);
    };
    let read = Lines::of(now);
    if let Some(fault) = structure::faults(&read).first() {
        return Err(vec![format!("`{}` on line {}, where no such heading may stand", fault.header, fault.line)]);
    }
    let parts = Requirements::of(&read);
    let (was, became) = (blocks(before.unwrap_or_default()), blocks(after));
    let delta = Delta::extended(&Lines::of(delta));
    let delta = plan_checks::keyed(&delta);
    let mut back = Back {
        renamed: &delta.scenarios,
        now: parts.blocks.clone(),
        order: was.iter().map(|block| block.name.clone()).collect(),
        collisions: Vec::new(),
    };
    for (from, to) in ways(&delta) {
        let was = from.and_then(|name| find(&was, name)).or_else(|| to.and_then(|name| find(&was, name)));
        let became = to.and_then(|name| find(&became, name));
        back.take(was, became);
    }
    if !back.collisions.is_empty() {
        return Err(back.collisions);
    }
    if before.is_none() && back.now.is_empty() {
        // The spec came with the change: with the last requirement it goes, unless somebody has written more into it.
        let came = Requirements::of(&Lines::of(after));
        let rest =
            |parts: &Requirements| [&parts.before, &parts.preamble, &parts.after].map(|text| text.trim().to_owned());
        let is_same = rest(&came) == rest(&parts);
        return if is_same { Ok(None) } else { Err(vec!["what was written around its requirements".to_owned()]) };
    }
    let kept: Vec<&Block> = back.now.iter().collect();
    Ok(Some(plan_update::ended_as(&plan_update::joined(&parts, &kept), now)))
}

fn blocks(text: &str) -> Vec<Block> {
    Requirements::of(&Lines::of(text)).blocks
}

fn find<'b>(blocks: &'b [Block], name: &str) -> Option<&'b Block> {
    blocks.iter().find(|block| block.name == name)
}

fn ways(delta: &Delta) -> Vec<Way<'_>> {
    let old: HashMap<&str, &str> =
        delta.renamed.iter().map(|rename| (rename.to.name.as_str(), rename.from.name.as_str())).collect();
    let modified = delta.modified.iter().map(|block| block.name.as_str());
    let renamed = delta.renamed.iter().map(|rename| rename.to.name.as_str());
    let only_renamed = renamed.filter(|name| delta.modified.iter().all(|block| block.name != **name));
    let mut ways: Vec<Way<'_>> = Vec::new();
    ways.extend(delta.added.iter().map(|block| (None, Some(block.name.as_str()))));
    ways.extend(modified.chain(only_renamed).map(|name| (Some(old.get(name).copied().unwrap_or(name)), Some(name))));
    // Last, since they find their place among those that have their old names again.
    ways.extend(delta.removed.iter().map(|named| (Some(named.name.as_str()), None)));
    ways
}

/// The requirements as they are put back.
struct Back<'d> {
    /// What the change did to names of scenarios.
    renamed: &'d ScenarioRenames,
    now: Vec<Block>,
    /// The names in the order in which they stood before.
    order: Vec<String>,
    collisions: Vec<String>,
}

impl Back<'_> {
    fn at(&self, name: &str) -> Option<usize> {
        self.now.iter().position(|block| block.name == name)
    }

    fn collide(&mut self, name: &str, what: &str) {
        self.collisions.push(format!("`{name}` {what}"));
    }

    fn take(&mut self, was: Option<&Block>, became: Option<&Block>) {
        match (was, became) {
            (None, None) => {}
            (Some(was), Some(became)) if was == became || was.raw == became.raw => {}
            (None, Some(became)) => match self.at(&became.name) {
                Some(at) if self.now[at].is_same(became) => _ = self.now.remove(at),
                Some(_) => self.collide(&became.name, "was changed since"),
                None => {}
            },
            (Some(was), None) => match self.at(&was.name) {
                None => self.insert(was),
                Some(at) if self.now[at].is_same(was) => {}
                Some(_) => self.collide(&was.name, "is there again, with another text"),
            },
            (Some(was), Some(became)) => self.change(was, became),
        }
    }

    fn change(&mut self, was: &Block, became: &Block) {
        let Some(at) = self.at(&became.name) else {
            let is_back = self.at(&was.name).is_some_and(|at| self.now[at].is_same(was));
            if !is_back {
                self.collide(&became.name, "is gone since");
            }
            return;
        };
        if was.name != became.name && self.at(&was.name).is_some() {
            return self.collide(&was.name, "is the name of another one since");
        }
        let renamed = self.renamed.of_requirement(&became.name).into_iter().map(|(from, to)| (to, from));
        let raw = match merge::merge(&Prints::of(became), &self.now[at], was, &renamed.collect::<Vec<_>>()) {
            Merged::Theirs => was.raw.clone(),
            Merged::Both(raw) => raw,
            Merged::Conflict(conflict) => {
                let piece = conflict.scenario.map_or("its text".to_owned(), |name| format!("its scenario `{name}`"));
                return self.collide(&became.name, &format!("was changed since: {piece}"));
            }
        };
        self.now[at] = Block { name: was.name.clone(), raw, line: self.now[at].line };
    }

    /// Puts a requirement behind the nearest of those that stood before it.
    fn insert(&mut self, block: &Block) {
        let before = self.order.iter().take_while(|name| **name != block.name);
        let at = before.filter_map(|name| self.at(name)).last().map_or(0, |at| at + 1);
        self.now.insert(at, block.clone());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::plan_update::update;
    use super::*;

    const SPEC: &str = "# a Specification\n\n## Purpose\nP.\n\n## Requirements\n\n### Requirement: One\nIt SHALL.\n\n#### Scenario: x\n- 1\n\n#### Scenario: y\n- 2\n\n### Requirement: Two\nIt SHALL.\n\n### Requirement: Three\nIt SHALL.\n\n## Notes\nN.\n";
    const DELTA: &str = "## ADDED Requirements\n### Requirement: New\nIt SHALL.\n## MODIFIED Requirements\n### Requirement: Uno\nIt SHALL.\n\n#### Scenario: x\n- 1!\n\n#### Scenario: y\n- 2\n\n#### Scenario: z\n- 3\n## REMOVED Requirements\n### Requirement: Two\n## RENAMED Requirements\n- FROM: `### Requirement: One`\n- TO: `### Requirement: Uno`\n";

    fn archived() -> String {
        update("a", "go", DELTA, Some(SPEC)).unwrap().rebuilt
    }

    fn back(now: &str) -> Result<Option<String>, Vec<String>> {
        take_back(DELTA, Some(SPEC), Some(&archived()), Some(now))
    }

    #[test]
    fn what_nobody_touched_is_as_it_was_before() {
        assert_eq!(back(&archived()).unwrap().unwrap(), SPEC);
        assert_eq!(back(SPEC).unwrap().unwrap(), SPEC);
        let windows = archived().replace('\n', "\r\n");
        assert_eq!(back(&windows).unwrap().unwrap(), SPEC.replace('\n', "\r\n"));
    }

    #[test]
    fn what_others_did_beside_it_stays() {
        let edits = [
            ("\n## Notes", "\n### Requirement: More\nIt SHALL.\n\n## Notes"),
            ("### Requirement: Three\nIt SHALL.", "### Requirement: Three\nIt MUST."),
            ("#### Scenario: y\n- 2", "#### Scenario: y\n- 2 and more"),
            ("N.\n", "N. And more.\n"),
        ];
        for (from, to) in edits {
            let now = archived().replacen(from, to, 1);
            assert_ne!(now, archived(), "{from}");
            assert_eq!(back(&now).unwrap().unwrap(), SPEC.replacen(from, to, 1), "{from}");
        }
    }

    // covers: gated-workflow#unarchiving-takes-back-one-change
    #[test]
    fn what_others_built_on_is_named() {
        let table = [
            ("- 1!", "- 1!!", "`Uno` was changed since: its scenario `x`"),
            ("- 3", "- 4", "`Uno` was changed since: its scenario `z`"),
            ("### Requirement: New\nIt SHALL.", "### Requirement: New\nIt MUST.", "`New` was changed since"),
            ("Requirement: Uno", "Requirement: Un", "`Uno` is gone since"),
            ("Requirement: Three", "Requirement: One", "`One` is the name of another one since"),
            (
                "### Requirement: Three\nIt SHALL.",
                "### Requirement: Two\nOther.",
                "`Two` is there again, with another text",
            ),
        ];
        for (from, to, wanted) in table {
            let now = archived().replacen(from, to, 1);
            assert_eq!(back(&now).unwrap_err(), [wanted], "{from}");
        }
    }

    #[test]
    fn a_spec_that_came_with_the_change_goes_with_it() {
        let delta = "## ADDED Requirements\n### Requirement: New\nIt SHALL.\n";
        let after = update("a", "go", delta, None).unwrap().rebuilt;
        let back = |now: &str| take_back(delta, None, Some(&after), Some(now));
        assert_eq!(back(&after), Ok(None));
        let more = format!("{after}\n### Requirement: More\nIt SHALL.\n");
        assert_eq!(back(&more).unwrap().unwrap(), more.replace("\n### Requirement: New\nIt SHALL.\n", ""));
        let purpose = after.replace("TBD", "It is about");
        assert_eq!(back(&purpose).unwrap_err().len(), 1);
        // One that was retired comes back, unless it is there already.
        let take = |now| take_back("## REMOVED Requirements\n### Requirement: One\n", Some(SPEC), None, now);
        assert_eq!(take(None).unwrap().unwrap(), SPEC);
        assert_eq!(take(Some("else")).unwrap_err().len(), 1);
    }
}
