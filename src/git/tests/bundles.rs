//! Bundles that nobody vouches for: which `git` may take one in, and how much of it.

use crate::git::bundle;
use crate::git::errors::GitError;
use crate::git::net::Net;
use crate::git::repo::Repo;

use super::{LIMIT, Sandbox, path_variable, script};

const NAME: &str = "refs/monkeytown/checkpoints/a";
const INTO: &str = "refs/monkeytown/incoming/a";

/// A repository, and a bundle of one commit beside it.
fn with_bundle(box_: &Sandbox) -> Repo {
    box_.init("r");
    box_.write("r", "a.txt", "a\n");
    let tip = box_.save("r", "first");
    box_.git("r", &["update-ref", NAME, &tip.to_string()]);
    let repo = box_.open("r");
    bundle::write(&repo, &box_.path("a.bundle"), NAME, tip, None).unwrap();
    repo
}

/// The repository as a machine sees it whose `git` says that it is of another version.
fn with_git(box_: &Sandbox, said: &str) -> Repo {
    let real =
        path_variable().split(':').map(|dir| format!("{dir}/git")).find(|git| std::path::Path::new(git).exists());
    let text =
        format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo '{said}'; else exec {} \"$@\"; fi\n", real.unwrap());
    script(&box_.path("bin/git"), &text);
    let path = format!("{}:{}", box_.path("bin").display(), path_variable());
    Repo::open_in(box_.path("r"), box_.environment().with("PATH", path)).unwrap()
}

#[test]
fn a_git_that_does_not_check_bundles_takes_none_in() {
    let box_ = Sandbox::new();
    with_bundle(&box_);
    for said in ["git version 2.39.5 (Apple Git-154)", "git version 2.45.9", "something else"] {
        let old = with_git(&box_, said);
        let error = bundle::read(&old, &box_.path("a.bundle"), NAME, INTO).unwrap_err();
        assert!(matches!(error, GitError::OldGit { .. }), "{error:?}");
        let told = error.to_string();
        assert!(told.contains(said.trim_start_matches("git version ")) && told.contains("install git 2.46"), "{told}");
        assert_eq!(old.tip(INTO).unwrap(), None);
    }
    let new = with_git(&box_, "git version 2.46.0.windows.1");
    let tip = bundle::read(&new, &box_.path("a.bundle"), NAME, INTO).unwrap();
    assert_eq!(new.tip(INTO).unwrap(), Some(tip));
}

#[test]
fn a_git_that_is_bounded_ends_instead_of_taking_more() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    box_.write("r", "a.txt", &"a".repeat(8 * 1024 * 1024));
    box_.save("r", "first");
    let net = Net::new(&repo).unwrap();
    let args = ["grep".to_owned(), "-q".to_owned(), "a".to_owned(), box_.rev("r", "HEAD").to_string()];
    for (most, code) in [(None, 0), (Some(64 * 1024 * 1024), 0), (Some(1024 * 1024), 128)] {
        let output = net.git_bounded(&args, &[], most, LIMIT).unwrap();
        assert_eq!(output.code, Some(code), "{most:?}: {}", output.stderr);
    }
}
