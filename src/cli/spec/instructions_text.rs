//! What `monkeytown spec instructions` prints without `--json`: for an agent that reads it as it is.
//! Lives here: tags around an artifact, headings around the work. Never here: what is told (see `instructions`).

use super::super::say;
use super::instructions::{ApplyOut, ArtifactOut, Inputs, Reference};
use crate::town::spec::apply::Stage;
use crate::town::spec::envelope::{attribute, inside, line};
use crate::town::spec::js;

/// A frame around lines, and an empty line after it.
fn framed(tag: &str, lines: &[String]) {
    say::answer(&format!("<{tag}>"));
    lines.iter().for_each(|line| said(line));
    say::answer(&format!("</{tag}>\n"));
}

/// Text of a file, whose lines may end in two ways.
fn said(text: &str) {
    say::answer(&text.replace("\r\n", "\n"));
}

/// About an artifact. Words of the project and its schemas cannot leave their frame.
pub(super) fn artifact(told: &ArtifactOut<'_>) {
    let [id, change, schema] = [told.artifact_id, told.change_name, &told.schema_name].map(attribute);
    say::answer(&format!("<artifact id=\"{id}\" change=\"{change}\" schema=\"{schema}\">\n"));
    if let Some(warning) = told.warning {
        framed("warning", &[warning.to_owned()]);
        say::answer("</artifact>");
        return;
    }
    let missing = told.dependencies.iter().filter(|dependency| !dependency.done).map(|dependency| &*dependency.id);
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let why = "What this artifact builds on is not all written; write that first, unless you know better.";
        framed("warning", &[why.to_owned(), format!("Missing: {}", missing.join(", "))]);
    }
    let task = format!("Write the artifact {:?} of the change {:?}:", told.artifact_id, told.change_name);
    framed("task", &[inside(&task), inside(told.description)]);
    if let Some(context) = told.context {
        framed("project_context", &["<!-- For you to know; nothing to copy. -->".to_owned(), inside(context)]);
    }
    if let Some(references) = &told.references {
        framed("referenced_stores", &stores(references));
    }
    if let Some(rules) = told.rules {
        let rules = rules.iter().map(|rule| format!("- {}", inside(&line(rule))));
        let head = "<!-- For you to keep to; nothing to copy. -->".to_owned();
        framed("rules", &[head].into_iter().chain(rules).collect::<Vec<_>>());
    }
    if !told.dependencies.is_empty() {
        framed("dependencies", &dependencies(told));
    }
    framed("output", &[format!("Write to: {}", told.resolved_output_path)]);
    if let Some(instruction) = told.instruction {
        framed("instruction", &[inside(js::trim(instruction))]);
    }
    let head = "<!-- The shape of the file; put your words in the place of its comments. -->".to_owned();
    framed("template", &[head, inside(js::trim(&told.template))]);
    if !told.unlocks.is_empty() {
        framed("unlocks", &[format!("What may be written after it: {}", told.unlocks.join(", "))]);
    }
    say::answer("</artifact>");
}

fn dependencies(told: &ArtifactOut<'_>) -> Vec<String> {
    let mut lines = vec!["Read these as they are now, before you write:".to_owned()];
    for dependency in &told.dependencies {
        let (status, path, description) = match (dependency.skipped, dependency.done) {
            (true, _) => {
                ("skipped", None, "Not wanted: the change sets skip_specs, so there is nothing to read.".to_owned())
            }
            (_, done) => {
                let path = format!("{}/{}", told.change_dir, dependency.path);
                (if done { "done" } else { "missing" }, Some(path), inside(&dependency.description))
            }
        };
        lines.push(format!("<dependency id=\"{}\" status=\"{status}\">", attribute(&dependency.id)));
        lines.extend(path.map(|path| format!("  <path>{path}</path>")));
        lines.push(format!("  <description>{description}</description>"));
        lines.push("</dependency>".to_owned());
    }
    lines
}

fn stores(references: &[Reference]) -> Vec<String> {
    let lines = references.iter().flat_map(|reference| {
        let Reference { store_id, status: [why] } = reference;
        [inside(&format!("Store {}: {}", line(store_id), line(&why.message))), format!("  Fix: {}", why.fix)]
    });
    lines.collect()
}

/// About the work.
pub(super) fn apply(told: &ApplyOut<'_>) {
    say::answer(&format!("## Apply: {}\nSchema: {}\n", told.change_name, told.schema_name));
    if let Some(references) = &told.references {
        section("Referenced Stores", stores(references));
    }
    if told.state == Stage::Blocked && !told.missing_artifacts.is_empty() {
        let mut lines = vec![format!("Missing artifacts: {}", told.missing_artifacts.join(", "))];
        if told.missing_prerequisites.len() > told.missing_artifacts.len() {
            lines.push(format!("To write, in their order: {}", told.missing_prerequisites.join(", ")));
        }
        section("Blocked", lines);
    }
    section("Warnings", told.warnings.iter().map(|warning| format!("- {warning}")));
    let files = told.context_files.0.iter();
    section("Context Files", files.flat_map(|(id, files)| files.iter().map(move |file| format!("- {id}: {file}"))));
    if told.progress.total > 0 {
        let done = if told.state == Stage::AllDone { " ✓" } else { "" };
        section("Progress", [format!("{}/{} done{done}", told.progress.complete, told.progress.total)]);
    }
    let tasks = told.tasks.iter();
    section("Tasks", tasks.map(|task| format!("- [{}] {}", if task.done { 'x' } else { ' ' }, task.description)));
    section("Instruction", [told.instruction.clone()]);
    inputs(&told.inputs);
}

/// About archiving.
pub(super) fn archive(change: &str, told: &Inputs<'_>) {
    say::answer(&format!("## Archive: {change}\n"));
    inputs(told);
}

fn section(title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        say::answer(&format!("### {title}"));
        lines.for_each(|line| said(&line));
        say::answer("");
    }
}

fn inputs(told: &Inputs<'_>) {
    section("Project Context", told.context.map(str::to_owned));
    let guidance = told.operation_guidance.unwrap_or_default();
    section("Guidance", guidance.iter().map(|advice| format!("- {}", line(advice))));
    if told.context.is_none() && guidance.is_empty() {
        say::answer("The project's config has neither context nor guidance for this.");
    }
}
