//! npm: `package.json` and `package-lock.json`.
//! Lives here: reading. Never here: resolving versions.

use serde_json::{Map, Value};

use super::{Declared, Locked, is_wildcard};
use crate::town::facts::{Dependency, DependencyKind};

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("not an object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn manifest(text: &str) -> Result<Declared, String> {
    let json = parse(text)?;
    let licence = json.get("license").and_then(|value| value.as_str().or_else(|| value.get("type")?.as_str()));
    let mut out = Declared {
        package: json.get("name").and_then(Value::as_str).map(str::to_owned),
        licence: licence.map(str::to_owned),
        dependencies: Vec::new(),
    };
    for (section, kind) in [
        ("dependencies", DependencyKind::Normal),
        ("devDependencies", DependencyKind::Dev),
        ("optionalDependencies", DependencyKind::Optional),
        ("peerDependencies", DependencyKind::Peer),
    ] {
        for (name, value) in json.get(section).and_then(Value::as_object).into_iter().flatten() {
            out.dependencies.push(one(name, kind, value.as_str().unwrap_or_default()));
        }
    }
    Ok(out)
}

fn one(name: &str, kind: DependencyKind, requirement: &str) -> Dependency {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| requirement.starts_with(prefix));
    let source = if starts(&["git", "github:", "gitlab:", "bitbucket:", "ssh:"]) {
        Some("git")
    } else if starts(&["file:", "link:", "./", "../", "/"]) {
        Some("path")
    } else if starts(&["http:", "https:"]) {
        Some(if requirement.contains(".git") { "git" } else { "url" })
    } else if requirement.contains('/') && !starts(&["npm:", "workspace:", "catalog:"]) {
        // `owner/repository` is a shorthand for GitHub.
        Some("git")
    } else {
        None
    };
    let exact = requirement.strip_prefix('=').unwrap_or(requirement);
    let parts: Vec<&str> = exact.splitn(3, '.').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let patch = |part: &str| part.split(['-', '+']).next().is_some_and(number);
    Dependency {
        name: name.to_owned(),
        kind,
        requirement: requirement.to_owned(),
        pinned: source.is_none()
            && parts.len() == 3
            && number(parts[0])
            && number(parts[1])
            && patch(parts[2])
            && !exact.contains(' '),
        wildcard: source.is_none() && kind != DependencyKind::Peer && is_wildcard(requirement),
        source: source.map(str::to_owned),
    }
}

pub(super) fn lock(text: &str) -> Result<Locked, String> {
    let json = parse(text)?;
    let mut out = Locked::new();
    let mut add = |name: &str, value: &Value| {
        if let Some(version) = value.get("version").and_then(Value::as_str) {
            out.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    };
    if let Some(packages) = json.get("packages").and_then(Value::as_object) {
        for (path, value) in packages {
            // The empty path is the project itself; links lead to parts of it.
            if let Some((_, name)) = path.rsplit_once("node_modules/").filter(|_| value.get("link").is_none()) {
                add(name, value);
            }
        }
        return Ok(out);
    }
    // The first format nests packages in packages; an explicit stack keeps their depth harmless.
    let mut stack: Vec<&Map<String, Value>> = json.get("dependencies").and_then(Value::as_object).into_iter().collect();
    while let Some(level) = stack.pop() {
        for (name, value) in level {
            add(name, value);
            stack.extend(value.get("dependencies").and_then(Value::as_object));
        }
    }
    Ok(out)
}
