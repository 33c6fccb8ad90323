//! Tests of this room on real temporary repositories.
//! Lives here: the fixture (no configuration of the user's, fixed author and time) and one file per subject.

#![allow(clippy::unwrap_used)]

mod advancing;
mod branches;
mod bundles;
mod changes_of_specs;
mod hostile;
mod locks;
mod merging;
mod network;
mod opening;
mod shallow;
mod trees;
mod workspaces;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use git2::Oid;
use tempfile::TempDir;

use super::program::Environment;
use super::repo::Repo;

/// Long enough for a slow machine, short enough for a test that hangs to fail.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// A temporary folder in which repositories live.
pub(super) struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub fn environment(&self) -> Environment {
        Environment::isolated(path_variable(), self.dir.path())
    }

    /// Runs git in `name` and returns what it printed; it must succeed.
    pub fn git(&self, name: &str, args: &[&str]) -> String {
        let (ok, said) = self.try_git(name, args);
        assert!(ok, "git {args:?}: {said}");
        said
    }

    pub fn try_git(&self, name: &str, args: &[&str]) -> (bool, String) {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.path(name))
            .env_clear()
            .envs([
                ("PATH", path_variable().as_str()),
                ("HOME", self.dir.path().to_str().unwrap()),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_AUTHOR_NAME", "Ada"),
                ("GIT_AUTHOR_EMAIL", "ada@example.invalid"),
                ("GIT_COMMITTER_NAME", "Ada"),
                ("GIT_COMMITTER_EMAIL", "ada@example.invalid"),
                ("GIT_AUTHOR_DATE", "1795000000 +0000"),
                ("GIT_COMMITTER_DATE", "1795000000 +0000"),
                ("LC_ALL", "C"),
            ])
            .output()
            .unwrap();
        let text = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8_lossy(&text).trim_end().to_owned())
    }

    /// A new repository with a working tree and no commit.
    pub fn init(&self, name: &str) -> Repo {
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        git2::Repository::init_opts(self.path(name), &options).unwrap();
        self.open(name)
    }

    /// A new bare repository.
    pub fn init_bare(&self, name: &str) -> Repo {
        std::fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "-q", "--bare", "-b", "main", "."]);
        self.open(name)
    }

    /// A repository with one commit on main, a bare `remote.git` beside it and `origin` set up.
    pub fn with_remote(&self) -> Repo {
        self.init_bare("remote.git");
        self.init("work");
        self.write("work", "README.md", "hello\n");
        self.save("work", "first");
        self.git("work", &["remote", "add", "origin", "../remote.git"]);
        self.git("work", &["push", "-q", "origin", "main"]);
        self.git("work", &["fetch", "-q"]);
        self.open("work")
    }

    pub fn open(&self, name: &str) -> Repo {
        Repo::open_in(self.path(name), self.environment()).unwrap()
    }

    pub fn write(&self, name: &str, file: &str, text: &str) {
        let path = self.path(name).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits everything in the working tree.
    pub fn save(&self, name: &str, message: &str) -> Oid {
        self.git(name, &["add", "-A"]);
        self.git(name, &["commit", "-q", "--allow-empty", "-m", message]);
        self.rev(name, "HEAD")
    }

    pub fn rev(&self, name: &str, revision: &str) -> Oid {
        self.git(name, &["rev-parse", revision]).parse().unwrap()
    }
}

#[allow(clippy::disallowed_methods, reason = "the tests need the programs of this machine")]
fn path_variable() -> String {
    std::env::var("PATH").unwrap()
}

/// Makes a script that can be run.
pub(super) fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
