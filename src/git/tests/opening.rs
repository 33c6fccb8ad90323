//! Opening repositories in every state that people leave them in.

use super::*;
use crate::git::GitError;
use crate::git::home::{Home, Wanted};

#[test]
fn the_default_branch_is_found_or_refused_by_name() {
    let box_ = Sandbox::new();
    box_.init("empty");
    assert!(matches!(box_.open("empty").default_branch(None, None), Err(GitError::EmptyRepository { .. })));
    assert!(box_.open("empty").facts().unwrap().empty);

    let repo = box_.with_remote();
    let branch = repo.default_branch(Some("origin"), None).unwrap();
    assert_eq!((branch.name.as_str(), branch.reference.as_str()), ("main", "refs/remotes/origin/main"));
    assert_eq!(repo.default_branch(None, None).unwrap().reference, "refs/heads/main");

    // What the remote says outranks the guesses; what is configured outranks the remote.
    box_.git("work", &["branch", "develop"]);
    box_.git("work", &["push", "-q", "origin", "develop"]);
    box_.git("work", &["remote", "set-head", "origin", "develop"]);
    assert_eq!(repo.default_branch(Some("origin"), None).unwrap().name, "develop");
    assert_eq!(repo.default_branch(Some("origin"), Some("main")).unwrap().name, "main");
    assert!(matches!(
        repo.default_branch(Some("origin"), Some("nope")),
        Err(GitError::NoDefaultBranch { tried }) if tried == ["refs/remotes/origin/nope", "refs/heads/nope"]
    ));
    // A remote HEAD that points to nothing is passed over.
    box_.git("work", &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone"]);
    assert_eq!(repo.default_branch(Some("origin"), None).unwrap().name, "main");
}

#[test]
fn the_branch_that_is_checked_out_counts_only_when_it_is_peoples() {
    let box_ = Sandbox::new();
    box_.init("r");
    box_.git("r", &["checkout", "-q", "-b", "develop"]);
    box_.save("r", "one");
    assert_eq!(box_.open("r").default_branch(None, None).unwrap().name, "develop");
    box_.git("r", &["branch", "-m", "agent/x"]);
    assert!(matches!(box_.open("r").default_branch(None, None), Err(GitError::NoDefaultBranch { .. })));
    box_.git("r", &["checkout", "-q", "--detach"]);
    let error = box_.open("r").default_branch(None, None).unwrap_err();
    assert!(error.to_string().contains("HEAD (detached)"), "{error}");
    let facts = box_.open("r").facts().unwrap();
    assert!(facts.detached && !facts.empty && facts.head.is_none());
}

#[test]
fn a_folder_below_a_bare_one_and_a_worktree_of_a_worktree_open_the_same_repository() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    box_.write("work", "a/b/c.txt", "x");
    assert_eq!(box_.open("work/a/b").workdir(), repo.workdir());

    box_.git("work", &["worktree", "add", "-q", "-b", "one", "../one"]);
    box_.git("one", &["worktree", "add", "-q", "-b", "two", "../two"]);
    let two = box_.open("two");
    assert_eq!(two.common_dir(), repo.common_dir());
    assert_eq!(two.workdir().unwrap(), box_.path("two"));
    assert_eq!(two.head_branch().unwrap().as_deref(), Some("two"));
    assert!(two.facts().unwrap().linked_worktree);
    assert_eq!(two.private_dir().unwrap(), repo.private_dir().unwrap());
    let again = two.reopen().unwrap();
    assert_eq!((again.workdir(), again.git_dir()), (two.workdir(), two.git_dir()));

    let bare = box_.open("remote.git");
    assert!(bare.facts().unwrap().bare && bare.workdir().is_none());
    assert_eq!(bare.default_branch(None, None).unwrap().reference, "refs/heads/main");
}

#[test]
fn no_repository_is_a_clear_refusal() {
    let box_ = Sandbox::new();
    std::fs::create_dir(box_.path("plain")).unwrap();
    for place in ["plain", "missing"] {
        let error = Repo::open_in(box_.path(place), box_.environment()).err().unwrap();
        assert!(matches!(error, GitError::NotARepository { .. }), "{error}");
    }
}

#[test]
fn a_machine_keeps_its_name_and_a_damaged_one_is_replaced() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let id = repo.machine_id().unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(box_.open("r").machine_id().unwrap(), id);
    std::fs::write(repo.private_dir().unwrap().join("machine-id"), "short").unwrap();
    let new = repo.machine_id().unwrap();
    assert!(new.len() == 32 && new != id);
    assert_eq!(repo.machine_id().unwrap(), new);
}

#[test]
fn a_lock_is_held_by_one_and_free_after_it() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let guard = repo.lock("runs").unwrap().unwrap();
    assert!(box_.open("r").lock("runs").unwrap().is_none());
    assert!(repo.lock("other").unwrap().is_some());
    // As a child has it that was just forked.
    let inherited = guard.file.try_clone().unwrap();
    drop(guard);
    assert!(repo.lock("runs").unwrap().is_some());
    drop(inherited);
    assert!(repo.lock("../x").is_err() && repo.lock("").is_err());
}

#[test]
fn what_the_remote_calls_its_head_is_home_also_where_a_runner_made_the_clone() {
    let box_ = Sandbox::new();
    box_.with_remote();
    box_.git("work", &["checkout", "-q", "-b", "develop"]);
    box_.write("work", crate::town::limits::TOWN_FILE, "name: shop\n");
    box_.save("work", "a town");
    box_.git("work", &["push", "-q", "origin", "develop"]);
    box_.git("remote.git", &["symbolic-ref", "HEAD", "refs/heads/develop"]);
    // One commit and no origin/HEAD; the branch with the usual name is there as well.
    box_.init("job");
    box_.git("job", &["remote", "add", "origin", box_.path("remote.git").to_str().unwrap()]);
    box_.git("job", &["fetch", "-q", "--depth=1", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
    box_.git("job", &["checkout", "-q", "--detach", "refs/remotes/origin/develop"]);
    let home = Home::open(box_.open("job"), &Wanted::Auto, None).unwrap();
    assert_eq!((home.branch.as_str(), home.remote.is_some()), ("develop", true));
    // What is configured outranks it, and there is no town on that branch, nor such a branch in this clone.
    assert!(Home::open(box_.open("job"), &Wanted::Auto, Some("main")).is_err());
}
