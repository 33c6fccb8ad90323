//! A human's merge in their own clone: their work is never overwritten, and `git status` is clean afterwards.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use super::*;
use crate::git::GitError;
use crate::git::objects::NewCommit;
use crate::town::changeset::Mode;

/// A clone whose main has files of every kind, and a commit that changes each of them.
fn ready(box_: &Sandbox) -> (Repo, Oid, Oid) {
    let repo = box_.init("r");
    box_.write("r", "kept.txt", "kept\n");
    box_.write("r", "changed.txt", "old\n");
    box_.write("r", "gone/away.txt", "bye\n");
    box_.write("r", "file-to-folder", "x\n");
    box_.write("r", "folder-to-file/inner", "x\n");
    symlink("kept.txt", box_.path("r/link")).unwrap();
    let old = box_.save("r", "old");
    let blob = |text: &str| repo.write_blob(text.as_bytes()).unwrap();
    let changes = BTreeMap::from([
        ("changed.txt".to_owned(), Some((Mode::Executable, blob("new\n")))),
        ("gone/away.txt".to_owned(), None),
        ("new/deep/file.txt".to_owned(), Some((Mode::File, blob("hello\n")))),
        ("file-to-folder/inner".to_owned(), Some((Mode::File, blob("y\n")))),
        ("folder-to-file".to_owned(), Some((Mode::File, blob("y\n")))),
        ("link".to_owned(), Some((Mode::Link, blob("changed.txt")))),
    ]);
    let tree = repo.tree_with(Some(repo.tree_of(old).unwrap()), &changes).unwrap();
    let author = crate::git::propose::author(&"madchimp".parse().unwrap());
    let new = NewCommit { parents: &[old], message: "new", author: &author, seconds: 1_795_000_000 };
    let new = repo.commit(tree, &new).unwrap();
    (repo, old, new)
}

fn is_clean_at(box_: &Sandbox, commit: Oid) {
    assert_eq!(box_.rev("r", "HEAD"), commit);
    assert_eq!(box_.git("r", &["status", "--porcelain", "--ignored"]), "");
    // Also when git trusts no remembered time.
    box_.git("r", &["update-index", "--really-refresh"]);
    assert_eq!(box_.git("r", &["diff-index", "HEAD"]), "");
}

#[test]
fn the_files_and_the_index_follow_the_branch() {
    let box_ = Sandbox::new();
    let (repo, old, new) = ready(&box_);
    box_.write("r", "kept.txt", "kept\n");
    repo.advance_checked_out("main", old, new).unwrap();
    is_clean_at(&box_, new);
    assert!(!box_.path("r/gone").exists());
    repo.advance_checked_out("main", old, new).unwrap();
    is_clean_at(&box_, new);
}

#[test]
fn work_that_is_not_committed_stops_it_before_anything_moves() {
    type Prepare = fn(&Sandbox);
    let cases: [(&str, Prepare); 9] = [
        ("changed.txt", |b| b.write("r", "changed.txt", "mine\n")),
        ("changed.txt", |b| {
            b.write("r", "changed.txt", "mine\n");
            b.git("r", &["add", "-A"]);
            b.write("r", "changed.txt", "old\n");
        }),
        ("changed.txt", |b| {
            std::fs::remove_file(b.path("r/changed.txt")).unwrap();
            symlink("kept.txt", b.path("r/changed.txt")).unwrap();
        }),
        ("gone/away.txt", |b| b.write("r", "gone/away.txt", "mine\n")),
        ("new/deep/file.txt", |b| b.write("r", "new/deep/file.txt", "mine\n")),
        ("new/deep/file.txt", |b| b.write("r", "new/deep", "mine\n")),
        ("new/deep/file.txt", |b| symlink(b.path("elsewhere"), b.path("r/new")).unwrap()),
        ("folder-to-file", |b| b.write("r", "folder-to-file/mine", "mine\n")),
        ("link", |b| {
            std::fs::remove_file(b.path("r/link")).unwrap();
            symlink("mine", b.path("r/link")).unwrap();
        }),
    ];
    for (at, (path, prepare)) in cases.into_iter().enumerate() {
        let box_ = Sandbox::new();
        let (repo, old, new) = ready(&box_);
        std::fs::create_dir(box_.path("elsewhere")).unwrap();
        prepare(&box_);
        let before = box_.git("r", &["status", "--porcelain", "-uall"]);
        let error = repo.advance_checked_out("main", old, new).unwrap_err();
        assert!(matches!(&error, GitError::InTheWay { paths, .. } if paths == &[path]), "{at}: {error}");
        assert_eq!(box_.rev("r", "HEAD"), old, "{at}");
        assert_eq!(box_.git("r", &["status", "--porcelain", "-uall"]), before, "{at}");
        assert_eq!(std::fs::read_dir(box_.path("elsewhere")).unwrap().count(), 0);
    }
}

#[test]
fn other_work_of_the_user_is_left_alone() {
    let box_ = Sandbox::new();
    let (repo, old, new) = ready(&box_);
    box_.write("r", "kept.txt", "mine\n");
    box_.write("r", "untracked.txt", "mine\n");
    box_.write("r", "gone/mine.txt", "mine\n");
    box_.write("r", "staged.txt", "mine\n");
    box_.git("r", &["add", "staged.txt"]);
    repo.advance_checked_out("main", old, new).unwrap();
    let status = box_.git("r", &["status", "--porcelain", "-uall"]);
    assert_eq!(status, "M kept.txt\nA  staged.txt\n?? gone/mine.txt\n?? untracked.txt".replacen('M', " M", 1));
    // Line ends of another platform are no work.
    let box_ = Sandbox::new();
    let (repo, old, new) = ready(&box_);
    box_.git("r", &["config", "core.autocrlf", "true"]);
    box_.write("r", "changed.txt", "old\r\n");
    repo.advance_checked_out("main", old, new).unwrap();
    assert_eq!(box_.git("r", &["status", "--porcelain"]), "");
}

#[test]
fn a_crash_at_any_point_is_finished_by_the_next_call() {
    // Half of the files, all of them, or the index as well were written before the crash.
    for stage in 0..3 {
        let box_ = Sandbox::new();
        let (repo, old, new) = ready(&box_);
        let new_name = new.to_string();
        let half = ["changed.txt", "folder-to-file"];
        match stage {
            0 => {
                std::fs::remove_dir_all(box_.path("r/folder-to-file")).unwrap();
                std::fs::remove_file(box_.path("r/file-to-folder")).unwrap();
                for path in half {
                    let text = box_.git("r", &["show", &format!("{new_name}:{path}")]) + "\n";
                    box_.write("r", path, &text);
                }
                script(&box_.path("r/changed.txt"), "new\n");
            }
            1 => {
                box_.git("r", &["checkout", "-q", "--detach", &new_name]);
                box_.git("r", &["symbolic-ref", "HEAD", "refs/heads/main"]);
                box_.git("r", &["read-tree", &old.to_string()]);
            }
            _ => {
                box_.git("r", &["checkout", "-q", "--detach", &new_name]);
                box_.git("r", &["symbolic-ref", "HEAD", "refs/heads/main"]);
            }
        }
        assert_eq!(box_.rev("r", "HEAD"), old);
        repo.advance_checked_out("main", old, new).unwrap();
        is_clean_at(&box_, new);
    }
}

#[test]
fn a_move_that_was_cut_off_is_ended_before_another_commit_is_made() {
    let box_ = Sandbox::new();
    let (repo, old, new) = ready(&box_);
    // As after a kill: the note is there, and a file is written.
    box_.git("r", &["update-ref", "refs/monkeytown/moving/main", &new.to_string()]);
    std::fs::remove_file(box_.path("r/file-to-folder")).unwrap();
    assert_eq!(repo.finish_moves().unwrap(), [("main".to_owned(), new)]);
    is_clean_at(&box_, new);
    assert_eq!(repo.finish_moves().unwrap(), []);
    // What stands elsewhere by now is not gone back to, and other branches are not touched.
    box_.git("r", &["update-ref", "refs/monkeytown/moving/main", &new.to_string()]);
    box_.git("r", &["update-ref", "refs/monkeytown/moving/other", &new.to_string()]);
    assert_eq!(repo.finish_moves().unwrap(), []);
    is_clean_at(&box_, new);
    assert_eq!(repo.references("refs/monkeytown/moving/").unwrap(), [("refs/monkeytown/moving/other".to_owned(), new)]);
    assert!(repo.advance_checked_out("main", old, old).unwrap_err().is_raced(), "it was built on another tip");
    is_clean_at(&box_, new);
}

#[test]
fn other_checkouts_and_unfinished_merges_are_respected() {
    let box_ = Sandbox::new();
    let (repo, old, new) = ready(&box_);
    box_.git("r", &["worktree", "add", "-q", "-b", "side", "../linked"]);
    let error = repo.advance_checked_out("side", old, new).unwrap_err();
    assert!(matches!(&error, GitError::CheckedOut { path, .. } if *path == box_.path("linked")), "{error}");
    // From inside the linked working tree it is the main one that is respected.
    let linked = box_.open("linked");
    assert!(matches!(linked.advance_checked_out("main", old, new), Err(GitError::CheckedOut { .. })));
    linked.advance_checked_out("side", old, new).unwrap();
    assert_eq!(box_.git("linked", &["status", "--porcelain"]), "");
    assert_eq!(box_.rev("linked", "HEAD"), new);
    // A branch that nobody has checked out just moves; a missing one is named.
    box_.git("r", &["branch", "free", &old.to_string()]);
    repo.advance_checked_out("free", old, new).unwrap();
    assert_eq!(repo.tip("refs/heads/free").unwrap(), Some(new));
    assert!(matches!(repo.advance_checked_out("nope", old, new), Err(GitError::NoReference { .. })));
    std::fs::write(box_.path("r/.git/MERGE_HEAD"), format!("{old}\n")).unwrap();
    assert!(matches!(repo.advance_checked_out("main", old, new), Err(GitError::Unfinished { .. })));
}

#[test]
fn a_path_that_must_not_be_written_stops_it() {
    let box_ = Sandbox::new();
    let (repo, old, _) = ready(&box_);
    let blob = repo.write_blob(b"evil").unwrap();
    let mut bytes = b"100644 config\0".to_vec();
    bytes.extend_from_slice(blob.as_bytes());
    let odb = repo.git().odb().unwrap();
    let inner = odb.write(git2::ObjectType::Tree, &bytes).unwrap();
    let mut bytes = b"40000 .git\0".to_vec();
    bytes.extend_from_slice(inner.as_bytes());
    let tree = odb.write(git2::ObjectType::Tree, &bytes).unwrap();
    let author = crate::git::propose::author(&"madchimp".parse().unwrap());
    let new = repo.commit(tree, &NewCommit { parents: &[old], message: "x", author: &author, seconds: 1 }).unwrap();
    assert!(matches!(repo.advance_checked_out("main", old, new), Err(GitError::BadPath { .. })));
    assert_eq!(box_.git("r", &["status", "--porcelain"]), "");
}
