//! The lists of tasks of a change.
//! Lives here: which files are asked, and how what is odd in them is reported. Never here: what is odd (see `tasks_lint`).

use std::borrow::Cow;

use super::super::project::Project;
use super::super::rules;
use super::super::schema::{self, Schema};
use super::super::schemas::Source;
use super::super::tasks_lint::{self, Document, Odd, Oddity};
use super::super::tree::Node;
use super::findings::{Findings, Place};

pub(super) fn check(findings: &mut Findings, project: &Project<'_>, change: &str) {
    let path = project.change_path(change);
    let schema = project.schema_name(change).ok();
    let Ok(tracked) = project.tracked_files(&path, schema.as_deref()) else { return };
    let folder = format!("{path}/");
    let is_tracked = !tracked.is_empty();
    let files = if is_tracked { tracked } else { vec![format!("{folder}tasks.md")] };
    let mut texts: Vec<(String, Cow<'_, str>)> = Vec::new();
    let mut is_complete = true;
    for file in files {
        match project.text(&file) {
            Ok(text) => texts.push((file, text)),
            Err(_) => is_complete &= project.tree().get(&file).is_none_or(|node| *node == Node::Dangling),
        }
    }
    texts.sort_by_cached_key(|(file, _)| collated(file));
    let documents: Vec<Document<'_>> =
        texts.iter().map(|(file, text)| Document { path: file.strip_prefix(&folder).unwrap_or(file), text }).collect();
    if is_tracked && is_complete {
        report(findings, &folder, tasks_lint::boxes(&documents));
    }
    if schema.is_some_and(|name| is_built_in(project, &name)) {
        report(findings, &folder, tasks_lint::numbering(&documents));
    }
}

/// Roughly the order of its collation: letters without case, an underscore before all else that may stand in a path.
fn collated(path: &str) -> (String, String) {
    let swapped =
        path.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    (path.to_lowercase().replace('_', "\u{1}"), swapped.collect())
}

/// Whether it is the schema that is always there; one of the project with its name is another.
fn is_built_in(project: &Project<'_>, name: &str) -> bool {
    let name = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name);
    let own = project.below(&format!("schemas/{name}/schema.yaml"));
    let is_same = || match project.schemas().get(name) {
        Some((Source::Package, Ok(_))) => true,
        Some((_, Ok(schema))) => *schema == Schema::spec_driven(),
        Some((_, Err(_))) | None => false,
    };
    name == schema::DEFAULT && !project.tree().get(&own).is_some_and(Node::is_file) && is_same()
}

fn report(findings: &mut Findings, folder: &str, odd: Vec<Odd<'_>>) {
    for Odd { path, line, oddity } in odd {
        let place = Place::of(path, format!("{folder}{path}")).line(line);
        match oddity {
            Oddity::Group { id, group } => {
                let wanted = id.split('.').next().unwrap_or(&id);
                findings.add(
                    &rules::TASKS_GROUP,
                    place,
                    format!("task {id} stands in group {group}, and its number says {wanted}"),
                    "move it to its group, or number it anew",
                );
            }
            Oddity::Duplicate { id, path: before, line } => {
                let before = if before == path { String::new() } else { format!(" of {before}") };
                findings.add(
                    &rules::TASKS_DUPLICATE,
                    place,
                    format!("task {id} stands on line {line}{before} already"),
                    "give it a number of its own",
                );
            }
            Oddity::NoBox => findings.add(
                &rules::TASKS_NO_BOX,
                place,
                "the change counts as without tasks: not one line of its lists has a box".to_owned(),
                "write each task as `- [ ] 1.1 …`",
            ),
        }
    }
}
