//! Facts about manifests: what the project builds on, and under which licence it stands.
//! Lives here: values and their compact Markdown. Never here: reading the repository.

use serde::{Deserialize, Serialize};

use super::{Brief, count_of, listed};
use crate::town::markdown::quoted;

/// Manifests, duplicates and licences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyFacts {
    /// The manifests, by path.
    pub manifests: Vec<Manifest>,
    /// Packages that a lock file holds in several versions.
    pub duplicates: Vec<Duplicate>,
    /// Licence files, by path.
    pub licences: Vec<LicenceFile>,
    /// Manifests and locks that could not be read, each with the reason.
    pub unreadable: Vec<(String, String)>,
    /// Manifests beyond the bound.
    pub skipped: usize,
}

/// What a dependency is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyKind {
    /// The program itself.
    Normal,
    /// Tests and development.
    Dev,
    /// Building.
    Build,
    /// Wanted only where somebody asks.
    Optional,
    /// Provided by who uses the package.
    Peer,
    /// Needed by another dependency.
    Indirect,
}

/// One declared dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// What it is needed for.
    pub kind: DependencyKind,
    /// What the manifest asks for; empty where it says nothing.
    pub requirement: String,
    /// Whether exactly one version fits.
    pub pinned: bool,
    /// Whether any version fits.
    pub wildcard: bool,
    /// `git`, `path` or `url` where it does not come from a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// One manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its path.
    pub path: String,
    /// The package's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The licence that it declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What it declares, by name and kind.
    pub dependencies: Vec<Dependency>,
    /// The lock file beside or above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Packages that the lock file holds; `None` where its format is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<usize>,
}

/// A package that a lock file holds in several versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Duplicate {
    /// The lock file.
    pub lock: String,
    /// The package.
    pub name: String,
    /// Its versions.
    pub versions: Vec<String>,
}

/// A licence file and what it seems to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LicenceFile {
    /// Its path.
    pub path: String,
    /// The licence by its key phrases; `None` where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

impl DependencyFacts {
    /// The facts in at most `max_bytes` of Markdown.
    #[must_use]
    pub fn brief(&self, max_bytes: usize) -> String {
        let mut out = Brief::new(max_bytes);
        for line in self.lines() {
            out.line(line);
        }
        for manifest in &self.manifests {
            for one in &manifest.dependencies {
                out.line(format!("  - {}", one.sentence()));
            }
        }
        out.finish()
    }

    /// The overview, one sentence per manifest and licence.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.manifests.is_empty() {
            out.push("No known manifest was found.".to_owned());
        }
        for manifest in &self.manifests {
            out.push(format!("- {}", manifest.sentence()));
        }
        for file in &self.licences {
            let what = file.licence.clone().unwrap_or_else(|| "a licence that is not recognised".to_owned());
            out.push(format!("- {}: {what}", quoted(&file.path, 120)));
        }
        if self.skipped > 0 {
            out.push(format!("{} more were not read.", count_of(self.skipped, "manifest")));
        }
        out
    }

    /// Whether neither a licence file nor a manifest names a licence.
    #[must_use]
    pub fn no_licence(&self) -> bool {
        self.licences.is_empty() && self.manifests.iter().all(|manifest| manifest.licence.is_none())
    }
}

impl DependencyKind {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Dev => "dev",
            Self::Build => "build",
            Self::Optional => "optional",
            Self::Peer => "peer",
            Self::Indirect => "indirect",
        }
    }
}

impl Dependency {
    /// `name` `requirement`, kind, where it comes from.
    #[must_use]
    pub fn sentence(&self) -> String {
        let requirement =
            if self.requirement.is_empty() { "any version".into() } else { quoted(&self.requirement, 60) };
        let source = self.source.as_ref().map_or_else(String::new, |source| format!(", from {source}"));
        format!("{} {requirement}, {}{source}", quoted(&self.name, 80), self.kind.word())
    }
}

impl Manifest {
    /// `Cargo.toml`: 3 dependencies (2 normal and 1 dev), 40 locked, licence MIT.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut kinds: Vec<String> = Vec::new();
        for kind in [
            DependencyKind::Normal,
            DependencyKind::Dev,
            DependencyKind::Build,
            DependencyKind::Optional,
            DependencyKind::Peer,
            DependencyKind::Indirect,
        ] {
            let count = self.dependencies.iter().filter(|one| one.kind == kind).count();
            if count > 0 {
                kinds.push(format!("{count} {}", kind.word()));
            }
        }
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", listed(&kinds)) };
        let all = count_of(self.dependencies.len(), "dependency");
        let lock = match (&self.lock, self.locked) {
            (Some(lock), Some(count)) => format!(", {count} locked in {}", quoted(lock, 120)),
            (Some(lock), None) => format!(", lock file {}", quoted(lock, 120)),
            (None, _) => ", no lock file".to_owned(),
        };
        let licence = self
            .licence
            .as_ref()
            .map_or_else(|| ", no licence field".to_owned(), |l| format!(", licence {}", quoted(l, 60)));
        format!("{}: {all}{kinds}{lock}{licence}", quoted(&self.path, 120))
    }
}
