//! A run's workspace: tricks with paths, the way to disk and back, and that nothing is lost on the way.

use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::*;
use crate::git::GitError;
use crate::git::workspace::Workspace;
use crate::town::changeset::Mode;

/// A repository with a plain file, an executable, a folder, a link to the folder and one that leads out.
fn workspace(box_: &Sandbox) -> Workspace {
    box_.init("r");
    box_.write("r", "plain.txt", "plain\n");
    box_.write("r", "docs/a.md", "a\n");
    box_.write("r", "docs/deep/b.md", "b\n");
    script(&box_.path("r/run.sh"), "#!/bin/sh\n");
    symlink("docs", box_.path("r/linked")).unwrap();
    symlink("../../outside", box_.path("r/docs/out")).unwrap();
    let start = box_.save("r", "start");
    Workspace::new(&box_.open("r"), start).unwrap()
}

fn text(workspace: &Workspace, path: &str) -> Option<String> {
    workspace.read(path).unwrap().map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned())
}

#[test]
fn reads_and_lists_see_what_was_written_and_the_checkout_sees_nothing() {
    let box_ = Sandbox::new();
    let mut files = workspace(&box_);
    assert_eq!(text(&files, "docs/a.md").unwrap(), "a\n");
    assert_eq!(files.read("linked").unwrap().unwrap().mode, Mode::Link);
    assert!(files.read("docs").unwrap().is_none() && files.read("linked/a.md").unwrap().is_none());
    files.write("docs/c.md", b"c\n").unwrap();
    files.write("run.sh", b"#!/bin/sh\nexit 1\n").unwrap();
    files.delete("docs/a.md").unwrap();
    files.rename("plain.txt", "notes/plain.txt").unwrap();
    assert_eq!(files.list("docs").unwrap(), ["docs/c.md", "docs/deep/b.md", "docs/out"]);
    assert_eq!(files.list_matching(|path| path.ends_with(".txt")).unwrap(), ["notes/plain.txt"]);
    assert_eq!(files.changed(), ["docs/a.md", "docs/c.md", "notes/plain.txt", "plain.txt", "run.sh"]);
    assert_eq!(files.read("run.sh").unwrap().unwrap().mode, Mode::Executable);
    assert_eq!((files.size("docs/c.md").unwrap(), files.size("docs/a.md").unwrap()), (Some(2), None));
    // What is changed back is no change.
    files.write("docs/a.md", b"a\n").unwrap();
    files.rename("notes/plain.txt", "plain.txt").unwrap();
    assert!(files.delete("docs/c.md").unwrap() && !files.delete("docs/c.md").unwrap());
    files.write("run.sh", b"#!/bin/sh\n").unwrap();
    assert!(files.changed().is_empty());
    assert_eq!(files.tree().unwrap(), files.repo().tree_of(files.start()).unwrap());
    assert_eq!(box_.git("r", &["status", "--porcelain"]), "");
}

#[test]
fn tricks_with_paths_are_refused_and_the_path_is_named() {
    let box_ = Sandbox::new();
    let mut files = workspace(&box_);
    let tricks = [
        ("linked/new.md", "linked is a symbolic link"),
        ("plain.txt/x", "plain.txt is a file"),
        ("linked", "symbolic link"),
        ("docs/out", "symbolic link"),
        ("docs", "folder"),
        ("docs/deep", "folder"),
        ("owned/../other", "upwards"),
        ("..", "upwards"),
        ("/etc/passwd", "relative"),
        ("", "plain names"),
        ("a//b", "plain names"),
        ("./a", "plain names"),
        ("a/", "plain names"),
        ("a\0b", "plain names"),
        (".git/config", "git's own"),
        ("sub/.GIT/hooks/x", "git's own"),
    ];
    for (path, why) in tricks {
        let errors = [files.write(path, b"x").unwrap_err(), files.rename("run.sh", path).unwrap_err()];
        for error in &errors {
            assert!(matches!(error, GitError::BadPath { .. }), "{path:?}: {error}");
        }
        assert!(errors[0].to_string().contains(why), "{path:?}: {}", errors[0]);
    }
    assert!(files.write(&"d/".repeat(600), b"x").is_err() && files.write(&"x".repeat(5000), b"x").is_err());
    assert!(files.rename("missing", "x").is_err() && files.rename("run.sh", "plain.txt").is_err());
    assert!(files.delete("docs").is_err());
    assert!(files.changed().is_empty());
    // A link may go, and then a file or a folder may stand there.
    files.delete("linked").unwrap();
    files.write("linked/new.md", b"x").unwrap();
    files.rename("plain.txt", "plain.txt/inner").unwrap();
    assert!(files.write("linked", b"x").is_err());
    files.delete("docs/a.md").unwrap();
    files.delete("docs/out").unwrap();
    assert!(files.write("docs", b"x").is_err());
    files.delete("docs/deep/b.md").unwrap();
    files.write("docs", b"x").unwrap();
    assert_eq!(files.list("").unwrap(), ["docs", "linked/new.md", "plain.txt/inner", "run.sh"]);
    assert_eq!(files.repo().paths(files.tree().unwrap()).unwrap(), files.list("").unwrap());
}

#[test]
fn a_runaway_is_stopped_before_it_fills_the_memory() {
    let box_ = Sandbox::new();
    let mut files = workspace(&box_);
    let chunk = vec![b'x'; 15 * 1024 * 1024];
    files.write("a", &chunk).unwrap();
    files.write("b", &chunk).unwrap();
    files.write("b", &chunk).unwrap();
    assert!(matches!(files.write("c", &chunk), Err(GitError::TooLarge { .. })));
    assert_eq!(files.changed(), ["a", "b"]);
}

#[test]
fn a_workspace_goes_to_disk_and_back_and_only_true_changes_return() {
    let box_ = Sandbox::new();
    let mut files = workspace(&box_);
    files.write("docs/c.md", b"c\r\n\0\xff").unwrap();
    files.delete("docs/a.md").unwrap();
    let dir = box_.path("disk");
    let done = files.materialise(&dir).unwrap();
    assert_eq!((done.files, done.links_as_text.as_slice()), (6, &["docs/out".to_owned()][..]));
    assert_eq!(std::fs::read(dir.join("docs/c.md")).unwrap(), b"c\r\n\0\xff");
    assert_eq!(std::fs::read_to_string(dir.join("docs/out")).unwrap(), "../../outside");
    assert_eq!(std::fs::read_link(dir.join("linked")).unwrap().to_str(), Some("docs"));
    assert_ne!(std::fs::metadata(dir.join("run.sh")).unwrap().permissions().mode() & 0o111, 0);
    assert!(files.materialise(&dir).is_err());

    let everything = |_: &str| true;
    assert_eq!(files.absorb(&dir, &everything).unwrap(), crate::git::folder::Absorbed::default());
    std::fs::remove_file(dir.join("plain.txt")).unwrap();
    box_.write("disk", "plain.txt/now-a-folder", "x");
    box_.write("disk", "docs/a.md", "a\n");
    box_.write("disk", ".git/config", "hidden");
    box_.write("disk", "sub/.git/config", "hidden");
    box_.write("disk", "target/debug/one", "x");
    box_.write("disk", "target/debug/two", "x");
    symlink("/etc/passwd", dir.join("evil")).unwrap();
    std::fs::set_permissions(dir.join("docs/deep/b.md"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
    let wanted = |path: &str| !path.starts_with("target/") && path != "run.sh";
    std::fs::remove_file(dir.join("run.sh")).unwrap();
    let done = files.absorb(&dir, &wanted).unwrap();
    assert_eq!(done.changed, ["docs/a.md", "docs/deep/b.md", "evil", "plain.txt", "plain.txt/now-a-folder"]);
    assert_eq!((done.links, done.special), (vec!["evil".to_owned()], vec!["socket".to_owned()]));
    assert_eq!(done.unwanted, ["run.sh", "target/"]);
    // `docs/a.md` came back as it was at the start, so it is no change any more.
    let expected = ["docs/c.md", "docs/deep/b.md", "evil", "plain.txt", "plain.txt/now-a-folder"];
    assert_eq!(files.changed(), expected);
    let evil = files.read("evil").unwrap().unwrap();
    assert_eq!((evil.mode, &*evil.bytes), (Mode::Link, &b"/etc/passwd"[..]));
}

#[test]
fn a_tree_made_by_hand_writes_nothing_outside_its_folder() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let start = box_.save("r", "start");
    let blob = repo.write_blob(b"evil").unwrap();
    // git2 refuses to build such trees, so this one is written byte by byte.
    let raw = |entries: &[(&str, &str, Oid)]| {
        let mut bytes = Vec::new();
        for (mode, name, oid) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend_from_slice(oid.as_bytes());
        }
        repo.git().odb().unwrap().write(git2::ObjectType::Tree, &bytes).unwrap()
    };
    let inner = raw(&[("100644", "config", blob), ("100644", "escaped", blob)]);
    let up = repo.write_blob(b"..").unwrap();
    let to_link = repo.write_blob(b"way/../..").unwrap();
    let here = repo.write_blob(b".").unwrap();
    let tree = raw(&[
        ("40000", "..", inner),
        ("40000", ".git", inner),
        ("100644", "a/../../escaped", blob),
        ("120000", "sneaky", to_link),
        ("120000", "twin", up),
        ("40000", "twin", inner),
        ("120000", "way", here),
    ]);
    let files = Workspace::from_tree(&repo, start, tree);
    // Resuming from such a tree names the path or takes only what is harmless; both leave the disk alone.
    if let Ok(files) = files {
        files.materialise(&box_.path("resumed")).unwrap();
    }
    let author = crate::git::propose::author(&"madchimp".parse().unwrap());
    let new = crate::git::objects::NewCommit { parents: &[], message: "x", author: &author, seconds: 1 };
    let commit = repo.commit(tree, &new).unwrap();
    let files = Workspace::new(&repo, commit).unwrap();
    let done = files.materialise(&box_.path("deep/disk")).unwrap();
    let skipped: Vec<&str> = done.skipped.iter().map(|(path, _)| path.as_str()).collect();
    for hostile in ["../config", "../escaped", ".git/config", "a/../../escaped"] {
        assert!(skipped.contains(&hostile), "{hostile}: {skipped:?}");
    }
    assert!(!box_.path("deep/escaped").exists() && !box_.path("escaped").exists());
    assert!(!box_.path("deep/disk/.git").exists());
    assert!(std::fs::symlink_metadata(box_.path("deep/disk/sneaky")).unwrap().is_file());
    let mut files = files;
    assert!(files.absorb(&box_.path("deep/disk"), &|_| true).unwrap().links.is_empty());
}

/// Something that a run does.
#[derive(Clone, Debug)]
enum Act {
    Write(String, u8),
    Delete(String),
    Rename(String, String),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let name = prop::sample::select(vec!["a", "b", "c", "a.b", "é"]);
    let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let act = prop_oneof![
        3 => (path.clone(), 0_u8..3).prop_map(|(path, text)| Act::Write(path, text)),
        2 => path.clone().prop_map(Act::Delete),
        1 => (path.clone(), path).prop_map(|(from, to)| Act::Rename(from, to)),
    ];
    prop::collection::vec(act, 1..30)
}

fn act(files: &mut Workspace, acts: &[Act]) {
    for one in acts {
        // Refused acts are part of the story: they must leave everything as it was.
        let before = files.overlay().clone();
        let refused = match one {
            Act::Write(path, text) => files.write(path, &[*text]).is_err(),
            Act::Delete(path) => files.delete(path).is_err(),
            Act::Rename(from, to) => files.rename(from, to).is_err(),
        };
        assert!(!refused || *files.overlay() == before, "{one:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_checkpoint_brings_back_the_same_workspace(first in acts(), second in acts()) {
        let box_ = Sandbox::new();
        let repo = box_.init("r");
        let author = crate::git::propose::author(&"madchimp".parse().unwrap());
        let new = crate::git::objects::NewCommit { parents: &[], message: "x", author: &author, seconds: 1 };
        let empty = repo.commit(repo.empty_tree().unwrap(), &new).unwrap();
        let mut files = Workspace::new(&repo, empty).unwrap();
        act(&mut files, &first);
        let start = repo.commit(files.tree().unwrap(), &new).unwrap();

        let mut files = Workspace::new(&repo, start).unwrap();
        act(&mut files, &second);
        let tree = files.tree().unwrap();
        let again = Workspace::from_tree(&repo, start, tree).unwrap();
        prop_assert_eq!(again.overlay(), files.overlay());
        prop_assert_eq!(again.tree().unwrap(), tree);
        prop_assert_eq!(files.list("").unwrap(), repo.paths(tree).unwrap());

        let disk = box_.path("disk");
        files.materialise(&disk).unwrap();
        let mut fresh = Workspace::new(&repo, start).unwrap();
        fresh.absorb(&disk, &|_| true).unwrap();
        prop_assert_eq!(fresh.overlay(), files.overlay());
    }
}
