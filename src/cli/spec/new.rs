//! `monkeytown spec new` and `monkeytown spec init`.
//! Lives here: making folders and the few files that a project or a change begins with. Never here: what stands in a proposal.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape, Without};
use super::status::{self, failed};
use crate::config::spec_place;
use crate::config::spec_tree::Root;
use crate::git::Repo;
use crate::town::spec::base::Base;
use crate::town::spec::metadata::is_kebab;
use crate::town::spec::project::Project;
use crate::town::spec::schema::{self, is_specs};
use crate::town::spec::tree::Archive;

/// A change's name, in characters, at the most.
const NAME: usize = 200;
/// A text that the reference writes on one line, in UTF-16 units with its quotes.
const LINE: usize = 79;

/// Begin a change: its folder and its metadata
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The name: lower-case letters, digits and single hyphens between them, 200 characters at the most
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Words about it for a README.md
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// What it is for, kept in its metadata
    #[arg(long, value_name = "TEXT")]
    pub goal: Option<String>,
    /// The schema that it follows; the config's, or spec-driven, unless said otherwise
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    /// Whether only what the reference writes is written.
    #[arg(skip)]
    pub plain: bool,
}

/// Make openspec/ with its folders and a config
#[derive(Debug, ClapArgs)]
pub struct InitArgs {
    /// The folder that gets it; this one unless said otherwise
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeOut {
    id: String,
    path: String,
    metadata_path: String,
    schema: String,
}

#[derive(Serialize)]
struct Made {
    change: ChangeOut,
    root: RootOut,
}

#[derive(Serialize)]
struct Begun {
    created: Vec<String>,
    root: RootOut,
}

/// Begins a change.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, args: &Args) -> anyhow::Result<u8> {
    desk::end(context, Shape::default().with("change", ()), change(context, args))
}

fn change(context: &Context, args: &Args) -> Result<u8, Failure> {
    well_named(&args.name)?;
    let desk = Desk::open(context, Without::Here, Archive::Names)?;
    let project = desk.project();
    let schema = schema_for(&project, args.schema.as_deref())?;
    let path = project.change_path(&args.name);
    desk.stays("change_error", &path)?;
    let folder = desk.on_disk(&path);
    let now = context.env.clock().map_err(|error| failed(error.to_string()))?.now();
    let skips = !project
        .schema(&schema)
        .map_err(|fault| failed(fault.to_string()))?
        .artifacts
        .iter()
        .any(|artifact| is_specs(&artifact.generates));
    let mut metadata = format!("schema: {}\ncreated: {}\n", scalar(&schema), now.format("%Y-%m-%d"));
    if let Some(goal) = args.goal.as_ref().filter(|goal| !goal.is_empty()) {
        metadata.push_str(&format!("goal: {}\n", scalar(goal)));
    }
    if skips {
        metadata.push_str("skip_specs: true\n");
    }
    if !args.plain {
        metadata.push_str(&begun_at(&desk, &project).unwrap_or_default());
    }
    let openspec = desk.root.path.join("openspec");
    let is_there = || failed(format!("there is a change {:?} already at {}", args.name, folder.display()));
    // Before anything is made; another command may still come first.
    if fs::symlink_metadata(&folder).is_ok() {
        return Err(is_there());
    }
    make_root(&desk, "change_error")?;
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => is_there(),
        _ => desk::unwritten("change_error", "make", &folder, &error),
    })?;
    let metadata_path = folder.join(crate::town::spec::metadata::FILE);
    filled(&folder, &metadata_path, &metadata, args).inspect_err(|_| {
        // It is new and ours, and half of it would stand in the way of the next try.
        let _ = spec_place::clear(&folder);
    })?;
    let path = folder.display().to_string();
    if context.json {
        let metadata_path = metadata_path.display().to_string();
        let change = ChangeOut { id: args.name.clone(), path, metadata_path, schema };
        desk::json(&Made { change, root: desk.root_out() })?;
    } else {
        say::answer(&format!("{path}/"));
        say::answer(&format!("next: monkeytown spec status --change {} says what to write first", args.name));
        if !desk.root.is_found {
            say::story(context, &format!("there was no openspec/ here, so {} was made", openspec.display()));
        }
    }
    Ok(0)
}

/// Writes what a new change begins with.
fn filled(folder: &Path, metadata_path: &Path, metadata: &str, args: &Args) -> Result<(), Failure> {
    write_new("change_error", metadata_path, metadata)?;
    match args.description.as_ref().filter(|text| !text.is_empty()) {
        Some(text) => write_new("change_error", &folder.join("README.md"), &format!("# {}\n\n{text}\n", args.name)),
        None => Ok(()),
    }
}

/// The lines that say which main specs the change is written for: later, nothing else may tell.
fn begun_at(desk: &Desk, project: &Project<'_>) -> Option<String> {
    let repo = Repo::open(&desk.root.base).ok()?;
    let head = repo.head_commit().ok().flatten()?;
    let commit = repo.unchanged_since(head, &project.below("specs")).ok().flatten()?;
    Some(Base::begun_at(&commit.to_string()))
}

fn schema_for(project: &Project<'_>, wanted: Option<&str>) -> Result<String, Failure> {
    let name = wanted.map(str::to_owned).or_else(|| project.config().schema.clone());
    let name = name.unwrap_or_else(|| schema::DEFAULT.to_owned());
    status::known_schema(project, &name)?;
    Ok(name)
}

/// Whether a change can be called so.
///
/// # Errors
/// Why not.
pub fn well_named(name: &str) -> Result<(), Failure> {
    named_well(name).map_err(|why| failed(format!("a change's name {why}: {name:?}")))
}

/// Why a name cannot be one.
fn named_well(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("must not be empty"),
        name if crate::town::spec::js::length(name) > NAME => Err("must have 200 characters at the most"),
        name if is_kebab(name) => Ok(()),
        name if name.contains(|c: char| c.is_ascii_uppercase()) => Err("must be in lower case"),
        name if name.contains([' ', '_']) => Err("must have hyphens between its words"),
        name if name.starts_with('-') || name.ends_with('-') || name.contains("--") => {
            Err("must have single hyphens, and only between its words")
        }
        _ => Err("must have only lower-case letters, digits and hyphens"),
    }
}

/// A text as YAML, written as the reference writes a short line: bare where that is read back as the text, in single quotes where
/// only double ones are in it, else in double quotes, which JSON's are.
fn scalar(text: &str) -> String {
    use crate::town::spec::data::Value;
    let length = crate::town::spec::js::length(text);
    let is_line = (1..=LINE).contains(&length) && !text.contains(|c: char| c.is_control() && c != '\t');
    let is_number = text.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit());
    let is_read = || matches!(Value::parse(text), Ok(Value::Text(read)) if read == text);
    let is_mark =
        text.starts_with([' ', '\t', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`']);
    let is_bare = is_line
        && !is_mark
        && !matches!(text, "?" | "-")
        && !["? ", "?\t", "- ", "-\t"].iter().any(|start| text.starts_with(start))
        && ![": ", ":\t", " #", "\t#"].iter().any(|inner| text.contains(inner))
        && !text.ends_with([' ', '\t', ':'])
        && !(is_number && text.bytes().any(|byte| byte.is_ascii_digit()))
        && (is_read() || text.starts_with("---") || text.starts_with("..."));
    if is_bare {
        text.to_owned()
    } else if is_line && length + 2 <= LINE && text.contains('"') && !text.contains('\'') {
        format!("'{text}'")
    } else {
        serde_json::to_string(text).unwrap_or_default()
    }
}

/// The folders of a project, and a config where there is none. What was made.
fn make_root(desk: &Desk, code: &'static str) -> Result<Vec<PathBuf>, Failure> {
    let mut made = Vec::new();
    let openspec = desk.root.path.join("openspec");
    let folders = ["specs", "changes/archive"].into_iter().filter(|folder| !openspec.join(folder).is_dir());
    let folders: Vec<&str> = folders.collect();
    for path in folders.iter().copied().chain(["config.yaml"]) {
        desk.stays(code, &format!("{}/{path}", desk.root.openspec()))?;
    }
    for folder in folders {
        let folder = openspec.join(folder);
        fs::create_dir_all(&folder).map_err(|error| desk::unwritten(code, "make", &folder, &error))?;
        made.push(folder);
    }
    let config = openspec.join("config.yaml");
    if !config.exists() && !openspec.join("config.yml").exists() {
        write_new(code, &config, &format!("schema: {}\n", schema::DEFAULT))?;
        made.push(config);
    }
    Ok(made)
}

/// Writes a file that is not there yet, wherever a link may lead.
fn write_new(code: &'static str, path: &Path, text: &str) -> Result<(), Failure> {
    spec_place::write_new(path, text.as_bytes())
        .map(|_| ())
        .map_err(|error| desk::unwritten(code, "write", path, &error))
}

/// Makes a project.
///
/// # Errors
/// When the answer cannot be written.
pub fn init(context: &Context, args: &InitArgs) -> anyhow::Result<u8> {
    desk::end(context, Shape::default().with("created", [(); 0]), begin(context, args))
}

fn begin(context: &Context, args: &InitArgs) -> Result<u8, Failure> {
    let folder = args.path.as_ref().map_or_else(|| context.dir.clone(), |path| context.dir.join(path));
    if folder.exists() && !folder.is_dir() {
        let message = format!("{} is no folder", folder.display());
        return Err(Failure::new("init_error", message).fix("Give the folder that is to get openspec/."));
    }
    let desk = Desk::at(Root::at(&folder));
    let made = make_root(&desk, "init_error")?;
    let created: Vec<String> = made.iter().map(|path| path.display().to_string()).collect();
    if context.json {
        desk::json(&Begun { created, root: desk.root_out() })?;
    } else if created.is_empty() {
        say::answer("openspec/ has all it needs already.");
    } else {
        created.iter().for_each(|path| say::answer(path));
        say::answer("next: monkeytown spec new NAME begins a change");
    }
    Ok(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_why_it_cannot_be_one() {
        for name in ["add-auth", "100-x", "1"] {
            assert_eq!(named_well(name), Ok(()), "{name}");
        }
        for name in ["", "Add", "a b", "a_b", "-a", "a--b", "é", &"a".repeat(201)] {
            assert!(named_well(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_text_is_read_back_as_it_was() {
        for text in [
            "plain words",
            "yes: no",
            "true",
            "1",
            "a # b",
            "\"q\"",
            "line\nbreak",
            "trailing ",
            "é",
            "null",
            "- a",
            "",
            "don't",
            "say \"a\"",
            "\"a\" and 'b'",
            "012",
            "2026-01-02",
            "http://x.y/z",
            "100%",
            "--",
            "--- x",
            "日本語 🐒",
            "a: b",
        ] {
            let written = format!("goal: {}\n", scalar(text));
            let read = crate::town::spec::data::Value::parse(&written).unwrap();
            assert_eq!(read.get("goal").and_then(|goal| goal.text()), Some(text), "{written}");
        }
        for bare in ["spec-driven", "don't", "100%", "a\\b", "12:30", "é", "say \"a\""] {
            assert_eq!(scalar(bare), bare);
        }
        assert_eq!((scalar("\"q\""), scalar("012")), ("'\"q\"'".to_owned(), "\"012\"".to_owned()));
    }
}
