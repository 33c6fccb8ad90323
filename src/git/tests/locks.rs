//! Locks that killed processes left, and locks that others hold.

use std::fs::{self, File};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use super::*;
use crate::git::GitError;
use crate::git::journal::{self, Journal};
use crate::town::decide::{self, Command as Decision};
use crate::town::envelope::Stamp;

/// Puts a lock below the git folder of `r`, written so many seconds ago.
fn leave(box_: &Sandbox, lock: &str, seconds: u64) -> PathBuf {
    let path = box_.path("r/.git").join(lock);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = File::create(&path).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - Duration::from_secs(seconds)).unwrap();
    path
}

// covers: journal#an-append-is-decided-again-after-a-lost-race/a-killed-process-left-git-s-lock
#[test]
fn an_append_meets_a_lock_that_a_killed_process_left() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    box_.save("r", "one");
    let journal = Journal::new(&repo, None);
    let time = "2026-11-21T08:00:00Z".parse().unwrap();
    let append = |random| {
        let stamp = Stamp { time, source: "/towns/r".into(), random };
        let decided = |town: &_| {
            let (by, reason) = ("human:ada".into(), "again".into());
            let frozen: &crate::town::fold::Town = town;
            let command = match frozen.frozen {
                Some(_) => Decision::Thaw { by, reason },
                None => Decision::Freeze { by, reason },
            };
            decide::decide(town, &command, time)
        };
        journal.append(&stamp, decided).map(|appended| appended.tip.at.seq)
    };
    // Before the branch exists, and after.
    for seq in 1..=2 {
        let lock = leave(&box_, &format!("{}.lock", journal::reference()), 3);
        assert_eq!(append(u128::from(seq) << 8).unwrap(), seq);
        assert!(!lock.exists());
    }
    // What cannot be taken away is named, once and for all of the attempts that an append makes.
    let lock = box_.path("r/.git").join(format!("{}.lock", journal::reference()));
    fs::create_dir(&lock).unwrap();
    File::open(&lock).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let error = append(9 << 8).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} is there", lock.display())), "{error}");
    assert!(lock.is_dir());
}

#[test]
fn a_lock_on_what_is_ours_is_taken_away_once_nobody_can_hold_it() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    let two = box_.save("r", "two");
    box_.git("r", &["worktree", "add", "-q", "--detach", "../linked"]);
    for repo in [repo, box_.open("linked")] {
        for name in [
            "refs/heads/agent/a",
            "refs/remotes/origin/agent/a",
            "refs/remotes/origin/monkeytown/journal",
            "refs/monkeytown/checkpoints/a",
        ] {
            let stale = || leave(&box_, &format!("{name}.lock"), 5);
            stale();
            repo.set_reference(name, one, None, "made").unwrap();
            stale();
            repo.force_reference(name, two, "forced").unwrap();
            stale();
            repo.delete_reference(name, two).unwrap();
            assert_eq!(repo.tip(name).unwrap(), None);
        }
    }
}

#[test]
fn a_lock_on_a_branch_of_people_is_never_taken_away() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    for name in [
        "refs/heads/main",
        "refs/heads/feature/agent/a",
        "refs/heads/monkeytown/other",
        "refs/remotes/origin/main",
        "refs/remotes/origin/feature/agent/a",
        "refs/tags/agent/a",
    ] {
        let lock = leave(&box_, &format!("{name}.lock"), 100_000);
        let error = repo.force_reference(name, one, "forced").unwrap_err();
        assert!(matches!(&error, GitError::LockedReference { lock: found } if *found == lock), "{name}: {error}");
        assert!(lock.exists(), "{name}");
    }
}

#[test]
fn a_lock_that_somebody_holds_is_waited_for() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    for name in ["refs/heads/agent/a", "refs/heads/feature"] {
        let lock = leave(&box_, &format!("{name}.lock"), 0);
        let (tell, told) = channel();
        std::thread::scope(|scope| {
            let held = &lock;
            scope.spawn(move || {
                // Two attempts were in vain.
                told.iter().take(2).for_each(drop);
                fs::remove_file(held).unwrap();
            });
            let written = repo.past_lock(name, || {
                let result = repo.git().reference(name, one, false, "made");
                let result = result.map(|_| ()).map_err(|_| GitError::LockedReference { lock: PathBuf::new() });
                // Nobody listens to the last.
                let _ = tell.send(());
                result
            });
            written.unwrap();
        });
        assert_eq!(repo.tip(name).unwrap(), Some(one));
    }
}

#[test]
fn a_lock_from_the_future_is_as_old_as_it_was_looked_at_and_of_a_link_only_the_link_goes() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    let future = leave(&box_, "refs/heads/agent/a.lock", 0);
    let moment = File::open(&future).unwrap().metadata().unwrap().modified().unwrap() + Duration::from_secs(1_000_000);
    File::options().write(true).open(&future).unwrap().set_modified(moment).unwrap();
    let precious = box_.path("precious");
    fs::write(&precious, "kept").unwrap();
    std::os::unix::fs::symlink(&precious, box_.path("r/.git/refs/heads/agent/b.lock")).unwrap();
    // Both are waited for, so they are waited for together.
    std::thread::scope(|scope| {
        let other = box_.open("r");
        scope.spawn(move || other.force_reference("refs/heads/agent/b", one, "forced").unwrap());
        repo.force_reference("refs/heads/agent/a", one, "forced").unwrap();
    });
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    assert_eq!(box_.git("r", &["for-each-ref", "--format=%(refname)", "refs/heads/agent"]).lines().count(), 2);
}

#[test]
fn a_deletion_meets_the_lock_of_the_packed_references() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    for name in ["refs/monkeytown/runs/a", "refs/monkeytown/runs/b"] {
        repo.set_reference(name, one, None, "made").unwrap();
    }
    box_.git("r", &["pack-refs", "--all"]);
    let lock = leave(&box_, "packed-refs.lock", 60);
    repo.delete_reference("refs/monkeytown/runs/a", one).unwrap();
    assert!(!lock.exists());
    let left = box_.git("r", &["for-each-ref", "--format=%(refname)", "refs/monkeytown"]);
    assert_eq!(left, "refs/monkeytown/runs/b");
    // Nothing that people own is worth it.
    let lock = leave(&box_, "packed-refs.lock", 60);
    assert!(matches!(repo.delete_reference("refs/heads/main", one), Err(GitError::LockedReference { .. })));
    assert!(lock.exists());
}
