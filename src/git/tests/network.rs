//! What remotes answer, and how it is told apart.

use super::*;
use crate::git::remote::{PushSpec, Remote};
use crate::git::{GitError, RemoteFailure};

fn spec(local: Option<Oid>, reference: &str, lease: Option<Oid>) -> PushSpec {
    PushSpec { local, reference: reference.to_owned(), lease }
}

fn push(repo: &Repo, specs: &[PushSpec]) -> Result<Vec<bool>, GitError> {
    let remote = repo.remote("origin")?;
    remote.push(repo, specs, true, LIMIT).map(|done| done.into_iter().map(|one| one.moved).collect())
}

#[test]
fn a_push_creates_moves_deletes_and_knows_when_nothing_moved() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let first = repo.tip("refs/heads/main").unwrap().unwrap();
    let zero = Oid::ZERO_SHA1;
    assert_eq!(push(&repo, &[spec(Some(first), "refs/heads/agent/a", Some(zero))]).unwrap(), [true]);
    assert_eq!(push(&repo, &[spec(Some(first), "refs/heads/agent/a", None)]).unwrap(), [false]);
    let second = box_.save("work", "second");
    let both = [spec(Some(second), "refs/heads/agent/a", Some(first)), spec(Some(second), "refs/heads/main", None)];
    assert_eq!(push(&repo, &both).unwrap(), [true, true]);
    // Back in history, because the lease says that we know where it stood.
    assert_eq!(push(&repo, &[spec(Some(first), "refs/heads/agent/a", Some(second))]).unwrap(), [true]);
    assert_eq!(push(&repo, &[spec(None, "refs/heads/agent/a", Some(first))]).unwrap(), [true]);
    let remote = repo.remote("origin").unwrap();
    let listed = remote.list(&repo, &["refs/heads/*"], LIMIT).unwrap();
    assert_eq!(listed, [("refs/heads/main".to_owned(), second)]);
    assert_eq!(remote.list_with_head(&repo, &["HEAD"], LIMIT).unwrap().1.as_deref(), Some("main"));
    assert!(remote.push(&repo, &[], true, LIMIT).unwrap().is_empty());
}

#[test]
fn a_lost_race_is_raced_whether_by_history_or_by_lease() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let first = repo.tip("refs/heads/main").unwrap().unwrap();
    box_.git("remote.git", &["update-ref", "refs/heads/agent/a", &first.to_string()]);
    box_.git("work", &["checkout", "-q", "--orphan", "other"]);
    let other = box_.save("work", "unrelated");
    let races = [
        spec(Some(other), "refs/heads/main", None),
        spec(Some(other), "refs/heads/main", Some(other)),
        spec(Some(other), "refs/heads/agent/a", Some(Oid::ZERO_SHA1)),
        spec(None, "refs/heads/agent/a", Some(other)),
    ];
    for race in races {
        let error = push(&repo, std::slice::from_ref(&race)).unwrap_err();
        assert!(error.is_raced() && !error.is_unavailable(), "{race:?}: {error}");
    }
    // Atomic: the good half does not go out with the bad half.
    let half = [spec(Some(first), "refs/heads/new", None), spec(Some(other), "refs/heads/main", None)];
    let error = push(&repo, &half).unwrap_err();
    assert!(matches!(&error, GitError::Push { reference, .. } if reference == "refs/heads/main"), "{error}");
    assert!(box_.open("remote.git").tip("refs/heads/new").unwrap().is_none());
    // A held lock of the reference is a race, too.
    std::fs::write(box_.path("remote.git/refs/heads/held.lock"), "").unwrap();
    let error = push(&repo, &[spec(Some(first), "refs/heads/held", None)]).unwrap_err();
    assert!(error.is_raced(), "{error}");
    // A name in the place of a folder does not go away by waiting.
    let error = push(&repo, &[spec(Some(first), "refs/heads/main/below", None)]).unwrap_err();
    assert!(matches!(error.remote_failure(), Some(RemoteFailure::Refused(_))), "{error}");
}

#[test]
fn a_hook_that_declines_is_denied() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    script(&box_.path("remote.git/hooks/pre-receive"), "#!/bin/sh\necho 'not today' >&2\nexit 1\n");
    let second = box_.save("work", "second");
    let error = push(&repo, &[spec(Some(second), "refs/heads/main", None)]).unwrap_err();
    assert!(matches!(error.remote_failure(), Some(RemoteFailure::Denied(_))), "{error}");
}

#[test]
fn a_remote_that_is_gone_is_unavailable() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let first = repo.tip("refs/heads/main").unwrap().unwrap();
    std::fs::remove_dir_all(box_.path("remote.git")).unwrap();
    let remote = repo.remote("origin").unwrap();
    let wanted = ["+refs/heads/main:refs/remotes/origin/main".to_owned()];
    let errors = [
        push(&repo, &[spec(Some(first), "refs/heads/main", None)]).unwrap_err(),
        remote.fetch(&repo, &wanted, LIMIT).unwrap_err(),
        remote.list(&repo, &["refs/heads/*"], LIMIT).unwrap_err(),
        Remote::at("x", "http://127.0.0.1:1/x.git").list(&repo, &["refs/heads/*"], LIMIT).unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_unavailable(), "{error}");
    }
    assert!(matches!(repo.remote("nope"), Err(GitError::NoRemote { .. })));
}

#[test]
fn a_remote_that_never_answers_is_unavailable_in_time() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    // It accepts connections and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x.git", listener.local_addr().unwrap());
    let error = Remote::at("x", &url).list(&repo, &["refs/heads/*"], Duration::from_millis(300)).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[test]
fn the_branch_that_a_remote_has_checked_out_is_explained() {
    let box_ = Sandbox::new();
    box_.with_remote();
    box_.git("work", &["clone", "-q", ".", "../clone"]);
    let second = box_.save("clone", "second");
    let repo = box_.open("clone");
    let error = push(&repo, &[spec(Some(second), "refs/heads/main", None)]).unwrap_err();
    assert!(error.to_string().contains("receive.denyCurrentBranch updateInstead"), "{error}");
    assert!(!error.is_raced() && !error.is_unavailable());
    assert_eq!(push(&repo, &[spec(Some(second), "refs/heads/agent/a", None)]).unwrap(), [true]);
}

#[test]
fn a_fetch_brings_what_is_named_and_says_what_is_missing() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    box_.git("work", &["clone", "-q", "../remote.git", "../clone"]);
    let second = box_.save("clone", "second");
    box_.git("clone", &["tag", "v1"]);
    box_.git("clone", &["push", "-q", "origin", "main", "main:agent/a", "main:agent/b", "v1"]);
    let remote = repo.remote("origin").unwrap();
    let wanted = [
        "+refs/heads/main:refs/remotes/origin/main",
        "+refs/heads/agent/*:refs/remotes/origin/agent/*",
        "+refs/heads/monkeytown/journal:refs/remotes/origin/monkeytown/journal",
        "+refs/heads/nothing:refs/remotes/origin/nothing",
    ]
    .map(str::to_owned);
    let fetched = remote.fetch(&repo, &wanted, LIMIT).unwrap();
    let names: Vec<&str> = fetched.updated.iter().map(|(name, _)| name.as_str()).collect();
    let origin = ["refs/remotes/origin/agent/a", "refs/remotes/origin/agent/b", "refs/remotes/origin/main"];
    assert_eq!(names, origin);
    assert!(fetched.updated.iter().all(|(_, oid)| *oid == second));
    assert_eq!(fetched.missing, ["refs/heads/monkeytown/journal", "refs/heads/nothing"]);
    assert_eq!(repo.tip(origin[2]).unwrap(), Some(second));
    assert!(repo.has(second) && repo.tip("refs/tags/v1").unwrap().is_none());
    assert!(!repo.git_dir().join("FETCH_HEAD").exists() || !fetch_head(&repo).contains("agent/a"));
    // Again: nothing moves. Every folder that was used is gone.
    assert!(remote.fetch(&repo, &wanted[..2], LIMIT).unwrap().updated.is_empty());
    assert_eq!(std::fs::read_dir(repo.private_dir().unwrap().join("net")).unwrap().count(), 0);
    // Into a branch that is checked out: never.
    let error = remote.fetch(&repo, &["+refs/heads/main:refs/heads/main".to_owned()], LIMIT).unwrap_err();
    assert!(matches!(error, GitError::CheckedOut { .. }), "{error}");
}

fn fetch_head(repo: &Repo) -> String {
    std::fs::read_to_string(repo.git_dir().join("FETCH_HEAD")).unwrap()
}

#[test]
fn a_fetch_that_may_not_go_back_does_not() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    box_.git("work", &["checkout", "-q", "--orphan", "other"]);
    let other = box_.save("work", "unrelated");
    box_.git("work", &["push", "-q", "-f", "origin", "other:main"]);
    box_.git("work", &["update-ref", "refs/remotes/origin/main", "refs/heads/main"]);
    let remote = repo.remote("origin").unwrap();
    let spec = "refs/heads/main:refs/remotes/origin/main";
    let error = remote.fetch(&repo, &[spec.to_owned()], LIMIT).unwrap_err();
    assert!(error.is_raced(), "{error}");
    remote.fetch(&repo, &[format!("+{spec}")], LIMIT).unwrap();
    assert_eq!(repo.tip("refs/remotes/origin/main").unwrap(), Some(other));
}

#[test]
fn what_a_killed_process_left_is_swept_and_what_is_in_use_is_not() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let net = repo.private_dir().unwrap().join("net");
    std::fs::create_dir_all(net.join("ndead/refs")).unwrap();
    std::fs::write(net.join("ndead.lock"), "").unwrap();
    std::fs::create_dir_all(net.join("nlive/refs")).unwrap();
    let held = std::fs::File::create(net.join("nlive.lock")).unwrap();
    held.lock().unwrap();
    repo.remote("origin").unwrap().list(&repo, &["refs/heads/*"], LIMIT).unwrap();
    assert!(!net.join("ndead").exists() && !net.join("ndead.lock").exists());
    assert!(net.join("nlive/refs").exists() && net.join("nlive.lock").exists());
}

#[test]
fn a_bare_repository_and_a_linked_worktree_talk_to_remotes_too() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let first = repo.tip("refs/heads/main").unwrap().unwrap();
    box_.git("work", &["worktree", "add", "-q", "-b", "one", "../one"]);
    let one = box_.open("one");
    // Relative paths count from the working tree, as in git.
    assert_eq!(one.remote("origin").unwrap().list(&one, &["refs/heads/main"], LIMIT).unwrap().len(), 1);
    let bare = box_.open("remote.git");
    box_.init_bare("second.git");
    let second = Remote::at("second", box_.path("second.git").to_str().unwrap());
    second.push(&bare, &[spec(Some(first), "refs/heads/main", None)], true, LIMIT).unwrap();
    assert_eq!(box_.open("second.git").tip("refs/heads/main").unwrap(), Some(first));
}

#[test]
fn references_are_checked_before_git_sees_them() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let remote = repo.remote("origin").unwrap();
    for wrong in ["refs/heads/main", "a:b", "+refs/heads/*:refs/x", "refs/heads/a b:refs/x/y", "--x:refs/x/y"] {
        let error = remote.fetch(&repo, &[wrong.to_owned()], LIMIT).unwrap_err();
        assert!(matches!(error, GitError::BadReference { .. }), "{wrong}: {error}");
    }
    for wrong in ["main", "refs/heads/a..b", "--delete"] {
        let error = push(&repo, &[spec(None, wrong, None)]).unwrap_err();
        assert!(matches!(error, GitError::BadReference { .. }), "{wrong}: {error}");
    }
}
