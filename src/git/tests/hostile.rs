//! A repository that wants something to run on our machine. Nothing of it runs.

use super::*;
use crate::git::GitError;
use crate::git::remote::{Deepen, PushSpec, Remote};

/// A repository in which everything that git can be made to run writes a file called `canary`.
fn trapped(box_: &Sandbox) -> (Repo, PathBuf) {
    box_.with_remote();
    let canary = box_.path("canary");
    let trap = box_.path("trap.sh");
    script(&trap, &format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\nexit 0\n", canary.display()));
    let trap = trap.to_str().unwrap();
    let hooks = "pre-commit commit-msg post-commit pre-push post-checkout post-merge reference-transaction \
                 post-index-change fsmonitor-watchman pre-auto-gc post-rewrite pre-receive update post-receive";
    for hook in hooks.split_whitespace() {
        script(&box_.path(&format!("work/.git/hooks/{hook}")), &std::fs::read_to_string(trap).unwrap());
    }
    box_.write("work", ".gitattributes", "* filter=evil diff=evil merge=evil\n");
    box_.write("work", "evil.txt", "one\n");
    // Committed with git's own plumbing kept quiet: the traps are set only afterwards.
    box_.git("work", &["-c", "core.hooksPath=/dev/null", "add", "-A"]);
    box_.git("work", &["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "evil"]);
    let url = box_.path("remote.git");
    let remote_section =
        format!("\tuploadpack = {trap}\n\treceivepack = {trap}\n\tvcs = trap\n\tproxy = {trap}\n\tpromisor = true\n");
    let config = format!(
        "[core]\n\tfsmonitor = {trap}\n\tsshCommand = {trap}\n\taskPass = {trap}\n\tpager = {trap}\n\teditor = {trap}\n\
         \tgitProxy = {trap}\n\talternateRefsCommand = {trap}\n\
         [filter \"evil\"]\n\tclean = {trap}\n\tsmudge = {trap}\n\tprocess = {trap}\n\trequired = true\n\
         [diff]\n\texternal = {trap}\n[diff \"evil\"]\n\ttextconv = {trap}\n\tcommand = {trap}\n\
         [merge \"evil\"]\n\tdriver = {trap}\n[gpg]\n\tprogram = {trap}\n[commit]\n\tgpgSign = true\n\
         [push]\n\tgpgSign = true\n[credential]\n\thelper = !{trap}\n[alias]\n\tfetch = !{trap}\n\tpush = !{trap}\n\
         [uploadpack]\n\tpackObjectsHook = {trap}\n[sequence]\n\teditor = {trap}\n\
         [remote \"origin\"]\n{remote_section}[remote \"{}\"]\n{remote_section}[includeIf \"gitdir:/\"]\n\tpath = {}\n",
        url.display(),
        box_.path("included").display(),
    );
    std::fs::write(box_.path("included"), format!("[core]\n\tfsmonitor = {trap}\n\tsshCommand = {trap}\n")).unwrap();
    let path = box_.path("work/.git/config");
    let old = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, old + &config).unwrap();
    (box_.open("work"), canary)
}

#[test]
fn nothing_of_a_hostile_repository_runs() {
    let box_ = Sandbox::new();
    let (mut repo, canary) = trapped(&box_);
    let head = repo.head_commit().unwrap().unwrap();
    let remote = repo.remote("origin").unwrap();
    repo.facts().unwrap();
    repo.default_branch(Some("origin"), None).unwrap();

    let wanted = ["+refs/heads/*:refs/remotes/origin/*".to_owned()];
    remote.fetch(&repo, &wanted, LIMIT).unwrap();
    remote.list(&repo, &["refs/heads/*"], LIMIT).unwrap();
    let spec = PushSpec { local: Some(head), reference: "refs/heads/main".into(), lease: None };
    assert!(remote.push(&repo, &[spec], true, LIMIT).unwrap()[0].moved);
    remote.deepen(&mut repo, &wanted, Deepen::Full, LIMIT).unwrap();

    let blob = repo.write_blob(b"two\n").unwrap();
    let change = |name: &str| {
        let change = Some((crate::town::changeset::Mode::File, blob));
        repo.tree_with(Some(repo.tree_of(head).unwrap()), &[(name.to_owned(), change)].into()).unwrap()
    };
    let (ours, theirs) = (change("evil.txt"), change("other.txt"));
    repo.merge_trees(Some(repo.tree_of(head).unwrap()), ours, theirs).unwrap();
    repo.proposal(head, head, &[]).unwrap();
    repo.set_reference("refs/heads/agent/a", head, None, "test").unwrap();

    // The trap does snap, so the silence above means something.
    assert!(!canary.exists(), "{}", std::fs::read_to_string(&canary).unwrap());
    box_.try_git("work", &["status"]);
    assert!(canary.exists());
}

#[test]
fn urls_that_would_run_something_are_refused() {
    let box_ = Sandbox::new();
    let repo = box_.with_remote();
    let canary = box_.path("canary");
    let inside = box_.path("work/.git");
    let hostile = [
        format!("ext::touch {}", canary.display()),
        format!("ext://touch {}", canary.display()),
        "fd::7".to_owned(),
        "--upload-pack=touch".to_owned(),
        "-oProxyCommand=touch".to_owned(),
        "ssh://-oProxyCommand=touch/x".to_owned(),
        "trap::http://example.invalid/x".to_owned(),
        "https://example.invalid/x\n[core]".to_owned(),
    ];
    for url in hostile {
        let error = Remote::at("x", &url).list(&repo, &["refs/heads/*"], LIMIT).unwrap_err();
        assert!(matches!(error, GitError::BadUrl { .. }), "{url}: {error}");
    }
    // A push into the repository itself would run the hooks that lie in it.
    let head = repo.head_commit().unwrap();
    for url in [inside.display().to_string(), format!("file://{}", inside.display()), ".".to_owned()] {
        let spec = PushSpec { local: head, reference: "refs/heads/x".into(), lease: None };
        let error = Remote::at("x", &url).push(&repo, &[spec], true, LIMIT).unwrap_err();
        assert!(matches!(error, GitError::BadUrl { .. }), "{url}: {error}");
    }
    assert!(!canary.exists());
}

#[test]
fn what_runs_on_the_users_own_word_is_the_users_and_a_stored_header_goes_along_unseen() {
    use std::io::{Read, Write};
    let box_ = Sandbox::new();
    box_.with_remote();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x.git", listener.local_addr().unwrap());
    let header = format!("AUTHORIZATION: basic {}", "d29yZA==");
    // As continuous-integration checkouts store it: in a file that an includeIf names.
    box_.git("work", &["config", "-f", "../stored", &format!("http.{url}.extraheader"), &header]);
    let stored = box_.path("stored");
    let condition = format!("includeIf.gitdir:{}.path", box_.path("work/.git").display());
    box_.git("work", &["config", &condition, stored.to_str().unwrap()]);
    let repo = box_.open("work");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0_u8; 4096];
        let count = stream.read(&mut heard).unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&heard[..count]).into_owned()
    });
    let error = Remote::at("x", &url).list(&repo, &["refs/heads/*"], LIMIT).unwrap_err();
    assert!(server.join().unwrap().contains(&header));
    assert!(matches!(error.remote_failure(), Some(crate::git::RemoteFailure::Denied(_))), "{error}");
}
