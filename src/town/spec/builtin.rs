//! The schema that is there without any file: its artifacts, and the words for those who write them.
//! Lives here: what is compiled in from `schemas/`. Never here: schemas of a project or of a user (see `schema`).

use super::schema::{Apply, Artifact, DEFAULT, Schema};

/// A file that is compiled in.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("schemas/spec-driven/", $path))
    };
}

/// The templates of the schema by the names of their files.
const TEMPLATES: &[(&str, &str)] = &[
    ("proposal.md", file!("templates/proposal.md")),
    ("spec.md", file!("templates/spec.md")),
    ("design.md", file!("templates/design.md")),
    ("tasks.md", file!("templates/tasks.md")),
];

/// The template in a file of this name.
#[must_use]
pub fn template(name: &str) -> Option<&'static str> {
    TEMPLATES.iter().find(|(found, _)| *found == name).map(|(_, text)| *text)
}

impl Schema {
    /// The schema of projects that have no other.
    #[must_use]
    pub fn spec_driven() -> Self {
        let artifact = |[id, generates, template, description, instruction]: [&str; 5], requires: &[&str]| Artifact {
            id: id.to_owned(),
            generates: generates.to_owned(),
            description: description.to_owned(),
            template: template.to_owned(),
            instruction: Some(instruction.to_owned()),
            requires: requires.iter().map(|id| (*id).to_owned()).collect(),
        };
        let proposal = [
            "proposal",
            "proposal.md",
            "proposal.md",
            "Why there is a change, and what changes",
            file!("instructions/proposal.md"),
        ];
        let specs =
            ["specs", "specs/**/*.md", "spec.md", "What the requirements become", file!("instructions/specs.md")];
        let design =
            ["design", "design.md", "design.md", "How it is built, and why so", file!("instructions/design.md")];
        let tasks = ["tasks", "tasks.md", "tasks.md", "The steps, with boxes", file!("instructions/tasks.md")];
        Self {
            name: DEFAULT.to_owned(),
            description: Some("A proposal, then specs and a design, then tasks".to_owned()),
            artifacts: vec![
                artifact(proposal, &[]),
                artifact(specs, &["proposal"]),
                artifact(design, &["proposal"]),
                artifact(tasks, &["specs", "design"]),
            ],
            apply: Some(Apply {
                requires: vec!["tasks".to_owned()],
                tracks: Some("tasks.md".to_owned()),
                instruction: Some(file!("instructions/apply.md").to_owned()),
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::delta::Delta;
    use super::super::lines::Lines;
    use super::super::tasks::progress;
    use super::*;

    #[test]
    fn every_artifact_has_a_template_and_a_text_of_its_own() {
        for artifact in Schema::spec_driven().artifacts {
            assert!(template(&artifact.template).is_some_and(|text| text.starts_with("# ")), "{}", artifact.id);
            assert!(artifact.instruction.is_some_and(|text| text.len() > 200), "{}", artifact.id);
        }
        assert_eq!(template("other.md"), None);
    }

    #[test]
    fn the_templates_have_the_headings_that_are_read() {
        let proposal = template("proposal.md").unwrap();
        for heading in ["## Why", "## What Changes", "## Capabilities", "## Impact"] {
            assert!(proposal.lines().any(|line| line == heading), "{heading}");
        }
        let delta = Delta::of(&Lines::of(template("spec.md").unwrap()));
        assert_eq!((delta.added.len(), delta.sections.len()), (1, 1));
        assert_eq!(progress(template("tasks.md").unwrap()).total, 3);
    }
}
