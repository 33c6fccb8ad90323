//! Go: `go.mod` and `go.sum`.
//! Lives here: reading. Never here: resolving versions.

use super::{Declared, Locked};
use crate::town::facts::{Dependency, DependencyKind};

pub(super) fn manifest(text: &str) -> Result<Declared, String> {
    let mut out = Declared::default();
    let mut block = String::new();
    let mut replaced = Vec::new();
    for line in text.lines() {
        let plain = line.split("//").next().unwrap_or(line).trim();
        let indirect = line.contains("// indirect");
        let words: Vec<&str> = plain.split_whitespace().collect();
        let inside = !block.is_empty();
        match words.as_slice() {
            [")"] => block.clear(),
            [verb, "("] => block = (*verb).to_owned(),
            ["module", name] => out.package = Some((*name).to_owned()),
            [name, version] if block == "require" => out.dependencies.push(one(name, version, indirect)),
            ["require", name, version] if !inside => out.dependencies.push(one(name, version, indirect)),
            [name, rest @ ..] if block == "replace" => replaced.push(((*name).to_owned(), rest.join(" "))),
            ["replace", name, rest @ ..] if !inside => replaced.push(((*name).to_owned(), rest.join(" "))),
            _ => {}
        }
    }
    for (name, target) in replaced {
        let target = target.rsplit("=>").next().unwrap_or_default().trim();
        let local = target.starts_with(['.', '/']);
        for one in out.dependencies.iter_mut().filter(|one| one.name == name && local) {
            one.source = Some("path".to_owned());
        }
    }
    Ok(out)
}

fn one(name: &str, version: &str, indirect: bool) -> Dependency {
    Dependency {
        name: name.to_owned(),
        kind: if indirect { DependencyKind::Indirect } else { DependencyKind::Normal },
        requirement: version.to_owned(),
        // Go takes the smallest version that fits all, so what is written is what is built.
        pinned: true,
        wildcard: false,
        source: None,
    }
}

pub(super) fn sum(text: &str) -> Result<Locked, String> {
    let mut out = Locked::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            // A line that ends in `/go.mod` names a version that was looked at, not one that is built.
            if !version.ends_with("/go.mod") {
                out.entry(name.to_owned()).or_default().insert(version.to_owned());
            }
        }
    }
    Ok(out)
}
