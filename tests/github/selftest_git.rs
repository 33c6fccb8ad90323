//! The fake holds what it promises to the git program: fetch, push, and every way in which a push fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fake::{ACTIONS, Cut, FakeGithub, Grants};

/// A clone of the fake's repository.
struct Clone {
    folder: TempDir,
    url: String,
}

/// The address with a token in it.
fn with(url: &str, token: &str) -> String {
    url.replace("http://", &format!("http://x-access-token:{token}@"))
}

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.version=2"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

impl Clone {
    fn of(fake: &FakeGithub, options: &[&str]) -> Clone {
        let folder = tempfile::tempdir().unwrap();
        let url = fake.clone_url();
        let args = [&["clone", "--quiet"], options, &[url.as_str(), "town"]].concat();
        let output = run(folder.path(), &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Clone { folder, url }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("town")
    }

    fn git(&self, args: &[&str]) -> String {
        let output = run(&self.dir(), args);
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A commit of one file on top of what is checked out.
    fn commit(&self, path: &str, content: &str) -> String {
        let file = self.dir().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", "Write it"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Whether a push went through, and all that git said.
    fn push(&self, token: Option<&str>, refs: &[&str]) -> (bool, String) {
        let url = token.map_or(self.url.clone(), |token| with(&self.url, token));
        let output = run(&self.dir(), &[&["push", "--porcelain", url.as_str()], refs].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

#[test]
fn anybody_fetches_and_a_token_pushes() {
    let fake = FakeGithub::start();
    for n in 0..3 {
        fake.commit_on_branch("main", "ada", "count.md", &format!("{n}\n"));
    }
    let shallow = Clone::of(&fake, &["--depth", "1"]);
    assert_eq!(shallow.git(&["rev-list", "--count", "HEAD"]), "1");
    shallow.git(&["fetch", "--quiet", "--deepen", "1"]);
    assert_eq!(shallow.git(&["rev-list", "--count", "HEAD"]), "2");
    // A commit by its name, and without blobs.
    let first =
        Clone::of(&fake, &["--filter=blob:none", "--no-checkout"]).git(&["rev-list", "--max-parents=0", "HEAD"]);
    shallow.git(&["fetch", "--quiet", "--depth", "1", "origin", &first]);
    shallow.commit("notes/one.md", "One line.\n");
    for (token, words) in [
        (None, "could not read Username"),
        (Some("wrong"), "Authentication failed"),
        (Some(fake.read_token()), "Permission to acme/smalltown.git denied to github-actions[bot]"),
    ] {
        let (pushed, said) = shallow.push(token, &["HEAD:refs/heads/agent/ada"]);
        assert!(!pushed && said.contains(words), "{token:?}: {said}");
    }
    let (pushed, said) = shallow.push(Some(fake.token()), &["HEAD:refs/heads/agent/ada"]);
    assert!(pushed, "{said}");
    assert_eq!(fake.tip("agent/ada"), Some(shallow.git(&["rev-parse", "HEAD"])));
    let pushes: Vec<_> = fake
        .requests()
        .into_iter()
        .filter(|seen| seen.path.ends_with("/git-receive-pack") && seen.status == Some(200))
        .collect();
    assert_eq!(pushes.len(), 1);
    assert_eq!(pushes[0].token.as_deref(), Some("actions"));
    fake.private(true);
    assert!(!run(shallow.folder.path(), &["ls-remote", &shallow.url]).status.success());
    assert!(run(shallow.folder.path(), &["ls-remote", &with(&shallow.url, fake.read_token())]).status.success());
}

#[test]
fn a_large_push_goes_through() {
    let fake = FakeGithub::start();
    let clone = Clone::of(&fake, &[]);
    // More than git sends in one piece, and nothing that packs well.
    let mut noise = vec![0; 3 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    std::fs::write(clone.dir().join("noise.bin"), &noise).unwrap();
    let head = clone.commit("notes/one.md", "One line.\n");
    let (pushed, said) = clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/ada"]);
    assert!(pushed, "{said}");
    assert_eq!(fake.tip("agent/ada"), Some(head));
    let files = crate::http::Client::new(&format!("{}/repos/{}", fake.api_url(), fake.slug()), None);
    let number = fake.open_pull(ACTIONS, "agent/ada", "Add noise", "");
    let listed = files.get(&format!("/pulls/{number}/files")).json();
    // What is not text has no patch.
    assert_eq!((&listed[0]["filename"], listed[0].get("patch")), (&"noise.bin".into(), None));
    assert_eq!((&listed[1]["status"], &listed[1]["additions"]), (&"added".into(), &1.into()));
}

#[test]
fn a_push_is_refused_branch_by_branch() {
    let fake = FakeGithub::start();
    fake.protect("main");
    let clone = Clone::of(&fake, &[]);
    clone.commit("notes/one.md", "One line.\n");
    let (pushed, said) = clone.push(Some(fake.token()), &["HEAD:refs/heads/main", "HEAD:refs/heads/agent/ada"]);
    assert!(!pushed);
    assert!(said.contains("remote: error: GH006: Protected branch update failed for refs/heads/main."), "{said}");
    assert!(said.contains("[remote rejected] (protected branch hook declined)"), "{said}");
    // The other branch has moved.
    assert_eq!(fake.tip("agent/ada"), Some(clone.git(&["rev-parse", "HEAD"])));
    let (pushed, said) = clone.push(Some(fake.token()), &["HEAD:refs/pull/1/head"]);
    assert!(!pushed && said.contains("deny updating a hidden ref"), "{said}");
}

#[test]
fn workflows_need_their_own_permission() {
    let fake = FakeGithub::start();
    let clone = Clone::of(&fake, &[]);
    clone.git(&["checkout", "--quiet", "-b", "plain"]);
    clone.commit("notes/one.md", "One line.\n");
    clone.git(&["checkout", "--quiet", "-b", "flow", "main"]);
    clone.commit(".github/workflows/town.yml", "on: push\n");
    let words = "refusing to allow a GitHub App to create or update workflow `.github/workflows/town.yml` without \
                 `workflows` permission";
    let (pushed, said) = clone.push(Some(fake.token()), &["flow"]);
    assert!(!pushed && said.contains(&format!("[remote rejected] ({words})")), "{said}");
    let (pushed, _) = clone.push(Some(fake.token()), &["plain:refs/heads/early"]);
    assert!(pushed);
    // What stands on the default branch already is no change.
    fake.commit_on_branch("main", "ada", ".github/workflows/town.yml", "on: push\n");
    let (pushed, said) = clone.push(Some(fake.token()), &["flow"]);
    assert!(pushed, "{said}");
    // A stale base is one, for a branch that is new.
    fake.delete_branch("early", "ada");
    let (pushed, said) = clone.push(Some(fake.token()), &["plain"]);
    assert!(!pushed && said.contains(words), "{said}");
    let person = fake.add_token("person", "ada", Grants::ALL);
    let (pushed, said) = clone.push(Some(&person), &["plain"]);
    assert!(pushed, "{said}");
}

#[test]
fn pull_requests_follow_their_branches() {
    let fake = FakeGithub::start();
    let clone = Clone::of(&fake, &[]);
    let first = clone.commit("notes/one.md", "One line.\n");
    assert!(clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/ada"]).0);
    let number = fake.open_pull(ACTIONS, "agent/ada", "Write one", "");
    fake.set_head_lag(2);
    let second = clone.commit("notes/two.md", "Two lines.\n");
    assert!(clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/ada"]).0);
    assert_eq!(fake.pull(number).head, second);
    let api = crate::http::Client::new(&format!("{}/repos/{}", fake.api_url(), fake.slug()), None);
    let heads = [0; 3].map(|_| api.get("/pulls/1").json()["head"]["sha"].as_str().unwrap().to_owned());
    assert_eq!(heads, [first.clone(), first, second.clone()]);
    // Pushing the head to the base merges it.
    let person = fake.add_token("person", "grace", Grants::ALL);
    assert!(clone.push(Some(&person), &["HEAD:refs/heads/main"]).0);
    let pull = fake.pull(number);
    assert_eq!((pull.state, pull.closed_by.as_deref(), pull.merge_sha), ("merged", Some("grace"), Some(second)));
    // Deleting the branch of another closes that.
    clone.commit("notes/three.md", "Three lines.\n");
    assert!(clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/eve"]).0);
    let other = fake.open_pull(ACTIONS, "agent/eve", "Write three", "");
    assert!(clone.push(Some(&person), &[":refs/heads/agent/eve"]).0);
    assert_eq!((fake.pull(other).state, fake.pull(other).closed_by.as_deref()), ("closed", Some("grace")));
    // So does putting it back to where nothing is left.
    assert!(clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/kim"]).0);
    let third = fake.open_pull(ACTIONS, "agent/kim", "Write three", "");
    assert!(clone.push(Some(fake.token()), &["+HEAD~1:refs/heads/agent/kim"]).0);
    assert_eq!(fake.pull(third).state, "closed");
}

#[test]
fn a_push_dies_before_or_after_the_refs_moved() {
    let fake = FakeGithub::start();
    let clone = Clone::of(&fake, &[]);
    let head = clone.commit("notes/one.md", "One line.\n");
    for (cut, tip) in [(Cut::BeforeRefs, None), (Cut::AfterRefs, Some(head))] {
        fake.die_mid_push(cut, 1);
        let (pushed, said) = clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/ada"]);
        assert!(!pushed, "{cut:?}: {said}");
        assert_eq!(fake.tip("agent/ada"), tip, "{cut:?}");
    }
    fake.down(true);
    let (pushed, said) = clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/eve"]);
    assert!(!pushed && said.contains("503"), "{said}");
    fake.down(false);
    assert!(clone.push(Some(fake.token()), &["HEAD:refs/heads/agent/eve"]).0);
}

#[test]
fn a_repository_of_this_machine_is_taken_over() {
    let source = tempfile::tempdir().unwrap();
    run(source.path(), &["init", "--quiet", "--initial-branch=trunk", "."]);
    run(source.path(), &["commit", "--quiet", "--allow-empty", "-m", "Begin"]);
    let fake = FakeGithub::start_from(source.path());
    let clone = Clone::of(&fake, &[]);
    assert_eq!(clone.git(&["branch", "--show-current"]), "trunk");
    let api = crate::http::Client::new(&fake.api_url(), None);
    assert_eq!(api.get("/repos/acme/smalltown").json()["default_branch"], "trunk");
}
