//! Folders below `changes/` that are no changes but only wrap some.
//! Lives here: telling the two apart. Never here: what a change holds (see `project`).

use super::outputs;
use super::project::Project;
use super::tree::Node;

/// How deep changes are looked for in a folder.
const DEPTH: usize = 3;
/// What stands only in a change's own folder.
const OWN: [&str; 4] = [super::metadata::FILE, "proposal.md", "tasks.md", "design.md"];

/// A folder that wraps changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested {
    /// Its name.
    pub name: String,
    /// The changes in it, as paths below `changes/`.
    pub nested: Vec<String>,
}

/// What a folder below `changes/` wraps, where it is no change itself.
pub(super) fn find(project: &Project<'_>, name: &str) -> Option<Nested> {
    let folder = project.change_path(name);
    if name == "archive" || name.starts_with('.') || looks_like_change(project, name) || has_own_file(project, &folder)
    {
        return None;
    }
    let mut nested = Vec::new();
    collect(project, name, 1, &mut nested);
    nested.sort();
    (!nested.is_empty()).then(|| Nested { name: name.to_owned(), nested })
}

fn collect(project: &Project<'_>, name: &str, depth: usize, found: &mut Vec<String>) {
    if depth > DEPTH {
        return;
    }
    let folder = project.change_path(name);
    let folders = project.tree().entries(&folder).filter(|(_, node)| matches!(node, Node::Folder));
    for (entry, _) in folders.filter(|(entry, _)| !entry.starts_with('.')) {
        let below = format!("{name}/{entry}");
        if looks_like_change(project, &below) {
            found.push(below);
        } else {
            collect(project, &below, depth + 1, found);
        }
    }
}

fn looks_like_change(project: &Project<'_>, name: &str) -> bool {
    let folder = project.change_path(name);
    OWN.iter().any(|own| project.tree().get(&format!("{folder}/{own}")).is_some_and(Node::is_file))
        || project.has_any_file(&format!("{folder}/specs"))
        || has_output(project, name, &folder)
}

/// Whether an artifact of the schema is there, wherever that schema puts it.
fn has_output(project: &Project<'_>, name: &str, folder: &str) -> bool {
    let Ok(schema) = project.schema_of(name) else { return false };
    for artifact in &schema.artifacts {
        match outputs::outputs(project.tree(), folder, &artifact.generates) {
            Ok(files) if files.is_empty() => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
    false
}

fn has_own_file(project: &Project<'_>, folder: &str) -> bool {
    project.tree().entries(folder).any(|(entry, node)| !entry.starts_with('.') && !matches!(node, Node::Folder))
}
