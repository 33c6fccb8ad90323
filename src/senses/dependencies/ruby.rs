//! Ruby: the names in a `Gemfile`.
//! Lives here: reading single lines. Never here: running Ruby, which a Gemfile is.

use super::{Declared, is_wildcard};
use crate::town::facts::{Dependency, DependencyKind};

pub(super) fn manifest(text: &str) -> Result<Declared, String> {
    let mut out = Declared::default();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("gem ").or_else(|| line.trim().strip_prefix("gem(")) else {
            continue;
        };
        let mut quoted = rest.split(['"', '\'']).skip(1).step_by(2);
        let Some(name) = quoted.next() else { continue };
        let options = rest.split(['"', '\'']).nth(2).unwrap_or_default();
        let version = if options.trim() == "," { quoted.next().unwrap_or_default() } else { "" };
        let source = ["git", "github", "path"].into_iter().find(|key| rest.contains(&format!("{key}:")));
        let source = source.map(|key| if key == "path" { "path" } else { "git" }.to_owned());
        out.dependencies.push(Dependency {
            name: name.to_owned(),
            kind: DependencyKind::Normal,
            requirement: version.to_owned(),
            pinned: version.starts_with(|c: char| c.is_ascii_digit()),
            wildcard: source.is_none() && is_wildcard(version),
            source,
        });
    }
    Ok(out)
}
