//! The repository as this room holds it: opened without letting anything of it run.
//! Lives here: opening, the facts about its state, the default branch, our private folder inside the git
//! folder with its locks. Never here: objects (`objects`), the network (`remote`), moving branches (`branch`).
//!
//! libgit2 runs no hook, no `fsmonitor`, no pager and no external filter or driver; what could make the `git`
//! program run something is dealt with in `net`. The environment's `GIT_DIR` and friends are ignored.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::errors::GitError;
use super::program::{Environment, Halt, HttpToken};
use crate::town::{ids, limits};

/// Branch names that are tried when nothing else says which branch is the town.
const GUESSES: [&str; 3] = ["main", "master", "trunk"];

/// A git repository, at any of its working trees or bare.
pub struct Repo {
    /// Opened at the common folder, because libgit2 finds a shallow clone's boundary only there.
    git: Repository,
    /// Opened at the linked working tree, where there is one: its HEAD and index are its own.
    linked: Option<Repository>,
    common: PathBuf,
    git_dir: PathBuf,
    workdir: Option<PathBuf>,
    environment: Environment,
}

/// A branch and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The short name, such as `main`.
    pub name: String,
    /// The reference that was read: the remote's view of the branch where there is one, else the local branch.
    pub reference: String,
    /// The commit.
    pub tip: Oid,
}

impl Branch {
    /// The full name of the local branch.
    #[must_use]
    pub fn local(&self) -> String {
        format!("refs/heads/{}", self.name)
    }
}

/// What kind of repository this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// There is no working tree.
    pub bare: bool,
    /// There is no commit on HEAD's branch and on no other.
    pub empty: bool,
    /// History is cut off somewhere.
    pub shallow: bool,
    /// HEAD is a commit, not a branch.
    pub detached: bool,
    /// This is one of several working trees of one repository.
    pub linked_worktree: bool,
    /// The branch of HEAD, also when it has no commit yet.
    pub head: Option<String>,
    /// The names of all remotes, sorted.
    pub remotes: Vec<String>,
}

/// A lock on a name, held as long as this value lives. The system releases it when the process dies.
#[derive(Debug)]
pub struct LockGuard {
    pub(super) file: File,
}

impl Drop for LockGuard {
    /// Closing is not enough: a child that another thread is starting has the file too, until it is the other program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Repo {
    /// Opens the repository at `path` or at the nearest folder above it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GitError> {
        Self::open_in(path, Environment::inherited())
    }

    /// Opens a repository whose `git` programs shall see only `environment`.
    pub fn open_in(path: impl AsRef<Path>, environment: Environment) -> Result<Self, GitError> {
        let path = path.as_ref();
        let found = open_at(path, RepositoryOpenFlags::empty())?;
        let common = absolute(found.commondir())?;
        let git_dir = absolute(found.path())?;
        let workdir = found.workdir().map(absolute).transpose()?;
        let linked = found.is_worktree().then_some(found);
        let git = open_common(&common)?;
        Ok(Self { git, linked, common, git_dir, workdir, environment })
    }

    /// A handle of libgit2's that remembers nothing yet.
    pub(super) fn fresh(&self) -> Result<Repository, GitError> {
        open_common(&self.common)
    }

    /// A second handle on the same repository, for a thread or a value of its own.
    pub fn reopen(&self) -> Result<Self, GitError> {
        Self::open_in(&self.git_dir, self.environment.clone())
    }

    /// Lets the `git` programs of this handle use a token for one host.
    pub fn use_token(&mut self, token: &HttpToken) {
        self.environment = self.environment.clone().with_token(token);
    }

    /// Forgets what libgit2 remembers, after the boundary of a shallow clone moved.
    pub fn refresh(&mut self) -> Result<(), GitError> {
        *self = self.reopen()?;
        Ok(())
    }

    /// The underlying handle, for this room's own reading and writing of objects and shared references.
    #[must_use]
    pub fn git(&self) -> &Repository {
        &self.git
    }

    /// The handle that knows this working tree's own HEAD and index.
    #[must_use]
    pub(super) fn here(&self) -> &Repository {
        self.linked.as_ref().unwrap_or(&self.git)
    }

    /// What ends the `git` programs that run for it.
    #[must_use]
    pub fn halt(&self) -> Halt {
        self.environment.halt()
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The git folder of this working tree.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The git folder that all working trees share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.common
    }

    /// The root of this working tree; a bare repository has none.
    #[must_use]
    pub fn workdir(&self) -> Option<&Path> {
        self.workdir.as_deref()
    }

    /// What to call this repository in a message: its working tree, or its git folder.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.workdir().unwrap_or(&self.common)
    }

    /// Our own folder inside the git folder, made on demand. Nothing in it is ever part of a commit.
    pub fn private_dir(&self) -> Result<PathBuf, GitError> {
        let dir = self.common.join("monkeytown");
        fs::create_dir_all(&dir).map_err(GitError::file("create", &dir))?;
        Ok(dir)
    }

    /// A random name of this clone, the same for ever: it tells two machines apart.
    pub fn machine_id(&self) -> Result<String, GitError> {
        let path = self.private_dir()?.join("machine-id");
        if let Some(id) = read_machine_id(&path)? {
            return Ok(id);
        }
        // 80 bits of each are random.
        let id: String =
            (0..2).map(|_| format!("{:016x}", ulid::Ulid::generate().random() & u128::from(u64::MAX))).collect();
        let mut file =
            tempfile::NamedTempFile::new_in(self.private_dir()?).map_err(GitError::file("write", path.clone()))?;
        file.write_all(id.as_bytes()).map_err(GitError::file("write", path.clone()))?;
        // Whoever is first wins, so that two processes of one clone agree. A damaged file is replaced.
        if fs::metadata(&path).is_ok() {
            file.persist(&path).map_err(|e| GitError::file("write", path.clone())(e.error))?;
        } else if let Err(error) = file.persist_noclobber(&path)
            && error.error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(GitError::file("write", path)(error.error));
        }
        Ok(read_machine_id(&path)?.unwrap_or(id))
    }

    /// Takes the lock called `name`, or returns `None` when another process holds it.
    pub fn lock(&self, name: &str) -> Result<Option<LockGuard>, GitError> {
        let (file, path) = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(LockGuard { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(GitError::File { operation: "lock", path, source }),
        }
    }

    /// Takes the lock called `name`, as soon as every other process has given it back. For short work only.
    pub fn lock_waiting(&self, name: &str) -> Result<LockGuard, GitError> {
        let (file, path) = self.lock_file(name)?;
        file.lock().map_err(GitError::file("lock", path))?;
        Ok(LockGuard { file })
    }

    /// What git calls the user here, if it is configured.
    #[must_use]
    pub fn user(&self) -> Option<(String, String)> {
        let signature = self.git().signature().ok()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(signature.name_bytes()), text(signature.email_bytes())))
    }

    /// When a commit was made.
    pub fn time_of(&self, commit: Oid) -> Result<Option<chrono::DateTime<chrono::Utc>>, GitError> {
        let found = self.git().find_commit(commit).map_err(GitError::read(commit))?;
        Ok(chrono::DateTime::from_timestamp(found.time().seconds(), 0))
    }

    fn lock_file(&self, name: &str) -> Result<(File, PathBuf), GitError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
            return Err(GitError::bad_path(name, "use letters, digits, - and _ for the name of a lock"));
        }
        let path = self.private_dir()?.join(format!("{name}.lock"));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(GitError::file("open", &path))?;
        Ok((file, path))
    }

    /// What kind of repository this is.
    pub fn facts(&self) -> Result<Facts, GitError> {
        let head = self.head_branch()?;
        let remotes = self.git.remotes().map_err(|source| GitError::ReadConfig { source })?;
        let mut remotes: Vec<String> =
            remotes.iter().filter_map(|name| name.ok().flatten().map(str::to_owned)).collect();
        remotes.sort();
        Ok(Facts {
            bare: self.workdir.is_none(),
            empty: self.is_empty()?,
            shallow: self.is_shallow(),
            detached: head.is_none(),
            linked_worktree: self.linked.is_some(),
            head,
            remotes,
        })
    }

    /// Whether history is cut off somewhere.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        fs::metadata(self.common.join("shallow")).is_ok_and(|meta| meta.len() > 0)
    }

    /// The commits whose parents are missing on purpose. Read anew each time, because a fetch moves them.
    pub fn boundary(&self) -> Result<BTreeSet<Oid>, GitError> {
        let path = self.common.join("shallow");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(source) => Err(GitError::File { operation: "read", path, source }),
        }
    }

    /// The short name of HEAD's branch, also of one without a commit; `None` when HEAD is detached.
    pub fn head_branch(&self) -> Result<Option<String>, GitError> {
        let reference = "HEAD".to_owned();
        let head = match self.here().find_reference("HEAD") {
            Ok(head) => head,
            Err(source) => return Err(GitError::ReadReference { reference, source }),
        };
        let target = head.symbolic_target().ok().flatten();
        Ok(target.and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned))
    }

    /// The commit that HEAD stands at; `None` when there is none yet.
    pub fn head_commit(&self) -> Result<Option<Oid>, GitError> {
        match self.here().head() {
            Ok(head) => Ok(head.peel_to_commit().ok().map(|commit| commit.id())),
            Err(e) if matches!(e.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
            Err(source) => Err(GitError::ReadReference { reference: "HEAD".to_owned(), source }),
        }
    }

    /// The commit that a reference, given by its full name, stands at; `None` when it does not exist.
    pub fn tip(&self, reference: &str) -> Result<Option<Oid>, GitError> {
        let failed = |source| GitError::ReadReference { reference: reference.to_owned(), source };
        match self.git.find_reference(reference) {
            Ok(found) => match found.resolve() {
                Ok(direct) => Ok(direct.target()),
                // A symbolic reference to nothing, such as a stale `origin/HEAD`.
                Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
                Err(source) => Err(failed(source)),
            },
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) if e.code() == ErrorCode::InvalidSpec => {
                Err(GitError::BadReference { reference: reference.to_owned() })
            }
            Err(source) => Err(failed(source)),
        }
    }

    /// The commit that a revision (`main`, `v1.0`, `HEAD~2`, an id) means.
    pub fn resolve(&self, revision: &str) -> Result<Oid, GitError> {
        let failed = |source| GitError::ReadReference { reference: revision.to_owned(), source };
        let object = match self.here().revparse_single(revision) {
            Ok(object) => object,
            Err(e) if e.code() == ErrorCode::NotFound => {
                return Err(GitError::NoReference { reference: revision.to_owned() });
            }
            Err(source) => return Err(failed(source)),
        };
        object.peel_to_commit().map(|commit| commit.id()).map_err(failed)
    }

    /// The branch that says what the town is.
    ///
    /// Asked in this order: `configured`, what the remote calls its HEAD, the usual names, the branch that is
    /// checked out unless it is an agent's or the journal's.
    pub fn default_branch(&self, remote: Option<&str>, configured: Option<&str>) -> Result<Branch, GitError> {
        let mut tried = Vec::new();
        if let Some(name) = configured {
            return self.find_branch(remote, name, &mut tried)?.ok_or_else(|| self.no_branch(tried));
        }
        if let Some(name) = remote.and_then(|remote| self.remote_head(remote)) {
            if let Some(branch) = self.find_branch(remote, &name, &mut tried)? {
                return Ok(branch);
            }
        } else if let Some(remote) = remote {
            tried.push(format!("refs/remotes/{remote}/HEAD"));
        }
        for name in GUESSES {
            if let Some(branch) = self.find_branch(remote, name, &mut tried)? {
                return Ok(branch);
            }
        }
        match self.head_branch()? {
            Some(name) if !is_ours(&name) => {
                self.find_branch(remote, &name, &mut tried)?.ok_or_else(|| self.no_branch(tried))
            }
            Some(name) => {
                tried.push(format!("HEAD ({name} is not a branch of people)"));
                Err(self.no_branch(tried))
            }
            None => {
                tried.push("HEAD (detached)".to_owned());
                Err(self.no_branch(tried))
            }
        }
    }

    fn find_branch(
        &self,
        remote: Option<&str>,
        name: &str,
        tried: &mut Vec<String>,
    ) -> Result<Option<Branch>, GitError> {
        let tracking = remote.map(|remote| format!("refs/remotes/{remote}/{name}"));
        for reference in tracking.into_iter().chain([format!("refs/heads/{name}")]) {
            if let Some(tip) = self.tip(&reference)? {
                return Ok(Some(Branch { name: name.to_owned(), reference, tip }));
            }
            tried.push(reference);
        }
        Ok(None)
    }

    fn remote_head(&self, remote: &str) -> Option<String> {
        let head = self.git.find_reference(&format!("refs/remotes/{remote}/HEAD")).ok()?;
        let target = head.symbolic_target().ok()??;
        target.strip_prefix(&format!("refs/remotes/{remote}/")).map(str::to_owned)
    }

    fn no_branch(&self, mut tried: Vec<String>) -> GitError {
        if self.is_empty().unwrap_or(false) {
            return GitError::EmptyRepository { path: self.place().to_owned() };
        }
        let mut seen = BTreeSet::new();
        tried.retain(|name| seen.insert(name.clone()));
        GitError::NoDefaultBranch { tried }
    }

    fn is_empty(&self) -> Result<bool, GitError> {
        if self.head_commit()?.is_some() {
            return Ok(false);
        }
        let failed = |source| GitError::ReadReference { reference: "refs/".to_owned(), source };
        Ok(self.git.references().map_err(failed)?.flatten().next().is_none())
    }
}

/// The town's way of writing an object id.
#[must_use]
pub fn id(oid: Oid) -> ids::Oid {
    // Lower-case hexadecimal of 40 digits is what the town's type asks for, so parsing cannot fail.
    oid.to_string().parse().unwrap_or_else(|_| unreachable!("libgit2 writes ids in lower-case hexadecimal"))
}

/// The repository's way of writing one of the town's object ids.
pub fn oid(id: &ids::Oid) -> Result<Oid, GitError> {
    Oid::from_str(id.as_str()).map_err(|_| GitError::BadOid { text: id.to_string() })
}

/// Whether a branch name is an agent's or the journal's, not people's.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(limits::AGENT_BRANCH_PREFIX) || name == limits::JOURNAL_BRANCH
}

fn open_common(path: &Path) -> Result<Repository, GitError> {
    open_at(path, RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT)
}

fn open_at(path: &Path, flags: RepositoryOpenFlags) -> Result<Repository, GitError> {
    let nothing: [&std::ffi::OsStr; 0] = [];
    Repository::open_ext(path, flags, nothing).map_err(|source| match source.code() {
        ErrorCode::NotFound => GitError::NotARepository { path: path.to_owned() },
        ErrorCode::Owner => GitError::NotOwned { path: path.to_owned() },
        _ => GitError::OpenRepository { path: path.to_owned(), source },
    })
}

fn absolute(path: &Path) -> Result<PathBuf, GitError> {
    super::system::canonical(path).map_err(GitError::file("find", path))
}

fn read_machine_id(path: &Path) -> Result<Option<String>, GitError> {
    match fs::read_to_string(path) {
        Ok(text) if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(Some(text)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GitError::File { operation: "read", path: path.to_owned(), source }),
    }
}
