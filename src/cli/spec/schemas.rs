//! `monkeytown spec schemas` and `monkeytown spec templates`.
//! Lives here: which schemas there are, and where their templates stand. Never here: what a schema says.

use std::path::Path;

use clap::Args as ClapArgs;
use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, Shape, Without};
use super::status::{failed, known_schema};
use crate::config::spec_tree;
use crate::town::spec::js;
use crate::town::spec::project::Project;
use crate::town::spec::schema;
use crate::town::spec::schemas::{NoTemplate, Source, Template};
use crate::town::spec::tree::Archive;

/// Say where the templates of a schema are
#[derive(Debug, ClapArgs)]
pub struct TemplatesArgs {
    /// The schema
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, default_value = schema::DEFAULT)]
    pub schema: String,
}

#[derive(Serialize)]
struct SchemaOut<'p> {
    name: &'p str,
    description: &'p str,
    artifacts: Vec<&'p str>,
    source: Source,
}

#[derive(Serialize)]
struct TemplateOut {
    path: String,
    source: Source,
}

/// By the artifact, in the order in which the schema declares those.
struct Templates<'p>(Vec<(&'p str, TemplateOut)>);

impl Serialize for Templates<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, template) in &self.0 {
            map.serialize_entry(id, template)?;
        }
        map.end()
    }
}

/// Lists the schemas that can be used.
///
/// # Errors
/// When the answer cannot be written.
pub fn list(context: &Context) -> anyhow::Result<u8> {
    desk::end(context, Shape::default().with("schemas", [(); 0]).with("root", ()), schemas(context))
}

fn schemas(context: &Context) -> Result<u8, Failure> {
    let desk = Desk::open(context, Without::Here, Archive::Names)?;
    let project = desk.project();
    let usable = project.schemas().usable().map(|(name, source, schema)| SchemaOut {
        name,
        description: schema.description.as_deref().unwrap_or_default(),
        artifacts: schema.artifacts.iter().map(|artifact| artifact.id.as_str()).collect(),
        source,
    });
    let schemas: Vec<SchemaOut<'_>> = usable.collect();
    if context.json {
        desk::json(&schemas)?;
        return Ok(0);
    }
    for SchemaOut { name, description, artifacts, source } in &schemas {
        let of = match source {
            Source::Project => " (project)",
            Source::User => " (user)",
            Source::Package => "",
        };
        say::answer(&format!("{name}{of}\n  {description}\n  Artifacts: {}", artifacts.join(" → ")));
    }
    Ok(0)
}

/// Lists the templates of a schema. As the reference does, it looks only at the folder that it runs in.
///
/// # Errors
/// When the answer cannot be written.
pub fn templates(context: &Context, args: &TemplatesArgs) -> anyhow::Result<u8> {
    desk::end(context, Shape::default(), list_templates(context, &args.schema))
}

fn list_templates(context: &Context, name: &str) -> Result<u8, Failure> {
    let desk = Desk::here(context, Archive::Names)?;
    let project = desk.project();
    known_schema(&project, name)?;
    let schema = project.schema(name).map_err(|fault| failed(fault.to_string()))?;
    let source = project.schemas().get(name).map_or(Source::Package, |(source, _)| *source);
    let mut found = Vec::new();
    for artifact in &schema.artifacts {
        let path = place(context, &desk, &project, name, &artifact.template)?;
        found.push((artifact.id.as_str(), TemplateOut { path, source }));
    }
    if context.json {
        js::object_order(&mut found, |(id, _)| id);
        desk::json(&Templates(found))?;
        return Ok(0);
    }
    let of = match source {
        Source::Project => "project",
        Source::User => "user",
        Source::Package => "compiled in",
    };
    say::answer(&format!("Schema: {name}\nSource: {of}\n"));
    for (id, TemplateOut { path, .. }) in &found {
        say::answer(&format!("{id}:\n  {path}"));
    }
    Ok(0)
}

/// Where a template stands, or would. One that is compiled in has no path, only a name.
fn place(context: &Context, desk: &Desk, project: &Project<'_>, name: &str, file: &str) -> Result<String, Failure> {
    let found = match project.schemas().template(project.tree(), name, file) {
        Ok(Template::Here(_)) => return Ok(format!("embedded:{name}/templates/{file}")),
        Ok(Template::Tree(path)) => Ok(path),
        Ok(Template::User) => spec_tree::user_template(&context.env, name, file)
            .map(|path: std::path::PathBuf| path.display().to_string()),
        Err(fault) => Err(fault),
    };
    match found {
        Ok(path) | Err(NoTemplate::Missing(path) | NoTemplate::Unreadable(path)) => {
            Ok(desk.root.base.join(Path::new(&path)).display().to_string())
        }
        Err(fault @ NoTemplate::LeadsOut(_)) => Err(failed(fault.to_string())),
    }
}
