//! Cargo: `Cargo.toml`, and lock files of the shape `[[package]] name version`.
//! Lives here: reading. Never here: resolving versions.

use toml::{Table, Value};

use super::{Declared, Locked, is_wildcard};
use crate::town::facts::{Dependency, DependencyKind};

/// What the parser said, without the excerpt of the file.
pub(super) fn parse(text: &str) -> Result<Table, String> {
    text.parse::<Table>().map_err(|error| error.message().to_owned())
}

pub(super) fn manifest(text: &str) -> Result<Declared, String> {
    let table = parse(text)?;
    let package = table.get("package").and_then(Value::as_table);
    let text_of = |key: &str| package?.get(key)?.as_str().map(str::to_owned);
    let workspace = table.get("workspace").and_then(Value::as_table);
    let shared = workspace.and_then(|w| w.get("package")).and_then(Value::as_table);
    let licence = text_of("license").or_else(|| text_of("license-file").map(|file| format!("file {file}")));
    let licence = licence.or_else(|| shared?.get("license")?.as_str().map(str::to_owned));
    // `license.workspace = true` says that the workspace's manifest has it.
    let inherited = package.and_then(|p| p.get("license")).is_some_and(Value::is_table);
    let mut out = Declared {
        package: text_of("name"),
        licence: licence.or_else(|| inherited.then(|| "of the workspace".to_owned())),
        dependencies: Vec::new(),
    };
    sections(&table, &mut out.dependencies);
    if let Some(workspace) = workspace {
        sections(workspace, &mut out.dependencies);
    }
    for target in
        table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table)
    {
        sections(target, &mut out.dependencies);
    }
    Ok(out)
}

fn sections(table: &Table, out: &mut Vec<Dependency>) {
    for (section, kind) in [
        ("dependencies", DependencyKind::Normal),
        ("dev-dependencies", DependencyKind::Dev),
        ("build-dependencies", DependencyKind::Build),
    ] {
        for (name, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
            out.push(one(name, kind, value));
        }
    }
}

fn one(name: &str, kind: DependencyKind, value: &Value) -> Dependency {
    let field = |key: &str| value.as_table().and_then(|table| table.get(key));
    let version = value.as_str().or_else(|| field("version").and_then(Value::as_str)).unwrap_or_default();
    let source = ["git", "path"].into_iter().find(|key| field(key).is_some()).map(str::to_owned);
    let shared = field("workspace").is_some();
    let fixed = field("rev").is_some() || version.trim_start().starts_with('=');
    let optional = field("optional").and_then(Value::as_bool) == Some(true) && kind == DependencyKind::Normal;
    Dependency {
        name: name.to_owned(),
        kind: if optional { DependencyKind::Optional } else { kind },
        requirement: if shared { "of the workspace".to_owned() } else { version.to_owned() },
        pinned: fixed,
        wildcard: source.is_none() && !shared && is_wildcard(version),
        source,
    }
}

pub(super) fn lock(text: &str) -> Result<Locked, String> {
    let table = parse(text)?;
    let mut out = Locked::new();
    for package in table.get("package").and_then(Value::as_array).into_iter().flatten() {
        let field = |key: &str| package.get(key).and_then(Value::as_str);
        if let (Some(name), Some(version)) = (field("name"), field("version")) {
            out.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    Ok(out)
}
