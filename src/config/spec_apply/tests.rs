//! Tests of writing to a working directory: every moment of dying, and what others leave behind.

use super::*;

fn work(base: &Path) -> Work {
    let put = |path: &str, text: &str| {
        let place = base.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    };
    put("openspec/specs/a/spec.md", "old");
    put("openspec/specs/b/c/spec.md", "gone");
    put("openspec/changes/go/proposal.md", "p");
    let bytes = |text: &str| Some(Arc::from(text.as_bytes()));
    let file = |path: &str, before, after| FileWork { path: format!("openspec/specs/{path}/spec.md"), before, after };
    Work {
        files: vec![
            file("a", bytes("old"), bytes("new")),
            file("b/c", bytes("gone"), None),
            file("d/e", None, bytes("made")),
        ],
        moves: Some(("openspec/changes/go".to_owned(), "openspec/changes/archive/day-go".to_owned())),
    }
}

fn listed(base: &Path) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = vec![base.to_owned()];
    while let Some(folder) = open.pop() {
        let entries: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let name = |path: &Path| path.strip_prefix(base).unwrap().to_string_lossy().replace('\\', "/");
        if entries.is_empty() {
            found.push(format!("{}/", name(&folder)));
        }
        for path in entries {
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(format!("{}={}", name(&path), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

const BEFORE: [&str; 3] =
    ["openspec/changes/go/proposal.md=p", "openspec/specs/a/spec.md=old", "openspec/specs/b/c/spec.md=gone"];
const AFTER: [&str; 3] = [
    "openspec/changes/archive/day-go/proposal.md=p",
    "openspec/specs/a/spec.md=new",
    "openspec/specs/d/e/spec.md=made",
];

/// A process that dies at a step: what it leaves behind is what a panic in that step leaves.
#[test]
fn whatever_step_it_dies_at_the_next_run_ends_it() {
    for at in ["staged", "moved", "written 0", "written 1", "written 2"] {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_owned();
        let work = work(&base);
        let died = std::panic::catch_unwind(|| {
            let (bench, _) = Bench::open(&base, "openspec", None).unwrap();
            let _ = bench.apply(&work, "go", &|step| assert!(step != at));
        });
        assert!(died.is_err(), "{at}");
        let (_, ended) = Bench::open(&base, "openspec", None).unwrap();
        assert_eq!(ended.map(|ended| ended.name).as_deref(), Some("go"), "{at}");
        assert_eq!(listed(&base), AFTER, "{at}");
    }
}

#[test]
fn before_the_journal_is_written_nothing_has_happened() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let work = work(base);
    let stage = base.join("openspec/changes").join(STAGE);
    fs::create_dir_all(&stage).unwrap();
    fs::write(stage.join("0"), "ne").unwrap();
    let (bench, ended) = Bench::open(base, "openspec", None).unwrap();
    assert_eq!((ended, listed(base)), (None, BEFORE.map(str::to_owned).to_vec()));
    bench.apply(&work, "go", &|_| {}).unwrap();
    assert_eq!(listed(base), AFTER);
}

#[test]
fn what_fails_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let work = work(base);
    let (bench, _) = Bench::open(base, "openspec", None).unwrap();
    // Somebody edits a spec at the worst moment.
    let meddle = |step: &str| {
        if step == "written 0" {
            fs::write(base.join("openspec/specs/b/c/spec.md"), "mine").unwrap();
        }
    };
    let error = bench.apply(&work, "go", &meddle).unwrap_err();
    assert!(error.to_string().contains("b/c/spec.md was changed"), "{error}");
    assert_eq!(listed(base), BEFORE.map(|line| line.replace("=gone", "=mine")));
    let error = bench.apply(&work, "go", &|_| {}).unwrap_err();
    assert!(matches!(error, ApplyError::Changed { .. }), "{error}");
    fs::write(base.join("openspec/specs/b/c/spec.md"), "gone").unwrap();
    fs::create_dir_all(base.join("openspec/changes/archive/day-go")).unwrap();
    let error = bench.apply(&work, "go", &|_| {}).unwrap_err();
    assert!(matches!(error, ApplyError::Taken { .. }), "{error}");
}

#[test]
fn what_was_interrupted_never_overwrites_what_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().to_owned();
    let work = work(&base);
    let died = std::panic::catch_unwind(|| {
        let (bench, _) = Bench::open(&base, "openspec", None).unwrap();
        let _ = bench.apply(&work, "go", &|step| assert!(step != "moved"));
    });
    assert!(died.is_err());
    fs::write(base.join("openspec/specs/a/spec.md"), "mine").unwrap();
    let error = Bench::open(&base, "openspec", None).unwrap_err();
    assert!(matches!(error, ApplyError::Interrupted { .. }), "{error}");
    assert_eq!(fs::read_to_string(base.join("openspec/specs/a/spec.md")).unwrap(), "mine");
    fs::remove_dir_all(base.join("openspec/changes").join(STAGE)).unwrap();
    assert!(Bench::open(&base, "openspec", None).is_ok());
}

/// Leaves a journal with one file staged.
fn leave(stage: &Path, journal: &str) {
    fs::create_dir_all(stage).unwrap();
    fs::write(stage.join("0"), "new").unwrap();
    fs::write(stage.join(JOURNAL), journal).unwrap();
}

#[test]
fn a_journal_that_names_anything_else_is_refused_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let base = &folder.path().join("town");
    work(base);
    fs::write(folder.path().join("victim"), "v").unwrap();
    fs::write(base.join("README.md"), "r").unwrap();
    let stage = base.join("openspec/changes").join(STAGE);
    let outside = folder.path().join("victim").display().to_string();
    let file = |path: &str, before: Option<&str>| {
        let before = before.map(|text| print(text.as_bytes()));
        let after = print(b"new");
        serde_json::json!({"version": 1, "name": "go", "moves": null,
            "files": [{"path": path, "before": before, "after": after}]})
        .to_string()
    };
    let moving = |from: &str, to: &str| {
        serde_json::json!({"version": 1, "name": "go", "files": [], "moves": [from, to]}).to_string()
    };
    let go = "openspec/changes/go";
    for journal in [
        file(&outside, Some("v")),
        file("../victim", Some("v")),
        file("openspec/specs/../../../victim", Some("v")),
        file("README.md", Some("r")),
        file("openspec/config.yaml", None),
        file("openspec/specs//made", None),
        moving("../victim", "openspec/changes/archive/x"),
        moving(go, "../x"),
        moving(go, "x"),
        moving(go, &outside),
        moving(go, "openspec/changes/go/x"),
        moving("openspec/changes/archive", "openspec/x"),
        file("openspec/specs/a/spec.md", Some("old")).replace("\"version\":1", "\"version\":2"),
        String::new(),
        "[]".to_owned(),
    ] {
        leave(&stage, &journal);
        let error = Bench::open(base, "openspec", None).unwrap_err();
        let ApplyError::Interrupted { stage: named, .. } = &error else { panic!("{journal}: {error}") };
        assert!(error.to_string().contains("then remove that folder") && *named == stage, "{error}");
        fs::remove_dir_all(&stage).unwrap();
        let now: Vec<String> = listed(base).into_iter().filter(|line| line != "README.md=r").collect();
        assert_eq!(now, BEFORE, "{journal}");
        assert_eq!(fs::read_to_string(folder.path().join("victim")).unwrap(), "v");
    }
    // With a private folder, what a commit brings along is not even read.
    let private = tempfile::tempdir().unwrap();
    leave(&stage, &file("openspec/specs/a/spec.md", Some("old")));
    let (_, ended) = Bench::open(base, "openspec", Some(private.path())).unwrap();
    assert_eq!(ended, None);
    assert_eq!(fs::read_to_string(base.join("openspec/specs/a/spec.md")).unwrap(), "old");
}

#[test]
fn the_stage_is_private_and_belongs_to_one_folder() {
    let private = tempfile::tempdir().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let todo = work(one.path());
    work(other.path());
    let died = std::panic::catch_unwind(|| {
        let (bench, _) = Bench::open(one.path(), "openspec", Some(private.path())).unwrap();
        let _ = bench.apply(&todo, "go", &|step| assert!(step != "moved"));
    });
    assert!(died.is_err());
    assert!(!one.path().join("openspec/changes").join(STAGE).exists());
    assert_eq!(Bench::open(other.path(), "openspec", Some(private.path())).unwrap().1, None);
    let ended = Bench::open(one.path(), "openspec", Some(private.path())).unwrap().1;
    assert_eq!(ended.and_then(|ended| ended.to).as_deref(), Some("openspec/changes/archive/day-go"));
    assert_eq!(listed(one.path()), AFTER);
    assert_eq!(listed(other.path()), BEFORE);
}

/// Another branch was checked out since, or the change was brought back.
#[test]
fn a_journal_that_no_longer_fits_is_given_up() {
    for is_back in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_owned();
        let todo = work(&base);
        let died = std::panic::catch_unwind(|| {
            let (bench, _) = Bench::open(&base, "openspec", None).unwrap();
            let _ = bench.apply(&todo, "go", &|step| assert!(step != "moved"));
        });
        assert!(died.is_err());
        let moved = base.join("openspec/changes/archive/day-go");
        if is_back {
            fs::create_dir(base.join("openspec/changes/go")).unwrap();
            fs::copy(moved.join("proposal.md"), base.join("openspec/changes/go/proposal.md")).unwrap();
        } else {
            fs::remove_dir_all(&moved).unwrap();
        }
        let ended = Bench::open(&base, "openspec", None).unwrap().1.unwrap();
        assert!(ended.is_dropped && ended.to.is_none() && ended.said().contains("given up"), "{ended:?}");
        assert_eq!(fs::read_to_string(base.join("openspec/specs/a/spec.md")).unwrap(), "old");
        assert_eq!(Bench::open(&base, "openspec", None).unwrap().1, None);
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let base = folder.path();
    let todo = work(base);
    let archive = base.join("openspec/changes/archive");
    std::os::unix::fs::symlink(outside.path(), &archive).unwrap();
    let (bench, _) = Bench::open(base, "openspec", None).unwrap();
    let error = bench.apply(&todo, "go", &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("openspec/changes/archive leads outside of the repository"), "{error}");
    fs::remove_file(archive).unwrap();
    std::os::unix::fs::symlink(outside.path(), base.join("openspec/specs/d")).unwrap();
    let error = bench.apply(&todo, "go", &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("openspec/specs/d leads outside"), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::remove_file(base.join("openspec/specs/d")).unwrap();
    assert_eq!(listed(base), BEFORE);
}
