//! Whether the work of a change may begin, how far it is, and what those who do it are told.
//! Lives here: that judgement from the schema's apply phase. Never here: who approved the change (see `lifecycle`).

use std::collections::BTreeSet;

use serde::Serialize;

use super::artifacts::{self, Artifacts, Standing};
use super::js;
use super::project::Project;
use super::schema::{Schema, is_specs};
use super::tasks;

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Something is not written yet, or there is nothing to do.
    Blocked,
    /// It may go on.
    Ready,
    /// Every box is ticked.
    AllDone,
}

/// A task with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Counted from 1 over all files.
    pub id: String,
    /// What stands behind the box.
    pub description: String,
    /// Whether it is ticked.
    pub done: bool,
}

/// All boxes, those without a text too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Boxes.
    pub total: usize,
    /// Those that are ticked.
    pub complete: usize,
    /// Those that are not.
    pub remaining: usize,
}

/// A file with tasks that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// Its path in the tree.
    pub path: String,
    /// Why.
    pub reason: &'static str,
}

/// All that is told about the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// The schema that counts for the change.
    pub schema: String,
    /// The files of each artifact that has any, as the schema declares them.
    pub context_files: Vec<(String, Vec<String>)>,
    /// The boxes.
    pub progress: Progress,
    /// The tasks.
    pub tasks: Vec<Item>,
    /// Whether the schema says where they stand.
    pub is_tracked: bool,
    /// Files that might hold more of them.
    pub unavailable: Vec<Unavailable>,
    /// How far it is.
    pub stage: Stage,
    /// What must be there first and is not.
    pub missing: Vec<String>,
    /// The same with what that needs, in the order in which they are written.
    pub missing_chain: Vec<String>,
    /// What is wrong although the work may go on.
    pub warnings: Vec<String>,
    /// What to do.
    pub instruction: String,
}

/// The boxes of the files that the schema tracks.
#[derive(Default)]
struct Tracked {
    files: usize,
    progress: Progress,
    items: Vec<Item>,
    unavailable: Vec<Unavailable>,
}

impl Apply {
    /// Judges a change, with another schema than its own where one is asked for.
    ///
    /// # Errors
    /// Its metadata or its schema do not count, or its files cannot be told.
    pub fn of(project: &Project<'_>, change: &str, schema: Option<&str>) -> Result<Self, artifacts::Fault> {
        let read = Artifacts::of(project, change, schema)?;
        let of_schema = project.schema(&read.schema)?;
        let apply = of_schema.apply.as_ref();
        let tracks = apply.and_then(|apply| apply.tracks.as_deref());
        let tracked = tracks.map_or_else(|| Ok(Tracked::default()), |tracks| Tracked::of(project, change, tracks))?;
        let find = |id: &String| read.artifacts.iter().find(|artifact| artifact.id == *id);
        let is_missing = |id: &&String| {
            find(id).is_some_and(|artifact| artifact.files.is_empty() && artifact.status != Standing::Skipped)
        };
        let missing: Vec<String> = read.apply_requires.iter().filter(is_missing).cloned().collect();
        let missing_chain = chain(&read);
        let (stage, said) = stage(change, of_schema, &missing, &missing_chain, &tracked);
        let mut instruction = said.unwrap_or_else(|| {
            let own = apply.and_then(|apply| apply.instruction.as_deref()).map(js::trim);
            own.unwrap_or("All that the work needs is written. Begin.").to_owned()
        });
        if !tracked.unavailable.is_empty() {
            instruction.push_str("\nNobody can tell whether all is done, since tasks cannot be read:");
            let lines = tracked.unavailable.iter().map(|file| format!("\n- {}: {}", file.path, file.reason));
            instruction.extend(lines);
        }
        let files = |id: &String| {
            let files = find(id).map(|artifact| artifact.files.clone())?;
            (!files.is_empty()).then(|| (id.clone(), files))
        };
        Ok(Self {
            context_files: read.declared.iter().filter_map(files).collect(),
            progress: tracked.progress,
            tasks: tracked.items,
            is_tracked: tracks.is_some(),
            unavailable: tracked.unavailable,
            stage,
            missing,
            missing_chain,
            warnings: if stage == Stage::Blocked { Vec::new() } else { warnings(project, change, &read) },
            instruction,
            schema: read.schema,
        })
    }
}

impl Tracked {
    fn of(project: &Project<'_>, change: &str, tracks: &str) -> Result<Self, artifacts::Fault> {
        let mut found = Self::default();
        for path in project.outputs(change, tracks)? {
            found.files += 1;
            let text = match project.text(&path) {
                Ok(text) => text,
                Err(fault) => {
                    found.unavailable.push(Unavailable { path, reason: fault.words().0 });
                    continue;
                }
            };
            for task in tasks::tasks(&text) {
                found.progress.total += 1;
                found.progress.complete += usize::from(task.done);
                // A box without a text is counted, but nobody can be told to do it.
                if !task.text.is_empty() {
                    let id = (found.items.len() + 1).to_string();
                    found.items.push(Item { id, description: task.text, done: task.done });
                }
            }
        }
        found.progress.remaining = found.progress.total - found.progress.complete;
        Ok(found)
    }
}

/// What is required and not there, with all that it needs and that is not there either.
fn chain(read: &Artifacts) -> Vec<String> {
    let mut open: Vec<&str> = read.apply_requires.iter().map(String::as_str).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let needs = read.artifacts.iter().filter(|artifact| artifact.id == id);
            open.extend(needs.flat_map(|artifact| &artifact.requires).map(String::as_str));
        }
    }
    let is_left = |status| matches!(status, Standing::Ready | Standing::Blocked);
    let left = read.artifacts.iter().filter(|artifact| seen.contains(artifact.id.as_str()) && is_left(artifact.status));
    left.map(|artifact| artifact.id.clone()).collect()
}

/// How far the work is, and what is said about it where that is not the schema's to say.
fn stage(
    change: &str,
    schema: &Schema,
    missing: &[String],
    chain: &[String],
    tracked: &Tracked,
) -> (Stage, Option<String>) {
    let told =
        |artifact: &str| format!("`monkeytown spec instructions {artifact} --change {change}` says how to write it.");
    let tracks = schema.apply.as_ref().and_then(|apply| apply.tracks.as_deref());
    let owner = tracks.and_then(|tracks| schema.artifacts.iter().find(|artifact| artifact.generates == tracks));
    let owner = owner.map_or("<artifact>", |artifact| artifact.id.as_str());
    if !missing.is_empty() {
        let mut said = format!("The work cannot begin: {} is not written.", missing.join(", "));
        if chain.len() > missing.len() {
            said.push_str(&format!("\nIn their order there are still to write: {}.", chain.join(", ")));
        }
        let next = if let [only] = chain { only } else { "<artifact>" };
        return (Stage::Blocked, Some(format!("{said}\n{}", told(next))));
    }
    let Some(tracks) = tracks else { return (Stage::Ready, None) };
    let blocked = |said: String| (Stage::Blocked, Some(said));
    if tracked.files == 0 {
        blocked(format!("There is no {tracks} with tasks yet.\n{}", told(owner)))
    } else if tracked.items.is_empty() && !tracked.unavailable.is_empty() {
        blocked("There are no tasks that can be read.".to_owned())
    } else if tracked.items.is_empty() {
        blocked(format!("{tracks} is there and holds no task with a text.\n{}", told(owner)))
    } else if tracked.unavailable.is_empty() && tracked.progress.remaining == 0 {
        let said = format!(
            "Every task is done. Run the tests, look at the whole once more, then `monkeytown spec archive {change}`."
        );
        (Stage::AllDone, Some(said))
    } else {
        (Stage::Ready, None)
    }
}

/// Deltas that nothing reads, and a change without any that does not say so on purpose.
fn warnings(project: &Project<'_>, change: &str, read: &Artifacts) -> Vec<String> {
    let specs: Vec<_> = read.artifacts.iter().filter(|artifact| is_specs(&artifact.output_path)).collect();
    if specs.is_empty() || specs.iter().any(|artifact| artifact.status == Standing::Skipped) {
        return Vec::new();
    }
    let unread = project.unread_deltas(change).into_iter();
    let mut warnings: Vec<String> = unread
        .map(|file| {
            format!(
                "specs/{} holds a delta that nothing reads: `monkeytown spec validate {change}` refuses it. Move its requirements to specs/{}.",
                file.path, file.expected
            )
        })
        .collect();
    if specs.iter().all(|artifact| artifact.files.is_empty()) {
        let artifact = if let [only] = specs[..] { only.id.as_str() } else { "<artifact>" };
        warnings.push(format!(
            "The change has no delta, so `monkeytown spec validate {change}` refuses it. Write one before the work \
             (`monkeytown spec instructions {artifact} --change {change}`), or write `skip_specs: true` into its .openspec.yaml if no requirement changes."
        ));
    }
    warnings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tree::{Fault, Node, Tree};
    use super::*;

    fn applied(files: &[(&str, &str)]) -> Apply {
        let mut tree = Tree::default();
        for (path, text) in files {
            let path = path
                .strip_prefix('/')
                .map_or_else(|| format!("openspec/changes/c/{path}"), |top| format!("openspec/{top}"));
            tree.put_file(&path, text.as_bytes().to_vec());
        }
        Apply::of(&Project::new(&tree, "openspec"), "c", None).unwrap()
    }

    #[test]
    fn the_stage_follows_from_what_is_written_and_ticked() {
        let proposal = ("proposal.md", "");
        let delta = ("specs/a/spec.md", "## ADDED Requirements\n");
        let skips = (".openspec.yaml", "schema: spec-driven\nskip_specs: true\n");
        type Row<'r> = (&'r [(&'r str, &'r str)], Stage, &'r [&'r str], &'r [&'r str], usize);
        let table: &[Row] = &[
            (&[("README.md", "")], Stage::Blocked, &["tasks"], &["proposal", "specs", "design", "tasks"], 0),
            (&[proposal, skips], Stage::Blocked, &["tasks"], &["design", "tasks"], 0),
            (&[proposal, delta, ("design.md", "")], Stage::Blocked, &["tasks"], &["tasks"], 0),
            (&[proposal, ("tasks.md", "- [ ] a")], Stage::Ready, &[], &["specs", "design"], 1),
            (&[proposal, delta, ("tasks.md", "- [ ] a")], Stage::Ready, &[], &["design"], 0),
            (&[proposal, delta, ("specs/b.md", delta.1), ("tasks.md", "- [x] a")], Stage::AllDone, &[], &["design"], 1),
            (&[proposal, skips, ("tasks.md", "- [x] a\n- [ ]")], Stage::Ready, &[], &["design"], 0),
            (&[proposal, delta, ("tasks.md", "nothing")], Stage::Blocked, &[], &["design"], 0),
            (&[proposal, delta, ("tasks.md", "- [x]")], Stage::Blocked, &[], &["design"], 0),
        ];
        for (files, stage, missing, chain, warnings) in table {
            let found = applied(files);
            assert_eq!(found.stage, *stage, "{files:?}");
            assert_eq!(
                (found.missing.as_slice(), found.missing_chain.as_slice()),
                (&owned(missing)[..], &owned(chain)[..]),
                "{files:?}"
            );
            assert_eq!(found.warnings.len(), *warnings, "{files:?}: {:?}", found.warnings);
        }
    }

    fn owned(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn boxes_without_a_text_are_counted_and_not_listed() {
        let found = applied(&[("tasks.md", "- [x] a\n- [ ]\n- [ ] b\r\n")]);
        assert_eq!(found.progress, Progress { total: 3, complete: 1, remaining: 2 });
        let items: Vec<(&str, &str, bool)> =
            found.tasks.iter().map(|item| (item.id.as_str(), item.description.as_str(), item.done)).collect();
        assert_eq!(items, [("1", "a", true), ("2", "b", false)]);
        assert_eq!(found.context_files, [("tasks".to_owned(), vec!["openspec/changes/c/tasks.md".to_owned()])]);
    }

    const OWN: &str = "name: own\nversion: 1\nartifacts:\n\
        \x20 - {id: plan, generates: plan.md, description: P, template: t.md}\n\
        \x20 - {id: work, generates: parts/*.md, description: W, template: t.md}\n";

    fn with(apply: &str, files: &[(&str, &str)]) -> Apply {
        let schema = format!("{OWN}{apply}");
        applied(
            &[files, &[(".openspec.yaml", "schema: own\n"), ("/schemas/own/schema.yaml", schema.as_str())]].concat(),
        )
    }

    #[test]
    fn a_schema_of_the_project_says_what_is_needed_and_where_tasks_stand() {
        let none = with("", &[("plan.md", "")]);
        assert_eq!((none.stage, none.missing, none.is_tracked), (Stage::Blocked, owned(&["work"]), false));
        let all = with("", &[("plan.md", ""), ("parts/a.md", "- [ ] x")]);
        assert_eq!((all.stage, all.tasks.len(), all.warnings.len()), (Stage::Ready, 0, 0));
        let delta =
            "  - {id: delta, generates: specs/a/spec.md, description: D, template: t.md}\napply: {requires: [delta]}\n";
        assert_eq!(with(delta, &[]).missing, owned(&["delta"]));
        let mut tree = Tree::default();
        tree.put_file("openspec/schemas/own/schema.yaml", format!("{OWN}{delta}").into_bytes());
        tree.put_file("openspec/changes/c/.openspec.yaml", b"schema: own\nskip_specs: true\n".to_vec());
        let skipping = Apply::of(&Project::new(&tree, "openspec"), "c", None).unwrap();
        assert_eq!((skipping.stage, skipping.missing, skipping.missing_chain), (Stage::Ready, owned(&[]), owned(&[])));
        let tracks = "apply: {requires: [plan], tracks: 'parts/*.md', instruction: ' Go. '}\n";
        let absent = with(tracks, &[("plan.md", "")]);
        assert_eq!(absent.stage, Stage::Blocked);
        assert!(absent.instruction.contains("instructions work "), "{}", absent.instruction);
        let ready = with(tracks, &[("plan.md", ""), ("parts/b.md", "- [ ] y"), ("parts/a.md", "- [x] x")]);
        assert_eq!((ready.stage, ready.instruction.as_str(), ready.is_tracked), (Stage::Ready, "Go.", true));
        assert_eq!(ready.tasks.iter().map(|item| item.description.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn tasks_that_cannot_be_read_are_never_all_done() {
        let mut tree = Tree::default();
        let put = |tree: &mut Tree, path: &str, text: &str| {
            tree.put_file(&format!("openspec/{path}"), text.as_bytes().to_vec())
        };
        put(&mut tree, "schemas/own/schema.yaml", &format!("{OWN}apply: {{requires: [work], tracks: 'parts/*.md'}}\n"));
        put(&mut tree, "changes/c/.openspec.yaml", "schema: own\n");
        tree.put("openspec/changes/c/parts/a.md", Node::Unreadable(Fault::Denied));
        let of = |tree: &Tree| Apply::of(&Project::new(tree, "openspec"), "c", None).unwrap();
        assert_eq!((of(&tree).stage, of(&tree).unavailable.len()), (Stage::Blocked, 1));
        put(&mut tree, "changes/c/parts/b.md", "- [x] y");
        let found = of(&tree);
        assert_eq!(found.stage, Stage::Ready);
        assert!(found.instruction.contains("parts/a.md: it may not be read"), "{}", found.instruction);
    }
}
