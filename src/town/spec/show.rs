//! A change or a spec as a value: its title, its requirements, and what a change does to them.
//! Lives here: that reading, as the reference's `show --json` has it. Never here: judging, or printing.

use serde::Serialize;

use super::block::Block;
use super::delta::Delta;
use super::heading;
use super::js;
use super::lines::Lines;
use super::main_spec::Requirements;
use super::project::Project;
use super::sections::{self, Missing, Sections};

/// A scenario as it is written, without its heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scenario {
    /// The text below its heading.
    pub raw_text: String,
}

/// A requirement: its text, or its title where it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The text, line by line.
    pub text: String,
    /// The scenarios that have one.
    pub scenarios: Vec<Scenario>,
}

/// A main spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What its Purpose says.
    pub overview: String,
    /// Its requirements.
    pub requirements: Vec<Requirement>,
}

/// Both names of a rename.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rename {
    /// The name that is there.
    pub from: String,
    /// The name to come.
    pub to: String,
}

/// One thing that a change does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// The capability.
    pub spec: String,
    /// ADDED, MODIFIED, REMOVED or RENAMED.
    pub operation: &'static str,
    /// A sentence about it.
    pub description: String,
    /// The requirement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
    /// The same in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<Vec<Requirement>>,
    /// The names, where it is a rename.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rename: Option<Rename>,
    /// What is different from the main spec, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Why that cannot be told, or is not what is merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The first heading of its proposal, or its name.
    pub title: String,
    /// What it does.
    pub deltas: Vec<Operation>,
}

/// Why a change cannot be shown as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its proposal does not say why.
    #[error("the proposal has no section `## Why` with a text")]
    Why,
    /// Its proposal does not say what changes.
    #[error("the proposal has no section `## What Changes` with a text")]
    WhatChanges,
}

/// Reads a main spec.
///
/// # Errors
/// The section that is missing.
pub fn spec(text: &str) -> Result<Spec, Missing> {
    let lines = Lines::of(text);
    let sections = Sections::of(&lines);
    let purpose = sections.find("Purpose").filter(|index| sections.has_content(*index)).ok_or(Missing::Purpose)?;
    let below = sections.find("Requirements").ok_or(Missing::Requirements)?;
    let requirements = sections.children(below).map(|(index, _)| requirement(&sections, index)).collect();
    Ok(Spec { overview: sections.content(purpose), requirements })
}

fn requirement(sections: &Sections<'_, '_>, index: usize) -> Requirement {
    let with_text = sections.children(index).filter(|(index, _)| sections.has_content(*index));
    Requirement {
        text: sections::text(sections.get(index).title, &sections.content(index)),
        scenarios: with_text.map(|(index, _)| Scenario { raw_text: sections.content(index) }).collect(),
    }
}

/// Reads a change: its deltas, or where no file of it has a section for any, the list in its proposal.
///
/// # Errors
/// What the proposal lacks.
pub fn change(project: &Project<'_>, name: &str, proposal: &str) -> Result<Change, Fault> {
    let lines = Lines::of(proposal);
    let sections = Sections::of(&lines);
    let content =
        |title: &str| sections.find(title).map(|index| sections.content(index)).filter(|text| !text.is_empty());
    content("Why").ok_or(Fault::Why)?;
    let what = content("What Changes").ok_or(Fault::WhatChanges)?;
    let (has_sections, deltas) = deltas(project, name);
    let deltas = if has_sections { deltas } else { what.split('\n').filter_map(listed).collect() };
    Ok(Change { title: title(proposal, name), deltas })
}

/// What the deltas of a change do, and whether any of them has a section for it.
#[must_use]
pub fn deltas(project: &Project<'_>, name: &str) -> (bool, Vec<Operation>) {
    let mut deltas = Vec::new();
    let mut has_sections = false;
    for file in project.deltas(name).into_iter().filter(|file| file.fault.is_none()) {
        let Ok(text) = project.text(&file.path) else { continue };
        let delta = Delta::of(&Lines::of(&text));
        has_sections |= !delta.sections.is_empty();
        deltas.extend(operations(&file.id, &delta));
    }
    (has_sections, deltas)
}

/// The first heading of a proposal, unless it only says that it is one.
#[must_use]
pub fn title(proposal: &str, name: &str) -> String {
    let starts = proposal
        .char_indices()
        .filter(|(at, c)| *c == '#' && proposal[..*at].chars().next_back().is_none_or(js::ends_line));
    for (at, _) in starts {
        let rest = &proposal[at + 1..];
        if !rest.starts_with(js::is_space) {
            continue;
        }
        let said = js::trim_start(rest);
        let bare = js::strip_word(said, "Change:").filter(|rest| rest.starts_with(js::is_space) && !js::is_blank(rest));
        let said = bare.map_or(said, js::trim_start);
        let title = js::trim(said.split(js::ends_line).next().unwrap_or_default());
        if title.is_empty() || title.to_lowercase() == "proposal" {
            return name.to_owned();
        }
        return title.to_owned();
    }
    name.to_owned()
}

/// What a delta does, in the order in which it is reported.
fn operations(spec: &str, delta: &Delta) -> Vec<Operation> {
    let one = |operation: &'static str, verb: &str, requirement: Requirement| Operation {
        spec: spec.to_owned(),
        operation,
        description: format!("{verb} requirement: {}", requirement.text),
        requirements: Some(vec![requirement.clone()]),
        requirement: Some(requirement),
        ..Operation::default()
    };
    let mut found = Vec::new();
    found.extend(delta.added.iter().filter_map(of_block).map(|read| one("ADDED", "Add", read)));
    found.extend(delta.modified.iter().filter_map(of_block).map(|read| one("MODIFIED", "Modify", read)));
    let mut blocks: Vec<Option<&Block>> = delta.removed_blocks.iter().map(Some).collect();
    for named in &delta.removed {
        let own = blocks.iter_mut().find(|block| block.is_some_and(|block| block.name == named.name));
        let bare =
            Block { name: named.name.clone(), raw: format!("### Requirement: {}", named.name), line: named.line };
        let block = own.and_then(Option::take).unwrap_or(&bare);
        found.extend(of_block(block).map(|read| one("REMOVED", "Remove", read)));
    }
    found.extend(delta.renamed.iter().map(|rename| {
        let rename = Rename { from: rename.from.name.clone(), to: rename.to.name.clone() };
        let description = format!("Rename requirement from \"{}\" to \"{}\"", rename.from, rename.to);
        Operation {
            spec: spec.to_owned(),
            operation: "RENAMED",
            description,
            rename: Some(rename),
            ..Operation::default()
        }
    }));
    found
}

/// The requirement of a block; `None` where its heading has no name.
fn of_block(block: &Block) -> Option<Requirement> {
    let (head, body) = block.raw.split_once('\n').map_or((block.raw.as_str(), None), |(head, body)| (head, Some(body)));
    let title = js::trim(head.trim_start_matches("###"));
    js::strip_word(title, "Requirement:").filter(|rest| !js::is_blank(rest))?;
    let canonical = body.map_or_else(|| format!("### {title}"), |body| format!("### {title}\n{body}"));
    let lines = Lines::of(&canonical);
    let sections = Sections::of(&lines);
    (!sections.is_empty()).then(|| requirement(&sections, 0))
}

/// A line of the list in a proposal: `- **capability:** what changes`.
fn listed(line: &str) -> Option<Operation> {
    let rest = js::trim_start(js::trim_start(line).strip_prefix('-')?).strip_prefix("**")?;
    let end = rest.find(['*', ':']).filter(|end| *end > 0)?;
    let after = rest[end..].strip_prefix(":**").or_else(|| rest[end..].strip_prefix("**:"))?;
    let description = js::trim(js::rest(after)?);
    let low = description.to_lowercase();
    let words: Vec<&str> = low.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let says = |stems: &[&str], ends: [&str; 4]| {
        words.iter().any(|word| stems.iter().any(|stem| word.strip_prefix(stem).is_some_and(|end| ends.contains(&end))))
    };
    let operation = if says(&["rename"], ["", "s", "d", "ing"]) {
        "RENAMED"
    } else if says(&["add"], ["", "s", "ed", "ing"])
        || says(&["create"], ["", "s", "d", "ing"])
        || words.contains(&"new")
    {
        "ADDED"
    } else if says(&["remove", "delete"], ["", "s", "d", "ing"]) {
        "REMOVED"
    } else {
        "MODIFIED"
    };
    let (spec, description) = (js::trim(&rest[..end]).to_owned(), description.to_owned());
    Some(Operation { spec, operation, description, ..Operation::default() })
}

/// Adds to what a change modifies how that is different from the main spec, or why nobody can tell.
pub fn add_diffs(project: &Project<'_>, name: &str, deltas: &mut [Operation]) {
    for file in project.deltas(name).into_iter().filter(|file| file.fault.is_none()) {
        let Ok(text) = project.text(&file.path) else { continue };
        let delta = Delta::of(&Lines::of(&text));
        let main = project.text(&project.spec_path(&file.id)).ok();
        let main = main.as_ref().map(|text| Requirements::of(&Lines::of(text)));
        let modified = deltas.iter_mut().filter(|found| found.spec == file.id && found.operation == "MODIFIED");
        for (operation, block) in modified.zip(&delta.modified) {
            let (diff, warning) = difference(&file.id, &delta, main.as_ref(), block);
            (operation.diff, operation.warning) = (diff, warning);
        }
    }
}

type Difference = (Option<String>, Option<String>);

fn difference(id: &str, delta: &Delta, main: Option<&Requirements>, block: &Block) -> Difference {
    let Some(main) = main else {
        return (None, Some(format!("there is no main spec {id}, so \"{}\" modifies nothing", block.name)));
    };
    let old_name = name_before(delta, &block.name);
    let exact = main.blocks.iter().find(|found| found.name == old_name);
    let folded = heading::folded(&old_name);
    match exact.or_else(|| main.blocks.iter().find(|found| heading::folded(&found.name) == folded)) {
        None => (None, Some(format!("{id} has no requirement \"{old_name}\""))),
        Some(found) => {
            let differs = exact.is_none().then(|| {
                format!(
                    "the main spec spells it \"{}\", and names are compared exactly when it is archived",
                    found.name
                )
            });
            (Some(diff(&found.raw, &block.raw)), differs)
        }
    }
}

/// The name that a requirement has in the main spec: renames of the same delta come first.
fn name_before(delta: &Delta, name: &str) -> String {
    let mut wanted = heading::folded(name);
    let mut written = name.to_owned();
    for rename in delta.renamed.iter().rev() {
        if heading::folded(&rename.to.name) == wanted {
            wanted = heading::folded(&rename.from.name);
            written.clone_from(&rename.from.name);
        }
    }
    written
}

/// A unified diff without the names of files.
fn diff(old: &str, new: &str) -> String {
    let (old, new) = (format!("{old}\n"), format!("{new}\n"));
    let diff = similar::TextDiff::from_lines(&old, &new);
    diff.unified_diff().context_radius(4).to_string().trim_end().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    #[test]
    fn a_title_is_the_first_heading_that_says_something() {
        let table = [
            ("# Change: Add x\n", "Add x"),
            ("# change:  y", "y"),
            ("text\n#\n\n Third", "Third"),
            ("# Proposal\n# Other", "n"),
            ("## no\n# Yes #", "Yes #"),
            ("#no\n", "n"),
            ("#  ", "n"),
            ("# Change:\nnext", "next"),
            ("# Change:", "Change:"),
            ("```\n# in a fence\n```", "in a fence"),
            ("\u{feff}# hidden\n# seen", "seen"),
            ("a\r# after a return", "after a return"),
        ];
        for (text, wanted) in table {
            assert_eq!(title(text, "n"), wanted, "{text:?}");
        }
    }

    #[test]
    fn the_list_of_a_proposal_is_read_by_its_words() {
        let table = [
            ("- **auth:** adds a thing", Some(("auth", "ADDED"))),
            ("  -  **auth** : no", None),
            ("- **auth**: a new address", Some(("auth", "ADDED"))),
            ("- **auth**: the address", Some(("auth", "MODIFIED"))),
            ("- **auth**: renamed and added", Some(("auth", "RENAMED"))),
            ("- **a b**:deletes", Some(("a b", "REMOVED"))),
            ("- **a*b**: x", None),
            ("- ****: x", None),
            ("- **a**:", None),
        ];
        for (line, wanted) in table {
            let found = listed(line);
            assert_eq!(found.as_ref().map(|found| (found.spec.as_str(), found.operation)), wanted, "{line:?}");
        }
    }

    fn project_with(delta: &str, main: Option<&str>) -> Tree {
        let mut tree = Tree::default();
        tree.put_file("openspec/changes/c/specs/a/spec.md", delta.as_bytes().to_vec());
        if let Some(main) = main {
            tree.put_file("openspec/specs/a/spec.md", main.as_bytes().to_vec());
        }
        tree
    }

    const PROPOSAL: &str = "# T\n## Why\nw\n## What Changes\n- **a:** adds\n";

    #[test]
    fn a_change_does_what_its_deltas_say() {
        let delta = "## REMOVED Requirements\n- `### Requirement: Gone`\n### Requirement: Old\n**Reason**: r\n\n## ADDED Requirements\n\
                     ### Requirement: New\nIt SHALL.\n\n#### Scenario: s\n- x\n### Divider\n##### Deep\n\n## RENAMED Requirements\nFROM: ### Requirement: P\nTO: ### Requirement: Q\n";
        let tree = project_with(delta, None);
        let project = Project::new(&tree, "openspec");
        let found = change(&project, "c", PROPOSAL).unwrap();
        let said: Vec<(&str, &str)> =
            found.deltas.iter().map(|delta| (delta.operation, delta.description.as_str())).collect();
        assert_eq!(
            said,
            [
                ("ADDED", "Add requirement: It SHALL."),
                ("REMOVED", "Remove requirement: Requirement: Gone"),
                ("REMOVED", "Remove requirement: **Reason**: r"),
                ("RENAMED", "Rename requirement from \"P\" to \"Q\""),
            ]
        );
        let added = found.deltas[0].requirement.as_ref().unwrap();
        assert_eq!(added.scenarios, [Scenario { raw_text: "- x".to_owned() }]);
        assert_eq!(change(&project, "c", "# T\n## Why\n\n## What Changes\nx\n"), Err(Fault::Why));
        assert_eq!(change(&project, "c", "## Why\nw\n"), Err(Fault::WhatChanges));
        let tree = project_with("# no section\n", None);
        let found = change(&Project::new(&tree, "openspec"), "c", PROPOSAL).unwrap();
        assert_eq!((found.deltas.len(), found.deltas[0].operation), (1, "ADDED"));
    }

    #[test]
    fn what_is_modified_is_compared_with_the_main_spec() {
        let delta = "## MODIFIED Requirements\n### Requirement: Two\nIt MUST.\n### Requirement: other\nx\n## RENAMED Requirements\nFROM: ### Requirement: One\nTO: ### Requirement: Two\n";
        let main = "## Requirements\n### Requirement: One\nIt SHALL.\n### Requirement: Other\nx\n";
        let tree = project_with(delta, Some(main));
        let project = Project::new(&tree, "openspec");
        let mut found = change(&project, "c", PROPOSAL).unwrap();
        add_diffs(&project, "c", &mut found.deltas);
        let diff = found.deltas[0].diff.as_deref().unwrap();
        assert_eq!(diff, "@@ -1,2 +1,2 @@\n-### Requirement: One\n-It SHALL.\n+### Requirement: Two\n+It MUST.");
        assert!(found.deltas[0].warning.is_none());
        assert!(found.deltas[1].warning.as_deref().unwrap().contains("\"Other\""));
        let tree = project_with(delta, None);
        let project = Project::new(&tree, "openspec");
        add_diffs(&project, "c", &mut found.deltas);
        assert!(found.deltas[0].diff.is_none() && found.deltas[0].warning.is_some());
    }
}
