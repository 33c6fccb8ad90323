//! `monkeytown spec instructions`.
//! Lives here: gathering what somebody is told who writes an artifact, does the work or archives it. Never here: the words of
//! schemas (see `instructions` and `apply` of the pure room), or printing for people (see `instructions_text`).

use clap::Args as ClapArgs;
use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use super::instructions_text as text;
use super::status::{Home, failed, known_schema, looked_up};
use crate::config::spec_tree;
use crate::town::spec::apply::{Apply, Item, Progress, Stage};
use crate::town::spec::instructions::{self, Dependency, Instructions};
use crate::town::spec::js;
use crate::town::spec::metadata::is_kebab;
use crate::town::spec::project::Project;
use crate::town::spec::schemas::Template;
use crate::town::spec::tree::Archive;

/// Tell who writes an artifact, does the work of a change or archives it what to know
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// An artifact of the change's schema, or apply, or archive
    #[arg(value_name = "ARTIFACT")]
    pub artifact: Option<String>,
    /// The change
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub change: Option<String>,
    /// Look with this schema instead of the change's own
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub schema: Option<String>,
}

/// A store that the project refers to. Stores are not known here, so there is only to say that it is not.
#[derive(Serialize)]
pub(super) struct Reference {
    pub(super) store_id: String,
    pub(super) status: [Unknown; 1],
}

/// Why nothing is known of it.
#[derive(Serialize)]
pub(super) struct Unknown {
    severity: &'static str,
    code: &'static str,
    pub(super) message: String,
    target: &'static str,
    pub(super) fix: &'static str,
}

/// About an artifact.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArtifactOut<'p> {
    pub(super) change_name: &'p str,
    pub(super) artifact_id: &'p str,
    pub(super) schema_name: String,
    pub(super) change_dir: String,
    planning_home: Home,
    output_path: &'p str,
    pub(super) resolved_output_path: String,
    existing_output_paths: Vec<String>,
    pub(super) description: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instruction: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rules: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) references: Option<Vec<Reference>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warning: Option<&'static str>,
    pub(super) template: String,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) unlocks: Vec<String>,
    root: RootOut,
}

/// Files by the artifact that they are of, in the order in which the schema declares those.
pub(super) struct Files(pub(super) Vec<(String, Vec<String>)>);

impl Serialize for Files {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, files) in &self.0 {
            map.serialize_entry(id, files)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct UnavailableOut {
    path: String,
    reason: &'static str,
}

/// About the work.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplyOut<'p> {
    pub(super) change_name: &'p str,
    change_dir: String,
    pub(super) schema_name: String,
    pub(super) context_files: Files,
    pub(super) progress: Progress,
    pub(super) tasks: Vec<Item>,
    task_tracking_configured: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unavailable_tracking_files: Vec<UnavailableOut>,
    pub(super) state: Stage,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing_artifacts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing_prerequisites: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    pub(super) instruction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) references: Option<Vec<Reference>>,
    #[serde(flatten)]
    pub(super) inputs: Inputs<'p>,
    root: RootOut,
}

/// What the project says to those who do something with a change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inputs<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation_guidance: Option<&'p [String]>,
}

/// About archiving.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArchiveOut<'p> {
    change_name: &'p str,
    #[serde(flatten)]
    inputs: Inputs<'p>,
    root: RootOut,
}

/// Runs the command.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::end(context, Shape::default(), tell(context, args))
}

fn tell(context: &Context, args: &Args) -> Result<u8, Failure> {
    let desk = Desk::open(context, Without::Here, Archive::Names)?;
    let project = desk.project();
    let changes = project.changes();
    let Some(change) = args.change.as_deref().filter(|name| !name.is_empty()) else {
        return Err(match changes.is_empty() {
            true => failed("there are no changes; monkeytown spec new NAME begins one"),
            false => failed(format!("say which change with --change: {}", changes.join(", "))),
        });
    };
    looked_up(&project, &changes, change)?;
    let schema = args.schema.as_deref().filter(|name| !name.is_empty());
    match args.artifact.as_deref() {
        Some("archive") => archive(context, &desk, &project, change)?,
        artifact => {
            schema.map_or(Ok(()), |name| known_schema(&project, name))?;
            match artifact {
                Some("apply") => apply(context, &desk, &project, change, schema)?,
                artifact => write(context, &desk, &project, change, artifact, schema)?,
            }
        }
    }
    Ok(0)
}

fn write(
    context: &Context,
    desk: &Desk,
    project: &Project<'_>,
    change: &str,
    artifact: Option<&str>,
    schema: Option<&str>,
) -> Result<(), Failure> {
    let read = Instructions::of(project, change, artifact, schema);
    let read = read.map_err(|fault| failed(format!("{change}: {fault}")))?;
    for warning in instructions::unknown_rules(project) {
        say::story(context, &format!("warning: {warning}"));
    }
    let template = match &read.template {
        Template::Here(text) => (*text).to_owned(),
        Template::Tree(path) => project.tree().text(path).map(|text| text.into_owned()).unwrap_or_default(),
        Template::User => spec_tree::user_template_text(&context.env, &read.schema, &read.artifact.template)
            .map_err(|fault| failed(fault.to_string()))?,
    };
    let folder = project.change_path(change);
    let told = ArtifactOut {
        change_name: change,
        artifact_id: &read.artifact.id,
        schema_name: read.schema,
        change_dir: desk.shown(&folder),
        planning_home: Home::of(desk, project),
        output_path: &read.artifact.generates,
        resolved_output_path: desk.below(&folder, &read.artifact.generates),
        existing_output_paths: read.files.iter().map(|path| desk.shown(path)).collect(),
        description: &read.artifact.description,
        instruction: read.artifact.instruction.as_deref(),
        context: read.context,
        rules: read.rules,
        references: references(project),
        skipped: read.is_skipped,
        warning: read.is_skipped.then_some(instructions::SKIPPED),
        template,
        dependencies: read.dependencies,
        unlocks: read.unlocks,
        root: desk.root_out(),
    };
    if context.json {
        return desk::json(&told);
    }
    text::artifact(&told);
    Ok(())
}

fn apply(
    context: &Context,
    desk: &Desk,
    project: &Project<'_>,
    change: &str,
    schema: Option<&str>,
) -> Result<(), Failure> {
    let read = Apply::of(project, change, schema).map_err(|fault| failed(format!("{change}: {fault}")))?;
    let shown = |paths: Vec<String>| paths.iter().map(|path| desk.shown(path)).collect();
    let mut context_files: Vec<(String, Vec<String>)> =
        read.context_files.into_iter().map(|(id, files)| (id, shown(files))).collect();
    js::object_order(&mut context_files, |(id, _)| id);
    let unavailable = read.unavailable.iter();
    let told = ApplyOut {
        change_name: change,
        change_dir: desk.shown(&project.change_path(change)),
        schema_name: read.schema,
        context_files: Files(context_files),
        progress: read.progress,
        tasks: read.tasks,
        task_tracking_configured: read.is_tracked,
        unavailable_tracking_files: unavailable
            .map(|file| UnavailableOut { path: desk.shown(&file.path), reason: file.reason })
            .collect(),
        state: read.stage,
        missing_artifacts: read.missing,
        missing_prerequisites: read.missing_chain,
        warnings: read.warnings,
        instruction: read.instruction,
        references: references(project),
        inputs: inputs(project, "apply"),
        root: desk.root_out(),
    };
    if context.json {
        return desk::json(&told);
    }
    text::apply(&told);
    Ok(())
}

fn archive(context: &Context, desk: &Desk, project: &Project<'_>, change: &str) -> Result<(), Failure> {
    let told = ArchiveOut { change_name: change, inputs: inputs(project, "archive"), root: desk.root_out() };
    if context.json {
        return desk::json(&told);
    }
    text::archive(change, &told.inputs);
    Ok(())
}

fn inputs<'p>(project: &'p Project<'_>, operation: &str) -> Inputs<'p> {
    let config = project.config();
    Inputs {
        context: config.context.as_deref().filter(|context| !js::is_blank(context)),
        operation_guidance: config.guidance_for(operation),
    }
}

fn references(project: &Project<'_>) -> Option<Vec<Reference>> {
    let unknown = |id: &String| {
        let (code, message, fix) = match is_kebab(id) {
            true => (
                "reference_unresolved",
                format!("the store {id:?} is not looked into: stores are not known here"),
                "read its specs in the store's own folder",
            ),
            false => (
                "reference_invalid_id",
                format!("{id:?} cannot be the id of a store"),
                "name it in lower-case letters, digits and single hyphens",
            ),
        };
        let status = [Unknown { severity: "warning", code, message, target: "references", fix }];
        Reference { store_id: id.clone(), status }
    };
    let references = &project.config().references;
    (!references.is_empty()).then(|| references.iter().map(unknown).collect())
}
