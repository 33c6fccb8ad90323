//! A private git folder for one conversation with a remote.
//! Lives here: the folder, its configuration, what it sees of the repository and what comes back from it.
//! Never here: what is asked of the remote (`remote`), how the program is run (`program`).
//!
//! A repository's own configuration can make the `git` program run nearly anything: `core.sshCommand`,
//! `remote.<url>.uploadpack`, `credential.helper`, `core.askPass`, hooks. So the program never opens the
//! repository. It works in a folder of our own that has only a configuration of our own (over the user's global
//! one, which holds the credentials), shares the objects, and sees a copy of the references and of the shallow
//! boundary. Afterwards this room carries new references and the moved boundary over by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{Config, ConfigLevel, Oid};
use tempfile::TempDir;

use super::errors::GitError;
use super::program::{Call, Output};
use super::repo::Repo;

/// Local configuration outranks the user's global one, so these hold whatever stands there.
const CONFIG: &str = "\
[core]
	repositoryformatversion = 0
	bare = true
	hooksPath = /dev/null
	fsmonitor = false
	alternateRefsCommand = true
	logAllRefUpdates = false
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol \"ext\"]
	allow = never
[fetch]
	recurseSubmodules = false
	writeCommitGraph = false
	prune = false
[push]
	gpgSign = false
	followTags = false
	recurseSubmodules = no
	useForceIfIncludes = false
[submodule]
	recurse = false
[diff]
	external =
";

/// A private git folder, removed when it is dropped.
pub(super) struct Net<'r> {
    repo: &'r Repo,
    dir: TempDir,
    /// Held while the folder is in use, so that a later process can tell a left-over from a folder in use.
    _lock: File,
    lock_path: PathBuf,
    /// The boundary as it was copied.
    shallow: Option<String>,
    /// The references as they were copied.
    refs: BTreeMap<String, Oid>,
}

impl Drop for Net<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.lock_path);
    }
}

impl<'r> Net<'r> {
    /// Makes the folder and shows it the repository's objects, references and boundary.
    pub fn new(repo: &'r Repo) -> Result<Self, GitError> {
        let home = repo.private_dir()?.join("net");
        fs::create_dir_all(&home).map_err(GitError::file("create", &home))?;
        sweep(&home);
        let dir = tempfile::Builder::new().prefix("n").tempdir_in(&home).map_err(GitError::file("create", &home))?;
        let lock_path = dir.path().with_extension("lock");
        let lock = File::create(&lock_path).map_err(GitError::file("create", &lock_path))?;
        lock.lock().map_err(GitError::file("lock", &lock_path))?;
        let shallow = read_optional(&repo.common_dir().join("shallow"))?;
        let net = Self { repo, dir, _lock: lock, lock_path, shallow, refs: mirror(repo)? };
        net.fill()?;
        Ok(net)
    }

    fn fill(&self) -> Result<(), GitError> {
        let refs = self.dir.path().join("refs");
        fs::create_dir(&refs).map_err(GitError::file("create", refs))?;
        self.put("HEAD", "ref: refs/heads/monkeytown-net\n")?;
        self.put("config", CONFIG)?;
        let mut packed = String::from("# pack-refs with: sorted \n");
        for (name, target) in &self.refs {
            let _ = writeln!(packed, "{target} {name}");
        }
        self.put("packed-refs", &packed)?;
        if let Some(boundary) = &self.shallow {
            self.put("shallow", boundary)?;
        }
        Ok(())
    }

    fn put(&self, name: &str, text: &str) -> Result<(), GitError> {
        let path = self.dir.path().join(name);
        fs::write(&path, text).map_err(GitError::file("write", path))
    }

    /// Runs `git` in the folder.
    pub fn git(&self, args: &[String], limit: Duration) -> Result<Output, GitError> {
        self.git_with(args, &[], limit)
    }

    /// Runs `git` in the folder, with more configuration.
    pub fn git_with(&self, args: &[String], more: &[(String, OsString)], limit: Duration) -> Result<Output, GitError> {
        self.git_bounded(args, more, None, limit)
    }

    /// The same for what nobody vouches for: the program ends where it would take more than `most` bytes at once.
    pub fn git_bounded(
        &self,
        args: &[String],
        more: &[(String, OsString)],
        most: Option<u64>,
        limit: Duration,
    ) -> Result<Output, GitError> {
        let objects = self.repo.common_dir().join("objects");
        let mut variables: Vec<(&str, &OsStr)> =
            vec![("GIT_DIR", self.dir.path().as_os_str()), ("GIT_OBJECT_DIRECTORY", objects.as_os_str())];
        let most = most.map(|bytes| OsString::from(bytes.to_string()));
        if let Some(most) = &most {
            variables.push(("GIT_ALLOC_LIMIT", most));
        }
        if self.may_name_ssh() {
            // Without this ssh would ask a question on the terminal that nobody may be sitting at.
            variables.push(("GIT_SSH_COMMAND", OsStr::new("ssh -oBatchMode=yes")));
        }
        let mut config = extra_headers(self.repo)?;
        config.retain(|(key, _)| !self.repo.environment().has_token_for(key));
        config.extend_from_slice(more);
        Call { dir: self.dir.path(), args, variables: &variables, config: &config, limit }.run(self.repo.environment())
    }

    /// Whether the user has not said how to call ssh.
    fn may_name_ssh(&self) -> bool {
        let environment = self.repo.environment();
        if environment.has("GIT_SSH_COMMAND") || environment.has("GIT_SSH") {
            return false;
        }
        // Global and system configuration only: the repository's own never decides what runs.
        let global = Config::open_default().and_then(|config| config.get_string("core.sshCommand"));
        global.is_err()
    }

    /// The references that a fetch wrote here. Those copied before are packed, so new ones are plain files.
    pub fn written(&self) -> Result<Vec<(String, Oid)>, GitError> {
        let mut found = Vec::new();
        let mut open = vec!["refs".to_owned()];
        while let Some(folder) = open.pop() {
            let dir = self.dir.path().join(&folder);
            for entry in fs::read_dir(&dir).map_err(GitError::file("read", &dir))? {
                let entry = entry.map_err(GitError::file("read", &dir))?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else { continue };
                if entry.path().is_dir() {
                    open.push(name);
                } else if let Ok(text) = fs::read_to_string(entry.path())
                    && let Ok(oid) = Oid::from_str(text.trim())
                {
                    found.push((name, oid));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Where a reference stood when the folder was made.
    pub fn was(&self, name: &str) -> Option<Oid> {
        self.refs.get(name).copied()
    }

    /// Carries a boundary that the fetch moved over to the repository. Says whether it moved.
    ///
    /// Called before any reference moves: a boundary too many is harmless, one that is missing is a broken clone.
    pub fn carry_boundary(&self) -> Result<bool, GitError> {
        let after = read_optional(&self.dir.path().join("shallow"))?;
        if boundary_of(after.as_deref()) == boundary_of(self.shallow.as_deref()) {
            return Ok(false);
        }
        let path = self.repo.common_dir().join("shallow");
        let lock = self.repo.common_dir().join("shallow.lock");
        let mut file = OpenOptions::new().write(true).create_new(true).open(&lock).map_err(|source| {
            match source.kind() {
                // Another git is moving the boundary at this moment.
                ErrorKind::AlreadyExists => GitError::RacedReference { reference: "shallow".to_owned() },
                _ => GitError::File { operation: "create", path: lock.clone(), source },
            }
        })?;
        let result = self.write_boundary(&mut file, &path, &lock, after.as_deref());
        if result.is_err() {
            let _ = fs::remove_file(&lock);
        }
        result.map(|()| true)
    }

    fn write_boundary(&self, file: &mut File, path: &Path, lock: &Path, after: Option<&str>) -> Result<(), GitError> {
        let now = read_optional(path)?;
        let mut boundary = boundary_of(after);
        if boundary_of(now.as_deref()) != boundary_of(self.shallow.as_deref()) {
            // Somebody else moved it meanwhile. Both boundaries together cut off at least what is missing.
            boundary.extend(boundary_of(now.as_deref()));
        }
        if boundary.is_empty() {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(GitError::file("remove", path)(error)),
                _ => return fs::remove_file(lock).map_err(GitError::file("remove", lock)),
            }
        }
        let text: String = boundary.iter().map(|oid| format!("{oid}\n")).collect();
        file.write_all(text.as_bytes()).map_err(GitError::file("write", lock))?;
        fs::rename(lock, path).map_err(GitError::file("write", path))
    }
}

/// Every reference that stands at an object, so that a fetch transfers only what is new.
fn mirror(repo: &Repo) -> Result<BTreeMap<String, Oid>, GitError> {
    let failed = |source| GitError::ReadReference { reference: "refs/".to_owned(), source };
    let odb = repo.git().odb().map_err(failed)?;
    let mut refs = BTreeMap::new();
    // A broken reference of the user's is not ours to complain about: it just tells the remote nothing.
    for reference in repo.git().references().map_err(failed)?.flatten() {
        if let (Ok(name), Some(target)) = (reference.name(), reference.target())
            && odb.exists(target)
        {
            refs.insert(name.to_owned(), target);
        }
    }
    if let Some(head) = repo.head_commit()? {
        refs.insert("refs/monkeytown/net/head".to_owned(), head);
    }
    Ok(refs)
}

/// The headers that a continuous-integration checkout stores for the remote, as the only keys of the repository's
/// own configuration that are passed on. They are data: the header goes to the URL that the key names.
fn extra_headers(repo: &Repo) -> Result<Vec<(String, OsString)>, GitError> {
    let failed = |source| GitError::ReadConfig { source };
    let config = repo.git().config().map_err(failed)?;
    let mut headers = Vec::new();
    let mut entries = config.entries(Some(r"^http\..*\.extraheader$")).map_err(failed)?;
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(failed)?;
        let own = matches!(entry.level(), ConfigLevel::Local | ConfigLevel::Worktree);
        if let (true, Ok(name), Ok(value)) = (own && entry.has_value(), entry.name(), entry.value()) {
            headers.push((name.to_owned(), OsString::from(value)));
        }
    }
    Ok(headers)
}

/// Removes what a killed process left behind: folders whose lock nobody holds.
fn sweep(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let lock = entry.path();
        if lock.extension() != Some(OsStr::new("lock")) {
            continue;
        }
        if let Ok(file) = File::open(&lock)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(lock.with_extension(""));
            let _ = fs::remove_file(&lock);
        }
    }
}

fn read_optional(path: &Path) -> Result<Option<String>, GitError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GitError::File { operation: "read", path: path.to_owned(), source }),
    }
}

fn boundary_of(text: Option<&str>) -> BTreeSet<Oid> {
    text.unwrap_or_default().lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}
