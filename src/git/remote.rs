//! Talking to a remote: fetch, push, list, deepen.
//! Lives here: what is asked of a remote and how its answer is read, as data wherever git gives data.
//! Never here: what becomes of an answer (the caller decides), how the program is kept harmless (`net`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{Oid, Reference};

use super::answer;
use super::errors::{GitError, RemoteFailure};
use super::net::Net;
use super::program::Output;
use super::repo::Repo;
use super::system;

/// The schemes of URLs that are handed to git. Every other one may start a helper program.
const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "file"];

/// A remote as the repository's configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name, such as `origin`.
    pub name: String,
    /// Where it is fetched from.
    pub url: String,
    /// Where it is pushed to; mostly the same.
    pub push_url: String,
}

/// How far history shall reach back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deepen {
    /// So many commits from the tips.
    Depth(u32),
    /// So many commits more than now.
    By(u32),
    /// Everything.
    Full,
}

/// What a fetch brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// References here that moved, with the commit that they stand at now, sorted.
    pub updated: Vec<(String, Oid)>,
    /// References that were asked for by name and do not exist on the remote.
    pub missing: Vec<String>,
}

/// One reference to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSpec {
    /// The commit; `None` deletes the reference.
    pub local: Option<Oid>,
    /// The full name on the remote.
    pub reference: String,
    /// Where the reference must stand for the push to happen, the zero id for "must not exist". With a lease
    /// the push may go back in history; without one it may only go forward.
    pub lease: Option<Oid>,
}

/// A reference that a push left where we want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The full name on the remote.
    pub reference: String,
    /// Whether it moved; `false` when it stood there already.
    pub moved: bool,
}

impl Repo {
    /// The remote called `name`. Of its configuration only the URLs are read.
    pub fn remote(&self, name: &str) -> Result<Remote, GitError> {
        let missing = || GitError::NoRemote { name: name.to_owned() };
        let url = self.first_value(&format!("remote.{name}.url"))?.ok_or_else(missing)?;
        let push_url = self.first_value(&format!("remote.{name}.pushurl"))?.unwrap_or_else(|| url.clone());
        Ok(Remote { name: name.to_owned(), url, push_url })
    }

    fn first_value(&self, key: &str) -> Result<Option<String>, GitError> {
        let config = self.git().config().map_err(|source| GitError::ReadConfig { source })?;
        let Ok(mut values) = config.multivar(key, None) else { return Ok(None) };
        while let Some(Ok(entry)) = values.next() {
            // An empty value resets the list, as in git.
            if let Some(value) = entry.value().ok().filter(|value| !value.is_empty()) {
                return Ok(Some(value.to_owned()));
            }
        }
        Ok(None)
    }
}

/// References with what they point at.
pub type Listed = Vec<(String, Oid)>;

impl Remote {
    /// A remote by its URL, known to no configuration.
    #[must_use]
    pub fn at(name: &str, url: &str) -> Self {
        Self { name: name.to_owned(), url: url.to_owned(), push_url: url.to_owned() }
    }

    /// Our view of a branch of this remote.
    #[must_use]
    pub fn tracking(&self, branch: &str) -> String {
        format!("refs/remotes/{}/{branch}", self.name)
    }

    /// Fetches into the references that `refspecs` (`[+]from:to`) name, and nothing else: no tags, no `FETCH_HEAD`,
    /// no maintenance.
    pub fn fetch(&self, repo: &Repo, refspecs: &[String], limit: Duration) -> Result<Fetched, GitError> {
        self.fetch_with(repo, refspecs, None, limit).map(|(fetched, _)| fetched)
    }

    /// Fetches like [`Remote::fetch`] and moves the boundary of a shallow clone. A handle that has cached the boundary has to
    /// be [refreshed](Repo::refresh) before it walks over it.
    pub fn deepen(
        &self,
        repo: &Repo,
        refspecs: &[String],
        depth: Deepen,
        limit: Duration,
    ) -> Result<Fetched, GitError> {
        self.fetch_with(repo, refspecs, Some(depth), limit).map(|(fetched, _)| fetched)
    }

    fn fetch_with(
        &self,
        repo: &Repo,
        refspecs: &[String],
        depth: Option<Deepen>,
        limit: Duration,
    ) -> Result<(Fetched, bool), GitError> {
        let mut wanted: Vec<Refspec> = refspecs.iter().map(|text| Refspec::parse(text)).collect::<Result<_, _>>()?;
        refuse_checked_out(repo, &wanted)?;
        let url = self.checked(repo, &self.url)?;
        let net = Net::new(repo)?;
        let mut missing = Vec::new();
        // Each round can only drop a name, so there are at most as many rounds as names.
        while !wanted.is_empty() {
            let output =
                self.heard(net.git(&fetch_args(&url, &wanted, depth, repo.is_shallow()), limit), fetch_failed)?;
            if output.code == Some(0) {
                break;
            }
            match answer::missing_reference(&output.stderr) {
                Some(name) if wanted.iter().any(|spec| spec.from == name) => {
                    wanted.retain(|spec| spec.from != name);
                    missing.push(name);
                }
                // The whole fetch went well but for references that would have gone back in history.
                _ if output.code == Some(1) => {
                    let detail = "the remote's history was rewritten or we are ahead of it".to_owned();
                    return Err(fetch_failed(self, RemoteFailure::Raced(detail)));
                }
                _ => return Err(fetch_failed(self, answer::failure(&output))),
            }
        }
        let moved = net.carry_boundary()?;
        let updated = carry_references(repo, &net)?;
        missing.sort();
        Ok((Fetched { updated, missing }, moved))
    }

    /// Pushes. `atomic` means all or nothing; without it an error may leave some references pushed.
    pub fn push(
        &self,
        repo: &Repo,
        specs: &[PushSpec],
        atomic: bool,
        limit: Duration,
    ) -> Result<Vec<Pushed>, GitError> {
        self.push_with(repo, specs, atomic, false, limit)
    }

    /// Pushes references that only we write, over whatever they point at on the remote.
    pub fn push_over(&self, repo: &Repo, specs: &[PushSpec], limit: Duration) -> Result<Vec<Pushed>, GitError> {
        self.push_with(repo, specs, false, true, limit)
    }

    fn push_with(
        &self,
        repo: &Repo,
        specs: &[PushSpec],
        atomic: bool,
        over: bool,
        limit: Duration,
    ) -> Result<Vec<Pushed>, GitError> {
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let url = self.checked(repo, &self.push_url)?;
        if let Some(why) = local_path(&url).and_then(|path| own_folder(repo, &path)) {
            return Err(GitError::BadUrl { remote: self.name.clone(), why });
        }
        let net = Net::new(repo)?;
        let names: Vec<&str> = specs.iter().map(|spec| spec.reference.as_str()).collect();
        let failed =
            |remote: &Self, kind| GitError::Push { remote: remote.name.clone(), reference: names.join(", "), kind };
        let output = self.heard(net.git(&push_args(&url, specs, atomic, over)?, limit), failed)?;
        let lines = answer::push_lines(&output.stdout);
        if let Some((reference, kind)) = answer::first_rejection(&lines, &output.stderr) {
            return Err(GitError::Push { remote: self.name.clone(), reference, kind });
        }
        if output.code != Some(0) {
            return Err(failed(self, answer::failure(&output)));
        }
        // References that stood there already may have no line.
        let moved = |name: &str| lines.iter().any(|line| line.reference == name && line.flag != '=');
        let pushed = |spec: &PushSpec| Pushed { reference: spec.reference.clone(), moved: moved(&spec.reference) };
        Ok(specs.iter().map(pushed).collect())
    }

    /// The remote's references that `patterns` name, exactly or with one `*` at the end, sorted.
    pub fn list(&self, repo: &Repo, patterns: &[&str], limit: Duration) -> Result<Listed, GitError> {
        self.list_with_head(repo, patterns, limit).map(|(found, _)| found)
    }

    /// The same, and the branch that the remote calls its HEAD, where `HEAD` is asked for and it says so.
    pub fn list_with_head(
        &self,
        repo: &Repo,
        patterns: &[&str],
        limit: Duration,
    ) -> Result<(Listed, Option<String>), GitError> {
        let output = self.ask(repo, patterns, limit)?;
        let mut found: Vec<(String, Oid)> = answer::listed(&output.stdout)
            .filter(|(name, _)| patterns.iter().any(|pattern| matches_reference(pattern, name)))
            .map(|(name, oid)| (name.to_owned(), oid))
            .collect();
        found.sort();
        Ok((found, answer::symbolic_head(&output.stdout)))
    }

    fn ask(&self, repo: &Repo, patterns: &[&str], limit: Duration) -> Result<Output, GitError> {
        let failed = |remote: &Self, kind| GitError::List { remote: remote.name.clone(), kind };
        let url = self.checked(repo, &self.url)?;
        let mut args = strings(&["ls-remote", "--quiet", "--symref", "--"]);
        args.push(url);
        args.extend(patterns.iter().map(|pattern| (*pattern).to_owned()));
        let output = self.heard(Net::new(repo)?.git(&args, limit), failed)?;
        if output.code == Some(0) { Ok(output) } else { Err(failed(self, answer::failure(&output))) }
    }

    /// Makes a time-out the remote's failure; an error of our own stays what it is.
    fn heard(
        &self,
        result: Result<Output, GitError>,
        failed: impl Fn(&Self, RemoteFailure) -> GitError,
    ) -> Result<Output, GitError> {
        result.map_err(|error| match error {
            GitError::GitTimedOut { limit, .. } => {
                failed(self, RemoteFailure::Unavailable(format!("no answer within {limit:?}")))
            }
            other => other,
        })
    }

    /// The URL as it may be handed to git: known scheme, no option in disguise, relative paths made absolute.
    fn checked(&self, repo: &Repo, url: &str) -> Result<String, GitError> {
        let bad = |why| Err(GitError::BadUrl { remote: self.name.clone(), why });
        if url.starts_with('-') || url.contains("://-") || url.chars().any(char::is_control) {
            return bad("it starts like an option or has control characters");
        }
        if let Some((scheme, _)) = url.split_once("://") {
            let known = SCHEMES.contains(&scheme);
            return if known { Ok(url.to_owned()) } else { bad("only https, http, ssh, git and file are used") };
        }
        if url.split('/').next().is_some_and(|first| first.contains("::")) {
            return bad("it names a helper program");
        }
        if is_local(url) {
            // The program runs in a folder of ours, so a path must not depend on where it runs.
            return Ok(repo.place().join(url).to_string_lossy().into_owned());
        }
        Ok(url.to_owned())
    }
}

fn fetch_failed(remote: &Remote, kind: RemoteFailure) -> GitError {
    GitError::Fetch { remote: remote.name.clone(), kind }
}

/// One `[+]from:to`, with at most one `*` on both sides. What is fetched may be a commit too, by its full id.
struct Refspec {
    forced: bool,
    from: String,
    to: String,
}

impl Refspec {
    fn parse(text: &str) -> Result<Self, GitError> {
        let bad = || GitError::BadReference { reference: text.to_owned() };
        let (from, to) = text.trim_start_matches('+').split_once(':').ok_or_else(bad)?;
        let stars = |name: &str| name.matches('*').count();
        let valid = |name: &str| name.starts_with("refs/") && Reference::is_valid_name(&name.replace('*', "x"));
        let is_commit = from.len() == 40 && from.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(valid(from) || from == "HEAD" || is_commit) || !valid(to) || stars(from) != stars(to) || stars(from) > 1 {
            return Err(bad());
        }
        Ok(Self { forced: text.starts_with('+'), from: from.to_owned(), to: to.to_owned() })
    }
}

fn fetch_args(url: &str, wanted: &[Refspec], depth: Option<Deepen>, shallow: bool) -> Vec<String> {
    let mut args = strings(&["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]);
    args.extend(strings(&["--no-recurse-submodules", "--no-prune"]));
    match depth {
        Some(Deepen::Depth(commits)) => args.push(format!("--depth={}", commits.max(1))),
        Some(Deepen::By(commits)) if shallow => args.push(format!("--deepen={commits}")),
        Some(Deepen::Full) if shallow => args.push("--unshallow".to_owned()),
        Some(Deepen::By(_) | Deepen::Full) | None => {}
    }
    args.extend(["--".to_owned(), url.to_owned()]);
    args.extend(wanted.iter().map(|spec| format!("{}{}:{}", if spec.forced { "+" } else { "" }, spec.from, spec.to)));
    args
}

fn push_args(url: &str, specs: &[PushSpec], atomic: bool, over: bool) -> Result<Vec<String>, GitError> {
    let mut args = strings(&["push", "--porcelain", "--no-progress", "--no-verify", "--no-follow-tags", "--no-signed"]);
    if atomic {
        args.push("--atomic".to_owned());
    }
    let mut pushed = Vec::new();
    for PushSpec { local, reference, lease } in specs {
        if !reference.starts_with("refs/") || !Reference::is_valid_name(reference) {
            return Err(GitError::BadReference { reference: reference.clone() });
        }
        if let Some(lease) = lease {
            let expected = if lease.is_zero() { String::new() } else { lease.to_string() };
            args.push(format!("--force-with-lease={reference}:{expected}"));
        }
        let plus = if over && local.is_some() { "+" } else { "" };
        pushed.push(format!("{plus}{}:{reference}", local.map(|oid| oid.to_string()).unwrap_or_default()));
    }
    args.extend(["--".to_owned(), url.to_owned()]);
    args.extend(pushed);
    Ok(args)
}

/// Moves our references to where the fetch saw the remote's. One that somebody else moved meanwhile stays.
fn carry_references(repo: &Repo, net: &Net<'_>) -> Result<Vec<(String, Oid)>, GitError> {
    let mut updated = Vec::new();
    for (name, oid) in net.written()? {
        let now = repo.tip(&name)?;
        if now == Some(oid) {
            continue;
        }
        if now == net.was(&name) {
            match repo.set_reference(&name, oid, now, "fetch: by monkeytown") {
                Err(error) if error.is_raced() => {}
                other => other?,
            }
        }
        updated.push((name.clone(), repo.tip(&name)?.unwrap_or(oid)));
    }
    Ok(updated)
}

/// A branch that somebody has checked out must not move under them.
fn refuse_checked_out(repo: &Repo, wanted: &[Refspec]) -> Result<(), GitError> {
    for spec in wanted {
        let Some(name) = spec.to.strip_prefix("refs/heads/") else { continue };
        for (branch, path) in repo.checkouts()? {
            let hit = spec
                .to
                .split_once('*')
                .map_or(branch == name, |(before, _)| format!("refs/heads/{branch}").starts_with(before));
            if hit {
                return Err(GitError::CheckedOut { branch, path });
            }
        }
    }
    Ok(())
}

fn matches_reference(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// Whether git takes the URL for a path: no scheme, and no host before a colon.
fn is_local(url: &str) -> bool {
    if system::has_drive(url) {
        return true;
    }
    let colon = url.find(':').unwrap_or(usize::MAX);
    !url.contains("://") && url.find('/').is_some_and(|slash| slash < colon) || colon == usize::MAX
}

/// The folder of a remote on this machine.
fn local_path(url: &str) -> Option<PathBuf> {
    if let Some(path) = url.strip_prefix("file://") {
        let path = path.find('/').map_or(path, |slash| &path[slash..]);
        // As in `file:///C:/town`.
        return Some(PathBuf::from(path.strip_prefix('/').filter(|path| system::has_drive(path)).unwrap_or(path)));
    }
    is_local(url).then(|| PathBuf::from(url))
}

/// Why a folder is part of this very repository, if it is. A push there would run hooks that lie in it.
fn own_folder(repo: &Repo, path: &Path) -> Option<&'static str> {
    let path = system::canonical(path).ok()?;
    let own: BTreeSet<&Path> =
        [Some(repo.common_dir()), Some(repo.git_dir()), repo.workdir()].into_iter().flatten().collect();
    own.iter().any(|folder| path.starts_with(folder)).then_some("it points into this repository itself")
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
