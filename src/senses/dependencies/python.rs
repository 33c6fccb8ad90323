//! Python: `pyproject.toml` and `requirements*.txt`.
//! Lives here: reading. Never here: resolving versions, following `-r` into other files.

use toml::{Table, Value};

use super::{Declared, cargo, is_wildcard};
use crate::town::facts::{Dependency, DependencyKind};

pub(super) fn pyproject(text: &str) -> Result<Declared, String> {
    let table = cargo::parse(text)?;
    let mut out = Declared::default();
    if let Some(project) = table.get("project").and_then(Value::as_table) {
        out.package = project.get("name").and_then(Value::as_str).map(str::to_owned);
        out.licence = project.get("license").and_then(licence);
        lines(project.get("dependencies"), DependencyKind::Normal, &mut out.dependencies);
        groups(project.get("optional-dependencies"), DependencyKind::Optional, &mut out.dependencies);
    }
    groups(table.get("dependency-groups"), DependencyKind::Dev, &mut out.dependencies);
    lines(
        table.get("build-system").and_then(|build| build.get("requires")),
        DependencyKind::Build,
        &mut out.dependencies,
    );
    if let Some(poetry) = table.get("tool").and_then(|tool| tool.get("poetry")).and_then(Value::as_table) {
        let text_of = |key: &str| poetry.get(key).and_then(Value::as_str).map(str::to_owned);
        out.package = out.package.or_else(|| text_of("name"));
        out.licence = out.licence.or_else(|| text_of("license"));
        poetry_section(poetry.get("dependencies"), DependencyKind::Normal, &mut out.dependencies);
        poetry_section(poetry.get("dev-dependencies"), DependencyKind::Dev, &mut out.dependencies);
        for group in poetry.get("group").and_then(Value::as_table).into_iter().flat_map(Table::values) {
            poetry_section(group.get("dependencies"), DependencyKind::Dev, &mut out.dependencies);
        }
    }
    Ok(out)
}

fn licence(value: &Value) -> Option<String> {
    let field = |key: &str| value.get(key)?.as_str();
    value
        .as_str()
        .or_else(|| field("text"))
        .map(str::to_owned)
        .or_else(|| field("file").map(|file| format!("file {file}")))
}

fn lines(value: Option<&Value>, kind: DependencyKind, out: &mut Vec<Dependency>) {
    let texts = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    out.extend(texts.filter_map(|text| requirement(text, kind)));
}

fn groups(value: Option<&Value>, kind: DependencyKind, out: &mut Vec<Dependency>) {
    for group in value.and_then(Value::as_table).into_iter().flat_map(Table::values) {
        lines(Some(group), kind, out);
    }
}

fn poetry_section(value: Option<&Value>, kind: DependencyKind, out: &mut Vec<Dependency>) {
    for (name, value) in value.and_then(Value::as_table).into_iter().flatten().filter(|(name, _)| *name != "python") {
        let version = value.as_str().or_else(|| value.get("version").and_then(Value::as_str)).unwrap_or_default();
        let source = ["git", "path", "url"].into_iter().find(|key| value.get(key).is_some()).map(str::to_owned);
        let exact = version.strip_prefix("==").unwrap_or(version);
        out.push(Dependency {
            name: name.clone(),
            kind,
            requirement: version.to_owned(),
            pinned: exact.starts_with(|c: char| c.is_ascii_digit()) && !exact.contains(['*', ',']),
            wildcard: source.is_none() && is_wildcard(version),
            source,
        });
    }
}

pub(super) fn requirements(text: &str) -> Result<Declared, String> {
    let whole = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let wanted = whole.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
    let wanted = wanted.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let dependencies = wanted.filter_map(|line| requirement(line, DependencyKind::Normal)).collect();
    Ok(Declared { dependencies, ..Declared::default() })
}

/// One requirement as pip writes it; `None` for an option.
fn requirement(text: &str, kind: DependencyKind) -> Option<Dependency> {
    let editable = text.strip_prefix("-e ").or_else(|| text.strip_prefix("--editable "));
    if text.starts_with('-') && editable.is_none() {
        return None;
    }
    let text = editable.unwrap_or(text).trim();
    let plain = text.split(';').next().unwrap_or(text).split(" --hash").next().unwrap_or(text).trim();
    let source = if plain.contains("git+") {
        Some("git")
    } else if plain.contains("://") {
        Some("url")
    } else if plain.starts_with(['.', '/']) || editable.is_some() {
        Some("path")
    } else {
        None
    };
    let end = plain.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(plain.len());
    let name = match (source, plain.split_once("#egg=")) {
        (Some(_), Some((_, egg))) => egg,
        (Some(_), None) if plain[end..].trim_start().starts_with('@') => &plain[..end],
        (Some(_), None) => plain,
        (None, _) => &plain[..end],
    };
    if name.is_empty() {
        return None;
    }
    let rest = plain[end..].trim();
    let version =
        rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(_, version)| version.trim());
    let version = if source.is_some() { "" } else { version };
    Some(Dependency {
        name: name.to_owned(),
        kind,
        requirement: version.to_owned(),
        pinned: version.starts_with("==") && !version.contains(['*', ',']),
        wildcard: source.is_none() && is_wildcard(version),
        source: source.map(str::to_owned),
    })
}
