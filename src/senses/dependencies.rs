//! Dependencies and licences: what common manifests and lock files say.
//! Lives here: which files are read and what is put together from them; one file below per family of manifests. Never
//! here: asking a registry, judging a licence.

mod cargo;
mod go;
mod licence;
mod npm;
mod python;
mod ruby;

use std::collections::{BTreeMap, BTreeSet};

use super::owners::Owners;
use super::todos;
use crate::git::files::Files;
use crate::town::facts::{Dependency, DependencyFacts, Duplicate, LicenceFile, Manifest};
use crate::town::markdown::visible;

/// A manifest beyond this many bytes is not read.
const MANIFEST_BYTES: u64 = 1024 * 1024;
/// A lock file beyond this many bytes is not read.
const LOCK_BYTES: u64 = 16 * 1024 * 1024;
/// Manifests that are read.
const MANIFESTS: usize = 200;
/// Dependencies of one manifest that are listed.
const LISTED: usize = 2_000;

/// What a manifest declares.
#[derive(Default)]
struct Declared {
    package: Option<String>,
    licence: Option<String>,
    dependencies: Vec<Dependency>,
}

/// What a lock file holds: versions by package.
type Locked = BTreeMap<String, BTreeSet<String>>;

/// One family of manifests: its file name, its reader, and its lock files with their reader.
struct Family {
    fits: fn(&str) -> bool,
    read: fn(&str) -> Result<Declared, String>,
    locks: &'static [(&'static str, Option<ReadLock>)],
}

type ReadLock = fn(&str) -> Result<Locked, String>;

const FAMILIES: &[Family] = &[
    Family { fits: |name| name == "Cargo.toml", read: cargo::manifest, locks: &[("Cargo.lock", Some(cargo::lock))] },
    Family {
        fits: |name| name == "package.json",
        read: npm::manifest,
        locks: &[
            ("package-lock.json", Some(npm::lock)),
            ("yarn.lock", None),
            ("pnpm-lock.yaml", None),
            ("bun.lock", None),
        ],
    },
    Family {
        fits: |name| name == "pyproject.toml",
        read: python::pyproject,
        locks: &[("poetry.lock", Some(cargo::lock)), ("uv.lock", Some(cargo::lock)), ("pdm.lock", Some(cargo::lock))],
    },
    Family {
        fits: |name| name.starts_with("requirements") && name.ends_with(".txt"),
        read: python::requirements,
        locks: &[],
    },
    Family { fits: |name| name == "go.mod", read: go::manifest, locks: &[("go.sum", Some(go::sum))] },
    Family { fits: |name| name == "Gemfile", read: ruby::manifest, locks: &[("Gemfile.lock", None)] },
];

pub(super) fn sense(files: &Files<'_>, owners: &Owners<'_>) -> DependencyFacts {
    let mut facts = DependencyFacts::default();
    let mut locks = BTreeMap::new();
    for entry in files.entries().iter().filter(|entry| entry.is_file()) {
        let name = entry.path.rsplit('/').next().unwrap_or(&entry.path);
        if is_foreign(&entry.path) || owners.of(&entry.path).is_some() {
            continue;
        }
        if licence::is_licence_file(name) && entry.path.split('/').count() <= 2 {
            let text = files.read_text(&entry.path, MANIFEST_BYTES).unwrap_or_default();
            facts.licences.push(LicenceFile { path: entry.path.clone(), licence: licence::detect(&text) });
        }
        let Some(family) = FAMILIES.iter().find(|family| (family.fits)(name)) else { continue };
        if facts.manifests.len() >= MANIFESTS {
            facts.skipped += 1;
            continue;
        }
        let declared = files.read_text(&entry.path, MANIFEST_BYTES).ok_or_else(|| "too large or missing".to_owned());
        match declared.and_then(|text| (family.read)(&text)) {
            Ok(declared) => {
                facts.manifests.push(manifest(files, &entry.path, family, declared, &mut locks, &mut facts.unreadable))
            }
            Err(why) => facts.unreadable.push((entry.path.clone(), visible(&why, 200))),
        }
    }
    for (lock, held) in locks {
        let several = held.into_iter().flatten().filter(|(_, versions)| versions.len() > 1);
        facts.duplicates.extend(several.map(|(name, versions)| Duplicate {
            lock: String::clone(&lock),
            name: visible(&name, 120),
            versions: versions.into_iter().map(|version| visible(&version, 60)).take(20).collect(),
        }));
    }
    facts.unreadable.sort();
    facts.unreadable.dedup();
    facts
}

/// Whether a path lies in a folder of other people's code or of test data.
fn is_foreign(path: &str) -> bool {
    !todos::is_wanted(&format!("{}/x", path.rsplit_once('/').map_or("", |(folder, _)| folder)))
        || path.split('/').any(|part| matches!(part, "fixtures" | "testdata" | "__fixtures__"))
}

fn manifest(
    files: &Files<'_>,
    path: &str,
    family: &Family,
    declared: Declared,
    locks: &mut BTreeMap<String, Option<Locked>>,
    unreadable: &mut Vec<(String, String)>,
) -> Manifest {
    let mut out = Manifest {
        path: path.to_owned(),
        package: declared.package.map(|name| visible(&name, 120)),
        licence: declared.licence.map(|text| visible(&text, 120)),
        dependencies: declared.dependencies,
        ..Manifest::default()
    };
    out.dependencies.iter_mut().for_each(|one| {
        one.name = visible(&one.name, 120);
        one.requirement = visible(&one.requirement, 120);
    });
    out.dependencies.sort();
    out.dependencies.dedup();
    out.dependencies.truncate(LISTED);
    // The lock stands beside the manifest, or above it in a workspace.
    let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    loop {
        for (name, read) in family.locks {
            let lock = if folder.is_empty() { (*name).to_owned() } else { format!("{folder}/{name}") };
            if files.get(&lock).is_none() {
                continue;
            }
            let held = locks.entry(lock.clone()).or_insert_with(|| {
                let read = read.as_ref()?;
                let text = files.read_text(&lock, LOCK_BYTES).ok_or_else(|| "too large or missing".to_owned());
                text.and_then(|text| read(&text))
                    .map_err(|why| unreadable.push((lock.clone(), visible(&why, 200))))
                    .ok()
            });
            out.locked = held.as_ref().map(|held| held.values().map(BTreeSet::len).sum());
            out.lock = Some(lock);
            return out;
        }
        if folder.is_empty() {
            return out;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

/// Whether a requirement allows any version.
fn is_wildcard(requirement: &str) -> bool {
    matches!(requirement.trim(), "" | "*" | "x" | "X" | "latest" | ">=0" | ">= 0" | ">=0.0.0")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "dependencies/all_tests.rs"]
mod all_tests;
