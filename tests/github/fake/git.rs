//! The real repository behind the fake: a bare one, and what the `git` program of this machine does to it.
//!
//! Lives here: every git command but the smart HTTP, with names, moments and configuration that depend on nothing
//! around it. Never here: what a pull request is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Utc};

const SETTINGS: &[(&str, &str)] = &[
    ("http.receivepack", "true"),
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowTipSHA1InWant", "true"),
    ("uploadpack.allowReachableSHA1InWant", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    // Read by everybody, written by the fake alone.
    ("receive.hideRefs", "refs/pull"),
    ("receive.autogc", "false"),
    ("gc.auto", "0"),
];

/// Who made a commit, and when.
#[derive(Clone, Debug)]
pub struct Signature {
    pub name: String,
    pub email: String,
    pub at: DateTime<Utc>,
}

/// A commit as the API shows it.
#[derive(Clone, Debug)]
pub struct Commit {
    pub sha: String,
    pub tree: String,
    pub parents: Vec<String>,
    pub author: Signature,
    pub committer: Signature,
    pub message: String,
}

/// A changed file as the API shows it.
#[derive(Clone, Debug)]
pub struct Changed {
    pub path: String,
    pub before: Option<String>,
    pub status: &'static str,
    pub blob: Option<String>,
    pub additions: u64,
    pub deletions: u64,
    pub patch: Option<String>,
}

/// A bare repository below a folder of its own.
#[derive(Clone, Debug)]
pub struct Bare {
    /// The folder that `git http-backend` serves.
    pub root: PathBuf,
    /// The repository.
    pub dir: PathBuf,
}

impl Bare {
    /// Makes `<root>/<owner>/<name>.git`, without a commit.
    pub fn create(root: &Path, owner: &str, name: &str) -> Bare {
        let bare = Bare { root: root.to_path_buf(), dir: root.join(owner).join(format!("{name}.git")) };
        fs::create_dir_all(&bare.dir).unwrap();
        bare.git(&["init", "--quiet", "--bare", "--initial-branch=main", "."]);
        for (key, value) in SETTINGS {
            bare.git(&["config", key, value]);
        }
        for (hook, text) in
            [("update", include_str!("hooks/update")), ("pre-receive", include_str!("hooks/pre-receive"))]
        {
            let path = bare.dir.join("hooks").join(hook);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        bare
    }

    /// The git program in this repository, deaf to the configuration and the environment of whoever runs the tests.
    pub fn command(&self) -> Command {
        let mut command = Command::new("git");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"] {
            command.env_remove(variable);
        }
        command
            .current_dir(&self.dir)
            .env("HOME", &self.root)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C");
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command().args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// What a command prints, without the last line break; it must succeed.
    pub fn git(&self, args: &[&str]) -> String {
        self.answer(args).unwrap_or_else(|said| panic!("git {}: {said}", args.join(" ")))
    }

    /// The same for one that may fail.
    fn answer(&self, args: &[&str]) -> Result<String, String> {
        let output = self.output(args);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
    }

    fn feed(&self, args: &[&str], input: &[u8], env: &[(&str, &str)]) -> String {
        let mut child = self
            .command()
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {}", args.join(" "));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The branches and where they stand.
    pub fn branches(&self) -> BTreeMap<String, String> {
        let listed = self.git(&["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/"]);
        listed.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    /// Where a branch stands.
    pub fn tip(&self, branch: &str) -> Option<String> {
        self.answer(&["rev-parse", "-q", "--verify", &format!("refs/heads/{branch}^{{commit}}")]).ok()
    }

    /// Sets a ref, whatever it was.
    pub fn set(&self, name: &str, sha: &str) {
        self.git(&["update-ref", name, sha]);
    }

    /// Removes a ref.
    pub fn remove(&self, name: &str) {
        self.git(&["update-ref", "-d", name]);
    }

    /// Takes over all branches of another repository.
    pub fn take(&self, from: &Path) {
        self.git(&["fetch", "--quiet", &from.to_string_lossy(), "+refs/heads/*:refs/heads/*"]);
    }

    /// The branch that a repository has checked out, or would.
    pub fn head_of(&self, repository: &Path) -> String {
        self.git(&["-C", &repository.to_string_lossy(), "symbolic-ref", "--short", "HEAD"])
    }

    /// What a file says in a commit.
    pub fn file(&self, at: &str, path: &str) -> Option<String> {
        let output = self.output(&["cat-file", "blob", &format!("{at}:{path}")]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether everything in `commit` is in `of`.
    pub fn is_ancestor(&self, commit: &str, of: &str) -> bool {
        self.output(&["merge-base", "--is-ancestor", commit, of]).status.success()
    }

    /// Where two histories part.
    pub fn merge_base(&self, one: &str, other: &str) -> Option<String> {
        self.answer(&["merge-base", one, other]).ok()
    }

    /// The tree of a merge without conflicts; with `base` instead of the merge base.
    pub fn merge_tree(&self, base: Option<&str>, ours: &str, theirs: &str) -> Option<String> {
        let base = base.map(|base| format!("--merge-base={base}"));
        let mut args = vec!["merge-tree", "--write-tree", "--no-messages"];
        args.extend(base.as_deref());
        args.extend([ours, theirs]);
        self.answer(&args).ok().filter(|tree| !tree.contains('\n'))
    }

    /// Writes a commit.
    pub fn commit(&self, tree: &str, parents: &[&str], message: &str, by: &Signature, with: &Signature) -> String {
        let mut args = vec!["commit-tree", tree];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        let (authored, committed) = (by.at.timestamp().to_string(), with.at.timestamp().to_string());
        let (authored, committed) = (format!("{authored} +0000"), format!("{committed} +0000"));
        let env = [
            ("GIT_AUTHOR_NAME", by.name.as_str()),
            ("GIT_AUTHOR_EMAIL", by.email.as_str()),
            ("GIT_AUTHOR_DATE", authored.as_str()),
            ("GIT_COMMITTER_NAME", with.name.as_str()),
            ("GIT_COMMITTER_EMAIL", with.email.as_str()),
            ("GIT_COMMITTER_DATE", committed.as_str()),
        ];
        self.feed(&args, message.as_bytes(), &env)
    }

    /// The tree of a commit with one file written, or removed where there is no content.
    pub fn tree_with(&self, commit: Option<&str>, path: &str, content: Option<&[u8]>) -> String {
        let folder = tempfile::tempdir_in(&self.root).unwrap();
        let index = folder.path().join("index");
        let env = [("GIT_INDEX_FILE", index.to_str().unwrap())];
        match commit {
            Some(commit) => self.feed(&["read-tree", commit], b"", &env),
            None => self.feed(&["read-tree", "--empty"], b"", &env),
        };
        match content {
            Some(content) => {
                let blob = self.feed(&["hash-object", "-w", "--stdin"], content, &[]);
                let entry = format!("100644,{blob},{path}");
                self.feed(&["update-index", "--add", "--cacheinfo", &entry], b"", &env)
            }
            None => self.feed(&["update-index", "--force-remove", "--", path], b"", &env),
        };
        self.feed(&["write-tree"], b"", &env)
    }

    /// The commits of `head` that are not in `base`, oldest first.
    pub fn commits(&self, base: &str, head: &str) -> Vec<Commit> {
        let format = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x01";
        let listed = self.git(&["log", "--reverse", "--topo-order", format, &format!("{base}..{head}")]);
        listed
            .split('\x01')
            .map(|entry| entry.trim_start_matches('\n'))
            .filter(|entry| !entry.is_empty())
            .map(commit)
            .collect()
    }

    /// What `head` changed since `base`, renames found.
    pub fn changes(&self, base: &str, head: &str) -> Vec<Changed> {
        let raw = self.git(&["diff", "--raw", "-z", "-M", "--no-abbrev", base, head]);
        let mut parts = raw.split('\0').filter(|part| !part.is_empty());
        let mut found = Vec::new();
        while let Some(entry) = parts.next() {
            let words: Vec<&str> = entry.split(' ').collect();
            let renamed = words[4].starts_with(['R', 'C']);
            let before = if renamed { parts.next().map(str::to_owned) } else { None };
            let path = parts.next().unwrap().to_owned();
            let status = match &words[4][..1] {
                "A" => "added",
                "D" => "removed",
                "R" => "renamed",
                "C" => "copied",
                _ => "modified",
            };
            let blob = words[if status == "removed" { 2 } else { 3 }].to_owned();
            let mut paths = vec!["diff", "-M", base, head, "--", path.as_str()];
            paths.extend(before.as_deref());
            let patch = self.git(&paths);
            let hunks = patch.find("\n@@").map(|at| patch[at + 1..].to_owned());
            let lines = |sign: char| {
                let lines = hunks.iter().flat_map(|hunks| hunks.lines());
                lines.filter(|line| line.starts_with(sign)).count() as u64
            };
            let (additions, deletions) = (lines('+'), lines('-'));
            found.push(Changed { path, before, status, blob: Some(blob), additions, deletions, patch: hunks });
        }
        found
    }
}

fn commit(entry: &str) -> Commit {
    let parts: Vec<&str> = entry.split('\0').collect();
    let signature = |at: usize| Signature {
        name: parts[at].to_owned(),
        email: parts[at + 1].to_owned(),
        at: DateTime::from_timestamp(parts[at + 2].parse().unwrap(), 0).unwrap(),
    };
    Commit {
        sha: parts[0].to_owned(),
        tree: parts[1].to_owned(),
        parents: parts[2].split_whitespace().map(str::to_owned).collect(),
        author: signature(3),
        committer: signature(6),
        message: parts[9].trim_end_matches('\n').to_owned(),
    }
}
