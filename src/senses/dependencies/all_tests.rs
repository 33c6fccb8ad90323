//! Tests of the sense of dependencies: the readers by table, the sense on a small repository.

use super::super::testing::Sample;
use super::*;
use crate::town::charter::Sense;
use crate::town::facts::DependencyKind;

/// `name requirement kind flags source` per dependency, sorted.
fn shown(declared: Result<Declared, String>) -> Vec<String> {
    let mut all = declared.unwrap().dependencies;
    all.sort();
    let line = |one: &Dependency| {
        let flags = format!("{}{}", if one.pinned { "=" } else { "" }, if one.wildcard { "*" } else { "" });
        let source = one.source.clone().unwrap_or_default();
        format!("{} {:?} {} {flags}{source}", one.name, one.requirement, one.kind.word())
    };
    all.iter().map(line).collect()
}

#[test]
fn cargo_manifests() {
    let text = "[package]\nname = \"a\"\nlicense = \"MIT\"\n[dependencies]\nb = \"1\"\nc = { version = \"=2.0\", optional = true }\nd = { git = \"x\" }\ne = \"*\"\nw.workspace = true\n[dev-dependencies]\nf = { path = \"../f\" }\n[target.'cfg(unix)'.build-dependencies]\ng = \"1\"\n";
    assert_eq!(
        shown(cargo::manifest(text)),
        [
            "b \"1\" normal ",
            "c \"=2.0\" optional =",
            "d \"\" normal git",
            "e \"*\" normal *",
            "f \"\" dev path",
            "g \"1\" build ",
            "w \"of the workspace\" normal "
        ]
    );
    assert_eq!(cargo::manifest(text).unwrap().licence.as_deref(), Some("MIT"));
    assert!(cargo::manifest("[package\n").is_err());
}

#[test]
fn npm_manifests_and_locks() {
    let text = r#"{"name":"a","license":"ISC","dependencies":{"b":"^1.0.0","c":"1.2.3","d":"*","e":"github:x/y","f":"file:../f","g":"x/y"},"devDependencies":{"h":"latest"},"peerDependencies":{"i":"*"}}"#;
    assert_eq!(
        shown(npm::manifest(text)),
        [
            "b \"^1.0.0\" normal ",
            "c \"1.2.3\" normal =",
            "d \"*\" normal *",
            "e \"github:x/y\" normal git",
            "f \"file:../f\" normal path",
            "g \"x/y\" normal git",
            "h \"latest\" dev *",
            "i \"*\" peer "
        ]
    );
    assert!(npm::manifest("[]").is_err() && npm::manifest("{").is_err());
    let lock = r#"{"packages":{"":{"version":"1"},"node_modules/a":{"version":"1"},"node_modules/b/node_modules/a":{"version":"2"},"node_modules/@s/c":{"version":"3"},"node_modules/l":{"link":true}}}"#;
    let held = npm::lock(lock).unwrap();
    assert_eq!(held.keys().collect::<Vec<_>>(), ["@s/c", "a"]);
    assert_eq!(held["a"].len(), 2);
    let old = r#"{"dependencies":{"a":{"version":"1","dependencies":{"b":{"version":"2"}}}}}"#;
    assert_eq!(npm::lock(old).unwrap().len(), 2);
}

#[test]
fn python_manifests() {
    let text = "[project]\nname = \"a\"\nlicense = {text = \"BSD\"}\ndependencies = [\"b>=1\", \"c[x]==2.0\", \"d\", \"e @ git+https://example.org/e\"]\n[project.optional-dependencies]\nall = [\"f\"]\n[dependency-groups]\ntest = [\"pytest\"]\n[build-system]\nrequires = [\"hatchling==1\"]\n[tool.poetry.dependencies]\npython = \"^3\"\ng = \"^1\"\n";
    assert_eq!(
        shown(python::pyproject(text)),
        [
            "b \">=1\" normal ",
            "c \"==2.0\" normal =",
            "d \"\" normal *",
            "e \"\" normal git",
            "f \"\" optional *",
            "g \"^1\" normal ",
            "hatchling \"==1\" build =",
            "pytest \"\" dev *"
        ]
    );
    let text = "# c\n-r other.txt\na==1.0 # why\r\nb>=1 ; python_version < '3'\n-e ./local\nc==1 \\\n  --hash=sha256:00\nhttps://example.org/p.zip#egg=p\n";
    assert_eq!(
        shown(python::requirements(text)),
        [
            "./local \"\" normal path",
            "a \"==1.0\" normal =",
            "b \">=1\" normal ",
            "c \"==1\" normal =",
            "p \"\" normal url"
        ]
    );
}

#[test]
fn go_and_ruby_manifests() {
    let text = "module example.org/a\n\ngo 1.22\n\nrequire (\n\texample.org/b v1.0.0\n\texample.org/c v2.0.0 // indirect\n)\nrequire example.org/d v0.1.0\nreplace example.org/b => ../b\n";
    assert_eq!(
        shown(go::manifest(text)),
        [
            "example.org/b \"v1.0.0\" normal =path",
            "example.org/c \"v2.0.0\" indirect =",
            "example.org/d \"v0.1.0\" normal ="
        ]
    );
    assert_eq!(go::sum("a v1 h1:x=\na v1/go.mod h1:y=\na v2/go.mod h1:z=\n").unwrap()["a"].len(), 1);
    let gems = "source 'x'\ngem 'rails', '~> 7'\n  gem \"pg\"\ngem 'x', git: 'y'\ngem('z', '1.0')\n";
    assert_eq!(
        shown(ruby::manifest(gems)),
        ["pg \"\" normal *", "rails \"~> 7\" normal ", "x \"\" normal git", "z \"1.0\" normal ="]
    );
}

#[test]
fn licences_are_known_by_their_phrases() {
    for (text, name) in [
        (
            "MIT License\n\nPermission is hereby granted, free of\ncharge, ... THE SOFTWARE IS PROVIDED \"AS IS\"",
            Some("MIT"),
        ),
        ("Apache License\n   Version 2.0, January 2004", Some("Apache-2.0")),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 3", Some("GPL-3.0")),
        ("Redistribution and use in source and binary forms", Some("BSD-2-Clause")),
        ("All rights reserved", None),
    ] {
        assert_eq!(licence::detect(text).as_deref(), name);
    }
    assert!(
        licence::is_licence_file("LICENSE-MIT")
            && licence::is_licence_file("copying.txt")
            && !licence::is_licence_file("licenses.rs")
    );
}

#[test]
fn manifests_find_their_locks_and_duplicates_are_named() {
    let sample = Sample::new();
    let lock = "[[package]]\nname = \"x\"\nversion = \"1.0.0\"\n[[package]]\nname = \"x\"\nversion = \"2.0.0\"\n[[package]]\nname = \"y\"\nversion = \"1.0.0\"\n";
    let head = sample.commit(
        "one",
        &[
            ("Cargo.toml", "[package]\nname = \"root\"\n"),
            ("Cargo.lock", lock),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\nlicense.workspace = true\n[dependencies]\nx = \"1\"\n"),
            ("broken/package.json", "{"),
            ("node_modules/z/package.json", "{}"),
            ("tests/fixtures/Cargo.toml", "["),
            ("LICENSE", "GNU General Public License version 2"),
        ],
    );
    let facts = sample.facts(head, None, &[Sense::Dependencies]).dependencies.unwrap();
    let seen: Vec<_> = facts.manifests.iter().map(|m| (m.path.as_str(), m.locked, m.licence.as_deref())).collect();
    assert_eq!(seen, [("Cargo.toml", Some(3), None), ("crates/a/Cargo.toml", Some(3), Some("of the workspace"))]);
    assert_eq!(facts.duplicates.len(), 1);
    assert_eq!(facts.duplicates[0].versions, ["1.0.0", "2.0.0"]);
    assert_eq!(facts.unreadable.len(), 1);
    assert_eq!(facts.licences[0].licence.as_deref(), Some("GPL-2.0"));
    assert_eq!(facts.manifests[1].dependencies[0].kind, DependencyKind::Normal);
    assert!(!facts.no_licence());
    assert_eq!(facts, sample.facts(head, None, &[Sense::Dependencies]).dependencies.unwrap());
}
