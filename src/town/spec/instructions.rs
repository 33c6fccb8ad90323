//! What somebody who writes an artifact of a change is told: the schema's words, the project's, and what stands around it.
//! Lives here: putting that together. Never here: how it is printed, or reading a user's own templates.

use serde::Serialize;

use super::artifacts::{self, Artifacts, Standing};
use super::js;
use super::project::Project;
use super::schema;
use super::schemas::{NoTemplate, Template};

/// What is said where an artifact is not wanted.
pub const SKIPPED: &str = "The change sets skip_specs in its .openspec.yaml: it changes no requirement, so this artifact is not \
wanted.\nWrite none: a spec beside that mark makes the change invalid. If requirements do change, take the mark out and ask again.";

/// An artifact that comes before another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// Its name in the schema.
    pub id: String,
    /// Whether it is there, or not wanted.
    pub done: bool,
    /// The path or pattern below the change.
    pub path: String,
    /// What it is.
    pub description: String,
    /// Whether it is not wanted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
}

/// All that is told about one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instructions<'p> {
    /// The schema that counts for the change.
    pub schema: String,
    /// The artifact as it says.
    pub artifact: &'p schema::Artifact,
    /// The files of it that are there.
    pub files: Vec<String>,
    /// The project's words about itself.
    pub context: Option<&'p str>,
    /// The project's rules for this artifact.
    pub rules: Option<&'p [String]>,
    /// Whether none is wanted.
    pub is_skipped: bool,
    /// Where its template is.
    pub template: Template,
    /// What comes before it.
    pub dependencies: Vec<Dependency>,
    /// What waits for it, as the schema declares them.
    pub unlocks: Vec<String>,
}

/// Why nothing can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The change has no standing.
    #[error(transparent)]
    Artifacts(#[from] artifacts::Fault),
    /// No artifact was named.
    #[error("say which artifact: {}", .0.join(", "))]
    NotSaid(Vec<String>),
    /// The schema has no such artifact.
    #[error("the schema {schema:?} has no artifact {wanted:?}; there are {}", .there.join(", "))]
    NoArtifact {
        /// The schema's name.
        schema: String,
        /// What was asked for.
        wanted: String,
        /// What it has.
        there: Vec<String>,
    },
    /// Its template cannot be had.
    #[error(transparent)]
    Template(#[from] NoTemplate),
}

impl<'p> Instructions<'p> {
    /// Puts it together, with another schema than the change's own where one is asked for.
    ///
    /// # Errors
    /// The change has no standing, there is no such artifact, or its template is not there.
    pub fn of(
        project: &'p Project<'_>,
        change: &str,
        artifact: Option<&str>,
        schema: Option<&str>,
    ) -> Result<Self, Fault> {
        let read = Artifacts::of(project, change, schema)?;
        let Some(wanted) = artifact.filter(|id| !id.is_empty()) else { return Err(Fault::NotSaid(read.declared)) };
        let of_schema = project.schema(&read.schema).map_err(artifacts::Fault::from)?;
        let Some(artifact) = of_schema.artifact(wanted) else {
            let wanted = wanted.to_owned();
            return Err(Fault::NoArtifact { schema: read.schema, wanted, there: read.declared });
        };
        let standing = |id: &str| read.artifacts.iter().find(|found| found.id == id);
        let dependency = |id: &String| {
            let status = standing(id).map(|found| found.status);
            let of_schema = of_schema.artifact(id);
            Dependency {
                id: id.clone(),
                done: matches!(status, Some(Standing::Done | Standing::Skipped)),
                path: of_schema.map_or_else(|| id.clone(), |found| found.generates.clone()),
                description: of_schema.map_or_else(String::new, |found| found.description.clone()),
                skipped: status == Some(Standing::Skipped),
            }
        };
        let waits = |later: &&schema::Artifact| later.requires.contains(&artifact.id);
        let own = standing(&artifact.id);
        Ok(Self {
            artifact,
            files: own.map(|found| found.files.clone()).unwrap_or_default(),
            context: project.config().context.as_deref().map(js::trim).filter(|context| !context.is_empty()),
            rules: project.config().rules_for(&artifact.id),
            is_skipped: own.is_some_and(|found| found.status == Standing::Skipped),
            template: project.schemas().template(project.tree(), &read.schema, &artifact.template)?,
            dependencies: artifact.requires.iter().map(dependency).collect(),
            unlocks: of_schema.artifacts.iter().filter(waits).map(|later| later.id.clone()).collect(),
            schema: read.schema,
        })
    }
}

/// What is wrong with the rules of a project: ids that no schema has. One file of rules stands for all schemas.
#[must_use]
pub fn unknown_rules(project: &Project<'_>) -> Vec<String> {
    let ids = project.schemas().usable().flat_map(|(_, _, schema)| &schema.artifacts);
    let mut known: Vec<&str> = ids.map(|artifact| artifact.id.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let unknown = project.config().rules.iter().filter(|(id, _)| !known.contains(&id.as_str()));
    unknown
        .map(|(id, _)| {
            format!(
                "rules.{id}: no schema has such an artifact, so nobody gets these rules; there are {}",
                known.join(", ")
            )
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    const OWN: &str = "name: own\nversion: 1\nartifacts:\n\
        \x20 - {id: note, generates: note.md, description: A note, template: t.md, instruction: Note it.}\n\
        \x20 - {id: contract, generates: specs/**/*.md, description: C, template: t.md, requires: [note]}\n\
        \x20 - {id: end, generates: end.md, description: E, template: gone.md, requires: [note, contract]}\n";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        tree.put_file("openspec/schemas/own/schema.yaml", OWN.as_bytes().to_vec());
        tree.put_file("openspec/schemas/own/templates/t.md", b"# T\r\n".to_vec());
        for (path, text) in files {
            tree.put_file(&format!("openspec/{path}"), text.as_bytes().to_vec());
        }
        tree
    }

    #[test]
    fn an_artifact_knows_what_it_needs_and_what_waits_for_it() {
        let meta = ("changes/c/.openspec.yaml", "schema: own\n");
        let config = ("config.yaml", "context: '  '\nrules: {note: [short], other: [x], end: []}\n");
        let tree = tree(&[meta, config, ("changes/c/note.md", "")]);
        let project = Project::new(&tree, "openspec");
        let note = Instructions::of(&project, "c", Some("note"), None).unwrap();
        assert_eq!((note.schema.as_str(), note.context), ("own", None));
        assert_eq!(note.rules.map(<[_]>::concat), Some("short".to_owned()));
        assert_eq!(
            (note.files.as_slice(), note.unlocks.as_slice()),
            (&["openspec/changes/c/note.md".to_owned()][..], &["contract".to_owned(), "end".to_owned()][..])
        );
        assert_eq!(note.template, Template::Tree("openspec/schemas/own/templates/t.md".to_owned()));
        let contract = Instructions::of(&project, "c", Some("contract"), None).unwrap();
        assert_eq!(
            contract.dependencies.iter().map(|found| (found.id.as_str(), found.done)).collect::<Vec<_>>(),
            [("note", true)]
        );
        assert_eq!(contract.rules, None);
        assert!(matches!(Instructions::of(&project, "c", Some("end"), None), Err(Fault::Template(_))));
        assert!(matches!(Instructions::of(&project, "c", Some("none"), None), Err(Fault::NoArtifact { .. })));
        assert!(matches!(Instructions::of(&project, "c", None, None), Err(Fault::NotSaid(ids)) if ids.len() == 3));
        assert!(matches!(Instructions::of(&project, "c", Some("note"), Some("none")), Err(Fault::Artifacts(_))));
        assert!(
            matches!(Instructions::of(&project, "c", Some("proposal"), Some("spec-driven")), Ok(read) if read.template != note.template)
        );
        let warnings = unknown_rules(&project);
        assert!(warnings.len() == 1 && warnings[0].starts_with("rules.other: "), "{warnings:?}");
    }

    #[test]
    fn an_artifact_that_is_not_wanted_counts_as_done() {
        let tree = tree(&[
            ("changes/c/.openspec.yaml", "schema: own\nskip_specs: true\n"),
            ("config.yaml", "context: ' x '\n"),
        ]);
        let project = Project::new(&tree, "openspec");
        let contract = Instructions::of(&project, "c", Some("contract"), None).unwrap();
        assert!(contract.is_skipped);
        assert_eq!(contract.context, Some("x"));
        let text = OWN.replace("gone.md", "t.md");
        let mut tree = tree.clone();
        tree.put_file("openspec/schemas/own/schema.yaml", text.into_bytes());
        let project = Project::new(&tree, "openspec");
        let end = Instructions::of(&project, "c", Some("end"), None).unwrap();
        let found: Vec<(bool, bool)> = end.dependencies.iter().map(|found| (found.done, found.skipped)).collect();
        assert_eq!(found, [(false, false), (true, true)]);
    }
}
