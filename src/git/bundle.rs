//! Bundles: objects and a reference in one file, as they travel between jobs.
//! Lives here: writing one of a single reference, and taking one in that nobody vouches for. Never here: what is in it.

use std::ffi::OsString;
use std::path::Path;

use git2::Oid;

use super::errors::{GitError, RemoteFailure};
use super::home::NETWORK_LIMIT;
use super::net::Net;
use super::remote::Remote;
use super::repo::Repo;
use super::version::{CHECKS_BUNDLES, Version};
use crate::town::limits::OBJECT_BYTES;

/// Git's own checks of every object, those that are mere warnings for a clone included where they hide something: a `.git`
/// in a tree, paths with `..`, names that some file systems take for others.
const CHECKS: &[(&str, &str)] = &[("fetch.fsckObjects", "true"), ("transfer.fsckObjects", "true")];

fn failed(path: &Path, said: &str) -> GitError {
    let detail = crate::town::text::one_line(said, 400);
    GitError::Fetch { remote: path.display().to_string(), kind: RemoteFailure::Refused(detail) }
}

/// Writes a bundle of one reference, without what `base` has already.
///
/// # Errors
/// [`GitError`] when git cannot write it.
pub fn write(repo: &Repo, path: &Path, reference: &str, tip: Oid, base: Option<Oid>) -> Result<(), GitError> {
    let file = std::path::absolute(path).map_err(GitError::file("write", path))?;
    let net = Net::new(repo)?;
    let args = ["bundle", "create", "--quiet", &file.to_string_lossy(), reference];
    let mut args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
    args.extend(base.map(|base| format!("^{base}")));
    if net.was(reference) != Some(tip) {
        return Err(GitError::RacedReference { reference: reference.to_owned() });
    }
    let output = net.git(&args, NETWORK_LIMIT)?;
    if output.code == Some(0) { Ok(()) } else { Err(failed(path, &output.stderr)) }
}

/// Older programs pass over the settings in [`CHECKS`] where they fetch from a bundle, and say nothing.
fn checks_bundles(net: &Net<'_>, path: &Path) -> Result<(), GitError> {
    let said = net.git(&["version".to_owned()], NETWORK_LIMIT)?.stdout;
    if Version::parse(&said).is_some_and(|version| version >= CHECKS_BUNDLES) {
        return Ok(());
    }
    let found = crate::town::text::one_line(said.trim().trim_start_matches("git version "), 100);
    Err(GitError::OldGit { found, path: path.to_owned() })
}

/// Whether this machine's git can check what comes in a bundle.
///
/// # Errors
/// [`GitError::OldGit`], with `path` for the bundle, where it cannot.
pub fn can_be_checked(repo: &Repo, path: &Path) -> Result<(), GitError> {
    checks_bundles(&Net::new(repo)?, path)
}

/// Takes a bundle in: it may hold this one reference and nothing else, and every object passes git's checks before it is
/// found under `into`.
///
/// # Errors
/// [`GitError`] that says what is wrong with it; [`GitError::OldGit`] where that cannot be known here.
pub fn read(repo: &Repo, path: &Path, reference: &str, into: &str) -> Result<Oid, GitError> {
    let file = std::path::absolute(path).map_err(GitError::file("read", path))?;
    checks_bundles(&Net::new(repo)?, path)?;
    let remote = Remote::at("bundle", &file.to_string_lossy());
    let listed = remote.list(repo, &["*"], NETWORK_LIMIT);
    // Whatever git says of a file here, nobody is unavailable.
    let listed = listed.map_err(|error| match error.remote_failure() {
        Some(failure) => failed(path, failure.detail()),
        None => error,
    })?;
    if listed.len() != 1 || listed.iter().any(|(name, _)| name != reference) {
        let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
        return Err(failed(path, &format!("it holds {} instead of {reference} alone", names.join(", "))));
    }
    let net = Net::new(repo)?;
    let config: Vec<(String, OsString)> =
        CHECKS.iter().map(|(key, value)| ((*key).to_owned(), OsString::from(value))).collect();
    let args = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--no-recurse-submodules",
        "--",
        &file.to_string_lossy(),
        &format!("+{reference}:{into}"),
    ];
    let args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
    // Large blobs are streamed; of everything else one object that unpacks to more than there is ends the program.
    let output = net.git_bounded(&args, &config, Some(OBJECT_BYTES), NETWORK_LIMIT)?;
    if output.code != Some(0) {
        return Err(failed(path, &output.stderr));
    }
    let tip = net.written()?.into_iter().find(|(name, _)| name == into).map(|(_, oid)| oid);
    let tip = tip.ok_or_else(|| failed(path, "nothing came of it"))?;
    repo.force_reference(into, tip, "monkeytown: handed over")?;
    Ok(tip)
}
