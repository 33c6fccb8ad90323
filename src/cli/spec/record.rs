//! `monkeytown spec validate NAME --record-base`.
//! Lives here: writing down, in a change's metadata, what the main specs say now about the requirements that it works on. Never
//! here: what that is good for (see `town::spec::merge`).

use serde::Serialize;

use super::super::{Context, say};
use super::desk::{self, Desk, Failure, RootOut, Shape};
use super::select;
use crate::config::spec_place;
use crate::town::spec::base::Base;
use crate::town::spec::delta::Delta;
use crate::town::spec::lines::Lines;
use crate::town::spec::metadata;

#[derive(Serialize)]
struct Recorded {
    change: String,
    path: String,
    requirements: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    recorded: &'a Recorded,
    root: RootOut,
}

/// Records the base of a change.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(context: &Context, name: &str) -> anyhow::Result<u8> {
    desk::within(context, Shape::default().with("recorded", ()), |desk| record(context, desk, name))
}

fn refused(message: String) -> Failure {
    Failure::new("record_error", message)
}

fn record(context: &Context, desk: &Desk, name: &str) -> Result<u8, Failure> {
    let project = desk.project();
    if !project.has_change(name) {
        let message = format!("there is no change `{}`", name.escape_debug());
        return Err(refused(message).fix(select::open_changes(&project)));
    }
    let mut base = Base::default();
    let mut requirements = 0;
    for delta in project.deltas(name) {
        let Ok(text) = project.text(&delta.path) else { continue };
        let Ok(spec) = project.text(&project.spec_path(&delta.id)) else { continue };
        let read = Delta::of(&Lines::of(&text));
        let targets: std::collections::BTreeSet<&str> = read.targets().collect();
        base.add(&delta.id, &spec, |name| targets.contains(name));
        requirements += targets.iter().filter(|target| base.get(&delta.id, target).is_some()).count();
    }
    let path = format!("{}/{}", project.change_path(name), metadata::FILE);
    let before = match project.tree().bytes(&path).map(std::str::from_utf8) {
        Some(Ok(text)) => text.to_owned(),
        Some(Err(_)) => return Err(refused(format!("{path} is not UTF-8")).fix("Save it as UTF-8.")),
        None if project.tree().get(&path).is_some() => return Err(refused(format!("{path} cannot be read"))),
        None => {
            let schema = project.schema_name(name).map_err(|fault| refused(format!("{path}: {fault}")))?;
            format!("schema: {schema}\n")
        }
    };
    replace(desk, &path, &base.recorded(&before))?;
    let recorded = Recorded { change: name.to_owned(), path, requirements };
    if context.json {
        desk::json(&Answer { recorded: &recorded, root: desk.root_out() })?;
    } else {
        say::answer(&format!(
            "{}: the text of {} is recorded in {}",
            recorded.change,
            say::many(requirements, "requirement"),
            recorded.path
        ));
    }
    Ok(0)
}

/// Writes a file beside its place and moves it there.
fn replace(desk: &Desk, path: &str, text: &str) -> Result<(), Failure> {
    desk.stays("record_error", path)?;
    let place = desk.on_disk(path);
    spec_place::put(&place, text.as_bytes()).map_err(|error| desk::unwritten("record_error", "write", &place, &error))
}
