//! References that move only from where they were seen.

use super::*;
use crate::git::GitError;

#[test]
fn a_reference_moves_only_from_where_it_was_seen() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    let two = box_.save("r", "two");
    let name = "refs/heads/agent/a";
    repo.set_reference(name, one, None, "made").unwrap();
    assert!(repo.set_reference(name, two, None, "again").unwrap_err().is_raced());
    assert!(repo.set_reference(name, one, Some(two), "stale").unwrap_err().is_raced());
    repo.set_reference(name, two, Some(one), "moved").unwrap();
    assert_eq!(repo.tip(name).unwrap(), Some(two));
    assert!(repo.delete_reference(name, one).unwrap_err().is_raced());
    repo.delete_reference(name, two).unwrap();
    repo.delete_reference(name, two).unwrap();
    assert!(repo.set_reference(name, two, Some(two), "gone").unwrap_err().is_raced());
    assert!(matches!(repo.set_reference("refs/heads/a..b", one, None, ""), Err(GitError::BadReference { .. })));
}

#[test]
fn of_many_who_race_for_a_reference_one_wins_each_round() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let commits: Vec<Oid> = (0..5).map(|step| box_.save("r", &step.to_string())).collect();
    repo.set_reference("refs/x/raced", commits[0], None, "").unwrap();
    for round in 1..commits.len() {
        let barrier = std::sync::Barrier::new(4);
        let wins: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let repo = box_.open("r");
                        barrier.wait();
                        let (from, to) = (Some(commits[round - 1]), commits[round]);
                        match repo.set_reference("refs/x/raced", to, from, "") {
                            Ok(()) => 1,
                            Err(error) => {
                                assert!(error.is_raced(), "{error:?}");
                                0
                            }
                        }
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(wins, 1, "round {round}");
    }
}

#[test]
fn a_branch_that_is_checked_out_anywhere_is_refused_with_the_place() {
    let box_ = Sandbox::new();
    let repo = box_.init("r");
    let one = box_.save("r", "one");
    box_.git("r", &["worktree", "add", "-q", "-b", "side", "../linked"]);
    for (branch, place) in [("main", "r"), ("side", "linked")] {
        let error = repo.set_branch(branch, one, Some(one), "").unwrap_err();
        assert!(matches!(&error, GitError::CheckedOut { path, .. } if *path == box_.path(place)), "{error}");
    }
    repo.set_branch("free", one, None, "").unwrap();
    // A working tree that is gone holds nothing.
    std::fs::remove_dir_all(box_.path("linked")).unwrap();
    repo.set_branch("side", one, Some(one), "").unwrap();
    // A bare repository's HEAD is no checkout.
    box_.git(".", &["clone", "-q", "--bare", "r", "bare.git"]);
    let bare = box_.open("bare.git");
    bare.set_branch("main", one, Some(one), "").unwrap();
}
