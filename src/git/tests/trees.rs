//! Trees built without an index are the trees that git itself would build.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::git::GitError;
use crate::git::objects::{Author, NewCommit, TreeChange};
use crate::town::changeset::Mode;

fn tree(repo: &Repo, base: Option<Oid>, changes: &[(&str, Option<&str>)]) -> Oid {
    let write = |text: &&str| (Mode::File, repo.write_blob(text.as_bytes()).unwrap());
    let changes: BTreeMap<String, TreeChange> =
        changes.iter().map(|(path, text)| ((*path).to_owned(), text.as_ref().map(write))).collect();
    repo.tree_with(base, &changes).unwrap()
}

fn paths(repo: &Repo, tree: Oid) -> String {
    repo.paths(tree).unwrap().join(" ")
}

#[test]
fn files_and_folders_replace_each_other_and_empty_folders_go() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let base = tree(&repo, None, &[("a/b/c", Some("1")), ("a/d", Some("2")), ("e", Some("3"))]);
    type Case = (&'static [(&'static str, Option<&'static str>)], &'static str);
    let cases: [Case; 9] = [
        (&[("a/b/c", None)], "a/d e"),
        (&[("a/b/c", None), ("a/d", None)], "e"),
        (&[("a", Some("x"))], "a e"),
        (&[("a", Some("x")), ("a/d", None)], "a e"),
        (&[("e/f", Some("x"))], "a/b/c a/d e/f"),
        (&[("e", None), ("e/f", Some("x"))], "a/b/c a/d e/f"),
        (&[("e/f", None), ("nothing", None), ("a", None)], "a/b/c a/d e"),
        (&[("e", None), ("e/f", None)], "a/b/c a/d"),
        (&[("a/b/c", None), ("a/d", None), ("e", None)], ""),
    ];
    for (changes, expected) in cases {
        assert_eq!(paths(&repo, tree(&repo, Some(base), changes)), expected, "{changes:?}");
    }
    assert_eq!(tree(&repo, None, &[]), repo.empty_tree().unwrap());
    let blob = repo.write_blob(b"x").unwrap();
    let both = ["a", "a/b"].map(|path| (path.to_owned(), Some((Mode::File, blob))));
    assert!(repo.tree_with(None, &both.into()).is_err());
    for wrong in ["", "/a", "a/", "a//b", "../a", "a/./b", "a/.GIT/x", "a\0b"] {
        let changes = [(wrong.to_owned(), Some((Mode::File, blob)))].into();
        assert!(matches!(repo.tree_with(None, &changes), Err(GitError::BadPath { .. })), "{wrong:?}");
    }
    let deep = vec!["d"; 600].join("/");
    let changes = [(deep, Some((Mode::File, blob)))].into();
    assert!(matches!(repo.tree_with(None, &changes), Err(GitError::TooDeep { .. })));
}

#[test]
fn a_change_of_kind_is_a_change_and_bytes_that_are_no_text_are_shown() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let blob = repo.write_blob(b"x").unwrap();
    let one = tree(&repo, None, &[("a", Some("x")), ("b/c", Some("x")), ("d", Some("x"))]);
    let executable = [("a".to_owned(), Some((Mode::Executable, blob)))].into();
    let two = repo.tree_with(Some(one), &executable).unwrap();
    let two = tree(&repo, Some(two), &[("b", Some("y")), ("d/e", Some("x"))]);
    let changes = repo.changes_between(Some(one), Some(two)).unwrap();
    let shown: Vec<(&str, Option<Mode>, Option<Mode>)> =
        changes.iter().map(|c| (c.path.as_str(), c.before.map(|b| b.0), c.after.map(|a| a.0))).collect();
    let file = Some(Mode::File);
    let expected = [
        ("a", file, Some(Mode::Executable)),
        ("b", None, file),
        ("b/c", file, None),
        ("d", file, None),
        ("d/e", None, file),
    ];
    assert_eq!(shown, expected);

    let mut builder = repo.git().treebuilder(None).unwrap();
    builder.insert(&b"caf\xe9 \xc3\xa9"[..], blob, 0o100_644).unwrap();
    assert_eq!(paths(&repo, builder.write().unwrap()), "caf\\xE9 é");
}

#[test]
fn commits_are_the_same_for_the_same_words_and_git_accepts_them() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let author = Author { name: "Ada".into(), email: "ada@example.invalid".into() };
    let tree = tree(&repo, None, &[("a", Some("x"))]);
    let new = NewCommit { parents: &[], message: "one\n", author: &author, seconds: 1_795_000_000 };
    let commit = repo.commit(tree, &new).unwrap();
    assert_eq!(repo.commit(tree, &new).unwrap(), commit);
    assert_eq!(commit.to_string(), box_.git("r", &["commit-tree", "-m", "one", &tree.to_string()]));
    assert_eq!(repo.entry(tree, "a").unwrap().unwrap().0, Mode::File);
    assert_eq!(repo.read_path(tree, "a").unwrap().unwrap(), b"x");
    assert!(repo.entry(tree, "a/b").unwrap().is_none() && repo.entry(tree, "b").unwrap().is_none());
}

#[test]
fn what_would_be_pushed_includes_what_a_later_commit_removed() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    box_.write("r", "kept.txt", "old\n");
    box_.write("r", "gone.txt", "bye\n");
    let base = box_.save("r", "base");
    box_.write("r", "secret.txt", "hush\n");
    let middle = box_.save("r", "oops");
    std::fs::remove_file(box_.path("r/secret.txt")).unwrap();
    std::fs::remove_file(box_.path("r/gone.txt")).unwrap();
    box_.write("r", "kept.txt", "new\n");
    let head = box_.save("r", "fixed");
    let content = repo.proposal(base, head, &[base]).unwrap();
    let paths: Vec<&str> = content.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["gone.txt", "kept.txt"]);
    assert_eq!(&*content.changes[1].before.as_ref().unwrap().bytes, b"old\n");
    assert_eq!(&*content.changes[1].after.as_ref().unwrap().bytes, b"new\n");
    assert!(content.changes[0].after.is_none());
    assert_eq!(content.tree, ["kept.txt"]);
    let hidden: Vec<_> = content.hidden.iter().map(|b| (b.commit.to_string(), b.path.as_str(), &*b.bytes)).collect();
    assert_eq!(hidden, [(middle.to_string(), "secret.txt", &b"hush\n"[..])]);
    // What the remote has already is not pushed again.
    assert!(repo.proposal(base, head, &[middle]).unwrap().hidden.is_empty());
    // A merge brings in only what none of its parents had.
    box_.git("r", &["checkout", "-q", "-b", "side", &base.to_string()]);
    box_.write("r", "side.txt", "side\n");
    let side = box_.save("r", "side");
    box_.git("r", &["merge", "-q", "--no-edit", &head.to_string()]);
    let merge = box_.rev("r", "HEAD");
    assert!(repo.blobs_between(&[head, side], merge).unwrap().is_empty());
    let blobs = repo.blobs_between(&[head], merge).unwrap();
    assert_eq!(blobs.iter().map(|b| (b.commit, b.path.as_str())).collect::<Vec<_>>(), [(side, "side.txt")]);
}

#[test]
fn an_absurd_proposal_is_refused_before_it_is_read() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let base = box_.save("r", "base");
    let blob = repo.write_blob(&vec![b'x'; 42 * 1024 * 1024]).unwrap();
    let tree = repo.tree_with(None, &[("big".to_owned(), Some((Mode::File, blob)))].into()).unwrap();
    let author = Author { name: "Ada".into(), email: "ada@example.invalid".into() };
    let head = repo.commit(tree, &NewCommit { parents: &[base], message: "big", author: &author, seconds: 1 }).unwrap();
    let error = repo.proposal(base, head, &[base]).unwrap_err();
    assert!(matches!(error, GitError::TooLarge { .. }), "{error}");
}

#[test]
fn a_tree_that_names_itself_again_and_again_does_not_fill_the_memory() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let mut tree = tree(&repo, None, &[("leaf", Some("x"))]);
    for _ in 0..20 {
        let mut builder = repo.git().treebuilder(None).unwrap();
        for name in 0..10 {
            builder.insert(format!("d{name}"), tree, 0o040_000).unwrap();
        }
        tree = builder.write().unwrap();
    }
    assert!(matches!(repo.paths(tree), Err(GitError::TooLarge { .. })));
    assert!(matches!(repo.changes_between(None, Some(tree)), Err(GitError::TooLarge { .. })));
    assert!(repo.changes_between(Some(tree), Some(tree)).unwrap().is_empty());
}

/// A step of a random history: each path is written (executable or not, with some content) or removed.
type Step = Vec<(String, Option<(bool, u8)>)>;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = prop::sample::select(vec!["a", "b", "a.b", "a-b", "é"]);
    let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let change = prop::option::weighted(0.7, (any::<bool>(), 0_u8..3));
    prop::collection::vec(prop::collection::vec((path, change), 1..8), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn trees_are_those_of_git_write_tree_and_differences_those_of_git_diff_tree(steps in steps()) {
        let box_ = Sandbox::new();
        let repo = box_.init("r");
        let mut base = repo.empty_tree().unwrap();
        for step in steps {
            let mut changes: BTreeMap<String, TreeChange> = BTreeMap::new();
            let before = base.to_string();
            box_.git("r", &["read-tree", &before]);
            for (path, change) in step {
                // A path cannot be a file and a folder in one step.
                if changes.keys().any(|p| p.starts_with(&format!("{path}/")) || path.starts_with(&format!("{p}/")) || *p == path) {
                    continue;
                }
                let change = change.map(|(executable, text)| {
                    let mode = if executable { Mode::Executable } else { Mode::File };
                    (mode, repo.write_blob(&[text]).unwrap())
                });
                match change {
                    Some((mode, blob)) => {
                        let mode = if mode == Mode::Executable { "100755" } else { "100644" };
                        let info = format!("{mode},{blob},{path}");
                        box_.git("r", &["update-index", "--add", "--replace", "--cacheinfo", &info]);
                    }
                    None => { box_.git("r", &["update-index", "--force-remove", &path]); }
                }
                changes.insert(path, change);
            }
            let next = repo.tree_with(Some(base), &changes).unwrap();
            prop_assert_eq!(next.to_string(), box_.git("r", &["write-tree"]));
            let args = ["-c", "core.quotePath=false", "diff-tree", "-r", "--name-only", &before, &next.to_string()];
            let mut expected: Vec<String> = box_.git("r", &args).lines().map(str::to_owned).collect();
            expected.sort();
            let found: Vec<String> =
                repo.changes_between(Some(base), Some(next)).unwrap().into_iter().map(|c| c.path).collect();
            prop_assert_eq!(found, expected);
            base = next;
        }
    }
}
