//! How far a change is written: which artifacts of its schema are there, and which may be written next.
//! Lives here: that standing. A file that exists is done, whatever it says; what people made of it is the business of
//! `lifecycle`. Never here: printing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::metadata;
use super::outputs;
use super::project::Project;
use super::schema::{Schema, is_specs};

/// Where an artifact stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// A file of it exists.
    Done,
    /// None is wanted: the change sets `skip_specs`.
    Skipped,
    /// All that it needs is there.
    Ready,
    /// Something that it needs is not.
    Blocked,
}

/// One artifact of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its name in the schema.
    pub id: String,
    /// The path or pattern below the change.
    pub output_path: String,
    /// Where it stands.
    pub status: Standing,
    /// What comes before it.
    pub requires: Vec<String>,
    /// What of that is not there yet, where it is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_deps: Option<Vec<String>>,
    /// The files that are there.
    #[serde(skip)]
    pub files: Vec<String>,
}

/// A change and its artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    /// The schema that counts for it.
    pub schema: String,
    /// In the order in which they are written.
    pub artifacts: Vec<Artifact>,
    /// The ids as the schema declares them.
    pub declared: Vec<String>,
    /// What must be there before the work begins.
    pub apply_requires: Vec<String>,
}

/// Why a change has no standing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its metadata or its schema do not count.
    #[error(".openspec.yaml: {0}")]
    Metadata(#[from] metadata::Fault),
    /// Its files cannot be told.
    #[error(transparent)]
    Outputs(#[from] outputs::Fault),
}

impl Artifacts {
    /// Looks at a change, with another schema than its own where one is asked for.
    ///
    /// # Errors
    /// Its metadata or its schema do not count, or its files cannot be told.
    pub fn of(project: &Project<'_>, change: &str, schema: Option<&str>) -> Result<Self, Fault> {
        let skips = project.metadata(change)?.is_some_and(|metadata| metadata.skip_specs);
        let own = project.schema_name(change)?;
        let name = schema.unwrap_or(&own);
        let schema = project.schema(name)?;
        let mut found: Vec<Artifact> = Vec::new();
        for artifact in &schema.artifacts {
            let files = project.outputs(change, &artifact.generates)?;
            let status = match files.is_empty() {
                false => Standing::Done,
                true if skips && is_specs(&artifact.generates) => Standing::Skipped,
                true => Standing::Blocked,
            };
            let (id, output_path) = (artifact.id.clone(), artifact.generates.clone());
            let requires = artifact.requires.clone();
            found.push(Artifact { id, output_path, status, requires, missing_deps: None, files });
        }
        let done: BTreeSet<String> = found
            .iter()
            .filter(|artifact| artifact.status != Standing::Blocked)
            .map(|artifact| artifact.id.clone())
            .collect();
        let declared: Vec<String> = found.iter().map(|artifact| artifact.id.clone()).collect();
        for artifact in found.iter_mut().filter(|artifact| artifact.status == Standing::Blocked) {
            let mut missing: Vec<String> = artifact.requires.iter().filter(|id| !done.contains(*id)).cloned().collect();
            if missing.is_empty() {
                artifact.status = Standing::Ready;
            } else {
                missing.sort_by_key(|id| declared.iter().position(|other| other == id));
                artifact.missing_deps = Some(missing);
            }
        }
        let order = schema.order();
        found.sort_by_key(|artifact| order.iter().position(|id| *id == artifact.id));
        Ok(Self { schema: name.to_owned(), artifacts: found, declared, apply_requires: apply_requires(schema) })
    }

    /// Whether nothing is left to write.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.artifacts.iter().all(|artifact| matches!(artifact.status, Standing::Done | Standing::Skipped))
    }

    /// The artifact that the schema wants next.
    #[must_use]
    pub fn next(&self) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.status == Standing::Ready)
    }
}

fn apply_requires(schema: &Schema) -> Vec<String> {
    match &schema.apply {
        Some(apply) => apply.requires.clone(),
        None => schema.artifacts.iter().map(|artifact| artifact.id.clone()).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn standing(files: &[(&str, &str)]) -> Result<Vec<(String, Standing)>, Fault> {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.put_file(&format!("openspec/changes/c/{path}"), text.as_bytes().to_vec());
        }
        let project = Project::new(&tree, "openspec");
        let artifacts = Artifacts::of(&project, "c", None)?;
        Ok(artifacts.artifacts.into_iter().map(|artifact| (artifact.id, artifact.status)).collect())
    }

    #[test]
    fn a_file_that_exists_is_done_and_opens_what_needs_it() {
        use Standing::{Blocked, Done, Ready, Skipped};
        type Row<'a> = (&'a [(&'a str, &'a str)], [Standing; 4]);
        let table: &[Row<'_>] = &[
            (&[("README.md", "")], [Ready, Blocked, Blocked, Blocked]),
            (&[("proposal.md", "")], [Done, Ready, Ready, Blocked]),
            (&[("proposal.md", ""), ("specs/a/x.md", "")], [Done, Done, Ready, Blocked]),
            (&[("tasks.md", "")], [Ready, Blocked, Blocked, Done]),
            (
                &[
                    ("proposal.md", ""),
                    ("design.md", ""),
                    (".openspec.yaml", "schema: spec-driven\nskip_specs: true\n"),
                ],
                [Done, Skipped, Done, Ready],
            ),
        ];
        for (files, wanted) in table {
            let found = standing(files).unwrap();
            let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(ids, ["proposal", "specs", "design", "tasks"]);
            assert_eq!(found.iter().map(|(_, standing)| *standing).collect::<Vec<_>>(), wanted, "{files:?}");
        }
    }

    #[test]
    fn metadata_that_do_not_count_are_an_error_of_the_change() {
        for text in ["", "goal: x", "schema: none", "a: ["] {
            assert!(matches!(standing(&[(".openspec.yaml", text)]), Err(Fault::Metadata(_))), "{text:?}");
        }
    }
}
